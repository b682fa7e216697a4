/* tests/run/test_fuse.c: what runs as one group.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "ops/values.h"

START_TEST(a_layer_with_its_gradients_is_one_group) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_randn(tape, TG_F64, TG_SHAPE(40, 24)), w = tg_parameter(tape, "w", tg_randn(tape, TG_F64, TG_SHAPE(24)));
    tg_set_keep(tape, TG_KEEP_ASKED);
    ck_assert(!tg_backward(tg_sum(tg_square(tg_layer_norm(x, 1, w, 0, 1e-5)))) && !tg_run(tape));
    tg_figures f = tg_stats(tape);
    ck_assert_int_eq(f.groups, 2); /* the number 2, and all else */
    ck_assert_int_eq(f.kernels, 0);
    ck_assert_int_gt(f.fused, 10);
    ck_assert_int_eq((int64_t)f.block_bytes, 0);
    finish(tape);
}
END_TEST

/* Nothing of the size of the logits is in memory but the logits and their gradient. */
START_TEST(cross_entropy_with_its_gradient_goes_over_the_logits_once) {
    enum { SAMPLES = 40, CLASSES = 300 };
    float bits[2][SAMPLES * CLASSES];
    for (int eager = 0; eager < 2; eager++) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor x = tg_parameter(tape, "x", tg_randn(tape, TG_F32, TG_SHAPE(SAMPLES, CLASSES)));
        tg_tensor classes = tg_fmod(tg_arange(tape, TG_I64, 0, SAMPLES, 1), 7);
        ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED) && !tg_run(tape) && !tg_set_eager(tape, eager));
        ck_assert(!tg_backward(tg_cross_entropy(x, classes, NULL)) && !tg_run(tape));
        ck_assert(!tg_read(tg_grad(x), bits[eager], SAMPLES * CLASSES));
        if (!eager) ck_assert_int_lt((int64_t)tg_stats(tape).block_bytes, SAMPLES * CLASSES);
        finish(tape);
    }
    ck_assert_mem_eq(bits[0], bits[1], sizeof bits[0]);
}
END_TEST

/* A layer of a stack of inputs whose weights are small, and what comes behind it. */
START_TEST(a_small_product_is_in_the_group_of_its_bias_and_activation) {
    enum { INPUTS = 7 * 131, UNITS = 35 };
    float y[2][INPUTS * UNITS];
    for (int eager = 0; eager < 2; eager++) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor x = tg_randn(tape, TG_F32, TG_SHAPE(7, 131, 20)), w = tg_randn(tape, TG_F32, TG_SHAPE(20, UNITS));
        tg_tensor b = tg_randn(tape, TG_F32, TG_SHAPE(UNITS));
        ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED) && !tg_run(tape) && !tg_set_eager(tape, eager));
        tg_tensor h = tg_softmax(tg_relu(tg_add(tg_matmul(x, w), b)), -1);
        ck_assert(!tg_keep(h) && !tg_read(h, y[eager], INPUTS * UNITS));
        if (!eager) ck_assert_int_eq(tg_stats(tape).groups, 1);
        if (!eager) ck_assert_int_eq(tg_stats(tape).kernels, 0);
        finish(tape);
    }
    ck_assert_mem_eq(y[0], y[1], sizeof y[0]);
}
END_TEST

START_TEST(a_product_that_is_large_or_of_views_is_a_kernel) {
    tg_tape *tape = tg_tape_new();
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(70, 60), 1);
    tg_tensor small = tg_full(tape, TG_F64, TG_SHAPE(60, 68), 1), large = tg_full(tape, TG_F64, TG_SHAPE(60, 1093), 1);
    ck_assert(!tg_run(tape));
    tg_tensor y[4] = {tg_matmul(x, small), tg_matmul(x, large), tg_matmul(x, tg_transpose(x, 0, 1)),
                      tg_matmul(tg_slice(x, 1, 0, 30, 1), tg_slice(small, 0, 0, 30, 1))};
    for (int i = 0; i < 4; i++)
        ck_assert(!tg_keep(y[i]));
    ck_assert(!tg_run(tape));
    ck_assert_int_eq(tg_stats(tape).kernels, 3);
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq(((const double *)tg_data(y[i]))[4000], i < 3 ? 60 : 30);
    finish(tape);
}
END_TEST

/* Columns that are made there, one that is not, one that is the same number everywhere, and one that lies apart. */
static tg_tensor table_of(tg_tensor x, int columns) {
    tg_tensor column[64], apart = tg_reshape(tg_slice(tg_reshape(x, TG_SHAPE(-1, 2)), 1, 0, 1, 1), TG_SHAPE(-1));
    column[0] = apart;
    column[1] = tg_full(x.tape, tg_dtype_of(x), tg_shape_of(apart), 3);
    column[2] = tg_slice(x, 0, 0, tg_size(apart), 1);
    for (int j = 3; j < columns; j++)
        column[j] = tg_mul(column[2], j);
    return tg_stack(tg_list_from(columns, column), -1);
}

