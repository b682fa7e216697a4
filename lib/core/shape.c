/* core/shape.c: shapes, axes, and how shapes broadcast.
 *
 * SPDX-License-Identifier: MIT */
#include "core/tape.h"

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

tg_shape tg_shape_from(int rank, const int64_t *dims) {
    if (rank < 0 || rank > TG_MAX_RANK || (!dims && rank)) return (tg_shape){.rank = TG_MAX_RANK + 1};
#define SIZE(i) rank > i ? dims[i] : 0 /* written where it is returned: a copy would have to wait for it */
    return (tg_shape){rank, {SIZE(0), SIZE(1), SIZE(2), SIZE(3), SIZE(4), SIZE(5), SIZE(6), SIZE(7)}};
#undef SIZE
}

/* A zero hides no overflow: the sizes beside it must fit all the same, as strides are made of them. */
int64_t tgi_checked_size(int rank, const int64_t *dims) {
    int64_t size = 1;
    bool    empty = false;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0) return -1;
        empty |= dims[i] == 0;
        if (dims[i] > 0 && (__builtin_mul_overflow(size, dims[i], &size) || size > TGI_MOST_ELEMENTS)) return -1;
    }
    return empty ? 0 : size;
}

int64_t tg_shape_size(tg_shape shape) {
    return shape.rank < 0 || shape.rank > TG_MAX_RANK ? -1 : tgi_checked_size(shape.rank, shape.dims);
}

bool tg_shape_equal(tg_shape a, tg_shape b) {
    return a.rank >= 0 && a.rank <= TG_MAX_RANK && tgi_same_dims(a.rank, a.dims, b.rank, b.dims);
}

int64_t tgi_size(int rank, const int64_t *dims) {
    int64_t size = 1;
    for (int i = 0; i < rank; i++)
        size *= dims[i];
    return size;
}

bool tgi_broadcast(int *rank, int64_t *out, int a_rank, const int64_t *a, int b_rank, const int64_t *b) {
    *rank = a_rank > b_rank ? a_rank : b_rank;
    for (int i = 1; i <= *rank; i++) {
        int64_t p = i <= a_rank ? a[a_rank - i] : 1;
        int64_t q = i <= b_rank ? b[b_rank - i] : 1;
        if (p != q && p != 1 && q != 1) return false;
        out[*rank - i] = p == 1 ? q : p;
    }
    return true;
}

/* ---- axes -------------------------------------------------------------------------------------------------------- */

tg_axes tg_axes_from(int count, const int *axis) {
    bool    good = count >= 0 && count <= TG_MAX_RANK && (axis || !count);
    tg_axes axes = {.count = good ? count : TG_MAX_RANK + 1};
    for (int i = 0; i < axes.count && axes.count <= TG_MAX_RANK; i++)
        axes.axis[i] = axis[i];
    return axes;
}

int tgi_axis(int axis, int rank) {
    if (axis < -rank || axis >= rank) return -1;
    return axis < 0 ? axis + rank : axis;
}
