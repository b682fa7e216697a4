/* run/layout.c: cuts the domain of a group into tiles and gives out its registers.
 *
 * A tile is long enough for its operands to come from memory at full speed, one page after the other, and short enough for its
 * registers to stay in the second-level cache. Where reductions along rows or columns, or operands with one element a row or one
 * row for all, ask for rows, a tile is made of whole rows; else the domain is one long row and a tile a piece of it.
 *
 * A register is taken by the step that makes its value, if need be in place of an operand, and free again after the last step that
 * reads it. What goes to memory in the end is made there: the result of a chain of elementwise steps, or the new value of a leaf.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "run/draft.h"

/* A group while its steps are written. */
typedef struct layout {
    tgi_draft *d;
    tgi_group *g;
    uint32_t   item;
    int32_t   *free; /* registers, a stack */
    uint32_t   free_count;
    size_t     width; /* of the widest element in a register */
} layout;

/* ---- operands ---------------------------------------------------------------------------------------------------- */

/* A step's instruction, and the operands that it reads. */
typedef struct reading {
    const tgi_node   *node;
    const tgi_source *sources;
    uint32_t          count;
    int               rank; /* what they are stretched to */
    const int64_t    *dims;
} reading;

static reading reading_of(const layout *l, uint32_t i) {
    const tgi_result *v = &l->d->results[i];
    reading           r = {.node = tgi_node_at(l->d->tape, l->d->start + i), .sources = v->sources};
    r.count = v->kind == TGI_STORE ? 1 : r.node->count;
    bool reduces = v->kind == TGI_REDUCE || v->kind == TGI_FOLD;
    r.rank = reduces || !v->by_row ? l->g->rank : r.node->rank;
    r.dims = reduces || !v->by_row ? l->g->dims : r.node->dims;
    return r;
}

static bool is_in_register(const layout *l, const tgi_source *s) {
    const tgi_result *v = tgi_result_of(l->d, s->base);
    return v && v->made && v->item == l->item && !v->memory && v->home == TGI_NONE;
}

/* In whose memory the operand is, if it is in memory. */
static tgi_ref base_of(const layout *l, const tgi_source *s) {
    const tgi_result *v = tgi_result_of(l->d, s->base);
    return v && v->made && v->item == l->item && !v->memory && v->home != TGI_NONE ? v->home : s->base;
}

