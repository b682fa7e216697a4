/* tests/ops/test_linalg.c: systems of equations, factors, determinants: their rows of the op table, with elimination in long
 * double as the formula; matrices across the edges of blocks; and what has no answer.
 *
 * The rows' matrices are stacks, because one of the table's layouts makes all that lies along the first axis equal. Where a
 * matrix has to be positive definite, it is x x^T of the operand.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include <tapegrad/linalg.h>

#include "ops/op_table.h"

/* ---- the formulas ------------------------------------------------------------------------------------------------ */

enum { MOST_ROWS = 12 };

typedef struct square {
    int         n;
    long double at[MOST_ROWS][MOST_ROWS];
} square;

/* Matrix i of the operand, seen in a stack of that shape. */
static square matrix_of(const values *x, tg_shape stack, int64_t i) {
    square  m = {.n = (int)x->shape.dims[x->shape.rank - 1]};
    int64_t index[TG_MAX_RANK] = {0};
    unravel(stack, i, index);
    for (index[stack.rank] = 0; index[stack.rank] < m.n; index[stack.rank]++)
        for (index[stack.rank + 1] = 0; index[stack.rank + 1] < m.n; index[stack.rank + 1]++)
            m.at[index[stack.rank]][index[stack.rank + 1]] = x->at[ravel_broadcast(x->shape, stack.rank + 2, index)].real;
    return m;
}

/* x x^T for the operand's matrix i, n x 2n. */
static square gram_of(const values *x, int64_t i) {
    int     n = (int)x->shape.dims[x->shape.rank - 2], wide = (int)x->shape.dims[x->shape.rank - 1];
    square  m = {.n = n};
    int64_t first = i * n * wide;
    for (int r = 0; r < n; r++)
        for (int c = 0; c < n; c++)
            for (int k = 0; k < wide; k++)
                m.at[r][c] += x->at[first + r * wide + k].real * x->at[first + c * wide + k].real;
    return m;
}

static square transposed_of(const square *m) {
    square t = {.n = m->n};
    for (int i = 0; i < m->n; i++)
        for (int j = 0; j < m->n; j++)
            t.at[i][j] = m->at[j][i];
    return t;
}

static square times(const square *a, const square *b) {
    square c = {.n = a->n};
    for (int i = 0; i < a->n; i++)
        for (int j = 0; j < a->n; j++)
            for (int k = 0; k < a->n; k++)
                c.at[i][j] += a->at[i][k] * b->at[k][j];
    return c;
}

static void swap_rows(square *m, int i, int j) {
    for (int k = 0; k < m->n; k++) {
        long double x = m->at[i][k];
        m->at[i][k] = m->at[j][k];
        m->at[j][k] = x;
    }
}

/* Gauss and Jordan: the inverse, and the determinant. */
static square inverse_of(square m, long double *det) {
    square inverse = {.n = m.n};
    *det = 1;
    for (int i = 0; i < m.n; i++)
        inverse.at[i][i] = 1;
    for (int i = 0; i < m.n; i++) {
        int best = i;
        for (int r = i + 1; r < m.n; r++)
            if (fabsl(m.at[r][i]) > fabsl(m.at[best][i])) best = r;
        if (best != i) *det = -*det;
        swap_rows(&m, i, best);
        swap_rows(&inverse, i, best);
        long double pivot = m.at[i][i];
        *det *= pivot;
        for (int k = 0; k < m.n; k++) {
            m.at[i][k] /= pivot;
            inverse.at[i][k] /= pivot;
        }
        for (int r = 0; r < m.n; r++) {
            long double factor = r == i ? 0 : m.at[r][i];
            for (int k = 0; k < m.n; k++) {
                m.at[r][k] -= factor * m.at[i][k];
                inverse.at[r][k] -= factor * inverse.at[i][k];
            }
        }
    }
    return inverse;
}

static square cholesky_of(const square *a) {
    square l = {.n = a->n};
    for (int i = 0; i < l.n; i++)
        for (int j = 0; j <= i; j++) {
            long double sum = a->at[i][j];
            for (int k = 0; k < j; k++)
                sum -= l.at[i][k] * l.at[j][k];
            l.at[i][j] = i == j ? sqrtl(sum) : sum / l.at[j][j];
        }
    return l;
}

