/* tests/ops/test_conv.c: convolution and its transpose: their rows of the op table, with the sum over the kernel for one element
 * at a time as the formula; the bias, infinities beside padding, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/conv.h>

#include <math.h>
#include <stdlib.h>

#include "ops/op_table.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

/* In the settings: stride, padding, dilation and output_padding, each for both axes; groups; and whether there is a bias, which
 * then is the sum of the kernels that make a channel. The first case has none: with it, what is rejected is counted. */
enum { STRIDE = 0, PADDING = 2, DILATION = 4, OUTPUT_PADDING = 6, GROUPS = 8, BIAS = 9 };

static const op_case conv1d_cases[] = {
    {.shape = {{3, {2, 2, 4}}, {3, {3, 2, 2}}}, .with = {10, {0}}},
    {.shape = {{2, {2, 5}}, {3, {2, 2, 3}}}, .with = {10, {2, 0, 1, 0, 1, 0, 0, 0, 1, 1}}},
    {.shape = {{3, {2, 4, 7}}, {3, {2, 2, 2}}}, .with = {10, {3, 0, 2, 0, 2, 0, 0, 0, 2, 1}}},
    {.shape = {{3, {1, 3, 6}}, {3, {3, 1, 1}}}, .with = {10, {4, 0, 3, 0, 1, 0, 0, 0, 3, 0}}},
    {.shape = {{3, {0, 2, 4}}, {3, {3, 2, 2}}}, .with = {10, {1, 0, 0, 0, 1, 0, 0, 0, 1, 1}}},
    {.shape = {{3, {2, 0, 4}}, {3, {3, 0, 2}}}, .with = {10, {1, 0, 1, 0, 1, 0, 0, 0, 1, 0}}},
    {.shape = {{3, {1, 1, 1}}, {3, {1, 1, 1}}}, .with = {10, {1, 0, 0, 0, 1, 0, 0, 0, 1, 0}}},
    {.shape = {{3, {2, 3, 100}}, {3, {5, 3, 7}}}, .with = {10, {1, 0, 3, 0, 1, 0, 0, 0, 1, 1}}},
    {.shape = {{2, {3, 200}}, {3, {6, 3, 5}}}, .with = {10, {2, 0, 4, 0, 3, 0, 0, 0, 1, 0}}},
};
static const op_case conv2d_cases[] = {
    {.shape = {{4, {2, 1, 3, 3}}, {4, {2, 1, 2, 2}}}, .with = {10, {0}}},
    {.shape = {{3, {2, 3, 4}}, {4, {2, 2, 2, 3}}}, .with = {10, {1, 2, 1, 0, 1, 1, 0, 0, 1, 1}}},
    {.shape = {{4, {1, 4, 3, 4}}, {4, {2, 2, 3, 2}}}, .with = {10, {2, 1, 2, 3, 1, 2, 0, 0, 2, 1}}},
    {.shape = {{4, {2, 2, 5, 3}}, {4, {4, 1, 2, 1}}}, .with = {10, {3, 2, 0, 1, 2, 1, 0, 0, 2, 0}}},
    {.shape = {{4, {1, 1, 2, 2}}, {4, {1, 1, 2, 1}}}, .with = {10, {2, 3, 4, 3, 1, 1, 0, 0, 1, 1}}},
    {.shape = {{4, {0, 2, 4, 4}}, {4, {3, 2, 2, 2}}}, .with = {10, {1, 1, 0, 0, 1, 1, 0, 0, 1, 1}}},
    {.shape = {{4, {2, 2, 3, 3}}, {4, {0, 2, 2, 2}}}, .with = {10, {1, 1, 0, 0, 1, 1, 0, 0, 1, 0}}},
    {.shape = {{4, {1, 2, 0, 3}}, {4, {2, 2, 2, 2}}}, .with = {10, {1, 1, 1, 0, 1, 1, 0, 0, 1, 1}}},
    {.shape = {{4, {2, 3, 3, 3}}, {4, {3, 1, 3, 3}}}, .with = {10, {1, 1, 1, 1, 1, 1, 0, 0, 3, 0}}},
    {.shape = {{4, {2, 3, 12, 10}}, {4, {7, 3, 5, 3}}}, .with = {10, {1, 1, 2, 1, 1, 1, 0, 0, 1, 1}}},
    {.shape = {{4, {3, 4, 9, 13}}, {4, {26, 2, 4, 2}}}, .with = {10, {2, 3, 1, 2, 2, 1, 0, 0, 2, 1}}},
    {.shape = {{4, {2, 2, 16, 30}}, {4, {2, 1, 3, 3}}}, .with = {10, {1, 1, 1, 1, 1, 1, 0, 0, 2, 0}}},
    {.shape = {{4, {1, 8, 10, 9}}, {4, {6, 8, 1, 1}}}, .with = {10, {1, 1, 0, 0, 1, 1, 0, 0, 1, 1}}},
};
static const op_case conv_transpose1d_cases[] = {
    {.shape = {{3, {2, 2, 3}}, {3, {2, 3, 2}}}, .with = {10, {0}}},
    {.shape = {{2, {2, 3}}, {3, {2, 2, 3}}}, .with = {10, {2, 0, 1, 0, 1, 0, 1, 0, 1, 1}}},
    {.shape = {{3, {2, 4, 3}}, {3, {4, 1, 2}}}, .with = {10, {3, 0, 2, 0, 2, 0, 2, 0, 2, 1}}},
    {.shape = {{3, {1, 3, 2}}, {3, {3, 1, 1}}}, .with = {10, {4, 0, 0, 0, 1, 0, 3, 0, 3, 0}}},
    {.shape = {{3, {1, 1, 4}}, {3, {1, 2, 2}}}, .with = {10, {2, 0, 1, 0, 5, 0, 4, 0, 1, 1}}},
    {.shape = {{3, {0, 2, 3}}, {3, {2, 3, 2}}}, .with = {10, {1, 0, 0, 0, 1, 0, 0, 0, 1, 1}}},
    {.shape = {{3, {2, 0, 3}}, {3, {0, 3, 2}}}, .with = {10, {1, 0, 0, 0, 1, 0, 0, 0, 1, 0}}},
    {.shape = {{3, {2, 5, 40}}, {3, {5, 3, 7}}}, .with = {10, {2, 0, 3, 0, 1, 0, 0, 0, 1, 1}}},
};
static const op_case conv_transpose2d_cases[] = {
    {.shape = {{4, {2, 2, 2, 2}}, {4, {2, 1, 2, 2}}}, .with = {10, {0}}},
    {.shape = {{3, {2, 2, 3}}, {4, {2, 2, 2, 3}}}, .with = {10, {1, 2, 1, 0, 1, 1, 0, 1, 1, 1}}},
    {.shape = {{4, {1, 4, 3, 2}}, {4, {4, 2, 3, 2}}}, .with = {10, {2, 1, 2, 1, 1, 2, 1, 1, 2, 1}}},
    {.shape = {{4, {2, 2, 2, 3}}, {4, {2, 1, 2, 1}}}, .with = {10, {3, 2, 0, 1, 2, 1, 2, 1, 2, 0}}},
    {.shape = {{4, {1, 1, 3, 2}}, {4, {1, 1, 3, 2}}}, .with = {10, {1, 1, 1, 0, 3, 4, 2, 3, 1, 1}}},
    {.shape = {{4, {0, 2, 3, 3}}, {4, {2, 2, 2, 2}}}, .with = {10, {1, 1, 0, 0, 1, 1, 0, 0, 1, 1}}},
    {.shape = {{4, {2, 2, 3, 3}}, {4, {2, 0, 2, 2}}}, .with = {10, {1, 1, 0, 0, 1, 1, 0, 0, 1, 0}}},
    {.shape = {{4, {1, 1, 1, 2}}, {4, {1, 1, 2, 2}}}, .with = {10, {1, 1, 1, 0, 1, 1, 0, 0, 1, 1}}},
    {.shape = {{4, {2, 7, 10, 6}}, {4, {7, 3, 5, 3}}}, .with = {10, {1, 1, 2, 1, 1, 1, 0, 0, 1, 1}}},
    {.shape = {{4, {2, 26, 5, 4}}, {4, {26, 2, 4, 2}}}, .with = {10, {2, 3, 1, 2, 2, 1, 1, 2, 2, 1}}},
    {.shape = {{4, {1, 8, 10, 9}}, {4, {8, 6, 1, 1}}}, .with = {10, {1, 1, 0, 0, 1, 1, 0, 0, 1, 1}}},
};

