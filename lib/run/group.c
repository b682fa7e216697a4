/* run/group.c: runs a group, tile by tile.
 *
 * For each tile every step runs once, in order. Its operands are where its feeds say, moved on to the tile; its result goes into a
 * register or to the tile's place in memory. Reductions that end the group put each block that a tile has into a row of partial
 * results, which are put together at the end in an order that depends on the domain alone.
 *
 * Where there is work enough the tiles are shared out to threads, each with registers of its own.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "kernels/threads.h"
#include "run/plan.h"
#include "run/run.h"

/* Elements times steps that take longer than it takes to start a thread. */
enum { WORTH_A_THREAD = 1 << 17 };

/* A group that runs, and the tile it is at: elements `start` .. `start + length` - 1 of the domain. */
typedef struct tile {
    const tg_tape   *tape;
    const tgi_group *group;
    uint32_t         first; /* where the stretch starts */
    char            *registers, *partials;
    int64_t          start, length;
    int64_t          row, rows; /* the tile's rows, or the one that it is a piece of */
    int64_t          column, columns;
    bool             is_first; /* of those that go through the same registers */
} tile;

/* ---- where things are -------------------------------------------------------------------------------------------- */

static char *register_at(const tile *t, int32_t reg) {
    return t->registers + (size_t)reg * t->group->register_bytes;
}

static char *memory_at(const tile *t, tgi_ref ref) {
    return tgi_node_of(t->tape, t->first, ref)->data;
}

/* The operand's first element for this tile; by_row: of a step with one element a row. */
static const char *feed_at(const tile *t, const tgi_feed *f, bool by_row) {
    int64_t     at = by_row ? t->row : t->start;
    const char *data = f->reg >= 0 ? register_at(t, f->reg) : memory_at(t, f->base) + f->offset;
    switch ((tgi_lie)f->lie) {
    case TGI_FLAT: return f->reg >= 0 ? data : data + at * f->width;
    case TGI_ONE: return data;
    case TGI_BY_ROW: return f->reg >= 0 ? data : data + t->row * f->width;
    case TGI_ACROSS: return data + t->column * f->width;
    case TGI_APART: break;
    }
    char *gathered = register_at(t, f->gather);
    if (f->once && !t->is_first) return gathered;
    tgi_gather(f->walk, data, f->reg >= 0 ? 0 : at, by_row ? t->rows : t->length, gathered);
    return gathered;
}

static char *result_at(const tile *t, const tgi_step *step) {
    if (step->reg >= 0) return register_at(t, step->reg);
    return memory_at(t, step->out) + (step->by_row ? t->row : t->start) * step->width;
}

/* ---- elementwise ------------------------------------------------------------------------------------------------- */

/* With operands that go by rows: one call a row. */
static void run_rows(const tile *t, const tgi_step *step, const void **in, const int64_t *steps, char *out) {
    for (int64_t r = 0; r < t->rows; r++, out += t->columns * step->width) {
        step->loop(t->columns, out, in, steps);
        for (uint8_t j = 0; j < step->count; j++) {
            const tgi_feed *f = &step->feeds[j];
            if (f->lie == TGI_FLAT || f->lie == TGI_APART) in[j] = (const char *)in[j] + t->columns * f->width;
            if (f->lie == TGI_BY_ROW) in[j] = (const char *)in[j] + f->width;
        }
    }
}

static void run_loop(const tile *t, const tgi_step *step) {
    const void *in[TG_MAX_LOOP_OPERANDS];
    int64_t     steps[TG_MAX_LOOP_OPERANDS];
    bool        in_rows = false;
    for (uint8_t j = 0; j < step->count; j++) {
        const tgi_feed *f = &step->feeds[j];
        in[j] = feed_at(t, f, step->by_row);
        steps[j] = f->lie != TGI_ONE && f->lie != TGI_BY_ROW;
        in_rows |= f->lie == TGI_BY_ROW || f->lie == TGI_ACROSS;
    }
    if (in_rows && t->rows > 1)
        run_rows(t, step, in, steps, result_at(t, step));
    else
        step->loop(step->by_row ? t->rows : t->length, result_at(t, step), in, steps);
}

static void fill(char *out, const char *element, int64_t count, size_t width) {
    for (int64_t i = 0; i < count; i++)
        memcpy(out + (size_t)i * width, element, width);
}

