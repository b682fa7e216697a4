/* tests/run/test_plan.c: what is planned, found again and dropped, as tg_stats tells it; and eager mode.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/values.h"

/* ---- plans found again ------------------------------------------------------------------------------------------- */

/* A step of descent towards 3; rows of them in one vector. */
static double step(tg_tape *tape, tg_tensor w, double rate) {
    tg_tensor loss = tg_sum(tg_square(tg_sub(w, 3)));
    tg_backward(loss);
    tg_sgd_step(tape, rate);
    return tg_item(loss);
}

START_TEST(a_step_recorded_again_finds_its_plan_whatever_its_numbers) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = PARAMETER(tape, "w", 1, 2);
    tg_mark   mark = tg_tape_mark(tape);
    double    loss = 5;
    for (int i = 0; i < 10; i++) {
        double rate = 0.25 / (i + 1), left = 1 - 2 * rate;
        ck_assert_double_eq_tol(step(tape, w, rate), loss, 1e-12);
        ck_assert(!tg_rewind(tape, mark));
        loss *= left * left;
    }
    tg_figures f = tg_stats(tape);
    ck_assert_int_eq(f.plans, 2); /* up to the update, and the update */
    ck_assert_int_eq(f.plan_hits, 18);
    finish(tape);
}
END_TEST

START_TEST(the_same_step_twice_without_a_rewind_has_one_plan_and_two_results) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = PARAMETER(tape, "w", 1, 2, 3), x[3];
    for (int i = 0; i < 3; i++) {
        x[i] = tg_exp(tg_mul(w, 0.5));
        CHECK_F64(x[i], exp(0.5), exp(1), exp(1.5));
    }
    CHECK_F64(x[0], exp(0.5), exp(1), exp(1.5));
    ck_assert(tg_data(x[0]) != tg_data(x[1]));
    ck_assert_int_eq(tg_stats(tape).plans, 1);
    ck_assert_int_eq(tg_stats(tape).plan_hits, 2);
    finish(tape);
}
END_TEST

/* Segments of as many instructions, each of which differs from another in one thing: an operand that is another's, or read twice, an op, an
 * attribute, where a view from outside shows, what is kept. p and q are a[0] and a[1]. */
enum { VARIANTS = 8 };

static tg_tensor variant(int which, tg_tensor a, tg_tensor b, tg_tensor p, tg_tensor q) {
    switch (which) {
    case 0: return tg_sum(tg_add(tg_mul(a, b), a));
    case 1: return tg_sum(tg_add(tg_mul(a, a), a));
    case 2: return tg_sum(tg_add(tg_mul(a, b), b));
    case 3: return tg_sum(tg_sub(tg_mul(a, b), a));
    case 4: return tg_sum(tg_mul(tg_slice(a, 0, 0, 1, 1), b));
    case 5: return tg_sum(tg_mul(tg_slice(a, 0, 1, 2, 1), b));
    case 6: return tg_sum(tg_mul(tg_neg(p), b));
    default: return tg_sum(tg_mul(tg_neg(q), b));
    }
}

START_TEST(no_segment_is_taken_for_one_that_differs_in_one_thing) {
    const double a0 = 2, a1 = 3, a2 = 5, b0 = 4, b1 = 6, b2 = 7, b_sum = b0 + b1 + b2;
    const double sums[VARIANTS] = {a0 * b0 + a1 * b1 + a2 * b2 + a0 + a1 + a2,
                                   a0 * a0 + a1 * a1 + a2 * a2 + a0 + a1 + a2,
                                   a0 * b0 + a1 * b1 + a2 * b2 + b0 + b1 + b2,
                                   a0 * b0 + a1 * b1 + a2 * b2 - a0 - a1 - a2,
                                   a0 * b_sum,
                                   a1 * b_sum,
                                   -a0 * b_sum,
                                   -a1 * b_sum};
    tg_tape     *tape = tg_tape_new();
    tg_tensor    a = PARAMETER(tape, "a", a0, a1, a2), b = PARAMETER(tape, "b", b0, b1, b2);
    tg_tensor    p = tg_slice(a, 0, 0, 1, 1), q = tg_slice(a, 0, 1, 2, 1);
    ck_assert(!tg_run(tape));
    int64_t before = tg_stats(tape).plans;
    tg_mark mark = tg_tape_mark(tape);
    for (int i = 0; i < VARIANTS; i++)
        for (int j = 0; j < VARIANTS; j++)
            for (int k = 0; k < 2; k++) {
                int which = k ? j : i;
                ck_assert_double_eq(tg_item(variant(which, a, b, p, q)), sums[which]);
                if ((i + j) % 3) ck_assert(!tg_rewind(tape, mark));
            }
    ck_assert_int_eq(tg_stats(tape).plans - before, VARIANTS);
    finish(tape);
}
END_TEST

