/* solve/least_squares.c: tg_least_squares.
 *
 * SPDX-License-Identifier: MIT */
#include "solve/least_squares.h"

#include <math.h>

#include "solve/minimize.h"

static const char name[] = "least_squares";

enum { MOST_DENSE_COLUMNS = 300, MOST_DENSE = 1 << 22 };

static bool is_dense(const tgi_problem *p, tg_jacobian_form form) {
    if (form != TG_JACOBIAN_AUTO) return form == TG_JACOBIAN_DENSE;
    return p->size <= MOST_DENSE_COLUMNS && p->rows * p->size <= MOST_DENSE;
}

static void check(tgi_problem *p, const tg_least_squares_options *o, bool dense, bool bounded) {
    if (p->rows < 1) tg_fail(p->tape, TG_ERR_SHAPE, name, "there are no residuals");
    if ((unsigned)o->robust > TG_ROBUST_CAUCHY) tg_fail(p->tape, TG_ERR_ARGUMENT, name, "%d is no robust loss", (int)o->robust);
    if ((unsigned)o->jacobian > TG_JACOBIAN_FREE)
        tg_fail(p->tape, TG_ERR_ARGUMENT, name, "%d is no form of a Jacobian", (int)o->jacobian);
    if (bounded && !dense)
        tg_fail(p->tape, TG_ERR_ARGUMENT, name, "a Jacobian that is not dense goes without bounds: use TG_JACOBIAN_DENSE");
}

static void solve_dense(tgi_problem *p, const tgi_levenberg *o) {
    tgi_record_value(p, p->solved);
    tgi_record_jacobian_product(p);
    if (!tgi_start(p)) tgi_minimize_squares(p, o);
}

static void solve_free(tgi_problem *p, const tgi_levenberg *o) {
    tg_tensor cost = tgi_record_cost(o->robust, p->solved);
    tgi_record_value(p, cost);
    tgi_record_gradient(p, cost);
    tgi_record_normal_product(p, tgi_record_weights(o->robust, p->solved));
    tgi_trust_region region = {o->tolerance_gradient, o->tolerance_value, INFINITY, 0, 0.1}; /* a product costs less than a step */
    if (!tgi_start(p)) tgi_minimize_by_products(p, &region);
}

static void solve(tgi_problem *p, const tg_least_squares_options *o) {
    const double  usual = sqrt(p->eps);
    bool          bounded = o->lower.x || o->upper.x, dense = is_dense(p, o->jacobian);
    tgi_levenberg levenberg = {tgi_number_option(p, "tolerance_gradient", o->tolerance_gradient, usual),
                               tgi_number_option(p, "tolerance_value", o->tolerance_value, usual),
                               tgi_number_option(p, "tolerance_step", o->tolerance_step, usual),
                               {o->robust, tgi_number_option(p, "scale", o->scale, 1)},
                               bounded};
    p->limits = tgi_limits_of(p, (tgi_limits){o->max_iterations, o->max_evaluations, o->callback, o->context}, 15000);
    check(p, o, dense, bounded);
    if (bounded) tgi_read_bounds(p, o->lower, o->upper);
    if (tg_error_status(p->tape)) return;
    if (dense)
        solve_dense(p, &levenberg);
    else
        solve_free(p, &levenberg);
}

tg_status(tg_least_squares)(tg_tensor residuals, int n, const tg_tensor *parameters, const tg_least_squares_options *options,
                            tg_solve_report *report) {
    static const tg_least_squares_options usual;
    tgi_problem                           p;
    if (!tgi_begin_problem(&p, name, residuals, n, parameters)) solve(&p, options ? options : &usual);
    return tgi_end_problem(&p, report);
}
