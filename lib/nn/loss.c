/* nn/loss.c: the losses but for those of classes, composed of ops, each in as few instructions as its formula allows.
 *
 * A formula that changes at a bound is written with what is clamped there, so that both sides come out of it, in all derivatives:
 * c (d - c / 2), for d clamped to c, is a parabola that goes on as its tangent.
 *
 * SPDX-License-Identifier: MIT */
#include "nn/loss.h"

#include <math.h>

#include "ops/operands.h"

/* ---- how a loss begins and ends ---------------------------------------------------------------------------------- */

bool tgi_given(tg_tensor x) {
    return x.tape || x.ref;
}

bool tgi_loss_look(tgi_loss *l, const char *name, tg_reduction reduction, int count, const tg_tensor *x) {
    *l = (tgi_loss){.tape = tgi_tape_of_any(count, x), .op = {.name = name, .arity = count}, .reduction = reduction};
    if (tgi_check_operands(&l->look, l->tape, &l->op, count, x, l->in)) return false;
    if (!tgi_require_dtype(&l->look, l->in[0].dtype, TGI_FLOATS) && (unsigned)reduction > TG_REDUCE_BATCH_MEAN)
        tgi_fail(l->tape, TG_ERR_ARGUMENT, name, "%d is no tg_reduction", (int)reduction);
    return !l->tape->status;
}

tg_status tgi_loss_check_batch(const tgi_loss *l, int rank) {
    if (l->reduction != TG_REDUCE_BATCH_MEAN || rank > 0) return TG_OK;
    return tg_refuse(&l->look, TG_ERR_SHAPE, "a single loss has no first axis to take the mean of a batch over");
}

tg_tensor tgi_loss_reduce(const tgi_loss *l, tg_tensor each) {
    switch (l->reduction) {
    case TG_REDUCE_MEAN: return tg_mean(each);
    case TG_REDUCE_SUM: return tg_sum(each);
    case TG_REDUCE_BATCH_MEAN: return tg_div(tg_sum(each), (double)tg_shape_of(each).dims[0]);
    default: return each;
    }
}

/* The operands have one dtype, and broadcast. */
static bool are_alike(tgi_loss *l) {
    return !tgi_require_one_dtype(&l->look) && !tg_infer_broadcast(&l->look);
}

static bool begin_with(tgi_loss *l, const char *name, tg_reduction reduction, int count, const tg_tensor *x) {
    if (!tgi_loss_look(l, name, reduction, count, x) || !are_alike(l) || tgi_loss_check_batch(l, l->look.out.rank))
        return false;
    l->call = tgi_begin(l->tape);
    return true;
}

static bool begin(tgi_loss *l, const char *name, tg_reduction reduction, tg_tensor x, tg_tensor target) {
    return begin_with(l, name, reduction, 2, (tg_tensor[]){x, target});
}

static tg_tensor end(tgi_loss *l, tg_tensor each) {
    return tgi_end_with(l->tape, l->call, tgi_loss_reduce(l, each));
}

/* ---- of numbers -------------------------------------------------------------------------------------------------- */

tg_tensor(tg_mse_loss)(tg_tensor x, tg_tensor target, tg_reduction reduction) {
    tgi_loss l;
    if (!begin(&l, "mse_loss", reduction, x, target)) return tgi_invalid(l.tape);
    return end(&l, tg_square(tg_sub(x, target)));
}

tg_tensor(tg_l1_loss)(tg_tensor x, tg_tensor target, tg_reduction reduction) {
    tgi_loss l;
    if (!begin(&l, "l1_loss", reduction, x, target)) return tgi_invalid(l.tape);
    return end(&l, tg_abs(tg_sub(x, target)));
}

/* d^2 / 2 up to the bound, and its tangent beyond. */
static tg_tensor bent(tg_tensor d, double bound) {
    tg_tensor c = tg_clamp(d, -bound, bound);
    return tg_mul(c, tg_sub(d, tg_mul(0.5, c)));
}

tg_tensor(tg_huber_loss)(tg_tensor x, tg_tensor target, double delta, tg_reduction reduction) {
    tgi_loss l;
    if (!begin(&l, "huber_loss", reduction, x, target)) return tgi_invalid(l.tape);
    if (!(delta > 0)) tgi_fail(l.tape, TG_ERR_ARGUMENT, "huber_loss", "delta is %g, not above 0", delta);
    return end(&l, bent(tg_sub(x, target), delta));
}

tg_tensor(tg_smooth_l1_loss)(tg_tensor x, tg_tensor target, double beta, tg_reduction reduction) {
    tgi_loss l;
    if (!begin(&l, "smooth_l1_loss", reduction, x, target)) return tgi_invalid(l.tape);
    if (!(beta >= 0)) tgi_fail(l.tape, TG_ERR_ARGUMENT, "smooth_l1_loss", "beta is %g, which is below 0", beta);
    tg_tensor d = tg_sub(x, target);
    return end(&l, beta > 0 ? tg_div(bent(d, beta), beta) : tg_abs(d));
}

/* ---- bce: of a probability --------------------------------------------------------------------------------------- */

/* PyTorch's gradient at 0 and 1 is not that of the clamped logarithms, which would be 0 or NaN there: so this is an op, with
 * that gradient as its rule. */

