/* grad/forward.c: forward mode: a product J v, recorded in one walk along the tape.
 *
 * Each instruction between the inputs and the outputs gets a tangent, what it changes by when the inputs change by theirs. No op has a
 * second set of rules for that. The gradient rule of an elementwise op multiplies g by a derivative, element by element, and does the
 * same to a tangent. Of an op that is linear the tangent is the op itself, of tangents; of a loop it is a loop (loop_tangent.c). For all
 * else the rules are asked twice: with a placeholder u for g they give J^T u, which is linear in u, and its own gradient for u, with v for
 * the seeds, is J v whatever u is (J. Townsend, "A new trick for calculating Jacobian vector products", 2017); over one instruction that
 * is short.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/residency.h"
#include "grad/grad.h"
#include "grad/loop_op.h"
#include "ops/ops.h"

/* Instructions first .. end - 1 are looked at. */
typedef struct walk {
    tg_tape  *tape;
    uint32_t  first, end;
    tgi_marks reached; /* an output was computed from it, or it is one */
    tgi_marks shown;   /* the caller gets its tangent */
    tgi_marks given;   /* has a tangent so far: */
    uint32_t *tangent;
} walk;

static tg_status begin_walk(walk *w, tg_tape *tape, uint32_t first, uint32_t end) {
    if (first > end) first = end;
    *w = (walk){.tape = tape, .first = first, .end = end};
    size_t    words = tgi_words_of_marks(first, end);
    uint64_t *marks = tgi_pool_take(&tape->pool, 3 * words * sizeof *marks);
    w->reached = (tgi_marks){marks, first, end};
    w->tangent = tgi_pool_take(&tape->pool, (end - first) * sizeof *w->tangent);
    if (!marks || !w->tangent) return tgi_out_of_memory(tape, "jvp");
    memset(marks, 0, 3 * words * sizeof *marks);
    w->given = (tgi_marks){marks + words, first, end};
    w->shown = (tgi_marks){marks + 2 * words, first, end};
    return TG_OK;
}

static void end_walk(walk *w) {
    tgi_pool_give(&w->tape->pool, w->reached.word);
    tgi_pool_give(&w->tape->pool, w->tangent);
}

/* ---- tangents so far --------------------------------------------------------------------------------------------- */

bool tgi_flows_to(const tg_tape *tape, const tgi_node *node, uint32_t j) {
    tg_rule *rule = tgi_rule_of(node, j);
    if (!rule || (rule == tg_part_rule && j > 0)) return false;
    return tgi_floating((tg_dtype)tgi_node_at(tape, node->in[j])->dtype);
}

static bool has_tangent(const walk *w, const tgi_node *node, uint32_t j) {
    return tgi_flows_to(w->tape, node, j) && tgi_is_marked(&w->given, node->in[j]);
}

static tg_tensor tangent_of(const walk *w, uint32_t index) {
    return tgi_tensor(w->tape, w->tangent[index - w->first]);
}

static bool is_like(const tgi_node *a, const tgi_node *b) {
    return tgi_same_dims(a->rank, a->dims, b->rank, b->dims);
}

/* What is recorded must not depend on whether its value was dropped. */
static tg_tensor stretched(tg_tensor t, tg_shape shape) {
    return tg_shape_equal(tg_shape_of(t), shape) ? t : tg_broadcast_to(t, shape);
}

/* Adds to the tangent of an instruction; t may still have a shape that broadcasts to its: as a rule it needs no closer look. What has no
 * elements moves nothing, and has none: not even a mean of it. */
static tg_status give(walk *w, uint32_t index, tg_tensor t) {
    const tgi_node *of = tgi_node_at(w->tape, index), *node = tgi_usable(w->tape, t);
    if (w->tape->status || (of->rank && tgi_node_size(of) == 0)) return w->tape->status;
    if (!node || !is_like(node, of)) t = stretched(t, tgi_node_shape(of));
    if (tgi_is_marked(&w->given, index)) t = tg_add(tangent_of(w, index), t);
    if (w->tape->status || index >= w->end) return w->tape->status; /* an input that leads to no output */
    tgi_mark(&w->given, index);
    w->tangent[index - w->first] = tgi_index(t);
    return TG_OK;
}

/* ---- the tangent of one instruction ------------------------------------------------------------------------------ */

static tg_tensor record_again(tg_tape *tape, const tgi_node *node, const tg_tensor *in) {
    return tg_record(tape, node->op, (int)node->count, in, node->attr, node->attr_size);
}

