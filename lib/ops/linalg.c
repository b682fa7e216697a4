/* ops/linalg.c: systems of equations, and factors.
 *
 * A general matrix is factored once, by the op lu; solve, inverse and the determinants (det.c) take both the matrix and its factors.
 * They compute with the factors, and their gradient flows to the matrix: the factors need no gradient. The rules solve with the same
 * factors again.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/linalg.h"

#include <string.h>

#include "kernels/factor.h"
#include "ops/operands.h"

/* ---- shape rules ------------------------------------------------------------------------------------------------- */

static tg_status check_square(const tg_infer *call) {
    const tg_type *a = &call->in[0];
    if (tgi_require_dtype(call, a->dtype, TGI_FLOATS)) return call->tape->status;
    if (a->rank < 2) return tg_refuse(call, TG_ERR_SHAPE, "a tensor of rank %d is no matrix", a->rank);
    int64_t rows = a->dims[a->rank - 2], columns = a->dims[a->rank - 1];
    if (rows != columns)
        return tg_refuse(call, TG_ERR_SHAPE, "a matrix of %lld rows and %lld columns is not square", (long long)rows,
                         (long long)columns);
    return TG_OK;
}

tg_status tgi_infer_square(tg_infer *call) {
    call->out = call->in[0];
    return check_square(call);
}

/* (..., n, n) gives (..., n + 1, n): the factors, and under them a row of pivots. */
static tg_status infer_lu(tg_infer *call) {
    tg_status status = tgi_infer_square(call);
    if (status) return status;
    memcpy(call->dims, call->out.dims, (size_t)call->out.rank * sizeof *call->dims);
    call->dims[call->out.rank - 2]++;
    call->out.dims = call->dims;
    return TG_OK;
}

/* (..., n, n) x (..., n, m) gives (..., n, m); with TG_RIGHT (..., n, n) x (..., m, n) gives (..., m, n); (..., n, n) x (n)
 * gives (..., n). Further operands are not checked. */
static tg_status infer_solve(tg_infer *call) {
    const tg_type        *a = &call->in[0], *b = &call->in[1];
    const tgi_solve_attr *attr = call->attr;
    if (tgi_require_equal(call, a->dtype, b->dtype) || check_square(call)) return call->tape->status;
    if (b->rank == 0) return tg_refuse(call, TG_ERR_SHAPE, "a single number is no right-hand side");

    int     vector = b->rank == 1, right = vector || attr->options & TG_RIGHT;
    int64_t n = a->dims[a->rank - 1], length = b->dims[b->rank - (right ? 1 : 2)];
    if (n != length)
        return tg_refuse(call, TG_ERR_SHAPE, "the matrix has size %lld, and the right-hand side %lld %s", (long long)n,
                         (long long)length,
                         vector  ? "elements"
                         : right ? "columns"
                                 : "rows");
    tg_type *out = &call->out;
    *out = (tg_type){.dtype = a->dtype, .dims = call->dims};
    if (!tgi_broadcast(&out->rank, call->dims, a->rank - 2, a->dims, vector ? 0 : b->rank - 2, b->dims))
        return tg_refuse(call, TG_ERR_SHAPE, "the axes before the last two do not broadcast");
    if (!vector) call->dims[out->rank++] = b->dims[b->rank - 2];
    call->dims[out->rank++] = b->dims[b->rank - 1];
    return TG_OK;
}

/* ---- stacks of matrices ------------------------------------------------------------------------------------------ */

tgi_stack tgi_stack_of(const tg_array *x, int rank, const int64_t *dims) {
    int     i = x->rank - 2;
    int64_t strides[TG_MAX_RANK];
    tgi_stretch(i, x->dims, x->strides, rank, dims, strides);
    tgi_walk walk = tgi_walk_of(tg_dtype_size(x->dtype), rank, dims, strides);
    return (tgi_stack){x, rank, dims, x->dims[i], x->dims[i + 1], x->strides[i], x->strides[i + 1], tgi_steps_of(&walk)};
}

const void *tgi_next_matrix(tgi_stack *s) {
    return (const char *)s->array->data + tgi_next(&s->steps) * (int64_t)tg_dtype_size(s->array->dtype);
}

