/* ops/reduce.h: what reductions along axes share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_REDUCE_H
#define TGI_OPS_REDUCE_H

#include "kernels/sum.h"
#include "ops/c_text.h"
#include "ops/ops.h"

/* Bit i of `axes` is set when axis i is reduced; keepdim is 0 or 1. */
typedef struct tgi_axes_attr {
    uint32_t axes, keepdim;
} tgi_axes_attr;

bool    tgi_has_axis(const tgi_axes_attr *attr, int axis);
tg_axes tgi_axes_in(const tgi_axes_attr *attr);

/* All axes of x; none when x cannot be used. */
tg_axes tgi_all_axes(tg_tensor x);

/* A shape rule: the operand's sizes without the reduced axes, or with 1 there. */
tg_status tgi_infer_reduced(tg_infer *call, tg_dtype dtype);

/* The axes of x, those of attr being summed. */
tgi_sum_axes tgi_sum_axes_of(const tg_array *x, const tgi_axes_attr *attr);

/* Records an op that has a tgi_axes_attr. */
tg_tensor tgi_reduce(const tg_op *op, tg_tensor x, tg_axes axes, bool keepdim);

/* y, a reduction of x, broadcast back to the shape of x. */
tg_tensor tgi_unreduced(tg_tensor y, tg_tensor x, const tgi_axes_attr *attr);

/* A reduction composed of others: `count` elements go into each one of the result, which has that shape. */
typedef struct tgi_reduction {
    tgi_axes_attr attr;
    int64_t       count;
    tg_shape      shape;
} tgi_reduction;

/* Fills it in. False, with the error noted in the name of `what`, when x cannot be reduced so: it must be floating, or with `whole`
 * may be int64. */
bool tgi_begin_reduction(tg_tensor x, const char *what, tg_axes axes, bool keepdim, bool whole, tgi_reduction *r);

/* The rule for batches of an op with that attribute. */
tg_tensor tgi_batch_reduction(const tg_batch_call *call);

/* For tg_op: how many axes come before those that are reduced, when these are the last ones; how many are reduced, when they are
 * the first ones. -1 when they are not. */
int tgi_leading_axes(const tg_type *x, const void *attr);
int tgi_reduced_axes(const tg_type *x, const void *attr);

/* A reduction in C: the indices of an element, one variable an axis, of the result that it goes to, and with @ in the place of that of the
 * axis that is walked along innermost: `inner`, -1 for none. */
typedef struct tgi_reduction_text {
    const tgi_axes_attr *attr;
    const int64_t       *dims;
    tgi_indices          x;
    int                  inner;
    char                 variable[TGI_INDEX_TEXT]; /* of that axis */
    char                 x_at[TGI_INDICES_TEXT], y_at[TGI_INDICES_TEXT], term_at[TGI_INDICES_TEXT];
} tgi_reduction_text;

tgi_reduction_text tgi_reduction_text_of(const tg_emit_call *call, const tgi_axes_attr *attr);

/* Opens and closes loops over the axes that are kept, and those that are reduced; without one of them, or -1. */
void tgi_open_kept(tg_emit_call *call, const tgi_reduction_text *t, int without);
void tgi_close_kept(tg_emit_call *call, const tgi_reduction_text *t, int without);
void tgi_open_reduced(tg_emit_call *call, const tgi_reduction_text *t, int without);
void tgi_close_reduced(tg_emit_call *call, const tgi_reduction_text *t, int without);

#endif
