/* kernels/orthogonal.h: orthogonal factors of matrices: eigenvectors, singular vectors, QR.
 *
 * All is in double. Matrices are row-major, in one piece, and overwritten. Vectors are rows: where a matrix is a set of
 * columns, it is its transpose that is passed. The elements are finite; sizes may be 0. `scratch` has as many doubles as the
 * function of that name says, for these sizes.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_ORTHOGONAL_H
#define TGI_KERNELS_ORTHOGONAL_H

#include <stddef.h>
#include <stdint.h>

/* A = sum of value[i] v_i v_i^T for a symmetric A (n x n): the values in rising order, and the vectors, n x n. */
void    tgi_eigh(int64_t n, double *a, double *value, double *v, double *scratch);
int64_t tgi_eigh_scratch(int64_t n);

/* A = sum of value[i] u_i v_i^T for A of k <= n columns of n elements, which are the rows of u (k x n): these become the
 * u_i. v is k x k. The values are at least 0, in falling order. */
void    tgi_svd(int64_t k, int64_t n, double *u, double *value, double *v, double *scratch);
int64_t tgi_svd_scratch(int64_t k, int64_t n);

/* A = Q R for A of k <= n columns of n elements, which are the rows of q (k x n): these become the columns of Q. R is k x k,
 * with a diagonal of at least 0, and zeros below it. */
void    tgi_qr(int64_t k, int64_t n, double *q, double *r, double *scratch);
int64_t tgi_qr_scratch(int64_t k, int64_t n);

/* The same by the library's own code, whatever the size; and from which n, or k, on LAPACK does it, where there is one. */
void tgi_eigh_builtin(int64_t n, double *a, double *value, double *v);
void tgi_svd_builtin(int64_t k, int64_t n, double *u, double *value, double *v);
void tgi_qr_builtin(int64_t k, int64_t n, double *q, double *r);
enum { TGI_ORTHOGONAL_LAPACK = 128, TGI_QR_LAPACK = 256 };

#endif
