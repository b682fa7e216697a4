/* grad/gradient.c: a parameter's gradient: which instruction it is, what a user says that it is, and whether there is to be one.
 *
 * SPDX-License-Identifier: MIT */
#include "core/residency.h"
#include "grad/grad.h"
#include "ops/ops.h"

/* The instruction of a parameter; NULL, and an error, for what is none. */
static tgi_node *parameter_node(tg_tape *tape, tg_tensor parameter, const char *what) {
    tgi_node *node = tgi_check(tape) ? NULL : tgi_resolve(tape, parameter, what, "the parameter");
    if (!node || node->op == &tgi_parameter) return node;
    tgi_fail(tape, TG_ERR_ARGUMENT, what, "the tensor (%s) is no parameter", node->op->name);
    return NULL;
}

/* ---- which instruction it is ------------------------------------------------------------------------------------- */

tg_status tgi_note_gradient(tg_tape *tape, tgi_leaf *leaf, uint32_t index, const char *what) {
    tgi_gradient *gradient = tgi_arena_take(&tape->arena, sizeof *gradient);
    if (!gradient) return tgi_out_of_memory(tape, what);
    *gradient = (tgi_gradient){.index = index, .count = tape->count, .previous = leaf->gradient};
    leaf->gradient = gradient;
    return TG_OK;
}

static uint32_t gradient_of(const tgi_leaf *leaf) {
    return leaf->gradient ? leaf->gradient->index : TGI_NONE;
}

bool tg_has_grad(tg_tensor parameter) {
    tg_tape *tape = tgi_tape_of(parameter);
    if (!tape || !tg_valid(parameter)) return false;
    const tgi_leaf *leaf = tgi_leaf_of(tgi_node_at(tape, tgi_index(parameter)));
    return leaf && gradient_of(leaf) != TGI_NONE;
}

tg_tensor(tg_grad)(tg_tensor parameter) {
    tg_tape *tape = tgi_tape_of(parameter);
    if (tgi_check(tape)) return tgi_invalid(tape);
    const tgi_node *node = tgi_resolve(tape, parameter, "grad", "the parameter");
    if (!node) return tgi_invalid(tape);
    if (tg_has_grad(parameter)) {
        tgi_done(tape, TG_OK);
        return tgi_tensor(tape, gradient_of(tgi_leaf_of(node)));
    }
    const tgi_leaf *leaf = tgi_leaf_of(node);
    if (node->op == &tgi_parameter)
        tgi_fail(tape, TG_ERR_GRADIENT, "grad", "'%s' has no gradient: no loss given to tg_backward depends on it", leaf->name);
    else
        tgi_fail(tape, TG_ERR_GRADIENT, "grad", "the tensor (%s) is no parameter: tg_vjp takes gradients for any",
                 node->op->name);
    return tgi_invalid(tape);
}

tg_status(tg_zero_grad)(tg_tape *tape) {
    if (tgi_check(tape)) return tg_error_status(tape);
    tg_scope scope = tgi_begin_derivative(tape, "zero_grad");
    if (tgi_append(tape, &tgi_zero_grad, "zero_grad"))
        for (uint32_t i = 0; i < tape->parameters.count && !tape->status; i++) {
            tgi_leaf *leaf = tgi_leaf_of(tgi_node_at(tape, tape->parameters.item[i]));
            if (gradient_of(leaf) != TGI_NONE) tgi_note_gradient(tape, leaf, TGI_NONE, "zero_grad");
        }
    return tg_end_scope(scope);
}

/* ---- what a user says that it is -------------------------------------------------------------------------------------------------- */

/* g in the parameter's shape. */
static tg_tensor gradient_like(tg_tape *tape, tg_tensor g, tg_tensor parameter) {
    char            text[2][TGI_TEXT];
    int             rank;
    int64_t         dims[TG_MAX_RANK];
    double          number;
    const tgi_node *w = tgi_node_at(tape, tgi_index(parameter)), *node;
    if (tgi_is_number(g, &number)) return tgi_full_like(parameter, number);
    if (!(node = tgi_resolve(tape, g, "set_grad", "the gradient"))) return tgi_invalid(tape);
    if (node->dtype != w->dtype)
        tgi_fail(tape, TG_ERR_DTYPE, "set_grad", "the gradient is %s, and '%s' is %s", tg_dtype_name((tg_dtype)node->dtype),
                 tgi_leaf_of(w)->name, tg_dtype_name((tg_dtype)w->dtype));
    else if (!tgi_broadcast(&rank, dims, node->rank, node->dims, w->rank, w->dims) ||
             !tgi_same_dims(rank, dims, w->rank, w->dims))
        tgi_fail(tape, TG_ERR_SHAPE, "set_grad", "the gradient is %s, and '%s' is %s",
                 tgi_shape_text(text[0], node->rank, node->dims), tgi_leaf_of(w)->name,
                 tgi_shape_text(text[1], w->rank, w->dims));
    else
        return tgi_same_dims(node->rank, node->dims, w->rank, w->dims) ? g : tg_broadcast_to(g, tgi_node_shape(w));
    return tgi_invalid(tape);
}

tg_status(tg_set_grad)(tg_tensor parameter, tg_tensor g) {
    static const char what[] = "set_grad";
    tg_tape          *tape = tgi_tape_of(parameter);
    const tgi_node   *node = parameter_node(tape, parameter, what);
    if (!node) return tg_error_status(tape);
    tg_scope scope = tgi_begin_derivative(tape, what);
    uint32_t index = TGI_NONE;
    if (!tgi_is_none(g)) index = tgi_index(gradient_like(tape, g, parameter));
    if (!tape->status && tgi_append(tape, &tgi_zero_grad, what) && !tgi_note_gradient(tape, tgi_leaf_of(node), index, what) &&
        index != TGI_NONE)
        tgi_keep_node(tape, index);
    return tg_end_scope(scope);
}

/* ---- whether there is to be one ---------------------------------------------------------------------------------- */

/* Says it anew of all that was recorded after the parameter. */
static void spread(const tg_tape *tape, uint32_t parameter) {
    for (uint32_t i = parameter + 1; i < tape->count; i++) {
        tgi_node *node = tgi_node_at(tape, i);
        if (node->op->infer) node->requires_grad = tgi_gradients_flow(tape, node);
    }
}

bool tg_is_frozen(tg_tensor parameter) {
    if (!tgi_tape_of(parameter) || !tg_valid(parameter)) return false;
    const tgi_node *node = tgi_node_at(parameter.tape, tgi_index(parameter));
    return node->op == &tgi_parameter && !node->requires_grad;
}

tg_status(tg_set_requires_grad)(tg_tensor parameter, bool on) {
    tg_tape  *tape = tgi_tape_of(parameter);
    tgi_node *node = parameter_node(tape, parameter, "set_requires_grad");
    if (!node) return tg_error_status(tape);
    if (node->requires_grad != on) {
        node->requires_grad = on;
        spread(tape, tgi_index(parameter));
    }
    return tgi_done(tape, TG_OK);
}
