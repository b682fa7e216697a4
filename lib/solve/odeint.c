/* solve/odeint.c: tg_odeint: the method of Dormand and Prince, whose steps are found first, and then recorded.
 *
 * To find them, one step is recorded in a part of the tape, with its time, its size and its state as inputs, and run for one attempt after
 * the other. Then the part is forgotten, and the accepted steps are recorded as a loop, with constants for times and sizes.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "solve/odeint.h"

static const char name[] = "odeint", part[] = "tapegrad: step";

/* ---- trying a step ------------------------------------------------------------------------------------------------ */

typedef struct state {
    tgi_ode           ode;
    tg_odeint_options o;
    tg_solve_report   report;
    tg_tensor         t, h, y, next, error, rate; /* the step to try */
    double           *now, *then, *off;           /* elements */
    void             *buffer;
    tgi_ode_step     *steps; /* accepted */
    int64_t           room;
} state;

static void record_attempt(state *m) {
    tg_tensor k[TGI_STAGES];
    m->t = tg_input(m->ode.tape, NULL, m->ode.dtype, TG_SHAPE());
    m->h = tg_input(m->ode.tape, NULL, m->ode.dtype, TG_SHAPE());
    m->y = tg_input(m->ode.tape, NULL, m->ode.dtype, tg_shape_of(m->ode.y0));
    tg_begin_part(m->ode.tape, part);
    m->rate = k[0] = tg_mul(tgi_ode_rate(&m->ode, m->t, m->y), 1);
    m->next = tgi_ode_step_from(&m->ode, m->t, m->h, m->y, k);
    m->error = tgi_ode_error(k, m->h);
    tg_keep(m->rate), tg_keep(m->next), tg_keep(m->error);
    tg_end_part(m->ode.tape);
}

/* ---- finding the steps ------------------------------------------------------------------------------------------- */

