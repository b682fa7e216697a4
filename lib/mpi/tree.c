/* mpi/tree.c: sums whose order is fixed.
 *
 * Each rank has k rows of n elements, its shards. The elements are divided into as many segments as there are ranks. Each rank gets from
 * all others what they have of its segment, adds the S = P k rows as a tree over their numbers, and sends the sums to all. That is 2 (P-1)/P n
 * elements that a rank sends for k = 1, as in the best reduction, and (P-1)/P (k + 1) n in general.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "mpi/collective.h"

/* Where rank r's segment begins. */
static int64_t start_of(const tg_mpi *m, int64_t n, int r) {
    return n / m->size * r + (n % m->size < r ? n % m->size : r);
}

static int64_t length_of(const tg_mpi *m, int64_t n, int r) {
    return start_of(m, n, r + 1) - start_of(m, n, r);
}

/* ---- adding ------------------------------------------------------------------------------------------------------------ */

#define DEFINE_ADD(T) \
    static void add_##T(int64_t n, T *x, const T *y) { \
        for (int64_t i = 0; i < n; i++) \
            x[i] += y[i]; \
    } \
    static void tree_##T(int64_t rows, int64_t n, T *x) { \
        for (int64_t step = 1; step < rows; step *= 2) \
            for (int64_t i = 0; i + step < rows; i += 2 * step) \
                add_##T(n, x + i * n, x + (i + step) * n); \
    }
DEFINE_ADD(float)
DEFINE_ADD(double)

/* Signed integers wrap around, as everywhere. */
static void tree_int64(int64_t rows, int64_t n, uint64_t *x) {
    for (int64_t step = 1; step < rows; step *= 2)
        for (int64_t i = 0; i + step < rows; i += 2 * step)
            for (int64_t j = 0; j < n; j++)
                x[i * n + j] += x[(i + step) * n + j];
}

void tgi_add_rows(tg_dtype dtype, int64_t rows, int64_t n, void *x) {
    if (dtype == TG_F32)
        tree_float(rows, n, x);
    else if (dtype == TG_F64)
        tree_double(rows, n, x);
    else
        tree_int64(rows, n, x);
}

/* ---- the two phases ---------------------------------------------------------------------------------------------------- */

static int exchange(tg_mpi *m, tgi_slot *s) {
    int *sent = s->counts, *sent_at = sent + m->size, *received = sent_at + m->size, *received_at = received + m->size;
    int  k = (int)s->shards, mine = (int)length_of(m, s->n, m->rank);
    for (int r = 0; r < m->size; r++) {
        sent[r] = k * (int)length_of(m, s->n, r);
        sent_at[r] = k * (int)start_of(m, s->n, r);
        received[r] = k * mine;
        received_at[r] = r * k * mine;
    }
    MPI_Datatype type = tgi_datatype(s->dtype);
    return MPI_Ialltoallv(s->send, sent, sent_at, type, s->recv, received, received_at, type, m->data, &s->request);
}

/* The sums go into the memory that was sent, and all of them into that which was received. */
static int add_and_gather(tg_mpi *m, tgi_slot *s) {
    int    *received = s->counts, *received_at = received + m->size;
    int64_t mine = length_of(m, s->n, m->rank);
    tgi_add_rows(s->dtype, m->size * s->shards, mine, s->recv);
    memcpy(s->send, s->recv, (size_t)mine * tg_dtype_size(s->dtype));
    for (int r = 0; r < m->size; r++) {
        received[r] = (int)length_of(m, s->n, r);
        received_at[r] = (int)start_of(m, s->n, r);
    }
    MPI_Datatype type = tgi_datatype(s->dtype);
    return MPI_Iallgatherv(s->send, (int)mine, type, s->recv, received, received_at, type, m->data, &s->request);
}

/* ---- what the others call ---------------------------------------------------------------------------------------------- */

void tgi_tree_room(const tg_mpi *m, int64_t n, int64_t shards, size_t element, size_t *send, size_t *recv) {
    int64_t longest = n / m->size + 1;
    int64_t rows = m->size * shards * longest;
    *send = (size_t)(shards * n) * element;
    *recv = (size_t)(rows > n ? rows : n) * element;
}

void tgi_prepare_tree(tg_mpi *m, tgi_slot *s, int64_t n) {
    int64_t others = n - length_of(m, n, m->rank);
    size_t  element = tg_dtype_size(s->dtype);
    s->n = (int)n;
    s->begin = exchange;
    s->then = add_and_gather;
    s->bytes = s->shards * n * (int64_t)element;
    s->least_bytes = (s->shards * others + (m->size - 1) * (n - others)) * (int64_t)element;
}

/* The rows of a segment lie one after the other. */
void tgi_put_shard(const tg_mpi *m, tgi_slot *s, int64_t n, int64_t shard, int64_t from, int64_t count, const void *x) {
    size_t element = tg_dtype_size(s->dtype);
    for (int r = 0; r < m->size && count > 0; r++) {
        int64_t start = start_of(m, n, r), length = length_of(m, n, r), end = start + length;
        if (from >= end) continue;
        int64_t some = from + count < end ? count : end - from;
        char   *to = (char *)s->send + (size_t)(s->shards * start + shard * length + (from - start)) * element;
        memcpy(to, x, (size_t)some * element);
        x = (const char *)x + (size_t)some * element;
        from += some;
        count -= some;
    }
}
