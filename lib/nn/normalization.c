/* nn/normalization.c: normalisations, composed of ops.
 *
 * Mean and variance take two passes, the second one over what is left when the mean is taken off: the difference of the mean square
 * and the square of the mean has no digits left where the mean is large. Factors that are as small as the statistics are
 * multiplied among themselves first, so that as few instructions as possible go over all of x.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>

#include "core/inside.h"
#include "nn/rms.h"

/* ---- the formulas ------------------------------------------------------------------------------------------------ */

/* (x - mean) / sqrt(variance + eps) over these axes. */
static tg_tensor standardised(tg_tensor x, tg_axes axes, double eps) {
    tg_tensor off = tg_add(x, tg_neg(tg_mean_axes(x, axes, true)));
    return tg_mul(off, tgi_inverse_rms(off, axes, eps));
}

static tg_tensor times(tg_tensor x, tg_tensor weight) {
    return tg_is_none(weight) ? x : tg_mul(x, weight);
}

static tg_tensor plus(tg_tensor x, tg_tensor bias) {
    return tg_is_none(bias) ? x : tg_add(x, bias);
}

/* A vector with one element a channel in a shape that broadcasts to x's, whose channels are along axis 1; what has rank 0 as it
 * is. */
static tg_tensor per_channel(const tg_operands *o, int i, tg_tensor vector) {
    const tg_type *x = &o->type[0];
    tg_shape       shape = {.rank = x->rank - 1};
    if (!o->present[i] || o->type[i].rank == 0 || x->rank == 2) return vector;
    for (int axis = 0; axis < shape.rank; axis++)
        shape.dims[axis] = axis ? 1 : x->dims[1];
    return tg_reshape(vector, shape);
}

/* ---- the arguments ----------------------------------------------------------------------------------------------- */

/* What all of them begin with: x and tensors of its dtype, and eps. */
static tg_status check(tg_operands *o, const char *name, int count, const tg_tensor *x, double eps) {
    if (tg_check_operands(o, name, 1, count, x) || tg_check_floating(o, count)) return tg_error_status(o->tape);
    return tg_check_option(o->tape, name, "eps", eps, 0, INFINITY, TG_RIGHT_OPEN);
}

/* The last `count` axes, of which there are as many at least. */
static tg_status check_last(const tg_operands *o, int count, tg_axes *last) {
    int rank = o->type[0].rank;
    if (count < 1 || count > rank)
        return tg_refuse_operands(o, TG_ERR_SHAPE, "x has %d axes, and the last %d of them cannot be normalised", rank, count);
    *last = (tg_axes){.count = count};
    for (int i = 0; i < count; i++)
        last->axis[i] = rank - count + i;
    return TG_OK;
}

/* A weight or a bias may be a plain number. */
static tg_status check_factor(const tg_operands *o, int i, const char *role, int rank, const int64_t *dims) {
    return o->type[i].rank ? tg_check_shape(o, i, role, tg_shape_from(rank, dims)) : TG_OK;
}

/* ---- over the last axes ------------------------------------------------------------------------------------------ */

static const int64_t *last_sizes(const tg_operands *o, int count) {
    return o->type[0].dims + o->type[0].rank - count;
}

tg_tensor(tg_layer_norm)(tg_tensor x, int axes, tg_tensor weight, tg_tensor bias, double eps) {
    tg_operands o;
    tg_axes     last;
    if (check(&o, "layer_norm", 3, (tg_tensor[]){x, weight, bias}, eps) || check_last(&o, axes, &last) ||
        check_factor(&o, 1, "weight", axes, last_sizes(&o, axes)) || check_factor(&o, 2, "bias", axes, last_sizes(&o, axes)))
        return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    return tg_end_scope_with(scope, plus(times(standardised(x, last, eps), weight), bias));
}

tg_tensor(tg_rms_norm)(tg_tensor x, int axes, tg_tensor weight, double eps) {
    tg_operands o;
    tg_axes     last;
    if (check(&o, "rms_norm", 2, (tg_tensor[]){x, weight}, eps) || check_last(&o, axes, &last) ||
        check_factor(&o, 1, "weight", axes, last_sizes(&o, axes)))
        return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    return tg_end_scope_with(scope, times(tg_mul(x, tgi_inverse_rms(x, last, eps)), weight));
}

/* ---- over channels ----------------------------------------------------------------------------------------------- */

static tg_status check_channels(const tg_operands *o) {
    if (o->type[0].rank >= 2) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "x has no axis 1, where the channels are");
}

/* And others after it. */
static tg_status check_pixels(const tg_operands *o) {
    if (o->type[0].rank >= 3) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "x has no axis 2: it is (batch, channels, ...)");
}

