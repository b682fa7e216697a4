/* run/kernel_call.h: what a kernel is called with: built here for a whole value, and for some rows of one inside a group.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RUN_KERNEL_CALL_H
#define TGI_RUN_KERNEL_CALL_H

#include "core/tape.h"

/* The first failure of a kernel among the tiles of a group, which threads may run at the same time. */
typedef struct tgi_tile_failure {
    const tgi_node *node; /* NULL: none has failed */
    int64_t         tile; /* the first element of its tile: of several failures the one in the first tile counts */
    tg_status       status;
    char            text[TGI_TEXT];
} tgi_tile_failure;

/* The tile that a kernel is called for. */
typedef struct tgi_tile_rows {
    int               lead; /* the first axes of the domain are rows */
    int64_t           rows, first_element;
    tgi_tile_failure *failure;
} tgi_tile_rows;

/* Calls the instruction's kernel for its whole value, which has its memory; all it needs is resident. */
tg_status tgi_call_kernel(tg_tape *tape, const tgi_node *node);

/* What it would be called with: the result, and then the operands. */
void tgi_describe_call(const tg_tape *tape, const tgi_node *node, tg_array *arrays);

/* Calls it for other arrays in the place of its operands and of its result. */
tg_status tgi_call_kernel_on(tg_tape *tape, const tgi_node *node, const tg_array *in, const tg_array *out);

/* Calls it for the rows of a tile: `in` and `out` are where the operands and the result begin. The first operand has the tile's rows,
 * all others are whole. A failure is noted with the tile. */
void tgi_call_kernel_on_rows(tg_tape *tape, const tgi_node *node, const tgi_tile_rows *tile, const void *const *in, void *out);

/* Reports what was noted, as the instruction's. */
tg_status tgi_report_tile_failure(tg_tape *tape, const tgi_tile_failure *failure);

#endif
