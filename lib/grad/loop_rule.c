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
#include "grad/loop_step.h"
#include "ops/ops.h"

/* What is known while a loop is differentiated. Operands are the loop's, in their order. */
typedef struct backward {
    tgi_loop_step step; /* of the loop that is differentiated */
    uint32_t      wanted_inputs, wanted_captures;
    bool          adds_saved; /* the states before each step have gradients too, of a gradient that is being differentiated */
    tg_tensor    *list;       /* room for those that a step is differentiated for, and for as many outputs and seeds */
} backward;

static bool is_wanted(const backward *b, uint32_t operand) {
    const tg_rule_call *call = b->step.call;
    return tgi_is_wanted(call, (int)operand) && tgi_floating(tg_dtype_of(call->x[operand]));
}

/* ---- a step of the gradient -------------------------------------------------------------------------------------- */

static tg_tensor in_dtype(tg_tensor x, uint32_t dtype) {
    return tg_valid(x) && tg_dtype_of(x) != (tg_dtype)dtype ? tg_cast(x, (tg_dtype)dtype) : x;
}

static tg_tensor flat(tg_tensor x) {
    return tg_valid(x) ? tg_reshape(x, TG_SHAPE(tg_size(x))) : x;
}

/* Lists what a step is differentiated for; returns how many there are. */
static int list_operands(const backward *b, tg_tensor *list) {
    const tgi_loop *loop = b->step.loop;
    uint32_t        given = tgi_given(&b->step), i = given + loop->captured, count = 0;
    for (uint32_t j = 0; j < given; j++)
        if (j < loop->states || is_wanted(b, j)) list[count++] = *tgi_copy_of(&b->step, loop->given[j]);
    count += b->wanted_captures;
    uint32_t last = count;
    for (const tgi_capture *c = loop->captures; c; c = c->previous)
        if (is_wanted(b, --i)) list[--last] = *tgi_copy_of(&b->step, c->inner);
    return (int)count;
}

/* The inputs of the loop that is being recorded begin with the states and the inputs of the step. */
static void step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    backward       *b = context;
    const tgi_loop *loop = b->step.loop;
    uint32_t        results = loop->states + loop->outputs, given = tgi_given(&b->step), dtype = b->step.attr->dtype;
    b->step.product = x + given + loop->outputs + (b->adds_saved ? loop->states : 0);
    if (tgi_record_loop_step(&b->step, x)) return;
    tg_tensor *outputs = b->list, *seeds = outputs + results, *grads = seeds + results;
    for (uint32_t k = 0; k < results; k++) {
        outputs[k] = *tgi_copy_of(&b->step, loop->result[k]);
        seeds[k] = k < loop->states ? state[k] : x[given + k - loop->states];
    }
    int count = list_operands(b, grads);
    if (tg_vjp(tape, (int)results, outputs, seeds, count, grads, grads)) return;
    for (uint32_t i = 0; i < loop->states; i++)
        state[i] = b->adds_saved ? tg_add(grads[i], x[given + loop->outputs + i]) : grads[i];
    for (uint32_t j = 0; j < b->wanted_inputs; j++)
        y[j] = in_dtype(grads[loop->states + j], dtype);
    for (uint32_t k = 0; k < b->wanted_captures; k++) {
        tg_tensor g = in_dtype(grads[loop->states + b->wanted_inputs + k], dtype);
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
    const tg_rule_call *call = b->step.call;
    for (uint32_t i = 0; i < b->step.loop->states; i++)
        state[i] = tgi_take_from(call->g, b->step.attr, TGI_LAST_STATES, i);
    uint32_t at = b->step.loop->states;
    for (uint32_t i = tgi_given(&b->step); i < (uint32_t)call->count; i++)
        if (is_wanted(b, i))
            state[at++] = tgi_full(call->g.tape, "scan", (tg_dtype)b->step.attr->dtype, TG_SHAPE(tg_size(call->x[i])), 0);
}

