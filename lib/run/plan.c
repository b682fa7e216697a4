/* run/plan.c: makes the plan for a segment of the tape: the list of its passes.
 *
 * Each pass is a file whose head says what it takes, what it gives, and what holds after it.
 *
 * SPDX-License-Identifier: MIT */
#include "run/plan.h"

#include <string.h>

#include "run/plan_builder.h"

static tg_status run_passes(tgi_plan_builder *b) {
    tg_status status = tgi_find_liveness(b);    /* what must be computed, and what must last */
    if (!status) status = tgi_resolve_views(b); /* where each operand's elements are */
    if (status || b->plan->sequential) return status;
    status = tgi_prepare_copies(b);              /* what may be computed again instead of being kept */
    if (!status) status = tgi_fuse(b);           /* which instructions are run together */
    if (!status) status = tgi_choose_targets(b); /* what is made in the memory of another */
    if (!status) status = tgi_tile(b);           /* tiles, registers, the fused ops */
    if (!status) status = tgi_allocate(b);       /* where each value is in the block */
    if (!status) status = tgi_list_bindings(b);  /* what a run has to give memory */
    return status;
}

static tg_status copy_frame(tgi_plan_builder *b, const tgi_frame *frame) {
    tgi_plan *plan = b->plan;
    plan->frame = *frame;
    plan->frame.outside = tgi_plan_take(b, frame->outside_count, sizeof *frame->outside);
    plan->bases = tgi_plan_take(b, frame->outside_count, sizeof *plan->bases);
    plan->known_for = tgi_plan_take(b, 1, sizeof *plan->known_for);
    if (!plan->frame.outside || !plan->bases || !plan->known_for) return TG_ERR_MEMORY;
    *plan->known_for = (tgi_known_for){TGI_NONE, NULL, 0, TGI_UNKNOWN};
    if (frame->outside_count) memcpy(plan->frame.outside, frame->outside, frame->outside_count * sizeof *frame->outside);
    return TG_OK;
}

tgi_plan *tgi_make_plan(tg_tape *tape, const tgi_frame *frame, uint32_t end, uint32_t limit) {
    tgi_plan        *plan = tgi_memory_take(&tape->memory, sizeof *plan);
    tgi_plan_builder b = {.tape = tape, .plan = plan, .start = frame->start, .count = end - frame->start, .limit = limit};
    tape->plans.made++;
    b.arena.memory = &tape->memory;
    if (plan)
        *plan = (tgi_plan){.arena.memory = &tape->memory, .count = b.count};
    else
        tgi_out_of_memory(tape, "run");
    if (plan && !copy_frame(&b, frame)) run_passes(&b);
    tgi_arena_free(&b.arena);
    if (!tape->status) return plan;
    tgi_free_plan(tape, plan);
    return NULL;
}

void tgi_free_plan(tg_tape *tape, tgi_plan *plan) {
    if (!plan) return;
    tgi_arena_free(&plan->arena);
    tgi_memory_give(&tape->memory, plan, sizeof *plan);
}

/* ---- what the passes share --------------------------------------------------------------------------------------- */

static void *take(tgi_plan_builder *b, tgi_arena *arena, size_t count, size_t size) {
    size_t bytes;
    void  *items = __builtin_mul_overflow(count, size, &bytes) ? NULL : tgi_arena_take(arena, bytes);
    if (!items) tgi_out_of_memory(b->tape, "run");
    return items;
}

void *tgi_builder_take(tgi_plan_builder *b, size_t count, size_t size) {
    return take(b, &b->arena, count, size);
}

void *tgi_plan_take(tgi_plan_builder *b, size_t count, size_t size) {
    return take(b, &b->plan->arena, count, size);
}

void tgi_begin_leaf_access(tgi_plan_builder *b) {
    b->pass = ++b->tape->plans.passes;
}

tgi_leaf_access *tgi_access_of_leaf(const tgi_plan_builder *b, tgi_leaf *leaf) {
    if (leaf->access.pass != b->pass) leaf->access = (tgi_leaf_access){b->pass, TGI_NONE, TGI_NONE, TGI_NONE, TGI_NONE, 0};
    return &leaf->access;
}

tgi_leaf *tgi_variable_leaf(const tgi_node *node) {
    tgi_leaf *leaf = tgi_leaf_of(node);
    return leaf && leaf->variable ? leaf : NULL;
}

tgi_access tgi_access_to(int rank, const int64_t *dims, const int64_t *strides, int lead) {
    bool    scalar = true, contiguous = true, per_row = true, row_broadcast = true;
    int64_t next = 1, next_row = 1; /* the strides of a contiguous array; and of one with an element a row */
    for (int i = rank - 1; i >= 0; i--) {
        if (dims[i] == 1) continue;
        scalar &= strides[i] == 0;
        contiguous &= strides[i] == next;
        per_row &= strides[i] == (i < lead ? next_row : 0);
        row_broadcast &= strides[i] == (i < lead ? 0 : next);
        next *= dims[i];
        if (i < lead) next_row *= dims[i];
    }
    if (scalar) return TGI_SCALAR;
    if (contiguous) return TGI_CONTIGUOUS;
    return per_row ? TGI_PER_ROW : row_broadcast ? TGI_ROW_BROADCAST : TGI_STRIDED;
}
