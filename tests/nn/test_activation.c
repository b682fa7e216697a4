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

static const op_case plain[] = SHAPES(0, {0}), halves[] = SHAPES(1, {2}), bounds[] = SHAPES(2, {-1, 2}),
                     three_halves[] = SHAPES(1, {3});

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
    ROW(hardtanh,   bounds, x[0], with->value[0] / 2.0, with->value[1], fmaxl(s, fminl(t, a))) \
    ROW(relu6,       plain, x[0],                       fminl(fmaxl(a, 0), 6)) \
    ROW(hardsigmoid, plain, x[0],                       fminl(fmaxl(a / 6 + 0.5L, 0), 1)) \
    ROW(hardswish,   plain, x[0],                       a * fminl(fmaxl(a / 6 + 0.5L, 0), 1)) \
    ROW(softsign,    plain, x[0],                       a / (1 + fabsl(a))) \
    ROW(logsigmoid,  plain, x[0],                       -log1pl(expl(-a))) \
    ROW(tanhshrink,  plain, x[0],                       a - tanhl(a)) \
    ROW(celu,       three_halves, x[0], with->value[0] / 2.0, a > 0 ? a : s * expm1l(a / s)) \
    ROW(softshrink, three_halves, x[0], with->value[0] / 2.0, copysignl(fmaxl(fabsl(a) - s, 0), a)) \
    ROW(hardshrink, three_halves, x[0], with->value[0] / 2.0, fabsl(a) > s ? a : 0) \
    ROW(threshold,  bounds, x[0], with->value[0] / 2.0, with->value[1], a > s ? a : t)

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
#define ROW_three_halves(name, x, s, formula) DEFINE(name, formula, x, s)
#define ROW_bounds(name, x, s, t, formula) DEFINE(name, formula, x, s, t)
ROWS(ROW)
#undef ROW

#define ROW(op, list, ...) \
    {.name = #op, .called = #op, .arity = 1, .takes = TAKES_FLOAT, .record = record_##op, .expect = expect_##op, \
     .low = {-3}, .high = {3}, .cases = list, .case_count = sizeof list / sizeof *list},
/* clang-format on */

/* Slopes in the last operand: of all elements, or of the channels along axis 1. */
static const op_case prelu_cases[] = {
    {.shape = {{2, {2, 3}}, {1, {3}}}},
    {.shape = {{2, {2, 3}}, {1, {1}}}},
    {.shape = {{2, {2, 3}}, {0, {0}}}},
    {.shape = {{1, {4}}, {1, {1}}}},
    {.shape = {{0, {0}}, {1, {1}}}},
    {.shape = {{0, {0}}, {0, {0}}}},
    {.shape = {{3, {2, 3, 4}}, {1, {3}}}},
    {.shape = {{3, {0, 3, 4}}, {1, {3}}}},
    {.shape = {{8, {2, 2, 1, 2, 1, 2, 1, 2}}, {1, {2}}}},
    {.shape = {{3, {3, 20, 30}}, {1, {20}}}},
};

static tg_tensor record_prelu(const tg_tensor *x, const settings *with) {
    (void)with;
    return tg_prelu(x[0], x[1]);
}

static void expect_prelu(const values *x, const settings *with, values *y) {
    int64_t index[TG_MAX_RANK];
    (void)with;
    *y = *x;
    for (int64_t i = 0; i < y->size; i++) {
        unravel(x->shape, i, index);
        if (x->at[i].real <= 0) y->at[i].real *= x[1].at[x[1].size > 1 ? index[1] : 0].real;
    }
}

/* The axis. */
static const op_case glu_cases[] = {
    {.shape = {{2, {2, 4}}}, .with = {1, {-1}}},  {.shape = {{2, {2, 3}}}, .with = {1, {0}}},
    {.shape = {{1, {2}}}, .with = {1, {0}}},      {.shape = {{3, {2, 4, 3}}}, .with = {1, {1}}},
    {.shape = {{2, {3, 0}}}, .with = {1, {1}}},   {.shape = {{8, {2, 1, 2, 1, 1, 2, 1, 2}}}, .with = {1, {2}}},
    {.shape = {{2, {30, 40}}}, .with = {1, {1}}},
};

