/* tests/grad/unrolled.h: a loop whose steps are recorded one by one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_UNROLLED_H
#define TESTS_UNROLLED_H

#include <tapegrad.h>

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