/* What tg_solve_triangular sees of a matrix. */
static square triangle_of(const square *m, int options) {
    square t = {.n = m->n};
    for (int i = 0; i < t.n; i++)
        for (int j = 0; j < t.n; j++) {
            bool inside = options & TG_UPPER ? j > i : j < i;
            t.at[i][j] = i == j ? (options & TG_UNIT ? 1 : m->at[i][i]) : inside ? m->at[i][j] : 0;
        }
    return options & TG_TRANSPOSED ? transposed_of(&t) : t;
}

/* ---- what the rows expect ---------------------------------------------------------------------------------------- */

static tg_shape stack_of(tg_shape shape, int matrix_axes) {
    shape.rank = shape.rank > matrix_axes ? shape.rank - matrix_axes : 0;
    return shape;
}

typedef square      to_square(square m, int options);
typedef long double to_number(square m);

static void expect_squares(const values *x, bool gram, to_square *f, int options, values *y) {
    tg_shape stack = stack_of(x->shape, 2), shape = x->shape;
    shape.dims[shape.rank - 1] = shape.dims[shape.rank - 2];
    clear_values(y, x->dtype, shape);
    y->scale = 100;
    for (int64_t i = 0, n = shape.dims[shape.rank - 1]; i < tg_shape_size(stack) && n; i++) {
        square m = f(gram ? gram_of(x, i) : matrix_of(x, stack, i), options);
        for (int64_t k = 0; k < n * n; k++)
            y->at[i * n * n + k].real = m.at[k / n][k % n];
    }
}

static void expect_numbers(const values *x, bool gram, to_number *f, values *y) {
    tg_shape stack = stack_of(x->shape, 2);
    clear_values(y, x->dtype, stack);
    y->scale = 100;
    for (int64_t i = 0; i < y->size; i++)
        y->at[i].real = f(gram ? gram_of(x, i) : matrix_of(x, stack, i));
}

/* x = f(a) b, or b f(a) with `right`; b may be one vector for all. */
static void expect_product(const values *x, to_square *f, int options, values *y) {
    const values *a = &x[0], *b = &x[1];
    bool          vector = b->shape.rank == 1, right = options & TG_RIGHT;
    int64_t       n = a->shape.dims[a->shape.rank - 1], index[TG_MAX_RANK] = {0};
    tg_shape      stack = broadcast_shapes(stack_of(a->shape, 2), vector ? TG_SHAPE() : stack_of(b->shape, 2)), shape = stack;
    for (int i = vector ? 1 : 2; i > 0; i--)
        shape.dims[shape.rank++] = b->shape.dims[b->shape.rank - i];
    clear_values(y, a->dtype, shape);
    y->scale = 200;
    for (int64_t e = 0; e < y->size; e++) {
        unravel(shape, e, index);
        int64_t  row = vector ? index[shape.rank - 1] : index[shape.rank - 2], column = index[shape.rank - 1];
        tg_shape all = stack;
        square   m = f(matrix_of(a, all, e / (y->size / tg_shape_size(stack))), options);
        for (int64_t k = 0; k < n; k++) {
            index[shape.rank - 1] = vector || right ? k : column;
            if (!vector && !right) index[shape.rank - 2] = k;
            long double factor = right ? m.at[k][column] : m.at[row][k];
            y->at[e].real += factor * b->at[vector ? k : ravel_broadcast(b->shape, shape.rank, index)].real;
        }
    }
}

static square f_cholesky(square m, int options) {
    square l = cholesky_of(&m);
    return options & TG_UPPER ? transposed_of(&l) : l;
}

static square f_inverse(square m, int options) {
    long double det;
    (void)options;
    return inverse_of(m, &det);
}

static square f_triangle(square m, int options) {
    long double det;
    return inverse_of(triangle_of(&m, options), &det);
}

static square f_cholesky_solve(square m, int options) {
    long double det;
    square      t = triangle_of(&m, options), turned = transposed_of(&t);
    return inverse_of(options & TG_UPPER ? times(&turned, &t) : times(&t, &turned), &det);
}

static long double f_det(square m) {
    long double det;
    inverse_of(m, &det);
    return det;
}

static long double f_log(square m) {
    return logl(fabsl(f_det(m)));
}

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

static tg_tensor gram(tg_tensor x) {
    return tg_matmul(x, tg_transpose(x, -1, -2));
}

#define ROW_FUNCTIONS(name, recorded, expected) \
    static tg_tensor record_##name(const tg_tensor *x, const settings *with) { \
        (void)with; \
        return recorded; \
    } \
    static void expect_##name(const values *x, const settings *with, values *y) { \
        (void)with; \
        expected; \
    }
