/* tests/ops/axes.h: the formula that reductions share: the elements that go into each one of the result, reduced one by one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_OPS_AXES_H
#define TESTS_OPS_AXES_H

#include "ops/op_table.h"

/* In the settings: the axes, then `after` other numbers, the last of which is keepdim. */
static inline tg_axes axes_before(const settings *with, int after) {
    return tg_axes_from(with->count - after, with->value);
}

static inline bool keepdim_of(const settings *with) {
    return with->value[with->count - 1] != 0;
}

/* The n elements that one of the result is made of, in order. */
typedef element reducer(tg_dtype dtype, int64_t n, const element *x, const settings *with);

/* y = the reduction of x over the axes, or for NULL over all; its dtype is `dtype`. */
static inline void expect_reduced(const values *x, const tg_axes *axes, bool keepdim, tg_dtype dtype, const settings *with,
                                  reducer *reduce, values *y) {
    static element run[MOST_ELEMENTS];
    bool           gone[TG_MAX_RANK] = {false};
    tg_shape       shape = {0}, ones = x->shape;
    int64_t        index[TG_MAX_RANK];
    for (int k = 0; axes && k < axes->count; k++)
        gone[(axes->axis[k] + ones.rank) % ones.rank] = true;
    for (int i = 0; i < ones.rank; i++) {
        if (!axes) gone[i] = true;
        if (gone[i]) ones.dims[i] = 1;
        if (!gone[i] || keepdim) shape.dims[shape.rank++] = ones.dims[i];
    }
    clear_values(y, dtype, shape);
    for (int64_t m = 0; m < y->size; m++) {
        int64_t count = 0;
        for (int64_t n = 0; n < x->size; n++) {
            unravel(x->shape, n, index);
            if (ravel(ones, index) == m) run[count++] = x->at[n];
        }
        y->at[m] = reduce(x->dtype, count, run, with);
    }
}

#endif
