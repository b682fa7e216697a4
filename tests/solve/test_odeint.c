/* tests/solve/test_odeint.c: solutions of differential equations beside their formulas, and their gradients.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "support.h"

static void finish(tg_tape *tape) {
    CHECK_OK(tape);
    tg_tape_free(tape);
}

/* ---- equations --------------------------------------------------------------------------------------------------- */

/* dy/dt = -a y */
static tg_tensor decay(tg_tensor t, tg_tensor y, void *context) {
    (void)t;
    return tg_neg(tg_mul(*(tg_tensor *)context, y));
}

/* A point on a circle: d(x, y)/dt = (-y, x) */
static tg_tensor turn(tg_tensor t, tg_tensor y, void *context) {
    (void)t, (void)context;
    return tg_stack(TG_LIST(tg_neg(tg_select(y, 0, 1)), tg_select(y, 0, 0)), 0);
}

/* dy/dt = 2 t, of any shape */
static tg_tensor slope(tg_tensor t, tg_tensor y, void *context) {
    (void)y, (void)context;
    return tg_mul(2, t);
}

/* dy/dt = y^2, which is infinite at t = 1 for y(0) = 1 */
static tg_tensor burst(tg_tensor t, tg_tensor y, void *context) {
    (void)t, (void)context;
    return tg_square(y);
}

static tg_tensor wrong_shape(tg_tensor t, tg_tensor y, void *context) {
    (void)t, (void)context;
    return tg_concat(TG_LIST(y, y), 0);
}

static tg_tensor reads(tg_tensor t, tg_tensor y, void *context) {
    (void)t, (void)context;
    tg_item(y);
    return y;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

START_TEST(solutions_are_those_of_the_formulas) {
    const double times[] = {0, 0.1, 0.35, 1, 7.5, 20};
    for (double rtol = 1e-4; rtol > 1e-11; rtol /= 100) {
        tg_tape          *tape = tg_tape_new();
        tg_tensor         y0 = VECTOR(tape, 1, 0);
        tg_odeint_options options = {.rtol = rtol, .atol = rtol};
        tg_tensor         y = tg_odeint(y0, turn, NULL, 6, times, &options, NULL);
        ck_assert(tg_shape_equal(tg_shape_of(y), TG_SHAPE(6, 2)));
        const double *found = tg_data(y);
        ck_assert_ptr_nonnull(found);
        for (int i = 0; i < 6; i++) {
            ck_assert_double_eq_tol(found[2 * i], cos(times[i]), 50 * rtol);
            ck_assert_double_eq_tol(found[2 * i + 1], sin(times[i]), 50 * rtol);
        }
        finish(tape);
    }
}
END_TEST

/* An error that is 1e5 times smaller takes ten times the steps, by order 5. */
START_TEST(it_is_of_order_5) {
    int64_t  steps[2];
    tg_tape *tape = tg_tape_new();
    for (int k = 0; k < 2; k++) {
        tg_solve_report   report;
        tg_odeint_options options = {.rtol = k ? 1e-10 : 1e-5, .atol = k ? 1e-10 : 1e-5};
        tg_odeint(VECTOR(tape, 1, 0), turn, NULL, 2, (double[]){0, 50}, &options, &report);
        ck_assert(report.converged);
        steps[k] = report.iterations;
    }
    double ratio = (double)steps[1] / (double)steps[0];
    ck_assert_msg(ratio > 7 && ratio < 14, "%g", ratio);
    finish(tape);
}
END_TEST

START_TEST(time_may_run_backwards_and_stand_still) {
    tg_tape     *tape = tg_tape_new();
    const double back[] = {2, 1.5, 1.5, 0};
    tg_tensor    y = tg_odeint(tg_full(tape, TG_F64, TG_SHAPE(), exp(-2)), burst, NULL, 1, back, NULL, NULL);
    CHECK_F64(y, exp(-2));
    tg_tensor a = tg_full(tape, TG_F64, TG_SHAPE(), 1);
    y = tg_odeint(tg_full(tape, TG_F64, TG_SHAPE(), exp(-2)), decay, &a, 4, back, NULL, NULL);
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq_tol(((const double *)tg_data(y))[i], exp(-back[i]), 1e-6);
    finish(tape);
}
END_TEST

START_TEST(states_may_be_of_any_shape_and_float32) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    y = tg_odeint(tg_full(tape, TG_F32, TG_SHAPE(2, 1), 3), slope, NULL, 2, (double[]){1, 4}, NULL, NULL);
    const float *found = tg_data(y);
    ck_assert(tg_shape_equal(tg_shape_of(y), TG_SHAPE(2, 2, 1)));
    ck_assert(found[0] == 3 && found[1] == 3);
    ck_assert_double_eq_tol(found[2], 18, 1e-3);
    ck_assert_double_eq_tol(found[3], 18, 1e-3);
    finish(tape);
}
END_TEST

/* ---- gradients --------------------------------------------------------------------------------------------------- */