void tgi_copy_next_matrix(tgi_stack *s, void *out) {
    const int64_t dims[] = {s->rows, s->columns}, strides[] = {s->row, s->col};
    tgi_walk      walk = tgi_walk_of(tg_dtype_size(s->array->dtype), 2, dims, strides);
    tgi_gather(&walk, tgi_next_matrix(s), 0, s->rows * s->columns, out);
}

tg_array tgi_packed(tg_kernel_call *call, int i) {
    tg_array x = call->in[i];
    x.data = (void *)tg_contiguous(call, i);
    tgi_row_major(x.rank, x.dims, x.strides);
    return x;
}

void *tgi_element_at(void *data, tg_dtype dtype, int64_t i) {
    return (char *)data + i * (int64_t)tg_dtype_size(dtype);
}

const char *tgi_matrix_text(char text[TGI_TEXT], const tgi_stack *s, int64_t i) {
    if (s->array->rank == 2) return "the matrix";
    int64_t index[TG_MAX_RANK];
    char    index_text[TGI_TEXT];
    for (int k = s->rank - 1; k >= 0; i /= s->dims[k--])
        index[k] = i % s->dims[k];
    snprintf(text, TGI_TEXT, "matrix %.200s", tgi_shape_text(index_text, s->rank, index));
    return text;
}

/* For matrices of n x n and, where there is one, a right-hand side of n x m. */
static void *scratch_for(tg_kernel_call *call, int64_t n, int64_t m) {
    return tg_scratch(call, tgi_linalg_scratch(n, m, tg_dtype_size(call->out.dtype), tg_kernel_threads(call)));
}

/* ---- triangle: the parts below, on and above the diagonal, each times a factor ------------------------------------- */

/* A factor of 0 gives 0, whatever the element is. */
#define DEFINE_SCALE(suffix, T) \
    static void scale_##suffix(int64_t count, int64_t rows, int64_t columns, const tgi_triangle_attr *by, const T *x, T *y) { \
        for (int64_t i = 0; i < count * rows; i++) \
            for (int64_t j = 0, row = i % rows; j < columns; j++) { \
                T factor = (T)(j < row ? by->below : j > row ? by->above : by->on); \
                y[i * columns + j] = factor == 0 ? 0 : factor * x[i * columns + j]; \
            } \
    }
DEFINE_SCALE(f32, float)
DEFINE_SCALE(f64, double)

static tg_status triangle_kernel(tg_kernel_call *call) {
    const tg_array *y = &call->out;
    const void     *x = tg_contiguous(call, 0);
    if (!x && y->size) return TG_ERR_MEMORY;
    int64_t count = tgi_size(y->rank - 2, y->dims), rows = y->dims[y->rank - 2], columns = y->dims[y->rank - 1];
    return TGI_DISPATCH_FLOATS(y->dtype, scale, count, rows, columns, call->attr, x, y->data);
}

static tg_tensor triangle(tg_tensor x, double below, double on, double above);

static tg_tensor triangle_rule(const tg_rule_call *call) {
    const tgi_triangle_attr *by = call->attr;
    return triangle(call->g, by->below, by->on, by->above);
}

static tg_rule *const triangle_rules[] = {triangle_rule};

static tg_tensor triangle(tg_tensor x, double below, double on, double above) {
    static const tg_op op = {"triangle",
                             1,
                             tgi_infer_square,
                             .kernel = triangle_kernel,
                             .rules = triangle_rules,
                             .emit = tgi_triangle_emit,
                             .batch = tg_batch_stack};
    tgi_triangle_attr  attr = {below, on, above};
    return tg_record(NULL, &op, 1, &x, &attr, sizeof attr);
}

tg_tensor tgi_identity(tg_tape *tape, tg_dtype dtype, int64_t n) {
    if (tgi_check(tape) || !tgi_new_number(tape, "number", 1, dtype)) return tgi_invalid(tape);
    return triangle(tg_broadcast_to(tgi_tensor(tape, tape->count - 1), TG_SHAPE(n, n)), 0, 1, 0);
}

static tg_tensor transposed(tg_tensor x) {
    return tg_transpose(x, -1, -2);
}

/* ---- triangular systems ------------------------------------------------------------------------------------------ */

