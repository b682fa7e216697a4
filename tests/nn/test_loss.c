/* tests/nn/test_loss.c: the losses but for those of classes and of margins: their rows of the op table; bounds, corners, extremes, options,
 * and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "nn/near.h"
#include "nn/reduced.h"
#include "ops/op_table.h"

/* ---- the rows: elementwise ones, of which the first setting is the reduction ---------------------------------------- */

/* clang-format off */
#define DIMS(...) {sizeof((int[]){0, __VA_ARGS__}) / sizeof(int) - 1, {__VA_ARGS__}}
#define SINGLE {0, {0}}
#define CASE(a, b, ...) {.shape = {a, b}, .with = {sizeof((int[]){__VA_ARGS__}) / sizeof(int), {__VA_ARGS__}}}
#define SHAPES(...) \
    CASE(DIMS(2, 3), DIMS(2, 3), TG_REDUCE_MEAN, __VA_ARGS__), \
    CASE(DIMS(2, 3), DIMS(2, 3), TG_REDUCE_NONE, __VA_ARGS__), \
    CASE(DIMS(2, 3), DIMS(3), TG_REDUCE_NONE, __VA_ARGS__), \
    CASE(DIMS(3), DIMS(2, 1), TG_REDUCE_BATCH_MEAN, __VA_ARGS__), \
    CASE(SINGLE, SINGLE, TG_REDUCE_MEAN, __VA_ARGS__), \
    CASE(DIMS(1), SINGLE, TG_REDUCE_SUM, __VA_ARGS__), \
    CASE(DIMS(0, 3), DIMS(0, 3), TG_REDUCE_SUM, __VA_ARGS__), \
    CASE(DIMS(0), DIMS(0), TG_REDUCE_MEAN, __VA_ARGS__), \
    CASE(DIMS(2, 1, 2, 1, 1, 2, 1, 2), DIMS(2, 1, 1), TG_REDUCE_BATCH_MEAN, __VA_ARGS__), \
    CASE(DIMS(30, 60), DIMS(60), TG_REDUCE_MEAN, __VA_ARGS__)
/* clang-format on */

/* A second setting is 4 delta or beta, or whether the target is a logarithm. For bce it says how many weights follow, as four
 * times their value; behind them come those of yes. */
static const op_case plain_cases[] = {SHAPES(0)};
static const op_case bound_cases[] = {SHAPES(6), CASE(DIMS(3), DIMS(3), TG_REDUCE_NONE, 1)};
static const op_case smooth_cases[] = {SHAPES(6), CASE(DIMS(3), DIMS(3), TG_REDUCE_NONE, 0)};
static const op_case kl_cases[] = {SHAPES(0), SHAPES(1)};
static const op_case bce_cases[] = {
    SHAPES(0),
    CASE(DIMS(2, 3), DIMS(2, 3), TG_REDUCE_MEAN, 3, 1, 8, 0),
    CASE(DIMS(2, 3), DIMS(3), TG_REDUCE_NONE, 1, 6),
};
static const op_case logits_cases[] = {
    SHAPES(0),
    CASE(DIMS(2, 3), DIMS(2, 3), TG_REDUCE_MEAN, 3, 1, 8, 0),
    CASE(DIMS(2, 3), DIMS(2, 3), TG_REDUCE_NONE, 0, 2, 12, 4),
    CASE(DIMS(2, 3), DIMS(3), TG_REDUCE_SUM, 1, 6, 2, 12, 4),
};
/* Whether the input is a logarithm, whether all is added, and eps in quarters, or for 0 the usual one. */
static const op_case poisson_cases[] = {SHAPES(1, 0, 0), SHAPES(1, 1, 0), CASE(DIMS(2, 3), DIMS(2, 3), TG_REDUCE_NONE, 0, 0, 1),
                                        CASE(DIMS(2, 3), DIMS(3), TG_REDUCE_SUM, 0, 1, 0)};
/* The third operand is the variance. Whether all is added, and eps in quarters. */
#define CASE3(a, b, c, ...) \
    { \
        .shape = {a, b, c}, .with = { sizeof((int[]){__VA_ARGS__}) / sizeof(int), {__VA_ARGS__} } \
    }
