/* solve/line_search.c: the line search of J. J. Moré and D. J. Thuente, "Line search algorithms with guaranteed sufficient decrease"
 * (1994).
 *
 * It keeps the best step so far and, once a step was too long, the other end of an interval in which there is one that satisfies both
 * conditions of Wolfe:
 *     value(step) <= value(0) + DECREASE step slope(0),   |slope(step)| <= CURVATURE |slope(0)|
 * The next step is the minimum of a cubic or a parabola through what is known of the two. Until a step with enough decrease and an
 * upward slope is met, the interval is kept for value(step) - DECREASE step slope(0), as in the paper. The constants are those of
 * L-BFGS-B. Where the value changes by rounding errors alone, the first condition is that of W. W. Hager and H. Zhang, "A new conjugate
 * gradient method with guaranteed descent and an efficient line search" (2005), (4.1).
 *
 * SPDX-License-Identifier: MIT */
#include "solve/line_search.h"

#include <math.h>

static const double DECREASE = 1e-3, CURVATURE = 0.9, NARROW = 0.1;
enum { MOST_TRIALS = 20 };

tgi_line_search tgi_begin_search(double value, double slope, double noise, double step, double longest) {
    tgi_trial start = {0, value, slope};
    return (tgi_line_search){.value = value,
                             .slope = slope,
                             .noise = noise,
                             .step = fmin(step, longest),
                             .longest = longest,
                             .best = start,
                             .other = start,
                             .width = longest,
                             .width_before = 2 * longest};
}

/* ---- models through two trials ----------------------------------------------------------------------------------- */

/* The minimum of the cubic with the values and slopes of both. `beyond`: it is wanted beyond b, and infinite where there is none. */
static double cubic_minimum(tgi_trial a, tgi_trial b, bool beyond) {
    double d = b.step - a.step, theta = 3 * (a.value - b.value) / d + a.slope + b.slope;
    double s = fmax(fabs(theta), fmax(fabs(a.slope), fabs(b.slope)));
    double radicand = (theta / s) * (theta / s) - (a.slope / s) * (b.slope / s);
    double gamma = copysign(s * sqrt(fmax(0, radicand)), -d);
    double r = (gamma - b.slope + theta) / (gamma - b.slope + gamma + a.slope);
    if (beyond && !(r < 0 && radicand > 0)) return copysign(INFINITY, d);
    return b.step - r * d;
}

/* That of the parabola with the values of both and the slope of a; and where the slope is 0 that changes evenly. */
static double parabola_minimum(tgi_trial a, tgi_trial b) {
    double d = b.step - a.step;
    return a.step + a.slope / ((a.value - b.value) / d + a.slope) / 2 * d;
}

static double secant_root(tgi_trial a, tgi_trial b) {
    return b.step + b.slope / (b.slope - a.slope) * (a.step - b.step);
}

/* ---- the next step ----------------------------------------------------------------------------------------------- */

/* The four cases of the paper, section 4; t is the trial. Before there is an interval, the step grows by a factor from 1.1 to 4. */
static double next_step(const tgi_line_search *s, tgi_trial t) {
    tgi_trial best = s->best;
    bool      on = t.value <= best.value && t.slope * best.slope >= 0 && fabs(t.slope) < fabs(best.slope);
    double    cubic = cubic_minimum(best, t, on), secant = secant_root(best, t), grown = t.step - best.step;
    if (t.value > best.value) {
        double parabola = parabola_minimum(best, t);
        return fabs(cubic - best.step) < fabs(parabola - best.step) ? cubic : cubic + (parabola - cubic) / 2;
    }
    if (t.slope * best.slope < 0) return fabs(cubic - t.step) > fabs(secant - t.step) ? cubic : secant;
    if (!on) return s->bracketed ? cubic_minimum(t, s->other, false) : t.step + 4 * grown;
    bool farther = fabs(cubic - t.step) > fabs(secant - t.step);
    if (!s->bracketed) return fmin(fmax(farther ? cubic : secant, t.step + 1.1 * grown), t.step + 4 * grown);
    double step = farther ? secant : cubic, limit = t.step + 0.66 * (s->other.step - t.step);
    return t.step > best.step ? fmin(limit, step) : fmax(limit, step);
}

static void narrow(tgi_line_search *s, tgi_trial t) {
    bool too_long = t.value > s->best.value, passed = t.slope * s->best.slope < 0;
    if (too_long || passed) s->bracketed = true;
    if (too_long) {
        s->other = t;
        return;
    }
    if (passed) s->other = s->best;
    s->best = t;
}

/* Trials as seen by the function that the interval is kept for. */
static tgi_trial tilted(tgi_trial t, double tilt) {
    return (tgi_trial){t.step, t.value - t.step * tilt, t.slope - tilt};
}

static void tilt_ends(tgi_line_search *s, double tilt) {
    s->best = tilted(s->best, tilt);
    s->other = tilted(s->other, tilt);
}

/* An interval that does not become much smaller is halved. */
static void choose(tgi_line_search *s, tgi_trial t, double tilt) {
    tilt_ends(s, tilt);
    t = tilted(t, tilt);
    s->step = next_step(s, t);
    narrow(s, t);
    tilt_ends(s, -tilt);
    if (s->bracketed) {
        double width = fabs(s->other.step - s->best.step);
        if (width >= 0.66 * s->width_before) s->step = s->best.step + (s->other.step - s->best.step) / 2;
        s->width_before = s->width;
        s->width = width;
    }
    s->step = fmin(s->step, s->longest);
}

/* ---- the search -------------------------------------------------------------------------------------------------- */

static tgi_search_state fail(tgi_line_search *s) {
    s->step = s->best.step;
    return TGI_SEARCH_FAILED;
}

static bool is_used_up(const tgi_line_search *s) {
    double low = fmin(s->best.step, s->other.step), high = fmax(s->best.step, s->other.step);
    return s->trials >= MOST_TRIALS || (s->bracketed && (!(s->step > low) || !(s->step < high) || high - low <= NARROW * high));
}

/* Where values differ by no more than they may be off by, slopes tell more: of a parabola the two say the same. */
static bool is_enough_by_slopes(const tgi_line_search *s, tgi_trial t) {
    return fabs(t.value - s->value) < s->noise && t.slope >= CURVATURE * s->slope && t.slope <= (2 * DECREASE - 1) * s->slope;
}

tgi_search_state tgi_search(tgi_line_search *s, double value, double slope) {
    const double tilt = DECREASE * s->slope, enough = s->value + s->step * tilt;
    tgi_trial    t = {s->step, value, slope};
    s->trials++;
    if (value <= enough && fabs(slope) <= -CURVATURE * s->slope) return TGI_SEARCH_DONE;
    if (is_enough_by_slopes(s, t)) return TGI_SEARCH_DONE;
    if (value <= enough && slope <= tilt && s->step >= s->longest) return TGI_SEARCH_DONE;
    if (value <= enough && slope >= 0) s->reached = true;
    choose(s, t, !s->reached && value <= s->best.value && value > enough ? tilt : 0);
    return is_used_up(s) ? fail(s) : TGI_SEARCH_ON;
}

tgi_search_state tgi_search_nearer(tgi_line_search *s) {
    double distance = s->step - s->best.step;
    s->trials++;
    s->longest = s->best.step + 0.5 * distance;
    s->step = s->best.step + 0.1 * distance;
    return s->trials >= MOST_TRIALS ? fail(s) : TGI_SEARCH_ON;
}
