/* tests/core/test_check_operands.c: what composed functions look at before they record: operands, shapes, options; and the little
 * functions of handles.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "core/things.h"
#include "ops/values.h"

/* ---- handles ----------------------------------------------------------------------------------------------------- */

START_TEST(handles_tell_what_they_are) {
    things t = new_things();
    double number = 0;
    ck_assert(tg_is_number(tg_num(2.5), &number) && number == 2.5);
    ck_assert(!tg_is_number(t.w, &number) && !tg_is_number(TG_NONE, &number) && !tg_is_number((tg_tensor){0}, &number));
    ck_assert(tg_is_none(TG_NONE) && !tg_is_none(t.w) && !tg_is_none(tg_num(0)) && !tg_is_none((tg_tensor){0}));
    ck_assert(tg_is_none(tg_or_none((tg_tensor){0})) && tg_is_none(tg_or_none(TG_NONE)));
    ck_assert(tg_or_none(t.w).ref == t.w.ref && tg_is_number(tg_or_none(tg_num(0)), &number));
    ck_assert_ptr_eq(tg_tape_of(t.w), t.tape);
    ck_assert_ptr_eq(tg_tape_of(t.lost), t.tape);
    ck_assert_ptr_null(tg_tape_of(tg_num(1)));
    ck_assert_ptr_null(tg_tape_of(TG_NONE));
    ck_assert(!tg_valid(tg_invalid(t.tape)) && !tg_valid(tg_invalid(NULL)));
    FAILS(t.tape, tg_neg(tg_invalid(t.tape)), TG_ERR_HANDLE, "neg: the operand is invalid");
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(a_number_takes_the_dtype_it_is_given) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_number(tape, TG_F32, 0.1), n = tg_number(tape, TG_I64, 7);
    ck_assert_int_eq(tg_dtype_of(x), TG_F32);
    ck_assert_int_eq(tg_shape_of(x).rank, 0);
    ck_assert(tg_item(x) == (double)0.1f);
    CHECK_IS(tg_broadcast_to(n, TG_SHAPE(3)), 7, 7, 7);
    FAILS(tape, tg_number(tape, TG_I64, 0.5), TG_ERR_DTYPE, "the number 0.5 is no int64");
    ck_assert(!tg_valid(tg_number(NULL, TG_F32, 1)));
    finish(tape);
}
END_TEST

/* ---- operands ---------------------------------------------------------------------------------------------------- */

START_TEST(the_operands_are_filled_in) {
    things      t = new_things();
    tg_operands o;
    ck_assert_int_eq(tg_check_operands(&o, "f", 2, 4, (tg_tensor[]){tg_num(1), t.w, TG_NONE, t.v}), TG_OK);
    ck_assert_ptr_eq(o.tape, t.tape);
    ck_assert_int_eq(o.count, 4);
    ck_assert(o.present[0] && o.present[1] && !o.present[2] && o.present[3]);
    ck_assert(o.type[0].rank == 0 && o.type[0].dims && o.type[0].dtype == TG_F64);
    ck_assert(o.type[1].rank == 2 && o.type[1].dims[0] == 2 && o.type[1].dims[1] == 3);
    ck_assert(o.type[2].rank == 0 && o.type[2].dtype == TG_DTYPES);
    ck_assert(o.type[3].rank == 1 && o.type[3].dims[0] == 5);
    ck_assert_int_eq(tg_check_operands(&o, "f", 3, 3, (tg_tensor[]){t.c, tg_num(1), t.n}), TG_OK);
    ck_assert_int_eq(o.type[1].dtype, TG_I64);
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(operands_that_cannot_be_used_are_named) {
    things      t = new_things(), other = new_things();
    tg_operands o;
    tg_tensor   many[TG_MAX_OPERANDS + 1];
    for (int i = 0; i <= TG_MAX_OPERANDS; i++)
        many[i] = t.w;
    ck_assert_int_eq(tg_check_operands(&o, "f", 1, 1, &t.lost), TG_ERR_HANDLE);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_HANDLE, "f: the operand is stale");
    ck_assert_int_eq(tg_check_operands(&o, "f", 2, 3, (tg_tensor[]){t.w, TG_NONE, TG_NONE}), TG_ERR_HANDLE);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_HANDLE, "f: operand 2 is TG_NONE");
    ck_assert_int_eq(tg_check_operands(&o, "f", 1, 2, (tg_tensor[]){t.w, {0}}), TG_ERR_HANDLE);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_HANDLE, "f: operand 2 is no tensor");
    ck_assert_int_eq(tg_check_operands(&o, "f", 1, 2, (tg_tensor[]){t.w, other.w}), TG_ERR_HANDLE);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_HANDLE, "f: operand 2 belongs to another tape");
    ck_assert_int_eq(tg_check_operands(&o, "f", 2, 2, (tg_tensor[]){t.n, tg_num(0.5)}), TG_ERR_DTYPE);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_DTYPE, "f: 0.5 is no int64");
    ck_assert_int_eq(tg_check_operands(&o, "f", 2, TG_MAX_OPERANDS + 1, many), TG_ERR_ARGUMENT);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_ARGUMENT, "f: 9 operands, and 8 are the most");
    ck_assert_int_eq(tg_check_operands(&o, "f", 1, 1, (tg_tensor[]){tg_num(1)}), TG_ERR_HANDLE);
    ck_assert_ptr_null(o.tape);
    tg_exp(t.n);
    ck_assert_int_eq(tg_check_operands(&o, "f", 1, 1, &t.w), TG_ERR_DTYPE); /* the standing error */
    ck_assert_ptr_eq(o.tape, t.tape);
    tg_tape_free(t.tape);
    tg_tape_free(other.tape);
}
END_TEST

