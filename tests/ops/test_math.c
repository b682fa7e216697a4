/* tests/ops/test_math.c: the mathematical functions among the elementwise ops: their rows of the op table, and their values and
 * gradients where something is special: poles, infinities, NaN, ties, overflow, whole numbers that cannot be divided.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/elementwise_rows.h"

/* ---- the shapes that the rows are tried on ----------------------------------------------------------------------- */

/* clang-format off */
#define DIMS(...) {sizeof((int[]){0, __VA_ARGS__}) / sizeof(int) - 1, {__VA_ARGS__}}
#define SCALAR {0, {0}}

static const op_case one_operand[] = {
    {.shape = {DIMS(2, 3)}},    {.shape = {SCALAR}},        {.shape = {DIMS(1)}}, {.shape = {DIMS(0)}},
    {.shape = {DIMS(2, 0, 3)}}, {.shape = {DIMS(3, 1, 2)}}, {.shape = {DIMS(2, 1, 2, 1, 1, 2, 1, 2)}},
    {.shape = {DIMS(33, 40)}},
};

static const op_case two_operands[] = {
    {.shape = {DIMS(3), DIMS(3)}},
    {.shape = {DIMS(3, 1), DIMS(1, 4)}},
    {.shape = {SCALAR, DIMS(2, 3)}},
    {.shape = {DIMS(2, 3), SCALAR}},
    {.shape = {SCALAR, SCALAR}},
    {.shape = {DIMS(1), DIMS(1, 1, 1)}},
    {.shape = {DIMS(0, 3), DIMS(3)}},
    {.shape = {DIMS(2, 1, 1, 2, 1, 1, 2, 1), DIMS(1, 1, 2, 1, 2, 1, 1, 1)}},
    {.shape = {DIMS(3, 411), DIMS(3, 1)}},
    {.shape = {DIMS(40, 1), DIMS(1, 40)}},
};

static const op_case three_operands[] = {
    {.shape = {DIMS(3), DIMS(3), DIMS(3)}},
    {.shape = {DIMS(3, 1), DIMS(1, 4), SCALAR}},
    {.shape = {SCALAR, DIMS(2, 3), DIMS(3)}},
    {.shape = {DIMS(2, 3), SCALAR, SCALAR}},
    {.shape = {SCALAR, SCALAR, SCALAR}},
    {.shape = {DIMS(0, 3), DIMS(1), DIMS(3)}},
    {.shape = {DIMS(2, 1, 1, 1, 1, 1, 1, 1), DIMS(1, 1, 1, 3, 1, 1, 1, 1), DIMS(1, 1, 1, 1, 1, 1, 1, 2)}},
    {.shape = {DIMS(3, 411), DIMS(411), DIMS(3, 1)}},
    {.shape = {DIMS(1400), SCALAR, SCALAR}},
};

static const op_case orders[] = {
    {.shape = {DIMS(2, 3)}, .with = {1, {1}}},    {.shape = {SCALAR}, .with = {1, {2}}},
    {.shape = {DIMS(3, 1, 2)}, .with = {1, {0}}}, {.shape = {DIMS(2, 0)}, .with = {1, {3}}},
    {.shape = {DIMS(5)}, .with = {1, {4}}},       {.shape = {DIMS(33, 40)}, .with = {1, {3}}},
    {.shape = {DIMS(1, 1)}, .with = {1, {12}}},   {.shape = {DIMS(2, 1, 2, 1, 1, 2, 1, 2)}, .with = {1, {1}}},
};

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

#define PI 3.14159265358979323846264338327950288L
#define S(x) ((int64_t)(x))

