/* tests/io/test_metrics.c: a table that grows: its rows, going on with one, and that its rows are whole whatever happens.
 *
 * SPDX-License-Identifier: MIT */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#endif
#include <tapegrad/report.h>
#include <unistd.h>

#include "files.h"

#define CONTENT(path, expected) check_content(__FILE__, __LINE__, path, expected)
static void check_content(const char *file, int line, const char *path, const char *expected) {
    size_t count;
    char  *bytes = (char *)read_bytes(path, &count);
    bytes[count] = 0;
    ck_assert_msg(!strcmp(bytes, expected), "%s:%d: the file has\n%s\nnot\n%s", file, line, bytes, expected);
    free(bytes);
}

/* Opens the file to go on after that step, writes a row, and closes it. */
static void go_on(tg_tape *tape, const char *path, double step, double loss) {
    tg_metrics *metrics = tg_metrics_open(tape, path, "step,loss", &(tg_metrics_options){.resume = true, .step = step});
    tg_metrics_write(tape, metrics, TG_ROW(step + 1, loss));
    tg_metrics_close(metrics);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* Each is in the file as soon as it is written. */
START_TEST(rows) {
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("rows.csv");
    write_text(path, "an older file\n");
    tg_metrics *metrics = tg_metrics_open(tape, path, "step, train loss,test_loss", NULL);
    CONTENT(path, "step, train loss,test_loss\n");
    tg_metrics_write(tape, metrics, TG_ROW(1, 0.1, 2));
    CONTENT(path, "step, train loss,test_loss\n1,0.1,2\n");
    tg_metrics_write(tape, metrics, TG_ROW(2, NAN, -INFINITY));
    double row[] = {-0.0, -(double)NAN, 1e-5};
    tg_metrics_write(tape, metrics, tg_row_from(3, row));
    CONTENT(path, "step, train loss,test_loss\n1,0.1,2\n2,nan,-inf\n-0,nan,1e-05\n");
    tg_metrics_close(metrics);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* The file says with its digits which double it was, in any locale. */
START_TEST(numbers_come_back) {
    static const double numbers[] =
        {1.0 / 3,       0.1 + 0.2, 1e300 / 7,          5e-324, 1.7976931348623157e308, 9007199254740991,
         123456789.125, -2.5,      0.30000001192092896};
    enum { COUNT = sizeof numbers / sizeof *numbers };
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("numbers.csv");
    bool        comma = set_comma_locale();
    tg_metrics *metrics = tg_metrics_open(tape, path, "x", NULL);
    for (int i = 0; i < COUNT; i++)
        tg_metrics_write(tape, metrics, TG_ROW(numbers[i]));
    tg_metrics_close(metrics);
    metrics = tg_metrics_open(tape, path, "x", &(tg_metrics_options){.resume = true, .step = INFINITY});
    tg_metrics_close(metrics);
    if (comma) setlocale(LC_NUMERIC, "C");
    tg_tensor x = tg_load_csv(tape, path, TG_F64, &(tg_csv_options){.header = true});
    CHECK_SAME(x, tg_constant(tape, TG_F64, TG_SHAPE(COUNT, 1), numbers));
    tg_tape_free(tape);
}
END_TEST

START_TEST(wrong_calls) {
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("wrong.csv");
    write_text(path, "as it was\n");
    FAILS_ON(tape, tg_metrics_open(tape, path, NULL, NULL), TG_ERR_ARGUMENT, path, "metrics_open: PATH: the columns are NULL");
    FAILS_ON(tape, tg_metrics_open(tape, path, "", NULL), TG_ERR_NAME, path, "metrics_open: PATH: column 1 has no name");
    FAILS_ON(tape, tg_metrics_open(tape, path, "a, ,b", NULL), TG_ERR_NAME, path, "metrics_open: PATH: column 2 has no name");
    FAILS_ON(tape, tg_metrics_open(tape, path, "a,b, a", NULL), TG_ERR_NAME, path,
             "metrics_open: PATH: the column 'a' comes twice");
    FAILS_ON(tape, tg_metrics_open(tape, path, "a\nb", NULL), TG_ERR_NAME, path,
             "metrics_open: PATH: the columns' names hold quotes or line ends");
    CONTENT(path, "as it was\n");
    FAILS_ON(tape, tg_metrics_open(tape, scratch("no/where"), "a", NULL), TG_ERR_IO, scratch("no/where"),
             "metrics_open: PATH: it cannot be opened: No such file or directory");
    tg_metrics *metrics = tg_metrics_open(tape, path, "a,b", NULL);
    FAILS_ON(tape, tg_metrics_write(tape, metrics, TG_ROW(1)), TG_ERR_SHAPE, path,
             "metrics_write: PATH: a row of 1 numbers for 2 columns");
    FAILS_ON(tape, tg_metrics_write(tape, metrics, TG_ROW(1, 2, 3)), TG_ERR_SHAPE, path,
             "metrics_write: PATH: a row of 3 numbers for 2 columns");
    tg_matmul(tg_full(tape, TG_F64, TG_SHAPE(2), 1), 3); /* after an error nothing is written */
    ck_assert_int_eq(tg_metrics_write(tape, metrics, TG_ROW(1, 2)), tg_error_status(tape));
    ck_assert_ptr_null(tg_metrics_open(tape, path, "a,b", NULL));
    CONTENT(path, "a,b\n");
    tg_metrics_close(metrics);
    tg_tape_free(tape);
}
END_TEST

START_TEST(no_file) {
    tg_tape    *tape = tg_tape_new();
    tg_metrics *metrics = tg_metrics_open(tape, NULL, "a", NULL);
    ck_assert_ptr_null(metrics);
    ck_assert_int_eq(tg_metrics_write(tape, metrics, TG_ROW(1, 2, 3)), TG_OK);
    tg_metrics_close(metrics);
    CHECK_OK(tape);
    tg_tape_free(tape);
    ck_assert_ptr_null(tg_metrics_open(NULL, scratch("no_tape.csv"), "a", NULL));
    ck_assert_int_ne(access(scratch("no_tape.csv"), F_OK), 0);
}
END_TEST

/* ---- going on ---------------------------------------------------------------------------------------------------- */

START_TEST(what_stays_and_what_goes) {
    static const struct {
        const char *before, *after;
    } cases[] = {
        {"step,loss\n", "step,loss\n3,7\n"},
        {"step,loss\n1,5\n2,4\n", "step,loss\n1,5\n2,4\n3,7\n"},
        {"step,loss\n1,5\n2,4\n3,3\n4,2\n", "step,loss\n1,5\n2,4\n3,7\n"},
        {"step,loss\n10,5\n", "step,loss\n3,7\n"},
        {"step,loss\n1,5\n2,4", "step,loss\n1,5\n3,7\n"}, /* the last row has no end */
        {"step,loss\n1,5\n2", "step,loss\n1,5\n3,7\n"},
        {"step,loss\n1,nan\n2,-inf\n", "step,loss\n1,nan\n2,-inf\n3,7\n"},
        {" step , loss\n1, 5\n 2.5e0,4\n", " step , loss\n1, 5\n3,7\n"},
        {"", "step,loss\n3,7\n"}, /* killed before the names were there */
        {"step,lo", "step,loss\n3,7\n"},
        {"step,loss", "step,loss\n3,7\n"},
    };
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("resumed.csv");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text(path, cases[i].before);
        go_on(tape, path, 2, 7);
        CHECK_OK(tape);
        CONTENT(path, cases[i].after);
    }
    remove(path);
    go_on(tape, path, 2, 7);
    go_on(tape, path, 3, 6);
    CONTENT(path, "step,loss\n3,7\n4,6\n");
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_is_no_such_file_is_left_alone) {
    static const struct {
        const char *content, *text;
        tg_status   status;
    } cases[] = {
        {"step,lost\n1,5\n", "line 1: column 2 is 'lost', not 'loss'", TG_ERR_NAME},
        {"loss,step\n1,5\n", "line 1: column 1 is 'loss', not 'step'", TG_ERR_NAME},
        {"step\n1\n", "line 1: there is no column 2, 'loss'", TG_ERR_NAME},
        {"step,loss,rate\n1,5,3\n", "line 1: column 3, 'rate', is not wanted", TG_ERR_NAME},
        {"\n", "line 1: column 1 is '', not 'step'", TG_ERR_NAME},
        {"a poem", "line 1: column 1 is 'a poem', not 'step'", TG_ERR_NAME},
        {"step,loss\n1,5\nx,4\n", "line 3: 'x' is no number", TG_ERR_IO},
        {"step,loss\n1,5\n\n2,4\n", "line 3: '' is no number", TG_ERR_IO},
        {"step,loss\n1,5\nnan,4\n", "line 3: 'nan' is no number", TG_ERR_IO},
        {"step,loss\n1,5\n2,4,3\n", "line 3: it has 3 columns, not 2", TG_ERR_IO},
        {"step,loss\n1\n2,4\n", "line 2: it has 1 columns, not 2", TG_ERR_IO},
    };
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("other.csv");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_text(path, cases[i].content);
        ck_assert_ptr_null(tg_metrics_open(tape, path, "step,loss", &(tg_metrics_options){.resume = true, .step = 2}));
        ck_assert_int_eq(tg_error_status(tape), cases[i].status);
        ck_assert_msg(strstr(tg_error(tape), cases[i].text) && strstr(tg_error(tape), path), "%s", tg_error(tape));
        tg_clear_error(tape);
        CONTENT(path, cases[i].content);
    }
    FAILS_ON(tape, tg_metrics_open(tape, getenv("TAPEGRAD_SCRATCH"), "a", &(tg_metrics_options){.resume = true}), TG_ERR_IO,
             getenv("TAPEGRAD_SCRATCH"), "metrics_open: PATH: ");
    tg_tape_free(tape);
}
END_TEST

