/* tests/solve/test_root.c: roots, beside what SciPy's hybr takes to find them, and where there are none; their derivatives.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "optim/fixture.h"
#include "solve/problems.h"
#include "support.h"

static void finish(tg_tape *tape) {
    CHECK_OK(tape);
    tg_tape_free(tape);
}

/* ---- beside SciPy ------------------------------------------------------------------------------------------------ */

static void compare(const fixture_line *line, const void *context) {
    int *lines = *(int *const *)context;
    if (strncmp(line->name, "hybr ", 5)) return;
    const test_problem *problem = problem_named(line->name + 5);
    tg_tape            *tape = tg_tape_new();
    tg_tensor           x = tg_parameter(tape, "x", tg_constant(tape, TG_F64, TG_SHAPE(problem->unknowns), problem->start));
    tg_solve_report     report;
    tg_root_options     options = {.tolerance_value = 1e-11};
    ck_assert_int_eq(tg_root(problem->residuals(x), 1, &x, &options, &report), TG_OK);
    ck_assert_msg(report.converged && report.value <= 1e-8, "%s: %g: %s", line->name, report.value, tg_stop_text(report.stop));
    bool far = !strcmp(problem->name, "brown_almost_linear"); /* its steps overshoot by orders of magnitude */
    ck_assert_msg((double)report.values <= (far ? 3 : 1.5) * line->number[0][1], "%s: %d evaluations, not %g", line->name,
                  (int)report.values, line->number[0][1]);
    ++*lines;
    finish(tape);
}

START_TEST(it_takes_no_longer_than_minpack) {
    int lines = 0, *count = &lines;
    each_line("solve.csv", compare, &count);
    ck_assert_int_ge(lines, 6);
}
END_TEST

/* Near the root of Powell's function, where the Jacobian is singular. */
START_TEST(a_singular_jacobian_slows_it_down_and_no_more) {
    const test_problem *powell = problem_named("powell_singular");
    tg_tape            *tape = tg_tape_new();
    tg_tensor           x = tg_parameter(tape, "x", tg_constant(tape, TG_F64, TG_SHAPE(4), powell->start));
    tg_solve_report     report;
    ck_assert_int_eq(tg_root(powell->residuals(x), 1, &x, NULL, &report), TG_OK);
    ck_assert_msg(report.converged && report.value < 1e-9, "%g: %s", report.value, tg_stop_text(report.stop));
    ck_assert_int_lt(report.iterations, 40);
    tg_write(x, (double[]){0, 0, 0, 0}, 4); /* it is the root itself */
    ck_assert_int_eq(tg_root(powell->residuals(x), 1, &x, NULL, &report), TG_OK);
    ck_assert_int_eq(report.iterations, 0);
    ck_assert_int_eq(report.stop, TG_STOP_VALUE);
    finish(tape);
}
END_TEST

/* ---- what may come ----------------------------------------------------------------------------------------------- */

/* Kepler's equation, E - e sin(E) = M, for a table of anomalies; and of several leaves. */
START_TEST(unknowns_may_be_of_any_shape) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor e = tg_input(tape, "E", TG_F64, TG_SHAPE(2, 2)), other = tg_parameter(tape, "x", 3.0), unknowns[] = {e, other};
    tg_tensor m = tg_reshape(VECTOR(tape, 0.1, 0.5, 1, 3), TG_SHAPE(2, 2));
    tg_tensor kepler = tg_sub(tg_sub(e, tg_mul(0.9, tg_sin(e))), m), square = tg_sub(tg_square(other), 2);
    tg_tensor all = tg_concat(TG_LIST(tg_reshape(kepler, TG_SHAPE(4)), tg_reshape(square, TG_SHAPE(1))), 0);
    ck_assert_int_eq(tg_root(all, 2, unknowns, NULL, NULL), TG_OK);
    const double *found = tg_data(e);
    const double  anomalies[] = {0.1, 0.5, 1, 3};
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq_tol(found[i] - 0.9 * sin(found[i]), anomalies[i], 1e-10);
    ck_assert_double_eq_tol(tg_item(other), sqrt(2), 1e-10);
    finish(tape);
}
END_TEST

