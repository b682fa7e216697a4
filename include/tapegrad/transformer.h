/* tapegrad/transformer.h: attention with several heads, the layers of transformers, and encodings of positions.
 *
 * They are those of PyTorch with batch_first=True, in all that tapegrad/layers.h says of layers: sequences are (batch, length,
 * features), or (length, features). The attention inside is tg_scaled_dot_product_attention (tapegrad/nn.h), whose masks are the
 * opposite of those of PyTorch's layers: a bool mask is true where a query attends to a key. A mask broadcasts to (batch, heads,
 * queries, keys). Which elements of the sequences are there, (batch, keys), is a mask as
 *     tg_reshape(there, TG_SHAPE(batch, 1, 1, keys))
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_TRANSFORMER_H
#define TAPEGRAD_TRANSFORMER_H
#pragma GCC system_header

#include <tapegrad/layers.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* How a layer attends. Every member may be 0; NULL means all 0. */
typedef struct tg_attend_options {
    tg_tensor mask;        /* left out, or TG_NONE: none */
    tg_tensor memory_mask; /* the same for what a decoder attends to */
    bool      causal;      /* query i attends to keys 0, ..., i only; in a decoder, of its own sequence */
    bool      training;    /* there is dropout */
} tg_attend_options;

/* ---- attention --------------------------------------------------------------------------------------------------- */

typedef struct tg_multihead_options {
    tg_dtype dtype;
    bool     no_bias;
    double   dropout;              /* of the weights of attention, in training */
    int64_t  key_size, value_size; /* the features of keys and of values; 0 means as many as of queries */
} tg_multihead_options;

/* Queries, keys and values are multiplied by weights of their own, divided into heads of size / heads features each, attended to by
 * head, put together again, and multiplied by "out_proj.weight" (size, size), with the bias "out_proj.bias". "in_proj_weight" (3
 * size, size) has the weights of queries, keys and values one below the other, and "in_proj_bias" (3 size) their biases. With another
 * key_size or value_size there are "q_proj_weight", "k_proj_weight" and "v_proj_weight" in its place. `heads` divides `size`
 * (TG_ERR_SHAPE). PyTorch's need_weights, add_bias_kv and add_zero_attn are not there. */
typedef struct tg_multihead_layer {
    int64_t         heads;
    double          dropout;
    tg_tensor       in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight, in_proj_bias; /* TG_NONE where there is none */
    tg_linear_layer out_proj;
} tg_multihead_layer;

tg_multihead_layer tg_new_multihead_attention(tg_tape *tape, const char *name, int64_t size, int64_t heads,
                                              const tg_multihead_options *options);

/* (..., queries, size): for q (..., queries, size), k (..., keys, key size) and v (..., keys, value size). */
tg_tensor tg_apply_multihead_attention(tg_multihead_layer layer, tg_tensor q, tg_tensor k, tg_tensor v,
                                       const tg_attend_options *options);

/* ---- layers of transformers -------------------------------------------------------------------------------------- */

/* (A. Vaswani et al., "Attention is all you need", 2017.) */
typedef struct tg_transformer_options {
    tg_dtype dtype;
    bool     no_bias;
    bool     norm_first;                /* each part is given the normalised x, where else its sum with x is normalised */
    int64_t  feedforward;               /* the size between the two linear layers; 0 means 2048 */
    double   dropout;                   /* in training; PyTorch's is 0.1 */
    double   eps;                       /* 0 means 1e-5 */
    tg_tensor (*activation)(tg_tensor); /* tg_gelu, say; NULL means relu */
} tg_transformer_options;

/* x + attention, then x + feed forward, each with a layer norm: the parts "self_attn", "linear1", "linear2", "norm1", "norm2". */
typedef struct tg_encoder_layer {
    tg_multihead_layer self_attn;
    tg_linear_layer    linear1, linear2;
    tg_norm_layer      norm1, norm2;
    bool               norm_first;
    double             dropout;
    tg_tensor (*activation)(tg_tensor);
} tg_encoder_layer;

tg_encoder_layer tg_new_encoder_layer(tg_tape *tape, const char *name, int64_t size, int64_t heads,
                                      const tg_transformer_options *options);
tg_tensor        tg_apply_encoder_layer(tg_encoder_layer layer, tg_tensor x, const tg_attend_options *options);

/* The same with attention to a memory, what an encoder gave, in between: also the parts "multihead_attn" and "norm3". */
typedef struct tg_decoder_layer {
    tg_multihead_layer self_attn, multihead_attn;
    tg_linear_layer    linear1, linear2;
    tg_norm_layer      norm1, norm2, norm3;
    bool               norm_first;
    double             dropout;
    tg_tensor (*activation)(tg_tensor);
} tg_decoder_layer;

