/* tests/run/test_value.c: reading and writing values, and which of them are there to read.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/tape.h"

/* ---- reading ----------------------------------------------------------------------------------------------------- */

START_TEST(one_element_of_any_rank_and_dtype_is_an_item) {
    tg_tape *tape = tg_tape_new();
    ck_assert(tg_item(tg_full(tape, TG_F32, TG_SHAPE(), 0.1)) == (double)0.1f);
    ck_assert(tg_item(tg_full(tape, TG_I64, TG_SHAPE(1, 1, 1), -9007199254740992.0)) == -9007199254740992.0);
    ck_assert(tg_item(tg_full(tape, TG_BOOL, TG_SHAPE(1), 1)) == 1);
    ck_assert(tg_item(tg_neg(tg_full(tape, TG_F64, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1), 2))) == -2);
    CHECK_OK(tape);
    FAILS(tape, ck_assert(isnan(tg_item(VECTOR(tape, 1, 2)))), TG_ERR_SHAPE, "item: (2) is not one element");
    FAILS(tape, ck_assert(isnan(tg_item(tg_full(tape, TG_F64, TG_SHAPE(0), 0)))), TG_ERR_SHAPE, "item: (0) is not one element");
    tg_tape_free(tape);
}
END_TEST

START_TEST(read_wants_the_exact_count) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_neg(VECTOR(tape, 1, 2, 3));
    double    room[4] = {9, 9, 9, 9};
    FAILS(tape, tg_read(x, room, 2), TG_ERR_SHAPE, "read: 2 values for the 3 elements of (3)");
    FAILS(tape, tg_read(x, room, 4), TG_ERR_SHAPE, "read: 4 values for the 3 elements of (3)");
    FAILS(tape, tg_read(x, room, -3), TG_ERR_SHAPE, "read: -3 values");
    FAILS(tape, tg_read(x, NULL, 3), TG_ERR_ARGUMENT, "read: the memory for the values is NULL");
    ck_assert(room[0] == 9 && !tg_read(x, room, 3) && room[2] == -3 && room[3] == 9);
    tg_tape_free(tape);
}
END_TEST

START_TEST(views_are_read_row_major) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2, 3), (double[]){1, 2, 3, 4, 5, 6});
    CHECK_F64(tg_transpose(x, 0, 1), 1, 4, 2, 5, 3, 6);
    CHECK_F64(tg_broadcast_to(tg_transpose(x, 0, 1), TG_SHAPE(2, 3, 2)), 1, 4, 2, 5, 3, 6, 1, 4, 2, 5, 3, 6);
    tg_tensor t = tg_transpose(x, 0, 1), e = tg_transpose(tg_full(tape, TG_F64, TG_SHAPE(0, 3), 1), 0, 1);
    ck_assert_mem_eq(tg_data(t), ((double[]){1, 4, 2, 5, 3, 6}), 6 * sizeof(double));
    ck_assert_ptr_eq(tg_data(t), tg_data(t));
    ck_assert_ptr_eq(tg_data(tg_reshape(x, TG_SHAPE(3, 2))), tg_data(x));
    ck_assert(!tg_read(e, NULL, 0) && tg_data(e));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(narrow_views_are_read_row_major) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor b = tg_constant(tape, TG_BOOL, TG_SHAPE(2, 2), (bool[]){true, true, false, false});
    tg_tensor f = tg_constant(tape, TG_F32, TG_SHAPE(2, 2), (float[]){1, 2, 3, 4});
    bool      b_room[4];
    float     f_room[4];
    ck_assert(!tg_read(tg_transpose(b, 0, 1), b_room, 4) && !memcmp(b_room, ((bool[]){true, false, true, false}), 4));
    ck_assert(!tg_read(tg_transpose(f, 0, 1), f_room, 4) && f_room[1] == 3);
    ck_assert(((const bool *)tg_data(tg_transpose(b, 0, 1)))[1] == false);
    tg_tape_free(tape);
}
END_TEST

/* ---- writing ----------------------------------------------------------------------------------------------------- */

