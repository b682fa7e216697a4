/* ops/join.c: concat, stack, and what is composed of them; split, chunk, unstack.
 *
 * Both ops have one kernel: with the axes before `axis` as rows, each row of the result is the operands' rows one after the other.
 * The gradients are slices. Padding, rolling and repeating are views around a concat.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kernels/copy.h"
#include "kernels/interleave.h"
#include "kernels/strided.h"
#include "ops/batched.h"
#include "ops/c_text.h"
#include "ops/operands.h"
#include "ops/ops.h"

/* An empty list is not one that was left out: it has an address, whatever the language made of it. */
tg_list tg_list_from(int count, const tg_tensor *x) {
    static const tg_tensor none;
    return (tg_list){count, count == 0 && !x ? &none : x};
}

/* A concat also knows where along the axis each operand starts: its rules, one an operand, need not add up sizes. */
typedef struct join_attr {
    int64_t axis, start[];
} join_attr;

static int axis_of(const void *attr) {
    return (int)((const join_attr *)attr)->axis;
}

/* ---- concat and stack -------------------------------------------------------------------------------------------- */

static tg_status infer_concat(tg_infer *call) {
    const tg_type *first = &call->in[0];
    int            axis = axis_of(call->attr);
    if (tgi_require_one_dtype(call)) return call->tape->status;
    call->out = (tg_type){.dtype = first->dtype, .rank = first->rank, .dims = call->dims};
    memcpy(call->dims, first->dims, (size_t)first->rank * sizeof *call->dims);
    for (int i = 1; i < call->count; i++) {
        const tg_type *x = &call->in[i];
        if (x->rank != first->rank) return tg_refuse(call, TG_ERR_SHAPE, "the ranks differ");
        for (int k = 0; k < x->rank; k++)
            if (k != axis && x->dims[k] != first->dims[k])
                return tg_refuse(call, TG_ERR_SHAPE, "sizes differ along axis %d, not just along axis %d", k, axis);
        if (x->dims[axis] > TGI_MOST_ELEMENTS - call->dims[axis])
            return tg_refuse(call, TG_ERR_SHAPE, "the result would have too many elements");
        call->dims[axis] += x->dims[axis];
    }
    return TG_OK;
}

static tg_status infer_stack(tg_infer *call) {
    const tg_type *first = &call->in[0];
    int            axis = axis_of(call->attr);
    if (tgi_require_one_dtype(call)) return call->tape->status;
    for (int i = 1; i < call->count; i++) {
        const tg_type *x = &call->in[i];
        if (!tg_shape_equal(tg_shape_from(x->rank, x->dims), tg_shape_from(first->rank, first->dims)))
            return tg_refuse(call, TG_ERR_SHAPE, "the shapes differ");
    }
    call->out = (tg_type){.dtype = first->dtype, .rank = first->rank + 1, .dims = call->dims};
    if (first->rank == TG_MAX_RANK) return TG_OK; /* tg_record rejects it */
    for (int i = 0; i <= first->rank; i++)
        call->dims[i] = i < axis ? first->dims[i] : i == axis ? call->count : first->dims[i - 1];
    return TG_OK;
}

/* How the rows are written: so many at a time that what they take stays in the cache while one operand after the other is put in. */
enum { ROWS_BYTES = 1 << 15, FEWEST_ROWS = 64, PIECE = 4096 };

/* Blocks that lie one after the other, to places `pitch` elements apart; those of one element. */
#define DEFINE_SPREAD(suffix, T) \
    static void spread_##suffix(int64_t rows, int64_t pitch, const void *from, void *to) { \
        const T *x = from; \
        T       *out = to; \
        for (int64_t r = 0; r < rows; r++) \
            out[r * pitch] = x[r]; \
    }
DEFINE_SPREAD(f32, float)
DEFINE_SPREAD(f64, double)
DEFINE_SPREAD(i64, int64_t)
DEFINE_SPREAD(b8, uint8_t)

static void spread(tg_dtype dtype, int64_t rows, int64_t block, int64_t pitch, const char *from, char *to) {
    size_t width = tg_dtype_size(dtype), bytes = (size_t)block * width, apart = (size_t)pitch * width;
    if (block == 1)
        (void)TGI_DISPATCH_ANY(dtype, spread, rows, pitch, from, to);
    else
        for (int64_t r = 0; r < rows; r++, from += bytes, to += apart)
            tgi_copy_bytes(to, from, bytes);
}