/* y(t) = y0 exp(-a t), between steps as well: its derivatives are exp(-a t) and -t y. */
START_TEST(gradients_flow_through_the_steps) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 0.5), y0 = tg_parameter(tape, "y0", 2.0);
    for (double t = 0.3; t < 4; t += 1.1) {
        tg_mark           mark = tg_tape_mark(tape);
        tg_odeint_options options = {.rtol = 1e-9, .atol = 1e-9};
        tg_tensor         y = tg_select(tg_odeint(y0, decay, &a, 3, (double[]){0, t, 5}, &options, NULL), 0, 1);
        tg_backward(y);
        ck_assert_double_eq_tol(tg_item(y), 2 * exp(-0.5 * t), 1e-7);
        ck_assert_double_eq_tol(tg_item(tg_grad(y0)), exp(-0.5 * t), 1e-7);
        ck_assert_double_eq_tol(tg_item(tg_grad(a)), -2 * t * exp(-0.5 * t), 1e-6);
        ck_assert_int_eq(tg_gradcheck(y, 2, (tg_tensor[]){a, y0}, NULL), TG_OK);
        tg_rewind(tape, mark);
    }
    finish(tape);
}
END_TEST

/* What was recorded runs again with other values. */
START_TEST(the_solution_is_a_formula) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 0.5), y0 = tg_input(tape, "y0", TG_F64, TG_SHAPE());
    tg_write(y0, (double[]){1}, 1);
    tg_tensor y = tg_select(tg_odeint(y0, decay, &a, 2, (double[]){0, 1}, NULL, NULL), 0, -1);
    ck_assert_double_eq_tol(tg_item(y), exp(-0.5), 1e-6);
    tg_write(a, (double[]){0.7}, 1);
    tg_write(y0, (double[]){3}, 1);
    tg_run(tape);
    ck_assert_double_eq_tol(tg_item(y), 3 * exp(-0.7), 1e-5);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(any_number_of_steps_may_be_allowed) {
    tg_tape          *tape = tg_tape_new();
    const double      times[] = {0, 0.5};
    tg_odeint_options any = {.max_steps = INT64_MAX}, none = {.max_steps = INT64_MIN};
    tg_tensor         y = tg_odeint(VECTOR(tape, 1), burst, NULL, 2, times, &any, NULL);
    ck_assert_str_eq(tg_error(tape), "");
    ck_assert(tg_valid(y));
    FAILS(tape, tg_odeint(VECTOR(tape, 1), burst, NULL, 2, times, &none, NULL), TG_ERR_ARGUMENT, "odeint: max_steps -9.22");
    finish(tape);
}
END_TEST

START_TEST(what_cannot_be_is_an_error) {
    tg_tape          *tape = tg_tape_new();
    tg_tensor         y0 = VECTOR(tape, 1), whole = tg_full(tape, TG_I64, TG_SHAPE(1), 1);
    const double      times[] = {0, 2};
    tg_odeint_options few = {.max_steps = 3, .first_step = 1e-3}, wrong = {.rtol = -1};
    tg_solve_report   report;
    int64_t           count = tg_instruction_count(tape);
    FAILS(tape, tg_odeint(y0, burst, NULL, 2, times, NULL, &report), TG_ERR_NUMERIC, "odeint: the step size is");
    ck_assert(!report.converged);
    FAILS(tape, tg_odeint(y0, burst, NULL, 2, times, &few, NULL), TG_ERR_NUMERIC, "odeint: more than 3 steps");
    FAILS(tape, tg_odeint(y0, burst, NULL, 2, times, &wrong, NULL), TG_ERR_ARGUMENT, "odeint: rtol -1");
    FAILS(tape, tg_odeint(y0, burst, NULL, 0, times, NULL, NULL), TG_ERR_ARGUMENT, "odeint: there are no times");
    FAILS(tape, tg_odeint(y0, NULL, NULL, 2, times, NULL, NULL), TG_ERR_ARGUMENT, "odeint: there is no function");
    FAILS(tape, tg_odeint(y0, burst, NULL, 3, (double[]){0, 2, 1}, NULL, NULL), TG_ERR_ARGUMENT, "odeint: time 2, 1,");
    FAILS(tape, tg_odeint(y0, burst, NULL, 2, (double[]){0, NAN}, NULL, NULL), TG_ERR_ARGUMENT, "odeint: time 1, nan,");
    FAILS(tape, tg_odeint(whole, burst, NULL, 2, times, NULL, NULL), TG_ERR_DTYPE, "odeint: the first state is int64");
    tg_odeint(y0, wrong_shape, NULL, 2, times, NULL, NULL);
    ck_assert_int_eq(tg_error_status(tape), TG_ERR_SHAPE);
    tg_clear_error(tape);
    tg_odeint(y0, reads, NULL, 2, times, NULL, NULL);
    ck_assert_int_eq(tg_error_status(tape), TG_ERR_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "not from inside an equation's function"));
    tg_clear_error(tape);
    ck_assert_int_eq(tg_instruction_count(tape), count);
    ck_assert(!tg_valid(tg_odeint(tg_num(1), burst, NULL, 2, times, NULL, NULL)));
    finish(tape);
}
END_TEST

Suite *suite_odeint(void) {
    Suite *suite = suite_create("odeint");
    TCase *tcase = tcase_create("odeint");
    tcase_add_test(tcase, solutions_are_those_of_the_formulas);
    tcase_add_test(tcase, it_is_of_order_5);
    tcase_add_test(tcase, time_may_run_backwards_and_stand_still);
    tcase_add_test(tcase, states_may_be_of_any_shape_and_float32);
    tcase_add_test(tcase, gradients_flow_through_the_steps);
    tcase_add_test(tcase, the_solution_is_a_formula);
    tcase_add_test(tcase, any_number_of_steps_may_be_allowed);
    tcase_add_test(tcase, what_cannot_be_is_an_error);
    suite_add_tcase(suite, tcase);
    return suite;
}
