/* ops/resize.c: images in other sizes.
 *
 * One axis after the other: slices are taken at indices that are known when they are recorded, and for linear interpolation
 * two of them weighed. So take has the gradients.
 *
 * SPDX-License-Identifier: MIT */
#include <tapegrad/conv.h>

#include "ops/ops.h"

/* An axis of n elements as one of `size`. */
typedef struct resizing {
    int64_t n, size;
    bool    align_corners;
} resizing;

static double place_of(const resizing *r, int64_t i) {
    if (r->align_corners) return r->size > 1 ? (double)i * (double)(r->n - 1) / (double)(r->size - 1) : 0;
    double place = ((double)i + 0.5) * (double)r->n / (double)r->size - 0.5;
    return place > 0 ? place : 0;
}

static int64_t at_most(int64_t i, int64_t most) {
    return i < most ? i : most;
}

static tg_tensor last_leaf(tg_tape *tape, const tgi_node *node) {
    return node ? tgi_tensor(tape, tape->count - 1) : tgi_invalid(tape);
}

static tgi_node *new_constant(tg_tape *tape, tg_dtype dtype, tg_shape shape) {
    return tgi_new_leaf(tape, "interpolate", &tgi_constant, NULL, dtype, shape, NULL);
}

/* The elements that the new ones are nearest to, or the first and the second of those that they are between. */
enum { NEAREST = -1, FIRST, SECOND };

static tg_tensor indices_of(tg_tape *tape, const resizing *r, int which) {
    tgi_node *node = new_constant(tape, TG_I64, TG_SHAPE(r->size));
    int64_t  *index = node ? node->data : NULL;
    for (int64_t i = 0; node && i < r->size; i++)
        index[i] = which == NEAREST ? i * r->n / r->size : at_most((int64_t)place_of(r, i) + which, r->n - 1);
    return last_leaf(tape, node);
}

/* What the second counts, along an axis that has `after` others behind it. */
static tg_tensor weights_of(tg_tape *tape, const resizing *r, tg_dtype dtype, int after) {
    tg_shape  shape = {.rank = after + 1, .dims = {r->size, 1, 1, 1, 1, 1, 1, 1}};
    tgi_node *node = new_constant(tape, dtype, shape);
    size_t    width = tg_dtype_size(dtype);
    for (int64_t i = 0; node && i < r->size; i++) {
        double place = place_of(r, i);
        tgi_convert(place - (double)(int64_t)place, dtype, (char *)node->data + (size_t)i * width);
    }
    return last_leaf(tape, node);
}

static tg_tensor resized_linearly(tg_tensor x, int axis, const resizing *r) {
    tg_tensor first = tg_take(x, indices_of(x.tape, r, FIRST), axis), second = tg_take(x, indices_of(x.tape, r, SECOND), axis);
    tg_tensor weight = weights_of(x.tape, r, tg_dtype_of(x), tg_shape_of(x).rank - axis - 1);
    return tg_add(tg_mul(tg_sub(1, weight), first), tg_mul(weight, second));
}

static tg_tensor resize(tg_tensor x, tg_shape size, bool linear, bool align_corners) {
    int before = tg_shape_of(x).rank - size.rank;
    for (int i = 0; i < size.rank && tg_valid(x); i++) {
        int      axis = before + i;
        resizing r = {tg_shape_of(x).dims[axis], size.dims[i], align_corners};
        if (r.n == r.size) continue;
        x = linear ? resized_linearly(x, axis, &r) : tg_take(x, indices_of(x.tape, &r, NEAREST), axis);
    }
    return x;
}

static tg_status check(tg_tensor x, const tgi_node *node, tg_shape size, tg_interpolation mode, bool align_corners) {
    static const char what[] = "interpolate";
    char              text[2][TGI_TEXT];
    if (mode != TG_NEAREST && mode != TG_LINEAR) return tgi_fail(x.tape, TG_ERR_ARGUMENT, what, "%d is no mode", (int)mode);
    if (align_corners && mode != TG_LINEAR) return tgi_fail(x.tape, TG_ERR_ARGUMENT, what, "align_corners is for TG_LINEAR");
    if (mode == TG_LINEAR && tgi_require_operand(x, what, TGI_FLOATS)) return x.tape->status;
    if (size.rank < 1 || size.rank > node->rank)
        return tgi_fail(x.tape, TG_ERR_SHAPE, what, "%d sizes for a tensor of rank %d", size.rank, (int)node->rank);
    for (int i = 0; i < size.rank; i++) {
        int64_t n = node->dims[node->rank - size.rank + i];
        if (n < 1 || n > TGI_LARGEST_SETTING || size.dims[i] < 1 || size.dims[i] > TGI_LARGEST_SETTING)
            return tgi_fail(x.tape, TG_ERR_SHAPE, what, "the last axes of %s cannot become %s",
                            tgi_shape_text(text[0], node->rank, node->dims), tgi_shape_text(text[1], size.rank, size.dims));
    }
    return TG_OK;
}

tg_tensor(tg_interpolate)(tg_tensor x, tg_shape size, tg_interpolation mode, bool align_corners) {
    const tgi_node *node = tgi_operand(x, "interpolate");
    if (!node || check(x, node, size, mode, align_corners)) return tgi_invalid(tgi_tape_of(x));
    tg_scope scope = tg_begin_scope(x.tape, "interpolate");
    return tg_end_scope_with(scope, resize(x, size, mode == TG_LINEAR, align_corners));
}
