/* grad/matrix.c: whole matrices of derivatives.
 *
 * A row of dy/dx is a backward walk from a seed that is 1 in one place, a column a forward walk from such a tangent. A matrix is a map over
 * the rows, or the columns where they are fewer: the walk is recorded once; or a few times, where there are few of them, and short ones.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/residency.h"
#include "grad/grad.h"
#include "grad/loop_op.h"
#include "grad/replay.h"
#include "ops/operands.h"
#include "run/run.h"

/* A read has so many bytes of a matrix on the tape at a time, or one row. So many lines of so few numbers are recorded one by one: they are fused
 * with each other, and in C they are scalars. */
enum { BLOCK = 1 << 22, FEW = 32, SHORT = 64 };

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

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

typedef struct lines {
    tg_tensor y, x;
    tg_tensor place; /* 0, 1, 2, ..: the elements of y, or of x */
    bool      columns;
} lines;

/* x: the place of the 1. */
static void line(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const lines *l = context;
    tg_tensor    of = l->columns ? l->x : l->y;
    tg_tensor    unit = tg_reshape(tg_cast(tg_eq(l->place, x[0]), tg_dtype_of(of)), tg_shape_of(of));
    (void)state;
    if (l->columns)
        tg_jvp(tape, 1, &l->x, &unit, 1, &l->y, y);
    else
        tg_vjp(tape, 1, &l->y, &unit, 1, &l->x, y);
    y[0] = tg_reshape(y[0], TG_SHAPE(tg_size(y[0]))); /* however many axes it has */
}

/* So many rows or columns, along the first axis: those that `which` lists. */
static tg_tensor record_lines(const lines *l, int64_t count, tg_tensor which) {
    tg_tensor    matrix = tgi_invalid(l->y.tape);
    tg_loop_spec loop =
        {.body = line, .context = (void *)l, .steps = count, .inputs = 1, .outputs = 1, .x = &which, .y = &matrix};
    tgi_map(l->y.tape, &loop);
    return matrix;
}

static tg_tensor record_few(const lines *l, int count) {
    tg_tensor each[FEW];
    for (int k = 0; k < count; k++) {
        tg_tensor which = tg_num(k);
        line(l->y.tape, NULL, &which, &each[k], (void *)l);
    }
    return tg_stack(tg_list_from(count, each), 0);
}

static lines lines_of(tg_tensor y, tg_tensor x) {
    lines l = {.y = y, .x = x, .columns = tg_size(x) < tg_size(y)};
    l.place = tg_arange(y.tape, TG_I64, 0, (double)(l.columns ? tg_size(x) : tg_size(y)), 1);
    return l;
}

/* ---- as tensors -------------------------------------------------------------------------------------------------- */

/* The axes of x, which come first, behind those of y. */
static tg_tensor move_back(tg_tensor matrix, int x_rank, int y_rank) {
    int order[TG_MAX_RANK];
    for (int i = 0; i < x_rank + y_rank; i++)
        order[i] = i < y_rank ? x_rank + i : i - y_rank;
    return tg_permute(matrix, tg_axes_from(x_rank + y_rank, order));
}

