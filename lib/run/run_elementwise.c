/* run/run_elementwise.c: runs the loop of an elementwise op over operands of any shape.
 *
 * Operands that are single numbers, or lie in memory as the result does, are handed to the loop as they are, in one call when
 * all of them are such. Others are gathered, a tile at a time, into buffers that stay in the first-level cache.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/strided.h"
#include "run/run.h"

enum { TILE = 1024 };

/* How the loop gets one operand. */
typedef struct loop_operand {
    const char *data;
    int64_t     step; /* 0: one number for all, 1: element by element */
    bool        gather;
    tgi_walk    walk; /* when gathering */
    char       *tile;
} loop_operand;

static loop_operand operand_of(const tgi_node *operand, const tgi_node *result, int64_t size) {
    loop_operand x = {.data = operand->data, .step = 1};
    x.walk.element = tg_dtype_size((tg_dtype)operand->dtype);
    if (tgi_node_size(operand) == 1) {
        x.step = 0;
        return x;
    }
    if (!operand->view && tgi_node_size(operand) == size) return x;

    tg_array array = tgi_array_of(operand);
    int64_t  strides[TG_MAX_RANK];
    tgi_stretch(array.rank, array.dims, array.strides, result->rank, result->dims, strides);
    x.walk = tgi_walk_of(x.walk.element, result->rank, result->dims, strides);
    x.gather = !tgi_walk_is_contiguous(&x.walk);
    return x;
}

static void run_tile(tg_loop *loop, int count, loop_operand *operands, const void **in, int64_t *steps, int64_t start,
                     int64_t n, char *out) {
    for (int i = 0; i < count; i++) {
        loop_operand *x = &operands[i];
        if (x->gather) tgi_gather(&x->walk, x->data, start, n, x->tile);
        in[i] = x->gather ? x->tile : x->data + x->step * start * (int64_t)x->walk.element;
        steps[i] = x->step;
    }
    loop(n, out, in, steps);
}

/* Memory for the tiles of the operands that are gathered; NULL, and no error, when none is. */
static tg_status take_tiles(tg_tape *tape, const tgi_node *node, loop_operand *operands, char **tiles) {
    size_t gathered = 0;
    *tiles = NULL;
    for (uint32_t i = 0; i < node->count; i++)
        gathered += operands[i].gather;
    if (!gathered) return TG_OK;
    *tiles = tgi_pool_take(&tape->pool, gathered * TILE * sizeof(double));
    if (!*tiles) return tgi_out_of_memory(tape, node->op->name);
    for (uint32_t i = 0; i < node->count; i++)
        if (operands[i].gather) operands[i].tile = *tiles + --gathered * TILE * sizeof(double);
    return TG_OK;
}

tg_status tgi_run_loop(tg_tape *tape, const tgi_node *node, tg_loop *loop) {
    loop_operand operands[TG_MAX_LOOP_OPERANDS];
    const void  *in[TG_MAX_LOOP_OPERANDS];
    int64_t      steps[TG_MAX_LOOP_OPERANDS], size = tgi_node_size(node);
    for (uint32_t i = 0; i < node->count; i++)
        operands[i] = operand_of(tgi_node_at(tape, node->in[i]), node, size);

    char *tiles;
    if (take_tiles(tape, node, operands, &tiles)) return TG_ERR_MEMORY;
    int64_t tile = tiles ? TILE : size, width = (int64_t)tg_dtype_size((tg_dtype)node->dtype);
    for (int64_t start = 0; start < size; start += tile)
        run_tile(loop, (int)node->count, operands, in, steps, start, size - start < tile ? size - start : tile,
                 (char *)node->data + start * width);
    tgi_pool_give(&tape->pool, tiles);
    return TG_OK;
}
