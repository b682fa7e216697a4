/* nn/class_loss.c: the losses of classes: negative log likelihood, cross entropy.
 *
 * What is done for each sample, not for each class, keeps the axis of classes with size 1, so that all shapes broadcast. An ignored
 * class becomes class 0 before anything is gathered, and its loss 0 afterwards.
 *
 * Cross entropy never makes the logarithms of all probabilities: with z the logits less their maximum and s the sum of e^z, that
 * of class c is z[c] - log s, so that one element is gathered, and log s is taken once a sample. What follows from the classes is recorded
 * first: then what goes over all logits, forward and back, can be run as one.
 *
 * SPDX-License-Identifier: MIT */
#include "nn/loss.h"
#include "nn/softmax.h"

enum { X, TARGET, WEIGHT, OPERANDS };

typedef struct class_loss {
    tg_operands      o;
    tg_scope         scope;
    tg_class_options options;
    tg_tensor        target, weights;             /* TG_NONE where no weights are given */
    int              axis;                        /* of the classes */
    int64_t          classes;                     /* how many there are */
    bool             classes_only, probabilities; /* what the target may be, and what it is */
    tg_shape         shape;                       /* of the losses */

    /* of targets that are classes, one a sample */
    tg_tensor valid, index; /* whether it is not ignored, and the class, or 0 */
    tg_tensor weight;       /* that of the class, or 0; TG_NONE where there are no weights */
    tg_tensor total;        /* of the weights, or how many are valid, for the mean */
} class_loss;

/* ---- the arguments ----------------------------------------------------------------------------------------------- */

static tg_status check_target(const class_loss *c) {
    const tg_operands *o = &c->o;
    const tg_type     *x = &o->type[X], *target = &o->type[TARGET];
    char               text[TG_SHAPE_TEXT];
    if (c->probabilities && c->classes_only)
        return tg_refuse_operands(o, TG_ERR_DTYPE, "the classes must be int64: probabilities are for tg_cross_entropy");
    if (c->probabilities && target->dtype != x->dtype)
        return tg_refuse_operands(o, TG_ERR_DTYPE,
                                  "the target is int64 classes, or probabilities of the logits' dtype: convert with tg_cast");
    tg_shape want = c->probabilities ? tg_shape_from(x->rank, x->dims) : c->shape;
    if (tg_shape_equal(want, tg_shape_from(target->rank, target->dims))) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "the %s must be %s", c->probabilities ? "probabilities" : "classes",
                              tg_shape_text(text, want));
}

static tg_status check_weights(const class_loss *c) {
    const tg_operands *o = &c->o;
    if (!o->present[WEIGHT]) return TG_OK;
    if (o->type[WEIGHT].dtype != o->type[X].dtype)
        return tg_refuse_operands(o, TG_ERR_DTYPE, "dtypes of the weights differ: convert them with tg_cast");
    if (o->type[WEIGHT].rank == 1 && o->type[WEIGHT].dims[0] == c->classes) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "the weights must be (%lld), one a class", (long long)c->classes);
}

static tg_status check_options(const class_loss *c) {
    const tg_operands *o = &c->o;
    if (tg_check_option(o->tape, o->name, "label_smoothing", c->options.label_smoothing, 0, 1, TG_CLOSED))
        return tg_error_status(o->tape);
    if (c->classes_only && c->options.label_smoothing > 0)
        return tg_fail(o->tape, TG_ERR_ARGUMENT, o->name, "label_smoothing is an option of tg_cross_entropy only");
    if (c->probabilities && c->options.has_ignore_index)
        return tg_fail(o->tape, TG_ERR_ARGUMENT, o->name, "ignore_index is for classes, and the target is probabilities");
    return TG_OK;
}

static tg_status check(class_loss *c) {
    const tg_type *x = &c->o.type[X];
    if (x->rank == 0) return tg_refuse_operands(&c->o, TG_ERR_SHAPE, "a single number has no axis of classes");
    c->axis = x->rank > 1;
    c->classes = x->dims[c->axis];
    if (c->classes == 0) return tg_refuse_operands(&c->o, TG_ERR_SHAPE, "there are no classes along axis %d", c->axis);
    for (int i = 0; i < x->rank; i++)
        if (i != c->axis) c->shape.dims[c->shape.rank++] = x->dims[i];
    if (check_target(c) || check_weights(c) || check_options(c)) return tg_error_status(c->o.tape);
    return tgi_check_batch(&c->o, c->options.reduction, c->shape.rank);
}

/* Nothing is recorded before it returns true. */
static bool begin(class_loss *c, const char *name, tg_tensor x, tg_tensor target, bool classes_only,
                  const tg_class_options *options) {
    double number;
    *c = (class_loss){.target = target, .classes_only = classes_only};
    if (options) c->options = *options;
    if (!c->options.has_ignore_index) c->options.ignore_index = -100;
    c->weights = tg_or_none(c->options.weight);
    tg_tensor in[OPERANDS] = {x, target, c->weights};
    if (tgi_check_loss(&c->o, name, c->options.reduction, WEIGHT, OPERANDS, in)) return false;
    c->probabilities = !tg_is_number(target, &number) && c->o.type[TARGET].dtype != TG_I64;
    if (check(c)) return false;
    c->scope = tg_begin_scope(c->o.tape, name);
    return true;
}

