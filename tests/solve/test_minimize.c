/* tests/solve/test_minimize.c: minima, beside those that SciPy finds, and what it takes to find them; what stands on the tape beside
 * the loss; what goes wrong.
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

enum { FOUND, POINT, LOWER, UPPER }; /* fields of a line */
enum { VALUE, EVALUATIONS };

static tg_tensor unknowns_of(tg_tape *tape, const test_problem *problem) {
    return tg_parameter(tape, "x", tg_constant(tape, TG_F64, TG_SHAPE(problem->unknowns), problem->start));
}

/* Its method, and how often it was met. */
typedef struct comparison {
    const char  *name;
    tg_minimizer method;
    int         *lines;
} comparison;

static void compare(const fixture_line *line, const void *context) {
    const comparison *c = context;
    if (strncmp(line->name, c->name, strlen(c->name))) return;
    const test_problem *problem = problem_named(line->name + strlen(c->name) + 1);
    tg_tape            *tape = tg_tape_new();
    tg_tensor           x = unknowns_of(tape, problem), loss = tg_sum(tg_square(problem->residuals(x)));
    tg_minimize_options options = {.method = c->method, .tolerance_gradient = 1e-7, .tolerance_value = TG_ZERO};
    tg_solve_report     report;
    const double       *found = line->number[FOUND];
    ck_assert_int_eq(tg_minimize(loss, 1, &x, &options, &report), TG_OK);
    double off = fabs(report.value - found[VALUE]);
    ck_assert_msg(off <= 1e-8 * fmax(1e-2, found[VALUE]), "%s: %.17g, not %.17g: %s", line->name, report.value, found[VALUE],
                  tg_stop_text(report.stop));
    ck_assert_msg((double)report.values <= 1.5 * found[EVALUATIONS], "%s: %d evaluations, not %g: %s", line->name,
                  (int)report.values, found[EVALUATIONS], tg_stop_text(report.stop));
    ck_assert_double_eq(tg_item(loss), report.value);
    ++*c->lines;
    finish(tape);
}

START_TEST(quasi_newton_takes_no_longer_than_that_of_scipy) {
    int        lines = 0;
    comparison c = {"L-BFGS-B", TG_QUASI_NEWTON, &lines};
    each_line("solve.csv", compare, &c);
    ck_assert_int_ge(lines, 16);
}
END_TEST

START_TEST(newton_takes_no_longer_than_that_of_scipy) {
    int        lines = 0;
    comparison c = {"trust-ncg", TG_NEWTON_CG, &lines};
    each_line("solve.csv", compare, &c);
    ck_assert_int_ge(lines, 17);
}
END_TEST

static void compare_bounded(const fixture_line *line, const void *context) {
    (void)context;
    const test_problem *problem = problem_named(line->name);
    tg_tape            *tape = tg_tape_new();
    tg_tensor           x = unknowns_of(tape, problem), loss = tg_sum(tg_square(problem->residuals(x)));
    tg_tensor           lower = tg_constant(tape, TG_F64, TG_SHAPE(problem->unknowns), line->number[LOWER]);
    tg_tensor           upper = tg_constant(tape, TG_F64, TG_SHAPE(problem->unknowns), line->number[UPPER]);
    tg_minimize_options options = {.lower = TG_LIST(lower),
                                   .upper = TG_LIST(upper),
                                   .tolerance_gradient = 1e-7,
                                   .tolerance_value = TG_ZERO};
    tg_solve_report     report;
    const double       *found = line->number[FOUND], *point = tg_data(x);
    ck_assert_int_eq(tg_minimize(loss, 1, &x, &options, &report), TG_OK);
    point = tg_data(x);
    for (int i = 0; i < problem->unknowns; i++)
        ck_assert_msg(line->number[LOWER][i] <= point[i] && point[i] <= line->number[UPPER][i], "%s: element %d is %.17g",
                      line->name, i, point[i]);
    ck_assert_msg(fabs(report.value - found[VALUE]) <= 1e-8 * fmax(1e-2, found[VALUE]), "%s: %.17g, not %.17g: %s", line->name,
                  report.value, found[VALUE], tg_stop_text(report.stop));
    ck_assert_msg((double)report.values <= 1.5 * found[EVALUATIONS], "%s: %d evaluations, not %g: %s", line->name,
                  (int)report.values, found[EVALUATIONS], tg_stop_text(report.stop));
    finish(tape);
}

