/* grad/joint_rule.c: gradient rules that record the gradients for all operands at once.
 *
 * A rule is asked for one operand after the other. The tape remembers the gradients of the instruction that was differentiated last.
 *
 * SPDX-License-Identifier: MIT */
#include "grad/joint_rule.h"

#include <string.h>

#include "grad/grad.h"

/* What is recorded in a part of the tape, or in the body of a loop, is of no use in another. */
static bool is_of_this_part(const tg_tape *tape, tg_tensor x) {
    return tg_valid(x) && tgi_node_at(tape, tgi_index(x))->part == tape->part;
}

/* In a backward walk that is known; in forward mode it is all. */
bool tgi_is_wanted(const tg_rule_call *call, int operand) {
    const tg_tape *tape = call->g.tape;
    if (operand == call->which) return true;
    if (tape->wanted) return tgi_wants(tape, tape->wanted, tgi_index(call->x[operand]));
    return tgi_floating((tg_dtype)tgi_node_at(tape, tgi_index(call->x[operand]))->dtype);
}

tg_tensor tgi_jointly(const tg_rule_call *call, tgi_joint_rule *differentiate) {
    tg_tape             *tape = call->g.tape;
    tgi_joint_gradients *last = &tape->joint_gradients;
    bool                 same = last->grads && last->y == call->y.ref && last->g == call->g.ref;
    if (same && is_of_this_part(tape, last->grads[call->which])) return last->grads[call->which];
    size_t     bytes = (size_t)call->count * sizeof *last->grads;
    tg_tensor *grads = tgi_pool_take(&tape->pool, bytes);
    if (!grads) {
        tgi_out_of_memory(tape, tgi_node_at(tape, tgi_index(call->y))->op->name);
        return tgi_invalid(tape);
    }
    memset(grads, 0, bytes);
    differentiate(call, grads); /* which may call other such rules */
    tgi_pool_give(&tape->pool, last->grads);
    *last = (tgi_joint_gradients){.y = call->y.ref, .g = call->g.ref, .grads = grads};
    return tape->status ? tgi_invalid(tape) : grads[call->which];
}
