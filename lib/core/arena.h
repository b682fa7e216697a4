/* core/arena.h: memory that is given back in the opposite order in which it was taken, as a tape is rewound.
 *
 * Chunks are allocated once and stay with the arena; cutting back to a position only moves a pointer, so that the same
 * step recorded again allocates nothing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_ARENA_H
#define TGI_CORE_ARENA_H

#include <stdint.h>

#include "core/memory.h"

typedef struct tgi_chunk tgi_chunk;

typedef struct tgi_arena {
    tgi_memory *memory;    /* where chunks come from */
    size_t      bytes;     /* of all chunks */
    tgi_chunk  *current;   /* the one in use, and through it the full ones before it */
    tgi_chunk  *spare;     /* cut back, to be used again */
    char       *top, *end; /* of the free part of the current chunk */
} tgi_arena;

/* The same from another chunk than the current one. */
void *tgi_arena_take_chunk(tgi_arena *arena, size_t bytes);

/* `bytes` of memory, aligned to 8, not initialised; NULL when there is none. */
__attribute__((always_inline)) static inline void *tgi_arena_take(tgi_arena *arena, size_t bytes) {
    size_t whole = (bytes + 7) & ~(size_t)7;
    if (bytes > SIZE_MAX - 7 || !arena->current || whole > (size_t)(arena->end - arena->top))
        return tgi_arena_take_chunk(arena, bytes);
    void *memory = arena->top;
    arena->top += whole;
    return memory;
}

/* Gives back everything taken since tgi_arena_take returned `position`, that included. */
void tgi_arena_cut(tgi_arena *arena, const void *position);

/* Frees the chunks that were cut back. */
void tgi_arena_trim(tgi_arena *arena);

void tgi_arena_free(tgi_arena *arena);

#endif
