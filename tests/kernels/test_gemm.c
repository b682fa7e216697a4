/* tests/kernels/test_gemm.c: the matrix product against the textbook's three loops.
 *
 * Elements are small whole numbers, so that every sum is exact in whatever order it is added up: results must be equal to the
 * last bit. Operands are in memory of exactly their extent, and there are guards around what is written.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/kernels/gemm.h"
#include "../suites.h"
#include "aligned.h"

enum { GUARD = 64 };

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void *guarded(size_t bytes) {
    unsigned char *block = allocate_aligned(bytes + 2 * GUARD);
    memset(block, 0xA5, bytes + 2 * GUARD);
    return block + GUARD;
}

static void check_guards_and_free(void *at, size_t bytes) {
    const unsigned char *block = (unsigned char *)at - GUARD;
    for (size_t i = 0; i < GUARD; i++)
        if (block[i] != 0xA5 || block[GUARD + bytes + i] != 0xA5) ck_abort_msg("written outside of %zu bytes", bytes);
    free_aligned((unsigned char *)at - GUARD);
}

/* The layouts of a matrix. */
typedef enum layout { ROWS, COLUMNS, WIDE, STEPPED, STEPPED_COLUMNS, ONE_ROW, ONE_COLUMN, REVERSED, FLIPPED, LAYOUTS } layout;

typedef struct matrix {
    int64_t rows, cols, row, col; /* sizes, strides */
    int64_t start, extent;        /* the offset of element (0, 0), and the elements of memory */
} matrix;

static matrix lay_out(int64_t rows, int64_t cols, layout how) {
    matrix m = {rows, cols, cols, 1, 0, 0};
    switch (how) {
    case ROWS: break;
    case COLUMNS: m.row = 1, m.col = rows; break;
    case WIDE: m.row = cols + 3; break;
    case STEPPED: m.row = 2 * cols + 1, m.col = 2; break;
    case STEPPED_COLUMNS: m.row = 2, m.col = 2 * rows; break;
    case ONE_ROW: m.row = 0; break;
    case ONE_COLUMN: m.row = 1, m.col = 0; break;
    case REVERSED: m.row = -cols; break;
    case FLIPPED: m.col = -1; break;
    case LAYOUTS: break;
    }
    if (rows == 0 || cols == 0) return m;
    int64_t down = (rows - 1) * m.row, across = (cols - 1) * m.col;
    m.start = (down < 0 ? -down : 0) + (across < 0 ? -across : 0);
    m.extent = llabs(down) + llabs(across) + 1;
    return m;
}

/* ---- one product ------------------------------------------------------------------------------------------------- */

/* Whole numbers from -4 to 4, always the same. */
static int small_number(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (int)(*state >> 24) % 9 - 4;
}

#define CASE_OF(T, NAN_OF, suffix) \
    typedef void product_##suffix(int64_t, int64_t, int64_t, const T *, int64_t, int64_t, const T *, int64_t, int64_t, T *, \
                                  tgi_team *, void *); \
\
    static T *filled_##suffix(matrix m, uint32_t seed) { \
        T *x = malloc(m.extent > 0 ? (size_t)m.extent * sizeof *x : 1); \
        if (!x) abort(); \
        for (int64_t i = 0; i < m.extent; i++) \
            x[i] = (T)small_number(&seed); \
        return x; \
    } \
\
    static void compare_##suffix(matrix a, const T *pa, matrix b, const T *pb, const T *c) { \
        for (int64_t i = 0; i < a.rows; i++) \
            for (int64_t j = 0; j < b.cols; j++) { \
                long double sum = 0; \
                for (int64_t p = 0; p < a.cols; p++) \
                    sum += \
                        (long double)pa[a.start + i * a.row + p * a.col] * (long double)pb[b.start + p * b.row + j * b.col]; \
                if ((long double)c[i * b.cols + j] != sum) \
                    ck_abort_msg("%lld x %lld, strides %lld %lld; %lld x %lld, strides %lld %lld; at %lld, %lld: %g, not %Lg", \
                                 (long long)a.rows, (long long)a.cols, (long long)a.row, (long long)a.col, (long long)b.rows, \
                                 (long long)b.cols, (long long)b.row, (long long)b.col, (long long)i, (long long)j, \
                                 (double)c[i * b.cols + j], sum); \
            } \
    } \
