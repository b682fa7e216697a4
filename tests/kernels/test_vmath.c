/* tests/kernels/test_vmath.c: the mathematical functions against the C library's in long double, for each instruction set that
 * is here.
 *
 * How far each may be from the true value, in units of the last place of the result, is in the table below: the worst that was
 * seen with any set, rounded up. float32 is tried at numbers all over its range, evenly spaced by their bits; float64 at numbers
 * from all over the range and from where the function is not yet nothing but its asymptote. Functions of two arguments are tried
 * at pairs of these. What is special, infinities, NaN, signed zeros, the least numbers, is among the numbers, and must be right.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/isa.h"
#include "ops/elementwise_loops.h"
#include "support.h"

/* ---- the functions ----------------------------------------------------------------------------------------------- */

/*      name        float32, float64: ulp         from, to: where float64 is tried more closely */
#define FUNCTIONS(UNARY, BINARY) \
    UNARY(exp, 0.7, 0.8, -750, 712) \
    UNARY(exp2, 0.8, 0.9, -1080, 1026) \
    UNARY(expm1, 1.3, 1.4, -40, 40) \
    UNARY(log, 0.8, 0.9, 0.25, 4) \
    UNARY(log2, 1.4, 1.7, 0.25, 4) \
    UNARY(log10, 1.9, 1.7, 0.25, 4) \
    UNARY(log1p, 1.4, 1.3, -1, 4) \
    UNARY(sinh, 1.9, 1.9, -4, 4) \
    UNARY(cosh, 1.1, 1.2, -4, 4) \
    UNARY(tanh, 2.3, 2.1, -4, 4) \
    UNARY(asinh, 1.5, 1.5, -8, 8) \
    UNARY(acosh, 1.7, 1.7, 1, 8) \
    UNARY(atanh, 1.5, 1.6, -1, 1) \
    UNARY(sin, 1.7, 1.8, -1e6, 1e6) \
    UNARY(cos, 1.8, 1.9, -1e6, 1e6) \
    UNARY(tan, 3.0, 2.4, -1e6, 1e6) \
    UNARY(asin, 2.1, 2.6, -1, 1) \
    UNARY(acos, 1.0, 1.5, -1, 1) \
    UNARY(atan, 1.9, 1.0, -8, 8) \
    UNARY(erf, 2.7, 2.2, -6, 6) \
    UNARY(erfc, 4.2, 3.9, -6, 27.3) \
    UNARY(cbrt, 0.6, 0.6, -8, 8) \
    BINARY(pow, 0.6, 0.8, 0.25, 4) \
    BINARY(atan2, 1.8, 1.5, -8, 8) \
    BINARY(hypot, 1.2, 1.2, -8, 8)

typedef long double reference(long double a, long double b);

typedef struct function {
    const char *name;
    int         arity;
    tg_loop    *f32, *f64;
    double      f32_ulps, f64_ulps, from, to;
    reference  *value;
} function;

#define DEFINE_UNARY(name, ...) \
    static long double name##_value(long double a, long double b) { \
        (void)b; \
        return name##l(a); \
    }
#define DEFINE_BINARY(name, ...) \
    static long double name##_value(long double a, long double b) { \
        return name##l(a, b); \
    }
FUNCTIONS(DEFINE_UNARY, DEFINE_BINARY)

#define UNARY_ROW(name, ...) {#name, 1, tgi_##name##_f32, tgi_##name##_f64, __VA_ARGS__, name##_value},
#define BINARY_ROW(name, ...) {#name, 2, tgi_##name##_f32, tgi_##name##_f64, __VA_ARGS__, name##_value},
static const function functions[] = {FUNCTIONS(UNARY_ROW, BINARY_ROW)};
enum { FUNCTIONS_COUNT = sizeof functions / sizeof *functions };

/* ---- the numbers ------------------------------------------------------------------------------------------------- */

enum { COUNT = 1 << 16, MANY_F32 = 1 << 18 };

static const double special[] = {
    0.0,
    -0.0,
    1,
    -1,
    0.5,
    -0.5,
    2,
    -2,
    3,
    -3,
    1.5,
    -1.5,
    INFINITY,
    -INFINITY,
    NAN,
    10,
    1000,
    0x1p-60,
    -0x1p-60,
    0x1p31,
    0x1p63,
    0x1p64,
    1e30,
    -1e30,
    0x1p-1074,
    -0x1p-1074,
    0x1p-1022,
    0x1.fffffffffffffp-1023,
    DBL_MAX,
    -DBL_MAX,
    FLT_MAX,
    -FLT_MAX,
    FLT_MIN,
    0x1p-149,
    -0x1p-149,
    0x1.fffffep-127,
    88.7228,
    88.73,
    89.5,
    -87.4,
    -103.9,
    -104.1,
    709.78,
    709.79,
    710.4,
    711,
    -708.4,
    -745.1,
    -745.2,
    1024,
    1023.5,
    -1074,
    -1075,
    128,
    127.99,
    -149,
    -150,
    1e6,
    -1e6,
    1e6 + 1,
    1e22,
    0.25,
    0.75,
    0.41421356,
    2.41421356,
    0x1.fffffffffffffp-1,
    0x1.0000000000001p0,
    0x1.6c6cbc45dc8dep5,
    0x1.6c6cbc45dc8dep7,
    0x1.6c6cbc45dc8dep10,
    0x1p52,
    0x1p53 + 2,
    0x1p52 + 1,
    -0x1p52 - 1,
    0x1p23f,
    0x1p23f + 1,
    0x1p24f + 2,
    1e300,
    -1e300,
    27.2,
    26.6,
    9.2,
    10.06,
    0x1.fffffep-1,
    1 + 0x1p-23,
};
enum { SPECIAL = sizeof special / sizeof *special };