/* Sums, views and joins of two numbers beside elementwise ops; `unkept` is read again after it has been dropped. */
static void run_small_values(bool eager, bool asked, double *found, tg_figures *figures) {
    tg_tape *tape = tg_tape_new();
    tg_set_eager(tape, eager);
    if (asked) tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor w = PARAMETER(tape, "w", 1, 2), x = w, unkept, y[3];
    for (int i = 0; i < 3; i++) {
        unkept = tg_mul(tg_flip(x, TG_AXES(0)), tg_sum(x));
        tg_tensor column = tg_reshape(unkept, TG_SHAPE(2, 1));
        y[i] = x = tg_stack(TG_LIST(tg_select(tg_sin(unkept), 0, 0), tg_sum(tg_select(column, 0, 1))), 0);
        tg_keep(y[i]);
        ck_assert_msg(!tg_read(y[i], found + 2 * i, 2), "%s", tg_error(tape));
    }
    figures[0] = tg_stats(tape);
    tg_tensor again = tg_cos(unkept);
    tg_keep(again);
    ck_assert_msg(!tg_read(again, found + 6, 2), "%s", tg_error(tape));
    ck_assert(!tg_write(w, (double[]){3, 5}, 2) && !tg_run(tape) && !tg_run(tape));
    ck_assert(!tg_read(y[2], found + 8, 2));
    figures[1] = tg_stats(tape);
    finish(tape);
}

START_TEST(small_values_run_without_a_plan_when_they_come_first) {
    enum { FOUND = 10 };
    double     found[2][FOUND];
    tg_figures figures[2][2];
    for (int eager = 0; eager < 2; eager++)
        run_small_values(eager, _i, found[eager], figures[eager]);
    ck_assert_mem_eq(found[0], found[1], sizeof found[0]);
    ck_assert(found[0][0] == sin(6) && found[0][1] == 3);
    ck_assert_int_eq(figures[0][0].plans, 0);
    ck_assert_int_gt(figures[0][1].plans, 0); /* of the tape that has run a second time */
}
END_TEST

START_TEST(another_shape_or_another_keep_is_another_plan) {
    tg_tape *tape = tg_tape_new();
    tg_mark  mark = tg_tape_mark(tape);
    for (int i = 0; i < 4; i++) {
        tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(i == 1 ? 4 : 3), 1);
        tg_set_keep(tape, i == 2 ? TG_KEEP_ASKED : TG_KEEP_RECORDED);
        tg_tensor y = tg_neg(tg_exp(x));
        tg_keep(y);
        ck_assert(!tg_run(tape) && !tg_rewind(tape, mark));
    }
    ck_assert_int_eq(tg_stats(tape).plans, 3);
    ck_assert_int_eq(tg_stats(tape).plan_hits, 1);
    finish(tape);
}
END_TEST

/* The first of many is used in between and stays; the second is not. */
/* A descent whose tape only grows: the operands of each step stand somewhere else, some near, some far. */
START_TEST(a_step_that_reads_the_step_before_finds_its_plan) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor target = F64(tape, 3, 4, 5), x = F64(tape, 0, 0, 0), g;
    for (int i = 0; i < 40; i++) {
        tg_tensor loss = tg_sum(tg_square(tg_sub(x, target)));
        ck_assert(!tg_vjp(tape, 1, &loss, NULL, 1, &x, &g));
        x = tg_sub(x, tg_mul(0.25, g));
        CHECK_F64(x, 3 - 3 * ldexp(1, -i - 1), 4 - 4 * ldexp(1, -i - 1), 5 - 5 * ldexp(1, -i - 1));
    }
    ck_assert_int_le(tg_stats(tape).plans, 3); /* the first reads a constant */
    ck_assert_int_ge(tg_stats(tape).plan_hits, 37);
    finish(tape);
}
END_TEST

