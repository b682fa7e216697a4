/* examples/hmc.c: samples of a posterior by Hamiltonian Monte Carlo.
 *
 * Eight schools coached their pupils for a test. School i measured that it gained y_i points, up to an error of s_i (D. B. Rubin,
 * "Estimation in parallel randomized experiments", 1981). How much does coaching gain? The model is
 *     theta_i = mu + tau eta_i,  y_i ~ normal(theta_i, s_i),  mu ~ normal(0, 5),  tau ~ half-Cauchy(5),  eta_i ~ normal(0, 1)
 * in q = (mu, log tau, eta). A step draws a momentum p, goes along the trajectory of the energy p p / 2 - log density(q) by leapfrogs, and
 * accepts where that leads to, or stays (R. M. Neal, "MCMC using Hamiltonian dynamics", 2011).
 *
 * The whole step is on the tape: the draws, the leapfrogs, which are a loop with a gradient in its body (tg_scan, tg_vjp), and the assign
 * of what was accepted. It is recorded once; to sample is to run. While it warms up, the length of a leapfrog is tuned for the acceptance that is
 * wanted (M. D. Hoffman and A. Gelman, "The No-U-Turn Sampler", 2014, algorithm 5).
 *
 * For another posterior change the data, PLACES and log_density.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad/extend.h>

#include "command.h"
#include "complain.h"
#include "figure.h"

const char program_name[] = "hmc";

/* ---- the posterior ----------------------------------------------------------------------------------------------- */

enum { SCHOOLS = 8, MU = 0, LOG_TAU = 1, ETA = 2, PLACES = 2 + SCHOOLS };

static const double gain[SCHOOLS] = {28, 8, -3, 7, -1, 1, 18, 12}, error[SCHOOLS] = {15, 10, 16, 11, 9, 11, 10, 18};

/* For each of the chains: q is (chains, PLACES). */
static tg_tensor log_density(tg_tensor q) {
    tg_tape  *tape = tg_tape_of(q);
    tg_tensor y = tg_constant(tape, TG_F64, TG_SHAPE(SCHOOLS), gain), s = tg_constant(tape, TG_F64, TG_SHAPE(SCHOOLS), error);
    tg_tensor mu = tg_slice(q, 1, MU, LOG_TAU, 1), log_tau = tg_slice(q, 1, LOG_TAU, ETA, 1),
              eta = tg_slice(q, 1, ETA, TG_END, 1);
    tg_tensor tau = tg_exp(log_tau), theta = tg_add(mu, tg_mul(tau, eta));
    tg_tensor of_schools = tg_add(tg_square(eta), tg_square(tg_div(tg_sub(y, theta), s)));
    tg_tensor of_tau = tg_sub(log_tau, tg_log1p(tg_square(tg_div(tau, 5)))); /* in log tau: times its derivative, tau */
    tg_tensor of_both = tg_sub(of_tau, tg_mul(0.5, tg_square(tg_div(mu, 5))));
    return tg_sub(tg_squeeze_axes(of_both, TG_AXES(1)), tg_mul(0.5, tg_sum_axes(of_schools, TG_AXES(1), false)));
}

/* ---- the sampler ------------------------------------------------------------------------------------------------- */

typedef struct settings {
    const char *plot;
    int64_t     samples, warm_up, chains, leapfrogs, seed;
} settings;

typedef struct sampler {
    tg_tensor q, length;  /* where the chains are, and how long a leapfrog is: leaves */
    tg_tensor acceptance; /* (chains): the probability that the step was accepted */
} sampler;

/* state[0] is q, state[1] is p; context: the length. */
static void leapfrog(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    tg_tensor length = *(tg_tensor *)context, half = tg_mul(0.5, length), slope;
    (void)x, (void)y;
    for (int end = 0; end < 2; end++) {
        tg_tensor density = log_density(state[0]);
        tg_vjp(tape, 1, &density, NULL, 1, &state[0], &slope);
        state[1] = tg_add(state[1], tg_mul(half, slope));
        if (end == 0) state[0] = tg_add(state[0], tg_mul(length, state[1]));
    }
}

static tg_tensor energy(tg_tensor q, tg_tensor p) {
    return tg_sub(tg_mul(0.5, tg_sum_axes(tg_square(p), TG_AXES(1), false)), log_density(q));
}

