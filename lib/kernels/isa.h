/* kernels/isa.h: one source, several instruction sets.
 *
 * What is worth it is compiled once for each set that the compiler knows, with TGI_ISA its name, and a function f defined there
 * as TGI_FOR_ISA(f) is f_baseline, f_avx2 and so on. Callers call f itself, which is defined once, and goes on to the best that
 * the processor has. The choice is made once in a process; TAPEGRAD_ISA in the environment, the name of a set, may ask for less.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_ISA_H
#define TGI_KERNELS_ISA_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdbool.h>

/* The baseline is what the compiler makes by itself: SSE2 on x86-64, NEON on aarch64. */
#ifdef TGI_HAVE_AVX
enum { TGI_BASELINE, TGI_AVX2, TGI_AVX512, TGI_ISAS };
#else
enum { TGI_BASELINE, TGI_ISAS };
#endif

/* Their names. */
extern const char *const tgi_isa_names[TGI_ISAS];

/* The best that there is here. */
int tgi_best_isa(void);

/* From now on that one, for tests; false when there is no such set here. */
bool tgi_use_isa(int isa);

/* ---- picking ----------------------------------------------------------------------------------------------------- */

/* The choice, negative before it is made: whoever finds it so makes it, and all come to the same. */
extern int tgi_picked_isa;
int        tgi_pick_isa(void);

static inline int tgi_isa(void) {
    int isa = __atomic_load_n(&tgi_picked_isa, __ATOMIC_RELAXED);
    return isa >= 0 ? isa : tgi_pick_isa();
}

/* ---- one function for each set ----------------------------------------------------------------------------------- */

#ifndef TGI_ISA
#define TGI_ISA baseline
#endif
#define TGI_JOIN(name, isa) name##_##isa
#define TGI_JOIN_VALUES(name, isa) TGI_JOIN(name, isa)
#define TGI_FOR_ISA(name) TGI_JOIN_VALUES(name, TGI_ISA)

/* All of a name, as declarators and as the elements of an array. */
#ifdef TGI_HAVE_AVX
#define TGI_ALL_ISAS(name) name##_baseline, name##_avx2, name##_avx512
#else
#define TGI_ALL_ISAS(name) name##_baseline
#endif

/* Declares them, f being declared. */
#define TGI_DECLARE_ISAS(f) __typeof__(f) TGI_ALL_ISAS(f);

/* Calls the one that was picked. */
#define TGI_CALL_PICKED(f, ...) \
    static __typeof__(f) *const all[TGI_ISAS] = {TGI_ALL_ISAS(f)}; \
    all[tgi_isa()](__VA_ARGS__)

/* ---- loops that are to become vector code ------------------------------------------------------------------------ */

/* For i from 0 to n - 1, where the result is one of the operands, or overlaps none: no step of the loop waits for another. */
#ifdef __clang__
#define FOR_ALL _Pragma("clang loop vectorize(assume_safety)") for (int64_t i = 0; i < n; i++)
#else
#define FOR_ALL _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++)
#endif

#endif
