/* tests/nn/test_image.c: pixel_shuffle and pixel_unshuffle, im2col and col2im, lp_pool: their rows of the op table; ways back, and what is
 * rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/conv.h>

#include <math.h>

#include "ops/op_table.h"

/* clang-format off */
#define DIMS(...) {sizeof((int[]){0, __VA_ARGS__}) / sizeof(int) - 1, {__VA_ARGS__}}
#define CASE(x, ...) {.shape = {x}, .with = {sizeof((int[]){__VA_ARGS__}) / sizeof(int), {__VA_ARGS__}}}
/* clang-format on */

/* ---- pixels and channels: the setting is the factor ------------------------------------------------------------------ */

static const op_case shuffle_cases[] = {
    CASE(DIMS(4, 2, 3), 2),     CASE(DIMS(2, 8, 1, 2), 2), CASE(DIMS(9, 1, 1), 3),
    CASE(DIMS(2, 3, 2), 1),     CASE(DIMS(4, 0, 2), 2),    CASE(DIMS(2, 1, 2, 1, 1, 4, 1, 2), 2),
    CASE(DIMS(2, 18, 5, 6), 3),
};
static const op_case unshuffle_cases[] = {
    CASE(DIMS(1, 4, 2), 2),      CASE(DIMS(2, 2, 2, 4), 2), CASE(DIMS(1, 3, 3), 3),
    CASE(DIMS(2, 3, 2), 1),      CASE(DIMS(1, 0, 2), 2),    CASE(DIMS(2, 1, 2, 1, 1, 2, 2, 2), 2),
    CASE(DIMS(2, 2, 15, 18), 3),
};

static tg_tensor record_pixel_shuffle(const tg_tensor *x, const settings *with) {
    return tg_pixel_shuffle(x[0], with->value[0]);
}
static tg_tensor record_pixel_unshuffle(const tg_tensor *x, const settings *with) {
    return tg_pixel_unshuffle(x[0], with->value[0]);
}

/* Pixel (h, w) of channel c, in the image that has more pixels, is in the other one (h / r, w / r) of channel c r^2 + (h % r) r + w % r. */
static void expect_pixels(const values *x, const settings *with, bool more, values *y) {
    int64_t  r = with->value[0], large[TG_MAX_RANK], small[TG_MAX_RANK];
    int      c = x->shape.rank - 3, h = c + 1, w = c + 2;
    tg_shape shape = x->shape;
    shape.dims[c] = more ? shape.dims[c] / (r * r) : shape.dims[c] * r * r;
    shape.dims[h] = more ? shape.dims[h] * r : shape.dims[h] / r;
    shape.dims[w] = more ? shape.dims[w] * r : shape.dims[w] / r;
    clear_values(y, x->dtype, shape);
    for (int64_t i = 0; i < y->size; i++) {
        unravel(more ? shape : x->shape, i, large);
        unravel(more ? shape : x->shape, i, small);
        small[c] = large[c] * r * r + large[h] % r * r + large[w] % r;
        small[h] = large[h] / r;
        small[w] = large[w] / r;
        if (more)
            y->at[i] = x->at[ravel(x->shape, small)];
        else
            y->at[ravel(shape, small)] = x->at[i];
    }
}

static void expect_pixel_shuffle(const values *x, const settings *with, values *y) {
    expect_pixels(x, with, true, y);
}
static void expect_pixel_unshuffle(const values *x, const settings *with, values *y) {
    expect_pixels(x, with, false, y);
}

/* ---- blocks and columns: kernel, stride, padding, dilation, each twice, and then the size of the image ------------------- */

enum { KERNEL, STRIDE = 2, PADDING = 4, DILATION = 6, SIZE = 8 };