START_TEST(what_is_pending_sees_a_write_and_what_has_run_does_not) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2)), before = tg_neg(x), view = tg_reshape(x, TG_SHAPE(2, 1));
    ck_assert(!tg_write(x, (double[]){1, 2}, 2));
    CHECK_F64(before, -1, -2);
    tg_tensor after = tg_mul(10, x);
    ck_assert(!tg_write(x, (double[]){3, 4}, 2));
    CHECK_F64(x, 3, 4);
    CHECK_F64(after, 30, 40);
    CHECK_F64(before, -1, -2);
    CHECK_F64(view, 1, 2);
    ck_assert(!tg_run(tape));
    CHECK_F64(before, -3, -4);
    CHECK_F64(view, 3, 4);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_write_does_not_run) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1.0), x = tg_input(tape, "x", TG_F64, TG_SHAPE());
    ck_assert(!tg_assign(w, tg_add(w, x)) && !tg_write(x, (double[]){5}, 1) && !tg_write(w, (double[]){10}, 1));
    CHECK_F64(w, 15);
    CHECK_F64(w, 15);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_write_of_its_own_memory_is_none) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(3)), r = tg_reshape(x, TG_SHAPE(3, 1));
    ck_assert(!tg_write(x, (double[]){1, 2, 3}, 3) && !tg_write(x, tg_data(x), 3) && !tg_write(x, tg_data(r), 3));
    CHECK_F64(x, 1, 2, 3);
    CHECK_F64(r, 1, 2, 3);
    tg_tape_free(tape);
}
END_TEST

START_TEST(write_refuses_what_it_cannot_write) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2)), c = VECTOR(tape, 1, 2);
    double    room[3] = {0};
    FAILS(tape, tg_write(x, room, 3), TG_ERR_SHAPE, "write: 3 values for the 2 elements of (2)");
    FAILS(tape, tg_write(x, room, -1), TG_ERR_SHAPE, "write: ");
    FAILS(tape, tg_write(x, NULL, 2), TG_ERR_ARGUMENT, "write: ");
    FAILS(tape, tg_write(c, room, 2), TG_ERR_ARGUMENT, "write: only inputs and parameters can be overwritten");
    FAILS(tape, tg_write(tg_neg(x), room, 2), TG_ERR_ARGUMENT, "write: only inputs and parameters can be overwritten");
    FAILS(tape, tg_write(tg_reshape(x, TG_SHAPE(2)), room, 2), TG_ERR_ARGUMENT, "write: only inputs and parameters");
    CHECK_F64(x, 0, 0);
    tg_tensor e = tg_input(tape, "e", TG_F64, TG_SHAPE(0));
    ck_assert(!tg_write(e, NULL, 0) && !tg_write(e, room, 0));
    tg_tape_free(tape);
}
END_TEST

/* ---- keeping ----------------------------------------------------------------------------------------------------- */

START_TEST(only_what_was_asked_for_is_kept) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2)), kept = tg_add(x, 1);
    ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED));
    tg_tensor lost = tg_add(x, 2), asked = tg_add(lost, 3), w = tg_parameter(tape, "w", 5.0);
    ck_assert(!tg_keep(asked) && !tg_run(tape));
    CHECK_F64(kept, 1, 1);
    CHECK_F64(asked, 5, 5);
    CHECK_F64(w, 5);
    CHECK_F64(x, 0, 0);
    double room[2];
    FAILS(tape, tg_read(lost, room, 2), TG_ERR_VALUE, "read: the value of add, recorded at ");
    FAILS(tape, ck_assert(!tg_data(lost)), TG_ERR_VALUE, "data: the value of add, recorded at ");
    FAILS(tape, ck_assert(isnan(tg_item(lost))), TG_ERR_VALUE, "item: the value of add, recorded at ");
    FAILS(tape, tg_parameter(tape, "p", lost), TG_ERR_VALUE, "parameter: the value of add, recorded at ");
    tg_tape_free(tape);
}
END_TEST

/* What nobody has asked for would be gone before it is read. */
START_TEST(a_read_leaves_what_comes_after_to_who_asks_for_it) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2)), unit = VECTOR(tape, 1, 1), g;
    ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED) && !tg_write(x, ((double[]){3, 4}), 2));
    tg_tensor y = tg_sum(tg_square(x));
    ck_assert(!tg_jvp(tape, 1, &x, &unit, 1, &y, &g));
    tg_tensor both = tg_stack(TG_LIST(g, g), 0), last = tg_neg(both);
    ck_assert(tg_item(y) == 25);
    CHECK_F64(both, 14, 14);
    CHECK_F64(last, -14, -14);
    tg_tape_free(tape);
}
END_TEST

