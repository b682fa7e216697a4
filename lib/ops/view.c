/* ops/view.c: the same elements, seen in another shape or order.
 *
 * Only a reshape of elements that are not contiguous may have to copy; all else is done by strides.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "kernels/strided.h"
#include "ops/batched.h"

/* A shape as an attribute, without padding. */
typedef struct shape_attr {
    int64_t rank, dims[TG_MAX_RANK];
} shape_attr;

static tg_tensor record_with_shape(const tg_op *op, tg_tensor x, tg_shape shape) {
    tg_tape   *tape = tgi_tape_of(x);
    shape_attr attr = {.rank = shape.rank};
    if (tgi_check(tape)) return tgi_invalid(tape);
    if (shape.rank < 0 || shape.rank > TG_MAX_RANK) {
        tgi_fail(tape, TG_ERR_SHAPE, op->name, "a shape has at most %d axes", TG_MAX_RANK);
        return tgi_invalid(tape);
    }
    memcpy(attr.dims, shape.dims, (size_t)shape.rank * sizeof *shape.dims);
    return tg_record(NULL, op, 1, &x, &attr, sizeof attr);
}

const tgi_node *tgi_operand(tg_tensor x, const char *what) {
    tg_tape *tape = tgi_tape_of(x);
    return tgi_check(tape) ? NULL : tgi_resolve(tape, x, what, "the operand");
}

int tgi_resolve_axis(tg_tensor x, const char *what, int axis) {
    const tgi_node *node = tgi_operand(x, what);
    int             from_front = node ? tgi_axis(axis, node->rank) : -1;
    if (node && from_front < 0) tgi_fail(x.tape, TG_ERR_SHAPE, what, "axis %d of a tensor of rank %d", axis, node->rank);
    return from_front;
}

/* ---- reshape ----------------------------------------------------------------------------------------------------- */

static tg_status infer_reshape(tg_infer *call) {
    const shape_attr *shape = call->attr;
    char              text[TGI_TEXT];
    int64_t           size = tgi_size(call->in[0].rank, call->in[0].dims), known = 1;
    int               open = -1;
    call->out = (tg_type){.dtype = call->in[0].dtype, .rank = (int)shape->rank, .dims = call->dims};
    for (int i = 0; i < shape->rank; i++) {
        call->dims[i] = shape->dims[i];
        if (shape->dims[i] == -1 && open < 0)
            open = i;
        else
            known = shape->dims[i] < 0 || (shape->dims[i] && known > INT64_MAX / shape->dims[i]) ? -1 : known * shape->dims[i];
        if (known < 0) break;
    }
    if (open >= 0 && known > 0 && size % known == 0)
        call->dims[open] = size / known;
    else if (open >= 0 || known != size)
        return tg_refuse(call, TG_ERR_SHAPE, "%lld elements do not go into %s", (long long)size,
                         tgi_shape_text(text, (int)shape->rank, shape->dims));
    return TG_OK;
}

/* The new axes are cut, innermost first, from runs of old axes that are contiguous in memory; an axis that would have to extend
 * past the end of a run has no stride. */
static bool reshape_view(const tg_array *in, const void *attr, tg_array *out) {
    (void)attr;
    out->data = in->data;
    tgi_row_major(out->rank, out->dims, out->strides);
    if (in->size == 0 || tgi_is_row_major(in->rank, in->dims, in->strides)) return true;

    tgi_walk walk = tgi_walk_of(1, in->rank, in->dims, in->strides);
    int      run = walk.rank - 1;
    int64_t  left = walk.dims[run], stride = walk.strides[run];
    for (int i = out->rank - 1; i >= 0; i--) {
        if (left == 1 && run > 0 && out->dims[i] != 1) {
            left = walk.dims[--run];
            stride = walk.strides[run];
        }
        if (left % out->dims[i]) return false;
        out->strides[i] = stride;
        left /= out->dims[i];
        stride *= out->dims[i];
    }
    return true;
}

