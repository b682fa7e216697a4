/* tests/hostile/solvers.c: calls of solvers, of sparse and batched derivatives, of loaders, and of what writes a tape as C.
 *
 * SPDX-License-Identifier: MIT */
#include "calls.h"

#include <string.h>
#include <tapegrad/emit.h>

static bool watch_any(const tg_solve_report *so_far, int64_t count, const double *point, void *context) {
    (void)so_far, (void)count, (void)point, (void)context;
    act_inside();
    return chance(4);
}

static tg_list bounds(tg_tensor *x) {
    return tg_list_from(chance(16) ? -1 : (int)(next() % 3), chance(16) ? NULL : x);
}

/* So few that it ends soon. */
static int64_t iterations(void) {
    int64_t n = number();
    return n > 20 ? 20 : n == 0 ? 5 : n;
}

static void optimum(void) {
    tg_tensor       x[2] = {any(), any()}, low[2] = {any(), any()}, high[2] = {any(), any()}, y = any(), roots[2];
    int             n = chance(8) ? small() : 1;
    tg_solve_report report, *told = chance(4) ? NULL : &report;
    bool            no_options = chance(16);
    if (n > 2) n = 2;
    memset(roots, 0, sizeof roots);
    switch (next() % 4) {
    case 0: {
        tg_minimize_options o = {.method = (tg_minimizer)(next() % 3),
                                 .max_iterations = iterations(),
                                 .max_evaluations = iterations()};
        if (chance(2)) o.tolerance_gradient = real(), o.tolerance_value = real(), o.max_step = real(), o.history = number();
        if (chance(4)) o.lower = bounds(low), o.upper = bounds(high);
        if (chance(2)) o.callback = watch_any;
        if (o.history > 20) o.history = INT64_MAX;
        tg_minimize(chance(2) ? tg_sum(y) : y, n, chance(32) ? NULL : x, no_options ? NULL : &o, told);
        break;
    }
    case 1: {
        tg_least_squares_options o = {.robust = (tg_robust)(next() % 6),
                                      .jacobian = (tg_jacobian_form)(next() % 4),
                                      .max_iterations = iterations(),
                                      .max_evaluations = iterations()};
        if (chance(2)) o.tolerance_gradient = real(), o.tolerance_value = real(), o.tolerance_step = real(), o.scale = real();
        if (chance(4)) o.lower = bounds(low), o.upper = bounds(high);
        if (chance(2)) o.callback = watch_any;
        tg_least_squares(y, n, chance(32) ? NULL : x, no_options ? NULL : &o, told);
        break;
    }
    case 2: {
        tg_root_options o = {.max_iterations = iterations(), .max_evaluations = iterations()};
        if (chance(2)) o.tolerance_value = real(), o.tolerance_step = real(), o.max_step = real();
        if (chance(2)) o.callback = watch_any;
        tg_root(y, n, chance(32) ? NULL : x, no_options ? NULL : &o, told);
        break;
    }
    default:
        tg_implicit(y, n, chance(32) ? NULL : x, chance(32) ? NULL : roots);
        put(roots[0]);
        break;
    }
    tg_stop_text((tg_stop)small());
}

static tg_tensor rate_any(tg_tensor t, tg_tensor y, void *context) {
    (void)context;
    act_inside();
    return chance(16) ? any() : tg_mul(chance(2) ? t : tg_sin(y), y);
}

static void ode(void) {
    tg_odeint_options o = {.max_steps = iterations()};
    double            times[] = {0, real(), real()};
    int               count = chance(16) ? small() : 1 + (int)(next() % 3);
    tg_solve_report   report;
    if (count > 3) count = 3;
    if (chance(4)) o.rtol = real(), o.atol = real(), o.first_step = real(), o.max_step = real();
    put(tg_odeint(any(), chance(32) ? NULL : rate_any, NULL, count, chance(32) ? NULL : times, chance(16) ? NULL : &o,
                  chance(2) ? NULL : &report));
}

static void map_any(tg_tape *tape, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)context;
    act_inside();
    if (!chance(16)) y[0] = chance(4) ? any() : tg_exp(x[0]);
}

static void map(void) {
    tg_tensor x[2] = {any(), any()}, y[1] = {{0}};
    int       n = chance(8) ? small() : 1, m = chance(16) ? small() : 1;
    if (n > 2 || m > 1) return;
    tg_map(s.tape, chance(32) ? NULL : map_any, NULL, small(), n, chance(32) ? NULL : x, m, chance(32) ? NULL : y);
    put(y[0]);
}

static void derivative(void) {
    tg_tensor x[2] = {any(), any()}, y[2] = {any(), any()}, g[2];
    int       n = chance(8) ? small() : 1, m = chance(8) ? small() : 1;
    tg_csr    csr;
    if (n > 2 || m > 2) return;
    memset(g, 0, sizeof g);
    memset(&csr, 0, sizeof csr);
    switch (next() % 6) {
    case 0: tg_sparse_jacobian(s.tape, m, chance(32) ? NULL : y, n, chance(32) ? NULL : x, chance(32) ? NULL : &csr); break;
    case 1: tg_sparse_hessian(y[0], n, chance(32) ? NULL : x, chance(32) ? NULL : &csr); break;
    case 2: tg_vjp_batch(s.tape, number(), m, y, chance(16) ? NULL : x, n, x, chance(32) ? NULL : g); break;
    case 3: tg_jvp_batch(s.tape, number(), n, x, chance(16) ? NULL : y, m, y, chance(32) ? NULL : g); break;
    case 4: put(tg_hessian(y[0], x[0])); break;
    default: (tg_read_hessian)(y[0], x[0], elements(), number()); break;
    }
    put(csr.values);
    put(g[0]);
}

static void write_c(void) {
    tg_tensor        x[2] = {any(), any()};
    tg_emit_function functions[2];
    memset(functions, 0, sizeof functions);
    for (int i = 0; i < 2; i++) {
        functions[i] = (tg_emit_function){.part = chance(2) ? NULL : name(), .name = chance(4) ? name() : "f"};
        functions[i].output_count = chance(8) ? small() : 1;
        if (functions[i].output_count > 2) functions[i].output_count = 2;
        functions[i].outputs = chance(32) ? NULL : x;
    }
    tg_emit_options options = {.prefix = chance(4) ? name() : "net",
                               .function_count = chance(8) ? small() : 1,
                               .functions = chance(32) ? NULL : functions,
                               .weights = (tg_emit_weights)(next() % 3),
                               .memory = (tg_emit_memory)(next() % 3)};
    if (options.function_count > 2) options.function_count = 2;
    tg_emit_c(s.tape, chance(16) ? NULL : s.out, chance(16) ? NULL : s.out, chance(16) ? NULL : &options);
}

void solver(void) {
    switch (next() % 7) {
    case 0:
    case 1: optimum(); break;
    case 2: ode(); break;
    case 3: map(); break;
    case 4:
    case 5: derivative(); break;
    default: write_c(); break;
    }
}
