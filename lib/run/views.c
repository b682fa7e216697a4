/* run/views.c: the second pass: views are resolved.
 *
 * Takes the needed instructions. Gives each one's place: of a view the instruction whose memory holds it, the offset there and the
 * strides; of all else itself; and for each instruction that is no view the sources of the operands that it reads, seen through all
 * views. A view whose base is overwritten by an assign between the view and its reader is read from a copy of its own, which the run makes
 * before the assign; so is a view that is assigned to its own base. A view that strides cannot express is an instruction that copies.
 *
 * After this pass nobody looks through views any more, and a view that lasts has a base that lasts.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "run/plan_builder.h"
#include "run/run.h"

/* ---- where an operand is ----------------------------------------------------------------------------------------- */

/* In its own memory, one element after the other. */
static void in_its_own(const tgi_plan_builder *b, tgi_source *s, uint32_t index) {
    s->base = tgi_ref_of(b, index);
    s->offset = 0;
    tgi_row_major(s->node->rank, s->node->dims, s->strides);
}

static void in_its_base(const tgi_plan_builder *b, tgi_source *s, uint32_t index) {
    const tgi_node *node = s->node;
    const int64_t  *strides = NULL;
    in_its_own(b, s, index);
    if (index >= b->start) {
        const tgi_view_info *v = &b->views[index - b->start];
        strides = v->strides;
        s->base = v->base;
        s->offset = v->offset;
    } else if (node->view && node->view->base != TGI_NONE) {
        strides = node->view->strides;
        s->base = tgi_ref_of(b, node->view->base);
        s->offset = (const char *)node->data - (const char *)tgi_node_at(b->tape, node->view->base)->data;
    }
    if (strides) tgi_copy_sizes(node->rank, strides, s->strides);
}

/* Of a view that gets a copy of its own in this plan what it shows before; else the instruction itself. */
static const tgi_node *shown_first(const tgi_plan_builder *b, tgi_ref ref) {
    const tgi_node *node = tgi_node_of(b->tape, &b->plan->frame, ref);
    if (!(ref & TGI_OUTSIDE)) return tgi_node_of(b->tape, &b->plan->frame, b->views[ref].base);
    return node->view && node->view->base != TGI_NONE ? tgi_node_at(b->tape, node->view->base) : node;
}

/* The operand at `index`, as the instruction `reader` finds it, to which the pass has come. */
static tgi_source source_of(const tgi_plan_builder *b, const tgi_node *reader, uint32_t index) {
    tgi_source s = {.node = tgi_node_at(b->tape, index)};
    in_its_base(b, &s, index);
    s.leaf = tgi_variable_leaf(shown_first(b, s.base));
    if (!s.leaf) return s;
    const tgi_node *base = tgi_node_of(b->tape, &b->plan->frame, s.base);
    bool            is_view = !base->view && s.base != tgi_ref_of(b, index);
    bool            assigned_to_base = reader->op->effect && tgi_ref_of(b, reader->in[0]) == s.base;
    uint32_t        assign = tgi_access_of_leaf(b, s.leaf)->assign;
    if (is_view && (assigned_to_base || (assign != TGI_NONE && assign > index))) in_its_own(b, &s, index);
    return s;
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

/* Where the view's elements are in its operand's memory; false when strides cannot express it. */
static bool look_through(tgi_plan_builder *b, const tgi_node *node, tgi_source *operand) {
    static char     memory[1]; /* stands for that of the operand: what counts is the distance from there */
    const tgi_node *x = operand->node;
    tg_array        in = {.data = memory, .dtype = (tg_dtype)x->dtype, .rank = x->rank, .size = tgi_node_size(x)};
    tg_array        out;
    tgi_copy_sizes(x->rank, x->dims, in.dims);
    tgi_copy_sizes(x->rank, operand->strides, in.strides);
    tgi_view_answer answer = tgi_call_view(node, &in, &out);
    b->plan->sequential |= answer == TGI_VIEW_WRONG; /* which a sequential run reports */
    if (answer != TGI_VIEW_SHOWS) return false;
    operand->offset += (intptr_t)((uintptr_t)out.data - (uintptr_t)memory);
    tgi_copy_sizes(node->rank, out.strides, operand->strides);
    return true;
}

static tg_status note_view(tgi_plan_builder *b, uint32_t i, const tgi_node *node, const tgi_source *shown) {
    int64_t *strides = tgi_plan_take(b, node->rank, sizeof *strides);
    if (!strides) return TG_ERR_MEMORY;
    tgi_copy_sizes(node->rank, shown->strides, strides);
    b->views[i] = (tgi_view_info){.base = shown->base, .offset = shown->offset, .strides = strides};
    return TG_OK;
}

/* ---- all else ---------------------------------------------------------------------------------------------------- */

/* An assign reads its value alone. */
static tg_status note_sources(tgi_plan_builder *b, uint32_t i, const tgi_node *node) {
    uint32_t    first = node->op->effect ? 1 : 0, count = node->count - first;
    tgi_source *sources = tgi_builder_take(b, count, sizeof *sources);
    if (!sources) return TG_ERR_MEMORY;
    for (uint32_t j = 0; j < count; j++)
        sources[j] = source_of(b, node, node->in[first + j]);
    b->views[i].sources = b->views[i].recorded = sources;
    b->views[i].source_count = count;
    if (node->op->effect) tgi_access_of_leaf(b, tgi_leaf_of(tgi_node_at(b->tape, node->in[0])))->assign = b->start + i;
    return TG_OK;
}

static tg_status resolve(tgi_plan_builder *b, uint32_t i) {
    const tgi_node *node = tgi_instruction(b, i);
    b->views[i] = (tgi_view_info){.base = i};
    if (!b->liveness[i].needed || !node->op->infer || (node->op->effect && tgi_changes_nothing(node))) return TG_OK;
    if (!node->op->view) return note_sources(b, i, node);
    tgi_source shown = source_of(b, node, node->in[0]);
    return look_through(b, node, &shown) ? note_view(b, i, node, &shown) : note_sources(b, i, node);
}

static void let_bases_last(tgi_plan_builder *b) {
    for (uint32_t i = 0; i < b->count; i++) {
        const tgi_view_info *v = &b->views[i];
        if (v->strides && b->liveness[i].lasts && !(v->base & TGI_OUTSIDE)) b->liveness[v->base].lasts = true;
    }
}

tg_status tgi_resolve_views(tgi_plan_builder *b) {
    b->capacity = tgi_with_copies(b->count);
    b->views = tgi_builder_take(b, b->capacity, sizeof *b->views);
    if (!b->views) return TG_ERR_MEMORY;
    tgi_begin_leaf_access(b);
    for (uint32_t i = 0; i < b->count && !b->plan->sequential; i++)
        if (resolve(b, i)) return TG_ERR_MEMORY;
    if (!b->plan->sequential) let_bases_last(b);
    return TG_OK;
}
