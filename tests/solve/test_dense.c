/* tests/solve/test_dense.c: orthogonal factors by what defines them, and the step of a given length.
 *
 * SPDX-License-Identifier: MIT */
#include "solve/dense.h"

#include <math.h>
#include <string.h>

#include "solve/marquardt.h"
#include "support.h"

enum { ROWS = 7, N = 4 };

static void fill(int64_t n, double *values) {
    uint32_t state = 5;
    for (int64_t i = 0; i < n; i++)
        values[i] = (double)(next_number(&state) % 2001) / 1000 - 1;
}

/* The element of A' B, columns i and j. */
static double product(int64_t rows, const double *a, int64_t i, const double *b, int64_t j) {
    double sum = 0;
    for (int64_t k = 0; k < rows; k++)
        sum += a[i * rows + k] * b[j * rows + k];
    return sum;
}

static void copy_triangle(int64_t rows, const double *a, double *r) {
    memset(r, 0, N * N * sizeof *r);
    for (int64_t k = 0; k < N; k++)
        memcpy(r + k * N, a + k * rows, (size_t)(k + 1) * sizeof *r);
}

START_TEST(triangles_have_the_products_of_their_matrices) {
    double a[ROWS * N], b[ROWS], factor[ROWS * N], rotated[ROWS], r[N * N], x[N];
    fill(ROWS * N, a);
    fill(ROWS, b);
    memcpy(factor, a, sizeof a);
    memcpy(rotated, b, sizeof b);
    tgi_make_triangle(ROWS, N, factor, rotated);
    copy_triangle(ROWS, factor, r);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++)
            ck_assert_double_eq_tol(product(N, r, i, r, j), product(ROWS, a, i, a, j), 1e-13);
        ck_assert_double_eq_tol(product(N, r, i, rotated, 0), product(ROWS, a, i, b, 0), 1e-13);
    }
    ck_assert_double_eq_tol(product(ROWS, rotated, 0, rotated, 0), product(ROWS, b, 0, b, 0), 1e-13);

    /* The normal equations, A' A x = A' b. */
    ck_assert(tgi_solve_upper(N, N, r, 1e-12, rotated, x));
    for (int i = 0; i < N; i++) {
        double sum = -product(ROWS, a, i, b, 0);
        for (int j = 0; j < N; j++)
            sum += product(ROWS, a, i, a, j) * x[j];
        ck_assert_double_eq_tol(sum, 0, 1e-12);
    }
}
END_TEST

START_TEST(a_diagonal_adds_its_squares) {
    double       a[ROWS * N], b[ROWS], r[N * N], sum[N * N], rotated[N], below[N], x[N];
    const double d[N] = {0.5, 2, 0, 1};
    fill(ROWS * N, a);
    fill(ROWS, b);
    tgi_make_triangle(ROWS, N, a, b);
    copy_triangle(ROWS, a, r);
    memcpy(sum, r, sizeof r);
    memcpy(rotated, b, sizeof rotated);
    tgi_add_diagonal(N, sum, rotated, d, below);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            ck_assert_double_eq_tol(product(N, sum, i, sum, j), product(N, r, i, r, j) + (i == j ? d[i] * d[i] : 0), 1e-13);
    for (int i = 0; i < N; i++)
        ck_assert_double_eq_tol(product(N, sum, i, rotated, 0), product(N, r, i, b, 0), 1e-13);
    tgi_solve_upper_transposed(N, N, r, b, x);
    for (int i = 0; i < N; i++)
        ck_assert_double_eq_tol(product(N, r, i, x, 0), b[i], 1e-12);
}
END_TEST

START_TEST(what_is_singular_is_noticed) {
    double r[] = {1, 0, 0, 2, 1e-9, 0, 3, 4, 5}, empty[] = {1, 0, 0, 0, 0, 0, 3, 0, 5}, b[] = {1, 2, 10}, x[3];
    ck_assert(!tgi_solve_upper(3, 3, r, 1e-8, b, x));
    ck_assert(tgi_solve_upper(3, 3, r, 1e-12, b, x));
    ck_assert(tgi_solve_upper(3, 3, empty, 1e-8, b, x)); /* of a column of zeros the solution is 0 */
    ck_assert(x[0] == -5 && x[1] == 0 && x[2] == 2);
}
END_TEST

/* The step is as long as it may be, and its gradient is along its scale: R' (R step - b) = -parameter scale^2 step. */
START_TEST(a_step_has_the_length_that_is_asked_for) {
    double           r[N * N], b[N], step[N], matrix[N * N], vector[N], below[N], a[ROWS * N], f[ROWS];
    const double     scale[N] = {1, 3, 0.5, 2};
    tgi_linear_model m = {N, r, b, scale, step, matrix, vector, below, 1e-12};
    fill(ROWS * N, a);
    fill(ROWS, f);
    tgi_make_triangle(ROWS, N, a, f);
    copy_triangle(ROWS, a, r);
    memcpy(b, f, sizeof b);
    ck_assert_double_eq(tgi_find_step(&m, 1e3, 0), 0); /* the whole step is shorter */
    double whole = tgi_scaled_norm(N, scale, step);
    for (double length = whole / 2; length > 1e-6 * whole; length /= 10) {
        double parameter = tgi_find_step(&m, length, 0), rest[N];
        ck_assert_double_gt(parameter, 0);
        ck_assert_double_eq_tol(tgi_scaled_norm(N, scale, step), length, 0.1 * length);
        for (int i = 0; i < N; i++) {
            rest[i] = -b[i];
            for (int k = i; k < N; k++)
                rest[i] += r[k * N + i] * step[k];
        }
        for (int i = 0; i < N; i++)
            ck_assert_double_eq_tol(product(N, r, i, rest, 0), -parameter * scale[i] * scale[i] * step[i], 1e-12);
    }
}
END_TEST

Suite *suite_dense(void) {
    Suite *suite = suite_create("dense");
    TCase *tcase = tcase_create("dense");
    tcase_add_test(tcase, triangles_have_the_products_of_their_matrices);
    tcase_add_test(tcase, a_diagonal_adds_its_squares);
    tcase_add_test(tcase, what_is_singular_is_noticed);
    tcase_add_test(tcase, a_step_has_the_length_that_is_asked_for);
    suite_add_tcase(suite, tcase);
    return suite;
}
