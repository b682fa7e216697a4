/* tests/core/test_tape_part.c: parts of a tape run when they are called for, see the leaves as they are, and disturb nothing else.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <math.h>
#include <string.h>

#include "ops/values.h"

/* (w x - 6)^2, a training step on it, and an evaluation, each a part. */
typedef struct model {
    tg_tape  *tape;
    tg_tensor w, x, loss, error;
} model;

static model new_model(void) {
    model m = {.tape = tg_tape_new()};
    m.w = tg_parameter(m.tape, "w", 1.0);
    m.x = tg_input(m.tape, "x", TG_F64, TG_SHAPE());
    ck_assert(!tg_write(m.x, &(double){2}, 1));
    ck_assert(!tg_begin_part(m.tape, "train"));
    m.loss = tg_square(tg_sub(tg_mul(m.w, m.x), 6));
    ck_assert(!tg_backward(m.loss) && !tg_sgd_step(m.tape, 0.0625) && !tg_end_part(m.tape));
    ck_assert(!tg_begin_part(m.tape, "evaluate"));
    m.error = tg_abs(tg_sub(m.w, 3));
    ck_assert(!tg_end_part(m.tape));
    return m;
}

/* ---- what runs --------------------------------------------------------------------------------------------------- */

START_TEST(a_part_runs_when_it_is_called_for) {
    model m = new_model();
    ck_assert(!tg_set_eager(m.tape, _i));
    ck_assert(tg_item(m.w) == 1);
    for (int step = 0; step < 3; step++) {
        ck_assert(!tg_run_part(m.tape, "train"));
        double w = 3 - 2 * pow(0.5, step + 1);
        ck_assert_double_eq(tg_item(m.w), w);
        ck_assert_double_eq(tg_item(m.loss), pow(2 * (w - 3) * 2, 2)); /* of the w before */
        ck_assert(!tg_run_part(m.tape, "evaluate") && !tg_run_part(m.tape, "evaluate"));
        ck_assert_double_eq(tg_item(m.error), 3 - w);
        ck_assert_double_eq(tg_item(m.w), w);
    }
    finish(m.tape);
}
END_TEST

START_TEST(nothing_else_runs_it) {
    model     m = new_model();
    tg_mark   mark = tg_tape_mark(m.tape);
    tg_tensor y = tg_mul(m.w, 10);
    ck_assert(tg_item(y) == 10 && !tg_run(m.tape) && !tg_run_pending(m.tape) && !tg_rewind(m.tape, mark));
    ck_assert(tg_item(m.w) == 1);
    FAILS(m.tape, tg_item(m.loss), TG_ERR_VALUE, "item: the value of square, recorded at ");
    FAILS(m.tape, tg_item(m.error), TG_ERR_VALUE, "item: the value of abs, recorded at ");
    finish(m.tape);
}
END_TEST

START_TEST(its_values_are_those_of_its_last_run) {
    model m = new_model();
    ck_assert(!tg_run_part(m.tape, "evaluate"));
    ck_assert(!tg_write(m.w, &(double){2.5}, 1) && tg_item(m.error) == 2);
    ck_assert(!tg_run_part(m.tape, "train") && tg_item(m.error) == 2);
    ck_assert(!tg_run(m.tape) && tg_item(m.error) == 2);
    ck_assert(!tg_run_part(m.tape, "evaluate") && tg_item(m.error) == 0.25);
    finish(m.tape);
}
END_TEST

/* ---- what it reads ----------------------------------------------------------------------------------------------- */

START_TEST(values_outside_are_run_for_it_and_are_never_old) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = PARAMETER(tape, "w", 1, 2), doubled = tg_mul(w, 2), chain = tg_exp(doubled);
    ck_assert(!tg_begin_part(tape, "p"));
    tg_tensor y = tg_add(doubled, tg_log(chain));
    ck_assert(!tg_assign(w, tg_add(w, 1)) && !tg_end_part(tape));
    for (double k = 1; k < 5; k++) {
        ck_assert(!tg_run_part(tape, "p"));
        CHECK_F64(y, 4 * k, 4 * k + 4);
    }
    finish(tape);
}
END_TEST

