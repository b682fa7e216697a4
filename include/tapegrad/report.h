/* tapegrad/report.h: what people look at: how far a training is, its metrics in a file, pictures. A part of libtapegrad-io.
 *
 *     tg_progress progress = {.epochs = 10, .steps = tg_loader_batches(loader), .samples = 64};
 *     tg_metrics *metrics = tg_metrics_open(tape, "run.csv", "epoch,train_loss,test_loss", NULL);
 *     for (int epoch = 1; epoch <= 10; epoch++) {
 *         while (tg_next_batch(tape, loader)) {
 *             tg_run_part(tape, "train");
 *             tg_progress_step(&progress, tg_item(loss), tg_item(rate));
 *         }
 *         ...
 *         tg_metrics_write(tape, metrics, TG_ROW(epoch, train_loss, test_loss));
 *     }
 *     tg_progress_end(&progress);
 *     tg_metrics_close(metrics);
 *     tg_plot_metrics(tape, "loss.svg", "run.csv", "train_loss,test_loss", NULL);
 *
 * Errors are noted in the tape, with the line of the call and the name of the file. A progress line has none.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_REPORT_H
#define TAPEGRAD_REPORT_H
#pragma GCC system_header

#include <stdio.h>
#include <tapegrad.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- a line that says how far a training is ---------------------------------------------------------------------- */

/* One line on a terminal, which is written over again and again, at most ten times a second:
 *     epoch 3/10, step 27/45: loss 0.04232, rate 0.00295, 12840 samples/s, 1:42 left
 * Nothing is written where `file` is no terminal. What does not fit into the width of the terminal is left out, from the right. All
 * members may be 0; nothing is allocated, and nothing needs to be freed. */
typedef struct tg_progress {
    int64_t epochs, steps; /* how many epochs, and steps in each. Without `epochs` there is no time left; without `steps`, an epoch is
                            * one step */
    int64_t samples;       /* in a step: then samples, and not steps, are counted a second */
    int64_t done;          /* steps done: at first by a training that this one goes on from. tg_progress_step counts them */
    FILE   *file;          /* left out: standard error */
    bool    always;        /* also where it is no terminal */
    struct {
        bool    begun, wanted;
        int64_t first;
        double  start, shown, loss, rate;
        int     length;
    } state; /* the library's */
} tg_progress;

/* A step is done. A loss or rate of NaN is not known, and a rate that is not known is left out. NULL for no progress. */
void tg_progress_step(tg_progress *progress, double loss, double rate);

/* Writes the line for the last time, with the time that all took instead of the time left, and ends it. After that, or before anything
 * else is written to the terminal, the cursor is at the start of a line; tg_progress_step begins another one. */
void tg_progress_end(tg_progress *progress);

/* ---- metrics: a table that grows --------------------------------------------------------------------------------- */

/* A file in CSV: the names of the columns, and a row for each call, which is in the file when the call returns. A process that is killed
 * leaves whole rows, and so does a full disk. tg_load_csv loads it, with the option `header`. */
typedef struct tg_metrics tg_metrics;

typedef struct tg_metrics_options {
    bool   resume; /* go on with the file, if it is there, which must have the same columns */
    double step;   /* its rows stay up to the first whose first column is greater: they belong to what is now done again */
} tg_metrics_options;

/* Opens the file with columns of these names, which stand between commas: "epoch,train_loss,test_loss". The first one counts the steps or
 * epochs that are done when a row is written. A file that is there is begun anew, or, to resume, gone on with: what was written after
 * the checkpoint that the training goes on from, and a last row that has no end, is removed. TG_ERR_NAME for names that are empty, come
 * twice, or hold quotes or line ends, and for other columns in the file; TG_ERR_IO for rows that are none. NULL after an error; also for a
 * path of NULL, which is no file and no error: the other functions take NULL and do nothing. The caller closes it. */
tg_metrics *tg_metrics_open(tg_tape *tape, const char *path, const char *columns, const tg_metrics_options *options);
void        tg_metrics_close(tg_metrics *metrics);

/* Appends a row, a number for each column (TG_ERR_SHAPE), with as many digits as give the same double again. After an error the rows
 * before are there, whole. */
