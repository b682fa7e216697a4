/* tests/ops/test_scan.c: cumsum, cumprod, prod: their rows of the op table; zeros among the factors, to any order, and what
 * is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/axes.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

static const op_case axis_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {1, {1}}},     {.shape = {{2, {2, 3}}}, .with = {1, {0}}},
    {.shape = {{1, {5}}}, .with = {1, {-1}}},       {.shape = {{1, {1}}}, .with = {1, {0}}},
    {.shape = {{1, {0}}}, .with = {1, {0}}},        {.shape = {{2, {0, 3}}}, .with = {1, {1}}},
    {.shape = {{3, {2, 7, 3}}}, .with = {1, {-2}}}, {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}, .with = {1, {6}}},
    {.shape = {{2, {33, 40}}}, .with = {1, {0}}},
};
static const op_case whole_cases[] = {
    {.shape = {{2, {2, 3}}}},
    {.shape = {{0, {0}}}},
    {.shape = {{1, {1}}}},
    {.shape = {{1, {7}}}},
    {.shape = {{2, {0, 3}}}},
    {.shape = {{2, {5, 6}}}},
    {.shape = {{8, {1, 2, 1, 2, 1, 2, 1, 2}}}},
};
/* The axes, and keepdim after them. */
static const op_case axes_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {2, {0, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {-1, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {2, {1, 0}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {3, {0, -1, 1}}},
    {.shape = {{0, {0}}}, .with = {1, {1}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {1, 0}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {0, 1}}},
    {.shape = {{3, {1, 5, 1}}}, .with = {3, {0, 2, 0}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 1}}}, .with = {5, {0, 1, -2, -1, 1}}},
    {.shape = {{2, {13, 60}}}, .with = {2, {0, 0}}},
};

static element step(element a, element b, bool add) {
    if (add) return (element){a.real + b.real, (int64_t)((uint64_t)a.whole + (uint64_t)b.whole)};
    return (element){a.real * b.real, (int64_t)((uint64_t)a.whole * (uint64_t)b.whole)};
}

static void expect_running(const values *x, const settings *with, bool add, values *y) {
    int     axis = (with->value[0] + x->shape.rank) % x->shape.rank;
    int64_t index[TG_MAX_RANK];
    clear_values(y, x->dtype, x->shape);
    y->scale = add ? 100 : 1;
    for (int64_t n = 0; n < y->size; n++) {
        unravel(x->shape, n, index);
        y->at[n] = x->at[n];
        if (index[axis]-- > 0) y->at[n] = step(y->at[ravel(x->shape, index)], x->at[n], add);
    }
}

static tg_tensor record_cumsum(const tg_tensor *x, const settings *with) {
    return tg_cumsum(x[0], with->value[0]);
}

static tg_tensor record_cumprod(const tg_tensor *x, const settings *with) {
    return tg_cumprod(x[0], with->value[0]);
}

static tg_tensor record_prod(const tg_tensor *x, const settings *with) {
    (void)with;
    return tg_prod(x[0]);
}

static tg_tensor record_prod_axes(const tg_tensor *x, const settings *with) {
    return tg_prod_axes(x[0], axes_before(with, 1), keepdim_of(with));
}

static element reduce_prod(tg_dtype dtype, int64_t n, const element *x, const settings *with) {
    (void)dtype, (void)with;
    element product = {1, 1};
    for (int64_t i = 0; i < n; i++)
        product = step(product, x[i], false);
    return product;
}

static void expect_cumsum(const values *x, const settings *with, values *y) {
    expect_running(x, with, true, y);
}

static void expect_cumprod(const values *x, const settings *with, values *y) {
    expect_running(x, with, false, y);
}

static void expect_prod(const values *x, const settings *with, values *y) {
    expect_reduced(x, NULL, false, x->dtype, with, reduce_prod, y);
}

static void expect_prod_axes(const values *x, const settings *with, values *y) {
    tg_axes axes = axes_before(with, 1);
    expect_reduced(x, &axes, keepdim_of(with), x->dtype, with, reduce_prod, y);
}

#define ROW(function, word, list) \
    { \
        .name = #function, .called = word, .arity = 1, .takes = TAKES_NUMBER, .record = record_##function, \
        .expect = expect_##function, .low = {-1.5}, .high = {1.5}, .cases = list, .case_count = sizeof list / sizeof *list \
    }

const op_row scan_rows[] = {
    ROW(cumsum, "cumsum", axis_cases),
    ROW(cumprod, "cumprod", axis_cases),
    ROW(prod, "prod", whole_cases),
    ROW(prod_axes, "prod", axes_cases),
    {.name = NULL},
};

