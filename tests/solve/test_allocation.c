/* tests/solve/test_allocation.c: solvers without memory, and without asking for more of it.
 *
 * A solver runs while one allocation after the other fails. Each time there is an error that says so at the line in this file, and the
 * leaves are as before; after it the same tape gives the same bits, and in the end nothing has leaked. And iterations allocate nothing.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>
#include <tapegrad.h>

#include "allocation.h"

/* What a solver works on: residuals of two unknowns, and the sum of their squares. */
typedef struct task {
    tg_tensor x[2], residuals, loss;
} task;

static const double start[2] = {-1.2, 1};

static task record(tg_tape *tape) {
    task t;
    t.x[0] = tg_parameter(tape, "a", start[0]);
    t.x[1] = tg_parameter(tape, "b", start[1]);
    t.residuals = tg_stack(TG_LIST(tg_mul(10, tg_sub(t.x[1], tg_square(t.x[0]))), tg_sub(1, t.x[0])), 0);
    t.loss = tg_sum(tg_square(t.residuals));
    return t;
}

typedef tg_status solver(const task *t, tg_solve_callback *callback, void *context);

static tg_status quasi_newton(const task *t, tg_solve_callback *callback, void *context) {
    tg_minimize_options o = {.callback = callback, .context = context, .lower = TG_LIST(tg_num(-5), TG_NONE)};
    return tg_minimize(t->loss, 2, t->x, &o, NULL);
}

static tg_status newton_cg(const task *t, tg_solve_callback *callback, void *context) {
    tg_minimize_options o = {.callback = callback, .context = context, .method = TG_NEWTON_CG};
    return tg_minimize(t->loss, 2, t->x, &o, NULL);
}

static tg_status levenberg(const task *t, tg_solve_callback *callback, void *context) {
    tg_least_squares_options o = {.callback = callback, .context = context, .robust = TG_ROBUST_CAUCHY, .scale = 10};
    return tg_least_squares(t->residuals, 2, t->x, &o, NULL);
}

static tg_status products(const task *t, tg_solve_callback *callback, void *context) {
    tg_least_squares_options o = {.callback = callback, .context = context, .jacobian = TG_JACOBIAN_FREE};
    return tg_least_squares(t->residuals, 2, t->x, &o, NULL);
}

static tg_status root(const task *t, tg_solve_callback *callback, void *context) {
    tg_root_options o = {.callback = callback, .context = context, .max_step = 0.5};
    return tg_root(t->residuals, 2, t->x, &o, NULL);
}

static tg_tensor swing(tg_tensor t, tg_tensor y, void *context) {
    (void)t, (void)context;
    return tg_flip(tg_mul(y, tg_arange(y.tape, TG_F64, -1, 2, 2)), TG_AXES(0));
}

static tg_status ode(const task *t, tg_solve_callback *callback, void *context) {
    (void)callback, (void)context;
    tg_odeint_options o = {.rtol = 1e-2, .atol = 1e-2, .first_step = 0.5};
    tg_tensor         y = tg_odeint(tg_stack(TG_LIST(t->x[0], t->x[1]), 0), swing, NULL, 2, (double[]){0, 1}, &o, NULL);
    return tg_data(y) ? TG_OK : tg_error_status(t->x[0].tape);
}

static solver *const solvers[] = {quasi_newton, newton_cg, levenberg, products, root, ode};
enum { SOLVERS = sizeof solvers / sizeof *solvers, ITERATING = SOLVERS - 1 };

/* ---- memory that fails ------------------------------------------------------------------------------------------- */

static bool is_as_before(const task *t) {
    return *(const double *)tg_peek(t->x[0]) == start[0] && *(const double *)tg_peek(t->x[1]) == start[1];
}

START_TEST(whatever_fails_is_an_error_after_which_the_tape_still_works) {
    solver *solve = solvers[_i];
    double  expected = 0;
    long    failures = 0;
    watch();
    for (bool failed = true; failed; failures += failed) {
        tg_tape *tape = tg_tape_new();
        task     t = record(tape);
        until_failure = failures; /* 0: none, for what is expected */
        solve(&t, NULL, NULL);
        failed = failures == 0 || until_failure == 0;
        until_failure = 0;
        if (failures && failed) {
            bool right = tg_error_status(tape) == TG_ERR_MEMORY && strstr(tg_error(tape), "out of memory") &&
                         strstr(tg_error(tape), "test_allocation.c");
            unwatched(ck_assert_msg(right, "solver %d, failure %ld: %s", _i, failures, tg_error(tape)));
            tg_clear_error(tape);
            unwatched(ck_assert_msg(is_as_before(&t), "solver %d, failure %ld: the leaves have changed", _i, failures));
            solve(&t, NULL, NULL);
        }
        double found = tg_item(t.x[0]);
        unwatched(ck_assert_msg(!tg_error_status(tape), "solver %d, failure %ld: %s", _i, failures, tg_error(tape)));
        if (failures == 0) expected = found;
        unwatched(ck_assert_msg(found == expected, "solver %d, failure %ld: %.17g, not %.17g", _i, failures, found, expected));
        tg_tape_free(tape);
        unwatched(ck_assert_int_eq(live, 0));
    }
    unwatched(ck_assert_int_gt(failures, 3));
}
END_TEST

/* ---- none that is asked for -------------------------------------------------------------------------------------- */

enum { FIRST = 3 }; /* from this iteration on there are none */

static bool count_calls(const tg_solve_report *so_far, int64_t count, const double *point, void *context) {
    int64_t *before = context;
    (void)count, (void)point;
    if (so_far->iterations == FIRST) before[0] = calls;
    if (so_far->iterations >= FIRST) before[1] = calls;
    before[2] = so_far->iterations;
    return true;
}

START_TEST(iterations_allocate_nothing) {
    int64_t seen[3] = {0};
    watch();
    tg_tape  *tape = tg_tape_new();
    task      t = record(tape);
    tg_status status = solvers[_i](&t, count_calls, seen);
    unwatched(ck_assert_msg(status == TG_OK, "%s", tg_error(tape)));
    unwatched(ck_assert_int_gt(seen[2], FIRST));
    unwatched(ck_assert_int_eq(seen[0], seen[1]));
    tg_tape_free(tape);
}
END_TEST

TCase *solver_allocation(void) {
    TCase *tcase = tcase_create("solvers");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, whatever_fails_is_an_error_after_which_the_tape_still_works, 0, SOLVERS);
    tcase_add_loop_test(tcase, iterations_allocate_nothing, 0, ITERATING);
    return tcase;
}
