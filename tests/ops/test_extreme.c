/* tests/ops/test_extreme.c: max, min, argmax, argmin, any, all: their rows of the op table; ties, NaN, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/axes.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

static const op_case whole_cases[] = {
    {.shape = {{2, {2, 3}}}}, {.shape = {{0, {0}}}},      {.shape = {{1, {1}}}},
    {.shape = {{1, {7}}}},    {.shape = {{2, {37, 41}}}}, {.shape = {{8, {1, 2, 1, 2, 1, 2, 1, 2}}}},
};
/* The axes, and keepdim after them. No axis that goes is empty. */
static const op_case axes_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {2, {0, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {-1, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {2, {1, 0}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {3, {0, -1, 1}}},
    {.shape = {{0, {0}}}, .with = {1, {1}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {1, 0}}},
    {.shape = {{3, {1, 5, 1}}}, .with = {3, {0, 2, 0}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 1}}}, .with = {5, {0, 1, -2, -1, 1}}},
    {.shape = {{2, {30, 60}}}, .with = {2, {0, 0}}},
};
/* For any and all, whose operand may be empty. */
static const op_case truth_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {2, {0, 0}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {0, 1}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {1, 0}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {3, {0, -1, 1}}},
    {.shape = {{0, {0}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}}, .with = {1, {0}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 1}}}, .with = {3, {0, 6, 0}}},
};
static const op_case whole_truth_cases[] = {
    {.shape = {{2, {2, 3}}}}, {.shape = {{0, {0}}}}, {.shape = {{1, {0}}}}, {.shape = {{1, {1}}}}, {.shape = {{2, {30, 60}}}},
};
/* An axis, and keepdim. */
static const op_case index_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {2, {0, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {-1, 1}}},
    {.shape = {{1, {5}}}, .with = {2, {0, 0}}},
    {.shape = {{1, {1}}}, .with = {2, {0, 1}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {1, 0}}},
    {.shape = {{3, {2, 5, 3}}}, .with = {2, {1, 0}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}, .with = {2, {7, 0}}},
    {.shape = {{2, {30, 60}}}, .with = {2, {0, 0}}},
};

static int64_t best_of(tg_dtype dtype, int64_t n, const element *x, int sign) {
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++) {
        bool more = is_floating(dtype) ? x[i].real > x[best].real : x[i].whole > x[best].whole;
        bool less = is_floating(dtype) ? x[i].real < x[best].real : x[i].whole < x[best].whole;
        if (sign > 0 ? more : less) best = i;
    }
    return best;
}

static element reduce_max(tg_dtype dtype, int64_t n, const element *x, const settings *with) {
    (void)with;
    return x[best_of(dtype, n, x, 1)];
}

static element reduce_min(tg_dtype dtype, int64_t n, const element *x, const settings *with) {
    (void)with;
    return x[best_of(dtype, n, x, -1)];
}

static element reduce_argmax(tg_dtype dtype, int64_t n, const element *x, const settings *with) {
    (void)with;
    return (element){.whole = best_of(dtype, n, x, 1)};
}

static element reduce_argmin(tg_dtype dtype, int64_t n, const element *x, const settings *with) {
    (void)with;
    return (element){.whole = best_of(dtype, n, x, -1)};
}

static element reduce_any(tg_dtype dtype, int64_t n, const element *x, const settings *with) {
    (void)dtype, (void)with;
    element any = {.whole = 0};
    for (int64_t i = 0; i < n; i++)
        any.whole |= x[i].whole;
    return any;
}

static element reduce_all(tg_dtype dtype, int64_t n, const element *x, const settings *with) {
    (void)dtype, (void)with;
    element all = {.whole = 1};
    for (int64_t i = 0; i < n; i++)
        all.whole &= x[i].whole;
    return all;
}

#define FUNCTIONS(name) \
    static tg_tensor record_##name(const tg_tensor *x, const settings *with) { \
        (void)with; \
        return tg_##name(x[0]); \
    } \
    static tg_tensor record_##name##_axes(const tg_tensor *x, const settings *with) { \
        return tg_##name##_axes(x[0], axes_before(with, 1), keepdim_of(with)); \
    } \
    static void expect_##name(const values *x, const settings *with, values *y) { \
        expect_reduced(x, NULL, false, x->dtype, with, reduce_##name, y); \
    } \
    static void expect_##name##_axes(const values *x, const settings *with, values *y) { \
        tg_axes axes = axes_before(with, 1); \
        expect_reduced(x, &axes, keepdim_of(with), x->dtype, with, reduce_##name, y); \
    }
FUNCTIONS(max)
FUNCTIONS(min)
FUNCTIONS(any)
FUNCTIONS(all)

#define INDEX_FUNCTION(name) \
    static tg_tensor record_##name(const tg_tensor *x, const settings *with) { \
        return tg_##name(x[0], with->value[0], keepdim_of(with)); \
    } \
    static void expect_##name(const values *x, const settings *with, values *y) { \
        expect_reduced(x, &(tg_axes){1, {with->value[0]}}, keepdim_of(with), TG_I64, with, reduce_##name, y); \
    }
INDEX_FUNCTION(argmax)
INDEX_FUNCTION(argmin)

#define ROW(function, word, dtypes, no_gradient, list) \
    { \
        .name = #function, .called = word, .arity = 1, .takes = dtypes, .compares = no_gradient, .record = record_##function, \
        .expect = expect_##function, .low = {-3}, .high = {3}, .cases = list, .case_count = sizeof list / sizeof *list \
    }

