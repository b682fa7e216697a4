/* optim/step.h: what the steps of all optimisers have in common.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPTIM_STEP_H
#define TGI_OPTIM_STEP_H

#include "core/tape.h"

/* Records what a parameter w with the gradient g is to become, and returns it. It may assign states of w's. */
typedef tg_tensor tgi_update(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options);

/* A step: w is overwritten by its update, for every parameter that has a gradient. Errors name `what`. */
tg_status tgi_step(tg_tape *tape, const char *what, tg_tensor rate, tgi_update *update, const void *options);

/* A state of w's, of w's shape and dtype. */
tg_tensor tgi_state_like(tg_tensor w, const char *what, const char *kind);

/* Refuses an option that is not in [0, end). */
tg_status tgi_check_option(tg_tape *tape, const char *what, const char *name, double value, double end);

#endif
