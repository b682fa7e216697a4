/* tests/ops/test_decompose.c: eigenvalues, singular values, QR: their rows of the op table, with bisection and Gram and
 * Schmidt's method in long double as the formulas; the vectors that come with them, and their derivatives; equal values; and
 * what has no answer.
 *
 * The rows' matrices are stacks, because one of the table's layouts makes all that lies along the first axis equal.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include <tapegrad/linalg.h>

#include "ops/op_table.h"

/* ---- eigenvalues: so many are below x as there are negative pivots in a - x ----------------------------------------- */

enum { MOST_ROWS = 12 };

typedef struct square {
    int         n;
    long double at[MOST_ROWS][MOST_ROWS];
} square;

static int values_below(square a, long double x) {
    int count = 0;
    for (int i = 0; i < a.n; i++)
        a.at[i][i] -= x;
    for (int i = 0; i < a.n; i++) {
        long double pivot = a.at[i][i] == 0 ? 1e-30L : a.at[i][i];
        count += pivot < 0;
        for (int r = i + 1; r < a.n; r++)
            for (int c = i + 1; c < a.n; c++)
                a.at[r][c] -= a.at[r][i] / pivot * a.at[i][c];
    }
    return count;
}

/* The value with k others below it. */
static long double eigenvalue(const square *a, int k) {
    long double low = -1000, high = 1000;
    for (int i = 0; i < 120; i++) {
        long double middle = (low + high) / 2;
        if (values_below(*a, middle) > k)
            high = middle;
        else
            low = middle;
    }
    return (low + high) / 2;
}

/* Element (i, j) of matrix `which` of the operand. */
static long double at(const values *x, int64_t which, int64_t i, int64_t j) {
    int64_t m = x->shape.dims[x->shape.rank - 2], n = x->shape.dims[x->shape.rank - 1];
    return x->at[(which * m + i) * n + j].real;
}

static int64_t matrices_in(const values *x) {
    int64_t count = 1;
    for (int i = 0; i < x->shape.rank - 2; i++)
        count *= x->shape.dims[i];
    return count;
}

/* The shape of x with other sizes at its end; one that is negative is left out. */
static tg_shape ended(const values *x, int64_t rows, int64_t columns) {
    tg_shape shape = x->shape;
    shape.rank -= 2;
    shape.dims[shape.rank++] = rows;
    if (columns >= 0) shape.dims[shape.rank++] = columns;
    return shape;
}

/* x + x^T */
static void expect_eigh(const values *x, const settings *with, values *y) {
    int n = (int)x->shape.dims[x->shape.rank - 1];
    (void)with;
    clear_values(y, x->dtype, ended(x, n, -1));
    y->scale = 20;
    for (int64_t e = 0; e < y->size; e++) {
        square a = {.n = n};
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                a.at[i][j] = at(x, e / n, i, j) + at(x, e / n, j, i);
        y->at[e].real = eigenvalue(&a, (int)(e % n));
    }
}

/* Roots of the eigenvalues of the smaller one of x x^T and x^T x. */
static void expect_svd(const values *x, const settings *with, values *y) {
    int m = (int)x->shape.dims[x->shape.rank - 2], n = (int)x->shape.dims[x->shape.rank - 1], k = m < n ? m : n;
    (void)with;
    clear_values(y, x->dtype, ended(x, k, -1));
    y->scale = 20;
    for (int64_t e = 0; e < y->size; e++) {
        square a = {.n = k};
        for (int i = 0; i < k; i++)
            for (int j = 0; j < k; j++)
                for (int l = 0; l < m + n - k; l++)
                    a.at[i][j] += m < n ? at(x, e / k, i, l) * at(x, e / k, j, l) : at(x, e / k, l, i) * at(x, e / k, l, j);
        y->at[e].real = sqrtl(eigenvalue(&a, k - 1 - (int)(e % k)));
    }
}

