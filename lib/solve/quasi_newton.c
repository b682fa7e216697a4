/* solve/quasi_newton.c: L-BFGS, and with bounds its projected form.
 *
 * The direction is -H g, where H is made of the last steps s and the changes y of the gradient that went with them (J. Nocedal and S. J.
 * Wright, Numerical Optimization (2006), algorithm 7.4). With bounds, an element that is at one, and that the gradient pushes against
 * it, is held; H is that of the others, made of their part of the steps; and the direction leads to where the full step, projected onto
 * the bounds, ends. Where that is not downhill, it is the full direction, as far as the first bound.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <string.h>

#include "solve/line_search.h"
#include "solve/minimize.h"
#include "solve/numbers.h"

static const double NOISE = 1000; /* rounding errors of a value, in rounding units */
enum { MOST_STALLED = 5 }; /* steps in a row that better neither value nor gradient, which rounding errors may let pass */

/* The pairs are in rings of `history` rows; the newest is at `newest`. A held element is 0 in what is made of them. */
typedef struct state {
    tgi_problem            *p;
    const tgi_quasi_newton *o;
    int64_t                 n, pairs, newest;
    double                 *x, *g, *trial, *trial_g, *d;
    double                 *s, *y, *weight, *is_free;
    double                  value;
    int                     stalled;
} state;

/* ---- bounds ------------------------------------------------------------------------------------------------------ */

static double into_bounds(const state *m, int64_t i, double x) {
    return m->o->bounded ? fmin(fmax(x, m->p->lower[i]), m->p->upper[i]) : x;
}

static void find_free(state *m) {
    for (int64_t i = 0; i < m->n; i++) {
        bool held =
            m->o->bounded && ((m->g[i] >= 0 && m->x[i] <= m->p->lower[i]) || (m->g[i] <= 0 && m->x[i] >= m->p->upper[i]));
        m->is_free[i] = held ? 0 : 1;
    }
}

/* The largest element of x - P(x - g): 0 where bounds hold it. */
static double projected_gradient(const state *m, const double *x, const double *g) {
    double largest = 0;
    for (int64_t i = 0; i < m->n; i++) {
        double moved = m->o->bounded ? x[i] - into_bounds(m, i, x[i] - g[i]) : g[i];
        largest = fmax(largest, fabs(moved));
    }
    return largest;
}

/* How far the direction goes to the first bound. */
static double room_along(const state *m) {
    double room = INFINITY;
    for (int64_t i = 0; i < m->n && m->o->bounded; i++) {
        if (m->d[i] > 0) room = fmin(room, (m->p->upper[i] - m->x[i]) / m->d[i]);
        if (m->d[i] < 0) room = fmin(room, (m->p->lower[i] - m->x[i]) / m->d[i]);
    }
    return room;
}

/* ---- the direction ----------------------------------------------------------------------------------------------- */

static double inner_free(const state *m, const double *a, const double *b) {
    double sum = 0;
    for (int64_t i = 0; i < m->n; i++)
        sum += m->is_free[i] * a[i] * b[i];
    return sum;
}

static const double *row(const state *m, const double *ring, int64_t age) {
    return ring + (m->newest + m->o->history - age) % m->o->history * m->n;
}

/* d <- -H g of the free elements. */
static void multiply_by_inverse(state *m) {
    double scale = 1, *weight = m->weight;
    bool   scaled = false;
    for (int64_t i = 0; i < m->n; i++)
        m->d[i] = -m->is_free[i] * m->g[i];
    for (int64_t age = 0; age < m->pairs; age++) {
        const double *s = row(m, m->s, age), *y = row(m, m->y, age);
        double        sy = inner_free(m, s, y), yy = inner_free(m, y, y);
        weight[age] = 0;
        weight[age + m->o->history] = sy > DBL_EPSILON * yy ? 1 / sy : 0;
        if (!(sy > DBL_EPSILON * yy)) continue;
        if (!scaled) scale = sy / yy;
        scaled = true;
        weight[age] = inner_free(m, s, m->d) / sy;
        tgi_add_times(m->n, -weight[age], y, m->d);
    }
    for (int64_t i = 0; i < m->n; i++)
        m->d[i] *= scale * m->is_free[i];
    for (int64_t age = m->pairs; age-- > 0;) {
        const double *s = row(m, m->s, age), *y = row(m, m->y, age);
        double        back = weight[age + m->o->history] * inner_free(m, y, m->d);
        tgi_add_times(m->n, weight[age] - back, s, m->d);
    }
    for (int64_t i = 0; i < m->n; i++)
        m->d[i] *= m->is_free[i];
}

/* The direction to where the full step, projected, ends; unless that is not downhill. */
static void project(state *m) {
    double slope = 0;
    for (int64_t i = 0; i < m->n; i++) {
        m->trial[i] = into_bounds(m, i, m->x[i] + m->d[i]) - m->x[i];
        slope += m->g[i] * m->trial[i];
    }
    if (slope < 0) memcpy(m->d, m->trial, (size_t)m->n * sizeof *m->d);
}

/* The slope along it; where it is not downhill, what is remembered is forgotten. */
static double find_direction(state *m) {
    find_free(m);
    multiply_by_inverse(m);
    if (m->pairs && !(tgi_dot(m->n, m->g, m->d) < 0)) {
        m->pairs = 0;
        multiply_by_inverse(m);
    }
    if (m->o->bounded) project(m);
    return tgi_dot(m->n, m->g, m->d);
}

