/* tests/solve/problems.c: problems of J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing Unconstrained Optimization Software", ACM
 * Transactions on Mathematical Software 7 (1981), with their numbers there, and their starting points.
 *
 * SPDX-License-Identifier: MIT */
#include "solve/problems.h"

#include <math.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

/* ---- short ways to write them ------------------------------------------------------------------------------------ */

static tg_tensor at(tg_tensor x, int64_t i) {
    return tg_select(x, 0, i);
}

#define STACK(...) tg_stack(TG_LIST(__VA_ARGS__), 0)
#define CONSTANTS(x, ...) \
    tg_constant((x).tape, TG_F64, TG_SHAPE(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), ((double[]){__VA_ARGS__}))

/* from, from + 1 ... to */
static tg_tensor range(tg_tensor x, int from, int to) {
    return tg_arange(x.tape, TG_F64, from, to + 0.5, 1);
}

/* ---- systems of two to four unknowns ----------------------------------------------------------------------------- */

/* 1 */
static tg_tensor rosenbrock(tg_tensor x) {
    return STACK(tg_mul(10, tg_sub(at(x, 1), tg_square(at(x, 0)))), tg_sub(1, at(x, 0)));
}

/* 2 */
static tg_tensor freudenstein_roth(tg_tensor x) {
    tg_tensor a = at(x, 0), b = at(x, 1);
    tg_tensor first = tg_sub(tg_mul(tg_sub(tg_mul(tg_sub(5, b), b), 2), b), 13);
    tg_tensor second = tg_sub(tg_mul(tg_sub(tg_mul(tg_add(b, 1), b), 14), b), 29);
    return STACK(tg_add(a, first), tg_add(a, second));
}

/* 5 */
static tg_tensor beale(tg_tensor x) {
    tg_tensor a = at(x, 0), b = at(x, 1), powers = STACK(b, tg_square(b), tg_mul(b, tg_square(b)));
    return tg_sub(CONSTANTS(x, 1.5, 2.25, 2.625), tg_mul(a, tg_sub(1, powers)));
}

/* 6 */
static tg_tensor jennrich_sampson(tg_tensor x) {
    tg_tensor i = range(x, 1, 10);
    tg_tensor sum = tg_add(tg_exp(tg_mul(i, at(x, 0))), tg_exp(tg_mul(i, at(x, 1))));
    return tg_sub(tg_add(2, tg_mul(2, i)), sum);
}

/* 7. The angle is that of (x1, x2), from -1/4 to 3/4 of a turn. */
static tg_tensor helical_valley(tg_tensor x) {
    tg_tensor a = at(x, 0), b = at(x, 1), c = at(x, 2);
    tg_tensor angle =
        tg_add(tg_div(tg_atan(tg_div(b, a)), 2 * pi), tg_where(tg_lt(a, 0), 0.5, tg_full(x.tape, TG_F64, TG_SHAPE(), 0)));
    tg_tensor radius = tg_sqrt(tg_add(tg_square(a), tg_square(b)));
    return STACK(tg_mul(10, tg_sub(c, tg_mul(10, angle))), tg_mul(10, tg_sub(radius, 1)), c);
}

/* 8 */
static tg_tensor bard(tg_tensor x) {
    tg_tensor u = range(x, 1, 15), v = tg_sub(16, u), w = tg_minimum(u, v);
    tg_tensor y = CONSTANTS(x, 0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39);
    return tg_sub(y, tg_add(at(x, 0), tg_div(u, tg_add(tg_mul(v, at(x, 1)), tg_mul(w, at(x, 2))))));
}

/* 12, with 10 residuals */
static tg_tensor box(tg_tensor x) {
    tg_tensor t = tg_mul(0.1, range(x, 1, 10));
    tg_tensor model = tg_sub(tg_exp(tg_neg(tg_mul(t, at(x, 0)))), tg_exp(tg_neg(tg_mul(t, at(x, 1)))));
    tg_tensor data = tg_sub(tg_exp(tg_neg(t)), tg_exp(tg_mul(-10, t)));
    return tg_sub(model, tg_mul(at(x, 2), data));
}

