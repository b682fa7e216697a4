/* optim/sgd.c: gradient descent, with momentum or without.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "optim/step.h"

static tg_tensor descend(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    (void)options;
    return tg_sub(w, tg_mul(rate, g));
}

tg_status(tg_sgd_step)(tg_tape *tape, tg_tensor rate) {
    return tgi_step(tape, "sgd_step", rate, descend, NULL);
}

/* PyTorch's momentum starts as the first gradient, which is what comes of zeros here. */
static tg_tensor descend_with(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    const tg_sgd_options *o = options;
    if (o->weight_decay > 0) g = tg_add(g, tg_mul(o->weight_decay, w));
    if (o->momentum > 0) {
        tg_tensor state = tgi_state_like(w, "sgd_step_with", "momentum");
        tg_tensor momentum = tg_add(tg_mul(o->momentum, state), g);
        tg_assign(state, momentum);
        g = o->nesterov ? tg_add(g, tg_mul(o->momentum, momentum)) : momentum;
    }
    return descend(w, g, rate, NULL);
}

tg_status(tg_sgd_step_with)(tg_tape *tape, tg_tensor rate, const tg_sgd_options *options) {
    static const char what[] = "sgd_step_with";
    tg_sgd_options    o = options ? *options : (tg_sgd_options){0};
    if (tgi_check(tape) || tgi_check_option(tape, what, "the momentum", o.momentum, INFINITY) ||
        tgi_check_option(tape, what, "the weight decay", o.weight_decay, INFINITY))
        return tg_error_status(tape);
    if (o.nesterov && o.momentum <= 0)
        return tgi_fail(tape, TG_ERR_ARGUMENT, what, "Nesterov's momentum is asked for, and the momentum is 0");
    return tgi_step(tape, what, rate, descend_with, &o);
}
