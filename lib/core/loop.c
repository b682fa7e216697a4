/* core/loop.c: recording the body of a loop.
 *
 * SPDX-License-Identifier: MIT */
#include "core/loop.h"

#include "core/residency.h"

const tg_op tgi_loop_value = {.name = "loop_value"};

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

tgi_loop *tgi_begin_loop(tg_tape *tape, const char *what, tgi_loop_counts counts) {
    uint32_t start = tape->count, given = (uint32_t)(counts.states + counts.inputs);
    if (tgi_open_part(tape, what, "")) return NULL;
    tgi_loop *loop = tgi_arena_take(&tape->arena, sizeof *loop);
    uint32_t *list = tgi_arena_take(&tape->arena, (given + (uint32_t)(counts.states + counts.outputs)) * sizeof *list);
    if (!loop || !list) {
        tgi_truncate(tape, start);
        tgi_out_of_memory(tape, what);
        return NULL;
    }
    *loop = (tgi_loop){.states = (uint32_t)counts.states,
                       .inputs = (uint32_t)counts.inputs,
                       .outputs = (uint32_t)counts.outputs,
                       .given = list,
                       .result = list + given,
                       .goes_on = TGI_NONE};
    tgi_part_at(tape, tape->part)->loop = loop;
    tape->loop_start = start;
    tape->unsaved++;
    return loop;
}

void tgi_end_loop(tg_tape *tape) {
    tgi_close_part(tape);
    tape->unsaved--;
}

/* ---- values from outside ----------------------------------------------------------------------------------------- */

tgi_node *tgi_new_loop_value(tg_tape *tape, const char *what, tg_type type, bool captured) {
    tgi_node *node = tgi_append(tape, &tgi_loop_value, what);
    if (!node) return NULL;
    node->dtype = (uint8_t)type.dtype;
    node->rank = (uint8_t)type.rank;
    node->dims = type.dims;
    node->has_value = true;
    if (captured) {
        tgi_borrow_value(node, NULL); /* it is where the operand is, while the loop runs */
        return node;
    }
    tgi_set_kept(node);
    tgi_set_resident(tape, node);
    if (!tgi_take_memory(tape, node)) return node;
    tgi_out_of_memory(tape, what);
    return NULL;
}

/* The number that an instruction has in a segment's key is of no use while another is recorded: until then it says what stands for it,
 * and of what stands for another which. A loop in the body may have taken the value since, or what stands for it: then the list of captures
 * knows. */
static bool has_stand_in(tg_tape *tape, uint32_t outer) {
    tgi_node       *of = tgi_node_at(tape, outer);
    uint32_t        inner = of->outside;
    const tgi_node *node = inner < tape->count ? tgi_node_at(tape, inner) : NULL;
    if (inner <= tape->loop_start) return false;
    if (node && node->op == &tgi_loop_value && node->outside == outer && node->part == tape->part) return true;
    for (const tgi_capture *c = tgi_part_at(tape, tape->part)->loop->captures; c; c = c->previous)
        if (c->outer == outer) {
            of->outside = c->inner;
            return true;
        }
    return false;
}

uint32_t tgi_captured(const tg_tape *tape, uint32_t outer) {
    return tgi_node_at(tape, outer)->outside;
}

tg_status tgi_capture_value(tg_tape *tape, const char *what, uint32_t outer) {
    if (has_stand_in(tape, outer)) return TG_OK;
    tgi_node *node = tgi_new_loop_value(tape, what, tgi_node_type(tgi_node_at(tape, outer)), true);
    if (!node) return tape->status;
    tgi_loop    *loop = tgi_part_at(tape, tape->part)->loop;
    tgi_capture *capture = tgi_arena_take(&tape->arena, sizeof *capture);
    if (!capture) return tgi_out_of_memory(tape, what);
    *capture = (tgi_capture){.outer = outer, .inner = tape->count - 1, .previous = loop->captures};
    loop->captures = capture;
    node->outside = outer;
    tgi_node_at(tape, outer)->outside = capture->inner;
    loop->captured++;
    return TG_OK;
}

tg_tensor tgi_captured_tensor(tg_tape *tape, const char *what, tg_tensor x) {
    if (tgi_tape_of(x) != tape || !tgi_is_before_loop(tape, tgi_index(x)) || !tg_valid(x)) return x;
    if (tgi_capture_value(tape, what, tgi_index(x))) return tgi_invalid(tape);
    return tgi_tensor(tape, tgi_captured(tape, tgi_index(x)));
}

/* ---- the instruction that runs a body ---------------------------------------------------------------------------- */

const tgi_part *tgi_body_of(const tg_tape *tape, const tgi_loop_attr *attr) {
    return tgi_part_at(tape, tgi_node_at(tape, attr->body)->part);
}

uint32_t tgi_index_in(const tgi_loop *loop, tgi_loop_section section, uint32_t i) {
    switch (section) {
    case TGI_OUTPUTS: return loop->result[loop->states + i];
    case TGI_SAVED_PRODUCTS: return loop->product[i];
    default: return loop->given[i];
    }
}

uint32_t tgi_count_in(const tg_tape *tape, const tgi_loop_attr *attr, tgi_loop_section section) {
    const tgi_loop *loop = tgi_body_of(tape, attr)->loop;
    switch (section) {
    case TGI_OUTPUTS: return loop->outputs;
    case TGI_SAVED_STATES: return attr->saves ? loop->states : 0;
    case TGI_SAVED_PRODUCTS: return attr->saves && !attr->thrifty ? loop->products : 0;
    default: return loop->states;
    }
}

tgi_loop_range tgi_range_in(const tg_tape *tape, const tgi_loop_attr *attr, tgi_loop_section section, uint32_t i) {
    const tgi_loop *loop = tgi_body_of(tape, attr)->loop;
    tgi_loop_range  range = {0, 0};
    for (tgi_loop_section s = TGI_LAST_STATES; s <= section; s++) {
        uint32_t count = s == section ? i + 1 : tgi_count_in(tape, attr, s);
        for (uint32_t j = 0; j < count; j++) {
            range.from += range.size;
            range.size = tgi_node_size(tgi_node_at(tape, tgi_index_in(loop, s, j))) * (s == TGI_LAST_STATES ? 1 : attr->steps);
        }
    }
    return range;
}

const tgi_loop_attr *tgi_loop_attr_of(const tgi_node *node) {
    return node->op->emit == tgi_emit_loop ? node->attr : NULL;
}

void tgi_emit_loop(tg_emit_call *call) {
    (void)call;
}
