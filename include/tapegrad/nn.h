/* tapegrad/nn.h: activations, softmax, normalisations, dropout, bags of embeddings, attention. The losses are in tapegrad/loss.h.
 *
 * All have the names and definitions of PyTorch's functions; differences are given here. Operands are float32 or float64, all of
 * one dtype, which is the dtype of the result. All are differentiable to any order. Errors are as in tapegrad/ops.h, and
 * TG_ERR_ARGUMENT for a number that is out of range.
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

/* Values and derivatives are finite wherever their limits are, at infinite operands too. */

tg_tensor tg_softplus(tg_tensor x);  /* log(1 + e^x), for all x: without PyTorch's threshold */
tg_tensor tg_selu(tg_tensor x);      /* 1.0507... elu(x, 1.6732...), which keeps mean 0 and variance 1 */
tg_tensor tg_gelu(tg_tensor x);      /* x Phi(x), where Phi is the standard normal distribution function */
tg_tensor tg_gelu_tanh(tg_tensor x); /* an approximation: x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
tg_tensor tg_silu(tg_tensor x);      /* x sigmoid(x), also called swish */
tg_tensor tg_mish(tg_tensor x);      /* x tanh(softplus(x)) */

/* x where x > 0, else slope x. The gradient at 0 is the slope. PyTorch's default is 0.01. */
tg_tensor tg_leaky_relu(tg_tensor x, double slope);

/* x where x > 0, else alpha (e^x - 1). The gradient is alpha at 0, and 1 at NaN. PyTorch's default is 1. */
tg_tensor tg_elu(tg_tensor x, double alpha);

/* min(max(x, low), high). The gradient is 0 at the bounds, unlike that of tg_clamp, and 1 at NaN. PyTorch's defaults are -1 and 1.
 * TG_ERR_ARGUMENT unless low <= high. */
tg_tensor tg_hardtanh(tg_tensor x, double low, double high);

/* PyTorch's relu6, hardsigmoid and hardswish: tg_hardtanh(x, 0, 6); relu6(x + 3) / 6; x relu6(x + 3) / 6. The gradient is 0 at the
 * bounds, but 1 of hardswish at 3; at NaN it is as if there were no bounds. */
tg_tensor tg_relu6(tg_tensor x);
tg_tensor tg_hardsigmoid(tg_tensor x);
tg_tensor tg_hardswish(tg_tensor x);

tg_tensor tg_softsign(tg_tensor x);   /* x / (1 + |x|); -1 and 1 at infinity */
tg_tensor tg_logsigmoid(tg_tensor x); /* log(sigmoid(x)), for all x */
tg_tensor tg_tanhshrink(tg_tensor x); /* x - tanh(x) */

/* x where x > 0, else alpha (e^(x / alpha) - 1). alpha is above 0; PyTorch's default is 1. */
tg_tensor tg_celu(tg_tensor x, double alpha);

/* 0 where |x| <= lambda; elsewhere x, brought nearer to 0 by lambda, or as it is. The gradient is 0 at the bounds. lambda is at least
 * 0; PyTorch's default is 0.5. */
tg_tensor tg_softshrink(tg_tensor x, double lambda);
tg_tensor tg_hardshrink(tg_tensor x, double lambda);

/* x where x > threshold, or NaN; else the value. */
tg_tensor tg_threshold(tg_tensor x, double threshold, double value);

/* x where x > 0, else weight x: a leaky_relu whose slope is learned. The weight is one number, of shape () or (1), or one for each channel,
 * along axis 1. PyTorch's start with 0.25. */
tg_tensor tg_prelu(tg_tensor x, tg_tensor weight);

/* The first half of x along an axis times the sigmoid of the second one. PyTorch's default is -1. TG_ERR_SHAPE for an odd size. */
tg_tensor tg_glu(tg_tensor x, int axis);

