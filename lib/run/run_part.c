/* run/run_part.c: runs a part of the tape.
 *
 * The part is run from its start each time, while tape->done stands in it: one segment, or where bodies of loops stand in it the
 * segments between them. It sees the leaves as they are in memory, and of what stands outside the values that a read would give.
 * Outside, what it assigns counts as written from outside: there is no order between the two. The body of a loop is run by the loop's
 * kernel, in the middle of another run, and sees nothing from outside.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/marks.h"
#include "core/residency.h"
#include "core/tape_part.h"
#include "run/aliases.h"
#include "run/run.h"

/* ---- what is outside --------------------------------------------------------------------------------------------- */

static bool list_instruction(tg_tape *tape, tgi_part *part, const tgi_node *node, tgi_marks *listed) {
    bool fits = !node->op->effect || tgi_index_list_push(&tape->memory, &part->assigns, node->in[0]);
    for (uint32_t j = 0; j < node->count && fits; j++) {
        const tgi_node *operand = tgi_node_at(tape, node->in[j]);
        if (!operand->op->infer || operand->part == node->part || tgi_is_marked(listed, node->in[j])) continue;
        tgi_mark(listed, node->in[j]);
        fits = tgi_index_list_push(&tape->memory, &part->reads, node->in[j]);
    }
    return fits;
}

/* Once, as a part that was recorded to its end does not change. */
static tg_status list_outside(tg_tape *tape, tgi_part *part) {
    size_t    bytes = tgi_words_of_marks(0, part->end) * sizeof(uint64_t);
    tgi_marks listed = {.word = tgi_pool_take(&tape->pool, bytes), .end = part->end};
    if (!listed.word) return tgi_out_of_memory(tape, "run_part");
    memset(listed.word, 0, bytes);
    part->is_listed = true;
    for (uint32_t i = part->start; i < part->end && part->is_listed; i++)
        part->is_listed = list_instruction(tape, part, tgi_node_at(tape, i), &listed);
    tgi_pool_give(&tape->pool, listed.word);
    if (part->is_listed) return TG_OK;
    tgi_release_part(tape, part);
    return tgi_out_of_memory(tape, "run_part");
}

/* Of the values outside that the part reads, runs those that are pending. */
static tg_status run_operands(tg_tape *tape, const tgi_part *part) {
    for (uint32_t k = 0; k < part->reads.count; k++) {
        uint32_t index = part->reads.item[k];
        bool     may_be_pending = tgi_node_at(tape, index)->part || index >= tape->done;
        if (may_be_pending && tgi_run_for(tape, index, "run_part")) return tape->status;
    }
    return TG_OK;
}

static void note_writes(tg_tape *tape, const tgi_part *part) {
    for (uint32_t k = 0; k < part->assigns.count; k++)
        tgi_leaf_written(tape, tgi_leaf_of(tgi_node_at(tape, part->assigns.item[k])));
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

/* Calls `run` for one segment of the part after the other: it runs instructions tape->done .. end - 1. */
static tg_status run_segments(tg_tape *tape, const tgi_part *part, tg_status (*run)(tg_tape *, uint32_t end, uint32_t limit)) {
    uint16_t number = tgi_node_at(tape, part->start)->part;
    for (tape->done = part->start; tape->done < part->end;
         tape->done = tgi_skip_other_parts(tape, tape->done, part->end, number)) {
        uint32_t next = tgi_next_part(tape, tape->done + 1);
        if (run(tape, next < part->end ? next : part->end, tape->count)) return tape->status;
    }
    return TG_OK;
}

static tg_status run_instructions_or_code(tg_tape *tape, tgi_part *part) {
    tape->done = part->start;
    if (tgi_can_run_code(tape, part)) return tgi_run_code(tape, part);
    if (tape->status) return tape->status;
    if (part->code) part->code->is_bound = false;
    tgi_forget_aliases(tape, part->start, tgi_node_at(tape, part->start)->part);
    return run_segments(tape, part, tgi_run_segment);
}

/* What stands behind a failure is not there: what it was in the run before is of other operands, and nobody looks after its views. */
static void forget_rest(tg_tape *tape, const tgi_part *part) {
    uint16_t number = tgi_node_at(tape, part->start)->part;
    for (uint32_t i = tape->done; i < part->end; i++) {
        tgi_node *node = tgi_node_at(tape, i);
        if (node->op->infer && node->part == number && !tgi_is_overwritten(node)) tgi_set_absent(node);
    }
}

static tg_status run_part(tg_tape *tape, tgi_part *part) {
    uint32_t done = tape->done;
    part->has_run = false;
    tg_status status = run_instructions_or_code(tape, part);
    if (status) forget_rest(tape, part);
    tape->done = done;
    note_writes(tape, part);
    tgi_free_stranded(tape, false);
    part->has_run = !status;
    return status ? status : tgi_done(tape, TG_OK);
}

tg_status(tg_run_part)(tg_tape *tape, const char *name) {
    if (tgi_check_outside(tape, "run_part")) return tg_error_status(tape);
    tgi_part *part = tgi_find_part(tape, "run_part", name);
    if (!part) return tape->status;
    tgi_forget_early(tape);
    if (!part->is_listed && list_outside(tape, part)) return tape->status;
    if (run_operands(tape, part)) return tape->status;
    return run_part(tape, part);
}

/* ---- the body of a loop ------------------------------------------------------------------------------------------ */

tg_status tgi_run_body(tg_tape *tape, const tgi_part *body) {
    uint32_t  done = tape->done;
    tg_status status = run_segments(tape, body, tgi_run_closed_segment);
    tape->done = done;
    return status;
}
