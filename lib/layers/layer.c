/* layers/layer.c: what all layers do: names, parameters, the usual initial values, the name of a layer in errors.
 *
 * A layer does not keep its name: its parameters have it, and the tape owns theirs.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "layers/layer.h"

/* ---- names ------------------------------------------------------------------------------------------------------- */

tg_text tg_format(const char *format, ...) {
    tg_text y;
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(y.text, sizeof y.text, format, arguments);
    va_end(arguments);
    if (n < 0 || n > TG_NAME_LENGTH) y.text[0] = 0;
    return y;
}

/* A name that is empty stays so: it is the next function's to reject it. */
tg_text tgi_part_name(const char *name, const char *part) {
    if (!name) return tg_format("%s", part);
    return *name ? tg_format("%s.%s", name, part) : (tg_text){{0}};
}

const char *tgi_layer_text(char text[TGI_LAYER_TEXT], const char *kind, tg_tensor parameter) {
    const char *name = tg_name(parameter), *dot = name ? strrchr(name, '.') : NULL;
    int         length = dot && dot - name <= TG_NAME_LENGTH ? (int)(dot - name) : 0;
    snprintf(text, TGI_LAYER_TEXT, length ? "%s '%.*s'" : "%s", kind, length, name);
    return text;
}

/* ---- making a layer ---------------------------------------------------------------------------------------------- */

tgi_layer tgi_begin_layer(tg_tape *tape, const char *kind, const char *name, tg_dtype dtype) {
    tgi_layer layer = {.tape = tape, .name = name, .dtype = dtype, .scope = tg_begin_scope(tape, kind)};
    if (name && !*name)
        tg_fail(tape, TG_ERR_NAME, kind, "the name is empty, or longer than %d characters", (int)TG_NAME_LENGTH);
    else if (dtype != TG_F32 && dtype != TG_F64)
        tg_fail(tape, TG_ERR_DTYPE, kind, "the dtype is %s, not float32 or float64", tg_dtype_name(dtype));
    return layer;
}

void tgi_end_layer(const tgi_layer *layer) {
    tg_end_scope(layer->scope);
}

/* The name of a tensor of the layer; empty, with the error noted, where it is too long. */
static tg_text name_of(const tgi_layer *layer, const char *role) {
    tg_text name = tgi_part_name(layer->name, role);
    if (!*name.text) tg_fail(layer->tape, TG_ERR_NAME, NULL, "the name is longer than %d characters", (int)TG_NAME_LENGTH);
    return name;
}

tg_tensor tgi_add_parameter(const tgi_layer *layer, const char *role, tg_tensor init) {
    tg_text name = name_of(layer, role);
    return tg_parameter(layer->tape, name.text, init);
}

tg_tensor tgi_add_buffer(const tgi_layer *layer, const char *role, tg_tensor init) {
    tg_text     name = name_of(layer, role);
    const void *values = tg_peek(init);
    tg_tensor   buffer = tg_input(layer->tape, name.text, tg_dtype_of(init), tg_shape_of(init));
    return tg_write(buffer, values, tg_size(buffer)) ? tg_invalid(layer->tape) : buffer;
}

int64_t tgi_times(int64_t count, int64_t size) {
    int64_t product;
    return __builtin_mul_overflow(count, size, &product) ? ((count < 0) != (size < 0) ? INT64_MIN : INT64_MAX) : product;
}

tg_tensor tgi_filled(const tgi_layer *layer, int64_t size, double value) {
    return tg_full(layer->tape, layer->dtype, TG_SHAPE(size), value);
}

/* PyTorch computes this bound as that of kaiming_uniform for a slope of sqrt(5), which rounds differently. */
tg_tensor tgi_usual_weight(const tgi_layer *layer, tg_shape shape) {
    return tg_kaiming_uniform(layer->tape, layer->dtype, shape, tg_calculate_gain(TG_GAIN_LEAKY_RELU, sqrt(5)), TG_FAN_IN);
}

tg_tensor tgi_usual_bias(const tgi_layer *layer, tg_shape weight, int64_t size) {
    double fan = (double)tg_shape_size(weight) / (double)weight.dims[0], bound = fan > 0 ? 1 / sqrt(fan) : 0;
    return tg_uniform(layer->tape, layer->dtype, TG_SHAPE(size), -bound, bound);
}

/* ---- applying a layer -------------------------------------------------------------------------------------------- */

tg_tensor tgi_project(tg_tensor x, tg_tensor w, tg_tensor bias) {
    tg_tensor y = tg_matmul(x, tg_transpose(w, 0, 1));
    return tg_is_none(bias) ? y : tg_add(y, bias);
}

tg_status tgi_check_weight(const tg_operands *o, int i, int rank) {
    if (o->type[i].rank == rank) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "a weight has %d axes, not %d", rank, o->type[i].rank);
}

tg_status tgi_check_features(const tg_operands *o, int rank, int64_t size) {
    const tg_type *x = &o->type[0];
    if (x->rank < rank) return tg_refuse_operands(o, TG_ERR_SHAPE, "x has %d axes, %d are the least", x->rank, rank);
    int64_t last = x->dims[x->rank - 1];
    if (last == size) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "x has %" PRId64 " features, not %" PRId64, last, size);
}
