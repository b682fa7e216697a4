/* layers/multihead.c: attention with several heads.
 *
 * The weights of queries, keys and values are rows of one parameter, or three parameters; from there on they are three.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "layers/layer.h"

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* PyTorch draws the projection of the result first, a bias too, which it then sets to 0. */
static tg_linear_layer new_projection(const tgi_layer *layer, int64_t size, bool no_bias) {
    tg_shape        shape = TG_SHAPE(size, size);
    tg_linear_layer y = {.bias = TG_NONE};
    y.weight = tgi_add_parameter(layer, "out_proj.weight", tgi_usual_weight(layer, shape));
    if (no_bias) return y;
    tgi_usual_bias(layer, shape, size);
    y.bias = tgi_add_parameter(layer, "out_proj.bias", tgi_filled(layer, size, 0));
    return y;
}

static tg_tensor new_weight(const tgi_layer *layer, const char *role, int64_t rows, int64_t columns) {
    return tgi_add_parameter(layer, role, tg_xavier_uniform(layer->tape, layer->dtype, TG_SHAPE(rows, columns), 1));
}

static void add_weights(tg_multihead_layer *y, const tgi_layer *layer, int64_t size, const tg_multihead_options *options) {
    int64_t keys = options->key_size ? options->key_size : size, values = options->value_size ? options->value_size : size;
    y->in_proj_weight = y->q_proj_weight = y->k_proj_weight = y->v_proj_weight = y->in_proj_bias = TG_NONE;
    y->out_proj = new_projection(layer, size, options->no_bias);
    if (keys == size && values == size)
        y->in_proj_weight = new_weight(layer, "in_proj_weight", tgi_times(3, size), size);
    else {
        y->q_proj_weight = new_weight(layer, "q_proj_weight", size, size);
        y->k_proj_weight = new_weight(layer, "k_proj_weight", size, keys);
        y->v_proj_weight = new_weight(layer, "v_proj_weight", size, values);
    }
    if (!options->no_bias) y->in_proj_bias = tgi_add_parameter(layer, "in_proj_bias", tgi_filled(layer, tgi_times(3, size), 0));
}

static tg_status check_heads(tg_tape *tape, const char *name, int64_t size, int64_t heads) {
    if (heads >= 1 && size >= 1 && size % heads == 0) return TG_OK;
    return tg_fail(tape, TG_ERR_SHAPE, name, "%" PRId64 " features are not divided into %" PRId64 " heads", size, heads);
}

tg_multihead_layer(tg_new_multihead_attention)(tg_tape *tape, const char *name, int64_t size, int64_t heads,
                                               const tg_multihead_options *options) {
    static const tg_multihead_options usual;
    if (!options) options = &usual;
    tgi_layer          layer = tgi_begin_layer(tape, "multihead_attention", name, options->dtype);
    tg_multihead_layer y = {.heads = heads, .dropout = options->dropout};
    if (!check_heads(tape, NULL, size, heads) && !tg_check_option(tape, NULL, "dropout", options->dropout, 0, 1, TG_CLOSED))
        add_weights(&y, &layer, size, options);
    tgi_end_layer(&layer);
    return y;
}

/* ---- applying ---------------------------------------------------------------------------------------------------- */

enum { QUERIES, KEYS, VALUES, INPUTS };

/* Rows `which` of three of the same number. */
static tg_tensor third(tg_tensor x, int which) {
    int64_t size = tg_shape_of(x).dims[0] / 3;
    return tg_slice(x, 0, which * size, (which + 1) * size, 1);
}

static tg_tensor weight_of(const tg_multihead_layer *layer, int which) {
    const tg_tensor apart[] = {layer->q_proj_weight, layer->k_proj_weight, layer->v_proj_weight};
    return tg_is_none(layer->in_proj_weight) ? apart[which] : third(layer->in_proj_weight, which);
}

/* (..., length, features) as (..., heads, length, features of a head). */
static tg_tensor divide(tg_tensor x, int64_t heads) {
    tg_shape shape = tg_shape_of(x);
    if (!tg_valid(x)) return x;
    shape.dims[shape.rank] = shape.dims[shape.rank - 1] / heads;
    shape.dims[shape.rank - 1] = heads;
    shape.rank++;
    return tg_transpose(tg_reshape(x, shape), -2, -3);
}

