/* tests/ops/test_index.c: take, gather, scatter, scatter_add, one_hot: their rows of the op table, with one index at a time
 * as the formula; indices twice, plain numbers as operands, indices out of range, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "ops/op_table.h"

/* ---- the rows: indices are 0 and 1, and the setting is the axis --------------------------------------------------- */

static const op_case take_cases[] = {
    {.shape = {{2, {2, 3}}, {1, {2}}}, .with = {1, {1}}},
    {.shape = {{2, {2, 3}}, {1, {5}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}, {2, {3, 2}}}, .with = {1, {-1}}},
    {.shape = {{2, {2, 3}}, {0, {0}}}, .with = {1, {1}}},
    {.shape = {{2, {2, 3}}, {1, {0}}}, .with = {1, {1}}},
    {.shape = {{1, {2}}, {0, {0}}}, .with = {1, {0}}},
    {.shape = {{2, {0, 3}}, {1, {2}}}, .with = {1, {1}}},
    {.shape = {{2, {0, 3}}, {1, {0}}}, .with = {1, {0}}},
    {.shape = {{3, {2, 3, 2}}, {2, {2, 2}}}, .with = {1, {1}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 2}}, {1, {3}}}, .with = {1, {2}}},
    {.shape = {{2, {20, 7}}, {1, {90}}}, .with = {1, {0}}},
    {.shape = {{2, {20, 7}}, {1, {90}}}, .with = {1, {1}}},
    {.shape = {{3, {3, 2, 7}}, {2, {5, 9}}}, .with = {1, {2}}},
};
static const op_case gather_cases[] = {
    {.shape = {{2, {2, 3}}, {2, {2, 2}}}, .with = {1, {1}}},
    {.shape = {{2, {2, 3}}, {2, {4, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}, {2, {1, 5}}}, .with = {1, {-1}}},
    {.shape = {{1, {2}}, {1, {1}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}, {2, {0, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {0, 3}}, {2, {0, 3}}}, .with = {1, {0}}},
    {.shape = {{3, {3, 2, 4}}, {3, {2, 5, 3}}}, .with = {1, {1}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 2}}, {8, {2, 1, 3, 1, 1, 1, 2, 2}}}, .with = {1, {2}}},
    {.shape = {{2, {20, 7}}, {2, {90, 6}}}, .with = {1, {0}}},
};
/* The source has the shape of the indices, or is stretched to it. */
static const op_case scatter_cases[] = {
    {.shape = {{2, {2, 3}}, {2, {2, 2}}, {2, {2, 2}}}, .with = {1, {1}}},
    {.shape = {{2, {2, 3}}, {2, {4, 3}}, {2, {4, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}, {2, {1, 5}}, {1, {5}}}, .with = {1, {-1}}},
    {.shape = {{2, {2, 3}}, {2, {2, 2}}, {0, {0}}}, .with = {1, {1}}},
    {.shape = {{2, {2, 3}}, {2, {2, 3}}, {2, {1, 3}}}, .with = {1, {0}}},
    {.shape = {{1, {2}}, {1, {1}}, {1, {1}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}, {2, {0, 3}}, {2, {0, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {0, 3}}, {2, {0, 3}}, {0, {0}}}, .with = {1, {0}}},
    {.shape = {{3, {3, 2, 4}}, {3, {2, 5, 3}}, {3, {2, 5, 3}}}, .with = {1, {1}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 2}}, {8, {2, 1, 3, 1, 1, 1, 2, 2}}, {8, {2, 1, 3, 1, 1, 1, 2, 2}}}, .with = {1, {2}}},
    {.shape = {{2, {20, 7}}, {2, {90, 6}}, {2, {90, 1}}}, .with = {1, {0}}},
};
/* Classes and dtype. */
static const op_case one_hot_cases[] = {
    {.shape = {{1, {3}}}, .with = {2, {2, TG_F64}}},     {.shape = {{2, {2, 3}}}, .with = {2, {5, TG_F32}}},
    {.shape = {{0, {0}}}, .with = {2, {2, TG_I64}}},     {.shape = {{1, {0}}}, .with = {2, {2, TG_BOOL}}},
    {.shape = {{1, {0}}}, .with = {2, {0, TG_F64}}},     {.shape = {{7, {2, 1, 2, 1, 2, 1, 2}}}, .with = {2, {3, TG_BOOL}}},
    {.shape = {{2, {20, 7}}}, .with = {2, {9, TG_F64}}},
};

