/* tests/optim/test_accumulate.c: gradients that are added up over several runs.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/values.h"

enum { BATCH = 8, PARTS = 4, STEPS = 5 };

static const double points[BATCH] = {1, -2, 0.5, 3, -1, 4, 2, -0.25}, answers[BATCH] = {2, 1, 0, -1, 3, 0.5, 1, 2};

static tg_tensor loss_of(tg_tensor w, tg_tensor b, tg_tensor x, tg_tensor y) {
    return tg_mean(tg_square(tg_sub(tg_add(tg_mul(w, x), b), y)));
}

static void parameters(tg_tape *tape, tg_tensor *w, tg_tensor *b) {
    *w = tg_parameter(tape, "w", 0.5);
    *b = tg_parameter(tape, "b", 0.0);
}

/* Of whole batches. */
static void train_at_once(double *found) {
    tg_tensor w, b;
    tg_tape  *tape = tg_tape_new();
    parameters(tape, &w, &b);
    tg_backward(
        loss_of(w, b, tg_constant(tape, TG_F64, TG_SHAPE(BATCH), points), tg_constant(tape, TG_F64, TG_SHAPE(BATCH), answers)));
    tg_adam_step(tape, 0.125, NULL);
    for (int k = 0; k < STEPS; k++)
        tg_run(tape);
    found[0] = tg_item(w);
    found[1] = tg_item(b);
    finish(tape);
}

static void fill(tg_tensor x, tg_tensor y, int part) {
    tg_write(x, points + part * BATCH / PARTS, BATCH / PARTS);
    tg_write(y, answers + part * BATCH / PARTS, BATCH / PARTS);
}

static void train_by_parts(double *found) {
    tg_tensor w, b;
    tg_tape  *tape = tg_tape_new();
    parameters(tape, &w, &b);
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(BATCH / PARTS)),
              y = tg_input(tape, "y", TG_F64, TG_SHAPE(BATCH / PARTS));
    tg_begin_part(tape, "add");
    tg_backward(loss_of(w, b, x, y));
    ck_assert_int_eq(tg_accumulate_grad(tape), TG_OK);
    tg_end_part(tape);
    tg_begin_part(tape, "step");
    ck_assert_int_eq(tg_use_accumulated_grad(tape, 1.0 / (double)PARTS), TG_OK);
    tg_adam_step(tape, 0.125, NULL);
    tg_end_part(tape);
    for (int k = 0; k < STEPS; k++) {
        for (int part = 0; part < PARTS; part++) {
            fill(x, y, part);
            ck_assert_int_eq(tg_run_part(tape, "add"), TG_OK);
        }
        ck_assert_int_eq(tg_run_part(tape, "step"), TG_OK);
    }
    found[0] = tg_item(w);
    found[1] = tg_item(b);
    finish(tape);
}

static void train_by_recording(double *found) {
    tg_tensor w, b;
    tg_tape  *tape = tg_tape_new();
    parameters(tape, &w, &b);
    tg_mark mark = tg_tape_mark(tape);
    for (int k = 0; k < STEPS; k++) {
        for (int part = 0; part < PARTS; part++) {
            tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(BATCH / PARTS)),
                      y = tg_input(tape, "y", TG_F64, TG_SHAPE(BATCH / PARTS));
            fill(x, y, part);
            tg_backward(loss_of(w, b, x, y));
            ck_assert_int_eq(tg_accumulate_grad(tape), TG_OK);
            tg_rewind(tape, mark);
        }
        ck_assert_int_eq(tg_use_accumulated_grad(tape, 1.0 / (double)PARTS), TG_OK);
        tg_adam_step(tape, 0.125, NULL);
        tg_rewind(tape, mark);
    }
    found[0] = tg_item(w);
    found[1] = tg_item(b);
    finish(tape);
}

START_TEST(several_runs_are_one_large_batch) {
    double whole[2], parts[2], recorded[2];
    train_at_once(whole);
    train_by_parts(parts);
    train_by_recording(recorded);
    for (int i = 0; i < 2; i++) {
        ck_assert_double_eq_tol(parts[i], whole[i], 1e-12);
        ck_assert(recorded[i] == parts[i]);
    }
    ck_assert(fabs(whole[0] - 0.5) > 0.1);
}
END_TEST

START_TEST(the_sum_starts_from_0_again) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 1, 2));
    tg_backward(tg_sum(tg_mul(3, w)));
    for (int k = 0; k < 2; k++)
        ck_assert_int_eq(tg_accumulate_grad(tape), TG_OK);
    ck_assert_int_eq(tg_use_accumulated_grad(tape, 0.5), TG_OK);
    ck_assert(!tg_run_pending(tape));
    CHECK_IS(tg_find(tape, "w.grad_sum"), 0, 0);
    CHECK_IS(tg_grad(w), 3, 3);
    finish(tape);
}
END_TEST

/* Adam would move a weight whose gradient is 0 by its momentum. */
START_TEST(only_parameters_with_a_sum_get_a_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1.0), idle = tg_parameter(tape, "idle", 1.0),
              frozen = tg_parameter(tape, "frozen", 1.0);
    tg_backward(tg_mul(w, frozen));
    tg_set_requires_grad(frozen, false);
    ck_assert_int_eq(tg_accumulate_grad(tape), TG_OK);
    tg_zero_grad(tape);
    ck_assert_int_eq(tg_use_accumulated_grad(tape, 1), TG_OK);
    ck_assert(tg_has_grad(w) && !tg_has_grad(idle) && !tg_has_grad(frozen));
    ck_assert(!tg_run_pending(tape));
    finish(tape);
}
END_TEST

START_TEST(what_does_not_fit_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1.0);
    int64_t   count = tg_instruction_count(tape);
    FAILS(tape, tg_accumulate_grad(tape), TG_ERR_GRADIENT,
          "accumulate_grad: no parameter has a gradient: call tg_backward first");
    FAILS(tape, tg_use_accumulated_grad(tape, 1), TG_ERR_GRADIENT, "use_accumulated_grad: no parameter has a sum of gradients");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    tg_backward(w);
    ck_assert_int_eq(tg_accumulate_grad(tape), TG_OK);
    FAILS(tape, tg_use_accumulated_grad(tape, INFINITY), TG_ERR_ARGUMENT,
          "use_accumulated_grad: scale inf is not in (-inf, inf)");
    ck_assert_int_eq(tg_accumulate_grad(NULL), TG_ERR_HANDLE);
    ck_assert_int_eq(tg_use_accumulated_grad(NULL, 1), TG_ERR_HANDLE);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_accumulate(void) {
    Suite *suite = suite_create("accumulate");
    TCase *tcase = tcase_create("accumulate");
    tcase_add_test(tcase, several_runs_are_one_large_batch);
    tcase_add_test(tcase, the_sum_starts_from_0_again);
    tcase_add_test(tcase, only_parameters_with_a_sum_get_a_gradient);
    tcase_add_test(tcase, what_does_not_fit_is_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
