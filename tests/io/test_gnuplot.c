/* tests/io/test_gnuplot.c: pictures through gnuplot: that no text becomes a command; and a gnuplot that fails, or is not there.
 *
 * SPDX-License-Identifier: MIT */
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pictures.h"

static const double losses[] = {0.5, 0.25, 0.125};

static tg_status plot(tg_tape *tape, const char *path, const char *title) {
    tg_curves_options options = {.title = title};
    return tg_plot_curves(tape, path, TG_CURVES({"loss", 3, losses, NULL}), &options);
}

#define CONTENT(path, expected) \
    do { \
        size_t tgt_count; \
        char  *tgt_bytes = (char *)read_bytes(path, &tgt_count); \
        tgt_bytes[tgt_count] = 0; \
        ck_assert_str_eq(tgt_bytes, expected); \
        free(tgt_bytes); \
    } while (0)

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

START_TEST(a_picture) {
    static const char *const cases[][3] = {
        {"loss.svg", "set terminal svg standalone", "size 640,400\n"},
        {"it's a loss.png", "set terminal pngcairo", "size 640,400\n"},
        {"|loss\n.pdf", "set terminal pdfcairo", "size 6.667in,4.167in\n"},
    };
    tg_tape *tape = tg_tape_new();
    fake_gnuplot("echo much talk >&2; " DRAWS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(plot(tape, scratch(cases[i][0]), NULL), TG_OK);
        CONTENT(scratch(cases[i][0]), "a picture\n");
        SAYS(cases[i][1]);
        SAYS(" noenhanced ");
        SAYS(cases[i][2]);
    }
    real_gnuplot();
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* The user's locale is not gnuplot's. */
START_TEST(decimal_points) {
    tg_tape *tape = tg_tape_new();
    fake_gnuplot(DRAWS);
    bool comma = set_comma_locale();
    plot(tape, scratch("comma.svg"), NULL);
    if (comma) {
        char text[16];
        snprintf(text, sizeof text, "%.1f", 0.5); /* it is as it was */
        ck_assert_str_eq(text, "0,5");
        setlocale(LC_NUMERIC, "C");
    }
    SAYS("\n1 0.5\n2 0.25\n3 0.125\n");
    real_gnuplot();
    tg_tape_free(tape);
}
END_TEST

/* ---- texts ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *text, *quoted;
} texts[] = {
    {"plain", "'plain'"},
    {"", "''"},
    {"it's", "'it'.\"\\047\".'s'"},
    {"'; system 'touch evil'; '", "''.\"\\047\".'; system '.\"\\047\".'touch evil'.\"\\047\".'; '.\"\\047\".''"},
    {"two\nlines", "'two'.\"\\n\".'lines'"},
    {"\n", "''.\"\\n\".''"},
    {"a\\", "'a\\'"},
    {"\"$x\" `touch evil` @evil # {", "'\"$x\" `touch evil` @evil # {'"},
    {"x_1 ^2 {/Bold y} @z &{q} ~a{b}", "'x_1 ^2 {/Bold y} @z &{q} ~a{b}'"},
    {"tab\tbell\a\r\177.", "'tab bell   .'"},
    {"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\x8c", "'\xc3\xa4 \xe2\x82\xac \xf0\x9f\x90\x8c'"},
    {"\xff \xc3( \xe2\x82", "'? ?( ?"
                            "?'"},
};

START_TEST(texts_stand_as_they_are) {
    tg_tape *tape = tg_tape_new();
    char     expected[256];
    fake_gnuplot(DRAWS);
    ck_assert_int_eq(plot(tape, scratch("text.svg"), texts[_i].text), TG_OK);
    snprintf(expected, sizeof expected, "\nset title %s\n", texts[_i].quoted);
    SAYS(expected);
    real_gnuplot();
    tg_tape_free(tape);
}
END_TEST

/* As the real gnuplot understands them: `found` stands in the picture, in the language of XML, and no command was obeyed. */
START_TEST(texts_are_drawn_as_they_are) {
    static const char *const cases[][2] = {
        {"it's", ">it's<"},
        {"'; system 'touch evil'; '", ">'; system 'touch evil'; '<"},
        {"two\nlines", ">lines<"},
        {"a\\", ">a\\<"},
        {"\"$x\" `touch evil` @evil # {", " `touch evil` @evil # {<"},
        {"x_1 ^2 {/Bold y} @z &{q} ~a{b}", ">x_1 ^2 {/Bold y} @z &amp;{q} ~a{b}<"},
        {"<b>", ">&lt;b><"},
        {"\\n %s \xe2\x82\xac", ">\\n %s \xe2\x82\xac<"},
    };
    if (!can_draw("svg")) return;
    tg_tape *tape = tg_tape_new();
    ck_assert(!chdir(getenv("TAPEGRAD_SCRATCH")));
    plot(tape, "real.svg", cases[_i][0]);
    CHECK_OK(tape);
    size_t count;
    char  *picture = (char *)read_bytes("real.svg", &count);
    picture[count] = 0;
    ck_assert_msg(strstr(picture, cases[_i][1]) != NULL, "no %s in real.svg", cases[_i][1]);
    free(picture);
    ck_assert_int_ne(access("evil", F_OK), 0);
    ck_assert(!chdir("/"));
    tg_tape_free(tape);
}
END_TEST

/* ---- what goes wrong --------------------------------------------------------------------------------------------- */

START_TEST(a_gnuplot_that_fails) {
    static const char *const cases[][2] = {
        {"echo half; echo; echo '     line 7: no such thing' >&2; echo >&2; exit 1", "line 7: no such thing"},
        {"exit 3", "it gives no reason"},
        {"kill -9 $$", "it gives no reason"},
        {"echo no room >&2", "no room"}, /* says yes, and draws nothing */
    };
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("failed.svg");
    write_text(path, "old");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[128];
        fake_gnuplot(cases[i][0]);
        snprintf(text, sizeof text, "plot_curves: PATH: gnuplot could not draw it: %s", cases[i][1]);
        FAILS_ON(tape, tg_plot_curves(tape, path, TG_CURVES({"loss", 3, losses, NULL}), NULL), TG_ERR_IO, path, text);
        CONTENT(path, "old");
    }
    real_gnuplot();
    tg_tape_free(tape);
}
END_TEST

