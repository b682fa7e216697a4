/* layers/transformer.c: the layers of transformers, made of other layers; stacks of them; encodings of positions.
 *
 * The scopes here have no name, so that errors name the layer inside that they come from.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>

#include "layers/layer.h"

static const tg_transformer_options usual;
static const tg_attend_options      plainly;

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* What encoder and decoder layers are made of. */
typedef struct maker {
    tg_tape                      *tape;
    const char                   *name;
    int64_t                       size, heads;
    const tg_transformer_options *options;
} maker;

static tg_multihead_layer new_attention(const maker *m, const char *part) {
    const tg_transformer_options *o = m->options;
    return tg_new_multihead_attention(m->tape, tgi_part_name(m->name, part).text, m->size, m->heads,
                                      &(tg_multihead_options){.dtype = o->dtype, .no_bias = o->no_bias, .dropout = o->dropout});
}

static tg_linear_layer new_linear(const maker *m, const char *part, bool widens) {
    int64_t                wide = m->options->feedforward ? m->options->feedforward : 2048;
    const tg_layer_options options = {.dtype = m->options->dtype, .no_bias = m->options->no_bias};
    return tg_new_linear(m->tape, tgi_part_name(m->name, part).text, widens ? m->size : wide, widens ? wide : m->size,
                         &options);
}

static tg_norm_layer new_norm(const maker *m, const char *part) {
    const tg_norm_options options = {.dtype = m->options->dtype, .no_bias = m->options->no_bias, .eps = m->options->eps};
    return tg_new_layer_norm(m->tape, tgi_part_name(m->name, part).text, TG_SHAPE(m->size), &options);
}

tg_encoder_layer(tg_new_encoder_layer)(tg_tape *tape, const char *name, int64_t size, int64_t heads,
                                       const tg_transformer_options *options) {
    if (!options) options = &usual;
    const maker      m = {tape, name, size, heads, options};
    tg_scope         scope = tg_begin_scope(tape, NULL);
    tg_encoder_layer y = {.norm_first = options->norm_first, .dropout = options->dropout, .activation = options->activation};
    y.self_attn = new_attention(&m, "self_attn");
    y.linear1 = new_linear(&m, "linear1", true);
    y.linear2 = new_linear(&m, "linear2", false);
    y.norm1 = new_norm(&m, "norm1");
    y.norm2 = new_norm(&m, "norm2");
    tg_end_scope(scope);
    return y;
}

tg_decoder_layer(tg_new_decoder_layer)(tg_tape *tape, const char *name, int64_t size, int64_t heads,
                                       const tg_transformer_options *options) {
    if (!options) options = &usual;
    const maker      m = {tape, name, size, heads, options};
    tg_scope         scope = tg_begin_scope(tape, NULL);
    tg_decoder_layer y = {.norm_first = options->norm_first, .dropout = options->dropout, .activation = options->activation};
    y.self_attn = new_attention(&m, "self_attn");
    y.multihead_attn = new_attention(&m, "multihead_attn");
    y.linear1 = new_linear(&m, "linear1", true);
    y.linear2 = new_linear(&m, "linear2", false);
    y.norm1 = new_norm(&m, "norm1");
    y.norm2 = new_norm(&m, "norm2");
    y.norm3 = new_norm(&m, "norm3");
    tg_end_scope(scope);
    return y;
}

/* ---- applying ---------------------------------------------------------------------------------------------------- */

/* A part of a layer with its normalisation: x + part(norm(x)), or norm(x + part(x)). */
static tg_tensor before(tg_norm_layer norm, bool norm_first, tg_tensor x) {
    return norm_first ? tg_apply_norm(norm, x) : x;
}

static tg_tensor after(tg_norm_layer norm, bool norm_first, tg_tensor x, tg_tensor y) {
    tg_tensor sum = tg_add(x, y);
    return norm_first ? sum : tg_apply_norm(norm, sum);
}

/* Dropout after attention. PyTorch draws for (length, batch, features), which is how its attention leaves them in memory. */
static tg_tensor dropped(tg_tensor y, double p, bool training) {
    if (!tg_valid(y) || tg_shape_of(y).rank < 3) return tg_dropout(y, p, training);
    return tg_transpose(tg_dropout(tg_transpose(y, -2, -3), p, training), -2, -3);
}

static tg_tensor activated(tg_tensor (*activation)(tg_tensor), tg_tensor x) {
    if (!activation) return tg_relu(x);
    tg_callback callback = tg_begin_callback(tg_tape_of(x), "an activation");
    tg_tensor   y = activation(x);
    return tg_end_callback(callback) ? tg_invalid(callback.tape) : y;
}

static tg_tensor feed_forward(tg_linear_layer linear1, tg_linear_layer linear2, tg_tensor (*activation)(tg_tensor),
                              double dropout, tg_tensor x, bool training) {
    tg_tensor wide = activated(activation, tg_apply_linear(linear1, x));
    return tg_dropout(tg_apply_linear(linear2, tg_dropout(wide, dropout, training)), dropout, training);
}

tg_tensor(tg_apply_encoder_layer)(tg_encoder_layer layer, tg_tensor x, const tg_attend_options *options) {
    if (!options) options = &plainly;
    const bool first = layer.norm_first, training = options->training;
    tg_scope   scope = tg_begin_scope(tg_tape_of(x), NULL);
    tg_tensor  h = before(layer.norm1, first, x);
    h = tg_apply_multihead_attention(layer.self_attn, h, h, h, options);
    x = after(layer.norm1, first, x, dropped(h, layer.dropout, training));
    h = feed_forward(layer.linear1, layer.linear2, layer.activation, layer.dropout, before(layer.norm2, first, x), training);
    return tg_end_scope_with(scope, after(layer.norm2, first, x, h));
}

