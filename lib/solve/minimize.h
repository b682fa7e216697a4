/* solve/minimize.h: the methods of tg_minimize.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_SOLVE_MINIMIZE_H
#define TGI_SOLVE_MINIMIZE_H

#include "solve/problem.h"

/* Each works until the report says why it stops, or there is an error. */

/* What the method of L-BFGS needs to know. */
typedef struct tgi_quasi_newton {
    double  tolerance_gradient, tolerance_value, max_step;
    int64_t history;
    bool    bounded; /* by what tgi_read_bounds has read */
} tgi_quasi_newton;

void tgi_minimize_by_gradients(tgi_problem *p, const tgi_quasi_newton *o);

/* A trust region, whose model has the products of tgi_product. */
typedef struct tgi_trust_region {
    double tolerance_gradient, tolerance_value, max_step; /* max_step bounds the length of the step */
    double least_value;                                   /* that the tolerance of the value counts for */
    double forcing; /* conjugate gradients end where the residual is this part of the gradient, or less where that is small */
} tgi_trust_region;

void tgi_minimize_by_products(tgi_problem *p, const tgi_trust_region *o);

#endif