\
    static void check_##suffix(product_##suffix *product, int threads, int64_t m, int64_t n, int64_t k, layout how_a, \
                               layout how_b) { \
        matrix   a = lay_out(m, k, how_a), b = lay_out(k, n, how_b); \
        T       *pa = filled_##suffix(a, 1), *pb = filled_##suffix(b, 2); \
        size_t   c_bytes = (size_t)(m * n) * sizeof(T), scratch_bytes = tgi_gemm_scratch(m, n, k, sizeof(T), threads); \
        T       *c = guarded(c_bytes); \
        void    *scratch = guarded(scratch_bytes); \
        tgi_team team; \
        tgi_team_begin(&team, threads); \
        for (int64_t i = 0; i < m * n; i++) \
            c[i] = NAN_OF; \
        product(m, n, k, pa + a.start, a.row, a.col, pb + b.start, b.row, b.col, c, &team, scratch); \
        tgi_team_end(&team); \
        compare_##suffix(a, pa, b, pb, c); \
        check_guards_and_free(c, c_bytes); \
        check_guards_and_free(scratch, scratch_bytes); \
        free(pa); \
        free(pb); \
    }

CASE_OF(float, NAN, f32)
CASE_OF(double, (double)NAN, f64)

/* Both element types, by the built-in product and by a BLAS where there is one. */
static void check(int64_t m, int64_t n, int64_t k, layout how_a, layout how_b) {
    check_f32(tgi_gemm_builtin_f32, 1, m, n, k, how_a, how_b);
    check_f64(tgi_gemm_builtin_f64, 3, m, n, k, how_a, how_b);
    check_f32(tgi_gemm_by_blas_f32, 2, m, n, k, how_a, how_b);
    check_f64(tgi_gemm_by_blas_f64, 1, m, n, k, how_a, how_b);
}

static void check_all_layouts(int64_t m, int64_t n, int64_t k) {
    for (int a = 0; a < LAYOUTS; a++)
        for (int b = 0; b < LAYOUTS; b++)
            check(m, n, k, (layout)a, (layout)b);
}

/* ---- shapes and layouts ------------------------------------------------------------------------------------------ */

static const int64_t small_sizes[] = {0, 1, 2, 3, 7, 8, 9};
enum { SMALL_SIZES = sizeof small_sizes / sizeof *small_sizes };

START_TEST(small_products_in_all_layouts) {
    for (int n = 0; n < SMALL_SIZES; n++)
        for (int k = 0; k < SMALL_SIZES; k++)
            check_all_layouts(small_sizes[_i], small_sizes[n], small_sizes[k]);
}
END_TEST

static const int64_t sizes[] = {15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 257};
enum { SIZES = sizeof sizes / sizeof *sizes };

START_TEST(one_size_goes_up) {
    check_all_layouts(sizes[_i], 5, 3);
    check_all_layouts(3, sizes[_i], 5);
    check_all_layouts(5, 3, sizes[_i]);
    check_all_layouts(1, sizes[_i], 7);
    check_all_layouts(sizes[_i], 1, 7);
    check_all_layouts(1, 7, sizes[_i]);
    check_all_layouts(7, 1, sizes[_i]);
}
END_TEST

/* Panels of one vector, of two and of three, with any number of columns left over; sums in one piece, and in two. */
START_TEST(narrow_products) {
    for (int64_t n = _i; n <= _i + 9; n++)
        for (int b = 0; b < LAYOUTS; b++) {
            check(13, n, 6, ROWS, (layout)b);
            check(11, n, TGI_GEMM_KC + 3, COLUMNS, (layout)b);
            check(2, n, 1, WIDE, (layout)b);
        }
}
END_TEST