typedef struct tg_row {
    int           count;
    const double *values;
} tg_row;
tg_row    tg_row_from(int count, const double *values);
tg_status tg_metrics_write(tg_tape *tape, tg_metrics *metrics, tg_row row);
#define TG_ROW(...) TGI_ARRAY_CALL(tg_row_from, double, 0, __VA_ARGS__)

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

/* gnuplot draws them, a program, of version 5 or later, which must be in PATH (TG_ERR_IO). The end of the path says what is drawn: .svg,
 * .png or .pdf (TG_ERR_ARGUMENT). As with all files that the library saves, an older file of the name is replaced when the new one
 * is there, whole. Texts are UTF-8 and are drawn as they stand; a line end in them begins another line. What is not finite is left
 * out, and where nothing is finite, TG_ERR_VALUE says so, and nothing is drawn. Options may be NULL, and their members 0. */

/* Whether such a picture could be drawn: to be asked before the training of which it will show the result. */
tg_status tg_plot_check(tg_tape *tape, const char *path);

/* A curve through `count` points; x of NULL stands for 1, 2, 3, ... A list of them: TG_CURVES({"train", n, losses}, ...), or from an array
 * of `count`, which is not copied. */
typedef struct tg_curve {
    const char   *name;
    int64_t       count;
    const double *y, *x;
} tg_curve;
typedef struct tg_curve_list {
    int             count;
    const tg_curve *items;
} tg_curve_list;
tg_curve_list tg_curve_list_from(int count, const tg_curve *items);
#define TG_CURVES(...) TGI_ARRAY_CALL(tg_curve_list_from, tg_curve, {0}, __VA_ARGS__)

typedef struct tg_curves_options {
    const char *title, *x_label, *y_label; /* left out: "Loss", the first column's name or "step", "loss" */
    bool        log_scale;                 /* of y; what is not above 0 is left out */
} tg_curves_options;

tg_status tg_plot_curves(tg_tape *tape, const char *path, tg_curve_list curves, const tg_curves_options *options);

/* The same of columns of a file of metrics, given by their names, "train_loss,test_loss", over its first column. NULL for all others.
 * TG_ERR_NAME for a column that is not there. */
tg_status tg_plot_metrics(tg_tape *tape, const char *path, const char *metrics, const char *columns, const tg_curves_options *options);

/* Which class is taken for which: counts (k, k), of any dtype, where counts[i][j] are of class i and were predicted to be j. */
typedef struct tg_confusion_options {
    const char        *title;   /* left out: how many are right */
    const char *const *classes; /* the names of the k classes; left out: 0, 1, 2, ... */
} tg_confusion_options;

tg_status tg_plot_confusion(tg_tensor counts, const char *path, const tg_confusion_options *options);

/* Grey images (n, h, w), of any dtype, as tiles in rows, the first one at the top left. */
typedef struct tg_images_options {
    const char        *title;     /* left out: how many, of which size */
    int64_t            columns;   /* tiles in a row; left out: as many as there are rows, or one more */
    const char *const *rows;      /* a name for each row of tiles, or left out */
    double             low, high; /* the values of black and white; both left out: the smallest and the largest */
} tg_images_options;

tg_status tg_plot_images(tg_tensor images, const char *path, const tg_images_options *options);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_metrics_open(tape, ...) TG_TAPE_CALL(tg_metrics_open, tape, __VA_ARGS__)
#define tg_metrics_write(tape, ...) TG_TAPE_CALL(tg_metrics_write, tape, __VA_ARGS__)
#define tg_plot_check(tape, path) TG_TAPE_CALL(tg_plot_check, tape, path)
#define tg_plot_curves(tape, ...) TG_TAPE_CALL(tg_plot_curves, tape, __VA_ARGS__)
#define tg_plot_metrics(tape, ...) TG_TAPE_CALL(tg_plot_metrics, tape, __VA_ARGS__)
#define tg_plot_confusion(counts, ...) TG_CALL1_WITH(tg_plot_confusion, counts, __VA_ARGS__)
#define tg_plot_images(images, ...) TG_CALL1_WITH(tg_plot_images, images, __VA_ARGS__)

#endif
