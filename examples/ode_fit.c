/* examples/ode_fit.c: a differential equation fitted to data, with error bars.
 *
 * How many hares and lynxes were trapped, year by year, by the equations of Lotka and Volterra, for the logarithms h and l of the
 * numbers:
 *     dh/dt = alpha - beta exp(l),   dl/dt = delta exp(h) - gamma
 * tg_odeint solves them, and its solution is a formula of the parameters, with a gradient and a Hessian. The logarithms of the data are
 * taken to be normal around the solution, with one standard deviation, sigma. The fit makes the
 * likelihood largest, and its Hessian there gives the covariance of all that was fitted (see G. A. F. Seber and C. J. Wild, Nonlinear
 * Regression (1989), 2.2). All parameters are fitted as logarithms: they are positive, and of one size.
 *
 * For another equation change rates_of, the parameters, and first_guess.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad/extend.h>
#include <tapegrad/io.h>

#include "command.h"
#include "complain.h"
#include "figure.h"

const char program_name[] = "ode_fit";

/* ---- the data ---------------------------------------------------------------------------------------------------- */

enum { MOST_ROWS = 1000 };

typedef struct table {
    int64_t rows;
    double  years[MOST_ROWS], hares[MOST_ROWS], lynxes[MOST_ROWS];
} table;

static bool load(tg_tape *tape, const char *path, table *t) {
    tg_tensor all = tg_load_csv(tape, path, TG_F64, &(tg_csv_options){.header = true, .columns = 3});
    if (tg_error_status(tape)) return false;
    const double *row = tg_data(all);
    t->rows = tg_shape_of(all).dims[0];
    if (t->rows < 5 || t->rows > MOST_ROWS)
        return !tg_fail(tape, TG_ERR_SHAPE, NULL, "%s: %lld rows; expected 5 to %d", path, (long long)t->rows, MOST_ROWS);
    for (int64_t i = 0; i < t->rows; i++, row += 3) {
        t->years[i] = row[0], t->hares[i] = row[1], t->lynxes[i] = row[2];
        bool usable = isfinite(row[0] + row[1] + row[2]) && row[1] > 0 && row[2] > 0 && (i == 0 || row[0] > t->years[i - 1]);
        if (!usable)
            return !tg_fail(tape, TG_ERR_VALUE, NULL, "%s: row %lld: expected a later year than before, and numbers above 0",
                            path, (long long)i + 1);
    }
    return true;
}

/* ---- the model --------------------------------------------------------------------------------------------------- */

enum { ALPHA, BETA, GAMMA, DELTA, FIRST_HARES, FIRST_LYNXES, SIGMA, PARAMETERS };
static const char *const names[PARAMETERS] = {"alpha", "beta", "gamma", "delta", "first hares", "first lynxes", "sigma"};

/* What the equations need of the parameters: a pair for hares and lynxes each. */
typedef struct model {
    tg_tensor growth, coupling; /* (alpha, -gamma), (-beta, delta) */
} model;

/* dz/dt, where z is the pair (h, l). */
static tg_tensor rates_of(tg_tensor time, tg_tensor z, void *context) {
    const model *m = context;
    (void)time;
    return tg_add(m->growth, tg_mul(m->coupling, tg_flip(tg_exp(z), TG_AXES(0))));
}

/* The solution at the times, as a tensor of shape (count, 2). The first of them is that of the first year. */
static tg_tensor solution_of(tg_tape *tape, tg_tensor theta, int count, const double *times, double tolerance) {
    tg_tensor         p = tg_exp(theta), sign = tg_constant(tape, TG_F64, TG_SHAPE(2), (double[]){1, -1});
    model             m = {.growth = tg_mul(sign, tg_slice(p, 0, ALPHA, FIRST_HARES, 2)),
                           .coupling = tg_neg(tg_mul(sign, tg_slice(p, 0, BETA, FIRST_HARES, 2)))};
    tg_odeint_options o = {.rtol = tolerance, .atol = tolerance};
    return tg_odeint(tg_slice(theta, 0, FIRST_HARES, SIGMA, 1), rates_of, &m, count, times, &o, NULL);
}

/* The logarithm of the likelihood of the data. */
static tg_tensor log_likelihood(tg_tape *tape, tg_tensor theta, const table *t, double tolerance) {
    tg_tensor data = tg_stack(TG_LIST(tg_constant(tape, TG_F64, TG_SHAPE(t->rows), t->hares),
                                      tg_constant(tape, TG_F64, TG_SHAPE(t->rows), t->lynxes)),
                              1);
    tg_tensor log_sigma = tg_select(theta, 0, SIGMA);
    tg_tensor residual =
        tg_div(tg_sub(tg_log(data), solution_of(tape, theta, (int)t->rows, t->years, tolerance)), tg_exp(log_sigma));
    double n = (double)(2 * t->rows);
    return tg_neg(tg_add(tg_mul(0.5, tg_sum(tg_square(residual))), tg_add(tg_mul(n, log_sigma), n / 2 * log(2 * acos(-1)))));
}

