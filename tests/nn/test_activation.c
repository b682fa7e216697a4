/* tests/nn/test_activation.c: the activation functions: their rows of the op table, and their values and derivatives where the
 * terms that they are made of overflow, vanish or have a corner.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/nn.h>

#include <math.h>

#include "ops/op_table.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

/* clang-format off */
#define DIMS(...) {sizeof((int[]){0, __VA_ARGS__}) / sizeof(int) - 1, {__VA_ARGS__}}
#define SHAPES(...) { \
    {.shape = {DIMS(2, 3)}, .with = {__VA_ARGS__}}, {.shape = {{0, {0}}}, .with = {__VA_ARGS__}}, \
    {.shape = {DIMS(1)}, .with = {__VA_ARGS__}}, {.shape = {DIMS(2, 0, 3)}, .with = {__VA_ARGS__}}, \
    {.shape = {DIMS(2, 1, 2, 1, 1, 2, 1, 2)}, .with = {__VA_ARGS__}}, {.shape = {DIMS(33, 40)}, .with = {__VA_ARGS__}}}

static const op_case plain[] = SHAPES(0, {0}), halves[] = SHAPES(1, {2}), bounds[] = SHAPES(2, {-1, 2});

/*  name        cases   called with   y in long double, where s is half of the first setting, t the second */
#define PI 3.14159265358979323846264338327950288L
#define SCALE 1.05070098735548049342L
#define ALPHA 1.67326324235437728482L
#define ROWS(ROW) \
    ROW(softplus,   plain,  x[0],                        a / 2 + logl(2 * coshl(a / 2))) \
    ROW(selu,       plain,  x[0],                        SCALE * (a > 0 ? a : ALPHA * (expl(a) - 1))) \
    ROW(gelu,       plain,  x[0],                        a * (1 + erfl(a / sqrtl(2))) / 2) \
    ROW(gelu_tanh,  plain,  x[0],                        a * (1 + tanhl(sqrtl(2 / PI) * (a + 0.044715L * a * a * a))) / 2) \
    ROW(silu,       plain,  x[0],                        a * (1 + tanhl(a / 2)) / 2) \
    ROW(mish,       plain,  x[0],                        a * (1 - 2 / ((1 + expl(a)) * (1 + expl(a)) + 1))) \
    ROW(leaky_relu, halves, x[0], with->value[0] / 8.0,  a > 0 ? a : s / 4 * a) \
    ROW(elu,        halves, x[0], with->value[0] / 2.0,  a > 0 ? a : s * (expl(a) - 1)) \
    ROW(hardtanh,   bounds, x[0], with->value[0] / 2.0, with->value[1], fmaxl(s, fminl(t, a)))

#define ROW(name, cases, arguments, ...) ROW_##cases(name, arguments, __VA_ARGS__)
#define DEFINE(name, formula, ...) \
    static tg_tensor record_##name(const tg_tensor *x, const settings *with) { \
        (void)with; \
        return tg_##name(__VA_ARGS__); \
    } \
    static void expect_##name(const values *x, const settings *with, values *y) { \
        long double s = with->value[0] / 2.0L, t = with->value[1]; \
        (void)s, (void)t; \
        clear_values(y, x->dtype, x->shape); \
        for (int64_t i = 0; i < y->size; i++) { \
            long double a = x->at[i].real; \
            y->at[i].real = formula; \
        } \
    }
#define ROW_plain(name, x, formula) DEFINE(name, formula, x)
#define ROW_halves(name, x, s, formula) DEFINE(name, formula, x, s)
#define ROW_bounds(name, x, s, t, formula) DEFINE(name, formula, x, s, t)
ROWS(ROW)
#undef ROW

#define ROW(op, list, ...) \
    {.name = #op, .called = #op, .arity = 1, .takes = TAKES_FLOAT, .record = record_##op, .expect = expect_##op, \
     .low = {-3}, .high = {3}, .cases = list, .case_count = sizeof list / sizeof *list},