/*      name        takes   domain      y in long double                    y in integers modulo 2^64 */
#define UNARY_ROWS(ROW) \
    ROW(reciprocal, FLOAT,  0.5, 4,     powl(a, -1),                        0) \
    ROW(rsqrt,      FLOAT,  0.25, 4,    expl(-logl(a) / 2),                 0) \
    ROW(cbrt,       FLOAT,  -4, -0.5,   -expl(logl(-a) / 3),                0) \
    ROW(exp2,       FLOAT,  -3, 3,      powl(2, a),                         0) \
    ROW(log2,       FLOAT,  0.25, 4,    logl(a) / logl(2),                  0) \
    ROW(log10,      FLOAT,  0.25, 4,    logl(a) / logl(10),                 0) \
    ROW(tan,        FLOAT,  -1.2, 1.2,  sinl(a) / cosl(a),                  0) \
    ROW(asin,       FLOAT,  -0.8, 0.8,  atanl(a / sqrtl(1 - a * a)),        0) \
    ROW(acos,       FLOAT,  -0.8, 0.8,  2 * atanl(sqrtl((1 - a) / (1 + a))), 0) \
    ROW(atan,       FLOAT,  -3, 3,      asinl(a / sqrtl(1 + a * a)),        0) \
    ROW(sinh,       FLOAT,  -2, 2,      (expl(a) - expl(-a)) / 2,           0) \
    ROW(cosh,       FLOAT,  -2, 2,      (expl(a) + expl(-a)) / 2,           0) \
    ROW(asinh,      FLOAT,  -3, 3,      atanhl(a / sqrtl(1 + a * a)),       0) \
    ROW(acosh,      FLOAT,  1.5, 4,     logl(a + sqrtl(a * a - 1)),         0) \
    ROW(atanh,      FLOAT,  -0.8, 0.8,  logl((1 + a) / (1 - a)) / 2,        0) \
    ROW(erf,        FLOAT,  -2, 2,      erf_by_series(a),                   0) \
    ROW(erfc,       FLOAT,  -2, 2,      1 - erf_by_series(a),               0) \
    ROW(erfinv,     FLOAT,  -0.9, 0.9,  inverse_of_erf(a),                  0) \
    ROW(lgamma,     FLOAT,  0.5, 4,     logl(tgammal(a)),                   0) \
    ROW(digamma,    FLOAT,  0.5, 4,     slope_of_lgamma(a),                 0) \
    ROW(floor,      NUMBER, -3, 3,      truncl(a + 4) - 4,                  a) \
    ROW(ceil,       NUMBER, -3, 3,      4 - truncl(4 - a),                  a) \
    ROW(round,      NUMBER, -3, 3,      truncl(a + 4.5L) - 4,               a) \
    ROW(trunc,      NUMBER, -3, 3,      (a > 0 ? 1 : -1) * floorl(fabsl(a)), a)

/*      name        takes   domains               y in long double          y in integers modulo 2^64 */
#define BINARY_ROWS(ROW) \
    ROW(atan2,      FLOAT,  0.5, 3,   -3, 3,     PI / 2 - atanl(b / a),     0) \
    ROW(hypot,      FLOAT,  0.5, 3,   -3, 3,     sqrtl(a * a + b * b),      0) \
    ROW(logaddexp,  FLOAT,  -3, 3,    -3, 3,     logl(expl(a) + expl(b)),   0) \
    ROW(fmod,       NUMBER, -9, 9,    0.5, 2,    a - b * truncl(a / b),     c_rest(S(a), S(b))) \
    ROW(remainder,  NUMBER, -9, 9,    -2, -0.5,  a - b * floorl(a / b),     python_rest(S(a), S(b))) \
    ROW(floor_divide, NUMBER, -9, 9,  -2, -0.5,  floorl(a / b),             python_quotient(S(a), S(b))) \
    ROW(copysign,   FLOAT,  -3, -0.5, -3, 3,     fabsl(a) * (b < 0 ? -1 : 1), 0) \
    ROW(xlogy,      FLOAT,  -3, 3,    0.25, 4,   2 * a * atanhl((b - 1) / (b + 1)), 0)

/*      name         y                   y of int64 and bool    */
#define PREDICATE_ROWS(ROW) \
    ROW(isnan,       isnan(a),           0) \
    ROW(isinf,       isinf(a),           0) \
    ROW(isfinite,    isfinite(a),        1) \
    ROW(logical_not, a == 0,             a == 0)
#define COMPARISON_ROWS(ROW) \
    ROW(logical_and, a != 0 && b != 0,   a != 0 && b != 0) \
    ROW(logical_or,  a != 0 || b != 0,   a != 0 || b != 0) \
    ROW(logical_xor, (a != 0) != (b != 0), (a != 0) != (b != 0))
/* clang-format on */

