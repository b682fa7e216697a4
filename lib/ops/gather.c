/* ops/gather.c: single elements chosen by index, and the ways back: gather, scatter, scatter_add.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "kernels/copy.h"
#include "kernels/strided.h"
#include "ops/batched.h"
#include "ops/elementwise_loops.h"
#include "ops/index.h"

/* ---- gather: single elements along an axis, and back ------------------------------------------------------------- */

static tg_status infer_gather(tg_infer *call) {
    const tg_type *x = &call->in[0], *index = &call->in[1];
    int            axis = (int)((const tgi_along *)call->attr)->axis;
    if (tgi_check_indexed(call)) return call->tape->status;
    if (x->rank != index->rank) return tg_refuse(call, TG_ERR_SHAPE, "the ranks of the tensor and of the indices differ");
    for (int i = 0; i < x->rank; i++)
        if (i != axis && index->dims[i] > x->dims[i])
            return tg_refuse(call, TG_ERR_SHAPE, "there are more indices than elements along axis %d", i);
    call->out = (tg_type){.dtype = x->dtype, .rank = index->rank, .dims = index->dims};
    return TG_OK;
}

/* A walk over an array in step with the indices', which does not move along the axis. */
static tgi_steps beside(const tg_array *array, const tg_array *index, int axis) {
    tgi_walk walk = {.rank = index->rank};
    memcpy(walk.dims, index->dims, sizeof walk.dims);
    memcpy(walk.strides, array->strides, sizeof walk.strides);
    walk.strides[axis] = 0;
    return tgi_steps_of(&walk);
}

typedef struct gatherer {
    const tg_array *x;
    const int64_t  *at;
    tgi_steps       steps;
    int64_t         stride; /* of x, along the axis */
    char           *to;
} gatherer;

static void gather_some(const void *job, int share, int64_t first, int64_t end) {
    const gatherer *g = job;
    ptrdiff_t       width = (ptrdiff_t)tg_dtype_size(g->x->dtype);
    tgi_steps       steps = g->steps;
    (void)share;
    tgi_seek(&steps, first);
    for (int64_t i = first; i < end; i++)
        memcpy(g->to + i * width, (const char *)g->x->data + (tgi_next(&steps) + g->at[i] * g->stride) * width, (size_t)width);
}

static tg_status gather_kernel(tg_kernel_call *call) {
    const tgi_along *attr = call->attr;
    const tg_array  *x = &call->in[0], *index = &call->in[1];
    const int64_t   *at = tg_contiguous(call, 1);
    int              axis = (int)attr->axis;
    if (!at) return TG_ERR_MEMORY;
    if (tgi_check_indices(call, at, index->size, attr->size)) return TG_ERR_INDEX;
    gatherer g = {x, at, beside(x, index, axis), x->strides[axis], call->out.data};
    if (index->size > 0) tg_share_out(call, tg_share_count(call, index->size, 4), index->size, gather_some, &g);
    return TG_OK;
}

/* Operands: the tensor, the indices, and what is put there or added. */
tg_status tgi_infer_scatter(tg_infer *call) {
    const tg_type *x = &call->in[0], *index = &call->in[1], *source = &call->in[2];
    if (infer_gather(call)) return call->tape->status;
    if (tgi_require_equal(call, x->dtype, source->dtype) || tgi_require_dtype(call, x->dtype, TGI_ANY))
        return call->tape->status;
    int64_t dims[TG_MAX_RANK];
    int     rank;
    if (!tgi_broadcast(&rank, dims, index->rank, index->dims, source->rank, source->dims) ||
        !tg_shape_equal(tg_shape_from(rank, dims), tg_shape_from(index->rank, index->dims)))
        return tg_refuse(call, TG_ERR_SHAPE, "the source does not broadcast to the shape of the indices");
    call->out = *x;
    return TG_OK;
}

/* Where the next source element is, and where it goes to but for the index along the axis. */
typedef struct route {
    tgi_steps      from, to;
    const int64_t *at;
    int64_t        count, stride;
} route;

/* For all indices in order: *to = formula of *to and *from. */
#define DEFINE_SCATTER(name, suffix, T, formula) \
    static void name##_##suffix(route r, const T *source, T *out) { \
        for (int64_t i = 0; i < r.count; i++) { \
            T from = source[tgi_next(&r.from)], *to = out + tgi_next(&r.to) + r.at[i] * r.stride; \
            *to = (T)(formula); \
        } \
    }
