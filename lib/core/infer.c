/* core/infer.c: what shape rules share: the dtypes that operands may have, and how they broadcast; and what is expected of them.
 *
 * SPDX-License-Identifier: MIT */
#include "core/tape.h"

/* ---- dtypes ------------------------------------------------------------------------------------------------------ */

static tg_status reject_dtype(const tg_infer *call, tg_dtype dtype) {
    return tg_refuse(call, TG_ERR_DTYPE, "it takes no %s: convert with tg_cast", tg_dtype_name(dtype));
}

tg_status tgi_require_equal(const tg_infer *call, tg_dtype a, tg_dtype b) {
    return a == b ? TG_OK : tg_refuse(call, TG_ERR_DTYPE, "dtypes differ: convert one with tg_cast");
}

tg_status tgi_require_one_dtype(const tg_infer *call) {
    tg_status status = TG_OK;
    for (int i = 1; i < call->count && !status; i++)
        status = tgi_require_equal(call, call->in[0].dtype, call->in[i].dtype);
    return status;
}

tg_status tgi_require_dtype(const tg_infer *call, tg_dtype dtype, tgi_dtype_set set) {
    return tgi_dtype_in(dtype, set) ? TG_OK : reject_dtype(call, dtype);
}

tg_status tgi_require_loop(const tg_infer *call, tg_dtype dtype) {
    return tgi_loop_of(call->op, dtype) ? TG_OK : reject_dtype(call, dtype);
}

tg_status tgi_require_operand(tg_tensor x, const char *what, tgi_dtype_set set) {
    const tg_op op = {.name = what};
    tg_type     type = tgi_node_type(tgi_node_at(x.tape, tgi_index(x)));
    tg_infer    call = {.tape = x.tape, .op = &op, .count = 1, .in = &type};
    return tgi_require_dtype(&call, type.dtype, set);
}

/* ---- elementwise ops --------------------------------------------------------------------------------------------- */

tg_status tg_infer_broadcast(tg_infer *call) {
    if (call->count == 0) return tg_refuse(call, TG_ERR_ARGUMENT, "there are no operands");
    call->out.rank = call->in[0].rank;
    call->out.dims = call->in[0].dims;
    for (int i = 1; i < call->count; i++) {
        const tg_type *in = &call->in[i];
        tg_type       *out = &call->out;
        if (in->rank == 0 || tgi_same_dims(out->rank, out->dims, in->rank, in->dims)) continue;
        if (out->rank == 0) {
            out->rank = in->rank;
            out->dims = in->dims;
        } else if (!tgi_broadcast(&out->rank, call->dims, out->rank, out->dims, in->rank, in->dims))
            return tg_refuse(call, TG_ERR_SHAPE, "the shapes do not broadcast");
        else
            out->dims = call->dims;
    }
    return TG_OK;
}

tg_status tg_infer_elementwise(tg_infer *call) {
    if (call->count == 0) return tg_refuse(call, TG_ERR_ARGUMENT, "there are no operands");
    if (tgi_require_one_dtype(call) || tgi_require_loop(call, call->in[0].dtype)) return call->tape->status;
    call->out.dtype = call->in[0].dtype;
    return tg_infer_broadcast(call);
}

/* ---- what a shape rule and an op promise ------------------------------------------------------------------------- */

int tgi_lead_of(const tg_op *op, int count, const tg_type *in, const tg_type *out, const void *attr) {
    if (!op->lead || op->random || !count || count > TG_MAX_LOOP_OPERANDS) return TGI_NO_AXES;
    int axes = op->lead(in, attr);
    if (axes == -1) return TGI_NO_AXES;
    bool good = axes >= 0 && axes <= in->rank && axes <= out->rank && tgi_same_dims(axes, in->dims, axes, out->dims);
    return good ? axes : TGI_WRONG_AXES;
}

int tgi_reduced_of(const tg_op *op, int count, const tg_type *in, const tg_type *out, const void *attr) {
    if (!op->reduced || !op->block_reduce || count != 1) return TGI_NO_AXES;
    int axes = op->reduced(in, attr);
    if (axes == -1) return TGI_NO_AXES;
    bool good = axes >= 0 && axes <= in->rank && in->dtype == out->dtype &&
                tgi_size(in->rank - axes, in->dims + axes) == tgi_size(out->rank, out->dims);
    return good ? axes : TGI_WRONG_AXES;
}

