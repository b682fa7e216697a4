/* core/memory.h: where all memory of a tape comes from: the host's functions, or else malloc and free; and how much of it there is.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_MEMORY_H
#define TGI_CORE_MEMORY_H

#include "core/inside.h"

typedef struct tgi_memory {
    tg_host host;
    size_t  bytes, peak; /* taken and not given back: now, and at most */
    bool    limited;     /* the last request that failed would have passed the host's limit */
} tgi_memory;

/* `bytes` of memory, aligned as malloc's, not initialised; NULL when there is none, or the host's limit would be passed. */
void *tgi_memory_take(tgi_memory *memory, size_t bytes);

/* Gives it back: the same number of bytes. NULL is ignored. */
void tgi_memory_give(tgi_memory *memory, void *block, size_t bytes);

/* The block moved to one of `bytes`; NULL when there is no memory, and the block is as it was. NULL stands for one of 0 bytes. */
void *tgi_memory_grow(tgi_memory *memory, void *block, size_t old_bytes, size_t bytes);

#endif
