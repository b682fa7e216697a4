/* run/bind.c: the last pass: what a run has to give memory; and how the run does that.
 *
 * Takes where each value is. Gives the list of bindings: a value that lasts has memory of its own, one that does not a part of the
 * block, a view the memory of its base. A view has none when all that read it do so in the group of its base. After the list was bound in a
 * run, every address that a unit uses stands in its instruction. When these are those of the run before, as where a segment stays, or is
 * recorded again in its place, units need not look for them: they are written down in one run, and used from the next one on.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/residency.h"
#include "core/tape_part.h"
#include "run/aliases.h"
#include "run/plan_builder.h"

/* ---- the pass ---------------------------------------------------------------------------------------------------- */

/* The last unit that reads what is in that memory, when it is memory of the block. */
static uint32_t last_unit_of(const tgi_plan_builder *b, tgi_ref base) {
    const tgi_fusion *v = tgi_fusion_of(b, base);
    return !v || !v->made || b->liveness[base].lasts ? TGI_NONE : v->last_unit;
}

static bool needs_binding(const tgi_plan_builder *b, uint32_t i) {
    const tgi_view_info *view = &b->views[i];
    const tgi_fusion    *v = view->strides ? tgi_fusion_of(b, view->base) : &b->fusion[i];
    if (view->strides) return !v || !v->made || v->in_memory;
    return v->made && v->in_memory;
}

/* A view that lasts must not show what another part will compute again. */
static tgi_allocation allocation_of_view(const tgi_plan_builder *b, uint32_t i) {
    const tgi_node *base = tgi_node_of(b->tape, &b->plan->frame, b->views[i].base);
    bool            apart = tgi_is_of_another_part(base, tgi_instruction(b, i)->part);
    return apart && b->liveness[i].lasts ? TGI_IN_BASE_FIRST : TGI_IN_BASE;
}

/* A view of a leaf that nobody overwrites while it is wanted is there until the run is over, and nothing is noted of it; where no unit runs, it
 * stays there. */
static tgi_binding binding_of_view(const tgi_plan_builder *b, uint32_t i) {
    const tgi_view_info *view = &b->views[i];
    tgi_binding          binding = {.node = i, .offset = (size_t)view->offset, .strides = view->strides, .base = view->base};
    bool                 shows_leaf = tgi_variable_leaf(tgi_base_node(b, view->base));
    binding.allocation = (uint8_t)allocation_of_view(b, i);
    binding.is_alias = shows_leaf && (b->liveness[i].lasts || b->plan->assigns || !b->plan->unit_count);
    binding.last_unit = shows_leaf && !binding.is_alias ? b->plan->unit_count - 1 : last_unit_of(b, view->base);
    return binding;
}

static tgi_binding binding_of(const tgi_plan_builder *b, uint32_t i) {
    if (b->views[i].strides) return binding_of_view(b, i);
    return (tgi_binding){.node = i,
                         .offset = b->offsets[i],
                         .base = i,
                         .last_unit = last_unit_of(b, i),
                         .allocation = b->liveness[i].lasts ? TGI_IN_OWN : TGI_IN_BLOCK};
}

/* For each instruction the first view of its memory, and for each view the next one of the same memory; TGI_NONE for none. */
typedef struct view_lists {
    uint32_t *first, *next;
} view_lists;

static bool list_views(tgi_plan_builder *b, view_lists *lists) {
    lists->first = tgi_builder_take(b, b->count, sizeof *lists->first);
    lists->next = tgi_builder_take(b, b->count, sizeof *lists->next);
    if (!lists->first || !lists->next) return false;
    for (uint32_t i = 0; i < b->count; i++)
        lists->first[i] = TGI_NONE;
    for (uint32_t i = b->count; i-- > 0;) {
        const tgi_view_info *view = &b->views[i];
        if (!view->strides || view->base & TGI_OUTSIDE) continue;
        lists->next[i] = lists->first[view->base];
        lists->first[view->base] = i;
    }
    return true;
}

/* Of the copy, which the unit puts into memory, and of the views of its original. */
static tg_status list_second(tgi_plan_builder *b, const view_lists *lists, uint32_t copy) {
    tgi_unit *unit = &b->plan->units[b->fusion[copy].unit];
    uint32_t  original = tgi_original(b, copy), views = 0, last = b->fusion[copy].last_unit;
    for (uint32_t i = lists->first[original]; i != TGI_NONE; i = lists->next[i])
        views++;
    tgi_binding *binding = unit->bindings = tgi_plan_take(b, views + 1, sizeof *binding);
    if (!binding) return TG_ERR_MEMORY;
    unit->bound = views + 1;
    b->plan->binds_again = true;
    *binding++ = (tgi_binding){original, b->offsets[copy], NULL, original, last, TGI_IN_BLOCK, false, NULL};
    for (uint32_t i = lists->first[original]; i != TGI_NONE; i = lists->next[i])
        *binding++ =
            (tgi_binding){i, (size_t)b->views[i].offset, b->views[i].strides, original, last, TGI_IN_BASE, false, NULL};
    return TG_OK;
}

