/* run/fuse.c: the third pass: which instructions are run together.
 *
 * Takes the needed instructions and the sources of their operands. Puts each instruction, in the order of recording, into a unit: one
 * with a kernel into a new one at the end, all others, and kernels that go row by row, into a group. An instruction may join any group that
 * comes after all that it reads, when its shape fits the group's domain, and then runs earlier than instructions recorded before it.
 * Nobody can tell:
 *
 *   - Kernels may fail, so they stay where they are: nothing joins a unit before the last kernel. When one fails, what was
 *     recorded before it has run, and nothing else that lasts. A product fails for want of memory alone, which may come at any time: what
 *     works on the same values may join a unit before it, and is done again when the run goes on; so is what it reads, as long as no
 *     assign stands in between.
 *   - An assign comes after all that read the old value, and before all that read the new one. Within a group that is so when
 *     each element is read and written by the fused ops of its own tile: both are contiguous.
 *   - A view shows memory that an assign will overwrite: what reads it afterwards reads the copy that it has by then.
 *   - In the group of an assign nothing can fail, nor between it and what would be run again.
 *   - What was made long before may be computed again in the group that reads it (rematerialize.c).
 *   - Single numbers that are known from the start come first of all.
 *
 * Gives the units in their order, the fused ops of each group in theirs, and of each value whether it must be in memory, because another
 * unit reads it or it lasts, and which unit reads it last. After this pass the order of all work is settled.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "run/fit.h"

/* ---- units ------------------------------------------------------------------------------------------------------- */

static uint32_t new_unit(tgi_plan_builder *b, uint32_t i, tgi_group *group, tgi_split split, uint32_t operand) {
    b->units[b->unit_count] = (tgi_unit_info){.group = group,
                                              .node = i,
                                              .first = TGI_NONE,
                                              .last = TGI_NONE,
                                              .rows_multiple = 1,
                                              .split = (uint8_t)(b->unit_count ? split : TGI_SPLIT_FIRST),
                                              .split_by = (uint8_t)operand};
    return b->unit_count++;
}

static uint32_t later(uint32_t a, uint32_t b) {
    if (a == TGI_NONE || b == TGI_NONE) return a == TGI_NONE ? b : a;
    return a > b ? a : b;
}

/* Unit k reads the operand, in its fused op `order`. */
static void note_reading(const tgi_plan_builder *b, const tgi_source *s, uint32_t k, uint32_t order, bool contiguous) {
    tgi_fusion *v = tgi_holder_of(b, s->base);
    if (v && v->made) {
        if (v->unit == k)
            v->last_order = order;
        else
            v->in_memory = true;
        v->last_unit = later(v->last_unit, k);
    }
    tgi_leaf *leaf = tgi_variable_leaf(tgi_base_node(b, s->base));
    if (!leaf) return;
    tgi_leaf_access *access = tgi_access_of_leaf(b, leaf);
    access->reader = later(access->reader, k);
    if (access->reader == k) access->order = order;
    if (!contiguous) access->strided_reader = later(access->strided_reader, k);
}

/* ---- joining one ------------------------------------------------------------------------------------------------- */

static uint32_t new_group(tgi_plan_builder *b, const tgi_candidate *c, const tgi_fit *found) {
    tgi_group *g = tgi_plan_take(b, 1, sizeof *g);
    if (!g) return TGI_NONE;
    *g = (tgi_group){.rank = c->rank, .lead = -1};
    tgi_copy_sizes(c->rank, c->dims, g->dims);
    b->plan->group_count++;
    return new_unit(b, c->i, g, found->split, found->operand);
}

static void append_to_unit(tgi_plan_builder *b, uint32_t i, uint32_t k) {
    tgi_unit_info *unit = &b->units[k];
    if (unit->first == TGI_NONE)
        unit->first = i;
    else
        b->fusion[unit->last].next = i;
    unit->last = i;
    b->fusion[i].next = TGI_NONE;
    b->fusion[i].unit = b->fusion[i].last_unit = k;
    b->fusion[i].order = b->fusion[i].last_order = unit->count++;
}

