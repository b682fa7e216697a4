/* tests/mpi/ranks.c: tests that run on several ranks at once.
 *
 * SPDX-License-Identifier: MIT */
#include "ranks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int  failures; /* of this rank, in this test */
static char first_failure[600];

/* ---- checks ---------------------------------------------------------------------------------------------------------- */

bool check_that(bool holds, const char *what, const char *file, int line) {
    if (!holds && !failures++) snprintf(first_failure, sizeof first_failure, "%s:%d: %s", file, line, what);
    return holds;
}

bool check_ok(tg_tape *tape, const char *file, int line) {
    return check_that(!tg_error_status(tape), tg_error(tape), file, line);
}

bool check_fails(tg_tape *tape, tg_status status, const char *text, const char *file, int line) {
    char what[500];
    snprintf(what, sizeof what, "expected status %d and '%s', found %d and '%s'", (int)status, text, (int)tg_error_status(tape),
             tg_error(tape));
    bool ok = check_that(tg_error_status(tape) == status && strstr(tg_error(tape), text), what, file, line);
    tg_clear_error(tape);
    return ok;
}

bool check_is(tg_tensor x, int64_t n, const double *expected, double within, const char *file, int line) {
    char          what[200];
    const double *found = tg_size(x) == n && tg_dtype_of(x) == TG_F64 ? tg_data(x) : NULL;
    if (!found) return check_that(false, *tg_error(x.tape) ? tg_error(x.tape) : "another size or dtype", file, line);
    for (int64_t i = 0; i < n; i++) {
        bool near = fabs(found[i] - expected[i]) <= within * (1 + fabs(expected[i]));
        snprintf(what, sizeof what, "element %lld is %.17g, not %.17g", (long long)i, found[i], expected[i]);
        if (!near && !(isnan(found[i]) && isnan(expected[i]))) return check_that(false, what, file, line);
    }
    return true;
}

/* MPI's own functions keep a processor busy while they wait, and there may be more ranks than processors. */
double over_ranks(double x, MPI_Op op) {
    double      sum = 0;
    int         done = 0;
    MPI_Request request;
    MPI_Iallreduce(&x, &sum, 1, MPI_DOUBLE, op, MPI_COMM_WORLD, &request);
    while (!MPI_Test(&request, &done, MPI_STATUS_IGNORE) && !done)
        nanosleep(&(struct timespec){.tv_nsec = 10000}, NULL);
    return sum;
}

double sum_over_ranks(double x) {
    return over_ranks(x, MPI_SUM);
}

/* ---- derivatives ----------------------------------------------------------------------------------------------------- */

static double noise(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    return (double)(*state >> 8) / (1 << 24) - 0.5;
}

tg_tensor numbers(ranks *r, const char *name, tg_shape shape) {
    int64_t  n = tg_shape_size(shape);
    double  *x = malloc((size_t)(n + 1) * sizeof *x);
    unsigned state = 7u + 31u * (unsigned)r->rank + (unsigned)strlen(name);
    for (int64_t i = 0; i < n; i++)
        x[i] = noise(&state);
    tg_tensor w = tg_parameter(r->tape, name, tg_constant(r->tape, TG_F64, shape, x));
    free(x);
    return w;
}

/* A float64 constant of x's shape, with other numbers on each rank. */
static tg_tensor weights(ranks *r, tg_tensor x, unsigned seed) {
    int64_t  n = tg_size(x);
    double  *w = malloc((size_t)(n + 1) * sizeof *w);
    unsigned state = seed + 17u * (unsigned)r->rank;
    for (int64_t i = 0; i < n; i++)
        w[i] = noise(&state);
    tg_tensor y = tg_constant(r->tape, TG_F64, tg_shape_of(x), w);
    free(w);
    return y;
}

typedef struct measured {
    tg_tensor x, of[2], derivative[2]; /* of[k] is a number whose sum over the ranks is differentiated for x */
} measured;

/* One element of one rank's x is moved, on all ranks the program runs, and the numbers are summed. */
static void measure(ranks *r, const measured *m, int rank, int64_t i, double step, double sum[2]) {
    int64_t n = tg_size(m->x);
    double *moved = malloc((size_t)n * sizeof *moved);
    memcpy(moved, tg_peek(m->x), (size_t)n * sizeof *moved);
    if (r->rank == rank) moved[i] += step;
    tg_write(m->x, moved, n);
    tg_run(r->tape);
    for (int k = 0; k < 2; k++)
        sum[k] = sum_over_ranks(tg_item(m->of[k]));
    if (r->rank == rank) moved[i] -= step;
    tg_write(m->x, moved, n);
    free(moved);
}

