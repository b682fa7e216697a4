/* run/plan.h: what the executor works out once for a segment of the tape, and uses whenever such a segment is run.
 *
 * A plan is a list of units, run one after the other. A unit is a single instruction with a kernel, or a group: instructions over
 * one domain, fused, and run together tile by tile. A plan names instructions by reference, relative to where its segment starts, and
 * those outside of it by their number in a list, so that it serves every segment that was recorded alike, wherever that and its
 * operands stand.
 *
 * The domain of a group is `rows` rows of `columns` elements, and a tile is some rows, or a piece of one. A fused op makes an
 * element for each element of the domain, or one for each row. Operands and results are in memory or in registers: pieces of memory
 * that stay in the cache, as long as a tile. What no other unit and nobody later needs never leaves its register.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RUN_PLAN_H
#define TGI_RUN_PLAN_H

#include <stdio.h>

#include "core/residency.h"
#include "kernels/strided.h"

/* An instruction, counted from the start of the segment, or with this bit its number in the list of those outside. */
typedef uint32_t tgi_ref;
#define TGI_OUTSIDE 0x80000000u

/* A segment, to which references are resolved. */
typedef struct tgi_frame {
    uint32_t  start;         /* its first instruction */
    uint32_t *outside;       /* what it reads that stands before it, and the bases of views among that, */
    uint32_t  outside_count; /* so many */
} tgi_frame;

static inline uint32_t tgi_ref_index(const tgi_frame *frame, tgi_ref ref) {
    return ref & TGI_OUTSIDE ? frame->outside[ref & ~TGI_OUTSIDE] : frame->start + ref;
}

static inline tgi_node *tgi_node_of(const tg_tape *tape, const tgi_frame *frame, tgi_ref ref) {
    return tgi_node_at(tape, tgi_ref_index(frame, ref));
}

