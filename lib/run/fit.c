/* run/fit.c: which group an instruction can join; see fuse.c, which lets it.
 *
 * A group has a domain. What is elementwise fits where its shape is the domain's, or has one element for each row, and where each operand
 * that the group makes is read element by element, or row by row, from the very tile. Reductions and row kernels need rows of whole axes, block
 * reductions tiles that begin with a block; an assign must come after all that read the old value.
 *
 * SPDX-License-Identifier: MIT */
#include "run/fit.h"

enum { LOOK_BACK = 16 }; /* how many units are tried, from the last one back */

/* ---- whether an operand fits ------------------------------------------------------------------------------------- */

/* Whether the shape has one element for each row of the domain. */
static bool has_rows_of(const tgi_group *g, int rank, const int64_t *dims) {
    if (g->lead < 0 || rank < g->lead || rank > g->rank) return false;
    for (int i = 0; i < rank; i++)
        if (dims[i] != (i < g->lead ? g->dims[i] : 1)) return false;
    return true;
}

tgi_access tgi_access_of_operand(const tgi_candidate *c, uint32_t j, int lead) {
    int64_t         strides[TG_MAX_RANK];
    const tgi_node *node = c->sources[j].node;
    if (c->kind == TGI_FUSED_COPY) return TGI_STRIDED;
    tgi_stretch(node->rank, node->dims, c->sources[j].strides, c->rank, c->dims, strides);
    return tgi_access_to(c->rank, c->dims, strides, lead);
}

bool tgi_is_apart(uint8_t kind) {
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
    if (tgi_is_apart(v->kind)) return false;
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
    return reads_own_tile(b, g, &c->sources[j], tgi_access_of_operand(c, j, lead), per_row);
}

uint32_t tgi_copy_in(const tgi_plan_builder *b, tgi_ref i, uint32_t k) {
    uint32_t copy = i & TGI_OUTSIDE ? TGI_NONE : b->last_copy[i];
    return copy != TGI_NONE && b->fusion[copy].unit == k ? copy : TGI_NONE;
}

bool tgi_reads_copy(const tgi_plan_builder *b, const tgi_candidate *c, uint32_t j, uint32_t k) {
    tgi_source s = c->sources[j];
    s.base = tgi_copy_in(b, s.base, k);
    return s.base != TGI_NONE && tgi_may_read_copies(c) &&
           reads_own_tile(b, b->units[k].group, &s, tgi_access_of_operand(c, j, 0), false);
}

/* The same for the operands of an instruction that is computed again in the group. */
static bool copy_fits(const tgi_fuser *f, uint32_t i, uint32_t k, int depth) {
    const tgi_plan_builder *b = f->b;
    tgi_candidate           c;
    tgi_classify(b, i, &c);
    c.sources = b->views[i].recorded;
    for (uint32_t j = 0; j < c.count; j++) {
        if (tgi_reads_copy(b, &c, j, k)) continue;
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

static tgi_split split_of_reduction(const tgi_fuser *f, const tgi_candidate *c, uint32_t k, int64_t *rows_multiple) {
    const tgi_unit_info *unit = &f->b->units[k];
    if (k < f->reduce_barrier || unit->group->assigns) return TGI_SPLIT_REDUCTION;
    bool reduces_all = c->kind == TGI_FUSED_BLOCK_REDUCE && c->axes == c->rank;
    bool fits = reduces_all ? blocks_fit(unit, c, rows_multiple) : rows_fit(unit, c->axes, rows_multiple);
    return fits ? TGI_JOINS : TGI_SPLIT_ROWS;
}

/* ---- whether an assign fits -------------------------------------------------------------------------------------- */

static tgi_split split_of_assign(const tgi_fuser *f, const tgi_candidate *c, uint32_t k) {
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
static bool shares_an_operand(const tgi_fuser *f, const tgi_candidate *c, uint32_t k) {
    for (uint32_t j = 0; j < c->count; j++) {
        uint32_t          base = c->sources[j].base;
        const tgi_fusion *v = tgi_holder_of(f->b, base);
        bool              copied_before = f->copied >> j & 1 && f->b->last_copy[base] != TGI_NONE;
        if (tgi_copy_in(f->b, base, k) != TGI_NONE || (!copied_before && v && v->made && v->last_unit == k)) return true;
    }
    return false;
}

/* Whether the instruction can join unit k, or why not. */
static tgi_fit fit_into(const tgi_fuser *f, const tgi_candidate *c, uint32_t k) {
    const tgi_plan_builder *b = f->b;
    const tgi_group        *g = b->units[k].group;
    tgi_fit                 result = {.split = TGI_JOINS, .multiple = b->units[k].rows_multiple};
    if (!g || (k < f->product_barrier && !shares_an_operand(f, c, k))) return (tgi_fit){.split = TGI_SPLIT_BEHIND};
    if (!tgi_same_dims(g->rank, g->dims, c->rank, c->dims)) {
        result.per_row = true;
        if (c->kind != TGI_FUSED_LOOP || !has_rows_of(g, c->rank, c->dims)) result.split = TGI_SPLIT_DOMAIN;
    }
    for (uint32_t j = 0; j < c->count && !result.split; j++) {
        if (!result.per_row && tgi_reads_copy(b, c, j, k)) continue;
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
static uint32_t find_group(const tgi_fuser *f, const tgi_candidate *c, tgi_fit *found) {
    uint32_t count = f->b->unit_count, look_back = c->kind == TGI_FUSED_ROW_KERNEL ? 1 : LOOK_BACK, best = TGI_NONE;
    uint32_t end = count > look_back + f->barrier ? count - look_back : f->barrier;
    tgi_fit  last = {.split = TGI_SPLIT_BEHIND};
    bool     small = is_small(f->b, c, end);
    for (uint32_t k = count; k-- > end && (small || best == TGI_NONE);) {
        tgi_fit here = fit_into(f, c, k);
        if (k + 1 == count) last = here;
        if (here.split || (best != TGI_NONE && !has_many_elements(&f->b->units[k]))) continue;
        *found = here;
        best = k;
    }
    if (best == TGI_NONE) *found = (tgi_fit){.split = last.split, .operand = last.operand, .multiple = 1};
    return best;
}

uint32_t tgi_find_group(const tgi_fuser *f, tgi_candidate *c, tgi_fit *found) {
    uint32_t      k = find_group(f, c, found);
    tgi_candidate blocks = *c;
    tgi_fit       blocks_found;
    if (k != TGI_NONE || c->kind != TGI_FUSED_ROW_REDUCE || !tgi_classify_block_reduce(f->b, &blocks)) return k;
    k = find_group(f, &blocks, &blocks_found);
    if (k == TGI_NONE) return k;
    *c = blocks;
    *found = blocks_found;
    return k;
}
