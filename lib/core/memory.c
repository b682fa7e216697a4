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
 * So Linux is asked for pages of 2 MB, which it may refuse. When a tape has MUCH memory, so that such a page more or less does not count,
 * blocks smaller than two of them come from regions, piece after piece. Pieces are given back to be forgotten with their region: it is
 * begun anew, or goes back, with its last piece, and all of them go with the last memory of the tape. What the sanitizers watch is
 * malloc's alone. */
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

static bool is_piece(size_t bytes) {
    return IN_HUGE_PAGES && bytes >= SMALL && bytes < LARGE;
}

static size_t in_lines(size_t bytes) {
    return (bytes + LINE - 1) / LINE * LINE;
}

static void *allocate(tgi_memory *memory, size_t bytes) {
    tgi_region *region = is_piece(bytes) && memory->bytes >= MUCH ? region_for(memory, bytes) : NULL;
    if (!region) return bytes < LARGE ? malloc(bytes) : allocate_pages(bytes);
    void *piece = (char *)region + region->used;
    region->used += in_lines(bytes);
    region->pieces++;
    return piece;
}

static bool is_in(const tgi_region *region, const void *block) {
    return (uintptr_t)block - (uintptr_t)region < REGION;
}

/* What stands last in its region makes room for the next piece. */
static void forget_piece(tgi_memory *memory, tgi_region **link, const char *piece, size_t bytes) {
    tgi_region *region = *link;
    if (piece + in_lines(bytes) == (char *)region + region->used) region->used = (size_t)(piece - (char *)region);
    if (--region->pieces > 0) return;
    region->used = LINE;
    if (region == memory->regions) return;
    *link = region->next;
    free(region);
}

static void release(tgi_memory *memory, void *block, size_t bytes) {
    tgi_region **link = &memory->regions;
    while (is_piece(bytes) && *link && !is_in(*link, block))
        link = &(*link)->next;
    if (is_piece(bytes) && *link)
        forget_piece(memory, link, block, bytes);
    else
        free(block);
    while (!memory->bytes && memory->regions) {
        tgi_region *region = memory->regions;
        memory->regions = region->next;
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