START_TEST(squares) {
    int64_t size = sizes[_i];
    for (int a = ROWS; a <= STEPPED; a++)
        check(size, size, size, (layout)a, (layout)(STEPPED - a));
    check(size, size + 1, size - 1, COLUMNS, COLUMNS);
    check(size + 1, size - 1, size, ROWS, ROWS);
}
END_TEST

/* Products that are copied into panels, with each size just below, at, and just above a block's edge. */
static const struct {
    int64_t m, n, k;
} at_edges[] = {
    /* of blocks of A, B and C */
    {TGI_GEMM_MC - 1, 163, 161},
    {TGI_GEMM_MC, 163, 161},
    {TGI_GEMM_MC + 1, 163, 161},
    {2 * TGI_GEMM_MC + 5, 81, 150},
    {161, 163, TGI_GEMM_KC - 1},
    {161, 163, TGI_GEMM_KC},
    {161, 163, TGI_GEMM_KC + 1},
    {85, 91, 2 * TGI_GEMM_KC + 33},
    {67, TGI_GEMM_NC - 1, 67},
    {67, TGI_GEMM_NC, 67},
    {67, TGI_GEMM_NC + 1, 67},
    {33, 2 * TGI_GEMM_NC + 7, 65},
    {TGI_GEMM_MC + 7, TGI_GEMM_NC + 9, 35},
    /* of the size from which on panels are copied */
    {160, 160, 160},
    {159, 161, 160},
    /* of the squares that are copied for a BLAS */
    {TGI_GEMM_COPY - 1, 11, 9},
    {TGI_GEMM_COPY + 1, 11, 9},
    {11, TGI_GEMM_COPY + 1, 9},
    {11, 9, TGI_GEMM_COPY + 1},
    {35, TGI_GEMM_COPY + 3, TGI_GEMM_COPY + 3},
    /* few rows or columns */
    {1, 1100, 300},
    {2, 1100, 1900},
    {3, 2000, 700},
    {4, 1100, 931},
    {2000, 3, 700},
    {1100, 1, 300}};
enum { AT_EDGES = sizeof at_edges / sizeof *at_edges };

START_TEST(products_at_the_edges_of_blocks) {
    static const layout pairs[][2] = {{ROWS, ROWS},
                                      {COLUMNS, COLUMNS},
                                      {STEPPED, WIDE},
                                      {ONE_COLUMN, STEPPED},
                                      {STEPPED, FLIPPED}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        check(at_edges[_i].m, at_edges[_i].n, at_edges[_i].k, pairs[i][0], pairs[i][1]);
}
END_TEST

/* Whoever makes it. */
START_TEST(a_large_product) {
    check_f32(tgi_gemm_f32, 2, 250, 270, 260, ROWS, COLUMNS);
    check_f64(tgi_gemm_f64, 2, 250, 270, 260, STEPPED, ROWS);
    ck_assert(250 * 270 * 260 > TGI_GEMM_BLAS);
}
END_TEST

START_TEST(sizes_of_the_iris_network) {
    check_all_layouts(100, 32, 2);
    check_all_layouts(100, 1, 32);
    check_all_layouts(32, 1, 100);
    check_all_layouts(100, 32, 1);
    check_all_layouts(2, 32, 100);
}
END_TEST

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* Fractions: the error stays within the bound of the textbook's loops. */
static void check_fractions(int64_t m, int64_t n, int64_t k) {
    float *a = malloc((size_t)(m * k) * sizeof *a), *b = malloc((size_t)(k * n) * sizeof *b);
    float *c = malloc((size_t)(m * n) * sizeof *c);
    void  *scratch = guarded(tgi_gemm_scratch(m, n, k, sizeof *a, 1));
    for (int64_t i = 0; i < m * k; i++)
        a[i] = sinf((float)i);
    for (int64_t i = 0; i < k * n; i++)
        b[i] = cosf((float)i);
    for (int which = 0; which < 2; which++) {
        (which ? tgi_gemm_by_blas_f32 : tgi_gemm_builtin_f32)(m, n, k, a, k, 1, b, n, 1, c, NULL, scratch);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                long double sum = 0, size = 0;
                for (int64_t p = 0; p < k; p++) {
                    long double term = (long double)a[i * k + p] * (long double)b[p * n + j];
                    sum += term;
                    size += fabsl(term);
                }
                if (!(fabsl((long double)c[i * n + j] - sum) <= (long double)(k + 1) * 0x1p-24L * size))
                    ck_abort_msg("%g, not %Lg", (double)c[i * n + j], sum);
            }
    }
    check_guards_and_free(scratch, tgi_gemm_scratch(m, n, k, sizeof *a, 1));
    free(a);
    free(b);
    free(c);
}

