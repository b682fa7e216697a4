/* tests/ops/test_unpool.c: adaptive max pooling, and the way back from a max pooling: their rows of the op table, with one
 * window, or one index, at a time as the formula; ties, NaN, indices, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/conv.h>

#include <math.h>

#include "ops/op_table.h"

/* ---- the rows: the settings are the sizes ------------------------------------------------------------------------- */

static const op_case adaptive1d_cases[] = {
    {.shape = {{2, {2, 7}}}, .with = {1, {3}}},    {.shape = {{3, {2, 2, 3}}}, .with = {1, {5}}},
    {.shape = {{3, {1, 2, 4}}}, .with = {1, {1}}}, {.shape = {{3, {0, 2, 4}}}, .with = {1, {2}}},
    {.shape = {{2, {1, 1}}}, .with = {1, {1}}},    {.shape = {{3, {3, 4, 50}}}, .with = {1, {13}}},
};
static const op_case adaptive2d_cases[] = {
    {.shape = {{3, {2, 3, 4}}}, .with = {2, {2, 3}}},    {.shape = {{4, {1, 2, 3, 3}}}, .with = {2, {1, 1}}},
    {.shape = {{4, {2, 1, 2, 3}}}, .with = {2, {3, 2}}}, {.shape = {{4, {0, 1, 2, 3}}}, .with = {2, {1, 2}}},
    {.shape = {{3, {2, 5, 5}}}, .with = {2, {5, 2}}},    {.shape = {{4, {2, 3, 11, 21}}}, .with = {2, {4, 7}}},
};
static const op_case adaptive3d_cases[] = {
    {.shape = {{4, {2, 3, 2, 4}}}, .with = {3, {2, 1, 3}}},     {.shape = {{5, {1, 2, 3, 3, 2}}}, .with = {3, {1, 1, 1}}},
    {.shape = {{5, {2, 1, 2, 1, 3}}}, .with = {3, {3, 2, 2}}},  {.shape = {{5, {0, 1, 2, 3, 2}}}, .with = {3, {1, 2, 1}}},
    {.shape = {{5, {2, 2, 11, 7, 5}}}, .with = {3, {4, 2, 3}}},
};
/* Indices are 0 and 1: the last of several stays. */
static const op_case unpool1d_cases[] = {
    {.shape = {{2, {2, 3}}, {2, {2, 3}}}, .with = {1, {4}}},
    {.shape = {{3, {2, 2, 2}}, {3, {2, 2, 2}}}, .with = {1, {2}}},
    {.shape = {{2, {1, 1}}, {2, {1, 1}}}, .with = {1, {3}}},
    {.shape = {{2, {2, 0}}, {2, {2, 0}}}, .with = {1, {3}}},
    {.shape = {{3, {0, 2, 3}}, {3, {0, 2, 3}}}, .with = {1, {5}}},
    {.shape = {{2, {30, 20}}, {2, {30, 20}}}, .with = {1, {9}}},
};
static const op_case unpool2d_cases[] = {
    {.shape = {{3, {2, 1, 3}}, {3, {2, 1, 3}}}, .with = {2, {2, 2}}},
    {.shape = {{4, {1, 2, 2, 2}}, {4, {1, 2, 2, 2}}}, .with = {2, {1, 3}}},
    {.shape = {{3, {1, 1, 1}}, {3, {1, 1, 1}}}, .with = {2, {2, 1}}},
    {.shape = {{3, {2, 0, 2}}, {3, {2, 0, 2}}}, .with = {2, {2, 2}}},
    {.shape = {{4, {2, 3, 8, 9}}, {4, {2, 3, 8, 9}}}, .with = {2, {5, 3}}},
};

static const op_case unpool3d_cases[] = {
    {.shape = {{4, {2, 1, 2, 1}}, {4, {2, 1, 2, 1}}}, .with = {3, {2, 1, 2}}},
    {.shape = {{5, {1, 2, 2, 1, 2}}, {5, {1, 2, 2, 1, 2}}}, .with = {3, {1, 3, 1}}},
    {.shape = {{4, {1, 1, 1, 1}}, {4, {1, 1, 1, 1}}}, .with = {3, {2, 1, 1}}},
    {.shape = {{4, {2, 0, 2, 1}}, {4, {2, 0, 2, 1}}}, .with = {3, {2, 2, 1}}},
    {.shape = {{5, {2, 3, 2, 4, 9}}, {5, {2, 3, 2, 4, 9}}}, .with = {3, {5, 3, 2}}},
};

