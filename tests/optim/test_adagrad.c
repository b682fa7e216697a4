/* tests/optim/test_adagrad.c: Adagrad, RMSprop and Adadelta where their steps can be told by a formula, their defaults, and what is
 * rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/values.h"

/* ---- closed forms, for a constant gradient ------------------------------------------------------------------------ */

static tg_tensor slope_of(tg_tape *tape, double slope) {
    tg_tensor w = tg_parameter(tape, "w", 0.0);
    tg_backward(tg_mul(w, slope));
    return w;
}

/* The k-th step is rate / (1 + (k - 1) lr_decay) / sqrt(k). */
START_TEST(adagrad_steps_by_the_root_of_the_count) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = slope_of(tape, -7);
    double    expected = 0;
    ck_assert_int_eq(tg_adagrad_step(tape, 0.5, &(tg_adagrad_options){.lr_decay = 0.25, .eps = TG_ZERO}), TG_OK);
    for (int k = 1; k <= 20; k++) {
        tg_run(tape);
        expected += 0.5 / (1 + 0.25 * (k - 1)) / sqrt(k);
        ck_assert_double_eq_tol(tg_item(w), expected, 1e-14);
    }
    CHECK_IS(tg_find(tape, "w.adagrad.s"), 20 * 49);
    finish(tape);
}
END_TEST

START_TEST(the_sum_of_adagrad_starts_from_the_value_given) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = slope_of(tape, 4);
    ck_assert_int_eq(tg_adagrad_step(tape, 1, &(tg_adagrad_options){.initial_accumulator_value = 9, .eps = TG_ZERO}), TG_OK);
    tg_run(tape);
    CHECK_IS(w, -4.0 / 5);
    finish(tape);
}
END_TEST

/* The mean of the squares is (1 - alpha^k) g^2. */
START_TEST(rmsprop_steps_by_the_root_of_the_mean) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = slope_of(tape, 7);
    double    expected = 0, b = 0;
    ck_assert_int_eq(tg_rmsprop_step(tape, 0.5, &(tg_rmsprop_options){.alpha = 0.75, .momentum = 0.5, .eps = TG_ZERO}), TG_OK);
    for (int k = 1; k <= 20; k++) {
        tg_run(tape);
        b = 0.5 * b + 1 / sqrt(1 - pow(0.75, k));
        expected -= 0.5 * b;
        ck_assert_double_eq_tol(tg_item(w), expected, 1e-13);
    }
    finish(tape);
}
END_TEST

/* Nothing is left of the mean square when a constant gradient has been seen for long, and rounding may take more than there is. */
START_TEST(a_centered_mean_square_is_not_negative) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F32, TG_SHAPE(100), 0));
    tg_backward(tg_sum(tg_mul(w, tg_sqrt(tg_arange(tape, TG_F32, 1, 101, 1)))));
    ck_assert_int_eq(tg_rmsprop_step(tape, 1e-4, &(tg_rmsprop_options){.alpha = 0.5, .centered = true}), TG_OK);
    for (int k = 0; k < 200; k++)
        tg_run(tape);
    ck_assert(tg_item(tg_all(tg_isfinite(w))) == 1);
    finish(tape);
}
END_TEST

/* The first step is rate sqrt(eps) / sqrt((1 - rho) g^2 + eps) g. */
START_TEST(adadelta_steps_by_what_it_stepped_before) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = slope_of(tape, 2);
    ck_assert_int_eq(tg_adadelta_step(tape, 0.5, &(tg_adadelta_options){.rho = 0.75, .eps = 0.25}), TG_OK);
    tg_run(tape);
    double d = 2 * 0.5 / sqrt(0.25 * 4 + 0.25);
    ck_assert_double_eq_tol(tg_item(w), -0.5 * d, 1e-15);
    ck_assert_double_eq_tol(tg_item(tg_find(tape, "w.adadelta.u")), 0.25 * d * d, 1e-15);
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

