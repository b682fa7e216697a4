/* tests/layers/test_recurrent.c: recurrent layers: beside PyTorch's, and what they reject.
 *
 * SPDX-License-Identifier: MIT */
#include "layers/modules.h"
#include "support.h"

/* ---- beside PyTorch ---------------------------------------------------------------------------------------------- */

static tg_recurrent_cell  cell;
static tg_recurrent_layer layer;

static void make_rnn_cell(tg_tape *tape, tg_dtype dtype) {
    cell = tg_new_recurrent_cell(tape, NULL, TG_RNN_TANH, 3, 2, &(tg_recurrent_options){.dtype = dtype});
}

static void make_rnn_cell_relu(tg_tape *tape, tg_dtype dtype) {
    cell = tg_new_recurrent_cell(tape, NULL, TG_RNN_RELU, 3, 4, &(tg_recurrent_options){.dtype = dtype, .no_bias = true});
}

static void make_lstm_cell(tg_tape *tape, tg_dtype dtype) {
    cell = tg_new_recurrent_cell(tape, NULL, TG_LSTM, 3, 2, &(tg_recurrent_options){.dtype = dtype});
}

static void make_gru_cell(tg_tape *tape, tg_dtype dtype) {
    cell = tg_new_recurrent_cell(tape, NULL, TG_GRU, 3, 2, &(tg_recurrent_options){.dtype = dtype});
}

static int apply_cell(const tg_tensor *x, tg_tensor *y) {
    tg_recurrent_state state = tg_apply_recurrent_cell(cell, x[0], (tg_recurrent_state){.h = x[1]});
    y[0] = state.h;
    return 1;
}

static int apply_lstm_cell(const tg_tensor *x, tg_tensor *y) {
    tg_recurrent_state state = tg_apply_recurrent_cell(cell, x[0], (tg_recurrent_state){x[1], x[2]});
    y[0] = state.h;
    y[1] = state.c;
    return 2;
}

static void make_rnn(tg_tape *tape, tg_dtype dtype) {
    layer = tg_new_recurrent(tape, NULL, TG_RNN_TANH, 2, 3, &(tg_recurrent_options){.dtype = dtype});
}

static void make_rnn_relu(tg_tape *tape, tg_dtype dtype) {
    layer =
        tg_new_recurrent(tape, NULL, TG_RNN_RELU, 2, 3, &(tg_recurrent_options){.dtype = dtype, .layers = 2, .no_bias = true});
}

static void make_lstm(tg_tape *tape, tg_dtype dtype) {
    layer = tg_new_recurrent(tape, NULL, TG_LSTM, 2, 3, &(tg_recurrent_options){.dtype = dtype});
}

static void make_lstm_lengths(tg_tape *tape, tg_dtype dtype) {
    layer = tg_new_recurrent(tape, NULL, TG_LSTM, 3, 2,
                             &(tg_recurrent_options){.dtype = dtype, .layers = 2, .bidirectional = true});
}

static void make_lstm_dropout(tg_tape *tape, tg_dtype dtype) {
    layer = tg_new_recurrent(tape, NULL, TG_LSTM, 2, 3, &(tg_recurrent_options){.dtype = dtype, .layers = 2, .dropout = 0.5});
}

static void make_lstm_projection(tg_tape *tape, tg_dtype dtype) {
    layer = tg_new_recurrent(tape, NULL, TG_LSTM, 2, 4,
                             &(tg_recurrent_options){.dtype = dtype, .layers = 2, .bidirectional = true, .projection = 3});
}

static void make_lstm_projection_no_bias(tg_tape *tape, tg_dtype dtype) {
    layer =
        tg_new_recurrent(tape, NULL, TG_LSTM, 3, 4, &(tg_recurrent_options){.dtype = dtype, .no_bias = true, .projection = 2});
}

static void make_gru(tg_tape *tape, tg_dtype dtype) {
    layer = tg_new_recurrent(tape, NULL, TG_GRU, 3, 2,
                             &(tg_recurrent_options){.dtype = dtype, .layers = 2, .bidirectional = true, .no_bias = true});
}

static void make_gru_lengths(tg_tape *tape, tg_dtype dtype) {
    layer = tg_new_recurrent(tape, NULL, TG_GRU, 2, 2, &(tg_recurrent_options){.dtype = dtype});
}

