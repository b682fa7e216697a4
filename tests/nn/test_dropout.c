/* tests/nn/test_dropout.c: dropout: its row of the op table; what is drawn when, and by whom; random ops of one's own.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/nn.h>

#include <math.h>
#include <string.h>

#include "ops/trial.h"

/* ---- the row ----------------------------------------------------------------------------------------------------- */

/* The settings are 10 p, and whether to train. */
static const op_case cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {2, {5, 1}}},
    {.shape = {{0, {0}}}, .with = {2, {5, 1}}},
    {.shape = {{1, {7}}}, .with = {2, {1, 1}}},
    {.shape = {{2, {2, 0}}}, .with = {2, {3, 1}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 1}}}, .with = {2, {3, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {0, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {10, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {5, 0}}},
    {.shape = {{2, {40, 50}}}, .with = {2, {7, 1}}},
};

static const op_case cases_1d[] = {
    {.shape = {{2, {2, 3}}}, .with = {2, {5, 1}}},    {.shape = {{3, {2, 3, 4}}}, .with = {2, {5, 1}}},
    {.shape = {{3, {0, 3, 4}}}, .with = {2, {5, 1}}}, {.shape = {{3, {2, 3, 1}}}, .with = {2, {10, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {5, 0}}},    {.shape = {{3, {10, 20, 10}}}, .with = {2, {7, 1}}},
};
static const op_case cases_2d[] = {
    {.shape = {{3, {3, 2, 2}}}, .with = {2, {5, 1}}},    {.shape = {{4, {2, 3, 2, 2}}}, .with = {2, {5, 1}}},
    {.shape = {{4, {2, 0, 2, 2}}}, .with = {2, {5, 1}}}, {.shape = {{4, {2, 3, 1, 1}}}, .with = {2, {0, 1}}},
    {.shape = {{3, {3, 2, 2}}}, .with = {2, {5, 0}}},    {.shape = {{4, {10, 20, 2, 5}}}, .with = {2, {3, 1}}},
};
static const op_case cases_3d[] = {
    {.shape = {{4, {3, 2, 1, 2}}}, .with = {2, {5, 1}}},    {.shape = {{5, {2, 3, 2, 1, 2}}}, .with = {2, {5, 1}}},
    {.shape = {{5, {2, 3, 0, 1, 2}}}, .with = {2, {5, 1}}}, {.shape = {{4, {3, 1, 1, 1}}}, .with = {2, {10, 1}}},
    {.shape = {{4, {3, 2, 1, 2}}}, .with = {2, {5, 0}}},    {.shape = {{5, {10, 20, 2, 1, 5}}}, .with = {2, {3, 1}}},
};

#define RECORD(name) \
    static tg_tensor record_##name(const tg_tensor *x, const settings *with) { \
        return tg_##name(x[0], with->value[0] / 10.0, with->value[1]); \
    }
RECORD(dropout)
RECORD(dropout1d)
RECORD(dropout2d)
RECORD(dropout3d)
RECORD(alpha_dropout)

/* What tg_bernoulli draws after the same seed, for a shape that broadcasts to x's. */
static void draw(tg_shape shape, double kept, values *drawn) {
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, TRIAL_SEED);
    read_values("expected", tg_bernoulli(tape, TG_BOOL, shape, kept), drawn);
    finish(tape);
}

/* The last axes, so many, are dropped together. */
static void expect_dropped(const values *x, const settings *with, int together, values *y) {
    static values drawn;
    double        kept = 1 - with->value[0] / 10.0;
    tg_shape      shape = x->shape;
    int64_t       part = 1;
    *y = *x;
    if (!with->value[1] || kept == 1) return;
    for (int i = shape.rank - together; i < shape.rank; i++) {
        part *= shape.dims[i];
        shape.dims[i] = 1;
    }
    draw(shape, kept, &drawn);
    for (int64_t i = 0; i < y->size; i++)
        y->at[i].real = drawn.at[i / part].whole ? x->at[i].real / (long double)kept : 0;
}

#define EXPECT(name, together) \
    static void expect_##name(const values *x, const settings *with, values *y) { \
        expect_dropped(x, with, together, y); \
    }
EXPECT(dropout, 0)
EXPECT(dropout1d, 1)
EXPECT(dropout2d, 2)
EXPECT(dropout3d, 3)

/* PyTorch's form of it: noise * a * x + (noise - 1) * alpha * a + alpha * a * p. */
static void expect_alpha_dropout(const values *x, const settings *with, values *y) {
    static values drawn;
    long double   p = with->value[0] / 10.0L, alpha = 1.7580993408473768645L, a = 1 / sqrtl((alpha * alpha * p + 1) * (1 - p));
    *y = *x;
    if (!with->value[1] || p == 0) return;
    draw(x->shape, 1 - with->value[0] / 10.0, &drawn);
    for (int64_t i = 0; i < y->size; i++) {
        long double noise = (long double)drawn.at[i].whole;
        y->at[i].real = p == 1 ? 0 : noise * a * x->at[i].real + (noise - 1) * alpha * a + alpha * a * p;
    }
}

