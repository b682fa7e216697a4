/* run/run_code.c: runs a part by its compiled code.
 *
 * What the code gives is in a block that stays with it, so that in the steady state a run has to gather the addresses of leaves, and no
 * more. What it reads of values outside of the part has run before, as for any run of a part; a view among that is copied, as the code
 * reads arrays. Before leaves are overwritten, the views that show them are detached, all at once: the code has values of its own for those
 * of the part.
 *
 * SPDX-License-Identifier: MIT */

#include "core/residency.h"
#include "core/tape_part.h"
#include "kernels/copy.h"
#include "run/aliases.h"
#include "run/initial_value.h"
#include "run/plan.h"
#include "run/profile.h"
#include "run/run.h"

/* ---- whether it can be ------------------------------------------------------------------------------------------- */

/* Whether it gives all that lasts by now: a tg_keep, or an instruction recorded later, may want more of the part. */
static bool gives_what_lasts(tg_tape *tape, const tgi_part *part) {
    tgi_code *code = part->code;
    uint16_t  number = tgi_node_at(tape, part->start)->part;
    uint32_t  k = 0;
    if (code->keeps == tape->keeps && code->count == tape->count) return true;
    for (uint32_t i = part->start; i < part->end; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        bool            given = k < code->given_count && code->given[k].index == i;
        k += given;
        if (given || node->part != number || !node->op->infer || !node->has_value) continue;
        if (tgi_lasts(tape, i, part->end, tape->count)) return false;
    }
    code->keeps = tape->keeps;
    code->count = tape->count;
    return true;
}

static tg_status recompute(tg_tape *tape, const tgi_part *part) {
    tgi_callback outer = tgi_enter_run(tape);
    if (tgi_look_back(tape, part->start, part->end, NULL) & TGI_MAY_RECOMPUTE)
        (void)tgi_recompute(tape, part->start, part->end);
    return tgi_leave(tape, outer);
}

static bool is_there(const tgi_node *node) {
    return tgi_is_resident(node) && !tgi_is_overwritten(node);
}

bool tgi_can_run_code(tg_tape *tape, tgi_part *part) {
    if (!part->code) return false;
    if (!gives_what_lasts(tape, part)) tgi_free_code(tape, part);
    const tgi_code *code = part->code;
    if (!code || tape->anomaly || tape->eager) return false;
    if (code->computed_count && recompute(tape, part)) return false;
    for (uint32_t k = 0; k < code->computed_count; k++)
        if (!is_there(tgi_node_at(tape, code->computed[k]))) return false;
    return true;
}

/* ---- its values -------------------------------------------------------------------------------------------------- */

static void bind_to_code(tgi_node *node, char *memory) {
    node->data = memory;
    if (!node->view) return;
    node->view->base = TGI_NONE;
    tgi_row_major(node->rank, node->dims, node->view->strides);
}

/* Takes back the memory of values that were there otherwise. */
static void bind_values(tg_tape *tape, const tgi_part *part) {
    tgi_code *code = part->code;
    uint16_t  number = tgi_node_at(tape, part->start)->part;
    tgi_forget_aliases(tape, part->start, number);
    for (uint32_t i = part->start; i < part->end; i++) {
        tgi_node *node = tgi_node_at(tape, i);
        if (!node->op->infer || node->part != number) continue;
        tgi_set_absent(node);
        tgi_release_value(tape, node);
    }
    for (uint32_t k = 0; k < code->given_count; k++)
        bind_to_code(tgi_node_at(tape, code->given[k].index), code->block + code->given[k].offset);
    tgi_unbind_part(tape, part);
    if (part->end > tape->touched) tape->touched = part->end;
    code->is_bound = true;
    code->is_resident = false;
}

static void mark_values(tg_tape *tape, tgi_code *code, bool resident) {
    if (code->is_resident == resident) return;
    for (uint32_t k = 0; k < code->given_count; k++) {
        tgi_node *node = tgi_node_at(tape, code->given[k].index);
        if (resident)
            tgi_set_resident(tape, node);
        else
            tgi_set_absent(node);
    }
    code->is_resident = resident;
}