/* Rows of an operand, from the one with the number `row` on. Short ones that are not contiguous are gathered first. */
static void put_rows(const tg_array *x, int64_t row, int64_t rows, int64_t block, int64_t pitch, void *out) {
    size_t width = tg_dtype_size(x->dtype), bytes = (size_t)block * width;
    char  *to = out;
    if (tgi_is_row_major(x->rank, x->dims, x->strides)) {
        spread(x->dtype, rows, block, pitch, (const char *)x->data + (size_t)row * bytes, to);
        return;
    }
    char     piece[PIECE];
    tgi_walk walk = tgi_walk_of(width, x->rank, x->dims, x->strides);
    int64_t  most = (int64_t)(sizeof piece / bytes), count;
    for (int64_t r = 0; r < rows; r += count, to += (size_t)(count * pitch) * width) {
        count = most == 0 ? 1 : rows - r < most ? rows - r : most;
        tgi_gather(&walk, x->data, (row + r) * block, count * block, most ? piece : to);
        if (most) spread(x->dtype, count, block, pitch, piece, to);
    }
}

static bool is_column(const tg_array *x, int64_t rows) {
    return x->size == rows && tgi_is_row_major(x->rank, x->dims, x->strides);
}

/* The rows of the operands from that one on that are columns, contiguous, and side by side; how many there were. */
static int put_columns(const tg_kernel_call *call, int first, int64_t all_rows, int64_t row, int64_t rows, int64_t pitch,
                       void *out) {
    const void *x[TGI_TOGETHER];
    size_t      width = tg_dtype_size(call->out.dtype);
    int         count = 0;
    while (count < TGI_TOGETHER && first + count < call->count && is_column(&call->in[first + count], all_rows)) {
        x[count] = (const char *)call->in[first + count].data + (size_t)row * width;
        count++;
    }
    tgi_interleave(width, rows, count, pitch, x, out);
    return count;
}

static tg_status join_kernel(tg_kernel_call *call) {
    const tg_array *out = &call->out;
    int64_t         rows = tgi_size(axis_of(call->attr), out->dims), count;
    if (out->size == 0) return TG_OK;
    int64_t pitch = out->size / rows, width = (int64_t)tg_dtype_size(out->dtype), most = ROWS_BYTES / (pitch * width);
    if (most < FEWEST_ROWS) most = FEWEST_ROWS;
    for (int64_t row = 0; row < rows; row += count) {
        char *to = (char *)out->data + row * pitch * width;
        count = rows - row < most ? rows - row : most;
        for (int i = 0; i < call->count;) {
            int64_t block = call->in[i].size / rows;
            int     columns = block == 1 ? put_columns(call, i, rows, row, count, pitch, to) : 0;
            if (block && !columns) put_rows(&call->in[i], row, count, block, pitch, to);
            to += (columns ? columns : block) * width;
            i += columns ? columns : 1;
        }
    }
    return TG_OK;
}

/* ---- in C -------------------------------------------------------------------------------------------------------- */

/* Each operand is copied to its place: `start` is where along the axis, which a stack has more than its operands. */
static void write_operand(tg_emit_call *call, int k, int axis, int64_t start, bool stacks) {
    const tg_type *x = &call->in[k];
    tgi_indices    at = tgi_indices_of(x->rank, x->dims, 0), y = {.rank = call->out.rank};
    char           x_at[TGI_INDICES_TEXT], y_at[TGI_INDICES_TEXT];
    for (int i = 0; i < y.rank; i++)
        strcpy(y.axis[i], at.axis[stacks && i > axis ? i - 1 : i]);
    if (stacks)
        snprintf(y.axis[axis], sizeof y.axis[axis], "%" PRId64, start);
    else if (start)
        snprintf(y.axis[axis], sizeof y.axis[axis], "%" PRId64 " + %.8s", start, at.axis[axis]);
    tgi_open_loops(call, &at, 0, at.rank, x->dims);
    tg_emit(call, "$y[%s] = $%d[%s];", tgi_indices_text(&y, y_at), k, tgi_indices_text(&at, x_at));
    tgi_close_loops(call, &at, 0, at.rank);
}

static void concat_emit(tg_emit_call *call) {
    const join_attr *attr = call->attr;
    for (int k = 0; k < call->count; k++)
        if (tgi_size(call->in[k].rank, call->in[k].dims)) write_operand(call, k, (int)attr->axis, attr->start[k], false);
}

static void stack_emit(tg_emit_call *call) {
    for (int k = 0; k < call->count; k++)
        write_operand(call, k, axis_of(call->attr), k, true);
}

