/* nn/distance.c: distances and angles of vectors.
 *
 * They are made of norms, so that nothing overflows that need not, and the gradient of a distance of 0 is 0.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "nn/loss.h"

static tg_status check(tg_operands *o, const char *name, tg_tensor a, tg_tensor b) {
    if (tg_check_operands(o, name, 2, 2, (tg_tensor[]){a, b})) return tg_error_status(o->tape);
    return tg_check_floating(o, 2);
}

/* ---- distances --------------------------------------------------------------------------------------------------- */

static tg_status check_p(const tg_operands *o, double p) {
    return tg_check_option(o->tape, o->name, "p", p, 0, INFINITY, TG_CLOSED);
}

/* The p-norm along the last axis; no elements are at a distance of 0, for any p. */
static tg_tensor length(tg_tensor d, double p, bool keepdim) {
    return tg_norm_axes(d, TG_AXES(-1), tg_size(d) == 0 ? 1 : p, keepdim);
}

tg_tensor(tg_pairwise_distance)(tg_tensor a, tg_tensor b, double p, double eps, bool keepdim) {
    tg_operands o;
    tg_shape    shape;
    if (check(&o, "pairwise_distance", a, b) || tg_check_broadcast(&o, &shape) || check_p(&o, p)) return tg_invalid(o.tape);
    if (shape.rank == 0) {
        tg_refuse_operands(&o, TG_ERR_SHAPE, "there is no axis of coordinates");
        return tg_invalid(o.tape);
    }
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    return tg_end_scope_with(scope, length(tg_add(tg_sub(a, b), eps), p, keepdim));
}

static tg_status check_points(const tg_operands *o) {
    const tg_type *a = &o->type[0], *b = &o->type[1];
    tg_shape       batch;
    if (a->rank < 2 || b->rank < 2) return tg_refuse_operands(o, TG_ERR_SHAPE, "both are (..., points, coordinates)");
    if (a->rank == TG_MAX_RANK || b->rank == TG_MAX_RANK)
        return tg_refuse_operands(o, TG_ERR_SHAPE, "they have more than %d axes", TG_MAX_RANK - 1);
    if (a->dims[a->rank - 1] != b->dims[b->rank - 1])
        return tg_refuse_operands(o, TG_ERR_SHAPE, "the numbers of coordinates differ");
    if (!tg_broadcast_shapes(tg_shape_from(a->rank - 2, a->dims), tg_shape_from(b->rank - 2, b->dims), &batch))
        return tg_refuse_operands(o, TG_ERR_SHAPE, "the axes before the last two do not broadcast");
    return TG_OK;
}

tg_tensor(tg_cdist)(tg_tensor a, tg_tensor b, double p) {
    tg_operands o;
    if (check(&o, "cdist", a, b) || check_points(&o) || check_p(&o, p)) return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    return tg_end_scope_with(scope, length(tg_sub(tg_unsqueeze(a, -2), tg_unsqueeze(b, -3)), p, false));
}

/* ---- angles ------------------------------------------------------------------------------------------------------ */

/* x over its norm, or over eps where that is larger. */
static tg_tensor direction(tg_tensor x, tg_axes axes, double eps) {
    return tg_mul(x, tg_reciprocal(tg_maximum(tg_norm_axes(x, axes, 2, true), eps)));
}

tg_tensor(tg_cosine_similarity)(tg_tensor a, tg_tensor b, int axis, double eps) {
    tg_operands o;
    tg_shape    shape;
    if (check(&o, "cosine_similarity", a, b) || tg_check_broadcast(&o, &shape) || tg_check_axis(&o, shape.rank, &axis) ||
        tg_check_option(o.tape, o.name, "eps", eps, 0, INFINITY, TG_CLOSED))
        return tg_invalid(o.tape);
    tg_axes  axes = TG_AXES(axis);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    a = tgi_stretched(&o, 0, a, shape);
    b = tgi_stretched(&o, 1, b, shape);
    tg_tensor product = tg_mul(direction(a, axes, eps), direction(b, axes, eps));
    return tg_end_scope_with(scope, tg_sum_axes(product, axes, false));
}
