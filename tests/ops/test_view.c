/* tests/ops/test_view.c: views: their rows of the op table, views of views, which of them share memory with their base and
 * which copy, and sizes and axes that are rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "ops/op_table.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

static const op_case reshape_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {2, {3, 2}}},
    {.shape = {{2, {2, 3}}}, .with = {1, {-1}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {3, -1, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {2, 3}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {2, {4, 6}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {2, {-1, 4}}},
    {.shape = {{3, {4, 2, 3}}}, .with = {4, {2, 2, 3, 2}}},
    {.shape = {{0, {0}}}, .with = {2, {1, 1}}},
    {.shape = {{0, {0}}}, .with = {1, {-1}}},
    {.shape = {{3, {1, 1, 1}}}, .with = {0, {0}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {5, 0}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {3, -1}}},
    {.shape = {{1, {0}}}, .with = {2, {-1, 2}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 1}}}, .with = {2, {4, 4}}},
    {.shape = {{2, {4, 4}}}, .with = {8, {1, 2, 1, 2, 2, -1, 1, 1}}},
    {.shape = {{2, {36, 40}}}, .with = {3, {-1, 8, 9}}},
};

static const op_case permute_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {2, {1, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {0, 1}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {3, {2, 0, 1}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {3, {-2, -1, 0}}},
    {.shape = {{0, {0}}}, .with = {0, {0}}},
    {.shape = {{1, {5}}}, .with = {1, {-1}}},
    {.shape = {{3, {2, 0, 3}}}, .with = {3, {2, 1, 0}}},
    {.shape = {{4, {1, 2, 1, 3}}}, .with = {4, {3, 2, 1, 0}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}, .with = {8, {7, 0, 6, 1, 5, 2, 4, 3}}},
    {.shape = {{3, {7, 11, 13}}}, .with = {3, {1, 2, 0}}},
};

static const op_case transpose_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {2, {0, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {-1, -2}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {2, {0, -1}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {2, {1, 1}}},
    {.shape = {{1, {4}}}, .with = {2, {0, -1}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {1, 0}}},
    {.shape = {{2, {1, 1}}}, .with = {2, {0, 1}}},
    {.shape = {{2, {33, 40}}}, .with = {2, {0, 1}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}, .with = {2, {7, 2}}},
};

static const op_case broadcast_cases[] = {
    {.shape = {{1, {3}}}, .with = {2, {2, 3}}},       {.shape = {{0, {0}}}, .with = {2, {2, 3}}},
    {.shape = {{0, {0}}}, .with = {0, {0}}},          {.shape = {{2, {2, 1}}}, .with = {2, {2, 3}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {2, 3}}},    {.shape = {{3, {1, 3, 1}}}, .with = {4, {2, 2, 3, 4}}},
    {.shape = {{1, {1}}}, .with = {1, {0}}},          {.shape = {{2, {0, 1}}}, .with = {3, {2, 0, 3}}},
    {.shape = {{0, {0}}}, .with = {1, {0}}},          {.shape = {{2, {1, 2}}}, .with = {8, {1, 2, 1, 2, 1, 2, 2, 2}}},
    {.shape = {{2, {40, 1}}}, .with = {2, {40, 40}}},
};

static tg_tensor record_reshape(const tg_tensor *x, const settings *with) {
    return tg_reshape(x[0], shape_in(with, 0));
}

static tg_tensor record_permute(const tg_tensor *x, const settings *with) {
    return tg_permute(x[0], tg_axes_from(with->count, with->value));
}

static tg_tensor record_transpose(const tg_tensor *x, const settings *with) {
    return tg_transpose(x[0], with->value[0], with->value[1]);
}

static tg_tensor record_broadcast_to(const tg_tensor *x, const settings *with) {
    return tg_broadcast_to(x[0], shape_in(with, 0));
}

static void expect_reshape(const values *x, const settings *with, values *y) {
    tg_shape shape = shape_in(with, 0);
    int64_t  known = 1;
    for (int i = 0; i < shape.rank; i++)
        if (shape.dims[i] != -1) known *= shape.dims[i];
    for (int i = 0; i < shape.rank; i++)
        if (shape.dims[i] == -1) shape.dims[i] = x->size / known;
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++)
        y->at[n] = x->at[n];
}

static void reorder(const values *x, const int *axis, values *y) {
    tg_shape shape = {.rank = x->shape.rank};
    int64_t  from[TG_MAX_RANK], to[TG_MAX_RANK];
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = x->shape.dims[axis[i]];
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < x->size; n++) {
        unravel(x->shape, n, from);
        for (int i = 0; i < shape.rank; i++)
            to[i] = from[axis[i]];
        y->at[ravel(shape, to)] = x->at[n];
    }
}

static void expect_permute(const values *x, const settings *with, values *y) {
    int axis[TG_MAX_RANK];
    for (int i = 0; i < with->count; i++)
        axis[i] = (with->value[i] + with->count) % with->count;
    reorder(x, axis, y);
}

static void expect_transpose(const values *x, const settings *with, values *y) {
    int axis[TG_MAX_RANK], rank = x->shape.rank, a = (with->value[0] + rank) % rank, b = (with->value[1] + rank) % rank;
    for (int i = 0; i < rank; i++)
        axis[i] = i;
    axis[a] = b;
    axis[b] = a;
    reorder(x, axis, y);
}

static void expect_broadcast_to(const values *x, const settings *with, values *y) {
    int64_t index[TG_MAX_RANK];
    clear_values(y, x->dtype, shape_in(with, 0));
    for (int64_t n = 0; n < y->size; n++) {
        unravel(y->shape, n, index);
        y->at[n] = x->at[ravel_broadcast(x->shape, y->shape.rank, index)];
    }
}

#define ROW(function, list) \
    { \
        .name = #function, .called = #function, .arity = 1, .takes = TAKES_ANY, .record = record_##function, \
        .expect = expect_##function, .low = {-3}, .high = {3}, .cases = list, .case_count = sizeof list / sizeof *list \
    }

const op_row view_rows[] = {
    ROW(reshape, reshape_cases),
    ROW(permute, permute_cases),
    ROW(transpose, transpose_cases),
    ROW(broadcast_to, broadcast_cases),
    {.name = NULL},
};

/* ---- views of views ---------------------------------------------------------------------------------------------- */

