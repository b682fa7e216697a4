/* kernels/gamma.h: the derivatives of the logarithm of the gamma function.
 *
 * psi(x) = d/dx log|Gamma(x)|, and psi_n is its n-th derivative. In float64, against values of 60 digits, with u = 2^-53:
 * the error of psi is below 12 u max(1, |psi(x)|); that of psi_n below 12 u |psi_n(x)| for x > 0 and 1 <= n <= 170, and below
 * 12 u n! / d^(n+1) for x < 0, where d is the distance to the nearest pole. Orders above 170 lose digits in n!: up to n = 300
 * the error is below 1e-12 |psi_n(x)|. float32 is float64, rounded.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_GAMMA_H
#define TGI_KERNELS_GAMMA_H

#include <math.h>
#include <stdint.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

/* psi(x). -inf at 0, inf at -0, NaN at the other poles -1, -2, ... and at -inf. */
double tgi_digamma(double x);

/* y[i] = psi_order(x[i]), order >= 0; order 0 is tgi_digamma. The others have at 0, -1, -2, ... the limit from the right: inf
 * for odd orders, -inf for even ones. y may be x. */
void tgi_polygamma_f32(int order, int64_t n, const float *x, float *y);
void tgi_polygamma_f64(int order, int64_t n, const double *x, double *y);

/* n!, or its logarithm when n is above 170. */
double tgi_factorial(int n);

/* log |Gamma(x)|, of the C library. Its lgamma may write the sign to a variable that all threads share. POSIX has lgamma_r;
 * mingw-w64 has it under another name, which no header declares; a library with neither has no such variable. */
#if HAVE_LGAMMA_R
#define TGI_LGAMMA(suffix, x) lgamma##suffix##_r(x, &(int){0})
#elif HAVE___LGAMMA_R
float  __lgammaf_r(float x, int *sign);
double __lgamma_r(double x, int *sign);
#define TGI_LGAMMA(suffix, x) __lgamma##suffix##_r(x, &(int){0})
#else
#define TGI_LGAMMA(suffix, x) lgamma##suffix(x)
#endif
static inline float tgi_log_gamma_f32(float x) {
    return TGI_LGAMMA(f, x);
}
static inline double tgi_log_gamma_f64(double x) {
#ifdef __MINGW32__ /* its lgamma divides by x, which overflows for a subnormal x */
    if (x != 0 && fabs(x) < 0x1p-1022) return -log(fabs(x));
#endif
    return TGI_LGAMMA(, x);
}

#endif
