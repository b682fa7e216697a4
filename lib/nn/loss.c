/* nn/loss.c: the losses but for those of classes and of margins, composed of ops, each in as few instructions as its formula allows.
 *
 * A formula that changes at a bound is written with what is clamped there, so that both sides come out of it, in all derivatives:
 * c (d - c / 2), for d clamped to c, is a parabola that goes on as its tangent.
 *
 * SPDX-License-Identifier: MIT */
#include "nn/loss.h"

#include <math.h>

#include "nn/loss_loops.h"

/* ---- how a loss begins and ends ---------------------------------------------------------------------------------- */

tg_status tgi_check_loss(tg_operands *o, const char *name, tg_reduction reduction, int required, int count,
                         const tg_tensor *x) {
    if (tg_check_operands(o, name, required, count, x) || tg_check_floating(o, 1)) return tg_error_status(o->tape);
    if ((unsigned)reduction <= TG_REDUCE_BATCH_MEAN) return TG_OK;
    return tg_fail(o->tape, TG_ERR_ARGUMENT, name, "%d is no tg_reduction", (int)reduction);
}

tg_status tgi_check_batch(const tg_operands *o, tg_reduction reduction, int rank) {
    if (reduction != TG_REDUCE_BATCH_MEAN || rank > 0) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "a single loss has no first axis to take the mean of a batch over");
}

tg_tensor tgi_reduce_losses(tg_tensor each, tg_reduction reduction) {
    switch (reduction) {
    case TG_REDUCE_MEAN: return tg_mean(each);
    case TG_REDUCE_SUM: return tg_sum(each);
    case TG_REDUCE_BATCH_MEAN: return tg_div(tg_sum(each), (double)tg_shape_of(each).dims[0]);
    default: return each;
    }
}

/* An op, because a choice between 0 and the product would have the gradient for the weight be 0 as well. No gradient comes from
 * where none goes, even if the other factor is infinite. */
static tg_tensor weigh_rule(const tg_rule_call *call) {
    tg_tensor other = call->x[1 - call->which];
    return call->which ? tgi_weigh(other, call->g) : tgi_weigh(call->g, other);
}

static tg_rule *const weigh_rules[] = {weigh_rule, weigh_rule};

tg_tensor tgi_weigh(tg_tensor weight, tg_tensor x) {
    static const tg_loops loops = TG_LOOPS([TG_F32] = tgi_weigh_f32, [TG_F64] = tgi_weigh_f64);
    static const tg_op    op = {"weigh",
                                2,
                                tg_infer_elementwise,
                                .loops = &loops,
                                .rules = weigh_rules,
                                .formula = "weight, x: weight == 0 && x == x ? 0 : weight * x"};
    return tg_record(NULL, &op, 2, ((tg_tensor[]){weight, x}), NULL, 0);
}

tg_status tgi_check_elements(tg_operands *o, const char *name, tg_reduction reduction, int count, const tg_tensor *x) {
    tg_shape shape;
    if (tgi_check_loss(o, name, reduction, 2, count, x) || tg_check_floating(o, count) || tg_check_broadcast(o, &shape))
        return tg_error_status(o->tape);
    return tgi_check_batch(o, reduction, shape.rank);
}

tg_tensor tgi_as_tensor(const tg_operands *o, int i, tg_tensor x) {
    double number;
    return tg_is_number(x, &number) ? tg_number(o->tape, o->type[i].dtype, number) : x;
}

tg_tensor tgi_stretched(const tg_operands *o, int i, tg_tensor x, tg_shape shape) {
    x = tgi_as_tensor(o, i, x);
    return tg_shape_equal(tg_shape_of(x), shape) ? x : tg_broadcast_to(x, shape);
}

/* ---- of numbers -------------------------------------------------------------------------------------------------- */

static const double TWO_PI = 6.283185307179586476925;

#define PAIR ((tg_tensor[]){x, target})

/* d^2 / 2 up to the bound, and its tangent beyond. */
static tg_tensor bent(tg_tensor d, double bound) {
    tg_tensor c = tg_clamp(d, -bound, bound);
    return tg_mul(c, tg_sub(d, tg_mul(0.5, c)));
}

static tg_tensor smooth(tg_tensor d, double beta) {
    return beta > 0 ? tg_div(bent(d, beta), beta) : tg_abs(d);
}

TGI_LOSS(mse_loss, (tg_tensor x, tg_tensor target, tg_reduction reduction), PAIR, TG_OK, tg_square(tg_sub(x, target)))
TGI_LOSS(l1_loss, (tg_tensor x, tg_tensor target, tg_reduction reduction), PAIR, TG_OK, tg_abs(tg_sub(x, target)))
TGI_LOSS(huber_loss, (tg_tensor x, tg_tensor target, double delta, tg_reduction reduction), PAIR,
         tg_check_option(o.tape, o.name, "delta", delta, 0, INFINITY, TG_LEFT_OPEN), bent(tg_sub(x, target), delta))
