/* run/value.c: values between the tape and the caller's memory.
 *
 * Reading first runs what is pending, as far as it needs that. Writing does not: what is pending has not happened yet, and will see what was written.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "core/residency.h"
#include "kernels/copy.h"
#include "kernels/strided.h"
#include "run/aliases.h"
#include "run/run.h"

void tgi_copy_array(const tg_array *array, int rank, const int64_t *dims, void *out) {
    int64_t strides[TG_MAX_RANK];
    tgi_stretch(array->rank, array->dims, array->strides, rank, dims, strides);
    tgi_walk walk = tgi_walk_of(tg_dtype_size(array->dtype), rank, dims, strides);
    tgi_gather(&walk, array->data, 0, tgi_size(rank, dims), out);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static tg_status missing(tg_tape *tape, const tgi_node *node, const char *what) {
    const char *why = tgi_is_kept(node)
                          ? "is not there: it was not kept when it ran, or its run was abandoned; the next run keeps it"
                          : "is not kept: call tg_keep on it before it runs";
    return tgi_fail(tape, TG_ERR_VALUE, what, "the value of %s, recorded at %s:%u, %s", node->op->name,
                    node->file ? node->file : "?", (unsigned)node->line, why);
}

tgi_node *tgi_value(tg_tape *tape, tg_tensor x, const char *what, const char *role) {
    tgi_node *node = tgi_resolve(tape, x, what, role);
    if (!node) return NULL;
    tg_scope call = {.file = tape->file, .line = tape->line};
    bool     pending = tgi_index(x) >= tgi_seen(tape) && !node->part;
    if (pending && tape->keep == TG_KEEP_ASKED) tgi_keep_node(tape, tgi_index(x)); /* to read it is to ask for it */
    if (tgi_run_for(tape, tgi_index(x), what)) return NULL;
    tgi_resume(tape, call);
    if (tgi_is_retained(node) && tgi_restore_view(tape, node)) return NULL;
    if (tgi_is_readable(node)) return node;
    missing(tape, node, what);
    return NULL;
}

/* Begins a call that reads x. */
static tgi_node *readable(tg_tensor x, const char *what) {
    tg_tape *tape = tgi_tape_of(x);
    return tgi_check_outside(tape, what) ? NULL : tgi_value(tape, x, what, "the tensor");
}

double(tg_item)(tg_tensor x) {
    double number = NAN;
    if (tgi_is_number(x, &number)) return number;
    const tgi_node *node = readable(x, "item");
    if (!node) return NAN;
    if (tgi_node_size(node) == 1)
        number = tgi_element((tg_dtype)node->dtype, node->data);
    else {
        char text[TGI_TEXT];
        tgi_fail(x.tape, TG_ERR_SHAPE, "item", "%s is not one element", tgi_shape_text(text, node->rank, node->dims));
    }
    tgi_done(x.tape, TG_OK);
    return number;
}

static tg_status check_count(tg_tape *tape, const tgi_node *node, const char *what, const void *values, int64_t count) {
    char text[TGI_TEXT];
    if (count != tgi_node_size(node))
        return tgi_fail(tape, TG_ERR_SHAPE, what, "%lld values for the %lld elements of %s", (long long)count,
                        (long long)tgi_node_size(node), tgi_shape_text(text, node->rank, node->dims));
    if (!values && count) return tgi_fail(tape, TG_ERR_ARGUMENT, what, "the memory for the values is NULL");
    return TG_OK;
}

tg_status(tg_read)(tg_tensor x, void *values, int64_t count) {
    const tgi_node *node = readable(x, "read");
    if (!node) return tg_error_status(tgi_tape_of(x));
    if (check_count(x.tape, node, "read", values, count)) return x.tape->status;
    tg_array array = tgi_array_of(node);
    tgi_copy_array(&array, array.rank, array.dims, values);
    return tgi_done(x.tape, TG_OK);
}

/* Row-major, in memory of the tape's. A view goes on to show what it is of, so that to ask for its elements changes nothing. */
static const void *elements(tg_tape *tape, tgi_node *node) {
    tg_array array = tgi_array_of(node);
    tgi_done(tape, TG_OK);
    if (!node->view || array.size == 0 || tgi_is_row_major(array.rank, array.dims, array.strides)) return node->data;
    if (tgi_allocate_view_copy(tape, node)) return NULL;
    tgi_copy_array(&array, array.rank, array.dims, node->view->copy);
    return node->view->copy;
}

const void *(tg_data)(tg_tensor x) {
    tgi_node *node = readable(x, "data");
    return node ? elements(x.tape, node) : NULL;
}

const void *(tg_peek)(tg_tensor x) {
    tg_tape  *tape = tgi_tape_of(x);
    tgi_node *node = tgi_check_outside(tape, "peek") ? NULL : tgi_resolve(tape, x, "peek", "the tensor");
    if (!node) return NULL;
    if (tgi_is_retained(node) && tgi_restore_view(tape, node)) return NULL;
    if (tgi_is_resident(node)) return elements(tape, node);
    tgi_fail(tape, TG_ERR_VALUE, "peek", "the value of %s, recorded at %s:%u, is not there: it has not run, or was not kept",
             node->op->name, node->file ? node->file : "?", (unsigned)node->line);
    return NULL;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

tg_status(tg_write)(tg_tensor leaf, const void *values, int64_t count) {
    tg_tape *tape = tgi_tape_of(leaf);
    if (tgi_check_outside(tape, "write")) return tg_error_status(tape);
    tgi_node *node = tgi_variable(tape, leaf, "write");
    if (!node || check_count(tape, node, "write", values, count)) return tape->status;
    tgi_forget_early(tape);
    if (tgi_detach_views(tape, tgi_index(leaf), tape->done, 0, true)) return tape->status;
    if (count) tgi_copy_bytes(node->data, values, tgi_node_bytes(node));
    tgi_make_bools(node);
    tgi_leaf_written(tape, tgi_leaf_of(node));
    return tgi_done(tape, TG_OK);
}

/* ---- keeping ----------------------------------------------------------------------------------------------------- */

tg_status(tg_keep)(tg_tensor x) {
    tg_tape *tape = tgi_tape_of(x);
    if (tgi_check(tape)) return tg_error_status(tape);
    tgi_node *node = tgi_resolve(tape, x, "keep", "the tensor");
    if (!node) return tape->status;
    tgi_keep_node(tape, tgi_index(x));
    return tgi_done(tape, TG_OK);
}
