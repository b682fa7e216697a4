/* tests/ops/test_pooling.c: pooling: its rows of the op table, with one window at a time as the formula; ties, NaN, windows beyond
 * the edges, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/conv.h>

#include <math.h>

#include "ops/op_table.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

/* In the settings: window, stride, padding and dilation, each for two axes, or for three; ceil_mode; exclude_pad. */
enum { WINDOW, STRIDE, PADDING, DILATION, OPTIONS };

static const op_case max_pool1d_cases[] = {
    {.shape = {{3, {2, 2, 4}}}, .with = {10, {2, 0, 0, 0, 0, 0, 0, 0, 0, 0}}},
    {.shape = {{2, {2, 7}}}, .with = {10, {3, 0, 2, 0, 1, 0, 1, 0, 0, 0}}},
    {.shape = {{2, {2, 7}}}, .with = {10, {2, 0, 4, 0, 1, 0, 3, 0, 1, 0}}},
    {.shape = {{3, {1, 1, 1}}}, .with = {10, {1, 0, 1, 0, 0, 0, 1, 0, 0, 0}}},
    {.shape = {{3, {0, 2, 4}}}, .with = {10, {2, 0, 1, 0, 1, 0, 2, 0, 0, 0}}},
    {.shape = {{3, {2, 0, 4}}}, .with = {10, {2, 0, 1, 0, 0, 0, 1, 0, 0, 0}}},
    {.shape = {{3, {3, 4, 50}}}, .with = {10, {5, 0, 2, 0, 2, 0, 3, 0, 1, 0}}},
};
static const op_case max_pool2d_cases[] = {
    {.shape = {{3, {2, 2, 4}}}, .with = {10, {2, 2, 0, 0, 0, 0, 0, 0, 0, 0}}},
    {.shape = {{4, {1, 2, 4, 5}}}, .with = {10, {2, 3, 1, 2, 1, 0, 1, 2, 0, 0}}},
    {.shape = {{4, {2, 2, 3, 3}}}, .with = {10, {2, 2, 0, 0, 0, 1, 0, 0, 1, 0}}},
    {.shape = {{4, {1, 1, 5, 6}}}, .with = {10, {1, 2, 3, 4, 0, 1, 1, 1, 1, 0}}},
    {.shape = {{3, {2, 4, 4}}}, .with = {10, {4, 3, 1, 1, 2, 1, 1, 1, 0, 0}}},
    {.shape = {{4, {0, 2, 4, 4}}}, .with = {10, {2, 2, 0, 0, 0, 0, 0, 0, 0, 0}}},
    {.shape = {{4, {2, 3, 14, 14}}}, .with = {10, {2, 2, 0, 0, 0, 0, 0, 0, 0, 0}}},
    {.shape = {{4, {2, 3, 11, 21}}}, .with = {10, {3, 3, 2, 1, 1, 1, 2, 3, 1, 0}}},
};
static const op_case max_pool3d_cases[] = {
    {.shape = {{4, {2, 2, 2, 4}}}, .with = {14, {2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}},
    {.shape = {{5, {1, 2, 3, 4, 2}}}, .with = {14, {2, 3, 1, 1, 2, 0, 1, 0, 0, 2, 1, 0, 0, 0}}},
    {.shape = {{5, {2, 1, 3, 3, 3}}}, .with = {14, {2, 2, 2, 0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 0}}},
    {.shape = {{5, {1, 1, 5, 3, 2}}}, .with = {14, {1, 2, 2, 3, 4, 1, 0, 1, 0, 1, 1, 1, 1, 0}}},
    {.shape = {{5, {0, 2, 4, 4, 4}}}, .with = {14, {2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}},
    {.shape = {{5, {2, 2, 6, 7, 9}}}, .with = {14, {3, 2, 3, 2, 2, 1, 1, 1, 0, 2, 1, 3, 1, 0}}},
};
static const op_case avg_pool1d_cases[] = {
    {.shape = {{3, {2, 2, 4}}}, .with = {10, {2, 0, 0, 0, 0, 0, 0, 0, 0, 0}}},
    {.shape = {{2, {2, 7}}}, .with = {10, {3, 0, 2, 0, 1, 0, 0, 0, 1, 0}}},
    {.shape = {{2, {2, 8}}}, .with = {10, {3, 0, 2, 0, 1, 0, 0, 0, 1, 1}}},
    {.shape = {{2, {1, 5}}}, .with = {10, {2, 0, 4, 0, 1, 0, 1, 0, 1, 0}}},
    {.shape = {{3, {1, 1, 1}}}, .with = {10, {1, 0, 1, 0, 0, 0, 0, 0, 0, 0}}},
    {.shape = {{3, {0, 2, 4}}}, .with = {10, {2, 0, 1, 0, 1, 0, 0, 0, 0, 0}}},
    {.shape = {{3, {3, 4, 50}}}, .with = {10, {5, 0, 2, 0, 2, 0, 0, 0, 1, 1}}},
};
static const op_case avg_pool2d_cases[] = {
    {.shape = {{3, {2, 2, 4}}}, .with = {10, {2, 2, 0, 0, 0, 0, 0, 0, 0, 0}}},
    {.shape = {{4, {1, 2, 4, 5}}}, .with = {10, {2, 3, 1, 2, 1, 0, 0, 0, 0, 0}}},
    {.shape = {{4, {2, 2, 3, 3}}}, .with = {10, {2, 2, 0, 0, 1, 1, 0, 0, 1, 1}}},
    {.shape = {{4, {2, 2, 3, 3}}}, .with = {10, {2, 2, 0, 0, 1, 0, 0, 0, 1, 0}}},
    {.shape = {{4, {1, 1, 5, 6}}}, .with = {10, {1, 2, 3, 4, 0, 1, 1, 1, 1, 0}}},
    {.shape = {{4, {2, 0, 4, 4}}}, .with = {10, {2, 2, 0, 0, 0, 0, 0, 0, 0, 0}}},
    {.shape = {{4, {2, 3, 14, 14}}}, .with = {10, {2, 2, 0, 0, 0, 0, 0, 0, 0, 0}}},
    {.shape = {{4, {2, 3, 11, 21}}}, .with = {10, {3, 4, 2, 1, 1, 2, 0, 0, 1, 1}}},
};
static const op_case avg_pool3d_cases[] = {
    {.shape = {{4, {2, 2, 2, 4}}}, .with = {14, {2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}},
    {.shape = {{5, {1, 2, 3, 4, 2}}}, .with = {14, {2, 3, 1, 1, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0}}},
    {.shape = {{5, {2, 1, 3, 3, 3}}}, .with = {14, {2, 2, 2, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1}}},
    {.shape = {{5, {2, 1, 3, 3, 2}}}, .with = {14, {2, 2, 2, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0}}},
    {.shape = {{5, {1, 1, 5, 3, 2}}}, .with = {14, {1, 2, 2, 3, 4, 1, 0, 1, 0, 1, 1, 1, 1, 0}}},
    {.shape = {{5, {2, 0, 4, 4, 4}}}, .with = {14, {2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}},
    {.shape = {{5, {2, 2, 8, 7, 9}}}, .with = {14, {4, 5, 3, 2, 2, 1, 1, 1, 0, 0, 0, 0, 1, 1}}},
};
static const op_case adaptive1d_cases[] = {
    {.shape = {{2, {2, 7}}}, .with = {1, {3}}},    {.shape = {{3, {2, 2, 3}}}, .with = {1, {5}}},
    {.shape = {{3, {1, 2, 4}}}, .with = {1, {1}}}, {.shape = {{3, {0, 2, 4}}}, .with = {1, {2}}},
    {.shape = {{2, {1, 1}}}, .with = {1, {1}}},    {.shape = {{3, {3, 4, 50}}}, .with = {1, {13}}},
};
static const op_case adaptive2d_cases[] = {
    {.shape = {{3, {2, 3, 4}}}, .with = {2, {2, 3}}},    {.shape = {{4, {1, 2, 3, 3}}}, .with = {2, {1, 1}}},
    {.shape = {{4, {2, 1, 2, 3}}}, .with = {2, {3, 2}}}, {.shape = {{4, {0, 1, 2, 3}}}, .with = {2, {1, 2}}},
    {.shape = {{3, {2, 5, 5}}}, .with = {2, {5, 2}}},    {.shape = {{4, {2, 3, 11, 21}}}, .with = {2, {4, 7}}},
};

static const op_case adaptive3d_cases[] = {
    {.shape = {{4, {2, 3, 2, 4}}}, .with = {3, {2, 1, 3}}},     {.shape = {{5, {1, 2, 3, 3, 2}}}, .with = {3, {1, 1, 1}}},
    {.shape = {{5, {2, 1, 2, 1, 3}}}, .with = {3, {3, 2, 2}}},  {.shape = {{5, {0, 1, 2, 3, 2}}}, .with = {3, {1, 2, 1}}},
    {.shape = {{5, {2, 2, 11, 7, 5}}}, .with = {3, {4, 2, 3}}},
};

static int setting(const settings *with, int option, int axis) {
    return with->value[option * ((with->count - 2) / OPTIONS) + axis];
}

static bool has_ceil_mode(const settings *with) {
    return with->value[with->count - 2];
}

static bool has_exclude_pad(const settings *with) {
    return with->value[with->count - 1];
}

static tg_pool_options options_of(const settings *with) {
    tg_pool_options options = {.ceil_mode = has_ceil_mode(with), .exclude_pad = has_exclude_pad(with)};
    for (int i = 0; i < (with->count - 2) / OPTIONS; i++) {
        options.stride[i] = setting(with, STRIDE, i);
        options.padding[i] = setting(with, PADDING, i);
        options.dilation[i] = setting(with, DILATION, i);
    }
    return options;
}

#define RECORD(name, ...) \
    static tg_tensor record_##name(const tg_tensor *x, const settings *with) { \
        tg_pool_options options = options_of(with); \
        return tg_##name(x[0], __VA_ARGS__, &options); \
    }
RECORD(max_pool1d, with->value[0])
RECORD(max_pool2d, with->value[0], with->value[1])
RECORD(max_pool3d, with->value[0], with->value[1], with->value[2])
RECORD(avg_pool1d, with->value[0])
RECORD(avg_pool2d, with->value[0], with->value[1])
RECORD(avg_pool3d, with->value[0], with->value[1], with->value[2])

static tg_tensor record_max_pool1d_with_indices(const tg_tensor *x, const settings *with) {
    tg_pool_options options = options_of(with);
    return tg_max_pool1d_with_indices(x[0], with->value[0], &options, NULL);
}

static tg_tensor record_max_pool2d_with_indices(const tg_tensor *x, const settings *with) {
    tg_pool_options options = options_of(with);
    return tg_max_pool2d_with_indices(x[0], with->value[0], with->value[1], &options, NULL);
}

static tg_tensor record_max_pool3d_with_indices(const tg_tensor *x, const settings *with) {
    tg_pool_options options = options_of(with);
    return tg_max_pool3d_with_indices(x[0], with->value[0], with->value[1], with->value[2], &options, NULL);
}

static tg_tensor record_adaptive_avg_pool1d(const tg_tensor *x, const settings *with) {
    return tg_adaptive_avg_pool1d(x[0], with->value[0]);
}

static tg_tensor record_adaptive_avg_pool2d(const tg_tensor *x, const settings *with) {
    return tg_adaptive_avg_pool2d(x[0], with->value[0], with->value[1]);
}

static tg_tensor record_adaptive_avg_pool3d(const tg_tensor *x, const settings *with) {
    return tg_adaptive_avg_pool3d(x[0], with->value[0], with->value[1], with->value[2]);
}

/* ---- the formula ------------------------------------------------------------------------------------------------- */

/* Along one axis: the elements of a window are at from, from + step, ... below to; some of them may be no elements of the
 * image. */
typedef struct window {
    int64_t from, to, step;
} window;

typedef enum kind { LARGEST, MEAN, ADAPTIVE } kind;

/* In ceil_mode a window counts as long as the one before it leaves something over. */
static int64_t windows_along(const settings *with, kind what, int axis, int64_t size) {
    if (what == ADAPTIVE) return with->value[axis];
    int64_t k = setting(with, WINDOW, axis), s = setting(with, STRIDE, axis), pad = setting(with, PADDING, axis);
    int64_t d = setting(with, DILATION, axis), reach = (d ? d : 1) * (k - 1), count = 0;
    if (s == 0) s = k;
    for (int64_t start = -pad;; start += s, count++) {
        bool part = has_ceil_mode(with) && start - s + reach < size + pad - 1 && start < size;
        if (start + reach >= size + pad && !part) return count;
    }
}

/* That of an axis that the image does not have is its only element. */
static window window_at(const settings *with, kind what, int axis, int64_t size, int64_t count, int64_t i) {
    if (axis < 0) return (window){0, 1, 1};
    if (what == ADAPTIVE)
        return (window){(int64_t)floorl((long double)i * (long double)size / (long double)count),
                        (int64_t)ceill((long double)(i + 1) * (long double)size / (long double)count), 1};
    int64_t k = setting(with, WINDOW, axis), s = setting(with, STRIDE, axis), pad = setting(with, PADDING, axis);
    int64_t d = setting(with, DILATION, axis), end = size + pad;
    int64_t from = i * (s ? s : k) - pad, to = from + (d ? d : 1) * (k - 1) + 1;
    return (window){from, what == MEAN && to > end ? end : to, d ? d : 1};
}

/* Windows and sizes are of three axes. */
static element pooled(const settings *with, kind what, const values *x, int64_t image, const int64_t *size, const window *w) {
    long double most = -INFINITY, sum = 0, own = 0, all = 0;
    for (int64_t i = w[0].from; i < w[0].to; i += w[0].step)
        for (int64_t j = w[1].from; j < w[1].to; j += w[1].step)
            for (int64_t k = w[2].from; k < w[2].to; k += w[2].step) {
                all++;
                if (i < 0 || j < 0 || k < 0 || i >= size[0] || j >= size[1] || k >= size[2]) continue;
                long double value = x->at[((image * size[0] + i) * size[1] + j) * size[2] + k].real;
                most = fmaxl(most, value);
                sum += value;
                own++;
            }
    if (what == LARGEST) return (element){.real = most};
    if (what == MEAN && has_exclude_pad(with)) all = own;
    return (element){.real = own == 0 ? 0 : sum / all};
}

static void expect_pooled(const values *x, const settings *with, int axes, kind what, values *y) {
    tg_shape shape = x->shape;
    int64_t  size[3] = {1, 1, 1}, count[3] = {1, 1, 1};
    for (int i = 0; i < axes; i++) {
        int at = shape.rank - axes + i, a = i + 3 - axes;
        size[a] = shape.dims[at];
        shape.dims[at] = count[a] = windows_along(with, what, i, size[a]);
    }
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        window  w[3];
        int64_t image = n;
        for (int a = 2; a >= 0; a--, image /= count[a + 1])
            w[a] = window_at(with, what, a - (3 - axes), size[a], count[a], image % count[a]);
        y->at[n] = pooled(with, what, x, image, size, w);
    }
}

#define EXPECT(name, axes, what) \
    static void expect_##name(const values *x, const settings *with, values *y) { \
        expect_pooled(x, with, axes, what, y); \
    }
EXPECT(max_pool1d, 1, LARGEST)
EXPECT(max_pool2d, 2, LARGEST)
EXPECT(max_pool3d, 3, LARGEST)
EXPECT(max_pool1d_with_indices, 1, LARGEST)
EXPECT(max_pool2d_with_indices, 2, LARGEST)
EXPECT(max_pool3d_with_indices, 3, LARGEST)
EXPECT(avg_pool1d, 1, MEAN)
EXPECT(avg_pool2d, 2, MEAN)
EXPECT(avg_pool3d, 3, MEAN)
EXPECT(adaptive_avg_pool1d, 1, ADAPTIVE)
EXPECT(adaptive_avg_pool2d, 2, ADAPTIVE)
EXPECT(adaptive_avg_pool3d, 3, ADAPTIVE)

#define ROW(function, list) NAMED_ROW(function, #function, list)
#define NAMED_ROW(function, word, list) \
    { \
        .name = #function, .called = word, .arity = 1, .takes = TAKES_FLOAT, .record = record_##function, \
        .expect = expect_##function, .low = {-3}, .high = {3}, .cases = list, .case_count = sizeof list / sizeof *list \
    }
const op_row pool_rows[] = {ROW(max_pool1d, max_pool1d_cases),
                            ROW(max_pool2d, max_pool2d_cases),
                            ROW(max_pool3d, max_pool3d_cases),
                            NAMED_ROW(max_pool1d_with_indices, "max_pool1d", max_pool1d_cases),
                            NAMED_ROW(max_pool2d_with_indices, "max_pool2d", max_pool2d_cases),
                            NAMED_ROW(max_pool3d_with_indices, "max_pool3d", max_pool3d_cases),
                            ROW(avg_pool1d, avg_pool1d_cases),
                            ROW(avg_pool2d, avg_pool2d_cases),
                            ROW(avg_pool3d, avg_pool3d_cases),
                            ROW(adaptive_avg_pool1d, adaptive1d_cases),
                            ROW(adaptive_avg_pool2d, adaptive2d_cases),
                            ROW(adaptive_avg_pool3d, adaptive3d_cases),
                            {.name = NULL}};

/* ---- which element it is ----------------------------------------------------------------------------------------- */

static tg_tensor row_of(tg_tensor x) {
    return tg_reshape(x, TG_SHAPE(1, tg_size(x)));
}

START_TEST(the_first_of_equals_gets_the_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", POINTS(tape, 1, 2, 2, 0, 0, 0, -INF, -INF, -INF)),
              y = tg_max_pool1d(row_of(x), 3, NULL);
    CHECK_IS(y, 2, 0, -INF);
    CHECK_IS(slope(y, x), 0, 1, 0, 1, 0, 0, 1, 0, 0);
    tg_tensor square = tg_reshape(x, TG_SHAPE(1, 3, 3));
    CHECK_IS(slope(tg_max_pool2d(square, 3, 3, NULL), x), 0, 1, 0, 0, 0, 0, 0, 0, 0);
    CHECK_IS(slope(tg_max_pool2d(square, 2, 2, &(tg_pool_options){.stride = {1, 1}}), x), 0, 2, 0, 1, 1, 0, 0, 0, 0);
    tg_tensor cube = tg_reshape(tg_slice(x, 0, 0, 8, 1), TG_SHAPE(1, 2, 2, 2));
    CHECK_IS(slope(tg_max_pool3d(cube, 2, 2, 2, NULL), x), 0, 1, 0, 0, 0, 0, 0, 0, 0);
    CHECK_IS(slope(tg_max_pool3d(cube, 2, 1, 1, NULL), x), 1, 1, 1, 1, 0, 0, 0, 0, 0);
    finish(tape);
}
END_TEST

START_TEST(nan_is_larger_than_all) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", POINTS(tape, 1, NOT, 3, NOT, 2, INF, 7)), y = tg_max_pool1d(row_of(x), 5, NULL);
    CHECK_IS(y, NOT);
    CHECK_IS(slope(y, x), 0, 0, 0, 1, 0, 0, 0);
    CHECK_IS(tg_max_pool1d(row_of(x), 1, NULL), 1, NOT, 3, NOT, 2, INF, 7);
    CHECK_IS(tg_max_pool1d(row_of(x), 3, &(tg_pool_options){.stride = {1}}), NOT, NOT, NOT, NOT, INF);
    CHECK_IS(tg_avg_pool1d(row_of(x), 2, &(tg_pool_options){.stride = {1}}), NOT, NOT, NOT, NOT, INF, INF);
    finish(tape);
}
END_TEST

