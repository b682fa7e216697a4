/* tapegrad/loss.h: losses: measures of how far predictions are from their targets.
 *
 * All have PyTorch's names, definitions and defaults, and are differentiable to any order, for predictions, targets and weights.
 * Predictions are float32 or float64. Targets have the same dtype, or are int64 where they are classes. A plain number may be
 * a target. Errors are as in tapegrad/ops.h, and TG_ERR_ARGUMENT for an option that is out of range.
 *
 * The last argument is the reduction, or a struct of options where there is more to choose. NULL for the options, and a member that
 * is left out of them, mean PyTorch's default; a weight that is left out, or TG_NONE, is no weight:
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

/* What is returned: the mean of the losses of all elements (NaN for no elements), their sum, the losses themselves, or their sum
 * divided by the size of their first axis, which is the mean over a batch. */
typedef enum tg_reduction { TG_REDUCE_MEAN, TG_REDUCE_SUM, TG_REDUCE_NONE, TG_REDUCE_BATCH_MEAN } tg_reduction;

/* ---- regression: elementwise, with d = x - target; x and target broadcast ------------------------------------------ */

tg_tensor tg_mse_loss(tg_tensor x, tg_tensor target, tg_reduction reduction); /* d^2 */
tg_tensor tg_l1_loss(tg_tensor x, tg_tensor target, tg_reduction reduction);  /* |d|; gradient 0 at 0 */

/* d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2). delta is above 0; PyTorch's default is 1. */
tg_tensor tg_huber_loss(tg_tensor x, tg_tensor target, double delta, tg_reduction reduction);

/* d^2 / (2 beta) where |d| < beta, else |d| - beta / 2. beta is at least 0, and for 0 it is tg_l1_loss. PyTorch's beta is 1. */
tg_tensor tg_smooth_l1_loss(tg_tensor x, tg_tensor target, double beta, tg_reduction reduction);

#define tg_mse_loss(x, target, ...) TG_CALL2_WITH(tg_mse_loss, x, target, __VA_ARGS__)
#define tg_l1_loss(x, target, ...) TG_CALL2_WITH(tg_l1_loss, x, target, __VA_ARGS__)
#define tg_huber_loss(x, target, ...) TG_CALL2_WITH(tg_huber_loss, x, target, __VA_ARGS__)
#define tg_smooth_l1_loss(x, target, ...) TG_CALL2_WITH(tg_smooth_l1_loss, x, target, __VA_ARGS__)

/* ---- two classes: elementwise; the target is the probability of the positive class; the operands broadcast ----------- */

typedef struct tg_bce_options {
    tg_reduction reduction;
    tg_tensor    weight;     /* of each loss; broadcasts to their shape. The mean still divides by the number of losses */
    tg_tensor    pos_weight; /* of the positive class; for tg_bce_with_logits_loss only */
} tg_bce_options;

/* -(target log p + (1 - target) log(1 - p)) for a probability p; NaN for a p outside [0, 1]. As in PyTorch a logarithm below -100
 * counts as -100, and the gradient for p is (p - target) / (p (1 - p)) with a denominator of at least 1e-12, so that both are
 * finite at 0 and 1. */
tg_tensor tg_bce_loss(tg_tensor p, tg_tensor target, const tg_bce_options *options);

/* The same for p = sigmoid(z), without these limits: right for z of any size, infinite ones too, with all digits of a small loss.
 * With pos_weight it is -(pos_weight target log p + (1 - target) log(1 - p)). A side that counts for 0 costs 0. */
tg_tensor tg_bce_with_logits_loss(tg_tensor z, tg_tensor target, const tg_bce_options *options);

#define tg_bce_loss(p, target, ...) TG_CALL2_WITH(tg_bce_loss, p, target, __VA_ARGS__)
#define tg_bce_with_logits_loss(z, target, ...) TG_CALL2_WITH(tg_bce_with_logits_loss, z, target, __VA_ARGS__)

