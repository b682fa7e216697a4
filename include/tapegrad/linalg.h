/* tapegrad/linalg.h: systems of equations, factors, determinants, eigenvectors, singular vectors, QR.
 *
 * All functions take stacks of matrices: the last two axes are the matrix, the leading axes are the stack, and two stacks
 * broadcast. The operands are float32 or float64 and have one dtype, which is the dtype of the result. A stack may be empty, and a
 * matrix may have size 0: its determinant is 1.
 *
 * A matrix that has no answer makes the run fail with TG_ERR_NUMERIC and an error that names the matrix and the pivot; it never gives
 * NaN. Such a matrix is one that is not positive definite (tg_cholesky), one that is singular, which means that a pivot is exactly
 * 0, as in LAPACK, and one that holds NaN or infinity. A NaN in a right-hand side, or off the diagonal of a triangular matrix,
 * spreads as in any formula.
 *
 * All functions are differentiable to any order (tg_det of a singular matrix has a limit). The gradients are from M. Giles, "Collected
 * Matrix Derivative Results for Forward and Reverse Mode Algorithmic Differentiation" (2008), and for Cholesky from I. Murray,
 * arXiv:1602.07527. Matrices of 128 rows and columns or more, for QR of 256, are factored by LAPACK where configure found one, others
 * by the library.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_LINALG_H
#define TAPEGRAD_LINALG_H
#pragma GCC system_header

#include <tapegrad/product.h>
#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What the matrix of tg_solve_triangular is, and on which side it stands: any of these, combined by |. The other triangle is not
 * read, and with TG_UNIT the diagonal is not read. */
enum {
    TG_LOWER = 0,      /* the lower triangle */
    TG_UPPER = 1,      /* the upper triangle */
    TG_TRANSPOSED = 2, /* it is transposed first: TG_UPPER | TG_TRANSPOSED acts as a lower triangle */
    TG_UNIT = 4,       /* its diagonal is all ones */
    TG_RIGHT = 8       /* it is on the right of the unknown: x t = b */
};

/* ---- symmetric positive definite matrices ------------------------------------------------------------------------ */

/* The Cholesky factor of a symmetric positive definite matrix: L with a = L L^T for `triangle` TG_LOWER, or R with a = R^T R for
 * TG_UPPER, with zeros in the other triangle. (..., n, n) gives (..., n, n). Only the given triangle of a is read. The gradient is
 * symmetric, as in PyTorch: each of a_ij and a_ji gets half of the derivative for both. */
tg_tensor tg_cholesky(tg_tensor a, int triangle);

/* The solution x of a x = b, where `factor` is the result of tg_cholesky(a, triangle). Shapes as in tg_solve. */
tg_tensor tg_cholesky_solve(tg_tensor factor, tg_tensor b, int triangle);

#define tg_cholesky(a, ...) TG_CALL1_WITH(tg_cholesky, a, __VA_ARGS__)
#define tg_cholesky_solve(factor, b, ...) TG_CALL2_WITH(tg_cholesky_solve, factor, b, __VA_ARGS__)

/* ---- systems of equations ---------------------------------------------------------------------------------------- */

/* The solution x of a x = b, for square a, by LU factors with partial pivoting. a is (..., n, n), b is (..., n, m), x is (..., n,
 * m). Or b is (n), one vector for the whole stack, and x is (..., n). The factors are computed once, and the gradients use them:
 *     dL/db = a^-T g,  dL/da = -(a^-T g) x^T. */
tg_tensor tg_solve(tg_tensor a, tg_tensor b);

/* The solution x of t x = b, or with TG_RIGHT of x t = b, for a triangular matrix t described by `options`. Shapes as in tg_solve;
 * with TG_RIGHT b is (..., m, n) or (n). A transposed view is not copied. */
tg_tensor tg_solve_triangular(tg_tensor t, tg_tensor b, int options);

/* The inverse of a square matrix. To multiply by an inverse, tg_solve is faster and more accurate. */
tg_tensor tg_inverse(tg_tensor a);

