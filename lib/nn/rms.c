/* nn/rms.c: one over the root mean square, an op: composed of squares, their mean and a root it would overflow and underflow where it
 * need not, and composed of a norm it would have no higher derivatives at 0. In its own derivative nothing is squared either.
 *
 * SPDX-License-Identifier: MIT */
#include "nn/rms.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/sum.h"

typedef struct rms_attr {
    int64_t axes;  /* bit i is set when axis i is reduced */
    double  count; /* of the elements that go into one of the result */
    double  eps;
} rms_attr;

static bool is_reduced(const rms_attr *attr, int axis) {
    return attr->axes >> axis & 1;
}

static tg_status infer_rms(tg_infer *call) {
    call->out = call->in[0];
    call->out.dims = call->dims;
    for (int i = 0; i < call->out.rank; i++)
        call->dims[i] = is_reduced(call->attr, i) ? 1 : call->in[0].dims[i];
    return TG_OK;
}

/* Without a square of what is far from 1. */
static double inverse(double norm, double n, double eps) {
    if (norm == 0 || (norm > 0x1p-500 && norm < 0x1p500)) return 1 / sqrt(norm * norm / n + eps);
    return 1 / hypot(norm / sqrt(n), sqrt(eps));
}

#define DEFINE_RMS(suffix, T) \
    static void rms_##suffix(const tgi_sum_axes *axes, double n, double eps, int64_t size, const T *x, T *out) { \
        tgi_norm_##suffix(axes, x, out); \
        for (int64_t i = 0; i < size; i++) \
            out[i] = (T)inverse((double)out[i], n, eps); \
    }
DEFINE_RMS(f32, float)
DEFINE_RMS(f64, double)

static tg_status rms_kernel(tg_kernel_call *call) {
    const rms_attr *attr = call->attr;
    const tg_array *x = &call->in[0];
    tgi_sum_axes    axes = {.rank = x->rank, .summed = (unsigned)attr->axes};
    memcpy(axes.dims, x->dims, sizeof axes.dims);
    memcpy(axes.strides, x->strides, sizeof axes.strides);
    if (x->dtype == TG_F32)
        rms_f32(&axes, attr->count, attr->eps, call->out.size, x->data, call->out.data);
    else
        rms_f64(&axes, attr->count, attr->eps, call->out.size, x->data, call->out.data);
    return TG_OK;
}

/* In C, axis by axis; the norm is made of numbers near 1, in float64. */
static void rms_emit(tg_emit_call *call) {
    static const char *const variables[TG_MAX_RANK] = {"i", "j", "k", "l", "m", "n", "o", "p"};
    const rms_attr          *attr = call->attr;
    const tg_type           *x = &call->in[0];
    char                     x_at[64] = "", y_at[64] = "";
    int                      kept = 0;
    for (int i = 0; i < x->rank; i++) {
        snprintf(x_at + strlen(x_at), sizeof x_at - strlen(x_at), i ? ", %s" : "%s", variables[i]);
        snprintf(y_at + strlen(y_at), sizeof y_at - strlen(y_at), i ? ", %s" : "%s", is_reduced(attr, i) ? "0" : variables[i]);
        if (is_reduced(attr, i)) continue;
        tg_emit(call, "$for(%s, %lld)", variables[i], (long long)x->dims[i]);
        kept++;
    }
    tg_emit(call, "double most_ = 0, acc = 0, norm_;\nint exponent_ = 0;");
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < x->rank; i++)
            if (is_reduced(attr, i)) tg_emit(call, "$for(%s, %lld)", variables[i], (long long)x->dims[i]);
        if (!pass)
            tg_emit(call, "const double x_ = fabs((double)$0[%s]);\nif (x_ > most_ || x_ != x_) most_ = x_;", x_at);
        else
            tg_emit(call, "const double x_ = ldexp((double)$0[%s], -exponent_);\nacc += x_ * x_;", x_at);
        for (int i = 0; i < x->rank; i++)
            if (is_reduced(attr, i)) tg_emit(call, "}");
        if (!pass) tg_emit(call, "if (most_ > 0 && most_ < (double)INFINITY) (void)frexp(most_, &exponent_);");
    }
    tg_emit(call, "norm_ = most_ > 0 && most_ < (double)INFINITY ? ldexp(sqrt(acc), exponent_) : most_;");
    tg_emit(call,
            "if (norm_ == 0 || (norm_ > 1e-150 && norm_ < 1e150)) {\n$y[%s] = ($T)(1 / sqrt(norm_ * norm_ / (double)%.17g + "
            "%.17g));\n} else {",
            y_at, attr->count, attr->eps);
    tg_emit(call, "$y[%s] = ($T)(1 / hypot(norm_ / sqrt(%.17g), sqrt(%.17g)));\n}", y_at, attr->count, attr->eps);
    while (kept-- > 0)
        tg_emit(call, "}");
}

/* -x y^3 / n, where x y is no larger than sqrt(n). */
static tg_tensor rms_rule(const tg_rule_call *call) {
    const rms_attr *attr = call->attr;
    tg_tensor       x = call->x[0], y = call->y;
    return tg_mul(tg_mul(tg_mul(tg_mul(call->g, y), y), -1 / attr->count), tg_mul(x, y));
}

static tg_rule *const rms_rules[] = {rms_rule};

/* How many axes come before those that are reduced, when these are the last ones. */
static int leading_axes(const tg_type *x, const void *attr) {
    int lead = 0;
    while (lead < x->rank && !is_reduced(attr, lead))
        lead++;
    for (int i = lead; i < x->rank; i++)
        if (!is_reduced(attr, i)) return -1;
    return lead;
}

static tg_tensor rms_batch(const tg_batch_call *call) {
    rms_attr attr = *(const rms_attr *)call->attr;
    attr.axes *= 2;
    return tg_record(NULL, call->op, 1, call->x, &attr, sizeof attr);
}

tg_tensor tgi_inverse_rms(tg_tensor x, tg_axes axes, double eps) {
    static const tg_op op = {"inverse_rms",      1,
                             infer_rms,          .kernel = rms_kernel,
                             .rules = rms_rules, .lead = leading_axes,
                             .emit = rms_emit,   .batch = rms_batch};
    tg_shape           shape = tg_shape_of(x);
    rms_attr           attr = {.count = 1, .eps = eps};
    for (int i = 0; i < axes.count; i++) {
        attr.axes |= 1ll << axes.axis[i];
        attr.count *= (double)shape.dims[axes.axis[i]];
    }
    return tg_record(NULL, &op, 1, &x, &attr, sizeof attr);
}