static void stretched_strides(const reading *r, const tgi_source *s, int64_t *strides) {
    tgi_stretch(s->node->rank, s->node->dims, s->strides, r->rank, r->dims, strides);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* How many operands would have to be gathered if the first `lead` axes were the rows. */
static int count_apart(const layout *l, uint32_t first, int lead) {
    int count = 0;
    for (uint32_t i = first; i != TGI_NONE; i = l->d->results[i].next) {
        reading r = reading_of(l, i);
        if (l->d->results[i].kind != TGI_LOOP) continue;
        for (uint32_t j = 0; j < r.count; j++) {
            int64_t strides[TG_MAX_RANK];
            stretched_strides(&r, &r.sources[j], strides);
            count += !is_in_register(l, &r.sources[j]) && tgi_lie_of(r.rank, r.dims, strides, lead) == TGI_APART;
        }
    }
    return count;
}

/* The rows that are best for a group which needs none: of some length, or else all is one row. */
static int best_lead(const layout *l, uint32_t first) {
    int best = 0, least = l->g->folds ? 0 : count_apart(l, first, 0);
    for (int lead = 1; lead < l->g->rank && least > 0; lead++) {
        if (tgi_size(l->g->rank - lead, l->g->dims + lead) < TGI_SHORT_ROW) break;
        int count = count_apart(l, first, lead);
        if (count >= least) continue;
        least = count;
        best = lead;
    }
    return best;
}

/* Elements of a tile, as far as the rows allow. */
static int64_t usual_tile(const layout *l, uint32_t first) {
    size_t width = 1;
    for (uint32_t i = first; i != TGI_NONE; i = l->d->results[i].next) {
        size_t w = tg_dtype_size((tg_dtype)tgi_node_at(l->d->tape, l->d->start + i)->dtype);
        if (w > width) width = w;
    }
    return TGI_TILE_BYTES / (int64_t)width;
}

static int64_t power_of_two_below(int64_t x) {
    int64_t power = 1;
    while (2 * power <= x)
        power *= 2;
    return power;
}

static void cut_into_tiles(layout *l, const tgi_group_draft *item) {
    tgi_group *g = l->g;
    int64_t    tile = usual_tile(l, item->first);
    bool       whole_rows = g->lead >= 0;
    if (!whole_rows) g->lead = best_lead(l, item->first);
    g->rows = tgi_size(g->lead, g->dims);
    g->columns = tgi_size(g->rank - g->lead, g->dims + g->lead);
    int64_t size = g->rows * g->columns, least = item->rows_multiple * g->columns;
    if (size == 0)
        tile = 1;
    else if (whole_rows || g->columns < tile)
        tile = least * power_of_two_below(tile / least); /* so that tiles fill the blocks of folds */
    g->tile = size && tile > size ? size : tile;
}

/* ---- homes ------------------------------------------------------------------------------------------------------- */

/* An operand that nothing later reads is made where the result of the elementwise step goes: in the same tile of memory, which is
 * on its way to the cache while the operand is computed. */
static void give_home(layout *l, const tgi_result *v, const reading *r, tgi_ref home) {
    for (uint32_t j = 0; j < r->count; j++) {
        tgi_result *x = tgi_result_of(l->d, r->sources[j].base);
        if (!is_in_register(l, &r->sources[j]) || x->last_order != v->order || x->by_row) continue;
        if (r->sources[j].node->dtype != r->node->dtype) continue;
        x->home = home;
        return;
    }
}

static tg_status give_homes(layout *l, const tgi_group_draft *item) {
    uint32_t *steps = tgi_arena_take(&l->d->arena, item->steps * sizeof *steps), count = 0;
    if (!steps) return TG_ERR_MEMORY;
    for (uint32_t i = item->first; i != TGI_NONE; i = l->d->results[i].next)
        steps[count++] = i;
    while (count-- > 0) {
        const tgi_result *v = &l->d->results[steps[count]];
        reading           r = reading_of(l, steps[count]);
        if (v->kind != TGI_LOOP || v->by_row) continue;
        const tgi_result *home = v->home == TGI_NONE ? NULL : tgi_result_of(l->d, v->home);
        if (v->memory)
            give_home(l, v, &r, steps[count]);
        else if (home && home->made) /* no leaf, whose old value might be read until then */
            give_home(l, v, &r, v->home);
    }
    return TG_OK;
}

/* ---- registers --------------------------------------------------------------------------------------------------- */

static int32_t new_register(layout *l, size_t width) {
    if (width > l->width) l->width = width;
    return (int32_t)l->g->registers++;
}

static int32_t take_register(layout *l, size_t width) {
    if (!l->free_count) return new_register(l, width);
    if (width > l->width) l->width = width;
    return l->free[--l->free_count];
}

static void give_register(layout *l, int32_t reg) {
    l->free[l->free_count++] = reg;
}

/* A register for the result: that of an operand which no later step reads, where the loop can go over it in place. */
static int32_t register_for(layout *l, const tgi_step *step, const reading *r, uint32_t order) {
    for (uint32_t j = 0; j < step->count && step->kind == TGI_LOOP; j++) {
        const tgi_feed *f = &step->feeds[j];
        if (f->reg == TGI_NO_REGISTER || f->lie != TGI_FLAT || f->width != step->width) continue;
        tgi_result *v = tgi_result_of(l->d, r->sources[j].base);
        if (v->last_order != order) continue;
        v->reg = TGI_NO_REGISTER;
        return f->reg;
    }
    return take_register(l, step->width);
}

/* After a step: what it gathered, and what no later step reads. */
static void give_registers(layout *l, const tgi_step *step, const reading *r, uint32_t order) {
    for (uint32_t j = 0; j < step->count; j++) {
        const tgi_feed *f = &step->feeds[j];
        if (f->gather != TGI_NO_REGISTER && !f->once) give_register(l, f->gather);
        if (!is_in_register(l, &r->sources[j])) continue;
        tgi_result *v = tgi_result_of(l->d, r->sources[j].base);
        if (v->last_order == order && v->reg != TGI_NO_REGISTER) give_register(l, v->reg);
        if (v->last_order == order) v->reg = TGI_NO_REGISTER; /* it may be another operand too */
    }
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

/* Rows that are short are gathered rather than gone through one by one. */
static tgi_lie settled_lie(const layout *l, tgi_kind kind, bool by_row, tgi_lie lie) {
    const tgi_group *g = l->g;
    bool             rows = lie == TGI_BY_ROW || lie == TGI_ACROSS;
    if (kind == TGI_COPY) return TGI_APART;
    if (rows && by_row) return TGI_APART;
    if (rows && g->rows == 1) return lie == TGI_BY_ROW ? TGI_ONE : TGI_FLAT;
    if (lie == TGI_ACROSS && g->columns < TGI_REPEATED_ROW) return TGI_APART;
    if (rows && (g->columns < TGI_SHORT_ROW || kind != TGI_LOOP)) return TGI_APART;
    return lie;
}

/* An operand of a kernel that makes rows: the first by rows, the others whole. */
static tgi_feed rows_or_all(const layout *l, const tgi_source *s, bool rows) {
    const tgi_node *x = s->node;
    int64_t         columns = tgi_size(x->rank - l->g->lead, x->dims + l->g->lead);
    return (tgi_feed){.base = s->base,
                      .reg = TGI_NO_REGISTER,
                      .offset = s->offset,
                      .gather = TGI_NO_REGISTER,
                      .lie = rows ? TGI_BY_ROW : TGI_ONE,
                      .width = columns * (int64_t)tg_dtype_size((tg_dtype)x->dtype)};
}

static tg_status fill_feed(layout *l, const reading *r, const tgi_result *v, uint32_t j, tgi_feed *f) {
    const tgi_source *s = &r->sources[j];
    int64_t           strides[TG_MAX_RANK];
    size_t            width = tg_dtype_size((tg_dtype)s->node->dtype);
    stretched_strides(r, s, strides);
    *f = (tgi_feed){.base = base_of(l, s),
                    .reg = TGI_NO_REGISTER,
                    .offset = s->offset,
                    .gather = TGI_NO_REGISTER,
                    .width = (int64_t)width};
    if (is_in_register(l, s)) f->reg = tgi_result_of(l->d, s->base)->reg;
    tgi_lie lie = tgi_lie_of(r->rank, r->dims, strides, v->by_row && v->kind == TGI_LOOP ? 0 : l->g->lead);
    f->lie = (uint8_t)settled_lie(l, (tgi_kind)v->kind, v->by_row && v->kind == TGI_LOOP, lie);
    if (f->lie != TGI_APART) return TG_OK;

    tgi_walk *walk = tgi_arena_take(&l->d->plan->arena, sizeof *walk);
    if (!walk) return TG_ERR_MEMORY;
    if (v->kind == TGI_COPY)
        *walk = tgi_walk_of(width, s->node->rank, s->node->dims, s->strides);
    else
        *walk = tgi_walk_of(width, r->rank, r->dims, strides);
    f->walk = walk;
    f->once = lie == TGI_ACROSS && v->kind != TGI_COPY && l->g->tile >= l->g->columns;
    f->gather = f->once ? new_register(l, width) : take_register(l, width);
    return TG_OK;
}

static tg_status fill_step(layout *l, uint32_t i, tgi_step *step) {
    tgi_result *v = &l->d->results[i];
    reading     r = reading_of(l, i);
    *step = (tgi_step){.op = r.node->op,
                       .node = i,
                       .out = i,
                       .reg = TGI_NO_REGISTER,
                       .kind = v->kind,
                       .count = (uint8_t)r.count,
                       .width = (uint8_t)tg_dtype_size((tg_dtype)r.node->dtype),
                       .by_row = v->by_row};
    step->feeds = tgi_arena_take(&l->d->plan->arena, r.count * sizeof *step->feeds);
    if (!step->feeds) return TG_ERR_MEMORY;
    for (uint32_t j = 0; j < r.count; j++)
        if (v->kind == TGI_ROWS)
            step->feeds[j] = rows_or_all(l, &r.sources[j], j == 0);
        else if (fill_feed(l, &r, v, j, &step->feeds[j]))
            return TG_ERR_MEMORY;
    l->g->work += v->kind == TGI_ROWS ? step->feeds[0].width / step->width : 1;

    if (v->kind == TGI_LOOP) step->loop = r.node->op->loop[tgi_node_at(l->d->tape, r.node->in[r.node->count - 1])->dtype];
    if (v->kind == TGI_STORE) {
        uint32_t leaf = r.node->in[0];
        step->out = leaf >= l->d->start ? leaf - l->d->start : leaf | TGI_OUTSIDE;
    } else if (!v->memory && v->home != TGI_NONE)
        step->out = v->home;
    else if (!v->memory)
        step->reg = v->reg = register_for(l, step, &r, v->order);
    if (v->kind == TGI_FOLD) {
        bool whole = tgi_node_size(r.node) == 1;
        step->blocks = whole ? (l->g->rows * l->g->columns - 1) / TG_FOLD_BLOCK + 1 : (l->g->rows - 1) / TG_FOLD_ROWS + 1;
        step->partial = l->g->partial_bytes;
        l->g->partial_bytes += ((size_t)(step->blocks * (whole ? 1 : l->g->columns)) * step->width + 63) & ~(size_t)63;
    }
    give_registers(l, step, &r, v->order);
    return TG_OK;
}

tg_status tgi_lay_out_group(tgi_draft *d, uint32_t item) {
    tgi_group_draft *draft = &d->items[item];
    tgi_group       *g = draft->group;
    layout           l = {.d = d, .g = g, .item = item, .width = 1};
    g->steps = tgi_arena_take(&d->plan->arena, draft->steps * sizeof *g->steps);
    l.free = tgi_pool_take(&d->tape->pool, draft->steps * (TG_MAX_LOOP_OPERANDS + 1) * sizeof *l.free);
    tg_status status = g->steps && l.free ? TG_OK : TG_ERR_MEMORY;
    if (!status) cut_into_tiles(&l, draft);
    if (!status) status = give_homes(&l, draft);
    for (uint32_t i = draft->first; i != TGI_NONE && !status; i = d->results[i].next)
        status = fill_step(&l, i, &g->steps[g->step_count++]);
    tgi_pool_give(&d->tape->pool, l.free);
    g->register_bytes = ((size_t)g->tile * l.width + 63) & ~(size_t)63;
    return status;
}
