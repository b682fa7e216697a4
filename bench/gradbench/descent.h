/* bench/gradbench/descent.h: gradient descent as the evals saddle and particle have it, and the two ways to record a
 * derivative. The rule for the length of steps is GradBench's (cpp/gradbench/gd.hpp).
 *
 * SPDX-License-Identifier: MIT */
#ifndef GRADBENCH_DESCENT_H
#define GRADBENCH_DESCENT_H

#include <tapegrad.h>

typedef enum ad_mode { FORWARD, REVERSE } ad_mode;

/* Records a function of a point, a vector; gives one number. */
typedef tg_tensor objective(tg_tensor x, void *context);

/* Records the gradient of y for the vector x: by one vector-Jacobian product, or by a Jacobian-vector product for each
 * element of x. For the latter `units` is the unit matrix of that size. */
tg_tensor gradient(tg_tape *tape, ad_mode mode, tg_tensor y, tg_tensor x, tg_tensor units);

/* Descends from the values of x, an input of the tape, to where f is least, and writes that point there. */
void minimize(tg_tape *tape, ad_mode mode, objective *f, void *context, tg_tensor x);

/* The same from any tensor, recorded step by step: the point that it gives can be differentiated. */
tg_tensor minimized(tg_tape *tape, ad_mode mode, objective *f, void *context, tg_tensor x);

#endif
