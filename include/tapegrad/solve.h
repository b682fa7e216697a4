/* tapegrad/solve.h: solvers: minima, nonlinear least squares, roots of equations, differential equations.
 *
 * A solver changes leaves (parameters and inputs) until a value that was recorded before is as it should be:
 *
 *     tg_tensor p = tg_parameter(tape, "p", tg_constant(tape, TG_F64, TG_SHAPE(2), (double[]){-1.2, 1}));
 *     tg_tensor a = tg_select(p, 0, 0), b = tg_select(p, 0, 1);
 *     tg_tensor f = tg_add(tg_mul(100, tg_square(tg_sub(b, tg_square(a)))), tg_square(tg_sub(1, a)));
 *
 *     tg_solve_report report;
 *     tg_minimize(f, 1, &p, NULL, &report);
 *     printf("%s: %g\n", tg_stop_text(report.stop), tg_item(f));
 *
 * The derivatives that it needs it records once, in parts of the tape (tg_begin_part) of its own; an iteration writes the leaves and
 * runs these parts: it records nothing, and allocates nothing. In the end the parts are forgotten, and the tape is as it was, but
 * for the leaves, which hold the best point that was found, and for what the solver was given (f), whose value is that of this point.
 * All else that depends on the leaves has the value that it had, as after tg_write.
 *
 * What a solver runs is what a read of its first argument would run, and then again and again what that depends on, and nothing
 * else: no optimizer's step, and no part. So the steps of a training loop may stand on the same tape, in a part. What was recorded in a
 * part is not for a solver: it would see the values of that part's last run. After what it is given no assign to one of the leaves
 * may stand, outside of parts (TG_ERR_GRADIENT, TG_ERR_VALUE).
 *
 * The leaves are float32 or float64, in the tape's own memory, and begin with the values that are in it. A solver takes them as one
 * vector, in the order of the list, and computes in double. A point where a value or a derivative is NaN or infinite, or which an op
 * rejects with TG_ERR_NUMERIC (a matrix that is not positive definite, say), counts as one that is too far: a shorter step is
 * tried. An op that rejects the first point is an error.
 *
 * A solver returns TG_OK when it has ended by itself, whether it has found what it looked for or not: the report says that. After an
 * error (the tape's status) the leaves are as before.
 *
 * An option that is 0 or left out has its default, and so have all for NULL; where 0 itself is wanted, TG_ZERO
 * (tapegrad/optim.h) stands for it. None may be negative, or NaN: TG_ERR_ARGUMENT. `eps` is the rounding unit of the dtype: 2.2e-16
 * for float64, and where a leaf or what is solved is float32, 1.2e-7.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TAPEGRAD_SOLVE_H
#define TAPEGRAD_SOLVE_H
#pragma GCC system_header

#include <tapegrad/view.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- what all solvers tell --------------------------------------------------------------------------------------- */

/* Why a solver stopped. The first three are what it was called for. */
typedef enum tg_stop {
    TG_STOP_NONE,        /* it did not run to an end: there was an error */
    TG_STOP_GRADIENT,    /* the gradient is within its tolerance */
    TG_STOP_VALUE,       /* the value changes by no more than its tolerance; the equations hold */
    TG_STOP_STEP,        /* the point moves by no more than its tolerance */
    TG_STOP_ITERATIONS,  /* that many iterations were done */
    TG_STOP_EVALUATIONS, /* that many evaluations were done */
    TG_STOP_CALLBACK,    /* the callback said so */
    TG_STOP_NO_DESCENT,  /* no step along the direction betters the value: often the limit of rounding errors */
    TG_STOP_STUCK,       /* of a root: the squares of the equations have a minimum here that is not 0 */
    TG_STOP_NOT_FINITE   /* the value is NaN or infinite where it began, or a derivative is where it came to */
} tg_stop;

/* The reason in words, "the gradient is within its tolerance" for one. The text is static. */
const char *tg_stop_text(tg_stop stop);

