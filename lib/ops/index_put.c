/* ops/index_put.c: elements chosen by several tensors of indices at once, one for each of the leading axes.
 *
 * One op checks the indices, which broadcast, and gives the numbers of what they choose: x is seen as a list of slices. The
 * rest is done by take, scatter and scatter_add, and by an op that overwrites slices of a leaf.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "kernels/copy.h"
#include "kernels/strided.h"
#include "ops/batched.h"
#include "ops/c_text.h"
#include "ops/operands.h"

/* ---- the numbers of the slices ----------------------------------------------------------------------------------- */

typedef struct ravel_attr {
    int64_t dims[TG_MAX_RANK]; /* the sizes of the axes that the operands are indices of */
} ravel_attr;

static tg_status infer_ravel(tg_infer *call) {
    for (int k = 0; k < call->count; k++)
        if (call->in[k].dtype != TG_I64) return tg_refuse(call, TG_ERR_DTYPE, "the indices must be int64");
    call->out.dtype = TG_I64;
    return tg_infer_broadcast(call);
}

static tg_status ravel_kernel(tg_kernel_call *call) {
    const ravel_attr *attr = call->attr;
    const tg_array   *y = &call->out;
    int64_t          *out = y->data;
    for (int k = 0; k < call->count; k++) {
        const tg_array *x = &call->in[k];
        const int64_t  *index = x->data;
        tgi_walk        walk = {.rank = y->rank};
        memcpy(walk.dims, y->dims, sizeof walk.dims);
        tgi_stretch(x->rank, x->dims, x->strides, y->rank, y->dims, walk.strides);
        tgi_steps steps = tgi_steps_of(&walk);
        for (int64_t i = 0, size = attr->dims[k]; i < y->size; i++) {
            int64_t at = index[tgi_next(&steps)];
            if (at < 0 || at >= size)
                return tg_kernel_fail_with(call, TG_ERR_INDEX, TGI_OUT_OF_RANGE, (long long)at, (long long)i, (long long)size);
            out[i] = (k ? out[i] * size : 0) + at;
        }
    }
    return TG_OK;
}

static void ravel_emit(tg_emit_call *call) {
    const ravel_attr *attr = call->attr;
    tgi_indices       y = tgi_indices_of(call->out.rank, call->out.dims, 0);
    char              at[TGI_INDICES_TEXT], y_at[TGI_INDICES_TEXT];
    tgi_indices_text(&y, y_at);
    for (int k = 0; k < call->count; k++) {
        tgi_indices x = tgi_last_indices(&y, call->in[k].rank);
        tgi_open_loops(call, &y, 0, y.rank, call->out.dims);
        tg_emit(call, "{\nconst int64_t pos = $%d[%s];", k, tgi_indices_text(&x, at));
        tg_emit(call,
                "if (pos < 0 || pos >= %" PRId64 ") {\n$fail_index(an index is out of range for axis %d of size %" PRId64
                ")\n}",
                attr->dims[k], k, attr->dims[k]);
        if (k)
            tg_emit(call, "$y[%s] = $y[%s] * %" PRId64 " + pos;\n}", y_at, y_at, attr->dims[k]);
        else
            tg_emit(call, "$y[%s] = pos;\n}", y_at);
        tgi_close_loops(call, &y, 0, y.rank);
    }
}

static const tg_op ravel = {"index", -1, infer_ravel, .kernel = ravel_kernel, .emit = ravel_emit, .batch = tgi_batch_elements};

/* ---- what both functions begin with ------------------------------------------------------------------------------ */

/* x, its shape, and how many slices the axes with indices make of it. */
typedef struct choice {
    const char *what;
    tg_tape    *tape;
    tg_tensor   x;
    tg_shape    shape;
    int         count; /* of the axes with indices */
    int64_t     slices;
} choice;

