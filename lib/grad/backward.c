/* grad/backward.c: the backward walk.
 *
 * Reads the tape from the outputs up and appends, for each instruction on a path from a wanted value to an output, what its
 * gradient rules record. What depends on a parameter is known since it was recorded; what depends on other wanted values is marked
 * first. The walk gathers a gradient for each, and comes to nothing else: what stands before, between and beside them on a long tape
 * is not looked at. Where broadcasting had stretched an operand, its gradient is summed here, and in no rule. What ops that take
 * parts of a value (tg_part_rule) give to its gradient is only listed, and recorded as one instruction. An instruction is finished
 * when the walk reaches it, for its readers all come later on the tape: no recursion, and the same order each time.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/loop.h"
#include "core/marks.h"
#include "core/residency.h"
#include "grad/grad.h"
#include "ops/ops.h"

/* The parts of an instruction that have gradients, in the order in which the walk came to them: a list of the instructions that took
 * them. An instruction takes a part of one other. */
typedef struct part_list {
    uint32_t first, last; /* of its parts, when it is marked as one that has some */
    uint32_t next;        /* of the parts of what this instruction took a part of, or TGI_NONE */
} part_list;

/* What the walk knows of instructions first .. end - 1, which alone can lie on a path. */
typedef struct walk {
    tg_tape   *tape;
    uint32_t   first, end;
    tgi_marks  wanted;   /* lies on a path to an output, or is wanted itself (tgi_wants) */
    tgi_marks  given;    /* the caller gets its gradient (tg_vjp) */
    tgi_marks  reached;  /* the walk will come to it: it has a gradient, or parts that have some */
    uint32_t  *gradient; /* of what is reached: its gradient so far, or TGI_NONE, counted from the first one's */
    tgi_marks  in_parts; /* has parts that have gradients: */
    part_list *parts;    /* NULL before there are any */
    uint32_t   rule;     /* where what the rule records that is asked now begins, or TGI_NONE */

    /* Of tg_backward_with alone: */
    tg_gradient_hook *hook;
    void             *context;
    uint32_t *last_reader; /* of each parameter: the reader that the walk comes to last, itself where it has none, or TGI_NONE
                                      when the walk has been there */
    tg_scope  scope;
} walk;

static tg_status begin_walk(walk *w, tg_tape *tape, uint32_t first, uint32_t end, const char *what) {
    if (first > end) first = end;
    *w = (walk){.tape = tape, .first = first, .end = end, .rule = TGI_NONE};
    size_t    words = tgi_words_of_marks(first, end);
    uint64_t *marks = tgi_pool_take(&tape->pool, 4 * words * sizeof *marks);
    w->reached = (tgi_marks){marks, first, end};
    w->gradient = tgi_pool_take(&tape->pool, (end - first) * sizeof *w->gradient);
    if (!marks || !w->gradient) return tgi_out_of_memory(tape, what);
    memset(marks, 0, 4 * words * sizeof *marks);
    w->in_parts = (tgi_marks){marks + words, first, end};
    w->wanted = (tgi_marks){marks + 2 * words, first, end};
    w->given = (tgi_marks){marks + 3 * words, first, end};
    return TG_OK;
}

static void end_walk(walk *w) {
    tgi_pool_give(&w->tape->pool, w->last_reader);
    tgi_pool_give(&w->tape->pool, w->gradient);
    tgi_pool_give(&w->tape->pool, w->reached.word);
    tgi_pool_give(&w->tape->pool, w->parts);
}

/* The instruction of that one's gradient so far, or TGI_NONE. */
static inline uint32_t gradient_so_far(const walk *w, uint32_t index) {
    return tgi_is_marked(&w->reached, index) ? w->gradient[index - w->first] : TGI_NONE;
}

static inline void set_gradient(walk *w, uint32_t index, uint32_t gradient) {
    tgi_mark(&w->reached, index);
    w->gradient[index - w->first] = gradient;
}

/* ---- the way ----------------------------------------------------------------------------------------------------- */

/* The rules of an instruction through which gradients flow, or NULL. */
static tg_rule *const *rules_of(const tgi_node *node) {
    return tgi_floating((tg_dtype)node->dtype) ? node->op->rules : NULL;
}