const op_row activation_rows[] = {ROWS(ROW) {.name = NULL}};
/* clang-format on */

/* ---- values and derivatives at special points -------------------------------------------------------------------- */

/* Value, slope and curvature at -inf, -1e30, -1000, and at 1000, 1e30, inf. */
static void check_far(tg_tensor (*f)(tg_tensor), tg_tensor x, double below, double above) {
    double large = tg_dtype_of(x) == TG_F32 ? (double)1e30f : 1e30;
    CHECK_IS(f(x), below, below, below, 1000, large, INF);
    CHECK_IS(slope(f(x), x), 0, 0, 0, above, above, above);
    CHECK_IS(slope(slope(f(x), x), x), 0, 0, 0, 0, 0, 0);
    CHECK_IS(slope(slope(slope(f(x), x), x), x), 0, 0, 0, 0, 0, 0);
}

static tg_tensor elu_of_2(tg_tensor x) {
    return tg_elu(x, 2);
}

START_TEST(far_out_they_are_straight) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, -INF, -1e30, -1000.0, 1000.0, 1e30, INF);
    check_far((tg_softplus), x, 0, 1);
    check_far((tg_gelu), x, 0, 1);
    check_far((tg_gelu_tanh), x, 0, 1);
    check_far((tg_silu), x, 0, 1);
    check_far((tg_mish), x, 0, 1);
    check_far(elu_of_2, x, -2, 1);
    CHECK_IS(slope(tg_leaky_relu(x, 0.5), x), 0.5, 0.5, 0.5, 1, 1, 1);
    CHECK_IS(slope(slope(tg_leaky_relu(x, 0.5), x), x), 0, 0, 0, 0, 0, 0);
    CHECK_IS(tg_hardtanh(x, -1, 2), -1, -1, -1, 2, 2, 2);
    CHECK_IS(slope(tg_hardtanh(x, -1, 2), x), 0, 0, 0, 0, 0, 0);
    CHECK_IS(slope(slope(tg_selu(x), x), x), 0, 0, 0, 0, 0, 0);
    finish(tape);
}
END_TEST

/* On the way there nothing jumps: the masks are where everything is flat already. */
START_TEST(nearly_as_far_they_are_finite) {
    static tg_tensor (*const functions[])(tg_tensor) = {(tg_softplus), (tg_gelu), (tg_gelu_tanh), (tg_silu), (tg_mish)};
    tg_tape *tape = tg_tape_new();
    for (int k = 0; k < 5; k++)
        for (double x = -1100; x <= 1100; x += 27.5) {
            double    at_0 = x == 0 ? 2 : 0;
            tg_mark   mark = tg_tape_mark(tape);
            tg_tensor t = tg_full(tape, floats[_i], TG_SHAPE(), x), first = slope(functions[k](t), t);
            ck_assert_double_eq_tol(tg_item(functions[k](t)), fmax(x, 0), 1e-9 + at_0);
            ck_assert_double_eq_tol(tg_item(first), x > 0, 1e-9 + at_0);
            ck_assert_double_eq_tol(tg_item(slope(first, t)), 0, 1e-9 + at_0);
            tg_rewind(tape, mark);
        }
    finish(tape);
}
END_TEST

START_TEST(corners_are_pytorchs) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 0.0, -0.0), ends = POINTS(tape, -1.0, 2.0, 1.5, NOT);
    CHECK_IS(slope(tg_leaky_relu(x, 0.25), x), 0.25, 0.25);
    CHECK_IS(slope(tg_elu(x, 2), x), 2, 2);
    CHECK_IS(slope(tg_gelu(x), x), 0.5, 0.5);
    CHECK_IS(slope(tg_gelu_tanh(x), x), 0.5, 0.5);
    CHECK_IS(slope(tg_silu(x), x), 0.5, 0.5);
    CHECK_IS(slope(tg_softplus(x), x), 0.5, 0.5);
    CHECK_IS(tg_hardtanh(ends, -1, 2), -1, 2, 1.5, NOT);
    CHECK_IS(slope(tg_hardtanh(ends, -1, 2), ends), 0, 0, 1, 1);
    CHECK_IS(tg_hardtanh(ends, 1, 1), 1, 1, 1, NOT);
    finish(tape);
}
END_TEST

