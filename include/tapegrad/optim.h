/* tapegrad/optim.h: updates. An optimizer's step is a few more instructions on the tape: it happens in each run, where it
 * stands.
 *
 * Each step updates every parameter that has a gradient and is not frozen (tg_set_requires_grad) when it is recorded; it is
 * TG_ERR_GRADIENT when there is none. `rate` is a plain number, or a tensor of rank 0, float32 or float64: an input, say, so that it can
 * change from run to run without recording anew, or a schedule (tapegrad/schedule.h).
 *
 * An option that is 0 or left out has its default, which is PyTorch's, and so have all for NULL. Where 0 itself is wanted and is not
 * the default, TG_ZERO stands for it. An option out of its range is TG_ERR_ARGUMENT: none may be negative if it is not said, and a
 * beta is below 1. Two are the same everywhere: `weight_decay` is added to the gradient, times w, and is 0; with `maximize` the
 * step goes up instead of down, the gradient's sign being changed first.
 *
 * Groups of parameters with rates and options of their own are steps of their own: the option `parameters` lists those that
 * a step is for, where it is not for all on the tape:
 *     tg_adamw_step(tape, 1e-3, &(tg_adam_options){.parameters = TG_LIST(w1, w2), .weight_decay = 0.1});
 *     tg_adam_step(tape, 1e-2, &(tg_adam_options){.parameters = TG_LIST(b1, b2)});
 *
 * What an optimizer has to know from one step to the next belongs to the parameter, starts as zeros when its first step is
 * recorded, and lasts as long as the parameter: when a step is recorded anew after a rewind, it goes on with what was
 * there. While a step is on the tape it can be found under the parameter's name, tg_find(tape, "w.adam.m") for a parameter
 * w, to be read, kept in a file, and overwritten by tg_write. A state has the parameter's dtype and shape; the count of the steps,
 * t in the formulas, is float64 and of rank 0.
 *
 * Each formula is the one of the source that is named, in the form that torch.optim gives it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_OPTIM_H
#define TAPEGRAD_OPTIM_H
#pragma GCC system_header

#include <tapegrad/view.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The 0 of an option for which 0 means something else: so small that nothing is left of it beside another number. */
#define TG_ZERO 1e-300

/* ---- gradient descent -------------------------------------------------------------------------------------------- */

/* Gradient descent: w <- w - rate g, g being tg_grad(w). */
tg_status tg_sgd_step(tg_tape *tape, tg_tensor rate);

/* The same with options, all 0 unless said otherwise:
 *     b <- momentum b + (1 - dampening) g,   w <- w - rate b
 * and for Nesterov's momentum the last one is w <- w - rate (g + momentum b). The first step is not dampened: b is g. The state is
 * "w.momentum", and with dampening "w.momentum.t". TG_ERR_ARGUMENT for Nesterov's without momentum or with dampening. */
typedef struct tg_sgd_options {
    double    momentum, weight_decay, dampening;
    bool      nesterov, maximize;
    tg_list   parameters;       /* those to update; left out: all */
    tg_tensor varying_momentum; /* in place of momentum: a tensor, as a rate may be one */
} tg_sgd_options;

tg_status tg_sgd_step_with(tg_tape *tape, tg_tensor rate, const tg_sgd_options *options);

/* ---- Adam and what came of it ------------------------------------------------------------------------------------ */

/* Adam (D. P. Kingma and J. Ba, 2014):
 *     m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2
 *     w <- w - rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps)
 * with beta1 0.9, beta2 0.999, eps 1e-8; the usual rate is 0.001. With `amsgrad` (S. Reddi et al., "On the convergence of Adam and
 * beyond", 2018) the largest v so far takes the place of v in the last line. The states are "w.adam.m", "w.adam.v", "w.adam.t", and
 * "w.adam.v_max". */
typedef struct tg_adam_options {
    double    beta1, beta2, eps, weight_decay;
    bool      amsgrad, maximize;
    tg_list   parameters;
    tg_tensor varying_beta1; /* in place of beta1: a tensor, as a rate may be one */
} tg_adam_options;

tg_status tg_adam_step(tg_tape *tape, tg_tensor rate, const tg_adam_options *options);

/* AdamW (I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", 2017): the same, but the weight decay, 0.01, is not in
 * the gradient: w shrinks first, w <- w - rate weight_decay w. The states are Adam's. */
tg_status tg_adamw_step(tg_tape *tape, tg_tensor rate, const tg_adam_options *options);

