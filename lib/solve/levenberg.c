/* solve/levenberg.c: the method of Levenberg and Marquardt, with a trust region (J. J. Moré, "The Levenberg-Marquardt algorithm:
 * implementation and theory" (1978)).
 *
 * A step makes |J step + f|, or |R step - b| with the triangle R of the Jacobian J, least in a region that is scaled by the largest
 * columns of J so far. How much the value falls, compared with what that model foretold, decides on the next region. An element at a
 * bound that the gradient pushes against is held, and so is one at a bound that the step would lead out of: the model has no column for
 * it. Another step that leaves the bounds is projected onto them, or shortened to the first of them, whichever the model finds better.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "solve/dense.h"
#include "solve/least_squares.h"
#include "solve/marquardt.h"
#include "solve/numbers.h"

static const double FIRST = 100; /* the first region, in lengths of the scaled point */

typedef struct state {
    tgi_problem         *p;
    const tgi_levenberg *o;
    int64_t              rows, n;
    double              *x, *f, *trial, *trial_f, *j, *g, *scale, *step, *moved;
    tgi_linear_model     model;              /* of the elements that are kept, */
    int64_t             *kept;               /* which these are, */
    double              *kept_scale, *r, *b; /* and its parts */
    double               value, region, parameter;
    bool                 is_first;
} state;

/* ---- the model --------------------------------------------------------------------------------------------------- */

static bool is_held(const state *m, int64_t i) {
    if (!m->o->bounded) return false;
    return (m->g[i] >= 0 && m->x[i] <= m->p->lower[i]) || (m->g[i] <= 0 && m->x[i] >= m->p->upper[i]);
}

/* The k-th column of the model is that of element i. */
static void keep(state *m, int64_t k, int64_t i) {
    m->kept[k] = i;
    m->kept_scale[k] = m->scale[i];
}

/* Reads the columns of J, and moves those of elements that are not held to the front. The largest cosine between f, which is that
 * long, and one of them. */
static double read_columns(state *m, double norm) {
    double largest = 0;
    m->p->report.gradient = 0;
    m->model.n = 0;
    for (int64_t i = 0; i < m->n; i++) {
        double *column = m->j + i * m->rows, length = tgi_norm(m->rows, column);
        m->g[i] = tgi_dot(m->rows, column, m->f);
        m->scale[i] = fmax(m->scale[i], length);
        if (m->is_first && m->scale[i] == 0) m->scale[i] = 1;
        if (is_held(m, i)) continue;
        keep(m, m->model.n, i);
        memmove(m->j + m->model.n++ * m->rows, column, (size_t)m->rows * sizeof *column);
        m->p->report.gradient = fmax(m->p->report.gradient, fabs(m->g[i]));
        if (length > 0 && norm > 0) largest = fmax(largest, fabs(m->g[i]) / length / norm);
    }
    return largest;
}

static void set_first_region(state *m) {
    double norm = tgi_scaled_norm(m->n, m->scale, m->x);
    m->region = norm > 0 ? FIRST * norm : FIRST;
}

/* The triangle of the first columns of a, whose columns are `rows` apart; a may be the model's own matrix. */
static void make_triangle(state *m, int64_t rows, double *a, double *b) {
    const int64_t n = m->model.n;
    tgi_make_triangle(rows, n, a, b);
    for (int64_t k = 0; k < n; k++) {
        for (int64_t i = 0; i < n; i++)
            m->r[k * n + i] = i <= k && i < rows ? a[k * rows + i] : 0;
        m->b[k] = k < rows ? b[k] : 0;
    }
}

/* Whether there is a model to go on with: not where the gradient is small, or a derivative is not finite. */
static bool linearize(state *m) {
    m->p->report.gradients++;
    tgi_outcome outcome = tgi_jacobian_here(m->p, m->j);
    if (outcome == TGI_FAR) tgi_stop(m->p, TG_STOP_NOT_FINITE);
    if (outcome != TGI_FINE) return false;
    tgi_weigh_rows(m->o->robust, m->rows, m->f, m->n, m->j);
    double cosine = read_columns(m, sqrt(2 * m->value)); /* without a robust loss that is the length of f */
    if (m->is_first) set_first_region(m);
    if (cosine <= m->o->tolerance_gradient) tgi_stop(m->p, TG_STOP_GRADIENT);
    for (int64_t i = 0; i < m->rows; i++)
        m->f[i] = -m->f[i];
    make_triangle(m, m->rows, m->j, m->f);
    return !m->p->report.stop;
}

