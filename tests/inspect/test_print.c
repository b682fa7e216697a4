/* tests/inspect/test_print.c: the tape as text, line by line.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

/* What tg_print writes. Valid until the next call. */
static const char *printed(tg_tape *tape) {
    static char text[65536];
    FILE       *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    tg_print(tape, file);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

/* One line of it holds all the words, in that order; returns its text. */
#define HAS_LINE(text, ...) has_line(__FILE__, __LINE__, text, (const char *[]){__VA_ARGS__, NULL})
static void has_line(const char *file, int line, const char *text, const char **words) {
    for (const char *start = text; *start;) {
        const char *end = strchr(start, '\n'), *at = start;
        for (const char **word = words; at && *word; word++) {
            at = strstr(at, *word);
            if (at) at += strlen(*word);
        }
        if (at && at <= end + 1) return;
        start = end + 1;
    }
    ck_abort_msg("%s:%d: no line with '%s'... in:\n%s", file, line, words[0], text);
}

START_TEST(each_instruction_is_a_line) {
    tg_tape    *tape = tg_tape_new();
    tg_tensor   x = tg_input(tape, "x", TG_F32, TG_SHAPE(3, 2));
    tg_tensor   w = tg_parameter(tape, "w", tg_full(tape, TG_F32, TG_SHAPE(2, 1), 1));
    int         here = __LINE__ + 1;
    tg_tensor   y = tg_mul(0.5, tg_matmul(x, w));
    char        source[512], shown[64];
    const char *text = printed(tape);
    snprintf(source, sizeof source, "%s:%d\n", __FILE__, here);
    snprintf(shown, sizeof shown, "# %d instructions, 0 of them have run\n# forward\n", (int)tg_instruction_count(tape));
    ck_assert_int_eq(strncmp(text, shown, strlen(shown)), 0);
    HAS_LINE(text, "%0  ", "float32 (3, 2)", "input \"x\"", "keep");
    HAS_LINE(text, "%1  ", "float32 (2, 1)", "constant");
    HAS_LINE(text, "%2  ", "float32 (2, 1)", "parameter \"w\"", "keep grad");
    HAS_LINE(text, "float32 (3, 1)", "matmul(%0 \"x\", %2 \"w\")", "keep grad", source);
    HAS_LINE(text, "float32 (3, 1)", "mul(0.5, %", ")", "keep grad", source);
    ck_assert_ptr_null(strstr(text, "number"));
    ck_assert_int_eq(tg_keep(y), TG_OK);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(forward_backward_and_update_have_headings) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 2.0);
    int       here = __LINE__ + 1;
    tg_tensor loss = tg_exp(tg_square(w));
    tg_backward(loss);
    tg_sgd_step(tape, 0.1);
    tg_assign(w, tg_neg(w));
    tg_tensor grad;
    tg_vjp(tape, 1, &loss, NULL, 1, &loss, &grad);
    CHECK_OK(tape);

    char        source[512];
    const char *text = printed(tape), *backward = strstr(text, "\n# backward\n"), *update = strstr(text, "\n# update\n");
    ck_assert(backward && update && strstr(text, "# forward\n") < backward && backward < update);
    snprintf(source, sizeof source, "%s:%d, gradient of %%2 exp\n", __FILE__, here);
    HAS_LINE(text, "mul(1, %2)", source);
    HAS_LINE(text, "assign(%0 \"w\", %");
    const char *forward = strstr(update, "\n# forward\n"); /* the neg; its assign is an update again */
    ck_assert(forward && strstr(forward, "neg(%0 \"w\")") && strstr(forward, "\n# update\n"));
    ck_assert_ptr_nonnull(strstr(strstr(forward, "\n# update\n"), "\n# backward\n"));
    HAS_LINE(text, "number 1", "keep"); /* the gradient of the loss for itself, which nothing uses */
    tg_tape_free(tape);
}
END_TEST

/* What an error cuts off while a gradient is recorded leaves no role set. */
START_TEST(an_error_in_a_backward_pass_ends_it) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", 2.0), y = tg_square(w);
    tg_assign(w, 1);
    ck_assert_int_eq(tg_backward(y), TG_ERR_GRADIENT);
    tg_clear_error(tape);
    ck_assert_int_eq(tg_sgd_step(tape, 1), TG_ERR_GRADIENT);
    tg_clear_error(tape);
    tg_exp(w);
    const char *text = printed(tape);
    ck_assert_ptr_null(strstr(text, "backward"));
    ck_assert_ptr_nonnull(strstr(strstr(text, "# update"), "# forward"));
    tg_tape_free(tape);
}
END_TEST