START_TEST(with_bounds_it_takes_no_longer_than_that_of_scipy) {
    ck_assert_int_eq(each_line("solve_bounds.csv", compare_bounded, NULL), 12);
}
END_TEST

/* ---- the leaves -------------------------------------------------------------------------------------------------- */

/* (a - 3)^2 + 2 sum (b - a)^2 + 4 (c - 1)^2: the minimum is at 3 for a and all of b, 1 for c. */
static tg_tensor paraboloid(tg_tensor a, tg_tensor b, tg_tensor c) {
    tg_tensor apart = tg_sum(tg_square(tg_sub(b, a)));
    return tg_add(tg_add(tg_square(tg_sub(a, 3)), tg_mul(2, apart)), tg_mul(4, tg_square(tg_sub(tg_cast(c, TG_F64), 1))));
}

START_TEST(leaves_of_any_kind_are_one_vector) {
    for (tg_minimizer method = TG_QUASI_NEWTON; method <= TG_NEWTON_CG; method++) {
        tg_tape        *tape = tg_tape_new();
        tg_tensor       a = tg_parameter(tape, "a", 0.0), b = tg_input(tape, NULL, TG_F64, TG_SHAPE(2, 2));
        tg_tensor       c = tg_parameter(tape, "c", tg_full(tape, TG_F32, TG_SHAPE(), 5));
        tg_tensor       loss = paraboloid(a, b, c);
        tg_solve_report report;
        ck_assert_int_eq(tg_minimize(loss, 3, (tg_tensor[]){a, b, c}, &(tg_minimize_options){.method = method}, &report),
                         TG_OK);
        ck_assert_msg(report.converged, "%s", tg_stop_text(report.stop));
        ck_assert_double_eq_tol(tg_item(a), 3, 1e-3);
        for (int i = 0; i < 4; i++)
            ck_assert_double_eq_tol(((const double *)tg_data(b))[i], 3, 1e-3);
        ck_assert_double_eq_tol(tg_item(c), 1, 1e-3);
        finish(tape);
    }
}
END_TEST

/* What is not listed stays, parameter or not. */
START_TEST(other_leaves_stay) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", 1.0), b = tg_parameter(tape, "b", 7.0), x = tg_parameter(tape, "x", 5.0);
    tg_tensor loss = tg_add(tg_square(tg_sub(a, b)), tg_square(x));
    ck_assert_int_eq(tg_minimize(loss, 1, &a, NULL, NULL), TG_OK);
    CHECK_F64(b, 7);
    CHECK_F64(x, 5);
    ck_assert_double_eq_tol(tg_item(a), 7, 1e-6);
    ck_assert_double_eq_tol(tg_item(loss), 25, 1e-10);
    finish(tape);
}
END_TEST

START_TEST(float32_goes_as_far_as_it_holds) {
    for (tg_minimizer method = TG_QUASI_NEWTON; method <= TG_NEWTON_CG; method++) {
        tg_tape        *tape = tg_tape_new();
        tg_tensor       p = tg_parameter(tape, "p", tg_constant(tape, TG_F32, TG_SHAPE(2), (float[]){-1.2F, 1}));
        tg_tensor       loss = tg_sum(tg_square(problem_named("rosenbrock")->residuals(p)));
        tg_solve_report report;
        ck_assert_int_eq(tg_minimize(loss, 1, &p, &(tg_minimize_options){.method = method}, &report), TG_OK);
        ck_assert_msg(report.value < 1e-6, "%g: %s", report.value, tg_stop_text(report.stop));
        finish(tape);
    }
}
END_TEST

