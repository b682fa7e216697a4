/* bench/gradbench/eval_lstm.c: the loss of an LSTM whose matrices are diagonal, on a text of c characters of b bits each,
 * in l layers, and the gradient for its weights. (After ADBench, lstm.)
 *
 * SPDX-License-Identifier: MIT */
#include "task.h"

enum { OBJECTIVE, JACOBIAN };

/* The rows of main_params come in pairs, weights and biases of a layer, each of four gates; those of extra_params are a
 * weight of the input, a weight of the output and its bias. Those of the state come in pairs too, hidden and cell. */
enum { FORGET, IN, OUT, CHANGE, GATES };
enum { IN_WEIGHT, OUT_WEIGHT, OUT_BIAS, EXTRAS };

enum { MOST_LAYERS = 64 };

typedef struct model {
    int64_t   layers, bits, characters;
    tg_tensor main, extra;     /* (layers, 2, GATES, bits) and (EXTRAS, bits) */
    tg_tensor state, sequence; /* (layers, 2, bits) and (characters, bits) */
} model;

static tg_tensor output_of(const model *m, tg_tensor hidden) {
    return tg_add(tg_mul(hidden, tg_select(m->extra, 0, OUT_WEIGHT)), tg_select(m->extra, 0, OUT_BIAS));
}

static tg_tensor loss_of(const model *m, tg_tensor likelihood) {
    return tg_div(tg_neg(likelihood), (double)(m->bits * (m->characters - 1)));
}

/* ---- the plain form: character by character ---------------------------------------------------------------------- */

typedef struct layer {
    tg_tensor weight[GATES], bias[GATES];
    tg_tensor hidden, cell;
} layer;

static layer layer_of(const model *m, int64_t i) {
    layer     l;
    tg_tensor parameters = tg_select(m->main, 0, i), state = tg_select(m->state, 0, i);
    tg_unstack(tg_select(parameters, 0, 0), 0, GATES, l.weight);
    tg_unstack(tg_select(parameters, 0, 1), 0, GATES, l.bias);
    l.hidden = tg_select(state, 0, 0);
    l.cell = tg_select(state, 0, 1);
    return l;
}

static tg_tensor gate(const layer *l, int which, tg_tensor x) {
    return tg_add(tg_mul(x, l->weight[which]), l->bias[which]);
}

static tg_tensor layer_step(layer *l, tg_tensor x) {
    tg_tensor forget = tg_sigmoid(gate(l, FORGET, x)), in = tg_sigmoid(gate(l, IN, l->hidden));
    tg_tensor out = tg_sigmoid(gate(l, OUT, x)), change = tg_tanh(gate(l, CHANGE, l->hidden));
    l->cell = tg_add(tg_mul(l->cell, forget), tg_mul(in, change));
    l->hidden = tg_mul(out, tg_tanh(l->cell));
    return l->hidden;
}

static tg_tensor plain_loss(const model *m) {
    layer     layers[MOST_LAYERS];
    tg_tensor total = TG_NONE;
    for (int64_t i = 0; i < m->layers; i++)
        layers[i] = layer_of(m, i);
    for (int64_t c = 0; c < m->characters - 1; c++) {
        tg_tensor x = tg_mul(tg_select(m->sequence, 0, c), tg_select(m->extra, 0, IN_WEIGHT));
        for (int64_t i = 0; i < m->layers; i++)
            x = layer_step(&layers[i], x);
        tg_tensor y = output_of(m, x);
        tg_tensor normalized = tg_sub(y, tg_log(tg_add(tg_sum(tg_exp(y)), 2)));
        tg_tensor likelihood = tg_sum(tg_mul(tg_select(m->sequence, 0, c + 1), normalized));
        total = c ? tg_add(total, likelihood) : likelihood;
    }
    return loss_of(m, total);
}

/* ---- the tuned form: layer by layer, as loops, and all characters at once in what does not depend on the one before - */

