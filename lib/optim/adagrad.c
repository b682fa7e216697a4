/* optim/adagrad.c: Adagrad, by J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods" (2011), and what came of it: RMSprop,
 * by G. Hinton (2012), and Adadelta, by M. D. Zeiler (2012). Each divides the gradient by the root of its squares, added up or as a
 * running mean.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "optim/update.h"

/* ---- Adagrad ----------------------------------------------------------------------------------------------------- */

/* The state starts at 0, and the value that the sum is to start from is added where it is used. */
static tg_tensor update_adagrad(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    const tg_adagrad_options *o = options;
    g = tgi_gradient(w, g, o->weight_decay, o->maximize);
    tg_tensor state = tg_optimizer_state_like(w, "adagrad.s"), sum = tg_add(state, tg_square(g));
    tg_assign(state, sum);
    tg_tensor before = tg_sub(tgi_count_step(w, "adagrad.t"), 1);
    tg_tensor size = tg_div(tgi_rate_as(rate, TG_F64), tg_add(1, tg_mul(o->lr_decay, before)));
    return tgi_descend(w, size, tg_div(g, tg_add(tg_sqrt(tg_add(sum, o->initial_accumulator_value)), o->eps)));
}

tg_status(tg_adagrad_step)(tg_tape *tape, tg_tensor rate, const tg_adagrad_options *options) {
    static const char  name[] = "adagrad_step";
    tg_adagrad_options o = options ? *options : (tg_adagrad_options){0};
    o.eps = tgi_or_default(o.eps, 1e-10);
    tg_status status =
        TGI_CHECK_OPTIONS(tape, name, {"lr_decay", o.lr_decay, INFINITY}, {"weight_decay", o.weight_decay, INFINITY},
                          {"initial_accumulator_value", o.initial_accumulator_value, INFINITY}, {"eps", o.eps, INFINITY});
    return status ? status : tgi_record_step(tape, name, update_adagrad, &o, rate, o.parameters);
}

/* ---- RMSprop ----------------------------------------------------------------------------------------------------- */

/* The mean square about the mean, which rounding must not make negative. */
static tg_tensor centered(tg_tensor w, tg_tensor g, double alpha, tg_tensor v) {
    return tg_maximum(tg_sub(v, tg_square(tgi_running_mean(w, "rmsprop.a", g, tg_num(1 - alpha)))), 0);
}

static tg_tensor update_rmsprop(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    const tg_rmsprop_options *o = options;
    g = tgi_gradient(w, g, o->weight_decay, o->maximize);
    tg_tensor v = tgi_running_mean(w, "rmsprop.v", tg_square(g), tg_num(1 - o->alpha));
    if (o->centered) v = centered(w, g, o->alpha, v);
    tg_tensor way = tg_div(g, tg_add(tg_sqrt(v), o->eps));
    if (o->momentum > 0) {
        tg_tensor state = tg_optimizer_state_like(w, "rmsprop.b");
        way = tg_add(tg_mul(o->momentum, state), way);
        tg_assign(state, way);
    }
    return tgi_descend(w, rate, way);
}

tg_status(tg_rmsprop_step)(tg_tape *tape, tg_tensor rate, const tg_rmsprop_options *options) {
    static const char  name[] = "rmsprop_step";
    tg_rmsprop_options o = options ? *options : (tg_rmsprop_options){0};
    o.alpha = tgi_or_default(o.alpha, 0.99);
    o.eps = tgi_or_default(o.eps, 1e-8);
    tg_status status = TGI_CHECK_OPTIONS(tape, name, {"alpha", o.alpha, 1}, {"eps", o.eps, INFINITY},
                                         {"weight_decay", o.weight_decay, INFINITY}, {"momentum", o.momentum, INFINITY});
    return status ? status : tgi_record_step(tape, name, update_rmsprop, &o, rate, o.parameters);
}

/* ---- Adadelta ---------------------------------------------------------------------------------------------------- */

static tg_tensor update_adadelta(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    const tg_adadelta_options *o = options;
    const tg_tensor            rest = tg_num(1 - o->rho);
    g = tgi_gradient(w, g, o->weight_decay, o->maximize);
    tg_tensor v = tgi_running_mean(w, "adadelta.v", tg_square(g), rest), u = tg_optimizer_state_like(w, "adadelta.u");
    tg_tensor way = tg_mul(tg_div(tg_sqrt(tg_add(u, o->eps)), tg_sqrt(tg_add(v, o->eps))), g);
    tgi_running_mean(w, "adadelta.u", tg_square(way), rest);
    return tgi_descend(w, rate, way);
}

tg_status(tg_adadelta_step)(tg_tape *tape, tg_tensor rate, const tg_adadelta_options *options) {
    static const char   name[] = "adadelta_step";
    tg_adadelta_options o = options ? *options : (tg_adadelta_options){0};
    o.rho = tgi_or_default(o.rho, 0.9);
    o.eps = tgi_or_default(o.eps, 1e-6);
    tg_status status = tg_check_option(tape, name, "rho", o.rho, 0, 1, TG_CLOSED);
    if (!status) status = TGI_CHECK_OPTIONS(tape, name, {"eps", o.eps, INFINITY}, {"weight_decay", o.weight_decay, INFINITY});
    return status ? status : tgi_record_step(tape, name, update_adadelta, &o, rate, o.parameters);
}
