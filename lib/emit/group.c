/* emit/group.c: the second pass: units.
 *
 * From the last instruction back, each goes as late as it can: an elementwise one, a copy or an assign into a loop over the same shape
 * that comes before all that depends on it, the last such loop; else into a loop of its own before all that is there. So what is
 * cheap to compute is computed where it is read, and need not be stored. In a loop what the loop makes is read only as the element
 * at hand. An assign comes after all that reads the old value, before all that reads the new one, and before each kernel that was
 * recorded after it, as that may fail.
 *
 * Until all are there, units are numbered from the last one back: "later" units have lower numbers.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "emit/program.h"

/* Among how many of the units that were made last a loop is looked for. */
enum { LOOK_AHEAD = 64 };

/* Of each leaf: the first units that write it, that read it, and that read it otherwise than as the element at hand. */
typedef struct leaf_use {
    uint32_t writer, reader, other_reader;
} leaf_use;

typedef struct grouper {
    tgi_function   *f;
    tgi_emit_block *block;
    leaf_use       *leaves;
    uint32_t       *limit;   /* of each value: the last unit that it can be in */
    uint32_t        barrier; /* that an assign can be in */
} grouper;

/* The shape that the loop of a value is over: of a copy and of an assign, that of the first operand. */
static const tgi_node *domain_of(const tgi_emit_value *v) {
    return v->kind == TGI_EMIT_LOOP ? v->node : v->sources[0].node;
}

/* An assign's first operand is the leaf. */
static uint32_t first_read(const tgi_emit_value *v) {
    return v->kind == TGI_EMIT_ASSIGN ? 1 : 0;
}

/* Whether a copy has the elements of its loop in another shape. */
static bool changes_shape(const tgi_emit_value *v) {
    const tgi_node *domain = v->kind == TGI_EMIT_COPY ? domain_of(v) : v->node;
    return !tgi_same_dims(domain->rank, domain->dims, v->node->rank, v->node->dims);
}

/* ---- dependencies ------------------------------------------------------------------------------------------------ */

/* Of two units that which comes first; TGI_NONE stands for none. */
static uint32_t earlier(uint32_t a, uint32_t b) {
    return a == TGI_NONE || (b != TGI_NONE && b > a) ? b : a;
}

/* What keeps its place: a leaf, and what a step of a loop is given. */
static bool is_kept(const tgi_emit_value *base) {
    return base->home == TGI_VALUE_LEAF || base->home == TGI_VALUE_GIVEN;
}

/* A body reads values of other blocks, which are there for all of the loop. */
static bool is_of_block(const grouper *g, const tgi_emit_source *s) {
    return s->base >= g->block->first && s->base < g->block->end;
}

/* Whether it is made by the unit of a kernel. */
static bool is_of_kernel(const tgi_emit_value *v) {
    return v->kind == TGI_EMIT_KERNEL || v->kind == TGI_EMIT_ITEM;
}

/* Whether a loop over that shape can read the operand in the unit that makes it. */
static bool reads_at_hand(const grouper *g, const tgi_emit_source *s, const tgi_node *domain) {
    const tgi_emit_value *base = &g->f->values[s->base];
    if (!domain || !tgi_is_identical(s, domain->rank, domain->dims)) return false;
    if (!tgi_same_dims(base->node->rank, base->node->dims, domain->rank, domain->dims)) return false;
    return is_kept(base) || (!is_of_kernel(base) && !changes_shape(base));
}

static void at_least(uint32_t *limit, uint32_t unit) {
    if (*limit < unit) *limit = unit;
}

/* The last unit that it can be in, by what depends on it and what it depends on. */
static uint32_t limit_of(const grouper *g, uint32_t i) {
    const tgi_emit_value *v = &g->f->values[i];
    const tgi_node       *domain = v->kind == TGI_EMIT_KERNEL ? NULL : domain_of(v);
    uint32_t              limit = v->kind == TGI_EMIT_ASSIGN ? g->barrier : g->limit[i];
    for (uint32_t j = first_read(v); j < v->source_count; j++) {
        const tgi_emit_source *s = &v->sources[j];
        if (!is_of_block(g, s) || !is_kept(&g->f->values[s->base])) continue;
        uint32_t writer = g->leaves[s->base].writer;
        if (writer != TGI_NONE) at_least(&limit, reads_at_hand(g, s, domain) ? writer : writer + 1);
    }
    if (v->kind != TGI_EMIT_ASSIGN) return limit;
    const leaf_use *use = &g->leaves[v->target];
    if (use->writer != TGI_NONE) at_least(&limit, use->writer);
    if (use->reader != TGI_NONE) at_least(&limit, use->reader);
    if (use->other_reader != TGI_NONE) at_least(&limit, use->other_reader + 1);
    return limit;
}

/* ---- units ------------------------------------------------------------------------------------------------------- */

static uint32_t find_loop(const grouper *g, const tgi_emit_value *v, uint32_t limit) {
    const tgi_node *domain = domain_of(v);
    uint32_t        count = g->block->unit_count;
    for (uint32_t k = count > LOOK_AHEAD + limit ? count - LOOK_AHEAD : limit; k < count; k++) {
        const tgi_emit_unit *unit = &g->block->units[k];
        if (unit->loop && tgi_same_dims(unit->rank, unit->dims, domain->rank, domain->dims)) return k;
    }
    return TGI_NONE;
}

