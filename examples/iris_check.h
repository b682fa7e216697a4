/* examples/iris_check.h: the network's gradients written by hand, to compare those of the tape with.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_IRIS_CHECK_H
#define EXAMPLES_IRIS_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <tapegrad.h>

/* The gradients of one loss in plain loops, in double. x is (samples, 2), w1 is (2, hidden), w2 is (hidden, 1), all
 * row-major; so are grad_w1 and grad_w2. y2 is room for `hidden` numbers. The loss is the mean binary cross entropy
 * where `bce` is set, else the half squared error. */
void iris_gradients(bool bce, int64_t samples, int64_t hidden, const double *x, const double *y, const double *w1,
                    const double *w2, double *y2, double *grad_w1, double *grad_w2);

/* A comparison that goes on through the training. */
typedef struct iris_check {
    tg_tensor w1, w2;
    bool      bce;
    tg_dtype  dtype;
    int64_t   samples, hidden;
    double   *room;          /* one block for all that follows */
    double   *x_now, *y_now; /* the tape's data, and its weights before the coming run */
    double   *w1_now, *w2_now;
    double   *y2, *by_hand, *by_tape;
    double    worst;       /* the largest difference so far ... */
    int       worst_epoch; /* ... and when it was, -1 before the first */
} iris_check;

/* Starts it, and looks at the weights. False where there is no memory or the tape has an error. Ends with iris_check_free, also then. */
bool iris_check_start(iris_check *check, bool bce, tg_tensor x, tg_tensor y, tg_tensor w1, tg_tensor w2);

/* To be called after each run, with the gradients that it computed. */
bool iris_check_epoch(iris_check *check, int epoch, tg_tensor grad_w1, tg_tensor grad_w2);

/* Prints the worst difference; whether it is within the tolerance. In float64 that is the difference itself, at most
 * 1e-12. In float32, where a gradient's rounding error is one of its largest elements', it is relative to the largest
 * element of that gradient, at most 2e-5. Float32 cannot hold that where a wide layer drives every y_hat close to 1:
 * the gradient has a factor 1 - y_hat, of which no digits are left. */
bool iris_check_report(const iris_check *check);

void iris_check_free(iris_check *check);

#endif