/* The same segment with its operands exchanged, or the same one twice, is not mixed up. */
START_TEST(a_plan_reads_the_operands_of_the_segment_that_runs) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = PARAMETER(tape, "a", 5, 7, 9), b = PARAMETER(tape, "b", 2, 3, 4);
    CHECK_F64(tg_sub(a, b), 3, 4, 5);
    CHECK_F64(tg_sub(b, a), -3, -4, -5);
    CHECK_F64(tg_sub(a, a), 0, 0, 0);
    ck_assert_int_eq(tg_stats(tape).plans, 2);
    tg_tensor whole = PARAMETER(tape, "whole", 1, 2, 3, 4), first = tg_slice(whole, 0, 0, 2, 1),
              second = tg_slice(whole, 0, 2, 4, 1);
    CHECK_F64(first, 1, 2);
    CHECK_F64(second, 3, 4);
    CHECK_F64(tg_exp(first), exp(1), exp(2));
    CHECK_F64(tg_exp(second), exp(3), exp(4));
    ck_assert(!tg_run(tape));
    finish(tape);
}
END_TEST

START_TEST(two_parts_that_are_alike_share_a_plan_and_no_value) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = PARAMETER(tape, "a", 1, 2), b = PARAMETER(tape, "b", 3, 4), y[2];
    for (int i = 0; i < 2; i++) {
        tg_begin_part(tape, i ? "second" : "first");
        y[i] = tg_mul(i ? b : a, i ? b : a);
        tg_end_part(tape);
    }
    for (int round = 0; round < 3; round++) {
        ck_assert(!tg_run_part(tape, "first") && !tg_run_part(tape, "second"));
        CHECK_F64(y[1], 9, 16);
        CHECK_F64(y[0], round ? (round - 1) * (round - 1) : 1, round ? 100 : 4);
        tg_write(a, ((double[]){round, 10}), 2);
    }
    ck_assert_int_eq(tg_stats(tape).plans, 1);
    finish(tape);
}
END_TEST

START_TEST(the_plan_not_used_for_longest_goes_first) {
    tg_tape *tape = tg_tape_new();
    tg_mark  mark = tg_tape_mark(tape);
    for (int size = 3; size <= 102; size++)
        for (int again = 0; again < 2; again++) {
            tg_neg(tg_full(tape, TG_F64, TG_SHAPE(again ? 3 : size), 1));
            ck_assert(!tg_run(tape) && !tg_rewind(tape, mark));
        }
    int64_t plans = tg_stats(tape).plans;
    ck_assert_int_eq(plans, 100);
    for (int size = 3; size <= 4; size++) {
        tg_neg(tg_full(tape, TG_F64, TG_SHAPE(size), 1));
        ck_assert(!tg_run(tape) && !tg_rewind(tape, mark));
        ck_assert_int_eq(tg_stats(tape).plans, plans + size - 3);
    }
    finish(tape);
}
END_TEST

/* ---- figures ------------------------------------------------------------------------------------------------------ */

START_TEST(a_chain_takes_the_memory_of_two_links) {
    tg_tape *tape = tg_tape_new();
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(512, 512), 0.001), y = tg_full(tape, TG_F64, TG_SHAPE(16, 512), 1);
    for (int i = 0; i < 20; i++)
        y = tg_matmul(y, x);
    tg_tensor sum = tg_sum(y);
    ck_assert(!tg_keep(sum) && !tg_run(tape));
    ck_assert_int_eq((int64_t)tg_stats(tape).block_bytes, 2 * 16 * 512 * 8);
    ck_assert_int_eq(tg_stats(tape).kernels, 20);
    ck_assert_double_eq_tol(tg_item(sum) / (16 * 512 * pow(0.512, 20)), 1, 1e-12);
    finish(tape);
}
END_TEST

START_TEST(no_tape_has_no_figures) {
    tg_figures none = {0}, f = tg_stats(NULL);
    ck_assert_mem_eq(&f, &none, sizeof f);
}
END_TEST

/* Trains for some steps, recorded once or again in each, trimmed after each or not; what became of the parameter. */
static double trained(bool anew, bool trim) {
    tg_tape *tape = tg_tape_new();
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor w = tg_parameter(tape, "w", tg_rand(tape, TG_F64, TG_SHAPE(300))), loss = {0};
    tg_mark   mark = tg_tape_mark(tape);
    for (int step = 0; step < 6; step++) {
        if (anew || step == 0) {
            loss = tg_mean(tg_square(tg_sub(tg_sin(tg_mul(3, w)), tg_matmul(tg_exp(tg_reshape(w, TG_SHAPE(1, 300))), w))));
            ck_assert(!tg_keep(loss) && !tg_backward(loss) && !tg_adam_step(tape, 0.01, NULL));
        }
        ck_assert(!(anew ? tg_run_pending(tape) : tg_run(tape)));
        if (trim) tg_trim(tape);
        ck_assert(tg_item(loss) > 0);
        if (anew) ck_assert(!tg_rewind(tape, mark));
        if (trim) tg_trim(tape);
    }
    double sum = tg_item(tg_sum(w));
    CHECK_OK(tape);
    tg_tape_free(tape);
    return sum;
}

