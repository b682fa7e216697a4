/* ops/joined_loops.c: see joined_loops.h. Once for each instruction set, and without contraction, as all kernels.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/joined_loops.h"

#include "kernels/isa.h"
#include "kernels/vector.h"

#define PARAMETERS (int64_t n, void *out, const void *const *in, const int64_t *step)

#define DEFINE_JOINED_OF(name, suffix, T, formula) \
    static inline T name##_of_##suffix(T a, T b, T c) { \
        return formula; \
    } \
    TGI_KERNEL(tgi_##name##_##suffix, PARAMETERS, (n, out, in, step)) { \
        const T *a = in[0], *b = in[1], *c = in[2]; \
        T       *y = out; \
        if (n == 1) \
            *y = name##_of_##suffix(*a, *b, *c); \
        else if (step[0] && step[1] && step[2]) \
            FOR_ALL y[i] = name##_of_##suffix(a[i], b[i], c[i]); \
        else if (step[0] && step[1]) \
            FOR_ALL y[i] = name##_of_##suffix(a[i], b[i], *c); \
        else if (step[0] && step[2]) \
            FOR_ALL y[i] = name##_of_##suffix(a[i], *b, c[i]); \
        else if (step[1] && step[2]) \
            FOR_ALL y[i] = name##_of_##suffix(*a, b[i], c[i]); \
        else \
            FOR_ALL y[i] = name##_of_##suffix(a[i * step[0]], b[i * step[1]], c[i * step[2]]); \
    }
#define DEFINE_JOINED(name, first, then, operand, formula) \
    DEFINE_JOINED_OF(name, f32, float, formula) DEFINE_JOINED_OF(name, f64, double, formula)
TGI_EACH_JOINED(DEFINE_JOINED)

#define DEFINE_SQUARE_OF_SUB(suffix, T) \
    static inline T square_of_sub_of_##suffix(T a, T b) { \
        return (a - b) * (a - b); \
    } \
    BINARY_KERNEL(square_of_sub, suffix, T, T, FOR_ALL)
DEFINE_SQUARE_OF_SUB(f32, float)
DEFINE_SQUARE_OF_SUB(f64, double)