/* Its inputs: saved states, the loop's inputs, the gradients of its outputs, and of saved states where they have some; and products. */
static void all_inputs(const backward *b, tg_tensor saved, const tgi_loop_attr *saving, tg_tensor *x) {
    const tg_rule_call *call = b->step.call;
    for (uint32_t i = 0; i < b->step.loop->states; i++)
        *x++ = tgi_take_from(saved, saving, TGI_SAVED_STATES, i);
    for (uint32_t j = 0; j < b->step.loop->inputs; j++)
        *x++ = call->x[b->step.loop->states + j];
    for (uint32_t k = 0; k < b->step.loop->outputs; k++)
        *x++ = tgi_take_from(call->g, b->step.attr, TGI_OUTPUTS, k);
    for (uint32_t i = 0; i < b->step.loop->states && b->adds_saved; i++)
        *x++ = tgi_take_from(call->g, b->step.attr, TGI_SAVED_STATES, i);
    for (uint32_t k = 0; k < b->step.products; k++)
        *x++ = tgi_take_from(saved, saving, TGI_SAVED_PRODUCTS, k);
}

/* To each wanted operand its gradient. */
static void give_gradients(const backward *b, const tg_tensor *state, const tg_tensor *y, tg_tensor *grads) {
    const tg_rule_call *call = b->step.call;
    const tg_tensor    *sum = state + b->step.loop->states;
    for (uint32_t i = 0; i < (uint32_t)call->count; i++) {
        if (i < b->step.loop->states)
            grads[i] = state[i];
        else if (is_wanted(b, i)) {
            tg_tensor g = i < tgi_given(&b->step) ? *y++ : tg_reshape(*sum++, tg_shape_of(call->x[i]));
            grads[i] = in_dtype(g, (uint32_t)tg_dtype_of(call->x[i]));
        }
    }
}

static void record_gradient(backward *b, tg_tensor *grads) {
    const tg_rule_call *call = b->step.call;
    tg_tape            *tape = call->g.tape;
    tgi_loop_attr       saving = tgi_saving(tape, b->step.attr);
    b->step.products = tgi_count_in(tape, &saving, TGI_SAVED_PRODUCTS);
    uint32_t states = b->step.loop->states + b->wanted_captures;
    uint32_t inputs =
        tgi_given(&b->step) + b->step.loop->outputs + (b->adds_saved ? b->step.loop->states : 0) + b->step.products;
    tg_tensor *state = tgi_pool_take(&tape->pool, (states + inputs + b->wanted_inputs) * sizeof *state);
    if (!state) {
        tgi_out_of_memory(tape, "scan");
        return;
    }
    tg_tensor *x = state + states, *y = x + inputs, saved = saving_result(call, &saving), most;
    first_states(b, state);
    all_inputs(b, saved, &saving, x);
    if (b->step.attr->counted) most = tgi_steps_done(&b->step, saved);
    tgi_loop_call loop = {.what = "scan",
                          .most = b->step.attr->counted ? &most : NULL,
                          .spec = {.body = step,
                                   .context = b,
                                   .steps = b->step.attr->steps,
                                   .states = (int)states,
                                   .inputs = (int)inputs,
                                   .outputs = (int)b->wanted_inputs,
                                   .state = state,
                                   .x = x,
                                   .y = y,
                                   .reverse = !b->step.attr->reverse}};
    if (!tape->status && !tgi_record_loop(tape, &loop)) give_gradients(b, state, y, grads);
    tgi_pool_give(&tape->pool, state);
}

static void differentiate(const tg_rule_call *call, tg_tensor *grads) {
    tg_tape      *tape = call->g.tape;
    tgi_loop_attr attr = *(const tgi_loop_attr *)call->attr;
    backward      b = {.adds_saved = attr.saves && tgi_has_readers_of_saved(call->y)};
    if (!tgi_begin_loop_step(&b.step, call, &attr)) return;
    const tgi_loop *loop = b.step.loop;
    b.step.saves = true;
    for (uint32_t i = loop->states; i < (uint32_t)call->count; i++)
        *(i < tgi_given(&b.step) ? &b.wanted_inputs : &b.wanted_captures) += is_wanted(&b, i);
    b.list = tgi_pool_take(&tape->pool, (3 * (loop->states + loop->outputs) + (uint32_t)call->count) * sizeof *b.list);
    if (b.list)
        record_gradient(&b, grads);
    else
        tgi_out_of_memory(tape, "scan");
    tgi_pool_give(&tape->pool, b.list);
    tgi_end_loop_step(&b.step);
}

tg_tensor tgi_loop_rule(const tg_rule_call *call) {
    return tgi_jointly(call, differentiate);
}
