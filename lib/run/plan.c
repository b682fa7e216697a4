/* run/plan.c: makes the plan for a stretch of the tape.
 *
 * Goes through the stretch in the order of recording and puts each instruction into an item: one with a kernel into a new one at
 * the end, all others, and kernels that go row by row, into a group. An instruction may join any group that comes after all that
 * it reads, when its shape fits the group's domain, and then runs earlier than instructions recorded before it. Nobody can tell:
 *
 *   - Kernels may fail, so they stay where they are: nothing joins an item before the last kernel. When one fails, what was
 *     recorded before it has run, and nothing else.
 *   - An assign comes after all that read the old value, and before all that read the new one. Within a group that is so when
 *     each element is read and written by the step of its own tile: both lie flat.
 *   - A view shows memory that an assign will overwrite: what reads it afterwards reads the copy that it has by then.
 *   - In the group of an assign nothing can fail, nor between it and what would be run again.
 *
 * Which values need memory follows from who reads them. layout.c then cuts the domains into tiles, and memory.c gives out places.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "run/draft.h"
#include "run/run.h"

enum { LOOK_BACK = 16 }; /* how many items are tried, from the last one back */

bool tgi_lasts(const tg_tape *tape, uint32_t index, uint32_t limit) {
    const tgi_node *node = tgi_node_at(tape, index);
    if (index >= limit) return false;
    return node->flags & TGI_KEEP || (node->flags & TGI_SAVE && tape->keep == TG_KEEP_RECORDED) || node->op->random;
}

/* ---- what must run ----------------------------------------------------------------------------------------------- */

static bool is_leaf(const tgi_node *node) {
    return !node->op->infer;
}

/* How many leading axes the kernel goes through one by one, or reduces in pieces; -1: it does not. */
static int leading_axes(const tgi_draft *d, const tgi_node *node) {
    tg_type x[TG_MAX_LOOP_OPERANDS];
    if (!node->op->lead || node->count > TG_MAX_LOOP_OPERANDS) return -1;
    for (uint32_t j = 0; j < node->count; j++)
        x[j] = tgi_node_type(tgi_node_at(d->tape, node->in[j]));
    return node->op->lead(x, node->attr);
}

static int folded_axes(const tgi_draft *d, const tgi_node *node) {
    if (!node->op->folded || !node->op->fold || node->count != 1) return -1;
    tg_type x = tgi_node_type(tgi_node_at(d->tape, node->in[0]));
    return node->op->folded(&x, node->attr);
}

/* With operands in row-major order such a kernel cannot fail. Any other may, and that must be seen. */
static bool never_fails(const tgi_draft *d, const tgi_node *node) {
    return leading_axes(d, node) >= 0 || folded_axes(d, node) >= 0;
}