static tg_tensor record_take(const tg_tensor *x, const settings *with) {
    return tg_take(x[0], x[1], with->value[0]);
}

static tg_tensor record_gather(const tg_tensor *x, const settings *with) {
    return tg_gather(x[0], x[1], with->value[0]);
}

static tg_tensor record_scatter(const tg_tensor *x, const settings *with) {
    return tg_scatter(x[0], x[1], x[2], with->value[0]);
}

static tg_tensor record_scatter_add(const tg_tensor *x, const settings *with) {
    return tg_scatter_add(x[0], x[1], x[2], with->value[0]);
}

static tg_tensor record_one_hot(const tg_tensor *x, const settings *with) {
    return tg_one_hot(x[0], with->value[0], (tg_dtype)with->value[1]);
}

/* ---- the formulas ------------------------------------------------------------------------------------------------ */

static int axis_in(const values *x, const settings *with) {
    return (with->value[0] + x->shape.rank) % x->shape.rank;
}

static void expect_take(const values *x, const settings *with, values *y) {
    const values *at = &x[1];
    int           axis = axis_in(x, with), rank = at->shape.rank;
    int64_t       index[2 * TG_MAX_RANK], from[TG_MAX_RANK];
    tg_shape      shape = {0};
    for (int i = 0; i < x->shape.rank; i++) {
        for (int k = 0; i == axis && k < rank; k++)
            shape.dims[shape.rank++] = at->shape.dims[k];
        if (i != axis) shape.dims[shape.rank++] = x->shape.dims[i];
    }
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        unravel(shape, n, index);
        for (int i = 0; i < x->shape.rank; i++)
            from[i] = i < axis ? index[i] : i == axis ? at->at[ravel(at->shape, index + axis)].whole : index[i + rank - 1];
        y->at[n] = x->at[ravel(x->shape, from)];
    }
}

/* The element of x that the n-th index means. */
static int64_t meant(const values *x, int axis, int64_t n) {
    int64_t index[TG_MAX_RANK];
    unravel(x[1].shape, n, index);
    index[axis] = x[1].at[n].whole;
    return ravel(x->shape, index);
}

static void expect_gather(const values *x, const settings *with, values *y) {
    clear_values(y, x->dtype, x[1].shape);
    for (int64_t n = 0; n < y->size; n++)
        y->at[n] = x->at[meant(x, axis_in(x, with), n)];
}

static void expect_scattered(const values *x, const settings *with, bool add, values *y) {
    clear_values(y, x->dtype, x->shape);
    for (int64_t n = 0; n < y->size; n++)
        y->at[n] = x->at[n];
    for (int64_t n = 0; n < x[1].size; n++) {
        int64_t index[TG_MAX_RANK];
        unravel(x[1].shape, n, index);
        element  from = x[2].at[ravel_broadcast(x[2].shape, x[1].shape.rank, index)];
        element *to = &y->at[meant(x, axis_in(x, with), n)];
        if (add) {
            from.real += to->real;
            from.whole = x->dtype == TG_BOOL ? from.whole | to->whole : (int64_t)((uint64_t)from.whole + (uint64_t)to->whole);
        }
        *to = from;
    }
    y->scale = add ? 100 : 1;
}

static void expect_scatter(const values *x, const settings *with, values *y) {
    expect_scattered(x, with, false, y);
}

