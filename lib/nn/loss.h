/* nn/loss.h: how a loss begins, and how it ends.
 *
 * It checks its operands in its own name before anything is recorded; at the end it reduces the losses of the elements to what
 * the caller asked for.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_NN_LOSS_H
#define TGI_NN_LOSS_H

#include "core/inside.h"

/* The first `required` operands of a loss are there, and the first one is floating; the reduction is one. */
tg_status tgi_check_loss(tg_operands *o, const char *name, tg_reduction reduction, int required, int count, const tg_tensor *x);

/* The mean over a batch is asked for of losses that have a first axis only. */
tg_status tgi_check_batch(const tg_operands *o, tg_reduction reduction, int rank);

/* The losses of the elements reduced: for the mean, unless the loss has one of its own. */
tg_tensor tgi_reduce_losses(tg_tensor each, tg_reduction reduction);

/* weight x, and 0 where the weight is 0, whatever x is but NaN; so are the derivatives. */
tg_tensor tgi_weigh(tg_tensor weight, tg_tensor x);

#endif