/* ---- the fit ----------------------------------------------------------------------------------------------------- */

/* Both rates of growth are straight lines in the other's number: they are fitted, by least squares, to the differences of the data. */
static void growth_line(const table *t, const double *of, const double *by, double *constant, double *slope) {
    double n = (double)(t->rows - 2), sx = 0, sy = 0, sxx = 0, sxy = 0;
    for (int64_t i = 1; i < t->rows - 1; i++) {
        double x = by[i], y = log(of[i + 1] / of[i - 1]) / (t->years[i + 1] - t->years[i - 1]);
        sx += x, sy += y, sxx += x * x, sxy += x * y;
    }
    *slope = (n * sxy - sx * sy) / (n * sxx - sx * sx);
    *constant = (sy - *slope * sx) / n;
}

static void first_guess(const table *t, double theta[PARAMETERS]) {
    double alpha, beta, gamma, delta;
    growth_line(t, t->hares, t->lynxes, &alpha, &beta);
    growth_line(t, t->lynxes, t->hares, &gamma, &delta);
    const double guess[PARAMETERS] = {alpha, -beta, -gamma, delta, t->hares[0], t->lynxes[0], 1};
    for (int i = 0; i < PARAMETERS; i++)
        theta[i] = log(guess[i] > 1e-9 ? guess[i] : 1e-9);
}

/* Finds steps of the solution where the parameters are, and betters them by a few iterations, in which the steps stay; and so again, until
 * the value stays as well. Returns how many iterations it took. */
static int64_t fit(tg_tape *tape, tg_tensor theta, const table *t, double tolerance) {
    enum { ROUNDS = 40, EACH = 20 };
    tg_minimize_options options = {.tolerance_gradient = 1e-7,
                                   .tolerance_value = TG_ZERO,
                                   .max_step = 1,
                                   .max_iterations = EACH};
    tg_solve_report     report = {0};
    int64_t             iterations = 0;
    double              before = INFINITY, change = INFINITY;
    for (int round = 0; round < ROUNDS && !(change < 1e-7) && !tg_error_status(tape); round++) {
        tg_mark mark = tg_tape_mark(tape);
        tg_minimize(tg_neg(log_likelihood(tape, theta, t, tolerance)), 1, &theta, &options, &report);
        tg_discard(tape, mark);
        iterations += report.iterations;
        change = fabs(report.value - before);
        before = report.value;
    }
    if (!(change < 1e-7) && !tg_error_status(tape))
        tg_fail(tape, TG_ERR_NUMERIC, NULL, "the fit does not settle: after %lld iterations the slope is %g: %s",
                (long long)iterations, report.gradient, tg_stop_text(report.stop));
    return iterations;
}

/* The covariance of what was fitted: the inverse of the Hessian of minus the logarithm of the likelihood. Where that is not positive
 * definite, the fit is no maximum, and this is an error. */
static tg_tensor covariance_of(tg_tape *tape, tg_tensor theta, const table *t, double tolerance) {
    double hessian[PARAMETERS * PARAMETERS] = {0};
    tg_read_hessian(tg_neg(log_likelihood(tape, theta, t, tolerance)), theta, hessian, PARAMETERS * PARAMETERS);
    tg_tensor factor = tg_cholesky(tg_constant(tape, TG_F64, TG_SHAPE(PARAMETERS, PARAMETERS), hessian), TG_LOWER);
    return tg_cholesky_solve(factor, tg_eye(tape, TG_F64, PARAMETERS, PARAMETERS), TG_LOWER);
}

/* The standard errors of y, any tensor that is computed from theta, to first order: the roots of the diagonal of J C J^T. */
static tg_tensor standard_errors(tg_tensor y, tg_tensor theta, tg_tensor covariance) {
    tg_tensor j = tg_jacobian(y, theta);
    return tg_sqrt(tg_sum_axes(tg_mul(tg_matmul(j, covariance), j), TG_AXES(-1), false));
}

/* ---- the results ------------------------------------------------------------------------------------------------- */