static tg_tensor record_matrix(const char *what, tg_tensor y, tg_tensor x) {
    tg_tape        *tape = y.tape;
    const tgi_node *node[2];
    tg_shape        shape;
    if (resolve_pair(tape, what, y, x, node) || join_shapes(tape, what, node, &shape)) return tgi_invalid(tape);
    if (tg_shape_size(shape) == 0) return tgi_full(tape, what, (tg_dtype)node[0]->dtype, shape, 0);
    lines     l = lines_of(y, x);
    int64_t   count = tg_size(l.place), length = tg_size(l.columns ? l.y : l.x);
    tg_tensor matrix = count <= FEW && length <= SHORT ? record_few(&l, (int)count) : record_lines(&l, count, l.place);
    if (!l.columns) return tg_shape_equal(tg_shape_of(matrix), shape) ? matrix : tg_reshape(matrix, shape);
    tg_shape moved = {.rank = shape.rank};
    memcpy(moved.dims, node[1]->dims, (size_t)node[1]->rank * sizeof *moved.dims);
    memcpy(moved.dims + node[1]->rank, node[0]->dims, (size_t)node[0]->rank * sizeof *moved.dims);
    return move_back(tg_reshape(matrix, moved), node[1]->rank, node[0]->rank);
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

/* Some rows, or columns, of a row-major matrix; `first` is the place of the first one. */
static void put_lines(const lines *l, const tgi_node *block, int64_t first, int64_t count, char *values) {
    size_t   width = tg_dtype_size((tg_dtype)block->dtype);
    int64_t  all = tg_size(l->place), length = tg_size(l->columns ? l->y : l->x);
    tg_array matrix = tgi_array_of(block);
    char    *from = matrix.data;
    matrix.dims[0] = count;
    matrix.size = count * length;
    if (!l->columns)
        tgi_copy_array(&matrix, 2, matrix.dims, values + (size_t)(first * length) * width);
    else
        for (int64_t i = 0; i < length; i++)
            for (int64_t j = 0; j < count; j++)
                memcpy(values + (size_t)(i * all + first + j) * width,
                       from + (j * matrix.strides[0] + i * matrix.strides[1]) * (int64_t)width, width);
}

/* Block by block: the loop over a block runs again, with another first place. */
static tg_status read_blocks(const lines *l, int64_t block, char *values) {
    tg_tape   *tape = l->y.tape;
    tgi_replay loop = {0};
    tgi_node  *first = tgi_new_leaf(tape, "read_jacobian", &tgi_input, NULL, TG_I64, TG_SHAPE(), NULL);
    if (!first) return tape->status;
    tg_tensor start = tgi_tensor(tape, tape->count - 1);
    *(int64_t *)first->data = 0;
    tg_tensor matrix = record_lines(l, block, tg_add(tg_slice(l->place, 0, 0, block, 1), start));
    if (tape->status) return tape->status;
    tgi_keep_node(tape, tgi_index(matrix));
    if (tgi_run_for(tape, tgi_index(matrix), NULL)) return tape->status;
    const tgi_node *node = tgi_node_at(tape, tgi_index(matrix));
    int64_t         all = tg_size(l->place);
    put_lines(l, node, 0, block, values);
    if (block < all) tgi_begin_replay(&loop, tape, 1, &start, 1, &matrix, "read_jacobian");
    for (int64_t at = block; at < all && !tape->status; at += block) {
        *(int64_t *)first->data = at;
        if (!tgi_run_replay(&loop)) put_lines(l, node, at, all - at < block ? all - at : block, values);
    }
    tgi_end_replay(&loop);
    return tape->status;
}

static tg_status read_matrix(tg_tensor y, tg_tensor x, const char *what, void *values, int64_t count) {
    tg_tape        *tape = y.tape;
    const tgi_node *node[2];
    if (resolve_pair(tape, what, y, x, node)) return tape->status;
    int64_t rows = tgi_node_size(node[0]), columns = tgi_node_size(node[1]), size;
    if (__builtin_mul_overflow(rows, columns, &size) || size > TGI_MOST_ELEMENTS)
        return tgi_fail(tape, TG_ERR_SHAPE, what, "%lld times %lld values are too many", (long long)rows, (long long)columns);
    if (count != size)
        return tgi_fail(tape, TG_ERR_SHAPE, what, "room for %lld values, where there are %lld", (long long)count,
                        (long long)size);
    if (!count) return TG_OK;
    if (!values) return tgi_fail(tape, TG_ERR_ARGUMENT, what, "the memory for the values is NULL");
    lines   l = lines_of(y, x);
    int64_t line_bytes = (l.columns ? rows : columns) * (int64_t)tg_dtype_size((tg_dtype)node[0]->dtype);
    int64_t block = BLOCK / line_bytes, most = l.columns ? columns : rows;
    return tape->status ? tape->status : read_blocks(&l, block < 1 ? 1 : block < most ? block : most, values);
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
    read_matrix(y, x, "read_jacobian", values, count);
    return end_reading(scope);
}

tg_status(tg_read_hessian)(tg_tensor loss, tg_tensor x, void *values, int64_t count) {
    tg_tape  *tape = tgi_tape_of(loss);
    tg_tensor g;
    if (tgi_check_outside(tape, "read_hessian")) return tg_error_status(tape);
    tg_scope scope = tg_begin_scope(tape, "read_hessian");
    if (!tg_vjp(tape, 1, &loss, NULL, 1, &x, &g)) read_matrix(g, x, "read_hessian", values, count);
    return end_reading(scope);
}
