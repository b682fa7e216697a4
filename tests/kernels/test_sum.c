/* tests/kernels/test_sum.c: sums over axes against a loop over all index tuples.
 *
 * Elements are small whole numbers, so that every sum is exact in whatever order it is added up; how well fractions are added
 * up is tested separately.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/kernels/sum.h"
#include "../suites.h"

enum { GUARD = 8 }; /* elements */

/* ---- arrays ------------------------------------------------------------------------------------------------------ */

/* An array of any rank: the first axes stay, or are summed, as the bits of `summed` say. */
typedef struct array {
    int      rank;
    unsigned summed;
    int64_t  dims[8], strides[8];
    int64_t  start, extent; /* the offset of element (0, ..., 0), and the elements of memory */
} array;

/* Dense strides, for the axes in that order in memory, outermost first. */
static array dense(int rank, const int64_t *dims, const int *order, unsigned summed) {
    array   x = {.rank = rank, .summed = summed};
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        int axis = order ? order[i] : i;
        x.dims[axis] = dims[axis];
        x.strides[axis] = stride;
        stride *= dims[axis];
    }
    return x;
}

/* Finds out what memory the array takes. */
static void place(array *x) {
    x->start = 0, x->extent = 1;
    for (int i = 0; i < x->rank; i++) {
        int64_t reach = (x->dims[i] - 1) * x->strides[i];
        if (x->dims[i] == 0) {
            x->start = 0, x->extent = 0;
            return;
        }
        if (reach < 0) x->start -= reach;
        x->extent += llabs(reach);
    }
}

static tgi_sum_axes axes_of(const array *x) {
    tgi_sum_axes axes = {.rank = x->rank, .summed = x->summed};
    memcpy(axes.dims, x->dims, sizeof axes.dims);
    memcpy(axes.strides, x->strides, sizeof axes.strides);
    return axes;
}

/* The axes that are summed, or those that are not, as an array of their own. */
static array part_of(const array *x, bool summed) {
    array part = {.rank = 0};
    for (int i = 0; i < x->rank; i++) {
        if ((x->summed >> i & 1) != summed) continue;
        part.dims[part.rank] = x->dims[i];
        part.strides[part.rank++] = x->strides[i];
    }
    return part;
}

static int64_t product(int rank, const int64_t *dims) {
    int64_t size = 1;
    for (int i = 0; i < rank; i++)
        size *= dims[i];
    return size;
}

/* The offset of the n-th index tuple. */
static int64_t offset(int64_t n, int rank, const int64_t *dims, const int64_t *strides) {
    int64_t at = 0;
    for (int i = rank - 1; i >= 0; i--) {
        at += n % dims[i] * strides[i];
        n /= dims[i];
    }
    return at;
}

/* ---- one sum, of each type --------------------------------------------------------------------------------------- */

static int small_number(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (int)(*state >> 24) % 9 - 4;
}

#define CASE_OF(T, suffix) \
    static void check_##suffix(const array *x) { \
        tgi_sum_axes axes = axes_of(x); \
        array        keeps = part_of(x, false), sums = part_of(x, true); \
        int64_t      kept = product(keeps.rank, keeps.dims), terms = product(sums.rank, sums.dims); \
        T           *data = malloc(x->extent > 0 ? (size_t)x->extent * sizeof *data : 1); \
        T           *out = malloc((size_t)(kept + 2 * GUARD) * sizeof *out); \
        uint32_t     seed = 3; \
        for (int64_t i = 0; i < x->extent; i++) \
            data[i] = (T)small_number(&seed); \
        for (int64_t i = 0; i < kept + 2 * GUARD; i++) \
            out[i] = (T)-12345; \
        tgi_sum_##suffix(&axes, data + x->start, out + GUARD); \
        for (int64_t i = 0; i < kept; i++) { \
            const T    *from = data + x->start + offset(i, keeps.rank, keeps.dims, keeps.strides); \
            long double sum = 0; \
            for (int64_t j = 0; j < terms; j++) \
                sum += (long double)from[offset(j, sums.rank, sums.dims, sums.strides)]; \
            if ((long double)out[GUARD + i] != sum) \
                ck_abort_msg("rank %d, summed %#x, element %lld: %g, not %Lg", x->rank, x->summed, (long long)i, \
                             (double)out[GUARD + i], sum); \
        } \
        for (int i = 0; i < GUARD; i++) \
            if (out[i] != (T)-12345 || out[GUARD + kept + i] != (T)-12345) ck_abort_msg("written outside of the result"); \
        for (int64_t i = 0; i < x->extent; i++) \
            data[i] = (T)-0.0; \
        tgi_sum_##suffix(&axes, data + x->start, out + GUARD); \
        for (int64_t i = 0; i < kept; i++) \
            if (out[GUARD + i] != 0 || signbit((double)out[GUARD + i])) \
                ck_abort_msg("rank %d, summed %#x, element %lld: zeros have a sum of -0.0", x->rank, x->summed, (long long)i); \
        free(data); \
        free(out); \
    }

