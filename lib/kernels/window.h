/* kernels/window.h: the largest of each window of an image, and the mean.
 *
 * An image is x[0] x x[1] elements; a result y[0] x y[1], one for each window. Everything is row-major, in one piece, and
 * overlaps nothing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_POOLING_H
#define TGI_KERNELS_POOLING_H

#include <stdint.h>

/* [0] is down, [1] across: element i of window p is p stride + i dilation - padding, where that exists. */
typedef struct tgi_windows {
    int64_t images, x[2], y[2], k[2], stride[2], padding[2], dilation[2];
} tgi_windows;

/* Where in its image the largest element of each window is: the first of several; the last NaN if there is one; -1 in a window
 * without elements. An image has at most INT32_MAX elements; `scratch` is 2 y[1] elements. */
void tgi_largest_f32(const tgi_windows *w, const float *x, int64_t *index, void *scratch);
void tgi_largest_f64(const tgi_windows *w, const double *x, int64_t *index, void *scratch);

/* y[i] = x[index[i]], image by image, from x_size elements to y_size; -infinity for an index of -1. And back: what was taken is
 * added to where it was, in zeros. */
void tgi_pick_f32(int64_t images, int64_t x_size, int64_t y_size, const float *x, const int64_t *index, float *y);
void tgi_pick_f64(int64_t images, int64_t x_size, int64_t y_size, const double *x, const int64_t *index, double *y);
void tgi_unpick_f32(int64_t images, int64_t x_size, int64_t y_size, const float *y, const int64_t *index, float *x);
void tgi_unpick_f64(int64_t images, int64_t x_size, int64_t y_size, const double *y, const int64_t *index, double *x);

/* Windows along one axis: the elements from `from` up to and without `to`, whose sum is divided by `count`. */
typedef struct tgi_window {
    int64_t from, to, count;
} tgi_window;

/* The sums of x over the windows down[i] x across[j], each divided by the product of the counts; 0 for those without elements.
 * And back: each y, so divided, is added to the elements of its window. `scratch` is x_sizes[1]
 * elements. */
void tgi_means_f32(int64_t images, const int64_t *x_sizes, const int64_t *y_sizes, const tgi_window *down,
                   const tgi_window *across, const float *x, float *y, void *scratch);
void tgi_means_f64(int64_t images, const int64_t *x_sizes, const int64_t *y_sizes, const tgi_window *down,
                   const tgi_window *across, const double *x, double *y, void *scratch);
void tgi_unmeans_f32(int64_t images, const int64_t *x_sizes, const int64_t *y_sizes, const tgi_window *down,
                     const tgi_window *across, const float *y, float *x, void *scratch);
void tgi_unmeans_f64(int64_t images, const int64_t *x_sizes, const int64_t *y_sizes, const tgi_window *down,
                     const tgi_window *across, const double *y, double *x, void *scratch);

#endif