/* Whether operand i, counted from 1, is a plain number or a tensor of the tape. */
static bool can_use(const choice *c, tg_tensor x, int i) {
    char   role[32];
    double number;
    snprintf(role, sizeof role, "operand %d", i);
    return tgi_is_number(x, &number) || tgi_resolve(c->tape, x, c->what, role);
}

/* Records the numbers of the slices; invalid, with the error noted, where the indices cannot be used. */
static tg_tensor record_ravel(const choice *c, const tg_tensor *indices) {
    tg_tensor  index[TG_MAX_RANK];
    ravel_attr attr = {{0}};
    double     number;
    for (int k = 0; k < c->count; k++) {
        index[k] = indices[k];
        attr.dims[k] = c->shape.dims[k];
        if (!can_use(c, index[k], k + 2)) return tgi_invalid(c->tape);
        if (tgi_is_number(index[k], &number)) index[k] = tgi_full(c->tape, c->what, TG_I64, TG_SHAPE(), number);
        if (tgi_check_known_indices(c->tape, index[k], c->what, attr.dims[k])) return tgi_invalid(c->tape);
    }
    return tg_record(c->tape, &ravel, c->count, index, &attr, sizeof attr);
}

/* Checks x and the number of indices. */
static bool begin(choice *c, const char *what, tg_tensor x, tg_list indices) {
    tg_tape *tape = tgi_tape_of(x);
    if (!tape && indices.x) tape = tgi_tape_of_any(indices.count, indices.x);
    *c = (choice){.what = what, .tape = tape, .x = x, .count = indices.count};
    if (tgi_check(tape)) return false;
    const tgi_node *node = tgi_resolve(tape, x, what, "operand 1");
    if (!node) return false;
    c->shape = tgi_node_shape(node);
    if (c->count < 1 || c->count > node->rank || !indices.x) {
        tgi_fail(tape, TG_ERR_SHAPE, what, "%d indices for a tensor of rank %d", c->count, (int)node->rank);
        return false;
    }
    c->slices = tgi_checked_size(c->count, c->shape.dims);
    if (c->slices >= 0) return true;
    tgi_fail(tape, TG_ERR_SHAPE, what, "there are too many slices");
    return false;
}

/* ---- index ------------------------------------------------------------------------------------------------------- */

tg_tensor(tg_index)(tg_tensor x, tg_list indices) {
    choice c;
    if (!begin(&c, "index", x, indices)) return tgi_invalid(c.tape);
    tg_shape slices = {.rank = c.shape.rank - c.count + 1, .dims = {c.slices}};
    for (int i = 1; i < slices.rank; i++)
        slices.dims[i] = c.shape.dims[c.count + i - 1];
    tg_scope scope = tg_begin_scope(c.tape, c.what);
    return tg_end_scope_with(scope, tg_take(tg_reshape(x, slices), record_ravel(&c, indices.x), 0));
}

/* ---- index_put --------------------------------------------------------------------------------------------------- */

static int64_t slice_size(const choice *c) {
    return tgi_size(c->shape.rank - c->count, c->shape.dims + c->count);
}

/* The values, broadcast to the shape of what is chosen, as a list of `count` slices of `size` elements. */
static tg_tensor as_slices(const choice *c, tg_tensor values, tg_tensor index, int64_t count, int64_t size) {
    tg_shape chosen = tg_shape_of(index);
    double   number;
    if (chosen.rank + c->shape.rank - c->count > TG_MAX_RANK) {
        tgi_fail(c->tape, TG_ERR_SHAPE, c->what, "what is chosen has more than %d axes", TG_MAX_RANK);
        return tgi_invalid(c->tape);
    }
    for (int i = c->count; i < c->shape.rank; i++)
        chosen.dims[chosen.rank++] = c->shape.dims[i];
    if (tgi_is_number(values, &number)) values = tgi_full(c->tape, c->what, tg_dtype_of(c->x), TG_SHAPE(), number);
    return tg_reshape(tg_broadcast_to(values, chosen), TG_SHAPE(count, size));
}