tg_tensor(tg_apply_decoder_layer)(tg_decoder_layer layer, tg_tensor x, tg_tensor memory, const tg_attend_options *options) {
    if (!options) options = &plainly;
    const bool              first = layer.norm_first, training = options->training;
    const tg_attend_options to_memory = {.mask = options->memory_mask, .training = training};
    tg_scope                scope = tg_begin_scope(tg_tape_of(x), NULL);
    tg_tensor               h = before(layer.norm1, first, x);
    h = tg_apply_multihead_attention(layer.self_attn, h, h, h, options);
    x = after(layer.norm1, first, x, dropped(h, layer.dropout, training));
    h = tg_apply_multihead_attention(layer.multihead_attn, before(layer.norm2, first, x), memory, memory, &to_memory);
    x = after(layer.norm2, first, x, dropped(h, layer.dropout, training));
    h = feed_forward(layer.linear1, layer.linear2, layer.activation, layer.dropout, before(layer.norm3, first, x), training);
    return tg_end_scope_with(scope, after(layer.norm3, first, x, h));
}

/* ---- stacks ------------------------------------------------------------------------------------------------------ */

/* Where the generator stood before the first layer, each layer starts: so all draw the same weights. */
static tg_text begin_copy(tg_tape *tape, const char *name, int i, tg_generator_state *first) {
    if (i == 0)
        tg_get_generator(tape, first);
    else
        tg_set_generator(tape, first);
    return tgi_part_name(name, TG_FORMAT("layers.%d", i));
}

static tg_status check_layers(tg_tape *tape, const char *name, int count, const void *layers) {
    if (count == 0 || (count > 0 && layers)) return TG_OK;
    return tg_fail(tape, TG_ERR_ARGUMENT, name, "%d layers, or no array of them", count);
}

tg_status(tg_new_encoder)(tg_tape *tape, const char *name, int64_t size, int64_t heads, const tg_transformer_options *options,
                          int count, tg_encoder_layer *layers) {
    tg_generator_state state;
    if (check_layers(tape, "encoder", count, layers)) return tg_error_status(tape);
    tg_scope scope = tg_begin_scope(tape, NULL);
    for (int i = 0; i < count; i++) {
        tg_text layer = begin_copy(tape, name, i, &state);
        layers[i] = tg_new_encoder_layer(tape, layer.text, size, heads, options);
    }
    return tg_end_scope(scope);
}

tg_status(tg_new_decoder)(tg_tape *tape, const char *name, int64_t size, int64_t heads, const tg_transformer_options *options,
                          int count, tg_decoder_layer *layers) {
    tg_generator_state state;
    if (check_layers(tape, "decoder", count, layers)) return tg_error_status(tape);
    tg_scope scope = tg_begin_scope(tape, NULL);
    for (int i = 0; i < count; i++) {
        tg_text layer = begin_copy(tape, name, i, &state);
        layers[i] = tg_new_decoder_layer(tape, layer.text, size, heads, options);
    }
    return tg_end_scope(scope);
}

tg_tensor(tg_apply_encoder)(int count, const tg_encoder_layer *layers, tg_tensor x, const tg_attend_options *options) {
    tg_scope scope = tg_begin_scope(tg_tape_of(x), NULL);
    if (check_layers(tg_tape_of(x), "encoder", count, layers)) return tg_end_scope_with(scope, tg_invalid(tg_tape_of(x)));
    for (int i = 0; i < count; i++)
        x = tg_apply_encoder_layer(layers[i], x, options);
    return tg_end_scope_with(scope, x);
}

tg_tensor(tg_apply_decoder)(int count, const tg_decoder_layer *layers, tg_tensor x, tg_tensor memory,
                            const tg_attend_options *options) {
    tg_scope scope = tg_begin_scope(tg_tape_of(x), NULL);
    if (check_layers(tg_tape_of(x), "decoder", count, layers)) return tg_end_scope_with(scope, tg_invalid(tg_tape_of(x)));
    for (int i = 0; i < count; i++)
        x = tg_apply_decoder_layer(layers[i], x, memory, options);
    return tg_end_scope_with(scope, x);
}

/* ---- positions --------------------------------------------------------------------------------------------------- */

tg_tensor(tg_positional_encoding)(tg_tape *tape, tg_dtype dtype, int64_t length, int64_t size) {
    static const char name[] = "positional_encoding";
    if (length < 0 || size < 0 || tg_shape_size(TG_SHAPE(length, size)) < 0) {
        tg_fail(tape, TG_ERR_SHAPE, name, "(%" PRId64 ", %" PRId64 ") is no shape", length, size);
        return tg_invalid(tape);
    }
    tg_scope  scope = tg_begin_scope(tape, name);
    tg_tape  *work = tg_tape_new();
    tg_tensor position = tg_unsqueeze(tg_arange(work, TG_F64, 0, (double)length, 1), 1);
    tg_tensor rate = tg_exp(tg_mul(tg_arange(work, TG_F64, 0, (double)size, 2), -log(10000) / (double)size));
    tg_tensor angle = tg_mul(position, rate);
    tg_tensor both = tg_flatten(tg_stack(TG_LIST(tg_sin(angle), tg_cos(angle)), -1), 1, 2);
    tg_tensor y = tg_cast(tg_slice(both, 1, 0, size, 1), dtype);
    return tg_end_scope_with(scope, tgi_constant_of(tape, name, work, y));
}