static tg_tensor counting(tg_tape *tape, tg_shape shape) {
    double x[256];
    for (int i = 0; i < 256; i++)
        x[i] = i;
    return tg_constant(tape, TG_F64, shape, x);
}

START_TEST(views_of_views) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = counting(tape, TG_SHAPE(2, 3)), t = tg_transpose(x, 0, 1);
    CHECK_IS(tg_reshape(t, TG_SHAPE(6)), 0, 3, 1, 4, 2, 5);
    CHECK_IS(tg_transpose(tg_reshape(t, TG_SHAPE(2, 3)), 0, 1), 0, 4, 3, 2, 1, 5);
    CHECK_IS(tg_reshape(tg_broadcast_to(tg_reshape(x, TG_SHAPE(6, 1)), TG_SHAPE(6, 2)), TG_SHAPE(3, 4)), 0, 0, 1, 1, 2, 2, 3, 3,
             4, 4, 5, 5);
    CHECK_IS(tg_permute(tg_broadcast_to(t, TG_SHAPE(2, 3, 2)), TG_AXES(2, 0, 1)), 0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5);
    CHECK_IS(tg_transpose(t, 0, 1), 0, 1, 2, 3, 4, 5);
    finish(tape);
}
END_TEST

/* Every reshape of every transposed (2, 3, 4), through strides or through a copy. */
START_TEST(reshapes_of_permuted_tensors) {
    static const int     order[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const int64_t sizes[7][4] = {{24, 1, 1, 1}, {2, 12, 1, 1}, {4, 3, 2, 1}, {2, 2, 2, 3},
                                        {1, 6, 1, 4},  {8, 1, 3, 1},  {3, 2, 2, 2}};
    static values        expected, x;
    tg_tape             *tape = tg_tape_new();
    tg_tensor            p = tg_permute(counting(tape, TG_SHAPE(2, 3, 4)), tg_axes_from(3, order[_i]));
    clear_values(&x, TG_F64, TG_SHAPE(2, 3, 4));
    for (int i = 0; i < 24; i++)
        x.at[i].real = i;
    reorder(&x, order[_i], &expected);
    for (int i = 0; i < 7; i++) {
        expected.shape = tg_shape_from(4, sizes[i]);
        check_values("reshape", tg_reshape(p, expected.shape), &expected);
    }
    finish(tape);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------ */

START_TEST(views_share_memory_where_strides_allow) {
    tg_tape      *tape = tg_tape_new();
    tg_tensor     x = counting(tape, TG_SHAPE(4, 6));
    const double *base = tg_data(x);
    ck_assert_ptr_eq(tg_data(tg_reshape(x, TG_SHAPE(2, 12))), base);
    ck_assert_ptr_eq(tg_data(tg_permute(x, TG_AXES(0, 1))), base);
    ck_assert_ptr_eq(tg_data(tg_broadcast_to(x, TG_SHAPE(1, 4, 6))), base);
    ck_assert_ptr_eq(tg_data(tg_reshape(tg_transpose(tg_reshape(x, TG_SHAPE(1, 24)), 0, 1), TG_SHAPE(24))), base);
    ck_assert_ptr_ne(tg_data(tg_transpose(x, 0, 1)), base);
    ck_assert_ptr_ne(tg_data(tg_reshape(tg_transpose(x, 0, 1), TG_SHAPE(24))), base);
    finish(tape);
}
END_TEST

START_TEST(views_show_what_is_written) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2, 2));
    tg_tensor t = tg_transpose(x, 0, 1), flat = tg_reshape(t, TG_SHAPE(4));
    for (double k = 1; k < 4; k++) {
        tg_write(x, (double[]){k, 2 * k, 3 * k, 4 * k}, 4);
        tg_run(tape);
        CHECK_IS(t, k, 3 * k, 2 * k, 4 * k);
        CHECK_IS(flat, k, 3 * k, 2 * k, 4 * k);
    }
    finish(tape);
}
END_TEST