START_TEST(fractions_within_the_error_bound) {
    check_fractions(17, 19, 1000);
    check_fractions(1, 37, 999);
    check_fractions(165, 170, 180);
}
END_TEST

/* A NaN or an infinity in A reaches its whole row of C, also where B is 0, and nothing else. */
START_TEST(nan_and_infinity_reach_their_row) {
    static const int64_t shape[][3] = {{5, 7, 6}, {1, 9, 5}, {9, 1, 5}, {40, 41, 43}, {170, 171, 172}};
    for (int what = 0; what < 2; what++) {
        int64_t m = shape[_i][0], n = shape[_i][1], k = shape[_i][2], bad = m / 2;
        double *a = calloc((size_t)(m * k), sizeof *a), *b = calloc((size_t)(k * n), sizeof *b);
        double *c = calloc((size_t)(m * n), sizeof *c);
        void   *scratch = guarded(tgi_gemm_scratch(m, n, k, sizeof *a, 1));
        a[bad * k + k - 1] = what ? (double)NAN : (double)INFINITY;
        for (int which = 0; which < 2; which++) {
            (which ? tgi_gemm_by_blas_f64 : tgi_gemm_builtin_f64)(m, n, k, a, k, 1, b, n, 1, c, NULL, scratch);
            for (int64_t i = 0; i < m * n; i++)
                if (i / n == bad ? !isnan(c[i]) : c[i] != 0) ck_abort_msg("row %lld: %g", (long long)(i / n), c[i]);
        }
        check_guards_and_free(scratch, tgi_gemm_scratch(m, n, k, sizeof *a, 1));
        free(a);
        free(b);
        free(c);
    }
}
END_TEST

/* With a small B each row of the result has the bits that it has alone, and among all of them. */
#define DEFINE_CHECK_ROWS(suffix, T) \
    static void check_rows_##suffix(int64_t m, int64_t n, int64_t k) { \
        size_t bytes = (size_t)(m * n) * sizeof(T); \
        T     *a = malloc((size_t)(m * k) * sizeof *a), *b = malloc((size_t)(k * n) * sizeof *b); \
        T     *all = malloc(bytes), *parts = guarded(bytes); \
        void  *scratch = guarded(tgi_gemm_scratch(m, n, k, sizeof(T), 1)); \
        for (int64_t i = 0; i < m * k; i++) \
            a[i] = (T)sin((double)i); \
        for (int64_t i = 0; i < k * n; i++) \
            b[i] = (T)cos((double)i); \
        tgi_gemm_builtin_##suffix(m, n, k, a, k, 1, b, n, 1, all, NULL, scratch); \
        for (int64_t rows = 1; rows <= m; rows = rows * 3 - 1 + (rows == 1)) { \
            for (int64_t i = 0; i < m; i += rows) \
                tgi_gemm_small_##suffix(rows < m - i ? rows : m - i, n, k, a + i * k, b, parts + i * n); \
            ck_assert_mem_eq(parts, all, bytes); \
        } \
        check_guards_and_free(parts, bytes); \
        check_guards_and_free(scratch, tgi_gemm_scratch(m, n, k, sizeof(T), 1)); \
        free(a); \
        free(b); \
        free(all); \
    }
DEFINE_CHECK_ROWS(f32, float)
DEFINE_CHECK_ROWS(f64, double)

