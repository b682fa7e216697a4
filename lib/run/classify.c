/* run/classify.c: reads from an instruction's op what it could be in a group.
 *
 * An elementwise loop always can. A kernel can when its op says how it is run in pieces and its operands are row-major, so that the pieces
 * come to the same result, to the bit.
 *
 * SPDX-License-Identifier: MIT */
#include "run/classify.h"

/* ---- what the op says -------------------------------------------------------------------------------------------- */

tg_loop *tgi_node_loop(const tg_tape *tape, const tgi_node *node) {
    if (!node->count || node->count > TG_MAX_LOOP_OPERANDS) return NULL;
    return tgi_loop_of(node->op, (tg_dtype)tgi_node_at(tape, node->in[node->count - 1])->dtype);
}

/* The op has been checked when it was recorded; one that changes its mind is run as a kernel like any other. */
static int leading_axes(const tg_tape *tape, const tgi_node *node) {
    tg_type x[TG_MAX_LOOP_OPERANDS], out = tgi_node_type(node);
    if (!node->op->lead || node->count > TG_MAX_LOOP_OPERANDS) return TGI_NO_AXES;
    for (uint32_t j = 0; j < node->count; j++)
        x[j] = tgi_node_type(tgi_node_at(tape, node->in[j]));
    return tgi_lead_of(node->op, (int)node->count, x, &out, node->attr);
}

static int reduced_axes(const tg_tape *tape, const tgi_node *node) {
    if (!node->op->reduced || node->count != 1) return TGI_NO_AXES;
    tg_type x = tgi_node_type(tgi_node_at(tape, node->in[0])), out = tgi_node_type(node);
    return tgi_reduced_of(node->op, 1, &x, &out, node->attr);
}

bool tgi_never_fails(const tg_tape *tape, const tgi_node *node) {
    return leading_axes(tape, node) >= 0 || reduced_axes(tape, node) >= 0;
}

/* ---- how its operands lie ---------------------------------------------------------------------------------------- */

static bool is_row_major(const tgi_source *s) {
    const tgi_node *x = s->node;
    return tgi_node_size(x) <= 1 || tgi_access_to(x->rank, x->dims, s->strides, 0) == TGI_CONTIGUOUS;
}

static bool all_row_major(const tgi_source *sources, uint32_t count) {
    for (uint32_t j = 0; j < count; j++)
        if (!is_row_major(&sources[j])) return false;
    return true;
}

bool tgi_is_safe(const tgi_plan_builder *b, uint32_t i) {
    const tgi_view_info *v = &b->views[i];
    if (v->source_count > 1 && !all_row_major(v->sources, v->source_count)) return false;
    return tgi_never_fails(b->tape, tgi_instruction(b, i));
}

/* ---- kinds ------------------------------------------------------------------------------------------------------- */

static int64_t elements_from(const tgi_candidate *c, int axis) {
    return tgi_size(c->rank - axis, c->dims + axis);
}

bool tgi_classify_block_reduce(const tgi_plan_builder *b, tgi_candidate *c) {
    c->axes = reduced_axes(b->tape, c->node);
    c->kind = TGI_FUSED_BLOCK_REDUCE;
    return c->axes >= 0 && (c->axes == c->rank || elements_from(c, c->axes) >= TG_BLOCK_COLUMNS);
}

/* Its domain is that of its operands. */
static bool classify_side_by_side(const tgi_plan_builder *b, tgi_candidate *c) {
    tg_type x[TGI_MOST_SIDE_BY_SIDE], out = tgi_node_type(c->node);
    if (!c->node->op->side_by_side || c->count > TGI_MOST_SIDE_BY_SIDE || !tgi_node_size(c->node)) return false;
    for (uint32_t j = 0; j < c->count; j++)
        x[j] = tgi_node_type(tgi_node_at(b->tape, c->node->in[j]));
    if (tgi_side_by_side_of(c->node->op, (int)c->count, x, &out, c->node->attr) < 0) return false;
    c->kind = TGI_FUSED_SIDE_BY_SIDE;
    c->rank = x->rank;
    c->dims = x->dims;
    return true;
}

/* A kernel that makes rows from rows, or reduces. */
static bool classify_kernel(const tgi_plan_builder *b, tgi_candidate *c) {
    const tgi_node *x = c->sources[0].node;
    for (uint32_t j = 0; j < c->count; j++)
        if (tgi_node_size(c->sources[j].node) == 0) return false;
    if (!all_row_major(c->sources, c->count)) return false;
    c->axes = leading_axes(b->tape, c->node);
    if (c->axes >= 0 && tgi_node_size(c->node) > tgi_size(c->axes, x->dims)) {
        c->kind = TGI_FUSED_ROW_KERNEL;
        return elements_from(c, c->axes) <= TGI_LONGEST_TILE;
    }
    c->rank = x->rank;
    c->dims = x->dims;
    c->kind = TGI_FUSED_ROW_REDUCE;
    if (c->axes >= 0 && elements_from(c, c->axes) <= TGI_LONGEST_TILE) return c->count == 1;
    return tgi_classify_block_reduce(b, c);
}

bool tgi_classify(const tgi_plan_builder *b, uint32_t i, tgi_candidate *c) {
    const tgi_node *node = tgi_instruction(b, i);
    *c = (tgi_candidate){.i = i,
                         .node = node,
                         .kind = TGI_FUSED_LOOP,
                         .sources = b->views[i].sources,
                         .count = b->views[i].source_count,
                         .rank = node->rank,
                         .dims = node->dims};
    if (node->op->effect && !node->op->kernel)
        c->kind = TGI_FUSED_ASSIGN;
    else if (node->op->view)
        c->kind = TGI_FUSED_COPY;
    else if (!tgi_node_loop(b->tape, node))
        return classify_side_by_side(b, c) || (tgi_is_safe(b, i) && classify_kernel(b, c));
    return true;
}