static tg_tensor record_glu(const tg_tensor *x, const settings *with) {
    return tg_glu(x[0], with->value[0]);
}

static void expect_glu(const values *x, const settings *with, values *y) {
    int      axis = (with->value[0] + x->shape.rank) % x->shape.rank;
    int64_t  index[TG_MAX_RANK];
    tg_shape shape = x->shape;
    shape.dims[axis] /= 2;
    clear_values(y, x->dtype, shape);
    for (int64_t i = 0; i < y->size; i++) {
        unravel(shape, i, index);
        long double a = x->at[ravel(x->shape, index)].real;
        index[axis] += shape.dims[axis];
        y->at[i].real = a * (1 + tanhl(x->at[ravel(x->shape, index)].real / 2)) / 2;
    }
}

#define OTHER_ROW(op, operands) \
    { \
        .name = #op, .called = #op, .arity = operands, .takes = TAKES_FLOAT, .record = record_##op, .expect = expect_##op, \
        .low = {-3, -1}, .high = {3, 1}, .cases = op##_cases, .case_count = sizeof op##_cases / sizeof *op##_cases \
    }

const op_row activation_rows[] = {ROWS(ROW) OTHER_ROW(prelu, 2), OTHER_ROW(glu, 1), {.name = NULL}};

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

static tg_tensor celu_of_1(tg_tensor x) {
    return tg_celu(x, 1);
}

/* Hard ones end exactly where they should; soft ones have limits at infinity, derivatives too. */
START_TEST(the_ends_of_the_newer_ones) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, -INF, -7, -3, 3, 7, INF);
    CHECK_IS(tg_hardsigmoid(x), 0, 0, 0, 1, 1, 1);
    CHECK_IS(slope(tg_hardsigmoid(x), x), 0, 0, 0, 0, 0, 0);
    CHECK_IS(tg_hardswish(x), 0, 0, 0, 3, 7, INF);
    CHECK_IS(slope(tg_hardswish(x), x), 0, 0, 0, 1, 1, 1);
    CHECK_IS(slope(slope(tg_hardswish(x), x), x), 0, 0, 0, 0, 0, 0);
    CHECK_IS(tg_softsign(x), -1, -0.875, -0.75, 0.75, 0.875, 1);
    CHECK_IS(tg_relu6(POINTS(tape, 0, 6, 7)), 0, 6, 6);
    tg_tensor six = POINTS(tape, 0, 6, 7, 5);
    CHECK_IS(slope(tg_relu6(six), six), 0, 0, 0, 1);
    CHECK_IS(tg_softshrink(x, 7), -INF, 0, 0, 0, 0, INF);
    CHECK_IS(slope(tg_softshrink(x, 7), x), 1, 0, 0, 0, 0, 1);
    CHECK_IS(tg_hardshrink(x, 3), -INF, -7, 0, 0, 7, INF);
    CHECK_IS(slope(tg_hardshrink(x, 3), x), 1, 1, 0, 0, 1, 1);
    CHECK_IS(tg_threshold(x, 3, 9), 9, 9, 9, 9, 7, INF);
    CHECK_IS(slope(tg_threshold(x, 3, 9), x), 0, 0, 0, 0, 1, 1);
    CHECK_IS(tg_tanhshrink(POINTS(tape, -INF, INF)), -INF, INF);
    tg_tensor weight = POINTS(tape, 0.25), y = tg_prelu(x, weight);
    CHECK_IS(y, -INF, -1.75, -0.75, 3, 7, INF);
    CHECK_IS(slope(y, weight), -INF);
    CHECK_IS(slope(y, x), 0.25, 0.25, 0.25, 1, 1, 1);
    CHECK_IS(tg_prelu(-2, weight), -0.5);
    check_far(celu_of_1, POINTS(tape, -INF, -1e30, -1000.0, 1000.0, 1e30, INF), -1, 1);
    tg_tensor far = POINTS(tape, -INF, INF), minus = tg_logsigmoid(far);
    CHECK_IS(minus, -INF, 0);
    CHECK_IS(slope(minus, far), 1, 0);
    CHECK_IS(slope(tg_softsign(far), far), 0, 0);
    CHECK_IS(slope(slope(tg_softsign(far), far), far), 0, 0);
    finish(tape);
}
END_TEST

