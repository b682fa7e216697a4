/* ops/elementwise_loops.c: the formulas of the elementwise table, as loops that the compiler turns into vector code.
 *
 * An operand comes one element after the other (step 1), or as one number for all (step 0); each combination has a loop of its
 * own, without a test inside. Integers wrap around: this file is compiled with -fwrapv.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/elementwise_loops.h"

#include "kernels/gamma.h"

#include <tgmath.h>

#define FOR_ALL for (int64_t i = 0; i < n; i++)

/* ---- what the formulas call -------------------------------------------------------------------------------------- */

#define BY_DTYPE(x, f32, f64, i64) _Generic(x, float: f32, double: f64, int64_t: i64)

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

#define LARGER(a, b) ((a) > (b) || (a) != (a) ? (a) : (b))
#define SMALLER(a, b) ((a) < (b) || (a) != (a) ? (a) : (b))
#define CLAMP(x, low, high) SMALLER(LARGER(x, low), high)

/* The larger plus what is between 0 and log 2; equal infinities have no difference. */
#define LOGADDEXP(a, b) (a > b ? a + log1p(exp(b - a)) : b + log1p(exp(a == b ? 0 : a - b)))

/* lgamma itself writes to a variable that all threads share. */
#define LGAMMA(x) BY_DTYPE(x, lgammaf_r, lgamma_r, NULL)(x, &(int){0})

/* ---- the rows of the table --------------------------------------------------------------------------------------- */

#define DEFINE_UNARY(name, suffix, T, result, formula) \
    static inline result name##_of_##suffix(T x) { \
        return (result)(formula); \
    } \
    void tgi_##name##_##suffix(int64_t n, void *out, const void *const *in, const int64_t *step) { \
        const T *x = in[0]; \
        result  *y = out; \
        if (step[0]) \
            FOR_ALL y[i] = name##_of_##suffix(x[i]); \
        else \
            FOR_ALL y[i] = name##_of_##suffix(*x); \
    }

#define DEFINE_BINARY(name, suffix, T, result, formula) \
    static inline result name##_of_##suffix(T a, T b) { \
        return (result)(formula); \
    } \
    void tgi_##name##_##suffix(int64_t n, void *out, const void *const *in, const int64_t *step) { \
        const T *a = in[0], *b = in[1]; \
        result  *y = out; \
        if (step[0] && step[1]) \
            FOR_ALL y[i] = name##_of_##suffix(a[i], b[i]); \
        else if (step[0]) \
            FOR_ALL y[i] = name##_of_##suffix(a[i], *b); \
        else if (step[1]) \
            FOR_ALL y[i] = name##_of_##suffix(*a, b[i]); \
        else \
            FOR_ALL y[i] = name##_of_##suffix(*a, *b); \
    }

#define DEFINE_TERNARY(name, suffix, T, formula) \
    static inline T name##_of_##suffix(T x, T low, T high) { \
        return (T)(formula); \
    } \
    void tgi_##name##_##suffix(int64_t n, void *out, const void *const *in, const int64_t *step) { \
        const T *x = in[0], *low = in[1], *high = in[2]; \
        T       *y = out; \
        if (step[0] && !step[1] && !step[2]) \
            FOR_ALL y[i] = name##_of_##suffix(x[i], *low, *high); \
        else \
            FOR_ALL y[i] = name##_of_##suffix(x[i * step[0]], low[i * step[1]], high[i * step[2]]); \
    }

#define UNARY_FLOAT(name, formula) \
    DEFINE_UNARY(name, f32, float, float, formula) DEFINE_UNARY(name, f64, double, double, formula)
#define UNARY_NUMBER(name, formula) UNARY_FLOAT(name, formula) DEFINE_UNARY(name, i64, int64_t, int64_t, formula)
#define BINARY_FLOAT(name, formula) \
    DEFINE_BINARY(name, f32, float, float, formula) DEFINE_BINARY(name, f64, double, double, formula)
#define BINARY_NUMBER(name, formula) BINARY_FLOAT(name, formula) DEFINE_BINARY(name, i64, int64_t, int64_t, formula)
#define TERNARY_FLOAT(name, formula) DEFINE_TERNARY(name, f32, float, formula) DEFINE_TERNARY(name, f64, double, formula)
#define TERNARY_NUMBER(name, formula) TERNARY_FLOAT(name, formula) DEFINE_TERNARY(name, i64, int64_t, formula)

#define UNARY(name, dtypes, formula, gradient) UNARY_##dtypes(name, formula)
#define BINARY(name, dtypes, formula, gradient_a, gradient_b) BINARY_##dtypes(name, formula)
#define TERNARY(name, dtypes, formula, ...) TERNARY_##dtypes(name, formula)
#define PREDICATE(name, formula) \
    DEFINE_UNARY(name, f32, float, bool, formula) \
    DEFINE_UNARY(name, f64, double, bool, formula) \
    DEFINE_UNARY(name, i64, int64_t, bool, formula) \
    DEFINE_UNARY(name, b8, bool, bool, formula)
#define COMPARISON(name, formula) \
    DEFINE_BINARY(name, f32, float, bool, formula) \
    DEFINE_BINARY(name, f64, double, bool, formula) \
    DEFINE_BINARY(name, i64, int64_t, bool, formula) \
    DEFINE_BINARY(name, b8, bool, bool, formula)

#include "ops/elementwise_table.h"

/* ---- where ------------------------------------------------------------------------------------------------------- */

#define DEFINE_WHERE(suffix, T) \
    void tgi_where_##suffix(int64_t n, void *out, const void *const *in, const int64_t *step) { \
        const bool *condition = in[0]; \
        const T    *a = in[1], *b = in[2]; \
        T          *y = out; \
        if (step[0] && step[1] && step[2]) \
            FOR_ALL y[i] = condition[i] ? a[i] : b[i]; \
        else if (step[0] && step[1]) \
            FOR_ALL y[i] = condition[i] ? a[i] : *b; \
        else if (step[0] && step[2]) \
            FOR_ALL y[i] = condition[i] ? *a : b[i]; \
        else \
            FOR_ALL y[i] = condition[i * step[0]] ? a[i * step[1]] : b[i * step[2]]; \
    }
DEFINE_WHERE(f32, float)
DEFINE_WHERE(f64, double)
DEFINE_WHERE(i64, int64_t)
DEFINE_WHERE(b8, bool)

/* ---- cast -------------------------------------------------------------------------------------------------------- */

#define FITS_INT64(x) ((x) >= -0x1p63f && (x) < 0x1p63f)

#define DEFINE_CAST(from, From, to, To, formula) \
    void tgi_##from##_to_##to(int64_t n, void *out, const void *const *in, const int64_t *step) { \
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
DEFINE_CASTS(b8, bool, x)
