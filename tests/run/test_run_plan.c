/* tests/run/test_run_plan.c: what a run by a plan leaves behind: values that were dropped, computed again or not; views; leaves that are overwritten;
 * and what is still there when a kernel fails in the middle.
 *
 * SPDX-License-Identifier: MIT */
#include "run/random_tape.h"

#include <stdlib.h>
#include <string.h>

enum { N = 64 };

static tg_tape *new_tape(tg_keep_policy policy) {
    tg_tape *tape = tg_tape_new();
    ck_assert(!tg_set_keep(tape, policy));
    return tape;
}

/* An input of n numbers 1, 2, 3, ... */
static tg_tensor counting(tg_tape *tape, int64_t n) {
    double values[N];
    for (int64_t i = 0; i < n; i++)
        values[i] = (double)i + 1;
    tg_tensor x = tg_input(tape, NULL, TG_F64, TG_SHAPE(n));
    ck_assert(!tg_write(x, values, n));
    return x;
}

static tg_tensor kept(tg_tensor x) {
    ck_assert(!tg_keep(x));
    return x;
}

static double element(tg_tensor x, int i) {
    const double *values = tg_data(x);
    ck_assert_msg(values, "%s", tg_error(x.tape));
    return values[i];
}

/* ---- what was dropped -------------------------------------------------------------------------------------------- */

/* w = 3, y = w + 1 and its square, of which only that is kept. */
typedef struct formula {
    tg_tape  *tape;
    tg_tensor w, y, square;
} formula;

static formula new_formula(void) {
    formula f = {.tape = new_tape(TG_KEEP_ASKED)};
    f.w = kept(tg_parameter(f.tape, "w", 3.0));
    f.y = tg_add(f.w, 1);
    f.square = kept(tg_square(f.y));
    return f;
}

static void check_lost(const formula *f, tg_tensor x) {
    ck_assert(tg_data(x) == NULL && tg_error_status(f->tape) == TG_ERR_VALUE);
    ck_assert_msg(strstr(tg_error(f->tape), "operand 2 (add at ") &&
                      strstr(tg_error(f->tape), "was overwritten by an assign before it was needed"),
                  "%s", tg_error(f->tape));
    tg_clear_error(f->tape);
}

START_TEST(it_is_lost_when_an_assign_has_overwritten_a_leaf) {
    formula f = new_formula();
    ck_assert(tg_item(f.square) == 16 && !tg_assign(f.w, 5) && tg_item(f.w) == 5);
    check_lost(&f, kept(tg_sub(f.w, f.y)));
    tg_tape_free(f.tape);
}
END_TEST

/* All of it is that of the new w, never a mixture. */
START_TEST(it_is_computed_afresh_when_a_leaf_was_written) {
    formula f = new_formula();
    ck_assert(tg_item(f.square) == 16 && !tg_write(f.w, &(double){5}, 1));
    ck_assert(!tg_backward(f.square));
    ck_assert(tg_item(tg_grad(f.w)) == 12);
    ck_assert(!tg_run(f.tape));
    ck_assert(tg_item(tg_grad(f.w)) == 12);
    tg_tape_free(f.tape);
}
END_TEST

START_TEST(and_when_an_update_was_made_and_forgotten) {
    formula f = new_formula();
    tg_mark mark = tg_tape_mark(f.tape);
    ck_assert(!tg_backward(f.square) && !tg_sgd_step(f.tape, 0.5) && !tg_rewind(f.tape, mark));
    ck_assert(tg_item(f.w) == -1 && !tg_backward(f.square));
    ck_assert(tg_item(tg_grad(f.w)) == 0);
    tg_tape_free(f.tape);
}
END_TEST

START_TEST(a_write_before_the_pass_does_no_harm) {
    formula f = new_formula();
    ck_assert(tg_item(f.square) == 16 && !tg_write(f.w, &(double){5}, 1) && !tg_run(f.tape) && !tg_backward(f.square));
    ck_assert(tg_item(tg_grad(f.w)) == 12);
    tg_tape_free(f.tape);
}
END_TEST