/* NAdam, Adam with Nesterov's momentum (T. Dozat, "Incorporating Nesterov momentum into Adam", 2016): m and v as Adam's, and
 *     mu(t) = beta1 (1 - 0.96^(t momentum_decay) / 2),   p = the product of mu(1) to mu(t)
 *     w <- w - rate ((1 - mu(t)) / (1 - p) g + mu(t + 1) / (1 - p mu(t + 1)) m) / (sqrt(v / (1 - beta2^t)) + eps)
 * with beta1 0.9, beta2 0.999, eps 1e-8, momentum_decay 0.004; the usual rate is 0.002. With `decoupled_weight_decay` w shrinks as in
 * AdamW. The states are "w.nadam.m", "w.nadam.v", "w.nadam.t", and "w.nadam.q", which is 1 - p. */
typedef struct tg_nadam_options {
    double  beta1, beta2, eps, weight_decay, momentum_decay;
    bool    decoupled_weight_decay, maximize;
    tg_list parameters;
} tg_nadam_options;

tg_status tg_nadam_step(tg_tape *tape, tg_tensor rate, const tg_nadam_options *options);

/* RAdam (L. Liu et al., "On the variance of the adaptive learning rate and beyond", 2019): m and v as Adam's, and
 *     n = 2 / (1 - beta2) - 1,   l = n - 2 t beta2^t / (1 - beta2^t)
 *     w <- w - rate / (1 - beta1^t) m f,   f = 1 where l <= 5, and else
 *     f = sqrt((l - 4) (l - 2) n / ((n - 4) (n - 2) l)) sqrt(1 - beta2^t) / (sqrt(v) + eps)
 * with beta1 0.9, beta2 0.999, eps 1e-8; the usual rate is 0.001. With `decoupled_weight_decay` w shrinks as in AdamW. The states are
 * "w.radam.m", "w.radam.v", "w.radam.t". */
typedef struct tg_radam_options {
    double  beta1, beta2, eps, weight_decay;
    bool    decoupled_weight_decay, maximize;
    tg_list parameters;
} tg_radam_options;

tg_status tg_radam_step(tg_tape *tape, tg_tensor rate, const tg_radam_options *options);

/* Lion (X. Chen et al., "Symbolic discovery of optimization algorithms", 2023), which PyTorch does not have:
 *     w <- w - rate (sign(beta1 m + (1 - beta1) g) + weight_decay w),   m <- beta2 m + (1 - beta2) g
 * with beta1 0.9, beta2 0.99, and no weight decay, which here is not in the gradient. The usual rate is 0.0001. The state is
 * "w.lion.m". */
typedef struct tg_lion_options {
    double  beta1, beta2, weight_decay;
    bool    maximize;
    tg_list parameters;
} tg_lion_options;

tg_status tg_lion_step(tg_tape *tape, tg_tensor rate, const tg_lion_options *options);

/* ---- gradients over the root of their squares -------------------------------------------------------------------- */

/* RMSprop (G. Hinton, lecture 6 of "Neural networks for machine learning", 2012):
 *     v <- alpha v + (1 - alpha) g^2,   w <- w - rate g / (sqrt(v) + eps)
 * with alpha 0.99, eps 1e-8; the usual rate is 0.01. `centered`: a <- alpha a + (1 - alpha) g, and v - a^2 takes the place of v under
 * the root (A. Graves, "Generating sequences with recurrent neural networks", 2013). With a momentum, which is 0, the quotient q goes
 * into b <- momentum b + q, and w <- w - rate b. The states are "w.rmsprop.v", "w.rmsprop.a", "w.rmsprop.b". */
typedef struct tg_rmsprop_options {
    double  alpha, eps, weight_decay, momentum;
    bool    centered, maximize;
    tg_list parameters;
} tg_rmsprop_options;

tg_status tg_rmsprop_step(tg_tape *tape, tg_tensor rate, const tg_rmsprop_options *options);

/* Adagrad (J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods", 2011):
 *     s <- s + g^2,   w <- w - rate / (1 + (t - 1) lr_decay) g / (sqrt(initial_accumulator_value + s) + eps)
 * with eps 1e-10, the others 0; the usual rate is 0.01. The states are "w.adagrad.s" and "w.adagrad.t". */
typedef struct tg_adagrad_options {
    double  lr_decay, weight_decay, initial_accumulator_value, eps;
    bool    maximize;
    tg_list parameters;
} tg_adagrad_options;

tg_status tg_adagrad_step(tg_tape *tape, tg_tensor rate, const tg_adagrad_options *options);

/* Adadelta (M. D. Zeiler, "ADADELTA: an adaptive learning rate method", 2012):
 *     v <- rho v + (1 - rho) g^2,   d = sqrt(u + eps) / sqrt(v + eps) g,   u <- rho u + (1 - rho) d^2,   w <- w - rate d
 * with rho 0.9, at most 1, and eps 1e-6; the usual rate is 1. The states are "w.adadelta.v" and "w.adadelta.u". */
