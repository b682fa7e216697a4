/* core/truncate.c: how instructions get off the tape again.
 *
 * What they own is given back, and what they changed of others is as it was before: leaves that they assigned, gradients and labels that
 * were the last ones, values that their rules would have needed.
 *
 * SPDX-License-Identifier: MIT */
#include "core/residency.h"
#include "core/tape_part.h"

static void forget_assign(tg_tape *tape, const tgi_node *assign, bool has_run) {
    tgi_leaf *leaf = tgi_leaf_of(tgi_node_at(tape, assign->in[0]));
    leaf->last_assign = tgi_previous_assign(assign);
    if (has_run && !tgi_changes_nothing(assign)) tgi_leaf_written(tape, leaf);
}

/* Whether something has to be done when it is forgotten, but to leave it. */
static bool owns_something(const tgi_node *node) {
    return !node->op->infer || node->op->effect || node->view || tgi_is_owned(node);
}

/* Forgets instruction i, when all from `count` on are forgotten. */
static void forget(tg_tape *tape, uint32_t i, uint32_t count) {
    tgi_node *node = tgi_node_at(tape, i);
    if (node->rule_of < count && tgi_node_at(tape, node->rule_of)->role == TGI_FORWARD)
        tgi_save(tape, tgi_node_at(tape, node->rule_of));
    if (node->plain || !owns_something(node)) return;
    tgi_leaf *leaf = tgi_leaf_of(node);
    if (leaf)
        tgi_leaf_forget(tape, leaf);
    else if (node->op->effect && node->attr)
        forget_assign(tape, node, !node->part && i < tape->done);
    tgi_release_value(tape, node);
    if (node->view) tgi_pool_give(&tape->pool, node->view->copy);
}

static void restore_gradients(tg_tape *tape) {
    for (uint32_t i = 0; i < tape->parameters.count; i++) {
        tgi_leaf *leaf = tgi_leaf_of(tgi_node_at(tape, tape->parameters.item[i]));
        while (leaf->gradient && leaf->gradient->count > tape->count)
            leaf->gradient = leaf->gradient->previous;
    }
}

static void restore_labels(tg_tape *tape) {
    while (tape->labels && tape->labels->count > tape->count)
        tape->labels = tape->labels->previous;
}

static void forget_aliases(tg_tape *tape) {
    tgi_index_list *aliases = &tape->aliases;
    uint32_t        left = 0;
    for (uint32_t i = 0; i < aliases->count; i++)
        if (aliases->item[i] < tape->count) aliases->item[left++] = aliases->item[i];
    aliases->count = left;
}

/* Forgets all from `count` on. Where none of the others was differentiated, plain instructions and numbers at the end are not even
 * looked at: to go through a long tape takes its time. */
static void forget_all(tg_tape *tape, uint32_t count) {
    bool     differentiated = tape->lowest_rule < count;
    uint32_t end = differentiated ? tape->count : tape->free_from;
    for (uint32_t i = end; i-- > count;)
        forget(tape, i, count);
    if (!differentiated) tape->lowest_rule = TGI_NONE;
    if (tape->free_from > count) tape->free_from = count;
}

void tgi_truncate(tg_tape *tape, uint32_t count) {
    if (tape->count == count) return;
    forget_all(tape, count);
    tape->count = count;
    tape->generation++;
    tape->moves++;
    if (tape->done > count) tape->done = count;
    if (tape->observed > count) tape->observed = count;
    if (tape->touched > count) tape->touched = count;
    if (tape->leading > count) tape->leading = count;
    if (tape->quiet_from > count) tape->quiet_from = count;
    if (tape->small_from > count) tape->small_from = count;
    tape->plans.slot.bound = NULL;
    tgi_truncate_parts(tape, count);
    forget_aliases(tape);
    restore_gradients(tape);
    restore_labels(tape);
    tgi_arena_cut(&tape->arena, tgi_node_at(tape, count)->in);
}