/* 13 */
static tg_tensor powell_singular(tg_tensor x) {
    tg_tensor a = at(x, 0), b = at(x, 1), c = at(x, 2), d = at(x, 3);
    return STACK(tg_add(a, tg_mul(10, b)), tg_mul(sqrt(5), tg_sub(c, d)), tg_square(tg_sub(b, tg_mul(2, c))),
                 tg_mul(sqrt(10), tg_square(tg_sub(a, d))));
}

/* 14 */
static tg_tensor wood(tg_tensor x) {
    tg_tensor a = at(x, 0), b = at(x, 1), c = at(x, 2), d = at(x, 3);
    return STACK(tg_mul(10, tg_sub(b, tg_square(a))), tg_sub(1, a), tg_mul(sqrt(90), tg_sub(d, tg_square(c))), tg_sub(1, c),
                 tg_mul(sqrt(10), tg_sub(tg_add(b, d), 2)), tg_div(tg_sub(b, d), sqrt(10)));
}

/* 15 */
static tg_tensor kowalik_osborne(tg_tensor x) {
    tg_tensor y = CONSTANTS(x, 0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246);
    tg_tensor u = CONSTANTS(x, 4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625), uu = tg_square(u);
    tg_tensor above = tg_mul(at(x, 0), tg_add(uu, tg_mul(u, at(x, 1))));
    return tg_sub(y, tg_div(above, tg_add(tg_add(uu, tg_mul(u, at(x, 2))), at(x, 3))));
}

/* 16, with 20 residuals */
static tg_tensor brown_dennis(tg_tensor x) {
    tg_tensor t = tg_mul(0.2, range(x, 1, 20));
    tg_tensor first = tg_sub(tg_add(at(x, 0), tg_mul(t, at(x, 1))), tg_exp(t));
    tg_tensor second = tg_sub(tg_add(at(x, 2), tg_mul(tg_sin(t), at(x, 3))), tg_cos(t));
    return tg_add(tg_square(first), tg_square(second));
}

/* ---- more unknowns ----------------------------------------------------------------------------------------------- */

/* 20, with 6 unknowns */
static tg_tensor watson(tg_tensor x) {
    const int64_t n = tg_size(x);
    tg_tensor     t = tg_div(range(x, 1, 29), 29), powers[MOST_UNKNOWNS];
    powers[0] = tg_full(x.tape, TG_F64, TG_SHAPE(29), 1);
    for (int64_t j = 1; j < n; j++)
        powers[j] = tg_mul(powers[j - 1], t);
    tg_tensor table = tg_stack(tg_list_from((int)n, powers), 1), factors = range(x, 1, (int)n - 1);
    tg_tensor slope = tg_matmul(tg_slice(table, 1, 0, n - 1, 1), tg_mul(factors, tg_slice(x, 0, 1, n, 1)));
    tg_tensor most = tg_sub(tg_sub(slope, tg_square(tg_matmul(table, x))), 1);
    tg_tensor last = tg_sub(tg_sub(at(x, 1), tg_square(at(x, 0))), 1);
    return tg_concat(TG_LIST(most, tg_unsqueeze(at(x, 0), 0), tg_unsqueeze(last, 0)), 0);
}

/* 25 */
static tg_tensor variably_dimensioned(tg_tensor x) {
    tg_tensor off = tg_sub(x, 1), sum = tg_sum(tg_mul(range(x, 1, (int)tg_size(x)), off));
    return tg_concat(TG_LIST(off, tg_unsqueeze(sum, 0), tg_unsqueeze(tg_square(sum), 0)), 0);
}

/* x with a zero before and behind it, moved by one to either side */
static tg_tensor left_of(tg_tensor x) {
    return tg_slice(tg_pad(x, 0, 1, 0, TG_PAD_CONSTANT, 0), 0, 0, -1, 1);
}

static tg_tensor right_of(tg_tensor x) {
    return tg_slice(tg_pad(x, 0, 0, 1, TG_PAD_CONSTANT, 0), 0, 1, TG_END, 1);
}