/* Both elements of the window are beside the image. */
START_TEST(a_window_may_have_no_element) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_parameter(tape, "x", POINTS(tape, 1, 2));
    tg_tensor y = tg_max_pool1d(row_of(x), 2, &(tg_pool_options){.padding = {1}, .dilation = {3}});
    CHECK_IS(y, -INF);
    CHECK_IS(slope(y, x), 0, 0);
    /* the last window, without its padding, has no element; PyTorch gives 0 */
    tg_pool_options ceiling = {.stride = {2}, .padding = {1}, .ceil_mode = true, .exclude_pad = true};
    CHECK_IS(tg_avg_pool1d(row_of(x), 2, &ceiling), 1, 2);
    finish(tape);
}
END_TEST

/* From PyTorch's documentation: the last window must begin in the image or in the padding before it. */
START_TEST(ceil_mode_adds_a_window) {
    tg_tape        *tape = tg_tape_new();
    tg_tensor       x = row_of(POINTS(tape, 1, 2, 3, 4, 5));
    tg_pool_options two = {.stride = {2}, .ceil_mode = true}, three = {.stride = {3}, .padding = {1}, .ceil_mode = true};
    CHECK_IS(tg_max_pool1d(x, 2, &two), 2, 4, 5);
    CHECK_IS(tg_avg_pool1d(x, 2, &two), 1.5, 3.5, 5);
    CHECK_IS(tg_avg_pool1d(x, 2, &three), 0.5, 3.5);
    CHECK_IS(tg_avg_pool1d(x, 3, &(tg_pool_options){.stride = {2}, .padding = {1}}), 1, 3, 3);
    CHECK_IS(tg_avg_pool1d(x, 3, &(tg_pool_options){.stride = {2}, .padding = {1}, .exclude_pad = true}), 1.5, 3, 4.5);
    CHECK_IS(tg_max_pool1d(x, 7, &(tg_pool_options){.stride = {3}, .ceil_mode = true}), 5);
    finish(tape);
}
END_TEST

