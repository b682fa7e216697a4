/* tests/run/test_record_leaf.c: constants, borrowed memory, inputs, parameters and their names; which leaves can be overwritten.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/extend.h>

#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/tape.h"

/* ---- constants --------------------------------------------------------------------------------------------------- */

START_TEST(a_constant_is_a_copy) {
    tg_tape  *tape = tg_tape_new();
    double    data[] = {1, 2, 3, 4, 5, 6};
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2, 3), data);
    memset(data, 0, sizeof data);
    CHECK_F64(x, 1, 2, 3, 4, 5, 6);
    ck_assert_ptr_null(tg_name(x));
    tg_tape_free(tape);
}
END_TEST

START_TEST(constants_of_every_dtype) {
    tg_tape *tape = tg_tape_new();
    float    f[] = {0.1f, -2};
    int64_t  i[] = {INT64_MIN, INT64_MAX}, i_back[2];
    bool     b[] = {true, false, true}, b_back[3];
    float    f_back[2];
    ck_assert(!tg_read(tg_constant(tape, TG_F32, TG_SHAPE(2), f), f_back, 2) && !memcmp(f, f_back, sizeof f));
    ck_assert(!tg_read(tg_constant(tape, TG_I64, TG_SHAPE(2), i), i_back, 2) && !memcmp(i, i_back, sizeof i));
    ck_assert(!tg_read(tg_constant(tape, TG_BOOL, TG_SHAPE(3), b), b_back, 3) && !memcmp(b, b_back, sizeof b));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(an_empty_constant_needs_no_data) {
    tg_tape  *tape = tg_tape_new();
    double    none[1] = {42};
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(3, 0, 2), NULL);
    ck_assert(tg_valid(x) && tg_size(x) == 0 && !tg_read(x, none, 0) && !tg_read(x, NULL, 0) && none[0] == 42);
    FAILS(tape, tg_constant(tape, TG_F64, TG_SHAPE(), NULL), TG_ERR_ARGUMENT, "constant: the data is NULL");
    tg_tape_free(tape);
}
END_TEST

START_TEST(full_is_filled) {
    tg_tape *tape = tg_tape_new();
    CHECK_F64(tg_full(tape, TG_F64, TG_SHAPE(2, 2), 0.1), 0.1, 0.1, 0.1, 0.1);
    CHECK_F64(tg_full(tape, TG_F64, TG_SHAPE(), NAN), NAN);
    ck_assert(tg_item(tg_full(tape, TG_F32, TG_SHAPE(1, 1), 0.1)) == (double)0.1f);
    ck_assert(tg_item(tg_sum(tg_full(tape, TG_I64, TG_SHAPE(7, 9), -3))) == -189);
    ck_assert(tg_item(tg_full(tape, TG_BOOL, TG_SHAPE(), 1)) == 1);
    ck_assert_int_eq(tg_size(tg_full(tape, TG_F64, TG_SHAPE(0), 1)), 0);
    FAILS(tape, tg_full(tape, TG_I64, TG_SHAPE(0), 0.5), TG_ERR_DTYPE, "full: the number 0.5 is no int64");
    FAILS(tape, tg_full(tape, TG_BOOL, TG_SHAPE(2), 2), TG_ERR_DTYPE, "full: the number 2 is no bool");
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_is_no_leaf_is_refused) {
    tg_tape *tape = tg_tape_new();
    double   data[2] = {0};
    FAILS(tape, tg_constant(tape, TG_DTYPES, TG_SHAPE(2), data), TG_ERR_DTYPE, "constant: 4 is no dtype");
    FAILS(tape, tg_constant(tape, (tg_dtype)-1, TG_SHAPE(2), data), TG_ERR_DTYPE, "constant: -1 is no dtype");
    FAILS(tape, tg_constant(tape, TG_F64, TG_SHAPE(2, -1), data), TG_ERR_SHAPE, "constant: (2, -1) has a negative size");
    FAILS(tape, tg_input(tape, "x", TG_F64, TG_SHAPE(INT64_MAX, 2)), TG_ERR_SHAPE, "input: (9223372036854775807, 2) ");
    FAILS(tape, tg_full(tape, TG_F64, (tg_shape){.rank = -1}, 0), TG_ERR_SHAPE, "full: ");
    FAILS(tape, tg_full(tape, TG_F64, (tg_shape){.rank = 1000}, 0), TG_ERR_SHAPE, "full: ");
    FAILS(tape, tg_borrow(tape, TG_DTYPES, TG_SHAPE(2), data), TG_ERR_DTYPE, "borrow: 4 is no dtype");
    ck_assert_int_eq(tg_instruction_count(tape), 0);
    tg_tape_free(tape);
}
END_TEST

