/* tapegrad/linalg.h: systems of equations, factors, determinants.
 *
 * Everything here takes stacks of matrices: the last two axes are the matrix, the axes in front are the stack, and two stacks
 * broadcast. Operands are float32 or float64, of one dtype, which is the result's. A stack of none, and matrices of size 0, are
 * fine: their determinant is 1.
 *
 * What has no answer is an error of the run, which names the matrix and the pivot, and never a NaN: a matrix that is not
 * positive definite (tg_cholesky); one that is singular, which is one with a pivot of exactly 0, as LAPACK defines it; one that
 * holds NaN or infinity. A NaN in a right-hand side, or in a triangle off its diagonal, spreads as in any formula.
 *
 * All are differentiable to any order. The gradients are those of M. Giles, "Collected Matrix Derivative Results for Forward
 * and Reverse Mode Algorithmic Differentiation" (2008), and for Cholesky of I. Murray, arXiv:1602.07527. Large matrices are
 * factored by LAPACK where configure found one, others by the library.
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

/* What the matrix is in tg_solve_triangular, and on which side: any of these, joined by |. The other triangle is not looked at,
 * and neither is the diagonal when it is TG_UNIT. */
enum {
    TG_LOWER = 0,      /* the lower triangle */
    TG_UPPER = 1,      /* the upper triangle */
    TG_TRANSPOSED = 2, /* is used transposed: TG_UPPER | TG_TRANSPOSED acts as a lower triangle */
    TG_UNIT = 4,       /* has ones on its diagonal */
    TG_RIGHT = 8       /* stands at the right of the unknown */
};

/* ---- symmetric positive definite matrices ------------------------------------------------------------------------ */

/* The triangle L with a = L L^T (TG_LOWER), or R with a = R^T R (TG_UPPER), zeros in the other triangle: (..., n, n). Only that
 * triangle of a is looked at. a is meant to be symmetric, and so is its gradient, as in PyTorch: half of what moving a pair of
 * elements a_ij and a_ji together does goes to each of the two. */
tg_tensor tg_cholesky(tg_tensor a, int triangle);

/* The solution of a x = b, from the factor of a that tg_cholesky gave: `factor` is L or R, by `triangle`. Shapes as
 * tg_solve's. */
tg_tensor tg_cholesky_solve(tg_tensor factor, tg_tensor b, int triangle);

#define tg_cholesky(a, ...) TGI_CALL1_WITH(tg_cholesky, a, __VA_ARGS__)
#define tg_cholesky_solve(factor, b, ...) TGI_CALL2_WITH(tg_cholesky_solve, factor, b, __VA_ARGS__)

/* ---- systems of equations ---------------------------------------------------------------------------------------- */

/* The solution x of a x = b, for square a, by LU factors with partial pivoting: a (..., n, n), b (..., n, m), x (..., n, m); or
 * b (n), one vector for the whole stack, and x (..., n). The factors are found once, and used again by the gradients:
 *     dL/db = a^-T g,  dL/da = -(a^-T g) x^T. */
tg_tensor tg_solve(tg_tensor a, tg_tensor b);

/* The solution x of t x = b, or with TG_RIGHT of x t = b, for a triangle t described by `options`. Shapes as tg_solve's; with
 * TG_RIGHT b is (..., m, n) or (n). A transposed view t is not copied. */
tg_tensor tg_solve_triangular(tg_tensor t, tg_tensor b, int options);

/* The inverse of a square matrix. To multiply by it, tg_solve is faster and more exact. */
tg_tensor tg_inverse(tg_tensor a);

#define tg_solve(a, b) TGI_CALL2(tg_solve, a, b)
#define tg_solve_triangular(t, b, ...) TGI_CALL2_WITH(tg_solve_triangular, t, b, __VA_ARGS__)
#define tg_inverse(a) TGI_CALL1(tg_inverse, a)

/* ---- determinants: (..., n, n) gives (...) ----------------------------------------------------------------------- */

/* The determinant; 0 for a singular matrix, NaN for one with NaN. The gradient det(a) a^-T of a singular matrix is an error. */
tg_tensor tg_det(tg_tensor a);

/* The logarithm of a determinant that is positive, an error for any other. Gradient a^-T. For a symmetric positive definite
 * matrix with the factor L at hand, twice the sum of the logarithms of L's diagonal is faster. */
tg_tensor tg_logdet(tg_tensor a);

/* The logarithm of the determinant's absolute value, for a matrix that is not singular; its sign, 1 or -1, goes to *sign, a
 * tensor too, through which no gradient flows. `sign` may be NULL. */
tg_tensor tg_slogdet(tg_tensor a, tg_tensor *sign);

#define tg_det(a) TGI_CALL1(tg_det, a)
#define tg_logdet(a) TGI_CALL1(tg_logdet, a)
#define tg_slogdet(a, ...) TGI_CALL1_WITH(tg_slogdet, a, __VA_ARGS__)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
