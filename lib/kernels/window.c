/* kernels/window.c: pooling.
 *
 * One row of windows is done at a time, and within it one element of the windows after the other, for the whole row: so there
 * are no windows at an edge to be looked at one by one, and the loops run along the rows.
 *
 * SPDX-License-Identifier: MIT */
#include "window.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* The windows p from `from` up to and without `to`, of `count`, for which first + p step is from 0 up to size - 1. */
typedef struct span {
    int64_t from, to;
} span;

static span span_of(int64_t count, int64_t first, int64_t step, int64_t size) {
    span s = {first < 0 ? (step - 1 - first) / step : 0, first < size ? (size - 1 - first) / step + 1 : 0};
    if (s.to > count) s.to = count;
    if (s.from > s.to) s.from = s.to;
    return s;
}

#define T float
#define I int32_t
#define NAME(x) x##_f32
#include "window_template.h"
#undef T
#undef I
#undef NAME

#define T double
#define I int64_t
#define NAME(x) x##_f64
#include "window_template.h"
#undef T
#undef I
#undef NAME
