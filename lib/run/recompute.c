/* run/recompute.c: values that an instruction needs and are not, or are no longer, what they should be.
 *
 * What nobody keeps is not resident any more after its pass. An instruction recorded later may still need it: then it is computed
 * again, from what it was computed from. So is a value that was computed before a leaf under it was written from outside (tg_write, a
 * part that ran), so that no run mixes old values with the new leaf. What an assign of the same part has overwritten since cannot be
 * computed again.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/residency.h"
#include "run/aliases.h"
#include "run/plan.h"
#include "run/run.h"

/* Whether instruction j must have been computed outside of the segment's part: else it is a leaf, or its part's own affair. */
static bool is_computed_outside(const tg_tape *tape, uint32_t j) {
    const tgi_node *node = tgi_node_at(tape, j);
    return node->op->infer && !node->part;
}

static bool is_absent(const tgi_node *node) {
    return !tgi_is_resident(node) && (!tgi_is_overwritten(node) || tgi_is_retained(node));
}

/* ---- what instructions start .. end - 1 read of what has run ----------------------------------------------------- */

typedef bool test(const tg_tape *tape, uint32_t operand);

/* A plan that is known for them has the list. */
static bool reads(const tg_tape *tape, uint32_t start, uint32_t end, const tgi_plan *known, test *is_so) {
    for (uint32_t k = 0; known && k < known->frame.outside_count; k++)
        if (is_so(tape, known->frame.outside[k])) return true;
    for (uint32_t i = start; i < end && start > 0 && !known; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        for (uint32_t j = 0; j < node->count; j++)
            if (node->in[j] < start && is_so(tape, node->in[j])) return true;
    }
    return false;
}

static bool is_overwritten(const tg_tape *tape, uint32_t operand) {
    return tgi_is_overwritten(tgi_node_at(tape, operand));
}

static bool is_absent_or_may_be_stale(const tg_tape *tape, uint32_t operand) {
    return is_computed_outside(tape, operand) && (tape->written || is_absent(tgi_node_at(tape, operand)));
}

bool tgi_reads_overwritten(const tg_tape *tape, uint32_t start, uint32_t end, const tgi_plan *known) {
    return reads(tape, start, end, known, is_overwritten);
}

bool tgi_may_recompute(const tg_tape *tape, uint32_t start, uint32_t end, const tgi_plan *known) {
    return reads(tape, start, end, known, is_absent_or_may_be_stale);
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

enum { STALE = 1, WANTED = 2 };

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

/* Marks what was computed before a leaf under it was written: *newest is room for the last write under each instruction. What has no
 * value, and may never have been in memory, only passes on what is under it. */
static void mark_stale(const tg_tape *tape, uint32_t end, uint64_t *newest, uint8_t *marks) {
    for (uint32_t i = 0; i < end; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        const tgi_leaf *leaf = tgi_leaf_of(node);
        newest[i] = leaf ? leaf->written : 0;
        if (!is_computed_outside(tape, i)) continue;
        for (uint32_t j = 0; j < node->count; j++)
            if (newest[node->in[j]] > newest[i]) newest[i] = newest[node->in[j]];
        if (newest[i] > node->version && (tgi_is_resident(node) || tgi_is_overwritten(node))) marks[i] |= STALE;
    }
}

static void mark_wanted(const tg_tape *tape, uint32_t start, uint32_t end, uint8_t *marks) {
    for (uint32_t i = end; i-- > 0;) {
        const tgi_node *node = tgi_node_at(tape, i);
        if (i < start && !(marks[i] & WANTED)) continue;
        for (uint32_t j = 0; j < node->count; j++) {
            uint32_t operand = node->in[j];
            if (operand >= start || !is_computed_outside(tape, operand)) continue;
            if (marks[operand] & STALE || is_absent(tgi_node_at(tape, operand))) marks[operand] |= WANTED;
        }
    }
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
    return TG_OK;
}

tg_status tgi_recompute(tg_tape *tape, uint32_t start, uint32_t end, const tgi_plan *known) {
    if (!tgi_may_recompute(tape, start, end, known)) return TG_OK;
    uint8_t  *marks = tgi_pool_take(&tape->pool, start);
    uint64_t *newest = tape->written ? tgi_pool_take(&tape->pool, start * sizeof *newest) : NULL;
    if (marks && (newest || !tape->written)) {
        memset(marks, 0, start);
        if (newest) mark_stale(tape, start, newest, marks);
        mark_wanted(tape, start, end, marks);
        for (uint32_t i = 0; i < start && !tape->status; i++)
            if (marks[i] & WANTED) recompute(tape, i, marks[i] & STALE);
    } else
        tgi_out_of_memory(tape, "run");
    tgi_pool_give(&tape->pool, marks);
    tgi_pool_give(&tape->pool, newest);
    return tape->status;
}
