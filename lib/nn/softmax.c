/* nn/softmax.c: softmax and its logarithm, composed of ops.
 *
 * The maximum that is taken off changes neither of them, so for the derivatives it is a constant, of any order: it is taken of a
 * detached x. Nothing else is guarded: where it is infinite the result is NaN, as in PyTorch. What is done to the
 * sums, which are small, need not be done to all elements: that decides the form of both formulas, and of their gradients.
 *
 * SPDX-License-Identifier: MIT */
#include "nn/softmax.h"

tgi_powers tgi_powers_along(tg_tensor x, int axis) {
    tgi_powers p = {.max = TG_NONE, .z = x};
    if (tg_size(x)) { /* of nothing there is no maximum */
        p.max = tg_max_axes(tg_detach(x), TG_AXES(axis), true);
        p.z = tg_sub(x, p.max);
    }
    p.e = tg_exp(p.z);
    p.sum = tg_sum_axes(p.e, TG_AXES(axis), true);
    return p;
}

static tg_status check(tg_operands *o, const char *name, tg_tensor x, int *axis) {
    if (tg_check_operands(o, name, 1, 1, &x) || tg_check_axis(o, o->type[0].rank, axis)) return tg_error_status(o->tape);
    return tg_check_floating(o, 1);
}

tg_tensor(tg_softmax)(tg_tensor x, int axis) {
    tg_operands o;
    if (check(&o, "softmax", x, &axis)) return tg_invalid(o.tape);
    tg_scope   scope = tg_begin_scope(o.tape, o.name);
    tgi_powers p = tgi_powers_along(x, axis);
    return tg_end_scope_with(scope, tg_mul(p.e, tg_reciprocal(p.sum)));
}

/* Not x - logsumexp(x), which adds the maximum and takes it off again, with the digits that that costs. */
tg_tensor(tg_log_softmax)(tg_tensor x, int axis) {
    tg_operands o;
    if (check(&o, "log_softmax", x, &axis)) return tg_invalid(o.tape);
    tg_scope   scope = tg_begin_scope(o.tape, o.name);
    tgi_powers p = tgi_powers_along(x, axis);
    return tg_end_scope_with(scope, tg_add(p.z, tg_neg(tg_log(p.sum))));
}