/* The op, of tangents where gradients flow, which are zeros where there are none. */
static void give_linear(walk *w, uint32_t index, const tg_rule_call *call, tg_tensor *in) {
    const tgi_node *node = tgi_node_at(w->tape, index);
    for (uint32_t j = 0; j < node->count; j++)
        in[j] = has_tangent(w, node, j)          ? tangent_of(w, node->in[j])
                : tgi_flows_to(w->tape, node, j) ? tgi_full_like(call->x[j], 0)
                                                 : call->x[j];
    give(w, index, record_again(w->tape, node, in));
}

static void give_multilinear(walk *w, uint32_t index, const tg_rule_call *call, tg_tensor *in) {
    const tgi_node *node = tgi_node_at(w->tape, index);
    memcpy(in, call->x, node->count * sizeof *in);
    for (uint32_t j = 0; j < node->count && !w->tape->status; j++) {
        if (!has_tangent(w, node, j)) continue;
        in[j] = tangent_of(w, node->in[j]);
        give(w, index, record_again(w->tape, node, in));
        in[j] = call->x[j];
    }
}

static tg_tensor tangent_to_pass_on(const walk *w, uint32_t index) {
    tg_tensor t = tangent_of(w, index);
    return tgi_is_marked(&w->shown, index) ? tgi_not_a_broadcast(t) : t;
}

/* A rule takes what has the shape of the result. */
static void give_elementwise(walk *w, uint32_t index, tg_rule_call *call) {
    const tgi_node *node = tgi_node_at(w->tape, index);
    for (uint32_t j = 0; j < node->count && !w->tape->status; j++) {
        if (!has_tangent(w, node, j)) continue;
        call->which = (int)j;
        call->g = tangent_to_pass_on(w, node->in[j]);
        if (!is_like(tgi_node_at(w->tape, node->in[j]), node)) call->g = tg_broadcast_to(call->g, tgi_node_shape(node));
        if (!w->tape->status) give(w, index, tgi_rule_of(node, j)(call));
    }
}

/* What is taken from the result of a loop, and reached: how many there are. With a list, fills it in. */
static uint32_t list_taken(const walk *w, uint32_t loop, uint32_t *index, tgi_taken *taken) {
    uint32_t  count = 0, last = tgi_node_at(w->tape, loop)->last_use;
    tgi_taken what;
    for (uint32_t i = loop; (i = tgi_marked_from(&w->reached, i + 1)) <= last;) {
        const tgi_node *node = tgi_node_at(w->tape, i);
        if (!tgi_is_taking(node, &what) || node->in[0] != loop) continue;
        if (index) index[count] = i;
        if (taken) taken[count] = what;
        count++;
    }
    return count;
}

/* Whether another loop has captured its result. */
static bool is_read_whole(const walk *w, uint32_t loop) {
    for (uint32_t i = loop, last = tgi_node_at(w->tape, loop)->last_use; (i = tgi_marked_from(&w->reached, i + 1)) <= last;)
        if (tgi_reads_whole_result(tgi_node_at(w->tape, i), loop)) return true;
    return false;
}

/* All that there is in the result of a loop, in its order: how many there are. With a list, fills it in. */
static uint32_t list_all(const tg_tape *tape, const tgi_loop_attr *attr, tgi_taken *taken) {
    uint32_t count = 0;
    for (tgi_loop_section s = TGI_LAST_STATES; s < TGI_SECTIONS; s++)
        for (uint32_t i = 0, n = tgi_count_in(tape, attr, s); i < n; i++, count++)
            if (taken) taken[count] = (tgi_taken){s, i};
    return count;
}

