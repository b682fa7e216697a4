/* examples/nlopt_bridge.c: a solver of NLopt on formulas of a tape.
 *
 * tg_minimize knows bounds; NLopt's SLSQP knows constraints, too: here that the minimum of Rosenbrock's function is to be in the unit
 * disk. What NLopt has to be given is one callback, `evaluate`. The answer is (0.7864, 0.6177), on the circle.
 *
 * SPDX-License-Identifier: MIT */
#include <nlopt.h>
#include <stdio.h>
#include <tapegrad.h>

/* A formula of a tape as a function for NLopt. */
typedef struct function {
    tg_tensor x, value, gradient;
    int       evaluations;
} function;

static double evaluate(unsigned n, const double *x, double *gradient, void *data) {
    function *f = data;
    tg_write(f->x, x, n);
    tg_run(f->x.tape);
    if (gradient) tg_read(f->gradient, gradient, n);
    f->evaluations++;
    return tg_item(f->value);
}

static function function_of(tg_tensor x, tg_tensor value) {
    function f = {.x = x, .value = value};
    tg_vjp(x.tape, 1, &value, NULL, 1, &x, &f.gradient);
    return f;
}

int main(void) {
    double    x[2] = {-1.2, 1}, value = 0;
    tg_tape  *tape = tg_tape_new();
    tg_tensor p = tg_parameter(tape, "p", tg_constant(tape, TG_F64, TG_SHAPE(2), x));
    tg_tensor a = tg_select(p, 0, 0), b = tg_select(p, 0, 1);
    function  rosenbrock = function_of(p, tg_add(tg_mul(100, tg_square(tg_sub(b, tg_square(a)))), tg_square(tg_sub(1, a))));
    function  disk = function_of(p, tg_sub(tg_sum(tg_square(p)), 1)); /* at most 0 */

    nlopt_opt solver = nlopt_create(NLOPT_LD_SLSQP, 2);
    nlopt_set_min_objective(solver, evaluate, &rosenbrock);
    nlopt_add_inequality_constraint(solver, evaluate, &disk, 1e-10);
    nlopt_set_xtol_rel(solver, 1e-10);
    nlopt_set_maxeval(solver, 1000);
    nlopt_result result = nlopt_optimize(solver, x, &value);
    nlopt_destroy(solver);
    printf("minimum %.6f at (%.4f, %.4f), after %d evaluations\n", value, x[0], x[1], rosenbrock.evaluations);

    int failed = result < 0 || tg_error_status(tape) != TG_OK;
    if (failed) fprintf(stderr, "nlopt_bridge: %s\n", result < 0 ? "NLopt failed" : tg_error(tape));
    tg_tape_free(tape);
    return failed;
}
