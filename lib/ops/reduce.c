/* ops/reduce.c: reductions along axes in general; sum and mean.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/reduce.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- axes -------------------------------------------------------------------------------------------------------- */

bool tgi_has_axis(const tgi_axes_attr *attr, int axis) {
    return attr->axes >> axis & 1;
}

tg_axes tgi_axes_in(const tgi_axes_attr *attr) {
    tg_axes axes = {0};
    for (int i = 0; i < TG_MAX_RANK; i++)
        if (tgi_has_axis(attr, i)) axes.axis[axes.count++] = i;
    return axes;
}

tg_axes tgi_all_axes(tg_tensor x) {
    tg_axes axes = {0};
    if (!tgi_tape_of(x) || !tg_valid(x)) return axes;
    axes.count = tgi_node_at(x.tape, tgi_index(x))->rank;
    for (int i = 0; i < axes.count; i++)
        axes.axis[i] = i;
    return axes;
}

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

/* ---- reductions in general --------------------------------------------------------------------------------------- */

/* Writes the sizes of the result, and returns its rank. */
static int reduce_dims(const tgi_axes_attr *attr, int rank, const int64_t *dims, int64_t *left) {
    int count = 0;
    for (int i = 0; i < rank; i++) {
        if (!tgi_has_axis(attr, i))
            left[count++] = dims[i];
        else if (attr->keepdim)
            left[count++] = 1;
    }
    return count;
}

tg_status tgi_infer_reduced(tg_infer *call, tg_dtype dtype) {
    const tg_type *x = &call->in[0];
    call->out = (tg_type){.dtype = dtype, .rank = reduce_dims(call->attr, x->rank, x->dims, call->dims), .dims = call->dims};
    return TG_OK;
}

tg_tensor tgi_reduce(const tg_op *op, tg_tensor x, tg_axes axes, bool keepdim) {
    const tgi_node *node = tgi_operand(x, op->name);
    tgi_axes_attr   attr = {.keepdim = keepdim};
    if (!node || !axes_to_bits(x.tape, op->name, axes, node->rank, &attr.axes)) return tgi_invalid(tgi_tape_of(x));
    return tg_record(NULL, op, 1, &x, &attr, sizeof attr);
}

/* Whether the axes are the first ones: those that are left broadcast as they are. */
static bool are_first(const tgi_axes_attr *attr, int rank) {
    int first = 0;
    while (first < rank && tgi_has_axis(attr, first))
        first++;
    while (first < rank && !tgi_has_axis(attr, first))
        first++;
    return first == rank;
}

tg_tensor tgi_unreduced(tg_tensor y, tg_tensor x, const tgi_axes_attr *attr) {
    tgi_axes_attr kept = {attr->axes, true};
    tg_shape      shape = tg_shape_of(x), ones = {.rank = shape.rank};
    if (attr->keepdim || are_first(attr, shape.rank)) return tg_broadcast_to(y, shape);
    reduce_dims(&kept, shape.rank, shape.dims, ones.dims);
    return tg_broadcast_to(tg_reshape(y, ones), shape);
}

tg_tensor tgi_batch_reduction(const tg_batch_call *call) {
    const tgi_axes_attr *attr = call->attr;
    tgi_axes_attr        moved = {attr->axes << 1, attr->keepdim};
    return tg_record(NULL, call->op, 1, call->x, &moved, sizeof moved);
}

bool tgi_begin_reduction(tg_tensor x, const char *what, tg_axes axes, bool keepdim, bool whole, tgi_reduction *r) {
    const tgi_node *node = tgi_operand(x, what);
    *r = (tgi_reduction){.attr = {.keepdim = keepdim}, .count = 1};
    if (!node || !axes_to_bits(x.tape, what, axes, node->rank, &r->attr.axes)) return false;
    r->shape.rank = reduce_dims(&r->attr, node->rank, node->dims, r->shape.dims);
    for (int i = 0; i < node->rank; i++)
        if (tgi_has_axis(&r->attr, i)) r->count *= node->dims[i];
    return !tgi_require_operand(x, what, whole ? TGI_NUMBERS : TGI_FLOATS);
}

int tgi_leading_axes(const tg_type *x, const void *attr) {
    int lead = 0;
    while (lead < x->rank && !tgi_has_axis(attr, lead))
        lead++;
    for (int i = lead; i < x->rank; i++)
        if (!tgi_has_axis(attr, i)) return -1;
    return lead;
}

