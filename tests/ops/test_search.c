/* tests/ops/test_search.c: searchsorted and bincount: their rows of the op table, with counting as the formula; NaN,
 * infinities, weights, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/op_table.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

/* Whether to the right. The rows are sorted when they are recorded. */
static const op_case search_cases[] = {
    {.shape = {{1, {5}}, {2, {2, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 5}}, {2, {2, 3}}}, .with = {1, {1}}},
    {.shape = {{1, {4}}, {0, {0}}}, .with = {1, {1}}},
    {.shape = {{1, {0}}, {1, {3}}}, .with = {1, {0}}},
    {.shape = {{2, {0, 3}}, {2, {0, 2}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 0}}, {2, {2, 3}}}, .with = {1, {1}}},
    {.shape = {{3, {2, 2, 9}}, {3, {2, 2, 0}}}, .with = {1, {0}}},
    {.shape = {{2, {3, 300}}, {2, {3, 200}}}, .with = {1, {0}}},
};
/* The size. */
static const op_case count_cases[] = {
    {.shape = {{1, {6}}, {1, {6}}}, .with = {1, {3}}}, {.shape = {{2, {2, 3}}, {1, {3}}}, .with = {1, {5}}},
    {.shape = {{0, {0}}, {0, {0}}}, .with = {1, {2}}}, {.shape = {{1, {0}}, {1, {0}}}, .with = {1, {0}}},
    {.shape = {{1, {4}}, {0, {0}}}, .with = {1, {4}}}, {.shape = {{2, {30, 40}}, {2, {30, 1}}}, .with = {1, {2}}},
};

static tg_tensor record_searchsorted(const tg_tensor *x, const settings *with) {
    tg_scope  scope = tg_begin_scope(TG_AT(x[tg_tape_of(x[0]) == NULL].tape), "searchsorted");
    tg_tensor row = tg_valid(x[0]) && tg_shape_of(x[0]).rank ? tg_sort(x[0], -1, false, NULL) : x[0];
    return tg_end_scope_with(scope, tg_searchsorted(row, x[1], with->value[0] != 0));
}

static tg_tensor record_bincount(const tg_tensor *x, const settings *with) {
    return tg_bincount(x[0], x[1], with->value[0]);
}

static void expect_searchsorted(const values *x, const settings *with, values *y) {
    int64_t n = x->shape.dims[x->shape.rank - 1], m = x[1].shape.rank ? x[1].shape.dims[x[1].shape.rank - 1] : 1;
    clear_values(y, TG_I64, x[1].shape);
    for (int64_t i = 0; i < y->size; i++)
        for (int64_t k = 0; k < n; k++) {
            element a = x->at[(x->shape.rank > 1 ? i / m * n : 0) + k], b = x[1].at[i];
            bool    less = a.real < b.real || a.whole < b.whole, equal = a.real == b.real && a.whole == b.whole;
            y->at[i].whole += less || (equal && with->value[0]);
        }
}

static void expect_bincount(const values *x, const settings *with, values *y) {
    int64_t index[TG_MAX_RANK];
    clear_values(y, x[1].dtype, TG_SHAPE(with->value[0]));
    for (int64_t n = 0; n < x->size; n++) {
        unravel(x->shape, n, index);
        element  weight = x[1].at[ravel_broadcast(x[1].shape, x->shape.rank, index)], *to = &y->at[x->at[n].whole];
        uint64_t sum = (uint64_t)to->whole + (uint64_t)weight.whole;
        *to = (element){to->real + weight.real, (int64_t)sum};
        if (y->dtype == TG_BOOL) to->whole = sum != 0;
    }
    y->scale = 1000;
}

#define ROW(function, word, dtypes, list, ...) \
    { \
        .name = #function, .called = word, .arity = 2, .takes = dtypes, .record = record_##function, \
        .expect = expect_##function, .cases = list, .case_count = sizeof list / sizeof *list, __VA_ARGS__ \
    }

const op_row search_rows[] = {
    ROW(searchsorted, "searchsorted", TAKES_NUMBER, search_cases, .compares = true, .low = {-3, -3}, .high = {3, 3}),
    ROW(bincount, "bincount", TAKES_ANY, count_cases, .indices = 1, .low = {0, -3}, .high = {2, 3}),
    {.name = NULL},
};

/* ---- values ------------------------------------------------------------------------------------------------------ */

START_TEST(places_in_a_row) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor row = POINTS(tape, -INF, 1.0, 1.0, 2.0, INF, NOT), x = POINTS(tape, 1.0, -INF, INF, NOT, 3.0, 0.0);
    CHECK_IS(tg_searchsorted(row, x, false), 1, 0, 4, 5, 4, 1);
    CHECK_IS(tg_searchsorted(row, x, true), 3, 1, 5, 6, 4, 1);
    CHECK_IS(tg_searchsorted(row, 1, false), 1);
    ck_assert(!tg_requires_grad(tg_searchsorted(row, tg_parameter(tape, "x", x), false)));
    finish(tape);
}
END_TEST

START_TEST(integers_are_counted) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = I64(tape, 2, 0, 2, 2), w = F64(tape, 1, 2, 3, 4), y = tg_bincount(x, w, 4);
    CHECK_IS(tg_bincount(x, TG_NONE, 4), 1, 0, 3, 0);
    ck_assert(tg_dtype_of(tg_bincount(x, TG_NONE, 4)) == TG_I64);
    CHECK_IS(y, 2, 0, 8, 0);
    CHECK_IS(slope(tg_square(y), w), 16, 4, 16, 16);
    CHECK_IS(tg_bincount(x, 5, 3), 5, 0, 15);
    tg_tensor open = tg_input(tape, "open", TG_I64, TG_SHAPE(2));
    tg_write(open, ((int64_t[]){0, 3}), 2);
    tg_bincount(open, TG_NONE, 3);
    ck_assert_int_eq(tg_run(tape), TG_ERR_INDEX);
    CHECK_ERROR(tape, TG_ERR_INDEX, "test_search.c:", "bincount: index 3 (element 1", "size 3");
    finish(tape);
}
END_TEST

START_TEST(operands_that_do_not_fit_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1), number = tg_full(tape, TG_F64, TG_SHAPE(), 1);
    tg_tensor three = tg_full(tape, TG_F64, TG_SHAPE(3, 3), 1), i = I64(tape, 1, 2);
    REFUSED(tg_searchsorted(x, three, true), TG_ERR_SHAPE, "searchsorted: (2, 3) x (3, 3): ");
    REFUSED(tg_searchsorted(number, x, true), TG_ERR_SHAPE, "searchsorted: () x (2, 3): ");
    REFUSED(tg_bincount(x, TG_NONE, 3), TG_ERR_DTYPE, "bincount: ", "int64");
    REFUSED(tg_bincount(i, TG_NONE, -1), TG_ERR_ARGUMENT, "bincount: ", "-1 bins");
    REFUSED(tg_bincount(i, x, 3), TG_ERR_SHAPE, "bincount: ", "broadcast");
    REFUSED(tg_bincount(i, TG_NONE, 2), TG_ERR_INDEX, "bincount: index 2");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_search(void) {
    Suite *suite = suite_create("search");
    TCase *tcase = tcase_create("searches");
    add_rows(suite, search_rows);
    tcase_add_loop_test(tcase, places_in_a_row, 0, 2);
    tcase_add_test(tcase, integers_are_counted);
    tcase_add_test(tcase, operands_that_do_not_fit_are_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
