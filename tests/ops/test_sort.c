/* tests/ops/test_sort.c: argsort, sort, topk: their rows of the op table, with insertion sort as the formula; NaN, equal
 * elements, indices, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/op_table.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

/* The axis, whether descending. */
static const op_case sort_cases[] = {
    {.shape = {{1, {4}}}, .with = {2, {0, 0}}},       {.shape = {{2, {2, 3}}}, .with = {2, {1, 1}}},
    {.shape = {{2, {3, 2}}}, .with = {2, {0, 0}}},    {.shape = {{2, {3, 2}}}, .with = {2, {-2, 1}}},
    {.shape = {{1, {1}}}, .with = {2, {0, 0}}},       {.shape = {{1, {0}}}, .with = {2, {0, 1}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {1, 0}}},    {.shape = {{2, {3, 0}}}, .with = {2, {1, 0}}},
    {.shape = {{3, {2, 5, 3}}}, .with = {2, {1, 0}}}, {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}, .with = {2, {7, 1}}},
    {.shape = {{2, {3, 500}}}, .with = {2, {1, 0}}},  {.shape = {{1, {777}}}, .with = {2, {0, 1}}},
};
/* k, axis, whether the largest. */
static const op_case topk_cases[] = {
    {.shape = {{1, {4}}}, .with = {3, {2, 0, 1}}},       {.shape = {{2, {2, 3}}}, .with = {3, {1, 1, 0}}},
    {.shape = {{2, {3, 2}}}, .with = {3, {3, 0, 1}}},    {.shape = {{2, {3, 2}}}, .with = {3, {0, -1, 1}}},
    {.shape = {{1, {0}}}, .with = {3, {0, 0, 1}}},       {.shape = {{2, {0, 3}}}, .with = {3, {2, 1, 1}}},
    {.shape = {{3, {2, 5, 3}}}, .with = {3, {3, 1, 0}}}, {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}, .with = {3, {2, 7, 1}}},
    {.shape = {{2, {3, 500}}}, .with = {3, {17, 1, 1}}},
};

static tg_tensor record_argsort(const tg_tensor *x, const settings *with) {
    return tg_argsort(x[0], with->value[0], with->value[1] != 0);
}

static tg_tensor record_sort(const tg_tensor *x, const settings *with) {
    return tg_sort(x[0], with->value[0], with->value[1] != 0, NULL);
}

static tg_tensor record_topk(const tg_tensor *x, const settings *with) {
    return tg_topk(x[0], with->value[0], with->value[1], with->value[2] != 0, NULL);
}

/* ---- the formula ------------------------------------------------------------------------------------------------- */

static bool comes_before(const values *x, element a, element b, bool descending) {
    bool whole = x->dtype == TG_I64 || x->dtype == TG_BOOL;
    bool less = whole ? a.whole < b.whole : a.real < b.real, more = whole ? a.whole > b.whole : a.real > b.real;
    return descending ? more : less;
}

/* The first `count` of each row along the axis, sorted, or their indices. */
static void expect_sorted(const values *x, int axis, bool descending, int64_t count, bool indices, values *y) {
    static int64_t order[MOST_ELEMENTS];
    int64_t        index[TG_MAX_RANK], size;
    tg_shape       shape = x->shape;
    axis = (axis + shape.rank) % shape.rank;
    size = shape.dims[axis];
    if (count >= 0) shape.dims[axis] = count;
    clear_values(y, indices ? TG_I64 : x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        unravel(shape, n, index);
        if (index[axis] != 0) continue;
        tg_shape one = x->shape;
        int64_t  at[TG_MAX_RANK], length = 0;
        for (int i = 0; i < one.rank; i++)
            at[i] = index[i];
        for (int64_t k = 0; k < size; k++) { /* goes in front of those that it comes before */
            int64_t place = length++;
            at[axis] = k;
            element e = x->at[ravel(one, at)];
            for (; place > 0; place--) {
                at[axis] = order[place - 1];
                if (!comes_before(x, e, x->at[ravel(one, at)], descending)) break;
                order[place] = order[place - 1];
            }
            order[place] = k;
        }
        for (int64_t k = 0; k < shape.dims[axis]; k++) {
            at[axis] = order[k];
            element e = x->at[ravel(one, at)];
            index[axis] = k;
            y->at[ravel(shape, index)] = indices ? (element){.whole = order[k]} : e;
        }
    }
}

static void expect_argsort(const values *x, const settings *with, values *y) {
    expect_sorted(x, with->value[0], with->value[1] != 0, -1, true, y);
}

static void expect_sort(const values *x, const settings *with, values *y) {
    expect_sorted(x, with->value[0], with->value[1] != 0, -1, false, y);
}