static tg_conv_options options_of(const settings *with) {
    tg_conv_options options = {.groups = with->value[GROUPS]};
    for (int i = 0; i < 2; i++) {
        options.stride[i] = with->value[STRIDE + i];
        options.padding[i] = with->value[PADDING + i];
        options.dilation[i] = with->value[DILATION + i];
        options.output_padding[i] = with->value[OUTPUT_PADDING + i];
    }
    return options;
}

static int at_least_1(int setting) {
    return setting ? setting : 1;
}

/* The sum of each kernel over its other axes; for the transpose over its first one too, in all groups the same. */
static tg_tensor bias_of(tg_tensor w, const settings *with, bool transposed) {
    if (!with->value[BIAS]) return TG_NONE;
    int rank = tg_shape_of(w).rank;
    if (!transposed) return tg_sum_axes(w, rank == 4 ? TG_AXES(1, 2, 3) : TG_AXES(1, 2), false);
    return tg_tile(tg_sum_axes(w, rank == 4 ? TG_AXES(0, 2, 3) : TG_AXES(0, 2), false), 0, at_least_1(with->value[GROUPS]));
}

#define RECORD(name, transposed) \
    static tg_tensor record_##name(const tg_tensor *x, const settings *with) { \
        tg_conv_options options = options_of(with); \
        return tg_##name(x[0], x[1], bias_of(x[1], with, transposed), &options); \
    }
