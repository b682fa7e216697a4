/* bench/blas.h: matrix products for the loops written by hand, by the BLAS that tapegrad has too; where it has none, by its
 * built-in product.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_BLAS_H
#define BENCH_BLAS_H

#include <stdbool.h>
#include <stdint.h>

/* C = A B, C being m x n and the sums k long; row-major. A transposed operand is passed as it is in memory. */
void product(int64_t m, int64_t n, int64_t k, const float *a, bool a_transposed, const float *b, bool b_transposed, float *c);

/* y += x A, A being m x n. */
void add_row_times_matrix(int64_t m, int64_t n, const float *x, const float *a, float *y);

#endif
