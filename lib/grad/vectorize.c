/* grad/vectorize.c: a loop without states, as ops on all of its steps at once.
 *
 * Its body has been recorded, as that of any loop. It is recorded again instruction by instruction, this time outside of a loop: what is
 * the same in all steps as it is, and what depends on an input of the step by its op's rule for batches, with the steps along a new first
 * axis. So a hundred products of a matrix and a vector become one of two matrices. The steps are taken some at a time, where all at once
 * would need much memory: these are the steps of a loop then. Where an op has no rule, it all stays as it is. Some sums of products are
 * better done otherwise, as contract.c finds.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/residency.h"
#include "grad/contract.h"
#include "grad/grad.h"
#include "grad/loop_op.h"
#include "ops/batched.h"

/* So many bytes may what depends on the step take for all steps at once; and fewer steps than that at once are not worth it. */
enum { MOST_BYTES = 1 << 25, FEWEST = 4 };

enum { BY_ITSELF, CONTRACTS, IN_CONTRACTION };

typedef struct vectorizer {
    tg_tape             *tape;
    const tgi_loop_call *call;
    tgi_part             body;     /* a copy: others may begin, and it move */
    bool                *varies;   /* of each instruction of the body: whether it depends on the step; */
    uint32_t            *readers;  /* how many others read it; */
    uint8_t             *role;     /* whether it is a contraction, or in one; */
    tg_tensor           *copy;     /* and what stands for it; */
    tg_tensor           *before;   /* where some steps are done at a time: for what is the same in all, before the loop */
    bool                 in_loop;  /* whether that has been recorded */
    bool                *has_axis; /* room for the operands of an instruction, */
    tg_tensor           *x;        /* and for these */
    int64_t              steps;    /* at once */
} vectorizer;

/* ---- whether it can be done -------------------------------------------------------------------------------------- */

static bool has_rule(const tg_tape *tape, const tgi_node *node) {
    bool parts = node->op == &tgi_add_parts_op;
    for (int i = 0; parts && i < tgi_count_of_parts(node); i++)
        parts = tgi_added_part_of(node, i).op->batch;
    if (parts || node->op->batch) return true;
    return node->count && tgi_batches_elements(node->op, (tg_dtype)tgi_node_at(tape, node->in[node->count - 1])->dtype);
}

static bool has_room(const vectorizer *v, const tgi_node *node) {
    bool room = node->rank < TG_MAX_RANK;
    for (uint32_t j = 0; j < node->count; j++)
        room &= tgi_node_at(v->tape, node->in[j])->rank < TG_MAX_RANK;
    return room;
}

static bool depends_on_step(const vectorizer *v, const tgi_node *node) {
    for (uint32_t j = 0; j < node->count; j++)
        if (node->in[j] >= v->body.start && v->varies[node->in[j] - v->body.start]) return true;
    return false;
}

static bool is_input(const vectorizer *v, uint32_t index) {
    for (uint32_t j = 0; j < v->body.loop->inputs; j++)
        if (v->body.loop->given[j] == index) return true;
    return false;
}

static void count_readers(const vectorizer *v) {
    const tgi_loop *loop = v->body.loop;
    for (uint32_t i = v->body.start; i < v->body.end; i++) {
        const tgi_node *node = tgi_node_at(v->tape, i);
        for (uint32_t j = 0; j < node->count; j++)
            if (node->in[j] >= v->body.start) v->readers[node->in[j] - v->body.start]++;
    }
    for (uint32_t k = 0; k < loop->outputs; k++)
        v->readers[loop->result[k] - v->body.start]++;
}

static bool find_contraction(const vectorizer *v, uint32_t index, tgi_contraction *c) {
    tgi_varying_body body = {v->tape, v->body.start, v->call->spec.steps, v->varies, v->readers};
    return tgi_find_contraction(&body, index, c);
}

/* How many bytes less there are in each step because of a contraction. */
static int64_t note_contraction(const vectorizer *v, uint32_t index) {
    tgi_contraction c;
    int64_t         bytes = 0;
    if (!find_contraction(v, index, &c)) return 0;
    v->role[index - v->body.start] = CONTRACTS;
    for (int i = 0; i < c.inside; i++) {
        uint8_t *role = &v->role[c.in_place_of[i] - v->body.start];
        if (*role != IN_CONTRACTION) bytes += (int64_t)tgi_node_bytes(tgi_node_at(v->tape, c.in_place_of[i]));
        *role = IN_CONTRACTION;
    }
    return bytes;
}

