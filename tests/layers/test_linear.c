/* tests/layers/test_linear.c: linear layers and embeddings: beside PyTorch's, and what they reject; names.
 *
 * SPDX-License-Identifier: MIT */
#include "layers/modules.h"
#include "support.h"

/* ---- beside PyTorch ---------------------------------------------------------------------------------------------- */

static tg_linear_layer    linear, second;
static tg_embedding_layer embedding;

static void make_linear(tg_tape *tape, tg_dtype dtype) {
    linear = tg_new_linear(tape, NULL, 3, 5, &(tg_layer_options){.dtype = dtype});
}

static void make_linear_no_bias(tg_tape *tape, tg_dtype dtype) {
    linear = tg_new_linear(tape, NULL, 3, 2, &(tg_layer_options){.dtype = dtype, .no_bias = true});
}

static void make_linear_stack(tg_tape *tape, tg_dtype dtype) {
    linear = tg_new_linear(tape, NULL, 4, 2, &(tg_layer_options){.dtype = dtype});
}

static int apply_linear(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_linear(linear, x[0]);
    return 1;
}

static void make_mlp(tg_tape *tape, tg_dtype dtype) {
    linear = tg_new_linear(tape, TG_FORMAT("%d", 0), 3, 4, &(tg_layer_options){.dtype = dtype});
    second = tg_new_linear(tape, "2", 4, 2, &(tg_layer_options){.dtype = dtype});
}

static int apply_mlp(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_linear(second, tg_tanh(tg_apply_linear(linear, x[0])));
    return 1;
}

static void make_embedding(tg_tape *tape, tg_dtype dtype) {
    embedding = tg_new_embedding(tape, NULL, 5, 3, TG_NO_PADDING, dtype);
}

static void make_embedding_padding(tg_tape *tape, tg_dtype dtype) {
    embedding = tg_new_embedding(tape, NULL, 6, 4, 0, dtype);
}

static int apply_embedding(const tg_tensor *x, tg_tensor *y) {
    y[0] = tg_apply_embedding(embedding, x[0]);
    return 1;
}

const module_case linear_modules[] = {
    {.name = "linear", .make = make_linear, .apply = apply_linear},
    {.name = "linear_no_bias", .make = make_linear_no_bias, .apply = apply_linear},
    {.name = "linear_stack", .make = make_linear_stack, .apply = apply_linear},
    {.name = "mlp", .make = make_mlp, .apply = apply_mlp},
    {.name = "embedding", .make = make_embedding, .apply = apply_embedding, .ulps = 4},
    {.name = "embedding_padding", .make = make_embedding_padding, .apply = apply_embedding, .ulps = 4},
    {.name = NULL},
};

/* ---- names ------------------------------------------------------------------------------------------------------- */