START_TEST(nan_stays) {
    static tg_tensor (*const smooth[])(tg_tensor) = {(tg_softplus), (tg_gelu), (tg_gelu_tanh), (tg_silu), (tg_mish)};
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, NOT);
    for (int k = 0; k < 5; k++) {
        CHECK_IS(smooth[k](x), NOT);
        CHECK_IS(slope(smooth[k](x), x), NOT);
    }
    CHECK_IS(tg_selu(x), NOT);
    CHECK_IS(tg_elu(x, 1), NOT);
    CHECK_IS(slope(tg_elu(x, 1), x), 1);
    CHECK_IS(tg_leaky_relu(x, 0.01), NOT);
    finish(tape);
}
END_TEST

/* 1 + erf(x / sqrt(2)) and 1 + tanh would have no digits left. */
START_TEST(small_values_keep_their_digits) {
    tg_tape *tape = tg_tape_new();
    for (double x = -37; x < -2; x += 0.9) {
        long double a = (long double)x;
        ck_assert_double_eq_tol(tg_item(tg_gelu(F64(tape, x))) / (double)(a / 2 * erfcl(-a / sqrtl(2))), 1, 1e-12);
        ck_assert_double_eq_tol(tg_item(tg_mish(F64(tape, x))) / (double)(a * tanhl(log1pl(expl(a)))), 1, 1e-14);
        ck_assert_double_eq_tol(tg_item(tg_softplus(F64(tape, x))) / (double)log1pl(expl(a)), 1, 1e-14);
    }
    finish(tape);
}
END_TEST

/* ---- one call, one kept value, errors in the name of the function ------------------------------------------------ */

START_TEST(only_the_result_is_kept) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, -1.0, 0.5));
    tg_tensor y = tg_gelu(w);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    ck_assert_double_eq_tol(tg_item(tg_sum(y)), -0.15865525393145707 + 0.34573123063700656, 1e-15);
    ck_assert_int_eq(tg_backward(tg_sum(y)), TG_OK);
    finish(tape);
}
END_TEST

START_TEST(what_they_reject) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1.0);
    int64_t   count = tg_instruction_count(tape);
    ck_assert(!tg_valid(tg_hardtanh(x, 1, -1)));
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "test_activation.c:", "hardtanh: ", "1", "-1");
    ck_assert(!tg_valid(tg_hardtanh(x, NAN, 1)));
    CHECK_ERROR(tape, TG_ERR_ARGUMENT, "hardtanh: ");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    ck_assert(!tg_valid(tg_gelu(I64(tape, 1))));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "test_activation.c:", "gelu: int64 (1): ", "tg_cast");
    ck_assert(!tg_valid(tg_elu(1.5, 1)));
    finish(tape);
}
END_TEST

Suite *suite_activation(void) {
    Suite *suite = suite_create("activation");
    TCase *tcase = tcase_create("special values");
    add_rows(suite, activation_rows);
    tcase_add_loop_test(tcase, far_out_they_are_straight, 0, 2);
    tcase_add_loop_test(tcase, nearly_as_far_they_are_finite, 0, 2);
    tcase_add_loop_test(tcase, corners_are_pytorchs, 0, 2);
    tcase_add_loop_test(tcase, nan_stays, 0, 2);
    tcase_add_test(tcase, small_values_keep_their_digits);
    tcase_add_test(tcase, only_the_result_is_kept);
    tcase_add_test(tcase, what_they_reject);
    suite_add_tcase(suite, tcase);
    return suite;
}
