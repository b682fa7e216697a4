/* tests/run/test_anomaly.c: a run that stops at the first NaN or infinity, and what it says.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static tg_tape *anomaly_tape(void) {
    tg_tape *tape = tg_tape_new();
    ck_assert_int_eq(tg_set_anomaly(tape, true), TG_OK);
    return tape;
}

/* The run fails with "FILE:line: text...", all of the text where `whole`. */
#define STOPS(tape, line, text) stops(__LINE__, tape, line, text)
static void stops(int here, tg_tape *tape, int line, const char *text) {
    char expected[640];
    snprintf(expected, sizeof expected, "%s:%d: %s", __FILE__, line, text);
    ck_assert_msg(tg_run(tape) == TG_ERR_ANOMALY, "line %d: the run does not stop: %s", here, tg_error(tape));
    check_error_text(__FILE__, here, tape, TG_ERR_ANOMALY, expected);
}

/* " at FILE:LINE", as operands are placed; valid until the next call. */
static const char *formatted(const char *format, int line) {
    static char text[512];
    snprintf(text, sizeof text, format, __FILE__, line);
    return text;
}

START_TEST(it_names_op_line_place_and_operands) {
    tg_tape  *tape = anomaly_tape();
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2, 3), ((double[]){1, 2, 3, 4, 5, 6}));
    tg_tensor y = tg_sub(x, 5);
    int       line = __LINE__ + 1;
    tg_tensor z = tg_log(tg_mul(y, y));
    STOPS(tape, line,
          formatted("log (2, 3): made -inf from 0 at [1, 1], 1 of 6 elements; the operand: mul (2, 3) at %s:%d, 0 .. 16",
                    line));
    tg_div(x, y);
    ck_assert_int_eq(tg_set_anomaly(tape, false), TG_OK);
    CHECK_F64(z, log(16), log(9), log(4), 0, -INFINITY, 0); /* it is a warning; the run can go on without it */
    tg_set_anomaly(tape, true);
    ck_assert_int_eq(tg_run(tape), TG_ERR_ANOMALY);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), ": log (2, 3): "));
    tg_tape_free(tape);

    tape = anomaly_tape();
    x = tg_full(tape, TG_F32, TG_SHAPE(3, 2), 2);
    y = tg_sub(x, tg_constant(tape, TG_F32, TG_SHAPE(2), ((float[]){2, 1})));
    tg_div(y, tg_mul(0, x));
    STOPS(tape, __LINE__ - 1, "div (3, 2): made nan from 0 and 0 at [0, 0], 3 of 6 elements; operand 1: sub (3, 2) at ");
    tg_tape_free(tape);
}
END_TEST

START_TEST(few_values_are_listed) {
    tg_tape  *tape = anomaly_tape();
    tg_tensor w = tg_parameter(tape, "w", VECTOR(tape, 1, -4));
    int       line = __LINE__ - 1;
    tg_sqrt(w);
    STOPS(tape, line + 2,
          formatted("sqrt (2): made nan from -4 at [1], 1 of 2 elements; the operand: parameter 'w' (2) at %s:%d = [1, -4]",
                    line));
    tg_tape_free(tape);

    tape = anomaly_tape();
    line = __LINE__ + 1;
    tg_tensor zero = tg_full(tape, TG_F64, TG_SHAPE(), 0);
    tg_div(1, zero);
    STOPS(tape, line + 1,
          formatted("div (): made inf from 1 and 0; operand 1: number = 1; operand 2: constant () at %s:%d = 0", line));
    tg_tape_free(tape);
}
END_TEST

START_TEST(structured_ops_too) {
    tg_tape  *tape = anomaly_tape();
    tg_tensor huge = tg_full(tape, TG_F64, TG_SHAPE(2, 5), 1e200);
    tg_matmul(huge, tg_transpose(huge, 0, 1));
    STOPS(tape, __LINE__ - 1, "matmul (2, 2): made inf at [0, 0], 4 of 4 elements; operand 1: constant (2, 5) at ");
    tg_tape_free(tape);

    tape = anomaly_tape();
    tg_sum(tg_full(tape, TG_F32, TG_SHAPE(4), 3e38));
    STOPS(tape, __LINE__ - 1, "sum (): made inf; the operand: constant (4) at ");
    tg_tape_free(tape);
}
END_TEST

