/* tests/layers/test_transformer.c: the layers of transformers, stacks of them, and encodings of positions: beside PyTorch's, and what
 * they reject.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "layers/modules.h"
#include "support.h"

/* ---- beside PyTorch ---------------------------------------------------------------------------------------------- */

enum { LAYERS = 2 };
static tg_encoder_layer encoder, encoders[LAYERS];
static tg_decoder_layer decoder, decoders[LAYERS];
static tg_norm_layer    norm;

static tg_transformer_options small(tg_dtype dtype) {
    return (tg_transformer_options){.dtype = dtype, .feedforward = 5};
}

static tg_transformer_options modern(tg_dtype dtype) {
    return (
        tg_transformer_options){.dtype = dtype, .feedforward = 6, .norm_first = true, .activation = tg_gelu, .no_bias = true};
}

static void make_encoder_layer(tg_tape *tape, tg_dtype dtype) {
    tg_transformer_options options = small(dtype);
    encoder = tg_new_encoder_layer(tape, NULL, 4, 2, &options);
}

static void make_encoder_layer_modern(tg_tape *tape, tg_dtype dtype) {
    tg_transformer_options options = modern(dtype);
    encoder = tg_new_encoder_layer(tape, NULL, 4, 1, &options);
}

static void make_encoder_layer_dropout(tg_tape *tape, tg_dtype dtype) {
    tg_transformer_options options = small(dtype);
    options.dropout = 0.25;
    encoder = tg_new_encoder_layer(tape, NULL, 4, 2, &options);
}

static int apply_encoder_layer(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_encoder_layer(encoder, x[0], NULL);
    return 1;
}

static int apply_causally(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_encoder_layer(encoder, x[0], &(tg_attend_options){.causal = true});
    return 1;
}

static int apply_in_training(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_encoder_layer(encoder, x[0], &(tg_attend_options){.training = true});
    return 1;
}

static void make_decoder_layer(tg_tape *tape, tg_dtype dtype) {
    tg_transformer_options options = small(dtype);
    decoder = tg_new_decoder_layer(tape, NULL, 4, 2, &options);
}

static void make_decoder_layer_dropout(tg_tape *tape, tg_dtype dtype) {
    tg_transformer_options options = small(dtype);
    options.dropout = 0.25;
    options.norm_first = true;
    decoder = tg_new_decoder_layer(tape, NULL, 4, 2, &options);
}

static void make_decoder_layer_modern(tg_tape *tape, tg_dtype dtype) {
    tg_transformer_options options = modern(dtype);
    decoder = tg_new_decoder_layer(tape, NULL, 4, 2, &options);
}

static int apply_decoder_layer(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_decoder_layer(decoder, x[0], x[1], &(tg_attend_options){.causal = true});
    return 1;
}

static int apply_decoder_layer_in_training(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_decoder_layer(decoder, x[0], x[1], &(tg_attend_options){.training = true});
    return 1;
}

static int apply_with_memory_mask(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_decoder_layer(decoder, x[0], x[1], &(tg_attend_options){.memory_mask = x[2]});
    return 1;
}

static void make_encoder(tg_tape *tape, tg_dtype dtype) {
    tg_transformer_options options = small(dtype);
    tg_new_encoder(tape, NULL, 4, 2, &options, LAYERS, encoders);
    norm = tg_new_layer_norm(tape, "norm", TG_SHAPE(4), &(tg_norm_options){.dtype = dtype});
}

static int apply_encoder(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_norm(norm, tg_apply_encoder(LAYERS, encoders, x[0], NULL));
    return 1;
}

static void make_decoder(tg_tape *tape, tg_dtype dtype) {
    tg_transformer_options options = small(dtype);
    tg_new_decoder(tape, NULL, 2, 1, &options, LAYERS, decoders);
}

static int apply_decoder(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_decoder(LAYERS, decoders, x[0], x[1], NULL);
    return 1;
}

const module_case transformer_modules[] = {
    {.name = "encoder_layer", .make = make_encoder_layer, .apply = apply_encoder_layer},
    {.name = "encoder_layer_modern", .make = make_encoder_layer_modern, .apply = apply_causally},
    {.name = "encoder_layer_dropout", .make = make_encoder_layer_dropout, .apply = apply_in_training, .changes = true},
    {.name = "decoder_layer", .make = make_decoder_layer, .apply = apply_decoder_layer},
    {.name = "decoder_layer_dropout",
     .make = make_decoder_layer_dropout,
     .apply = apply_decoder_layer_in_training,
     .changes = true},
    {.name = "decoder_layer_modern", .make = make_decoder_layer_modern, .apply = apply_with_memory_mask},
    {.name = "encoder", .make = make_encoder, .apply = apply_encoder},
    {.name = "decoder", .make = make_decoder, .apply = apply_decoder},
    {.name = NULL},
};

/* ---- names and defaults ------------------------------------------------------------------------------------------ */