static const op_case gaussian_cases[] = {
    CASE3(DIMS(2, 3), DIMS(2, 3), DIMS(2, 3), TG_REDUCE_MEAN, 0, 0),
    CASE3(DIMS(2, 3), DIMS(2, 3), DIMS(2, 1), TG_REDUCE_NONE, 1, 0),
    CASE3(DIMS(3), DIMS(2, 1), SINGLE, TG_REDUCE_BATCH_MEAN, 0, 0),
    CASE3(SINGLE, SINGLE, SINGLE, TG_REDUCE_MEAN, 1, 0),
    CASE3(DIMS(0, 3), DIMS(3), DIMS(1), TG_REDUCE_SUM, 1, 0),
    CASE3(DIMS(30, 60), DIMS(60), DIMS(30, 1), TG_REDUCE_MEAN, 1, 0),
};

static double number_in(const settings *with, int i) {
    return with->value[i] / 4.0;
}

/* `count` settings from `from` on as a vector of the dtype of x; none where there are none. */
static tg_tensor weights_in(tg_tensor x, const settings *with, int from, int count) {
    static values v;
    if (count <= 0) return (tg_tensor){0};
    clear_values(&v, tg_dtype_of(x), TG_SHAPE(count));
    for (int i = 0; i < count; i++)
        v.at[i].real = (long double)number_in(with, from + i);
    return leaf_of(x.tape, &v);
}

/* Valid until the next call. */
static const tg_bce_options *options_in(tg_tensor x, const settings *with) {
    static tg_bce_options options;
    int                   count = with->value[1];
    options.reduction = (tg_reduction)with->value[0];
    options.weight = weights_in(x, with, 2, count);
    options.pos_weight = weights_in(x, with, 2 + count, with->count - 2 - count);
    return &options;
}

/* The weight at column j: the vector broadcasts, and none counts as 1. */
static long double weight_at(const settings *with, int from, int count, int64_t j) {
    return count <= 0 ? 1 : (long double)number_in(with, from + (int)(j % count));
}

static long double bce_of(long double log_yes, long double log_no, long double t, const settings *with, int64_t j) {
    int count = with->value[1];
    return -weight_at(with, 2, count, j) *
           (weight_at(with, 2 + count, with->count - 2 - count, j) * t * log_yes + (1 - t) * log_no);
}

static long double bent(long double d, long double bound) {
    return fabsl(d) < bound ? d * d / 2 : bound * (fabsl(d) - bound / 2);
}

/* Of one x and one target t, in column j. */
#define FUNCTION(name, formula, ...) \
    static tg_tensor record_##name(const tg_tensor *x, const settings *with) { \
        tg_reduction how = (tg_reduction)with->value[0]; \
        (void)how; \
        return tg_##name(x[0], x[1], __VA_ARGS__); \
    } \
    static void expect_##name(const values *in, const settings *with, values *y) { \
        static values each; \
        int64_t       index[TG_MAX_RANK]; \
        long double   s = (long double)number_in(with, 1); \
        (void)s; \
        clear_values(&each, in->dtype, broadcast_shapes(in[0].shape, in[1].shape)); \
        for (int64_t n = 0; n < each.size; n++) { \
            int rank = each.shape.rank; \
            unravel(each.shape, n, index); \
            long double x = in[0].at[ravel_broadcast(in[0].shape, rank, index)].real; \
            long double t = in[1].at[ravel_broadcast(in[1].shape, rank, index)].real; \
            int64_t     j = rank ? index[rank - 1] : 0; \
            (void)j; \
            each.at[n].real = formula; \
        } \
        expect_reduced(&each, (tg_reduction)with->value[0], NULL, y); \
    }
FUNCTION(mse_loss, (x - t) * (x - t), how)
FUNCTION(l1_loss, fabsl(x - t), how)
FUNCTION(huber_loss, bent(x - t, s), number_in(with, 1), how)
FUNCTION(smooth_l1_loss, s > 0 ? bent(x - t, s) / s : fabsl(x - t), number_in(with, 1), how)
FUNCTION(bce_loss, bce_of(logl(x), logl(1 - x), t, with, j), options_in(x[0], with))
FUNCTION(bce_with_logits_loss, bce_of(-logl(1 + expl(-x)), -logl(1 + expl(x)), t, with, j), options_in(x[0], with))
FUNCTION(kl_div, s > 0 ? expl(t) * (t - x) : t * (logl(t) - x), with->value[1] != 0, how)

static double eps_in(const settings *with, int i, double usual) {
    return with->value[i] ? number_in(with, i) : usual;
}