START_TEST(it_does_not_run_a_step_outside) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1.0);
    tg_backward(tg_square(w));
    ck_assert(!tg_sgd_step(tape, 0.25));
    tg_tensor after = tg_mul(w, 4);
    ck_assert(!tg_begin_part(tape, "p"));
    tg_tensor y = tg_neg(after), z = tg_neg(w);
    ck_assert(!tg_end_part(tape) && tg_valid(z));
    FAILS(tape, tg_run_part(tape, "p"), TG_ERR_VALUE, "run_part: before this value stands an update of 'w'");
    ck_assert(!tg_run_pending(tape) && !tg_run_part(tape, "p") && tg_item(y) == -2 && tg_item(z) == -0.5);
    finish(tape);
}
END_TEST

START_TEST(another_part_must_have_run) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE());
    ck_assert(!tg_begin_part(tape, "a"));
    tg_tensor a = tg_add(x, 1);
    ck_assert(!tg_end_part(tape) && !tg_begin_part(tape, "b"));
    tg_tensor b = tg_mul(a, 2);
    ck_assert(!tg_end_part(tape));
    FAILS(tape, tg_run_part(tape, "b"), TG_ERR_VALUE, "run_part: the value of add, recorded at ");
    ck_assert(!tg_run_part(tape, "a") && !tg_write(x, &(double){5}, 1) && !tg_run_part(tape, "b"));
    ck_assert(tg_item(b) == 2); /* of a's last run */
    ck_assert(!tg_run_part(tape, "a") && !tg_run_part(tape, "b") && tg_item(b) == 12);
    finish(tape);
}
END_TEST

/* ---- views, random numbers, plans -------------------------------------------------------------------------------- */

START_TEST(a_view_in_one_part_keeps_its_value_when_another_assigns) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = matrix_parameter(tape, "w"), outside = tg_transpose(w, 0, 1);
    ck_assert(!tg_begin_part(tape, "look"));
    tg_tensor view = tg_transpose(w, 0, 1);
    ck_assert(!tg_end_part(tape) && !tg_begin_part(tape, "change") && !tg_assign(w, tg_mul(w, 10)) && !tg_end_part(tape));
    CHECK_F64(outside, 1, 3, 2, 4);
    ck_assert(!tg_run_part(tape, "look") && !tg_run_part(tape, "change"));
    CHECK_F64(view, 1, 3, 2, 4);
    CHECK_F64(outside, 1, 3, 2, 4);
    CHECK_F64(w, 10, 20, 30, 40);
    ck_assert(!tg_run_part(tape, "look"));
    CHECK_F64(view, 10, 30, 20, 40);
    CHECK_F64(tg_neg(outside), -10, -30, -20, -40);
    finish(tape);
}
END_TEST

START_TEST(each_run_draws_anew_and_the_others_draw_nothing) {
    tg_tape  *tape = tg_tape_new(), *plain = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(100), 1), y = tg_full(plain, TG_F64, TG_SHAPE(100), 1);
    tg_seed(tape, 3), tg_seed(plain, 3);
    ck_assert(!tg_begin_part(tape, "other"));
    tg_dropout(x, 0.5, true);
    ck_assert(!tg_end_part(tape) && !tg_begin_part(tape, "p"));
    tg_tensor a = tg_dropout(x, 0.5, true), b = tg_dropout(y, 0.5, true);
    ck_assert(!tg_end_part(tape));
    for (int i = 0; i < 3; i++) {
        ck_assert(!tg_run_part(tape, "p") && !tg_run(plain));
        ck_assert_mem_eq(tg_data(a), tg_data(b), 100 * sizeof(double));
    }
    finish(tape);
    finish(plain);
}
END_TEST

START_TEST(parts_in_turn_find_their_plans) {
    model m = new_model();
    for (int i = 0; i < 10; i++)
        ck_assert(!tg_run_part(m.tape, "train") && !tg_run_part(m.tape, "evaluate"));
    ck_assert_int_eq(tg_stats(m.tape).plans, 2);
    finish(m.tape);
}
END_TEST

/* ---- failures ---------------------------------------------------------------------------------------------------- */

