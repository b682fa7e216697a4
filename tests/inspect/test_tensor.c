/* tests/inspect/test_tensor.c: values as NumPy prints them. What is expected is what NumPy 1.14 and later print.
 *
 * SPDX-License-Identifier: MIT */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

/* What tg_print_tensor writes. Valid until the next call. */
static const char *printed(tg_tensor x) {
    static char text[65536];
    FILE       *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(tg_print_tensor(x, file), TG_OK);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

#define PRINTS(x, text) ck_assert_str_eq(printed(x), text "\n")

/* The integers 0 .. size - 1, as NumPy's arange(size).reshape(shape). */
static tg_tensor counted(tg_tape *tape, tg_dtype dtype, tg_shape shape) {
    int64_t values[4096], size = tg_shape_size(shape);
    ck_assert_int_le(size, 4096);
    for (int64_t i = 0; i < size; i++)
        values[i] = i;
    return tg_cast(tg_constant(tape, TG_I64, shape, values), dtype);
}

START_TEST(columns_align_at_the_point) {
    tg_tape *tape = tg_tape_new();
    PRINTS(VECTOR(tape, 0.1, 0.25, 1), "[0.1  0.25 1.  ]");
    PRINTS(VECTOR(tape, 1, 2, 3), "[1. 2. 3.]");
    PRINTS(VECTOR(tape, -1, 10, 0.5), "[-1.  10.   0.5]");
    PRINTS(VECTOR(tape, M_PI, 10 * M_PI, 100 * M_PI), "[  3.14159265  31.41592654 314.15926536]");
    PRINTS(VECTOR(tape, 0, 0.1, -0.0), "[ 0.   0.1 -0. ]");
    PRINTS(VECTOR(tape, 0.123456789), "[0.12345679]");
    PRINTS(VECTOR(tape, 99999999, 1e5), "[99999999.   100000.]");
    PRINTS(counted(tape, TG_F32, TG_SHAPE(2, 3)), "[[0. 1. 2.]\n [3. 4. 5.]]");
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(exponents_when_numbers_are_far_apart) {
    tg_tape *tape = tg_tape_new();
    PRINTS(VECTOR(tape, 1e-5, 1), "[1.e-05 1.e+00]");
    PRINTS(VECTOR(tape, 1e8), "[1.e+08]");
    PRINTS(VECTOR(tape, 1.5e-4, 0.15), "[0.00015 0.15   ]");
    PRINTS(VECTOR(tape, 1, 1000), "[   1. 1000.]");
    PRINTS(VECTOR(tape, 1, 1001), "[1.000e+00 1.001e+03]");
    PRINTS(VECTOR(tape, 1e-5, 0, -1.25e100), "[ 1.00e-005  0.00e+000 -1.25e+100]");
    PRINTS(VECTOR(tape, 1 / 3e9, 1), "[3.33333333e-10 1.00000000e+00]");
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_is_no_number) {
    tg_tape *tape = tg_tape_new();
    PRINTS(VECTOR(tape, 1.5, NAN, -INFINITY), "[ 1.5  nan -inf]");
    PRINTS(VECTOR(tape, NAN, NAN), "[nan nan]");
    PRINTS(VECTOR(tape, INFINITY, -INFINITY), "[ inf -inf]");
    PRINTS(VECTOR(tape, 1.25, INFINITY), "[1.25  inf]");
    PRINTS(VECTOR(tape, 1e-10, NAN, 1), "[1.e-10    nan 1.e+00]");
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(float32_has_its_own_digits) {
    tg_tape *tape = tg_tape_new();
    PRINTS(tg_constant(tape, TG_F32, TG_SHAPE(3), ((float[]){0.1f, 1 / 3.f, 2})), "[0.1        0.33333334 2.        ]");
    PRINTS(tg_constant(tape, TG_F32, TG_SHAPE(1), ((float[]){1e-5f})), "[1.e-05]");
    PRINTS(tg_full(tape, TG_F32, TG_SHAPE(), 0.1), "0.1");
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(integers_and_truth) {
    tg_tape *tape = tg_tape_new();
    PRINTS(tg_constant(tape, TG_I64, TG_SHAPE(3), ((int64_t[]){1, -20, 300})), "[  1 -20 300]");
    PRINTS(tg_constant(tape, TG_I64, TG_SHAPE(1), ((int64_t[]){INT64_MIN})), "[-9223372036854775808]");
    PRINTS(tg_constant(tape, TG_BOOL, TG_SHAPE(2), ((bool[]){true, false})), "[ True False]");
    PRINTS(tg_constant(tape, TG_BOOL, TG_SHAPE(1), ((bool[]){true})), "[ True]");
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(single_numbers_have_all_their_digits) {
    tg_tape *tape = tg_tape_new();
    PRINTS(tg_num(0.1), "0.1");
    PRINTS(tg_num(2), "2.0");
    PRINTS(tg_num(1e-5), "1e-05");
    PRINTS(tg_num(123456789.125), "123456789.125");
    PRINTS(tg_num(1e16), "1e+16");
    PRINTS(tg_full(tape, TG_F64, TG_SHAPE(), 1 / 3.), "0.3333333333333333");
    PRINTS(tg_full(tape, TG_I64, TG_SHAPE(), 7), "7");
    PRINTS(tg_full(tape, TG_BOOL, TG_SHAPE(), 1), "True");
    PRINTS(tg_sum(VECTOR(tape, 1, 2, 3.5)), "6.5"); /* what is pending runs */
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(brackets_nest) {
    tg_tape *tape = tg_tape_new();
    PRINTS(counted(tape, TG_I64, TG_SHAPE(2, 2, 2)), "[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]");
    PRINTS(counted(tape, TG_I64, TG_SHAPE(2, 1, 1, 2)), "[[[[0 1]]]\n\n\n [[[2 3]]]]");
    PRINTS(counted(tape, TG_I64, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1)), "[[[[[[[[0]]]]]]]]");
    PRINTS(counted(tape, TG_I64, TG_SHAPE(0)), "[]");
    PRINTS(counted(tape, TG_I64, TG_SHAPE(3, 0)), "[]");
    PRINTS(tg_transpose(counted(tape, TG_I64, TG_SHAPE(2, 3)), 0, 1), "[[0 3]\n [1 4]\n [2 5]]");
    PRINTS(tg_broadcast_to(tg_full(tape, TG_I64, TG_SHAPE(), 5), TG_SHAPE(2, 2)), "[[5 5]\n [5 5]]");
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(long_rows_go_on_in_the_next_line) {
    tg_tape *tape = tg_tape_new();
    PRINTS(VECTOR(tape, 0, 1 / 6., 1 / 3., 0.5, 4 / 6., 5 / 6., 1),
           "[0.         0.16666667 0.33333333 0.5        0.66666667 0.83333333\n 1.        ]");
    PRINTS(counted(tape, TG_I64, TG_SHAPE(30)),
           "[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n 24 25 26 27 28 29]");
    PRINTS(VECTOR(tape, 0.5, 0.25, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5),
           "[0.5  0.25 0.5  0.5  0.5  0.5  0.5  0.5  0.5  0.5  0.5  0.5  0.5  0.5\n 0.5  0.5 ]");
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(of_many_the_ends_are_shown) {
    tg_tape *tape = tg_tape_new();
    PRINTS(counted(tape, TG_I64, TG_SHAPE(1001)), "[   0    1    2 ...  998  999 1000]");
    PRINTS(tg_add(counted(tape, TG_F64, TG_SHAPE(2000)), 0.5),
           "[5.0000e-01 1.5000e+00 2.5000e+00 ... 1.9975e+03 1.9985e+03 1.9995e+03]");
    PRINTS(counted(tape, TG_I64, TG_SHAPE(40, 40)), "[[   0    1    2 ...   37   38   39]\n"
                                                    " [  40   41   42 ...   77   78   79]\n"
                                                    " [  80   81   82 ...  117  118  119]\n"
                                                    " ...\n"
                                                    " [1480 1481 1482 ... 1517 1518 1519]\n"
                                                    " [1520 1521 1522 ... 1557 1558 1559]\n"
                                                    " [1560 1561 1562 ... 1597 1598 1599]]");
    PRINTS(counted(tape, TG_I64, TG_SHAPE(7, 1, 300)), "[[[   0    1    2 ...  297  298  299]]\n\n"
                                                       " [[ 300  301  302 ...  597  598  599]]\n\n"
                                                       " [[ 600  601  602 ...  897  898  899]]\n\n"
                                                       " ...\n\n"
                                                       " [[1200 1201 1202 ... 1497 1498 1499]]\n\n"
                                                       " [[1500 1501 1502 ... 1797 1798 1799]]\n\n"
                                                       " [[1800 1801 1802 ... 2097 2098 2099]]]");
    PRINTS(counted(tape, TG_I64, TG_SHAPE(200, 6)), "[[   0    1    2    3    4    5]\n"
                                                    " [   6    7    8    9   10   11]\n"
                                                    " [  12   13   14   15   16   17]\n"
                                                    " ...\n"
                                                    " [1182 1183 1184 1185 1186 1187]\n"
                                                    " [1188 1189 1190 1191 1192 1193]\n"
                                                    " [1194 1195 1196 1197 1198 1199]]");
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(the_locale_does_not_matter) {
    set_comma_locale();
    tg_tape *tape = tg_tape_new();
    PRINTS(VECTOR(tape, 0.5, 0.25), "[0.5  0.25]");
    setlocale(LC_NUMERIC, "C");
    tg_tape_free(tape);
}
END_TEST

START_TEST(values_that_cannot_be_printed) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = VECTOR(tape, 1, 2);
    FILE     *reading = fopen(NULL_DEVICE, "r");
    FAILS(tape, tg_print_tensor(x, NULL), TG_ERR_ARGUMENT, "print_tensor: the stream is NULL");
    FAILS(tape, tg_print_tensor(x, reading), TG_ERR_IO, "print_tensor: ");
    ck_assert_int_eq(tg_print_tensor(tg_num(1), reading), TG_ERR_IO);
    ck_assert_int_eq(tg_print_tensor(tg_num(1), NULL), TG_ERR_ARGUMENT);
    ck_assert_int_eq(tg_print_tensor((tg_tensor){0}, stdout), TG_ERR_HANDLE);
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor y = tg_exp(x);
    ck_assert(!tg_run(tape));
    FAILS(tape, tg_print_tensor(y, reading), TG_ERR_VALUE, "print_tensor: the value of exp");
    fclose(reading);
    tg_tape_free(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_tensor(void) {
    Suite *suite = suite_create("tensor");
    TCase *tcase = tcase_create("values");
    tcase_add_test(tcase, columns_align_at_the_point);
    tcase_add_test(tcase, exponents_when_numbers_are_far_apart);
    tcase_add_test(tcase, what_is_no_number);
    tcase_add_test(tcase, float32_has_its_own_digits);
    tcase_add_test(tcase, integers_and_truth);
    tcase_add_test(tcase, single_numbers_have_all_their_digits);
    tcase_add_test(tcase, brackets_nest);
    tcase_add_test(tcase, long_rows_go_on_in_the_next_line);
    tcase_add_test(tcase, of_many_the_ends_are_shown);
    tcase_add_test(tcase, the_locale_does_not_matter);
    tcase_add_test(tcase, values_that_cannot_be_printed);
    suite_add_tcase(suite, tcase);
    return suite;
}