START_TEST(names_are_those_of_a_state_dict) {
    tg_tape *tape = tg_tape_new();
    for (int i = 0; i < 2; i++)
        tg_new_linear(tape, TG_FORMAT("encoder.%d.fc1", i), 3, 2, NULL);
    ck_assert_str_eq(tg_name(tg_parameter_at(tape, 2)), "encoder.1.fc1.weight");
    ck_assert_str_eq(tg_name(tg_parameter_at(tape, 3)), "encoder.1.fc1.bias");
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

START_TEST(a_name_that_is_too_long_is_an_error) {
    tg_tape *tape = tg_tape_new();
    char     name[TG_NAME_LENGTH + 1];
    for (int i = 0; i < TG_NAME_LENGTH; i++)
        name[i] = 'x';
    name[TG_NAME_LENGTH] = 0;
    ck_assert_str_eq(TG_FORMAT("%s", name), name);
    FAILS(tape, tg_new_linear(tape, TG_FORMAT("%s.", name), 3, 2, NULL), TG_ERR_NAME,
          "linear: the name is empty, or longer than 255 characters");
    FAILS(tape, tg_new_linear(tape, name, 3, 2, NULL), TG_ERR_NAME, "linear: the name is longer than 255 characters");
    FAILS(tape, tg_new_linear(tape, "", 3, 2, NULL), TG_ERR_NAME, "linear: the name is empty");
    ck_assert_int_eq(tg_parameter_count(tape), 0);
    tg_tape_free(tape);
}
END_TEST

/* Of the layer, its first tensor is on the tape, and is taken back. */
START_TEST(a_name_that_is_taken_leaves_nothing_of_the_layer) {
    tg_tape *tape = tg_tape_new();
    tg_parameter(tape, "a.bias", 1);
    FAILS(tape, tg_new_linear(tape, "a", 3, 2, NULL), TG_ERR_NAME, "linear: the name 'a.bias' is taken");
    ck_assert_int_eq(tg_parameter_count(tape), 1);
    tg_tape_free(tape);
}
END_TEST

/* ---- weights that are shared ------------------------------------------------------------------------------------- */

START_TEST(a_weight_can_be_another_layers) {
    tg_tape           *tape = tg_tape_new();
    tg_embedding_layer table = tg_new_embedding(tape, "table", 4, 3, TG_NO_PADDING, TG_F64);
    tg_linear_layer    out = {.weight = table.weight, .bias = TG_NONE};
    tg_tensor          h = tg_apply_embedding(table, tg_constant(tape, TG_I64, TG_SHAPE(2), (int64_t[]){1, 3}));
    tg_tensor          y = tg_apply_linear(out, h), w = tg_take(table.weight, 3, 0);
    ck_assert_double_eq(tg_item(tg_slice(tg_slice(y, 0, 1, 2, 1), 1, 3, 4, 1)), tg_item(tg_sum(tg_square(w))));
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(what_a_linear_layer_rejects) {
    tg_tape        *tape = tg_tape_new();
    tg_linear_layer layer = tg_new_linear(tape, "encoder.0.fc1", 3, 2, NULL), empty = {0};
    tg_tensor       wrong = tg_full(tape, TG_F32, TG_SHAPE(4, 2), 1), wide = tg_full(tape, TG_F64, TG_SHAPE(4, 3), 1);
    FAILS(tape, tg_apply_linear(layer, wrong), TG_ERR_SHAPE,
          "linear 'encoder.0.fc1': (4, 2) x (2, 3) x (2): x has 2 features, not 3");
    FAILS(tape, tg_apply_linear(layer, wide), TG_ERR_DTYPE,
          "linear 'encoder.0.fc1': float64 (4, 3) x float32 (2, 3) x float32 (2): dtypes differ");
    tg_apply_linear(layer, 1);
    CHECK_ERROR_TEXT(tape, TG_ERR_SHAPE, "linear 'encoder.0.fc1': () x (2, 3) x (2): x has 0 axes, 1 are the least");
    FAILS(tape, tg_apply_linear(empty, wide), TG_ERR_HANDLE, "linear: operand 2 is no tensor");
    empty = (tg_linear_layer){wrong, tg_full(tape, TG_F32, TG_SHAPE(3), 1)};
    FAILS(tape, tg_apply_linear(empty, wrong), TG_ERR_SHAPE, "linear: (4, 2) x (4, 2) x (3): the bias is not of shape (4)");
    empty.weight = empty.bias;
    FAILS(tape, tg_apply_linear(empty, wrong), TG_ERR_SHAPE, "linear: (4, 2) x (3) x (3): a weight has 2 axes, not 1");
    FAILS(tape, tg_new_linear(tape, "b", -3, 2, NULL), TG_ERR_SHAPE, "linear: (2, -3) has a negative size");
    FAILS(tape, tg_new_linear(tape, "b", 3, 2, &(tg_layer_options){.dtype = TG_I64}), TG_ERR_DTYPE,
          "linear: the dtype is int64, not float32 or float64");
    ck_assert_int_eq(tg_parameter_count(tape), 2);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_an_embedding_rejects) {
    tg_tape           *tape = tg_tape_new();
    tg_embedding_layer layer = tg_new_embedding(tape, "words", 4, 2, TG_NO_PADDING, TG_F32);
    tg_tensor          index = tg_input(tape, "index", TG_I64, TG_SHAPE(2)), y = tg_apply_embedding(layer, index);
    FAILS(tape, tg_apply_embedding(layer, layer.weight), TG_ERR_DTYPE,
          "embedding 'words': float32 (4, 2) x float32 (4, 2): an index is int64");
    FAILS(tape, tg_new_embedding(tape, "b", 4, 2, 4, TG_F32), TG_ERR_ARGUMENT, "embedding: row 4 of 4 is no padding");
    tg_write(index, (int64_t[]){0, 4}, 2);
    ck_assert_ptr_null(tg_data(y));
    ck_assert_int_eq(tg_error_status(tape), TG_ERR_INDEX);
    tg_tape_free(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_linear(void) {
    Suite *suite = suite_create("layers/linear");
    TCase *tcase = tcase_create("layers");
    add_modules(suite, linear_modules);
    tcase_add_test(tcase, names_are_those_of_a_state_dict);
    tcase_add_test(tcase, a_name_that_is_too_long_is_an_error);
    tcase_add_test(tcase, a_name_that_is_taken_leaves_nothing_of_the_layer);
    tcase_add_test(tcase, a_weight_can_be_another_layers);
    tcase_add_test(tcase, what_a_linear_layer_rejects);
    tcase_add_test(tcase, what_an_embedding_rejects);
    suite_add_tcase(suite, tcase);
    return suite;
}