START_TEST(numbers_stand_where_they_are_used) {
    static const struct {
        double      value;
        const char *text;
    } cases[] = {{1, "1"},
                 {0.1, "0.1"},
                 {-2.5, "-2.5"},
                 {0, "0"},
                 {-0.0, "-0"},
                 {NAN, "nan"},
                 {-INFINITY, "-inf"},
                 {1e-5, "1e-05"},
                 {0.0001, "0.0001"},
                 {1e15, "1000000000000000"},
                 {1e16, "1e+16"},
                 {123456.789, "123456.789"},
                 {1 / 3., "0.3333333333333333"},
                 {5e-324, "5e-324"},
                 {DBL_MAX, "1.7976931348623157e+308"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tg_tape  *tape = tg_tape_new();
        tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(2), 1);
        char      expected[64];
        tg_add(x, cases[i].value);
        snprintf(expected, sizeof expected, "add(%%0, %s)", cases[i].text);
        HAS_LINE(printed(tape), expected);
        tg_tape_free(tape);
    }
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2), 1);
    tg_eq(tg_add(x, 0.1), 2);
    tg_add(tg_cast(x, TG_I64), -7);
    tg_eq(tg_eq(x, 1), 1);
    HAS_LINE(printed(tape), "add(%0, 0.1)"); /* as float32 has it */
    HAS_LINE(printed(tape), "int64 (2)", "add(%", ", -7)");
    HAS_LINE(printed(tape), "bool (2)", "eq(%", ", True)");
    tg_tape_free(tape);
}
END_TEST

START_TEST(names_break_no_line) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "two\nlines \"quoted\" back\\slash \x7f", 1.0);
    tg_tensor b =
        tg_parameter(tape, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8c\xb1 bad \xff \xc3 \xe2\x80\xa8 \xc2\x85", 1.0);
    tg_add(a, b);
    const char *text = printed(tape);
    HAS_LINE(text, "parameter \"two\\x0alines \\\"quoted\\\" back\\\\slash \\x7f\"");
    HAS_LINE(text, "parameter \"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8c\xb1 bad \\xff \\xc3 \\xe2\\x80\\xa8 \\xc2\\x85\"");
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_tape_with_an_error_is_printed_too) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(2), 1);
    tg_matmul(tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1), x);
    char  error[600];
    FILE *file = tmpfile();
    snprintf(error, sizeof error, "# error: %s\n", tg_error(tape));
    ck_assert_int_eq(tg_print(tape, file), TG_ERR_SHAPE);
    fclose(file);
    ck_assert_ptr_nonnull(strstr(printed(tape), error));
    tg_tape_free(tape);

    tape = tg_tape_new();
    ck_assert_str_eq(printed(tape), "# 0 instructions, 0 of them have run\n");
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_has_run_and_is_forgotten) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(), 1);
    tg_mark   mark = tg_tape_mark(tape);
    tg_exp(tg_exp(x));
    tg_run(tape);
    ck_assert_ptr_nonnull(strstr(printed(tape), "# 3 instructions, 3 of them have run\n"));
    tg_rewind(tape, mark);
    ck_assert_ptr_nonnull(strstr(printed(tape), "# 1 instructions, 1 of them have run\n"));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(streams_that_do_not_take_it) {
    tg_tape *tape = tg_tape_new();
    tg_full(tape, TG_F64, TG_SHAPE(2), 1);
    FAILS(tape, tg_print(tape, NULL), TG_ERR_ARGUMENT, "print: the stream is NULL");
    ck_assert_int_eq(tg_print(NULL, stdout), TG_ERR_HANDLE);
    FILE *reading = fopen(NULL_DEVICE, "r");
    FAILS(tape, tg_print(tape, reading), TG_ERR_IO, "print: ");
    fclose(reading);
#ifndef _WIN32 /* under wine it is there, and fails for another reason */
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        FAILS(tape, tg_print(tape, full), TG_ERR_IO, "print: No space left on device");
        fclose(full);
    }
#endif
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_print(void) {
    Suite *suite = suite_create("print");
    TCase *tcase = tcase_create("tape");
    tcase_add_test(tcase, each_instruction_is_a_line);
    tcase_add_test(tcase, forward_backward_and_update_have_headings);
    tcase_add_test(tcase, an_error_in_a_backward_pass_ends_it);
    tcase_add_test(tcase, numbers_stand_where_they_are_used);
    tcase_add_test(tcase, names_break_no_line);
    tcase_add_test(tcase, a_tape_with_an_error_is_printed_too);
    tcase_add_test(tcase, what_has_run_and_is_forgotten);
    tcase_add_test(tcase, streams_that_do_not_take_it);
    suite_add_tcase(suite, tcase);
    return suite;
}