static long double poisson(long double x, long double t, const settings *with) {
    long double eps = (long double)eps_in(with, 3, 1e-8), each = with->value[1] ? expl(x) - t * x : x - t * logl(x + eps);
    return with->value[2] && t > 1 ? each + t * logl(t) - t + logl(2 * 3.14159265358979323846L * t) / 2 : each;
}
FUNCTION(poisson_nll_loss, poisson(x, t, with), with->value[1] != 0, with->value[2] != 0, eps_in(with, 3, 1e-8), how)

static tg_tensor record_gaussian_nll_loss(const tg_tensor *x, const settings *with) {
    return tg_gaussian_nll_loss(x[0], x[1], x[2], with->value[1] != 0, eps_in(with, 2, 1e-6), (tg_reduction)with->value[0]);
}

static void expect_gaussian_nll_loss(const values *in, const settings *with, values *y) {
    static values each;
    int64_t       index[TG_MAX_RANK];
    clear_values(&each, in->dtype, broadcast_shapes(broadcast_shapes(in[0].shape, in[1].shape), in[2].shape));
    for (int64_t n = 0; n < each.size; n++) {
        long double x[3];
        unravel(each.shape, n, index);
        for (int k = 0; k < 3; k++)
            x[k] = in[k].at[ravel_broadcast(in[k].shape, each.shape.rank, index)].real;
        long double v = fmaxl(x[2], (long double)eps_in(with, 2, 1e-6));
        each.at[n].real =
            (logl(v) + (x[0] - x[1]) * (x[0] - x[1]) / v + (with->value[1] ? logl(2 * 3.14159265358979323846L) : 0)) / 2;
    }
    expect_reduced(&each, (tg_reduction)with->value[0], NULL, y);
}

#define ROW(function, list, l0, h0, l1, h1) \
    { \
        .name = #function, .called = #function, .arity = 2, .takes = TAKES_FLOAT, .record = record_##function, \
        .expect = expect_##function, .low = {l0, l1}, .high = {h0, h1}, .cases = list, \
        .case_count = sizeof list / sizeof *list \
    }

const op_row loss_rows[] = {
    ROW(mse_loss, plain_cases, -2, 2, -2, 2),
    ROW(l1_loss, plain_cases, -2, 2, -2, 2),
    ROW(huber_loss, bound_cases, -2, 2, -2, 2),
    ROW(smooth_l1_loss, smooth_cases, -2, 2, -2, 2),
    ROW(bce_loss, bce_cases, 0.125, 0.875, 0, 1),
    ROW(bce_with_logits_loss, logits_cases, -3, 3, 0, 1),
    ROW(kl_div, kl_cases, -3, 0, 0.125, 1),
    ROW(poisson_nll_loss, poisson_cases, 0.25, 2, 0, 3),
    {.name = "gaussian_nll_loss",
     .called = "gaussian_nll_loss",
     .arity = 3,
     .takes = TAKES_FLOAT,
     .record = record_gaussian_nll_loss,
     .expect = expect_gaussian_nll_loss,
     .low = {-2, -2, 0.25},
     .high = {2, 2, 3},
     .cases = gaussian_cases,
     .case_count = sizeof gaussian_cases / sizeof *gaussian_cases},
    {.name = NULL},
};

/* ---- of numbers -------------------------------------------------------------------------------------------------- */

START_TEST(bounds_and_corners_of_numbers) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor d = POINTS(tape, -2, -1, -0.5, 0, 1, 1000, -INF, NOT);
    CHECK_IS(tg_huber_loss(d, 0, 1, TG_REDUCE_NONE), 1.5, 0.5, 0.125, 0, 0.5, 999.5, INF, NOT);
    CHECK_IS(slope(tg_huber_loss(d, 0, 1, TG_REDUCE_NONE), d), -1, -1, -0.5, 0, 1, 1, -1, NOT);
    CHECK_IS(tg_huber_loss(d, 0, 2, TG_REDUCE_NONE), 2, 0.5, 0.125, 0, 0.5, 1998, INF, NOT);
    CHECK_IS(tg_smooth_l1_loss(d, 0, 0.5, TG_REDUCE_NONE), 1.75, 0.75, 0.25, 0, 0.75, 999.75, INF, NOT);
    CHECK_IS(slope(tg_smooth_l1_loss(d, 0, 0.5, TG_REDUCE_NONE), d), -1, -1, -1, 0, 1, 1, -1, NOT);
    CHECK_IS(tg_smooth_l1_loss(d, 0, 0, TG_REDUCE_NONE), 2, 1, 0.5, 0, 1, 1000, INF, NOT);
    CHECK_IS(slope(tg_l1_loss(d, 0, TG_REDUCE_NONE), d), -1, -1, -1, 0, 1, 1, -1, NOT);
    tg_tensor in = POINTS(tape, -2, -0.5, 0, 0.25, 3);
    CHECK_IS(slope(slope(tg_huber_loss(in, 0, 1, TG_REDUCE_NONE), in), in), 0, 1, 1, 1, 0);
    CHECK_IS(slope(slope(tg_smooth_l1_loss(in, 0, 1, TG_REDUCE_NONE), in), in), 0, 1, 1, 1, 0);
    CHECK_IS(tg_huber_loss(in, 0, INF, TG_REDUCE_NONE), 2, 0.125, 0, 0.03125, 4.5);
    CHECK_IS(slope(slope(tg_mse_loss(in, 1, TG_REDUCE_SUM), in), in), 2, 2, 2, 2, 2);
    finish(tape);
}
END_TEST