/* ---- borrowed memory --------------------------------------------------------------------------------------------- */

START_TEST(borrowed_memory_is_read_in_each_run_and_never_written_or_freed) {
    static double memory[] = {1, 2, 3, 4};
    tg_tape      *tape = tg_tape_new();
    tg_tensor     x = tg_borrow(tape, TG_F64, TG_SHAPE(2, 2), memory), t = tg_transpose(x, 0, 1), y = tg_neg(t);
    tg_tensor     w = tg_borrow_parameter(tape, "w", TG_F64, TG_SHAPE(2, 2), memory);
    CHECK_F64(y, -1, -3, -2, -4);
    ck_assert_ptr_eq(tg_data(x), memory);
    ck_assert_ptr_eq(tg_data(w), memory);
    ck_assert_ptr_ne(tg_data(t), memory);
    memory[1] = 20;
    ck_assert(!tg_run(tape));
    CHECK_F64(y, -1, -3, -20, -4);
    CHECK_F64(t, 1, 3, 20, 4);
    FAILS(tape, tg_write(x, memory, 4), TG_ERR_ARGUMENT, "write: only inputs and parameters");
    FAILS(tape, tg_write(w, memory, 4), TG_ERR_ARGUMENT, "write: 'w' is borrowed");
    FAILS(tape, tg_assign(x, 0), TG_ERR_ARGUMENT, "assign: only inputs and parameters");
    FAILS(tape, tg_assign(w, 0), TG_ERR_ARGUMENT, "assign: 'w' is borrowed");
    ck_assert(!tg_backward(tg_sum(tg_square(w))));
    CHECK_F64(tg_grad(w), 2, 40, 6, 8);
    FAILS(tape, tg_sgd_step(tape, 0.1), TG_ERR_ARGUMENT, "sgd_step: 'w' is borrowed");
    tg_tape_free(tape);
    ck_assert_mem_eq(memory, ((double[]){1, 20, 3, 4}), sizeof memory);
}
END_TEST

