/* tests/kernels/aligned.h: memory that begins on a line of the cache, as the library's own does.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_KERNELS_ALIGNED_H
#define TESTS_KERNELS_ALIGNED_H

#include <stdlib.h>

enum { CACHE_LINE = 64 };

/* Not initialised; there is always a byte. */
static inline void *allocate_aligned(size_t bytes) {
    size_t whole = (bytes + 2 * CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
#ifdef _WIN32
    void *at = _aligned_malloc(whole, CACHE_LINE);
#else
    void *at = aligned_alloc(CACHE_LINE, whole);
#endif
    if (!at) abort();
    return at;
}

static inline void free_aligned(void *at) {
#ifdef _WIN32
    _aligned_free(at);
#else
    free(at);
#endif
}

#endif
