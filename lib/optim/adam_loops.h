/* optim/adam_loops.h: the loops of Adam's own ops, one an op and dtype, each once for every instruction set.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPTIM_ADAM_LOOPS_H
#define TGI_OPTIM_ADAM_LOOPS_H

#include "core/inside.h"

#define TGI_EACH_ADAM_LOOP(LOOP) \
    LOOP(adam_mean_f32) \
    LOOP(adam_mean_f64) LOOP(adam_square_f32) LOOP(adam_square_f64) LOOP(adam_weight_f32) LOOP(adam_weight_f64)

#define DECLARE(name) tg_loop tgi_##name;
TGI_EACH_ADAM_LOOP(DECLARE)
#undef DECLARE

#endif
