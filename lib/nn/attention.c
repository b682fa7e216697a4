/* nn/attention.c: scaled dot product attention, composed of ops.
 *
 * A mask of either kind is added to the scores: what takes no part gets -inf, and so the weight 0. A row of which nothing takes
 * part would have no weights, 0 / 0: it is found by its mask, which is smaller than the scores or as large, attends to everything
 * instead, and its result is then replaced by 0, through which no gradient flows.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "core/inside.h"

enum { Q, K, V, MASK, OPERANDS };

static int64_t size_at(const tg_type *x, int from_the_end) {
    return x->dims[x->rank - from_the_end];
}

/* ---- the formula ------------------------------------------------------------------------------------------------- */

/* 0 where the bool tensor is true, else -inf, in the dtype of the scores. */
static tg_tensor as_bias(const tg_operands *o, tg_tensor takes_part) {
    return tg_where(takes_part, 0, tg_number(o->tape, o->type[Q].dtype, -(double)INFINITY));
}

/* Query i sees the first i + 1 keys: for the queries from `first` on, `rows` of them. */
static tg_tensor causal_bias(const tg_operands *o, int64_t first, int64_t rows, int64_t keys) {
    return as_bias(o, tg_tril(tg_broadcast_to(tg_number(o->tape, TG_BOOL, 1), TG_SHAPE(rows, keys)), first));
}

/* What is added to the scores for the mask; *alive tells the rows in which something takes part. */
static tg_tensor bias_of_mask(const tg_operands *o, tg_tensor mask, bool causal, tg_tensor *alive) {
    tg_axes   keys = TG_AXES(-1);
    tg_tensor bias = o->type[MASK].dtype == TG_BOOL ? as_bias(o, mask) : mask;
    if (causal) bias = tg_add(bias, causal_bias(o, 0, size_at(&o->type[Q], 2), size_at(&o->type[K], 2)));
    *alive = tg_any_axes(tg_ne(bias, -(double)INFINITY), keys, true);
    return tg_where(*alive, bias, 0);
}

static tg_tensor attend(tg_tensor q, tg_tensor k, tg_tensor v, tg_tensor bias, double dropout) {
    tg_tensor scores = tg_matmul(q, tg_transpose(k, -1, -2));
    if (!tg_is_none(bias)) scores = tg_add(scores, bias);
    return tg_matmul(tg_dropout(tg_softmax(scores, -1), dropout, true), v);
}

/* In parts of so many queries, or of an eighth of them, each with the keys that its last query sees: what is behind them, up to half of
 * all scores, is not computed. With dropout all at once, with all keys, as PyTorch draws its numbers. */
enum { PART = 128, MOST_PARTS = 8 };

static tg_tensor attend_causally(const tg_operands *o, tg_tensor q, tg_tensor k, tg_tensor v, double dropout) {
    int64_t   queries = size_at(&o->type[Q], 2), all_keys = size_at(&o->type[K], 2);
    bool      whole = dropout > 0;
    int64_t   rows = whole ? queries : (queries + MOST_PARTS - 1) / MOST_PARTS;
    tg_tensor part[MOST_PARTS] = {{0}};
    int       parts = 0;
    if (rows < PART) rows = PART;
    for (int64_t first = 0; first < queries || !parts; first += rows) {
        int64_t   last = first + rows < queries ? first + rows : queries, keys = whole || last > all_keys ? all_keys : last;
        tg_tensor bias = causal_bias(o, first, last - first, keys);
        part[parts++] = attend(tg_slice(q, -2, first, last, 1), tg_slice(k, -2, 0, keys, 1), tg_slice(v, -2, 0, keys, 1),
                               bias, dropout);
    }
    return parts == 1 ? part[0] : tg_concat(tg_list_from(parts, part), -2);
}