typedef struct tg_solve_report {
    tg_stop stop;
    bool    converged;  /* it is one of the first three */
    int64_t iterations; /* steps that were accepted */
    int64_t values;     /* evaluations of the value, whether with a gradient or not */
    int64_t gradients;  /* evaluations of a gradient, or of a Jacobian */
    int64_t products;   /* products of a vector and a Hessian or a Jacobian; those of which a Jacobian was made count, too */
    double  value;      /* of the best point: the loss; half the sum of squares, or of the robust loss; the largest |equation| */
    double  gradient;   /* the largest element of its gradient, without the sign; with a dense Jacobian, of the last point for which that
                           was made; for equations, of half the sum of their squares */
} tg_solve_report;

/* Called after each iteration, with the report so far and the point, `count` elements in the order of the leaves. The solver stops
 * when it returns false. It may do nothing with the tape but record, which is forgotten: see tg_begin_callback in tapegrad/extend.h. */
typedef bool tg_solve_callback(const tg_solve_report *so_far, int64_t count, const double *point, void *context);

/* ---- minima ------------------------------------------------------------------------------------------------------ */

/* TG_QUASI_NEWTON is L-BFGS (D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization", 1989): it
 * needs gradients alone. Its line search is that of J. J. Moré and D. J. Thuente, "Line search algorithms with guaranteed sufficient
 * decrease" (1994), for the strong conditions of Wolfe with 1e-3 and 0.9. With bounds, elements at a bound that the gradient pushes
 * against stay, and the step of the others is projected onto the bounds; the idea is that of R. H. Byrd, P. Lu, J. Nocedal and C.
 * Zhu, "A limited memory algorithm for bound constrained optimization" (1995), the direction that of D. P. Bertsekas, "Projected
 * Newton methods for optimization problems with simple constraints" (1982).
 *
 * TG_NEWTON_CG is Newton's method in a trust region, each step by conjugate gradients on products with the Hessian (T. Steihaug, "The
 * conjugate gradient method and trust regions in large scale optimization", 1983; J. Nocedal and S. J. Wright, Numerical Optimization
 * (2006), algorithms 4.1 and 7.2). The ops of the loss must be differentiable twice. */
typedef enum tg_minimizer { TG_QUASI_NEWTON, TG_NEWTON_CG } tg_minimizer;

typedef struct tg_minimize_options {
    tg_minimizer       method;
    double             tolerance_gradient; /* of its largest element; default sqrt(eps) */
    double             tolerance_value;    /* of a step's change, times max(1, |value|); default 10 eps */
    double             max_step;           /* the most that an element may change by in a step; default: no bound */
    int64_t            history;            /* of TG_QUASI_NEWTON: how many steps it remembers; default 10 */
    int64_t            max_iterations;     /* default 15000 */
    int64_t            max_evaluations;    /* of the value; default 15000 */
    tg_list            lower, upper;       /* bounds; left out: none. Of TG_QUASI_NEWTON alone */
    tg_solve_callback *callback;
    void              *context; /* handed to it */
} tg_minimize_options;

/* Makes `loss`, a floating tensor of one element, as small as it gets near the point where the n leaves at `parameters` are. The
 * gradient of the report is 0 for an element at a bound that it pushes against.
 *
 * Bounds are lists of n, one for each leaf: a plain number (tg_num(0)), a tensor of one element or of the leaf's shape, or TG_NONE for
 * no bound. They are read when the solver begins. A start outside of them is moved to the nearest point inside. TG_ERR_ARGUMENT where
 * a lower bound is above the upper one. TG_ERR_SHAPE for a loss of several elements; TG_ERR_HANDLE, TG_ERR_DTYPE, TG_ERR_ARGUMENT for
 * what is no leaf to write, or listed twice. `report` may be NULL. */
tg_status tg_minimize(tg_tensor loss, int n, const tg_tensor *parameters, const tg_minimize_options *options,
                      tg_solve_report *report);

/* ---- nonlinear least squares ------------------------------------------------------------------------------------- */

/* How large residuals count: half the sum of  scale^2 rho((r / scale)^2)  is made small, where rho(z) is one of these, as in SciPy's
 * least_squares. */
