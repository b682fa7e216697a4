/* optim/lbfgs.c: L-BFGS without a line search, by D. C. Liu and J. Nocedal (1989), in the form of R. H. Byrd, J. Nocedal and R. B.
 * Schnabel, "Representations of quasi-Newton matrices and their use in limited memory methods" (1994), theorem 2.2.
 *
 * With the steps as the rows of S, the changes of the gradient as those of Y, c the last s y / y y, R the upper triangle of S Y' and D its
 * diagonal, the inverse of the Hessian times g is
 *     c g + S' R'^-1 ((D + c Y Y') p - c Y g) - c Y' p,   p = R^-1 S g
 * The products S Y' and Y Y' are states: each step changes one row and one column of them. Rows of pairs that are not there yet are
 * zeros, with 1 on R's diagonal, and come to nothing.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "optim/update.h"

static const char name[] = "lbfgs_step";

/* The gradients of the step as one vector, TG_NONE when there are none, and the parameter that has the states. */
typedef struct group {
    tg_tensor first, g;
} group;

/* The pairs: S, Y, S Y', of which the upper triangle counts, and Y Y'. */
enum { S, Y, SY, YY, MATRICES };

/* ---- the parameters as one vector -------------------------------------------------------------------------------- */

static tg_tensor flat(tg_tensor x) {
    return tg_reshape(x, TG_SHAPE(tg_size(x)));
}

/* The next parameter of the step from the i-th on; TG_NONE after the last. */
static tg_tensor next_of(tg_tape *tape, const tg_list *list, int64_t *i) {
    if (!list->x) return tgi_next_with_gradient(tape, i);
    while (*i < list->count) {
        tg_tensor w = list->x[(*i)++];
        if (tg_check_tensor(tape, name, "a parameter", w)) return TG_NONE;
        if (!tg_is_frozen(w) && tg_has_grad(w)) return w;
    }
    return TG_NONE;
}

static group gather(tg_tape *tape, const tg_lbfgs_options *o) {
    enum { SEVERAL = 64 };
    tg_tensor parts[SEVERAL];
    group     all = {.first = TG_NONE, .g = TG_NONE};
    int       count = 0;
    int64_t   i = 0;
    for (tg_tensor w; !tg_is_none(w = next_of(tape, &o->parameters, &i));) {
        if (!count) all.first = w;
        parts[count++] = tgi_gradient(w, flat(tg_grad(w)), 0, o->maximize);
        if (count < SEVERAL) continue;
        parts[0] = tg_concat(tg_list_from(count, parts), 0);
        count = 1;
    }
    if (count) all.g = tg_concat(tg_list_from(count, parts), 0);
    return all;
}

static void move(tg_tape *tape, const tg_lbfgs_options *o, tg_tensor step) {
    int64_t i = 0, at = 0;
    for (tg_tensor w; !tg_is_none(w = next_of(tape, &o->parameters, &i));) {
        tg_tensor part = tg_slice(step, 0, at, at + tg_size(w), 1);
        tg_assign(w, tg_add(w, tg_reshape(part, tg_shape_of(w))));
        at += tg_size(w);
    }
}

/* ---- the memory -------------------------------------------------------------------------------------------------- */

static tg_tensor state_of(const group *all, const char *kind, tg_shape shape) {
    return tg_optimizer_state(all->first, kind, tg_dtype_of(all->first), shape);
}

static tg_tensor dot(tg_tensor a, tg_tensor b) {
    return tg_sum(tg_mul(a, b));
}

/* All rows but the first, and then this one. */
static tg_tensor shift(tg_tensor rows, tg_tensor row) {
    return tg_concat(TG_LIST(tg_slice(rows, 0, 1, TG_END, 1), tg_unsqueeze(row, 0)), 0);
}

/* The products of all rows after a shift, `last` being those with the new one. */
static tg_tensor shift_products(tg_tensor products, tg_tensor last) {
    tg_tensor left = shift(tg_slice(products, 1, 1, TG_END, 1), tg_slice(last, 0, 0, -1, 1));
    return tg_concat(TG_LIST(left, tg_unsqueeze(last, 1)), 1);
}

/* The memory before the step becomes the one that the step is made of: with the last step and what it changed, if that is a pair. */
static void remember(const group *all, int64_t history, tg_tensor step, tg_tensor change, tg_tensor *memory) {
    static const char *const kinds[] = {"lbfgs.s", "lbfgs.y", "lbfgs.sy", "lbfgs.yy"};
    tg_tensor                old[MATRICES], is_pair = tg_gt(dot(step, change), 1e-10);
    for (int i = 0; i < MATRICES; i++)
        old[i] = state_of(all, kinds[i], TG_SHAPE(history, i < SY ? tg_size(all->g) : history));
    memory[S] = shift(old[S], step);
    memory[Y] = shift(old[Y], change);
    memory[SY] = shift_products(old[SY], tg_matmul(memory[S], change));
    memory[YY] = shift_products(old[YY], tg_matmul(memory[Y], change));
    for (int i = 0; i < MATRICES; i++)
        memory[i] = tg_where(is_pair, memory[i], old[i]);
    for (int i = 0; i < MATRICES; i++)
        tg_assign(old[i], memory[i]);
}

