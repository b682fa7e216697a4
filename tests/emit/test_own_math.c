/* tests/emit/test_own_math.c: C files without <math.h>: their own functions are near those of the C library, they call nothing, and they
 * have those functions alone that are used.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "emit/emitted.h"
#include "ops/values.h"

/* X(op, function, the least and the largest argument, units in the last place of float64 and of float32 at most) */
#define FUNCTIONS(X) \
    X(exp, exp, -700, 700, 2, 2) \
    X(exp2, exp2, -1000, 1000, 2, 2) \
    X(expm1, expm1, -30, 30, 2, 2) \
    X(log, log, 1e-8, 1e8, 2, 2) \
    X(log2, log2, 1e-8, 1e8, 2, 3) \
    X(log10, log10, 1e-8, 1e8, 3, 2) \
    X(log1p, log1p, -0.99, 9, 2, 2) \
    X(sin, sin, -1e6, 1e9, 3, 3) \
    X(cos, cos, -1e6, 1e9, 3, 3) \
    X(tan, tan, -1e6, 1e9, 4, 4) \
    X(asin, asin, -1, 1, 3, 3) \
    X(acos, acos, -1, 1, 4, 4) \
    X(atan, atan, -9, 9, 2, 3) \
    X(sinh, sinh, -50, 50, 3, 3) \
    X(cosh, cosh, -50, 50, 3, 3) \
    X(tanh, tanh, -9, 9, 3, 3) \
    X(asinh, asinh, -99, 99, 3, 3) \
    X(acosh, acosh, 1, 99, 3, 3) \
    X(atanh, atanh, -0.99, 0.99, 3, 3) \
    X(erf, erf, -5, 5, 4, 2) \
    X(erfc, erfc, -3, 9, 9, 2) \
    X(sqrt, sqrt, 0, 99, 1, 1) \
    X(rsqrt, one_by_root, 1e-3, 99, 3, 3) \
    X(floor, floor, -9, 9, 0, 0) \
    X(ceil, ceil, -9, 9, 0, 0) \
    X(round, rint, -9, 9, 0, 0) \
    X(trunc, trunc, -9, 9, 0, 0)

static double one_by_root(double x) {
    return 1 / sqrt(x);
}

#define DEFINE(op, function, low, high, units, units_f32) \
    static tg_tensor record_##op(tg_tensor x) { \
        return tg_##op(x); \
    }
FUNCTIONS(DEFINE)

static const struct {
    const char *name;
    tg_tensor (*record)(tg_tensor x);
    double (*function)(double x);
    double low, high, units[2];
} functions[] = {
#define ROW(op, function, low, high, units, units_f32) {#op, record_##op, function, low, high, {units_f32, units}},
    FUNCTIONS(ROW)};

enum { POINTS = 101, MOST_FUNCTIONS = sizeof functions / sizeof *functions };

/* From one end to the other, denser at the middle. */
static double point(int k, int i) {
    double t = 2.0 * i / (POINTS - 1) - 1, low = functions[k].low, high = functions[k].high;
    return low > 0 && high / low > 1000 ? low * pow(high / low, (t + 1) / 2)
                                        : (low + high) / 2 + (high - low) / 2 * t * fabs(t);
}

static double unit(double x, bool narrow) {
    int exponent;
    frexp(x, &exponent);
    return ldexp(1, exponent - (narrow ? 24 : 53));
}

static void check_points(int k, bool narrow, const void *elements) {
    for (int i = 0; i < POINTS; i++) {
        double x = narrow ? (double)(float)point(k, i) : point(k, i), expected = functions[k].function(x);
        double got = narrow ? (double)((const float *)elements)[i] : ((const double *)elements)[i];
        double error = fabs(got - expected) / unit(expected, narrow);
        bool   out_of_range = narrow && (fabs(expected) > 3e38 || fabs(expected) < 2e-38);
        ck_assert_msg(out_of_range || error <= functions[k].units[!narrow], "%s(%.17g) is %.17g, not %.17g: %g units",
                      functions[k].name, x, got, expected, error);
    }
}

