/* grad/loop_op.h: the instruction that is a loop.
 *
 * Its operands are the states before the first step, the inputs of all steps, and what the body captured. Its result is a vector that
 * holds, one after the other, the states after the last step; of each output what the steps gave; and where it saves, of each state
 * what it was before each step, and what the products in each step came to.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_GRAD_LOOP_OP_H
#define TGI_GRAD_LOOP_OP_H

#include "core/loop.h"
#include "core/tape_part.h"

typedef struct tgi_loop_attr {
    uint32_t body; /* where it begins */
    uint32_t dtype;
    uint32_t reverse, saves;
    uint32_t thrifty; /* it saves states alone */
    uint32_t zero;    /* in the place of padding */
    int64_t  steps;
    int64_t  size; /* of the result */
} tgi_loop_attr;

extern const tg_op tgi_loop_op;

const tgi_part *tgi_body_of(const tg_tape *tape, const tgi_loop_attr *attr);

/* The same loop, which saves what its derivative needs. */
tgi_loop_attr tgi_saving(const tg_tape *tape, const tgi_loop_attr *attr);

/* Makes a recorded loop that one, if it has never had a value: nobody has seen its result but what was taken from it. */
bool tgi_make_saving(tg_tensor packed, const tgi_loop_attr *saving);

/* What the result consists of. */
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

/* It, of a result or of the gradient of one, in its own shape. */
tg_tensor tgi_take_from(tg_tensor packed, const tgi_loop_attr *attr, tgi_loop_section section, uint32_t i);

/* Whether the saved states of a result have been taken from it: by a gradient, which may be differentiated. */
bool tgi_has_readers_of_saved(tg_tensor packed);

/* Records a loop: as tg_scan, but with its own name for errors, and as one loop. */
typedef struct tgi_loop_call {
    tg_loop_spec spec;
    const char  *what;
    bool         saves;          /* its states, when gradients flow to an operand */
    bool         lists_products; /* which it may save, too: those of a gradient are as large as what they are for */
} tgi_loop_call;

tg_status tgi_record_loop(tg_tape *tape, const tgi_loop_call *call);

/* The gradient rule (loop_rule.c). */
tg_tensor tgi_loop_rule(const tg_rule_call *call);

#endif
