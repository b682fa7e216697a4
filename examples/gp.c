/* examples/gp.c: Gaussian process regression, with hyperparameters by marginal likelihood.
 *
 * The carbon dioxide in the air over Mauna Loa, month by month: the months before a year are learned from, the months after it are
 * predicted, with an error band, and compared with what was measured. The kernel, the covariance of two months s and t, is the sum of
 *     trend^2 (1 + s t / span^2)^2                                 a parabola, in years from the middle of what is learned from
 *     season^2 exp(-2 sin^2(pi d) / shape^2 - d^2 / (2 decay^2))   a yearly course that changes slowly, d being s - t
 *     rest^2 exp(-|d| / length)                                    what lasts for months or years
 *     noise^2 where s is t                                         what does not
 * With K the matrix of all these, K = L L^T by Cholesky and w = L^-1 y, the logarithm of the likelihood of the measurements y is
 *     -w w / 2 - sum of log L_ii - n log(2 pi) / 2
 * which is made largest, its gradient coming from the tape (C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine Learning
 * (2006), algorithm 2.1; in 5.4.3 they study these measurements, with a kernel that this one is made after).
 *
 * For other data change the table of hyperparameters and kernel_of.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tapegrad/extend.h>
#include <tapegrad/io.h>

#include "command.h"
#include "complain.h"
#include "figure.h"

const char program_name[] = "gp";

/* ---- the data ---------------------------------------------------------------------------------------------------- */

enum { MOST_MONTHS = 2000 };

/* Months in their order. The first `learned` are learned from. */
typedef struct table {
    int64_t months, learned;
    double  year[MOST_MONTHS], co2[MOST_MONTHS]; /* the middle of the month; parts per million */
    double  center, mean;                        /* of what is learned from */
} table;

static bool add_row(tg_tape *tape, const char *path, table *t, const double row[3], int64_t i) {
    double year = row[0] + (row[1] - 0.5) / 12;
    bool   usable = row[0] == floor(row[0]) && row[1] >= 1 && row[1] <= 12 && row[1] == floor(row[1]) &&
                  isfinite(year + row[2]) && (t->months == 0 || year > t->year[t->months - 1]);
    if (!usable)
        return !tg_fail(tape, TG_ERR_VALUE, NULL,
                        "%s: row %lld: expected a later month than before, as year and month, and a number", path,
                        (long long)i + 1);
    if (t->months == MOST_MONTHS) return !tg_fail(tape, TG_ERR_SHAPE, NULL, "%s: more than %d months", path, MOST_MONTHS);
    t->year[t->months] = year;
    t->co2[t->months++] = row[2];
    return true;
}

/* Those from January of `from` on. Those before January of `until` are learned from. */
static bool load(tg_tape *tape, const char *path, int64_t from, int64_t until, table *t) {
    tg_tensor     all = tg_load_csv(tape, path, TG_F64, &(tg_csv_options){.header = true, .columns = 3});
    const double *row = tg_data(all);
    if (!row) return false;
    for (int64_t i = 0; i < tg_shape_of(all).dims[0]; i++, row += 3)
        if (!(row[0] < (double)from) && !add_row(tape, path, t, row, i)) return false;

    while (t->learned < t->months && t->year[t->learned] < (double)until)
        t->mean += t->co2[t->learned++];
    if (t->learned < 24 || t->months - t->learned < 12)
        return !tg_fail(tape, TG_ERR_SHAPE, NULL,
                        "%s: %lld months from %lld on and before %lld, %lld after; expected 24 and 12 or more", path,
                        (long long)t->learned, (long long)from, (long long)until, (long long)(t->months - t->learned));
    t->mean /= (double)t->learned;
    t->center = (t->year[0] + t->year[t->learned - 1]) / 2;
    return true;
}

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

enum { TREND, SPAN, SEASON, SHAPE, DECAY, REST, LENGTH, NOISE, COUNT };
static const struct {
    const char *name, *unit;
    double      start;
} hyper[COUNT] = {
    [TREND] = {"trend", "ppm", 20},    [SPAN] = {"span", "years", 30},    [SEASON] = {"season", "ppm", 3},
    [SHAPE] = {"shape", "", 1.5},      [DECAY] = {"decay", "years", 100}, [REST] = {"rest", "ppm", 1},
    [LENGTH] = {"length", "years", 2}, [NOISE] = {"noise", "ppm", 0.2},
};

