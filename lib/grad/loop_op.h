/* grad/loop_op.h: the instruction that is a loop.
 *
 * Its operands are the states before the first step, the inputs of all steps, what the body captured, and perhaps how many steps are done.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_GRAD_LOOP_OP_H
#define TGI_GRAD_LOOP_OP_H

#include "core/loop.h"
#include "core/tape_part.h"

extern const tg_op tgi_loop_op;

/* The same loop, which saves what its derivative needs. */
tgi_loop_attr tgi_saving(const tg_tape *tape, const tgi_loop_attr *attr);

/* Makes a recorded loop that one, if it has never had a value: nobody has seen its result but what was taken from it. */
bool tgi_make_saving(tg_tensor packed, const tgi_loop_attr *saving);

/* It, of a result or of the gradient of one, in its own shape. */
tg_tensor tgi_take_from(tg_tensor packed, const tgi_loop_attr *attr, tgi_loop_section section, uint32_t i);

/* What an instruction takes from a loop's result; false when it is none that does. */
typedef struct tgi_taken {
    tgi_loop_section section;
    uint32_t         which;
} tgi_taken;

bool tgi_is_taking(const tgi_node *node, tgi_taken *what);

/* A plain number of a body, recorded once more. */
tg_tensor tgi_copy_number(tg_tape *tape, const tgi_node *number);

/* Whether the instruction is a loop whose body takes something from the result of another, which it has captured: saved states, for a
 * gradient that the body records. */
bool tgi_reads_whole_result(const tgi_node *node, uint32_t packed);

/* Whether the saved states of a result have been taken from it: by a gradient, which may be differentiated. */
bool tgi_has_readers_of_saved(tg_tensor packed);

/* Records a loop: as tg_scan, but with its own name for errors, and as one loop. */
typedef struct tgi_loop_call {
    tg_loop_spec spec;
    const char  *what;
    bool         saves;          /* its states, when gradients flow to an operand */
    bool         lists_products; /* which it may save, too: those of a gradient are as large as what they are for */
    bool         is_map;         /* its steps may be done all at once */

    const tg_tensor *most; /* or NULL: an int64 that says how many of the steps are done at most */
} tgi_loop_call;

tg_status tgi_record_loop(tg_tape *tape, const tgi_loop_call *call);

/* What the condition gives for these states; invalid, and an error, when that is none. */
tg_tensor tgi_call_condition(tg_tape *tape, const char *what, const tg_loop_spec *spec, const tg_tensor *state);

/* tg_scan of a loop that is a map (loops.c). */
tg_status tgi_map(tg_tape *tape, const tg_loop_spec *spec);

/* Steps from .. to - 1 of the inputs, in `count` pieces along a first axis where that is not 0; and the first two axes of an output as one
 * (loops.c). */
void      tgi_cut_inputs(const tg_loop_spec *spec, int64_t from, int64_t to, int64_t count, tg_tensor *x);
tg_tensor tgi_joined(tg_tensor y);

/* Records what a loop without states, whose body has been recorded, does, not as a loop, and gives its outputs. False where it has to be
 * one. (vectorize.c) */
bool tgi_vectorize(tg_tape *tape, const tgi_loop_call *call, const tgi_loop_attr *attr);

/* The kernel (loop_kernel.c). */
tg_status tgi_loop_kernel(tg_kernel_call *call);

/* The gradient rule (loop_rule.c). */
tg_tensor tgi_loop_rule(const tg_rule_call *call);

/* Records the tangents of `count` things that are taken from a loop's result, in `to`, where those that do not change stay as they are.
 * `tangent` has those of the loop's operands, of which some are invalid: they do not change. (loop_tangent.c) */
void tgi_loop_tangents(const tg_rule_call *call, const tg_tensor *tangent, uint32_t count, const tgi_taken *taken,
                       tg_tensor *to);

#endif
