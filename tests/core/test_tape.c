/* tests/core/test_tape.c: handles, plain numbers, marks, and what a tensor says of itself.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/tape.h"

/* ---- plain numbers ----------------------------------------------------------------------------------------------- */

START_TEST(a_number_is_valid_everywhere) {
    static const double numbers[] = {0, -0.0, 1.5, -3e300, 0x1p-1074, INFINITY, NAN};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        tg_tensor x = tg_num(numbers[i]);
        double    item = tg_item(x);
        ck_assert(tg_valid(x) && !tg_requires_grad(x) && !tg_name(x) && !tg_has_grad(x));
        ck_assert(!memcmp(&item, &numbers[i], sizeof item));
        ck_assert_int_eq(tg_shape_of(x).rank, 0);
        ck_assert_int_eq(tg_size(x), 1);
        ck_assert_int_eq(tg_dtype_of(x), TG_F64);
    }
}
END_TEST

START_TEST(a_number_of_any_c_type_is_one) {
    ck_assert(tg_item(3) == 3 && tg_item(3u) == 3 && tg_item(3.5f) == 3.5 && tg_item(3.5) == 3.5);
    ck_assert(tg_item((char)7) == 7 && tg_item((short)-7) == -7 && tg_item(true) == 1 && tg_item((uint8_t)255) == 255);
    ck_assert(tg_item(TG_I64) == 2 && tg_item('a') == 97 && tg_item((const double){2.5}) == 2.5);
    ck_assert(tg_size(2.5) == 1 && tg_dtype_of(1) == TG_F64 && tg_shape_of(1).rank == 0);
}
END_TEST

START_TEST(a_number_has_no_memory_of_its_own) {
    double room;
    ck_assert_int_eq(tg_read(1.5, &room, 1), TG_ERR_HANDLE);
    ck_assert_ptr_null(tg_data(1.5));
    ck_assert_int_eq(tg_write(1.5, &room, 1), TG_ERR_HANDLE);
    ck_assert_int_eq(tg_keep(1.5), TG_ERR_HANDLE);
    ck_assert_int_eq(tg_backward(1.5), TG_ERR_HANDLE);
    ck_assert_int_eq(tg_assign(1.5, 1), TG_ERR_HANDLE);
}
END_TEST

START_TEST(a_formula_of_numbers_alone_is_invalid) {
    ck_assert(!tg_valid(tg_add(1, 2)) && !tg_valid(tg_neg(1)) && !tg_valid(tg_where(1, 2, 3)) && !tg_valid(tg_cast(1, TG_F32)));
    ck_assert(!tg_valid(tg_reshape(1, TG_SHAPE(1))) && !tg_valid(tg_permute(1, TG_AXES())) && !tg_valid(tg_sum(1)));
    ck_assert(!tg_valid(tg_transpose(1, 0, 0)) && !tg_valid(tg_broadcast_to(1, TG_SHAPE(2))) && !tg_valid(tg_matmul(1, 2)));
    ck_assert(!tg_valid(tg_sum_axes(1, TG_AXES(), true)) && !tg_valid(tg_mean(1)) &&
              !tg_valid(tg_mean_axes(1, TG_AXES(), true)));
    ck_assert(!tg_valid(tg_grad(1)));
}
END_TEST

/* ---- what a tensor is -------------------------------------------------------------------------------------------- */

START_TEST(a_tensor_knows_its_shape_and_dtype) {
    tg_tape *tape = tg_tape_new();
    for (int rank = 0; rank <= TG_MAX_RANK; rank++) {
        tg_shape  shape = tg_shape_from(rank, (int64_t[]){3, 1, 2, 1, 1, 2, 1, 2});
        tg_tensor x = tg_full(tape, (tg_dtype)(rank % TG_DTYPES), shape, 1);
        ck_assert(tg_shape_equal(tg_shape_of(x), shape) && tg_size(x) == tg_shape_size(shape));
        ck_assert_int_eq(tg_dtype_of(x), rank % TG_DTYPES);
        ck_assert(tg_shape_equal(tg_shape_of(tg_eq(x, x)), shape) && tg_dtype_of(tg_eq(x, x)) == TG_BOOL);
    }
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(gradients_flow_from_parameters_by_differentiable_ops) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1.0), x = tg_input(tape, "x", TG_F64, TG_SHAPE());
    ck_assert(tg_requires_grad(w) && tg_requires_grad(tg_exp(w)) &&
              tg_requires_grad(tg_mul(x, tg_cast(tg_reshape(w, TG_SHAPE(1, 1)), TG_F64))));
    ck_assert(!tg_requires_grad(x) && !tg_requires_grad(tg_exp(x)) && !tg_requires_grad(tg_lt(w, 2)));
    ck_assert(!tg_requires_grad(tg_cast(w, TG_I64)) && !tg_requires_grad(tg_cast(tg_lt(w, x), TG_F64)));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(instructions_are_counted_with_leaves_and_numbers) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 1, 2);
    ck_assert_int_eq(tg_instruction_count(tape), 1);
    tg_neg(x);
    ck_assert_int_eq(tg_instruction_count(tape), 2);
    tg_add(1, x);
    ck_assert_int_eq(tg_instruction_count(tape), 4);
    tg_add(x, VECTOR(tape, 1, 2, 3));
    ck_assert_int_eq(tg_instruction_count(tape), 5);
    tg_tape_free(tape);
}
END_TEST

