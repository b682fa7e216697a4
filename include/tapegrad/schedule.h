/* tapegrad/schedule.h: rates that change from step to step.
 *
 * A schedule is a formula of the number of steps done so far: a factor by which a rate is multiplied, 1 where it does nothing.
 * `step` is a leaf that the program counts up, so that the rate changes in each run, and nothing is recorded again:
 *
 *     tg_tensor step = tg_input(tape, "step", TG_F64, TG_SHAPE()); // 0 at first; a checkpoint has it among the inputs
 *     ...
 *     tg_tensor rate = tg_mul(0.1, tg_cosine_schedule(step, 90, 0));
 *     tg_adam_step(tape, rate, NULL);
 *     tg_assign(step, tg_add(step, 1));
 *
 * As it is a tensor like any other, schedules need nothing to be put together:
 *     one times another      tg_mul(a, b)                                                          PyTorch's ChainedScheduler
 *     one after another      tg_where(tg_lt(step, 5), warm_up, tg_cosine_schedule(tg_sub(step, 5), 90, 0))       SequentialLR
 *     one of your own        tg_rsqrt(tg_add(step, 1))                                                               LambdaLR
 *     never below a bound    tg_maximum(rate, 1e-5)
 *     for several groups     tg_mul(0.1, factor) for one, tg_mul(0.01, factor) for another
 *
 * `step` is a tensor of any shape and dtype; a schedule is float64, of its shape. Where an epoch counts rather than a
 * step, count epochs. All give what PyTorch's schedulers of the named classes give for a rate of 1. An argument that is out of its
 * range is TG_ERR_ARGUMENT; numbers of steps need not be whole.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_SCHEDULE_H
#define TAPEGRAD_SCHEDULE_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* `factor`, from 0 on, for that many steps, and then 1 (ConstantLR, where they are 1/3 and 5). */
tg_tensor tg_constant_schedule(tg_tensor step, double factor, double steps);

/* From `start` to `end`, both from 0 on, in a straight line of so many steps, above 0, and then `end` (LinearLR, where they are 1/3, 1
 * and 5). From 0 to 1 it is a warm-up; PyTorch's starts above 0, and so does one of step + 1. */
tg_tensor tg_linear_schedule(tg_tensor step, double start, double end, double steps);

/* gamma^step, gamma being above 0 (ExponentialLR). */
tg_tensor tg_exponential_schedule(tg_tensor step, double gamma);

/* Another factor of gamma, above 0, after each so many steps, above 0 (StepLR, where gamma is 0.1). */
tg_tensor tg_step_schedule(tg_tensor step, double steps, double gamma);

/* Another factor of gamma, above 0, from each of `count` milestones on, in any order (MultiStepLR, where gamma is 0.1):
 *     tg_multi_step_schedule(step, 2, (double[]){30, 80}, 0.1) */
tg_tensor tg_multi_step_schedule(tg_tensor step, int count, const double *milestones, double gamma);

/* (1 - step / steps)^power, and 0 after so many steps, above 0; power is above 0 (PolynomialLR, where they are 5 and 1). */
tg_tensor tg_polynomial_schedule(tg_tensor step, double steps, double power);

/* Half a cosine from 1 down to `end` in so many steps, above 0, and up again in as many, and so on (CosineAnnealingLR; `end` is
 * eta_min over the rate, from 0 on). I. Loshchilov and F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2016. */
tg_tensor tg_cosine_schedule(tg_tensor step, double steps, double end);

/* Half a cosine from 1 down to `end`, over and over: at first in so many steps, above 0, then in `multiplier` times as many, at least 1
 * (CosineAnnealingWarmRestarts; its T_0, T_mult, and eta_min over the rate). Source as above. */
tg_tensor tg_cosine_restarts_schedule(tg_tensor step, double steps, double multiplier, double end);

/* One cycle of so many steps, at least 2: from 1 / div_factor up to 1 in `warm_up` of them, and down to 1 / (div_factor
 * final_div_factor); it stays there. By halves of cosines, or with `linear` in straight lines. With three_phase it first comes down to
 * where it began in as many steps as it went up. (OneCycleLR, the rate being its max_lr. L. N. Smith and N. Topin,
 * "Super-convergence", 2017.) Options that are 0 or left out, and all for NULL, are PyTorch's: 0.3, 25, 1e4. */