RECORD(conv1d, false)
RECORD(conv2d, false)
RECORD(conv_transpose1d, true)
RECORD(conv_transpose2d, true)

/* ---- the formula: one term after the other, all in two axes ------------------------------------------------------- */

/* Sizes of an image, with an N and an H of 1 where there is none. */
typedef struct sizes {
    int64_t n, c, size[2];
} sizes;

static sizes sizes_of(const tg_shape *shape, int axes) {
    bool batch = shape->rank == axes + 2;
    return (sizes){batch ? shape->dims[0] : 1,
                   shape->dims[shape->rank - axes - 1],
                   {axes == 2 ? shape->dims[shape->rank - 2] : 1, shape->dims[shape->rank - 1]}};
}

static int64_t place(const sizes *s, int64_t n, int64_t c, int64_t i, int64_t j) {
    return ((n * s->c + c) * s->size[0] + i) * s->size[1] + j;
}

/* A setting for an axis of the two; that over one axis is the first. */
static int64_t setting(const settings *with, int which, int axes, int axis, int64_t none) {
    if (axes == 1 && axis == 0) return none;
    return with->value[which + (axes == 1 ? 0 : axis)];
}

static void geometry(const settings *with, int axes, int64_t stride[2], int64_t padding[2], int64_t dilation[2]) {
    for (int i = 0; i < 2; i++) {
        stride[i] = at_least_1((int)setting(with, STRIDE, axes, i, 1));
        padding[i] = setting(with, PADDING, axes, i, 0);
        dilation[i] = at_least_1((int)setting(with, DILATION, axes, i, 1));
    }
}