/* ---- classes ----------------------------------------------------------------------------------------------------- */

/* Finds out which targets are not ignored. */
static void take_classes(class_loss *c) {
    double number;
    if (tg_is_number(c->target, &number)) c->target = tg_number(c->o.tape, TG_I64, number);
    tg_tensor classes = tg_unsqueeze(c->target, c->axis);
    c->valid = tg_ne(classes, (double)c->options.ignore_index);
    c->index = tg_where(c->valid, classes, 0);
    c->weight = tg_is_none(c->weights) ? TG_NONE : tg_where(c->valid, tg_take(c->weights, c->index, 0), 0);
}

/* The elements of x of the classes; and what a mean is divided by. */
static tg_tensor choose(class_loss *c, tg_tensor x) {
    take_classes(c);
    tg_tensor chosen = tg_gather(x, c->index, c->axis);
    if (c->options.reduction == TG_REDUCE_MEAN)
        c->total = tg_sum(tg_is_none(c->weight) ? tg_cast(c->valid, c->o.type[X].dtype) : c->weight);
    return chosen;
}

static tg_tensor weighted(const class_loss *c, tg_tensor each) {
    return tg_is_none(c->weight) ? each : tgi_weigh(c->weight, each);
}

static tg_tensor reduce(const class_loss *c, tg_tensor each) {
    if (!c->probabilities) each = tg_where(c->valid, each, 0);
    if (c->options.reduction == TG_REDUCE_MEAN && !c->probabilities) return tg_div(tg_sum(each), c->total);
    if (c->options.reduction == TG_REDUCE_NONE) each = tg_reshape(each, c->shape);
    return tgi_reduce_losses(each, c->options.reduction);
}

/* The losses of the samples, which keep the axis of classes, reduced. */
static tg_tensor end(const class_loss *c, tg_tensor each) {
    return tg_end_scope_with(c->scope, reduce(c, each));
}

tg_tensor(tg_nll_loss)(tg_tensor log_p, tg_tensor classes, const tg_class_options *options) {
    class_loss c;
    if (!begin(&c, "nll_loss", log_p, classes, true, options)) return tg_invalid(c.o.tape);
    return end(&c, weighted(&c, tg_neg(choose(&c, log_p))));
}

/* ---- cross entropy ----------------------------------------------------------------------------------------------- */

/* x times the weight of each class. */
static tg_tensor times_weights(const class_loss *c, tg_tensor x) {
    if (tg_is_none(c->weights)) return x;
    tg_shape along = {.rank = c->o.type[X].rank - c->axis, .dims = {c->classes, 1, 1, 1, 1, 1, 1, 1}};
    return tgi_weigh(tg_reshape(c->weights, along), x);
}

static tg_tensor sum_over_classes(const class_loss *c, tg_tensor x) {
    return tg_sum_axes(x, TG_AXES(c->axis), true);
}

/* The mean over all classes of what each would cost, weighted. */
static tg_tensor cost_of_all(const class_loss *c, tg_tensor z, tg_tensor log_sum) {
    tg_tensor at_once = tg_is_none(c->weights) ? tg_mul((double)c->classes, log_sum) : tg_mul(tg_sum(c->weights), log_sum);
    return tg_div(tg_sub(at_once, sum_over_classes(c, times_weights(c, z))), (double)c->classes);
}

/* `chosen` are the logits of the classes. z of them is made of those, so that z itself need not be in memory. */
static tg_tensor cost_of_classes(const class_loss *c, tg_tensor chosen, const tgi_powers *p, tg_tensor log_sum) {
    double    smoothing = c->options.label_smoothing;
    tg_tensor z = tg_is_none(p->max) ? chosen : tg_sub(chosen, p->max);
    tg_tensor each = weighted(c, tg_sub(log_sum, z));
    if (smoothing == 0) return each;
    return tg_add(tg_mul(1 - smoothing, each), tg_mul(smoothing, cost_of_all(c, p->z, log_sum)));
}

static tg_tensor cost_of_probabilities(const class_loss *c, tg_tensor z, tg_tensor log_sum) {
    double    smoothing = c->options.label_smoothing;
    tg_tensor target = c->target;
    if (smoothing > 0) target = tg_add(tg_mul(1 - smoothing, target), smoothing / (double)c->classes);
    target = times_weights(c, target);
    return tg_sub(tg_mul(sum_over_classes(c, target), log_sum), sum_over_classes(c, tgi_weigh(target, z)));
}

tg_tensor(tg_cross_entropy)(tg_tensor logits, tg_tensor target, const tg_class_options *options) {
    class_loss c;
    if (!begin(&c, "cross_entropy", logits, target, false, options)) return tg_invalid(c.o.tape);
    tg_tensor  chosen = c.probabilities ? TG_NONE : choose(&c, logits);
    tgi_powers p = tgi_powers_along(logits, c.axis);
    tg_tensor  log_sum = tg_log(p.sum);
    return end(&c, c.probabilities ? cost_of_probabilities(&c, p.z, log_sum) : cost_of_classes(&c, chosen, &p, log_sum));
}
