/* grad/loop_tangent.c: how what a loop gives changes with its operands: a loop that goes the same way.
 *
 * A step of it computes the step of the loop again, from states of its own, and with it their tangents, which are states as well. So it
 * needs no memory for each step. Where the loop has saved its states and products anyway, those are read instead. Only states that change
 * have tangents: which these are, a walk through the body tells, repeated until no state more changes through another.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "grad/grad.h"
#include "grad/loop_step.h"
#include "ops/ops.h"

typedef struct forward {
    tgi_loop_step    step;    /* of the loop that is differentiated; its attr says whether that has saved its states */
    const tg_tensor *tangent; /* of the loop's operands; invalid where it does not change */
    uint32_t         count;
    const tgi_taken *taken; /* what is wanted */
    tgi_marks        moves; /* the instructions of the body that change */
    tg_tensor       *list; /* room for what a step is differentiated for, with tangents, and for what it gives, with tangents */
} forward;

/* ---- what changes ------------------------------------------------------------------------------------------------ */

static void mark_moving(const tg_tape *tape, tgi_marks *moves, uint32_t index) {
    const tgi_node *node = tgi_node_at(tape, index);
    for (uint32_t j = 0; j < node->count; j++)
        if (tgi_flows_to(tape, node, j) && tgi_is_marked(moves, node->in[j])) tgi_mark(moves, index);
}

/* Whether a state begins to change because what it becomes does. */
static bool mark_states(forward *f) {
    const tgi_loop *loop = f->step.loop;
    bool            more = false;
    for (uint32_t i = 0; i < loop->states; i++) {
        bool begins = tgi_is_marked(&f->moves, loop->result[i]) && !tgi_is_marked(&f->moves, loop->given[i]);
        if (begins) tgi_mark(&f->moves, loop->given[i]);
        more |= begins;
    }
    return more;
}

static void mark_all(forward *f) {
    const tg_tape  *tape = f->step.call->y.tape;
    const tgi_loop *loop = f->step.loop;
    uint32_t        i = tgi_given(&f->step) + loop->captured;
    for (const tgi_capture *c = loop->captures; c; c = c->previous)
        if (tg_valid(f->tangent[--i])) tgi_mark(&f->moves, c->inner);
    for (i = 0; i < tgi_given(&f->step); i++)
        if (tg_valid(f->tangent[i])) tgi_mark(&f->moves, loop->given[i]);
    do {
        for (uint32_t k = f->step.body.start; k < loop->step_end; k++)
            mark_moving(tape, &f->moves, k);
    } while (mark_states(f));
}

static bool state_moves(const forward *f, uint32_t i) {
    return tgi_is_marked(&f->moves, f->step.loop->given[i]);
}

/* How many of the first n states do. */
static uint32_t count_moving(const forward *f, uint32_t n) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++)
        count += state_moves(f, i);
    return count;
}

static bool is_known(const forward *f) {
    return f->step.attr->saves;
}

/* Whether it is an output of the loop along: the others are its states. */
static bool is_output(const forward *f, const tgi_taken *taken) {
    const tgi_loop *loop = f->step.loop;
    if (taken->section == TGI_OUTPUTS) return tgi_is_marked(&f->moves, loop->result[loop->states + taken->which]);
    return taken->section == TGI_SAVED_STATES && state_moves(f, taken->which);
}

/* Whether anything that is wanted does. */
static bool changes(const forward *f) {
    bool some = count_moving(f, f->step.loop->states) > 0;
    for (uint32_t k = 0; k < f->count; k++)
        some |= is_output(f, &f->taken[k]);
    return some;
}

/* ---- a step of the tangents -------------------------------------------------------------------------------------- */

/* Lists what a step is differentiated for, and its tangents; returns how many there are. `state` and `x` are the tangents of the states
 * that change, and of the inputs. */
