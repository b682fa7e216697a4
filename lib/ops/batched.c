/* ops/batched.c: ops done many times at once, along a new first axis.
 *
 * Each op that can be has its rule beside its other rules; here is what they share, and the rule of elementwise ops.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/batched.h"

#include <string.h>

#include "ops/operands.h"

void tgi_add_axes(tg_shape *shape, int count, const int64_t *dims) {
    for (int i = 0; i < count && shape->rank < TG_MAX_RANK; i++)
        shape->dims[shape->rank++] = dims[i];
}

tg_shape tgi_batched_shape(int64_t size, tg_shape shape) {
    tg_shape wide = {.rank = 1, .dims = {size}};
    tgi_add_axes(&wide, shape.rank, shape.dims);
    return wide;
}

tg_shape tgi_shape_of_part(const tg_batch_call *call, int j) {
    tg_shape whole = tg_shape_of(call->x[j]), part = {.rank = 0};
    if (!call->has_axis[j] || !whole.rank) return whole;
    tgi_add_axes(&part, whole.rank - 1, whole.dims + 1);
    return part;
}

tg_tensor tg_batched(const tg_batch_call *call, int j) {
    if (call->has_axis[j]) return call->x[j];
    return tg_broadcast_to(call->x[j], tgi_batched_shape(call->size, tg_shape_of(call->x[j])));
}

tg_tensor tgi_align_batched(tg_tensor x, int rank) {
    tg_shape      from = tg_shape_of(x), wide = {.rank = 1, .dims = {from.dims[0]}};
    const int64_t one = 1;
    if (from.rank > rank) return x;
    for (int i = from.rank; i <= rank; i++)
        tgi_add_axes(&wide, 1, &one);
    tgi_add_axes(&wide, from.rank - 1, from.dims + 1);
    return tg_reshape(x, wide);
}

static int most_axes(const tg_batch_call *call) {
    int most = 0;
    for (int j = 0; j < call->count; j++) {
        int rank = tgi_shape_of_part(call, j).rank;
        if (rank > most) most = rank;
    }
    return most;
}

/* Records the op, of these operands. */
static tg_tensor record(const tg_batch_call *call, const void *attr, tg_tensor (*operand)(const tg_batch_call *call, int j)) {
    tg_tape   *tape = tgi_tape_of_any(call->count, call->x);
    tg_tensor *x = tgi_pool_take(&tape->pool, (size_t)call->count * sizeof *x), result = tgi_invalid(tape);
    if (!x) {
        tgi_out_of_memory(tape, call->op->name);
        return result;
    }
    for (int j = 0; j < call->count; j++)
        x[j] = operand(call, j);
    result = tg_record(tape, call->op, call->count, x, attr, call->attr_size);
    tgi_pool_give(&tape->pool, x);
    return result;
}

/* Stacks are aligned at their last axes, and a source may have fewer axes than what it goes into. */
static tg_tensor batched_and_aligned(const tg_batch_call *call, int j) {
    return tgi_align_batched(tg_batched(call, j), most_axes(call));
}

tg_tensor tg_batch_stack(const tg_batch_call *call) {
    return record(call, call->attr, batched_and_aligned);
}

tg_tensor tgi_batch_along(const tg_batch_call *call) {
    tg_tape *tape = tgi_tape_of_any(call->count, call->x);
    int64_t *attr = tgi_pool_take(&tape->pool, call->attr_size);
    if (!attr) {
        tgi_out_of_memory(tape, call->op->name);
        return tgi_invalid(tape);
    }
    memcpy(attr, call->attr, call->attr_size);
    ++*attr;
    tg_tensor result = record(call, attr, batched_and_aligned);
    tgi_pool_give(&tape->pool, attr);
    return result;
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

static int axes_of(const tg_batch_call *call) {
    return (int)*(const int64_t *)call->attr;
}

/* (size, N, C, ...) as (size N, C, ...), or (size, C, ...) as it is. */
static tg_tensor as_more_images(const tg_batch_call *call, int j) {
    tg_shape part = tgi_shape_of_part(call, j), all = {.rank = 1, .dims = {call->size}};
    bool     single = part.rank == axes_of(call) + 1;
    if (!single) all.dims[0] *= part.dims[0];
    tgi_add_axes(&all, part.rank - !single, part.dims + !single);
    return tg_reshape(tg_batched(call, j), all);
}

tg_tensor tgi_batch_images(const tg_batch_call *call, int images) {
    enum { MOST_OPERANDS = 3 };
    tg_shape  part = tgi_shape_of_part(call, 0), y = {.rank = 1, .dims = {call->size}};
    tg_tensor x[MOST_OPERANDS];
    for (int j = 0; j < call->count && j < MOST_OPERANDS; j++)
        x[j] = j < images ? as_more_images(call, j) : call->x[j];
    tg_tensor result = tg_record(NULL, call->op, call->count, x, call->attr, call->attr_size);
    if (!tg_valid(result)) return result;
    tg_shape all = tg_shape_of(result);
    if (part.rank > axes_of(call) + 1) tgi_add_axes(&y, 1, part.dims);
    tgi_add_axes(&y, all.rank - 1, all.dims + 1);
    return tg_reshape(result, y);
}

tg_tensor tgi_batch_pooling(const tg_batch_call *call) {
    return tgi_batch_images(call, call->count);
}

/* ---- elementwise ops --------------------------------------------------------------------------------------------- */

bool tgi_batches_elements(const tg_op *op, tg_dtype last) {
    return tgi_loop_of(op, last) && !op->kernel && !op->view;
}

/* Operands are aligned at their last axes: one that has the axis of the batch needs as many axes behind it as the widest has. */
static tg_tensor aligned(const tg_batch_call *call, int j) {
    return call->has_axis[j] ? tgi_align_batched(call->x[j], most_axes(call)) : call->x[j];
}

tg_tensor tgi_batch_elements(const tg_batch_call *call) {
    return record(call, call->attr, aligned);
}