static void expect_scatter_add(const values *x, const settings *with, values *y) {
    expect_scattered(x, with, true, y);
}

static void expect_one_hot(const values *x, const settings *with, values *y) {
    tg_shape shape = x->shape;
    shape.dims[shape.rank++] = with->value[0];
    clear_values(y, (tg_dtype)with->value[1], shape);
    for (int64_t n = 0; n < x->size; n++)
        y->at[n * with->value[0] + x->at[n].whole] = (element){1, 1};
}

#define ROW(function, count, which, list) \
    { \
        .name = #function, .called = #function, .arity = count, .takes = TAKES_ANY, .indices = which, \
        .record = record_##function, .expect = expect_##function, .low = {-3, 0, -3}, .high = {which & 1 ? 2 : 3, 2, 3}, \
        .cases = list, .case_count = sizeof list / sizeof *list \
    }

const op_row index_rows[] = {
    ROW(take, 2, 2, take_cases),           ROW(gather, 2, 2, gather_cases),   ROW(scatter, 3, 2, scatter_cases),
    ROW(scatter_add, 3, 2, scatter_cases), ROW(one_hot, 1, 1, one_hot_cases), {.name = NULL},
};

/* ---- values ------------------------------------------------------------------------------------------------------ */

static tg_tensor counting(tg_tape *tape, int64_t rows, int64_t columns) {
    return tg_reshape(tg_arange(tape, TG_F64, 0, (double)(rows * columns), 1), TG_SHAPE(rows, columns));
}

START_TEST(embeddings_add_up_their_gradients) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor table = counting(tape, 3, 2), words = I64(tape, 2, 0, 2, 2);
    CHECK_IS(tg_take(table, words, 0), 4, 5, 0, 1, 4, 5, 4, 5);
    CHECK_IS(slope(tg_take(table, words, 0), table), 1, 1, 0, 0, 3, 3);
    CHECK_IS(slope(tg_take(tg_transpose(table, 0, 1), words, 1), table), 1, 1, 0, 0, 3, 3);
    CHECK_IS(tg_take(table, tg_reshape(words, TG_SHAPE(2, 2)), 0), 4, 5, 0, 1, 4, 5, 4, 5);
    finish(tape);
}
END_TEST

/* Numbers taken so many times that they are added in blocks, by one thread as they come and by several index by index: the sums have the same
 * bits, and those of whole numbers are right. */
START_TEST(numbers_are_added_back_in_blocks) {
    enum { SIZE = 7, MOST = 200003 };
    static const int64_t counts[] = {1, 31, 32, 33, 64, 65, 32 * SIZE, 33 * SIZE + 1, MOST};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        double bits[2][SIZE] = {{0}};
        for (int several = 0; several < 2; several++) {
            tg_tape  *tape = tg_tape_new();
            tg_tensor x = tg_randn(tape, floats[_i], TG_SHAPE(SIZE)), g = tg_randn(tape, floats[_i], TG_SHAPE(counts[k])), back;
            tg_tensor index = tg_fmod(tg_mul(tg_arange(tape, TG_I64, 0, (double)counts[k], 1), 3), SIZE);
            ck_assert(!tg_set_threads(tape, several ? 4 : 1));
            tg_tensor y = tg_take(x, index, 0);
            ck_assert(!tg_vjp(tape, 1, &y, &g, 1, &x, &back));
            memcpy(bits[several], tg_data(back), (size_t)tg_size(x) * tg_dtype_size(floats[_i]));
            ck_assert(!tg_vjp(tape, 1, &y, NULL, 1, &x, &back));
            tg_tensor times = tg_cast(back, TG_F64);
            for (int64_t i = 0; i < SIZE; i++) /* the k-th has index 3 k, and 5 times that is k again */
                ck_assert_double_eq(((const double *)tg_data(times))[i],
                                    (double)((counts[k] + SIZE - 1 - 5 * i % SIZE) / SIZE));
            finish(tape);
        }
        ck_assert_mem_eq(bits[0], bits[1], sizeof bits[0]);
    }
}
END_TEST