/* ---- whatever happens -------------------------------------------------------------------------------------------- */

#ifndef _WIN32 /* which has no such signals and limits */

/* The disk is full after a part of the last row: what was written of it goes. */
static int fill_the_disk(const char *path) {
    tg_tape *tape = tg_tape_new();
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){40, 40});
    tg_metrics *metrics = tg_metrics_open(tape, path, "step,loss", NULL);
    for (int step = 1; step <= 10; step++)
        tg_metrics_write(tape, metrics, TG_ROW(step, 1.0 / 3));
    tg_metrics_close(metrics);
    return tg_error_status(tape) == TG_ERR_IO && strstr(tg_error(tape), "it cannot be written: File too large") ? 0 : 1;
}

static int be_killed(const char *path) {
    tg_tape    *tape = tg_tape_new();
    tg_metrics *metrics = tg_metrics_open(tape, path, "step,loss", NULL);
    for (int step = 1; step <= 3; step++)
        tg_metrics_write(tape, metrics, TG_ROW(step, 0.5));
    raise(SIGKILL);
    return 1;
}

static int status_of_child(int (*act)(const char *), const char *path) {
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(act(path));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

START_TEST(rows_are_whole) {
    const char *path = scratch("whole.csv");
    ck_assert_int_eq(status_of_child(fill_the_disk, path), 0);
    CONTENT(path, "step,loss\n1,0.3333333333333333\n");
    ck_assert(WIFSIGNALED(status_of_child(be_killed, path)));
    CONTENT(path, "step,loss\n1,0.5\n2,0.5\n3,0.5\n");
}
END_TEST

#endif

Suite *suite_metrics(void) {
    Suite *suite = suite_create("io/metrics");
    TCase *tcase = tcase_create("metrics");
    tcase_set_timeout(tcase, 60); /* a locale may have to be made */
    tcase_add_test(tcase, rows);
    tcase_add_test(tcase, numbers_come_back);
    tcase_add_test(tcase, wrong_calls);
    tcase_add_test(tcase, no_file);
    tcase_add_test(tcase, what_stays_and_what_goes);
    tcase_add_test(tcase, what_is_no_such_file_is_left_alone);
#ifndef _WIN32
    tcase_add_test(tcase, rows_are_whole);
#endif
    suite_add_tcase(suite, tcase);
    return suite;
}