/* The inverse of the Hessian times g. */
static tg_tensor newton(const tg_tensor *memory, tg_tensor g) {
    const int64_t last = tg_shape_of(memory[SY]).dims[0] - 1;
    tg_tensor     d = tg_diagonal(memory[SY], 0, 0, 1), is_pair = tg_gt(d, 0), known = tg_take(is_pair, last, 0);
    tg_tensor     r = tg_add(memory[SY], tg_diag(tg_cast(tg_logical_not(is_pair), tg_dtype_of(g)), 0));
    tg_tensor     c =
        tg_div(tg_where(known, tg_take(d, last, 0), 1), tg_where(known, tg_take(tg_diagonal(memory[YY], 0, 0, 1), last, 0), 1));
    tg_tensor p = tg_solve_triangular(r, tg_matmul(memory[S], g), TG_UPPER);
    tg_tensor u = tg_sub(tg_matmul(memory[YY], p), tg_matmul(memory[Y], g));
    u = tg_solve_triangular(r, tg_add(tg_mul(d, p), tg_mul(c, u)), TG_UPPER | TG_TRANSPOSED);
    return tg_add(tg_mul(c, tg_sub(g, tg_matmul(p, memory[Y]))), tg_matmul(u, memory[S]));
}

/* ---- the step ---------------------------------------------------------------------------------------------------- */

/* How far the step goes along `way`: the first one, when nothing is known of the Hessian, not far. */
static tg_tensor length_of(tg_tensor rate, tg_tensor steps, tg_tensor g) {
    tg_tensor first = tg_reciprocal(tg_maximum(tg_sum(tg_abs(g)), 1));
    return tg_mul(tgi_rate_as(rate, tg_dtype_of(g)), tg_where(tg_eq(steps, 0), first, 1));
}

/* Scaled down to where no element is above the highest that it may be. */
static tg_tensor hold_back(tg_tensor step, double highest) {
    return tg_div(step, tg_maximum(1, tg_div(tg_max(tg_abs(step)), highest)));
}

static tg_tensor step_of(const group *all, tg_tensor rate, const tg_lbfgs_options *o) {
    const tg_shape shape = TG_SHAPE(tg_size(all->g));
    tg_tensor      before = state_of(all, "lbfgs.g", shape), last = state_of(all, "lbfgs.step", shape), memory[MATRICES];
    tg_tensor      steps = tg_optimizer_state(all->first, "lbfgs.t", TG_F64, TG_SHAPE());
    remember(all, o->history, last, tg_sub(all->g, before), memory);
    tg_tensor way = newton(memory, all->g), length = length_of(rate, steps, all->g);
    tg_tensor goes =
        tg_logical_and(tg_gt(tg_max(tg_abs(all->g)), o->tolerance_grad), tg_ge(dot(all->g, way), o->tolerance_change));
    tg_tensor step = tg_where(goes, tg_neg(tg_mul(length, way)), 0);
    if (o->max_step > 0) step = hold_back(step, o->max_step);
    tg_assign(before, all->g);
    tg_assign(last, step);
    tg_assign(steps, tg_add(steps, tg_cast(goes, TG_F64)));
    return step;
}

static tg_status check(tg_tape *tape, tg_tensor rate, const tg_lbfgs_options *o) {
    tg_status status = tg_check_option(tape, name, "history", (double)o->history, 1, INFINITY, TG_RIGHT_OPEN);
    if (!status)
        status = TGI_CHECK_OPTIONS(tape, name, {"tolerance_grad", o->tolerance_grad, INFINITY},
                                   {"tolerance_change", o->tolerance_change, INFINITY}, {"max_step", o->max_step, INFINITY});
    return status ? status : tgi_check_number(tape, name, "the rate", rate);
}

tg_status(tg_lbfgs_step)(tg_tape *tape, tg_tensor rate, const tg_lbfgs_options *options) {
    tg_lbfgs_options o = options ? *options : (tg_lbfgs_options){0};
    o.history = o.history ? o.history : 100;
    o.tolerance_grad = tgi_or_default(o.tolerance_grad, 1e-7);
    o.tolerance_change = tgi_or_default(o.tolerance_change, 1e-9);
    if (check(tape, rate, &o)) return tg_error_status(tape);
    tg_scope scope = tg_begin_update(tape, name);
    group    all = gather(tape, &o);
    if (tg_is_none(all.g))
        tg_fail(tape, TG_ERR_GRADIENT, name, "no parameter has a gradient: call tg_backward first");
    else
        move(tape, &o, step_of(&all, rate, &o));
    return tg_end_scope(scope);
}
