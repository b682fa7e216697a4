/* tests/grad/sparse_checks.h: a sparse matrix compared with the dense one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_GRAD_SPARSE_CHECKS_H
#define TESTS_GRAD_SPARSE_CHECKS_H

#include "ops/values.h"

/* Whether each entry must be other than 0 in the dense matrix. */
typedef enum exactness { COVERS, EXACT } exactness;

/* Records the sparse Jacobian of y for n inputs, all float64, checks its form, and compares its entries with what tg_read_jacobian
 * gives, relative to the largest one, or to 1. */
void check_sparse_jacobian(const char *what, tg_tensor y, int n, const tg_tensor *inputs, exactness how);

/* The same with tg_read_hessian, for one input. Gives the number of colors. */
int64_t check_sparse_hessian(const char *what, tg_tensor loss, tg_tensor x, exactness how);

#endif
