/* kernels/min_max.h: maximum and minimum, and their indices; NaN beats all.
 *
 * Of several equal elements the index is that of the first. Bools are bytes of 0 and 1: any is max, all is min.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_MIN_MAX_H
#define TGI_KERNELS_MIN_MAX_H

#include <stdint.h>

/* Of n >= 1 contiguous elements: out is one element, or an int64_t for the index. */
typedef void tgi_extreme_run(int64_t n, const void *x, void *out);

/* Of columns, row by row: best[j] is the extreme of the rows before, x[j] the element of this row, for j < n. Where x[j] is
 * better it becomes best[j], and index[j] the number of the row (max and min do not use it). */
typedef void tgi_extreme_row(int64_t row, int64_t n, const void *x, void *best, int64_t *index);

/* Each is tgi_NAME, for contiguous elements, and tgi_NAME_row. */
#define TGI_EACH_EXTREME(F) \
    F(max_f32) \
    F(max_f64) \
    F(max_i64) \
    F(max_b8) \
    F(min_f32) \
    F(min_f64) \
    F(min_i64) \
    F(min_b8) \
    F(argmax_f32) \
    F(argmax_f64) \
    F(argmax_i64) \
    F(argmin_f32) \
    F(argmin_f64) \
    F(argmin_i64)

#define TGI_DECLARE_EXTREME(name) \
    tgi_extreme_run tgi_##name; \
    tgi_extreme_row tgi_##name##_row;
TGI_EACH_EXTREME(TGI_DECLARE_EXTREME)
#undef TGI_DECLARE_EXTREME

#endif
