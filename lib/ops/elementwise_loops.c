/* ops/elementwise_loops.c: the formulas of the elementwise table, as loops that the compiler turns into vector code.
 *
 * An operand comes one element after the other (step 1), or as one number for all (step 0); each combination has a loop of its
 * own, without a test inside. Integers wrap around: this file is compiled with -fwrapv, and once for each instruction set.
 *
 * The functions of <tgmath.h> that kernels/vmath.h has too are those of kernels/vmath.h: without calls, in vector code.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/elementwise_loops.h"

#include "kernels/erfinv.h"
#include "kernels/gamma.h"
#include "kernels/isa.h"
#include "kernels/vector.h"
#include "kernels/vmath.h"

#include <tgmath.h>

/* ---- called by the formulas -------------------------------------------------------------------------------------- */

#define BY_DTYPE(x, f32, f64, i64) _Generic(x, float : f32, double : f64, int64_t : i64)

/* The sin and cos of mingw-w64 are those of the processor, whose pi has 66 bits: of numbers that are not near they are wrong. The tan
 * is the system's. */
#ifdef __MINGW32__
static double far_sin(double x) {
    double t = tan(x / 2);
    return 2 * t / (1 + t * t);
}

static double far_cos(double x) {
    double t = tan(x / 2);
    return (1 - t * t) / (1 + t * t);
}

static double far_tan(double x) {
    return tan(x);
}

#undef sin
#undef cos
#undef tan
#define sin(x) ((__typeof__(x))far_sin((double)(x)))
#define cos(x) ((__typeof__(x))far_cos((double)(x)))
#define tan(x) ((__typeof__(x))far_tan((double)(x)))
#endif

#undef exp
#undef exp2
#undef expm1
#undef log
#undef log2
#undef log10
#undef log1p
#undef sinh
#undef cosh
#undef tanh
#undef asinh
#undef acosh
#undef atanh
#undef asin
#undef acos
#undef atan
#undef erf
#undef erfc
#undef cbrt
#undef atan2
#undef hypot
#undef pow
#define exp(x) BY_DTYPE(x, v_exp_f32, v_exp_f64, NULL)(x)
#define exp2(x) BY_DTYPE(x, v_exp2_f32, v_exp2_f64, NULL)(x)
#define expm1(x) BY_DTYPE(x, v_expm1_f32, v_expm1_f64, NULL)(x)
#define log(x) BY_DTYPE(x, v_log_f32, v_log_f64, NULL)(x)
#define log2(x) BY_DTYPE(x, v_log2_f32, v_log2_f64, NULL)(x)
#define log10(x) BY_DTYPE(x, v_log10_f32, v_log10_f64, NULL)(x)
#define log1p(x) BY_DTYPE(x, v_log1p_f32, v_log1p_f64, NULL)(x)
#define sinh(x) BY_DTYPE(x, v_sinh_f32, v_sinh_f64, NULL)(x)
#define cosh(x) BY_DTYPE(x, v_cosh_f32, v_cosh_f64, NULL)(x)
#define tanh(x) BY_DTYPE(x, v_tanh_f32, v_tanh_f64, NULL)(x)
#define asinh(x) BY_DTYPE(x, v_asinh_f32, v_asinh_f64, NULL)(x)
#define acosh(x) BY_DTYPE(x, v_acosh_f32, v_acosh_f64, NULL)(x)
#define atanh(x) BY_DTYPE(x, v_atanh_f32, v_atanh_f64, NULL)(x)
#define asin(x) BY_DTYPE(x, v_asin_f32, v_asin_f64, NULL)(x)
#define acos(x) BY_DTYPE(x, v_acos_f32, v_acos_f64, NULL)(x)
#define atan(x) BY_DTYPE(x, v_atan_f32, v_atan_f64, NULL)(x)
#define erf(x) BY_DTYPE(x, v_erf_f32, v_erf_f64, NULL)(x)
#define erfc(x) BY_DTYPE(x, v_erfc_f32, v_erfc_f64, NULL)(x)
#define cbrt(x) BY_DTYPE(x, v_cbrt_f32, v_cbrt_f64, NULL)(x)
#define atan2(a, b) BY_DTYPE((a) + (b), v_atan2_f32, v_atan2_f64, NULL)(a, b)
#define hypot(a, b) BY_DTYPE((a) + (b), v_hypot_f32, v_hypot_f64, NULL)(a, b)
#define pow(a, b) BY_DTYPE((a) + (b), v_pow_f32, v_pow_f64, NULL)(a, b)