CASE_OF(float, f32)
CASE_OF(double, f64)
CASE_OF(int64_t, i64)

static void check(array x) {
    place(&x);
    check_f32(&x);
    check_f64(&x);
    check_i64(&x);
}

/* ---- axes -------------------------------------------------------------------------------------------------------- */

static const int64_t lengths[] = {0,  1,   2,   3,   4,   7,   8,   9,   15,  16,  17,   31,   32,   33,   63,  64,
                                  65, 100, 127, 128, 129, 200, 511, 512, 513, 575, 1024, 1025, 1536, 2049, 5000};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

START_TEST(one_axis) {
    static const int64_t strides[] = {1, 2, 0, -1, -3};
    for (size_t s = 0; s < sizeof strides / sizeof *strides; s++)
        for (unsigned summed = 0; summed < 2; summed++)
            check((array){.rank = 1, .summed = summed, .dims = {lengths[_i]}, .strides = {strides[s]}});
}
END_TEST

START_TEST(two_axes) {
    static const int64_t others[] = {0, 1, 2, 3, 7, 8, 9, 33, 70};
    static const int     swapped[] = {1, 0};
    for (size_t o = 0; o < sizeof others / sizeof *others; o++)
        for (unsigned summed = 0; summed < 4; summed++) {
            int64_t dims[] = {lengths[_i], others[o]};
            array   x = dense(2, dims, NULL, summed);
            check(x);
            check(dense(2, dims, swapped, summed));
            x.strides[0] += 5;
            check(x);
            x.strides[0] = -x.strides[0];
            check(x);
            x.strides[1] = 0;
            check(x);
            x.strides[0] = 0, x.strides[1] = -1;
            check(x);
        }
}
END_TEST

/* More columns than fit into the room that is kept for partial sums, at each depth of the blocks. */
START_TEST(many_columns) {
    static const int64_t rows[] = {1, 7, 8, 128, 129, 136, 1024, 1025, 1500, 8193};
    int64_t              dims[] = {rows[_i], 8192 / 4 + 11};
    check(dense(2, dims, NULL, 1));
    dims[1] = 9;
    check(dense(2, dims, NULL, 1));
}
END_TEST

static int64_t pick(uint32_t *state, int64_t below) {
    *state = *state * 1664525u + 1013904223u;
    return (int64_t)(*state >> 8) % below;
}

/* A random array of rank _i, its axes in random order in memory, some reversed, broadcast, stepped, empty or of size 1. */
static array random_array(int rank, uint32_t *seed, unsigned summed) {
    static const int64_t few[] = {1, 2, 3, 4, 5, 9}, many[] = {1, 2, 3, 17, 40, 130};
    int64_t              dims[8] = {0};
    int                  order[8] = {0};
    for (int i = 0; i < rank; i++) {
        int at = (int)pick(seed, i + 1);
        order[i] = order[at];
        order[at] = i;
        dims[i] = (rank > 3 ? few : many)[pick(seed, rank > 5 ? 4 : 6)];
        if (pick(seed, 60) == 0) dims[i] = 0;
    }
    array x = dense(rank, dims, pick(seed, 2) ? order : NULL, summed);
    for (int i = 0; i < rank; i++) {
        int64_t change = pick(seed, 12);
        if (change == 0) x.strides[i] = 0;
        if (change == 1 || change == 2) x.strides[i] = -x.strides[i];
        if (change == 3) x.strides[i] *= 2;
    }
    return x;
}

START_TEST(random_arrays) {
    uint32_t seed = (uint32_t)_i;
    for (unsigned summed = 0; summed < 1u << _i; summed++)
        for (int round = 0; round < (_i < 4 ? 40 : 4); round++)
            check(random_array(_i, &seed, summed));
}
END_TEST

/* ---- the same bits in every layout ------------------------------------------------------------------------------- */