/* Each is a function of the file, for both dtypes. */
START_TEST(they_are_near_those_of_the_c_library) {
    static emitted_function f[2 * MOST_FUNCTIONS];
    tg_tape                *tape = tg_tape_new();
    double                  x[POINTS];
    int                     count = 0;
    for (int k = 0; k < MOST_FUNCTIONS; k++)
        for (int narrow = 0; narrow < 2; narrow++, count++) {
            for (int i = 0; i < POINTS; i++)
                x[i] = point(k, i);
            snprintf(f[count].part, sizeof f[count].part, "%s%d", functions[k].name, narrow);
            tg_begin_part(tape, f[count].part);
            tg_tensor points = tg_constant(tape, TG_F64, TG_SHAPE(POINTS), x);
            give_output(&f[count], functions[k].record(narrow ? tg_cast(points, TG_F32) : points));
            tg_end_part(tape);
        }
    emitted_without_libm = true;
    ck_assert_msg(run_emitted(tape, "own_math", "-O1 " EMITTED_SANITIZERS, count, f, 1), "%s", tg_error(tape));
    for (int i = 0; i < count; i++) {
        check_points(i / 2, i % 2, f[i].values[0]);
        free(f[i].values[0]);
    }
    char base[1024];
    snprintf(base, sizeof base, "%s", emitted_path("own_math"));
    run_command("%s -std=c99 -O2 -ffreestanding -fno-pie -c %s.c -o %s.o && ! nm -u %s.o | "
                "grep -v 'mem\\(cpy\\|set\\|move\\|cmp\\)'",
                "cc", base, base, base);
    finish(tape);
}
END_TEST

START_TEST(powers_and_angles_are_those_of_the_c_library) {
    tg_tape *tape = tg_tape_new();
    double   x[] = {0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 1e-3, 1e300, -1e300, INFINITY, -INFINITY, NAN};
    enum { N = sizeof x / sizeof *x };
    tg_tensor        a = tg_constant(tape, TG_F64, TG_SHAPE(N), x), b = tg_unsqueeze(a, 1);
    emitted_function f = {.what = "pairs"};
    give_output(&f, tg_pow(a, b));
    give_output(&f, tg_atan2(a, b));
    give_output(&f, tg_hypot(a, b));
    give_output(&f, tg_fmod(a, b));
    give_output(&f, tg_copysign(a, b));
    emitted_without_libm = true;
    ck_assert_msg(run_emitted(tape, "own_pairs", "-O1 " EMITTED_SANITIZERS, 1, &f, 1), "%s", tg_error(tape));
    double (*const pairs[])(double, double) = {pow, atan2, hypot, fmod, copysign};
    for (int k = 0; k < 5; k++) {
        for (int i = 0; i < N * N; i++) {
            double got = ((double *)f.values[k])[i], expected = pairs[k](x[i % N], x[i / N]);
            bool   same = isnan(got) ? isnan(expected) : got == expected || fabs(got - expected) <= 4e-16 * fabs(expected);
            ck_assert_msg(same && (isnan(got) || !signbit(got) == !signbit(expected)),
                          "function %d of %g and %g is %.17g, not %.17g", k, x[i % N], x[i / N], got, expected);
        }
        free(f.values[k]);
    }
    finish(tape);
}
END_TEST

START_TEST(only_those_that_are_used_are_there) {
    tg_tape *tape = tg_tape_new();
    FILE    *source = tmpfile(), *header = tmpfile();
    tg_set_name(tg_tanh(tg_input(tape, "x", TG_F32, TG_SHAPE(3))), "y");
    ck_assert(!tg_emit_c(tape, source, header, &(tg_emit_options){.no_libm = true}));
    const char *text = text_of(source);
    fclose(header);
    ck_assert_msg(strstr(text, "static float tanh_f32(float x) {") != NULL, "%s", text);
    ck_assert_msg(!strstr(text, "math.h") && !strstr(text, "sin_f32") && !strstr(text, "double"), "%s", text);
    finish(tape);
}
END_TEST

Suite *suite_own_math(void) {
    Suite *suite = suite_create("emit/own_math");
    TCase *tcase = tcase_create("no_libm");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, they_are_near_those_of_the_c_library);
    tcase_add_test(tcase, powers_and_angles_are_those_of_the_c_library);
    tcase_add_test(tcase, only_those_that_are_used_are_there);
    suite_add_tcase(suite, tcase);
    return suite;
}
