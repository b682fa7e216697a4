/* examples/curve_fit.c: a differential equation fitted to data, with error bars.
 *
 * How many hares and lynxes were trapped, year by year, by the equations of Lotka and Volterra, for the logarithms h and l of the
 * numbers:
 *     dh/dt = alpha - beta exp(l),   dl/dt = delta exp(h) - gamma
 * The equations are solved by steps of Runge and Kutta's method, all of which are recorded on the tape, so that the gradient goes through
 * them. The logarithms of the data are taken to be normal around the solution, with one standard deviation, sigma. The fit makes the
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

const char program_name[] = "curve_fit";

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
static tg_tensor rates_of(model m, tg_tensor z) {
    return tg_add(m.growth, tg_mul(m.coupling, tg_flip(tg_exp(z), TG_AXES(0))));
}

/* One step of the classical method of order 4. */
static tg_tensor runge_kutta_step(model m, tg_tensor z, double h) {
    tg_tensor k1 = rates_of(m, z);
    tg_tensor k2 = rates_of(m, tg_add(z, tg_mul(h / 2, k1)));
    tg_tensor k3 = rates_of(m, tg_add(z, tg_mul(h / 2, k2)));
    tg_tensor k4 = rates_of(m, tg_add(z, tg_mul(h, k3)));
    return tg_add(z, tg_mul(h / 6, tg_add(tg_add(k1, k4), tg_mul(2, tg_add(k2, k3)))));
}

/* The solution at the years of the table, and at `moments` - 1 moments between one year and the next, as a tensor of shape (all moments,
 * 2). From one moment to the next it takes `steps` steps. */
static tg_tensor solution_of(tg_tape *tape, tg_tensor theta, const table *t, int64_t moments, int64_t steps) {
    tg_tensor p = tg_exp(theta), sign = tg_constant(tape, TG_F64, TG_SHAPE(2), (double[]){1, -1});
    model     m = {.growth = tg_mul(sign, tg_slice(p, 0, ALPHA, FIRST_HARES, 2)),
                   .coupling = tg_neg(tg_mul(sign, tg_slice(p, 0, BETA, FIRST_HARES, 2)))};

    int64_t    count = (t->rows - 1) * moments + 1;
    tg_tensor *z = malloc((size_t)count * sizeof *z);
    if (!z) {
        tg_fail(tape, TG_ERR_MEMORY, NULL, "out of memory");
        return tg_invalid(tape);
    }
    z[0] = tg_slice(theta, 0, FIRST_HARES, SIGMA, 1);
    for (int64_t i = 1; i < count; i++) {
        int64_t row = (i - 1) / moments;
        double  h = (t->years[row + 1] - t->years[row]) / (double)(moments * steps);
        z[i] = z[i - 1];
        for (int64_t step = 0; step < steps; step++)
            z[i] = runge_kutta_step(m, z[i], h);
    }
    tg_tensor all = tg_stack(tg_list_from((int)count, z), 0);
    free(z);
    return all;
}

