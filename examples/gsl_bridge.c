/* examples/gsl_bridge.c: a solver of GSL on formulas of a tape.
 *
 * GSL integrates stiff differential equations, for which it wants the Jacobian. It gets that from the tape: `rates` and `jacobian` are the
 * callbacks. The equations are those of H. H. Robertson's chemical reaction (1966), whose rates differ by nine orders of magnitude; at t =
 * 40 the concentrations are 0.71583, 9.1855e-06 and 0.28416 (E. Hairer and G. Wanner, Solving Ordinary Differential Equations II, IV.1).
 *
 * SPDX-License-Identifier: MIT */
#include <gsl/gsl_errno.h>
#include <gsl/gsl_odeiv2.h>
#include <stdio.h>
#include <string.h>
#include <tapegrad.h>

enum { N = 3 };

/* dy/dt as a formula of y, and d(dy/dt)/dy, each in a part of the tape. */
typedef struct equations {
    tg_tape  *tape;
    tg_tensor y, rates, jacobian;
} equations;

static int rates(double t, const double y[], double dydt[], void *data) {
    const equations *e = data;
    (void)t;
    tg_write(e->y, y, N);
    tg_run_part(e->tape, "rates");
    return tg_read(e->rates, dydt, N) == TG_OK ? GSL_SUCCESS : GSL_EFAILED;
}

static int jacobian(double t, const double y[], double *dfdy, double dfdt[], void *data) {
    const equations *e = data;
    (void)t;
    memset(dfdt, 0, N * sizeof *dfdt); /* they do not depend on t */
    tg_write(e->y, y, N);
    tg_run_part(e->tape, "rates");
    tg_run_part(e->tape, "jacobian");
    return tg_read(e->jacobian, dfdy, (int64_t)N * N) == TG_OK ? GSL_SUCCESS : GSL_EFAILED;
}

static equations record(tg_tape *tape) {
    equations e = {.tape = tape, .y = tg_input(tape, "y", TG_F64, TG_SHAPE(N))};
    tg_begin_part(tape, "rates");
    tg_tensor a = tg_select(e.y, 0, 0), b = tg_select(e.y, 0, 1), c = tg_select(e.y, 0, 2);
    tg_tensor slow = tg_sub(tg_mul(1e4, tg_mul(b, c)), tg_mul(0.04, a)), fast = tg_mul(3e7, tg_square(b));
    e.rates = tg_stack(TG_LIST(slow, tg_neg(tg_add(slow, fast)), fast), 0);
    tg_end_part(tape);
    tg_begin_part(tape, "jacobian");
    e.jacobian = tg_jacobian(e.rates, e.y);
    tg_end_part(tape);
    return e;
}

int main(void) {
    tg_tape           *tape = tg_tape_new();
    equations          e = record(tape);
    gsl_odeiv2_system  system = {rates, jacobian, N, &e};
    gsl_odeiv2_driver *driver = gsl_odeiv2_driver_alloc_y_new(&system, gsl_odeiv2_step_msbdf, 1e-6, 1e-8, 1e-8);
    double             t = 0, y[N] = {1, 0, 0};
    int                status = GSL_SUCCESS;
    for (double to = 0.4; to < 1000 && status == GSL_SUCCESS; to *= 10) {
        status = gsl_odeiv2_driver_apply(driver, &t, to, y);
        printf("t = %-5g %.6f %.4e %.6f\n", t, y[0], y[1], y[2]);
    }
    gsl_odeiv2_driver_free(driver);

    int failed = status != GSL_SUCCESS || tg_error_status(tape) != TG_OK;
    if (failed) fprintf(stderr, "gsl_bridge: %s\n", *tg_error(tape) ? tg_error(tape) : gsl_strerror(status));
    tg_tape_free(tape);
    return failed;
}
