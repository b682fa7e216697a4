/* tests/ops/test_conv.c: convolution and its transpose: their rows of the op table, with the sum over the kernel for one element
 * at a time as the formula; the bias, infinities beside padding, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/conv.h>

#include <math.h>
#include <stdlib.h>

#include "ops/op_table.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

/* In the settings: stride, padding, dilation and output_padding, each for two axes, or for three; groups; and whether there is a
 * bias, which then is the sum of the kernels that make a channel. The first case has none: with it, what is rejected is counted. */
enum { STRIDE, PADDING, DILATION, OUTPUT_PADDING, OPTIONS };

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
static const op_case conv3d_cases[] = {
    {.shape = {{5, {1, 1, 3, 2, 3}}, {5, {2, 1, 2, 2, 2}}}, .with = {14, {0}}},
    {.shape = {{4, {2, 3, 4, 3}}, {5, {2, 2, 2, 3, 2}}}, .with = {14, {2, 1, 2, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 1}}},
    {.shape = {{5, {1, 4, 3, 3, 2}}, {5, {2, 2, 2, 1, 2}}}, .with = {14, {1, 2, 1, 2, 0, 1, 2, 1, 1, 0, 0, 0, 2, 1}}},
    {.shape = {{5, {2, 2, 5, 1, 3}}, {5, {2, 1, 1, 1, 2}}}, .with = {14, {3, 1, 1, 4, 0, 0, 1, 1, 1, 0, 0, 0, 2, 0}}},
    {.shape = {{5, {0, 2, 4, 4, 4}}, {5, {3, 2, 2, 2, 2}}}, .with = {14, {1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1}}},
    {.shape = {{5, {1, 2, 0, 3, 3}}, {5, {2, 2, 2, 2, 2}}}, .with = {14, {1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1}}},
    {.shape = {{5, {1, 1, 1, 1, 1}}, {5, {1, 1, 1, 1, 1}}}, .with = {14, {1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 0}}},
    {.shape = {{5, {1, 3, 5, 8, 6}}, {5, {7, 3, 3, 3, 2}}}, .with = {14, {1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 1}}},
    {.shape = {{5, {1, 2, 6, 9, 9}}, {5, {36, 2, 3, 3, 3}}}, .with = {14, {2, 2, 2, 0, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0}}},
    {.shape = {{4, {8, 3, 5, 9}}, {5, {6, 8, 1, 1, 1}}}, .with = {14, {1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1}}},
};
static const op_case conv_transpose3d_cases[] = {
    {.shape = {{5, {1, 2, 2, 2, 1}}, {5, {2, 1, 2, 1, 2}}}, .with = {14, {0}}},
    {.shape = {{4, {2, 2, 2, 3}}, {5, {2, 2, 2, 3, 2}}}, .with = {14, {2, 1, 2, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1}}},
    {.shape = {{5, {1, 4, 3, 2, 2}}, {5, {4, 1, 2, 2, 1}}}, .with = {14, {1, 2, 1, 2, 0, 0, 2, 1, 1, 1, 1, 0, 2, 1}}},
    {.shape = {{5, {2, 2, 2, 1, 3}}, {5, {2, 1, 1, 1, 2}}}, .with = {14, {3, 1, 2, 0, 0, 1, 1, 1, 1, 2, 0, 0, 2, 0}}},
    {.shape = {{5, {0, 2, 3, 3, 3}}, {5, {2, 2, 2, 2, 2}}}, .with = {14, {1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1}}},
    {.shape = {{5, {1, 1, 1, 1, 1}}, {5, {1, 1, 2, 1, 1}}}, .with = {14, {1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1}}},
    {.shape = {{5, {2, 7, 4, 6, 4}}, {5, {7, 3, 3, 3, 2}}}, .with = {14, {1, 1, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 1}}},
    {.shape = {{5, {1, 36, 2, 4, 5}}, {5, {36, 1, 3, 3, 3}}}, .with = {14, {2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0}}},
    {.shape = {{4, {8, 3, 5, 9}}, {5, {8, 6, 1, 1, 1}}}, .with = {14, {1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1}}},
};

static int setting(const settings *with, int option, int axis) {
    return with->value[option * ((with->count - 2) / OPTIONS) + axis];
}

static int groups_of(const settings *with) {
    return with->value[with->count - 2] ? with->value[with->count - 2] : 1;
}

static bool has_bias(const settings *with) {
    return with->value[with->count - 1];
}