START_TEST(the_error_says_where_it_was_recorded_and_how_to_keep_it) {
    tg_tape *tape = tg_tape_new();
    char     text[300];
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE());
    tg_tensor y = tg_neg(x), z = (tg_neg)(x);
    snprintf(text, sizeof text, "item: the value of neg, recorded at %s:%d, is not kept: call tg_keep", __FILE__, __LINE__ - 1);
    ck_assert(!tg_run(tape));
    FAILS(tape, tg_item(y), TG_ERR_VALUE, text);
    FAILS(tape, tg_item(z), TG_ERR_VALUE, "item: the value of neg, ");
    ck_assert(!tg_keep(y));
    FAILS(tape, tg_item(y), TG_ERR_VALUE, "item: the value of neg, ");
    ck_assert(!tg_run(tape) && tg_item(y) == 0);
    tg_tape_free(tape);
}
END_TEST

/* ---- looking without running ------------------------------------------------------------------------------------- */

START_TEST(a_peek_runs_nothing) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", VECTOR(tape, 1, 2)), y = tg_mul(w, 10), t = tg_transpose(matrix_parameter(tape, "m"), 0, 1);
    ck_assert(!tg_assign(w, tg_neg(w)));
    ck_assert(((const double *)tg_peek(w))[1] == 2);
    FAILS(tape, tg_peek(y), TG_ERR_VALUE, "peek: the value of mul, recorded at ");
    ck_assert(!tg_run(tape));
    ck_assert(((const double *)tg_peek(w))[1] == -2 && ((const double *)tg_peek(y))[1] == 20);
    ck_assert(((const double *)tg_peek(t))[1] == 3); /* row-major */
    ck_assert(!tg_write(w, (double[]){7, 8}, 2));
    ck_assert(((const double *)tg_peek(w))[1] == 8 && ((const double *)tg_peek(y))[1] == 20);
    ck_assert(!(tg_peek)((tg_tensor){0}));
    tg_tape_free(tape);
}
END_TEST

/* ---- steps are not run by reads ---------------------------------------------------------------------------------- */

START_TEST(a_read_trains_nothing) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 1.0), x = tg_input(tape, "x", TG_F64, TG_SHAPE());
    ck_assert(!tg_write(x, &(double){2}, 1) && !tg_set_eager(tape, _i));
    tg_tensor loss = tg_square(tg_mul(w, x));
    ck_assert(!tg_backward(loss) && !tg_sgd_step(tape, 0.125));
    ck_assert(tg_item(loss) == 4 && tg_item(tg_grad(w)) == 8 && *(const double *)tg_peek(w) == 1);
    tg_mark   mark = tg_tape_mark(tape);
    tg_tensor after = tg_mul(w, x);
    FAILS(tape, tg_item(w), TG_ERR_VALUE, "item: before this value stands an update of 'w' (recorded at ");
    FAILS(tape, tg_item(after), TG_ERR_VALUE, "item: before this value stands an update of 'w' (recorded at ");
    ck_assert(*(const double *)tg_peek(w) == 1 && !tg_run_pending(tape) && tg_item(w) == 0 && tg_item(after) == 0);
    ck_assert(!tg_write(w, &(double){1}, 1) && !tg_rewind(tape, mark) && tg_item(w) == 1);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_is_abandoned_does_not_happen) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", VECTOR(tape, 1, 2)), index = tg_input(tape, "index", TG_I64, TG_SHAPE());
    tg_tensor y = tg_take(w, index, 0);
    ck_assert(!tg_assign(w, tg_neg(w)));
    tg_tensor z = tg_mul(w, 3);
    ck_assert(!tg_run(tape) && tg_item(y) == 1);
    ck_assert(!tg_write(index, &(int64_t){9}, 1) && tg_run(tape));
    tg_clear_error(tape);
    ck_assert(tg_run_pending(tape));
    tg_clear_error(tape);
    ck_assert(!tg_abandon(tape));
    CHECK_F64(w, -1, -2);
    FAILS(tape, tg_item(y), TG_ERR_VALUE, "item: the value of take, recorded at ");
    FAILS(tape, tg_data(z), TG_ERR_VALUE, "data: the value of mul, recorded at ");
    CHECK_F64(tg_mul(w, 2), -2, -4);
    ck_assert(!tg_write(index, &(int64_t){1}, 1) && !tg_run(tape) && tg_item(y) == -2);
    CHECK_F64(w, 1, 2);
    CHECK_F64(z, 3, 6);
    ck_assert(tg_abandon(NULL) == TG_ERR_HANDLE && tg_run_pending(NULL) == TG_ERR_HANDLE);
    tg_tape_free(tape);
}
END_TEST