/* ---- the gradient rules ------------------------------------------------------------------------------------------ */

static tg_tensor concat_rule(const tg_rule_call *call) {
    const join_attr *attr = call->attr;
    int64_t          start = attr->start[call->which], size = tg_shape_of(call->x[call->which]).dims[attr->axis];
    return tg_slice(call->g, (int)attr->axis, start, start + size, 1);
}

static tg_tensor stack_rule(const tg_rule_call *call) {
    tg_tensor row = tg_slice(call->g, axis_of(call->attr), call->which, call->which + 1, 1);
    return tg_reshape(row, tg_shape_of(call->x[call->which]));
}

static tg_rule *const concat_rules[] = {concat_rule}, *const stack_rules[] = {stack_rule};

/* The axis of the first tensor of the list that is no plain number, or of a result with `more` axes than that. Where it cannot be
 * used the axis is 0, and tg_record says so; -1, with the error noted, when there is no such axis. */
static int find_axis(const tg_op *op, tg_list list, int axis, int more) {
    int first = 0;
    while (first < list.count && list.x && !tgi_tape_of(list.x[first]))
        first++;
    if (first >= list.count || !list.x || !tg_valid(list.x[first])) return 0;
    tg_tape *tape = list.x[first].tape;
    int      rank = tgi_node_at(tape, tgi_index(list.x[first]))->rank + more, from_front = tgi_axis(axis, rank);
    if (from_front < 0 && !tgi_check(tape))
        tgi_fail(tape, TG_ERR_SHAPE, op->name, "axis %d of a result of rank %d", axis, rank);
    return from_front;
}

/* What cannot be concatenated tg_record rejects. */
static void find_starts(tg_list list, join_attr *attr) {
    int64_t start = 0;
    for (int i = 0; i < list.count; i++) {
        bool            usable = tgi_tape_of(list.x[i]) && tg_valid(list.x[i]);
        const tgi_node *node = usable ? tgi_node_at(list.x[i].tape, tgi_index(list.x[i])) : NULL;
        attr->start[i] = start;
        if (node && attr->axis < node->rank && node->dims[attr->axis] < TGI_MOST_ELEMENTS - start)
            start += node->dims[attr->axis];
    }
}

tg_tensor(tg_concat)(tg_list list, int axis) {
    static const tg_op op = {"concat",
                             -1,
                             infer_concat,
                             .kernel = join_kernel,
                             .rules = concat_rules,
                             .linearity = TG_MOVES,
                             .emit = concat_emit,
                             .batch = tgi_batch_along};
    tg_tape           *tape = list.x ? tgi_tape_of_any(list.count, list.x) : NULL;
    int                at = find_axis(&op, list, axis, 0);
    if (at < 0 || !tape) return at < 0 ? tgi_invalid(tape) : tg_record(NULL, &op, list.count, list.x, NULL, 0);
    size_t     bytes = sizeof(join_attr) + (size_t)list.count * sizeof(int64_t);
    join_attr *attr = tgi_pool_take(&tape->pool, bytes);
    if (!attr) {
        tgi_out_of_memory(tape, op.name);
        return tgi_invalid(tape);
    }
    attr->axis = at;
    find_starts(list, attr);
    tg_tensor result = tg_record(NULL, &op, list.count, list.x, attr, bytes);
    tgi_pool_give(&tape->pool, attr);
    return result;
}

static bool stacks_side_by_side(const tg_type *x, const void *attr) {
    return axis_of(attr) == x->rank;
}

tg_tensor(tg_stack)(tg_list list, int axis) {
    static const tg_op op = {"stack",
                             -1,
                             infer_stack,
                             .kernel = join_kernel,
                             .rules = stack_rules,
                             .side_by_side = stacks_side_by_side,
                             .linearity = TG_MOVES,
                             .emit = stack_emit,
                             .batch = tgi_batch_along};
    int                at = find_axis(&op, list, axis, 1);
    if (at < 0) return tgi_invalid(tgi_tape_of_any(list.count, list.x));
    return tg_record(NULL, &op, list.count, list.x, &(join_attr){.axis = at}, sizeof(join_attr));
}

/* ---- split and chunk --------------------------------------------------------------------------------------------- */

/* The next part, and where it ends. */
static tg_tensor next_part(tg_scope scope, tg_tensor x, int axis, int64_t *start, int64_t size) {
    tg_tensor part = tg_slice(x, axis, *start, *start + size, 1);
    *start += size;
    return tg_keep_result(scope, part);
}