START_TEST(no_gnuplot_at_all) {
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("none.svg");
    write_text(path, "old");
    fake_gnuplot("exit 127"); /* as a child that could not become gnuplot */
    for (int i = 0; i < 2; i++) {
        FAILS_ON(tape, tg_plot_curves(tape, path, TG_CURVES({"loss", 3, losses, NULL}), NULL), TG_ERR_IO, path,
                 "plot_curves: PATH: gnuplot, which draws it, is not installed, or not in PATH");
        real_gnuplot();
        no_gnuplot();
    }
    FAILS_ON(tape, tg_plot_check(tape, path), TG_ERR_IO, path,
             "plot_check: PATH: gnuplot, which draws it, is not installed, or not in PATH");
    CONTENT(path, "old");
    real_gnuplot();
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_check_leaves_nothing) {
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("checked.svg");
    fake_gnuplot(DRAWS);
    ck_assert_int_eq(tg_plot_check(tape, path), TG_OK);
    ck_assert_int_ne(access(path, F_OK), 0);
    write_text(path, "old");
    ck_assert_int_eq(tg_plot_check(tape, path), TG_OK);
    CONTENT(path, "old");
    FAILS_ON(tape, tg_plot_check(tape, NULL), TG_ERR_ARGUMENT, "", "plot_check: the path is NULL");
    FAILS_ON(tape, tg_plot_check(tape, "x.gif"), TG_ERR_ARGUMENT, "x.gif",
             "plot_check: PATH: the name of a picture ends in .svg, .png or .pdf");
    FAILS_ON(tape, tg_plot_check(tape, ".svg"), TG_ERR_ARGUMENT, ".svg",
             "plot_check: PATH: the name of a picture ends in .svg, .png or .pdf");
    path = scratch("no/such/x.svg");
    FAILS_ON(tape, tg_plot_check(tape, path), TG_ERR_IO, path, "plot_check: PATH: no file can be made beside it: No such file");
    path = scratch("a directory.png");
    mkdir(path, 0755);
    FAILS_ON(tape, tg_plot_check(tape, path), TG_ERR_IO, path, "plot_check: PATH: it is a directory");
    fake_gnuplot("exit 1");
    path = scratch("checked.pdf");
    FAILS_ON(tape, tg_plot_check(tape, path), TG_ERR_IO, path,
             "plot_check: PATH: gnuplot could not draw it: it gives no reason");
    real_gnuplot();
    tg_tape_free(tape);
}
END_TEST

/* Then the system forgets how a child ended: that there is a picture must do. */
START_TEST(a_process_that_ignores_its_children) {
    tg_tape *tape = tg_tape_new();
    fake_gnuplot(DRAWS);
    void (*before)(int) = signal(SIGCHLD, SIG_IGN);
    ck_assert_int_eq(plot(tape, scratch("ignored.svg"), NULL), TG_OK);
    signal(SIGCHLD, before);
    CONTENT(scratch("ignored.svg"), "a picture\n");
    real_gnuplot();
    tg_tape_free(tape);
}
END_TEST

START_TEST(after_an_error_nothing_is_drawn) {
    tg_tape *tape = tg_tape_new();
    fake_gnuplot(DRAWS);
    tg_matmul(tg_full(tape, TG_F64, TG_SHAPE(2), 1), 3);
    ck_assert_int_eq(plot(tape, scratch("after.svg"), NULL), tg_error_status(tape));
    ck_assert_int_eq(tg_plot_check(tape, scratch("after.svg")), tg_error_status(tape));
    ck_assert_int_ne(access(scratch("after.svg"), F_OK), 0);
    real_gnuplot();
    tg_tape_free(tape);
    ck_assert_int_eq(tg_plot_check(NULL, "x.svg"), TG_ERR_HANDLE);
}
END_TEST

Suite *suite_gnuplot(void) {
    Suite *suite = suite_create("io/gnuplot");
    TCase *tcase = tcase_create("gnuplot");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_picture);
    tcase_add_test(tcase, decimal_points);
    tcase_add_loop_test(tcase, texts_stand_as_they_are, 0, (int)(sizeof texts / sizeof *texts));
    tcase_add_loop_test(tcase, texts_are_drawn_as_they_are, 0, 8);
    tcase_add_test(tcase, a_gnuplot_that_fails);
    tcase_add_test(tcase, no_gnuplot_at_all);
    tcase_add_test(tcase, a_check_leaves_nothing);
    tcase_add_test(tcase, a_process_that_ignores_its_children);
    tcase_add_test(tcase, after_an_error_nothing_is_drawn);
    suite_add_tcase(suite, tcase);
    return suite;
}
