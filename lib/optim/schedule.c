/* optim/schedule.c: rates as formulas of the number of steps.
 *
 * They are closed forms, so that a rate depends on nothing but the step: PyTorch's schedulers multiply the last rate in each step, and
 * come to the same but for rounding.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "optim/update.h"

static const double pi = 3.14159265358979323846;

/* An argument, and the ends of the range in which it may be. */
typedef struct argument {
    const char *name;
    double      value, low, high;
    tg_interval interval;
} argument;

/* A schedule begins with this: it checks its arguments, up to one without a name, opens a scope, and has *step as float64. A scope
 * without a tape after an error. */
static tg_scope begin(const char *name, tg_tensor *step, const argument *arguments) {
    tg_operands o;
    tg_status   status = tg_check_operands(&o, name, 1, 1, step);
    for (; arguments->name && !status; arguments++)
        status = tg_check_option(o.tape, name, arguments->name, arguments->value, arguments->low, arguments->high,
                                 arguments->interval);
    tg_scope scope = tg_begin_scope(o.tape, name);
    *step = tg_cast(*step, TG_F64);
    return scope;
}
#define BEGIN(name, step, ...) begin(name, step, (const argument[]){__VA_ARGS__, {NULL, 0, 0, 0, TG_CLOSED}})

/* What arguments there are. */
#define FROM_0(name, value) \
    { name, value, 0, INFINITY, TG_RIGHT_OPEN }
#define ABOVE_0(name, value) \
    { name, value, 0, INFINITY, TG_OPEN }

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

/* How far `step` has come on its way of so many steps, from 0 to 1. */
static tg_tensor part_of(tg_tensor step, double steps) {
    return tg_clamp(tg_div(step, steps), 0, 1);
}

static tg_tensor on_line(tg_tensor part, double start, double end) {
    return tg_add(start, tg_mul(end - start, part));
}

/* From `start` at 0 to `end` at 1, and back at 2. */
static tg_tensor on_cosine(tg_tensor part, double start, double end) {
    return tg_add(end, tg_mul((start - end) / 2, tg_add(1, tg_cos(tg_mul(pi, part)))));
}

/* ---- the schedules ----------------------------------------------------------------------------------------------- */

tg_tensor(tg_constant_schedule)(tg_tensor step, double factor, double steps) {
    tg_scope scope = BEGIN("constant_schedule", &step, FROM_0("factor", factor), FROM_0("steps", steps));
    return tg_end_scope_with(scope, tg_add(1, tg_mul(factor - 1, tg_cast(tg_lt(step, steps), TG_F64))));
}

tg_tensor(tg_linear_schedule)(tg_tensor step, double start, double end, double steps) {
    tg_scope scope = BEGIN("linear_schedule", &step, FROM_0("start", start), FROM_0("end", end), ABOVE_0("steps", steps));
    return tg_end_scope_with(scope, on_line(part_of(step, steps), start, end));
}

tg_tensor(tg_exponential_schedule)(tg_tensor step, double gamma) {
    tg_scope scope = BEGIN("exponential_schedule", &step, ABOVE_0("gamma", gamma));
    return tg_end_scope_with(scope, tg_pow(gamma, step));
}

tg_tensor(tg_step_schedule)(tg_tensor step, double steps, double gamma) {
    tg_scope scope = BEGIN("step_schedule", &step, ABOVE_0("steps", steps), ABOVE_0("gamma", gamma));
    return tg_end_scope_with(scope, tg_pow(gamma, tg_floor(tg_div(step, steps))));
}

tg_tensor(tg_multi_step_schedule)(tg_tensor step, int count, const double *milestones, double gamma) {
    static const char name[] = "multi_step_schedule";
    tg_scope          scope = BEGIN(name, &step, ABOVE_0("gamma", gamma));
    tg_tensor         passed = tg_mul(0, step);
    if (count < 0 || (count > 0 && !milestones)) tg_fail(scope.tape, TG_ERR_ARGUMENT, name, "%d milestones are none", count);
    for (int i = 0; i < count && !tg_error_status(scope.tape); i++)
        if (!tg_check_option(scope.tape, name, "a milestone", milestones[i], 0, INFINITY, TG_CLOSED))
            passed = tg_add(passed, tg_cast(tg_ge(step, milestones[i]), TG_F64));
    return tg_end_scope_with(scope, tg_pow(gamma, passed));
}

tg_tensor(tg_polynomial_schedule)(tg_tensor step, double steps, double power) {
    tg_scope scope = BEGIN("polynomial_schedule", &step, ABOVE_0("steps", steps), ABOVE_0("power", power));
    return tg_end_scope_with(scope, tg_pow(tg_sub(1, part_of(step, steps)), power));
}

