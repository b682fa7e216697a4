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
/* ---- normalisations ---------------------------------------------------------------------------------------------- */

/* All but tg_rms_norm give (x - mean) / sqrt(variance + eps) * weight + bias; they differ in what the mean and the variance
 * (the mean square of x - mean, without a correction) are taken over. It is computed in two passes, and right where the mean is
 * large. Of one element the result is the bias (for eps above 0). weight and bias are tensors of x's dtype, plain numbers, or
 * TG_NONE. eps is at least 0. */

/* Over the last `axes` axes, at least one, whose sizes are the shape of weight and bias. PyTorch's eps is 1e-5. */
tg_tensor tg_layer_norm(tg_tensor x, int axes, tg_tensor weight, tg_tensor bias, double eps);

/* x / sqrt(mean square + eps) * weight, over the last `axes` axes, as tg_layer_norm. PyTorch's eps is the distance from 1 to
 * the next number of the dtype: FLT_EPSILON, DBL_EPSILON. */
tg_tensor tg_rms_norm(tg_tensor x, int axes, tg_tensor weight, double eps);

/* Over all but the first axis, but only so many channels at a time: axis 1 is divided into `groups` parts of the same size. x
 * has at least two axes, (batch, channels, ...); weight and bias have one element a channel. As many groups as channels is what
 * is called instance normalisation. PyTorch's eps is 1e-5. */
tg_tensor tg_group_norm(tg_tensor x, int64_t groups, tg_tensor weight, tg_tensor bias, double eps);

/* Over all axes but axis 1, the channels; the last four tensors have one element a channel.
 *   training: mean and variance are those of x, so that each element of x has a gradient through them too. The running ones, inputs
 *   or parameters of the tape, are overwritten where this is recorded, as by tg_assign: running <- (1 - momentum) running + momentum
 *   new, where the new variance is divided by n - 1 instead of n. Both may be TG_NONE. TG_ERR_SHAPE where n, the number of
 *   elements a channel, is 1; where it is 0 nothing is overwritten.
 *   evaluation: mean and variance are the running ones, through which no gradient flows.
 * PyTorch's momentum, between 0 and 1, is 0.1, its eps 1e-5, and its running statistics begin with 0 and 1. */
tg_tensor tg_batch_norm(tg_tensor x, tg_tensor mean, tg_tensor variance, tg_tensor weight, tg_tensor bias, bool training,
                        double momentum, double eps);

static inline tg_tensor tgi_layer_norm(tg_tensor x, tg_tensor weight, tg_tensor bias, int axes, double eps) {
    return tg_layer_norm(x, axes, weight, bias, eps);
}
static inline tg_tensor tgi_rms_norm(tg_tensor x, tg_tensor weight, int axes, double eps) {
    return tg_rms_norm(x, axes, weight, eps);
}
static inline tg_tensor tgi_group_norm(tg_tensor x, tg_tensor weight, tg_tensor bias, int64_t groups, double eps) {
    return tg_group_norm(x, groups, weight, bias, eps);
}
#define tg_layer_norm(x, axes, weight, bias, ...) TGI_CALL3_WITH(tgi_layer_norm, x, weight, bias, axes, __VA_ARGS__)
#define tg_rms_norm(x, axes, weight, ...) TGI_CALL2_WITH(tgi_rms_norm, x, weight, axes, __VA_ARGS__)
#define tg_group_norm(x, groups, weight, bias, ...) TGI_CALL3_WITH(tgi_group_norm, x, weight, bias, groups, __VA_ARGS__)
#define tg_batch_norm(x, mean, variance, weight, bias, ...) \
    TGI_CALL5_WITH(tg_batch_norm, x, mean, variance, weight, bias, __VA_ARGS__)

/* ---- dropout ----------------------------------------------------------------------------------------------------- */

/* In training: each element of x becomes 0 with probability p, between 0 and 1, and the others are divided by 1 - p. In evaluation,
 * and for p = 0: x itself. Which ones are dropped is drawn anew in each run from the tape's generator, where the call stands, by
 * each call for itself; gradients see what their run drew. After the same tg_seed it is what PyTorch draws for a contiguous x on
 * the CPU after torch.manual_seed. tg_seed takes effect at once, so it makes the runs behind it repeatable; a rewind does not
 * give back what was drawn. Infinity and NaN times 0 are NaN. */
tg_tensor tg_dropout(tg_tensor x, double p, bool training);

#define tg_dropout(x, ...) TGI_CALL1_WITH(tg_dropout, x, __VA_ARGS__)

/* ---- attention --------------------------------------------------------------------------------------------------- */

/* What may be left at 0, all of it by NULL for the whole. */
typedef struct tg_attention_options {
    double scale;   /* of the scores; 0 is 1 / sqrt(d) */
    double dropout; /* the probability of each weight to be dropped, as by tg_dropout in training */
    bool   causal;  /* query i takes part in keys 0, ..., i only, the first key being 0 however many there are */
} tg_attention_options;

/* Of queries (..., l, d), keys (..., s, d) and values (..., s, e) the means of the values, (..., l, e), weighted for each query
 * with softmax(scale q k^T) over the keys. The axes in front broadcast. The mask broadcasts to (..., l, s): a bool one is true
 * where a key takes part, one of the dtype of the others is added to the scores, and TG_NONE is none. A query for which the
 * mask, or what it leaves of a causal one, lets no key take part gives 0, and has no gradient. */
tg_tensor tg_scaled_dot_product_attention(tg_tensor q, tg_tensor k, tg_tensor v, tg_tensor mask,
                                          const tg_attention_options *options);

#define tg_scaled_dot_product_attention(q, k, v, mask, ...) \
    TGI_CALL4_WITH(tg_scaled_dot_product_attention, q, k, v, mask, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