/* An assign, unless its value was made in place; or a copy. */
static void run_move(const tile *t, const tgi_step *step) {
    const tgi_feed *f = &step->feeds[0];
    const char     *from = feed_at(t, f, false);
    char           *to = result_at(t, step);
    if (from == to) return;
    if (f->lie == TGI_ONE)
        fill(to, from, t->length, (size_t)f->width);
    else
        memmove(to, from, (size_t)(t->length * f->width));
}

/* ---- kernels, and reductions in pieces --------------------------------------------------------------------------- */

/* A value, or with `lead` leading axes that are rows the part of it that the tile has: these axes are then one, the last of
 * them. */
static tg_array array_of(const tile *t, const tgi_node *node, int lead, const void *data) {
    tg_array array = {.data = (void *)data, .dtype = (tg_dtype)node->dtype, .rank = node->rank};
    memcpy(array.dims, node->dims, node->rank * sizeof *array.dims);
    for (int i = 0; i < lead; i++)
        array.dims[i] = i == lead - 1 ? t->rows : 1;
    array.size = tgi_size(array.rank, array.dims);
    tgi_row_major(array.rank, array.dims, array.strides);
    return array;
}

/* A kernel, for the rows of the tile. */
static void run_kernel(const tile *t, const tgi_step *step) {
    const tgi_node *node = tgi_node_of(t->tape, t->first, step->node);
    tg_array        in[TG_MAX_LOOP_OPERANDS];
    for (uint8_t j = 0; j < step->count; j++)
        in[j] = array_of(t, tgi_node_at(t->tape, node->in[j]), j ? 0 : t->group->lead, feed_at(t, &step->feeds[j], false));
    tg_kernel_call call = {.op = step->op, .count = step->count, .in = in, .attr = node->attr};
    call.out = array_of(t, node, t->group->lead, result_at(t, step));
    step->op->kernel(&call);
}

/* All numbers of the tile, block by block: a tile begins with a block. */
static void fold_numbers(const tile *t, const tgi_step *step, tg_dtype dtype, const char *x, char *partial) {
    size_t width = tg_dtype_size(dtype);
    for (int64_t i = 0; i < t->length; i += TG_FOLD_BLOCK) {
        int64_t count = t->length - i < TG_FOLD_BLOCK ? t->length - i : TG_FOLD_BLOCK;
        step->op->fold->take(dtype, count, 1, x + (size_t)i * width, false,
                             partial + (size_t)((t->start + i) / TG_FOLD_BLOCK) * width);
    }
}

/* The rows of the tile, which may reach into the next block. */
static void fold_rows(const tile *t, const tgi_step *step, tg_dtype dtype, const char *x, char *partial) {
    size_t bytes = (size_t)t->columns * tg_dtype_size(dtype);
    for (int64_t r = 0; r < t->rows;) {
        int64_t in_block = (t->row + r) % TG_FOLD_ROWS;
        int64_t count = t->rows - r < TG_FOLD_ROWS - in_block ? t->rows - r : TG_FOLD_ROWS - in_block;
        step->op->fold->take(dtype, count, t->columns, x + (size_t)r * bytes, in_block > 0,
                             partial + (size_t)((t->row + r) / TG_FOLD_ROWS) * bytes);
        r += count;
    }
}

static bool folds_all(const tile *t, const tgi_step *step) {
    return tgi_node_size(tgi_node_of(t->tape, t->first, step->node)) == 1;
}

static void run_fold(const tile *t, const tgi_step *step) {
    tg_dtype    dtype = (tg_dtype)tgi_node_of(t->tape, t->first, step->node)->dtype;
    const char *x = feed_at(t, &step->feeds[0], false);
    if (folds_all(t, step))
        fold_numbers(t, step, dtype, x, t->partials + step->partial);
    else
        fold_rows(t, step, dtype, x, t->partials + step->partial);
}

static void finish_fold(const tile *t, const tgi_step *step) {
    const tgi_node  *node = tgi_node_of(t->tape, t->first, step->node);
    const tgi_group *g = t->group;
    step->op->fold->total((tg_dtype)node->dtype, step->blocks, folds_all(t, step) ? 1 : g->columns, t->partials + step->partial,
                          node->data);
}

/* ---- the group --------------------------------------------------------------------------------------------------- */