static tg_status solve_triangular_kernel(tg_kernel_call *call) {
    const tg_array *x = &call->out;
    int             options = (int)((const tgi_solve_attr *)call->attr)->options, rank = x->rank - 2;
    char            text[TGI_TEXT];
    bool            turn = options & TG_TRANSPOSED, upper = !(options & TG_UPPER) == turn, unit = options & TG_UNIT;
    tgi_stack       t = tgi_stack_of(&call->in[0], rank, x->dims), b = tgi_stack_of(&call->in[1], rank, x->dims);
    int64_t         n = t.rows, m = b.columns, row = turn ? t.col : t.row, col = turn ? t.row : t.col;
    void           *scratch = x->size ? scratch_for(call, n, m) : NULL;
    if (x->size && !scratch) return TG_ERR_MEMORY;
    for (int64_t i = 0, count = x->size ? tgi_size(rank, x->dims) : 0; i < count; i++) {
        const void *matrix = tgi_next_matrix(&t);
        void       *at = tgi_element_at(x->data, x->dtype, i * n * m);
        int64_t     fault = 0;
        if (!unit && TGI_DISPATCH_FLOATS(x->dtype, fault = tgi_triangle_fault, n, matrix, row, col)) return TG_ERR_DTYPE;
        if (fault)
            return tg_kernel_fail_with(call, TG_ERR_NUMERIC, "%s is singular: element %lld of its diagonal is 0 or NaN",
                                       tgi_matrix_text(text, &t, i), (long long)fault);
        tgi_copy_next_matrix(&b, at);
        if (TGI_DISPATCH_FLOATS(x->dtype, tgi_triangle_solve, n, m, matrix, row, col, upper, unit, at, tgi_team_of(call),
                                scratch))
            return TG_ERR_DTYPE;
    }
    return TG_OK;
}

static tg_tensor record_triangular(tg_tensor t, tg_tensor b, int options);

static tg_tensor solve_triangular_rule_b(const tg_rule_call *call) {
    return record_triangular(call->x[0], call->g, (int)((const tgi_solve_attr *)call->attr)->options ^ TG_TRANSPOSED);
}

/* T x = b: d/dT = -(T^-T g) x^T; T^T x = b: its transpose; and of that the triangle that was used. */
static tg_tensor solve_triangular_rule_t(const tg_rule_call *call) {
    int       options = (int)((const tgi_solve_attr *)call->attr)->options;
    bool      upper = options & TG_UPPER;
    tg_tensor gb = solve_triangular_rule_b(call), x = call->y;
    tg_tensor product = options & TG_TRANSPOSED ? tg_matmul(x, transposed(gb)) : tg_matmul(gb, transposed(x));
    return triangle(product, upper ? 0 : -1, options & TG_UNIT ? 0 : -1, upper ? -1 : 0);
}

static tg_rule *const solve_triangular_rules[] = {solve_triangular_rule_t, solve_triangular_rule_b};

static const tg_op solve_triangular = {"solve_triangular",
                                       2,
                                       infer_solve,
                                       .kernel = solve_triangular_kernel,
                                       .rules = solve_triangular_rules,
                                       .emit = tgi_solve_triangular_emit,
                                       .batch = tg_batch_stack};

/* For matrices b, at the right of t. */
static tg_tensor record_triangular(tg_tensor t, tg_tensor b, int options) {
    tgi_solve_attr attr = {.options = options};
    return tg_record(NULL, &solve_triangular, 2, ((tg_tensor[]){t, b}), &attr, sizeof attr);
}

/* ---- Cholesky ---------------------------------------------------------------------------------------------------- */

static tg_status cholesky_kernel(tg_kernel_call *call) {
    const tg_array *l = &call->out;
    char            text[TGI_TEXT];
    tgi_stack       a = tgi_stack_of(&call->in[0], l->rank - 2, l->dims);
    void           *scratch = l->size ? scratch_for(call, a.rows, 0) : NULL;
    if (l->size && !scratch) return TG_ERR_MEMORY;
    for (int64_t i = 0, count = l->size ? tgi_size(a.rank, a.dims) : 0; i < count; i++) {
        void *at = tgi_element_at(l->data, l->dtype, i * a.rows * a.rows);
        tgi_copy_next_matrix(&a, at);
        int64_t minor;
        if (TGI_DISPATCH_FLOATS(l->dtype, minor = tgi_cholesky, a.rows, at, tgi_team_of(call), scratch)) return TG_ERR_DTYPE;
        if (minor)
            return tg_kernel_fail_with(call, TG_ERR_NUMERIC,
                                       "%s is not positive definite: its leading minor of order %lld is not a positive number",
                                       tgi_matrix_text(text, &a, i), (long long)minor);
    }
    return TG_OK;
}

