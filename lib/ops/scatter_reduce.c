/* ops/scatter_reduce.c: elements put into others by a sum, a product, a mean, the largest or the smallest.
 *
 * Sums and means are made of scatter_add. Products and extremes are one op. Its products are of factors that are not 0, so
 * that its gradient may divide by them; the factors that are 0 are multiplied apart, by symmetric polynomials, which have
 * the derivatives.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "kernels/copy.h"
#include "kernels/strided.h"
#include "ops/batched.h"
#include "ops/c_text.h"
#include "ops/operands.h"

typedef struct reduce_attr {
    tgi_along along;
    int64_t   kind, self; /* whether the elements of x are reduced too, or replaced */
} reduce_attr;

static const reduce_attr *attr_of(const tg_rule_call *call) {
    return call->attr;
}

/* ---- the op ------------------------------------------------------------------------------------------------------ */

/* Where the next source element is, and where it goes to but for the index along the axis; whether something was put there
 * before, where that counts. */
typedef struct route {
    tgi_steps      from, to;
    const int64_t *at;
    int64_t        count, stride;
    uint8_t       *seen;
} route;

#define DEFINE_REDUCE(name, suffix, T, formula) \
    static void name##_##suffix(route r, const T *source, T *out) { \
        for (int64_t i = 0; i < r.count; i++) { \
            int64_t place = tgi_next(&r.to) + r.at[i] * r.stride; \
            T       b = source[tgi_next(&r.from)], a = out[place]; \
            out[place] = r.seen && !r.seen[place] ? b : (T)(formula); \
            if (r.seen) r.seen[place] = 1; \
        } \
    }
#define DEFINE_REDUCTIONS(suffix, T) \
    DEFINE_REDUCE(largest, suffix, T, b > a || b != b ? b : a) DEFINE_REDUCE(smallest, suffix, T, b < a || b != b ? b : a)
DEFINE_REDUCTIONS(f32, float)
DEFINE_REDUCTIONS(f64, double)
DEFINE_REDUCTIONS(i64, int64_t)
DEFINE_REDUCE(product, f32, float, a *b)
DEFINE_REDUCE(product, f64, double, a *b)
DEFINE_REDUCE(product, i64, uint64_t, a *b)

static tgi_steps steps_along(const tg_array *index, const int64_t *strides) {
    tgi_walk walk = {.rank = index->rank};
    memcpy(walk.dims, index->dims, sizeof walk.dims);
    memcpy(walk.strides, strides, sizeof walk.strides);
    return tgi_steps_of(&walk);
}

static route route_of(const tg_kernel_call *call) {
    const tg_array *index = &call->in[1], *source = &call->in[2], *out = &call->out;
    int64_t         axis = ((const tgi_along *)call->attr)->axis, strides[TG_MAX_RANK] = {0};
    route           r = {.count = index->size, .stride = out->strides[axis]};
    tgi_stretch(source->rank, source->dims, source->strides, index->rank, index->dims, strides);
    r.from = steps_along(index, strides);
    memcpy(strides, out->strides, sizeof strides);
    strides[axis] = 0;
    r.to = steps_along(index, strides);
    return r;
}

static tg_status check_indices(const tg_kernel_call *call, const route *r, int64_t size) {
    for (int64_t i = 0; i < r->count; i++)
        if (r->at[i] < 0 || r->at[i] >= size)
            return tg_kernel_fail_with(call, TG_ERR_INDEX, TGI_OUT_OF_RANGE, (long long)r->at[i], (long long)i,
                                       (long long)size);
    return TG_OK;
}

static tg_status reduce_kernel(tg_kernel_call *call) {
    const reduce_attr *attr = call->attr;
    const tg_array    *out = &call->out;
    const void        *x = tg_contiguous(call, 0), *source = call->in[2].data;
    route              r = route_of(call);
    r.at = tg_contiguous(call, 1);
    r.seen = attr->self ? NULL : tg_scratch(call, (size_t)out->size);
    if (!x || !r.at || (!attr->self && !r.seen)) return TG_ERR_MEMORY;
    if (check_indices(call, &r, attr->along.size)) return TG_ERR_INDEX;
    if (out->size) tgi_copy_bytes(out->data, x, (size_t)out->size * tg_dtype_size(out->dtype));
    if (r.seen && out->size) memset(r.seen, 0, (size_t)out->size);
    switch (attr->kind) {
    case TG_SCATTER_PROD: return TGI_DISPATCH_NUMBERS(out->dtype, product, r, source, out->data);
    case TG_SCATTER_MAX: return TGI_DISPATCH_NUMBERS(out->dtype, largest, r, source, out->data);
    default: return TGI_DISPATCH_NUMBERS(out->dtype, smallest, r, source, out->data);
    }
}

