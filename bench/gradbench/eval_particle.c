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
    tg_tensor units;              /* for gradient */
    tg_tensor w;                  /* an input, (1) */
} problem;

static const double time_step = 0.1;

/* The sum over all charges of 1 / their distance from x. */
static tg_tensor potential(tg_tensor charges, tg_tensor x) {
    return tg_sum(tg_rsqrt(tg_sum_axes(tg_square(tg_sub(charges, x)), TG_AXES(1), false)));
}

static tg_tensor acceleration(const problem *p, tg_tensor charges, tg_tensor x) {
    return tg_neg(gradient(p->tape, p->inner, potential(charges, x), x, p->units));
}

/* The square of x where the path comes to the axis, between two points in a straight line. */
static tg_tensor crossing_squared(tg_tensor w, void *context) {
    const problem *p = context;
    tg_tensor      charges = tg_sub(p->charges, tg_mul(w, p->movable)), x = p->position, v = p->velocity;
    for (;;) {
        tg_tensor a = acceleration(p, charges, x);
        x = tg_add(x, tg_mul(time_step, v));
        if (!(tg_item(tg_select(x, 0, 1)) > 0)) break;
        v = tg_add(v, tg_mul(time_step, a));
    }
    tg_tensor rest = tg_div(tg_neg(tg_select(x, 0, 1)), tg_select(v, 0, 1));
    return tg_square(tg_add(tg_select(x, 0, 0), tg_mul(rest, tg_select(v, 0, 0))));
}

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
    p->units = tg_eye(t->tape, TG_F64, 2, 2);
    p->w = task_variable(t, "w", TG_SHAPE(1), w);
    return true;
}

static void evaluate(task *t) {
    problem *p = t->state;
    minimize(p->tape, p->outer, crossing_squared, p, p->w);
    task_result(t, p->w);
}

const eval eval_particle = {"particle",
                            {"rr", "ff", "fr", "rf"},
                            .read = read_input,
                            .evaluate = evaluate,
                            .output = output_number};