/* The covariances of the times a, (m), and b, (n), but for the noise: (m, n). p are the hyperparameters. */
static tg_tensor kernel_of(const tg_tensor p[COUNT], tg_tensor a, tg_tensor b) {
    tg_tensor s = tg_unsqueeze(a, 1), d = tg_sub(s, b), d2 = tg_square(d);
    tg_tensor trend = tg_square(tg_mul(p[TREND], tg_add(1, tg_div(tg_mul(s, b), tg_square(p[SPAN])))));
    tg_tensor yearly = tg_div(tg_mul(2, tg_square(tg_sin(tg_mul(acos(-1), d)))), tg_square(p[SHAPE]));
    tg_tensor season = tg_mul(tg_square(p[SEASON]), tg_exp(tg_neg(tg_add(yearly, tg_div(d2, tg_mul(2, tg_square(p[DECAY])))))));
    tg_tensor rest = tg_mul(tg_square(p[REST]), tg_exp(tg_neg(tg_div(tg_abs(d), p[LENGTH]))));
    return tg_add(trend, tg_add(season, rest));
}

/* ---- the process ------------------------------------------------------------------------------------------------- */

/* What was learned from, given the hyperparameters. */
typedef struct process {
    tg_tensor p[COUNT], times; /* (n), from the center */
    tg_tensor factor, w;       /* L (n, n), L^-1 y (n) */
} process;

static process new_process(tg_tape *tape, tg_tensor theta, const table *t) {
    process   g;
    tg_shape  n = TG_SHAPE(t->learned);
    tg_tensor y = tg_sub(tg_constant(tape, TG_F64, n, t->co2), t->mean);
    g.times = tg_sub(tg_constant(tape, TG_F64, n, t->year), t->center);
    tg_unstack(tg_exp(theta), 0, COUNT, g.p);
    tg_tensor noise = tg_mul(tg_square(g.p[NOISE]), tg_eye(tape, TG_F64, t->learned, t->learned));
    g.factor = tg_cholesky(tg_add(kernel_of(g.p, g.times, g.times), noise), TG_LOWER);
    g.w = tg_solve_triangular(g.factor, y, TG_LOWER);
    return g;
}

static tg_tensor log_likelihood(process g, const table *t) {
    tg_tensor log_root_det = tg_sum(tg_log(tg_diagonal(g.factor, 0, 0, 1)));
    tg_tensor fit = tg_mul(0.5, tg_sum(tg_square(g.w)));
    return tg_neg(tg_add(tg_add(fit, log_root_det), (double)t->learned / 2 * log(2 * acos(-1))));
}

/* The means and the standard deviations of measurements at other times, (m): those of the process, and the noise. */
static void predict(process g, tg_tensor times, double mean, tg_tensor *means, tg_tensor *deviations) {
    tg_tensor v = tg_solve_triangular(g.factor, kernel_of(g.p, g.times, times), TG_LOWER);
    tg_tensor variance = tg_add(tg_diagonal(kernel_of(g.p, times, times), 0, 0, 1), tg_square(g.p[NOISE]));
    *means = tg_add(mean, tg_matmul(g.w, v));
    *deviations = tg_sqrt(tg_sub(variance, tg_sum_axes(tg_square(v), TG_AXES(0), false)));
}

/* Betters the hyperparameters, which are logarithms, in at most so many iterations, none of which makes one of them grow or shrink to more
 * than e times what it was. Returns how many there were. */
static int64_t learn(tg_tape *tape, tg_tensor theta, const table *t, int64_t most) {
    tg_minimize_options options = {.tolerance_gradient = 1e-4, .max_step = 1, .max_iterations = most};
    tg_solve_report     report;
    tg_mark             mark = tg_tape_mark(tape);
    tg_minimize(tg_neg(log_likelihood(new_process(tape, theta, t), t)), 1, &theta, &options, &report);
    tg_discard(tape, mark);
    return report.iterations;
}

/* ---- the results ------------------------------------------------------------------------------------------------- */

static void print_learned(tg_tensor theta, const table *t, double likelihood, int64_t iterations) {
    double value[COUNT];
    if (tg_read(tg_exp(theta), value, COUNT) != TG_OK) return;
    for (int i = 0; i < COUNT; i++)
        printf("%-8s %10.5g%s%s\n", hyper[i].name, value[i], *hyper[i].unit ? " " : "", hyper[i].unit);
    printf("Log likelihood of %lld months: %.6f, after %lld iterations\n\n", (long long)t->learned, likelihood,
           (long long)iterations);
}