START_TEST(views_hold_the_value_from_before_an_assign) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2, 2));
    tg_write(x, (double[]){1, 2, 3, 4}, 4);
    tg_tensor before = tg_transpose(x, 0, 1), wide = tg_broadcast_to(x, TG_SHAPE(2, 2, 2));
    tg_assign(x, tg_transpose(x, 0, 1));
    tg_tensor after = tg_reshape(x, TG_SHAPE(4));
    CHECK_IS(before, 1, 3, 2, 4);
    CHECK_IS(wide, 1, 2, 3, 4, 1, 2, 3, 4);
    CHECK_IS(after, 1, 3, 2, 4);
    CHECK_IS(x, 1, 3, 2, 4);
    finish(tape);
}
END_TEST

/* ---- gradients --------------------------------------------------------------------------------------------------- */

START_TEST(gradients_of_views_find_their_way_back) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = counting(tape, TG_SHAPE(2, 3)), weights = tg_reshape(counting(tape, TG_SHAPE(6)), TG_SHAPE(3, 2));
    CHECK_IS(slope(tg_mul(tg_transpose(x, 0, 1), weights), x), 0, 2, 4, 1, 3, 5);
    CHECK_IS(slope(tg_mul(tg_reshape(x, TG_SHAPE(3, 2)), weights), x), 0, 1, 2, 3, 4, 5);
    CHECK_IS(slope(tg_broadcast_to(x, TG_SHAPE(4, 2, 3)), x), 4, 4, 4, 4, 4, 4);
    CHECK_IS(slope(tg_broadcast_to(tg_reshape(x, TG_SHAPE(2, 1, 3)), TG_SHAPE(2, 0, 3)), x), 0, 0, 0, 0, 0, 0);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static void check_reshape_rejected(tg_tensor x, tg_shape shape, const char *text) {
    int64_t count = tg_instruction_count(x.tape);
    ck_assert(!tg_valid(tg_reshape(x, shape)));
    CHECK_ERROR(x.tape, TG_ERR_SHAPE, "test_view.c:", "reshape: ", text);
    ck_assert_int_eq(tg_instruction_count(x.tape), count);
}

START_TEST(reshape_to_another_size_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = counting(tape, TG_SHAPE(2, 3)), none = tg_full(tape, TG_BOOL, TG_SHAPE(0, 3), 1);
    check_reshape_rejected(x, TG_SHAPE(4), "(2, 3): 6 elements do not go into (4)");
    check_reshape_rejected(x, TG_SHAPE(4, -1), "(4, -1)");
    check_reshape_rejected(x, TG_SHAPE(-1, -1), "(-1, -1)");
    check_reshape_rejected(x, TG_SHAPE(-2, -3), "(-2, -3)");
    check_reshape_rejected(x, TG_SHAPE(-2), "(-2)");
    check_reshape_rejected(x, TG_SHAPE(0, -1), "(0, -1)");
    check_reshape_rejected(x, TG_SHAPE(), "()");
    check_reshape_rejected(x, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 6), "8");
    check_reshape_rejected(x, TG_SHAPE(INT64_MAX, INT64_MAX), "9223372036854775807");
    check_reshape_rejected(x, TG_SHAPE(1ll << 62, 4, 6, -1), "-1");
    check_reshape_rejected(none, TG_SHAPE(0, -1), "(0, -1)");
    check_reshape_rejected(none, TG_SHAPE(0, 1ll << 62, 1ll << 62), "");
    check_reshape_rejected(none, TG_SHAPE(1), "0 elements");
    finish(tape);
}
END_TEST