static void remember(state *m) {
    int64_t next = m->pairs ? (m->newest + 1) % m->o->history : 0;
    double *s = m->s + next * m->n, *y = m->y + next * m->n;
    for (int64_t i = 0; i < m->n; i++) {
        s[i] = m->trial[i] - m->x[i];
        y[i] = m->trial_g[i] - m->g[i];
    }
    if (!(tgi_dot(m->n, s, y) > DBL_EPSILON * tgi_dot(m->n, y, y))) return;
    m->newest = next;
    if (m->pairs < m->o->history) m->pairs++;
}

/* ---- the step ---------------------------------------------------------------------------------------------------- */

static tgi_outcome try_step(state *m, double step, double *value) {
    for (int64_t i = 0; i < m->n; i++)
        m->trial[i] = into_bounds(m, i, m->x[i] + step * m->d[i]);
    if (tgi_move_to(m->p, m->trial)) return TGI_FAILED;
    return tgi_value_and_gradient(m->p, value, m->trial_g);
}

/* Leaves the step in `trial`. Whether it is better than where it began. */
static bool search(state *m, double slope, double *value) {
    double           longest = fmin(room_along(m), m->o->max_step / tgi_norm_max(m->n, m->d));
    double           first = m->pairs ? 1 : fmin(1, 1 / tgi_norm(m->n, m->d));
    tgi_line_search  line = tgi_begin_search(m->value, slope, NOISE * m->p->eps * fabs(m->value), first, fmin(longest, 1e10));
    tgi_search_state going = TGI_SEARCH_ON;
    while (going == TGI_SEARCH_ON) {
        if (!tgi_may_evaluate(m->p)) return false;
        tgi_outcome outcome = try_step(m, line.step, value);
        if (outcome == TGI_FAILED) return false;
        going = outcome == TGI_FAR ? tgi_search_nearer(&line) : tgi_search(&line, *value, tgi_dot(m->n, m->trial_g, m->d));
    }
    if (going == TGI_SEARCH_DONE) return true;
    return line.step > 0 && line.best.value < m->value && try_step(m, line.step, value) == TGI_FINE;
}

static void accept(state *m, double value) {
    remember(m);
    memcpy(m->x, m->trial, (size_t)m->n * sizeof *m->x);
    memcpy(m->g, m->trial_g, (size_t)m->n * sizeof *m->g);
    m->value = m->p->report.value = value;
    m->p->report.gradient = projected_gradient(m, m->x, m->g);
}

/* Whether to go on. Where no step is better, it is tried once more with nothing remembered. */
static bool iterate(state *m) {
    double value = INFINITY, before = m->value, slope = find_direction(m);
    bool   better = slope < 0 && search(m, slope, &value);
    if (!better && m->pairs && !m->p->report.stop && !tg_error_status(m->p->tape)) {
        m->pairs = 0;
        slope = find_direction(m);
        better = slope < 0 && search(m, slope, &value);
    }
    if (m->p->report.stop || tg_error_status(m->p->tape)) return false;
    if (better && value >= before && projected_gradient(m, m->trial, m->trial_g) >= m->p->report.gradient)
        better = ++m->stalled <= MOST_STALLED;
    else
        m->stalled = 0;
    if (!better) {
        tgi_stop(m->p, TG_STOP_NO_DESCENT);
        return false;
    }
    accept(m, value);
    if (m->p->report.gradient <= m->o->tolerance_gradient)
        tgi_stop(m->p, TG_STOP_GRADIENT);
    else if (fabs(before - value) < m->o->tolerance_value * fmax(1, fmax(fabs(before), fabs(value))))
        tgi_stop(m->p, TG_STOP_VALUE);
    return tgi_go_on(m->p, m->x);
}

/* ---- the method -------------------------------------------------------------------------------------------------- */

static bool take_memory(state *m) {
    int64_t n = m->n, history = m->o->history;
    double *work = tgi_take_work(m->p, (6 + 2 * (double)history) * (double)n + 2 * (double)history);
    if (!work) return false;
    m->x = work, m->g = m->x + n, m->trial = m->g + n, m->trial_g = m->trial + n, m->d = m->trial_g + n;
    m->is_free = m->d + n, m->s = m->is_free + n, m->y = m->s + history * n, m->weight = m->y + history * n;
    return true;
}

static bool begin(state *m) {
    for (int64_t i = 0; i < m->n; i++)
        m->x[i] = into_bounds(m, i, m->p->start[i]);
    if (tgi_move_to(m->p, m->x)) return false;
    tgi_outcome outcome = tgi_value_and_gradient(m->p, &m->value, m->g);
    if (outcome == TGI_FAR) tgi_stop(m->p, TG_STOP_NOT_FINITE);
    if (outcome != TGI_FINE) return false;
    m->p->report.value = m->value;
    m->p->report.gradient = projected_gradient(m, m->x, m->g);
    if (m->p->report.gradient <= m->o->tolerance_gradient) tgi_stop(m->p, TG_STOP_GRADIENT);
    return !m->p->report.stop;
}

void tgi_minimize_by_gradients(tgi_problem *p, const tgi_quasi_newton *o) {
    state m = {.p = p, .o = o, .n = p->size};
    if (!take_memory(&m) || !begin(&m)) return;
    while (iterate(&m)) {}
    tgi_settle_at(p, m.x);
}