/* Of a loop, to its result as a whole. What products came to stands in for them, and is not differentiated. */
static void give_whole_loop(walk *w, uint32_t index, const tg_rule_call *call, const tg_tensor *tangent) {
    tg_tape      *tape = w->tape;
    tgi_loop_attr attr = *(const tgi_loop_attr *)call->attr;
    uint32_t      all = list_all(tape, &attr, NULL), count = all;
    tg_tensor    *to = tgi_pool_take(&tape->pool, all * sizeof *to);
    tgi_taken    *taken = tgi_pool_take(&tape->pool, all * sizeof *taken);
    if (to && taken) {
        list_all(tape, &attr, taken);
        memset(to, 0, all * sizeof *to);
        while (count && taken[count - 1].section == TGI_SAVED_PRODUCTS)
            count--;
        tgi_loop_tangents(call, tangent, count, taken, to);
        bool some = false;
        for (uint32_t k = 0; k < all && !tape->status; k++) {
            int64_t size = tgi_range_in(tape, &attr, taken[k].section, taken[k].which).size;
            some |= tg_valid(to[k]);
            to[k] = tg_valid(to[k]) ? tg_reshape(to[k], TG_SHAPE(size))
                                    : tgi_full(tape, "jvp", (tg_dtype)attr.dtype, TG_SHAPE(size), 0);
        }
        if (some && !tape->status) give(w, index, tg_concat(tg_list_from((int)all, to), 0));
    } else
        tgi_out_of_memory(tape, "jvp");
    tgi_pool_give(&tape->pool, to);
    tgi_pool_give(&tape->pool, taken);
}

/* Of a loop, to what is taken from its result. */
static void give_loop(walk *w, uint32_t index, const tg_rule_call *call, tg_tensor *tangent) {
    tg_tape *tape = w->tape;
    for (uint32_t j = 0; j < (uint32_t)call->count; j++)
        tangent[j] = has_tangent(w, tgi_node_at(tape, index), j) ? tangent_of(w, tgi_node_at(tape, index)->in[j]) : TG_NONE;
    if (is_read_whole(w, index)) {
        give_whole_loop(w, index, call, tangent);
        return;
    }
    uint32_t   count = list_taken(w, index, NULL, NULL), at = 0;
    tg_tensor *to = tgi_pool_take(&tape->pool, count * sizeof *to);
    uint32_t  *reader = tgi_pool_take(&tape->pool, count * sizeof *reader);
    tgi_taken *taken = tgi_pool_take(&tape->pool, count * sizeof *taken);
    if (!to || !reader || !taken)
        tgi_out_of_memory(tape, "jvp");
    else if (count) {
        list_taken(w, index, reader, taken);
        memset(to, 0, count * sizeof *to);
        tgi_loop_tangents(call, tangent, count, taken, to);
    }
    for (; at < count && !tape->status; at++)
        if (tg_valid(to[at])) give(w, reader[at], to[at]);
    tgi_pool_give(&tape->pool, to);
    tgi_pool_give(&tape->pool, reader);
    tgi_pool_give(&tape->pool, taken);
}

/* By the rules' own gradients: the seeds are the tangents. */
static void give_by_rules(walk *w, uint32_t index, tg_rule_call *call) {
    tg_tape        *tape = w->tape;
    const tgi_node *node = tgi_node_at(tape, index);
    tg_tensor       u = call->g = tgi_full_like(call->y, 0);
    for (uint32_t j = 0; j < node->count && !tape->status; j++) {
        if (!has_tangent(w, node, j)) continue;
        tg_tensor seed = tangent_of(w, node->in[j]), t;
        call->which = (int)j;
        tg_tensor g = tgi_rule_of(node, j)(call);
        if (!tape->status && !tg_shape_equal(tg_shape_of(g), tg_shape_of(call->x[j]))) g = tgi_sum_to(g, call->x[j]);
        if (!tape->status && !tg_vjp(tape, 1, &g, &seed, 1, &u, &t)) give(w, index, t);
    }
}

static bool is_elementwise(const tg_tape *tape, const tgi_node *node) {
    if (!node->count || node->count > TG_MAX_LOOP_OPERANDS) return false;
    for (uint32_t j = 0; j < node->count; j++)
        if (tgi_rule_of(node, j) && tgi_node_at(tape, node->in[j])->dtype != node->dtype) return false;
    return tgi_loop_of(node->op, (tg_dtype)tgi_node_at(tape, node->in[node->count - 1])->dtype) != NULL;
}

static bool is_linear(const tgi_node *node) {
    if (node->op->linearity == TG_LINEAR_TOGETHER || node->op->linearity == TG_MOVES) return true;
    return (node->op->view && node->count == 1) || (node->count && tgi_rule_of(node, 0) == tg_part_rule);
}

static void give_tangent(walk *w, uint32_t index, tg_rule_call *call, tg_tensor *room) {
    const tgi_node *node = tgi_node_at(w->tape, index);
    if (is_linear(node))
        give_linear(w, index, call, room);
    else if (node->op == &tgi_loop_op)
        give_loop(w, index, call, room);
    else if (node->op->linearity == TG_LINEAR_EACH)
        give_multilinear(w, index, call, room);
    else if (is_elementwise(w->tape, node))
        give_elementwise(w, index, call);
    else
        give_by_rules(w, index, call);
}

