/* mpi/collective.c: the collectives as ops.
 *
 * All are of one pattern: blocks of n elements, one or as many as there are ranks, go in and come out. They are marked as random, so that
 * each is run once a run, where it stands: their results do not follow from their operands alone.
 *
 * SPDX-License-Identifier: MIT */
#include "mpi/collective.h"

#include <limits.h>
#include <string.h>

/* ---- checks ------------------------------------------------------------------------------------------------------------ */

tg_status tgi_check_below(tg_tensor x, const char *name, const char *what, int64_t value, int64_t end) {
    if (value >= 0 && value < end) return TG_OK;
    return tg_fail(tg_tape_of(x), TG_ERR_ARGUMENT, name, "%s %lld is not in [0, %lld)", what, (long long)value, (long long)end);
}

tg_status tgi_check_dtype(tg_infer *call, tg_dtype dtype, bool floating) {
    if (dtype == TG_F32 || dtype == TG_F64 || (dtype == TG_I64 && !floating)) return TG_OK;
    return tg_refuse(call, TG_ERR_DTYPE, "it takes float32%s float64%s, not %s: convert it with tg_cast",
                     floating ? " and" : ",", floating ? "" : " and int64", tg_dtype_name(dtype));
}

tg_status tgi_check_count(tg_infer *call, int64_t elements) {
    if (elements <= INT_MAX) return TG_OK;
    return tg_refuse(call, TG_ERR_SHAPE, "%lld elements are more than MPI sends at once: divide it", (long long)elements);
}

tg_tensor tgi_record_mpi(tg_mpi *m, const tg_op *op, int count, const tg_tensor *x, const tgi_mpi_attr *attr) {
    tg_tape *tape = tg_tape_of(x[0]);
    if (!m) return tg_fail(tape, TG_ERR_ARGUMENT, op->name, "the communicator is NULL"), tg_invalid(tape);
    if (tape && tape != m->tape)
        return tg_fail(tape, TG_ERR_ARGUMENT, op->name, "the communicator is that of another tape"), tg_invalid(tape);
    return tg_record(NULL, op, count, x, attr, sizeof *attr);
}

/* ---- shapes ------------------------------------------------------------------------------------------------------------ */

static int64_t size_of(const tg_type *x, int from) {
    int64_t n = 1;
    for (int i = from; i < x->rank; i++)
        n *= x->dims[i];
    return n;
}

/* The operand can be sent, in blocks of what is behind the first `axes` axes. */
static tg_status check_operand(tg_infer *call, int axes) {
    tg_status status = tgi_check_dtype(call, call->in[0].dtype, false);
    return status ? status : tgi_check_count(call, size_of(&call->in[0], axes));
}

static tg_status infer_same(tg_infer *call) {
    call->out = call->in[0];
    return check_operand(call, 0);
}

static tg_status infer_mean(tg_infer *call) {
    call->out = call->in[0];
    tg_status status = tgi_check_dtype(call, call->in[0].dtype, true);
    return status ? status : check_operand(call, 0);
}

/* A new first axis, as long as there are ranks. */
static tg_status infer_stacked(tg_infer *call) {
    const tgi_mpi_attr *attr = call->attr;
    const tg_type      *x = &call->in[0];
    if (x->rank == TG_MAX_RANK) return tg_refuse(call, TG_ERR_SHAPE, "it has no room for another axis");
    call->dims[0] = attr->m->size;
    for (int i = 0; i < x->rank; i++)
        call->dims[i + 1] = x->dims[i];
    call->out = (tg_type){.dtype = x->dtype, .rank = x->rank + 1, .dims = call->dims};
    return check_operand(call, 0);
}

static tg_status infer_first_axis_away(tg_infer *call) {
    const tg_type *x = &call->in[0];
    call->out = (tg_type){.dtype = x->dtype, .rank = x->rank - 1, .dims = x->dims + 1};
    return check_operand(call, 1);
}

