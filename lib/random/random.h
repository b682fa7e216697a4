/* random/random.h: random numbers that are drawn when the tape runs.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RANDOM_RANDOM_H
#define TGI_RANDOM_RANDOM_H

#include "core/tape.h"

/* Records a tensor of float32 or float64 that is 1 / p with probability p, 0 < p <= 1, else 0: drawn anew in each run, as by
 * tg_bernoulli and a division. The shape is one of a tensor. */
tg_tensor tgi_random_mask(tg_tape *tape, tg_dtype dtype, tg_shape shape, double p);

#endif
