/* core/pool.c: free lists by size class.
 *
 * Each buffer begins with a header of one cache line, so that the memory behind it is aligned to 64 bytes. All buffers hang on one
 * list, by which they are freed with the tape.
 *
 * SPDX-License-Identifier: MIT */
#include "core/pool.h"

#include <stdint.h>

enum { ALIGNMENT = 64, SMALLEST = 16, STAGGERS = 13 };

struct tgi_buffer {
    tgi_buffer *next_free;
    tgi_buffer *next;
    void       *block; /* what was allocated */
    int         size_class;
};

_Static_assert(sizeof(tgi_buffer) <= ALIGNMENT, "the header fits in one cache line");

static tgi_buffer *header(void *memory) {
    return (tgi_buffer *)((char *)memory - ALIGNMENT);
}

static void *memory_of(tgi_buffer *buffer) {
    return (char *)buffer + ALIGNMENT;
}

static bool is_staggered(int size_class) {
    return tgi_size_class_bytes(size_class, SMALLEST) >= TGI_STAGGERED;
}

/* With its header, and what it takes to align it and to stagger it. */
static size_t bytes_of(int size_class) {
    size_t stagger = is_staggered(size_class) ? (STAGGERS - 1) * TGI_STAGGER : 0;
    return tgi_size_class_bytes(size_class, SMALLEST) + 2 * ALIGNMENT + stagger;
}

static tgi_buffer *new_buffer(tgi_pool *pool, int size_class) {
    void *block = tgi_memory_take(pool->memory, bytes_of(size_class));
    if (!block && pool->memory->limited && tgi_pool_trim(pool, 0)) block = tgi_memory_take(pool->memory, bytes_of(size_class));
    if (!block) return NULL;
    size_t to_line = (ALIGNMENT - (uintptr_t)block % ALIGNMENT) % ALIGNMENT;
    if (is_staggered(size_class)) to_line += (size_t)(pool->staggered++ % STAGGERS) * TGI_STAGGER;
    tgi_buffer *buffer = (tgi_buffer *)((char *)block + to_line);
    *buffer = (tgi_buffer){.next = pool->all, .block = block, .size_class = size_class};
    pool->all = buffer;
    pool->bytes += bytes_of(size_class);
    return buffer;
}

void *tgi_pool_take(tgi_pool *pool, size_t bytes) {
    if (bytes > TGI_MOST_BYTES) return NULL;
    int         size_class = tgi_size_class(bytes, SMALLEST);
    tgi_buffer *buffer = pool->free[size_class];
    if (buffer)
        pool->free[size_class] = buffer->next_free;
    else if (!(buffer = new_buffer(pool, size_class)))
        return NULL;
    return memory_of(buffer);
}

void tgi_pool_give(tgi_pool *pool, void *memory) {
    if (!memory) return;
    tgi_buffer *buffer = header(memory);
    buffer->next_free = pool->free[buffer->size_class];
    pool->free[buffer->size_class] = buffer;
}

/* The buffers are marked by the complement of their class, then taken out of the list of all. */
bool tgi_pool_trim(tgi_pool *pool, size_t bytes) {
    size_t before = pool->bytes;
    for (int size_class = tgi_size_class(bytes, SMALLEST); size_class < TGI_SIZE_CLASSES; size_class++) {
        for (tgi_buffer *buffer = pool->free[size_class]; buffer; buffer = buffer->next_free)
            buffer->size_class = ~size_class;
        pool->free[size_class] = NULL;
    }
    for (tgi_buffer **link = &pool->all; *link;) {
        tgi_buffer *buffer = *link;
        if (buffer->size_class >= 0) {
            link = &buffer->next;
            continue;
        }
        size_t freed = bytes_of(~buffer->size_class);
        *link = buffer->next;
        pool->bytes -= freed;
        tgi_memory_give(pool->memory, buffer->block, freed);
    }
    return pool->bytes < before;
}

size_t tgi_pool_spare(const tgi_pool *pool) {
    size_t bytes = 0;
    for (int size_class = 0; size_class < TGI_SIZE_CLASSES; size_class++)
        for (const tgi_buffer *buffer = pool->free[size_class]; buffer; buffer = buffer->next_free)
            bytes += bytes_of(size_class);
    return bytes;
}

void tgi_pool_free(tgi_pool *pool) {
    for (tgi_buffer *buffer = pool->all; buffer;) {
        tgi_buffer *next = buffer->next;
        tgi_memory_give(pool->memory, buffer->block, bytes_of(buffer->size_class));
        buffer = next;
    }
    *pool = (tgi_pool){.memory = pool->memory};
}
