/* layers/conv_layer.c: convolutions with weights of their own.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "layers/layer.h"

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* What the six have in common; `kernel` is the shape of one. */
static tg_conv_layer new_conv(tg_tape *tape, const char *kind, const char *name, int64_t in, int64_t out, tg_shape kernel,
                              const tg_conv_options *conv, const tg_layer_options *options, bool transposed) {
    static const tg_layer_options usual;
    if (!options) options = &usual;
    tgi_layer     layer = tgi_begin_layer(tape, kind, name, options->dtype);
    tg_conv_layer y = {.bias = TG_NONE, .transposed = transposed};
    if (conv) y.conv = *conv;
    int64_t groups = y.conv.groups ? y.conv.groups : 1;
    if (groups < 1 || in % groups != 0 || out % groups != 0)
        tg_fail(tape, TG_ERR_SHAPE, kind, "%" PRId64 " and %" PRId64 " channels are not divided into %" PRId64 " groups", in,
                out, groups);
    else {
        tg_shape shape = transposed ? TG_SHAPE(in, out / groups) : TG_SHAPE(out, in / groups);
        for (int i = 0; i < kernel.rank; i++)
            shape.dims[shape.rank++] = kernel.dims[i];
        y.weight = tgi_add_parameter(&layer, "weight", tgi_usual_weight(&layer, shape));
        if (!options->no_bias) y.bias = tgi_add_parameter(&layer, "bias", tgi_usual_bias(&layer, shape, out));
    }
    tgi_end_layer(&layer);
    return y;
}

tg_conv_layer(tg_new_conv1d)(tg_tape *tape, const char *name, int64_t in, int64_t out, int64_t kernel,
                             const tg_conv_options *conv, const tg_layer_options *options) {
    return new_conv(tape, "conv1d", name, in, out, TG_SHAPE(kernel), conv, options, false);
}

tg_conv_layer(tg_new_conv2d)(tg_tape *tape, const char *name, int64_t in, int64_t out, int64_t height, int64_t width,
                             const tg_conv_options *conv, const tg_layer_options *options) {
    return new_conv(tape, "conv2d", name, in, out, TG_SHAPE(height, width), conv, options, false);
}

tg_conv_layer(tg_new_conv3d)(tg_tape *tape, const char *name, int64_t in, int64_t out, int64_t depth, int64_t height,
                             int64_t width, const tg_conv_options *conv, const tg_layer_options *options) {
    return new_conv(tape, "conv3d", name, in, out, TG_SHAPE(depth, height, width), conv, options, false);
}

tg_conv_layer(tg_new_conv_transpose1d)(tg_tape *tape, const char *name, int64_t in, int64_t out, int64_t kernel,
                                       const tg_conv_options *conv, const tg_layer_options *options) {
    return new_conv(tape, "conv_transpose1d", name, in, out, TG_SHAPE(kernel), conv, options, true);
}

tg_conv_layer(tg_new_conv_transpose2d)(tg_tape *tape, const char *name, int64_t in, int64_t out, int64_t height, int64_t width,
                                       const tg_conv_options *conv, const tg_layer_options *options) {
    return new_conv(tape, "conv_transpose2d", name, in, out, TG_SHAPE(height, width), conv, options, true);
}

tg_conv_layer(tg_new_conv_transpose3d)(tg_tape *tape, const char *name, int64_t in, int64_t out, int64_t depth, int64_t height,
                                       int64_t width, const tg_conv_options *conv, const tg_layer_options *options) {
    return new_conv(tape, "conv_transpose3d", name, in, out, TG_SHAPE(depth, height, width), conv, options, true);
}

/* ---- applying ---------------------------------------------------------------------------------------------------- */

typedef tg_tensor convolution(tg_tensor x, tg_tensor w, tg_tensor bias, const tg_conv_options *options);

/* The function for a weight over so many axes, and its name. */
static convolution *find(int axes, bool transposed, const char **kind) {
    static const char *const  kinds[2][3] = {{"conv1d", "conv2d", "conv3d"},
                                             {"conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}};
    static convolution *const functions[2][3] = {{tg_conv1d, tg_conv2d, tg_conv3d},
                                                 {tg_conv_transpose1d, tg_conv_transpose2d, tg_conv_transpose3d}};
    *kind = kinds[transposed][axes - 1];
    return functions[transposed][axes - 1];
}

/* x has the channels that the weight is for, before the axes of the kernel. */
static tg_status check_channels(const tg_operands *o, const tg_conv_layer *layer) {
    const tg_type *x = &o->type[0], *w = &o->type[1];
    int            axes = w->rank - 2;
    int64_t        groups = layer->conv.groups > 0 ? layer->conv.groups : 1;
    if (x->rank != axes + 1 && x->rank != axes + 2)
        return tg_refuse_operands(o, TG_ERR_SHAPE, "x has %d axes, not %d or %d", x->rank, axes + 1, axes + 2);
    int64_t channels = x->dims[x->rank - axes - 1], in = layer->transposed ? w->dims[0] : w->dims[1] * groups;
    if (channels == in) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "x has %" PRId64 " channels, not %" PRId64, channels, in);
}

tg_tensor(tg_apply_conv)(tg_conv_layer layer, tg_tensor x) {
    char        text[TGI_LAYER_TEXT];
    const char *kind;
    tg_operands o;
    const int rank = tg_valid(layer.weight) ? tg_shape_of(layer.weight).rank : 0, axes = rank == 4 || rank == 5 ? rank - 2 : 1;
    convolution *convolve = find(axes, layer.transposed, &kind);
    if (tg_check_operands(&o, tgi_layer_text(text, kind, layer.weight), 2, 3, (tg_tensor[]){x, layer.weight, layer.bias}) ||
        tg_check_floating(&o, 3) || tgi_check_weight(&o, 1, axes + 2) || check_channels(&o, &layer))
        return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, kind);
    return tg_end_scope_with(scope, convolve(x, layer.weight, layer.bias, &layer.conv));
}
