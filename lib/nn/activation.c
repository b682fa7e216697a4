/* nn/activation.c: the activation functions, composed of ops. (gelu is an op.)
 *
 * A tg_where gives 0 for the gradient of the branch that was not taken, but what is behind that branch multiplies this 0 by its
 * own slope, which must not be infinite: so its argument is masked, not its result.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "core/inside.h"

/* ---- what the formulas call -------------------------------------------------------------------------------------- */

/* x gate(x), for a gate that rises from 0 to 1. Beyond 1000 all gates are exactly 0 or 1, and flat, in both dtypes. */
static tg_tensor gated(tg_tensor x, tg_tensor (*gate)(tg_tensor)) {
    tg_tensor far = tg_gt(tg_abs(x), 1000), near = tg_where(far, 0, x);
    return tg_where(far, tg_relu(x), tg_mul(near, gate(near)));
}

/* (1 + tanh(u / 2)) / 2 is sigmoid(u), which loses nothing where it is small. */
static tg_tensor nearly_normal(tg_tensor x) {
    return tg_sigmoid(tg_mul(tg_mul(1.59576912160573071176, x), tg_add(1, tg_mul(0.044715, tg_square(x)))));
}

static tg_tensor tanh_softplus(tg_tensor x) {
    return tg_tanh(tg_logaddexp(x, 0));
}

/* x times relu6(x + 3) / 6, which is 0 or 1 from 3 on, where its slope is 0 already. */
static tg_tensor hardswish(tg_tensor x) {
    tg_tensor near = tg_where(tg_ge(tg_abs(x), 3), 0, x);
    return tg_where(tg_le(x, -3), 0, tg_where(tg_ge(x, 3), x, tg_mul(near, tg_div(tg_add(near, 3), 6))));
}

/* With r = 1 / (1 + |x|) it is x r, which keeps its digits near 0, or sign(x) (1 - r), of which the derivative keeps them far away. */
static tg_tensor softsign(tg_tensor x) {
    tg_tensor far = tg_gt(tg_abs(x), 1), r = tg_reciprocal(tg_add(1, tg_abs(x)));
    return tg_where(far, tg_mul(tg_sign(x), tg_sub(1, r)), tg_mul(tg_where(far, 0, x), r));
}

static tg_tensor celu(tg_tensor x, double alpha) {
    tg_tensor low = tg_le(x, 0);
    return tg_where(low, tg_mul(alpha, tg_expm1(tg_div(tg_where(low, x, 0), alpha))), x);
}

static tg_tensor prelu(tg_tensor x, tg_tensor weight) {
    tg_tensor positive = tg_gt(x, 0);
    return tg_where(positive, x, tg_mul(weight, tg_where(positive, 0, x)));
}

static tg_tensor glu(tg_tensor x, int axis) {
    tg_tensor half[2] = {x, x};
    tg_chunk(x, axis, 2, half);
    return tg_mul(half[0], tg_sigmoid(half[1]));
}

static tg_status check_bounds(const tg_operands *o, double low, double high) {
    if (low <= high) return TG_OK;
    return tg_fail(o->tape, TG_ERR_ARGUMENT, o->name, "the lower bound %g is not at most the upper bound %g", low, high);
}

static tg_status check_option(const tg_operands *o, const char *option, double value, tg_interval interval) {
    return tg_check_option(o->tape, o->name, option, value, 0, INFINITY, interval);
}

static tg_status check_halves(const tg_operands *o, int *axis) {
    const tg_type *x = &o->type[0];
    if (tg_check_axis(o, x->rank, axis)) return tg_error_status(o->tape);
    if (x->dims[*axis] % 2 == 0) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "axis %d has no halves of the same size", *axis);
}

/* The slopes in a shape that broadcasts to x's, whose channels are along axis 1. */
static tg_shape slopes(const tg_operands *o) {
    int      rank = o->type[0].rank;
    tg_shape shape = {.rank = rank > 1 ? rank - 1 : rank, .dims = {-1, 1, 1, 1, 1, 1, 1, 1}};
    return shape;
}

