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
    tgi_capture *captures; /* the last one first */
};

/* What stands in a body for a value from outside of it. */
extern const tg_op tgi_loop_value;

/* Begins a body; NULL and an error when there is no memory. What is recorded until its end belongs to it, and no gradient rule will ask for its
 * values. */
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

#endif