/* 2 / sqrt(pi) times the sum of (-1)^k a^(2k+1) / (k! (2k+1)) */
static long double erf_by_series(long double a) {
    long double power = a, sum = 0;
    for (int k = 0; k < 60; power *= -a * a / ++k)
        sum += power / (2 * k + 1);
    return 2 / sqrtl(PI) * sum;
}

/* By Newton's method from 0, which comes from one side: erf is concave above 0. */
static long double inverse_of_erf(long double a) {
    long double y = 0;
    for (int k = 0; k < 40; k++)
        y -= (erf_by_series(y) - a) * sqrtl(PI) / 2 * expl(y * y);
    return y;
}

/* Differences of lgammal at three distances, Richardson's way; far from 0, where its second differences are small. */
static long double slope_of_lgamma(long double a) {
    long double sum = 0, x = a, d[3];
    for (; x < 1000; x++)
        sum += 1 / x;
    for (int i = 0; i < 3; i++)
        d[i] = (lgammal(x + (1 << i)) - lgammal(x - (1 << i))) / (2 << i);
    long double e0 = d[0] + (d[0] - d[1]) / 3, e1 = d[1] + (d[1] - d[2]) / 3;
    return e0 + (e0 - e1) / 15 - sum;
}

static uint64_t c_rest(int64_t a, int64_t b) {
    return b == 0 || b == -1 ? 0 : (uint64_t)a - (uint64_t)b * (uint64_t)(a / b);
}

static uint64_t python_rest(int64_t a, int64_t b) {
    uint64_t rest = c_rest(a, b);
    return rest && (a < 0) != (b < 0) ? rest + (uint64_t)b : rest;
}

static uint64_t python_quotient(int64_t a, int64_t b) {
    if (b == 0 || b == -1) return (uint64_t)b * (uint64_t)a;
    return (uint64_t)(a / b) - (python_rest(a, b) != c_rest(a, b));
}

UNARY_ROWS(UNARY_FORMULAS)
BINARY_ROWS(BINARY_FORMULAS)
PREDICATE_ROWS(PREDICATE_FORMULAS)
COMPARISON_ROWS(COMPARISON_FORMULAS)

static long double real_clamp(const long double *x) {
    return fminl(fmaxl(x[0], x[1]), x[2]);
}

static int64_t whole_clamp(const int64_t *x) {
    return x[0] > x[2] || x[1] > x[2] ? x[2] : x[0] < x[1] ? x[1] : x[0];
}

RECORD(clamp, x[0], x[1], x[2])

static tg_tensor record_polygamma(const tg_tensor *x, const settings *with) {
    return tg_polygamma(with->value[0], x[0]);
}

/* The series itself, and its tail by Euler and Maclaurin. */
static long double polygamma_by_series(int n, long double x) {
    long double sum = 0, factorial = 1, t = x;
    if (n == 0) return slope_of_lgamma(x);
    for (int k = 0; k < 2000; k++, t++)
        sum += powl(t, -n - 1);
    sum += powl(t, -n) / n + powl(t, -n - 1) / 2 + (n + 1) * powl(t, -n - 2) / 12;
    for (int k = 2; k <= n; k++)
        factorial *= k;
    return (n % 2 ? 1 : -1) * factorial * sum;
}

static void expect_polygamma(const values *x, const settings *with, values *y) {
    clear_values(y, x->dtype, x->shape);
    for (int64_t i = 0; i < y->size; i++)
        y->at[i].real = polygamma_by_series(with->value[0], x->at[i].real);
}

/* clang-format off */
const op_row math_rows[] = {
    UNARY_ROWS(UNARY_ROW)
    BINARY_ROWS(BINARY_ROW)
    PREDICATE_ROWS(PREDICATE_ROW)
    COMPARISON_ROWS(COMPARISON_ROW)
    {NAMES(clamp, 3), ELEMENTS(clamp), .takes = TAKES_NUMBER, .low = {-3, -2, 0}, .high = {3, 0, 2}, CASES(three_operands)},
    {NAMES(polygamma, 1), .takes = TAKES_FLOAT, .expect = expect_polygamma, .low = {1.25}, .high = {4}, CASES(orders)},
    {.name = NULL},
};
/* clang-format on */

/* ---- values at special points ------------------------------------------------------------------------------------ */