static tg_tensor record_adaptive_max_pool1d(const tg_tensor *x, const settings *with) {
    return tg_adaptive_max_pool1d(x[0], with->value[0], NULL);
}

static tg_tensor record_adaptive_max_pool2d(const tg_tensor *x, const settings *with) {
    return tg_adaptive_max_pool2d(x[0], with->value[0], with->value[1], NULL);
}

static tg_tensor record_adaptive_max_pool3d(const tg_tensor *x, const settings *with) {
    return tg_adaptive_max_pool3d(x[0], with->value[0], with->value[1], with->value[2], NULL);
}

static tg_tensor record_max_unpool1d(const tg_tensor *x, const settings *with) {
    return tg_max_unpool1d(x[0], x[1], with->value[0]);
}

static tg_tensor record_max_unpool2d(const tg_tensor *x, const settings *with) {
    return tg_max_unpool2d(x[0], x[1], with->value[0], with->value[1]);
}

static tg_tensor record_max_unpool3d(const tg_tensor *x, const settings *with) {
    return tg_max_unpool3d(x[0], x[1], with->value[0], with->value[1], with->value[2]);
}

/* x with its last axes in the sizes of the settings. */
static tg_shape resized(const values *x, const settings *with) {
    tg_shape shape = x->shape;
    for (int i = 0; i < with->count; i++)
        shape.dims[shape.rank - with->count + i] = with->value[i];
    return shape;
}

/* Whether element `at` of n is in window i of `count`. */
static bool is_in(int64_t at, int64_t n, int64_t i, int64_t count) {
    return at >= (int64_t)floor((double)i * (double)n / (double)count) &&
           at < (int64_t)ceil((double)(i + 1) * (double)n / (double)count);
}

static void expect_adaptive(const values *x, const settings *with, values *y) {
    tg_shape shape = resized(x, with);
    int64_t  index[TG_MAX_RANK], at[TG_MAX_RANK];
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        unravel(shape, n, index);
        y->at[n].real = -INFINITY;
        for (int64_t m = 0; m < x->size; m++) {
            unravel(x->shape, m, at);
            bool inside = true;
            for (int i = 0; i < shape.rank; i++)
                inside &= is_in(at[i], x->shape.dims[i], index[i], shape.dims[i]);
            if (inside && x->at[m].real > y->at[n].real) y->at[n] = x->at[m];
        }
    }
}

static void expect_unpool(const values *x, const settings *with, values *y) {
    int64_t image = 1, small = 1;
    clear_values(y, x->dtype, resized(x, with));
    for (int i = 0; i < with->count; i++) {
        image *= with->value[i];
        small *= x->shape.dims[x->shape.rank - 1 - i];
    }
    for (int64_t n = 0; n < x->size; n++)
        y->at[n / small * image + x[1].at[n].whole] = x->at[n];
}

#define ROW(function, count, dtypes, which, formula, list) \
    { \
        .name = #function, .called = #function, .arity = count, .takes = dtypes, .indices = which, \
        .record = record_##function, .expect = formula, .low = {-3, 0}, .high = {3, 2}, .cases = list, \
        .case_count = sizeof list / sizeof *list \
    }

const op_row unpool_rows[] = {
    ROW(adaptive_max_pool1d, 1, TAKES_FLOAT, 0, expect_adaptive, adaptive1d_cases),
    ROW(adaptive_max_pool2d, 1, TAKES_FLOAT, 0, expect_adaptive, adaptive2d_cases),
    ROW(adaptive_max_pool3d, 1, TAKES_FLOAT, 0, expect_adaptive, adaptive3d_cases),
    ROW(max_unpool1d, 2, TAKES_ANY, 2, expect_unpool, unpool1d_cases),
    ROW(max_unpool2d, 2, TAKES_ANY, 2, expect_unpool, unpool2d_cases),
    ROW(max_unpool3d, 2, TAKES_ANY, 2, expect_unpool, unpool3d_cases),
    {.name = NULL},
};

/* ---- values ------------------------------------------------------------------------------------------------------ */