/* y += w x for all terms, or x += w y. */
static void add_terms(const settings *with, int axes, const sizes *sx, const values *w, const sizes *sy, bool transposed,
                      const values *from, values *to) {
    int64_t  stride[2], padding[2], dilation[2], groups = at_least_1(with->value[GROUPS]);
    tg_shape shape = w->shape;
    int64_t  k[2] = {axes == 2 ? shape.dims[2] : 1, shape.dims[shape.rank - 1]}, in = shape.dims[1],
            out = shape.dims[0] / groups;
    geometry(with, axes, stride, padding, dilation);
    for (int64_t n = 0; n < sy->n; n++)
        for (int64_t o = 0; o < sy->c; o++)
            for (int64_t c = 0; c < in; c++)
                for (int64_t p = 0; p < sy->size[0] * sy->size[1]; p++)
                    for (int64_t t = 0; t < k[0] * k[1]; t++) {
                        int64_t i = p / sy->size[1] * stride[0] + t / k[1] * dilation[0] - padding[0];
                        int64_t j = p % sy->size[1] * stride[1] + t % k[1] * dilation[1] - padding[1];
                        if (i < 0 || j < 0 || i >= sx->size[0] || j >= sx->size[1]) continue;
                        int64_t at_x = place(sx, n, o / out * in + c, i, j);
                        int64_t at_y = place(sy, n, o, p / sy->size[1], p % sy->size[1]);
                        to->at[transposed ? at_x : at_y].real +=
                            w->at[(o * in + c) * k[0] * k[1] + t].real * from->at[transposed ? at_y : at_x].real;
                    }
}

static void add_bias(const settings *with, const values *w, const sizes *s, bool transposed, values *y) {
    int64_t taps = w->size ? w->size / (w->shape.dims[0] * w->shape.dims[1]) : 0, in = w->shape.dims[1];
    for (int64_t i = 0; i < y->size && with->value[BIAS]; i++) {
        int64_t c = i / (s->size[0] * s->size[1]) % s->c;
        for (int64_t n = 0; n < w->size; n++)
            if (transposed ? n / taps % in == c % in : n / taps / in == c) y->at[i].real += w->at[n].real;
    }
}

static void expect_form(const values *x, const settings *with, int axes, bool transposed, values *y) {
    const values *w = &x[1];
    int64_t       groups = at_least_1(with->value[GROUPS]);
    tg_shape      shape = x->shape;
    shape.dims[shape.rank - axes - 1] = transposed ? w->shape.dims[1] * groups : w->shape.dims[0];
    for (int i = 0; i < axes; i++) {
        int64_t *size = &shape.dims[shape.rank - axes + i];
        int64_t  stride = at_least_1(with->value[STRIDE + i]),
                reach = at_least_1(with->value[DILATION + i]) * (w->shape.dims[2 + i] - 1);
        if (transposed)
            *size = (*size - 1) * stride - 2 * with->value[PADDING + i] + reach + 1 + with->value[OUTPUT_PADDING + i];
        else
            *size = (*size + 2 * with->value[PADDING + i] - reach - 1) / stride + 1;
    }
    clear_values(y, x->dtype, shape);
    sizes sx = sizes_of(&x->shape, axes), sy = sizes_of(&y->shape, axes);
    if (transposed)
        add_terms(with, axes, &sy, w, &sx, true, x, y);
    else
        add_terms(with, axes, &sx, w, &sy, false, x, y);
    add_bias(with, w, &sy, transposed, y);
    y->scale = 100;
}

#define EXPECT(name, axes, transposed) \
    static void expect_##name(const values *x, const settings *with, values *y) { \
        expect_form(x, with, axes, transposed, y); \
    }
EXPECT(conv1d, 1, false)
EXPECT(conv2d, 2, false)
EXPECT(conv_transpose1d, 1, true)
EXPECT(conv_transpose2d, 2, true)

#define ROW(function) \
    { \
        .name = #function, .called = #function, .arity = 2, .takes = TAKES_FLOAT, .record = record_##function, \
        .expect = expect_##function, .low = {-2, -2}, .high = {2, 2}, .cases = function##_cases, \
        .case_count = sizeof function##_cases / sizeof *function##_cases \
    }
const op_row conv_rows[] = {ROW(conv1d), ROW(conv2d), ROW(conv_transpose1d), ROW(conv_transpose2d), {.name = NULL}};

/* ---- bias -------------------------------------------------------------------------------------------------------- */

