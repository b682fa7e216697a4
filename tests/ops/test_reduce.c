/* tests/ops/test_reduce.c: sums and means: their rows of the op table, with one plain loop as formula, and empty sums, axes in
 * any notation, rounding errors, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>

#include "ops/op_table.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

static const op_case whole_cases[] = {
    {.shape = {{2, {2, 3}}}},    {.shape = {{0, {0}}}},
    {.shape = {{1, {1}}}},       {.shape = {{1, {7}}}},
    {.shape = {{1, {0}}}},       {.shape = {{3, {2, 0, 3}}}},
    {.shape = {{2, {37, 41}}}},  {.shape = {{8, {1, 2, 1, 2, 1, 2, 1, 2}}}},
    {.shape = {{3, {5, 1, 6}}}},
};

/* The axes, and keepdim after them. */
static const op_case axes_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {2, {0, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {0, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {-1, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {-1, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}}, .with = {1, {1}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {-1, 0, 1}}},
    {.shape = {{0, {0}}}, .with = {1, {0}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {2, {1, 0}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {3, {0, -1, 0}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {3, {0, 2, 1}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {3, {1, 2, 0}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {0, 0}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {1, 0}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {0, 1}}},
    {.shape = {{3, {1, 5, 1}}}, .with = {3, {0, 2, 0}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 1}}}, .with = {5, {0, 1, -2, -1, 1}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 1}}}, .with = {9, {7, 6, 5, 4, 3, 2, 1, 0, 0}}},
    {.shape = {{3, {9, 23, 8}}}, .with = {2, {1, 0}}},
    {.shape = {{2, {1500, 1}}}, .with = {2, {0, 0}}},
};

static tg_axes axes_of(const settings *with) {
    return tg_axes_from(with->count - 1, with->value);
}

static bool keepdim_of(const settings *with) {
    return with->value[with->count - 1] != 0;
}

static tg_tensor record_sum(const tg_tensor *x, const settings *with) {
    (void)with;
    return tg_sum(x[0]);
}

static tg_tensor record_sum_axes(const tg_tensor *x, const settings *with) {
    return tg_sum_axes(x[0], axes_of(with), keepdim_of(with));
}

static tg_tensor record_mean(const tg_tensor *x, const settings *with) {
    (void)with;
    return tg_mean(x[0]);
}

static tg_tensor record_mean_axes(const tg_tensor *x, const settings *with) {
    return tg_mean_axes(x[0], axes_of(with), keepdim_of(with));
}

static tg_shape reduced(tg_shape shape, const bool *summed, bool keepdim) {
    tg_shape out = {0};
    for (int i = 0; i < shape.rank; i++)
        if (keepdim || !summed[i]) out.dims[out.rank++] = summed[i] ? 1 : shape.dims[i];
    return out;
}

/* Adds each element to the sum that it belongs to. */
static void add_up(const values *x, const bool *summed, bool keepdim, values *y) {
    tg_shape kept = reduced(x->shape, summed, true);
    int64_t  index[TG_MAX_RANK];
    clear_values(y, x->dtype, reduced(x->shape, summed, keepdim));
    for (int64_t n = 0; n < x->size; n++) {
        unravel(x->shape, n, index);
        element *sum = &y->at[ravel(kept, index)];
        sum->real += x->at[n].real;
        sum->whole = (int64_t)((uint64_t)sum->whole + (uint64_t)x->at[n].whole);
        y->scale += fabsl(x->at[n].real);
    }
}

static void expect_sum(const values *x, const settings *with, values *y) {
    bool all[TG_MAX_RANK] = {true, true, true, true, true, true, true, true};
    (void)with;
    add_up(x, all, false, y);
}

static void expect_sum_axes(const values *x, const settings *with, values *y) {
    bool summed[TG_MAX_RANK] = {false};
    for (int i = 0; i < with->count - 1; i++)
        summed[(with->value[i] + x->shape.rank) % x->shape.rank] = true;
    add_up(x, summed, keepdim_of(with), y);
}

static void divide(const values *x, values *y) {
    for (int64_t i = 0; i < y->size; i++)
        y->at[i].real = x->size ? y->at[i].real / (long double)(x->size / y->size) : (long double)NAN;
}

static void expect_mean(const values *x, const settings *with, values *y) {
    expect_sum(x, with, y);
    divide(x, y);
}

static void expect_mean_axes(const values *x, const settings *with, values *y) {
    expect_sum_axes(x, with, y);
    divide(x, y);
}

#define ROW(function, word, dtypes, list) \
    { \
        .name = #function, .called = word, .arity = 1, .takes = dtypes, .record = record_##function, \
        .expect = expect_##function, .low = {-3}, .high = {3}, .cases = list, .case_count = sizeof list / sizeof *list \
    }

const op_row reduce_rows[] = {
    ROW(sum, "sum", TAKES_NUMBER, whole_cases),
    ROW(sum_axes, "sum", TAKES_NUMBER, axes_cases),
    ROW(mean, "mean", TAKES_FLOAT, whole_cases),
    ROW(mean_axes, "mean", TAKES_FLOAT, axes_cases),
    {.name = NULL},
};

/* ---- values ------------------------------------------------------------------------------------------------------ */

START_TEST(empty_sums_and_means) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor none = tg_full(tape, TG_F64, TG_SHAPE(0), 1), rows = tg_full(tape, TG_F32, TG_SHAPE(0, 2), 1);
    CHECK_IS(tg_sum(none), 0);
    CHECK_IS(tg_mean(none), NOT);
    CHECK_IS(tg_sum_axes(rows, TG_AXES(0), false), 0, 0);
    CHECK_IS(tg_mean_axes(rows, TG_AXES(0), true), NOT, NOT);
    ck_assert_int_eq(tg_size(tg_mean_axes(rows, TG_AXES(1), false)), 0);
    CHECK_IS(tg_sum(tg_cast(none, TG_I64)), 0);
    finish(tape);
}
END_TEST

