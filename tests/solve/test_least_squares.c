/* tests/solve/test_least_squares.c: least squares: NIST's certified values, what SciPy finds and what it takes, robust losses, bounds.
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

static tg_tensor unknowns_of(tg_tape *tape, const test_problem *problem) {
    return tg_parameter(tape, "x", tg_constant(tape, TG_F64, TG_SHAPE(problem->unknowns), problem->start));
}

/* ---- NIST's -------------------------------------------------------------------------------------------------------- */

static tg_tensor at(tg_tensor x, int64_t i) {
    return tg_select(x, 0, i);
}

/* The models of the data sets, of parameters b and a predictor x. */
static tg_tensor misra1a(tg_tensor b, tg_tensor x) {
    return tg_mul(at(b, 0), tg_sub(1, tg_exp(tg_neg(tg_mul(at(b, 1), x)))));
}

static tg_tensor thurber(tg_tensor b, tg_tensor x) {
    tg_tensor above = tg_add(at(b, 2), tg_mul(at(b, 3), x)), below = tg_add(at(b, 5), tg_mul(at(b, 6), x));
    above = tg_add(at(b, 0), tg_mul(x, tg_add(at(b, 1), tg_mul(x, above))));
    return tg_div(above, tg_add(1, tg_mul(x, tg_add(at(b, 4), tg_mul(x, below)))));
}

static tg_tensor mgh09(tg_tensor b, tg_tensor x) {
    tg_tensor xx = tg_square(x);
    return tg_div(tg_mul(at(b, 0), tg_add(xx, tg_mul(x, at(b, 1)))), tg_add(tg_add(xx, tg_mul(x, at(b, 2))), at(b, 3)));
}

static tg_tensor eckerle4(tg_tensor b, tg_tensor x) {
    tg_tensor z = tg_div(tg_sub(x, at(b, 2)), at(b, 1));
    return tg_mul(tg_div(at(b, 0), at(b, 1)), tg_exp(tg_mul(-0.5, tg_square(z))));
}

static tg_tensor rat43(tg_tensor b, tg_tensor x) {
    tg_tensor base = tg_add(1, tg_exp(tg_sub(at(b, 1), tg_mul(at(b, 2), x))));
    return tg_div(at(b, 0), tg_pow(base, tg_reciprocal(at(b, 3))));
}

static tg_tensor mgh17(tg_tensor b, tg_tensor x) {
    tg_tensor first = tg_mul(at(b, 1), tg_exp(tg_neg(tg_mul(x, at(b, 3)))));
    tg_tensor second = tg_mul(at(b, 2), tg_exp(tg_neg(tg_mul(x, at(b, 4)))));
    return tg_add(at(b, 0), tg_add(first, second));
}

static const struct {
    const char *name;
    tg_tensor (*model)(tg_tensor b, tg_tensor x);
    bool far; /* from the first start SciPy finds another minimum */
} data_sets[] = {{"Misra1a", misra1a, false},   {"Thurber", thurber, false}, {"MGH09", mgh09, false},
                 {"Eckerle4", eckerle4, false}, {"Rat43", rat43, false},     {"MGH17", mgh17, true}};

enum { FIRST_START, SECOND_START, CERTIFIED, PREDICTOR, RESPONSE };

