/* kernels/convolve.h: convolution of images, and the two products that are its derivatives.
 *
 * There are `images` images of groups x in channels, x[0] x x[1] elements each, in x; results of groups x out channels, y[0] x
 * y[1] each, in y; and kernels in w, which is (groups x out) x in x k[0] x k[1]. All are row-major, in one piece, and overlap
 * nothing. Between them, for every image n, group g, and position p, q of the result, there is the trilinear form
 *
 *     sum of  y[n][g, o][p][q]  w[g, o][c][i][j]  x[n][g, c][p stride + i dilation - padding][q stride + ...]
 *
 * over all terms whose element of x exists. Over three axes a channel is depth.x images of that size, one behind the other, its
 * result depth.y, and its kernel depth.k; the form has a third sum, of the same kind, over these.
 *
 * Each function gives its derivative for one of the three: tgi_conv is the
 * convolution, tgi_conv_back its transpose, tgi_conv_weight the correlation of the other two. NaN and infinity go where these
 * terms take them and nowhere else. The same call always gives the same bits, for any number of threads.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_CONVOLVE_H
#define TGI_KERNELS_CONVOLVE_H

#include <stddef.h>
#include <stdint.h>

#include "threads.h"

/* The methods: one term after the other; tiles in registers; matrix products. */
typedef enum tgi_conv_method { TGI_CONV_BEST, TGI_CONV_DIRECT, TGI_CONV_TILES, TGI_CONV_PRODUCT } tgi_conv_method;

/* The third axis; {1, 1, 1, 1, 0, 1} where there is none. */
typedef struct tgi_conv_depth {
    int64_t x, y, k, stride, padding, dilation;
} tgi_conv_depth;

/* [0] is down, [1] across. k, stride and dilation are at least 1, (y - 1) stride + (k - 1) dilation < x + 2 padding. `method`
 * is 0 for the best one; tests set it. */
typedef struct tgi_conv {
    int64_t         images, groups, in, out;
    int64_t         x[2], y[2], k[2], stride[2], padding[2], dilation[2];
    tgi_conv_depth  depth;
    tgi_conv_method method;
} tgi_conv;

/* y from x and w; x from y and w, by the threads of `team`. `bias` is added to each channel of the result; NULL for none. */
void tgi_conv_f32(const tgi_conv *c, const float *x, const float *w, const float *bias, float *y, tgi_team *team,
                  void *scratch);
void tgi_conv_f64(const tgi_conv *c, const double *x, const double *w, const double *bias, double *y, tgi_team *team,
                  void *scratch);
void tgi_conv_back_f32(const tgi_conv *c, const float *y, const float *w, const float *bias, float *x, tgi_team *team,
                       void *scratch);
void tgi_conv_back_f64(const tgi_conv *c, const double *y, const double *w, const double *bias, double *x, tgi_team *team,
                       void *scratch);

/* w from x and y. */
void tgi_conv_weight_f32(const tgi_conv *c, const float *x, const float *y, float *w, tgi_team *team, void *scratch);
void tgi_conv_weight_f64(const tgi_conv *c, const double *x, const double *y, double *w, tgi_team *team, void *scratch);

/* Bytes of scratch, aligned to 64, that each of them needs for a team of that size, elements being `element` bytes wide. Never 0. */
typedef enum tgi_conv_kind { TGI_CONV, TGI_CONV_BACK, TGI_CONV_WEIGHT } tgi_conv_kind;
size_t tgi_conv_scratch(const tgi_conv *c, tgi_conv_kind kind, size_t element, int threads);

#endif
