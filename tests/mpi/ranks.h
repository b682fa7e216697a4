/* tests/mpi/ranks.h: tests that run on several ranks at once.
 *
 * A test is a function that all ranks call, with a new tape and communicator. It fails if a check fails on any rank. Rank 0 reports, by the
 * Test Anything Protocol.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_MPI_RANKS_H
#define TESTS_MPI_RANKS_H

#include <tapegrad/mpi.h>

typedef struct ranks {
    tg_tape *tape;
    tg_mpi  *mpi;
    int      rank, size;
} ranks;

typedef struct rank_test {
    const char *name;
    void (*run)(ranks *r);
    tg_mpi_options options;
} rank_test;

/* The tests of each file: `count` of them. */
typedef struct rank_suite {
    int              count;
    const rank_test *tests;
} rank_suite;

rank_suite collective_suite(void), point_suite(void), gradients_suite(void), parameters_suite(void), order_suite(void),
    tree_suite(void), memory_suite(void);
#define SUITE_OF(tests) ((rank_suite){(int)(sizeof tests / sizeof *tests), tests})

/* Notes a failure, with where it is; whether it is one. */
#define CHECK(x) check_that(x, #x, __FILE__, __LINE__)
bool check_that(bool holds, const char *what, const char *file, int line);

/* The tape has no error; it has one with this text in it, which is forgotten. */
#define CHECK_OK(tape) check_ok(tape, __FILE__, __LINE__)
bool check_ok(tg_tape *tape, const char *file, int line);
#define CHECK_FAILS(tape, status, text) check_fails(tape, status, text, __FILE__, __LINE__)
bool check_fails(tg_tape *tape, tg_status status, const char *text, const char *file, int line);

/* The elements of x, which is float64, are those numbers; within so much. */
#define CHECK_IS(x, ...) \
    check_is(x, (int64_t)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)), (double[]){__VA_ARGS__}, 1e-14, __FILE__, __LINE__)
bool check_is(tg_tensor x, int64_t n, const double *expected, double within, const char *file, int line);

/* A float64 parameter of that shape, with other numbers on each rank. */
tg_tensor numbers(ranks *r, const char *name, tg_shape shape);

/* What op makes of x on all ranks has the derivatives that central differences measure: the first, and the second. */
typedef tg_tensor rank_op(ranks *r, tg_tensor x);
void              check_derivatives(ranks *r, rank_op *op, tg_shape shape);

/* What a number comes to over the ranks; and its sum. */
double over_ranks(double x, MPI_Op op);
double sum_over_ranks(double x);

#endif
