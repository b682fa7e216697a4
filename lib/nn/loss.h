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

/* The operands of an elementwise loss, `count` of them, have one floating dtype, and broadcast. Those after the second may be TG_NONE. */
tg_status tgi_check_elements(tg_operands *o, const char *name, tg_reduction reduction, int count, const tg_tensor *x);

/* An operand, or a plain number as a tensor of the dtype that it takes beside the others; and that with all the axes of a shape. */
tg_tensor tgi_as_tensor(const tg_operands *o, int i, tg_tensor x);
tg_tensor tgi_stretched(const tg_operands *o, int i, tg_tensor x, tg_shape shape);

/* An elementwise loss, as a formula of its losses; a condition checks its options. `operands` is a list in parentheses: ((tg_tensor[]){...}). */
#define TGI_LOSS(function, parameters, operands, checks, formula) \
    tg_tensor(tg_##function) parameters { \
        tg_operands o; \
        if (tgi_check_elements(&o, #function, reduction, (int)(sizeof operands / sizeof(tg_tensor)), operands) || checks) \
            return tg_invalid(o.tape); \
        tg_scope scope = tg_begin_scope(o.tape, o.name); \
        return tg_end_scope_with(scope, tgi_reduce_losses(formula, reduction)); \
    }

/* The losses of the elements reduced: for the mean, unless the loss has one of its own. */
tg_tensor tgi_reduce_losses(tg_tensor each, tg_reduction reduction);

/* weight x, and 0 where the weight is 0, whatever x is but NaN; so are the derivatives. */
tg_tensor tgi_weigh(tg_tensor weight, tg_tensor x);

#endif
