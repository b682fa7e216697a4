/* ops/norm.c: norms, variance, standard deviation, logsumexp. The Euclidean norm is an op, whose kernel looks at the sum of squares
 * and takes care of those that overflow or underflow; the others are composed, and guarded where the derivative of a root or a power
 * would be infinite.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/reduce.h"

/* ---- the Euclidean norm ------------------------------------------------------------------------------------------ */

static tg_status infer_euclidean(tg_infer *call) {
    return tgi_infer_reduced(call, call->in[0].dtype);
}

static tg_status euclidean_kernel(tg_kernel_call *call) {
    const tg_array *x = &call->in[0];
    tgi_sum_axes    axes = tgi_sum_axes_of(x, call->attr);
    return TGI_DISPATCH_FLOATS(x->dtype, tgi_norm, &axes, x->data, call->out.data);
}

/* In C: squares of float32 neither overflow nor underflow in float64; those of float64 are made of numbers near 1. */
static void euclidean_emit(tg_emit_call *call) {
    tgi_reduction_text t = tgi_reduction_text_of(call, call->attr);
    bool               wide = call->out.dtype == TG_F64;
    tgi_open_kept(call, &t, t.x.rank);
    tg_emit(call, "{\ndouble acc = 0;");
    if (wide) {
        tg_emit(call, "double most_ = 0;\nint exponent_ = 0;");
        tgi_open_reduced(call, &t, -1);
        tg_emit(call, "const double x_ = fabs($0[%s]);\nif (x_ > most_ || x_ != x_) most_ = x_;", t.x_at);
        tgi_close_reduced(call, &t, -1);
        tg_emit(call, "if (most_ > 0 && most_ < (double)INFINITY) {\n(void)frexp(most_, &exponent_);");
    }
    tgi_open_reduced(call, &t, -1);
    tg_emit(call,
            wide ? "const double x_ = ldexp($0[%s], -exponent_);\nacc += x_ * x_;" : "acc += (double)$0[%s] * (double)$0[%s];",
            t.x_at, t.x_at);
    tgi_close_reduced(call, &t, -1);
    if (wide)
        tg_emit(call, "most_ = ldexp(sqrt(acc), exponent_);\n}\n$y[%s] = most_;\n}", t.y_at);
    else
        tg_emit(call, "$y[%s] = (float)sqrt(acc);\n}", t.y_at);
    tgi_close_kept(call, &t, t.x.rank);
}

/* g (x / y), and 0 for the zero vector. Before one is divided by y, x and y are brought towards 1, where no reciprocal is infinite
 * or 0. */
static tg_tensor euclidean_rule(const tg_rule_call *call) {
    tg_tensor x = call->x[0], y = tg_where(tg_eq(call->y, 0), (double)INFINITY, call->y);
    tg_tensor one = tgi_full_like(y, 1), scale = tg_where(tg_lt(y, 0x1p-64), 0x1p64, tg_where(tg_gt(y, 0x1p64), 0x1p-64, one));
    tg_tensor unit =
        tg_mul(tgi_unreduced(tg_reciprocal(tg_mul(scale, y)), x, call->attr), tg_mul(tgi_unreduced(scale, x, call->attr), x));
    return tg_mul(tgi_unreduced(call->g, x, call->attr), unit);
}

static tg_rule *const euclidean_rules[] = {euclidean_rule};

static tg_tensor euclidean(tg_tensor x, tg_axes axes, bool keepdim) {
    static const tg_op op = {"norm",
                             1,
                             infer_euclidean,
                             .kernel = euclidean_kernel,
                             .rules = euclidean_rules,
                             .lead = tgi_leading_axes,
                             .emit = euclidean_emit,
                             .batch = tgi_batch_reduction};
    return tgi_reduce(&op, x, axes, keepdim);
}

/* ---- variance, standard deviation -------------------------------------------------------------------------------- */

static tg_tensor variance(tg_tensor x, tg_axes axes, const tgi_reduction *r, double correction) {
    tg_tensor squares = tg_square(tg_sub(x, tg_mean_axes(x, axes, true)));
    return tg_div(tg_sum_axes(squares, axes, r->attr.keepdim), fmax(0, (double)r->count - correction));
}

