/* tests/ops/test_elementwise.c: the elementwise ops: their rows of the op table, and their values and gradients at the points
 * where something is special: infinities, NaN, signed zeros, ties, overflow, numbers without a representation.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "ops/op_table.h"

/* ---- the shapes that the rows are tried on ----------------------------------------------------------------------- */

#define S0 \
    { \
        0, { \
            0 \
        } \
    }
#define S1(a) \
    { \
        1, { \
            a \
        } \
    }
#define S2(a, b) \
    { \
        2, { \
            a, b \
        } \
    }
#define S3(a, b, c) \
    { \
        3, { \
            a, b, c \
        } \
    }
#define S8(a, b, c, d, e, f, g, h) \
    { \
        8, { \
            a, b, c, d, e, f, g, h \
        } \
    }

static const op_case one_operand[] = {
    {.shape = {S2(2, 3)}},   {.shape = {S0}},          {.shape = {S1(1)}},       {.shape = {S3(1, 1, 1)}},
    {.shape = {S1(0)}},      {.shape = {S3(2, 0, 3)}}, {.shape = {S3(3, 1, 2)}}, {.shape = {S8(2, 1, 2, 1, 1, 2, 1, 2)}},
    {.shape = {S2(33, 40)}},
};

static const op_case two_operands[] = {
    {.shape = {S1(3), S1(3)}},
    {.shape = {S2(3, 1), S2(1, 4)}},
    {.shape = {S0, S2(2, 3)}},
    {.shape = {S2(2, 3), S0}},
    {.shape = {S0, S0}},
    {.shape = {S1(1), S3(1, 1, 1)}},
    {.shape = {S1(3), S3(2, 1, 3)}},
    {.shape = {S3(2, 1, 3), S2(4, 1)}},
    {.shape = {S2(0, 3), S1(3)}},
    {.shape = {S2(0, 1), S2(1, 4)}},
    {.shape = {S1(1), S1(0)}},
    {.shape = {S8(2, 1, 1, 2, 1, 1, 2, 1), S8(1, 1, 2, 1, 2, 1, 1, 1)}},
    {.shape = {S8(1, 2, 1, 1, 1, 1, 1, 3), S2(2, 1)}},
    {.shape = {S2(3, 411), S2(3, 1)}},
    {.shape = {S2(1, 1300), S0}},
    {.shape = {S2(40, 1), S2(1, 40)}},
};

static const op_case three_operands[] = {
    {.shape = {S1(3), S1(3), S1(3)}},
    {.shape = {S2(3, 1), S2(1, 4), S0}},
    {.shape = {S0, S2(2, 3), S1(3)}},
    {.shape = {S2(2, 3), S0, S2(2, 1)}},
    {.shape = {S2(2, 3), S1(3), S0}},
    {.shape = {S0, S0, S0}},
    {.shape = {S2(0, 3), S1(1), S1(3)}},
    {.shape = {S8(2, 1, 1, 1, 1, 1, 1, 1), S8(1, 1, 1, 3, 1, 1, 1, 1), S8(1, 1, 1, 1, 1, 1, 1, 2)}},
    {.shape = {S2(3, 411), S1(411), S2(3, 1)}},
    {.shape = {S1(1400), S0, S1(1400)}},
    {.shape = {S1(1400), S1(1400), S0}},
    {.shape = {S1(1400), S0, S0}},
};

static op_case cast_cases[16];

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

/* clang-format off */

/*        name     takes   domain        y in long double               y in integers modulo 2^64                  */
#define UNARY_ROWS(ROW) \
    ROW(neg,     NUMBER, -3, 3,        0 - a,                         0 - a                                      ) \
    ROW(abs,     NUMBER, -3, 3,        fabsl(a),                      (int64_t)a < 0 ? 0 - a : a                 ) \
    ROW(sign,    NUMBER, -3, 3,        (a > 0) - (a < 0),             (uint64_t)(((int64_t)a > 0) - ((int64_t)a < 0))) \
    ROW(square,  NUMBER, -3, 3,        powl(a, 2),                    a * a                                      ) \
    ROW(sqrt,    FLOAT,  0.25, 4,      expl(logl(a) / 2),             0                                          ) \
    ROW(exp,     FLOAT,  -3, 3,        1 / expl(-a),                  0                                          ) \
    ROW(log,     FLOAT,  0.25, 4,      2 * atanhl((a - 1) / (a + 1)), 0                                          ) \
    ROW(log1p,   FLOAT,  -0.75, 4,     logl(1 + a),                   0                                          ) \
    ROW(expm1,   FLOAT,  -3, 3,        expl(a) - 1,                   0                                          ) \
    ROW(sin,     FLOAT,  -4, 4,        2 * sinl(a / 2) * cosl(a / 2), 0                                          ) \
    ROW(cos,     FLOAT,  -4, 4,        1 - 2 * powl(sinl(a / 2), 2),  0                                          ) \
    ROW(tanh,    FLOAT,  -3, 3,        1 - 2 / (expl(2 * a) + 1),     0                                          ) \
    ROW(sigmoid, FLOAT,  -4, 4,        (1 + tanhl(a / 2)) / 2,        0                                          ) \
    ROW(relu,    NUMBER, -3, 3,        (a + fabsl(a)) / 2,            (int64_t)a > 0 ? a : 0                     )