START_TEST(a_borrowed_literal_lives_as_long_as_its_block) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_borrow(tape, TG_F64, TG_SHAPE(2), ((double[]){1, 2}));
    tg_tensor w = tg_borrow_parameter(tape, "w", TG_F64, TG_SHAPE(2), ((double[]){3, 4}));
    tg_tensor z = tg_borrow(tape, TG_F64, TG_SHAPE(2), ((double[]){5, 6}));
    CHECK_F64(tg_add(tg_mul(x, w), z), 8, 14);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_is_borrowed_is_told) {
    static const double data[] = {1, 2};
    tg_tape            *tape = tg_tape_new();
    tg_tensor           x = tg_borrow(tape, TG_F64, TG_SHAPE(2), data), none = {0};
    ck_assert_ptr_eq(tg_borrowed(x), data);
    ck_assert_ptr_eq(tg_borrowed(tg_borrow_parameter(tape, "w", TG_F64, TG_SHAPE(2), data)), data);
    ck_assert_ptr_null(tg_borrowed(tg_neg(x)));
    ck_assert_ptr_null(tg_borrowed(tg_slice(x, 0, 0, 1, 1)));
    ck_assert_ptr_null(tg_borrowed(tg_constant(tape, TG_F64, TG_SHAPE(2), data)));
    ck_assert_ptr_null(tg_borrowed(tg_input(tape, "x", TG_F64, TG_SHAPE(2))));
    ck_assert_ptr_null(tg_borrowed(tg_num(1)));
    ck_assert_ptr_null(tg_borrowed(TG_NONE));
    ck_assert_ptr_null(tg_borrowed(none));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(many_tapes_may_borrow_the_same_memory) {
    static const double memory[] = {1, 2};
    tg_tape            *one = tg_tape_new(), *two = tg_tape_new();
    tg_tensor           x = tg_borrow(one, TG_F64, TG_SHAPE(2), memory), y = tg_borrow(two, TG_F64, TG_SHAPE(2), memory);
    CHECK_F64(tg_neg(x), -1, -2);
    tg_tape_free(one);
    CHECK_F64(tg_neg(y), -1, -2);
    tg_tape_free(two);
}
END_TEST

START_TEST(borrowed_memory_must_be_there_and_aligned) {
    static double memory[3];
    tg_tape      *tape = tg_tape_new();
    char         *bytes = (char *)memory;
    FAILS(tape, tg_borrow(tape, TG_F64, TG_SHAPE(2), NULL), TG_ERR_ARGUMENT, "borrow: the data is NULL");
    FAILS(tape, tg_borrow(tape, TG_F64, TG_SHAPE(2), bytes + 2), TG_ERR_ARGUMENT,
          "borrow: the data is not aligned for float64");
    FAILS(tape, tg_borrow(tape, TG_I64, TG_SHAPE(2), bytes + 1), TG_ERR_ARGUMENT, "borrow: the data is not aligned for int64");
    FAILS(tape, tg_borrow(tape, TG_F32, TG_SHAPE(2), bytes + 2), TG_ERR_ARGUMENT,
          "borrow: the data is not aligned for float32");
    FAILS(tape, tg_borrow_parameter(tape, "w", TG_F32, TG_SHAPE(2), bytes + 2), TG_ERR_ARGUMENT, "borrow_parameter: ");
    ck_assert(tg_valid(tg_borrow(tape, TG_F32, TG_SHAPE(2), bytes + 4)) &&
              tg_valid(tg_borrow(tape, TG_BOOL, TG_SHAPE(2), bytes + 1)));
    tg_tape_free(tape);
}
END_TEST

/* ---- inputs and parameters --------------------------------------------------------------------------------------- */

START_TEST(bools_are_0_or_1) {
    const unsigned char bytes[] = {0, 1, 2, 255};
    tg_tape            *tape = tg_tape_new();
    unsigned char       room[4];
    tg_tensor           x = tg_constant(tape, TG_BOOL, TG_SHAPE(4), bytes), y = tg_input(tape, "y", TG_BOOL, TG_SHAPE(4));
    (tg_write)(y, bytes, 4);
    (tg_read)(x, room, 4);
    ck_assert_mem_eq(room, ((unsigned char[]){0, 1, 1, 1}), 4);
    (tg_read)(y, room, 4);
    ck_assert_mem_eq(room, ((unsigned char[]){0, 1, 1, 1}), 4);
    ck_assert(tg_valid(tg_borrow(tape, TG_BOOL, TG_SHAPE(2), bytes)));
    FAILS(tape, tg_borrow(tape, TG_BOOL, TG_SHAPE(3), bytes), TG_ERR_ARGUMENT, "borrow: the data is to be bool");
    tg_tape_free(tape);
}
END_TEST

START_TEST(an_input_is_zero_until_it_is_written) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2)), y = tg_sub(1, x);
    CHECK_F64(y, 1, 1);
    ck_assert(!tg_write(x, (double[]){3, 4}, 2) && !tg_run(tape));
    CHECK_F64(y, -2, -3);
    ck_assert_str_eq(tg_name(x), "x");
    ck_assert(!tg_requires_grad(x) && !tg_name(tg_input(tape, NULL, TG_BOOL, TG_SHAPE())) && !tg_name(y));
    tg_tape_free(tape);
}
END_TEST

/* The memory may have been another's before. */
START_TEST(an_input_is_zero_after_a_rewind_too) {
    tg_tape *tape = tg_tape_new();
    tg_mark  mark = tg_tape_mark(tape);
    CHECK_F64(tg_full(tape, TG_F64, TG_SHAPE(3), 7), 7, 7, 7);
    ck_assert(!tg_rewind(tape, mark));
    CHECK_F64(tg_input(tape, "x", TG_F64, TG_SHAPE(3)), 0, 0, 0);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_parameter_is_a_copy_of_its_initial_value) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2, 3), (double[]){1, 2, 3, 4, 5, 6});
    tg_tensor w = tg_parameter(tape, "w", tg_transpose(tg_mul(10, x), 0, 1)), v = tg_parameter(tape, "v", w);
    ck_assert(tg_requires_grad(w) && tg_shape_of(w).dims[0] == 3);
    CHECK_F64(w, 10, 40, 20, 50, 30, 60);
    ck_assert(!tg_assign(w, 0));
    CHECK_F64(v, 10, 40, 20, 50, 30, 60);
    CHECK_F64(tg_parameter(tape, "stretched", tg_broadcast_to(tg_full(tape, TG_F64, TG_SHAPE(1), 4), TG_SHAPE(3))), 4, 4, 4);
    tg_tensor narrow = tg_parameter(tape, "narrow", tg_cast(x, TG_F32));
    ck_assert(tg_dtype_of(narrow) == TG_F32 &&
              tg_size(tg_parameter(tape, "empty", tg_full(tape, TG_F32, TG_SHAPE(0, 2), 0))) == 0);
    tg_tape_free(tape);
}
END_TEST

