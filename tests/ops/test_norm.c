/* tests/ops/test_norm.c: var, std, logsumexp, norm: their rows of the op table; constant, empty, infinite and zero operands.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/axes.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

static const op_case whole_cases[] = {
    {.shape = {{2, {2, 3}}}},
    {.shape = {{1, {7}}}},
    {.shape = {{2, {37, 41}}}},
    {.shape = {{8, {1, 2, 1, 2, 1, 2, 1, 2}}}},
};
/* The axes, one more number, and keepdim. */
static const op_case axes_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {3, {1, 1, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {-2, 0, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {4, {1, 0, 2, 0}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {3, {1, 1, 0}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {4, {0, -1, 2, 1}}},
    {.shape = {{2, {0, 3}}}, .with = {3, {1, 1, 0}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 1}}}, .with = {6, {0, 1, -2, -1, 0, 1}}},
    {.shape = {{2, {30, 60}}}, .with = {3, {0, 1, 0}}},
};
/* The same, with 2 p for p; 1000 stands for infinity. */
static const op_case norm_axes_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {3, {1, 4, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {-2, 2, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {4, {1, 0, 1000, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {1, -1000, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {0, 0, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {0, 3, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {1, 1, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {1, -2, 0}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {4, {0, -1, 6, 1}}},
    {.shape = {{2, {0, 3}}}, .with = {3, {1, 4, 0}}},
    {.shape = {{2, {0, 3}}}, .with = {3, {0, 4, 0}}},
    {.shape = {{2, {0, 3}}}, .with = {3, {0, 3, 0}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 1}}}, .with = {6, {0, 1, -2, -1, 4, 1}}},
    {.shape = {{2, {30, 60}}}, .with = {3, {0, 4, 0}}},
};
static const op_case norm_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {1, {4}}},   {.shape = {{0, {0}}}, .with = {1, {4}}},
    {.shape = {{1, {1}}}, .with = {1, {2}}},      {.shape = {{1, {7}}}, .with = {1, {5}}},
    {.shape = {{1, {7}}}, .with = {1, {1000}}},   {.shape = {{1, {7}}}, .with = {1, {0}}},
    {.shape = {{1, {0}}}, .with = {1, {2}}},      {.shape = {{1, {7}}}, .with = {1, {-1000}}},
    {.shape = {{2, {30, 60}}}, .with = {1, {2}}},
};
static const op_case logsumexp_axes_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {2, {0, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {-1, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {2, {1, 0}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {3, {0, -1, 1}}},
    {.shape = {{0, {0}}}, .with = {1, {1}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {1, 0}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {0, 1}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 1}}}, .with = {5, {0, 1, -2, -1, 1}}},
    {.shape = {{2, {30, 60}}}, .with = {2, {0, 0}}},
};

static double power_in(int twice) {
    return twice == 1000 ? (double)INFINITY : twice == -1000 ? -(double)INFINITY : twice / 2.0;
}

static long double variance(int64_t n, const element *x, long double correction) {
    long double mean = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        mean += x[i].real / (long double)n;
    for (int64_t i = 0; i < n; i++)
        sum += (x[i].real - mean) * (x[i].real - mean);
    return sum / fmaxl(0, (long double)n - correction);
}

static element reduce_var(tg_dtype dtype, int64_t n, const element *x, const settings *with) {
    (void)dtype;
    return (element){.real = variance(n, x, with->count ? with->value[with->count - 2] : 1)};
}

static element reduce_std(tg_dtype dtype, int64_t n, const element *x, const settings *with) {
    return (element){.real = sqrtl(reduce_var(dtype, n, x, with).real)};
}

static element reduce_logsumexp(tg_dtype dtype, int64_t n, const element *x, const settings *with) {
    (void)dtype, (void)with;
    long double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += expl(x[i].real);
    return (element){.real = logl(sum)};
}

static element reduce_norm(tg_dtype dtype, int64_t n, const element *x, const settings *with) {
    long double p = (long double)power_in(with->value[with->count > 1 ? with->count - 2 : 0]), sum = 0, most = 0,
                least = INFINITY;
    (void)dtype;
    for (int64_t i = 0; i < n; i++) {
        long double size = fabsl(x[i].real);
        sum += p == 0 ? size != 0 : powl(size, p);
        most = fmaxl(most, size);
        least = fminl(least, size);
    }
    return (element){.real = p == 0 ? sum : isinf(p) ? (p > 0 ? most : least) : powl(sum, 1 / p)};
}

#define FUNCTIONS(name, after, more, ...) \
    static tg_tensor record_##name(const tg_tensor *x, const settings *with) { \
        const int *s = with->value; \
        (void)s; \
        return tg_##name(x[0] more); \
    } \
    static tg_tensor record_##name##_axes(const tg_tensor *x, const settings *with) { \
        const int *s = with->value + with->count - after; \
        (void)s; \
        return tg_##name##_axes(x[0], axes_before(with, after), __VA_ARGS__ keepdim_of(with)); \
    } \
    static void expect_##name(const values *x, const settings *with, values *y) { \
        expect_reduced(x, NULL, false, x->dtype, with, reduce_##name, y); \
    } \
    static void expect_##name##_axes(const values *x, const settings *with, values *y) { \
        tg_axes axes = axes_before(with, after); \
        expect_reduced(x, &axes, keepdim_of(with), x->dtype, with, reduce_##name, y); \
    }
#define NOTHING
#define P , power_in(s[0])
FUNCTIONS(var, 2, NOTHING, s[0], )
FUNCTIONS(std, 2, NOTHING, s[0], )
FUNCTIONS(norm, 2, P, power_in(s[0]), )
FUNCTIONS(logsumexp, 1, NOTHING, )

#define ROW(function, word, lowest, list) \
    { \
        .name = #function, .called = word, .arity = 1, .takes = TAKES_FLOAT, .record = record_##function, \
        .expect = expect_##function, .low = {lowest}, .high = {3}, .cases = list, .case_count = sizeof list / sizeof *list \
    }

const op_row norm_rows[] = {
    ROW(var, "var", -3, whole_cases),
    ROW(var_axes, "var", -3, axes_cases),
    ROW(std, "std", -3, whole_cases),
    ROW(std_axes, "std", -3, axes_cases),
    ROW(logsumexp, "logsumexp", -3, whole_cases),
    ROW(logsumexp_axes, "logsumexp", -3, logsumexp_axes_cases),
    ROW(norm, "norm", 0.25, norm_cases),
    ROW(norm_axes, "norm", 0.25, norm_axes_cases),
    {.name = NULL},
};

/* ---- values ------------------------------------------------------------------------------------------------------ */

START_TEST(variance_of_little) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor two = F64(tape, 1, 3), one = F64(tape, 5), none = tg_full(tape, TG_F64, TG_SHAPE(0), 1);
    CHECK_IS(tg_var(two), 2);
    CHECK_IS(tg_var_axes(two, TG_AXES(0), 0, true), 1);
    CHECK_IS(tg_std_axes(two, TG_AXES(0), 0, false), 1);
    CHECK_IS(tg_var_axes(two, TG_AXES(0), 1.5, false), 4);
    CHECK_IS(tg_var_axes(two, TG_AXES(0), 5, false), INF);
    CHECK_IS(tg_var(one), NOT);
    CHECK_IS(tg_std(one), NOT);
    CHECK_IS(tg_var_axes(one, TG_AXES(0), 0, false), 0);
    CHECK_IS(tg_var(none), NOT);
    finish(tape);
}
END_TEST

START_TEST(gradients_are_zero_where_nothing_varies) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor same = F64(tape, 2, 2, 2), zero = F64(tape, 0, 0, 0), some = F64(tape, 0, 3, -4), short_one = F64(tape, 0, -2, 0);
    CHECK_IS(tg_std(same), 0);
    CHECK_IS(slope(tg_std(same), same), 0, 0, 0);
    static const double powers[] = {2, 1, 1.5, 3, 0.5, 0, -1, (double)INFINITY, -(double)INFINITY};
    for (size_t i = 0; i < sizeof powers / sizeof *powers; i++) {
        CHECK_IS(tg_norm(zero, powers[i]), 0);
        CHECK_IS(slope(tg_norm(zero, powers[i]), zero), 0, 0, 0);
    }
    CHECK_IS(tg_norm(some, 2), 5);
    CHECK_IS(slope(tg_norm(short_one, 2), short_one), 0, -1, 0);
    CHECK_IS(slope(tg_norm(some, 1), some), 0, 1, -1);
    CHECK_IS(slope(tg_norm(some, INF), some), 0, 0, -1);
    CHECK_IS(slope(slope(tg_norm(zero, 2), zero), zero), 0, 0, 0);
    finish(tape);
}
END_TEST