START_TEST(where_the_largest_are) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_reshape(POINTS(tape, 1, 3, 3, 0, NOT, NOT, -INF, -INF), TG_SHAPE(1, 2, 4)), at,
              y = tg_adaptive_max_pool2d(x, 1, 2, &at);
    CHECK_IS(y, NOT, 3);
    CHECK_IS(at, 5, 2);
    ck_assert(tg_dtype_of(at) == TG_I64 && tg_shape_equal(tg_shape_of(at), TG_SHAPE(1, 1, 2)));
    tg_tensor row = tg_reshape(POINTS(tape, 2, 2, -INF, -INF), TG_SHAPE(1, 4));
    y = tg_adaptive_max_pool1d(row, 2, &at);
    CHECK_IS(at, 0, 2);
    CHECK_IS(slope(y, row), 1, 0, 1, 0);
    y = tg_max_pool2d_with_indices(x, 1, 2, NULL, &at);
    CHECK_IS(at, 1, 2, 5, 6);
    tg_max_pool1d_with_indices(row, 2, NULL, &at);
    CHECK_IS(at, 0, 2);
    tg_tensor deep = tg_reshape(POINTS(tape, 0, 1, 2, NOT, 5, 4, 3, 3), TG_SHAPE(1, 2, 2, 2));
    tg_max_pool3d_with_indices(deep, 2, 1, 2, NULL, &at);
    CHECK_IS(at, 4, 3);
    CHECK_IS(tg_adaptive_max_pool3d(deep, 2, 1, 2, &at), 2, NOT, 5, 4);
    CHECK_IS(at, 2, 3, 4, 5);
    finish(tape);
}
END_TEST

START_TEST(there_and_back) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_reshape(tg_arange(tape, TG_F64, 0, 16, 1), TG_SHAPE(1, 4, 4)), at,
              y = tg_max_pool2d_with_indices(x, 2, 2, NULL, &at);
    tg_tensor back = tg_max_unpool2d(y, at, 4, 4);
    CHECK_IS(back, 0, 0, 0, 0, 0, 5, 0, 7, 0, 0, 0, 0, 0, 13, 0, 15);
    CHECK_IS(slope(tg_square(back), x), 0, 0, 0, 0, 0, 10, 0, 14, 0, 0, 0, 0, 0, 26, 0, 30);
    finish(tape);
}
END_TEST

START_TEST(what_does_not_fit_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1), i = tg_full(tape, TG_I64, TG_SHAPE(2, 3), 5), at = x;
    tg_tensor row = tg_full(tape, TG_I64, TG_SHAPE(3), 0), none = tg_full(tape, TG_F64, TG_SHAPE(2, 0), 1);
    tg_tensor deep = tg_reshape(x, TG_SHAPE(2, 3, 1, 1)), deep_i = tg_reshape(i, TG_SHAPE(2, 3, 1, 1));
    REFUSED(tg_max_unpool1d(x, i, 4), TG_ERR_INDEX, "max_unpool1d: index 5");
    REFUSED(tg_max_unpool1d(x, x, 4), TG_ERR_DTYPE, "max_unpool1d: ", "int64");
    REFUSED(tg_max_unpool1d(x, row, 4), TG_ERR_SHAPE, "max_unpool1d: (2, 3) x (3): ");
    REFUSED(tg_max_unpool2d(x, i, 4, 4), TG_ERR_SHAPE, "max_unpool2d: ", "(N, C, H, W)");
    REFUSED(tg_max_unpool3d(x, i, 4, 4, 4), TG_ERR_SHAPE, "max_unpool3d: ", "(N, C, D, H, W)");
    REFUSED(tg_max_unpool3d(deep, deep_i, INT32_MAX, INT32_MAX, INT32_MAX), TG_ERR_SHAPE,
            "max_unpool3d: ", "too many elements");
    REFUSED(tg_max_unpool1d(x, i, -1), TG_ERR_ARGUMENT, "max_unpool1d: ", "-1");
    REFUSED(tg_adaptive_max_pool1d(x, 0, &at), TG_ERR_ARGUMENT, "adaptive_max_pool1d: ", "size 0");
    ck_assert(!tg_valid(at));
    REFUSED(tg_adaptive_max_pool1d(none, 1, NULL), TG_ERR_SHAPE, "adaptive_max_pool1d: (2, 0): ");
    REFUSED(tg_adaptive_max_pool2d(x, 1, 1, NULL), TG_ERR_SHAPE, "adaptive_max_pool2d: ", "(N, C, H, W)");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_unpool(void) {
    Suite *suite = suite_create("unpool");
    TCase *tcase = tcase_create("places");
    add_rows(suite, unpool_rows);
    tcase_add_loop_test(tcase, where_the_largest_are, 0, 2);
    tcase_add_test(tcase, there_and_back);
    tcase_add_test(tcase, what_does_not_fit_is_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
