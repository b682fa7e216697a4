/* run/run_sequential.c: one instruction at a time, each into memory of its own.
 *
 * The simplest way to run a tape, and the one that all others must agree with.
 *
 * SPDX-License-Identifier: MIT */
#include "run/run.h"

#include "core/residency.h"
#include "core/tape_part.h"
#include "kernels/copy.h"
#include "run/aliases.h"
#include "run/classify.h"
#include "run/kernel_call.h"
#include "run/profile.h"

/* ---- one instruction --------------------------------------------------------------------------------------------- */

static tg_status run_view(tg_tape *tape, uint32_t index, tgi_node *node);
static tg_status run_assign(tg_tape *tape, uint32_t index, const tgi_node *node);
static tg_status run_kernel(tg_tape *tape, uint32_t index, const tgi_node *node);

static tg_status check_operands(tg_tape *tape, const tgi_node *node) {
    for (uint32_t i = 0; i < node->count; i++) {
        const tgi_node *operand = tgi_node_at(tape, node->in[i]);
        if (tgi_is_overwritten(operand))
            return tgi_fail(tape, TG_ERR_VALUE, node->op->name,
                            "operand %u (%s at %s:%u) was overwritten by an assign before it was needed: tg_keep it",
                            (unsigned)i + 1, operand->op->name, operand->file ? operand->file : "?", (unsigned)operand->line);
    }
    return TG_OK;
}

static tg_status compute(tg_tape *tape, uint32_t index, tgi_node *node) {
    tg_loop *loop = tgi_node_loop(tape, node);
    if (node->op->effect && !node->op->kernel) return run_assign(tape, index, node);
    if (node->op->view) return run_view(tape, index, node);
    if (!node->op->effect && tgi_allocate_value(tape, node)) return TG_ERR_MEMORY;
    return loop ? tgi_run_loop(tape, node, loop) : run_kernel(tape, index, node);
}

tg_status tgi_run_instruction(tg_tape *tape, uint32_t index) {
    tgi_node *node = tgi_node_at(tape, index);
    if (!node->op->infer || tgi_is_dropped(node)) return TG_OK; /* a leaf, or one that nobody reads */
    if (tgi_is_cancelled(tape)) return tgi_stop_run(tape, index);
    tape->file = node->file;
    tape->line = node->line;
    tgi_slot_for(tape, index)->bound = NULL;
    if (index >= tape->touched) tape->touched = index + 1;
    tgi_set_absent(node);
    tgi_release_old_value(tape, node);
    if (check_operands(tape, node)) return tape->status;

    tgi_timing timing = tgi_begin_timing(tape, node);
    tg_status  status = compute(tape, index, node);
    tgi_end_timing(timing);
    if (!status && tape->anomaly) status = tgi_check_finite(tape, node);
    if (!status) tgi_set_resident(tape, node);
    return status;
}

tg_status tgi_run_kernel(tg_tape *tape, uint32_t index, const tg_array *arrays) {
    const tgi_node *node = tgi_node_at(tape, index);
    tape->file = node->file;
    tape->line = node->line;
    if (!arrays && check_operands(tape, node)) return tape->status;
    tgi_timing timing = tgi_begin_timing(tape, node);
    if (arrays)
        tgi_call_kernel_on(tape, node, arrays + 1, arrays);
    else
        run_kernel(tape, index, node);
    tgi_end_timing(timing);
    return tape->status;
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

static uint32_t base_of(const tg_tape *tape, uint32_t index) {
    const tgi_node *node = tgi_node_at(tape, index);
    return node->view && node->view->base != TGI_NONE ? node->view->base : index;
}

static tg_status run_view(tg_tape *tape, uint32_t index, tgi_node *node) {
    tg_array        in = tgi_array_of(tgi_node_at(tape, node->in[0]));
    tg_array        out;
    tgi_view_answer answer = tgi_call_view(node, &in, &out);
    uint32_t        base = base_of(tape, node->in[0]);
    if (answer == TGI_VIEW_COPIES) return tgi_copy_view(tape, node, &in);
    if (answer == TGI_VIEW_WRONG)
        return tgi_fail(tape, TG_ERR_SHAPE, node->op->name, "the op's view shows what its operand has not");

    if (tgi_is_of_another_part(tgi_node_at(tape, base), node->part)) return tgi_copy_view(tape, node, &out);
    tape->moves++;
    node->data = out.data;
    node->view->base = base;
    tgi_copy_sizes(node->rank, out.strides, node->view->strides);
    return tgi_note_alias(tape, index);
}

/* ---- assigns ----------------------------------------------------------------------------------------------------- */

static tg_status run_assign(tg_tape *tape, uint32_t index, const tgi_node *node) {
    const tgi_node *leaf = tgi_node_at(tape, node->in[0]);
    const tgi_node *value = tgi_node_at(tape, node->in[1]);
    if (tgi_changes_nothing(node)) return TG_OK;
    if (tgi_detach_views(tape, node->in[0], index, node->part, false)) return tape->status;
    tg_array array = tgi_array_of(value);
    tgi_copy_array(&array, leaf->rank, leaf->dims, leaf->data);
    return TG_OK;
}

/* What overwrites a part of a leaf does so in the leaf's memory, which may just have become another. */
static tg_status run_kernel(tg_tape *tape, uint32_t index, const tgi_node *node) {
    if (!node->op->effect) return tgi_call_kernel(tape, node);
    const tgi_node *leaf = tgi_node_at(tape, node->in[0]);
    if (tgi_detach_views(tape, node->in[0], index, node->part, false)) return tape->status;
    const void *previous = tgi_leaf_of(leaf)->previous;
    if (previous != leaf->data) tgi_copy_bytes(leaf->data, previous, tgi_node_bytes(leaf));
    return tgi_call_kernel(tape, node);
}