static void run_tile(tile *t) {
    const tgi_step *end = t->group->steps + t->group->step_count;
    for (const tgi_step *step = t->group->steps; step < end; step++)
        switch ((tgi_kind)step->kind) {
        case TGI_LOOP: run_loop(t, step); break;
        case TGI_COPY:
        case TGI_STORE: run_move(t, step); break;
        case TGI_REDUCE:
        case TGI_ROWS: run_kernel(t, step); break;
        case TGI_FOLD: run_fold(t, step); break;
        }
    t->is_first = false;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Tiles of whole rows: from one row to another. */
static void run_rows_of(tile *t, int64_t from, int64_t to) {
    const tgi_group *g = t->group;
    int64_t          rows = g->tile / g->columns;
    t->columns = g->columns;
    for (t->row = from; t->row < to; t->row += rows) {
        t->rows = least(rows, to - t->row);
        t->start = t->row * g->columns;
        t->length = t->rows * g->columns;
        run_tile(t);
    }
}

static int64_t pieces_in_row(const tgi_group *g) {
    return (g->columns - 1) / g->tile + 1;
}

/* Tiles that are pieces of rows: from one piece to another. */
static void run_pieces_of(tile *t, int64_t from, int64_t to) {
    const tgi_group *g = t->group;
    t->rows = 1;
    for (int64_t piece = from; piece < to; piece++) {
        t->row = piece / pieces_in_row(g);
        t->column = piece % pieces_in_row(g) * g->tile;
        t->start = t->row * g->columns + t->column;
        t->length = t->columns = least(g->tile, g->columns - t->column);
        run_tile(t);
    }
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

/* How many units there are that threads can be given, and the rows of each: whole tiles, and as many as fill the blocks of folds
 * by columns; where tiles are pieces of rows, such a piece. */
static int64_t units_of(const tgi_group *g, int64_t *rows) {
    *rows = 1;
    if (g->tile < g->columns) return g->rows * pieces_in_row(g);
    *rows = g->tile / g->columns;
    while (g->partial_bytes && *rows % TG_FOLD_ROWS)
        *rows *= 2;
    return (g->rows - 1) / *rows + 1;
}

int tgi_threads_for(const tgi_group *g, int most) {
    int64_t rows, elements = g->rows * g->columns;
    return elements ? tgi_shares_of(most, units_of(g, &rows), (double)elements * (double)g->work, WORTH_A_THREAD) : 1;
}

/* Which share an element is in makes no difference to it. */
static void run_units(const void *job, int share, int64_t from, int64_t to) {
    tile             t = *(const tile *)job;
    const tgi_group *g = t.group;
    int64_t          rows;
    units_of(g, &rows);
    t.is_first = true;
    t.registers += (size_t)share * g->registers * g->register_bytes;
    if (g->tile < g->columns)
        run_pieces_of(&t, from, to);
    else
        run_rows_of(&t, from * rows, least(g->rows, to * rows));
}

static void run_all(const tile *t) {
    int64_t rows, units = units_of(t->group, &rows);
    tgi_share_out(tgi_threads_for(t->group, tgi_thread_count(t->tape)), units, run_units, t);
}

/* ---- the run of a group ------------------------------------------------------------------------------------------ */

/* What the group's assigns overwrite is copied first for the views of it that are still wanted. */
static tg_status detach_views(tg_tape *tape, const tgi_group *g, uint32_t start) {
    for (uint32_t s = 0; s < g->step_count && g->assigns; s++) {
        const tgi_step *step = &g->steps[s];
        uint32_t        leaf = step->out & TGI_OUTSIDE ? step->out & ~TGI_OUTSIDE : start + step->out;
        if (step->kind == TGI_STORE && tgi_detach_views(tape, leaf, start + step->node)) return tape->status;
    }
    return TG_OK;
}

tg_status tgi_run_group(tg_tape *tape, const tgi_group *g, uint32_t start, char *scratch) {
    tile t = {.tape = tape, .group = g, .first = start, .partials = scratch, .registers = scratch + g->partial_bytes};
    if (detach_views(tape, g, start)) return tape->status;
    if (g->rows * g->columns > 0) run_all(&t);
    for (uint32_t s = 0; s < g->step_count; s++)
        if (g->steps[s].kind == TGI_FOLD) finish_fold(&t, &g->steps[s]);
    return TG_OK;
}
