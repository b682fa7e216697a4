/* run/plan.h: what the executor works out once for a stretch of the tape, and uses whenever such a stretch is run.
 *
 * A plan is a list of items, run one after the other. An item is a single instruction with a kernel, or a group: instructions
 * over one domain, run together tile by tile. A plan names instructions by reference, relative to where its stretch starts, so
 * that it serves every stretch that was recorded alike.
 *
 * The domain of a group is `rows` rows of `columns` elements, and a tile is some rows, or a piece of one. A step makes an
 * element for each element of the domain, or one for each row. Operands and results are in memory or in registers: pieces of
 * memory that stay in the cache, as long as a tile. What no other item and nobody later needs never leaves its register.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RUN_PLAN_H
#define TGI_RUN_PLAN_H

#include "core/tape.h"
#include "kernels/strided.h"

/* An instruction, counted from the start of the stretch, or with this bit from the start of the tape. */
typedef uint32_t tgi_ref;
#define TGI_OUTSIDE 0x80000000u

static inline tgi_node *tgi_node_of(const tg_tape *tape, uint32_t start, tgi_ref ref) {
    return tgi_node_at(tape, ref & TGI_OUTSIDE ? ref & ~TGI_OUTSIDE : start + ref);
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

/* How the elements of an operand lie to those of the domain. */
typedef enum tgi_lie {
    TGI_FLAT,   /* one after the other, as the domain's */
    TGI_ONE,    /* one for all */
    TGI_BY_ROW, /* one a row */
    TGI_ACROSS, /* a row, the same for all rows */
    TGI_APART   /* anyhow: gathered into a register first */
} tgi_lie;

enum { TGI_NO_REGISTER = -1 };

/* An operand of a step. */
typedef struct tgi_feed {
    tgi_ref         base;   /* the instruction in whose memory it is */
    int32_t         reg;    /* or the register that it is in */
    int64_t         offset; /* of its first element in the memory, in bytes */
    const tgi_walk *walk;   /* over it, when it lies apart */
    int32_t         gather; /* and the register that it is gathered into */
    uint8_t         lie;
    bool            once;  /* that is the same for every tile: rows that are all alike */
    int64_t         width; /* bytes of an element; for a kernel that makes rows, of a row */
} tgi_feed;

typedef enum tgi_kind {
    TGI_LOOP,   /* an elementwise op */
    TGI_COPY,   /* a view that strides cannot say */
    TGI_STORE,  /* an assign */
    TGI_REDUCE, /* one element a row, from the row */
    TGI_ROWS,   /* rows from rows: a kernel whose operands are in memory */
    TGI_FOLD    /* a reduction of the whole domain, or of each column: its result is there after the last tile */
} tgi_kind;

typedef struct tgi_step {
    const tg_op *op;
    tg_loop     *loop;
    tgi_feed    *feeds;
    tgi_ref      node;                       /* the instruction */
    tgi_ref      out;                        /* in whose memory the result goes */
    int32_t      reg;                        /* or the register */
    uint8_t      kind, count, width, by_row; /* by_row: one element a row */
    size_t       partial;                    /* of a fold: where its blocks are, in the scratch memory of the group, */
    int64_t      blocks;                     /* and how many */
} tgi_step;

typedef struct tgi_group {
    tgi_step *steps;
    uint32_t  step_count, registers;
    int       rank, lead; /* of the domain, and how many of its axes are the rows */
    int64_t   dims[TG_MAX_RANK];
    int64_t   rows, columns;
    int64_t   tile; /* elements of a tile: some rows, or when it is less than `columns` a piece of one */
    int64_t   work; /* for an element, in steps of a loop */
    size_t    register_bytes, partial_bytes;
    bool      folds, assigns;
} tgi_group;

/* ---- plans ------------------------------------------------------------------------------------------------------- */

typedef struct tgi_item {
    tgi_ref    node;  /* the kernel's instruction, or the first of the group */
    tgi_group *group; /* NULL for a kernel */
} tgi_item;

/* Where the value of an instruction goes. */
typedef enum tgi_place {
    TGI_BLOCK,   /* the memory that the plan has while it runs */
    TGI_LASTING, /* memory of its own: it is there after the run */
    TGI_SHOWN    /* a view of another's memory */
} tgi_place;

typedef struct tgi_bind {
    tgi_ref        node;
    size_t         offset;  /* in the block, or of a view in the memory of its base, in bytes */
    const int64_t *strides; /* of a view */
    tgi_ref        base;
    uint32_t       last; /* the item after which its place in the block is another's; TGI_NONE: it is there after the run */
    uint8_t        place;
} tgi_bind;

typedef struct tgi_plan {
    tgi_arena       arena; /* holds all that it points to */
    const uint64_t *key;   /* the stretch it was made for, written out */
    size_t          key_words;
    uint64_t        hash, used;
    bool            plain; /* the stretch is to be run one by one */
    tgi_bind       *binds; /* of the values that have a place, in the order of recording */
    tgi_item       *items;
    uint32_t        count, bind_count, item_count, group_count, step_count;
    size_t          block_bytes; /* for values */
    UT_hash_handle  hh;
} tgi_plan;

/* Whether the value is to be there after the run, when what is recorded from `limit` on is about to be forgotten. */
bool tgi_lasts(const tg_tape *tape, uint32_t index, uint32_t limit);

/* Works out a plan for the instructions from `start` to `end` - 1; NULL and an error when there is no memory (plan.c). */
tgi_plan *tgi_make_plan(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit);
void      tgi_free_plan(tgi_plan *plan);

/* The plan for that stretch: found, or made and kept for the next time; NULL when it does not pay to make one, and, with an
 * error, when there is no memory (cache.c). */
const tgi_plan *tgi_plan_for(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit);

/* Runs a plan (planned.c); and a group of it, all values having their places (group.c). */
tg_status tgi_run_plan(tg_tape *tape, const tgi_plan *plan, uint32_t start);
tg_status tgi_run_group(tg_tape *tape, const tgi_group *group, uint32_t start, char *scratch);

/* Of how many threads, `most` at most, a group makes use. */
int tgi_threads_for(const tgi_group *group, int most);

#endif