START_TEST(operands_are_refused_with_their_shapes) {
    things      t = new_things();
    tg_operands o;
    ck_assert_int_eq(tg_check_operands(&o, "f", 1, 3, (tg_tensor[]){t.w, TG_NONE, t.v}), TG_OK);
    ck_assert_int_eq(tg_refuse_operands(&o, TG_ERR_SHAPE, "%d axes and no %s", 2, "more"), TG_ERR_SHAPE);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_SHAPE, "f: (2, 3) x (5): 2 axes and no more");
    ck_assert_int_eq(tg_refuse_operands(&o, TG_ERR_DTYPE, "no"), TG_ERR_DTYPE);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_DTYPE, "f: float64 (2, 3) x float64 (5): no");
    ck_assert_int_eq(tg_refuse_operands(&o, TG_OK, "an error after all"), TG_ERR_ARGUMENT);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_ARGUMENT, "f: (2, 3) x (5): an error after all");
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(dtypes_must_be_one_floating_dtype) {
    things      t = new_things();
    tg_tensor   narrow = tg_full(t.tape, TG_F32, TG_SHAPE(5), 1);
    tg_operands o;
    ck_assert_int_eq(tg_check_operands(&o, "f", 1, 3, (tg_tensor[]){t.w, TG_NONE, narrow}), TG_OK);
    ck_assert_int_eq(tg_check_floating(&o, 2), TG_OK);
    ck_assert_int_eq(tg_check_floating(&o, 3), TG_ERR_DTYPE);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_DTYPE, "f: float64 (2, 3) x float32 (5): dtypes differ");
    ck_assert_int_eq(tg_check_operands(&o, "f", 1, 1, &t.n), TG_OK);
    ck_assert_int_eq(tg_check_floating(&o, 1), TG_ERR_DTYPE);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_DTYPE, "f: int64 (2): it takes no int64: convert with tg_cast");
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(shapes_are_checked) {
    things      t = new_things();
    tg_operands o;
    tg_shape    shape;
    ck_assert_int_eq(tg_check_operands(&o, "f", 1, 3, (tg_tensor[]){t.w, TG_NONE, t.v}), TG_OK);
    ck_assert_int_eq(tg_check_shape(&o, 0, "x", TG_SHAPE(2, 3)), TG_OK);
    ck_assert_int_eq(tg_check_shape(&o, 1, "bias", TG_SHAPE(7)), TG_OK);
    ck_assert_int_eq(tg_check_shape(&o, 2, "weight", TG_SHAPE(3)), TG_ERR_SHAPE);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_SHAPE, "f: (2, 3) x (5): the weight is not of shape (3)");
    ck_assert_int_eq(tg_check_broadcast(&o, &shape), TG_ERR_SHAPE);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_SHAPE, "f: (2, 3) x (5): the shapes do not broadcast");
    tg_tensor row = tg_full(t.tape, TG_F64, TG_SHAPE(4, 1, 3), 1);
    ck_assert_int_eq(tg_check_operands(&o, "f", 1, 3, (tg_tensor[]){t.w, TG_NONE, row}), TG_OK);
    ck_assert_int_eq(tg_check_broadcast(&o, &shape), TG_OK);
    ck_assert(tg_shape_equal(shape, TG_SHAPE(4, 2, 3)));
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(operands_that_are_not_there_are_not_looked_at) {
    things      t = new_things();
    tg_operands o;
    ck_assert_int_eq(tg_check_operands(&o, "f", 2, 2, NULL), TG_ERR_HANDLE);
    ck_assert(!o.tape && o.count == 0);
    ck_assert_int_eq(tg_check_operands(&o, "f", 1, -1, &t.w), TG_ERR_HANDLE);
    ck_assert_int_eq(o.count, 0);
    ck_assert_int_eq(tg_check_operands(&o, "f", 1, 1, &t.w), TG_OK);
    ck_assert_int_eq(tg_check_floating(&o, 1000000), TG_OK);
    ck_assert_int_eq(tg_check_floating(&o, -1), TG_OK);
    ck_assert_int_eq(tg_check_shape(&o, 1, "weight", TG_SHAPE(2)), TG_ERR_ARGUMENT);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_ARGUMENT, "f: (2, 3): it has no operand 1, of 1");
    ck_assert_int_eq(tg_check_shape(&o, -1, "weight", TG_SHAPE(2)), TG_ERR_ARGUMENT);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_ARGUMENT, "f: (2, 3): it has no operand -1, of 1");
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(an_axis_is_counted_from_the_front) {
    things      t = new_things();
    tg_operands o;
    int         axis = -1;
    ck_assert_int_eq(tg_check_operands(&o, "f", 1, 1, &t.w), TG_OK);
    ck_assert_int_eq(tg_check_axis(&o, 2, &axis), TG_OK);
    ck_assert_int_eq(axis, 1);
    ck_assert_int_eq(tg_check_axis(&o, 2, &axis), TG_OK);
    ck_assert_int_eq(axis, 1);
    for (axis = 2; axis >= -3; axis -= 5) {
        int before = axis;
        ck_assert_int_eq(tg_check_axis(&o, 2, &axis), TG_ERR_SHAPE);
        ck_assert_int_eq(axis, before);
        CHECK_ERROR_TEXT(t.tape, TG_ERR_SHAPE,
                         axis > 0 ? "f: (2, 3): axis 2 of a tensor of rank 2" : "f: (2, 3): axis -3 of a tensor of rank 2");
    }
    tg_tape_free(t.tape);
}
END_TEST