/* x: what the forget and the out gate come to, which do not depend on the state. */
static void tuned_step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const layer *l = context;
    tg_tensor    in = tg_sigmoid(gate(l, IN, state[0])), change = tg_tanh(gate(l, CHANGE, state[0]));
    (void)tape;
    state[1] = tg_add(tg_mul(state[1], x[0]), tg_mul(in, change));
    y[0] = state[0] = tg_mul(x[1], tg_tanh(state[1]));
}

/* The hidden values of a layer for all its inputs, (n, bits) as they are. */
static tg_tensor layer_run(layer *l, tg_tensor x, int64_t n) {
    tg_tensor    gates[2] = {tg_sigmoid(gate(l, FORGET, x)), tg_sigmoid(gate(l, OUT, x))}, hidden = x;
    tg_tensor    state[2] = {l->hidden, l->cell};
    tg_loop_spec loop = {.body = tuned_step,
                         .context = l,
                         .steps = n,
                         .states = 2,
                         .inputs = 2,
                         .outputs = 1,
                         .state = state,
                         .x = gates,
                         .y = &hidden};
    tg_scan(tg_tape_of(x), &loop);
    return hidden;
}

static tg_tensor tuned_loss(const model *m) {
    int64_t   n = m->characters - 1;
    tg_tensor x = tg_mul(tg_slice(m->sequence, 0, 0, n, 1), tg_select(m->extra, 0, IN_WEIGHT));
    for (int64_t i = 0; i < m->layers; i++) {
        layer l = layer_of(m, i);
        x = layer_run(&l, x, n);
    }
    tg_tensor y = output_of(m, x);
    tg_tensor normalized = tg_sub(y, tg_log(tg_add(tg_sum_axes(tg_exp(y), TG_AXES(1), true), 2)));
    return loss_of(m, tg_sum(tg_mul(tg_slice(m->sequence, 0, 1, TG_END, 1), normalized)));
}

/* ---- the eval ---------------------------------------------------------------------------------------------------- */

static bool read_input(task *t, const json_t *input) {
    model  *m = t->state = task_room(t, sizeof *m);
    numbers main, extra, state, sequence;
    if (!read_numbers(t, input, "main_params", &main) || !read_numbers(t, input, "extra_params", &extra) ||
        !read_numbers(t, input, "state", &state) || !read_numbers(t, input, "sequence", &sequence))
        return false;
    m->layers = main.rows / 2;
    m->bits = extra.columns;
    m->characters = sequence.rows;
    if (m->layers < 1 || m->layers > MOST_LAYERS || main.rows % 2 || main.columns != GATES * m->bits || extra.rows != EXTRAS ||
        state.rows != 2 * m->layers || state.columns != m->bits || m->characters < 2 || sequence.columns != m->bits)
        return task_fail(t, "the shapes of the lists do not fit together");
    m->main = task_variable(t, "main_params", TG_SHAPE(m->layers, 2, GATES, m->bits), main.values);
    m->extra = task_variable(t, "extra_params", TG_SHAPE(EXTRAS, m->bits), extra.values);
    m->state = task_constant(t, TG_SHAPE(m->layers, 2, m->bits), state.values);
    m->sequence = task_constant(t, TG_SHAPE(m->characters, m->bits), sequence.values);
    return true;
}

static void record(task *t) {
    const model *m = t->state;
    tg_tensor    loss = t->options.tuned ? tuned_loss(m) : plain_loss(m);
    if (t->function == OBJECTIVE)
        task_result(t, loss);
    else
        task_gradient(t, loss);
}

/* The gradients of both variables, one after the other. */
static json_t *output(const task *t) {
    if (t->function == OBJECTIVE) return output_number(t);
    json_t *list = output_list(t), *extra = json_list(t->result[1].values, t->result[1].count);
    if (json_array_extend(list, extra)) {
        json_decref(list);
        list = NULL;
    }
    json_decref(extra);
    return list;
}

const eval eval_lstm = {"lstm", {"objective", "jacobian"}, .read = read_input, .record = record, .output = output};