/* To a few units in the last place of float32. */
#define CHECK_ROUGHLY(x, ...) CHECK_IS(tg_div(tg_round(tg_mul(x, 1e6)), 1e6), __VA_ARGS__)

/* a and b times a power of 2. */
static tg_tensor scaled(tg_tape *tape, tg_dtype dtype, int exponent, double a, double b) {
    return tg_cast(F64(tape, ldexp(a, exponent), ldexp(b, exponent)), dtype);
}

START_TEST(squares_out_of_range_make_norms_in_range) {
    static const tg_dtype dtypes[] = {TG_F32, TG_F32, TG_F64, TG_F64};
    static const int      exponents[] = {100, -100, 1000, -1000};
    int                   e = exponents[_i];
    double                unit = ldexp(1, e);
    tg_tape              *tape = tg_tape_new();
    tg_tensor             x = scaled(tape, dtypes[_i], e, 3, -4), rows = tg_stack(TG_LIST(x, tg_mul(0, x), tg_mul(2, x)), 0);
    CHECK_IS(tg_norm(x, 2), 5 * unit);
    CHECK_ROUGHLY(tg_mul(5, slope(tg_norm(x, 2), x)), 3, -4);
    CHECK_IS(tg_norm_axes(rows, TG_AXES(1), 2, false), 5 * unit, 0, 10 * unit);
    CHECK_IS(tg_norm_axes(rows, TG_AXES(0), 2, false), tg_item(tg_norm(tg_slice(rows, 1, 0, 1, 1), 2)),
             tg_item(tg_norm(tg_slice(rows, 1, 1, 2, 1), 2)));
    CHECK_ROUGHLY(tg_div(tg_norm(tg_transpose(rows, 0, 1), 2), tg_norm(rows, 2)), 1);
    CHECK_ROUGHLY(tg_div(tg_norm(rows, 2), sqrt(125) * unit), 1);
    CHECK_ROUGHLY(tg_div(tg_std_axes(x, TG_AXES(0), 0, false), 3.5 * unit), 1);
    CHECK_ROUGHLY(slope(tg_std_axes(x, TG_AXES(0), 0, false), x), 0.5, -0.5);
    CHECK_ROUGHLY(tg_div(tg_norm(x, 100), 4 * unit), 1);
    CHECK_ROUGHLY(tg_div(tg_norm(x, -100), 3 * unit), 1);
    tg_tensor g = slope(tg_norm(x, 3), x), one = scaled(tape, dtypes[_i], 0, 3, -4), expected = slope(tg_norm(one, 3), one);
    CHECK_ROUGHLY(tg_div(g, expected), 1, 1);
    finish(tape);
}
END_TEST

