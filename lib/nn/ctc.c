/* nn/ctc.c: connectionist temporal classification: A. Graves et al., "Connectionist Temporal Classification: Labelling
 * Unsegmented Sequence Data with Recurrent Neural Networks" (2006).
 *
 * The labels stand between blanks: blank, label 0, blank, label 1, ..., blank. alpha[s] is the logarithm of the probability
 * of all ways to be at place s of that row now. In a step one may stay, go on by one place, or by two where that passes a
 * blank between two different labels. The steps are ordinary ops, so that all derivatives exist; what is impossible is -inf,
 * with a gradient of 0.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "loss.h"

enum { LOG_P, TARGETS, INPUT_LENGTHS, TARGET_LENGTHS, OPERANDS };

typedef struct ctc {
    tg_operands    o;
    tg_ctc_options options;
    bool           single; /* no axis of samples: one was put in */
    int64_t        steps, samples, classes, labels;
    tg_tensor      log_p, targets, input_lengths, target_lengths; /* (T, N, C), (N, S), (N), (N) */
} ctc;

/* ---- checks ------------------------------------------------------------------------------------------------------ */

static tg_status check_lengths(const ctc *c, int which, tg_tensor lengths, const char *what) {
    const tg_type *type = &c->o.type[which];
    double         number;
    if (!c->o.present[which] || tg_is_number(lengths, &number)) return TG_OK;
    if (type->dtype != TG_I64) return tg_refuse_operands(&c->o, TG_ERR_DTYPE, "the %s must be int64", what);
    if (type->rank == 0 || (type->rank == 1 && !c->single && type->dims[0] == c->samples)) return TG_OK;
    return tg_refuse_operands(&c->o, TG_ERR_SHAPE, "the %s must be one for each of the %lld samples", what,
                              (long long)c->samples);
}

static tg_status check_targets(const ctc *c) {
    const tg_operands *o = &c->o;
    const tg_type     *targets = &o->type[TARGETS];
    int                rank = c->single ? 1 : 2;
    if (targets->dtype != TG_I64) return tg_refuse_operands(o, TG_ERR_DTYPE, "the targets must be int64");
    if (targets->rank == rank && (c->single || targets->dims[0] == c->samples)) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "the targets must be %s", c->single ? "(S)" : "(N, S)");
}

static tg_status check(ctc *c, const tg_tensor *x) {
    const tg_operands *o = &c->o;
    const tg_type     *log_p = &o->type[LOG_P];
    if (log_p->rank != 2 && log_p->rank != 3) return tg_refuse_operands(o, TG_ERR_SHAPE, "log_p is (T, N, C) or (T, C)");
    c->single = log_p->rank == 2;
    c->steps = log_p->dims[0];
    c->samples = c->single ? 1 : log_p->dims[1];
    c->classes = log_p->dims[log_p->rank - 1];
    if (c->steps < 1) return tg_refuse_operands(o, TG_ERR_SHAPE, "there are no steps");
    if (c->options.blank < 0 || c->options.blank >= c->classes)
        return tg_refuse_operands(o, TG_ERR_ARGUMENT, "the blank, %lld, is none of %lld classes", (long long)c->options.blank,
                                  (long long)c->classes);
    if (check_targets(c) || check_lengths(c, INPUT_LENGTHS, x[INPUT_LENGTHS], "input lengths") ||
        check_lengths(c, TARGET_LENGTHS, x[TARGET_LENGTHS], "target lengths"))
        return tg_error_status(o->tape);
    c->labels = o->type[TARGETS].dims[o->type[TARGETS].rank - 1];
    return tgi_check_batch(o, c->options.reduction, c->single ? 0 : 1);
}

/* ---- operands as they are needed --------------------------------------------------------------------------------- */

/* One length a sample; without any, `all`. */
static tg_tensor lengths_of(const ctc *c, tg_tensor lengths, int64_t all) {
    double number = (double)all;
    if (tg_is_none(lengths) || tg_is_number(lengths, &number)) lengths = tg_number(c->o.tape, TG_I64, number);
    return tg_broadcast_to(lengths, TG_SHAPE(c->samples));
}

/* Labels beyond a sample's own, which nobody looks at, become blanks: they may be anything. */
static tg_tensor own_labels(const ctc *c) {
    tg_tensor place = tg_arange(c->o.tape, TG_I64, 0, (double)c->labels, 1);
    return tg_where(tg_lt(place, tg_unsqueeze(c->target_lengths, 1)), c->targets, (double)c->options.blank);
}

static void take(ctc *c, const tg_tensor *x) {
    c->log_p = c->single ? tg_unsqueeze(x[LOG_P], 1) : x[LOG_P];
    c->targets = c->single ? tg_unsqueeze(x[TARGETS], 0) : x[TARGETS];
    c->input_lengths = lengths_of(c, x[INPUT_LENGTHS], c->steps);
    c->target_lengths = lengths_of(c, x[TARGET_LENGTHS], c->labels);
}

/* ---- the recursion ----------------------------------------------------------------------------------------------- */