static tg_tensor ones(tg_tape *tape, tg_shape shape) {
    return tg_full(tape, TG_F64, shape, 1);
}

START_TEST(options_may_be_left_out) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_reshape(F64(tape, 1, 2, 3, 4), TG_SHAPE(1, 4)), w = tg_reshape(F64(tape, 10, 1), TG_SHAPE(1, 1, 2));
    CHECK_IS(tg_conv1d(x, w, TG_NONE, NULL), 12, 23, 34);
    CHECK_IS(tg_conv1d(x, w, TG_NONE, &(tg_conv_options){.groups = 0}), 12, 23, 34);
    CHECK_IS(tg_conv1d(x, w, F64(tape, 0.5), NULL), 12.5, 23.5, 34.5);
    CHECK_IS(tg_conv_transpose1d(x, w, F64(tape, 0.5), NULL), 10.5, 21.5, 32.5, 43.5, 4.5);
    /* over one axis, what is said of the second does not count */
    CHECK_IS(tg_conv1d(x, w, TG_NONE, &(tg_conv_options){.stride = {2, 7}, .padding = {0, -1}}), 12, 34);
    finish(tape);
}
END_TEST

/* An error is not taken for the wish for no bias. */
START_TEST(an_invalid_handle_is_no_bias_left_out) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = ones(tape, TG_SHAPE(1, 2, 3, 3)), w = ones(tape, TG_SHAPE(2, 2, 2, 2));
    tg_tensor invalid = tg_find(tape, "nobody");
    tg_clear_error(tape);
    REFUSED(tg_conv2d(x, w, invalid, NULL), TG_ERR_HANDLE, "conv2d: operand 3 is invalid");
    REFUSED(tg_conv_transpose2d(x, w, invalid, NULL), TG_ERR_HANDLE, "conv_transpose2d: operand 3 is invalid");
    REFUSED(tg_conv2d(x, w, tg_exp(1), NULL), TG_ERR_HANDLE, "conv2d: operand 3 is no tensor");
    REFUSED(tg_conv2d(x, w, 0, NULL), TG_ERR_SHAPE, "the bias has one number for each of the 2 channels", "TG_NONE");
    REFUSED(tg_conv2d(x, TG_NONE, w, NULL), TG_ERR_HANDLE, "conv2d: operand 2 is TG_NONE");
    ck_assert(!tg_valid(TG_NONE));
    finish(tape);
}
END_TEST

START_TEST(gradient_of_the_bias) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = ones(tape, TG_SHAPE(2, 1, 3, 4)), w = ones(tape, TG_SHAPE(2, 1, 2, 2)), b = PARAMETER(tape, "b", 3, -1);
    tg_tensor y = tg_conv2d(x, w, b, NULL), one = tg_conv2d(tg_reshape(tg_slice(x, 0, 0, 1, 1), TG_SHAPE(1, 3, 4)), w, b, NULL);
    CHECK_IS(slope(y, b), 12, 12);
    CHECK_IS(slope(one, b), 6, 6);
    CHECK_IS(slope(tg_conv_transpose1d(ones(tape, TG_SHAPE(1, 4)), ones(tape, TG_SHAPE(1, 2, 3)), b, NULL), b), 6, 6);
    tg_gradcheck_report report = {.order = 3};
    ck_assert_msg(tg_gradcheck(tg_square(y), 1, &b, &report) == TG_OK, "%s", tg_error(tape));
    finish(tape);
}
END_TEST

/* ---- infinities -------------------------------------------------------------------------------------------------- */

