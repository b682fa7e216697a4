/* core/leaf.c: the instructions that compute nothing: constants, inputs, parameters, plain numbers.
 *
 * Inputs and parameters share one table of names; parameters are also listed in the order in which they were recorded.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "core/residency.h"

/* When the table cannot grow, uthash undoes the insertion and says so here. */
#undef uthash_nonfatal_oom
#define uthash_nonfatal_oom(leaf) (entered = false)

const tg_op tgi_number = {.name = "number"};
const tg_op tgi_constant = {.name = "constant"};
const tg_op tgi_input = {.name = "input"};
const tg_op tgi_parameter = {.name = "parameter"};
const tg_op tgi_zero_grad = {.name = "zero_grad"};

tgi_leaf *tgi_leaf_named(tg_tape *tape, const char *name) {
    tgi_leaf *leaf;
    HASH_FIND_STR(tape->names, name, leaf);
    return leaf;
}

static bool enter(tg_tape *tape, tgi_leaf *leaf) {
    bool entered = true;
    HASH_ADD_KEYPTR(hh, tape->names, leaf->name, strlen(leaf->name), leaf);
    return entered;
}

void tgi_leaf_written(tg_tape *tape, tgi_leaf *leaf) {
    leaf->written = ++tape->clock;
    tape->written |= tape->done > tape->leading;
}

void tgi_leaf_forget(tg_tape *tape, tgi_leaf *leaf) {
    if (leaf->hh.tbl) HASH_DEL(tape->names, leaf);
    if (tape->parameters.count && tape->parameters.item[tape->parameters.count - 1] == leaf->index) tape->parameters.count--;
    if (leaf->spare) tgi_pool_give(&tape->pool, leaf->spare->memory);
    tgi_pool_give(&tape->pool, leaf->spare);
    tgi_free_optimizer_states(tape, leaf);
}

static tg_status check_leaf(tg_tape *tape, const char *what, const tg_op *kind, const char *name, tg_dtype dtype,
                            tg_shape shape) {
    char text[TGI_TEXT];
    if (!tg_dtype_size(dtype)) return tgi_fail(tape, TG_ERR_DTYPE, what, "%d is no dtype", (int)dtype);
    if (shape.rank < 0 || shape.rank > TG_MAX_RANK)
        return tgi_fail(tape, TG_ERR_SHAPE, what, "a shape has at most %d axes", TG_MAX_RANK);
    if (tg_shape_size(shape) < 0)
        return tgi_fail(tape, TG_ERR_SHAPE, what, "%s has a negative size, or too many elements",
                        tgi_shape_text(text, shape.rank, shape.dims));
    if (kind == &tgi_parameter && !tgi_floating(dtype))
        return tgi_fail(tape, TG_ERR_DTYPE, what, "'%s' is %s: a parameter is float32 or float64", name ? name : "",
                        tg_dtype_name(dtype));
    if (kind == &tgi_parameter && (!name || !*name)) return tgi_fail(tape, TG_ERR_NAME, what, "a parameter needs a name");
    if (name && tgi_leaf_named(tape, name)) return tgi_fail(tape, TG_ERR_NAME, what, "the name '%s' is taken", name);
    return TG_OK;
}

/* The leaf's block in the arena: itself, its sizes, its name. */
static tg_status fill(tg_tape *tape, tgi_node *node, const char *name, tg_dtype dtype, tg_shape shape) {
    size_t    rank = (size_t)shape.rank, name_bytes = name ? strlen(name) + 1 : 0;
    tgi_leaf *leaf = tgi_arena_take(&tape->arena, sizeof *leaf);
    int64_t  *dims = tgi_arena_take(&tape->arena, rank * sizeof *dims);
    char     *text = tgi_arena_take(&tape->arena, name_bytes);
    if (!leaf || !dims || !text) return TG_ERR_MEMORY;

    tgi_copy_sizes(shape.rank, shape.dims, dims);
    if (name) memcpy(text, name, name_bytes);
    *leaf = (tgi_leaf){.name = name ? text : NULL,
                       .index = tape->count - 1,
                       .last_assign = TGI_NONE,
                       .variable = node->op != &tgi_constant};
    node->attr = leaf;
    node->dtype = (uint8_t)dtype;
    node->rank = (uint8_t)shape.rank;
    node->dims = dims;
    node->has_value = true;
    return TG_OK;
}

static tg_status give_value(tg_tape *tape, tgi_node *node, const void *data) {
    tgi_set_kept(node);
    tgi_set_resident(tape, node);
    if (!data) return tgi_take_memory(tape, node);
    tgi_borrow_value(node, data);
    return TG_OK;
}

static tg_status enter_tables(tg_tape *tape, tgi_node *node) {
    tgi_leaf *leaf = (tgi_leaf *)node->attr;
    if (node->op == &tgi_parameter) {
        node->requires_grad = true;
        if (!tgi_index_list_push(&tape->memory, &tape->parameters, leaf->index)) return TG_ERR_MEMORY;
    }
    return leaf->name && !enter(tape, leaf) ? TG_ERR_MEMORY : TG_OK;
}

tgi_node *tgi_new_leaf(tg_tape *tape, const char *what, const tg_op *kind, const char *name, tg_dtype dtype, tg_shape shape,
                       const void *data) {
    if (tgi_check(tape) || check_leaf(tape, what, kind, name, dtype, shape)) return NULL;
    uint32_t  start = tape->count;
    tgi_node *node = tgi_append(tape, kind, what);
    if (!node) return NULL;
    if (fill(tape, node, name, dtype, shape) || give_value(tape, node, data) || enter_tables(tape, node)) {
        tgi_truncate(tape, start);
        tgi_out_of_memory(tape, what);
        return NULL;
    }
    tgi_done(tape, TG_OK);
    return node;
}

void tgi_note_recipe(tg_tape *tape, const tgi_node *node, tgi_recipe recipe, const tgi_mt19937 *generator) {
    if (tgi_node_bytes(node) < TGI_LARGE_VALUE) return;
    tgi_recipe  *note = tgi_arena_take(&tape->arena, sizeof *note);
    tgi_mt19937 *copy = note && generator ? tgi_arena_take(&tape->arena, sizeof *copy) : NULL;
    if (!note || (generator && !copy)) return;
    if (copy) *copy = *generator;
    recipe.generator = copy;
    *note = recipe;
    tgi_leaf_of(node)->recipe = note;
}

tgi_node *tgi_new_number(tg_tape *tape, const char *what, double value, tg_dtype dtype) {
    static const int64_t no_dims[1];
    uint64_t             bits = 0;
    if (!tgi_convert(value, dtype, &bits)) {
        tgi_fail(tape, TG_ERR_DTYPE, what, "the number %.17g is no %s", value, tg_dtype_name(dtype));
        return NULL;
    }
    tgi_node *node = tgi_append(tape, &tgi_number, what);
    if (!node) return NULL;
    node->dtype = (uint8_t)dtype;
    node->dims = no_dims;
    node->has_value = true;
    node->small[0] = bits;
    node->data = node->small;
    tgi_set_kept(node);
    tgi_set_resident(tape, node);
    return node;
}