TGI_LOSS(smooth_l1_loss, (tg_tensor x, tg_tensor target, double beta, tg_reduction reduction), PAIR,
         tg_check_option(o.tape, o.name, "beta", beta, 0, INFINITY, TG_CLOSED), smooth(tg_sub(x, target), beta))

/* ---- of numbers of events, and of normal distributions ----------------------------------------------------------- */

/* Stirling's approximation of log(target!), where it is above 1. */
static tg_tensor log_factorial(tg_tensor target) {
    tg_tensor large = tg_gt(target, 1), t = tg_where(large, target, 1);
    tg_tensor stirling = tg_add(tg_sub(tg_mul(t, tg_log(t)), t), tg_mul(0.5, tg_log(tg_mul(TWO_PI, t))));
    return tg_where(large, stirling, 0);
}

static tg_tensor poisson(tg_tensor x, tg_tensor target, bool log_input, bool full, double eps) {
    tg_tensor each = log_input ? tg_sub(tg_exp(x), tg_mul(target, x)) : tg_sub(x, tg_mul(target, tg_log(tg_add(x, eps))));
    return full ? tg_add(each, log_factorial(target)) : each;
}

/* As in PyTorch the gradient for the variance does not see that it was raised to eps. */
static tg_tensor gaussian(tg_tensor x, tg_tensor target, tg_tensor variance, bool full, double eps) {
    tg_tensor low = tg_lt(variance, eps), v = tg_where(low, tg_add(eps, tg_sub(variance, tg_detach(variance))), variance);
    tg_tensor each = tg_mul(0.5, tg_add(tg_log(v), tg_div(tg_square(tg_sub(x, target)), v)));
    return full ? tg_add(each, 0.5 * log(TWO_PI)) : each;
}

TGI_LOSS(poisson_nll_loss, (tg_tensor x, tg_tensor target, bool log_input, bool full, double eps, tg_reduction reduction), PAIR,
         tg_check_option(o.tape, o.name, "eps", eps, 0, INFINITY, TG_RIGHT_OPEN),
         poisson(tgi_as_tensor(&o, 0, x), tgi_as_tensor(&o, 1, target), log_input, full, eps))
TGI_LOSS(gaussian_nll_loss, (tg_tensor x, tg_tensor target, tg_tensor variance, bool full, double eps, tg_reduction reduction),
         ((tg_tensor[]){x, target, variance}), tg_check_option(o.tape, o.name, "eps", eps, 0, INFINITY, TG_OPEN),
         gaussian(x, target, tgi_as_tensor(&o, 2, variance), full, eps))

/* ---- bce: of a probability --------------------------------------------------------------------------------------- */

/* PyTorch's gradient at 0 and 1 is not that of the clamped logarithms, which would be 0 or NaN there: so this is an op, with
 * that gradient as its rule. */

static tg_tensor bce(tg_tensor p, tg_tensor target);

static tg_tensor bce_rule_p(const tg_rule_call *call) {
    tg_tensor p = call->x[0], variance = tg_maximum(tg_mul(p, tg_sub(1, p)), 1e-12);
    return tg_mul(call->g, tg_div(tg_sub(p, call->x[1]), variance));
}

/* It is linear in the target. */
static tg_tensor bce_rule_target(const tg_rule_call *call) {
    tg_tensor p = call->x[0];
    return tg_mul(call->g, tg_sub(bce(p, tg_num(1)), bce(p, tg_num(0))));
}

static tg_rule *const bce_rules[] = {bce_rule_p, bce_rule_target};

static tg_tensor bce(tg_tensor p, tg_tensor target) {
    static const tg_loops loops = TG_LOOPS([TG_F32] = tgi_bce_f32, [TG_F64] = tgi_bce_f64);
    static const tg_op    op =
        {"bce", 2, tg_infer_elementwise, .loops = &loops, .rules = bce_rules, .formula = "p, target: BCE(p, target)"};
    return tg_record(NULL, &op, 2, ((tg_tensor[]){p, target}), NULL, 0);
}

/* ---- bce: of a logit --------------------------------------------------------------------------------------------- */

/* yes softplus(-z) + no softplus(z). Composed of these it would take twice the exponentials and logarithms; of one of them, as
 * softplus(z) - yes z, it would cancel. The same goes for its derivative, another op. */
enum { Z, YES, NO };

static tg_tensor sigmoid_of(tg_tensor z, int side) {
    return tg_sigmoid(side == YES ? tg_neg(z) : z);
}

/* no sigmoid(z) - yes sigmoid(-z); its derivative is (yes + no) sigmoid(z) sigmoid(-z), or (1 - tanh(z / 2)^2) / 4, the derivatives of which
 * do not cancel near 0. */
static tg_tensor slope_rule(const tg_rule_call *call) {
    tg_tensor z = call->x[Z], weight = tg_add(call->x[YES], call->x[NO]);
    if (call->which != Z) return tg_mul(call->which == YES ? tg_neg(call->g) : call->g, sigmoid_of(z, call->which));
    return tg_mul(tg_mul(0.25, tg_mul(call->g, weight)), tg_sub(1, tg_square(tg_tanh(tg_mul(0.5, z)))));
}

