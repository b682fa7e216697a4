/* grad/loop_rule.c: the gradient of a loop: a loop that goes the other way.
 *
 * A step of it is given the state before the same step, as the loop has saved it, the step's inputs, and the gradients of the states
 * after the step and of its outputs. It records the step again, and differentiates it. What the products in it came to has been
 * saved, too, and stands in for them: so they are not computed. Its own states are the gradients of the states, and of what the body
 * captured, summed over the steps; its outputs those of the inputs. Where the loop ended early, it does the steps that were done.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "grad/joint_rule.h"
#include "grad/loop_op.h"
#include "ops/ops.h"

/* What is known while a loop is differentiated. Operands are the loop's, in their order. */
typedef struct backward {
    const tg_rule_call  *call;
    const tgi_loop_attr *attr;
    const tgi_part      *body;
    const tgi_loop      *loop;
    uint32_t             wanted_inputs, wanted_captures;
    uint32_t             products; /* which the loop has saved */
    const tg_tensor     *product;  /* in this step */
    bool       adds_saved; /* the states before each step have gradients too, of a gradient that is being differentiated */
    tg_tensor *list;       /* room for those that a step is differentiated for, and for as many outputs and seeds */
    tg_tensor *copy;       /* of each instruction of the body: its copy in the body of the loop that is being recorded */
} backward;

static bool is_wanted(const backward *b, uint32_t operand) {
    return tgi_is_wanted(b->call, (int)operand) && tgi_floating(tg_dtype_of(b->call->x[operand]));
}

static uint32_t first_capture(const backward *b) {
    return b->loop->states + b->loop->inputs;
}

/* ---- the step, computed again ------------------------------------------------------------------------------------ */

static tg_tensor *copy_of(const backward *b, uint32_t index) {
    return &b->copy[index - b->body->start];
}

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

static tg_tensor with_known_value(const backward *b, uint32_t index, tg_tensor copy) {
    for (uint32_t k = 0; k < b->products; k++)
        if (b->loop->product[k] == index) return stand_in(b->product[k], copy);
    return copy;
}

