/* nn/loss.h: how a loss begins, and how it ends.
 *
 * It looks at its operands and refuses them in its own name before anything is recorded; at the end it reduces the losses of
 * the elements to what the caller asked for.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_NN_LOSS_H
#define TGI_NN_LOSS_H

#include "ops/ops.h"

enum { TGI_LOSS_OPERANDS = 4 };

typedef struct tgi_loss {
    tg_tape     *tape;
    tg_op        op; /* of which messages take the name */
    tg_type      in[TGI_LOSS_OPERANDS];
    tg_infer     look;
    tg_reduction reduction;
    tgi_call     call;
} tgi_loss;

/* Whether an optional operand is there: left out of a struct, it is zero. */
bool tgi_given(tg_tensor x);

/* Looks at the operands, the first of which is to be floating, and refuses what is no tensor and no reduction. */
bool tgi_loss_look(tgi_loss *l, const char *name, tg_reduction reduction, int count, const tg_tensor *x);

/* Sum, batch mean, or the losses themselves; the mean, unless the loss has one of its own. `each` is refused nothing. */
tg_tensor tgi_loss_reduce(const tgi_loss *l, tg_tensor each);

/* Refuses the mean over a batch of losses that have no first axis. */
tg_status tgi_loss_check_batch(const tgi_loss *l, int rank);

#endif
