/* tests/nn/test_softmax.c: softmax and log_softmax: their rows of the op table, large and infinite operands, how much they
 * record.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/op_table.h"

/* ---- the rows: the setting is the axis --------------------------------------------------------------------------- */

static const op_case cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {1, {-1}}},   {.shape = {{2, {2, 3}}}, .with = {1, {0}}},
    {.shape = {{1, {1}}}, .with = {1, {0}}},       {.shape = {{1, {7}}}, .with = {1, {-1}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {1, {1}}}, {.shape = {{2, {2, 0}}}, .with = {1, {1}}},
    {.shape = {{2, {0, 3}}}, .with = {1, {1}}},    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 2}}}, .with = {1, {2}}},
    {.shape = {{2, {30, 60}}}, .with = {1, {1}}},
};

/* The sum of e^x over the slice along the axis that element n is in. */
static long double sum_around(const values *x, int axis, int64_t n) {
    int64_t     index[TG_MAX_RANK];
    long double sum = 0;
    unravel(x->shape, n, index);
    for (index[axis] = 0; index[axis] < x->shape.dims[axis]; index[axis]++)
        sum += expl(x->at[ravel(x->shape, index)].real);
    return sum;
}

#define FUNCTION(name, formula) \
    static tg_tensor record_##name(const tg_tensor *x, const settings *with) { \
        return tg_##name(x[0], with->value[0]); \
    } \
    static void expect_##name(const values *x, const settings *with, values *y) { \
        int axis = (with->value[0] + x->shape.rank) % x->shape.rank; \
        clear_values(y, x->dtype, x->shape); \
        for (int64_t n = 0; n < y->size; n++) { \
            long double a = x->at[n].real, sum = sum_around(x, axis, n); \
            y->at[n].real = formula; \
        } \
    }
FUNCTION(softmax, expl(a) / sum)
FUNCTION(log_softmax, a - logl(sum))

#define ROW(function) \
    { \
        .name = #function, .called = #function, .arity = 1, .takes = TAKES_FLOAT, .record = record_##function, \
        .expect = expect_##function, .low = {-3}, .high = {3}, .cases = cases, .case_count = sizeof cases / sizeof *cases \
    }

const op_row softmax_rows[] = {ROW(softmax), ROW(log_softmax), {.name = NULL}};

/* ---- values and gradients ---------------------------------------------------------------------------------------- */

static tg_tensor jacobian_row(tg_tensor y, tg_tensor x, int64_t i) {
    return slope(tg_slice(y, 0, i, i + 1, 1), x);
}

START_TEST(large_operands_do_not_overflow) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 1000, -1000, 1000), low = POINTS(tape, -1000, -1000), far = POINTS(tape, -1000, 1000);
    CHECK_IS(tg_softmax(x, 0), 0.5, 0, 0.5);
    CHECK_IS(tg_softmax(low, 0), 0.5, 0.5);
    CHECK_IS(tg_softmax(far, 0), 0, 1);
    CHECK_IS(jacobian_row(tg_softmax(x, 0), x, 0), 0.25, 0, -0.25);
    CHECK_IS(jacobian_row(tg_softmax(far, 0), far, 1), 0, 0);
    CHECK_IS(slope(jacobian_row(tg_softmax(low, 0), low, 0), low), 0, 0);
    CHECK_IS(tg_log_softmax(far, 0), -2000, 0);
    CHECK_IS(jacobian_row(tg_log_softmax(far, 0), far, 0), 1, -1);
    CHECK_IS(jacobian_row(tg_log_softmax(x, 0), x, 1), -0.5, 1, -0.5);
    CHECK_IS(slope(tg_square(jacobian_row(tg_log_softmax(x, 0), x, 0)), x), -0.5, 0, 0.5);
    finish(tape);
}
END_TEST

/* Where x - logsumexp(x) has lost ten of its sixteen digits. */
START_TEST(log_softmax_keeps_its_digits) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1048576, 1048576 - 30), y = tg_log_softmax(x, 0);
    ck_assert_double_eq_tol(tg_item(tg_slice(y, 0, 0, 1, 1)) / -log1p(exp(-30)), 1, 1e-2);
    ck_assert_double_eq_tol(tg_item(tg_slice(y, 0, 1, 2, 1)), -30 - log1p(exp(-30)), 1e-14);
    tg_tensor z = F64(tape, 1048576, 1048577, 1048578);
    ck_assert_double_eq_tol(tg_item(tg_slice(tg_log_softmax(z, 0), 0, 0, 1, 1)), -2.40760596444437968, 1e-15);
    finish(tape);
}
END_TEST

