/* optim/sgd.c: gradient descent.
 *
 * SPDX-License-Identifier: MIT */
#include "core/tape.h"

/* w <- w - rate * dL/dw for each parameter that has a gradient; their number. */
static int record_updates(tg_tape *tape, tg_tensor rate) {
    int updated = 0;
    for (int64_t i = 0; i < tg_parameter_count(tape); i++) {
        tg_tensor w = tg_parameter_at(tape, i);
        if (!tg_has_grad(w)) continue;
        if (tg_assign(w, tg_sub(w, tg_mul(rate, tg_grad(w))))) return updated;
        updated++;
    }
    return updated;
}

tg_status(tg_sgd_step)(tg_tape *tape, tg_tensor rate) {
    if (tgi_check(tape)) return tg_error_status(tape);
    tgi_call call = tgi_begin(tape);
    if (!record_updates(tape, rate))
        tgi_fail(tape, TG_ERR_GRADIENT, "sgd_step", "no parameter has a gradient: call tg_backward first");
    return tgi_end(tape, call);
}
