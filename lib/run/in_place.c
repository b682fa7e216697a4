/* run/in_place.c: the fourth pass: what is made in the memory of another value.
 *
 * Takes the groups. Gives some fused ops a target: the instruction whose memory the result is made in, though it is another's. The
 * new value of a leaf is made in the leaf, when no fused op between needs the old value; and an operand that nothing later reads is made
 * where the result of the elementwise op that reads it goes: in the same tile of memory, which is on its way to the cache while the
 * operand is computed. After this pass each value of a group is in memory of its own, in its target, or in a register.
 *
 * SPDX-License-Identifier: MIT */
#include "run/plan_builder.h"

/* ---- new values of leaves ---------------------------------------------------------------------------------------- */

/* What was read of the leaf in the group so far decides. */
static void make_in_leaf(tgi_plan_builder *b, uint32_t i) {
    tgi_ref         source = b->views[i].sources[0].base, leaf = tgi_ref_of(b, tgi_instruction(b, i)->in[0]);
    tgi_fusion     *v = tgi_fusion_of(b, source);
    tgi_leaf_access access = *tgi_access_of_leaf(b, tgi_leaf_of(tgi_base_node(b, leaf)));
    if (!v || !v->made || v->unit != b->fusion[i].unit || b->targets[source] != TGI_NONE) return;
    if (v->kind != TGI_FUSED_LOOP || v->per_row) return;
    if (access.reader == TGI_NONE || access.order <= v->order) b->targets[source] = leaf;
}

static void make_in_leaves(tgi_plan_builder *b, const tgi_unit_info *unit) {
    tgi_begin_leaf_access(b);
    for (uint32_t i = unit->first; i != TGI_NONE; i = b->fusion[i].next) {
        const tgi_view_info *v = &b->views[i];
        for (uint32_t j = 0; j < v->source_count; j++) {
            tgi_leaf *leaf = tgi_variable_leaf(tgi_base_node(b, v->sources[j].base));
            if (!leaf) continue;
            tgi_leaf_access *access = tgi_access_of_leaf(b, leaf);
            access->reader = b->fusion[i].unit;
            access->order = b->fusion[i].order;
        }
        if (b->fusion[i].kind == TGI_FUSED_ASSIGN) make_in_leaf(b, i);
    }
}

/* ---- operands that die ------------------------------------------------------------------------------------------- */

/* One of the operands of instruction i is made in that memory. */
static void make_operand_in(tgi_plan_builder *b, uint32_t i, tgi_ref target) {
    const tgi_fusion    *v = &b->fusion[i];
    const tgi_view_info *view = &b->views[i];
    for (uint32_t j = 0; j < view->source_count; j++) {
        tgi_ref           base = view->sources[j].base;
        const tgi_fusion *x = tgi_fusion_of(b, base);
        bool              in_register = x && x->made && x->unit == v->unit && !x->in_memory && b->targets[base] == TGI_NONE;
        if (!in_register || x->last_order != v->order || x->per_row) continue;
        if (view->sources[j].node->dtype != tgi_instruction(b, i)->dtype) continue;
        b->targets[base] = target;
        return;
    }
}

/* From the last fused op back, so that a chain of them is made in one place. */
static tg_status make_operands_in_place(tgi_plan_builder *b, const tgi_unit_info *unit) {
    uint32_t *ops = tgi_builder_take(b, unit->count, sizeof *ops), count = 0;
    if (!ops) return TG_ERR_MEMORY;
    for (uint32_t i = unit->first; i != TGI_NONE; i = b->fusion[i].next)
        ops[count++] = i;
    while (count-- > 0) {
        uint32_t          i = ops[count];
        const tgi_fusion *v = &b->fusion[i];
        if (v->kind != TGI_FUSED_LOOP || v->per_row) continue;
        const tgi_fusion *target = b->targets[i] == TGI_NONE ? NULL : tgi_fusion_of(b, b->targets[i]);
        if (v->in_memory)
            make_operand_in(b, i, i);
        else if (target && target->made) /* no leaf, whose old value might be read until then */
            make_operand_in(b, i, b->targets[i]);
    }
    return TG_OK;
}

tg_status tgi_choose_targets(tgi_plan_builder *b) {
    b->targets = tgi_builder_take(b, (size_t)b->count + b->copy_count, sizeof *b->targets);
    if (!b->targets) return TG_ERR_MEMORY;
    for (uint32_t i = 0; i < b->count + b->copy_count; i++)
        b->targets[i] = TGI_NONE;
    for (uint32_t k = 0; k < b->unit_count; k++)
        if (b->units[k].group) make_in_leaves(b, &b->units[k]);
    for (uint32_t k = 0; k < b->unit_count; k++)
        if (b->units[k].group && make_operands_in_place(b, &b->units[k])) return TG_ERR_MEMORY;
    return TG_OK;
}