START_TEST(rows_of_a_small_product_stand_alone) {
    static const int64_t sizes_of_b[][2] = {{2, 1},    {2, 256}, {3, 7},    {16, 256},  {17, 240}, {32, 32},
                                            {33, 124}, {64, 64}, {1000, 4}, {255, 200}, {256, 256}};
    for (size_t i = 0; i < sizeof sizes_of_b / sizeof *sizes_of_b; i++) {
        int64_t n = sizes_of_b[i][0], k = sizes_of_b[i][1];
        ck_assert(tgi_gemm_is_small(n, k));
        check_rows_f32(41, n, k);
        check_rows_f64(41, n, k);
    }
    check_rows_f32(2100, 64, 64);
    check_rows_f64(2100, 16, 256);
}
END_TEST

/* Fractions, whose sums depend on their order; from a few columns to products whose steps are done by all threads together. */
START_TEST(threads_make_no_difference) {
    static const int64_t shapes[][3] = {{1, 5000, 70},   {5000, 1, 70},    {3, 1300, 1100}, {49, 70, 300},
                                        {25, 1200, 40},  {1200, 33, 40},   {200, 130, 600}, {47, 63, 511},
                                        {400, 390, 300}, {330, 1100, 300}, {61, 1037, 550}, {1303, 101, 300}};
    int64_t              m = shapes[_i][0], n = shapes[_i][1], k = shapes[_i][2];
    float               *a = malloc((size_t)(m * k) * sizeof *a), *b = malloc((size_t)(k * n) * sizeof *b);
    float               *one = malloc((size_t)(m * n) * sizeof *one), *many = malloc((size_t)(m * n) * sizeof *many);
    for (int64_t i = 0; i < m * k; i++)
        a[i] = sinf((float)i);
    for (int64_t i = 0; i < k * n; i++)
        b[i] = cosf((float)i);
    for (int turned = 0; turned < 4; turned++)
        for (int threads = 1; threads <= 7; threads++) {
            int64_t a_row = turned & 2 ? 1 : k, a_col = turned & 2 ? m : 1, b_row = turned & 1 ? 1 : n,
                    b_col = turned & 1 ? k : 1;
            void    *scratch = guarded(tgi_gemm_scratch(m, n, k, sizeof *a, threads));
            tgi_team team;
            tgi_team_begin(&team, threads);
            tgi_gemm_builtin_f32(m, n, k, a, a_row, a_col, b, b_row, b_col, threads == 1 ? one : many, &team, scratch);
            tgi_team_end(&team);
            if (threads > 1) ck_assert_mem_eq(one, many, (size_t)(m * n) * sizeof *one);
            check_guards_and_free(scratch, tgi_gemm_scratch(m, n, k, sizeof *a, threads));
        }
    free(a);
    free(b);
    free(one);
    free(many);
}
END_TEST

/* Of fractions, in all layouts, against those of the same elements as row-major matrices. */
#define IN_LAYOUTS(T, suffix) \
    static T *copy_##suffix(matrix m, const T *x) { \
        T *copy = malloc((size_t)(m.rows * m.cols) * sizeof *copy); \
        if (!copy) abort(); \
        for (int64_t i = 0; i < m.rows * m.cols; i++) \
            copy[i] = x[m.start + i / m.cols * m.row + i % m.cols * m.col]; \
        return copy; \
    } \
\
    static void same_bits_##suffix(int64_t m, int64_t n, int64_t k, layout how_a, layout how_b) { \
        matrix a = lay_out(m, k, how_a), b = lay_out(k, n, how_b); \
        T     *pa = filled_##suffix(a, 1), *pb = filled_##suffix(b, 2), *c = malloc((size_t)(2 * m * n) * sizeof *c); \
        void  *scratch = allocate_aligned(tgi_gemm_scratch(m, n, k, sizeof(T), 1)); \
        if (!c) abort(); \
        for (int64_t i = 0; i < a.extent; i++) \
            pa[i] = pa[i] / 3 + (T)i / 1000; \
        for (int64_t i = 0; i < b.extent; i++) \
            pb[i] = pb[i] / 7 - (T)i / 3000; \
        T *ra = copy_##suffix(a, pa), *rb = copy_##suffix(b, pb); \
        tgi_gemm_builtin_##suffix(m, n, k, pa + a.start, a.row, a.col, pb + b.start, b.row, b.col, c, NULL, scratch); \
        tgi_gemm_builtin_##suffix(m, n, k, ra, k, 1, rb, n, 1, c + m * n, NULL, scratch); \
        if (memcmp(c, c + m * n, (size_t)(m * n) * sizeof *c)) \
            ck_abort_msg(#suffix ": %d x %d x %d, layouts %d and %d", (int)m, (int)k, (int)n, how_a, how_b); \
        free_aligned(scratch); \
        free(ra); \
        free(rb); \
        free(pa); \
        free(pb); \
        free(c); \
    }