/* ---- many classes: axis 1 of x, or axis 0 of a vector ------------------------------------------------------------ */

/* x is (N, C), (N, C, d1, ...) or (C) for C classes. The target is int64 and counts classes from 0. Its shape is that of x without
 * the axis of classes: (N), (N, d1, ...) or (). The losses have that shape too. A class that is out of range makes the run fail
 * with TG_ERR_INDEX and an error that names it. */
typedef struct tg_class_options {
    tg_reduction reduction;
    tg_tensor    weight;           /* of each class, (C). The mean then divides by the sum of the weights of the targets */
    double       label_smoothing;  /* 0 to 1: this part of the target is divided among all classes; tg_cross_entropy only */
    bool         has_ignore_index; /* whether ignore_index is used; else it is -100, as in PyTorch */
    int64_t      ignore_index;     /* a target of this class has loss 0 and is left out of the mean; not for probabilities */
} tg_class_options;

/* -log_p[class]: the negative log likelihood. log_p are logarithms of probabilities, as from tg_log_softmax. */
tg_tensor tg_nll_loss(tg_tensor log_p, tg_tensor classes, const tg_class_options *options);

/* The same for log_p = tg_log_softmax(logits, 1), in fewer instructions. The target may also be probabilities, in the shape and
 * dtype of the logits: then a loss is the sum over the classes of -weight target log_p, 0 for a target or a weight of 0, and the
 * mean divides by the number of losses. */
tg_tensor tg_cross_entropy(tg_tensor logits, tg_tensor target, const tg_class_options *options);

#define tg_nll_loss(log_p, classes, ...) TG_CALL2_WITH(tg_nll_loss, log_p, classes, __VA_ARGS__)
#define tg_cross_entropy(logits, target, ...) TG_CALL2_WITH(tg_cross_entropy, logits, target, __VA_ARGS__)

/* ---- sequences --------------------------------------------------------------------------------------------------- */

/* NULL instead of the options means all 0, which are PyTorch's defaults. */
typedef struct tg_ctc_options {
    int64_t      blank;         /* the class that is no label */
    tg_reduction reduction;     /* the mean is of the losses divided by the lengths of their targets, at least 1 */
    bool         zero_infinity; /* a loss that is infinite counts as 0, with a gradient of 0 */
} tg_ctc_options;

/* Connectionist temporal classification: -log of the probability of a row of labels, of which it is not known where they are. log_p (T, N, C)
 * are logarithms of probabilities of C classes in T steps, for N samples, as from tg_log_softmax. targets (N, S) are int64, labels that are
 * not the blank. The lengths are int64, one for each sample, or one for all, or TG_NONE, which means T and S: how many of the steps, and of
 * the labels, are a sample's own. Input lengths are from 1 to T, target lengths from 0 to S; what lies beyond them is not looked at. For a
 * single sample log_p is (T, C), and targets (S). The losses have the shape (N), or (). A label or a length that is out of range makes
 * the run fail with TG_ERR_INDEX. Where the labels do not go into the steps the loss is infinite, with a gradient of 0.
 *
 * Differentiable to any order: the steps are ordinary instructions, about ten each. The gradient is that for log_p; PyTorch adds e^log_p
 * to it, which makes no difference before a log_softmax. */
tg_tensor tg_ctc_loss(tg_tensor log_p, tg_tensor targets, tg_tensor input_lengths, tg_tensor target_lengths,
                      const tg_ctc_options *options);

#define tg_ctc_loss(log_p, targets, input_lengths, target_lengths, ...) \
    TG_CALL4_WITH(tg_ctc_loss, log_p, targets, input_lengths, target_lengths, __VA_ARGS__)

/* ---- distributions and directions -------------------------------------------------------------------------------- */

