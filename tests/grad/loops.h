/* tests/grad/loops.h: what the tests of loops share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_LOOPS_H
#define TESTS_LOOPS_H

#include <math.h>
#include <tapegrad.h>

/* A loop without inputs and outputs, which can be added. */
static inline tg_loop_spec loop(tg_loop_body *body, void *context, int64_t steps, int states, tg_tensor *state) {
    return (tg_loop_spec){.body = body, .context = context, .steps = steps, .states = states, .state = state};
}

/* The step of a recurrent cell, with an input and an output; context: the weights. */
static inline void cell(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const tg_tensor *w = (const tg_tensor *)context;
    (void)tape;
    state[0] = tg_tanh(tg_add(tg_matmul(w[0], state[0]), tg_mul(x[0], w[1])));
    y[0] = tg_square(state[0]);
}

/* Largest difference between two tensors of one size, 64 elements at most, relative to the larger of 1 and the value. */
static inline double difference(tg_tensor a, tg_tensor b) {
    double  x[64], y[64], most = 0;
    int64_t n = tg_size(a);
    tg_read(tg_cast(a, TG_F64), x, n);
    tg_read(tg_cast(b, TG_F64), y, n);
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(x[i] - y[i]) / fmax(1, fabs(x[i])));
    return most;
}

/* What tg_scan records, as separate steps. At most 16 states, inputs and outputs, and 64 steps. */
static inline tg_status unrolled(tg_tape *tape, const tg_loop_spec *spec) {
    tg_tensor outputs[16][64];
    for (int64_t i = 0; i < spec->steps; i++) {
        int64_t   t = spec->reverse ? spec->steps - 1 - i : i;
        tg_tensor x[16], y[16];
        for (int j = 0; j < spec->inputs; j++)
            x[j] = tg_take(spec->x[j], (double)t, 0);
        spec->body(tape, spec->state, x, y, spec->context);
        for (int k = 0; k < spec->outputs; k++)
            outputs[k][t] = y[k];
    }
    for (int k = 0; k < spec->outputs; k++)
        spec->y[k] = tg_stack(tg_list_from((int)spec->steps, outputs[k]), 0);
    return tg_error_status(tape);
}

#endif
