/* run/run_group.c: runs a group, tile by tile.
 *
 * For each tile every fused op runs once, in order. Its operands are where the plan says, moved on to the tile; its result goes into a
 * register or to the tile's part of its target. Block reductions put each block that a tile has into a row of partial results, which are
 * put together at the end in an order that depends on the domain alone.
 *
 * A group that does much with what it reads fetches its next tile while it works on one (tile.c lists what): else memory would be busy only when
 * an op is the first to read a value, and wait for the others.
 *
 * Where there is work enough the tiles are shared out to threads, each with registers of its own. Where there is one tile, each elementwise op
 * is one call, for which only the addresses are to be found; and where runs find everything where it was, they have been written down.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "kernels/copy.h"
#include "kernels/interleave.h"
#include "kernels/threads.h"
#include "run/aliases.h"
#include "run/classify.h"
#include "run/kernel_call.h"
#include "run/plan.h"
#include "run/profile.h"
#include "run/run.h"

/* Elements times elementwise ops that take longer than it takes to start a thread. */
enum { WORTH_A_THREAD = 1 << 16 };

/* A group that runs, and the tile it is at: elements `start` .. `start + length` - 1 of the domain. */
typedef struct tile {
    tg_tape          *tape;
    const tgi_group  *group;
    tgi_tile_failure *failure; /* of a kernel, in any tile */
    const tgi_frame  *frame;
    char             *registers, *partials;
    int64_t           start, length;
    int64_t           row, rows; /* the tile's rows, or the one that it is a piece of */
    int64_t           column, columns;
    tgi_site        **sites;    /* where the time of each fused op goes; NULL when it is not taken */
    bool              is_first; /* of those that go through the same registers */
    bool              stoppable;
    tgi_addresses     addresses;
} tile;

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* ---- where things are -------------------------------------------------------------------------------------------- */

static char *register_at(const tile *t, int32_t reg) {
    return t->registers + (size_t)reg * t->group->register_bytes;
}

static char *memory_at(const tile *t, tgi_ref ref) {
    return tgi_node_of(t->tape, t->frame, ref)->data;
}

/* Finds what of an op is in memory, for all its tiles. */
static void locate(const tile *t, tgi_fused_op *op) {
    for (uint8_t j = 0; j < op->count; j++) {
        tgi_operand    *x = &op->operands[j];
        const tgi_node *base = x->reg < 0 ? tgi_node_of(t->tape, t->frame, x->base) : NULL;
        if (base) x->at = (const char *)(x->old ? tgi_leaf_of(base)->previous : base->data) + x->offset;
    }
    if (op->reg < 0) op->at = memory_at(t, op->target);
}

static void locate_all(const tile *t) {
    const tgi_group *g = t->group;
    for (uint32_t i = 0; i < g->op_count; i++)
        locate(t, &g->ops[i]);
    for (uint32_t k = 0; k < g->stream_count; k++)
        g->streams[k].at = (const char *)memory_at(t, g->streams[k].base) + g->streams[k].offset;
}

/* The operand, gathered for this tile. */
static const char *gather(const tile *t, const tgi_operand *x, const char *from, bool per_row) {
    char   *gathered = register_at(t, x->gather);
    int64_t at = per_row ? t->row : t->start;
    if (!x->once || t->is_first) tgi_gather(x->walk, from, x->reg >= 0 ? 0 : at, per_row ? t->rows : t->length, gathered);
    return gathered;
}

/* The operand's first element for this tile; per_row: of a fused op with one element a row. */
static inline const char *operand_at(const tile *t, const tgi_operand *x, bool per_row) {
    const char *from = x->reg >= 0 ? register_at(t, x->reg) : x->at;
    if (x->access == TGI_STRIDED) return gather(t, x, from, per_row);
    return from + t->row * x->stride.row + t->column * x->stride.column;
}

static inline char *result_at(const tile *t, const tgi_fused_op *op) {
    if (op->reg >= 0) return register_at(t, op->reg);
    return op->at + t->row * op->stride.row + t->column * op->stride.column;
}

/* ---- elementwise ------------------------------------------------------------------------------------------------- */

/* The addresses of a call: the only tile begins with the first elements. */
static void find_addresses(const tile *t, const tgi_fused_op *op, tgi_loop_call *call) {
    for (uint8_t j = 0; j < op->count; j++) {
        const tgi_operand *x = &op->operands[j];
        call->in[j] = x->reg >= 0 ? register_at(t, x->reg) : memory_at(t, x->base) + x->offset;
    }
    call->out = op->reg >= 0 ? register_at(t, op->reg) : memory_at(t, op->target);
}

