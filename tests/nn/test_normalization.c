/* tests/nn/test_normalization.c: layer_norm, rms_norm, group_norm, batch_norm, instance_norm, local_response_norm: their rows of the op table; large means, groups of
 * one element, running statistics, and what they reject.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/nn.h>

#include <float.h>
#include <math.h>

#include "ops/op_table.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

/* The operands are x, weight, bias. The first setting is what x is followed by; the second one 8 eps, or 0 for 1e-5; the
 * third one is 1 for no weight, 2 for no bias, 3 for neither. */
static const op_case layer_cases[] = {
    {.shape = {{2, {2, 3}}, {1, {3}}, {1, {3}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{2, {2, 3}}, {1, {3}}, {1, {3}}}, .with = {3, {1, 4, 3}}},
    {.shape = {{2, {2, 3}}, {2, {2, 3}}, {2, {2, 3}}}, .with = {3, {2, 0, 0}}},
    {.shape = {{3, {2, 2, 4}}, {2, {2, 4}}, {2, {2, 4}}}, .with = {3, {2, 1, 1}}},
    {.shape = {{3, {2, 2, 4}}, {1, {4}}, {1, {4}}}, .with = {3, {1, 1, 2}}},
    {.shape = {{1, {4}}, {1, {4}}, {1, {4}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{1, {1}}, {1, {1}}, {1, {1}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{2, {2, 4}}, {0, {0}}, {0, {0}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{2, {0, 3}}, {1, {3}}, {1, {3}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{2, {3, 0}}, {1, {0}}, {1, {0}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 1}}, {3, {1, 2, 1}}, {3, {1, 2, 1}}}, .with = {3, {3, 8, 0}}},
    {.shape = {{2, {20, 60}}, {1, {60}}, {1, {60}}}, .with = {3, {1, 0, 0}}},
};
static const op_case rms_cases[] = {
    {.shape = {{2, {2, 3}}, {1, {3}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{2, {2, 3}}, {1, {3}}}, .with = {3, {1, 4, 1}}},
    {.shape = {{2, {2, 3}}, {2, {2, 3}}}, .with = {3, {2, 0, 0}}},
    {.shape = {{3, {2, 2, 4}}, {1, {4}}}, .with = {3, {1, 1, 0}}},
    {.shape = {{1, {1}}, {1, {1}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{2, {2, 4}}, {0, {0}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{2, {0, 3}}, {1, {3}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 1}}, {3, {1, 2, 1}}}, .with = {3, {3, 8, 0}}},
    {.shape = {{2, {20, 60}}, {1, {60}}}, .with = {3, {1, 0, 0}}},
};
static const op_case group_cases[] = {
    {.shape = {{2, {2, 4}}, {1, {4}}, {1, {4}}}, .with = {3, {2, 1, 0}}},
    {.shape = {{3, {2, 4, 3}}, {1, {4}}, {1, {4}}}, .with = {3, {2, 0, 0}}},
    {.shape = {{3, {2, 4, 2}}, {1, {4}}, {1, {4}}}, .with = {3, {1, 2, 3}}},
    {.shape = {{4, {1, 2, 2, 3}}, {1, {2}}, {1, {2}}}, .with = {3, {2, 0, 1}}},
    {.shape = {{4, {2, 2, 1, 2}}, {1, {2}}, {1, {2}}}, .with = {3, {1, 1, 2}}},
    {.shape = {{2, {2, 3}}, {1, {3}}, {1, {3}}}, .with = {3, {3, 1, 0}}},
    {.shape = {{3, {2, 4, 3}}, {0, {0}}, {0, {0}}}, .with = {3, {4, 0, 0}}},
    {.shape = {{3, {0, 4, 3}}, {1, {4}}, {1, {4}}}, .with = {3, {2, 0, 0}}},
    {.shape = {{8, {2, 2, 1, 2, 1, 2, 1, 2}}, {1, {2}}, {1, {2}}}, .with = {3, {1, 8, 0}}},
    {.shape = {{3, {3, 6, 70}}, {1, {6}}, {1, {6}}}, .with = {3, {3, 0, 0}}},
};
/* The first setting is 0 to evaluate, 1 to train. */
static const op_case batch_cases[] = {
    {.shape = {{2, {3, 2}}, {1, {2}}, {1, {2}}}, .with = {3, {1, 1, 0}}},
    {.shape = {{2, {3, 2}}, {1, {2}}, {1, {2}}}, .with = {3, {0, 0, 0}}},
    {.shape = {{3, {2, 2, 3}}, {1, {2}}, {1, {2}}}, .with = {3, {1, 1, 1}}},
    {.shape = {{3, {2, 2, 3}}, {1, {2}}, {1, {2}}}, .with = {3, {0, 1, 2}}},
    {.shape = {{4, {2, 3, 2, 2}}, {1, {3}}, {1, {3}}}, .with = {3, {1, 1, 3}}},
    {.shape = {{4, {2, 3, 2, 2}}, {0, {0}}, {0, {0}}}, .with = {3, {0, 1, 0}}},
    {.shape = {{4, {2, 3, 2, 2}}, {0, {0}}, {0, {0}}}, .with = {3, {1, 2, 0}}},
    {.shape = {{2, {0, 3}}, {1, {3}}, {1, {3}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{2, {1, 3}}, {1, {3}}, {1, {3}}}, .with = {3, {0, 0, 0}}},
    {.shape = {{8, {2, 2, 1, 2, 1, 2, 1, 2}}, {1, {2}}, {1, {2}}}, .with = {3, {1, 8, 0}}},
    {.shape = {{3, {20, 3, 30}}, {1, {3}}, {1, {3}}}, .with = {3, {1, 0, 0}}},
};

/* The first setting is 0 for the running statistics, 1 for those of the input. */
static const op_case instance_cases[] = {
    {.shape = {{3, {2, 2, 3}}, {1, {2}}, {1, {2}}}, .with = {3, {1, 1, 0}}},
    {.shape = {{3, {2, 2, 3}}, {1, {2}}, {1, {2}}}, .with = {3, {0, 1, 0}}},
    {.shape = {{4, {2, 3, 2, 2}}, {1, {3}}, {1, {3}}}, .with = {3, {1, 2, 1}}},
    {.shape = {{4, {2, 3, 2, 2}}, {1, {3}}, {1, {3}}}, .with = {3, {0, 0, 2}}},
    {.shape = {{4, {1, 3, 1, 4}}, {0, {0}}, {0, {0}}}, .with = {3, {1, 1, 0}}},
    {.shape = {{3, {0, 3, 2}}, {1, {3}}, {1, {3}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{3, {2, 3, 0}}, {1, {3}}, {1, {3}}}, .with = {3, {1, 0, 3}}},
    {.shape = {{8, {2, 2, 1, 2, 1, 2, 1, 2}}, {1, {2}}, {1, {2}}}, .with = {3, {1, 8, 0}}},
    {.shape = {{3, {5, 3, 100}}, {1, {3}}, {1, {3}}}, .with = {3, {1, 0, 0}}},
};
/* The size, and in quarters alpha, beta and k. */
static const op_case response_cases[] = {
    {.shape = {{3, {2, 4, 2}}}, .with = {4, {3, 2, 3, 4}}},
    {.shape = {{3, {2, 4, 3}}}, .with = {4, {2, 4, 4, 2}}},
    {.shape = {{4, {1, 5, 2, 2}}}, .with = {4, {5, 1, 2, 6}}},
    {.shape = {{3, {2, 2, 3}}}, .with = {4, {1, 4, 3, 4}}},
    {.shape = {{3, {2, 3, 2}}}, .with = {4, {8, 4, 3, 4}}},
    {.shape = {{3, {2, 0, 2}}}, .with = {4, {3, 4, 3, 4}}},
    {.shape = {{3, {0, 4, 2}}}, .with = {4, {3, 4, 3, 4}}},
    {.shape = {{8, {2, 3, 1, 2, 1, 1, 2, 1}}}, .with = {4, {3, 4, 3, 4}}},
    {.shape = {{3, {4, 20, 15}}}, .with = {4, {5, 4, 3, 4}}},
};

static double eps_in(const settings *with) {
    return with->value[1] ? with->value[1] / 8.0 : 1e-5;
}

static tg_tensor weight_in(const tg_tensor *x, const settings *with) {
    return with->value[2] & 1 ? TG_NONE : x[1];
}

static tg_tensor bias_in(const tg_tensor *x, const settings *with) {
    return with->value[2] & 2 ? TG_NONE : x[2];
}

static tg_tensor record_layer_norm(const tg_tensor *x, const settings *with) {
    return tg_layer_norm(x[0], with->value[0], weight_in(x, with), bias_in(x, with), eps_in(with));
}

static tg_tensor record_rms_norm(const tg_tensor *x, const settings *with) {
    return tg_rms_norm(x[0], with->value[0], weight_in(x, with), eps_in(with));
}

static tg_tensor record_group_norm(const tg_tensor *x, const settings *with) {
    return tg_group_norm(x[0], with->value[0], weight_in(x, with), bias_in(x, with), eps_in(with));
}

/* A running mean of -1/2, -1/4, ... and a running variance of 1/2, 1, ... */
static double running_mean(int64_t channel) {
    return (double)channel / 4 - 0.5;
}
static double running_variance(int64_t channel) {
    return (double)(channel + 1) / 2;
}

static tg_tensor running(tg_tensor x, double (*value)(int64_t)) {
    static values v;
    if (tg_error_status(x.tape)) return TG_NONE;
    clear_values(&v, tg_dtype_of(x), TG_SHAPE(tg_shape_of(x).dims[1]));
    for (int64_t i = 0; i < v.size; i++)
        v.at[i].real = (long double)value(i);
    tg_tensor leaf = tg_input(x.tape, NULL, v.dtype, v.shape);
    tg_assign(leaf, leaf_of(x.tape, &v));
    return leaf;
}

/* The first setting may be 2, for the fixtures only: to train once, and then to evaluate with the statistics that this left. */
static tg_tensor record_batch_norm(const tg_tensor *x, const settings *with) {
    tg_tensor weight = weight_in(x, with), bias = bias_in(x, with);
    if (with->value[0] == 1) return tg_batch_norm(x[0], TG_NONE, TG_NONE, weight, bias, true, 0.1, eps_in(with));
    tg_tensor mean = running(x[0], running_mean), variance = running(x[0], running_variance);
    if (with->value[0] == 2) tg_batch_norm(x[0], mean, variance, weight, bias, true, 0.1, eps_in(with));
    return tg_batch_norm(x[0], mean, variance, weight, bias, false, 0, eps_in(with));
}

/* The first setting as in record_batch_norm. */
static tg_tensor record_instance_norm(const tg_tensor *x, const settings *with) {
    tg_tensor weight = weight_in(x, with), bias = bias_in(x, with);
    if (with->value[0] == 1) return tg_instance_norm(x[0], TG_NONE, TG_NONE, weight, bias, true, 0.1, eps_in(with));
    tg_tensor mean = running(x[0], running_mean), variance = running(x[0], running_variance);
    if (with->value[0] == 2) tg_instance_norm(x[0], mean, variance, weight, bias, true, 0.1, eps_in(with));
    return tg_instance_norm(x[0], mean, variance, weight, bias, false, 0, eps_in(with));
}

static tg_tensor record_local_response_norm(const tg_tensor *x, const settings *with) {
    return tg_local_response_norm(x[0], with->value[0], with->value[1] / 4.0, with->value[2] / 4.0, with->value[3] / 4.0);
}

/* The formula, for what is normalised together: n elements, `step` apart. A mean that is given is the running one. */
static void standardise(element *x, int64_t n, int64_t step, long double eps, bool centred) {
    long double mean = 0, square = 0;
    for (int64_t i = 0; i < n && centred; i++)
        mean += x[i * step].real / (long double)n;
    for (int64_t i = 0; i < n; i++)
        square += powl(x[i * step].real - mean, 2) / (long double)n;
    for (int64_t i = 0; i < n; i++)
        x[i * step].real = (x[i * step].real - mean) / sqrtl(square + eps);
}

/* weight and bias for the element of y whose place among them is `at`. */
static long double scale_and_shift(const values *x, const settings *with, int count, int64_t at, long double y) {
    if (!(with->value[2] & 1)) y *= x[1].at[x[1].size == 1 ? 0 : at].real;
    if (count > 2 && !(with->value[2] & 2)) y += x[2].at[x[2].size == 1 ? 0 : at].real;
    return y;
}

static void expect_last(const values *x, const settings *with, values *y, int count, bool centred) {
    int64_t n = 1;
    for (int i = 0; i < with->value[0]; i++)
        n *= x->shape.dims[x->shape.rank - 1 - i];
    *y = *x;
    for (int64_t i = 0; i < y->size; i += n)
        standardise(y->at + i, n, 1, (long double)eps_in(with), centred);
    for (int64_t i = 0; i < y->size; i++)
        y->at[i].real = scale_and_shift(x, with, count, i % n, y->at[i].real);
}

static void expect_layer_norm(const values *x, const settings *with, values *y) {
    expect_last(x, with, y, 3, true);
}

static void expect_rms_norm(const values *x, const settings *with, values *y) {
    expect_last(x, with, y, 2, false);
}

static void expect_group_norm(const values *x, const settings *with, values *y) {
    int64_t channels = x->shape.dims[1], behind = 1;
    for (int i = 2; i < x->shape.rank; i++)
        behind *= x->shape.dims[i];
    *y = *x;
    for (int64_t i = 0, n = channels / with->value[0] * behind; i < y->size; i += n)
        standardise(y->at + i, n, 1, (long double)eps_in(with), true);
    for (int64_t i = 0; i < y->size; i++)
        y->at[i].real = scale_and_shift(x, with, 3, i / behind % channels, y->at[i].real);
}

static void expect_batch_norm(const values *x, const settings *with, values *y) {
    static element one[MOST_ELEMENTS];
    int64_t        batch = x->shape.dims[0], channels = x->shape.dims[1], behind = 1;
    long double    eps = (long double)eps_in(with);
    for (int i = 2; i < x->shape.rank; i++)
        behind *= x->shape.dims[i];
    *y = *x;
    for (int64_t c = 0; c < channels; c++) {
        int64_t n = 0;
        for (int64_t i = 0; i < x->size; i++)
            if (i / behind % channels == c) one[n++] = x->at[i];
        ck_assert_int_eq(n, batch * behind);
        if (with->value[0]) standardise(one, n, 1, eps, true);
        for (int64_t i = 0; i < n && !with->value[0]; i++)
            one[i].real = (one[i].real - (long double)running_mean(c)) / sqrtl((long double)running_variance(c) + eps);
        n = 0;
        for (int64_t i = 0; i < x->size; i++)
            if (i / behind % channels == c) y->at[i].real = scale_and_shift(x, with, 3, c, one[n++].real);
    }
}

static void expect_instance_norm(const values *x, const settings *with, values *y) {
    if (!with->value[0]) {
        expect_batch_norm(x, with, y);
        return;
    }
    settings each = *with;
    each.value[0] = (int)x->shape.dims[1]; /* as many groups as there are channels */
    expect_group_norm(x, &each, y);
}

static void expect_local_response_norm(const values *x, const settings *with, values *y) {
    int64_t     size = with->value[0], channels = x->shape.dims[1], behind = 1;
    long double alpha = with->value[1] / 4.0L, beta = with->value[2] / 4.0L, k = with->value[3] / 4.0L;
    for (int i = 2; i < x->shape.rank; i++)
        behind *= x->shape.dims[i];
    *y = *x;
    for (int64_t i = 0; i < x->size; i++) {
        int64_t     c = i / behind % channels;
        long double sum = 0;
        for (int64_t j = c - size / 2; j < c - size / 2 + size; j++)
            if (j >= 0 && j < channels) sum += powl(x->at[i + (j - c) * behind].real, 2);
        y->at[i].real /= powl(k + alpha * sum / (long double)size, beta);
    }
}

#define ROW(function, operands, list) \
    { \
        .name = #function, .called = #function, .arity = operands, .takes = TAKES_FLOAT, .record = record_##function, \
        .expect = expect_##function, .low = {-3, 0.5, -1}, .high = {3, 2, 1}, .cases = list, \
        .case_count = sizeof list / sizeof *list \
    }

const op_row layer_norm_rows[] = {
    ROW(layer_norm, 3, layer_cases),
    ROW(rms_norm, 2, rms_cases),
    ROW(group_norm, 3, group_cases),
    ROW(batch_norm, 3, batch_cases),
    ROW(instance_norm, 3, instance_cases),
    ROW(local_response_norm, 1, response_cases),
    {.name = NULL},
};

/* ---- values ------------------------------------------------------------------------------------------------------ */

static tg_tensor channels_first(tg_tensor x) {
    return tg_reshape(x, TG_SHAPE(1, 1, tg_size(x)));
}

static tg_tensor layer_norm_of(tg_tensor x) {
    return tg_layer_norm(x, 1, TG_NONE, TG_NONE, 1e-5);
}
static tg_tensor group_norm_of(tg_tensor x) {
    return tg_group_norm(channels_first(x), 1, TG_NONE, TG_NONE, 1e-5);
}
static tg_tensor batch_norm_of(tg_tensor x) {
    return tg_batch_norm(channels_first(x), TG_NONE, TG_NONE, TG_NONE, TG_NONE, true, 0.1, 1e-5);
}
static tg_tensor (*const centring[])(tg_tensor) = {layer_norm_of, group_norm_of, batch_norm_of};

/* Small numbers on top of a large one. What is left is an error of the mean, of a unit in the last place of the large number. */
static void check_large_mean(tg_tensor (*normalise)(tg_tensor), tg_dtype dtype, double large) {
    static values x, y;
    double        unit = dtype == TG_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
    tg_tape      *tape = tg_tape_new();
    clear_values(&x, dtype, TG_SHAPE(100));
    for (int64_t i = 0; i < x.size; i++) {
        double number = large + (double)(i * i % 17) / 8;
        x.at[i].real = dtype == TG_F32 ? (long double)(float)number : (long double)number;
    }
    read_values("a large mean", normalise(leaf_of(tape, &x)), &y);
    standardise(x.at, x.size, 1, 1e-5L, true);
    for (int64_t i = 0; i < x.size; i++)
        check_element("a large mean", &y, &x, i, (long double)(2 * large * unit + 1e3 * unit));
    finish(tape);
}

START_TEST(large_means_cost_no_digits) {
    for (int k = 0; k < 3; k++) {
        check_large_mean(centring[k], floats[_i], 0);
        check_large_mean(centring[k], floats[_i], 1e4);
        check_large_mean(centring[k], floats[_i], 1e5);
    }
}
END_TEST

/* Squares out of the dtype's range. */
START_TEST(the_size_of_what_is_normalised_does_not_matter) {
    static const double sizes[] = {0x1p90, 0x1p-90};
    const double        none = 0;
    tg_tape            *tape = tg_tape_new();
    for (int i = 0; i < 2; i++) {
        tg_tensor one = F32(tape, 3, -4, 1, 0), x = tg_mul(sizes[i], one), weight = F32(tape, 1, 2, 3, 4);
        tg_tensor y = tg_mul(weight, tg_rms_norm(x, 1, TG_NONE, none)), y1 = tg_mul(weight, tg_rms_norm(one, 1, TG_NONE, none));
        CHECK_IS(tg_sub(y, y1), 0, 0, 0, 0);
        CHECK_IS(tg_sub(tg_mul(sizes[i], slope(y, x)), slope(y1, one)), 0, 0, 0, 0);
        y = tg_mul(weight, tg_layer_norm(x, 1, TG_NONE, TG_NONE, none));
        y1 = tg_mul(weight, tg_layer_norm(one, 1, TG_NONE, TG_NONE, none));
        CHECK_IS(tg_sub(y, y1), 0, 0, 0, 0);
        CHECK_IS(tg_sub(tg_mul(sizes[i], slope(y, x)), slope(y1, one)), 0, 0, 0, 0);
        x = tg_reshape(x, TG_SHAPE(4, 1));
        y = tg_batch_norm(x, TG_NONE, TG_NONE, TG_NONE, TG_NONE, true, 0.1, none);
        y1 = tg_batch_norm(tg_reshape(one, TG_SHAPE(4, 1)), TG_NONE, TG_NONE, TG_NONE, TG_NONE, true, 0.1, none);
        CHECK_IS(tg_sub(y, y1), 0, 0, 0, 0);
    }
    tg_tensor large = F64(tape, 0x3p600, -0x4p600), small = F64(tape, 0x3p-600, -0x4p-600);
    CHECK_IS(tg_sub(tg_rms_norm(large, 1, TG_NONE, 0), tg_rms_norm(small, 1, TG_NONE, 0)), 0, 0);
    finish(tape);
}
END_TEST

START_TEST(where_nothing_varies_they_give_the_bias) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor same = POINTS(tape, 7, 7, 7, 7), bias = POINTS(tape, 1, 2, 3, 4);
    for (int k = 0; k < 3; k++) {
        CHECK_IS(centring[k](same), 0, 0, 0, 0);
        CHECK_IS(slope(centring[k](same), same), 0, 0, 0, 0);
    }
    CHECK_IS(tg_layer_norm(same, 1, 5, bias, 1e-5), 1, 2, 3, 4);
    tg_tensor column = tg_reshape(POINTS(tape, 5, -3), TG_SHAPE(2, 1)), row = tg_reshape(POINTS(tape, 5, -3), TG_SHAPE(1, 2));
    CHECK_IS(tg_layer_norm(column, 1, 3, POINTS(tape, 9), 1e-5), 9, 9);
    CHECK_IS(slope(tg_layer_norm(column, 1, 3, POINTS(tape, 9), 1e-5), column), 0, 0);
    CHECK_IS(tg_group_norm(row, 2, 3, POINTS(tape, 8, 9), 1e-5), 8, 9);
    CHECK_IS(slope(tg_group_norm(row, 2, 3, POINTS(tape, 8, 9), 1e-5), row), 0, 0);
    CHECK_IS(tg_layer_norm(same, 1, TG_NONE, TG_NONE, 0), NOT, NOT, NOT, NOT);
    CHECK_IS(tg_rms_norm(POINTS(tape, 0, 0), 1, TG_NONE, 1), 0, 0);
    CHECK_IS(tg_rms_norm(POINTS(tape, -2, 2), 1, TG_NONE, 0), -1, 1);
    finish(tape);
}
END_TEST

START_TEST(nan_stays_in_its_group) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_reshape(POINTS(tape, NOT, 1, -1, 1, INF, 1), TG_SHAPE(3, 2));
    CHECK_IS(tg_layer_norm(x, 1, TG_NONE, TG_NONE, 0), NOT, NOT, -1, 1, NOT, NOT);
    CHECK_IS(tg_rms_norm(x, 1, 2, 0), NOT, NOT, -2, 2, NOT, 0);
    finish(tape);
}
END_TEST

START_TEST(numbers_are_weights_and_biases) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_reshape(POINTS(tape, -1, 1, 3, 5), TG_SHAPE(2, 2));
    CHECK_IS(tg_layer_norm(x, 1, 3, 2, 0), -1, 5, -1, 5);
    CHECK_IS(tg_layer_norm(x, 1, TG_NONE, 2, 0), 1, 3, 1, 3);
    CHECK_IS(tg_group_norm(x, 1, 3, TG_NONE, 0), -3, 3, -3, 3);
    CHECK_IS(tg_batch_norm(x, TG_NONE, TG_NONE, 3, 2, true, 0.1, 0), -1, -1, 5, 5);
    CHECK_IS(tg_batch_norm(x, POINTS(tape, 1, 1), POINTS(tape, 4, 4), 2, 1, false, 0.1, 0), -1, 1, 3, 5);
    finish(tape);
}
END_TEST

/* ---- running statistics ------------------------------------------------------------------------------------------ */

/* x is (3, 2), with means 2 and -1, and mean squares of the differences 8/3 and 6. */
static tg_tensor batch(tg_tape *tape) {
    return tg_constant(tape, TG_F64, TG_SHAPE(3, 2), (double[]){0, -4, 2, 0, 4, 1});
}

static void check_running(tg_tensor mean, tg_tensor variance, int runs, double momentum) {
    double got[2], left = pow(1 - momentum, runs);
    ck_assert_int_eq(tg_read(mean, got, 2), TG_OK);
    ck_assert_double_eq_tol(got[0], 2 * (1 - left), 1e-14);
    ck_assert_double_eq_tol(got[1], -(1 - left), 1e-14);
    ck_assert_int_eq(tg_read(variance, got, 2), TG_OK);
    ck_assert_double_eq_tol(got[0], left + (1 - left) * 8 / 2, 1e-14);
    ck_assert_double_eq_tol(got[1], left + (1 - left) * 14 / 2, 1e-14);
}

static void check_runs(double momentum) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor mean = tg_parameter(tape, "mean", F64(tape, 0, 0)), variance = tg_parameter(tape, "variance", F64(tape, 1, 1));
    tg_tensor x = batch(tape);
    tg_mark   mark = tg_tape_mark(tape);
    tg_tensor y = tg_batch_norm(x, mean, variance, TG_NONE, TG_NONE, true, momentum, 1e-5);
    for (int run = 1; run <= 3; run++) {
        ck_assert_int_eq(tg_run(tape), TG_OK);
        check_running(mean, variance, run, momentum);
    }
    ck_assert_double_eq_tol(tg_item(tg_sum(tg_square(y))), 6, 1e-4);
    tg_rewind(tape, mark);
    for (int run = 4; run <= 6; run++) { /* recorded afresh, and looked at by nobody */
        tg_batch_norm(x, mean, variance, TG_NONE, TG_NONE, true, momentum, 1e-5);
        tg_rewind(tape, mark);
        check_running(mean, variance, run, momentum);
    }
    finish(tape);
}

START_TEST(running_statistics_move_in_each_run) {
    check_runs(0.1);
    check_runs(0);
    check_runs(1);
}
END_TEST

/* As parameters too: no gradient flows through them, neither in training nor in evaluation. */
/* The means of those of the instances: 1 and 5, 2 and 2, of which running statistics of 0 take a half. */
START_TEST(running_statistics_move_towards_those_of_instances) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor mean = tg_input(tape, "mean", TG_F64, TG_SHAPE(1)), variance = tg_input(tape, "variance", TG_F64, TG_SHAPE(1));
    tg_tensor x = tg_reshape(F64(tape, 0, 2, 4, 6), TG_SHAPE(2, 1, 2));
    CHECK_IS(tg_instance_norm(x, mean, variance, TG_NONE, TG_NONE, true, 0.5, 0), -1, 1, -1, 1);
    ck_assert_int_eq(tg_run_pending(tape), TG_OK);
    CHECK_IS(mean, 1.5);
    CHECK_IS(variance, 1);
    tg_instance_norm(tg_slice(x, 0, 0, 0, 1), mean, variance, TG_NONE, TG_NONE, true, 0.5, 0);
    ck_assert_int_eq(tg_run_pending(tape), TG_OK);
    CHECK_IS(mean, 1.5);
    finish(tape);
}
END_TEST

START_TEST(running_statistics_have_no_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor mean = tg_parameter(tape, "mean", F64(tape, 0, 0)), variance = tg_parameter(tape, "variance", F64(tape, 1, 1));
    tg_tensor w = tg_parameter(tape, "w", batch(tape));
    for (int training = 0; training < 2; training++) {
        tg_tensor y = tg_batch_norm(w, mean, variance, TG_NONE, TG_NONE, training, 0.1, 1e-5);
        ck_assert_int_eq(tg_backward(tg_sum(tg_square(y))), TG_OK);
        ck_assert(tg_has_grad(w) && !tg_has_grad(mean) && !tg_has_grad(variance));
    }
    ck_assert(!tg_requires_grad(tg_batch_norm(batch(tape), mean, variance, TG_NONE, TG_NONE, false, 0.1, 1e-5)));
    finish(tape);
}
END_TEST

/* What is recorded before a training call evaluates with the old statistics, what is recorded behind it with the new ones; and
 * gradients can be taken when all of it stands. */
START_TEST(evaluation_sees_the_statistics_of_its_place) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor mean = tg_input(tape, "mean", TG_F64, TG_SHAPE(2)), variance = tg_input(tape, "variance", TG_F64, TG_SHAPE(2));
    ck_assert_int_eq(tg_write(variance, (double[]){1, 4}, 2), TG_OK);
    tg_tensor x = batch(tape), before = tg_batch_norm(x, mean, variance, TG_NONE, TG_NONE, false, 0, 0);
    tg_tensor training = tg_batch_norm(x, mean, variance, TG_NONE, TG_NONE, true, 1, 1e-5);
    tg_tensor after = tg_batch_norm(x, mean, variance, TG_NONE, TG_NONE, false, 0, 0);
    CHECK_IS(before, 0, -2, 2, 0, 4, 0.5);
    CHECK_IS(slope(before, x), 1, 0.5, 1, 0.5, 1, 0.5);
    ck_assert_double_eq_tol(tg_item(tg_sum(tg_square(after))), 4, 1e-14); /* the variances were divided by 2, not by 3 */
    ck_assert_int_eq(tg_gradcheck(training, 1, &x, NULL), TG_OK);
    finish(tape);
}
END_TEST

START_TEST(an_empty_batch_moves_nothing) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor mean = tg_parameter(tape, "mean", F64(tape, 3, 4)), variance = tg_parameter(tape, "variance", F64(tape, 5, 6));
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(0, 2), 1);
    ck_assert_int_eq(tg_size(tg_batch_norm(x, mean, variance, TG_NONE, TG_NONE, true, 0.1, 1e-5)), 0);
    CHECK_IS(mean, 3, 4);
    CHECK_IS(variance, 5, 6);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(they_reject_shapes) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), w = tg_full(tape, TG_F32, TG_SHAPE(3), 1), wrong = F32(tape, 1, 2);
    tg_tensor one = tg_full(tape, TG_F32, TG_SHAPE(1, 3), 1);
    REFUSED(tg_layer_norm(x, 0, w, w, 1e-5), TG_ERR_SHAPE, "layer_norm: (2, 3) x (3) x (3): ", "last 0");
    REFUSED(tg_layer_norm(x, 3, TG_NONE, TG_NONE, 1e-5), TG_ERR_SHAPE, "layer_norm: (2, 3): x has 2 axes, and the last 3");
    REFUSED(tg_layer_norm(x, 1, wrong, w, 1e-5), TG_ERR_SHAPE,
            "layer_norm: (2, 3) x (2) x (3): the weight is not of shape (3)");
    REFUSED(tg_layer_norm(x, 2, TG_NONE, w, 1e-5), TG_ERR_SHAPE, "layer_norm: (2, 3) x (3): the bias is not of shape (2, 3)");
    REFUSED(tg_rms_norm(x, -1, w, 1e-5), TG_ERR_SHAPE, "rms_norm: (2, 3) x (3): ", "last -1");
    REFUSED(tg_rms_norm(x, 1, wrong, 1e-5), TG_ERR_SHAPE, "rms_norm: (2, 3) x (2): the weight is not of shape (3)");
    REFUSED(tg_group_norm(x, 2, w, w, 1e-5), TG_ERR_SHAPE, "group_norm: (2, 3) x (3) x (3): 3 channels", "2 groups");
    REFUSED(tg_group_norm(x, 0, w, w, 1e-5), TG_ERR_SHAPE, "group_norm: ", "0 groups");
    REFUSED(tg_group_norm(x, 1, w, wrong, 1e-5), TG_ERR_SHAPE, "group_norm: ", "the bias is not of shape (3)");
    REFUSED(tg_group_norm(w, 1, w, w, 1e-5), TG_ERR_SHAPE, "group_norm: (3) x (3) x (3): x has no axis 1");
    REFUSED(tg_batch_norm(x, wrong, w, w, w, false, 0.1, 1e-5), TG_ERR_SHAPE,
            "batch_norm: ", "the running mean is not of shape (3)");
    REFUSED(tg_batch_norm(x, w, 1, w, w, false, 0.1, 1e-5), TG_ERR_SHAPE,
            "batch_norm: ", "the running variance is not of shape (3)");
    REFUSED(tg_batch_norm(one, TG_NONE, TG_NONE, w, w, true, 0.1, 1e-5), TG_ERR_SHAPE,
            "batch_norm: (1, 3) x (3) x (3): one value");
    REFUSED(tg_layer_norm(1.5, 1, w, w, 1e-5), TG_ERR_SHAPE, "layer_norm: () x (3) x (3): x has 0 axes");
    finish(tape);
}
END_TEST

