/* kernels/gemm.c: the matrix product: by a BLAS, or built in.
 *
 * A BLAS, where there is one, makes the large products: see gemm_blas.h. It is written by people who know every processor. Its threads
 * wait for each other in every call, though, which takes longer than a small product, and much longer where other programs run.
 *
 * SPDX-License-Identifier: MIT */
#include "gemm.h"
#include "gemm_sizes.h"
#include "isa.h"

#include <limits.h>
#include <string.h>

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

#ifdef __ELF__
extern char *openblas_get_corename(void) __attribute__((weak));
extern int   openblas_get_num_threads(void) __attribute__((weak));

/* The built-in product can have as many threads as a BLAS, if it can have any; else it keeps up with two. */
#ifdef TGI_HAVE_THREADS
enum { THREADS_TO_BEAT = INT_MAX };
#else
enum { THREADS_TO_BEAT = 2 };
#endif

#ifdef TGI_HAVE_AVX
static bool is_among(const char *core, int count, const char *const *cores) {
    for (int i = 0; i < count; i++)
        if (!strcmp(core, cores[i])) return true;
    return false;
}

/* Whether it is an OpenBLAS that works with shorter vectors than the processor has, because it is older than that and does not know it
 * (the names are those of its driver/others/dynamic.c). The built-in product is faster then: 1024 x 1024 by 1024 x 1024 of float32 on one
 * thread of a Xeon with AVX-512, 66 ms by the kernels of Prescott that OpenBLAS 0.3.21 takes there, and 15 built in. */
static bool is_blas_slow(void) {
    static const char *const no_avx2[] = {"Unknown",    "Katmai",       "Coppermine", "Northwood", "Prescott", "Banias",
                                          "Core2",      "Penryn",       "Dunnington", "Nehalem",   "Athlon",   "Opteron",
                                          "Nano",       "Opteron_SSE3", "Atom",       "Barcelona", "Bobcat",   "Bulldozer",
                                          "Piledriver", "Steamroller",  "Sandybridge"};
    static const char *const no_avx512[] = {"Haswell", "Zen", "Excavator"};
    if (tgi_isa() < TGI_ISA_avx2 || !openblas_get_corename || !openblas_get_num_threads) return false;
    if (openblas_get_num_threads() > THREADS_TO_BEAT) return false;
    const char *core = openblas_get_corename();
    return is_among(core, sizeof no_avx2 / sizeof *no_avx2, no_avx2) ||
           (tgi_isa() == TGI_ISA_avx512 && is_among(core, sizeof no_avx512 / sizeof *no_avx512, no_avx512));
}
#else
static bool is_blas_slow(void) {
    return false;
}
#endif
#else
static bool is_blas_slow(void) {
    return false;
}
#endif

/* A few rows, or one column, take as long as reading the other operand: the built-in product reads it in order. */
static bool worth_blas(int64_t m, int64_t n, int64_t k) {
    return m >= 4 && n >= 2 && at_least(TGI_GEMM_BLAS, m, n, k) && !is_blas_slow();
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
