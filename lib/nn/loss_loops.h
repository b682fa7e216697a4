/* nn/loss_loops.h: the loops of the losses' own ops, one an op and dtype, each once for every instruction set.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_NN_LOSS_LOOPS_H
#define TGI_NN_LOSS_LOOPS_H

#include "core/inside.h"

#define TGI_EACH_LOSS_LOOP(LOOP) \
    LOOP(bce_f32) \
    LOOP(bce_f64) \
    LOOP(logit_bce_f32) LOOP(logit_bce_f64) LOOP(logit_slope_f32) LOOP(logit_slope_f64) LOOP(weigh_f32) LOOP(weigh_f64)

#define DECLARE(name) tg_loop tgi_##name;
TGI_EACH_LOSS_LOOP(DECLARE)
#undef DECLARE

#endif