START_TEST(norms_of_subnormal_and_infinite_numbers) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor least = F32(tape, 0x3p-149, 0x4p-149), infinite = F32(tape, INF, 1), not_one = F32(tape, NOT, INF);
    CHECK_IS(tg_norm(least, 2), 0x5p-149);
    ck_assert_double_eq_tol(tg_item(tg_slice(slope(tg_norm(least, 2), least), 0, 0, 1, 1)), 0.6, 1e-6);
    CHECK_IS(tg_norm(F64(tape, 0x3p-1074, 0x4p-1074), 2), 0x5p-1074);
    CHECK_IS(tg_norm(infinite, 2), INF);
    CHECK_IS(slope(tg_norm(infinite, 2), infinite), NOT, 0);
    CHECK_IS(tg_norm(infinite, 3), INF);
    CHECK_IS(tg_norm(not_one, 2), NOT);
    CHECK_IS(tg_norm(F64(tape, 0x1p1023, 0x1p1023), 2), 0x1.6a09e667f3bcdp1023);
    CHECK_IS(tg_norm(F64(tape, 0x1.8p1023, 0x1.8p1023), 2), INF);
    finish(tape);
}
END_TEST

/* Where none is likely, none is likelier than another. */
START_TEST(logsumexp_of_nothing_but_masks_has_no_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2, 2), (double[]){-INF, -INF, -INF, 1});
    CHECK_IS(tg_logsumexp_axes(x, TG_AXES(1), false), -INF, 1);
    CHECK_IS(slope(tg_logsumexp_axes(x, TG_AXES(1), false), x), 0, 0, 0, 1);
    CHECK_IS(slope(slope(tg_logsumexp_axes(x, TG_AXES(1), false), x), x), 0, 0, 0, 0);
    CHECK_IS(slope(tg_max_axes(x, TG_AXES(1), false), x), 0.5, 0.5, 0, 1);
    CHECK_IS(slope(tg_norm_axes(x, TG_AXES(1), INF, false), x), -0.5, -0.5, -1, 0);
    finish(tape);
}
END_TEST