#define tg_solve(a, b) TG_CALL2(tg_solve, a, b)
#define tg_solve_triangular(t, b, ...) TG_CALL2_WITH(tg_solve_triangular, t, b, __VA_ARGS__)
#define tg_inverse(a) TG_CALL1(tg_inverse, a)

/* ---- determinants: (..., n, n) gives (...) ----------------------------------------------------------------------- */

/* The determinant; 0 for a singular matrix, NaN for a matrix with NaN. The gradient is the matrix of cofactors, det(a) a^-T, of
 * singular matrices too, and so are derivatives of order 2, and of any order where the rank is at least n - 2. A matrix that is not
 * finite has none: the run fails. */
tg_tensor tg_det(tg_tensor a);

/* The logarithm of the determinant, which must be positive: else the run fails. The gradient is a^-T. For a symmetric positive
 * definite matrix whose factor L is known, twice the sum of the logarithms of L's diagonal is faster. */
tg_tensor tg_logdet(tg_tensor a);

/* The logarithm of the absolute value of the determinant; the run fails for a singular matrix. *sign becomes a tensor with the
 * sign, 1 or -1, through which no gradient flows. `sign` may be NULL. */
tg_tensor tg_slogdet(tg_tensor a, tg_tensor *sign);

#define tg_det(a) TG_CALL1(tg_det, a)
#define tg_logdet(a) TG_CALL1(tg_logdet, a)
#define tg_slogdet(a, ...) TG_CALL1_WITH(tg_slogdet, a, __VA_ARGS__)

/* ---- orthogonal factors ------------------------------------------------------------------------------------------- */

/* Computed in float64, for both dtypes. Signs, which are free, are chosen so that the result is unique: see each.
 * Gradients of vectors divide by the distances of values: where two values are equal they are infinite or NaN, and so are second
 * derivatives of the values. NaN or infinity in a matrix makes the run fail. */

/* The eigenvalues of a symmetric matrix, in rising order: (..., n, n) gives (..., n). Only the lower triangle of a is read, for `triangle`
 * TG_LOWER, or the upper one for TG_UPPER. *vectors becomes (..., n, n), whose columns are the eigenvectors: a v = v diag(values). The
 * largest component of each is positive, the first of several. `vectors` may be NULL. Gradients are symmetric, as that of tg_cholesky; with V
 * the vectors
 *     of values: V diag(g) V^T,  of vectors: V (F o V^T g) V^T with F_ij = 1 / (value_j - value_i), and 0 on the diagonal. */
tg_tensor tg_eigh(tg_tensor a, int triangle, tg_tensor *vectors);

/* The singular values of a matrix, in falling order: (..., m, n) gives (..., k), k being the smaller of m and n. *u becomes (..., m, k) and
 * *vh (..., k, n), with a = u diag(values) vh, orthogonal columns of u and rows of vh. The largest component of each column of u is positive,
 * or for m < n that of each row of vh: the first of several. `u` and `vh` may be NULL. The gradients are from J. Townsend,
 * "Differentiating the Singular Value Decomposition" (2016). Those of u and vh are infinite or NaN where a value is 0 too, and m and n
 * differ. */
tg_tensor tg_svd(tg_tensor a, tg_tensor *u, tg_tensor *vh);

/* The orthogonal factor Q of a = Q R: (..., m, n) gives (..., m, k), k being the smaller of m and n. *r becomes (..., k, n), an upper triangle,
 * or trapezoid, whose diagonal is at least 0. `r` may be NULL. The gradient is from M. Seeger et al., "Auto-Differentiating Linear
 * Algebra" (2017); it makes the run fail where the diagonal of R has a 0. */
tg_tensor tg_qr(tg_tensor a, tg_tensor *r);

#define tg_eigh(a, ...) TG_CALL1_WITH(tg_eigh, a, __VA_ARGS__)
#define tg_svd(a, ...) TG_CALL1_WITH(tg_svd, a, __VA_ARGS__)
#define tg_qr(a, ...) TG_CALL1_WITH(tg_qr, a, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