START_TEST(over_no_axes_every_element_is_its_sum) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, NOT, -0.0);
    CHECK_IS(tg_sum_axes(x, TG_AXES(), false), 1, NOT, 0);
    CHECK_IS(tg_mean_axes(x, TG_AXES(), true), 1, NOT, 0);
    finish(tape);
}
END_TEST

START_TEST(infinities_cancel_to_nan) {
    tg_tape *tape = tg_tape_new();
    CHECK_IS(tg_sum(F64(tape, (double)INFINITY, 1)), (double)INFINITY);
    CHECK_IS(tg_sum(F64(tape, (double)INFINITY, -(double)INFINITY)), NOT);
    CHECK_IS(tg_mean(F32(tape, NOT, 1)), NOT);
    finish(tape);
}
END_TEST

/* A plain float32 loop would stop at 2^24, and lose thousands of units on tenths. */
START_TEST(long_sums_keep_their_digits) {
    enum { COUNT = 1 << 20 };
    tg_tape  *tape = tg_tape_new();
    tg_tensor tenths = tg_full(tape, TG_F32, TG_SHAPE(COUNT), 0.1);
    double    exact = (double)0.1f * (double)COUNT;
    ck_assert_double_le(fabs(tg_item(tg_sum(tenths)) - exact), 20 * (double)FLT_EPSILON * exact);
    ck_assert_double_le(fabs(tg_item(tg_mean(tenths)) - (double)0.1f), 20 * (double)FLT_EPSILON * 0.1);
    tg_tensor columns = tg_sum_axes(tg_reshape(tenths, TG_SHAPE(COUNT / 2, 2)), TG_AXES(0), false);
    float     got[2];
    ck_assert_int_eq(tg_read(columns, got, 2), TG_OK);
    ck_assert_double_le(fabs((double)got[1] - exact / 2), 20 * (double)FLT_EPSILON * exact);
    ck_assert_double_eq(tg_item(tg_sum(tg_broadcast_to(tg_full(tape, TG_F32, TG_SHAPE(), 1), TG_SHAPE(1 << 25)))), 0x1p25);
    finish(tape);
}
END_TEST

START_TEST(mean_divides_by_what_was_added) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2, 2), (double[]){1, 2, 3, 6});
    CHECK_IS(tg_mean(x), 3);
    CHECK_IS(tg_mean_axes(x, TG_AXES(0), false), 2, 4);
    CHECK_IS(tg_mean_axes(x, TG_AXES(-1), true), 1.5, 4.5);
    CHECK_IS(slope(tg_mean(x), x), 0.25, 0.25, 0.25, 0.25);
    CHECK_IS(slope(tg_mean_axes(x, TG_AXES(0), false), x), 0.5, 0.5, 0.5, 0.5);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static void check_axes_rejected(tg_tensor x, tg_axes axes, const char *text) {
    int64_t count = tg_instruction_count(x.tape);
    ck_assert(!tg_valid(tg_sum_axes(x, axes, false)));
    CHECK_ERROR(x.tape, TG_ERR_SHAPE, "test_reduce.c:", "sum: ", text);
    ck_assert(!tg_valid(tg_mean_axes(x, axes, true)));
    CHECK_ERROR(x.tape, TG_ERR_SHAPE, "test_reduce.c:", text);
    ck_assert_int_eq(tg_instruction_count(x.tape), count);
}

START_TEST(axes_that_are_none_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), number = tg_full(tape, TG_F32, TG_SHAPE(), 1);
    check_axes_rejected(x, TG_AXES(2), "axis 2");
    check_axes_rejected(x, TG_AXES(-3), "axis -3");
    check_axes_rejected(x, TG_AXES(0, 0), "twice");
    check_axes_rejected(x, TG_AXES(1, -1), "twice");
    check_axes_rejected(x, TG_AXES(0, 1, 2), "axis 2");
    check_axes_rejected(x, TG_AXES(0, 0, 0, 0, 0, 0, 0, 0, 0), "8");
    check_axes_rejected(x, (tg_axes){.count = -1}, "8");
    check_axes_rejected(number, TG_AXES(0), "axis 0");
    check_axes_rejected(x, TG_AXES(INT32_MIN), "axis -2147483648");
    check_axes_rejected(x, TG_AXES(INT32_MAX), "axis 2147483647");
    finish(tape);
}
END_TEST

START_TEST(errors_of_mean_name_mean) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1);
    ck_assert(!tg_valid(tg_mean_axes(x, TG_AXES(2), false)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "mean: ", "axis 2");
    ck_assert(!tg_valid(tg_mean(tg_cast(x, TG_I64))));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "mean: ", "int64 (2, 3)");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_reduce(void) {
    Suite *suite = suite_create("reduce");
    TCase *tcase = tcase_create("sums");
    add_rows(suite, reduce_rows);
    tcase_add_test(tcase, empty_sums_and_means);
    tcase_add_test(tcase, over_no_axes_every_element_is_its_sum);
    tcase_add_test(tcase, infinities_cancel_to_nan);
    tcase_add_test(tcase, long_sums_keep_their_digits);
    tcase_add_test(tcase, mean_divides_by_what_was_added);
    tcase_add_test(tcase, axes_that_are_none_are_rejected);
    tcase_add_test(tcase, errors_of_mean_name_mean);
    suite_add_tcase(suite, tcase);
    return suite;
}
