/* nn/embedding_bag.c: rows of a table, reduced bag by bag, composed of ops.
 *
 * Bags of one size are the rows of a matrix of indices, and are reduced along an axis. Bags of any size stand in one vector, one after the
 * other: each index then knows the number of its bag, from its place among the offsets, and its row is put there.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "core/inside.h"

enum { INDEX, WEIGHT, OFFSETS, FACTORS, OPERANDS };

typedef struct bags {
    tg_operands    o;
    tg_bag_options options;
    tg_tensor      index, weight, factors;
    tg_tensor      number; /* of the bag of each index; TG_NONE where the bags are rows */
    tg_tensor      valid;  /* whether it is not padding, with a last axis of size 1; TG_NONE where none is */
    int64_t        count;  /* of the bags */
} bags;

/* ---- the arguments ----------------------------------------------------------------------------------------------- */

static tg_status check_dtypes(const tg_operands *o) {
    tg_dtype dtype = o->type[WEIGHT].dtype;
    if (dtype != TG_F32 && dtype != TG_F64)
        return tg_refuse_operands(o, TG_ERR_DTYPE, "the weight is not floating: convert it with tg_cast");
    if (o->type[INDEX].dtype != TG_I64 || (o->present[OFFSETS] && o->type[OFFSETS].dtype != TG_I64))
        return tg_refuse_operands(o, TG_ERR_DTYPE, "indices and offsets must be int64: convert them with tg_cast");
    if (o->present[FACTORS] && o->type[FACTORS].dtype != dtype)
        return tg_refuse_operands(o, TG_ERR_DTYPE, "dtypes of the weights differ: convert them with tg_cast");
    return TG_OK;
}

static tg_status check_shapes(const tg_operands *o, const tg_bag_options *options) {
    const tg_type *index = &o->type[INDEX], *offsets = &o->type[OFFSETS];
    if (o->type[WEIGHT].rank != 2) return tg_refuse_operands(o, TG_ERR_SHAPE, "the weight must be (count, size)");
    if (index->rank != (o->present[OFFSETS] ? 1 : 2))
        return tg_refuse_operands(o, TG_ERR_SHAPE, "the indices must be (bags, n), or (n) with offsets");
    if (o->present[OFFSETS] && (offsets->rank != 1 || offsets->dims[0] < options->include_last_offset))
        return tg_refuse_operands(o, TG_ERR_SHAPE, "the offsets must be (bags)%s",
                                  options->include_last_offset ? ", and one more" : "");
    return tg_check_shape(o, FACTORS, "per_sample_weights", tg_shape_from(index->rank, index->dims));
}

static tg_status check_options(const tg_operands *o, const tg_bag_options *options) {
    if ((unsigned)options->mode > TG_BAG_MAX)
        return tg_fail(o->tape, TG_ERR_ARGUMENT, o->name, "%d is no tg_bag_mode", (int)options->mode);
    if (o->present[FACTORS] && options->mode != TG_BAG_SUM)
        return tg_fail(o->tape, TG_ERR_ARGUMENT, o->name, "per_sample_weights are for TG_BAG_SUM only");
    if (options->include_last_offset && !o->present[OFFSETS])
        return tg_fail(o->tape, TG_ERR_ARGUMENT, o->name, "include_last_offset, and no offsets");
    return TG_OK;
}

/* ---- what is in which bag ---------------------------------------------------------------------------------------- */

/* The number of an index's bag is that of the offsets up to its place, less 1. */
static void take_offsets(bags *b, tg_tensor offsets) {
    int64_t n = b->o.type[INDEX].dims[0];
    if (b->options.include_last_offset) offsets = tg_slice(offsets, 0, 0, -1, 1);
    tg_tensor places = tg_arange(b->o.tape, TG_I64, 0, (double)n, 1);
    b->number = tg_sub(tg_searchsorted(offsets, places, true), 1);
    b->count = b->o.type[OFFSETS].dims[0] - b->options.include_last_offset;
}

