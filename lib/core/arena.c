/* core/arena.c: chunks in a stack, a pointer into the topmost.
 *
 * A chunk that is cut back goes to the spare list and is taken from there first. Chunks double in size up to a limit, so a
 * tape of any length has few of them.
 *
 * SPDX-License-Identifier: MIT */
#include "core/arena.h"

#include <stdint.h>

struct tgi_chunk {
    tgi_chunk *next; /* the one below in the stack, or in the spare list */
    size_t     bytes;
    uint64_t   memory[];
};

enum { FIRST_CHUNK = 16 << 10, LARGEST_CHUNK = 4 << 20 };

static tgi_chunk *spare_chunk(tgi_arena *arena, size_t bytes) {
    for (tgi_chunk **link = &arena->spare; *link; link = &(*link)->next) {
        tgi_chunk *chunk = *link;
        if (chunk->bytes < bytes) continue;
        *link = chunk->next;
        return chunk;
    }
    return NULL;
}

static tgi_chunk *new_chunk(tgi_arena *arena, size_t bytes) {
    size_t size = arena->current ? 2 * arena->current->bytes : FIRST_CHUNK;
    if (size > LARGEST_CHUNK) size = LARGEST_CHUNK;
    if (size < bytes) size = bytes;
    tgi_chunk *chunk = size > SIZE_MAX - sizeof *chunk ? NULL : tgi_memory_take(arena->memory, sizeof *chunk + size);
    if (!chunk) return NULL;
    chunk->bytes = size;
    arena->bytes += sizeof *chunk + size;
    return chunk;
}

static void use_chunk(tgi_arena *arena, tgi_chunk *chunk) {
    arena->current = chunk;
    arena->top = chunk ? (char *)chunk->memory : NULL;
    arena->end = chunk ? arena->top + chunk->bytes : NULL;
}

void *tgi_arena_take_chunk(tgi_arena *arena, size_t bytes) {
    if (bytes > SIZE_MAX - 7) return NULL;
    bytes = (bytes + 7) & ~(size_t)7;
    tgi_chunk *chunk = spare_chunk(arena, bytes);
    if (!chunk) chunk = new_chunk(arena, bytes);
    if (!chunk) return NULL;
    chunk->next = arena->current;
    use_chunk(arena, chunk);
    void *memory = arena->top;
    arena->top += bytes;
    return memory;
}

static int holds(const tgi_chunk *chunk, const void *position) {
    uintptr_t at = (uintptr_t)position, start = (uintptr_t)chunk->memory;
    return at >= start && at <= start + chunk->bytes;
}

void tgi_arena_cut(tgi_arena *arena, const void *position) {
    while (!holds(arena->current, position)) {
        tgi_chunk *chunk = arena->current;
        use_chunk(arena, chunk->next);
        chunk->next = arena->spare;
        arena->spare = chunk;
    }
    arena->top = (char *)arena->current->memory + ((uintptr_t)position - (uintptr_t)arena->current->memory);
}

static void free_list(tgi_arena *arena, tgi_chunk *chunk) {
    while (chunk) {
        tgi_chunk *next = chunk->next;
        size_t     bytes = sizeof *chunk + chunk->bytes;
        arena->bytes -= bytes;
        tgi_memory_give(arena->memory, chunk, bytes);
        chunk = next;
    }
}

void tgi_arena_trim(tgi_arena *arena) {
    free_list(arena, arena->spare);
    arena->spare = NULL;
}

void tgi_arena_free(tgi_arena *arena) {
    free_list(arena, arena->current);
    free_list(arena, arena->spare);
    *arena = (tgi_arena){.memory = arena->memory};
}