/* The logarithm of the likelihood of the data. */
static tg_tensor log_likelihood(tg_tape *tape, tg_tensor theta, const table *t, int64_t steps) {
    tg_tensor data = tg_stack(TG_LIST(tg_constant(tape, TG_F64, TG_SHAPE(t->rows), t->hares),
                                      tg_constant(tape, TG_F64, TG_SHAPE(t->rows), t->lynxes)),
                              1);
    tg_tensor log_sigma = tg_select(theta, 0, SIGMA);
    tg_tensor residual = tg_div(tg_sub(tg_log(data), solution_of(tape, theta, t, 1, steps)), tg_exp(log_sigma));
    double    n = (double)(2 * t->rows);
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

/* Returns how many iterations it took. */
static int64_t fit(tg_tape *tape, tg_tensor theta, const table *t, int64_t steps) {
    tg_minimize_options options = {.tolerance_gradient = 1e-7,
                                   .tolerance_value = TG_ZERO,
                                   .max_step = 1,
                                   .max_iterations = 500};
    tg_solve_report     report;
    tg_mark             mark = tg_tape_mark(tape);
    tg_tensor           loss = tg_neg(log_likelihood(tape, theta, t, steps));
    if (tg_minimize(loss, 1, &theta, &options, &report) == TG_OK && !report.converged)
        tg_fail(tape, TG_ERR_NUMERIC, NULL, "the fit does not settle: after %lld iterations the slope is %g: %s",
                (long long)report.iterations, report.gradient, tg_stop_text(report.stop));
    tg_discard(tape, mark);
    return report.iterations;
}

/* The covariance of what was fitted: the inverse of the Hessian of minus the logarithm of the likelihood. Where that is not positive
 * definite, the fit is no maximum, and this is an error. */
static tg_tensor covariance_of(tg_tape *tape, tg_tensor theta, const table *t, int64_t steps) {
    double hessian[PARAMETERS * PARAMETERS] = {0};
    tg_read_hessian(tg_neg(log_likelihood(tape, theta, t, steps)), theta, hessian, PARAMETERS * PARAMETERS);
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
static bool draw(tg_tape *tape, const char *path, tg_tensor theta, tg_tensor covariance, const table *t) {
    enum { MOMENTS = 8, MOST = MOST_ROWS * MOMENTS };
    static double years[MOST], line[2][MOST], low[2][MOST], high[2][MOST];

    tg_tensor z = solution_of(tape, theta, t, MOMENTS, 4), width = tg_mul(1.96, standard_errors(z, theta, covariance));
    int64_t   n = tg_size(z) / 2;
    if (tg_run_pending(tape) != TG_OK) return false;
    const double *y = tg_data(z), *w = tg_data(width);
    for (int64_t i = 0; i < n; i++) {
        int64_t row = i / MOMENTS, next = row + 1 < t->rows ? row + 1 : row;
        years[i] = t->years[row] + (double)(i % MOMENTS) / (double)MOMENTS * (t->years[next] - t->years[row]);
        for (int k = 0; k < 2; k++, y++, w++)
            line[k][i] = exp(*y), low[k][i] = exp(*y - *w), high[k][i] = exp(*y + *w);
    }
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

static bool run(tg_tape *tape, const char *data, int64_t steps, const char *plot) {
    static table t;
    double       guess[PARAMETERS];
    if (!load(tape, data, &t)) return false;
    first_guess(&t, guess);
    tg_tensor theta = tg_parameter(tape, "theta", tg_constant(tape, TG_F64, TG_SHAPE(PARAMETERS), guess));
    int64_t   iterations = fit(tape, theta, &t, steps);
    tg_tensor covariance = covariance_of(tape, theta, &t, steps);
    double    likelihood = tg_item(log_likelihood(tape, theta, &t, steps));
    print_results(tape, theta, covariance, likelihood, iterations);
    return tg_error_status(tape) == TG_OK && (!plot || draw(tape, plot, theta, covariance, &t));
}

int main(int argc, char **argv) {
    const char          *data = HARES_CSV, *plot = NULL;
    int64_t              steps = 20;
    const command_option rows[] = {
        {"data", "FILE", "a table in CSV: year, hares and lynxes, below a line of names", COMMAND_TEXT, &data, 0},
        {"steps", "N", "steps of the integrator from one row of the table to the next", COMMAND_COUNT, &steps, 1},
        {"plot", "FILE", "draw data and fit with gnuplot; FILE ends in .png, .svg or .pdf", COMMAND_TEXT, &plot, 0},
    };
    const command c = {"Fits the equations of Lotka and Volterra to the numbers of hares and lynxes, and prints\n"
                       "what it finds with standard errors.\n",
                       sizeof rows / sizeof *rows, rows};
    int           exit_code;
    if (!command_read(&c, argc, argv, &exit_code)) return exit_code;
    if (steps > 200) return complain("--steps: at most 200"), 2;
    if (plot && !figure_possible(plot)) return 2;

    tg_tape *tape = tg_tape_new();
    bool     ok = run(tape, data, steps, plot);
    complain_of(tape);
    tg_tape_free(tape);
    if (fflush(stdout) != 0) ok = complain("standard output: %s", strerror(errno));
    return ok ? 0 : 2;
}