/* Where a table lies in memory column by column, columns are taken whole, by several threads too. */
START_TEST(columns_are_taken_of_a_transposed_table) {
    enum { ROWS = 11, COLUMNS = 7, TAKEN = 70003 };
    for (int threads = 1; threads <= 4; threads += 3) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor index = tg_fmod(tg_mul(tg_arange(tape, TG_I64, 0, TAKEN, 1), 3), COLUMNS);
        tg_tensor table = tg_transpose(counting(tape, COLUMNS, ROWS), 0, 1);
        ck_assert(!tg_set_threads(tape, threads));
        tg_tensor     taken = tg_cast(tg_take(tg_cast(table, (tg_dtype)_i), index, 1), TG_F64);
        const double *at = tg_data(taken);
        CHECK_OK(tape);
        for (int64_t r = 0; r < ROWS; r++)
            for (int64_t k = 0; k < TAKEN; k++) {
                double expected = (double)(3 * k % COLUMNS * ROWS + r);
                ck_assert_double_eq(at[r * TAKEN + k], _i == TG_BOOL ? expected != 0 : expected);
            }
        finish(tape);
    }
}
END_TEST

START_TEST(a_number_takes_one_slice) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = counting(tape, 3, 2);
    CHECK_IS(tg_take(x, 1, 0), 2, 3);
    CHECK_IS(tg_take(x, 1, -1), 1, 3, 5);
    ck_assert_int_eq(tg_shape_of(tg_take(x, 1, 0)).rank, 1);
    ck_assert(!tg_valid(tg_take(x, 0.5, 0)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "test_index.c:", "take: the number 0.5 is no int64");
    finish(tape);
}
END_TEST

START_TEST(the_last_one_scattered_stays) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, 2, 3), index = I64(tape, 2, 0, 2), source = F64(tape, 10, 20, 30);
    tg_tensor y = tg_scatter(x, index, source, 0), z = tg_scatter_add(x, index, source, 0);
    CHECK_IS(y, 20, 2, 30);
    CHECK_IS(slope(y, source), 0, 1, 1);
    CHECK_IS(slope(y, x), 0, 1, 0);
    CHECK_IS(z, 21, 2, 43);
    CHECK_IS(slope(tg_square(z), source), 86, 42, 86);
    CHECK_IS(tg_scatter(x, index, -1, 0), -1, 2, -1);
    CHECK_IS(slope(tg_scatter_add(x, index, tg_full(tape, TG_F64, TG_SHAPE(), 1), 0), x), 1, 1, 1);
    finish(tape);
}
END_TEST

START_TEST(indices_from_a_sort_put_it_back) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 3, 1, 2), order, sorted = tg_sort(x, 0, false, &order);
    CHECK_IS(tg_scatter(tg_full(tape, TG_F64, TG_SHAPE(3), 0), order, sorted, 0), 3, 1, 2);
    CHECK_IS(tg_one_hot(order, 3, TG_I64), 0, 1, 0, 0, 0, 1, 1, 0, 0);
    CHECK_IS(tg_matmul(tg_one_hot(order, 3, TG_F64), x), 1, 2, 3);
    finish(tape);
}
END_TEST

/* These are linear: only in a formula that is not do second derivatives go through their gradients' gradients. */
static void check_cube(tg_tensor y, tg_tensor x) {
    tg_gradcheck_report report = {.order = 3};
    ck_assert_msg(tg_gradcheck(tg_mul(y, tg_square(y)), 1, &x, &report) == TG_OK, "%s", tg_error(x.tape));
}

