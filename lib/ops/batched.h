/* ops/batched.h: what the rules for batches share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_BATCHED_H
#define TGI_OPS_BATCHED_H

#include "ops/ops.h"

/* Whether op and operands are those of an elementwise op, whose rule is known; and that rule. */
bool      tgi_batches_elements(const tg_op *op, tg_dtype last);
tg_tensor tgi_batch_elements(const tg_batch_call *call);

/* x, whose first axis is that of the batch, with axes of size 1 behind that, so that it has `rank` axes without it. */
tg_tensor tgi_align_batched(tg_tensor x, int rank);

/* Adds axes behind those that the shape has, as far as there is room. */
void tgi_add_axes(tg_shape *shape, int count, const int64_t *dims);

/* The shape with an axis of that size in front. */
tg_shape tgi_batched_shape(int64_t size, tg_shape shape);

/* The shape of operand j without the axis. */
tg_shape tgi_shape_of_part(const tg_batch_call *call, int j);

/* A rule for ops whose attribute is a tgi_along, or begins with the number of an axis, an int64_t, as that does, or is it; all operands of
 * one rank. */
tg_tensor tgi_batch_along(const tg_batch_call *call);

/* For ops whose attribute begins with the number of axes of an image, an int64_t: those of all parts are more images. The first `images`
 * operands are some, (N, C, ...) or (C, ...), as the result is; the others are the same for all parts. And the rule for ops that take
 * nothing else. */
tg_tensor tgi_batch_images(const tg_batch_call *call, int images);
tg_tensor tgi_batch_pooling(const tg_batch_call *call);

#endif