START_TEST(functions_at_zero_infinity_and_nan) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 0.0, -0.0, INF, -INF, NOT);
    CHECK_IS(tg_reciprocal(x), INF, -INF, 0, -0.0, NOT);
    CHECK_IS(tg_rsqrt(x), INF, -INF, 0, NOT, NOT);
    CHECK_IS(tg_cbrt(x), 0, -0.0, INF, -INF, NOT);
    CHECK_IS(tg_exp2(x), 1, 1, INF, 0, NOT);
    CHECK_IS(tg_log2(x), -INF, -INF, INF, NOT, NOT);
    CHECK_IS(tg_log10(x), -INF, -INF, INF, NOT, NOT);
    CHECK_IS(tg_tan(x), 0, -0.0, NOT, NOT, NOT);
    CHECK_IS(tg_asin(x), 0, -0.0, NOT, NOT, NOT);
    CHECK_IS(tg_sinh(x), 0, -0.0, INF, -INF, NOT);
    CHECK_IS(tg_cosh(x), 1, 1, INF, INF, NOT);
    CHECK_IS(tg_asinh(x), 0, -0.0, INF, -INF, NOT);
    CHECK_IS(tg_acosh(x), NOT, NOT, INF, NOT, NOT);
    CHECK_IS(tg_atanh(x), 0, -0.0, NOT, NOT, NOT);
    CHECK_IS(tg_erf(x), 0, -0.0, 1, -1, NOT);
    CHECK_IS(tg_erfc(x), 1, 1, 0, 2, NOT);
    CHECK_IS(tg_lgamma(x), INF, INF, INF, INF, NOT);
    CHECK_IS(tg_digamma(x), -INF, INF, INF, NOT, NOT);
    CHECK_IS(tg_polygamma(0, x), -INF, INF, INF, NOT, NOT);
    CHECK_IS(tg_polygamma(1, x), INF, INF, 0, NOT, NOT);
    CHECK_IS(tg_polygamma(2, x), -INF, -INF, -0.0, NOT, NOT);
    finish(tape);
}
END_TEST

START_TEST(ends_of_domains) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 1.0, -1.0, 3.0);
    CHECK_IS(slope(tg_asin(x), x), INF, INF, NOT);
    CHECK_IS(slope(tg_acos(x), x), -INF, -INF, NOT);
    CHECK_IS(tg_atanh(x), INF, -INF, NOT);
    CHECK_IS(slope(tg_atanh(x), x), INF, INF, -0.125);
    CHECK_IS(tg_acos(x), 0, floats[_i] == TG_F32 ? (double)(float)M_PI : M_PI, NOT);
    CHECK_IS(tg_acosh(x), 0, NOT, floats[_i] == TG_F32 ? (double)acoshf(3) : acosh(3));
    tg_tensor ends = POINTS(tape, 1.0, 0.5), zero = POINTS(tape, 0.0, -0.0);
    CHECK_IS(slope(tg_acosh(ends), ends), INF, NOT);
    CHECK_IS(slope(tg_cbrt(zero), zero), INF, INF);
    CHECK_IS(tg_lgamma(POINTS(tape, -1.0, -30.0, 1.0, 2.0)), INF, INF, 0, 0);
    CHECK_IS(tg_digamma(POINTS(tape, -1.0, -30.0, -1e30)), NOT, NOT, NOT);
    CHECK_IS(tg_polygamma(3, POINTS(tape, -1.0, -30.0, -1e30)), INF, INF, INF);
    CHECK_IS(tg_polygamma(4, POINTS(tape, -1.0, -30.0, -1e30)), -INF, -INF, -INF);
    finish(tape);
}
END_TEST