START_TEST(a_bound_is_a_number_a_tensor_or_none) {
    tg_tape            *tape = tg_tape_new();
    tg_tensor           a = tg_parameter(tape, "a", 9.0), b = tg_parameter(tape, "b", VECTOR(tape, 9, 9));
    tg_tensor           loss = tg_add(tg_square(tg_add(a, 1)), tg_sum(tg_square(tg_sub(b, 4))));
    tg_tensor           upper = tg_mul(2, VECTOR(tape, 1, 10));
    tg_solve_report     report;
    tg_minimize_options options = {.lower = TG_LIST(tg_num(0.5), TG_NONE), .upper = TG_LIST(TG_NONE, upper)};
    ck_assert_int_eq(tg_minimize(loss, 2, (tg_tensor[]){a, b}, &options, &report), TG_OK);
    ck_assert_msg(report.converged && report.gradient < 1e-6, "%s", tg_stop_text(report.stop));
    CHECK_F64(a, 0.5);
    ck_assert_double_eq(((const double *)tg_data(b))[0], 2);
    ck_assert_double_eq_tol(((const double *)tg_data(b))[1], 4, 1e-6);
    finish(tape);
}
END_TEST

/* ---- what else is on the tape ------------------------------------------------------------------------------------ */

/* A training step in a part, one outside behind the loss that is of other leaves, and a random op: none of them runs. */
START_TEST(nothing_else_runs) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", 4.0), w = tg_parameter(tape, "w", 1.0),
              count = tg_input(tape, "count", TG_F64, TG_SHAPE());
    tg_tensor loss = tg_square(tg_sub(x, 1)), other = tg_mul(3, x);
    CHECK_F64(other, 12);
    tg_begin_part(tape, "train");
    tg_backward(tg_square(tg_mul(w, x)));
    tg_sgd_step(tape, 0.1);
    tg_end_part(tape);
    tg_assign(count, tg_add(count, 1));
    int64_t instructions = tg_instruction_count(tape);
    ck_assert_int_eq(tg_minimize(loss, 1, &x, NULL, NULL), TG_OK);
    ck_assert_int_eq(tg_instruction_count(tape), instructions);
    ck_assert_double_eq(*(const double *)tg_peek(count), 0);
    ck_assert_double_eq_tol(tg_item(x), 1, 1e-6);
    CHECK_F64(w, 1);
    CHECK_F64(other, 12);
    tg_run(tape);
    ck_assert_double_eq_tol(tg_item(other), 3, 1e-5);
    CHECK_F64(count, 1);
    ck_assert_int_eq(tg_run_part(tape, "train"), TG_OK);
    ck_assert_double_lt(tg_item(w), 1);
    finish(tape);
}
END_TEST

START_TEST(gradients_of_the_users_are_left_alone) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", 4.0), loss = tg_square(tg_sub(x, 1));
    tg_backward(loss);
    tg_tensor g = tg_grad(x);
    CHECK_F64(g, 6);
    ck_assert_int_eq(tg_minimize(loss, 1, &x, NULL, NULL), TG_OK);
    CHECK_F64(g, 6); /* as after tg_write */
    tg_run(tape);
    ck_assert_double_lt(fabs(tg_item(g)), 1e-6);
    ck_assert(tg_grad(x).ref == g.ref);
    finish(tape);
}
END_TEST

/* A step that stands before the loss and has not run: a read does not run it, nor does this. */
START_TEST(a_pending_step_before_the_loss_is_an_error) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", 4.0), w = tg_parameter(tape, "w", 1.0);
    tg_backward(tg_square(w));
    tg_sgd_step(tape, 0.25);
    tg_tensor loss = tg_square(tg_sub(x, w));
    FAILS(tape, tg_minimize(loss, 1, &x, NULL, NULL), TG_ERR_VALUE, "minimize: before this value stands an update of 'w'");
    CHECK_F64(x, 4);
    ck_assert_int_eq(tg_run_pending(tape), TG_OK);
    ck_assert_int_eq(tg_minimize(loss, 1, &x, NULL, NULL), TG_OK);
    ck_assert_double_eq_tol(tg_item(x), 0.5, 1e-6);
    finish(tape);
}
END_TEST

/* An assign to the leaf that stands before the loss is where it starts from. */
START_TEST(a_pending_assign_before_the_loss_happens_first) {
    for (tg_minimizer method = TG_QUASI_NEWTON; method <= TG_NEWTON_CG; method++) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor x = tg_parameter(tape, "x", 4.0);
        tg_assign(x, -4);
        tg_tensor       loss = tg_square(tg_sub(tg_square(x), 1)); /* minima at -1 and 1 */
        tg_solve_report report;
        ck_assert_int_eq(tg_minimize(loss, 1, &x, &(tg_minimize_options){.method = method, .max_step = 0.5}, &report), TG_OK);
        ck_assert_double_eq_tol(tg_item(x), -1, 1e-5);
        ck_assert_double_eq(tg_item(loss), report.value);
        finish(tape);
    }
}
END_TEST

