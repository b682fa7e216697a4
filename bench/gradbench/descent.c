/* bench/gradbench/descent.c: gradient descent.
 *
 * SPDX-License-Identifier: MIT */
#include "descent.h"

#include <math.h>
#include <string.h>

enum { MOST = 8 }; /* elements of a point */

static const double small = 1e-5; /* a gradient, or a step, at which a descent ends */

/* ---- gradients --------------------------------------------------------------------------------------------------- */

tg_tensor gradient(tg_tape *tape, ad_mode mode, tg_tensor y, tg_tensor x, tg_tensor units) {
    tg_tensor g[MOST];
    if (mode == REVERSE) {
        tg_vjp(tape, 1, &y, NULL, 1, &x, g);
        return g[0];
    }
    int n = (int)tg_size(x);
    for (int i = 0; i < n && i < MOST; i++) {
        tg_tensor unit = tg_select(units, 0, i);
        tg_jvp(tape, 1, &x, &unit, 1, &y, &g[i]);
    }
    return tg_stack(tg_list_from(n, g), 0);
}

static tg_tensor units_for(tg_tape *tape, ad_mode mode, tg_tensor x) {
    return mode == FORWARD ? tg_eye(tape, TG_F64, tg_size(x), tg_size(x)) : TG_NONE;
}

/* ---- the length of steps ----------------------------------------------------------------------------------------- */

/* A step is `rate` times the gradient. It becomes twice as long after ten that went down, and half as long after one that
 * did not. */
typedef struct pace {
    double rate;
    int    steps; /* down, since it was changed */
} pace;

static const pace first_pace = {.rate = 1e-5};

/* Whether there is to be another step from where the gradient is g. */
static bool goes_on(pace *p, const double *g, int64_t n) {
    double square = 0;
    for (int64_t j = 0; j < n; j++)
        square += g[j] * g[j];
    if (p->steps == 10) *p = (pace){.rate = 2 * p->rate};
    return sqrt(square) > small && p->rate * sqrt(square) > small;
}

static void went_down(pace *p, bool down) {
    if (down)
        p->steps++;
    else
        *p = (pace){.rate = p->rate / 2};
}

/* ---- descents ---------------------------------------------------------------------------------------------------- */

/* What was recorded for a step is forgotten after it. */
void minimize(tg_tape *tape, ad_mode mode, objective *f, void *context, tg_tensor x) {
    double    at[MOST], next[MOST], g[MOST];
    int64_t   n = tg_size(x);
    tg_tensor units = units_for(tape, mode, x);
    tg_mark   mark = tg_tape_mark(tape);

    tg_read(x, at, n);
    tg_tensor y = f(x, context);
    double    least = tg_item(y);
    tg_read(gradient(tape, mode, y, x, units), g, n);
    tg_rewind(tape, mark);
    for (pace p = first_pace; !tg_error_status(tape) && goes_on(&p, g, n);) {
        for (int64_t j = 0; j < n; j++)
            next[j] = at[j] - p.rate * g[j];
        tg_write(x, next, n);
        y = f(x, context);
        double value = tg_item(y);
        went_down(&p, value < least);
        if (value < least) {
            least = value;
            memcpy(at, next, sizeof at);
            tg_read(gradient(tape, mode, y, x, units), g, n);
        }
        tg_rewind(tape, mark);
    }
    tg_write(x, at, n);
}

tg_tensor minimized(tg_tape *tape, ad_mode mode, objective *f, void *context, tg_tensor x) {
    double    g[MOST];
    int64_t   n = tg_size(x);
    tg_tensor units = units_for(tape, mode, x), y = f(x, context);
    double    least = tg_item(y);
    tg_tensor slope = gradient(tape, mode, y, x, units);

    tg_read(slope, g, n);
    for (pace p = first_pace; !tg_error_status(tape) && goes_on(&p, g, n);) {
        tg_mark   mark = tg_tape_mark(tape);
        tg_tensor next = tg_sub(x, tg_mul(p.rate, slope));
        y = f(next, context);
        double value = tg_item(y);
        went_down(&p, value < least);
        if (value < least) {
            least = value;
            x = next;
            slope = gradient(tape, mode, y, x, units);
            tg_read(slope, g, n);
        } else
            tg_rewind(tape, mark);
    }
    return x;
}
