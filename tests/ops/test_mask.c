/* tests/ops/test_mask.c: masked_fill, masked_select, nonzero: their rows of the op table; sizes that follow from values, in
 * runs that find others; and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/op_table.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

/* The mask comes first. */
static const op_case fill_cases[] = {
    {.shape = {{2, {2, 3}}, {2, {2, 3}}, {0, {0}}}}, {.shape = {{1, {3}}, {2, {2, 3}}, {2, {2, 1}}}},
    {.shape = {{0, {0}}, {0, {0}}, {0, {0}}}},       {.shape = {{1, {1}}, {1, {3}}, {1, {3}}}},
    {.shape = {{2, {0, 3}}, {2, {0, 3}}, {1, {3}}}}, {.shape = {{2, {30, 1}}, {2, {30, 40}}, {0, {0}}}},
};
/* Chosen is each element but every third one, from the one with this number on. */
static const op_case select_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {1, {0}}},   {.shape = {{0, {0}}}, .with = {1, {1}}},
    {.shape = {{0, {0}}}, .with = {1, {0}}},      {.shape = {{2, {0, 3}}}, .with = {1, {0}}},
    {.shape = {{1, {7}}}, .with = {1, {2}}},      {.shape = {{8, {2, 1, 2, 1, 2, 1, 1, 2}}}, .with = {1, {1}}},
    {.shape = {{2, {30, 40}}}, .with = {1, {0}}},
};
static const op_case nonzero_cases[] = {
    {.shape = {{2, {2, 3}}}},   {.shape = {{0, {0}}}},       {.shape = {{1, {1}}}},
    {.shape = {{2, {0, 3}}}},   {.shape = {{3, {2, 5, 3}}}}, {.shape = {{8, {2, 1, 2, 1, 2, 1, 1, 2}}}},
    {.shape = {{2, {20, 30}}}},
};

static tg_tensor record_masked_fill(const tg_tensor *x, const settings *with) {
    (void)with;
    return tg_masked_fill(x[1], x[0], x[2]);
}

static bool is_chosen(int64_t i, const settings *with) {
    return i % 3 != with->value[0];
}

static tg_tensor record_masked_select(const tg_tensor *x, const settings *with) {
    static bool chosen[MOST_ELEMENTS];
    if (!tg_valid(x[0])) return tg_masked_select(x[0], x[0]);
    for (int64_t i = 0; i < MOST_ELEMENTS; i++)
        chosen[i] = is_chosen(i, with);
    return tg_masked_select(x[0], tg_constant(x[0].tape, TG_BOOL, tg_shape_of(x[0]), chosen));
}

/* Zeros are rare among random numbers: small ones become zeros. */
static tg_tensor record_nonzero(const tg_tensor *x, const settings *with) {
    (void)with;
    if (!tg_valid(x[0]) || tg_dtype_of(x[0]) == TG_BOOL) return tg_nonzero(x[0]);
    return tg_nonzero(tg_where(tg_lt(x[0], 1), 0, x[0]));
}

static void expect_masked_fill(const values *x, const settings *with, values *y) {
    int64_t index[TG_MAX_RANK];
    (void)with;
    clear_values(y, x[1].dtype, x[1].shape);
    for (int64_t n = 0; n < y->size; n++) {
        unravel(y->shape, n, index);
        bool fill = x[0].at[ravel_broadcast(x[0].shape, y->shape.rank, index)].whole != 0;
        y->at[n] = fill ? x[2].at[ravel_broadcast(x[2].shape, y->shape.rank, index)] : x[1].at[n];
    }
}

static void expect_masked_select(const values *x, const settings *with, values *y) {
    int64_t count = 0;
    for (int64_t n = 0; n < x->size; n++)
        count += is_chosen(n, with);
    clear_values(y, x->dtype, TG_SHAPE(count));
    for (int64_t n = 0, m = 0; n < x->size; n++)
        if (is_chosen(n, with)) y->at[m++] = x->at[n];
}

static bool counts(const values *x, int64_t n) {
    return is_floating(x->dtype) ? x->at[n].real >= 1 : x->at[n].whole >= 1;
}

static void expect_nonzero(const values *x, const settings *with, values *y) {
    int64_t count = 0, index[TG_MAX_RANK];
    (void)with;
    for (int64_t n = 0; n < x->size; n++)
        count += counts(x, n);
    clear_values(y, TG_I64, TG_SHAPE(count, x->shape.rank));
    for (int64_t n = 0, m = 0; n < x->size; n++) {
        if (!counts(x, n)) continue;
        unravel(x->shape, n, index);
        for (int k = 0; k < x->shape.rank; k++)
            y->at[m++].whole = index[k];
    }
}

#define ROW(function, word, count, list, ...) \
    { \
        .name = #function, .called = word, .arity = count, .takes = TAKES_ANY, .record = record_##function, \
        .expect = expect_##function, .low = {-3, -3, -3}, .high = {3, 3, 3}, .cases = list, \
        .case_count = sizeof list / sizeof *list, __VA_ARGS__ \
    }