START_TEST(reductions) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2, 3), (double[]){1, 2, 3, 4, 5, 6}), none = tg_slice(x, 0, 0, 0, 1);
    CHECK_IS(tg_mse_loss(x, 0, TG_REDUCE_NONE), 1, 4, 9, 16, 25, 36);
    CHECK_IS(tg_mse_loss(x, 0, TG_REDUCE_SUM), 91);
    CHECK_IS(tg_mse_loss(x, 1, TG_REDUCE_MEAN), 55 / 6.0);
    CHECK_IS(tg_mse_loss(x, 0, TG_REDUCE_BATCH_MEAN), 45.5);
    CHECK_IS(tg_mse_loss(0, x, TG_REDUCE_BATCH_MEAN), 45.5);
    CHECK_IS(tg_mse_loss(none, 0, TG_REDUCE_SUM), 0);
    CHECK_IS(tg_mse_loss(none, 0, TG_REDUCE_MEAN), NOT);
    CHECK_IS(tg_mse_loss(none, 0, TG_REDUCE_BATCH_MEAN), NOT);
    ck_assert(tg_shape_equal(tg_shape_of(tg_mse_loss(none, 0, TG_REDUCE_NONE)), TG_SHAPE(0, 3)));
    finish(tape);
}
END_TEST

/* ---- of yes and no ----------------------------------------------------------------------------------------------- */

/* What PyTorch 2.15.0 gives there. */
START_TEST(bce_is_clamped_at_the_corners) {
    tg_tape       *tape = tg_tape_new();
    tg_tensor      p = POINTS(tape, 0, 0, 0, 1, 1, 1), target = POINTS(tape, 0, 1, 0.25, 0, 1, 0.25);
    tg_bce_options none = {.reduction = TG_REDUCE_NONE};
    tg_tensor      y = tg_bce_loss(p, target, &none), g = slope(y, p);
    CHECK_IS(y, 0, 100, 25, 100, 0, 75);
    CHECK_NEAR(1e-6, g, 0, -1e12, -0.25e12, 1e12, 0, 0.75e12);
    CHECK_NEAR(1e-6, slope(g, p), 1e12, 1e12, 1e12, 1e12, 1e12, 1e12);
    CHECK_IS(slope(y, target), 100, 100, 100, -100, -100, -100);
    CHECK_NEAR(1e-6, slope(slope(y, target), p), -1e12, -1e12, -1e12, -1e12, -1e12, -1e12);
    CHECK_IS(tg_bce_loss(POINTS(tape, -0.5, 1.5, NOT), 0.5, &none), NOT, NOT, NOT);
    finish(tape);
}
END_TEST

START_TEST(small_probabilities_keep_their_digits) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor p = F64(tape, 1e-30, 1e-9);
    CHECK_NEAR(1e-15, tg_bce_loss(p, 0, &(tg_bce_options){.reduction = TG_REDUCE_NONE}), 1e-30, 1.0000000005e-9);
    CHECK_NEAR(1e-15, tg_bce_loss(p, 1, &(tg_bce_options){.reduction = TG_REDUCE_NONE}), 69.07755278982137, 20.72326583694641);
    CHECK_IS(tg_bce_loss(F64(tape, 1e-300), 1, NULL), 100);
    finish(tape);
}
END_TEST

