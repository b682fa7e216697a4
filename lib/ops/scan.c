/* ops/scan.c: running sums and products, and the product of many.
 *
 * A product multiplies one half by the other, again and again, in about log n steps, and a running product uses as many shifted
 * ones. Nothing is ever divided, so zeros among the factors need no special case in any derivative.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops/batched.h"
#include "ops/reduce.h"

/* ---- cumsum ------------------------------------------------------------------------------------------------------ */

typedef struct scan_attr {
    int64_t axis;
} scan_attr;

static tg_status infer_cumsum(tg_infer *call) {
    call->out = call->in[0];
    return tgi_require_dtype(call, call->out.dtype, TGI_NUMBERS);
}

typedef struct summer {
    tg_dtype    dtype;
    int64_t     n, inner;
    const char *x;
    char       *y;
} summer;

static void sum_some(const void *job, int share, int64_t first, int64_t end) {
    const summer *s = job;
    int64_t       start = first * s->n * s->inner * (int64_t)tg_dtype_size(s->dtype);
    (void)share;
    (void)TGI_DISPATCH_NUMBERS(s->dtype, tgi_cumsum, end - first, s->n, s->inner, (const void *)(s->x + start),
                               (void *)(s->y + start));
}

static tg_status cumsum_kernel(tg_kernel_call *call) {
    const tg_array *y = &call->out;
    int             axis = (int)((const scan_attr *)call->attr)->axis;
    int64_t         outer = tgi_size(axis, y->dims), inner = tgi_size(y->rank - axis - 1, y->dims + axis + 1);
    summer          s = {y->dtype, y->dims[axis], inner, tg_contiguous(call, 0), y->data};
    if (!s.x) return TG_ERR_MEMORY;
    tg_share_out(call, tg_share_count(call, outer, (double)s.n * (double)inner), outer, sum_some, &s);
    return TG_OK;
}

/* In C: float32 is added up in float64, float64 by Neumaier's compensation, as in kernels/sum.c; integers wrap around. */
static void cumsum_emit(tg_emit_call *call) {
    static const char *const starts[] =
        {[TG_F32] = "double acc = 0;", [TG_F64] = "double acc = 0, lost_ = 0;", [TG_I64] = "uint64_t acc = 0;"};
    static const char *const steps[] = {[TG_F32] = "acc += (double)$0[#%s];\n$y[#%s] = (float)acc;",
                                        [TG_F64] =
                                            "const double x_ = $0[#%s], after_ = acc + x_, kept_ = after_ - acc;\n"
                                            "const double loss_ = (acc - (after_ - kept_)) + (x_ - kept_);\n"
                                            "acc = after_;\nlost_ += loss_ == loss_ ? loss_ : 0;\n$y[#%s] = acc + lost_;",
                                        [TG_I64] = "acc += (uint64_t)$0[#%s];\n$y[#%s] = (int64_t)acc;"};
    const tg_type           *y = &call->out;
    int                      axis = (int)((const scan_attr *)call->attr)->axis;
    int64_t                  n = y->dims[axis], inner = tgi_size(y->rank - axis - 1, y->dims + axis + 1);
    char                     at[128];
    snprintf(at, sizeof at, "(o * %" PRId64 " + i) * %" PRId64 " + j", n, inner);
    tg_emit(call, "$for(o, %" PRId64 ")\n$for(j, %" PRId64 ")\n%s\n$for(i, %" PRId64 ")", tgi_size(axis, y->dims), inner,
            starts[y->dtype], n);
    tg_emit(call, steps[y->dtype], at, at);
    tg_emit(call, "}\n}\n}");
}

/* Each element went into all sums from its own on: a running sum from the other end. */
static tg_tensor cumsum_rule(const tg_rule_call *call) {
    int axis = (int)((const scan_attr *)call->attr)->axis;
    return tg_flip(tg_cumsum(tg_flip(call->g, TG_AXES(axis)), axis), TG_AXES(axis));
}

