/* run/tile.c: the fifth pass: cuts the domain of each group into tiles, gives out its registers, and writes its fused ops.
 *
 * Takes the groups, and what is in memory or has a target. A tile is long enough for its operands to come from memory at full speed,
 * one page after the other, and short enough for its registers to stay in the second-level cache. Where reductions along rows or
 * columns, or operands with one element a row or one row for all, ask for rows, a tile is made of whole rows; else the domain is one
 * long row and a tile a piece of it.
 *
 * A register is taken by the fused op that makes its value, if need be in place of an operand, and free again after the last fused op
 * that reads it. After this pass a group needs nothing but the addresses of values in memory.
 *
 * SPDX-License-Identifier: MIT */
#include <limits.h>

#include "run/classify.h"

/* A group while its fused ops are written. */
typedef struct tiler {
    tgi_plan_builder *b;
    tgi_group        *g;
    uint32_t          unit;
    int32_t          *regs; /* the register of each value of the segment */
    int32_t          *free; /* registers, a stack */
    uint32_t          free_count;
    size_t            width; /* of the widest element in a register */
} tiler;

/* ---- operands ---------------------------------------------------------------------------------------------------- */

/* An instruction, the operands that it reads, and the shape that they are stretched to. */
typedef struct reading {
    const tgi_node   *node;
    const tgi_source *sources;
    uint32_t          count;
    int               rank;
    const int64_t    *dims;
} reading;

static reading reading_of(const tiler *t, uint32_t i) {
    const tgi_fusion    *v = &t->b->fusion[i];
    const tgi_view_info *view = &t->b->views[i];
    reading              r = {.node = tgi_instruction(t->b, i), .sources = view->sources, .count = view->source_count};
    bool                 whole = !v->per_row || v->kind == TGI_FUSED_ROW_REDUCE || v->kind == TGI_FUSED_BLOCK_REDUCE;
    r.rank = whole ? t->g->rank : r.node->rank;
    r.dims = whole ? t->g->dims : r.node->dims;
    return r;
}

/* Whether it is made in this group, and is not to be in memory as itself. */
static bool is_only_here(const tiler *t, const tgi_source *s) {
    const tgi_fusion *v = tgi_fusion_of(t->b, s->base);
    return v && v->made && v->unit == t->unit && !v->in_memory;
}

static bool is_in_register(const tiler *t, const tgi_source *s) {
    return is_only_here(t, s) && t->b->targets[s->base] == TGI_NONE;
}

static tgi_ref original_ref(const tgi_plan_builder *b, tgi_ref ref) {
    return ref & TGI_OUTSIDE ? ref : tgi_original(b, ref);
}

/* The instruction whose memory holds the operand, if it is in memory. */
static tgi_ref base_of(const tiler *t, const tgi_source *s) {
    bool has_target = is_only_here(t, s) && t->b->targets[s->base] != TGI_NONE;
    return original_ref(t->b, has_target ? t->b->targets[s->base] : s->base);
}