/*        name     takes   domains               y in long double      y in integers modulo 2^64     */
#define BINARY_ROWS(ROW) \
    ROW(add,     NUMBER, -3, 3,     -3, 3,    a + b,                a + b                         ) \
    ROW(sub,     NUMBER, -3, 3,     -3, 3,    a - b,                a - b                         ) \
    ROW(mul,     NUMBER, -3, 3,     -3, 3,    a * b,                a * b                         ) \
    ROW(div,     FLOAT,  -3, 3,     0.5, 3,   a / b,                0                             ) \
    ROW(pow,     FLOAT,  0.5, 2,    -2, 3,    expl(b * logl(a)),    0                             ) \
    ROW(minimum, NUMBER, -3, 3,     -3, 3,    fminl(a, b),          (int64_t)a < (int64_t)b ? a : b) \
    ROW(maximum, NUMBER, -3, 3,     -3, 3,    fmaxl(a, b),          (int64_t)a > (int64_t)b ? a : b)

/*        name  y        y of int64 and bool            */
#define COMPARISON_ROWS(ROW) \
    ROW(eq, a == b, a == b) \
    ROW(ne, a != b, a != b) \
    ROW(lt, a < b, (int64_t)a < (int64_t)b) \
    ROW(le, a <= b, (int64_t)a <= (int64_t)b) \
    ROW(gt, a > b, (int64_t)a > (int64_t)b) \
    ROW(ge, a >= b, (int64_t)a >= (int64_t)b)

/* clang-format on */

#define FORMULAS(name, in_reals, in_integers) \
    static long double real_##name(const long double *x) { \
        long double a = x[0], b = x[1]; \
        (void)b; \
        return in_reals; \
    } \
    static int64_t whole_##name(const int64_t *x) { \
        uint64_t a = (uint64_t)x[0], b = (uint64_t)x[1]; \
        (void)a, (void)b; \
        return (int64_t)(in_integers); \
    }
#define RECORD(name, ...) \
    static tg_tensor record_##name(const tg_tensor *x, const settings *with) { \
        (void)with; \
        return tg_##name(__VA_ARGS__); \
    }

#define UNARY(name, dtypes, low, high, in_reals, in_integers) FORMULAS(name, in_reals, in_integers) RECORD(name, x[0])
#define BINARY(name, dtypes, low_a, high_a, low_b, high_b, in_reals, in_integers) \
    FORMULAS(name, in_reals, in_integers) RECORD(name, x[0], x[1])
#define COMPARISON(name, in_reals, in_integers) FORMULAS(name, in_reals, in_integers) RECORD(name, x[0], x[1])
UNARY_ROWS(UNARY)
BINARY_ROWS(BINARY)
COMPARISON_ROWS(COMPARISON)
#undef UNARY
#undef BINARY
#undef COMPARISON

static long double real_where(const long double *x) {
    return x[0] != 0 ? x[1] : x[2];
}

static int64_t whole_where(const int64_t *x) {
    return x[0] ? x[1] : x[2];
}

RECORD(where, x[0], x[1], x[2])

/* ---- cast -------------------------------------------------------------------------------------------------------- */

static tg_tensor record_cast(const tg_tensor *x, const settings *with) {
    return tg_cast(x[0], (tg_dtype)with->value[0]);
}

static element converted(tg_dtype from, tg_dtype to, element x) {
    bool floating = from == TG_F32 || from == TG_F64;
    switch (to) {
    case TG_F32: return (element){.real = (long double)(floating ? (float)x.real : (float)x.whole)};
    case TG_F64: return (element){.real = (long double)(floating ? (double)x.real : (double)x.whole)};
    case TG_I64: return (element){.whole = floating ? (int64_t)truncl(x.real) : x.whole};
    default: return (element){.whole = floating ? x.real != 0 : x.whole != 0};
    }
}

static void expect_cast(const values *x, const settings *with, values *y) {
    clear_values(y, (tg_dtype)with->value[0], x->shape);
    y->scale = 0;
    for (int64_t i = 0; i < y->size; i++)
        y->at[i] = converted(x->dtype, y->dtype, x->at[i]);
}

/* Casts to each dtype, of some of the shapes. */
static void fill_cast_cases(void) {
    for (int i = 0; i < 16; i++) {
        cast_cases[i] = one_operand[i / 4 * 2 % 9];
        cast_cases[i].with = (settings){1, {(i + 1) % 4}}; /* the first to float64 */
    }
}

#define CASES(list) .cases = list, .case_count = sizeof list / sizeof *list

#define UNARY(op, dtypes, from, to, in_reals, in_integers) \
    {.name = #op, \
     .called = #op, \
     .arity = 1, \
     .takes = TAKES_##dtypes, \
     .record = record_##op, \
     .real = real_##op, \
     .whole = whole_##op, \
     .low = {from}, \
     .high = {to}, \
     CASES(one_operand)},