int tgi_reduced_axes(const tg_type *x, const void *attr) {
    int reduced = 0;
    while (reduced < x->rank && tgi_has_axis(attr, reduced))
        reduced++;
    for (int i = reduced; i < x->rank; i++)
        if (tgi_has_axis(attr, i)) return -1;
    return reduced;
}

/* ---- sum --------------------------------------------------------------------------------------------------------- */

static tg_status infer_sum(tg_infer *call) {
    tg_dtype dtype = call->in[0].dtype;
    return tgi_require_dtype(call, dtype, TGI_NUMBERS) ? call->tape->status : tgi_infer_reduced(call, dtype);
}

tgi_sum_axes tgi_sum_axes_of(const tg_array *x, const tgi_axes_attr *attr) {
    tgi_sum_axes axes; /* of which only what is used is set */
    axes.rank = x->rank;
    axes.summed = attr->axes;
    tgi_copy_sizes(x->rank, x->dims, axes.dims);
    tgi_copy_sizes(x->rank, x->strides, axes.strides);
    return axes;
}

static tg_status sum_kernel(tg_kernel_call *call) {
    const tg_array *x = &call->in[0];
    tgi_sum_axes    axes = tgi_sum_axes_of(x, call->attr);
    return TGI_DISPATCH_NUMBERS(x->dtype, tgi_sum, &axes, x->data, call->out.data);
}

/* The shape rule lets no other dtype in. */
static void take_sum(tg_dtype dtype, int64_t rows, int64_t n, const void *x, bool add, void *partial) {
    (void)TGI_DISPATCH_NUMBERS(dtype, tgi_sum_block, rows, n, x, add, partial);
}

static void total_sum(tg_dtype dtype, int64_t blocks, int64_t n, void *partial, void *out) {
    (void)TGI_DISPATCH_NUMBERS(dtype, tgi_sum_blocks, blocks, n, partial, out);
}

static const tg_block_reduce sum_in_blocks = {take_sum, total_sum};

/* Every summand gets the gradient of its sum. */
static tg_tensor sum_rule(const tg_rule_call *call) {
    return tgi_unreduced(call->g, call->x[0], call->attr);
}

static tg_rule *const sum_rules[] = {sum_rule};

/* ---- sum in C ---------------------------------------------------------------------------------------------------- */

/* Neighbours in the result that are neighbours in x are added up as rows. */
static bool in_rows(const tg_emit_call *call) {
    const tg_type *x = &call->in[0];
    int            last = x->rank - 1;
    return last >= 0 && !tgi_has_axis(call->attr, last) && x->dims[last] >= 4 && tg_emit_stride(call, 0, last) == 1 &&
           tgi_floating(x->dtype);
}

static void add_rows(tg_emit_call *call, const tgi_reduction_text *t) {
    int           last = t->x.rank - 1;
    const char   *j = t->x.axis[last];
    const int64_t n = call->in[0].dims[last];
    tgi_open_kept(call, t, last);
    tg_emit(call, "$for(%s, %" PRId64 ")\n$y[%s] = 0;\n}", j, n, t->y_at);
    tgi_open_reduced(call, t, -1);
    tg_emit(call, "$for(%s, %" PRId64 ")\n$y[%s] += $0[%s];\n}", j, n, t->y_at, t->x_at);
    tgi_close_reduced(call, t, -1);
    tgi_close_kept(call, t, last);
}

/* One element after the other; integers wrap around. */
static void add_elements(tg_emit_call *call, const tgi_reduction_text *t) {
    bool whole = call->out.dtype == TG_I64;
    char term[TGI_INDICES_TEXT + 16];
    snprintf(term, sizeof term, whole ? "(uint64_t)$0[%s]" : "$0[%s]", t->term_at);
    tgi_open_kept(call, t, t->x.rank);
    tg_emit(call, whole ? "uint64_t acc = 0;" : "$T acc = 0;");
    tgi_open_reduced(call, t, t->inner);
    tgi_write_sum(call, "acc", t->variable, t->inner < 0 ? 1 : call->in[0].dims[t->inner], term);
    tgi_close_reduced(call, t, t->inner);
    tg_emit(call, whole ? "$y[%s] = (int64_t)acc;" : "$y[%s] = acc;", t->y_at);
    tgi_close_kept(call, t, t->x.rank);
}

static void sum_emit(tg_emit_call *call) {
    tgi_reduction_text t = tgi_reduction_text_of(call, call->attr);
    (in_rows(call) ? add_rows : add_elements)(call, &t);
}

