/* ops/elementwise_loops.h: the loops of the elementwise ops, one an op and dtype, each once for every instruction set.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_ELEMENTWISE_LOOPS_H
#define TGI_OPS_ELEMENTWISE_LOOPS_H

#include "core/inside.h"

#define LOOP(name) tg_loop tgi_##name;
#include "ops/elementwise_names.h"
#undef LOOP

#endif
