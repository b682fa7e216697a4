/* run/run.c: passes over the tape.
 *
 * tape->done is where the executor stands: what is before it has run, what is after it is pending. A pass runs a segment by
 * its plan; sequentially when each instruction is to be looked at, or when something is odd, so that the sequential run reports it.
 *
 * SPDX-License-Identifier: MIT */
#include "run/run.h"

#ifdef _OPENMP
#include <omp.h>
#endif

#include "run/aliases.h"
#include "run/plan.h"

/* ---- the passes -------------------------------------------------------------------------------------------------- */

static tg_status run_sequentially(tg_tape *tape, uint32_t end) {
    while (tape->done < end) {
        if (tgi_run_instruction(tape, tape->done)) return tape->status;
        tape->done++;
    }
    return TG_OK;
}

/* Leaves have nothing to run. (Numbers stay with the segment whose formulas they are in.) */
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
    if (tgi_recompute(tape, tape->done, end)) return tape->status;
    bool            sequential = tape->anomaly || tape->eager || tgi_reads_overwritten(tape, tape->done, end);
    const tgi_plan *plan = sequential ? NULL : tgi_plan_for(tape, tape->done, end, limit);
    if (tape->status) return tape->status;
    sequential = !plan || plan->sequential;
    tg_status status = sequential ? run_sequentially(tape, end) : tgi_run_plan(tape, plan, tape->done);
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

/* The end of the pending part that must run before instructions are forgotten: up to the last assign. */
static uint32_t end_of_updates(const tg_tape *tape) {
    uint32_t end = tape->count;
    while (end > tape->done && !tgi_node_at(tape, end - 1)->op->effect)
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
