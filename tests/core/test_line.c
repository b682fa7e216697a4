/* tests/core/test_line.c: the line of the user's source that an error names.
 *
 * SPDX-License-Identifier: MIT */
#include "core/things.h"

#include <stdio.h>
#include <string.h>

static bool gave_line(const tg_tape *tape, int line) {
    char here[300];
    snprintf(here, sizeof here, "%s:%d: ", __FILE__, line);
    return !strncmp(tg_error(tape), here, strlen(here));
}

static tg_status refuse(tg_infer *call) {
    return tg_refuse(call, TG_ERR_ARGUMENT, "never");
}

static const tg_op refusing = {.name = "refusing", .arity = 1, .infer = refuse};

/* clang-format off */
enum { FIRST_FAILURE = __COUNTER__ };
#define CALL(f) \
    case __COUNTER__ - FIRST_FAILURE: \
        (void)(f); \
        return __LINE__;

/* Calls one function so that it fails, and returns the line of the call. */
static int fail_at(int which, things *t) {
    tg_tape *tape = t->tape;
    switch (which) {
        CALL(tg_constant(tape, TG_F64, TG_SHAPE(3), NULL))
        CALL(tg_borrow(tape, TG_F64, TG_SHAPE(3), NULL))
        CALL(tg_full(tape, TG_I64, TG_SHAPE(), 1.5))
        CALL(tg_full(tape, TG_DTYPES, TG_SHAPE(), 1.5))
        CALL(tg_input(tape, "w", TG_F64, TG_SHAPE()))
        CALL(tg_parameter(tape, "w", 1.0))
        CALL(tg_parameter(tape, "p", t->lost))
        CALL(tg_borrow_parameter(tape, "w", TG_F64, TG_SHAPE(6), t->room))
        CALL(tg_find(tape, "nobody"))
        CALL(tg_shape_of(t->lost))
        CALL(tg_size(t->lost))
        CALL(tg_dtype_of(t->lost))
        CALL(tg_assign(t->v, 1))
        CALL(tg_assign(t->w, t->lost))
        CALL(tg_item(t->w))
        CALL(tg_read(t->w, t->room, 5))
        CALL(tg_data(t->lost))
        CALL(tg_write(t->v, t->room, 5))
        CALL(tg_keep(t->lost))
        CALL(tg_set_keep(tape, (tg_keep_policy)7))
        CALL(tg_rewind(tape, t->gone))
        CALL(tg_record(tape, NULL, 0, NULL, NULL, 0))
        CALL(tg_record(tape, &refusing, 1, &t->w, NULL, 0))
        CALL(tg_record(NULL, &refusing, 1, &t->w, NULL, 0))
        CALL(tg_neg(t->lost))
        CALL(tg_add(t->w, t->v))
        CALL(tg_add(1, t->lost))
        CALL(tg_add(1.5, t->n))
        CALL(tg_lt(t->w, t->v))
        CALL(tg_where(2, t->w, t->w))
        CALL(tg_where(t->c, 0, 1))
        CALL(tg_cast(t->w, TG_DTYPES))
        CALL(tg_matmul(t->w, t->w))
        CALL(tg_sum(t->lost))
        CALL(tg_sum_axes(t->w, TG_AXES(7), false))
        CALL(tg_mean(t->n))
        CALL(tg_mean_axes(t->w, TG_AXES(0, 0), true))
        CALL(tg_reshape(t->w, TG_SHAPE(7)))
        CALL(tg_reshape(t->w, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2, 3)))
        CALL(tg_permute(t->w, TG_AXES(0, 0)))
        CALL(tg_transpose(t->w, 0, 2))
        CALL(tg_broadcast_to(t->w, TG_SHAPE(2)))
        CALL(tg_backward(t->w))
        CALL(tg_grad(t->w))
        CALL(tg_vjp(tape, 1, NULL, NULL, 0, NULL, NULL))
        CALL(tg_gradcheck(t->w, 1, NULL, NULL))
        CALL(tg_sgd_step(tape, 0.1))
        CALL(tg_uniform(tape, TG_F64, TG_SHAPE(2), 2, 1))
        CALL(tg_rand(tape, TG_DTYPES, TG_SHAPE(2)))
        CALL(tg_randn(tape, TG_I64, TG_SHAPE(2)))
        CALL(tg_normal(tape, TG_F64, TG_SHAPE(2), 0, -1))
        CALL(tg_randint(tape, TG_I64, TG_SHAPE(2), 5, 5))
        CALL(tg_randperm(tape, -1))
        CALL(tg_bernoulli(tape, TG_F64, TG_SHAPE(2), 2))
    }
    return 0;
}

enum { FAILURES = __COUNTER__ - FIRST_FAILURE };
/* clang-format on */

