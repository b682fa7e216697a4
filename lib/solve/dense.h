/* solve/dense.h: orthogonal factors of small matrices, which are in columns, one after the other.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_SOLVE_DENSE_H
#define TGI_SOLVE_DENSE_H

#include <stdbool.h>
#include <stdint.h>

/* Makes the (rows, n) matrix a into its factor R, whose upper triangle is in the first rows (the rest of a is lost), and the vector b into
 * Q' b. Where there are fewer rows than columns, R is a trapezoid. */
void tgi_make_triangle(int64_t rows, int64_t n, double *a, double *b);

/* x with R x = b, for the upper triangle of the first n rows of the columns r, which are `rows` apart; false where an element of the
 * diagonal is below `smallest` times its largest one. A column of zeros is passed over: its x is 0. */
bool tgi_solve_upper(int64_t rows, int64_t n, const double *r, double smallest, const double *b, double *x);

/* The same of R' x = b. */
void tgi_solve_upper_transposed(int64_t rows, int64_t n, const double *r, const double *b, double *x);

/* R of (n, n) becomes that of the matrix with the rows of R, and below them d on a diagonal; and b that of b, with zeros below. So
 * R x = b then is the least squares solution of R x = b, d x = 0 before. `below`, of n elements, is scratch. */
void tgi_add_diagonal(int64_t n, double *r, double *b, const double *d, double *below);

#endif