START_TEST(a_part_that_failed_can_be_run_again) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = PARAMETER(tape, "w", 1, 2), index = tg_input(tape, "index", TG_I64, TG_SHAPE());
    ck_assert(!tg_begin_part(tape, "p"));
    tg_tensor y = tg_take(w, index, 0);
    ck_assert(!tg_assign(w, tg_add(w, 1)) && !tg_end_part(tape));
    ck_assert(!tg_write(index, &(int64_t){7}, 1) && tg_run_part(tape, "p") != TG_OK);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "test_tape_part.c:"));
    tg_clear_error(tape);
    CHECK_F64(w, 1, 2);
    ck_assert(!tg_write(index, &(int64_t){1}, 1) && !tg_run_part(tape, "p"));
    CHECK_F64(y, 2);
    CHECK_F64(w, 2, 3);
    finish(tape);
}
END_TEST

/* ---- recording --------------------------------------------------------------------------------------------------- */

START_TEST(what_is_no_part_is_rejected) {
    tg_tape *tape = tg_tape_new();
    FAILS(tape, tg_begin_part(tape, NULL), TG_ERR_NAME, "begin_part: a part needs a name");
    FAILS(tape, tg_begin_part(tape, ""), TG_ERR_NAME, "begin_part: a part needs a name");
    FAILS(tape, tg_end_part(tape), TG_ERR_ARGUMENT, "end_part: no part is being recorded");
    ck_assert(!tg_begin_part(tape, "a"));
    FAILS(tape, tg_begin_part(tape, "b"), TG_ERR_ARGUMENT, "begin_part: the part 'a' is still being recorded");
    FAILS(tape, tg_run_part(tape, "a"), TG_ERR_ARGUMENT, "run_part: the part 'a' is still being recorded");
    ck_assert(!tg_end_part(tape) && !tg_run_part(tape, "a"));
    FAILS(tape, tg_begin_part(tape, "a"), TG_ERR_NAME, "begin_part: the name 'a' is taken");
    FAILS(tape, tg_run_part(tape, "b"), TG_ERR_NAME, "run_part: there is no part 'b'");
    FAILS(tape, tg_run_part(tape, NULL), TG_ERR_NAME, "run_part: there is no part '(NULL)'");
    ck_assert_int_eq(tg_run_part(NULL, "a"), TG_ERR_HANDLE);
    finish(tape);
}
END_TEST

START_TEST(a_rewind_forgets_parts) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = PARAMETER(tape, "w", 1, 2);
    tg_mark   mark = tg_tape_mark(tape);
    size_t    bytes = 0;
    for (int i = 0; i < 100; i++) {
        ck_assert(!tg_begin_part(tape, "a") && !tg_assign(w, tg_mul(w, -1)));
        if (i % 2) ck_assert(!tg_end_part(tape) && !tg_run_part(tape, "a"));
        ck_assert(!tg_rewind(tape, mark));
        if (i == 9) bytes = tg_stats(tape).bytes;
    }
    ck_assert_uint_eq(tg_stats(tape).bytes, bytes);
    CHECK_F64(w, 1, 2);
    FAILS(tape, tg_run_part(tape, "a"), TG_ERR_NAME, "run_part: there is no part 'a'");
    CHECK_F64(tg_neg(w), -1, -2); /* which is of no part */
    finish(tape);
}
END_TEST

/* There is no order between a part and what stands outside: a gradient outside may need what a part assigns. */
START_TEST(gradients_outside_do_not_mind_updates_in_a_part) {
    model     m = new_model();
    tg_tensor y = tg_square(m.w), g;
    ck_assert(!tg_run_part(m.tape, "train") && !tg_vjp(m.tape, 1, &y, NULL, 1, &m.w, &g));
    ck_assert(tg_item(g) == 4 && tg_item(y) == 4);
    finish(m.tape);
}
END_TEST

START_TEST(many_parts_stand_on_one_tape) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1.0), y[40];
    char      name[16];
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "part %d", i);
        ck_assert(!tg_begin_part(tape, name));
        y[i] = tg_mul(w, i);
        ck_assert(!tg_end_part(tape));
        if (i % 3 == 0) ck_assert(tg_item(tg_add(w, i)) == 1 + i);
    }
    for (int i = 39; i >= 0; i--) {
        snprintf(name, sizeof name, "part %d", i);
        ck_assert(!tg_run_part(tape, name) && tg_item(y[i]) == i);
    }
    finish(tape);
}
END_TEST

