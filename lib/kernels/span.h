/* kernels/span.h: which windows of an image reach an element that exists.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_SPAN_H
#define TGI_KERNELS_SPAN_H

#include "vector.h"

/* The windows i from `from` up to and without `to`, of `count`, for which first + i step is from 0 up to size - 1. Where that holds for
 * all nothing is divided: it would take as long as a short row. */
typedef struct span {
    int64_t from, to;
} span;

static inline span span_of(int64_t count, int64_t first, int64_t step, int64_t size) {
    span s = {first < 0 ? (step - 1 - first) / step : 0, count};
    if (first + (count - 1) * step >= size) s.to = first < size ? (size - 1 - first) / step + 1 : 0;
    s.to = max_of(0, min_of(s.to, count));
    s.from = min_of(s.from, s.to);
    return s;
}

#endif
