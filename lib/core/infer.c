/* core/infer.c: what shape rules share: the dtypes that operands may have, and how they broadcast.
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