static tg_tensor filled(const ctc *c, tg_dtype dtype, int64_t columns, double value) {
    return tg_broadcast_to(tg_number(c->o.tape, dtype, value), TG_SHAPE(c->samples, columns));
}

/* (N, 2 S + 1): the labels between blanks. */
static tg_tensor places_of(const ctc *c) {
    tg_tensor labels = own_labels(c), blank = filled(c, TG_I64, 1, (double)c->options.blank);
    tg_tensor pairs = tg_stack(TG_LIST(tg_broadcast_to(blank, TG_SHAPE(c->samples, c->labels)), labels), 2);
    return tg_concat(TG_LIST(tg_reshape(pairs, TG_SHAPE(c->samples, 2 * c->labels)), blank), 1);
}

/* Where one may come from two places before: to a label that is not the one before it. */
static tg_tensor skips_of(const ctc *c, tg_tensor places) {
    tg_tensor before = filled(c, TG_I64, c->labels ? 2 : 1, (double)c->options.blank);
    if (c->labels) before = tg_concat(TG_LIST(before, tg_slice(places, 1, 0, -2, 1)), 1);
    return tg_logical_and(tg_ne(places, (double)c->options.blank), tg_ne(places, before));
}

/* alpha after all steps of a sample, (N, 2 S + 1). It begins two places before the first one, at which alone one may be. */
static tg_tensor last_alpha(const ctc *c, tg_tensor places, int64_t n) {
    tg_dtype  dtype = c->o.type[LOG_P].dtype;
    tg_tensor nowhere = filled(c, dtype, 2, -INFINITY), skip = skips_of(c, places);
    tg_tensor index = tg_broadcast_to(places, TG_SHAPE(c->steps, c->samples, n)), log_p = tg_gather(c->log_p, index, 2);
    tg_tensor first = tg_lt(tg_arange(c->o.tape, TG_I64, 0, (double)n, 1), 2);
    tg_tensor alpha = tg_where(first, tg_select(log_p, 0, 0), -INFINITY), steps = tg_unsqueeze(c->input_lengths, 1);
    for (int64_t t = 1; t < c->steps && tg_valid(alpha); t++) {
        tg_tensor padded = tg_concat(TG_LIST(nowhere, alpha), 1);
        tg_tensor two = tg_where(skip, tg_slice(padded, 1, 0, n, 1), -INFINITY), one = tg_slice(padded, 1, 1, n + 1, 1);
        tg_tensor next = tg_add(tg_logaddexp(tg_logaddexp(alpha, one), two), tg_select(log_p, 0, t));
        alpha = tg_where(tg_gt(steps, (double)t), next, alpha);
    }
    return alpha;
}

/* log p of the labels, (N): one is at the last blank, or at the last label, where there is one. */
static tg_tensor log_likelihood(const ctc *c) {
    tg_tensor places = places_of(c), alpha = last_alpha(c, places, 2 * c->labels + 1);
    tg_tensor end = tg_mul(2, tg_unsqueeze(c->target_lengths, 1)), some = tg_gt(end, 0);
    tg_tensor label = tg_where(some, tg_gather(alpha, tg_where(some, tg_sub(end, 1), 0), 1), -INFINITY);
    return tg_squeeze_axes(tg_logaddexp(tg_gather(alpha, end, 1), label), TG_AXES(1));
}

/* A zero for each sample, taken from as many as there are steps: an input length that is out of range makes the run fail. */
static tg_tensor zeros_if_in_range(const ctc *c) {
    tg_tensor zeros = tg_broadcast_to(tg_number(c->o.tape, c->o.type[LOG_P].dtype, 0), TG_SHAPE(c->steps));
    return tg_take(zeros, tg_sub(c->input_lengths, 1), 0);
}

static tg_tensor loss_of(const ctc *c) {
    tg_tensor loss = tg_sub(zeros_if_in_range(c), log_likelihood(c));
    if (c->options.zero_infinity) loss = tg_where(tg_eq(loss, INFINITY), 0, loss);
    if (c->options.reduction == TG_REDUCE_MEAN)
        loss = tg_div(loss, tg_cast(tg_maximum(c->target_lengths, 1), c->o.type[LOG_P].dtype));
    if (c->single) loss = tg_squeeze(loss);
    return tgi_reduce_losses(loss, c->options.reduction);
}

tg_tensor(tg_ctc_loss)(tg_tensor log_p, tg_tensor targets, tg_tensor input_lengths, tg_tensor target_lengths,
                       const tg_ctc_options *options) {
    ctc       c = {.options = options ? *options : (tg_ctc_options){0}};
    tg_tensor x[OPERANDS] = {log_p, targets, tg_or_none(input_lengths), tg_or_none(target_lengths)};
    if (tgi_check_loss(&c.o, "ctc_loss", c.options.reduction, INPUT_LENGTHS, OPERANDS, x) || check(&c, x))
        return tg_invalid(c.o.tape);
    tg_scope scope = tg_begin_scope(c.o.tape, c.o.name);
    take(&c, x);
    return tg_end_scope_with(scope, loss_of(&c));
}