/* As in Murray, arXiv:1602.07527: with P = L^T g, of which the lower triangle stays and half the diagonal, the gradient is
 * X = L^-T P L^-1, in equal parts for an element and its mirror image. X^T = L^-T (L^-T P)^T. */
static tg_tensor cholesky_rule(const tg_rule_call *call) {
    tg_tensor l = call->y, p = triangle(tg_matmul(transposed(l), call->g), 1, 0.5, 0);
    tg_tensor half = record_triangular(l, p, TG_LOWER | TG_TRANSPOSED);
    tg_tensor x = record_triangular(l, transposed(half), TG_LOWER | TG_TRANSPOSED);
    return tg_mul(0.5, tg_add(x, transposed(x)));
}

static tg_rule *const cholesky_rules[] = {cholesky_rule};

static const tg_op cholesky = {"cholesky",
                               1,
                               tgi_infer_square,
                               .kernel = cholesky_kernel,
                               .rules = cholesky_rules,
                               .emit = tgi_cholesky_emit,
                               .batch = tg_batch_stack};

/* ---- LU ---------------------------------------------------------------------------------------------------------- */

static tg_status lu_kernel(tg_kernel_call *call) {
    const tg_array *lu = &call->out;
    tgi_stack       a = tgi_stack_of(&call->in[0], lu->rank - 2, lu->dims);
    int64_t         n = a.rows;
    void           *scratch = lu->size ? scratch_for(call, n, 0) : NULL;
    if (lu->size && !scratch) return TG_ERR_MEMORY;
    for (int64_t i = 0, count = lu->size ? tgi_size(a.rank, a.dims) : 0; i < count; i++) {
        void *at = tgi_element_at(lu->data, lu->dtype, i * (n + 1) * n), *pivots = tgi_element_at(at, lu->dtype, n * n);
        tgi_copy_next_matrix(&a, at);
        if (TGI_DISPATCH_FLOATS(lu->dtype, tgi_lu, n, at, pivots, tgi_team_of(call), scratch)) return TG_ERR_DTYPE;
    }
    return TG_OK;
}

tg_tensor tgi_lu_of(tg_tensor a) {
    static const tg_op op = {"lu", 1, infer_lu, .kernel = lu_kernel, .emit = tgi_lu_emit, .batch = tg_batch_stack};
    return tg_record(NULL, &op, 1, &a, NULL, 0);
}

tg_status tgi_check_factors(const tg_kernel_call *call, const tgi_stack *lu, int64_t i, const void *factors) {
    char    text[TGI_TEXT];
    int64_t fault;
    if (TGI_DISPATCH_FLOATS(lu->array->dtype, fault = tgi_lu_fault, lu->columns, factors)) return TG_ERR_DTYPE;
    if (fault > 0)
        return tg_kernel_fail_with(call, TG_ERR_NUMERIC, "%s is singular: pivot %lld is 0", tgi_matrix_text(text, lu, i),
                                   (long long)fault);
    if (fault < 0)
        return tg_kernel_fail_with(call, TG_ERR_NUMERIC, "%s holds NaN or infinity, or so large elements that its factors do",
                                   tgi_matrix_text(text, lu, i));
    return TG_OK;
}

/* ---- general systems: operands a, b, and the factors of a ---------------------------------------------------------- */