#define ROW(function, list) \
    { \
        .name = #function, .called = #function, .arity = 1, .takes = TAKES_FLOAT, .record = record_##function, \
        .expect = expect_##function, .low = {-3}, .high = {3}, .cases = list, .case_count = sizeof list / sizeof *list \
    }

const op_row dropout_rows[] = {
    ROW(dropout, cases),      ROW(dropout1d, cases_1d),  ROW(dropout2d, cases_2d),
    ROW(dropout3d, cases_3d), ROW(alpha_dropout, cases), {.name = NULL},
};

/* ---- what is drawn when ------------------------------------------------------------------------------------------ */

enum { COUNT = 40 };

static tg_tensor ones(tg_tape *tape) {
    return tg_full(tape, TG_F32, TG_SHAPE(COUNT), 1);
}

/* A tape whose generator is at the start of its numbers. */
static tg_tape *seeded(void) {
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, TRIAL_SEED);
    return tape;
}

static bool same(tg_tensor a, tg_tensor b) {
    float x[COUNT], y[COUNT];
    ck_assert(tg_read(a, x, COUNT) == TG_OK && tg_read(b, y, COUNT) == TG_OK);
    return !memcmp(x, y, sizeof x);
}

/* Dropout of ones gave what tg_bernoulli draws now on another tape. */
static void check_drawn(tg_tensor y, tg_tape *other, double p) {
    ck_assert(same(y, tg_div(tg_bernoulli(other, TG_F32, TG_SHAPE(COUNT), 1 - p), 1 - p)));
}

/* Both generators are at the same place. */
static void check_same_place(tg_tape *a, tg_tape *b) {
    ck_assert(tg_item(tg_rand(a, TG_F64, TG_SHAPE())) == tg_item(tg_rand(b, TG_F64, TG_SHAPE())));
}

START_TEST(each_run_draws_anew_and_each_read_does_not) {
    tg_tape  *tape = seeded(), *other = seeded();
    tg_tensor y = tg_dropout(ones(tape), 0.3, true);
    for (int run = 0; run < 4; run++) {
        ck_assert_int_eq(tg_run(tape), TG_OK);
        check_drawn(y, other, 0.3);
        ck_assert(same(y, tg_neg(tg_neg(y))));
    }
    check_same_place(tape, other);
    finish(tape);
    finish(other);
}
END_TEST

START_TEST(each_call_has_a_mask_of_its_own) {
    tg_tape  *tape = seeded(), *other = seeded();
    tg_tensor x = ones(tape), a = tg_dropout(x, 0.5, true), b = tg_dropout(x, 0.5, true);
    for (int run = 0; run < 3; run++) {
        ck_assert_int_eq(tg_run(tape), TG_OK);
        ck_assert(!same(a, b));
        check_drawn(a, other, 0.5);
        check_drawn(b, other, 0.5);
    }
    finish(tape);
    finish(other);
}
END_TEST

/* Whether backward is recorded before the first run, or after it. */
START_TEST(gradients_see_what_their_run_drew) {
    tg_tape  *tape = seeded();
    tg_tensor w = tg_parameter(tape, "w", ones(tape)), y = tg_dropout(w, 0.5, true);
    if (_i) ck_assert_double_gt(tg_item(tg_sum(y)), 0);
    ck_assert_int_eq(tg_backward(tg_sum(tg_square(y))), TG_OK);
    tg_tensor once = tg_mul(2, tg_square(y)), curvature, g = tg_grad(w);
    ck_assert_int_eq(tg_vjp(tape, 1, &g, NULL, 1, &w, &curvature), TG_OK);
    float before[COUNT] = {0}, now[COUNT];
    for (int run = 0; run < 3; run++) {
        ck_assert(same(g, once) && same(curvature, once));
        ck_assert_int_eq(tg_read(y, now, COUNT), TG_OK);
        ck_assert(memcmp(before, now, sizeof now) != 0);
        memcpy(before, now, sizeof now);
        ck_assert_int_eq(tg_run(tape), TG_OK);
    }
    finish(tape);
}
END_TEST

