/* optim/adafactor.c: Adafactor, by N. Shazeer and M. Stern, "Adafactor: adaptive learning rates with sublinear memory cost" (2018), as
 * PyTorch has it: without momentum, and with the step relative to the size of the weights.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>

#include "optim/update.h"

/* The root of the mean square; in float64. */
static tg_tensor rms(tg_tensor x) {
    const double size = (double)tg_size(x);
    return tg_div(tg_norm(tg_cast(x, TG_F64), 2), sqrt(size > 0 ? size : 1));
}

/* The mean squares of g along an axis, and then their running mean. */
static tg_tensor mean_along(tg_tensor w, const char *kind, tg_tensor squares, int axis, tg_tensor rest) {
    tg_tensor mean = tg_mean_axes(squares, TG_AXES(axis), true);
    tg_tensor state = tg_optimizer_state(w, kind, tg_dtype_of(w), tg_shape_of(mean));
    mean = tg_add(state, tg_mul(rest, tg_sub(mean, state)));
    tg_assign(state, mean);
    return mean;
}

/* The mean squares of g: of a matrix as a product of what its rows and columns have. */
static tg_tensor mean_squares(tg_tensor w, tg_tensor g, tg_tensor rest, double eps) {
    tg_tensor squares = tg_square(g);
    if (tg_shape_of(w).rank < 2) return tgi_running_mean(w, "adafactor.v", squares, rest);
    tg_tensor rows = mean_along(w, "adafactor.r", squares, -1, rest), columns = mean_along(w, "adafactor.c", squares, -2, rest);
    return tg_mul(tg_div(rows, tg_maximum(tg_mean_axes(rows, TG_AXES(-2), true), eps)), columns);
}

static tg_tensor update(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    const tg_adafactor_options *o = options;
    const tg_dtype              dtype = tg_dtype_of(w);
    const double                eps = tgi_or_default(o->eps1, dtype == TG_F32 ? FLT_EPSILON : DBL_EPSILON);
    g = tgi_gradient(w, g, 0, o->maximize);
    tg_tensor t = tgi_count_step(w, "adafactor.t"), rest = tg_cast(tg_pow(t, o->beta2_decay), dtype);
    tg_tensor way = tg_mul(tg_rsqrt(tg_maximum(mean_squares(w, g, rest, eps), eps * eps)), g);
    tg_tensor size = tg_mul(tg_maximum(rms(w), o->eps2), tg_minimum(tgi_rate_as(rate, TG_F64), tg_rsqrt(t)));
    size = tg_div(size, tg_maximum(tg_div(rms(way), o->d), 1));
    return tgi_descend(o->weight_decay > 0 ? tgi_shrink(w, rate, o->weight_decay) : w, size, way);
}

tg_status(tg_adafactor_step)(tg_tape *tape, tg_tensor rate, const tg_adafactor_options *options) {
    static const char    name[] = "adafactor_step";
    tg_adafactor_options o = options ? *options : (tg_adafactor_options){0};
    o.beta2_decay = tgi_or_default(o.beta2_decay, -0.8);
    o.eps2 = tgi_or_default(o.eps2, 1e-3);
    o.d = tgi_or_default(o.d, 1);
    tg_status status = tg_check_option(tape, name, "beta2_decay", o.beta2_decay, -INFINITY, 0, TG_LEFT_OPEN);
    if (!status) status = tg_check_option(tape, name, "d", o.d, 1, INFINITY, TG_RIGHT_OPEN);
    if (!status)
        status = TGI_CHECK_OPTIONS(tape, name, {"eps1", o.eps1, INFINITY}, {"eps2", o.eps2, INFINITY},
                                   {"weight_decay", o.weight_decay, INFINITY});
    return status ? status : tgi_record_step(tape, name, update, &o, rate, o.parameters);
}
