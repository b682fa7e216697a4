/* core/pool.h: buffers for values, taken and given back in any order.
 *
 * A buffer that is given back waits in the list of its size class, four classes to an octave, for the next one of that class: at
 * most a quarter of a buffer is unused (above the smallest, of 16 bytes), and a program that repeats itself finds all its buffers there.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_POOL_H
#define TGI_CORE_POOL_H

#include <stddef.h>

typedef struct tgi_buffer tgi_buffer;

enum { TGI_POOL_CLASSES = 256 };

typedef struct tgi_pool {
    tgi_buffer *free[TGI_POOL_CLASSES];
    tgi_buffer *all;
    size_t      bytes; /* of all buffers, taken or not */
} tgi_pool;

/* At least `bytes`, aligned to 64, not initialised; NULL when there is no memory. */
void *tgi_pool_take(tgi_pool *pool, size_t bytes);

/* Gives back what tgi_pool_take returned. NULL is ignored. */
void tgi_pool_give(tgi_pool *pool, void *buffer);

void tgi_pool_free(tgi_pool *pool);

#endif