START_TEST(higher_derivatives_of_formulas) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_div(counting(tape, 3, 2), 4), leaf = tg_constant(tape, TG_F64, TG_SHAPE(3, 2), tg_data(x));
    tg_tensor rows = I64(tape, 2, 0, 2, 2), index = tg_constant(tape, TG_I64, TG_SHAPE(2, 2), (int64_t[]){2, 0, 2, 1});
    tg_tensor other = tg_full(tape, TG_F64, TG_SHAPE(3, 2), 0.5), order;
    check_cube(tg_take(leaf, rows, 0), leaf);
    check_cube(tg_gather(leaf, index, 0), leaf);
    check_cube(tg_scatter(leaf, index, 1, 0), leaf);
    check_cube(tg_scatter(other, index, tg_slice(leaf, 0, 0, 2, 1), 0), leaf);
    check_cube(tg_scatter_add(leaf, index, tg_slice(leaf, 0, 1, 3, 1), 0), leaf);
    check_cube(tg_sort(leaf, 0, true, &order), leaf);
    finish(tape);
}
END_TEST

static bool has_bits_of(tg_tensor a, tg_tensor b) {
    size_t bytes = (size_t)tg_size(a) * tg_dtype_size(tg_dtype_of(a));
    return tg_shape_equal(tg_shape_of(a), tg_shape_of(b)) && !memcmp(tg_data(a), tg_data(b), bytes);
}

/* One index for each row, along either axis: the way back is made element by element, and is that of zeros to which it is added. */
START_TEST(one_element_of_each_row_goes_back_to_its_place) {
    enum { ROWS = 9, COLUMNS = 70 };
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_randn(tape, floats[_i], TG_SHAPE(ROWS, COLUMNS)),
              zeros = tg_full(tape, floats[_i], TG_SHAPE(ROWS, COLUMNS), 0);
    for (int axis = 0; axis < 2; axis++) {
        tg_shape  shape = axis ? TG_SHAPE(ROWS, 1) : TG_SHAPE(1, COLUMNS);
        tg_tensor index = tg_reshape(tg_fmod(tg_arange(tape, TG_I64, 0, (double)tg_shape_size(shape), 1), 7), shape);
        tg_tensor g = tg_randn(tape, floats[_i], shape), y = tg_gather(x, index, axis), back;
        ck_assert(!tg_vjp(tape, 1, &y, &g, 1, &x, &back));
        ck_assert(has_bits_of(back, tg_scatter_add(zeros, index, g, axis)));
        tg_tensor seed = tg_randn(tape, floats[_i], TG_SHAPE(ROWS, COLUMNS)), again;
        ck_assert(!tg_vjp(tape, 1, &back, &seed, 1, &g, &again));
        ck_assert(has_bits_of(again, tg_gather(seed, index, axis)));
        tg_shape  small = axis ? TG_SHAPE(8, 3) : TG_SHAPE(3, 8);
        tg_tensor leaf = tg_constant(tape, TG_F64, small, tg_data(tg_randn(tape, TG_F64, small)));
        tg_tensor some = tg_fmod(tg_slice(index, 1 - axis, 0, 8, 1), 3);
        check_cube(tg_gather(leaf, some, axis), leaf);
    }
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

/* The error names the index. It comes with the run when that is known only then, as it is written here. */
#define FAILS_IN_RUN(call, ...) \
    do { \
        tg_mark   mark = tg_tape_mark(tape); \
        tg_tensor result = call; \
        ck_assert(tg_valid(result)); \
        ck_assert_int_eq(tg_run(tape), TG_ERR_INDEX); \
        CHECK_ERROR(tape, TG_ERR_INDEX, "test_index.c:", __VA_ARGS__); \
        tg_discard(tape, mark); \
    } while (0)

START_TEST(an_index_out_of_range_fails_the_run) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = counting(tape, 2, 3), bad = tg_input(tape, "bad", TG_I64, TG_SHAPE(1, 2));
    tg_tensor wild = tg_input(tape, "wild", TG_I64, TG_SHAPE(1));
    int64_t   outside[] = {3};
    tg_write(bad, ((int64_t[]){1, 3}), 2);
    tg_write(wild, (int64_t[]){INT64_MIN}, 1);
    FAILS_IN_RUN(tg_take(x, bad, 1), "take: index 3 (element 1 of the indices) is out of range for an axis of size 3");
    FAILS_IN_RUN(tg_take(x, wild, 1), "take: index -9223372036854775808");
    FAILS_IN_RUN(tg_gather(x, bad, 1), "gather: index 3 (element 1");
    FAILS_IN_RUN(tg_scatter(x, bad, 0, 1), "scatter: index 3 (element 1");
    FAILS_IN_RUN(tg_scatter_add(x, bad, 0, 1), "scatter_add: index 3 (element 1");
    FAILS_IN_RUN(tg_one_hot(bad, 3, TG_F32), "one_hot: index 3 (element 1", "size 3");
    FAILS_IN_RUN(tg_take(x, tg_borrow(tape, TG_I64, TG_SHAPE(1), outside), 1), "take: index 3 (element 0");
    CHECK_IS(tg_take(x, I64(tape, 2), 1), 2, 5);
    finish(tape);
}
END_TEST