DEFINE_SCATTER(put, f32, float, from)
DEFINE_SCATTER(put, f64, double, from)
DEFINE_SCATTER(put, i64, uint64_t, from)
DEFINE_SCATTER(put, b8, uint8_t, from)
DEFINE_SCATTER(add, f32, float, *to + from)
DEFINE_SCATTER(add, f64, double, *to + from)
DEFINE_SCATTER(add, i64, uint64_t, *to + from)
DEFINE_SCATTER(add, b8, uint8_t, *to | from)

/* For sums of many. Where few elements are added to, the others are not looked at. */
static tg_status add_exactly(tg_kernel_call *call, route r, const float *source) {
    float    *out = call->out.data;
    double   *sum = tg_scratch(call, (size_t)call->out.size * sizeof *sum);
    bool      sparse = r.count < call->out.size / 8;
    tgi_steps to = r.to, back = r.to;
    if (!sum) return TG_ERR_MEMORY;
    for (int64_t i = 0; i < (sparse ? r.count : call->out.size); i++) {
        int64_t at = sparse ? tgi_next(&to) + r.at[i] * r.stride : i;
        sum[at] = (double)out[at];
    }
    for (int64_t i = 0; i < r.count; i++) {
        double more = (double)source[tgi_next(&r.from)];
        sum[tgi_next(&r.to) + r.at[i] * r.stride] += more;
    }
    for (int64_t i = 0; i < (sparse ? r.count : call->out.size); i++) {
        int64_t at = sparse ? tgi_next(&back) + r.at[i] * r.stride : i;
        out[at] = (float)sum[at];
    }
    return TG_OK;
}

/* The source, broadcast to the shape of the indices, is put into `out` at the indices, or added there. */
static tg_status scatter_into(tg_kernel_call *call, int source, bool add) {
    const tgi_along *attr = call->attr;
    const tg_array  *index = &call->in[1], *from = &call->in[source], *out = &call->out;
    route            r = {.at = tg_contiguous(call, 1), .count = index->size, .stride = out->strides[attr->axis]};
    tgi_walk         walk = {.rank = index->rank};
    if (!r.at) return TG_ERR_MEMORY;
    if (tgi_check_indices(call, r.at, index->size, attr->size)) return TG_ERR_INDEX;
    memcpy(walk.dims, index->dims, sizeof walk.dims);
    tgi_stretch(from->rank, from->dims, from->strides, index->rank, index->dims, walk.strides);
    r.from = tgi_steps_of(&walk);
    r.to = beside(out, index, (int)attr->axis);
    if (add && out->dtype == TG_F32 && index->dims[attr->axis] > TGI_FEW_SUMMED) return add_exactly(call, r, from->data);
    return add ? TGI_DISPATCH_ANY(out->dtype, add, r, from->data, out->data)
               : TGI_DISPATCH_ANY(out->dtype, put, r, from->data, out->data);
}

static tg_status scatter(tg_kernel_call *call, bool add) {
    const void *x = tg_contiguous(call, 0);
    if (!x) return TG_ERR_MEMORY;
    tgi_copy_bytes(call->out.data, x, (size_t)call->out.size * tg_dtype_size(call->out.dtype));
    return scatter_into(call, 2, add);
}

static tg_status gather_add_back(tg_kernel_call *call) {
    return scatter_into(call, 0, true);
}

static tg_rule *const gather_rules[] = {tg_part_rule, NULL};

const tg_op tgi_gather_op = {"gather",
                             2,
                             infer_gather,
                             .kernel = gather_kernel,
                             .rules = gather_rules,
                             .add_back = gather_add_back,
                             .emit = tgi_gather_emit,
                             .emit_add_back = tgi_gather_emit_add_back,
                             .batch = tgi_batch_along};

tg_tensor(tg_gather)(tg_tensor x, tg_tensor index, int axis) {
    return tgi_record_along(&tgi_gather_op, axis, 2, (tg_tensor[]){x, index});
}

/* ---- back from one element of each row ---------------------------------------------------------------------------- */

/* Where an axis has one index the gradient can be made element by element, from the index, the number of the element and the value that
 * goes there. Unlike zeros to which it is added, that is fused with what makes the rest of the gradient, and never is in memory itself. */

static tg_status infer_at_index(tg_infer *call) {
    if (tgi_require_equal(call, call->in[0].dtype, TG_I64) || tgi_require_equal(call, call->in[1].dtype, TG_I64) ||
        tgi_require_loop(call, call->in[2].dtype))
        return call->tape->status;
    call->out.dtype = call->in[2].dtype;
    return tg_infer_broadcast(call);
}

static tg_tensor at_index(tg_tensor index, tg_tensor number, tg_tensor x);

static tg_tensor at_index_rule(const tg_rule_call *call) {
    return at_index(call->x[0], call->x[1], call->g);
}