/* ---- handles ----------------------------------------------------------------------------------------------------- */

/* That x cannot be used, in any way, for the given reason. */
static void check_unusable(tg_tape *tape, tg_tensor x, const char *why) {
    char      text[200];
    double    room[2];
    tg_tensor good = VECTOR(tape, 1, 2), w = tg_input(tape, NULL, TG_F64, TG_SHAPE(2));
#define UNUSABLE(call, role) \
    snprintf(text, sizeof text, role " %s", why); \
    FAILS(tape, call, TG_ERR_HANDLE, text)
    UNUSABLE(tg_add(good, x), "add: operand 2");
    UNUSABLE(tg_where(tg_eq(good, 1), x, good), "where: operand 2");
    UNUSABLE(tg_assign(w, x), "assign: operand 2");
    UNUSABLE(tg_parameter(tape, "unusable", x), "parameter: the initial value");
    if (x.tape != tape) return;
    ck_assert(!tg_valid(x) && !tg_requires_grad(x) && !tg_name(x) && !tg_has_grad(x));
    UNUSABLE(tg_neg(x), "neg: the operand");
    UNUSABLE(tg_reshape(x, TG_SHAPE(1)), "reshape: the operand");
    UNUSABLE(tg_permute(x, TG_AXES(1)), "permute: the operand");
    UNUSABLE(tg_item(x), "item: the tensor");
    UNUSABLE(tg_read(x, room, 2), "read: the tensor");
    UNUSABLE(tg_data(x), "data: the tensor");
    UNUSABLE(tg_keep(x), "keep: the tensor");
    UNUSABLE(tg_write(x, room, 2), "write: the leaf");
    UNUSABLE(tg_assign(x, 1), "assign: the leaf");
    UNUSABLE(tg_backward(x), "backward: the loss");
    UNUSABLE(tg_grad(x), "grad: the parameter");
    UNUSABLE(tg_size(x), "size: the tensor");
    UNUSABLE(tg_shape_of(x), "shape_of: the tensor");
    UNUSABLE(tg_dtype_of(x), "dtype_of: the tensor");
    ck_assert_int_eq(tg_size(x), -1);
    ck_assert_int_eq(tg_shape_of(x).rank, TG_MAX_RANK + 1);
    ck_assert_int_eq(tg_dtype_of(x), TG_DTYPES);
}

START_TEST(a_stale_handle_is_recognised) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 1, 2);
    tg_mark   mark = tg_tape_mark(tape);
    tg_tensor y = tg_neg(x);
    tg_rewind(tape, mark);
    check_unusable(tape, y, "is stale");
    tg_clear_error(tape);
    tg_rewind(tape, mark);
    tg_tensor z = tg_exp(x); /* at the same place */
    check_unusable(tape, y, "is stale");
    tg_clear_error(tape);
    CHECK_F64(z, exp(1), exp(2));
    CHECK_F64(x, 1, 2);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_handle_of_another_tape_is_recognised) {
    tg_tape *tape = tg_tape_new(), *other = tg_tape_new();
    check_unusable(tape, VECTOR(other, 1, 2), "belongs to another tape");
    CHECK_OK(other);
    tg_tape_free(tape);
    tg_tape_free(other);
}
END_TEST

START_TEST(a_zero_initialised_handle_is_recognised) {
    tg_tape *tape = tg_tape_new();
    check_unusable(tape, (tg_tensor){0}, "is no tensor");
    tg_tape_free(tape);
}
END_TEST

START_TEST(none_is_no_tensor) {
    tg_tape *tape = tg_tape_new();
    check_unusable(tape, TG_NONE, "is TG_NONE");
    ck_assert(!tg_valid(TG_NONE) && !tg_requires_grad(TG_NONE) && !tg_name(TG_NONE) && !tg_has_grad(TG_NONE));
    ck_assert(!tg_valid(tg_neg(TG_NONE)) && !tg_valid(tg_add(TG_NONE, 1)) && isnan(tg_item(TG_NONE)));
    CHECK_OK(tape);
    FAILS(tape, tg_add(TG_NONE, VECTOR(tape, 1, 2)), TG_ERR_HANDLE, "add: operand 1 is TG_NONE");
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_failed_result_is_recognised) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor y = tg_add(VECTOR(tape, 1, 2), VECTOR(tape, 1, 2, 3));
    tg_clear_error(tape);
    check_unusable(tape, y, "is invalid");
    tg_tape_free(tape);
}
END_TEST

