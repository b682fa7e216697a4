/* tests/solve/test_odeint.c: solutions of differential equations beside their formulas, and their gradients.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "ops/values.h"
#include "support.h"

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
static tg_tensor twice_t(tg_tensor t, tg_tensor y, void *context) {
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
    tg_tensor    y = tg_odeint(tg_full(tape, TG_F32, TG_SHAPE(2, 1), 3), twice_t, NULL, 2, (double[]){1, 4}, NULL, NULL);
    const float *found = tg_data(y);
    ck_assert(tg_shape_equal(tg_shape_of(y), TG_SHAPE(2, 2, 1)));
    ck_assert(found[0] == 3 && found[1] == 3);
    ck_assert_double_eq_tol(found[2], 18, 1e-3);
    ck_assert_double_eq_tol(found[3], 18, 1e-3);
    finish(tape);
}
END_TEST

/* ---- between steps ----------------------------------------------------------------------------------------------- */

/* Steps of one size: whatever the error is. */
static tg_odeint_options even(double h) {
    return (tg_odeint_options){.rtol = 1e9, .atol = 1e9, .first_step = h, .max_step = h, .max_steps = 1000000};
}

enum { MANY = 201 };

/* The largest error of turn at `count` even times up to 6, by steps of size h. */
static double error_of(tg_tape *tape, int count, double h) {
    double            times[MANY], most = 0;
    tg_odeint_options options = even(h);
    for (int i = 0; i < count; i++)
        times[i] = 6. * i / (count - 1);
    const double *found = tg_data(tg_odeint(VECTOR(tape, 1, 0), turn, NULL, count, times, &options, NULL));
    for (int i = 0; found && i < count; i++)
        most = fmax(most, hypot(found[2 * i] - cos(times[i]), found[2 * i + 1] - sin(times[i])));
    return most;
}

/* With half the step the error is 2^4 times smaller, or 2^5 where the states at the ends of steps outweigh it. */
START_TEST(between_steps_it_is_of_order_4) {
    tg_tape *tape = tg_tape_new();
    double   ratio = error_of(tape, MANY, 0.5) / error_of(tape, MANY, 0.25);
    ck_assert_msg(ratio > 14 && ratio < 40, "%g", ratio);
    ratio = error_of(tape, 13, 0.5) / error_of(tape, 13, 0.25);
    ck_assert_msg(ratio > 28 && ratio < 40, "at the ends of steps: %g", ratio);
    finish(tape);
}
END_TEST

/* Times in heaps, several of them in one step and none in others, and some that are the same. */
START_TEST(times_may_stand_in_heaps) {
    tg_tape *tape = tg_tape_new();
    double   times[40];
    int      count = 0;
    times[count++] = 0;
    times[count++] = 0;
    for (int i = 0; i < 12; i++)
        times[count++] = 2.01 + 0.001 * i;
    times[count] = times[count - 1];
    count++;
    for (int i = 0; i < 12; i++)
        times[count++] = 5.5 + 0.01 * i;
    times[count++] = 7;
    times[count++] = 7;
    for (int run = 0; run < 2; run++) {
        tg_odeint_options options = even(run ? 0.01 : 0.5);
        const double     *found = tg_data(tg_odeint(VECTOR(tape, 1, 0), turn, NULL, count, times, &options, NULL));
        for (int i = 0; i < count; i++) {
            ck_assert_double_eq_tol(found[2 * i], cos(times[i]), run ? 1e-10 : 2e-4);
            ck_assert_double_eq_tol(found[2 * i + 1], sin(times[i]), run ? 1e-10 : 2e-4);
        }
    }
    finish(tape);
}
END_TEST

/* ---- gradients --------------------------------------------------------------------------------------------------- */

/* Volterra's equations, with what they are given: d(x, y)/dt = (a x - b x y, c x y - d y), and a little of t. */
static tg_tensor hunt(tg_tensor t, tg_tensor y, void *context) {
    tg_tensor p = *(tg_tensor *)context, both = tg_mul(tg_select(y, 0, 0), tg_select(y, 0, 1));
    tg_tensor growth = tg_mul(tg_slice(p, 0, 0, 2, 1), y), meeting = tg_mul(tg_slice(p, 0, 2, 4, 1), both);
    return tg_add(tg_add(growth, meeting), tg_mul(0.01, tg_sin(t)));
}

