/* core/memory.c: the host's memory, counted.
 *
 * SPDX-License-Identifier: MIT */
#include "core/memory.h"

#include <stdlib.h>
#include <string.h>

static bool passes_limit(const tgi_memory *memory, size_t bytes) {
    size_t limit = memory->host.memory_limit;
    return limit && (memory->bytes > limit || bytes > limit - memory->bytes);
}

void *tgi_memory_take(tgi_memory *memory, size_t bytes) {
    const tg_host *host = &memory->host;
    memory->limited = passes_limit(memory, bytes);
    if (memory->limited) return NULL;
    void *block = host->allocate ? host->allocate(host->context, bytes) : malloc(bytes);
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