static void write_calls(const tile *t) {
    for (uint32_t i = 0; i < t->group->op_count; i++)
        if (t->group->calls[i].loop) find_addresses(t, &t->group->ops[i], &t->group->calls[i]);
}

/* With operands that go by rows: one call a row. */
static void run_rows(const tile *t, const tgi_fused_op *op, const void **in, char *out) {
    for (int64_t r = 0; r < t->rows; r++, out += t->columns * op->width) {
        op->loop(t->columns, out, in, op->steps);
        for (uint8_t j = 0; j < op->count; j++)
            in[j] = (const char *)in[j] + op->operands[j].next_row;
    }
}

static void run_loop(const tile *t, const tgi_fused_op *op) {
    const void *in[TG_MAX_LOOP_OPERANDS];
    for (uint8_t j = 0; j < op->count; j++)
        in[j] = operand_at(t, &op->operands[j], op->per_row);
    if (op->in_rows && t->rows > 1)
        run_rows(t, op, in, result_at(t, op));
    else
        op->loop(op->per_row ? t->rows : t->length, result_at(t, op), in, op->steps);
}

static void fill(char *out, const char *element, int64_t count, size_t width) {
    for (int64_t i = 0; i < count; i++)
        memcpy(out + (size_t)i * width, element, width);
}

/* An assign, unless its value was made in place; or a copy. */
static void run_move(const tile *t, const tgi_fused_op *op) {
    const tgi_operand *x = &op->operands[0];
    const char        *from = operand_at(t, x, false);
    char              *to = result_at(t, op);
    if (from == to) return;
    if (x->access == TGI_SCALAR)
        fill(to, from, t->length, (size_t)x->width);
    else
        tgi_copy_bytes(to, from, (size_t)(t->length * x->width));
}

static void run_side_by_side(const tile *t, const tgi_fused_op *op) {
    const void *x[TGI_MOST_SIDE_BY_SIDE];
    for (uint8_t j = 0; j < op->count; j++)
        x[j] = operand_at(t, &op->operands[j], false);
    tgi_interleave(op->width, t->length, op->count, op->count, x, result_at(t, op));
}

/* ---- kernels, and reductions in blocks --------------------------------------------------------------------------- */

/* A kernel, for the rows of the tile. */
static void run_kernel(const tile *t, const tgi_fused_op *op) {
    const void   *in[TG_MAX_LOOP_OPERANDS];
    tgi_tile_rows rows = {.lead = t->group->lead, .rows = t->rows, .first_element = t->start, .failure = t->failure};
    for (uint8_t j = 0; j < op->count; j++)
        in[j] = operand_at(t, &op->operands[j], false);
    tgi_call_kernel_on_rows(t->tape, tgi_node_of(t->tape, t->frame, op->node), &rows, in, result_at(t, op));
}

/* All numbers of the tile, block by block: a tile begins with a block. */
static void reduce_elements(const tile *t, const tgi_fused_op *op, tg_dtype dtype, const char *x, char *partial) {
    size_t width = tg_dtype_size(dtype);
    for (int64_t i = 0; i < t->length; i += TG_BLOCK_ELEMENTS) {
        int64_t count = t->length - i < TG_BLOCK_ELEMENTS ? t->length - i : TG_BLOCK_ELEMENTS;
        op->op->block_reduce->take(dtype, count, 1, x + (size_t)i * width, false,
                                   partial + (size_t)((t->start + i) / TG_BLOCK_ELEMENTS) * width);
    }
}

/* The rows of the tile, which may reach into the next block. */
static void reduce_rows(const tile *t, const tgi_fused_op *op, tg_dtype dtype, const char *x, char *partial) {
    size_t bytes = (size_t)t->columns * tg_dtype_size(dtype);
    for (int64_t r = 0; r < t->rows;) {
        int64_t in_block = (t->row + r) % TG_BLOCK_ROWS;
        int64_t count = t->rows - r < TG_BLOCK_ROWS - in_block ? t->rows - r : TG_BLOCK_ROWS - in_block;
        op->op->block_reduce->take(dtype, count, t->columns, x + (size_t)r * bytes, in_block > 0,
                                   partial + (size_t)((t->row + r) / TG_BLOCK_ROWS) * bytes);
        r += count;
    }
}

static bool reduces_all(const tile *t, const tgi_fused_op *op) {
    return tgi_node_size(tgi_node_of(t->tape, t->frame, op->node)) == 1;
}

static void run_block_reduce(const tile *t, const tgi_fused_op *op) {
    tg_dtype    dtype = (tg_dtype)tgi_node_of(t->tape, t->frame, op->node)->dtype;
    const char *x = operand_at(t, &op->operands[0], false);
    if (reduces_all(t, op))
        reduce_elements(t, op, dtype, x, t->partials + op->partial);
    else
        reduce_rows(t, op, dtype, x, t->partials + op->partial);
}

