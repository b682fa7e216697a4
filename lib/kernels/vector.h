/* kernels/vector.h: what kernels in vector code share.
 *
 * A vector is as wide as the registers of the instruction set that the file is compiled for. Which elements are in a vector
 * together must not show in a result: only elements that have nothing to do with each other may be.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_VECTOR_H
#define TGI_KERNELS_VECTOR_H

#include <stdint.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NO_INLINE __attribute__((noinline))

/* ---- loops ------------------------------------------------------------------------------------------------------- */

/* Before a loop of a constant number of passes: none is left of it. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* For i from 0 to n - 1, where the result is one of the operands, or overlaps none: no pass of the loop waits for another. FOR_ALL_SIMPLE
 * is for formulas of few instructions, beside which counting takes time: gcc does several vectors a pass, as clang does by itself. */
#ifdef __clang__
#define FOR_ALL _Pragma("clang loop vectorize(assume_safety)") for (int64_t i = 0; i < n; i++)
#define FOR_ALL_SIMPLE FOR_ALL
#else
#define FOR_ALL _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++)
#define FOR_ALL_SIMPLE _Pragma("GCC ivdep") _Pragma("GCC unroll 4") for (int64_t i = 0; i < n; i++)
#endif

/* The kernel tgi_<name>_<suffix>, whose elements <name>_of_<suffix> gives from those of its two operands. An operand has step 1, or
 * is one number for all and has step 0; each combination has a loop of its own, without a test inside. FOR_EACH: one of the above. */
#define BINARY_KERNEL(name, suffix, T, result, FOR_EACH) BINARY_KERNEL_BUT(name, suffix, T, result, FOR_EACH, )
#define BINARY_KERNEL_BUT(name, suffix, T, result, FOR_EACH, first) \
    TGI_KERNEL_BUT(tgi_##name##_##suffix, (int64_t n, void *out, const void *const *in, const int64_t *step), \
                   (n, out, in, step), first) { \
        const T *a = in[0], *b = in[1]; \
        result  *y = out; \
        if (step[0] && step[1]) \
            FOR_EACH y[i] = name##_of_##suffix(a[i], b[i]); \
        else if (step[0]) \
            FOR_EACH y[i] = name##_of_##suffix(a[i], *b); \
        else if (step[1]) \
            FOR_EACH y[i] = name##_of_##suffix(*a, b[i]); \
        else \
            FOR_EACH y[i] = name##_of_##suffix(*a, *b); \
    }

/* ---- vectors ----------------------------------------------------------------------------------------------------- */

/* Bytes in a vector, and in one of the widest set: scratch memory, which is the same for all, is divided into pieces of these. */
#if defined __AVX512F__
enum { VECTOR_BYTES = 64 };
#elif defined __AVX__
enum { VECTOR_BYTES = 32 };
#else
enum { VECTOR_BYTES = 16 };
#endif
enum { WIDEST_BYTES = 64 };

/* A vector in a register; one in memory, aligned as its elements are; the same of half a vector; and how many elements a whole one has. */
#define DEFINE_VECTOR(T, suffix) \
    typedef T vector_##suffix __attribute__((vector_size(VECTOR_BYTES))); \
    typedef T unaligned_##suffix __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(T)), may_alias)); \
    typedef T half_##suffix __attribute__((vector_size(VECTOR_BYTES / 2))); \
    typedef T unaligned_half_##suffix __attribute__((vector_size(VECTOR_BYTES / 2), aligned(sizeof(T)), may_alias)); \
    enum { lanes_##suffix = VECTOR_BYTES / sizeof(T) };
DEFINE_VECTOR(float, f32)
DEFINE_VECTOR(double, f64)
DEFINE_VECTOR(uint64_t, u64)

/* Four elements in a row, whatever the registers are, and four integers that are as large. */
#define DEFINE_QUAD(T, I, suffix) \
    typedef T quad_##suffix __attribute__((vector_size(4 * sizeof(T)))); \
    typedef T unaligned_quad_##suffix __attribute__((vector_size(4 * sizeof(T)), aligned(sizeof(T)), may_alias)); \
    typedef I quad_mask_##suffix __attribute__((vector_size(4 * sizeof(I))));
DEFINE_QUAD(float, int32_t, f32)
DEFINE_QUAD(double, int64_t, f64)
DEFINE_QUAD(uint64_t, int64_t, u64)
DEFINE_QUAD(uint32_t, int32_t, u32)

/* Elements of two vectors in the order of their numbers, which are constants and go on from those of a to those of b. */
#ifdef __clang__
#define SHUFFLE(mask, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(mask, a, b, ...) __builtin_shuffle(a, b, (mask){__VA_ARGS__})
#endif

/* A square, the rows of which are four quads, turned: they become its columns. */
#define TURN_QUADS(quad, mask, a, b, c, d) \
    do { \
        quad ac_low = SHUFFLE(mask, a, c, 0, 4, 1, 5), ac_high = SHUFFLE(mask, a, c, 2, 6, 3, 7); \
        quad bd_low = SHUFFLE(mask, b, d, 0, 4, 1, 5), bd_high = SHUFFLE(mask, b, d, 2, 6, 3, 7); \
        a = SHUFFLE(mask, ac_low, bd_low, 0, 4, 1, 5); \
        b = SHUFFLE(mask, ac_low, bd_low, 2, 6, 3, 7); \
        c = SHUFFLE(mask, ac_high, bd_high, 0, 4, 1, 5); \
        d = SHUFFLE(mask, ac_high, bd_high, 2, 6, 3, 7); \
    } while (0)

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

static inline int64_t min_of(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t max_of(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static inline int64_t round_up(int64_t x, int64_t step) {
    return (x + step - 1) / step * step;
}

#endif
