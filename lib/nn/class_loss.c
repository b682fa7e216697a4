/* nn/class_loss.c: the losses of classes: negative log likelihood, cross entropy.
 *
 * What is done for each sample, not for each class, keeps the axis of classes with size 1, so that all shapes broadcast. An ignored
 * class becomes class 0 before anything is gathered, and its loss 0 afterwards.
 *
 * Cross entropy never makes the logarithms of all probabilities: with z the logits less their maximum and s the sum of e^z, that
 * of class c is z[c] - log s, so that one element is gathered from z, and log s is taken once a sample.
 *
 * SPDX-License-Identifier: MIT */
#include "nn/loss.h"
#include "nn/softmax.h"
#include "ops/operands.h"

typedef struct class_loss {
    tgi_loss         l;
    tg_class_options options;
    tg_tensor        target;
    int              axis;                        /* of the classes */
    int64_t          classes;                     /* how many there are */
    bool             classes_only, probabilities; /* what the target may be, and what it is */
    tg_shape         shape;                       /* of the losses */

    /* of targets that are classes, one a sample */
    tg_tensor valid, index; /* whether it is not ignored, and the class, or 0 */
    tg_tensor weight;       /* where there are weights: that of the class, or 0 */
} class_loss;

/* ---- looking at what is given ------------------------------------------------------------------------------------ */

static tg_status check_target(class_loss *c) {
    const tg_infer *look = &c->l.look;
    const tg_type  *x = &look->in[0], *target = &look->in[1];
    char            text[TGI_TEXT];
    if (c->probabilities && c->classes_only)
        return tg_refuse(look, TG_ERR_DTYPE, "the classes must be int64: probabilities are for tg_cross_entropy");
    if (c->probabilities && target->dtype != x->dtype)
        return tg_refuse(look, TG_ERR_DTYPE,
                         "the target is int64 classes, or probabilities of the logits' dtype: convert with tg_cast");
    tg_shape want = c->probabilities ? tg_shape_from(x->rank, x->dims) : c->shape;
    if (tg_shape_equal(want, tg_shape_from(target->rank, target->dims))) return TG_OK;
    return tg_refuse(look, TG_ERR_SHAPE, "the %s must be %s", c->probabilities ? "probabilities" : "classes",
                     tgi_shape_text(text, want.rank, want.dims));
}

static tg_status check_options(class_loss *c) {
    const tg_infer         *look = &c->l.look;
    const tg_class_options *o = &c->options;
    const tg_type          *x = &look->in[0], *weight = &look->in[2];
    if (look->count > 2 && weight->dtype != x->dtype)
        return tg_refuse(look, TG_ERR_DTYPE, "dtypes of the weights differ: convert them with tg_cast");
    if (look->count > 2 && (weight->rank != 1 || weight->dims[0] != c->classes))
        return tg_refuse(look, TG_ERR_SHAPE, "the weights must be (%lld), one a class", (long long)c->classes);
    if (!(o->label_smoothing >= 0 && o->label_smoothing <= 1))
        return tgi_fail(c->l.tape, TG_ERR_ARGUMENT, c->l.op.name, "label_smoothing is %g, not from 0 to 1", o->label_smoothing);
    if (c->probabilities && o->has_ignore_index)
        return tgi_fail(c->l.tape, TG_ERR_ARGUMENT, c->l.op.name,
                        "ignore_index is for classes, and the target is probabilities");
    return TG_OK;
}

static tg_status check(class_loss *c) {
    const tg_type *x = &c->l.in[0];
    if (x->rank == 0) return tg_refuse(&c->l.look, TG_ERR_SHAPE, "a single number has no axis of classes");
    c->axis = x->rank > 1;
    c->classes = x->dims[c->axis];
    if (c->classes == 0) return tg_refuse(&c->l.look, TG_ERR_SHAPE, "there are no classes along axis %d", c->axis);
    for (int i = 0; i < x->rank; i++)
        if (i != c->axis) c->shape.dims[c->shape.rank++] = x->dims[i];
    if (check_target(c) || check_options(c)) return c->l.tape->status;
    return tgi_loss_check_batch(&c->l, c->shape.rank);
}

/* Nothing is recorded before it returns true. */
static bool begin(class_loss *c, const char *name, tg_tensor x, tg_tensor target, bool classes_only,
                  const tg_class_options *options) {
    double number;
    *c = (class_loss){.target = target, .classes_only = classes_only};
    if (options) c->options = *options;
    if (!c->options.has_ignore_index) c->options.ignore_index = -100;
    tg_tensor in[] = {x, target, c->options.weight};
    if (!tgi_loss_look(&c->l, name, c->options.reduction, tgi_given(in[2]) ? 3 : 2, in)) return false;
    c->probabilities = !tgi_is_number(target, &number) && c->l.in[1].dtype != TG_I64;
    if (check(c)) return false;
    c->l.call = tgi_begin(c->l.tape);
    return true;
}