/* ---- zeros ------------------------------------------------------------------------------------------------------- */

START_TEST(products_with_zeros_have_all_their_derivatives) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor one = F64(tape, 2, 0, 3), two = F64(tape, 0, 5, 0), all = F64(tape, 0, 0, 0);
    CHECK_IS(slope(tg_prod(one), one), 0, 6, 0);
    CHECK_IS(slope(tg_prod(two), two), 0, 0, 0);
    CHECK_IS(slope(slope(tg_prod(two), two), two), 5, 0, 5);
    CHECK_IS(slope(slope(slope(tg_prod(all), all), all), all), 2, 2, 2);
    CHECK_IS(slope(tg_cumprod(one, 0), one), 1, 2 + 6, 0);
    CHECK_IS(slope(tg_cumprod(two, 0), two), 1 + 5, 0, 0);
    tg_tensor           list[] = {one, two, all};
    tg_gradcheck_report report = {.order = 3};
    for (int i = 0; i < 3; i++) {
        ck_assert_msg(tg_gradcheck(tg_prod(list[i]), 1, &list[i], &report) == TG_OK, "%s", tg_error(tape));
        ck_assert_msg(tg_gradcheck(tg_cumprod(list[i], 0), 1, &list[i], &report) == TG_OK, "%s", tg_error(tape));
    }
    finish(tape);
}
END_TEST

START_TEST(empty_products_are_one) {
    tg_tape *tape = tg_tape_new();
    CHECK_IS(tg_prod(tg_full(tape, TG_F64, TG_SHAPE(0), 3)), 1);
    CHECK_IS(tg_prod_axes(tg_full(tape, TG_I64, TG_SHAPE(0, 2), 3), TG_AXES(0), true), 1, 1);
    ck_assert_int_eq(tg_size(tg_prod_axes(tg_full(tape, TG_F32, TG_SHAPE(0, 2), 3), TG_AXES(1), false)), 0);
    finish(tape);
}
END_TEST

/* One by one, float32 sums of ones end at 2^24. */
START_TEST(long_running_sums_of_float32_keep_their_digits) {
    enum { MANY = (1 << 24) + 4096 };
    tg_tape  *tape = tg_tape_new();
    tg_tensor ones = tg_broadcast_to(tg_full(tape, TG_F32, TG_SHAPE(1), 1), TG_SHAPE(MANY));
    tg_set_keep(tape, TG_KEEP_ASKED);
    CHECK_IS(tg_take(tg_cumsum(ones, 0), MANY - 1, 0), MANY);
    CHECK_IS(tg_take(slope(tg_cumsum(ones, 0), ones), 0, 0), MANY);
    finish(tape);
}
END_TEST

START_TEST(infinities_and_nan_spread) {
    tg_tape *tape = tg_tape_new();
    double not = (double)NAN, infinite = (double)INFINITY;
    tg_tensor x = F64(tape, 2, infinite, 0, 1);
    CHECK_IS(tg_cumsum(x, 0), 2, infinite, infinite, infinite);
    CHECK_IS(tg_cumprod(x, 0), 2, infinite, not, not );
    CHECK_IS(tg_prod(x), not );
    CHECK_IS(tg_cumprod(F64(tape, 0, not, 1), 0), 0, not, not );
    finish(tape);
}
END_TEST

START_TEST(what_cannot_be_multiplied_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), b = tg_full(tape, TG_BOOL, TG_SHAPE(2), 1);
    ck_assert(!tg_valid(tg_cumsum(x, 2)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_scan.c:", "cumsum: axis 2");
    ck_assert(!tg_valid(tg_cumprod(x, -3)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_scan.c:", "cumprod: axis -3");
    ck_assert(!tg_valid(tg_prod_axes(x, TG_AXES(1, 1), false)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_scan.c:", "prod: axis 1 is named twice");
    ck_assert(!tg_valid(tg_cumprod(b, 0)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "test_scan.c:", "cumprod: bool (2): ");
    ck_assert(!tg_valid(tg_prod(b)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "prod: bool (2): ");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_scan(void) {
    Suite *suite = suite_create("scan");
    TCase *tcase = tcase_create("scans");
    add_rows(suite, scan_rows);
    tcase_add_test(tcase, products_with_zeros_have_all_their_derivatives);
    tcase_add_test(tcase, empty_products_are_one);
    tcase_add_test(tcase, long_running_sums_of_float32_keep_their_digits);
    tcase_add_test(tcase, infinities_and_nan_spread);
    tcase_add_test(tcase, what_cannot_be_multiplied_is_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
