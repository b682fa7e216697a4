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

static tg_status check_rate(tg_tape *tape, tg_tensor rate) {
    double number;
    char   text[TGI_TEXT];
    if (tgi_is_number(rate, &number)) return TG_OK;
    const tgi_node *node = tgi_resolve(tape, rate, "sgd_step", "the rate");
    if (!node || node->rank == 0) return tape->status;
    return tgi_fail(tape, TG_ERR_SHAPE, "sgd_step", "the rate is %s, not one number", tgi_shape_text(text, node->rank, node->dims));
}

tg_status(tg_sgd_step)(tg_tape *tape, tg_tensor rate) {
    if (tgi_check(tape) || check_rate(tape, rate)) return tg_error_status(tape);
    tgi_call call = tgi_begin(tape);
    tape->role = TGI_UPDATE;
    if (!record_updates(tape, rate))
        tgi_fail(tape, TG_ERR_GRADIENT, "sgd_step", "no parameter has a gradient: call tg_backward first");
    return tgi_end(tape, call);
}