typedef struct tg_adadelta_options {
    double  rho, eps, weight_decay;
    bool    maximize;
    tg_list parameters;
} tg_adadelta_options;

tg_status tg_adadelta_step(tg_tape *tape, tg_tensor rate, const tg_adadelta_options *options);

/* Adafactor (N. Shazeer and M. Stern, "Adafactor: adaptive learning rates with sublinear memory cost", 2018). For a matrix, or a batch
 * of them, it keeps the mean squares r of the rows and c of the columns alone:
 *     r <- r + t^beta2_decay (mean(g^2 of the row) - r),   c likewise,   v = r c / max(mean(r), eps1)
 * else v <- v + t^beta2_decay (g^2 - v). Then
 *     u = g / sqrt(max(v, eps1^2)),   size = max(eps2, rms(w)) min(rate, 1 / sqrt(t))
 *     w <- w - rate weight_decay w,   w <- w - size u / max(1, rms(u) / d)
 * where rms is the root of the mean of the squares, that of w being of w before the step. beta2_decay is -0.8, and at most 0; eps1 the
 * rounding unit of the dtype (FLT_EPSILON, DBL_EPSILON), eps2 0.001, d 1 (at least), and no weight decay, which is not in the gradient.
 * The usual rate is 0.01. The states are "w.adafactor.r", w's shape with 1 for its last size, "w.adafactor.c", with 1 for the one
 * before, or "w.adafactor.v"; and "w.adafactor.t". */
typedef struct tg_adafactor_options {
    double  beta2_decay, eps1, eps2, d, weight_decay;
    bool    maximize;
    tg_list parameters;
} tg_adafactor_options;

tg_status tg_adafactor_step(tg_tape *tape, tg_tensor rate, const tg_adafactor_options *options);

/* ---- a quasi-Newton method --------------------------------------------------------------------------------------- */

/* L-BFGS without a line search (D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization", 1989): one
 * step along -H g, where H is made of the last `history` steps s and the changes y of the gradient that went with them, and of the
 * identity times s y / y y of the last; of pairs with s y <= 1e-10 nothing is made. As PyTorch's with max_iter = 1: the first step is
 * rate min(1, 1 / sum |g|) long, all later ones `rate`, which is usually 1; and none is done where no |g| is above tolerance_grad, or
 * the slope along the step is above -tolerance_change. All parameters are taken as one vector, of one dtype. history is 100,
 * tolerance_grad 1e-7, tolerance_change 1e-9. max_step, which PyTorch does not have, is the most that an element may change by: a longer
 * step is scaled down. While little is known of the loss a step may go astray, and this holds it back. Left out, there is no bound.
 *
 * H is used in the form of R. H. Byrd, J. Nocedal and R. B. Schnabel, "Representations of quasi-Newton matrices and their use in limited
 * memory methods" (1994), so that a step is a few products whatever the history. The states belong to the first parameter:
 * "w.lbfgs.s" and "w.lbfgs.y", both (history, n) for n elements in all, "w.lbfgs.sy" and "w.lbfgs.yy", the products of their rows,
 * "w.lbfgs.g" and "w.lbfgs.step", (n), and "w.lbfgs.t". */
typedef struct tg_lbfgs_options {
    int64_t history;
    double  tolerance_grad, tolerance_change, max_step;
    bool    maximize;
    tg_list parameters;
} tg_lbfgs_options;

tg_status tg_lbfgs_step(tg_tape *tape, tg_tensor rate, const tg_lbfgs_options *options);

/* ---- clipping: between tg_backward and a step -------------------------------------------------------------------- */

/* Scales the gradients of all parameters that are not frozen so that their norm is at most max_norm, as PyTorch's clip_grad_norm_:
 *     norm = the 2-norm of all of them, taken as one vector;   g <- g min(1, max_norm / (norm + 1e-6))
 * by tg_set_grad. *norm becomes the norm before, a tensor of rank 0 of the gradients' dtype, float64 where they have two; the
 * pointer may be NULL. Squares do not overflow. TG_ERR_GRADIENT if no parameter has a gradient, TG_ERR_ARGUMENT for a max_norm that
 * is negative or no finite number; *norm is invalid after an error. */
tg_status tg_clip_grad_norm(tg_tape *tape, double max_norm, tg_tensor *norm);

/* Clamps each element of these gradients to -max .. max, as PyTorch's clip_grad_value_. Errors as above. */
tg_status tg_clip_grad_value(tg_tape *tape, double max);

/* ---- gradients of several runs ----------------------------------------------------------------------------------- */

