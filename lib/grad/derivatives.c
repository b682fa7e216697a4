/* grad/derivatives.c: derivatives of gradients, and whole matrices, all made of the backward walk.
 *
 * A product H v is a walk through the gradient. (A product J v is forward mode's: forward.c.)
 *
 * A whole matrix is one walk a row, from a seed that is 1 in one place. J^T u is linear in u, and so its own rows, for u, are
 * the columns of J: the way to go where there are fewer of them.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/residency.h"
#include "grad/grad.h"
#include "grad/replay.h"
#include "ops/operands.h"
#include "run/run.h"

/* ---- recorded products ------------------------------------------------------------------------------------------- */

/* Room for n tensors, in the name of `what`; NULL and an error when there is none. */
static tg_tensor *take_tensors(tg_tape *tape, int n, const char *what) {
    tg_tensor *tensors = tgi_pool_take(&tape->pool, (size_t)n * sizeof *tensors);
    if (!tensors) tgi_out_of_memory(tape, what);
    return tensors;
}

static tg_status check_results(tg_tape *tape, const char *what, int count, const void *results) {
    if (tgi_check(tape)) return tg_error_status(tape);
    return results || count <= 0 ? TG_OK : tgi_fail(tape, TG_ERR_ARGUMENT, what, "nowhere to put the results");
}

static tg_status record_hvp(tg_tensor loss, int n, const tg_tensor *inputs, const tg_tensor *vectors, tg_tensor *results) {
    tg_tape   *tape = loss.tape;
    tg_scope   scope = tgi_begin_derivative(tape, "hvp");
    tg_tensor *g = take_tensors(tape, n, "hvp");
    if (g && !tg_vjp(tape, 1, &loss, NULL, n, inputs, g)) tg_vjp(tape, n, g, vectors, n, inputs, results);
    tgi_pool_give(&tape->pool, g);
    return tg_end_scope(scope);
}

tg_status(tg_hvp)(tg_tensor loss, int n, const tg_tensor *inputs, const tg_tensor *vectors, tg_tensor *results) {
    tg_tape  *tape = tgi_tape_of(loss);
    tg_status status = check_results(tape, "hvp", n, results);
    if (!status) status = tgi_check_list(tape, "hvp", "loss", 1, &loss);
    if (!status) status = tgi_check_list(tape, "hvp", "input", n, inputs);
    if (!status) status = record_hvp(loss, n, inputs, vectors, results);
    tgi_give_results(tape, status, n, results);
    return status;
}

/* ---- whole matrices ---------------------------------------------------------------------------------------------- */

/* The instructions of y and x, which both have derivatives. */
static tg_status resolve_pair(tg_tape *tape, const char *what, tg_tensor y, tg_tensor x, const tgi_node *node[2]) {
    node[0] = tgi_resolve(tape, y, what, "y");
    node[1] = tgi_resolve(tape, x, what, "x");
    if (!node[0] || !node[1]) return tape->status;
    if (tgi_floating((tg_dtype)node[0]->dtype) && node[1]->dtype == node[0]->dtype) return TG_OK;
    return tgi_fail(tape, TG_ERR_DTYPE, what, "y is %s and x %s: both must be float32, or both float64",
                    tg_dtype_name((tg_dtype)node[0]->dtype), tg_dtype_name((tg_dtype)node[1]->dtype));
}

/* ---- as tensors -------------------------------------------------------------------------------------------------- */

/* The sizes of y, and then those of x. */
static tg_status join_shapes(tg_tape *tape, const char *what, const tgi_node *node[2], tg_shape *shape) {
    char    text[TGI_TEXT];
    tg_type types[2] = {tgi_node_type(node[0]), tgi_node_type(node[1])};
    int     rank = types[0].rank + types[1].rank;
    tgi_operands_text(text, 2, types, false);
    if (rank > TG_MAX_RANK)
        return tgi_fail(tape, TG_ERR_SHAPE, what, "%s: the result would have %d axes, and %d are the most", text, rank,
                        TG_MAX_RANK);
    *shape = (tg_shape){.rank = rank};
    memcpy(shape->dims, types[0].dims, (size_t)types[0].rank * sizeof *shape->dims);
    memcpy(shape->dims + types[0].rank, types[1].dims, (size_t)types[1].rank * sizeof *shape->dims);
    if (tg_shape_size(*shape) >= 0) return TG_OK;
    return tgi_fail(tape, TG_ERR_SHAPE, what, "%s: the result would have too many elements", text);
}