START_TEST(trimming_changes_no_bit) {
    ck_assert(trained(false, false) == trained(false, true));
    ck_assert(trained(true, false) == trained(true, true));
    tg_trim(NULL);
}
END_TEST

START_TEST(trimming_gives_back_what_was_rewound) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(10), 2), y = tg_exp(x);
    ck_assert(!tg_run(tape));
    size_t  few = tg_stats(tape).bytes;
    tg_mark mark = tg_tape_mark(tape);
    ck_assert(tg_item(tg_sum(tg_exp(tg_full(tape, TG_F64, TG_SHAPE(1 << 20), 0)))) == 1 << 20);
    size_t many = tg_stats(tape).bytes;
    ck_assert(!tg_rewind(tape, mark) && tg_stats(tape).bytes == many);
    tg_trim(tape);
    ck_assert(many > 8 << 20 && tg_stats(tape).bytes <= few && tg_stats(tape).peak_bytes == many);
    ck_assert(((const double *)tg_data(y))[9] == exp(2) && ((const double *)tg_data(x))[9] == 2);
    tg_tape_free(tape);
}
END_TEST

/* ---- values that are not kept ------------------------------------------------------------------------------------ */

START_TEST(what_was_dropped_is_computed_again) {
    tg_tape *tape = tg_tape_new();
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor w = PARAMETER(tape, "w", 1, 2), y = tg_exp(tg_square(w)), z = tg_sum(y);
    ck_assert(!tg_keep(z));
    CHECK_F64(z, exp(1) + exp(4));
    tg_tensor again = tg_mul(y, 2);
    ck_assert(!tg_keep(again));
    CHECK_F64(again, 2 * exp(1), 2 * exp(4));
    ck_assert(!tg_backward(z));
    CHECK_F64(tg_grad(w), 2 * exp(1), 4 * exp(4));
    finish(tape);
}
END_TEST

START_TEST(what_cannot_be_computed_again_is_an_error_that_says_how_to_keep_it) {
    tg_tape *tape = tg_tape_new();
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor w = PARAMETER(tape, "w", 1, 2), y = tg_exp(tg_square(w)), z = tg_sum(y);
    ck_assert(!tg_keep(z));
    CHECK_F64(z, exp(1) + exp(4));
    ck_assert(!tg_assign(w, 0));
    CHECK_F64(w, 0, 0);
    tg_tensor late = tg_sum(tg_mul(y, 2));
    ck_assert(!tg_keep(late) && isnan(tg_item(late)));
    CHECK_ERROR(tape, TG_ERR_VALUE, "mul: operand 1 (exp at ", "was overwritten", "tg_keep");
    ck_assert(!tg_run(tape)); /* from the start all is there */
    CHECK_F64(late, 4);
    finish(tape);
}
END_TEST

/* ---- eager mode -------------------------------------------------------------------------------------------------- */

START_TEST(eager_tapes_run_what_is_recorded) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = PARAMETER(tape, "w", 1, 2), before = tg_neg(w);
    ck_assert(!tg_set_eager(tape, true));
    tg_tensor y = tg_square(tg_add(w, 1));
    ck_assert(*(const double *)tg_peek(y) == 4 && *(const double *)tg_peek(before) == -1);
    ck_assert(!tg_write(w, (double[]){5, 6}, 2)); /* nobody has looked: it is as on any tape */
    CHECK_F64(before, -5, -6);
    CHECK_F64(y, 36, 49);
    ck_assert(!tg_write(w, (double[]){1, 1}, 2));
    CHECK_F64(y, 36, 49);
    ck_assert_int_eq(tg_stats(tape).plans, 0);
    ck_assert(!tg_set_eager(tape, false));
    y = tg_neg(w);
    ck_assert(!tg_write(w, (double[]){7, 8}, 2));
    CHECK_F64(y, -7, -8);
    finish(tape);
}
END_TEST