/* ---- far points -------------------------------------------------------------------------------------------------- */

/* x - log(x): the first step of either method leads to where there is no logarithm. */
static tg_tensor with_a_wall(tg_tensor x) {
    return tg_sub(tg_mul(4, x), tg_log(x));
}

/* The same, but an op rejects the points that are too far. */
static tg_tensor with_a_matrix(tg_tensor x) {
    tg_tensor factor = tg_cholesky(tg_reshape(x, TG_SHAPE(1, 1)), TG_LOWER);
    return tg_sub(tg_mul(4, x), tg_mul(2, tg_sum(tg_log(factor))));
}

START_TEST(points_without_a_value_are_too_far) {
    for (int k = 0; k < 4; k++) {
        tg_tape            *tape = tg_tape_new();
        tg_tensor           x = tg_parameter(tape, "x", 1.0), loss = k < 2 ? with_a_wall(x) : with_a_matrix(x);
        tg_solve_report     report;
        tg_minimize_options options = {.method = k % 2 ? TG_NEWTON_CG : TG_QUASI_NEWTON};
        ck_assert_int_eq(tg_minimize(loss, 1, &x, &options, &report), TG_OK);
        ck_assert_msg(report.converged, "case %d: %s", k, tg_stop_text(report.stop));
        ck_assert_double_eq_tol(tg_item(x), 0.25, 1e-6);
        finish(tape);
    }
}
END_TEST

START_TEST(a_start_without_a_value_is_reported) {
    for (tg_minimizer method = TG_QUASI_NEWTON; method <= TG_NEWTON_CG; method++) {
        tg_tape            *tape = tg_tape_new();
        tg_tensor           x = tg_parameter(tape, "x", -1.0);
        tg_solve_report     report;
        tg_minimize_options options = {.method = method};
        ck_assert_int_eq(tg_minimize(with_a_wall(x), 1, &x, &options, &report), TG_OK);
        ck_assert_int_eq(report.stop, TG_STOP_NOT_FINITE);
        ck_assert(!report.converged);
        CHECK_F64(x, -1);
        tg_tensor loss = with_a_matrix(x);
        tg_minimize(loss, 1, &x, &options, &report);
        ck_assert_int_eq(tg_error_status(tape), TG_ERR_NUMERIC);
        ck_assert_ptr_nonnull(strstr(tg_error(tape), "cholesky"));
        ck_assert_int_eq(report.stop, TG_STOP_NONE);
        tg_clear_error(tape);
        CHECK_F64(x, -1);
        finish(tape);
    }
}
END_TEST

/* The value falls without end. */
START_TEST(a_loss_without_a_minimum_ends) {
    for (tg_minimizer method = TG_QUASI_NEWTON; method <= TG_NEWTON_CG; method++) {
        tg_tape        *tape = tg_tape_new();
        tg_tensor       x = tg_parameter(tape, "x", 1.0), cube = tg_mul(x, tg_square(x));
        tg_solve_report report;
        ck_assert_int_eq(tg_minimize(cube, 1, &x, &(tg_minimize_options){.method = method}, &report), TG_OK);
        ck_assert_msg(report.value < 0.1, "%g", report.value);
        finish(tape);
    }
}
END_TEST

/* ---- ends -------------------------------------------------------------------------------------------------------- */