/* The sums, and the norms, of fractions: of the array, and of its row-major copy. */
#define SAME_BITS(T, suffix, bits) \
    static void same_bits_##suffix(array x) { \
        place(&x); \
        array   copied = dense(x.rank, x.dims, NULL, x.summed), keeps = part_of(&x, false); \
        int64_t size = product(x.rank, x.dims), kept = product(keeps.rank, keeps.dims); \
        T      *data = malloc(((size_t)x.extent + 1) * sizeof *data), *copy = malloc(((size_t)size + 1) * sizeof *copy); \
        T      *sums[4]; \
        ck_assert(data &&copy); \
        uint32_t state = 7; \
        for (int64_t i = 0; i < x.extent; i++) \
            data[i] = (T)((double)(state = state * 1664525u + 1013904223u) * (bits)-1); \
        for (int64_t i = 0; i < size; i++) \
            copy[i] = data[x.start + offset(i, x.rank, x.dims, x.strides)]; \
        for (int i = 0; i < 4; i++) \
            ck_assert((sums[i] = calloc((size_t)kept + 1, sizeof(T)))); \
        tgi_sum_axes view_axes = axes_of(&x), copy_axes = axes_of(&copied); \
        tgi_sum_##suffix(&view_axes, data + x.start, sums[0]); \
        tgi_sum_##suffix(&copy_axes, copy, sums[1]); \
        tgi_norm_##suffix(&view_axes, data + x.start, sums[2]); \
        tgi_norm_##suffix(&copy_axes, copy, sums[3]); \
        for (int i = 0; i < 4; i += 2) \
            ck_assert_msg(!memcmp(sums[i], sums[i + 1], (size_t)kept * sizeof(T)), \
                          #suffix ": rank %d, summed %#x, sizes %d %d %d, strides %d %d %d", x.rank, x.summed, (int)x.dims[0], \
                          (int)x.dims[1], (int)x.dims[2], (int)x.strides[0], (int)x.strides[1], (int)x.strides[2]); \
        for (int i = 0; i < 4; i++) \
            free(sums[i]); \
        free(data); \
        free(copy); \
    }
SAME_BITS(float, f32, 0x1p-31)
SAME_BITS(double, f64, 0x1p-31)

static void same_bits(array x) {
    same_bits_f32(x);
    same_bits_f64(x);
}

START_TEST(a_view_of_two_axes_has_the_sum_of_its_copy) {
    static const int64_t others[] = {1, 3, 8, 9, 14, 31, 33, 300, 600};
    static const int     swapped[] = {1, 0};
    for (size_t o = 0; o < sizeof others / sizeof *others && lengths[_i] * others[o] < 200000; o++)
        for (unsigned summed = 1; summed < 4; summed++) {
            int64_t dims[] = {lengths[_i], others[o]};
            same_bits(dense(2, dims, swapped, summed));
            array x = dense(2, dims, NULL, summed);
            x.strides[0] += 5;
            same_bits(x);
            x.strides[0] = -x.strides[0], x.strides[1] = 2;
            same_bits(x);
            x.strides[1] = 0;
            same_bits(x);
        }
}
END_TEST

START_TEST(a_view_has_the_sum_of_its_copy) {
    uint32_t seed = (uint32_t)_i + 100;
    for (unsigned summed = 1; summed < 1u << _i; summed++)
        for (int round = 0; round < (_i < 4 ? 60 : 6); round++)
            same_bits(random_array(_i, &seed, summed));
}
END_TEST

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* A sum of tenths, `size` of them in memory, to `kept` elements. */
static void check_tenths(tgi_sum_axes axes, int64_t kept, int64_t size) {
    float *x = malloc((size_t)size * sizeof *x), *out = malloc((size_t)kept * sizeof *out);
    ck_assert(x && out);
    for (int64_t i = 0; i < size; i++)
        x[i] = 0.1f;
    tgi_sum_f32(&axes, x, out);
    double exact = (double)(product(axes.rank, axes.dims) / kept) * (double)0.1f;
    for (int64_t i = 0; i < kept; i++)
        ck_assert_double_le(fabs((double)out[i] - exact) / exact, 1e-6);
    free(x);
    free(out);
}

START_TEST(ten_million_tenths) {
    int64_t n = 10000000, c = 10;
    check_tenths((tgi_sum_axes){1, 1, {n}, {1}}, 1, n);
    check_tenths((tgi_sum_axes){2, 1, {n / c, c}, {c, 1}}, c, n);
    check_tenths((tgi_sum_axes){2, 1, {n / 2, 2}, {2, 1}}, 2, n);
    check_tenths((tgi_sum_axes){2, 2, {2, n / 2}, {1, 2}}, 2, n);
    check_tenths((tgi_sum_axes){2, 3, {n / 10, 5}, {10, 1}}, 1, n);
    check_tenths((tgi_sum_axes){1, 1, {n}, {0}}, 1, 1);
}
END_TEST

