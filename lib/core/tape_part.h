/* core/tape_part.h: parts of a tape: instructions that run when they are called for, and only then.
 *
 * A part is a range of instructions: it begins with one that says so. The number of its part stands in each instruction. The body of a
 * loop is a part that has no name, and is run by the loop; it may stand in the middle of another part, or of another body, which goes
 * on after it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_TAPE_PART_H
#define TGI_CORE_TAPE_PART_H

#include "core/code.h"

typedef struct tgi_loop tgi_loop;

struct tgi_part {
    const char    *name;           /* "" for the body of a loop */
    tgi_loop      *loop;           /* of the body of a loop, else NULL */
    uint32_t       start, end;     /* while it is recorded, the end is TGI_NONE */
    uint16_t       outer;          /* the part that it stands in, or 0 */
    bool           has_run;        /* to its end */
    tgi_code      *code;           /* compiled, to be run instead; or NULL */
    bool           is_listed;      /* the following two are: */
    tgi_index_list reads, assigns; /* computed values outside of it that it reads, each once; and leaves that it assigns */
    tgi_plan_slot  slot;           /* of its first piece; */
    tgi_plan_slot  next_slot;      /* and of the piece of a body that follows it there */
};

/* The part of that number, from 1 on. */
static inline tgi_part *tgi_part_at(const tg_tape *tape, uint16_t part) {
    return &tape->parts[part - 1];
}

/* Whether it is computed when another part runs than that of such a number, and not when this one does: a view of it that is to last has to be
 * a copy. */
static inline bool tgi_is_of_another_part(const tgi_node *node, uint16_t part) {
    return node->op->infer && node->part != part;
}

/* Begins a part, in the one that is being recorded, and ends it. */
tg_status tgi_open_part(tg_tape *tape, const char *what, const char *name);
void      tgi_close_part(tg_tape *tape);

/* The part of that name that was recorded to its end; NULL and an error when there is none. */
tgi_part *tgi_find_part(tg_tape *tape, const char *what, const char *name);

/* Where the next part begins, from an instruction on; the end of the tape when none does. */
uint32_t tgi_next_part(const tg_tape *tape, uint32_t index);

/* From `index` to `end`: behind what belongs to parts in the middle of this one, or of what stands outside of all for 0. */
uint32_t tgi_skip_other_parts(const tg_tape *tape, uint32_t index, uint32_t end, uint16_t part);

/* The slot of the plan for a segment that begins with the instruction. */
tgi_plan_slot *tgi_slot_for(tg_tape *tape, uint32_t index);

/* What the plans for a part know of where values are no longer holds. */
void tgi_unbind_part(tg_tape *tape, const tgi_part *part);

/* Gives back its code and its lists. */
void tgi_release_part(tg_tape *tape, tgi_part *part);

/* Cuts the parts when the tape is cut back to `count` instructions. */
void tgi_truncate_parts(tg_tape *tape, uint32_t count);

/* Whether an instruction is of the body of a loop whose recording is over: only the loop reads its value. */
bool tgi_is_of_finished_loop(const tg_tape *tape, const tgi_node *node);

#endif