START_TEST(a_single_tensor_is_checked) {
    things t = new_things();
    ck_assert_int_eq(tg_check_tensor(t.tape, "f", "the rate", t.w), TG_OK);
    ck_assert_int_eq(tg_check_tensor(t.tape, "f", "the rate", tg_num(1)), TG_ERR_HANDLE);
    CHECK_ERROR_TEXT(t.tape, TG_ERR_HANDLE, "f: the rate is no tensor");
    ck_assert_int_eq(tg_check_tensor(NULL, "f", "the rate", t.w), TG_ERR_HANDLE);
    tg_tape_free(t.tape);
}
END_TEST

/* ---- options, shapes, errors ------------------------------------------------------------------------------------- */

START_TEST(an_option_lies_in_its_interval) {
    static const struct {
        tg_interval interval;
        bool        low, high; /* whether the ends belong to it */
        const char *text;
    } cases[] = {{TG_CLOSED, true, true, "[0, 1]"},
                 {TG_OPEN, false, false, "(0, 1)"},
                 {TG_LEFT_OPEN, false, true, "(0, 1]"},
                 {TG_RIGHT_OPEN, true, false, "[0, 1)"}};
    tg_tape *tape = tg_tape_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double options[] = {0.5, 0, 1, -0.1, 1.1, NAN, INFINITY};
        const bool   good[] = {true, cases[i].low, cases[i].high, false, false, false, false};
        for (int k = 0; k < 7; k++) {
            char text[64];
            ck_assert_int_eq(tg_check_option(tape, "f", "p", options[k], 0, 1, cases[i].interval),
                             good[k] ? TG_OK : TG_ERR_ARGUMENT);
            snprintf(text, sizeof text, "f: p %g is not in %s", options[k], cases[i].text);
            ck_assert_str_eq(tg_error(tape), good[k] ? "" : text);
            tg_clear_error(tape);
        }
    }
    ck_assert_int_eq(tg_check_option(NULL, "f", "p", 0.5, 0, 1, TG_CLOSED), TG_ERR_HANDLE);
    ck_assert_int_eq(tg_check_option(NULL, "f", "p", 2, 0, 1, TG_CLOSED), TG_ERR_HANDLE);
    finish(tape);
}
END_TEST

