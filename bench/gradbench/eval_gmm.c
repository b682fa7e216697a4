/* bench/gradbench/eval_gmm.c: the logarithm of the posterior probability of a mixture of k Gaussians in d dimensions, for
 * n points, with a Wishart prior, and its gradient for all parameters. (After ADBench, gmm; the formula is that of
 * GradBench's evals/gmm/README.md.)
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "task.h"

enum { OBJECTIVE, JACOBIAN };

static const double pi = 3.14159265358979323846;

typedef struct mixture {
    tg_tape   *tape;
    int64_t    d, k, n, m;
    double     gamma;
    tg_tensor  x;               /* (n, d) */
    tg_tensor  alpha, mu, q, l; /* (k), (k, d), (k, d), (k, d (d - 1) / 2) */
    tg_tensor  place;           /* (d, d): where the elements of a transposed factor are in 0, e^q, l */
    tg_tensor *parts;           /* room for k */
} mixture;

/* The factors of the precisions, transposed, (k, d, d): e^q is the diagonal, and l fills the rows above it. */
static tg_tensor transposed_factors(const mixture *g, tg_tensor diagonals) {
    tg_tensor zero = tg_full(g->tape, TG_F64, TG_SHAPE(g->k, 1), 0);
    return tg_take(tg_concat(TG_LIST(zero, diagonals, g->l), 1), g->place, 1);
}

/* |Q (x - mu)|^2 for all components and points, (k, n). */
static tg_tensor plain_squares(const mixture *g, tg_tensor factors) {
    tg_tensor centered = tg_sub(tg_unsqueeze(g->x, 0), tg_unsqueeze(g->mu, 1));
    return tg_sum_axes(tg_square(tg_matmul(centered, factors)), TG_AXES(2), false);
}

/* The same as |Q x - Q mu|^2, in which no product needs a gradient for as many rows as there are points; component by
 * component, so that what belongs to one stays in the cache. */
static tg_tensor tuned_squares(const mixture *g, tg_tensor factors) {
    for (int64_t i = 0; i < g->k; i++) {
        tg_tensor factor = tg_select(factors, 0, i), center = tg_matmul(tg_select(g->mu, 0, i), factor);
        g->parts[i] = tg_sum_axes(tg_square(tg_sub(tg_matmul(g->x, factor), center)), TG_AXES(1), false);
    }
    return tg_stack(tg_list_from((int)g->k, g->parts), 0);
}

/* beta, (k, n), without what is so small beside the largest of a point that products of it underflow: processors take ten
 * times as long for such numbers. They would not change one bit of the sum. */
static tg_tensor without_tiny(tg_tensor beta) {
    tg_tensor tiny = tg_lt(beta, tg_sub(tg_max_axes(beta, TG_AXES(0), true), 600));
    return tg_masked_fill(beta, tiny, -INFINITY);
}

/* The logarithm of the Wishart distribution's constant, for one component: of gamma^(n d) / 2^(n d / 2) / Gamma_d(n / 2). */
static double log_wishart_constant(const mixture *g) {
    double d = (double)g->d, n = d + (double)g->m + 1, log_gamma = d * (d - 1) / 4 * log(pi);
    for (int64_t j = 0; j < g->d; j++)
        log_gamma += lgamma((n - (double)j) / 2);
    return n * d * (log(g->gamma) - 0.5 * log(2)) - log_gamma;
}