void tgi_mark_reached(const tg_tape *tape, int m, const tg_tensor *outputs, tgi_marks *reached) {
    for (int i = 0; i < m; i++)
        tgi_mark(reached, tgi_index(outputs[i]));
    for (uint32_t i = reached->end; (i = tgi_marked_before(reached, i)) != TGI_NONE;) {
        const tgi_node *node = tgi_node_at(tape, i);
        tg_rule *const *rules = rules_of(node);
        uint32_t        step = node->op->arity >= 0; /* one rule an operand */
        for (uint32_t j = 0; rules && j < node->count; j++, rules += step)
            if (*rules) tgi_mark(reached, node->in[j]);
    }
}

static bool reads_marked(const tgi_node *node, const tgi_marks *marks) {
    tg_rule *const *rules = rules_of(node);
    uint32_t        step = node->op->arity >= 0;
    for (uint32_t j = 0; rules && j < node->count; j++, rules += step)
        if (*rules && tgi_is_marked(marks, node->in[j])) return true;
    return false;
}

void tgi_mark_ways(const tg_tape *tape, int m, const tg_tensor *outputs, tgi_marks *reached, tgi_marks *wanted) {
    tgi_mark_reached(tape, m, outputs, reached);
    for (uint32_t i = reached->first; (i = tgi_marked_from(reached, i)) != TGI_NONE; i++)
        if (reads_marked(tgi_node_at(tape, i), wanted)) tgi_mark(wanted, i);
    memset(reached->word, 0, tgi_words_of_marks(reached->first, reached->end) * sizeof *reached->word);
}

/* ---- gradients so far -------------------------------------------------------------------------------------------- */

/* Whether the gradient has the dtype of its operand, and its shape or one that that broadcasts to. */
static tg_status check_gradient(tg_tape *tape, tg_tensor g, const tgi_node *operand) {
    char    text[2][TGI_TEXT];
    int     rank;
    int64_t dims[TG_MAX_RANK];
    if (tape->status) return tape->status;
    if (!tgi_resolve(tape, g, "backward", "what a gradient rule returned")) return tape->status;
    const tgi_node *node = tgi_node_at(tape, tgi_index(g));
    if (node->dtype == operand->dtype && (tgi_same_dims(node->rank, node->dims, operand->rank, operand->dims) ||
                                          (tgi_broadcast(&rank, dims, node->rank, node->dims, operand->rank, operand->dims) &&
                                           tgi_same_dims(rank, dims, node->rank, node->dims))))
        return TG_OK;
    return tgi_fail(tape, TG_ERR_GRADIENT, "backward", "a gradient rule gave %s %s for an operand that is %s %s",
                    tg_dtype_name((tg_dtype)node->dtype), tgi_shape_text(text[0], node->rank, node->dims),
                    tg_dtype_name((tg_dtype)operand->dtype), tgi_shape_text(text[1], operand->rank, operand->dims));
}

static inline bool is_like(const tgi_node *node, const tgi_node *operand) {
    return node->dtype == operand->dtype && tgi_same_dims(node->rank, node->dims, operand->rank, operand->dims);
}

/* What a rule gave, summed to the shape of its operand: of the negative of much, made by the rule, the sum is negated, which is less. */
static tg_tensor unbroadcast(const walk *w, tg_tensor g, uint32_t operand) {
    tg_tape        *tape = w->tape;
    const tgi_node *node = tgi_node_at(tape, operand);
    if (check_gradient(tape, g, node)) return g;
    const tgi_node *made = tgi_node_at(tape, tgi_index(g));
    tg_tensor       to = tgi_tensor(tape, operand);
    if (is_like(made, node)) return g;
    if (tgi_index(g) < w->rule || !tgi_is_neg(made->op)) return tgi_sum_to(g, to);
    return tg_neg(tgi_sum_to(tgi_tensor(tape, made->in[0]), to));
}

