/* grad/grad.h: what the files of lib/grad share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_GRAD_GRAD_H
#define TGI_GRAD_GRAD_H

#include "core/marks.h"
#include "core/tape.h"

/* A scope whose instructions are there for a derivative. */
tg_scope tgi_begin_derivative(tg_tape *tape, const char *name);

/* From now on instruction `index` is the parameter's gradient, or none for TGI_NONE, until the tape gets shorter than it is. `what` is
 * for errors (gradient.c). */
tg_status tgi_note_gradient(tg_tape *tape, tgi_leaf *leaf, uint32_t index, const char *what);

/* The rule for an operand, or NULL. */
static inline tg_rule *tgi_rule_of(const tgi_node *node, uint32_t operand) {
    const tg_op *op = node->op;
    return op->rules ? op->rules[op->arity < 0 ? 0 : operand] : NULL;
}

/* Whether a walk back wants a gradient for the instruction: what it has marked, or without a set whatever depends on a parameter. */
static inline bool tgi_wants(const tg_tape *tape, const tgi_marks *wanted, uint32_t index) {
    return wanted->word ? tgi_is_marked(wanted, index) : tgi_node_at(tape, index)->requires_grad;
}

/* Whether gradients flow to operand j, of an op that takes a part to the first alone (forward.c). */
bool tgi_flows_to(const tg_tape *tape, const tgi_node *node, uint32_t j);

/* Marks the outputs and what they were computed from, as far as gradients flow (backward.c). */
void tgi_mark_reached(const tg_tape *tape, int m, const tg_tensor *outputs, tgi_marks *reached);

/* Marks as wanted what lies on a way from what is to an output. `reached` is an empty set, and is empty again afterwards (backward.c). */
void tgi_mark_ways(const tg_tape *tape, int m, const tg_tensor *outputs, tgi_marks *reached, tgi_marks *wanted);

/* ---- lists of outputs and inputs (sides.c) ----------------------------------------------------------------------- */

/* Of several tensors: behind the last of them, and the first one. */
uint32_t tgi_end_of(int count, const tg_tensor *list);
uint32_t tgi_first_of(int count, const tg_tensor *list);

/* The seed of an output, or the tangent of an input, in the shape of that: NULL stands for ones. */
typedef struct tgi_seed_names {
    const char *call, *seed, *of; /* for errors */
} tgi_seed_names;

tg_tensor tgi_seed_for(tg_tape *tape, const tgi_seed_names *names, tg_tensor of, const tg_tensor *seed);

/* g, or where it is a broadcast a view of it that is none. Elementwise rules take a broadcast for what it is of (elementwise.c). Seeds and
 * tangents that the caller gave, and what the caller gets of an instruction on the way, are kept from that, for what comes of them may be
 * differentiated for them. */
tg_tensor tgi_not_a_broadcast(tg_tensor g);

/* The tensors of a list, outputs or inputs, which `role` names, have derivatives; else an error. */
tg_status tgi_check_list(tg_tape *tape, const char *what, const char *role, int count, const tg_tensor *list);

/* While the body of a loop is recorded, all of them stand before it, or none; else an error. */
tg_status tgi_check_sides(tg_tape *tape, const char *what, int n, const tg_tensor *inputs, int m, const tg_tensor *outputs);

/* How a call that returns several tensors ends: they are kept, or invalid after an error. */
void tgi_give_results(tg_tape *tape, tg_status status, int n, tg_tensor *results);

#endif
