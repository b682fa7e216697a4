/* solve/odeint.h: the method of Dormand and Prince, and the steps that tg_odeint takes by it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_SOLVE_ODEINT_H
#define TGI_SOLVE_ODEINT_H

#include "core/inside.h"

enum { TGI_STAGES = 7 };

/* The equation. */
typedef struct tgi_ode {
    tg_tape    *tape;
    const char *name; /* of the function that the user called */
    tg_tensor   y0;
    tg_ode     *f;
    void       *context;
    tg_dtype    dtype;
    int64_t     size;
} tgi_ode;

/* A step that was accepted: from t to t + h. */
typedef struct tgi_ode_step {
    double t, h;
} tgi_ode_step;

/* The rate at t and y, by the user's function. */
tg_tensor tgi_ode_rate(const tgi_ode *ode, tg_tensor t, tg_tensor y);

/* The rates k[1] to k[6] of a step, for that of its beginning, k[0]; returns the state after it. The last rate is that of its end. */
tg_tensor tgi_ode_step_from(const tgi_ode *ode, tg_tensor t, tg_tensor h, tg_tensor y, tg_tensor *k);

/* What the state after the step is off by, as the method of order 4 in it sees it. */
tg_tensor tgi_ode_error(const tg_tensor *k, tg_tensor h);

/* The state at parts of the step, which are above 0 and at most 1; what broadcasts against the parts are vectors of the states' elements. */
tg_tensor tgi_ode_between(const tg_tensor *k, tg_tensor y, tg_tensor next, tg_tensor h, tg_tensor part);

/* Records the states at the times, (count, the state's sizes), by `n` steps from the first of them to the last, whose states take at most
 * that many bytes at a time for the gradient (0: no limit). */
tg_tensor tgi_record_solution(const tgi_ode *ode, int64_t n, const tgi_ode_step *steps, int count, const double *times,
                              size_t memory);

#endif
