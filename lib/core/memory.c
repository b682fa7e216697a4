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

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define IS_WATCHED
#endif
#endif
#if defined MADV_HUGEPAGE && UINTPTR_MAX > UINT32_MAX && !defined __SANITIZE_ADDRESS__ && !defined IS_WATCHED
enum { IN_HUGE_PAGES = true };
#else
enum { IN_HUGE_PAGES = false };
#endif

static bool passes_limit(const tgi_memory *memory, size_t bytes) {
    size_t limit = memory->host.memory_limit;
    return limit && (memory->bytes > limit || bytes > limit - memory->bytes);
}

/* ---- the library's own way ------------------------------------------------------------------------------------------ */

/* With pages of 4 KB, what passes through memory once waits for their addresses, and for each of them to be cleared when it is first touched.
 * So Linux is asked for pages of 2 MB, which it may refuse. What is smaller than two of them comes from regions, piece after piece, as soon
 * as there is so much of it that a page more or less does not count; a region goes back with its last piece. What the sanitizers watch
 * is malloc's alone. */
enum { HUGE_PAGE = 2 << 20, LARGE = 2 * HUGE_PAGE, SMALL = 64 << 10, REGION = 32 << 20, MUCH = 8 << 20, LINE = 64 };

struct tgi_region {
    tgi_region *next;
    size_t      used; /* bytes, this struct's included */
    int         pieces;
};

static void *allocate_pages(size_t bytes) {
    char *block = malloc(bytes);
#ifdef MADV_HUGEPAGE
    size_t before = HUGE_PAGE - (uintptr_t)block % HUGE_PAGE;
    if (block) madvise(block + before, (bytes - before) / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
    return block;
}

/* The newest region, or a new one where that has no room. */
static tgi_region *region_for(tgi_memory *memory, size_t bytes) {
    tgi_region *region = memory->regions;
    if (region && REGION - region->used >= bytes) return region;
    region = allocate_pages(REGION);
    if (!region) return NULL;
    *region = (tgi_region){.next = memory->regions, .used = LINE};
    return memory->regions = region;
}

static void *allocate_piece(tgi_memory *memory, size_t bytes) {
    tgi_region *region = region_for(memory, bytes);
    if (!region) return NULL;
    void *piece = (char *)region + region->used;
    region->used += (bytes + LINE - 1) / LINE * LINE;
    region->pieces++;
    return piece;
}

static bool is_piece(size_t bytes) {
    return IN_HUGE_PAGES && bytes >= SMALL && bytes < LARGE;
}

static void *allocate(tgi_memory *memory, size_t bytes) {
    if (is_piece(bytes) && memory->bytes >= MUCH) return allocate_piece(memory, bytes);
    return bytes < LARGE ? malloc(bytes) : allocate_pages(bytes);
}

static bool is_in(const tgi_region *region, const void *block) {
    return (uintptr_t)block - (uintptr_t)region < REGION;
}

/* The system has the whole pages of a piece back at once. */
static void give_pages_back(char *piece, size_t bytes) {
#ifdef MADV_HUGEPAGE
    enum { PAGE = 4096 };
    size_t before = (PAGE - (uintptr_t)piece % PAGE) % PAGE;
    madvise(piece + before, (bytes - before) / PAGE * PAGE, MADV_DONTNEED);
#else
    (void)piece, (void)bytes;
#endif
}

static void release(tgi_memory *memory, void *block, size_t bytes) {
    tgi_region **link = &memory->regions, *region;
    while ((region = is_piece(bytes) ? *link : NULL) && !is_in(region, block))
        link = &region->next;
    if (!region) {
        free(block);
    } else if (--region->pieces > 0) {
        give_pages_back(block, bytes);
    } else {
        *link = region->next;
        free(region);
    }
}

/* ---- counted ------------------------------------------------------------------------------------------------------ */

void *tgi_memory_take(tgi_memory *memory, size_t bytes) {
    const tg_host *host = &memory->host;
    memory->limited = passes_limit(memory, bytes);
    if (memory->limited) return NULL;
    void *block = host->allocate ? host->allocate(host->context, bytes) : allocate(memory, bytes);
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
        release(memory, block, bytes);
}

void *tgi_memory_grow(tgi_memory *memory, void *block, size_t old_bytes, size_t bytes) {
    void *grown = tgi_memory_take(memory, bytes);
    if (!grown) return NULL;
    if (block) memcpy(grown, block, old_bytes);
    tgi_memory_give(memory, block, old_bytes);
    return grown;
}