static void check_data_set(const fixture_line *line, int start, int which) {
    const double            *certified = line->number[CERTIFIED];
    int                      n = line->count[start], rows = line->count[RESPONSE];
    tg_tape                 *tape = tg_tape_new();
    tg_tensor                b = tg_parameter(tape, "b", tg_constant(tape, TG_F64, TG_SHAPE(n), line->number[start]));
    tg_tensor                x = tg_constant(tape, TG_F64, TG_SHAPE(rows), line->number[PREDICTOR]);
    tg_tensor                y = tg_constant(tape, TG_F64, TG_SHAPE(rows), line->number[RESPONSE]);
    tg_solve_report          report;
    tg_least_squares_options options = {.tolerance_gradient = 1e-12, .tolerance_value = 1e-14, .tolerance_step = 1e-13};
    ck_assert_int_eq(tg_least_squares(tg_sub(data_sets[which].model(b, x), y), 1, &b, &options, &report), TG_OK);
    ck_assert_msg(fabs(2 * report.value / certified[n] - 1) < 1e-8, "%s, start %d: %.12g, not %.12g: %s", line->name, start + 1,
                  2 * report.value, certified[n], tg_stop_text(report.stop));
    const double *found = tg_data(b);
    for (int i = 0; i < n; i++)
        ck_assert_msg(fabs(found[i] / certified[i] - 1) < 1e-6, "%s, start %d, b%d: %.12g, not %.12g", line->name, start + 1,
                      i + 1, found[i], certified[i]);
    finish(tape);
}

static void check_nist(const fixture_line *line, const void *context) {
    int *checked = *(int *const *)context;
    for (int i = 0; i < (int)(sizeof data_sets / sizeof *data_sets); i++) {
        if (strcmp(line->name, data_sets[i].name)) continue;
        if (!data_sets[i].far) check_data_set(line, FIRST_START, i);
        check_data_set(line, SECOND_START, i);
        ++*checked;
    }
}

START_TEST(the_certified_values_of_nist_are_found) {
    int checked = 0, *count = &checked;
    each_line("nist.csv", check_nist, &count);
    ck_assert_int_eq(checked, 6);
}
END_TEST

/* ---- beside SciPy ------------------------------------------------------------------------------------------------ */

enum { VALUE, EVALUATIONS };

static void compare(const fixture_line *line, const void *context) {
    int *lines = *(int *const *)context;
    if (strncmp(line->name, "lm ", 3)) return;
    const test_problem      *problem = problem_named(line->name + 3);
    tg_tape                 *tape = tg_tape_new();
    tg_tensor                x = unknowns_of(tape, problem);
    tg_solve_report          report;
    tg_least_squares_options options = {.tolerance_gradient = 1e-12, .tolerance_value = 1e-12, .tolerance_step = 1e-12};
    const double            *found = line->number[0];
    ck_assert_int_eq(tg_least_squares(problem->residuals(x), 1, &x, &options, &report), TG_OK);
    ck_assert_msg(fabs(2 * report.value - found[VALUE]) <= 1e-8 * fmax(1e-2, found[VALUE]), "%s: %.17g, not %.17g: %s",
                  line->name, 2 * report.value, found[VALUE], tg_stop_text(report.stop));
    ck_assert_msg((double)report.values <= 1.5 * found[EVALUATIONS], "%s: %d evaluations, not %g: %s", line->name,
                  (int)report.values, found[EVALUATIONS], tg_stop_text(report.stop));
    ++*lines;
    finish(tape);
}

START_TEST(it_takes_no_longer_than_minpack) {
    int lines = 0, *count = &lines;
    each_line("solve.csv", compare, &count);
    ck_assert_int_ge(lines, 16);
}
END_TEST

/* With products alone, on the same problems but those where Gauss and Newton's model is far from right. */
START_TEST(products_are_enough) {
    static const char *const names[] =
        {"rosenbrock",           "beale",          "helical_valley",     "bard", "box", "wood", "kowalik_osborne", "watson",
         "variably_dimensioned", "boundary_value", "broyden_tridiagonal"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        double value[2];
        for (int k = 0; k < 2; k++) {
            tg_tape                 *tape = tg_tape_new();
            tg_tensor                x = unknowns_of(tape, problem_named(names[i]));
            tg_tensor                residuals = problem_named(names[i])->residuals(x);
            tg_solve_report          report;
            tg_least_squares_options options = {.jacobian = k ? TG_JACOBIAN_FREE : TG_JACOBIAN_DENSE,
                                                .tolerance_gradient = 1e-10};
            ck_assert_int_eq(tg_least_squares(residuals, 1, &x, &options, &report), TG_OK);
            ck_assert_msg(report.converged, "%s: %s", names[i], tg_stop_text(report.stop));
            value[k] = report.value;
            finish(tape);
        }
        ck_assert_msg(fabs(value[1] - value[0]) <= 1e-8 * fmax(1e-2, value[0]), "%s: %.12g and %.12g", names[i], value[1],
                      value[0]);
    }
}
END_TEST

