/* emit/body.c: the part of the first pass that is about loops: the values of a step.
 *
 * What a step begins with are arrays: its states, which are kept from one step to the next, and pointers to its pieces of the inputs. What
 * the body captured is where the operands are. What a step gives is made in its piece of the loop's result, of which only those items are
 * there that somebody reads. At the end of a step its states are overwritten, as leaves are by an assign; a state that becomes what another
 * one was, or a view of one, is put aside before.
 *
 * The values of a body are those of its instructions; copies for the items, and of the condition; states that were put aside; assigns of
 * states. Behind them are assigns that give the states what they begin with, and copies of what they end with.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "emit/program.h"

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

static uint16_t number_of(const tg_tape *tape, const tgi_emit_block *b) {
    return tgi_node_at(tape, b->part->start)->part;
}

static uint32_t instruction_count(const tgi_emit_block *b) {
    return b->part->end - b->part->start;
}

uint32_t tgi_value_in(const tgi_function *f, uint32_t block, uint32_t index) {
    const tgi_emit_block *b = &f->blocks[block];
    if (!block || index <= b->part->start || index >= b->part->end) return index;
    const tgi_node *node = tgi_node_at(f->file->tape, index);
    bool            own = node->part == number_of(f->file->tape, b) && (node->op->infer || node->op == &tgi_loop_value);
    return own ? b->first + index - b->part->start : index;
}

static uint32_t item_copy(const tgi_emit_block *b, uint32_t k) {
    return b->first + instruction_count(b) + k;
}

static uint32_t condition_copy(const tgi_emit_block *b) {
    return item_copy(b, b->item_count);
}

uint32_t tgi_put_aside(const tgi_emit_block *b, uint32_t state) {
    return condition_copy(b) + 1 + state;
}

static uint32_t state_assign(const tgi_emit_block *b, uint32_t state) {
    return tgi_put_aside(b, b->loop->states) + state;
}

uint32_t tgi_first_state(const tgi_emit_block *b, uint32_t state) {
    return b->end + state;
}

uint32_t tgi_last_state(const tgi_emit_block *b, uint32_t state) {
    return b->end + b->loop->states + state;
}

bool tgi_find_item(const tg_tape *tape, const tgi_loop_attr *attr, tgi_loop_range range, uint32_t *item) {
    uint32_t k = 0;
    for (tgi_loop_section s = TGI_LAST_STATES; s < TGI_SECTIONS; s++)
        for (uint32_t i = 0, count = tgi_count_in(tape, attr, s); i < count; i++, k++) {
            tgi_loop_range its = tgi_range_in(tape, attr, s, i);
            if (its.from != range.from || its.size != range.size) continue;
            if (item) *item = k;
            return true;
        }
    return false;
}

static tg_status list_items(tgi_function *f, tgi_emit_block *b) {
    const tg_tape *tape = f->file->tape;
    for (tgi_loop_section s = TGI_LAST_STATES; s < TGI_SECTIONS; s++)
        b->item_count += tgi_count_in(tape, b->attr, s);
    b->items = tgi_emit_take(f->file, b->item_count, sizeof *b->items);
    if (!b->items) return tape->status;
    tgi_emit_item *item = b->items;
    for (tgi_loop_section s = TGI_LAST_STATES; s < TGI_SECTIONS; s++)
        for (uint32_t i = 0, count = tgi_count_in(tape, b->attr, s); i < count; i++)
            *item++ = (tgi_emit_item){.section = s,
                                      .range = tgi_range_in(tape, b->attr, s, i),
                                      .owner = TGI_NONE,
                                      .step = {.index = tgi_index_in(b->loop, s, i)}};
    return TG_OK;
}

/* Appends a block; those that there are move when their array is full. */
static tg_status add_block(tgi_function *f, uint32_t outer, uint32_t index) {
    const tg_tape *tape = f->file->tape;
    uint32_t       count = f->block_count;
    if (!(count & (count - 1))) {
        tgi_emit_block *grown = tgi_emit_take(f->file, 2 * (size_t)count, sizeof *grown);
        if (!grown) return tape->status;
        memcpy(grown, f->blocks, count * sizeof *grown);
        f->blocks = grown;
    }
    const tgi_loop_attr *attr = tgi_loop_attr_of(tgi_node_at(tape, index));
    tgi_emit_block      *b = &f->blocks[f->block_count++];
    *b = (tgi_emit_block){.first = f->value_count, .outer = outer, .run_by = tgi_value_in(f, outer, index), .attr = attr};
    b->part = tgi_body_of(tape, attr);
    b->loop = b->part->loop;
    if (list_items(f, b)) return tape->status;
    b->end = state_assign(b, b->loop->states);
    f->value_count = b->end + 2 * b->loop->states;
    return TG_OK;
}

