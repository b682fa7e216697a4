/* ops/index.c: slices chosen by index, and the way back: take; one_hot; and what all ops with indices share.
 *
 * take chooses slices along an axis, gather (gather.c) single elements: parts, to which their gradients are added back, once for each time
 * that they were chosen. An index out of range fails the run, and is named.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/residency.h"
#include "kernels/copy.h"
#include "kernels/interleave.h"
#include "kernels/strided.h"
#include "ops/batched.h"
#include "ops/c_text.h"
#include "ops/index.h"

/* An index is out of range when it is negative, or so is what it leaves of the last one. */
static bool are_in_range(const int64_t *index, int64_t count, int64_t size) {
    typedef uint64_t pair __attribute__((vector_size(16)));
    uint64_t         last = (uint64_t)size - 1, sign = 0;
    pair             at[2], signs[2] = {{0}};
    int64_t          i = 0;
    for (; i + 4 <= count; i += 4) {
        memcpy(at, index + i, sizeof at);
        signs[0] |= at[0] | (last - at[0]);
        signs[1] |= at[1] | (last - at[1]);
    }
    for (; i < count; i++)
        sign |= (uint64_t)index[i] | (last - (uint64_t)index[i]);
    signs[0] |= signs[1];
    return (sign | signs[0][0] | signs[0][1]) >> 63 == 0;
}

tg_status tgi_check_indices(const tg_kernel_call *call, const int64_t *index, int64_t count, int64_t size) {
    if (are_in_range(index, count, size)) return TG_OK;
    for (int64_t i = 0; i < count; i++)
        if (index[i] < 0 || index[i] >= size)
            return tg_kernel_fail_with(call, TG_ERR_INDEX, TGI_OUT_OF_RANGE, (long long)index[i], (long long)i,
                                       (long long)size);
    return TG_OK;
}

/* The elements of a constant are known when the op is recorded. */
tg_status tgi_check_known_indices(tg_tape *tape, tg_tensor index, const char *what, int64_t size) {
    if (index.tape != tape || !tg_valid(index)) return TG_OK; /* tg_record says so */
    const tgi_node *node = tgi_node_at(tape, tgi_index(index));
    if ((node->op != &tgi_constant && node->op != &tgi_number) || tgi_is_borrowed(node) || node->dtype != TG_I64) return TG_OK;
    const int64_t *at = node->data;
    for (int64_t i = 0, count = tgi_node_size(node); i < count; i++)
        if (at[i] < 0 || at[i] >= size)
            return tgi_fail(tape, TG_ERR_INDEX, what, TGI_OUT_OF_RANGE, (long long)at[i], (long long)i, (long long)size);
    return TG_OK;
}

tg_status tgi_check_indexed(const tg_infer *call) {
    if (call->in[1].dtype != TG_I64) return tg_refuse(call, TG_ERR_DTYPE, "the indices must be int64");
    return call->in[0].rank ? TG_OK : tg_refuse(call, TG_ERR_SHAPE, "a single number has no axis");
}

/* Where the first operand is no tensor, tg_record says so. */
tg_tensor tgi_record_along(const tg_op *op, int axis, int count, const tg_tensor *x) {
    tgi_along attr = {0};
    if (tgi_tape_of(x[0]) && tg_valid(x[0])) {
        attr.axis = tgi_resolve_axis(x[0], op->name, axis);
        if (attr.axis < 0) return tgi_invalid(x[0].tape);
        attr.size = tgi_node_at(x[0].tape, tgi_index(x[0]))->dims[attr.axis];
        if (tgi_check_known_indices(x[0].tape, x[1], op->name, attr.size)) return tgi_invalid(x[0].tape);
    }
    return tg_record(NULL, op, count, x, &attr, sizeof attr);
}

/* ---- take: slices of x along an axis, and back ------------------------------------------------------------------- */

/* x is seen as (outer, size, inner), the indices as one axis of `count`, what is taken as (outer, count, inner). */

static tg_status infer_take(tg_infer *call) {
    const tg_type *x = &call->in[0], *index = &call->in[1];
    int            axis = (int)((const tgi_along *)call->attr)->axis;
    if (tgi_check_indexed(call)) return call->tape->status;
    call->out = (tg_type){.dtype = x->dtype, .rank = x->rank + index->rank - 1, .dims = call->dims};
    if (call->out.rank > TG_MAX_RANK)
        return tg_refuse(call, TG_ERR_SHAPE, "the result would have more than %d axes", TG_MAX_RANK);
    memcpy(call->dims, x->dims, (size_t)axis * sizeof(int64_t));
    memcpy(call->dims + axis, index->dims, (size_t)index->rank * sizeof(int64_t));
    memcpy(call->dims + axis + index->rank, x->dims + axis + 1, (size_t)(x->rank - axis - 1) * sizeof(int64_t));
    return TG_OK;
}

