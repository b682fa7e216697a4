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

#include "run/rematerialize.h"

enum { LOOK_BACK = 16 }; /* how many units are tried, from the last one back */

typedef struct fuser {
    tgi_plan_builder *b;
    uint32_t   barrier, assign_barrier, reduce_barrier; /* the first unit that a fused op, an assign, a reduction may join; */
    uint32_t   product_barrier;                         /* and what has nothing to do with the group */
    tgi_demand demand;                                  /* of the instruction that it has come to; */
    unsigned   copied;  /* and its operands that are computed again, if its group is of its own shape: bit j for operand j */
    bool       assigns; /* an assign has been put into a unit */
} fuser;

/* Why it does not join a unit, and by which operand; and how it would. */
typedef struct fit {
    tgi_split split;
    uint32_t  operand;
    bool      per_row;
    int64_t   multiple;
} fit;

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

/* ---- whether an operand fits ------------------------------------------------------------------------------------- */

/* Whether the shape has one element for each row of the domain. */
static bool has_rows_of(const tgi_group *g, int rank, const int64_t *dims) {
    if (g->lead < 0 || rank < g->lead || rank > g->rank) return false;
    for (int i = 0; i < rank; i++)
        if (dims[i] != (i < g->lead ? g->dims[i] : 1)) return false;
    return true;
}

static tgi_access access_of_operand(const tgi_candidate *c, uint32_t j, int lead) {
    int64_t         strides[TG_MAX_RANK];
    const tgi_node *node = c->sources[j].node;
    if (c->kind == TGI_FUSED_COPY) return TGI_STRIDED;
    tgi_stretch(node->rank, node->dims, c->sources[j].strides, c->rank, c->dims, strides);
    return tgi_access_to(c->rank, c->dims, strides, lead);
}

/* Whether its result is not element by element that of the domain: nothing in the group reads it, and it is in memory. */
static bool is_apart(uint8_t kind) {
    return kind == TGI_FUSED_BLOCK_REDUCE || kind == TGI_FUSED_SIDE_BY_SIDE;
}

/* Whether an operand that is made in the very group can be read from there: element by element, tile by tile. */
static bool reads_own_tile(const tgi_plan_builder *b, const tgi_group *g, const tgi_source *s, tgi_access access,
                           bool per_row) {
    const tgi_fusion *v = tgi_holder_of(b, s->base);
    bool              one_row = g->lead >= 0 && tgi_size(g->lead, g->dims) == 1;
    bool              one_element = tgi_size(g->rank, g->dims) == 1;
    if (s->offset != 0) return false;
    if (!v || !v->made) /* a leaf that an assign of the group writes */
        return tgi_leaf_of(s->node) && !per_row && access == TGI_CONTIGUOUS;
    if (is_apart(v->kind)) return false;
    if (v->per_row) return access == (per_row ? TGI_CONTIGUOUS : TGI_PER_ROW) || (access == TGI_SCALAR && one_row);
    return !per_row && (access == TGI_CONTIGUOUS || (access == TGI_SCALAR && one_element));
}

/* The unit after which the operand is there; TGI_NONE: from the start. */
static uint32_t made_by(const tgi_plan_builder *b, const tgi_source *s) {
    const tgi_fusion *v = tgi_holder_of(b, s->base);
    if (v && v->made) return v->unit;
    return s->leaf ? tgi_access_of_leaf(b, s->leaf)->writer : TGI_NONE;
}

static bool operand_fits(const tgi_plan_builder *b, const tgi_candidate *c, uint32_t j, uint32_t k, bool per_row) {
    const tgi_group *g = b->units[k].group;
    uint32_t         made = made_by(b, &c->sources[j]);
    if (made == TGI_NONE || made < k) return true;
    if (made > k || c->kind == TGI_FUSED_ROW_KERNEL) return false;
    int lead = per_row || g->lead < 0 ? 0 : g->lead;
    return reads_own_tile(b, g, &c->sources[j], access_of_operand(c, j, lead), per_row);
}

/* The copy of an instruction that group k has, or TGI_NONE. */
static uint32_t copy_in(const tgi_plan_builder *b, tgi_ref i, uint32_t k) {
    uint32_t copy = i & TGI_OUTSIDE ? TGI_NONE : b->last_copy[i];
    return copy != TGI_NONE && b->fusion[copy].unit == k ? copy : TGI_NONE;
}

/* Whether operand j is read from such a copy: whatever else there is, it is in the cache. */
static bool reads_copy(const tgi_plan_builder *b, const tgi_candidate *c, uint32_t j, uint32_t k) {
    tgi_source s = c->sources[j];
    s.base = copy_in(b, s.base, k);
    return s.base != TGI_NONE && tgi_may_read_copies(c) &&
           reads_own_tile(b, b->units[k].group, &s, access_of_operand(c, j, 0), false);
}

