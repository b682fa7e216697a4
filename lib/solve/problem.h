/* solve/problem.h: what a solver works on: values of a tape, and derivatives of them, as functions of one vector.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_SOLVE_PROBLEM_H
#define TGI_SOLVE_PROBLEM_H

#include "core/inside.h"

/* What an evaluation came to. */
typedef enum tgi_outcome {
    TGI_FINE,
    TGI_FAR,   /* something is NaN or infinite, or an op rejects the point: no error, but a point that is too far */
    TGI_FAILED /* an error, which is the tape's */
} tgi_outcome;

/* What all solvers are told. */
typedef struct tgi_limits {
    int64_t            iterations, evaluations;
    tg_solve_callback *callback;
    void              *context;
} tgi_limits;

typedef struct tgi_problem {
    tg_tape         *tape;
    const char      *name; /* of the function that the user called */
    tg_mark          mark;
    tg_scope         scope;
    int              n;
    const tg_tensor *leaves;
    int64_t          size; /* their elements, which are the vector */
    tg_tensor        solved;
    int64_t          rows; /* its elements */
    double           eps;  /* rounding unit of the least precise dtype */

    tg_tensor  value, value_with_gradient; /* copies of what is solved, in the parts that run it */
    tg_tensor *gradients, *directions, *products;
    int        product_count;

    double    *start, *here; /* where the leaves were before, and where they are */
    double    *lower, *upper;
    double    *unit;     /* a vector */
    void      *block;    /* of all arrays here */
    void      *buffer;   /* for the elements of one leaf */
    double    *work;     /* the solver's own */
    bool       recorded; /* something may be on the tape behind the mark */
    bool       entered;  /* `start` is known, and the leaves may be elsewhere */
    bool       current;  /* what is solved was computed where the leaves are */
    bool       begun;    /* a point was evaluated, so that others may be rejected */
    tgi_limits limits;

    tg_solve_report report;
} tgi_problem;

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

/* Begins to work on `solved`: what is needed of it is recorded from here to tgi_start, in a scope of that name. tgi_start runs what is
 * pending before its value, after which the leaves have the values that the solver starts with. tgi_end_problem is due in any case. Both
 * return the tape's status. */
tg_status tgi_begin_problem(tgi_problem *p, const char *name, tg_tensor solved, int n, const tg_tensor *leaves);
tg_status tgi_start(tgi_problem *p);

/* Forgets what was recorded, gives `report` what is known, and returns the tape's status. After an error the leaves are as they were. */
tg_status tgi_end_problem(tgi_problem *p, tg_solve_report *report);

/* Memory for so many numbers, more than which no integer need hold, given back in the end. NULL and an error when there is none. */
double *tgi_take_work(tgi_problem *p, double count);

/* ---- options ----------------------------------------------------------------------------------------------------- */

/* The option or, where it is 0, its default; checked to be at least 0. */
double  tgi_number_option(tgi_problem *p, const char *option, double value, double usual);
int64_t tgi_count_option(tgi_problem *p, const char *option, int64_t value, int64_t usual);

/* The same of limits. */
tgi_limits tgi_limits_of(tgi_problem *p, tgi_limits asked, int64_t usual_iterations);

/* The bounds of each element, from lists of one for each leaf, either of which may be left out. */
tg_status tgi_read_bounds(tgi_problem *p, tg_list lower, tg_list upper);

/* ---- recording: each adds what the functions below of the same name need ------------------------------------------- */

/* `value` is a tensor that is computed from what is solved, or is that itself. */
void tgi_record_value(tgi_problem *p, tg_tensor value);
void tgi_record_gradient(tgi_problem *p, tg_tensor loss);
void tgi_record_hessian_product(tgi_problem *p, tg_tensor loss);
void tgi_record_jacobian_product(tgi_problem *p);

/* Of the transposed Jacobian, weights on a diagonal (TG_NONE for ones), and the Jacobian. */
void tgi_record_normal_product(tgi_problem *p, tg_tensor weights);

/* Runs what is pending before the value that was recorded, and that. */
tg_status tgi_run_pending(tgi_problem *p);

/* ---- evaluating --------------------------------------------------------------------------------------------------- */

/* The elements that are there now of some tensors, as double; whether all are finite. */
bool tgi_peek(int count, const tg_tensor *x, double *values);

/* Overwrites the leaves with x, which becomes what they can hold; not where they are there. */
tg_status tgi_write_leaves(tgi_problem *p, double *x);
tg_status tgi_move_to(tgi_problem *p, double *x);

/* The same in the end: so that what is solved has its value there. */
tg_status tgi_settle_at(tgi_problem *p, double *x);

/* At the point where the leaves are: the value that was recorded; the loss with its gradient; the product of a vector, which becomes
 * what its dtype holds, with the matrix that was recorded. */
tgi_outcome tgi_value_here(tgi_problem *p, double *value);
tgi_outcome tgi_value_and_gradient(tgi_problem *p, double *value, double *gradient);
tgi_outcome tgi_product(tgi_problem *p, double *v, double *product);

/* The Jacobian, (rows, size), column after column, by products. */
tgi_outcome tgi_jacobian_here(tgi_problem *p, double *columns);

/* ---- going on ----------------------------------------------------------------------------------------------------- */

/* Counts an iteration, and calls the callback. Whether to go on: else the report says why not, as it may have said before. */
bool tgi_go_on(tgi_problem *p, const double *x);

/* Whether another evaluation may be done; else the report says so. */
bool tgi_may_evaluate(tgi_problem *p);

/* Notes why it stops. */
void tgi_stop(tgi_problem *p, tg_stop stop);

#endif
