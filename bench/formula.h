/* bench/formula.h: works that are a formula of float32 variables, its value, and its gradients for all of them: by tapegrad,
 * recorded once, and the arrays for the same by hand.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_FORMULA_H
#define BENCH_FORMULA_H

#include "bench.h"

enum { MOST_VARIABLES = 4 };

/* Filled with numbers between low and high; the salt is its index among the variables. */
typedef struct variable {
    const char *name;
    tg_shape    shape;
    double      low, high;
} variable;

/* ---- by tapegrad ------------------------------------------------------------------------------------------------- */

typedef struct formula {
    tg_tape  *tape;
    int       count;
    tg_tensor x[MOST_VARIABLES], grad[MOST_VARIABLES], y;
} formula;

/* The variables on a tape that keeps nothing unless it is asked to: the rivals keep nothing either. */
formula *formula_new(int count, const variable *variables);

/* The formula is y; its gradients are those of the sum of seed * y. */
void formula_is(formula *f, tg_tensor y, tg_tensor seed);

/* Of a contestant whose state it is. */
void formula_step(void *state);
int  formula_result(void *state, double *to);
void formula_free(void *state);

/* ---- by hand ----------------------------------------------------------------------------------------------------- */

typedef struct arrays {
    int     count;
    int64_t size[MOST_VARIABLES], y_size;
    float  *x[MOST_VARIABLES], *grad[MOST_VARIABLES], *y;
    float  *seed, *room; /* for the loops' own use */
} arrays;

arrays *arrays_new(int count, const variable *variables, int64_t y_size);
int     arrays_result(void *state, double *to);
void    arrays_free(void *state);

#endif
