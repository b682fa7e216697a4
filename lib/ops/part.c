/* ops/part.c: slice, select, flip, diagonal, unfold; vectors as diagonals; the triangles of a matrix.
 *
 * slice, select, flip, diagonal and unfold are one view: each axis of the part runs along an axis of the whole (a diagonal along
 * two), from a start, by a step.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "kernels/copy.h"
#include "kernels/strided.h"
#include "ops/batched.h"
#include "ops/c_text.h"

typedef struct part {
    int64_t whole_rank, rank;
    int64_t whole[TG_MAX_RANK], start[TG_MAX_RANK]; /* for each axis of the whole: its size, and where the part starts */
    int64_t dims[TG_MAX_RANK], step[TG_MAX_RANK];   /* for each axis of the part */
    int8_t  along[TG_MAX_RANK], too[TG_MAX_RANK];   /* the axis that it runs along; and a second one, or the same */
} part;

/* The part that is the whole. */
static part all_of(const tgi_node *node) {
    part p = {.whole_rank = node->rank, .rank = node->rank};
    for (int i = 0; i < node->rank; i++) {
        p.whole[i] = p.dims[i] = node->dims[i];
        p.step[i] = 1;
        p.along[i] = p.too[i] = (int8_t)i;
    }
    return p;
}

/* Fills in the strides of the part in a whole with the given strides, and returns the offset of its first element. */
static int64_t locate(const part *p, const int64_t *whole_strides, int64_t *strides) {
    int64_t offset = 0;
    for (int i = 0; i < p->whole_rank; i++)
        offset += p->start[i] * whole_strides[i];
    for (int i = 0; i < p->rank; i++) {
        strides[i] = p->step[i] * whole_strides[p->along[i]];
        if (p->too[i] != p->along[i]) strides[i] += p->step[i] * whole_strides[p->too[i]];
    }
    return offset;
}

/* ---- the view ---------------------------------------------------------------------------------------------------- */

static tg_status infer_part(tg_infer *call) {
    const part *p = call->attr;
    call->out = (tg_type){.dtype = call->in[0].dtype, .rank = (int)p->rank, .dims = call->dims};
    memcpy(call->dims, p->dims, sizeof call->dims);
    return TG_OK;
}

static bool part_view(const tg_array *in, const void *attr, tg_array *out) {
    const part *p = attr;
    int64_t     offset = locate(p, in->strides, out->strides);
    out->data = out->size ? (char *)in->data + offset * (int64_t)tg_dtype_size(in->dtype) : in->data;
    return true;
}

/* The same part of each: one axis more in front, which is there whole. */
static tg_tensor part_batch(const tg_batch_call *call) {
    const part *p = call->attr;
    part        all = {.whole_rank = p->whole_rank + 1, .rank = p->rank + 1};
    all.whole[0] = all.dims[0] = call->size;
    all.step[0] = 1;
    for (int i = 0; i < p->whole_rank; i++) {
        all.whole[i + 1] = p->whole[i];
        all.start[i + 1] = p->start[i];
    }
    for (int i = 0; i < p->rank; i++) {
        all.dims[i + 1] = p->dims[i];
        all.step[i + 1] = p->step[i];
        all.along[i + 1] = (int8_t)(p->along[i] + 1);
        all.too[i + 1] = (int8_t)(p->too[i] + 1);
    }
    return tg_record(NULL, call->op, 1, call->x, &all, sizeof all);
}

static tg_rule *const part_rules[] = {tg_part_rule};

#define PART(name) \
    { name, 1, infer_part, .view = part_view, .rules = part_rules, .batch = part_batch }
static const tg_op slice = PART("slice"), flip = PART("flip"), diagonal = PART("diagonal"), unfold = PART("unfold"),
                   select_op = PART("select"), diag = PART("diag"), diag_embed = PART("diag_embed");

static tg_tensor take_part(const tg_op *op, tg_tensor x, const part *p) {
    return tg_record(NULL, op, 1, &x, p, sizeof *p);
}

/* ---- recording functions ----------------------------------------------------------------------------------------- */

/* The part that is all of x, and the axis from the front; -1, with the error noted, when there is none. */
static int begin_part(tg_tensor x, const char *what, int axis, part *p) {
    int at = tgi_resolve_axis(x, what, axis);
    if (at >= 0) *p = all_of(tgi_node_at(x.tape, tgi_index(x)));
    return at;
}