/* Whether the sizes are those of consecutive parts of an axis. */
static bool add_up(int count, const int64_t *sizes, int64_t size) {
    for (int i = 0; i < count; i++) {
        if (sizes[i] < 0 || sizes[i] > size) return false;
        size -= sizes[i];
    }
    return size == 0;
}

/* Both begin with it: gives the axis from the front, and its size; or -1, with the error noted. */
static int begin_parts(tg_tensor x, const char *what, int axis, int count, tg_tensor *parts, int64_t *size) {
    for (int i = 0; parts && i < count; i++)
        parts[i] = tgi_invalid(tgi_tape_of(x));
    int at = tgi_resolve_axis(x, what, axis);
    if (at < 0) return -1;
    *size = tgi_node_at(x.tape, tgi_index(x))->dims[at];
    if (count >= 0 && (parts || !count)) return at;
    tgi_fail(x.tape, TG_ERR_ARGUMENT, what, "%d parts, or nowhere to put them", count);
    return -1;
}

tg_status(tg_split)(tg_tensor x, int axis, int count, const int64_t *sizes, tg_tensor *parts) {
    int64_t size, start = 0;
    int     at = begin_parts(x, "split", axis, count, parts, &size);
    if (at < 0) return tg_error_status(tgi_tape_of(x));
    if (count && !sizes) return tgi_fail(x.tape, TG_ERR_ARGUMENT, "split", "the array of %d sizes is NULL", count);
    if (!add_up(count, sizes, size))
        return tgi_fail(x.tape, TG_ERR_SHAPE, "split", "the sizes do not add up to %lld, the size of axis %d", (long long)size,
                        axis);
    tg_scope scope = tg_begin_scope(x.tape, "split");
    for (int i = 0; i < count; i++)
        parts[i] = next_part(scope, x, at, &start, sizes[i]);
    return tg_end_scope(scope);
}

tg_status(tg_chunk)(tg_tensor x, int axis, int count, tg_tensor *parts) {
    int64_t size, start = 0;
    int     at = begin_parts(x, "chunk", axis, count, parts, &size);
    if (at < 0) return tg_error_status(tgi_tape_of(x));
    if (count == 0) return tgi_fail(x.tape, TG_ERR_ARGUMENT, "chunk", "into 0 parts");
    tg_scope scope = tg_begin_scope(x.tape, "chunk");
    int64_t  most = size / count + (size % count != 0);
    for (int i = 0; i < count; i++)
        parts[i] = next_part(scope, x, at, &start, size - start < most ? size - start : most);
    return tg_end_scope(scope);
}

tg_status(tg_unstack)(tg_tensor x, int axis, int count, tg_tensor *parts) {
    int64_t size;
    int     at = begin_parts(x, "unstack", axis, count, parts, &size);
    if (at < 0) return tg_error_status(tgi_tape_of(x));
    if (count != size)
        return tgi_fail(x.tape, TG_ERR_SHAPE, "unstack", "%d parts of axis %d, which has size %lld", count, axis,
                        (long long)size);
    tg_scope scope = tg_begin_scope(x.tape, "unstack");
    for (int i = 0; i < count; i++)
        parts[i] = tg_keep_result(scope, tg_select(x, at, i));
    return tg_end_scope(scope);
}

/* ---- pad and roll ------------------------------------------------------------------------------------------------ */

/* The shape of x with another size along an axis. */
static tg_shape resized(tg_tensor x, int axis, int64_t size) {
    tg_shape shape = tg_shape_of(x);
    shape.dims[axis] = size;
    return shape;
}

/* Rejects, in the name of `what`, a result that would have `size` elements along an axis, when that is too large. */
static bool is_too_large(tg_tensor x, const char *what, int axis, int64_t size) {
    char     text[TGI_TEXT];
    tg_shape shape = resized(x, axis, size);
    if (tg_shape_size(shape) >= 0) return false;
    tgi_fail(x.tape, TG_ERR_SHAPE, what, "%s would be too many elements", tgi_shape_text(text, shape.rank, shape.dims));
    return true;
}

/* The padding before or after x along an axis. */
static tg_tensor margin(tg_tensor x, int axis, int64_t count, bool before, tg_pad_mode mode, double value) {
    int64_t  size = tg_shape_of(x).dims[axis], start = before ? 0 : size - 1;
    tg_shape shape = resized(x, axis, count);
    if (mode == TG_PAD_CONSTANT) return tgi_full(x.tape, "pad", tg_dtype_of(x), shape, value);
    if (mode == TG_PAD_EDGE) return tg_broadcast_to(tg_slice(x, axis, start, start + 1, 1), shape);
    start = before ? 1 : size - 1 - count;
    return tg_flip(tg_slice(x, axis, start, start + count, 1), TG_AXES(axis));
}