static const op_case im2col_cases[] = {
    CASE(DIMS(2, 3, 4), 2, 2, 0, 0, 0, 0, 0, 0),    CASE(DIMS(2, 1, 3, 3), 2, 1, 2, 1, 1, 0, 1, 1),
    CASE(DIMS(1, 4, 5), 2, 3, 1, 2, 1, 1, 2, 1),    CASE(DIMS(1, 1, 1), 1, 1, 0, 0, 0, 0, 0, 0),
    CASE(DIMS(0, 2, 3, 3), 2, 2, 0, 0, 0, 0, 0, 0), CASE(DIMS(2, 2, 8, 9), 3, 2, 2, 2, 1, 0, 1, 2),
};
static const op_case col2im_cases[] = {
    CASE(DIMS(8, 6), 2, 2, 0, 0, 0, 0, 0, 0, 3, 4),    CASE(DIMS(2, 2, 6), 2, 1, 2, 1, 1, 0, 1, 1, 3, 3),
    CASE(DIMS(6, 12), 2, 3, 1, 2, 1, 1, 2, 1, 4, 6),   CASE(DIMS(1, 1), 1, 1, 0, 0, 0, 0, 0, 0, 1, 1),
    CASE(DIMS(0, 8, 4), 2, 2, 0, 0, 0, 0, 0, 0, 3, 3), CASE(DIMS(2, 12, 16), 3, 2, 2, 2, 1, 0, 1, 2, 8, 9),
};

static tg_conv_options options_in(const settings *with) {
    const int *at = with->value;
    return (tg_conv_options){.stride = {at[STRIDE], at[STRIDE + 1]},
                             .padding = {at[PADDING], at[PADDING + 1]},
                             .dilation = {at[DILATION], at[DILATION + 1]}};
}

static tg_tensor record_im2col(const tg_tensor *x, const settings *with) {
    tg_conv_options o = options_in(with);
    return tg_im2col(x[0], with->value[0], with->value[1], &o);
}
static tg_tensor record_col2im(const tg_tensor *x, const settings *with) {
    tg_conv_options o = options_in(with);
    return tg_col2im(x[0], shape_in(with, SIZE), with->value[0], with->value[1], &o);
}

/* How many blocks there are along axis i of an image of that size. */
static int64_t blocks_along(const settings *with, int i, int64_t size) {
    const int *at = with->value + i;
    int64_t    stride = at[STRIDE] ? at[STRIDE] : 1, dilation = at[DILATION] ? at[DILATION] : 1;
    return (size + 2 * at[PADDING] - dilation * (at[KERNEL] - 1) - 1) / stride + 1;
}

/* Each element of the columns and its pixel, if it is not in the padding: goes to `visit` with the places of both. */
static void each_element(int64_t planes, const int64_t *size, const settings *with,
                         void (*visit)(const values *x, values *y, int64_t column, int64_t pixel), const values *x, values *y) {
    const int *at = with->value;
    int64_t    count[2] = {blocks_along(with, 0, size[0]), blocks_along(with, 1, size[1])}, place = 0;
    for (int64_t plane = 0; plane < planes; plane++)
        for (int64_t k = 0; k < at[0] * at[1]; k++)
            for (int64_t l = 0; l < count[0] * count[1]; l++, place++) {
                int64_t inner[2] = {k / at[1], k % at[1]}, block[2] = {l / count[1], l % count[1]}, pixel[2];
                for (int i = 0; i < 2; i++)
                    pixel[i] = block[i] * (at[STRIDE + i] ? at[STRIDE + i] : 1) +
                               inner[i] * (at[DILATION + i] ? at[DILATION + i] : 1) - at[PADDING + i];
                if (pixel[0] >= 0 && pixel[0] < size[0] && pixel[1] >= 0 && pixel[1] < size[1])
                    visit(x, y, place, (plane * size[0] + pixel[0]) * size[1] + pixel[1]);
            }
}

static void take(const values *x, values *y, int64_t column, int64_t pixel) {
    y->at[column] = x->at[pixel];
}
static void add(const values *x, values *y, int64_t column, int64_t pixel) {
    y->at[pixel].real += x->at[column].real;
}

static void expect_im2col(const values *x, const settings *with, values *y) {
    tg_shape       shape = tg_shape_from(x->shape.rank - 1, x->shape.dims);
    const int64_t *size = x->shape.dims + x->shape.rank - 2;
    int64_t        channels = x->shape.dims[x->shape.rank - 3];
    shape.dims[shape.rank - 2] = channels * with->value[0] * with->value[1];
    shape.dims[shape.rank - 1] = blocks_along(with, 0, size[0]) * blocks_along(with, 1, size[1]);
    clear_values(y, x->dtype, shape);
    each_element((x->shape.rank == 4 ? x->shape.dims[0] : 1) * channels, size, with, take, x, y);
}

