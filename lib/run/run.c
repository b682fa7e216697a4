/* run/run.c: passes over what stands outside of parts.
 *
 * tape->done is where the executor stands: what is before it has run, what is after it is pending. What is pending is run in segments,
 * between the parts: by a plan, or sequentially when each instruction is to be looked at, or when something is odd, so that the
 * sequential run reports it.
 *
 * How far a run goes: tg_run and tg_run_pending to the end; a rewind to the last assign; a read to the value that is read, and, where
 * values are kept for those who read them later, on to the next assign or random op. A read never runs the step of an optimizer. Eager mode
 * runs what is recorded as far as no read can tell: up to the first assign or random op, or what needs a value again; and once more when a
 * leaf is written before anybody looked.
 *
 * SPDX-License-Identifier: MIT */
#include "run/run.h"

#include "core/residency.h"
#include "core/tape_part.h"
#include "run/aliases.h"
#include "run/plan.h"
#include "run/profile.h"

/* ---- the passes -------------------------------------------------------------------------------------------------- */

static tg_status run_sequentially(tg_tape *tape, uint32_t end) {
    while (tape->done < end) {
        tgi_report_progress(tape);
        if (tgi_run_instruction(tape, tape->done)) return tape->status;
        tape->done++;
    }
    return TG_OK;
}

/* Whether all that the plan's segment reads from outside is there; it knows more than that, the bases of views. */
static bool all_is_there(const tg_tape *tape, const tgi_plan *plan) {
    for (uint32_t k = 0; k < plan->frame.outside_count; k++) {
        const tgi_node *node = tgi_node_at(tape, plan->frame.outside[k]);
        if (node->part && node->op->infer && !tgi_is_resident(node)) return false;
    }
    return true;
}

/* What is read of a part, other than by itself, is what its last run left: it must be there. */
static tg_status check_values_of_parts(tg_tape *tape, uint32_t end, const tgi_plan *known) {
    if (!tape->part_count || (known && all_is_there(tape, known))) return TG_OK;
    for (uint32_t i = tape->done; i < end; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        for (uint32_t j = 0; j < node->count; j++) {
            const tgi_node *operand = tgi_node_at(tape, node->in[j]);
            if (operand->part == node->part || !operand->part || !operand->op->infer) continue;
            if (tgi_is_resident(operand) || tgi_is_retained(operand) || tgi_is_overwritten(operand)) continue;
            const tgi_part *part = tgi_part_at(tape, operand->part);
            tape->file = node->file;
            tape->line = node->line;
            return tgi_fail(tape, TG_ERR_VALUE, node->op->name,
                            "it reads the value of %s, recorded at %s:%u in the part '%s', which %s: call tg_run_part",
                            operand->op->name, operand->file ? operand->file : "?", (unsigned)operand->line, part->name,
                            part->has_run ? "had nobody to keep it for when it ran" : "has not run");
        }
    }
    return TG_OK;
}

/* Nobody looks at each instruction. */
static bool may_run_small(const tg_tape *tape) {
    return tape->small_from <= tape->done && !tape->anomaly && !tape->eager && !tape->profiles && !tape->memory.host.progress;
}

static tg_status run_planned(tg_tape *tape, uint32_t end, uint32_t limit, const tgi_plan *plan) {
    if (tape->status) return tape->status;
    if (plan && !plan->sequential) return tgi_run_plan(tape, plan);
    return may_run_small(tape) ? tgi_run_small(tape, end, limit) : run_sequentially(tape, end);
}

static tg_status run_segment(tg_tape *tape, uint32_t end, uint32_t limit, int64_t *planned) {
    const tgi_plan *plan = tgi_plan_again(tape, tape->done, end, limit);
    if (check_values_of_parts(tape, end, plan)) return tape->status;
    unsigned found = tgi_look_back(tape, tape->done, end, plan);
    if (found & TGI_MAY_RECOMPUTE) {
        if (tgi_recompute(tape, tape->done, end)) return tape->status;
        found = tgi_look_back(tape, tape->done, end, plan);
    }
    bool sequential = tape->anomaly || tape->eager || found & TGI_READS_OVERWRITTEN;
    plan = sequential ? NULL : tgi_plan_for(tape, tape->done, end, limit);
    if (planned) *planned = tgi_now();
    return run_planned(tape, end, limit, plan);
}

