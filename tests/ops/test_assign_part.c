/* tests/ops/test_assign_part.c: assigns to slices of a leaf, and to what indices choose.
 *
 * Each test runs as recorded, instruction by instruction, and as planned. That both agree in any program is a test of the programs in
 * run/random_tape.c.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

static tg_tape *new_tape(int i) {
    tg_tape *tape = tg_tape_new();
    tg_set_eager(tape, i == 1);
    return tape;
}
enum { WAYS = 2 };

static tg_tensor counted_input(tg_tape *tape, tg_shape shape) {
    tg_tensor x = tg_input(tape, "x", TG_F64, shape);
    double    values[24];
    for (int i = 0; i < 24; i++)
        values[i] = i;
    tg_write(x, values, tg_shape_size(shape));
    return x;
}

/* ---- what is overwritten ----------------------------------------------------------------------------------------- */

START_TEST(a_slice_is_overwritten_and_nothing_else) {
    tg_tape  *tape = new_tape(_i);
    tg_tensor x = counted_input(tape, TG_SHAPE(3, 4));
    tg_assign_slice(x, 1, 1, 3, 1, VECTOR(tape, -1, -2));
    CHECK_F64(x, 0, -1, -2, 3, 4, -1, -2, 7, 8, -1, -2, 11);
    tg_assign_slice(x, 0, TG_END, TG_BEGIN, -2, tg_reshape(VECTOR(tape, 20, 30), TG_SHAPE(2, 1)));
    CHECK_F64(x, 30, 30, 30, 30, 4, -1, -2, 7, 20, 20, 20, 20);
    tg_assign_slice(x, -1, -1, TG_END, 1, 5);
    CHECK_F64(x, 30, 30, 30, 5, 4, -1, -2, 5, 20, 20, 20, 5);
    tg_assign_slice(x, 0, 2, 2, 1, 9);
    CHECK_F64(x, 30, 30, 30, 5, 4, -1, -2, 5, 20, 20, 20, 5);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_indices_choose_is_overwritten_and_nothing_else) {
    tg_tape  *tape = new_tape(_i);
    tg_tensor x = counted_input(tape, TG_SHAPE(3, 2, 2));
    tg_tensor i = tg_constant(tape, TG_I64, TG_SHAPE(2), (int64_t[]){2, 0});
    tg_assign_at(x, TG_LIST(i, tg_num(1)), tg_reshape(VECTOR(tape, -1, -2), TG_SHAPE(2, 1)));
    CHECK_F64(x, 0, 1, -2, -2, 4, 5, 6, 7, 8, 9, -1, -1);
    tg_assign_at(x, TG_LIST(tg_num(1)), 3);
    CHECK_F64(x, 0, 1, -2, -2, 3, 3, 3, 3, 8, 9, -1, -1);
    tg_assign_at(x, TG_LIST(tg_constant(tape, TG_I64, TG_SHAPE(0), NULL)), 7);
    CHECK_F64(x, 0, 1, -2, -2, 3, 3, 3, 3, 8, 9, -1, -1);
    tg_assign_at(x, TG_LIST(tg_num(0), tg_num(0), tg_num(0)), 6);
    CHECK_F64(x, 6, 1, -2, -2, 3, 3, 3, 3, 8, 9, -1, -1);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(of_what_is_chosen_twice_the_last_one_stays) {
    tg_tape  *tape = new_tape(_i);
    tg_tensor x = counted_input(tape, TG_SHAPE(3));
    tg_assign_at(x, TG_LIST(tg_constant(tape, TG_I64, TG_SHAPE(3), (int64_t[]){1, 1, 1})), VECTOR(tape, 5, 6, 7));
    CHECK_F64(x, 0, 7, 2);
    tg_tape_free(tape);
}
END_TEST

START_TEST(every_dtype_is_overwritten) {
    tg_tape *tape = new_tape(_i);
    for (int dtype = 0; dtype < TG_DTYPES; dtype++) {
        tg_tensor x = tg_input(tape, NULL, (tg_dtype)dtype, TG_SHAPE(2, 3));
        tg_assign_slice(x, 1, 0, TG_END, 2, 1);
        tg_assign_at(x, TG_LIST(tg_num(1), tg_num(1)), tg_full(tape, (tg_dtype)dtype, TG_SHAPE(), 1));
        CHECK_F64(tg_cast(x, TG_F64), 1, 0, 1, 1, 1, 1);
    }
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_leaf_is_put_into_itself_as_it_was) {
    tg_tape  *tape = new_tape(_i);
    tg_tensor x = counted_input(tape, TG_SHAPE(4));
    tg_assign_slice(x, 0, TG_END, TG_BEGIN, -1, x);
    CHECK_F64(x, 3, 2, 1, 0);
    tg_assign_at(x, TG_LIST(tg_constant(tape, TG_I64, TG_SHAPE(4), (int64_t[]){1, 2, 3, 0})), x);
    CHECK_F64(x, 0, 3, 2, 1);
    tg_assign_slice(x, 0, 1, TG_END, 1, tg_slice(x, 0, 0, 3, 1));
    CHECK_F64(x, 0, 0, 3, 2);
    tg_assign_slice(x, 0, 0, 2, 1, tg_add(tg_slice(x, 0, 2, 4, 1), tg_slice(x, 0, 1, 3, 1)));
    CHECK_F64(x, 3, 5, 3, 2);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- when -------------------------------------------------------------------------------------------------------- */

START_TEST(it_happens_where_it_stands) {
    tg_tape  *tape = new_tape(_i);
    tg_tensor x = counted_input(tape, TG_SHAPE(4)), view = tg_slice(x, 0, 1, 3, 1), before = tg_mul(x, 10);
    tg_assign_slice(x, 0, 0, 2, 1, tg_add(tg_slice(x, 0, 2, 4, 1), 100));
    tg_tensor between = tg_mul(x, 10), middle = tg_slice(x, 0, 1, 3, 1);
    tg_assign_at(x, TG_LIST(tg_num(3)), tg_sum(view));
    tg_tensor after = tg_mul(x, 10);
    CHECK_F64(after, 1020, 1030, 20, 30);
    CHECK_F64(between, 1020, 1030, 20, 30);
    CHECK_F64(before, 0, 10, 20, 30);
    CHECK_F64(view, 1, 2);
    CHECK_F64(middle, 103, 2);
    tg_run(tape);
    CHECK_F64(x, 102, 103, 2, 105);
    CHECK_F64(before, 1020, 1030, 20, 30);
    CHECK_F64(view, 103, 2);
    CHECK_F64(after, 1020, 1030, 20, 1050);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* A cache that grows by a row in each run of a part, and is read as far as it is filled. */
START_TEST(a_cache_grows_in_a_part) {
    tg_tape  *tape = new_tape(_i);
    tg_tensor cache = tg_input(tape, "cache", TG_F64, TG_SHAPE(5, 2)), position = tg_input(tape, "position", TG_I64, TG_SHAPE());
    tg_tensor rows = tg_unsqueeze(tg_arange(tape, TG_I64, 0, 5, 1), 1);
    tg_begin_part(tape, "grow");
    tg_assign_at(cache, TG_LIST(position), tg_add(tg_cast(position, TG_F64), VECTOR(tape, 1, 10)));
    tg_tensor sum = tg_sum_axes(tg_where(tg_le(rows, position), cache, 0), TG_AXES(0), false);
    tg_assign(position, tg_add(position, 1));
    tg_end_part(tape);
    const void *memory = tg_data(cache);
    for (int i = 0; i < 5; i++) {
        tg_run_part(tape, "grow");
        ck_assert_ptr_eq(tg_data(cache), memory);
    }
    CHECK_F64(sum, 15, 60);
    CHECK_F64(cache, 1, 10, 2, 11, 3, 12, 4, 13, 5, 14);
    CHECK_OK(tape);
    tg_run_part(tape, "grow");
    CHECK_ERROR_TEXT(tape, TG_ERR_INDEX, __FILE__ ":127: assign_at: index 5 (element 0 of the indices)");
    CHECK_F64(cache, 1, 10, 2, 11, 3, 12, 4, 13, 5, 14);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_rewind_forgets_it_when_it_has_happened) {
    tg_tape  *tape = new_tape(_i);
    tg_tensor x = counted_input(tape, TG_SHAPE(3));
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 0; i < 3; i++) {
        tg_assign_slice(x, 0, i, i + 1, 1, tg_add(tg_slice(x, 0, 0, 1, 1), 7));
        tg_rewind(tape, mark);
    }
    CHECK_F64(x, 7, 14, 14);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(what_cannot_be_assigned_is_an_error) {
    tg_tape  *tape = new_tape(_i);
    tg_tensor x = counted_input(tape, TG_SHAPE(3, 2)), y = tg_add(x, 1), two = VECTOR(tape, 1, 2);
    FAILS(tape, tg_assign_slice(y, 0, 0, 1, 1, 0), TG_ERR_ARGUMENT, "assign_slice: only inputs and parameters can be overwritten");
    FAILS(tape, tg_assign_at(y, TG_LIST(tg_num(0)), 0), TG_ERR_ARGUMENT, "assign_at: only inputs and parameters can be overwritten");
    FAILS(tape, tg_assign_slice(x, 2, 0, 1, 1, 0), TG_ERR_SHAPE, "assign_slice: axis 2 of a tensor of rank 2");
    FAILS(tape, tg_assign_slice(x, 0, 0, 1, 0, 0), TG_ERR_ARGUMENT, "assign_slice: the step is 0");
    FAILS(tape, tg_assign_slice(x, 1, 0, 1, 1, two), TG_ERR_SHAPE,
          "assign_slice: (3, 2) x (2): the value does not broadcast to the slice's shape, (3, 1)");
    FAILS(tape, tg_assign_slice(x, 0, 0, 1, 1, tg_cast(two, TG_F32)), TG_ERR_DTYPE, "assign_slice:");
    FAILS(tape, tg_assign_at(x, TG_LIST(tg_num(0)), tg_cast(two, TG_F32)), TG_ERR_DTYPE, "assign_at:");
    FAILS(tape, tg_assign_at(x, TG_LIST(tg_num(0)), VECTOR(tape, 1, 2, 3)), TG_ERR_SHAPE, "assign_at:");
    FAILS(tape, tg_assign_at(x, TG_LIST(tg_num(3)), 0), TG_ERR_INDEX, "assign_at: index 3");
    FAILS(tape, tg_assign_at(x, TG_LIST(tg_num(0.5)), 0), TG_ERR_DTYPE, "assign_at:");
    FAILS(tape, tg_assign_at(x, TG_LIST(), 0), TG_ERR_SHAPE, "assign_at: 0 indices");
    FAILS(tape, tg_assign_at(x, TG_LIST(tg_num(0), tg_num(0), tg_num(0)), 0), TG_ERR_SHAPE, "assign_at: 3 indices");
    CHECK_F64(x, 0, 1, 2, 3, 4, 5);
    tg_tape_free(tape);
}
END_TEST

/* The gradient of what was computed before would need the old value. */
START_TEST(a_gradient_across_it_is_an_error) {
    tg_tape  *tape = new_tape(_i);
    tg_tensor w = tg_parameter(tape, "w", VECTOR(tape, 1, 2)), loss = tg_sum(tg_square(w));
    tg_assign_slice(w, 0, 0, 1, 1, 5);
    tg_backward(loss);
    CHECK_ERROR_TEXT(tape, TG_ERR_GRADIENT, __FILE__ ":186: square: its gradient needs the value of 'w' from before the assign");
    tg_tape_free(tape);
}
END_TEST

Suite *suite_assign_part(void) {
    Suite *suite = suite_create("ops/assign_part");
    TCase *tcase = tcase_create("assign_part");
    tcase_add_loop_test(tcase, a_slice_is_overwritten_and_nothing_else, 0, WAYS);
    tcase_add_loop_test(tcase, what_indices_choose_is_overwritten_and_nothing_else, 0, WAYS);
    tcase_add_loop_test(tcase, of_what_is_chosen_twice_the_last_one_stays, 0, WAYS);
    tcase_add_loop_test(tcase, every_dtype_is_overwritten, 0, WAYS);
    tcase_add_loop_test(tcase, a_leaf_is_put_into_itself_as_it_was, 0, WAYS);
    tcase_add_loop_test(tcase, it_happens_where_it_stands, 0, WAYS);
    tcase_add_loop_test(tcase, a_cache_grows_in_a_part, 0, WAYS);
    tcase_add_loop_test(tcase, a_rewind_forgets_it_when_it_has_happened, 0, WAYS);
    tcase_add_loop_test(tcase, what_cannot_be_assigned_is_an_error, 0, WAYS);
    tcase_add_loop_test(tcase, a_gradient_across_it_is_an_error, 0, WAYS);
    suite_add_tcase(suite, tcase);
    return suite;
}
