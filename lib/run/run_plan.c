/* run/run_plan.c: runs a plan.
 *
 * First every value is bound: to memory of its own when it lasts, else to a part of the block, which is taken from the pool for
 * this run. Then the units run. All memory that the groups need is there before the first unit, so that only a kernel can fail, or
 * the run be cancelled; what was recorded before has then run, and what later instructions still want of that stays in the block,
 * which is stranded until they have run.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/residency.h"
#include "core/tape_part.h"
#include "run/aliases.h"
#include "run/kernel_call.h"
#include "run/plan.h"
#include "run/run.h"

enum { LINE = 64 };

/* ---- stranded blocks --------------------------------------------------------------------------------------------- */

/* Stands at the head of a block. */
struct tgi_stranded {
    tgi_stranded *next;
    uint32_t      start; /* the first instruction whose value may be in it */
    size_t        bytes;
};

_Static_assert(sizeof(tgi_stranded) <= LINE, "the head of a block is one line");

/* Those that are to be read stay, unless all are to go. Returns whether there are any. */
static bool forget_values(tg_tape *tape, const tgi_stranded *block, bool all) {
    uintptr_t first = (uintptr_t)block, end = first + block->bytes;
    bool      some_stay = false;
    for (uint32_t i = block->start; i < tape->count; i++) { /* views that were recorded since are there, too */
        tgi_node *node = tgi_node_at(tape, i);
        if ((uintptr_t)node->data < first || (uintptr_t)node->data >= end) continue;
        some_stay |= !all && tgi_is_readable(node);
        if (!all && tgi_is_readable(node)) continue;
        tgi_set_absent(node);
        node->data = NULL;
        tape->moves++;
    }
    return some_stay;
}

void tgi_free_stranded(tg_tape *tape, bool all) {
    for (tgi_stranded **link = &tape->stranded; *link;) {
        tgi_stranded *block = *link;
        if (forget_values(tape, block, all)) {
            link = &block->next;
            continue;
        }
        *link = block->next;
        tgi_pool_give(&tape->pool, block);
    }
}