/* Adds `g` to the gradient of an instruction that is wanted. As a rule it needs no closer look. */
__attribute__((always_inline)) static inline tg_status gather(walk *w, uint32_t index, tg_tensor g) {
    tg_tape        *tape = w->tape;
    const tgi_node *node = tgi_usable(tape, g);
    if (!node || !is_like(node, tgi_node_at(tape, index))) g = unbroadcast(w, g, index);
    if (tape->status) return tape->status;
    uint32_t so_far = gradient_so_far(w, index);
    if (so_far != TGI_NONE) g = tg_add(tgi_tensor(tape, so_far), g);
    set_gradient(w, index, tgi_index(g));
    return tape->status;
}

/* What the rules of an instruction needed of these operands they have recorded. */
static inline void forget_saved(const tg_tape *tape, uint32_t index, uint32_t from, uint32_t to) {
    tgi_node *node = tgi_node_at(tape, index);
    tgi_set_saved(node, false);
    for (uint32_t j = from; j < to; j++)
        tgi_set_saved(tgi_node_at(tape, node->in[j]), false);
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

static bool takes_part(const tgi_node *node) {
    return node->count && tgi_rule_of(node, 0) == tg_part_rule;
}

static part_list *parts_of(const walk *w, uint32_t index) {
    return &w->parts[index - w->first];
}

/* Lists an instruction, which took a part of its first operand. */
static tg_status list_part(walk *w, uint32_t index) {
    const tgi_node *node = tgi_node_at(w->tape, index);
    for (uint32_t j = 1; j < node->count; j++)
        if (tgi_check_not_overwritten(w->tape, node->op, node->in[j])) return w->tape->status;
    if (!w->parts) {
        w->parts = tgi_pool_take(&w->tape->pool, (w->end - w->first) * sizeof *w->parts);
        if (!w->parts) return tgi_out_of_memory(w->tape, node->op->name);
    }
    part_list *whole = parts_of(w, node->in[0]);
    if (tgi_is_marked(&w->in_parts, node->in[0]))
        parts_of(w, whole->last)->next = index;
    else
        whole->first = index;
    whole->last = index;
    parts_of(w, index)->next = TGI_NONE;
    tgi_mark(&w->in_parts, node->in[0]);
    set_gradient(w, node->in[0], gradient_so_far(w, node->in[0]));
    return TG_OK;
}

/* Adds to the gradient of an instruction what its parts give. The others' rules may be asked again after a rewind, and need their
 * operands then; what is recorded here stands for the first. */
static tg_status gather_parts(walk *w, uint32_t index) {
    tg_tape *tape = w->tape;
    uint32_t count = 0, first = parts_of(w, index)->first;
    for (uint32_t i = first; i != TGI_NONE; i = parts_of(w, i)->next)
        count++;
    tgi_taken_part *part = tgi_pool_take(&tape->pool, count * sizeof *part);
    if (!part) return tgi_out_of_memory(tape, "backward");
    count = 0;
    for (uint32_t i = first; i != TGI_NONE; i = parts_of(w, i)->next)
        part[count++] = (tgi_taken_part){i, gradient_so_far(w, i)};
    const tgi_node *node = tgi_node_at(tape, first);
    uint32_t        outer = tgi_set_rule_of(tape, first);
    tape->file = node->file;
    tape->line = node->line;
    gather(w, index, tgi_add_parts(tape, count, part));
    tgi_set_rule_of(tape, outer);
    tgi_pool_give(&tape->pool, part);
    if (count == 1) forget_saved(tape, first, 1, node->count);
    return tape->status;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static tg_tensor gradient_to_pass_on(const walk *w, uint32_t index) {
    tg_tensor g = tgi_tensor(w->tape, w->gradient[index - w->first]);
    return tgi_is_marked(&w->given, index) ? tgi_not_a_broadcast(g) : g;
}

/* Records the gradients of an instruction's operands, where it has one. They belong to the user's line that recorded the instruction. */
static tg_status differentiate(walk *w, uint32_t index) {
    enum { FEW = 8 };
    tg_tape        *tape = w->tape;
    const tgi_node *node = tgi_node_at(tape, index);
    tg_tensor       few[FEW], *x = few;
    tg_rule *const *rule = node->op->rules;
    uint32_t        step = node->op->arity >= 0; /* one rule an operand */
    if (!rule || w->gradient[index - w->first] == TGI_NONE) return TG_OK;
    if (node->count > FEW) x = tgi_pool_take(&tape->pool, node->count * sizeof *x);
    if (!x) return tgi_out_of_memory(tape, node->op->name);
    for (uint32_t j = 0; j < node->count; j++)
        x[j] = tgi_tensor(tape, node->in[j]);

    tape->file = node->file;
    tape->line = node->line;
    uint32_t     outer = tgi_set_rule_of(tape, index); /* a rule may differentiate too */
    tg_rule_call call = {.g = gradient_to_pass_on(w, index),
                         .y = tgi_tensor(tape, index),
                         .x = x,
                         .count = (int)node->count,
                         .attr = node->attr};
    for (uint32_t j = 0; j < node->count && !tape->status; j++, rule += step) {
        if (!*rule || !tgi_wants(tape, &w->wanted, node->in[j])) continue;
        call.which = (int)j;
        w->rule = tape->count;
        if (j == 0 && *rule == tg_part_rule)
            list_part(w, index);
        else
            gather(w, node->in[j], (*rule)(&call));
    }
    tgi_set_rule_of(tape, outer);
    forget_saved(tape, index, 0, takes_part(node) ? 1 : node->count);
    if (x != few) tgi_pool_give(&tape->pool, x);
    return tape->status;
}

/* ---- the hook ---------------------------------------------------------------------------------------------------- */

/* Which reader of each parameter the walk comes to last: from there on its gradient is complete. */
static tg_status find_last_readers(walk *w) {
    uint32_t count = w->end - w->first;
    w->last_reader = tgi_pool_take(&w->tape->pool, count * sizeof *w->last_reader);
    if (!w->last_reader) return tgi_out_of_memory(w->tape, "backward");
    for (uint32_t i = 0; i < count; i++)
        w->last_reader[i] = w->first + i;
    tgi_marks *ahead = &w->in_parts; /* nothing is in parts yet */
    tgi_mark(ahead, w->end - 1);
    for (uint32_t i = w->end; (i = tgi_marked_before(ahead, i)) != TGI_NONE; tgi_unmark(ahead, i)) {
        const tgi_node *node = tgi_node_at(w->tape, i);
        for (uint32_t j = 0; j < node->count; j++)
            if (tgi_rule_of(node, j) && tgi_node_at(w->tape, node->in[j])->requires_grad) {
                tgi_mark(ahead, node->in[j]);
                w->last_reader[node->in[j] - w->first] = i;
            }
    }
    return TG_OK;
}

static tg_status check_answer(tg_tape *tape, tg_tensor g, const tgi_node *parameter) {
    char            text[2][TGI_TEXT];
    const tgi_node *node = tgi_resolve(tape, g, "backward", "what a gradient hook returned");
    if (!node || (node->dtype == parameter->dtype && tgi_same_dims(node->rank, node->dims, parameter->rank, parameter->dims)))
        return tape->status;
    return tgi_fail(tape, TG_ERR_GRADIENT, "backward", "a gradient hook gave %s %s for '%s', which is %s %s",
                    tg_dtype_name((tg_dtype)node->dtype), tgi_shape_text(text[0], node->rank, node->dims),
                    tgi_leaf_of(parameter)->name, tg_dtype_name((tg_dtype)parameter->dtype),
                    tgi_shape_text(text[1], parameter->rank, parameter->dims));
}

/* The parameter's gradient is complete: it becomes what the hook makes of it. */
static tg_status call_hook(walk *w, uint32_t parameter) {
    tg_tape *tape = w->tape;
    if (tgi_is_marked(&w->in_parts, parameter)) {
        if (gather_parts(w, parameter)) return tape->status;
        tgi_unmark(&w->in_parts, parameter);
    }
    uint32_t index = gradient_so_far(w, parameter);
    if (index == TGI_NONE || tape->status) return tape->status;
    tgi_resume(tape, w->scope);
    tgi_callback outer = tgi_enter(tape, "a gradient hook", true);
    tg_tensor    g = w->hook(tgi_tensor(tape, parameter), tgi_tensor(tape, index), w->context);
    if (tgi_leave(tape, outer)) return tape->status;
    if (tg_is_none(g)) return w->gradient[parameter - w->first] = TGI_NONE, TG_OK;
    if (check_answer(tape, g, tgi_node_at(tape, parameter))) return tape->status;
    w->gradient[parameter - w->first] = tgi_index(g);
    return TG_OK;
}

static tg_status call_hook_once(walk *w, uint32_t parameter, uint32_t reader) {
    if (parameter < w->first || w->last_reader[parameter - w->first] != reader) return TG_OK;
    if (tgi_node_at(w->tape, parameter)->op != &tgi_parameter) return TG_OK;
    w->last_reader[parameter - w->first] = TGI_NONE;
    return call_hook(w, parameter);
}

/* The walk has been at instruction i. */
static tg_status call_hooks(walk *w, uint32_t i) {
    const tgi_node *node = tgi_node_at(w->tape, i);
    for (uint32_t j = 0; j < node->count && !w->tape->status; j++)
        call_hook_once(w, node->in[j], i);
    return w->tape->status ? w->tape->status : call_hook_once(w, i, i);
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

static tg_status walk_back(walk *w) {
    tg_tape         *tape = w->tape;
    const tgi_marks *outer = tape->wanted; /* a rule may walk too */
    tape->wanted = &w->wanted;
    tgi_callback caller = tgi_enter(tape, "a gradient rule", true);
    for (uint32_t i = w->end; !tape->status && (i = tgi_marked_before(&w->reached, i)) != TGI_NONE;) {
        if (w->parts && tgi_is_marked(&w->in_parts, i)) gather_parts(w, i);
        if (!tape->status) differentiate(w, i);
        if (w->hook && !tape->status) call_hooks(w, i);
    }
    tape->wanted = outer;
    return tgi_leave(tape, caller);
}

tg_scope tgi_begin_derivative(tg_tape *tape, const char *name) {
    tg_scope scope = tg_begin_scope(tape, name);
    tape->role = TGI_BACKWARD;
    return scope;
}

/* ---- gradients of a loss for all parameters ---------------------------------------------------------------------- */

static tgi_leaf *parameter_leaf(const tg_tape *tape, uint32_t i) {
    return tgi_leaf_of(tgi_node_at(tape, tape->parameters.item[i]));
}

/* What a new gradient is added to: the newest one that was noted in the same part of the tape, or outside of all. Parts run in any order,
 * so that the gradient of one is no summand in another. */
static uint32_t summand(const tg_tape *tape, const tgi_leaf *leaf) {
    const tgi_gradient *gradient = leaf->gradient;
    while (gradient && tgi_node_at(tape, gradient->count - 1)->part != tape->part)
        gradient = gradient->previous;
    return gradient ? gradient->index : TGI_NONE;
}

/* Adds what the walk has gathered to the parameters' gradients. */
static tg_status give_to_parameters(walk *w, tg_scope scope) {
    tg_tape *tape = w->tape;
    tgi_resume(tape, scope);
    for (uint32_t i = 0; i < tape->parameters.count; i++) {
        tgi_leaf *leaf = parameter_leaf(tape, i);
        uint32_t  index = gradient_so_far(w, leaf->index);
        if (index == TGI_NONE) continue;
        uint32_t before = summand(tape, leaf);
        if (before != TGI_NONE) {
            tg_tensor total = tg_add(tgi_tensor(tape, before), tgi_tensor(tape, index));
            if (tape->status) return tape->status;
            index = tgi_index(total);
        }
        if (tgi_note_gradient(tape, leaf, index, "backward")) return tape->status;
        tgi_keep_node(tape, index);
    }
    return TG_OK;
}

static tg_status check_loss(tg_tape *tape, const tgi_node *node) {
    char text[TGI_TEXT];
    if (!tgi_floating((tg_dtype)node->dtype))
        return tgi_fail(tape, TG_ERR_DTYPE, "backward", "the loss is %s, and only float32 and float64 have gradients",
                        tg_dtype_name((tg_dtype)node->dtype));
    if (tgi_node_size(node) != 1)
        return tgi_fail(tape, TG_ERR_SHAPE, "backward", "the loss is %s, not one number: reduce it, or call tg_vjp",
                        tgi_shape_text(text, node->rank, node->dims));
    if (!node->requires_grad) return tgi_fail(tape, TG_ERR_GRADIENT, "backward", "the loss depends on no parameter");
    return TG_OK;
}

tg_status(tg_backward_with)(tg_tensor loss, tg_gradient_hook *hook, void *context) {
    tg_tape *tape = tgi_tape_of(loss);
    if (tgi_check(tape)) return tg_error_status(tape);
    const tgi_node *node = tgi_resolve(tape, loss, "backward", "the loss");
    if (!node || check_loss(tape, node)) return tape->status;

    walk     w;
    tg_scope scope = tgi_begin_derivative(tape, "backward");
    if (!begin_walk(&w, tape, tape->parameters.item[0], tgi_index(loss) + 1, "backward")) {
        w.wanted.word = NULL; /* it is what depends on a parameter */
        w.hook = hook;
        w.context = context;
        w.scope = scope;
        if (hook) find_last_readers(&w);
        if (!gather(&w, tgi_index(loss), tgi_full_like(loss, 1)) && !walk_back(&w)) give_to_parameters(&w, scope);
    }
    end_walk(&w);
    return tg_end_scope(scope);
}

tg_status(tg_backward)(tg_tensor loss) {
    return (tg_backward_with)(loss, NULL, NULL);
}

/* ---- the functional form ----------------------------------------------------------------------------------------- */

static tg_status plant_seeds(walk *w, int m, const tg_tensor *outputs, const tg_tensor *seeds) {
    static const tgi_seed_names names = {"vjp", "the seed", "output"};
    for (int i = 0; i < m && !w->tape->status; i++) {
        tg_tensor seed = tgi_seed_for(w->tape, &names, outputs[i], seeds ? &seeds[i] : NULL);
        if (!w->tape->status && tgi_is_marked(&w->wanted, tgi_index(outputs[i]))) gather(w, tgi_index(outputs[i]), seed);
    }
    return w->tape->status;
}

static void collect(walk *w, int n, const tg_tensor *inputs, tg_tensor *grads) {
    for (int j = 0; j < n; j++) {
        uint32_t index = gradient_so_far(w, tgi_index(inputs[j]));
        grads[j] = index == TGI_NONE ? tgi_full_like(inputs[j], 0) : tgi_tensor(w->tape, index);
        if (w->tape->status) return;
    }
}

static tg_status record_vjp(tg_tape *tape, int m, const tg_tensor *outputs, const tg_tensor *seeds, int n,
                            const tg_tensor *inputs, tg_tensor *grads) {
    walk     w;
    tg_scope scope = tgi_begin_derivative(tape, "vjp");
    if (!begin_walk(&w, tape, tgi_first_of(n, inputs), tgi_end_of(m, outputs), "vjp")) {
        for (int j = 0; j < n; j++) {
            tgi_mark(&w.wanted, tgi_index(inputs[j]));
            tgi_mark(&w.given, tgi_index(inputs[j]));
        }
        tgi_mark_ways(tape, m, outputs, &w.reached, &w.wanted); /* nothing is reached yet */
        if (!plant_seeds(&w, m, outputs, seeds) && !walk_back(&w)) {
            tgi_resume(tape, scope);
            collect(&w, n, inputs, grads);
        }
    }
    end_walk(&w);
    return tg_end_scope(scope);
}

tg_status(tg_vjp)(tg_tape *tape, int m, const tg_tensor *outputs, const tg_tensor *seeds, int n, const tg_tensor *inputs,
                  tg_tensor *grads) {
    tg_status status = tgi_check(tape);
    if (!status && n > 0 && !grads) return tgi_fail(tape, TG_ERR_ARGUMENT, "vjp", "nowhere to put the gradients");
    if (!status) status = tgi_check_list(tape, "vjp", "output", m, outputs);
    if (!status) status = tgi_check_list(tape, "vjp", "input", n, inputs);
    if (!status) status = tgi_check_sides(tape, "vjp", n, inputs, m, outputs);
    if (!status) status = record_vjp(tape, m, outputs, seeds, n, inputs, grads);
    tgi_give_results(tape, status, n, grads);
    return status;
}