START_TEST(a_step_recorded_afresh_draws_on) {
    tg_tape  *tape = seeded(), *other = seeded();
    tg_tensor x = ones(tape);
    tg_mark   mark = tg_tape_mark(tape);
    for (int step = 0; step < 3; step++) {
        check_drawn(tg_dropout(x, 0.5, true), other, 0.5);
        tg_rewind(tape, mark);
        tg_dropout(x, 0.5, true); /* looked at by nobody: nothing is drawn */
        tg_rewind(tape, mark);
    }
    check_same_place(tape, other);
    finish(tape);
    finish(other);
}
END_TEST

START_TEST(a_seed_counts_from_the_next_run_on) {
    tg_tape  *tape = tg_tape_new(), *other = seeded();
    tg_tensor y = tg_dropout(ones(tape), 0.5, true);
    tg_seed(tape, TRIAL_SEED); /* what is pending has not drawn yet */
    check_drawn(y, other, 0.5);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    check_drawn(y, other, 0.5);
    tg_seed(tape, TRIAL_SEED);
    tg_seed(other, TRIAL_SEED);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    check_drawn(y, other, 0.5);
    finish(tape);
    finish(other);
}
END_TEST

START_TEST(where_nothing_is_left_to_chance_nothing_is_drawn) {
    tg_tape  *tape = seeded(), *other = seeded();
    tg_tensor x = POINTS(tape, 1, -2, INF, NOT);
    int64_t   count = tg_instruction_count(tape);
    CHECK_IS(tg_dropout(x, 0, true), 1, -2, INF, NOT);
    CHECK_IS(tg_dropout(x, 0.5, false), 1, -2, INF, NOT);
    CHECK_IS(tg_dropout(x, 1, false), 1, -2, INF, NOT);
    ck_assert_int_eq(tg_instruction_count(tape), count);
    CHECK_IS(tg_dropout(x, 1, true), 0, -0.0, NOT, NOT);
    CHECK_IS(slope(tg_dropout(x, 1, true), x), 0, 0, 0, 0);
    check_same_place(tape, other);
    finish(tape);
    finish(other);
}
END_TEST

/* The first eight that PyTorch draws after this seed drop all but the second and the last two. */
START_TEST(infinity_is_not_dropped) {
    tg_tape *tape = seeded();
    CHECK_IS(tg_dropout(POINTS(tape, INF, INF, INF, INF, INF, INF, INF, INF), 0.5, true), NOT, INF, NOT, NOT, NOT, NOT, INF,
             INF);
    finish(tape);
}
END_TEST

/* Of 100000 elements, within four standard deviations. */
START_TEST(as_many_are_kept_as_should_be) {
    enum { MANY = 100000 };
    static const double p[] = {0.1, 0.5, 0.9};
    tg_tape            *tape = seeded();
    for (int i = 0; i < 3; i++) {
        tg_tensor y = tg_dropout(tg_full(tape, floats[_i], TG_SHAPE(MANY), 1), p[i], true);
        double    kept = tg_item(tg_sum(tg_cast(tg_ne(y, 0), TG_F64))) / (double)MANY,
               deviation = sqrt(p[i] * (1 - p[i]) / (double)MANY);
        ck_assert_double_eq_tol(kept, 1 - p[i], 4 * deviation);
        ck_assert_double_eq_tol(tg_item(tg_mean(tg_cast(y, TG_F64))), 1, 4 * deviation / (1 - p[i]) + 1e-6);
    }
    finish(tape);
}
END_TEST

/* ---- what is run again ------------------------------------------------------------------------------------------- */

/* The gradient check moves x and runs what depends on it: the mask does not. */
START_TEST(a_gradient_check_leaves_the_mask_as_it_is) {
    tg_tape            *tape = seeded(), *other = seeded();
    tg_tensor           x = F64(tape, 0.5, -1, 2, 0.25, 1, -0.5), y = tg_dropout(tg_tanh(tg_dropout(x, 0.3, true)), 0.4, true);
    tg_gradcheck_report report = {.order = 3};
    double              before[6], after[6], jacobian[36];
    ck_assert_int_eq(tg_read(y, before, 6), TG_OK);
    ck_assert_msg(tg_gradcheck(y, 1, &x, &report) == TG_OK, "%s", tg_error(tape));
    ck_assert_int_eq(report.count, 18);
    ck_assert_int_eq(tg_read_jacobian(y, x, jacobian, 36), TG_OK);
    ck_assert_int_eq(tg_read(y, after, 6), TG_OK);
    ck_assert(!memcmp(before, after, sizeof before));
    for (int i = 0; i < 6; i++)
        ck_assert((jacobian[7 * i] != 0) == (after[i] != 0));
    tg_bernoulli(other, TG_F64, TG_SHAPE(12), 0.5);
    check_same_place(tape, other);
    finish(tape);
    finish(other);
}
END_TEST

