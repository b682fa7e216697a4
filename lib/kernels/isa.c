/* kernels/isa.c: picks the instruction set.
 *
 * SPDX-License-Identifier: MIT */
#include "isa.h"

#include <stdlib.h>
#include <string.h>

#define NAME_OF(f, isa) #isa,
const char *const tgi_isa_names[TGI_ISAS] = {TGI_EACH_ISA(NAME_OF, )};

/* ---- what the processor has -------------------------------------------------------------------------------------- */

static bool has_baseline(void) {
    return true;
}

#ifdef TGI_HAVE_AVX

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

#endif

int tgi_best_isa(void) {
    static bool (*const has[TGI_ISAS])(void) = {TGI_EACH_ISA(TGI_ELEMENT_FOR, has)};
    int best = 0;
    while (best + 1 < TGI_ISAS && has[best + 1]())
        best++;
    return best;
}

/* ---- picking ----------------------------------------------------------------------------------------------------- */

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