static void finish_block_reduce(const tile *t, const tgi_fused_op *op) {
    const tgi_node  *node = tgi_node_of(t->tape, t->frame, op->node);
    const tgi_group *g = t->group;
    op->op->block_reduce->total((tg_dtype)node->dtype, op->blocks, reduces_all(t, op) ? 1 : g->columns,
                                t->partials + op->partial, node->data);
}

/* ---- the group --------------------------------------------------------------------------------------------------- */

/* What comes after a tile that failed need not run. */
static bool is_after_failure(const tile *t) {
    if (!t->group->calls_kernels) return false;
    tgi_lock_take(&t->tape->lock);
    bool after = t->failure->node && t->failure->tile < t->start;
    tgi_lock_give(&t->tape->lock);
    return after;
}

static void run_op(const tile *t, const tgi_fused_op *op) {
    switch ((tgi_fused_kind)op->kind) {
    case TGI_FUSED_LOOP: run_loop(t, op); break;
    case TGI_FUSED_COPY:
    case TGI_FUSED_ASSIGN: run_move(t, op); break;
    case TGI_FUSED_ROW_REDUCE:
    case TGI_FUSED_ROW_KERNEL: run_kernel(t, op); break;
    case TGI_FUSED_BLOCK_REDUCE: run_block_reduce(t, op); break;
    case TGI_FUSED_SIDE_BY_SIDE: run_side_by_side(t, op); break;
    }
}

/* The time since then goes to the site. Returns the present time. */
static int64_t take_time(tgi_site *site, int64_t begun) {
    int64_t now = tgi_now();
    if (site) tgi_add_time(site, now - begun);
    return now;
}

/* What is no call of a loop. */
static void run_other(const tile *t, tgi_fused_op *op) {
    locate(t, op);
    run_op(t, op);
}

/* A processor guesses where a call goes by the place that it is made at. So the calls of single numbers, which take less time than a wrong guess,
 * are made at 32 places, one after the other: each has few targets then, in most programs of that kind one. */
#define CALL_NEXT \
    if (i == g->op_count) return; \
    if (calls[i].loop) \
        calls[i].loop(calls[i].n, calls[i].out, calls[i].in, calls[i].steps); \
    else \
        run_other(t, &g->ops[i]); \
    i++;
#define FOUR_TIMES(x) x x x x

static void run_known_calls(const tile *t) {
    const tgi_group     *g = t->group;
    const tgi_loop_call *calls = g->calls;
    for (uint32_t i = 0;;) {
        FOUR_TIMES(FOUR_TIMES(CALL_NEXT CALL_NEXT))
    }
}
#undef CALL_NEXT
#undef FOUR_TIMES

static void run_calls(const tile *t) {
    const tgi_group *g = t->group;
    if (t->addresses == TGI_KNOWN) {
        run_known_calls(t);
        return;
    }
    for (uint32_t i = 0; i < g->op_count; i++) {
        tgi_loop_call *c = &g->calls[i];
        if (!c->loop) {
            run_other(t, &g->ops[i]);
            continue;
        }
        find_addresses(t, &g->ops[i], c);
        c->loop(c->n, c->out, c->in, c->steps);
    }
}

/* What op i of them takes of fetching the next tile, so that memory is busy all the time, and not only when a stream is read first. */
static void fetch_ahead(const tile *t, uint32_t i) {
    enum { LINE = 64 };
    const tgi_group *g = t->group;
    int64_t          next = t->start + t->length, length = smaller(g->rows * g->columns - next, t->length);
    for (uint32_t k = 0; k < g->stream_count; k++) {
        const tgi_stream *s = &g->streams[k];
        int64_t           end = smaller(s->share * (i + 1), length * s->width);
        for (int64_t at = s->share * i; at < end; at += LINE)
            __builtin_prefetch(s->at + next * s->width + at, 0, 2);
    }
}

static void run_tile(tile *t) {
    if (is_after_failure(t) || (t->stoppable && tgi_is_cancelled(t->tape))) return;
    if (t->group->calls && t->addresses == TGI_KNOWN_SOON) write_calls(t);
    int64_t begun = t->sites ? tgi_now() : 0;
    for (uint32_t i = 0; i < t->group->op_count; i++) {
        if (t->group->stream_count) fetch_ahead(t, i);
        run_op(t, &t->group->ops[i]);
        if (t->sites) begun = take_time(t->sites[i], begun);
    }
    t->is_first = false;
}