static void expect_col2im(const values *x, const settings *with, values *y) {
    tg_shape shape = x->shape, size = shape_in(with, SIZE);
    int64_t  channels = shape.dims[shape.rank - 2] / (with->value[0] * with->value[1]);
    shape.rank++;
    shape.dims[shape.rank - 3] = channels;
    shape.dims[shape.rank - 2] = size.dims[0];
    shape.dims[shape.rank - 1] = size.dims[1];
    clear_values(y, x->dtype, shape);
    each_element((shape.rank == 4 ? shape.dims[0] : 1) * channels, size.dims, with, add, x, y);
}

/* ---- pooling by a power: window and stride for three axes, ceil_mode, 2 p ------------------------------------------------ */

enum { CEIL = 6, POWER };

static const op_case lp1_cases[] = {
    CASE(DIMS(2, 2, 4), 2, 0, 0, 0, 0, 0, 0, 4), CASE(DIMS(2, 7), 3, 0, 0, 2, 0, 0, 1, 2),
    CASE(DIMS(1, 1, 1), 1, 0, 0, 0, 0, 0, 0, 3), CASE(DIMS(0, 2, 4), 2, 0, 0, 1, 0, 0, 0, 4),
    CASE(DIMS(2, 6), 4, 0, 0, 3, 0, 0, 1, 6),    CASE(DIMS(3, 4, 50), 5, 0, 0, 2, 0, 0, 0, 4),
};
static const op_case lp2_cases[] = {
    CASE(DIMS(2, 2, 4), 2, 2, 0, 0, 0, 0, 0, 4), CASE(DIMS(1, 2, 4, 5), 2, 3, 0, 1, 2, 0, 1, 6),
    CASE(DIMS(1, 3, 3), 1, 2, 0, 0, 1, 0, 0, 3), CASE(DIMS(2, 0, 4, 4), 2, 2, 0, 0, 0, 0, 0, 4),
    CASE(DIMS(2, 5, 5), 3, 2, 0, 2, 2, 0, 1, 2), CASE(DIMS(2, 3, 11, 21), 3, 4, 0, 2, 1, 0, 0, 4),
};
static const op_case lp3_cases[] = {
    CASE(DIMS(2, 2, 2, 4), 2, 1, 2, 0, 0, 0, 0, 4), CASE(DIMS(1, 2, 3, 4, 2), 2, 3, 1, 1, 2, 0, 1, 6),
    CASE(DIMS(1, 1, 1, 1), 1, 1, 1, 0, 0, 0, 0, 3), CASE(DIMS(2, 0, 4, 4, 4), 2, 2, 2, 0, 0, 0, 0, 4),
    CASE(DIMS(1, 3, 2, 3), 2, 2, 2, 1, 1, 2, 1, 2), CASE(DIMS(2, 2, 6, 7, 9), 3, 2, 3, 2, 2, 1, 0, 4),
};

static double power_in(const settings *with) {
    return with->value[POWER] / 2.0;
}

static tg_pool_options pooling_in(const settings *with) {
    return (tg_pool_options){.stride = {with->value[3], with->value[4], with->value[5]}, .ceil_mode = with->value[CEIL] != 0};
}

static tg_tensor record_lp_pool1d(const tg_tensor *x, const settings *with) {
    tg_pool_options o = pooling_in(with);
    return tg_lp_pool1d(x[0], power_in(with), with->value[0], &o);
}
static tg_tensor record_lp_pool2d(const tg_tensor *x, const settings *with) {
    tg_pool_options o = pooling_in(with);
    return tg_lp_pool2d(x[0], power_in(with), with->value[0], with->value[1], &o);
}
static tg_tensor record_lp_pool3d(const tg_tensor *x, const settings *with) {
    tg_pool_options o = pooling_in(with);
    return tg_lp_pool3d(x[0], power_in(with), with->value[0], with->value[1], with->value[2], &o);
}

static int64_t windows_along(const settings *with, int i, int64_t size) {
    int64_t window = with->value[i], stride = with->value[3 + i] ? with->value[3 + i] : window, rest = size - window;
    int64_t count = (with->value[CEIL] ? rest + stride - 1 : rest) / stride + 1;
    return (count - 1) * stride < size ? count : count - 1; /* none begins beyond the end */
}

