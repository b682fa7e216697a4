/* kernels/sum.h: sums over some axes of a strided array.
 *
 * `out` is row-major over the axes that stay, and overlaps nothing. Strides, in elements, may be 0 or negative, sizes 0: an empty sum
 * is 0, and so is one of -0.0 alone, as in NumPy and PyTorch. The order of the additions is fixed by the sizes and by which axes are
 * summed, whatever the strides, and blocked: the rounding error of a floating sum of n elements grows as log n, not as n.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_SUM_H
#define TGI_KERNELS_SUM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tgi_sum_axes {
    int      rank;   /* at most 8 */
    unsigned summed; /* bit i is set where axis i is summed */
    int64_t  dims[8], strides[8];
} tgi_sum_axes;

void tgi_sum_f32(const tgi_sum_axes *axes, const float *x, float *out);
void tgi_sum_f64(const tgi_sum_axes *axes, const double *x, double *out);
void tgi_sum_i64(const tgi_sum_axes *axes, const int64_t *x, int64_t *out); /* modulo 2^64 */

/* The same sums in pieces, to the bit, for a row-major array of rows x n whose columns are summed: for n = 1 blocks of BLOCK
 * numbers, for n of at least COLUMNS blocks of ROWS rows. The first function puts the sum of some rows of one block into
 * sum[n], or adds them to that. The second puts the sums of the blocks together, and uses up
 * their memory. */
void tgi_sum_block_f32(int64_t rows, int64_t n, const float *x, bool add, float *sum);
void tgi_sum_block_f64(int64_t rows, int64_t n, const double *x, bool add, double *sum);
void tgi_sum_block_i64(int64_t rows, int64_t n, const int64_t *x, bool add, int64_t *sum);
void tgi_sum_blocks_f32(int64_t blocks, int64_t n, float *sums, float *out);
void tgi_sum_blocks_f64(int64_t blocks, int64_t n, double *sums, double *out);
void tgi_sum_blocks_i64(int64_t blocks, int64_t n, int64_t *sums, int64_t *out);

/* The roots of the sums of squares, right wherever they can be represented: where a sum overflows or underflows, or squares do, it is
 * made again of smaller or larger numbers. */
void tgi_norm_f32(const tgi_sum_axes *axes, const float *x, float *out);
void tgi_norm_f64(const tgi_sum_axes *axes, const double *x, double *out);

/* Running sums: y[o][i][j] is the sum of x[o][0][j] to x[o][i][j], for row-major arrays (outer, n, inner). Each is the exact sum but
 * for its own rounding and, in float64, an error of the order of (n u)^2. */
void tgi_cumsum_f32(int64_t outer, int64_t n, int64_t inner, const float *x, float *y);
void tgi_cumsum_f64(int64_t outer, int64_t n, int64_t inner, const double *x, double *y);
void tgi_cumsum_i64(int64_t outer, int64_t n, int64_t inner, const int64_t *x, int64_t *y); /* modulo 2^64 */

/* The blocks in which it is done, here so that tests can step over their edges: that many contiguous numbers, or strided ones,
 * or rows of numbers, are one block; and fewer columns than COLUMNS are added up as rows. */
enum { TGI_SUM_BLOCK = 512, TGI_SUM_STRIDED = 64, TGI_SUM_ROWS = 128, TGI_SUM_COLUMNS = 8 };

#endif