/* ---- what is rejected --------------------------------------------------------------------------------------------- */

START_TEST(wrong_windows_are_named) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(1, 2, 3, 4), 1), flat = tg_reshape(x, TG_SHAPE(6, 4));
    tg_tensor empty = tg_full(tape, TG_F64, TG_SHAPE(2, 0), 1);
    REFUSED(tg_max_pool2d(x, 4, 2, NULL), TG_ERR_SHAPE, "max_pool2d: (1, 2, 3, 4): ", "a window of 4", "the padded image's 3");
    REFUSED(tg_avg_pool2d(x, 2, 5, NULL), TG_ERR_SHAPE, "avg_pool2d: ", "a window of 5", "the padded image's 4");
    REFUSED(tg_max_pool2d(x, 2, 2, (&(tg_pool_options){.padding = {0, 2}})), TG_ERR_ARGUMENT,
            "padding 2 is more than half of the window's 2");
    REFUSED(tg_avg_pool2d(x, 3, 3, (&(tg_pool_options){.padding = {2, 0}})), TG_ERR_ARGUMENT,
            "padding 2 is more than half of the window's 3");
    REFUSED(tg_max_pool2d(x, 0, 2, NULL), TG_ERR_ARGUMENT, "window 0");
    REFUSED(tg_max_pool2d(x, 2, 2, (&(tg_pool_options){.stride = {-1, 1}})), TG_ERR_ARGUMENT, "stride -1");
    REFUSED(tg_max_pool2d(x, 2, 2, (&(tg_pool_options){.padding = {-1, 1}})), TG_ERR_ARGUMENT, "padding -1");
    REFUSED(tg_max_pool2d(x, 2, 2, (&(tg_pool_options){.dilation = {1, -2}})), TG_ERR_ARGUMENT, "dilation -2");
    REFUSED(tg_avg_pool2d(x, 2, 2, (&(tg_pool_options){.dilation = {1, 2}})), TG_ERR_ARGUMENT, "dilation is for max_pool");
    REFUSED(tg_max_pool1d(x, 2, NULL), TG_ERR_SHAPE, "max_pool1d: ", "(N, C, L) or (C, L)");
    REFUSED(tg_avg_pool2d(flat, 2, 2, NULL), TG_ERR_SHAPE, "(N, C, H, W) or (C, H, W)");
    REFUSED(tg_max_pool3d(flat, 2, 2, 2, NULL), TG_ERR_SHAPE, "max_pool3d: ", "(N, C, D, H, W) or (C, D, H, W)");
    REFUSED(tg_max_pool3d(x, 2, 2, 2, (&(tg_pool_options){.padding = {0, 0, 2}})), TG_ERR_ARGUMENT,
            "max_pool3d: ", "padding 2");
    REFUSED(tg_avg_pool3d(x, 3, 2, 2, NULL), TG_ERR_SHAPE, "avg_pool3d: ", "a window of 3", "the padded image's 2");
    REFUSED(tg_adaptive_avg_pool3d(x, 1, 1, 0), TG_ERR_ARGUMENT, "adaptive_avg_pool3d: ", "size 0");
    REFUSED(tg_adaptive_avg_pool2d(x, 1, 0), TG_ERR_ARGUMENT, "adaptive_avg_pool2d: ", "size 0");
    REFUSED(tg_adaptive_avg_pool1d(empty, 1), TG_ERR_SHAPE, "the image has no elements");
    finish(tape);
}
END_TEST