/* Nobody asked to keep the initial value, and it may be computed only for this. */
START_TEST(an_initial_value_need_not_be_kept) {
    tg_tape *tape = tg_tape_new();
    ck_assert(!tg_set_keep(tape, TG_KEEP_ASKED) && !tg_seed(tape, 1));
    tg_tensor c = VECTOR(tape, 1, 2);
    if (_i) ck_assert(!tg_run(tape));
    CHECK_F64(tg_parameter(tape, "a", tg_mul(2, c)), 2, 4);
    CHECK_F64(tg_parameter(tape, "b", tg_cast(tg_cast(c, TG_F32), TG_F64)), 1, 2);
    CHECK_F64(tg_parameter(tape, "c", tg_flip(c, TG_AXES(0))), 2, 1);
    tg_tensor r = tg_randn(tape, TG_F64, TG_SHAPE(2)), d = tg_parameter(tape, "d", tg_mul(0.5, r));
    tg_seed(tape, 1);
    CHECK_F64(tg_sub(tg_mul(2, d), tg_randn(tape, TG_F64, TG_SHAPE(2))), 0, 0);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_number_is_a_parameter_of_rank_0) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 3), v = tg_parameter(tape, "v", NAN);
    ck_assert(tg_dtype_of(w) == TG_F64 && tg_shape_of(w).rank == 0);
    CHECK_F64(w, 3);
    CHECK_F64(v, NAN);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_is_no_parameter_is_refused) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor i = tg_full(tape, TG_I64, TG_SHAPE(2), 1);
    double    data[1] = {0};
    FAILS(tape, tg_parameter(tape, "n", i), TG_ERR_DTYPE, "parameter: 'n' is int64");
    FAILS(tape, tg_parameter(tape, NULL, i), TG_ERR_DTYPE, "parameter: ");
    FAILS(tape, tg_parameter(tape, "b", tg_eq(i, i)), TG_ERR_DTYPE, "parameter: 'b' is bool");
    FAILS(tape, tg_parameter(tape, NULL, 1.0), TG_ERR_NAME, "parameter: a parameter needs a name");
    FAILS(tape, tg_parameter(tape, "", 1.0), TG_ERR_NAME, "parameter: a parameter needs a name");
    FAILS(tape, tg_borrow_parameter(tape, NULL, TG_F64, TG_SHAPE(), data), TG_ERR_NAME,
          "borrow_parameter: a parameter needs a name");
    ck_assert_int_eq(tg_parameter_count(tape), 0);
    tg_tape_free(tape);
}
END_TEST

/* ---- names ------------------------------------------------------------------------------------------------------- */