tg_decoder_layer tg_new_decoder_layer(tg_tape *tape, const char *name, int64_t size, int64_t heads,
                                      const tg_transformer_options *options);
tg_tensor tg_apply_decoder_layer(tg_decoder_layer layer, tg_tensor x, tg_tensor memory, const tg_attend_options *options);

/* ---- stacks of layers -------------------------------------------------------------------------------------------- */

/* Fill an array of `count` layers, "layers.0" and so on, which start with the same weights, as those of PyTorch's
 * nn.TransformerEncoder and nn.TransformerDecoder do: these copy one layer. For layers that start with weights of their own, call
 * tg_new_encoder_layer for each. The normalisation "norm" after the last layer, which these modules may have, is a layer norm to be
 * made and applied after the stack. */
tg_status tg_new_encoder(tg_tape *tape, const char *name, int64_t size, int64_t heads, const tg_transformer_options *options,
                         int count, tg_encoder_layer *layers);
tg_status tg_new_decoder(tg_tape *tape, const char *name, int64_t size, int64_t heads, const tg_transformer_options *options,
                         int count, tg_decoder_layer *layers);

/* One layer after the other, each with these options. Of no layers: x. */
tg_tensor tg_apply_encoder(int count, const tg_encoder_layer *layers, tg_tensor x, const tg_attend_options *options);
tg_tensor tg_apply_decoder(int count, const tg_decoder_layer *layers, tg_tensor x, tg_tensor memory,
                           const tg_attend_options *options);

/* ---- positions --------------------------------------------------------------------------------------------------- */

/* The constant (length, size) that the paper above adds to embeddings: at position p the features 2 i and 2 i + 1 are the sine and the
 * cosine of p / 10000^(2 i / size). Positions that are learned are an embedding of tg_arange(tape, TG_I64, 0, length, 1). */
tg_tensor tg_positional_encoding(tg_tape *tape, tg_dtype dtype, int64_t length, int64_t size);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_new_multihead_attention(tape, ...) TG_TAPE_CALL(tg_new_multihead_attention, tape, __VA_ARGS__)
#define tg_new_encoder_layer(tape, ...) TG_TAPE_CALL(tg_new_encoder_layer, tape, __VA_ARGS__)
#define tg_new_decoder_layer(tape, ...) TG_TAPE_CALL(tg_new_decoder_layer, tape, __VA_ARGS__)
#define tg_new_encoder(tape, ...) TG_TAPE_CALL(tg_new_encoder, tape, __VA_ARGS__)
#define tg_new_decoder(tape, ...) TG_TAPE_CALL(tg_new_decoder, tape, __VA_ARGS__)
#define tg_positional_encoding(tape, ...) TG_TAPE_CALL(tg_positional_encoding, tape, __VA_ARGS__)

static inline tg_tensor tgi_apply_multihead_attention(tg_tensor q, tg_tensor k, tg_tensor v, tg_multihead_layer layer,
                                                      const tg_attend_options *options) {
    return tg_apply_multihead_attention(layer, q, k, v, options);
}
static inline tg_tensor tgi_apply_encoder_layer(tg_tensor x, tg_encoder_layer layer, const tg_attend_options *options) {
    return tg_apply_encoder_layer(layer, x, options);
}
static inline tg_tensor tgi_apply_decoder_layer(tg_tensor x, tg_tensor memory, tg_decoder_layer layer,
                                                const tg_attend_options *options) {
    return tg_apply_decoder_layer(layer, x, memory, options);
}
static inline tg_tensor tgi_apply_encoder(tg_tensor x, int count, const tg_encoder_layer *layers,
                                          const tg_attend_options *options) {
    return tg_apply_encoder(count, layers, x, options);
}
static inline tg_tensor tgi_apply_decoder(tg_tensor x, tg_tensor memory, int count, const tg_decoder_layer *layers,
                                          const tg_attend_options *options) {
    return tg_apply_decoder(count, layers, x, memory, options);
}
#define tg_apply_multihead_attention(layer, q, k, v, ...) \
    TG_CALL3_WITH(tgi_apply_multihead_attention, q, k, v, layer, __VA_ARGS__)
#define tg_apply_encoder_layer(layer, x, ...) TG_CALL1_WITH(tgi_apply_encoder_layer, x, layer, __VA_ARGS__)
#define tg_apply_decoder_layer(layer, x, memory, ...) TG_CALL2_WITH(tgi_apply_decoder_layer, x, memory, layer, __VA_ARGS__)
#define tg_apply_encoder(count, layers, x, ...) TG_CALL1_WITH(tgi_apply_encoder, x, count, layers, __VA_ARGS__)
#define tg_apply_decoder(count, layers, x, memory, ...) TG_CALL2_WITH(tgi_apply_decoder, x, memory, count, layers, __VA_ARGS__)

#endif