/* One step after the other by the table of the method, with the rate at the beginning computed in each. */
static tg_tensor step_by_step(tg_tensor y, tg_tensor p, double h, int steps) {
    static const double a[6][6] = {{1. / 5},
                                   {3. / 40, 9. / 40},
                                   {44. / 45, -56. / 15, 32. / 9},
                                   {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
                                   {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
                                   {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84}};
    static const double c[6] = {0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1};
    for (int i = 0; i < steps; i++) {
        tg_tensor k[6], next = y;
        for (int s = 0; s < 6; s++) {
            k[s] = hunt(tg_full(y.tape, TG_F64, TG_SHAPE(), (i + c[s]) * h), next, &p);
            next = y;
            for (int j = 0; j <= s; j++)
                next = tg_add(next, tg_mul(h * a[s][j], k[j]));
        }
        y = next;
    }
    return y;
}

static double farthest(tg_tensor a, tg_tensor b) {
    return tg_item(tg_max(tg_abs(tg_sub(a, b))));
}

START_TEST(the_steps_are_those_of_the_table) {
    tg_tape          *tape = tg_tape_new();
    tg_tensor         p = PARAMETER(tape, "p", 0.6, -0.8, -0.5, 0.4), y0 = PARAMETER(tape, "y", 1.2, 0.7), g[2][2], hv[2][2];
    tg_tensor         leaves[2] = {p, y0};
    tg_odeint_options options = even(0.25);
    options.memory = _i ? 200 : 0;
    tg_tensor loop = tg_select(tg_odeint(y0, hunt, &p, 2, (double[]){0, 5}, &options, NULL), 0, 1);
    tg_tensor loss[2] = {tg_sum(tg_square(loop)), tg_sum(tg_square(step_by_step(y0, p, 0.25, 20)))};
    for (int i = 0; i < 2; i++) {
        ck_assert(!tg_vjp(tape, 1, &loss[i], NULL, 2, leaves, g[i]));
        ck_assert(!tg_hvp(loss[i], 2, leaves, NULL, hv[i]));
    }
    ck_assert_double_lt(farthest(loss[0], loss[1]), 1e-14);
    for (int i = 0; i < 2; i++) {
        ck_assert_double_lt(farthest(g[0][i], g[1][i]), 1e-13);
        ck_assert_double_lt(farthest(hv[0][i], hv[1][i]), 1e-12);
    }
    finish(tape);
}
END_TEST

/* Where the times are, and how large the steps. */
static const struct {
    int    count;
    double h;
} plans[] = {{2, 0.05}, {3, 0.05}, {5, 0.05}, {101, 0.05}, {101, 0.5}, {101, 4}, {30, 0.01}};
enum { PLANS = sizeof plans / sizeof *plans };

/* With less memory the values have the same bits, and gradients differ by rounding: sums are of segments first. */
START_TEST(a_limit_of_memory_changes_no_gradient) {
    const size_t memory[] = {0, 1, 300, 2000, 100000};
    tg_tape     *tape = tg_tape_new();
    tg_tensor    p = PARAMETER(tape, "p", 0.6, -0.8, -0.5, 0.4), y0 = PARAMETER(tape, "y", 1.2, 0.7), leaves[2] = {p, y0};
    tg_tensor    y[5], g[5][2];
    double       times[MANY];
    int          count = plans[_i].count;
    for (int i = 0; i < count; i++)
        times[i] = 4. * i / (count - 1);
    for (int i = 0; i < 5; i++) {
        tg_odeint_options options = even(plans[_i].h);
        options.memory = memory[i];
        y[i] = tg_odeint(y0, hunt, &p, count, times, &options, NULL);
        tg_tensor loss = tg_sum(tg_pow(y[i], 3));
        ck_assert_msg(!tg_vjp(tape, 1, &loss, NULL, 2, leaves, g[i]), "%s", tg_error(tape));
        ck_assert_double_eq(farthest(y[i], y[0]), 0);
        ck_assert_double_lt(farthest(g[i][0], g[0][0]), 1e-12 * count);
        ck_assert_double_lt(farthest(g[i][1], g[0][1]), 1e-12 * count);
        if (_i == 1 || _i == 5) ck_assert_int_eq(tg_gradcheck(loss, 2, leaves, &(tg_gradcheck_report){.order = 2}), TG_OK);
    }
    finish(tape);
}
END_TEST

/* However many steps there are, as many instructions; and with a limit the bytes do not grow with the steps, but for their times. */
START_TEST(many_steps_cost_no_more) {
    int64_t instructions[2];
    size_t  bytes[2];
    for (int k = 0; k < 2; k++) {
        tg_tape          *tape = tg_tape_new();
        tg_tensor         a = tg_parameter(tape, "a", 0.5), y0 = tg_full(tape, TG_F64, TG_SHAPE(64), 1);
        tg_odeint_options options = even(k ? 1e-4 : 1e-2);
        tg_mark           mark = tg_tape_mark(tape);
        tg_odeint(y0, decay, &a, 2, (double[]){0, 2}, &options, NULL);
        instructions[k] = tg_instruction_count(tape);
        tg_rewind(tape, mark);
        options.memory = 1 << 18;
        tg_backward(tg_mean(tg_odeint(y0, decay, &a, 2, (double[]){0, 2}, &options, NULL)));
        ck_assert_double_eq_tol(tg_item(tg_grad(a)), -exp(-1),
                                1e-10); /* half of -t y, as the first of the two states is fixed */
        bytes[k] = tg_stats(tape).peak_bytes;
        finish(tape);
    }
    ck_assert_int_eq(instructions[0], instructions[1]);
    ck_assert_msg(bytes[1] < bytes[0] + ((size_t)3 << 20), "%zu, %zu", bytes[0], bytes[1]); /* 20,000 states are 20 MB */
}
END_TEST

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
    tcase_add_test(tcase, between_steps_it_is_of_order_4);
    tcase_add_test(tcase, times_may_stand_in_heaps);
    tcase_add_loop_test(tcase, the_steps_are_those_of_the_table, 0, 2);
    tcase_add_loop_test(tcase, a_limit_of_memory_changes_no_gradient, 0, PLANS);
    tcase_add_test(tcase, many_steps_cost_no_more);
    tcase_add_test(tcase, gradients_flow_through_the_steps);
    tcase_add_test(tcase, the_solution_is_a_formula);
    tcase_add_test(tcase, any_number_of_steps_may_be_allowed);
    tcase_add_test(tcase, what_cannot_be_is_an_error);
    suite_add_tcase(suite, tcase);
    return suite;
}
