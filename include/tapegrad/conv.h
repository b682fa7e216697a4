/* tapegrad/conv.h: convolution, pooling, resizing, pixels and columns, over one axis, two or three.
 *
 * All have the names and definitions of PyTorch's functions. Images are (N, C, H, W): N images with C channels of H x W elements.
 * Over one axis they are (N, C, L), over three (N, C, D, H, W). Without N it is a single image, and so is the result. Elements are
 * float32 or float64. All functions are differentiable to any order. TG_ERR_SHAPE for shapes that do not fit, TG_ERR_ARGUMENT for
 * options that are out of range.
 *
 * Options for each axis have three elements, [0] for the first of the image's axes: L, H or D. Those of axes that are not there are not
 * used. 0 means PyTorch's default, and NULL for the options means all 0:
 *     tg_conv2d(x, w, bias, &(tg_conv_options){.stride = {2, 2}, .padding = {1, 1}})
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_CONV_H
#define TAPEGRAD_CONV_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- convolution ------------------------------------------------------------------------------------------------- */

typedef struct tg_conv_options {
    int64_t stride[3];         /* from one position of the kernel to the next; 0 means 1 */
    int64_t padding[3];        /* zeros on each side */
    int64_t dilation[3];       /* from one element of the kernel to the next; 0 means 1 */
    int64_t output_padding[3]; /* transposes only: what is added to the size at the end; less than stride or dilation */
    int64_t groups;            /* the number of groups of channels, each with its own kernels; 0 means 1 */
} tg_conv_options;

/* The convolution (a cross-correlation: kernels are not reversed). Over one axis, with one group,
 *     y[n][o][t] = bias[o] + sum over c, k of w[o][c][k] x[n][c][t stride + k dilation - padding]
 * where x is 0 outside of the image. Over two axes it is the same with two indices, over three with three. w is (O, C / groups, K),
 * (O, C / groups, KH, KW), or (O, C / groups, KD, KH, KW). `groups` divides C and O, and the outputs of group g are computed from
 * the channels of group g. bias is (O), or TG_NONE. The result is (N, O, ...), with sizes
 *     (size + 2 padding - dilation (kernel - 1) - 1) / stride + 1, rounded down.
 * An infinity in w times a zero of the padding gives no NaN. */
tg_tensor tg_conv1d(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options);
tg_tensor tg_conv2d(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options);
tg_tensor tg_conv3d(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options);

/* The transposed convolution, which is the gradient of a convolution for its image: each w[c][o][k] x[n][c][t] is added to
 * y[n][o][t stride + k dilation - padding], if that element exists. w is (C, O / groups, K), (C, O / groups, KH, KW), or (C, O /
 * groups, KD, KH, KW). bias is (O), or TG_NONE. The result is (N, O, ...), with sizes
 *     (size - 1) stride - 2 padding + dilation (kernel - 1) + 1 + output_padding. */
tg_tensor tg_conv_transpose1d(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options);
tg_tensor tg_conv_transpose2d(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options);
tg_tensor tg_conv_transpose3d(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options);

#define tg_conv1d(x, w, bias, ...) TG_CALL3_WITH(tg_conv1d, x, w, bias, __VA_ARGS__)
#define tg_conv2d(x, w, bias, ...) TG_CALL3_WITH(tg_conv2d, x, w, bias, __VA_ARGS__)
#define tg_conv3d(x, w, bias, ...) TG_CALL3_WITH(tg_conv3d, x, w, bias, __VA_ARGS__)
#define tg_conv_transpose1d(x, w, bias, ...) TG_CALL3_WITH(tg_conv_transpose1d, x, w, bias, __VA_ARGS__)
#define tg_conv_transpose2d(x, w, bias, ...) TG_CALL3_WITH(tg_conv_transpose2d, x, w, bias, __VA_ARGS__)
#define tg_conv_transpose3d(x, w, bias, ...) TG_CALL3_WITH(tg_conv_transpose3d, x, w, bias, __VA_ARGS__)

/* ---- pooling ----------------------------------------------------------------------------------------------------- */

typedef struct tg_pool_options {
    int64_t stride[3];   /* from one window to the next; 0 means the size of the window */
    int64_t padding[3];  /* on each side, at most half of the window */
    int64_t dilation[3]; /* max_pool only: from one element of a window to the next; 0 means 1 */
    bool    ceil_mode;   /* rounds sizes up: one more window at the end, unless it would begin in the padding there */
    bool    exclude_pad; /* avg_pool only: divides by the number of elements without the padding; PyTorch's
                            count_include_pad is the opposite */
} tg_pool_options;

/* The largest element of each window, which has so many elements along each axis. The first of several largest elements gets the
 * gradient. NaN if the window has a NaN, and then the last NaN gets the gradient. Padding is ignored. A window without an element
 * of the image, which is possible with dilation only, gives -inf. The result has sizes
 *     (size + 2 padding - dilation (window - 1) - 1) / stride + 1, rounded down, or up with ceil_mode. */
