/* solve/numbers.h: arithmetic of vectors.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_SOLVE_NUMBERS_H
#define TGI_SOLVE_NUMBERS_H

#include <math.h>
#include <stdint.h>

static inline double tgi_dot(int64_t n, const double *a, const double *b) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static inline double tgi_norm(int64_t n, const double *a) {
    double sum = tgi_dot(n, a, a), largest = 0;
    if (sum > 1e-280 && sum < 1e280) return sqrt(sum);
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(a[i]));
    if (!(largest > 0) || isinf(largest)) return largest;
    sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (a[i] / largest) * (a[i] / largest);
    return largest * sqrt(sum);
}

/* The largest element without its sign; NaN if one is NaN. */
static inline double tgi_norm_max(int64_t n, const double *a) {
    double largest = 0;
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(a[i]) <= largest)) largest = fabs(a[i]);
    return largest;
}

/* y <- y + c x */
static inline void tgi_add_times(int64_t n, double c, const double *x, double *y) {
    for (int64_t i = 0; i < n; i++)
        y[i] += c * x[i];
}

#endif
