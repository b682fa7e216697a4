/* run/planned.c: runs a plan.
 *
 * First every value is given its place: memory of its own when it lasts, else a part of the block, which is taken from the pool for
 * this run. Then the items run. All memory that the groups need is there before the first item, so that only a kernel can fail;
 * what was recorded before it has then run, and what later instructions still want of that stays in the block, which is
 * stranded until they have run.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

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
        some_stay |= !all && node->flags & TGI_HELD;
        if (!all && node->flags & TGI_HELD) continue;
        node->flags &= (uint16_t) ~(TGI_THERE | TGI_HELD);
        node->data = NULL;
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

static void strand(tg_tape *tape, tgi_stranded *block, const tgi_plan *plan, uint32_t start) {
    *block = (tgi_stranded){.next = tape->stranded, .start = start, .bytes = LINE + plan->block_bytes};
    tape->stranded = block;
    tape->plans.bound = NULL;
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

static void release(tg_tape *tape, tgi_node *node) {
    if (node->flags & TGI_OWNED) tgi_pool_give(&tape->pool, node->data);
    node->flags &= (uint16_t)~TGI_OWNED;
    node->data = NULL;
}

static void bind_to_block(tgi_node *node, char *place) {
    node->data = tgi_node_bytes(node) <= sizeof node->small ? (char *)&node->small : place;
    if (!node->view) return;
    node->view->base = TGI_NONE;
    tgi_row_major(node->rank, node->dims, node->view->strides);
}

static tg_status bind_to_own(tg_tape *tape, tgi_node *node) {
    tgi_view *view = node->view;
    if (!view) return tgi_node_allocate(tape, node);
    if (!view->copy) view->copy = tgi_pool_take(&tape->pool, tgi_node_bytes(node));
    if (!view->copy) return tgi_out_of_memory(tape, node->op->name);
    node->data = view->copy;
    view->base = TGI_NONE;
    tgi_row_major(node->rank, node->dims, view->strides);
    return TG_OK;
}

static tg_status bind_to_base(tg_tape *tape, tgi_node *node, const tgi_bind *b, uint32_t start, uint32_t index) {
    const tgi_node *base = tgi_node_of(tape, start, b->base);
    char           *data = base->data;
    if (base->view && base->view->base != TGI_NONE) { /* a view that will have its copy by then */
        if (!base->view->copy) base->view->copy = tgi_pool_take(&tape->pool, tgi_node_bytes(base));
        if (!base->view->copy) return tgi_out_of_memory(tape, node->op->name);
        data = base->view->copy;
    }
    node->data = data + (int64_t)b->offset;
    node->view->base = b->base & TGI_OUTSIDE ? b->base & ~TGI_OUTSIDE : start + b->base;
    memcpy(node->view->strides, b->strides, node->rank * sizeof *b->strides);
    return tgi_note_alias(tape, index);
}

static void clear(tgi_node *node) {
    node->flags &= (uint16_t) ~(TGI_THERE | TGI_HELD | TGI_LOST);
}

/* Takes back the places of values that ran before, by another plan or plainly. */
static void unbind_values(tg_tape *tape, const tgi_plan *plan, uint32_t start) {
    uint32_t end = start + plan->count;
    if (tape->plans.bound == plan && start == tape->leading) return;
    for (uint32_t i = start; i < end && i < tape->touched; i++) {
        tgi_node *node = tgi_node_at(tape, i);
        if (!node->op->infer) continue;
        clear(node);
        release(tape, node);
    }
    if (end > tape->touched) tape->touched = end;
}

static tg_status bind_values(tg_tape *tape, const tgi_plan *plan, uint32_t start, char *block) {
    unbind_values(tape, plan, start);
    for (uint32_t k = 0; k < plan->bind_count && !tape->status; k++) {
        const tgi_bind *b = &plan->binds[k];
        tgi_node       *node = tgi_node_at(tape, start + b->node);
        clear(node);
        switch ((tgi_place)b->place) {
        case TGI_BLOCK: bind_to_block(node, block + b->offset); break;
        case TGI_LASTING: bind_to_own(tape, node); break;
        case TGI_SHOWN: bind_to_base(tape, node, b, start, start + b->node); break;
        }
    }
    tape->plans.bound = tape->status ? NULL : plan;
    return tape->status;
}

/* What has run until `done` is there when it lasts, or when item k, which failed, or a later one reads it: its place is still its own. */
static void mark_there(tg_tape *tape, const tgi_plan *plan, uint32_t start, uint32_t k) {
    for (uint32_t i = 0; i < plan->bind_count; i++) {
        const tgi_bind *b = &plan->binds[i];
        tgi_node       *node = tgi_node_at(tape, start + b->node);
        if (start + b->node < tape->done && b->last >= k && !(node->flags & TGI_LOST)) tgi_is_there(node);
    }
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

/* *k becomes the item that failed, or the number of items. */
static tg_status run_items(tg_tape *tape, const tgi_plan *plan, uint32_t start, char *scratch, uint32_t *k) {
    for (*k = 0; *k < plan->item_count; ++*k) {
        const tgi_item *item = &plan->items[*k];
        tape->done = start + item->node;
        tg_status status =
            item->group ? tgi_run_group(tape, item->group, start, scratch) : tgi_run_kernel(tape, start + item->node);
        if (status) return status;
    }
    tape->done = start + plan->count;
    return TG_OK;
}

/* Memory for the registers and the folds of the group that takes most. */
static size_t scratch_of(const tg_tape *tape, const tgi_plan *plan) {
    size_t most = 0;
    int    threads = tgi_thread_count(tape);
    for (uint32_t k = 0; k < plan->item_count; k++) {
        const tgi_group *g = plan->items[k].group;
        if (!g) continue;
        size_t bytes = g->partial_bytes + (size_t)tgi_threads_for(g, threads) * g->registers * g->register_bytes;
        if (bytes > most) most = bytes;
    }
    return most;
}

tg_status tgi_run_plan(tg_tape *tape, const tgi_plan *plan, uint32_t start) {
    char *block = tgi_pool_take(&tape->pool, LINE + plan->block_bytes + scratch_of(tape, plan));
    if (!block) return tgi_out_of_memory(tape, "run");
    if (bind_values(tape, plan, start, block + LINE) || tgi_prepare_aliases(tape)) {
        tgi_forget_aliases(tape, start);
        tgi_pool_give(&tape->pool, block);
        return tape->status;
    }
    uint32_t  k;
    tg_status status = run_items(tape, plan, start, block + LINE + plan->block_bytes, &k);
    mark_there(tape, plan, start, k);
    if (status) tgi_forget_aliases(tape, tape->done);
    if (status)
        strand(tape, (tgi_stranded *)block, plan, start);
    else
        tgi_pool_give(&tape->pool, block);
    return status;
}