static int list_operands(const forward *f, const tg_tensor *state, const tg_tensor *x, tg_tensor *list, tg_tensor *tangents) {
    const tgi_loop *loop = f->step.loop;
    uint32_t        given = tgi_given(&f->step), i = given + loop->captured;
    int             count = 0;
    for (uint32_t j = 0; j < given; j++) {
        if (j < loop->states ? !state_moves(f, j) : !tg_valid(f->tangent[j])) continue;
        list[count] = *tgi_copy_of(&f->step, loop->given[j]);
        tangents[count++] = j < loop->states ? *state++ : *x++;
    }
    for (const tgi_capture *c = loop->captures; c; c = c->previous) {
        if (!tg_valid(f->tangent[--i])) continue;
        list[count] = *tgi_copy_of(&f->step, c->inner);
        tangents[count++] = tgi_captured_tensor(f->step.call->y.tape, "scan", f->tangent[i]);
    }
    return count;
}

/* The same of what it gives. */
static int list_results(const forward *f, tg_tensor *list) {
    const tgi_loop *loop = f->step.loop;
    int             count = 0;
    for (uint32_t i = 0; i < loop->states; i++)
        if (state_moves(f, i)) list[count++] = *tgi_copy_of(&f->step, loop->result[i]);
    for (uint32_t k = 0; k < f->count; k++)
        if (f->taken[k].section == TGI_OUTPUTS && is_output(f, &f->taken[k]))
            list[count++] = *tgi_copy_of(&f->step, loop->result[loop->states + f->taken[k].which]);
    return count;
}

/* The tangents of states before the step, and of outputs, which `results` has. */
static void give_outputs(const forward *f, const tg_tensor *before, const tg_tensor *results, tg_tensor *y) {
    for (uint32_t k = 0; k < f->count; k++) {
        if (!is_output(f, &f->taken[k])) continue;
        *y++ = f->taken[k].section == TGI_OUTPUTS ? *results++ : before[count_moving(f, f->taken[k].which)];
    }
}

/* The loop has the states and the inputs of the step as inputs, or the former among its states. */
static void place_given(const forward *f, const tg_tensor *state, const tg_tensor *x, tg_tensor *given) {
    uint32_t states = f->step.loop->states;
    memcpy(given, is_known(f) ? x : state, states * sizeof *given);
    if (f->step.loop->inputs) memcpy(given + states, is_known(f) ? x + states : x, f->step.loop->inputs * sizeof *given);
}

static void step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    forward        *f = context;
    const tgi_loop *loop = f->step.loop;
    uint32_t        operands = (uint32_t)f->step.call->count, given = tgi_given(&f->step);
    tg_tensor      *moved = is_known(f) ? state : state + loop->states;
    tg_tensor      *inputs = f->list, *tangents = inputs + operands, *outputs = tangents + operands;
    tg_tensor      *results = outputs + loop->states + f->count;
    place_given(f, state, x, inputs);
    x += is_known(f) ? given : loop->inputs;
    f->step.product = x;
    if (tgi_record_loop_step(&f->step, inputs)) return;
    int n = list_operands(f, moved, x + f->step.products, inputs, tangents), m = list_results(f, outputs);
    if (tg_jvp(tape, n, inputs, tangents, m, outputs, results)) return;
    for (uint32_t i = 0; i < loop->states && !is_known(f); i++)
        state[i] = *tgi_copy_of(&f->step, loop->result[i]);
    uint32_t moving = count_moving(f, loop->states);
    give_outputs(f, moved, results + moving, y);
    memcpy(moved, results, moving * sizeof *moved);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static uint32_t first_states(const forward *f, tg_tensor *state) {
    const tg_rule_call *call = f->step.call;
    uint32_t            count = 0, states = f->step.loop->states;
    for (uint32_t i = 0; i < states && !is_known(f); i++)
        state[count++] = call->x[i];
    for (uint32_t i = 0; i < states; i++)
        if (state_moves(f, i)) state[count++] = tg_valid(f->tangent[i]) ? f->tangent[i] : tgi_full_like(call->x[i], 0);
    return count;
}