static tg_tensor reshape_rule(const tg_rule_call *call) {
    return tg_reshape(call->g, tg_shape_of(call->x[0]));
}

/* The attribute may leave a size open. */
static tg_tensor reshape_batch(const tg_batch_call *call) {
    const shape_attr *attr = call->attr;
    tg_shape          shape = {.rank = (int)attr->rank}, part = tgi_shape_of_part(call, 0);
    int64_t           known = 1;
    tgi_copy_sizes(shape.rank, attr->dims, shape.dims);
    for (int i = 0; i < shape.rank; i++)
        if (shape.dims[i] >= 0) known *= shape.dims[i];
    for (int i = 0; i < shape.rank; i++)
        if (shape.dims[i] < 0) shape.dims[i] = known ? tg_shape_size(part) / known : 0;
    return tg_reshape(call->x[0], tgi_batched_shape(call->size, shape));
}

static tg_rule *const reshape_rules[] = {reshape_rule};

static const tg_op reshape =
    {"reshape", 1, infer_reshape, .view = reshape_view, .rules = reshape_rules, .batch = reshape_batch};

tg_tensor(tg_reshape)(tg_tensor x, tg_shape shape) {
    return record_with_shape(&reshape, x, shape);
}

/* ---- reshapes by another name ------------------------------------------------------------------------------------ */

/* x, which is `node`, without the axes whose bits are set, which are of size 1. */
static tg_tensor without_axes(tg_tensor x, const tgi_node *node, unsigned axes) {
    tg_shape left = {0};
    for (int i = 0; i < node->rank; i++)
        if (!(axes >> i & 1)) left.dims[left.rank++] = node->dims[i];
    return tg_reshape(x, left);
}

tg_tensor(tg_squeeze)(tg_tensor x) {
    const tgi_node *node = tgi_operand(x, "squeeze");
    unsigned        ones = 0;
    for (int i = 0; node && i < node->rank; i++)
        if (node->dims[i] == 1) ones |= 1u << i;
    return node ? without_axes(x, node, ones) : tgi_invalid(tgi_tape_of(x));
}

tg_tensor(tg_squeeze_axes)(tg_tensor x, tg_axes axes) {
    const tgi_node *node = tgi_operand(x, "squeeze");
    unsigned        ones = 0;
    if (node && (axes.count < 0 || axes.count > TG_MAX_RANK))
        tgi_fail(x.tape, TG_ERR_SHAPE, "squeeze", "a tensor has at most %d axes", TG_MAX_RANK);
    for (int k = 0; node && !x.tape->status && k < axes.count; k++) {
        int i = tgi_resolve_axis(x, "squeeze", axes.axis[k]);
        if (i >= 0 && node->dims[i] != 1)
            tgi_fail(x.tape, TG_ERR_SHAPE, "squeeze", "axis %d has size %lld, not 1", axes.axis[k], (long long)node->dims[i]);
        else if (i >= 0)
            ones |= 1u << i;
    }
    return node && !x.tape->status ? without_axes(x, node, ones) : tgi_invalid(tgi_tape_of(x));
}

tg_tensor(tg_unsqueeze)(tg_tensor x, int axis) {
    const tgi_node *node = tgi_operand(x, "unsqueeze");
    if (!node) return tgi_invalid(tgi_tape_of(x));
    int at = tgi_axis(axis, node->rank + 1);
    if (at < 0 || node->rank == TG_MAX_RANK) {
        tgi_fail(x.tape, TG_ERR_SHAPE, "unsqueeze", "axis %d of a result of rank %d", axis, node->rank + 1);
        return tgi_invalid(x.tape);
    }
    tg_shape wide = {.rank = node->rank + 1};
    for (int i = 0; i < wide.rank; i++)
        wide.dims[i] = i < at ? node->dims[i] : i == at ? 1 : node->dims[i - 1];
    return tg_reshape(x, wide);
}

