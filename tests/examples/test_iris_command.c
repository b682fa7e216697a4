/* tests/examples/test_iris_command.c: the command line of the iris example: what it takes, what it refuses, what it writes.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "programs.h"

/* ---- the options -------------------------------------------------------------------------------------------- */

START_TEST(help_names_every_option) {
    static const char *const options[] = {"--epochs", "--lr",  "--seed", "--hidden", "--dtype", "--loss", "--record",
                                          "--check",  "--csv", "--plot", "--graph",  "--data",  "--help"};
    succeeds("\"$IRIS\" --help");
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        ck_assert_msg(strstr(out, options[i]) != NULL, "%s is missing", options[i]);
    static char printed[sizeof out];
    strcpy(printed, out);
    succeeds("\"$IRIS\" -h");
    ck_assert_str_eq(out, printed);
}
END_TEST

START_TEST(wrong_options) {
    static const char *const cases[][2] = {
        {"--epochs -1", "--epochs: expected an integer from 1 to 2147483647, found '-1'"},
        {"--epochs abc", "found 'abc'"},
        {"--epochs 1e99", "found '1e99'"},
        {"--epochs 0", "found '0'"},
        {"--epochs ''", "found ''"},
        {"--epochs ' 5'", "found ' 5'"},
        {"--epochs 2147483648", "found '2147483648'"},
        {"--epochs 99999999999999999999", "found '99999999999999999999'"},
        {"--epochs", "--epochs: needs a value"},
        {"--lr 0", "--lr: expected a finite number above 0, found '0'"},
        {"--lr -0.1", "found '-0.1'"},
        {"--lr nan", "found 'nan'"},
        {"--lr inf", "found 'inf'"},
        {"--lr 1e999", "found '1e999'"},
        {"--lr 0.1x", "found '0.1x'"},
        {"--lr ''", "found ''"},
        {"--seed -3", "--seed: expected an integer from 0 to 18446744073709551615, found '-3'"},
        {"--seed 18446744073709551616", "found '18446744073709551616'"},
        {"--hidden 0", "--hidden: expected an integer from 1 to 1000000, found '0'"},
        {"--hidden 2.5", "found '2.5'"},
        {"--hidden 1000001", "found '1000001'"},
        {"--dtype f16", "--dtype: expected f32 or f64, found 'f16'"},
        {"--loss mse", "--loss: expected half-squared or bce, found 'mse'"},
        {"--record never", "--record: expected once or each, found 'never'"},
        {"--check=yes", "--check=yes: takes no value"},
        {"--bogus", "--bogus: no such option; --help lists them"},
        {"--l 3", "--l: no such option"},
        {"-x", "-x: no such option"},
        {"-xyz", "no such option"},
        {"extra", "extra: unexpected"},
        {"--epochs 3 -- --lr", "--lr: unexpected"},
        {"--csv ''", "--csv: expected a file name"},
        {"--csv", "--csv: needs a value"},
        {"--graph ''", "--graph: expected a file name"},
        {"--data ''", "--data: expected a file name"},
        {"\"$(printf 'two\\nlines')\"", "two?lines: unexpected"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char command[512];
        snprintf(command, sizeof command, "\"$IRIS\" --csv \"$T/x.csv\" %s", cases[i][0]);
        refuses(command, cases[i][1]);
    }
}
END_TEST

START_TEST(files_that_cannot_be_written) {
    refuses("\"$IRIS\" --csv \"$T/no/such/x.csv\"", "/no/such/x.csv: No such file or directory");
    refuses("\"$IRIS\" --csv \"$T\"", ": Is a directory");
    refuses("\"$IRIS\" --csv /dev/null", "/dev/null: Not a regular file");
    refuses("\"$IRIS\" --csv \"$T/$(printf '%0300d' 1)\"", strerror(ENAMETOOLONG));
    if (geteuid() != 0) {
        succeeds("mkdir \"$T/locked\"; chmod 555 \"$T/locked\"");
        refuses("\"$IRIS\" --csv \"$T/locked/x.csv\"", "Permission denied");
    }
    if (access("/dev/full", W_OK) == 0) {
        ck_assert_int_eq(run("\"$IRIS\" >/dev/full"), 2);
        ck_assert_str_eq(err, "iris_fnn: standard output: No space left on device\n");
    }
}
END_TEST

START_TEST(an_older_file_is_replaced_whole_or_not_at_all) {
    double losses[3];
    succeeds("echo old >\"$T/x.csv\"");
    refuses("\"$IRIS\" --csv \"$T/x.csv\" --data \"$T\"", "Is a directory");
    ck_assert_str_eq(content("x.csv"), "old\n");
    succeeds("\"$IRIS\" --csv \"$T/x.csv\" --epochs 3");
    read_csv("x.csv", losses, 3);
    succeeds("cd \"$T\" && \"$IRIS\" --csv '|odd name.csv' --epochs 3");
    read_csv("|odd name.csv", losses, 3);
    ck_assert_int_eq(entries(), 2);
}
END_TEST

/* ---- the data ---------------------------------------------------------------------------------------------------- */

START_TEST(tables_that_are_not_the_iris_table) {
    static const char *const cases[][2] = {
        /* what sed does to the table, what the complaint says */
        {"17s/.*/5.1,3.5,1.4,setosa/", "/bad.csv:17: expected 5 fields, found 4"},
        {"17s/$/,x/", "/bad.csv:17: expected 5 fields, found 6"},
        {"17s/.*//", "/bad.csv:17: expected 5 fields, found 0"},
        {"17s/,/;/g", "/bad.csv:17: expected 5 fields, found 1"},
        {"20s/setosa/tulip/", "/bad.csv:20: species: expected setosa, versicolor or virginica, found 'tulip'"},
        {"20s/setosa/setosa /", "/bad.csv:20: species: expected"},
        {"20s/setosa//", "/bad.csv:20: species: expected setosa, versicolor or virginica, found ''"},
        {"30s/^[^,]*/abc/", "/bad.csv:30: sepal_length: expected a finite number, at least 0, found 'abc'"},
        {"30s/^[^,]*//", "/bad.csv:30: sepal_length: expected a finite number, at least 0, found ''"},
        {"30s/^[^,]*/nan/", "/bad.csv:30: sepal_length: expected a finite number, at least 0, found 'nan'"},
        {"30s/^[^,]*/inf/", "found 'inf'"},
        {"30s/^[^,]*/1e999/", "found '1e999'"},
        {"30s/^[^,]*/5.1x/", "found '5.1x'"},
        {"30s/^[^,]*/-5.1/", "found '-5.1'"},
        {"140s/,[^,]*,virginica/,NaN,virginica/", "/bad.csv:140: petal_width: expected a finite number"},
        {"30s/^[^,]*,[^,]*/0,0/", "/bad.csv:30: a sepal of 0 x 0 cannot be normalised"},
        {"130s/^[^,]*,[^,]*/0,0/", "/bad.csv:130: a sepal of 0 x 0 cannot be normalised"},
        {"30s/^[^,]*,[^,]*/1e200,1e200/", "/bad.csv:30: a sepal of 1e200 x 1e200 cannot be normalised"},
        {"1d", "/bad.csv:1: expected the column name sepal_length, found '5.1'"},
        {"1s/petal_width/width/", "/bad.csv:1: expected the column name petal_width, found 'width'"},
        {"1s/.*/sepal_length/", "/bad.csv:1: expected 5 fields, found 1"},
        {"$d", "/bad.csv: expected 150 rows, 50 of each species, found 149, 49 of them virginica"},
        {"30d", "/bad.csv: expected 150 rows, 50 of each species, found 149, 49 of them setosa"},
        {"2,$d", "/bad.csv: expected 150 rows, 50 of each species, found 0, 0 of them setosa"},
        {"1,$d", "/bad.csv: expected a header and 150 rows, found an empty file"},
        {"2p", "/bad.csv:52: expected 50 rows of setosa, found more"},
        {"20s/setosa/versicolor/", "/bad.csv:101: expected 50 rows of versicolor, found more"},
        {"20s/setosa/virginica/", "/bad.csv:151: expected 50 rows of virginica, found more"},
        {"40s/$/0000000000/;40s/0*$/&&&&&&&&&&/;40s/0*$/&&&/", "/bad.csv:40: expected a line of text of at most 254"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char command[512];
        snprintf(command, sizeof command, "sed '%s' \"$DATA\" >\"$T/bad.csv\"", cases[i][0]);
        succeeds(command);
        refuses("\"$IRIS\" --data \"$T/bad.csv\" --csv \"$T/x.csv\"", cases[i][1]);
    }
}
END_TEST

START_TEST(files_that_cannot_be_read) {
    refuses("\"$IRIS\" --data \"$T/nothing.csv\"", "/nothing.csv: No such file or directory");
    refuses("\"$IRIS\" --data \"$T\"", ": Is a directory");
    refuses("\"$IRIS\" --data /dev/null", "/dev/null: expected a header and 150 rows, found an empty file");
    refuses("\"$IRIS\" --data /dev/zero", "/dev/zero:1: expected a line of text");
    refuses("\"$IRIS\" --data \"$IRIS\"", "/iris_fnn:");
    if (geteuid() != 0) {
        succeeds("cp \"$DATA\" \"$T/locked.csv\"; chmod 000 \"$T/locked.csv\"");
        refuses("\"$IRIS\" --data \"$T/locked.csv\"", "/locked.csv: Permission denied");
    }
}
END_TEST

/* The species decides, not the place; line ends, and a mark in front of the text, may be those of another system. */
START_TEST(tables_that_are) {
    char expected[sizeof out];
    succeeds("\"$IRIS\"");
    strcpy(expected, out);
    succeeds("awk '{ printf \"%s\\r\\n\", $0 }' \"$DATA\" >\"$T/crlf.csv\"");
    succeeds("\"$IRIS\" --data \"$T/crlf.csv\"");
    ck_assert_str_eq(out, expected);
    succeeds("{ printf '\\357\\273\\277'; cat \"$DATA\"; } >\"$T/marked.csv\"");
    succeeds("\"$IRIS\" --data \"$T/marked.csv\"");
    ck_assert_str_eq(out, expected);
    succeeds("awk 'NR > 1 { printf \"\\n\" } { printf \"%s\", $0 }' \"$DATA\" >\"$T/no-end.csv\"");
    succeeds("\"$IRIS\" --data \"$T/no-end.csv\"");
    ck_assert_str_eq(out, expected);
    succeeds("{ head -1 \"$DATA\"; tail -50 \"$DATA\"; sed -n '2,101p' \"$DATA\"; } >\"$T/moved.csv\"");
    succeeds("\"$IRIS\" --data \"$T/moved.csv\"");
    ck_assert_str_eq(out, expected);
}
END_TEST

/* ---- the picture ------------------------------------------------------------------------------------------------- */

/* Puts a program of that name in front of the PATH. */
static void fake(const char *name, const char *program) {
    char command[1024];
    snprintf(command, sizeof command,
             "mkdir -p \"$T/bin\"; cat >\"$T/bin/%s\" <<'EOF'\n#!/bin/sh\n%s\nEOF\n"
             "chmod +x \"$T/bin/%s\"",
             name, program, name);
    succeeds(command);
}

/* It gets the script on its standard input, and `output` is the file that the script names. */
static void fake_gnuplot(const char *program) {
    fake("gnuplot", program);
}

#define WITH_FAKE "PATH=\"$T/bin:$PATH\"; "
#define KEEP_SCRIPT "cat >\"$T/bin/script\"; output=$(sed -n \"s/^set output '\\(.*\\)'$/\\1/p\" \"$T/bin/script\")\n"

START_TEST(a_picture_through_gnuplot) {
    static const char *const cases[][2] = {{"png", "set terminal pngcairo"},
                                           {"svg", "set terminal svg"},
                                           {"pdf", "set terminal pdfcairo"}};
    fake_gnuplot(KEEP_SCRIPT "echo a picture >\"$output\"; echo much talk; echo much talk >&2");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char command[256], name[16];
        snprintf(command, sizeof command, WITH_FAKE "\"$IRIS\" --dtype f64 --plot \"$T/loss.%s\"", cases[i][0]);
        snprintf(name, sizeof name, "loss.%s", cases[i][0]);
        succeeds(command);
        ck_assert_ptr_nonnull(strstr(out, "Epoch 100 | Loss: "));
        ck_assert_ptr_null(strstr(out, "talk"));
        ck_assert_str_eq(content(name), "a picture\n");

        const char *script = content("bin/script");
        ck_assert_msg(strstr(script, cases[i][1]) != NULL, "%s", script);
        const char *rows = strstr(script, "\n0 0.92282");
        ck_assert_ptr_nonnull(rows);
        ck_assert_double_eq_tol(strtod(rows + 3, NULL), 0.92282306111304, 5e-7);
        ck_assert_ptr_nonnull(strstr(rows, "\n100 0.66"));
    }
    ck_assert_int_eq(entries(), 4); /* bin and three pictures */
}
END_TEST

START_TEST(a_gnuplot_that_fails) {
    static const char *const programs[] = {
        "exit 3",                                     /* before it has read all of the script */
        "cat >/dev/null",                             /* says yes and draws nothing */
        KEEP_SCRIPT "echo half >\"$output\"; exit 1", /* after half of the picture */
        KEEP_SCRIPT "rm \"$output\"",                 /* loses the file */
        "kill -9 $$",
    };
    succeeds("echo old >\"$T/x.svg\"");
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        fake_gnuplot(programs[i]);
        succeeds("rm -f \"$T/bin/script\"");
        int before = entries();
        ck_assert_int_eq(run(WITH_FAKE "\"$IRIS\" --hidden 1 --epochs 5000 --plot \"$T/x.svg\""), 2);
        ck_assert_msg(strstr(err, "/x.svg: gnuplot could not draw it (terminal svg") != NULL, "%zu: %s", i, err);
        ck_assert_ptr_eq(strchr(err, '\n'), err + strlen(err) - 1);
        ck_assert_str_eq(content("x.svg"), "old\n");
        ck_assert_int_eq(entries(), before);
    }
}
END_TEST

