/* nn/activation.c: the activation functions, composed of ops.
 *
 * A tg_where gives 0 for the gradient of the branch that was not taken, but what is behind that branch multiplies this 0 by its
 * own slope, which must not be infinite: so its argument is masked, not its result.
 *
 * SPDX-License-Identifier: MIT */
#include "core/inside.h"

/* ---- what the formulas call -------------------------------------------------------------------------------------- */

/* x gate(x), for a gate that rises from 0 to 1. Beyond 1000 all gates are exactly 0 or 1, and flat, in both dtypes. */
static tg_tensor gated(tg_tensor x, tg_tensor (*gate)(tg_tensor)) {
    tg_tensor far = tg_gt(tg_abs(x), 1000), near = tg_where(far, 0, x);
    return tg_where(far, tg_relu(x), tg_mul(near, gate(near)));
}

/* The normal distribution. */
static tg_tensor normal(tg_tensor x) {
    return tg_mul(0.5, tg_erfc(tg_mul(-0.707106781186547524401, x)));
}

/* (1 + tanh(u / 2)) / 2 is sigmoid(u), which loses nothing where it is small. */
static tg_tensor nearly_normal(tg_tensor x) {
    return tg_sigmoid(tg_mul(tg_mul(1.59576912160573071176, x), tg_add(1, tg_mul(0.044715, tg_square(x)))));
}

static tg_tensor tanh_softplus(tg_tensor x) {
    return tg_tanh(tg_logaddexp(x, 0));
}

static tg_status check_bounds(const tg_operands *o, double low, double high) {
    if (low <= high) return TG_OK;
    return tg_fail(o->tape, TG_ERR_ARGUMENT, o->name, "the lower bound %g is not at most the upper bound %g", low, high);
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
ACTIVATION(gelu, (tg_tensor x), TG_OK, gated(x, normal))
ACTIVATION(gelu_tanh, (tg_tensor x), TG_OK, gated(x, nearly_normal))
ACTIVATION(silu, (tg_tensor x), TG_OK, gated(x, tg_sigmoid))
ACTIVATION(mish, (tg_tensor x), TG_OK, gated(x, tanh_softplus))
ACTIVATION(hardtanh, (tg_tensor x, double low, double high), check_bounds(&o, low, high),
           tg_where(tg_le(x, low), low, tg_where(tg_ge(x, high), high, x)))