/* Marks what depends on the step, and says how many bytes that is in each; -1 where it cannot be done. A loop in the body has captured
 * what is of the body. */
static int64_t look_through(const vectorizer *v) {
    uint16_t number = tgi_node_at(v->tape, v->body.start)->part;
    int64_t  bytes = 0;
    for (uint32_t i = v->body.start + 1; i < v->body.end; i++) {
        const tgi_node *node = tgi_node_at(v->tape, i);
        bool           *varies = &v->varies[i - v->body.start];
        if (node->part != number || node->op == &tgi_loop_op) return -1;
        *varies = node->op->infer ? depends_on_step(v, node) : is_input(v, i);
        if (!*varies) continue;
        if (node->op->infer && (!has_rule(v->tape, node) || !has_room(v, node))) return -1;
        if (!node->view) bytes += (int64_t)tgi_node_bytes(node);
        bytes -= note_contraction(v, i);
    }
    return bytes;
}

/* ---- recording it again ------------------------------------------------------------------------------------------ */

static tg_tensor *copy_of(const vectorizer *v, uint32_t index) {
    return &v->copy[index - v->body.start];
}

static bool varies(const vectorizer *v, uint32_t index) {
    return v->varies[index - v->body.start];
}

/* Numbers are recorded again, and constants captured. */
static tg_tensor copy_leaf(const vectorizer *v, uint32_t index) {
    const tgi_node *node = tgi_node_at(v->tape, index);
    if (node->op == &tgi_number) return tgi_copy_number(v->tape, node);
    return tgi_captured_tensor(v->tape, v->call->what, tgi_tensor(v->tape, index));
}

/* What has been recorded before the loop is captured when it is read. */
static tg_tensor operand(const vectorizer *v, uint32_t index) {
    tg_tensor *copy = copy_of(v, index);
    if (tg_valid(*copy) || !v->in_loop) return *copy;
    *copy = tgi_node_at(v->tape, index)->op == &tgi_number
                ? copy_leaf(v, index)
                : tgi_captured_tensor(v->tape, v->call->what, v->before[index - v->body.start]);
    return *copy;
}

/* The gradient of what parts were taken of, all at once: that of the parts of all. */
static tg_tensor add_parts(const vectorizer *v, const tgi_node *node) {
    int        count = tgi_count_of_parts(node);
    tg_tape   *tape = v->tape;
    tg_tensor  zero = tgi_full(tape, "add_parts", (tg_dtype)node->dtype, tgi_batched_shape(v->steps, tgi_node_shape(node)), 0);
    tg_tensor *outputs = tgi_pool_take(&tape->pool, 2 * (size_t)count * sizeof *outputs), sum = tgi_invalid(tape);
    if (!outputs) {
        tgi_out_of_memory(tape, "add_parts");
        return sum;
    }
    for (int i = 0; i < count && !tape->status; i++) {
        tgi_added_part part = tgi_added_part_of(node, i);
        tg_batch_call  call = {part.op,  part.operands, v->x + part.first, v->has_axis + part.first,
                               v->steps, part.attr,     part.attr_size};
        outputs[count + i] = tg_batched(&call, 0);
        v->x[part.first] = zero;
        v->has_axis[part.first] = true;
        outputs[i] = part.op->batch(&call);
    }
    if (!tape->status) tg_vjp(tape, count, outputs, outputs + count, 1, &zero, &sum);
    tgi_pool_give(&tape->pool, outputs);
    return sum;
}

/* The factors of a contraction from `first` on. */
static void find_factors(const vectorizer *v, uint32_t index, int first, tgi_contraction *c, tg_tensor *x) {
    find_contraction(v, index, c);
    for (int i = first; i < c->count; i++)
        x[i] = operand(v, c->factor[i].index);
}

static tg_tensor copy_contraction(const vectorizer *v, uint32_t index) {
    tgi_contraction c;
    tg_tensor       x[TGI_MOST_FACTORS], same;
    find_factors(v, index, 0, &c, x);
    same = v->in_loop ? v->before[index - v->body.start] : tgi_contract_same(&c, x);
    if (v->in_loop) same = tgi_captured_tensor(v->tape, v->call->what, same);
    return tgi_contract(&c, x, same, tgi_batched_shape(v->steps, tgi_node_shape(tgi_node_at(v->tape, index))));
}

