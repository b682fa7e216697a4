/* ops/search.c: places in sorted rows, and how often an integer occurs.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "kernels/strided.h"
#include "ops/c_text.h"

/* ---- searchsorted ------------------------------------------------------------------------------------------------ */

typedef struct search_attr {
    int64_t right;
} search_attr;

/* A row is for all values, or else each row of values has its own. */
static tg_status infer_search(tg_infer *call) {
    const tg_type *rows = &call->in[0], *x = &call->in[1];
    if (tgi_require_equal(call, rows->dtype, x->dtype) || tgi_require_dtype(call, x->dtype, TGI_NUMBERS))
        return call->tape->status;
    if (rows->rank == 0) return tg_refuse(call, TG_ERR_SHAPE, "a single number is no sorted row");
    if (rows->rank > 1 && (x->rank != rows->rank || !tgi_same_dims(rows->rank - 1, rows->dims, x->rank - 1, x->dims)))
        return tg_refuse(call, TG_ERR_SHAPE, "rows and values do not have the same axes but for the last one");
    call->out = (tg_type){.dtype = TG_I64, .rank = x->rank, .dims = x->dims};
    return TG_OK;
}

/* How many elements of a row come before x, or with `right` do not come after it. NaN counts as larger than all numbers. */
#define DEFINE_SEARCH(suffix, T) \
    static bool less_##suffix(T a, T b) { \
        return a < b || (a == a && b != b); \
    } \
    static int64_t place_##suffix(int64_t n, const T *row, T x, bool right) { \
        int64_t low = 0, high = n; \
        while (low < high) { \
            int64_t middle = low + (high - low) / 2; \
            if (right ? !less_##suffix(x, row[middle]) : less_##suffix(row[middle], x)) \
                low = middle + 1; \
            else \
                high = middle; \
        } \
        return low; \
    } \
    static void search_##suffix(int64_t rows, int64_t n, int64_t count, bool one, const T *row, const T *x, bool right, \
                                int64_t *out) { \
        for (int64_t i = 0; i < rows; i++, row += one ? 0 : n) \
            for (int64_t j = 0; j < count; j++) \
                *out++ = place_##suffix(n, row, *x++, right); \
    }
DEFINE_SEARCH(f32, float)
DEFINE_SEARCH(f64, double)
DEFINE_SEARCH(i64, int64_t)

static tg_status search_kernel(tg_kernel_call *call) {
    const tg_array *rows = &call->in[0], *y = &call->out;
    const void     *row = tg_contiguous(call, 0), *x = tg_contiguous(call, 1);
    bool            one = rows->rank == 1, right = ((const search_attr *)call->attr)->right != 0;
    int64_t         n = rows->dims[rows->rank - 1], count = one ? y->size : y->dims[y->rank - 1];
    if (!row || !x) return TG_ERR_MEMORY;
    if (y->size == 0) return TG_OK;
    return TGI_DISPATCH_NUMBERS(rows->dtype, search, y->size / count, n, count, one, row, x, right, y->data);
}

static void search_emit(tg_emit_call *call) {
    const tg_type *rows = &call->in[0];
    tgi_indices    x = tgi_indices_of(call->out.rank, call->out.dims, 0), row = rows->rank > 1 ? x : (tgi_indices){.rank = 1};
    char           at[TGI_INDICES_TEXT], row_at[TGI_INDICES_TEXT];
    strcpy(row.axis[row.rank - 1], "0");
    tgi_indices_text(&x, at);
    tgi_indices_text(&row, row_at);
    tgi_open_loops(call, &x, 0, x.rank, call->out.dims);
    tg_emit(call, "$y[%s] = $SEARCH(%" PRId64 ", &$0[%s], %" PRId64 ", $1[%s], %s);", at, rows->dims[rows->rank - 1], row_at,
            tg_emit_stride(call, 0, rows->rank - 1), at, ((const search_attr *)call->attr)->right ? "true" : "false");
    tgi_close_loops(call, &x, 0, x.rank);
}

tg_tensor(tg_searchsorted)(tg_tensor sorted, tg_tensor values, bool right) {
    static const tg_op op = {"searchsorted", 2, infer_search, .kernel = search_kernel, .emit = search_emit};
    search_attr        attr = {right};
    return tg_record(NULL, &op, 2, ((tg_tensor[]){sorted, values}), &attr, sizeof attr);
}

/* ---- bincount ---------------------------------------------------------------------------------------------------- */

/* The weights of the elements, one after the other; plain numbers stay. */
static tg_tensor flat_weights(tg_tensor weights, tg_shape shape) {
    double number;
    return tgi_is_number(weights, &number) ? weights : tg_reshape(tg_broadcast_to(weights, shape), TG_SHAPE(-1));
}

tg_tensor(tg_bincount)(tg_tensor x, tg_tensor weights, int64_t size) {
    tg_operands o;
    if (tg_check_operands(&o, "bincount", 1, 2, (tg_tensor[]){x, weights})) return tgi_invalid(o.tape);
    if (o.type[0].dtype != TG_I64)
        tg_refuse_operands(&o, TG_ERR_DTYPE, "it counts int64");
    else if (size < 0)
        tg_refuse_operands(&o, TG_ERR_ARGUMENT, "%lld bins", (long long)size);
    if (tg_error_status(o.tape)) return tgi_invalid(o.tape);
    double    number;
    tg_scope  scope = tg_begin_scope(o.tape, "bincount");
    tg_tensor index = tgi_is_number(x, &number) ? tg_number(o.tape, TG_I64, number) : x;
    tg_tensor zeros = tgi_full(o.tape, "bincount", o.present[1] ? o.type[1].dtype : TG_I64, TG_SHAPE(size), 0);
    tg_tensor each = o.present[1] ? flat_weights(weights, tg_shape_of(index)) : tg_num(1);
    if (o.type[0].rank != 1) index = tg_reshape(index, TG_SHAPE(-1));
    return tg_end_scope_with(scope, tg_scatter_add(zeros, index, each, 0));
}
