/* mpi/bucket.h: gradients that are sent together.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_MPI_BUCKET_H
#define TGI_MPI_BUCKET_H

#include "mpi/collective.h"

/* Records the begin of the sum of gradients over the ranks: `shards` of each of `count` parameters, those of one after the other. They are
 * floating, of one dtype. What is returned stands for the sum until tgi_end_bucket records that it is waited for, which gives it as one row. */
tg_tensor tgi_begin_bucket(tg_mpi *m, int count, int shards, const tg_tensor *gradients, uint64_t names);
tg_tensor tgi_end_bucket(tg_mpi *m, tg_tensor begun, tg_dtype dtype, int64_t elements);

#endif
