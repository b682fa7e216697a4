/* optim/update.h: what the updates of optimizers have in common.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPTIM_UPDATE_H
#define TGI_OPTIM_UPDATE_H

#include "core/inside.h"

/* ---- options ----------------------------------------------------------------------------------------------------- */

/* An option of a struct, and the bound that it lies below; it lies from 0 on. */
typedef struct tgi_option {
    const char *name;
    double      value, bound;
} tgi_option;

/* Checks options up to one without a name; the tape's status. */
tg_status tgi_check_options(tg_tape *tape, const char *name, const tgi_option *options);
#define TGI_CHECK_OPTIONS(tape, name, ...) tgi_check_options(tape, name, (const tgi_option[]){__VA_ARGS__, {NULL, 0, 0}})

/* The option, or its default where it is 0 or left out. */
double tgi_or_default(double value, double usual);

/* An option that a tensor may take the place of: that tensor, or TG_NONE where it is left out, or is a plain number, which then is
 * *value. */
tg_tensor tgi_varying(tg_tensor x, double *value);

/* ---- rates and gradients ----------------------------------------------------------------------------------------- */

/* The rate, or another number, in that dtype; a plain number as it is. */
tg_tensor tgi_rate_as(tg_tensor rate, tg_dtype dtype);

/* w - rate direction */
tg_tensor tgi_descend(tg_tensor w, tg_tensor rate, tg_tensor direction);

/* w less rate decay w */
tg_tensor tgi_shrink(tg_tensor w, tg_tensor rate, double decay);

/* g, or -g where the step goes up, and decay w added. */
tg_tensor tgi_gradient(tg_tensor w, tg_tensor g, double decay, bool maximize);

/* ---- states: each returns the new value, and records that the state becomes it -------------------------------------- */

/* The state of that kind, of w's dtype and shape, becomes (1 - rest) of itself and `rest` of x. */
tg_tensor tgi_running_mean(tg_tensor w, const char *kind, tg_tensor x, tg_tensor rest);

/* The number of this step, from 1 on: float64, of rank 0. */
tg_tensor tgi_count_step(tg_tensor w, const char *kind);

/* 1 - beta^t: what a running mean of t values has for its weights' sum. */
tg_tensor tgi_weight_of(tg_tensor beta, tg_tensor t);

/* ---- steps ------------------------------------------------------------------------------------------------------- */

/* tg_record_step of a group. */
tg_status tgi_record_step(tg_tape *tape, const char *name, tg_update *update, const void *options, tg_tensor rate,
                          tg_list parameters);

/* Whether `what`, the rate say, is one number; the tape's status. */
tg_status tgi_check_number(tg_tape *tape, const char *name, const char *what, tg_tensor number);

/* The next parameter from the i-th on that is not frozen, TG_NONE when there is none left; and the same of those that have a
 * gradient. */
tg_tensor tgi_next_parameter(tg_tape *tape, int64_t *i);
tg_tensor tgi_next_with_gradient(tg_tape *tape, int64_t *i);

/* The state of that kind, where the parameter has it; else TG_NONE. */
tg_tensor tgi_find_state(tg_tensor parameter, const char *kind);

#endif