/* From a state that is zeros, unless it is given. */
static int apply_to(tg_tensor x, tg_tensor mask, tg_recurrent_state state, tg_tensor *y) {
    y[0] = tg_apply_recurrent(layer, x, mask, &state, true);
    y[1] = state.h;
    y[2] = state.c;
    return layer.kind == TG_LSTM ? 3 : 2;
}

static int apply(const tg_tensor *x, tg_tensor *y) {
    return apply_to(x[0], TG_NONE, (tg_recurrent_state){{0}, {0}}, y);
}

static int apply_with_state(const tg_tensor *x, tg_tensor *y) {
    return apply_to(x[0], TG_NONE, (tg_recurrent_state){x[1], x[2]}, y);
}

static int apply_with_mask(const tg_tensor *x, tg_tensor *y) {
    return apply_to(x[0], x[1], (tg_recurrent_state){{0}, {0}}, y);
}

static int apply_with_mask_and_state(const tg_tensor *x, tg_tensor *y) {
    return apply_to(x[0], x[1], (tg_recurrent_state){.h = x[2]}, y);
}

const module_case recurrent_modules[] = {
    {.name = "rnn_cell", .make = make_rnn_cell, .apply = apply_cell},
    {.name = "rnn_cell_relu", .make = make_rnn_cell_relu, .apply = apply_cell},
    {.name = "lstm_cell", .make = make_lstm_cell, .apply = apply_lstm_cell},
    {.name = "gru_cell", .make = make_gru_cell, .apply = apply_cell},
    {.name = "rnn", .make = make_rnn, .apply = apply},
    {.name = "rnn_relu", .make = make_rnn_relu, .apply = apply},
    {.name = "lstm", .make = make_lstm, .apply = apply_with_state},
    {.name = "lstm_lengths", .make = make_lstm_lengths, .apply = apply_with_mask},
    {.name = "lstm_dropout", .make = make_lstm_dropout, .apply = apply, .changes = true},
    {.name = "lstm_projection", .make = make_lstm_projection, .apply = apply_with_state},
    {.name = "lstm_projection_no_bias", .make = make_lstm_projection_no_bias, .apply = apply_with_mask},
    {.name = "gru", .make = make_gru, .apply = apply},
    {.name = "gru_lengths", .make = make_gru_lengths, .apply = apply_with_mask_and_state},
    {.name = NULL},
};

/* ---- states ------------------------------------------------------------------------------------------------------ */