START_TEST(gradients_name_the_formula) {
    tg_tape  *tape = anomaly_tape();
    tg_tensor w = tg_parameter(tape, "w", VECTOR(tape, 4, 0));
    int       formula = __LINE__ + 1;
    tg_tensor y = tg_sqrt(w);
    tg_backward(tg_sum(y));
    STOPS(tape, formula, "div (2), in the gradient of sqrt: made inf from 1 and 0 at [1], 1 of 2 elements; operand 1: ");
    tg_set_anomaly(tape, false);
    CHECK_F64(y, 2, 0);
    tg_tape_free(tape);
}
END_TEST

START_TEST(assigns_before_are_done_and_after_are_not) {
    tg_tape  *tape = anomaly_tape();
    tg_tensor a = tg_parameter(tape, "a", 1.0), b = tg_parameter(tape, "b", 1.0);
    tg_assign(a, 2);
    tg_tensor bad = tg_log(tg_sub(b, 1));
    int       line = __LINE__ - 1;
    tg_assign(b, 3);
    STOPS(tape, line, "log (): made -inf from 0; ");
    tg_set_anomaly(tape, false);
    CHECK_F64(a, 2);
    tg_rewind(tape, (tg_mark){.tape = tape});
    tg_tape_free(tape);
    (void)bad;

    tape = anomaly_tape();
    b = tg_parameter(tape, "b", 1.0);
    tg_tensor before = tg_mul(b, 1);
    tg_log(tg_sub(b, 1));
    tg_assign(b, 3);
    ck_assert_int_eq(tg_run(tape), TG_ERR_ANOMALY);
    tg_clear_error(tape);
    tg_write(b, (double[]){5}, 1); /* the assign has not happened */
    ck_assert_int_eq(tg_run(tape), TG_OK);
    CHECK_F64(b, 3);
    CHECK_F64(before, 5);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- leaves ------------------------------------------------------------------------------------------------------ */

START_TEST(a_nan_in_a_leaf_is_found_where_it_arrives) {
    tg_tape  *tape = anomaly_tape();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(2, 2));
    int       leaf = __LINE__ - 1;
    tg_tensor y = tg_matmul(tg_full(tape, TG_F64, TG_SHAPE(2, 2), 1), tg_transpose(x, 0, 1));
    int       line = __LINE__ - 1;
    ck_assert_int_eq(tg_run(tape), TG_OK);
    tg_write(x, (double[]){1, 2, NAN, 4}, 4);
    STOPS(tape, line,
          formatted("matmul (2, 2): NaN has come in with operand 2: input 'x' (2, 2) at %s:%d: it is there at [1, 0], 1 of 4",
                    leaf));
    tg_write(x, (double[]){1, 2, 3, 4}, 4);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    CHECK_F64(y, 3, 7, 3, 7);
    CHECK_OK(tape);
    tg_tape_free(tape);

    tape = anomaly_tape();
    tg_add(tg_full(tape, TG_F64, TG_SHAPE(), 1), NAN);
    STOPS(tape, __LINE__ - 1, "add (): NaN has come in with operand 2: number: it is there");
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_a_where_leaves_out_is_nobodys_concern) {
    tg_tape  *tape = anomaly_tape();
    tg_tensor x = VECTOR(tape, 1, NAN, 3);
    CHECK_F64(tg_where(tg_eq(x, x), x, 0), 1, 0, 3); /* missing values */
    tg_tensor scores = VECTOR(tape, 1, 2, 3);
    tg_tensor masked = tg_where(tg_lt(scores, 2.5), scores, -INFINITY); /* a mask */
    CHECK_F64(tg_exp(masked), exp(1), exp(2), 0);
    CHECK_F64(tg_add(tg_full(tape, TG_F64, TG_SHAPE(), INFINITY), scores), INFINITY, INFINITY, INFINITY);
    CHECK_F64(tg_reshape(x, TG_SHAPE(3, 1)), 1, NAN, 3); /* views make nothing */
    CHECK_OK(tape);
    tg_sub(masked, masked);
    int line = __LINE__ - 1;
    ck_assert_int_eq(tg_run(tape), TG_ERR_ANOMALY);
    CHECK_ERROR_TEXT(tape, TG_ERR_ANOMALY, formatted("%s:%d: sub (3): made nan from -inf and -inf at [2], 1 of 3", line));
    tg_tape_free(tape);
}
END_TEST

