/* run/run.c: passes over the tape.
 *
 * tape->done is where the executor stands: what is before it has run, what is behind it is pending. A pass runs a stretch by
 * its plan; one by one when each step is to be looked at, or when something is odd, so that the plain run reports it.
 *
 * What nobody keeps is not there any more after its pass. An instruction recorded later may still need it: then it is
 * computed again, or is lost when it depends on a leaf that was overwritten since.
 *
 * SPDX-License-Identifier: MIT */
#include "run/run.h"

#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "run/plan.h"

/* ---- values that are not there any more -------------------------------------------------------------------------- */

static bool is_gone(const tgi_node *node) {
    return node->op->infer && !(node->flags & (TGI_THERE | TGI_LOST));
}

static bool is_lost(const tgi_node *node) {
    return node->flags & TGI_LOST;
}

/* Whether a pending instruction reads, of what has run, something that is so. */
static bool reads(const tg_tape *tape, uint32_t start, uint32_t end, bool (*what)(const tgi_node *)) {
    for (uint32_t i = start; i < end && start > 0; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        for (uint32_t j = 0; j < node->count; j++)
            if (node->in[j] < start && what(tgi_node_at(tape, node->in[j]))) return true;
    }
    return false;
}

/* The last assign to the leaf that has run, or TGI_NONE. */
static uint32_t last_assign_done(const tg_tape *tape, const tgi_leaf *leaf) {
    uint32_t assign = leaf->last_assign;
    while (assign != TGI_NONE && assign >= tape->done)
        assign = *(const uint32_t *)tgi_node_at(tape, assign)->attr;
    return assign;
}

/* Whether the operand is still what it was when instruction i ran. */
static bool is_unchanged(const tg_tape *tape, uint32_t i, const tgi_node *operand) {
    const tgi_leaf *leaf = tgi_leaf_of(operand);
    if (!leaf) return !is_lost(operand);
    uint32_t assign = last_assign_done(tape, leaf);
    bool     written = leaf->written > i && leaf->pass == tape->pass && leaf->generation >= tgi_node_at(tape, i)->generation;
    return (assign == TGI_NONE || assign < i) && !written;
}

static tg_status compute_again(tg_tape *tape, uint32_t i) {
    tgi_node *node = tgi_node_at(tape, i);
    for (uint32_t j = 0; j < node->count; j++)
        if (!is_unchanged(tape, i, tgi_node_at(tape, node->in[j]))) {
            node->flags |= TGI_LOST;
            return TG_OK;
        }
    return tgi_execute(tape, i);
}

/* Computes what instructions start .. end - 1 need and is gone. */
static tg_status bring_back(tg_tape *tape, uint32_t start, uint32_t end) {
    if (!reads(tape, start, end, is_gone)) return TG_OK;
    uint8_t *wanted = tgi_pool_take(&tape->pool, end);
    if (!wanted) return tgi_out_of_memory(tape, "run");
    memset(wanted, 0, start);
    memset(wanted + start, 1, end - start);
    for (uint32_t i = end; i-- > 0;) {
        const tgi_node *node = tgi_node_at(tape, i);
        for (uint32_t j = 0; j < node->count && wanted[i]; j++)
            if (node->in[j] < start && is_gone(tgi_node_at(tape, node->in[j]))) wanted[node->in[j]] = 1;
    }
    for (uint32_t i = 0; i < start && !tape->status; i++)
        if (wanted[i]) compute_again(tape, i);
    tgi_pool_give(&tape->pool, wanted);
    return tape->status;
}

/* ---- the passes -------------------------------------------------------------------------------------------------- */

static tg_status run_plainly(tg_tape *tape, uint32_t end) {
    while (tape->done < end) {
        if (tgi_execute(tape, tape->done)) return tape->status;
        tape->done++;
    }
    return TG_OK;
}

/* Leaves have nothing to run. (Numbers stay with the stretch that they are in the formulas of.) */
static void pass_leaves(tg_tape *tape, uint32_t end) {
    bool leading = tape->done <= tape->leading;
    while (tape->done < end && tgi_leaf_of(tgi_node_at(tape, tape->done)))
        tape->done++;
    if (leading) tape->leading = tape->done;
}

