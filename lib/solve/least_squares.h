/* solve/least_squares.h: the dense method of tg_least_squares.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_SOLVE_LEAST_SQUARES_H
#define TGI_SOLVE_LEAST_SQUARES_H

#include "solve/problem.h"
#include "solve/robust.h"

typedef struct tgi_levenberg {
    double     tolerance_gradient, tolerance_value, tolerance_step;
    tgi_robust robust;
    bool       bounded; /* by what tgi_read_bounds has read */
} tgi_levenberg;

/* Works until the report says why it stops, or there is an error. */
void tgi_minimize_squares(tgi_problem *p, const tgi_levenberg *o);

#endif