ROW_FUNCTIONS(cholesky, tg_cholesky(gram(x[0]), with->value[0]), expect_squares(x, true, f_cholesky, with->value[0], y))
ROW_FUNCTIONS(inverse, tg_inverse(x[0]), expect_squares(x, false, f_inverse, 0, y))
ROW_FUNCTIONS(det, tg_det(x[0]), expect_numbers(x, false, f_det, y))
ROW_FUNCTIONS(logdet, tg_logdet(gram(x[0])), expect_numbers(x, true, f_log, y))
ROW_FUNCTIONS(slogdet, tg_slogdet(x[0], NULL), expect_numbers(x, false, f_log, y))
ROW_FUNCTIONS(solve, tg_solve(x[0], x[1]), expect_product(x, f_inverse, 0, y))
ROW_FUNCTIONS(solve_triangular, tg_solve_triangular(x[0], x[1], with->value[0]),
              expect_product(x, f_triangle, with->value[0], y))
ROW_FUNCTIONS(cholesky_solve, tg_cholesky_solve(x[0], x[1], with->value[0]),
              expect_product(x, f_cholesky_solve, with->value[0], y))

static const op_case gram_cases[] = {{.shape = {{3, {2, 2, 4}}}, .with = {1, {TG_LOWER}}},
                                     {.shape = {{3, {2, 3, 6}}}, .with = {1, {TG_UPPER}}},
                                     {.shape = {{3, {1, 1, 2}}}, .with = {1, {TG_LOWER}}},
                                     {.shape = {{4, {2, 1, 3, 6}}}, .with = {1, {TG_LOWER}}},
                                     {.shape = {{3, {0, 3, 6}}}, .with = {1, {TG_LOWER}}},
                                     {.shape = {{3, {2, 0, 0}}}, .with = {1, {TG_UPPER}}},
                                     {.shape = {{8, {1, 2, 1, 1, 1, 1, 2, 4}}}, .with = {1, {TG_LOWER}}}};
static const op_case square_cases[] = {{.shape = {{3, {2, 2, 2}}}}, {.shape = {{3, {2, 3, 3}}}},
                                       {.shape = {{3, {1, 1, 1}}}}, {.shape = {{3, {0, 2, 2}}}},
                                       {.shape = {{3, {2, 0, 0}}}}, {.shape = {{4, {2, 1, 3, 3}}}},
                                       {.shape = {{3, {1, 4, 4}}}}, {.shape = {{8, {1, 2, 1, 1, 1, 1, 2, 2}}}}};
#define SYSTEMS(options) \
    {.shape = {{3, {2, 2, 2}}, {3, {2, 2, 2}}}, .with = {1, {options}}}, \
        {.shape = {{3, {2, 3, 3}}, {2, {3, 3}}}, .with = {1, {options}}}, \
        {.shape = {{4, {2, 1, 2, 2}}, {3, {3, 2, 2}}}, .with = {1, {options}}}, \
        {.shape = {{3, {2, 3, 3}}, {1, {3}}}, .with = {1, {options}}}, { \
        .shape = {{3, {2, 3, 3}}, {3, {1, 3, 3}}}, .with = { 1, {options} } \
    }
static const op_case system_cases[] = {SYSTEMS(0),
                                       {.shape = {{3, {1, 3, 3}}, {3, {2, 3, 1}}}},
                                       {.shape = {{3, {2, 2, 2}}, {3, {2, 2, 0}}}},
                                       {.shape = {{3, {2, 0, 0}}, {3, {2, 0, 3}}}},
                                       {.shape = {{3, {0, 2, 2}}, {2, {2, 2}}}},
                                       {.shape = {{8, {1, 2, 1, 1, 1, 1, 2, 2}}, {2, {2, 1}}}}};