/* Weight and bias, which are operands i and i + 1, have one element a channel. */
static tg_status check_factors(const tg_operands *o, int i) {
    const int64_t *channels = o->type[0].dims + 1;
    if (check_factor(o, i, "weight", 1, channels)) return tg_error_status(o->tape);
    return check_factor(o, i + 1, "bias", 1, channels);
}

/* The elements of all axes after `axis`. */
static int64_t size_after(const tg_type *x, int axis) {
    return tg_shape_size(tg_shape_from(x->rank - axis - 1, x->dims + axis + 1));
}

static tg_status check_groups(const tg_operands *o, int64_t groups) {
    int64_t channels = o->type[0].dims[1];
    if (groups >= 1 && channels % groups == 0) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "%" PRId64 " channels are not divided into %" PRId64 " groups", channels,
                              groups);
}

tg_tensor(tg_group_norm)(tg_tensor x, int64_t groups, tg_tensor weight, tg_tensor bias, double eps) {
    tg_operands o;
    if (check(&o, "group_norm", 3, (tg_tensor[]){x, weight, bias}, eps) || check_channels(&o) || check_factors(&o, 1) ||
        check_groups(&o, groups))
        return tg_invalid(o.tape);
    const tg_type *type = &o.type[0];
    tg_shape       shape = tg_shape_from(type->rank, type->dims);
    tg_scope       scope = tg_begin_scope(o.tape, o.name);
    tg_tensor      parts = tg_reshape(x, TG_SHAPE(shape.dims[0], groups, shape.dims[1] / groups * size_after(type, 1)));
    tg_tensor      y = tg_reshape(standardised(parts, TG_AXES(2), eps), shape);
    return tg_end_scope_with(scope, plus(times(y, per_channel(&o, 1, weight)), per_channel(&o, 2, bias)));
}

/* ---- over the batch ---------------------------------------------------------------------------------------------- */

enum { X, MEAN, VARIANCE, WEIGHT, BIAS, OPERANDS };

/* What the statistics are taken over: all axes but the channels'. */
static tg_axes axes_of_batch(const tg_type *x) {
    tg_axes axes = {0};
    for (int i = 0; i < x->rank; i++)
        if (i != 1) axes.axis[axes.count++] = i;
    return axes;
}

static int64_t values_a_channel(const tg_type *x) {
    return x->dims[0] * size_after(x, 1);
}

/* running <- (1 - momentum) running + momentum new. */
static void update(tg_tensor running, double momentum, tg_tensor new_one) {
    tg_tensor value = tg_reshape(new_one, tg_shape_of(running));
    tg_assign(running, tg_add(tg_mul(1 - momentum, running), tg_mul(momentum, value)));
}

static tg_tensor batch_norm(const tg_operands *o, tg_tensor off, tg_tensor scale, const tg_tensor *x) {
    return plus(tg_mul(off, times(scale, per_channel(o, WEIGHT, x[WEIGHT]))), per_channel(o, BIAS, x[BIAS]));
}

/* By the statistics of the batch, which the running ones then move towards. No elements have none. */
static tg_tensor train(const tg_operands *o, const tg_tensor *x, double momentum, double eps) {
    const tg_type *type = &o->type[X];
    tg_axes        batch = axes_of_batch(type);
    double         count = (double)values_a_channel(type);
    if (count == 0) return plus(times(x[X], per_channel(o, WEIGHT, x[WEIGHT])), per_channel(o, BIAS, x[BIAS]));
    tg_tensor mean = tg_mean_axes(x[X], batch, true), off = tg_sub(x[X], mean);
    tg_tensor y = batch_norm(o, off, tgi_inverse_rms(off, batch, eps), x);
    if (o->present[MEAN]) {
        tg_tensor variance = tg_mean_axes(tg_square(tg_detach(off)), batch, true);
        update(x[MEAN], momentum, mean);
        update(x[VARIANCE], momentum, tg_mul(variance, count / (count - 1)));
    }
    return y;
}

/* By the running statistics, which are constants here. */
static tg_tensor evaluate(const tg_operands *o, const tg_tensor *x, double eps) {
    tg_tensor mean = per_channel(o, MEAN, tg_detach(x[MEAN]));
    tg_tensor variance = per_channel(o, VARIANCE, tg_detach(x[VARIANCE]));
    return batch_norm(o, tg_sub(x[X], mean), tg_rsqrt(tg_add(variance, eps)), x);
}

/* The running statistics are there, both or in training none, one element a channel each. In training those of a batch are taken over
 * `count` values. */