#define BINARY(op, dtypes, low_a, high_a, low_b, high_b, in_reals, in_integers) \
    {.name = #op, \
     .called = #op, \
     .arity = 2, \
     .takes = TAKES_##dtypes, \
     .record = record_##op, \
     .real = real_##op, \
     .whole = whole_##op, \
     .low = {low_a, low_b}, \
     .high = {high_a, high_b}, \
     CASES(two_operands)},
#define COMPARISON(op, in_reals, in_integers) \
    {.name = #op, \
     .called = #op, \
     .arity = 2, \
     .takes = TAKES_ANY, \
     .compares = true, \
     .record = record_##op, \
     .real = real_##op, \
     .whole = whole_##op, \
     .low = {-3, -3}, \
     .high = {3, 3}, \
     CASES(two_operands)},

const op_row elementwise_rows[] = {
    UNARY_ROWS(UNARY) BINARY_ROWS(BINARY) COMPARISON_ROWS(COMPARISON){.name = "where",
                                                                      .called = "where",
                                                                      .arity = 3,
                                                                      .takes = TAKES_ANY,
                                                                      .condition = true,
                                                                      .record = record_where,
                                                                      .real = real_where,
                                                                      .whole = whole_where,
                                                                      .low = {0, -3, -3},
                                                                      .high = {0, 3, 3},
                                                                      CASES(three_operands)},
    {.name = "cast",
     .called = "cast",
     .arity = 1,
     .takes = TAKES_ANY,
     .record = record_cast,
     .expect = expect_cast,
     .low = {-1e6},
     .high = {1e6},
     CASES(cast_cases)},
    {.name = NULL},
};

/* ---- values at special points ------------------------------------------------------------------------------------ */

#define INF ((double)INFINITY)
#define NOT ((double)NAN)

/* The functions are there in both floating dtypes, with the same values at these points. */
static const tg_dtype floats[] = {TG_F32, TG_F64};

#define POINTS(tape, ...) (floats[_i] == TG_F32 ? F32(tape, __VA_ARGS__) : F64(tape, __VA_ARGS__))

START_TEST(signs_and_zeros) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 0.0, -0.0, INF, -INF, NOT, -2.0);
    CHECK_IS(tg_neg(x), -0.0, 0, -INF, INF, NOT, 2);
    CHECK_IS(tg_abs(x), 0, 0, INF, INF, NOT, 2);
    CHECK_IS(tg_sign(x), 0, 0, 1, -1, NOT, -1);
    CHECK_IS(tg_relu(x), 0, 0, INF, 0, NOT, 0);
    CHECK_IS(tg_square(x), 0, 0, INF, INF, NOT, 4);
    ck_assert(!signbit(tg_item(tg_abs(tg_full(tape, floats[_i], TG_SHAPE(), -0.0)))));
    finish(tape);
}
END_TEST

START_TEST(roots_and_logarithms_outside_their_domain) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 0.0, -0.0, INF, -INF, NOT, -2.0, 1.0);
    CHECK_IS(tg_sqrt(x), 0, -0.0, INF, NOT, NOT, NOT, 1);
    CHECK_IS(tg_log(x), -INF, -INF, INF, NOT, NOT, NOT, 0);
    CHECK_IS(tg_log1p(POINTS(tape, 0.0, -0.0, INF, -1.0, NOT, -2.0)), 0, -0.0, INF, -INF, NOT, NOT);
    finish(tape);
}
END_TEST

START_TEST(functions_at_the_extremes) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 1000.0, -1000.0, INF, -INF, NOT, 0.0);
    CHECK_IS(tg_exp(x), INF, 0, INF, 0, NOT, 1);
    CHECK_IS(tg_expm1(x), INF, -1, INF, -1, NOT, 0);
    CHECK_IS(tg_tanh(x), 1, -1, 1, -1, NOT, 0);
    CHECK_IS(tg_sigmoid(x), 1, 0, 1, 0, NOT, 0.5);
    CHECK_IS(tg_relu(x), 1000, 0, INF, 0, NOT, 0);
    CHECK_IS(tg_sin(POINTS(tape, INF, -INF, NOT, -0.0)), NOT, NOT, NOT, -0.0);
    CHECK_IS(tg_cos(POINTS(tape, INF, -INF, NOT, -0.0)), NOT, NOT, NOT, 1);
    finish(tape);
}
END_TEST

START_TEST(gradients_at_the_extremes_are_finite) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 1000.0, -1000.0, INF, -INF);
    CHECK_IS(slope(tg_sigmoid(x), x), 0, 0, 0, 0);
    CHECK_IS(slope(tg_tanh(x), x), 0, 0, 0, 0);
    CHECK_IS(slope(tg_relu(x), x), 1, 0, 1, 0);
    CHECK_IS(slope(tg_abs(x), x), 1, -1, 1, -1);
    CHECK_IS(slope(slope(tg_sigmoid(x), x), x), 0, 0, 0, 0);
    CHECK_IS(slope(slope(tg_tanh(x), x), x), 0, 0, 0, 0);
    CHECK_IS(slope(tg_exp(x), x), INF, 0, INF, 0);
    CHECK_IS(slope(tg_expm1(x), x), INF, 0, INF, 0);
    finish(tape);
}
END_TEST