/* Padding becomes index 0, and is left out of what is made of the rows. */
static void take_padding(bags *b) {
    tg_tensor valid = tg_ne(b->index, (double)b->options.padding);
    b->index = tg_where(valid, b->index, 0);
    b->valid = tg_unsqueeze(valid, -1);
}

static void take(bags *b, tg_tensor offsets) {
    b->number = b->valid = TG_NONE;
    b->count = b->o.type[INDEX].dims[0];
    if (b->o.present[OFFSETS]) take_offsets(b, offsets);
    if (b->options.has_padding) take_padding(b);
}

/* ---- the reductions: x has a row for each index ------------------------------------------------------------------ */

static tg_tensor filled(const bags *b, int64_t rows, int64_t columns, double value) {
    return tg_broadcast_to(tg_number(b->o.tape, b->o.type[WEIGHT].dtype, value), TG_SHAPE(rows, columns));
}

static tg_tensor or_if_padding(const bags *b, tg_tensor x, double value) {
    return tg_is_none(b->valid) ? x : tg_where(b->valid, x, value);
}

static tg_tensor sum(const bags *b, tg_tensor x, int64_t columns) {
    if (tg_is_none(b->number)) return tg_sum_axes(x, TG_AXES(-2), false);
    return tg_index_put(filled(b, b->count, columns, 0), TG_LIST(b->number), x, true);
}

/* How many indices there are in each bag, (bags, 1). */
static tg_tensor sizes(const bags *b) {
    tg_type  index = b->o.type[INDEX];
    tg_shape shape = tg_shape_from(index.rank, index.dims);
    shape.dims[shape.rank++] = 1;
    tg_tensor one = tg_number(b->o.tape, b->o.type[WEIGHT].dtype, 1);
    return sum(b, or_if_padding(b, tg_broadcast_to(one, shape), 0), 1);
}

static tg_tensor largest(const bags *b, tg_tensor x, int64_t columns) {
    if (tg_size(x) == 0) return filled(b, b->count, columns, 0);
    x = or_if_padding(b, x, -INFINITY);
    if (tg_is_none(b->number))
        x = tg_max_axes(x, TG_AXES(-2), false);
    else
        x = tg_scatter_reduce(filled(b, b->count, columns, 0), tg_broadcast_to(tg_unsqueeze(b->number, 1), tg_shape_of(x)), x,
                              0, TG_SCATTER_MAX, false);
    return tg_is_none(b->valid) ? x : tg_where(tg_gt(sizes(b), 0), x, 0);
}

static tg_tensor reduce(const bags *b) {
    tg_tensor rows = tg_take(b->weight, b->index, 0);
    int64_t   columns = b->o.type[WEIGHT].dims[1];
    if (b->options.mode == TG_BAG_MAX) return largest(b, rows, columns);
    if (b->o.present[FACTORS]) rows = tg_mul(rows, tg_unsqueeze(b->factors, -1));
    tg_tensor total = sum(b, or_if_padding(b, rows, 0), columns);
    return b->options.mode == TG_BAG_SUM ? total : tg_div(total, tg_maximum(sizes(b), 1));
}

tg_tensor(tg_embedding_bag)(tg_tensor index, tg_tensor weight, tg_tensor offsets, const tg_bag_options *options) {
    bags            b = {.options = options ? *options : (tg_bag_options){0}, .index = index, .weight = weight};
    const tg_tensor x[OPERANDS] = {index, weight, offsets, b.factors = tg_or_none(b.options.per_sample_weights)};
    if (tg_check_operands(&b.o, "embedding_bag", OFFSETS, OPERANDS, x) || check_dtypes(&b.o) ||
        check_shapes(&b.o, &b.options) || check_options(&b.o, &b.options))
        return tg_invalid(b.o.tape);
    tg_scope scope = tg_begin_scope(b.o.tape, b.o.name);
    take(&b, offsets);
    return tg_end_scope_with(scope, reduce(&b));
}