static void check_broadcast_rejected(tg_tensor x, tg_shape shape, const char *text) {
    ck_assert(!tg_valid(tg_broadcast_to(x, shape)));
    CHECK_ERROR(x.tape, TG_ERR_SHAPE, "test_view.c:", "broadcast_to: ", text);
}

START_TEST(broadcast_to_a_shape_that_does_not_fit_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = counting(tape, TG_SHAPE(2, 3)), one = tg_full(tape, TG_F64, TG_SHAPE(1), 1);
    check_broadcast_rejected(x, TG_SHAPE(2, 4), "(2, 3): it does not broadcast to (2, 4)");
    check_broadcast_rejected(x, TG_SHAPE(3), "(3)");
    check_broadcast_rejected(x, TG_SHAPE(), "()");
    check_broadcast_rejected(x, TG_SHAPE(2, 1), "(2, 1)");
    check_broadcast_rejected(x, TG_SHAPE(1, 3), "(1, 3)");
    check_broadcast_rejected(x, TG_SHAPE(2, 3, 1), "(2, 3, 1)");
    check_broadcast_rejected(x, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2, 3), "8");
    check_broadcast_rejected(one, TG_SHAPE(1ll << 40, 1ll << 40), "too many elements");
    finish(tape);
}
END_TEST

/* A negative size is not an overflow. */
START_TEST(broadcast_to_a_negative_size_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor one = tg_full(tape, TG_F64, TG_SHAPE(1), 1);
    check_broadcast_rejected(one, TG_SHAPE(-1), "(-1)");
    check_broadcast_rejected(one, TG_SHAPE(-2, 3), "(-2, 3)");
    finish(tape);
}
END_TEST

START_TEST(axes_that_are_no_permutation_are_rejected) {
    static const settings wrong[] = {{1, {0}}, {3, {0, 1, 2}}, {2, {0, 0}}, {2, {0, 2}}, {2, {-1, 1}}, {2, {0, -3}}, {0, {0}}};
    tg_tape              *tape = tg_tape_new();
    tg_tensor             x = counting(tape, TG_SHAPE(2, 3));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert(!tg_valid(tg_permute(x, tg_axes_from(wrong[i].count, wrong[i].value))));
        CHECK_ERROR(tape, TG_ERR_SHAPE, "test_view.c:", "permute: ", "2");
    }
    ck_assert(!tg_valid(tg_permute(x, TG_AXES(0, 1, 2, 3, 4, 5, 6, 7, 8))));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "permute: ");
    ck_assert(!tg_valid(tg_transpose(x, 0, 2)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_view.c:", "transpose: ", "2", "rank 2");
    ck_assert(!tg_valid(tg_transpose(x, -3, 0)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "transpose: ", "-3");
    ck_assert(!tg_valid(tg_transpose(tg_full(tape, TG_F64, TG_SHAPE(), 1), 0, 0)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "transpose: ", "rank 0");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_view(void) {
    Suite *suite = suite_create("view");
    TCase *tcase = tcase_create("views");
    add_rows(suite, view_rows);
    tcase_add_test(tcase, views_of_views);
    tcase_add_loop_test(tcase, reshapes_of_permuted_tensors, 0, 6);
    tcase_add_test(tcase, views_share_memory_where_strides_allow);
    tcase_add_test(tcase, views_show_what_is_written);
    tcase_add_test(tcase, views_hold_the_value_from_before_an_assign);
    tcase_add_test(tcase, gradients_of_views_find_their_way_back);
    tcase_add_test(tcase, reshape_to_another_size_is_rejected);
    tcase_add_test(tcase, broadcast_to_a_shape_that_does_not_fit_is_rejected);
    tcase_add_test(tcase, broadcast_to_a_negative_size_is_rejected);
    tcase_add_test(tcase, axes_that_are_no_permutation_are_rejected);
    suite_add_tcase(suite, tcase);
    return suite;
}