START_TEST(gradients_where_there_is_none) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 0.0, -0.0);
    CHECK_IS(slope(tg_abs(x), x), 0, 0);
    CHECK_IS(slope(tg_sign(x), x), 0, 0);
    CHECK_IS(slope(tg_relu(x), x), 0, 0);
    CHECK_IS(slope(slope(tg_relu(x), x), x), 0, 0);
    CHECK_IS(slope(slope(tg_abs(x), x), x), 0, 0);
    CHECK_IS(slope(tg_sqrt(POINTS(tape, 0.0)), x), 0, 0); /* of another tensor: zeros */
    tg_tensor zero = POINTS(tape, 0.0);
    CHECK_IS(slope(tg_sqrt(zero), zero), INF);
    CHECK_IS(slope(tg_log(zero), zero), INF);
    finish(tape);
}
END_TEST

/* At NaN a derivative is NaN or what the header says; never a number that hides it. */
START_TEST(gradients_at_nan_do_not_hide_it) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, NOT);
    CHECK_IS(slope(tg_square(x), x), NOT);
    CHECK_IS(slope(tg_abs(x), x), NOT);
    CHECK_IS(slope(tg_exp(x), x), NOT);
    CHECK_IS(slope(tg_sin(x), x), NOT);
    CHECK_IS(slope(tg_tanh(x), x), NOT);
    CHECK_IS(slope(tg_sigmoid(x), x), NOT);
    CHECK_IS(slope(tg_sign(x), x), 0);
    finish(tape);
}
END_TEST

/* PyTorch gives the whole gradient to a NaN, and to what was compared with it. */
START_TEST(gradients_of_choices_at_nan_are_pytorchs) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, NOT, 1.0, NOT), b = POINTS(tape, 1.0, NOT, NOT);
    CHECK_IS(slope(tg_relu(a), a), 1, 1, 1);
    CHECK_IS(slope(tg_minimum(a, b), a), 1, 1, 1);
    CHECK_IS(slope(tg_minimum(a, b), b), 1, 1, 1);
    CHECK_IS(slope(tg_maximum(a, b), a), 1, 1, 1);
    CHECK_IS(slope(tg_maximum(a, b), b), 1, 1, 1);
    finish(tape);
}
END_TEST

/* Relative to the result, however small. */
START_TEST(small_arguments_lose_no_digits) {
    tg_tape *tape = tg_tape_new();
    for (double x = 0x1p-3; x > 0x1p-1000; x /= 32) {
        ck_assert_int_le(ulps_f64(tg_item(tg_log1p(F64(tape, x))), (double)log1pl((long double)x)), 2);
        ck_assert_int_le(ulps_f64(tg_item(tg_expm1(F64(tape, -x))), (double)expm1l(-(long double)x)), 2);
        ck_assert_int_le(ulps_f64(tg_item(tg_tanh(F64(tape, x))), (double)tanhl((long double)x)), 2);
        ck_assert_int_le(ulps_f64(tg_item(tg_sin(F64(tape, x))), (double)sinl((long double)x)), 2);
    }
    for (float x = 0x1p-3f; x > 0x1p-100f; x /= 8) {
        ck_assert_int_le(ulps_f32((float)tg_item(tg_log1p(F32(tape, (double)x))), (float)log1p((double)x)), 2);
        ck_assert_int_le(ulps_f32((float)tg_item(tg_expm1(F32(tape, (double)x))), (float)expm1((double)x)), 2);
        ck_assert_int_le(ulps_f32((float)tg_item(tg_tanh(F32(tape, (double)x))), (float)tanh((double)x)), 2);
    }
    finish(tape);
}
END_TEST

START_TEST(float32_arithmetic_is_exact) {
    tg_tape  *tape = tg_tape_new();
    float     a = 1.1f, b = 3.3f;
    tg_tensor x = F32(tape, (double)a), y = F32(tape, (double)b);
    CHECK_IS(tg_add(x, y), (double)(float)(a + b));
    CHECK_IS(tg_mul(x, y), (double)(float)(a * b));
    CHECK_IS(tg_div(x, y), (double)(float)(a / b));
    CHECK_IS(tg_mul(x, 0.1), (double)(float)(a * 0.1f));
    finish(tape);
}
END_TEST

START_TEST(two_operands_at_infinity_and_nan) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, INF, INF, 0.0, 1.0, -1.0, 0.0, -0.0, NOT, 1.0);
    tg_tensor b = POINTS(tape, INF, -INF, INF, 0.0, 0.0, 0.0, 0.0, 1.0, NOT);
    CHECK_IS(tg_add(a, b), INF, NOT, INF, 1, -1, 0, 0, NOT, NOT);
    CHECK_IS(tg_sub(a, b), NOT, INF, -INF, 1, -1, 0, -0.0, NOT, NOT);
    CHECK_IS(tg_mul(a, b), INF, -INF, NOT, 0, -0.0, 0, -0.0, NOT, NOT);
    CHECK_IS(tg_div(a, b), NOT, NOT, 0, INF, -INF, NOT, NOT, NOT, NOT);
    CHECK_IS(tg_minimum(a, b), INF, -INF, 0, 0, -1, 0, 0, NOT, NOT);
    CHECK_IS(tg_maximum(a, b), INF, INF, INF, 1, 0, 0, 0, NOT, NOT);
    CHECK_IS(tg_div(1, POINTS(tape, -0.0, 0.0)), -INF, INF);
    finish(tape);
}
END_TEST