START_TEST(a_gnuplot_that_is_not_there) {
    succeeds("\"$IRIS\" --epochs 1"); /* where the program is started by a script of libtool's, that has now done its work */
    succeeds("mkdir \"$T/bin\"; for tool in sh sed dirname basename ls cat expr rm mv mkdir uname grep; do\n"
             "path=$(command -v $tool) && ln -s \"$path\" \"$T/bin\"; done; :");
    refuses("PATH=\"$T/bin\"; \"$IRIS\" --plot \"$T/x.svg\"", "--plot needs gnuplot");
}
END_TEST

START_TEST(pictures_that_cannot_be_drawn) {
    fake_gnuplot("exit 0");
    refuses(WITH_FAKE "\"$IRIS\" --plot \"$T/x.gif\"", "--plot: expected a name that ends in .png, .svg or .pdf, found");
    refuses(WITH_FAKE "\"$IRIS\" --plot x", "found 'x'");
    refuses(WITH_FAKE "\"$IRIS\" --plot \"$T.png/x\"", "--plot: expected a name that ends in");
    refuses(WITH_FAKE "\"$IRIS\" --plot ''", "--plot: expected a file name");
    refuses(WITH_FAKE "\"$IRIS\" --plot \"$T/no/such/x.png\"", "/no/such/x.png: No such file or directory");
    refuses(WITH_FAKE "\"$IRIS\" --plot \"$T/$(printf 'a\\nb').png\"", "without a line break");
    succeeds("mkdir \"$T/x.png\"");
    refuses(WITH_FAKE "\"$IRIS\" --plot \"$T/x.png\"", "/x.png: Is a directory");
}
END_TEST

