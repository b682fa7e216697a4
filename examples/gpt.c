/* examples/gpt.c: the transformer.
 *
 * Each place attends to itself and those before it. While a text is being written there is one place, and a cache of the keys and values
 * of those before it.
 *
 * SPDX-License-Identifier: MIT */
#include "gpt.h"

#include <inttypes.h>
#include <string.h>

#include "complain.h"

bool gpt_check(const gpt_options *o) {
    if (o->layers > GPT_MOST_LAYERS) return complain("--layers: at most %d", GPT_MOST_LAYERS);
    if (o->context > GPT_MOST_CONTEXT) return complain("--context: at most %d", GPT_MOST_CONTEXT);
    return o->width % o->heads == 0 ||
           complain("--width: %" PRId64 " features are not divided into %" PRId64 " heads", o->width, o->heads);
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

static gpt_block new_block(tg_tape *tape, int i, const gpt_options *o) {
    gpt_block b;
    b.norm1 = tg_new_layer_norm(tape, TG_FORMAT("h.%d.ln_1", i), TG_SHAPE(o->width), NULL);
    b.attention = tg_new_linear(tape, TG_FORMAT("h.%d.attn.c_attn", i), o->width, 3 * o->width, NULL);
    b.projection = tg_new_linear(tape, TG_FORMAT("h.%d.attn.c_proj", i), o->width, o->width, NULL);
    b.norm2 = tg_new_layer_norm(tape, TG_FORMAT("h.%d.ln_2", i), TG_SHAPE(o->width), NULL);
    b.up = tg_new_linear(tape, TG_FORMAT("h.%d.mlp.c_fc", i), o->width, 4 * o->width, NULL);
    b.down = tg_new_linear(tape, TG_FORMAT("h.%d.mlp.c_proj", i), 4 * o->width, o->width, NULL);
    b.keys = tg_input(tape, NULL, TG_F32, TG_SHAPE(o->context, o->heads, o->width / o->heads));
    b.values = tg_input(tape, NULL, TG_F32, TG_SHAPE(o->context, o->heads, o->width / o->heads));
    return b;
}

/* GPT-2 starts with matrices that are normal with the deviation 0.02, and with biases of 0. */
static void start_as_gpt2(tg_tape *tape) {
    for (int64_t i = 0; i < tg_parameter_count(tape); i++) {
        tg_tensor   w = tg_parameter_at(tape, i);
        const char *dot = strrchr(tg_name(w), '.');
        if (tg_shape_of(w).rank == 2) tg_assign(w, tg_normal(tape, TG_F32, tg_shape_of(w), 0, 0.02));
        if (!strcmp(dot, ".bias")) tg_assign(w, 0);
    }
}

gpt gpt_new(tg_tape *tape, int64_t kinds, const gpt_options *o, double dropout) {
    gpt m = {.o = *o, .dropout = dropout};
    m.tokens = tg_new_embedding(tape, "wte", kinds, o->width, TG_NO_PADDING, TG_F32);
    m.positions = tg_new_embedding(tape, "wpe", o->context, o->width, TG_NO_PADDING, TG_F32);
    for (int i = 0; i < o->layers; i++)
        m.blocks[i] = new_block(tape, i, o);
    m.norm = tg_new_layer_norm(tape, "ln_f", TG_SHAPE(o->width), NULL);
    m.scores = tg_new_linear(tape, "lm_head", o->width, kinds, &(tg_layer_options){.no_bias = true});
    start_as_gpt2(tape);
    return m;
}

/* ---- the model --------------------------------------------------------------------------------------------------- */

/* x is (batch, length, width). Without a position each place attends to itself and those before it; else there is one place, at that
 * position of the text that is being written, which attends to what is in the cache. */
static tg_tensor attend(const gpt *m, const gpt_block *b, tg_tensor x, tg_tensor position) {
    tg_shape  shape = tg_shape_of(x), heads = TG_SHAPE(shape.dims[0], shape.dims[1], m->o.heads, m->o.width / m->o.heads);
    tg_tensor part[3], mask = TG_NONE;
    tg_chunk(tg_apply_linear(b->attention, x), 2, 3, part);
    tg_tensor q = tg_reshape(part[0], heads), k = tg_reshape(part[1], heads), v = tg_reshape(part[2], heads);
    if (!tg_is_none(position)) {
        tg_assign_at(b->keys, TG_LIST(position), tg_squeeze_axes(k, TG_AXES(0, 1)));
        tg_assign_at(b->values, TG_LIST(position), tg_squeeze_axes(v, TG_AXES(0, 1)));
        k = tg_unsqueeze(b->keys, 0);
        v = tg_unsqueeze(b->values, 0);
        mask = tg_le(tg_arange(x.tape, TG_I64, 0, (double)m->o.context, 1), position);
    }
    tg_tensor y = tg_scaled_dot_product_attention(tg_transpose(q, 1, 2), tg_transpose(k, 1, 2), tg_transpose(v, 1, 2), mask,
                                                  &(tg_attention_options){.causal = tg_is_none(position)});
    return tg_apply_linear(b->projection, tg_reshape(tg_transpose(y, 1, 2), shape));
}

tg_tensor gpt_scores(const gpt *m, tg_tensor characters, tg_tensor position, bool training) {
    double    dropout = m->dropout, length = (double)tg_shape_of(characters).dims[1];
    tg_tensor places = tg_is_none(position) ? tg_arange(characters.tape, TG_I64, 0, length, 1) : position;
    tg_tensor x = tg_add(tg_apply_embedding(m->tokens, characters), tg_apply_embedding(m->positions, places));
    x = tg_dropout(x, dropout, training);
    for (int i = 0; i < m->o.layers; i++) {
        const gpt_block *b = &m->blocks[i];
        x = tg_add(x, tg_dropout(attend(m, b, tg_apply_norm(b->norm1, x), position), dropout, training));
        tg_tensor y = tg_gelu(tg_apply_linear(b->up, tg_apply_norm(b->norm2, x)));
        x = tg_add(x, tg_dropout(tg_apply_linear(b->down, y), dropout, training));
    }
    return tg_apply_linear(m->scores, tg_apply_norm(m->norm, x));
}

tg_tensor gpt_loss(const gpt *m, tg_tensor characters, tg_tensor next, bool training) {
    tg_tensor scores = gpt_scores(m, characters, TG_NONE, training);
    return tg_cross_entropy(tg_flatten(scores, 0, 1), tg_flatten(next, 0, 1), NULL);
}