START_TEST(comparisons_with_nan) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, NOT, 1.0, NOT, 0.0, INF, 1.0);
    tg_tensor b = POINTS(tape, 1.0, NOT, NOT, -0.0, INF, 2.0);
    CHECK_IS(tg_eq(a, b), 0, 0, 0, 1, 1, 0);
    CHECK_IS(tg_ne(a, b), 1, 1, 1, 0, 0, 1);
    CHECK_IS(tg_lt(a, b), 0, 0, 0, 0, 0, 1);
    CHECK_IS(tg_le(a, b), 0, 0, 0, 1, 1, 1);
    CHECK_IS(tg_gt(a, b), 0, 0, 0, 0, 0, 0);
    CHECK_IS(tg_ge(a, b), 0, 0, 0, 1, 1, 0);
    finish(tape);
}
END_TEST

START_TEST(equal_operands_share_the_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, 1.0, 2.0, 3.0, 0.0, INF), b = POINTS(tape, 1.0, 1.0, 4.0, -0.0, INF);
    CHECK_IS(slope(tg_minimum(a, b), a), 0.5, 0, 1, 0.5, 0.5);
    CHECK_IS(slope(tg_minimum(a, b), b), 0.5, 1, 0, 0.5, 0.5);
    CHECK_IS(slope(tg_maximum(a, b), a), 0.5, 1, 0, 0.5, 0.5);
    CHECK_IS(slope(tg_maximum(a, b), b), 0.5, 0, 1, 0.5, 0.5);
    CHECK_IS(slope(tg_maximum(a, a), a), 1, 1, 1, 1, 1);
    CHECK_IS(slope(tg_maximum(a, 2), a), 0, 0.5, 1, 0, 1);
    finish(tape);
}
END_TEST

/* ---- pow --------------------------------------------------------------------------------------------------------- */

START_TEST(pow_as_c_has_it) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, 0.0, 0.0, 0.0, -0.0, -0.0, -2.0, -2.0, -2.0, 1.0, NOT, NOT, INF, -INF, 2.0);
    tg_tensor b = POINTS(tape, 0.0, 2.0, -1.0, -1.0, 3.0, 3.0, -2.0, 0.5, NOT, 0.0, 1.0, -1.0, 3.0, -INF);
    CHECK_IS(tg_pow(a, b), 1, 0, INF, -INF, -0.0, -8, 0.25, NOT, 1, 1, NOT, 0, -INF, 0);
    CHECK_IS(tg_pow(2, POINTS(tape, 3.0, -1.0)), 8, 0.5);
    CHECK_IS(tg_pow(POINTS(tape, -3.0, 2.0), 2), 9, 4);
    finish(tape);
}
END_TEST

START_TEST(pow_gradients_at_zero) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, -0.0), b = POINTS(tape, 0.0, 1.0, 2.0, 0.5, -1.0, 0.0, 0.0);
    tg_tensor y = tg_pow(a, b);
    CHECK_IS(slope(y, a), 0, 1, 0, INF, -INF, 0, 0);
    CHECK_IS(slope(tg_pow(tg_mul(a, 0), b), b), 0, 0, 0, 0, -INF, 0, 0);
    finish(tape);
}
END_TEST

/* b (b - 1) a^(b - 2), and 0 where b is 0 or 1. */
START_TEST(pow_second_derivatives_at_zero) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0),
              b = POINTS(tape, 0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 0.5, 1.5);
    tg_tensor y = tg_pow(a, b), da = slope(y, a);
    CHECK_IS(slope(da, a), 0, 0, 2, 0, 0, 0, -INF, INF);
    CHECK_IS(slope(slope(da, a), a), 0, 0, 0, 6, 0, 0, INF, -INF);
    finish(tape);
}
END_TEST

/* The derivative for b is 0 along a = 0, and so are its own. */
START_TEST(pow_derivatives_of_the_exponent_at_zero) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, 0.0, 0.0, 0.0), b = POINTS(tape, 0.0, 2.0, 3.0);
    tg_tensor db = slope(tg_pow(a, b), b);
    CHECK_IS(db, 0, 0, 0);
    CHECK_IS(slope(db, b), 0, 0, 0);
    tg_tensor mixed = slope(db, a), other = slope(slope(tg_pow(a, b), a), b);
    CHECK_IS(tg_mul(mixed, POINTS(tape, 0.0, 1.0, 1.0)), 0, 0, 0);
    CHECK_IS(tg_mul(other, POINTS(tape, 0.0, 1.0, 1.0)), 0, 0, 0);
    finish(tape);
}
END_TEST

