/* solve/marquardt.c: the parameter of Levenberg and Marquardt for a step of a given length (J. J. Moré, "The Levenberg-Marquardt algorithm:
 * implementation and theory" (1978), section 5).
 *
 * The length of the step falls as the parameter grows; Newton's method for  1 / length, which is almost a straight line, finds the
 * parameter, between bounds that grow together.
 *
 * SPDX-License-Identifier: MIT */
#include "solve/marquardt.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "solve/dense.h"
#include "solve/numbers.h"

enum { MOST_TRIES = 10 };
static const double NEAR = 0.1; /* how far the length may be off */

double tgi_scaled_norm(int64_t n, const double *scale, const double *x) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (scale[i] * x[i]) * (scale[i] * x[i]);
    return sqrt(sum);
}

/* How fast the length falls with the parameter, as a part of itself: of the step found for the triangle r. */
static double fall_of(const tgi_linear_model *m, const double *r, double norm) {
    for (int64_t i = 0; i < m->n; i++)
        m->below[i] = m->scale[i] * (m->scale[i] * m->step[i] / norm);
    tgi_solve_upper_transposed(m->n, m->n, r, m->below, m->vector);
    return tgi_dot(m->n, m->vector, m->vector);
}

/* The scaled length of the gradient R' b. */
static double gradient_norm(const tgi_linear_model *m) {
    double sum = 0;
    for (int64_t k = 0; k < m->n; k++) {
        double scaled = tgi_dot(k + 1, m->r + k * m->n, m->b) / m->scale[k];
        sum += scaled * scaled;
    }
    return sqrt(sum);
}

/* The step for a parameter above 0; its scaled length. */
static double step_for(const tgi_linear_model *m, double parameter) {
    double root = sqrt(parameter);
    memcpy(m->matrix, m->r, (size_t)(m->n * m->n) * sizeof *m->matrix);
    memcpy(m->vector, m->b, (size_t)m->n * sizeof *m->vector);
    for (int64_t i = 0; i < m->n; i++)
        m->step[i] = root * m->scale[i];
    tgi_add_diagonal(m->n, m->matrix, m->vector, m->step, m->below);
    tgi_solve_upper(m->n, m->n, m->matrix, 0, m->vector, m->step);
    return tgi_scaled_norm(m->n, m->scale, m->step);
}

double tgi_find_step(const tgi_linear_model *m, double length, double parameter) {
    bool   whole = tgi_solve_upper(m->n, m->n, m->r, m->eps, m->b, m->step);
    double norm = whole ? tgi_scaled_norm(m->n, m->scale, m->step) : INFINITY, off = norm - length, before;
    if (off <= NEAR * length) return 0;
    double gradient = gradient_norm(m), low = whole ? off / length / fall_of(m, m->r, norm) : 0;
    double high = gradient > 0 ? gradient / length : DBL_MIN / fmin(length, NEAR);
    parameter = fmin(fmax(parameter, low), high);
    if (parameter == 0) parameter = whole ? gradient / norm : high;
    for (int k = 0; k < MOST_TRIES; k++) {
        if (!(parameter > 0)) parameter = fmax(DBL_MIN, 0.001 * high);
        norm = step_for(m, parameter);
        before = off;
        off = norm - length;
        bool falls_short = low == 0 && off <= before && before < 0;
        if (fabs(off) <= NEAR * length || falls_short) break;
        if (off > 0) low = fmax(low, parameter);
        if (off < 0) high = fmin(high, parameter);
        parameter = fmax(low, parameter + off / length / fall_of(m, m->matrix, norm));
    }
    return parameter;
}