/* The reference to an instruction, in the segment whose key was written last. */
static inline tgi_ref tgi_ref_to(const tg_tape *tape, const tgi_frame *frame, uint32_t index) {
    return index >= frame->start ? index - frame->start : TGI_OUTSIDE | tgi_node_at(tape, index)->outside;
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

/* How an operand's elements lie to those of the domain. */
typedef enum tgi_access {
    TGI_CONTIGUOUS,    /* one after the other, as the domain's */
    TGI_SCALAR,        /* one for all */
    TGI_PER_ROW,       /* one a row */
    TGI_ROW_BROADCAST, /* one row, the same for all rows */
    TGI_STRIDED        /* anyhow: gathered into a register first */
} tgi_access;

enum { TGI_NO_REGISTER = -1 };

/* How many bytes further something lies in memory for each row and column that its tile begins further on; in a register none. */
typedef struct tgi_tile_stride {
    int64_t row, column;
} tgi_tile_stride;

/* An operand of a fused op. */
typedef struct tgi_operand {
    tgi_ref         base;   /* the instruction whose memory holds it */
    int32_t         reg;    /* or the register that holds it */
    int64_t         offset; /* of its first element in the memory, in bytes; */
    const char     *at;     /* and where that is in a run */
    const tgi_walk *walk;   /* over it, when its access is strided */
    int32_t         gather; /* and the register that it is gathered into */
    uint8_t         access;
    bool            old;      /* it is a leaf that a later fused op of the group assigns: the value from before */
    bool            once;     /* that is the same for every tile: rows that are all alike */
    bool            last;     /* no other fused op reads it after this one, nor anybody behind the group */
    int64_t         width;    /* bytes of an element; of an operand of a row kernel, of a row */
    int64_t         next_row; /* bytes from row to row of a tile */
    tgi_tile_stride stride;
} tgi_operand;

typedef enum tgi_fused_kind {
    TGI_FUSED_LOOP,         /* an elementwise op */
    TGI_FUSED_COPY,         /* a view that strides cannot say */
    TGI_FUSED_ASSIGN,       /* a leaf is overwritten */
    TGI_FUSED_ROW_REDUCE,   /* one element a row, from the row */
    TGI_FUSED_ROW_KERNEL,   /* rows from rows: a kernel whose operands are in memory */
    TGI_FUSED_BLOCK_REDUCE, /* a reduction of the whole domain, or of each column: its result is there after the last tile */
    TGI_FUSED_SIDE_BY_SIDE  /* operands as the columns of a matrix with a row for each element of the domain */
} tgi_fused_kind;

typedef struct tgi_fused_op {
    const tg_op    *op;
    tg_loop        *loop;
    tgi_operand    *operands;
    tgi_ref         node;   /* the instruction */
    tgi_ref         target; /* the instruction whose memory its result goes to, */
    char           *at;     /* and where that begins in a run; */
    tgi_tile_stride stride;
    int32_t         reg;                         /* or the register */
    int64_t        *steps;                       /* of a loop's operands */
    bool            in_rows;                     /* a loop goes over one row at a time, for the sake of some operand */
    uint8_t         kind, count, width, per_row; /* per_row: one element a row */
    bool            again;                       /* it was computed before, and not kept */
    tgi_ref         joined_to;                   /* the instruction that its loop does before it; TGI_NONE: none */
    size_t          partial; /* of a block reduction: where its blocks are, in the scratch memory of the group, */
    int64_t         blocks;  /* and how many */
} tgi_fused_op;

/* An elementwise op of a group of one tile, as a call of its loop. The addresses are those of a run. */
typedef struct tgi_loop_call {
    tg_loop     *loop; /* NULL for what is not that simple */
    int64_t      n;
    void        *out;
    const void **in;
    int64_t     *steps;
} tgi_loop_call;

/* A value in memory that a group goes through element by element. */
typedef struct tgi_stream {
    tgi_ref     base;
    int64_t     offset; /* in bytes */
    const char *at;     /* its first element, in a run */
    int64_t     share;  /* bytes that each fused op fetches of the next tile */
    uint8_t     width;
} tgi_stream;

typedef struct tgi_group {
    tgi_fused_op  *ops;
    tgi_stream    *streams; /* whose next tile is fetched while one is worked on; none where that does not pay */
    uint32_t       stream_count;
    tgi_loop_call *calls; /* one an op, of a group of one tile; else NULL */
    uint32_t       op_count, registers;
    int            rank, lead; /* of the domain, and how many of its axes are the rows */
    int64_t        dims[TG_MAX_RANK];
    int64_t        rows, columns;
    int64_t        tile; /* elements of a tile: some rows, or when it is less than `columns` a piece of one */
    int64_t        work; /* for an element, in elementwise ops */
    size_t         register_bytes, partial_bytes;
    bool           reduces_all, assigns, calls_kernels; /* it has a block reduction of all elements; an assign; a kernel */
} tgi_group;

/* ---- plans ------------------------------------------------------------------------------------------------------- */

/* Why an instruction did not join the unit before the one that it is in. */
typedef enum tgi_split {
    TGI_JOINS,
    TGI_SPLIT_FIRST,     /* there was none */
    TGI_SPLIT_KERNEL,    /* its own code is a kernel that needs whole operands, or may fail */
    TGI_SPLIT_BEHIND,    /* the unit before is, or stands before, such a kernel */
    TGI_SPLIT_DOMAIN,    /* its shape is not that of the group */
    TGI_SPLIT_OPERAND,   /* it reads what the group makes, and not element by element */
    TGI_SPLIT_ROWS,      /* it needs rows that the group's tiles cannot have */
    TGI_SPLIT_REDUCTION, /* it reduces, and an assign stands between */
    TGI_SPLIT_OLD_VALUE, /* it assigns, and the old value is still read there or later */
    TGI_SPLIT_FAILURE    /* it assigns, and something that may fail stands between */
} tgi_split;

typedef struct tgi_binding tgi_binding;

typedef struct tgi_unit {
    tgi_ref      node;     /* the kernel's instruction, or the first of the group */
    tgi_group   *group;    /* NULL for a kernel */
    tgi_binding *bindings; /* of values that it puts into memory a second time, and of their views */
    tg_array    *arrays;   /* of a kernel whose addresses may be known: its result and its operands; else NULL */
    uint32_t     bound;    /* so many */
    uint8_t      split;    /* why its first instruction did not join the unit before; */
    uint8_t      split_by; /* the operand that decided it, counted from 0 */
} tgi_unit;

/* Where the value of an instruction goes. */
typedef enum tgi_allocation {
    TGI_IN_BLOCK,     /* in the memory that the plan has while it runs */
    TGI_IN_OWN,       /* in memory of its own: it is resident after the run */
    TGI_IN_BASE,      /* a view of another's memory; */
    TGI_IN_BASE_FIRST /* and when the run is over in memory of its own, as the other's value is another part's */
} tgi_allocation;

struct tgi_binding {
    tgi_ref        node;
    size_t         offset;  /* in the block, or of a view in the memory of its base, in bytes */
    const int64_t *strides; /* of a view */
    tgi_ref        base;
    uint32_t       last_unit; /* after which its memory in the block is another's; TGI_NONE: it is resident after the run */
    uint8_t        allocation;
    bool           is_alias; /* a view of what may be overwritten while it is there */
    const void    *at;       /* where it was in the run before */
};

/* A leaf, or what is read from outside: it has its memory before the run. */
typedef struct tgi_place {
    tgi_ref     node;
    const void *at; /* where it was in the run before */
} tgi_place;

/* What is known of the addresses in the calls of a plan. */
typedef enum tgi_addresses { TGI_UNKNOWN, TGI_KNOWN_SOON, TGI_KNOWN } tgi_addresses;

typedef struct tgi_known_for {
    uint32_t      start; /* the segment that the plan was used for last, */
    const void   *block; /* the memory that it had then, */
    uint64_t      moves; /* and what tape->moves was when all was bound */
    tgi_addresses addresses;
} tgi_known_for;

struct tgi_plan {
    tgi_known_for  *known_for;
    tgi_arena       arena; /* holds all that it points to */
    tgi_frame       frame; /* the segment that it was last found or made for */
    uint32_t       *bases; /* of each value that it reads from outside: what that is a view of, or TGI_NONE */
    const uint64_t *key;   /* the segment it was made for, written out */
    size_t          key_words;
    uint64_t        hash, used;
    tgi_plan       *next;         /* the plan that was used after this one when it was used last, or NULL */
    bool            sequential;   /* the segment is to be run one by one */
    bool            binds_again;  /* some unit puts a value into memory a second time */
    bool            copies_views; /* some view is in memory of its own when the run is over */
    bool            assigns;      /* some leaf is overwritten; */
    bool            has_aliases;  /* and some view shows one that is, here or after the run */
    bool            stays;        /* all that it reads and makes is in the same place in each run, as long as nothing moves */
    tgi_binding    *bindings;     /* of the values that have memory, in the order of recording */
    tgi_place      *places;       /* of all else that it reads, when all stays; but numbers, which are in their instructions */
    uint32_t        place_count;
    tgi_unit       *units;
    uint32_t        count, binding_count, unit_count, group_count, fused_count;
    size_t          block_bytes; /* for values */
    size_t scratch_bytes; /* for the registers and partial results of the group that takes most of them, on one thread; */
    bool   uses_threads;  /* some group makes use of more, which may take more */
    UT_hash_handle hh;
};

/* Whether the value is to be resident after a run up to `end`, when what is recorded from `limit` on is about to be forgotten. */
static inline bool tgi_lasts(const tg_tape *tape, uint32_t index, uint32_t end, uint32_t limit) {
    const tgi_node *node = tgi_node_at(tape, index);
    if (tgi_is_dropped(node)) return false;
    if (node->last_use >= end) return true;
    if (index >= limit) return false;
    return tgi_is_kept(node) || (tgi_is_saved(node) && tape->keep == TG_KEEP_RECORDED) || node->op->random;
}

/* Works out a plan for the instructions of the frame before `end`; NULL and an error when there is no memory (plan.c). */
tgi_plan *tgi_make_plan(tg_tape *tape, const tgi_frame *frame, uint32_t end, uint32_t limit);
void      tgi_free_plan(tg_tape *tape, tgi_plan *plan);

/* The plan of the segment when the very same one was asked for before, else NULL (cache.c). */
const tgi_plan *tgi_plan_again(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit);

/* The plan for that segment: found, or made and kept for the next time; NULL, with an error, when there is no memory. The first one
 * is NULL, too, when it does not pay to make one (cache.c). */
tgi_plan *tgi_plan_for(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit);
tgi_plan *tgi_find_or_make_plan(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit);

/* Writes it for a person to read; an error when there is no memory (print_plan.c). */
tg_status tgi_write_plan(tg_tape *tape, const tgi_plan *plan, FILE *out);

/* ---- running one ------------------------------------------------------------------------------------------------- */

/* Runs a plan, for the segment in its frame (run_plan.c); and a group of it, all values having their memory (run_group.c). A group that
 * is `stoppable` may be left in the middle when the run is cancelled. Addresses that will be known are written down on the way. */
tg_status tgi_run_plan(tg_tape *tape, const tgi_plan *plan);
tg_status tgi_run_group(tg_tape *tape, const tgi_group *group, const tgi_frame *frame, char *scratch, bool stoppable,
                        tgi_addresses addresses);

/* Gives all values of the segment their memory, and what assigns will have to copy. Afterwards the plan knows whether all addresses are those
 * of the run before (bind.c). */
tg_status tgi_bind_values(tg_tape *tape, const tgi_plan *plan, char *block);

/* Gives those that the unit puts into memory a second time their place there. */
void tgi_bind_again(tg_tape *tape, const tgi_unit *unit, const tgi_frame *frame, char *block);

/* Of how many threads, `most` at most, a group makes use. */
int tgi_threads_for(const tgi_group *group, int most);

#endif