/* Blocks of so many bytes: of those of single elements the compiler is told. */
static void take_blocks(int64_t count, const int64_t *at, size_t bytes, const char *from, char *to) {
    if (bytes == sizeof(uint64_t))
        for (int64_t k = 0; k < count; k++)
            memcpy(to + (size_t)k * sizeof(uint64_t), from + (size_t)at[k] * sizeof(uint64_t), sizeof(uint64_t));
    else if (bytes == sizeof(uint32_t))
        for (int64_t k = 0; k < count; k++)
            memcpy(to + (size_t)k * sizeof(uint32_t), from + (size_t)at[k] * sizeof(uint32_t), sizeof(uint32_t));
    else
        for (int64_t k = 0; bytes && k < count; k++)
            tgi_copy_bytes(to + (size_t)k * bytes, from + (size_t)at[k] * bytes, bytes);
}

/* Block o * count + k of the result is block at[k] of the o-th part of x. */
typedef struct taker {
    const int64_t *at;
    int64_t        count;
    size_t         bytes, part; /* of a block, and of a part of x */
    const char    *from;
    char          *to;
} taker;

static void take_some(const void *job, int share, int64_t first, int64_t end) {
    const taker *t = job;
    (void)share;
    for (int64_t k = first % t->count, o = first / t->count, n; first < end; first += n, k = 0, o++) {
        n = t->count - k < end - first ? t->count - k : end - first;
        take_blocks(n, t->at + k, t->bytes, t->from + (size_t)o * t->part, t->to + (size_t)first * t->bytes);
    }
}

static tg_status take_any(tg_kernel_call *call, const int64_t *at) {
    const tgi_along *attr = call->attr;
    const tg_array  *x = &call->in[0];
    int              axis = (int)attr->axis;
    taker            t = {.at = at, .count = call->in[1].size, .from = tg_contiguous(call, 0), .to = call->out.data};
    if (!t.from) return TG_ERR_MEMORY;
    int64_t blocks = tgi_size(axis, x->dims) * t.count;
    t.bytes = (size_t)tgi_size(x->rank - axis - 1, x->dims + axis + 1) * tg_dtype_size(x->dtype);
    t.part = (size_t)attr->size * t.bytes;
    if (blocks > 0)
        tg_share_out(call, tg_share_count(call, blocks, 2 + (double)t.bytes / sizeof(uint64_t)), blocks, take_some, &t);
    return TG_OK;
}

/* Columns of a matrix of `rows`, each in one piece of memory, as those of a table that was transposed are. */
typedef struct column_taker {
    const int64_t *at;
    int64_t        count, rows;
    size_t         element;
    ptrdiff_t      column; /* from one to the next, in bytes */
    const char    *from;
    char          *to;
} column_taker;

static bool has_columns(const tg_array *x, int axis) {
    return axis == x->rank - 1 && tgi_size(axis, x->dims) > 1 && tgi_is_row_major(axis, x->dims, x->strides);
}

static void take_some_columns(const void *job, int share, int64_t first, int64_t end) {
    const column_taker *t = job;
    const void         *column[TGI_TOGETHER];
    (void)share;
    for (int64_t k = first; k < end; k += TGI_TOGETHER) {
        int count = end - k < TGI_TOGETHER ? (int)(end - k) : TGI_TOGETHER;
        for (int i = 0; i < count; i++)
            column[i] = t->from + t->at[k + i] * t->column;
        tgi_interleave(t->element, t->rows, count, t->count, column, t->to + k * (ptrdiff_t)t->element);
    }
}

static tg_status take_columns(tg_kernel_call *call, const int64_t *at) {
    const tg_array *x = &call->in[0];
    int             axis = x->rank - 1;
    column_taker t = {.at = at, .count = call->in[1].size, .rows = tgi_size(axis, x->dims), .element = tg_dtype_size(x->dtype)};
    t.column = x->strides[axis] * (ptrdiff_t)t.element;
    t.from = x->data;
    t.to = call->out.data;
    tg_share_out(call, tg_share_count(call, t.count, 2 * (double)t.rows), t.count, take_some_columns, &t);
    return TG_OK;
}