static inline int64_t same_i64(int64_t x) {
    return x;
}

#define FLOOR(x) BY_DTYPE(x, floorf, floor, same_i64)(x)
#define CEIL(x) BY_DTYPE(x, ceilf, ceil, same_i64)(x)
#define ROUND(x) BY_DTYPE(x, rintf, rint, same_i64)(x)
#define TRUNC(x) BY_DTYPE(x, truncf, trunc, same_i64)(x)

/* The rest of a division by 0 is 0, as NumPy has it; that by -1 too, where the processor's own division would overflow. */
static inline int64_t fmod_i64(int64_t a, int64_t b) {
    return b == 0 || b == -1 ? 0 : a % b;
}

#define FMOD(a, b) BY_DTYPE(a, fmodf, fmod, fmod_i64)(a, b)

/* The rest, with the sign of b. */
#define DEFINE_REMAINDER(suffix, T) \
    static inline T remainder_##suffix(T a, T b) { \
        T rest = FMOD(a, b); \
        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest; \
    }
DEFINE_REMAINDER(f32, float)
DEFINE_REMAINDER(f64, double)
DEFINE_REMAINDER(i64, int64_t)

#define REMAINDER(a, b) BY_DTYPE(a, remainder_f32, remainder_f64, remainder_i64)(a, b)

#define COPYSIGN(a, b) BY_DTYPE(a, copysignf, copysign, NULL)(a, b)

/* The quotient rounded down, as Python's //: from the exact rest, so that it is not rounded up to the next integer before. */
#define DEFINE_FLOOR_DIVIDE(suffix, T) \
    static inline T floor_divide_##suffix(T a, T b) { \
        T rest = FMOD(a, b), quotient = (a - rest) / b; \
        if (b == 0) return a / b; \
        if (rest != 0 && (rest < 0) != (b < 0)) quotient -= 1; \
        if (quotient == 0) return COPYSIGN((T)0, a / b); \
        T down = FLOOR(quotient); \
        return quotient - down > (T)0.5 ? down + 1 : down; \
    }
DEFINE_FLOOR_DIVIDE(f32, float)
DEFINE_FLOOR_DIVIDE(f64, double)

