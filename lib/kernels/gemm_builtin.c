/* kernels/gemm_builtin.c: the built-in matrix product, once for each instruction set.
 *
 * It follows Goto: C is made in tiles of MR x NR elements that stay in registers while a panel of A, MR rows, and a panel of B,
 * NR columns, are read. A panel of B stays in the first cache while it is multiplied with all panels of a block of A; the block
 * of A stays in the second cache, the block of B in the third. Panels are packed first, so that whatever the strides were, the
 * innermost loop reads memory from end to end.
 * Sources: K. Goto and R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM Transactions on Mathematical
 * Software 34 (2008) 12; F. Van Zee and R. van de Geijn, "BLIS: A Framework for Rapidly Instantiating BLAS Functionality", same
 * journal 41 (2015) 14.
 *
 * Packing costs as much as a few multiplications an element. Rows of A that are contiguous are read where they are, and a small product reads its
 * panels of B so, too, if their rows are contiguous; one with a vector, where each element of the matrix is used once, has no tiles at all. What
 * is left of the columns is in a last panel of up to three vectors, of which the last may be half a one, so that narrow matrices make use of all
 * they read: where such a panel is read in its place, what is too much in a vector is of the next row, and of the last rows there is a copy.
 *
 * Threads share out C in pieces, each of which is a product of its own; where that is large, they do each step together: all copy a part of the
 * block of B, and then each adds to its pieces what comes of it.
 *
 * Every product is added to its sum by one fused operation, where the instruction set has that, and in no other way: an element of
 * C does not depend on which tile it is in.
 *
 * SPDX-License-Identifier: MIT */
#include "gemm.h"
#include "gemm_sizes.h"
#include "isa.h"

#include <string.h>

#if defined __FMA__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

/* The rows of a tile: their sums, two vectors of B, or three, and an element of A fill the registers. */
enum { MOST_VECTORS = 3 };
#if defined __AVX512F__
enum { MR = 8, MR_OF_3 = 8 };
#else
enum { MR = 6, MR_OF_3 = 4 };
#endif

/* Panels that are packed together. */
enum { PANELS = 8 };

/* a * b + c for vectors, for halves of them, and for numbers. */
#if defined __AVX512F__
#define MULTIPLY_ADD_f32 _mm512_fmadd_ps
#define MULTIPLY_ADD_f64 _mm512_fmadd_pd
#define HALF_MULTIPLY_ADD_f32 _mm256_fmadd_ps
#define HALF_MULTIPLY_ADD_f64 _mm256_fmadd_pd
#elif defined __FMA__
#define MULTIPLY_ADD_f32 _mm256_fmadd_ps
#define MULTIPLY_ADD_f64 _mm256_fmadd_pd
#define HALF_MULTIPLY_ADD_f32 _mm_fmadd_ps
#define HALF_MULTIPLY_ADD_f64 _mm_fmadd_pd
#elif defined __aarch64__
#define MULTIPLY_ADD_f32(a, b, c) vfmaq_f32(c, a, b)
#define MULTIPLY_ADD_f64(a, b, c) vfmaq_f64(c, a, b)
#else
#define MULTIPLY_ADD_f32(a, b, c) ((a) * (b) + (c))
#define MULTIPLY_ADD_f64(a, b, c) ((a) * (b) + (c))
#endif
/* Half a vector saves time where half the registers are vectors too: the others never come to these. */
#ifdef HALF_MULTIPLY_ADD_f32
enum { HALVES = 2 };
#else
enum { HALVES = 1 };
#define HALF_MULTIPLY_ADD_f32(a, b, c) ((a) * (b) + (c))
#define HALF_MULTIPLY_ADD_f64(a, b, c) ((a) * (b) + (c))
#endif
#if defined __FMA__ || defined __aarch64__
#define NUMBER_ADD_f32 __builtin_fmaf
#define NUMBER_ADD_f64 __builtin_fma
#else
#define NUMBER_ADD_f32 MULTIPLY_ADD_f32
#define NUMBER_ADD_f64 MULTIPLY_ADD_f64
#endif

#define T float
#define NAME(x) x##_f32
#include "gemm_template.h"
#undef T
#undef NAME

#define T double
#define NAME(x) x##_f64
#include "gemm_template.h"
#undef T
#undef NAME