static double of_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Sebastiano Vigna's splitmix64, in the public domain. */
static uint64_t next_64(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* The special numbers, or pairs of them, and then others, half of them of any size, half of them in between. */
static double number_f64(const function *f, int64_t i, int which, uint64_t *state) {
    if (f->arity == 1 && i < SPECIAL) return special[i];
    if (f->arity == 2 && i < SPECIAL * SPECIAL) return special[which ? i / SPECIAL : i % SPECIAL];
    if (i % 2) return of_bits(next_64(state));
    return f->from + (f->to - f->from) * (double)(next_64(state) >> 11) * 0x1p-53;
}

/* The same for float32, but of one argument evenly all bits that there are. */
static float number_f32(const function *f, int64_t i, int which, uint64_t *state) {
    if (f->arity == 1 && i >= SPECIAL) {
        uint32_t bits = (uint32_t)i * (uint32_t)((UINT64_C(1) << 32) / MANY_F32) + (uint32_t)(i % 4093);
        float    x;
        memcpy(&x, &bits, sizeof x);
        return x;
    }
    double x = number_f64(f, i, which, state);
    return i % 4 == 1 ? (float)exp2(fmod(x, 1) * 150) : (float)x;
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

/* How many units of the last place y is from the true value; infinitely many where one is special and the other is not. */
static double ulps(long double y, long double truth, int digits, int least_exponent, long double huge) {
    if (isnan(truth) || isnan(y)) return isnan(truth) && isnan(y) ? 0 : (double)INFINITY;
    if (isinf(y) && truth * (y > 0 ? 1 : -1) > huge) return 0;
    if (isinf(y) || isinf(truth)) return y == truth ? 0 : (double)INFINITY;
    if (truth == 0) return y == 0 && !signbit(y) == !signbit(truth) ? 0 : (double)INFINITY;
    int exponent = ilogbl(truth) < least_exponent ? least_exponent : ilogbl(truth);
    return (double)(fabsl(y - truth) / ldexpl(1, exponent - digits + 1));
}

static double ulps_of_f32(float y, long double truth) {
    return ulps(y, truth, FLT_MANT_DIG, FLT_MIN_EXP - 1, (long double)FLT_MAX);
}

static double ulps_of_f64(double y, long double truth) {
    return ulps(y, truth, DBL_MANT_DIG, DBL_MIN_EXP - 1, (long double)DBL_MAX);
}

/* Whether the C library knows the true value. In long double mingw-w64 leaves these to the processor, whose pi and logarithm have
 * too few digits. */
static bool is_measured(const function *f) {
#ifdef __MINGW32__
    static const char *const wrong[] = {"sin", "cos", "tan", "acos", "acosh", "pow"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (!strcmp(f->name, wrong[i])) return false;
#endif
    return f->value != NULL;
}

/* musl's acoshl has values below 1, and its powl no sign where the power is too small or too large for a long double. */
static long double true_value(const function *f, long double a, long double b) {
    long double y = f->value(a, b);
    if (f->value == acosh_value && a < 1) return (long double)NAN;
    if (f->value == pow_value && a < 0 && fabsl(fmodl(b, 2)) == 1) return -fabsl(y);
    return y;
}

/* The loop against the true values, with each set. */
#define DEFINE_COMPARE(suffix, T) \
    static void compare_##suffix(const function *f, int64_t count) { \
        T           *a = malloc((size_t)count * sizeof *a), *b = malloc((size_t)count * sizeof *b); \
        T           *y = malloc((size_t)count * sizeof *y); \
        long double *truth = malloc((size_t)count * sizeof *truth); \
        uint64_t     state = 1; \
        ck_assert(a &&b &&y &&truth); \
        for (int64_t i = 0; i < count; i++) { \
            a[i] = number_##suffix(f, i, 0, &state); \
            b[i] = f->arity == 2 ? number_##suffix(f, i, 1, &state) : 0; \
            truth[i] = true_value(f, (long double)a[i], (long double)b[i]); \
        } \
        for (int isa = 0; tgi_use_isa(isa); isa++) { \
            double  worst = 0; \
            int64_t at = 0; \
            f->suffix(count, y, (const void *[]){a, b}, (int64_t[]){1, 1}); \
            for (int64_t i = 0; i < count; i++) { \
                double error = ulps_of_##suffix(y[i], truth[i]); \
                if (error > worst) worst = error, at = i; \
            } \
            ck_assert_msg(worst <= f->suffix##_ulps, "%s of %s, %s: %g ulp at %a, %a: %a", f->name, #suffix, \
                          tgi_isa_names[isa], worst, (double)a[at], (double)b[at], (double)y[at]); \
        } \
        free(a), free(b), free(y), free(truth); \
    }
DEFINE_COMPARE(f32, float)
DEFINE_COMPARE(f64, double)

/* ---- loops ----------------------------------------------------------------------------------------------------- */

/* An element is the same wherever in a loop it stands, in place too, and with far neighbours. */
#define DEFINE_PIECES(suffix, T) \
    static bool same_##suffix(int64_t n, const T *x, const T *y, int64_t step) { \
        for (int64_t i = 0; i < n; i++) \
            if (memcmp(&x[i], &y[i * step], sizeof *x) && !(isnan(x[i]) && isnan(y[i * step]))) return false; \
        return true; \
    } \
    static void take_pieces_##suffix(const function *f) { \
        enum { N = 600 }; \
        T        a[N], b[N], y[N], piece[N]; \
        uint64_t state = 2; \
        for (int i = 0; i < N; i++) { \
            a[i] = number_##suffix(f, i + SPECIAL * SPECIAL, 0, &state); \
            b[i] = number_##suffix(f, i + SPECIAL * SPECIAL, 1, &state); \
        } \
        for (int isa = 0; tgi_use_isa(isa); isa++) { \
            f->suffix(N, y, (const void *[]){a, b}, (int64_t[]){1, 1}); \
            for (int from = 0, n = 1; from + n <= N; from += n, n += 3) { \
                f->suffix(n, piece, (const void *[]){a + from, b + from}, (int64_t[]){1, 1}); \
                ck_assert(same_##suffix(n, piece, y + from, 1)); \
                f->suffix(n, piece, (const void *[]){a + from, b + from}, (int64_t[]){0, 0}); \
                ck_assert(same_##suffix(n, piece, y + from, 0)); \
            } \
            memcpy(piece, a, sizeof piece); \
            f->suffix(N, piece, (const void *[]){piece, b}, (int64_t[]){1, 1}); \
            ck_assert(same_##suffix(N, piece, y, 1)); \
        } \
    }
DEFINE_PIECES(f32, float)
DEFINE_PIECES(f64, double)

/* ---- tests ------------------------------------------------------------------------------------------------------- */

START_TEST(float32_is_near_the_true_value) {
    const function *f = &functions[_i];
    if (is_measured(f)) compare_f32(f, f->arity == 1 ? MANY_F32 : COUNT);
}
END_TEST

/* Only where long double has more digits; valgrind's has not. */
START_TEST(float64_is_near_the_true_value) {
    volatile long double one = 1, tiny = 0x1p-60L;
    if (one + tiny > 1 && is_measured(&functions[_i])) compare_f64(&functions[_i], COUNT);
}
END_TEST

START_TEST(elements_do_not_depend_on_their_place) {
    take_pieces_f32(&functions[_i]);
    take_pieces_f64(&functions[_i]);
}
END_TEST

/* The choice is made once: the best set, or a lesser one. */
START_TEST(a_set_is_picked) {
    int best = tgi_best_isa();
    ck_assert_int_eq(tgi_isa(), tgi_picked_isa);
    ck_assert(!tgi_use_isa(-1) && !tgi_use_isa(best + 1));
    for (int i = 0; i < TGI_ISAS; i++) {
        set_environment("TAPEGRAD_ISA", tgi_isa_names[i]);
        ck_assert_int_eq(tgi_pick_isa(), i < best ? i : best);
        ck_assert_int_eq(tgi_isa(), i < best ? i : best);
    }
    set_environment("TAPEGRAD_ISA", "no such set");
    ck_assert_int_eq(tgi_pick_isa(), best);
    set_environment("TAPEGRAD_ISA", NULL);
    ck_assert_int_eq(tgi_pick_isa(), best);
}
END_TEST

/* The other tests go on as they were started. */
static int picked;

static void note_set(void) {
    picked = tgi_isa();
}

static void restore_set(void) {
    tgi_use_isa(picked);
}

Suite *suite_vmath(void) {
    Suite *suite = suite_create("vmath");
    TCase *tcase = tcase_create("accuracy");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, note_set, restore_set);
    tcase_add_test(tcase, a_set_is_picked);
    tcase_add_loop_test(tcase, float32_is_near_the_true_value, 0, FUNCTIONS_COUNT);
    tcase_add_loop_test(tcase, float64_is_near_the_true_value, 0, FUNCTIONS_COUNT);
    tcase_add_loop_test(tcase, elements_do_not_depend_on_their_place, 0, FUNCTIONS_COUNT);
    suite_add_tcase(suite, tcase);
    return suite;
}