static sampler new_sampler(tg_tape *tape, const settings *o) {
    sampler   s = {.q = tg_input(tape, "q", TG_F64, TG_SHAPE(o->chains, PLACES)),
                   .length = tg_input(tape, "length", TG_F64, TG_SHAPE())};
    tg_tensor p = tg_sample_normal(tape, TG_F64, TG_SHAPE(o->chains, PLACES)),
              u = tg_sample_uniform(tape, TG_F64, TG_SHAPE(o->chains));
    tg_tensor    state[2] = {s.q, p};
    tg_loop_spec loop = {.body = leapfrog, .context = &s.length, .steps = o->leapfrogs, .states = 2, .state = state};
    tg_scan(tape, &loop);
    tg_tensor lost = tg_sub(energy(state[0], state[1]), energy(s.q, p));
    s.acceptance =
        tg_where(tg_isfinite(lost), tg_exp(tg_minimum(0, tg_neg(lost))), 0); /* a trajectory that diverged is not accepted */
    tg_assign(s.q, tg_where(tg_unsqueeze(tg_lt(u, s.acceptance), 1), state[0], s.q));
    return s;
}

/* ---- warming up -------------------------------------------------------------------------------------------------- */

/* Dual averaging of the logarithm of the length. */
typedef struct tuning {
    double center, lack, average, wanted;
    int    count;
} tuning;

static double tuned_length(tuning *t, double acceptance) {
    double m = ++t->count, weight = 1 / (m + 10);
    t->lack = (1 - weight) * t->lack + weight * (t->wanted - acceptance);
    double now = t->center - sqrt(m) / 0.05 * t->lack, share = pow(m, -0.75);
    t->average = share * now + (1 - share) * t->average;
    return exp(now);
}

static double mean_of(int64_t n, const double *x) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

/* The mean acceptance of one step of all chains; NaN after an error. */
static double step(tg_tape *tape, const sampler *s, const settings *o) {
    const double *probability = tg_run(tape) ? NULL : tg_data(s->acceptance);
    return probability ? mean_of(o->chains, probability) : (double)NAN;
}

static bool warm_up(tg_tape *tape, const sampler *s, const settings *o) {
    double length = 0.1;
    tuning t = {.center = log(10 * length), .wanted = 0.8};
    tg_seed(tape, (uint64_t)o->seed);
    tg_write(s->length, &length, 1);
    for (int64_t i = 0; i < o->warm_up; i++) {
        length = tuned_length(&t, step(tape, s, o));
        if (tg_write(s->length, &length, 1)) return false;
    }
    length = o->warm_up ? exp(t.average) : length;
    return !tg_write(s->length, &length, 1);
}

/* ---- the results ------------------------------------------------------------------------------------------------- */

enum { SHOWN = 2 + SCHOOLS }; /* mu, tau, theta_i */

/* shown[k] has the samples of one chain after the other. */
typedef struct samples {
    int64_t chains, count; /* of each chain */
    double *shown[SHOWN], *room;
} samples;

static bool sample(tg_tape *tape, const sampler *s, const settings *o, samples *all, double *acceptance) {
    int64_t count = o->chains * o->samples;
    double *q = calloc((size_t)(count * SHOWN + o->chains * PLACES), sizeof *q);
    if (!q) return !tg_fail(tape, TG_ERR_MEMORY, NULL, "out of memory");
    *all = (samples){.chains = o->chains, .count = o->samples, .room = q};
    for (int k = 0; k < SHOWN; k++)
        all->shown[k] = q + o->chains * PLACES + k * count;
    for (int64_t i = 0; i < o->samples; i++) {
        *acceptance += step(tape, s, o) / (double)o->samples;
        if (tg_read(s->q, q, o->chains * PLACES)) return false;
        for (int64_t c = 0; c < o->chains; c++) {
            const double *place = q + c * PLACES;
            int64_t       at = c * o->samples + i;
            all->shown[0][at] = place[MU];
            all->shown[1][at] = exp(place[LOG_TAU]);
            for (int k = 0; k < SCHOOLS; k++)
                all->shown[2 + k][at] = place[MU] + exp(place[LOG_TAU]) * place[ETA + k];
        }
    }
    return true;
}

static double variance_of(int64_t n, const double *x) {
    double mean = mean_of(n, x), sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sum / (double)(n - 1);
}

/* What the chains have in common: the variance in each, and from one to another. R of A. Gelman and D. B. Rubin, "Inference from iterative
 * simulation using multiple sequences", 1992: near 1 where the chains have forgotten where they began. */