/* A weight that meets nothing but padding gives nothing; and so it is in all derivatives. */
START_TEST(padding_makes_no_nan) {
    tg_tape        *tape = tg_tape_new();
    tg_conv_options wide = {.padding = {0, 2}}, steps = {.stride = {1, 2}};
    tg_tensor       x = tg_parameter(tape, "x", tg_reshape(POINTS(tape, 2, 3), TG_SHAPE(1, 1, 2)));
    tg_tensor       w = tg_parameter(tape, "w", tg_reshape(POINTS(tape, INF, 1), TG_SHAPE(1, 1, 1, 2)));
    CHECK_IS(tg_conv2d(x, w, TG_NONE, &wide), 0, 2, INF, INF, 0);
    CHECK_IS(tg_conv_transpose2d(x, w, TG_NONE, NULL), INF, INF, 3);
    CHECK_IS(tg_conv_transpose2d(x, w, TG_NONE, &steps), INF, 2, INF, 3);
    tg_tensor far = tg_reshape(POINTS(tape, 1, INF, 5), TG_SHAPE(1, 1, 3));
    CHECK_IS(slope(tg_conv2d(far, w, TG_NONE, &steps), w), 1, INF);
    finish(tape);
}
END_TEST

/* The same for sizes that are not done term by term; a NaN stays where it belongs. */
START_TEST(nan_and_infinity_stay_where_they_belong) {
    static values   got;
    tg_tape        *tape = tg_tape_new();
    tg_tensor       one = tg_pad(tg_full(tape, floats[_i], TG_SHAPE(1, 1, 1), _i ? NOT : INF), 1, 9, 10, TG_PAD_CONSTANT, 1);
    tg_tensor       x = tg_pad(one, 2, 9, 10, TG_PAD_CONSTANT, 1), w = tg_full(tape, floats[_i], TG_SHAPE(4, 1, 3, 3), 1);
    tg_conv_options same = {.padding = {1, 1}};
    read_values("conv2d", tg_conv2d(x, w, TG_NONE, &same), &got);
    for (int64_t i = 0; i < got.size; i++) {
        int64_t     row = i / 20 % 20, column = i % 20;
        bool        reached = llabs(row - 9) <= 1 && llabs(column - 9) <= 1;
        long double y = got.at[i].real;
        ck_assert(reached ? (_i ? isnan(y) : isinf(y)) : y == (row % 19 ? 3 : 2) * (column % 19 ? 3 : 2));
    }
    finish(tape);
}
END_TEST

/* ---- what is rejected --------------------------------------------------------------------------------------------- */

START_TEST(shapes_that_do_not_fit_are_named) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = ones(tape, TG_SHAPE(1, 4, 3, 4)), w = ones(tape, TG_SHAPE(6, 4, 5, 2)), b = F64(tape, 1, 2, 3);
    tg_tensor l = ones(tape, TG_SHAPE(4, 8)), v = ones(tape, TG_SHAPE(4, 2, 1)), none = ones(tape, TG_SHAPE(2, 4, 0));
    tg_tensor empty = ones(tape, TG_SHAPE(4, 0));
    REFUSED(tg_conv2d(x, w, TG_NONE, NULL), TG_ERR_SHAPE,
            "conv2d: (1, 4, 3, 4) x (6, 4, 5, 2): ", "a kernel of 5, with dilation 1, is larger than the padded image's 3");
    REFUSED(tg_conv2d(x, w, TG_NONE, (&(tg_conv_options){.padding = {2, 0}, .dilation = {2, 1}})), TG_ERR_SHAPE,
            "a kernel of 5, with dilation 2, is larger than the padded image's 7");
    REFUSED(tg_conv2d(x, w, TG_NONE, (&(tg_conv_options){.padding = {1, 0}, .groups = 4})), TG_ERR_SHAPE,
            "4 groups do not divide the 6 channels");
    REFUSED(tg_conv2d(x, w, TG_NONE, (&(tg_conv_options){.padding = {1, 0}, .groups = 2})), TG_ERR_SHAPE,
            "the image has 4 channels, and the kernel is for 2 groups of 4");
    REFUSED(tg_conv2d(x, w, b, (&(tg_conv_options){.padding = {1, 0}})), TG_ERR_SHAPE, "6 channels");
    REFUSED(tg_conv2d(l, w, TG_NONE, NULL), TG_ERR_SHAPE, "(4, 8) x (6, 4, 5, 2)", "(N, C, H, W) or (C, H, W)");
    REFUSED(tg_conv1d(x, w, TG_NONE, NULL), TG_ERR_SHAPE, "conv1d: ", "(N, C, L) or (C, L)");
    REFUSED(tg_conv1d(l, none, TG_NONE, NULL), TG_ERR_SHAPE, "the kernel has no elements");
    REFUSED(tg_conv_transpose2d(x, w, TG_NONE, NULL), TG_ERR_SHAPE,
            "conv_transpose2d: ", "the image has 4 channels, and the kernel is for 1 groups of 6");
    REFUSED(tg_conv_transpose1d(l, v, TG_NONE, (&(tg_conv_options){.padding = {5}})), TG_ERR_SHAPE, "a size of -2");
    REFUSED(tg_conv_transpose1d(l, v, TG_NONE, (&(tg_conv_options){.groups = 3})), TG_ERR_SHAPE,
            "3 groups do not divide the 4 channels");
    REFUSED(tg_conv_transpose1d(empty, v, TG_NONE, NULL), TG_ERR_SHAPE, "the image has no elements");
    finish(tape);
}
END_TEST

