/* run/cache.c: the plans that a tape keeps.
 *
 * A segment is written out as a key: ops, operands, shapes, attributes, what lasts, and what its operands from outside look like; numbers are
 * operands, so their values do not count. Those from outside have numbers, in the order in which the segment comes to them: where they
 * stand does not count. The table finds a plan by the hash of this, and compares it whole. There are at most
 * MOST_PLANS, and some more for each part and loop, which cut the tape into segments; the one that was not used for longest goes first.
 *
 * A long segment of small values is planned only when it comes a second time: to make its plan takes longer than to run it.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "core/tape_part.h"
#include "run/plan.h"
#include "run/run.h"

/* When the table cannot grow, uthash undoes the insertion and says so here. */
#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(plan) (added = false)

enum { MOST_PLANS = 64, LONG = 1024, SMALL = 256 };

/* ---- keys ----------------------------------------------------------------------------------------------------------- */

typedef struct key_writer {
    tg_tape  *tape;
    tgi_frame frame;
    uint32_t  end, limit;
    uint32_t  outside_room, described; /* of those from outside so many are written */
    uint64_t *words;
    size_t    count, room;
    uint64_t  hash; /* of what was written */
} key_writer;

static key_writer begin_key(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit) {
    tape->plans.keys++;
    return (key_writer){.tape = tape, .frame.start = start, .end = end, .limit = limit};
}

static void end_key(key_writer *k) {
    tgi_pool_give(&k->tape->pool, k->words);
    tgi_pool_give(&k->tape->pool, k->frame.outside);
}

/* `items`, of which there are `count`, in a buffer that has room for more; NULL when there is no memory. */
static void *grown(tg_tape *tape, void *items, size_t count, size_t room, size_t size) {
    void *more = tgi_pool_take(&tape->pool, room * size);
    if (!more) return NULL;
    if (count) memcpy(more, items, count * size);
    tgi_pool_give(&tape->pool, items);
    return more;
}

static uint64_t *take_words(key_writer *k, size_t count) {
    if (k->count + count > k->room) {
        size_t    room = 2 * (k->room + count);
        uint64_t *more = grown(k->tape, k->words, k->count, room, sizeof *more);
        if (!more) return NULL;
        k->words = more;
        k->room = room;
    }
    k->count += count;
    return k->words + k->count - count;
}

/* Gives an instruction from outside its number. */
static tg_status number(key_writer *k, uint32_t index, tgi_node *node) {
    tgi_frame *frame = &k->frame;
    if (frame->outside_count == k->outside_room) {
        uint32_t  room = 2 * k->outside_room + 16;
        uint32_t *more = grown(k->tape, frame->outside, frame->outside_count, room, sizeof *more);
        if (!more) return TG_ERR_MEMORY;
        frame->outside = more;
        k->outside_room = room;
    }
    node->key = k->tape->plans.keys;
    node->outside = frame->outside_count;
    frame->outside[frame->outside_count++] = index;
    return TG_OK;
}

/* The reference to an operand, which may be from outside: then it has a number afterwards. */
static tg_status refer_to(key_writer *k, uint32_t index, tgi_ref *ref) {
    *ref = index - k->frame.start;
    if (index >= k->frame.start) return TG_OK;
    tgi_node *node = tgi_node_at(k->tape, index);
    if (node->key != k->tape->plans.keys && number(k, index, node)) return TG_ERR_MEMORY;
    *ref = TGI_OUTSIDE | node->outside;
    return TG_OK;
}

/* An operand from outside: its type, and of a view its base and its strides. */
static tg_status write_outside(key_writer *k, uint32_t index) {
    const tgi_node *node = tgi_node_at(k->tape, index);
    bool            view = node->view && node->view->base != TGI_NONE;
    tgi_ref         base = 0;
    if (view && refer_to(k, node->view->base, &base)) return TG_ERR_MEMORY;
    uint64_t *w = take_words(k, 2u + node->rank + (view ? 2u + node->rank : 0u));
    if (!w) return TG_ERR_MEMORY;
    *w++ = (uint64_t)(uintptr_t)node->op;
    *w++ = (uint64_t)node->dtype | (uint64_t)node->rank << 8 | (uint64_t)view << 16;
    tgi_copy_sizes(node->rank, node->dims, (int64_t *)w);
    if (!view) return TG_OK;
    w += node->rank;
    *w++ = base;
    *w++ = (uint64_t)((const char *)node->data - (const char *)tgi_node_at(k->tape, node->view->base)->data);
    tgi_copy_sizes(node->rank, node->view->strides, (int64_t *)w);
    return TG_OK;
}

