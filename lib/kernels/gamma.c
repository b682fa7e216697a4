/* kernels/gamma.c: digamma and polygamma.
 *
 * Both step from x to a larger number x + k by the recurrence (Abramowitz & Stegun 6.3.5, 6.4.6), and sum the asymptotic series
 * there (6.3.18, 6.4.11). For n >= 1 it is the series
 *     psi_n(x) = (-1)^(n+1) sum over k >= 0 of n! / (x + k)^(n+1)        (6.4.10)
 * with its tail summed by Euler and Maclaurin. Below 0 the same series, continued to all integers k, has the period 1; what was
 * added is psi_n(1 - x) again: the reflection (6.3.7, 6.4.7) without its derivatives of the cotangent.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/gamma.h"

#include <math.h>
#include <stdbool.h>

static const double pi = 3.14159265358979323846;

/* Bernoulli's numbers B_2, B_4, ... (Abramowitz & Stegun, table 23.2). */
enum { BERNOULLI = 12 };
static const double bernoulli[BERNOULLI] = {
    1.0 / 6, -1.0 / 30,     1.0 / 42,      -1.0 / 30,       5.0 / 66,       -691.0 / 2730,
    7.0 / 6, -3617.0 / 510, 43867.0 / 798, -174611.0 / 330, 854513.0 / 138, -236364091.0 / 2730,
};

static bool is_pole(double x) {
    return x <= 0 && x == floor(x);
}

/* ---- digamma ----------------------------------------------------------------------------------------------------- */

static double positive_digamma(double x) {
    double steps = 0, tail = 0, a = x;
    for (int k = 1; a < 12; k++) {
        steps += 1 / a;
        a = x + k;
    }
    double square = 1 / (a * a);
    for (int j = BERNOULLI; j > 0; j--)
        tail = square * (bernoulli[j - 1] / (2 * j) + tail);
    return log(a) - 0.5 / a - tail - steps;
}

double tgi_digamma(double x) {
    if (x == 0) return -1 / x;
    if (is_pole(x)) return (double)NAN;
    if (x > 0 || isnan(x)) return positive_digamma(x);
    return positive_digamma(1 - x) - pi / tan(pi * (x - round(x)));
}

/* ---- polygamma --------------------------------------------------------------------------------------------------- */

/* n >= 1, and what only depends on it. */
typedef struct order {
    int    n;
    double factorial; /* n!, or its logarithm when it is too large */
} order;

enum { MOST_FACTORIAL = 170 };

double tgi_factorial(int n) {
    long double product = 1;
    if (n > MOST_FACTORIAL) return tgi_log_gamma_f64(n + 1.0);
    for (int i = 2; i <= n; i++)
        product *= i;
    return (double)product;
}

static order order_of(int n) {
    return (order){n, tgi_factorial(n)};
}

/* For a whole exponent the pow of mingw-w64 multiplies, and every product rounds: in long double that does not count. */
static double power(double t, double exponent) {
#ifdef __MINGW32__
    return (double)powl((long double)t, (long double)exponent);
#else
    return pow(t, exponent);
#endif
}

/* n! / t^(n+1) for t > 0. The power is made of two halves, because it may underflow where the quotient does not. */
static double term(const order *o, double t) {
    if (o->n > MOST_FACTORIAL) return exp(o->factorial - (o->n + 1.0) * log(t));
    double half = power(t, -(o->n + 1) / 2.0);
    return o->factorial * half * half;
}

/* (n - 1)! / t^n, the integral of the terms from t on, in the same way: it is there where a term has long underflowed. */
static double integral(const order *o, double t) {
    if (o->n > MOST_FACTORIAL) return exp(o->factorial - log(o->n) - o->n * log(t));
    double half = power(t, -o->n / 2.0);
    return o->factorial / o->n * half * half;
}

/* sum over k >= 0 of n! / (a + k)^(n+1), for a large against n, relative to the integral. */
static double tail_from(const order *o, double a) {
    double sum = 1 + o->n / (2 * a), s = o->n + 1.0, factor = s / (2 * a) * (o->n / a);
    for (int j = 1; j <= BERNOULLI; j++) {
        sum += factor * bernoulli[j - 1];
        factor *= (s + 2 * j - 1) / a * ((s + 2 * j) / a) / ((2 * j + 1) * (2 * j + 2));
    }
    return sum;
}

/* The same for any x > 0. Ends early when what is left, less than (1 + t / n) terms, no longer counts. */
static double series(const order *o, double x) {
    double sum = 0, t = x;
    if (isinf(x)) return 0;
    for (int64_t k = 1; t < o->n + 15.0; k++) {
        double one = term(o, t);
        sum += one;
        if (isinf(sum) || one * (1 + t / o->n) < 0x1p-56 * sum) return sum;
        t = x + (double)k;
    }
    return sum + integral(o, t) * tail_from(o, t);
}

/* The sum over all integers k, positive and negative, less the terms that x < 0 does not have. */
static double reflected_series(const order *o, double x) {
    double sign = o->n % 2 ? 1 : -1, near = x - round(x);
    double nearest = term(o, fabs(near)) * (near < 0 ? sign : 1);
    return nearest + (series(o, 1 + near) + sign * series(o, 1 - near)) - sign * series(o, 1 - x);
}

static double polygamma(const order *o, double x) {
    double sign = o->n % 2 ? 1 : -1;
    if (isnan(x) || (isinf(x) && x < 0)) return (double)NAN;
    if (is_pole(x)) return sign * (double)INFINITY;
    return sign * (x > 0 ? series(o, x) : reflected_series(o, x));
}

void tgi_polygamma_f32(int n, int64_t count, const float *x, float *y) {
    order o = order_of(n);
    for (int64_t i = 0; i < count; i++)
        y[i] = (float)(n ? polygamma(&o, (double)x[i]) : tgi_digamma((double)x[i]));
}

void tgi_polygamma_f64(int n, int64_t count, const double *x, double *y) {
    order o = order_of(n);
    for (int64_t i = 0; i < count; i++)
        y[i] = n ? polygamma(&o, x[i]) : tgi_digamma(x[i]);
}
