/* kernels/vmath.h: the functions of <math.h> for loops that the compiler turns into vector code.
 *
 * A function of the C library is a call an element. These are plain C without branches, calls and tables, inlined into a loop
 * over an array: whatever vectors the processor has, each lane goes the same way, and both outcomes of a question are computed
 * before one is taken. So an element's result does not depend on its neighbours, nor on whether it was done in a vector or
 * alone: only on the instruction set, where one that multiplies and adds in one rounding gives other last bits.
 *
 * Most are within 2 ulp of the true value, and none is more than 5 off: tests/kernels/test_vmath.c has the figures, function by
 * function, and holds them to it. They give what C11's annex F says at the edges: for NaN, infinities, zeros and their signs, and
 * down to the subnormal numbers. sin, cos and tan hold for |x| <= TGI_NEAR only; what is farther out, where the reduction takes
 * hundreds of bits of pi, is left to the C library.
 *
 * glibc's libmvec, measured beside them, is up to twice as fast in some, but may be 4 ulp off in all, gives other bits in another
 * version, and is nowhere else.
 *
 * The usual steps: an argument is reduced to a small interval, in a way that loses no bits (W. Cody and W. Waite, "Software
 * Manual for the Elementary Functions", 1980), there a polynomial holds, and the result is put together. Sums and products with
 * their rounding errors are Dekker's and Knuth's (T. Dekker, "A Floating-Point Technique for Extending the Available
 * Precision", Numerische Mathematik 18 (1971) 224). The polynomials are from vmath.sollya.
 *
 * vmath_template.h is compiled once a dtype. It relies on rounding to the nearest, and on operations that round to the dtype at
 * once.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_VMATH_H
#define TGI_KERNELS_VMATH_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if FLT_EVAL_METHOD == 2
#error "floating point that does not round at once gives wrong values: on 32-bit x86, compile with -msse2 -mfpmath=sse"
#endif

#define TGI_NEAR 1e6

#if defined __FMA__ || defined __aarch64__
#define ONE_ROUNDING /* a multiplication and addition in one is fast */
#endif

#define INLINE static inline __attribute__((always_inline))
#include "vmath_numbers.h"

/* ---- float64 ----------------------------------------------------------------------------------------------------- */

#define T double
#define U uint64_t
#define NAME(x) v_##x##_f64
#define BY_TYPE(f64, f32) f64
#include "vmath_template.h"

/* pi in three parts of 33 bits, whose products with n are exact, and a fourth. */
INLINE NAME(angle) NAME(angle_less)(double x, double n) {
    double a = NAME(fma)(-n, 0x1.921fb544p+1, x), b = n * 0x1.0b4611a6p-33, c = n * 0x1.3198a2ep-68;
    double ab = a - b, ab_lost = NAME(sum_error)(a, -b, ab);
    double abc = ab - c, abc_lost = NAME(sum_error)(ab, -c, abc);
    double lost = NAME(fma)(-n, 0x1.b839a252049c1p-103, ab_lost + abc_lost), r = abc + lost;
    return (NAME(angle)){r, (abc - r) + lost};
}

/* For the powers of float32. */
INLINE double NAME(log2_over)(double z) {
    return LOG2_OVER(z);
}

INLINE double NAME(exp2_of)(double r) {
    return EXP2_OF(r);
}

/* x^y for x >= 0: e^(y log x), the logarithm with some 65 bits. With s = (m - 1) / (m + 1), where x = 2^k m,
 *     log x = k log 2 + 2 s (1 + s^2 (1/3 + s^2 rest)),
 * and every number down to 1/3 is a sum of two, its second part after an underscore. */
INLINE double NAME(power)(double x, double y) {
    NAME(split) x_is = NAME(split_of)(x);
    double f = x_is.f, k = x_is.k, d = 2 + f, d_ = f - (d - 2), over = 1 / d;
    double s = f * over, sd = s * d, s_ = ((f - sd) - NAME(product_error)(s, d, sd) - s * d_) * over;
    double z = s * s, z_ = NAME(product_error)(s, s, z) + 2 * s * s_;
    double third = 0x1.5555555555555p-2, third_ = 0x1.5555555555555p-56;
    double rest = z * ATANH_REST(z);
    double c = third + rest, c_ = (rest - (c - third)) + third_;
    double e = z * c, e_ = NAME(product_error)(z, c, e) + (z * c_ + z_ * c);
    double g = s * e, g_ = NAME(product_error)(s, e, g) + (s * e_ + s_ * e);
    double h = s + g, h_ = (g - (h - s)) + (g_ + s_);
    double whole = k * LOG_2, sum = whole + 2 * h, sum_ = (2 * h - (sum - whole)) + (2 * h_ + k * LOG_2_REST);
    double log = sum + sum_, log_ = sum_ - (log - sum);
    log = NAME(choose)(x < INF, log, x);
    log = NAME(choose)(x == 0, -INF, log);
    double p = y * log, p_ = NAME(product_error)(y, log, p) + y * log_;
    return NAME(exp_sum)(p, NAME(choose)(NAME(magnitude)(p) < EXP2_HIGH, p_, 0), 0);
}

#undef T
#undef U
#undef NAME
#undef BY_TYPE

/* ---- float32 ----------------------------------------------------------------------------------------------------- */

#define T float
#define U uint32_t
#define NAME(x) v_##x##_f32
#define BY_TYPE(f64, f32) f32
#include "vmath_template.h"

/* In float64, where two parts are enough. */
INLINE NAME(angle) NAME(angle_less)(float x, float n) {
    double high = v_fma_f64(-(double)n, 0x1.921fb544p+1, (double)x);
    return (NAME(angle)){(float)v_fma_f64(-(double)n, 0x1.0b4611a626331p-33, high), 0};
}

/* 2^(y log2(x)) in float64. */
INLINE float NAME(power)(float x, float y) {
    v_split_f64 p = v_split_of_f64((double)x);
    double      s = p.f / (2 + p.f), z = s * s, log2 = v_fma_f64(s, v_log2_over_f64(z), p.k);
    log2 = v_choose_f64(x < INFINITY, log2, (double)x);
    log2 = v_choose_f64(x == 0, -(double)INFINITY, log2);
    double a = v_smaller_f64(v_larger_f64((double)y * log2, -200), 200), n = v_nearest_f64(a), r = a - n;
    return (float)(v_exp2_of_f64(r) * v_power_of_2_f64(n));
}

#undef T
#undef U
#undef NAME
#undef BY_TYPE

#endif
