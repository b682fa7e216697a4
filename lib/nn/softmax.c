/* nn/softmax.c: softmax and its logarithm, composed of ops.
 *
 * The maximum that is taken off changes neither of them, so for the derivatives it is a constant, of any order: it is taken of a
 * detached x. Nothing else is guarded: where it is infinite the result is NaN, as in PyTorch. What is done to the
 * sums, which are small, need not be done to all elements: that decides the form of both formulas, and of their gradients.
 *
 * SPDX-License-Identifier: MIT */
#include "nn/softmax.h"

#include <tapegrad/nn.h>

#include "ops/reduce.h"

tgi_powers tgi_powers_along(tg_tensor x, int axis) {
    tgi_powers p = {.z = x};
    if (tg_size(x)) p.z = tg_sub(x, tg_max_axes(tg_detach(x), TG_AXES(axis), true)); /* of nothing there is no maximum */
    p.e = tg_exp(p.z);
    p.sum = tg_sum_axes(p.e, TG_AXES(axis), true);
    return p;
}

tg_tensor(tg_softmax)(tg_tensor x, int axis) {
    tgi_reduction r;
    if (!tgi_begin_reduction(x, "softmax", TG_AXES(axis), true, false, &r)) return tgi_invalid(tgi_tape_of(x));
    tgi_call   call = tgi_begin(x.tape);
    tgi_powers p = tgi_powers_along(x, axis);
    return tgi_end_with(x.tape, call, tg_mul(p.e, tg_reciprocal(p.sum)));
}

/* Not x - logsumexp(x), which adds the maximum and takes it off again, with the digits that that costs. */
tg_tensor(tg_log_softmax)(tg_tensor x, int axis) {
    tgi_reduction r;
    if (!tgi_begin_reduction(x, "log_softmax", TG_AXES(axis), true, false, &r)) return tgi_invalid(tgi_tape_of(x));
    tgi_call   call = tgi_begin(x.tape);
    tgi_powers p = tgi_powers_along(x, axis);
    return tgi_end_with(x.tape, call, tg_add(p.z, tg_neg(tg_log(p.sum))));
}
