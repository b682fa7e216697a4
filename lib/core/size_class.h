/* core/size_class.h: sizes of memory rounded up, so that what is given back finds its next user at once.
 *
 * There are four classes to an octave: at most a quarter of a piece is unused, above the smallest.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_SIZE_CLASS_H
#define TGI_CORE_SIZE_CLASS_H

#include <stddef.h>
#include <stdint.h>

enum { TGI_SIZE_CLASSES = 256 };

/* What loops pass through side by side should not begin at the same place of a page: a processor takes a load for one of what was just stored
 * if the addresses end in the same twelve bits, and has room for eight lines of one place in its first cache. So of memory for values of
 * TGI_STAGGERED bytes and more, which mostly comes in whole pages, each begins TGI_STAGGER bytes farther into a page than the one before. */
#define TGI_STAGGERED ((size_t)128 << 10)
enum { TGI_STAGGER = 5 * 64 };

/* The most bytes that have a class, and that a pool gives. */
#define TGI_MOST_BYTES (SIZE_MAX / 4)

/* The sum, or where it is past TGI_MOST_BYTES, one more than that, which no pool gives. Neither of the two is larger. */
static inline size_t tgi_add_bytes(size_t a, size_t b) {
    return a + b <= TGI_MOST_BYTES ? a + b : TGI_MOST_BYTES + 1;
}

/* Class 4 e + q has (4 + q) 2^e quarters of `smallest`, a power of two of at least 4: 1, 1.25, 1.5, 1.75, 2, 2.5, ... of it. */
static inline size_t tgi_size_class_bytes(int size_class, size_t smallest) {
    return ((size_t)(4 + size_class % 4) << (size_class / 4)) * (smallest / 4);
}

/* The class of the least size that holds so much; `bytes` is at most TGI_MOST_BYTES. In quarters, the two bits behind the first are q; what is
 * left of them needs one class more. */
static inline int tgi_size_class(size_t bytes, size_t smallest) {
    unsigned long long quarters = bytes / (smallest / 4) + (bytes % (smallest / 4) > 0);
    if (quarters <= 4) return 0;
    int e = 61 - __builtin_clzll(quarters);
    return 4 * e + (int)(quarters >> e) - 4 + (quarters % (1ull << e) > 0);
}

#endif