/* By 0 it is 0, as in NumPy; by -1 the processor's own division would overflow. */
static inline int64_t floor_divide_i64(int64_t a, int64_t b) {
    if (b == 0 || b == -1) return b * a;
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

#define FLOOR_DIVIDE(a, b) BY_DTYPE(a, floor_divide_f32, floor_divide_f64, floor_divide_i64)(a, b)

#define LARGER(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define SMALLER(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))
#define CLAMP(x, low, high) SMALLER(LARGER(x, low), high)

/* The larger plus what is between 0 and log 2; equal infinities have no difference. */
#define LOGADDEXP(a, b) ((a > b ? a : b) + log1p(exp(a == b ? 0 : a > b ? b - a : a - b)))

#define LGAMMA(x) BY_DTYPE(x, tgi_log_gamma_f32, tgi_log_gamma_f64, NULL)(x)

#define XLOGY(a, b) ((b) != (b) ? (b) : (a) == 0 ? 0 : (a)*log(b))

#define GAUSS(x) BY_DTYPE(x, v_gauss_f32, v_gauss_f64, NULL)(x)
#define DENSITY(x) BY_DTYPE(x, v_density_f32, v_density_f64, NULL)(x)
#define GELU(x) BY_DTYPE(x, v_gelu_f32, v_gelu_f64, NULL)(x)
#define GELU_SLOPE(x) BY_DTYPE(x, v_gelu_slope_f32, v_gelu_slope_f64, NULL)(x)

#define PARAMETERS (int64_t n, void *out, const void *const *in, const int64_t *step)

/* One element, of a formula that is exactly rounded: it has the same bits in all instruction sets. */
#define ONE(result, ...) \
    if (n == 1) { \
        *(result *)out = __VA_ARGS__; \
        return; \
    }
#define OPERAND(T, j) (*(const T *)in[j])

/* ---- the rows of the table --------------------------------------------------------------------------------------- */

#define DEFINE_UNARY(name, suffix, T, result, FOR_EACH, formula, first) \
    INLINE result name##_of_##suffix(T x) { \
        return (result)(formula); \
    } \
    TGI_KERNEL_BUT(tgi_##name##_##suffix, PARAMETERS, (n, out, in, step), first) { \
        const T *x = in[0]; \
        result  *y = out; \
        if (step[0]) \
            FOR_EACH y[i] = name##_of_##suffix(x[i]); \
        else \
            FOR_EACH y[i] = name##_of_##suffix(*x); \
    }

/* A block with a number in it that is not near is done one by one: an element's value does not depend on its neighbours. */
#define DEFINE_ANGLE(name, suffix, T, formula) \
    static T name##_of_##suffix(T x) { \
        return x >= -(T)TGI_NEAR && x <= (T)TGI_NEAR ? v_##name##_##suffix(x) : formula; \
    } \
    static void name##_block_##suffix(int64_t n, const T *x, T *y) { \
        int far = 0; \
        for (int64_t i = 0; i < n; i++) \
            far |= !(x[i] >= -(T)TGI_NEAR && x[i] <= (T)TGI_NEAR); \
        if (!far) \
            FOR_ALL y[i] = v_##name##_##suffix(x[i]); \
        else \
            for (int64_t i = 0; i < n; i++) \
                y[i] = name##_of_##suffix(x[i]); \
    } \
    TGI_KERNEL(tgi_##name##_##suffix, PARAMETERS, (n, out, in, step)) { \
        enum { BLOCK = 256 }; \
        const T *x = in[0]; \
        T       *y = out, one = 0; \
        if (!step[0] && n > 0) { \
            name##_block_##suffix(1, x, &one); \
            FOR_ALL y[i] = one; \
            return; \
        } \
        for (int64_t i = 0; i < n; i += BLOCK) \
            name##_block_##suffix(n - i < BLOCK ? n - i : BLOCK, x + i, y + i); \
    }