START_TEST(defaults_are_pytorchs) {
    tg_tape         *tape = tg_tape_new();
    tg_encoder_layer one = tg_new_encoder_layer(tape, "encoder.layers.0", 4, 2, NULL);
    ck_assert_str_eq(tg_name(one.self_attn.in_proj_weight), "encoder.layers.0.self_attn.in_proj_weight");
    ck_assert_str_eq(tg_name(one.self_attn.out_proj.bias), "encoder.layers.0.self_attn.out_proj.bias");
    ck_assert_int_eq(tg_shape_of(one.linear1.weight).dims[0], 2048);
    ck_assert_double_eq(one.norm1.eps, 1e-5);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- positions --------------------------------------------------------------------------------------------------- */

START_TEST(positions_are_sines_and_cosines) {
    static module_field expected;
    const tg_dtype      dtypes[] = {TG_F32, TG_F64};
    tg_tape            *tape = tg_tape_new();
    ck_assert(find_field("init_positional_encoding", "y 0", &expected));
    for (int i = 0; i < 2; i++) {
        tg_tensor y = tg_positional_encoding(tape, dtypes[i], 5, 7),
                  off = tg_sub(y, constant_field(tape, &expected, dtypes[i]));
        ck_assert_double_lt(tg_item(tg_max(tg_abs(off))), 1e-6);
    }
    ck_assert_int_eq(tg_size(tg_positional_encoding(tape, TG_F32, 0, 4)), 0);
    CHECK_OK(tape);
    FAILS(tape, tg_positional_encoding(tape, TG_F32, -1, 4), TG_ERR_SHAPE, "positional_encoding: (-1, 4) is no shape");
    tg_tape_free(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static tg_tensor freeing(tg_tensor x) {
    tg_tape_free(x.tape);
    return tg_relu(x);
}

START_TEST(an_activation_records_and_does_no_more) {
    tg_tape         *tape = tg_tape_new();
    tg_encoder_layer layer = tg_new_encoder_layer(tape, "e", 4, 2, &(tg_transformer_options){.activation = freeing});
    tg_tensor        x = tg_full(tape, TG_F32, TG_SHAPE(2, 4), 1);
    tg_apply_encoder_layer(layer, x, NULL);
    ck_assert_int_eq(tg_error_status(tape), TG_ERR_ARGUMENT);
    ck_assert_msg(strstr(tg_error(tape), "tape_free: not from inside an activation"), "%s", tg_error(tape));
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_they_reject) {
    tg_tape         *tape = tg_tape_new();
    tg_encoder_layer one = tg_new_encoder_layer(tape, "enc.0", 4, 2, &(tg_transformer_options){.feedforward = 3}), none[1];
    tg_decoder_layer two = tg_new_decoder_layer(tape, "dec.0", 4, 2, &(tg_transformer_options){.feedforward = 3});
    tg_tensor        x = tg_full(tape, TG_F32, TG_SHAPE(3, 4), 1), wrong = tg_full(tape, TG_F32, TG_SHAPE(3, 6), 1);
    int64_t          count = tg_parameter_count(tape);
    FAILS(tape, tg_apply_encoder_layer(one, wrong, NULL), TG_ERR_SHAPE,
          "multihead_attention 'enc.0.self_attn': (3, 6) x (3, 6) x (3, 6) x (12, 4) x (12) x (4, 4): q has 6 features, not 4");
    FAILS(tape, tg_apply_decoder_layer(two, x, wrong, NULL), TG_ERR_SHAPE,
          "multihead_attention 'dec.0.multihead_attn': (3, 4) x (3, 6) x (3, 6) x (12, 4) x (12) x (4, 4): k has 6 features");
    FAILS(tape, tg_apply_encoder_layer((tg_encoder_layer){0}, x, NULL), TG_ERR_HANDLE, "multihead_attention: operand 4 is no");
    FAILS(tape, tg_new_encoder_layer(tape, "enc.0", 4, 2, NULL), TG_ERR_NAME,
          "multihead_attention: the name 'enc.0.self_attn.out_proj.weight' is taken");
    FAILS(tape, tg_new_encoder(tape, "", 4, 2, NULL, 1, none), TG_ERR_NAME, "multihead_attention: the name is empty");
    FAILS(tape, tg_new_encoder(tape, "b", 4, 2, NULL, -1, none), TG_ERR_ARGUMENT, "encoder: -1 layers");
    FAILS(tape, tg_new_encoder(tape, "b", 4, 2, NULL, 2, NULL), TG_ERR_ARGUMENT, "encoder: 2 layers, or no array of them");
    FAILS(tape, tg_new_decoder(tape, "b", 4, 2, NULL, 2, NULL), TG_ERR_ARGUMENT, "decoder: 2 layers, or no array of them");
    FAILS(tape, tg_apply_encoder(1, NULL, x, NULL), TG_ERR_ARGUMENT, "encoder: 1 layers, or no array of them");
    FAILS(tape, tg_apply_encoder(-1, none, x, NULL), TG_ERR_ARGUMENT, "encoder: -1 layers");
    FAILS(tape, tg_apply_decoder(1, NULL, x, x, NULL), TG_ERR_ARGUMENT, "decoder: 1 layers, or no array of them");
    FAILS(tape, tg_new_decoder(tape, "b", 4, 2, NULL, -1, NULL), TG_ERR_ARGUMENT, "decoder: -1 layers");
    ck_assert_int_eq(tg_parameter_count(tape), count);
    CHECK_OK(tape);
    ck_assert_double_eq(tg_item(tg_sum(tg_apply_encoder(0, none, x, NULL))), 12);
    tg_tape_free(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_transformer(void) {
    Suite *suite = suite_create("layers/transformer");
    TCase *tcase = tcase_create("layers");
    add_modules(suite, transformer_modules);
    tcase_add_test(tcase, defaults_are_pytorchs);
    tcase_add_test(tcase, positions_are_sines_and_cosines);
    tcase_add_test(tcase, an_activation_records_and_does_no_more);
    tcase_add_test(tcase, what_they_reject);
    suite_add_tcase(suite, tcase);
    return suite;
}