/* One slope for all elements, or one a channel. */
static tg_status check_slopes(const tg_operands *o) {
    const tg_type *x = &o->type[0], *weight = &o->type[1];
    if (tg_shape_size(tg_shape_from(weight->rank, weight->dims)) == 1 && weight->rank < 2) return TG_OK;
    return tg_check_shape(o, 1, "weight", x->rank > 1 ? TG_SHAPE(x->dims[1]) : TG_SHAPE(1));
}

/* ---- the functions ----------------------------------------------------------------------------------------------- */

#define ACTIVATION(function, parameters, checks, formula) \
    tg_tensor(tg_##function) parameters { \
        tg_operands o; \
        if (tg_check_operands(&o, #function, 1, 1, &x) || tg_check_floating(&o, 1) || checks) return tg_invalid(o.tape); \
        tg_scope scope = tg_begin_scope(o.tape, o.name); \
        return tg_end_scope_with(scope, formula); \
    }

/* From G. Klambauer et al., "Self-Normalizing Neural Networks" (2017). */
static const double selu_scale = 1.0507009873554804934193349852946, selu_alpha = 1.6732632423543772848170429916717;

ACTIVATION(softplus, (tg_tensor x), TG_OK, tg_logaddexp(x, 0))
ACTIVATION(leaky_relu, (tg_tensor x, double slope), TG_OK, tg_where(tg_gt(x, 0), x, tg_mul(slope, x)))
ACTIVATION(elu, (tg_tensor x, double alpha), TG_OK,
           tg_where(tg_le(x, 0), tg_mul(alpha, tg_expm1(tg_where(tg_le(x, 0), x, 0))), x))
ACTIVATION(selu, (tg_tensor x), TG_OK, tg_mul(selu_scale, tg_elu(x, selu_alpha)))
ACTIVATION(gelu_tanh, (tg_tensor x), TG_OK, gated(x, nearly_normal))
ACTIVATION(silu, (tg_tensor x), TG_OK, gated(x, tg_sigmoid))
ACTIVATION(mish, (tg_tensor x), TG_OK, gated(x, tanh_softplus))
ACTIVATION(hardtanh, (tg_tensor x, double low, double high), check_bounds(&o, low, high),
           tg_where(tg_le(x, low), low, tg_where(tg_ge(x, high), high, x)))
ACTIVATION(relu6, (tg_tensor x), TG_OK, tg_hardtanh(x, 0, 6))
ACTIVATION(hardsigmoid, (tg_tensor x), TG_OK, tg_div(tg_relu6(tg_add(x, 3)), 6))
ACTIVATION(hardswish, (tg_tensor x), TG_OK, hardswish(x))
ACTIVATION(celu, (tg_tensor x, double alpha), check_option(&o, "alpha", alpha, TG_OPEN), celu(x, alpha))
ACTIVATION(softsign, (tg_tensor x), TG_OK, softsign(x))
ACTIVATION(logsigmoid, (tg_tensor x), TG_OK, tg_neg(tg_logaddexp(tg_neg(x), 0)))
ACTIVATION(tanhshrink, (tg_tensor x), TG_OK, tg_sub(x, tg_tanh(x)))
ACTIVATION(softshrink, (tg_tensor x, double lambda), check_option(&o, "lambda", lambda, TG_RIGHT_OPEN),
           tg_sub(x, tg_clamp(x, -lambda, lambda)))
ACTIVATION(hardshrink, (tg_tensor x, double lambda), check_option(&o, "lambda", lambda, TG_RIGHT_OPEN),
           tg_where(tg_le(tg_abs(x), lambda), 0, x))
ACTIVATION(threshold, (tg_tensor x, double threshold, double value), TG_OK, tg_where(tg_le(x, threshold), value, x))
ACTIVATION(glu, (tg_tensor x, int axis), check_halves(&o, &axis), glu(x, axis))

tg_tensor(tg_prelu)(tg_tensor x, tg_tensor weight) {
    tg_operands o;
    if (tg_check_operands(&o, "prelu", 2, 2, (tg_tensor[]){x, weight}) || tg_check_floating(&o, 2) || check_slopes(&o))
        return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    double   number;
    if (tg_is_number(x, &number)) x = tg_number(o.tape, o.type[0].dtype, number);
    if (o.type[1].rank) weight = tg_reshape(weight, slopes(&o));
    return tg_end_scope_with(scope, prelu(x, weight));
}