static void expect_topk(const values *x, const settings *with, values *y) {
    expect_sorted(x, with->value[1], with->value[2] != 0, with->value[0], false, y);
}

#define ROW(function, list) \
    { \
        .name = #function, .called = #function, .arity = 1, .takes = TAKES_ANY, .record = record_##function, \
        .expect = expect_##function, .low = {-3}, .high = {3}, .cases = list, .case_count = sizeof list / sizeof *list \
    }

const op_row sort_rows[] = {ROW(argsort, sort_cases), ROW(sort, sort_cases), ROW(topk, topk_cases), {.name = NULL}};

/* ---- values ------------------------------------------------------------------------------------------------------ */

START_TEST(nan_is_largest_and_ties_keep_their_order) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 2, NOT, (double)INFINITY, 1, 2, NOT, -(double)INFINITY, 1);
    CHECK_IS(tg_argsort(x, 0, false), 6, 3, 7, 0, 4, 2, 1, 5);
    CHECK_IS(tg_argsort(x, 0, true), 1, 5, 2, 0, 4, 3, 7, 6);
    CHECK_IS(tg_sort(x, 0, false, NULL), -(double)INFINITY, 1, 1, 2, 2, (double)INFINITY, NOT, NOT);
    CHECK_IS(tg_topk(x, 3, 0, true, NULL), NOT, NOT, (double)INFINITY);
    CHECK_IS(tg_argsort(F32(tape, 0, -0.0, 0), 0, false), 0, 1, 2);
    CHECK_IS(tg_sort(BOOL(tape, true, false, true), 0, false, NULL), 0, 1, 1);
    CHECK_IS(tg_sort(I64(tape, INT64_MAX, INT64_MIN, 0), 0, true, NULL), 0x1p63, 0, -0x1p63);
    finish(tape);
}
END_TEST

START_TEST(indices_are_the_user_s) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(3)), order, best;
    tg_tensor sorted = tg_sort(x, 0, true, &order), top = tg_topk(x, 2, 0, false, &best);
    for (double k = 1; k < 3; k++) {
        tg_write(x, (double[]){2 * k, 3 * k, k}, 3);
        tg_run(tape);
        CHECK_IS(sorted, 3 * k, 2 * k, k);
        CHECK_IS(order, 1, 0, 2);
        CHECK_IS(top, k, 2 * k);
        CHECK_IS(best, 2, 0);
    }
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_sort(x, 0, true, &order);
    tg_tensor sum = tg_sum(tg_cast(order, TG_F64));
    ck_assert(tg_valid(order) && !tg_run(tape) && isnan(tg_item(sum)));
    CHECK_ERROR(tape, TG_ERR_VALUE, "tg_keep");
    finish(tape);
}
END_TEST

START_TEST(gradients_go_back_to_where_they_were) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 3, 1, 2), weights = F64(tape, 10, 20, 30);
    CHECK_IS(slope(tg_mul(tg_sort(x, 0, false, NULL), weights), x), 30, 10, 20);
    CHECK_IS(slope(tg_topk(x, 1, 0, true, NULL), x), 1, 0, 0);
    ck_assert(!tg_requires_grad(tg_argsort(tg_parameter(tape, "x", x), 0, false)));
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(errors_name_the_function_that_was_called) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), order = x;
    ck_assert(!tg_valid(tg_argsort(x, 2, false)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_sort.c:", "argsort: axis 2 of a tensor of rank 2");
    ck_assert(!tg_valid(tg_sort(x, -3, false, &order)) && !tg_valid(order));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_sort.c:", "sort: axis -3");
    ck_assert(!tg_valid(tg_topk(x, 1, 2, true, NULL)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_sort.c:", "topk: axis 2");
    ck_assert(!tg_valid(tg_topk(x, 4, 1, true, &order)) && !tg_valid(order));
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "test_sort.c:", "topk: 4 of the 3 elements along axis 1");
    ck_assert(!tg_valid(tg_topk(x, -1, 1, true, NULL)));
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "topk: -1 of");
    ck_assert(!tg_valid(tg_sort(tg_full(tape, TG_F32, TG_SHAPE(), 1), 0, false, NULL)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "sort: axis 0 of a tensor of rank 0");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_sort(void) {
    Suite *suite = suite_create("sort");
    TCase *tcase = tcase_create("sorting");
    add_rows(suite, sort_rows);
    tcase_add_test(tcase, nan_is_largest_and_ties_keep_their_order);
    tcase_add_test(tcase, indices_are_the_user_s);
    tcase_add_test(tcase, gradients_go_back_to_where_they_were);
    tcase_add_test(tcase, errors_name_the_function_that_was_called);
    suite_add_tcase(suite, tcase);
    return suite;
}