START_TEST(they_reject_arguments) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), w = tg_full(tape, TG_F32, TG_SHAPE(3), 1);
    tg_tensor wide = tg_full(tape, TG_F64, TG_SHAPE(3), 1), mean = tg_input(tape, "mean", TG_F32, TG_SHAPE(3));
    tg_tensor whole = I64(tape, 1, 2);
    REFUSED(tg_layer_norm(x, 1, w, w, -1e-5), TG_ERR_ARGUMENT, "layer_norm: eps -1e-05");
    REFUSED(tg_rms_norm(x, 1, w, NAN), TG_ERR_ARGUMENT, "rms_norm: eps nan");
    REFUSED(tg_group_norm(x, 1, w, w, INFINITY), TG_ERR_ARGUMENT, "group_norm: eps inf");
    REFUSED(tg_batch_norm(x, mean, mean, w, w, true, 0.1, -1), TG_ERR_ARGUMENT, "batch_norm: eps -1");
    REFUSED(tg_batch_norm(x, mean, mean, w, w, true, NAN, 1e-5), TG_ERR_ARGUMENT, "batch_norm: momentum nan");
    REFUSED(tg_batch_norm(x, mean, mean, w, w, true, 1.5, 1e-5), TG_ERR_ARGUMENT, "batch_norm: momentum 1.5");
    REFUSED(tg_batch_norm(x, mean, TG_NONE, w, w, true, 0.1, 1e-5), TG_ERR_ARGUMENT, "batch_norm: ", "missing");
    REFUSED(tg_batch_norm(x, TG_NONE, mean, w, w, true, 0.1, 1e-5), TG_ERR_ARGUMENT, "batch_norm: ", "missing");
    REFUSED(tg_batch_norm(x, TG_NONE, TG_NONE, w, w, false, 0.1, 1e-5), TG_ERR_ARGUMENT, "batch_norm: ", "missing");
    REFUSED(tg_batch_norm(x, w, w, w, w, true, 0.1, 1e-5), TG_ERR_ARGUMENT, "batch_norm: only inputs and parameters");
    tg_tensor row = tg_full(tape, TG_F32, TG_SHAPE(2, 3, 1), 1);
    REFUSED(tg_instance_norm(x, TG_NONE, TG_NONE, w, w, true, 0.1, 1e-5), TG_ERR_SHAPE,
            "instance_norm: (2, 3) x (3) x (3): x has no axis 2");
    REFUSED(tg_instance_norm(row, TG_NONE, TG_NONE, w, w, true, 0.1, 1e-5), TG_ERR_SHAPE,
            "instance_norm: ", "one value a channel");
    REFUSED(tg_instance_norm(row, TG_NONE, TG_NONE, w, w, false, 0.1, 1e-5), TG_ERR_ARGUMENT, "instance_norm: ", "missing");
    REFUSED(tg_local_response_norm(x, 2, 1, 1, 1), TG_ERR_SHAPE, "local_response_norm: (2, 3): x has no axis 2");
    REFUSED(tg_local_response_norm(row, 0, 1, 1, 1), TG_ERR_ARGUMENT, "local_response_norm: size 0 is not in [1, inf)");
    REFUSED(tg_layer_norm(x, 1, w, wide, 1e-5), TG_ERR_DTYPE, "layer_norm: float32 (2, 3) x float32 (3) x float64 (3): ");
    REFUSED(tg_batch_norm(x, wide, mean, w, w, true, 0.1, 1e-5), TG_ERR_DTYPE, "batch_norm: ", "float64", "tg_cast");
    REFUSED(tg_rms_norm(whole, 1, TG_NONE, 1e-5), TG_ERR_DTYPE, "rms_norm: int64 (2): it takes no int64");
    finish(tape);
}
END_TEST