#define tg_softplus(x) TG_CALL1(tg_softplus, x)
#define tg_selu(x) TG_CALL1(tg_selu, x)
#define tg_gelu(x) TG_CALL1(tg_gelu, x)
#define tg_gelu_tanh(x) TG_CALL1(tg_gelu_tanh, x)
#define tg_silu(x) TG_CALL1(tg_silu, x)
#define tg_mish(x) TG_CALL1(tg_mish, x)
#define tg_leaky_relu(x, ...) TG_CALL1_WITH(tg_leaky_relu, x, __VA_ARGS__)
#define tg_elu(x, ...) TG_CALL1_WITH(tg_elu, x, __VA_ARGS__)
#define tg_hardtanh(x, ...) TG_CALL1_WITH(tg_hardtanh, x, __VA_ARGS__)
#define tg_relu6(x) TG_CALL1(tg_relu6, x)
#define tg_hardsigmoid(x) TG_CALL1(tg_hardsigmoid, x)
#define tg_hardswish(x) TG_CALL1(tg_hardswish, x)
#define tg_softsign(x) TG_CALL1(tg_softsign, x)
#define tg_logsigmoid(x) TG_CALL1(tg_logsigmoid, x)
#define tg_tanhshrink(x) TG_CALL1(tg_tanhshrink, x)
#define tg_celu(x, ...) TG_CALL1_WITH(tg_celu, x, __VA_ARGS__)
#define tg_softshrink(x, ...) TG_CALL1_WITH(tg_softshrink, x, __VA_ARGS__)
#define tg_hardshrink(x, ...) TG_CALL1_WITH(tg_hardshrink, x, __VA_ARGS__)
#define tg_threshold(x, ...) TG_CALL1_WITH(tg_threshold, x, __VA_ARGS__)
#define tg_prelu(x, weight) TG_CALL2(tg_prelu, x, weight)
#define tg_glu(x, ...) TG_CALL1_WITH(tg_glu, x, __VA_ARGS__)

/* ---- softmax: along an axis; negative axes count from the end ------------------------------------------------------ */

/* e^x divided by its sum along the axis: probabilities that add up to 1. And the logarithm of that, which keeps the digits that
 * tg_log(tg_softmax(x, axis)) would lose. Neither overflows for large x, and neither do their derivatives. -inf gives a probability
 * of 0 and a gradient of 0. A slice that is all -inf, or that holds inf, gives NaN. The classes are often the last axis:
 * tg_softmax(x, -1). */
tg_tensor tg_softmax(tg_tensor x, int axis);
tg_tensor tg_log_softmax(tg_tensor x, int axis);

#define tg_softmax(x, ...) TG_CALL1_WITH(tg_softmax, x, __VA_ARGS__)
#define tg_log_softmax(x, ...) TG_CALL1_WITH(tg_log_softmax, x, __VA_ARGS__)

/* ---- normalisations ---------------------------------------------------------------------------------------------- */

/* All but tg_rms_norm compute (x - mean) / sqrt(variance + eps) * weight + bias, where the variance is the mean of (x - mean)^2,
 * without a correction. They differ in the axes that mean and variance are taken over. Two passes are made, so that the result is
 * right where the mean is large. For a single element the result is the bias (if eps is above 0). The result has the shape of x.
 * weight and bias are tensors of x's dtype, plain numbers, or TG_NONE. eps is at least 0 (TG_ERR_ARGUMENT). */

/* Over the last `axes` axes, at least one. Their sizes are the shape of weight and bias. PyTorch's eps is 1e-5. */
tg_tensor tg_layer_norm(tg_tensor x, int axes, tg_tensor weight, tg_tensor bias, double eps);

/* x / sqrt(mean of x^2 + eps) * weight, over the last `axes` axes as in tg_layer_norm. PyTorch's eps is FLT_EPSILON or DBL_EPSILON,
 * by the dtype. */
tg_tensor tg_rms_norm(tg_tensor x, int axes, tg_tensor weight, double eps);

/* x is (batch, channels, ...). Axis 1 is divided into `groups` groups of equal size, and each sample and group is normalised by
 * itself. weight and bias have one element per channel. With one channel per group it is instance normalisation. PyTorch's eps is
 * 1e-5. */
tg_tensor tg_group_norm(tg_tensor x, int64_t groups, tg_tensor weight, tg_tensor bias, double eps);

/* Over all axes but axis 1, the channels. The other four tensors have one element per channel; `mean` and `variance` are the
 * running statistics.
 *   training: mean and variance are computed from x, and gradients flow through them. The running statistics are inputs or
 *   parameters of the tape, or TG_NONE both. They are then overwritten, as by tg_assign:
 *       running <- (1 - momentum) running + momentum new
 *   where the new variance is divided by n - 1 instead of n. TG_ERR_SHAPE if n, the number of elements per channel, is 1. If n is
 *   0 nothing is overwritten.
 *   evaluation (training is false): mean and variance are the running statistics, through which no gradient flows.
 * momentum is between 0 and 1. PyTorch's momentum is 0.1, its eps 1e-5, and its running statistics begin with 0 and 1. */
