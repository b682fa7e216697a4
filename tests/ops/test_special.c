/* tests/ops/test_special.c: values and gradients of the elementwise ops at the points where something is special:
 * infinities, NaN, signed zeros, ties, overflow, powers of zero, numbers that another dtype does not have.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>

#include "ops/values.h"

/* ---- values at special points ------------------------------------------------------------------------------------ */

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

START_TEST(cast_to_no_dtype_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1.0);
    ck_assert(!tg_valid(tg_cast(x, TG_DTYPES)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "test_special.c:", "cast: ", "4");
    ck_assert(!tg_valid(tg_cast(x, (tg_dtype)-1)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "cast: ");
    ck_assert(!tg_valid(tg_cast(1.5, TG_F32)));
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

static void add_cast(Suite *suite) {
    TCase *tcase = tcase_create("cast");
    tcase_add_loop_test(tcase, cast_to_int64_drops_the_fraction, 0, 2);
    tcase_add_loop_test(tcase, cast_to_bool_asks_for_zero, 0, 2);
    tcase_add_test(tcase, cast_rounds);
    tcase_add_loop_test(tcase, cast_to_its_own_dtype_is_the_tensor, 0, 2);
    tcase_add_loop_test(tcase, cast_takes_gradients_between_floats_only, 0, 2);
    tcase_add_test(tcase, cast_to_no_dtype_is_rejected);
    suite_add_tcase(suite, tcase);
}

Suite *suite_special(void) {
    Suite *suite = suite_create("special");
    add_special_values(suite);
    add_pow(suite);
    add_cast(suite);
    return suite;
}