IN_LAYOUTS(float, f32)
IN_LAYOUTS(double, f64)

START_TEST(layouts_make_no_difference) {
    static const int64_t shapes[][3] = {
        {1, 1, 1},   {1, 1, 700},  {1, 1, 9000}, {1, 7, 300},   {1, 300, 70},    {1, 67, 8200}, {5, 1, 3},
        {7, 1, 300}, {300, 1, 70}, {67, 1, 520}, {35, 1, 8300}, {2, 1100, 1900}, {3, 40, 50},   {20, 30, 600},
        {9, 5, 3},   {6, 1, 31},   {6, 1, 127},  {4, 1, 16},    {170, 160, 165},
    };
    for (int a = ROWS; a < LAYOUTS; a++)
        for (int b = ROWS; b < LAYOUTS; b++) {
            same_bits_f32(shapes[_i][0], shapes[_i][1], shapes[_i][2], (layout)a, (layout)b);
            same_bits_f64(shapes[_i][0], shapes[_i][1], shapes[_i][2], (layout)a, (layout)b);
        }
}
END_TEST

START_TEST(no_other_product_counts_as_small) {
    ck_assert(!tgi_gemm_is_small(1, 8) && !tgi_gemm_is_small(0, 8) && !tgi_gemm_is_small(8, 0));
    ck_assert(!tgi_gemm_is_small(257, 256) && !tgi_gemm_is_small(2, 257) && !tgi_gemm_is_small(INT64_MAX, INT64_MAX));
}
END_TEST

START_TEST(scratch_stays_small) {
    ck_assert_uint_le(tgi_gemm_scratch(INT64_MAX / 4, INT64_MAX / 4, INT64_MAX / 4, sizeof(double), 1), (size_t)8 << 20);
    ck_assert_uint_gt(tgi_gemm_scratch(0, 0, 0, sizeof(float), 1), 0);
}
END_TEST

Suite *suite_gemm(void) {
    Suite *suite = suite_create("gemm");
    TCase *shapes = tcase_create("shapes and layouts");
    tcase_set_timeout(shapes, 300);
    tcase_add_loop_test(shapes, small_products_in_all_layouts, 0, SMALL_SIZES);
    tcase_add_loop_test(shapes, one_size_goes_up, 0, SIZES);
    for (int n = 1; n < 60; n += 10)
        tcase_add_loop_test(shapes, narrow_products, n, n + 1);
    tcase_add_loop_test(shapes, squares, 0, SIZES);
    tcase_add_loop_test(shapes, products_at_the_edges_of_blocks, 0, AT_EDGES);
    tcase_add_test(shapes, sizes_of_the_iris_network);
    tcase_add_test(shapes, a_large_product);
    suite_add_tcase(suite, shapes);

    TCase *numbers = tcase_create("numbers");
    tcase_set_timeout(numbers, 300);
    tcase_add_test(numbers, fractions_within_the_error_bound);
    tcase_add_loop_test(numbers, nan_and_infinity_reach_their_row, 0, 5);
    tcase_add_test(numbers, rows_of_a_small_product_stand_alone);
    tcase_add_loop_test(numbers, threads_make_no_difference, 0, 12);
    tcase_add_loop_test(numbers, layouts_make_no_difference, 0, 19);
    tcase_add_test(numbers, no_other_product_counts_as_small);
    tcase_add_test(numbers, scratch_stays_small);
    suite_add_tcase(suite, numbers);
    return suite;
}
