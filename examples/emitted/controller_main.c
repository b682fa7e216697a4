/* examples/emitted/controller_main.c: brings a pendulum to rest upright, by the function that emit_controller has written, without the library.
 *
 * In each step of time Newton's method finds the best torques for the next ten steps, and the first of them is applied.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>

#include "controller.h"

enum { STEPS = 10, ITERATIONS = 20 };

/* Solves h x = g in place of g, for a symmetric h, by Cholesky's factors; to h a multiple of the identity is added that is large enough
 * that they exist. */
static void solve(double h[STEPS][STEPS], double *g) {
    double l[STEPS][STEPS], shift = 0;
    int    i, j, k, good = 0;
    while (!good) {
        good = 1;
        for (i = 0; i < STEPS && good; i++)
            for (j = 0; j <= i; j++) {
                double sum = h[i][j] + (i == j ? shift : 0);
                for (k = 0; k < j; k++)
                    sum -= l[i][k] * l[j][k];
                if (i == j && sum < 1e-9) good = 0;
                l[i][j] = i == j ? sqrt(sum > 0 ? sum : 1) : sum / l[j][j];
            }
        shift = shift > 0 ? 4 * shift : 0.1;
    }
    for (i = 0; i < STEPS; i++) {
        for (k = 0; k < i; k++)
            g[i] -= l[i][k] * g[k];
        g[i] /= l[i][i];
    }
    for (i = STEPS - 1; i >= 0; i--) {
        for (k = i + 1; k < STEPS; k++)
            g[i] -= l[k][i] * g[k];
        g[i] /= l[i][i];
    }
}

/* One step of Newton's method, cut in halves until the cost is less. Returns the cost that was there before. */
static double improve(const double *where, double *torque) {
    static controller_work work;
    double                 cost, gradient[STEPS], hessian[STEPS][STEPS], step = 1;
    int                    i, better = 0;
    controller_look_ahead(where, torque, &cost, gradient, &hessian[0][0], &work);
    solve(hessian, gradient);
    for (; !better && step > 1e-6; step /= 2) {
        double tried[STEPS], its_cost, its_gradient[STEPS], its_hessian[STEPS * STEPS];
        for (i = 0; i < STEPS; i++)
            tried[i] = torque[i] - step * gradient[i];
        controller_look_ahead(where, tried, &its_cost, its_gradient, its_hessian, &work);
        better = its_cost < cost;
        for (i = 0; i < STEPS && better; i++)
            torque[i] = tried[i];
    }
    return cost;
}

int main(void) {
    double where[2] = {0.5, 0}, torque[STEPS] = {0};
    int    time, n;
    for (time = 0; time < 40; time++) {
        double cost = 0;
        for (n = 0; n < ITERATIONS; n++)
            cost = improve(where, torque);
        if (time % 8 == 0) printf("%.1f s: angle %7.4f, speed %7.4f, torque %8.4f, cost %.6f\n", 0.1 * time, where[0], where[1], torque[0], cost);
        where[1] += 0.1 * (9.81 * sin(where[0]) + torque[0]);
        where[0] += 0.1 * where[1];
    }
    return fabs(where[0]) < 1e-3 ? 0 : 1;
}