static void strand(tg_tape *tape, tgi_stranded *block, const tgi_plan *plan) {
    uint32_t start = plan->frame.start;
    *block = (tgi_stranded){.next = tape->stranded, .start = start, .bytes = LINE + plan->block_bytes};
    tape->stranded = block;
    tgi_slot_for(tape, start)->bound = NULL;
    plan->known_for->addresses = TGI_UNKNOWN; /* they are written down as far as it came */
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

/* After a failure a view of a leaf may be wanted after all: false where it is, and there is no memory to note that. */
static bool can_stay(tg_tape *tape, const tgi_binding *b, uint32_t index) {
    const tgi_node *node = tgi_node_at(tape, index);
    return b->allocation != TGI_IN_BASE || node->view->base == TGI_NONE || !tgi_note_alias(tape, index);
}

/* What has run until `done` is resident when it lasts, or when unit k, which failed, or a later one reads it: its memory is still its
 * own. All else is absent; where nothing failed, it has been so before. */
static void mark_resident(tg_tape *tape, const tgi_plan *plan, uint32_t k) {
    uint32_t start = plan->frame.start;
    bool     failed = tape->done < start + plan->count;
    for (uint32_t i = 0; i < plan->binding_count; i++) {
        const tgi_binding *b = &plan->bindings[i];
        tgi_node          *node = tgi_node_at(tape, start + b->node);
        if (start + b->node < tape->done && b->last_unit >= k && !tgi_is_overwritten(node) &&
            (!failed || can_stay(tape, b, start + b->node)))
            tgi_set_resident(tape, node);
        else if (failed && !tgi_is_overwritten(node))
            tgi_set_absent(node);
    }
}

/* There is memory for that. */
static void copy_views(tg_tape *tape, const tgi_plan *plan) {
    for (uint32_t k = 0; k < plan->binding_count && plan->copies_views; k++) {
        tgi_node *node = tgi_node_of(tape, &plan->frame, plan->bindings[k].node);
        if (plan->bindings[k].allocation != TGI_IN_BASE_FIRST || !tgi_is_resident(node) || node->view->base == TGI_NONE)
            continue;
        tg_array array = tgi_array_of(node);
        (void)tgi_copy_view(tape, node, &array);
    }
}

/* The last assign of the group, or one before it. */
static int64_t last_assign(const tgi_group *g, int64_t before) {
    for (uint32_t i = 0; g->assigns && i < g->op_count; i++)
        if (g->ops[i].kind == TGI_FUSED_ASSIGN && g->ops[i].node > before) before = g->ops[i].node;
    return before;
}

/* What moved since all was bound, a leaf before its assign, is not where it was. */
static tgi_addresses addresses_now(const tg_tape *tape, const tgi_plan *plan) {
    tgi_known_for *known = plan->known_for;
    if (known->moves != tape->moves) known->addresses = TGI_UNKNOWN;
    return known->addresses;
}

/* Arrays that will be known are described on the way. */
static tg_status run_kernel(tg_tape *tape, const tgi_plan *plan, const tgi_unit *unit) {
    uint32_t      index = plan->frame.start + unit->node;
    tgi_addresses addresses = unit->arrays ? addresses_now(tape, plan) : TGI_UNKNOWN;
    if (addresses == TGI_KNOWN_SOON) tgi_describe_call(tape, tgi_node_at(tape, index), unit->arrays);
    return tgi_run_kernel(tape, index, addresses == TGI_KNOWN ? unit->arrays : NULL);
}

/* *k becomes the first unit whose operands are still there: the one that failed, the one after a group that was left in the middle,
 * or the number of units. A run can be stopped before a unit unless an assign that stands after it on the tape is already done. */
static tg_status run_units(tg_tape *tape, const tgi_plan *plan, char *block, uint32_t *k) {
    uint32_t start = plan->frame.start;
    char    *scratch = block + plan->block_bytes;
    int64_t  assigned = -1;
    for (*k = 0; *k < plan->unit_count; ++*k) {
        const tgi_unit *unit = &plan->units[*k];
        const bool      stoppable = unit->node > assigned;
        tape->done = start + unit->node;
        tgi_report_progress(tape);
        if (stoppable && tgi_is_cancelled(tape)) return tgi_stop_run(tape, tape->done);
        tgi_bind_again(tape, unit, &plan->frame, block);
        if (!unit->group) {
            if (run_kernel(tape, plan, unit)) return tape->status;
            continue;
        }
        if (tgi_run_group(tape, unit->group, &plan->frame, scratch, stoppable && !unit->group->assigns,
                          addresses_now(tape, plan))) {
            *k += tape->status == TG_ERR_CANCELLED;
            return tape->status;
        }
        assigned = last_assign(unit->group, assigned);
    }
    (void)addresses_now(tape, plan);
    tape->done = start + plan->count;
    return TG_OK;
}

/* Memory for the registers and the partial results of the group that takes most. */
static size_t scratch_of(tg_tape *tape, const tgi_plan *plan) {
    size_t most = plan->scratch_bytes;
    int    threads = plan->uses_threads ? tgi_team_size(&tape->team) : 1;
    for (uint32_t k = 0; k < plan->unit_count && threads > 1; k++) {
        const tgi_group *g = plan->units[k].group;
        if (!g) continue;
        size_t bytes = g->partial_bytes + (size_t)tgi_threads_for(g, threads) * g->registers * g->register_bytes;
        if (bytes > most) most = bytes;
    }
    return most;
}

tg_status tgi_run_plan(tg_tape *tape, const tgi_plan *plan) {
    uint32_t start = plan->frame.start;
    char    *block = tgi_pool_take(&tape->pool, LINE + plan->block_bytes + scratch_of(tape, plan));
    if (!block) return tgi_out_of_memory(tape, "run");
    if (tgi_bind_values(tape, plan, block + LINE)) {
        tgi_forget_aliases(tape, start, tgi_node_at(tape, start)->part);
        tgi_pool_give(&tape->pool, block);
        return tape->status;
    }
    uint32_t  k;
    tg_status status = run_units(tape, plan, block + LINE, &k);
    mark_resident(tape, plan, k);
    copy_views(tape, plan);
    if (status) tgi_forget_aliases(tape, tape->done, tgi_node_at(tape, start)->part);
    if (status)
        strand(tape, (tgi_stranded *)block, plan);
    else
        tgi_pool_give(&tape->pool, block);
    return status;
}
