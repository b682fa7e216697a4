/* kernels/isa.h: one source, several instruction sets.
 *
 * The files that isa.mk lists are compiled once for each set that the compiler knows, with TGI_ISA its name. A function f that one
 * of them defines by TGI_KERNEL is f_baseline, f_avx2 and so on, and f itself, which calls the best that the processor has. The
 * choice is made once in a process; TAPEGRAD_ISA in the environment, the name of a set, may ask for less.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_ISA_H
#define TGI_KERNELS_ISA_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdbool.h>

/* F(f, NAME) for every set, a better one after a lesser one. The baseline is what the compiler makes by itself: SSE2 on x86-64,
 * NEON on aarch64. */
#ifdef TGI_HAVE_AVX
#define TGI_EACH_ISA(F, f) F(f, baseline) F(f, avx2) F(f, avx512)
#else
#define TGI_EACH_ISA(F, f) F(f, baseline)
#endif

#define TGI_ISA_NUMBER(f, isa) TGI_ISA_##isa,
enum { TGI_EACH_ISA(TGI_ISA_NUMBER, ) TGI_ISAS };

/* Their names. */
extern const char *const tgi_isa_names[TGI_ISAS];

/* The best set that this processor has. */
int tgi_best_isa(void);

/* From now on uses that set, for tests; false when the processor does not have it. */
bool tgi_use_isa(int isa);

/* ---- picking ----------------------------------------------------------------------------------------------------- */

/* The choice, negative before it is made: whoever finds it so makes it, and all come to the same. */
extern int tgi_picked_isa;
int        tgi_pick_isa(void) __attribute__((cold));

static inline int tgi_isa(void) {
    int isa = __atomic_load_n(&tgi_picked_isa, __ATOMIC_RELAXED);
    return isa >= 0 ? isa : tgi_pick_isa();
}

/* ---- one function for each set ----------------------------------------------------------------------------------- */

#define TGI_DECLARE_FOR(f, isa) __typeof__(f) f##_##isa;
#define TGI_ELEMENT_FOR(f, isa) f##_##isa,
#define TGI_JOIN(f, isa) f##_##isa
#define TGI_NAME_FOR(f, isa) TGI_JOIN(f, isa)

/* The head of the definition of f, a void function that is declared already:
 *
 *     TGI_KERNEL(tgi_sum_f32, (int64_t n, const float *x, float *out), (n, x, out)) {
 *
 * With the baseline goes the function that calls the one that was picked. */
#define TGI_KERNEL(f, parameters, arguments) TGI_KERNEL_BUT(f, parameters, arguments, )

/* The same, but f itself begins with `first`, which may return. */
#ifdef TGI_ISA
#define TGI_KERNEL_BUT(f, parameters, arguments, first) \
    __typeof__(f) TGI_NAME_FOR(f, TGI_ISA); \
    void          TGI_NAME_FOR(f, TGI_ISA) parameters
#else
#define TGI_KERNEL_BUT(f, parameters, arguments, first) \
    TGI_EACH_ISA(TGI_DECLARE_FOR, f) \
    void f parameters { \
        first; \
        static __typeof__(f) *const each[TGI_ISAS] = {TGI_EACH_ISA(TGI_ELEMENT_FOR, f)}; \
        each[tgi_isa()] arguments; \
    } \
    void TGI_NAME_FOR(f, baseline) parameters
#endif

#endif