/* Runs what is pending before `end`; what is recorded from `limit` on is about to be forgotten. */
static tg_status run_until(tg_tape *tape, uint32_t end, uint32_t limit) {
    pass_leaves(tape, end);
    if (tape->done >= end) return tgi_done(tape, TG_OK);
    if (bring_back(tape, tape->done, end)) return tape->status;
    bool            plainly = tape->anomaly || tape->eager || reads(tape, tape->done, end, is_lost);
    const tgi_plan *plan = plainly ? NULL : tgi_plan_for(tape, tape->done, end, limit);
    if (tape->status) return tape->status;
    tape->free_run = tgi_free_plans;
    tg_status status = plan && !plan->plain ? tgi_run_plan(tape, plan, tape->done) : run_plainly(tape, end);
    if (!status) tgi_free_stranded(tape, false);
    return status ? status : tgi_done(tape, TG_OK);
}

tg_status tgi_run_pending(tg_tape *tape) {
    return run_until(tape, tape->count, tape->count);
}

/* ---- how it is run ----------------------------------------------------------------------------------------------- */

int tgi_thread_count(const tg_tape *tape) {
#ifdef _OPENMP
    return tape->threads ? tape->threads : omp_get_max_threads();
#else
    (void)tape;
    return 1;
#endif
}

tg_status(tg_set_threads)(tg_tape *tape, int count) {
    if (tgi_check(tape)) return tg_error_status(tape);
    if (count < 0) return tgi_fail(tape, TG_ERR_ARGUMENT, "set_threads", "%d threads", count);
    tape->threads = count;
    return tgi_done(tape, TG_OK);
}

void tgi_run_eagerly(tg_tape *tape) {
    tgi_call call = {.file = tape->file, .line = tape->line};
    if (!tgi_run_pending(tape)) tgi_resume(tape, call);
}

tg_status(tg_set_eager)(tg_tape *tape, bool on) {
    if (tgi_check(tape)) return tg_error_status(tape);
    tape->eager = on;
    return on ? tgi_run_pending(tape) : tgi_done(tape, TG_OK);
}

tg_status(tg_run)(tg_tape *tape) {
    if (tgi_check(tape)) return tg_error_status(tape);
    tgi_forget_aliases(tape, 0);
    tgi_free_stranded(tape, true);
    tape->done = 0;
    tape->pass++;
    return tgi_run_pending(tape);
}

tg_mark tg_tape_mark(tg_tape *tape) {
    if (!tape) return (tg_mark){0};
    uint64_t generation = tape->count ? tgi_node_at(tape, tape->count - 1)->generation : 0;
    return (tg_mark){.tape = tape, .ref = generation << 32 | tape->count};
}

static bool is_good_mark(const tg_tape *tape, tg_mark mark) {
    uint32_t count = (uint32_t)mark.ref;
    if (mark.tape != tape || count > tape->count) return false;
    return count == 0 || tgi_node_at(tape, count - 1)->generation == mark.ref >> 32;
}

/* The end of the pending part that must run before instructions are forgotten: behind the last assign. */
static uint32_t end_of_updates(const tg_tape *tape) {
    uint32_t end = tape->count;
    while (end > tape->done && tgi_node_at(tape, end - 1)->op != &tgi_assign)
        end--;
    return end;
}

static tg_status forget(tg_tape *tape, tg_mark mark, const char *what, bool update) {
    if (tgi_check(tape)) return tg_error_status(tape);
    if (!is_good_mark(tape, mark)) return tgi_fail(tape, TG_ERR_HANDLE, what, "the mark is stale, or of another tape");
    if (update && run_until(tape, end_of_updates(tape), (uint32_t)mark.ref)) return tg_error_status(tape);
    tgi_truncate(tape, (uint32_t)mark.ref);
    return tgi_done(tape, TG_OK);
}

tg_status(tg_rewind)(tg_tape *tape, tg_mark mark) {
    return forget(tape, mark, "rewind", true);
}

tg_status(tg_discard)(tg_tape *tape, tg_mark mark) {
    return forget(tape, mark, "discard", false);
}
