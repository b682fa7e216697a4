/* optim/lion.c: Lion, by X. Chen et al., "Symbolic discovery of optimization algorithms" (2023), algorithm 2.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "optim/update.h"

static tg_tensor update(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    const tg_lion_options *o = options;
    g = tgi_gradient(w, g, 0, o->maximize);
    tg_tensor m = tg_optimizer_state_like(w, "lion.m");
    tg_tensor way = tg_sign(tg_add(tg_mul(o->beta1, m), tg_mul(1 - o->beta1, g)));
    tgi_running_mean(w, "lion.m", g, tg_num(1 - o->beta2));
    return tgi_descend(w, rate, o->weight_decay > 0 ? tg_add(way, tg_mul(o->weight_decay, w)) : way);
}

tg_status(tg_lion_step)(tg_tape *tape, tg_tensor rate, const tg_lion_options *options) {
    static const char name[] = "lion_step";
    tg_lion_options   o = options ? *options : (tg_lion_options){0};
    o.beta1 = tgi_or_default(o.beta1, 0.9);
    o.beta2 = tgi_or_default(o.beta2, 0.99);
    tg_status status =
        TGI_CHECK_OPTIONS(tape, name, {"beta1", o.beta1, 1}, {"beta2", o.beta2, 1}, {"weight_decay", o.weight_decay, INFINITY});
    return status ? status : tgi_record_step(tape, name, update, &o, rate, o.parameters);
}