static const op_case triangle_cases[] = {SYSTEMS(TG_LOWER),
                                         SYSTEMS(TG_UPPER),
                                         SYSTEMS(TG_LOWER | TG_TRANSPOSED),
                                         SYSTEMS(TG_UPPER | TG_TRANSPOSED | TG_UNIT),
                                         SYSTEMS(TG_LOWER | TG_UNIT | TG_RIGHT),
                                         SYSTEMS(TG_UPPER | TG_RIGHT),
                                         SYSTEMS(TG_UPPER | TG_TRANSPOSED | TG_RIGHT),
                                         {.shape = {{3, {1, 3, 3}}, {3, {2, 3, 1}}}, .with = {1, {TG_LOWER}}},
                                         {.shape = {{3, {2, 2, 2}}, {3, {2, 2, 0}}}, .with = {1, {TG_UPPER}}},
                                         {.shape = {{3, {2, 0, 0}}, {3, {2, 0, 3}}}, .with = {1, {TG_UPPER}}},
                                         {.shape = {{3, {0, 2, 2}}, {2, {2, 2}}}, .with = {1, {TG_LOWER}}}};
static const op_case factor_cases[] = {SYSTEMS(TG_LOWER),
                                       SYSTEMS(TG_UPPER),
                                       {.shape = {{3, {2, 0, 0}}, {3, {2, 0, 3}}}, .with = {1, {0}}}};

/* `says` is the name in all messages; "" where the operand goes through x x^T first. */
#define ROW(name_, says, operands, from_a, to_a, cases_) \
    { \
        .name = #name_, .called = says, .arity = operands, .takes = TAKES_FLOAT, .record = record_##name_, \
        .expect = expect_##name_, .low = {from_a, -2}, .high = {to_a, 2}, .cases = cases_, \
        .case_count = sizeof cases_ / sizeof *cases_ \
    }
const op_row linalg_rows[] = {
    ROW(cholesky, "", 1, -2, 2, gram_cases),
    ROW(cholesky_solve, "cholesky_solve", 2, 0.5, 2, factor_cases),
    ROW(solve, "solve", 2, -3, 2, system_cases),
    ROW(solve_triangular, "solve_triangular", 2, 0.5, 2, triangle_cases),
    ROW(inverse, "inverse", 1, -3, 2, square_cases),
    ROW(det, "det", 1, -3, 2, square_cases),
    ROW(logdet, "", 1, -2, 2, gram_cases),
    ROW(slogdet, "slogdet", 1, -3, 2, square_cases),
    {.name = NULL},
};

/* ---- single matrices --------------------------------------------------------------------------------------------- */

#define MATRIX(tape, n, ...) tg_constant(tape, TG_F64, TG_SHAPE(n, n), (double[]){__VA_ARGS__})

START_TEST(small_matrices) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = MATRIX(tape, 2, 4, 2, 2, 5), m = MATRIX(tape, 2, 0, 2, -4, 0), sign = {0};
    CHECK_IS(tg_cholesky(a, TG_LOWER), 2, 0, 1, 2);
    CHECK_IS(tg_cholesky(a, TG_UPPER), 2, 1, 0, 2);
    CHECK_IS(tg_det(a), 16);
    CHECK_IS(tg_inverse(m), 0, -0.25, 0.5, 0);
    CHECK_IS(tg_solve(m, F64(tape, 4, 8)), -2, 2);
    CHECK_IS(tg_det(m), 8);
    CHECK_IS(tg_slogdet(tg_neg(MATRIX(tape, 1, 1)), &sign), 0);
    CHECK_IS(sign, -1);
    CHECK_IS(tg_det(tg_full(tape, TG_F64, TG_SHAPE(0, 0), 1)), 1);
    CHECK_IS(tg_logdet(tg_full(tape, TG_F64, TG_SHAPE(2, 0, 0), 1)), 0, 0);
    CHECK_IS(tg_cholesky(MATRIX(tape, 1, 9), TG_LOWER), 3);
    finish(tape);
}
END_TEST

/* Only the triangle that is named is looked at, whatever is in the other one. */
START_TEST(the_other_triangle_does_not_count) {
    tg_tape  *tape = tg_tape_new();
    double    nan = (double)NAN;
    tg_tensor lower = MATRIX(tape, 2, 4, nan, 2, 5), upper = MATRIX(tape, 2, 4, 2, nan, 5), b = F64(tape, 4, 12);
    CHECK_IS(tg_cholesky(lower, TG_LOWER), 2, 0, 1, 2);
    CHECK_IS(tg_cholesky(upper, TG_UPPER), 2, 1, 0, 2);
    CHECK_IS(tg_solve_triangular(lower, b, TG_LOWER), 1, 2);
    CHECK_IS(tg_solve_triangular(upper, b, TG_UPPER | TG_TRANSPOSED), 1, 2);
    CHECK_IS(tg_solve_triangular(MATRIX(tape, 2, nan, nan, 2, 0), b, TG_LOWER | TG_UNIT), 4, 4);
    CHECK_IS(slope(tg_solve_triangular(lower, b, TG_LOWER), lower), -0.15, 0, -0.2, -0.4);
    finish(tape);
}
END_TEST

