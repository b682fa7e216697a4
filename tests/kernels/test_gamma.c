/* tests/kernels/test_gamma.c: digamma and polygamma have the accuracy that gamma.h states, against values of 60 digits.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "kernels/gamma.h"
#include "suites.h"

/* What the stated error is relative to, in units of 2^-53. */
static long double scale_of(int order, double x, long double value) {
    if (order == 0) return 12 * fmaxl(1, fabsl(value));
    if (order > 170) return 1e-12L * 0x1p53L * fabsl(value);
    if (x > 0) return 12 * fabsl(value);
    long double distance = fabsl((long double)x - roundl((long double)x));
    return 12 * tgammal(order + 1) * powl(distance, -order - 1);
}

START_TEST(values_are_as_accurate_as_stated) {
    int         order, count = 0;
    double      x, y;
    long double value;
    FILE       *file = fopen(source_path("tests/fixtures/gamma.csv"), "r");
    ck_assert_msg(file != NULL, "cannot open tests/fixtures/gamma.csv");
    while (fscanf(file, "%d,%lf,%Lf", &order, &x, &value) == 3) {
        tgi_polygamma_f64(order, 1, &x, &y);
        long double error = fabsl((long double)y - value);
        ck_assert_msg(error <= 0x1p-53L * scale_of(order, x, value), "psi_%d(%.17g) is %.17g, not %.17Lg", order, x, y, value);
        float narrow = (float)x, z;
        tgi_polygamma_f32(order, 1, &narrow, &z);
        x = (double)narrow;
        tgi_polygamma_f64(order, 1, &x, &y);
        ck_assert(z == (float)y);
        count++;
    }
    fclose(file);
    ck_assert_int_ge(count, 300);
}
END_TEST

START_TEST(digamma_of_known_points) {
    ck_assert_double_eq_tol(tgi_digamma(1), -0.57721566490153286061, 1e-15);
    ck_assert_double_eq_tol(tgi_digamma(0.5), -1.96351002602142347944, 2e-15);
    ck_assert_double_eq_tol(tgi_digamma(1.4616321449683623), 0, 1e-15);
    ck_assert(tgi_digamma(0.0) < -DBL_MAX && tgi_digamma(-0.0) > DBL_MAX);
    ck_assert(isnan(tgi_digamma(-1)) && isnan(tgi_digamma(-0x1p60)) && isnan(tgi_digamma((double)-INFINITY)));
    ck_assert(isnan(tgi_digamma((double)NAN)) && tgi_digamma((double)INFINITY) > DBL_MAX);
}
END_TEST

/* Neither n! nor the power need be a number for the quotient to be one. */
START_TEST(large_orders_and_tiny_quotients) {
    double x[] = {1e10, 80, 1e-5, 100, 1e300}, y[5];
    tgi_polygamma_f64(170, 5, x, y);
    ck_assert(y[0] == 0 && signbit(y[0]));
    ck_assert_double_eq_tol(y[1] / -3.07531148734983e-19, 1, 1e-13);
    ck_assert(y[2] < -DBL_MAX && y[4] == 0);
    tgi_polygamma_f64(2, 1, (double[]){1e150}, y);
    ck_assert_double_eq_tol(y[0] / -1e-300, 1, 1e-14);
    static const double far[] = {1e153, 1e155, 1e200, 1e300, 1e308}; /* where it is 1 / x */
    tgi_polygamma_f64(1, 5, far, y);
    for (int i = 0; i < 5; i++)
        ck_assert_double_eq_tol(y[i] * far[i], 1, 1e-15);
    tgi_polygamma_f64(100000, 1, &x[3], y);
    ck_assert(y[0] < -DBL_MAX);
}
END_TEST

Suite *suite_gamma(void) {
    Suite *suite = suite_create("gamma");
    TCase *tcase = tcase_create("gamma");
    tcase_add_test(tcase, values_are_as_accurate_as_stated);
    tcase_add_test(tcase, digamma_of_known_points);
    tcase_add_test(tcase, large_orders_and_tiny_quotients);
    suite_add_tcase(suite, tcase);
    return suite;
}