tg_tensor(tg_cosine_schedule)(tg_tensor step, double steps, double end) {
    tg_scope scope = BEGIN("cosine_schedule", &step, ABOVE_0("steps", steps), FROM_0("end", end));
    return tg_end_scope_with(scope, on_cosine(tg_div(step, steps), 1, end));
}

/* The n-th cycle, from 0 on, begins after steps (m^n - 1) / (m - 1) and is steps m^n long. Rounding must not put its first step into
 * the one before. */
static tg_tensor part_of_cycle(tg_tensor step, double steps, double m) {
    tg_tensor cycles = tg_div(step, steps);
    if (m == 1) return tg_sub(cycles, tg_floor(cycles));
    tg_tensor n = tg_floor(tg_add(tg_div(tg_log1p(tg_mul(m - 1, cycles)), log(m)), 1e-9)), length = tg_pow(m, n);
    return tg_div(tg_sub(cycles, tg_div(tg_sub(length, 1), m - 1)), length);
}

tg_tensor(tg_cosine_restarts_schedule)(tg_tensor step, double steps, double multiplier, double end) {
    tg_scope scope = BEGIN("cosine_restarts_schedule", &step, ABOVE_0("steps", steps),
                           {"multiplier", multiplier, 1, INFINITY, TG_RIGHT_OPEN}, FROM_0("end", end));
    return tg_end_scope_with(scope, on_cosine(part_of_cycle(step, steps, multiplier), 1, end));
}

/* ---- one cycle --------------------------------------------------------------------------------------------------- */

/* A phase of the cycle: from one factor to another, up to that step. */
typedef struct phase {
    double start, end, last;
} phase;

/* What the schedule is from the phase on, which begins at step `first`; the last phase goes on for ever. */
static tg_tensor phase_of(tg_tensor step, double first, const phase *p, bool linear) {
    double    length = p->last > first ? p->last - first : 1;
    tg_tensor part = part_of(tg_sub(step, first), length);
    return linear ? on_line(part, p->start, p->end) : on_cosine(part, p->start, p->end);
}

static tg_tensor cycle_of(tg_tensor step, int count, const phase *phases, bool linear) {
    tg_tensor factor = phase_of(step, phases[count - 2].last, &phases[count - 1], linear);
    for (int i = count - 2; i >= 0; i--) {
        double first = i ? phases[i - 1].last : 0;
        factor = tg_where(tg_le(step, phases[i].last), phase_of(step, first, &phases[i], linear), factor);
    }
    return factor;
}

/* From `start` to `top` and on to `end`; with three_phase there is `start` once more between them. */
static tg_tensor go_through(tg_tensor step, double steps, double start, double top, double end, const tg_one_cycle_options *o) {
    double up = o->warm_up * steps - 1;
    phase  first = {start, top, up}, down = {top, start, 2 * up}, last = {o->three_phase ? start : top, end, steps - 1};
    return o->three_phase ? cycle_of(step, 3, (phase[]){first, down, last}, o->linear)
                          : cycle_of(step, 2, (phase[]){first, last}, o->linear);
}

static tg_one_cycle_options with_defaults(const tg_one_cycle_options *options) {
    tg_one_cycle_options o = options ? *options : (tg_one_cycle_options){0};
    o.warm_up = tgi_or_default(o.warm_up, 0.3);
    o.div_factor = tgi_or_default(o.div_factor, 25);
    o.final_div_factor = tgi_or_default(o.final_div_factor, 1e4);
    return o;
}

/* The arguments that both have. */
#define STEPS(value) \
    { "steps", value, 2, INFINITY, TG_RIGHT_OPEN }
#define WARM_UP(o) \
    { "warm_up", o.warm_up, 0, o.three_phase ? 0.5 : 1, TG_CLOSED }

tg_tensor(tg_one_cycle_schedule)(tg_tensor step, double steps, const tg_one_cycle_options *options) {
    tg_one_cycle_options o = with_defaults(options);
    tg_scope scope = BEGIN("one_cycle_schedule", &step, STEPS(steps), WARM_UP(o), ABOVE_0("div_factor", o.div_factor),
                           ABOVE_0("final_div_factor", o.final_div_factor));
    double   low = 1 / o.div_factor;
    return tg_end_scope_with(scope, go_through(step, steps, low, 1, low / o.final_div_factor, &o));
}

tg_tensor(tg_one_cycle_momentum)(tg_tensor step, double steps, double high, double low, const tg_one_cycle_options *options) {
    tg_one_cycle_options o = with_defaults(options);
    tg_scope scope = BEGIN("one_cycle_momentum", &step, STEPS(steps), WARM_UP(o), {"high", high, 0, 1, TG_RIGHT_OPEN},
                           {"low", low, 0, 1, TG_RIGHT_OPEN});
    return tg_end_scope_with(scope, go_through(step, steps, high, low, high, &o));
}