static tg_status check_pad(tg_tensor x, int64_t size, int64_t before, int64_t after, tg_pad_mode mode) {
    int64_t most = TGI_MOST_ELEMENTS;
    if (mode == TG_PAD_REFLECT) most = size ? size - 1 : 0;
    if (mode == TG_PAD_EDGE && size == 0) most = 0;
    if ((unsigned)mode > TG_PAD_EDGE) return tgi_fail(x.tape, TG_ERR_ARGUMENT, "pad", "%d is no mode", (int)mode);
    if (before >= 0 && after >= 0 && before <= most && after <= most) return TG_OK;
    return tgi_fail(x.tape, TG_ERR_ARGUMENT, "pad", "%lld before and %lld after an axis of size %lld", (long long)before,
                    (long long)after, (long long)size);
}

tg_tensor(tg_pad)(tg_tensor x, int axis, int64_t before, int64_t after, tg_pad_mode mode, double value) {
    int at = tgi_resolve_axis(x, "pad", axis);
    if (at < 0) return tgi_invalid(tgi_tape_of(x));
    int64_t size = tg_shape_of(x).dims[at];
    if (check_pad(x, size, before, after, mode) || is_too_large(x, "pad", at, before + size + after))
        return tgi_invalid(x.tape);
    tg_scope  scope = tg_begin_scope(x.tape, "pad");
    tg_tensor rows[3];
    int       count = 0;
    if (before) rows[count++] = margin(x, at, before, true, mode, value);
    rows[count++] = x;
    if (after) rows[count++] = margin(x, at, after, false, mode, value);
    return tg_end_scope_with(scope, tg_concat(tg_list_from(count, rows), at));
}

tg_tensor(tg_roll)(tg_tensor x, int axis, int64_t shift) {
    int at = tgi_resolve_axis(x, "roll", axis);
    if (at < 0) return tgi_invalid(tgi_tape_of(x));
    int64_t  size = tg_shape_of(x).dims[at], cut = size ? (size - shift % size) % size : 0;
    tg_scope scope = tg_begin_scope(x.tape, "roll");
    return tg_end_scope_with(scope, tg_concat(TG_LIST(tg_slice(x, at, cut, size, 1), tg_slice(x, at, 0, cut, 1)), at));
}

/* ---- repeat and tile --------------------------------------------------------------------------------------------- */

/* x seen as (outer, size, inner), with a new axis of `count` broadcast after the size (each element) or before it (the whole). */
static tg_tensor repeated(tg_tensor x, int axis, int64_t count, bool each) {
    tg_shape shape = tg_shape_of(x);
    int64_t  outer = tgi_size(axis, shape.dims), size = shape.dims[axis];
    int64_t  inner = tgi_size(shape.rank - axis - 1, shape.dims + axis + 1);
    tg_shape one = each ? TG_SHAPE(outer, size, 1, inner) : TG_SHAPE(outer, 1, size, inner), many = one;
    many.dims[each ? 2 : 1] = count;
    return tg_reshape(tg_broadcast_to(tg_reshape(x, one), many), resized(x, axis, size * count));
}

static tg_tensor repeat(tg_tensor x, const char *what, int axis, int64_t count, bool each) {
    int at = tgi_resolve_axis(x, what, axis);
    if (at < 0) return tgi_invalid(tgi_tape_of(x));
    int64_t size = tg_shape_of(x).dims[at];
    if (count < 0 || count > TGI_MOST_ELEMENTS / (size ? size : 1)) {
        tgi_fail(x.tape, TG_ERR_ARGUMENT, what, "%lld times an axis of size %lld", (long long)count, (long long)size);
        return tgi_invalid(x.tape);
    }
    if (is_too_large(x, what, at, size * count)) return tgi_invalid(x.tape);
    tg_scope scope = tg_begin_scope(x.tape, what);
    return tg_end_scope_with(scope, repeated(x, at, count, each));
}

tg_tensor(tg_repeat)(tg_tensor x, int axis, int64_t count) {
    return repeat(x, "repeat", axis, count, true);
}

tg_tensor(tg_tile)(tg_tensor x, int axis, int64_t count) {
    return repeat(x, "tile", axis, count, false);
}