tg_status tgi_run_closed_segment(tg_tape *tape, uint32_t end, uint32_t limit) {
    bool sequential = tape->anomaly || tape->eager;
    return run_planned(tape, end, limit, sequential ? NULL : tgi_plan_for(tape, tape->done, end, limit));
}

static tg_status run_timed(tg_tape *tape, uint32_t end, uint32_t limit) {
    int64_t   begun = tgi_now(), planned = begun;
    tg_status status = run_segment(tape, end, limit, &planned);
    tgi_add_segment(tape, tgi_now() - begun, planned - begun);
    return status;
}

tg_status tgi_run_segment(tg_tape *tape, uint32_t end, uint32_t limit) {
    tgi_callback outer = tgi_enter_run(tape);
    if (tape->profiles)
        run_timed(tape, end, limit);
    else
        run_segment(tape, end, limit, NULL);
    return tgi_leave(tape, outer);
}

/* Leaves have nothing to run, and parts run when they are called. (Numbers stay with the segment whose formulas they are in.) */
static void pass_leaves_and_parts(tg_tape *tape, uint32_t end) {
    bool leading = tape->done <= tape->leading;
    while (tape->done < end) {
        const tgi_node *node = tgi_node_at(tape, tape->done);
        if (!tgi_leaf_of(node) && !node->part) break;
        tape->done++;
    }
    if (leading) tape->leading = tape->done;
}

/* Runs what is pending before `end`; what is recorded from `limit` on is about to be forgotten. */
static tg_status run_until(tg_tape *tape, uint32_t end, uint32_t limit) {
    bool ran = false;
    for (pass_leaves_and_parts(tape, end); tape->done < end; pass_leaves_and_parts(tape, end)) {
        uint32_t part = tgi_next_part(tape, tape->done);
        if (tgi_run_segment(tape, part < end ? part : end, limit)) return tape->status;
        ran = true;
    }
    if (ran) tgi_free_stranded(tape, false);
    return tgi_done(tape, TG_OK);
}

uint32_t tgi_seen(const tg_tape *tape) {
    return tape->eager ? tape->observed : tape->done;
}

/* ---- how far a read runs ----------------------------------------------------------------------------------------- */

static bool is_step(const tgi_node *node) {
    return node->op->effect && node->role == TGI_UPDATE;
}

/* From `end` on: to the next instruction whose run could be noticed. */
static uint32_t extend(const tg_tape *tape, uint32_t end) {
    if (tape->quiet_from <= end) return tape->count;
    while (end < tape->count && !tgi_node_at(tape, end)->op->effect && !tgi_node_at(tape, end)->op->random)
        end++;
    return end;
}

/* A leaf has its value after the last assign to it. */
static uint32_t end_for(const tg_tape *tape, uint32_t index) {
    const tgi_leaf *leaf = tgi_leaf_of(tgi_node_at(tape, index));
    uint32_t        assign = leaf ? tgi_last_assign_in(tape, leaf, 0) : TGI_NONE;
    if (leaf) return assign == TGI_NONE ? 0 : assign + 1;
    return index + 1;
}

static tg_status check_no_step(tg_tape *tape, uint32_t end, const char *what) {
    for (uint32_t i = tape->done; i < end && i < tape->quiet_from; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        if (node->part || !is_step(node)) continue;
        const tgi_leaf *leaf = tgi_leaf_of(tgi_node_at(tape, node->in[0]));
        return tgi_fail(tape, TG_ERR_VALUE, what,
                        "before this value stands an update of '%s' (recorded at %s:%u) that has not run, and a read runs no "
                        "update: call tg_run or tg_run_pending, or tg_peek for the value that is there",
                        leaf->name ? leaf->name : "", node->file ? node->file : "?", (unsigned)node->line);
    }
    return TG_OK;
}

/* A value of a part is there when that has run. */
static tg_status check_part(tg_tape *tape, uint32_t index, const char *what) {
    const tgi_node *node = tgi_node_at(tape, index);
    if (!node->part || tgi_leaf_of(node) || tgi_is_resident(node) || tgi_part_at(tape, node->part)->has_run) return TG_OK;
    return tgi_fail(tape, TG_ERR_VALUE, what,
                    "the value of %s, recorded at %s:%u, is in the part '%s', which has not run: call tg_run_part",
                    node->op->name, node->file ? node->file : "?", (unsigned)node->line, tgi_part_at(tape, node->part)->name);
}

