/* examples/digits.h: what the programs that read digits share: the command line, the data in batches, what they print.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_DIGITS_H
#define EXAMPLES_DIGITS_H

#include <stdbool.h>
#include <tapegrad/data.h>

typedef struct digits_options {
    const char *data; /* a table, or a directory with the files of MNIST */
    int         epochs;
    uint64_t    seed;
} digits_options;

/* True to go on with these options; false to end with that exit code. `model` says in the help what the program trains. */
bool digits_options_read(digits_options *options, const char *model, int argc, char **argv, int *exit_code);

/* The images, and the leaves in which the loaders put batches of them. */
typedef struct digits {
    int64_t    size;   /* an image has size x size pixels */
    double     white;  /* the largest value of a pixel */
    tg_tensor  images; /* int64 (batch, size, size) */
    tg_tensor  labels; /* int64 (batch): 0 to 9 */
    tg_tensor  weight; /* float32 (batch): 1 where there is an image */
    tg_loader *train, *test;
} digits;

/* After an error of the tape there are no loaders. digits_end frees them and the tape, complains of an error, and returns the exit code:
 * 0, or 2. */
digits digits_open(tg_tape *tape, const char *path, int64_t batch);
int    digits_end(tg_tape *tape, digits *d);

/* One line on standard error, which the next one overwrites; nothing when that is no terminal. */
void digits_progress(int epoch, int epochs, double loss);

#endif
