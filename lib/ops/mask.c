/* ops/mask.c: elements chosen by a bool tensor: masked_fill; nonzero and masked_select, whose results have sizes that follow
 * from values.
 *
 * The size of a result is known when it is recorded. So nonzero runs what is pending, counts, and records an op for as many
 * elements; should there be another number of them in a later run, that is an error.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "ops/c_text.h"

/* ---- masked_fill ------------------------------------------------------------------------------------------------- */

tg_tensor(tg_masked_fill)(tg_tensor x, tg_tensor mask, tg_tensor value) {
    tg_operands    o;
    tg_shape       shape;
    const tg_type *to = &o.type[0];
    if (tg_check_operands(&o, "masked_fill", 3, 3, (tg_tensor[]){x, mask, value}) || tg_check_broadcast(&o, &shape))
        return tgi_invalid(o.tape);
    if (!tgi_same_dims(shape.rank, shape.dims, to->rank, to->dims)) {
        tg_refuse_operands(&o, TG_ERR_SHAPE, "the mask and the value do not broadcast to the shape of the tensor");
        return tgi_invalid(o.tape);
    }
    tg_scope scope = tg_begin_scope(o.tape, "masked_fill");
    return tg_end_scope_with(scope, tg_where(mask, value, x));
}

/* ---- nonzero ----------------------------------------------------------------------------------------------------- */

typedef struct nonzero_attr {
    int64_t count;
    int64_t flat; /* 1: numbers of elements in row-major order; 0: a row of indices for each */
} nonzero_attr;

static tg_status infer_nonzero(tg_infer *call) {
    const nonzero_attr *attr = call->attr;
    call->out = (tg_type){.dtype = TG_I64, .rank = attr->flat ? 1 : 2, .dims = call->dims};
    call->dims[0] = attr->count;
    call->dims[1] = call->in[0].rank;
    return TG_OK;
}

static void put_indices(const tg_array *x, int64_t at, int64_t *out) {
    for (int k = x->rank - 1; k >= 0; at /= x->dims[k--])
        out[k] = at % x->dims[k];
}

/* The operand is the bool tensor of what is not 0. */
static tg_status nonzero_kernel(tg_kernel_call *call) {
    const nonzero_attr *attr = call->attr;
    const tg_array     *x = &call->in[0];
    const uint8_t      *from = tg_contiguous(call, 0);
    int64_t             found = 0, width = attr->flat ? 1 : x->rank, *out = call->out.data;
    if (!from) return TG_ERR_MEMORY;
    for (int64_t i = 0; i < x->size; i++) {
        if (!from[i] || found++ >= attr->count) continue;
        if (attr->flat)
            *out = i;
        else
            put_indices(x, i, out);
        out += width;
    }
    if (found == attr->count) return TG_OK;
    return tg_kernel_fail(call, "%lld elements are chosen, and there were %lld when it was recorded: record it again",
                          (long long)found, (long long)attr->count);
}

static void nonzero_emit(tg_emit_call *call) {
    const nonzero_attr *attr = call->attr;
    const tg_type      *x = &call->in[0];
    int64_t             size = tgi_size(x->rank, x->dims), inner = size;
    tg_emit(call, "$I pos = 0;\n$for(i, %" PRId64 ")\nif (!$0[#i]) continue;", size);
    if (attr->count) tg_emit(call, "if (pos < %" PRId64 ") {", attr->count);
    if (attr->count && attr->flat) tg_emit(call, "$y[pos] = i;");
    for (int k = 0; k < x->rank && attr->count && !attr->flat && size; k++) {
        inner /= x->dims[k];
        tg_emit(call, "$y[pos, %d] = i / %" PRId64 " %% %" PRId64 ";", k, inner, x->dims[k]);
    }
    if (attr->count) tg_emit(call, "}");
    tg_emit(call, "pos++;\n}\nif (pos != %" PRId64 ") {", attr->count);
    tg_emit(call, "$fail(not %" PRId64 " elements are chosen: so many were when it was recorded)\n}", attr->count);
}

/* Of a bool tensor. Runs what it depends on, unless there is an error already. */
static tg_tensor find_nonzero(tg_tensor mask, bool flat) {
    static const tg_op op = {"nonzero", 1, infer_nonzero, .kernel = nonzero_kernel, .emit = nonzero_emit};
    nonzero_attr       attr = {.flat = flat};
    tg_tensor          count = tg_sum(tg_cast(mask, TG_I64));
    if (tg_keep(count) == TG_OK) tg_read(count, &attr.count, 1);
    return tg_record(NULL, &op, 1, &mask, &attr, sizeof attr);
}

/* A part does not run while it is recorded, and neither does what the library calls back. */
static bool can_count(const tg_operands *o) {
    if (tgi_check_outside(o->tape, o->name)) return false;
    if (!o->tape->part) return true;
    tgi_fail(o->tape, TG_ERR_ARGUMENT, o->name, "not in a part, where the size of a result cannot depend on values");
    return false;
}

tg_tensor(tg_nonzero)(tg_tensor x) {
    tg_operands o;
    if (tg_check_operands(&o, "nonzero", 1, 1, &x) || !can_count(&o)) return tgi_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, "nonzero");
    return tg_end_scope_with(scope, find_nonzero(tg_ne(x, 0), false));
}

static tg_status check_mask(const tg_operands *o) {
    const tg_type *x = &o->type[0], *mask = &o->type[1];
    if (mask->dtype != TG_BOOL) return tg_refuse_operands(o, TG_ERR_DTYPE, "the mask must be bool");
    if (tgi_same_dims(x->rank, x->dims, mask->rank, mask->dims)) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "the mask does not have the shape of the tensor: use tg_broadcast_to");
}

tg_tensor(tg_masked_select)(tg_tensor x, tg_tensor mask) {
    tg_operands o;
    if (tg_check_operands(&o, "masked_select", 2, 2, (tg_tensor[]){x, mask}) || check_mask(&o) || !can_count(&o))
        return tgi_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, "masked_select");
    return tg_end_scope_with(scope, tg_take(tg_reshape(x, TG_SHAPE(-1)), find_nonzero(mask, true), 0));
}
