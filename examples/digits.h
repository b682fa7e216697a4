/* examples/digits.h: what the programs that learn from digits share: the command line, the data in batches, what people look at.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_DIGITS_H
#define EXAMPLES_DIGITS_H

#include <stdbool.h>
#include <tapegrad/data.h>
#include <tapegrad/report.h>

/* ---- the command line -------------------------------------------------------------------------------------------- */

typedef struct digits_options {
    const char *data; /* a table, or a directory with the files of MNIST */
    int         epochs;
    uint64_t    seed;
    const char *metrics, *plot; /* files for the losses, as a table and as a picture, or NULL */
    const char *picture;        /* a file for what was learned: --confusion of a reader, --picture of a painter */
} digits_options;

typedef enum digits_task { READ_DIGITS, PAINT_DIGITS } digits_task;

/* True to go on with these options; false to end with that exit code. `model` says in the help what the program trains. */
bool digits_options_read(digits_options *options, digits_task task, const char *model, int argc, char **argv, int *exit_code);

/* ---- the data ---------------------------------------------------------------------------------------------------- */

/* The images, the leaves in which the loaders put batches of them, and what is known of the training. */
typedef struct digits {
    const digits_options *options;
    int64_t               size;   /* an image has size x size pixels */
    double                white;  /* the largest value of a pixel */
    tg_tensor             images; /* int64 (batch, size, size) */
    tg_tensor             labels; /* int64 (batch): 0 to 9 */
    tg_tensor             weight; /* float32 (batch): 1 where there is an image */
    tg_loader            *train, *test;

    /* What the part "test" makes of a batch: the sum of the losses of its images; and of those that read, how many images of each digit
     * were taken for each, (10, 10). */
    tg_tensor test_loss, counts;

    /* Of the latest epoch: the mean of the losses of the steps, and of those of the images in the test; all that was read. */
    double train_mean, test_mean, read_as[10][10];

    struct digits_log {
        tg_progress progress;
        tg_metrics *metrics;
        int         epoch;        /* the latest one, from 1 on */
        int64_t     steps;        /* done in it */
        double     *train, *test; /* the means of all epochs */
    } log;
} digits;

/* After an error of the tape there are no loaders. digits_end draws the losses and frees all, the tape too; it complains of an error, and
 * returns the exit code: 0, or 2. */
digits digits_open(tg_tape *tape, const digits_options *options, int64_t batch);
int    digits_end(tg_tape *tape, digits *d);

/* ---- training ---------------------------------------------------------------------------------------------------- */

/* How many steps there are in all epochs; at least 2, so that a rate can go up and down in them. */
double digits_steps(const digits *d);

/* Begins an epoch, until there have been enough, or an error. Of the one before, the means are known then, and are written. */
bool digits_next_epoch(tg_tape *tape, digits *d);

/* Count what the part "train" or "test" has made of a batch. */
void digits_count_step(digits *d, tg_tensor loss, tg_tensor rate);
void digits_count_test(digits *d);

/* For those that read: records test_loss and counts, given the scores of the ten digits, (batch, 10); prints how many were read right,
 * and draws which digits were taken for which. */
void digits_record_test(digits *d, tg_tensor scores);
void digits_show_accuracy(tg_tape *tape, const digits *d);

#endif