tg_tensor tg_batch_norm(tg_tensor x, tg_tensor mean, tg_tensor variance, tg_tensor weight, tg_tensor bias, bool training,
                        double momentum, double eps);

/* Over all axes after axis 1, for each sample and channel by itself: x is (batch, channels, ...) with three axes at least. The other operands,
 * momentum and eps are those of tg_batch_norm; the running statistics move towards the means of those of the samples. With
 * use_input_stats, PyTorch's default, they may be TG_NONE, and TG_ERR_SHAPE if there is 1 element to take the statistics over; without,
 * mean and variance are the running ones, as in an evaluation. */
tg_tensor tg_instance_norm(tg_tensor x, tg_tensor mean, tg_tensor variance, tg_tensor weight, tg_tensor bias,
                           bool use_input_stats, double momentum, double eps);

/* x / (k + alpha mean)^beta, where the mean is that of the squares of `size` neighbours along axis 1, size / 2 of them before: what is
 * beyond the first or the last channel counts as 0. x has three axes at least. PyTorch's defaults are 1e-4, 0.75 and 1. Where squares
 * overflow, beyond 1e19 in float32 and 1e154 in float64, the result is 0, as in PyTorch. */
tg_tensor tg_local_response_norm(tg_tensor x, int64_t size, double alpha, double beta, double k);

static inline tg_tensor tgi_layer_norm(tg_tensor x, tg_tensor weight, tg_tensor bias, int axes, double eps) {
    return tg_layer_norm(x, axes, weight, bias, eps);
}
static inline tg_tensor tgi_rms_norm(tg_tensor x, tg_tensor weight, int axes, double eps) {
    return tg_rms_norm(x, axes, weight, eps);
}
static inline tg_tensor tgi_group_norm(tg_tensor x, tg_tensor weight, tg_tensor bias, int64_t groups, double eps) {
    return tg_group_norm(x, groups, weight, bias, eps);
}
#define tg_layer_norm(x, axes, weight, bias, ...) TG_CALL3_WITH(tgi_layer_norm, x, weight, bias, axes, __VA_ARGS__)
#define tg_rms_norm(x, axes, weight, ...) TG_CALL2_WITH(tgi_rms_norm, x, weight, axes, __VA_ARGS__)
#define tg_group_norm(x, groups, weight, bias, ...) TG_CALL3_WITH(tgi_group_norm, x, weight, bias, groups, __VA_ARGS__)
#define tg_batch_norm(x, mean, variance, weight, bias, ...) \
    TG_CALL5_WITH(tg_batch_norm, x, mean, variance, weight, bias, __VA_ARGS__)
#define tg_instance_norm(x, mean, variance, weight, bias, ...) \
    TG_CALL5_WITH(tg_instance_norm, x, mean, variance, weight, bias, __VA_ARGS__)
#define tg_local_response_norm(x, ...) TG_CALL1_WITH(tg_local_response_norm, x, __VA_ARGS__)

/* ---- dropout ----------------------------------------------------------------------------------------------------- */

/* In training, each element of x becomes 0 with probability p, between 0 and 1, and the others are divided by 1 - p. In evaluation
 * (training is false), and for p = 0, the result is x itself. An infinity or a NaN that is dropped gives NaN.
 *
 * The elements to drop are drawn again in each run, from the tape's generator, in the order of the instructions. Gradients use what
 * was drawn in the same run. After tg_seed the draws are those of PyTorch for a contiguous x on the CPU after torch.manual_seed.
 * tg_seed takes effect at once, so that the runs after it can be repeated. A rewind does not reset the generator. */
tg_tensor tg_dropout(tg_tensor x, double p, bool training);

/* The same for whole channels: each is dropped, or kept, in each sample. x is (N, C, L), (N, C, H, W) or (N, C, D, H, W), or that without
 * N (where PyTorch's dropout2d takes three axes for (N, C, L)). */