/* The root is in the norm. */
static tg_tensor deviation(tg_tensor x, tg_axes axes, const tgi_reduction *r, double correction) {
    tg_tensor size = euclidean(tg_sub(x, tg_mean_axes(x, axes, true)), axes, r->attr.keepdim);
    return tg_div(size, sqrt(fmax(0, (double)r->count - correction)));
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
    return tg_end_scope_with(scope, deviation(x, axes, &r, correction));
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

/* -inf for 0, with gradient 0: where all are -inf no one is more likely than another. */
static tg_tensor logarithm(tg_tensor sum) {
    tg_tensor none = tg_eq(sum, 0);
    return tg_where(none, -(double)INFINITY, tg_log(tg_where(none, 1, sum)));
}

tg_tensor(tg_logsumexp_axes)(tg_tensor x, tg_axes axes, bool keepdim) {
    tgi_reduction r;
    if (!tgi_begin_reduction(x, "logsumexp", axes, keepdim, false, &r)) return tgi_invalid(tgi_tape_of(x));
    tg_scope  scope = tg_begin_scope(x.tape, "logsumexp");
    tg_tensor most = r.count ? highest(x, axes) : tg_num(0);
    tg_tensor sum = tg_sum_axes(tg_exp(tg_sub(x, most)), axes, keepdim);
    if (r.count) most = tg_reshape(most, r.shape);
    return tg_end_scope_with(scope, tg_add(logarithm(sum), most));
}

tg_tensor(tg_logsumexp)(tg_tensor x) {
    return tg_logsumexp_axes(x, tgi_all_axes(x), false);
}

/* ---- norms ------------------------------------------------------------------------------------------------------- */

/* The size that counts most, a constant; 1 where it is 0 or infinite. */
static tg_tensor foremost(tg_tensor size, tg_axes axes, double p) {
    size = tg_detach(size);
    tg_tensor most = p > 0 ? tg_max_axes(size, axes, true) : tg_min_axes(size, axes, true);
    return tg_where(tg_logical_and(tg_gt(most, 0), tg_lt(most, (double)INFINITY)), most, 1);
}

/* (sum of |x|^p)^(1/p), the powers being of |x| over the one that counts most. Where |x| is 0, so is its part of the gradient, and where
 * the sum is 0, all of it; a negative power of 0 is infinite, and stays so. */
static tg_tensor power_norm(tg_tensor x, tg_axes axes, double p, const tgi_reduction *r) {
    tg_tensor zero = tg_eq(x, 0), size = tg_abs(tg_where(zero, 1, x));
    tg_tensor most = r->count ? foremost(p > 0 ? tg_abs(x) : size, axes, p) : tg_num(1);
    tg_tensor power = tg_where(zero, p < 0 ? (double)INFINITY : 0, tg_pow(tg_div(size, most), p));
    tg_tensor sum = tg_sum_axes(power, axes, r->attr.keepdim);
    tg_tensor none = p < 0 ? tg_eq(sum, (double)INFINITY) : tg_eq(sum, 0);
    if (r->count) most = tg_reshape(most, r->shape);
    return tg_where(none, 0, tg_mul(most, tg_pow(tg_where(none, 1, sum), 1 / p)));
}

static tg_tensor norm(tg_tensor x, tg_axes axes, double p, const tgi_reduction *r) {
    bool keepdim = r->attr.keepdim;
    if (p == 2) return euclidean(x, axes, keepdim);
    if (p == 1) return tg_sum_axes(tg_abs(x), axes, keepdim);
    if (p == 0) return tg_sum_axes(tg_cast(tg_ne(x, 0), tg_dtype_of(x)), axes, keepdim);
    if (isinf(p)) return p > 0 ? tg_max_axes(tg_abs(x), axes, keepdim) : tg_min_axes(tg_abs(x), axes, keepdim);
    return power_norm(x, axes, p, r);
}

tg_tensor(tg_norm_axes)(tg_tensor x, tg_axes axes, double p, bool keepdim) {
    tgi_reduction r;
    if (!tgi_begin_reduction(x, "norm", axes, keepdim, false, &r)) return tgi_invalid(tgi_tape_of(x));
    if (r.count == 0 && (p < 0 || isinf(p))) {
        tgi_fail(x.tape, TG_ERR_SHAPE, "norm", "of no elements there is none for p = %g", p);
        return tgi_invalid(x.tape);
    }
    tg_scope scope = tg_begin_scope(x.tape, "norm");
    return tg_end_scope_with(scope, norm(x, axes, p, &r));
}

tg_tensor(tg_norm)(tg_tensor x, double p) {
    return tg_norm_axes(x, tgi_all_axes(x), p, false);
}