START_TEST(infinite_operands_are_pytorchs) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor masked = POINTS(tape, -INF, 2, 2), all = POINTS(tape, -INF, -INF), high = POINTS(tape, INF, 1);
    CHECK_IS(tg_softmax(masked, 0), 0, 0.5, 0.5);
    CHECK_IS(jacobian_row(tg_softmax(masked, 0), masked, 1), 0, 0.25, -0.25);
    CHECK_IS(slope(jacobian_row(tg_softmax(masked, 0), masked, 1), masked), 0, 0, 0);
    CHECK_IS(jacobian_row(tg_log_softmax(masked, 0), masked, 1), 0, 0.5, -0.5);
    CHECK_IS(tg_slice(tg_log_softmax(masked, 0), 0, 0, 1, 1), -INF);
    CHECK_IS(tg_softmax(all, 0), NOT, NOT);
    CHECK_IS(tg_log_softmax(all, 0), NOT, NOT);
    CHECK_IS(tg_softmax(high, 0), NOT, NOT);
    CHECK_IS(tg_log_softmax(high, 0), NOT, NOT);
    CHECK_IS(tg_softmax(POINTS(tape, NOT, 0), -1), NOT, NOT);
    finish(tape);
}
END_TEST

/* Seeded with ones, the gradient of what adds up to 1 is 0. */
START_TEST(probabilities_add_up) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2, 3), (double[]){0.3, -1.7, 2.2, 900, 901.5, 899});
    tg_tensor sums = tg_sum_axes(tg_softmax(x, 1), TG_AXES(1), false);
    ck_assert_double_eq_tol(tg_item(tg_slice(sums, 0, 0, 1, 1)), 1, 1e-15);
    ck_assert_double_eq_tol(tg_item(tg_slice(sums, 0, 1, 2, 1)), 1, 1e-15);
    ck_assert_double_eq_tol(tg_item(tg_max(tg_abs(slope(sums, x)))), 0, 1e-15);
    finish(tape);
}
END_TEST

/* ---- instructions, errors ---------------------------------------------------------------------------------------- */

/* These run for every example of every classifier: the number of instructions must not grow unnoticed. */
START_TEST(few_instructions) {
    static tg_tensor (*const functions[])(tg_tensor, int) = {(tg_softmax), (tg_log_softmax)};
    static const int forward[] = {7, 8}, backward[] = {10, 7};
    tg_tape         *tape = tg_tape_new();
    tg_tensor        x = tg_full(tape, TG_F32, TG_SHAPE(4, 3), 1), seed = tg_full(tape, TG_F32, TG_SHAPE(4, 3), 1), g;
    int64_t          before = tg_instruction_count(tape);
    tg_tensor        y = functions[_i](x, 1);
    ck_assert_int_le(tg_instruction_count(tape) - before, forward[_i]);
    before = tg_instruction_count(tape);
    tg_vjp(tape, 1, &y, &seed, 1, &x, &g);
    ck_assert_int_le(tg_instruction_count(tape) - before, backward[_i]);
    finish(tape);
}
END_TEST

START_TEST(only_the_result_is_kept) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", F64(tape, 0, 0)), y = tg_softmax(x, 0);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    CHECK_IS(y, 0.5, 0.5);
    ck_assert_int_eq(tg_backward(tg_sum(tg_square(y))), TG_OK);
    CHECK_IS(tg_grad(x), 0, 0);
    finish(tape);
}
END_TEST

START_TEST(what_they_reject) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), number = tg_full(tape, TG_F32, TG_SHAPE(), 1),
              whole = I64(tape, 1, 2);
    REFUSED(tg_softmax(x, 2), TG_ERR_SHAPE, "softmax: (2, 3): axis 2 of a tensor of rank 2");
    REFUSED(tg_log_softmax(x, -3), TG_ERR_SHAPE, "log_softmax: (2, 3): axis -3 of a tensor of rank 2");
    REFUSED(tg_softmax(number, 0), TG_ERR_SHAPE, "softmax: (): axis 0 of a tensor of rank 0");
    REFUSED(tg_softmax(whole, 0), TG_ERR_DTYPE, "softmax: int64 (2): it takes no int64: convert with tg_cast");
    finish(tape);
}
END_TEST

Suite *suite_softmax(void) {
    Suite *suite = suite_create("softmax");
    TCase *tcase = tcase_create("softmax");
    add_rows(suite, softmax_rows);
    tcase_add_loop_test(tcase, large_operands_do_not_overflow, 0, 2);
    tcase_add_loop_test(tcase, infinite_operands_are_pytorchs, 0, 2);
    tcase_add_test(tcase, log_softmax_keeps_its_digits);
    tcase_add_test(tcase, probabilities_add_up);
    tcase_add_loop_test(tcase, few_instructions, 0, 2);
    tcase_add_test(tcase, only_the_result_is_kept);
    tcase_add_test(tcase, what_they_reject);
    suite_add_tcase(suite, tcase);
    return suite;
}
