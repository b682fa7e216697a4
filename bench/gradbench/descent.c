/* bench/gradbench/descent.c: gradient descent.
 *
 * SPDX-License-Identifier: MIT */
#include "descent.h"

#include <math.h>

static const double small = 1e-5; /* a gradient, or a step, at which a descent ends */

/* ---- gradients --------------------------------------------------------------------------------------------------- */

tg_tensor gradient(tg_tape *tape, ad_mode mode, tg_tensor y, tg_tensor x) {
    enum { MOST = 8 };
    tg_tensor g[MOST], units;
    if (mode == REVERSE) {
        tg_vjp(tape, 1, &y, NULL, 1, &x, g);
        return g[0];
    }
    int n = (int)tg_size(x);
    units = tg_eye(tape, TG_F64, n, n);
    for (int i = 0; i < n && i < MOST; i++) {
        tg_tensor unit = tg_select(units, 0, i);
        tg_jvp(tape, 1, &x, &unit, 1, &y, &g[i]);
    }
    return tg_stack(tg_list_from(n, g), 0);
}

/* ---- descents ---------------------------------------------------------------------------------------------------- */

typedef struct descent {
    objective *f;
    void      *context;
    ad_mode    mode;
} descent;

/* Where it is, with the gradient and the value there. A step is `rate` times the gradient. The rate becomes twice as large after ten steps
 * that went down, and half as large after one that did not. */
enum { POINT, SLOPE, LEAST, RATE, STEPS_DOWN, STATES };

static void step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)x;
    (void)y;
    const descent *d = context;
    tg_tensor      next = tg_sub(state[POINT], tg_mul(state[RATE], state[SLOPE])), value = d->f(next, d->context);
    tg_tensor      down = tg_lt(value, state[LEAST]), tenth = tg_eq(state[STEPS_DOWN], 9);
    tg_tensor      faster = tg_where(tenth, tg_mul(2, state[RATE]), state[RATE]);

    state[POINT] = tg_where(down, next, state[POINT]);
    state[SLOPE] = tg_where(down, gradient(tape, d->mode, value, next), state[SLOPE]);
    state[LEAST] = tg_where(down, value, state[LEAST]);
    state[RATE] = tg_where(down, faster, tg_mul(0.5, state[RATE]));
    state[STEPS_DOWN] = tg_where(tg_logical_and(down, tg_logical_not(tenth)), tg_add(state[STEPS_DOWN], 1), 0);
}

/* The gradient is not small, and neither is the next step. */
static tg_tensor goes_on(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape;
    (void)context;
    tg_tensor length = tg_sqrt(tg_sum(tg_square(state[SLOPE])));
    return tg_gt(tg_mul(length, tg_minimum(state[RATE], 1)), small);
}

/* In a loop x may be what the loop was given, which can be differentiated for only as a value of the loop's own. */
tg_tensor minimized(tg_tape *tape, ad_mode mode, objective *f, void *context, tg_tensor x) {
    tg_tensor    start = tg_reshape(x, tg_shape_of(x)), value = f(start, context), done = TG_NONE;
    descent      d = {.f = f, .context = context, .mode = mode};
    tg_tensor    state[STATES] = {[POINT] = start,
                                  [SLOPE] = gradient(tape, mode, value, start),
                                  [LEAST] = value,
                                  [RATE] = tg_full(tape, TG_F64, TG_SHAPE(), 1e-5),
                                  [STEPS_DOWN] = tg_full(tape, TG_F64, TG_SHAPE(), 0)};
    tg_loop_spec loop = {.body = step,
                         .condition = goes_on,
                         .context = &d,
                         .steps = MOST_STEPS,
                         .states = STATES,
                         .state = state,
                         .done = &done};
    tg_scan(tape, &loop);
    return if_ended(state[POINT], done);
}

tg_tensor if_ended(tg_tensor x, tg_tensor done) {
    return tg_where(tg_lt(done, MOST_STEPS), x, NAN);
}