/* One by one, a float32 sum of so many tenths is off by more than one in a thousand. */
START_TEST(large_windows_lose_nothing) {
    enum { SIDE = 2048 };
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(1, SIDE, SIDE), 0.1), row = tg_reshape(x, TG_SHAPE(1, SIDE * SIDE));
    tg_tensor ones = tg_full(tape, TG_F32, TG_SHAPE(1, 2 * SIDE), 1);
    tg_tensor means = tg_concat(TG_LIST(tg_reshape(tg_adaptive_avg_pool2d(x, 1, 1), TG_SHAPE(1)),
                                        tg_reshape(tg_avg_pool1d(row, SIDE * SIDE, NULL), TG_SHAPE(1))),
                                0);
    CHECK_IS(tg_lt(tg_abs(tg_sub(means, 0.1)), 4e-7), 1, 1);

    /* its gradient: element 2047 is in 2048 windows, and the only largest one in all of them */
    const tg_pool_options by_one = {.stride = {1, 1}};
    tg_tensor             g = slope(tg_mul(0.1, tg_avg_pool1d(ones, SIDE, &by_one)), ones);
    CHECK_IS(tg_lt(tg_abs(tg_sub(tg_slice(g, 1, SIDE - 1, SIDE, 1), 0.1)), 4e-7), 1);
    tg_tensor peak = tg_cast(tg_one_hot(tg_full(tape, TG_I64, TG_SHAPE(1), SIDE - 1), 2 * SIDE, TG_F64), TG_F32);
    g = slope(tg_mul(0.1, tg_max_pool1d(peak, SIDE, &by_one)), peak);
    CHECK_IS(tg_slice(g, 1, SIDE - 1, SIDE, 1), (double)(float)((double)SIDE * (double)0.1f));
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_pooling(void) {
    Suite *suite = suite_create("pooling");
    TCase *tcase = tcase_create("windows");
    add_rows(suite, pool_rows);
    tcase_add_loop_test(tcase, the_first_of_equals_gets_the_gradient, 0, 2);
    tcase_add_loop_test(tcase, nan_is_larger_than_all, 0, 2);
    tcase_add_loop_test(tcase, a_window_may_have_no_element, 0, 2);
    tcase_add_loop_test(tcase, ceil_mode_adds_a_window, 0, 2);
    tcase_add_test(tcase, large_windows_lose_nothing);
    tcase_add_test(tcase, wrong_windows_are_named);
    suite_add_tcase(suite, tcase);
    return suite;
}