/* Tiles of whole rows: from one row to another. */
static void run_rows_of(tile *t, int64_t from, int64_t to) {
    const tgi_group *g = t->group;
    int64_t          rows = g->tile / g->columns;
    t->columns = g->columns;
    for (t->row = from; t->row < to; t->row += rows) {
        t->rows = smaller(rows, to - t->row);
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
        t->length = t->columns = smaller(g->tile, g->columns - t->column);
        run_tile(t);
    }
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

/* How many portions there are that threads can be given, and the rows of each: whole tiles, and as many as fill the blocks of
 * reductions by columns; where tiles are pieces of rows, such a piece. */
static int64_t portions_of(const tgi_group *g, int64_t *rows) {
    *rows = 1;
    if (g->tile < g->columns) return g->rows * pieces_in_row(g);
    *rows = g->tile / g->columns;
    while (g->partial_bytes && *rows % TG_BLOCK_ROWS)
        *rows *= 2;
    return (g->rows - 1) / *rows + 1;
}

int tgi_threads_for(const tgi_group *g, int most) {
    int64_t rows, elements = g->rows * g->columns;
    return elements ? tgi_shares_of(most, portions_of(g, &rows), (double)elements * (double)g->work, WORTH_A_THREAD) : 1;
}

/* Which share an element is in makes no difference to it. */
static void run_portions(const void *job, int share, int64_t from, int64_t to) {
    tile             t = *(const tile *)job;
    const tgi_group *g = t.group;
    int64_t          rows;
    portions_of(g, &rows);
    t.is_first = true;
    t.registers += (size_t)share * g->registers * g->register_bytes;
    if (g->tile < g->columns)
        run_pieces_of(&t, from, to);
    else
        run_rows_of(&t, from * rows, smaller(g->rows, to * rows));
}

static void run_all(const tile *t) {
    locate_all(t);
    int64_t   rows, portions = portions_of(t->group, &rows);
    tgi_team *team = &t->tape->team;
    tgi_share_out(team, tgi_threads_for(t->group, tgi_team_size(team)), portions, run_portions, t);
}

/* ---- the run of a group ------------------------------------------------------------------------------------------ */

/* Looks first after the views of what the group's assigns overwrite. */
static tg_status detach_views(tg_tape *tape, const tgi_group *g, const tgi_frame *frame) {
    for (uint32_t i = 0; i < g->op_count && g->assigns; i++) {
        const tgi_fused_op *op = &g->ops[i];
        if (op->kind != TGI_FUSED_ASSIGN) continue;
        uint32_t leaf = tgi_ref_index(frame, op->target), index = tgi_ref_index(frame, op->node);
        if (tgi_detach_views(tape, leaf, index, tgi_node_at(tape, index)->part, false)) return tape->status;
    }
    return TG_OK;
}

/* NULL when there is no memory: then it is not timed. */
static tgi_site **sites_of(tg_tape *tape, const tgi_group *g, const tgi_frame *frame) {
    tgi_site **sites = tgi_pool_take(&tape->pool, g->op_count * sizeof *sites);
    for (uint32_t i = 0; sites && i < g->op_count; i++)
        sites[i] = tgi_site_of(tape, tgi_node_of(tape, frame, g->ops[i].node));
    return sites;
}

static void run_only_tile(tile *t) {
    t->is_first = true;
    t->start = t->row = t->column = 0;
    t->rows = t->group->rows;
    t->columns = t->group->columns;
    t->length = t->rows * t->columns;
    run_calls(t);
}

tg_status tgi_run_group(tg_tape *tape, const tgi_group *g, const tgi_frame *frame, char *scratch, bool stoppable,
                        tgi_addresses addresses) {
    tgi_tile_failure failure;
    tile             t = {.tape = tape, .group = g, .failure = &failure, .frame = frame, .partials = scratch};
    failure.node = NULL; /* of the rest nothing is read then */
    t.registers = scratch + g->partial_bytes;
    t.stoppable = stoppable;
    uint64_t moves = tape->moves;
    if (detach_views(tape, g, frame)) return tape->status;
    t.addresses = moves == tape->moves ? addresses : TGI_UNKNOWN;
    if (tape->profiles) t.sites = sites_of(tape, g, frame);
    if (g->calls && !t.sites)
        run_only_tile(&t);
    else if (g->rows * g->columns > 0)
        run_all(&t);
    tgi_pool_give(&tape->pool, t.sites);
    if (tgi_report_tile_failure(tape, &failure)) return tape->status;
    if (stoppable && tgi_is_cancelled(tape)) return tgi_stop_run(tape, tgi_ref_index(frame, g->ops->node));
    for (uint32_t i = 0; i < g->op_count && g->partial_bytes; i++)
        if (g->ops[i].kind == TGI_FUSED_BLOCK_REDUCE) finish_block_reduce(&t, &g->ops[i]);
    return tape->status; /* of a loop that called what it must not */
}