/* What the group, and what comes after it, may no longer have. */
static void restrict_others(tgi_fuser *f, const tgi_candidate *c, uint32_t k) {
    tgi_plan_builder *b = f->b;
    tgi_group        *g = b->units[k].group;
    bool              rows = c->kind == TGI_FUSED_ROW_REDUCE || c->kind == TGI_FUSED_ROW_KERNEL;
    if (rows || (c->kind == TGI_FUSED_BLOCK_REDUCE && c->axes < c->rank)) g->lead = c->axes;
    if (c->kind == TGI_FUSED_BLOCK_REDUCE && c->axes == c->rank) g->reduces_all = true;
    if (rows) g->calls_kernels = true;
    if (rows && f->assign_barrier < k + 1) f->assign_barrier = k + 1;
    if (c->kind != TGI_FUSED_ASSIGN) return;
    f->assigns = true;
    tgi_access_of_leaf(b, tgi_leaf_of(tgi_node_at(b->tape, c->node->in[0])))->writer = k;
    g->assigns = true;
    f->reduce_barrier = b->unit_count;
}

static uint32_t copy_into(tgi_fuser *f, uint32_t i, uint32_t k, int depth);

/* The candidate, which is in unit k or will be, reads the copies that are there, and where `copied` says so for operand j one that is
 * made. */
static tg_status supply_copies(tgi_fuser *f, const tgi_candidate *c, tgi_source *sources, uint32_t k, unsigned copied,
                               int depth) {
    for (uint32_t j = 0; j < c->count; j++) {
        if (tgi_reads_copy(f->b, c, j, k))
            sources[j].base = tgi_copy_in(f->b, sources[j].base, k);
        else if (copied >> j & 1)
            sources[j].base = copy_into(f, sources[j].base, k, depth);
        if (sources[j].base == TGI_NONE) return TG_ERR_MEMORY;
    }
    return TG_OK;
}

/* The copy of an instruction in group k, which is made, after those of its operands; TGI_NONE without memory. */
static uint32_t copy_into(tgi_fuser *f, uint32_t i, uint32_t k, int depth) {
    tgi_plan_builder *b = f->b;
    tgi_candidate     c;
    unsigned          copied = 0;
    tgi_source       *sources;
    uint32_t          copy = tgi_new_copy(b, i, &sources);
    if (copy == TGI_NONE) return TGI_NONE;
    tgi_classify(b, i, &c);
    c.sources = sources;
    for (uint32_t j = 0; j < c.count; j++)
        if (tgi_supply_of(b, &f->demand, &sources[j], b->fusion[i].unit, depth) == TGI_FROM_COPY) copied |= 1u << j;
    if (supply_copies(f, &c, sources, k, copied, depth - 1)) return TGI_NONE;
    append_to_unit(b, copy, k);
    b->fusion[copy].made = true;
    for (uint32_t j = 0; j < c.count; j++)
        note_reading(b, &sources[j], k, b->fusion[copy].order, tgi_access_of_operand(&c, j, 0) == TGI_CONTIGUOUS);
    return copy;
}

/* The candidate reads copies where it is to, or can. */
static tg_status copy_operands(tgi_fuser *f, tgi_candidate *c, uint32_t k) {
    unsigned any = f->copied;
    for (uint32_t j = 0; j < c->count; j++)
        any |= (unsigned)tgi_reads_copy(f->b, c, j, k) << j;
    if (!any) return TG_OK;
    tgi_source *sources = tgi_builder_take(f->b, c->count, sizeof *sources);
    if (!sources) return TG_ERR_MEMORY;
    memcpy(sources, c->sources, c->count * sizeof *sources);
    if (supply_copies(f, c, sources, k, f->copied, TGI_COPY_DEPTH - 1)) return TG_ERR_MEMORY;
    f->b->views[c->i].sources = c->sources = sources;
    return TG_OK;
}

