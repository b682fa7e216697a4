/* tests/kernels/test_factor.c: factors multiplied together again, and solutions put in, for sizes on both sides of every edge
 * of a block, and of where LAPACK may take over.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "../../lib/kernels/factor.h"
#include "../suites.h"
#include "aligned.h"

static const int64_t sizes[] = {0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 127, 128, 129, 150};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* Between -1 and 1, always the same. */
static double small_number(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) / (1 << 23) - 1;
}

#define CASES_OF(T, EPSILON, suffix) \
    static T *filled_##suffix(int64_t rows, int64_t cols, double diagonal) { \
        uint32_t state = 7; \
        T       *x = allocate_aligned((size_t)(rows * cols) * sizeof *x); \
        for (int64_t i = 0; i < rows * cols; i++) \
            x[i] = (T)(small_number(&state) + (i % (cols + 1) == 0 ? diagonal : 0)); \
        return x; \
    } \
\
    static void near_##suffix(int64_t n, double got, double expected, const char *what, int64_t i, int64_t j) { \
        double tolerance = 8 * (double)EPSILON * (double)(n + 1) * (1 + fabs(expected)); \
        if (!(fabs(got - expected) <= tolerance)) \
            ck_abort_msg("%s, n = %lld, at %lld, %lld: %.9g, not %.9g", what, (long long)n, (long long)i, (long long)j, got, \
                         expected); \
    } \
\
    static void cholesky_##suffix(int64_t n) { \
        T    *a = filled_##suffix(n, n, (double)n), *l = allocate_aligned((size_t)(n * n) * sizeof *l); \
        void *scratch = allocate_aligned(tgi_linalg_scratch(n, 0, sizeof(T), 1)); \
        for (int64_t i = 0; i < n * n; i++) \
            l[i] = i % n > i / n ? (T)NAN : a[i]; \
        ck_assert_int_eq(tgi_cholesky_##suffix(n, l, NULL, scratch), 0); \
        for (int64_t i = 0; i < n; i++) \
            for (int64_t j = 0; j <= i; j++) { \
                double sum = 0; \
                for (int64_t k = 0; k <= j; k++) \
                    sum += (double)l[i * n + k] * (double)l[j * n + k]; \
                near_##suffix(n, sum, (double)a[i * n + j], "L L^T", i, j); \
                if (j < i) ck_assert(l[j * n + i] == 0); \
            } \
        for (int64_t minor = 1; minor <= n; minor += n < 40 ? 1 : 31) { \
            memcpy(l, a, (size_t)(n * n) * sizeof *l); \
            l[(minor - 1) * (n + 1)] = (T)(minor % 2 ? -1 : NAN); \
            ck_assert_int_eq(tgi_cholesky_##suffix(n, l, NULL, scratch), minor); \
        } \
        free_aligned(a), free_aligned(l), free_aligned(scratch); \
    } \
\
    static void check_solution_##suffix(int64_t n, int64_t m, const T *a, int64_t row, int64_t col, const T *x, const T *b, \
                                        const char *what) { \
        for (int64_t i = 0; i < n; i++) \
            for (int64_t j = 0; j < m; j++) { \
                double sum = 0; \
                for (int64_t k = 0; k < n; k++) \
                    sum += (double)a[i * row + k * col] * (double)x[k * m + j]; \
                near_##suffix(n, sum, (double)b[i * m + j], what, i, j); \
            } \
    } \
\
    static void lu_##suffix(int64_t n, int64_t m) { \
        T *a = filled_##suffix(n, n, 0), *lu = allocate_aligned((size_t)(n * n) * sizeof *lu), \
          *pivots = allocate_aligned((size_t)n * sizeof *pivots); \
        T    *b = filled_##suffix(n, m, 0), *x = allocate_aligned((size_t)(n * m) * sizeof *x); \
        void *scratch = allocate_aligned(tgi_linalg_scratch(n, m, sizeof(T), 1)); \
        for (int64_t i = 0; i < n; i++) \
            a[i * n + (i + 1) % n] += (T)(3 + n / 8); /* far from the diagonal, so that columns are exchanged */ \
        memcpy(lu, a, (size_t)(n * n) * sizeof *lu); \
        tgi_lu_##suffix(n, lu, pivots, NULL, scratch); \
        ck_assert_int_eq(tgi_lu_fault_##suffix(n, lu), 0); \
        for (int turned = 0; turned < 2; turned++) { \
            memcpy(x, b, (size_t)(n * m) * sizeof *x); \
            tgi_lu_solve_##suffix(n, m, lu, pivots, turned, x, NULL, scratch); \
            check_solution_##suffix(n, m, a, turned ? 1 : n, turned ? n : 1, x, b, turned ? "A^T X" : "A X"); \
        } \
        free_aligned(a), free_aligned(lu), free_aligned(pivots), free_aligned(b), free_aligned(x), free_aligned(scratch); \
    } \