static uint32_t new_unit(grouper *g, const tgi_emit_value *v) {
    const tgi_node *domain = v->kind == TGI_EMIT_KERNEL ? v->node : domain_of(v);
    g->block->units[g->block->unit_count] = (tgi_emit_unit){TGI_NONE, v->kind != TGI_EMIT_KERNEL, domain->rank, domain->dims};
    return g->block->unit_count++;
}

static void prepend(grouper *g, uint32_t i, uint32_t k) {
    g->f->values[i].next = g->block->units[k].first;
    g->f->values[i].unit = k;
    g->block->units[k].first = i;
}

/* Notes that unit k reads the operand. */
static void note_reading(grouper *g, const tgi_emit_source *s, uint32_t k, const tgi_node *domain) {
    tgi_emit_value *base = &g->f->values[s->base];
    bool            at_hand = reads_at_hand(g, s, domain);
    if (!is_of_block(g, s)) return;
    if (is_kept(base)) {
        leaf_use *use = &g->leaves[s->base];
        use->reader = earlier(use->reader, k);
        if (!at_hand) use->other_reader = earlier(use->other_reader, k);
        return;
    }
    at_least(&g->limit[s->base], at_hand ? k : k + 1);
    base->first_reader = earlier(base->first_reader, k);
    if (base->last_unit == TGI_NONE || k < base->last_unit) base->last_unit = k;
}

/* What a loop gives is there behind it. */
static void add_items(grouper *g, const tgi_emit_value *loop, uint32_t k) {
    const tgi_emit_block *body = &g->f->blocks[loop->loop];
    for (uint32_t item = body->item_count; item-- > 0;) {
        uint32_t owner = body->items[item].owner;
        if (owner == TGI_NONE) continue;
        prepend(g, owner, k);
        g->f->values[owner].in_memory = true;
    }
}

static void add(grouper *g, uint32_t i) {
    tgi_function   *f = g->f;
    tgi_emit_value *v = &f->values[i];
    const tgi_node *domain = v->kind == TGI_EMIT_KERNEL ? NULL : domain_of(v);
    uint32_t        k = domain ? find_loop(g, v, limit_of(g, i)) : TGI_NONE;
    if (k == TGI_NONE) k = new_unit(g, v);
    if (v->loop) add_items(g, v, k);
    prepend(g, i, k);
    for (uint32_t j = first_read(v); j < v->source_count; j++)
        note_reading(g, &v->sources[j], k, domain);
    v->read_in_loop = v->first_reader == k;
    bool other_units = v->last_unit != TGI_NONE && v->last_unit != k;
    v->in_memory = v->kind == TGI_EMIT_KERNEL ? !v->loop || v->packed : v->is_output || changes_shape(v) || other_units;
    if (v->kind == TGI_EMIT_KERNEL) g->barrier = k + 1;
    if (v->target != TGI_NONE) g->leaves[v->target].writer = earlier(g->leaves[v->target].writer, k);
}

/* From now on units are numbered from the first. */
static void turn_around(tgi_function *f, tgi_emit_block *block) {
    uint32_t last = block->unit_count - 1;
    for (uint32_t k = 0; k < block->unit_count / 2; k++) {
        tgi_emit_unit unit = block->units[k];
        block->units[k] = block->units[last - k];
        block->units[last - k] = unit;
    }
    for (uint32_t i = block->first; i < block->end; i++) {
        tgi_emit_value *v = &f->values[i];
        if (!v->needed || v->kind == TGI_EMIT_NOTHING) continue;
        v->unit = last - v->unit;
        v->last_unit = v->last_unit == TGI_NONE ? v->unit : last - v->last_unit;
    }
}

static tg_status group_block(grouper *g) {
    tgi_function *f = g->f;
    g->barrier = 0;
    g->block->units = tgi_emit_take(f->file, g->block->end - g->block->first, sizeof *g->block->units);
    if (!g->block->units) return f->file->tape->status;
    for (uint32_t i = g->block->end; i-- > g->block->first;) {
        int kind = f->values[i].kind;
        if (f->values[i].needed && kind != TGI_EMIT_NOTHING && kind != TGI_EMIT_ITEM) add(g, i);
    }
    turn_around(f, g->block);
    return TG_OK;
}

tg_status tgi_group_values(tgi_function *f) {
    grouper g = {.f = f};
    g.leaves = tgi_emit_take(f->file, f->value_count, sizeof *g.leaves);
    g.limit = tgi_emit_take(f->file, f->value_count, sizeof *g.limit);
    if (!g.leaves || !g.limit) return f->file->tape->status;
    memset(g.leaves, 0xff, f->value_count * sizeof *g.leaves);
    for (uint32_t i = 0; i < f->value_count; i++)
        f->values[i].first_reader = f->values[i].last_unit = TGI_NONE;
    for (uint32_t b = 0; b < f->block_count; b++) {
        g.block = &f->blocks[b];
        if (group_block(&g)) return f->file->tape->status;
    }
    return TG_OK;
}
