/* run/recompute.c: values that an instruction needs and are not, or are no longer, what they should be.
 *
 * What nobody keeps is not resident any more after its pass. An instruction recorded later may still need it: then it is computed
 * again, from what it was computed from. So is a value that was computed before a leaf under it was written from outside (tg_write, a
 * part that ran), so that no run mixes old values with the new leaf. A value that was seen to be right is not looked at again until the
 * next write: on a tape that grows, a run looks at what is new. What an assign of the same part has overwritten since is
 * computed again only where what it was computed from is still there, as under a view of a view that was kept.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/marks.h"
#include "core/residency.h"
#include "run/aliases.h"
#include "run/plan.h"
#include "run/run.h"

/* Whether instruction j must have been computed outside of the segment's part: else it is a leaf, or its part's own affair. */
static bool is_computed_outside(const tg_tape *tape, uint32_t j) {
    const tgi_node *node = tgi_node_at(tape, j);
    return node->op->infer && !node->part;
}

static bool is_known_to_be_right(const tg_tape *tape, const tgi_node *node) {
    return tgi_is_resident(node) && (!tape->written || node->version == tape->clock || node->checked == tape->clock);
}

/* ---- what instructions start .. end - 1 read of what has run ----------------------------------------------------- */

static unsigned look_at(const tg_tape *tape, uint32_t operand) {
    const tgi_node *node = tgi_node_at(tape, operand);
    unsigned        found = tgi_is_overwritten(node) ? TGI_READS_OVERWRITTEN : 0;
    if (!is_computed_outside(tape, operand) || is_known_to_be_right(tape, node)) return found;
    return tape->written || !tgi_is_resident(node) ? found | TGI_MAY_RECOMPUTE : found;
}

/* A plan that is known for them has the list. Before the first that is computed there is nothing to be found. */
unsigned tgi_look_back(const tg_tape *tape, uint32_t start, uint32_t end, const tgi_plan *known) {
    unsigned found = 0;
    if (start <= tape->leading && !tape->part_count) return 0;
    for (uint32_t k = 0; known && k < known->frame.outside_count; k++)
        found |= look_at(tape, known->frame.outside[k]);
    for (uint32_t i = start; i < end && !known; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        for (uint32_t j = 0; j < node->count; j++)
            if (node->in[j] < start) found |= look_at(tape, node->in[j]);
    }
    return found;
}

/* ---- what has become of leaves ----------------------------------------------------------------------------------- */

/* The last assign to the leaf that has run, or TGI_NONE. */
static uint32_t last_assign_done(const tg_tape *tape, const tgi_leaf *leaf) {
    uint32_t assign = leaf->last_assign;
    for (; assign != TGI_NONE; assign = tgi_previous_assign(tgi_node_at(tape, assign))) {
        const tgi_node *node = tgi_node_at(tape, assign);
        if (assign < tape->done && !node->part && !tgi_changes_nothing(node)) break;
    }
    return assign;
}

/* Whether an assign has overwritten the operand since instruction i ran. */
static bool is_overwritten_since(const tg_tape *tape, uint32_t operand, uint32_t i) {
    const tgi_node *node = tgi_node_at(tape, operand);
    const tgi_leaf *leaf = tgi_leaf_of(node);
    if (!leaf) return tgi_is_overwritten(node);
    uint32_t assign = last_assign_done(tape, leaf);
    return assign != TGI_NONE && assign >= i;
}

/* ---- which values are wanted again ------------------------------------------------------------------------------- */

/* What is looked at: the operands of the instructions from `start` on, and what these were computed from, until a value is met that was
 * seen to be right since the last write. */
typedef struct search {
    tg_tape  *tape;
    uint32_t  start, end;
    tgi_marks reached, stale, wanted;
    uint64_t *newest; /* the last write under each one that was reached */
} search;

static tg_status begin_search(search *s, tg_tape *tape, uint32_t start, uint32_t end) {
    size_t    words = tgi_words_of_marks(0, start);
    uint64_t *marks = tgi_pool_take(&tape->pool, 3 * words * sizeof *marks);
    *s = (search){.tape = tape, .start = start, .end = end, .reached = {marks, 0, start}};
    s->newest = tgi_pool_take(&tape->pool, start * sizeof *s->newest);
    if (!marks || !s->newest) return tgi_out_of_memory(tape, "run");
    memset(marks, 0, 3 * words * sizeof *marks);
    s->stale = (tgi_marks){marks + words, 0, start};
    s->wanted = (tgi_marks){marks + 2 * words, 0, start};
    return TG_OK;
}

static void end_search(search *s) {
    tgi_pool_give(&s->tape->pool, s->reached.word);
    tgi_pool_give(&s->tape->pool, s->newest);
}

static void reach_operands(search *s, const tgi_node *node) {
    for (uint32_t j = 0; j < node->count; j++)
        if (node->in[j] < s->start && is_computed_outside(s->tape, node->in[j])) tgi_mark(&s->reached, node->in[j]);
}