/* ---- the step ---------------------------------------------------------------------------------------------------- */

/* Holds elements at a bound that the step leads out of: the model goes on without their columns. Whether there are any. */
static bool hold_more(state *m) {
    const int64_t before = m->model.n;
    m->model.n = 0;
    for (int64_t k = 0; k < before; k++) {
        int64_t i = m->kept[k];
        double  step = m->model.step[k];
        bool    out = (step < 0 && m->x[i] <= m->p->lower[i]) || (step > 0 && m->x[i] >= m->p->upper[i]);
        if (m->o->bounded && out) continue;
        keep(m, m->model.n, i);
        memmove(m->r + m->model.n++ * before, m->r + k * before, (size_t)before * sizeof *m->r);
    }
    if (m->model.n == before) return false;
    make_triangle(m, before, m->r, m->b);
    return true;
}

/* Its scaled length. */
static double find_step(state *m) {
    do
        m->parameter = tgi_find_step(&m->model, m->region, m->parameter);
    while (hold_more(m));
    memset(m->step, 0, (size_t)m->n * sizeof *m->step);
    for (int64_t k = 0; k < m->model.n; k++)
        m->step[m->kept[k]] = m->model.step[k];
    return tgi_scaled_norm(m->n, m->scale, m->step);
}

/* The trial is where the step leads; a bound holds what reaches it, up to rounding. */
static void set_trial(state *m) {
    for (int64_t i = 0; i < m->n; i++) {
        double x = m->x[i] + m->moved[i], near = 4 * m->p->eps * fabs(x);
        if (m->o->bounded && x <= m->p->lower[i] + near) x = m->p->lower[i];
        if (m->o->bounded && x >= m->p->upper[i] - near) x = m->p->upper[i];
        m->trial[i] = x;
        m->moved[i] = x - m->x[i];
    }
}

/* What the model says that the value falls by, |b|^2 / 2 - |b - R moved|^2 / 2. */
static double foretold(const state *m) {
    const int64_t n = m->model.n;
    double        sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double row = 0;
        for (int64_t k = i; k < n; k++)
            row += m->r[k * n + i] * m->moved[m->kept[k]];
        sum += row * (m->b[i] - row / 2);
    }
    return sum;
}

/* The part of the step up to the first bound: 1 where all of it is inside. */
static double room_along(const state *m) {
    double room = 1;
    for (int64_t i = 0; i < m->n && m->o->bounded; i++) {
        double step = m->step[i], bound = step > 0 ? m->p->upper[i] : m->p->lower[i];
        if (step != 0) room = fmin(room, (bound - m->x[i]) / step);
    }
    return room;
}

/* Goes to where the step leads, and returns what the model says of it. */
static double go(state *m) {
    double room = room_along(m), projected;
    memcpy(m->moved, m->step, (size_t)m->n * sizeof *m->moved);
    set_trial(m);
    projected = foretold(m);
    if (room < 1) {
        for (int64_t i = 0; i < m->n; i++)
            m->moved[i] = room * m->step[i];
        if (foretold(m) < projected) memcpy(m->moved, m->step, (size_t)m->n * sizeof *m->moved);
        set_trial(m);
    }
    tgi_move_to(m->p, m->trial);
    for (int64_t i = 0; i < m->n; i++)
        m->moved[i] = m->trial[i] - m->x[i]; /* what the dtype holds of it */
    return foretold(m);
}

static void shrink(state *m, double norm, double slope, double fall) {
    double factor = fall >= 0 ? 0.5 : 0.5 * slope / (slope + fall);
    if (!(fall > -99 * m->value) || !(factor >= 0.1)) factor = 0.1;
    m->region = factor * fmin(m->region, 10 * norm);
    m->parameter /= factor;
}

