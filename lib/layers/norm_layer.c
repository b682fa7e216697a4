/* layers/norm_layer.c: normalisations with weights and statistics of their own.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <inttypes.h>

#include "layers/layer.h"

/* ---- making ------------------------------------------------------------------------------------------------------ */

static const tg_norm_options usual;

static double eps_of(const tg_norm_options *options, double otherwise) {
    return options->eps != 0 ? options->eps : otherwise;
}

/* Weight and bias, of that shape, where there are any. */
static void add_factors(const tgi_layer *layer, const tg_norm_options *options, tg_shape shape, bool biased, tg_tensor *weight,
                        tg_tensor *bias) {
    *weight = *bias = TG_NONE;
    if (options->no_weight) return;
    *weight = tgi_add_parameter(layer, "weight", tg_full(layer->tape, layer->dtype, shape, 1));
    if (biased && !options->no_bias) *bias = tgi_add_parameter(layer, "bias", tg_full(layer->tape, layer->dtype, shape, 0));
}

static tg_norm_layer new_norm(tg_tape *tape, tg_norm_layer y, const char *kind, const char *name, tg_shape shape,
                              const tg_norm_options *options) {
    tgi_layer layer = tgi_begin_layer(tape, kind, name, options->dtype);
    double    usual_eps = y.kind != TG_RMS_NORM ? 1e-5 : options->dtype == TG_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
    y.eps = eps_of(options, usual_eps);
    y.shape = shape;
    add_factors(&layer, options, shape, y.kind != TG_RMS_NORM, &y.weight, &y.bias);
    tgi_end_layer(&layer);
    return y;
}

tg_norm_layer(tg_new_layer_norm)(tg_tape *tape, const char *name, tg_shape shape, const tg_norm_options *options) {
    return new_norm(tape, (tg_norm_layer){.kind = TG_LAYER_NORM}, "layer_norm", name, shape, options ? options : &usual);
}

tg_norm_layer(tg_new_rms_norm)(tg_tape *tape, const char *name, tg_shape shape, const tg_norm_options *options) {
    return new_norm(tape, (tg_norm_layer){.kind = TG_RMS_NORM}, "rms_norm", name, shape, options ? options : &usual);
}

tg_norm_layer(tg_new_group_norm)(tg_tape *tape, const char *name, int64_t groups, int64_t channels,
                                 const tg_norm_options *options) {
    tg_norm_layer y = {.kind = TG_GROUP_NORM, .groups = groups};
    if (groups < 1 || channels % groups != 0)
        tg_fail(tape, TG_ERR_SHAPE, "group_norm", "%" PRId64 " channels are not divided into %" PRId64 " groups", channels,
                groups);
    return new_norm(tape, y, "group_norm", name, TG_SHAPE(channels), options ? options : &usual);
}

tg_batch_norm_layer(tg_new_batch_norm)(tg_tape *tape, const char *name, int64_t channels, const tg_norm_options *options) {
    if (!options) options = &usual;
    tgi_layer           layer = tgi_begin_layer(tape, "batch_norm", name, options->dtype);
    tg_batch_norm_layer y = {.running_mean = TG_NONE, .running_var = TG_NONE, .num_batches_tracked = TG_NONE};
    y.momentum = options->momentum != 0 ? options->momentum : 0.1;
    y.eps = eps_of(options, 1e-5);
    add_factors(&layer, options, TG_SHAPE(channels), true, &y.weight, &y.bias);
    if (!options->no_statistics) {
        y.running_mean = tgi_add_buffer(&layer, "running_mean", tgi_filled(&layer, channels, 0));
        y.running_var = tgi_add_buffer(&layer, "running_var", tgi_filled(&layer, channels, 1));
        y.num_batches_tracked = tgi_add_buffer(&layer, "num_batches_tracked", tg_full(tape, TG_I64, TG_SHAPE(), 0));
    }
    tgi_end_layer(&layer);
    return y;
}

/* ---- applying ---------------------------------------------------------------------------------------------------- */

static tg_status check_channels(const tg_operands *o, int64_t channels) {
    const tg_type *x = &o->type[0];
    if (x->rank >= 2 && x->dims[1] == channels) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "axis 1 of x has not %" PRId64 " channels", channels);
}

/* x ends with the sizes that are normalised. */
static tg_status check_last(const tg_operands *o, tg_shape shape) {
    const tg_type *x = &o->type[0];
    int            before = x->rank - shape.rank;
    char           text[TG_SHAPE_TEXT];
    if (before >= 0 && tg_shape_equal(tg_shape_from(shape.rank, x->dims + before), shape)) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "the last axes of x are not %s", tg_shape_text(text, shape));
}

static tg_tensor normalised(const tg_norm_layer *layer, tg_tensor x) {
    switch (layer->kind) {
    case TG_LAYER_NORM: return tg_layer_norm(x, layer->shape.rank, layer->weight, layer->bias, layer->eps);
    case TG_RMS_NORM: return tg_rms_norm(x, layer->shape.rank, layer->weight, layer->eps);
    case TG_GROUP_NORM: break;
    }
    return tg_group_norm(x, layer->groups, layer->weight, layer->bias, layer->eps);
}

tg_tensor(tg_apply_norm)(tg_norm_layer layer, tg_tensor x) {
    static const char *const kinds[] = {"layer_norm", "rms_norm", "group_norm"};
    const char              *kind = kinds[(unsigned)layer.kind <= TG_GROUP_NORM ? layer.kind : TG_GROUP_NORM];
    const tg_tensor          all[] = {x, layer.weight, layer.bias};
    char                     text[TGI_LAYER_TEXT];
    tg_operands              o;
    if (tg_check_operands(&o, tgi_layer_text(text, kind, layer.weight), 1, 3, all) || tg_check_floating(&o, 3) ||
        (layer.kind <= TG_RMS_NORM ? check_last(&o, layer.shape) : check_channels(&o, layer.shape.dims[0])))
        return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, kind);
    return tg_end_scope_with(scope, normalised(&layer, x));
}

static tg_tensor batch_normalised(const tg_batch_norm_layer *layer, tg_tensor x, bool training) {
    bool      tracked = !tg_is_none(layer->running_mean);
    tg_tensor y = tg_batch_norm(x, layer->running_mean, layer->running_var, layer->weight, layer->bias, training || !tracked,
                                layer->momentum, layer->eps);
    if (training && tracked) tg_assign(layer->num_batches_tracked, tg_add(layer->num_batches_tracked, 1));
    return y;
}

tg_tensor(tg_apply_batch_norm)(tg_batch_norm_layer layer, tg_tensor x, bool training) {
    enum { X, WEIGHT, BIAS, MEAN, VARIANCE, COUNT };
    const tg_tensor all[] = {x, layer.weight, layer.bias, layer.running_mean, layer.running_var};
    char            text[TGI_LAYER_TEXT];
    tg_operands     o;
    tg_tensor       named = tg_is_none(layer.weight) ? layer.running_mean : layer.weight;
    if (tg_check_operands(&o, tgi_layer_text(text, "batch_norm", named), WEIGHT, COUNT, all) || tg_check_floating(&o, COUNT))
        return tg_invalid(o.tape);
    for (int i = WEIGHT; i < COUNT; i++)
        if (o.present[i] && o.type[i].rank == 1 && check_channels(&o, o.type[i].dims[0])) return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, "batch_norm");
    return tg_end_scope_with(scope, batch_normalised(&layer, x, training));
}