static tg_rule *const at_index_rules[] = {NULL, NULL, at_index_rule};

static const tg_loops at_index_loops = TG_LOOPS([TG_F32] = tgi_at_index_f32, [TG_F64] = tgi_at_index_f64);
const tg_op           tgi_at_index_op = {"at_index",
                                         3,
                                         infer_at_index,
                                         .loops = &at_index_loops,
                                         .rules = at_index_rules,
                                         .formula = "index, number, x: number == index ? x : 0"};

static tg_tensor at_index(tg_tensor index, tg_tensor number, tg_tensor x) {
    return tg_record(NULL, &tgi_at_index_op, 3, ((tg_tensor[]){index, number, x}), NULL, 0);
}

/* The numbers of the elements take memory, too: rows that are long, and few, are better off with zeros. */
bool tgi_gathers_one(const tgi_node *x, const tgi_node *index, int axis) {
    enum { LONGEST = 1 << 16, FEWEST = 8 };
    int64_t rows = 1;
    for (int i = 0; i < index->rank; i++) {
        if (index->dims[i] != (i == axis ? 1 : x->dims[i])) return false;
        rows *= index->dims[i];
    }
    return rows >= FEWEST && x->dims[axis] <= LONGEST;
}

tg_tensor tgi_gather_back_one(tg_tensor g, tg_tensor index, const tgi_along *along) {
    tg_shape  shape = {.rank = (int)(tg_shape_of(index).rank - along->axis), .dims = {along->size, 1, 1, 1, 1, 1, 1, 1}};
    tg_tensor number = tg_reshape(tg_arange(g.tape, TG_I64, 0, (double)along->size, 1), shape);
    return at_index(index, number, g);
}

/* ---- scatter ----------------------------------------------------------------------------------------------------- */

static tg_status scatter_kernel(tg_kernel_call *call) {
    return scatter(call, false);
}

static tg_status scatter_add_kernel(tg_kernel_call *call) {
    return scatter(call, true);
}

/* Elements that were overwritten get no gradient. */
static tg_tensor scatter_rule_x(const tg_rule_call *call) {
    return tg_scatter(call->g, call->x[1], 0, (int)((const tgi_along *)call->attr)->axis);
}

/* Neither do source elements that a later one overwrote. Which were the last ones is found by scattering their numbers. */
static tg_tensor scatter_rule_source(const tg_rule_call *call) {
    int       axis = (int)((const tgi_along *)call->attr)->axis;
    tg_tensor index = call->x[1];
    tg_shape  shape = tg_shape_of(index);
    tg_tensor number = tg_reshape(tg_arange(index.tape, TG_I64, 0, (double)tg_size(index), 1), shape);
    tg_tensor nobody = tgi_full(index.tape, "scatter", TG_I64, tg_shape_of(call->x[0]), -1);
    tg_tensor last = tg_gather(tg_scatter(nobody, index, number, axis), index, axis);
    return tg_where(tg_eq(last, number), tg_gather(call->g, index, axis), 0);
}

static tg_tensor scatter_add_rule_x(const tg_rule_call *call) {
    return call->g;
}

static tg_tensor scatter_add_rule_source(const tg_rule_call *call) {
    return tg_gather(call->g, call->x[1], (int)((const tgi_along *)call->attr)->axis);
}

static tg_rule *const scatter_rules[] = {scatter_rule_x, NULL, scatter_rule_source};
static tg_rule *const scatter_add_rules[] = {scatter_add_rule_x, NULL, scatter_add_rule_source};

tg_tensor(tg_scatter)(tg_tensor x, tg_tensor index, tg_tensor source, int axis) {
    static const tg_op op = {"scatter",
                             3,
                             tgi_infer_scatter,
                             .kernel = scatter_kernel,
                             .rules = scatter_rules,
                             .linearity = TG_MOVES,
                             .emit = tgi_scatter_emit,
                             .batch = tgi_batch_along};
    return tgi_record_along(&op, axis, 3, (tg_tensor[]){x, index, source});
}

const tg_op tgi_scatter_add_op = {"scatter_add",
                                  3,
                                  tgi_infer_scatter,
                                  .kernel = scatter_add_kernel,
                                  .rules = scatter_add_rules,
                                  .linearity = TG_LINEAR_TOGETHER,
                                  .emit = tgi_scatter_add_emit,
                                  .batch = tgi_batch_along};

tg_tensor(tg_scatter_add)(tg_tensor x, tg_tensor index, tg_tensor source, int axis) {
    return tgi_record_along(&tgi_scatter_add_op, axis, 3, (tg_tensor[]){x, index, source});
}
