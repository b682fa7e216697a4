/* kernels/gemm.h: C = A B for matrices with any strides.
 *
 * A is m x k, B is k x n; element (i, j) of A is a[i * a_row + j * a_col], and so for B. C is m x n, row-major, fully
 * overwritten (with zeros when k is 0), and overlaps neither. A transposed matrix is one with its strides exchanged; a stride
 * may be 0 or negative. NaN and Inf go where they go in the textbook's three loops. The same product always gives the same bits, for
 * any number of threads and any strides; a BLAS, which has its own threads and loops, may not.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_GEMM_H
#define TGI_KERNELS_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "threads.h"

/* A BLAS where configure found one, else the built-in product, by the threads of `team`. `scratch` is tgi_gemm_scratch bytes,
 * aligned to 64. */
void tgi_gemm_f32(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, const float *b, int64_t b_row,
                  int64_t b_col, float *c, tgi_team *team, void *scratch);
void tgi_gemm_f64(int64_t m, int64_t n, int64_t k, const double *a, int64_t a_row, int64_t a_col, const double *b,
                  int64_t b_row, int64_t b_col, double *c, tgi_team *team, void *scratch);

/* Bytes of scratch that a product of that size needs, elements being `element` bytes wide. Never 0, a few MiB a thread at most;
 * never less for larger sizes, or more threads. */
size_t tgi_gemm_scratch(int64_t m, int64_t n, int64_t k, size_t element, int threads);

/* By that BLAS whatever the size; tests call it. */
void tgi_gemm_by_blas_f32(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, const float *b,
                          int64_t b_row, int64_t b_col, float *c, tgi_team *team, void *scratch);
void tgi_gemm_by_blas_f64(int64_t m, int64_t n, int64_t k, const double *a, int64_t a_row, int64_t a_col, const double *b,
                          int64_t b_row, int64_t b_col, double *c, tgi_team *team, void *scratch);

/* Whether k x n is a small B: for row-major matrices an element of C does not depend, then, on which other rows are made with
 * it. */
bool tgi_gemm_is_small(int64_t n, int64_t k);

/* C = A B for such a B, without scratch; all are row-major. */
void tgi_gemm_small_f32(int64_t m, int64_t n, int64_t k, const float *a, const float *b, float *c);
void tgi_gemm_small_f64(int64_t m, int64_t n, int64_t k, const double *a, const double *b, double *c);

/* The built-in product itself, there in every build: blocked for the caches, packed, and the same bits on every run. */
void tgi_gemm_builtin_f32(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, const float *b,
                          int64_t b_row, int64_t b_col, float *c, tgi_team *team, void *scratch);
void tgi_gemm_builtin_f64(int64_t m, int64_t n, int64_t k, const double *a, int64_t a_row, int64_t a_col, const double *b,
                          int64_t b_row, int64_t b_col, double *c, tgi_team *team, void *scratch);

/* The blocks in which the product is made, here so that tests can step over their edges: a block of A is at most MC x KC, and
 * one of B at most KC x NC; with fewer than PACK multiplications it does not pay to pack them, with fewer than BLAS it does not
 * pay to call a BLAS, whose threads wait for each other; and what a BLAS cannot read is copied for it in squares of COPY x COPY. A thread gets whole units of ROWS
 * x COLUMNS of C, and at least THREAD multiplications, or COPIES copies; in PIECES pieces, if each of them has PIECE multiplications: so that nobody
 * waits long for a thread that does not run. Scalar products of more than DOT numbers are made in pieces. */
enum {
    TGI_GEMM_MC = 192,
    TGI_GEMM_KC = 256,
    TGI_GEMM_DOT = 4096,
    TGI_GEMM_NC = 1024,
    TGI_GEMM_PACK = 160 * 160 * 160,
#ifdef __APPLE__
    TGI_GEMM_BLAS = 8192, /* Accelerate: of a part of the processor that is made for it */
#else
    TGI_GEMM_BLAS = 256 * 256 * 256,
#endif
    TGI_GEMM_COPY = 512,
    TGI_GEMM_SMALL = 256 * 256,
    TGI_GEMM_ROWS = 24,
    TGI_GEMM_COLUMNS = 32,
    TGI_GEMM_THREAD = 1 << 18,
    TGI_GEMM_COPIES = 1 << 14,
    TGI_GEMM_PIECES = 4,
    TGI_GEMM_PIECE = 1 << 22
};

#endif
