/* kernels/gemm.c: the matrix product.
 *
 * The built-in product, in gemm_builtin.h, follows Goto: C is made in tiles of MR x NR elements that stay in registers while a
 * panel of A, MR rows, and a panel of B, NR columns, stream by. A panel of B stays in the first cache while all
 * panels of a block of A pass it; the block of A stays in the second cache, the block of B in the third. Panels are copied
 * together first, so that whatever the strides were, the innermost loop reads memory from end to end.
 * Sources: K. Goto and R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM Transactions on Mathematical
 * Software 34 (2008) 12; F. Van Zee and R. van de Geijn, "BLIS: A Framework for Rapidly Instantiating BLAS Functionality", same
 * journal 41 (2015) 14.
 *
 * Copying costs as much as a few multiplications an element. A small product reads its panels where they are, if
 * only B has its rows in one piece; and one with a vector, where each element of the matrix is used once, has no tiles at all.
 *
 * A BLAS, where there is one, makes the large products: see gemm_blas.h. It is written by people who know every processor; its
 * set-up, though, takes longer than a small product.
 *
 * SPDX-License-Identifier: MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "gemm.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#ifdef TGI_HAVE_CBLAS
#include TGI_CBLAS_HEADER
#endif

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NO_INLINE __attribute__((noinline))
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* Bytes in a vector register, and the rows of a tile: their sums, two vectors of B and an element of A fill the registers. */
#if defined __AVX512F__
enum { VECTOR_BYTES = 64, MR = 8 };
#elif defined __AVX__
enum { VECTOR_BYTES = 32, MR = 6 };
#else
enum { VECTOR_BYTES = 16, MR = 6 };
#endif

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t round_up(int64_t x, int64_t step) {
    return (x + step - 1) / step * step;
}

/* Elements in a block of A, and of B, their panels filled up: as many for every instruction set and type, so that scratch does
 * not depend on them. 24 is a multiple of every MR, 32 of every NR. */
static int64_t a_room(int64_t m, int64_t k) {
    return round_up(least(m, TGI_GEMM_MC), 24) * least(k, TGI_GEMM_KC);
}

static int64_t b_room(int64_t n, int64_t k) {
    return round_up(least(n, TGI_GEMM_NC), 32) * least(k, TGI_GEMM_KC);
}

/* Whether a product takes that many multiplications: a number that may overflow an int64_t. */
static bool at_least(int64_t limit, int64_t m, int64_t n, int64_t k) {
    return (double)m * (double)n * (double)k >= (double)limit;
}

/* ---- the built-in product ---------------------------------------------------------------------------------------- */

#define T float
#define NAME(x) x##_f32
#include "gemm_builtin.h"
#undef T
#undef NAME

#define T double
#define NAME(x) x##_f64
#include "gemm_builtin.h"
#undef T
#undef NAME

/* ---- by a BLAS where there is one -------------------------------------------------------------------------------- */

#ifdef TGI_HAVE_CBLAS

/* `count` lines of `length` elements, each in one piece, in the order of their addresses, as a BLAS wants them. */
static bool lines(int64_t count, int64_t length, int64_t between, int64_t within) {
    return (length == 1 || within == 1) && (count == 1 || (between >= length && between <= INT_MAX));
}

/* The distance of two such lines, which a BLAS checks even where there is only one. */
static int64_t pitch(int64_t count, int64_t length, int64_t between) {
    return count == 1 ? length : between;
}

/* A few rows, or one column, take as long as reading the other operand: the built-in product reads it in order. */
static bool worth_blas(int64_t m, int64_t n, int64_t k) {
    return m >= 4 && n >= 2 && m <= INT_MAX && n <= INT_MAX && k <= INT_MAX && at_least(TGI_GEMM_BLAS, m, n, k);
}

#define T float
#define NAME(x) x##_f32
#define BLAS(x) cblas_s##x
#include "gemm_blas.h"
#undef T
#undef NAME
#undef BLAS

#define T double
#define NAME(x) x##_f64
#define BLAS(x) cblas_d##x
#include "gemm_blas.h"
#undef T
#undef NAME
#undef BLAS

#else

void tgi_gemm_f32(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_col, const float *b, int64_t b_row,
                  int64_t b_col, float *c, void *scratch) {
    tgi_gemm_builtin_f32(m, n, k, a, a_row, a_col, b, b_row, b_col, c, scratch);
}

void tgi_gemm_f64(int64_t m, int64_t n, int64_t k, const double *a, int64_t a_row, int64_t a_col, const double *b,
                  int64_t b_row, int64_t b_col, double *c, void *scratch) {
    tgi_gemm_builtin_f64(m, n, k, a, a_row, a_col, b, b_row, b_col, c, scratch);
}

#endif

/* ---- scratch ----------------------------------------------------------------------------------------------------- */

/* Room for a block of A and one of B, or for the two squares. */
size_t tgi_gemm_scratch(int64_t m, int64_t n, int64_t k, size_t element) {
    int64_t blocks = a_room(m, k) + b_room(n, k);
    int64_t squares = (least(m, TGI_GEMM_COPY) + least(n, TGI_GEMM_COPY)) * least(k, TGI_GEMM_COPY);
    return (size_t)(blocks > squares ? blocks : squares) * element + 64;
}
