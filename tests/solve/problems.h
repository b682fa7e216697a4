/* tests/solve/problems.h: problems that solvers are known by.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_SOLVE_PROBLEMS_H
#define TESTS_SOLVE_PROBLEMS_H

#include "suites.h"

enum { MOST_UNKNOWNS = 12 };

/* Residuals of n unknowns, and where to start. */
typedef struct test_problem {
    const char *name;
    int         unknowns;
    double      start[MOST_UNKNOWNS];
    tg_tensor (*residuals)(tg_tensor x);
} test_problem;

/* By its name; an assertion fails where there is none of that name. */
const test_problem *problem_named(const char *name);

#endif
