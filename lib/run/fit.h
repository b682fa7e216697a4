/* run/fit.h: what fits which group, as the pass goes on: the part of fuse.c that decides and changes nothing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RUN_FIT_H
#define TGI_RUN_FIT_H

#include "run/rematerialize.h"

/* Where the pass stands. */
typedef struct tgi_fuser {
    tgi_plan_builder *b;
    uint32_t   barrier, assign_barrier, reduce_barrier; /* the first unit that a fused op, an assign, a reduction may join; */
    uint32_t   product_barrier;                         /* and what has nothing to do with the group */
    tgi_demand demand;                                  /* of the instruction that it has come to; */
    unsigned   copied;  /* and its operands that are computed again, if its group is of its own shape: bit j for operand j */
    bool       assigns; /* an assign has been put into a unit */
} tgi_fuser;

/* Why an instruction does not join a unit, and by which operand; and how it would. */
typedef struct tgi_fit {
    tgi_split split;
    uint32_t  operand;
    bool      per_row;
    int64_t   multiple;
} tgi_fit;

/* The unit that an instruction joins, or TGI_NONE: then *found says why not the last one. A reduction of rows that no group has may become a
 * block reduction in one with other rows. */
uint32_t tgi_find_group(const tgi_fuser *f, tgi_candidate *c, tgi_fit *found);

/* How operand j lies to the candidate's domain, whose rows are its first `lead` axes. */
tgi_access tgi_access_of_operand(const tgi_candidate *c, uint32_t j, int lead);

/* Whether its result is not element by element that of the domain: nothing in the group reads it, and it is in memory. */
bool tgi_is_apart(uint8_t kind);

/* The copy of an instruction that group k has, or TGI_NONE. */
uint32_t tgi_copy_in(const tgi_plan_builder *b, tgi_ref i, uint32_t k);

/* Whether operand j is read from a copy that group k has: whatever else there is, that is in the cache. */
bool tgi_reads_copy(const tgi_plan_builder *b, const tgi_candidate *c, uint32_t j, uint32_t k);

#endif
