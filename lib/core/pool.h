/* core/pool.h: buffers for values, taken and given back in any order.
 *
 * A buffer that is given back waits in the list of its size class for the next one of that class: a program that repeats itself finds
 * all its buffers there.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_POOL_H
#define TGI_CORE_POOL_H

#include "core/memory.h"
#include "core/size_class.h"

typedef struct tgi_buffer tgi_buffer;

typedef struct tgi_pool {
    tgi_memory *memory; /* where they come from */
    tgi_buffer *free[TGI_SIZE_CLASSES];
    tgi_buffer *all;
    size_t      bytes;     /* of all buffers, taken or not */
    unsigned    staggered; /* how many buffers were (TGI_STAGGER) */
} tgi_pool;

/* At least `bytes`, aligned to 64, not initialised; NULL when there is no memory. Before the host's limit counts,
 * what was given back is freed. */
void *tgi_pool_take(tgi_pool *pool, size_t bytes);

/* Gives back what tgi_pool_take returned. NULL is ignored. */
void tgi_pool_give(tgi_pool *pool, void *buffer);

/* Frees what has been given back, of buffers of at least so many bytes. Returns whether there was any. */
bool tgi_pool_trim(tgi_pool *pool, size_t bytes);

/* The bytes of the buffers that were given back. */
size_t tgi_pool_spare(const tgi_pool *pool);

void tgi_pool_free(tgi_pool *pool);

#endif
