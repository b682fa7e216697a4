/* nn/loss_loops.c: what the losses' own ops do to an element, as loops that the compiler turns into vector code.
 *
 * SPDX-License-Identifier: MIT */
#include "nn/loss_loops.h"

#include "kernels/isa.h"
#include "kernels/vector.h"
#include "kernels/vmath.h"

#define PARAMETERS (int64_t n, void *out, const void *const *in, const int64_t *step)

#define FLOOR(x) ((x) < -100 ? -100 : (x)) /* a NaN stays */
#define BCE(suffix, p, target) ((target)-1) * FLOOR(v_log1p_##suffix(-(p))) - (target)*FLOOR(v_log_##suffix(p))
#define WEIGH(suffix, weight, x) ((weight) == 0 && (x) == (x) ? 0 : (weight) * (x))

#define DEFINE_LOOP(name, formula, suffix, T) \
    INLINE T name##_of_##suffix(T a, T b) { \
        return formula(suffix, a, b); \
    } \
    BINARY_KERNEL(name, suffix, T, T, FOR_ALL)
DEFINE_LOOP(bce, BCE, f32, float)
DEFINE_LOOP(bce, BCE, f64, double)
DEFINE_LOOP(weigh, WEIGH, f32, float)
DEFINE_LOOP(weigh, WEIGH, f64, double)

/* yes softplus(-z) + no softplus(z), where softplus(z) is max(z, 0) + log(1 + e^-|z|), and its derivative for z: only the sigmoids of z
 * and -z that are small are multiplied by e^-|z|, so that none cancels. */
#define DEFINE_LOGIT(suffix, T) \
    INLINE T logit_bce_of_##suffix(T z, T yes, T no) { \
        T rest = v_log1p_##suffix(v_exp_##suffix(z > 0 ? -z : z)), side = z > 0 ? no : yes, size = z > 0 ? z : -z; \
        return WEIGH(suffix, side, size) + (yes + no) * rest; \
    } \
    INLINE T logit_slope_of_##suffix(T z, T yes, T no) { \
        T power = v_exp_##suffix(z > 0 ? -z : z), near = 1 / (1 + power), far = power * near; \
        return no * (z > 0 ? near : far) - yes * (z > 0 ? far : near); \
    }
#define DEFINE_LOGIT_LOOP(name, suffix, T) \
    TGI_KERNEL(tgi_##name##_##suffix, PARAMETERS, (n, out, in, step)) { \
        const T *z = in[0], *yes = in[1], *no = in[2]; \
        T       *y = out; \
        if (step[0] && step[1] && step[2]) \
            FOR_ALL y[i] = name##_of_##suffix(z[i], yes[i], no[i]); \
        else \
            FOR_ALL y[i] = name##_of_##suffix(z[i * step[0]], yes[i * step[1]], no[i * step[2]]); \
    }
DEFINE_LOGIT(f32, float)
DEFINE_LOGIT(f64, double)
DEFINE_LOGIT_LOOP(logit_bce, f32, float)
DEFINE_LOGIT_LOOP(logit_bce, f64, double)
DEFINE_LOGIT_LOOP(logit_slope, f32, float)
DEFINE_LOGIT_LOOP(logit_slope, f64, double)
