/* tests/optim/test_adam.c: Adam and AdamW where their steps can be told by a formula, their defaults, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/op_table.h"

/* ---- closed forms ------------------------------------------------------------------------------------------------ */

static const double given[] = {3, -0.5, 1e-4};

/* The loss of constant gradients, which the bias corrections give back exactly: every step is rate g / (|g| + eps). */
static tg_tensor slopes(tg_tape *tape) {
    return tg_constant(tape, TG_F64, TG_SHAPE(3), given);
}

static void check_near(tg_tensor x, int i, double expected) {
    double got[3];
    ck_assert_int_eq(tg_read(x, got, 3), TG_OK);
    ck_assert_msg(fabs(got[i] - expected) <= 1e-12, "element %d: %.17g, not %.17g", i, got[i], expected);
}

START_TEST(a_constant_gradient_gives_equal_steps) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 1, 2, 3));
    tg_backward(tg_sum(tg_mul(w, slopes(tape))));
    ck_assert_int_eq(tg_adam_step(tape, 0.01, &(tg_adam_options){.beta1 = 0.5, .eps = 0.25}), TG_OK);
    for (int k = 1; k <= 30; k++) {
        tg_run(tape);
        for (int i = 0; i < 3; i++)
            check_near(w, i, 1 + i - 0.01 * k * given[i] / (fabs(given[i]) + 0.25));
    }
    finish(tape);
}
END_TEST

START_TEST(adamw_shrinks_the_weights) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 1, 2, 3));
    double    expected[] = {1, 2, 3};
    tg_backward(tg_sum(tg_mul(w, slopes(tape))));
    ck_assert_int_eq(tg_adamw_step(tape, 0.5, &(tg_adam_options){.weight_decay = 0.25}), TG_OK);
    for (int k = 1; k <= 5; k++) {
        tg_run(tape);
        for (int i = 0; i < 3; i++) {
            expected[i] = expected[i] * (1 - 0.5 * 0.25) - 0.5 * given[i] / (fabs(given[i]) + 1e-8);
            check_near(w, i, expected[i]);
        }
    }
    finish(tape);
}
END_TEST

/* Without averages, w <- w - rate g / (|g| + eps), whatever g was before. */
START_TEST(a_beta_of_tg_zero_is_none) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F32, TG_SHAPE(), 0)), g = tg_input(tape, "g", TG_F32, TG_SHAPE());
    tg_backward(tg_mul(w, g));
    ck_assert_int_eq(tg_adam_step(tape, 1, &(tg_adam_options){.beta1 = TG_ZERO, .beta2 = TG_ZERO, .eps = TG_ZERO}), TG_OK);
    for (int k = 0; k < 6; k++) {
        float value = k % 3 ? 0.125f : -4;
        tg_write(g, &value, 1);
        tg_run(tape);
    }
    CHECK_IS(w, 2 - 4);
    finish(tape);
}
END_TEST

/* A large gradient, once, is in the largest square for good. */
START_TEST(amsgrad_keeps_the_largest_square) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.0), g = tg_input(tape, "g", TG_F64, TG_SHAPE());
    tg_backward(tg_mul(w, g));
    ck_assert_int_eq(tg_adam_step(tape, 1, &(tg_adam_options){.beta2 = 0.5, .amsgrad = true}), TG_OK);
    for (int k = 0; k < 4; k++) {
        tg_write(g, k ? (double[]){0} : (double[]){8}, 1);
        tg_run(tape);
    }
    CHECK_IS(tg_find(tape, "w.adam.v"), 4);
    CHECK_IS(tg_find(tape, "w.adam.v_max"), 32);
    finish(tape);
}
END_TEST

START_TEST(maximize_is_the_way_up) {
    double found[2];
    for (int up = 0; up < 2; up++) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor w = tg_parameter(tape, "w", 0.0);
        tg_backward(tg_mul(up ? -1 : 1, tg_square(tg_sub(w, 3))));
        ck_assert_int_eq(tg_adamw_step(tape, 0.125, &(tg_adam_options){.maximize = up}), TG_OK);
        for (int k = 0; k < 5; k++)
            tg_run(tape);
        found[up] = tg_item(w);
        finish(tape);
    }
    ck_assert(found[0] == found[1] && found[0] > 0.5);
}
END_TEST

/* ---- options ----------------------------------------------------------------------------------------------------- */

typedef tg_status adam_step(tg_tape *tape, tg_tensor rate, const tg_adam_options *options);

static double after_a_few(adam_step *step, tg_tensor (*rate)(tg_tape *tape), const tg_adam_options *options) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.75);
    tg_backward(tg_exp(w));
    ck_assert_int_eq(step(tape, rate(tape), options), TG_OK);
    for (int k = 0; k < 5; k++)
        tg_run(tape);
    double found = tg_item(w);
    finish(tape);
    return found;
}

static tg_tensor number(tg_tape *tape) {
    (void)tape;
    return tg_num(0.125);
}

static tg_tensor as_f32(tg_tape *tape) {
    return tg_full(tape, TG_F32, TG_SHAPE(), 0.125);
}

static tg_tensor as_f64(tg_tape *tape) {
    return tg_full(tape, TG_F64, TG_SHAPE(), 0.125);
}