static tg_rule *const cumsum_rules[] = {cumsum_rule};

tg_tensor(tg_cumsum)(tg_tensor x, int axis) {
    static const tg_op op = {"cumsum",
                             1,
                             infer_cumsum,
                             .kernel = cumsum_kernel,
                             .rules = cumsum_rules,
                             .linearity = TG_LINEAR_TOGETHER,
                             .emit = cumsum_emit,
                             .batch = tgi_batch_along};
    scan_attr          attr = {tgi_resolve_axis(x, "cumsum", axis)};
    return attr.axis < 0 ? tgi_invalid(tgi_tape_of(x)) : tg_record(NULL, &op, 1, &x, &attr, sizeof attr);
}

/* ---- cumprod ----------------------------------------------------------------------------------------------------- */

/* After the step for d, each element is that of the last 2 d up to it: those before d are finished. */
tg_tensor tgi_running(tg_tensor x, int axis, tg_tensor (*combine)(tg_tensor, tg_tensor)) {
    int64_t n = tg_shape_of(x).dims[axis];
    for (int64_t d = 1; d < n && tg_valid(x); d *= 2) {
        tg_tensor longer = combine(tg_slice(x, axis, d, n, 1), tg_slice(x, axis, 0, n - d, 1));
        x = tg_concat(TG_LIST(tg_slice(x, axis, 0, d, 1), longer), axis);
    }
    return x;
}

tg_tensor(tg_cumprod)(tg_tensor x, int axis) {
    int at = tgi_resolve_axis(x, "cumprod", axis);
    if (at < 0 || tgi_require_operand(x, "cumprod", TGI_NUMBERS)) return tgi_invalid(tgi_tape_of(x));
    tg_scope scope = tg_begin_scope(x.tape, "cumprod");
    return tg_end_scope_with(scope, tgi_running(x, at, tg_mul));
}

/* ---- prod -------------------------------------------------------------------------------------------------------- */

/* The product along the last axis of a matrix with n > 0 columns: halves are multiplied until one column is left. */
static tg_tensor product_of_columns(tg_tensor x, int64_t n) {
    tg_tensor odd = {0};
    for (; n > 1 && tg_valid(x); n /= 2) {
        if (n % 2) {
            tg_tensor last = tg_slice(x, 1, n - 1, n, 1);
            odd = odd.tape ? tg_mul(odd, last) : last;
        }
        x = tg_mul(tg_slice(x, 1, 0, n / 2, 1), tg_slice(x, 1, n / 2, n / 2 * 2, 1));
    }
    return odd.tape ? tg_mul(x, odd) : x;
}

/* The axes that are kept, followed by those that are multiplied. */
static tg_axes order_of(const tgi_reduction *r, int rank) {
    tg_axes order = {0};
    for (int reduced = 0; reduced < 2; reduced++)
        for (int i = 0; i < rank; i++)
            if (tgi_has_axis(&r->attr, i) == reduced) order.axis[order.count++] = i;
    return order;
}

static tg_tensor product(tg_tensor x, const tgi_reduction *r) {
    if (r->count == 0) return tgi_full(x.tape, "prod", tg_dtype_of(x), r->shape, 1);
    tg_shape columns = TG_SHAPE(tg_shape_size(r->shape), r->count);
    x = tg_reshape(tg_permute(x, order_of(r, tg_shape_of(x).rank)), columns);
    return tg_reshape(product_of_columns(x, r->count), r->shape);
}

tg_tensor(tg_prod_axes)(tg_tensor x, tg_axes axes, bool keepdim) {
    tgi_reduction r;
    if (!tgi_begin_reduction(x, "prod", axes, keepdim, true, &r)) return tgi_invalid(tgi_tape_of(x));
    tg_scope scope = tg_begin_scope(x.tape, "prod");
    return tg_end_scope_with(scope, product(x, &r));
}

tg_tensor(tg_prod)(tg_tensor x) {
    return tg_prod_axes(x, tgi_all_axes(x), false);
}