/* L = sqrt(a) for a matrix of one; and for two, dL_10/da_10 is shared by the element and its mirror image, of which just one
 * counts. */
START_TEST(the_gradient_of_cholesky_is_symmetric) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = MATRIX(tape, 2, 4, 2, 2, 5), l = tg_cholesky(a, TG_LOWER), r = tg_cholesky(a, TG_UPPER);
    tg_tensor pick = MATRIX(tape, 2, 0, 0, 1, 0);
    CHECK_IS(slope(tg_mul(l, pick), a), -0.125, 0.25, 0.25, 0);
    CHECK_IS(slope(tg_mul(r, tg_transpose(pick, 0, 1)), a), -0.125, 0.25, 0.25, 0);
    CHECK_IS(slope(tg_cholesky(MATRIX(tape, 1, 16), TG_LOWER), a), 0, 0, 0, 0);
    tg_tensor one = MATRIX(tape, 1, 16);
    CHECK_IS(slope(tg_cholesky(one, TG_LOWER), one), 0.125);
    finish(tape);
}
END_TEST

/* The matrix is factored once for the solution and its gradients. */
START_TEST(factors_are_shared) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = MATRIX(tape, 2, 4, 2, 2, 5), b = F64(tape, 1, 2), grads[2];
    int64_t   count = tg_instruction_count(tape);
    tg_tensor x = tg_solve(a, tg_reshape(b, TG_SHAPE(2, 1)));
    ck_assert_int_eq(tg_instruction_count(tape), count + 3);
    ck_assert_int_eq(tg_vjp(tape, 1, &x, NULL, 2, (tg_tensor[]){a, b}, grads), TG_OK);
    CHECK_IS(grads[1], 3.0 / 16, 2.0 / 16);
    finish(tape);
}
END_TEST

/* n x n, well conditioned: 4 and more on the diagonal. */
static tg_tensor large(tg_tape *tape, tg_dtype dtype, int64_t n) {
    tg_seed(tape, 5);
    tg_tensor x = tg_mul(2 / sqrt((double)n), tg_randn(tape, dtype, TG_SHAPE(2, n, n)));
    double   *eye = calloc((size_t)(n * n), sizeof *eye);
    for (int64_t i = 0; i < n; i++)
        eye[i * (n + 1)] = 4;
    tg_tensor diagonal = tg_cast(tg_constant(tape, TG_F64, TG_SHAPE(n, n), eye), dtype);
    free(eye);
    return tg_add(x, diagonal);
}

static double largest(tg_tensor x) {
    double  most = 0, *at = calloc((size_t)tg_size(x) + 1, sizeof *at);
    int64_t size = tg_size(x);
    ck_assert_int_eq(tg_read(tg_cast(x, TG_F64), at, size), TG_OK);
    for (int64_t i = 0; i < size; i++)
        most = fabs(at[i]) > most ? fabs(at[i]) : most;
    free(at);
    return most;
}

static void check_large(tg_dtype dtype, int64_t n, double tolerance) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = large(tape, dtype, n), s = gram(a), b = tg_randn(tape, dtype, TG_SHAPE(n, 3)), l = tg_cholesky(s, TG_LOWER);
    ck_assert_double_lt(largest(tg_sub(tg_matmul(a, tg_solve(a, b)), b)), tolerance);
    ck_assert_double_lt(largest(tg_sub(gram(l), s)), 10 * tolerance);
    ck_assert_double_lt(largest(tg_sub(tg_matmul(s, tg_cholesky_solve(l, b, TG_LOWER)), b)), 10 * tolerance);
    ck_assert_double_lt(largest(tg_sub(tg_logdet(s), tg_mul(2, tg_slogdet(a, NULL)))), (double)n * tolerance);
    tg_tensor half = tg_sum_axes(tg_log(tg_einsum("...ii->...i", l)), TG_AXES(-1), false);
    ck_assert_double_lt(largest(tg_sub(tg_slogdet(a, NULL), half)), (double)n * tolerance);
    finish(tape);
}