START_TEST(limits_are_kept) {
    for (tg_minimizer method = TG_QUASI_NEWTON; method <= TG_NEWTON_CG; method++) {
        tg_tape            *tape = tg_tape_new();
        const test_problem *wood = problem_named("wood");
        tg_tensor           x = unknowns_of(tape, wood), loss = tg_sum(tg_square(wood->residuals(x)));
        tg_solve_report     report;
        double              before = tg_item(loss);
        tg_minimize(loss, 1, &x, &(tg_minimize_options){.method = method, .max_iterations = 5}, &report);
        ck_assert_int_eq(report.stop, TG_STOP_ITERATIONS);
        ck_assert_int_eq(report.iterations, 5);
        ck_assert_double_lt(report.value, before);
        ck_assert_double_eq(tg_item(loss), report.value);
        for (int most = 1; most < 40; most++) { /* also where the last trial was rejected */
            tg_write(x, wood->start, 4);
            tg_minimize(loss, 1, &x, &(tg_minimize_options){.method = method, .max_evaluations = most}, &report);
            ck_assert_int_eq(report.stop, TG_STOP_EVALUATIONS);
            ck_assert_int_eq(report.values, most);
            ck_assert_double_eq(tg_item(loss), report.value);
            ck_assert_double_le(report.value, before);
        }
        finish(tape);
    }
}
END_TEST

START_TEST(no_step_is_longer_than_allowed) {
    for (tg_minimizer method = TG_QUASI_NEWTON; method <= TG_NEWTON_CG; method++) {
        tg_tape        *tape = tg_tape_new();
        tg_tensor       x = tg_parameter(tape, "x", 10.0), loss = tg_sqrt(tg_add(1, tg_square(x)));
        tg_solve_report report;
        tg_minimize(loss, 1, &x, &(tg_minimize_options){.method = method, .max_step = 0.5, .max_iterations = 4}, &report);
        ck_assert_double_eq_tol(tg_item(x), 8, 0.6);
        ck_assert_double_ge(tg_item(x), 8);
        finish(tape);
    }
}
END_TEST

/* What a callback was told last, and when it is to stop. */
typedef struct watch_state {
    int64_t         stop_after;
    tg_solve_report last;
    double          point[2];
    tg_tensor       read;
    int             cancels;
} watch_state;

static bool look(const tg_solve_report *so_far, int64_t count, const double *point, void *context) {
    watch_state *state = context;
    ck_assert_int_eq(count, 2);
    ck_assert_int_eq(so_far->iterations, state->last.iterations + 1);
    state->last = *so_far;
    memcpy(state->point, point, sizeof state->point);
    if (state->read.tape) tg_item(state->read);
    if (state->cancels) tg_cancel(state->read.tape);
    return so_far->iterations < state->stop_after;
}

START_TEST(a_callback_sees_each_iteration_and_may_stop_it) {
    for (tg_minimizer method = TG_QUASI_NEWTON; method <= TG_NEWTON_CG; method++) {
        tg_tape            *tape = tg_tape_new();
        tg_tensor           x = unknowns_of(tape, problem_named("rosenbrock"));
        tg_tensor           loss = tg_sum(tg_square(problem_named("rosenbrock")->residuals(x)));
        watch_state         state = {.stop_after = 6};
        tg_solve_report     report;
        tg_minimize_options options = {.method = method, .callback = look, .context = &state};
        ck_assert_int_eq(tg_minimize(loss, 1, &x, &options, &report), TG_OK);
        ck_assert_int_eq(report.stop, TG_STOP_CALLBACK);
        ck_assert_int_eq(report.iterations, 6);
        CHECK_F64(x, state.point[0], state.point[1]);
        ck_assert_double_eq(tg_item(loss), state.last.value);
        finish(tape);
    }
}
END_TEST

static bool cancel(const tg_solve_report *so_far, int64_t count, const double *point, void *tape) {
    (void)so_far, (void)count, (void)point;
    tg_cancel(tape);
    return true;
}

START_TEST(after_an_error_on_the_way_the_leaves_are_as_before) {
    for (tg_minimizer method = TG_QUASI_NEWTON; method <= TG_NEWTON_CG; method++) {
        tg_tape            *tape = tg_tape_new();
        tg_tensor           x = unknowns_of(tape, problem_named("rosenbrock"));
        tg_tensor           loss = tg_sum(tg_square(problem_named("rosenbrock")->residuals(x)));
        int64_t             count = tg_instruction_count(tape);
        watch_state         state = {.stop_after = 6, .read = loss};
        tg_minimize_options reads = {.method = method, .callback = look, .context = &state};
        tg_minimize_options cancels = {.method = method, .callback = cancel, .context = tape};
        ck_assert_int_eq(tg_minimize(loss, 1, &x, &reads, NULL), TG_ERR_ARGUMENT);
        CHECK_ERROR_TEXT(tape, TG_ERR_ARGUMENT, __FILE__);
        CHECK_F64(x, -1.2, 1);
        ck_assert_int_eq(tg_minimize(loss, 1, &x, &cancels, NULL), TG_ERR_CANCELLED);
        ck_assert_ptr_nonnull(strstr(tg_error(tape), "cancel"));
        tg_clear_error(tape);
        CHECK_F64(x, -1.2, 1);
        ck_assert_int_eq(tg_instruction_count(tape), count);
        ck_assert_int_eq(tg_minimize(loss, 1, &x, NULL, NULL), TG_OK);
        finish(tape);
    }
}
END_TEST

