/* bench/gradbench/descent.h: gradient descent as the evals saddle and particle have it, recorded as a loop, and the two ways to record a
 * gradient. The rule for the length of steps is GradBench's (cpp/gradbench/gd.hpp).
 *
 * SPDX-License-Identifier: MIT */
#ifndef GRADBENCH_DESCENT_H
#define GRADBENCH_DESCENT_H

#include <tapegrad.h>

enum { MOST_STEPS = 10000 }; /* of a loop that goes on while a condition holds */

typedef enum ad_mode { FORWARD, REVERSE } ad_mode;

/* A point is n numbers, tensors of rank 0, at most MOST_NUMBERS. Records a function of one; gives a number. */
typedef tg_tensor objective(const tg_tensor *x, void *context);

enum { MOST_NUMBERS = 4 };

/* Records the gradient of y for the point x: by one vector-Jacobian product, or by a Jacobian-vector product for each number. */
void gradient(tg_tape *tape, ad_mode mode, tg_tensor y, int n, const tg_tensor *x, tg_tensor *g);

/* Records a descent from x to where f is least, and puts that point there. It can be differentiated, and stand in the f of another. NaN,
 * if MOST_STEPS are not enough. */
void minimize(tg_tape *tape, ad_mode mode, objective *f, void *context, int n, tg_tensor *x);

/* x, or NaN where a loop has done all the steps that it may. */
tg_tensor if_ended(tg_tensor x, tg_tensor done);

#endif