tg_tensor tg_max_pool1d(tg_tensor x, int64_t size, const tg_pool_options *options);
tg_tensor tg_max_pool2d(tg_tensor x, int64_t height, int64_t width, const tg_pool_options *options);
tg_tensor tg_max_pool3d(tg_tensor x, int64_t depth, int64_t height, int64_t width, const tg_pool_options *options);

/* The same. *indices becomes the places of these elements in their image, int64, counted in row-major order; -1 where there is none.
 * `indices` may be NULL. */
tg_tensor tg_max_pool1d_with_indices(tg_tensor x, int64_t size, const tg_pool_options *options, tg_tensor *indices);
tg_tensor tg_max_pool2d_with_indices(tg_tensor x, int64_t height, int64_t width, const tg_pool_options *options,
                                     tg_tensor *indices);
tg_tensor tg_max_pool3d_with_indices(tg_tensor x, int64_t depth, int64_t height, int64_t width, const tg_pool_options *options,
                                     tg_tensor *indices);

/* The way back: an image of so many elements along each axis, which are 0 but where `indices`, of the shape of x, say that those of
 * x were. Where several go to one place the last one stays, and gets the gradient. An index out of range makes the run fail with
 * TG_ERR_INDEX. */
tg_tensor tg_max_unpool1d(tg_tensor x, tg_tensor indices, int64_t size);
tg_tensor tg_max_unpool2d(tg_tensor x, tg_tensor indices, int64_t height, int64_t width);
tg_tensor tg_max_unpool3d(tg_tensor x, tg_tensor indices, int64_t depth, int64_t height, int64_t width);

/* The mean of each window, where padding counts as zeros. What is beyond the padding, with ceil_mode, is not counted. Sizes as for
 * max_pool, without dilation. */
tg_tensor tg_avg_pool1d(tg_tensor x, int64_t size, const tg_pool_options *options);
tg_tensor tg_avg_pool2d(tg_tensor x, int64_t height, int64_t width, const tg_pool_options *options);
tg_tensor tg_avg_pool3d(tg_tensor x, int64_t depth, int64_t height, int64_t width, const tg_pool_options *options);

/* The means of so many windows along each axis, of nearly the same size. Along an axis of n elements, window i begins at
 * i n / size, rounded down, and ends before (i + 1) n / size, rounded up. A size of 1 gives the mean of the whole image. */
tg_tensor tg_adaptive_avg_pool1d(tg_tensor x, int64_t size);
tg_tensor tg_adaptive_avg_pool2d(tg_tensor x, int64_t height, int64_t width);
tg_tensor tg_adaptive_avg_pool3d(tg_tensor x, int64_t depth, int64_t height, int64_t width);

/* The largest elements of the same windows; ties, NaN and indices as in tg_max_pool2d_with_indices. */
tg_tensor tg_adaptive_max_pool1d(tg_tensor x, int64_t size, tg_tensor *indices);
tg_tensor tg_adaptive_max_pool2d(tg_tensor x, int64_t height, int64_t width, tg_tensor *indices);
tg_tensor tg_adaptive_max_pool3d(tg_tensor x, int64_t depth, int64_t height, int64_t width, tg_tensor *indices);

/* (sum of x^p)^(1/p) of each window, of x itself, not of |x|: NaN for the root of a negative sum. For a sum of 0 it is 0, with a gradient of 0. p
 * is above 0. Sizes and options as for avg_pool, but for exclude_pad; what a window lacks at the end, with ceil_mode, counts as the mean of
 * what it has, as in PyTorch. */
tg_tensor tg_lp_pool1d(tg_tensor x, double p, int64_t size, const tg_pool_options *options);
tg_tensor tg_lp_pool2d(tg_tensor x, double p, int64_t height, int64_t width, const tg_pool_options *options);
tg_tensor tg_lp_pool3d(tg_tensor x, double p, int64_t depth, int64_t height, int64_t width, const tg_pool_options *options);

