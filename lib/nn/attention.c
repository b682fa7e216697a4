/* nn/attention.c: scaled dot product attention, composed of ops.
 *
 * A mask of either kind is added to the scores: what takes no part gets -inf, and so the weight 0. A row of which nothing takes part
 * would have no weights, 0 / 0: it is found by its mask, which is smaller than the scores or as large, attends to everything
 * instead, and its result is then replaced by 0, through which no gradient flows.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/nn.h>

#include <math.h>

#include "nn/given.h"

static const char name[] = "scaled_dot_product_attention";

enum { Q, K, V, MASK, OPERANDS };

/* ---- the formula ------------------------------------------------------------------------------------------------- */

/* 0 where the bool tensor is true, else -inf, in the dtype of the scores. */
static tg_tensor as_bias(const tgi_given *given, tg_tensor takes_part) {
    tg_tensor least = tgi_full(given->look.tape, name, given->of[Q]->dtype, TG_SHAPE(), -(double)INFINITY);
    return tg_where(takes_part, 0, least);
}

/* Row i of the queries sees the first i + 1 keys. */
static tg_tensor causal_part(const tgi_given *given) {
    const tg_type *q = given->of[Q], *k = given->of[K];
    return tg_tril(tgi_full(given->look.tape, name, TG_BOOL, TG_SHAPE(q->dims[q->rank - 2], k->dims[k->rank - 2]), 1), 0);
}

/* What is added to the scores for the mask; *alive tells the rows in which something takes part. */
static tg_tensor bias_of_mask(const tgi_given *given, tg_tensor mask, bool causal, tg_tensor *alive) {
    tg_axes   keys = TG_AXES(-1);
    tg_tensor bias = given->of[MASK]->dtype == TG_BOOL ? as_bias(given, mask) : mask;
    if (causal) bias = tg_add(bias, as_bias(given, causal_part(given)));
    *alive = tg_any_axes(tg_ne(bias, -(double)INFINITY), keys, true);
    return tg_where(*alive, bias, 0);
}

static tg_tensor attention(const tgi_given *given, const tg_tensor *x, const tg_attention_options *options) {
    const tg_type *q = given->of[Q];
    double         scale = options->scale != 0 ? options->scale : 1 / sqrt((double)q->dims[q->rank - 1]);
    tg_tensor      scores = tg_matmul(tg_mul(x[Q], scale), tg_transpose(x[K], -1, -2)), alive = TG_NONE;
    if (given->of[MASK])
        scores = tg_add(scores, bias_of_mask(given, x[MASK], options->causal, &alive));
    else if (options->causal)
        scores = tg_add(scores, as_bias(given, causal_part(given)));
    tg_tensor y = tg_matmul(tg_dropout(tg_softmax(scores, -1), options->dropout, true), x[V]);
    return tgi_is_none(alive) ? y : tg_where(alive, y, 0);
}

/* ---- the arguments ----------------------------------------------------------------------------------------------- */

static bool refuse(const tgi_given *given, const char *why) {
    tg_refuse(&given->look, TG_ERR_SHAPE, "%s", why);
    return false;
}

static int64_t size_at(const tg_type *x, int from_the_end) {
    return x->dims[x->rank - from_the_end];
}

/* Widens the shape to what it and the first axes of x, without the last two, broadcast to. */
static bool broadcast_batch(tg_shape *batch, const tg_type *x) {
    return tgi_broadcast(&batch->rank, batch->dims, batch->rank, batch->dims, x->rank - 2, x->dims);
}

static bool fit_together(const tgi_given *given, tg_shape *scores) {
    const tg_type *q = given->of[Q], *k = given->of[K], *v = given->of[V];
    if (q->rank < 2 || k->rank < 2 || v->rank < 2) return refuse(given, "queries, keys and values have two axes at least");
    if (size_at(q, 1) != size_at(k, 1)) return refuse(given, "the last axes of queries and keys differ");
    if (size_at(k, 2) != size_at(v, 2)) return refuse(given, "there are not as many values as keys");
    *scores = (tg_shape){0};
    if (!broadcast_batch(scores, q) || !broadcast_batch(scores, k) || !broadcast_batch(scores, v))
        return refuse(given, "the axes before the last two do not broadcast");
    scores->dims[scores->rank++] = size_at(q, 2);
    scores->dims[scores->rank++] = size_at(k, 2);
    return true;
}

/* Whether the mask, if there is one, broadcasts to the scores, and is bool or of their dtype. */
static bool is_mask(const tgi_given *given, tg_tensor mask, const tg_shape *scores) {
    const tg_type *type = given->of[MASK];
    char           text[TGI_TEXT];
    tg_shape       both;
    double         number;
    if (!type) return true;
    if (tgi_is_number(mask, &number)) {
        tgi_fail(given->look.tape, TG_ERR_ARGUMENT, name, "the mask is a plain number: TG_NONE is no mask");
        return false;
    }
    if (type->rank && tgi_broadcast(&both.rank, both.dims, scores->rank, scores->dims, type->rank, type->dims) &&
        tg_shape_equal(both, *scores))
        return type->dtype == TG_BOOL || tgi_given_floating(given, OPERANDS);
    tg_refuse(&given->look, TG_ERR_SHAPE, "the mask does not broadcast to %s",
              tgi_shape_text(text, scores->rank, scores->dims));
    return false;
}

static bool are_options(const tgi_given *given, const tg_attention_options *options) {
    if (isfinite(options->scale)) return true;
    tgi_fail(given->look.tape, TG_ERR_ARGUMENT, name, "the scale is %g", options->scale);
    return false;
}

tg_tensor(tg_scaled_dot_product_attention)(tg_tensor q, tg_tensor k, tg_tensor v, tg_tensor mask,
                                           const tg_attention_options *options) {
    const tg_tensor            x[OPERANDS] = {q, k, v, mask};
    const tg_attention_options usual = {0};
    tgi_given                  given;
    tg_shape                   scores;
    if (!options) options = &usual;
    if (!tgi_look_given(&given, name, MASK, OPERANDS, x) || !tgi_given_floating(&given, MASK) ||
        !fit_together(&given, &scores) || !is_mask(&given, mask, &scores) || !are_options(&given, options))
        return tgi_invalid(given.look.tape);
    tgi_call call = tgi_begin(q.tape);
    return tgi_end_with(q.tape, call, attention(&given, x, options));
}