static void print_results(tg_tape *tape, tg_tensor theta, tg_tensor covariance, double likelihood, int64_t iterations) {
    tg_tensor p = tg_exp(theta), p_errors = standard_errors(p, theta, covariance);
    tg_tensor period = tg_div(2 * acos(-1), tg_sqrt(tg_mul(tg_select(p, 0, ALPHA), tg_select(p, 0, GAMMA))));
    tg_tensor period_error = standard_errors(period, theta, covariance);
    double    value[PARAMETERS], error[PARAMETERS];
    tg_read(p, value, PARAMETERS);
    tg_read(p_errors, error, PARAMETERS);
    if (tg_error_status(tape)) return;

    printf("%-14s %11s %15s\n", "", "estimate", "standard error");
    for (int i = 0; i < PARAMETERS; i++)
        printf("%-14s %11.8g %15.6g\n", names[i], value[i], error[i]);
    printf("Log likelihood: %.6f, after %lld iterations\n", likelihood, (long long)iterations);
    printf("Period of small cycles: %.3f +- %.3f years\n", tg_item(period), tg_item(period_error));
}

/* The data, and for each of the two the solution with a band around it, its 95 % interval. */
static bool draw(tg_tape *tape, const char *path, tg_tensor theta, tg_tensor covariance, const table *t, double tolerance) {
    enum { MOMENTS = 8, MOST = MOST_ROWS * MOMENTS }; /* from one row to the next */
    static double years[MOST], line[2][MOST], low[2][MOST], high[2][MOST];

    int64_t n = (t->rows - 1) * MOMENTS + 1;
    for (int64_t i = 0; i < n; i++) {
        int64_t row = i / MOMENTS, next = row + 1 < t->rows ? row + 1 : row;
        years[i] = t->years[row] + (double)(i % MOMENTS) / (double)MOMENTS * (t->years[next] - t->years[row]);
    }
    tg_tensor z = solution_of(tape, theta, (int)n, years, tolerance);
    tg_tensor width = tg_mul(1.96, standard_errors(z, theta, covariance));
    if (tg_run_pending(tape) != TG_OK) return false;
    const double *y = tg_data(z), *w = tg_data(width);
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < 2; k++, y++, w++)
            line[k][i] = exp(*y), low[k][i] = exp(*y - *w), high[k][i] = exp(*y + *w);
    const char         *hares = "#1b6ca8", *lynxes = "#c2452d";
    const figure_series series[] = {
        {NULL, FIGURE_BAND, hares, n, years, low[0], high[0]},
        {NULL, FIGURE_BAND, lynxes, n, years, low[1], high[1]},
        {NULL, FIGURE_LINE, hares, n, years, line[0], NULL},
        {NULL, FIGURE_LINE, lynxes, n, years, line[1], NULL},
        {"hares", FIGURE_POINTS, hares, t->rows, t->years, t->hares, NULL},
        {"lynxes", FIGURE_POINTS, lynxes, t->rows, t->years, t->lynxes, NULL},
    };
    return figure_draw(path, &(figure){.title = "Hares and lynxes by Lotka and Volterra, with 95 % intervals of the curves",
                                       .x_label = "year",
                                       .y_label = "pelts, in thousands",
                                       .count = 6,
                                       .series = series});
}

static bool run(tg_tape *tape, const char *data, double tolerance, const char *plot) {
    static table t;
    double       guess[PARAMETERS];
    if (!load(tape, data, &t)) return false;
    first_guess(&t, guess);
    tg_tensor theta = tg_parameter(tape, "theta", tg_constant(tape, TG_F64, TG_SHAPE(PARAMETERS), guess));
    int64_t   iterations = fit(tape, theta, &t, tolerance);
    tg_tensor covariance = covariance_of(tape, theta, &t, tolerance);
    double    likelihood = tg_item(log_likelihood(tape, theta, &t, tolerance));
    print_results(tape, theta, covariance, likelihood, iterations);
    return tg_error_status(tape) == TG_OK && (!plot || draw(tape, plot, theta, covariance, &t, tolerance));
}

int main(int argc, char **argv) {
    const char          *data = HARES_CSV, *plot = NULL;
    double               tolerance = 1e-9;
    const command_option rows[] = {
        {"data", "FILE", "a table in CSV: year, hares and lynxes, below a line of names", COMMAND_TEXT, &data, 0},
        {"tolerance", "X", "the error of a step of the integrator, relative and absolute", COMMAND_REAL, &tolerance, 1e-13},
        {"plot", "FILE", "draw data and fit with gnuplot; FILE ends in .png, .svg or .pdf", COMMAND_TEXT, &plot, 0},
    };
    const command c = {"Fits the equations of Lotka and Volterra to the numbers of hares and lynxes, and prints\n"
                       "what it finds with standard errors.\n",
                       sizeof rows / sizeof *rows, rows};
    int           exit_code;
    if (!command_read(&c, argc, argv, &exit_code)) return exit_code;
    if (plot && !figure_possible(plot)) return 2;

    tg_tape *tape = tg_tape_new();
    bool     ok = run(tape, data, tolerance, plot);
    complain_of(tape);
    tg_tape_free(tape);
    if (fflush(stdout) != 0) ok = complain("standard output: %s", strerror(errno));
    return ok ? 0 : 2;
}