static tg_tensor copy_instruction(const vectorizer *v, uint32_t index) {
    const tgi_node *node = tgi_node_at(v->tape, index);
    tg_batch_call   call = {node->op, (int)node->count, v->x, v->has_axis, v->steps, node->attr, node->attr_size};
    v->tape->file = node->file;
    v->tape->line = node->line;
    if (v->role[index - v->body.start] == CONTRACTS) return copy_contraction(v, index);
    for (uint32_t j = 0; j < node->count; j++) {
        v->x[j] = operand(v, node->in[j]);
        v->has_axis[j] = varies(v, node->in[j]);
    }
    if (!varies(v, index)) return (tg_record)(v->tape, node->op, (int)node->count, v->x, node->attr, node->attr_size);
    if (node->op == &tgi_add_parts_op) return add_parts(v, node);
    return node->op->batch ? node->op->batch(&call) : tgi_batch_elements(&call);
}

static void place_captures(const vectorizer *v) {
    for (const tgi_capture *c = v->body.loop->captures; c; c = c->previous)
        *copy_of(v, c->inner) = tgi_captured_tensor(v->tape, v->call->what, tgi_tensor(v->tape, c->outer));
}

/* Captured values and inputs are there already. */
static void copy_one(const vectorizer *v, uint32_t index) {
    if (!tg_valid(*copy_of(v, index)))
        *copy_of(v, index) = tgi_node_at(v->tape, index)->op->infer ? copy_instruction(v, index) : copy_leaf(v, index);
}

/* Of the inputs the steps stand along the first axis, and of the results in the end, too. */
static tg_status record_steps(vectorizer *v, int64_t steps, const tg_tensor *x, tg_tensor *y) {
    const tgi_loop *loop = v->body.loop;
    v->steps = steps;
    memset(v->copy, 0, (v->body.end - v->body.start) * sizeof *v->copy);
    for (uint32_t j = 0; j < loop->inputs; j++)
        *copy_of(v, loop->given[j]) = x[j];
    if (!v->in_loop) place_captures(v);
    for (uint32_t i = v->body.start + 1; i < v->body.end && !v->tape->status; i++)
        if (v->role[i - v->body.start] != IN_CONTRACTION && (varies(v, i) || !v->in_loop)) copy_one(v, i);
    for (uint32_t k = 0; k < loop->outputs && !v->tape->status; k++) {
        uint32_t at = loop->result[k];
        tg_shape shape = tgi_node_shape(tgi_node_at(v->tape, at));
        y[k] = operand(v, at);
        if (!varies(v, at)) y[k] = tg_broadcast_to(y[k], tgi_batched_shape(steps, shape));
    }
    return v->tape->status;
}

/* What is the same in all steps, and in a contraction. */
static tg_status record_before(vectorizer *v) {
    tgi_contraction c;
    tg_tensor       x[TGI_MOST_FACTORS];
    memset(v->copy, 0, (v->body.end - v->body.start) * sizeof *v->copy);
    place_captures(v);
    for (uint32_t i = v->body.start + 1; i < v->body.end && !v->tape->status; i++) {
        bool contracts = v->role[i - v->body.start] == CONTRACTS;
        if (!varies(v, i)) copy_one(v, i);
        if (contracts) find_factors(v, i, 1, &c, x);
        v->before[i - v->body.start] = contracts ? tgi_contract_same(&c, x) : *copy_of(v, i);
    }
    v->in_loop = true;
    return v->tape->status;
}

/* ---- some at a time ---------------------------------------------------------------------------------------------- */

static void some_steps(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    vectorizer *v = context;
    (void)tape, (void)state;
    record_steps(v, v->steps, x, y);
}

