/* kernels/window.c: the maximum and the mean of windows, once for each instruction set.
 *
 * One row of windows is done at a time, and within it one element of the windows after the other, for the whole row: so there
 * are no special cases for windows at an edge, and the loops run along the rows.
 *
 * A row of the result, or an image where windows may share elements of it, needs nothing of another: threads share them out.
 * The mean's way back makes the image row by row, from the windows that each element is in.
 *
 * SPDX-License-Identifier: MIT */
#include "window.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "isa.h"
#include "span.h"
#include "sum.h"
#include "threads.h"

/* Elements that take longer than it takes to start a thread. */
enum { WORTH_A_THREAD = 1 << 16 };

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

#ifndef TGI_ISA
void tgi_windows_back(int64_t count, const tgi_window *windows, int64_t size, tgi_window *back) {
    int64_t from = 0, to = 0;
    for (int64_t i = 0; i < size; i++) {
        while (from < count && windows[from].to <= i)
            from++;
        while (to < count && windows[to].from <= i)
            to++;
        back[i] = (tgi_window){from, max_of(from, to), 1};
    }
}
#endif