/* For batches that are too large for one run. tg_accumulate_grad adds tg_grad(w) to a sum, for every parameter that has a gradient and
 * is not frozen; TG_ERR_GRADIENT when there is none. tg_use_accumulated_grad makes `scale` times the sum the gradient, as
 * by tg_set_grad, for every parameter that is not frozen and has a sum, and starts the sum from 0 again; TG_ERR_GRADIENT when there
 * is none, TG_ERR_ARGUMENT for a scale that is no finite number. For the mean over 4 runs:
 *
 *     tg_begin_part(tape, "add");                      tg_begin_part(tape, "step");
 *     tg_backward(loss_of(model, batch, labels));      tg_use_accumulated_grad(tape, 0.25);
 *     tg_accumulate_grad(tape);                        tg_adam_step(tape, 1e-3, NULL);
 *     tg_end_part(tape);                               tg_end_part(tape);
 *
 * run as "add" four times and "step" once. The sum is the state "w.grad_sum". The gradients of several losses that fit into one run
 * need none of this: calls of tg_backward add up. */
tg_status tg_accumulate_grad(tg_tape *tape);
tg_status tg_use_accumulated_grad(tg_tape *tape, double scale);

/* ---- averages of the weights ------------------------------------------------------------------------------------- */

/* An exponential moving average of every parameter that is not frozen: the first time a is w, and then a <- decay a + (1 - decay) w.
 * As PyTorch's AveragedModel with get_ema_multi_avg_fn(decay), which has 0.999. It stands after a step. The states are "w.ema" and, the
 * number of updates, "w.ema.n". TG_ERR_ARGUMENT for a decay outside [0, 1], and when there is no such parameter. */
tg_status tg_ema_update(tg_tape *tape, double decay);

/* Exchanges every parameter that has an average and is not frozen with it; one whose average has not been updated yet stays as it is.
 * Done once more it undoes that. So an evaluation with the averages is
 *
 *     tg_begin_part(tape, "evaluate");
 *     tg_ema_swap(tape);
 *     tg_tensor accuracy = accuracy_of(model, images, answers);
 *     tg_ema_swap(tape);
 *     tg_end_part(tape);
 *
 * TG_ERR_ARGUMENT when no parameter has one. */
tg_status tg_ema_swap(tg_tape *tape);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_sgd_step(tape, rate) TG_TAPE_CALL1(tg_sgd_step, tape, rate)
#define tg_sgd_step_with(tape, rate, ...) TG_STEP_CALL(tg_sgd_step_with, tape, rate, __VA_ARGS__)
#define tg_adam_step(tape, rate, ...) TG_STEP_CALL(tg_adam_step, tape, rate, __VA_ARGS__)
#define tg_adamw_step(tape, rate, ...) TG_STEP_CALL(tg_adamw_step, tape, rate, __VA_ARGS__)
#define tg_nadam_step(tape, rate, ...) TG_STEP_CALL(tg_nadam_step, tape, rate, __VA_ARGS__)
#define tg_radam_step(tape, rate, ...) TG_STEP_CALL(tg_radam_step, tape, rate, __VA_ARGS__)
#define tg_lion_step(tape, rate, ...) TG_STEP_CALL(tg_lion_step, tape, rate, __VA_ARGS__)
#define tg_rmsprop_step(tape, rate, ...) TG_STEP_CALL(tg_rmsprop_step, tape, rate, __VA_ARGS__)
#define tg_adagrad_step(tape, rate, ...) TG_STEP_CALL(tg_adagrad_step, tape, rate, __VA_ARGS__)
#define tg_adadelta_step(tape, rate, ...) TG_STEP_CALL(tg_adadelta_step, tape, rate, __VA_ARGS__)
#define tg_adafactor_step(tape, rate, ...) TG_STEP_CALL(tg_adafactor_step, tape, rate, __VA_ARGS__)
#define tg_lbfgs_step(tape, rate, ...) TG_STEP_CALL(tg_lbfgs_step, tape, rate, __VA_ARGS__)
#define tg_clip_grad_norm(tape, ...) TG_TAPE_CALL(tg_clip_grad_norm, tape, __VA_ARGS__)
#define tg_clip_grad_value(tape, ...) TG_TAPE_CALL(tg_clip_grad_value, tape, __VA_ARGS__)
#define tg_accumulate_grad(tape) (tg_accumulate_grad)(TG_AT(tape))
#define tg_use_accumulated_grad(tape, ...) TG_TAPE_CALL(tg_use_accumulated_grad, tape, __VA_ARGS__)
#define tg_ema_update(tape, ...) TG_TAPE_CALL(tg_ema_update, tape, __VA_ARGS__)
#define tg_ema_swap(tape) (tg_ema_swap)(TG_AT(tape))

#endif
