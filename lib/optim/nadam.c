/* optim/nadam.c: NAdam, by T. Dozat, "Incorporating Nesterov momentum into Adam" (2016), and RAdam, by L. Liu et al., "On the variance
 * of the adaptive learning rate and beyond" (2019).
 *
 * Both have Adam's two running means, and differ in the factors that depend on the number of steps alone: those are float64.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "optim/update.h"

/* ---- NAdam ------------------------------------------------------------------------------------------------------- */

/* mu(t) = beta1 (1 - 0.96^(t momentum_decay) / 2) */
static tg_tensor momentum_at(const tg_nadam_options *o, tg_tensor t) {
    return tg_mul(o->beta1, tg_sub(1, tg_mul(0.5, tg_pow(0.96, tg_mul(o->momentum_decay, t)))));
}

/* The product p of all momenta so far has to start at 1, and states start at 0: the state is q = 1 - p, of which no digits are lost
 * when p is near 1. */
static tg_tensor update_nadam(tg_tensor parameter, tg_tensor g, tg_tensor rate, const void *options) {
    const tg_nadam_options *o = options;
    const tg_dtype          dtype = tg_dtype_of(parameter);
    const double            decay = o->weight_decay;
    tg_tensor               w = o->decoupled_weight_decay ? tgi_shrink(parameter, rate, decay) : parameter;
    g = tgi_gradient(parameter, g, o->decoupled_weight_decay ? 0 : decay, o->maximize);
    tg_tensor m = tgi_running_mean(parameter, "nadam.m", g, tg_num(1 - o->beta1));
    tg_tensor v = tgi_running_mean(parameter, "nadam.v", tg_square(g), tg_num(1 - o->beta2));

    tg_tensor t = tgi_count_step(parameter, "nadam.t"), state = tg_optimizer_state(parameter, "nadam.q", TG_F64, TG_SHAPE());
    tg_tensor mu = momentum_at(o, t), next = momentum_at(o, tg_add(t, 1)), size = tgi_rate_as(rate, TG_F64);
    tg_tensor q = tg_sub(1, tg_mul(tg_sub(1, state), mu));
    tg_assign(state, q);
    tg_tensor of_g = tg_div(tg_mul(size, tg_sub(1, mu)), q);
    tg_tensor of_m = tg_div(tg_mul(size, next), tg_sub(1, tg_mul(tg_sub(1, q), next)));
    tg_tensor way = tg_add(tg_mul(tg_cast(of_g, dtype), g), tg_mul(tg_cast(of_m, dtype), m));
    tg_tensor root = tg_cast(tg_rsqrt(tgi_weight_of(tg_num(o->beta2), t)), dtype);
    return tg_sub(w, tg_div(way, tg_add(tg_mul(root, tg_sqrt(v)), o->eps)));
}

tg_status(tg_nadam_step)(tg_tape *tape, tg_tensor rate, const tg_nadam_options *options) {
    static const char name[] = "nadam_step";
    tg_nadam_options  o = options ? *options : (tg_nadam_options){0};
    o.beta1 = tgi_or_default(o.beta1, 0.9);
    o.beta2 = tgi_or_default(o.beta2, 0.999);
    o.eps = tgi_or_default(o.eps, 1e-8);
    o.momentum_decay = tgi_or_default(o.momentum_decay, 4e-3);
    tg_status status =
        TGI_CHECK_OPTIONS(tape, name, {"beta1", o.beta1, 1}, {"beta2", o.beta2, 1}, {"eps", o.eps, INFINITY},
                          {"weight_decay", o.weight_decay, INFINITY}, {"momentum_decay", o.momentum_decay, INFINITY});
    return status ? status : tgi_record_step(tape, name, update_nadam, &o, rate, o.parameters);
}

/* ---- RAdam ------------------------------------------------------------------------------------------------------- */

/* What the root of v has to be divided by: none where v has too few values for its variance to be finite. `bias` is 1 - beta2^t. */
static tg_tensor adaptation(const tg_radam_options *o, tg_tensor t, tg_tensor bias, tg_tensor v) {
    const double n = 2 / (1 - o->beta2) - 1; /* the length of v's memory, and l is how much of it there is after t steps */
    if (n <= 5) return tg_num(1);
    tg_tensor l = tg_sub(n, tg_div(tg_mul(tg_mul(2, t), tg_sub(1, bias)), bias)), is_long = tg_gt(l, 5);
    tg_tensor known = tg_where(is_long, l, 5); /* no root of what is negative */
    tg_tensor rectified = tg_div(tg_mul(tg_mul(tg_sub(known, 4), tg_sub(known, 2)), n), tg_mul((n - 4) * (n - 2), known));
    tg_tensor size = tg_cast(tg_sqrt(tg_mul(rectified, bias)), tg_dtype_of(v));
    return tg_where(is_long, tg_div(size, tg_add(tg_sqrt(v), o->eps)), 1);
}

static tg_tensor update_radam(tg_tensor parameter, tg_tensor g, tg_tensor rate, const void *options) {
    const tg_radam_options *o = options;
    const double            decay = o->weight_decay;
    tg_tensor               w = o->decoupled_weight_decay ? tgi_shrink(parameter, rate, decay) : parameter;
    g = tgi_gradient(parameter, g, o->decoupled_weight_decay ? 0 : decay, o->maximize);
    tg_tensor m = tgi_running_mean(parameter, "radam.m", g, tg_num(1 - o->beta1));
    tg_tensor v = tgi_running_mean(parameter, "radam.v", tg_square(g), tg_num(1 - o->beta2));
    tg_tensor t = tgi_count_step(parameter, "radam.t"), bias = tgi_weight_of(tg_num(o->beta2), t);
    tg_tensor size = tg_div(tgi_rate_as(rate, TG_F64), tgi_weight_of(tg_num(o->beta1), t));
    return tgi_descend(w, size, tg_mul(m, adaptation(o, t, bias, v)));
}

tg_status(tg_radam_step)(tg_tape *tape, tg_tensor rate, const tg_radam_options *options) {
    static const char name[] = "radam_step";
    tg_radam_options  o = options ? *options : (tg_radam_options){0};
    o.beta1 = tgi_or_default(o.beta1, 0.9);
    o.beta2 = tgi_or_default(o.beta2, 0.999);
    o.eps = tgi_or_default(o.eps, 1e-8);
    tg_status status = TGI_CHECK_OPTIONS(tape, name, {"beta1", o.beta1, 1}, {"beta2", o.beta2, 1}, {"eps", o.eps, INFINITY},
                                         {"weight_decay", o.weight_decay, INFINITY});
    return status ? status : tgi_record_step(tape, name, update_radam, &o, rate, o.parameters);
}
