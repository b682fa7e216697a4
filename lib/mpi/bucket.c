/* mpi/bucket.c: a sum over the ranks in two ops, between which the tape goes on.
 *
 * The first takes gradients, puts them into the memory of a slot, begins the sum, and gives the slot's number. The second waits for that
 * slot. The executor keeps both where they were recorded, for they are kernels that may fail; so the sum is under way while what stands
 * between them is computed.
 *
 * SPDX-License-Identifier: MIT */
#include "mpi/bucket.h"

#include <limits.h>
#include <string.h>

/* ---- the begin --------------------------------------------------------------------------------------------------------- */

static tg_status infer_begin(tg_infer *call) {
    call->out = (tg_type){.dtype = TG_I64, .rank = 0, .dims = call->dims};
    for (int i = 0; i < call->count; i++) {
        tg_status status = tgi_check_dtype(call, call->in[i].dtype, true);
        if (!status && call->in[i].dtype != call->in[0].dtype) status = tg_refuse(call, TG_ERR_DTYPE, "the dtypes differ");
        if (status) return status;
    }
    return tgi_check_count(call, ((const tgi_mpi_attr *)call->attr)->b * ((const tgi_mpi_attr *)call->attr)->a);
}

static int begin_sum(tg_mpi *m, tgi_slot *s) {
    return MPI_Iallreduce(s->send, s->recv, s->n, tgi_datatype(s->dtype), MPI_SUM, m->data, &s->request);
}

static bool is_ordered(const tg_mpi *m) {
    return m->options.deterministic;
}

static tgi_slot *take(tg_mpi *m, tg_dtype dtype, int64_t n, int64_t shards) {
    size_t element = tg_dtype_size(dtype), send = (size_t)n * element, recv = send;
    if (is_ordered(m)) tgi_tree_room(m, n, shards, element, &send, &recv);
    tgi_slot *s = tgi_take_slot(m, send, recv);
    if (!s) return NULL;
    s->dtype = dtype;
    if (is_ordered(m)) {
        s->shards = shards;
        tgi_prepare_tree(m, s, n);
        return s;
    }
    s->begin = begin_sum;
    s->n = (int)n;
    s->bytes = (int64_t)send;
    s->least_bytes = (int64_t)(2.0 * (m->size - 1) / m->size * (double)send);
    return s;
}

#define DEFINE_ADD(T) \
    static void add_##T(int64_t n, T *sum, const T *x) { \
        for (int64_t i = 0; i < n; i++) \
            sum[i] += x[i]; \
    }
DEFINE_ADD(float)
DEFINE_ADD(double)

/* Where their sum is not ordered, a rank's shards are added before they are sent. */
static void put(const tg_mpi *m, tgi_slot *s, int64_t n, int64_t shard, int64_t from, int64_t count, const void *x) {
    void *to = (char *)s->send + (size_t)from * tg_dtype_size(s->dtype);
    if (is_ordered(m))
        tgi_put_shard(m, s, n, shard, from, count, x);
    else if (shard == 0)
        memcpy(to, x, (size_t)count * tg_dtype_size(s->dtype));
    else if (s->dtype == TG_F32)
        add_float(count, to, x);
    else
        add_double(count, to, x);
}

static tg_status begin_kernel(tg_kernel_call *call) {
    const tgi_mpi_attr *attr = call->attr;
    tg_mpi             *m = attr->m;
    if (m->failed) return tgi_kernel_broken(call, m);
    int64_t   n = attr->b, shards = attr->a, from = 0;
    tg_dtype  dtype = call->in[0].dtype;
    tgi_slot *s = take(m, dtype, n, shards);
    if (!s) return tg_kernel_fail_with(call, TG_ERR_MEMORY, "out of memory");
    for (int i = 0; i < call->count; i++) {
        const void *x = tg_contiguous(call, i);
        if (!x) return tgi_give_slot(s), TG_ERR_MEMORY;
        put(m, s, n, i % shards, from, call->in[i].size, x);
        if (i % shards == shards - 1) from += call->in[i].size;
    }
    tg_shape shape = tg_shape_from(2, (int64_t[]){shards, n});
    if (tgi_begin_slot(m, s, "sum of gradients", dtype, shape, (uint64_t)attr->names, attr)) return tgi_kernel_broken(call, m);
    int64_t number = 0;
    while (m->slots[number] != s)
        number++;
    *(int64_t *)call->out.data = number;
    return TG_OK;
}

/* ---- the end ----------------------------------------------------------------------------------------------------------- */

static tg_status infer_end(tg_infer *call) {
    const tgi_mpi_attr *attr = call->attr;
    call->dims[0] = attr->b;
    call->out = (tg_type){.dtype = (tg_dtype)attr->a, .rank = 1, .dims = call->dims};
    return TG_OK;
}

static tg_status end_kernel(tg_kernel_call *call) {
    tg_mpi *m = ((const tgi_mpi_attr *)call->attr)->m;
    if (m->failed) return tgi_kernel_broken(call, m);
    int64_t   number = *(const int64_t *)call->in[0].data;
    tgi_slot *s = number >= 0 && number < m->slot_count ? m->slots[number] : NULL;
    if (!s || !s->used) return tg_kernel_fail(call, "the sum of gradients was not begun in this run");
    if (tgi_end_slot(m, s)) return tgi_kernel_broken(call, m);
    memcpy(call->out.data, s->recv, (size_t)call->out.size * tg_dtype_size(call->out.dtype));
    tgi_give_slot(s);
    return TG_OK;
}

/* ---- recording --------------------------------------------------------------------------------------------------------- */

tg_tensor tgi_begin_bucket(tg_mpi *m, int count, int shards, const tg_tensor *gradients, uint64_t names) {
    static const tg_op op = {"mpi_begin_sum", -1, infer_begin, .kernel = begin_kernel, .random = true};
    tgi_mpi_attr       attr = {.m = m, .a = shards, .names = (int64_t)names};
    for (int i = 0; i < count; i++)
        attr.b += tg_size(gradients[i * shards]);
    return tgi_record_mpi(m, &op, count * shards, gradients, &attr);
}

tg_tensor tgi_end_bucket(tg_mpi *m, tg_tensor begun, tg_dtype dtype, int64_t elements) {
    static const tg_op op = {"mpi_end_sum", 1, infer_end, .kernel = end_kernel, .random = true};
    tgi_mpi_attr       attr = {.m = m, .a = (int64_t)dtype, .b = elements};
    return tgi_record_mpi(m, &op, 1, &begun, &attr);
}
