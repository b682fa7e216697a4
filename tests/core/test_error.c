/* tests/core/test_error.c: the error that stays in the tape: the first, until it is cleared, and what its text says.
 *
 * The public headers come before core/tape.h, so that the macros here are the user's.
 *
 * SPDX-License-Identifier: MIT */
#include "core/things.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/tape.h"

/* ---- no tape, no error ------------------------------------------------------------------------------------------- */

START_TEST(no_tape_is_reported) {
    tg_tensor none = {0};
    double    room = 0;
    ck_assert_str_ne(tg_error(NULL), "");
    ck_assert_int_eq(tg_error_status(NULL), TG_ERR_HANDLE);
    tg_clear_error(NULL);
    tg_tape_free(NULL);
    ck_assert(!tg_valid(tg_constant(NULL, TG_F64, TG_SHAPE(1), &room)));
    ck_assert(!tg_valid(tg_constant(NULL, TG_F64, TG_SHAPE(1), NULL)));
    ck_assert(!tg_valid(tg_borrow(NULL, TG_F64, TG_SHAPE(1), &room)));
    ck_assert(!tg_valid(tg_borrow(NULL, TG_F64, TG_SHAPE(1), NULL)));
    ck_assert(!tg_valid(tg_full(NULL, TG_F64, TG_SHAPE(1), 1)));
    ck_assert(!tg_valid(tg_full(NULL, TG_I64, TG_SHAPE(1), 1.5)));
    ck_assert(!tg_valid(tg_input(NULL, "x", TG_F64, TG_SHAPE(1))));
    ck_assert(!tg_valid(tg_parameter(NULL, "w", 1.0)));
    ck_assert(!tg_valid(tg_parameter(NULL, "w", none)));
    ck_assert(!tg_valid(tg_borrow_parameter(NULL, "w", TG_F64, TG_SHAPE(1), &room)));
    ck_assert(!tg_valid(tg_find(NULL, "w")));
    ck_assert(!tg_valid(tg_parameter_at(NULL, 0)));
    ck_assert(!tg_valid(tg_add(none, 1)));
    ck_assert(!tg_valid(tg_record(NULL, NULL, 0, NULL, NULL, 0)));
    ck_assert_int_eq(tg_parameter_count(NULL), 0);
    ck_assert_int_eq(tg_instruction_count(NULL), 0);
    ck_assert_ptr_null(tg_tape_mark(NULL).tape);
    ck_assert(tg_run(NULL) && tg_rewind(NULL, (tg_mark){0}) && tg_set_keep(NULL, TG_KEEP_ASKED) && tg_zero_grad(NULL));
    ck_assert(tg_sgd_step_with(NULL, 1, NULL) && tg_adam_step(NULL, 1, NULL) && tg_adamw_step(NULL, 1, NULL));
    ck_assert(tg_sgd_step(NULL, 1) && tg_seed(NULL, 1) && tg_vjp(NULL, 0, NULL, NULL, 0, NULL, NULL));
    ck_assert(!tg_at(NULL, "file.c", 1));
}
END_TEST

START_TEST(a_handle_that_never_was_is_reported) {
    tg_tensor none = {0};
    double    room = 0;
    ck_assert(!tg_valid(none) && !tg_requires_grad(none) && !tg_has_grad(none) && !tg_name(none));
    ck_assert_int_eq(tg_shape_of(none).rank, TG_MAX_RANK + 1);
    ck_assert_int_eq(tg_size(none), -1);
    ck_assert_int_eq(tg_dtype_of(none), TG_DTYPES);
    ck_assert(isnan(tg_item(none)) && !tg_data(none));
    ck_assert(tg_read(none, &room, 1) && tg_write(none, &room, 1) && tg_keep(none) && tg_assign(none, 1) && tg_backward(none));
    ck_assert(!tg_valid(tg_grad(none)) && tg_gradcheck(none, 0, NULL, NULL));
}
END_TEST

START_TEST(a_new_tape_has_no_error) {
    tg_tape *tape = tg_tape_new();
    ck_assert_str_eq(tg_error(tape), "");
    ck_assert_int_eq(tg_error_status(tape), TG_OK);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    tg_tape_free(tape);
}
END_TEST

/* ---- the first error stands -------------------------------------------------------------------------------------- */