START_TEST(rounding_is_half_to_even_and_flat) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 0.5, 1.5, 2.5, -0.5, -1.5, 1e30, -INF, NOT, -0.0);
    CHECK_IS(tg_round(x), 0, 2, 2, -0.0, -2, tg_item(POINTS(tape, 1e30)), -INF, NOT, -0.0);
    CHECK_IS(tg_floor(x), 0, 1, 2, -1, -2, tg_item(POINTS(tape, 1e30)), -INF, NOT, -0.0);
    CHECK_IS(tg_ceil(x), 1, 2, 3, -0.0, -1, tg_item(POINTS(tape, 1e30)), -INF, NOT, -0.0);
    CHECK_IS(tg_trunc(x), 0, 1, 2, -0.0, -1, tg_item(POINTS(tape, 1e30)), -INF, NOT, -0.0);
    CHECK_IS(slope(tg_round(x), x), 0, 0, 0, 0, 0, 0, 0, 0, 0);
    CHECK_IS(slope(tg_floor(x), x), 0, 0, 0, 0, 0, 0, 0, 0, 0);
    tg_tensor w = tg_parameter(tape, "w", 1.5);
    ck_assert(tg_requires_grad(tg_ceil(w)) && tg_requires_grad(tg_trunc(w)));
    finish(tape);
}
END_TEST

START_TEST(rests_of_divisions) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, 5.0, -5.0, 5.0, -5.0, -4.0, 5.0, INF, 5.0, -5.0, NOT, 1.0);
    tg_tensor b = POINTS(tape, 3.0, 3.0, -3.0, -3.0, 2.0, 0.0, 2.0, INF, INF, 1.0, NOT);
    CHECK_IS(tg_fmod(a, b), 2, -2, 2, -2, 0, NOT, NOT, 5, -5, NOT, NOT);
    CHECK_IS(tg_remainder(a, b), 2, 1, -1, -2, 0, NOT, NOT, 5, INF, NOT, NOT);
    a = POINTS(tape, 5.0, -5.0, 5.0, -5.0, 7.5);
    b = POINTS(tape, 3.0, 3.0, -3.0, -3.0, 0.5);
    CHECK_IS(slope(tg_fmod(a, b), b), -1, 1, 1, -1, -15);
    CHECK_IS(slope(tg_remainder(a, b), b), -1, 2, 2, -1, -15);
    CHECK_IS(slope(tg_remainder(a, b), a), 1, 1, 1, 1, 1);
    finish(tape);
}
END_TEST

/* 1 / 0.1 rounds to 10, but 0.1, a little more than a tenth, goes into 1 nine times. */
START_TEST(quotients_are_not_rounded_past_the_rest) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = F64(tape, 1.0), b = F64(tape, 0.1);
    CHECK_IS(slope(tg_fmod(a, b), b), -9);
    CHECK_IS(slope(tg_remainder(a, b), b), -9);
    finish(tape);
}
END_TEST

START_TEST(whole_numbers_that_cannot_be_divided) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = I64(tape, 5, INT64_MIN, INT64_MIN, 0, -7, 7, -7, INT64_MAX);
    tg_tensor b = I64(tape, 0, 0, -1, 0, 3, -3, -3, INT64_MIN);
    int64_t   rest[8];
    CHECK_IS(tg_fmod(tg_reshape(a, TG_SHAPE(8)), b), 0, 0, 0, 0, -1, 1, -1, (double)INT64_MAX);
    CHECK_IS(tg_remainder(tg_reshape(a, TG_SHAPE(8)), b), 0, 0, 0, 0, 2, -2, -1, -1);
    ck_assert_int_eq(tg_read(tg_fmod(a, b), rest, 8), TG_OK);
    ck_assert_int_eq(rest[7], INT64_MAX);
    ck_assert_int_eq(tg_read(tg_floor(I64(tape, INT64_MAX - 1)), rest, 1), TG_OK);
    ck_assert_int_eq(rest[0], INT64_MAX - 1);
    finish(tape);
}
END_TEST

START_TEST(quotients_rounded_down) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, 5.0, -5.0, 5.0, -5.0, 1.0, -0.0, 0.0, INF, 5.0, NOT, 0.5);
    tg_tensor b = POINTS(tape, 3.0, 3.0, -3.0, -3.0, 0.0, 0.0, -2.0, 2.0, INF, 1.0, 0.25);
    CHECK_IS(tg_floor_divide(a, b), 1, -2, -2, 1, INF, NOT, -0.0, NOT, 0, NOT, 2);
    CHECK_IS(tg_floor_divide(POINTS(tape, -1.0), POINTS(tape, INF)), -1);
    CHECK_IS(tg_floor_divide(F64(tape, 1.0), 0.1), 9);
    CHECK_IS(tg_floor_divide(I64(tape, 7, -7, 7, -7, 3, INT64_MIN), I64(tape, 2, 2, -2, -2, 0, -1)), 3, -4, -4, 3, 0, -0x1p63);
    CHECK_IS(slope(tg_floor_divide(a, 2), a), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    finish(tape);
}
END_TEST

