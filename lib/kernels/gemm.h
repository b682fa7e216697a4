/* kernels/gemm.h: C = A B for matrices with any strides.
 *
 * A is m x k, B is k x n; element (i, j) of A is a[i * a_row + j * a_col], and so for B. C is m x n, row-major, fully overwritten
 * (with zeros when k is 0), and overlaps neither. A transposed matrix is one with its strides exchanged; a stride may be 0 or
 * negative.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_GEMM_H
#define TGI_KERNELS_GEMM_H

#include <stddef.h>
#include <stdint.h>

/* A BLAS where configure found one, else the built-in product. `scratch` is tgi_gemm_scratch bytes, aligned to 64. */
void tgi_gemm_f32(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, const float *b, int64_t b_row,
                  int64_t b_col, float *c, void *scratch);
void tgi_gemm_f64(int64_t m, int64_t n, int64_t k, const double *a, int64_t a_row, int64_t a_col, const double *b, int64_t b_row,
                  int64_t b_col, double *c, void *scratch);

/* Bytes of scratch that a product of that size needs, elements being `element` bytes wide. Never 0. */
size_t tgi_gemm_scratch(int64_t m, int64_t n, int64_t k, size_t element);

/* The built-in product itself, there in every build: blocked for the caches, packed, and the same bits on every run. */
void tgi_gemm_builtin_f32(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, const float *b,
                          int64_t b_row, int64_t b_col, float *c, void *scratch);
void tgi_gemm_builtin_f64(int64_t m, int64_t n, int64_t k, const double *a, int64_t a_row, int64_t a_col, const double *b,
                          int64_t b_row, int64_t b_col, double *c, void *scratch);

#endif