/* A sequence in two halves, the second from the states after the first. */
START_TEST(states_go_on_where_they_were) {
    tg_tape           *tape = tg_tape_new();
    tg_recurrent_layer lstm =
        tg_new_recurrent(tape, "lstm", TG_LSTM, 2, 3, &(tg_recurrent_options){.dtype = TG_F64, .layers = 2});
    tg_tensor          x = tg_randn(tape, TG_F64, TG_SHAPE(2, 4, 2)), whole = tg_apply_recurrent(lstm, x, TG_NONE, NULL, false);
    tg_recurrent_state state = {{0}, {0}};
    tg_apply_recurrent(lstm, tg_slice(x, 1, 0, 2, 1), TG_NONE, &state, false);
    tg_tensor rest = tg_apply_recurrent(lstm, tg_slice(x, 1, 2, 4, 1), TG_NONE, &state, false);
    ck_assert_double_lt(tg_item(tg_max(tg_abs(tg_sub(rest, tg_slice(whole, 1, 2, 4, 1))))), 1e-14);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* A layer is made of cells. */
START_TEST(a_layer_is_its_cells_step_by_step) {
    tg_tape           *tape = tg_tape_new();
    tg_recurrent_layer gru = tg_new_recurrent(tape, NULL, TG_GRU, 2, 3, NULL);
    tg_tensor          x = tg_randn(tape, TG_F32, TG_SHAPE(2, 2, 2)), y = tg_apply_recurrent(gru, x, TG_NONE, NULL, true);
    tg_recurrent_state state = {{0}, {0}};
    for (int t = 0; t < 2; t++)
        state = tg_apply_recurrent_cell(gru.cell[0][0], tg_take(x, t, 1), state);
    ck_assert_double_lt(tg_item(tg_max(tg_abs(tg_sub(state.h, tg_take(y, 1, 1))))), 1e-6);
    CHECK_OK(tape);
    tg_tape_free(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(what_layers_reject) {
    tg_tape           *tape = tg_tape_new();
    tg_recurrent_layer gru = tg_new_recurrent(tape, "net.gru", TG_GRU, 2, 3, NULL), broken = gru;
    tg_tensor          x = tg_full(tape, TG_F32, TG_SHAPE(4, 5, 2), 1), wrong = tg_full(tape, TG_F32, TG_SHAPE(4, 5, 3), 1);
    tg_recurrent_state state = {x, {0}};
    FAILS(tape, tg_apply_recurrent(gru, wrong, TG_NONE, NULL, false), TG_ERR_SHAPE,
          "gru 'net.gru': (4, 5, 3) x (9, 2) x (9, 3) x (9) x (9): x has 3 features, not 2");
    FAILS(tape, tg_apply_recurrent(gru, tg_take(x, 0, 0), TG_NONE, NULL, false), TG_ERR_SHAPE,
          "gru 'net.gru': (5, 2) x (9, 2) x (9, 3) x (9) x (9): x has 2 axes, 3 are the least");
    FAILS(tape, tg_apply_recurrent(gru, tg_slice(x, 1, 0, 0, 1), TG_NONE, NULL, false), TG_ERR_SHAPE,
          "gru 'net.gru': (4, 0, 2) x (9, 2) x (9, 3) x (9) x (9): x is not (batch, length, features)");
    FAILS(tape, tg_apply_recurrent(gru, x, TG_NONE, &state, false), TG_ERR_SHAPE,
          "gru 'net.gru': (4, 5, 2) x (9, 2) x (9, 3) x (9) x (9) x (4, 5, 2): the state h is not of shape (1, 4, 3)");
    FAILS(tape, tg_apply_recurrent(gru, x, x, NULL, false), TG_ERR_SHAPE,
          "gru 'net.gru': (4, 5, 2) x (9, 2) x (9, 3) x (9) x (9): the mask is not bool of shape (4, 5)");
    FAILS(tape, tg_apply_recurrent(gru, tg_cast(x, TG_F64), TG_NONE, NULL, false), TG_ERR_DTYPE,
          "gru 'net.gru': float64 (4, 5, 2)");
    broken.layers = 2;
    FAILS(tape, tg_apply_recurrent(broken, x, TG_NONE, NULL, false), TG_ERR_ARGUMENT, "gru 'net.gru': it has not the cells");
    broken.layers = 100;
    FAILS(tape, tg_apply_recurrent(broken, x, TG_NONE, NULL, false), TG_ERR_ARGUMENT, "gru 'net.gru': it has not the cells");
    FAILS(tape, tg_apply_recurrent((tg_recurrent_layer){0}, x, TG_NONE, NULL, false), TG_ERR_HANDLE,
          "rnn: operand 2 is no tensor");
    FAILS(tape, tg_new_recurrent(tape, "b", TG_GRU, 2, 3, &(tg_recurrent_options){.layers = 9}), TG_ERR_ARGUMENT,
          "gru: 9 layers, and 8 are the most");
    FAILS(tape, tg_new_recurrent(tape, "b", TG_GRU, 2, 3, &(tg_recurrent_options){.dropout = 2}), TG_ERR_ARGUMENT,
          "gru: dropout 2 is not in [0, 1]");
    FAILS(tape, tg_new_recurrent(tape, "b", TG_GRU, 2, 3, &(tg_recurrent_options){.projection = 2}), TG_ERR_ARGUMENT,
          "gru: a projection is for LSTM");
    FAILS(tape, tg_new_recurrent(tape, "b", TG_LSTM, 2, 3, &(tg_recurrent_options){.projection = 3}), TG_ERR_ARGUMENT,
          "lstm: a projection to 3 is not below the hidden size of 3");
    FAILS(tape, tg_new_recurrent(tape, "b", TG_LSTM, 2, 3, &(tg_recurrent_options){.projection = -1}), TG_ERR_ARGUMENT,
          "lstm: a projection to -1");
    FAILS(tape, tg_new_recurrent(tape, "b", (tg_recurrent_kind)7, 2, 3, NULL), TG_ERR_ARGUMENT,
          "recurrent: 7 is no kind of recurrent layer");
    ck_assert_int_eq(tg_parameter_count(tape), 4);
    tg_tape_free(tape);
}
END_TEST

START_TEST(what_cells_reject) {
    tg_tape          *tape = tg_tape_new();
    tg_recurrent_cell lstm = tg_new_recurrent_cell(tape, "cell", TG_LSTM, 2, 3, NULL), broken = lstm;
    tg_tensor         x = tg_full(tape, TG_F32, TG_SHAPE(4, 2), 1);
    FAILS(tape, tg_apply_recurrent_cell(lstm, tg_transpose(x, 0, 1), (tg_recurrent_state){{0}, {0}}), TG_ERR_SHAPE,
          "lstm 'cell': (2, 4) x (12, 2) x (12, 3) x (12) x (12): x has 4 features, not 2");
    FAILS(tape, tg_apply_recurrent_cell(lstm, x, (tg_recurrent_state){{0}, x}), TG_ERR_SHAPE,
          "lstm 'cell': (4, 2) x (12, 2) x (12, 3) x (12) x (12) x (4, 2): the state c is not of shape (4, 3)");
    FAILS(tape, tg_new_recurrent_cell(tape, "large", TG_LSTM, 2, 1LL << 62, NULL), TG_ERR_SHAPE,
          "lstm: (9223372036854775807, 2) has a negative size, or too many elements");
    FAILS(tape, tg_new_recurrent_cell(tape, "negative", TG_LSTM, 2, -(1LL << 62), NULL), TG_ERR_SHAPE,
          "lstm: (-9223372036854775808, 2) has a negative size, or too many elements");
    tg_recurrent_cell  projected = tg_new_recurrent_cell(tape, "p", TG_LSTM, 2, 3, &(tg_recurrent_options){.projection = 1});
    tg_recurrent_state wide = {tg_full(tape, TG_F32, TG_SHAPE(4, 3), 1), {0}};
    FAILS(tape, tg_apply_recurrent_cell(projected, x, wide), TG_ERR_SHAPE,
          "lstm 'p': (4, 2) x (12, 2) x (12, 1) x (12) x (12) x (1, 3) x (4, 3): the state h is not of shape (4, 1)");
    projected.weight_hr = x;
    FAILS(tape, tg_apply_recurrent_cell(projected, x, (tg_recurrent_state){{0}, {0}}), TG_ERR_SHAPE,
          "lstm 'p': (4, 2) x (12, 2) x (12, 1) x (12) x (12) x (4, 2): the weight_ih is not of shape (8, 2)");
    broken.weight_hr = x;
    broken.kind = TG_GRU;
    FAILS(tape, tg_apply_recurrent_cell(broken, x, (tg_recurrent_state){{0}, {0}}), TG_ERR_ARGUMENT,
          "gru 'cell': (4, 2) x (12, 2) x (12, 3) x (12) x (12) x (4, 2): a projection is for LSTM");
    broken.weight_hr = TG_NONE;
    FAILS(tape, tg_apply_recurrent_cell(broken, x, (tg_recurrent_state){{0}, {0}}), TG_ERR_SHAPE,
          "gru 'cell': (4, 2) x (12, 2) x (12, 3) x (12) x (12): the weight_ih is not of shape (9, 2)");
    broken.kind = (tg_recurrent_kind)9;
    FAILS(tape, tg_apply_recurrent_cell(broken, x, (tg_recurrent_state){{0}, {0}}), TG_ERR_ARGUMENT,
          "recurrent 'cell': 9 is no kind of recurrent layer");
    tg_tape_free(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_recurrent(void) {
    Suite *suite = suite_create("layers/recurrent");
    TCase *tcase = tcase_create("layers");
    add_modules(suite, recurrent_modules);
    tcase_add_test(tcase, states_go_on_where_they_were);
    tcase_add_test(tcase, a_layer_is_its_cells_step_by_step);
    tcase_add_test(tcase, what_layers_reject);
    tcase_add_test(tcase, what_cells_reject);
    suite_add_tcase(suite, tcase);
    return suite;
}
