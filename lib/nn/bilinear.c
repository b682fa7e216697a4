/* nn/bilinear.c: a form that is linear in each of two vectors.
 *
 * One of them is multiplied into the weight by a matrix product, which leaves a matrix a sample; the other one into that.
 *
 * SPDX-License-Identifier: MIT */
#include "core/inside.h"

enum { A, B, WEIGHT, BIAS, OPERANDS };

static tg_status refuse(const tg_operands *o, const char *why) {
    return tg_refuse_operands(o, TG_ERR_SHAPE, "%s", why);
}

/* The axes before the last one. */
static tg_shape batch_of(const tg_type *x) {
    return tg_shape_from(x->rank - 1, x->dims);
}

static tg_status check(const tg_operands *o) {
    const tg_type *a = &o->type[A], *b = &o->type[B], *weight = &o->type[WEIGHT];
    if (a->rank < 1 || b->rank < 1) return refuse(o, "a and b have one axis at least");
    if (weight->rank != 3) return refuse(o, "the weight must be (out, in a, in b)");
    if (!tg_shape_equal(batch_of(a), batch_of(b))) return refuse(o, "the axes before the last one differ");
    if (a->dims[a->rank - 1] != weight->dims[1] || b->dims[b->rank - 1] != weight->dims[2])
        return refuse(o, "the last axes are not those of the weight");
    return tg_check_shape(o, BIAS, "bias", TG_SHAPE(weight->dims[0]));
}

static tg_tensor product(const tg_operands *o, tg_tensor a, tg_tensor b, tg_tensor weight) {
    const int64_t *dims = o->type[WEIGHT].dims, out = dims[0], in_a = dims[1], in_b = dims[2];
    tg_shape       shape = batch_of(&o->type[A]);
    int64_t        samples = tg_shape_size(shape);
    tg_tensor      by_a = tg_reshape(tg_transpose(weight, 0, 1), TG_SHAPE(in_a, out * in_b));
    tg_tensor      forms = tg_reshape(tg_matmul(tg_reshape(a, TG_SHAPE(samples, in_a)), by_a), TG_SHAPE(samples, out, in_b));
    tg_tensor      y = tg_matmul(forms, tg_reshape(b, TG_SHAPE(samples, in_b, 1)));
    shape.dims[shape.rank++] = out;
    return tg_reshape(y, shape);
}

tg_tensor(tg_bilinear)(tg_tensor a, tg_tensor b, tg_tensor weight, tg_tensor bias) {
    tg_operands o;
    if (tg_check_operands(&o, "bilinear", BIAS, OPERANDS, (tg_tensor[]){a, b, weight, bias}) ||
        tg_check_floating(&o, OPERANDS) || check(&o))
        return tg_invalid(o.tape);
    tg_scope  scope = tg_begin_scope(o.tape, o.name);
    tg_tensor y = product(&o, a, b, weight);
    return tg_end_scope_with(scope, o.present[BIAS] ? tg_add(y, bias) : y);
}