/* 2 n - 1 zeros with a 1 in the middle: each row of the identity matrix of size n is a part of them. */
static tg_tensor units(tg_tape *tape, const char *what, tg_dtype dtype, int64_t n) {
    tgi_node *node = tgi_new_leaf(tape, what, &tgi_constant, NULL, dtype, TG_SHAPE(2 * n - 1), NULL);
    if (!node) return tgi_invalid(tape);
    memset(node->data, 0, tgi_node_bytes(node));
    tgi_convert(1, dtype, (char *)node->data + (size_t)(n - 1) * tg_dtype_size(dtype));
    return tgi_tensor(tape, tape->count - 1);
}

/* The derivatives of each element of y for x, as vectors side by side along an axis. y is the smaller of the two, so that its
 * elements can be counted in an int. */
static tg_tensor stack_rows(const char *what, tg_tensor y, tg_tensor x, int axis) {
    tg_tape   *tape = y.tape;
    tg_tensor *rows = NULL, stacked = tgi_invalid(tape);
    int64_t    n = tg_size(y), size = tg_size(x);
    tg_tensor  places = units(tape, what, tg_dtype_of(y), n);
    if (!tape->status) rows = take_tensors(tape, (int)n, what);
    for (int64_t i = 0; i < n && !tape->status; i++) {
        tg_tensor seed = tg_reshape(tg_slice(places, 0, n - 1 - i, 2 * n - 1 - i, 1), tg_shape_of(y));
        tg_vjp(tape, 1, &y, &seed, 1, &x, &rows[i]);
        rows[i] = tg_reshape(rows[i], TG_SHAPE(size));
    }
    if (!tape->status) stacked = tg_stack(tg_list_from((int)n, rows), axis);
    tgi_pool_give(&tape->pool, rows);
    return stacked;
}

/* dy/dx, by its rows or by its columns, of which there are fewer. */
static tg_tensor record_matrix(const char *what, tg_tensor y, tg_tensor x) {
    tg_tape        *tape = y.tape;
    const tgi_node *node[2];
    tg_shape        shape;
    tg_tensor       g, u;
    if (resolve_pair(tape, what, y, x, node) || join_shapes(tape, what, node, &shape)) return tgi_invalid(tape);
    int64_t rows = tgi_node_size(node[0]), columns = tgi_node_size(node[1]);
    if (rows == 0 || columns == 0) return tgi_full(tape, what, (tg_dtype)node[0]->dtype, shape, 0);
    if (rows <= columns) return tg_reshape(stack_rows(what, y, x, 0), shape);
    u = tgi_full_like(y, 0);
    if (tape->status || tg_vjp(tape, 1, &y, &u, 1, &x, &g)) return tgi_invalid(tape);
    return tg_reshape(stack_rows(what, g, u, 1), shape);
}

tg_tensor(tg_jacobian)(tg_tensor y, tg_tensor x) {
    tg_tape        *tape = tgi_tape_of_any(2, (tg_tensor[]){y, x});
    const tgi_node *node[2];
    if (tgi_check(tape) || resolve_pair(tape, "jacobian", y, x, node)) return tgi_invalid(tape);
    tg_scope scope = tgi_begin_derivative(tape, "jacobian");
    return tg_end_scope_with(scope, record_matrix("jacobian", y, x));
}

tg_tensor(tg_hessian)(tg_tensor loss, tg_tensor x) {
    tg_tape        *tape = tgi_tape_of_any(2, (tg_tensor[]){loss, x});
    const tgi_node *node[2];
    tg_tensor       g, hessian = tgi_invalid(tape);
    if (tgi_check(tape) || resolve_pair(tape, "hessian", loss, x, node)) return hessian;
    tg_scope scope = tgi_begin_derivative(tape, "hessian");
    if (!tg_vjp(tape, 1, &loss, NULL, 1, &x, &g)) hessian = record_matrix("hessian", g, x);
    return tg_end_scope_with(scope, hessian);
}

