/* run/call_view.c: asks an op's view rule, and checks the answer.
 *
 * What a view shows must be elements of its operand: a rule that says otherwise would let the executor read behind them.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "run/run.h"

/* The bytes, from data on, between which the elements of an array lie; false when they cannot be counted. */
static bool find_extent(const tg_array *array, int64_t *low, int64_t *high) {
    int64_t width = (int64_t)tg_dtype_size(array->dtype);
    *low = 0;
    *high = width;
    for (int i = 0; i < array->rank; i++) {
        int64_t way, *edge = array->strides[i] < 0 ? low : high;
        if (__builtin_mul_overflow(array->dims[i] - 1, array->strides[i], &way) || __builtin_mul_overflow(way, width, &way) ||
            __builtin_add_overflow(*edge, way, edge))
            return false;
    }
    return true;
}

static bool is_inside(const tg_array *in, const tg_array *out) {
    int64_t in_low, in_high, low, high, offset = (intptr_t)((uintptr_t)out->data - (uintptr_t)in->data);
    if (out->size == 0) return true;
    if (in->size == 0 || offset % (int64_t)tg_dtype_size(in->dtype)) return false;
    if (!find_extent(in, &in_low, &in_high) || !find_extent(out, &low, &high)) return false;
    return !__builtin_add_overflow(low, offset, &low) && !__builtin_add_overflow(high, offset, &high) && low >= in_low &&
           high <= in_high;
}

tgi_view_answer tgi_call_view(const tgi_node *node, const tg_array *in, tg_array *out) {
    *out = (tg_array){.dtype = in->dtype, .rank = node->rank, .size = tgi_node_size(node)};
    tgi_copy_sizes(node->rank, node->dims, out->dims);
    if (!node->op->view(in, node->attr, out)) return in->size == out->size ? TGI_VIEW_COPIES : TGI_VIEW_WRONG;
    out->dtype = in->dtype; /* the rule fills in data and strides, and no more */
    out->rank = node->rank;
    out->size = tgi_node_size(node);
    tgi_copy_sizes(node->rank, node->dims, out->dims);
    return is_inside(in, out) ? TGI_VIEW_SHOWS : TGI_VIEW_WRONG;
}