static tg_status take_kernel(tg_kernel_call *call) {
    const tgi_along *attr = call->attr;
    const int64_t   *at = tg_contiguous(call, 1);
    if (!at) return TG_ERR_MEMORY;
    if (tgi_check_indices(call, at, call->in[1].size, attr->size)) return TG_ERR_INDEX;
    if (call->out.size > 0 && has_columns(&call->in[0], (int)attr->axis)) return take_columns(call, at);
    return take_any(call, at);
}

/* The indices' places 0 to count - 1, those with the index i being order[first[i]] to order[first[i + 1] - 1], in order. */
typedef struct places {
    int64_t *first, *order;
} places;

/* False, with the error noted, when there is no memory. */
static bool group_places(tg_kernel_call *call, const int64_t *at, int64_t count, int64_t size, places *p) {
    p->first = tg_scratch(call, (size_t)(size + 2) * sizeof(int64_t));
    p->order = tg_scratch(call, (size_t)count * sizeof(int64_t));
    if (!p->first || !p->order) return false;
    int64_t *next = p->first + 1; /* moves from first[i] to first[i + 1] while the places are filled in */
    memset(p->first, 0, (size_t)(size + 2) * sizeof(int64_t));
    for (int64_t k = 0; k < count; k++)
        next[at[k] + 1]++;
    for (int64_t i = 1; i < size; i++)
        next[i] += next[i - 1];
    for (int64_t k = 0; k < count; k++)
        p->order[next[at[k]]++] = k;
    return true;
}

/* Slice u of the result is slice u % size of its part u / size. */
typedef struct group_adder {
    int64_t     count, size, inner;
    places      places;
    const void *g;
    void       *out;
} group_adder;

/* Sums of slices are added to the result: one by one where none can be of many, else slice by slice of the result, in strips. */
#define DEFINE_ADD_SLICES(suffix, T) \
    static void add_slices_##suffix(int64_t outer, int64_t count, int64_t size, int64_t inner, const int64_t *at, const T *g, \
                                    T *out) { \
        for (int64_t o = 0; o < outer; o++) \
            for (int64_t k = 0; k < count; k++, g += inner) { \
                T *to = out + (o * size + at[k]) * inner; \
                for (int64_t i = 0; i < inner; i++) \
                    to[i] += g[i]; \
            } \
    } \
    static void add_few_##suffix(int64_t count, const int64_t *order, int64_t width, int64_t inner, const T *g, T *out) { \
        memcpy(out, g + *order * inner, (size_t)width * sizeof *out); \
        for (int64_t k = 1; k < count; k++) \
            for (int64_t i = 0; i < width; i++) \
                out[i] += g[order[k] * inner + i]; \
    } \
    static void add_many_##suffix(int64_t count, const int64_t *order, int64_t width, int64_t inner, const T *g, T *out) { \
        double sum[STRIP]; \
        for (int64_t i = 0; i < width; i++) \
            sum[i] = -0.0; \
        for (int64_t k = 0; k < count; k += TGI_FEW_SUMMED) { \
            add_few_##suffix(count - k < TGI_FEW_SUMMED ? count - k : TGI_FEW_SUMMED, order + k, width, inner, g, out); \
            for (int64_t i = 0; i < width; i++) \
                sum[i] += (double)out[i]; \
        } \
        for (int64_t i = 0; i < width; i++) \
            out[i] = (T)sum[i]; \
    } \
    static void add_groups_##suffix(const void *job, int share, int64_t first, int64_t end) { \
        const group_adder *a = job; \
        T                  sum[STRIP], *out = (T *)a->out + first * a->inner; \
        (void)share; \
        for (int64_t u = first; u < end; u++, out += a->inner) { \
            const T       *g = (const T *)a->g + u / a->size * a->count * a->inner; \
            const int64_t *first_place = a->places.first + u % a->size, *order = a->places.order + *first_place; \
            int64_t        many = first_place[1] - first_place[0]; \
            for (int64_t j = 0; many > 0 && j < a->inner; j += STRIP) { \
                int64_t width = a->inner - j < STRIP ? a->inner - j : STRIP; \
                if (many <= TGI_FEW_SUMMED) \
                    add_few_##suffix(many, order, width, a->inner, g + j, sum); \
                else \
                    add_many_##suffix(many, order, width, a->inner, g + j, sum); \
                for (int64_t k = 0; k < width; k++) \
                    out[j + k] += sum[k]; \
            } \
        } \
    }
