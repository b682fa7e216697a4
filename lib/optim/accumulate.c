/* optim/accumulate.c: gradients that are added up over several runs.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "optim/update.h"

static const char kind[] = "grad_sum";

tg_status(tg_accumulate_grad)(tg_tape *tape) {
    static const char name[] = "accumulate_grad";
    tg_scope          scope = tg_begin_update(tape, name);
    int64_t           i = 0, count = 0;
    for (tg_tensor w; !tg_is_none(w = tgi_next_with_gradient(tape, &i)); count++) {
        tg_tensor sum = tg_optimizer_state_like(w, kind);
        tg_assign(sum, tg_add(sum, tg_grad(w)));
    }
    if (!count) tg_fail(tape, TG_ERR_GRADIENT, name, "no parameter has a gradient: call tg_backward first");
    return tg_end_scope(scope);
}

/* The gradient is computed before the sum is overwritten, as the tape says. */
tg_status(tg_use_accumulated_grad)(tg_tape *tape, double scale) {
    static const char name[] = "use_accumulated_grad";
    if (tg_check_option(tape, name, "scale", scale, -INFINITY, INFINITY, TG_OPEN)) return tg_error_status(tape);
    tg_scope scope = tg_begin_update(tape, name);
    int64_t  i = 0, count = 0;
    for (tg_tensor w; !tg_is_none(w = tgi_next_parameter(tape, &i));) {
        tg_tensor sum = tgi_find_state(w, kind);
        if (tg_is_none(sum)) continue;
        tg_set_grad(w, tg_mul(scale, sum));
        tg_assign(sum, 0);
        count++;
    }
    if (!count) tg_fail(tape, TG_ERR_GRADIENT, name, "no parameter has a sum of gradients: call tg_accumulate_grad first");
    return tg_end_scope(scope);
}
