/* solve/trust_region.c: a minimum by quadratic models that are known by their products with vectors.
 *
 * A step minimizes the model  value + g d + d B d / 2  in a ball around the point, by conjugate gradients that stop at its surface, or
 * where the curvature is not positive and it pays to go as far as may be (T. Steihaug, "The conjugate gradient method and trust regions
 * in large scale optimization", 1983). How well the model foretold the value decides on the next ball (J. Nocedal and S. J. Wright,
 * Numerical Optimization (2006), algorithm 4.1, with 0.15 for eta). B is the Hessian, or J' W J for residuals with the Jacobian J.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "solve/minimize.h"
#include "solve/numbers.h"

typedef struct state {
    tgi_problem            *p;
    const tgi_trust_region *o;
    int64_t                 n;
    double                 *x, *g, *trial, *d, *bd; /* the step d, and B d */
    double                 *r, *q, *bq;             /* of conjugate gradients: the residual, the direction, B q */
    double                  value, radius;
    bool                    at_surface;
} state;

/* ---- the step ---------------------------------------------------------------------------------------------------- */

static void advance(state *m, double step) {
    tgi_add_times(m->n, step, m->q, m->d);
    tgi_add_times(m->n, step, m->bq, m->bd);
}

/* Goes on along q to the surface of the ball. */
static void go_to_surface(state *m) {
    double qq = tgi_dot(m->n, m->q, m->q), dq = tgi_dot(m->n, m->d, m->q), dd = tgi_dot(m->n, m->d, m->d);
    double c = fmax(0, m->radius * m->radius - dd), root = sqrt(dq * dq + qq * c);
    m->at_surface = true;
    advance(m, dq > 0 ? c / (dq + root) : (root - dq) / qq);
}

/* The length of d + step q. */
static double length_after(const state *m, double step) {
    double sum = 0;
    for (int64_t i = 0; i < m->n; i++) {
        double moved = m->d[i] + step * m->q[i];
        sum += moved * moved;
    }
    return sqrt(sum);
}

/* B q; zeros where B is not known there: as without curvature the step then goes to the surface. */
static tg_status multiply(state *m) {
    if (tgi_product(m->p, m->q, m->bq) == TGI_FAR) memset(m->bq, 0, (size_t)m->n * sizeof *m->bq);
    return tg_error_status(m->p->tape);
}

static void find_step(state *m) {
    double rr = tgi_dot(m->n, m->g, m->g), size = sqrt(rr), enough = fmin(m->o->forcing, sqrt(size)) * size;
    m->at_surface = false;
    for (int64_t i = 0; i < m->n; i++) {
        m->d[i] = m->bd[i] = 0;
        m->r[i] = m->g[i];
        m->q[i] = -m->g[i];
    }
    for (int64_t k = 0; k < 2 * m->n + 10; k++) {
        if (multiply(m)) return;
        double curvature = tgi_dot(m->n, m->q, m->bq), step = rr / curvature, before = rr;
        if (!(curvature > 0) || length_after(m, step) >= m->radius) {
            go_to_surface(m);
            return;
        }
        advance(m, step);
        tgi_add_times(m->n, step, m->bq, m->r);
        rr = tgi_dot(m->n, m->r, m->r);
        if (sqrt(rr) < enough) return;
        for (int64_t i = 0; i < m->n; i++)
            m->q[i] = rr / before * m->q[i] - m->r[i];
    }
}

/* ---- one step after the other ------------------------------------------------------------------------------------ */

/* What the model says that the step betters the value by. */
static double foretold(const state *m) {
    return -tgi_dot(m->n, m->g, m->d) - tgi_dot(m->n, m->d, m->bd) / 2;
}

static bool take_gradient(state *m) {
    tgi_outcome outcome = tgi_value_and_gradient(m->p, &m->value, m->g);
    if (outcome == TGI_FAR) tgi_stop(m->p, TG_STOP_NOT_FINITE);
    if (outcome != TGI_FINE) return false;
    m->p->report.value = m->value;
    m->p->report.gradient = tgi_norm_max(m->n, m->g);
    if (m->p->report.gradient <= m->o->tolerance_gradient) tgi_stop(m->p, TG_STOP_GRADIENT);
    return true;
}

/* How the value at the trial compares with what was foretold; -1 for a trial that is too far. */
static double try_step(state *m, double expected, double *value) {
    for (int64_t i = 0; i < m->n; i++)
        m->trial[i] = m->x[i] + m->d[i];
    if (tgi_move_to(m->p, m->trial) || tgi_value_here(m->p, value) != TGI_FINE) return -1;
    return (m->value - *value) / expected;
}

static void change_radius(state *m, double ratio) {
    if (ratio < 0.25) m->radius *= 0.25;
    if (ratio > 0.75 && m->at_surface) m->radius *= 2;
    m->radius = fmin(m->radius, m->o->max_step);
}

static bool accept(state *m, double value) {
    double size = fmax(m->o->least_value, fabs(m->value)), change = m->value - value;
    m->p->report.value = value;
    memcpy(m->x, m->trial, (size_t)m->n * sizeof *m->x);
    if (!take_gradient(m)) return false;
    if (!m->p->report.stop && !m->at_surface && change < m->o->tolerance_value * size) tgi_stop(m->p, TG_STOP_VALUE);
    return tgi_go_on(m->p, m->x);
}

/* A step that is rejected is followed by a shorter one, until no element of the point moves. */
static bool iterate(state *m) {
    double value = NAN, smallest = m->p->eps * fmax(m->p->eps, tgi_norm(m->n, m->x));
    if (tgi_move_to(m->p, m->x)) return false; /* from a trial that was rejected */
    find_step(m);
    if (tg_error_status(m->p->tape)) return false;
    double expected = foretold(m);
    bool   still = !m->at_surface && expected < m->o->tolerance_value * fmax(m->o->least_value, fabs(m->value));
    if (still || !(m->radius > smallest)) {
        tgi_stop(m->p, still ? TG_STOP_VALUE : TG_STOP_NO_DESCENT);
        return false;
    }
    if (!tgi_may_evaluate(m->p)) return false;
    double ratio = try_step(m, expected, &value);
    if (tg_error_status(m->p->tape)) return false;
    change_radius(m, ratio);
    return ratio > 0.15 ? accept(m, value) : true;
}

/* ---- the method -------------------------------------------------------------------------------------------------- */

void tgi_minimize_by_products(tgi_problem *p, const tgi_trust_region *o) {
    int64_t n = p->size;
    double *work = tgi_take_work(p, 8 * (double)n);
    state   m = {.p = p, .o = o, .n = n, .radius = fmin(1, o->max_step)};
    if (!work) return;
    m.x = work, m.g = work + n, m.trial = work + 2 * n, m.d = work + 3 * n, m.bd = work + 4 * n;
    m.r = work + 5 * n, m.q = work + 6 * n, m.bq = work + 7 * n;
    memcpy(m.x, p->start, (size_t)n * sizeof *m.x);
    if (!take_gradient(&m) || p->report.stop) return;
    while (iterate(&m)) {}
    tgi_settle_at(p, m.x);
}
