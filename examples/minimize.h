/* examples/minimize.h: making a loss of a few parameters as small as it gets.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_MINIMIZE_H
#define EXAMPLES_MINIMIZE_H

#include <tapegrad.h>

typedef struct minimum {
    int64_t iterations;
    double  slope; /* the largest element of the gradient, without its sign, before the last of them */
} minimum;

/* Betters theta, the one parameter that the loss depends on, by L-BFGS: until no element of the gradient is above `flat`, and in at most
 * so many iterations. The loss is recorded on the tape, which has no other. No element changes by more than 1 at a time: where theta
 * holds logarithms, nothing grows or shrinks to more than e times what it was. What is recorded here is forgotten in the end. */
minimum minimize(tg_tape *tape, tg_tensor loss, tg_tensor theta, double flat, int64_t most);

#endif