START_TEST(what_does_not_fit_is_rejected) {
    tg_tape  *tape = tg_tape_new(), *elsewhere = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", VECTOR(tape, 1, 2)), loss = tg_sum(tg_square(x)), c = VECTOR(tape, 1, 2);
    tg_tensor whole = tg_input(tape, NULL, TG_I64, TG_SHAPE()), y = tg_mul(2, x), other = tg_parameter(elsewhere, "x", 1.0);
    int64_t   count = tg_instruction_count(tape);
    FAILS(tape, tg_minimize(loss, 0, &x, NULL, NULL), TG_ERR_ARGUMENT, "minimize: there are no leaves to change");
    FAILS(tape, tg_minimize(loss, 1, NULL, NULL, NULL), TG_ERR_ARGUMENT, "minimize: there are no leaves to change");
    FAILS(tape, tg_minimize(y, 1, &x, NULL, NULL), TG_ERR_SHAPE, "minimize: the loss has 2 elements, not one: reduce it");
    FAILS(tape, tg_minimize(loss, 1, &whole, NULL, NULL), TG_ERR_DTYPE, "minimize: leaf 0 is int64, and only float32");
    FAILS(tape, tg_minimize(whole, 1, &x, NULL, NULL), TG_ERR_DTYPE, "minimize: int64 has no gradients");
    FAILS(tape, tg_minimize(loss, 1, &c, NULL, NULL), TG_ERR_ARGUMENT, "minimize: ");
    FAILS(tape, tg_minimize(loss, 1, &y, NULL, NULL), TG_ERR_ARGUMENT, "minimize: ");
    FAILS(tape, tg_minimize(loss, 1, &other, NULL, NULL), TG_ERR_HANDLE, "minimize: a leaf");
    FAILS(tape, tg_minimize(loss, 2, (tg_tensor[]){x, x}, NULL, NULL), TG_ERR_ARGUMENT, "minimize: leaf 1 is leaf 0");
    tg_minimize_options wrong = {.max_iterations = -1};
    FAILS(tape, tg_minimize(loss, 1, &x, &wrong, NULL), TG_ERR_ARGUMENT, "minimize: max_iterations -1");
    wrong = (tg_minimize_options){.history = 2000000};
    FAILS(tape, tg_minimize(loss, 1, &x, &wrong, NULL), TG_ERR_ARGUMENT, "minimize: history 2e+06");
    wrong = (tg_minimize_options){.tolerance_gradient = NAN};
    FAILS(tape, tg_minimize(loss, 1, &x, &wrong, NULL), TG_ERR_ARGUMENT, "minimize: tolerance_gradient nan");
    wrong = (tg_minimize_options){.method = (tg_minimizer)7};
    FAILS(tape, tg_minimize(loss, 1, &x, &wrong, NULL), TG_ERR_ARGUMENT, "minimize: 7 is no method");
    wrong = (tg_minimize_options){.method = TG_NEWTON_CG, .lower = TG_LIST(tg_num(0))};
    FAILS(tape, tg_minimize(loss, 1, &x, &wrong, NULL), TG_ERR_ARGUMENT, "minimize: TG_NEWTON_CG takes no bounds");
    wrong = (tg_minimize_options){.lower = TG_LIST(tg_num(0), tg_num(1))};
    FAILS(tape, tg_minimize(loss, 1, &x, &wrong, NULL), TG_ERR_ARGUMENT, "minimize: 2 lower bounds for 1 leaves");
    wrong = (tg_minimize_options){.lower = TG_LIST(tg_num(1)), .upper = TG_LIST(tg_num(0))};
    FAILS(tape, tg_minimize(loss, 1, &x, &wrong, NULL), TG_ERR_ARGUMENT, "minimize: element 0: the lower bound 1 is above");
    wrong = (tg_minimize_options){.upper = TG_LIST(whole)};
    FAILS(tape, tg_minimize(loss, 1, &x, &wrong, NULL), TG_ERR_DTYPE, "minimize: upper bound 0 is int64");
    wrong = (tg_minimize_options){.upper = TG_LIST(tg_full(tape, TG_F64, TG_SHAPE(3), 1))};
    FAILS(tape, tg_minimize(loss, 1, &x, &wrong, NULL), TG_ERR_SHAPE, "minimize: upper bound 0 has 3 elements, and its leaf 2");
    ck_assert_int_eq(tg_instruction_count(tape), count + 1);
    CHECK_F64(x, 1, 2);
    ck_assert_int_eq(tg_minimize(tg_num(1), 1, &x, NULL, NULL), TG_ERR_HANDLE);
    tg_begin_part(tape, "part");
    FAILS(tape, tg_minimize(loss, 1, &x, NULL, NULL), TG_ERR_ARGUMENT, "minimize: the part 'part' is still being recorded");
    tg_end_part(tape);
    tg_tape_free(elsewhere);
    finish(tape);
}
END_TEST

