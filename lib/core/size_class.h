/* core/size_class.h: sizes of memory rounded up, so that what is given back finds its next user at once.
 *
 * There are four classes to an octave: at most a quarter of a piece is unused, above the smallest.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_SIZE_CLASS_H
#define TGI_CORE_SIZE_CLASS_H

#include <stddef.h>

enum { TGI_SIZE_CLASSES = 256 };

/* Class 4 e + q has (4 + q) 2^e quarters of `smallest`, a power of two of at least 4: 1, 1.25, 1.5, 1.75, 2, 2.5, ... of it. */
static inline size_t tgi_size_class_bytes(int size_class, size_t smallest) {
    return ((size_t)(4 + size_class % 4) << (size_class / 4)) * (smallest / 4);
}

/* The class of the least size that holds so much; `bytes` is at most a quarter of SIZE_MAX. */
static inline int tgi_size_class(size_t bytes, size_t smallest) {
    int size_class = 0;
    while (tgi_size_class_bytes(size_class + 4, smallest) <= bytes)
        size_class += 4;
    while (tgi_size_class_bytes(size_class, smallest) < bytes)
        size_class++;
    return size_class;
}

#endif