/* A plain number as exponent takes a shorter way to the same derivatives. */
START_TEST(pow_by_a_number) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, 0.0, -2.0, 4.0);
    CHECK_IS(slope(tg_pow(a, 3), a), 0, 12, 48);
    CHECK_IS(slope(slope(tg_pow(a, 3), a), a), 0, -12, 24);
    CHECK_IS(slope(tg_pow(a, 2), a), 0, -4, 8);
    CHECK_IS(slope(slope(tg_pow(a, 2), a), a), 2, 2, 2);
    CHECK_IS(slope(tg_pow(a, 1), a), 1, 1, 1);
    CHECK_IS(slope(slope(tg_pow(a, 1), a), a), 0, 0, 0);
    CHECK_IS(slope(tg_pow(a, 0), a), 0, 0, 0);
    CHECK_IS(slope(tg_pow(a, -1), a), -INF, -0.25, -0.0625);
    finish(tape);
}
END_TEST

START_TEST(pow_by_minus_zero_has_gradient_zero) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, 0.0, 1.0, 2.0);
    CHECK_IS(tg_pow(a, -0.0), 1, 1, 1);
    CHECK_IS(slope(tg_pow(a, -0.0), a), 0, 0, 0);
    finish(tape);
}
END_TEST

START_TEST(pow_of_negative_numbers) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = POINTS(tape, -2.0, -2.0, -2.0, -1.0), b = POINTS(tape, 2.0, 3.0, -1.0, 0.0);
    CHECK_IS(slope(tg_pow(a, b), a), -4, 12, -0.25, 0);
    CHECK_IS(slope(tg_pow(a, b), b), NOT, NOT, NOT, NOT);
    finish(tape);
}
END_TEST

/* ---- where ------------------------------------------------------------------------------------------------------- */

START_TEST(where_takes_nothing_from_the_other_branch) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor take = BOOL(tape, true, false, true, false);
    tg_tensor a = POINTS(tape, 1.0, INF, 2.0, NOT), b = POINTS(tape, NOT, 3.0, -INF, 4.0);
    tg_tensor y = tg_where(take, a, b);
    CHECK_IS(y, 1, 3, 2, 4);
    CHECK_IS(slope(y, a), 1, 0, 1, 0);
    CHECK_IS(slope(y, b), 0, 1, 0, 1);
    tg_tensor g = {0}, seed = POINTS(tape, INF, NOT, -INF, NOT);
    ck_assert_int_eq(tg_vjp(tape, 1, &y, &seed, 1, &a, &g), TG_OK);
    CHECK_IS(g, INF, 0, -INF, 0);
    finish(tape);
}
END_TEST

START_TEST(where_condition_has_no_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 1.0, -1.0);
    CHECK_IS(slope(tg_where(tg_gt(x, 0), tg_mul(2, x), tg_mul(3, x)), x), 2, 3);
    CHECK_IS(tg_where(tg_gt(x, 0), x, 0), 1, 0);
    CHECK_IS(tg_where(tg_gt(x, 0), 7, x), 7, -1);
    CHECK_IS(tg_where(BOOL(tape, true, false), BOOL(tape, true, true), 0), 1, 0);
    CHECK_IS(tg_where(BOOL(tape, true, false), I64(tape, INT64_MAX), -1), 0x1p63, -1);
    finish(tape);
}
END_TEST

START_TEST(where_refuses_what_it_cannot_take) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1.0, 2.0), take = BOOL(tape, true, false);
    ck_assert(!tg_valid(tg_where(x, x, x)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "test_elementwise.c:", "where: float64 (2) x float64 (2) x float64 (2): ", "condition",
                "bool");
    ck_assert(!tg_valid(tg_where(take, 1, 2)));
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "where: ", "plain numbers");
    ck_assert(!tg_valid(tg_where(2, x, x)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "test_elementwise.c:", "where: the number 2 is no bool");
    CHECK_IS(tg_where(1, x, 0), 1, 2);
    CHECK_IS(tg_where(0, x, 5), 5, 5);
    ck_assert(!tg_valid(tg_where(take, x, F64(tape, 1.0, 2.0, 3.0))));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "where: (2) x (2) x (3): ");
    ck_assert(!tg_valid(tg_where(take, x, I64(tape, 1, 2))));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "where: ", "float64", "int64", "tg_cast");
    finish(tape);
}
END_TEST

/* ---- cast -------------------------------------------------------------------------------------------------------- */

START_TEST(cast_to_int64_drops_the_fraction) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, -0.5, 0.99609375, -1.75, 0.0, -0.0, 16777216.0, NOT, INF, -INF, 0x1p63, -0x1p63, 0x1p62, 1e30);
    int64_t   y[13],
        expected[] = {0, 0, -1, 0, 0, 16777216, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, 1ll << 62, INT64_MIN};
    ck_assert_int_eq(tg_read(tg_cast(x, TG_I64), y, 13), TG_OK);
    ck_assert_mem_eq(y, expected, sizeof expected);
    if (floats[_i] == TG_F64) {
        ck_assert_int_eq(tg_read(tg_cast(F64(tape, 1e300, -1e300, 9223372036854774784.0), TG_I64), y, 3), TG_OK);
        ck_assert(y[0] == INT64_MIN && y[1] == INT64_MIN && y[2] == 9223372036854774784ll);
    }
    finish(tape);
}
END_TEST

