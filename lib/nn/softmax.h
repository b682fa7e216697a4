/* nn/softmax.h: what softmax shares with the losses that are taken of it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_NN_SOFTMAX_H
#define TGI_NN_SOFTMAX_H

#include "core/inside.h"

/* x along an axis without what would overflow: z = x - max(x), at most 0; its powers e^z; and their sum, at least 1. The
 * axis of the maximum, TG_NONE where there is nothing, and of the sum is kept, with size 1. */
typedef struct tgi_powers {
    tg_tensor max, z, e, sum;
} tgi_powers;

tgi_powers tgi_powers_along(tg_tensor x, int axis);

#endif
