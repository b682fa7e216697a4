/* layers/recurrent.c: recurrent layers, as loops over the steps of a sequence.
 *
 * What the weights of the operand make of a sequence is one product for all of its steps; only that of the states goes step by
 * step. An element that the mask leaves out changes no state: so the way back, too, begins with the last element that there is.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>

#include "layers/layer.h"

static const char *const kinds[] = {"rnn", "rnn", "lstm", "gru"};
static const int         gates[] = {1, 1, 4, 3};

static bool is_kind(tg_recurrent_kind kind) {
    return (unsigned)kind <= TG_GRU;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* The size of h. */
static int64_t size_of_h(int64_t hidden, const tg_recurrent_options *options) {
    return options->projection ? options->projection : hidden;
}

/* The parameters, in PyTorch's order of drawing; `suffix` is what their names end with. */
static tg_recurrent_cell new_cell(const tgi_layer *layer, tg_recurrent_kind kind, int64_t in, int64_t hidden,
                                  const tg_recurrent_options *options, const char *suffix) {
    static const char *const roles[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"};
    int64_t                  rows = tgi_times(gates[kind], hidden), out = size_of_h(hidden, options);
    const tg_shape shapes[] = {TG_SHAPE(rows, in), TG_SHAPE(rows, out), TG_SHAPE(rows), TG_SHAPE(rows), TG_SHAPE(out, hidden)};
    const bool     bias = !options->no_bias, there[] = {true, true, bias, bias, options->projection != 0};
    double         bound = hidden > 0 ? 1 / sqrt((double)hidden) : 0;
    tg_tensor      all[5];
    for (int i = 0; i < 5; i++) {
        all[i] = TG_NONE;
        if (!there[i]) continue;
        tg_tensor init = tg_uniform(layer->tape, layer->dtype, shapes[i], -bound, bound);
        all[i] = tgi_add_parameter(layer, TG_FORMAT("%s%s", roles[i], suffix), init);
    }
    return (tg_recurrent_cell){kind, all[0], all[1], all[2], all[3], all[4]};
}

/* The layer's first steps; false, with the error noted, for what is no kind, and a projection that it does not have. */
static bool begin(tgi_layer *layer, tg_tape *tape, const char *name, tg_recurrent_kind kind, int64_t hidden,
                  const tg_recurrent_options *options) {
    int64_t projection = options->projection;
    *layer = tgi_begin_layer(tape, is_kind(kind) ? kinds[kind] : "recurrent", name, options->dtype);
    if (!is_kind(kind)) tg_fail(tape, TG_ERR_ARGUMENT, NULL, "%d is no kind of recurrent layer", (int)kind);
    if (projection && kind != TG_LSTM) tg_fail(tape, TG_ERR_ARGUMENT, NULL, "a projection is for LSTM");
    if (projection < 0 || (projection > 0 && projection >= hidden))
        tg_fail(tape, TG_ERR_ARGUMENT, NULL, "a projection to %" PRId64 " is not below the hidden size of %" PRId64, projection,
                hidden);
    return !tg_error_status(tape);
}

tg_recurrent_cell(tg_new_recurrent_cell)(tg_tape *tape, const char *name, tg_recurrent_kind kind, int64_t in, int64_t hidden,
                                         const tg_recurrent_options *options) {
    static const tg_recurrent_options usual;
    if (!options) options = &usual;
    tgi_layer         layer;
    tg_recurrent_cell y = {.kind = kind};
    if (begin(&layer, tape, name, kind, hidden, options)) y = new_cell(&layer, kind, in, hidden, options, "");
    tgi_end_layer(&layer);
    return y;
}

static tg_status check_options(tg_tape *tape, const tg_recurrent_options *options) {
    if (options->layers < 0 || options->layers > TG_MAX_RECURRENT_LAYERS)
        return tg_fail(tape, TG_ERR_ARGUMENT, NULL, "%d layers, and %d are the most", options->layers,
                       (int)TG_MAX_RECURRENT_LAYERS);
    return tg_check_option(tape, NULL, "dropout", options->dropout, 0, 1, TG_CLOSED);
}

tg_recurrent_layer(tg_new_recurrent)(tg_tape *tape, const char *name, tg_recurrent_kind kind, int64_t in, int64_t hidden,
                                     const tg_recurrent_options *options) {
    static const tg_recurrent_options usual;
    if (!options) options = &usual;
    tgi_layer          layer;
    tg_recurrent_layer y = {.kind = kind,
                            .layers = 1,
                            .directions = options->bidirectional ? 2 : 1,
                            .dropout = options->dropout};
    if (begin(&layer, tape, name, kind, hidden, options) && !check_options(tape, options)) {
        if (options->layers) y.layers = options->layers;
        for (int i = 0; i < y.layers; i++)
            for (int back = 0; back < y.directions; back++)
                y.cell[i][back] = new_cell(&layer, kind, i ? tgi_times(y.directions, size_of_h(hidden, options)) : in, hidden,
                                           options, TG_FORMAT(back ? "_l%d_reverse" : "_l%d", i));
    }
    tgi_end_layer(&layer);
    return y;
}

/* ---- one step ---------------------------------------------------------------------------------------------------- */

/* `from_x` is W_ih x + b_ih, `from_h` is W_hh h + b_hh. */
static tg_recurrent_state step_rnn(tg_recurrent_kind kind, tg_tensor from_x, tg_tensor from_h) {
    tg_tensor sum = tg_add(from_x, from_h);
    return (tg_recurrent_state){kind == TG_RNN_RELU ? tg_relu(sum) : tg_tanh(sum), TG_NONE};
}

static tg_recurrent_state step_lstm(tg_tensor from_x, tg_tensor from_h, tg_tensor c) {
    tg_tensor part[4]; /* i, f, g, o */
    tg_chunk(tg_add(from_x, from_h), -1, 4, part);
    tg_tensor kept = tg_mul(tg_sigmoid(part[1]), c), added = tg_mul(tg_sigmoid(part[0]), tg_tanh(part[2]));
    c = tg_add(kept, added);
    return (tg_recurrent_state){tg_mul(tg_sigmoid(part[3]), tg_tanh(c)), c};
}

static tg_recurrent_state step_gru(tg_tensor from_x, tg_tensor from_h, tg_tensor h) {
    tg_tensor x[3], s[3]; /* r, z, n */
    tg_chunk(from_x, -1, 3, x);
    tg_chunk(from_h, -1, 3, s);
    tg_tensor r = tg_sigmoid(tg_add(x[0], s[0])), z = tg_sigmoid(tg_add(x[1], s[1]));
    tg_tensor n = tg_tanh(tg_add(x[2], tg_mul(r, s[2])));
    return (tg_recurrent_state){tg_add(tg_mul(tg_sub(1, z), n), tg_mul(z, h)), TG_NONE};
}

static tg_recurrent_state step(const tg_recurrent_cell *cell, tg_tensor from_x, tg_recurrent_state state) {
    tg_tensor from_h = tgi_project(state.h, cell->weight_hh, cell->bias_hh);
    if (cell->kind == TG_LSTM) {
        state = step_lstm(from_x, from_h, state.c);
        if (!tg_is_none(tg_or_none(cell->weight_hr))) state.h = tgi_project(state.h, cell->weight_hr, TG_NONE);
        return state;
    }
    if (cell->kind == TG_GRU) return step_gru(from_x, from_h, state.h);
    return step_rnn(cell->kind, from_x, from_h);
}

/* ---- what is checked --------------------------------------------------------------------------------------------- */

enum { X, WEIGHT_IH, WEIGHT_HH, BIAS_IH, BIAS_HH, WEIGHT_HR, H, C, OPERANDS };

/* The sizes of h, and of c. */
static int64_t out_of(const tg_operands *o) {
    return o->type[WEIGHT_HH].rank == 2 ? o->type[WEIGHT_HH].dims[1] : 0;
}

static int64_t hidden_of(const tg_operands *o) {
    return o->type[WEIGHT_HR].rank == 2 ? o->type[WEIGHT_HR].dims[1] : out_of(o);
}

/* The cell's weights are those of its kind, for an x of so many axes at least; the biases and weight_hr may be missing. */
static tg_status check_cell(const tg_operands *o, tg_recurrent_kind kind, int rank) {
    int64_t rows = gates[kind] * hidden_of(o);
    if (kind != TG_LSTM && o->present[WEIGHT_HR]) return tg_refuse_operands(o, TG_ERR_ARGUMENT, "a projection is for LSTM");
    if (tg_check_floating(o, o->count) || tgi_check_weight(o, WEIGHT_IH, 2) || tgi_check_weight(o, WEIGHT_HH, 2) ||
        tgi_check_features(o, rank, o->type[WEIGHT_IH].dims[1]) ||
        tg_check_shape(o, WEIGHT_IH, "weight_ih", TG_SHAPE(rows, o->type[WEIGHT_IH].dims[1])) ||
        tg_check_shape(o, WEIGHT_HH, "weight_hh", TG_SHAPE(rows, out_of(o))) ||
        tg_check_shape(o, WEIGHT_HR, "weight_hr", TG_SHAPE(out_of(o), hidden_of(o))) ||
        tg_check_shape(o, BIAS_IH, "bias_ih", TG_SHAPE(rows)))
        return tg_error_status(o->tape);
    return tg_check_shape(o, BIAS_HH, "bias_hh", TG_SHAPE(rows));
}

static tg_status check_operands(tg_operands *o, char text[TGI_LAYER_TEXT], const tg_recurrent_cell *cell, tg_tensor x,
                                tg_recurrent_state state, int rank) {
    const tg_tensor all[OPERANDS] =
        {x, cell->weight_ih, cell->weight_hh, cell->bias_ih, cell->bias_hh, tg_or_none(cell->weight_hr), state.h, state.c};
    const char *kind = is_kind(cell->kind) ? kinds[cell->kind] : "recurrent";
    if (tg_check_operands(o, tgi_layer_text(text, kind, cell->weight_ih), BIAS_IH, OPERANDS, all))
        return tg_error_status(o->tape);
    if (!is_kind(cell->kind))
        return tg_fail(o->tape, TG_ERR_ARGUMENT, o->name, "%d is no kind of recurrent layer", (int)cell->kind);
    if (check_cell(o, cell->kind, rank)) return tg_error_status(o->tape);
    return TG_OK;
}

/* `shape` is that of the states but for the last axis. */
static tg_shape with_last(tg_shape shape, int64_t size) {
    shape.dims[shape.rank - 1] = size;
    return shape;
}

static tg_status check_state(const tg_operands *o, tg_shape shape) {
    if (tg_check_shape(o, H, "state h", with_last(shape, out_of(o)))) return tg_error_status(o->tape);
    return tg_check_shape(o, C, "state c", with_last(shape, hidden_of(o)));
}

/* States that are left out are zeros; c is there only where the kind has one. */
static tg_recurrent_state complete(const tg_operands *o, tg_recurrent_kind kind, tg_recurrent_state state, tg_shape shape) {
    tg_tensor zero = tg_number(o->tape, o->type[X].dtype, 0);
    if (tg_is_none(state.h)) state.h = tg_broadcast_to(zero, with_last(shape, out_of(o)));
    if (kind == TG_LSTM && tg_is_none(state.c)) state.c = tg_broadcast_to(zero, with_last(shape, hidden_of(o)));
    return state;
}

/* A state as it was given, with what was left out, or is not for the kind, as TG_NONE. */
static tg_recurrent_state state_of(tg_recurrent_kind kind, tg_recurrent_state state) {
    return (tg_recurrent_state){tg_or_none(state.h), kind == TG_LSTM ? tg_or_none(state.c) : TG_NONE};
}

/* ---- a cell ------------------------------------------------------------------------------------------------------ */

tg_recurrent_state(tg_apply_recurrent_cell)(tg_recurrent_cell cell, tg_tensor x, tg_recurrent_state state) {
    char        text[TGI_LAYER_TEXT];
    tg_operands o;
    state = state_of(cell.kind, state);
    if (check_operands(&o, text, &cell, x, state, 1)) return (tg_recurrent_state){tg_invalid(o.tape), tg_invalid(o.tape)};
    tg_shape shape = tg_shape_from(o.type[X].rank, o.type[X].dims);
    if (check_state(&o, shape)) return (tg_recurrent_state){tg_invalid(o.tape), tg_invalid(o.tape)};
    tg_scope scope = tg_begin_scope(o.tape, kinds[cell.kind]);
    state = complete(&o, cell.kind, state, shape);
    state = step(&cell, tgi_project(x, cell.weight_ih, cell.bias_ih), state);
    if (cell.kind == TG_LSTM) tg_keep_result(scope, state.c);
    state.h = tg_end_scope_with(scope, state.h);
    return state;
}

/* ---- sequences --------------------------------------------------------------------------------------------------- */

/* One way of one layer through (batch, length, features). */
typedef struct pass {
    const tg_recurrent_cell *cell;
    bool                     back;
    int64_t                  length;
    tg_tensor                mask; /* (length, batch, 1), or TG_NONE */
} pass;

/* A step of the loop. x: what the cell makes of the input, and whether there is one. */
static void step_of_pass(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const pass        *p = context;
    bool               has_c = p->cell->kind == TG_LSTM, masked = !tg_is_none(p->mask);
    tg_recurrent_state before = {state[0], has_c ? state[1] : TG_NONE}, next = step(p->cell, x[0], before);
    (void)tape;
    y[0] = masked ? tg_where(x[1], next.h, 0) : next.h;
    state[0] = masked ? tg_where(x[1], next.h, before.h) : next.h;
    if (has_c) state[1] = masked ? tg_where(x[1], next.c, before.c) : next.c;
}

/* The result, (batch, length, size of h); *state goes on. */
static tg_tensor go_through(pass *p, tg_tensor x, tg_recurrent_state *state) {
    bool         has_c = p->cell->kind == TG_LSTM;
    tg_tensor    y = x, states[2] = {state->h, state->c};
    tg_tensor    inputs[2] = {tg_transpose(tgi_project(x, p->cell->weight_ih, p->cell->bias_ih), 0, 1), p->mask};
    tg_loop_spec loop = {.body = step_of_pass,
                         .context = p,
                         .steps = p->length,
                         .states = has_c ? 2 : 1,
                         .inputs = tg_is_none(p->mask) ? 1 : 2,
                         .outputs = 1,
                         .state = states,
                         .x = inputs,
                         .y = &y,
                         .reverse = p->back};
    tg_scan(tg_tape_of(x), &loop);
    *state = (tg_recurrent_state){states[0], has_c ? states[1] : state->c};
    return tg_transpose(y, 0, 1);
}

/* The states of all layers and directions, in PyTorch's order. */
typedef struct all_states {
    int       count;
    tg_tensor h[2 * TG_MAX_RECURRENT_LAYERS], c[2 * TG_MAX_RECURRENT_LAYERS];
} all_states;

static void take_states_apart(all_states *all, tg_recurrent_state state) {
    for (int i = 0; i < all->count; i++) {
        all->h[i] = tg_take(state.h, i, 0);
        all->c[i] = tg_is_none(state.c) ? TG_NONE : tg_take(state.c, i, 0);
    }
}

static tg_recurrent_state put_states_together(const all_states *all) {
    tg_recurrent_state state = {tg_stack(tg_list_from(all->count, all->h), 0), TG_NONE};
    if (!tg_is_none(all->c[0])) state.c = tg_stack(tg_list_from(all->count, all->c), 0);
    return state;
}

/* PyTorch draws for (length, batch, features). */
static tg_tensor dropped(tg_tensor x, double p, bool training) {
    return tg_transpose(tg_dropout(tg_transpose(x, 0, 1), p, training), 0, 1);
}

static tg_tensor go_through_layers(const tg_recurrent_layer *layer, pass *p, tg_tensor x, all_states *all, bool training) {
    for (int i = 0; i < layer->layers; i++) {
        tg_tensor ways[2];
        if (i) x = dropped(x, layer->dropout, training);
        for (int back = 0; back < layer->directions; back++) {
            int                k = i * layer->directions + back;
            tg_recurrent_state state = {all->h[k], all->c[k]};
            p->cell = &layer->cell[i][back];
            p->back = back;
            ways[back] = go_through(p, x, &state);
            all->h[k] = state.h;
            all->c[k] = state.c;
        }
        x = layer->directions == 2 ? tg_concat(tg_list_from(2, ways), -1) : ways[0];
    }
    return x;
}

/* A layer is what tg_new_recurrent made, or what has been made like it. */
static bool has_cells(const tg_recurrent_layer *layer) {
    bool good =
        layer->layers >= 1 && layer->layers <= TG_MAX_RECURRENT_LAYERS && (layer->directions == 1 || layer->directions == 2);
    for (int i = 0; good && i < layer->layers * layer->directions; i++)
        good = layer->cell[i / layer->directions][i % layer->directions].kind == layer->kind;
    return good;
}

/* The mask, if there is one, is bool, with an element a step. */
static tg_status check_mask(const tg_operands *o, tg_tensor mask) {
    tg_shape steps = tg_shape_from(2, o->type[X].dims);
    char     text[TG_SHAPE_TEXT];
    if (tg_is_none(mask)) return TG_OK;
    if (tg_check_tensor(o->tape, o->name, "the mask", mask)) return tg_error_status(o->tape);
    if (tg_dtype_of(mask) == TG_BOOL && tg_shape_equal(tg_shape_of(mask), steps)) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "the mask is not bool of shape %s", tg_shape_text(text, steps));
}

