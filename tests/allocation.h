/* tests/allocation.h: the test cases of the program in which allocations fail.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_ALLOCATION_H
#define TESTS_ALLOCATION_H

#include <check.h>

#include "allocator.h"

/* The tests of all ops (tests/ops/test_allocation.c). */
TCase *op_allocation(void);

/* Those of loops (tests/grad/test_allocation.c). */
TCase *loop_allocation(void);

/* Those of optimizers (tests/optim/test_allocation.c). */
TCase *optimizer_allocation(void);

/* Those of models that train (tests/run/test_steady.c). */
TCase *steady_models(void);

/* Those of solvers (tests/solve/test_allocation.c). */
TCase *solver_allocation(void);

/* Those of tapes as C (tests/emit/test_allocation.c). */
TCase *emit_allocation(void);

/* Those of all layers (tests/layers/test_allocation.c). */
TCase *layer_allocation(void);

#endif
