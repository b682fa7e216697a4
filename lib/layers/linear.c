/* layers/linear.c: linear layers and embeddings.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "layers/layer.h"

/* ---- linear ------------------------------------------------------------------------------------------------------ */

tg_linear_layer(tg_new_linear)(tg_tape *tape, const char *name, int64_t in, int64_t out, const tg_layer_options *options) {
    static const tg_layer_options usual;
    if (!options) options = &usual;
    tgi_layer       layer = tgi_begin_layer(tape, "linear", name, options->dtype);
    tg_shape        shape = TG_SHAPE(out, in);
    tg_linear_layer y = {.bias = TG_NONE};
    y.weight = tgi_add_parameter(&layer, "weight", tgi_usual_weight(&layer, shape));
    if (!options->no_bias) y.bias = tgi_add_parameter(&layer, "bias", tgi_usual_bias(&layer, shape, out));
    tgi_end_layer(&layer);
    return y;
}

tg_tensor(tg_apply_linear)(tg_linear_layer layer, tg_tensor x) {
    char        text[TGI_LAYER_TEXT];
    tg_operands o;
    if (tg_check_operands(&o, tgi_layer_text(text, "linear", layer.weight), 2, 3, (tg_tensor[]){x, layer.weight, layer.bias}) ||
        tg_check_floating(&o, 3) || tgi_check_weight(&o, 1, 2) || tgi_check_features(&o, 1, o.type[1].dims[1]) ||
        tg_check_shape(&o, 2, "bias", TG_SHAPE(o.type[1].dims[0])))
        return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, "linear");
    return tg_end_scope_with(scope, tgi_project(x, layer.weight, layer.bias));
}

/* ---- embedding --------------------------------------------------------------------------------------------------- */

/* Standard normal, but for the row of the padding. The draw comes last but one, so that the parameter can take over the memory. */
static tg_tensor initial_table(const tgi_layer *layer, int64_t count, int64_t size, int64_t padding) {
    tg_shape shape = TG_SHAPE(count, size);
    if (padding < 0) return tg_randn(layer->tape, layer->dtype, shape);
    tg_tensor row = tg_arange(layer->tape, TG_I64, 0, (double)count, 1);
    tg_tensor pads = tg_unsqueeze(tg_eq(row, (double)padding), 1);
    tg_tensor table = tg_where(pads, 0, tg_randn(layer->tape, layer->dtype, shape));
    tg_keep(table);
    return table;
}

tg_embedding_layer(tg_new_embedding)(tg_tape *tape, const char *name, int64_t count, int64_t size, int64_t padding,
                                     tg_dtype dtype) {
    tgi_layer          layer = tgi_begin_layer(tape, "embedding", name, dtype);
    tg_embedding_layer y = {.padding = padding};
    if (padding >= count) tg_fail(tape, TG_ERR_ARGUMENT, NULL, "row %" PRId64 " of %" PRId64 " is no padding", padding, count);
    y.weight = tgi_add_parameter(&layer, "weight", initial_table(&layer, count, size, padding));
    tgi_end_layer(&layer);
    return y;
}

tg_tensor(tg_apply_embedding)(tg_embedding_layer layer, tg_tensor index) {
    char        text[TGI_LAYER_TEXT];
    tg_operands o;
    if (tg_check_operands(&o, tgi_layer_text(text, "embedding", layer.weight), 2, 2, (tg_tensor[]){index, layer.weight}) ||
        tgi_check_weight(&o, 1, 2))
        return tg_invalid(o.tape);
    if (o.type[0].dtype != TG_I64) {
        tg_refuse_operands(&o, TG_ERR_DTYPE, "an index is int64");
        return tg_invalid(o.tape);
    }
    tg_scope  scope = tg_begin_scope(o.tape, "embedding");
    tg_tensor y = tg_take(layer.weight, index, 0);
    if (layer.padding >= 0) y = tg_where(tg_unsqueeze(tg_eq(index, (double)layer.padding), -1), tg_detach(y), y);
    return tg_end_scope_with(scope, y);
}