/* To read a value that has not run yet is to ask for it. */
START_TEST(a_pending_value_that_is_read_is_kept) {
    tg_tape *tape = tg_tape_new();
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE()), y = tg_add(x, 1), z = tg_mul(y, 2);
    ck_assert(tg_item(z) == 2);
    FAILS(tape, tg_item(y), TG_ERR_VALUE, "item: the value of add, ");
    ck_assert(!tg_write(x, &(double){3}, 1) && !tg_run(tape) && tg_item(z) == 8);
    tg_tensor w = tg_parameter(tape, "w", tg_mul(z, 0.5));
    ck_assert(tg_item(w) == 4);
    tg_tape_free(tape);
}
END_TEST

/* What has run once without being kept may still be an operand. */
START_TEST(what_is_not_kept_can_still_be_used) {
    tg_tape *tape = tg_tape_new();
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2)), y = tg_add(x, 1);
    ck_assert(!tg_run(tape) && !tg_set_keep(tape, TG_KEEP_RECORDED));
    CHECK_F64(tg_neg(y), -1, -1);
    CHECK_F64(tg_neg(tg_reshape(y, TG_SHAPE(1, 2))), -1, -1);
    tg_tape_free(tape);
}
END_TEST

START_TEST(gradients_are_kept_and_what_backward_records_inside_is_not) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 3.0), loss = tg_exp(tg_square(w));
    int64_t   before = tg_instruction_count(tape);
    ck_assert(!tg_set_keep(tape, _i ? TG_KEEP_ASKED : TG_KEEP_RECORDED) && !tg_backward(loss));
    CHECK_F64(tg_grad(w), 6 * exp(9));
    tg_tensor inner = tgi_tensor(tape, (uint32_t)before + 1);
    ck_assert_uint_ne(inner.ref, tg_grad(w).ref);
    FAILS(tape, tg_item(inner), TG_ERR_VALUE, "item: the value of mul, recorded at ");
    ck_assert(!tg_keep(inner) && !tg_run(tape) && isfinite(tg_item(inner)));
    tg_tape_free(tape);
}
END_TEST

Suite *suite_value(void) {
    Suite *suite = suite_create("run/value");
    TCase *read = tcase_create("read"), *write = tcase_create("write"), *keep = tcase_create("keep");
    tcase_add_test(read, one_element_of_any_rank_and_dtype_is_an_item);
    tcase_add_test(read, read_wants_the_exact_count);
    tcase_add_test(read, views_are_read_row_major);
    tcase_add_test(read, narrow_views_are_read_row_major);
    suite_add_tcase(suite, read);
    tcase_add_test(write, what_is_pending_sees_a_write_and_what_has_run_does_not);
    tcase_add_test(write, a_write_does_not_run);
    tcase_add_test(write, a_write_of_its_own_memory_is_none);
    tcase_add_test(write, write_refuses_what_it_cannot_write);
    suite_add_tcase(suite, write);
    tcase_add_test(keep, only_what_was_asked_for_is_kept);
    tcase_add_test(keep, a_read_leaves_what_comes_after_to_who_asks_for_it);
    tcase_add_test(keep, the_error_says_where_it_was_recorded_and_how_to_keep_it);
    tcase_add_test(keep, a_pending_value_that_is_read_is_kept);
    tcase_add_test(keep, a_peek_runs_nothing);
    tcase_add_loop_test(keep, a_read_trains_nothing, 0, 2);
    tcase_add_test(keep, what_is_abandoned_does_not_happen);
    tcase_add_test(keep, what_is_not_kept_can_still_be_used);
    tcase_add_loop_test(keep, gradients_are_kept_and_what_backward_records_inside_is_not, 0, 2);
    suite_add_tcase(suite, keep);
    return suite;
}
