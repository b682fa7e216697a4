/* optim/clip.c: gradients kept within bounds, before a step.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "optim/update.h"

/* The dtype of all these gradients, float64 where they have two; TG_DTYPES when there are none. */
static tg_dtype common_dtype(tg_tape *tape) {
    tg_dtype dtype = TG_DTYPES;
    int64_t  i = 0;
    for (tg_tensor w; !tg_is_none(w = tgi_next_with_gradient(tape, &i));)
        dtype = dtype == TG_DTYPES || dtype == tg_dtype_of(w) ? tg_dtype_of(w) : TG_F64;
    return dtype;
}

/* In float64, in which squares of float32 numbers do not overflow. */
static tg_tensor norm_of(tg_tensor x) {
    return tg_norm(tg_cast(x, TG_F64), 2);
}

/* The norm of the norms; of several at a time. */
static tg_tensor total_norm(tg_tape *tape) {
    enum { SEVERAL = 64 };
    tg_tensor norms[SEVERAL];
    int       count = 0;
    int64_t   i = 0;
    for (tg_tensor w; !tg_is_none(w = tgi_next_with_gradient(tape, &i));) {
        norms[count++] = norm_of(tg_grad(w));
        if (count < SEVERAL) continue;
        norms[0] = norm_of(tg_stack(tg_list_from(count, norms), 0));
        count = 1;
    }
    return norm_of(tg_stack(tg_list_from(count, norms), 0));
}

/* Whether there is something to be clipped, and the bound is one. */
static tg_status check(tg_tape *tape, const char *name, const char *option, double bound, tg_dtype dtype) {
    tg_status status = tg_check_option(tape, name, option, bound, 0, INFINITY, TG_RIGHT_OPEN);
    if (status || dtype != TG_DTYPES) return status;
    return tg_fail(tape, TG_ERR_GRADIENT, name, "no parameter has a gradient: call tg_backward first");
}

tg_status(tg_clip_grad_norm)(tg_tape *tape, double max_norm, tg_tensor *norm) {
    tg_dtype  dtype = common_dtype(tape);
    tg_scope  scope = tg_begin_scope(tape, "clip_grad_norm");
    tg_tensor total = tg_invalid(tape);
    if (!check(tape, "clip_grad_norm", "max_norm", max_norm, dtype)) {
        tg_tensor exact = total_norm(tape), scale = tg_minimum(tg_div(max_norm, tg_add(exact, 1e-6)), 1);
        total = tg_keep_result(scope, tg_cast(exact, dtype));
        int64_t i = 0;
        for (tg_tensor w; !tg_is_none(w = tgi_next_with_gradient(tape, &i));)
            tg_set_grad(w, tg_mul(tg_grad(w), tg_cast(scale, tg_dtype_of(w))));
    }
    tg_status status = tg_end_scope(scope);
    if (norm) *norm = status ? tg_invalid(tape) : total;
    return status;
}

tg_status(tg_clip_grad_value)(tg_tape *tape, double max) {
    tg_dtype dtype = common_dtype(tape);
    tg_scope scope = tg_begin_scope(tape, "clip_grad_value");
    int64_t  i = 0;
    if (!check(tape, "clip_grad_value", "max", max, dtype))
        for (tg_tensor w; !tg_is_none(w = tgi_next_with_gradient(tape, &i));)
            tg_set_grad(w, tg_clamp(tg_grad(w), -max, max));
    return tg_end_scope(scope);
}