static tg_tensor put(const choice *c, tg_tensor values, tg_tensor index, bool accumulate) {
    if (!tg_valid(index)) return index;
    int64_t   size = slice_size(c), count = tg_size(index);
    tg_tensor slices = tg_reshape(c->x, TG_SHAPE(c->slices, size)), source = as_slices(c, values, index, count, size);
    tg_tensor at = tg_broadcast_to(tg_reshape(index, TG_SHAPE(count, 1)), TG_SHAPE(count, size));
    return tg_reshape(accumulate ? tg_scatter_add(slices, at, source, 0) : tg_scatter(slices, at, source, 0), c->shape);
}

tg_tensor(tg_index_put)(tg_tensor x, tg_list indices, tg_tensor values, bool accumulate) {
    choice c;
    if (!begin(&c, "index_put", x, indices)) return tgi_invalid(c.tape);
    if (!can_use(&c, values, c.count + 2)) return tgi_invalid(c.tape);
    tg_scope scope = tg_begin_scope(c.tape, c.what);
    return tg_end_scope_with(scope, put(&c, values, record_ravel(&c, indices.x), accumulate));
}

/* ---- assign_at --------------------------------------------------------------------------------------------------- */

typedef struct assign_at_attr {
    tgi_assign_attr assign;
    int32_t         zero;
    int64_t         slices, size; /* the leaf as so many slices, of so many elements */
} assign_at_attr;

/* Operands: the leaf, the numbers of slices of it, and what these become. */
static tg_status infer_assign_at(tg_infer *call) {
    call->out = call->in[0];
    return tgi_require_equal(call, call->in[0].dtype, call->in[2].dtype);
}

/* The numbers have been checked when they were computed. */
static tg_status assign_at_kernel(tg_kernel_call *call) {
    const assign_at_attr *attr = call->attr;
    const int64_t        *at = tg_contiguous(call, 1);
    const char           *from = tg_contiguous(call, 2);
    size_t                bytes = (size_t)attr->size * tg_dtype_size(call->out.dtype);
    if (from == call->out.data) from = tgi_apart_from_leaf(call, 2);
    if (!at || !from) return TG_ERR_MEMORY;
    for (int64_t k = 0; bytes && k < call->in[1].size; k++, from += bytes)
        tgi_copy_bytes((char *)call->out.data + (size_t)at[k] * bytes, from, bytes);
    return TG_OK;
}

static void assign_at_emit(tg_emit_call *call) {
    const assign_at_attr *attr = call->attr;
    tg_emit(call, "$for(k, %" PRId64 ")\n$for(i, %" PRId64 ")", tgi_size(call->in[1].rank, call->in[1].dims), attr->size);
    tg_emit(call, "$y[#($I)$1[#k] * %" PRId64 " + i] = $2[#k * %" PRId64 " + i];\n}\n}", attr->size, attr->size);
}

static void record_assign_at(const choice *c, tg_tensor values, tg_tensor index) {
    static const tg_op op = {"assign_at",           3, infer_assign_at, .kernel = assign_at_kernel, .effect = TG_ASSIGNS,
                             .emit = assign_at_emit};
    assign_at_attr     attr = {.slices = c->slices, .size = slice_size(c)};
    if (!tg_valid(index)) return;
    tg_tensor source = as_slices(c, values, index, tg_size(index), attr.size);
    tgi_record_assign(c->tape, &op, c->what, 3, ((tg_tensor[]){c->x, index, source}), &attr.assign, sizeof attr);
}

tg_status(tg_assign_at)(tg_tensor leaf, tg_list indices, tg_tensor values) {
    choice c;
    if (!begin(&c, "assign_at", leaf, indices) || !can_use(&c, values, c.count + 2)) return tg_error_status(c.tape);
    tg_scope scope = tg_begin_scope(c.tape, c.what);
    record_assign_at(&c, values, record_ravel(&c, indices.x));
    return tg_end_scope(scope);
}