tg_tensor tg_dropout1d(tg_tensor x, double p, bool training);
tg_tensor tg_dropout2d(tg_tensor x, double p, bool training);
tg_tensor tg_dropout3d(tg_tensor x, double p, bool training);

/* Dropout after tg_selu: an element that is dropped becomes -1.7580993, where selu ends; then all are scaled and shifted so that mean 0 and
 * variance 1 stay what they are. All dropped, with p = 1, gives 0. */
tg_tensor tg_alpha_dropout(tg_tensor x, double p, bool training);

#define tg_dropout(x, ...) TG_CALL1_WITH(tg_dropout, x, __VA_ARGS__)
#define tg_dropout1d(x, ...) TG_CALL1_WITH(tg_dropout1d, x, __VA_ARGS__)
#define tg_dropout2d(x, ...) TG_CALL1_WITH(tg_dropout2d, x, __VA_ARGS__)
#define tg_dropout3d(x, ...) TG_CALL1_WITH(tg_dropout3d, x, __VA_ARGS__)
#define tg_alpha_dropout(x, ...) TG_CALL1_WITH(tg_alpha_dropout, x, __VA_ARGS__)

/* ---- products, bags of embeddings -------------------------------------------------------------------------------- */

/* y[k] = bias[k] + sum over i, j of a[i] weight[k][i][j] b[j], along the last axes: for a (..., n), b (..., m), whose other axes are the
 * same, and a weight (o, n, m) the result is (..., o). bias is (o), or TG_NONE. */
tg_tensor tg_bilinear(tg_tensor a, tg_tensor b, tg_tensor weight, tg_tensor bias);

typedef enum tg_bag_mode { TG_BAG_MEAN, TG_BAG_SUM, TG_BAG_MAX } tg_bag_mode;

/* NULL instead of the options means all 0, which are PyTorch's defaults. */
typedef struct tg_bag_options {
    tg_bag_mode mode;
    tg_tensor   per_sample_weights;  /* what each row is multiplied by, in the shape of the indices; for sums only */
    bool        include_last_offset; /* the last offset is the number of indices, and begins no bag */
    bool        has_padding;         /* whether padding is used */
    int64_t     padding;             /* an index that counts as not being there */
} tg_bag_options;

/* The means, the sums or the largest elements of rows of the weight (count, size), bag by bag. index is int64: (bags, n), a bag in each
 * row, with TG_NONE for the offsets; or (n), and then offsets is int64 (bags), where each bag begins: 0 first, and none smaller than the one
 * before it. The result is (bags, size). An empty bag gives 0. Several rows that are equally large share the gradient. An index that is
 * out of range fails the run with TG_ERR_INDEX, and so do offsets that begin above 0. */
tg_tensor tg_embedding_bag(tg_tensor index, tg_tensor weight, tg_tensor offsets, const tg_bag_options *options);

#define tg_bilinear(a, b, weight, bias) TG_CALL4(tg_bilinear, a, b, weight, bias)
#define tg_embedding_bag(index, weight, offsets, ...) TG_CALL3_WITH(tg_embedding_bag, index, weight, offsets, __VA_ARGS__)

/* ---- attention --------------------------------------------------------------------------------------------------- */

/* Every member may be 0; NULL instead of the options means all 0. */
typedef struct tg_attention_options {
    double scale;   /* of the scores; 0 means 1 / sqrt(d) */
    double dropout; /* the probability that a weight is dropped, as by tg_dropout in training */
    bool   causal;  /* query i attends to keys 0, ..., i only, counted from the first key even if l and s differ */
} tg_attention_options;

/* softmax(scale q k^T) v: for queries q (..., l, d), keys k (..., s, d) and values v (..., s, e) the result is (..., l, e). The
 * leading axes broadcast. The mask broadcasts to (..., l, s): a bool mask is true where a query attends to a key; a mask of the
 * dtype of q is added to the scores; TG_NONE is no mask. A query that attends to no key gives 0, with a gradient of 0. */
tg_tensor tg_scaled_dot_product_attention(tg_tensor q, tg_tensor k, tg_tensor v, tg_tensor mask,
                                          const tg_attention_options *options);

#define tg_scaled_dot_product_attention(q, k, v, mask, ...) \
    TG_CALL4_WITH(tg_scaled_dot_product_attention, q, k, v, mask, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