START_TEST(large_logits_are_right) {
    tg_tape       *tape = tg_tape_new();
    tg_tensor      z = POINTS(tape, 1000, 1000, 1000, -1000, -1000, -1000, 0), target = POINTS(tape, 0, 1, 0.25, 0, 1, 0.25, 1);
    tg_bce_options o = {.reduction = TG_REDUCE_NONE};
    tg_tensor      y = tg_bce_with_logits_loss(z, target, &o), ln_2 = tg_log(POINTS(tape, 2));
    CHECK_IS(y, 1000, 0, 750, 0, 1000, 250, tg_item(ln_2));
    CHECK_IS(slope(y, z), 1, 0, 0.75, 0, -1, -0.25, -0.5);
    CHECK_IS(slope(slope(y, z), z), 0, 0, 0, 0, 0, 0, 0.25);
    CHECK_IS(slope(y, target), -1000, -1000, -1000, 1000, 1000, 1000, 0);
    o.pos_weight = POINTS(tape, 3);
    y = tg_bce_with_logits_loss(z, target, &o);
    CHECK_IS(tg_slice(y, 0, 0, 6, 1), 1000, 0, 750, 0, 3000, 750);
    CHECK_IS(slope(y, z), 1, 0, 0.75, 0, -3, -0.75, -1.5);
    finish(tape);
}
END_TEST

/* 0 times infinity is 0 where the target gives the side no part. */
START_TEST(infinite_logits_are_right) {
    const double   inf = (double)INFINITY;
    tg_tape       *tape = tg_tape_new();
    tg_tensor      z = POINTS(tape, inf, -inf, inf, -inf, inf, -inf), target = POINTS(tape, 1, 0, 0, 1, 0.25, 0.25);
    tg_bce_options o = {.reduction = TG_REDUCE_NONE};
    tg_tensor      y = tg_bce_with_logits_loss(z, target, &o);
    CHECK_IS(y, 0, 0, inf, inf, inf, inf);
    CHECK_IS(slope(y, z), 0, 0, 1, -1, 0.75, -0.25);
    CHECK_IS(slope(slope(y, z), z), 0, 0, 0, 0, 0, 0);
    o.pos_weight = POINTS(tape, 0);
    CHECK_IS(tg_bce_with_logits_loss(z, target, &o), 0, 0, inf, 0, inf, 0);
    o = (tg_bce_options){TG_REDUCE_NONE, .weight = POINTS(tape, 0, 0, 0, 0, 0, 0)};
    CHECK_IS(tg_bce_with_logits_loss(z, target, &o), 0, 0, 0, 0, 0, 0);
    CHECK_IS(slope(tg_bce_with_logits_loss(z, target, &o), z), 0, 0, 0, 0, 0, 0);
    CHECK_IS(tg_bce_with_logits_loss(POINTS(tape, NAN), 1, NULL), (double)NAN);
    finish(tape);
}
END_TEST

/* The side that counts for nearly nothing has all its digits. */
START_TEST(sure_logits_keep_their_digits) {
    tg_tape       *tape = tg_tape_new();
    tg_tensor      z = F64(tape, 40, -40), target = F64(tape, 1, 0), y, g;
    tg_bce_options o = {.reduction = TG_REDUCE_NONE};
    y = tg_bce_with_logits_loss(z, target, &o);
    g = slope(y, z);
    ck_assert_int_le(ulps_f64(tg_item(tg_slice(y, 0, 0, 1, 1)), log1p(exp(-40))), 4);
    ck_assert_int_le(ulps_f64(tg_item(tg_slice(y, 0, 1, 2, 1)), log1p(exp(-40))), 4);
    ck_assert_int_le(ulps_f64(tg_item(tg_slice(g, 0, 0, 1, 1)), -1 / (1 + exp(40))), 4);
    ck_assert_int_le(ulps_f64(tg_item(tg_slice(g, 0, 1, 2, 1)), 1 / (1 + exp(40))), 4);
    finish(tape);
}
END_TEST

START_TEST(numbers_may_be_targets) {
    tg_tape       *tape = tg_tape_new();
    tg_tensor      z = F64(tape, 1000);
    tg_bce_options o = {.pos_weight = tg_num(3)};
    CHECK_IS(tg_bce_with_logits_loss(z, 0.25, NULL), 750);
    CHECK_IS(tg_bce_with_logits_loss(tg_neg(z), 1, &o), 3000);
    finish(tape);
}
END_TEST

