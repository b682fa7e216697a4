/* tapegrad/layers.h: layers: a few tensors and a function. Linear layers, embeddings, convolutions, normalisations. Recurrent
 * layers are in tapegrad/recurrent.h, attention and transformers in tapegrad/transformer.h.
 *
 * A layer is a small struct of tensors and numbers. tg_new_linear and its like record its parameters, tg_apply_linear and its like
 * record what it makes of an operand:
 *
 *     tg_linear_layer hidden = tg_new_linear(tape, "hidden", 2, 32, NULL);
 *     tg_linear_layer out = tg_new_linear(tape, "out", 32, 1, NULL);
 *     tg_tensor       y = tg_apply_linear(out, tg_tanh(tg_apply_linear(hidden, x)));
 *
 * The struct is copied like an int, and nothing of it is freed. Its members may be read, and replaced: out.weight = table.weight
 * ties two weights. A layer that is applied twice shares its weights. What has no tensors has no struct: activations, tg_dropout and
 * pooling are layers as they are. docs/models.md shows how models are made of these, and layers of one's own.
 *
 * Names. The parameters of the layer "encoder.0.fc1" are "encoder.0.fc1.weight" and "encoder.0.fc1.bias": names, shapes and order
 * of axes are those of PyTorch's state_dict. Each function says which there are. A name of NULL leaves out "encoder.0.fc1.".
 * TG_ERR_NAME for an empty name, for one that is too long, and for one that is taken.
 *
 * Initial values. They are PyTorch's: after tg_seed(tape, s) the layers of a model have the weights that PyTorch's have after
 * torch.manual_seed(s), when they are made in the same order. So make each layer in a statement of its own: C does not say in which
 * order the members of an initialiser are evaluated. Record layers outside of parts and of checkpointed functions, and apply them
 * anywhere.
 *
 * Training. What differs between training and evaluation has an argument `training`, and what is recorded with it stays so: a program
 * that does both records its model twice, in two parts (tg_begin_part) or one after the other, with the same layers.
 *
 * Errors. A layer checks its operand, and names itself: "linear 'encoder.0.fc1': (100, 3) x (32, 2) x (32): ...". TG_ERR_SHAPE and
 * TG_ERR_DTYPE for what does not fit, TG_ERR_ARGUMENT for options out of range. After an error the tensors of a new layer are errors
 * wherever they are used.
 *
 * Options. NULL stands for a struct of options that are all 0: float32, and PyTorch's defaults, but for dropout, which is 0.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_LAYERS_H
#define TAPEGRAD_LAYERS_H
#pragma GCC system_header

#include <tapegrad/conv.h>
#include <tapegrad/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* A text made as by printf, for names in loops; it is valid to the end of the statement:
 *     for (int i = 0; i < 6; i++)
 *         layer[i] = tg_new_linear(tape, TG_FORMAT("blocks.%d.fc", i), 64, 64, NULL);
 * A text that is longer than TG_NAME_LENGTH is empty, which is an error where it is used. */
enum { TG_NAME_LENGTH = 255 };
typedef struct tg_text {
    char text[TG_NAME_LENGTH + 1];
} tg_text;

tg_text tg_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define TG_FORMAT(...) (tg_format(__VA_ARGS__).text)

/* ---- linear ------------------------------------------------------------------------------------------------------ */

/* Of linear layers and convolutions. */
typedef struct tg_layer_options {
    tg_dtype dtype;
    bool     no_bias;
} tg_layer_options;

/* x weight^T + bias: (..., in) gives (..., out). "weight" is (out, in), "bias" is (out); both start uniform within 1 / sqrt(in). */
typedef struct tg_linear_layer {
    tg_tensor weight, bias; /* the bias may be TG_NONE, here and below */
} tg_linear_layer;

tg_linear_layer tg_new_linear(tg_tape *tape, const char *name, int64_t in, int64_t out, const tg_layer_options *options);
tg_tensor       tg_apply_linear(tg_linear_layer layer, tg_tensor x);

/* ---- embedding --------------------------------------------------------------------------------------------------- */