/* The mean of a window, which may be cut off, times its full size. */
static void expect_lp(const values *x, const settings *with, int axes, values *y) {
    tg_shape shape = x->shape;
    int      first = shape.rank - axes;
    int64_t  index[TG_MAX_RANK], at[TG_MAX_RANK], full = 1;
    for (int i = 0; i < axes; i++) {
        full *= with->value[i];
        shape.dims[first + i] = windows_along(with, i, shape.dims[first + i]);
    }
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        long double sum = 0;
        int64_t     count = 0;
        for (int64_t k = 0; k < full; k++) {
            bool inside = true;
            unravel(shape, n, index);
            unravel(shape, n, at);
            for (int64_t i = axes - 1, rest = k; i >= 0; rest /= with->value[i--]) {
                int64_t stride = with->value[3 + i] ? with->value[3 + i] : with->value[i];
                at[first + i] = index[first + i] * stride + rest % with->value[i];
                inside = inside && at[first + i] < x->shape.dims[first + i];
            }
            if (inside) sum += powl(x->at[ravel(x->shape, at)].real, (long double)power_in(with));
            count += inside;
        }
        y->at[n].real = powl(sum * (long double)full / (long double)count, 1 / (long double)power_in(with));
    }
}

static void expect_lp_pool1d(const values *x, const settings *with, values *y) {
    expect_lp(x, with, 1, y);
}
static void expect_lp_pool2d(const values *x, const settings *with, values *y) {
    expect_lp(x, with, 2, y);
}
static void expect_lp_pool3d(const values *x, const settings *with, values *y) {
    expect_lp(x, with, 3, y);
}

#define ROW(function, dtypes, list, least) \
    { \
        .name = #function, .called = #function, .arity = 1, .takes = dtypes, .record = record_##function, \
        .expect = expect_##function, .low = {least}, .high = {3}, .cases = list, .case_count = sizeof list / sizeof *list \
    }

const op_row image_rows[] = {
    ROW(pixel_shuffle, TAKES_ANY, shuffle_cases, -3), ROW(pixel_unshuffle, TAKES_ANY, unshuffle_cases, -3),
    ROW(im2col, TAKES_FLOAT, im2col_cases, -3),       ROW(col2im, TAKES_FLOAT, col2im_cases, -3),
    ROW(lp_pool1d, TAKES_FLOAT, lp1_cases, 0.125),    ROW(lp_pool2d, TAKES_FLOAT, lp2_cases, 0.125),
    ROW(lp_pool3d, TAKES_FLOAT, lp3_cases, 0.125),    {.name = NULL},
};

/* ---- single images ----------------------------------------------------------------------------------------------- */

START_TEST(windows_of_zeros_have_no_gradient) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_reshape(POINTS(tape, 0, 0, 3, -4), TG_SHAPE(1, 4)), y = tg_lp_pool1d(x, 2, 2, NULL);
    CHECK_IS(y, 0, 5);
    CHECK_IS(tg_lt(tg_abs(tg_sub(slope(y, x), tg_reshape(POINTS(tape, 0, 0, 0.6, -0.8), TG_SHAPE(1, 4)))), 1e-6), 1, 1, 1, 1);
    CHECK_IS(tg_isnan(tg_lp_pool1d(x, 3, 2, NULL)), 0, 1);
    CHECK_IS(tg_lp_pool1d(x, 1, 2, &(tg_pool_options){.padding = {1}}), 0, 3, -4);
    finish(tape);
}
END_TEST

/* Each pixel comes back as often as it was taken. */
START_TEST(there_and_back) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_reshape(tg_arange(tape, TG_F64, 1, 10, 1), TG_SHAPE(1, 3, 3)), columns = tg_im2col(x, 2, 2, NULL);
    CHECK_IS(columns, 1, 2, 4, 5, 2, 3, 5, 6, 4, 5, 7, 8, 5, 6, 8, 9);
    CHECK_IS(tg_col2im(columns, TG_SHAPE(3, 3), 2, 2, NULL), 1, 4, 3, 8, 20, 12, 7, 16, 9);
    tg_tensor six = tg_reshape(tg_arange(tape, TG_I64, 0, 24, 1), TG_SHAPE(4, 2, 3));
    ck_assert(tg_item(tg_cast(tg_all(tg_eq(tg_pixel_unshuffle(tg_pixel_shuffle(six, 2), 2), six)), TG_F64)) == 1);
    finish(tape);
}
END_TEST