/* Tests that hold whether the step was accepted or not; `expected` and `fall` are of one size where the model is right. */
static void test(state *m, double expected, double fall, double ratio) {
    double value = fmax(m->o->tolerance_value, m->p->eps) * m->value;
    double step = fmax(m->o->tolerance_step, m->p->eps) * tgi_scaled_norm(m->n, m->scale, m->x);
    if (fabs(fall) <= value && expected <= value && ratio <= 2)
        tgi_stop(m->p, TG_STOP_VALUE);
    else if (m->region <= step)
        tgi_stop(m->p, isfinite(fall) ? TG_STOP_STEP : TG_STOP_NO_DESCENT);
}

/* One try; whether it was accepted. */
static bool try_step(state *m) {
    double value = INFINITY, norm = find_step(m);
    if (m->is_first) m->region = fmin(m->region, norm);
    m->is_first = false;
    if (!tgi_may_evaluate(m->p)) return false;
    double      expected = go(m), slope = tgi_dot(m->n, m->g, m->moved);
    tgi_outcome outcome = tgi_value_here(m->p, m->trial_f);
    if (outcome == TGI_FAILED) return false;
    if (outcome == TGI_FINE) value = tgi_cost(m->o->robust, m->rows, m->trial_f);
    double fall = m->value - value, ratio = expected > 0 ? fall / expected : 0;
    if (ratio <= 0.25)
        shrink(m, norm, slope, fall);
    else if (m->parameter == 0 || ratio >= 0.75) {
        m->region = 2 * norm;
        m->parameter /= 2;
    }
    bool accepted = ratio >= 1e-4;
    if (accepted) {
        memcpy(m->x, m->trial, (size_t)m->n * sizeof *m->x);
        memcpy(m->f, m->trial_f, (size_t)m->rows * sizeof *m->f);
        m->value = m->p->report.value = value;
    }
    test(m, expected, fall, ratio);
    return accepted;
}

static bool iterate(state *m) {
    if (!linearize(m)) return false;
    bool accepted = false;
    while (!accepted && !m->p->report.stop && !tg_error_status(m->p->tape))
        accepted = try_step(m);
    if (tg_error_status(m->p->tape)) return false;
    return accepted ? tgi_go_on(m->p, m->x) : false;
}

/* ---- the method -------------------------------------------------------------------------------------------------- */

static bool take_memory(state *m) {
    int64_t n = m->n, rows = m->rows;
    double *work = tgi_take_work(m->p, ((double)rows + 2 * (double)n + 12) * (double)n + 2 * (double)rows);
    if (!work) return false;
    memset(work, 0, (size_t)(12 * n) * sizeof *work);
    m->x = work, m->trial = work + n, m->g = work + 2 * n, m->scale = work + 3 * n, m->step = work + 4 * n,
    m->moved = work + 5 * n;
    m->b = work + 6 * n, m->kept_scale = work + 7 * n, m->kept = (int64_t *)(work + 8 * n);
    m->f = work + 12 * n, m->trial_f = m->f + rows, m->j = m->trial_f + rows, m->r = m->j + rows * n;
    m->model =
        (tgi_linear_model){n, m->r, m->b, m->kept_scale, work + 9 * n, m->r + n * n, work + 10 * n, work + 11 * n, m->p->eps};
    return true;
}

static bool begin(state *m) {
    for (int64_t i = 0; i < m->n; i++) {
        double x = m->p->start[i];
        m->x[i] = m->o->bounded ? fmin(fmax(x, m->p->lower[i]), m->p->upper[i]) : x;
    }
    if (tgi_move_to(m->p, m->x)) return false;
    tgi_outcome outcome = tgi_value_here(m->p, m->f);
    if (outcome == TGI_FINE) m->value = m->p->report.value = tgi_cost(m->o->robust, m->rows, m->f);
    if (outcome == TGI_FAR || !isfinite(m->value)) tgi_stop(m->p, TG_STOP_NOT_FINITE);
    return outcome == TGI_FINE && !m->p->report.stop;
}

void tgi_minimize_squares(tgi_problem *p, const tgi_levenberg *o) {
    state m = {.p = p, .o = o, .rows = p->rows, .n = p->size, .is_first = true};
    if (!take_memory(&m) || !begin(&m)) return;
    while (iterate(&m)) {}
    tgi_settle_at(p, m.x);
}