START_TEST(signs_that_are_copied) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, 2.0, -2.0, 2.0, -2.0, 0.0, -INF), b = POINTS(tape, 1.0, 0.0, -0.0, -3.0, -1.0, 1.0);
    CHECK_IS(tg_copysign(a, b), 2, 2, -2, -2, -0.0, INF);
    CHECK_IS(slope(tg_copysign(a, b), a), 1, -1, -1, 1, 0, -1);
    CHECK_IS(slope(tg_copysign(a, b), b), 0, 0, 0, 0, 0, 0);
    CHECK_IS(tg_copysign(3, b), 3, 3, -3, -3, -3, 3);
    finish(tape);
}
END_TEST

START_TEST(nothing_times_a_logarithm) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 2.0), b = POINTS(tape, 0.0, INF, NOT, -1.0, 0.0, -1.0, 1.0);
    CHECK_IS(tg_xlogy(a, b), 0, 0, NOT, 0, -INF, NOT, 0);
    CHECK_IS(slope(tg_xlogy(a, b), a), 0, INF, NOT, 0, -INF, NOT, 0);
    CHECK_IS(slope(tg_xlogy(a, b), b), 0, 0, NOT, 0, INF, -1, 2);
    tg_tensor p = POINTS(tape, 0.0, 0.5), q = POINTS(tape, 0.25, 0.25);
    CHECK_IS(slope(slope(tg_xlogy(p, q), q), p), 4, 4);
    finish(tape);
}
END_TEST

START_TEST(truth_of_nan_and_infinity) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, NOT, INF, -INF, 0.0, -0.0, 0.5);
    CHECK_IS(tg_isnan(x), 1, 0, 0, 0, 0, 0);
    CHECK_IS(tg_isinf(x), 0, 1, 1, 0, 0, 0);
    CHECK_IS(tg_isfinite(x), 0, 0, 0, 1, 1, 1);
    CHECK_IS(tg_logical_not(x), 0, 0, 0, 1, 1, 0);
    CHECK_IS(tg_logical_and(x, 1), 1, 1, 1, 0, 0, 1);
    CHECK_IS(tg_logical_or(0, x), 1, 1, 1, 0, 0, 1);
    CHECK_IS(tg_logical_xor(x, 1), 0, 0, 0, 1, 1, 0);
    CHECK_IS(tg_isfinite(I64(tape, INT64_MIN, INT64_MAX)), 1, 1);
    CHECK_IS(tg_isinf(I64(tape, INT64_MIN, INT64_MAX)), 0, 0);
    CHECK_IS(tg_isnan(BOOL(tape, true, false)), 0, 0);
    finish(tape);
}
END_TEST

/* ---- clamp ------------------------------------------------------------------------------------------------------- */

START_TEST(clamp_at_and_beyond_its_bounds) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, -1.0, 1.0, -2.0, 2.0, 0.5, INF, -INF, NOT);
    CHECK_IS(tg_clamp(x, -1, 1), -1, 1, -1, 1, 0.5, 1, -1, NOT);
    CHECK_IS(slope(tg_clamp(x, -1, 1), x), 1, 1, 0, 0, 1, 0, 0, 1);
    CHECK_IS(tg_clamp(x, -INFINITY, 1), -1, 1, -2, 1, 0.5, 1, -INF, NOT);
    CHECK_IS(tg_clamp(x, 0, INFINITY), 0, 1, 0, 2, 0.5, INF, 0, NOT);
    tg_tensor whole = I64(tape, INT64_MIN, -3, 5, INT64_MAX), high = tg_sub(I64(tape, INT64_MAX), 1);
    CHECK_IS(tg_clamp(whole, -INFINITY, 4), (double)INT64_MIN, -3, 4, 4);
    CHECK_IS(tg_clamp(whole, 0, INFINITY), 0, 0, 5, (double)INT64_MAX);
    CHECK_IS(tg_eq(tg_clamp(whole, -INFINITY, INFINITY), whole), 1, 1, 1, 1);
    CHECK_IS(tg_eq(tg_clamp(whole, -INFINITY, high), tg_minimum(whole, high)), 1, 1, 1, 1);
    CHECK_IS(tg_clamp(I64(tape, INT64_MIN, 5), -3, 3), -3, 3);
    finish(tape);
}
END_TEST