static void compare(ranks *r, const measured *m) {
    const double step = 1e-5;
    int64_t      n = tg_size(m->x);
    tg_run(r->tape);
    double *recorded[2];
    for (int k = 0; k < 2; k++) {
        recorded[k] = malloc((size_t)n * sizeof **recorded);
        tg_read(m->derivative[k], (void *)recorded[k], n);
    }
    /* Of many elements, and of many ranks, the first two and the last: each takes four runs on all ranks. */
    for (int rank = 0; rank < r->size; rank += rank == 1 && r->size > 3 ? r->size - 2 : 1)
        for (int64_t i = 0; i < n; i += i == 1 && n > 3 ? n - 2 : 1) {
            double above[2], below[2];
            measure(r, m, rank, i, step, above);
            measure(r, m, rank, i, -step, below);
            for (int k = 0; k < 2 && rank == r->rank; k++) {
                double slope = (above[k] - below[k]) / (2 * step);
                char   what[200];
                snprintf(what, sizeof what, "derivative %d for element %lld is %.12g, measured %.12g", k + 1, (long long)i,
                         recorded[k][i], slope);
                check_that(fabs(slope - recorded[k][i]) < 2e-8 * (1 + fabs(slope)), what, __FILE__, __LINE__);
            }
        }
    free(recorded[0]);
    free(recorded[1]);
}

void check_derivatives(ranks *r, rank_op *op, tg_shape shape) {
    measured  m = {.x = numbers(r, "x", shape)};
    tg_tensor y = op(r, m.x);
    m.of[0] = tg_sum(tg_mul(tg_sin(y), weights(r, y, 3)));
    tg_vjp(r->tape, 1, &m.of[0], NULL, 1, &m.x, &m.derivative[0]);
    m.of[1] = tg_sum(tg_mul(tg_square(m.derivative[0]), weights(r, m.x, 5)));
    tg_vjp(r->tape, 1, &m.of[1], NULL, 1, &m.x, &m.derivative[1]);
    if (CHECK_OK(r->tape)) compare(r, &m);
    CHECK_OK(r->tape);
}

/* ---- running them ---------------------------------------------------------------------------------------------------- */

static int number, failed_tests;

static void say_failures(int rank) {
    char text[600];
    memcpy(text, first_failure, sizeof text);
    if (rank == 0) {
        if (failures) printf("# rank 0: %s\n", text);
        int size;
        MPI_Comm_size(MPI_COMM_WORLD, &size);
        for (int i = 1; i < size; i++) {
            MPI_Recv(text, (int)sizeof text, MPI_CHAR, i, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            if (*text) printf("# rank %d: %s\n", i, text);
        }
    } else
        MPI_Send(first_failure, (int)sizeof first_failure, MPI_CHAR, 0, 0, MPI_COMM_WORLD);
}

static void run_test(const rank_test *test) {
    failures = 0;
    memset(first_failure, 0, sizeof first_failure);
    ranks r = {.tape = tg_tape_new()};
    MPI_Comm_rank(MPI_COMM_WORLD, &r.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &r.size);
    r.mpi = tg_mpi_new(r.tape, MPI_COMM_WORLD, &test->options);
    sum_over_ranks(0); /* or the news of a failure could come before all have begun */
    if (CHECK_OK(r.tape)) test->run(&r);
    tg_mpi_free(r.mpi);
    tg_tape_free(r.tape);
    int sum = (int)sum_over_ranks(failures);
    if (r.rank == 0) printf("%sok %d - %s\n", sum ? "not " : "", ++number, test->name);
    if (sum) say_failures(r.rank);
    failed_tests += sum > 0;
    fflush(stdout);
}

int main(int argc, char **argv) {
    int provided, rank;
    MPI_Init_thread(&argc, &argv, getenv("MPI_TEST_SINGLE") ? MPI_THREAD_SINGLE : MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    const rank_suite suites[] = {collective_suite(), tree_suite(),       point_suite(), order_suite(),
                                 gradients_suite(),  parameters_suite(), memory_suite()};
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        for (int k = 0; k < suites[i].count; k++)
            if (argc < 2 || strstr(suites[i].tests[k].name, argv[1])) run_test(&suites[i].tests[k]);
    if (rank == 0) printf("1..%d\n", number);
    MPI_Finalize();
    return failed_tests ? EXIT_FAILURE : EXIT_SUCCESS;
}