static tg_rule *const slope_rules[] = {slope_rule, slope_rule, slope_rule};

static tg_tensor logit_rule(const tg_rule_call *call) {
    static const tg_loops loops = TG_LOOPS([TG_F32] = tgi_logit_slope_f32, [TG_F64] = tgi_logit_slope_f64);
    static const tg_op    slope = {"logit_slope",        3,
                                   tg_infer_elementwise, .loops = &loops,
                                   .rules = slope_rules, .formula = "z, yes, no: LOGIT_SLOPE(z, yes, no)"};
    tg_tensor             z = call->x[Z];
    if (call->which == Z) return tg_mul(call->g, tg_record(NULL, &slope, 3, call->x, NULL, 0));
    return tgi_weigh(call->g, tg_logaddexp(call->which == YES ? tg_neg(z) : z, 0));
}

static tg_rule *const logit_rules[] = {logit_rule, logit_rule, logit_rule};

/* a b, where both may be plain numbers, and 1 - a. */
static tg_tensor times(tg_tensor a, tg_tensor b) {
    double x, y;
    return tg_is_number(a, &x) && tg_is_number(b, &y) ? tg_num(x * y) : tg_mul(a, b);
}

static tg_tensor one_less(tg_tensor a) {
    double x;
    return tg_is_number(a, &x) ? tg_num(1 - x) : tg_sub(1, a);
}

static tg_tensor bce_of_logits(tg_tensor z, tg_tensor target, tg_tensor pos_weight) {
    static const tg_loops loops = TG_LOOPS([TG_F32] = tgi_logit_bce_f32, [TG_F64] = tgi_logit_bce_f64);
    static const tg_op    op = {"logit_bce",          3,
                                tg_infer_elementwise, .loops = &loops,
                                .rules = logit_rules, .formula = "z, yes, no: LOGIT_BCE(z, yes, no)"};
    tg_tensor             yes = tg_is_none(pos_weight) ? target : times(pos_weight, target);
    return tg_record(NULL, &op, 3, ((tg_tensor[]){z, yes, one_less(target)}), NULL, 0);
}

/* ---- the two losses of yes and no -------------------------------------------------------------------------------- */

enum { X, TARGET, WEIGHT, POS_WEIGHT, OPERANDS };

/* The operands, the weights that are left out being TG_NONE. */
static tg_status check_bce(tg_operands *o, const char *name, tg_tensor *x, const tg_bce_options *options) {
    x[WEIGHT] = tg_or_none(options->weight);
    x[POS_WEIGHT] = tg_or_none(options->pos_weight);
    return tgi_check_elements(o, name, options->reduction, OPERANDS, x);
}

static tg_tensor weighted(tg_tensor weight, tg_tensor each) {
    return tg_is_none(weight) ? each : tgi_weigh(weight, each);
}

tg_tensor(tg_bce_loss)(tg_tensor p, tg_tensor target, const tg_bce_options *options) {
    static const tg_bce_options defaults;
    tg_tensor                   x[OPERANDS] = {p, target};
    tg_operands                 o;
    if (!options) options = &defaults;
    if (!check_bce(&o, "bce_loss", x, options) && o.present[POS_WEIGHT])
        tg_fail(o.tape, TG_ERR_ARGUMENT, o.name, "pos_weight is an option of tg_bce_with_logits_loss only");
    if (tg_error_status(o.tape)) return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    return tg_end_scope_with(scope, tgi_reduce_losses(weighted(x[WEIGHT], bce(p, target)), options->reduction));
}

tg_tensor(tg_bce_with_logits_loss)(tg_tensor z, tg_tensor target, const tg_bce_options *options) {
    static const tg_bce_options defaults;
    tg_tensor                   x[OPERANDS] = {z, target};
    tg_operands                 o;
    if (!options) options = &defaults;
    if (check_bce(&o, "bce_with_logits_loss", x, options)) return tg_invalid(o.tape);
    tg_scope  scope = tg_begin_scope(o.tape, o.name);
    tg_tensor each = weighted(x[WEIGHT], bce_of_logits(z, target, x[POS_WEIGHT]));
    return tg_end_scope_with(scope, tgi_reduce_losses(each, options->reduction));
}

/* ---- of distributions -------------------------------------------------------------------------------------------- */

/* A target of 0 has no logarithm, and counts as having 0. */
static tg_tensor kl_div(tg_tensor log_p, tg_tensor target, bool log_target) {
    tg_tensor none = tg_eq(target, log_target ? -(double)INFINITY : 0), safe = tg_where(none, log_target ? 0 : 1, target);
    if (log_target) return tgi_weigh(tg_where(none, 0, tg_exp(safe)), tg_sub(safe, log_p));
    return tgi_weigh(target, tg_sub(tg_log(safe), log_p));
}

TGI_LOSS(kl_div, (tg_tensor x, tg_tensor target, bool log_target, tg_reduction reduction), PAIR, TG_OK,
         kl_div(x, target, log_target))