/* Of one epoch, or of losses that are not finite after the first. */
START_TEST(losses_that_make_no_line) {
    static const char *const cases[] = {"--epochs 1", "--lr 1e300 --dtype f64 --loss bce"};
    fake_gnuplot(KEEP_SCRIPT "echo a picture >\"$output\"");
    succeeds("echo old >\"$T/x.svg\"");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char command[256];
        snprintf(command, sizeof command, WITH_FAKE "\"$IRIS\" %s --plot \"$T/x.svg\"", cases[i]);
        ck_assert_int_eq(run(command), 2);
        ck_assert_msg(strstr(err, "/x.svg: not drawn: a line takes two finite losses, found 1\n") != NULL, "%s", err);
        ck_assert_str_eq(content("x.svg"), "old\n");
    }
    succeeds(WITH_FAKE "\"$IRIS\" --epochs 2 --plot \"$T/x.svg\"");
    ck_assert_str_eq(content("x.svg"), "a picture\n");
}
END_TEST

START_TEST(a_loss_that_is_not_finite) {
    static const char *const records[] = {"once", "each"};
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        char command[256];
        snprintf(command, sizeof command, "\"$IRIS\" --lr 1e300 --dtype f64 --loss bce --record %s", records[i]);
        ck_assert_int_eq(run(command), 0);
        ck_assert_str_eq(err, "iris_fnn: warning: the loss is not finite from epoch 1 on\n");
        ck_assert_ptr_nonnull(strstr(out, "Epoch 100 | Loss: nan\n"));
    }
}
END_TEST

