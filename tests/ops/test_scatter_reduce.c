/* tests/ops/test_scatter_reduce.c: scatter_reduce: its row of the op table, with one index at a time as the formula; zeros
 * among factors, equal extremes, NaN, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/op_table.h"

/* ---- the row: indices are 0 and 1; the settings are the axis, the reduction, and whether x is included ----------------- */

#define CASES(reduction) \
    {.shape = {{2, {2, 3}}, {2, {3, 3}}, {2, {3, 3}}}, .with = {3, {0, reduction, 1}}}, \
        {.shape = {{2, {3, 2}}, {2, {3, 2}}, {2, {3, 2}}}, .with = {3, {-1, reduction, 0}}}, \
        {.shape = {{2, {2, 3}}, {2, {1, 2}}, {1, {2}}}, .with = {3, {0, reduction, 0}}}, \
        {.shape = {{2, {2, 3}}, {2, {2, 3}}, {0, {0}}}, .with = {3, {0, reduction, 1}}}, \
        {.shape = {{1, {2}}, {1, {0}}, {1, {0}}}, .with = {3, {0, reduction, 0}}}, \
        {.shape = {{2, {2, 0}}, {2, {5, 0}}, {2, {5, 0}}}, .with = {3, {0, reduction, 1}}}, { \
        .shape = {{2, {20, 7}}, {2, {40, 6}}, {2, {40, 6}}}, .with = { 3, {0, reduction, 0} } \
    }
static const op_case cases[] = {CASES(TG_SCATTER_PROD), CASES(TG_SCATTER_SUM), CASES(TG_SCATTER_MEAN), CASES(TG_SCATTER_MAX),
                                CASES(TG_SCATTER_MIN)};

static tg_tensor record_scatter_reduce(const tg_tensor *x, const settings *with) {
    return tg_scatter_reduce(x[0], x[1], x[2], with->value[0], (tg_scatter_reduction)with->value[1], with->value[2] != 0);
}

static element joined(element a, element b, int reduction) {
    switch (reduction) {
    case TG_SCATTER_PROD: return (element){a.real * b.real, (int64_t)((uint64_t)a.whole * (uint64_t)b.whole)};
    case TG_SCATTER_MAX: return a.real > b.real || a.whole > b.whole ? a : b;
    case TG_SCATTER_MIN: return a.real < b.real || a.whole < b.whole ? a : b;
    default: return (element){a.real + b.real, (int64_t)((uint64_t)a.whole + (uint64_t)b.whole)};
    }
}

static element divided(element sum, int64_t count) {
    int64_t down = sum.whole / count - (sum.whole % count < 0);
    return (element){sum.real / (long double)count, down};
}

static void expect_scatter_reduce(const values *x, const settings *with, values *y) {
    static int64_t many[MOST_ELEMENTS];
    int64_t        index[TG_MAX_RANK];
    int            axis = (with->value[0] + x->shape.rank) % x->shape.rank, reduction = with->value[1];
    clear_values(y, x->dtype, x->shape);
    for (int64_t n = 0; n < x->size; n++) {
        y->at[n] = x->at[n];
        many[n] = with->value[2];
    }
    for (int64_t n = 0; n < x[1].size; n++) {
        unravel(x[1].shape, n, index);
        element from = x[2].at[ravel_broadcast(x[2].shape, x[1].shape.rank, index)];
        index[axis] = x[1].at[n].whole;
        int64_t to = ravel(x->shape, index);
        y->at[to] = many[to]++ ? joined(y->at[to], from, reduction) : from;
    }
    for (int64_t n = 0; n < x->size && reduction == TG_SCATTER_MEAN; n++)
        if (many[n] > 1) y->at[n] = divided(y->at[n], many[n]);
    y->scale = reduction == TG_SCATTER_PROD ? 1e9L : 100;
    if (reduction == TG_SCATTER_PROD && tg_shape_size(x->shape) < 100) y->scale = 100;
}

const op_row scatter_reduce_rows[] = {
    {.name = "scatter_reduce",
     .called = "scatter_reduce",
     .arity = 3,
     .takes = TAKES_NUMBER,
     .indices = 2,
     .record = record_scatter_reduce,
     .expect = expect_scatter_reduce,
     .low = {-1.5, 0, -1.5},
     .high = {1.5, 2, 1.5},
     .cases = cases,
     .case_count = sizeof cases / sizeof *cases},
    {.name = NULL},
};

/* ---- products with zeros ------------------------------------------------------------------------------------------ */

START_TEST(products_with_zeros_have_their_derivatives) {
    static const double sources[][3] = {{2, 0, 3}, {0, 5, 0}, {0, 0, 0}, {2, 3, 4}};
    tg_tape            *tape = tg_tape_new();
    tg_tensor           index = I64(tape, 1, 1, 1);
    for (int i = 0; i < 4; i++) {
        tg_tensor           source = tg_constant(tape, TG_F64, TG_SHAPE(3), sources[i]), x = F64(tape, 7, 0.5, 0);
        tg_tensor           y = tg_scatter_reduce(x, index, source, 0, TG_SCATTER_PROD, true), wanted = tg_prod(source);
        tg_tensor           leaves[] = {x, source};
        tg_gradcheck_report report = {.order = 2};
        ck_assert(tg_item(tg_select(y, 0, 1)) == tg_item(tg_mul(0.5, wanted)));
        ck_assert_msg(tg_gradcheck(tg_add(y, tg_square(y)), 2, leaves, &report) == TG_OK, "%s", tg_error(tape));
    }
    finish(tape);
}
END_TEST

