/* run/join_ops.c: neighbours in a group that are run as one loop.
 *
 * A product and the sum that it goes into are two passes over a tile, and the product is written and read in between. Some pairs of ops have
 * a loop that does both (tg_op.joined), to the bit. They are joined when the group is written out: where the second is the only one that reads the
 * first one's result, and nothing that the first reads is in the way of the second.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "run/plan_builder.h"

/* Which operand of `then` is the result of `first`, all of it, which nobody else reads; -1 for none. */
static int operand_joined(const tgi_fused_op *first, const tgi_fused_op *then) {
    int joined = -1;
    for (uint8_t j = 0; j < then->count; j++) {
        const tgi_operand *x = &then->operands[j];
        bool               is_result = first->reg >= 0 ? x->reg == first->reg : x->reg < 0 && x->base == first->target;
        if (!is_result) continue;
        if (joined >= 0 || !x->last || x->old || x->offset != 0 || x->access != TGI_CONTIGUOUS) return -1;
        joined = j;
    }
    return joined;
}

/* Whether the operand of the first can be read when the second is run: another operand is not gathered over it, and it is not overwritten
 * before it is read, as one number for all would be by the first element of the result. */
static bool is_there_for(const tgi_plan_builder *b, const tgi_operand *x, const tgi_fused_op *then) {
    bool    one_by_one = x->access == TGI_CONTIGUOUS || x->access == TGI_STRIDED;
    int32_t held_in = x->gather != TGI_NO_REGISTER ? x->gather : x->reg;
    for (uint8_t j = 0; j < then->count; j++) {
        int32_t gathered = then->operands[j].gather;
        if (gathered != TGI_NO_REGISTER && (gathered == x->gather || gathered == x->reg)) return false;
    }
    if (then->reg >= 0) return held_in != then->reg || (one_by_one && x->width == then->width);
    if (held_in != TGI_NO_REGISTER) return true;
    return one_by_one ? x->offset == 0 : tgi_node_size(tgi_node_of(b->tape, &b->plan->frame, x->base)) == 1;
}

static bool can_join(const tgi_plan_builder *b, const tgi_fused_op *first, const tgi_fused_op *then) {
    if (first->kind != TGI_FUSED_LOOP || then->kind != TGI_FUSED_LOOP || !then->op->joined) return false;
    if (first->in_rows || then->in_rows || first->per_row != then->per_row || first->width != then->width) return false;
    for (uint8_t j = 0; j < first->count; j++)
        if (!is_there_for(b, &first->operands[j], then)) return false;
    return first->count + then->count - 1 <= TG_MAX_LOOP_OPERANDS;
}

/* `then` becomes both. */
static tg_status join(tgi_plan_builder *b, const tgi_fused_op *first, tgi_fused_op *then, int joined, tg_loop *loop) {
    uint8_t      count = (uint8_t)(first->count + then->count - 1), n = first->count;
    tgi_operand *operands = tgi_plan_take(b, count, sizeof *operands);
    int64_t     *steps = tgi_plan_take(b, count, sizeof *steps);
    if (!operands || !steps) return TG_ERR_MEMORY;
    memcpy(operands, first->operands, n * sizeof *operands);
    memcpy(steps, first->steps, n * sizeof *steps);
    for (uint8_t j = 0; j < then->count; j++) {
        if (j == joined) continue;
        operands[n] = then->operands[j];
        steps[n++] = then->steps[j];
    }
    then->operands = operands;
    then->steps = steps;
    then->count = count;
    then->loop = loop;
    then->joined_to = first->node;
    return TG_OK;
}

tg_status tgi_join_ops(tgi_plan_builder *b, tgi_group *g) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < g->op_count; i++) {
        tgi_fused_op *then = &g->ops[i], *first = count ? &g->ops[count - 1] : NULL;
        int      joined = first && first->joined_to == TGI_NONE && can_join(b, first, then) ? operand_joined(first, then) : -1;
        tg_loop *loop = joined >= 0 ? then->op->joined(first->loop, then->loop, joined) : NULL;
        if (loop && join(b, first, then, joined, loop)) return TG_ERR_MEMORY;
        if (!loop) count++;
        g->ops[count - 1] = *then;
    }
    g->op_count = count;
    return TG_OK;
}