/* The last month of each year, and how far all are off. */
static void print_predicted(const table *t, const double *means, const double *deviations) {
    double  squares = 0;
    int64_t n = t->months - t->learned, inside = 0;
    printf("         predicted          measured\n");
    for (int64_t i = 0; i < n; i++) {
        double year = t->year[t->learned + i], error = t->co2[t->learned + i] - means[i];
        squares += error * error;
        inside += fabs(error) <= 1.96 * deviations[i];
        bool last = i + 1 == n || floor(t->year[t->learned + i + 1]) > floor(year);
        if (last)
            printf("%4.0f-%02.0f  %8.3f +- %-6.3f %8.2f\n", floor(year), floor(12 * (year - floor(year))) + 1, means[i],
                   1.96 * deviations[i], t->co2[t->learned + i]);
    }
    printf("Held out: %lld months, off by %.3f ppm (root mean square), %.1f%% of them inside the 95%% band\n", (long long)n,
           sqrt(squares / (double)n), 100 * (double)inside / (double)n);
}

/* What was predicted, and the measurements of that time and of as much before. */
static bool draw(const char *path, const table *t, const double *means, const double *deviations) {
    static double low[MOST_MONTHS], high[MOST_MONTHS];
    int64_t       n = t->months - t->learned, before = t->learned < n ? t->learned : n;
    const double *year = t->year + t->learned, *co2 = t->co2 + t->learned;
    for (int64_t i = 0; i < n; i++)
        low[i] = means[i] - 1.96 * deviations[i], high[i] = means[i] + 1.96 * deviations[i];
    const figure_series series[] = {
        {"predicted, 95 % band", FIGURE_BAND, "#1b6ca8", n, year, low, high},
        {"predicted", FIGURE_LINE, "#1b6ca8", n, year, means, NULL},
        {"measured, learned from", FIGURE_LINE, "#404040", before, year - before, co2 - before, NULL},
        {"measured, held out", FIGURE_LINE, "#c2452d", n, year, co2, NULL},
    };
    return figure_draw(path, &(figure){.title = "Carbon dioxide over Mauna Loa",
                                       .x_label = "year",
                                       .y_label = "parts per million",
                                       .count = 4,
                                       .series = series});
}

typedef struct settings {
    const char *data, *plot;
    int64_t     from, until, iterations;
} settings;

static bool run(tg_tape *tape, settings o) {
    static table t;
    double       start[COUNT];
    if (!load(tape, o.data, o.from, o.until, &t)) return false;
    for (int i = 0; i < COUNT; i++)
        start[i] = log(hyper[i].start);
    tg_tensor theta = tg_parameter(tape, "theta", tg_constant(tape, TG_F64, TG_SHAPE(COUNT), start));
    int64_t   iterations = o.iterations ? learn(tape, theta, &t, o.iterations) : 0;

    process   g = new_process(tape, theta, &t);
    tg_tensor later = tg_constant(tape, TG_F64, TG_SHAPE(t.months - t.learned), t.year + t.learned), means, deviations;
    predict(g, tg_sub(later, t.center), t.mean, &means, &deviations);
    print_learned(theta, &t, tg_item(log_likelihood(g, &t)), iterations);
    if (tg_run_pending(tape) != TG_OK) return false;
    const double *x = tg_data(means), *s = tg_data(deviations);
    print_predicted(&t, x, s);
    return !o.plot || draw(o.plot, &t, x, s);
}

int main(int argc, char **argv) {
    settings             o = {.data = CO2_CSV, .from = 1958, .until = 2004, .iterations = 200};
    const command_option rows[] = {
        {"data", "FILE", "a table in CSV: year, month and value, below a line of names", COMMAND_TEXT, &o.data, 0},
        {"from", "YEAR", "pass over the months before", COMMAND_COUNT, &o.from, 0},
        {"until", "YEAR", "learn from the months before, and predict those after", COMMAND_COUNT, &o.until, 0},
        {"iterations", "N", "how often to better the hyperparameters, at most", COMMAND_COUNT, &o.iterations, 0},
        {"plot", "FILE", "draw the prediction with gnuplot; FILE ends in .png, .svg or .pdf", COMMAND_TEXT, &o.plot, 0},
    };
    const command c = {"Learns a Gaussian process from the carbon dioxide in the air, month by month, and predicts the\n"
                       "months that it has not seen.\n",
                       sizeof rows / sizeof *rows, rows};
    int           exit_code;
    if (!command_read(&c, argc, argv, &exit_code)) return exit_code;
    if (o.plot && !figure_possible(o.plot)) return 2;

    tg_tape *tape = tg_tape_new();
    bool     ok = run(tape, o);
    complain_of(tape);
    tg_tape_free(tape);
    if (fflush(stdout) != 0) ok = complain("standard output: %s", strerror(errno));
    return ok ? 0 : 2;
}
