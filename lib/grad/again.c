/* grad/again.c: running again just what lies between some inputs and some results.
 *
 * SPDX-License-Identifier: MIT */
#include "grad/again.h"

#include <string.h>

#include "core/residency.h"
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
static void list_needed(tgi_again *again, uint32_t end, int m, const tg_tensor *results, const uint8_t *depends,
                        uint8_t *needed) {
    memset(needed, 0, end);
    for (int i = 0; i < m; i++)
        needed[tgi_index(results[i])] = 1;
    uint32_t first = end;
    for (uint32_t i = end; i-- > 0;) {
        const tgi_node *node = tgi_node_at(again->tape, i);
        if (!needed[i] || !depends[i] || !node->op->infer) continue;
        again->list[--first] = i;
        for (uint32_t j = 0; j < node->count; j++)
            needed[node->in[j]] = 1;
    }
    again->count = end - first;
    memmove(again->list, again->list + first, again->count * sizeof *again->list);
}

/* Running it again gives the same for the same inputs. */
static tg_status check_repeatable(const tgi_again *again, const char *what) {
    for (uint32_t k = 0; k < again->count; k++) {
        const tgi_node *node = tgi_node_at(again->tape, again->list[k]);
        if (node->op->random)
            return tgi_fail(again->tape, TG_ERR_GRADIENT, what, "y depends on the inputs by way of %s, which is random",
                            node->op->name);
        for (uint32_t j = 0; j < node->count; j++) {
            const tgi_leaf *leaf = tgi_leaf_of(tgi_node_at(again->tape, node->in[j]));
            if (leaf && leaf->last_assign != TGI_NONE)
                return tgi_fail(again->tape, TG_ERR_GRADIENT, what, "y depends on '%s', which the tape assigns",
                                leaf->name ? leaf->name : "");
        }
    }
    return TG_OK;
}

tg_status tgi_find_again(tgi_again *again, tg_tape *tape, int n, const tg_tensor *inputs, int m, const tg_tensor *results,
                         const char *what) {
    uint32_t end = end_of(m, results);
    uint8_t *marks = tgi_pool_take(&tape->pool, 2 * (size_t)end);
    *again = (tgi_again){.tape = tape, .list = tgi_pool_take(&tape->pool, (size_t)end * sizeof *again->list)};
    if (marks && again->list) {
        mark_dependents(tape, end, n, inputs, marks);
        list_needed(again, end, m, results, marks, marks + end);
        if (!check_repeatable(again, what)) tgi_run_again(again);
    } else
        tgi_out_of_memory(tape, what);
    tgi_pool_give(&tape->pool, marks);
    return tape->status;
}

tg_status tgi_run_again(const tgi_again *again) {
    for (uint32_t k = 0; k < again->count; k++)
        if (tgi_run_instruction(again->tape, again->list[k])) return again->tape->status;
    return TG_OK;
}

void tgi_end_again(tgi_again *again) {
    if (again->tape) tgi_pool_give(&again->tape->pool, again->list);
    *again = (tgi_again){0};
}