static void mark_needed(tgi_draft *d) {
    for (uint32_t i = d->count; i-- > 0;) {
        const tgi_node *node = tgi_node_at(d->tape, d->start + i);
        tgi_result     *v = &d->results[i];
        v->lasts = tgi_lasts(d->tape, d->start + i, d->limit);
        if (v->lasts || node->op == &tgi_assign || (node->op->kernel && !never_fails(d, node))) v->needed = 1;
        for (uint32_t j = 0; j < node->count && v->needed; j++)
            if (node->in[j] >= d->start) d->results[node->in[j] - d->start].needed = 1;
    }
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

/* What the view shows; false when strides cannot say it. */
static bool look_through(tgi_draft *d, uint32_t i, const tgi_node *node, tgi_source *shown) {
    static char memory[1]; /* stands for that of the operand: what counts is the way from there */
    tgi_source  s = tgi_source_of(d, d->start + i, node->in[0]);
    tg_array    in = {.data = memory, .dtype = (tg_dtype)s.node->dtype, .rank = s.node->rank, .size = tgi_node_size(s.node)};
    tg_array    out = {.dtype = in.dtype, .rank = node->rank, .size = tgi_node_size(node)};
    memcpy(in.dims, s.node->dims, s.node->rank * sizeof *in.dims);
    memcpy(in.strides, s.strides, s.node->rank * sizeof *in.strides);
    memcpy(out.dims, node->dims, node->rank * sizeof *out.dims);
    *shown = s;
    if (out.dtype != node->dtype || !node->op->view(&in, node->attr, &out)) {
        d->plan->plain |= out.dtype != node->dtype || in.size != out.size; /* an error, which a plain run will report */
        return false;
    }
    shown->node = node;
    shown->offset = s.offset + (int64_t)((uintptr_t)out.data - (uintptr_t)memory);
    memcpy(shown->strides, out.strides, node->rank * sizeof *out.strides);
    return true;
}

static tg_status note_view(tgi_draft *d, uint32_t i, const tgi_node *node, const tgi_source *shown) {
    tgi_result *v = &d->results[i];
    size_t      bytes = node->rank * sizeof *v->strides;
    int64_t    *strides = tgi_arena_take(&d->plan->arena, bytes);
    if (!strides) return tgi_out_of_memory(d->tape, node->op->name);
    v->strides = memcpy(strides, shown->strides, bytes);
    v->base = shown->base;
    v->offset = shown->offset;
    return TG_OK;
}

/* ---- items ------------------------------------------------------------------------------------------------------- */

static tgi_group_draft *new_item(tgi_draft *d, uint32_t i, tgi_group *group) {
    tgi_group_draft *item = &d->items[d->item_count++];
    *item = (tgi_group_draft){.group = group, .node = i, .first = TGI_NONE, .last = TGI_NONE, .rows_multiple = 1};
    return item;
}

static uint32_t later(uint32_t a, uint32_t b) {
    if (a == TGI_NONE || b == TGI_NONE) return a == TGI_NONE ? b : a;
    return a > b ? a : b;
}

/* Notes that item k reads the operand; `order`: the step there. */
static void note_reading(tgi_draft *d, const tgi_source *s, uint32_t k, uint32_t order, bool flat) {
    tgi_result *v = tgi_result_of(d, s->base);
    if (v && v->made) {
        if (v->item == k)
            v->last_order = order;
        else
            v->memory = 1;
        v->last = later(v->last, k);
    }
    tgi_traffic *traffic = tgi_traffic_of(d, tgi_node_of(d->tape, d->start, s->base));
    if (!traffic) return;
    traffic->reader = later(traffic->reader, k);
    if (traffic->reader == k) traffic->order = order;
    if (!flat) traffic->apart = later(traffic->apart, k);
}

static bool lies_flat(const tgi_source *s) {
    return tgi_node_size(s->node) <= 1 || tgi_lie_of(s->node->rank, s->node->dims, s->strides, 0) == TGI_FLAT;
}

/* Whether it keeps that promise here: a reduction, or one that makes rows from operands in that order. */
static bool is_safe(const tgi_draft *d, uint32_t i, const tgi_node *node) {
    for (uint32_t j = 0; j < node->count && node->count > 1; j++) {
        tgi_source s = tgi_source_of(d, d->start + i, node->in[j]);
        if (!lies_flat(&s)) return false;
    }
    return never_fails(d, node);
}

static void add_kernel(tgi_draft *d, uint32_t i, const tgi_node *node) {
    uint32_t k = d->item_count;
    new_item(d, i, NULL);
    for (uint32_t j = 0; j < node->count; j++) {
        tgi_source s = tgi_source_of(d, d->start + i, node->in[j]);
        note_reading(d, &s, k, 0, false);
    }
    d->results[i].item = d->results[i].last = k;
    d->results[i].made = d->results[i].memory = 1;
    if (!is_safe(d, i, node)) d->barrier = d->assign_barrier = d->reduce_barrier = k + 1;
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

/* An instruction that looks for a group. */
typedef struct candidate {
    uint32_t        i;
    const tgi_node *node;
    tgi_kind        kind;
    uint32_t        first, count; /* the operands that are read */
    int             rank, axes;   /* of its domain; and of a reduction the axes that lead, or are folded */
    const int64_t  *dims;
    tgi_source      source[TG_MAX_LOOP_OPERANDS];
} candidate;

/* Whether the shape has one element for each row of the domain. */
static bool has_rows_of(const tgi_group *g, int rank, const int64_t *dims) {
    if (g->lead < 0 || rank < g->lead || rank > g->rank) return false;
    for (int i = 0; i < rank; i++)
        if (dims[i] != (i < g->lead ? g->dims[i] : 1)) return false;
    return true;
}

static tgi_lie lie_of_operand(const candidate *c, uint32_t j, int lead) {
    int64_t         strides[TG_MAX_RANK];
    const tgi_node *node = c->source[j].node;
    if (c->kind == TGI_COPY) return TGI_APART;
    tgi_stretch(node->rank, node->dims, c->source[j].strides, c->rank, c->dims, strides);
    return tgi_lie_of(c->rank, c->dims, strides, lead);
}

/* Whether an operand that is made in the very group can be read from there: element by element, tile by tile. */
static bool reads_own_tile(const tgi_draft *d, const tgi_group *g, const tgi_source *s, tgi_lie lie, bool by_row) {
    const tgi_result *v = tgi_result_of(d, s->base);
    bool              rows_are_one = g->lead >= 0 && tgi_size(g->lead, g->dims) == 1;
    bool              is_one = tgi_size(g->rank, g->dims) == 1;
    if (s->offset != 0) return false;
    if (!v || !v->made) /* a leaf that an assign of the group writes */
        return tgi_leaf_of(s->node) && !by_row && lie == TGI_FLAT;
    if (v->kind == TGI_FOLD) return false;
    if (v->by_row) return lie == (by_row ? TGI_FLAT : TGI_BY_ROW) || (lie == TGI_ONE && rows_are_one);
    return !by_row && (lie == TGI_FLAT || (lie == TGI_ONE && is_one));
}

static bool operands_fit(const tgi_draft *d, const candidate *c, uint32_t k, bool by_row) {
    const tgi_group *g = d->items[k].group;
    for (uint32_t j = 0; j < c->count; j++) {
        const tgi_result *v = tgi_result_of(d, c->source[j].base);
        uint32_t          made = v && v->made ? v->item : c->source[j].after;
        if (made == TGI_NONE || made < k) continue;
        if (made > k || c->kind == TGI_ROWS ||
            !reads_own_tile(d, g, &c->source[j], lie_of_operand(c, j, by_row || g->lead < 0 ? 0 : g->lead), by_row))
            return false;
    }
    return true;
}

static int64_t common_divisor(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Whether the group can have rows made of the axes from `lead` on, in tiles of a multiple of so many of them. */
static bool rows_fit(const tgi_group_draft *item, int lead, int64_t *rows_multiple) {
    const tgi_group *g = item->group;
    int64_t          columns = tgi_size(g->rank - lead, g->dims + lead);
    int64_t          multiple = g->folds ? TG_FOLD_BLOCK / common_divisor(TG_FOLD_BLOCK, columns) : 1;
    *rows_multiple = item->rows_multiple / common_divisor(item->rows_multiple, multiple) * multiple;
    return (g->lead < 0 || g->lead == lead) && columns <= TGI_LONGEST_TILE / *rows_multiple;
}

static bool reduction_fits(const tgi_draft *d, const candidate *c, uint32_t k, int64_t *multiple) {
    const tgi_group_draft *item = &d->items[k];
    if (k < d->reduce_barrier || item->group->assigns) return false;
    if (c->kind != TGI_FOLD || c->axes < c->rank) return rows_fit(item, c->axes, multiple);
    *multiple = item->rows_multiple;
    if (item->group->lead < 0) return true;
    int64_t columns = tgi_size(c->rank - item->group->lead, c->dims + item->group->lead);
    *multiple *= TG_FOLD_BLOCK / common_divisor(TG_FOLD_BLOCK, columns * item->rows_multiple);
    return columns <= TGI_LONGEST_TILE / *multiple;
}

static bool assign_fits(const tgi_draft *d, const candidate *c, uint32_t k) {
    const tgi_node    *leaf = tgi_node_at(d->tape, c->node->in[0]);
    const tgi_traffic *traffic = tgi_traffic_of(d, leaf);
    bool               has_copy = c->source[0].node->view && c->source[0].base == tgi_ref_of(d, c->node->in[1]);
    if (k < d->assign_barrier || has_copy) return false; /* a view gets its copy just before the group runs */
    bool after_writer = traffic->writer == TGI_NONE || traffic->writer < k;
    bool after_reader = traffic->reader == TGI_NONE || traffic->reader <= k;
    bool after_apart = traffic->apart == TGI_NONE || traffic->apart < k;
    return after_writer && after_reader && after_apart;
}

/* Whether the instruction can join item k; *by_row: with one element a row. */
static bool fits(const tgi_draft *d, const candidate *c, uint32_t k, bool *by_row, int64_t *multiple) {
    const tgi_group *g = d->items[k].group;
    *multiple = d->items[k].rows_multiple;
    *by_row = false;
    if (!g) return false;
    if (!tgi_same_dims(g->rank, g->dims, c->rank, c->dims)) {
        *by_row = true;
        if (c->kind != TGI_LOOP || !has_rows_of(g, c->rank, c->dims)) return false;
    }
    if (!operands_fit(d, c, k, *by_row)) return false;
    if (c->kind == TGI_REDUCE || c->kind == TGI_ROWS || c->kind == TGI_FOLD) return reduction_fits(d, c, k, multiple);
    return c->kind != TGI_STORE || assign_fits(d, c, k);
}

static uint32_t find_group(const tgi_draft *d, const candidate *c, bool *by_row, int64_t *multiple) {
    uint32_t look_back = c->kind == TGI_ROWS ? 1 : LOOK_BACK;
    uint32_t end = d->item_count > look_back + d->barrier ? d->item_count - look_back : d->barrier;
    for (uint32_t k = d->item_count; k-- > end;)
        if (fits(d, c, k, by_row, multiple)) return k;
    *by_row = false;
    *multiple = 1;
    return TGI_NONE;
}

static uint32_t new_group(tgi_draft *d, const candidate *c) {
    tgi_group *g = tgi_arena_take(&d->plan->arena, sizeof *g);
    if (!g) {
        tgi_out_of_memory(d->tape, c->node->op->name);
        return TGI_NONE;
    }
    *g = (tgi_group){.rank = c->rank, .lead = -1};
    memcpy(g->dims, c->dims, (size_t)c->rank * sizeof *g->dims);
    new_item(d, c->i, g);
    d->plan->group_count++;
    return d->item_count - 1;
}

/* What is assigned to a leaf may be made right there, when no step between needs the old value. */
static void give_home(tgi_draft *d, const candidate *assign, uint32_t k, const tgi_traffic *traffic) {
    tgi_result *v = tgi_result_of(d, assign->source[0].base);
    if (!v || !v->made || v->item != k || v->kind != TGI_LOOP || v->by_row || v->home != TGI_NONE) return;
    if (traffic->reader != k || traffic->order <= v->order) v->home = tgi_ref_of(d, assign->node->in[0]);
}

static void join(tgi_draft *d, const candidate *c, uint32_t k, bool by_row, int64_t multiple) {
    tgi_group_draft *item = &d->items[k];
    tgi_group       *g = item->group;
    tgi_result      *v = &d->results[c->i];
    v->sources = tgi_arena_take(&d->arena, c->count * sizeof *v->sources);
    if (!v->sources) {
        tgi_out_of_memory(d->tape, c->node->op->name);
        return;
    }
    memcpy(v->sources, c->source, c->count * sizeof *v->sources);
    v->item = v->last = k;
    v->order = v->last_order = item->steps++;
    v->kind = (uint8_t)c->kind;
    v->by_row = by_row || c->kind == TGI_REDUCE;
    v->made = 1;
    v->memory |= c->kind == TGI_FOLD;
    v->next = v->home = TGI_NONE;
    if (item->first == TGI_NONE)
        item->first = c->i;
    else
        d->results[item->last].next = c->i;
    item->last = c->i;
    item->rows_multiple = multiple;
    for (uint32_t j = 0; j < c->count; j++)
        note_reading(d, &c->source[j], k, v->order, !by_row && c->kind != TGI_ROWS && lie_of_operand(c, j, 0) == TGI_FLAT);

    bool rows = c->kind == TGI_REDUCE || c->kind == TGI_ROWS;
    if (rows || (c->kind == TGI_FOLD && c->axes < c->rank)) g->lead = c->axes;
    if (c->kind == TGI_FOLD && c->axes == c->rank) g->folds = true;
    if (rows) d->assign_barrier = k + 1 > d->assign_barrier ? k + 1 : d->assign_barrier;
    if (c->kind != TGI_STORE) return;
    tgi_traffic *traffic = tgi_traffic_of(d, tgi_node_at(d->tape, c->node->in[0]));
    give_home(d, c, k, traffic);
    traffic->writer = k;
    traffic->assign = d->start + c->i;
    v->made = 0;
    g->assigns = true;
    d->reduce_barrier = d->item_count;
}

/* ---- kinds ------------------------------------------------------------------------------------------------------- */

static tg_loop *loop_of(const tg_tape *tape, const tgi_node *node) {
    if (!node->count || node->count > TG_MAX_LOOP_OPERANDS) return NULL;
    return node->op->loop[tgi_node_at(tape, node->in[node->count - 1])->dtype];
}

static bool can_fold(const tgi_draft *d, candidate *c) {
    c->axes = folded_axes(d, c->node);
    c->kind = TGI_FOLD;
    return c->axes >= 0 && (c->axes == c->rank || tgi_size(c->rank - c->axes, c->dims + c->axes) >= TG_FOLD_COLUMNS);
}

/* A kernel that makes rows, or reduces, can do so in a group when its operands lie flat: then the result is the same, to the
 * bit. */
static bool goes_by_rows(const tgi_draft *d, candidate *c, const tgi_node *node) {
    const tgi_node *x = c->source[0].node;
    for (uint32_t j = 0; j < c->count; j++)
        if (tgi_node_size(c->source[j].node) == 0 || !lies_flat(&c->source[j])) return false;
    c->axes = leading_axes(d, node);
    if (c->axes >= 0 && tgi_node_size(node) > tgi_size(c->axes, x->dims)) {
        c->kind = TGI_ROWS;
        return tgi_size(c->rank - c->axes, c->dims + c->axes) <= TGI_LONGEST_TILE;
    }
    c->rank = x->rank;
    c->dims = x->dims;
    c->kind = TGI_REDUCE;
    if (c->axes >= 0 && tgi_size(c->rank - c->axes, c->dims + c->axes) <= TGI_LONGEST_TILE) return c->count == 1;
    return can_fold(d, c);
}

/* What it could do in a group; false when it is a kernel. */
static bool is_candidate(const tgi_draft *d, uint32_t i, const tgi_node *node, candidate *c) {
    c->i = i;
    c->node = node;
    c->first = 0;
    c->count = node->count;
    c->rank = node->rank;
    c->dims = node->dims;
    c->kind = TGI_LOOP;
    if (node->op == &tgi_assign) {
        c->kind = TGI_STORE;
        c->first = c->count = 1;
    } else if (node->op->view)
        c->kind = TGI_COPY;
    else if (!loop_of(d->tape, node) && !is_safe(d, i, node))
        return false;
    for (uint32_t j = 0; j < c->count && c->kind != TGI_COPY; j++)
        c->source[j] = tgi_source_of(d, d->start + i, node->in[c->first + j]);
    return c->kind != TGI_LOOP || loop_of(d->tape, node) || goes_by_rows(d, c, node);
}

/* A reduction of rows that no group has may be a fold in one with other rows. */
static uint32_t find_group_for(const tgi_draft *d, candidate *c, bool *by_row, int64_t *multiple) {
    uint32_t  k = find_group(d, c, by_row, multiple);
    candidate fold = *c;
    if (k != TGI_NONE || c->kind != TGI_REDUCE || !can_fold(d, &fold)) return k;
    k = find_group(d, &fold, by_row, multiple);
    if (k != TGI_NONE) *c = fold;
    return k;
}

static void add_instruction(tgi_draft *d, uint32_t i) {
    const tgi_node *node = tgi_node_at(d->tape, d->start + i);
    candidate       c;
    bool            by_row;
    int64_t         multiple;
    d->results[i].base = i;
    if (!d->results[i].needed || is_leaf(node)) return;
    if (node->op == &tgi_assign && node->in[0] == node->in[1]) return;
    if (node->op->view && look_through(d, i, node, &c.source[0])) {
        note_view(d, i, node, &c.source[0]);
        return;
    }
    if (!is_candidate(d, i, node, &c)) {
        add_kernel(d, i, node);
        return;
    }
    uint32_t k = find_group_for(d, &c, &by_row, &multiple);
    if (k == TGI_NONE && c.kind == TGI_FOLD) {
        add_kernel(d, i, node);
        return;
    }
    if (k == TGI_NONE) k = new_group(d, &c);
    if (k != TGI_NONE) join(d, &c, k, by_row, multiple);
}

/* ---- the plan ---------------------------------------------------------------------------------------------------- */

/* A view that lasts needs a base that lasts. */
static void let_bases_last(tgi_draft *d) {
    for (uint32_t i = 0; i < d->count; i++) {
        tgi_result *v = &d->results[i], *base = v->strides ? tgi_result_of(d, v->base) : NULL;
        if (base && v->lasts) base->lasts = 1;
    }
    for (uint32_t i = 0; i < d->count; i++)
        if (d->results[i].lasts && d->results[i].made) d->results[i].memory = 1;
}

static tg_status finish(tgi_draft *d) {
    tgi_plan *plan = d->plan;
    plan->items = tgi_arena_take(&plan->arena, d->item_count * sizeof *plan->items);
    if (!plan->items) return TG_ERR_MEMORY;
    let_bases_last(d);
    for (uint32_t k = 0; k < d->item_count; k++) {
        tgi_group *g = d->items[k].group;
        plan->items[k] = (tgi_item){.node = d->items[k].node, .group = g};
        if (!g) continue;
        if (tgi_lay_out_group(d, k)) return TG_ERR_MEMORY;
        plan->step_count += g->step_count;
    }
    plan->item_count = d->item_count;
    return tgi_place_values(d);
}

static tg_status draft(tgi_draft *d) {
    memset(d->results, 0, d->count * sizeof *d->results);
    for (uint32_t i = 0; i < d->count; i++)
        d->results[i].item = d->results[i].last = TGI_NONE;
    mark_needed(d);
    for (uint32_t i = 0; i < d->count && !d->tape->status && !d->plan->plain; i++)
        add_instruction(d, i);
    if (d->tape->status || d->plan->plain) return d->tape->status;
    return finish(d) ? tgi_out_of_memory(d->tape, "run") : TG_OK;
}

tgi_plan *tgi_make_plan(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit) {
    tgi_plan *plan = calloc(1, sizeof *plan);
    tgi_draft d =
        {.tape = tape, .plan = plan, .start = start, .count = end - start, .limit = limit, .number = ++tape->plans.made};
    d.results = tgi_pool_take(&tape->pool, d.count * sizeof *d.results);
    d.items = tgi_pool_take(&tape->pool, d.count * sizeof *d.items);
    if (!plan || !d.results || !d.items)
        tgi_out_of_memory(tape, "run");
    else
        draft(&d);
    if (plan) plan->count = d.count;
    tgi_arena_free(&d.arena);
    tgi_pool_give(&tape->pool, d.results);
    tgi_pool_give(&tape->pool, d.items);
    if (!tape->status) return plan;
    tgi_free_plan(plan);
    return NULL;
}

void tgi_free_plan(tgi_plan *plan) {
    if (!plan) return;
    tgi_arena_free(&plan->arena);
    free(plan);
}