static tg_status solve_kernel(tg_kernel_call *call) {
    const tg_array *x = &call->out;
    tg_array        factors = tgi_packed(call, 2);
    bool            turn = ((const tgi_solve_attr *)call->attr)->options & TG_TRANSPOSED;
    if (x->size == 0) return TG_OK;
    tgi_stack lu = tgi_stack_of(&factors, x->rank - 2, x->dims), b = tgi_stack_of(&call->in[1], x->rank - 2, x->dims);
    int64_t   n = b.rows, m = b.columns;
    void     *scratch = scratch_for(call, n, m);
    if (!scratch || !factors.data) return TG_ERR_MEMORY;
    for (int64_t i = 0, count = tgi_size(b.rank, b.dims); i < count; i++) {
        const void *matrix = tgi_next_matrix(&lu);
        const void *pivots = tgi_element_at((void *)matrix, x->dtype, n * n);
        void       *at = tgi_element_at(x->data, x->dtype, i * n * m);
        if (tgi_check_factors(call, &lu, i, matrix)) return TG_ERR_NUMERIC;
        tgi_copy_next_matrix(&b, at);
        if (TGI_DISPATCH_FLOATS(x->dtype, tgi_lu_solve, n, m, matrix, pivots, turn, at, tgi_team_of(call), scratch))
            return TG_ERR_DTYPE;
    }
    return TG_OK;
}

static tg_tensor record_solve(const tg_op *op, tg_tensor a, tg_tensor b, tg_tensor lu, int options) {
    tgi_solve_attr attr = {.options = options};
    return tg_record(NULL, op, 3, ((tg_tensor[]){a, b, lu}), &attr, sizeof attr);
}

static tg_tensor solve_rule_b(const tg_rule_call *call);

/* a x = b: d/da = -(a^-T g) x^T; a^T x = b: its transpose. */
static tg_tensor solve_rule_a(const tg_rule_call *call) {
    bool      turn = ((const tgi_solve_attr *)call->attr)->options & TG_TRANSPOSED;
    tg_tensor gb = solve_rule_b(call), x = call->y;
    return tg_neg(turn ? tg_matmul(x, transposed(gb)) : tg_matmul(gb, transposed(x)));
}

static tg_rule *const solve_rules[] = {solve_rule_a, solve_rule_b, NULL};

static const tg_op solve =
    {"solve", 3, infer_solve, .kernel = solve_kernel, .rules = solve_rules, .emit = tgi_solve_emit, .batch = tg_batch_stack};
static const tg_op inverse =
    {"inverse", 3, infer_solve, .kernel = solve_kernel, .rules = solve_rules, .emit = tgi_solve_emit, .batch = tg_batch_stack};

static tg_tensor solve_rule_b(const tg_rule_call *call) {
    int options = (int)((const tgi_solve_attr *)call->attr)->options;
    return record_solve(&solve, call->x[0], call->g, call->x[2], options ^ TG_TRANSPOSED);
}

tg_tensor tgi_inverse_by(tg_tensor a, tg_tensor lu, int options) {
    tg_shape shape = tg_shape_of(a);
    if (!tg_valid(lu)) return lu;
    return record_solve(&inverse, a, tgi_identity(a.tape, tg_dtype_of(a), shape.dims[shape.rank - 1]), lu, options);
}

/* ---- recording functions ----------------------------------------------------------------------------------------- */

bool tgi_takes_matrices(const tg_op *op, int count, const tg_tensor *x, const void *attr) {
    tg_infer call;
    tg_type  types[2];
    if (tgi_check_operands(&call, tgi_tape_of_any(count, x), op, count, x, types)) return false;
    call.attr = attr;
    return !op->infer(&call);
}

/* Whether the options are no others than those in `known`. */
static bool are_known(tg_tape *tape, const char *what, int options, int known) {
    if (options & ~known && !tgi_check(tape)) tgi_fail(tape, TG_ERR_ARGUMENT, what, "unknown options %d", options);
    return !(options & ~known);
}

/* The column or columns x for a vector or a matrix b. */
static tg_tensor without_last_axis(tg_tensor x) {
    if (!tg_valid(x)) return x;
    tg_shape shape = tg_shape_of(x);
    shape.rank--;
    return tg_reshape(x, shape);
}

static bool is_vector(tg_tensor x) {
    return tgi_node_at(x.tape, tgi_index(x))->rank == 1;
}

static tg_tensor as_column(tg_tensor b) {
    return tg_reshape(b, TG_SHAPE(-1, 1));
}

/* Triangle after triangle: L, then L^T; R^T, then R. */
static tg_tensor solve_by_factor(tg_tensor factor, tg_tensor b, int triangle) {
    int first = triangle == TG_UPPER ? TG_UPPER | TG_TRANSPOSED : TG_LOWER;
    return record_triangular(factor, record_triangular(factor, b, first), first ^ TG_TRANSPOSED);
}