START_TEST(what_is_left_out_is_the_default) {
    adam_step *const steps[] = {(tg_adam_step), (tg_adamw_step)};
    tg_adam_options  all = {.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = _i ? 0.01 : 0};
    double           expected = after_a_few(steps[_i], number, &all);
    ck_assert(after_a_few(steps[_i], number, NULL) == expected);
    ck_assert(after_a_few(steps[_i], number, &(tg_adam_options){0}) == expected);
    ck_assert(after_a_few(steps[_i], number, &(tg_adam_options){.beta1 = 0.9}) == expected);
    ck_assert(after_a_few(steps[_i], number, &(tg_adam_options){.beta1 = 0.8}) != expected);
    ck_assert(after_a_few(steps[_i], number, &(tg_adam_options){.beta2 = 0.8}) != expected);
    ck_assert(after_a_few(steps[_i], number, &(tg_adam_options){.eps = 0.1}) != expected);
    ck_assert(after_a_few(steps[_i], number, &(tg_adam_options){.weight_decay = 0.5}) != expected);
}
END_TEST

START_TEST(the_rate_may_be_a_tensor_of_either_dtype) {
    adam_step *const steps[] = {(tg_adam_step), (tg_adamw_step)};
    double           expected = after_a_few(steps[_i], number, NULL);
    ck_assert(fabs(after_a_few(steps[_i], as_f32, NULL) - expected) < 1e-15);
    ck_assert(fabs(after_a_few(steps[_i], as_f64, NULL) - expected) < 1e-15);
}
END_TEST

/* ---- what is rejected --------------------------------------------------------------------------------------------- */

static void check_rejected(tg_tape *tape, tg_tensor rate, const tg_adam_options *options, tg_status status, const char *text) {
    int64_t count = tg_instruction_count(tape);
    ck_assert_int_eq(tg_adam_step(tape, rate, options), status);
    CHECK_ERROR(tape, status, "test_adam.c:", text);
    ck_assert_int_eq(tg_adamw_step(tape, rate, options), status);
    CHECK_ERROR(tape, status, "test_adam.c:", text);
    ck_assert_int_eq(tg_instruction_count(tape), count);
}

START_TEST(options_out_of_range_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 1, 2));
    tg_backward(tg_sum(tg_square(w)));
    check_rejected(tape, tg_num(1), &(tg_adam_options){.beta1 = 1}, TG_ERR_ARGUMENT, "step: beta1 1 is not in [0, 1)");
    check_rejected(tape, tg_num(1), &(tg_adam_options){.beta1 = -0.5}, TG_ERR_ARGUMENT, "step: beta1 -0.5 ");
    check_rejected(tape, tg_num(1), &(tg_adam_options){.beta2 = NAN}, TG_ERR_ARGUMENT, "step: beta2 nan ");
    check_rejected(tape, tg_num(1), &(tg_adam_options){.eps = -1}, TG_ERR_ARGUMENT, "step: eps -1 ");
    check_rejected(tape, tg_num(1), &(tg_adam_options){.weight_decay = INFINITY}, TG_ERR_ARGUMENT, "step: weight_decay inf ");
    CHECK_IS(w, 1, 2);
    finish(tape);
}
END_TEST

START_TEST(rates_of_the_wrong_kind_are_rejected) {
    tg_tape  *tape = tg_tape_new(), *other = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 1, 2));
    tg_backward(tg_sum(tg_square(w)));
    check_rejected(tape, tg_full(tape, TG_F64, TG_SHAPE(1), 1), NULL, TG_ERR_SHAPE, "the rate is (1), not one number");
    check_rejected(tape, tg_full(tape, TG_I64, TG_SHAPE(), 1), NULL, TG_ERR_DTYPE, "the rate is int64");
    check_rejected(tape, tg_full(other, TG_F64, TG_SHAPE(), 1), NULL, TG_ERR_HANDLE, "another tape");
    check_rejected(tape, (tg_tensor){0}, NULL, TG_ERR_HANDLE, "");
    CHECK_IS(w, 1, 2);
    finish(tape);
    finish(other);
}
END_TEST

START_TEST(without_a_gradient_or_a_tape_it_is_rejected) {
    static double memory[1] = {2};
    tg_tape      *tape = tg_tape_new();
    tg_parameter(tape, "w", 1.0);
    check_rejected(tape, tg_num(1), NULL, TG_ERR_GRADIENT, "step: no parameter has a gradient");
    tg_backward(tg_square(tg_borrow_parameter(tape, "b", TG_F64, TG_SHAPE(), memory)));
    check_rejected(tape, tg_num(1), NULL, TG_ERR_ARGUMENT, "'b' is borrowed");
    ck_assert_int_eq(tg_adam_step(NULL, 1, NULL), TG_ERR_HANDLE);
    ck_assert_int_eq(tg_adamw_step(NULL, 1, NULL), TG_ERR_HANDLE);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_adam(void) {
    Suite *suite = suite_create("adam");
    TCase *tcase = tcase_create("adam");
    tcase_add_test(tcase, a_constant_gradient_gives_equal_steps);
    tcase_add_test(tcase, adamw_shrinks_the_weights);
    tcase_add_test(tcase, a_beta_of_tg_zero_is_none);
    tcase_add_test(tcase, amsgrad_keeps_the_largest_square);
    tcase_add_test(tcase, maximize_is_the_way_up);
    tcase_add_loop_test(tcase, what_is_left_out_is_the_default, 0, 2);
    tcase_add_loop_test(tcase, the_rate_may_be_a_tensor_of_either_dtype, 0, 2);
    tcase_add_test(tcase, options_out_of_range_are_rejected);
    tcase_add_test(tcase, rates_of_the_wrong_kind_are_rejected);
    tcase_add_test(tcase, without_a_gradient_or_a_tape_it_is_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