START_TEST(cast_to_bool_asks_for_zero) {
    tg_tape *tape = tg_tape_new();
    CHECK_IS(tg_cast(POINTS(tape, 0.0, -0.0, NOT, INF, 0.25, -3.0, 0x1p-140), TG_BOOL), 0, 0, 1, 1, 1, 1, 1);
    CHECK_IS(tg_cast(I64(tape, 0, 256, INT64_MIN, 1), TG_BOOL), 0, 1, 1, 1);
    CHECK_IS(tg_cast(BOOL(tape, true, false), floats[_i]), 1, 0);
    CHECK_IS(tg_cast(BOOL(tape, true, false), TG_I64), 1, 0);
    finish(tape);
}
END_TEST

START_TEST(cast_rounds) {
    tg_tape *tape = tg_tape_new();
    CHECK_IS(tg_cast(F64(tape, 1e300, -1e300, 0.1, 1e-300, NOT), TG_F32), INF, -INF, (double)0.1f, 0, NOT);
    CHECK_IS(tg_cast(F32(tape, 0.1), TG_F64), (double)0.1f);
    CHECK_IS(tg_cast(I64(tape, INT64_MAX, (1ll << 53) + 1, (1ll << 24) + 1), TG_F64), 0x1p63, 0x1p53, 0x1p24 + 1);
    CHECK_IS(tg_cast(I64(tape, INT64_MAX, (1ll << 24) + 1), TG_F32), 0x1p63, 0x1p24);
    finish(tape);
}
END_TEST

START_TEST(cast_to_its_own_dtype_is_the_tensor) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 1.0);
    int64_t   count = tg_instruction_count(tape);
    tg_tensor y = tg_cast(x, floats[_i]);
    ck_assert(y.tape == x.tape && y.ref == x.ref);
    ck_assert_int_eq(tg_instruction_count(tape), count);
    finish(tape);
}
END_TEST

START_TEST(cast_takes_gradients_between_floats_only) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 1.5, -2.5), other = tg_cast(x, floats[1 - _i]), g;
    CHECK_IS(g = slope(tg_mul(3, tg_square(other)), x), 9, -15);
    ck_assert_int_eq(tg_dtype_of(g), floats[_i]);
    CHECK_IS(slope(tg_cast(tg_cast(x, TG_I64), floats[_i]), x), 0, 0);
    CHECK_IS(slope(tg_mul(x, tg_cast(tg_cast(x, TG_BOOL), floats[_i])), x), 1, 1);
    finish(tape);
}
END_TEST

START_TEST(cast_to_no_dtype_is_refused) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1.0);
    ck_assert(!tg_valid(tg_cast(x, TG_DTYPES)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "test_elementwise.c:", "cast: ", "4");
    ck_assert(!tg_valid(tg_cast(x, (tg_dtype)-1)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "cast: ");
    ck_assert(!tg_valid(tg_cast(1.5, TG_F32)));
    finish(tape);
}
END_TEST

/* ---- int64 ------------------------------------------------------------------------------------------------------- */

static void check_whole(tg_tensor y, int64_t expected) {
    int64_t got;
    ck_assert_int_eq(tg_dtype_of(y), TG_I64);
    ck_assert_int_eq(tg_read(y, &got, 1), TG_OK);
    ck_assert_int_eq(got, expected);
}

START_TEST(int64_wraps_around) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor most = tg_reshape(I64(tape, INT64_MAX), TG_SHAPE()), least = tg_reshape(I64(tape, INT64_MIN), TG_SHAPE());
    check_whole(tg_add(most, 1), INT64_MIN);
    check_whole(tg_sub(least, 1), INT64_MAX);
    check_whole(tg_mul(most, 2), -2);
    check_whole(tg_neg(least), INT64_MIN);
    check_whole(tg_abs(least), INT64_MIN);
    check_whole(tg_square(most), 1);
    check_whole(tg_minimum(most, least), INT64_MIN);
    check_whole(tg_maximum(most, least), INT64_MAX);
    check_whole(tg_sum(I64(tape, INT64_MAX, INT64_MAX, 3)), 1);
    finish(tape);
}
END_TEST

START_TEST(int64_is_compared_exactly) {
    tg_tape *tape = tg_tape_new();
    CHECK_IS(tg_eq(I64(tape, (1ll << 53) + 1), I64(tape, 1ll << 53)), 0);
    CHECK_IS(tg_lt(I64(tape, INT64_MAX - 1), I64(tape, INT64_MAX)), 1);
    CHECK_IS(tg_eq(BOOL(tape, true, false), 1), 1, 0);
    CHECK_IS(tg_lt(BOOL(tape, false, true), BOOL(tape, true, true)), 1, 0);
    finish(tape);
}
END_TEST

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

