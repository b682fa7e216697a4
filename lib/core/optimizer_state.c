/* core/optimizer_state.c: what optimizers keep for a parameter, and what there is to be kept of a tape beside its parameters.
 *
 * A state's memory is a buffer of the pool, listed in the parameter's leaf. Inputs that show it come and go with the steps that
 * record them; the next one shows the same memory.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "core/residency.h"

static const char what[] = "optimizer_state";

/* ---- the memory -------------------------------------------------------------------------------------------------- */

void tgi_free_optimizer_states(tg_tape *tape, tgi_leaf *leaf) {
    for (tgi_optimizer_state *state = leaf->states, *next; state; state = next) {
        next = state->next;
        tgi_pool_give(&tape->pool, state);
    }
}

/* The kind's text stands behind the data. NULL when there is no memory. */
static tgi_optimizer_state *new_state(tg_tape *tape, const char *kind, tg_dtype dtype, tg_shape shape) {
    size_t               bytes = (size_t)tg_shape_size(shape) * tg_dtype_size(dtype), text = strlen(kind) + 1;
    tgi_optimizer_state *state = tgi_pool_take(&tape->pool, sizeof *state + bytes + text);
    if (!state) return NULL;
    *state = (tgi_optimizer_state){.kind = memcpy(state->data + bytes, kind, text), .dtype = dtype, .shape = shape};
    memset(state->data, 0, bytes);
    return state;
}

/* The one of that kind, made where there is none; NULL, with the error noted, when it is another one or there is no memory. */
static tgi_optimizer_state *find_state(tg_tape *tape, tgi_leaf *leaf, const char *kind, tg_dtype dtype, tg_shape shape) {
    char                  text[2][TGI_TEXT];
    tgi_optimizer_state **place = &leaf->states;
    while (*place && strcmp((*place)->kind, kind) != 0)
        place = &(*place)->next;
    tgi_optimizer_state *state = *place ? *place : new_state(tape, kind, dtype, shape);
    if (!state) {
        tgi_out_of_memory(tape, what);
        return NULL;
    }
    *place = state;
    if (state->dtype == dtype && tg_shape_equal(state->shape, shape)) return state;
    tgi_fail(tape, state->dtype == dtype ? TG_ERR_SHAPE : TG_ERR_DTYPE, what, "'%s.%s' is %s %s, not %s %s", leaf->name, kind,
             tg_dtype_name(state->dtype), tgi_shape_text(text[0], state->shape.rank, state->shape.dims), tg_dtype_name(dtype),
             tgi_shape_text(text[1], shape.rank, shape.dims));
    return NULL;
}

/* ---- the input --------------------------------------------------------------------------------------------------- */

/* Records the input that shows it. */
static tg_status show(tg_tape *tape, const tgi_leaf *leaf, tgi_optimizer_state *state) {
    size_t bytes = strlen(leaf->name) + 1 + strlen(state->kind) + 1;
    char  *name = tgi_pool_take(&tape->pool, bytes);
    if (!name) return tgi_out_of_memory(tape, what);
    snprintf(name, bytes, "%s.%s", leaf->name, state->kind);
    tgi_node *node = tgi_new_leaf(tape, what, &tgi_input, name, state->dtype, state->shape, state->data);
    tgi_pool_give(&tape->pool, name);
    if (!node) return tape->status;
    tgi_set_writable(node);
    tgi_leaf_of(node)->shows_state = true;
    state->shown = tgi_tensor(tape, tape->count - 1);
    return TG_OK;
}

static tg_tensor shown(tg_tape *tape, const tgi_leaf *leaf, tgi_optimizer_state *state) {
    if (!tg_valid(state->shown) && show(tape, leaf, state)) return tgi_invalid(tape);
    tgi_done(tape, TG_OK);
    return state->shown;
}

/* The parameter's leaf; NULL, with the error noted, for what is no parameter. */
static tgi_leaf *parameter_leaf(tg_tape *tape, tg_tensor parameter) {
    const tgi_node *node = tgi_check(tape) ? NULL : tgi_resolve(tape, parameter, what, "the parameter");
    if (node && node->op == &tgi_parameter) return tgi_leaf_of(node);
    if (node) tgi_fail(tape, TG_ERR_ARGUMENT, what, "the tensor is no parameter (%s)", node->op->name);
    return NULL;
}

static tg_status check_kind(tg_tape *tape, const char *kind, tg_dtype dtype, tg_shape shape) {
    if (!kind || !*kind) return tgi_fail(tape, TG_ERR_ARGUMENT, what, "a state needs a kind");
    if (!tg_dtype_size(dtype)) return tgi_fail(tape, TG_ERR_DTYPE, what, "%d is no dtype", (int)dtype);
    if (tg_shape_size(shape) < 0) return tgi_fail(tape, TG_ERR_SHAPE, what, "'%s' has no shape of a tensor", kind);
    return TG_OK;
}

tg_tensor(tg_optimizer_state)(tg_tensor parameter, const char *kind, tg_dtype dtype, tg_shape shape) {
    tg_tape  *tape = tgi_tape_of(parameter);
    tgi_leaf *leaf = parameter_leaf(tape, parameter);
    if (!leaf || check_kind(tape, kind, dtype, shape)) return tgi_invalid(tape);
    tgi_optimizer_state *state = find_state(tape, leaf, kind, dtype, shape);
    return state ? shown(tape, leaf, state) : tgi_invalid(tape);
}

tg_tensor(tg_optimizer_state_like)(tg_tensor parameter, const char *kind) {
    tg_tape *tape = tgi_tape_of(parameter);
    if (!parameter_leaf(tape, parameter)) return tgi_invalid(tape);
    const tgi_node *node = tgi_node_at(tape, tgi_index(parameter));
    return tg_optimizer_state(parameter, kind, (tg_dtype)node->dtype, tgi_node_shape(node));
}

/* ---- one after the other ----------------------------------------------------------------------------------------- */

/* Whether the tensor is usable, or TG_NONE: where a list begins. */
static bool is_place(tg_tape *tape, tg_tensor after, const char *name) {
    return !tgi_check(tape) && (tgi_is_none(after) || tgi_resolve(tape, after, name, "the one before"));
}

tg_tensor(tg_next_optimizer_state)(tg_tensor parameter, tg_tensor after) {
    tg_tape  *tape = tgi_tape_of(parameter);
    tgi_leaf *leaf = parameter_leaf(tape, parameter);
    if (!leaf || !is_place(tape, after, what)) return tgi_invalid(tape);
    tgi_optimizer_state *state = leaf->states;
    if (!tgi_is_none(after)) {
        while (state && state->shown.ref != after.ref)
            state = state->next;
        if (!state) {
            tgi_fail(tape, TG_ERR_ARGUMENT, what, "the one before is no state of '%s'", leaf->name);
            return tgi_invalid(tape);
        }
        state = state->next;
    }
    if (state) return shown(tape, leaf, state);
    tgi_done(tape, TG_OK);
    return TG_NONE;
}

tg_tensor(tg_next_input)(tg_tape *tape, tg_tensor after) {
    if (!is_place(tape, after, "next_input")) return tgi_invalid(tape);
    for (uint32_t i = tgi_is_none(after) ? 0 : tgi_index(after) + 1; i < tape->count; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        if (node->op == &tgi_input && !tgi_leaf_of(node)->shows_state) return tgi_tensor(tape, i);
    }
    return TG_NONE;
}
