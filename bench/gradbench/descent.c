/* bench/gradbench/descent.c: gradient descent.
 *
 * SPDX-License-Identifier: MIT */
#include "descent.h"

#include <math.h>

static const double small = 1e-5; /* a gradient, or a step, at which a descent ends */

/* ---- gradients --------------------------------------------------------------------------------------------------- */

void gradient(tg_tape *tape, ad_mode mode, tg_tensor y, int n, const tg_tensor *x, tg_tensor *g) {
    if (mode == REVERSE) tg_vjp(tape, 1, &y, NULL, n, x, g);
    for (int i = 0; i < n && mode == FORWARD; i++)
        tg_jvp(tape, 1, &x[i], NULL, 1, &y, &g[i]);
}

/* ---- descents ---------------------------------------------------------------------------------------------------- */

typedef struct descent {
    objective *f;
    void      *context;
    ad_mode    mode;
    int        n;
} descent;

/* Where it is: the point, the value there, and the gradient. A step is `rate` times the gradient. The rate becomes twice as large after ten
 * steps that went down, and half as large after one that did not. */
enum { LEAST, RATE, STEPS_DOWN, POINT };

static void step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)x;
    (void)y;
    const descent *d = context;
    tg_tensor     *point = state + POINT, *slope = point + d->n, next[MOST_NUMBERS], g[MOST_NUMBERS];
    for (int i = 0; i < d->n; i++)
        next[i] = tg_sub(point[i], tg_mul(state[RATE], slope[i]));
    tg_tensor value = d->f(next, d->context), down = tg_lt(value, state[LEAST]), tenth = tg_eq(state[STEPS_DOWN], 9);
    tg_tensor faster = tg_where(tenth, tg_mul(2, state[RATE]), state[RATE]);

    gradient(tape, d->mode, value, d->n, next, g);
    for (int i = 0; i < d->n; i++) {
        point[i] = tg_where(down, next[i], point[i]);
        slope[i] = tg_where(down, g[i], slope[i]);
    }
    state[LEAST] = tg_where(down, value, state[LEAST]);
    state[RATE] = tg_where(down, faster, tg_mul(0.5, state[RATE]));
    state[STEPS_DOWN] = tg_where(tg_logical_and(down, tg_logical_not(tenth)), tg_add(state[STEPS_DOWN], 1), 0);
}

/* The gradient is not small, and neither is the next step. */
static tg_tensor goes_on(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape;
    const descent   *d = context;
    const tg_tensor *slope = state + POINT + d->n;
    tg_tensor        square = tg_square(slope[0]);
    for (int i = 1; i < d->n; i++)
        square = tg_add(square, tg_square(slope[i]));
    return tg_gt(tg_mul(tg_sqrt(square), tg_minimum(state[RATE], 1)), small);
}

/* In a loop x may be what the loop was given, which can be differentiated for only as a value of the loop's own. */
void minimize(tg_tape *tape, ad_mode mode, objective *f, void *context, int n, tg_tensor *x) {
    descent      d = {.f = f, .context = context, .mode = mode, .n = n};
    tg_tensor    state[POINT + 2 * MOST_NUMBERS], *point = state + POINT, done = TG_NONE;
    tg_loop_spec loop = {.body = step,
                         .condition = goes_on,
                         .context = &d,
                         .steps = MOST_STEPS,
                         .states = POINT + 2 * n,
                         .state = state,
                         .done = &done};
    for (int i = 0; i < n; i++)
        point[i] = tg_reshape(x[i], TG_SHAPE());
    state[LEAST] = f(point, context);
    state[RATE] = tg_full(tape, TG_F64, TG_SHAPE(), 1e-5);
    state[STEPS_DOWN] = tg_full(tape, TG_F64, TG_SHAPE(), 0);
    gradient(tape, mode, state[LEAST], n, point, point + n);
    tg_scan(tape, &loop);
    for (int i = 0; i < n; i++)
        x[i] = if_ended(point[i], done);
}

tg_tensor if_ended(tg_tensor x, tg_tensor done) {
    return tg_where(tg_lt(done, MOST_STEPS), x, NAN);
}