/* States that were saved, the loop's inputs, products that were saved, and the tangents of inputs. */
static uint32_t all_inputs(const forward *f, tg_tensor *x) {
    const tg_rule_call *call = f->step.call;
    uint32_t            count = 0, states = f->step.loop->states;
    for (uint32_t i = 0; i < states && is_known(f); i++)
        x[count++] = tgi_take_from(call->y, f->step.attr, TGI_SAVED_STATES, i);
    for (uint32_t j = states; j < tgi_given(&f->step); j++)
        x[count++] = call->x[j];
    for (uint32_t k = 0; k < f->step.products; k++)
        x[count++] = tgi_take_from(call->y, f->step.attr, TGI_SAVED_PRODUCTS, k);
    for (uint32_t j = states; j < tgi_given(&f->step); j++)
        if (tg_valid(f->tangent[j])) x[count++] = f->tangent[j];
    return count;
}

static void give_tangents(const forward *f, const tg_tensor *state, const tg_tensor *y, tg_tensor *to) {
    const tg_tensor *moved = is_known(f) ? state : state + f->step.loop->states;
    for (uint32_t k = 0; k < f->count; k++) {
        const tgi_taken *taken = &f->taken[k];
        if (is_output(f, taken)) to[k] = *y++;
        if (taken->section == TGI_LAST_STATES && state_moves(f, taken->which)) to[k] = moved[count_moving(f, taken->which)];
    }
}

/* `room` is for its states, inputs and outputs. */
static void record_tangents(forward *f, tg_tensor *room, tg_tensor *to) {
    const tgi_loop_attr *attr = f->step.attr;
    tg_tape             *tape = f->step.call->y.tape;
    tg_tensor           *x = room + 2 * f->step.loop->states, *y, most;
    uint32_t             states = first_states(f, room), inputs = all_inputs(f, x), outputs = 0;
    y = x + inputs;
    for (uint32_t k = 0; k < f->count; k++)
        outputs += is_output(f, &f->taken[k]);
    if (attr->counted) most = tgi_steps_done(&f->step, f->step.call->y);
    tgi_loop_call loop = {.what = "scan",
                          .most = attr->counted ? &most : NULL,
                          .spec = {.body = step,
                                   .context = f,
                                   .steps = attr->steps,
                                   .states = (int)states,
                                   .inputs = (int)inputs,
                                   .outputs = (int)outputs,
                                   .state = room,
                                   .x = x,
                                   .y = y,
                                   .reverse = attr->reverse}};
    if (!tape->status && !tgi_record_loop(tape, &loop)) give_tangents(f, room, y, to);
}

void tgi_loop_tangents(const tg_rule_call *call, const tg_tensor *tangent, uint32_t count, const tgi_taken *taken,
                       tg_tensor *to) {
    tg_tape      *tape = call->y.tape;
    tgi_loop_attr attr = *(const tgi_loop_attr *)call->attr;
    forward       f = {.tangent = tangent, .count = count, .taken = taken};
    if (!tgi_begin_loop_step(&f.step, call, &attr)) return;
    const tgi_loop *loop = f.step.loop;
    size_t          words = tgi_words_of_marks(f.step.body.start, f.step.body.end);
    f.step.products = attr.saves ? tgi_count_in(tape, &attr, TGI_SAVED_PRODUCTS) : 0;
    uint32_t room = 3 * loop->states + 2 * loop->inputs + f.step.products + count;
    uint32_t list = 2 * ((uint32_t)call->count + loop->states + count);
    f.moves = (tgi_marks){tgi_pool_take(&tape->pool, words * sizeof(uint64_t)), f.step.body.start, f.step.body.end};
    f.list = tgi_pool_take(&tape->pool, (list + room) * sizeof *f.list);
    if (f.moves.word && f.list) {
        memset(f.moves.word, 0, words * sizeof(uint64_t));
        mark_all(&f);
        if (changes(&f)) record_tangents(&f, f.list + list, to);
    } else
        tgi_out_of_memory(tape, "scan");
    tgi_pool_give(&tape->pool, f.moves.word);
    tgi_pool_give(&tape->pool, f.list);
    tgi_end_loop_step(&f.step);
}
