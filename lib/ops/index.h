/* ops/index.h: what index.c, gather.c and index_text.c share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_INDEX_H
#define TGI_OPS_INDEX_H

#include <tapegrad/emit.h>

#include "ops/ops.h"

/* A sum of more than so many numbers, added one by one in float32, would show it: such sums are put together in float64. */
enum { TGI_FEW_SUMMED = 32 };

/* Fails the run, with the first index that is out of range. */
tg_status tgi_check_indices(const tg_kernel_call *call, const int64_t *index, int64_t count, int64_t size);

/* What every shape rule begins with: an operand that has an axis, and int64 indices. */
tg_status tgi_check_indexed(const tg_infer *call);

/* Records an op along an axis of its first operand, the second being indices. */
tg_tensor tgi_record_along(const tg_op *op, int axis, int count, const tg_tensor *x);

/* Whether gather takes one element of each row along the axis, so that its way back is best made element by element; and that: g where the
 * index says, else 0 (gather.c). */
bool      tgi_gathers_one(const tgi_node *x, const tgi_node *index, int axis);
tg_tensor tgi_gather_back_one(tg_tensor g, tg_tensor index, const tgi_along *along);

/* ---- in C (index_text.c) ------------------------------------------------------------------------------------------ */

void tgi_take_emit(tg_emit_call *call);
void tgi_take_emit_add_back(tg_emit_call *call);
void tgi_gather_emit(tg_emit_call *call);
void tgi_gather_emit_add_back(tg_emit_call *call);
void tgi_scatter_emit(tg_emit_call *call);
void tgi_scatter_add_emit(tg_emit_call *call);

#endif