static tg_status check_first_axis(tg_infer *call) {
    const tgi_mpi_attr *attr = call->attr;
    const tg_type      *x = &call->in[0];
    if (x->rank >= 1 && x->dims[0] == attr->m->size) return TG_OK;
    return tg_refuse(call, TG_ERR_SHAPE, "the first axis is not as long as there are ranks: %d", attr->m->size);
}

static tg_status infer_row(tg_infer *call) {
    tg_status status = check_first_axis(call);
    return status ? status : infer_first_axis_away(call);
}

static tg_status infer_rows(tg_infer *call) {
    call->out = call->in[0];
    tg_status status = check_first_axis(call);
    return status ? status : check_operand(call, 1);
}

static tg_status infer_shards(tg_infer *call) {
    if (call->in[0].rank < 1 || call->in[0].dims[0] < 1)
        return tg_refuse(call, TG_ERR_SHAPE, "there is no first axis of shards");
    tg_status status = tgi_check_count(call, size_of(&call->in[0], 0));
    return status ? status : infer_first_axis_away(call);
}

/* ---- how MPI begins them ----------------------------------------------------------------------------------------------- */

#define BEGIN(NAME, CALL) \
    static int begin_##NAME(tg_mpi *m, tgi_slot *s) { \
        MPI_Datatype type = tgi_datatype(s->dtype); \
        return CALL; \
    }
BEGIN(allreduce, MPI_Iallreduce(s->send, s->recv, s->n, type, s->op, m->data, &s->request))
BEGIN(reduce, MPI_Ireduce(s->send, s->recv, s->n, type, s->op, s->root, m->data, &s->request))
BEGIN(broadcast, MPI_Ibcast(s->recv, s->n, type, s->root, m->data, &s->request))
BEGIN(all_gather, MPI_Iallgather(s->send, s->n, type, s->recv, s->n, type, m->data, &s->request))
BEGIN(gather, MPI_Igather(s->send, s->n, type, s->recv, s->n, type, s->root, m->data, &s->request))
BEGIN(scatter, MPI_Iscatter(s->send, s->n, type, s->recv, s->n, type, s->root, m->data, &s->request))
BEGIN(reduce_scatter, MPI_Ireduce_scatter_block(s->send, s->recv, s->n, type, s->op, m->data, &s->request))
BEGIN(all_to_all, MPI_Ialltoall(s->send, s->n, type, s->recv, s->n, type, m->data, &s->request))

/* Sums in fixed order: all have what they add, and add it. */
static int add_blocks(tg_mpi *m, tgi_slot *s) {
    tgi_add_rows(s->dtype, m->size, s->n, s->recv);
    return MPI_SUCCESS;
}

/* ---- one communication ------------------------------------------------------------------------------------------------- */

/* Which ranks' operands count, and which get a result: others get zeros. */
typedef enum who { ALL, ROOT } who;

typedef struct pattern {
    const char *what;
    tgi_begin  *begin;
    who         gives, gets;
    bool        blocks_in, blocks_out; /* a block for each rank */
    bool        adds;                  /* so that `deterministic` concerns it */
} pattern;

static tg_shape shape_of(const tg_array *x) {
    return tg_shape_from(x->rank, x->dims);
}

static bool is_one(const tg_mpi *m, who which, int root) {
    return which == ALL || m->rank == root;
}

/* What a rank has to send at least, in blocks: see docs/many-machines.md. */
static double least_blocks(const tg_mpi *m, const pattern *p) {
    double others = m->size - 1, share = others / m->size;
    if (p->adds && p->gets == ALL) return p->blocks_in ? others : 2 * share;
    if (p->gives == ROOT) return p->blocks_in ? others : 1;
    return p->gets == ROOT ? share : others;
}

