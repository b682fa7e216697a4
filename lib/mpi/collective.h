/* mpi/collective.h: what the ops share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_MPI_COLLECTIVE_H
#define TGI_MPI_COLLECTIVE_H

#include "mpi/comm.h"

/* The attributes of all ops; what one does not need is 0. */
typedef struct tgi_mpi_attr {
    tg_mpi *m;
    int64_t a, b; /* root, combination, rank, shards; tag, elements of a bucket */
    int64_t c, names;
} tgi_mpi_attr;

/* Records the op of these tensors, or returns an invalid one where m is not a communicator. */
tg_tensor tgi_record_mpi(tg_mpi *m, const tg_op *op, int count, const tg_tensor *x, const tgi_mpi_attr *attr);

/* A number of ranks or a tag is in [0, end). */
tg_status tgi_check_below(tg_tensor x, const char *name, const char *what, int64_t value, int64_t end);

/* x is of a dtype that can be sent, floating if it has to be. */
tg_status tgi_check_dtype(tg_infer *call, tg_dtype dtype, bool floating);

/* So many elements are not too many for MPI. */
tg_status tgi_check_count(tg_infer *call, int64_t elements);

/* The sum in fixed order (tree.c): s->send has s->shards rows of `n` elements, the result comes into s->recv. Sets what the slot needs; the
 * memory that it needs for sending and receiving; and adds the rows of a matrix as a tree, into the first. */
void tgi_prepare_tree(tg_mpi *m, tgi_slot *s, int64_t n);
void tgi_tree_room(const tg_mpi *m, int64_t n, int64_t shards, size_t element, size_t *send, size_t *recv);
void tgi_add_rows(tg_dtype dtype, int64_t rows, int64_t n, void *x);

/* Copies row s of the shards, n elements from `from` on, to where tgi_prepare_tree takes them. */
void tgi_put_shard(const tg_mpi *m, tgi_slot *s, int64_t n, int64_t shard, int64_t from, int64_t count, const void *x);

#endif
