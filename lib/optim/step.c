/* optim/step.c: the steps of all optimisers.
 *
 * SPDX-License-Identifier: MIT */
#include "optim/step.h"

static tg_status check_rate(tg_tape *tape, const char *what, tg_tensor rate) {
    double number;
    char   text[TGI_TEXT];
    if (tgi_is_number(rate, &number)) return TG_OK;
    const tgi_node *node = tgi_resolve(tape, rate, what, "the rate");
    if (!node) return tape->status;
    if (node->rank)
        return tgi_fail(tape, TG_ERR_SHAPE, what, "the rate is %s, not one number",
                        tgi_shape_text(text, node->rank, node->dims));
    if (tgi_floating((tg_dtype)node->dtype)) return TG_OK;
    return tgi_fail(tape, TG_ERR_DTYPE, what, "the rate is %s, not float32 or float64", tg_dtype_name((tg_dtype)node->dtype));
}

/* The number of parameters that are updated. */
static int record_updates(tg_tape *tape, tg_tensor rate, tgi_update *update, const void *options) {
    int updated = 0;
    for (int64_t i = 0; i < tg_parameter_count(tape); i++) {
        tg_tensor w = tg_parameter_at(tape, i);
        if (!tg_has_grad(w)) continue;
        if (tg_assign(w, update(w, tg_grad(w), rate, options))) return updated;
        updated++;
    }
    return updated;
}

tg_status tgi_step(tg_tape *tape, const char *what, tg_tensor rate, tgi_update *update, const void *options) {
    if (tgi_check(tape) || check_rate(tape, what, rate)) return tg_error_status(tape);
    tgi_call call = tgi_begin(tape);
    tape->role = TGI_UPDATE;
    if (!record_updates(tape, rate, update, options))
        tgi_fail(tape, TG_ERR_GRADIENT, what, "no parameter has a gradient: call tg_backward first");
    return tgi_end(tape, call);
}

tg_tensor tgi_state_like(tg_tensor w, const char *what, const char *kind) {
    const tgi_node *node = tgi_node_at(w.tape, tgi_index(w));
    return tgi_slot_of(w.tape, what, w, kind, (tg_dtype)node->dtype, tgi_node_shape(node));
}

tg_status tgi_check_option(tg_tape *tape, const char *what, const char *name, double value, double end) {
    if (value >= 0 && value < end) return TG_OK;
    return tgi_fail(tape, TG_ERR_ARGUMENT, what, "%s %g is not in [0, %g)", name, value, end);
}