START_TEST(pictures_from_the_real_gnuplot) {
    static const char *const cases[][3] = {{"png", "pngcairo", "\x89PNG"},
                                           {"svg", "svg", "<?xml"},
                                           {"pdf", "pdfcairo", "%PDF"}};
    if (run("command -v gnuplot") != 0) return;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char command[256], name[32];
        snprintf(command, sizeof command, "gnuplot -e 'set terminal %s'", cases[i][1]);
        if (run(command) != 0) continue; /* a gnuplot without it */
        snprintf(name, sizeof name, "it's a loss.%s", cases[i][0]);
        snprintf(command, sizeof command, "\"$IRIS\" --plot \"$T/%s\" --csv \"$T/x.csv\"", name);
        succeeds(command);
        ck_assert_int_eq(strncmp(content(name), cases[i][2], strlen(cases[i][2])), 0);
        ck_assert_int_eq(entries(), 2);
        snprintf(command, sizeof command, "rm \"$T/%s\"", name);
        succeeds(command);
    }
}
END_TEST

/* ---- the graph --------------------------------------------------------------------------------------------------- */

START_TEST(a_graph_in_its_own_language) {
    succeeds("\"$IRIS\" --epochs 3 --graph \"$T/once.dot\" && \"$IRIS\" --epochs 3 --record each --graph \"$T/each.dot\"");
    ck_assert_int_eq(entries(), 2);
    const char *text = content("once.dot");
    ck_assert_int_eq(strncmp(text, "digraph tape {\n", 15), 0);
    ck_assert_str_eq(text + strlen(text) - 3, "\n}\n");
    static const char *const pieces[] = {"<i>w1</i>",          "<i>w2</i>",        "<b>matmul</b>",     "label=\"forward\"",
                                         "label=\"backward\"", "label=\"update\"", "float32 (100, 32)", "iris_fnn.c:"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        ck_assert_msg(strstr(text, pieces[i]) != NULL, "no %s in: %s", pieces[i], text);
    succeeds("cmp \"$T/once.dot\" \"$T/each.dot\"");
}
END_TEST

/* dot gets the source on its standard input, and writes the picture on its standard output. */
START_TEST(a_graph_through_dot) {
    char expected[sizeof out];
    succeeds("\"$IRIS\" --epochs 21");
    strcpy(expected, out);
    fake("dot", "echo \"$@\" >\"$T/bin/arguments\"; cat >\"$T/bin/source\"; echo picture");
    succeeds("echo old >\"$T/x.svg\"; " WITH_FAKE "\"$IRIS\" --epochs 21 --graph \"$T/x.svg\"");
    ck_assert_str_eq(out, expected);
    ck_assert_str_eq(content("x.svg"), "picture\n");
    ck_assert_str_eq(content("bin/arguments"), "-Tsvg\n");
    ck_assert_int_eq(strncmp(content("bin/source"), "digraph tape {\n", 15), 0);
    succeeds(WITH_FAKE "cd \"$T\" && \"$IRIS\" --epochs 1 --graph \"it's | a graph.png\"");
    ck_assert_str_eq(content("it's | a graph.png"), "picture\n");
    ck_assert_str_eq(content("bin/arguments"), "-Tpng\n");
    ck_assert_int_eq(entries(), 3);
}
END_TEST

START_TEST(a_dot_that_fails) {
    static const char *const programs[] = {"exit 1", "cat >/dev/null; echo picture; exit 1", "cat >/dev/null; exit 0",
                                           "kill -9 $$", "exec <&-; echo half; exit 1"};
    succeeds("mkdir \"$T/bin\"; echo old >\"$T/x.svg\"");
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        fake("dot", programs[i]);
        refuses(WITH_FAKE "\"$IRIS\" --epochs 1 --graph \"$T/x.svg\"", "/x.svg: dot could not draw it (dot -Tsvg)");
        ck_assert_str_eq(content("x.svg"), "old\n");
    }
}
END_TEST

