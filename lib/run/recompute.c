/* run/recompute.c: values that are absent after their run.
 *
 * What nobody keeps is not resident any more after its pass. An instruction recorded later may still need it: then it is computed
 * again, from what it was computed from; or it counts as overwritten when it depends on a leaf that was overwritten since.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/residency.h"
#include "run/run.h"

static bool is_absent(const tgi_node *node) {
    return node->op->infer && !tgi_is_resident(node) && !tgi_is_overwritten(node);
}

/* Whether instructions start .. end - 1 read, of what has run, something that is so. */
static bool reads(const tg_tape *tape, uint32_t start, uint32_t end, bool (*what)(const tgi_node *)) {
    for (uint32_t i = start; i < end && start > 0; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        for (uint32_t j = 0; j < node->count; j++)
            if (node->in[j] < start && what(tgi_node_at(tape, node->in[j]))) return true;
    }
    return false;
}

static bool is_overwritten(const tgi_node *node) {
    return tgi_is_overwritten(node);
}

bool tgi_reads_overwritten(const tg_tape *tape, uint32_t start, uint32_t end) {
    return reads(tape, start, end, is_overwritten);
}

/* The last assign to the leaf that has run, or TGI_NONE. */
static uint32_t last_assign_done(const tg_tape *tape, const tgi_leaf *leaf) {
    uint32_t assign = leaf->last_assign;
    while (assign != TGI_NONE && assign >= tape->done)
        assign = tgi_previous_assign(tgi_node_at(tape, assign));
    return assign;
}

/* Whether the operand is still what it was when instruction i ran. */
static bool is_unchanged(const tg_tape *tape, uint32_t i, const tgi_node *operand) {
    const tgi_leaf *leaf = tgi_leaf_of(operand);
    if (!leaf) return !tgi_is_overwritten(operand);
    uint32_t assign = last_assign_done(tape, leaf);
    bool     written = leaf->written > i && leaf->pass == tape->pass && leaf->generation >= tgi_node_at(tape, i)->generation;
    return (assign == TGI_NONE || assign < i) && !written;
}

static tg_status recompute(tg_tape *tape, uint32_t i) {
    tgi_node *node = tgi_node_at(tape, i);
    for (uint32_t j = 0; j < node->count; j++)
        if (!is_unchanged(tape, i, tgi_node_at(tape, node->in[j]))) {
            tgi_set_overwritten(node);
            return TG_OK;
        }
    return tgi_run_instruction(tape, i);
}

tg_status tgi_recompute(tg_tape *tape, uint32_t start, uint32_t end) {
    if (!reads(tape, start, end, is_absent)) return TG_OK;
    uint8_t *wanted = tgi_pool_take(&tape->pool, end);
    if (!wanted) return tgi_out_of_memory(tape, "run");
    memset(wanted, 0, start);
    memset(wanted + start, 1, end - start);
    for (uint32_t i = end; i-- > 0;) {
        const tgi_node *node = tgi_node_at(tape, i);
        for (uint32_t j = 0; j < node->count && wanted[i]; j++)
            if (node->in[j] < start && is_absent(tgi_node_at(tape, node->in[j]))) wanted[node->in[j]] = 1;
    }
    for (uint32_t i = 0; i < start && !tape->status; i++)
        if (wanted[i]) recompute(tape, i);
    tgi_pool_give(&tape->pool, wanted);
    return tape->status;
}