/* Each column, without what it has of those before it, twice, divided by its length. */
static void expect_qr(const values *x, const settings *with, values *y) {
    int64_t m = x->shape.dims[x->shape.rank - 2], n = x->shape.dims[x->shape.rank - 1], k = m < n ? m : n;
    (void)with;
    clear_values(y, x->dtype, ended(x, m, k));
    y->scale = 20;
    for (int64_t which = 0, count = y->size ? matrices_in(x) : 0; which < count; which++) {
        element *q = y->at + which * m * k;
        for (int64_t j = 0; j < k; j++) {
            long double length = 0;
            for (int64_t i = 0; i < m; i++)
                q[i * k + j].real = at(x, which, i, j);
            for (int64_t twice = 0; twice < 2 * j; twice++) {
                long double dot = 0;
                for (int64_t i = 0; i < m; i++)
                    dot += q[i * k + j].real * q[i * k + twice % j].real;
                for (int64_t i = 0; i < m; i++)
                    q[i * k + j].real -= dot * q[i * k + twice % j].real;
            }
            for (int64_t i = 0; i < m; i++)
                length += q[i * k + j].real * q[i * k + j].real;
            for (int64_t i = 0; i < m; i++)
                q[i * k + j].real /= sqrtl(length);
        }
    }
}

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

static const op_case square_cases[] = {
    {.shape = {{3, {2, 2, 2}}}}, {.shape = {{3, {2, 3, 3}}}},    {.shape = {{3, {1, 1, 1}}}},   {.shape = {{3, {2, 0, 0}}}},
    {.shape = {{3, {0, 2, 2}}}}, {.shape = {{4, {2, 2, 2, 2}}}}, {.shape = {{3, {3, 12, 12}}}},
};
static const op_case any_cases[] = {
    {.shape = {{3, {2, 3, 2}}}}, {.shape = {{3, {2, 2, 3}}}},    {.shape = {{3, {2, 3, 3}}}},  {.shape = {{3, {1, 1, 1}}}},
    {.shape = {{3, {2, 4, 1}}}}, {.shape = {{3, {2, 1, 3}}}},    {.shape = {{3, {2, 0, 3}}}},  {.shape = {{3, {2, 3, 0}}}},
    {.shape = {{3, {0, 2, 3}}}}, {.shape = {{4, {2, 2, 3, 2}}}}, {.shape = {{3, {2, 20, 9}}}}, {.shape = {{3, {2, 7, 30}}}},
};

static tg_tensor symmetric(tg_tensor x) {
    return tg_add(x, tg_transpose(x, -1, -2));
}

static tg_tensor record_eigh(const tg_tensor *x, const settings *with) {
    (void)with;
    return tg_eigh(symmetric(x[0]), TG_LOWER, NULL);
}

static tg_tensor record_svd(const tg_tensor *x, const settings *with) {
    (void)with;
    return tg_svd(x[0], NULL, NULL);
}

static tg_tensor record_qr(const tg_tensor *x, const settings *with) {
    (void)with;
    return tg_qr(x[0], NULL);
}

#define ROW(function, word, list) \
    { \
        .name = #function, .called = word, .arity = 1, .takes = TAKES_FLOAT, .record = record_##function, \
        .expect = expect_##function, .low = {-3}, .high = {2}, .cases = list, .case_count = sizeof list / sizeof *list \
    }

const op_row decompose_rows[] = {
    ROW(eigh, "", square_cases),
    ROW(svd, "svd", any_cases),
    ROW(qr, "qr", any_cases),
    {.name = NULL},
};

/* ---- factors multiplied together again ----------------------------------------------------------------------------- */

static tg_tensor matrix(tg_tape *tape, tg_dtype dtype, int64_t rows, int64_t columns) {
    tg_seed(tape, 3);
    return tg_cast(tg_randn(tape, TG_F64, TG_SHAPE(2, rows, columns)), dtype);
}

static tg_tensor flipped(tg_tensor x) {
    return tg_transpose(x, -1, -2);
}

static void check_equal(tg_tensor a, tg_tensor b, double tolerance) {
    double far = tg_item(tg_max(tg_abs(tg_sub(tg_cast(a, TG_F64), tg_cast(b, TG_F64)))));
    ck_assert_msg(far <= tolerance, "%g apart: %s", far, tg_error(a.tape));
}