/* The rows of "weight", which is (count, size), with the given indices: int64 of any shape (...) gives (..., size). They start
 * standard normal. The row `padding`, if it is not negative, starts with 0, and gets no gradient. An index that is out of range fails
 * the run (TG_ERR_INDEX). */
enum { TG_NO_PADDING = -1 };
typedef struct tg_embedding_layer {
    tg_tensor weight;
    int64_t   padding;
} tg_embedding_layer;

tg_embedding_layer tg_new_embedding(tg_tape *tape, const char *name, int64_t count, int64_t size, int64_t padding,
                                    tg_dtype dtype);
tg_tensor          tg_apply_embedding(tg_embedding_layer layer, tg_tensor index);

/* ---- convolution ------------------------------------------------------------------------------------------------- */

/* The convolutions of tapegrad/conv.h, which says what the options do. "weight" is (out, in / groups, kernel), or for the transposed
 * ones (in, out / groups, kernel), and "bias" is (out); both start uniform within 1 / sqrt(fan in). */
typedef struct tg_conv_layer {
    tg_tensor       weight, bias;
    tg_conv_options conv;
    bool            transposed;
} tg_conv_layer;

tg_conv_layer tg_new_conv1d(tg_tape *tape, const char *name, int64_t in, int64_t out, int64_t kernel,
                            const tg_conv_options *conv, const tg_layer_options *options);
tg_conv_layer tg_new_conv2d(tg_tape *tape, const char *name, int64_t in, int64_t out, int64_t height, int64_t width,
                            const tg_conv_options *conv, const tg_layer_options *options);
tg_conv_layer tg_new_conv3d(tg_tape *tape, const char *name, int64_t in, int64_t out, int64_t depth, int64_t height,
                            int64_t width, const tg_conv_options *conv, const tg_layer_options *options);
tg_conv_layer tg_new_conv_transpose1d(tg_tape *tape, const char *name, int64_t in, int64_t out, int64_t kernel,
                                      const tg_conv_options *conv, const tg_layer_options *options);
tg_conv_layer tg_new_conv_transpose2d(tg_tape *tape, const char *name, int64_t in, int64_t out, int64_t height, int64_t width,
                                      const tg_conv_options *conv, const tg_layer_options *options);
tg_conv_layer tg_new_conv_transpose3d(tg_tape *tape, const char *name, int64_t in, int64_t out, int64_t depth, int64_t height,
                                      int64_t width, const tg_conv_options *conv, const tg_layer_options *options);

/* Of all six. */
tg_tensor tg_apply_conv(tg_conv_layer layer, tg_tensor x);

/* ---- normalisations ---------------------------------------------------------------------------------------------- */

typedef struct tg_norm_options {
    tg_dtype dtype;
    bool     no_bias, no_weight; /* no weight means no bias either */
    double   eps;                /* 0 means PyTorch's: 1e-5, and for rms_norm FLT_EPSILON or DBL_EPSILON */
    double   momentum;           /* batch norm only; 0 means 0.1 */
    bool     no_statistics;      /* batch norm only: statistics of the batch in evaluation too */
} tg_norm_options;

/* tg_layer_norm and tg_rms_norm over the last axes, which have this shape, that of "weight" and "bias"; and tg_group_norm, with one
 * element a channel. rms_norm has no bias. Weights start with 1, biases with 0. */
typedef enum tg_norm_kind { TG_LAYER_NORM, TG_RMS_NORM, TG_GROUP_NORM } tg_norm_kind;
typedef struct tg_norm_layer {
    tg_norm_kind kind;
    tg_tensor    weight, bias;
    tg_shape     shape;  /* layer_norm and rms_norm */
    int64_t      groups; /* group_norm */
    double       eps;
} tg_norm_layer;

tg_norm_layer tg_new_layer_norm(tg_tape *tape, const char *name, tg_shape shape, const tg_norm_options *options);
tg_norm_layer tg_new_rms_norm(tg_tape *tape, const char *name, tg_shape shape, const tg_norm_options *options);
tg_norm_layer tg_new_group_norm(tg_tape *tape, const char *name, int64_t groups, int64_t channels,
                                const tg_norm_options *options);