static tg_status infer_same(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

static tg_status jitter_kernel(tg_kernel_call *call) {
    static double noise;
    const double *x = tg_contiguous(call, 0);
    for (int64_t i = 0; i < call->out.size; i++)
        ((double *)call->out.data)[i] = x[i] + (noise += 0.25);
    return TG_OK;
}

static tg_tensor jitter_rule(const tg_rule_call *call) {
    return call->g;
}

/* An op of one's own whose result is random given x: nothing can be measured through it, unless x is no input. */
START_TEST(a_check_rejects_what_is_random_itself) {
    static tg_rule *const rules[] = {jitter_rule};
    static const tg_op    op = {"jitter", 1, infer_same, .kernel = jitter_kernel, .rules = rules, .random = true};
    tg_tape              *tape = tg_tape_new();
    tg_tensor             x = F64(tape, 1, 2), w = F64(tape, 3, 4), noisy = tg_record(tape, &op, 1, &x, NULL, 0);
    tg_tensor             y = tg_mul(w, noisy);
    ck_assert_int_eq(tg_gradcheck(y, 1, &w, NULL), TG_OK);
    ck_assert_int_eq(tg_gradcheck(y, 1, &x, NULL), TG_ERR_GRADIENT);
    CHECK_ERROR(tape, TG_ERR_GRADIENT,
                "test_dropout.c:", "gradcheck: y depends on the inputs by way of jitter, which is random");
    finish(tape);
}
END_TEST

/* Zero mean and unit variance stay, and what is dropped may be infinite. */
START_TEST(alpha_dropout_keeps_mean_and_variance) {
    tg_tape  *tape = seeded();
    tg_tensor x = tg_randn(tape, TG_F64, TG_SHAPE(200000)), y = tg_alpha_dropout(x, 0.3, true);
    ck_assert_double_eq_tol(tg_item(tg_mean(y)), 0, 0.01);
    ck_assert_double_eq_tol(tg_item(tg_std(y)), 1, 0.01);
    CHECK_IS(tg_alpha_dropout(F64(tape, 1, -INF), 1, false), 1, -INF);
    ck_assert(tg_item(tg_any(tg_isnan(tg_alpha_dropout(tg_full(tape, TG_F32, TG_SHAPE(40), INF), 0.5, true)))) == 0);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(what_it_rejects) {
    tg_tape  *tape = seeded();
    tg_tensor x = F64(tape, 1, 2), whole = I64(tape, 1);
    REFUSED(tg_dropout(x, -0.1, true), TG_ERR_ARGUMENT, "dropout: p -0.1 is not in [0, 1]");
    REFUSED(tg_dropout(x, 1.5, false), TG_ERR_ARGUMENT, "dropout: p 1.5");
    REFUSED(tg_dropout(x, NAN, true), TG_ERR_ARGUMENT, "dropout: p nan");
    REFUSED(tg_alpha_dropout(x, 2, true), TG_ERR_ARGUMENT, "alpha_dropout: p 2 is not in [0, 1]");
    REFUSED(tg_dropout1d(x, 0.5, true), TG_ERR_SHAPE, "dropout1d: (2): x has 1 axes, not 2, or 3 for a batch");
    REFUSED(tg_dropout2d(x, 0.5, false), TG_ERR_SHAPE, "dropout2d: (2): x has 1 axes, not 3, or 4 for a batch");
    REFUSED(tg_dropout3d(x, -1, true), TG_ERR_ARGUMENT, "dropout3d: p -1");
    REFUSED(tg_dropout(whole, 0.5, false), TG_ERR_DTYPE, "dropout: int64 (1): ", "tg_cast");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_dropout(void) {
    Suite *suite = suite_create("dropout");
    TCase *tcase = tcase_create("draws");
    add_rows(suite, dropout_rows);
    tcase_add_test(tcase, each_run_draws_anew_and_each_read_does_not);
    tcase_add_test(tcase, each_call_has_a_mask_of_its_own);
    tcase_add_loop_test(tcase, gradients_see_what_their_run_drew, 0, 2);
    tcase_add_test(tcase, a_step_recorded_afresh_draws_on);
    tcase_add_test(tcase, a_seed_counts_from_the_next_run_on);
    tcase_add_loop_test(tcase, where_nothing_is_left_to_chance_nothing_is_drawn, 0, 2);
    tcase_add_loop_test(tcase, infinity_is_not_dropped, 0, 2);
    tcase_add_loop_test(tcase, as_many_are_kept_as_should_be, 0, 2);
    tcase_add_test(tcase, a_gradient_check_leaves_the_mask_as_it_is);
    tcase_add_test(tcase, a_check_rejects_what_is_random_itself);
    tcase_add_test(tcase, alpha_dropout_keeps_mean_and_variance);
    tcase_add_test(tcase, what_it_rejects);
    suite_add_tcase(suite, tcase);
    return suite;
}