START_TEST(a_name_is_copied_and_found) {
    tg_tape  *tape = tg_tape_new();
    char      name[] = "layer1.weight";
    tg_tensor w = tg_parameter(tape, name, 1.0), x = tg_input(tape, "x", TG_F64, TG_SHAPE());
    memset(name, 'z', sizeof name - 1);
    ck_assert_uint_eq(tg_find(tape, "layer1.weight").ref, w.ref);
    ck_assert_uint_eq(tg_find(tape, "x").ref, x.ref);
    ck_assert_str_eq(tg_name(w), "layer1.weight");
    FAILS(tape, tg_find(tape, "zzzzzzzzzzzzz"), TG_ERR_NAME, "find: there is no input or parameter 'zzzzzzzzzzzzz'");
    FAILS(tape, tg_find(tape, NULL), TG_ERR_NAME, "find: ");
    ck_assert(!tg_valid(tg_find(tape, "layer1")));
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_name_is_taken_once) {
    tg_tape *tape = tg_tape_new();
    double   data = 0;
    tg_parameter(tape, "w", 1.0);
    tg_input(tape, "x", TG_F64, TG_SHAPE());
    FAILS(tape, tg_parameter(tape, "w", 2.0), TG_ERR_NAME, "parameter: the name 'w' is taken");
    FAILS(tape, tg_parameter(tape, "x", 2.0), TG_ERR_NAME, "parameter: the name 'x' is taken");
    FAILS(tape, tg_input(tape, "w", TG_F64, TG_SHAPE()), TG_ERR_NAME, "input: the name 'w' is taken");
    FAILS(tape, tg_borrow_parameter(tape, "w", TG_F64, TG_SHAPE(), &data), TG_ERR_NAME,
          "borrow_parameter: the name 'w' is taken");
    CHECK_F64(tg_find(tape, "w"), 1);
    ck_assert_int_eq(tg_parameter_count(tape), 1);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_rewind_frees_names) {
    tg_tape *tape = tg_tape_new();
    tg_parameter(tape, "first", 1.0);
    tg_mark mark = tg_tape_mark(tape);
    for (int i = 0; i < 100; i++) {
        tg_tensor w = tg_parameter(tape, "w", i), x = tg_input(tape, "x", TG_F64, TG_SHAPE());
        CHECK_F64(tg_find(tape, "w"), i);
        ck_assert(tg_valid(x) && tg_find(tape, "x").ref == x.ref && tg_parameter_count(tape) == 2);
        ck_assert(!tg_rewind(tape, mark) && !tg_valid(w) && !tg_name(w));
        FAILS(tape, tg_find(tape, "w"), TG_ERR_NAME, "find: ");
        FAILS(tape, tg_find(tape, "x"), TG_ERR_NAME, "find: ");
        ck_assert_int_eq(tg_parameter_count(tape), 1);
    }
    CHECK_F64(tg_find(tape, "first"), 1);
    tg_tape_free(tape);
}
END_TEST

START_TEST(parameters_come_in_the_order_of_recording) {
    static const char *names[] = {"zeta", "alpha", "m", "beta"};
    tg_tape           *tape = tg_tape_new();
    double             data = 7;
    for (int i = 0; i < 4; i++) {
        tg_input(tape, NULL, TG_F64, TG_SHAPE());
        if (i == 2)
            tg_borrow_parameter(tape, names[i], TG_F64, TG_SHAPE(), &data);
        else
            tg_parameter(tape, names[i], i);
    }
    ck_assert_int_eq(tg_parameter_count(tape), 4);
    for (int i = 0; i < 4; i++)
        ck_assert_str_eq(tg_name(tg_parameter_at(tape, i)), names[i]);
    ck_assert(!tg_valid(tg_parameter_at(tape, 4)) && !tg_valid(tg_parameter_at(tape, -1)));
    ck_assert(!tg_valid(tg_parameter_at(tape, INT64_MAX)) && !tg_valid(tg_parameter_at(tape, INT64_MIN)));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_thousand_names) {
    tg_tape *tape = tg_tape_new();
    char     name[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "w%d", i);
        tg_parameter(tape, name, i);
    }
    for (int i = 0; i < 1000; i += 37) {
        snprintf(name, sizeof name, "w%d", i);
        CHECK_F64(tg_find(tape, name), i);
    }
    tg_tape_free(tape);
}
END_TEST

/* ---- what an assign takes ---------------------------------------------------------------------------------------- */