/* 27 */
static tg_tensor brown_almost_linear(tg_tensor x) {
    const int64_t n = tg_size(x);
    tg_tensor     sums = tg_sub(tg_add(x, tg_sum(x)), (double)n + 1), product = at(x, 0);
    for (int64_t i = 1; i < n; i++)
        product = tg_mul(product, at(x, i));
    return tg_concat(TG_LIST(tg_slice(sums, 0, 0, n - 1, 1), tg_unsqueeze(tg_sub(product, 1), 0)), 0);
}

/* 28 */
static tg_tensor boundary_value(tg_tensor x) {
    const double h = 1 / ((double)tg_size(x) + 1);
    tg_tensor    t = tg_mul(h, range(x, 1, (int)tg_size(x))), base = tg_add(tg_add(x, t), 1);
    tg_tensor    bend = tg_sub(tg_sub(tg_mul(2, x), left_of(x)), right_of(x));
    return tg_add(bend, tg_mul(h * h / 2, tg_mul(base, tg_square(base))));
}

/* 30 */
static tg_tensor broyden_tridiagonal(tg_tensor x) {
    tg_tensor own = tg_mul(tg_sub(3, tg_mul(2, x)), x);
    return tg_add(tg_sub(tg_sub(own, left_of(x)), tg_mul(2, right_of(x))), 1);
}

/* 35. Mean of each Chebyshev polynomial, moved to [0, 1], less its integral. */
static tg_tensor chebyquad(tg_tensor x) {
    const int64_t n = tg_size(x);
    tg_tensor     y = tg_sub(tg_mul(2, x), 1), before = tg_full(x.tape, TG_F64, TG_SHAPE(n), 1), now = y, f[MOST_UNKNOWNS];
    for (int64_t i = 1; i <= n; i++) {
        double integral = i % 2 ? 0 : -1 / ((double)(i * i) - 1);
        f[i - 1] = tg_sub(tg_mean(now), integral);
        tg_tensor next = tg_sub(tg_mul(2, tg_mul(y, now)), before);
        before = now;
        now = next;
    }
    return tg_stack(tg_list_from((int)n, f), 0);
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */

/* i h (i h - 1), h being 1 / 11 */
#define PARABOLA(i) (i) * ((i)-11) / 121.0

static const test_problem problems[] = {
    {"rosenbrock", 2, {-1.2, 1}, rosenbrock},
    {"freudenstein_roth", 2, {0.5, -2}, freudenstein_roth},
    {"beale", 2, {1, 1}, beale},
    {"jennrich_sampson", 2, {0.3, 0.4}, jennrich_sampson},
    {"helical_valley", 3, {-1, 0, 0}, helical_valley},
    {"bard", 3, {1, 1, 1}, bard},
    {"box", 3, {0, 10, 20}, box},
    {"powell_singular", 4, {3, -1, 0, 1}, powell_singular},
    {"wood", 4, {-3, -1, -3, -1}, wood},
    {"kowalik_osborne", 4, {0.25, 0.39, 0.415, 0.39}, kowalik_osborne},
    {"brown_dennis", 4, {25, 5, -5, -1}, brown_dennis},
    {"watson", 6, {0}, watson},
    {"variably_dimensioned", 8, {7 / 8., 6 / 8., 5 / 8., 4 / 8., 3 / 8., 2 / 8., 1 / 8., 0}, variably_dimensioned},
    {"brown_almost_linear", 10, {.5, .5, .5, .5, .5, .5, .5, .5, .5, .5}, brown_almost_linear},
    {"boundary_value",
     10,
     {PARABOLA(1), PARABOLA(2), PARABOLA(3), PARABOLA(4), PARABOLA(5), PARABOLA(6), PARABOLA(7), PARABOLA(8), PARABOLA(9),
      PARABOLA(10)},
     boundary_value},
    {"broyden_tridiagonal", 10, {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1}, broyden_tridiagonal},
    {"chebyquad", 7, {1 / 8., 2 / 8., 3 / 8., 4 / 8., 5 / 8., 6 / 8., 7 / 8.}, chebyquad},
};

const test_problem *problem_named(const char *name) {
    enum { PROBLEMS = sizeof problems / sizeof *problems };
    int i = 0;
    while (i < PROBLEMS && strcmp(problems[i].name, name))
        i++;
    ck_assert_msg(i < PROBLEMS, "there is no problem %s", name);
    return &problems[i];
}