static tg_tensor put_together(tg_tensor x) {
    tg_tensor y = tg_transpose(x, -2, -3);
    tg_shape  shape = tg_shape_of(y);
    if (!tg_valid(y)) return y;
    shape.rank--;
    shape.dims[shape.rank - 1] *= shape.dims[shape.rank];
    return tg_reshape(y, shape);
}

static tg_tensor attend(const tg_multihead_layer *layer, const tg_tensor *in, const tg_attend_options *options) {
    tg_attention_options inner = {.causal = options->causal, .dropout = options->training ? layer->dropout : 0};
    tg_tensor            x[INPUTS];
    for (int i = 0; i < INPUTS; i++) {
        tg_tensor bias = tg_is_none(layer->in_proj_bias) ? TG_NONE : third(layer->in_proj_bias, i);
        x[i] = divide(tgi_project(in[i], weight_of(layer, i), bias), layer->heads);
    }
    tg_tensor y = tg_scaled_dot_product_attention(x[QUERIES], x[KEYS], x[VALUES], tg_or_none(options->mask), &inner);
    return tgi_project(put_together(y), layer->out_proj.weight, layer->out_proj.bias);
}

/* ---- what is checked --------------------------------------------------------------------------------------------- */

/* Operands 3 to 7 after the three inputs: the weights that there are, the biases, and the weight of the result. */
enum { WEIGHTS = INPUTS, BIAS = 2 * INPUTS, OUT, OPERANDS };

static void list_operands(const tg_multihead_layer *layer, const tg_tensor *in, tg_tensor all[OPERANDS]) {
    bool            joined = !tg_is_none(layer->in_proj_weight);
    const tg_tensor weights[] = {joined ? layer->in_proj_weight : layer->q_proj_weight, layer->k_proj_weight,
                                 layer->v_proj_weight};
    for (int i = 0; i < INPUTS; i++) {
        all[i] = in[i];
        all[WEIGHTS + i] = weights[i];
    }
    all[BIAS] = layer->in_proj_bias;
    all[OUT] = layer->out_proj.weight;
}

/* Input i is (..., length, features), with the features that its weight is for. */
static tg_status check_input(const tg_operands *o, const tg_multihead_layer *layer, int i) {
    static const char *const roles[] = {"q", "k", "v"};
    int                      w = tg_is_none(layer->in_proj_weight) ? WEIGHTS + i : WEIGHTS;
    const tg_type           *x = &o->type[i];
    if (tgi_check_weight(o, w, 2)) return tg_error_status(o->tape);
    if (x->rank < 2 || x->rank >= TG_MAX_RANK)
        return tg_refuse_operands(o, TG_ERR_SHAPE, "%s is not (..., length, features)", roles[i]);
    if (x->dims[x->rank - 1] == o->type[w].dims[1]) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "%s has %" PRId64 " features, not %" PRId64, roles[i], x->dims[x->rank - 1],
                              o->type[w].dims[1]);
}

static tg_status check(tg_operands *o, char text[TGI_LAYER_TEXT], const tg_multihead_layer *layer, const tg_tensor *in) {
    tg_tensor all[OPERANDS];
    list_operands(layer, in, all);
    tgi_layer_text(text, "multihead_attention", all[WEIGHTS]);
    if (tg_check_operands(o, text, WEIGHTS + 1, OPERANDS, all) || tg_check_floating(o, OPERANDS))
        return tg_error_status(o->tape);
    for (int i = 0; i < INPUTS; i++)
        if (check_input(o, layer, i)) return tg_error_status(o->tape);
    int64_t rows = o->type[WEIGHTS].dims[0], size = tg_is_none(layer->in_proj_weight) ? rows : rows / 3;
    if (check_heads(o->tape, text, size, layer->heads) || tg_check_shape(o, OUT, "out_proj.weight", TG_SHAPE(size, size)))
        return tg_error_status(o->tape);
    return tg_check_shape(o, BIAS, "in_proj_bias", TG_SHAPE(3 * size));
}

tg_tensor(tg_apply_multihead_attention)(tg_multihead_layer layer, tg_tensor q, tg_tensor k, tg_tensor v,
                                        const tg_attend_options *options) {
    static const tg_attend_options usual;
    const tg_tensor                in[INPUTS] = {q, k, v};
    char                           text[TGI_LAYER_TEXT];
    tg_operands                    o;
    if (check(&o, text, &layer, in)) return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, "multihead_attention");
    return tg_end_scope_with(scope, attend(&layer, in, options ? options : &usual));
}
