/* tests/io/test_plot_grid.c: confusion matrices and images: which cells and pixels they have, and what is said where there are none.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pictures.h"

/* ---- which class is taken for which ------------------------------------------------------------------------------ */

START_TEST(counts_in_cells) {
    static const int64_t counts[] = {90, 10, 0, 50};
    tg_tape             *tape = tg_tape_new();
    fake_gnuplot(DRAWS);
    ck_assert_int_eq(tg_plot_confusion(tg_constant(tape, TG_I64, TG_SHAPE(2, 2), counts), scratch("counts.svg"), NULL), TG_OK);
    SAYS("\nset title 'Confusion matrix: 140 of 150 right'\n");
    SAYS("\nset xtics  ('0' 0,'1' 1)\nset ytics  ('0' 0,'1' 1)\n");
    SAYS("set cbrange [0:90]\n");
    SAYS("\n$cells << END\n0 0 90 90 16777215\n1 0 10 10 3158064\n0 1 0 0 11579568\n1 1 50 50 16777215\nEND\n");
    SAYS("set xlabel 'predicted'\nset ylabel 'true'\n");

    static const char *const classes[] = {"it's", "a robin"};
    tg_confusion_options     options = {"Birds\n{x}", classes};
    ck_assert_int_eq(tg_plot_confusion(tg_div(tg_constant(tape, TG_F64, TG_SHAPE(2, 2), ((double[]){1, 2, 3, INFINITY})), 4),
                                       scratch("counts.svg"), &options),
                     TG_OK);
    SAYS("\nset title 'Birds'.\"\\n\".'{x}'\n");
    SAYS("\nset xtics rotate by 40 right ('it'.\"\\047\".'s' 0,'a robin' 1)\nset ytics  ('it'.\"\\047\".'s' 0,'a robin' 1)\n");
    SAYS("\n$cells << END\n0 0 0.25 0.25 3158064\n1 0 0.5 0.50 16777215\n0 1 0.75 0.75 16777215\nEND\n");
    real_gnuplot();
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_is_no_confusion) {
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("no confusion.svg");
    no_gnuplot();
    FAILS_ON(tape, tg_plot_confusion(tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1), path, NULL), TG_ERR_SHAPE, path,
             "plot_confusion: PATH: a shape like (k, k) is drawn, not (2, 3)");
    FAILS_ON(tape, tg_plot_confusion(tg_full(tape, TG_F64, TG_SHAPE(4), 1), path, NULL), TG_ERR_SHAPE, path,
             "plot_confusion: PATH: a shape like (k, k) is drawn, not (4)");
    FAILS_ON(tape, tg_plot_confusion(tg_full(tape, TG_I64, TG_SHAPE(401, 401), 1), path, NULL), TG_ERR_SHAPE, path,
             "plot_confusion: PATH: 401 classes are more than a picture shows");
    FAILS_ON(tape, tg_plot_confusion(tg_full(tape, TG_F32, TG_SHAPE(0, 0), 1), path, NULL), TG_ERR_VALUE, path,
             "plot_confusion: PATH: there is nothing to draw: the shape is (0, 0)");
    FAILS_ON(tape, tg_plot_confusion(tg_full(tape, TG_F32, TG_SHAPE(2, 2), NAN), path, NULL), TG_ERR_VALUE, path,
             "plot_confusion: PATH: there is nothing to draw: of 4 numbers none is finite");
    tg_mark   mark = tg_tape_mark(tape);
    tg_tensor gone = tg_full(tape, TG_F32, TG_SHAPE(2, 2), 1);
    tg_rewind(tape, mark);
    FAILS(tape, tg_plot_confusion(gone, path, NULL), TG_ERR_HANDLE, "plot_confusion: the tensor is stale");
    ck_assert_int_ne(access(path, F_OK), 0);
    real_gnuplot();
    tg_tape_free(tape);
}
END_TEST

/* ---- images ------------------------------------------------------------------------------------------------------ */

