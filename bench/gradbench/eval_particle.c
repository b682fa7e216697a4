/* bench/gradbench/eval_particle.c: a charged particle flies past two charges, and falls through the axis y = 0. Where
 * should one of them be, so that it does at x = 0? Its acceleration is a gradient, its path is Euler's, and the descent
 * to the answer differentiates through all of it. (After B. Pearlmutter and J. Siskind, "Using Programming Language
 * Theory to Make Automatic Differentiation Sound and Efficient", 2008.)
 *
 * SPDX-License-Identifier: MIT */
#include "descent.h"
#include "task.h"

enum { AXES = 2, CHARGES = 2 };

typedef struct problem {
    tg_tape  *tape;
    ad_mode   outer, inner;
    tg_tensor w; /* an input */
} problem;

static const double time_step = 0.1;

/* ---- the flight -------------------------------------------------------------------------------------------------- */

typedef struct flight {
    ad_mode   mode;
    tg_tensor charge[CHARGES][AXES]; /* their places */
} flight;

enum { POSITION, VELOCITY = POSITION + AXES, STATES = VELOCITY + AXES };

/* The sum over all charges of 1 / their distance from x. */
static tg_tensor potential(const flight *f, const tg_tensor *x) {
    tg_tensor sum = TG_NONE;
    for (int i = 0; i < CHARGES; i++) {
        tg_tensor square = tg_add(tg_square(tg_sub(x[0], f->charge[i][0])), tg_square(tg_sub(x[1], f->charge[i][1])));
        sum = i ? tg_add(sum, tg_rsqrt(square)) : tg_rsqrt(square);
    }
    return sum;
}

static tg_tensor next_place(const tg_tensor *state, int axis) {
    return tg_add(state[POSITION + axis], tg_mul(time_step, state[VELOCITY + axis]));
}

static void step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)x;
    (void)y;
    const flight *f = context;
    tg_tensor     slope[AXES];
    gradient(tape, f->mode, potential(f, state + POSITION), AXES, state + POSITION, slope);
    for (int k = 0; k < AXES; k++) {
        state[POSITION + k] = next_place(state, k);
        state[VELOCITY + k] = tg_sub(state[VELOCITY + k], tg_mul(time_step, slope[k]));
    }
}

static tg_tensor stays_above(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape;
    (void)context;
    return tg_gt(next_place(state, 1), 0);
}

/* The square of x where the path comes to the axis, between two points in a straight line. */
static tg_tensor crossing_squared(const tg_tensor *w, void *context) {
    static const double start[STATES] = {0, 8, 0.75, 0};
    const problem      *p = context;
    tg_tensor           state[STATES], ten = tg_full(p->tape, TG_F64, TG_SHAPE(), 10), done = TG_NONE;
    flight              f = {p->inner, {{ten, tg_sub(10, w[0])}, {ten, tg_full(p->tape, TG_F64, TG_SHAPE(), 0)}}};
    tg_loop_spec        loop = {.body = step,
                                .condition = stays_above,
                                .context = &f,
                                .steps = MOST_STEPS,
                                .states = STATES,
                                .state = state,
                                .done = &done};
    for (int i = 0; i < STATES; i++)
        state[i] = tg_full(p->tape, TG_F64, TG_SHAPE(), start[i]);
    tg_scan(p->tape, &loop);
    tg_tensor rest = tg_div(tg_neg(next_place(state, 1)), state[VELOCITY + 1]);
    return if_ended(tg_square(tg_add(next_place(state, 0), tg_mul(rest, state[VELOCITY]))), done);
}

/* ---- the eval ---------------------------------------------------------------------------------------------------- */

static bool read_input(task *t, const json_t *input) {
    problem *p = t->state = task_room(t, sizeof *p);
    double  *w = task_room(t, sizeof *w);
    if (!read_number(t, input, "w", w)) return false;
    const char *modes = t->eval->functions[t->function];
    p->tape = t->tape;
    p->outer = modes[0] == 'f' ? FORWARD : REVERSE;
    p->inner = modes[1] == 'f' ? FORWARD : REVERSE;
    p->w = task_variable(t, "w", TG_SHAPE(), w);
    return true;
}

static void record(task *t) {
    problem  *p = t->state;
    tg_tensor w = p->w;
    minimize(p->tape, p->outer, crossing_squared, p, 1, &w);
    task_result(t, w);
}

const eval eval_particle = {"particle",
                            {"rr", "ff", "fr", "rf"},
                            .read = read_input,
                            .record = record,
                            .output = output_number};