static tg_status add_blocks_in(tgi_function *f, uint32_t block) {
    tg_tape *tape = f->file->tape;
    uint32_t start = block ? f->blocks[block].part->start : 0, end = block ? f->blocks[block].part->end : f->count;
    uint16_t part = block ? number_of(tape, &f->blocks[block]) : 0;
    for (uint32_t i = start; i < end && !tape->status; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        if (!tgi_loop_attr_of(node) || (f->file->hosted && !tgi_is_computed_in(f, node))) continue;
        if (block ? node->part == part : f->values[i].needed) add_block(f, block, i);
    }
    return tape->status;
}

tg_status tgi_list_blocks(tgi_function *f) {
    uint32_t before = f->value_count;
    for (uint32_t b = 0; b < f->block_count; b++)
        if (add_blocks_in(f, b)) return f->file->tape->status;
    if (f->block_count == 1) return TG_OK;
    tgi_emit_value *values = tgi_emit_take(f->file, f->value_count, sizeof *values);
    if (!values) return f->file->tape->status;
    memcpy(values, f->values, before * sizeof *values);
    f->values = values;
    for (uint32_t b = 1; b < f->block_count; b++) {
        const tgi_emit_block *block = &f->blocks[b];
        uint32_t              own = block->first + instruction_count(block), all = tgi_last_state(block, block->loop->states);
        values[block->run_by].loop = b;
        for (uint32_t i = block->first; i < all; i++) {
            uint32_t at = i < own ? i - block->first : 0;
            values[i].node = tgi_node_at(f->file->tape, block->part->start + at);
            values[i].block = b;
            values[i].target = values[i].given_by = values[i].next = TGI_NONE;
        }
    }
    return TG_OK;
}

/* ---- what is needed ---------------------------------------------------------------------------------------------- */

static void need(tgi_function *f, uint32_t block, uint32_t index) {
    tgi_emit_value *v = &f->values[tgi_value_in(f, block, index)];
    v->needed = true;
    if (v->block != block) v->home = TGI_VALUE_LEAF;
    if (tgi_loop_attr_of(v->node)) v->packed = true;
}

/* A state that is needed in a step is so behind every step. */
static bool need_states(tgi_function *f, uint32_t block) {
    const tgi_emit_block *b = &f->blocks[block];
    bool                  more = false;
    for (uint32_t i = 0; i < b->loop->states; i++) {
        tgi_emit_value *first = &f->values[tgi_first_state(b, i)];
        if (first->needed || !f->values[tgi_value_in(f, block, b->loop->given[i])].needed) continue;
        first->needed = more = true;
        need(f, block, b->loop->result[i]);
    }
    return more;
}

static void find_needed(tgi_function *f, uint32_t block) {
    tgi_emit_block *b = &f->blocks[block];
    bool            packed = f->values[b->run_by].packed;
    for (uint32_t k = 0; k < b->item_count; k++) {
        b->items[k].wanted = packed || b->items[k].owner != TGI_NONE;
        if (b->items[k].wanted) need(f, block, b->items[k].step.index);
    }
    if (tgi_decides(b)) need(f, block, b->loop->goes_on);
    do {
        for (uint32_t i = instruction_count(b); i-- > 0;) {
            const tgi_emit_value *v = &f->values[b->first + i];
            if (v->needed && v->node->op->infer) tgi_need_operands(f, block, v->node);
        }
    } while (need_states(f, block));
}

/* ---- what a step begins with ------------------------------------------------------------------------------------- */

static const tgi_emit_source *operand(const tgi_function *f, const tgi_emit_block *b, uint32_t j) {
    return &f->values[b->run_by].sources[j];
}

/* A pointer to it moves along the first axis of all steps. */
static tg_status give_input(tgi_function *f, const tgi_emit_block *b, uint32_t j) {
    uint32_t               i = tgi_value_in(f, f->values[b->first].block, b->loop->given[j]);
    tgi_emit_value        *v = &f->values[i];
    const tgi_emit_source *all = operand(f, b, j);
    v->home = TGI_VALUE_GIVEN;
    v->given_by = j;
    v->sources = tgi_emit_take(f->file, 1, sizeof *v->sources);
    if (!v->sources) return f->file->tape->status;
    v->sources[0] = (tgi_emit_source){.node = v->node, .base = i};
    memcpy(v->sources[0].strides, all->strides + 1, (size_t)v->node->rank * sizeof *all->strides);
    return TG_OK;
}