/* A sum of ten million rows: one row of 16 tenths, read again and again. */
START_TEST(ten_million_rows) {
    float        x[16], out[16];
    tgi_sum_axes axes = {2, 1, {10000000, 16}, {0, 1}};
    for (int i = 0; i < 16; i++)
        x[i] = 0.1f;
    tgi_sum_f32(&axes, x, out);
    for (int i = 0; i < 16; i++)
        ck_assert_double_le(fabs((double)out[i] / (1e7 * (double)0.1f) - 1), 1e-6);
}
END_TEST

START_TEST(integers_wrap) {
    int64_t      x[40], out[10];
    tgi_sum_axes all = {1, 1, {40}, {1}};
    tgi_sum_axes columns = {2, 1, {4, 10}, {10, 1}};
    for (int i = 0; i < 40; i++)
        x[i] = INT64_MAX;
    tgi_sum_i64(&all, x, out);
    ck_assert_int_eq(out[0], -40);
    tgi_sum_i64(&columns, x, out);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(out[i], -4);
    all.dims[0] = 2;
    x[1] = 1;
    tgi_sum_i64(&all, x, out);
    ck_assert_int_eq(out[0], INT64_MIN);
}
END_TEST

START_TEST(nan_and_infinity_stay) {
    float        x[600], out;
    tgi_sum_axes all = {1, 1, {600}, {1}};
    for (int i = 0; i < 600; i++)
        x[i] = 1;
    x[300] = INFINITY;
    tgi_sum_f32(&all, x, &out);
    ck_assert(isinf(out));
    x[599] = -INFINITY;
    tgi_sum_f32(&all, x, &out);
    ck_assert(isnan(out));
}
END_TEST

/* ---- in pieces --------------------------------------------------------------------------------------------------- */

enum { MOST_ROWS = 3000, MOST_IN_PIECES = 1 << 16 };

/* The sums of a rows x n array in pieces, the blocks from the last to the first, each some eights of rows at a time, against the
 * whole sums: the same bits, of fractions too. */
#define IN_PIECES(T, suffix, fraction) \
    static void in_pieces_##suffix(int64_t rows, int64_t n, int64_t eights) { \
        static T     x[MOST_IN_PIECES], sums[MOST_IN_PIECES], whole[MOST_IN_PIECES], out[MOST_IN_PIECES]; \
        int64_t      size = n == 1 ? TGI_SUM_BLOCK : TGI_SUM_ROWS, blocks = (rows - 1) / size + 1; \
        tgi_sum_axes axes = {2, 1, {rows, n}, {n, 1}}; \
        uint32_t     state = (uint32_t)(rows * 31 + n); \
        for (int64_t i = 0; i < rows * n; i++) \
            x[i] = (T)((double)(state = state * 1664525u + 1013904223u) * (fraction)); \
        for (int64_t b = blocks - 1; b >= 0; b--) { \
            int64_t end = (b + 1) * size < rows ? (b + 1) * size : rows, step = n == 1 ? size : 8 * eights; \
            for (int64_t r = b * size; r < end; r += step) \
                tgi_sum_block_##suffix(r + step < end ? step : end - r, n, x + r * n, r > b * size, sums + b * n); \
        } \
        tgi_sum_blocks_##suffix(blocks, n, sums, out); \
        tgi_sum_##suffix(&axes, x, whole); \
        ck_assert_msg(!memcmp(out, whole, (size_t)n * sizeof *out), #suffix ": %d rows of %d", (int)rows, (int)n); \
    }
IN_PIECES(float, f32, 1e-9)
IN_PIECES(double, f64, 1e-9)
IN_PIECES(int64_t, i64, 1.0)

START_TEST(pieces_add_up_to_the_same_bits) {
    static const int64_t rows[] = {1,   2,   7,   8,   9,    31,   32,   33,   127,  128,  129,      136,
                                   500, 511, 512, 513, 1023, 1024, 1025, 1100, 2048, 2500, MOST_ROWS};
    static const int64_t columns[] = {1, 8, 9, 15, 16, 17, 33, 64, 65, 130};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t j = 0; j < sizeof columns / sizeof *columns; j++)
            for (int64_t eights = 1; eights <= 16 && rows[i] * columns[j] <= MOST_IN_PIECES; eights += 5) {
                in_pieces_f32(rows[i], columns[j], eights);
                in_pieces_f64(rows[i], columns[j], eights);
                in_pieces_i64(rows[i], columns[j], eights);
            }
    for (int64_t count = MOST_ROWS; count <= MOST_IN_PIECES; count += 6007)
        in_pieces_f32(count, 1, 1), in_pieces_f64(count, 1, 1), in_pieces_i64(count, 1, 1);
}
END_TEST

