/* ops/sort.c: sorting along an axis.
 *
 * The one op is argsort, which gives indices and has no gradient; sorted values are gathered by them, and gather has a gradient.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "kernels/strided.h"
#include "ops/batched.h"
#include "ops/c_text.h"

typedef struct sort_attr {
    int64_t axis, descending;
} sort_attr;

static tg_status infer_argsort(tg_infer *call) {
    call->out = call->in[0];
    call->out.dtype = TG_I64;
    return tgi_require_dtype(call, call->in[0].dtype, TGI_ANY);
}

/* ---- a stable merge sort of indices by the values they stand for ------------------------------------------------- */

/* NaN counts as the largest number. */
#define DEFINE_SORT(suffix, T) \
    static bool before_##suffix(T a, T b, bool descending) { \
        if (a != a || b != b) return descending ? a != a && b == b : a == a && b != b; \
        return descending ? a > b : a < b; \
    } \
    static void merge_##suffix(const T *x, const int64_t *a, const int64_t *middle, const int64_t *end, int64_t *out, \
                               bool descending) { \
        for (const int64_t *b = middle, *first_end = middle; a < first_end || b < end; out++) \
            *out = b < end && (a == first_end || before_##suffix(x[*b], x[*a], descending)) ? *b++ : *a++; \
    } \
    static void sort_##suffix(const T *x, int64_t n, int64_t *index, int64_t *spare, bool descending) { \
        int64_t *from = index, *to = spare; \
        for (int64_t i = 0; i < n; i++) \
            index[i] = i; \
        for (int64_t run = 1; run < n; run *= 2) { \
            for (int64_t i = 0; i < n; i += 2 * run) { \
                int64_t middle = i + run < n ? i + run : n, end = i + 2 * run < n ? i + 2 * run : n; \
                merge_##suffix(x, from + i, from + middle, from + end, to + i, descending); \
            } \
            int64_t *sorted = to; \
            to = from; \
            from = sorted; \
        } \
        if (from != index) memcpy(index, from, (size_t)n * sizeof *index); \
    }
DEFINE_SORT(f32, float)
DEFINE_SORT(f64, double)
DEFINE_SORT(i64, int64_t)
DEFINE_SORT(b8, uint8_t)

/* ---- the kernel: row by row, each gathered first ----------------------------------------------------------------- */

typedef struct sorter {
    const tg_array *x, *out;
    int             axis;
    bool            descending;
    tgi_walk        along;    /* a row */
    tgi_steps       from, to; /* from row to row */
    char           *spare;    /* of each share: indices twice, and a row */
    size_t          spare_bytes;
} sorter;

static void sort_rows(const void *job, int share, int64_t first, int64_t end) {
    const sorter *s = job;
    int64_t       n = s->x->dims[s->axis], stride = s->out->strides[s->axis];
    int64_t      *index = (int64_t *)(void *)(s->spare + (size_t)share * s->spare_bytes);
    void         *row = index + 2 * n;
    tgi_steps     from = s->from, to = s->to;
    tgi_seek(&from, first);
    tgi_seek(&to, first);
    for (int64_t r = first; r < end; r++) {
        int64_t *put = (int64_t *)s->out->data + tgi_next(&to);
        tgi_gather(&s->along, (const char *)s->x->data + tgi_next(&from) * (int64_t)tg_dtype_size(s->x->dtype), 0, n, row);
        (void)TGI_DISPATCH_ANY(s->x->dtype, sort, row, n, index, index + n, s->descending);
        for (int64_t i = 0; i < n; i++)
            put[i * stride] = index[i];
    }
}

/* What the sorting of n elements costs. */
static double steps_of(int64_t n) {
    double steps = 4 * (double)n;
    for (int64_t run = 1; run < n; run *= 2)
        steps += 4 * (double)n;
    return steps;
}

