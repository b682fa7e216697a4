/* tests/kernels/test_orthogonal.c: eigenvectors, singular vectors, QR, multiplied together again: random matrices, matrices
 * without rank, with equal values, of elements that are tiny and huge at once.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/orthogonal.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "suites.h"

enum { MOST = 40 };

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

START_TEST(symmetric_matrices) {
    static const int sizes[] = {0, 1, 2, 3, 10, MOST};
    static double    a[MOST * MOST], copy[MOST * MOST], v[MOST * MOST], value[MOST];
    int              n = sizes[_i / KINDS];
    fill(_i % KINDS, n, n, a);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            a[j * n + i] = a[i * n + j];
    memcpy(copy, a, sizeof a);
    tgi_eigh(n, a, value, v);
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

static const int shapes[][2] = {{0, 0}, {0, 3}, {1, 1}, {1, 5}, {2, 2}, {3, 7}, {10, 10}, {20, MOST}};

START_TEST(columns_of_any_rank) {
    static double u[MOST * MOST], copy[MOST * MOST], v[MOST * MOST], value[MOST];
    int           k = shapes[_i / KINDS][0], n = shapes[_i / KINDS][1];
    fill(_i % KINDS, k, n, u);
    memcpy(copy, u, sizeof u);
    tgi_svd(k, n, u, value, v);
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
    int           k = shapes[_i / KINDS][0], n = shapes[_i / KINDS][1];
    fill(_i % KINDS, k, n, q);
    memcpy(copy, q, sizeof q);
    tgi_qr(k, n, q, r);
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
        tgi_svd(2, 2, u, value, v);
        ck_assert_double_eq(value[0], 4 * sizes[i]);
        ck_assert_double_eq(value[1], 3 * sizes[i]);
        tgi_qr(2, 2, q, r);
        ck_assert_double_le(fabs(r[0] - 5 * sizes[i]), 4 * DBL_EPSILON * r[0]);
        check_orthogonal(2, 2, q);
    }
}
END_TEST

Suite *suite_orthogonal(void) {
    Suite *suite = suite_create("orthogonal");
    TCase *tcase = tcase_create("factors");
    tcase_add_loop_test(tcase, symmetric_matrices, 0, 6 * KINDS);
    tcase_add_loop_test(tcase, columns_of_any_rank, 0, (int)(sizeof shapes / sizeof *shapes) * KINDS);
    tcase_add_loop_test(tcase, triangles, 0, (int)(sizeof shapes / sizeof *shapes) * KINDS);
    tcase_add_test(tcase, sizes_of_elements_do_not_matter);
    suite_add_tcase(suite, tcase);
    return suite;
}
