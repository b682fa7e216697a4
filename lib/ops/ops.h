/* ops/ops.h: what the rest of the library needs of the ops besides their public functions.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_OPS_H
#define TGI_OPS_OPS_H

#include "core/tape.h"

/* `value` in that dtype and shape, or in those of `like`, without memory of its own. Errors name `what`. */
tg_tensor tgi_full(tg_tape *tape, const char *what, tg_dtype dtype, tg_shape shape, double value);
tg_tensor tgi_full_like(tg_tensor like, double value);

/* x summed to the shape of `to`, which broadcasts to that of x and differs from it: the gradient of a broadcast. */
tg_tensor tgi_sum_to(tg_tensor x, tg_tensor to);

/* The shape rule and the view of an op that shows its first operand. */
tg_status tgi_infer_same(tg_infer *call);
bool      tgi_view_same(const tg_array *in, const void *attr, tg_array *out);

/* ---- for functions that check their operand before they record; errors name `what` --------------------------------- */

/* The operand's instruction, or NULL with the error noted. */
const tgi_node *tgi_operand(tg_tensor x, const char *what);

/* The axis of x counted from the front, or -1 with the error noted. */
int tgi_resolve_axis(tg_tensor x, const char *what, int axis);

#endif