START_TEST(the_first_error_stays) {
    things t = new_things();
    char   first[600];
    tg_add(t.w, t.v);
    snprintf(first, sizeof first, "%s", tg_error(t.tape));
    tg_full(t.tape, TG_I64, TG_SHAPE(), 1.5);
    tg_find(t.tape, "nobody");
    tg_keep(t.lost);
    tg_item(t.w);
    ck_assert_str_eq(tg_error(t.tape), first);
    ck_assert_int_eq(tg_error_status(t.tape), TG_ERR_SHAPE);
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(nothing_is_recorded_while_it_stands) {
    things  t = new_things();
    int64_t count = tg_instruction_count(t.tape);
    tg_add(t.w, t.v);
    ck_assert_int_eq(tg_instruction_count(t.tape), count);
    ck_assert(!tg_valid(tg_neg(t.w)) && !tg_valid(tg_full(t.tape, TG_F64, TG_SHAPE(), 1)));
    ck_assert(!tg_valid(tg_input(t.tape, "x", TG_F64, TG_SHAPE())) && !tg_valid(tg_parameter(t.tape, "p", 1)));
    ck_assert(!tg_valid(tg_reshape(t.w, TG_SHAPE(6))) && !tg_valid(tg_cast(t.w, TG_F32)) && !tg_valid(tg_cast(t.w, TG_F64)));
    ck_assert(!tg_valid(tg_find(t.tape, "w")) && !tg_valid(tg_grad(t.w)));
    ck_assert_int_eq(tg_assign(t.w, 1), TG_ERR_SHAPE);
    ck_assert_int_eq(tg_backward(tg_sum(t.w)), TG_ERR_SHAPE);
    ck_assert_int_eq(tg_rewind(t.tape, t.mark), TG_ERR_SHAPE);
    ck_assert_int_eq(tg_set_keep(t.tape, TG_KEEP_ASKED), TG_ERR_SHAPE);
    ck_assert_int_eq(tg_instruction_count(t.tape), count);
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(nothing_runs_or_is_written_while_it_stands) {
    things    t = new_things();
    tg_tensor y = tg_neg(t.v);
    tg_assign(t.w, 7);
    tg_add(t.w, t.v);
    ck_assert_int_eq(tg_run(t.tape), TG_ERR_SHAPE);
    ck_assert(isnan(tg_item(y)) && !tg_data(y));
    ck_assert_int_eq(tg_read(y, t.room, 5), TG_ERR_SHAPE);
    ck_assert_int_eq(tg_write(t.w, t.room, 6), TG_ERR_SHAPE);
    ck_assert_int_eq(tg_keep(y), TG_ERR_SHAPE);
    tg_clear_error(t.tape);
    CHECK_F64(t.w, 7, 7, 7, 7, 7, 7);
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(after_clearing_everything_is_there_and_goes_on) {
    things    t = new_things();
    tg_tensor y = tg_neg(t.v), after;
    CHECK_F64(y, -1, -2, -3, -4, -5);
    tg_assign(t.w, 7);
    tg_add(t.w, t.v);
    tg_clear_error(t.tape);
    CHECK_OK(t.tape);
    ck_assert_int_eq(tg_error_status(t.tape), TG_OK);
    CHECK_F64(y, -1, -2, -3, -4, -5);
    CHECK_F64(t.w, 7, 7, 7, 7, 7, 7);
    after = tg_add(y, t.v);
    CHECK_F64(after, 0, 0, 0, 0, 0);
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(a_formula_passes_an_invalid_tensor_on) {
    things    t = new_things();
    tg_tensor y = tg_mul(2, tg_exp(tg_add(tg_matmul(t.w, t.w), t.v)));
    ck_assert(!tg_valid(y));
    tg_clear_error(t.tape);
    FAILS(t.tape, tg_neg(y), TG_ERR_HANDLE, "neg: the operand is invalid");
    FAILS(t.tape, tg_item(y), TG_ERR_HANDLE, "item: ");
    tg_tape_free(t.tape);
}
END_TEST

/* ---- what the text says ------------------------------------------------------------------------------------------ */

START_TEST(the_text_names_line_op_shapes_and_dtypes) {
    things t = new_things();
    FAILS(t.tape, tg_add(t.w, t.v), TG_ERR_SHAPE, "add: (2, 3) x (5): ");
    FAILS(t.tape, tg_add(tg_sum(t.v), tg_cast(t.w, TG_F32)), TG_ERR_DTYPE, "add: float64 () x float32 (2, 3): ");
    FAILS(t.tape, tg_exp(t.n), TG_ERR_DTYPE, "exp: int64 (2): it takes no int64");
    FAILS(t.tape, tg_matmul(t.w, t.w), TG_ERR_SHAPE, "matmul: (2, 3) x (2, 3): inner sizes 3 and 2 differ");
    FAILS(t.tape, tg_where(t.w, t.w, 1), TG_ERR_DTYPE, "where: float64 (2, 3) x float64 (2, 3) x float64 (): ");
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(long_texts_are_cut) {
    tg_tape *tape = tg_tape_new();
    char     file[2000], text[TGI_TEXT];
    tg_type  many[100];
    int64_t  dims[TG_MAX_RANK];
    for (int i = 0; i < TG_MAX_RANK; i++)
        dims[i] = INT64_MIN;
    for (int i = 0; i < 100; i++)
        many[i] = (tg_type){TG_F32, TG_MAX_RANK, dims};
    memset(file, 'f', sizeof file);
    file[sizeof file - 1] = 0;
    (tg_find)(tg_at(tape, file, 1), "nobody");
    ck_assert_uint_eq(strlen(tg_error(tape)), sizeof tape->text - 1);
    ck_assert_uint_lt(strlen(tgi_operands_text(text, 100, many, true)), TGI_TEXT);
    ck_assert_uint_lt(strlen(tgi_shape_text(text, TG_MAX_RANK, dims)), TGI_TEXT);
    ck_assert_str_eq(tgi_shape_text(text, 0, NULL), "()");
    ck_assert_str_eq(tgi_operands_text(text, 0, NULL, true), "");
    tg_tape_free(tape);
}
END_TEST

/* ---- arguments that name no tape --------------------------------------------------------------------------------- */

/* A tape is among the arguments: the error must be on it. */
START_TEST(a_text_is_one_line_of_whole_characters) {
    tg_tape *tape = tg_tape_new();
    char     name[600] = "";
    FAILS(tape, tg_find(tape, "a\nb\tc\x7f"), TG_ERR_NAME, "find: there is no input or parameter 'a b c '");
    for (int start = 0; start < 2; start++) {
        for (int i = start; i + 2 < (int)sizeof name; i += 2)
            memcpy(name + i, "\xc3\xa9", 3);
        name[0] = start ? 'x' : name[0];
        tg_find(tape, name);
        size_t length = strlen(tg_error(tape));
        ck_assert_uint_ge(length, 509);
        ck_assert_str_eq(tg_error(tape) + length - 2, "\xc3\xa9");
        tg_clear_error(tape);
    }
    tg_scope scope = tg_begin_scope(tape, "a\nb");
    tg_fail(tape, TG_ERR_ARGUMENT, "c", "%s", "d\ne");
    tg_end_scope(scope);
    CHECK_ERROR_TEXT(tape, TG_ERR_ARGUMENT, "a b: d e");
    tg_tape_free(tape);
}
END_TEST

static tg_status kernel_that_fails(tg_kernel_call *call) {
    return tg_kernel_fail(call, "%g is %.2f too much", 1.5, 0.25);
}

static tg_status infer_same(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

/* Every way that a number has into a text, under a locale with commas where there is one; the user's locale stays as it is. */
START_TEST(numbers_have_points_in_every_locale) {
    static const tg_op fails = {.name = "fails", .arity = 1, .infer = infer_same, .kernel = kernel_that_fails};
    bool               commas = set_comma_locale();
    tg_tape           *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 0.5, -1.25), n = tg_full(tape, TG_I64, TG_SHAPE(2), 1), w = tg_parameter(tape, "w", 1.5);
    char      text[8];
    FAILS(tape, tg_arange(tape, TG_F64, 0.5, 1.5, 0), TG_ERR_ARGUMENT, "arange: from 0.5 to 1.5 by 0");
    FAILS(tape, tg_dropout(x, 1.5, true), TG_ERR_ARGUMENT, "dropout: p 1.5 is not in");
    FAILS(tape, tg_add(n, 1.5), TG_ERR_DTYPE, "add: the number 1.5 is no int64");
    tg_fail(tape, TG_ERR_VALUE, "f", "%g", 0.5);
    CHECK_ERROR_TEXT(tape, TG_ERR_VALUE, "f: 0.5");
    ck_assert_int_eq(tg_gradcheck(tg_mul(w, tg_detach(w)), 1, &w, NULL), TG_ERR_GRADIENT);
    ck_assert(strstr(tg_error(tape), "the tape gives 2.131") && strstr(tg_error(tape), "central differences 4.262"));
    tg_clear_error(tape);
    tg_record(tape, &fails, 1, &x, NULL, 0);
    ck_assert_int_eq(tg_run(tape), TG_ERR_VALUE);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "fails: 1.5 is 0.25 too much"));
    tg_clear_error(tape);
    snprintf(text, sizeof text, "%g", 0.5);
    ck_assert_str_eq(text, commas ? "0,5" : "0.5");
    setlocale(LC_NUMERIC, "C");
    tg_tape_free(tape);
}
END_TEST

START_TEST(numbers_in_anomalies_have_points_too) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 0.5, -1.25, 0.25);
    set_comma_locale();
    tg_set_anomaly(tape, true);
    tg_log(tg_sub(x, 0.5));
    ck_assert_int_ne(tg_run(tape), TG_OK);
    ck_assert(strstr(tg_error(tape), "-1.75") && !strstr(tg_error(tape), "-1,75"));
    setlocale(LC_NUMERIC, "C");
    tg_tape_free(tape);
}
END_TEST

START_TEST(statuses_are_errors) {
    tg_tape  *tape = tg_tape_new();
    const int statuses[] = {TG_OK, -1, TG_ERR_CANCELLED + 1};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        ck_assert_int_eq(tg_fail(tape, (tg_status)statuses[i], "f", "no luck"), TG_ERR_ARGUMENT);
        CHECK_ERROR_TEXT(tape, TG_ERR_ARGUMENT, "f: no luck");
    }
    ck_assert_int_eq(tg_fail(tape, TG_ERR_CANCELLED, "f", "no luck"), TG_ERR_CANCELLED);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_bad_first_operand_is_noted_on_the_tape_of_the_second) {
    things    t = new_things();
    tg_tensor none = {0};
    FAILS(t.tape, tg_add(none, t.w), TG_ERR_HANDLE, "add: operand 1 is no tensor");
    FAILS(t.tape, tg_add(t.w, none), TG_ERR_HANDLE, "add: operand 2 is no tensor");
    FAILS(t.tape, tg_where(none, t.w, 1), TG_ERR_HANDLE, "where: operand 1 is no tensor");
    FAILS(t.tape, tg_add(tg_add(1, 2), t.w), TG_ERR_HANDLE, "add: operand 1 is no tensor");
    FAILS(t.tape, tg_parameter(t.tape, "p", none), TG_ERR_HANDLE, "parameter: the initial value is no tensor");
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(an_assign_to_no_leaf_is_noted_on_the_tape_of_the_value) {
    things    t = new_things();
    tg_tensor none = {0};
    FAILS(t.tape, tg_assign(none, t.w), TG_ERR_HANDLE, "assign: ");
    FAILS(t.tape, tg_assign(2.5, t.w), TG_ERR_HANDLE, "assign: ");
    tg_tape_free(t.tape);
}
END_TEST

Suite *suite_error(void) {
    Suite *suite = suite_create("core/error");
    TCase *first = tcase_create("first"), *text = tcase_create("text");
    tcase_add_test(first, no_tape_is_reported);
    tcase_add_test(first, a_handle_that_never_was_is_reported);
    tcase_add_test(first, a_new_tape_has_no_error);
    tcase_add_test(first, the_first_error_stays);
    tcase_add_test(first, nothing_is_recorded_while_it_stands);
    tcase_add_test(first, nothing_runs_or_is_written_while_it_stands);
    tcase_add_test(first, after_clearing_everything_is_there_and_goes_on);
    tcase_add_test(first, a_formula_passes_an_invalid_tensor_on);
    suite_add_tcase(suite, first);
    tcase_add_test(text, the_text_names_line_op_shapes_and_dtypes);
    tcase_add_test(text, long_texts_are_cut);
    tcase_add_test(text, a_text_is_one_line_of_whole_characters);
    tcase_add_test(text, numbers_have_points_in_every_locale);
    tcase_add_test(text, numbers_in_anomalies_have_points_too);
    tcase_add_test(text, statuses_are_errors);
    tcase_add_test(text, a_bad_first_operand_is_noted_on_the_tape_of_the_second);
    tcase_add_test(text, an_assign_to_no_leaf_is_noted_on_the_tape_of_the_value);
    suite_add_tcase(suite, text);
    return suite;
}
