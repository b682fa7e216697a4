/* core/pool.c: free lists by size class.
 *
 * Each buffer begins with a header of one cache line, so that the memory behind it is aligned to 64 bytes. All buffers hang on one
 * list, by which they are freed with the tape.
 *
 * SPDX-License-Identifier: MIT */
#include "core/pool.h"

#include <stdint.h>
#include <stdlib.h>

enum { ALIGNMENT = 64, SMALLEST_LOG2 = 4 };

struct tgi_buffer {
    tgi_buffer *next_free;
    tgi_buffer *next;
    void       *block; /* what malloc returned */
    int         size_class;
};

_Static_assert(sizeof(tgi_buffer) <= ALIGNMENT, "the header fits in one cache line");

/* Class 4 * e + q holds buffers of (4 + q) * 2^e * 4 bytes: 16, 20, 24, 28, 32, 40, 48, 56, 64, ... */
static size_t class_bytes(int size_class) {
    return (size_t)(4 + size_class % 4) << (size_class / 4 + SMALLEST_LOG2 - 2);
}

static int class_for(size_t bytes) {
    int size_class = 0;
    while (size_class + 4 < TGI_POOL_CLASSES - 20 && class_bytes(size_class + 4) <= bytes)
        size_class += 4;
    while (size_class < TGI_POOL_CLASSES - 20 && class_bytes(size_class) < bytes)
        size_class++;
    return size_class;
}

static tgi_buffer *header(void *memory) {
    return (tgi_buffer *)((char *)memory - ALIGNMENT);
}

static void *memory_of(tgi_buffer *buffer) {
    return (char *)buffer + ALIGNMENT;
}

static tgi_buffer *new_buffer(tgi_pool *pool, int size_class) {
    void *block = malloc(class_bytes(size_class) + 2 * ALIGNMENT);
    if (!block) return NULL;
    size_t      to_line = (ALIGNMENT - (uintptr_t)block % ALIGNMENT) % ALIGNMENT;
    tgi_buffer *buffer = (tgi_buffer *)((char *)block + to_line);
    *buffer = (tgi_buffer){.next = pool->all, .block = block, .size_class = size_class};
    pool->all = buffer;
    pool->bytes += class_bytes(size_class);
    return buffer;
}

void *tgi_pool_take(tgi_pool *pool, size_t bytes) {
    if (bytes > SIZE_MAX / 4) return NULL;
    int         size_class = class_for(bytes);
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

void tgi_pool_free(tgi_pool *pool) {
    for (tgi_buffer *buffer = pool->all; buffer;) {
        tgi_buffer *next = buffer->next;
        free(buffer->block);
        buffer = next;
    }
    *pool = (tgi_pool){0};
}