START_TEST(large_matrices) {
    static const int64_t sizes[] = {31, 32, 33, 64, 95, 130, 200};
    check_large(TG_F64, sizes[_i], 2e-12);
    check_large(TG_F32, sizes[_i], 2e-3);
}
END_TEST

/* ---- what has no answer ------------------------------------------------------------------------------------------ */

/* The run fails with these texts; what was recorded for it is dropped. */
#define NO_ANSWER(tape, value, ...) \
    do { \
        tg_mark tgi_mark = tg_tape_mark(tape); \
        ck_assert_int_eq(tg_keep(value), TG_OK); \
        ck_assert_int_eq(tg_run(tape), TG_ERR_NUMERIC); \
        CHECK_ERROR(tape, TG_ERR_NUMERIC, "test_linalg.c:", __VA_ARGS__); \
        ck_assert_int_eq(tg_rewind(tape, tgi_mark), TG_OK); \
    } while (0)

START_TEST(no_answer_is_an_error) {
    tg_tape  *tape = tg_tape_new();
    double    nan = (double)NAN, inf = (double)INFINITY;
    tg_tensor singular = MATRIX(tape, 2, 1, 2, 2, 4), b = F64(tape, 1, 1), zero = MATRIX(tape, 2, 1, 0, 0, 0);
    tg_tensor stack = tg_constant(tape, TG_F64, TG_SHAPE(2, 1, 2, 2), (double[]){1, 0, 0, 1, 1, 1, 1, 1});
    NO_ANSWER(tape, tg_solve(singular, b), "solve: the matrix is singular: pivot 2 is 0");
    NO_ANSWER(tape, tg_inverse(singular), "inverse: the matrix is singular: pivot 2 is 0");
    NO_ANSWER(tape, tg_logdet(singular), "logdet: the matrix is singular: pivot 2 is 0");
    NO_ANSWER(tape, tg_slogdet(singular, NULL), "slogdet: the matrix is singular");
    NO_ANSWER(tape, tg_inverse(stack), "inverse: matrix (1, 0) is singular: pivot 2 is 0");
    NO_ANSWER(tape, tg_cholesky(stack, TG_UPPER), "cholesky: matrix (1, 0) is not positive definite", "order 2");
    NO_ANSWER(tape, tg_cholesky(MATRIX(tape, 2, 1, 2, 2, 1), TG_LOWER), "cholesky: the matrix is not positive definite",
              "order 2");
    NO_ANSWER(tape, tg_logdet(MATRIX(tape, 2, 0, 1, 1, 0)), "logdet: the determinant of the matrix is negative", "tg_slogdet");
    NO_ANSWER(tape, tg_solve_triangular(zero, b, TG_UPPER),
              "solve_triangular: the matrix is singular: element 2 of its diagonal");
    NO_ANSWER(tape, tg_solve(MATRIX(tape, 2, nan, 1, 1, 1), b), "solve: the matrix holds NaN");
    NO_ANSWER(tape, tg_solve(MATRIX(tape, 2, 1, 1, 1, nan), b), "solve: the matrix holds NaN");
    NO_ANSWER(tape, tg_inverse(MATRIX(tape, 2, 1, inf, 1, 1)), "inverse: the matrix holds NaN or infinity");
    NO_ANSWER(tape, tg_inverse(MATRIX(tape, 1, inf)), "inverse: the matrix holds NaN or infinity");
    NO_ANSWER(tape, tg_cholesky(MATRIX(tape, 2, 1, 0, nan, 1), TG_LOWER), "cholesky", "order 2");
    NO_ANSWER(tape, tg_cholesky(MATRIX(tape, 1, inf), TG_LOWER), "cholesky", "order 1");
    finish(tape);
}
END_TEST

START_TEST(large_matrices_without_an_answer) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor ones = tg_full(tape, TG_F64, TG_SHAPE(140, 140), 1);
    NO_ANSWER(tape, tg_inverse(ones), "inverse: the matrix is singular: pivot 2 is 0");
    NO_ANSWER(tape, tg_cholesky(ones, TG_LOWER), "cholesky: the matrix is not positive definite", "order 2 ");
    NO_ANSWER(tape, tg_cholesky(tg_mul((double)INFINITY, ones), TG_LOWER), "cholesky", "order 1 ");
    NO_ANSWER(tape, tg_cholesky(tg_mul((double)NAN, ones), TG_LOWER), "cholesky", "order 1 ");
    NO_ANSWER(tape, tg_inverse(tg_mul((double)NAN, ones)), "inverse", "NaN");
    CHECK_IS(tg_det(ones), 0);
    finish(tape);
}
END_TEST

