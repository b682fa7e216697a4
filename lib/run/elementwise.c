/* run/elementwise.c: runs the loop of an elementwise op over operands of any shape.
 *
 * Operands that are single numbers, or lie in memory as the result does, are handed to the loop as they are, in one call when
 * all of them are such. Others are gathered, a tile at a time, into buffers that stay in the first-level cache.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/strided.h"
#include "run/run.h"

enum { TILE = 1024 };

/* How the loop gets one operand. */
typedef struct feed {
    const char *data;
    int64_t     step; /* 0: one number for all, 1: element by element */
    bool        gather;
    tgi_walk    walk; /* when gathering */
    char       *tile;
} feed;

static feed feed_of(const tgi_node *operand, const tgi_node *result, int64_t size) {
    feed f = {.data = operand->data, .step = 1};
    f.walk.element = tg_dtype_size((tg_dtype)operand->dtype);
    if (tgi_node_size(operand) == 1) {
        f.step = 0;
        return f;
    }
    if (!operand->view && tgi_node_size(operand) == size) return f;

    tg_array array = tgi_array_of(operand);
    int64_t  strides[TG_MAX_RANK];
    tgi_stretch(array.rank, array.dims, array.strides, result->rank, result->dims, strides);
    f.walk = tgi_walk_of(f.walk.element, result->rank, result->dims, strides);
    f.gather = !tgi_walk_is_contiguous(&f.walk);
    return f;
}

static void run_tile(tg_loop *loop, int count, feed *feeds, const void **in, int64_t *steps, int64_t start, int64_t n,
                     char *out) {
    for (int i = 0; i < count; i++) {
        feed *f = &feeds[i];
        if (f->gather) tgi_gather(&f->walk, f->data, start, n, f->tile);
        in[i] = f->gather ? f->tile : f->data + f->step * start * (int64_t)f->walk.element;
        steps[i] = f->step;
    }
    loop(n, out, in, steps);
}

/* Memory for the tiles of the operands that are gathered; NULL, and no error, when none is. */
static tg_status take_tiles(tg_tape *tape, const tgi_node *node, feed *feeds, char **tiles) {
    size_t gathered = 0;
    *tiles = NULL;
    for (uint32_t i = 0; i < node->count; i++)
        gathered += feeds[i].gather;
    if (!gathered) return TG_OK;
    *tiles = tgi_pool_take(&tape->pool, gathered * TILE * sizeof(double));
    if (!*tiles) return tgi_out_of_memory(tape, node->op->name);
    for (uint32_t i = 0; i < node->count; i++)
        if (feeds[i].gather) feeds[i].tile = *tiles + --gathered * TILE * sizeof(double);
    return TG_OK;
}

tg_status tgi_run_loop(tg_tape *tape, const tgi_node *node, tg_loop *loop) {
    feed        feeds[TG_MAX_LOOP_OPERANDS];
    const void *in[TG_MAX_LOOP_OPERANDS];
    int64_t     steps[TG_MAX_LOOP_OPERANDS], size = tgi_node_size(node);
    for (uint32_t i = 0; i < node->count; i++)
        feeds[i] = feed_of(tgi_node_at(tape, node->in[i]), node, size);

    char *tiles;
    if (take_tiles(tape, node, feeds, &tiles)) return TG_ERR_MEMORY;
    int64_t tile = tiles ? TILE : size, width = (int64_t)tg_dtype_size((tg_dtype)node->dtype);
    for (int64_t start = 0; start < size; start += tile)
        run_tile(loop, (int)node->count, feeds, in, steps, start, size - start < tile ? size - start : tile,
                 (char *)node->data + start * width);
    tgi_pool_give(&tape->pool, tiles);
    return TG_OK;
}