static tgi_slot *take(tg_mpi *m, const pattern *p, const tg_array *x, int64_t n, int root) {
    size_t    block = (size_t)n * tg_dtype_size(x->dtype), blocks = (size_t)m->size * block;
    bool      blocks_come = p->blocks_out || (p->adds && p->blocks_in && m->options.deterministic);
    tgi_slot *s = tgi_take_slot(m, p->blocks_in ? blocks : block, blocks_come ? blocks : block);
    if (!s) return NULL;
    s->begin = p->begin;
    s->n = (int)n;
    s->root = root;
    s->bytes = (int64_t)(p->blocks_in ? blocks : block);
    s->least_bytes = (int64_t)(least_blocks(m, p) * (double)block);
    if (p->adds && p->blocks_in && m->options.deterministic && x->dtype != TG_I64) {
        s->begin = begin_all_to_all;
        s->then = add_blocks;
    }
    return s;
}

static tg_status communicate(tg_kernel_call *call, const pattern *p, tgi_slot *s) {
    const tgi_mpi_attr *attr = call->attr;
    tg_mpi             *m = attr->m;
    const tg_array     *x = &call->in[0];
    if (tgi_begin_slot(m, s, p->what, x->dtype, shape_of(x), (uint64_t)attr->c, attr) || tgi_end_slot(m, s))
        return tgi_kernel_broken(call, m);
    size_t bytes = (size_t)call->out.size * tg_dtype_size(call->out.dtype);
    if (is_one(m, p->gets, s->root))
        memcpy(call->out.data, s->recv, bytes);
    else
        memset(call->out.data, 0, bytes);
    tgi_give_slot(s);
    return TG_OK;
}

static tg_status run(tg_kernel_call *call, const pattern *p, MPI_Op op) {
    const tgi_mpi_attr *attr = call->attr;
    tg_mpi             *m = attr->m;
    if (m->failed) return tgi_kernel_broken(call, m);
    const tg_array *x = &call->in[0];
    int             root = (int)attr->a;
    tgi_slot       *s = take(m, p, x, p->blocks_in ? x->size / m->size : x->size, root);
    const void     *given = s ? tg_contiguous(call, 0) : NULL;
    if (!given) {
        if (s) tgi_give_slot(s);
        return tg_kernel_fail_with(call, TG_ERR_MEMORY, "out of memory");
    }
    s->op = op;
    if (is_one(m, p->gives, root)) memcpy(p->begin == begin_broadcast ? s->recv : s->send, given, (size_t)s->bytes);
    return communicate(call, p, s);
}

/* Adds shards in fixed order; `p` says who gets the sum. */
static tg_status run_tree(tg_kernel_call *call, const pattern *p, int64_t shards) {
    const tgi_mpi_attr *attr = call->attr;
    tg_mpi             *m = attr->m;
    if (m->failed) return tgi_kernel_broken(call, m);
    const tg_array *x = &call->in[0];
    size_t          send, recv;
    int64_t         n = call->out.size;
    tgi_tree_room(m, n, shards, tg_dtype_size(x->dtype), &send, &recv);
    tgi_slot   *s = tgi_take_slot(m, send, recv);
    const char *given = s ? tg_contiguous(call, 0) : NULL;
    if (!given) {
        if (s) tgi_give_slot(s);
        return tg_kernel_fail_with(call, TG_ERR_MEMORY, "out of memory");
    }
    s->dtype = x->dtype;
    s->shards = shards;
    s->root = (int)attr->a;
    tgi_prepare_tree(m, s, n);
    for (int64_t i = 0; i < shards; i++)
        tgi_put_shard(m, s, n, i, 0, n, given + (size_t)(i * n) * tg_dtype_size(x->dtype));
    return communicate(call, p, s);
}

/* ---- kernels ----------------------------------------------------------------------------------------------------------- */

static bool is_ordered(const tg_kernel_call *call) {
    const tgi_mpi_attr *attr = call->attr;
    return attr->m->options.deterministic && call->in[0].dtype != TG_I64;
}

static tg_status allreduce_kernel(tg_kernel_call *call) {
    static const pattern sum = {"allreduce, sum", begin_allreduce, ALL, ALL, false, false, true};
    return is_ordered(call) ? run_tree(call, &sum, 1) : run(call, &sum, MPI_SUM);
}