/* A read asks for what nobody has looked at, though it has run early. */
START_TEST(eager_values_are_there_for_who_asks) {
    tg_tape *tape = tg_tape_new();
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_set_eager(tape, true);
    CHECK_F64(tg_neg(tg_exp(tg_full(tape, TG_F64, TG_SHAPE(1), 0))), -1);
    finish(tape);
}
END_TEST

/* Updates are made once, in both. */
START_TEST(eager_steps_give_the_same_bits) {
    double losses[2][5];
    for (int eager = 0; eager < 2; eager++) {
        tg_tape *tape = tg_tape_new();
        tg_set_eager(tape, eager);
        tg_tensor w = tg_parameter(tape, "w", 1.0), x = tg_input(tape, "x", TG_F64, TG_SHAPE());
        tg_tensor loss = tg_square(tg_sub(tg_mul(w, x), 3));
        ck_assert(!tg_backward(loss) && !tg_adam_step(tape, 0.1, NULL) && !tg_write(x, &(double){1}, 1));
        for (int i = 0; i < 4; i++) {
            ck_assert_int_eq(tg_run(tape), TG_OK);
            losses[eager][i] = tg_item(loss);
        }
        losses[eager][4] = tg_item(w);
        finish(tape);
    }
    ck_assert_double_eq(losses[0][0], 4);
    ck_assert_mem_eq(losses[0], losses[1], sizeof losses[0]);
}
END_TEST

START_TEST(eager_errors_arrive_at_the_call) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2), rows = I64(tape, 0, 5);
    ck_assert(!tg_set_eager(tape, true));
    tg_take(x, rows, 0);
    CHECK_ERROR(tape, TG_ERR_INDEX, __FILE__, "take: ", "5");
    finish(tape);
}
END_TEST

START_TEST(the_environment_makes_tapes_eager) {
    set_environment("TAPEGRAD_EAGER", "1");
    tg_tape *tape = tg_tape_new();
    set_environment("TAPEGRAD_EAGER", NULL);
    tg_tensor w = PARAMETER(tape, "w", 1, 2), y = tg_neg(w);
    ck_assert(tg_peek(y) && *(const double *)tg_peek(y) == -1);
    ck_assert(tg_set_eager(NULL, true) == TG_ERR_HANDLE);
    finish(tape);
}
END_TEST

Suite *suite_plan(void) {
    Suite *suite = suite_create("run/plan");
    TCase *cache = tcase_create("cache"), *figures = tcase_create("figures"), *dropped = tcase_create("dropped"),
          *eager = tcase_create("eager");
    tcase_add_test(cache, a_step_recorded_again_finds_its_plan_whatever_its_numbers);
    tcase_add_test(cache, the_same_step_twice_without_a_rewind_has_one_plan_and_two_results);
    tcase_add_test(cache, no_segment_is_taken_for_one_that_differs_in_one_thing);
    tcase_add_loop_test(cache, small_values_run_without_a_plan_when_they_come_first, 0, 2);
    tcase_add_test(cache, another_shape_or_another_keep_is_another_plan);
    tcase_add_test(cache, a_step_that_reads_the_step_before_finds_its_plan);
    tcase_add_test(cache, a_plan_reads_the_operands_of_the_segment_that_runs);
    tcase_add_test(cache, two_parts_that_are_alike_share_a_plan_and_no_value);
    tcase_add_test(cache, the_plan_not_used_for_longest_goes_first);
    suite_add_tcase(suite, cache);
    tcase_add_test(figures, a_chain_takes_the_memory_of_two_links);
    tcase_add_test(figures, no_tape_has_no_figures);
    suite_add_tcase(suite, figures);
    tcase_add_test(dropped, trimming_changes_no_bit);
    tcase_add_test(dropped, trimming_gives_back_what_was_rewound);
    tcase_add_test(dropped, what_was_dropped_is_computed_again);
    tcase_add_test(dropped, what_cannot_be_computed_again_is_an_error_that_says_how_to_keep_it);
    suite_add_tcase(suite, dropped);
    tcase_add_test(eager, eager_tapes_run_what_is_recorded);
    tcase_add_test(eager, eager_values_are_there_for_who_asks);
    tcase_add_test(eager, eager_steps_give_the_same_bits);
    tcase_add_test(eager, eager_errors_arrive_at_the_call);
    tcase_add_test(eager, the_environment_makes_tapes_eager);
    suite_add_tcase(suite, eager);
    return suite;
}
