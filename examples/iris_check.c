/* examples/iris_check.c: the network's gradients written by hand, to compare those of the tape with.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "iris_check.h"

static double sigmoid(double t) {
    return 1 / (1 + exp(-t));
}

/* Forward, y1 = x w1, y2 = sigmoid(y1), y3 = y2 w2, y4 = sigmoid(y3), one sample at a time; and back by the chain rule.
 *
 * The two losses differ in dL/dy3 alone. For the half squared error, 1/2 sum((y4 - y)^2), it is (y4 - y) y4 (1 - y4),
 * the last two factors from the sigmoid. For the mean cross entropy, dL/dy4 is (y4 - y) / (y4 (1 - y4)) / samples, and
 * the sigmoid's factors cancel. */
void iris_gradients(bool bce, int64_t samples, int64_t hidden, const double *x, const double *y, const double *w1,
                    const double *w2, double *y2, double *grad_w1, double *grad_w2) {
    memset(grad_w1, 0, 2 * (size_t)hidden * sizeof *grad_w1);
    memset(grad_w2, 0, (size_t)hidden * sizeof *grad_w2);

    for (int64_t i = 0; i < samples; i++) {
        const double x0 = x[2 * i], x1 = x[2 * i + 1];

        double y3 = 0;
        for (int64_t h = 0; h < hidden; h++) {
            y2[h] = sigmoid(x0 * w1[h] + x1 * w1[hidden + h]);
            y3 += y2[h] * w2[h];
        }
        double y4 = sigmoid(y3);

        double delta3 = bce ? (y4 - y[i]) / (double)samples : (y4 - y[i]) * y4 * (1 - y4);
        for (int64_t h = 0; h < hidden; h++) {
            double delta1 = delta3 * w2[h] * y2[h] * (1 - y2[h]);
            grad_w2[h] += delta3 * y2[h];
            grad_w1[h] += delta1 * x0;
            grad_w1[hidden + h] += delta1 * x1;
        }
    }
}

/* A tensor's elements as doubles. */
static bool to_doubles(const iris_check *check, tg_tensor from, const void *elements, double *to) {
    const float  *narrow = elements;
    const double *wide = elements;
    for (int64_t i = 0; elements && i < tg_size(from); i++)
        to[i] = check->dtype == TG_F64 ? wide[i] : (double)narrow[i];
    return elements;
}

static bool read_doubles(const iris_check *check, tg_tensor from, double *to) {
    return to_doubles(check, from, tg_data(from), to);
}

/* Nothing is run. */
static bool look_at_weights(iris_check *check) {
    return to_doubles(check, check->w1, tg_peek(check->w1), check->w1_now) &&
           to_doubles(check, check->w2, tg_peek(check->w2), check->w2_now);
}

/* Cuts the next `count` numbers from the block at *room. */
static double *cut(double **room, int64_t count) {
    double *piece = *room;
    *room += count;
    return piece;
}

bool iris_check_start(iris_check *check, bool bce, tg_tensor x, tg_tensor y, tg_tensor w1, tg_tensor w2) {
    *check = (iris_check){.w1 = w1, .w2 = w2, .bce = bce, .worst_epoch = -1};
    if (!tg_valid(w2)) return false; /* the tape has an error, and no sizes to go by */
    check->dtype = tg_dtype_of(w1);
    check->samples = tg_size(y);
    check->hidden = tg_size(w2);

    const int64_t n = check->samples, h = check->hidden;
    double       *room = check->room = malloc((size_t)(3 * n + 10 * h) * sizeof(double));
    if (!room) return complain("out of memory");
    check->x_now = cut(&room, 2 * n);
    check->y_now = cut(&room, n);
    check->w1_now = cut(&room, 2 * h);
    check->w2_now = cut(&room, h);
    check->y2 = cut(&room, h);
    check->by_hand = cut(&room, 3 * h); /* w1's, then w2's */
    check->by_tape = cut(&room, 3 * h);

    return read_doubles(check, x, check->x_now) && read_doubles(check, y, check->y_now) && look_at_weights(check);
}

/* The largest difference between two gradients, absolute or relative to the largest element. A NaN is a difference
 * beyond all bounds, and must not get lost in a comparison that is false for it. */
static double difference(const double *by_hand, const double *by_tape, int64_t count, bool relative) {
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < count; i++) {
        double apart = fabs(by_hand[i] - by_tape[i]);
        if (!(apart <= worst)) worst = isnan(apart) ? INFINITY : apart;
        largest = fmax(largest, fabs(by_hand[i]));
    }
    return relative && worst > 0 ? worst / largest : worst;
}

bool iris_check_epoch(iris_check *check, int epoch, tg_tensor grad_w1, tg_tensor grad_w2) {
    const int64_t h = check->hidden;
    iris_gradients(check->bce, check->samples, h, check->x_now, check->y_now, check->w1_now, check->w2_now, check->y2,
                   check->by_hand, check->by_hand + 2 * h);
    if (!read_doubles(check, grad_w1, check->by_tape) || !read_doubles(check, grad_w2, check->by_tape + 2 * h)) return false;

    bool   relative = check->dtype == TG_F32;
    double worst = fmax(difference(check->by_hand, check->by_tape, 2 * h, relative),
                        difference(check->by_hand + 2 * h, check->by_tape + 2 * h, h, relative));
    if (check->worst_epoch < 0 || worst > check->worst) {
        check->worst = worst;
        check->worst_epoch = epoch;
    }
    return tg_run_pending(tg_tape_of(check->w1)) == TG_OK && look_at_weights(check); /* which the next run starts from */
}

bool iris_check_report(const iris_check *check) {
    bool   relative = check->dtype == TG_F32;
    double tolerance = relative ? 2e-5 : 1e-12;
    bool   ok = check->worst <= tolerance;
    printf("Check | Worst difference: %.3g %s, in epoch %d | Tolerance: %g | %s\n", check->worst,
           relative ? "of the gradient's largest element" : "absolute", check->worst_epoch, tolerance,
           ok ? "passed" : "FAILED");
    return ok;
}

void iris_check_free(iris_check *check) {
    free(check->room);
}