/* Of what stays in registers nothing tells when it was computed. */
START_TEST(what_was_computed_after_a_write_is_not_computed_again) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = counting(tape, N);
    ck_assert(element(tg_neg(x), 0) == -1);
    ck_assert(!tg_write(x, ((double[N]){2}), N));
    tg_tensor y = balky(tg_mish(x), 1), g;
    ck_assert(!tg_vjp(tape, 1, &y, NULL, 1, &x, &g)); /* after which no rule needs what is inside */
    double first = element(y, 0);
    ck_assert_double_eq_tol(first, 2 * tanh(log1p(exp(2))), 1e-15);
    failing = 1; /* it would show */
    ck_assert(element(tg_add(y, 1), 0) == first + 1);
    failing = 0;
    tg_tape_free(tape);
}
END_TEST

START_TEST(nor_does_one_before_the_recording) {
    tg_tape  *tape = new_tape(TG_KEEP_ASKED);
    tg_tensor w = tg_parameter(tape, "w", 3.0);
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 0; i < 3; i++) {
        double    number = i;
        tg_tensor square = kept(tg_square(tg_add(tg_mul(w, 1), 1)));
        ck_assert(i == 0 || tg_item(square) == number * number);
        ck_assert(tg_data(square) && !tg_backward(square));
        ck_assert(i == 0 || tg_item(tg_grad(w)) == 2 * number);
        ck_assert(tg_data(square) && !tg_write(w, &number, 1) && !tg_rewind(tape, mark));
    }
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_forgotten_gradient_can_be_taken_again) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", VECTOR(tape, 1, 2)), y = tg_softmax(w, 0), loss = tg_sum(tg_square(y));
    tg_mark   mark = tg_tape_mark(tape);
    double    grads[2][2];
    for (int i = 0; i < 2; i++) {
        ck_assert(!tg_run(tape) && !tg_backward(loss) && !tg_read(tg_grad(w), grads[i], 2));
        ck_assert(!tg_rewind(tape, mark));
    }
    ck_assert_mem_eq(grads[0], grads[1], sizeof grads[0]);
    ck_assert(!tg_run(tape) && !tg_write(w, ((double[]){7, 7}), 2)); /* what the rules have saved is of the old w */
    ck_assert(!tg_backward(loss) && !tg_read(tg_grad(w), grads[1], 2));
    ck_assert(grads[1][0] == 0 && grads[1][1] == 0);
    tg_tape_free(tape);
}
END_TEST

/* ---- failures in the middle -------------------------------------------------------------------------------------- */

static void blow(tg_tensor x) {
    failing = 1;
    ck_assert(tg_data(x) == NULL && tg_error_status(x.tape) == TG_ERR_VALUE);
    tg_clear_error(x.tape);
    failing = 0;
}

START_TEST(what_the_rest_needs_is_still_there) {
    tg_tape  *tape = new_tape(TG_KEEP_ASKED);
    tg_tensor x = counting(tape, N), sum = tg_cumsum(x, 0), n = tg_input(tape, NULL, TG_F64, TG_SHAPE());
    ck_assert(!tg_assign(n, tg_add(n, 1)));
    tg_tensor y = kept(tg_add(balky(x, 1), sum));
    blow(y);
    blow(y);
    ck_assert(element(y, 2) == 3 + 6 && tg_item(n) == 1);
    tg_tape_free(tape);
}
END_TEST

/* Runs that find their values bound do not mark them: what a failure keeps from being computed is not there any more. */
START_TEST(what_comes_after_a_failure_is_not_that_of_the_run_before) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = counting(tape, N), before = tg_cumsum(x, 0), y = balky(before, 1), after = tg_cumsum(y, 0);
    for (int i = 0; i < 3; i++)
        ck_assert(!tg_run(tape) && element(after, 1) == 4);
    ck_assert(!tg_write(x, ((double[N]){5}), N));
    failing = 1;
    ck_assert_int_eq(tg_run(tape), TG_ERR_VALUE);
    failing = 0;
    tg_clear_error(tape);
    ck_assert(((const double *)tg_peek(before))[1] == 5);
    ck_assert_ptr_null(tg_peek(after));
    tg_clear_error(tape);
    ck_assert(element(after, 1) == 10);
    ck_assert(!tg_run(tape) && element(after, 1) == 10);
    tg_tape_free(tape);
}
END_TEST