START_TEST(an_index_that_is_known_is_rejected_when_it_is_recorded) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = counting(tape, 2, 3), none = tg_full(tape, TG_F64, TG_SHAPE(2, 0), 1);
    tg_tensor bad = tg_constant(tape, TG_I64, TG_SHAPE(1, 2), (int64_t[]){1, 3});
    REFUSED(tg_take(x, bad, 1), TG_ERR_INDEX, "take: index 3 (element 1 of the indices) is out of range for an axis of size 3");
    REFUSED(tg_take(x, 2, 0), TG_ERR_INDEX, "take: index 2", "size 2");
    REFUSED(tg_take(x, -1, 0), TG_ERR_INDEX, "take: index -1", "size 2");
    REFUSED(tg_take(none, 0, 1), TG_ERR_INDEX, "take: index 0", "size 0");
    REFUSED(tg_gather(x, bad, 1), TG_ERR_INDEX, "gather: index 3 (element 1");
    REFUSED(tg_scatter(x, bad, 0, 1), TG_ERR_INDEX, "scatter: index 3 (element 1");
    REFUSED(tg_scatter_add(x, bad, 0, 1), TG_ERR_INDEX, "scatter_add: index 3 (element 1");
    REFUSED(tg_one_hot(bad, 3, TG_F32), TG_ERR_INDEX, "one_hot: index 3 (element 1", "size 3");
    finish(tape);
}
END_TEST

START_TEST(operands_that_do_not_fit_are_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), i = tg_full(tape, TG_I64, TG_SHAPE(2, 2), 0), row = I64(tape, 0, 1);
    tg_tensor wide = tg_full(tape, TG_I64, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2), 0), number = tg_full(tape, TG_F32, TG_SHAPE(), 1);
    REFUSED(tg_take(x, x, 0), TG_ERR_DTYPE, "take: float32 (2, 3) x float32 (2, 3): the indices must be int64");
    REFUSED(tg_take(x, row, 2), TG_ERR_SHAPE, "take: axis 2 of a tensor of rank 2");
    REFUSED(tg_take(number, row, 0), TG_ERR_SHAPE, "take: axis 0 of a tensor of rank 0");
    REFUSED(tg_take(x, wide, 0), TG_ERR_SHAPE, "take: ", "8 axes");
    REFUSED(tg_gather(x, x, 0), TG_ERR_DTYPE, "gather: ", "int64");
    REFUSED(tg_gather(x, row, 0), TG_ERR_SHAPE, "gather: (2, 3) x (2): the ranks");

    tg_tensor top = tg_slice(x, 0, 0, 1, 1), one = tg_slice(i, 0, 0, 1, 1);
    tg_tensor wrong = tg_full(tape, TG_F64, TG_SHAPE(2, 2), 1), large = tg_full(tape, TG_F32, TG_SHAPE(2, 2), 1);
    REFUSED(tg_gather(top, i, 1), TG_ERR_SHAPE, "gather: (1, 3) x (2, 2): ", "axis 0");
    REFUSED(tg_scatter(x, i, wrong, 1), TG_ERR_DTYPE, "scatter: ", "float64", "tg_cast");
    REFUSED(tg_scatter(x, i, x, 1), TG_ERR_SHAPE, "scatter: (2, 3) x (2, 2) x (2, 3): the source");
    REFUSED(tg_scatter_add(x, one, large, 1), TG_ERR_SHAPE, "scatter_add: ", "the source");
    REFUSED(tg_scatter_add(x, x, x, 1), TG_ERR_DTYPE, "scatter_add: ", "int64");
    REFUSED(tg_scatter_add(x, i, 1, -3), TG_ERR_SHAPE, "scatter_add: axis -3");
    REFUSED(tg_one_hot(x, 3, TG_F32), TG_ERR_DTYPE, "one_hot: float32 (2, 3): the indices must be int64");
    REFUSED(tg_one_hot(row, -1, TG_F32), TG_ERR_ARGUMENT, "one_hot: (2): -1 classes");
    REFUSED(tg_one_hot(row, 3, (tg_dtype)7), TG_ERR_DTYPE, "one_hot: ");
    REFUSED(tg_one_hot(wide, 3, TG_F32), TG_ERR_SHAPE, "one_hot: ", "8 axes");
    finish(tape);
}
END_TEST

