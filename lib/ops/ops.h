/* ops/ops.h: what the rest of the library needs of the ops beside their public functions.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_OPS_H
#define TGI_OPS_OPS_H

#include "core/tape.h"

/* `value` in the shape and dtype of `like`, without memory of its own. */
tg_tensor tgi_filled(tg_tensor like, double value);

/* x summed over the axes that broadcasting `to`'s shape to x's had stretched: the gradient of a broadcast. */
tg_tensor tgi_sum_to(tg_tensor x, tg_tensor to);

#endif