/* The place of the first sum is by then another's. */
START_TEST(what_was_overwritten_is_not) {
    tg_tape  *tape = new_tape(TG_KEEP_ASKED);
    tg_tensor x = counting(tape, N), first = tg_cumsum(x, 0), last = first;
    for (int i = 0; i < 4; i++)
        last = tg_cumsum(last, 0);
    tg_tensor y = kept(balky(last, 1));
    blow(y);
    tg_tensor late = kept(tg_neg(first));
    ck_assert(element(late, 0) == -1 && element(late, 1) == -3 && element(late, 2) == -6);
    ck_assert(element(y, 1) == 7);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_view_of_what_was_left_goes_with_it) {
    tg_tape  *tape = new_tape(TG_KEEP_ASKED);
    tg_tensor x = counting(tape, N), sum = tg_cumsum(x, 0), y = balky(x, 1), view = tg_flip(sum, TG_AXES(0));
    tg_tensor z = kept(tg_cumsum(tg_add(view, y), 0));
    blow(z);
    ck_assert(element(z, 0) == 2080 + 1);
    for (int length = 1; length < 12; length++) { /* the memory has other uses now */
        tg_tensor other = x;
        for (int i = 0; i < length; i++)
            other = tg_cumsum(other, 0);
        ck_assert(element(kept(other), 1) == 2 + length);
    }
    ck_assert(element(kept(tg_cumsum(view, 0)), 1) == 2080 + 2016);
    tg_tape_free(tape);
}
END_TEST

START_TEST(but_not_when_it_was_to_be_kept) {
    tg_tape  *tape = new_tape(TG_KEEP_ASKED);
    tg_tensor x = counting(tape, N), sum = tg_cumsum(x, 0), y = kept(tg_add(balky(x, 1), sum));
    blow(y);
    tg_tensor view = kept(tg_flip(sum, TG_AXES(0)));
    ck_assert(element(y, 1) == 2 + 3);
    kept(tg_cumsum(tg_cumsum(tg_mul(x, 1000), 0), 0));
    ck_assert(element(view, 0) == 2080);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_view_behind_the_failure_shows_what_its_base_holds_then) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = counting(tape, 4), matrix = tg_reshape(w, TG_SHAPE(2, 2)), y = balky(w, 1),
              view = tg_flip(matrix, TG_AXES(0));
    ck_assert(!tg_assign(w, tg_mul(w, 10)));
    blow(y);
    ck_assert(!tg_write(w, ((double[]){5, 6, 7, 8}), 4));
    CHECK_F64(matrix, 1, 2, 3, 4);
    CHECK_F64(view, 7, 8, 5, 6); /* it has not run yet, and sees what was written */
    CHECK_F64(y, 5, 6, 7, 8);
    CHECK_F64(w, 50, 60, 70, 80);
    tg_tape_free(tape);
}
END_TEST

/* ---- values made in the leaf that they are assigned to ----------------------------------------------------------- */

enum { LONG = 20000 }; /* more than a tile, and worth threads */

