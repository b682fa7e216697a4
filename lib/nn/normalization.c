/* nn/normalization.c: normalisations, composed of ops.
 *
 * Mean and variance take two passes, the second one over what is left when the mean is taken off: the difference of the mean square
 * and the square of the mean has no digits left where the mean is large. Factors that are as small as the statistics are
 * multiplied among themselves first, so that as few instructions as possible go over all of x.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/nn.h>

#include <inttypes.h>
#include <math.h>

#include "nn/given.h"

/* ---- the formulas ------------------------------------------------------------------------------------------------ */

/* (x - mean) / sqrt(variance + eps) over these axes. */
static tg_tensor standardised(tg_tensor x, tg_axes axes, double eps) {
    tg_tensor off = tg_add(x, tg_neg(tg_mean_axes(x, axes, true)));
    return tg_mul(off, tg_rsqrt(tg_add(tg_mean_axes(tg_square(off), axes, true), eps)));
}

static tg_tensor times(tg_tensor x, tg_tensor weight) {
    return tgi_is_none(weight) ? x : tg_mul(x, weight);
}

static tg_tensor plus(tg_tensor x, tg_tensor bias) {
    return tgi_is_none(bias) ? x : tg_add(x, bias);
}

/* A vector with one element a channel in a shape that broadcasts to x's, whose channels are along axis 1; what has rank 0 as it
 * is. */
static tg_tensor per_channel(const tgi_given *given, int operand, tg_tensor vector) {
    const tg_type *x = given->of[0], *type = given->of[operand];
    tg_shape       shape = {.rank = x->rank - 1};
    if (!type || type->rank == 0 || x->rank == 2) return vector;
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = i ? 1 : x->dims[1];
    return tg_reshape(vector, shape);
}

/* ---- the arguments ----------------------------------------------------------------------------------------------- */

static tg_tensor refused(const tgi_given *given) {
    return tgi_invalid(given->look.tape);
}

static bool is_epsilon(const tgi_given *given, double eps) {
    if (eps >= 0 && isfinite(eps)) return true;
    tgi_fail(given->look.tape, TG_ERR_ARGUMENT, given->op.name, "eps %g is not a finite number of at least 0", eps);
    return false;
}

/* Whether there are so many last axes; they go to *last. */
static bool are_last(const tgi_given *given, int axes, tg_axes *last) {
    int rank = given->of[0]->rank;
    if (axes < 1 || axes > rank) {
        tg_refuse(&given->look, TG_ERR_SHAPE, "x has %d axes, and the last %d of them cannot be normalised", rank, axes);
        return false;
    }
    *last = (tg_axes){.count = axes};
    for (int i = 0; i < axes; i++)
        last->axis[i] = rank - axes + i;
    return true;
}

/* Whether the operand, if it is there, has this shape, or, where it may be a number, rank 0. */
static bool fits(const tgi_given *given, int operand, bool number, const char *role, int rank, const int64_t *dims) {
    const tg_type *type = given->of[operand];
    char           text[TGI_TEXT];
    if (!type || (number && type->rank == 0) ||
        tg_shape_equal(tg_shape_from(type->rank, type->dims), tg_shape_from(rank, dims)))
        return true;
    tg_refuse(&given->look, TG_ERR_SHAPE, "the %s is not of shape %s", role, tgi_shape_text(text, rank, dims));
    return false;
}

/* ---- over the last axes ------------------------------------------------------------------------------------------ */

tg_tensor(tg_layer_norm)(tg_tensor x, int axes, tg_tensor weight, tg_tensor bias, double eps) {
    tgi_given given;
    tg_axes   last;
    if (!tgi_look_given(&given, "layer_norm", 1, 3, (tg_tensor[]){x, weight, bias}) || !tgi_given_floating(&given, 3) ||
        !are_last(&given, axes, &last) || !is_epsilon(&given, eps))
        return refused(&given);
    const int64_t *dims = given.of[0]->dims + last.axis[0];
    if (!fits(&given, 1, true, "weight", axes, dims) || !fits(&given, 2, true, "bias", axes, dims)) return refused(&given);
    tgi_call call = tgi_begin(x.tape);
    return tgi_end_with(x.tape, call, plus(times(standardised(x, last, eps), weight), bias));
}

tg_tensor(tg_rms_norm)(tg_tensor x, int axes, tg_tensor weight, double eps) {
    tgi_given given;
    tg_axes   last;
    if (!tgi_look_given(&given, "rms_norm", 1, 2, (tg_tensor[]){x, weight}) || !tgi_given_floating(&given, 2) ||
        !are_last(&given, axes, &last) || !is_epsilon(&given, eps) ||
        !fits(&given, 1, true, "weight", axes, given.of[0]->dims + last.axis[0]))
        return refused(&given);
    tgi_call  call = tgi_begin(x.tape);
    tg_tensor scale = tg_rsqrt(tg_add(tg_mean_axes(tg_square(x), last, true), eps));
    return tgi_end_with(x.tape, call, times(tg_mul(x, scale), weight));
}

/* ---- over channels ----------------------------------------------------------------------------------------------- */

/* Whether x has channels, and the operands from 1 on one element for each; the first `vectors` of them are no plain numbers. */
static bool have_channels(const tgi_given *given, int vectors, int count, const char *const *roles) {
    const tg_type *x = given->of[0];
    if (x->rank < 2) {
        tg_refuse(&given->look, TG_ERR_SHAPE, "x has no axis 1, where the channels are");
        return false;
    }
    for (int i = 1; i < count; i++)
        if (!fits(given, i, i > vectors, roles[i - 1], 1, x->dims + 1)) return false;
    return true;
}

