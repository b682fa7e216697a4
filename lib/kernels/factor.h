/* kernels/factor.h: factors of square matrices, and what they solve.
 *
 * Matrices are row-major, in one piece, and overwritten by the result; `scratch` is tgi_linalg_scratch bytes, aligned to 64,
 * `team` the threads. Sizes may be 0. The same call gives the same bits, always.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_FACTOR_H
#define TGI_KERNELS_FACTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "threads.h"

/* A = L L^T, for the lower triangle of A (n x n), whatever is above; L, with zeros above it, overwrites A. Gives 0, or the
 * order of the first leading minor that is not a positive finite number: A then holds nothing of use. */
int64_t tgi_cholesky_f32(int64_t n, float *a, tgi_team *team, void *scratch);
int64_t tgi_cholesky_f64(int64_t n, double *a, tgi_team *team, void *scratch);

/* A = L U P^T: L lower, with the pivots on its diagonal, U upper, with ones on its own, which are not stored; P exchanges
 * column i and column pivots[i] >= i, for i = 0, 1, ... in turn. That is LAPACK's getrf of the transposed matrix. A pivot that
 * is 0 does not stop it. */
void tgi_lu_f32(int64_t n, float *a, float *pivots, tgi_team *team, void *scratch);
void tgi_lu_f64(int64_t n, double *a, double *pivots, tgi_team *team, void *scratch);

/* What keeps those factors from solving anything: k when pivot k is the first that is 0, counted from 1; -1 when NaN or
 * infinity is in them; 0 when nothing does. */
int64_t tgi_lu_fault_f32(int64_t n, const float *lu);
int64_t tgi_lu_fault_f64(int64_t n, const double *lu);

/* The determinant from those factors; its sign, which is 0 or NaN where the determinant is; the logarithm of its absolute
 * value. */
typedef struct tgi_det_f32 {
    float det, sign, log;
} tgi_det_f32;
typedef struct tgi_det_f64 {
    double det, sign, log;
} tgi_det_f64;
tgi_det_f32 tgi_lu_det_f32(int64_t n, const float *lu, const float *pivots);
tgi_det_f64 tgi_lu_det_f64(int64_t n, const double *lu, const double *pivots);

/* X <- A^-1 X, or (A^T)^-1 X, from those factors; X is n x m. */
void tgi_lu_solve_f32(int64_t n, int64_t m, const float *lu, const float *pivots, bool transposed, float *x, tgi_team *team,
                      void *scratch);
void tgi_lu_solve_f64(int64_t n, int64_t m, const double *lu, const double *pivots, bool transposed, double *x, tgi_team *team,
                      void *scratch);

/* X <- T^-1 X for a triangle T, n x n with any strides; X is n x m. Only the triangle is looked at, and with `unit` not its
 * diagonal, which is then all ones. */
void tgi_triangle_solve_f32(int64_t n, int64_t m, const float *t, int64_t row, int64_t col, bool upper, bool unit, float *x,
                            tgi_team *team, void *scratch);
void tgi_triangle_solve_f64(int64_t n, int64_t m, const double *t, int64_t row, int64_t col, bool upper, bool unit, double *x,
                            tgi_team *team, void *scratch);

/* The first element of its diagonal that is 0 or NaN, counted from 1; 0 when there is none. */
int64_t tgi_triangle_fault_f32(int64_t n, const float *t, int64_t row, int64_t col);
int64_t tgi_triangle_fault_f64(int64_t n, const double *t, int64_t row, int64_t col);

/* Bytes of scratch for matrices of n x n and, where there is one, X of n x m. */
size_t tgi_linalg_scratch(int64_t n, int64_t m, size_t element, int threads);

/* The rows or columns that are worked on at a time, here so that tests can step over the edges; and from which size on a matrix
 * is left to LAPACK, where there is one. */
enum { TGI_LINALG_BLOCK = 32, TGI_LINALG_LAPACK = 128 };

#endif