/* Exactly one operand gets the gradient. */
START_TEST(clamp_shares_no_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 0.0, 3.0, 1.5, 0.0, 5.0, 1.5, 1.0, 2.0, 0.0, 3.0);
    tg_tensor low = POINTS(tape, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0);
    tg_tensor high = POINTS(tape, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0);
    tg_tensor y = tg_clamp(x, low, high);
    CHECK_IS(y, 1, 2, 1.5, 1, 1, 1, 1, 2, 2, 2);
    CHECK_IS(slope(y, x), 0, 0, 1, 0, 0, 0, 1, 1, 0, 0);
    CHECK_IS(slope(y, low), 1, 0, 0, 0, 0, 0, 0, 0, 1, 0);
    CHECK_IS(slope(y, high), 0, 1, 0, 1, 1, 1, 0, 0, 0, 1);
    CHECK_IS(tg_clamp(POINTS(tape, 1.0, 1.0), POINTS(tape, NOT, 0.0), POINTS(tape, 2.0, NOT)), NOT, NOT);
    finish(tape);
}
END_TEST

/* ---- extremes ---------------------------------------------------------------------------------------------------- */

START_TEST(logaddexp_at_the_extremes) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, INF, -INF, INF, 1000.0, -1000.0, -INF, 1e30);
    tg_tensor b = POINTS(tape, INF, -INF, -INF, -1000.0, 1000.0, 0.0, 0.0);
    CHECK_IS(tg_logaddexp(a, b), INF, -INF, INF, 1000, 1000, 0, tg_item(POINTS(tape, 1e30)));
    CHECK_IS(slope(tg_logaddexp(a, b), a), 0.5, 0.5, 1, 1, 0, 0, 1);
    CHECK_IS(slope(tg_logaddexp(a, b), b), 0.5, 0.5, 0, 0, 1, 1, 0);
    tg_tensor tie = POINTS(tape, 1000.0, -1000.0);
    CHECK_IS(slope(slope(tg_logaddexp(tie, POINTS(tape, 1000.0, -1000.0)), tie), tie), 0.25, 0.25);
    CHECK_IS(slope(slope(tg_logaddexp(a, 0), a), a), 0, 0, 0, 0, 0, 0, 0);
    CHECK_IS(tg_logaddexp(POINTS(tape, NOT, 1.0), POINTS(tape, 1.0, NOT)), NOT, NOT);
    CHECK_IS(slope(tg_logaddexp(POINTS(tape, NOT), tie), tie), NOT, NOT);
    finish(tape);
}
END_TEST

START_TEST(angles_and_lengths_at_the_extremes) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = F64(tape, 0.0, 0x3p600, 0x3p-600), b = F64(tape, 0.0, 0x4p600, 0x4p-600);
    CHECK_IS(tg_hypot(a, b), 0, 0x5p600, 0x5p-600);
    CHECK_IS(slope(tg_hypot(a, b), a), NOT, 0.6, 0.6);
    CHECK_IS(slope(tg_atan2(a, b), a), 0, 0.8 / 0x5p600, 0.8 / 0x5p-600);
    CHECK_IS(slope(tg_asinh(b), b), 1, 1 / 0x4p600, 1);
    CHECK_IS(slope(tg_atan2(F64(tape, 0.0), b), b), -0.0, -0.0, -0.0);
    finish(tape);
}
END_TEST

/* Where 1 - erf(x) has no digits left. */
START_TEST(erfc_is_exact_in_its_tail) {
    tg_tape *tape = tg_tape_new();
    for (double x = 1; x < 26; x += 0.7) {
        double y = tg_item(tg_erfc(F64(tape, x)));
        ck_assert_int_le(ulps_f64(y, (double)erfcl((long double)x)), 8);
    }
    finish(tape);
}
END_TEST