/* `count` times v->steps of them, and the rest. */
static tg_status record_in_pieces(vectorizer *v, int64_t count, tg_tensor *x, tg_tensor *y) {
    const tg_loop_spec *spec = &v->call->spec;
    int64_t             steps = v->steps, done = count * steps;
    tg_tensor          *last = y + spec->outputs;
    tgi_loop_call       call = {.what = v->call->what, .spec = *spec};
    tgi_cut_inputs(spec, 0, done, count, x);
    call.spec.body = some_steps;
    call.spec.context = v;
    call.spec.steps = count;
    call.spec.x = x;
    call.spec.y = y;
    if (v->tape->status || tgi_record_loop(v->tape, &call)) return v->tape->status;
    tgi_cut_inputs(spec, done, spec->steps, 0, x);
    if (done < spec->steps && !v->tape->status) record_steps(v, spec->steps - done, x, last);
    for (int k = 0; k < spec->outputs && !v->tape->status; k++) {
        tg_tensor all = tgi_joined(y[k]);
        spec->y[k] = done < spec->steps ? tg_concat(TG_LIST(all, last[k]), 0) : all;
    }
    return v->tape->status;
}

/* There must be room for one axis more, of inputs and results. */
static bool can_be_cut(const vectorizer *v) {
    const tgi_loop *loop = v->body.loop;
    bool            can = true;
    for (uint32_t j = 0; j < loop->inputs; j++)
        can &= tgi_node_at(v->tape, loop->given[j])->rank + 2 <= TG_MAX_RANK;
    for (uint32_t k = 0; k < loop->outputs; k++)
        can &= tgi_node_at(v->tape, loop->result[k])->rank + 2 <= TG_MAX_RANK;
    return can;
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static tg_status record(vectorizer *v, tg_tensor *room) {
    const tg_loop_spec *spec = &v->call->spec;
    if (v->steps >= spec->steps) return record_steps(v, spec->steps, spec->x, spec->y);
    if (record_before(v)) return v->tape->status;
    return record_in_pieces(v, spec->steps / v->steps, room, room + spec->inputs);
}

static uint32_t most_operands(const vectorizer *v) {
    uint32_t most = 0;
    for (uint32_t i = v->body.start; i < v->body.end; i++)
        if (tgi_node_at(v->tape, i)->count > most) most = tgi_node_at(v->tape, i)->count;
    return most;
}

/* How many steps at once; 0 where it stays a loop. */
static int64_t steps_at_once(const vectorizer *v, int64_t steps) {
    int64_t bytes = look_through(v), some = bytes > 0 ? MOST_BYTES / bytes : steps;
    if (bytes < 0) return 0;
    if (some >= steps) return steps;
    if (some < FEWEST || !can_be_cut(v)) return 0;
    int64_t pieces = (steps + some - 1) / some;
    return (steps + pieces - 1) / pieces;
}

bool tgi_vectorize(tg_tape *tape, const tgi_loop_call *call, const tgi_loop_attr *attr) {
    const tg_loop_spec *spec = &call->spec;
    vectorizer          v = {.tape = tape, .call = call, .body = *tgi_body_of(tape, attr)};
    size_t              count = v.body.end - v.body.start, operands = most_operands(&v);
    size_t              lists = (size_t)spec->inputs + 2 * (size_t)spec->outputs;
    if (spec->states || !spec->steps) return false;
    v.copy = tgi_pool_take(&tape->pool, (2 * count + operands + lists) * sizeof *v.copy);
    v.varies = tgi_pool_take(&tape->pool, (count + operands) * sizeof *v.varies);
    v.role = tgi_pool_take(&tape->pool, count * sizeof *v.role);
    v.readers = tgi_pool_take(&tape->pool, count * sizeof *v.readers);
    bool done = false;
    if (v.copy && v.varies && v.role && v.readers) {
        memset(v.varies, 0, (count + operands) * sizeof *v.varies);
        memset(v.role, 0, count * sizeof *v.role);
        memset(v.readers, 0, count * sizeof *v.readers);
        count_readers(&v);
        v.before = v.copy + count;
        v.x = v.before + count;
        v.has_axis = v.varies + count;
        v.steps = steps_at_once(&v, spec->steps);
        done = v.steps > 0;
        if (done) record(&v, v.x + operands);
    } else
        tgi_out_of_memory(tape, call->what);
    tgi_pool_give(&tape->pool, v.copy);
    tgi_pool_give(&tape->pool, v.varies);
    tgi_pool_give(&tape->pool, v.role);
    tgi_pool_give(&tape->pool, v.readers);
    return done || tape->status;
}
