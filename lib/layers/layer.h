/* layers/layer.h: what the files of this directory share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_LAYERS_LAYER_H
#define TGI_LAYERS_LAYER_H

#include "core/inside.h"

/* ---- making a layer: between tgi_begin_layer and tgi_end_layer its tensors are recorded ------------------------------ */

typedef struct tgi_layer {
    tg_tape    *tape;
    const char *name; /* what the names of its tensors begin with; NULL for nothing */
    tg_dtype    dtype;
    tg_scope    scope;
} tgi_layer;

/* `kind` stands for the function in errors, and must live as long as the tape. */
tgi_layer tgi_begin_layer(tg_tape *tape, const char *kind, const char *name, tg_dtype dtype);
void      tgi_end_layer(const tgi_layer *layer);

/* The parameter NAME.role with that initial value; an input that starts with that value, which has any dtype. */
tg_tensor tgi_add_parameter(const tgi_layer *layer, const char *role, tg_tensor init);
tg_tensor tgi_add_buffer(const tgi_layer *layer, const char *role, tg_tensor init);

/* The name of the layer's part of that role. */
tg_text tgi_part_name(const char *name, const char *part);

/* The product of two sizes, for a shape: where it overflows one that is too large for any. Negative sizes stay negative. */
int64_t tgi_times(int64_t count, int64_t size);

/* Zeros, or ones, in the layer's dtype. */
tg_tensor tgi_filled(const tgi_layer *layer, int64_t size, double value);

/* PyTorch's usual weight, uniform within 1 / sqrt(fan in), and its bias of that many elements. */
tg_tensor tgi_usual_weight(const tgi_layer *layer, tg_shape shape);
tg_tensor tgi_usual_bias(const tgi_layer *layer, tg_shape weight, int64_t size);

/* ---- applying a layer -------------------------------------------------------------------------------------------- */

/* What errors call a layer, by one of its parameters: "linear 'encoder.fc1'" for encoder.fc1.weight. */
enum { TGI_LAYER_TEXT = TG_NAME_LENGTH + 64 };
const char *tgi_layer_text(char text[TGI_LAYER_TEXT], const char *kind, tg_tensor parameter);

/* x w^T + bias over the last axis of x, for what has been checked. */
tg_tensor tgi_project(tg_tensor x, tg_tensor w, tg_tensor bias);

/* Operand i, a weight, has that many axes. */
tg_status tgi_check_weight(const tg_operands *o, int i, int rank);

/* Operand 0 of a layer has at least `rank` axes, of which the last has that size. */
tg_status tgi_check_features(const tg_operands *o, int rank, int64_t size);

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* The constant that has the value of x, which is computed on a tape of its own; that tape is freed. */
tg_tensor tgi_constant_of(tg_tape *tape, const char *name, tg_tape *work, tg_tensor x);

#endif