START_TEST(where_there_is_no_root_it_says_so) {
    tg_tape        *tape = tg_tape_new();
    tg_tensor       x = tg_parameter(tape, "x", 3.0), f = tg_add(tg_square(x), 1);
    tg_solve_report report;
    ck_assert_int_eq(tg_root(f, 1, &x, NULL, &report), TG_OK);
    ck_assert_msg(!report.converged, "%s", tg_stop_text(report.stop));
    ck_assert_int_eq(report.stop, TG_STOP_STUCK);
    ck_assert_double_eq_tol(tg_item(x), 0, 1e-3);
    ck_assert_double_eq_tol(tg_item(f), report.value, 1e-15);
    finish(tape);
}
END_TEST

START_TEST(points_without_a_value_are_too_far) {
    tg_tape        *tape = tg_tape_new();
    tg_tensor       x = tg_parameter(tape, "x", 40.0), f = tg_sub(tg_log(x), 1);
    tg_solve_report report;
    ck_assert_int_eq(tg_root(f, 1, &x, NULL, &report), TG_OK);
    ck_assert_msg(report.converged, "%s", tg_stop_text(report.stop));
    ck_assert_double_eq_tol(tg_item(x), exp(1), 1e-9);
    tg_write(x, (double[]){-1}, 1);
    ck_assert_int_eq(tg_root(f, 1, &x, NULL, &report), TG_OK);
    ck_assert_int_eq(report.stop, TG_STOP_NOT_FINITE);
    CHECK_F64(x, -1);
    finish(tape);
}
END_TEST

START_TEST(float32_goes_as_far_as_it_holds) {
    tg_tape        *tape = tg_tape_new();
    tg_tensor       x = tg_parameter(tape, "x", tg_full(tape, TG_F32, TG_SHAPE(), 2)), f = tg_sub(tg_square(x), 3);
    tg_solve_report report;
    ck_assert_int_eq(tg_root(f, 1, &x, NULL, &report), TG_OK);
    ck_assert_msg(report.converged, "%s", tg_stop_text(report.stop));
    ck_assert_double_eq_tol(tg_item(x), sqrt(3), 1e-5);
    finish(tape);
}
END_TEST

START_TEST(limits_are_kept) {
    tg_tape        *tape = tg_tape_new();
    tg_tensor       x = tg_parameter(tape, "x", 1000.0), f = tg_sub(tg_square(x), 3);
    tg_solve_report report;
    tg_root(f, 1, &x, &(tg_root_options){.max_iterations = 2}, &report);
    ck_assert_int_eq(report.stop, TG_STOP_ITERATIONS);
    tg_root(f, 1, &x, &(tg_root_options){.max_evaluations = 3}, &report);
    ck_assert_int_eq(report.stop, TG_STOP_EVALUATIONS);
    double before = tg_item(x);
    tg_root(f, 1, &x, &(tg_root_options){.max_step = 0.5, .max_iterations = 1}, &report);
    ck_assert_double_eq_tol(tg_item(x), before - 0.5, 1e-12);
    finish(tape);
}
END_TEST

START_TEST(what_does_not_fit_is_rejected) {
    tg_tape        *tape = tg_tape_new();
    tg_tensor       x = tg_parameter(tape, "x", VECTOR(tape, 1, 2)), f = tg_sum(x), roots[1];
    tg_root_options wrong = {.tolerance_step = -1};
    FAILS(tape, tg_root(f, 1, &x, NULL, NULL), TG_ERR_SHAPE, "root: 1 equations for 2 unknowns");
    FAILS(tape, tg_root(x, 1, &x, &wrong, NULL), TG_ERR_ARGUMENT, "root: tolerance_step -1");
    FAILS(tape, tg_root(x, 0, &x, NULL, NULL), TG_ERR_ARGUMENT, "root: there are no leaves");
    FAILS(tape, tg_implicit(f, 1, &x, roots), TG_ERR_SHAPE, "implicit: 1 equations for 2 unknowns");
    ck_assert(!tg_valid(roots[0]));
    FAILS(tape, tg_implicit(f, 0, &x, roots), TG_ERR_ARGUMENT, "implicit: there are no unknowns");
    FAILS(tape, tg_implicit(x, 1, &x, NULL), TG_ERR_ARGUMENT, "implicit: there are no unknowns");
    ck_assert_int_eq(tg_implicit(tg_num(1), 1, &x, roots), TG_ERR_HANDLE);
    finish(tape);
}
END_TEST