/* A bound as Python reads it: negative ones count from the end, and what is beyond is moved to the edge. */
static int64_t bound(int64_t at, int64_t size, int64_t lowest, int64_t highest) {
    if (at < 0 && at >= -size) at += size;
    return at < lowest ? lowest : at > highest ? highest : at;
}

/* The slice of x; false, with the error noted, when there is none. */
static bool find_slice(tg_tensor x, const char *what, int axis, int64_t start, int64_t stop, int64_t step, part *p) {
    int i = begin_part(x, what, axis, p);
    if (i < 0) return false;
    if (step == 0 || step == INT64_MIN) {
        tgi_fail(x.tape, TG_ERR_ARGUMENT, what, "the step is %s", step ? "out of range" : "0");
        return false;
    }
    int64_t size = p->whole[i], last = step > 0 ? size : size - 1, first = step > 0 ? 0 : -1;
    start = bound(start, size, first, last);
    stop = bound(stop, size, first, last);
    int64_t way = step > 0 ? stop - start : start - stop, pace = step > 0 ? step : -step;
    p->dims[i] = way > 0 ? (way - 1) / pace + 1 : 0;
    p->step[i] = p->dims[i] > 1 ? step : 1;
    p->start[i] = p->dims[i] ? start : 0;
    return true;
}

tg_tensor(tg_slice)(tg_tensor x, int axis, int64_t start, int64_t stop, int64_t step) {
    part p;
    if (!find_slice(x, "slice", axis, start, stop, step, &p)) return tgi_invalid(tgi_tape_of(x));
    return take_part(&slice, x, &p);
}

tg_tensor(tg_flip)(tg_tensor x, tg_axes axes) {
    const tgi_node *node = tgi_operand(x, "flip");
    unsigned        seen = 0;
    if (!node) return tgi_invalid(tgi_tape_of(x));
    part p = all_of(node);
    if (axes.count < 0 || axes.count > TG_MAX_RANK)
        tgi_fail(x.tape, TG_ERR_SHAPE, "flip", "a tensor has at most %d axes", TG_MAX_RANK);
    for (int k = 0; !x.tape->status && k < axes.count; k++) {
        int i = tgi_resolve_axis(x, "flip", axes.axis[k]);
        if (i < 0) break;
        if (seen >> i & 1) tgi_fail(x.tape, TG_ERR_SHAPE, "flip", "axis %d is named twice", axes.axis[k]);
        seen |= 1u << i;
        p.start[i] = p.whole[i] ? p.whole[i] - 1 : 0;
        p.step[i] = -1;
    }
    return x.tape->status ? tgi_invalid(x.tape) : take_part(&flip, x, &p);
}

/* Takes axis i out of the part. */
static void drop_axis(part *p, int i) {
    p->rank--;
    for (; i < p->rank; i++) {
        p->dims[i] = p->dims[i + 1];
        p->step[i] = p->step[i + 1];
        p->along[i] = p->along[i + 1];
        p->too[i] = p->too[i + 1];
    }
    p->dims[i] = p->step[i] = 0;
    p->along[i] = p->too[i] = 0;
}

tg_tensor(tg_select)(tg_tensor x, int axis, int64_t index) {
    part p;
    int  i = begin_part(x, "select", axis, &p);
    if (i < 0) return tgi_invalid(tgi_tape_of(x));
    int64_t size = p.whole[i];
    if (index < -size || index >= size) {
        tgi_fail(x.tape, TG_ERR_INDEX, "select", "index %lld of axis %d, which has size %lld", (long long)index, axis,
                 (long long)size);
        return tgi_invalid(x.tape);
    }
    p.start[i] = index < 0 ? index + size : index;
    drop_axis(&p, i);
    return take_part(&select_op, x, &p);
}

static void add_axis(part *p, int64_t size, int64_t step, int along, int too) {
    p->dims[p->rank] = size;
    p->step[p->rank] = step;
    p->along[p->rank] = (int8_t)along;
    p->too[p->rank++] = (int8_t)too;
}

/* Makes of a whole its diagonal along the axes i and j, which starts `down` or `right` of the corner. */
static void make_diagonal(part *p, int64_t offset, int i, int j) {
    int64_t down = offset >= 0 ? 0 : offset < -p->whole[i] ? p->whole[i] : -offset;
    int64_t right = offset <= 0 ? 0 : offset > p->whole[j] ? p->whole[j] : offset;
    int64_t rows = p->whole[i] - down, columns = p->whole[j] - right, length = rows < columns ? rows : columns;
    if (length > 0) {
        p->start[i] = down;
        p->start[j] = right;
    }
    drop_axis(p, i > j ? i : j);
    drop_axis(p, i > j ? j : i);
    add_axis(p, length, 1, i, j);
}

