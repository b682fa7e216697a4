/* kernels/window.h: the maximum of each window of an image, and the mean.
 *
 * An image is x[0] x x[1] x x[2] elements; a result y[0] x y[1] x y[2], one for each window. Everything is row-major, in one piece, and
 * overlaps nothing. `team` has the threads; the same call gives the same bits for any number of them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_WINDOW_H
#define TGI_KERNELS_WINDOW_H

#include <stdint.h>

#include "threads.h"

/* [0] is deep, [1] down, [2] across: element i of window p is p stride + i dilation - padding, where that exists. */
typedef struct tgi_windows {
    int64_t images, x[3], y[3], k[3], stride[3], padding[3], dilation[3];
} tgi_windows;

/* Where in its image the largest element of each window is: the first of several; the last NaN if there is one; -1 in a window
 * without elements. An image has at most INT32_MAX elements; `scratch` is 2 y[2] elements a thread. */
void tgi_largest_f32(const tgi_windows *w, const float *x, int64_t *index, tgi_team *team, void *scratch);
void tgi_largest_f64(const tgi_windows *w, const double *x, int64_t *index, tgi_team *team, void *scratch);

/* y[i] = x[index[i]], image by image, from x_size elements to y_size; -infinity for an index of -1. And back: what was taken is
 * added to the element that it was taken from, in zeros; with `sums`, x_size elements a thread, that is done in float64. */
void tgi_pick_f32(int64_t images, int64_t x_size, int64_t y_size, const float *x, const int64_t *index, float *y,
                  tgi_team *team);
void tgi_pick_f64(int64_t images, int64_t x_size, int64_t y_size, const double *x, const int64_t *index, double *y,
                  tgi_team *team);
void tgi_unpick_f32(int64_t images, int64_t x_size, int64_t y_size, const float *y, const int64_t *index, float *x,
                    tgi_team *team, double *sums);
void tgi_unpick_f64(int64_t images, int64_t x_size, int64_t y_size, const double *y, const int64_t *index, double *x,
                    tgi_team *team, double *sums);

/* Windows along one axis: the elements from `from` up to and without `to`, whose sum is divided by `count`. */
typedef struct tgi_window {
    int64_t from, to, count;
} tgi_window;

/* A window along each axis is one element of the result. */
typedef struct tgi_means {
    int64_t           images, x[3], y[3];
    const tgi_window *deep, *down, *across;
} tgi_means;

/* The sums of x over the windows, each divided by the product of the counts; 0 for those without elements. The rounding errors of
 * large windows grow as those of tgi_sum. `scratch`: x[2] elements a thread, and y[2]. */
void tgi_means_f32(const tgi_means *m, const float *x, float *y, tgi_team *team, void *scratch);
void tgi_means_f64(const tgi_means *m, const double *x, double *y, tgi_team *team, void *scratch);

/* And back: each y, divided by those counts, is added to the elements of its window. That is a sum over windows too, over those of y
 * that an element of x is in: `back` has them, made along each axis by tgi_windows_back. `scratch`: y[2] elements a thread,
 * y[2], and all of y. */
void tgi_means_back_f32(const tgi_means *m, const tgi_means *back, const float *y, float *x, tgi_team *team, void *scratch);
void tgi_means_back_f64(const tgi_means *m, const tgi_means *back, const double *y, double *x, tgi_team *team, void *scratch);

/* Makes window i, of `size`, the range of the windows that element i is in. Neither `from` nor `to` of these may decrease from one to
 * the next. */
void tgi_windows_back(int64_t count, const tgi_window *windows, int64_t size, tgi_window *back);

#endif