static tg_conv_options options_of(const settings *with) {
    tg_conv_options options = {.groups = groups_of(with)};
    for (int i = 0; i < (with->count - 2) / OPTIONS; i++) {
        options.stride[i] = setting(with, STRIDE, i);
        options.padding[i] = setting(with, PADDING, i);
        options.dilation[i] = setting(with, DILATION, i);
        options.output_padding[i] = setting(with, OUTPUT_PADDING, i);
    }
    return options;
}

/* The sum of each kernel over its other axes; for the transpose over its first one too, in all groups the same. */
static tg_tensor bias_of(tg_tensor w, const settings *with, bool transposed) {
    if (!has_bias(with)) return TG_NONE;
    tg_axes others = TG_AXES(transposed ? 0 : 1);
    for (int axis = 2; axis < tg_shape_of(w).rank; axis++)
        others.axis[others.count++] = axis;
    tg_tensor sums = tg_sum_axes(w, others, false);
    return transposed ? tg_tile(sums, 0, groups_of(with)) : sums;
}

#define RECORD(name, transposed) \
    static tg_tensor record_##name(const tg_tensor *x, const settings *with) { \
        tg_conv_options options = options_of(with); \
        return tg_##name(x[0], x[1], bias_of(x[1], with, transposed), &options); \
    }
RECORD(conv1d, false)
RECORD(conv2d, false)
RECORD(conv3d, false)
RECORD(conv_transpose1d, true)
RECORD(conv_transpose2d, true)
RECORD(conv_transpose3d, true)

/* ---- the formula: one term after the other, all in three axes ------------------------------------------------------ */

/* Of the convolution, or of that which is transposed, from image x to result y. */
typedef struct form {
    int64_t n, in, out, groups, x[3], y[3], k[3], stride[3], padding[3], dilation[3];
} form;

static int64_t volume(const int64_t *size) {
    return size[0] * size[1] * size[2];
}

/* The sizes along the axes, behind as many ones as there are fewer than three. */
static void set_sizes(const tg_shape *shape, int axes, int64_t *size) {
    for (int a = 0; a < 3; a++)
        size[a] = a < 3 - axes ? 1 : shape->dims[shape->rank - 3 + a];
}

static form form_of(const settings *with, int axes, const tg_shape *x, const tg_shape *w, const tg_shape *y) {
    form f = {.n = x->rank == axes + 2 ? x->dims[0] : 1, .in = w->dims[1], .groups = groups_of(with)};
    f.out = w->dims[0] / f.groups;
    set_sizes(x, axes, f.x);
    set_sizes(y, axes, f.y);
    set_sizes(w, axes, f.k);
    for (int a = 0; a < 3; a++) {
        int i = a - (3 - axes);
        f.stride[a] = i >= 0 && setting(with, STRIDE, i) ? setting(with, STRIDE, i) : 1;
        f.padding[a] = i >= 0 ? setting(with, PADDING, i) : 0;
        f.dilation[a] = i >= 0 && setting(with, DILATION, i) ? setting(with, DILATION, i) : 1;
    }
    return f;
}

/* The element of the image that tap t of the kernel meets at position p of the result; -1 for padding. */
static int64_t met(const form *f, int64_t p, int64_t t) {
    int64_t at = 0, step = 1;
    for (int a = 2; a >= 0; a--) {
        int64_t i = p % f->y[a] * f->stride[a] + t % f->k[a] * f->dilation[a] - f->padding[a];
        if (i < 0 || i >= f->x[a]) return -1;
        at += i * step;
        step *= f->x[a];
        p /= f->y[a];
        t /= f->k[a];
    }
    return at;
}

/* y += w x for all terms, or x += w y. */
static void add_terms(const form *f, const values *w, bool transposed, const values *from, values *to) {
    int64_t taps = volume(f->k), positions = volume(f->y);
    for (int64_t n = 0; n < f->n; n++)
        for (int64_t o = 0; o < f->groups * f->out; o++)
            for (int64_t c = 0; c < f->in; c++)
                for (int64_t p = 0; p < positions; p++)
                    for (int64_t t = 0; t < taps; t++) {
                        int64_t at = met(f, p, t), channel = o / f->out * f->in + c;
                        if (at < 0) continue;
                        int64_t at_x = (n * f->groups * f->in + channel) * volume(f->x) + at;
                        int64_t at_y = (n * f->groups * f->out + o) * positions + p;
                        to->at[transposed ? at_x : at_y].real +=
                            w->at[(o * f->in + c) * taps + t].real * from->at[transposed ? at_y : at_x].real;
                    }
}