static void check_columns(tg_tensor x, double tolerance) {
    int64_t n = tg_shape_of(x).dims[2];
    check_equal(tg_matmul(flipped(x), x), tg_broadcast_to(tg_eye(x.tape, tg_dtype_of(x), n, n), TG_SHAPE(2, n, n)), tolerance);
}

START_TEST(factors_make_the_matrix) {
    static const int64_t shapes[][2] = {{5, 3}, {3, 5}, {4, 4}, {30, 20}};
    tg_dtype             dtype = floats[_i];
    double               tolerance = dtype == TG_F32 ? 2e-5 : 1e-13;
    tg_tape             *tape = tg_tape_new();
    for (int i = 0; i < 4; i++) {
        tg_tensor a = matrix(tape, dtype, shapes[i][0], shapes[i][1]), u, vh, r, s = tg_svd(a, &u, &vh), q = tg_qr(a, &r);
        check_equal(tg_matmul(tg_mul(u, tg_unsqueeze(s, -2)), vh), a, tolerance);
        check_columns(u, tolerance);
        check_columns(flipped(vh), tolerance);
        check_equal(tg_matmul(q, r), a, tolerance);
        check_columns(q, tolerance);
        check_equal(tg_triu(r, 0), r, 0);
        tg_tensor b = symmetric(tg_matmul(a, flipped(a))), v, lambda = tg_eigh(b, TG_LOWER, &v);
        check_equal(tg_matmul(tg_mul(v, tg_unsqueeze(lambda, -2)), flipped(v)), b, 200 * tolerance);
        check_columns(v, tolerance);
    }
    finish(tape);
}
END_TEST

START_TEST(one_triangle_is_read) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_constant(tape, TG_F64, TG_SHAPE(2, 2), ((double[]){2, 9, 1, 2})), v;
    check_equal(tg_eigh(a, TG_LOWER, &v), F64(tape, 1, 3), 1e-15);
    check_equal(tg_eigh(a, TG_UPPER, NULL), F64(tape, -7, 11), 1e-14);
    CHECK_IS(tg_gt(tg_reshape(v, TG_SHAPE(-1)), 0), 1, 1, 0, 1);
    finish(tape);
}
END_TEST

/* ---- derivatives of the vectors ---------------------------------------------------------------------------------- */

/* Of a sum that depends on every element of the factors by a different weight. */
static tg_tensor weighed(tg_tensor x) {
    tg_tensor weight = tg_reshape(tg_arange(x.tape, TG_F64, 1, (double)tg_size(x) + 1, 1), tg_shape_of(x));
    return tg_sum(tg_mul(tg_cos(weight), tg_add(x, tg_square(x))));
}

static void check_derivatives(tg_tensor y, tg_tensor x) {
    tg_gradcheck_report report = {.order = 2};
    ck_assert_msg(tg_gradcheck(y, 1, &x, &report) == TG_OK, "%s", tg_error(x.tape));
}

static const int64_t small_shapes[][2] = {{3, 2}, {2, 3}, {3, 3}, {1, 3}, {4, 2}};

START_TEST(derivatives_of_all_factors) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = matrix(tape, TG_F64, small_shapes[_i][0], small_shapes[_i][1]), u, vh, r;
    x = tg_constant(tape, TG_F64, tg_shape_of(x), tg_data(x));
    tg_tensor s = tg_svd(x, &u, &vh);
    check_derivatives(weighed(u), x);
    check_derivatives(weighed(vh), x);
    check_derivatives(tg_mul(weighed(s), weighed(vh)), x);
    tg_tensor q = tg_qr(x, &r);
    check_derivatives(weighed(r), x);
    check_derivatives(tg_mul(weighed(q), weighed(r)), x);
    finish(tape);
}
END_TEST

START_TEST(derivatives_of_eigenvectors) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = matrix(tape, TG_F64, 3, 3), v;
    x = tg_constant(tape, TG_F64, tg_shape_of(x), tg_data(x));
    tg_tensor lambda = tg_eigh(symmetric(x), TG_UPPER, &v);
    check_derivatives(weighed(v), x);
    check_derivatives(tg_mul(weighed(v), weighed(lambda)), x);
    finish(tape);
}
END_TEST

/* ---- equal values, and none ---------------------------------------------------------------------------------------- */