enum { STRIP = 128 };
DEFINE_ADD_SLICES(f32, float)
DEFINE_ADD_SLICES(f64, double)

/* Where slices are single numbers one thread adds them as they come, each to the sum of its index: the same sums in the same order. */
#define DEFINE_ADD_NUMBERS(suffix, T) \
    typedef struct sum_##suffix { \
        double  before; /* of the numbers before the last TGI_FEW_SUMMED */ \
        T       few; \
        int32_t count; \
    } sum_##suffix; \
    static void add_numbers_##suffix(int64_t outer, int64_t count, int64_t size, const int64_t *at, const T *g, T *out, \
                                     void *scratch) { \
        sum_##suffix *sums = scratch; \
        for (int64_t o = 0; o < outer; o++, g += count, out += size) { \
            for (int64_t i = 0; i < size; i++) \
                sums[i] = (sum_##suffix){-0.0, -(T)0, TGI_FEW_SUMMED}; \
            for (int64_t k = 0; k < count; k++) { \
                sum_##suffix *s = &sums[at[k]]; \
                s->few += g[k]; \
                if (--s->count == 0) *s = (sum_##suffix){s->before + (double)s->few, -(T)0, TGI_FEW_SUMMED}; \
            } \
            for (int64_t i = 0; i < size; i++) \
                out[i] += (T)(sums[i].before + (double)sums[i].few); \
        } \
    }
DEFINE_ADD_NUMBERS(f32, float)
DEFINE_ADD_NUMBERS(f64, double)

static tg_status take_add_back(tg_kernel_call *call) {
    const tgi_along *attr = call->attr;
    const tg_array  *out = &call->out, *index = &call->in[1];
    int              axis = (int)attr->axis;
    const void      *g = tg_contiguous(call, 0);
    const int64_t   *at = tg_contiguous(call, 1);
    if (!g || !at) return TG_ERR_MEMORY;
    if (tgi_check_indices(call, at, index->size, attr->size)) return TG_ERR_INDEX;
    int64_t outer = tgi_size(axis, out->dims), inner = tgi_size(out->rank - axis - 1, out->dims + axis + 1);
    if (index->size <= TGI_FEW_SUMMED)
        return TGI_DISPATCH_FLOATS(out->dtype, add_slices, outer, index->size, attr->size, inner, at, g, out->data);
    double steps = 2 + (double)inner * (double)index->size / (double)attr->size;
    int    shares = tg_share_count(call, outer * attr->size, steps);
    if (inner == 1 && shares == 1) {
        void *sums = tg_scratch(call, (size_t)attr->size * sizeof(sum_f64));
        if (!sums) return TG_ERR_MEMORY;
        return TGI_DISPATCH_FLOATS(out->dtype, add_numbers, outer, index->size, attr->size, at, g, out->data, sums);
    }
    group_adder a = {index->size, attr->size, inner, .g = g, .out = out->data};
    if (!group_places(call, at, index->size, attr->size, &a.places)) return TG_ERR_MEMORY;
    tg_share_out(call, shares, outer * attr->size, out->dtype == TG_F32 ? add_groups_f32 : add_groups_f64, &a);
    return TG_OK;
}

static tg_rule *const take_rules[] = {tg_part_rule, NULL};

/* Indices of each part, (..., count), for the slices of x, (outer, size, inner): one for each of their elements. */
static tg_tensor indices_of_elements(const tg_batch_call *call, int axis) {
    tg_shape x = tgi_shape_of_part(call, 0), index = tgi_shape_of_part(call, 1), wide = {.rank = x.rank, .dims = {0}};
    for (int i = 0; i < x.rank; i++)
        wide.dims[i] = i == axis ? tg_shape_size(index) : 1;
    tg_tensor all = tg_reshape(call->x[1], tgi_batched_shape(call->size, wide));
    x.dims[axis] = wide.dims[axis];
    return tg_broadcast_to(all, tgi_batched_shape(call->size, x));
}

/* Where the parts have indices of their own, their axis comes out before those of the indices, or they are gathered. */
static tg_tensor take_batch(const tg_batch_call *call) {
    int      axis = (int)((const tgi_along *)call->attr)->axis;
    tg_shape x = tgi_shape_of_part(call, 0), index = tgi_shape_of_part(call, 1), y = {.rank = 1, .dims = {call->size}};
    if (!call->has_axis[1]) return tg_take(call->x[0], call->x[1], axis + 1);
    if (!call->has_axis[0]) {
        tg_axes order = {.count = x.rank + index.rank, .axis = {axis}};
        for (int i = 1; i < order.count && i < TG_MAX_RANK; i++)
            order.axis[i] = i - (i <= axis);
        return tg_permute(tg_take(call->x[0], call->x[1], axis), order);
    }
    tgi_add_axes(&y, axis, x.dims);
    tgi_add_axes(&y, index.rank, index.dims);
    tgi_add_axes(&y, x.rank - axis - 1, x.dims + axis + 1);
    return tg_reshape(tg_gather(call->x[0], indices_of_elements(call, axis), axis + 1), y);
}

static const tg_op take = {"take",
                           2,
                           infer_take,
                           .kernel = take_kernel,
                           .rules = take_rules,
                           .add_back = take_add_back,
                           .emit = tgi_take_emit,
                           .emit_add_back = tgi_take_emit_add_back,
                           .batch = take_batch};

tg_tensor(tg_take)(tg_tensor x, tg_tensor index, int axis) {
    double   number;
    tg_tape *tape = tgi_tape_of(x);
    tg_scope scope = tg_begin_scope(tape, "take");
    if (tape && tgi_is_number(index, &number)) index = tgi_full(tape, "take", TG_I64, TG_SHAPE(), number);
    return tg_end_scope_with(scope, tgi_record_along(&take, axis, 2, (tg_tensor[]){x, index}));
}

/* ---- one_hot ----------------------------------------------------------------------------------------------------- */

typedef struct one_hot_attr {
    int64_t classes, dtype;
} one_hot_attr;

static tg_status infer_one_hot(tg_infer *call) {
    const one_hot_attr *attr = call->attr;
    const tg_type      *index = &call->in[0];
    if (index->dtype != TG_I64) return tg_refuse(call, TG_ERR_DTYPE, "the indices must be int64");
    if (index->rank == TG_MAX_RANK)
        return tg_refuse(call, TG_ERR_SHAPE, "the result would have more than %d axes", TG_MAX_RANK);
    if (attr->classes < 0) return tg_refuse(call, TG_ERR_ARGUMENT, "%lld classes", (long long)attr->classes);
    call->out = (tg_type){.dtype = (tg_dtype)attr->dtype, .rank = index->rank + 1, .dims = call->dims};
    memcpy(call->dims, index->dims, (size_t)index->rank * sizeof(int64_t));
    call->dims[index->rank] = attr->classes;
    return TG_OK;
}

static tg_status one_hot_kernel(tg_kernel_call *call) {
    const one_hot_attr *attr = call->attr;
    const int64_t      *at = tg_contiguous(call, 0);
    size_t              width = tg_dtype_size(call->out.dtype);
    uint64_t            one = 0;
    if (!at) return TG_ERR_MEMORY;
    if (tgi_check_indices(call, at, call->in[0].size, attr->classes)) return TG_ERR_INDEX;
    tgi_convert(1, call->out.dtype, &one);
    memset(call->out.data, 0, (size_t)call->out.size * width);
    for (int64_t i = 0; i < call->in[0].size; i++)
        memcpy((char *)call->out.data + (size_t)(i * attr->classes + at[i]) * width, &one, width);
    return TG_OK;
}

static void one_hot_emit(tg_emit_call *call) {
    const one_hot_attr *attr = call->attr;
    tgi_write_index_check(call, 0, attr->classes);
    tgi_write_zeros(call);
    tg_emit(call, "$for(i, %" PRId64 ")\n$y[#i * %" PRId64 " + ($I)$0[#i]] = 1;\n}",
            tgi_size(call->in[0].rank, call->in[0].dims), attr->classes);
}

tg_tensor(tg_one_hot)(tg_tensor index, int64_t classes, tg_dtype dtype) {
    static const tg_op op =
        {"one_hot", 1, infer_one_hot, .kernel = one_hot_kernel, .emit = one_hot_emit, .batch = tg_batch_stack};
    one_hot_attr attr = {classes, (int64_t)dtype};
    tg_tape     *tape = tgi_tape_of(index);
    if (tgi_check(tape) || (classes >= 0 && tgi_check_known_indices(tape, index, "one_hot", classes))) return tgi_invalid(tape);
    return tg_record(NULL, &op, 1, &index, &attr, sizeof attr);
}