START_TEST(handles_survive_every_rewind_behind_them) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 1, 2), last = x;
    tg_mark   mark = tg_tape_mark(tape);
    for (int i = 0; i < 1000; i++) {
        tg_tensor y = tg_add(x, i);
        ck_assert(!tg_valid(last) || i == 0);
        ck_assert(tg_valid(y) && tg_valid(x));
        CHECK_F64(y, 1 + i, 2 + i);
        ck_assert(!tg_rewind(tape, mark));
        last = y;
    }
    CHECK_F64(x, 1, 2);
    tg_tape_free(tape);
}
END_TEST

/* ---- marks ------------------------------------------------------------------------------------------------------- */

START_TEST(marks_nest) {
    tg_tape  *tape = tg_tape_new();
    tg_mark   empty = tg_tape_mark(tape);
    tg_tensor a = VECTOR(tape, 1);
    tg_mark   one = tg_tape_mark(tape);
    tg_tensor b = tg_neg(a);
    tg_mark   two = tg_tape_mark(tape);
    tg_tensor c = tg_neg(b);
    ck_assert(!tg_rewind(tape, two) && !tg_valid(c) && tg_valid(b));
    ck_assert(!tg_rewind(tape, two));
    ck_assert(!tg_rewind(tape, one) && !tg_valid(b) && tg_valid(a));
    FAILS(tape, tg_rewind(tape, two), TG_ERR_HANDLE, "rewind: the mark is stale");
    b = tg_exp(a);
    FAILS(tape, tg_rewind(tape, two), TG_ERR_HANDLE, "rewind: the mark is stale");
    ck_assert(tg_valid(b) && !tg_rewind(tape, one) && tg_valid(a));
    ck_assert(!tg_rewind(tape, empty) && !tg_valid(a));
    ck_assert_int_eq(tg_instruction_count(tape), 0);
    ck_assert(!tg_rewind(tape, empty));
    FAILS(tape, tg_rewind(tape, one), TG_ERR_HANDLE, "rewind: the mark is stale");
    a = VECTOR(tape, 5);
    FAILS(tape, tg_rewind(tape, one), TG_ERR_HANDLE, "rewind: the mark is stale");
    CHECK_F64(a, 5);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_mark_of_another_tape_is_refused) {
    tg_tape *tape = tg_tape_new(), *other = tg_tape_new();
    FAILS(tape, tg_rewind(tape, tg_tape_mark(other)), TG_ERR_HANDLE, "rewind: ");
    FAILS(tape, tg_rewind(tape, (tg_mark){0}), TG_ERR_HANDLE, "rewind: ");
    tg_tape_free(tape);
    tg_tape_free(other);
}
END_TEST

/* ---- gradients at marks ------------------------------------------------------------------------------------------ */

typedef struct model {
    tg_tape  *tape;
    tg_tensor w, loss;
} model;

static model new_model(void) {
    model m = {.tape = tg_tape_new()};
    m.w = tg_parameter(m.tape, "w", 3.0);
    m.loss = tg_square(m.w);
    return m;
}

START_TEST(a_rewind_takes_gradients_back) {
    model   m = new_model();
    tg_mark before = tg_tape_mark(m.tape);
    ck_assert(!tg_backward(m.loss));
    tg_tensor g = tg_grad(m.w);
    CHECK_F64(g, 6);
    tg_mark after = tg_tape_mark(m.tape);
    ck_assert(!tg_backward(tg_mul(2, m.loss)));
    CHECK_F64(tg_grad(m.w), 18);
    ck_assert(!tg_rewind(m.tape, after));
    CHECK_F64(tg_grad(m.w), 6);
    ck_assert_uint_eq(tg_grad(m.w).ref, g.ref);
    ck_assert(!tg_rewind(m.tape, before) && !tg_has_grad(m.w));
    FAILS(m.tape, tg_grad(m.w), TG_ERR_GRADIENT, "grad: 'w' has no gradient");
    tg_tape_free(m.tape);
}
END_TEST