START_TEST(logits_and_their_probabilities_agree) {
    tg_tape       *tape = tg_tape_new();
    tg_tensor      z = F64(tape, -3, -0.5, 0, 2, 4), target = F64(tape, 0, 1, 0.5, 0.25, 1);
    tg_bce_options o = {.weight = F64(tape, 1, 2, 0, 0.5, 3)};
    tg_tensor      left = tg_bce_loss(tg_sigmoid(z), target, &o), right = tg_bce_with_logits_loss(z, target, &o);
    ck_assert_double_eq_tol(tg_item(left), tg_item(right), 1e-14);
    ck_assert_double_eq_tol(tg_item(tg_max(tg_abs(tg_sub(slope(left, z), slope(right, z))))), 0, 1e-14);
    finish(tape);
}
END_TEST

/* ---- options ----------------------------------------------------------------------------------------------------- */

START_TEST(no_options_are_the_defaults) {
    tg_tape       *tape = tg_tape_new();
    tg_tensor      p = F64(tape, 0.25, 0.5), target = F64(tape, 0, 1);
    tg_bce_options zeros = {0};
    ck_assert(tg_item(tg_bce_loss(p, target, NULL)) ==
              tg_item(tg_mean(tg_bce_loss(p, target, &(tg_bce_options){TG_REDUCE_NONE, {0}, {0}}))));
    ck_assert(tg_item(tg_bce_loss(p, target, NULL)) == tg_item(tg_bce_loss(p, target, &zeros)));
    ck_assert(tg_item(tg_bce_with_logits_loss(p, target, NULL)) == tg_item(tg_bce_with_logits_loss(p, target, &zeros)));
    tg_bce_options nones = {.weight = TG_NONE, .pos_weight = TG_NONE};
    ck_assert(tg_item(tg_bce_loss(p, target, &(tg_bce_options){.weight = TG_NONE})) == tg_item(tg_bce_loss(p, target, NULL)));
    ck_assert(tg_item(tg_bce_with_logits_loss(p, target, &nones)) == tg_item(tg_bce_with_logits_loss(p, target, NULL)));
    CHECK_IS(tg_bce_with_logits_loss(F64(tape, 1000), 0, &(tg_bce_options){.weight = tg_num(2)}), 2000);
    finish(tape);
}
END_TEST

/* Gradients flow through weights, too. */
START_TEST(derivatives_of_weights_are_right) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2, 2), (double[]){0.25, 0.5, 0.75, 0.375}), target = F64(tape, 0.75, 0.25);
    tg_bce_options      o = {.weight = F64(tape, 0.5, 2), .pos_weight = F64(tape, 3, 1.5)};
    tg_tensor           in[] = {x, target, o.weight, o.pos_weight};
    tg_gradcheck_report report = {.order = 3};
    ck_assert_msg(tg_gradcheck(tg_bce_with_logits_loss(x, target, &o), 4, in, &report) == TG_OK, "%s", tg_error(tape));
    o.pos_weight = (tg_tensor){0};
    report.order = 3;
    ck_assert_msg(tg_gradcheck(tg_bce_loss(x, target, &o), 3, in, &report) == TG_OK, "%s", tg_error(tape));
    finish(tape);
}
END_TEST

/* ---- of distributions -------------------------------------------------------------------------------------------- */

START_TEST(divergence_where_the_target_is_zero) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor log_p = POINTS(tape, -1, -2, 0), target = POINTS(tape, 0, 1, 0);
    tg_tensor y = tg_kl_div(log_p, target, false, TG_REDUCE_NONE);
    CHECK_IS(y, 0, 2, 0);
    CHECK_IS(slope(y, log_p), -0.0, -1, -0.0);
    CHECK_IS(slope(y, target), 1, 3, 0);
    CHECK_IS(tg_kl_div(log_p, POINTS(tape, 0, 0, 0), true, TG_REDUCE_NONE), 1, 2, 0);
    CHECK_IS(tg_kl_div(log_p, POINTS(tape, -1000, -1000, -1000), true, TG_REDUCE_SUM), 0);
    CHECK_IS(tg_kl_div(tg_reshape(log_p, TG_SHAPE(1, 3)), target, false, TG_REDUCE_BATCH_MEAN), 2);
    finish(tape);
}
END_TEST

