/* tests/layers/test_conv_layer.c: convolutions with weights of their own: beside PyTorch's, and what they reject.
 *
 * SPDX-License-Identifier: MIT */
#include "layers/modules.h"
#include "support.h"

/* ---- beside PyTorch ---------------------------------------------------------------------------------------------- */

static tg_conv_layer conv;

static void make_conv1d(tg_tape *tape, tg_dtype dtype) {
    conv = tg_new_conv1d(tape, NULL, 2, 3, 3, &(tg_conv_options){.padding = {1}}, &(tg_layer_options){.dtype = dtype});
}

static void make_conv1d_image(tg_tape *tape, tg_dtype dtype) {
    conv = tg_new_conv1d(tape, NULL, 4, 2, 2, &(tg_conv_options){.stride = {2}, .groups = 2},
                         &(tg_layer_options){.dtype = dtype, .no_bias = true});
}

static void make_conv2d(tg_tape *tape, tg_dtype dtype) {
    conv = tg_new_conv2d(tape, NULL, 2, 4, 3, 2, &(tg_conv_options){.padding = {1, 0}, .stride = {2, 1}, .groups = 2},
                         &(tg_layer_options){.dtype = dtype});
}

static void make_conv_transpose1d(tg_tape *tape, tg_dtype dtype) {
    conv = tg_new_conv_transpose1d(tape, NULL, 2, 3, 3, &(tg_conv_options){.stride = {2}, .output_padding = {1}},
                                   &(tg_layer_options){.dtype = dtype});
}

static void make_conv_transpose2d(tg_tape *tape, tg_dtype dtype) {
    conv = tg_new_conv_transpose2d(tape, NULL, 4, 2, 2, 3, &(tg_conv_options){.groups = 2},
                                   &(tg_layer_options){.dtype = dtype, .no_bias = true});
}

static void make_conv3d(tg_tape *tape, tg_dtype dtype) {
    conv = tg_new_conv3d(tape, NULL, 2, 4, 2, 1, 3, &(tg_conv_options){.padding = {1}, .stride = {2, 1, 1}, .groups = 2},
                         &(tg_layer_options){.dtype = dtype});
}

static void make_conv_transpose3d(tg_tape *tape, tg_dtype dtype) {
    conv =
        tg_new_conv_transpose3d(tape, NULL, 2, 3, 2, 2, 1, &(tg_conv_options){.stride = {2, 1, 2}, .output_padding = {0, 0, 1}},
                                &(tg_layer_options){.dtype = dtype});
}

static int apply(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_conv(conv, x[0]);
    return 1;
}

const module_case conv_modules[] = {
    {.name = "conv1d", .make = make_conv1d, .apply = apply},
    {.name = "conv1d_image", .make = make_conv1d_image, .apply = apply},
    {.name = "conv2d", .make = make_conv2d, .apply = apply},
    {.name = "conv_transpose1d", .make = make_conv_transpose1d, .apply = apply},
    {.name = "conv_transpose2d", .make = make_conv_transpose2d, .apply = apply},
    {.name = "conv3d", .make = make_conv3d, .apply = apply},
    {.name = "conv_transpose3d", .make = make_conv_transpose3d, .apply = apply},
    {.name = NULL},
};

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(what_it_rejects) {
    tg_tape      *tape = tg_tape_new();
    tg_conv_layer one = tg_new_conv1d(tape, "net.one", 4, 6, 3, &(tg_conv_options){.groups = 2}, NULL);
    tg_conv_layer two = tg_new_conv_transpose2d(tape, "net.two", 4, 6, 3, 3, NULL, NULL), empty = {0};
    tg_tensor     x = tg_full(tape, TG_F32, TG_SHAPE(1, 3, 8), 1), wide = tg_full(tape, TG_F64, TG_SHAPE(1, 4, 8), 1);
    FAILS(tape, tg_apply_conv(one, x), TG_ERR_SHAPE, "conv1d 'net.one': (1, 3, 8) x (6, 2, 3) x (6): x has 3 channels, not 4");
    FAILS(tape, tg_apply_conv(two, x), TG_ERR_SHAPE,
          "conv_transpose2d 'net.two': (1, 3, 8) x (4, 6, 3, 3) x (6): x has 1 channels, not 4");
    tg_apply_conv(one, 1);
    CHECK_ERROR_TEXT(tape, TG_ERR_SHAPE, "conv1d 'net.one': () x (6, 2, 3) x (6): x has 0 axes, not 2 or 3");
    FAILS(tape, tg_apply_conv(one, wide), TG_ERR_DTYPE, "conv1d 'net.one': float64 (1, 4, 8) x float32 (6, 2, 3)");
    FAILS(tape, tg_apply_conv(empty, x), TG_ERR_HANDLE, "conv1d: operand 2 is no tensor");
    FAILS(tape, tg_new_conv1d(tape, "b", 4, 6, 3, &(tg_conv_options){.groups = 3}, NULL), TG_ERR_SHAPE,
          "conv1d: 4 and 6 channels are not divided into 3 groups");
    FAILS(tape, tg_new_conv2d(tape, "b", 4, 6, 3, 3, &(tg_conv_options){.groups = -1}, NULL), TG_ERR_SHAPE,
          "conv2d: 4 and 6 channels are not divided into -1 groups");
    tg_conv_layer deep = tg_new_conv3d(tape, "net.deep", 4, 2, 1, 2, 2, NULL, NULL);
    FAILS(tape, tg_apply_conv(deep, x), TG_ERR_SHAPE,
          "conv3d 'net.deep': (1, 3, 8) x (2, 4, 1, 2, 2) x (2): x has 3 axes, not 4 or 5");
    ck_assert_int_eq(tg_parameter_count(tape), 6);
    tg_tape_free(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_conv_layer(void) {
    Suite *suite = suite_create("layers/conv_layer");
    TCase *tcase = tcase_create("layers");
    add_modules(suite, conv_modules);
    tcase_add_test(tcase, what_it_rejects);
    suite_add_tcase(suite, tcase);
    return suite;
}