/* Run by a plan, in eager mode, and by an update that a rewind must not forget. */
START_TEST(what_stands_outside_needs_values_of_a_part_to_be_there) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 2.0), v = tg_parameter(tape, "v", 1.0);
    ck_assert(!tg_begin_part(tape, "part"));
    tg_tensor inside = tg_mul(w, 3);
    ck_assert(!tg_end_part(tape));
    tg_mark mark = tg_tape_mark(tape);
    if (_i == 1) tg_set_eager(tape, true);
    tg_tensor y = tg_add(inside, 1);
    if (_i == 2) ck_assert(!tg_assign(v, y));
    ck_assert_int_eq(_i == 0   ? tg_run(tape)
                     : _i == 2 ? tg_rewind(tape, mark)
                               : (tg_item(y), tg_error_status(tape)),
                     TG_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "it reads the value of mul, recorded at "));
    ck_assert_ptr_nonnull(strstr(tg_error(tape), " in the part 'part', which has not run: call tg_run_part"));
    tg_clear_error(tape);
    ck_assert(!tg_run_part(tape, "part") && !tg_run_pending(tape) && tg_item(y) == 7);
    finish(tape);
}
END_TEST

START_TEST(a_value_of_a_part_that_nobody_kept_is_not_there) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 2.0);
    tg_set_keep(tape, TG_KEEP_ASKED);
    ck_assert(!tg_begin_part(tape, "one"));
    tg_tensor inside = tg_mul(w, 3), other = tg_exp(inside);
    tg_keep(other);
    ck_assert(!tg_end_part(tape) && !tg_run_part(tape, "one") && !tg_begin_part(tape, "two"));
    tg_tensor y = tg_add(inside, 1);
    tg_keep(y);
    ck_assert(!tg_end_part(tape));
    ck_assert_int_eq(tg_run_part(tape, "two"), TG_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), " in the part 'one', which had nobody to keep it for when it ran"));
    tg_clear_error(tape);
    ck_assert(!tg_run_part(tape, "one") && !tg_run_part(tape, "two") && tg_item(y) == 7);
    finish(tape);
}
END_TEST

Suite *suite_tape_part(void) {
    Suite *suite = suite_create("core/tape part");
    TCase *runs = tcase_create("runs"), *reads = tcase_create("reads"), *others = tcase_create("others"),
          *fails = tcase_create("fails");
    TCase *recording = tcase_create("recording");
    tcase_add_loop_test(runs, a_part_runs_when_it_is_called_for, 0, 2);
    tcase_add_test(runs, nothing_else_runs_it);
    tcase_add_test(runs, its_values_are_those_of_its_last_run);
    suite_add_tcase(suite, runs);
    tcase_add_test(reads, values_outside_are_run_for_it_and_are_never_old);
    tcase_add_test(reads, it_does_not_run_a_step_outside);
    tcase_add_test(reads, another_part_must_have_run);
    tcase_add_loop_test(reads, what_stands_outside_needs_values_of_a_part_to_be_there, 0, 3);
    tcase_add_test(reads, a_value_of_a_part_that_nobody_kept_is_not_there);
    suite_add_tcase(suite, reads);
    tcase_add_test(others, a_view_in_one_part_keeps_its_value_when_another_assigns);
    tcase_add_test(others, each_run_draws_anew_and_the_others_draw_nothing);
    tcase_add_test(others, parts_in_turn_find_their_plans);
    suite_add_tcase(suite, others);
    tcase_add_test(fails, a_part_that_failed_can_be_run_again);
    suite_add_tcase(suite, fails);
    tcase_add_test(recording, what_is_no_part_is_rejected);
    tcase_add_test(recording, a_rewind_forgets_parts);
    tcase_add_test(recording, gradients_outside_do_not_mind_updates_in_a_part);
    tcase_add_test(recording, many_parts_stand_on_one_tape);
    suite_add_tcase(suite, recording);
    return suite;
}
