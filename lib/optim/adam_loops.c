/* optim/adam_loops.c: what Adam does to an element, as loops that the compiler turns into vector code.
 *
 * The gradient may be one number for all elements. w, m and v are of the result's shape, and come one after the other; what stands
 * behind the gradient are plain numbers.
 *
 * SPDX-License-Identifier: MIT */
#include "optim/adam_loops.h"

#include <tgmath.h>

#include "kernels/isa.h"
#include "kernels/vector.h"

#define PARAMETERS (int64_t n, void *out, const void *const *in, const int64_t *step)

#define DEFINE_LOOPS(suffix, T) \
    static inline T mean_##suffix(T m, T g, T rest) { \
        return m + rest * (g - m); \
    } \
    static inline T square_##suffix(T v, T g, T beta, T rest) { \
        return beta * v + rest * (g * g); \
    } \
    static inline T weight_##suffix(T w, T m, T v, T g, T rest, T past, T size, T eps) { \
        return w - size * mean_##suffix(m, g, rest) / (sqrt(past * v + g * g) + eps); \
    } \
    TGI_KERNEL(tgi_adam_mean_##suffix, PARAMETERS, (n, out, in, step)) { \
        const T *m = in[0], *g = in[1], rest = *(const T *)in[2]; \
        T       *y = out; \
        if (step[1]) \
            FOR_ALL y[i] = mean_##suffix(m[i], g[i], rest); \
        else \
            FOR_ALL y[i] = mean_##suffix(m[i], *g, rest); \
    } \
    TGI_KERNEL(tgi_adam_square_##suffix, PARAMETERS, (n, out, in, step)) { \
        const T *v = in[0], *g = in[1], beta = *(const T *)in[2], rest = *(const T *)in[3]; \
        T       *y = out; \
        if (step[1]) \
            FOR_ALL y[i] = square_##suffix(v[i], g[i], beta, rest); \
        else \
            FOR_ALL y[i] = square_##suffix(v[i], *g, beta, rest); \
    } \
    TGI_KERNEL(tgi_adam_weight_##suffix, PARAMETERS, (n, out, in, step)) { \
        const T *w = in[0], *m = in[1], *v = in[2], *g = in[3]; \
        const T  rest = *(const T *)in[4], past = *(const T *)in[5], size = *(const T *)in[6], eps = *(const T *)in[7]; \
        T       *y = out; \
        if (step[3]) \
            FOR_ALL y[i] = weight_##suffix(w[i], m[i], v[i], g[i], rest, past, size, eps); \
        else \
            FOR_ALL y[i] = weight_##suffix(w[i], m[i], v[i], *g, rest, past, size, eps); \
    }
DEFINE_LOOPS(f32, float)
DEFINE_LOOPS(f64, double)
