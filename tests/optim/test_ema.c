/* tests/optim/test_ema.c: averages of the weights beside those of PyTorch, and how they take the place of the weights.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/values.h"
#include "optim/fixture.h"

/* ---- PyTorch's averages ------------------------------------------------------------------------------------------ */

enum { DECAY, WEIGHTS, AVERAGES, SIZE = 6 };

static void check_line(const fixture_line *line, const void *context) {
    (void)context;
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(SIZE), 0));
    ck_assert_int_eq(tg_ema_update(tape, line->number[DECAY][0]), TG_OK);
    for (int k = 0; k < line->count[WEIGHTS] / SIZE; k++) {
        double found[SIZE];
        tg_write(w, line->number[WEIGHTS] + k * SIZE, SIZE);
        tg_run(tape);
        ck_assert_int_eq(tg_read(tg_find(tape, "w.ema"), found, SIZE), TG_OK);
        for (int i = 0; i < SIZE; i++)
            ck_assert_double_eq_tol(found[i], line->number[AVERAGES][k * SIZE + i], 1e-14);
    }
    finish(tape);
}

START_TEST(the_averages_are_those_of_pytorch) {
    ck_assert_int_eq(each_line("ema.csv", check_line, NULL), 4);
}
END_TEST

/* ---- in a program ------------------------------------------------------------------------------------------------ */

/* w goes 0, 1, 2, 3, ...: with a decay of 1/2 the average is 1, 1.5, 2.25, ... */
static tg_tensor counting(tg_tape *tape) {
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F32, TG_SHAPE(2), 0));
    tg_begin_part(tape, "train");
    tg_backward(tg_sum(w));
    tg_sgd_step(tape, -1);
    ck_assert_int_eq(tg_ema_update(tape, 0.5), TG_OK);
    tg_end_part(tape);
    return w;
}

START_TEST(an_evaluation_sees_the_averages) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = counting(tape);
    tg_begin_part(tape, "evaluate");
    ck_assert_int_eq(tg_ema_swap(tape), TG_OK);
    tg_tensor seen = tg_mul(2, w);
    ck_assert_int_eq(tg_ema_swap(tape), TG_OK);
    tg_end_part(tape);
    for (int k = 0; k < 3; k++)
        tg_run_part(tape, "train");
    for (int k = 0; k < 2; k++) {
        tg_run_part(tape, "evaluate");
        CHECK_IS(seen, 4.5, 4.5);
        CHECK_IS(w, 3, 3);
        CHECK_IS(tg_find(tape, "w.ema"), 2.25, 2.25);
    }
    tg_run_part(tape, "train");
    CHECK_IS(w, 4, 4);
    CHECK_IS(tg_find(tape, "w.ema"), 3.125, 3.125);
    finish(tape);
}
END_TEST

START_TEST(without_an_update_there_is_nothing_to_exchange) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = counting(tape);
    tg_write(w, (float[]){5, 6}, 2);
    tg_begin_part(tape, "evaluate");
    ck_assert_int_eq(tg_ema_swap(tape), TG_OK);
    tg_end_part(tape);
    tg_run_part(tape, "evaluate");
    CHECK_IS(w, 5, 6);
    tg_run_part(tape, "train");
    CHECK_IS(tg_find(tape, "w.ema"), 6, 7);
    finish(tape);
}
END_TEST

START_TEST(an_average_outlives_rewinds) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.0);
    tg_mark   mark = tg_tape_mark(tape);
    for (int k = 1; k <= 3; k++) {
        tg_assign(w, tg_add(w, 1));
        ck_assert_int_eq(tg_ema_update(tape, 0.5), TG_OK);
        tg_rewind(tape, mark);
    }
    ck_assert_int_eq(tg_ema_swap(tape), TG_OK);
    tg_rewind(tape, mark);
    CHECK_IS(w, 2.25);
    finish(tape);
}
END_TEST

START_TEST(the_frozen_have_no_part_in_it) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 2.0), frozen = tg_parameter(tape, "frozen", 3.0),
              late = tg_parameter(tape, "late", 4.0);
    tg_set_requires_grad(frozen, false);
    ck_assert_int_eq(tg_ema_update(tape, 0.5), TG_OK);
    tg_run(tape);
    tg_write(w, (double[]){7}, 1);
    tg_write(late, (double[]){8}, 1);
    tg_set_requires_grad(frozen, true);
    tg_set_requires_grad(late, false);
    tg_mark mark = tg_tape_mark(tape);
    ck_assert_int_eq(tg_ema_swap(tape), TG_OK);
    tg_rewind(tape, mark);
    CHECK_IS(w, 2);
    CHECK_IS(frozen, 3);
    CHECK_IS(late, 8);
    ck_assert(!tg_valid(tg_find(tape, "frozen.ema")));
    tg_clear_error(tape);
    finish(tape);
}
END_TEST

START_TEST(what_does_not_fit_is_rejected) {
    tg_tape *tape = tg_tape_new();
    FAILS(tape, tg_ema_update(tape, 0.5), TG_ERR_ARGUMENT, "ema_update: there is no parameter that is not frozen");
    tg_tensor w = tg_parameter(tape, "w", 2.0);
    int64_t   count = tg_instruction_count(tape);
    FAILS(tape, tg_ema_update(tape, 1.5), TG_ERR_ARGUMENT, "ema_update: decay 1.5 is not in [0, 1]");
    FAILS(tape, tg_ema_update(tape, NAN), TG_ERR_ARGUMENT, "ema_update: decay nan");
    FAILS(tape, tg_ema_swap(tape), TG_ERR_ARGUMENT, "ema_swap: no parameter has an average: call tg_ema_update first");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    tg_set_requires_grad(w, false);
    FAILS(tape, tg_ema_update(tape, 0.5), TG_ERR_ARGUMENT, "ema_update: there is no parameter");
    ck_assert_int_eq(tg_ema_update(NULL, 0.5), TG_ERR_HANDLE);
    ck_assert_int_eq(tg_ema_swap(NULL), TG_ERR_HANDLE);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_ema(void) {
    Suite *suite = suite_create("ema");
    TCase *tcase = tcase_create("ema");
    tcase_add_test(tcase, the_averages_are_those_of_pytorch);
    tcase_add_test(tcase, an_evaluation_sees_the_averages);
    tcase_add_test(tcase, without_an_update_there_is_nothing_to_exchange);
    tcase_add_test(tcase, an_average_outlives_rewinds);
    tcase_add_test(tcase, the_frozen_have_no_part_in_it);
    tcase_add_test(tcase, what_does_not_fit_is_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