static tg_status adagrad(tg_tape *tape, bool all) {
    return tg_adagrad_step(tape, 0.125, all ? &(tg_adagrad_options){.eps = 1e-10} : NULL);
}

static tg_status rmsprop(tg_tape *tape, bool all) {
    return tg_rmsprop_step(tape, 0.125, all ? &(tg_rmsprop_options){.alpha = 0.99, .eps = 1e-8} : NULL);
}

static tg_status adadelta(tg_tape *tape, bool all) {
    return tg_adadelta_step(tape, 0.125, all ? &(tg_adadelta_options){.rho = 0.9, .eps = 1e-6} : NULL);
}

START_TEST(what_is_left_out_is_the_default) {
    record *const steps[] = {adagrad, rmsprop, adadelta};
    ck_assert(after_a_few(steps[_i], true) == after_a_few(steps[_i], false));
}
END_TEST

START_TEST(options_out_of_range_are_rejected) {
    tg_tape *tape = tg_tape_new();
    slope_of(tape, 1);
    int64_t count = tg_instruction_count(tape);
    FAILS(tape, tg_adagrad_step(tape, 1, &(tg_adagrad_options){.lr_decay = -1}), TG_ERR_ARGUMENT, "adagrad_step: lr_decay -1");
    FAILS(tape, tg_adagrad_step(tape, 1, &(tg_adagrad_options){.weight_decay = -1}), TG_ERR_ARGUMENT, "adagrad_step: weight_d");
    FAILS(tape, tg_adagrad_step(tape, 1, &(tg_adagrad_options){.initial_accumulator_value = -1}), TG_ERR_ARGUMENT,
          "adagrad_step: initial_accumulator_value -1 is not in [0, inf)");
    FAILS(tape, tg_adagrad_step(tape, 1, &(tg_adagrad_options){.eps = -1}), TG_ERR_ARGUMENT, "adagrad_step: eps -1");
    FAILS(tape, tg_rmsprop_step(tape, 1, &(tg_rmsprop_options){.alpha = 1}), TG_ERR_ARGUMENT, "rmsprop_step: alpha 1");
    FAILS(tape, tg_rmsprop_step(tape, 1, &(tg_rmsprop_options){.eps = NAN}), TG_ERR_ARGUMENT, "rmsprop_step: eps nan");
    FAILS(tape, tg_rmsprop_step(tape, 1, &(tg_rmsprop_options){.weight_decay = -1}), TG_ERR_ARGUMENT, "rmsprop_step: weight_d");
    FAILS(tape, tg_rmsprop_step(tape, 1, &(tg_rmsprop_options){.momentum = -1}), TG_ERR_ARGUMENT, "rmsprop_step: momentum -1");
    FAILS(tape, tg_adadelta_step(tape, 1, &(tg_adadelta_options){.rho = 1.5}), TG_ERR_ARGUMENT, "adadelta_step: rho 1.5");
    FAILS(tape, tg_adadelta_step(tape, 1, &(tg_adadelta_options){.eps = -1}), TG_ERR_ARGUMENT, "adadelta_step: eps -1");
    FAILS(tape, tg_adadelta_step(tape, 1, &(tg_adadelta_options){.weight_decay = -1}), TG_ERR_ARGUMENT,
          "adadelta_step: weight");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_adagrad(void) {
    Suite *suite = suite_create("adagrad");
    TCase *tcase = tcase_create("adagrad");
    tcase_add_test(tcase, adagrad_steps_by_the_root_of_the_count);
    tcase_add_test(tcase, the_sum_of_adagrad_starts_from_the_value_given);
    tcase_add_test(tcase, rmsprop_steps_by_the_root_of_the_mean);
    tcase_add_test(tcase, a_centered_mean_square_is_not_negative);
    tcase_add_test(tcase, adadelta_steps_by_what_it_stepped_before);
    tcase_add_loop_test(tcase, what_is_left_out_is_the_default, 0, 3);
    tcase_add_test(tcase, options_out_of_range_are_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