/* Of all three. */
tg_tensor tg_apply_norm(tg_norm_layer layer, tg_tensor x);

/* tg_batch_norm, for (batch, channels, ...) with any number of axes. "weight" and "bias" as above. The inputs "running_mean" and
 * "running_var", which start with 0 and 1, and "num_batches_tracked", an int64 of rank 0, are overwritten in each run of what was
 * recorded for training, and are what evaluation goes by. */
typedef struct tg_batch_norm_layer {
    tg_tensor weight, bias, running_mean, running_var, num_batches_tracked;
    double    momentum, eps;
} tg_batch_norm_layer;

tg_batch_norm_layer tg_new_batch_norm(tg_tape *tape, const char *name, int64_t channels, const tg_norm_options *options);
tg_tensor           tg_apply_batch_norm(tg_batch_norm_layer layer, tg_tensor x, bool training);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_new_linear(tape, ...) TG_TAPE_CALL(tg_new_linear, tape, __VA_ARGS__)
#define tg_new_embedding(tape, ...) TG_TAPE_CALL(tg_new_embedding, tape, __VA_ARGS__)
#define tg_new_conv1d(tape, ...) TG_TAPE_CALL(tg_new_conv1d, tape, __VA_ARGS__)
#define tg_new_conv2d(tape, ...) TG_TAPE_CALL(tg_new_conv2d, tape, __VA_ARGS__)
#define tg_new_conv3d(tape, ...) TG_TAPE_CALL(tg_new_conv3d, tape, __VA_ARGS__)
#define tg_new_conv_transpose1d(tape, ...) TG_TAPE_CALL(tg_new_conv_transpose1d, tape, __VA_ARGS__)
#define tg_new_conv_transpose2d(tape, ...) TG_TAPE_CALL(tg_new_conv_transpose2d, tape, __VA_ARGS__)
#define tg_new_conv_transpose3d(tape, ...) TG_TAPE_CALL(tg_new_conv_transpose3d, tape, __VA_ARGS__)
#define tg_new_layer_norm(tape, ...) TG_TAPE_CALL(tg_new_layer_norm, tape, __VA_ARGS__)
#define tg_new_rms_norm(tape, ...) TG_TAPE_CALL(tg_new_rms_norm, tape, __VA_ARGS__)
#define tg_new_group_norm(tape, ...) TG_TAPE_CALL(tg_new_group_norm, tape, __VA_ARGS__)
#define tg_new_batch_norm(tape, ...) TG_TAPE_CALL(tg_new_batch_norm, tape, __VA_ARGS__)

static inline tg_tensor tgi_apply_linear(tg_tensor x, tg_linear_layer layer) {
    return tg_apply_linear(layer, x);
}
static inline tg_tensor tgi_apply_embedding(tg_tensor index, tg_embedding_layer layer) {
    return tg_apply_embedding(layer, index);
}
static inline tg_tensor tgi_apply_conv(tg_tensor x, tg_conv_layer layer) {
    return tg_apply_conv(layer, x);
}
static inline tg_tensor tgi_apply_norm(tg_tensor x, tg_norm_layer layer) {
    return tg_apply_norm(layer, x);
}
static inline tg_tensor tgi_apply_batch_norm(tg_tensor x, tg_batch_norm_layer layer, bool training) {
    return tg_apply_batch_norm(layer, x, training);
}
#define tg_apply_linear(layer, x) TG_CALL1_WITH(tgi_apply_linear, x, layer)
#define tg_apply_embedding(layer, index) TG_CALL1_WITH(tgi_apply_embedding, index, layer)
#define tg_apply_conv(layer, x) TG_CALL1_WITH(tgi_apply_conv, x, layer)
#define tg_apply_norm(layer, x) TG_CALL1_WITH(tgi_apply_norm, x, layer)
#define tg_apply_batch_norm(layer, x, ...) TG_CALL1_WITH(tgi_apply_batch_norm, x, layer, __VA_ARGS__)

#endif
