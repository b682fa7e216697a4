/* kernels/isa.c: picks the instruction set, and the kernels for it.
 *
 * SPDX-License-Identifier: MIT */
#include "isa.h"

#include <stdlib.h>
#include <string.h>

#include "min_max.h"
#include "gemm.h"
#include "sum.h"

/* ---- picking ----------------------------------------------------------------------------------------------------- */

#ifdef TGI_HAVE_AVX

const char *const tgi_isa_names[TGI_ISAS] = {"baseline", "avx2", "avx512"};

int tgi_best_isa(void) {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return TGI_BASELINE;
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return avx512 ? TGI_AVX512 : TGI_AVX2;
}

#else

const char *const tgi_isa_names[TGI_ISAS] = {"baseline"};

int tgi_best_isa(void) {
    return TGI_BASELINE;
}

#endif

int tgi_picked_isa = -1;

int tgi_pick_isa(void) {
    const char *wanted = getenv("TAPEGRAD_ISA");
    int         isa = tgi_best_isa();
    for (int i = 0; wanted && i < isa; i++)
        if (strcmp(wanted, tgi_isa_names[i]) == 0) isa = i;
    __atomic_store_n(&tgi_picked_isa, isa, __ATOMIC_RELAXED);
    return isa;
}

bool tgi_use_isa(int isa) {
    if (isa < 0 || isa > tgi_best_isa()) return false;
    __atomic_store_n(&tgi_picked_isa, isa, __ATOMIC_RELAXED);
    return true;
}

/* ---- the kernels ------------------------------------------------------------------------------------------------- */

#define DEFINE_SUMS(suffix, T) \
    void tgi_sum_##suffix(const tgi_sum_axes *axes, const T *x, T *out) { \
        TGI_CALL_PICKED(tgi_sum_##suffix, axes, x, out); \
    } \
    void tgi_sum_block_##suffix(int64_t rows, int64_t n, const T *x, bool add, T *sum) { \
        TGI_CALL_PICKED(tgi_sum_block_##suffix, rows, n, x, add, sum); \
    } \
    void tgi_sum_blocks_##suffix(int64_t blocks, int64_t n, T *sums, T *out) { \
        TGI_CALL_PICKED(tgi_sum_blocks_##suffix, blocks, n, sums, out); \
    }
DEFINE_SUMS(f32, float)
DEFINE_SUMS(f64, double)
DEFINE_SUMS(i64, int64_t)

#define DEFINE_GEMM(name, T) \
    void name(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row, \
              int64_t b_col, T *c, int threads, void *scratch) { \
        TGI_CALL_PICKED(name, m, n, k, a, a_row, a_col, b, b_row, b_col, c, threads, scratch); \
    }
DEFINE_GEMM(tgi_gemm_builtin_f32, float)
DEFINE_GEMM(tgi_gemm_builtin_f64, double)

#define DEFINE_EXTREME(name) \
    void tgi_##name(int64_t n, const void *x, void *out) { \
        TGI_CALL_PICKED(tgi_##name, n, x, out); \
    } \
    void tgi_##name##_row(int64_t row, int64_t n, const void *x, void *best, int64_t *index) { \
        TGI_CALL_PICKED(tgi_##name##_row, row, n, x, best, index); \
    }
TGI_EACH_EXTREME(DEFINE_EXTREME)