/* ---- running sums ------------------------------------------------------------------------------------------------ */

/* Columns of one number, which is no fraction of 2, against its multiples. */
#define RUNNING_TENTHS(T, suffix, tolerance) \
    static void running_tenths_##suffix(int64_t n, int64_t inner) { \
        T *x = malloc((size_t)(n * inner) * sizeof *x), *y = malloc((size_t)(n * inner) * sizeof *y); \
        ck_assert(x &&y); \
        for (int64_t i = 0; i < n * inner; i++) \
            x[i] = (T)0.1 + (T)(i % inner); \
        tgi_cumsum_##suffix(1, n, inner, x, y); \
        for (int64_t j = 0; j < inner; j++) { \
            for (int64_t i = 0; i < n; i++) { \
                long double sum = (long double)x[j] * (long double)(i + 1); \
                if (!(fabsl(y[i * inner + j] - sum) <= (tolerance)*sum)) \
                    ck_abort_msg("row %lld, column %lld of %lld: %.17g, not %.17Lg", (long long)i, (long long)j, \
                                 (long long)inner, (double)y[i * inner + j], sum); \
            } \
        } \
        free(x); \
        free(y); \
    }
RUNNING_TENTHS(float, f32, 0x1p-24L)
RUNNING_TENTHS(double, f64, 0x1.001p-53L)

START_TEST(running_sums_are_rounded_once) {
    static const int64_t inner[] = {1, 2, 63, 64, 65, 200};
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++) {
        running_tenths_f32(4000000 / (inner[i] * inner[i]) + 5, inner[i]);
        running_tenths_f64(4000000 / (inner[i] * inner[i]) + 5, inner[i]);
    }
}
END_TEST

START_TEST(running_sums_of_infinities) {
    double x[] = {1, -(double)INFINITY, 1, (double)INFINITY, 1}, y[5];
    float  z[5];
    tgi_cumsum_f64(1, 5, 1, x, y);
    ck_assert(y[0] == 1 && y[1] == x[1] && y[2] == x[1] && isnan(y[3]) && isnan(y[4]));
    tgi_cumsum_f32(1, 5, 1, (float[]){1, INFINITY, 1, -1, 1}, z);
    ck_assert(z[0] == 1 && isinf(z[1]) && isinf(z[4]));
    tgi_cumsum_f64(1, 3, 1, (double[]){0x1.8p1023, 0x1p1023, -1}, y);
    ck_assert(y[0] == 0x1.8p1023 && isinf(y[1]) && isinf(y[2]));
    tgi_cumsum_f64(1, 0, 3, x, y);
    int64_t whole[2];
    tgi_cumsum_i64(1, 2, 1, (int64_t[]){INT64_MAX, 1}, whole);
    ck_assert(whole[1] == INT64_MIN);
}
END_TEST

Suite *suite_sum(void) {
    Suite *suite = suite_create("sum");
    TCase *axes = tcase_create("axes");
    tcase_set_timeout(axes, 300);
    tcase_add_loop_test(axes, one_axis, 0, LENGTHS);
    tcase_add_loop_test(axes, two_axes, 0, LENGTHS);
    tcase_add_loop_test(axes, many_columns, 0, 10);
    tcase_add_loop_test(axes, random_arrays, 0, 9);
    tcase_add_loop_test(axes, a_view_of_two_axes_has_the_sum_of_its_copy, 0, LENGTHS);
    tcase_add_loop_test(axes, a_view_has_the_sum_of_its_copy, 1, 9);
    suite_add_tcase(suite, axes);

    TCase *numbers = tcase_create("numbers");
    tcase_set_timeout(numbers, 300);
    tcase_add_test(numbers, ten_million_tenths);
    tcase_add_test(numbers, ten_million_rows);
    tcase_add_test(numbers, integers_wrap);
    tcase_add_test(numbers, nan_and_infinity_stay);
    tcase_add_test(numbers, pieces_add_up_to_the_same_bits);
    tcase_add_test(numbers, running_sums_are_rounded_once);
    tcase_add_test(numbers, running_sums_of_infinities);
    suite_add_tcase(suite, numbers);
    return suite;
}