/* ---- classes ----------------------------------------------------------------------------------------------------- */

/* Finds out which targets are not ignored. */
static void take_classes(class_loss *c) {
    double number;
    if (tgi_is_number(c->target, &number)) c->target = tgi_full(c->l.tape, c->l.op.name, TG_I64, TG_SHAPE(), number);
    tg_tensor classes = tg_unsqueeze(c->target, c->axis);
    c->valid = tg_ne(classes, (double)c->options.ignore_index);
    c->index = tg_where(c->valid, classes, 0);
    if (tgi_given(c->options.weight)) c->weight = tg_where(c->valid, tg_take(c->options.weight, c->index, 0), 0);
}

static tg_tensor weighted(const class_loss *c, tg_tensor each) {
    return tgi_given(c->weight) ? tg_mul(c->weight, each) : each;
}

/* The losses of the samples, which keep the axis of classes, reduced. */
static tg_tensor end(class_loss *c, tg_tensor each) {
    tgi_loss *l = &c->l;
    if (!c->probabilities) each = tg_where(c->valid, each, 0);
    if (l->reduction == TG_REDUCE_MEAN && !c->probabilities) {
        tg_tensor weights = tgi_given(c->weight) ? c->weight : tg_cast(c->valid, l->in[0].dtype);
        return tgi_end_with(l->tape, l->call, tg_div(tg_sum(each), tg_sum(weights)));
    }
    if (l->reduction == TG_REDUCE_NONE) each = tg_reshape(each, c->shape);
    return tgi_end_with(l->tape, l->call, tgi_loss_reduce(l, each));
}

tg_tensor(tg_nll_loss)(tg_tensor log_p, tg_tensor classes, const tg_class_options *options) {
    class_loss c;
    if (!begin(&c, "nll_loss", log_p, classes, true, options)) return tgi_invalid(c.l.tape);
    if (c.options.label_smoothing > 0)
        tgi_fail(c.l.tape, TG_ERR_ARGUMENT, "nll_loss", "label_smoothing is an option of tg_cross_entropy only");
    take_classes(&c);
    return end(&c, weighted(&c, tg_neg(tg_gather(log_p, c.index, c.axis))));
}

/* ---- cross entropy ----------------------------------------------------------------------------------------------- */

/* x times the weight of each class. */
static tg_tensor times_weights(const class_loss *c, tg_tensor x) {
    if (!tgi_given(c->options.weight)) return x;
    tg_shape along = {.rank = c->l.in[0].rank - c->axis, .dims = {c->classes, 1, 1, 1, 1, 1, 1, 1}};
    return tg_mul(x, tg_reshape(c->options.weight, along));
}

static tg_tensor sum_over_classes(const class_loss *c, tg_tensor x) {
    return tg_sum_axes(x, TG_AXES(c->axis), true);
}

/* The mean over all classes of what each would cost, weighted. */
static tg_tensor cost_of_all(const class_loss *c, tg_tensor z, tg_tensor log_sum) {
    tg_tensor at_once =
        tgi_given(c->options.weight) ? tg_mul(tg_sum(c->options.weight), log_sum) : tg_mul((double)c->classes, log_sum);
    return tg_div(tg_sub(at_once, sum_over_classes(c, times_weights(c, z))), (double)c->classes);
}

static tg_tensor cost_of_classes(class_loss *c, tg_tensor z, tg_tensor log_sum) {
    double smoothing = c->options.label_smoothing;
    take_classes(c);
    tg_tensor each = weighted(c, tg_sub(log_sum, tg_gather(z, c->index, c->axis)));
    if (smoothing == 0) return each;
    return tg_add(tg_mul(1 - smoothing, each), tg_mul(smoothing, cost_of_all(c, z, log_sum)));
}

static tg_tensor cost_of_probabilities(const class_loss *c, tg_tensor z, tg_tensor log_sum) {
    double    smoothing = c->options.label_smoothing;
    tg_tensor target = c->target;
    if (smoothing > 0) target = tg_add(tg_mul(1 - smoothing, target), smoothing / (double)c->classes);
    target = times_weights(c, target);
    return tg_sub(tg_mul(sum_over_classes(c, target), log_sum), sum_over_classes(c, tg_mul(target, z)));
}

tg_tensor(tg_cross_entropy)(tg_tensor logits, tg_tensor target, const tg_class_options *options) {
    class_loss c;
    if (!begin(&c, "cross_entropy", logits, target, false, options)) return tgi_invalid(c.l.tape);
    tgi_powers p = tgi_powers_along(logits, c.axis);
    tg_tensor  log_sum = tg_log(p.sum);
    return end(&c, c.probabilities ? cost_of_probabilities(&c, p.z, log_sum) : cost_of_classes(&c, p.z, log_sum));
}