/* The Kullback-Leibler divergence, elementwise: target (log target - log_p), and 0 where the target is 0, whatever log_p is but NaN.
 * With log_target the target is a logarithm too: e^target (target - log_p). The operands broadcast. The divergence of mathematics is
 * the sum, or TG_REDUCE_BATCH_MEAN for a batch. The gradient for a target of 0 is -log_p. */
tg_tensor tg_kl_div(tg_tensor log_p, tg_tensor target, bool log_target, tg_reduction reduction);

/* Of a number of events, of which the mean was predicted, x, or with log_input, PyTorch's default, its logarithm: e^x - target x, or
 * x - target log(x + eps), elementwise. `full` adds Stirling's approximation of log(target!) where the target is above 1: target log target
 * - target + log(2 pi target) / 2. eps is at least 0; PyTorch's is 1e-8. */
tg_tensor tg_poisson_nll_loss(tg_tensor x, tg_tensor target, bool log_input, bool full, double eps, tg_reduction reduction);

/* Of a target whose mean and variance were predicted: (log v + (x - target)^2 / v) / 2 for v = max(variance, eps), elementwise; the operands
 * broadcast. `full` adds log(2 pi) / 2. As in PyTorch the gradient for a variance below eps is that of v. eps is above 0; PyTorch's
 * is 1e-6. */
tg_tensor tg_gaussian_nll_loss(tg_tensor x, tg_tensor target, tg_tensor variance, bool full, double eps,
                               tg_reduction reduction);

/* The cosine of the angle between a and b along an axis, which is removed: a . b / (max(|a|, eps) max(|b|, eps)). The operands
 * broadcast. PyTorch's eps is 1e-8, and its axis 1. For a zero vector a it is 0, and the gradient for a is b / (eps |b|); for
 * an eps of 0 they are NaN. The squares of a and b may overflow or underflow. */
tg_tensor tg_cosine_similarity(tg_tensor a, tg_tensor b, int axis, double eps);

/* The p-norm of a - b + eps along the last axis, which stays with keepdim. The operands broadcast. p is 0 to INFINITY, as in tg_norm; PyTorch's
 * defaults are 2, 1e-6 and false. */
tg_tensor tg_pairwise_distance(tg_tensor a, tg_tensor b, double p, double eps, bool keepdim);

/* The distances of all pairs: of points a (..., n, m) and b (..., k, m) the p-norms of a[i] - b[j], (..., n, k). The axes before the last two
 * broadcast. The gradient of a distance of 0 is 0; for p = INFINITY the coordinates that are equally far apart share it. The
 * differences themselves are computed, not products, so that small distances are right. PyTorch's p is 2. */
tg_tensor tg_cdist(tg_tensor a, tg_tensor b, double p);

#define tg_poisson_nll_loss(x, target, ...) TG_CALL2_WITH(tg_poisson_nll_loss, x, target, __VA_ARGS__)
#define tg_gaussian_nll_loss(x, target, variance, ...) TG_CALL3_WITH(tg_gaussian_nll_loss, x, target, variance, __VA_ARGS__)
#define tg_kl_div(log_p, target, ...) TG_CALL2_WITH(tg_kl_div, log_p, target, __VA_ARGS__)
#define tg_cosine_similarity(a, b, ...) TG_CALL2_WITH(tg_cosine_similarity, a, b, __VA_ARGS__)
#define tg_pairwise_distance(a, b, ...) TG_CALL2_WITH(tg_pairwise_distance, a, b, __VA_ARGS__)
#define tg_cdist(a, b, ...) TG_CALL2_WITH(tg_cdist, a, b, __VA_ARGS__)

/* ---- margins: losses that are 0 once a margin is kept; targets are 1 or -1 ------------------------------------------- */

/* Elementwise; the operands broadcast. A margin is any number. The gradient is 0 where just nothing is missing.
 *     margin_ranking_loss   max(0, margin - target (a - b)); PyTorch's margin is 0
 *     hinge_embedding_loss  x for a target of 1, max(0, margin - x) for -1, both for any other; PyTorch's margin is 1. The target may
 *                           be int64
 *     soft_margin_loss      log(1 + e^(-target x)), for all x */