/* Three images of 1 x 100 pixels in two rows: each pixel is three by three, and between the tiles are four that are none. */
START_TEST(tiles) {
    static float pixels[3 * 100];
    tg_tape     *tape = tg_tape_new();
    fake_gnuplot(DRAWS);
    pixels[0] = -1, pixels[99] = 1, pixels[100] = NAN, pixels[200] = 0.5f;
    ck_assert_int_eq(tg_plot_images(tg_constant(tape, TG_F32, TG_SHAPE(3, 1, 100), pixels), scratch("tiles.png"), NULL), TG_OK);
    SAYS("\nset title '3 images of 1 x 100'\n");
    SAYS("size 624,56\n");
    SAYS("\nset xrange [-0.5:603.5]\nset yrange [9.5:-0.5]\n");
    SAYS("\n$pixels << END\n0 0 0 128 128 128 128 ");
    SAYS(" 128 255 255 255 NaN NaN NaN NaN NaN NaN NaN 128 128 ");
    SAYS("\n191 191 191 128 128 ");
    SAYS(" 128 NaN NaN NaN NaN NaN NaN "); /* and there is no fourth */
    int lines = 0;
    for (const char *c = strstr(script(), "$pixels << END\n"); *c; c++)
        lines += *c == '\n';
    ck_assert_int_eq(lines, 1 + 2 * 3 + 4 + 2);
    real_gnuplot();
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* Values outside of the range are black or white; rows have names; any dtype will do. */
START_TEST(options_of_images) {
    static const char *const rows[] = {"it's", NULL, "last"};
    static const int64_t     levels[] = {-5, 0, 4, 20};
    tg_tape                 *tape = tg_tape_new();
    tg_images_options        options = {.title = "Two\nlines", .columns = 1, .rows = rows, .low = 0, .high = 16};
    fake_gnuplot(DRAWS);
    tg_plot_images(tg_constant(tape, TG_I64, TG_SHAPE(1, 1, 4), levels), scratch("options.svg"), &options);
    SAYS("\n$pixels << END\n0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 64 64 64 64 64 64 64 64 255 255 255 255 255 255 255 255 \n");
    SAYS("\nset title 'Two'.\"\\n\".'lines'\n");
    SAYS("\nset ytics scale 0 ('it'.\"\\047\".'s' 4)\n");
    tg_plot_images(tg_full(tape, TG_BOOL, TG_SHAPE(3, 2, 2), 1), scratch("options.svg"), &options);
    SAYS("\nset ytics scale 0 ('it'.\"\\047\".'s' 8,'' 28,'last' 48)\n");
    options.low = options.high = 0; /* all have one value */
    tg_plot_images(tg_full(tape, TG_F64, TG_SHAPE(1, 2, 2), 7), scratch("options.svg"), &options);
    SAYS("\n$pixels << END\n0 0 0 ");
    tg_plot_images(tg_constant(tape, TG_F64, TG_SHAPE(1, 1, 3), ((double[]){-1.5e308, 0, 1.5e308})), scratch("options.svg"),
                   NULL);
    SAYS(" 0 128 128 128 128 128 128 128 128 255 ");
    real_gnuplot();
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_are_no_images) {
    tg_tape    *tape = tg_tape_new();
    const char *path = scratch("no images.svg");
    tg_tensor   x = tg_full(tape, TG_F64, TG_SHAPE(2, 3, 3), 1);
    no_gnuplot();
    FAILS_ON(tape, tg_plot_images(tg_full(tape, TG_F64, TG_SHAPE(3, 3), 1), path, NULL), TG_ERR_SHAPE, path,
             "plot_images: PATH: a shape like (n, height, width) is drawn, not (3, 3)");
    FAILS_ON(tape, tg_plot_images(tg_full(tape, TG_F64, TG_SHAPE(3, 0, 3), 1), path, NULL), TG_ERR_VALUE, path,
             "plot_images: PATH: there is nothing to draw: the shape is (3, 0, 3)");
    FAILS_ON(tape, tg_plot_images(tg_full(tape, TG_F64, TG_SHAPE(3, 3, 3), INFINITY), path, NULL), TG_ERR_VALUE, path,
             "plot_images: PATH: there is nothing to draw: of 27 numbers none is finite");
    FAILS_ON(tape, tg_plot_images(x, path, &(tg_images_options){.columns = -1}), TG_ERR_ARGUMENT, path,
             "plot_images: PATH: -1 tiles cannot stand in a row");
    FAILS_ON(tape, tg_plot_images(x, path, &(tg_images_options){.low = 1, .high = 1}), TG_ERR_ARGUMENT, path,
             "plot_images: PATH: black is 1, white is 1");
    FAILS_ON(tape, tg_plot_images(x, path, &(tg_images_options){.low = NAN}), TG_ERR_ARGUMENT, path,
             "plot_images: PATH: black is nan, white is 0");
    tg_tensor         many = tg_broadcast_to(tg_full(tape, TG_F64, TG_SHAPE(1, 1, 1), 1), TG_SHAPE(5000, 2, 2));
    tg_images_options in_a_row = {.columns = 5000};
    FAILS_ON(tape, tg_plot_images(many, path, &in_a_row), TG_ERR_SHAPE, path,
             "plot_images: PATH: 1 x 5000 images of 2 x 2 are more than a picture shows");
    FAILS_ON(tape, tg_plot_images(x, NULL, NULL), TG_ERR_ARGUMENT, "", "plot_images: the path is NULL");
    ck_assert_int_ne(access(path, F_OK), 0);
    real_gnuplot();
    tg_tape_free(tape);
}
END_TEST

/* ---- by the real gnuplot ----------------------------------------------------------------------------------------- */

static uint32_t big_endian(const uint8_t *b) {
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* A PNG has its width and height behind its first 16 bytes. */
START_TEST(real_pictures) {
    static const char *const names[] = {"one", "zw\xc3\xb6lf", "thirteen"};
    tg_tape                 *tape = tg_tape_new();
    size_t                   count;
    if (can_draw("pngcairo")) {
        tg_plot_images(tg_reshape(tg_arange(tape, TG_F32, 0, 6 * 64, 1), TG_SHAPE(6, 8, 8)), scratch("images.png"), NULL);
        CHECK_OK(tape);
        uint8_t *bytes = read_bytes(scratch("images.png"), &count);
        ck_assert(count > 100 && !memcmp(bytes, "\x89PNG", 4));
        ck_assert_uint_eq(big_endian(bytes + 16), 10 + 3 * 64 + 2 * 4 + 10);
        ck_assert_uint_eq(big_endian(bytes + 20), 36 + 2 * 64 + 4 + 10);
        free(bytes);
    }
    if (can_draw("svg")) {
        tg_plot_confusion(tg_reshape(tg_arange(tape, TG_I64, 0, 9, 1), TG_SHAPE(3, 3)), scratch("confusion.svg"),
                          &(tg_confusion_options){.classes = names});
        CHECK_OK(tape);
        char *text = (char *)read_bytes(scratch("confusion.svg"), &count);
        text[count] = 0;
        ck_assert_ptr_nonnull(strstr(text, ">Confusion matrix: 12 of 36 right<"));
        ck_assert_ptr_nonnull(strstr(text, ">zw\xc3\xb6lf<"));
        ck_assert_ptr_nonnull(strstr(text, ">8<"));
        free(text);
    }
    tg_tape_free(tape);
}
END_TEST

Suite *suite_plot_grid(void) {
    Suite *suite = suite_create("io/plot_grid");
    TCase *tcase = tcase_create("grid");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, counts_in_cells);
    tcase_add_test(tcase, what_is_no_confusion);
    tcase_add_test(tcase, tiles);
    tcase_add_test(tcase, options_of_images);
    tcase_add_test(tcase, what_are_no_images);
    tcase_add_test(tcase, real_pictures);
    suite_add_tcase(suite, tcase);
    return suite;
}
