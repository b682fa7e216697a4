/* solve/root.c: tg_root: Newton's method with a line search (J. E. Dennis and R. B. Schnabel, Numerical Methods for Unconstrained
 * Optimization and Nonlinear Equations (1983), chapter 6).
 *
 * Half the sum of squares falls along the step of Newton, J step = -f. Where J is almost singular, the step is that of  (J' J + mu) step =
 * -J' f,  which is downhill too. The line search halves the step, or takes the minimum of a parabola or a cubic through what is known,
 * until the sum has fallen enough.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "solve/dense.h"
#include "solve/numbers.h"
#include "solve/problem.h"

static const char   name[] = "root";
static const double ENOUGH = 1e-4; /* of the fall that the slope foretells */

typedef struct state {
    tgi_problem *p;
    int64_t      n;
    double       tolerance_value, tolerance_step, max_step;
    double      *x, *f, *g, *trial, *trial_f, *step, *b, *diagonal, *below, *j;
    double       value; /* half the sum of squares */
} state;

static double half_squares(const state *m, const double *f) {
    return tgi_dot(m->n, f, f) / 2;
}

/* ---- the step ---------------------------------------------------------------------------------------------------- */

/* J is lost. */
static void find_step(state *m) {
    const int64_t n = m->n;
    for (int64_t i = 0; i < n; i++)
        m->b[i] = -m->f[i];
    tgi_make_triangle(n, n, m->j, m->b);
    if (tgi_solve_upper(n, n, m->j, sqrt(m->p->eps), m->b, m->step)) return;
    double squares = 0;
    for (int64_t k = 0; k < n; k++)
        squares += tgi_dot(k + 1, m->j + k * n, m->j + k * n);
    for (int64_t i = 0; i < n; i++) {
        m->diagonal[i] = sqrt(sqrt((double)n * m->p->eps) * squares);
        memset(m->j + i * n + i + 1, 0, (size_t)(n - i - 1) * sizeof *m->j);
    }
    tgi_add_diagonal(n, m->j, m->b, m->diagonal, m->below);
    tgi_solve_upper(n, n, m->j, 0, m->b, m->step);
}

/* The largest change of an element, relative to it. */
static double relative_step(const state *m, double part) {
    double largest = 0;
    for (int64_t i = 0; i < m->n; i++)
        largest = fmax(largest, part * fabs(m->step[i]) / fmax(1, fabs(m->x[i])));
    return largest;
}

/* Whether the squares have a minimum that is not 0: they hardly change, for what they are. */
static bool is_stuck(const state *m) {
    double slope = 0;
    for (int64_t i = 0; i < m->n; i++)
        slope = fmax(slope, fabs(m->g[i]) * fmax(1, fabs(m->x[i])) / m->value);
    return slope <= cbrt(m->p->eps);
}

/* Whether there is a step to try. */
static bool prepare(state *m) {
    m->p->report.gradients++;
    tgi_outcome outcome = tgi_jacobian_here(m->p, m->j);
    if (outcome == TGI_FAR) tgi_stop(m->p, TG_STOP_NOT_FINITE);
    if (outcome != TGI_FINE) return false;
    for (int64_t i = 0; i < m->n; i++)
        m->g[i] = tgi_dot(m->n, m->j + i * m->n, m->f);
    m->p->report.gradient = tgi_norm_max(m->n, m->g);
    if (is_stuck(m)) tgi_stop(m->p, TG_STOP_STUCK);
    if (m->p->report.stop) return false;
    find_step(m);
    double part = fmin(1, m->max_step / tgi_norm_max(m->n, m->step));
    for (int64_t i = 0; i < m->n; i++)
        m->step[i] *= part;
    return true;
}

/* ---- the line search --------------------------------------------------------------------------------------------- */

/* A part of the step, and half the squares there; infinite where there are none. */
typedef struct part {
    double length, value;
} part;

static tgi_outcome try_part(state *m, part *t) {
    for (int64_t i = 0; i < m->n; i++)
        m->trial[i] = m->x[i] + t->length * m->step[i];
    if (tgi_move_to(m->p, m->trial)) return TGI_FAILED;
    tgi_outcome outcome = tgi_value_here(m->p, m->trial_f);
    t->value = outcome == TGI_FINE ? half_squares(m, m->trial_f) : INFINITY;
    return outcome;
}

