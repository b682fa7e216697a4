/* ops/elementwise_loops.h: the loops of the elementwise ops, one an op and dtype, each once for every instruction set.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_ELEMENTWISE_LOOPS_H
#define TGI_OPS_ELEMENTWISE_LOOPS_H

#include "core/inside.h"
#include "kernels/isa.h"

/* tgi_NAME calls the loop for the instruction set that was picked. */
#define LOOP(name) \
    tg_loop tgi_##name; \
    TGI_DECLARE_ISAS(tgi_##name)
#include "ops/elementwise_names.h"
#undef LOOP

#endif