tg_tensor(tg_diagonal)(tg_tensor x, int64_t offset, int axis0, int axis1) {
    part p;
    int  i = begin_part(x, "diagonal", axis0, &p), j = tgi_resolve_axis(x, "diagonal", axis1);
    if (i == j && i >= 0) tgi_fail(x.tape, TG_ERR_SHAPE, "diagonal", "axes %d and %d are the same", axis0, axis1);
    if (i < 0 || j < 0 || i == j) return tgi_invalid(tgi_tape_of(x));
    make_diagonal(&p, offset, i, j);
    return take_part(&diagonal, x, &p);
}

/* Vectors as the diagonals of matrices: zeros, and the vectors in the place of a part. */
static tg_status infer_as_diagonal(tg_infer *call) {
    const part *p = call->attr;
    call->out = (tg_type){.dtype = call->in[0].dtype, .rank = (int)p->whole_rank, .dims = call->dims};
    memcpy(call->dims, p->whole, sizeof call->dims);
    return tgi_require_dtype(call, call->out.dtype, TGI_ANY);
}

static tg_status as_diagonal_kernel(tg_kernel_call *call) {
    tg_array place = call->in[0];
    part_view(&call->out, call->attr, &place);
    memset(call->out.data, 0, (size_t)call->out.size * tg_dtype_size(call->out.dtype));
    tgi_add_to_place(&call->in[0], &place);
    return TG_OK;
}

/* The number of an element of the result which is the one with these indices in the part. */
static const char *place_text(const tg_emit_call *call, const part *p, const tgi_indices *x, char text[TGI_INDICES_TEXT]) {
    int64_t whole[TG_MAX_RANK], strides[TG_MAX_RANK];
    tgi_row_major(call->out.rank, call->out.dims, whole);
    int64_t offset = locate(p, whole, strides);
    return tgi_number_text(offset, strides, x, text);
}

static void as_diagonal_emit(tg_emit_call *call) {
    const part *p = call->attr;
    tgi_indices x = tgi_indices_of((int)p->rank, p->dims, 0);
    char        at[TGI_INDICES_TEXT], place[TGI_INDICES_TEXT];
    tgi_write_zeros(call);
    tgi_open_loops(call, &x, 0, x.rank, p->dims);
    tg_emit(call, "$y[#%s] = $0[%s];", place_text(call, p, &x, place), tgi_indices_text(&x, at));
    tgi_close_loops(call, &x, 0, x.rank);
}

static tg_tensor as_diagonal_rule(const tg_rule_call *call) {
    const part *p = call->attr;
    return take_part(p->whole_rank == 2 ? &diag : &diag_embed, call->g, p);
}

static tg_rule *const as_diagonal_rules[] = {as_diagonal_rule};

#define AS_DIAGONAL(name) \
    { \
        name, 1, infer_as_diagonal, .kernel = as_diagonal_kernel, .rules = as_diagonal_rules, .linearity = TG_MOVES, \
                                    .emit = as_diagonal_emit, .batch = part_batch \
    }

/* x, which is `node`, is the diagonal of the last two axes; its rank is at least 1. */
static tg_tensor as_diagonal(const tg_op *op, tg_tensor x, const tgi_node *node, int64_t offset) {
    int     rank = node->rank;
    int64_t most = TGI_MOST_ELEMENTS, n = node->dims[rank - 1], size = most, dims[TG_MAX_RANK + 1];
    if (offset >= -most && offset <= most) size = n + (offset < 0 ? -offset : offset);
    memcpy(dims, node->dims, (size_t)rank * sizeof *dims);
    dims[rank - 1] = dims[rank] = size;
    if (rank == TG_MAX_RANK || (size && size > most / size)) {
        tgi_fail(x.tape, rank == TG_MAX_RANK ? TG_ERR_SHAPE : TG_ERR_ARGUMENT, op->name,
                 "%lld elements at offset %lld make too large a matrix", (long long)n, (long long)offset);
        return tgi_invalid(x.tape);
    }
    tgi_node whole = {.rank = (uint8_t)(rank + 1), .dims = dims};
    part     p = all_of(&whole);
    make_diagonal(&p, offset, rank - 1, rank);
    return tg_record(NULL, op, 1, &x, &p, sizeof p);
}

