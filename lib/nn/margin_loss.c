/* nn/margin_loss.c: losses that are 0 once a margin is kept, or nearly so.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "nn/loss.h"

static tg_status check_margin(const tg_operands *o, double margin) {
    return tg_check_option(o->tape, o->name, "margin", margin, -INFINITY, INFINITY, TG_OPEN);
}

/* ---- elementwise ------------------------------------------------------------------------------------------------- */

TGI_LOSS(margin_ranking_loss, (tg_tensor a, tg_tensor b, tg_tensor target, double margin, tg_reduction reduction),
         ((tg_tensor[]){a, b, target}), check_margin(&o, margin),
         tg_relu(tg_sub(margin, tg_mul(target, tg_sub(tgi_as_tensor(&o, 0, a), b)))))
TGI_LOSS(soft_margin_loss, (tg_tensor x, tg_tensor target, tg_reduction reduction), ((tg_tensor[]){x, target}), TG_OK,
         tg_logaddexp(tg_mul(tg_neg(tgi_as_tensor(&o, 1, target)), x), 0))

/* A target of 1 or -1 is floating, as the first operand, or int64. */
static tg_status check_sides(const tg_operands *o, int i) {
    if (o->type[i].dtype == TG_I64 || o->type[i].dtype == o->type[0].dtype) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_DTYPE, "the target is int64, or of the other operands' dtype: convert with tg_cast");
}

/* What is no target of either side is on both. */
static tg_tensor hinge(tg_tensor x, tg_tensor target, double margin) {
    tg_tensor similar = tg_where(tg_ne(target, -1), x, 0),
              different = tg_where(tg_ne(target, 1), tg_relu(tg_sub(margin, x)), 0);
    return tg_add(similar, different);
}

tg_tensor(tg_hinge_embedding_loss)(tg_tensor x, tg_tensor target, double margin, tg_reduction reduction) {
    tg_operands o;
    tg_shape    shape;
    if (tgi_check_loss(&o, "hinge_embedding_loss", reduction, 2, 2, (tg_tensor[]){x, target}) || check_sides(&o, 1) ||
        tg_check_broadcast(&o, &shape) || tgi_check_batch(&o, reduction, shape.rank) || check_margin(&o, margin))
        return tg_invalid(o.tape);
    tg_scope  scope = tg_begin_scope(o.tape, o.name);
    tg_tensor each = hinge(tgi_as_tensor(&o, 0, x), tgi_as_tensor(&o, 1, target), margin);
    return tg_end_scope_with(scope, tgi_reduce_losses(each, reduction));
}

/* ---- of vectors, along the last axis ----------------------------------------------------------------------------- */

/* The first `count` operands broadcast to *shape, which has an axis. */
static tg_status check_vectors(const tg_operands *o, int count, tg_reduction reduction, tg_shape *shape) {
    *shape = TG_SHAPE();
    for (int i = 0; i < count; i++)
        if (!tg_broadcast_shapes(*shape, tg_shape_from(o->type[i].rank, o->type[i].dims), shape))
            return tg_refuse_operands(o, TG_ERR_SHAPE, "the shapes do not broadcast");
    if (shape->rank == 0) return tg_refuse_operands(o, TG_ERR_SHAPE, "there is no last axis");
    return tgi_check_batch(o, reduction, shape->rank - 1);
}

tg_tensor(tg_multilabel_soft_margin_loss)(tg_tensor x, tg_tensor target, tg_tensor weight, tg_reduction reduction) {
    tg_operands o;
    tg_shape    shape;
    if (tgi_check_elements(&o, "multilabel_soft_margin_loss", reduction, 3, (tg_tensor[]){x, target, weight}) ||
        check_vectors(&o, 3, reduction, &shape))
        return tg_invalid(o.tape);
    tg_scope  scope = tg_begin_scope(o.tape, o.name);
    tg_tensor each = tg_bce_with_logits_loss(x, target, &(tg_bce_options){.reduction = TG_REDUCE_NONE, .weight = weight});
    return tg_end_scope_with(scope, tgi_reduce_losses(tg_mean_axes(each, TG_AXES(-1), false), reduction));
}

enum { ANCHOR, POSITIVE, NEGATIVE, TRIPLET };

static tg_status check_triplet(tg_operands *o, tg_reduction reduction, const tg_tensor *x, double margin, tg_shape *shape) {
    if (tgi_check_elements(o, "triplet_margin_loss", reduction, TRIPLET, x) || check_vectors(o, TRIPLET, reduction, shape))
        return tg_error_status(o->tape);
    return tg_check_option(o->tape, o->name, "margin", margin, 0, INFINITY, TG_OPEN);
}

tg_tensor(tg_triplet_margin_loss)(tg_tensor anchor, tg_tensor positive, tg_tensor negative, double margin, double p, double eps,
                                  bool swap, tg_reduction reduction) {
    tg_tensor   x[TRIPLET] = {anchor, positive, negative};
    tg_operands o;
    tg_shape    shape;
    if (check_triplet(&o, reduction, x, margin, &shape)) return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    for (int i = 0; i < TRIPLET; i++)
        x[i] = tgi_stretched(&o, i, x[i], shape);
    tg_tensor near = tg_pairwise_distance(x[ANCHOR], x[POSITIVE], p, eps, false);
    tg_tensor far = tg_pairwise_distance(x[ANCHOR], x[NEGATIVE], p, eps, false);
    if (swap) far = tg_minimum(far, tg_pairwise_distance(x[POSITIVE], x[NEGATIVE], p, eps, false));
    return tg_end_scope_with(scope, tgi_reduce_losses(tg_relu(tg_add(tg_sub(near, far), margin)), reduction));
}