START_TEST(only_none_is_none) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), failed = tg_matmul(x, x), zeroed = {0};
    tg_clear_error(tape);
    REFUSED(tg_layer_norm(x, 1, failed, TG_NONE, 1e-5), TG_ERR_HANDLE, "layer_norm: operand 2 is invalid");
    REFUSED(tg_layer_norm(x, 1, TG_NONE, failed, 1e-5), TG_ERR_HANDLE, "layer_norm: operand 3 is invalid");
    REFUSED(tg_layer_norm(x, 1, TG_NONE, zeroed, 1e-5), TG_ERR_HANDLE, "layer_norm: operand 3 is no tensor");
    REFUSED(tg_batch_norm(x, TG_NONE, TG_NONE, TG_NONE, zeroed, true, 0.1, 1e-5), TG_ERR_HANDLE, "batch_norm: operand 5");
    REFUSED(tg_rms_norm(TG_NONE, 1, x, 1e-5), TG_ERR_HANDLE, "rms_norm: operand 1 is TG_NONE");
    ck_assert(!tg_valid(tg_layer_norm(TG_NONE, 1, TG_NONE, 1, 1e-5)));
    ck_assert_int_eq(tg_backward(tg_layer_norm(x, 1, zeroed, zeroed, 1e-5)), TG_ERR_HANDLE);
    CHECK_ERROR(tape, TG_ERR_HANDLE, "layer_norm: operand 2 is no tensor");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_normalization(void) {
    Suite *suite = suite_create("normalization");
    TCase *tcase = tcase_create("normalisations");
    add_rows(suite, layer_norm_rows);
    tcase_add_loop_test(tcase, large_means_cost_no_digits, 0, 2);
    tcase_add_test(tcase, the_size_of_what_is_normalised_does_not_matter);
    tcase_add_loop_test(tcase, where_nothing_varies_they_give_the_bias, 0, 2);
    tcase_add_loop_test(tcase, nan_stays_in_its_group, 0, 2);
    tcase_add_loop_test(tcase, numbers_are_weights_and_biases, 0, 2);
    tcase_add_test(tcase, running_statistics_move_in_each_run);
    tcase_add_test(tcase, running_statistics_move_towards_those_of_instances);
    tcase_add_test(tcase, running_statistics_have_no_gradient);
    tcase_add_test(tcase, evaluation_sees_the_statistics_of_its_place);
    tcase_add_test(tcase, an_empty_batch_moves_nothing);
    tcase_add_test(tcase, they_reject_shapes);
    tcase_add_test(tcase, they_reject_arguments);
    tcase_add_test(tcase, only_none_is_none);
    suite_add_tcase(suite, tcase);
    return suite;
}
