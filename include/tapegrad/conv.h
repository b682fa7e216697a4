/* tapegrad/conv.h: convolution and pooling, over one axis or two.
 *
 * All are PyTorch's of the same name. An image is (N, C, H, W): N of them, with C channels of H x W elements; over one axis it is
 * (N, C, L). Without N it is a single one, and so is the result. Elements are float32 or float64; everything is
 * differentiable to any order.
 *
 * What is set per axis has two places, [0] for H and [1] for W; over one axis only [0] counts. What is 0 is PyTorch's
 * default, and options of NULL are all zeros:
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
    int64_t stride[2];   /* from one position of the kernel to the next; 0 is 1 */
    int64_t padding[2];  /* zeros on either side */
    int64_t dilation[2]; /* from one element of the kernel to the next; 0 is 1 */
    int64_t
        output_padding[2]; /* transposes only: by how much the result is larger at the end; below the stride or the dilation */
    int64_t groups;        /* the channels fall into so many groups, each with kernels of its own; 0 is 1 */
} tg_conv_options;

/* y[n][o] = bias[o] + the sum over channels c, i, j of w[o][c][i][j] x[n][c][. stride + i dilation - padding][...]: kernels are
 * not turned around. w is (O, C / groups, KH, KW), or (O, C / groups, K); groups divides C and O, and group g of the result's
 * O channels is made of group g of the image's. The result is (N, O, ...), with sizes
 *     (size + 2 padding - dilation (kernel - 1) - 1) / stride + 1, rounded down.
 * bias is (O), or TG_NONE. An infinity or a NaN reaches what is made of it, and no zero of the padding makes a NaN of an infinity. */
tg_tensor tg_conv1d(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options);
tg_tensor tg_conv2d(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options);

/* Its transpose, the gradient of the convolution for its image: adds w[c][o][i][j] x[n][c][p][q] to the result's
 * [n][o][p stride + i dilation - padding][...], where that exists. w is (C, O / groups, KH, KW), or (C, O / groups, K); the
 * result is (N, O, ...), with sizes
 *     (size - 1) stride - 2 padding + dilation (kernel - 1) + 1 + output_padding. */
tg_tensor tg_conv_transpose1d(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options);
tg_tensor tg_conv_transpose2d(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options);

#define tg_conv1d(x, w, bias, ...) TGI_CALL3_WITH(tg_conv1d, x, w, bias, __VA_ARGS__)
#define tg_conv2d(x, w, bias, ...) TGI_CALL3_WITH(tg_conv2d, x, w, bias, __VA_ARGS__)
#define tg_conv_transpose1d(x, w, bias, ...) TGI_CALL3_WITH(tg_conv_transpose1d, x, w, bias, __VA_ARGS__)
#define tg_conv_transpose2d(x, w, bias, ...) TGI_CALL3_WITH(tg_conv_transpose2d, x, w, bias, __VA_ARGS__)

/* ---- pooling ----------------------------------------------------------------------------------------------------- */

typedef struct tg_pool_options {
    int64_t stride[2];   /* from one window to the next; 0 is the size of the window */
    int64_t padding[2];  /* on either side, at most half of the window */
    int64_t dilation[2]; /* max_pool only: from one element of a window to the next; 0 is 1 */
    bool    ceil_mode; /* one more window where a part of one is left at the end, unless it would begin in the padding there */
    bool    exclude_pad; /* avg_pool only: divides by the number of the image's own elements, without those of the padding;
                            PyTorch's count_include_pad is the opposite */
} tg_pool_options;

/* The largest element of each window of `size` elements, or `height` x `width` of them. It gets the gradient: the first of
 * several. NaN where one is NaN; of several, the last one gets the gradient. Padding counts for nothing; a window without an
 * element of the image, which only dilation can make, gives -inf. The result has sizes
 *     (size + 2 padding - dilation (window - 1) - 1) / stride + 1, rounded down, or up in ceil_mode. */
tg_tensor tg_max_pool1d(tg_tensor x, int64_t size, const tg_pool_options *options);
tg_tensor tg_max_pool2d(tg_tensor x, int64_t height, int64_t width, const tg_pool_options *options);

/* The mean of each window, whose padding is zeros. What ceil_mode lets reach beyond the padding is not counted. */
tg_tensor tg_avg_pool1d(tg_tensor x, int64_t size, const tg_pool_options *options);
tg_tensor tg_avg_pool2d(tg_tensor x, int64_t height, int64_t width, const tg_pool_options *options);

/* The means of as many windows as asked for, of nearly the same size: window i is from i n / size, rounded down, up to and
 * without (i + 1) n / size, rounded up. A size of 1 gives the mean of the whole image. */
tg_tensor tg_adaptive_avg_pool1d(tg_tensor x, int64_t size);
tg_tensor tg_adaptive_avg_pool2d(tg_tensor x, int64_t height, int64_t width);

#define tg_max_pool1d(x, ...) TGI_CALL1_WITH(tg_max_pool1d, x, __VA_ARGS__)
#define tg_max_pool2d(x, ...) TGI_CALL1_WITH(tg_max_pool2d, x, __VA_ARGS__)
#define tg_avg_pool1d(x, ...) TGI_CALL1_WITH(tg_avg_pool1d, x, __VA_ARGS__)
#define tg_avg_pool2d(x, ...) TGI_CALL1_WITH(tg_avg_pool2d, x, __VA_ARGS__)
#define tg_adaptive_avg_pool1d(x, ...) TGI_CALL1_WITH(tg_adaptive_avg_pool1d, x, __VA_ARGS__)
#define tg_adaptive_avg_pool2d(x, ...) TGI_CALL1_WITH(tg_adaptive_avg_pool2d, x, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