static tg_tensor long_vector(tg_tape *tape, double first) {
    tg_tensor x = tg_input(tape, NULL, TG_F64, TG_SHAPE(LONG));
    double   *values = malloc(LONG * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (int i = 0; i < LONG; i++)
        values[i] = first + i;
    ck_assert(!tg_write(x, values, LONG));
    free(values);
    return x;
}

static void check_long(tg_tensor x, double first, double step) {
    for (int i = 0; i < LONG; i += 777)
        ck_assert_double_eq(element(x, i), first + step * i);
}

START_TEST(what_reads_the_old_value_in_between_still_sees_it) {
    tg_tape  *tape = new_tape(TG_KEEP_ASKED);
    tg_tensor w = long_vector(tape, 1);
    tg_tensor twice = tg_mul(w, 2), old = kept(tg_add(w, 0.5)), shown = kept(tg_reshape(w, TG_SHAPE(LONG, 1)));
    ck_assert(!tg_assign(w, twice));
    tg_tensor new = kept(tg_add(w, twice));
    check_long(old, 1.5, 1);
    check_long(shown, 1, 1);
    check_long(w, 2, 2);
    check_long(new, 4, 4);
    ck_assert_int_eq(tg_stats(tape).groups, 1);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_product_reads_the_weights_of_its_place) {
    enum { ROWS = 3000 };
    tg_tape  *tape = new_tape(TG_KEEP_ASKED);
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(ROWS, 8), 1), w = tg_input(tape, NULL, TG_F64, TG_SHAPE(8, 8));
    double    ones[8 * 8];
    for (int i = 0; i < 64; i++)
        ones[i] = 1;
    ck_assert(!tg_write(w, ones, 64) && !tg_run(tape));
    tg_tensor before = kept(tg_neg(tg_matmul(x, w)));
    ck_assert(!tg_assign(w, tg_mul(w, 2)));
    tg_tensor after = kept(tg_neg(tg_matmul(x, w)));
    for (int i = 0; i < ROWS * 8; i += 13) {
        ck_assert_double_eq(element(before, i), -8);
        ck_assert_double_eq(element(after, i), -16);
    }
    tg_tape_free(tape);
}
END_TEST

/* Each row is several tiles, and so is the row that is assigned to all. */
START_TEST(one_long_row_is_assigned_to_all_rows) {
    tg_tape  *tape = new_tape(TG_KEEP_ASKED);
    tg_tensor row = long_vector(tape, 1), w = tg_input(tape, NULL, TG_F64, TG_SHAPE(3, LONG));
    ck_assert(!tg_run(tape) && !tg_assign(w, row));
    tg_tensor sum = kept(tg_add(tg_full(tape, TG_F64, TG_SHAPE(3, LONG), 1), row));
    for (int i = 0; i < 3 * LONG; i += 777) {
        ck_assert_double_eq(element(w, i), 1 + i % LONG);
        ck_assert_double_eq(element(sum, i), 2 + i % LONG);
    }
    tg_tape_free(tape);
}
END_TEST

START_TEST(two_leaves_may_have_one_value_and_change_places) {
    tg_tape  *tape = new_tape(TG_KEEP_ASKED);
    tg_tensor a = long_vector(tape, 1), b = long_vector(tape, 2), c = long_vector(tape, 3), d = long_vector(tape, 4);
    tg_tensor from_a = tg_mul(a, 10), from_b = tg_mul(b, 100), sum = tg_add(tg_add(a, c), d);
    ck_assert(!tg_assign(a, from_b) && !tg_assign(b, from_a) && !tg_assign(c, sum) && !tg_assign(d, sum));
    check_long(a, 200, 100);
    check_long(b, 10, 10);
    check_long(c, 8, 3);
    check_long(d, 8, 3);
    ck_assert_int_eq(tg_stats(tape).groups, 1);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_value_that_is_kept_or_needed_later_has_memory_of_its_own) {
    tg_tape  *tape = new_tape(TG_KEEP_ASKED);
    tg_tensor w = long_vector(tape, 1), v = long_vector(tape, 2);
    tg_tensor w_next = kept(tg_mul(w, 2)), v_next = tg_mul(v, 3);
    ck_assert(!tg_assign(w, w_next) && !tg_assign(v, v_next) && !tg_assign(w, 0) && !tg_assign(v, 1));
    tg_tensor turned = kept(tg_flip(v_next, TG_AXES(0))); /* in another group */
    check_long(w_next, 2, 2);
    check_long(turned, 6 + 3.0 * (LONG - 1), -3);
    check_long(w, 0, 0);
    check_long(v, 1, 0);
    tg_tape_free(tape);
}
END_TEST