/* ---- into the caller's memory ------------------------------------------------------------------------------------ */

/* The rows of dy/dx: the seed is a leaf that is 1 in one place after the other, and what depends on it runs again. */
static tg_status read_rows(tg_tensor y, tg_tensor x, tgi_node *seed, tg_tensor u, char *values) {
    tg_tape   *tape = y.tape;
    tgi_replay between = {0};
    tg_tensor  g;
    uint64_t   one = 0;
    if (tg_vjp(tape, 1, &y, &u, 1, &x, &g)) return tape->status;
    tgi_keep_node(tape, tgi_index(g));
    if (tgi_run_for(tape, tgi_index(g), NULL)) return tape->status;
    const tgi_node *row = tgi_node_at(tape, tgi_index(g));
    size_t          width = tg_dtype_size((tg_dtype)seed->dtype), bytes = tgi_node_bytes(row);
    tgi_convert(1, (tg_dtype)seed->dtype, &one);
    tgi_begin_replay(&between, tape, 1, &u, 1, &g, "read_jacobian");
    for (int64_t i = 0, rows = tgi_node_size(seed); i < rows && !tape->status; i++, values += bytes) {
        char *element = (char *)seed->data + (size_t)i * width;
        memcpy(element, &one, width);
        if (!tgi_run_replay(&between)) {
            tg_array array = tgi_array_of(row);
            tgi_copy_array(&array, array.rank, array.dims, values);
        }
        memset(element, 0, width);
    }
    tgi_end_replay(&between);
    return tape->status;
}

static tg_status read_jacobian(tg_tensor y, tg_tensor x, const char *what, void *values, int64_t count) {
    tg_tape        *tape = y.tape;
    const tgi_node *node[2];
    if (resolve_pair(tape, what, y, x, node)) return tape->status;
    int64_t rows = tgi_node_size(node[0]), columns = tgi_node_size(node[1]), size;
    if (__builtin_mul_overflow(rows, columns, &size))
        return tgi_fail(tape, TG_ERR_SHAPE, what, "%lld times %lld values are too many", (long long)rows, (long long)columns);
    if (count != size)
        return tgi_fail(tape, TG_ERR_SHAPE, what, "room for %lld values, where there are %lld", (long long)count,
                        (long long)size);
    if (!count) return TG_OK;
    if (!values) return tgi_fail(tape, TG_ERR_ARGUMENT, what, "the memory for the values is NULL");
    tgi_node *seed = tgi_new_leaf(tape, what, &tgi_input, NULL, (tg_dtype)node[0]->dtype, tgi_node_shape(node[0]), NULL);
    if (!seed) return tape->status;
    memset(seed->data, 0, tgi_node_bytes(seed));
    return read_rows(y, x, seed, tgi_tensor(tape, tape->count - 1), values);
}

/* Ends a call that leaves nothing on the tape. */
static tg_status end_reading(tg_scope scope) {
    tgi_truncate(scope.tape, scope.start);
    return tg_end_scope(scope);
}

tg_status(tg_read_jacobian)(tg_tensor y, tg_tensor x, void *values, int64_t count) {
    tg_tape *tape = tgi_tape_of(y);
    if (tgi_check_outside(tape, "read_jacobian")) return tg_error_status(tape);
    tg_scope scope = tg_begin_scope(tape, "read_jacobian");
    read_jacobian(y, x, "read_jacobian", values, count);
    return end_reading(scope);
}

tg_status(tg_read_hessian)(tg_tensor loss, tg_tensor x, void *values, int64_t count) {
    tg_tape  *tape = tgi_tape_of(loss);
    tg_tensor g;
    if (tgi_check_outside(tape, "read_hessian")) return tg_error_status(tape);
    tg_scope scope = tg_begin_scope(tape, "read_hessian");
    if (!tg_vjp(tape, 1, &loss, NULL, 1, &x, &g)) read_jacobian(g, x, "read_hessian", values, count);
    return end_reading(scope);
}
