/* tapegrad/optim.h: updates. An optimizer's step is a few more instructions on the tape: it happens in each run, where it
 * stands.
 *
 * Each step updates every parameter that has a gradient and is not frozen (tg_set_requires_grad); it is TG_ERR_GRADIENT
 * when there is none. `rate` is a plain number, or a tensor of rank 0 (an input, say, so that it can change from run to run
 * without recording anew).
 *
 * Groups of parameters with rates and options of their own are steps of their own: the option `parameters` lists those that
 * a step is for, where it is not for all on the tape:
 *     tg_adamw_step(tape, 1e-3, &(tg_adam_options){.parameters = TG_LIST(w1, w2), .weight_decay = 0.1});
 *     tg_adam_step(tape, 1e-2, &(tg_adam_options){.parameters = TG_LIST(b1, b2)});
 *
 * What an optimizer has to know from one step to the next belongs to the parameter, starts as zeros when its first step is
 * recorded, and lasts as long as the parameter: when a step is recorded anew after a rewind, it goes on with what was
 * there. While a step is on the tape it can be found under the parameter's name, tg_find(tape, "w.adam.m") for a parameter
 * w, to be read, kept in a file, and overwritten by tg_write.
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

/* Gradient descent: w <- w - rate g, g being tg_grad(w). A rate that is a tensor has the parameters' dtype. */
tg_status tg_sgd_step(tg_tape *tape, tg_tensor rate);

/* The same with PyTorch's options, all 0 unless said otherwise; NULL for none:
 *     g <- g + weight_decay w,   b <- momentum b + g,   w <- w - rate b
 * and for Nesterov's momentum the last one is w <- w - rate (g + momentum b). The state is "w.momentum". TG_ERR_ARGUMENT
 * for a negative option, and for Nesterov's without momentum. */
typedef struct tg_sgd_options {
    double  momentum, weight_decay;
    bool    nesterov;
    tg_list parameters; /* those to update; left out: all */
} tg_sgd_options;

tg_status tg_sgd_step_with(tg_tape *tape, tg_tensor rate, const tg_sgd_options *options);

/* Adam, as PyTorch's; t counts the steps from 1:
 *     m <- beta1 m + (1 - beta1) g,   v <- beta2 v + (1 - beta2) g^2
 *     w <- w - rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps)
 * where g has weight_decay w added. An option that is 0 or left out is PyTorch's default, and so are all for NULL: 0.9,
 * 0.999, 1e-8, and no weight decay; where 0 itself is wanted, 1e-300 is as good. PyTorch's usual rate is 0.001. The states
 * are "w.adam.m", "w.adam.v" and, in float64, "w.adam.t". TG_ERR_ARGUMENT for a negative option, and for a beta that is not
 * below 1. */
typedef struct tg_adam_options {
    double  beta1, beta2, eps, weight_decay;
    tg_list parameters; /* those to update; left out: all */
} tg_adam_options;

tg_status tg_adam_step(tg_tape *tape, tg_tensor rate, const tg_adam_options *options);

/* AdamW: the same, but the weight decay, usually 0.01, is not in the gradient: w shrinks first, w <- w - rate weight_decay
 * w. The states are Adam's. */
tg_status tg_adamw_step(tg_tape *tape, tg_tensor rate, const tg_adam_options *options);

/* ---- clipping: between tg_backward and a step -------------------------------------------------------------------- */

/* Scales the gradients of all parameters that are not frozen so that their norm is at most max_norm, as PyTorch's clip_grad_norm_:
 *     norm = the 2-norm of all of them, taken as one vector;   g <- g min(1, max_norm / (norm + 1e-6))
 * by tg_set_grad. *norm becomes the norm before, a tensor of rank 0 of the gradients' dtype, float64 where they have two; the
 * pointer may be NULL. Squares do not overflow. TG_ERR_GRADIENT if no parameter has a gradient, TG_ERR_ARGUMENT for a max_norm that
 * is negative or no finite number; *norm is invalid after an error. */
tg_status tg_clip_grad_norm(tg_tape *tape, double max_norm, tg_tensor *norm);

/* Clamps each element of these gradients to -max .. max, as PyTorch's clip_grad_value_. Errors as above. */
tg_status tg_clip_grad_value(tg_tape *tape, double max);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_clip_grad_norm(tape, ...) TG_TAPE_CALL(tg_clip_grad_norm, tape, __VA_ARGS__)
#define tg_clip_grad_value(tape, ...) TG_TAPE_CALL(tg_clip_grad_value, tape, __VA_ARGS__)
#define tg_sgd_step(tape, rate) TG_TAPE_CALL1(tg_sgd_step, tape, rate)

/* The macros have the rate last, and take options as a compound literal, which has commas of its own. */
static inline const tg_sgd_options *tgi_sgd_options(const tg_sgd_options *options) {
    return options;
}
static inline const tg_adam_options *tgi_adam_options(const tg_adam_options *options) {
    return options;
}
static inline tg_status tgi_sgd_step_with(tg_tape *tape, const tg_sgd_options *options, tg_tensor rate) {
    return tg_sgd_step_with(tape, rate, options);
}
static inline tg_status tgi_adam_step(tg_tape *tape, const tg_adam_options *options, tg_tensor rate) {
    return tg_adam_step(tape, rate, options);
}
static inline tg_status tgi_adamw_step(tg_tape *tape, const tg_adam_options *options, tg_tensor rate) {
    return tg_adamw_step(tape, rate, options);
}

#define tg_sgd_step_with(tape, rate, ...) TG_TAPE_CALL1_WITH(tgi_sgd_step_with, tape, tgi_sgd_options(__VA_ARGS__), rate)
#define tg_adam_step(tape, rate, ...) TG_TAPE_CALL1_WITH(tgi_adam_step, tape, tgi_adam_options(__VA_ARGS__), rate)
#define tg_adamw_step(tape, rate, ...) TG_TAPE_CALL1_WITH(tgi_adamw_step, tape, tgi_adam_options(__VA_ARGS__), rate)

#endif
