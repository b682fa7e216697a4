/* tests/ops/test_elementwise.c: the elementwise ops: their rows of the op table, where, whole numbers and plain numbers. Where
 * something is special, see test_special.c.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>

#include "ops/elementwise_rows.h"

/* ---- the shapes that the rows are tried on ----------------------------------------------------------------------- */

/* clang-format off */
#define S0 {0, {0}}
#define S1(a) {1, {a}}
#define S2(a, b) {2, {a, b}}
#define S3(a, b, c) {3, {a, b, c}}
#define S8(a, b, c, d, e, f, g, h) {8, {a, b, c, d, e, f, g, h}}
/* clang-format on */

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

UNARY_ROWS(UNARY_FORMULAS)
BINARY_ROWS(BINARY_FORMULAS)
COMPARISON_ROWS(COMPARISON_FORMULAS)

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
    bool floating = is_floating(from);
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

/* clang-format off */
const op_row elementwise_rows[] = {
    UNARY_ROWS(UNARY_ROW)
    BINARY_ROWS(BINARY_ROW)
    COMPARISON_ROWS(COMPARISON_ROW)
    {NAMES(where, 3), ELEMENTS(where), .takes = TAKES_ANY, .condition = true, .low = {0, -3, -3}, .high = {0, 3, 3},
     CASES(three_operands)},
    {NAMES(cast, 1), .takes = TAKES_ANY, .expect = expect_cast, .low = {-1e6}, .high = {1e6}, CASES(cast_cases)},
    {.name = NULL},
};
/* clang-format on */

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

START_TEST(where_rejects_what_it_cannot_take) {
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

/* ---- rounding ---------------------------------------------------------------------------------------------------- */

/* Rounded to the 64 bits of an x87 register first, the sum lies halfway between two float64, and goes to 1. */
START_TEST(a_sum_is_rounded_once) {
    tg_tape *tape = tg_tape_new();
    CHECK_F64(tg_add(VECTOR(tape, 1), VECTOR(tape, 0x1.001p-53)), 0x1.0000000000001p+0);
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

static void add_where(Suite *suite) {
    TCase *tcase = tcase_create("where");
    tcase_add_loop_test(tcase, where_takes_nothing_from_the_other_branch, 0, 2);
    tcase_add_loop_test(tcase, where_condition_has_no_gradient, 0, 2);
    tcase_add_test(tcase, where_rejects_what_it_cannot_take);
    suite_add_tcase(suite, tcase);
}

static void add_numbers(Suite *suite) {
    TCase *tcase = tcase_create("numbers");
    tcase_add_test(tcase, a_sum_is_rounded_once);
    tcase_add_test(tcase, int64_wraps_around);
    tcase_add_test(tcase, int64_is_compared_exactly);
    tcase_add_loop_test(tcase, numbers_of_any_c_type, 0, 2);
    tcase_add_loop_test(tcase, both_operands_may_be_one, 0, 2);
    tcase_add_test(tcase, error_names_the_users_line);
    suite_add_tcase(suite, tcase);
}

Suite *suite_elementwise(void) {
    Suite *suite = suite_create("elementwise");
    fill_cast_cases();
    add_completeness(suite);
    add_rows(suite, elementwise_rows);
    add_where(suite);
    add_numbers(suite);
    return suite;
}