/* The elements of all axes behind `axis`. */
static int64_t size_behind(const tg_type *x, int axis) {
    return tgi_size(x->rank - axis - 1, x->dims + axis + 1);
}

static bool are_groups(const tgi_given *given, int64_t groups) {
    int64_t channels = given->of[0]->dims[1];
    if (groups >= 1 && channels % groups == 0) return true;
    tg_refuse(&given->look, TG_ERR_SHAPE, "%" PRId64 " channels are not divided into %" PRId64 " groups", channels, groups);
    return false;
}

tg_tensor(tg_group_norm)(tg_tensor x, int64_t groups, tg_tensor weight, tg_tensor bias, double eps) {
    tgi_given given;
    if (!tgi_look_given(&given, "group_norm", 1, 3, (tg_tensor[]){x, weight, bias}) || !tgi_given_floating(&given, 3) ||
        !have_channels(&given, 0, 3, (const char *const[]){"weight", "bias"}) || !are_groups(&given, groups) ||
        !is_epsilon(&given, eps))
        return refused(&given);
    const tg_type *type = given.of[0];
    tg_shape       shape = tg_shape_from(type->rank, type->dims);
    tgi_call       call = tgi_begin(x.tape);
    tg_tensor      parts = tg_reshape(x, TG_SHAPE(shape.dims[0], groups, shape.dims[1] / groups * size_behind(type, 1)));
    tg_tensor      y = tg_reshape(standardised(parts, TG_AXES(2), eps), shape);
    return tgi_end_with(x.tape, call, plus(times(y, per_channel(&given, 1, weight)), per_channel(&given, 2, bias)));
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
    return x->dims[0] * size_behind(x, 1);
}

/* running <- (1 - momentum) running + momentum new. */
static void update(tg_tensor running, double momentum, tg_tensor new_one) {
    tg_tensor value = tg_reshape(new_one, tg_shape_of(running));
    tg_assign(running, tg_add(tg_mul(1 - momentum, running), tg_mul(momentum, value)));
}

static tg_tensor batch_norm(const tgi_given *given, tg_tensor off, tg_tensor variance, const tg_tensor *x, double eps) {
    tg_tensor scale = times(tg_rsqrt(tg_add(variance, eps)), per_channel(given, WEIGHT, x[WEIGHT]));
    return plus(tg_mul(off, scale), per_channel(given, BIAS, x[BIAS]));
}

/* By the statistics of the batch, which the running ones then move towards. No elements have none. */
static tg_tensor train(const tgi_given *given, const tg_tensor *x, double momentum, double eps) {
    const tg_type *type = given->of[X];
    tg_axes        batch = axes_of_batch(type);
    double         count = (double)values_a_channel(type);
    if (count == 0) return plus(times(x[X], per_channel(given, WEIGHT, x[WEIGHT])), per_channel(given, BIAS, x[BIAS]));
    tg_tensor mean = tg_mean_axes(x[X], batch, true), off = tg_sub(x[X], mean);
    tg_tensor variance = tg_mean_axes(tg_square(off), batch, true);
    tg_tensor y = batch_norm(given, off, variance, x, eps);
    if (given->of[MEAN]) {
        x[X].tape->role = TGI_UPDATE;
        update(x[MEAN], momentum, mean);
        update(x[VARIANCE], momentum, tg_mul(variance, count / (count - 1)));
    }
    return y;
}

/* By the running statistics, which are constants here. */
static tg_tensor evaluate(const tgi_given *given, const tg_tensor *x, double eps) {
    tg_tensor mean = per_channel(given, MEAN, tg_detach(x[MEAN]));
    tg_tensor variance = per_channel(given, VARIANCE, tg_detach(x[VARIANCE]));
    return batch_norm(given, tg_sub(x[X], mean), variance, x, eps);
}

static bool are_statistics(const tgi_given *given, bool training, double momentum) {
    const tg_type *x = given->of[X];
    if (!given->of[MEAN] != !given->of[VARIANCE] || (!training && !given->of[MEAN])) {
        tgi_fail(given->look.tape, TG_ERR_ARGUMENT, given->op.name,
                 training ? "one of the running mean and variance is missing" : "the running mean or variance is missing");
        return false;
    }
    if (training && !(momentum >= 0 && momentum <= 1)) {
        tgi_fail(given->look.tape, TG_ERR_ARGUMENT, given->op.name, "momentum %g is not between 0 and 1", momentum);
        return false;
    }
    if (training && values_a_channel(x) == 1) {
        tg_refuse(&given->look, TG_ERR_SHAPE, "one value a channel has no variance to train with");
        return false;
    }
    return true;
}

tg_tensor(tg_batch_norm)(tg_tensor x, tg_tensor mean, tg_tensor variance, tg_tensor weight, tg_tensor bias, bool training,
                         double momentum, double eps) {
    static const char *const roles[] = {"running mean", "running variance", "weight", "bias"};
    const tg_tensor          all[OPERANDS] = {x, mean, variance, weight, bias};
    tgi_given                given;
    if (!tgi_look_given(&given, "batch_norm", 1, OPERANDS, all) || !tgi_given_floating(&given, OPERANDS) ||
        !have_channels(&given, VARIANCE, OPERANDS, roles) || !are_statistics(&given, training, momentum) ||
        !is_epsilon(&given, eps))
        return refused(&given);
    tgi_call call = tgi_begin(x.tape);
    return tgi_end_with(x.tape, call, training ? train(&given, all, momentum, eps) : evaluate(&given, all, eps));
}
