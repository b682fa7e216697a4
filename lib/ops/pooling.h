/* ops/pooling.h: what pooling and its C text share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_POOLING_H
#define TGI_OPS_POOLING_H

#include <tapegrad/emit.h>

/* The windows: per axis of the image, one to three of them. `size` is that of the image that a transpose gives; adaptive windows
 * have the result's sizes in `window`, and nothing else. */
typedef struct tgi_pool_attr {
    int64_t axes, window[3], stride[3], padding[3], dilation[3], size[3];
    int64_t ceil_mode, exclude_pad, adaptive;
} tgi_pool_attr;

/* The C text of the ops that find the largest elements, pick elements and put them back, and of means and what they give back
 * (pooling_text.c). */
void tgi_largest_emit(tg_emit_call *call);
void tgi_pick_emit(tg_emit_call *call);
void tgi_unpick_emit(tg_emit_call *call);
void tgi_means_emit(tg_emit_call *call);
void tgi_means_back_emit(tg_emit_call *call);

#endif