/* Where x is not reduced too, each place that has a source gets one of them before, or 1 for products: extremes do not mind one twice. */
static void reduce_emit(tg_emit_call *call) {
    const reduce_attr *attr = call->attr;
    bool               floating = tgi_floating(call->out.dtype), is_product = attr->kind == TG_SCATTER_PROD;
    tgi_write_copy(call);
    if (!attr->self) tgi_write_scattered(call, is_product ? "$y[%s] = 1;" : "$y[%s] = $2[%s];");
    if (is_product)
        tgi_write_scattered(call, floating ? "$y[%s] *= $2[%s];" : "$y[%s] = (int64_t)((uint64_t)$2[%s] * (uint64_t)$y[%s]);");
    else
        tgi_write_scattered(call,
                            attr->kind == TG_SCATTER_MAX ? "$PUT_LARGER(&$y[%s], $2[%s]);" : "$PUT_SMALLER(&$y[%s], $2[%s]);");
}

static tg_status infer_reduce(tg_infer *call) {
    if (tgi_infer_scatter(call)) return call->tape->status;
    return tgi_require_dtype(call, call->in[0].dtype, TGI_NUMBERS);
}

/* ---- its gradients ----------------------------------------------------------------------------------------------- */

/* Whether x was chosen as the extreme y; NaN, which is not equal to itself, was where there is one. */
static tg_tensor was_chosen(tg_tensor x, tg_tensor y) {
    return tg_logical_or(tg_eq(x, y), tg_ne(x, x));
}

static tg_tensor source_chosen(const tg_rule_call *call) {
    return was_chosen(call->x[2], tg_gather(call->y, call->x[1], (int)attr_of(call)->along.axis));
}

/* g shared by those that were chosen; where none was, nobody looks at it. */
static tg_tensor shared(const tg_rule_call *call) {
    tg_dtype  dtype = tg_dtype_of(call->g);
    tg_tensor many = tgi_full_like(call->g, 0);
    if (attr_of(call)->self) many = tg_cast(was_chosen(call->x[0], call->y), dtype);
    many = tg_scatter_add(many, call->x[1], tg_cast(source_chosen(call), dtype), (int)attr_of(call)->along.axis);
    return tg_div(call->g, tg_maximum(many, 1));
}

static tg_tensor reduce_rule_x(const tg_rule_call *call) {
    const reduce_attr *attr = call->attr;
    if (!attr->self) return tg_scatter(call->g, call->x[1], 0, (int)attr->along.axis);
    if (attr->kind == TG_SCATTER_PROD) return tg_div(tg_mul(call->g, call->y), call->x[0]);
    return tg_where(was_chosen(call->x[0], call->y), shared(call), 0);
}

static tg_tensor reduce_rule_source(const tg_rule_call *call) {
    int axis = (int)attr_of(call)->along.axis;
    if (attr_of(call)->kind == TG_SCATTER_PROD)
        return tg_div(tg_gather(tg_mul(call->g, call->y), call->x[1], axis), call->x[2]);
    return tg_where(source_chosen(call), tg_gather(shared(call), call->x[1], axis), 0);
}

static tg_rule *const reduce_rules[] = {reduce_rule_x, NULL, reduce_rule_source};

static tg_tensor record(tg_tensor x, tg_tensor index, tg_tensor source, const reduce_attr *attr) {
    static const tg_op op =
        {"scatter_reduce",        3, infer_reduce, .kernel = reduce_kernel, .rules = reduce_rules, .emit = reduce_emit,
         .batch = tgi_batch_along};
    return tg_record(NULL, &op, 3, ((tg_tensor[]){x, index, source}), attr, sizeof *attr);
}

/* ---- compositions ------------------------------------------------------------------------------------------------ */

static tg_tensor reduce_sum(tg_tensor x, tg_tensor index, tg_tensor source, const reduce_attr *attr) {
    int axis = (int)attr->along.axis;
    return tg_scatter_add(attr->self ? x : tg_scatter(x, index, 0, axis), index, source, axis);
}

