/* nn/activation.c: the activation functions, composed of ops.
 *
 * A tg_where gives 0 for the gradient of the branch that was not taken, but what is behind that branch multiplies this 0 by its
 * own slope, which must not be infinite: so its argument is masked, not its result.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/nn.h>

#include "ops/ops.h"

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

/* Rejects what is no floating tensor, in the function's name. */
static bool takes(tg_tensor x, const char *name) {
    return tgi_operand(x, name) && !tgi_require_operand(x, name, TGI_FLOATS);
}

static bool are_bounds(tg_tape *tape, const char *name, double low, double high) {
    if (low <= high) return true;
    tgi_fail(tape, TG_ERR_ARGUMENT, name, "the lower bound %g is not at most the upper bound %g", low, high);
    return false;
}

/* ---- the functions ----------------------------------------------------------------------------------------------- */

#define ACTIVATION(name, parameters, condition, formula) \
    tg_tensor(tg_##name) parameters { \
        if (!takes(x, #name) || !(condition)) return tgi_invalid(tgi_tape_of(x)); \
        tgi_call call = tgi_begin(x.tape); \
        return tgi_end_with(x.tape, call, formula); \
    }

/* From G. Klambauer et al., "Self-Normalizing Neural Networks" (2017). */
static const double selu_scale = 1.0507009873554804934193349852946, selu_alpha = 1.6732632423543772848170429916717;

ACTIVATION(softplus, (tg_tensor x), true, tg_logaddexp(x, 0))
ACTIVATION(leaky_relu, (tg_tensor x, double slope), true, tg_where(tg_gt(x, 0), x, tg_mul(slope, x)))
ACTIVATION(elu, (tg_tensor x, double alpha), true,
           tg_where(tg_le(x, 0), tg_mul(alpha, tg_expm1(tg_where(tg_le(x, 0), x, 0))), x))
ACTIVATION(selu, (tg_tensor x), true, tg_mul(selu_scale, tg_elu(x, selu_alpha)))
ACTIVATION(gelu, (tg_tensor x), true, gated(x, normal))
ACTIVATION(gelu_tanh, (tg_tensor x), true, gated(x, nearly_normal))
ACTIVATION(silu, (tg_tensor x), true, gated(x, tg_sigmoid))
ACTIVATION(mish, (tg_tensor x), true, gated(x, tanh_softplus))
ACTIVATION(hardtanh, (tg_tensor x, double low, double high), are_bounds(x.tape, "hardtanh", low, high),
           tg_where(tg_le(x, low), low, tg_where(tg_ge(x, high), high, x)))
