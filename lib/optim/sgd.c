/* optim/sgd.c: gradient descent, with momentum or without.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "core/inside.h"

static tg_tensor descend(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    (void)options;
    return tg_sub(w, tg_mul(rate, g));
}

tg_status(tg_sgd_step)(tg_tape *tape, tg_tensor rate) {
    return tg_record_step(tape, &(tg_step){.name = "sgd_step", .update = descend, .rate = rate});
}

/* PyTorch's momentum starts as the first gradient, which is what comes of zeros here. */
static tg_tensor descend_with(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    const tg_sgd_options *o = options;
    if (o->weight_decay > 0) g = tg_add(g, tg_mul(o->weight_decay, w));
    if (o->momentum > 0) {
        tg_tensor state = tg_optimizer_state_like(w, "momentum");
        tg_tensor momentum = tg_add(tg_mul(o->momentum, state), g);
        tg_assign(state, momentum);
        g = o->nesterov ? tg_add(g, tg_mul(o->momentum, momentum)) : momentum;
    }
    return descend(w, g, rate, NULL);
}

tg_status(tg_sgd_step_with)(tg_tape *tape, tg_tensor rate, const tg_sgd_options *options) {
    static const char name[] = "sgd_step_with";
    tg_sgd_options    o = options ? *options : (tg_sgd_options){0};
    tg_status         status = tg_check_option(tape, name, "momentum", o.momentum, 0, INFINITY, TG_RIGHT_OPEN);
    if (!status) status = tg_check_option(tape, name, "weight_decay", o.weight_decay, 0, INFINITY, TG_RIGHT_OPEN);
    if (!status && o.nesterov && o.momentum <= 0)
        status = tg_fail(tape, TG_ERR_ARGUMENT, name, "Nesterov's momentum is asked for, and momentum is 0");
    if (status) return status;
    tg_step step = {.name = name, .update = descend_with, .options = &o, .rate = rate};
    step.parameters = o.parameters.x;
    step.count = o.parameters.count;
    return tg_record_step(tape, &step);
}