/* Another error stays, and nothing is touched. */
START_TEST(after_an_error_nothing_is_done) {
    tg_tape        *tape = tg_tape_new();
    tg_tensor       x = tg_parameter(tape, "x", 3.0), loss = tg_square(x);
    tg_solve_report report = {.stop = TG_STOP_VALUE};
    tg_find(tape, "nobody");
    ck_assert_int_eq(tg_minimize(loss, 1, &x, NULL, &report), TG_ERR_NAME);
    ck_assert_int_eq(report.stop, TG_STOP_NONE);
    tg_clear_error(tape);
    CHECK_F64(x, 3);
    finish(tape);
}
END_TEST

START_TEST(reasons_are_words) {
    for (int stop = TG_STOP_NONE; stop <= TG_STOP_NOT_FINITE; stop++)
        ck_assert_uint_gt(strlen(tg_stop_text((tg_stop)stop)), 5);
    ck_assert_str_eq(tg_stop_text((tg_stop)99), "?");
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_minimize(void) {
    Suite *suite = suite_create("minimize");
    TCase *tcase = tcase_create("minimize");
    tcase_add_test(tcase, quasi_newton_takes_no_longer_than_that_of_scipy);
    tcase_add_test(tcase, newton_takes_no_longer_than_that_of_scipy);
    tcase_add_test(tcase, with_bounds_it_takes_no_longer_than_that_of_scipy);
    tcase_add_test(tcase, leaves_of_any_kind_are_one_vector);
    tcase_add_test(tcase, other_leaves_stay);
    tcase_add_test(tcase, float32_goes_as_far_as_it_holds);
    tcase_add_test(tcase, a_bound_is_a_number_a_tensor_or_none);
    tcase_add_test(tcase, nothing_else_runs);
    tcase_add_test(tcase, gradients_of_the_users_are_left_alone);
    tcase_add_test(tcase, a_pending_step_before_the_loss_is_an_error);
    tcase_add_test(tcase, a_pending_assign_before_the_loss_happens_first);
    tcase_add_test(tcase, points_without_a_value_are_too_far);
    tcase_add_test(tcase, a_start_without_a_value_is_reported);
    tcase_add_test(tcase, a_loss_without_a_minimum_ends);
    tcase_add_test(tcase, limits_are_kept);
    tcase_add_test(tcase, no_step_is_longer_than_allowed);
    tcase_add_test(tcase, a_callback_sees_each_iteration_and_may_stop_it);
    tcase_add_test(tcase, after_an_error_on_the_way_the_leaves_are_as_before);
    tcase_add_test(tcase, what_does_not_fit_is_rejected);
    tcase_add_test(tcase, after_an_error_nothing_is_done);
    tcase_add_test(tcase, reasons_are_words);
    suite_add_tcase(suite, tcase);
    return suite;
}