const op_row extreme_rows[] = {
    ROW(max, "max", TAKES_NUMBER, false, whole_cases),
    ROW(max_axes, "max", TAKES_NUMBER, false, axes_cases),
    ROW(min, "min", TAKES_NUMBER, false, whole_cases),
    ROW(min_axes, "min", TAKES_NUMBER, false, axes_cases),
    ROW(argmax, "argmax", TAKES_NUMBER, true, index_cases),
    ROW(argmin, "argmin", TAKES_NUMBER, true, index_cases),
    ROW(any, "any", 1 << TG_BOOL, true, whole_truth_cases),
    ROW(any_axes, "any", 1 << TG_BOOL, true, truth_cases),
    ROW(all, "all", 1 << TG_BOOL, true, whole_truth_cases),
    ROW(all_axes, "all", 1 << TG_BOOL, true, truth_cases),
    {.name = NULL},
};

/* ---- values ------------------------------------------------------------------------------------------------------ */

START_TEST(ties_share_the_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 3, 1, 3, 1, 3, 3), m = tg_reshape(F64(tape, 1, 1, 2, 0), TG_SHAPE(2, 2));
    CHECK_IS(slope(tg_max(x), x), 0.25, 0, 0.25, 0, 0.25, 0.25);
    CHECK_IS(slope(tg_min(x), x), 0, 0.5, 0, 0.5, 0, 0);
    CHECK_IS(slope(tg_max_axes(m, TG_AXES(1), false), m), 0.5, 0.5, 1, 0);
    CHECK_IS(slope(tg_mul(tg_max_axes(m, TG_AXES(0), true), F64(tape, 2, 4)), m), 0, 4, 2, 0);
    CHECK_IS(slope(tg_max_axes(m, TG_AXES(), false), m), 1, 1, 1, 1);
    CHECK_IS(tg_argmax(x, 0, false), 0);
    CHECK_IS(tg_argmin(x, 0, true), 1);
    finish(tape);
}
END_TEST

START_TEST(nan_wins) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, NOT, (double)INFINITY, NOT);
    CHECK_IS(tg_max(x), NOT);
    CHECK_IS(tg_min(x), NOT);
    CHECK_IS(tg_argmax(x, 0, false), 1);
    CHECK_IS(tg_argmin(x, 0, false), 1);
    CHECK_IS(tg_argmin(F32(tape, NOT, -(double)INFINITY), 0, false), 0);
    CHECK_IS(slope(tg_max(x), x), 0, 0.5, 0, 0.5);
    CHECK_IS(tg_max(F32(tape, -(double)INFINITY)), -(double)INFINITY);
    finish(tape);
}
END_TEST

START_TEST(integers_are_exact) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = I64(tape, INT64_MAX - 1, INT64_MAX, INT64_MIN, INT64_MIN + 1);
    CHECK_IS(tg_argmax(x, 0, false), 1);
    CHECK_IS(tg_argmin(x, 0, false), 2);
    CHECK_IS(tg_eq(tg_max(x), tg_take(x, 1, 0)), 1);
    finish(tape);
}
END_TEST

START_TEST(of_nothing_any_is_false_and_all_is_true) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor none = tg_full(tape, TG_BOOL, TG_SHAPE(0, 2), 0);
    CHECK_IS(tg_any(none), 0);
    CHECK_IS(tg_all(none), 1);
    CHECK_IS(tg_any_axes(none, TG_AXES(0), false), 0, 0);
    CHECK_IS(tg_all_axes(none, TG_AXES(0), true), 1, 1);
    ck_assert_int_eq(tg_size(tg_all_axes(none, TG_AXES(1), false)), 0);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(what_has_no_answer_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), none = tg_full(tape, TG_F64, TG_SHAPE(2, 0), 1);
    REFUSED(tg_max(none), TG_ERR_SHAPE, "max: (2, 0): there is nothing to choose from along axis 1");
    REFUSED(tg_min_axes(none, TG_AXES(-1), true), TG_ERR_SHAPE, "min: (2, 0): ");
    REFUSED(tg_argmax(none, 1, false), TG_ERR_SHAPE, "argmax: (2, 0): ");
    REFUSED(tg_max_axes(x, TG_AXES(2), false), TG_ERR_SHAPE, "max: axis 2 of a tensor of rank 2");
    REFUSED(tg_min_axes(x, TG_AXES(0, -2), false), TG_ERR_SHAPE, "min: axis -2 is named twice");
    REFUSED(tg_argmin(x, -3, false), TG_ERR_SHAPE, "argmin: axis -3");
    REFUSED(tg_any(x), TG_ERR_DTYPE, "any: float32 (2, 3): it takes bool only", "tg_cast");
    REFUSED(tg_all_axes(x, TG_AXES(0), false), TG_ERR_DTYPE, "all: float32 (2, 3): ");
    ck_assert_int_eq(tg_size(tg_max_axes(none, TG_AXES(0), false)), 0);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_extreme(void) {
    Suite *suite = suite_create("extreme");
    TCase *tcase = tcase_create("extremes");
    add_rows(suite, extreme_rows);
    tcase_add_test(tcase, ties_share_the_gradient);
    tcase_add_test(tcase, nan_wins);
    tcase_add_test(tcase, integers_are_exact);
    tcase_add_test(tcase, of_nothing_any_is_false_and_all_is_true);
    tcase_add_test(tcase, what_has_no_answer_is_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