static tg_status argsort_kernel(tg_kernel_call *call) {
    const sort_attr *attr = call->attr;
    sorter           s = {.x = &call->in[0], .out = &call->out, .axis = (int)attr->axis, .descending = attr->descending != 0};
    int64_t          n = s.x->dims[s.axis], rows = call->out.size ? call->out.size / n : 0;
    tgi_walk         walk = {.rank = s.x->rank};
    if (rows == 0) return TG_OK;
    int shares = tg_share_count(call, rows, steps_of(n));
    s.spare_bytes = (size_t)n * 3 * sizeof(int64_t);
    s.spare = tg_scratch(call, (size_t)shares * s.spare_bytes);
    if (!s.spare) return TG_ERR_MEMORY;

    s.along = tgi_walk_of(tg_dtype_size(s.x->dtype), 1, &s.x->dims[s.axis], &s.x->strides[s.axis]);
    memcpy(walk.dims, s.x->dims, sizeof walk.dims);
    walk.dims[s.axis] = 1;
    memcpy(walk.strides, s.x->strides, sizeof walk.strides);
    s.from = tgi_steps_of(&walk);
    memcpy(walk.strides, s.out->strides, sizeof walk.strides);
    s.to = tgi_steps_of(&walk);
    tg_share_out(call, shares, rows, sort_rows, &s);
    return TG_OK;
}

/* Row by row: where the first element of a row is, and the steps along it. */
static void argsort_emit(tg_emit_call *call) {
    const sort_attr *attr = call->attr;
    int              axis = (int)attr->axis;
    int64_t          strides[TG_MAX_RANK];
    char             at[TGI_INDICES_TEXT];
    tgi_indices      row = tgi_indices_of(call->out.rank, call->out.dims, 0);
    tgi_row_major(call->out.rank, call->out.dims, strides);
    strcpy(row.axis[axis], "0");
    tgi_indices_text(&row, at);
    tgi_open_loops(call, &row, 0, row.rank, call->out.dims);
    tg_emit(call, "$ARGSORT(%" PRId64 ", &$0[%s], %" PRId64 ", &$y[%s], %" PRId64 ", %s);", call->out.dims[axis], at,
            tg_emit_stride(call, 0, axis), at, strides[axis], attr->descending ? "true" : "false");
    tgi_close_loops(call, &row, 0, row.rank);
}

/* ---- recording functions ----------------------------------------------------------------------------------------- */

/* `axis` counts from the front. */
static tg_tensor argsort(tg_tensor x, int axis, bool descending) {
    static const tg_op op =
        {"argsort", 1, infer_argsort, .kernel = argsort_kernel, .emit = argsort_emit, .batch = tgi_batch_along};
    return tg_record(NULL, &op, 1, &x, &(sort_attr){axis, descending}, sizeof(sort_attr));
}

tg_tensor(tg_argsort)(tg_tensor x, int axis, bool descending) {
    int at = tgi_resolve_axis(x, "argsort", axis);
    return at < 0 ? tgi_invalid(tgi_tape_of(x)) : argsort(x, at, descending);
}

/* The first `count` along the axis when sorted; their indices go to *indices unless that is NULL. */
static tg_tensor sorted(tg_tensor x, const char *what, int axis, bool descending, int64_t count, tg_tensor *indices) {
    tg_scope  scope = tg_begin_scope(x.tape, what);
    tg_tensor order = argsort(x, axis, descending);
    if (count != tg_shape_of(x).dims[axis]) order = tg_slice(order, axis, 0, count, 1);
    tg_tensor values = tg_gather(x, order, axis);
    if (indices) *indices = tg_keep_result(scope, order);
    return tg_end_scope_with(scope, values);
}

tg_tensor(tg_sort)(tg_tensor x, int axis, bool descending, tg_tensor *indices) {
    if (indices) *indices = tgi_invalid(tgi_tape_of(x));
    int at = tgi_resolve_axis(x, "sort", axis);
    return at < 0 ? tgi_invalid(tgi_tape_of(x)) : sorted(x, "sort", at, descending, tg_shape_of(x).dims[at], indices);
}

tg_tensor(tg_topk)(tg_tensor x, int64_t k, int axis, bool largest, tg_tensor *indices) {
    if (indices) *indices = tgi_invalid(tgi_tape_of(x));
    int at = tgi_resolve_axis(x, "topk", axis);
    if (at < 0) return tgi_invalid(tgi_tape_of(x));
    int64_t size = tg_shape_of(x).dims[at];
    if (k >= 0 && k <= size) return sorted(x, "topk", at, largest, k, indices);
    tgi_fail(x.tape, TG_ERR_ARGUMENT, "topk", "%lld of the %lld elements along axis %d", (long long)k, (long long)size, axis);
    return tgi_invalid(x.tape);
}