/* ---- derivatives of roots ---------------------------------------------------------------------------------------- */

/* x^2 = p and x y = q: x is sqrt(p), y is q / sqrt(p). */
static tg_tensor equations_of(tg_tensor x, tg_tensor y, tg_tensor p, tg_tensor q) {
    return tg_stack(TG_LIST(tg_sub(tg_square(x), p), tg_sub(tg_mul(x, y), q)), 0);
}

START_TEST(the_derivative_of_a_root_is_that_of_its_formula) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor p = tg_parameter(tape, "p", 4.0), q = tg_parameter(tape, "q", 3.0);
    tg_tensor unknowns[] = {tg_input(tape, "x", TG_F64, TG_SHAPE()), tg_parameter(tape, "y", 1.0)}, roots[2];
    tg_write(unknowns[0], (double[]){1}, 1);
    tg_tensor equations = equations_of(unknowns[0], unknowns[1], p, q);
    ck_assert_int_eq(tg_implicit(equations, 2, unknowns, roots), TG_OK);
    tg_tensor loss = tg_add(tg_mul(10, roots[0]), tg_square(roots[1]));
    tg_backward(loss);
    for (double at = 4; at < 10; at += 5) {
        tg_write(p, &at, 1);
        ck_assert_int_eq(tg_root(equations, 2, unknowns, NULL, NULL), TG_OK);
        tg_run(tape);
        /* 10 sqrt(p) + q^2 / p */
        ck_assert_double_eq_tol(tg_item(loss), 10 * sqrt(at) + 9 / at, 1e-9);
        ck_assert_double_eq_tol(tg_item(tg_grad(p)), 5 / sqrt(at) - 9 / (at * at), 1e-9);
        ck_assert_double_eq_tol(tg_item(tg_grad(q)), 6 / at, 1e-9);
        ck_assert_double_eq_tol(tg_item(tg_grad(unknowns[1])), 0, 1e-12);
    }
    finish(tape);
}
END_TEST

/* The minimum of sum (x - p)^2 + (sum x)^2 for x, whose gradient for p is known: x = p - sum p / (n + 1). */
START_TEST(the_derivative_of_a_minimum_is_that_of_its_formula) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor p = tg_parameter(tape, "p", VECTOR(tape, 1, 2, 4)), x = tg_input(tape, "x", TG_F64, TG_SHAPE(3)), slope, best;
    tg_tensor loss = tg_add(tg_sum(tg_square(tg_sub(x, p))), tg_square(tg_sum(x)));
    tg_vjp(tape, 1, &loss, NULL, 1, &x, &slope);
    ck_assert_int_eq(tg_minimize(loss, 1, &x, NULL, NULL), TG_OK);
    ck_assert_int_eq(tg_implicit(slope, 1, &x, &best), TG_OK);
    tg_backward(tg_select(best, 0, 0));
    const double expected[] = {-0.75, 0.25, 2.25};
    double       g[3], found[3];
    tg_run(tape);
    tg_read(tg_grad(p), g, 3);
    tg_read(best, found, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_double_eq_tol(g[i], (i == 0) - 0.25, 1e-12);
        ck_assert_double_eq_tol(found[i], expected[i], 1e-12);
    }
    finish(tape);
}
END_TEST

Suite *suite_root(void) {
    Suite *suite = suite_create("root");
    TCase *tcase = tcase_create("root");
    tcase_add_test(tcase, it_takes_no_longer_than_minpack);
    tcase_add_test(tcase, a_singular_jacobian_slows_it_down_and_no_more);
    tcase_add_test(tcase, unknowns_may_be_of_any_shape);
    tcase_add_test(tcase, where_there_is_no_root_it_says_so);
    tcase_add_test(tcase, points_without_a_value_are_too_far);
    tcase_add_test(tcase, float32_goes_as_far_as_it_holds);
    tcase_add_test(tcase, limits_are_kept);
    tcase_add_test(tcase, what_does_not_fit_is_rejected);
    tcase_add_test(tcase, the_derivative_of_a_root_is_that_of_its_formula);
    tcase_add_test(tcase, the_derivative_of_a_minimum_is_that_of_its_formula);
    suite_add_tcase(suite, tcase);
    return suite;
}