static tg_status max_kernel(tg_kernel_call *call) {
    static const pattern p = {"allreduce, maximum", begin_allreduce, ALL, ALL, false, false, true};
    return run(call, &p, ((const tgi_mpi_attr *)call->attr)->m->max);
}

static tg_status min_kernel(tg_kernel_call *call) {
    static const pattern p = {"allreduce, minimum", begin_allreduce, ALL, ALL, false, false, true};
    return run(call, &p, ((const tgi_mpi_attr *)call->attr)->m->min);
}

static tg_status reduce_kernel(tg_kernel_call *call) {
    static const pattern p = {"reduce", begin_reduce, ALL, ROOT, false, false, true};
    return is_ordered(call) ? run_tree(call, &p, 1) : run(call, &p, MPI_SUM);
}

static tg_status shards_kernel(tg_kernel_call *call) {
    static const pattern p = {"sum of shards", NULL, ALL, ALL, false, false, true};
    return run_tree(call, &p, call->in[0].dims[0]);
}

#define KERNEL(NAME, ...) \
    static tg_status NAME##_kernel(tg_kernel_call *call) { \
        static const pattern p = {#NAME, begin_##NAME, __VA_ARGS__}; \
        return run(call, &p, MPI_SUM); \
    }
KERNEL(broadcast, ROOT, ALL, false, false, false)
KERNEL(all_gather, ALL, ALL, false, true, false)
KERNEL(gather, ALL, ROOT, false, true, false)
KERNEL(scatter, ROOT, ALL, true, false, false)
KERNEL(reduce_scatter, ALL, ALL, true, false, true)
KERNEL(all_to_all, ALL, ALL, true, true, false)

/* ---- gradients --------------------------------------------------------------------------------------------------------- */

static tg_mpi *comm_of(const tg_rule_call *call) {
    return ((const tgi_mpi_attr *)call->attr)->m;
}

static int root_of(const tg_rule_call *call) {
    return (int)((const tgi_mpi_attr *)call->attr)->a;
}

static tg_tensor allreduce_rule(const tg_rule_call *call) {
    return tg_mpi_allreduce(call->g, comm_of(call), TG_MPI_SUM);
}

/* Those that have the extreme share what all give; NaN has no part in it. */
static tg_tensor extreme_rule(const tg_rule_call *call) {
    tg_mpi   *m = comm_of(call);
    tg_tensor mine = tg_cast(tg_eq(call->x[0], call->y), tg_dtype_of(call->g));
    tg_tensor count = tg_mpi_allreduce(mine, m, TG_MPI_SUM);
    return tg_mul(tg_mpi_allreduce(call->g, m, TG_MPI_SUM), tg_div(mine, tg_maximum(count, 1)));
}

static tg_tensor reduce_rule(const tg_rule_call *call) {
    return tg_mpi_broadcast(call->g, comm_of(call), root_of(call));
}

static tg_tensor broadcast_rule(const tg_rule_call *call) {
    return tg_mpi_reduce(call->g, comm_of(call), root_of(call));
}

static tg_tensor all_gather_rule(const tg_rule_call *call) {
    return tg_mpi_reduce_scatter(call->g, comm_of(call));
}

static tg_tensor reduce_scatter_rule(const tg_rule_call *call) {
    return tg_mpi_all_gather(call->g, comm_of(call));
}

static tg_tensor gather_rule(const tg_rule_call *call) {
    return tg_mpi_scatter(call->g, comm_of(call), root_of(call));
}

static tg_tensor scatter_rule(const tg_rule_call *call) {
    return tg_mpi_gather(call->g, comm_of(call), root_of(call));
}

static tg_tensor all_to_all_rule(const tg_rule_call *call) {
    return tg_mpi_all_to_all(call->g, comm_of(call));
}