START_TEST(a_dot_that_is_not_there) {
    succeeds("\"$IRIS\" --epochs 1"); /* see a_gnuplot_that_is_not_there */
    succeeds("mkdir \"$T/bin\"; for tool in sh sed dirname basename ls cat expr rm mv mkdir uname grep; do\n"
             "path=$(command -v $tool) && ln -s \"$path\" \"$T/bin\"; done; :");
    refuses("PATH=\"$T/bin\"; \"$IRIS\" --graph \"$T/x.svg\"", "--graph needs dot");
    succeeds("PATH=\"$T/bin\"; \"$IRIS\" --epochs 1 --graph \"$T/x.dot\"");
}
END_TEST

START_TEST(graphs_that_cannot_be_drawn) {
    refuses("\"$IRIS\" --graph \"$T/x.gif\"", "--graph: expected a name that ends in .dot, .svg or .png, found");
    refuses("\"$IRIS\" --graph x", "found 'x'");
    refuses("\"$IRIS\" --graph \"$T/no/such/x.dot\"", "/no/such/x.dot: No such file or directory");
    succeeds("mkdir \"$T/x.dot\"");
    refuses("\"$IRIS\" --graph \"$T/x.dot\"", "/x.dot: Is a directory");
}
END_TEST

START_TEST(graphs_from_the_real_dot) {
    if (run("command -v dot") != 0) return;
    succeeds("\"$IRIS\" --epochs 1 --graph \"$T/x.svg\" && \"$IRIS\" --epochs 1 --dtype f64 --loss bce --graph \"$T/x.png\"");
    ck_assert_ptr_nonnull(strstr(content("x.svg"), "<svg"));
    ck_assert_int_eq(strncmp(content("x.png"), "\x89PNG", 4), 0);
    ck_assert_int_eq(entries(), 2);
}
END_TEST

