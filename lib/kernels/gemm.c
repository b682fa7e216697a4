/* kernels/gemm.c: the matrix product: built in, or by a BLAS.
 *
 * The built-in product is written for the vectors of x86-64. On other processors a BLAS, where there is one, makes the large products: it is
 * written by people who know them. Its threads wait for each other in every call, though, which takes longer than a small product, and much
 * longer where other programs run; and between calls they wait for the next one beside the threads that tapegrad has. See gemm_blas.h.
 *
 * SPDX-License-Identifier: MIT */
#include "gemm.h"
#include "gemm_sizes.h"
#include "isa.h"

#include <limits.h>

#ifdef TGI_HAVE_CBLAS
#include TGI_CBLAS_HEADER
#endif

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

/* Where it was asked for by its name, or where the built-in product does not know the processor's vectors: in the other places, with those of
 * AVX2 and AVX-512, that is as fast as OpenBLAS or faster (0.95 to 1.15 of its speed on one thread of Zen 4, 256 x 256 x 256 to 2048 x 2048 x
 * 2048, either type), makes the same bits with any number of threads, and waits for no thread that others keep busy. */
static bool is_preferred(void) {
#if defined TGI_HAVE_AVX && !defined TGI_BLAS_BY_NAME
    return tgi_isa() < TGI_ISA_avx2;
#else
    return true;
#endif
}

/* A few rows, or one column, take as long as reading the other operand: the built-in product reads it in order. */
static bool worth_blas(int64_t m, int64_t n, int64_t k) {
    return m >= 4 && n >= 2 && at_least(TGI_GEMM_BLAS, m, n, k) && is_preferred();
}

static bool can_blas(int64_t m, int64_t n, int64_t k) {
    return m > 0 && n > 0 && k > 0 && m <= INT_MAX && n <= INT_MAX && k <= INT_MAX;
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

#define DEFINE_BUILTIN(name, T, builtin) \
    void name(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row, \
              int64_t b_col, T *c, tgi_team *team, void *scratch) { \
        builtin(m, n, k, a, a_row, a_col, b, b_row, b_col, c, team, scratch); \
    }
DEFINE_BUILTIN(tgi_gemm_f32, float, tgi_gemm_builtin_f32)
DEFINE_BUILTIN(tgi_gemm_f64, double, tgi_gemm_builtin_f64)
DEFINE_BUILTIN(tgi_gemm_by_blas_f32, float, tgi_gemm_builtin_f32)
DEFINE_BUILTIN(tgi_gemm_by_blas_f64, double, tgi_gemm_builtin_f64)

#endif

/* ---- a small B --------------------------------------------------------------------------------------------------- */

/* It stays in the cache as it is; what is copied of it is its end, four vectors at most. */
enum { SMALL_BYTES = 4 * WIDEST_BYTES };

/* So many rows of A at a time that they are not copied. */
static int64_t rows_at_once(int64_t n, int64_t k) {
    return (TGI_GEMM_PACK - 1) / (n * k) / TGI_GEMM_ROWS * TGI_GEMM_ROWS;
}

bool tgi_gemm_is_small(int64_t n, int64_t k) {
    return n >= 2 && k >= 1 && k <= TGI_GEMM_KC && n <= TGI_GEMM_SMALL / k;
}

#define DEFINE_SMALL(suffix, T) \
    void tgi_gemm_small_##suffix(int64_t m, int64_t n, int64_t k, const T *a, const T *b, T *c) { \
        _Alignas(64) char end[SMALL_BYTES]; \
        for (int64_t i = 0, rows = rows_at_once(n, k); i < m; i += rows) \
            tgi_gemm_builtin_##suffix(min_of(m - i, rows), n, k, a + i * k, k, 1, b, n, 1, c + i * n, NULL, end); \
    }
DEFINE_SMALL(f32, float)
DEFINE_SMALL(f64, double)

/* ---- scratch ----------------------------------------------------------------------------------------------------- */

/* Room for a block of A and one of B for each thread, or for the two squares. */
size_t tgi_gemm_scratch(int64_t m, int64_t n, int64_t k, size_t element, int threads) {
    size_t  blocks = (size_t)threads_for(m, n, k, threads) * room_of(m, n, k, element);
    int64_t squares = (min_of(m, TGI_GEMM_COPY) + min_of(n, TGI_GEMM_COPY)) * min_of(k, TGI_GEMM_COPY);
    size_t  copies = (size_t)squares * element;
    return (blocks > copies ? blocks : (copies + 63) / 64 * 64) + 64;
}