enum { A, B, TARGET, OPERANDS };

static tg_status check_cosine(tg_operands *o, tg_reduction reduction, const tg_tensor *x, tg_shape *shape) {
    if (tgi_check_loss(o, "cosine_embedding_loss", reduction, OPERANDS, OPERANDS, x) || tg_check_floating(o, TARGET) ||
        check_sides(o, TARGET) || check_vectors(o, TARGET, reduction, shape))
        return tg_error_status(o->tape);
    return o->type[TARGET].rank ? tg_check_shape(o, TARGET, "target", tg_shape_from(shape->rank - 1, shape->dims)) : TG_OK;
}

/* With PyTorch's own eps, 1e-12 beside the squares of the norms. */
static tg_tensor cosine(tg_tensor a, tg_tensor b) {
    tg_axes   last = TG_AXES(-1);
    tg_tensor aa = tg_add(tg_sum_axes(tg_square(a), last, false), 1e-12),
              bb = tg_add(tg_sum_axes(tg_square(b), last, false), 1e-12);
    return tg_mul(tg_sum_axes(tg_mul(a, b), last, false), tg_mul(tg_rsqrt(aa), tg_rsqrt(bb)));
}

tg_tensor(tg_cosine_embedding_loss)(tg_tensor a, tg_tensor b, tg_tensor target, double margin, tg_reduction reduction) {
    tg_operands o;
    tg_shape    shape;
    if (check_cosine(&o, reduction, (tg_tensor[]){a, b, target}, &shape) || check_margin(&o, margin)) return tg_invalid(o.tape);
    tg_scope  scope = tg_begin_scope(o.tape, o.name);
    tg_tensor c = cosine(tgi_stretched(&o, A, a, shape), tgi_stretched(&o, B, b, shape));
    target = tgi_as_tensor(&o, TARGET, target);
    tg_tensor different = tg_where(tg_eq(target, -1), tg_relu(tg_sub(c, margin)), 0);
    tg_tensor each = tg_where(tg_eq(target, 1), tg_sub(1, c), different);
    return tg_end_scope_with(scope, tgi_reduce_losses(each, reduction));
}

/* ---- of classes, along the last axis ----------------------------------------------------------------------------- */

enum { X, CLASSES, WEIGHT };

static tg_status check_classes(const tg_operands *o, tg_tensor classes) {
    const tg_type *x = &o->type[X], *weight = &o->type[WEIGHT];
    double         number;
    if (x->rank != 1 && x->rank != 2) return tg_refuse_operands(o, TG_ERR_SHAPE, "x must be (N, C) or (C)");
    int64_t count = x->dims[x->rank - 1];
    if (count == 0) return tg_refuse_operands(o, TG_ERR_SHAPE, "there are no classes");
    if (!tg_is_number(classes, &number) && o->type[CLASSES].dtype != TG_I64)
        return tg_refuse_operands(o, TG_ERR_DTYPE, "the classes must be int64: convert with tg_cast");
    if (tg_check_shape(o, CLASSES, "target", tg_shape_from(x->rank - 1, x->dims))) return tg_error_status(o->tape);
    if (o->present[WEIGHT] && weight->dtype != x->dtype)
        return tg_refuse_operands(o, TG_ERR_DTYPE, "dtypes of the weights differ: convert them with tg_cast");
    return tg_check_shape(o, WEIGHT, "weight", TG_SHAPE(count));
}

/* Where the class is the sample's own, nothing is missing. */
static tg_tensor missing_of_others(const tg_operands *o, tg_tensor x, tg_tensor index, int p, double margin) {
    tg_tensor all = tg_arange(o->tape, TG_I64, 0, (double)o->type[X].dims[o->type[X].rank - 1], 1);
    tg_tensor missing = tg_relu(tg_add(tg_sub(x, tg_gather(x, index, -1)), margin));
    return tg_where(tg_eq(all, index), 0, p == 2 ? tg_square(missing) : missing);
}

tg_tensor(tg_multi_margin_loss)(tg_tensor x, tg_tensor classes, int p, double margin, tg_tensor weight,
                                tg_reduction reduction) {
    tg_operands o;
    double      number;
    if (tgi_check_loss(&o, "multi_margin_loss", reduction, WEIGHT, OPERANDS, (tg_tensor[]){x, classes, weight}) ||
        check_classes(&o, classes) || check_margin(&o, margin) || tgi_check_batch(&o, reduction, o.type[CLASSES].rank) ||
        tg_check_option(o.tape, o.name, "p", p, 1, 2, TG_CLOSED))
        return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    if (tg_is_number(classes, &number)) classes = tg_number(o.tape, TG_I64, number);
    tg_tensor index = tg_unsqueeze(classes, -1), each = missing_of_others(&o, x, index, p, margin);
    if (o.present[WEIGHT]) each = tg_mul(tg_take(weight, index, 0), each);
    return tg_end_scope_with(scope, tgi_reduce_losses(tg_mean_axes(each, TG_AXES(-1), false), reduction));
}
