/* run/cache.c: the plans that a tape keeps.
 *
 * A plan that fits a segment is the one that came after the last one when that was used before, as a rule. If it is not, the segment is
 * written out as a key (key.c): the table finds a plan by the hash of this, and compares it whole. There are at most MOST_PLANS, and some
 * more for each part and loop, which cut the tape into segments; the one that was not used for longest goes first.
 *
 * A long segment of small values is planned only when it comes a second time: to make its plan takes longer than to run it. One of values
 * that are no more than two numbers (run_small.c) is planned only when the very tape runs a second time: to look for its plan alone would
 * take longer.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "core/tape_part.h"
#include "run/key.h"
#include "run/plan.h"
#include "run/run.h"

/* When the table cannot grow, uthash undoes the insertion and says so here. */
#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(plan) (added = false)

enum { MOST_PLANS = 64, LONG = 1024, SMALL = 256 };

/* ---- the table --------------------------------------------------------------------------------------------------- */

static tgi_plan *find(const tgi_plans *plans, const tgi_key *k, uint64_t hash) {
    tgi_plan *plan;
    HASH_FIND(hh, plans->table, &hash, sizeof hash, plan);
    if (plan && plan->key_words == k->count && !memcmp(plan->key, k->words, k->count * sizeof *k->words)) return plan;
    return NULL;
}

static void forget_plan(tgi_plan_slot *slot, const tgi_plan *plan) {
    if (slot->plan == plan) slot->plan = NULL;
    if (slot->bound == plan) slot->bound = NULL;
}

static void drop(tg_tape *tape, tgi_plan *plan) {
    tgi_plans *plans = &tape->plans;
    HASH_DELETE(hh, plans->table, plan);
    for (tgi_plan *other = plans->table; other; other = other->hh.next)
        if (other->next == plan) other->next = NULL;
    if (plans->last == plan) plans->last = NULL;
    forget_plan(&plans->slot, plan);
    for (uint16_t i = 1; i <= tape->part_count; i++) {
        forget_plan(&tgi_part_at(tape, i)->slot, plan);
        forget_plan(&tgi_part_at(tape, i)->next_slot, plan);
    }
    tgi_free_plan(tape, plan);
}

/* Makes room for one more. */
static void drop_oldest(tg_tape *tape) {
    tgi_plans *plans = &tape->plans;
    tgi_plan  *oldest = plans->table, *plan, *next;
    if (HASH_COUNT(plans->table) < MOST_PLANS + 3u * tape->part_count) return;
    HASH_ITER (hh, plans->table, plan, next)
        if (plan->used < oldest->used) oldest = plan;
    drop(tape, oldest);
}

static bool add(tg_tape *tape, tgi_plan *plan) {
    tgi_plans *plans = &tape->plans;
    bool       added = true;
    tgi_plan  *other;
    HASH_FIND(hh, plans->table, &plan->hash, sizeof plan->hash, other);
    if (other) drop(tape, other); /* another segment with the same hash */
    drop_oldest(tape);
    HASH_ADD(hh, plans->table, hash, sizeof plan->hash, plan);
    return added;
}

static tgi_plan *make(tgi_key *k) {
    tgi_plan *plan = tgi_make_plan(k->tape, &k->frame, k->end, k->limit);
    if (!plan) return NULL;
    uint64_t *key = tgi_arena_take(&plan->arena, k->count * sizeof *key);
    if (key) {
        plan->key = memcpy(key, k->words, k->count * sizeof *key);
        plan->key_words = k->count;
        plan->hash = k->hash;
        if (add(k->tape, plan)) {
            if (k->tape->print_plans) tgi_write_plan(k->tape, plan, stderr);
            return plan;
        }
    }
    tgi_free_plan(k->tape, plan);
    tgi_out_of_memory(k->tape, "run");
    return NULL;
}

/* For another segment, or the same one again. */
static void reuse(tg_tape *tape, tgi_plan *plan, const tgi_frame *frame) {
    plan->frame.start = frame->start;
    if (frame->outside_count) memcpy(plan->frame.outside, frame->outside, frame->outside_count * sizeof *frame->outside);
    tape->plans.hits++;
}

