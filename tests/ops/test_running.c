/* tests/ops/test_running.c: logcumsumexp, cummax, cummin: their rows of the op table; infinities, NaN, equal elements,
 * indices, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/op_table.h"

/* ---- the rows: the setting is the axis ---------------------------------------------------------------------------- */

static const op_case axis_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {1, {1}}},    {.shape = {{2, {3, 2}}}, .with = {1, {0}}},
    {.shape = {{1, {5}}}, .with = {1, {-1}}},      {.shape = {{1, {1}}}, .with = {1, {0}}},
    {.shape = {{1, {0}}}, .with = {1, {0}}},       {.shape = {{2, {3, 0}}}, .with = {1, {0}}},
    {.shape = {{3, {2, 4, 3}}}, .with = {1, {1}}}, {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}, .with = {1, {7}}},
    {.shape = {{2, {7, 200}}}, .with = {1, {1}}},
};

static tg_tensor record_logcumsumexp(const tg_tensor *x, const settings *with) {
    return tg_logcumsumexp(x[0], with->value[0]);
}

static tg_tensor record_cummax(const tg_tensor *x, const settings *with) {
    return tg_cummax(x[0], with->value[0], NULL);
}

static tg_tensor record_cummin(const tg_tensor *x, const settings *with) {
    return tg_cummin(x[0], with->value[0], NULL);
}

enum { LOGS, HIGHEST, LOWEST };

static element join(element a, element b, int kind) {
    if (kind == LOGS) return (element){.real = logl(expl(a.real) + expl(b.real))};
    bool higher = a.real > b.real || a.whole > b.whole;
    return higher == (kind == HIGHEST) ? a : b;
}

static void expect_running(const values *x, const settings *with, int kind, values *y) {
    int     axis = (with->value[0] + x->shape.rank) % x->shape.rank;
    int64_t index[TG_MAX_RANK];
    clear_values(y, x->dtype, x->shape);
    for (int64_t n = 0; n < x->size; n++) {
        unravel(x->shape, n, index);
        y->at[n] = x->at[n];
        if (index[axis]-- > 0) y->at[n] = join(y->at[ravel(x->shape, index)], x->at[n], kind);
    }
}

static void expect_logcumsumexp(const values *x, const settings *with, values *y) {
    expect_running(x, with, LOGS, y);
    y->scale = 10;
}

static void expect_cummax(const values *x, const settings *with, values *y) {
    expect_running(x, with, HIGHEST, y);
}

static void expect_cummin(const values *x, const settings *with, values *y) {
    expect_running(x, with, LOWEST, y);
}

#define ROW(function, dtypes) \
    { \
        .name = #function, .called = #function, .arity = 1, .takes = dtypes, .record = record_##function, \
        .expect = expect_##function, .low = {-3}, .high = {3}, .cases = axis_cases, \
        .case_count = sizeof axis_cases / sizeof *axis_cases \
    }

const op_row running_rows[] = {
    ROW(logcumsumexp, TAKES_FLOAT),
    ROW(cummax, TAKES_NUMBER),
    ROW(cummin, TAKES_NUMBER),
    {.name = NULL},
};

/* ---- values ------------------------------------------------------------------------------------------------------ */

START_TEST(logarithms_at_the_extremes) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, -INF, -INF, 1000.0, 1000.0, -1000.0);
    double    two = tg_item(tg_add(POINTS(tape, 1000.0), log(2)));
    CHECK_IS(tg_logcumsumexp(x, 0), -INF, -INF, 1000, two, two);
    CHECK_IS(tg_logcumsumexp(POINTS(tape, 1.0, NOT, 2.0), 0), 1, NOT, NOT);
    CHECK_IS(slope(tg_slice(tg_logcumsumexp(x, 0), 0, 4, 5, 1), x), 0, 0, 0.5, 0.5, 0);
    finish(tape);
}
END_TEST

START_TEST(the_last_of_equal_ones_counts) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 1.0, 3.0, 3.0, 2.0, NOT, 9.0), at, y = tg_cummax(x, 0, &at);
    CHECK_IS(y, 1, 3, 3, 3, NOT, NOT);
    CHECK_IS(at, 0, 1, 2, 2, 4, 4);
    CHECK_IS(slope(y, x), 1, 1, 2, 0, 2, 0);
    y = tg_cummin(tg_neg(x), 0, &at);
    CHECK_IS(y, -1, -3, -3, -3, NOT, NOT);
    CHECK_IS(at, 0, 1, 2, 2, 4, 4);
    ck_assert(tg_dtype_of(at) == TG_I64 && !tg_requires_grad(at));
    finish(tape);
}
END_TEST

START_TEST(errors_name_the_function_that_was_called) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1), at = x;
    REFUSED(tg_cummax(x, 2, &at), TG_ERR_SHAPE, "cummax: axis 2 of a tensor of rank 2");
    ck_assert(!tg_valid(at));
    REFUSED(tg_cummin(x, -3, NULL), TG_ERR_SHAPE, "cummin: axis -3");
    REFUSED(tg_logcumsumexp(x, 2), TG_ERR_SHAPE, "logcumsumexp: axis 2");
    tg_tensor whole = I64(tape, 1);
    REFUSED(tg_logcumsumexp(whole, 0), TG_ERR_DTYPE, "logcumsumexp: ", "int64");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_running(void) {
    Suite *suite = suite_create("running");
    TCase *tcase = tcase_create("running");
    add_rows(suite, running_rows);
    tcase_add_loop_test(tcase, logarithms_at_the_extremes, 0, 2);
    tcase_add_loop_test(tcase, the_last_of_equal_ones_counts, 0, 2);
    tcase_add_test(tcase, errors_name_the_function_that_was_called);
    suite_add_tcase(suite, tcase);
    return suite;
}