START_TEST(equal_values_have_gradients_and_their_vectors_none) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_cast(tg_eye(tape, TG_F64, 2, 2), TG_F64), b = tg_constant(tape, TG_F64, TG_SHAPE(2, 2), tg_data(a)), v, u;
    CHECK_IS(slope(tg_eigh(b, TG_LOWER, &v), b), 1, 0, 0, 1);
    CHECK_IS(tg_isfinite(slope(v, b)), 0, 0, 0, 0);
    CHECK_IS(slope(tg_svd(b, &u, NULL), b), 1, 0, 0, 1);
    CHECK_IS(tg_isfinite(slope(u, b)), 0, 0, 0, 0);
    tg_tensor zero = tg_constant(tape, TG_F64, TG_SHAPE(2, 2), ((double[]){0, 0, 0, 0})), r;
    CHECK_IS(tg_svd(zero, &u, NULL), 0, 0);
    CHECK_IS(u, 1, 0, 0, 1);
    CHECK_IS(tg_qr(zero, &r), 1, 0, 0, 1);
    CHECK_IS(r, 0, 0, 0, 0);
    finish(tape);
}
END_TEST

START_TEST(matrices_without_an_answer) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2, 2)), r;
    tg_mark   mark = tg_tape_mark(tape);
    tg_write(x, ((double[]){1, NAN, 0, 1}), 4);
    tg_svd(x, NULL, NULL);
    ck_assert_int_eq(tg_run(tape), TG_ERR_NUMERIC);
    CHECK_ERROR(tape, TG_ERR_NUMERIC, "test_decompose.c:", "svd: matrix 0 holds NaN or infinity");
    tg_discard(tape, mark);
    tg_write(x, ((double[]){1, 2, 2, 4}), 4);
    tg_tensor q = tg_qr(x, &r), g;
    ck_assert_int_eq(tg_vjp(tape, 1, &q, NULL, 1, &x, &g), TG_OK);
    ck_assert_int_eq(tg_run(tape), TG_OK); /* a rest of rounding stands on the diagonal */
    tg_discard(tape, mark);
    tg_write(x, ((double[]){0, 0, 0, 0}), 4);
    q = tg_qr(x, &r);
    ck_assert_int_eq(tg_vjp(tape, 1, &q, NULL, 1, &x, &g), TG_OK);
    ck_assert_int_eq(tg_run(tape), TG_ERR_NUMERIC);
    CHECK_ERROR(tape, TG_ERR_NUMERIC, "qr", "singular");
    tg_discard(tape, mark);
    finish(tape);
}
END_TEST

START_TEST(operands_that_do_not_fit_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1), row = F64(tape, 1, 2),
              whole = tg_full(tape, TG_I64, TG_SHAPE(2, 2), 1);
    tg_tensor a = tg_full(tape, TG_F64, TG_SHAPE(2, 2), 1), v = a;
    REFUSED(tg_eigh(x, TG_LOWER, &v), TG_ERR_SHAPE, "eigh: (2, 3): ", "not square");
    ck_assert(!tg_valid(v));
    REFUSED(tg_eigh(a, 7, NULL), TG_ERR_ARGUMENT, "eigh: unknown options 7");
    REFUSED(tg_svd(row, NULL, &v), TG_ERR_SHAPE, "svd: (2): ", "no matrix");
    REFUSED(tg_qr(whole, NULL), TG_ERR_DTYPE, "qr: ", "int64");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_decompose(void) {
    Suite *suite = suite_create("decompose");
    TCase *tcase = tcase_create("factors");
    add_rows(suite, decompose_rows);
    tcase_add_loop_test(tcase, factors_make_the_matrix, 0, 2);
    tcase_add_test(tcase, one_triangle_is_read);
    tcase_add_loop_test(tcase, derivatives_of_all_factors, 0, (int)(sizeof small_shapes / sizeof *small_shapes));
    tcase_add_test(tcase, derivatives_of_eigenvectors);
    tcase_add_test(tcase, equal_values_have_gradients_and_their_vectors_none);
    tcase_add_test(tcase, matrices_without_an_answer);
    tcase_add_test(tcase, operands_that_do_not_fit_are_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