START_TEST(settings_out_of_range_are_named) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = ones(tape, TG_SHAPE(2, 5, 5)), w = ones(tape, TG_SHAPE(2, 2, 3, 3)), f32 = tg_cast(w, TG_F32),
              b = F32(tape, 1, 2);
    REFUSED(tg_conv2d(x, w, TG_NONE, (&(tg_conv_options){.stride = {1, -1}})), TG_ERR_ARGUMENT, "conv2d: ", "stride -1");
    REFUSED(tg_conv2d(x, w, TG_NONE, (&(tg_conv_options){.padding = {-2, 0}})), TG_ERR_ARGUMENT, "padding -2");
    REFUSED(tg_conv2d(x, w, TG_NONE, (&(tg_conv_options){.dilation = {-3, 0}})), TG_ERR_ARGUMENT, "dilation -3");
    REFUSED(tg_conv2d(x, w, TG_NONE, (&(tg_conv_options){.groups = -1})), TG_ERR_ARGUMENT, "groups -1");
    REFUSED(tg_conv2d(x, w, TG_NONE, (&(tg_conv_options){.padding = {INT64_MAX, 0}})), TG_ERR_ARGUMENT,
            "padding 9223372036854775807");
    REFUSED(tg_conv2d(x, w, TG_NONE, (&(tg_conv_options){.output_padding = {0, 1}})), TG_ERR_ARGUMENT, "output_padding",
            "transposed");
    REFUSED(tg_conv_transpose2d(x, w, TG_NONE, (&(tg_conv_options){.stride = {2, 2}, .output_padding = {0, 2}})),
            TG_ERR_ARGUMENT, "output_padding 2 is below neither the stride 2 nor the dilation 1");
    REFUSED(tg_conv_transpose2d(x, w, TG_NONE, (&(tg_conv_options){.output_padding = {-1, 0}})), TG_ERR_ARGUMENT,
            "output_padding -1");
    REFUSED(tg_conv2d(x, f32, TG_NONE, NULL), TG_ERR_DTYPE, "float64 (2, 5, 5) x float32 (2, 2, 3, 3)");
    REFUSED(tg_conv2d(x, w, b, NULL), TG_ERR_DTYPE, "tg_cast");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_conv(void) {
    Suite *suite = suite_create("conv");
    TCase *tcase = tcase_create("convolutions");
    add_rows(suite, conv_rows);
    tcase_add_test(tcase, options_may_be_left_out);
    tcase_add_test(tcase, an_invalid_handle_is_no_bias_left_out);
    tcase_add_test(tcase, gradient_of_the_bias);
    tcase_add_loop_test(tcase, padding_makes_no_nan, 0, 2);
    tcase_add_loop_test(tcase, nan_and_infinity_stay_where_they_belong, 0, 2);
    tcase_add_test(tcase, shapes_that_do_not_fit_are_named);
    tcase_add_test(tcase, settings_out_of_range_are_named);
    suite_add_tcase(suite, tcase);
    return suite;
}
