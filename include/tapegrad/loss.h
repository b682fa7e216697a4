/* tapegrad/loss.h: losses, which say by how much a prediction misses its target.
 *
 * All have PyTorch's definitions, names and defaults, and are differentiable to any order, for predictions, targets and weights
 * alike. Predictions are float32 or float64; targets have their dtype, or are int64 where they are classes. A plain number may
 * stand for a target.
 *
 * The last argument says how: what becomes of the losses of all elements, for most; a struct of options where there is more
 * to choose. NULL instead of the options, and every member that is left out of them, means PyTorch's default:
 *     tg_mse_loss(y, target, TG_REDUCE_MEAN)
 *     tg_cross_entropy(logits, classes, NULL)
 *     tg_cross_entropy(logits, classes, &(tg_class_options){.label_smoothing = 0.1, .weight = w})
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_LOSS_H
#define TAPEGRAD_LOSS_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What becomes of the losses: their mean (NaN of none), their sum, the losses themselves, or their sum divided by the size of
 * their first axis, which is the mean over a batch. */
typedef enum tg_reduction { TG_REDUCE_MEAN, TG_REDUCE_SUM, TG_REDUCE_NONE, TG_REDUCE_BATCH_MEAN } tg_reduction;

/* ---- of numbers: elementwise in d = x - target; the two broadcast -------------------------------------------------- */

tg_tensor tg_mse_loss(tg_tensor x, tg_tensor target, tg_reduction reduction); /* d^2 */
tg_tensor tg_l1_loss(tg_tensor x, tg_tensor target, tg_reduction reduction);  /* |d|; gradient 0 at 0 */

/* d^2 / 2 where |d| is at most delta, else delta (|d| - delta / 2). PyTorch's delta is 1; it must be above 0. */
tg_tensor tg_huber_loss(tg_tensor x, tg_tensor target, double delta, tg_reduction reduction);

/* The same with beta for delta, divided by beta: d^2 / (2 beta), else |d| - beta / 2. PyTorch's beta is 1; for 0 it is
 * tg_l1_loss, and it must not be below. */
tg_tensor tg_smooth_l1_loss(tg_tensor x, tg_tensor target, double beta, tg_reduction reduction);

#define tg_mse_loss(x, target, ...) TGI_CALL2_WITH(tg_mse_loss, x, target, __VA_ARGS__)
#define tg_l1_loss(x, target, ...) TGI_CALL2_WITH(tg_l1_loss, x, target, __VA_ARGS__)
#define tg_huber_loss(x, target, ...) TGI_CALL2_WITH(tg_huber_loss, x, target, __VA_ARGS__)
#define tg_smooth_l1_loss(x, target, ...) TGI_CALL2_WITH(tg_smooth_l1_loss, x, target, __VA_ARGS__)

/* ---- of yes and no: elementwise, the target being the probability of yes; the two broadcast ------------------------- */

typedef struct tg_bce_options {
    tg_reduction reduction;
    tg_tensor    weight;     /* of each loss: broadcasts to their shape. The mean is divided by their number all the same */
    tg_tensor    pos_weight; /* of the part that is for yes. tg_bce_with_logits_loss only */
} tg_bce_options;

/* -(target log p + (1 - target) log(1 - p)) of a probability p; NaN where it is none. As in PyTorch each logarithm is at least
 * -100, and the gradient for p is (p - target) / p (1 - p) with a denominator of at least 1e-12: all is finite at 0 and 1. */
tg_tensor tg_bce_loss(tg_tensor p, tg_tensor target, const tg_bce_options *options);

/* The same of p = sigmoid(z), without the clamps: right for z of any size, and cheaper. With pos_weight,
 * -(pos_weight target log p + (1 - target) log(1 - p)). */
tg_tensor tg_bce_with_logits_loss(tg_tensor z, tg_tensor target, const tg_bce_options *options);

#define tg_bce_loss(p, target, ...) TGI_CALL2_WITH(tg_bce_loss, p, target, __VA_ARGS__)
#define tg_bce_with_logits_loss(z, target, ...) TGI_CALL2_WITH(tg_bce_with_logits_loss, z, target, __VA_ARGS__)

/* ---- of classes: axis 1 of x, or axis 0 of a vector -------------------------------------------------------------- */

/* x is (N, C), (N, C, d1, ...) or (C) for C classes. Classes are int64, counted from 0, in the shape of x without the axis of
 * classes: (N), (N, d1, ...) or (). The losses have that shape too. A class that is out of range is an error of the
 * run, which names it. */
typedef struct tg_class_options {
    tg_reduction reduction;
    tg_tensor    weight;           /* of each class, (C). The mean is then divided by the sum of the weights of the targets */
    double       label_smoothing;  /* 0 to 1: so much of the target goes to all classes evenly. tg_cross_entropy only */
    bool         has_ignore_index; /* whether the next member counts; else it is -100, as in PyTorch */
    int64_t      ignore_index;     /* this class has the loss 0, and is left out of the mean. Not with probabilities */
} tg_class_options;

/* -x[class]: the negative log likelihood, for x the logarithms of probabilities, as tg_log_softmax gives them. */
tg_tensor tg_nll_loss(tg_tensor log_p, tg_tensor classes, const tg_class_options *options);

/* The same of log_p = tg_log_softmax(logits), in fewer instructions. The target may also be probabilities, in the shape and dtype
 * of the logits: then it is the sum over the classes of -weight target log_p, and the mean that over all such sums. */
tg_tensor tg_cross_entropy(tg_tensor logits, tg_tensor target, const tg_class_options *options);

#define tg_nll_loss(log_p, classes, ...) TGI_CALL2_WITH(tg_nll_loss, log_p, classes, __VA_ARGS__)
#define tg_cross_entropy(logits, target, ...) TGI_CALL2_WITH(tg_cross_entropy, logits, target, __VA_ARGS__)

/* ---- of distributions, of directions ----------------------------------------------------------------------------- */

/* The Kullback-Leibler divergence from log_p to the target, elementwise: target (log target - log_p), 0 where the target is 0; or,
 * where the target is given by its logarithm too, e^target (target - log_p). The two broadcast. For what mathematics calls by
 * that name take TG_REDUCE_BATCH_MEAN, or the sum. The gradient for a target of 0 is -log_p. */
tg_tensor tg_kl_div(tg_tensor log_p, tg_tensor target, bool log_target, tg_reduction reduction);

/* The cosine of the angle between a and b along an axis, which goes: their product, divided by the Euclidean norms, each of which
 * counts as eps at least. The two broadcast. PyTorch's eps is 1e-8, and its axis 1. For a zero vector it is 0, with the gradient
 * that the formula has there: b / (eps |b|) for a. eps^2 must be above 0 in the dtype, or zero vectors give NaN. */
tg_tensor tg_cosine_similarity(tg_tensor a, tg_tensor b, int axis, double eps);

#define tg_kl_div(log_p, target, ...) TGI_CALL2_WITH(tg_kl_div, log_p, target, __VA_ARGS__)
#define tg_cosine_similarity(a, b, ...) TGI_CALL2_WITH(tg_cosine_similarity, a, b, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