static tg_status list_seconds(tgi_plan_builder *b) {
    view_lists lists;
    if (b->copy_count && !list_views(b, &lists)) return TG_ERR_MEMORY;
    for (uint32_t copy = b->count; copy < b->count + b->copy_count; copy++)
        if (b->fusion[copy].in_memory && list_second(b, &lists, copy)) return TG_ERR_MEMORY;
    return TG_OK;
}

static bool      stays(const tgi_plan_builder *b);
static tg_status list_places(tgi_plan_builder *b);
static tg_status take_arrays(tgi_plan_builder *b);

tg_status tgi_list_bindings(tgi_plan_builder *b) {
    tgi_plan *plan = b->plan;
    uint32_t  count = 0;
    if (list_seconds(b)) return TG_ERR_MEMORY;
    for (uint32_t i = 0; i < b->count; i++) {
        count += needs_binding(b, i);
        plan->assigns |= tgi_instruction(b, i)->op->effect;
    }
    plan->bindings = tgi_plan_take(b, count, sizeof *plan->bindings);
    if (!plan->bindings) return TG_ERR_MEMORY;
    for (uint32_t i = 0; i < b->count; i++) {
        if (!needs_binding(b, i)) continue;
        tgi_binding *binding = &plan->bindings[plan->binding_count++];
        *binding = binding_of(b, i);
        plan->copies_views |= binding->allocation == TGI_IN_BASE_FIRST;
        plan->has_aliases |= binding->is_alias;
    }
    plan->stays = stays(b);
    return plan->stays && (list_places(b) || take_arrays(b)) ? TG_ERR_MEMORY : TG_OK;
}

/* Leaves stay as long as nothing moves, and what the body of a loop reads. */
static bool stays(const tgi_plan_builder *b) {
    const tgi_frame *frame = &b->plan->frame;
    uint16_t         part = tgi_node_at(b->tape, b->start)->part;
    if (b->plan->has_aliases || b->plan->binds_again) return false;
    if (part && tgi_part_at(b->tape, part)->loop) return true;
    for (uint32_t i = 0; i < frame->outside_count; i++)
        if (tgi_node_at(b->tape, frame->outside[i])->op->infer) return false;
    return true;
}

/* Numbers never move, for their instructions do not. */
static bool is_placed(const tgi_node *node) {
    return !node->op->infer && node->op != &tgi_number;
}

static tg_status list_places(tgi_plan_builder *b) {
    tgi_plan *plan = b->plan;
    uint32_t  count = plan->frame.outside_count;
    for (uint32_t i = 0; i < b->count; i++)
        count += is_placed(tgi_instruction(b, i));
    plan->places = tgi_plan_take(b, count, sizeof *plan->places);
    if (!plan->places) return TG_ERR_MEMORY;
    for (uint32_t i = 0; i < plan->frame.outside_count; i++)
        plan->places[plan->place_count++] = (tgi_place){TGI_OUTSIDE | i, NULL};
    for (uint32_t i = 0; i < b->count; i++)
        if (is_placed(tgi_instruction(b, i))) plan->places[plan->place_count++] = (tgi_place){i, NULL};
    return TG_OK;
}

static tg_status take_arrays(tgi_plan_builder *b) {
    for (uint32_t k = 0; k < b->plan->unit_count; k++) {
        tgi_unit       *unit = &b->plan->units[k];
        const tgi_node *node = tgi_instruction(b, unit->node);
        if (unit->group || node->op->effect) continue;
        unit->arrays = tgi_plan_take(b, node->count + 1, sizeof *unit->arrays);
        if (!unit->arrays) return TG_ERR_MEMORY;
    }
    return TG_OK;
}

/* ---- the run ----------------------------------------------------------------------------------------------------- */

static void bind_to_block(tgi_node *node, char *memory) {
    node->data = tgi_node_bytes(node) <= sizeof node->small ? (char *)node->small : memory;
    if (!node->view) return;
    node->view->base = TGI_NONE;
    tgi_row_major(node->rank, node->dims, node->view->strides);
}

static tg_status bind_to_own(tg_tape *tape, tgi_node *node) {
    if (!node->view) return tgi_allocate_value(tape, node);
    if (tgi_allocate_view_copy(tape, node)) return tape->status;
    tgi_show_view_copy(tape, node);
    return TG_OK;
}

static tg_status bind_to_base(tg_tape *tape, tgi_node *node, const tgi_binding *binding, const tgi_frame *frame) {
    tgi_node *base = tgi_node_of(tape, frame, binding->base);
    char     *data = base->data;
    if (base->view && base->view->base != TGI_NONE) { /* a view that will have its copy by then */
        if (tgi_allocate_view_copy(tape, base)) return tape->status;
        data = base->view->copy;
    }
    node->data = data + (int64_t)binding->offset;
    node->view->base = tgi_ref_index(frame, binding->base);
    tgi_copy_sizes(node->rank, binding->strides, node->view->strides);
    return binding->is_alias ? tgi_note_alias(tape, frame->start + binding->node) : TG_OK;
}