static void mark_reached(search *s) {
    for (uint32_t i = s->start; i < s->end; i++)
        reach_operands(s, tgi_node_at(s->tape, i));
    for (uint32_t i = s->start; (i = tgi_marked_before(&s->reached, i)) != TGI_NONE;) {
        const tgi_node *node = tgi_node_at(s->tape, i);
        if (!is_known_to_be_right(s->tape, node)) reach_operands(s, node);
    }
}

/* The last write under an instruction that was reached; of one that is right that is in its version. */
static uint64_t last_write_under(const search *s, const tgi_node *node) {
    uint64_t last = 0;
    if (is_known_to_be_right(s->tape, node)) return node->version;
    for (uint32_t j = 0; j < node->count; j++) {
        const tgi_leaf *leaf = tgi_leaf_of(tgi_node_at(s->tape, node->in[j]));
        uint64_t        under = leaf ? leaf->written : is_computed_outside(s->tape, node->in[j]) ? s->newest[node->in[j]] : 0;
        if (under > last) last = under;
    }
    return last;
}

/* Marks what was computed before a leaf under it was written. What has no value, and may never have been in memory, only passes on what
 * is under it. */
static void mark_stale(search *s) {
    for (uint32_t i = 0; (i = tgi_marked_from(&s->reached, i)) != TGI_NONE; i++) {
        tgi_node *node = tgi_node_at(s->tape, i);
        s->newest[i] = last_write_under(s, node);
        if (!s->tape->written || !(tgi_is_resident(node) || tgi_is_overwritten(node))) continue;
        if (s->newest[i] > node->version)
            tgi_mark(&s->stale, i);
        else
            node->checked = s->tape->clock;
    }
}

static void want_operands(search *s, const tgi_node *node) {
    for (uint32_t j = 0; j < node->count; j++) {
        uint32_t operand = node->in[j];
        if (operand >= s->start || !is_computed_outside(s->tape, operand)) continue;
        if (tgi_is_marked(&s->stale, operand) || !tgi_is_resident(tgi_node_at(s->tape, operand))) tgi_mark(&s->wanted, operand);
    }
}

static void mark_wanted(search *s) {
    for (uint32_t i = s->start; i < s->end; i++)
        want_operands(s, tgi_node_at(s->tape, i));
    for (uint32_t i = s->start; (i = tgi_marked_before(&s->wanted, i)) != TGI_NONE;)
        want_operands(s, tgi_node_at(s->tape, i));
}

/* ---- computing them ---------------------------------------------------------------------------------------------- */

static tg_status fail_stale(tg_tape *tape, const tgi_node *node, const tgi_node *operand) {
    const tgi_leaf *leaf = tgi_leaf_of(operand);
    tape->file = node->file;
    tape->line = node->line;
    return tgi_fail(tape, TG_ERR_VALUE, node->op->name,
                    "its value is needed again, as a leaf under it was written since it was computed; but '%s' has been "
                    "overwritten by an assign, too: call tg_run, which computes all anew",
                    leaf && leaf->name ? leaf->name : operand->op->name);
}

/* The last write that has gone into what the instruction reads. */
static uint64_t version_of_operands(const tg_tape *tape, const tgi_node *node) {
    uint64_t version = 0;
    for (uint32_t j = 0; j < node->count; j++) {
        const tgi_node *operand = tgi_node_at(tape, node->in[j]);
        const tgi_leaf *leaf = tgi_leaf_of(operand);
        uint64_t        of_operand = leaf ? leaf->written : is_computed_outside(tape, node->in[j]) ? operand->version : 0;
        if (of_operand > version) version = of_operand;
    }
    return version;
}

static tg_status recompute(tg_tape *tape, uint32_t i, bool stale) {
    tgi_node *node = tgi_node_at(tape, i);
    if (tgi_is_retained(node) && !stale) return tgi_restore_view(tape, node);
    for (uint32_t j = 0; j < node->count; j++) {
        if (!is_overwritten_since(tape, node->in[j], i)) continue;
        if (tgi_is_resident(node) || tgi_is_retained(node)) return fail_stale(tape, node, tgi_node_at(tape, node->in[j]));
        tgi_set_overwritten(node);
        return TG_OK;
    }
    if (tgi_run_instruction(tape, i)) return tape->status;
    node->version = version_of_operands(tape, node);
    node->checked = tape->clock;
    return TG_OK;
}

tg_status tgi_recompute(tg_tape *tape, uint32_t start, uint32_t end) {
    search s;
    if (!begin_search(&s, tape, start, end)) {
        mark_reached(&s);
        mark_stale(&s);
        mark_wanted(&s);
        for (uint32_t i = 0; (i = tgi_marked_from(&s.wanted, i)) != TGI_NONE && !tape->status; i++)
            recompute(tape, i, tgi_is_marked(&s.stale, i));
    }
    end_search(&s);
    return tape->status;
}