const op_row mask_rows[] = {
    ROW(masked_fill, "masked_fill", 3, fill_cases, .condition = true),
    ROW(masked_select, "masked_select", 1, select_cases, .condition = false),
    ROW(nonzero, "", 1, nonzero_cases, .compares = true),
    {.name = NULL},
};

/* ---- sizes that follow from values ------------------------------------------------------------------------------- */

START_TEST(what_is_selected_gets_the_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 3, -1, 4, -1, 5), y = tg_masked_select(x, tg_gt(x, 0));
    CHECK_IS(y, 3, 4, 5);
    CHECK_IS(slope(tg_square(y), x), 6, 0, 8, 0, 10);
    CHECK_IS(tg_nonzero(tg_lt(x, 0)), 1, 3);
    ck_assert(!tg_requires_grad(tg_nonzero(x)));
    finish(tape);
}
END_TEST

/* Recorded anew in each step, sizes may change; run again as it is, another number of elements is an error. */
START_TEST(a_step_that_is_recorded_again_may_have_other_sizes) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(4));
    tg_mark   mark = tg_tape_mark(tape);
    for (int positive = 0; positive < 4; positive++) {
        double numbers[4];
        for (int i = 0; i < 4; i++)
            numbers[i] = i < positive ? i + 1 : -1;
        tg_write(x, numbers, 4);
        tg_tensor y = tg_masked_select(x, tg_gt(x, 0));
        ck_assert_int_eq(tg_size(y), positive);
        ck_assert(tg_item(tg_sum(y)) == positive * (positive + 1) / 2.0);
        ck_assert_int_eq(tg_run(tape), TG_OK);
        tg_rewind(tape, mark);
    }
    tg_nonzero(x);
    tg_write(x, ((double[]){0, 1, 2, 3}), 4);
    ck_assert_int_eq(tg_run(tape), TG_ERR_VALUE);
    CHECK_ERROR(tape, TG_ERR_VALUE, "test_mask.c:", "nonzero: 3 elements are chosen, and there were 4");
    finish(tape);
}
END_TEST

START_TEST(sizes_are_counted_whatever_is_kept) {
    tg_tape *tape = tg_tape_new();
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor x = F64(tape, 1, 0, 2), y = tg_masked_select(x, tg_ne(tg_mul(2, x), 0));
    CHECK_IS(y, 1, 2);
    tg_set_keep(tape, TG_KEEP_RECORDED);
    tg_set_eager(tape, true);
    CHECK_IS(tg_nonzero(x), 0, 2);
    finish(tape);
}
END_TEST

static tg_tensor select_inside(const tg_tensor *x, void *context) {
    (void)context;
    return tg_masked_select(x[0], tg_gt(x[0], 0));
}

START_TEST(sizes_cannot_be_counted_where_nothing_runs) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, -1, 2), mask = BOOL(tape, true, false, true);
    tg_begin_part(tape, "step");
    REFUSED(tg_masked_select(x, mask), TG_ERR_ARGUMENT, "masked_select: not in a part");
    REFUSED(tg_nonzero(x), TG_ERR_ARGUMENT, "nonzero: not in a part");
    tg_end_part(tape);
    ck_assert(!tg_valid(tg_checkpoint(tape, select_inside, NULL, 1, &x)));
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "masked_select");
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(operands_that_do_not_fit_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1), row = tg_full(tape, TG_BOOL, TG_SHAPE(3), 1);
    tg_tensor wide = tg_full(tape, TG_BOOL, TG_SHAPE(4, 2, 3), 1);
    REFUSED(tg_masked_select(x, x), TG_ERR_DTYPE, "masked_select: ", "bool");
    REFUSED(tg_masked_select(x, row), TG_ERR_SHAPE, "masked_select: ", "(3)");
    REFUSED(tg_masked_select(x, TG_NONE), TG_ERR_HANDLE, "masked_select: ");
    REFUSED(tg_masked_fill(x, wide, 0), TG_ERR_SHAPE, "masked_fill: (2, 3) x (4, 2, 3)");
    REFUSED(tg_masked_fill(x, x, 0), TG_ERR_DTYPE, "masked_fill: ", "bool");
    CHECK_IS(tg_masked_fill(x, row, 7), 7, 7, 7, 7, 7, 7);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_mask(void) {
    Suite *suite = suite_create("mask");
    TCase *tcase = tcase_create("masks");
    add_rows(suite, mask_rows);
    tcase_add_test(tcase, what_is_selected_gets_the_gradient);
    tcase_add_test(tcase, a_step_that_is_recorded_again_may_have_other_sizes);
    tcase_add_test(tcase, sizes_are_counted_whatever_is_kept);
    tcase_add_test(tcase, sizes_cannot_be_counted_where_nothing_runs);
    tcase_add_test(tcase, operands_that_do_not_fit_are_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