/* None of them is a view with a copy of its own, or shows a leaf: so nothing is allocated or noted, and nothing fails. */
void tgi_bind_again(tg_tape *tape, const tgi_unit *unit, const tgi_frame *frame, char *block) {
    for (uint32_t k = 0; k < unit->bound; k++) {
        const tgi_binding *binding = &unit->bindings[k];
        tgi_node          *node = tgi_node_of(tape, frame, binding->node);
        if (binding->allocation == TGI_IN_BLOCK)
            bind_to_block(node, block + binding->offset);
        else
            (void)bind_to_base(tape, node, binding, frame);
    }
}

/* Whether each value still has the memory that the plan gave it in the run before: then a run has nothing to do but to compute. Aliases are
 * listed anew in each run, and what is put into memory a second time is first in another place. */
static bool is_still_bound(const tg_tape *tape, const tgi_plan *plan, const tgi_plan_slot *slot, const char *block) {
    return slot->bound == plan && slot->bound_start == plan->frame.start && slot->block == block && slot->moves == tape->moves;
}

/* Takes back the memory of values that ran before, by another plan or one by one. */
static void unbind_values(tg_tape *tape, const tgi_plan *plan, const tgi_plan_slot *slot) {
    uint32_t start = plan->frame.start, end = start + plan->count;
    if (slot->bound == plan && slot->bound_start == start) return;
    for (uint32_t i = start; i < end && i < tape->touched; i++) {
        tgi_node *node = tgi_node_at(tape, i);
        if (!node->op->infer) continue;
        tgi_set_absent(node);
        tgi_release_value(tape, node);
    }
    if (end > tape->touched) tape->touched = end;
}

/* Whether what has its memory before the run has it where it was; it is noted where it is. */
static bool are_in_place(const tg_tape *tape, const tgi_plan *plan) {
    bool same = true;
    for (uint32_t k = 0; k < plan->place_count; k++) {
        tgi_place  *place = &plan->places[k];
        const void *at = tgi_node_of(tape, &plan->frame, place->node)->data;
        same &= place->at == at;
        place->at = at;
    }
    return same;
}

/* The addresses are the `same` as in the run before, or others. What is written down in one run is known from the next one on. */
static void note_addresses(const tg_tape *tape, const tgi_plan *plan, const char *block, bool same) {
    tgi_known_for *known = plan->known_for;
    uint32_t       start = plan->frame.start;
    if (!same || known->start != start || known->block != block)
        known->addresses = TGI_UNKNOWN;
    else
        known->addresses = known->addresses == TGI_UNKNOWN ? TGI_KNOWN_SOON : TGI_KNOWN;
    known->start = start;
    known->block = block;
    known->moves = tape->moves;
}

/* Notes whether what it binds is where it was. */
static void bind(tg_tape *tape, const tgi_plan *plan, tgi_plan_slot *slot, char *block) {
    const tgi_frame *frame = &plan->frame;
    bool             same = plan->stays;
    unbind_values(tape, plan, slot);
    for (uint32_t k = 0; k < plan->binding_count && !tape->status; k++) {
        tgi_binding *binding = &plan->bindings[k];
        tgi_node    *node = tgi_node_of(tape, frame, binding->node);
        tgi_set_absent(node);
        tgi_release_old_value(tape, node);
        switch ((tgi_allocation)binding->allocation) {
        case TGI_IN_BLOCK: bind_to_block(node, block + binding->offset); break;
        case TGI_IN_OWN: bind_to_own(tape, node); break;
        case TGI_IN_BASE_FIRST: (void)tgi_allocate_view_copy(tape, node); /* fall through */
        case TGI_IN_BASE: bind_to_base(tape, node, binding, frame); break;
        }
        same &= binding->at == node->data;
        binding->at = node->data;
    }
    slot->bound = tape->status ? NULL : plan;
    slot->bound_start = frame->start;
    slot->block = plan->has_aliases || plan->binds_again ? NULL : block;
    slot->moves = tape->moves;
    note_addresses(tape, plan, block, are_in_place(tape, plan) && same);
}

/* What assigns copy are the views that are listed by then. */
tg_status tgi_bind_values(tg_tape *tape, const tgi_plan *plan, char *block) {
    tgi_plan_slot *slot = tgi_slot_for(tape, plan->frame.start);
    if (is_still_bound(tape, plan, slot, block))
        note_addresses(tape, plan, block, plan->stays);
    else
        bind(tape, plan, slot, block);
    if (!tape->status && plan->assigns) tgi_prepare_aliases(tape);
    if (tape->status) plan->known_for->addresses = TGI_UNKNOWN; /* nothing will be written down */
    return tape->status;
}