START_TEST(nan_stays_in_the_newer_ones) {
    static tg_tensor (*const functions[])(tg_tensor) = {(tg_hardsigmoid), (tg_hardswish),  (tg_relu6), (tg_softsign),
                                                        (tg_logsigmoid),  (tg_tanhshrink), celu_of_1};
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, NOT);
    for (int k = 0; k < 7; k++)
        CHECK_IS(functions[k](x), NOT);
    CHECK_IS(tg_softshrink(x, 1), NOT);
    CHECK_IS(tg_hardshrink(x, 1), NOT);
    CHECK_IS(tg_threshold(x, 1, 2), NOT);
    CHECK_IS(tg_prelu(x, 2), NOT);
    finish(tape);
}
END_TEST

/* The slope of softsign, 1 / (1 + |x|)^2, and the digits of logsigmoid. */
START_TEST(far_out_they_keep_their_digits) {
    tg_tape *tape = tg_tape_new();
    for (double x = 1e-9; x < 1e20; x *= 7) {
        tg_tensor t = F64(tape, -x);
        ck_assert_double_eq_tol(tg_item(slope(tg_softsign(t), t)) * (1 + x) * (1 + x), 1, 1e-14);
        ck_assert_double_eq_tol(tg_item(tg_softsign(t)) * (1 + x) / -x, 1, 1e-15);
    }
    for (double x = 1; x < 700; x *= 2)
        ck_assert_double_eq_tol(tg_item(tg_logsigmoid(F64(tape, x))) / -log1p(exp(-x)), 1, 1e-15);
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
    tg_tensor channels = tg_full(tape, TG_F64, TG_SHAPE(2, 3), 1), two = F64(tape, 1, 2);
    REFUSED(tg_celu(x, 0), TG_ERR_ARGUMENT, "celu: alpha 0 is not in (0, inf)");
    REFUSED(tg_softshrink(x, -1), TG_ERR_ARGUMENT, "softshrink: lambda -1 is not in [0, inf)");
    REFUSED(tg_hardshrink(x, NAN), TG_ERR_ARGUMENT, "hardshrink: lambda nan");
    REFUSED(tg_prelu(channels, two), TG_ERR_SHAPE, "prelu: (2, 3) x (2): the weight is not of shape (3)");
    REFUSED(tg_prelu(x, two), TG_ERR_SHAPE, "prelu: (1) x (2): the weight is not of shape (1)");
    REFUSED(tg_prelu(channels, channels), TG_ERR_SHAPE, "prelu: (2, 3) x (2, 3): the weight is not of shape (3)");
    REFUSED(tg_glu(channels, 1), TG_ERR_SHAPE, "glu: (2, 3): axis 1 has no halves of the same size");
    REFUSED(tg_glu(channels, 2), TG_ERR_SHAPE, "glu: (2, 3): axis 2 of a tensor of rank 2");
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
    tcase_add_loop_test(tcase, the_ends_of_the_newer_ones, 0, 2);
    tcase_add_loop_test(tcase, nan_stays_in_the_newer_ones, 0, 2);
    tcase_add_test(tcase, far_out_they_keep_their_digits);
    tcase_add_loop_test(tcase, nan_stays, 0, 2);
    tcase_add_test(tcase, small_values_keep_their_digits);
    tcase_add_test(tcase, only_the_result_is_kept);
    tcase_add_test(tcase, what_they_reject);
    suite_add_tcase(suite, tcase);
    return suite;
}
