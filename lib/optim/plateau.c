/* optim/plateau.c: a rate that is reduced when a metric has stopped becoming better.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "optim/update.h"

static const char name[] = "reduce_on_plateau";

/* What the state is made of. That there is a best is a number of its own, as no number stands for none that is not also a metric. */
enum { BEST, BAD, WAIT, KNOWN, NUMBERS };

/* Whether the metric is better than the best one, or the first one that is a number. */
static tg_tensor is_better(const tg_plateau_options *o, tg_tensor metric, const tg_tensor *state) {
    const double by = o->maximize ? o->threshold : -o->threshold;
    tg_tensor    bound = o->absolute ? tg_add(state[BEST], by) : tg_mul(state[BEST], 1 + by);
    tg_tensor    better = o->maximize ? tg_gt(metric, bound) : tg_lt(metric, bound);
    return tg_where(tg_gt(state[KNOWN], 0), better, tg_isfinite(metric));
}

/* In the order of PyTorch's scheduler: calls in the cooldown are no bad ones, and one that ends it is in it. */
static void update(tg_tensor rate, tg_tensor metric, tg_tensor leaf, const tg_plateau_options *o) {
    tg_tensor state[NUMBERS], old = tgi_rate_as(rate, TG_F64), value = tg_reshape(tg_cast(metric, TG_F64), TG_SHAPE());
    for (int i = 0; i < NUMBERS; i++)
        state[i] = tg_take(leaf, i, 0);
    tg_tensor better = is_better(o, value, state), cooling = tg_ge(state[WAIT], 1);
    tg_tensor bad = tg_where(tg_logical_or(better, cooling), 0, tg_add(state[BAD], 1)), reduce = tg_gt(bad, o->patience);
    tg_tensor less = tg_maximum(tg_mul(o->factor, old), o->min_rate);

    state[BEST] = tg_where(better, value, state[BEST]);
    state[BAD] = tg_where(reduce, 0, bad);
    state[WAIT] = tg_where(reduce, o->cooldown, tg_maximum(tg_sub(state[WAIT], 1), 0));
    state[KNOWN] = tg_where(better, 1, state[KNOWN]);
    less = tg_where(tg_logical_and(reduce, tg_gt(tg_sub(old, less), o->eps)), less, old);
    tg_assign(leaf, tg_stack(tg_list_from(NUMBERS, state), 0));
    tg_assign(rate, tg_cast(less, tg_dtype_of(rate)));
}

static tg_status check(const tg_operands *o, tg_tensor metric, const tg_plateau_options *with) {
    if (tg_check_tensor(o->tape, name, "the metric", metric)) return tg_error_status(o->tape);
    if (tg_check_shape(o, 0, "rate", TG_SHAPE()) || tg_check_shape(o, 2, "state", TG_SHAPE(NUMBERS)))
        return tg_error_status(o->tape);
    if (o->type[2].dtype != TG_F64) return tg_refuse_operands(o, TG_ERR_DTYPE, "the state is not float64");
    if (o->type[0].dtype != TG_F32 && o->type[0].dtype != TG_F64)
        return tg_refuse_operands(o, TG_ERR_DTYPE, "the rate is not float32 or float64");
    if (tg_shape_size(tg_shape_from(o->type[1].rank, o->type[1].dims)) != 1)
        return tg_refuse_operands(o, TG_ERR_SHAPE, "the metric is not one number");
    return TGI_CHECK_OPTIONS(o->tape, name, {"factor", with->factor, 1}, {"patience", with->patience, INFINITY},
                             {"threshold", with->threshold, INFINITY}, {"cooldown", with->cooldown, INFINITY},
                             {"min_rate", with->min_rate, INFINITY}, {"eps", with->eps, INFINITY});
}

tg_status(tg_reduce_on_plateau)(tg_tensor rate, tg_tensor metric, tg_tensor state, const tg_plateau_options *options) {
    tg_plateau_options with = options ? *options : (tg_plateau_options){0};
    tg_operands        o;
    with.factor = tgi_or_default(with.factor, 0.1);
    with.patience = tgi_or_default(with.patience, 10);
    with.threshold = tgi_or_default(with.threshold, 1e-4);
    with.eps = tgi_or_default(with.eps, 1e-8);
    if (tg_check_operands(&o, name, 3, 3, (tg_tensor[]){rate, metric, state}) || check(&o, metric, &with))
        return tg_error_status(o.tape);
    tg_scope scope = tg_begin_update(o.tape, name);
    update(rate, metric, state, &with);
    return tg_end_scope(scope);
}