tg_tensor(tg_diag_embed)(tg_tensor x, int64_t offset) {
    static const tg_op op = AS_DIAGONAL("diag_embed");
    const tgi_node    *node = tgi_operand(x, op.name);
    if (!node) return tgi_invalid(tgi_tape_of(x));
    if (node->rank > 0) return as_diagonal(&op, x, node, offset);
    tgi_fail(x.tape, TG_ERR_SHAPE, op.name, "a single number has no axis");
    return tgi_invalid(x.tape);
}

tg_tensor(tg_diag)(tg_tensor x, int64_t offset) {
    static const tg_op op = AS_DIAGONAL("diag");
    const tgi_node    *node = tgi_operand(x, "diag");
    if (!node) return tgi_invalid(tgi_tape_of(x));
    if (node->rank == 1) return as_diagonal(&op, x, node, offset);
    if (node->rank != 2) {
        tgi_fail(x.tape, TG_ERR_SHAPE, "diag", "a tensor of rank %d is no vector and no matrix: see tg_diagonal", node->rank);
        return tgi_invalid(x.tape);
    }
    part p = all_of(node);
    make_diagonal(&p, offset, 0, 1);
    return take_part(&diag, x, &p);
}

tg_tensor(tg_unfold)(tg_tensor x, int axis, int64_t size, int64_t step) {
    part p;
    int  i = begin_part(x, "unfold", axis, &p);
    if (i < 0) return tgi_invalid(tgi_tape_of(x));
    if (p.rank == TG_MAX_RANK)
        tgi_fail(x.tape, TG_ERR_SHAPE, "unfold", "the result would have more than %d axes", TG_MAX_RANK);
    else if (size < 0 || size > p.whole[i] || step < 1)
        tgi_fail(x.tape, TG_ERR_ARGUMENT, "unfold", "windows of %lld, %lld apart, on an axis of size %lld", (long long)size,
                 (long long)step, (long long)p.whole[i]);
    else {
        p.dims[i] = (p.whole[i] - size) / step + 1;
        p.step[i] = p.dims[i] > 1 ? step : 1;
        add_axis(&p, size, 1, i, i);
        return take_part(&unfold, x, &p);
    }
    return tgi_invalid(x.tape);
}

/* ---- assigning to a slice ---------------------------------------------------------------------------------------- */

typedef struct assign_slice_attr {
    tgi_assign_attr assign;
    int32_t         zero;
    part            part; /* of the leaf */
} assign_slice_attr;

static tg_status infer_assign_slice(tg_infer *call) {
    const part    *p = &((const assign_slice_attr *)call->attr)->part;
    const tg_type *value = &call->in[1];
    int            rank;
    int64_t        dims[TG_MAX_RANK];
    if (tgi_require_equal(call, call->in[0].dtype, value->dtype)) return call->tape->status;
    if (!tgi_broadcast(&rank, dims, (int)p->rank, p->dims, value->rank, value->dims) ||
        !tgi_same_dims(rank, dims, (int)p->rank, p->dims)) {
        char text[TGI_TEXT];
        return tg_refuse(call, TG_ERR_SHAPE, "the value does not broadcast to the slice's shape, %s",
                         tgi_shape_text(text, (int)p->rank, p->dims));
    }
    call->out = call->in[0];
    return TG_OK;
}

static tg_status assign_slice_kernel(tg_kernel_call *call) {
    const part     *p = &((const assign_slice_attr *)call->attr)->part;
    const tg_array *value = &call->in[1];
    tg_array        place = {.rank = (int)p->rank, .size = tgi_size((int)p->rank, p->dims)}, from = place;
    const void     *elements = tgi_apart_from_leaf(call, 1);
    if (!elements) return TG_ERR_MEMORY;
    part_view(&call->out, p, &place);
    from.data = (void *)elements;
    from.dtype = value->dtype;
    memcpy(from.dims, p->dims, sizeof from.dims);
    tgi_stretch(value->rank, value->dims, value->strides, from.rank, from.dims, from.strides);
    tgi_put_in_place(&from, &place);
    return TG_OK;
}

static void assign_slice_emit(tg_emit_call *call) {
    const part *p = &((const assign_slice_attr *)call->attr)->part;
    tgi_indices x = tgi_indices_of((int)p->rank, p->dims, 0), value = tgi_last_indices(&x, call->in[1].rank);
    char        at[TGI_INDICES_TEXT], place[TGI_INDICES_TEXT];
    if (tgi_size(x.rank, p->dims) == 0) return;
    tgi_open_loops(call, &x, 0, x.rank, p->dims);
    tg_emit(call, "$y[#%s] = $1[%s];", place_text(call, p, &x, place), tgi_indices_text(&value, at));
    tgi_close_loops(call, &x, 0, x.rank);
}

