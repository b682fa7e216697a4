/* core/memory.c: the host's memory, counted.
 *
 * SPDX-License-Identifier: MIT */
#include "core/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

static bool passes_limit(const tgi_memory *memory, size_t bytes) {
    size_t limit = memory->host.memory_limit;
    return limit && (memory->bytes > limit || bytes > limit - memory->bytes);
}

enum { HUGE_PAGE = 2 << 20, LARGE = 2 * HUGE_PAGE };

/* By malloc. With pages of 4 KB, what passes through memory once waits for their addresses, and for each of them to be cleared when it is first
 * touched: so Linux is asked for pages of 2 MB for what is large, which it may refuse. */
static void *allocate(size_t bytes) {
    char *block = malloc(bytes);
#ifdef MADV_HUGEPAGE
    size_t before = HUGE_PAGE - (uintptr_t)block % HUGE_PAGE;
    if (block && bytes >= LARGE) madvise(block + before, (bytes - before) / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
    return block;
}

void *tgi_memory_take(tgi_memory *memory, size_t bytes) {
    const tg_host *host = &memory->host;
    memory->limited = passes_limit(memory, bytes);
    if (memory->limited) return NULL;
    void *block = host->allocate ? host->allocate(host->context, bytes) : allocate(bytes);
    if (!block) return NULL;
    memory->bytes += bytes;
    if (memory->bytes > memory->peak) memory->peak = memory->bytes;
    return block;
}

void tgi_memory_give(tgi_memory *memory, void *block, size_t bytes) {
    if (!block) return;
    const tg_host *host = &memory->host;
    memory->bytes -= bytes;
    if (host->release)
        host->release(host->context, block, bytes);
    else
        free(block);
}

void *tgi_memory_grow(tgi_memory *memory, void *block, size_t old_bytes, size_t bytes) {
    void *grown = tgi_memory_take(memory, bytes);
    if (!grown) return NULL;
    if (block) memcpy(grown, block, old_bytes);
    tgi_memory_give(memory, block, old_bytes);
    return grown;
}