static tg_tensor shards_rule(const tg_rule_call *call) {
    return tg_broadcast_to(tg_unsqueeze(tg_mpi_allreduce(call->g, comm_of(call), TG_MPI_SUM), 0), tg_shape_of(call->x[0]));
}

/* ---- the functions ----------------------------------------------------------------------------------------------------- */

#define OP(NAME, INFER, KERNEL, RULE) \
    static tg_rule *const NAME##_rules[] = {RULE}; \
    static const tg_op    NAME = {"mpi_" #NAME, 1, INFER, .kernel = KERNEL, .rules = NAME##_rules, .random = true}
OP(allreduce, infer_same, allreduce_kernel, allreduce_rule);
OP(allreduce_mean, infer_mean, allreduce_kernel, allreduce_rule);
OP(allreduce_max, infer_same, max_kernel, extreme_rule);
OP(allreduce_min, infer_same, min_kernel, extreme_rule);
OP(reduce, infer_same, reduce_kernel, reduce_rule);
OP(broadcast, infer_same, broadcast_kernel, broadcast_rule);
OP(all_gather, infer_stacked, all_gather_kernel, all_gather_rule);
OP(gather, infer_stacked, gather_kernel, gather_rule);
OP(scatter, infer_row, scatter_kernel, scatter_rule);
OP(reduce_scatter, infer_row, reduce_scatter_kernel, reduce_scatter_rule);
OP(all_to_all, infer_rows, all_to_all_kernel, all_to_all_rule);
OP(sum_shards, infer_shards, shards_kernel, shards_rule);

static tg_tensor record(tg_tensor x, tg_mpi *m, const tg_op *op, int root) {
    tgi_mpi_attr attr = {.m = m, .a = root};
    if (m && tgi_check_below(x, op->name, "the root", root, m->size)) return tg_invalid(tg_tape_of(x));
    return tgi_record_mpi(m, op, 1, &x, &attr);
}

tg_tensor(tg_mpi_allreduce)(tg_tensor x, tg_mpi *m, tg_mpi_combine how) {
    switch (how) {
    case TG_MPI_SUM: return record(x, m, &allreduce, 0);
    case TG_MPI_MAX: return record(x, m, &allreduce_max, 0);
    case TG_MPI_MIN: return record(x, m, &allreduce_min, 0);
    case TG_MPI_MEAN: {
        tg_scope scope = tg_begin_scope(tg_tape_of(x), "mpi_allreduce");
        return tg_end_scope_with(scope, tg_div(record(x, m, &allreduce_mean, 0), (double)tg_mpi_size(m)));
    }
    }
    tg_fail(tg_tape_of(x), TG_ERR_ARGUMENT, "mpi_allreduce", "there is no such combination: %d", (int)how);
    return tg_invalid(tg_tape_of(x));
}

tg_tensor(tg_mpi_reduce)(tg_tensor x, tg_mpi *m, int root) {
    return record(x, m, &reduce, root);
}

tg_tensor(tg_mpi_broadcast)(tg_tensor x, tg_mpi *m, int root) {
    return record(x, m, &broadcast, root);
}

tg_tensor(tg_mpi_all_gather)(tg_tensor x, tg_mpi *m) {
    return record(x, m, &all_gather, 0);
}

tg_tensor(tg_mpi_gather)(tg_tensor x, tg_mpi *m, int root) {
    return record(x, m, &gather, root);
}

tg_tensor(tg_mpi_scatter)(tg_tensor x, tg_mpi *m, int root) {
    return record(x, m, &scatter, root);
}

tg_tensor(tg_mpi_reduce_scatter)(tg_tensor x, tg_mpi *m) {
    return record(x, m, &reduce_scatter, 0);
}

tg_tensor(tg_mpi_all_to_all)(tg_tensor x, tg_mpi *m) {
    return record(x, m, &all_to_all, 0);
}

tg_tensor(tg_mpi_sum_shards)(tg_tensor x, tg_mpi *m) {
    return record(x, m, &sum_shards, 0);
}