const tg_op tgi_sum_op = {"sum",
                          1,
                          infer_sum,
                          .kernel = sum_kernel,
                          .rules = sum_rules,
                          .lead = tgi_leading_axes,
                          .reduced = tgi_reduced_axes,
                          .block_reduce = &sum_in_blocks,
                          .linearity = TG_LINEAR_TOGETHER,
                          .emit = sum_emit,
                          .batch = tgi_batch_reduction};

tg_tensor(tg_sum_axes)(tg_tensor x, tg_axes axes, bool keepdim) {
    return tgi_reduce(&tgi_sum_op, x, axes, keepdim);
}

tg_tensor(tg_sum)(tg_tensor x) {
    return tg_sum_axes(x, tgi_all_axes(x), false);
}

/* ---- mean -------------------------------------------------------------------------------------------------------- */

tg_tensor(tg_mean_axes)(tg_tensor x, tg_axes axes, bool keepdim) {
    tgi_reduction r;
    if (!tgi_begin_reduction(x, "mean", axes, keepdim, false, &r)) return tgi_invalid(tgi_tape_of(x));
    tg_scope scope = tg_begin_scope(x.tape, "mean");
    return tg_end_scope_with(scope, tg_div(tg_sum_axes(x, axes, keepdim), r.count));
}

tg_tensor(tg_mean)(tg_tensor x) {
    return tg_mean_axes(x, tgi_all_axes(x), false);
}

/* ---- the gradient of a broadcast --------------------------------------------------------------------------------- */

tg_tensor tgi_sum_to(tg_tensor x, tg_tensor to) {
    if (!tg_valid(x) || !tg_valid(to)) return x;
    tg_shape from = tg_shape_of(x), target = tg_shape_of(to);
    tg_axes  axes = {0};
    for (int i = 0, missing = from.rank - target.rank; i < from.rank; i++)
        if (i < missing || (target.dims[i - missing] == 1 && from.dims[i] != 1)) axes.axis[axes.count++] = i;
    tg_tensor total = tg_sum_axes(x, axes, true);
    return from.rank == target.rank ? total : tg_reshape(total, target);
}

/* ---- reductions in C --------------------------------------------------------------------------------------------- */

/* The axis that is walked along innermost: a reduced one whose elements are neighbours, or else the last one; -1 for none. */
static int innermost(const tg_emit_call *call, const tgi_axes_attr *attr) {
    int found = -1;
    for (int i = 0; i < call->in[0].rank; i++)
        if (tgi_has_axis(attr, i) && call->in[0].dims[i] != 1 && (found < 0 || tg_emit_stride(call, 0, found) != 1)) found = i;
    return found;
}

tgi_reduction_text tgi_reduction_text_of(const tg_emit_call *call, const tgi_axes_attr *attr) {
    const tg_type     *x = &call->in[0];
    tgi_reduction_text t = {.attr = attr,
                            .dims = x->dims,
                            .x = tgi_indices_of(x->rank, x->dims, 0),
                            .inner = innermost(call, attr)};
    tgi_indices        y = {.rank = 0}, term = t.x;
    for (int i = 0; i < x->rank; i++) {
        if (!tgi_has_axis(attr, i))
            strcpy(y.axis[y.rank++], t.x.axis[i]);
        else if (attr->keepdim)
            strcpy(y.axis[y.rank++], "0");
    }
    if (t.inner >= 0) strcpy(term.axis[t.inner], "@");
    strcpy(t.variable, t.inner < 0 ? "i" : t.x.axis[t.inner]);
    tgi_indices_text(&y, t.y_at);
    tgi_indices_text(&t.x, t.x_at);
    tgi_indices_text(&term, t.term_at);
    return t;
}

static void walk_axes(tg_emit_call *call, const tgi_reduction_text *t, bool reduced, int without, bool open) {
    for (int i = 0; i < t->x.rank; i++) {
        if (tgi_has_axis(t->attr, i) != reduced || i == without || t->dims[i] == 1) continue;
        if (open)
            tg_emit(call, "$for(%s, %" PRId64 ")", t->x.axis[i], t->dims[i]);
        else
            tg_emit(call, "}");
    }
}

void tgi_open_kept(tg_emit_call *call, const tgi_reduction_text *t, int without) {
    walk_axes(call, t, false, without, true);
}

void tgi_close_kept(tg_emit_call *call, const tgi_reduction_text *t, int without) {
    walk_axes(call, t, false, without, false);
}

void tgi_open_reduced(tg_emit_call *call, const tgi_reduction_text *t, int without) {
    walk_axes(call, t, true, without, true);
}

void tgi_close_reduced(tg_emit_call *call, const tgi_reduction_text *t, int without) {
    walk_axes(call, t, true, without, false);
}
