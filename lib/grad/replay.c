/* grad/replay.c: running once more only what lies between some inputs and some results.
 *
 * SPDX-License-Identifier: MIT */
#include "grad/replay.h"

#include <string.h>

#include "core/residency.h"
#include "run/aliases.h"
#include "run/run.h"

static uint32_t end_of(int m, const tg_tensor *results) {
    uint32_t end = 0;
    for (int i = 0; i < m; i++)
        if (tgi_index(results[i]) >= end) end = tgi_index(results[i]) + 1;
    return end;
}

/* Marks what depends on an input, or is not there. */
static void mark_dependents(const tg_tape *tape, uint32_t end, int n, const tg_tensor *inputs, uint8_t *depends) {
    memset(depends, 0, end);
    for (int j = 0; j < n; j++)
        if (tgi_index(inputs[j]) < end) depends[tgi_index(inputs[j])] = 1;
    for (uint32_t i = 0; i < end; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        if (node->op->infer && !tgi_is_resident(node)) depends[i] = 1;
        for (uint32_t j = 0; j < node->count && !depends[i]; j++)
            depends[i] = depends[node->in[j]];
    }
}

/* Lists those of them that a result depends on: from the end of the list, then moved to its start. */
static void list_needed(tgi_replay *r, uint32_t end, int m, const tg_tensor *results, const uint8_t *depends, uint8_t *needed) {
    memset(needed, 0, end);
    for (int i = 0; i < m; i++)
        needed[tgi_index(results[i])] = 1;
    uint32_t first = end;
    for (uint32_t i = end; i-- > 0;) {
        const tgi_node *node = tgi_node_at(r->tape, i);
        if (!needed[i] || !depends[i] || !node->op->infer) continue;
        r->list[--first] = i;
        for (uint32_t j = 0; j < node->count; j++)
            needed[node->in[j]] = 1;
    }
    r->count = end - first;
    memmove(r->list, r->list + first, r->count * sizeof *r->list);
}

/* Computing it anew gives the same for the same inputs. */
static tg_status check_repeatable(const tgi_replay *r, const char *what) {
    for (uint32_t k = 0; k < r->count; k++) {
        const tgi_node *node = tgi_node_at(r->tape, r->list[k]);
        if (node->op->random)
            return tgi_fail(r->tape, TG_ERR_GRADIENT, what, "y depends on the inputs by way of %s, which is random",
                            node->op->name);
        for (uint32_t j = 0; j < node->count; j++) {
            const tgi_leaf *leaf = tgi_leaf_of(tgi_node_at(r->tape, node->in[j]));
            if (leaf && tgi_last_assign_in(r->tape, leaf, node->part) != TGI_NONE)
                return tgi_fail(r->tape, TG_ERR_GRADIENT, what, "y depends on '%s', which the tape assigns",
                                leaf->name ? leaf->name : "");
        }
    }
    return TG_OK;
}

tg_status tgi_begin_replay(tgi_replay *r, tg_tape *tape, int n, const tg_tensor *inputs, int m, const tg_tensor *results,
                           const char *what) {
    uint32_t end = end_of(m, results);
    uint8_t *marks = tgi_pool_take(&tape->pool, 2 * (size_t)end);
    *r = (tgi_replay){.tape = tape, .list = tgi_pool_take(&tape->pool, (size_t)end * sizeof *r->list)};
    if (marks && r->list && !tgi_restore_views(tape, end)) {
        mark_dependents(tape, end, n, inputs, marks);
        list_needed(r, end, m, results, marks, marks + end);
        if (!check_repeatable(r, what)) tgi_run_replay(r);
    } else if (!tape->status)
        tgi_out_of_memory(tape, what);
    tgi_pool_give(&tape->pool, marks);
    return tape->status;
}

tg_status tgi_run_replay(const tgi_replay *r) {
    tgi_callback outer = tgi_enter_run(r->tape);
    for (uint32_t k = 0; k < r->count && !r->tape->status; k++)
        tgi_run_instruction(r->tape, r->list[k]);
    return tgi_leave(r->tape, outer);
}

void tgi_end_replay(tgi_replay *r) {
    if (r->tape) tgi_pool_give(&r->tape->pool, r->list);
    *r = (tgi_replay){0};
}