int tgi_side_by_side_of(const tg_op *op, int count, const tg_type *in, const tg_type *out, const void *attr) {
    if (!op->side_by_side || op->random || !count || !op->side_by_side(in, attr)) return TGI_NO_AXES;
    bool good = out->rank == in->rank + 1 && out->dims[in->rank] == count && out->dtype == in->dtype;
    for (int j = 0; j < count && good; j++)
        good = in[j].dtype == in->dtype && tgi_same_dims(in[j].rank, in[j].dims, out->rank - 1, out->dims);
    return good ? in->rank : TGI_WRONG_AXES;
}

/* Whether the sizes are an operand's, some of them in a row, or in the call itself. */
static bool has_good_dims(const tg_infer *call) {
    const tg_type *out = &call->out;
    if (out->dims == call->dims || out->rank == 0) return true;
    for (int i = 0; i < call->count; i++) {
        uintptr_t first = (uintptr_t)call->in[i].dims, bytes = (uintptr_t)out->dims - first;
        size_t    width = sizeof *out->dims;
        if (bytes % width == 0 && bytes / width + (size_t)out->rank <= (size_t)call->in[i].rank) return true;
    }
    return false;
}

/* The sizes. */
static tg_status check_shape(tg_infer *call) {
    const tg_type *out = &call->out;
    if (out->rank < 0 || out->rank > TG_MAX_RANK)
        return tg_refuse(call, TG_ERR_SHAPE, "the result would have %d axes, and %d are the most", out->rank, TG_MAX_RANK);
    if (!has_good_dims(call))
        return tg_refuse(call, TG_ERR_SHAPE, "the op's shape rule gives no sizes: out.dims is neither dims nor an operand's");
    if (out->rank == 0) call->out.dims = call->dims;
    if (tgi_checked_size(out->rank, out->dims) >= 0) return TG_OK;
    return tg_refuse(call, TG_ERR_SHAPE, "the result would have a negative size, or too many elements");
}

/* A loop is called for the elements of the result, and goes through the operands beside them. */
static tg_status check_loop(const tg_infer *call) {
    const tg_type *out = &call->out;
    int            rank;
    int64_t        dims[TG_MAX_RANK];
    for (int i = 0; i < call->count; i++) {
        const tg_type *in = &call->in[i];
        if (in->rank == 0 || tgi_same_dims(in->rank, in->dims, out->rank, out->dims)) continue;
        if (!tgi_broadcast(&rank, dims, in->rank, in->dims, out->rank, out->dims) ||
            !tgi_same_dims(rank, dims, out->rank, out->dims))
            return tg_refuse(call, TG_ERR_SHAPE, "operand %d does not broadcast to the shape that the op's shape rule gives",
                             i + 1);
    }
    return TG_OK;
}

static tg_status check_kernel(const tg_infer *call) {
    const tg_op *op = call->op;
    if (tgi_lead_of(op, call->count, call->in, &call->out, call->attr) == TGI_WRONG_AXES)
        return tg_refuse(call, TG_ERR_SHAPE, "the op's `lead` gives axes that operand and result do not share");
    if (tgi_reduced_of(op, call->count, call->in, &call->out, call->attr) == TGI_WRONG_AXES)
        return tg_refuse(call, TG_ERR_SHAPE, "the op's `reduced` gives axes that do not leave the result");
    if (tgi_side_by_side_of(op, call->count, call->in, &call->out, call->attr) == TGI_WRONG_AXES)
        return tg_refuse(call, TG_ERR_SHAPE,
                         "the op's `side_by_side` needs operands of one shape and dtype, and a result with one axis more, of their number");
    return TG_OK;
}

tg_status tgi_check_result(tg_infer *call) {
    const tg_op *op = call->op;
    if (!tg_dtype_size(call->out.dtype)) return tg_refuse(call, TG_ERR_DTYPE, "the op's shape rule gives no dtype");
    if (check_shape(call)) return call->tape->status;
    if (op->view && !call->count) return tg_refuse(call, TG_ERR_ARGUMENT, "a view has an operand");
    if (op->view && call->out.dtype != call->in[0].dtype)
        return tg_refuse(call, TG_ERR_DTYPE, "a view cannot change the dtype");
    if (op->view) return TG_OK;
    if (call->count && call->count <= TG_MAX_LOOP_OPERANDS && tgi_loop_of(op, call->in[call->count - 1].dtype))
        return check_loop(call);
    if (op->kernel) return op->lead || op->reduced || op->side_by_side ? check_kernel(call) : TG_OK;
    return op->effect ? TG_OK : tg_refuse(call, TG_ERR_DTYPE, "the op has no code for its operands");
}
