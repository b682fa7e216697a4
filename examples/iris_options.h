/* examples/iris_options.h: the command line of iris_fnn.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_IRIS_OPTIONS_H
#define EXAMPLES_IRIS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <tapegrad.h>

typedef struct iris_options {
    int         epochs;
    double      lr;
    uint64_t    seed;
    int64_t     hidden; /* units in the hidden layer */
    tg_dtype    dtype;
    bool        train_on_bce; /* else on the half squared error */
    bool        record_each;  /* record in every epoch, else once */
    bool        check;
    const char *csv, *plot, *graph; /* files to write, or NULL */
    const char *data;
} iris_options;

/* What the command line asks for: to go on with these options, or to end, for which the exit code is given. */
typedef enum iris_request { IRIS_GO_ON, IRIS_END } iris_request;
iris_request iris_options_read(iris_options *options, int argc, char **argv, int *exit_code);

#endif
