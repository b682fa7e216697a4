/* examples/iris_data.h: the iris table, read, checked and made ready for the network.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_IRIS_DATA_H
#define EXAMPLES_IRIS_DATA_H

#include <stdbool.h>

enum {
    IRIS_ROWS = 150,    /* in the file: 50 of each of three species */
    IRIS_SAMPLES = 100, /* that the network sees: two species */
    IRIS_FEATURES = 2   /* of each: sepal length and sepal width */
};

/* x[i] has length 1; y[i] is 0 for setosa, 1 for versicolor. In the order of the file. */
typedef struct iris_data {
    double x[IRIS_SAMPLES][IRIS_FEATURES];
    double y[IRIS_SAMPLES];
} iris_data;

/* Reads the file and checks all of it, also the columns and the species that are then left out: what is wrong there is
 * a sign that this is not the table it should be. False, after a complaint that names the line, where anything is. */
bool iris_data_read(iris_data *data, const char *path);

#endif