START_TEST(an_assign_takes_what_broadcasts_to_the_leaf) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1));
    ck_assert(!tg_assign(w, VECTOR(tape, 1, 2, 3)));
    CHECK_F64(w, 1, 2, 3, 1, 2, 3);
    ck_assert(!tg_assign(w, tg_constant(tape, TG_F64, TG_SHAPE(2, 1), (double[]){4, 5})));
    CHECK_F64(w, 4, 4, 4, 5, 5, 5);
    ck_assert(!tg_assign(w, 6));
    CHECK_F64(w, 6, 6, 6, 6, 6, 6);
    ck_assert(!tg_assign(w, tg_transpose(tg_constant(tape, TG_F64, TG_SHAPE(3, 2), (double[]){1, 2, 3, 4, 5, 6}), 0, 1)));
    CHECK_F64(w, 1, 3, 5, 2, 4, 6);
    tg_tensor n = tg_input(tape, "n", TG_I64, TG_SHAPE()), e = tg_input(tape, "e", TG_F64, TG_SHAPE(0, 3));
    ck_assert(!tg_assign(n, 7) && tg_item(n) == 7 && !tg_assign(e, 5) && !tg_assign(e, VECTOR(tape, 1, 2, 3)) && !tg_run(tape));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(an_assign_refuses_what_does_not_fit) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(1, 3), 1)),
              n = tg_input(tape, "n", TG_I64, TG_SHAPE(2));
    tg_tensor c = VECTOR(tape, 1, 2);
    int64_t   count = tg_instruction_count(tape);
    FAILS(tape, tg_assign(w, c), TG_ERR_SHAPE, "assign: (1, 3) x (2): the value does not broadcast to the leaf's shape");
    FAILS(tape, tg_assign(c, 1), TG_ERR_ARGUMENT, "assign: only inputs and parameters");
    FAILS(tape, tg_assign(n, c), TG_ERR_DTYPE, "assign: int64 (2) x float64 (2): ");
    FAILS(tape, tg_assign(n, 1.5), TG_ERR_DTYPE, "assign: the number 1.5 is no int64");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    FAILS(tape, tg_assign(w, tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1)), TG_ERR_SHAPE, "assign: (1, 3) x (2, 3): ");
    FAILS(tape, tg_assign(w, tg_full(tape, TG_F64, TG_SHAPE(1, 1, 3), 1)), TG_ERR_SHAPE, "assign: (1, 3) x (1, 1, 3): ");
    FAILS(tape, tg_assign(tg_neg(w), 1), TG_ERR_ARGUMENT, "assign: only inputs and parameters");
    CHECK_F64(w, 1, 1, 1);
    ck_assert(!tg_assign(w, 2));
    CHECK_F64(w, 2, 2, 2);
    tg_tape_free(tape);
}
END_TEST

/* Where a compiler places numbers of 8 bytes, they can be borrowed: on i386 that is at each multiple of 4. */
START_TEST(what_stands_in_a_struct_can_be_borrowed) {
    static const struct {
        char    before;
        double  x[2];
        char    between;
        int64_t i[2];
    } record = {'a', {1, 2}, 'b', {3, 4}};
    tg_tape *tape = tg_tape_new();
    CHECK_F64(tg_borrow(tape, TG_F64, TG_SHAPE(2), record.x), 1, 2);
    CHECK_F64(tg_cast(tg_borrow(tape, TG_I64, TG_SHAPE(2), record.i), TG_F64), 3, 4);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_record_leaf(void) {
    Suite *suite = suite_create("run/record leaf");
    TCase *constant = tcase_create("constant"), *borrowed = tcase_create("borrowed"), *variable = tcase_create("variable");
    TCase *name = tcase_create("name");
    tcase_add_test(constant, a_constant_is_a_copy);
    tcase_add_test(constant, constants_of_every_dtype);
    tcase_add_test(constant, an_empty_constant_needs_no_data);
    tcase_add_test(constant, full_is_filled);
    tcase_add_test(constant, what_is_no_leaf_is_refused);
    suite_add_tcase(suite, constant);
    tcase_add_test(borrowed, borrowed_memory_is_read_in_each_run_and_never_written_or_freed);
    tcase_add_test(borrowed, a_borrowed_literal_lives_as_long_as_its_block);
    tcase_add_test(borrowed, what_is_borrowed_is_told);
    tcase_add_test(borrowed, many_tapes_may_borrow_the_same_memory);
    tcase_add_test(borrowed, borrowed_memory_must_be_there_and_aligned);
    tcase_add_test(borrowed, what_stands_in_a_struct_can_be_borrowed);
    tcase_add_test(borrowed, bools_are_0_or_1);
    suite_add_tcase(suite, borrowed);
    tcase_add_test(variable, an_input_is_zero_until_it_is_written);
    tcase_add_test(variable, an_input_is_zero_after_a_rewind_too);
    tcase_add_test(variable, a_parameter_is_a_copy_of_its_initial_value);
    tcase_add_loop_test(variable, an_initial_value_need_not_be_kept, 0, 2);
    tcase_add_test(variable, a_number_is_a_parameter_of_rank_0);
    tcase_add_test(variable, what_is_no_parameter_is_refused);
    tcase_add_test(variable, an_assign_takes_what_broadcasts_to_the_leaf);
    tcase_add_test(variable, an_assign_refuses_what_does_not_fit);
    suite_add_tcase(suite, variable);
    tcase_add_test(name, a_name_is_copied_and_found);
    tcase_add_test(name, a_name_is_taken_once);
    tcase_add_test(name, a_rewind_frees_names);
    tcase_add_test(name, parameters_come_in_the_order_of_recording);
    tcase_add_test(name, a_thousand_names);
    suite_add_tcase(suite, name);
    return suite;
}
