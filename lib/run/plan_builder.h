/* run/plan_builder.h: a plan while it is being made.
 *
 * The passes come one after the other (plan.c). Each has its own results here, one an instruction of the segment or one a unit,
 * and reads only those of the passes before it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RUN_PLAN_BUILDER_H
#define TGI_RUN_PLAN_BUILDER_H

#include "run/plan.h"

/* Of liveness.c: what must be computed, and what must be resident after the run. */
typedef struct tgi_liveness {
    bool needed, lasts;
} tgi_liveness;

/* Of views.c: where an operand's elements are. */
typedef struct tgi_source {
    const tgi_node *node;
    tgi_leaf       *leaf;   /* the input or parameter whose memory it shows, or did before it got a copy; NULL for none */
    tgi_ref         base;   /* the instruction whose memory holds it */
    int64_t         offset; /* of the first element, in bytes */
    int64_t         strides[TG_MAX_RANK];
} tgi_source;

/* Of views.c: where an instruction's value is, and the operands that it reads. */
typedef struct tgi_view_info {
    tgi_ref           base;     /* of a view: the instruction whose memory holds it; else itself */
    int64_t           offset;   /* of a view: where there, in bytes */
    const int64_t    *strides;  /* of a view; NULL: row-major in memory of its own */
    const tgi_source *sources;  /* of what is not a view; some may be copies (rematerialize.c); */
    const tgi_source *recorded; /* and as they were recorded */
    uint32_t          source_count;
} tgi_view_info;

/* Of fuse.c: how an instruction is run. */
typedef struct tgi_fusion {
    uint32_t unit;                     /* the unit that makes the value; TGI_NONE for none */
    uint32_t last_unit;                /* the last that reads it, or makes it */
    uint32_t next;                     /* the fused op after it in its group */
    uint32_t order;                    /* its place among the fused ops there */
    uint32_t last_order;               /* that of the last fused op there that reads it */
    uint8_t  kind;                     /* a tgi_fused_kind */
    bool     per_row, made, in_memory; /* made: by a kernel or a fused op; in_memory: not in a register */
} tgi_fusion;

/* Of fuse.c: a unit. */
typedef struct tgi_unit_info {
    tgi_group *group;
    uint32_t   node;               /* its first instruction */
    uint32_t   first, last, count; /* the fused ops */
    int64_t    rows_multiple;      /* a tile has a multiple of that many rows */
    uint8_t    split, split_by;
} tgi_unit_info;

typedef struct tgi_plan_builder {
    tg_tape       *tape;
    tgi_plan      *plan;
    tgi_arena      arena; /* what is forgotten when the plan is made */
    uint32_t       start, count, limit;
    uint64_t       pass; /* that notes who reads and writes leaves: its number */
    tgi_liveness  *liveness;
    tgi_view_info *views;
    tgi_fusion    *fusion;
    tgi_unit_info *units;
    uint32_t       unit_count;
    uint32_t      *copied, copy_count;      /* of rematerialize.c: the instruction that each copy is of */
    uint32_t       capacity;                /* for instructions and copies */
    uint32_t      *last_reader, *last_copy; /* of each instruction: the last that reads it; its newest copy, or TGI_NONE; */
    uint32_t      *second;                  /* and the copy that has put it into memory again, or TGI_NONE */
    tgi_ref       *targets; /* of in_place.c: the instruction whose memory a fused op's result is made in, or TGI_NONE */
    size_t        *offsets; /* of allocate.c: where a value is in the block */
} tgi_plan_builder;

/* ---- the passes, in their order ---------------------------------------------------------------------------------- */

tg_status tgi_find_liveness(tgi_plan_builder *b);
tg_status tgi_resolve_views(tgi_plan_builder *b);
tg_status tgi_prepare_copies(tgi_plan_builder *b);
tg_status tgi_fuse(tgi_plan_builder *b);
tg_status tgi_choose_targets(tgi_plan_builder *b);
tg_status tgi_tile(tgi_plan_builder *b);
tg_status tgi_allocate(tgi_plan_builder *b);
tg_status tgi_list_bindings(tgi_plan_builder *b);

/* A part of the fourth from the end: what one loop can do of the ops of a group is done so (join_ops.c). */
tg_status tgi_join_ops(tgi_plan_builder *b, tgi_group *g);

/* ---- what they share --------------------------------------------------------------------------------------------- */

/* `count` items of `size` bytes, not initialised, that live as long as the builder; NULL and an error when there is no memory. */
void *tgi_builder_take(tgi_plan_builder *b, size_t count, size_t size);

/* The same in the plan. */
void *tgi_plan_take(tgi_plan_builder *b, size_t count, size_t size);

/* Room for so many instructions, and for copies of them. */
enum { TGI_COPIES_OF_ONE = 192 };
static inline uint32_t tgi_with_copies(uint32_t count) {
    return 2 * count + TGI_COPIES_OF_ONE;
}

/* The instruction itself, of a copy (rematerialize.c) that which it is of. */
static inline uint32_t tgi_original(const tgi_plan_builder *b, uint32_t i) {
    return i < b->count ? i : b->copied[i - b->count];
}

static inline tgi_node *tgi_instruction(const tgi_plan_builder *b, uint32_t i) {
    return tgi_node_at(b->tape, b->start + tgi_original(b, i));
}

/* The instruction whose memory holds an operand. */
static inline tgi_node *tgi_base_node(const tgi_plan_builder *b, tgi_ref base) {
    return base & TGI_OUTSIDE ? tgi_node_of(b->tape, &b->plan->frame, base) : tgi_instruction(b, base);
}

/* An instruction of the tape as the plan names it. */
static inline tgi_ref tgi_ref_of(const tgi_plan_builder *b, uint32_t index) {
    return tgi_ref_to(b->tape, &b->plan->frame, index);
}

/* How it is run; NULL for one from outside of the segment. */
static inline tgi_fusion *tgi_fusion_of(const tgi_plan_builder *b, tgi_ref ref) {
    return ref & TGI_OUTSIDE ? NULL : &b->fusion[ref];
}

/* The same, of the copy that holds the value now if there is one. */
static inline tgi_fusion *tgi_holder_of(const tgi_plan_builder *b, tgi_ref ref) {
    if (ref & TGI_OUTSIDE) return NULL;
    return &b->fusion[ref < b->count && b->second[ref] != TGI_NONE ? b->second[ref] : ref];
}

/* Begins a pass that notes who reads and writes leaves: nothing is noted yet. What has been noted of a leaf. */
void             tgi_begin_leaf_access(tgi_plan_builder *b);
tgi_leaf_access *tgi_access_of_leaf(const tgi_plan_builder *b, tgi_leaf *leaf);

/* The input or parameter that the instruction is, or NULL. */
tgi_leaf *tgi_variable_leaf(const tgi_node *node);

/* How an array of these strides lies to a domain whose rows are its first `lead` axes. */
tgi_access tgi_access_to(int rank, const int64_t *dims, const int64_t *strides, int lead);

/* Bytes of the widest operand in a tile, as a rule; the most elements that a tile of whole rows may have; rows that are shorter than
 * SHORT_ROW do not pay for a call each, and for those shorter than REPEATED_ROW a row that is the same for all is repeated. */
enum { TGI_TILE_BYTES = 32768, TGI_LONGEST_TILE = 16384, TGI_SHORT_ROW = 32, TGI_REPEATED_ROW = 256 };

#endif
