/* optim/adam.c: Adam, by D. P. Kingma and J. Ba (2014), and AdamW, by I. Loshchilov and F. Hutter, "Decoupled weight decay
 * regularization" (2017), in the order of operations that PyTorch has.
 *
 * What depends on the number of steps alone is computed in float64 whatever the parameter's dtype is, as 1 - beta2^t loses most
 * of its digits at the start.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "optim/step.h"

typedef struct adam {
    const char     *what;
    tg_adam_options with;
    bool            decoupled;
} adam;

/* 1 - beta^t: what the running mean of t values has for its weights' sum. */
static tg_tensor weight_of(double beta, tg_tensor t) {
    return tg_sub(1, tg_pow(beta, t));
}

static tg_tensor in_f64(tg_tensor rate) {
    return tgi_tape_of(rate) ? tg_cast(rate, TG_F64) : rate;
}

/* Of a weight that decays: 1 - rate decay. */
static tg_tensor what_is_left(tg_tensor rate, double decay, tg_dtype dtype) {
    double number;
    if (tgi_is_number(rate, &number)) return tg_num(1 - number * decay);
    return tg_cast(tg_sub(1, tg_mul(decay, in_f64(rate))), dtype);
}

static tg_tensor update(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    const adam            *a = options;
    const tg_adam_options *o = &a->with;
    const tg_dtype         dtype = tg_dtype_of(w);
    tg_tensor              m = tgi_state_like(w, a->what, "adam.m"), v = tgi_state_like(w, a->what, "adam.v");
    tg_tensor              steps = tgi_slot_of(w.tape, a->what, w, "adam.t", TG_F64, TG_SHAPE());

    if (o->weight_decay > 0 && a->decoupled)
        w = tg_mul(w, what_is_left(rate, o->weight_decay, dtype));
    else if (o->weight_decay > 0)
        g = tg_add(g, tg_mul(o->weight_decay, w));

    tg_tensor t = tg_add(steps, 1);
    tg_tensor mean = tg_add(m, tg_mul(1 - o->beta1, tg_sub(g, m)));
    tg_tensor square = tg_add(tg_mul(o->beta2, v), tg_mul(1 - o->beta2, tg_square(g)));
    tg_assign(steps, t);
    tg_assign(m, mean);
    tg_assign(v, square);

    tg_tensor size = tg_cast(tg_div(in_f64(rate), weight_of(o->beta1, t)), dtype);
    tg_tensor root = tg_cast(tg_sqrt(weight_of(o->beta2, t)), dtype);
    return tg_sub(w, tg_div(tg_mul(size, mean), tg_add(tg_div(tg_sqrt(square), root), o->eps)));
}

static double or_default(double value, double usual) {
    return value == 0 ? usual : value;
}

static tg_status step(tg_tape *tape, const char *what, tg_tensor rate, const tg_adam_options *options, double weight_decay,
                      bool decoupled) {
    tg_adam_options o = options ? *options : (tg_adam_options){0};
    o.beta1 = or_default(o.beta1, 0.9);
    o.beta2 = or_default(o.beta2, 0.999);
    o.eps = or_default(o.eps, 1e-8);
    o.weight_decay = or_default(o.weight_decay, weight_decay);
    if (tgi_check(tape) || tgi_check_option(tape, what, "beta1", o.beta1, 1) ||
        tgi_check_option(tape, what, "beta2", o.beta2, 1) || tgi_check_option(tape, what, "eps", o.eps, INFINITY) ||
        tgi_check_option(tape, what, "the weight decay", o.weight_decay, INFINITY))
        return tg_error_status(tape);
    return tgi_step(tape, what, rate, update, &(adam){what, o, decoupled});
}

tg_status(tg_adam_step)(tg_tape *tape, tg_tensor rate, const tg_adam_options *options) {
    return step(tape, "adam_step", rate, options, 0, false);
}

tg_status(tg_adamw_step)(tg_tape *tape, tg_tensor rate, const tg_adam_options *options) {
    return step(tape, "adamw_step", rate, options, 0.01, true);
}