START_TEST(columns_are_put_side_by_side_as_they_are_made) {
    enum { N = 5000, MOST = 40 };
    static const tg_dtype dtypes[] = {TG_F32, TG_F64, TG_I64};
    static const int      counts[] = {3, 17, 32, 33, 40};
    static char           bits[2][N * MOST * 8];
    const size_t          width = tg_dtype_size(dtypes[_i % 3]);
    const int             columns = counts[_i / 3];
    for (int eager = 0; eager < 2; eager++) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor x = tg_cast(tg_arange(tape, TG_I64, 0, 2 * N, 1), dtypes[_i % 3]);
        ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED) && !tg_run(tape) && !tg_set_eager(tape, eager));
        tg_tensor y = table_of(x, columns);
        ck_assert(!tg_keep(y) && !tg_run(tape));
        if (!eager) ck_assert_int_eq(tg_stats(tape).kernels, columns > 32);
        memcpy(bits[eager], tg_data(y), (size_t)(N * columns) * width);
        finish(tape);
    }
    ck_assert_mem_eq(bits[0], bits[1], (size_t)(N * columns) * width);
    for (int i = 0; i < N && dtypes[_i % 3] == TG_I64; i++)
        for (int j = 0; j < columns; j++)
            ck_assert_int_eq(((int64_t *)(void *)bits[0])[i * columns + j], j == 0 ? 2 * i : j == 1 ? 3 : j == 2 ? i : i * j);
}
END_TEST

/* The mean's gradient begins with a number that nothing of the data goes into. */
START_TEST(a_mean_of_squares_is_in_one_group_with_its_gradient) {
    enum { N = 5000 };
    double bits[2][N];
    for (int eager = 0; eager < 2; eager++) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor x = tg_parameter(tape, "x", tg_randn(tape, TG_F64, TG_SHAPE(N)));
        ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED) && !tg_run(tape) && !tg_set_eager(tape, eager));
        ck_assert(!tg_backward(tg_mean(tg_square(tg_sin(x)))) && !tg_run(tape));
        ck_assert(!tg_read(tg_grad(x), bits[eager], N));
        tg_figures f = tg_stats(tape);
        if (!eager) ck_assert_int_eq(f.groups, 2); /* the number, and all else */
        if (!eager) ck_assert_int_lt((int64_t)f.block_bytes, N);
        finish(tape);
    }
    ck_assert_mem_eq(bits[0], bits[1], sizeof bits[0]);
}
END_TEST

/* A run that is stopped before the known numbers names the instruction that was recorded first. */
START_TEST(a_run_stopped_at_once_has_done_nothing) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2, 3), y = tg_add(1, x), z = tg_mul(y, tg_div(1, tg_sum(tg_full(tape, TG_F64, TG_SHAPE(), 4))));
    tg_cancel(tape);
    ck_assert_int_eq(tg_run(tape), TG_ERR_CANCELLED);
    ck_assert_msg(strstr(tg_error(tape), "before add") != NULL, "%s", tg_error(tape));
    tg_clear_error(tape);
    CHECK_F64(z, 0.5, 0.75, 1);
    finish(tape);
}
END_TEST

/* 2 w is read before the assign, and after it. */
START_TEST(a_number_that_an_assign_changes_is_not_taken_for_known) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = PARAMETER(tape, "x", 1, 2, 3), w = tg_parameter(tape, "w", 5);
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor before = tg_sum(tg_mul(x, tg_mul(w, 2)));
    ck_assert(!tg_assign(w, tg_sum(x)));
    tg_tensor after = tg_sum(tg_mul(x, tg_mul(w, 2)));
    ck_assert(!tg_keep(before) && !tg_keep(after) && !tg_run(tape));
    ck_assert_double_eq(tg_item(before), 60);
    ck_assert_double_eq(tg_item(after), 72);
    finish(tape);
}
END_TEST

Suite *suite_fuse(void);
Suite *suite_fuse(void) {
    Suite *suite = suite_create("run/fuse");
    TCase *group = tcase_create("group");
    tcase_add_test(group, a_layer_with_its_gradients_is_one_group);
    tcase_add_test(group, cross_entropy_with_its_gradient_goes_over_the_logits_once);
    tcase_add_test(group, a_small_product_is_in_the_group_of_its_bias_and_activation);
    tcase_add_test(group, a_product_that_is_large_or_of_views_is_a_kernel);
    tcase_add_loop_test(group, columns_are_put_side_by_side_as_they_are_made, 0, 15);
    tcase_add_test(group, a_mean_of_squares_is_in_one_group_with_its_gradient);
    tcase_add_test(group, a_run_stopped_at_once_has_done_nothing);
    tcase_add_test(group, a_number_that_an_assign_changes_is_not_taken_for_known);
    suite_add_tcase(suite, group);
    return suite;
}