START_TEST(what_they_reject) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F64, TG_SHAPE(3, 4, 5), 1), flat = tg_full(tape, TG_F64, TG_SHAPE(4, 5), 1);
    REFUSED(tg_pixel_shuffle(flat, 2), TG_ERR_SHAPE, "pixel_shuffle: (4, 5): x has no axes (..., C, H, W)");
    REFUSED(tg_pixel_shuffle(x, 2), TG_ERR_SHAPE, "pixel_shuffle: (3, 4, 5): 3 channels are not divided by 2 squared");
    REFUSED(tg_pixel_shuffle(x, 0), TG_ERR_ARGUMENT, "pixel_shuffle: factor 0 is not in [1, ");
    REFUSED(tg_pixel_shuffle(x, INT64_MAX), TG_ERR_ARGUMENT, "pixel_shuffle: factor ");
    REFUSED(tg_pixel_unshuffle(x, 2), TG_ERR_SHAPE, "pixel_unshuffle: (3, 4, 5): height and width are not divided by 2");
    REFUSED(tg_im2col(flat, 2, 2, NULL), TG_ERR_SHAPE, "im2col: (4, 5): x must be (N, C, H, W) or (C, H, W)");
    REFUSED(tg_im2col(x, 0, 2, NULL), TG_ERR_ARGUMENT,
            "im2col: a kernel, a stride, a padding, a dilation or a size is out of range");
    REFUSED(tg_im2col(x, 2, 2, &(tg_conv_options){.padding = {0, -1}}), TG_ERR_ARGUMENT, "im2col: a kernel, ");
    REFUSED(tg_im2col(x, 2, 2, &(tg_conv_options){.dilation = {INT64_MAX, 1}}), TG_ERR_ARGUMENT, "im2col: a kernel, ");
    REFUSED(tg_im2col(x, 5, 2, NULL), TG_ERR_SHAPE, "im2col: (3, 4, 5): a block does not go into the image with its padding");
    REFUSED(tg_im2col(x, 5, 2, &(tg_conv_options){.padding = {INT32_MAX, INT32_MAX}}), TG_ERR_SHAPE, "im2col: ", "too large");
    REFUSED(tg_col2im(x, TG_SHAPE(4), 2, 2, NULL), TG_ERR_SHAPE, "col2im: ", "x must be (N, C KH KW, L)");
    REFUSED(tg_col2im(flat, TG_SHAPE(3, 3), 2, 2, NULL), TG_ERR_SHAPE, "col2im: (4, 5): the image has 2 x 2 blocks");
    REFUSED(tg_col2im(flat, TG_SHAPE(3, 3), 3, 1, NULL), TG_ERR_SHAPE,
            "col2im: (4, 5): 4 rows are not divided into blocks of 3 x 1");
    REFUSED(tg_lp_pool1d(flat, 0, 2, NULL), TG_ERR_ARGUMENT, "lp_pool1d: p 0 is not in (0, inf)");
    REFUSED(tg_lp_pool2d(x, 2, 2, 2, &(tg_pool_options){.exclude_pad = true}), TG_ERR_ARGUMENT,
            "lp_pool2d: exclude_pad is an option");
    REFUSED(tg_lp_pool3d(x, 2, 2, 2, 2, NULL), TG_ERR_SHAPE, "lp_pool3d: (3, 4, 5)");
    finish(tape);
}
END_TEST

Suite *suite_image(void) {
    Suite *suite = suite_create("image");
    TCase *tcase = tcase_create("places");
    add_rows(suite, image_rows);
    tcase_add_loop_test(tcase, windows_of_zeros_have_no_gradient, 0, 2);
    tcase_add_test(tcase, there_and_back);
    tcase_add_test(tcase, what_they_reject);
    suite_add_tcase(suite, tcase);
    return suite;
}