/* What an update has overwritten since is needed for none of it, if it was saved when the program ran. */
START_TEST(after_a_rewind_of_gradients_what_they_need_is_saved) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 0.5);
    tg_scope  scope = tg_begin_scope(tape, "exp_exp");
    tg_tensor y = tg_end_scope_with(scope, tg_exp(tg_exp(w)));
    tg_mark   mark = tg_tape_mark(tape);
    ck_assert(!tg_backward(y) && !tg_rewind(tape, mark));
    ck_assert(!tg_run(tape) && !tg_assign(w, 3) && !tg_run_pending(tape));
    ck_assert(!tg_backward(y));
    ck_assert_double_eq_tol(tg_item(tg_grad(w)), exp(exp(0.5) + 0.5), 1e-13);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_rewind_brings_zeroed_gradients_back) {
    model m = new_model();
    ck_assert(!tg_backward(m.loss));
    tg_mark mark = tg_tape_mark(m.tape);
    ck_assert(!tg_zero_grad(m.tape) && !tg_has_grad(m.w));
    if (_i) ck_assert(!tg_backward(tg_mul(5, m.loss)));
    if (_i) CHECK_F64(tg_grad(m.w), 30);
    ck_assert(!tg_rewind(m.tape, mark));
    ck_assert(tg_has_grad(m.w));
    CHECK_F64(tg_grad(m.w), 6);
    tg_tape_free(m.tape);
}
END_TEST

START_TEST(a_rewind_keeps_what_was_zeroed_before_the_mark) {
    model m = new_model();
    ck_assert(!tg_backward(m.loss) && !tg_zero_grad(m.tape));
    tg_mark mark = tg_tape_mark(m.tape);
    for (int i = 0; i < 100; i++) {
        ck_assert(!tg_backward(m.loss));
        CHECK_F64(tg_grad(m.w), 6);
        ck_assert(!tg_zero_grad(m.tape) && !tg_has_grad(m.w));
        ck_assert(!tg_rewind(m.tape, mark) && !tg_has_grad(m.w));
    }
    tg_tape_free(m.tape);
}
END_TEST

START_TEST(a_failed_backward_leaves_gradients_and_tape_as_they_were) {
    model m = new_model();
    ck_assert(!tg_backward(m.loss));
    tg_tensor bad = tg_mul(m.w, tg_exp(m.w));
    ck_assert(!tg_assign(m.w, 1));
    int64_t count = tg_instruction_count(m.tape);
    ck_assert_int_eq(tg_backward(bad), TG_ERR_GRADIENT);
    ck_assert_int_eq(tg_instruction_count(m.tape), count);
    tg_clear_error(m.tape);
    CHECK_F64(tg_grad(m.w), 6);
    tg_tape_free(m.tape);
}
END_TEST

/* ---- policies ---------------------------------------------------------------------------------------------------- */

START_TEST(no_policy_but_the_two) {
    tg_tape *tape = tg_tape_new();
    ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED) && !tg_set_keep(tape, TG_KEEP_RECORDED));
    ck_assert_int_eq(tg_set_keep(tape, (tg_keep_policy)2), TG_ERR_ARGUMENT);
    CHECK_ERROR_TEXT(tape, TG_ERR_ARGUMENT, "");
    tg_tape_free(tape);
}
END_TEST

Suite *suite_tape(void) {
    Suite *suite = suite_create("core/tape");
    TCase *number = tcase_create("number"), *tensor = tcase_create("tensor"), *handle = tcase_create("handle");
    TCase *mark = tcase_create("mark");
    tcase_add_test(number, a_number_is_valid_everywhere);
    tcase_add_test(number, a_number_of_any_c_type_is_one);
    tcase_add_test(number, a_number_has_no_memory_of_its_own);
    tcase_add_test(number, a_formula_of_numbers_alone_is_invalid);
    suite_add_tcase(suite, number);
    tcase_add_test(tensor, a_tensor_knows_its_shape_and_dtype);
    tcase_add_test(tensor, gradients_flow_from_parameters_by_differentiable_ops);
    tcase_add_test(tensor, instructions_are_counted_with_leaves_and_numbers);
    tcase_add_test(tensor, no_policy_but_the_two);
    suite_add_tcase(suite, tensor);
    tcase_add_test(handle, a_stale_handle_is_recognised);
    tcase_add_test(handle, a_handle_of_another_tape_is_recognised);
    tcase_add_test(handle, a_zero_initialised_handle_is_recognised);
    tcase_add_test(handle, none_is_no_tensor);
    tcase_add_test(handle, a_failed_result_is_recognised);
    tcase_add_test(handle, handles_survive_every_rewind_behind_them);
    suite_add_tcase(suite, handle);
    tcase_add_test(mark, marks_nest);
    tcase_add_test(mark, a_mark_of_another_tape_is_refused);
    tcase_add_test(mark, a_rewind_takes_gradients_back);
    tcase_add_test(mark, after_a_rewind_of_gradients_what_they_need_is_saved);
    tcase_add_loop_test(mark, a_rewind_brings_zeroed_gradients_back, 0, 2);
    tcase_add_test(mark, a_rewind_keeps_what_was_zeroed_before_the_mark);
    tcase_add_test(mark, a_failed_backward_leaves_gradients_and_tape_as_they_were);
    suite_add_tcase(suite, mark);
    return suite;
}
