/* solve/marquardt.h: the step that makes a linear model of residuals least within a length.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_SOLVE_MARQUARDT_H
#define TGI_SOLVE_MARQUARDT_H

#include <stdint.h>

/* The model |R step - b|, and the scales of the elements of the step. */
typedef struct tgi_linear_model {
    int64_t       n;
    const double *r, *b, *scale; /* R (n, n) in columns, an upper triangle */
    double       *step;
    double       *matrix, *vector, *below; /* scratch: n n, n, n elements */
    double        eps;
} tgi_linear_model;

/* Finds the step whose scaled length is at most `length`, or a tenth more, and where it is that long minimizes |R step - b|^2 + parameter
 * |scale step|^2; the parameter, for which the one before is the first guess. */
double tgi_find_step(const tgi_linear_model *m, double length, double parameter);

/* The length of x, scaled. */
double tgi_scaled_norm(int64_t n, const double *scale, const double *x);

#endif
