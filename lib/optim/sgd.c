/* optim/sgd.c: gradient descent, with momentum or without.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "optim/update.h"

static tg_tensor descend(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    (void)options;
    return tgi_descend(w, rate, g);
}

tg_status(tg_sgd_step)(tg_tape *tape, tg_tensor rate) {
    return tg_record_step(tape, &(tg_step){.name = "sgd_step", .update = descend, .rate = rate});
}

/* What the momentum takes of the gradient: all of it in the first step, which makes PyTorch's momentum start as the first gradient. */
static tg_tensor dampened(tg_tensor w, tg_tensor g, double dampening) {
    if (dampening == 0) return g;
    tg_tensor later = tg_cast(tg_gt(tgi_count_step(w, "momentum.t"), 1), tg_dtype_of(w));
    return tg_mul(tg_sub(1, tg_mul(dampening, later)), g);
}

static bool has_momentum(const tg_sgd_options *o) {
    return o->momentum > 0 || !tg_is_none(o->varying_momentum);
}

static tg_tensor descend_with(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    const tg_sgd_options *o = options;
    g = tgi_gradient(w, g, o->weight_decay, o->maximize);
    if (has_momentum(o)) {
        tg_tensor kept =
            tg_is_none(o->varying_momentum) ? tg_num(o->momentum) : tgi_rate_as(o->varying_momentum, tg_dtype_of(w));
        tg_tensor state = tg_optimizer_state_like(w, "momentum");
        tg_tensor momentum = tg_add(tg_mul(kept, state), dampened(w, g, o->dampening));
        tg_assign(state, momentum);
        g = o->nesterov ? tg_add(g, tg_mul(kept, momentum)) : momentum;
    }
    return tgi_descend(w, rate, g);
}

tg_status(tg_sgd_step_with)(tg_tape *tape, tg_tensor rate, const tg_sgd_options *options) {
    static const char name[] = "sgd_step_with";
    tg_sgd_options    o = options ? *options : (tg_sgd_options){0};
    o.varying_momentum = tgi_varying(o.varying_momentum, &o.momentum);
    tg_status status = TGI_CHECK_OPTIONS(tape, name, {"momentum", o.momentum, INFINITY},
                                         {"weight_decay", o.weight_decay, INFINITY}, {"dampening", o.dampening, INFINITY});
    if (!status && !tg_is_none(o.varying_momentum)) status = tgi_check_number(tape, name, "the momentum", o.varying_momentum);
    if (!status && o.nesterov && !has_momentum(&o))
        status = tg_fail(tape, TG_ERR_ARGUMENT, name, "Nesterov's momentum is asked for, and momentum is 0");
    if (!status && o.nesterov && o.dampening > 0)
        status = tg_fail(tape, TG_ERR_ARGUMENT, name, "Nesterov's momentum is asked for, and dampening is %g", o.dampening);
    return status ? status : tgi_record_step(tape, name, descend_with, &o, rate, o.parameters);
}