START_TEST(shapes_broadcast_and_are_written) {
    char     text[TG_SHAPE_TEXT];
    tg_shape both = TG_SHAPE(3, 1), nine = TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1, 1);
    ck_assert(tg_broadcast_shapes(both, TG_SHAPE(5, 1, 4), &both));
    ck_assert_str_eq(tg_shape_text(text, both), "(5, 3, 4)");
    ck_assert(!tg_broadcast_shapes(TG_SHAPE(2), TG_SHAPE(3), &both));
    ck_assert(!tg_broadcast_shapes(TG_SHAPE(2), nine, &both) && !tg_broadcast_shapes(nine, TG_SHAPE(2), &both));
    ck_assert_str_eq(tg_shape_text(text, TG_SHAPE()), "()");
    ck_assert_str_eq(tg_shape_text(text, nine), "()");
    int64_t  most = INT64_MAX;
    tg_shape wide = TG_SHAPE(most, most, most, most, most, most, most, most);
    ck_assert_uint_lt(strlen(tg_shape_text(text, wide)), TG_SHAPE_TEXT);
}
END_TEST

START_TEST(an_error_is_noted_with_its_name) {
    tg_tape *tape = tg_tape_new();
    ck_assert_int_eq(tg_fail(tape, TG_ERR_IO, "load", "%s: line %d", "x.csv", 3), TG_ERR_IO);
    ck_assert_int_eq(tg_fail(tape, TG_ERR_NAME, "load", "another"), TG_ERR_IO); /* the first one stays */
    ck_assert_str_eq(tg_error(tape), "load: x.csv: line 3");
    ck_assert_int_eq(tg_fail(NULL, TG_ERR_IO, "load", "nowhere"), TG_ERR_HANDLE);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_check_operands(void) {
    Suite *suite = suite_create("core/check_operands");
    TCase *tcase = tcase_create("checks");
    tcase_add_test(tcase, handles_tell_what_they_are);
    tcase_add_test(tcase, a_number_takes_the_dtype_it_is_given);
    tcase_add_test(tcase, the_operands_are_filled_in);
    tcase_add_test(tcase, operands_that_cannot_be_used_are_named);
    tcase_add_test(tcase, operands_are_refused_with_their_shapes);
    tcase_add_test(tcase, dtypes_must_be_one_floating_dtype);
    tcase_add_test(tcase, shapes_are_checked);
    tcase_add_test(tcase, operands_that_are_not_there_are_not_looked_at);
    tcase_add_test(tcase, an_axis_is_counted_from_the_front);
    tcase_add_test(tcase, a_single_tensor_is_checked);
    tcase_add_test(tcase, an_option_lies_in_its_interval);
    tcase_add_test(tcase, shapes_broadcast_and_are_written);
    tcase_add_test(tcase, an_error_is_noted_with_its_name);
    suite_add_tcase(suite, tcase);
    return suite;
}