/* One by one, a float32 sum of so many ones ends at 2^24. */
START_TEST(sums_of_many_lose_nothing) {
    enum { MANY = 1 << 25 };
    tg_tape  *tape = tg_tape_new();
    tg_tensor ones = tg_full(tape, TG_F32, TG_SHAPE(MANY), 1), index = tg_full(tape, TG_I64, TG_SHAPE(MANY), 1);
    tg_tensor few = tg_full(tape, TG_F32, TG_SHAPE(3), 0), many = tg_full(tape, TG_F32, TG_SHAPE(1000), 0);
    CHECK_IS(tg_scatter_add(few, index, ones, 0), 0, MANY, 0);
    CHECK_IS(slope(tg_take(few, index, 0), few), 0, MANY, 0);
    CHECK_IS(slope(tg_gather(few, index, 0), few), 0, MANY, 0);

    /* where few elements of many are added to: tenths, against float64 */
    tg_tensor tenths = tg_full(tape, TG_F32, TG_SHAPE(100), 0.1), one = tg_full(tape, TG_I64, TG_SHAPE(100), 77);
    tg_tensor sums = tg_scatter_add(many, one, tenths, 0);
    CHECK_IS(tg_slice(sums, 0, 76, 79, 1), 0, (double)(float)(100 * (double)0.1f), 0);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_index(void) {
    Suite *suite = suite_create("index");
    TCase *tcase = tcase_create("indices");
    tcase_set_timeout(tcase, 60);
    add_rows(suite, index_rows);
    tcase_add_test(tcase, embeddings_add_up_their_gradients);
    tcase_add_loop_test(tcase, numbers_are_added_back_in_blocks, 0, 2);
    tcase_add_loop_test(tcase, columns_are_taken_of_a_transposed_table, 0, TG_DTYPES);
    tcase_add_test(tcase, a_number_takes_one_slice);
    tcase_add_test(tcase, sums_of_many_lose_nothing);
    tcase_add_test(tcase, the_last_one_scattered_stays);
    tcase_add_test(tcase, indices_from_a_sort_put_it_back);
    tcase_add_test(tcase, an_index_out_of_range_fails_the_run);
    tcase_add_test(tcase, an_index_that_is_known_is_rejected_when_it_is_recorded);
    tcase_add_test(tcase, operands_that_do_not_fit_are_rejected);
    tcase_add_test(tcase, higher_derivatives_of_formulas);
    tcase_add_loop_test(tcase, one_element_of_each_row_goes_back_to_its_place, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