/* The minimum of the parabola with value and slope at 0 and the value of t; or of the cubic that has that of the part before, too. */
static double shorter(const state *m, double slope, part t, part before) {
    if (!isfinite(t.value)) return 0.1 * t.length;
    double excess = t.value - m->value - t.length * slope, length = -slope * t.length * t.length / (2 * excess);
    if (isfinite(before.value)) {
        double first = excess / (t.length * t.length);
        double second = (before.value - m->value - before.length * slope) / (before.length * before.length);
        double a = (first - second) / (t.length - before.length);
        double b = (second * t.length - first * before.length) / (t.length - before.length);
        double radicand = b * b - 3 * a * slope;
        if (a == 0)
            length = -slope / (2 * b);
        else if (radicand >= 0)
            length = (sqrt(radicand) - b) / (3 * a);
    }
    if (!(length <= 0.5 * t.length)) length = 0.5 * t.length;
    return fmax(length, 0.1 * t.length);
}

/* Whether a part of the step is better; it is then in `trial`. */
static bool search(state *m, double slope, part *t) {
    part before = {0, INFINITY};
    *t = (part){.length = 1};
    while (relative_step(m, t->length) > m->p->eps) {
        if (!tgi_may_evaluate(m->p) || try_part(m, t) == TGI_FAILED) return false;
        if (t->value <= m->value + ENOUGH * t->length * slope) return true;
        double next = shorter(m, slope, *t, before);
        before = *t;
        t->length = next;
    }
    return false;
}

/* ---- one step after the other ------------------------------------------------------------------------------------ */

static void accept(state *m, double value) {
    memcpy(m->x, m->trial, (size_t)m->n * sizeof *m->x);
    memcpy(m->f, m->trial_f, (size_t)m->n * sizeof *m->f);
    m->value = value;
    m->p->report.value = tgi_norm_max(m->n, m->f);
}

static bool iterate(state *m) {
    part t = {0};
    if (!prepare(m)) return false;
    double slope = tgi_dot(m->n, m->g, m->step);
    bool   better = slope < 0 && search(m, slope, &t);
    if (m->p->report.stop || tg_error_status(m->p->tape)) return false;
    if (!better) {
        tgi_stop(m->p, TG_STOP_NO_DESCENT);
        return false;
    }
    double moved = relative_step(m, t.length);
    accept(m, t.value);
    if (m->p->report.value <= m->tolerance_value)
        tgi_stop(m->p, TG_STOP_VALUE);
    else if (moved <= m->tolerance_step)
        tgi_stop(m->p, TG_STOP_STEP);
    return tgi_go_on(m->p, m->x);
}

/* ---- the method -------------------------------------------------------------------------------------------------- */

static bool begin(state *m) {
    const int64_t n = m->n;
    double       *work = tgi_take_work(m->p, ((double)n + 9) * (double)n);
    if (!work) return false;
    m->x = work, m->f = work + n, m->g = work + 2 * n, m->trial = work + 3 * n, m->trial_f = work + 4 * n;
    m->step = work + 5 * n, m->b = work + 6 * n, m->diagonal = work + 7 * n, m->below = work + 8 * n, m->j = work + 9 * n;
    memcpy(m->x, m->p->start, (size_t)n * sizeof *m->x);
    tgi_outcome outcome = tgi_value_here(m->p, m->f);
    if (outcome == TGI_FAR) tgi_stop(m->p, TG_STOP_NOT_FINITE);
    if (outcome != TGI_FINE) return false;
    m->value = half_squares(m, m->f);
    m->p->report.value = tgi_norm_max(n, m->f);
    if (m->p->report.value <= m->tolerance_value) tgi_stop(m->p, TG_STOP_VALUE);
    return !m->p->report.stop;
}

static void solve(tgi_problem *p, const tg_root_options *o) {
    const double usual = pow(p->eps, 2. / 3);
    state        m = {.p = p, .n = p->size};
    m.tolerance_value = tgi_number_option(p, "tolerance_value", o->tolerance_value, usual);
    m.tolerance_step = tgi_number_option(p, "tolerance_step", o->tolerance_step, usual);
    m.max_step = tgi_number_option(p, "max_step", o->max_step, INFINITY);
    p->limits = tgi_limits_of(p, (tgi_limits){o->max_iterations, o->max_evaluations, o->callback, o->context}, 1000);
    if (p->rows != p->size)
        tg_fail(p->tape, TG_ERR_SHAPE, name, "%lld equations for %lld unknowns", (long long)p->rows, (long long)p->size);
    if (tg_error_status(p->tape)) return;
    tgi_record_value(p, p->solved);
    tgi_record_jacobian_product(p);
    if (tgi_start(p) || !begin(&m)) return;
    while (iterate(&m)) {}
    tgi_settle_at(p, m.x);
}

tg_status(tg_root)(tg_tensor equations, int n, const tg_tensor *unknowns, const tg_root_options *options,
                   tg_solve_report *report) {
    static const tg_root_options usual;
    tgi_problem                  p;
    if (!tgi_begin_problem(&p, name, equations, n, unknowns)) solve(&p, options ? options : &usual);
    return tgi_end_problem(&p, report);
}
