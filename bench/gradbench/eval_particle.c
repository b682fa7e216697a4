/* bench/gradbench/eval_particle.c: a charged particle flies past two charges, and falls through the axis y = 0. Where
 * should one of them be, so that it does at x = 0? Its acceleration is a gradient, its path is Euler's, and the descent
 * to the answer differentiates through all of it. (After B. Pearlmutter and J. Siskind, "Using Programming Language
 * Theory to Make Automatic Differentiation Sound and Efficient", 2008.)
 *
 * SPDX-License-Identifier: MIT */
#include "descent.h"
#include "task.h"

typedef struct problem {
    tg_tape  *tape;
    ad_mode   outer, inner;
    tg_tensor position, velocity; /* at the start */
    tg_tensor charges, movable;   /* their places, (2, 2), for w = 0; and how they change with w */
    tg_tensor w;                  /* an input, (1) */
} problem;

static const double time_step = 0.1;

/* The sum over all charges of 1 / their distance from x. */
static tg_tensor potential(tg_tensor charges, tg_tensor x) {
    return tg_sum(tg_rsqrt(tg_sum_axes(tg_square(tg_sub(charges, x)), TG_AXES(1), false)));
}

/* ---- the flight -------------------------------------------------------------------------------------------------- */

typedef struct flight {
    ad_mode   mode;
    tg_tensor charges;
} flight;

enum { POSITION, VELOCITY, STATES };

static void step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)x;
    (void)y;
    const flight *f = context;
    tg_tensor     at = state[POSITION], force = gradient(tape, f->mode, potential(f->charges, at), at);
    state[POSITION] = tg_add(at, tg_mul(time_step, state[VELOCITY]));
    state[VELOCITY] = tg_sub(state[VELOCITY], tg_mul(time_step, force));
}

/* Whether the next place is above the axis. */
static tg_tensor stays_above(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape;
    (void)context;
    return tg_gt(tg_select(tg_add(state[POSITION], tg_mul(time_step, state[VELOCITY])), 0, 1), 0);
}

/* The square of x where the path comes to the axis, between two points in a straight line. */
static tg_tensor crossing_squared(tg_tensor w, void *context) {
    const problem *p = context;
    flight         f = {.mode = p->inner, .charges = tg_sub(p->charges, tg_mul(w, p->movable))};
    tg_tensor      state[STATES] = {[POSITION] = p->position, [VELOCITY] = p->velocity}, done = TG_NONE;
    tg_loop_spec   loop = {.body = step,
                           .condition = stays_above,
                           .context = &f,
                           .steps = MOST_STEPS,
                           .states = STATES,
                           .state = state,
                           .done = &done};
    tg_scan(p->tape, &loop);
    tg_tensor v = state[VELOCITY], x = tg_add(state[POSITION], tg_mul(time_step, v));
    tg_tensor rest = tg_div(tg_neg(tg_select(x, 0, 1)), tg_select(v, 0, 1));
    return if_ended(tg_square(tg_add(tg_select(x, 0, 0), tg_mul(rest, tg_select(v, 0, 0)))), done);
}

/* ---- the eval ---------------------------------------------------------------------------------------------------- */

static bool read_input(task *t, const json_t *input) {
    static const double position[] = {0, 8}, velocity[] = {0.75, 0}, charges[] = {10, 10, 10, 0}, movable[] = {0, 1, 0, 0};

    problem *p = t->state = task_room(t, sizeof *p);
    double  *w = task_room(t, sizeof *w);
    if (!read_number(t, input, "w", w)) return false;
    const char *modes = t->eval->functions[t->function];
    p->tape = t->tape;
    p->outer = modes[0] == 'f' ? FORWARD : REVERSE;
    p->inner = modes[1] == 'f' ? FORWARD : REVERSE;
    p->position = task_constant(t, TG_SHAPE(2), position);
    p->velocity = task_constant(t, TG_SHAPE(2), velocity);
    p->charges = task_constant(t, TG_SHAPE(2, 2), charges);
    p->movable = task_constant(t, TG_SHAPE(2, 2), movable);
    p->w = task_variable(t, "w", TG_SHAPE(1), w);
    return true;
}

static void record(task *t) {
    problem *p = t->state;
    task_result(t, minimized(p->tape, p->outer, crossing_squared, p, p->w));
}

const eval eval_particle = {"particle",
                            {"rr", "ff", "fr", "rf"},
                            .read = read_input,
                            .record = record,
                            .output = output_number};
