/* ops/reduce.c: sum, and what is made of it.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/sum.h"
#include "ops/ops.h"

/* Bit i of `axes` is set when axis i is added up. */
typedef struct sum_attr {
    uint32_t axes, keepdim;
} sum_attr;

static bool is_summed(const sum_attr *attr, int axis) {
    return attr->axes >> axis & 1;
}

static tg_status infer_sum(tg_infer *call) {
    const sum_attr *attr = call->attr;
    const tg_type  *x = &call->in[0];
    if (x->dtype == TG_BOOL) return tg_refuse(call, TG_ERR_DTYPE, "it takes no bool: convert with tg_cast");
    call->out = (tg_type){.dtype = x->dtype, .rank = 0, .dims = call->dims};
    for (int i = 0; i < x->rank; i++) {
        if (!is_summed(attr, i))
            call->dims[call->out.rank++] = x->dims[i];
        else if (attr->keepdim)
            call->dims[call->out.rank++] = 1;
    }
    return TG_OK;
}

static tg_status sum_kernel(tg_kernel_call *call) {
    const tg_array *x = &call->in[0];
    tgi_sum_axes    axes = {0};
    for (int i = 0; i < x->rank; i++) {
        bool summed = is_summed(call->attr, i);
        int  at = summed ? axes.sum_rank++ : axes.kept_rank++;
        (summed ? axes.sum_dims : axes.kept_dims)[at] = x->dims[i];
        (summed ? axes.sum_strides : axes.kept_strides)[at] = x->strides[i];
    }
    switch (x->dtype) {
    case TG_F32: tgi_sum_f32(&axes, x->data, call->out.data); break;
    case TG_F64: tgi_sum_f64(&axes, x->data, call->out.data); break;
    default: tgi_sum_i64(&axes, x->data, call->out.data); break;
    }
    return TG_OK;
}

/* Every element that was added up gets the gradient of its sum. */
static tg_tensor sum_rule(const tg_rule_call *call) {
    const sum_attr *attr = call->attr;
    tg_shape        shape = tg_shape_of(call->x[0]), kept = shape;
    for (int i = 0; i < shape.rank; i++)
        if (is_summed(attr, i)) kept.dims[i] = 1;
    return tg_broadcast_to(attr->keepdim ? call->g : tg_reshape(call->g, kept), shape);
}

static tg_rule *const sum_rules[] = {sum_rule};

static const tg_op sum = {"sum", 1, infer_sum, .kernel = sum_kernel, .rules = sum_rules};

/* ---- recording functions ----------------------------------------------------------------------------------------- */

/* The axes as bits; false, with the error noted, when they are not axes of a tensor of that rank. */
static bool axes_to_bits(tg_tape *tape, const char *what, tg_axes axes, int rank, uint32_t *bits) {
    *bits = 0;
    if (axes.count < 0 || axes.count > TG_MAX_RANK) {
        tgi_fail(tape, TG_ERR_SHAPE, what, "a tensor has at most %d axes", TG_MAX_RANK);
        return false;
    }
    for (int i = 0; i < axes.count; i++) {
        int axis = tgi_axis(axes.axis[i], rank);
        if (axis < 0 || *bits >> axis & 1) {
            tgi_fail(tape, TG_ERR_SHAPE, what, axis < 0 ? "axis %d of a tensor of rank %d" : "axis %d is named twice (rank %d)",
                     axes.axis[i], rank);
            return false;
        }
        *bits |= 1u << axis;
    }
    return true;
}

/* The operand's instruction, its axes found; NULL, with the error noted, when something does not fit. */
static const tgi_node *begin_reduction(tg_tensor x, const char *what, tg_axes axes, uint32_t *bits) {
    tg_tape        *tape = tgi_tape_of(x);
    const tgi_node *node = tgi_check(tape) ? NULL : tgi_resolve(tape, x, what, "the operand");
    return node && axes_to_bits(tape, what, axes, node->rank, bits) ? node : NULL;
}

tg_tensor(tg_sum_axes)(tg_tensor x, tg_axes axes, bool keepdim) {
    sum_attr attr = {.keepdim = keepdim};
    if (!begin_reduction(x, "sum", axes, &attr.axes)) return tgi_invalid(tgi_tape_of(x));
    return tg_record(NULL, &sum, 1, &x, &attr, sizeof attr);
}

static tg_axes all_axes(tg_tensor x) {
    tg_axes axes = {0};
    if (!tgi_tape_of(x) || !tg_valid(x)) return axes;
    axes.count = tgi_node_at(x.tape, tgi_index(x))->rank;
    for (int i = 0; i < axes.count; i++)
        axes.axis[i] = i;
    return axes;
}

tg_tensor(tg_sum)(tg_tensor x) {
    return tg_sum_axes(x, all_axes(x), false);
}

tg_tensor(tg_mean_axes)(tg_tensor x, tg_axes axes, bool keepdim) {
    static const tg_op op = {.name = "mean"};
    uint32_t           bits;
    double             count = 1;
    const tgi_node    *node = begin_reduction(x, "mean", axes, &bits);
    if (!node) return tgi_invalid(tgi_tape_of(x));
    tg_type type = tgi_node_type(node);
    if (!tgi_floating(type.dtype)) {
        tg_infer call = {.tape = x.tape, .op = &op, .count = 1, .in = &type};
        tg_refuse(&call, TG_ERR_DTYPE, "it takes no %s: convert with tg_cast", tg_dtype_name(type.dtype));
        return tgi_invalid(x.tape);
    }
    for (int i = 0; i < node->rank; i++)
        count *= bits >> i & 1 ? (double)node->dims[i] : 1;
    tgi_call call = tgi_begin(x.tape);
    return tgi_end_with(x.tape, call, tg_div(tg_sum_axes(x, axes, keepdim), count));
}

tg_tensor(tg_mean)(tg_tensor x) {
    return tg_mean_axes(x, all_axes(x), false);
}

/* ---- the gradient of a broadcast --------------------------------------------------------------------------------- */

tg_tensor tgi_sum_to(tg_tensor x, tg_tensor to) {
    if (!tg_valid(x) || !tg_valid(to)) return x;
    tg_shape from = tg_shape_of(x), target = tg_shape_of(to);
    if (tg_shape_equal(from, target)) return x;
    tg_axes axes = {0};
    for (int i = 0, missing = from.rank - target.rank; i < from.rank; i++)
        if (i < missing || (target.dims[i - missing] == 1 && from.dims[i] != 1)) axes.axis[axes.count++] = i;
    tg_tensor total = tg_sum_axes(x, axes, true);
    return from.rank == target.rank ? total : tg_reshape(total, target);
}