/* ---- what it reads ----------------------------------------------------------------------------------------------- */

static void copy_views(tg_tape *tape, const tgi_code *code) {
    for (uint32_t k = 0; k < code->computed_count; k++) {
        const tgi_node *node = tgi_node_at(tape, code->computed[k]);
        if (!node->view) continue;
        tg_array array = tgi_array_of(node);
        tgi_copy_array(&array, node->rank, node->dims, code->block + code->copy[k]);
    }
}

/* Leaves, and before them the values that were computed. */
static tg_status gather_addresses(tg_tape *tape, const tgi_code *code) {
    uint32_t computed = 0;
    for (uint32_t k = 0; k < code->read_count; k++) {
        tgi_node *node = tgi_node_at(tape, code->read[k]);
        if (tgi_is_dropped(node) && tgi_restore_value(tape, code->read[k])) return tape->status;
        bool is_computed = computed < code->computed_count && code->computed[computed] == code->read[k];
        code->address[k] = is_computed && node->view ? code->block + code->copy[computed] : node->data;
        computed += is_computed;
    }
    return TG_OK;
}

/* The views of leaves that it overwrites; a leaf may go to other memory by that. */
static tg_status detach_leaves(tg_tape *tape, const tgi_part *part) {
    const tgi_code *code = part->code;
    uint16_t        number = tgi_node_at(tape, part->start)->part;
    for (uint32_t k = 0; k < code->assigned_count; k++) {
        const tgi_node *leaf = tgi_node_at(tape, code->assigned[k]);
        if (tgi_detach_views(tape, code->assigned[k], part->start, number, false)) return tape->status;
        const void *previous = tgi_leaf_of(leaf)->previous;
        if (previous != leaf->data) tgi_copy_bytes(leaf->data, previous, tgi_node_bytes(leaf));
    }
    return TG_OK;
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static tg_status fail(tg_tape *tape, const tgi_code *code, int number) {
    const tgi_code_failure *failure = &code->failures[number - 1];
    const tgi_node         *node = tgi_node_at(tape, failure->index);
    tape->file = node->file;
    tape->line = node->line;
    return tgi_fail(tape, failure->status, tgi_node_name(node), "%s", failure->text);
}

static tg_status call(tg_tape *tape, const tgi_code *code) {
    tgi_mt19937    *generator = &tape->generator;
    tgi_code_random random = {generator->state, generator->next, {generator->has_normal, generator->next_normal}};
    int             failed = code->function(code->address, code->block, code->work, &random);
    if (code->draws) {
        generator->next = random.next;
        generator->has_normal = random.normal[0] != 0;
        generator->next_normal = random.normal[1];
        tgi_mt19937_temper(generator);
    }
    return failed ? fail(tape, code, failed) : TG_OK;
}

static tg_status run(tg_tape *tape, tgi_part *part) {
    tgi_code *code = part->code;
    tape->done = part->start;
    tgi_report_progress(tape);
    if (tgi_is_cancelled(tape)) return tgi_stop_run(tape, part->start);
    if (!code->is_bound) bind_values(tape, part);
    copy_views(tape, code);
    if (detach_leaves(tape, part) || gather_addresses(tape, code)) return tape->status;
    tgi_timing timing = tgi_begin_timing(tape, tgi_node_at(tape, part->start));
    tg_status  status = call(tape, code);
    tgi_end_timing(timing);
    return status;
}

tg_status tgi_run_code(tg_tape *tape, tgi_part *part) {
    tgi_callback outer = tgi_enter_run(tape);
    int64_t      begun = tape->profiles ? tgi_now() : 0;
    tg_status    status = run(tape, part);
    mark_values(tape, part->code, !status);
    if (tape->profiles) tgi_add_segment(tape, tgi_now() - begun, 0);
    return tgi_leave(tape, outer);
}
