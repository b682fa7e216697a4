/* core/loop.h: the body of a loop: instructions that are on the tape once, and run many times.
 *
 * A body is a part of the tape that no name calls, and stands before the instruction that runs it. It is closed: what it reads of the
 * tape before it, it reads through instructions of its own that stand for that, and are given the value before the loop begins. So
 * nothing that happens to leaves and views outside concerns it, and it can be differentiated by itself.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_LOOP_H
#define TGI_CORE_LOOP_H

#include "core/tape_part.h"

/* An instruction of a body that stands for one outside. */
typedef struct tgi_capture {
    uint32_t            outer, inner;
    struct tgi_capture *previous;
} tgi_capture;

struct tgi_loop {
    uint32_t     states, inputs, outputs, products, captured;
    uint32_t    *given;    /* the instructions that stand for the states before a step, and for its inputs */
    uint32_t    *result;   /* the states after a step, and its outputs */
    uint32_t    *product;  /* what its derivative had better not compute again */
    uint32_t     goes_on;  /* whether there is another step; TGI_NONE when that does not depend on the states */
    uint32_t     step_end; /* what is recorded from there on is for that alone, and no derivative needs it */
    tgi_capture *captures; /* the last one first */
};

/* What stands in a body for a value from outside of it. */
extern const tg_op tgi_loop_value;

/* Begins a body; NULL and an error when there is no memory. What is recorded until its end belongs to it, and no gradient rule will ask for
 * its values. */
typedef struct tgi_loop_counts {
    int states, inputs, outputs;
} tgi_loop_counts;

tgi_loop *tgi_begin_loop(tg_tape *tape, const char *what, tgi_loop_counts counts);
void      tgi_end_loop(tg_tape *tape);

/* Appends what stands for a value of that type in the body that is being recorded: in memory of its own, or, for what is captured, in none.
 * NULL and an error when there is no memory. The sizes must last. */
tgi_node *tgi_new_loop_value(tg_tape *tape, const char *what, tg_type type, bool captured);

/* What stands for the instruction in the body that is being recorded, which it stands before. */
uint32_t tgi_captured(const tg_tape *tape, uint32_t outer);

/* Sees to it that there is something that stands for it. */
tg_status tgi_capture_value(tg_tape *tape, const char *what, uint32_t outer);

/* The same for handles that are not operands: x where no body is being recorded, or x is of it. */
tg_tensor tgi_captured_tensor(tg_tape *tape, const char *what, tg_tensor x);

static inline bool tgi_is_before_loop(const tg_tape *tape, uint32_t index) {
    return index < tape->loop_start;
}

/* ---- the instruction that runs a body ---------------------------------------------------------------------------- */

/* Its operands are the states before the first step, the inputs of all steps, what the body captured, and, where it is counted, how many
 * steps are to be done at most: those are the first ones. */
typedef struct tgi_loop_attr {
    uint32_t body; /* where it begins */
    uint32_t dtype;
    uint32_t reverse, saves;
    uint32_t thrifty; /* it saves states alone */
    uint32_t counted;
    int64_t  steps;
    int64_t  size; /* of the result */
} tgi_loop_attr;

const tgi_part *tgi_body_of(const tg_tape *tape, const tgi_loop_attr *attr);

/* Its result is a vector that holds, one after the other, the states after the last step; of each output what the steps gave; and where
 * it saves, of each state what it was before each step, and what the products in each step came to. */
typedef enum tgi_loop_section {
    TGI_LAST_STATES,
    TGI_OUTPUTS,
    TGI_SAVED_STATES,
    TGI_SAVED_PRODUCTS,
    TGI_SECTIONS
} tgi_loop_section;

/* How many there are of a section. */
uint32_t tgi_count_in(const tg_tape *tape, const tgi_loop_attr *attr, tgi_loop_section section);

/* Where the i-th one of a section begins, and its elements. */
typedef struct tgi_loop_range {
    int64_t from, size;
} tgi_loop_range;

tgi_loop_range tgi_range_in(const tg_tape *tape, const tgi_loop_attr *attr, tgi_loop_section section, uint32_t i);

/* The instruction of the body whose values are the i-th of a section. */
uint32_t tgi_index_in(const tgi_loop *loop, tgi_loop_section section, uint32_t i);

/* The attr of an instruction that runs a body; NULL of any other. What tells them apart is their C text, which is this: lib/emit
 * knows of it, and writes the body. */
const tgi_loop_attr *tgi_loop_attr_of(const tgi_node *node);
void                 tgi_emit_loop(tg_emit_call *call);

#endif