/* ---- extremes ---------------------------------------------------------------------------------------------------- */

START_TEST(equal_extremes_share_the_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 3, 1, 9), index = I64(tape, 0, 0, 1, 1), source = F64(tape, 3, 2, 5, 5);
    tg_tensor y = tg_scatter_reduce(x, index, source, 0, TG_SCATTER_MAX, true);
    CHECK_IS(y, 3, 5, 9);
    CHECK_IS(slope(y, x), 0.5, 0, 1);
    CHECK_IS(slope(y, source), 0.5, 0, 0.5, 0.5);
    y = tg_scatter_reduce(x, index, source, 0, TG_SCATTER_MIN, false);
    CHECK_IS(y, 2, 5, 9);
    CHECK_IS(slope(y, x), 0, 0, 1);
    CHECK_IS(slope(y, source), 0, 1, 0.5, 0.5);
    CHECK_IS(slope(slope(tg_square(y), source), source), 0, 2, 1, 1);
    tg_tensor nan = F64(tape, NOT, 2, 5, 1);
    CHECK_IS(tg_scatter_reduce(x, index, nan, 0, TG_SCATTER_MAX, true), NOT, 5, 9);
    CHECK_IS(slope(tg_scatter_reduce(x, index, nan, 0, TG_SCATTER_MAX, true), nan), 1, 0, 1, 0);
    finish(tape);
}
END_TEST

START_TEST(means_count_what_is_there) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, 2, 3), index = I64(tape, 0, 0, 2), source = F64(tape, 3, 5, 7);
    CHECK_IS(tg_scatter_reduce(x, index, source, 0, TG_SCATTER_MEAN, true), 3, 2, 5);
    CHECK_IS(tg_scatter_reduce(x, index, source, 0, TG_SCATTER_MEAN, false), 4, 2, 7);
    CHECK_IS(tg_scatter_reduce(x, index, 1, 0, TG_SCATTER_SUM, false), 2, 2, 1);
    CHECK_IS(tg_scatter_reduce(I64(tape, -4, 5), I64(tape, 0, 0), I64(tape, 1, -2), 0, TG_SCATTER_MEAN, true), -2, 5);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(operands_that_do_not_fit_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), i = tg_full(tape, TG_I64, TG_SHAPE(2, 2), 0), bad = I64(tape, 3);
    tg_tensor wrong = tg_full(tape, TG_F64, TG_SHAPE(2, 2), 1), one = F32(tape, 1);
    REFUSED(tg_scatter_reduce(x, i, wrong, 1, TG_SCATTER_SUM, true), TG_ERR_DTYPE, "scatter_reduce: ", "float64", "tg_cast");
    REFUSED(tg_scatter_reduce(x, i, x, 1, TG_SCATTER_MAX, true), TG_ERR_SHAPE, "scatter_reduce: (2, 3) x (2, 2) x (2, 3): ");
    REFUSED(tg_scatter_reduce(x, x, x, 1, TG_SCATTER_PROD, true), TG_ERR_DTYPE, "scatter_reduce: ", "int64");
    REFUSED(tg_scatter_reduce(x, i, 1, 2, TG_SCATTER_MEAN, true), TG_ERR_SHAPE, "scatter_reduce: axis 2");
    REFUSED(tg_scatter_reduce(one, bad, 1, 0, TG_SCATTER_MIN, true), TG_ERR_INDEX, "scatter_reduce: index 3");
    REFUSED(tg_scatter_reduce(x, i, 1, 0, (tg_scatter_reduction)9, true), TG_ERR_ARGUMENT, "scatter_reduce: 9 is no reduction");
    REFUSED(tg_scatter_reduce(i, i, 0.5, 0, TG_SCATTER_SUM, true), TG_ERR_DTYPE, "scatter_reduce: ", "0.5");
    tg_tensor open = tg_input(tape, "open", TG_I64, TG_SHAPE(1));
    tg_write(open, (int64_t[]){-1}, 1);
    tg_scatter_reduce(one, open, 1, 0, TG_SCATTER_MAX, false);
    ck_assert_int_eq(tg_run(tape), TG_ERR_INDEX);
    CHECK_ERROR(tape, TG_ERR_INDEX, "test_scatter_reduce.c:", "scatter_reduce: index -1 (element 0", "size 1");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_scatter_reduce(void) {
    Suite *suite = suite_create("scatter_reduce");
    TCase *tcase = tcase_create("reductions");
    add_rows(suite, scatter_reduce_rows);
    tcase_add_test(tcase, products_with_zeros_have_their_derivatives);
    tcase_add_test(tcase, equal_extremes_share_the_gradient);
    tcase_add_test(tcase, means_count_what_is_there);
    tcase_add_test(tcase, operands_that_do_not_fit_are_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