START_TEST(logsumexp_does_not_overflow) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor large = F64(tape, 1000, 1000), small = F64(tape, -1000, -1000), half = F32(tape, -1000, 1000);
    ck_assert_double_eq_tol(tg_item(tg_logsumexp(large)), 1000 + log(2), 1e-12);
    ck_assert_double_eq_tol(tg_item(tg_logsumexp(small)), -1000 + log(2), 1e-12);
    CHECK_IS(slope(tg_logsumexp(large), large), 0.5, 0.5);
    CHECK_IS(slope(tg_logsumexp(small), small), 0.5, 0.5);
    CHECK_IS(tg_logsumexp(half), 1000);
    CHECK_IS(slope(tg_logsumexp(half), half), 0, 1);
    CHECK_IS(tg_logsumexp(F64(tape, -INF, -INF)), -INF);
    CHECK_IS(tg_logsumexp(F64(tape, INF, -INF, 3)), INF);
    CHECK_IS(tg_logsumexp(F64(tape, NOT, INF)), NOT);
    CHECK_IS(tg_logsumexp(tg_full(tape, TG_F32, TG_SHAPE(0), 1)), -INF);
    tg_tensor masked = F64(tape, -INF, 2);
    CHECK_IS(tg_logsumexp(masked), 2);
    CHECK_IS(slope(tg_logsumexp(masked), masked), 0, 1);
    finish(tape);
}
END_TEST

START_TEST(errors_name_the_function_that_was_called) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), i = tg_cast(x, TG_I64),
              none = tg_full(tape, TG_F64, TG_SHAPE(0), 1);
    int64_t count = tg_instruction_count(tape);
    ck_assert(!tg_valid(tg_var(i)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "test_norm.c:", "var: int64 (2, 3): it takes no int64: convert with tg_cast");
    ck_assert(!tg_valid(tg_std_axes(x, TG_AXES(2), 1, false)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_norm.c:", "std: axis 2");
    ck_assert(!tg_valid(tg_logsumexp_axes(x, TG_AXES(0, 0), false)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_norm.c:", "logsumexp: axis 0 is named twice");
    ck_assert(!tg_valid(tg_norm(i, 2)));
    CHECK_ERROR(tape, TG_ERR_DTYPE, "test_norm.c:", "norm: int64 (2, 3): ");
    ck_assert(!tg_valid(tg_norm(none, INF)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "test_norm.c:", "norm: of no elements", "inf");
    ck_assert(!tg_valid(tg_norm(none, -1)));
    CHECK_ERROR(tape, TG_ERR_SHAPE, "norm: of no elements", "-1");
    ck_assert_int_eq(tg_instruction_count(tape), count);
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_norm(void) {
    Suite *suite = suite_create("norm");
    TCase *tcase = tcase_create("norms");
    add_rows(suite, norm_rows);
    tcase_add_test(tcase, variance_of_little);
    tcase_add_test(tcase, gradients_are_zero_where_nothing_varies);
    tcase_add_loop_test(tcase, squares_out_of_range_make_norms_in_range, 0, 4);
    tcase_add_test(tcase, norms_of_subnormal_and_infinite_numbers);
    tcase_add_test(tcase, logsumexp_of_nothing_but_masks_has_no_gradient);
    tcase_add_test(tcase, logsumexp_does_not_overflow);
    tcase_add_test(tcase, errors_name_the_function_that_was_called);
    suite_add_tcase(suite, tcase);
    return suite;
}
