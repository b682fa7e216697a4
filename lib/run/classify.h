/* run/classify.h: what an instruction could be in a group.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RUN_CLASSIFY_H
#define TGI_RUN_CLASSIFY_H

#include "run/plan_builder.h"

/* An instruction that looks for a group. */
typedef struct tgi_candidate {
    uint32_t          i;
    const tgi_node   *node;
    tgi_fused_kind    kind;
    const tgi_source *sources; /* of the operands that it reads */
    uint32_t          count;
    int               rank, axes; /* of its domain; and of a reduction or a row kernel the axes that are rows, or are reduced */
    const int64_t    *dims;
} tgi_candidate;

/* So many operands can be put side by side in a group. */
enum { TGI_MOST_SIDE_BY_SIDE = 32 };

/* Whether its kernel says, by `lead` or `reduced`, how it can be run in pieces: given operands in row-major order it cannot fail then. Any
 * other kernel may, and that must be seen. */
bool tgi_never_fails(const tg_tape *tape, const tgi_node *node);

/* Whether it is so with the operands that instruction i has here. */
bool tgi_is_safe(const tgi_plan_builder *b, uint32_t i);

/* What instruction i could be in a group; false when it needs a unit of its own. */
bool tgi_classify(const tgi_plan_builder *b, uint32_t i, tgi_candidate *c);

/* Makes the candidate a reduction in blocks; false when it cannot be one. */
bool tgi_classify_block_reduce(const tgi_plan_builder *b, tgi_candidate *c);

/* The loop of an elementwise instruction; NULL when it is none. */
tg_loop *tgi_node_loop(const tg_tape *tape, const tgi_node *node);

#endif
