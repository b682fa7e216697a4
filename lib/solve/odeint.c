/* solve/odeint.c: tg_odeint: the method of Dormand and Prince, whose steps are found first, and then recorded.
 *
 * To find them, one step is recorded in a part of the tape, with its time, its size and its state as inputs, and run for one attempt after
 * the other. Then the part is forgotten, and the accepted steps are recorded as formulas, with constants for times and sizes.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/inside.h"

static const char name[] = "odeint", part[] = "tapegrad: step";

/* ---- the method -------------------------------------------------------------------------------------------------- */

enum { STAGES = 7 };

/* Hairer, Norsett and Wanner, II.5, table 5.2. The last row of A is the step; the error is that of order 5 less that of order 4. */
static const double C[STAGES] = {0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1};
static const double A[STAGES][STAGES - 1] = {
    {0},
    {1. / 5},
    {3. / 40, 9. / 40},
    {44. / 45, -56. / 15, 32. / 9},
    {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
    {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
    {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84},
};
static const double ERROR[STAGES] = {71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40};

/* II.6: what stands last in the interpolation. */
static const double DENSE[STAGES] = {-12715105075. / 11282082432,  0,
                                     87487479700. / 32700410799,   -10690763975. / 1880347072,
                                     701980252875. / 199316789632, -1453857185. / 822651844,
                                     69997945. / 29380423};

typedef struct step {
    double t, h;
} step;

typedef struct state {
    tg_tape          *tape;
    tg_tensor         y0;
    tg_ode           *f;
    void             *context;
    tg_dtype          dtype;
    int64_t           size;
    tg_odeint_options o;
    tg_solve_report   report;
    tg_tensor         t, h, y, next, error, rate; /* the step to try */
    double           *now, *then, *off;           /* elements */
    void             *buffer;
    step             *steps; /* accepted */
    int64_t           room;
} state;

/* ---- recording a step -------------------------------------------------------------------------------------------- */

static tg_tensor rate_at(const state *m, tg_tensor t, tg_tensor y) {
    tg_callback outer = tg_begin_callback(m->tape, "an equation's function");
    tg_tensor   rate = m->f(t, y, m->context);
    if (tg_end_callback(outer) || tg_check_tensor(m->tape, name, "what the function returned", rate))
        return tg_invalid(m->tape);
    if (tg_dtype_of(rate) == m->dtype) return tg_broadcast_to(rate, tg_shape_of(m->y0));
    tg_fail(m->tape, TG_ERR_DTYPE, name, "the function returned %s for a state of %s", tg_dtype_name(tg_dtype_of(rate)),
            tg_dtype_name(m->dtype));
    return tg_invalid(m->tape);
}

/* h times the sum of weighted rates */
static tg_tensor combine(int count, const double *weights, const tg_tensor *k, tg_tensor h) {
    tg_tensor sum = TG_NONE;
    for (int j = 0; j < count; j++) {
        if (weights[j] == 0) continue;
        tg_tensor term = tg_mul(weights[j], k[j]);
        sum = tg_is_none(sum) ? term : tg_add(sum, term);
    }
    return tg_mul(h, sum);
}

/* The rates k[1] to k[6] of a step, for those of k[0]; the state after it. */
static tg_tensor record_step(const state *m, tg_tensor t, tg_tensor h, tg_tensor y, tg_tensor *k) {
    tg_tensor next = y;
    for (int i = 1; i < STAGES; i++) {
        k[i] = tg_invalid(m->tape);
        if (tg_error_status(m->tape)) continue; /* the function is not called with what is none */
        next = tg_add(y, combine(i, A[i], k, h));
        k[i] = rate_at(m, tg_add(t, tg_mul(C[i], h)), next);
    }
    return next;
}

static void record_attempt(state *m) {
    tg_tensor k[STAGES];
    m->t = tg_input(m->tape, NULL, m->dtype, TG_SHAPE());
    m->h = tg_input(m->tape, NULL, m->dtype, TG_SHAPE());
    m->y = tg_input(m->tape, NULL, m->dtype, tg_shape_of(m->y0));
    tg_begin_part(m->tape, part);
    m->rate = k[0] = tg_mul(rate_at(m, m->t, m->y), 1);
    m->next = record_step(m, m->t, m->h, m->y, k);
    m->error = combine(STAGES, ERROR, k, m->h);
    tg_keep(m->rate), tg_keep(m->next), tg_keep(m->error);
    tg_end_part(m->tape);
}

/* ---- finding the steps ------------------------------------------------------------------------------------------- */

static void read(const state *m, tg_tensor x, double *values) {
    const void *data = tg_peek(x);
    for (int64_t i = 0; data && i < m->size; i++)
        values[i] = m->dtype == TG_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

static void write(const state *m, tg_tensor leaf, int64_t n, const double *values) {
    float *narrow = m->buffer;
    for (int64_t i = 0; i < n && m->dtype == TG_F32; i++)
        narrow[i] = (float)values[i];
    tg_write(leaf, m->dtype == TG_F32 ? m->buffer : (const void *)values, n);
}

static tg_status attempt(state *m, double t, double h) {
    tg_scope scope = tg_begin_scope(m->tape, name);
    write(m, m->t, 1, &t);
    write(m, m->h, 1, &h);
    write(m, m->y, m->size, m->now);
    tg_run_part(m->tape, part);
    m->report.values += STAGES;
    return tg_end_scope(scope); /* back at the user's line */
}

/* The root of the mean of the squares of x, each element in units of what it may be off by. */
static double norm(const state *m, const double *x, const double *y, const double *other) {
    double sum = 0;
    for (int64_t i = 0; i < m->size; i++) {
        double off = x[i] / (m->o.atol + m->o.rtol * fmax(fabs(y[i]), fabs(other[i])));
        sum += off * off;
    }
    return m->size ? sqrt(sum / (double)m->size) : 0;
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
        int64_t room = 2 * m->room + 64;
        step   *more = realloc(m->steps, (size_t)room * sizeof *more);
        if (!more) return tg_fail(m->tape, TG_ERR_MEMORY, name, "out of memory");
        m->steps = more;
        m->room = room;
    }
    m->steps[m->report.iterations++] = (step){t, h};
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
    for (; t != end && !tg_error_status(m->tape); tries++) {
        h = fmin(h, m->o.max_step);
        bool   is_last = fabs(end - t) <= h * (1 + 1e-10);
        double size = is_last ? end - t : direction * h;
        if (tries >= m->o.max_steps)
            return tg_fail(m->tape, TG_ERR_NUMERIC, name, "more than %lld steps are taken to t = %g", (long long)tries, t);
        if (!(fabs(size) > 4 * (m->dtype == TG_F32 ? FLT_EPSILON : DBL_EPSILON) * fabs(t)))
            return tg_fail(m->tape, TG_ERR_NUMERIC, name, "the step size is %g at t = %g: too small", size, t);
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
    return tg_error_status(m->tape);
}

/* ---- recording the solution -------------------------------------------------------------------------------------- */

/* The state at a part of the step, from 0 to 1. */
static tg_tensor interpolate(const tg_tensor *k, tg_tensor y, tg_tensor next, double h, double at) {
    tg_tensor whole = tg_sub(next, y), first = tg_sub(tg_mul(h, k[0]), whole);
    tg_tensor last = tg_sub(tg_sub(whole, tg_mul(h, k[STAGES - 1])), first);
    tg_tensor inner = tg_add(last, tg_mul(1 - at, combine(STAGES, DENSE, k, tg_num(h))));
    return tg_add(y, tg_mul(at, tg_add(whole, tg_mul(1 - at, tg_add(first, tg_mul(at, inner))))));
}

/* Fills in the states at the times. */
static void record_solution(const state *m, int count, const double *times, tg_tensor *at) {
    tg_tensor y = m->y0, k[STAGES];
    int       done = 0;
    while (done < count && times[done] == times[0])
        at[done++] = y;
    if (done < count) k[0] = rate_at(m, tg_number(m->tape, m->dtype, times[0]), y);
    for (int64_t i = 0; i < m->report.iterations && !tg_error_status(m->tape); i++) {
        step      s = m->steps[i];
        bool      is_last = i == m->report.iterations - 1;
        tg_tensor t = tg_number(m->tape, m->dtype, s.t), next = record_step(m, t, tg_number(m->tape, m->dtype, s.h), y, k);
        for (; done < count && (is_last || fabs(times[done] - s.t) <= fabs(s.h)); done++) {
            double part_of = (times[done] - s.t) / s.h;
            at[done] = part_of >= 1 ? next : interpolate(k, y, next, s.h, part_of);
        }
        k[0] = k[STAGES - 1];
        y = next;
    }
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

static void check_times(const state *m, int count, const double *times) {
    if (count < 1 || !times) tg_fail(m->tape, TG_ERR_ARGUMENT, name, "there are no times");
    for (int i = 0; i < count && !tg_error_status(m->tape); i++) {
        bool in_order = i == 0 || (times[count - 1] < times[0] ? times[i] <= times[i - 1] : times[i] >= times[i - 1]);
        if (!isfinite(times[i]) || !in_order)
            tg_fail(m->tape, TG_ERR_ARGUMENT, name, "time %d, %g, is not finite, or not in order", i, times[i]);
    }
}

static double option(const state *m, const char *role, double value, double usual) {
    tg_check_option(m->tape, name, role, value, 0, INFINITY, TG_RIGHT_OPEN);
    return value == 0 ? usual : value;
}

static void read_options(state *m, const tg_odeint_options *o) {
    bool narrow = m->dtype == TG_F32;
    option(m, "max_steps", (double)o->max_steps, 0);
    m->o = (tg_odeint_options){.rtol = option(m, "rtol", o->rtol, narrow ? 1e-4 : 1e-6),
                               .atol = option(m, "atol", o->atol, narrow ? 1e-6 : 1e-9),
                               .first_step = option(m, "first_step", o->first_step, 0),
                               .max_step = option(m, "max_step", o->max_step, INFINITY),
                               .max_steps = o->max_steps ? o->max_steps : 10000};
}

/* What has to be there before steps are looked for. */
static tg_status begin(state *m, int count, const double *times, const tg_odeint_options *options) {
    static const tg_odeint_options usual;
    if (tg_check_tensor(m->tape, name, "the first state", m->y0)) return tg_error_status(m->tape);
    m->dtype = tg_dtype_of(m->y0);
    m->size = tg_size(m->y0);
    if (m->dtype != TG_F32 && m->dtype != TG_F64)
        return tg_fail(m->tape, TG_ERR_DTYPE, name, "the first state is %s: it takes float32 or float64",
                       tg_dtype_name(m->dtype));
    if (!m->f) return tg_fail(m->tape, TG_ERR_ARGUMENT, name, "there is no function");
    check_times(m, count, times);
    read_options(m, options ? options : &usual);
    if (tg_error_status(m->tape)) return tg_error_status(m->tape);
    m->now = calloc(4 * (size_t)m->size + 1, sizeof *m->now);
    if (!m->now) return tg_fail(m->tape, TG_ERR_MEMORY, name, "out of memory");
    m->then = m->now + m->size;
    m->off = m->then + m->size;
    m->buffer = m->off + m->size;
    return TG_OK;
}

static tg_status plan_steps(state *m, double from, double to) {
    tg_mark mark = tg_tape_mark(m->tape);
    if (tg_discard(m->tape, mark) || !tg_data(m->y0)) return tg_error_status(m->tape);
    read(m, m->y0, m->now);
    tg_scope scope = tg_begin_scope(m->tape, name);
    record_attempt(m);
    if (!tg_error_status(m->tape)) find_steps(m, from, to);
    return tg_end_scope(scope) ? tg_error_status(m->tape) : tg_discard(m->tape, mark);
}

tg_tensor(tg_odeint)(tg_tensor y0, tg_ode *f, void *context, int count, const double *times, const tg_odeint_options *options,
                     tg_solve_report *report) {
    state      m = {.tape = tg_tape_of(y0), .y0 = y0, .f = f, .context = context};
    tg_tensor *at = NULL, solution = tg_invalid(m.tape);
    tg_scope   scope = tg_begin_scope(m.tape, name);
    begin(&m, count, times, options);
    double *block = m.now;
    if (!tg_end_scope(scope) && !plan_steps(&m, times[0], times[count - 1])) {
        scope = tg_begin_scope(m.tape, name);
        at = malloc((size_t)count * sizeof *at);
        if (at)
            record_solution(&m, count, times, at);
        else
            tg_fail(m.tape, TG_ERR_MEMORY, name, "out of memory");
        solution =
            tg_end_scope_with(scope, tg_error_status(m.tape) ? tg_invalid(m.tape) : tg_stack(tg_list_from(count, at), 0));
    }
    free(at);
    free(block);
    free(m.steps);
    m.report.converged = !tg_error_status(m.tape);
    m.report.stop = m.report.converged ? TG_STOP_VALUE : TG_STOP_NONE;
    if (report) *report = m.report;
    return solution;
}