/* A loop in the body saves its states this time. */
static tg_tensor copy_instruction(const backward *b, const tgi_node *node) {
    tg_tape      *tape = b->call->g.tape;
    tg_tensor    *in = tgi_pool_take(&tape->pool, node->count * sizeof *in), copy = tgi_invalid(tape);
    const void   *attr = node->attr;
    tgi_loop_attr saving;
    if (!in) {
        tgi_out_of_memory(tape, "scan");
        return copy;
    }
    for (uint32_t j = 0; j < node->count; j++)
        in[j] = *copy_of(b, node->in[j]);
    if (node->op == &tgi_loop_op) {
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
static tg_status copy_body(const backward *b) {
    tg_tape *tape = b->call->g.tape;
    uint16_t number = tgi_node_at(tape, b->body->start)->part;
    for (uint32_t i = b->body->start + 1; i < b->loop->step_end && !tape->status; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        if (node->op == &tgi_loop_value && node->part == number) continue;
        if (node->op == &tgi_number)
            *copy_of(b, i) = tgi_copy_number(tape, node);
        else if (!node->op->infer)
            *copy_of(b, i) = tgi_tensor(tape, i);
        else if (node->part == number)
            *copy_of(b, i) = with_known_value(b, i, copy_instruction(b, node));
    }
    return tape->status;
}

/* ---- a step of the gradient -------------------------------------------------------------------------------------- */

static tg_tensor in_dtype(tg_tensor x, uint32_t dtype) {
    return tg_valid(x) && tg_dtype_of(x) != (tg_dtype)dtype ? tg_cast(x, (tg_dtype)dtype) : x;
}

static tg_tensor flat(tg_tensor x) {
    return tg_valid(x) ? tg_reshape(x, TG_SHAPE(tg_size(x))) : x;
}

/* What stands for the operands in this body: the states and the inputs of the step, and what is captured again. The inputs of the loop that
 * is being recorded begin with the former. */
static tg_status place_operands(const backward *b, const tg_tensor *x) {
    tg_tape *tape = b->call->g.tape;
    uint32_t i = first_capture(b) + b->loop->captured;
    for (uint32_t j = 0; j < first_capture(b); j++)
        *copy_of(b, b->loop->given[j]) = x[j];
    for (const tgi_capture *c = b->loop->captures; c; c = c->previous)
        *copy_of(b, c->inner) = tgi_captured_tensor(tape, "scan", b->call->x[--i]);
    return tape->status;
}

/* Lists what a step is differentiated for; returns how many there are. */
static int list_operands(const backward *b, tg_tensor *list) {
    uint32_t i = first_capture(b) + b->loop->captured, count = 0;
    for (uint32_t j = 0; j < first_capture(b); j++)
        if (j < b->loop->states || is_wanted(b, j)) list[count++] = *copy_of(b, b->loop->given[j]);
    count += b->wanted_captures;
    uint32_t last = count;
    for (const tgi_capture *c = b->loop->captures; c; c = c->previous)
        if (is_wanted(b, --i)) list[--last] = *copy_of(b, c->inner);
    return (int)count;
}

static void step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    backward       *b = context;
    const tgi_loop *loop = b->loop;
    uint32_t        results = loop->states + loop->outputs;
    b->product = x + first_capture(b) + loop->outputs + (b->adds_saved ? loop->states : 0);
    if (place_operands(b, x) || copy_body(b)) return;
    tg_tensor *outputs = b->list, *seeds = outputs + results, *grads = seeds + results;
    for (uint32_t k = 0; k < results; k++) {
        outputs[k] = *copy_of(b, loop->result[k]);
        seeds[k] = k < loop->states ? state[k] : x[first_capture(b) + k - loop->states];
    }
    int count = list_operands(b, grads);
    if (tg_vjp(tape, (int)results, outputs, seeds, count, grads, grads)) return;
    for (uint32_t i = 0; i < loop->states; i++)
        state[i] = b->adds_saved ? tg_add(grads[i], x[first_capture(b) + loop->outputs + i]) : grads[i];
    for (uint32_t j = 0; j < b->wanted_inputs; j++)
        y[j] = in_dtype(grads[loop->states + j], b->attr->dtype);
    for (uint32_t k = 0; k < b->wanted_captures; k++) {
        tg_tensor g = in_dtype(grads[loop->states + b->wanted_inputs + k], b->attr->dtype);
        state[loop->states + k] = tg_add(state[loop->states + k], flat(g));
    }
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

/* A loop that does not save its states does so from now on, or when it has run already is run once more by another instruction. So it is in
 * forward mode, too, which has the size of the result by then. */
static tg_tensor saving_result(const tg_rule_call *call, const tgi_loop_attr *saving) {
    tg_tape *tape = call->g.tape;
    if (((const tgi_loop_attr *)call->attr)->saves || (tape->wanted && tgi_make_saving(call->y, saving))) return call->y;
    return (tg_record)(tape, &tgi_loop_op, call->count, call->x, saving, sizeof *saving);
}

/* The states before the first step of the gradient: those of the last states, and zeros for what is summed. */
static void first_states(const backward *b, tg_tensor *state) {
    const tg_rule_call *call = b->call;
    for (uint32_t i = 0; i < b->loop->states; i++)
        state[i] = tgi_take_from(call->g, b->attr, TGI_LAST_STATES, i);
    uint32_t at = b->loop->states;
    for (uint32_t i = first_capture(b); i < (uint32_t)call->count; i++)
        if (is_wanted(b, i))
            state[at++] = tgi_full(call->g.tape, "scan", (tg_dtype)b->attr->dtype, TG_SHAPE(tg_size(call->x[i])), 0);
}

/* How many steps were done: where the loop's condition decided it, the last state has counted them. */
static tg_tensor count_steps(const backward *b, tg_tensor saved, const tgi_loop_attr *saving) {
    if (b->loop->goes_on == TGI_NONE) return b->call->x[b->call->count - 1];
    return tg_cast(tgi_take_from(saved, saving, TGI_LAST_STATES, b->loop->states - 1), TG_I64);
}

/* Its inputs: saved states, the loop's inputs, the gradients of its outputs, and of saved states where they have some; and products. */
static void all_inputs(const backward *b, tg_tensor saved, const tgi_loop_attr *saving, tg_tensor *x) {
    const tg_rule_call *call = b->call;
    for (uint32_t i = 0; i < b->loop->states; i++)
        *x++ = tgi_take_from(saved, saving, TGI_SAVED_STATES, i);
    for (uint32_t j = 0; j < b->loop->inputs; j++)
        *x++ = call->x[b->loop->states + j];
    for (uint32_t k = 0; k < b->loop->outputs; k++)
        *x++ = tgi_take_from(call->g, b->attr, TGI_OUTPUTS, k);
    for (uint32_t i = 0; i < b->loop->states && b->adds_saved; i++)
        *x++ = tgi_take_from(call->g, b->attr, TGI_SAVED_STATES, i);
    for (uint32_t k = 0; k < b->products; k++)
        *x++ = tgi_take_from(saved, saving, TGI_SAVED_PRODUCTS, k);
}

/* To each wanted operand its gradient. */
static void give_gradients(const backward *b, const tg_tensor *state, const tg_tensor *y, tg_tensor *grads) {
    const tg_rule_call *call = b->call;
    const tg_tensor    *sum = state + b->loop->states;
    for (uint32_t i = 0; i < (uint32_t)call->count; i++) {
        if (i < b->loop->states)
            grads[i] = state[i];
        else if (is_wanted(b, i)) {
            tg_tensor g = i < first_capture(b) ? *y++ : tg_reshape(*sum++, tg_shape_of(call->x[i]));
            grads[i] = in_dtype(g, (uint32_t)tg_dtype_of(call->x[i]));
        }
    }
}

static void record_gradient(backward *b, tg_tensor *grads) {
    const tg_rule_call *call = b->call;
    tg_tape            *tape = call->g.tape;
    tgi_loop_attr       saving = tgi_saving(tape, b->attr);
    b->products = tgi_count_in(tape, &saving, TGI_SAVED_PRODUCTS);
    uint32_t   states = b->loop->states + b->wanted_captures;
    uint32_t   inputs = first_capture(b) + b->loop->outputs + (b->adds_saved ? b->loop->states : 0) + b->products;
    tg_tensor *state = tgi_pool_take(&tape->pool, (states + inputs + b->wanted_inputs) * sizeof *state);
    if (!state) {
        tgi_out_of_memory(tape, "scan");
        return;
    }
    tg_tensor *x = state + states, *y = x + inputs, saved = saving_result(call, &saving), most;
    first_states(b, state);
    all_inputs(b, saved, &saving, x);
    if (b->attr->counted) most = count_steps(b, saved, &saving);
    tgi_loop_call loop = {.what = "scan",
                          .most = b->attr->counted ? &most : NULL,
                          .spec = {.body = step,
                                   .context = b,
                                   .steps = b->attr->steps,
                                   .states = (int)states,
                                   .inputs = (int)inputs,
                                   .outputs = (int)b->wanted_inputs,
                                   .state = state,
                                   .x = x,
                                   .y = y,
                                   .reverse = !b->attr->reverse}};
    if (!tape->status && !tgi_record_loop(tape, &loop)) give_gradients(b, state, y, grads);
    tgi_pool_give(&tape->pool, state);
}

static void differentiate(const tg_rule_call *call, tg_tensor *grads) {
    tg_tape       *tape = call->g.tape;
    tgi_loop_attr  attr = *(const tgi_loop_attr *)call->attr;
    backward       b = {.call = call, .attr = &attr};
    const tgi_part body = *tgi_body_of(tape, &attr); /* others may begin, and it move */
    b.body = &body;
    b.loop = body.loop;
    b.adds_saved = attr.saves && tgi_has_readers_of_saved(call->y);
    for (uint32_t i = b.loop->states; i < (uint32_t)call->count; i++)
        *(i < first_capture(&b) ? &b.wanted_inputs : &b.wanted_captures) += is_wanted(&b, i);
    uint32_t lists = 3 * (b.loop->states + b.loop->outputs) + (uint32_t)call->count;
    b.list = tgi_pool_take(&tape->pool, (lists + body.end - body.start) * sizeof *b.list);
    b.copy = b.list + lists;
    if (b.list)
        record_gradient(&b, grads);
    else
        tgi_out_of_memory(tape, "scan");
    tgi_pool_give(&tape->pool, b.list);
}

tg_tensor tgi_loop_rule(const tg_rule_call *call) {
    return tgi_jointly(call, differentiate);
}
