/* newton.c: Newton's method on a small convex problem.
 *
 * f(p) = sum of exp(A p + b) over three rows, the example of Boyd and Vandenberghe, Convex Optimization (2004), section 9.3.2. Its
 * minimum is at (-log(2) / 2, 0). Each step solves H d = g, with the gradient g and the Hessian H of f from the tape, and
 * goes to p - d. Near the minimum the distance to it is about squared in each step: the last column, distance / (distance
 * before)^2, stays small, while the distance falls to nothing.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <tapegrad.h>

enum { STEPS = 12 };

/* p <- p - d, where H d = g, by Cramer's rule. */
static void step(double p[2], const double g[2], const double h[4]) {
    double det = h[0] * h[3] - h[1] * h[2];
    p[0] -= (h[3] * g[0] - h[1] * g[1]) / det;
    p[1] -= (h[0] * g[1] - h[2] * g[0]) / det;
}

int main(void) {
    double p[2] = {-1, 0.5}, g[2] = {0}, h[4] = {0}, before = 0;

    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_constant(tape, TG_F64, TG_SHAPE(3, 2), (double[]){1, 3, 1, -3, -1, 0});
    tg_tensor b = tg_full(tape, TG_F64, TG_SHAPE(3), -0.1);
    tg_tensor point = tg_parameter(tape, "p", tg_constant(tape, TG_F64, TG_SHAPE(2), p));
    tg_tensor f = tg_sum(tg_exp(tg_add(tg_matmul(a, point), b)));
    tg_backward(f);

    for (int i = 0; i < STEPS && tg_error_status(tape) == TG_OK; i++) {
        double distance = hypot(p[0] + log(2) / 2, p[1]);
        printf("step %2d | f %.12f | distance %-9.3g", i, tg_item(f), distance);
        printf(i ? " | ratio %.2f\n" : "\n", distance / (before * before));
        if (distance < 1e-15) break;
        before = distance;
        tg_read(tg_grad(point), g, 2);
        tg_read_hessian(f, point, h, 4);
        step(p, g, h);
        tg_write(point, p, 2);
        tg_run(tape);
    }

    int failed = tg_error_status(tape) != TG_OK;
    if (failed) fprintf(stderr, "newton: %s\n", tg_error(tape));
    tg_tape_free(tape);
    return failed;
}