/* The same for the operands of an instruction that is computed again in the group. */
static bool copy_fits(const fuser *f, uint32_t i, uint32_t k, int depth) {
    const tgi_plan_builder *b = f->b;
    tgi_candidate           c;
    tgi_classify(b, i, &c);
    c.sources = b->views[i].recorded;
    for (uint32_t j = 0; j < c.count; j++) {
        if (reads_copy(b, &c, j, k)) continue;
        bool copied = tgi_supply_of(b, &f->demand, &c.sources[j], b->fusion[i].unit, depth) == TGI_FROM_COPY;
        if (copied ? !copy_fits(f, c.sources[j].base, k, depth - 1) : !operand_fits(b, &c, j, k, false)) return false;
    }
    return true;
}

/* ---- whether rows fit -------------------------------------------------------------------------------------------- */

static int64_t common_divisor(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Whether the group can have rows made of the axes from `lead` on, in tiles of a multiple of that many of them. */
static bool rows_fit(const tgi_unit_info *unit, int lead, int64_t *rows_multiple) {
    const tgi_group *g = unit->group;
    int64_t          columns = tgi_size(g->rank - lead, g->dims + lead);
    int64_t          multiple = g->reduces_all ? TG_BLOCK_ELEMENTS / common_divisor(TG_BLOCK_ELEMENTS, columns) : 1;
    *rows_multiple = unit->rows_multiple / common_divisor(unit->rows_multiple, multiple) * multiple;
    return (g->lead < 0 || g->lead == lead) && columns <= TGI_LONGEST_TILE / *rows_multiple;
}

/* Tiles must begin with a block. */
static bool blocks_fit(const tgi_unit_info *unit, const tgi_candidate *c, int64_t *rows_multiple) {
    int lead = unit->group->lead;
    *rows_multiple = unit->rows_multiple;
    if (lead < 0) return true;
    int64_t columns = tgi_size(c->rank - lead, c->dims + lead);
    *rows_multiple *= TG_BLOCK_ELEMENTS / common_divisor(TG_BLOCK_ELEMENTS, columns * *rows_multiple);
    return columns <= TGI_LONGEST_TILE / *rows_multiple;
}

static tgi_split split_of_reduction(const fuser *f, const tgi_candidate *c, uint32_t k, int64_t *rows_multiple) {
    const tgi_unit_info *unit = &f->b->units[k];
    if (k < f->reduce_barrier || unit->group->assigns) return TGI_SPLIT_REDUCTION;
    bool reduces_all = c->kind == TGI_FUSED_BLOCK_REDUCE && c->axes == c->rank;
    bool fits = reduces_all ? blocks_fit(unit, c, rows_multiple) : rows_fit(unit, c->axes, rows_multiple);
    return fits ? TGI_JOINS : TGI_SPLIT_ROWS;
}

/* ---- whether an assign fits -------------------------------------------------------------------------------------- */

static tgi_split split_of_assign(const fuser *f, const tgi_candidate *c, uint32_t k) {
    const tgi_plan_builder *b = f->b;
    tgi_leaf               *leaf = tgi_leaf_of(tgi_node_at(b->tape, c->node->in[0]));
    const tgi_leaf_access  *access = tgi_access_of_leaf(b, leaf);
    bool                    has_copy = c->sources[0].node->view && c->sources[0].base == tgi_ref_of(b, c->node->in[1]);
    if (k < f->assign_barrier) return TGI_SPLIT_FAILURE;
    if (has_copy) return TGI_SPLIT_OPERAND; /* a view gets its copy just before the group runs */
    bool after_writer = access->writer == TGI_NONE || access->writer < k;
    bool after_reader = access->reader == TGI_NONE || access->reader <= k;
    bool after_strided = access->strided_reader == TGI_NONE || access->strided_reader < k;
    return after_writer && after_reader && after_strided ? TGI_JOINS : TGI_SPLIT_OLD_VALUE;
}

/* ---- looking for a group ----------------------------------------------------------------------------------------- */

/* Whether the group has made an operand, made it again, or was the last to read it. Else to run earlier only takes memory earlier. */
static bool shares_an_operand(const fuser *f, const tgi_candidate *c, uint32_t k) {
    for (uint32_t j = 0; j < c->count; j++) {
        uint32_t          base = c->sources[j].base;
        const tgi_fusion *v = tgi_holder_of(f->b, base);
        bool              copied_before = f->copied >> j & 1 && f->b->last_copy[base] != TGI_NONE;
        if (copy_in(f->b, base, k) != TGI_NONE || (!copied_before && v && v->made && v->last_unit == k)) return true;
    }
    return false;
}

/* Whether the instruction can join unit k, or why not. */
static fit fit_into(const fuser *f, const tgi_candidate *c, uint32_t k) {
    const tgi_plan_builder *b = f->b;
    const tgi_group        *g = b->units[k].group;
    fit                     result = {.split = TGI_JOINS, .multiple = b->units[k].rows_multiple};
    if (!g || (k < f->product_barrier && !shares_an_operand(f, c, k))) return (fit){.split = TGI_SPLIT_BEHIND};
    if (!tgi_same_dims(g->rank, g->dims, c->rank, c->dims)) {
        result.per_row = true;
        if (c->kind != TGI_FUSED_LOOP || !has_rows_of(g, c->rank, c->dims)) result.split = TGI_SPLIT_DOMAIN;
    }
    for (uint32_t j = 0; j < c->count && !result.split; j++) {
        if (!result.per_row && reads_copy(b, c, j, k)) continue;
        bool copied = !result.per_row && f->copied >> j & 1;
        if (copied ? copy_fits(f, c->sources[j].base, k, TGI_COPY_DEPTH - 1) : operand_fits(b, c, j, k, result.per_row))
            continue;
        result.split = TGI_SPLIT_OPERAND;
        result.operand = j;
    }
    if (result.split) return result;
    if (c->kind == TGI_FUSED_ROW_REDUCE || c->kind == TGI_FUSED_ROW_KERNEL || c->kind == TGI_FUSED_BLOCK_REDUCE)
        result.split = split_of_reduction(f, c, k, &result.multiple);
    else if (c->kind == TGI_FUSED_ASSIGN)
        result.split = split_of_assign(f, c, k);
    return result;
}

/* Whether it is an elementwise op with few elements beside those of a group that it might join, or stand before. */
static bool is_small(const tgi_plan_builder *b, const tgi_candidate *c, uint32_t end) {
    enum { FEW_TIMES = 16 };
    int64_t size = tgi_node_size(c->node);
    for (uint32_t k = b->unit_count; k-- > end && c->kind == TGI_FUSED_LOOP;) {
        const tgi_group *g = b->units[k].group;
        if (g && size < tgi_size(g->rank, g->dims) / FEW_TIMES) return true;
    }
    return false;
}

static bool has_many_elements(const tgi_unit_info *unit) {
    return unit->group && tgi_size(unit->group->rank, unit->group->dims) > 1;
}

/* The unit that it joins, or TGI_NONE: then *found says why not the last one. It is the last one that it fits; for what is small the first,
 * so that what reads it, and may be large, can be with what is as large. Single numbers do not seek each other for that: the updates of
 * all parameters would be one group, which takes longer. */
static uint32_t find_group(const fuser *f, const tgi_candidate *c, fit *found) {
    uint32_t count = f->b->unit_count, look_back = c->kind == TGI_FUSED_ROW_KERNEL ? 1 : LOOK_BACK, best = TGI_NONE;
    uint32_t end = count > look_back + f->barrier ? count - look_back : f->barrier;
    fit      last = {.split = TGI_SPLIT_BEHIND};
    bool     small = is_small(f->b, c, end);
    for (uint32_t k = count; k-- > end && (small || best == TGI_NONE);) {
        fit here = fit_into(f, c, k);
        if (k + 1 == count) last = here;
        if (here.split || (best != TGI_NONE && !has_many_elements(&f->b->units[k]))) continue;
        *found = here;
        best = k;
    }
    if (best == TGI_NONE) *found = (fit){.split = last.split, .operand = last.operand, .multiple = 1};
    return best;
}

/* A reduction of rows that no group has may be a block reduction in one with other rows. */
static uint32_t find_group_for(const fuser *f, tgi_candidate *c, fit *found) {
    uint32_t      k = find_group(f, c, found);
    tgi_candidate blocks = *c;
    fit           blocks_found;
    if (k != TGI_NONE || c->kind != TGI_FUSED_ROW_REDUCE || !tgi_classify_block_reduce(f->b, &blocks)) return k;
    k = find_group(f, &blocks, &blocks_found);
    if (k == TGI_NONE) return k;
    *c = blocks;
    *found = blocks_found;
    return k;
}

/* ---- joining one ------------------------------------------------------------------------------------------------- */

static uint32_t new_group(tgi_plan_builder *b, const tgi_candidate *c, const fit *found) {
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
static void restrict_others(fuser *f, const tgi_candidate *c, uint32_t k) {
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

static uint32_t copy_into(fuser *f, uint32_t i, uint32_t k, int depth);

/* The candidate, which is in unit k or will be, reads the copies that are there, and where `copied` says so for operand j one that is
 * made. */
static tg_status supply_copies(fuser *f, const tgi_candidate *c, tgi_source *sources, uint32_t k, unsigned copied, int depth) {
    for (uint32_t j = 0; j < c->count; j++) {
        if (reads_copy(f->b, c, j, k))
            sources[j].base = copy_in(f->b, sources[j].base, k);
        else if (copied >> j & 1)
            sources[j].base = copy_into(f, sources[j].base, k, depth);
        if (sources[j].base == TGI_NONE) return TG_ERR_MEMORY;
    }
    return TG_OK;
}

/* The copy of an instruction in group k, which is made, after those of its operands; TGI_NONE without memory. */
static uint32_t copy_into(fuser *f, uint32_t i, uint32_t k, int depth) {
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
        note_reading(b, &sources[j], k, b->fusion[copy].order, access_of_operand(&c, j, 0) == TGI_CONTIGUOUS);
    return copy;
}

/* The candidate reads copies where it is to, or can. */
static tg_status copy_operands(fuser *f, tgi_candidate *c, uint32_t k) {
    unsigned any = f->copied;
    for (uint32_t j = 0; j < c->count; j++)
        any |= (unsigned)reads_copy(f->b, c, j, k) << j;
    if (!any) return TG_OK;
    tgi_source *sources = tgi_builder_take(f->b, c->count, sizeof *sources);
    if (!sources) return TG_ERR_MEMORY;
    memcpy(sources, c->sources, c->count * sizeof *sources);
    if (supply_copies(f, c, sources, k, f->copied, TGI_COPY_DEPTH - 1)) return TG_ERR_MEMORY;
    f->b->views[c->i].sources = c->sources = sources;
    return TG_OK;
}

static tg_status join(fuser *f, tgi_candidate *c, uint32_t k, const fit *found) {
    tgi_plan_builder *b = f->b;
    tgi_fusion       *v = &b->fusion[c->i];
    if (!found->per_row && copy_operands(f, c, k)) return TG_ERR_MEMORY;
    append_to_unit(b, c->i, k);
    v->kind = (uint8_t)c->kind;
    v->per_row = found->per_row || c->kind == TGI_FUSED_ROW_REDUCE;
    v->made = c->kind != TGI_FUSED_ASSIGN; /* which has no value of its own */
    v->in_memory = is_apart(v->kind) || (v->made && b->liveness[c->i].lasts);
    b->units[k].rows_multiple = found->multiple;
    bool by_element = !found->per_row && c->kind != TGI_FUSED_ROW_KERNEL;
    for (uint32_t j = 0; j < c->count; j++)
        note_reading(b, &c->sources[j], k, v->order, by_element && access_of_operand(c, j, 0) == TGI_CONTIGUOUS);
    restrict_others(f, c, k);
    return TG_OK;
}

/* ---- kernels ----------------------------------------------------------------------------------------------------- */

/* Puts what the kernel reads into memory again, where that was made long before. */
static tg_status copy_for_kernel(fuser *f, uint32_t i, const tgi_source *s) {
    tgi_plan_builder *b = f->b;
    if (s->base & TGI_OUTSIDE || !b->fusion[s->base].made) return TG_OK;
    const tgi_node *node = tgi_instruction(b, s->base);
    tgi_source      whole = {.node = node, .base = s->base};
    tgi_row_major(node->rank, node->dims, whole.strides);
    f->demand = (tgi_demand){i, node->rank, node->dims, b->unit_count};
    if (!tgi_has_room(b) || tgi_supply_of(b, &f->demand, &whole, TGI_NONE, TGI_COPY_DEPTH) != TGI_FROM_COPY) return TG_OK;
    tgi_candidate c;
    fit           none = {.split = TGI_SPLIT_BEHIND};
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
static void set_barriers(fuser *f, uint32_t i, uint32_t k) {
    const tg_op *op = tgi_instruction(f->b, i)->op;
    f->assigns |= op->effect;
    if (tgi_is_safe(f->b, i)) return;
    f->assign_barrier = f->product_barrier = k + 1;
    if (op->linearity != TG_LINEAR_EACH || f->assigns) f->barrier = f->reduce_barrier = k + 1;
}

static tg_status add_kernel(fuser *f, uint32_t i) {
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

static tg_status add(fuser *f, uint32_t i) {
    tgi_candidate c;
    fit           found;
    if (!is_run(f->b, i)) return TG_OK;
    uint32_t k = TGI_NONE;
    bool     grouped = tgi_classify(f->b, i, &c);
    f->demand = (tgi_demand){i, c.rank, c.dims, f->b->unit_count};
    f->copied = grouped ? tgi_copied_operands(f->b, &c, &f->demand) : 0;
    if (grouped) k = find_group_for(f, &c, &found);
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
static tg_status add_known_numbers(fuser *f) {
    tgi_plan_builder *b = f->b;
    uint32_t          first = TGI_NONE; /* where a run that stops before them goes on */
    for (uint32_t i = 0; i < b->count; i++) {
        tgi_candidate c;
        fit           found = {.split = TGI_JOINS, .multiple = 1};
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
    fuser f = {.b = b};
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