static tg_status write_instruction(key_writer *k, uint32_t index) {
    const tgi_node *node = tgi_node_at(k->tape, index);
    bool            leaf = !node->op->infer, any_number = node->op->arity < 0;
    size_t          attr_words = (node->attr_size + 7) / 8, in_words = (node->count + 1) / 2;
    uint64_t       *w = take_words(k, 2u + any_number + node->rank + in_words + attr_words);
    if (!w) return TG_ERR_MEMORY;
    *w++ = (uint64_t)(uintptr_t)node->op;
    *w++ = (uint64_t)node->dtype | (uint64_t)node->rank << 8 |
           (uint64_t)(!leaf && tgi_lasts(k->tape, index, k->end, k->limit)) << 16 | (uint64_t)node->attr_size << 32;
    if (any_number) *w++ = node->count;
    tgi_copy_sizes(node->rank, node->dims, (int64_t *)w);
    w += node->rank;
    if (in_words) w[in_words - 1] = 0;
    for (uint32_t j = 0; j < node->count; j++)
        if (refer_to(k, node->in[j], (tgi_ref *)w + j)) return TG_ERR_MEMORY;
    w += in_words;
    if (attr_words) w[attr_words - 1] = 0;
    if (attr_words) memcpy(w, node->attr, node->attr_size);
    if (node->op->effect) memset(w, 0, sizeof(tgi_assign_attr)); /* the assign before says nothing of this one */
    while (k->described < k->frame.outside_count)
        if (write_outside(k, k->frame.outside[k->described++])) return TG_ERR_MEMORY;
    return TG_OK;
}

/* Two words at a time, which do not wait for each other. */
static uint64_t hash_more(uint64_t h, const uint64_t *words, size_t count) {
    uint64_t other = h >> 32;
    size_t   i = 0;
    for (; i + 2 <= count; i += 2) {
        h = (h ^ words[i]) * 0x9e3779b97f4a7c15u;
        other = (other ^ words[i + 1]) * 0xc2b2ae3d27d4eb4fu;
    }
    if (i < count) h = (h ^ words[i]) * 0x9e3779b97f4a7c15u;
    h ^= h >> 32 ^ other ^ other >> 29;
    return h * 0x9e3779b97f4a7c15u;
}

/* Writes instructions start .. end - 1; when they need not be compared, one over the other. */
static tg_status write_segment(key_writer *k, bool compare) {
    for (uint32_t i = k->frame.start; i < k->end; i++) {
        size_t before = k->count;
        if (write_instruction(k, i)) return tgi_out_of_memory(k->tape, "run");
        k->hash = hash_more(k->hash, k->words + before, k->count - before);
        if (!compare) k->count = 0;
    }
    return TG_OK;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static tgi_plan *find(const tgi_plans *plans, const key_writer *k, uint64_t hash) {
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

static tgi_plan *make(key_writer *k) {
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

tgi_plan *tgi_find_or_make_plan(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit) {
    key_writer k = begin_key(tape, start, end, limit);
    tgi_plan  *plan = NULL;
    if (!write_segment(&k, true)) {
        plan = find(&tape->plans, &k, k.hash);
        if (plan)
            reuse(tape, plan, &k.frame);
        else
            plan = make(&k);
    }
    end_key(&k);
    return plan;
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
    key_writer k = begin_key(tape, start, end, limit);
    bool       met = write_segment(&k, false) != TG_OK;
    for (int i = 0; i < TGI_SEGMENTS_MET; i++)
        met |= plans->met[i] == k.hash;
    if (!met) plans->met[plans->next_met++ % TGI_SEGMENTS_MET] = k.hash;
    end_key(&k);
    return met;
}

/* Single numbers only when the very tape runs a second time: looking for their plan alone would take as long as to run them. */
static bool pays(tg_tape *tape, const tgi_plan_request *now, bool again) {
    size_t size = value_size(tape, now->start, now->end);
    if (size > SMALL) return true;
    if (size <= sizeof(double)) return again;
    return was_met_before(tape, now->start, now->end, now->limit) && !tape->status;
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
    return again && is_whole(tape, start) ? slot->plan : NULL;
}

tgi_plan *tgi_plan_for(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit) {
    tgi_plan_slot   *slot = tgi_slot_for(tape, start);
    tgi_plan_request now = {tape->generation, tape->keeps, start, end, limit};
    if (!tgi_plan_again(tape, start, end, limit)) {
        bool again = !memcmp(&now, &slot->request, sizeof now);
        slot->plan = NULL;
        slot->request = now;
        if (!pays(tape, &now, again)) return NULL;
        slot->plan = tgi_find_or_make_plan(tape, start, end, limit);
    } else
        tape->plans.hits++;
    if (slot->plan) slot->plan->used = ++tape->plans.uses;
    return tape->plans.last = slot->plan;
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
    figures->record_bytes = tape->arena.bytes + tape->chunk_count * TGI_CHUNK * sizeof **tape->chunks;
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