/* *shape becomes that of the states but for the last axis. */
static tg_status check_layer(tg_operands *o, char text[TGI_LAYER_TEXT], const tg_recurrent_layer *layer, tg_tensor x,
                             tg_tensor mask, tg_recurrent_state state, tg_shape *shape) {
    const tg_type *type = &o->type[X];
    if (check_operands(o, text, &layer->cell[0][0], x, state, 3)) return tg_error_status(o->tape);
    if (!has_cells(layer)) return tg_fail(o->tape, TG_ERR_ARGUMENT, o->name, "it has not the cells that it says it has");
    if (type->rank != 3 || type->dims[1] < 1 || type->dims[1] > INT32_MAX)
        return tg_refuse_operands(o, TG_ERR_SHAPE, "x is not (batch, length, features) with a length from 1 on");
    *shape = TG_SHAPE(layer->layers * layer->directions, type->dims[0], 0);
    return check_state(o, *shape) ? tg_error_status(o->tape) : check_mask(o, mask);
}

/* *state becomes the states after the sequence. */
static tg_tensor go_through_all(const tg_recurrent_layer *layer, pass *p, tg_tensor x, tg_recurrent_state *state,
                                bool training) {
    all_states all = {.count = layer->layers * layer->directions};
    take_states_apart(&all, *state);
    tg_tensor y = go_through_layers(layer, p, x, &all, training);
    *state = put_states_together(&all);
    return y;
}

tg_tensor(tg_apply_recurrent)(tg_recurrent_layer layer, tg_tensor x, tg_tensor mask, tg_recurrent_state *state, bool training) {
    char               text[TGI_LAYER_TEXT];
    tg_operands        o;
    tg_shape           shape;
    tg_recurrent_state s = state_of(layer.kind, state ? *state : (tg_recurrent_state){{0}, {0}});
    if (check_layer(&o, text, &layer, x, mask, s, &shape)) return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, kinds[layer.kind]);
    pass     p = {.length = o.type[X].dims[1]};
    p.mask = tg_is_none(mask) ? mask : tg_transpose(tg_unsqueeze(mask, 2), 0, 1);
    s = complete(&o, layer.kind, s, shape);
    tg_tensor y = go_through_all(&layer, &p, x, &s, training);
    if (state) *state = (tg_recurrent_state){tg_keep_result(scope, s.h), tg_is_none(s.c) ? s.c : tg_keep_result(scope, s.c)};
    return tg_end_scope_with(scope, y);
}