/* A class that is masked has no probability, and is expected to have none. */
START_TEST(divergence_from_what_cannot_be) {
    const double inf = (double)INFINITY;
    tg_tape     *tape = tg_tape_new();
    tg_tensor    log_p = POINTS(tape, -inf, 0, -inf), target = POINTS(tape, 0, 1, 0.5), log_target = POINTS(tape, -inf, 0, 0);
    tg_tensor    y = tg_kl_div(log_p, target, false, TG_REDUCE_NONE);
    CHECK_IS(y, 0, 0, inf);
    CHECK_IS(slope(y, log_p), -0.0, -1, -0.5);
    CHECK_IS(slope(y, target), inf, 1, inf);
    y = tg_kl_div(log_p, log_target, true, TG_REDUCE_NONE);
    CHECK_IS(y, 0, 0, inf);
    CHECK_IS(slope(y, log_p), -0.0, -1, -1);
    CHECK_IS(tg_slice(slope(y, log_target), 0, 0, 2, 1), 0, 1);
    finish(tape);
}
END_TEST

/* ---- of events and of normal distributions ------------------------------------------------------------------------- */

START_TEST(few_events_have_no_stirling) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 0, 0, 0), target = POINTS(tape, 0, 1, 0.5);
    CHECK_IS(tg_poisson_nll_loss(x, target, true, true, 1e-8, TG_REDUCE_NONE), 1, 1, 1);
    CHECK_IS(slope(tg_poisson_nll_loss(x, target, true, true, 1e-8, TG_REDUCE_SUM), target), 0, 0, 0);
    CHECK_IS(tg_poisson_nll_loss(POINTS(tape, 1), 0, false, false, 0, TG_REDUCE_NONE), 1);
    CHECK_IS(tg_poisson_nll_loss(POINTS(tape, 0), 1, true, true, 0, TG_REDUCE_NONE), 1);
    finish(tape);
}
END_TEST

/* The gradient is that of eps, and goes to the variance. */
START_TEST(small_variances_count_as_eps) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = POINTS(tape, 1, 1, 1), variance = POINTS(tape, 0.25, 0, 0.5);
    CHECK_NEAR(1e-6, tg_gaussian_nll_loss(x, 0, variance, false, 0.5, TG_REDUCE_NONE), 1 - log(2) / 2, 1 - log(2) / 2,
               1 - log(2) / 2);
    CHECK_NEAR(1e-6, slope(tg_gaussian_nll_loss(x, 0, variance, false, 0.5, TG_REDUCE_SUM), variance), -1, -1, -1);
    CHECK_NEAR(1e-6, tg_gaussian_nll_loss(x, 0, 4, true, 1e-6, TG_REDUCE_MEAN), 0.125 + log(2) + 0.91893853320467274);
    finish(tape);
}
END_TEST

/* ---- one call, errors in its name -------------------------------------------------------------------------------- */

START_TEST(only_the_result_is_kept) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", F64(tape, 1000, -1000)), y = tg_bce_with_logits_loss(w, F64(tape, 0, 0), NULL);
    ck_assert_int_eq(tg_run(tape), TG_OK);
    ck_assert_double_eq(tg_item(y), 500);
    ck_assert_int_eq(tg_backward(y), TG_OK);
    CHECK_IS(tg_grad(w), 0.5, 0);
    finish(tape);
}
END_TEST

START_TEST(what_they_reject) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), t = tg_full(tape, TG_F32, TG_SHAPE(4), 1), i = I64(tape, 1, 2, 3),
              one = tg_full(tape, TG_F32, TG_SHAPE(), 1);
    REFUSED(tg_mse_loss(x, t, TG_REDUCE_SUM), TG_ERR_SHAPE, "mse_loss: (2, 3) x (4): the shapes do not broadcast");
    REFUSED(tg_l1_loss(x, i, TG_REDUCE_SUM), TG_ERR_DTYPE, "l1_loss: float32 (2, 3) x int64 (3): dtypes differ");
    REFUSED(tg_l1_loss(i, i, TG_REDUCE_SUM), TG_ERR_DTYPE, "l1_loss: int64 (3) x int64 (3): it takes no int64");
    REFUSED(tg_mse_loss(x, x, (tg_reduction)7), TG_ERR_ARGUMENT, "mse_loss: 7 is no tg_reduction");
    REFUSED(tg_mse_loss(one, 0, TG_REDUCE_BATCH_MEAN), TG_ERR_SHAPE, "mse_loss: () x (): a single loss has no first axis");
    REFUSED(tg_huber_loss(x, x, 0, TG_REDUCE_SUM), TG_ERR_ARGUMENT, "huber_loss: delta 0 is not in (0, inf]");
    REFUSED(tg_huber_loss(x, x, NOT, TG_REDUCE_SUM), TG_ERR_ARGUMENT, "huber_loss: delta nan ");
    REFUSED(tg_smooth_l1_loss(x, x, -1, TG_REDUCE_SUM), TG_ERR_ARGUMENT, "smooth_l1_loss: beta -1 is not in [0, inf]");
    REFUSED(tg_kl_div(x, t, true, TG_REDUCE_SUM), TG_ERR_SHAPE, "kl_div: (2, 3) x (4)");
    REFUSED(tg_poisson_nll_loss(x, x, false, true, -1, TG_REDUCE_SUM), TG_ERR_ARGUMENT,
            "poisson_nll_loss: eps -1 is not in [0, inf)");
    REFUSED(tg_gaussian_nll_loss(x, x, x, false, 0, TG_REDUCE_SUM), TG_ERR_ARGUMENT,
            "gaussian_nll_loss: eps 0 is not in (0, inf)");
    REFUSED(tg_gaussian_nll_loss(x, x, t, false, 1, TG_REDUCE_SUM), TG_ERR_SHAPE,
            "gaussian_nll_loss: (2, 3) x (2, 3) x (4): the shapes");
    finish(tape);
}
END_TEST