static void add_bias(const form *f, const values *w, bool transposed, values *y) {
    int64_t taps = volume(f->k), size = volume(transposed ? f->x : f->y);
    for (int64_t i = 0; i < y->size; i++) {
        int64_t c = i / size % (f->groups * (transposed ? f->in : f->out));
        for (int64_t n = 0; n < w->size; n++)
            if (transposed ? n / taps % f->in == c % f->in : n / taps / f->in == c) y->at[i].real += w->at[n].real;
    }
}

/* The size of the result along an axis of the kernel. */
static int64_t resulting(const settings *with, int axis, int64_t size, int64_t k, bool transposed) {
    int64_t stride = setting(with, STRIDE, axis), padding = setting(with, PADDING, axis),
            dilation = setting(with, DILATION, axis), reach = (dilation ? dilation : 1) * (k - 1);
    if (!stride) stride = 1;
    if (transposed) return (size - 1) * stride - 2 * padding + reach + 1 + setting(with, OUTPUT_PADDING, axis);
    return (size + 2 * padding - reach - 1) / stride + 1;
}

static void expect_form(const values *x, const settings *with, int axes, bool transposed, values *y) {
    const values *w = &x[1];
    tg_shape      shape = x->shape;
    shape.dims[shape.rank - axes - 1] = transposed ? w->shape.dims[1] * groups_of(with) : w->shape.dims[0];
    for (int i = 0; i < axes; i++) {
        int64_t *size = &shape.dims[shape.rank - axes + i];
        *size = resulting(with, i, *size, w->shape.dims[2 + i], transposed);
    }
    clear_values(y, x->dtype, shape);
    form f = form_of(with, axes, transposed ? &shape : &x->shape, &w->shape, transposed ? &x->shape : &shape);
    add_terms(&f, w, transposed, x, y);
    if (has_bias(with)) add_bias(&f, w, transposed, y);
    y->scale = 100;
}

#define EXPECT(name, axes, transposed) \
    static void expect_##name(const values *x, const settings *with, values *y) { \
        expect_form(x, with, axes, transposed, y); \
    }
EXPECT(conv1d, 1, false)
EXPECT(conv2d, 2, false)
EXPECT(conv3d, 3, false)
EXPECT(conv_transpose1d, 1, true)
EXPECT(conv_transpose2d, 2, true)
EXPECT(conv_transpose3d, 3, true)

#define ROW(function) \
    { \
        .name = #function, .called = #function, .arity = 2, .takes = TAKES_FLOAT, .record = record_##function, \
        .expect = expect_##function, .low = {-2, -2}, .high = {2, 2}, .cases = function##_cases, \
        .case_count = sizeof function##_cases / sizeof *function##_cases \
    }
const op_row conv_rows[] = {ROW(conv1d),           ROW(conv2d),           ROW(conv3d),   ROW(conv_transpose1d),
                            ROW(conv_transpose2d), ROW(conv_transpose3d), {.name = NULL}};

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
    tg_tensor deep = tg_reshape(x, TG_SHAPE(1, 2, 1, 1)), tap = tg_reshape(w, TG_SHAPE(1, 1, 2, 1, 1));
    CHECK_IS(tg_conv3d(deep, tap, TG_NONE, &(tg_conv_options){.padding = {2}}), 0, 2, INF, INF, 0);
    CHECK_IS(tg_conv_transpose3d(deep, tap, TG_NONE, &(tg_conv_options){.stride = {2}}), INF, 2, INF, 3);
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
    tg_tensor empty = ones(tape, TG_SHAPE(4, 0)), deep = ones(tape, TG_SHAPE(1, 4, 2, 4, 4));
    tg_tensor cube = ones(tape, TG_SHAPE(6, 4, 3, 2, 2));
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
    REFUSED(tg_conv1d(x, w, TG_NONE, NULL), TG_ERR_SHAPE, "conv1d: ", "(N, C, L) or (C, L), the kernel (., ., K)");
    REFUSED(tg_conv3d(x, w, TG_NONE, NULL), TG_ERR_SHAPE,
            "conv3d: ", "(N, C, D, H, W) or (C, D, H, W), the kernel (., ., KD, KH, KW)");
    REFUSED(tg_conv3d(deep, cube, TG_NONE, NULL), TG_ERR_SHAPE, "conv3d: (1, 4, 2, 4, 4) x (6, 4, 3, 2, 2): ",
            "a kernel of 3, with dilation 1, is larger than the padded image's 2");
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
              b = F32(tape, 1, 2), one = ones(tape, TG_SHAPE(1, 1, 1, 1, 1));
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
    REFUSED(tg_conv3d(one, one, TG_NONE, (&(tg_conv_options){.stride = {1, 1, -4}})), TG_ERR_ARGUMENT, "conv3d: ", "stride -4");
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