static double scale_reduction(const samples *all, const double *x) {
    double within = 0, between = 0, total = mean_of(all->chains * all->count, x), n = (double)all->count;
    for (int64_t c = 0; c < all->chains; c++) {
        double mean = mean_of(all->count, x + c * all->count);
        within += variance_of(all->count, x + c * all->count) / (double)all->chains;
        between += (mean - total) * (mean - total) / (double)(all->chains - 1);
    }
    return sqrt((n - 1) / n + between / within);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool print_results(tg_tape *tape, const samples *all, double acceptance, double length) {
    int64_t n = all->chains * all->count;
    double *sorted = malloc((size_t)n * sizeof *sorted), worst = 0;
    if (!sorted) return !tg_fail(tape, TG_ERR_MEMORY, NULL, "out of memory");
    printf("               mean  deviation      5%%     50%%     95%%      R\n");
    for (int k = 0; k < SHOWN; k++) {
        double r = scale_reduction(all, all->shown[k]);
        for (int64_t i = 0; i < n; i++)
            sorted[i] = all->shown[k][i];
        qsort(sorted, (size_t)n, sizeof *sorted, compare);
        if (k < 2)
            printf("%-8s ", k ? "tau" : "mu");
        else
            printf("school %c ", 'A' + k - 2);
        printf("%10.3f %10.3f %7.2f %7.2f %7.2f %6.3f\n", mean_of(n, sorted), sqrt(variance_of(n, sorted)), sorted[n / 20],
               sorted[n / 2], sorted[n - 1 - n / 20], r);
        worst = fmax(worst, r);
    }
    printf("Leapfrogs of %.3f, accepted %.1f%%\n", length, 100 * acceptance);
    printf("%lld samples, R at most %.3f\n", (long long)n, worst);
    free(sorted);
    return true;
}

/* How sure the gain of a school is depends on how much alike the schools are. */
static bool draw(const char *path, const samples *all) {
    int64_t             n = all->chains * all->count;
    const figure_series series[] = {
        {"school A, which measured 28", FIGURE_POINTS, "#1b6ca8", n < 400 ? n : 400, all->shown[1], all->shown[2], NULL},
        {"school C, which measured -3", FIGURE_POINTS, "#c2452d", n < 400 ? n : 400, all->shown[1], all->shown[4], NULL},
    };
    return figure_draw(path, &(figure){.title = "Eight schools: samples of the posterior",
                                       .x_label = "how much the schools differ (tau)",
                                       .y_label = "gain of a school",
                                       .count = 2,
                                       .series = series});
}

static bool run(tg_tape *tape, const settings *o) {
    samples all = {.room = NULL};
    double  acceptance = 0;
    sampler s = new_sampler(tape, o);
    bool    ok = warm_up(tape, &s, o) && sample(tape, &s, o, &all, &acceptance) &&
              print_results(tape, &all, acceptance, tg_item(s.length)) && (!o->plot || draw(o->plot, &all));
    free(all.room);
    return ok;
}

int main(int argc, char **argv) {
    settings             o = {.samples = 5000, .warm_up = 1000, .chains = 4, .leapfrogs = 12, .seed = 1};
    const command_option rows[] = {
        {"samples", "N", "of each chain", COMMAND_COUNT, &o.samples, 20},
        {"warm-up", "N", "steps before, in which the length of a leapfrog is tuned", COMMAND_COUNT, &o.warm_up, 0},
        {"chains", "N", "side by side", COMMAND_COUNT, &o.chains, 2},
        {"leapfrogs", "N", "of a step", COMMAND_COUNT, &o.leapfrogs, 1},
        {"seed", "N", "for the random numbers", COMMAND_COUNT, &o.seed, 0},
        {"plot", "FILE", "draw samples with gnuplot; FILE ends in .png, .svg or .pdf", COMMAND_TEXT, &o.plot, 0},
    };
    const command c = {"Samples what is known of the gain by coaching, after eight schools have measured it.\n",
                       sizeof rows / sizeof *rows, rows};
    int           exit_code;
    if (!command_read(&c, argc, argv, &exit_code)) return exit_code;
    if (o.plot && !figure_possible(o.plot)) return 2;

    tg_tape *tape = tg_tape_new();
    bool     ok = run(tape, &o);
    complain_of(tape);
    tg_tape_free(tape);
    if (fflush(stdout) != 0) ok = complain("standard output: %s", strerror(errno));
    return ok ? 0 : 2;
}