START_TEST(what_those_of_yes_and_no_reject) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), t = tg_full(tape, TG_F32, TG_SHAPE(4), 1),
              wide = F64(tape, 1, 2, 3);
    tg_mark   mark = tg_tape_mark(tape);
    tg_tensor stale = tg_square(x);
    tg_rewind(tape, mark);
    REFUSED(tg_bce_loss(x, x, &(tg_bce_options){.weight = t}), TG_ERR_SHAPE, "bce_loss: (2, 3) x (2, 3) x (4): the shapes");
    REFUSED(tg_bce_loss(x, x, &(tg_bce_options){.weight = wide}), TG_ERR_DTYPE, "bce_loss: ", "float64 (3)", "tg_cast");
    REFUSED(tg_bce_loss(x, x, &(tg_bce_options){.weight = stale}), TG_ERR_HANDLE, "bce_loss: operand 3", "stale");
    REFUSED(tg_bce_loss(x, x, &(tg_bce_options){.pos_weight = x}), TG_ERR_ARGUMENT, "bce_loss: pos_weight",
            "tg_bce_with_logits_loss");
    REFUSED(tg_bce_with_logits_loss(x, x, &(tg_bce_options){.reduction = (tg_reduction)-1}), TG_ERR_ARGUMENT,
            "bce_with_logits_loss: -1 is no tg_reduction");
    REFUSED(tg_bce_with_logits_loss(x, x, &(tg_bce_options){.weight = x, .pos_weight = t}), TG_ERR_SHAPE,
            "bce_with_logits_loss: (2, 3) x (2, 3) x (2, 3) x (4)");
    finish(tape);
}
END_TEST

Suite *suite_loss(void) {
    Suite *suite = suite_create("loss");
    TCase *tcase = tcase_create("losses");
    add_rows(suite, loss_rows);
    tcase_add_loop_test(tcase, bounds_and_corners_of_numbers, 0, 2);
    tcase_add_test(tcase, reductions);
    tcase_add_loop_test(tcase, bce_is_clamped_at_the_corners, 0, 2);
    tcase_add_test(tcase, small_probabilities_keep_their_digits);
    tcase_add_loop_test(tcase, large_logits_are_right, 0, 2);
    tcase_add_loop_test(tcase, infinite_logits_are_right, 0, 2);
    tcase_add_test(tcase, sure_logits_keep_their_digits);
    tcase_add_test(tcase, numbers_may_be_targets);
    tcase_add_test(tcase, logits_and_their_probabilities_agree);
    tcase_add_test(tcase, no_options_are_the_defaults);
    tcase_add_test(tcase, derivatives_of_weights_are_right);
    tcase_add_loop_test(tcase, divergence_where_the_target_is_zero, 0, 2);
    tcase_add_loop_test(tcase, divergence_from_what_cannot_be, 0, 2);
    tcase_add_loop_test(tcase, few_events_have_no_stirling, 0, 2);
    tcase_add_loop_test(tcase, small_variances_count_as_eps, 0, 2);
    tcase_add_test(tcase, only_the_result_is_kept);
    tcase_add_test(tcase, what_they_reject);
    tcase_add_test(tcase, what_those_of_yes_and_no_reject);
    suite_add_tcase(suite, tcase);
    return suite;
}