/* A field on a line of 2000 points, which is smooth, and known at each tenth: too large for a Jacobian. */
START_TEST(large_problems_need_no_matrix) {
    enum { N = 2000 };
    tg_tape        *tape = tg_tape_new();
    tg_tensor       u = tg_parameter(tape, "u", tg_full(tape, TG_F64, TG_SHAPE(N), 0));
    tg_tensor       seen = tg_sub(tg_slice(u, 0, 0, N, 10), tg_sin(tg_mul(0.05, tg_arange(tape, TG_F64, 0, N / 10, 1))));
    tg_tensor       bend = tg_sub(tg_slice(u, 0, 1, N, 1), tg_slice(u, 0, 0, N - 1, 1));
    tg_solve_report report;
    int64_t         calls = tg_instruction_count(tape);
    ck_assert_int_eq(tg_least_squares(tg_concat(TG_LIST(seen, bend), 0), 1, &u, NULL, &report), TG_OK);
    ck_assert_msg(report.converged, "%s", tg_stop_text(report.stop));
    ck_assert_int_lt(report.products, N / 2);
    ck_assert_int_eq(tg_instruction_count(tape), calls + 1);
    finish(tape);
}
END_TEST

/* ---- robust losses and bounds ------------------------------------------------------------------------------------ */

enum { SCALE, LOWER, UPPER, COST, POINT, ROWS = 16 };

static tg_tensor decay_residuals(tg_tensor p) {
    double y[ROWS];
    for (int i = 0; i < ROWS; i++)
        y[i] = 5 * exp(-0.25 * i) + 0.5 + 0.1 * sin(7 * i);
    y[3] += 4, y[8] -= 3, y[13] += 5;
    tg_tensor t = tg_arange(p.tape, TG_F64, 0, ROWS, 1);
    tg_tensor model = tg_add(tg_mul(at(p, 0), tg_exp(tg_neg(tg_mul(at(p, 1), t)))), at(p, 2));
    return tg_sub(model, tg_constant(p.tape, TG_F64, TG_SHAPE(ROWS), y));
}

static tg_robust robust_named(const char *name) {
    static const char *const names[] = {"linear", "huber", "soft_l1", "cauchy"};
    int                      i = 0;
    while (i < 4 && strcmp(names[i], name))
        i++;
    ck_assert_msg(i < 4, "%s", name);
    return (tg_robust)i;
}

static void compare_robust(const fixture_line *line, const void *context) {
    (void)context;
    bool bounded = isfinite(line->number[LOWER][1]);
    for (int k = 0; k < 2 - bounded; k++) {
        tg_tape                 *tape = tg_tape_new();
        tg_tensor                p = tg_parameter(tape, "p", VECTOR(tape, 4, 0.35, 0.7));
        tg_tensor                lower = tg_constant(tape, TG_F64, TG_SHAPE(3), line->number[LOWER]);
        tg_tensor                upper = tg_constant(tape, TG_F64, TG_SHAPE(3), line->number[UPPER]);
        tg_least_squares_options options = {.robust = robust_named(line->name),
                                            .scale = line->number[SCALE][0],
                                            .jacobian = k ? TG_JACOBIAN_FREE : TG_JACOBIAN_DENSE,
                                            .tolerance_gradient = 1e-11,
                                            .tolerance_value = 1e-15,
                                            .tolerance_step = 1e-13};
        if (bounded) options.lower = tg_list_from(1, &lower), options.upper = tg_list_from(1, &upper);
        tg_solve_report report;
        ck_assert_int_eq(tg_least_squares(decay_residuals(p), 1, &p, &options, &report), TG_OK);
        double cost = line->number[COST][0];
        ck_assert_msg(fabs(report.value - cost) < 1e-8 * cost, "%s: %.12g, not %.12g: %s", line->name, report.value, cost,
                      tg_stop_text(report.stop));
        for (int i = 0; i < 3; i++)
            ck_assert_double_eq_tol(((const double *)tg_data(p))[i], line->number[POINT][i], 2e-5);
        finish(tape);
    }
}