static void stretched_strides(const reading *r, const tgi_source *s, int64_t *strides) {
    tgi_stretch(s->node->rank, s->node->dims, s->strides, r->rank, r->dims, strides);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* How many operands would have to be gathered if the first `lead` axes were the rows. */
static int count_strided(const tiler *t, uint32_t first, int lead) {
    int count = 0;
    for (uint32_t i = first; i != TGI_NONE; i = t->b->fusion[i].next) {
        reading r = reading_of(t, i);
        if (t->b->fusion[i].kind != TGI_FUSED_LOOP) continue;
        for (uint32_t j = 0; j < r.count; j++) {
            int64_t strides[TG_MAX_RANK];
            stretched_strides(&r, &r.sources[j], strides);
            count += !is_in_register(t, &r.sources[j]) && tgi_access_to(r.rank, r.dims, strides, lead) == TGI_STRIDED;
        }
    }
    return count;
}

/* The rows that are best for a group which needs none: of some length, or else all is one row. */
static int best_lead(const tiler *t, uint32_t first) {
    int best = 0, fewest = t->g->reduces_all ? 0 : count_strided(t, first, 0);
    for (int lead = 1; lead < t->g->rank && fewest > 0; lead++) {
        if (tgi_size(t->g->rank - lead, t->g->dims + lead) < TGI_SHORT_ROW) break;
        int count = count_strided(t, first, lead);
        if (count >= fewest) continue;
        fewest = count;
        best = lead;
    }
    return best;
}

/* Elements of a tile, as far as the rows allow. */
static int64_t usual_tile(const tiler *t, uint32_t first) {
    size_t widest = 1;
    for (uint32_t i = first; i != TGI_NONE; i = t->b->fusion[i].next) {
        size_t width = tg_dtype_size((tg_dtype)tgi_instruction(t->b, i)->dtype);
        if (width > widest) widest = width;
    }
    return TGI_TILE_BYTES / (int64_t)widest;
}

static int64_t power_of_two_below(int64_t x) {
    int64_t power = 1;
    while (2 * power <= x)
        power *= 2;
    return power;
}

static void cut_into_tiles(const tiler *t, const tgi_unit_info *unit) {
    tgi_group *g = t->g;
    int64_t    tile = usual_tile(t, unit->first);
    bool       whole_rows = g->lead >= 0;
    if (!whole_rows) g->lead = best_lead(t, unit->first);
    g->rows = tgi_size(g->lead, g->dims);
    g->columns = tgi_size(g->rank - g->lead, g->dims + g->lead);
    int64_t size = g->rows * g->columns, smallest = unit->rows_multiple * g->columns;
    if (size == 0)
        tile = 1;
    else if (whole_rows || g->columns < tile)
        tile = smallest * power_of_two_below(tile / smallest); /* so that tiles fill the blocks of reductions */
    g->tile = size && tile > size ? size : tile;
}

/* ---- registers --------------------------------------------------------------------------------------------------- */

static int32_t new_register(tiler *t, size_t width) {
    if (width > t->width) t->width = width;
    return (int32_t)t->g->registers++;
}

static int32_t take_register(tiler *t, size_t width) {
    if (!t->free_count) return new_register(t, width);
    if (width > t->width) t->width = width;
    return t->free[--t->free_count];
}

static void give_register(tiler *t, int32_t reg) {
    t->free[t->free_count++] = reg;
}

/* A register for the result: that of an operand which no later fused op reads, where the loop can go over it in place. */
static int32_t register_for(tiler *t, const tgi_fused_op *op, const reading *r, uint32_t order) {
    for (uint32_t j = 0; j < op->count && op->kind == TGI_FUSED_LOOP; j++) {
        const tgi_operand *x = &op->operands[j];
        if (x->reg == TGI_NO_REGISTER || x->access != TGI_CONTIGUOUS || x->width != op->width) continue;
        if (tgi_fusion_of(t->b, r->sources[j].base)->last_order != order) continue;
        t->regs[r->sources[j].base] = TGI_NO_REGISTER;
        return x->reg;
    }
    return take_register(t, op->width);
}

/* After a fused op: what it gathered, and what no later one reads. */
static void give_registers(tiler *t, const tgi_fused_op *op, const reading *r, uint32_t order) {
    for (uint32_t j = 0; j < op->count; j++) {
        const tgi_operand *x = &op->operands[j];
        if (x->gather != TGI_NO_REGISTER && !x->once) give_register(t, x->gather);
        if (!is_in_register(t, &r->sources[j])) continue;
        if (tgi_fusion_of(t->b, r->sources[j].base)->last_order != order) continue;
        int32_t *reg = &t->regs[r->sources[j].base];
        if (*reg != TGI_NO_REGISTER) give_register(t, *reg);
        *reg = TGI_NO_REGISTER; /* it may be another operand, too */
    }
}

/* ---- fused ops --------------------------------------------------------------------------------------------------- */

/* Rows that are short are gathered rather than gone through one by one. */
static tgi_access settled_access(const tgi_group *g, tgi_fused_kind kind, bool per_row, tgi_access access) {
    bool rows = access == TGI_PER_ROW || access == TGI_ROW_BROADCAST;
    if (kind == TGI_FUSED_COPY || (kind == TGI_FUSED_SIDE_BY_SIDE && access != TGI_CONTIGUOUS)) return TGI_STRIDED;
    if (rows && per_row) return TGI_STRIDED;
    if (rows && g->rows == 1) return access == TGI_PER_ROW ? TGI_SCALAR : TGI_CONTIGUOUS;
    if (access == TGI_ROW_BROADCAST && g->columns < TGI_REPEATED_ROW) return TGI_STRIDED;
    if (rows && (g->columns < TGI_SHORT_ROW || kind != TGI_FUSED_LOOP)) return TGI_STRIDED;
    return access;
}

/* An operand of a row kernel: the first by rows, the others whole. */
static tgi_operand rows_or_all(const tgi_group *g, const tgi_source *s, bool rows) {
    const tgi_node *x = s->node;
    int64_t         columns = tgi_size(x->rank - g->lead, x->dims + g->lead);
    return (tgi_operand){.base = s->base,
                         .reg = TGI_NO_REGISTER,
                         .offset = s->offset,
                         .gather = TGI_NO_REGISTER,
                         .access = rows ? TGI_PER_ROW : TGI_SCALAR,
                         .width = columns * (int64_t)tg_dtype_size((tg_dtype)x->dtype)};
}

static tg_status gather(tiler *t, const reading *r, uint32_t j, bool copies, const int64_t *strides, tgi_operand *x) {
    const tgi_source *s = &r->sources[j];
    size_t            width = (size_t)x->width;
    tgi_walk         *walk = tgi_plan_take(t->b, 1, sizeof *walk);
    if (!walk) return TG_ERR_MEMORY;
    *walk =
        copies ? tgi_walk_of(width, s->node->rank, s->node->dims, s->strides) : tgi_walk_of(width, r->rank, r->dims, strides);
    x->walk = walk;
    x->gather = x->once ? new_register(t, width) : take_register(t, width);
    return TG_OK;
}

/* Notes which leaves the group assigns, and by which fused op. */
static void note_assigns(const tiler *t, const tgi_unit_info *unit) {
    tgi_plan_builder *b = t->b;
    if (!t->g->assigns) return;
    tgi_begin_leaf_access(b);
    for (uint32_t i = unit->first; i != TGI_NONE; i = b->fusion[i].next)
        if (b->fusion[i].kind == TGI_FUSED_ASSIGN)
            tgi_access_of_leaf(b, tgi_leaf_of(tgi_node_at(b->tape, tgi_instruction(b, i)->in[0])))->writer = b->fusion[i].order;
}

/* Whether the operand is read from a leaf that is assigned after that in the group. */
static bool is_old_value(const tiler *t, const tgi_source *s, const tgi_operand *x, uint32_t order) {
    tgi_leaf *leaf = t->g->assigns && x->base == s->base ? tgi_variable_leaf(tgi_base_node(t->b, s->base)) : NULL;
    if (!leaf) return false;
    uint32_t writer = tgi_access_of_leaf(t->b, leaf)->writer;
    return writer != TGI_NONE && order < writer;
}

/* Whether it is a value of this group alone that no later fused op reads. */
static bool is_read_last(const tiler *t, const tgi_source *s, uint32_t order) {
    const tgi_fusion *v = tgi_fusion_of(t->b, s->base);
    return v && v->unit == t->unit && !v->in_memory && v->last_order == order;
}

static tg_status write_operand(tiler *t, const reading *r, const tgi_fusion *v, uint32_t j, tgi_operand *x) {
    const tgi_source *s = &r->sources[j];
    bool              per_row = v->per_row && v->kind == TGI_FUSED_LOOP, copies = v->kind == TGI_FUSED_COPY;
    int64_t           strides[TG_MAX_RANK];
    stretched_strides(r, s, strides);
    *x = (tgi_operand){.base = base_of(t, s),
                       .reg = is_in_register(t, s) ? t->regs[s->base] : TGI_NO_REGISTER,
                       .offset = s->offset,
                       .gather = TGI_NO_REGISTER,
                       .width = (int64_t)tg_dtype_size((tg_dtype)s->node->dtype)};
    x->old = is_old_value(t, s, x, v->order);
    x->last = is_read_last(t, s, v->order);
    tgi_access access = tgi_access_to(r->rank, r->dims, strides, per_row ? 0 : t->g->lead);
    x->access = (uint8_t)settled_access(t->g, (tgi_fused_kind)v->kind, per_row, access);
    if (x->access != TGI_STRIDED) return TG_OK;
    x->once = access == TGI_ROW_BROADCAST && !copies && t->g->tile >= t->g->columns;
    return gather(t, r, j, copies, strides, x);
}

static tg_status write_operands(tiler *t, const reading *r, const tgi_fusion *v, tgi_fused_op *op) {
    op->operands = tgi_plan_take(t->b, r->count, sizeof *op->operands);
    if (!op->operands) return TG_ERR_MEMORY;
    for (uint32_t j = 0; j < r->count; j++)
        if (v->kind == TGI_FUSED_ROW_KERNEL)
            op->operands[j] = rows_or_all(t->g, &r->sources[j], j == 0);
        else if (write_operand(t, r, v, j, &op->operands[j]))
            return TG_ERR_MEMORY;
    return TG_OK;
}

/* The scratch memory where a block reduction puts what each block comes to. */
static void place_blocks(tgi_group *g, tgi_fused_op *op, bool whole) {
    op->blocks = whole ? (g->rows * g->columns - 1) / TG_BLOCK_ELEMENTS + 1 : (g->rows - 1) / TG_BLOCK_ROWS + 1;
    op->partial = g->partial_bytes;
    g->partial_bytes =
        tgi_add_bytes(g->partial_bytes, ((size_t)(op->blocks * (whole ? 1 : g->columns)) * op->width + 63) & ~(size_t)63);
}

/* Of what has one element for each of the domain, or one a row. */
static tgi_tile_stride stride_of(const tgi_group *g, bool per_row, int64_t width) {
    return per_row ? (tgi_tile_stride){.row = width} : (tgi_tile_stride){.row = g->columns * width, .column = width};
}

/* How operands and result go on from row to row, and from tile to tile. */
static tg_status write_strides(const tiler *t, tgi_fused_op *op) {
    const tgi_group *g = t->g;
    bool             has_rows = op->per_row && op->kind == TGI_FUSED_LOOP; /* as operands that have one element a row */
    op->steps = tgi_plan_take(t->b, op->count, sizeof *op->steps);
    if (!op->steps) return TG_ERR_MEMORY;
    for (uint8_t j = 0; j < op->count; j++) {
        tgi_operand *x = &op->operands[j];
        tgi_access   access = (tgi_access)x->access;
        bool         each = access == TGI_CONTIGUOUS || access == TGI_STRIDED;
        op->steps[j] = access != TGI_SCALAR && access != TGI_PER_ROW;
        op->in_rows |= access == TGI_PER_ROW || access == TGI_ROW_BROADCAST;
        x->next_row = each ? g->columns * x->width : access == TGI_PER_ROW ? x->width : 0;
        if (access == TGI_ROW_BROADCAST) x->stride.column = x->width;
        if (x->reg >= 0) continue;
        if (access == TGI_CONTIGUOUS || access == TGI_PER_ROW)
            x->stride = stride_of(g, has_rows || access == TGI_PER_ROW, x->width);
    }
    if (op->reg < 0)
        op->stride = stride_of(g, op->per_row, op->kind == TGI_FUSED_SIDE_BY_SIDE ? op->count * op->width : op->width);
    return TG_OK;
}

/* For each element of the domain. */
static int64_t work_of(const tgi_fused_op *op) {
    if (op->kind == TGI_FUSED_ROW_KERNEL) return op->operands[0].width / op->width;
    return op->kind == TGI_FUSED_SIDE_BY_SIDE ? op->count : 1;
}

static tg_status write_fused_op(tiler *t, uint32_t i, tgi_fused_op *op) {
    tgi_plan_builder *b = t->b;
    const tgi_fusion *v = &b->fusion[i];
    reading           r = reading_of(t, i);
    *op = (tgi_fused_op){.op = r.node->op,
                         .node = tgi_original(b, i),
                         .target = tgi_original(b, i),
                         .reg = TGI_NO_REGISTER,
                         .kind = v->kind,
                         .count = (uint8_t)r.count,
                         .width = (uint8_t)tg_dtype_size((tg_dtype)r.node->dtype),
                         .per_row = v->per_row,
                         .again = i >= b->count,
                         .joined_to = TGI_NONE};
    if (write_operands(t, &r, v, op)) return TG_ERR_MEMORY;
    t->g->work += work_of(op);

    if (v->kind == TGI_FUSED_LOOP) op->loop = tgi_node_loop(b->tape, r.node);
    if (v->kind == TGI_FUSED_ASSIGN)
        op->target = tgi_ref_of(b, r.node->in[0]);
    else if (!v->in_memory && b->targets[i] != TGI_NONE)
        op->target = original_ref(b, b->targets[i]);
    else if (!v->in_memory)
        op->reg = t->regs[i] = register_for(t, op, &r, v->order);
    if (v->kind == TGI_FUSED_BLOCK_REDUCE) place_blocks(t->g, op, tgi_node_size(r.node) == 1);
    give_registers(t, op, &r, v->order);
    return write_strides(t, op);
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

/* Whether the op of a group of one tile is one call of its loop, of operands that are where the plan says. */
static bool is_one_call(const tgi_group *g, const tgi_fused_op *op) {
    for (uint8_t j = 0; j < op->count; j++) {
        const tgi_operand *x = &op->operands[j];
        bool               by_rows = x->access == TGI_PER_ROW || x->access == TGI_ROW_BROADCAST;
        if (x->access == TGI_STRIDED || x->old || (by_rows && g->rows > 1)) return false;
    }
    return op->kind == TGI_FUSED_LOOP;
}

static tg_status write_call(const tiler *t, const tgi_fused_op *op, tgi_loop_call *call) {
    *call = (tgi_loop_call){.loop = is_one_call(t->g, op) ? op->loop : NULL,
                            .n = op->per_row ? t->g->rows : t->g->rows * t->g->columns,
                            .in = tgi_plan_take(t->b, op->count, sizeof *call->in),
                            .steps = op->steps};
    return call->in ? TG_OK : TG_ERR_MEMORY;
}

/* The calls of a group of one tile. */
static tg_status write_calls(const tiler *t) {
    tgi_group *g = t->g;
    if (g->rows * g->columns > g->tile || g->rows * g->columns == 0) return TG_OK;
    g->calls = tgi_plan_take(t->b, g->op_count, sizeof *g->calls);
    if (!g->calls) return TG_ERR_MEMORY;
    for (uint32_t i = 0; i < g->op_count; i++)
        if (write_call(t, &g->ops[i], &g->calls[i])) return TG_ERR_MEMORY;
    return TG_OK;
}

/* ---- what is fetched ahead ---------------------------------------------------------------------------------------- */

/* To fetch ahead pays in a group with FEWEST_OPS and more, 7 for each 4 streams, which take longer than to fetch these, and with so many tiles.
 * With fewer ops the processor fetches what it reads in time by itself. */
enum { MOST_STREAMS = 8, FEWEST_OPS = 5, OPS = 7, OF_STREAMS = 4, FEWEST_TILES = 4, LINE = 64 };

/* Bytes of streams that are in no cache, and then of the widest operand in a tile; and of all registers, which stay in the second cache. */
enum { LONG_STREAMS = 16 << 20, SHORT_TILE_BYTES = 8192, REGISTER_BYTES = 256 << 10 };

static void add_stream(tgi_group *g, tgi_stream s) {
    for (uint32_t k = 0; k < g->stream_count; k++)
        if (g->streams[k].base == s.base && g->streams[k].offset == s.offset) return;
    if (g->stream_count < MOST_STREAMS) g->streams[g->stream_count++] = s;
}

static tg_status list_streams(const tiler *t) {
    tgi_group *g = t->g;
    if (g->op_count < FEWEST_OPS || g->rows * g->columns < FEWEST_TILES * g->tile) return TG_OK;
    g->streams = tgi_plan_take(t->b, MOST_STREAMS, sizeof *g->streams);
    if (!g->streams) return TG_ERR_MEMORY;
    for (uint32_t i = 0; i < g->op_count; i++) {
        const tgi_fused_op *op = &g->ops[i];
        bool                reduces = op->kind == TGI_FUSED_ROW_REDUCE || op->kind == TGI_FUSED_BLOCK_REDUCE;
        bool                apart = op->kind == TGI_FUSED_SIDE_BY_SIDE; /* its result has other places */
        if (op->per_row && !reduces) continue;
        for (uint8_t j = 0; j < op->count; j++) {
            const tgi_operand *x = &op->operands[j];
            if (x->reg < 0 && x->access == TGI_CONTIGUOUS && !x->old)
                add_stream(g, (tgi_stream){.base = x->base, .offset = x->offset, .width = (uint8_t)x->width});
        }
        if (op->reg < 0 && !reduces && !apart) add_stream(g, (tgi_stream){.base = op->target, .width = op->width});
    }
    if (OPS * g->stream_count > OF_STREAMS * g->op_count) g->stream_count = 0;
    return TG_OK;
}

static int64_t bytes_of_streams(const tgi_group *g) {
    int64_t width = 0;
    for (uint32_t k = 0; k < g->stream_count; k++)
        width += g->streams[k].width;
    return width * g->rows * g->columns;
}

/* The registers are to stay in a second-level cache, and with them the pieces of long streams that a tile and the next one have. Where all is
 * there from before, longer tiles cost less. */
static void shorten_tiles(const tiler *t, int64_t rows_multiple) {
    tgi_group *g = t->g;
    bool       in_pieces = g->tile < g->columns || (g->lead == 0 && !g->calls_kernels);
    int64_t    least = in_pieces ? TG_BLOCK_ELEMENTS : rows_multiple * g->columns, width = (int64_t)t->width;
    int64_t    registers = g->registers * width, most = bytes_of_streams(g) < LONG_STREAMS ? INT64_MAX : SHORT_TILE_BYTES;
    if (in_pieces && g->tile * registers > REGISTER_BYTES) g->tile = power_of_two_below(g->tile);
    while ((g->tile * width > most || g->tile * registers > REGISTER_BYTES) && g->tile % (2 * least) == 0)
        g->tile /= 2;
}

static void share_fetching(const tgi_group *g) {
    for (uint32_t k = 0; k < g->stream_count; k++)
        g->streams[k].share = (g->tile * g->streams[k].width / LINE / g->op_count + 1) * LINE;
}

/* What the groups need beside the values. */
static void note_scratch(tgi_plan *plan, const tgi_group *g) {
    size_t bytes = g->partial_bytes + g->registers * g->register_bytes;
    if (bytes > plan->scratch_bytes) plan->scratch_bytes = bytes;
    plan->uses_threads |= tgi_threads_for(g, INT_MAX) > 1;
}

static tg_status tile_group(tiler *t) {
    const tgi_unit_info *unit = &t->b->units[t->unit];
    tgi_group           *g = t->g = unit->group;
    t->free_count = 0;
    t->width = 1;
    g->ops = tgi_plan_take(t->b, unit->count, sizeof *g->ops);
    if (!g->ops) return TG_ERR_MEMORY;
    cut_into_tiles(t, unit);
    note_assigns(t, unit);
    for (uint32_t i = unit->first; i != TGI_NONE; i = t->b->fusion[i].next)
        if (write_fused_op(t, i, &g->ops[g->op_count++])) return TG_ERR_MEMORY;
    t->b->plan->fused_count += g->op_count;
    if (list_streams(t)) return TG_ERR_MEMORY;
    shorten_tiles(t, unit->rows_multiple);
    if (tgi_join_ops(t->b, g)) return TG_ERR_MEMORY;
    share_fetching(g);
    g->register_bytes = ((size_t)g->tile * t->width + 63) & ~(size_t)63;
    note_scratch(t->b->plan, g);
    return write_calls(t);
}

static uint32_t longest_group(const tgi_plan_builder *b) {
    uint32_t longest = 0;
    for (uint32_t k = 0; k < b->unit_count; k++)
        if (b->units[k].count > longest) longest = b->units[k].count;
    return longest;
}

tg_status tgi_tile(tgi_plan_builder *b) {
    tgi_plan *plan = b->plan;
    tiler     t = {.b = b};
    t.regs = tgi_builder_take(b, (size_t)b->count + b->copy_count, sizeof *t.regs);
    t.free = tgi_builder_take(b, (size_t)longest_group(b) * (TG_MAX_LOOP_OPERANDS + 1) + TGI_MOST_SIDE_BY_SIDE, sizeof *t.free);
    plan->units = tgi_plan_take(b, b->unit_count, sizeof *plan->units);
    if (!t.regs || !t.free || !plan->units) return TG_ERR_MEMORY;
    for (uint32_t i = 0; i < b->count + b->copy_count; i++)
        t.regs[i] = TGI_NO_REGISTER;
    for (t.unit = 0; t.unit < b->unit_count; t.unit++) {
        const tgi_unit_info *unit = &b->units[t.unit];
        plan->units[t.unit] =
            (tgi_unit){.node = unit->node, .group = unit->group, .split = unit->split, .split_by = unit->split_by};
        if (unit->group && tile_group(&t)) return TG_ERR_MEMORY;
    }
    plan->unit_count = b->unit_count;
    return TG_OK;
}
