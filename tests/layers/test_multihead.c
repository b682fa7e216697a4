/* tests/layers/test_multihead.c: attention with several heads: beside PyTorch's, and what it rejects.
 *
 * SPDX-License-Identifier: MIT */
#include "layers/modules.h"
#include "support.h"

/* ---- beside PyTorch ---------------------------------------------------------------------------------------------- */

static tg_multihead_layer layer;

static void make_multihead(tg_tape *tape, tg_dtype dtype) {
    layer = tg_new_multihead_attention(tape, NULL, 4, 2, &(tg_multihead_options){.dtype = dtype});
}

static void make_multihead_mask(tg_tape *tape, tg_dtype dtype) {
    layer = tg_new_multihead_attention(tape, NULL, 6, 3, &(tg_multihead_options){.dtype = dtype, .no_bias = true});
}

static void make_multihead_sizes(tg_tape *tape, tg_dtype dtype) {
    layer =
        tg_new_multihead_attention(tape, NULL, 4, 2, &(tg_multihead_options){.dtype = dtype, .key_size = 3, .value_size = 5});
}

static int apply_to_itself(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_multihead_attention(layer, x[0], x[0], x[0], NULL);
    return 1;
}

static int apply_with_mask(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_multihead_attention(layer, x[0], x[1], x[2], &(tg_attend_options){.mask = x[3]});
    return 1;
}

static int apply(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_multihead_attention(layer, x[0], x[1], x[2], &(tg_attend_options){.training = true});
    return 1;
}

const module_case multihead_modules[] = {
    {.name = "multihead", .make = make_multihead, .apply = apply_to_itself},
    {.name = "multihead_mask", .make = make_multihead_mask, .apply = apply_with_mask},
    {.name = "multihead_sizes", .make = make_multihead_sizes, .apply = apply},
    {.name = NULL},
};

/* ---- masks ------------------------------------------------------------------------------------------------------- */

/* Each sequence of a batch has its own elements: the padding of one does not count. */
START_TEST(a_mask_of_keys_leaves_out_padding) {
    tg_tape                *tape = tg_tape_new();
    tg_multihead_layer      heads = tg_new_multihead_attention(tape, NULL, 4, 2, &(tg_multihead_options){.dtype = TG_F64});
    tg_tensor               x = tg_randn(tape, TG_F64, TG_SHAPE(2, 3, 4));
    tg_tensor               there = tg_constant(tape, TG_BOOL, TG_SHAPE(2, 3), (bool[]){1, 1, 0, 1, 1, 1});
    const tg_attend_options options = {.mask = tg_reshape(there, TG_SHAPE(2, 1, 1, 3))};
    tg_tensor               y = tg_apply_multihead_attention(heads, x, x, x, &options);
    tg_tensor               alone = tg_slice(tg_take(x, 0, 0), 0, 0, 2, 1);
    tg_tensor               z = tg_apply_multihead_attention(heads, alone, alone, alone, NULL);
    ck_assert_double_lt(tg_item(tg_max(tg_abs(tg_sub(z, tg_slice(tg_take(y, 0, 0), 0, 0, 2, 1))))), 1e-14);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(what_it_rejects) {
    tg_tape           *tape = tg_tape_new();
    tg_multihead_layer heads = tg_new_multihead_attention(tape, "net.attn", 4, 2, NULL), broken = heads;
    tg_tensor          x = tg_full(tape, TG_F32, TG_SHAPE(3, 4), 1), wrong = tg_full(tape, TG_F32, TG_SHAPE(3, 2), 1);
    FAILS(tape, tg_apply_multihead_attention(heads, x, wrong, x, NULL), TG_ERR_SHAPE,
          "multihead_attention 'net.attn': (3, 4) x (3, 2) x (3, 4) x (12, 4) x (12) x (4, 4): k has 2 features, not 4");
    FAILS(tape, tg_apply_multihead_attention(heads, tg_take(x, 0, 0), x, x, NULL), TG_ERR_SHAPE,
          "multihead_attention 'net.attn': (4) x (3, 4) x (3, 4) x (12, 4) x (12) x (4, 4): q is not (..., length, features)");
    FAILS(tape, tg_apply_multihead_attention(heads, x, x, x, &(tg_attend_options){.mask = wrong}), TG_ERR_SHAPE,
          "multihead_attention: (2, 3, 2) x (2, 3, 2) x (2, 3, 2) x (3, 2): the mask does not broadcast to (2, 3, 3)");
    FAILS(tape, tg_apply_multihead_attention((tg_multihead_layer){0}, x, x, x, NULL), TG_ERR_HANDLE,
          "multihead_attention: operand 4 is no tensor");
    FAILS(tape, tg_new_multihead_attention(tape, "large", INT64_MAX / 2, 1, NULL), TG_ERR_SHAPE,
          "multihead_attention: (4611686018427387903, 4611686018427387903) has a negative size, or too many elements");
    broken.heads = 3;
    FAILS(tape, tg_apply_multihead_attention(broken, x, x, x, NULL), TG_ERR_SHAPE,
          "multihead_attention 'net.attn': 4 features are not divided into 3 heads");
    FAILS(tape, tg_new_multihead_attention(tape, "b", 4, 3, NULL), TG_ERR_SHAPE,
          "multihead_attention: 4 features are not divided into 3 heads");
    FAILS(tape, tg_new_multihead_attention(tape, "b", 4, 2, &(tg_multihead_options){.dropout = -1}), TG_ERR_ARGUMENT,
          "multihead_attention: dropout -1 is not in [0, 1]");
    ck_assert_int_eq(tg_parameter_count(tape), 4);
    tg_tape_free(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_multihead(void) {
    Suite *suite = suite_create("layers/multihead");
    TCase *tcase = tcase_create("layers");
    add_modules(suite, multihead_modules);
    tcase_add_test(tcase, a_mask_of_keys_leaves_out_padding);
    tcase_add_test(tcase, what_it_rejects);
    suite_add_tcase(suite, tcase);
    return suite;
}
