/* tests/kernels/test_orthogonal.c: eigenvectors, singular vectors, QR, multiplied together again: random matrices, matrices
 * without rank, with equal values, of elements that are tiny and huge at once; small ones, and ones that LAPACK may take over; that
 * both ways find the same.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/orthogonal.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "suites.h"

enum { MOST = 260, LARGE = TGI_ORTHOGONAL_LAPACK, LARGE_QR = TGI_QR_LAPACK };

static double random_number(void) {
    return (double)rand() / RAND_MAX * 2 - 1;
}

/* The kinds of matrices: any; of rank 2; orthogonal but for a factor; with rows of very different sizes; zeros. */
enum { ANY, LOW_RANK, EQUAL_VALUES, GRADED, ZEROS, KINDS };

/* k rows of n elements. */
static void fill(int kind, int k, int n, double *x) {
    for (int i = 0; i < k; i++)
        for (int j = 0; j < n; j++) {
            double *at = &x[i * n + j];
            switch (kind) {
            case ANY: *at = random_number(); break;
            case LOW_RANK: *at = (i + 1) * (j - 2) + (i % 3) * cos(j); break;
            case EQUAL_VALUES: *at = i == (j + 1) % k ? -3 : 0; break;
            case GRADED: *at = ldexp(random_number(), -20 * i); break;
            default: *at = 0;
            }
        }
}

