/* solve/dormand_prince.c: a step of the method of Dormand and Prince, as formulas.
 *
 * SPDX-License-Identifier: MIT */
#include "solve/odeint.h"

enum { STAGES = TGI_STAGES };

/* Hairer, Norsett and Wanner, II.5, table 5.2. The last row of A is the step; the error is that of order 5 less that of order 4. */
static const double C[STAGES] = {0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1};
static const double A[STAGES][STAGES - 1] = {
    {0},
    {1. / 5},
    {3. / 40, 9. / 40},
    {44. / 45, -56. / 15, 32. / 9},
    {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
    {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
    {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84},
};
static const double ERROR[STAGES] = {71. / 57600, 0, -71. / 16695, 71. / 1920, -17253. / 339200, 22. / 525, -1. / 40};

/* II.6: what stands last in the interpolation. */
static const double DENSE[STAGES] = {-12715105075. / 11282082432,  0,
                                     87487479700. / 32700410799,   -10690763975. / 1880347072,
                                     701980252875. / 199316789632, -1453857185. / 822651844,
                                     69997945. / 29380423};

tg_tensor tgi_ode_rate(const tgi_ode *ode, tg_tensor t, tg_tensor y) {
    tg_callback outer = tg_begin_callback(ode->tape, "an equation's function");
    tg_tensor   rate = ode->f(t, y, ode->context);
    if (tg_end_callback(outer) || tg_check_tensor(ode->tape, ode->name, "what the function returned", rate))
        return tg_invalid(ode->tape);
    if (tg_dtype_of(rate) == ode->dtype) return tg_broadcast_to(rate, tg_shape_of(ode->y0));
    tg_fail(ode->tape, TG_ERR_DTYPE, ode->name, "the function returned %s for a state of %s", tg_dtype_name(tg_dtype_of(rate)),
            tg_dtype_name(ode->dtype));
    return tg_invalid(ode->tape);
}

/* h times the sum of weighted rates */
static tg_tensor combine(int count, const double *weights, const tg_tensor *k, tg_tensor h) {
    tg_tensor sum = TG_NONE;
    for (int j = 0; j < count; j++) {
        if (weights[j] == 0) continue;
        tg_tensor term = tg_mul(weights[j], k[j]);
        sum = tg_is_none(sum) ? term : tg_add(sum, term);
    }
    return tg_mul(h, sum);
}

tg_tensor tgi_ode_step_from(const tgi_ode *ode, tg_tensor t, tg_tensor h, tg_tensor y, tg_tensor *k) {
    tg_tensor next = y;
    for (int i = 1; i < STAGES; i++) {
        k[i] = tg_invalid(ode->tape);
        if (tg_error_status(ode->tape)) continue; /* the function is not called with what is none */
        next = tg_add(y, combine(i, A[i], k, h));
        k[i] = tgi_ode_rate(ode, tg_add(t, tg_mul(C[i], h)), next);
    }
    return next;
}

tg_tensor tgi_ode_error(const tg_tensor *k, tg_tensor h) {
    return combine(STAGES, ERROR, k, h);
}

static tg_tensor flat(tg_tensor x) {
    return tg_valid(x) ? tg_reshape(x, TG_SHAPE(tg_size(x))) : x;
}

/* At the end the state is the step's own, and not what the polynomial gives there but for rounding. */
tg_tensor tgi_ode_between(const tg_tensor *k, tg_tensor y, tg_tensor next, tg_tensor h, tg_tensor part) {
    tg_tensor whole = tg_sub(next, y), first = tg_sub(tg_mul(h, k[0]), whole);
    tg_tensor last = tg_sub(tg_sub(whole, tg_mul(h, k[STAGES - 1])), first), highest = combine(STAGES, DENSE, k, h);
    tg_tensor rest = tg_sub(1, part);
    tg_tensor inner = tg_add(flat(last), tg_mul(rest, flat(highest)));
    tg_tensor moved = tg_mul(part, tg_add(flat(whole), tg_mul(rest, tg_add(flat(first), tg_mul(part, inner)))));
    return tg_where(tg_lt(part, 1), tg_add(flat(y), moved), flat(next));
}