static tg_status give_capture(tgi_function *f, uint32_t block, const tgi_capture *c, uint32_t j) {
    tgi_emit_value *v = &f->values[tgi_value_in(f, block, c->inner)];
    v->home = TGI_VALUE_VIEW;
    v->sources = tgi_emit_take(f->file, 1, sizeof *v->sources);
    if (!v->sources) return f->file->tape->status;
    v->sources[0] = *operand(f, &f->blocks[block], j);
    v->sources[0].node = v->node;
    v->source_count = 1;
    return TG_OK;
}

static tg_status give_all(tgi_function *f, uint32_t block) {
    const tgi_emit_block *b = &f->blocks[block];
    uint32_t              states = b->loop->states, given = states + b->loop->inputs, j = given + b->loop->captured;
    for (uint32_t i = 0; i < states; i++)
        f->values[tgi_value_in(f, block, b->loop->given[i])].home = TGI_VALUE_GIVEN;
    for (uint32_t i = states; i < given; i++)
        if (give_input(f, b, i)) return f->file->tape->status;
    for (const tgi_capture *c = b->loop->captures; c; c = c->previous)
        if (give_capture(f, block, c, --j)) return f->file->tape->status;
    return TG_OK;
}

/* ---- what it ends with ------------------------------------------------------------------------------------------- */

static tg_status make_assign(tgi_function *f, uint32_t i, uint32_t target, const tgi_node *node, tgi_emit_source source) {
    tgi_emit_value *v = &f->values[i];
    if (tgi_make_copy(f, v, node, source)) return f->file->tape->status;
    v->kind = TGI_EMIT_ASSIGN;
    v->target = target;
    v->sources = tgi_emit_take(f->file, 2, sizeof *v->sources);
    if (!v->sources) return f->file->tape->status;
    v->sources[0] = tgi_source_of(f, target);
    v->sources[1] = source;
    v->source_count = 2;
    return TG_OK;
}

static tg_status end_state(tgi_function *f, uint32_t block, uint32_t i) {
    const tgi_emit_block *b = &f->blocks[block];
    uint32_t              given = tgi_value_in(f, block, b->loop->given[i]), after = tgi_value_in(f, block, b->loop->result[i]);
    const tgi_node       *node = f->values[after].node;
    tgi_emit_source       source = tgi_source_of(f, after);
    const tgi_emit_value *base = &f->values[source.base];
    if (after == given) return TG_OK;
    if (base->home == TGI_VALUE_GIVEN && base->block == block && base->given_by == TGI_NONE) {
        uint32_t aside = tgi_put_aside(b, i);
        if (tgi_make_copy(f, &f->values[aside], node, source)) return f->file->tape->status;
        source = tgi_source_of(f, aside);
    }
    return make_assign(f, state_assign(b, i), given, node, source);
}

/* The states: what they begin with, become, and end with. */
static tg_status choose_states(tgi_function *f, uint32_t block) {
    const tgi_emit_block *b = &f->blocks[block];
    for (uint32_t i = 0; i < b->loop->states; i++) {
        uint32_t        given = tgi_value_in(f, block, b->loop->given[i]);
        const tgi_node *node = f->values[given].node;
        if (!f->values[tgi_first_state(b, i)].needed) continue;
        if (make_assign(f, tgi_first_state(b, i), given, node, *operand(f, b, i)) || end_state(f, block, i))
            return f->file->tape->status;
        uint32_t last = tgi_last_state(b, i);
        if (!b->items[i].wanted) continue;
        if (tgi_make_copy(f, &f->values[last], node, tgi_source_of(f, given))) return f->file->tape->status;
        f->values[last].is_output = true;
        b->items[i].step.value = last;
    }
    return TG_OK;
}

tg_status tgi_choose_body(tgi_function *f, uint32_t block) {
    tgi_emit_block *b = &f->blocks[block];
    if (!f->values[b->run_by].needed) return TG_OK;
    find_needed(f, block);
    if (give_all(f, block)) return f->file->tape->status;
    for (uint32_t i = b->first, end = item_copy(b, 0); i < end; i++)
        if (f->values[i].needed && f->values[i].node->op->infer && tgi_resolve_value(f, i)) return f->file->tape->status;
    for (uint32_t k = b->loop->states; k < b->item_count; k++) {
        tgi_emit_output *o = &b->items[k].step;
        if (!b->items[k].wanted) continue;
        o->index = tgi_value_in(f, block, o->index);
        if (tgi_resolve_output(f, o, item_copy(b, k))) return f->file->tape->status;
    }
    if (tgi_decides(b)) {
        b->more.index = tgi_value_in(f, block, b->loop->goes_on);
        if (tgi_resolve_output(f, &b->more, condition_copy(b))) return f->file->tape->status;
    }
    return choose_states(f, block);
}