static tg_status check_statistics(const tg_operands *o, bool training, int64_t count, double momentum) {
    const tg_type *x = &o->type[X];
    tg_shape       channels = TG_SHAPE(x->dims[1]);
    if (tg_check_shape(o, MEAN, "running mean", channels) || tg_check_shape(o, VARIANCE, "running variance", channels))
        return tg_error_status(o->tape);
    if (o->present[MEAN] != o->present[VARIANCE] || (!training && !o->present[MEAN]))
        return tg_fail(o->tape, TG_ERR_ARGUMENT, o->name,
                       training ? "one of the running mean and variance is missing"
                                : "the running mean or variance is missing");
    if (!training) return TG_OK;
    if (count == 1) return tg_refuse_operands(o, TG_ERR_SHAPE, "one value a channel has no variance to train with");
    return tg_check_option(o->tape, o->name, "momentum", momentum, 0, 1, TG_CLOSED);
}

tg_tensor(tg_batch_norm)(tg_tensor x, tg_tensor mean, tg_tensor variance, tg_tensor weight, tg_tensor bias, bool training,
                         double momentum, double eps) {
    const tg_tensor all[OPERANDS] = {x, mean, variance, weight, bias};
    tg_operands     o;
    if (check(&o, "batch_norm", OPERANDS, all, eps) || check_channels(&o) || check_factors(&o, WEIGHT) ||
        check_statistics(&o, training, values_a_channel(&o.type[X]), momentum))
        return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    return tg_end_scope_with(scope, training ? train(&o, all, momentum, eps) : evaluate(&o, all, eps));
}

/* ---- over each instance ------------------------------------------------------------------------------------------ */

/* All axes after the channels'. */
static tg_axes axes_of_instance(const tg_type *x) {
    tg_axes axes = {.count = x->rank - 2};
    for (int i = 0; i < axes.count; i++)
        axes.axis[i] = i + 2;
    return axes;
}

/* By the statistics of each instance, the means of which the running ones move towards. */
static tg_tensor normalise_instances(const tg_operands *o, const tg_tensor *x, double momentum, double eps) {
    const tg_type *type = &o->type[X];
    tg_axes        axes = axes_of_instance(type), instances = TG_AXES(0);
    double         count = (double)size_after(type, 1);
    tg_tensor      mean = tg_mean_axes(x[X], axes, true), off = tg_sub(x[X], mean);
    if (o->present[MEAN] && tg_size(x[X]) > 0) {
        tg_tensor variance = tg_mul(tg_mean_axes(tg_square(tg_detach(off)), axes, true), count / (count - 1));
        update(x[MEAN], momentum, tg_mean_axes(mean, instances, true));
        update(x[VARIANCE], momentum, tg_mean_axes(variance, instances, true));
    }
    return batch_norm(o, off, tgi_inverse_rms(off, axes, eps), x);
}

tg_tensor(tg_instance_norm)(tg_tensor x, tg_tensor mean, tg_tensor variance, tg_tensor weight, tg_tensor bias,
                            bool use_input_stats, double momentum, double eps) {
    const tg_tensor all[OPERANDS] = {x, mean, variance, weight, bias};
    tg_operands     o;
    if (check(&o, "instance_norm", OPERANDS, all, eps) || check_pixels(&o) || check_factors(&o, WEIGHT) ||
        check_statistics(&o, use_input_stats, size_after(&o.type[X], 1), momentum))
        return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    return tg_end_scope_with(scope, use_input_stats ? normalise_instances(&o, all, momentum, eps) : evaluate(&o, all, eps));
}

/* ---- over neighbouring channels ---------------------------------------------------------------------------------- */

/* The sums of `size` neighbours along axis 1, beyond which there are zeros. */
static tg_tensor sums_of_neighbours(tg_tensor x, int64_t size) {
    tg_tensor padded = tg_pad(x, 1, size / 2, (size - 1) / 2, TG_PAD_CONSTANT, 0);
    return tg_sum_axes(tg_unfold(padded, 1, size, 1), TG_AXES(-1), false);
}

tg_tensor(tg_local_response_norm)(tg_tensor x, int64_t size, double alpha, double beta, double k) {
    tg_operands o;
    if (tg_check_operands(&o, "local_response_norm", 1, 1, &x) || tg_check_floating(&o, 1) || check_pixels(&o) ||
        tg_check_option(o.tape, o.name, "size", (double)size, 1, INFINITY, TG_RIGHT_OPEN))
        return tg_invalid(o.tape);
    tg_shape shape = tg_shape_from(o.type[X].rank, o.type[X].dims);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    if (tg_size(x) == 0) return tg_end_scope_with(scope, x);
    tg_tensor flat = tg_reshape(x, TG_SHAPE(shape.dims[0], shape.dims[1], size_after(&o.type[X], 1)));
    tg_tensor scale = tg_add(k, tg_mul(alpha / (double)size, sums_of_neighbours(tg_square(flat), size)));
    return tg_end_scope_with(scope, tg_reshape(tg_mul(flat, tg_pow(scale, -beta)), shape));
}
