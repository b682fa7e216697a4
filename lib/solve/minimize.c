/* solve/minimize.c: tg_minimize.
 *
 * SPDX-License-Identifier: MIT */
#include "solve/minimize.h"

#include <math.h>
#include <string.h>

static const char name[] = "minimize";

static void minimize(tgi_problem *p, const tg_minimize_options *o) {
    double  gradient = tgi_number_option(p, "tolerance_gradient", o->tolerance_gradient, sqrt(p->eps));
    double  value = tgi_number_option(p, "tolerance_value", o->tolerance_value, 10 * p->eps);
    double  max_step = tgi_number_option(p, "max_step", o->max_step, INFINITY);
    int64_t history = tgi_count_option(p, "history", o->history, 10);
    tg_check_option(p->tape, name, "history", (double)history, 1, 1e6, TG_CLOSED);
    bool bounded = o->lower.x || o->upper.x;
    if (bounded) tgi_read_bounds(p, o->lower, o->upper);
    p->limits = tgi_limits_of(p, (tgi_limits){o->max_iterations, o->max_evaluations, o->callback, o->context}, 15000);
    if (p->rows != 1)
        tg_fail(p->tape, TG_ERR_SHAPE, name, "the loss has %lld elements, not one: reduce it", (long long)p->rows);
    if (o->method != TG_QUASI_NEWTON && o->method != TG_NEWTON_CG)
        tg_fail(p->tape, TG_ERR_ARGUMENT, name, "%d is no method", (int)o->method);
    else if (o->method == TG_NEWTON_CG && bounded)
        tg_fail(p->tape, TG_ERR_ARGUMENT, name, "TG_NEWTON_CG takes no bounds: use TG_QUASI_NEWTON");
    if (tg_error_status(p->tape)) return;

    tgi_record_value(p, p->solved);
    tgi_record_gradient(p, p->solved);
    if (o->method == TG_NEWTON_CG) tgi_record_hessian_product(p, p->solved);
    if (tgi_start(p)) return;
    if (o->method == TG_NEWTON_CG)
        tgi_minimize_by_products(p, &(tgi_trust_region){gradient, value, max_step, 1, 0.5});
    else
        tgi_minimize_by_gradients(p, &(tgi_quasi_newton){gradient, value, max_step, history, bounded});
}

tg_status(tg_minimize)(tg_tensor loss, int n, const tg_tensor *parameters, const tg_minimize_options *options,
                       tg_solve_report *report) {
    static const tg_minimize_options usual;
    tgi_problem                      p;
    if (!tgi_begin_problem(&p, name, loss, n, parameters)) minimize(&p, options ? options : &usual);
    return tgi_end_problem(&p, report);
}
