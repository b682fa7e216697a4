/* run/record_leaf.c: the leaves that a user records.
 *
 * SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <string.h>

#include "core/residency.h"
#include "kernels/copy.h"
#include "run/initial_value.h"
#include "run/run.h"

static tg_tensor handle(tg_tape *tape, const tgi_node *leaf) {
    return leaf ? tgi_tensor(tape, tgi_leaf_of(leaf)->index) : tgi_invalid(tape);
}

tg_tensor(tg_constant)(tg_tape *tape, tg_dtype dtype, tg_shape shape, const void *data) {
    if (!data && tg_shape_size(shape) > 0) {
        tgi_fail(tape, TG_ERR_ARGUMENT, "constant", "the data is NULL");
        return tgi_invalid(tape);
    }
    tgi_node *node = tgi_new_leaf(tape, "constant", &tgi_constant, NULL, dtype, shape, NULL);
    if (node && data) tgi_copy_bytes(node->data, data, tgi_node_bytes(node));
    if (node) tgi_make_bools(node);
    return handle(tape, node);
}

/* Whether the memory is that of bools, which the library reads as 0 or 1. */
static bool are_bools(tg_shape shape, const void *data) {
    for (int64_t i = 0, size = tg_shape_size(shape); i < size; i++)
        if (((const unsigned char *)data)[i] > 1) return false;
    return true;
}

/* Where C may place such an element, which a struct shows: on i386 a double need not stand at a multiple of its size. */
static size_t alignment_of(tg_dtype dtype) {
    struct f64_behind {
        char   before;
        double x;
    };
    struct i64_behind {
        char    before;
        int64_t x;
    };
    return dtype == TG_F64   ? offsetof(struct f64_behind, x)
           : dtype == TG_I64 ? offsetof(struct i64_behind, x)
                             : tg_dtype_size(dtype);
}

static tg_tensor borrow(tg_tape *tape, const char *what, const tg_op *kind, const char *name, tg_dtype dtype, tg_shape shape,
                        const void *data) {
    size_t alignment = alignment_of(dtype);
    if (!data && tg_shape_size(shape) != 0)
        tgi_fail(tape, TG_ERR_ARGUMENT, what, "the data is NULL");
    else if (alignment && (uintptr_t)data % alignment)
        tgi_fail(tape, TG_ERR_ARGUMENT, what, "the data is not aligned for %s", tg_dtype_name(dtype));
    else if (dtype == TG_BOOL && !are_bools(shape, data))
        tgi_fail(tape, TG_ERR_ARGUMENT, what, "the data is to be bool, and has bytes that are neither 0 nor 1");
    else
        return handle(tape, tgi_new_leaf(tape, what, kind, name, dtype, shape, data));
    return tgi_invalid(tape);
}

tg_tensor(tg_borrow)(tg_tape *tape, tg_dtype dtype, tg_shape shape, const void *data) {
    return borrow(tape, "borrow", &tgi_constant, NULL, dtype, shape, data);
}

tg_tensor(tg_borrow_parameter)(tg_tape *tape, const char *name, tg_dtype dtype, tg_shape shape, const void *data) {
    return borrow(tape, "borrow_parameter", &tgi_parameter, name, dtype, shape, data);
}

static void fill(tgi_node *node, double value) {
    uint64_t bits = 0;
    size_t   width = tg_dtype_size((tg_dtype)node->dtype), bytes = tgi_node_bytes(node);
    tgi_convert(value, (tg_dtype)node->dtype, &bits);
    for (size_t i = 0; i < bytes; i += width)
        memcpy((char *)node->data + i, &bits, width);
}

static void fill_again(const tgi_recipe *recipe, tgi_node *node) {
    fill(node, recipe->a);
}

tg_tensor(tg_full)(tg_tape *tape, tg_dtype dtype, tg_shape shape, double value) {
    uint64_t bits = 0;
    if (tg_dtype_size(dtype) && !tgi_convert(value, dtype, &bits)) {
        tgi_fail(tape, TG_ERR_DTYPE, "full", "the number %.17g is no %s", value, tg_dtype_name(dtype));
        return tgi_invalid(tape);
    }
    tgi_node *node = tgi_new_leaf(tape, "full", &tgi_constant, NULL, dtype, shape, NULL);
    if (node) fill(node, value);
    if (node) tgi_note_recipe(tape, node, (tgi_recipe){.make = fill_again, .a = value}, NULL);
    return handle(tape, node);
}

tg_tensor(tg_input)(tg_tape *tape, const char *name, tg_dtype dtype, tg_shape shape) {
    tgi_node *node = tgi_new_leaf(tape, "input", &tgi_input, name, dtype, shape, NULL);
    if (node) memset(node->data, 0, tgi_node_bytes(node));
    return handle(tape, node);
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

static tg_tensor number_parameter(tg_tape *tape, const char *name, double value) {
    tgi_node *node = tgi_new_leaf(tape, "parameter", &tgi_parameter, name, TG_F64, TG_SHAPE(), NULL);
    if (node) memcpy(node->data, &value, sizeof value);
    return handle(tape, node);
}

tg_tensor(tg_parameter)(tg_tape *tape, const char *name, tg_tensor init) {
    double number;
    if (tgi_is_number(init, &number)) return number_parameter(tape, name, number);
    tgi_node *value = tgi_check_outside(tape, "parameter") ? NULL : tgi_value(tape, init, "parameter", "the initial value");
    if (!value) return tgi_invalid(tape);
    bool      moves = tgi_can_take_over(tape, tgi_index(init));
    tgi_node *node = tgi_new_leaf(tape, "parameter", &tgi_parameter, name, (tg_dtype)value->dtype, tgi_node_shape(value),
                                  moves ? value->data : NULL);
    if (node && moves) {
        tgi_move_value(tape, value, node);
        tgi_drop_formula(tape, tgi_index(init));
    } else if (node) {
        tg_array array = tgi_array_of(value);
        tgi_copy_array(&array, array.rank, array.dims, node->data);
    }
    return handle(tape, node);
}

tg_tensor(tg_find)(tg_tape *tape, const char *name) {
    if (tgi_check(tape)) return tgi_invalid(tape);
    tgi_leaf *leaf = name ? tgi_leaf_named(tape, name) : NULL;
    if (!leaf) {
        tgi_fail(tape, TG_ERR_NAME, "find", "there is no input or parameter '%s'", name ? name : "(NULL)");
        return tgi_invalid(tape);
    }
    tgi_done(tape, TG_OK);
    return tgi_tensor(tape, leaf->index);
}

tg_tensor tg_parameter_at(tg_tape *tape, int64_t i) {
    if (!tape || i < 0 || i >= tape->parameters.count) return tgi_invalid(tape);
    return tgi_tensor(tape, tape->parameters.item[i]);
}

int64_t tg_parameter_count(const tg_tape *tape) {
    return tape ? tape->parameters.count : 0;
}
