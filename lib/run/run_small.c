/* run/run_small.c: segments of values that fit in their instructions, as numbers and two float64 do, one instruction at a time.
 *
 * To run them takes less time than to look for a plan. For elementwise ops of what is alike there is nothing to find out: the result stands
 * in the instruction, and operands are one number or lie as the result does.
 *
 * SPDX-License-Identifier: MIT */
#include "core/residency.h"
#include "core/tape_part.h"
#include "run/plan.h"
#include "run/run.h"

/* False when an operand needs a closer look. */
static inline bool run_plain(const tg_tape *tape, tgi_node *node) {
    const void *in[TG_MAX_LOOP_OPERANDS];
    int64_t     steps[TG_MAX_LOOP_OPERANDS];
    for (uint32_t j = 0; j < node->count; j++) {
        const tgi_node *operand = tgi_node_at(tape, node->in[j]);
        if (tgi_is_overwritten(operand) || (operand->rank && operand->view)) return false;
        in[j] = operand->data;
        steps[j] = operand->rank;
    }
    node->data = node->small;
    node->op->loops->by_dtype[node->dtype](node->rank ? node->dims[0] : 1, node->small, in, steps);
    return true;
}

/* What does not last is absent again afterwards, as when a plan has run; what a view shows that lasts is not. */
static void settle(const tg_tape *tape, tgi_node *node, bool lasts) {
    if (lasts)
        tgi_set_resident(tape, node);
    else
        tgi_set_absent(node);
    if (lasts && node->view && node->view->base != TGI_NONE) {
        tgi_node *base = tgi_node_at(tape, node->view->base);
        if (base->op->infer) tgi_set_resident(tape, base);
    }
}

tg_status tgi_run_small(tg_tape *tape, uint32_t end, uint32_t limit) {
    tgi_slot_for(tape, tape->done)->bound = NULL;
    if (end > tape->touched) tape->touched = end;
    for (uint32_t i = tape->done; i < end; tape->done = ++i) {
        tgi_node *node = tgi_node_at(tape, i);
        if (!node->op->infer) continue;
        bool ran = node->plain && !tgi_is_cancelled(tape) && run_plain(tape, node);
        if (!ran && tgi_run_instruction(tape, i)) return tape->status;
        settle(tape, node, tgi_lasts(tape, i, end, limit));
    }
    return tape->status; /* of a loop that called what it must not */
}
