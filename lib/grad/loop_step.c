/* grad/loop_step.c: the step of a loop, recorded once more.
 *
 * What the products in it came to stands in for them, where the loop has saved that: so they are not computed.
 *
 * SPDX-License-Identifier: MIT */
#include "grad/loop_step.h"

#include <string.h>

#include "ops/ops.h"

bool tgi_begin_loop_step(tgi_loop_step *s, const tg_rule_call *call, const tgi_loop_attr *attr) {
    tg_tape *tape = call->y.tape;
    *s = (tgi_loop_step){.call = call, .attr = attr, .body = *tgi_body_of(tape, attr)}; /* others may begin, and it move */
    s->loop = s->body.loop;
    s->copy = tgi_pool_take(&tape->pool, (s->body.end - s->body.start) * sizeof *s->copy);
    if (!s->copy) tgi_out_of_memory(tape, "scan");
    return s->copy;
}

void tgi_end_loop_step(const tgi_loop_step *s) {
    tgi_pool_give(&s->call->y.tape->pool, s->copy);
}

/* ---- its instructions -------------------------------------------------------------------------------------------- */

/* A value that is known, for an instruction through which its gradient goes. */
static tg_tensor stand_in_rule(const tg_rule_call *call) {
    return call->g;
}

static tg_tensor stand_in(tg_tensor value, tg_tensor instruction) {
    static tg_rule *const rules[] = {NULL, stand_in_rule};
    static const tg_op    op = {.name = "stand_in",
                                .arity = 2,
                                .infer = tgi_infer_same,
                                .view = tgi_view_same,
                                .rules = rules,
                                .batch = tg_batch_stack};
    return (tg_record)(NULL, &op, 2, (tg_tensor[]){value, instruction}, NULL, 0);
}

static tg_tensor with_known_value(const tgi_loop_step *s, uint32_t index, tg_tensor copy) {
    for (uint32_t k = 0; k < s->products; k++)
        if (s->loop->product[k] == index) return stand_in(s->product[k], copy);
    return copy;
}

static tg_tensor copy_instruction(const tgi_loop_step *s, const tgi_node *node) {
    tg_tape      *tape = s->call->y.tape;
    tg_tensor    *in = tgi_pool_take(&tape->pool, node->count * sizeof *in), copy = tgi_invalid(tape);
    const void   *attr = node->attr;
    tgi_loop_attr saving;
    if (!in) {
        tgi_out_of_memory(tape, "scan");
        return copy;
    }
    for (uint32_t j = 0; j < node->count; j++)
        in[j] = *tgi_copy_of(s, node->in[j]);
    if (node->op == &tgi_loop_op && s->saves) {
        saving = tgi_saving(tape, attr);
        attr = &saving;
    }
    tape->file = node->file;
    tape->line = node->line;
    copy = (tg_record)(tape, node->op, (int)node->count, in, attr, node->attr_size);
    tgi_pool_give(&tape->pool, in);
    return copy;
}

/* Numbers are recorded again, and constants are captured. */
static tg_status copy_body(const tgi_loop_step *s) {
    tg_tape *tape = s->call->y.tape;
    uint16_t number = tgi_node_at(tape, s->body.start)->part;
    for (uint32_t i = s->body.start + 1; i < s->loop->step_end && !tape->status; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        if (node->op == &tgi_loop_value && node->part == number) continue;
        if (node->op == &tgi_number)
            *tgi_copy_of(s, i) = tgi_copy_number(tape, node);
        else if (!node->op->infer)
            *tgi_copy_of(s, i) = tgi_tensor(tape, i);
        else if (node->part == number)
            *tgi_copy_of(s, i) = with_known_value(s, i, copy_instruction(s, node));
    }
    return tape->status;
}

/* What is captured again. Two captures of one value are values of their own here, each with its own share of the gradient. */
static tg_tensor capture_again(tg_tape *tape, tg_tensor x) {
    const tgi_loop *loop = tgi_part_at(tape, tape->part)->loop;
    uint32_t        captured = loop->captured;
    tg_tensor       copy = tgi_captured_tensor(tape, "scan", x);
    return tape->status || loop->captured > captured ? copy : tg_reshape(copy, tg_shape_of(copy));
}

/* What stands for the operands in this body: the states and the inputs of the step, and what is captured again. */
static tg_status place_operands(const tgi_loop_step *s, const tg_tensor *given) {
    tg_tape *tape = s->call->y.tape;
    uint32_t i = tgi_given(s) + s->loop->captured;
    for (uint32_t j = 0; j < tgi_given(s); j++)
        *tgi_copy_of(s, s->loop->given[j]) = given[j];
    for (const tgi_capture *c = s->loop->captures; c; c = c->previous)
        *tgi_copy_of(s, c->inner) = capture_again(tape, s->call->x[--i]);
    return tape->status;
}

tg_status tgi_record_loop_step(const tgi_loop_step *s, const tg_tensor *given) {
    tg_status status = place_operands(s, given);
    return status ? status : copy_body(s);
}

/* Where the loop's condition decided it, the last state has counted them. */
tg_tensor tgi_steps_done(const tgi_loop_step *s, tg_tensor packed) {
    if (s->loop->goes_on == TGI_NONE) return s->call->x[s->call->count - 1];
    return tg_cast(tgi_take_from(packed, s->attr, TGI_LAST_STATES, s->loop->states - 1), TG_I64);
}
