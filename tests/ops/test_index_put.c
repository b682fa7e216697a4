/* tests/ops/test_index_put.c: index and index_put: their rows of the op table, with one choice at a time as the formula;
 * equal indices, indices out of range, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/op_table.h"

/* ---- the rows: indices are 0 and 1 --------------------------------------------------------------------------------- */

static const op_case index_cases[] = {
    {.shape = {{2, {2, 3}}, {1, {2}}, {1, {2}}}},
    {.shape = {{2, {2, 2}}, {2, {3, 1}}, {1, {2}}}},
    {.shape = {{3, {2, 2, 2}}, {1, {1}}, {0, {0}}}},
    {.shape = {{3, {2, 2, 0}}, {1, {3}}, {1, {3}}}},
    {.shape = {{2, {2, 3}}, {1, {0}}, {1, {0}}}},
    {.shape = {{2, {0, 3}}, {1, {0}}, {1, {1}}}},
    {.shape = {{4, {2, 2, 3, 2}}, {3, {2, 1, 2}}, {2, {3, 1}}}},
    {.shape = {{8, {2, 2, 1, 2, 1, 2, 1, 2}}, {1, {3}}, {2, {1, 1}}}},
    {.shape = {{2, {2, 7}}, {2, {9, 10}}, {1, {10}}}},
};
/* How many of the axes have an index; the second one is 1 minus the first. */
static const op_case put_cases[] = {
    {.shape = {{2, {2, 3}}, {1, {2}}, {2, {2, 3}}}, .with = {1, {1}}},
    {.shape = {{2, {2, 2}}, {1, {3}}, {1, {3}}}, .with = {1, {2}}},
    {.shape = {{2, {2, 3}}, {1, {4}}, {1, {3}}}, .with = {1, {1}}},
    {.shape = {{2, {2, 3}}, {0, {0}}, {0, {0}}}, .with = {1, {1}}},
    {.shape = {{3, {2, 2, 2}}, {2, {2, 1}}, {3, {2, 1, 2}}}, .with = {1, {2}}},
    {.shape = {{2, {2, 3}}, {1, {0}}, {2, {0, 3}}}, .with = {1, {1}}},
    {.shape = {{2, {2, 0}}, {1, {3}}, {2, {3, 0}}}, .with = {1, {1}}},
    {.shape = {{2, {2, 7}}, {1, {90}}, {2, {90, 1}}}, .with = {1, {1}}},
};

static tg_tensor record_index(const tg_tensor *x, const settings *with) {
    (void)with;
    return tg_index(x[0], TG_LIST(x[1], x[2]));
}

static tg_tensor record_index_put(const tg_tensor *x, const settings *with) {
    bool accumulate = with->count > 1 && with->value[1];
    if (with->value[0] == 1) return tg_index_put(x[0], TG_LIST(x[1]), x[2], accumulate);
    return tg_index_put(x[0], TG_LIST(x[1], tg_sub(1, x[1])), x[2], accumulate);
}

static void expect_index(const values *x, const settings *with, values *y) {
    tg_shape chosen = broadcast_shapes(x[1].shape, x[2].shape), shape = chosen;
    int64_t  index[2 * TG_MAX_RANK], from[TG_MAX_RANK];
    (void)with;
    for (int i = 2; i < x->shape.rank; i++)
        shape.dims[shape.rank++] = x->shape.dims[i];
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        unravel(shape, n, index);
        for (int k = 0; k < 2; k++)
            from[k] = x[k + 1].at[ravel_broadcast(x[k + 1].shape, chosen.rank, index)].whole;
        for (int i = 2; i < x->shape.rank; i++)
            from[i] = index[chosen.rank + i - 2];
        y->at[n] = x->at[ravel(x->shape, from)];
    }
}

static void expect_index_put(const values *x, const settings *with, values *y) {
    int      count = with->value[0], rest = x->shape.rank - count;
    tg_shape shape = x[1].shape;
    int64_t  index[2 * TG_MAX_RANK], to[TG_MAX_RANK];
    for (int i = 0; i < rest; i++)
        shape.dims[shape.rank++] = x->shape.dims[count + i];
    clear_values(y, x->dtype, x->shape);
    for (int64_t n = 0; n < x->size; n++)
        y->at[n] = x->at[n];
    for (int64_t n = 0, all = tg_shape_size(shape); n < all; n++) {
        unravel(shape, n, index);
        int64_t at = x[1].at[ravel(x[1].shape, index)].whole;
        to[0] = at;
        to[1] = 1 - at;
        for (int i = 0; i < rest; i++)
            to[count + i] = index[x[1].shape.rank + i];
        y->at[ravel(x->shape, to)] = x[2].at[ravel_broadcast(x[2].shape, shape.rank, index)];
    }
}

#define ROW(function, which, list, ...) \
    { \
        .name = #function, .called = #function, .arity = 3, .takes = TAKES_ANY, .indices = which, .record = record_##function, \
        .expect = expect_##function, .low = {-3, 0, -3}, .high = {3, 2, __VA_ARGS__}, .cases = list, \
        .case_count = sizeof list / sizeof *list \
    }

const op_row index_put_rows[] = {
    ROW(index, 6, index_cases, 2),
    ROW(index_put, 2, put_cases, 3),
    {.name = NULL},
};

/* ---- values ------------------------------------------------------------------------------------------------------ */

static tg_tensor counting(tg_tape *tape, int64_t rows, int64_t columns) {
    return tg_reshape(tg_arange(tape, TG_F64, 0, (double)(rows * columns), 1), TG_SHAPE(rows, columns));
}

