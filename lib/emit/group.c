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
    tgi_function *f;
    leaf_use     *leaves;
    uint32_t     *limit;   /* of each value: the last unit that it can be in */
    uint32_t      barrier; /* that an assign can be in */
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

/* Whether a loop over that shape can read the operand in the unit that makes it. */
static bool reads_at_hand(const grouper *g, const tgi_emit_source *s, const tgi_node *domain) {
    const tgi_emit_value *base = &g->f->values[s->base];
    if (!domain || !tgi_is_identical(s, domain->rank, domain->dims)) return false;
    if (!tgi_same_dims(base->node->rank, base->node->dims, domain->rank, domain->dims)) return false;
    return base->home == TGI_VALUE_LEAF || (base->kind != TGI_EMIT_KERNEL && !changes_shape(base));
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
        if (g->f->values[s->base].home != TGI_VALUE_LEAF) continue;
        uint32_t writer = g->leaves[s->base].writer;
        if (writer != TGI_NONE) at_least(&limit, reads_at_hand(g, s, domain) ? writer : writer + 1);
    }
    if (v->kind != TGI_EMIT_ASSIGN) return limit;
    const leaf_use *use = &g->leaves[v->node->in[0]];
    if (use->writer != TGI_NONE) at_least(&limit, use->writer);
    if (use->reader != TGI_NONE) at_least(&limit, use->reader);
    if (use->other_reader != TGI_NONE) at_least(&limit, use->other_reader + 1);
    return limit;
}

/* ---- units ------------------------------------------------------------------------------------------------------- */

static uint32_t find_loop(const grouper *g, const tgi_emit_value *v, uint32_t limit) {
    const tgi_node *domain = domain_of(v);
    uint32_t        count = g->f->unit_count;
    for (uint32_t k = count > LOOK_AHEAD + limit ? count - LOOK_AHEAD : limit; k < count; k++) {
        const tgi_emit_unit *unit = &g->f->units[k];
        if (unit->loop && tgi_same_dims(unit->rank, unit->dims, domain->rank, domain->dims)) return k;
    }
    return TGI_NONE;
}

static uint32_t new_unit(grouper *g, const tgi_emit_value *v) {
    const tgi_node *domain = v->kind == TGI_EMIT_KERNEL ? v->node : domain_of(v);
    g->f->units[g->f->unit_count] = (tgi_emit_unit){TGI_NONE, v->kind != TGI_EMIT_KERNEL, domain->rank, domain->dims};
    return g->f->unit_count++;
}

static void prepend(grouper *g, uint32_t i, uint32_t k) {
    g->f->values[i].next = g->f->units[k].first;
    g->f->values[i].unit = k;
    g->f->units[k].first = i;
}

/* Notes that unit k reads the operand. */
static void note_reading(grouper *g, const tgi_emit_source *s, uint32_t k, const tgi_node *domain) {
    tgi_emit_value *base = &g->f->values[s->base];
    bool            at_hand = reads_at_hand(g, s, domain);
    if (base->home == TGI_VALUE_LEAF) {
        leaf_use *use = &g->leaves[s->base];
        use->reader = earlier(use->reader, k);
        if (!at_hand) use->other_reader = earlier(use->other_reader, k);
        return;
    }
    at_least(&g->limit[s->base], at_hand ? k : k + 1);
    base->first_reader = earlier(base->first_reader, k);
    if (base->last_unit == TGI_NONE || k < base->last_unit) base->last_unit = k;
}

static void add(grouper *g, uint32_t i) {
    tgi_function   *f = g->f;
    tgi_emit_value *v = &f->values[i];
    const tgi_node *domain = v->kind == TGI_EMIT_KERNEL ? NULL : domain_of(v);
    uint32_t        k = domain ? find_loop(g, v, limit_of(g, i)) : TGI_NONE;
    if (k == TGI_NONE) k = new_unit(g, v);
    prepend(g, i, k);
    for (uint32_t j = first_read(v); j < v->source_count; j++)
        note_reading(g, &v->sources[j], k, domain);
    v->read_in_loop = v->first_reader == k;
    v->in_memory =
        v->kind == TGI_EMIT_KERNEL || v->is_output || changes_shape(v) || (v->last_unit != TGI_NONE && v->last_unit != k);
    if (v->kind == TGI_EMIT_KERNEL) g->barrier = k + 1;
    if (v->node->op->effect) g->leaves[v->node->in[0]].writer = earlier(g->leaves[v->node->in[0]].writer, k);
}

/* From now on units are numbered from the first. */
static void turn_around(tgi_function *f) {
    uint32_t last = f->unit_count - 1;
    for (uint32_t k = 0; k < f->unit_count / 2; k++) {
        tgi_emit_unit unit = f->units[k];
        f->units[k] = f->units[last - k];
        f->units[last - k] = unit;
    }
    for (uint32_t i = 0; i < f->value_count; i++) {
        tgi_emit_value *v = &f->values[i];
        if (!v->needed || v->kind == TGI_EMIT_NOTHING) continue;
        v->unit = last - v->unit;
        v->last_unit = v->last_unit == TGI_NONE ? v->unit : last - v->last_unit;
    }
}

tg_status tgi_group_values(tgi_function *f) {
    grouper g = {.f = f};
    g.leaves = tgi_emit_take(f->file, f->count, sizeof *g.leaves);
    g.limit = tgi_emit_take(f->file, f->value_count, sizeof *g.limit);
    f->units = tgi_emit_take(f->file, f->value_count, sizeof *f->units);
    if (!g.leaves || !g.limit || !f->units) return f->file->tape->status;
    memset(g.leaves, 0xff, f->count * sizeof *g.leaves);
    for (uint32_t i = 0; i < f->value_count; i++)
        f->values[i].first_reader = f->values[i].last_unit = TGI_NONE;
    for (uint32_t i = f->value_count; i-- > 0;)
        if (f->values[i].needed && f->values[i].kind != TGI_EMIT_NOTHING) add(&g, i);
    turn_around(f);
    return TG_OK;
}