/* A triangle at the right of X is its transpose at the left of X^T; and of a vector there is no transpose. */
static tg_tensor solve_by_options(tg_tensor t, tg_tensor b, int options) {
    if (is_vector(b) && options & TG_RIGHT) options ^= TG_TRANSPOSED;
    if (is_vector(b)) return without_last_axis(record_triangular(t, as_column(b), options & ~TG_RIGHT));
    if (options & TG_RIGHT) return transposed(record_triangular(t, transposed(b), (options & ~TG_RIGHT) ^ TG_TRANSPOSED));
    return record_triangular(t, b, options);
}

tg_tensor(tg_solve_triangular)(tg_tensor t, tg_tensor b, int options) {
    tg_tensor      x[] = {t, b};
    tg_tape       *tape = tgi_tape_of_any(2, x);
    tgi_solve_attr attr = {.options = options};
    bool           known = are_known(tape, "solve_triangular", options, TG_UPPER | TG_TRANSPOSED | TG_UNIT | TG_RIGHT);
    if (!known || !tgi_takes_matrices(&solve_triangular, 2, x, &attr)) return tgi_invalid(tape);
    tg_scope scope = tg_begin_scope(tape, "solve_triangular");
    return tg_end_scope_with(scope, solve_by_options(t, b, options));
}

tg_tensor(tg_cholesky)(tg_tensor a, int triangle) {
    tg_tape *tape = tgi_tape_of(a);
    if (!are_known(tape, "cholesky", triangle, TG_UPPER) || !tgi_takes_matrices(&cholesky, 1, &a, NULL))
        return tgi_invalid(tape);
    if (triangle == TG_LOWER) return tg_record(NULL, &cholesky, 1, &a, NULL, 0);
    tg_scope  scope = tg_begin_scope(tape, "cholesky");
    tg_tensor mirrored = transposed(a);
    return tg_end_scope_with(scope, transposed(tg_record(NULL, &cholesky, 1, &mirrored, NULL, 0)));
}

tg_tensor(tg_cholesky_solve)(tg_tensor factor, tg_tensor b, int triangle) {
    static const tg_op op = {"cholesky_solve", 2, infer_solve, .kernel = NULL};
    tg_tensor          x[] = {factor, b};
    tg_tape           *tape = tgi_tape_of_any(2, x);
    tgi_solve_attr     attr = {0};
    if (!are_known(tape, "cholesky_solve", triangle, TG_UPPER) || !tgi_takes_matrices(&op, 2, x, &attr))
        return tgi_invalid(tape);
    tg_scope scope = tg_begin_scope(tape, "cholesky_solve");
    if (is_vector(b)) return tg_end_scope_with(scope, without_last_axis(solve_by_factor(factor, as_column(b), triangle)));
    return tg_end_scope_with(scope, solve_by_factor(factor, b, triangle));
}

tg_tensor(tg_solve)(tg_tensor a, tg_tensor b) {
    tg_tensor      x[] = {a, b};
    tg_tape       *tape = tgi_tape_of_any(2, x);
    tgi_solve_attr attr = {0};
    if (!tgi_takes_matrices(&solve, 2, x, &attr)) return tgi_invalid(tape);
    tg_scope  scope = tg_begin_scope(tape, "solve");
    tg_tensor lu = tgi_lu_of(a);
    if (is_vector(b)) return tg_end_scope_with(scope, without_last_axis(record_solve(&solve, a, as_column(b), lu, 0)));
    return tg_end_scope_with(scope, record_solve(&solve, a, b, lu, 0));
}

tg_tensor(tg_inverse)(tg_tensor a) {
    static const tg_op op = {"inverse", 1, tgi_infer_square, .kernel = NULL};
    tg_tape           *tape = tgi_tape_of(a);
    if (!tgi_takes_matrices(&op, 1, &a, NULL)) return tgi_invalid(tape);
    tg_scope  scope = tg_begin_scope(tape, "inverse");
    tg_tensor lu = tgi_lu_of(a);
    return tg_end_scope_with(scope, tgi_inverse_by(a, lu, 0));
}
