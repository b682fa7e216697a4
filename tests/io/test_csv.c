/* tests/io/test_csv.c: tables of numbers.
 *
 * SPDX-License-Identifier: MIT */
#include <locale.h>
#include <math.h>
#include <string.h>

#include "files.h"

static tg_tensor load(tg_tape *tape, const char *text, const tg_csv_options *options) {
    write_text(scratch("x.csv"), text);
    return tg_load_csv(tape, scratch("x.csv"), TG_F64, options);
}

START_TEST(one_table_in_many_forms) {
    static const char *const texts[] = {
        "1,2.5\n-3,4e2\n",
        "1,2.5\n-3,4e2",
        "1,2.5\r\n-3,4e2\r\n",
        "1,2.5\r-3,4e2\r",
        "\357\273\2771,2.5\n-3,4e2\n",
        " 1 ,\t2.5 \n-3, 4e2\n",
        "\n1,2.5\n\n  \n-3,4e2\n\n",
        "\"1\",\"2.5\"\n\"-3\" , \" 4e2\"\n",
        "+1,2.50\n-3.,.4E+3\n",
    };
    tg_tape *tape = tg_tape_new();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        tg_tensor x = load(tape, texts[i], NULL);
        CHECK_F64(x, 1, 2.5, -3, 400);
        ck_assert(tg_shape_equal(tg_shape_of(x), TG_SHAPE(2, 2)));
    }
    tg_tape_free(tape);
}
END_TEST

START_TEST(options) {
    tg_tape *tape = tg_tape_new();
    CHECK_F64(load(tape, "a,b\n1,2\n", &(tg_csv_options){.header = true}), 1, 2);
    CHECK_F64(load(tape, "\"a, \"\"the\nfirst\"\"\",b\n1,2\n", &(tg_csv_options){.header = true}), 1, 2);
    CHECK_F64(load(tape, "1;2\n", &(tg_csv_options){.separator = ';'}), 1, 2);
    CHECK_F64(load(tape, "1\t2\n", &(tg_csv_options){.separator = '\t'}), 1, 2);
    CHECK_F64(load(tape, "1 2\n", &(tg_csv_options){.separator = ' '}), 1, 2);
    CHECK_F64(load(tape, "1,2,setosa\n3,4,virginica\n", &(tg_csv_options){.columns = 2}), 1, 2, 3, 4);
    tg_tensor iris = tg_load_csv(tape, SOURCE_DIR "/data/iris.csv", TG_F32, &(tg_csv_options){.header = true, .columns = 4});
    ck_assert(tg_shape_equal(tg_shape_of(iris), TG_SHAPE(150, 4)));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(numbers_of_each_dtype) {
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("x.csv");
    CHECK_F64(load(tape, "inf,-Infinity,nan,1e-400,5e-324,0.1\n", NULL), INFINITY, -INFINITY, NAN, 0, 5e-324, 0.1);
    write_text(path, "9223372036854775807,-9223372036854775808\n");
    CHECK_I64(tg_load_csv(tape, path, TG_I64, NULL), INT64_MAX, INT64_MIN);
    write_text(path, "0.1,16777217\n"); /* the float32 nearest to the text */
    CHECK_SAME(tg_load_csv(tape, path, TG_F32, NULL), tg_constant(tape, TG_F32, TG_SHAPE(1, 2), (float[]){0.1f, 16777216}));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(tables_without_numbers) {
    tg_tape *tape = tg_tape_new();
    CHECK_SAME(load(tape, "", NULL), tg_full(tape, TG_F64, TG_SHAPE(0, 0), 0));
    CHECK_SAME(load(tape, "\n\n", NULL), tg_full(tape, TG_F64, TG_SHAPE(0, 0), 0));
    CHECK_SAME(load(tape, "a,b", &(tg_csv_options){.header = true, .columns = 2}), tg_full(tape, TG_F64, TG_SHAPE(0, 2), 0));
    tg_tape_free(tape);
}
END_TEST

/* Where that locale is installed, its decimal comma changes nothing. */
START_TEST(the_locale_does_not_count) {
    tg_tape *tape = tg_tape_new();
    setlocale(LC_ALL, "de_DE.UTF-8");
    CHECK_F64(load(tape, "1.5,2\n", NULL), 1.5, 2);
    setlocale(LC_ALL, "C");
    tg_tape_free(tape);
}
END_TEST

START_TEST(errors_say_line_and_column) {
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"1,2\n3,x\n", "line 2, column 2: 'x' is no float64"},
        {"a,b\n1,2\n", "line 1, column 1: 'a' is no float64"},
        {"1,2\n\n3\n", "line 3: it has 1 columns, and the first has 2"},
        {"1,2\n3,4,5\n", "line 2: it has 3 columns, and the first has 2"},
        {"1,\n", "line 1, column 2: '' is no float64"},
        {"1,,2\n", "line 1, column 2: '' is no float64"},
        {"1,2 3\n", "line 1, column 2: '2 3' is no float64"},
        {"0x10\n", "line 1, column 1: '0x10' is no float64"},
        {"nan(1)\n", "line 1, column 1: 'nan(1)' is no float64"},
        {"1e999\n", "line 1, column 1: '1e999' is no float64"},
        {"\n\"1\n", "line 2: the quotes that begin here do not end"},
        {"\"1\"2,3\n\"1\"\"\"\n", "line 2, column 1: '1\"' is no float64"},
    };
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("x.csv");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128] = "load_csv: PATH: ";
        strcat(text, cases[i].error);
        write_text(path, cases[i].text);
        FAILS_ON(tape, tg_load_csv(tape, path, TG_F64, NULL), TG_ERR_IO, path, text);
    }
    write_text(path, "1,2.5\n");
    FAILS_ON(tape, tg_load_csv(tape, path, TG_I64, NULL), TG_ERR_IO, path,
             "load_csv: PATH: line 1, column 2: '2.5' is no int64");
    write_text(path, "9223372036854775808\n");
    FAILS_ON(tape, tg_load_csv(tape, path, TG_I64, NULL), TG_ERR_IO, path,
             "load_csv: PATH: line 1, column 1: '9223372036854775808' is no int64");
    FAILS_ON(tape, tg_load_csv(tape, path, TG_F64, &(tg_csv_options){.columns = 2}), TG_ERR_IO, path,
             "load_csv: PATH: line 1: it has 1 columns, 2 are wanted");
    FAILS_ON(tape, tg_load_csv(tape, path, TG_BOOL, NULL), TG_ERR_DTYPE, path, "load_csv: PATH: numbers are loaded as");
    FAILS_ON(tape, tg_load_csv(tape, path, TG_F64, &(tg_csv_options){.separator = '.'}), TG_ERR_ARGUMENT, path,
             "load_csv: PATH: the separator '.' can be part of a number or a line");
    FAILS_ON(tape, tg_load_csv(tape, path, TG_F64, &(tg_csv_options){.columns = -1}), TG_ERR_ARGUMENT, path,
             "load_csv: PATH: -1 columns cannot be loaded");
    tg_tape_free(tape);
}
END_TEST

Suite *suite_csv(void) {
    Suite *suite = suite_create("io/csv");
    TCase *tcase = tcase_create("csv");
    tcase_add_test(tcase, one_table_in_many_forms);
    tcase_add_test(tcase, options);
    tcase_add_test(tcase, numbers_of_each_dtype);
    tcase_add_test(tcase, tables_without_numbers);
    tcase_add_test(tcase, the_locale_does_not_count);
    tcase_add_test(tcase, errors_say_line_and_column);
    suite_add_tcase(suite, tcase);
    return suite;
}