START_TEST(a_nan_at_the_right_spreads) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor b = tg_constant(tape, TG_F64, TG_SHAPE(2, 2), (double[]){(double)NAN, 1, 2, 3});
    CHECK_IS(tg_solve(MATRIX(tape, 2, 2, 0, 0, 1), b), (double)NAN, 0.5, (double)NAN, 3);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(shapes_that_do_not_fit) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_full(tape, TG_F64, TG_SHAPE(3, 3), 1), w = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1), v = F64(tape, 1, 2);
    tg_tensor s = tg_full(tape, TG_F64, TG_SHAPE(), 1), f = tg_cast(a, TG_F32), turned = tg_transpose(w, 0, 1), sign;
    tg_tensor two = tg_broadcast_to(a, TG_SHAPE(2, 3, 3)), three = tg_broadcast_to(a, TG_SHAPE(3, 3, 3));
    REFUSED(tg_solve(a, w), TG_ERR_SHAPE, "test_linalg.c:", "solve: (3, 3) x (2, 3): ", "size 3", "2 rows");
    REFUSED(tg_solve(a, v), TG_ERR_SHAPE, "solve: (3, 3) x (2): ", "2 elements");
    REFUSED(tg_solve(a, s), TG_ERR_SHAPE, "solve: (3, 3) x (): ");
    REFUSED(tg_solve(a, 1), TG_ERR_SHAPE, "solve: (3, 3) x (): ");
    REFUSED(tg_solve(s, v), TG_ERR_SHAPE, "solve: () x (2): ", "rank 0");
    REFUSED(tg_solve(two, three), TG_ERR_SHAPE, "do not broadcast");
    REFUSED(tg_solve_triangular(a, turned, TG_RIGHT), TG_ERR_SHAPE, "solve_triangular: (3, 3) x (3, 2): ", "2 columns");
    REFUSED(tg_solve_triangular(w, a, TG_LOWER), TG_ERR_SHAPE, "solve_triangular: (2, 3) x (3, 3): ", "not square");
    REFUSED(tg_solve_triangular(a, a, 16), TG_ERR_ARGUMENT, "solve_triangular", "16");
    REFUSED(tg_cholesky(w, TG_LOWER), TG_ERR_SHAPE, "cholesky: (2, 3): ", "not square");
    REFUSED(tg_cholesky(v, TG_UPPER), TG_ERR_SHAPE, "cholesky: (2): ", "rank 1");
    REFUSED(tg_cholesky(a, TG_TRANSPOSED), TG_ERR_ARGUMENT, "cholesky", "2");
    REFUSED(tg_cholesky_solve(w, a, TG_LOWER), TG_ERR_SHAPE, "cholesky_solve: (2, 3) x (3, 3): ");
    REFUSED(tg_cholesky_solve(a, a, TG_UNIT), TG_ERR_ARGUMENT, "cholesky_solve");
    REFUSED(tg_inverse(w), TG_ERR_SHAPE, "inverse: (2, 3): ");
    REFUSED(tg_det(s), TG_ERR_SHAPE, "det: (): ");
    REFUSED(tg_logdet(w), TG_ERR_SHAPE, "logdet: (2, 3): ");
    REFUSED(tg_slogdet(w, &sign), TG_ERR_SHAPE, "slogdet: (2, 3): ");
    ck_assert(!tg_valid(sign));
    REFUSED(tg_solve(a, f), TG_ERR_DTYPE, "solve: float64 (3, 3) x float32 (3, 3): ");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_linalg(void) {
    Suite *suite = suite_create("linalg");
    TCase *tcase = tcase_create("matrices");
    add_rows(suite, linalg_rows);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, small_matrices);
    tcase_add_test(tcase, the_other_triangle_does_not_count);
    tcase_add_test(tcase, the_gradient_of_cholesky_is_symmetric);
    tcase_add_test(tcase, factors_are_shared);
    tcase_add_loop_test(tcase, large_matrices, 0, 7);
    tcase_add_test(tcase, no_answer_is_an_error);
    tcase_add_test(tcase, large_matrices_without_an_answer);
    tcase_add_test(tcase, a_nan_at_the_right_spreads);
    tcase_add_test(tcase, shapes_that_do_not_fit);
    suite_add_tcase(suite, tcase);
    return suite;
}