tg_tensor tg_margin_ranking_loss(tg_tensor a, tg_tensor b, tg_tensor target, double margin, tg_reduction reduction);
tg_tensor tg_hinge_embedding_loss(tg_tensor x, tg_tensor target, double margin, tg_reduction reduction);
tg_tensor tg_soft_margin_loss(tg_tensor x, tg_tensor target, tg_reduction reduction);

/* The mean along the last axis, of the classes, of tg_bce_with_logits_loss: targets are 0 to 1. The weight broadcasts, or is TG_NONE. */
tg_tensor tg_multilabel_soft_margin_loss(tg_tensor x, tg_tensor target, tg_tensor weight, tg_reduction reduction);

/* For a cosine c of a and b along the last axis, 1 - c where the target is 1, max(0, c - margin) where it is -1, else 0. The operands
 * broadcast; the target has the shape of the losses, or is one number, and may be int64. PyTorch's margin is 0. 1e-12 is added to the squares
 * of the norms. */
tg_tensor tg_cosine_embedding_loss(tg_tensor a, tg_tensor b, tg_tensor target, double margin, tg_reduction reduction);

/* max(0, d(anchor, positive) - d(anchor, negative) + margin), for d = tg_pairwise_distance(..., p, eps, false); with `swap` the second distance
 * is the smaller one of that and d(positive, negative). The operands broadcast. The margin is above 0. PyTorch's defaults are 1, 2, 1e-6
 * and false. */
tg_tensor tg_triplet_margin_loss(tg_tensor anchor, tg_tensor positive, tg_tensor negative, double margin, double p, double eps,
                                 bool swap, tg_reduction reduction);

/* The mean over all classes of weight[c] max(0, margin - x[c] + x[i])^p, for the class c of the sample and all others i. x is (N, C)
 * or (C), the classes are int64 (N) or (), the weight is (C) or TG_NONE. p is 1 or 2; PyTorch's defaults are 1 and 1. A class that is out of
 * range makes the run fail with TG_ERR_INDEX. */
tg_tensor tg_multi_margin_loss(tg_tensor x, tg_tensor classes, int p, double margin, tg_tensor weight, tg_reduction reduction);

static inline tg_tensor tgi_multi_margin_loss(tg_tensor x, tg_tensor classes, tg_tensor weight, int p, double margin,
                                              tg_reduction reduction) {
    return tg_multi_margin_loss(x, classes, p, margin, weight, reduction);
}
#define tg_margin_ranking_loss(a, b, target, ...) TG_CALL3_WITH(tg_margin_ranking_loss, a, b, target, __VA_ARGS__)
#define tg_hinge_embedding_loss(x, target, ...) TG_CALL2_WITH(tg_hinge_embedding_loss, x, target, __VA_ARGS__)
#define tg_soft_margin_loss(x, target, ...) TG_CALL2_WITH(tg_soft_margin_loss, x, target, __VA_ARGS__)
#define tg_multilabel_soft_margin_loss(x, target, weight, ...) \
    TG_CALL3_WITH(tg_multilabel_soft_margin_loss, x, target, weight, __VA_ARGS__)
#define tg_cosine_embedding_loss(a, b, target, ...) TG_CALL3_WITH(tg_cosine_embedding_loss, a, b, target, __VA_ARGS__)
#define tg_triplet_margin_loss(anchor, positive, negative, ...) \
    TG_CALL3_WITH(tg_triplet_margin_loss, anchor, positive, negative, __VA_ARGS__)
#define tg_multi_margin_loss(x, classes, p, margin, weight, ...) \
    TG_CALL3_WITH(tgi_multi_margin_loss, x, classes, weight, p, margin, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