START_TEST(assigns_and_integers_pass) {
    tg_tape  *tape = anomaly_tape();
    tg_tensor w = tg_parameter(tape, "w", 1.0);
    tg_assign(w, INFINITY);
    tg_assign(w, NAN);
    tg_cast(tg_mul(tg_full(tape, TG_I64, TG_SHAPE(3), -1), 2), TG_BOOL);
    tg_exp(tg_full(tape, TG_F32, TG_SHAPE(0, 2), 1e9)); /* nothing at all */
    ck_assert_int_eq(tg_run(tape), TG_OK);
    tg_exp(w);
    STOPS(tape, __LINE__ - 1, "exp (): NaN has come in with the operand: parameter 'w' () at ");
    tg_tape_free(tape);
}
END_TEST

/* ---- switching --------------------------------------------------------------------------------------------------- */

START_TEST(off_unless_asked_for) {
    tg_tape *tape = tg_tape_new();
    tg_log(VECTOR(tape, 0, -1));
    ck_assert_int_eq(tg_run(tape), TG_OK);
    ck_assert_int_eq(tg_set_anomaly(tape, true), TG_OK);
    ck_assert_int_eq(tg_run(tape), TG_ERR_ANOMALY);
    ck_assert_int_eq(tg_set_anomaly(tape, false), TG_ERR_ANOMALY); /* the error comes first */
    tg_clear_error(tape);
    ck_assert_int_eq(tg_set_anomaly(tape, false), TG_OK);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    ck_assert_int_eq(tg_set_anomaly(NULL, true), TG_ERR_HANDLE);
    tg_tape_free(tape);
}
END_TEST

START_TEST(the_environment_asks_for_it) {
    static const struct {
        const char *value;
        tg_status   status;
    } cases[] = {{"1", TG_ERR_ANOMALY}, {"0", TG_OK}, {"", TG_OK}, {"yes", TG_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        set_environment("TAPEGRAD_ANOMALY", cases[i].value);
        tg_tape *tape = tg_tape_new();
        set_environment("TAPEGRAD_ANOMALY", NULL);
        tg_log(VECTOR(tape, 0, -1));
        ck_assert_int_eq(tg_run(tape), cases[i].status);
        tg_tape_free(tape);
    }
}
END_TEST

/* Texts that do not fit are cut off; the shapes and names here are as long as they get. */
START_TEST(long_texts_are_cut_off) {
    tg_tape *tape = anomaly_tape();
    char     name[400];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    tg_tensor x = tg_parameter(tape, name, tg_full(tape, TG_F64, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 7), -1));
    char      file[600];
    memset(file, 'f', sizeof file);
    file[sizeof file - 1] = 0;
    tg_sqrt(x);
    ck_assert_int_eq(tg_run(tape), TG_ERR_ANOMALY);
    ck_assert_ptr_nonnull(strstr(tg_error(tape), "the operand: parameter 'nnnn"));
    tg_clear_error(tape);
    tg_at(tape, file, 1);
    (tg_sqrt)(x);
    ck_assert_int_eq(tg_run(tape), TG_ERR_ANOMALY);
    ck_assert_int_lt((int)strlen(tg_error(tape)), 512);
    tg_tape_free(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_anomaly(void) {
    Suite *suite = suite_create("anomaly");
    TCase *tcase = tcase_create("anomaly");
    tcase_add_test(tcase, it_names_op_line_place_and_operands);
    tcase_add_test(tcase, few_values_are_listed);
    tcase_add_test(tcase, structured_ops_too);
    tcase_add_test(tcase, gradients_name_the_formula);
    tcase_add_test(tcase, assigns_before_are_done_and_after_are_not);
    tcase_add_test(tcase, a_nan_in_a_leaf_is_found_where_it_arrives);
    tcase_add_test(tcase, what_a_where_leaves_out_is_nobodys_concern);
    tcase_add_test(tcase, assigns_and_integers_pass);
    tcase_add_test(tcase, off_unless_asked_for);
    tcase_add_test(tcase, the_environment_asks_for_it);
    tcase_add_test(tcase, long_texts_are_cut_off);
    suite_add_tcase(suite, tcase);
    return suite;
}