/* The plan that came after the last one before, when it is the segment's, too. */
static tgi_plan *try_next(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit) {
    tgi_plan *last = tape->plans.last, *plan = last ? last->next : NULL;
    if (!plan || plan->count != end - start) return NULL;
    tgi_key k = tgi_begin_key(tape, start, end, limit);
    bool    fits = tgi_has_key(&k, plan->key, plan->key_words);
    if (fits) reuse(tape, plan, &k.frame);
    tgi_end_key(&k);
    return fits ? plan : NULL;
}

static tgi_plan *find_or_make(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit) {
    tgi_plan *plan = NULL;
    tgi_key   k = tgi_begin_key(tape, start, end, limit);
    if (!tgi_write_key(&k, true)) {
        plan = find(&tape->plans, &k, k.hash);
        if (plan)
            reuse(tape, plan, &k.frame);
        else
            plan = make(&k);
    }
    tgi_end_key(&k);
    return plan;
}

tgi_plan *tgi_find_or_make_plan(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit) {
    tgi_plan *plan = try_next(tape, start, end, limit);
    return plan ? plan : find_or_make(tape, start, end, limit);
}

/* ---- long segments of small values ---------------------------------------------------------------------------------- */

/* Bytes of a value of a long segment, on average; of another segment more than is small. */
static size_t value_size(const tg_tape *tape, uint32_t start, uint32_t end) {
    size_t bytes = 0;
    if (end - start < LONG) return SIZE_MAX;
    for (uint32_t i = start; i < end; i++)
        bytes += tgi_node_bytes(tgi_node_at(tape, i));
    return bytes / (end - start);
}

/* Whether it is one of the last few such segments again; and notes it. */
static bool was_met_before(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit) {
    tgi_plans *plans = &tape->plans;
    tgi_key    k = tgi_begin_key(tape, start, end, limit);
    bool       met = tgi_write_key(&k, false) != TG_OK;
    for (int i = 0; i < TGI_SEGMENTS_MET; i++)
        met |= plans->met[i] == k.hash;
    if (!met) plans->met[plans->next_met++ % TGI_SEGMENTS_MET] = k.hash;
    tgi_end_key(&k);
    return met;
}

static bool pays_to_make(tg_tape *tape, const tgi_plan_request *now, bool again) {
    if (again) return true;
    size_t size = value_size(tape, now->start, now->end);
    if (size > SMALL) return true;
    return size > sizeof(double) && was_met_before(tape, now->start, now->end, now->limit) && !tape->status;
}

/* Single numbers only when the very tape runs a second time: looking for their plan alone would take as long as to run them. */
static tgi_plan *plan_if_it_pays(tg_tape *tape, const tgi_plan_request *now, bool again) {
    if (tape->small_from <= now->start && !again) return NULL;
    tgi_plan *plan = try_next(tape, now->start, now->end, now->limit);
    if (plan || !pays_to_make(tape, now, again)) return plan;
    return find_or_make(tape, now->start, now->end, now->limit);
}

/* A view from outside may be a copy by now, or show its base again. */
static uint32_t base_of(const tg_tape *tape, uint32_t index) {
    const tgi_node *node = tgi_node_at(tape, index);
    return node->view ? node->view->base : TGI_NONE;
}

static void note_bases(const tg_tape *tape, tgi_plan *plan) {
    for (uint32_t k = 0; plan && k < plan->frame.outside_count; k++)
        plan->bases[k] = base_of(tape, plan->frame.outside[k]);
}

static bool has_same_bases(const tg_tape *tape, const tgi_plan *plan) {
    for (uint32_t k = 0; k < plan->frame.outside_count; k++)
        if (plan->bases[k] != base_of(tape, plan->frame.outside[k])) return false;
    return true;
}

/* Whether the segment is all that has to be run of its part, or of what stands outside: that is asked for again and again. The body of a
 * loop reads nothing from outside that could be anywhere else by now. */