tg_tensor(tg_flatten)(tg_tensor x, int first, int last) {
    const tgi_node *node = tgi_operand(x, "flatten");
    if (!node) return tgi_invalid(tgi_tape_of(x));
    int rank = node->rank ? node->rank : 1; /* a number becomes a vector of one */
    int from = tgi_axis(first, rank), to = tgi_axis(last, rank);
    if (from < 0 || to < from) {
        tgi_fail(x.tape, TG_ERR_SHAPE, "flatten", "axes %d to %d of a tensor of rank %d", first, last, node->rank);
        return tgi_invalid(x.tape);
    }
    tg_shape flat = {.rank = rank - (to - from)};
    for (int i = 0; i < flat.rank; i++)
        flat.dims[i] = i == from ? 1 : node->dims[i < from ? i : i + to - from];
    for (int i = from; i <= to && i < node->rank; i++)
        flat.dims[from] *= node->dims[i];
    return tg_reshape(x, flat);
}

/* ---- detach ------------------------------------------------------------------------------------------------------ */

tg_status tgi_infer_same(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

bool tgi_view_same(const tg_array *in, const void *attr, tg_array *out) {
    (void)attr;
    *out = *in;
    return true;
}

tg_tensor(tg_detach)(tg_tensor x) {
    static const tg_op op = {"detach", 1, tgi_infer_same, .view = tgi_view_same, .batch = tg_batch_stack};
    return tg_record(NULL, &op, 1, &x, NULL, 0);
}

/* ---- broadcast_to ------------------------------------------------------------------------------------------------ */

static tg_status infer_broadcast_to(tg_infer *call) {
    const shape_attr *shape = call->attr;
    char              text[TGI_TEXT];
    const tg_type    *x = &call->in[0];
    call->out = (tg_type){.dtype = x->dtype, .dims = call->dims};
    bool negative = false;
    for (int i = 0; i < shape->rank; i++)
        negative |= shape->dims[i] < 0;
    bool fits = !negative && tgi_broadcast(&call->out.rank, call->dims, x->rank, x->dims, (int)shape->rank, shape->dims);
    if (!fits || call->out.rank != shape->rank ||
        memcmp(call->dims, shape->dims, (size_t)shape->rank * sizeof *call->dims) != 0)
        return tg_refuse(call, TG_ERR_SHAPE, "it does not broadcast to %s",
                         tgi_shape_text(text, (int)shape->rank, shape->dims));
    return TG_OK;
}

static bool broadcast_to_view(const tg_array *in, const void *attr, tg_array *out) {
    (void)attr;
    out->data = in->data;
    tgi_stretch(in->rank, in->dims, in->strides, out->rank, out->dims, out->strides);
    return true;
}

/* The backward walk sums over the broadcast axes. */
static tg_tensor broadcast_to_rule(const tg_rule_call *call) {
    return call->g;
}

static tg_tensor broadcast_to_batch(const tg_batch_call *call) {
    const shape_attr *attr = call->attr;
    tg_shape          shape = {.rank = (int)attr->rank};
    tgi_copy_sizes(shape.rank, attr->dims, shape.dims);
    return tg_broadcast_to(tgi_align_batched(call->x[0], shape.rank), tgi_batched_shape(call->size, shape));
}

static tg_rule *const broadcast_to_rules[] = {broadcast_to_rule};

const tg_op tgi_broadcast_to_op = {"broadcast_to",
                                   1,
                                   infer_broadcast_to,
                                   .view = broadcast_to_view,
                                   .rules = broadcast_to_rules,
                                   .batch = broadcast_to_batch};

tg_tensor(tg_broadcast_to)(tg_tensor x, tg_shape shape) {
    return record_with_shape(&tgi_broadcast_to_op, x, shape);
}

tg_tensor tgi_full(tg_tape *tape, const char *what, tg_dtype dtype, tg_shape shape, double value) {
    if (tgi_check(tape) || !tgi_new_number(tape, what, value, dtype)) return tgi_invalid(tape);
    tg_tensor number = tgi_tensor(tape, tape->count - 1);
    return shape.rank ? tg_broadcast_to(number, shape) : number;
}

tg_tensor tgi_full_like(tg_tensor like, double value) {
    tg_tape *tape = tgi_tape_of(like);
    if (tgi_check(tape)) return tgi_invalid(tape);
    const tgi_node *node = tgi_node_at(tape, tgi_index(like));
    return tgi_full(tape, "number", (tg_dtype)node->dtype, tgi_node_shape(node), value);
}

/* ---- permute ----------------------------------------------------------------------------------------------------- */

typedef struct permute_attr {
    int32_t axis[TG_MAX_RANK];
} permute_attr;

static tg_status infer_permute(tg_infer *call) {
    const permute_attr *order = call->attr;
    call->out = (tg_type){.dtype = call->in[0].dtype, .rank = call->in[0].rank, .dims = call->dims};
    for (int i = 0; i < call->out.rank; i++)
        call->dims[i] = call->in[0].dims[order->axis[i]];
    return TG_OK;
}

static bool permute_view(const tg_array *in, const void *attr, tg_array *out) {
    const permute_attr *order = attr;
    out->data = in->data;
    for (int i = 0; i < out->rank; i++)
        out->strides[i] = in->strides[order->axis[i]];
    return true;
}

static tg_tensor permute_rule(const tg_rule_call *call) {
    const permute_attr *order = call->attr;
    tg_axes             back = {.count = tg_shape_of(call->g).rank};
    for (int i = 0; i < back.count; i++)
        back.axis[order->axis[i]] = i;
    return tg_permute(call->g, back);
}

static tg_tensor permute_batch(const tg_batch_call *call) {
    const permute_attr *order = call->attr;
    tg_axes             axes = {.count = tg_shape_of(call->x[0]).rank};
    for (int i = 1; i < axes.count; i++)
        axes.axis[i] = order->axis[i - 1] + 1;
    return tg_permute(call->x[0], axes);
}

static tg_rule *const permute_rules[] = {permute_rule};

static const tg_op permute =
    {"permute", 1, infer_permute, .view = permute_view, .rules = permute_rules, .batch = permute_batch};

tg_tensor(tg_permute)(tg_tensor x, tg_axes axes) {
    const tgi_node *node = tgi_operand(x, "permute");
    if (!node) return tgi_invalid(tgi_tape_of(x));
    permute_attr order = {{0}};
    unsigned     seen = 0;
    bool         good = axes.count == node->rank;
    for (int i = 0; good && i < axes.count; i++) {
        order.axis[i] = tgi_axis(axes.axis[i], node->rank);
        good = order.axis[i] >= 0 && !(seen >> order.axis[i] & 1);
        if (good) seen |= 1u << order.axis[i];
    }
    if (good) return tg_record(NULL, &permute, 1, &x, &order, sizeof order);
    tgi_fail(x.tape, TG_ERR_SHAPE, "permute", "the axes do not name each of the %d axes of the tensor once", node->rank);
    return tgi_invalid(x.tape);
}

tg_tensor(tg_transpose)(tg_tensor x, int axis0, int axis1) {
    const tgi_node *node = tgi_operand(x, "transpose");
    if (!node) return tgi_invalid(tgi_tape_of(x));
    int first = tgi_axis(axis0, node->rank), second = tgi_axis(axis1, node->rank);
    if (first < 0 || second < 0) {
        tgi_fail(x.tape, TG_ERR_SHAPE, "transpose", "axes %d and %d of a tensor of rank %d", axis0, axis1, node->rank);
        return tgi_invalid(x.tape);
    }
    tg_axes order = {.count = node->rank};
    for (int i = 0; i < order.count; i++)
        order.axis[i] = i == first ? second : i == second ? first : i;
    return tg_permute(x, order);
}