START_TEST(pairs_of_indices) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = counting(tape, 3, 4), i = I64(tape, 2, 0, 2), j = I64(tape, 3, 1, 3);
    CHECK_IS(tg_index(x, TG_LIST(i, j)), 11, 1, 11);
    CHECK_IS(slope(tg_index(x, TG_LIST(i, j)), x), 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);
    CHECK_IS(tg_index(x, TG_LIST(i, tg_num(1))), 9, 1, 9);
    CHECK_IS(tg_index(x, TG_LIST(tg_num(1))), 4, 5, 6, 7);
    tg_tensor grid = tg_index(x, TG_LIST(tg_unsqueeze(i, 1), j));
    ck_assert(tg_shape_equal(tg_shape_of(grid), TG_SHAPE(3, 3)));
    CHECK_IS(grid, 11, 9, 11, 3, 1, 3, 11, 9, 11);
    finish(tape);
}
END_TEST

START_TEST(equal_indices_put_the_last_or_add_all) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = counting(tape, 2, 2), i = I64(tape, 1, 1, 0), j = I64(tape, 0, 0, 1), v = F64(tape, 10, 20, 30);
    tg_tensor put = tg_index_put(x, TG_LIST(i, j), v, false), sum = tg_index_put(x, TG_LIST(i, j), v, true);
    CHECK_IS(put, 0, 30, 20, 3);
    CHECK_IS(slope(put, v), 0, 1, 1);
    CHECK_IS(slope(put, x), 1, 0, 0, 1);
    CHECK_IS(sum, 0, 31, 32, 3);
    CHECK_IS(slope(tg_square(sum), v), 64, 64, 62);
    CHECK_IS(tg_index_put(x, TG_LIST(tg_num(1)), 7, false), 0, 1, 7, 7);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(indices_out_of_range) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = counting(tape, 2, 3), bad = I64(tape, 0, 2), good = I64(tape, 1, 0), three = I64(tape, 0, 3);
    tg_tensor open = tg_input(tape, "open", TG_I64, TG_SHAPE(2));
    REFUSED(tg_index(x, TG_LIST(bad, good)), TG_ERR_INDEX, "index: index 2 (element 1 of the indices)", "size 2");
    REFUSED(tg_index_put(x, TG_LIST(good, three), 1, true), TG_ERR_INDEX, "index_put: index 3 (element 1", "size 3");
    REFUSED(tg_index(x, TG_LIST(tg_num(-1))), TG_ERR_INDEX, "index: index -1");
    tg_tensor y = tg_index(x, TG_LIST(good, open));
    tg_write(open, ((int64_t[]){2, 1}), 2);
    CHECK_IS(y, 5, 1);
    tg_write(open, ((int64_t[]){0, 4}), 2);
    ck_assert_int_eq(tg_run(tape), TG_ERR_INDEX);
    CHECK_ERROR(tape, TG_ERR_INDEX, "test_index_put.c:", "index: index 4 (element 1 of the indices)", "size 3");
    finish(tape);
}
END_TEST

START_TEST(operands_that_do_not_fit_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = counting(tape, 2, 3), i = I64(tape, 0, 1), j = I64(tape, 0, 1, 1),
              number = tg_full(tape, TG_F64, TG_SHAPE(), 1);
    tg_tensor wide = tg_full(tape, TG_I64, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2), 0), narrow = tg_full(tape, TG_F32, TG_SHAPE(2), 1);
    tg_list   none = tg_list_from(0, NULL), null = tg_list_from(2, NULL);
    REFUSED(tg_index(x, TG_LIST(i, j)), TG_ERR_SHAPE, "index: (2) x (3): ", "broadcast");
    REFUSED(tg_index(x, TG_LIST(x)), TG_ERR_DTYPE, "index: ", "int64");
    REFUSED(tg_index(x, TG_LIST(i, i, i)), TG_ERR_SHAPE, "index: 3 indices for a tensor of rank 2");
    REFUSED(tg_index(x, none), TG_ERR_SHAPE, "index: 0 indices");
    REFUSED(tg_index(x, null), TG_ERR_SHAPE, "index: 2 indices");
    REFUSED(tg_index(number, TG_LIST(i)), TG_ERR_SHAPE, "index: 1 indices for a tensor of rank 0");
    REFUSED(tg_index(x, TG_LIST(wide)), TG_ERR_SHAPE, "index: ", "8 axes");
    REFUSED(tg_index_put(x, TG_LIST(wide), 1, false), TG_ERR_SHAPE, "index_put: ", "8 axes");
    REFUSED(tg_index_put(x, TG_LIST(i), narrow, false), TG_ERR_SHAPE, "index_put: ", "broadcast");
    REFUSED(tg_index_put(x, TG_LIST(i, i), narrow, false), TG_ERR_DTYPE, "index_put: ", "float32", "float64", "tg_cast");
    REFUSED(tg_index_put(x, TG_LIST(i, tg_num(0.5)), 1, false), TG_ERR_DTYPE, "index_put: ", "0.5");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_index_put(void) {
    Suite *suite = suite_create("index_put");
    TCase *tcase = tcase_create("several indices");
    add_rows(suite, index_put_rows);
    tcase_add_test(tcase, pairs_of_indices);
    tcase_add_test(tcase, equal_indices_put_the_last_or_add_all);
    tcase_add_test(tcase, indices_out_of_range);
    tcase_add_test(tcase, operands_that_do_not_fit_are_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
