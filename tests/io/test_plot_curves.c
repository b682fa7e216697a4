/* tests/io/test_plot_curves.c: curves: which points they have, from where, and what is said where there are none.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pictures.h"

static const double three[] = {3, 2, 1}, holes[] = {NAN, 0.5, INFINITY, -1, 0}, times[] = {10, 20, 30, 40, NAN};

START_TEST(points) {
    tg_tape          *tape = tg_tape_new();
    tg_curves_options options = {.title = "Two", .x_label = "time", .y_label = "error"};
    fake_gnuplot(DRAWS);
    ck_assert_int_eq(tg_plot_curves(tape, scratch("two.svg"), TG_CURVES({"it's", 3, three, NULL}, {NULL, 5, holes, times}),
                                    &options),
                     TG_OK);
    SAYS("\nset title 'Two'\nset xlabel 'time'\nset ylabel 'error'\n");
    SAYS("\n$c0 << END\n1 3\n2 2\n3 1\nEND\n$c1 << END\nNaN NaN\n20 0.5\nNaN NaN\n40 -1\nNaN NaN\nEND\nplot $c0 ");
    SAYS(" title 'it'.\"\\047\".'s', $c1 ");
    SAYS(" notitle \n");
    SAYS_NOT("logscale");
    real_gnuplot();
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* What has no point is no curve, and few points are marked. */
START_TEST(few_points_and_many) {
    static double many[1000], none[1000];
    tg_tape      *tape = tg_tape_new();
    for (int i = 0; i < 1000; i++)
        none[i] = NAN;
    fake_gnuplot(DRAWS);
    tg_plot_curves(tape, scratch("many.svg"),
                   TG_CURVES({"none", 1000, none, NULL}, {"many", 1000, many, NULL}, {"one", 1, three, NULL}), NULL);
    SAYS("\nset title 'Loss'\nset xlabel 'step'\nset ylabel 'loss'\n");
    SAYS("plot $c1 using 1:2 with lines linewidth");
    SAYS(", $c2 using 1:2 with linespoints ");
    SAYS_NOT("'none'");
    real_gnuplot();
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_logarithmic_scale) {
    tg_tape *tape = tg_tape_new();
    fake_gnuplot(DRAWS);
    tg_plot_curves(tape, scratch("log.svg"), TG_CURVES({"a", 5, holes, NULL}), &(tg_curves_options){.log_scale = true});
    SAYS("set logscale y\n");
    SAYS("\n$c0 << END\nNaN NaN\n2 0.5\nNaN NaN\nNaN NaN\nNaN NaN\nEND\n");
    real_gnuplot();
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* Then gnuplot is not even started, and an older picture stays. */
START_TEST(nothing_to_draw) {
    static const double nothing[] = {NAN, INFINITY}, below[] = {-1, 0};
    tg_tape            *tape = tg_tape_new();
    const char         *path = scratch("nothing.svg");
    no_gnuplot();
    FAILS_ON(tape, tg_plot_curves(tape, path, tg_curve_list_from(0, NULL), NULL), TG_ERR_VALUE, path,
             "plot_curves: PATH: there is nothing to draw: no points");
    FAILS_ON(tape, tg_plot_curves(tape, path, TG_CURVES({"a", 0, NULL, NULL}), NULL), TG_ERR_VALUE, path,
             "plot_curves: PATH: there is nothing to draw: no points");
    FAILS_ON(tape, tg_plot_curves(tape, path, TG_CURVES({"a", 2, nothing, NULL}, {"b", 2, three, nothing}), NULL), TG_ERR_VALUE,
             path, "plot_curves: PATH: there is nothing to draw: of 4 points none is finite");
    FAILS_ON(tape, tg_plot_curves(tape, path, TG_CURVES({"a", 2, below, NULL}), &(tg_curves_options){.log_scale = true}),
             TG_ERR_VALUE, path, "plot_curves: PATH: there is nothing to draw: of 2 points none is finite and above 0");
    FAILS_ON(tape, tg_plot_curves(tape, path, TG_CURVES({"a", 2, NULL, NULL}), NULL), TG_ERR_ARGUMENT, path,
             "plot_curves: PATH: curve 0 has 2 points at NULL");
    ck_assert_int_ne(access(path, F_OK), 0);
    real_gnuplot();
    tg_tape_free(tape);
}
END_TEST

/* ---- of a file of metrics ---------------------------------------------------------------------------------------- */

static const char table[] = "epoch, train loss ,test_loss,rate\n1,0.5,0.75,0.1\n2,nan,0.5,0.1\n4,0.25,0.25,0.05\n";

START_TEST(columns_by_name) {
    tg_tape    *tape = tg_tape_new();
    const char *metrics = scratch("table.csv");
    write_text(metrics, table);
    fake_gnuplot(DRAWS);
    ck_assert_int_eq(tg_plot_metrics(tape, scratch("table.svg"), metrics, "test_loss, train loss", NULL), TG_OK);
    SAYS("\nset xlabel 'epoch'\n");
    SAYS("\n$c0 << END\n1 0.75\n2 0.5\n4 0.25\nEND\n$c1 << END\n1 0.5\nNaN NaN\n4 0.25\nEND\n");
    SAYS("title 'test_loss', $c1");
    SAYS("title 'train loss'\n");
    ck_assert_int_eq(tg_plot_metrics(tape, scratch("table.svg"), metrics, NULL, &(tg_curves_options){.x_label = "x"}), TG_OK);
    SAYS("\nset xlabel 'x'\n");
    SAYS("\n$c2 << END\n1 0.1\n2 0.1\n4 0.05\nEND\nplot");
    SAYS("title 'rate'\n");
    real_gnuplot();
    CHECK_OK(tape);
    ck_assert_int_eq(tg_instruction_count(tape), 0);
    tg_tape_free(tape);
}
END_TEST

START_TEST(no_such_column) {
    tg_tape    *tape = tg_tape_new();
    const char *metrics = scratch("lacking.csv"), *picture = scratch("lacking.svg");
    no_gnuplot();
    write_text(metrics, table);
    FAILS_ON(tape, tg_plot_metrics(tape, picture, metrics, "test_loss,loss", NULL), TG_ERR_NAME, metrics,
             "plot_metrics: PATH: there is no column 'loss'");
    FAILS_ON(tape, tg_plot_metrics(tape, picture, metrics, "", NULL), TG_ERR_VALUE, picture,
             "plot_metrics: PATH: there is nothing to draw: no points");
    write_text(metrics, "epoch\n1\n2\n");
    FAILS_ON(tape, tg_plot_metrics(tape, picture, metrics, NULL, NULL), TG_ERR_VALUE, picture,
             "plot_metrics: PATH: there is nothing to draw: no points");
    write_text(metrics, "epoch,loss\n");
    FAILS_ON(tape, tg_plot_metrics(tape, picture, metrics, NULL, NULL), TG_ERR_VALUE, picture,
             "plot_metrics: PATH: there is nothing to draw: no points");
    write_text(metrics, "epoch,loss\n1\n");
    FAILS_ON(tape, tg_plot_metrics(tape, picture, metrics, "loss", NULL), TG_ERR_IO, metrics,
             "plot_metrics: PATH: line 1: there are more names than the 1 columns");
    write_text(metrics, "epoch,loss\n1,2\n2,x\n");
    FAILS_ON(tape, tg_plot_metrics(tape, picture, metrics, "loss", NULL), TG_ERR_IO, metrics,
             "plot_metrics: PATH: line 3, column 2: 'x' is no float64");
    write_text(metrics, "");
    FAILS_ON(tape, tg_plot_metrics(tape, picture, metrics, NULL, NULL), TG_ERR_VALUE, picture,
             "plot_metrics: PATH: there is nothing to draw: no points");
    remove(metrics);
    FAILS_ON(tape, tg_plot_metrics(tape, picture, metrics, NULL, NULL), TG_ERR_IO, metrics,
             "plot_metrics: PATH: it cannot be opened: No such file or directory");
    ck_assert_int_ne(access(picture, F_OK), 0);
    real_gnuplot();
    tg_tape_free(tape);
}
END_TEST

/* The real gnuplot draws all three formats, and takes each of the ways to draw. */
START_TEST(real_pictures) {
    static const char *const cases[][3] = {{"curves.svg", "svg", "<?xml"},
                                           {"curves.png", "pngcairo", "\x89PNG"},
                                           {"curves.pdf", "pdfcairo", "%PDF"}};
    tg_tape                 *tape = tg_tape_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!can_draw(cases[i][1])) continue;
        tg_plot_curves(tape, scratch(cases[i][0]), TG_CURVES({"a", 3, three, NULL}, {"b", 5, holes, times}),
                       &(tg_curves_options){.log_scale = i == 0});
        CHECK_OK(tape);
        size_t   count;
        uint8_t *bytes = read_bytes(scratch(cases[i][0]), &count);
        ck_assert(count > 1000 && !memcmp(bytes, cases[i][2], strlen(cases[i][2])));
        free(bytes);
    }
    tg_tape_free(tape);
}
END_TEST

Suite *suite_plot_curves(void) {
    Suite *suite = suite_create("io/plot_curves");
    TCase *tcase = tcase_create("curves");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, points);
    tcase_add_test(tcase, few_points_and_many);
    tcase_add_test(tcase, a_logarithmic_scale);
    tcase_add_test(tcase, nothing_to_draw);
    tcase_add_test(tcase, columns_by_name);
    tcase_add_test(tcase, no_such_column);
    tcase_add_test(tcase, real_pictures);
    suite_add_tcase(suite, tcase);
    return suite;
}