typedef enum tg_robust {
    TG_ROBUST_NONE,    /* z */
    TG_ROBUST_HUBER,   /* z up to 1, and then 2 sqrt(z) - 1 */
    TG_ROBUST_SOFT_L1, /* 2 (sqrt(1 + z) - 1) */
    TG_ROBUST_CAUCHY   /* log(1 + z) */
} tg_robust;

/* What is known of the Jacobian. TG_JACOBIAN_DENSE is the whole of it, made of one product with each unit vector: the method is that of
 * K. Levenberg and D. W. Marquardt as J. J. Moré describes it, "The Levenberg-Marquardt algorithm: implementation and theory" (1978),
 * with a trust region that is scaled by the columns, and QR factors. TG_JACOBIAN_FREE are products with it and with its transpose:
 * the method is that of TG_NEWTON_CG with the products of Gauss and Newton, J' J v, or J' W J v with the weights rho'.
 * TG_JACOBIAN_AUTO is the first for up to 300 elements of the leaves, and at most 2^22 of the Jacobian. */
typedef enum tg_jacobian_form { TG_JACOBIAN_AUTO, TG_JACOBIAN_DENSE, TG_JACOBIAN_FREE } tg_jacobian_form;

typedef struct tg_least_squares_options {
    tg_robust        robust;
    double           scale; /* of the robust loss; default 1 */
    tg_jacobian_form jacobian;
    double  tolerance_gradient; /* default sqrt(eps): of the largest cosine of the angle between the residuals and a column
                                              of the Jacobian; of TG_JACOBIAN_FREE, of the gradient's largest element */
    double  tolerance_value;    /* of a step's change, and of the one that was foretold, times the value; default sqrt(eps) */
    double  tolerance_step;     /* of the scaled step, times the scaled point; default sqrt(eps). Of TG_JACOBIAN_DENSE */
    int64_t max_iterations;     /* default 15000 */
    int64_t max_evaluations;    /* of the residuals; default 15000 */
    tg_list lower, upper;       /* bounds, as of tg_minimize. Of TG_JACOBIAN_DENSE alone: an element at a bound that the
                                              gradient pushes against stays, and steps are projected onto the bounds */
    tg_solve_callback *callback;
    void              *context;
} tg_least_squares_options;

/* Makes half the sum of squares of `residuals`, a floating tensor of any shape, or the robust loss of them, as small as it gets near the
 * point where the n leaves at `parameters` are. There may be fewer residuals than elements. Errors as of tg_minimize. */
tg_status tg_least_squares(tg_tensor residuals, int n, const tg_tensor *parameters, const tg_least_squares_options *options,
                           tg_solve_report *report);

/* ---- roots ------------------------------------------------------------------------------------------------------- */

typedef struct tg_root_options {
    double             tolerance_value; /* of the largest |equation|; default eps^(2/3) */
    double             tolerance_step;  /* of the largest change of an element, times max(1, |element|); default eps^(2/3) */
    double             max_step;        /* the most that an element may change by in a step; default: no bound */
    int64_t            max_iterations;  /* default 1000 */
    int64_t            max_evaluations; /* of the equations; default 15000 */
    tg_solve_callback *callback;
    void              *context;
} tg_root_options;

/* Finds where all `equations` are 0, a floating tensor with as many elements as the n leaves at `unknowns` have together
 * (TG_ERR_SHAPE), near the point where they are. By Newton's method, with a line search for half the sum of squares (J. E. Dennis and R.
 * B. Schnabel, Numerical Methods for Unconstrained Optimization and Nonlinear Equations (1983), algorithms A6.3.1 and D6.1.3); the
 * Jacobian is dense. Where it is singular, or almost, the step is that of Levenberg and Marquardt with a small parameter, as there
 * (6.5). Errors as of tg_minimize. */
tg_status tg_root(tg_tensor equations, int n, const tg_tensor *unknowns, const tg_root_options *options,
                  tg_solve_report *report);

/* ---- derivatives of roots and minima ----------------------------------------------------------------------------- */

