/* tapegrad/recurrent.h: recurrent layers: Elman's RNN, LSTM and GRU, by the step and over whole sequences.
 *
 * They are those of PyTorch, in all that tapegrad/layers.h says of layers. For operands x and states h and c the next states are
 *     RNN    h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu in place of tanh
 *     LSTM   c' = sigmoid(f) c + sigmoid(i) tanh(g),   h' = sigmoid(o) tanh(c')
 *     GRU    h' = (1 - sigmoid(z)) tanh(n_x + sigmoid(r) n_h) + sigmoid(z) h
 * where i, f, g, o, or r and z, are parts of W_ih x + b_ih + W_hh h + b_hh in this order, and n_x and n_h are the last parts of
 * W_ih x + b_ih and of W_hh h + b_hh. What comes out is h'. An LSTM with a projection has W_hr sigmoid(o) tanh(c') for h'. All
 * weights start uniform within 1 / sqrt(hidden).
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_RECURRENT_H
#define TAPEGRAD_RECURRENT_H
#pragma GCC system_header

#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef enum tg_recurrent_kind { TG_RNN_TANH, TG_RNN_RELU, TG_LSTM, TG_GRU } tg_recurrent_kind;

/* The states; c is there for LSTM only, else TG_NONE. A state of {0} is zeros. */
typedef struct tg_recurrent_state {
    tg_tensor h, c;
} tg_recurrent_state;

/* ---- one step ---------------------------------------------------------------------------------------------------- */

/* "weight_ih" is (gates hidden, in), "weight_hh" (gates hidden, hidden), "bias_ih" and "bias_hh" (gates hidden), for 1 gate, 4 of
 * LSTM and 3 of GRU. With a projection "weight_hh" is (gates hidden, projection), and "weight_hr" (projection, hidden). */
typedef struct tg_recurrent_cell {
    tg_recurrent_kind kind;
    tg_tensor         weight_ih, weight_hh, bias_ih, bias_hh, weight_hr;
} tg_recurrent_cell;

/* Of the options only dtype, no_bias and projection are for a cell. */
typedef struct tg_recurrent_options {
    tg_dtype dtype;
    bool     no_bias;
    int      layers;        /* one upon the other; 0 means 1, TG_MAX_RECURRENT_LAYERS are the most */
    bool     bidirectional; /* each layer goes through the sequence in both directions */
    double   dropout;       /* in training, of what goes from one layer to the next */
    int64_t
        projection; /* LSTM only: the size of h, which is then below that of c, hidden; 0 means hidden (PyTorch's proj_size) */
} tg_recurrent_options;

tg_recurrent_cell tg_new_recurrent_cell(tg_tape *tape, const char *name, tg_recurrent_kind kind, int64_t in, int64_t hidden,
                                        const tg_recurrent_options *options);

/* The states after x, which is (batch, in), or (in); states are (batch, hidden), or (hidden). With a projection h has its size. */
tg_recurrent_state tg_apply_recurrent_cell(tg_recurrent_cell cell, tg_tensor x, tg_recurrent_state state);

/* ---- sequences --------------------------------------------------------------------------------------------------- */

enum { TG_MAX_RECURRENT_LAYERS = 8 };

/* The parameters have the names of a cell's followed by "_l0" for layer 0 and so on, and for the way back "_l0_reverse". */
typedef struct tg_recurrent_layer {
    tg_recurrent_kind kind;
    int               layers;
    int               directions; /* 1 or 2 */
    double            dropout;
    tg_recurrent_cell cell[TG_MAX_RECURRENT_LAYERS][2];
} tg_recurrent_layer;

tg_recurrent_layer tg_new_recurrent(tg_tape *tape, const char *name, tg_recurrent_kind kind, int64_t in, int64_t hidden,
                                    const tg_recurrent_options *options);

/* What comes out of the last layer: x is (batch, length, in), and the result (batch, length, directions hidden), the way back behind
 * the way forth. The batch comes first, as with PyTorch's batch_first=True; the length is at least 1. The steps are recorded one
 * by one.
 *
 * *state, which may be NULL, has the states before the sequence, and gets those after it, after the first element on the way back:
 * (layers directions, batch, hidden), layer by layer, forth and back. With a projection the results, and h, have its size for hidden.
 *
 * The mask, of bool, is (batch, length), or TG_NONE: where it is false there is no element. The result is 0 there, and the states pass
 * it by, so that sequences of several lengths in one batch give what each would give alone, as PyTorch's packed sequences do. Lengths
 * (batch) become a mask by
 *     tg_lt(tg_arange(tape, TG_I64, 0, length, 1), tg_unsqueeze(lengths, 1)). */
tg_tensor tg_apply_recurrent(tg_recurrent_layer layer, tg_tensor x, tg_tensor mask, tg_recurrent_state *state, bool training);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_new_recurrent_cell(tape, ...) TG_TAPE_CALL(tg_new_recurrent_cell, tape, __VA_ARGS__)
#define tg_new_recurrent(tape, ...) TG_TAPE_CALL(tg_new_recurrent, tape, __VA_ARGS__)

static inline tg_recurrent_state tgi_apply_recurrent_cell(tg_tensor x, tg_recurrent_cell cell, tg_recurrent_state state) {
    return tg_apply_recurrent_cell(cell, x, state);
}
static inline tg_tensor tgi_apply_recurrent(tg_tensor x, tg_tensor mask, tg_recurrent_layer layer, tg_recurrent_state *state,
                                            bool training) {
    return tg_apply_recurrent(layer, x, mask, state, training);
}
#define tg_apply_recurrent_cell(cell, x, ...) TG_CALL1_WITH(tgi_apply_recurrent_cell, x, cell, __VA_ARGS__)
#define tg_apply_recurrent(layer, x, mask, ...) TG_CALL2_WITH(tgi_apply_recurrent, x, mask, layer, __VA_ARGS__)

#endif