static tg_status join(tgi_fuser *f, tgi_candidate *c, uint32_t k, const tgi_fit *found) {
    tgi_plan_builder *b = f->b;
    tgi_fusion       *v = &b->fusion[c->i];
    if (!found->per_row && copy_operands(f, c, k)) return TG_ERR_MEMORY;
    append_to_unit(b, c->i, k);
    v->kind = (uint8_t)c->kind;
    v->per_row = found->per_row || c->kind == TGI_FUSED_ROW_REDUCE;
    v->made = c->kind != TGI_FUSED_ASSIGN; /* which has no value of its own */
    v->in_memory = tgi_is_apart(v->kind) || (v->made && b->liveness[c->i].lasts);
    b->units[k].rows_multiple = found->multiple;
    bool by_element = !found->per_row && c->kind != TGI_FUSED_ROW_KERNEL;
    for (uint32_t j = 0; j < c->count; j++)
        note_reading(b, &c->sources[j], k, v->order, by_element && tgi_access_of_operand(c, j, 0) == TGI_CONTIGUOUS);
    restrict_others(f, c, k);
    return TG_OK;
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

/* Puts what the kernel reads into memory again, where that was made long before. */
static tg_status copy_for_kernel(tgi_fuser *f, uint32_t i, const tgi_source *s) {
    tgi_plan_builder *b = f->b;
    if (s->base & TGI_OUTSIDE || !b->fusion[s->base].made) return TG_OK;
    const tgi_node *node = tgi_instruction(b, s->base);
    tgi_source      whole = {.node = node, .base = s->base};
    tgi_row_major(node->rank, node->dims, whole.strides);
    f->demand = (tgi_demand){i, node->rank, node->dims, b->unit_count};
    if (!tgi_has_room(b) || tgi_supply_of(b, &f->demand, &whole, TGI_NONE, TGI_COPY_DEPTH) != TGI_FROM_COPY) return TG_OK;
    tgi_candidate c;
    tgi_fit       none = {.split = TGI_SPLIT_BEHIND};
    tgi_classify(b, s->base, &c);
    c.i = i;
    uint32_t k = new_group(b, &c, &none);
    if (k == TGI_NONE) return TG_ERR_MEMORY;
    uint32_t copy = copy_into(f, s->base, k, TGI_COPY_DEPTH - 1);
    if (copy == TGI_NONE) return TG_ERR_MEMORY;
    b->fusion[copy].in_memory = true;
    b->second[s->base] = copy;
    return TG_OK;
}

/* What comes later does not join units before that kernel, which is unit k. */
static void set_barriers(tgi_fuser *f, uint32_t i, uint32_t k) {
    const tg_op *op = tgi_instruction(f->b, i)->op;
    f->assigns |= op->effect;
    if (tgi_is_safe(f->b, i)) return;
    f->assign_barrier = f->product_barrier = k + 1;
    if (op->linearity != TG_LINEAR_EACH || f->assigns) f->barrier = f->reduce_barrier = k + 1;
}

static tg_status add_kernel(tgi_fuser *f, uint32_t i) {
    tgi_plan_builder    *b = f->b;
    const tgi_view_info *view = &b->views[i];
    for (uint32_t j = 0; j < view->source_count; j++)
        if (copy_for_kernel(f, i, &view->sources[j])) return TG_ERR_MEMORY;
    uint32_t k = new_unit(b, i, NULL, TGI_SPLIT_KERNEL, 0);
    for (uint32_t j = 0; j < view->source_count; j++)
        note_reading(b, &view->sources[j], k, 0, false);
    const tgi_node *node = tgi_instruction(b, i);
    b->fusion[i].unit = b->fusion[i].last_unit = k;
    b->fusion[i].made = b->fusion[i].in_memory = !node->op->effect;
    if (node->op->effect) tgi_access_of_leaf(b, tgi_leaf_of(tgi_node_at(b->tape, node->in[0])))->writer = k;
    set_barriers(f, i, k);
    return TG_OK;
}

static bool is_run(const tgi_plan_builder *b, uint32_t i) {
    const tgi_node *node = tgi_instruction(b, i);
    if (!b->liveness[i].needed || !node->op->infer || b->views[i].strides) return false;
    return !node->op->effect || !tgi_changes_nothing(node);
}

static tg_status add(tgi_fuser *f, uint32_t i) {
    tgi_candidate c;
    tgi_fit       found;
    if (!is_run(f->b, i)) return TG_OK;
    uint32_t k = TGI_NONE;
    bool     grouped = tgi_classify(f->b, i, &c);
    f->demand = (tgi_demand){i, c.rank, c.dims, f->b->unit_count};
    f->copied = grouped ? tgi_copied_operands(f->b, &c, &f->demand) : 0;
    if (grouped) k = tgi_find_group(f, &c, &found);
    if (!grouped || (k == TGI_NONE && c.kind == TGI_FUSED_BLOCK_REDUCE)) return add_kernel(f, i);
    if (k == TGI_NONE) k = new_group(f->b, &c, &found);
    if (k == TGI_NONE) return TG_ERR_MEMORY;
    return join(f, &c, k, &found);
}

/* ---- single numbers that are known from the start --------------------------------------------------------------------- */

static bool is_known(const tgi_plan_builder *b, const tgi_source *s) {
    const tgi_node *base = tgi_base_node(b, s->base);
    return !base->view && (s->base & TGI_OUTSIDE || !base->op->infer || b->fusion[s->base].made);
}

static bool is_known_number(const tgi_plan_builder *b, uint32_t i, tgi_candidate *c) {
    if (tgi_instruction(b, i)->rank || !tgi_classify(b, i, c) || c->kind != TGI_FUSED_LOOP) return false;
    for (uint32_t j = 0; j < c->count; j++)
        if (!is_known(b, &c->sources[j])) return false;
    return true;
}

static bool may_fail_or_assigns(const tgi_plan_builder *b, uint32_t i) {
    const tgi_node *node = tgi_instruction(b, i);
    tgi_candidate   c;
    return node->op->effect || (!tgi_classify(b, i, &c) && !tgi_is_safe(b, i) && node->op->linearity != TG_LINEAR_EACH);
}

/* Puts them into a first unit, up to the first assign, or the first kernel that may fail. A gradient often begins with one, such as 1 / n:
 * it can be in the group of what it is the gradient of then. */
static tg_status add_known_numbers(tgi_fuser *f) {
    tgi_plan_builder *b = f->b;
    uint32_t          first = TGI_NONE; /* where a run that stops before them goes on */
    for (uint32_t i = 0; i < b->count; i++) {
        tgi_candidate c;
        tgi_fit       found = {.split = TGI_JOINS, .multiple = 1};
        if (!is_run(b, i)) continue;
        if (first == TGI_NONE) first = i;
        if (may_fail_or_assigns(b, i)) break;
        if (!is_known_number(b, i, &c)) continue;
        if (!b->unit_count && new_group(b, &c, &found) == TGI_NONE) return TG_ERR_MEMORY;
        if (join(f, &c, 0, &found)) return TG_ERR_MEMORY;
        b->units[0].node = first;
    }
    return TG_OK;
}

tg_status tgi_fuse(tgi_plan_builder *b) {
    tgi_fuser f = {.b = b};
    b->fusion = tgi_builder_take(b, b->capacity, sizeof *b->fusion);
    b->units = tgi_builder_take(b, b->capacity, sizeof *b->units);
    if (!b->fusion || !b->units) return TG_ERR_MEMORY;
    tgi_begin_leaf_access(b);
    for (uint32_t i = 0; i < b->count; i++)
        b->fusion[i] = (tgi_fusion){.unit = TGI_NONE, .last_unit = TGI_NONE};
    if (add_known_numbers(&f)) return TG_ERR_MEMORY;
    for (uint32_t i = 0; i < b->count; i++)
        if (!b->fusion[i].made && add(&f, i)) return TG_ERR_MEMORY;
    return TG_OK;
}