#define tg_lp_pool1d(x, ...) TG_CALL1_WITH(tg_lp_pool1d, x, __VA_ARGS__)
#define tg_lp_pool2d(x, ...) TG_CALL1_WITH(tg_lp_pool2d, x, __VA_ARGS__)
#define tg_lp_pool3d(x, ...) TG_CALL1_WITH(tg_lp_pool3d, x, __VA_ARGS__)
#define tg_max_pool1d_with_indices(x, ...) TG_CALL1_WITH(tg_max_pool1d_with_indices, x, __VA_ARGS__)
#define tg_max_pool2d_with_indices(x, ...) TG_CALL1_WITH(tg_max_pool2d_with_indices, x, __VA_ARGS__)
#define tg_max_pool3d_with_indices(x, ...) TG_CALL1_WITH(tg_max_pool3d_with_indices, x, __VA_ARGS__)
#define tg_max_unpool1d(x, indices, ...) TG_CALL2_WITH(tg_max_unpool1d, x, indices, __VA_ARGS__)
#define tg_max_unpool2d(x, indices, ...) TG_CALL2_WITH(tg_max_unpool2d, x, indices, __VA_ARGS__)
#define tg_max_unpool3d(x, indices, ...) TG_CALL2_WITH(tg_max_unpool3d, x, indices, __VA_ARGS__)
#define tg_adaptive_max_pool1d(x, ...) TG_CALL1_WITH(tg_adaptive_max_pool1d, x, __VA_ARGS__)
#define tg_adaptive_max_pool2d(x, ...) TG_CALL1_WITH(tg_adaptive_max_pool2d, x, __VA_ARGS__)
#define tg_adaptive_max_pool3d(x, ...) TG_CALL1_WITH(tg_adaptive_max_pool3d, x, __VA_ARGS__)
#define tg_max_pool1d(x, ...) TG_CALL1_WITH(tg_max_pool1d, x, __VA_ARGS__)
#define tg_max_pool2d(x, ...) TG_CALL1_WITH(tg_max_pool2d, x, __VA_ARGS__)
#define tg_max_pool3d(x, ...) TG_CALL1_WITH(tg_max_pool3d, x, __VA_ARGS__)
#define tg_avg_pool1d(x, ...) TG_CALL1_WITH(tg_avg_pool1d, x, __VA_ARGS__)
#define tg_avg_pool2d(x, ...) TG_CALL1_WITH(tg_avg_pool2d, x, __VA_ARGS__)
#define tg_avg_pool3d(x, ...) TG_CALL1_WITH(tg_avg_pool3d, x, __VA_ARGS__)
#define tg_adaptive_avg_pool1d(x, ...) TG_CALL1_WITH(tg_adaptive_avg_pool1d, x, __VA_ARGS__)
#define tg_adaptive_avg_pool2d(x, ...) TG_CALL1_WITH(tg_adaptive_avg_pool2d, x, __VA_ARGS__)
#define tg_adaptive_avg_pool3d(x, ...) TG_CALL1_WITH(tg_adaptive_avg_pool3d, x, __VA_ARGS__)

/* ---- resizing ---------------------------------------------------------------------------------------------------- */

typedef enum tg_interpolation {
    TG_NEAREST, /* element i is that at i n / size, rounded down, for n elements along an axis; any dtype */
    TG_LINEAR   /* between the two nearest ones, along each axis: bilinear over two, trilinear over three */
} tg_interpolation;

/* x with its last axes in other sizes, one for each of these axes: TG_SHAPE(h, w) for images (N, C, H, W). As PyTorch's interpolate,
 * given sizes. TG_LINEAR maps element i to (i + 1/2) n / size - 1/2, at least 0; or with align_corners to i (n - 1) / (size - 1), so that the
 * first and the last elements stay. align_corners is for TG_LINEAR (TG_ERR_ARGUMENT). */
tg_tensor tg_interpolate(tg_tensor x, tg_shape size, tg_interpolation mode, bool align_corners);
#define tg_interpolate(x, ...) TG_CALL1_WITH(tg_interpolate, x, __VA_ARGS__)

/* ---- elements in other places -------------------------------------------------------------------------------------- */

/* (..., C r^2, H, W) as (..., C, H r, W r), for a factor r: r^2 channels become the r x r pixels in the place of one. And back. Any dtype. */
tg_tensor tg_pixel_shuffle(tg_tensor x, int64_t factor);
tg_tensor tg_pixel_unshuffle(tg_tensor x, int64_t factor);

/* PyTorch's unfold: the blocks that a kernel of height x width would see of images (N, C, H, W), as columns: (N, C height width, L), for L
 * blocks in row-major order. Of the options stride, padding and dilation are used, which are those of tg_conv2d. */
tg_tensor tg_im2col(tg_tensor x, int64_t height, int64_t width, const tg_conv_options *options);

/* PyTorch's fold, the way back: the columns (N, C height width, L) are added up to images (N, C, H, W) of the size TG_SHAPE(H, W), each
 * element where tg_im2col takes it from. */
tg_tensor tg_col2im(tg_tensor x, tg_shape size, int64_t height, int64_t width, const tg_conv_options *options);

#define tg_pixel_shuffle(x, ...) TG_CALL1_WITH(tg_pixel_shuffle, x, __VA_ARGS__)
#define tg_pixel_unshuffle(x, ...) TG_CALL1_WITH(tg_pixel_unshuffle, x, __VA_ARGS__)
#define tg_im2col(x, ...) TG_CALL1_WITH(tg_im2col, x, __VA_ARGS__)
#define tg_col2im(x, ...) TG_CALL1_WITH(tg_col2im, x, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