\
    static void triangle_##suffix(int64_t n, int64_t m, bool upper, bool unit) { \
        T    *t = filled_##suffix(n, n, 2), *full = allocate_aligned((size_t)(n * n) * sizeof *full); \
        T    *b = filled_##suffix(n, m, 0), *x = allocate_aligned((size_t)(n * m) * sizeof *x); \
        void *scratch = allocate_aligned(tgi_linalg_scratch(n, m, sizeof(T), 1)); \
        for (int64_t i = 0; i < n; i++) \
            for (int64_t j = 0; j < n; j++) { \
                bool inside = upper ? j > i : j < i; \
                full[i * n + j] = i == j ? (unit ? 1 : t[i * n + i]) : inside ? (t[i * n + j] /= (T)n) : 0; \
                if (!inside && (i != j || unit)) t[i * n + j] = (T)NAN; \
            } \
        memcpy(x, b, (size_t)(n * m) * sizeof *x); \
        tgi_triangle_solve_##suffix(n, m, t, n, 1, upper, unit, x, NULL, scratch); \
        check_solution_##suffix(n, m, full, n, 1, x, b, upper ? "upper" : "lower"); \
        memcpy(x, b, (size_t)(n * m) * sizeof *x); \
        tgi_triangle_solve_##suffix(n, m, t, 1, n, !upper, unit, x, NULL, scratch); \
        check_solution_##suffix(n, m, full, 1, n, x, b, upper ? "upper turned" : "lower turned"); \
        free_aligned(t), free_aligned(full), free_aligned(b), free_aligned(x), free_aligned(scratch); \
    } \
\
    static void faults_##suffix(int64_t n) { \
        T    *a = filled_##suffix(n, n, 3), *pivots = allocate_aligned((size_t)n * sizeof *pivots); \
        void *scratch = allocate_aligned(tgi_linalg_scratch(n, 0, sizeof(T), 1)); \
        for (int64_t i = 0; i < n; i++) /* two equal rows, whose difference is exact */ \
            a[i] = a[(n - 1) * n + i] = (T)(i == 0); \
        tgi_lu_##suffix(n, a, pivots, NULL, scratch); \
        ck_assert_int_eq(tgi_lu_fault_##suffix(n, a), n); \
        ck_assert(tgi_lu_det_##suffix(n, a, pivots).det == 0); \
        a[n * n - 2] = (T)INFINITY; \
        ck_assert_int_eq(tgi_lu_fault_##suffix(n, a), -1); \
        free_aligned(a), free_aligned(pivots), free_aligned(scratch); \
    }
CASES_OF(float, 0x1p-23, f32)
CASES_OF(double, 0x1p-52, f64)

START_TEST(cholesky_gives_the_matrix_back) {
    cholesky_f32(sizes[_i]);
    cholesky_f64(sizes[_i]);
}
END_TEST

START_TEST(lu_solves) {
    static const int64_t columns[] = {0, 1, 3, 70};
    for (int i = 0; i < 4; i++) {
        lu_f32(sizes[_i], columns[i]);
        lu_f64(sizes[_i], columns[i]);
    }
}
END_TEST

START_TEST(triangles_solve) {
    for (int i = 0; i < 8; i++) {
        triangle_f32(sizes[_i], i & 4 ? 1 : 5, i & 1, i & 2);
        triangle_f64(sizes[_i], i & 4 ? 1 : 5, i & 1, i & 2);
    }
}
END_TEST

START_TEST(a_singular_matrix_is_noticed) {
    if (sizes[_i] < 3) return;
    faults_f32(sizes[_i]);
    faults_f64(sizes[_i]);
}
END_TEST

START_TEST(determinants) {
    double      lu[] = {2, 5, 7, -3}, pivots[] = {1, 1}; /* one exchange, pivots 2 and -3 */
    tgi_det_f64 d = tgi_lu_det_f64(2, lu, pivots);
    ck_assert(d.det == 6 && d.sign == 1 && fabs(d.log - log(6)) < 1e-15);
    d = tgi_lu_det_f64(0, lu, pivots);
    ck_assert(d.det == 1 && d.sign == 1 && d.log == 0);
}
END_TEST

Suite *suite_factor(void) {
    Suite *suite = suite_create("factor");
    TCase *tcase = tcase_create("factors");
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, cholesky_gives_the_matrix_back, 0, SIZES);
    tcase_add_loop_test(tcase, lu_solves, 0, SIZES);
    tcase_add_loop_test(tcase, triangles_solve, 0, SIZES);
    tcase_add_loop_test(tcase, a_singular_matrix_is_noticed, 0, SIZES);
    tcase_add_test(tcase, determinants);
    suite_add_tcase(suite, tcase);
    return suite;
}