#define FLOOR(x) ((x) < -100 ? -100 : (x)) /* a NaN stays */
#define DEFINE_BCE(suffix, T, LOG, LOG1P) \
    static void bce_##suffix(int64_t n, void *out, const void *const *in, const int64_t *step) { \
        const T *p = in[0], *target = in[1]; \
        T       *y = out; \
        for (int64_t i = 0; i < n; i++) { \
            T yes = LOG(p[i * step[0]]), no = LOG1P(-p[i * step[0]]), t = target[i * step[1]]; \
            y[i] = (t - 1) * FLOOR(no) - t * FLOOR(yes); \
        } \
    }
DEFINE_BCE(f32, float, logf, log1pf)
DEFINE_BCE(f64, double, log, log1p)

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
    static const tg_loops loops = TG_LOOPS([TG_F32] = bce_f32, [TG_F64] = bce_f64);
    static const tg_op    op = {"bce", 2, tg_infer_elementwise, .loops = &loops, .rules = bce_rules};
    return tg_record(NULL, &op, 2, ((tg_tensor[]){p, target}), NULL, 0);
}

/* ---- the two losses of yes and no -------------------------------------------------------------------------------- */

static bool begin_bce(tgi_loss *l, const char *name, tg_tensor x, tg_tensor target, const tg_bce_options *options) {
    tg_tensor in[TGI_LOSS_OPERANDS] = {x, target};
    int       count = 2;
    if (tgi_given(options->weight)) in[count++] = options->weight;
    if (tgi_given(options->pos_weight)) in[count++] = options->pos_weight;
    return begin_with(l, name, options->reduction, count, in);
}

static tg_tensor end_bce(tgi_loss *l, tg_tensor each, const tg_bce_options *options) {
    return end(l, tgi_given(options->weight) ? tg_mul(options->weight, each) : each);
}

tg_tensor(tg_bce_loss)(tg_tensor p, tg_tensor target, const tg_bce_options *options) {
    static const tg_bce_options defaults;
    tgi_loss                    l;
    if (!options) options = &defaults;
    if (!begin_bce(&l, "bce_loss", p, target, options)) return tgi_invalid(l.tape);
    if (tgi_given(options->pos_weight))
        tgi_fail(l.tape, TG_ERR_ARGUMENT, "bce_loss", "pos_weight is an option of tg_bce_with_logits_loss only");
    return end_bce(&l, bce(p, target), options);
}

/* -log p is softplus(-z), which is softplus(z) - z, and -log(1 - p) is softplus(z). */
static tg_tensor bce_of_logits(tg_tensor z, tg_tensor target, tg_tensor pos_weight) {
    tg_tensor softplus = tg_logaddexp(z, 0);
    if (!tgi_given(pos_weight)) return tg_sub(softplus, tg_mul(target, z));
    tg_tensor yes = tg_mul(pos_weight, target);
    return tg_sub(tg_mul(tg_add(yes, tg_sub(1, target)), softplus), tg_mul(yes, z));
}

tg_tensor(tg_bce_with_logits_loss)(tg_tensor z, tg_tensor target, const tg_bce_options *options) {
    static const tg_bce_options defaults;
    tgi_loss                    l;
    if (!options) options = &defaults;
    if (!begin_bce(&l, "bce_with_logits_loss", z, target, options)) return tgi_invalid(l.tape);
    return end_bce(&l, bce_of_logits(z, target, options->pos_weight), options);
}

/* ---- of distributions, of directions ----------------------------------------------------------------------------- */

tg_tensor(tg_kl_div)(tg_tensor log_p, tg_tensor target, bool log_target, tg_reduction reduction) {
    tgi_loss l;
    if (!begin(&l, "kl_div", reduction, log_p, target)) return tgi_invalid(l.tape);
    if (log_target) return end(&l, tg_mul(tg_exp(target), tg_sub(target, log_p)));
    tg_tensor logarithm = tg_log(tg_where(tg_eq(target, 0), 1, target));
    return end(&l, tg_mul(target, tg_sub(logarithm, log_p)));
}

/* 1 over the norm, or over eps where that is larger. The bound is put to the square, below the root, whose derivative at 0 is
 * then never taken. */
static tg_tensor over_norm(tg_tensor x, tg_axes axes, double eps) {
    return tg_rsqrt(tg_maximum(tg_sum_axes(tg_square(x), axes, false), eps * eps));
}

/* x, or a number, with all the axes that the other operand gives it: they count in its norm. */
static tg_tensor stretched(tgi_loss *l, tg_tensor x) {
    double   number;
    tg_shape shape = tg_shape_from(l->look.out.rank, l->look.out.dims);
    if (tgi_is_number(x, &number)) return tgi_full(l->tape, "cosine_similarity", l->in[0].dtype, shape, number);
    return tg_shape_equal(tg_shape_of(x), shape) ? x : tg_broadcast_to(x, shape);
}

tg_tensor(tg_cosine_similarity)(tg_tensor a, tg_tensor b, int axis, double eps) {
    tgi_loss l;
    tg_axes  axes = TG_AXES(axis);
    if (!begin(&l, "cosine_similarity", TG_REDUCE_NONE, a, b)) return tgi_invalid(l.tape);
    if (tgi_axis(axis, l.look.out.rank) < 0)
        tg_refuse(&l.look, TG_ERR_SHAPE, "axis %d of tensors of rank %d", axis, l.look.out.rank);
    if (!(eps >= 0)) tgi_fail(l.tape, TG_ERR_ARGUMENT, "cosine_similarity", "eps is %g, which is below 0", eps);
    a = stretched(&l, a);
    b = stretched(&l, b);
    tg_tensor product = tg_sum_axes(tg_mul(a, b), axes, false);
    return end(&l, tg_mul(tg_mul(product, over_norm(a, axes, eps)), over_norm(b, axes, eps)));
}