static tg_tensor reduce_mean(tg_tensor x, tg_tensor index, tg_tensor source, const reduce_attr *attr) {
    tg_dtype  dtype = tg_dtype_of(x);
    tg_tensor sum = reduce_sum(x, index, source, attr);
    tg_tensor start = tgi_full(x.tape, "scatter_reduce", TG_I64, tg_shape_of(x), attr->self ? 1 : 0);
    tg_tensor count = tg_maximum(tg_scatter_add(start, index, 1, (int)attr->along.axis), 1);
    return dtype == TG_I64 ? tg_floor_divide(sum, count) : tg_div(sum, tg_cast(count, dtype));
}

/* The product of the factors that are 0 is 1 for none of them, their sum for one, half of the square of their sum minus
 * their squares for two: all 0, with the right derivatives. */
static tg_tensor reduce_product(tg_tensor x, tg_tensor index, tg_tensor source, const reduce_attr *attr) {
    int         axis = (int)attr->along.axis;
    reduce_attr all = *attr;
    all.self = true;
    if (!attr->self) x = tg_scatter(x, index, 1, axis);
    tg_tensor zero = tg_eq(x, 0), source_zero = tg_eq(source, 0);
    tg_tensor product = record(tg_where(zero, 1, x), index, tg_where(source_zero, 1, source), &all);
    tg_tensor count = tg_scatter_add(tg_cast(zero, TG_I64), index, tg_cast(source_zero, TG_I64), axis);
    tg_tensor rest = tg_where(zero, x, 0), source_rest = tg_where(source_zero, source, 0);
    tg_tensor sum = tg_scatter_add(rest, index, source_rest, axis);
    tg_tensor squares = tg_scatter_add(tg_square(rest), index, tg_square(source_rest), axis);
    tg_tensor two = tg_mul(0.5, tg_sub(tg_square(sum), squares));
    return tg_mul(product, tg_where(tg_eq(count, 0), 1, tg_where(tg_eq(count, 1), sum, tg_where(tg_eq(count, 2), two, 0))));
}

static tg_tensor reduce(tg_tensor x, tg_tensor index, tg_tensor source, const reduce_attr *attr) {
    switch (attr->kind) {
    case TG_SCATTER_SUM: return reduce_sum(x, index, source, attr);
    case TG_SCATTER_MEAN: return reduce_mean(x, index, source, attr);
    case TG_SCATTER_PROD:
        return tg_dtype_of(x) == TG_I64 ? record(x, index, source, attr) : reduce_product(x, index, source, attr);
    default: return record(x, index, source, attr);
    }
}

/* Checks what the op would reject before anything else is recorded; a plain number becomes a tensor. */
static bool begin(const tg_op *op, tg_tensor *x, reduce_attr *attr, int axis) {
    tg_tape *tape = tgi_tape_of_any(3, x);
    tg_infer call;
    tg_type  types[3];
    if (tgi_check_operands(&call, tape, op, 3, x, types)) return false;
    attr->along.axis = tgi_axis(axis, types[0].rank);
    if (attr->along.axis < 0) {
        tgi_fail(tape, TG_ERR_SHAPE, op->name, "axis %d of a tensor of rank %d", axis, types[0].rank);
        return false;
    }
    attr->along.size = types[0].dims[attr->along.axis];
    call.attr = attr;
    if (attr->kind < TG_SCATTER_SUM || attr->kind > TG_SCATTER_MIN) {
        tgi_fail(tape, TG_ERR_ARGUMENT, op->name, "%lld is no reduction", (long long)attr->kind);
        return false;
    }
    return !op->infer(&call) && !tgi_check_known_indices(tape, x[1], op->name, attr->along.size);
}

tg_tensor(tg_scatter_reduce)(tg_tensor x, tg_tensor index, tg_tensor source, int axis, tg_scatter_reduction reduction,
                             bool include_self) {
    static const tg_op op = {"scatter_reduce", 3, infer_reduce, .kernel = NULL};
    tg_tensor          in[] = {x, index, source};
    reduce_attr        attr = {.kind = (int64_t)reduction, .self = include_self};
    double             number;
    if (!begin(&op, in, &attr, axis)) return tgi_invalid(tgi_tape_of_any(3, in));
    tg_scope scope = tg_begin_scope(x.tape, "scatter_reduce");
    if (tgi_is_number(source, &number)) source = tgi_full(x.tape, "scatter_reduce", tg_dtype_of(x), TG_SHAPE(), number);
    return tg_end_scope_with(scope, reduce(x, index, source, &attr));
}