static double dot(int n, const double *x, const double *y) {
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

/* k rows of n elements that have length 1, and are orthogonal. */
static void check_orthogonal(int k, int n, const double *x) {
    for (int i = 0; i < k; i++)
        for (int j = 0; j <= i; j++)
            ck_assert_double_le(fabs(dot(n, x + i * n, x + j * n) - (i == j)), 1e-13);
}

/* Element (i, j) of the sum of value[l] u_l v_l^T. */
static double element(int k, int n, int m, const double *value, const double *u, const double *v, int i, int j) {
    double sum = 0;
    for (int l = 0; l < k; l++)
        sum += value[l] * u[l * n + i] * v[l * m + j];
    return sum;
}

static double largest(int n, const double *x) {
    double most = 0;
    for (int i = 0; i < n; i++)
        if (fabs(x[i]) > fabs(most)) most = x[i];
    return most;
}

/* The two ways. */
static void find_eigh(bool builtin, int64_t n, double *a, double *value, double *v) {
    double *scratch = malloc((size_t)(tgi_eigh_scratch(n) + 1) * sizeof *scratch);
    ck_assert_ptr_nonnull(scratch);
    if (builtin)
        tgi_eigh_builtin(n, a, value, v);
    else
        tgi_eigh(n, a, value, v, scratch);
    free(scratch);
}

static void find_svd(bool builtin, int64_t k, int64_t n, double *u, double *value, double *v) {
    double *scratch = malloc((size_t)(tgi_svd_scratch(k, n) + 1) * sizeof *scratch);
    ck_assert_ptr_nonnull(scratch);
    if (builtin)
        tgi_svd_builtin(k, n, u, value, v);
    else
        tgi_svd(k, n, u, value, v, scratch);
    free(scratch);
}

static void find_qr(bool builtin, int64_t k, int64_t n, double *q, double *r) {
    double *scratch = malloc((size_t)(tgi_qr_scratch(k, n) + 1) * sizeof *scratch);
    ck_assert_ptr_nonnull(scratch);
    if (builtin)
        tgi_qr_builtin(k, n, q, r);
    else
        tgi_qr(k, n, q, r, scratch);
    free(scratch);
}

START_TEST(symmetric_matrices) {
    static const int sizes[] = {0, 1, 2, 3, 10, 40, LARGE - 1, LARGE};
    static double    a[MOST * MOST], copy[MOST * MOST], v[MOST * MOST], value[MOST];
    int              n = sizes[_i / 2 / KINDS];
    fill(_i / 2 % KINDS, n, n, a);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            a[j * n + i] = a[i * n + j];
    memcpy(copy, a, sizeof a);
    find_eigh(_i % 2, n, a, value, v);
    check_orthogonal(n, n, v);
    double size = fabs(largest(n * n, copy)) * n;
    for (int i = 0; i < n; i++) {
        ck_assert(i == 0 || value[i - 1] <= value[i]);
        ck_assert(largest(n, v + i * n) > 0);
        for (int j = 0; j < n; j++)
            ck_assert_double_le(fabs(element(n, n, n, value, v, v, i, j) - copy[i * n + j]), 1e-14 * size);
    }
}
END_TEST

static const int shapes[][2] = {{0, 0}, {0, 3},   {1, 1},   {1, 5},         {2, 2},
                                {3, 7}, {10, 10}, {20, 40}, {LARGE, LARGE}, {LARGE, LARGE + 9}};
static const int qr_shapes[][2] = {{0, 0},          {0, 3},   {1, 1},
                                   {1, 5},          {2, 2},   {3, 7},
                                   {10, 10},        {20, 40}, {LARGE_QR, LARGE_QR},
                                   {LARGE_QR, MOST}};
enum { SHAPES = sizeof shapes / sizeof *shapes, QR_SHAPES = sizeof qr_shapes / sizeof *qr_shapes };

START_TEST(columns_of_any_rank) {
    static double u[MOST * MOST], copy[MOST * MOST], v[MOST * MOST], value[MOST];
    int           k = shapes[_i / 2 / KINDS][0], n = shapes[_i / 2 / KINDS][1];
    fill(_i / 2 % KINDS, k, n, u);
    memcpy(copy, u, sizeof u);
    find_svd(_i % 2, k, n, u, value, v);
    check_orthogonal(k, n, u);
    check_orthogonal(k, k, v);
    double size = fabs(largest(k * n, copy)) * n;
    for (int j = 0; j < k; j++) {
        ck_assert(value[j] >= 0 && (j == 0 || value[j - 1] >= value[j]));
        ck_assert(largest(n, u + j * n) > 0);
        for (int i = 0; i < n; i++)
            ck_assert_double_le(fabs(element(k, n, k, value, u, v, i, j) - copy[j * n + i]), 1e-14 * size);
    }
}
END_TEST

START_TEST(triangles) {
    static double q[MOST * MOST], copy[MOST * MOST], r[MOST * MOST];
    int           k = qr_shapes[_i / 2 / KINDS][0], n = qr_shapes[_i / 2 / KINDS][1];
    fill(_i / 2 % KINDS, k, n, q);
    memcpy(copy, q, sizeof q);
    find_qr(_i % 2, k, n, q, r);
    check_orthogonal(k, n, q);
    double size = fabs(largest(k * n, copy)) * n;
    for (int j = 0; j < k; j++) {
        ck_assert(r[j * (k + 1)] >= 0);
        for (int i = 0; i < j; i++)
            ck_assert(r[j * k + i] == 0);
        for (int i = 0; i < n; i++) {
            double sum = 0;
            for (int l = 0; l < k; l++)
                sum += q[l * n + i] * r[l * k + j];
            ck_assert_double_le(fabs(sum - copy[j * n + i]), 1e-14 * size);
        }
    }
}
END_TEST

/* Squares of these overflow, or underflow. */
START_TEST(sizes_of_elements_do_not_matter) {
    static const double sizes[] = {1e-300, 1e300};
    for (int i = 0; i < 2; i++) {
        double u[] = {3 * sizes[i], 0, 0, -4 * sizes[i]}, value[2], v[4], q[] = {3 * sizes[i], 4 * sizes[i], 0, sizes[i]}, r[4];
        find_svd(false, 2, 2, u, value, v);
        ck_assert_double_eq(value[0], 4 * sizes[i]);
        ck_assert_double_eq(value[1], 3 * sizes[i]);
        find_qr(false, 2, 2, q, r);
        ck_assert_double_le(fabs(r[0] - 5 * sizes[i]), 4 * DBL_EPSILON * r[0]);
        check_orthogonal(2, 2, q);
    }
}
END_TEST

/* Signs and order too, of matrices that have but one answer. */
static void check_same(int n, const double *x, const double *y) {
    for (int i = 0; i < n; i++)
        ck_assert_double_le(fabs(x[i] - y[i]), 1e-9);
}

START_TEST(both_ways_find_the_same) {
    enum { K = LARGE + 3, N = LARGE + 9, KQ = LARGE_QR + 1, NQ = LARGE_QR + 2 };
    static double a[2][NQ * NQ], v[2][NQ * NQ], value[2][N];
    fill(ANY, N, N, a[0]);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < i; j++)
            a[0][j * N + i] = a[0][i * N + j];
    memcpy(a[1], a[0], sizeof a[0]);
    for (int way = 0; way < 2; way++)
        find_eigh(way, N, a[way], value[way], v[way]);
    check_same(N, value[0], value[1]);
    check_same(N * N, v[0], v[1]);
    fill(ANY, K, N, a[0]);
    memcpy(a[1], a[0], sizeof a[0]);
    for (int way = 0; way < 2; way++)
        find_svd(way, K, N, a[way], value[way], v[way]);
    check_same(K, value[0], value[1]);
    check_same(K * N, a[0], a[1]);
    check_same(K * K, v[0], v[1]);
    fill(ANY, KQ, NQ, a[0]);
    memcpy(a[1], a[0], sizeof a[0]);
    for (int way = 0; way < 2; way++)
        find_qr(way, KQ, NQ, a[way], v[way]);
    check_same(KQ * NQ, a[0], a[1]);
    check_same(KQ * KQ, v[0], v[1]);
}
END_TEST

Suite *suite_orthogonal(void) {
    Suite *suite = suite_create("orthogonal");
    TCase *tcase = tcase_create("factors");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, symmetric_matrices, 0, 2 * 8 * KINDS);
    tcase_add_loop_test(tcase, columns_of_any_rank, 0, 2 * SHAPES * KINDS);
    tcase_add_loop_test(tcase, triangles, 0, 2 * QR_SHAPES * KINDS);
    tcase_add_test(tcase, sizes_of_elements_do_not_matter);
    tcase_add_test(tcase, both_ways_find_the_same);
    suite_add_tcase(suite, tcase);
    return suite;
}