/* ---- anomaly mode ------------------------------------------------------------------------------------------------ */

START_TEST(the_environment_asks_for_the_first_infinity) {
    char expected[sizeof out];
    succeeds("\"$IRIS\"");
    strcpy(expected, out);
    succeeds("TAPEGRAD_ANOMALY=1 \"$IRIS\"");
    ck_assert_str_eq(out, expected);
    ck_assert_int_eq(run("TAPEGRAD_ANOMALY=1 \"$IRIS\" --loss bce --lr 1e6"), 2);
    ck_assert_msg(strstr(err, "iris_fnn.c:") && strstr(err, ": log (100, 1): made -inf from 0 at ["), "%s", err);
    ck_assert_ptr_null(strstr(out, "nan"));
}
END_TEST

/* ------------------------------------------------------------------------------------------------------------------ */

Suite *suite_iris_command(void) {
    Suite *suite = suite_create("iris command");

    TCase *options = add_case(suite, "options");
    tcase_add_test(options, help_names_every_option);
    tcase_add_test(options, wrong_options);
    tcase_add_test(options, files_that_cannot_be_written);
    tcase_add_test(options, a_loss_that_is_not_finite);
    tcase_add_test(options, an_older_file_is_replaced_whole_or_not_at_all);

    TCase *data = add_case(suite, "data");
    tcase_add_test(data, tables_that_are_not_the_iris_table);
    tcase_add_test(data, files_that_cannot_be_read);
    tcase_add_test(data, tables_that_are);

    TCase *plot = add_case(suite, "plot");
    tcase_add_test(plot, a_picture_through_gnuplot);
    tcase_add_test(plot, a_gnuplot_that_fails);
    tcase_add_test(plot, a_gnuplot_that_is_not_there);
    tcase_add_test(plot, pictures_that_cannot_be_drawn);
    tcase_add_test(plot, losses_that_make_no_line);
    tcase_add_test(plot, pictures_from_the_real_gnuplot);

    TCase *graph = add_case(suite, "graph");
    tcase_add_test(graph, a_graph_in_its_own_language);
    tcase_add_test(graph, a_graph_through_dot);
    tcase_add_test(graph, a_dot_that_fails);
    tcase_add_test(graph, a_dot_that_is_not_there);
    tcase_add_test(graph, graphs_that_cannot_be_drawn);
    tcase_add_test(graph, graphs_from_the_real_dot);
    tcase_add_test(graph, the_environment_asks_for_the_first_infinity);
    return suite;
}
