/* ops/norm.c: variance, standard deviation, logsumexp, norms: composed of sums and elementwise ops, and guarded where the
 * derivative of a root or a power would be infinite.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/reduce.h"

/* ---- variance, standard deviation -------------------------------------------------------------------------------- */

static tg_tensor variance(tg_tensor x, tg_axes axes, const tgi_reduction *r, double correction) {
    tg_tensor squares = tg_square(tg_sub(x, tg_mean_axes(x, axes, true)));
    return tg_div(tg_sum_axes(squares, axes, r->attr.keepdim), fmax(0, (double)r->count - correction));
}

/* The square root, with gradient 0 at 0. */
static tg_tensor root(tg_tensor x) {
    tg_tensor zero = tg_eq(x, 0);
    return tg_where(zero, 0, tg_sqrt(tg_where(zero, 1, x)));
}

tg_tensor(tg_var_axes)(tg_tensor x, tg_axes axes, double correction, bool keepdim) {
    tgi_reduction r;
    if (!tgi_begin_reduction(x, "var", axes, keepdim, false, &r)) return tgi_invalid(tgi_tape_of(x));
    tg_scope scope = tg_begin_scope(x.tape, "var");
    return tg_end_scope_with(scope, variance(x, axes, &r, correction));
}

tg_tensor(tg_var)(tg_tensor x) {
    return tg_var_axes(x, tgi_all_axes(x), 1, false);
}

tg_tensor(tg_std_axes)(tg_tensor x, tg_axes axes, double correction, bool keepdim) {
    tgi_reduction r;
    if (!tgi_begin_reduction(x, "std", axes, keepdim, false, &r)) return tgi_invalid(tgi_tape_of(x));
    tg_scope scope = tg_begin_scope(x.tape, "std");
    return tg_end_scope_with(scope, root(variance(x, axes, &r, correction)));
}

tg_tensor(tg_std)(tg_tensor x) {
    return tg_std_axes(x, tgi_all_axes(x), 1, false);
}

/* ---- logsumexp --------------------------------------------------------------------------------------------------- */

/* Subtracted before exp, so that the largest power is e^0; 0 where the largest is infinite or NaN. It is added again after log, so
 * its derivative cancels, and it is detached. */
static tg_tensor highest(tg_tensor x, tg_axes axes) {
    tg_tensor most = tg_max_axes(tg_detach(x), axes, true);
    return tg_where(tg_lt(tg_abs(most), (double)INFINITY), most, 0);
}

tg_tensor(tg_logsumexp_axes)(tg_tensor x, tg_axes axes, bool keepdim) {
    tgi_reduction r;
    if (!tgi_begin_reduction(x, "logsumexp", axes, keepdim, false, &r)) return tgi_invalid(tgi_tape_of(x));
    tg_scope  scope = tg_begin_scope(x.tape, "logsumexp");
    tg_tensor most = r.count ? highest(x, axes) : tg_num(0);
    tg_tensor sum = tg_sum_axes(tg_exp(tg_sub(x, most)), axes, keepdim);
    if (r.count) most = tg_reshape(most, r.shape);
    return tg_end_scope_with(scope, tg_add(tg_log(sum), most));
}

tg_tensor(tg_logsumexp)(tg_tensor x) {
    return tg_logsumexp_axes(x, tgi_all_axes(x), false);
}

/* ---- norms ------------------------------------------------------------------------------------------------------- */

/* (sum of |x|^p)^(1/p). Where |x| is 0, so is its part of the gradient, and where the sum is 0, all of it; a negative power
 * of 0 is infinite, and stays so. */
static tg_tensor power_norm(tg_tensor x, tg_axes axes, double p, bool keepdim) {
    tg_tensor zero = tg_eq(x, 0), size = tg_abs(tg_where(zero, 1, x));
    tg_tensor sum = tg_sum_axes(tg_where(zero, p < 0 ? (double)INFINITY : 0, tg_pow(size, p)), axes, keepdim);
    tg_tensor none = p < 0 ? tg_eq(sum, (double)INFINITY) : tg_eq(sum, 0);
    return tg_where(none, 0, tg_pow(tg_where(none, 1, sum), 1 / p));
}

static tg_tensor norm(tg_tensor x, tg_axes axes, double p, bool keepdim) {
    if (p == 2) return root(tg_sum_axes(tg_square(x), axes, keepdim));
    if (p == 1) return tg_sum_axes(tg_abs(x), axes, keepdim);
    if (p == 0) return tg_sum_axes(tg_cast(tg_ne(x, 0), tg_dtype_of(x)), axes, keepdim);
    if (isinf(p)) return p > 0 ? tg_max_axes(tg_abs(x), axes, keepdim) : tg_min_axes(tg_abs(x), axes, keepdim);
    return power_norm(x, axes, p, keepdim);
}

tg_tensor(tg_norm_axes)(tg_tensor x, tg_axes axes, double p, bool keepdim) {
    tgi_reduction r;
    if (!tgi_begin_reduction(x, "norm", axes, keepdim, false, &r)) return tgi_invalid(tgi_tape_of(x));
    if (r.count == 0 && (p < 0 || isinf(p))) {
        tgi_fail(x.tape, TG_ERR_SHAPE, "norm", "of no elements there is none for p = %g", p);
        return tgi_invalid(x.tape);
    }
    tg_scope scope = tg_begin_scope(x.tape, "norm");
    return tg_end_scope_with(scope, norm(x, axes, p, keepdim));
}

tg_tensor(tg_norm)(tg_tensor x, double p) {
    return tg_norm_axes(x, tgi_all_axes(x), p, false);
}