static tg_tensor attention(const tg_operands *o, const tg_tensor *x, const tg_attention_options *options) {
    const tg_type *q = &o->type[Q];
    double         scale = options->scale != 0 ? options->scale : 1 / sqrt((double)q->dims[q->rank - 1]);
    tg_tensor      scaled = tg_mul(x[Q], scale), bias = TG_NONE, alive = TG_NONE;
    if (options->causal && !o->present[MASK]) return attend_causally(o, scaled, x[K], x[V], options->dropout);
    if (o->present[MASK]) bias = bias_of_mask(o, x[MASK], options->causal, &alive);
    tg_tensor y = attend(scaled, x[K], x[V], bias, options->dropout);
    return tg_is_none(alive) ? y : tg_where(alive, y, 0);
}

/* ---- the arguments ----------------------------------------------------------------------------------------------- */

static tg_status refuse(const tg_operands *o, const char *why) {
    return tg_refuse_operands(o, TG_ERR_SHAPE, "%s", why);
}

/* Widens the shape to what it and the first axes of x, without the last two, broadcast to. */
static bool broadcast_batch(tg_shape *batch, const tg_type *x) {
    return tg_broadcast_shapes(*batch, tg_shape_from(x->rank - 2, x->dims), batch);
}

static tg_status check_shapes(const tg_operands *o, tg_shape *scores) {
    const tg_type *q = &o->type[Q], *k = &o->type[K], *v = &o->type[V];
    if (q->rank < 2 || k->rank < 2 || v->rank < 2) return refuse(o, "queries, keys and values have two axes at least");
    if (size_at(q, 1) != size_at(k, 1)) return refuse(o, "the last axes of queries and keys differ");
    if (size_at(k, 2) != size_at(v, 2)) return refuse(o, "there are not as many values as keys");
    *scores = (tg_shape){0};
    if (!broadcast_batch(scores, q) || !broadcast_batch(scores, k) || !broadcast_batch(scores, v))
        return refuse(o, "the axes before the last two do not broadcast");
    scores->dims[scores->rank++] = size_at(q, 2);
    scores->dims[scores->rank++] = size_at(k, 2);
    return TG_OK;
}

/* The mask, if there is one, broadcasts to the scores, and is bool or of their dtype. */
static tg_status check_mask(const tg_operands *o, tg_tensor mask, tg_shape scores) {
    tg_shape shape = tg_shape_from(o->type[MASK].rank, o->type[MASK].dims), both;
    char     text[TG_SHAPE_TEXT];
    double   number;
    if (!o->present[MASK]) return TG_OK;
    if (tg_is_number(mask, &number))
        return tg_fail(o->tape, TG_ERR_ARGUMENT, o->name, "the mask is a plain number: TG_NONE is no mask");
    if (shape.rank && tg_broadcast_shapes(scores, shape, &both) && tg_shape_equal(both, scores))
        return o->type[MASK].dtype == TG_BOOL ? TG_OK : tg_check_floating(o, OPERANDS);
    return tg_refuse_operands(o, TG_ERR_SHAPE, "the mask does not broadcast to %s", tg_shape_text(text, scores));
}

static tg_status check_options(const tg_operands *o, const tg_attention_options *options) {
    if (tg_check_option(o->tape, o->name, "dropout", options->dropout, 0, 1, TG_CLOSED)) return tg_error_status(o->tape);
    return tg_check_option(o->tape, o->name, "scale", options->scale, -INFINITY, INFINITY, TG_OPEN);
}

tg_tensor(tg_scaled_dot_product_attention)(tg_tensor q, tg_tensor k, tg_tensor v, tg_tensor mask,
                                           const tg_attention_options *options) {
    const tg_tensor            x[OPERANDS] = {q, k, v, mask};
    const tg_attention_options usual = {0};
    tg_operands                o;
    tg_shape                   scores;
    if (!options) options = &usual;
    if (tg_check_operands(&o, "scaled_dot_product_attention", MASK, OPERANDS, x) || tg_check_floating(&o, MASK) ||
        check_shapes(&o, &scores) || check_mask(&o, mask, scores) || check_options(&o, options))
        return tg_invalid(o.tape);
    tg_scope scope = tg_begin_scope(o.tape, o.name);
    return tg_end_scope_with(scope, attention(&o, x, options));
}