START_TEST(robust_losses_and_bounds_give_what_scipy_finds) {
    ck_assert_int_eq(each_line("solve_robust.csv", compare_robust, NULL), 8);
}
END_TEST

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

/* One residual for three unknowns, of two leaves. */
START_TEST(there_may_be_more_unknowns_than_residuals) {
    tg_tape        *tape = tg_tape_new();
    tg_tensor       a = tg_parameter(tape, "a", 0.0), c = tg_parameter(tape, "c", VECTOR(tape, 0, 0));
    tg_tensor       residual = tg_sub(tg_add(a, tg_sum(c)), 6);
    tg_solve_report report;
    ck_assert_int_eq(tg_least_squares(residual, 2, (tg_tensor[]){a, c}, NULL, &report), TG_OK);
    ck_assert_msg(report.converged, "%s", tg_stop_text(report.stop));
    ck_assert_double_eq_tol(tg_item(residual), 0, 1e-10);
    finish(tape);
}
END_TEST

START_TEST(float32_goes_as_far_as_it_holds) {
    tg_tape        *tape = tg_tape_new();
    tg_tensor       p = tg_parameter(tape, "p", tg_constant(tape, TG_F32, TG_SHAPE(2), (float[]){-1.2F, 1}));
    tg_solve_report report;
    for (int k = 0; k < 2; k++) {
        tg_least_squares_options options = {.jacobian = k ? TG_JACOBIAN_FREE : TG_JACOBIAN_DENSE};
        tg_write(p, (float[]){-1.2F, 1}, 2);
        ck_assert_int_eq(tg_least_squares(problem_named("rosenbrock")->residuals(p), 1, &p, &options, &report), TG_OK);
        ck_assert_msg(report.value < 1e-6, "%g: %s", report.value, tg_stop_text(report.stop));
    }
    finish(tape);
}
END_TEST

/* log(x) - 1 from far to the left of its root: steps lead to where there is no logarithm. */
START_TEST(points_without_a_value_are_too_far) {
    for (int k = 0; k < 2; k++) {
        tg_tape                 *tape = tg_tape_new();
        tg_tensor                x = tg_parameter(tape, "x", 40.0);
        tg_least_squares_options options = {.jacobian = k ? TG_JACOBIAN_FREE : TG_JACOBIAN_DENSE};
        tg_solve_report          report;
        ck_assert_int_eq(tg_least_squares(tg_sub(tg_log(x), 1), 1, &x, &options, &report), TG_OK);
        ck_assert_msg(report.converged, "%s", tg_stop_text(report.stop));
        ck_assert_double_eq_tol(tg_item(x), exp(1), 1e-5);
        tg_write(x, (double[]){-1}, 1);
        ck_assert_int_eq(tg_least_squares(tg_sub(tg_log(x), 1), 1, &x, &options, &report), TG_OK);
        ck_assert_int_eq(report.stop, TG_STOP_NOT_FINITE);
        CHECK_F64(x, -1);
        ck_assert_int_eq(tg_least_squares(tg_mul(1e200, x), 1, &x, &options, &report), TG_OK); /* its square is infinite */
        ck_assert_int_eq(report.stop, TG_STOP_NOT_FINITE);
        finish(tape);
    }
}
END_TEST

static bool stop_at_3(const tg_solve_report *so_far, int64_t count, const double *point, void *context) {
    (void)count, (void)point, (void)context;
    return so_far->iterations < 3;
}