START_TEST(a_failing_call_is_named_by_its_line) {
    things  t = new_things();
    int64_t count = tg_instruction_count(t.tape);
    int     line = fail_at(_i, &t);
    ck_assert_int_gt(line, 0);
    ck_assert_msg(gave_line(t.tape, line), "line %d: '%s'", line, tg_error(t.tape));
    ck_assert_int_ne(tg_error_status(t.tape), TG_OK);
    ck_assert_int_eq(tg_instruction_count(t.tape), count);
    tg_clear_error(t.tape);
    (tg_exp)(t.n);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_DTYPE, "exp: "); /* and not that line */
    CHECK_F64(t.w, 2, 2, 2, 2, 2, 2);
    tg_tape_free(t.tape);
}
END_TEST

/* clang-format off */
enum { FIRST_SUCCESS = __COUNTER__ };
#undef CALL
#define CALL(f) \
    case __COUNTER__ - FIRST_SUCCESS: (void)(f); break;

/* Calls one function so that it does well. */
static void succeed(int which, things *t) {
    tg_tape *tape = t->tape;
    switch (which) {
        CALL(tg_constant(tape, TG_F64, TG_SHAPE(5), t->room))
        CALL(tg_borrow(tape, TG_F64, TG_SHAPE(5), t->room))
        CALL(tg_full(tape, TG_I64, TG_SHAPE(), 1))
        CALL(tg_input(tape, "x", TG_F64, TG_SHAPE()))
        CALL(tg_input(tape, NULL, TG_F64, TG_SHAPE()))
        CALL(tg_parameter(tape, "p", 1.0))
        CALL(tg_parameter(tape, "p", tg_neg(t->v)))
        CALL(tg_borrow_parameter(tape, "p", TG_F64, TG_SHAPE(5), t->room))
        CALL(tg_find(tape, "w"))
        CALL(tg_shape_of(t->w))
        CALL(tg_size(t->w))
        CALL(tg_dtype_of(t->w))
        CALL(tg_assign(t->w, 1))
        CALL(tg_assign(t->w, t->w))
        CALL(tg_item(tg_sum(t->w)))
        CALL(tg_read(t->w, t->room, 6))
        CALL(tg_data(t->w))
        CALL(tg_data(tg_transpose(t->w, 0, 1)))
        CALL(tg_write(t->w, (double[]){1, 2, 3, 4, 5, 6}, 6))
        CALL(tg_keep(t->w))
        CALL(tg_set_keep(tape, TG_KEEP_ASKED))
        CALL(tg_run(tape))
        CALL((tg_neg(t->w), tg_run(tape)))
        CALL(tg_rewind(tape, t->mark))
        CALL((tg_neg(t->w), tg_rewind(tape, t->mark)))
        CALL(tg_neg(t->w))
        CALL(tg_add(t->w, 1))
        CALL(tg_where(tg_lt(t->w, 1), t->w, 1))
        CALL(tg_cast(t->w, TG_F32))
        CALL(tg_cast(t->w, TG_F64))
        CALL(tg_matmul(t->w, tg_transpose(t->w, 0, 1)))
        CALL(tg_sum_axes(t->w, TG_AXES(0), false))
        CALL(tg_sum_axes(t->w, TG_AXES(), false))
        CALL(tg_mean(t->w))
        CALL(tg_reshape(t->w, TG_SHAPE(6)))
        CALL(tg_permute(t->w, TG_AXES(1, 0)))
        CALL(tg_broadcast_to(t->w, TG_SHAPE(4, 2, 3)))
        CALL(tg_backward(tg_sum(t->w)))
        CALL((tg_backward(tg_sum(t->w)), tg_grad(t->w)))
        CALL((tg_backward(tg_sum(t->w)), tg_zero_grad(tape)))
        CALL((tg_backward(tg_sum(t->w)), tg_sgd_step(tape, 0.1)))
        CALL(tg_vjp(tape, 0, NULL, NULL, 0, NULL, NULL))
        CALL(tg_gradcheck(tg_sum(t->w), 1, &t->w, NULL))
        CALL(tg_rand(tape, TG_F64, TG_SHAPE(2)))
        CALL(tg_randn(tape, TG_F64, TG_SHAPE(2)))
        CALL(tg_randint(tape, TG_I64, TG_SHAPE(2), 0, 5))
        CALL(tg_randperm(tape, 3))
        CALL(tg_bernoulli(tape, TG_F64, TG_SHAPE(2), 0.5))
        CALL(tg_seed(tape, 2))
    }
}

enum { SUCCESSES = __COUNTER__ - FIRST_SUCCESS };
/* clang-format on */

/* A call that is not through the macro has no line, and claims none that an earlier call had. */
START_TEST(the_line_of_one_call_is_not_claimed_by_the_next) {
    things t = new_things();
    succeed(_i, &t);
    CHECK_OK(t.tape);
    (tg_exp)(t.n);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_DTYPE, "exp: int64 (2): ");
    succeed(_i, &t);
    tg_clear_error(t.tape);
    tg_tensor (*function)(tg_tensor, tg_tensor) = tg_add;
    function(t.w, t.v);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_SHAPE, "add: (2, 3) x (5): ");
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(a_call_on_two_tapes_leaves_no_line_on_either) {
    things    a = new_things(), b = new_things();
    tg_tensor one = a.w, other = b.w;
    FAILS(a.tape, tg_add(one, other), TG_ERR_HANDLE, "add: operand 2 belongs to another tape");
    (tg_exp)(b.n);
    CHECK_ERROR_TEXT(b.tape, TG_ERR_DTYPE, "exp: ");
    tg_tape_free(a.tape);
    tg_tape_free(b.tape);
}
END_TEST

