/* ops/running.c: what runs along an axis besides sums and products: logcumsumexp, cummax, cummin.
 *
 * The logarithms are added up in about log n steps of shifted ones, by logaddexp, which has the derivatives. The extremes
 * are gathered by their indices, which one op finds, without a gradient.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "ops/batched.h"
#include "ops/c_text.h"

/* ---- logcumsumexp ------------------------------------------------------------------------------------------------ */

tg_tensor(tg_logcumsumexp)(tg_tensor x, int axis) {
    int at = tgi_resolve_axis(x, "logcumsumexp", axis);
    if (at < 0 || tgi_require_operand(x, "logcumsumexp", TGI_FLOATS)) return tgi_invalid(tgi_tape_of(x));
    tg_scope scope = tg_begin_scope(x.tape, "logcumsumexp");
    return tg_end_scope_with(scope, tgi_running(x, at, tg_logaddexp));
}

/* ---- cummax and cummin ------------------------------------------------------------------------------------------- */

typedef struct running_attr {
    int64_t axis;
} running_attr;

static tg_status infer_running(tg_infer *call) {
    call->out = call->in[0];
    call->out.dtype = TG_I64;
    return tgi_require_dtype(call, call->in[0].dtype, TGI_NUMBERS);
}

/* x is (outer, n, inner). A later one that is equal, or NaN, takes the place of an earlier one, as in PyTorch. */
#define DEFINE_RUNNING(name, suffix, T, after) \
    static void name##_##suffix(int64_t outer, int64_t n, int64_t inner, const T *x, int64_t *index) { \
        for (int64_t o = 0; o < outer; o++, x += n * inner, index += n * inner) \
            for (int64_t i = 0; i < n; i++) \
                for (int64_t k = 0; k < inner; k++) { \
                    int64_t best = i ? index[(i - 1) * inner + k] : 0; \
                    T       a = x[i * inner + k], b = x[best * inner + k]; \
                    index[i * inner + k] = a != a || a after b ? i : best; \
                } \
    }
DEFINE_RUNNING(highest, f32, float, >=)
DEFINE_RUNNING(highest, f64, double, >=)
DEFINE_RUNNING(highest, i64, int64_t, >=)
DEFINE_RUNNING(lowest, f32, float, <=)
DEFINE_RUNNING(lowest, f64, double, <=)
DEFINE_RUNNING(lowest, i64, int64_t, <=)

static tg_status run_along(tg_kernel_call *call, bool highest) {
    const tg_array *y = &call->out;
    int             axis = (int)((const running_attr *)call->attr)->axis;
    const void     *x = tg_contiguous(call, 0);
    if (!x) return TG_ERR_MEMORY;
    int64_t outer = tgi_size(axis, y->dims), n = y->dims[axis], inner = tgi_size(y->rank - axis - 1, y->dims + axis + 1);
    return highest ? TGI_DISPATCH_NUMBERS(call->in[0].dtype, highest, outer, n, inner, x, y->data)
                   : TGI_DISPATCH_NUMBERS(call->in[0].dtype, lowest, outer, n, inner, x, y->data);
}

static tg_status cummax_kernel(tg_kernel_call *call) {
    return run_along(call, true);
}

static tg_status cummin_kernel(tg_kernel_call *call) {
    return run_along(call, false);
}

/* In C. `after` compares. */
static void write_running(tg_emit_call *call, const char *after) {
    const tg_type *y = &call->out;
    int            axis = (int)((const running_attr *)call->attr)->axis;
    int64_t        n = y->dims[axis], inner = tgi_size(y->rank - axis - 1, y->dims + axis + 1);
    char           at[128];
    snprintf(at, sizeof at, "(o * %" PRId64 " + i) * %" PRId64 " + j", n, inner);
    if (!n) return;
    tg_emit(call,
            "$for(o, %" PRId64 ")\n$for(j, %" PRId64 ")\n$T0 best = $0[#o * %" PRId64 " + j];\n$I pos = 0;\n$for(i, %" PRId64
            ")",
            tgi_size(axis, y->dims), inner, n * inner, n);
    tg_emit(call, "const $T0 x_ = $0[#%s];", at);
    tg_emit(call, tgi_floating(call->in[0].dtype) ? "if (x_ != x_ || x_ %s best) {" : "if (x_ %s best) {", after);
    tg_emit(call, "best = x_;\npos = i;\n}\n$y[#%s] = pos;\n}\n}\n}", at);
}

static void cummax_emit(tg_emit_call *call) {
    write_running(call, ">=");
}

static void cummin_emit(tg_emit_call *call) {
    write_running(call, "<=");
}

/* The extremes; their indices go to *indices unless that is NULL. */
static tg_tensor running_extreme(const tg_op *op, tg_tensor x, int axis, tg_tensor *indices) {
    if (indices) *indices = tgi_invalid(tgi_tape_of(x));
    running_attr attr = {tgi_resolve_axis(x, op->name, axis)};
    if (attr.axis < 0) return tgi_invalid(tgi_tape_of(x));
    tg_scope  scope = tg_begin_scope(x.tape, op->name);
    tg_tensor index = tg_record(NULL, op, 1, &x, &attr, sizeof attr);
    tg_tensor y = tg_gather(x, index, (int)attr.axis);
    if (indices) *indices = tg_keep_result(scope, index);
    return tg_end_scope_with(scope, y);
}

tg_tensor(tg_cummax)(tg_tensor x, int axis, tg_tensor *indices) {
    static const tg_op op =
        {"cummax", 1, infer_running, .kernel = cummax_kernel, .emit = cummax_emit, .batch = tgi_batch_along};
    return running_extreme(&op, x, axis, indices);
}

tg_tensor(tg_cummin)(tg_tensor x, int axis, tg_tensor *indices) {
    static const tg_op op =
        {"cummin", 1, infer_running, .kernel = cummin_kernel, .emit = cummin_emit, .batch = tgi_batch_along};
    return running_extreme(&op, x, axis, indices);
}
