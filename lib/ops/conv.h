/* ops/conv.h: what the files about convolution share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_CONV_H
#define TGI_OPS_CONV_H

#include "ops/ops.h"

/* The settings, for each of the image's one to three axes; and the sizes of the kernel, for the op that has it as its result. */
typedef struct tgi_conv_attr {
    int64_t axes, groups, stride[3], padding[3], dilation[3], output_padding[3], kernel[3];
} tgi_conv_attr;

/* The rules for batches: of convolutions and their transposes, and of the gradient of a kernel (conv_batch.c). */
tg_tensor tgi_conv_batch(const tg_batch_call *call);
tg_tensor tgi_conv_weight_batch(const tg_batch_call *call);

#endif
