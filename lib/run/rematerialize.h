/* run/rematerialize.h: what is computed again where it is read, instead of being kept until then.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RUN_REMATERIALIZE_H
#define TGI_RUN_REMATERIALIZE_H

#include "run/classify.h"

/* At most so many ops in a chain are computed again. */
enum { TGI_COPY_DEPTH = 5 };

/* How what instruction `reader` needs is had there. */
typedef enum tgi_supply {
    TGI_FROM_MEMORY,
    TGI_FROM_COPY, /* it is computed again, in the group of the reader */
    TGI_FROM_NOWHERE
} tgi_supply;

/* A reader, and the shape of its domain. */
typedef struct tgi_demand {
    uint32_t       reader;
    int            rank;
    const int64_t *dims;
    uint32_t       now; /* how many units there were when it came to the reader */
} tgi_demand;

/* Of an operand of the reader, or of an instruction that is computed again for it, at that depth. */
tgi_supply tgi_supply_of(const tgi_plan_builder *b, const tgi_demand *d, const tgi_source *s, uint32_t made_in, int depth);

/* Whether there is room for all copies that one instruction may read. */
bool tgi_has_room(const tgi_plan_builder *b);

/* Whether an instruction of its kind may read copies. */
bool tgi_may_read_copies(const tgi_candidate *c);

/* Which operands of the candidate are had from copies: bit j for operand j. */
unsigned tgi_copied_operands(const tgi_plan_builder *b, const tgi_candidate *c, const tgi_demand *d);

/* A new copy of an instruction, with operands of its own; TGI_NONE and an error when there is no memory. */
uint32_t tgi_new_copy(tgi_plan_builder *b, uint32_t i, tgi_source **sources);

#endif