typedef struct tg_one_cycle_options {
    double warm_up; /* at most 1; with three_phase 1/2 */
    double div_factor, final_div_factor;
    bool   linear, three_phase;
} tg_one_cycle_options;

tg_tensor tg_one_cycle_schedule(tg_tensor step, double steps, const tg_one_cycle_options *options);

/* The momentum beside that rate: from `high` down to `low` while the rate goes up, and back to `high` while it comes down; with three_phase
 * it stays there. The same steps and options; both numbers are from 0 up to 1 (OneCycleLR's cycle_momentum, where they are 0.95 and 0.85). For the
 * option varying_momentum of tg_sgd_step_with, and varying_beta1 of tg_adam_step and tg_adamw_step. */
tg_tensor tg_one_cycle_momentum(tg_tensor step, double steps, double high, double low, const tg_one_cycle_options *options);

/* ---- by what comes of it ----------------------------------------------------------------------------------------- */

/* Overwrites `rate`, a leaf of rank 0, by max(factor rate, min_rate) when `metric`, a tensor of one element, has not become better for
 * more than `patience` calls (runs of the instructions that this records), as PyTorch's ReduceLROnPlateau. A metric is better when it is
 * less than (1 - threshold) times the best, or with `maximize` more than (1 + threshold) times; with `absolute`, less or more by
 * the threshold. The next `cooldown` calls after a reduction do not count, and one by eps or less is not made. Options that are 0
 * or left out, and all for NULL, are PyTorch's: 0.1, 10, 1e-4, 0, 0, 1e-8; TG_ZERO (tapegrad/optim.h) stands for 0.
 *
 * `state` is an input of 4 float64 numbers, which start as zeros and then are the best metric, the calls since, those of the cooldown
 * that are left, and 1 when there is a best. Record rate and state before the part or the mark that this stands behind:
 *
 *     tg_tensor rate = tg_input(tape, "rate", TG_F64, TG_SHAPE()), plateau = tg_input(tape, "plateau", TG_F64, TG_SHAPE(4));
 *     tg_write(rate, (double[]){0.1}, 1);
 *     ...
 *     tg_reduce_on_plateau(rate, loss_on_test_data, plateau, NULL);
 *
 * TG_ERR_SHAPE, TG_ERR_DTYPE for other shapes and dtypes; TG_ERR_ARGUMENT for a factor that is not below 1, a negative option, and
 * what cannot be overwritten. */
typedef struct tg_plateau_options {
    double factor, patience, threshold, cooldown, min_rate, eps;
    bool   maximize, absolute;
} tg_plateau_options;

tg_status tg_reduce_on_plateau(tg_tensor rate, tg_tensor metric, tg_tensor state, const tg_plateau_options *options);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_constant_schedule(step, ...) TG_CALL1_WITH(tg_constant_schedule, step, __VA_ARGS__)
#define tg_linear_schedule(step, ...) TG_CALL1_WITH(tg_linear_schedule, step, __VA_ARGS__)
#define tg_exponential_schedule(step, ...) TG_CALL1_WITH(tg_exponential_schedule, step, __VA_ARGS__)
#define tg_step_schedule(step, ...) TG_CALL1_WITH(tg_step_schedule, step, __VA_ARGS__)
#define tg_multi_step_schedule(step, ...) TG_CALL1_WITH(tg_multi_step_schedule, step, __VA_ARGS__)
#define tg_polynomial_schedule(step, ...) TG_CALL1_WITH(tg_polynomial_schedule, step, __VA_ARGS__)
#define tg_cosine_schedule(step, ...) TG_CALL1_WITH(tg_cosine_schedule, step, __VA_ARGS__)
#define tg_cosine_restarts_schedule(step, ...) TG_CALL1_WITH(tg_cosine_restarts_schedule, step, __VA_ARGS__)
#define tg_one_cycle_schedule(step, ...) TG_CALL1_WITH(tg_one_cycle_schedule, step, __VA_ARGS__)
#define tg_one_cycle_momentum(step, ...) TG_CALL1_WITH(tg_one_cycle_momentum, step, __VA_ARGS__)
#define tg_reduce_on_plateau(rate, metric, state, ...) TG_CALL3_WITH(tg_reduce_on_plateau, rate, metric, state, __VA_ARGS__)

#endif