/* Against Newton's method in long double; near 1 by erfc, which has the digits. */
START_TEST(erfinv_is_exact) {
    tg_tape *tape = tg_tape_new();
    CHECK_IS(tg_erfinv(F64(tape, 0.0, -0.0, 1.0, -1.0, 1.5, NOT, INF)), 0, -0.0, INF, -INF, NOT, NOT, NOT);
    for (double x = 1e-300; x < 0.5; x *= 3)
        ck_assert_int_le(ulps_f64(tg_item(tg_erfinv(F64(tape, x))), (double)inverse_of_erf((long double)x)), 6);
    for (double left = 0.5; left > 1e-16; left *= 0.7) {
        double      x = 1 - left;
        long double y = (long double)tg_item(tg_erfinv(F64(tape, -x)));
        long double step = (erfcl(-y) - (1 - (long double)x)) * sqrtl(PI) / 2 * expl(y * y);
        ck_assert_int_le(ulps_f64((double)y, (double)(y - step)), 6);
    }
    tg_tensor end = F64(tape, 1.0, -1.0);
    CHECK_IS(slope(tg_erfinv(end), end), INF, INF);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(polygamma_rejects_its_order) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1.0);
    ck_assert(!tg_valid(tg_polygamma(-1, x)));
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "test_math.c:", "polygamma: ", "-1");
    tg_tensor y = tg_polygamma(INT32_MAX, x), g;
    ck_assert_int_eq(tg_vjp(tape, 1, &y, NULL, 1, &x, &g), TG_ERR_ARGUMENT);
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "polygamma: ");
    ck_assert(!tg_valid(tg_polygamma(1, 1.5)));
    finish(tape);
}
END_TEST

START_TEST(clamp_rejects_what_it_cannot_take) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1.0, 2.0);
    ck_assert(!tg_valid(tg_clamp(BOOL(tape, true), 0, 1)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "clamp: ", "bool");
    ck_assert(!tg_valid(tg_clamp(x, F32(tape, 1.0), 2)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "clamp: ", "float32", "float64");
    ck_assert(!tg_valid(tg_clamp(x, F64(tape, 1.0, 2.0, 3.0), 2)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "clamp: ", "(2) x (3)");
    ck_assert(!tg_valid(tg_clamp(I64(tape, 1), INFINITY, 2)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "clamp: ", "int64");
    ck_assert(!tg_valid(tg_clamp(I64(tape, 1), 0.5, INFINITY)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "test_math.c", "clamp: ", "int64");
    ck_assert(!tg_valid(tg_clamp(I64(tape, 1), 0, (double)NAN)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "clamp: ", "int64");
    ck_assert(!tg_valid(tg_clamp(1, 0, 2)));
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_math(void) {
    Suite *suite = suite_create("math");
    TCase *tcase = tcase_create("special values");
    add_rows(suite, math_rows);
    tcase_add_loop_test(tcase, functions_at_zero_infinity_and_nan, 0, 2);
    tcase_add_loop_test(tcase, ends_of_domains, 0, 2);
    tcase_add_loop_test(tcase, rounding_is_half_to_even_and_flat, 0, 2);
    tcase_add_loop_test(tcase, rests_of_divisions, 0, 2);
    tcase_add_test(tcase, quotients_are_not_rounded_past_the_rest);
    tcase_add_test(tcase, whole_numbers_that_cannot_be_divided);
    tcase_add_loop_test(tcase, truth_of_nan_and_infinity, 0, 2);
    tcase_add_loop_test(tcase, clamp_at_and_beyond_its_bounds, 0, 2);
    tcase_add_loop_test(tcase, clamp_shares_no_gradient, 0, 2);
    tcase_add_loop_test(tcase, logaddexp_at_the_extremes, 0, 2);
    tcase_add_test(tcase, angles_and_lengths_at_the_extremes);
    tcase_add_test(tcase, erfc_is_exact_in_its_tail);
    tcase_add_test(tcase, erfinv_is_exact);
    tcase_add_loop_test(tcase, quotients_rounded_down, 0, 2);
    tcase_add_loop_test(tcase, signs_that_are_copied, 0, 2);
    tcase_add_loop_test(tcase, nothing_times_a_logarithm, 0, 2);
    tcase_add_test(tcase, polygamma_rejects_its_order);
    tcase_add_test(tcase, clamp_rejects_what_it_cannot_take);
    suite_add_tcase(suite, tcase);
    return suite;
}