/* Records it, in the name of the user's line that recorded the instruction. */
static tg_status differentiate(walk *w, uint32_t index) {
    enum { FEW = 8 };
    tg_tape        *tape = w->tape;
    const tgi_node *node = tgi_node_at(tape, index);
    tg_tensor       few[2 * FEW], *x = few;
    bool            moves = false;
    for (uint32_t j = 0; j < node->count && !moves && tgi_floating((tg_dtype)node->dtype); j++)
        moves = has_tangent(w, node, j);
    if (!moves) return TG_OK;
    if (node->count > FEW) x = tgi_pool_take(&tape->pool, 2 * node->count * sizeof *x);
    if (!x) return tgi_out_of_memory(tape, node->op->name);
    for (uint32_t j = 0; j < node->count; j++)
        x[j] = tgi_tensor(tape, node->in[j]);
    tape->file = node->file;
    tape->line = node->line;
    uint32_t     outer = tgi_set_rule_of(tape, index);
    tg_rule_call call = {.y = tgi_tensor(tape, index), .x = x, .count = (int)node->count, .attr = node->attr};
    give_tangent(w, index, &call, x + node->count);
    tgi_set_rule_of(tape, outer);
    if (x != few) tgi_pool_give(&tape->pool, x);
    return tape->status;
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

static tg_status plant_tangents(walk *w, int n, const tg_tensor *inputs, const tg_tensor *tangents) {
    static const tgi_seed_names names = {"jvp", "the tangent", "input"};
    for (int j = 0; j < n && !w->tape->status; j++) {
        tg_tensor t = tgi_seed_for(w->tape, &names, inputs[j], tangents ? &tangents[j] : NULL);
        if (!w->tape->status) give(w, tgi_index(inputs[j]), t);
    }
    return w->tape->status;
}

static tg_status walk_forward(walk *w) {
    const tgi_marks *outer = w->tape->wanted; /* of a backward walk whose rule this is in */
    w->tape->wanted = NULL;
    tgi_callback caller = tgi_enter(w->tape, "a gradient rule", true);
    for (uint32_t i = w->first; !w->tape->status && (i = tgi_marked_from(&w->reached, i)) != TGI_NONE; i++)
        differentiate(w, i);
    w->tape->wanted = outer;
    return tgi_leave(w->tape, caller);
}

static void collect(walk *w, int m, const tg_tensor *outputs, tg_tensor *results) {
    for (int i = 0; i < m && !w->tape->status; i++)
        results[i] = tgi_is_marked(&w->given, tgi_index(outputs[i])) ? tangent_of(w, tgi_index(outputs[i]))
                                                                     : tgi_full_like(outputs[i], 0);
}

static tg_status record_jvp(tg_tape *tape, int n, const tg_tensor *inputs, const tg_tensor *tangents, int m,
                            const tg_tensor *outputs, tg_tensor *results) {
    walk     w;
    tg_scope scope = tgi_begin_derivative(tape, "jvp");
    if (!begin_walk(&w, tape, tgi_first_of(n, inputs), tgi_end_of(m, outputs))) {
        for (int i = 0; i < m; i++)
            tgi_mark(&w.shown, tgi_index(outputs[i]));
        tgi_mark_reached(tape, m, outputs, &w.reached);
        if (!plant_tangents(&w, n, inputs, tangents) && !walk_forward(&w)) {
            tgi_resume(tape, scope);
            collect(&w, m, outputs, results);
        }
    }
    end_walk(&w);
    return tg_end_scope(scope);
}

tg_status(tg_jvp)(tg_tape *tape, int n, const tg_tensor *inputs, const tg_tensor *tangents, int m, const tg_tensor *outputs,
                  tg_tensor *results) {
    tg_status status = tgi_check(tape);
    if (!status && m > 0 && !results) return tgi_fail(tape, TG_ERR_ARGUMENT, "jvp", "nowhere to put the results");
    if (!status) status = tgi_check_list(tape, "jvp", "input", n, inputs);
    if (!status) status = tgi_check_list(tape, "jvp", "output", m, outputs);
    if (!status) status = tgi_check_sides(tape, "jvp", n, inputs, m, outputs);
    if (!status) status = record_jvp(tape, n, inputs, tangents, m, outputs, results);
    tgi_give_results(tape, status, m, results);
    return status;
}
