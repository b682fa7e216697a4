/* tests/nn/reduced.h: what a reduction makes of the losses of the elements.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_NN_REDUCED_H
#define TESTS_NN_REDUCED_H

#include <math.h>

#include "ops/values.h"

/* y = the losses, reduced. `total` is what the mean divides by, or NULL for their number. */
static inline void expect_reduced(const values *each, tg_reduction how, const long double *total, values *y) {
    long double sum = 0, size = 0, divisor = 1;
    clear_values(y, each->dtype, how == TG_REDUCE_NONE ? each->shape : TG_SHAPE());
    for (int64_t n = 0; n < each->size; n++) {
        sum += each->at[n].real;
        size += fabsl(each->at[n].real);
        if (how == TG_REDUCE_NONE) y->at[n] = each->at[n];
    }
    if (how == TG_REDUCE_NONE) return;
    if (how == TG_REDUCE_MEAN) divisor = total ? *total : (long double)each->size;
    if (how == TG_REDUCE_BATCH_MEAN) divisor = (long double)each->shape.dims[0];
    y->at[0].real = sum / divisor;
    y->scale += divisor > 0 ? size / divisor : 0;
}

#endif
