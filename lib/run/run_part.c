/* run/run_part.c: runs a part of the tape.
 *
 * The part is one segment, run from its start each time, while tape->done stands in it. It sees the leaves as they are in memory, and
 * of what stands outside the values that a read would give. Outside, what it assigns counts as written from outside: there is no
 * order between the two.
 *
 * SPDX-License-Identifier: MIT */
#include "core/residency.h"
#include "run/aliases.h"
#include "run/run.h"

/* Of the values outside that the part reads, runs those that are pending. */
static tg_status run_operands(tg_tape *tape, const tgi_part *part) {
    for (uint32_t i = part->start; i < part->end; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        for (uint32_t j = 0; j < node->count; j++) {
            const tgi_node *operand = tgi_node_at(tape, node->in[j]);
            bool            pending = !operand->part ? node->in[j] >= tape->done : operand->part != node->part;
            if (pending && operand->op->infer && tgi_run_for(tape, node->in[j], "run_part")) return tape->status;
        }
    }
    return TG_OK;
}

static void note_writes(tg_tape *tape, const tgi_part *part) {
    for (uint32_t i = part->start; i < part->end; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        if (node->op->effect) tgi_leaf_written(tape, tgi_leaf_of(tgi_node_at(tape, node->in[0])));
    }
}

static tg_status run_part(tg_tape *tape, tgi_part *part) {
    uint32_t done = tape->done;
    uint16_t number = tgi_node_at(tape, part->start)->part;
    tgi_forget_early(tape);
    tgi_forget_aliases(tape, part->start, number);
    part->has_run = false;
    tape->done = part->start;
    tg_status status = tgi_run_segment(tape, part->end, tape->count);
    tape->done = done;
    note_writes(tape, part);
    tgi_free_stranded(tape, false);
    part->has_run = !status;
    return status ? status : tgi_done(tape, TG_OK);
}

tg_status(tg_run_part)(tg_tape *tape, const char *name) {
    if (tgi_check_outside(tape, "run_part")) return tg_error_status(tape);
    tgi_part *part = tgi_find_part(tape, "run_part", name);
    if (!part || run_operands(tape, part)) return tape->status;
    return run_part(tape, part);
}
