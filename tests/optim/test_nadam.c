/* tests/optim/test_nadam.c: NAdam and RAdam where their steps can be told by a formula, their defaults, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/values.h"

/* ---- closed forms ------------------------------------------------------------------------------------------------ */

/* Both means are the gradient and its square when the bias is taken off, and the first step is rate (1 - mu1 + mu2 (1 - beta1)
 * (1 - mu1) / (1 - mu1 mu2)) / (1 - mu1) times g / |g|, mu1 and mu2 being the momenta. */
START_TEST(the_first_step_of_nadam_is_the_formula) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 1, 1)), slopes = F64(tape, 2, -0.5);
    tg_backward(tg_sum(tg_mul(slopes, w)));
    ck_assert_int_eq(tg_nadam_step(tape, 0.125, &(tg_nadam_options){.beta1 = 0.5, .momentum_decay = 1, .eps = TG_ZERO}), TG_OK);
    tg_run(tape);
    double mu1 = 0.5 * (1 - 0.5 * 0.96), mu2 = 0.5 * (1 - 0.5 * 0.96 * 0.96), found[2];
    double step = 0.125 * (1 + mu2 * 0.5 / (1 - mu1 * mu2));
    tg_read(w, found, 2);
    ck_assert_double_eq_tol(found[0], 1 - step, 1e-14);
    ck_assert_double_eq_tol(found[1], 1 + step, 1e-14);
    ck_assert_double_eq_tol(tg_item(tg_find(tape, "w.nadam.q")), 1 - mu1, 1e-15);
    finish(tape);
}
END_TEST

/* As long as there is no variance to be had, a constant gradient gives plain gradient descent: five steps for a beta2 of 0.999. Then
 * the steps are less than the rate, whatever the gradient is, and grow. */
START_TEST(radam_warms_up) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.0);
    double    before = 0, last = 0;
    tg_backward(tg_mul(w, 1000));
    ck_assert_int_eq(tg_radam_step(tape, 1, NULL), TG_OK);
    for (int k = 1; k <= 30; k++) {
        tg_run(tape);
        double step = before - tg_item(w);
        if (k <= 5) ck_assert_double_eq_tol(step, 1000, 1e-9);
        if (k > 5) ck_assert(step > 0.01 && step < 1);
        if (k > 6) ck_assert(step > last);
        before -= step;
        last = step;
    }
    finish(tape);
}
END_TEST

/* ---- options ----------------------------------------------------------------------------------------------------- */

typedef tg_status record(tg_tape *tape, bool all);

static double after_a_few(record *step, bool all) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.75);
    tg_backward(tg_exp(w));
    ck_assert_int_eq(step(tape, all), TG_OK);
    for (int k = 0; k < 8; k++)
        tg_run(tape);
    double found = tg_item(w);
    finish(tape);
    return found;
}

static tg_status nadam(tg_tape *tape, bool all) {
    tg_nadam_options o = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .momentum_decay = 4e-3};
    return tg_nadam_step(tape, 0.125, all ? &o : NULL);
}

static tg_status radam(tg_tape *tape, bool all) {
    tg_radam_options o = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    return tg_radam_step(tape, 0.125, all ? &o : NULL);
}

START_TEST(what_is_left_out_is_the_default) {
    record *const steps[] = {nadam, radam};
    ck_assert(after_a_few(steps[_i], true) == after_a_few(steps[_i], false));
}
END_TEST

START_TEST(options_out_of_range_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 3.0);
    tg_backward(tg_square(w));
    int64_t count = tg_instruction_count(tape);
    FAILS(tape, tg_nadam_step(tape, 1, &(tg_nadam_options){.beta1 = 1}), TG_ERR_ARGUMENT,
          "nadam_step: beta1 1 is not in [0, 1)");
    FAILS(tape, tg_nadam_step(tape, 1, &(tg_nadam_options){.beta2 = 2}), TG_ERR_ARGUMENT, "nadam_step: beta2 2");
    FAILS(tape, tg_nadam_step(tape, 1, &(tg_nadam_options){.eps = -1}), TG_ERR_ARGUMENT, "nadam_step: eps -1");
    FAILS(tape, tg_nadam_step(tape, 1, &(tg_nadam_options){.weight_decay = -1}), TG_ERR_ARGUMENT, "nadam_step: weight_decay");
    FAILS(tape, tg_nadam_step(tape, 1, &(tg_nadam_options){.momentum_decay = -1}), TG_ERR_ARGUMENT,
          "nadam_step: momentum_decay");
    FAILS(tape, tg_radam_step(tape, 1, &(tg_radam_options){.beta1 = 1}), TG_ERR_ARGUMENT, "radam_step: beta1 1");
    FAILS(tape, tg_radam_step(tape, 1, &(tg_radam_options){.beta2 = 1}), TG_ERR_ARGUMENT, "radam_step: beta2 1");
    FAILS(tape, tg_radam_step(tape, 1, &(tg_radam_options){.eps = INFINITY}), TG_ERR_ARGUMENT, "radam_step: eps inf");
    FAILS(tape, tg_radam_step(tape, 1, &(tg_radam_options){.weight_decay = -1}), TG_ERR_ARGUMENT, "radam_step: weight_decay");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_nadam(void) {
    Suite *suite = suite_create("nadam");
    TCase *tcase = tcase_create("nadam");
    tcase_add_test(tcase, the_first_step_of_nadam_is_the_formula);
    tcase_add_test(tcase, radam_warms_up);
    tcase_add_loop_test(tcase, what_is_left_out_is_the_default, 0, 2);
    tcase_add_test(tcase, options_out_of_range_are_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