START_TEST(limits_are_kept) {
    tg_tape            *tape = tg_tape_new();
    const test_problem *problem = problem_named("wood");
    tg_tensor           x = unknowns_of(tape, problem), residuals = problem->residuals(x);
    tg_solve_report     report;
    for (tg_jacobian_form form = TG_JACOBIAN_DENSE; form <= TG_JACOBIAN_FREE; form++) {
        tg_write(x, problem->start, 4);
        tg_least_squares(residuals, 1, &x, &(tg_least_squares_options){.jacobian = form, .max_iterations = 5}, &report);
        ck_assert_int_eq(report.stop, TG_STOP_ITERATIONS);
        ck_assert_int_eq(report.iterations, 5);
        tg_least_squares(residuals, 1, &x, &(tg_least_squares_options){.jacobian = form, .max_evaluations = 4}, &report);
        ck_assert_int_eq(report.stop, TG_STOP_EVALUATIONS);
        tg_least_squares(residuals, 1, &x, &(tg_least_squares_options){.jacobian = form, .callback = stop_at_3}, &report);
        ck_assert_int_eq(report.stop, TG_STOP_CALLBACK);
        const double *f = tg_data(residuals);
        double        value = 0;
        for (int i = 0; i < 6; i++)
            value += f[i] * f[i] / 2;
        ck_assert_double_eq_tol(value, report.value, 1e-12 * value);
    }
    finish(tape);
}
END_TEST

START_TEST(what_does_not_fit_is_rejected) {
    tg_tape                 *tape = tg_tape_new();
    tg_tensor                x = tg_parameter(tape, "x", VECTOR(tape, 1, 2)), f = tg_square(x);
    tg_tensor                none = tg_slice(f, 0, 0, 0, 1);
    tg_least_squares_options wrong = {.scale = -1};
    FAILS(tape, tg_least_squares(f, 0, &x, NULL, NULL), TG_ERR_ARGUMENT, "least_squares: there are no leaves");
    FAILS(tape, tg_least_squares(none, 1, &x, NULL, NULL), TG_ERR_SHAPE, "least_squares: there are no residuals");
    FAILS(tape, tg_least_squares(f, 1, &x, &wrong, NULL), TG_ERR_ARGUMENT, "least_squares: scale -1");
    wrong = (tg_least_squares_options){.robust = (tg_robust)9};
    FAILS(tape, tg_least_squares(f, 1, &x, &wrong, NULL), TG_ERR_ARGUMENT, "least_squares: 9 is no robust loss");
    wrong = (tg_least_squares_options){.jacobian = (tg_jacobian_form)9};
    FAILS(tape, tg_least_squares(f, 1, &x, &wrong, NULL), TG_ERR_ARGUMENT, "least_squares: 9 is no form of a Jacobian");
    wrong = (tg_least_squares_options){.jacobian = TG_JACOBIAN_FREE, .lower = TG_LIST(tg_num(0))};
    FAILS(tape, tg_least_squares(f, 1, &x, &wrong, NULL), TG_ERR_ARGUMENT, "least_squares: a Jacobian that is not dense");
    CHECK_F64(x, 1, 2);
    finish(tape);
}
END_TEST

Suite *suite_least_squares(void) {
    Suite *suite = suite_create("least_squares");
    TCase *tcase = tcase_create("least_squares");
    tcase_add_test(tcase, the_certified_values_of_nist_are_found);
    tcase_add_test(tcase, it_takes_no_longer_than_minpack);
    tcase_add_test(tcase, products_are_enough);
    tcase_add_test(tcase, large_problems_need_no_matrix);
    tcase_add_test(tcase, robust_losses_and_bounds_give_what_scipy_finds);
    tcase_add_test(tcase, there_may_be_more_unknowns_than_residuals);
    tcase_add_test(tcase, float32_goes_as_far_as_it_holds);
    tcase_add_test(tcase, points_without_a_value_are_too_far);
    tcase_add_test(tcase, limits_are_kept);
    tcase_add_test(tcase, what_does_not_fit_is_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
