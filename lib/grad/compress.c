/* grad/compress.c: in how few products a sparse matrix can be computed.
 *
 * There are three ways: columns are added up, by forward walks; rows, by backward walks; or rows of the derivatives for the cut, which meet
 * less often (cut.c). A pass costs about what it reads and writes at its ends; the way with the least cost in all is taken. Of a
 * symmetric matrix there is one way, a star coloring.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "grad/grad.h"
#include "grad/sparsity.h"

/* ---- where the entries are ----------------------------------------------------------------------------------------- */

/* To which column each element of the cut belongs. False where one depends on several, or on an error: then there is no cut. */
static bool find_columns(tgi_compression *c, const tgi_derivative *p) {
    tgi_dependence_of of = {p->what, c->cut.count, p->n, p->n, c->cut.value, p->inputs, p->inputs, &c->seen};
    tgi_dependence    d;
    bool              single = !tgi_find_dependence(&d, p->tape, &of);
    c->column = single ? tgi_pool_take(&p->tape->pool, (size_t)d.count * sizeof *c->column) : NULL;
    if (single && !c->column) tgi_out_of_memory(p->tape, p->what);
    for (int64_t k = 0; k < d.count && c->column && single; k++) {
        single = d.set[k] <= d.sets.columns;
        c->column[k] = d.set[k] ? d.set[k] - 1 : TGI_NONE;
    }
    tgi_free_dependence(&d);
    return single && c->column;
}

static tg_status find_entries_for(tgi_compression *c, const tgi_derivative *p, int n, const tg_tensor *inputs, tgi_entries *e) {
    tgi_dependence_of of = {p->what, p->m, n, p->n, p->outputs, inputs, p->inputs, &c->seen};
    tgi_dependence    d;
    if (!tgi_find_dependence(&d, p->tape, &of)) tgi_sparse_entries(e, &d);
    tgi_free_dependence(&d);
    return p->tape->status;
}

static tg_status find_entries_by_cut(tgi_compression *c, const tgi_derivative *p) {
    if (find_entries_for(c, p, c->cut.count, c->cut.value, &c->crossing)) return p->tape->status;
    return tgi_join_columns(&c->entries, &c->crossing, p->columns, c->column);
}

/* A derivative that a rule knows to be 0 in one place only counts as one that is not. */
static tg_status make_symmetric(tgi_compression *c, tg_tape *tape) {
    tgi_entries united = {0};
    if (!tgi_transpose(&c->transposed, &c->entries)) tgi_unite_entries(&united, &c->entries, &c->transposed);
    tgi_free_entries(&c->entries);
    c->entries = united;
    return tape->status;
}

static tg_status find_entries(tgi_compression *c, const tgi_derivative *p) {
    if (p->symmetric)
        return find_entries_for(c, p, p->n, p->inputs, &c->entries) ? p->tape->status : make_symmetric(c, p->tape);
    if (tgi_find_cut(&c->cut, p->tape, p->what, p->n, p->inputs, p->m, p->outputs)) return p->tape->status;
    if (c->cut.count && !find_columns(c, p)) tgi_free_cut(&c->cut);
    if (p->tape->status) return p->tape->status;
    if (c->cut.count ? find_entries_by_cut(c, p) : find_entries_for(c, p, p->n, p->inputs, &c->entries)) return p->tape->status;
    return tgi_transpose(&c->transposed, &c->entries);
}

/* ---- colors ---------------------------------------------------------------------------------------------------------- */

/* A way, and what `colors` passes of it cost. */
typedef struct way {
    const tgi_entries *e, *transposed; /* whose columns are colored */
    int64_t            width;
    bool               by_columns, by_cut;
} way;

static double cost_of(const way *w, int64_t colors) {
    return (double)colors * (double)w->width;
}

/* Takes the way if it costs less than the one that was taken so far. */
static tg_status try_way(tgi_compression *c, tg_tape *tape, const way *w) {
    if (c->color && cost_of(w, tgi_fewest_colors(w->e)) >= c->cost) return TG_OK;
    uint32_t *color = tgi_pool_take(&tape->pool, (size_t)w->e->columns * sizeof *color);
    if (!color) return tgi_out_of_memory(tape, "sparse");
    int64_t colors = w->transposed ? tgi_color_columns(w->e, w->transposed, color) : tgi_color_symmetric(w->e, color);
    bool    better = colors >= 0 && (!c->color || cost_of(w, colors) < c->cost);
    tgi_pool_give(&tape->pool, better ? c->color : color);
    if (!better) return tape->status;
    c->color = color;
    c->colors = colors;
    c->cost = cost_of(w, colors);
    c->by_columns = w->by_columns;
    c->by_cut = w->by_cut;
    return TG_OK;
}

static tg_status try_cut(tgi_compression *c, const tgi_derivative *p) {
    tgi_entries transposed = {0};
    way         by_cut = {&transposed, &c->crossing, p->rows + c->cut.size, false, true};
    if (!tgi_transpose(&transposed, &c->crossing)) try_way(c, p->tape, &by_cut);
    tgi_free_entries(&transposed);
    return p->tape->status;
}

static tg_status find_colors(tgi_compression *c, const tgi_derivative *p) {
    int64_t width = p->rows + p->columns;
    way  columns = {&c->entries, &c->transposed, width, true, false}, rows = {&c->transposed, &c->entries, width, false, false};
    way  symmetric = {&c->entries, NULL, width, false, false};
    bool rows_first = tgi_fewest_colors(rows.e) < tgi_fewest_colors(columns.e);
    if (p->symmetric) return try_way(c, p->tape, &symmetric);
    if (try_way(c, p->tape, rows_first ? &rows : &columns)) return p->tape->status;
    if (try_way(c, p->tape, rows_first ? &columns : &rows)) return p->tape->status;
    return c->cut.count ? try_cut(c, p) : TG_OK;
}

/* ---- both ------------------------------------------------------------------------------------------------------------- */

tg_status tgi_compress(tgi_compression *c, const tgi_derivative *p) {
    *c = (tgi_compression){.tape = p->tape};
    return find_entries(c, p) || find_colors(c, p) ? p->tape->status : TG_OK;
}

void tgi_free_compression(tgi_compression *c) {
    if (!c->tape) return;
    tgi_free_entries(&c->entries);
    tgi_free_entries(&c->transposed);
    tgi_free_entries(&c->crossing);
    tgi_free_cut(&c->cut);
    tgi_pool_give(&c->tape->pool, c->column);
    tgi_pool_give(&c->tape->pool, c->color);
    while (c->seen) {
        tgi_index_value *value = c->seen;
        c->seen = value->previous;
        tgi_pool_give(&c->tape->pool, value);
    }
    *c = (tgi_compression){0};
}
