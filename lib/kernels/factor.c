/* kernels/factor.c: Cholesky, LU, triangular solves.
 *
 * All three, in factor_template.h, go through the matrix a block of rows at a time, and look left: first the block gets, as one
 * matrix product, all that the finished part takes from it, then it is finished itself by rows of vector code. Nearly all the
 * work is thus done by gemm, over long inner sizes, and scratch holds one block. See
 * G. Golub and C. Van Loan, "Matrix Computations", 4th edition (2013); N. Higham, "Accuracy and Stability of Numerical
 * Algorithms", 2nd edition (2002), chapters 8 to 10.
 *
 * LAPACK, where configure found one, factors the large matrices, on all cores. It stores by columns: what is row-major here is
 * the transposed matrix there, so that its lower triangle is the upper one here, and its LU of A^T the L U P^T of A.
 *
 * SPDX-License-Identifier: MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "factor.h"

#include <float.h>
#include <limits.h>
#include <math.h>

#include "gemm.h"
#include "vector.h"

enum { BLOCK = TGI_LINALG_BLOCK };

/* Bytes for the products' own scratch, in front of the product; none is larger than n x n times n x m. */
static size_t product_scratch(int64_t n, int64_t m, size_t element, int threads) {
    return (tgi_gemm_scratch(n, m > n ? m : n, n, element, threads) + 63) / 64 * 64;
}

/* A product fills a block of rows or columns; LAPACK's pivots fit into it. */
size_t tgi_linalg_scratch(int64_t n, int64_t m, size_t element, int threads) {
    return product_scratch(n, m, element, threads) + (size_t)(BLOCK * (m > n ? m : n)) * element;
}

#ifdef TGI_HAVE_LAPACK

/* Fortran passes addresses, and after them the lengths of strings. */
void spotrf_(const char *triangle, const int *n, float *a, const int *pitch, int *info, size_t triangle_length);
void dpotrf_(const char *triangle, const int *n, double *a, const int *pitch, int *info, size_t triangle_length);
void sgetrf_(const int *m, const int *n, float *a, const int *pitch, int *pivots, int *info);
void dgetrf_(const int *m, const int *n, double *a, const int *pitch, int *pivots, int *info);

static bool worth_lapack(int64_t n) {
    return n >= TGI_LINALG_LAPACK && n <= INT_MAX;
}

#endif

#define T float
#define NAME(x) x##_f32
#define LAPACK(x) s##x##_
#define ABS fabsf
#define SQRT sqrtf
#define LOG logf
#define LARGEST FLT_MAX
#include "factor_template.h"
#undef T
#undef NAME
#undef LAPACK
#undef ABS
#undef SQRT
#undef LOG
#undef LARGEST

#define T double
#define NAME(x) x##_f64
#define LAPACK(x) d##x##_
#define ABS fabs
#define SQRT sqrt
#define LOG log
#define LARGEST DBL_MAX
#include "factor_template.h"