#define DEFINE_EXACT_UNARY(name, suffix, T, result, FOR_EACH, formula) \
    DEFINE_UNARY(name, suffix, T, result, FOR_EACH, formula, ONE(result, name##_of_##suffix(OPERAND(T, 0))))

#define DEFINE_BINARY(name, suffix, T, result, FOR_EACH, formula, first) \
    INLINE result name##_of_##suffix(T a, T b) { \
        return (result)(formula); \
    } \
    BINARY_KERNEL_BUT(name, suffix, T, result, FOR_EACH, first)

#define DEFINE_EXACT_BINARY(name, suffix, T, result, FOR_EACH, formula) \
    DEFINE_BINARY(name, suffix, T, result, FOR_EACH, formula, ONE(result, name##_of_##suffix(OPERAND(T, 0), OPERAND(T, 1))))

#define DEFINE_TERNARY(name, suffix, T, formula) \
    INLINE T name##_of_##suffix(T x, T low, T high) { \
        return (T)(formula); \
    } \
    TGI_KERNEL(tgi_##name##_##suffix, PARAMETERS, (n, out, in, step)) { \
        const T *x = in[0], *low = in[1], *high = in[2]; \
        T       *y = out; \
        if (step[0] && !step[1] && !step[2]) \
            FOR_ALL y[i] = name##_of_##suffix(x[i], *low, *high); \
        else \
            FOR_ALL y[i] = name##_of_##suffix(x[i * step[0]], low[i * step[1]], high[i * step[2]]); \
    }

/* A formula that integers have, too, takes few instructions, and is exact. */
#define UNARY_FLOAT(name, formula) \
    DEFINE_UNARY(name, f32, float, float, FOR_ALL, formula, ) DEFINE_UNARY(name, f64, double, double, FOR_ALL, formula, )
#define EXACT_UNARY_FLOATS(name, FOR_EACH, formula) \
    DEFINE_EXACT_UNARY(name, f32, float, float, FOR_EACH, formula) \
    DEFINE_EXACT_UNARY(name, f64, double, double, FOR_EACH, formula)
#define UNARY_EXACT(name, formula) EXACT_UNARY_FLOATS(name, FOR_ALL, formula)
#define UNARY_ANGLE(name, formula) DEFINE_ANGLE(name, f32, float, formula) DEFINE_ANGLE(name, f64, double, formula)
#define UNARY_NUMBER(name, formula) \
    EXACT_UNARY_FLOATS(name, FOR_ALL_SIMPLE, formula) DEFINE_EXACT_UNARY(name, i64, int64_t, int64_t, FOR_ALL, formula)
#define BINARY_FLOAT(name, formula) \
    DEFINE_BINARY(name, f32, float, float, FOR_ALL, formula, ) DEFINE_BINARY(name, f64, double, double, FOR_ALL, formula, )
#define EXACT_BINARY_FLOATS(name, FOR_EACH, formula) \
    DEFINE_EXACT_BINARY(name, f32, float, float, FOR_EACH, formula) \
    DEFINE_EXACT_BINARY(name, f64, double, double, FOR_EACH, formula)
#define BINARY_EXACT(name, formula) EXACT_BINARY_FLOATS(name, FOR_ALL, formula)
#define BINARY_NUMBER(name, formula) \
    EXACT_BINARY_FLOATS(name, FOR_ALL_SIMPLE, formula) DEFINE_EXACT_BINARY(name, i64, int64_t, int64_t, FOR_ALL, formula)
#define TERNARY_FLOAT(name, formula) DEFINE_TERNARY(name, f32, float, formula) DEFINE_TERNARY(name, f64, double, formula)
#define TERNARY_NUMBER(name, formula) TERNARY_FLOAT(name, formula) DEFINE_TERNARY(name, i64, int64_t, formula)

#define UNARY(name, dtypes, formula, gradient) UNARY_##dtypes(name, formula)
#define BINARY(name, dtypes, formula, gradient_a, gradient_b) BINARY_##dtypes(name, formula)
#define TERNARY(name, dtypes, formula, ...) TERNARY_##dtypes(name, formula)
#define PREDICATE(name, formula) \
    DEFINE_EXACT_UNARY(name, f32, float, bool, FOR_ALL, formula) \
    DEFINE_EXACT_UNARY(name, f64, double, bool, FOR_ALL, formula) \
    DEFINE_EXACT_UNARY(name, i64, int64_t, bool, FOR_ALL, formula) \
    DEFINE_EXACT_UNARY(name, b8, uint8_t, bool, FOR_ALL, formula)
#define COMPARISON(name, formula) \
    DEFINE_EXACT_BINARY(name, f32, float, bool, FOR_ALL, formula) \
    DEFINE_EXACT_BINARY(name, f64, double, bool, FOR_ALL, formula) \
    DEFINE_EXACT_BINARY(name, i64, int64_t, bool, FOR_ALL, formula) \
    DEFINE_EXACT_BINARY(name, b8, uint8_t, bool, FOR_ALL, formula)
#define INNER_UNARY(name, formula, gradient) UNARY_FLOAT(name, formula)
#define INNER_BINARY(name, formula, gradient_a, gradient_b) BINARY_FLOAT(name, formula)

#include "ops/elementwise_table.h"

/* ---- where ------------------------------------------------------------------------------------------------------- */

/* Bits are taken, whatever they mean: a choice without a branch, which the processor would have to guess. A bool is a byte of 0
 * or 1. */
typedef uint8_t  bits_of_8 __attribute__((may_alias));
typedef uint32_t bits_of_32 __attribute__((may_alias));
typedef uint64_t bits_of_64 __attribute__((may_alias));

#define DEFINE_WHERE(suffix, U) \
    INLINE U choose_##suffix(uint8_t condition, U a, U b) { \
        U mask = (U)(0 - (U)condition); \
        return (U)((a & mask) | (b & ~mask)); \
    } \
    TGI_KERNEL_BUT(tgi_where_##suffix, PARAMETERS, (n, out, in, step), \
                   ONE(U, choose_##suffix(OPERAND(uint8_t, 0), OPERAND(U, 1), OPERAND(U, 2)))) { \
        const uint8_t *condition = in[0]; \
        const U       *a = in[1], *b = in[2]; \
        U             *y = out; \
        if (step[0] && step[1] && step[2]) \
            FOR_ALL y[i] = choose_##suffix(condition[i], a[i], b[i]); \
        else if (step[0] && step[1]) \
            FOR_ALL y[i] = choose_##suffix(condition[i], a[i], *b); \
        else if (step[0] && step[2]) \
            FOR_ALL y[i] = choose_##suffix(condition[i], *a, b[i]); \
        else \
            FOR_ALL y[i] = choose_##suffix(condition[i * step[0]], a[i * step[1]], b[i * step[2]]); \
    }
DEFINE_WHERE(f32, bits_of_32)
DEFINE_WHERE(f64, bits_of_64)
DEFINE_WHERE(i64, bits_of_64)
DEFINE_WHERE(b8, bits_of_8)

/* ---- at_index ---------------------------------------------------------------------------------------------------- */

/* As a rule a row has one index and one value, and its elements are numbered. */
#define DEFINE_AT_INDEX(suffix, T) \
    TGI_KERNEL(tgi_at_index_##suffix, PARAMETERS, (n, out, in, step)) { \
        const int64_t *index = in[0], *number = in[1], only = n > 0 ? *index : 0; \
        const T       *x = in[2], value = n > 0 ? *x : 0; \
        T             *y = out; \
        if (!step[0] && step[1] && !step[2]) \
            FOR_ALL y[i] = number[i] == only ? value : 0; \
        else \
            FOR_ALL y[i] = number[i * step[1]] == index[i * step[0]] ? x[i * step[2]] : 0; \
    }
DEFINE_AT_INDEX(f32, float)
DEFINE_AT_INDEX(f64, double)

/* ---- cast -------------------------------------------------------------------------------------------------------- */

#define FITS_INT64(x) ((x) >= -0x1p63f && (x) < 0x1p63f)

#define DEFINE_CAST(from, From, to, To, formula) \
    TGI_KERNEL(tgi_##from##_to_##to, PARAMETERS, (n, out, in, step)) { \
        const From *p = in[0]; \
        To         *y = out; \
        FOR_ALL { \
            From x = p[i * step[0]]; \
            y[i] = (To)(formula); \
        } \
    }
#define DEFINE_CASTS(from, From, to_i64) \
    DEFINE_CAST(from, From, f32, float, x) \
    DEFINE_CAST(from, From, f64, double, x) \
    DEFINE_CAST(from, From, i64, int64_t, to_i64) \
    DEFINE_CAST(from, From, b8, bool, x != 0)

DEFINE_CASTS(f32, float, FITS_INT64(x) ? (int64_t)x : INT64_MIN)
DEFINE_CASTS(f64, double, FITS_INT64(x) ? (int64_t)x : INT64_MIN)
DEFINE_CASTS(i64, int64_t, x)
DEFINE_CASTS(b8, uint8_t, x)
