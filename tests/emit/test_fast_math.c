/* tests/emit/test_fast_math.c: exponentials and logarithms of compiled parts are near those of the C library, and as they are at numbers that
 * are special.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "emit/compiled.h"
#include "emit/emitted.h"
#include "ops/values.h"

enum { FUNCTIONS = 4, POINTS = 1001, MOST_UNITS = 3 };

/* Denser where the functions are near 0 or 1. */
static const struct {
    const char *name;
    tg_tensor (*record)(tg_tensor x);
    long double (*function)(long double x);
    double low, high;
} functions[FUNCTIONS] = {{"exp", (tg_exp), expl, -87, 88},
                          {"tanh", (tg_tanh), tanhl, -12, 12},
                          {"log", (tg_log), logl, 1e-30, 1e30},
                          {"log1p", (tg_log1p), log1pl, -0.999, 0.999}};

static double point(int k, int i) {
    double t = 2.0 * i / (POINTS - 1) - 1, low = functions[k].low, high = functions[k].high;
    return low > 0 ? exp(log(high) * t * fabs(t)) : (low + high) / 2 + (high - low) / 2 * t * t * t;
}

/* The distance to the next larger number of that dtype. */
static double unit(double x, bool narrow) {
    int exponent;
    frexp(x, &exponent);
    return ldexp(1, exponent - (narrow ? 24 : 53));
}

static double number_in(bool narrow, const void *data, int i) {
    return narrow ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

/* The values of function k, in that dtype, for n numbers: its tape is the caller's. */
static tg_tensor values_of(int k, bool narrow, int n, const double *numbers) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(n));
    tg_begin_part(tape, "part");
    tg_tensor y = functions[k].record(narrow ? tg_cast(x, TG_F32) : x);
    tg_end_part(tape);
    ck_assert_msg(!tg_compile(tape, "part", NULL), "%s", tg_error(tape));
    tg_write(x, numbers, n);
    run_part(tape, "part");
    ck_assert(tg_peek(y) != NULL);
    return y;
}

START_TEST(they_are_near_those_of_the_c_library) {
    bool   narrow = _i % 2;
    int    k = _i / 2;
    double points[POINTS];
    for (int i = 0; i < POINTS; i++)
        points[i] = narrow ? (double)(float)point(k, i) : point(k, i);
    tg_tensor y = values_of(k, narrow, POINTS, points);
    for (int i = 0; i < POINTS; i++) {
        long double expected = functions[k].function((long double)points[i]);
        double      got = number_in(narrow, tg_peek(y), i);
        double      error = (double)fabsl((long double)got - expected) / unit((double)expected, narrow);
        ck_assert_msg(error <= (double)MOST_UNITS, "%s(%.17g) is %.17g, not %.17Lg: %g units", functions[k].name, points[i],
                      got, expected, error);
    }
    finish(y.tape);
}
END_TEST

START_TEST(special_numbers_are_those_of_the_c_library) {
    static const double special[] = {0,     -0.0,    INFINITY, -INFINITY, NAN, 1,    -1,  -2,    1e-40, 1e-310,
                                     1e-46, -1e-310, 800,      -800,      89,  -104, -88, 709.5, -745,  1e30};
    enum { COUNT = sizeof special / sizeof *special };
    bool      narrow = _i % 2;
    int       k = _i / 2;
    tg_tensor y = values_of(k, narrow, COUNT, special);
    for (int i = 0; i < COUNT; i++) {
        double in = narrow ? (double)(float)special[i] : special[i], got = number_in(narrow, tg_peek(y), i);
        double exact = (double)functions[k].function((long double)in), expected = narrow ? (double)(float)exact : exact;
        double most = (double)MOST_UNITS * (narrow ? 1.2e-7 * fabs(expected) + 1.5e-45 : 2.3e-16 * fabs(expected) + 5e-324);
        bool   same = isnan(expected) ? isnan(got) : got == expected || fabs(got - expected) <= most;
        ck_assert_msg(same && (isnan(got) || !signbit(got) == !signbit(expected)), "%s(%.17g) is %.17g, not %.17g",
                      functions[k].name, in, got, expected);
    }
    finish(y.tape);
}
END_TEST

Suite *suite_fast_math(void) {
    Suite *suite = suite_create("emit/fast_math");
    TCase *tcase = tcase_create("compiled functions");
    suite_add_tcase(suite, tcase);
    if (!can_compile()) return suite;
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, they_are_near_those_of_the_c_library, 0, 2 * FUNCTIONS);
    tcase_add_loop_test(tcase, special_numbers_are_those_of_the_c_library, 0, 2 * FUNCTIONS);
    return suite;
}