START_TEST(numbers_of_any_c_type) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 2.0);
    CHECK_IS(tg_add(x, 1), 3);
    CHECK_IS(tg_sub(1, x), -1);
    CHECK_IS(tg_mul(0.5f, x), 1);
    CHECK_IS(tg_div(x, 4u), 0.5);
    CHECK_IS(tg_sub(tg_num(1), x), -1);
    CHECK_IS(tg_sub(tg_mul(3, tg_add(x, 'a' - 'a')), true), 5);
    CHECK_IS(slope(tg_sub(1, x), x), -1);
    finish(tape);
}
END_TEST

/* An operand twice in one op. */
START_TEST(both_operands_may_be_one) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 2.0, 3.0);
    CHECK_IS(slope(tg_mul(x, x), x), 4, 6);
    CHECK_IS(slope(tg_sub(x, x), x), 0, 0);
    CHECK_IS(slope(tg_div(x, x), x), 0, 0);
    CHECK_IS(slope(slope(tg_mul(x, x), x), x), 2, 2);
    CHECK_IS(tg_mul(tg_reshape(x, TG_SHAPE(2, 1)), x), 4, 6, 6, 9);
    finish(tape);
}
END_TEST

START_TEST(error_names_the_users_line) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = F64(tape, 1.0, 2.0), b = F64(tape, 1.0, 2.0, 3.0);
    char      where[64];
    int       line = __LINE__ + 1;
    tg_mul(tg_exp(a), tg_add(a, b));
    snprintf(where, sizeof where, "test_elementwise.c:%d: add: (2) x (3): ", line);
    CHECK_ERROR(tape, TG_ERR_SHAPE, where);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

static void add_special_values(Suite *suite) {
    TCase *tcase = tcase_create("special values");
    tcase_add_loop_test(tcase, signs_and_zeros, 0, 2);
    tcase_add_loop_test(tcase, roots_and_logarithms_outside_their_domain, 0, 2);
    tcase_add_loop_test(tcase, functions_at_the_extremes, 0, 2);
    tcase_add_loop_test(tcase, gradients_at_the_extremes_are_finite, 0, 2);
    tcase_add_loop_test(tcase, gradients_where_there_is_none, 0, 2);
    tcase_add_loop_test(tcase, gradients_at_nan_do_not_hide_it, 0, 2);
    tcase_add_loop_test(tcase, gradients_of_choices_at_nan_are_pytorchs, 0, 2);
    tcase_add_test(tcase, small_arguments_lose_no_digits);
    tcase_add_test(tcase, float32_arithmetic_is_exact);
    tcase_add_loop_test(tcase, two_operands_at_infinity_and_nan, 0, 2);
    tcase_add_loop_test(tcase, comparisons_with_nan, 0, 2);
    tcase_add_loop_test(tcase, equal_operands_share_the_gradient, 0, 2);
    tcase_add_test(tcase, int64_wraps_around);
    tcase_add_test(tcase, int64_is_compared_exactly);
    tcase_add_loop_test(tcase, numbers_of_any_c_type, 0, 2);
    tcase_add_loop_test(tcase, both_operands_may_be_one, 0, 2);
    tcase_add_test(tcase, error_names_the_users_line);
    suite_add_tcase(suite, tcase);
}

static void add_pow(Suite *suite) {
    TCase *tcase = tcase_create("pow");
    tcase_add_loop_test(tcase, pow_as_c_has_it, 0, 2);
    tcase_add_loop_test(tcase, pow_gradients_at_zero, 0, 2);
    tcase_add_loop_test(tcase, pow_second_derivatives_at_zero, 0, 2);
    tcase_add_loop_test(tcase, pow_derivatives_of_the_exponent_at_zero, 0, 2);
    tcase_add_loop_test(tcase, pow_by_a_number, 0, 2);
    tcase_add_loop_test(tcase, pow_by_minus_zero_has_gradient_zero, 0, 2);
    tcase_add_loop_test(tcase, pow_of_negative_numbers, 0, 2);
    suite_add_tcase(suite, tcase);
}

static void add_where_and_cast(Suite *suite) {
    TCase *tcase = tcase_create("where and cast");
    tcase_add_loop_test(tcase, where_takes_nothing_from_the_other_branch, 0, 2);
    tcase_add_loop_test(tcase, where_condition_has_no_gradient, 0, 2);
    tcase_add_test(tcase, where_refuses_what_it_cannot_take);
    tcase_add_loop_test(tcase, cast_to_int64_drops_the_fraction, 0, 2);
    tcase_add_loop_test(tcase, cast_to_bool_asks_for_zero, 0, 2);
    tcase_add_test(tcase, cast_rounds);
    tcase_add_loop_test(tcase, cast_to_its_own_dtype_is_the_tensor, 0, 2);
    tcase_add_loop_test(tcase, cast_takes_gradients_between_floats_only, 0, 2);
    tcase_add_test(tcase, cast_to_no_dtype_is_refused);
    suite_add_tcase(suite, tcase);
}

Suite *suite_elementwise(void) {
    Suite *suite = suite_create("elementwise");
    fill_cast_cases();
    add_completeness(suite);
    add_rows(suite, elementwise_rows);
    add_special_values(suite);
    add_pow(suite);
    add_where_and_cast(suite);
    return suite;
}