static bool is_whole(const tg_tape *tape, uint32_t start) {
    uint16_t        number = tgi_node_at(tape, start)->part;
    const tgi_part *part = number ? tgi_part_at(tape, number) : NULL;
    return part ? part->loop || start == part->start : start == tape->leading;
}

const tgi_plan *tgi_plan_again(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit) {
    const tgi_plan_slot *slot = tgi_slot_for(tape, start);
    tgi_plan_request     now = {tape->generation, tape->keeps, start, end, limit};
    bool                 again = slot->plan && slot->plan->frame.start == start && !memcmp(&now, &slot->request, sizeof now);
    return again && is_whole(tape, start) && has_same_bases(tape, slot->plan) ? slot->plan : NULL;
}

static tgi_plan *note_use(tg_tape *tape, tgi_plan *plan) {
    tgi_plans *plans = &tape->plans;
    if (plan) plan->used = ++plans->uses;
    if (plans->last) plans->last->next = plan;
    return plans->last = plan;
}

tgi_plan *tgi_plan_for(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit) {
    tgi_plan_slot   *slot = tgi_slot_for(tape, start);
    tgi_plan_request now = {tape->generation, tape->keeps, start, end, limit};
    if (!tgi_plan_again(tape, start, end, limit)) {
        bool again = !memcmp(&now, &slot->request, sizeof now);
        slot->plan = NULL; /* as long as there is none */
        slot->request = now;
        slot->plan = plan_if_it_pays(tape, &now, again);
        if (!slot->plan) return NULL;
        note_bases(tape, slot->plan);
    } else
        tape->plans.hits++;
    return note_use(tape, slot->plan);
}

/* Plans that were used last, each for what stands outside of parts or for a part, stay. */
static bool is_last_plan(const tg_tape *tape, const tgi_plan *plan) {
    bool last = plan == tape->plans.slot.plan;
    for (uint16_t i = 1; i <= tape->part_count; i++)
        last |= plan == tgi_part_at(tape, i)->slot.plan || plan == tgi_part_at(tape, i)->next_slot.plan;
    return last;
}

void tg_trim(tg_tape *tape) {
    tgi_plan *plan, *next;
    if (!tape || (tape->callback.name && tgi_check_outside(tape, "trim"))) return; /* a plan that is being run is wanted */
    HASH_ITER (hh, tape->plans.table, plan, next)
        if (!is_last_plan(tape, plan)) drop(tape, plan);
    tgi_arena_trim(&tape->arena);
    tgi_pool_trim(&tape->pool, 0);
    tgi_team_end(&tape->team);
}

void tgi_free_plans(tg_tape *tape) {
    tgi_plan *plan, *next;
    HASH_ITER (hh, tape->plans.table, plan, next)
        drop(tape, plan);
}

static void fill_bytes(tg_figures *figures, const tg_tape *tape) {
    figures->bytes = tape->memory.bytes;
    figures->peak_bytes = tape->memory.peak;
    figures->spare_bytes = tgi_pool_spare(&tape->pool);
    figures->value_bytes = tape->pool.bytes - figures->spare_bytes;
    figures->record_bytes = tape->arena.bytes + (size_t)tape->chunk_count * TGI_CHUNK * sizeof **tape->nodes +
                            (size_t)tape->chunk_room * TGI_CHUNK * sizeof *tape->nodes;
    for (const tgi_plan *plan = tape->plans.table; plan; plan = plan->hh.next)
        figures->plan_bytes += sizeof *plan + plan->arena.bytes;
}

tg_figures tg_stats(const tg_tape *tape) {
    tg_figures figures = {0};
    if (!tape) return figures;
    figures.instructions = tape->count;
    figures.plans = (int64_t)tape->plans.made;
    figures.plan_hits = (int64_t)tape->plans.hits;
    fill_bytes(&figures, tape);
    const tgi_plan *plan = tape->plans.last;
    if (!plan) return figures;
    figures.groups = plan->group_count;
    figures.kernels = plan->unit_count - plan->group_count;
    figures.fused = plan->fused_count;
    figures.block_bytes = plan->block_bytes;
    return figures;
}