static void read(const state *m, tg_tensor x, double *values) {
    const void *data = tg_peek(x);
    for (int64_t i = 0; data && i < m->ode.size; i++)
        values[i] = m->ode.dtype == TG_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

static void write(const state *m, tg_tensor leaf, int64_t n, const double *values) {
    float *narrow = m->buffer;
    for (int64_t i = 0; i < n && m->ode.dtype == TG_F32; i++)
        narrow[i] = (float)values[i];
    tg_write(leaf, m->ode.dtype == TG_F32 ? m->buffer : (const void *)values, n);
}

static tg_status attempt(state *m, double t, double h) {
    tg_scope scope = tg_begin_scope(m->ode.tape, name);
    write(m, m->t, 1, &t);
    write(m, m->h, 1, &h);
    write(m, m->y, m->ode.size, m->now);
    tg_run_part(m->ode.tape, part);
    m->report.values += TGI_STAGES;
    return tg_end_scope(scope); /* back at the user's line */
}

/* The root of the mean of the squares of x, each element in units of what it may be off by. */
static double norm(const state *m, const double *x, const double *y, const double *other) {
    double sum = 0;
    for (int64_t i = 0; i < m->ode.size; i++) {
        double off = x[i] / (m->o.atol + m->o.rtol * fmax(fabs(y[i]), fabs(other[i])));
        sum += off * off;
    }
    return m->ode.size ? sqrt(sum / (double)m->ode.size) : 0;
}

/* The first size: at it the first term of the series is a hundredth of the state, or less where the rate is not known to be even. */
static double first_size(state *m, double t, double whole) {
    if (m->o.first_step > 0) return m->o.first_step;
    if (attempt(m, t, 0)) return 0;
    read(m, m->rate, m->then);
    double size = norm(m, m->now, m->now, m->now), rate = norm(m, m->then, m->now, m->now);
    double h = rate > 1e-5 && size > 1e-5 ? 0.01 * size / rate : 1e-6;
    return fmin(h, whole);
}

static tg_status accept(state *m, double t, double h) {
    if (m->report.iterations == m->room) {
        int64_t       room = 2 * m->room + 64;
        tgi_ode_step *more = realloc(m->steps, (size_t)room * sizeof *more);
        if (!more) return tg_fail(m->ode.tape, TG_ERR_MEMORY, name, "out of memory");
        m->steps = more;
        m->room = room;
    }
    m->steps[m->report.iterations++] = (tgi_ode_step){t, h};
    double *before = m->now;
    m->now = m->then;
    m->then = before;
    return TG_OK;
}

/* II.4: the next size by the error of this step and of the one before, which keeps it from swinging. */
static double factor_of(double error, double before) {
    const double safety = 0.9, slow = 0.04;
    return safety * pow(fmax(error, 1e-10), slow * 0.75 - 0.2) * pow(before, slow);
}

static tg_status find_steps(state *m, double t, double end) {
    double  direction = end < t ? -1 : 1, before = 1e-4, h = first_size(m, t, fabs(end - t));
    bool    was_rejected = false;
    int64_t tries = 0;
    for (; t != end && !tg_error_status(m->ode.tape); tries++) {
        h = fmin(h, m->o.max_step);
        bool   is_last = fabs(end - t) <= h * (1 + 1e-10);
        double size = is_last ? end - t : direction * h;
        if (tries >= m->o.max_steps)
            return tg_fail(m->ode.tape, TG_ERR_NUMERIC, name, "more than %lld steps are taken to t = %g", (long long)tries, t);
        if (!(fabs(size) > 4 * (m->ode.dtype == TG_F32 ? FLT_EPSILON : DBL_EPSILON) * fabs(t)))
            return tg_fail(m->ode.tape, TG_ERR_NUMERIC, name, "the step size is %g at t = %g: too small", size, t);
        if (attempt(m, t, size)) break;
        read(m, m->next, m->then);
        read(m, m->error, m->off);
        double error = norm(m, m->off, m->now, m->then), factor = isfinite(error) ? factor_of(error, before) : 0.1;
        if (error <= 1) {
            if (accept(m, t, size)) break;
            t = is_last ? end : t + size;
            before = fmax(error, 1e-4);
        }
        factor = fmin(fmax(factor, 0.1), was_rejected || !(error <= 1) ? 1 : 10);
        was_rejected = !(error <= 1);
        h = fabs(size) * factor;
    }
    return tg_error_status(m->ode.tape);
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

static void check_times(const state *m, int count, const double *times) {
    if (count < 1 || !times) tg_fail(m->ode.tape, TG_ERR_ARGUMENT, name, "there are no times");
    for (int i = 0; i < count && !tg_error_status(m->ode.tape); i++) {
        bool in_order = i == 0 || (times[count - 1] < times[0] ? times[i] <= times[i - 1] : times[i] >= times[i - 1]);
        if (!isfinite(times[i]) || !in_order)
            tg_fail(m->ode.tape, TG_ERR_ARGUMENT, name, "time %d, %g, is not finite, or not in order", i, times[i]);
    }
}

static double option(const state *m, const char *role, double value, double usual) {
    tg_check_option(m->ode.tape, name, role, value, 0, INFINITY, TG_RIGHT_OPEN);
    return value == 0 ? usual : value;
}

static void read_options(state *m, const tg_odeint_options *o) {
    bool narrow = m->ode.dtype == TG_F32;
    option(m, "max_steps", (double)o->max_steps, 0);
    m->o = (tg_odeint_options){.rtol = option(m, "rtol", o->rtol, narrow ? 1e-4 : 1e-6),
                               .atol = option(m, "atol", o->atol, narrow ? 1e-6 : 1e-9),
                               .first_step = option(m, "first_step", o->first_step, 0),
                               .max_step = option(m, "max_step", o->max_step, INFINITY),
                               .max_steps = o->max_steps ? o->max_steps : 10000,
                               .memory = o->memory};
}

/* What has to be there before steps are looked for. */
static tg_status begin(state *m, int count, const double *times, const tg_odeint_options *options) {
    static const tg_odeint_options usual;
    if (tg_check_tensor(m->ode.tape, name, "the first state", m->ode.y0)) return tg_error_status(m->ode.tape);
    m->ode.dtype = tg_dtype_of(m->ode.y0);
    m->ode.size = tg_size(m->ode.y0);
    if (m->ode.dtype != TG_F32 && m->ode.dtype != TG_F64)
        return tg_fail(m->ode.tape, TG_ERR_DTYPE, name, "the first state is %s: it takes float32 or float64",
                       tg_dtype_name(m->ode.dtype));
    if (!m->ode.f) return tg_fail(m->ode.tape, TG_ERR_ARGUMENT, name, "there is no function");
    check_times(m, count, times);
    read_options(m, options ? options : &usual);
    if (tg_error_status(m->ode.tape)) return tg_error_status(m->ode.tape);
    m->now = calloc(4 * (size_t)m->ode.size + 1, sizeof *m->now);
    if (!m->now) return tg_fail(m->ode.tape, TG_ERR_MEMORY, name, "out of memory");
    m->then = m->now + m->ode.size;
    m->off = m->then + m->ode.size;
    m->buffer = m->off + m->ode.size;
    return TG_OK;
}

static tg_status plan_steps(state *m, double from, double to) {
    tg_mark mark = tg_tape_mark(m->ode.tape);
    if (tg_discard(m->ode.tape, mark) || !tg_data(m->ode.y0)) return tg_error_status(m->ode.tape);
    read(m, m->ode.y0, m->now);
    tg_scope scope = tg_begin_scope(m->ode.tape, name);
    record_attempt(m);
    if (!tg_error_status(m->ode.tape)) find_steps(m, from, to);
    return tg_end_scope(scope) ? tg_error_status(m->ode.tape) : tg_discard(m->ode.tape, mark);
}

tg_tensor(tg_odeint)(tg_tensor y0, tg_ode *f, void *context, int count, const double *times, const tg_odeint_options *options,
                     tg_solve_report *report) {
    state     m = {.ode = {.tape = tg_tape_of(y0), .name = name, .y0 = y0, .f = f, .context = context}};
    tg_tape  *tape = m.ode.tape;
    tg_tensor solution = tg_invalid(tape);
    tg_scope  scope = tg_begin_scope(tape, name);
    begin(&m, count, times, options);
    double *block = m.now;
    if (!tg_end_scope(scope) && !plan_steps(&m, times[0], times[count - 1])) {
        scope = tg_begin_scope(tape, name);
        solution =
            tg_end_scope_with(scope, tgi_record_solution(&m.ode, m.report.iterations, m.steps, count, times, m.o.memory));
    }
    free(block);
    free(m.steps);
    m.report.converged = !tg_error_status(tape);
    m.report.stop = m.report.converged ? TG_STOP_VALUE : TG_STOP_NONE;
    if (report) *report = m.report;
    return solution;
}
