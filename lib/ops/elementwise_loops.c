/* ops/elementwise_loops.c: the formulas of the elementwise table, as loops that the compiler turns into vector code.
 *
 * An operand comes one element after the other (step 1), or as one number for all (step 0); each combination has a loop of its
 * own, without a test inside. Integers wrap around: this file is compiled with -fwrapv.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/elementwise_loops.h"

#include <tgmath.h>

#define FOR_ALL for (int64_t i = 0; i < n; i++)

/* ---- the rows of the table --------------------------------------------------------------------------------------- */

#define DEFINE_UNARY(name, suffix, T, formula) \
    static inline T name##_of_##suffix(T x) { \
        return (T)(formula); \
    } \
    void tgi_##name##_##suffix(int64_t n, void *out, const void *const *in, const int64_t *step) { \
        const T *x = in[0]; \
        T       *y = out; \
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

#define UNARY_FLOAT(name, formula) DEFINE_UNARY(name, f32, float, formula) DEFINE_UNARY(name, f64, double, formula)
#define UNARY_NUMBER(name, formula) UNARY_FLOAT(name, formula) DEFINE_UNARY(name, i64, int64_t, formula)
#define BINARY_FLOAT(name, formula) DEFINE_BINARY(name, f32, float, float, formula) DEFINE_BINARY(name, f64, double, double, formula)
#define BINARY_NUMBER(name, formula) BINARY_FLOAT(name, formula) DEFINE_BINARY(name, i64, int64_t, int64_t, formula)

#define UNARY(name, dtypes, formula, gradient) UNARY_##dtypes(name, formula)
#define BINARY(name, dtypes, formula, gradient_a, gradient_b) BINARY_##dtypes(name, formula)
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
