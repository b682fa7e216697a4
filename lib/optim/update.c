/* optim/update.c: what the updates of optimizers have in common.
 *
 * What depends on the number of steps alone is computed in float64 whatever the parameter's dtype is, as 1 - beta^t loses most of its
 * digits at the start.
 *
 * SPDX-License-Identifier: MIT */
#include "optim/update.h"

#include <string.h>

/* ---- options ----------------------------------------------------------------------------------------------------- */

tg_status tgi_check_options(tg_tape *tape, const char *name, const tgi_option *options) {
    tg_status status = TG_OK;
    for (; options->name && !status; options++)
        status = tg_check_option(tape, name, options->name, options->value, 0, options->bound, TG_RIGHT_OPEN);
    return status;
}

double tgi_or_default(double value, double usual) {
    return value == 0 ? usual : value;
}

tg_tensor tgi_varying(tg_tensor x, double *value) {
    x = tg_or_none(x);
    return tg_is_number(x, value) ? TG_NONE : x;
}

/* ---- rates and gradients ----------------------------------------------------------------------------------------- */

tg_tensor tgi_rate_as(tg_tensor rate, tg_dtype dtype) {
    return tg_tape_of(rate) ? tg_cast(rate, dtype) : rate;
}

tg_tensor tgi_descend(tg_tensor w, tg_tensor rate, tg_tensor direction) {
    return tg_sub(w, tg_mul(tgi_rate_as(rate, tg_dtype_of(w)), direction));
}

/* Of w there is 1 - rate decay left. */
tg_tensor tgi_shrink(tg_tensor w, tg_tensor rate, double decay) {
    double number;
    if (tg_is_number(rate, &number)) return tg_mul(w, 1 - number * decay);
    return tg_mul(w, tg_cast(tg_sub(1, tg_mul(decay, tgi_rate_as(rate, TG_F64))), tg_dtype_of(w)));
}

tg_tensor tgi_gradient(tg_tensor w, tg_tensor g, double decay, bool maximize) {
    if (maximize) g = tg_neg(g);
    return decay > 0 ? tg_add(g, tg_mul(decay, w)) : g;
}

/* ---- states ------------------------------------------------------------------------------------------------------ */

tg_tensor tgi_running_mean(tg_tensor w, const char *kind, tg_tensor x, tg_tensor rest) {
    tg_tensor state = tg_optimizer_state_like(w, kind), mean = tg_add(state, tg_mul(rest, tg_sub(x, state)));
    tg_assign(state, mean);
    return mean;
}

tg_tensor tgi_count_step(tg_tensor w, const char *kind) {
    tg_tensor steps = tg_optimizer_state(w, kind, TG_F64, TG_SHAPE()), t = tg_add(steps, 1);
    tg_assign(steps, t);
    return t;
}

tg_tensor tgi_weight_of(tg_tensor beta, tg_tensor t) {
    return tg_sub(1, tg_pow(tgi_rate_as(beta, TG_F64), t));
}

/* The states of a parameter w are called "w." and their kind. */
tg_tensor tgi_find_state(tg_tensor parameter, const char *kind) {
    const size_t length = strlen(tg_name(parameter)) + 1;
    tg_tensor    state = tg_next_optimizer_state(parameter, TG_NONE);
    while (tg_valid(state) && strcmp(tg_name(state) + length, kind) != 0)
        state = tg_next_optimizer_state(parameter, state);
    return tg_valid(state) ? state : TG_NONE;
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

tg_status tgi_record_step(tg_tape *tape, const char *name, tg_update *update, const void *options, tg_tensor rate,
                          tg_list parameters) {
    return tg_record_step(tape, &(tg_step){.name = name,
                                           .update = update,
                                           .options = options,
                                           .rate = rate,
                                           .parameters = parameters.x,
                                           .count = parameters.count});
}

tg_status tgi_check_number(tg_tape *tape, const char *name, const char *what, tg_tensor number) {
    double value;
    char   text[TG_SHAPE_TEXT];
    if (tg_is_number(number, &value)) return TG_OK;
    if (tg_check_tensor(tape, name, what, number)) return tg_error_status(tape);
    tg_shape shape = tg_shape_of(number);
    tg_dtype dtype = tg_dtype_of(number);
    if (shape.rank) return tg_fail(tape, TG_ERR_SHAPE, name, "%s is %s, not one number", what, tg_shape_text(text, shape));
    if (dtype == TG_F32 || dtype == TG_F64) return TG_OK;
    return tg_fail(tape, TG_ERR_DTYPE, name, "%s is %s, not float32 or float64", what, tg_dtype_name(dtype));
}

tg_tensor tgi_next_parameter(tg_tape *tape, int64_t *i) {
    while (*i < tg_parameter_count(tape)) {
        tg_tensor w = tg_parameter_at(tape, (*i)++);
        if (!tg_is_frozen(w)) return w;
    }
    return TG_NONE;
}

tg_tensor tgi_next_with_gradient(tg_tape *tape, int64_t *i) {
    tg_tensor w = tgi_next_parameter(tape, i);
    while (!tg_is_none(w) && !tg_has_grad(w))
        w = tgi_next_parameter(tape, i);
    return w;
}