/* Records the root as a function of all else that the equations depend on: roots[j], a tensor of the shape and dtype of unknowns[j],
 * has its value, for leaves that hold a root, and gradients flow through it by the implicit function theorem,
 *     d root / d p = - (d equations / d unknowns)^-1  d equations / d p
 * without differentiating what was done to find it. For a minimum the equations are the gradient of the loss (tg_vjp). Recorded
 * once, it holds for other p too: write p, call tg_root, run. Derivatives are right to first order. The unknowns themselves get
 * gradients of 0. (What is recorded is one step of Newton's method, with a Jacobian, by tg_jacobian, that no gradient flows
 * through.)
 *
 * `roots` may be the same array as `unknowns`. After an error the tape is as before, and they are invalid. The run is TG_ERR_NUMERIC
 * where the Jacobian is singular. Errors as of tg_root and tg_jacobian; the equations and the unknowns have one dtype. */
tg_status tg_implicit(tg_tensor equations, int n, const tg_tensor *unknowns, tg_tensor *roots);

/* ---- differential equations -------------------------------------------------------------------------------------- */

/* Records dy/dt at a time t, a tensor of rank 0, and a state y, and returns it, of y's dtype and in a shape that broadcasts to y's. It
 * records, draws no numbers, assigns nothing, and may do nothing else with the tape: see tg_begin_callback in tapegrad/extend.h. */
typedef tg_tensor tg_ode(tg_tensor t, tg_tensor y, void *context);

typedef struct tg_odeint_options {
    double  rtol, atol;           /* the error of a step is kept below atol + rtol |y|: default 1e-6 and 1e-9, of float32 1e-4 and 1e-6 */
    double  first_step, max_step; /* default: found from the rates at the start; no bound */
    int64_t max_steps;            /* default 10000, rejected ones included */

    /* The most memory, in bytes, for states that are kept for the gradient, as of tg_scan; default 0: no limit, which is two states
     * for each step. With less, the adjoint computes steps once more, from states that are kept between them. */
    size_t memory;
} tg_odeint_options;

/* The solution of dy/dt = f(t, y) with the value y0, of any shape, at times[0], at `count` times that rise or fall: a tensor of
 * shape (count, y0's sizes). By the method of J. R. Dormand and P. J. Prince, "A family of embedded Runge-Kutta formulae" (1980), of
 * order 5 with an error estimate of order 4, which sets the size of each step by a PI controller; times between steps are interpolated to
 * order 4 (E. Hairer, S. P. Norsett and G. Wanner, Solving Ordinary Differential Equations I (1993), II.4 to II.6).
 *
 * The steps are found now, with the values that y0 and all that f uses have now. What is recorded is a loop (tg_scan) over the steps that were
 * accepted, with their sizes as constants: gradients flow through them to y0 and to what f uses, and a run with other values takes the
 * same steps. So a gradient is that of the solution that was computed, by the adjoint of the method's own steps, and not a second
 * differential equation that is solved backwards, and whose solution is another one. The equations are not to be stiff.
 *
 * `f` is called seven times to record a step that is tried, and seven times for the loop, however many steps there are; with a limit of
 * memory for each of its levels. Where memory is limited, and the steps are many times as many as the times, there is a loop for
 * each time. y0 has at most 7 axes.
 *
 * `report` may be NULL; it receives the steps that were accepted (iterations) and the evaluations of f that it took to find them
 * (values). TG_ERR_ARGUMENT for fewer
 * than 1 time, times that are not finite or not in order. TG_ERR_NUMERIC where the steps become too small, or too many. */
tg_tensor tg_odeint(tg_tensor y0, tg_ode *f, void *context, int count, const double *times, const tg_odeint_options *options,
                    tg_solve_report *report);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#define tg_minimize(loss, ...) TG_CALL1_WITH(tg_minimize, loss, __VA_ARGS__)
#define tg_least_squares(residuals, ...) TG_CALL1_WITH(tg_least_squares, residuals, __VA_ARGS__)
#define tg_root(equations, ...) TG_CALL1_WITH(tg_root, equations, __VA_ARGS__)
#define tg_implicit(equations, ...) TG_CALL1_WITH(tg_implicit, equations, __VA_ARGS__)
#define tg_odeint(y0, ...) TG_CALL1_WITH(tg_odeint, y0, __VA_ARGS__)

#endif
