/* ops/index.h: the C text of the ops of index.c (index_text.c).
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_INDEX_H
#define TGI_OPS_INDEX_H

#include <tapegrad/emit.h>

void tgi_take_emit(tg_emit_call *call);
void tgi_take_emit_add_back(tg_emit_call *call);
void tgi_gather_emit(tg_emit_call *call);
void tgi_gather_emit_add_back(tg_emit_call *call);
void tgi_scatter_emit(tg_emit_call *call);
void tgi_scatter_add_emit(tg_emit_call *call);

#endif
