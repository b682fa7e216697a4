/* tapegrad/optim.h: updates. An optimiser's step is a few more instructions on the tape: it happens in each run, where it
 * stands.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_OPTIM_H
#define TAPEGRAD_OPTIM_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Gradient descent: records w <- w - rate * tg_grad(w) for every parameter that has a gradient. `rate` is a plain number, or a
 * tensor of rank 0 (an input, say, so that it can change from run to run without recording anew) of the parameters' dtype.
 * TG_ERR_GRADIENT when no parameter has a gradient. */
tg_status tg_sgd_step(tg_tape *tape, tg_tensor rate);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_sgd_step(tape, rate) TGI_TAPE_CALL1(tg_sgd_step, tape, rate)

#endif
