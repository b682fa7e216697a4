/* run/rematerialize.c: what is computed again where it is read, instead of being kept until then.
 *
 * A gradient reads what the forward part computed long before. Where that is the result of elementwise ops whose own operands are in
 * memory until then anyway, a copy of these ops in the group that reads it costs less than the memory, and the way there and back: then
 * the value never leaves its register, and only the operands are kept. The bits are the same, for every loop is run on the same elements.
 *
 * Where a kernel reads it, a group before the kernel puts it into memory a second time; there it is from then on.
 *
 * A copy is an instruction of the plan, numbered after those of the segment, with a place in a group and operands; what it is on the
 * tape is its original. (P. Briggs, K. Cooper and L. Torczon, "Rematerialization", 1992.)
 *
 * SPDX-License-Identifier: MIT */
#include "run/rematerialize.h"

#include <string.h>

/* Values smaller than BYTES, and those read within FAR units, are kept; operands that are FEW times smaller may be kept longer for it. At
 * most MOST ops are run again for one operand. */
#ifndef TGI_COPY_BYTES
#define TGI_COPY_BYTES (1 << 17)
#endif
#ifndef TGI_COPY_FAR
#define TGI_COPY_FAR 8
#endif
enum { FEW = 16, MOST = TGI_COPIES_OF_ONE / TG_MAX_LOOP_OPERANDS };

/* ---- the first pass ---------------------------------------------------------------------------------------------- */

tg_status tgi_prepare_copies(tgi_plan_builder *b) {
    b->copied = tgi_builder_take(b, b->capacity - b->count, sizeof *b->copied);
    b->last_reader = tgi_builder_take(b, b->count, sizeof *b->last_reader);
    b->last_copy = tgi_builder_take(b, b->count, sizeof *b->last_copy);
    b->second = tgi_builder_take(b, b->count, sizeof *b->second);
    if (!b->copied || !b->last_reader || !b->last_copy || !b->second) return TG_ERR_MEMORY;
    for (uint32_t i = 0; i < b->count; i++) {
        const tgi_view_info *view = &b->views[i];
        b->last_reader[i] = 0;
        b->last_copy[i] = b->second[i] = TGI_NONE;
        for (uint32_t j = 0; j < view->source_count; j++)
            if (!(view->sources[j].base & TGI_OUTSIDE)) b->last_reader[view->sources[j].base] = i;
    }
    return TG_OK;
}

/* ---- the choice -------------------------------------------------------------------------------------------------- */

/* Whether it was made element by element, over the domain of the reader, and long ago. */
static bool can_be_copied(const tgi_plan_builder *b, const tgi_demand *d, const tgi_source *s) {
    const tgi_fusion *v = &b->fusion[s->base];
    const tgi_node   *node = tgi_instruction(b, s->base);
    int64_t           strides[TG_MAX_RANK];
    uint32_t          held_by = tgi_holder_of(b, s->base)->unit;
    if (!b->units[v->unit].group || v->kind != TGI_FUSED_LOOP || v->per_row || held_by + TGI_COPY_FAR > d->now) return false;
    if (s->offset != 0 || tgi_node_bytes(node) < TGI_COPY_BYTES || tgi_node_size(node) != tgi_size(d->rank, d->dims))
        return false;
    tgi_stretch(s->node->rank, s->node->dims, s->strides, d->rank, d->dims, strides);
    return tgi_same_dims(node->rank, node->dims, d->rank, d->dims) &&
           tgi_access_to(d->rank, d->dims, strides, 0) == TGI_CONTIGUOUS;
}

/* How many ops are run again for the value of instruction i; MOST + 1 when there are more, or when it cannot be had so. */
static int ops_of_copy(const tgi_plan_builder *b, const tgi_demand *d, uint32_t i, int depth) {
    const tgi_view_info *view = &b->views[i];
    int                  count = 1;
    for (uint32_t j = 0; j < view->source_count && count <= MOST; j++) {
        const tgi_source *s = &view->recorded[j];
        tgi_supply        supply = tgi_supply_of(b, d, s, b->fusion[i].unit, depth);
        if (supply == TGI_FROM_NOWHERE) return MOST + 1;
        if (supply == TGI_FROM_COPY) count += ops_of_copy(b, d, s->base, depth - 1);
    }
    return count;
}

tgi_supply tgi_supply_of(const tgi_plan_builder *b, const tgi_demand *d, const tgi_source *s, uint32_t made_in, int depth) {
    const tgi_node *base = tgi_base_node(b, s->base);
    if (base->view) return TGI_FROM_NOWHERE; /* a copy of its own, which an assign may make late */
    if (s->leaf) {
        uint32_t writer = tgi_access_of_leaf(b, s->leaf)->writer;
        return writer == TGI_NONE || writer < made_in ? TGI_FROM_MEMORY : TGI_FROM_NOWHERE;
    }
    if (s->base & TGI_OUTSIDE || !b->fusion[s->base].made || b->liveness[s->base].lasts) return TGI_FROM_MEMORY;
    if (depth > 0 && can_be_copied(b, d, s) && ops_of_copy(b, d, s->base, depth - 1) <= MOST) return TGI_FROM_COPY;
    bool small = tgi_node_size(base) <= tgi_size(d->rank, d->dims) / FEW;
    return small || b->last_reader[s->base] >= d->reader ? TGI_FROM_MEMORY : TGI_FROM_NOWHERE;
}

bool tgi_has_room(const tgi_plan_builder *b) {
    return b->capacity - b->count - b->copy_count >= TGI_COPIES_OF_ONE;
}

bool tgi_may_read_copies(const tgi_candidate *c) {
    return c->kind == TGI_FUSED_LOOP || c->kind == TGI_FUSED_ROW_REDUCE || c->kind == TGI_FUSED_BLOCK_REDUCE;
}

unsigned tgi_copied_operands(const tgi_plan_builder *b, const tgi_candidate *c, const tgi_demand *d) {
    unsigned copied = 0;
    if (!tgi_may_read_copies(c) || !tgi_has_room(b)) return 0;
    for (uint32_t j = 0; j < c->count; j++)
        if (tgi_supply_of(b, d, &c->sources[j], TGI_NONE, TGI_COPY_DEPTH) == TGI_FROM_COPY) copied |= 1u << j;
    return copied;
}

/* ---- the copy ---------------------------------------------------------------------------------------------------- */

uint32_t tgi_new_copy(tgi_plan_builder *b, uint32_t i, tgi_source **sources) {
    const tgi_view_info *view = &b->views[i];
    uint32_t             copy = b->count + b->copy_count;
    *sources = tgi_builder_take(b, view->source_count, sizeof **sources);
    if (!*sources) return TGI_NONE;
    memcpy(*sources, view->recorded, view->source_count * sizeof **sources);
    b->copied[b->copy_count++] = i;
    b->last_copy[i] = copy;
    b->views[copy] = (tgi_view_info){.base = copy, .sources = *sources, .source_count = view->source_count};
    b->fusion[copy] = (tgi_fusion){.unit = TGI_NONE, .last_unit = TGI_NONE};
    return copy;
}