static tg_tensor log_posterior(const mixture *g, bool tuned) {
    double    d = (double)g->d, k = (double)g->k, n = (double)g->n;
    tg_tensor diagonals = tg_exp(g->q), factors = transposed_factors(g, diagonals);
    tg_tensor sums = tg_sum_axes(g->q, TG_AXES(1), false);
    tg_tensor squares = tuned ? tuned_squares(g, factors) : plain_squares(g, factors);
    tg_tensor beta = tg_sub(tg_unsqueeze(tg_add(g->alpha, sums), 1), tg_mul(0.5, squares));
    if (tuned) beta = without_tiny(beta);
    tg_tensor likelihood = tg_sub(tg_sum(tg_logsumexp_axes(beta, TG_AXES(0), false)), tg_mul(n, tg_logsumexp(g->alpha)));
    tg_tensor norm = tg_add(tg_sum(tg_square(diagonals)), tg_sum(tg_square(g->l)));
    tg_tensor prior = tg_sub(tg_mul((double)g->m, tg_sum(sums)), tg_mul(0.5 * g->gamma * g->gamma, norm));
    return tg_add(tg_add(likelihood, prior), k * log_wishart_constant(g) - 0.5 * n * d * log(2 * pi));
}

/* ---- the eval ---------------------------------------------------------------------------------------------------- */

static tg_tensor places(task *t, int64_t d) {
    int64_t *place = task_room(t, (size_t)(d * d) * sizeof *place), next = 1 + d;
    for (int64_t i = 0; i < d; i++) {
        place[i * d + i] = 1 + i;
        for (int64_t j = i + 1; j < d; j++)
            place[i * d + j] = next++;
    }
    return tg_borrow(t->tape, TG_I64, TG_SHAPE(d, d), place);
}

static bool fits(numbers found, int64_t rows, int64_t columns) {
    return found.rows * found.columns == rows * columns && (found.rows == rows || found.rows == 1);
}

static bool read_input(task *t, const json_t *input) {
    mixture *g = t->state = task_room(t, sizeof *g);
    numbers  x, alpha, mu, q, l;
    if (!read_size(t, input, "d", 1, &g->d) || !read_size(t, input, "k", 1, &g->k) || !read_size(t, input, "n", 1, &g->n) ||
        !read_size(t, input, "m", 0, &g->m) || !read_number(t, input, "gamma", &g->gamma) || !read_numbers(t, input, "x", &x) ||
        !read_numbers(t, input, "alpha", &alpha) || !read_numbers(t, input, "mu", &mu) || !read_numbers(t, input, "q", &q) ||
        !read_numbers(t, input, "l", &l))
        return false;
    g->tape = t->tape;
    int64_t triangle = g->d * (g->d - 1) / 2;
    if (!fits(x, g->n, g->d) || !fits(alpha, 1, g->k) || !fits(mu, g->k, g->d) || !fits(q, g->k, g->d) ||
        !fits(l, g->k, triangle))
        return task_fail(t, "the shapes of the lists are not those that d, k and n say");
    g->x = task_constant(t, TG_SHAPE(g->n, g->d), x.values);
    g->alpha = task_variable(t, "alpha", TG_SHAPE(g->k), alpha.values);
    g->mu = task_variable(t, "mu", TG_SHAPE(g->k, g->d), mu.values);
    g->q = task_variable(t, "q", TG_SHAPE(g->k, g->d), q.values);
    g->l = task_variable(t, "l", TG_SHAPE(g->k, triangle), l.values);
    g->place = places(t, g->d);
    g->parts = task_room(t, (size_t)g->k * sizeof *g->parts);
    return true;
}

static void record(task *t) {
    tg_tensor y = log_posterior(t->state, t->options.tuned);
    if (t->function == OBJECTIVE)
        task_result(t, y);
    else
        task_gradient(t, y);
}

static json_t *output(const task *t) {
    const mixture *g = t->state;
    if (t->function == OBJECTIVE) return output_number(t);
    return json_pack("{s:o, s:o, s:o, s:o}", "alpha", json_list(t->result[0].values, g->k), "mu",
                     json_rows(t->result[1].values, g->k, g->d), "q", json_rows(t->result[2].values, g->k, g->d), "l",
                     json_rows(t->result[3].values, g->k, g->d * (g->d - 1) / 2));
}

const eval eval_gmm = {"gmm", {"objective", "jacobian"}, .read = read_input, .record = record, .output = output};
