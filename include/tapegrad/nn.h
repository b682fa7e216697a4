/* tapegrad/nn.h: the functions of neural networks.
 *
 * All are formulas of tapegrad/ops.h, recorded in one call, and are PyTorch's of the same name. What is said there holds here:
 * operands are float32 or float64, and all are differentiable to any order. The losses are in tapegrad/loss.h.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_NN_H
#define TAPEGRAD_NN_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- activations: elementwise (tg_relu, tg_sigmoid and tg_tanh are in tapegrad/ops.h) ----------------------------- */

/* Values and derivatives are finite wherever the true ones are, at infinite operands too. */

tg_tensor tg_softplus(tg_tensor x);  /* log(1 + e^x), for all x: without PyTorch's threshold */
tg_tensor tg_selu(tg_tensor x);      /* 1.0507... tg_elu(x, 1.6732...), which keeps mean 0 and variance 1 */
tg_tensor tg_gelu(tg_tensor x);      /* x Phi(x), with Phi the normal distribution */
tg_tensor tg_gelu_tanh(tg_tensor x); /* nearly the same: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
tg_tensor tg_silu(tg_tensor x);      /* x sigmoid(x), also called swish */
tg_tensor tg_mish(tg_tensor x);      /* x tanh(softplus(x)) */

/* x where it is above 0, else slope x; the gradient at 0 is the slope. PyTorch's slope is 0.01. */
tg_tensor tg_leaky_relu(tg_tensor x, double slope);

/* x where it is above 0, else alpha (e^x - 1); the gradient is alpha at 0, 1 at NaN. PyTorch's alpha is 1. */
tg_tensor tg_elu(tg_tensor x, double alpha);

/* x between the bounds, else the bound that it is beyond. The gradient is 0 at the bounds too, unlike tg_clamp's, and 1 at NaN.
 * PyTorch's bounds are -1 and 1. TG_ERR_ARGUMENT where low is not at most high. */
tg_tensor tg_hardtanh(tg_tensor x, double low, double high);

#define tg_softplus(x) TGI_CALL1(tg_softplus, x)
#define tg_selu(x) TGI_CALL1(tg_selu, x)
#define tg_gelu(x) TGI_CALL1(tg_gelu, x)
#define tg_gelu_tanh(x) TGI_CALL1(tg_gelu_tanh, x)
#define tg_silu(x) TGI_CALL1(tg_silu, x)
#define tg_mish(x) TGI_CALL1(tg_mish, x)
#define tg_leaky_relu(x, ...) TGI_CALL1_WITH(tg_leaky_relu, x, __VA_ARGS__)
#define tg_elu(x, ...) TGI_CALL1_WITH(tg_elu, x, __VA_ARGS__)
#define tg_hardtanh(x, ...) TGI_CALL1_WITH(tg_hardtanh, x, __VA_ARGS__)

/* ---- softmax: along an axis, a negative one counting from the end -------------------------------------------------- */

/* e^x, divided by its sum along the axis: probabilities, which add up to 1. And its logarithm, which keeps the digits that
 * tg_log(tg_softmax(x, axis)) would lose. Neither overflows, and their derivatives do not, however large x is. -inf gives a
 * probability of 0, and with it gradients of 0; a slice all of -inf, or with inf in it, gives NaN. Classes are the last axis
 * more often than not: tg_softmax(x, -1). */
tg_tensor tg_softmax(tg_tensor x, int axis);
tg_tensor tg_log_softmax(tg_tensor x, int axis);

#define tg_softmax(x, ...) TGI_CALL1_WITH(tg_softmax, x, __VA_ARGS__)
#define tg_log_softmax(x, ...) TGI_CALL1_WITH(tg_log_softmax, x, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