/* ---- too much ------------------------------------------------------------------------------------------------------ */

/* What each takes can be counted, and not what all take together. The sums go over whole rows, and so need whole values. */
START_TEST(values_that_are_too_large_together_are_an_error) {
    tg_tape  *tape = new_tape(TG_KEEP_ASKED);
    tg_tensor one = counting(tape, 1), large[4], sum = one;
    for (int i = 0; i < 4; i++)
        large[i] = tg_cumsum(tg_broadcast_to(tg_add(one, i), TG_SHAPE(LARGEST_SIZE)), 0);
    for (int i = 0; i < 4; i++)
        sum = tg_add(sum, tg_sum(large[i]));
    kept(sum);
    FAILS(tape, tg_run(tape), TG_ERR_MEMORY, "run: out of memory");
    tg_tape_free(tape);
}
END_TEST

/* ---- views ------------------------------------------------------------------------------------------------------- */

/* The bits of a sum depend on how its operand lies: a view of a view that has its copy is shown in that, not copied again. */
START_TEST(a_view_of_a_detached_view_lies_as_one_by_one) {
    double sums[2];
    for (int eager = 0; eager < 2; eager++) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor w = counting(tape, N), view = tg_slice(w, 0, 0, 60, 1);
        double    thirds[N];
        for (int i = 0; i < N; i++)
            thirds[i] = (i + 1) / 3.0;
        ck_assert(!tg_write(w, thirds, N) && !tg_set_eager(tape, eager));
        ck_assert(!tg_assign(w, 0));
        tg_tensor wide = tg_broadcast_to(view, TG_SHAPE(33, 60));
        sums[eager] = tg_item(tg_sum(wide));
        ck_assert(element(wide, 61) == thirds[1] && element(w, 0) == 0);
        tg_tape_free(tape);
    }
    ck_assert_mem_eq(&sums[0], &sums[1], sizeof sums[0]);
}
END_TEST

Suite *suite_run_plan(void) {
    Suite *suite = suite_create("run/run plan");
    TCase *dropped = tcase_create("dropped"), *failures = tcase_create("failures"), *in_place = tcase_create("in place");
    tcase_add_test(failures, values_that_are_too_large_together_are_an_error);
    tcase_add_test(dropped, a_view_of_a_detached_view_lies_as_one_by_one);
    tcase_add_test(dropped, it_is_lost_when_an_assign_has_overwritten_a_leaf);
    tcase_add_test(dropped, it_is_computed_afresh_when_a_leaf_was_written);
    tcase_add_test(dropped, and_when_an_update_was_made_and_forgotten);
    tcase_add_test(dropped, a_write_before_the_pass_does_no_harm);
    tcase_add_test(dropped, what_was_computed_after_a_write_is_not_computed_again);
    tcase_add_test(dropped, nor_does_one_before_the_recording);
    tcase_add_test(dropped, a_forgotten_gradient_can_be_taken_again);
    tcase_add_test(failures, what_the_rest_needs_is_still_there);
    tcase_add_test(failures, what_comes_after_a_failure_is_not_that_of_the_run_before);
    tcase_add_test(failures, what_was_overwritten_is_not);
    tcase_add_test(failures, a_view_of_what_was_left_goes_with_it);
    tcase_add_test(failures, but_not_when_it_was_to_be_kept);
    tcase_add_test(failures, a_view_behind_the_failure_shows_what_its_base_holds_then);
    tcase_add_test(in_place, what_reads_the_old_value_in_between_still_sees_it);
    tcase_add_test(in_place, a_product_reads_the_weights_of_its_place);
    tcase_add_test(in_place, one_long_row_is_assigned_to_all_rows);
    tcase_add_test(in_place, two_leaves_may_have_one_value_and_change_places);
    tcase_add_test(in_place, a_value_that_is_kept_or_needed_later_has_memory_of_its_own);
    suite_add_tcase(suite, dropped);
    suite_add_tcase(suite, failures);
    suite_add_tcase(suite, in_place);
    return suite;
}