tg_status tgi_run_for(tg_tape *tape, uint32_t index, const char *what) {
    uint32_t end = end_for(tape, index);
    if (check_part(tape, index, what)) return tape->status;
    if (end > tgi_seen(tape) && !tgi_node_at(tape, index)->part) {
        if (tape->keep == TG_KEEP_RECORDED) end = extend(tape, end);
        if (check_no_step(tape, end, what) || run_until(tape, end, tape->count)) return tape->status;
        tape->observed = end;
    }
    return tgi_done(tape, TG_OK);
}

/* ---- eager mode -------------------------------------------------------------------------------------------------- */

tg_status tgi_run_early(tg_tape *tape) {
    uint32_t end = extend(tape, tape->done);
    return tgi_look_back(tape, tape->done, end, NULL) & TGI_MAY_RECOMPUTE ? tgi_done(tape, TG_OK)
                                                                          : run_until(tape, end, tape->count);
}

void tgi_forget_early(tg_tape *tape) {
    for (; tape->eager && tape->done > tape->observed; tape->done--) {
        tgi_node *node = tgi_node_at(tape, tape->done - 1);
        if (node->op->infer && !node->part) tgi_set_absent(node);
    }
}

tg_status(tg_set_eager)(tg_tape *tape, bool on) {
    if (tgi_check_outside(tape, "set_eager")) return tg_error_status(tape);
    if (on && !tape->eager) tape->observed = tape->done;
    tape->eager = on;
    return on ? tgi_run_early(tape) : tgi_done(tape, TG_OK);
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static tg_status run_all(tg_tape *tape) {
    tg_status status = run_until(tape, tape->count, tape->count);
    tape->observed = tape->done;
    return status;
}

tg_status(tg_run)(tg_tape *tape) {
    if (tgi_check_outside(tape, "run")) return tg_error_status(tape);
    tgi_forget_aliases(tape, 0, 0);
    tgi_free_stranded(tape, true);
    tape->done = 0;
    tape->written = false;
    return run_all(tape);
}

tg_status(tg_run_pending)(tg_tape *tape) {
    return tgi_check_outside(tape, "run_pending") ? tg_error_status(tape) : run_all(tape);
}

tg_status(tg_abandon)(tg_tape *tape) {
    if (tgi_check_outside(tape, "abandon")) return tg_error_status(tape);
    tgi_forget_aliases(tape, tape->done, 0);
    tgi_free_stranded(tape, true);
    for (uint32_t i = tape->done; i < tape->count; i++) {
        tgi_node *node = tgi_node_at(tape, i);
        if (node->op->infer && !node->part) tgi_set_absent(node);
    }
    tape->done = tape->observed = tape->count;
    return tgi_done(tape, TG_OK);
}

tg_status(tg_set_threads)(tg_tape *tape, int count) {
    if (tgi_check(tape)) return tg_error_status(tape);
    if (count < 0) return tgi_fail(tape, TG_ERR_ARGUMENT, "set_threads", "%d threads", count);
    tgi_team_resize(&tape->team, count);
    return tgi_done(tape, TG_OK);
}

/* ---- marks ------------------------------------------------------------------------------------------------------- */

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

/* The end of what is pending and must run before instructions are forgotten: up to the last assign. */
static uint32_t end_of_updates(const tg_tape *tape) {
    uint32_t end = tape->count;
    while (end > tgi_seen(tape) && (tgi_node_at(tape, end - 1)->part || !tgi_node_at(tape, end - 1)->op->effect))
        end--;
    return end;
}

static tg_status forget(tg_tape *tape, tg_mark mark, const char *what, bool update) {
    if (tgi_check_outside(tape, what)) return tg_error_status(tape);
    if (tape->inside) return tgi_fail(tape, TG_ERR_ARGUMENT, what, "not from inside a scope, which has its own end");
    if (!is_good_mark(tape, mark)) return tgi_fail(tape, TG_ERR_HANDLE, what, "the mark is stale, or of another tape");
    uint32_t end = update ? end_of_updates(tape) : 0;
    if (run_until(tape, end, (uint32_t)mark.ref)) return tg_error_status(tape);
    if (end > tape->observed) tape->observed = end;
    tgi_truncate(tape, (uint32_t)mark.ref);
    return tgi_done(tape, TG_OK);
}

tg_status(tg_rewind)(tg_tape *tape, tg_mark mark) {
    return forget(tape, mark, "rewind", true);
}

tg_status(tg_discard)(tg_tape *tape, tg_mark mark) {
    return forget(tape, mark, "discard", false);
}
