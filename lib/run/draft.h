/* run/draft.h: a plan while it is being made.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RUN_DRAFT_H
#define TGI_RUN_DRAFT_H

#include "run/plan.h"

/* Where an operand's elements are. */
typedef struct tgi_source {
    const tgi_node *node;
    tgi_ref         base;   /* in whose memory */
    uint32_t        after;  /* they are there only after this item; TGI_NONE: from the start */
    int64_t         offset; /* of the first one, in bytes */
    int64_t         strides[TG_MAX_RANK];
} tgi_source;

/* What is known of an instruction of the stretch. */
typedef struct tgi_result {
    uint32_t       item, last; /* the item that makes it, and the last that reads it; TGI_NONE for none */
    uint32_t       next;       /* the step after it in its group */
    uint32_t       order;      /* its place among the steps there */
    uint32_t       last_order; /* of the last step there that reads it */
    uint32_t       ending;     /* the next value with the same last item */
    tgi_ref        base;       /* of a view: in whose memory it is; else itself */
    int64_t        offset;     /* of a view: where there, in bytes */
    const int64_t *strides;    /* of a view; NULL: row-major */
    tgi_source    *sources;    /* of a step: where the operands that it reads are */
    tgi_ref        home;       /* of a step: in whose memory it is made, because it, or what follows from it, goes there */
    size_t         place;      /* in the block */
    int32_t        reg;
    uint8_t        needed, lasts, memory, kind, by_row, made; /* made: by a kernel or a step */
} tgi_result;

typedef struct tgi_group_draft {
    tgi_group *group;
    uint32_t   node, first, last, steps; /* node: of the item; first .. last: the steps */
    int64_t    rows_multiple;            /* a tile has a multiple of so many rows */
} tgi_group_draft;

typedef struct tgi_draft {
    tg_tape         *tape;
    tgi_plan        *plan;
    tgi_arena        arena; /* what is forgotten when the plan is made */
    uint32_t         start, count, limit;
    uint64_t         number;
    tgi_result      *results;
    tgi_group_draft *items;
    uint32_t         item_count;
    uint32_t         barrier, assign_barrier, reduce_barrier; /* the first item that a step, an assign, a reduction may join */
} tgi_draft;

/* An instruction as the plan names it. */
tgi_ref tgi_ref_of(const tgi_draft *d, uint32_t index);

/* Who reads and writes a leaf so far; NULL for what is never overwritten. */
tgi_traffic *tgi_traffic_of(const tgi_draft *d, const tgi_node *node);

/* The operand at `index`, as the instruction `reader` finds it that is being added (source.c). */
tgi_source tgi_source_of(const tgi_draft *d, uint32_t reader, uint32_t index);

/* How an array of these strides lies to a domain whose rows are its first `lead` axes. */
tgi_lie tgi_lie_of(int rank, const int64_t *dims, const int64_t *strides, int lead);

static inline tgi_result *tgi_result_of(const tgi_draft *d, tgi_ref ref) {
    return ref & TGI_OUTSIDE ? NULL : &d->results[ref];
}

/* The last stage of a group, when all its steps are known: cuts the domain into tiles, gives out registers (layout.c). */
tg_status tgi_lay_out_group(tgi_draft *d, uint32_t item);

/* Of the widest operand in a tile, as a rule; the most elements that a tile of whole rows may have; rows that are shorter than
 * SHORT_ROW do not pay for a call each, and for those shorter than REPEATED_ROW a row that is the same for all is repeated. */
enum { TGI_TILE_BYTES = 32768, TGI_LONGEST_TILE = 16384, TGI_SHORT_ROW = 32, TGI_REPEATED_ROW = 256 };

/* Gives each value its place in the block, and writes down what a run binds where (memory.c). */
tg_status tgi_place_values(tgi_draft *d);

#endif