tg_status(tg_assign_slice)(tg_tensor leaf, int axis, int64_t start, int64_t stop, int64_t step, tg_tensor value) {
    static const tg_op op = {"assign_slice",       2,
                             infer_assign_slice,   .kernel = assign_slice_kernel,
                             .effect = TG_ASSIGNS, .emit = assign_slice_emit};
    tg_tape           *tape = tgi_tape_of(leaf) ? tgi_tape_of(leaf) : tgi_tape_of(value);
    assign_slice_attr  attr = {.zero = 0};
    if (tgi_check(tape)) return tg_error_status(tape);
    if (!find_slice(leaf, op.name, axis, start, stop, step, &attr.part)) return tape->status;
    return tgi_record_assign(tape, &op, op.name, 2, ((tg_tensor[]){leaf, value}), &attr.assign, sizeof attr);
}

/* ---- triangles --------------------------------------------------------------------------------------------------- */

typedef struct triangle_attr {
    int64_t offset, upper;
} triangle_attr;

static tg_status infer_triangle(tg_infer *call) {
    if (call->in[0].rank < 2) return tg_refuse(call, TG_ERR_SHAPE, "a matrix has two axes");
    call->out = call->in[0];
    return TG_OK;
}

static int64_t clamp(int64_t x, int64_t low, int64_t high) {
    return x < low ? low : x > high ? high : x;
}

static tg_status triangle_kernel(tg_kernel_call *call) {
    const triangle_attr *attr = call->attr;
    const tg_array      *y = &call->out;
    const char          *x = tg_contiguous(call, 0);
    int64_t              rows = y->dims[y->rank - 2], columns = y->dims[y->rank - 1], all = y->size ? y->size / columns : 0;
    int64_t              offset = clamp(attr->offset, -rows, columns) + !attr->upper;
    size_t               width = tg_dtype_size(y->dtype), row = (size_t)columns * width;
    if (!x) return TG_ERR_MEMORY;
    char *out = memset(y->data, 0, (size_t)y->size * width);
    for (int64_t i = 0; i < all; i++, x += row, out += row) {
        size_t left = (size_t)clamp(i % rows + offset, 0, columns) * width;
        if (attr->upper)
            tgi_copy_bytes(out + left, x + left, row - left);
        else
            tgi_copy_bytes(out, x, left);
    }
    return TG_OK;
}

static void triangle_emit(tg_emit_call *call) {
    const triangle_attr *attr = call->attr;
    const tg_type       *y = &call->out;
    int64_t              offset = clamp(attr->offset, -y->dims[y->rank - 2], y->dims[y->rank - 1]);
    tgi_indices          x = tgi_indices_of(y->rank, y->dims, 0);
    char                 at[TGI_INDICES_TEXT];
    tgi_indices_text(&x, at);
    tgi_open_loops(call, &x, 0, x.rank, y->dims);
    tg_emit(call, "$y[%s] = %s - %s %s %" PRId64 " ? $0[%s] : 0;", at, x.axis[x.rank - 1], x.axis[x.rank - 2],
            attr->upper ? ">=" : "<=", offset, at);
    tgi_close_loops(call, &x, 0, x.rank);
}

static tg_tensor triangle_rule(const tg_rule_call *call) {
    const triangle_attr *attr = call->attr;
    return attr->upper ? tg_triu(call->g, attr->offset) : tg_tril(call->g, attr->offset);
}

static tg_rule *const triangle_rules[] = {triangle_rule};

tg_tensor(tg_tril)(tg_tensor x, int64_t offset) {
    static const tg_op op = {"tril",
                             1,
                             infer_triangle,
                             .kernel = triangle_kernel,
                             .rules = triangle_rules,
                             .linearity = TG_MOVES,
                             .emit = triangle_emit,
                             .batch = tg_batch_stack};
    return tg_record(NULL, &op, 1, &x, &(triangle_attr){offset, false}, sizeof(triangle_attr));
}

tg_tensor(tg_triu)(tg_tensor x, int64_t offset) {
    static const tg_op op = {"triu",
                             1,
                             infer_triangle,
                             .kernel = triangle_kernel,
                             .rules = triangle_rules,
                             .linearity = TG_MOVES,
                             .emit = triangle_emit,
                             .batch = tg_batch_stack};
    return tg_record(NULL, &op, 1, &x, &(triangle_attr){offset, true}, sizeof(triangle_attr));
}