/* clang-format off */
START_TEST(a_nested_formula_names_the_line_of_the_inner_call) {
    things t = new_things();
    int    first = __LINE__ + 1;
    tg_tensor y = tg_add(
        tg_exp(
            tg_mul(
                tg_neg(t.w),
                tg_sub(t.w, t.v))),
        tg_sub(t.w, 1)
    );
    ck_assert(!tg_valid(y));
    ck_assert_msg(gave_line(t.tape, first + 4), "line %d: '%s'", first + 4, tg_error(t.tape));
    tg_clear_error(t.tape);
    /* gcc names the first line of a call, clang the last. */
    first = __LINE__ + 1;
    y = tg_add(
        tg_exp(t.w),
        tg_mul(1.5,
               tg_cast(t.n,
                       TG_DTYPES)));
    bool inner = gave_line(t.tape, first + 3) || gave_line(t.tape, first + 4);
    ck_assert_msg(inner, "'%s'", tg_error(t.tape));
    tg_tape_free(t.tape);
}
END_TEST

/* Operands are evaluated before the call that takes them: the outer line counts for the outer call. */
START_TEST(a_nested_formula_names_the_line_of_the_outer_call) {
    things t = new_things();
    int    first = __LINE__ + 1;
    tg_add(
        tg_neg(t.w),
        tg_exp(t.v)
    );
    ck_assert_msg(gave_line(t.tape, first) || gave_line(t.tape, first + 3), "'%s'", tg_error(t.tape));
    tg_tape_free(t.tape);
}
END_TEST

/* clang-format on */

/* The arguments behind the first may call the library too. */
START_TEST(calls_among_the_arguments_do_not_take_the_line) {
    things t = new_things();
    FAILS(t.tape, tg_reshape(t.w, tg_shape_of(t.v)), TG_ERR_SHAPE, "reshape: (2, 3): ");
    FAILS(t.tape, tg_broadcast_to(t.w, tg_shape_of(t.v)), TG_ERR_SHAPE, "broadcast_to: (2, 3): ");
    FAILS(t.tape, tg_read(t.w, t.room, tg_size(t.v)), TG_ERR_SHAPE, "read: ");
    FAILS(t.tape, tg_write(t.w, t.room, tg_size(t.v)), TG_ERR_SHAPE, "write: ");
    FAILS(t.tape, tg_write(t.w, tg_data(t.v), 5), TG_ERR_SHAPE, "write: ");
    FAILS(t.tape, tg_input(t.tape, "w", tg_dtype_of(t.v), tg_shape_of(t.v)), TG_ERR_NAME, "input: ");
    FAILS(t.tape, tg_input(t.tape, tg_name(t.w), TG_F64, tg_shape_of(t.v)), TG_ERR_NAME, "input: ");
    FAILS(t.tape, tg_full(t.tape, tg_dtype_of(t.n), tg_shape_of(t.v), tg_item(tg_mean(t.v)) + 0.5), TG_ERR_DTYPE, "full: ");
    FAILS(t.tape, tg_vjp(t.tape, 1, (tg_tensor[]){tg_sum(t.n)}, NULL, 0, NULL, NULL), TG_ERR_DTYPE, "vjp: ");
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(a_binding_names_its_own_lines) {
    things t = new_things();
    tg_at(t.tape, "model.lua", 17);
    (tg_add)(t.w, t.v);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_SHAPE, "model.lua:17: add: (2, 3) x (5): ");
    ck_assert_ptr_eq(tg_at(t.tape, "model.lua", 18), t.tape);
    tg_clear_error(t.tape);
    (tg_add)(t.w, t.v);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_SHAPE, "add: (2, 3) x (5): ");
    tg_tape_free(t.tape);
}
END_TEST

Suite *suite_line(void) {
    Suite *suite = suite_create("core/line");
    TCase *line = tcase_create("line");
    tcase_add_loop_test(line, a_failing_call_is_named_by_its_line, 1, FAILURES);
    tcase_add_loop_test(line, the_line_of_one_call_is_not_claimed_by_the_next, 1, SUCCESSES);
    tcase_add_test(line, a_call_on_two_tapes_leaves_no_line_on_either);
    tcase_add_test(line, a_nested_formula_names_the_line_of_the_inner_call);
    tcase_add_test(line, a_nested_formula_names_the_line_of_the_outer_call);
    tcase_add_test(line, calls_among_the_arguments_do_not_take_the_line);
    tcase_add_test(line, a_binding_names_its_own_lines);
    suite_add_tcase(suite, line);
    return suite;
}
