/* tests/mpi/test_collective.c: the collectives: values, derivatives, errors.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ranks.h"

/* (3): 1, 2, 3 on rank 0, 11, 12, 13 on rank 1 and so on. */
static tg_tensor own(ranks *r) {
    double x[3];
    for (int i = 0; i < 3; i++)
        x[i] = 10 * r->rank + i + 1;
    return tg_constant(r->tape, TG_F64, TG_SHAPE(3), x);
}

/* (P, 2): [s] is 100 rank + 10 s, and 1 more. */
static tg_tensor own_rows(ranks *r) {
    double *x = malloc(2 * (size_t)r->size * sizeof *x);
    for (int i = 0; i < 2 * r->size; i++)
        x[i] = 100 * r->rank + 10 * (i / 2) + i % 2;
    tg_tensor rows = tg_constant(r->tape, TG_F64, TG_SHAPE(r->size, 2), x);
    free(x);
    return rows;
}

/* ---- values ---------------------------------------------------------------------------------------------------------- */

static void allreduce_values(ranks *r) {
    double    n = r->size, tens = 10 * n * (n - 1) / 2;
    tg_tensor x = own(r);
    CHECK_IS(tg_mpi_allreduce(x, r->mpi, TG_MPI_SUM), n + tens, 2 * n + tens, 3 * n + tens);
    CHECK_IS(tg_mpi_allreduce(x, r->mpi, TG_MPI_MEAN), 1 + tens / n, 2 + tens / n, 3 + tens / n);
    CHECK_IS(tg_mpi_allreduce(x, r->mpi, TG_MPI_MAX), 10 * n - 9, 10 * n - 8, 10 * n - 7);
    CHECK_IS(tg_mpi_allreduce(x, r->mpi, TG_MPI_MIN), 1, 2, 3);
    CHECK_OK(r->tape);
}

/* Strided operands are taken as they lie. */
static void views_are_sent_in_order(ranks *r) {
    tg_tensor x = tg_slice(own(r), 0, TG_END, TG_BEGIN, -1);
    CHECK_IS(tg_mpi_broadcast(x, r->mpi, r->size - 1), 10 * r->size - 7, 10 * r->size - 8, 10 * r->size - 9);
}

static void nan_wins(ranks *r) {
    double    x[3] = {r->rank == 0 ? NAN : 1, r->rank == r->size - 1 ? NAN : 2, r->rank};
    tg_tensor y = tg_constant(r->tape, TG_F64, TG_SHAPE(3), x);
    CHECK_IS(tg_mpi_allreduce(y, r->mpi, TG_MPI_MAX), NAN, NAN, r->size - 1);
    CHECK_IS(tg_mpi_allreduce(y, r->mpi, TG_MPI_MIN), NAN, NAN, 0);
}

static void rooted_values(ranks *r) {
    double n = r->size, tens = 10 * n * (n - 1) / 2;
    for (int root = 0; root < r->size; root++) {
        double at = r->rank == root;
        CHECK_IS(tg_mpi_reduce(own(r), r->mpi, root), at * (n + tens), at * (2 * n + tens), at * (3 * n + tens));
        CHECK_IS(tg_mpi_broadcast(own(r), r->mpi, root), 10 * root + 1, 10 * root + 2, 10 * root + 3);
        CHECK_IS(tg_mpi_scatter(own_rows(r), r->mpi, root), 100 * root + 10 * r->rank, 100 * root + 10 * r->rank + 1);
        tg_tensor all = tg_mpi_gather(own(r), r->mpi, root);
        for (int s = 0; s < r->size; s++)
            CHECK_IS(tg_slice(all, 0, s, s + 1, 1), at * (10 * s + 1), at * (10 * s + 2), at * (10 * s + 3));
    }
    CHECK_OK(r->tape);
}

static void values_of_rows(ranks *r) {
    double    n = r->size, hundreds = 100 * n * (n - 1) / 2, row = 10 * r->rank;
    tg_tensor all = tg_mpi_all_gather(own(r), r->mpi), other = tg_mpi_all_to_all(own_rows(r), r->mpi);
    CHECK(tg_shape_equal(tg_shape_of(all), TG_SHAPE(r->size, 3)));
    for (int s = 0; s < r->size; s++) {
        CHECK_IS(tg_slice(all, 0, s, s + 1, 1), 10 * s + 1, 10 * s + 2, 10 * s + 3);
        CHECK_IS(tg_slice(other, 0, s, s + 1, 1), 100 * s + row, 100 * s + row + 1);
    }
    CHECK_IS(tg_mpi_reduce_scatter(own_rows(r), r->mpi), hundreds + n * row, hundreds + n * (row + 1));
    CHECK_OK(r->tape);
}

static void other_dtypes(ranks *r) {
    int64_t   big = ((int64_t)1 << 53) + 1 + r->rank, most = big - r->rank + r->size - 1;
    float     small = 0.5f;
    tg_tensor x = tg_constant(r->tape, TG_I64, TG_SHAPE(1), &big), y = tg_constant(r->tape, TG_F32, TG_SHAPE(1), &small);
    tg_tensor max = tg_mpi_allreduce(x, r->mpi, TG_MPI_MAX), sum = tg_mpi_allreduce(x, r->mpi, TG_MPI_SUM);
    int64_t   found[2] = {0};
    tg_read(max, &found[0], 1);
    tg_read(sum, &found[1], 1);
    CHECK(found[0] == most);
    CHECK(found[1] == r->size * (big - r->rank) + r->size * (r->size - 1) / 2);
    tg_tensor half = tg_mpi_allreduce(y, r->mpi, TG_MPI_SUM);
    CHECK(tg_dtype_of(half) == TG_F32);
    CHECK(tg_item(half) == 0.5 * r->size);
    CHECK_OK(r->tape);
}

static void empty_operands(ranks *r) {
    tg_tensor none = tg_full(r->tape, TG_F64, TG_SHAPE(0, 2), 1);
    CHECK(tg_size(tg_mpi_allreduce(none, r->mpi, TG_MPI_SUM)) == 0);
    CHECK(tg_shape_equal(tg_shape_of(tg_mpi_all_gather(none, r->mpi)), TG_SHAPE(r->size, 0, 2)));
    tg_mpi_sum_shards(none, r->mpi);
    CHECK(tg_error_status(r->tape) == TG_ERR_SHAPE);
    tg_clear_error(r->tape);
    tg_run(r->tape);
    CHECK_OK(r->tape);
}

/* ---- derivatives ----------------------------------------------------------------------------------------------------- */

#define DERIVATIVES(NAME, CALL, ...) \
    static tg_tensor NAME(ranks *r, tg_tensor x) { \
        return CALL; \
    } \
    static void derivatives_of_##NAME(ranks *r) { \
        check_derivatives(r, NAME, TG_SHAPE(__VA_ARGS__)); \
    }
DERIVATIVES(sum, tg_mpi_allreduce(x, r->mpi, TG_MPI_SUM), 2, 2)
DERIVATIVES(mean, tg_mpi_allreduce(x, r->mpi, TG_MPI_MEAN), 3)
DERIVATIVES(max, tg_mpi_allreduce(x, r->mpi, TG_MPI_MAX), 5)
DERIVATIVES(min, tg_mpi_allreduce(x, r->mpi, TG_MPI_MIN), 5)
DERIVATIVES(reduce, tg_mpi_reduce(x, r->mpi, r->size - 1), 3)
DERIVATIVES(broadcast, tg_mpi_broadcast(x, r->mpi, 0), 3)
DERIVATIVES(all_gather, tg_mpi_all_gather(x, r->mpi), 2, 1)
DERIVATIVES(gather, tg_mpi_gather(x, r->mpi, 0), 2)
DERIVATIVES(scatter, tg_mpi_scatter(x, r->mpi, r->size - 1), r->size, 2)
DERIVATIVES(reduce_scatter, tg_mpi_reduce_scatter(x, r->mpi), r->size, 2)
DERIVATIVES(all_to_all, tg_mpi_all_to_all(x, r->mpi), r->size, 2)
DERIVATIVES(sum_shards, tg_mpi_sum_shards(x, r->mpi), 3, 2)
/* A transposed operand, and one that is broadcast. */
DERIVATIVES(transposed, tg_mpi_allreduce(tg_transpose(x, 0, 1), r->mpi, TG_MPI_SUM), 2, 3)
DERIVATIVES(stretched, tg_mpi_reduce_scatter(tg_broadcast_to(x, TG_SHAPE(r->size, 2)), r->mpi), 2)

/* Two in a row, and a formula of both. */
static tg_tensor chain(ranks *r, tg_tensor x) {
    tg_tensor y = tg_mpi_allreduce(tg_exp(x), r->mpi, TG_MPI_SUM);
    return tg_mul(tg_mpi_all_gather(tg_mul(y, x), r->mpi), x);
}
static void derivatives_of_a_chain(ranks *r) {
    check_derivatives(r, chain, TG_SHAPE(2));
}

static void ties_share_the_gradient(ranks *r) {
    tg_tensor x = tg_parameter(r->tape, "x", 1), g;
    tg_tensor y = tg_mul(tg_mpi_allreduce(x, r->mpi, TG_MPI_MAX), 3);
    tg_vjp(r->tape, 1, &y, NULL, 1, &x, &g);
    CHECK_IS(g, 3);
}

/* ---- errors ---------------------------------------------------------------------------------------------------------- */

static void wrong_operands(ranks *r) {
    tg_tensor x = own(r), flags = tg_gt(x, 1), wide = tg_full(r->tape, TG_F64, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1), 0);
    tg_mpi_allreduce(flags, r->mpi, TG_MPI_SUM);
    CHECK_FAILS(r->tape, TG_ERR_DTYPE, "mpi_allreduce: bool (3): it takes float32, float64 and int64, not bool");
    tg_mpi_allreduce(tg_cast(x, TG_I64), r->mpi, TG_MPI_MEAN);
    CHECK_FAILS(r->tape, TG_ERR_DTYPE, "it takes float32 and float64, not int64");
    tg_mpi_all_gather(wide, r->mpi);
    CHECK_FAILS(r->tape, TG_ERR_SHAPE, "no room for another axis");
    tg_mpi_scatter(tg_full(r->tape, TG_F64, TG_SHAPE(r->size + 1, 2), 0), r->mpi, 0);
    CHECK_FAILS(r->tape, TG_ERR_SHAPE, "the first axis is not as long as there are ranks");
    tg_mpi_reduce_scatter(tg_sum(x), r->mpi);
    CHECK_FAILS(r->tape, TG_ERR_SHAPE, "the first axis");
    tg_mpi_sum_shards(tg_sum(x), r->mpi);
    CHECK_FAILS(r->tape, TG_ERR_SHAPE, "there is no first axis of shards");
    tg_mpi_allreduce(tg_broadcast_to(tg_sum(x), TG_SHAPE(1 << 16, 1 << 16)), r->mpi, TG_MPI_SUM);
    CHECK_FAILS(r->tape, TG_ERR_SHAPE, "more than MPI sends at once");
}

static void wrong_arguments(ranks *r) {
    tg_tensor x = own(r);
    tg_mpi_reduce(x, r->mpi, r->size);
    CHECK_FAILS(r->tape, TG_ERR_ARGUMENT, "mpi_reduce: the root");
    tg_mpi_broadcast(x, r->mpi, -1);
    CHECK_FAILS(r->tape, TG_ERR_ARGUMENT, "mpi_broadcast: the root -1 is not in [0,");
    tg_mpi_allreduce(x, NULL, TG_MPI_SUM);
    CHECK_FAILS(r->tape, TG_ERR_ARGUMENT, "mpi_allreduce: the communicator is NULL");
    tg_mpi_allreduce(x, r->mpi, (tg_mpi_combine)9);
    CHECK_FAILS(r->tape, TG_ERR_ARGUMENT, "there is no such combination: 9");
    tg_tape  *other = tg_tape_new();
    tg_tensor y = tg_full(other, TG_F64, TG_SHAPE(1), 1);
    tg_mpi_allreduce(y, r->mpi, TG_MPI_SUM);
    CHECK_FAILS(other, TG_ERR_ARGUMENT, "the communicator is that of another tape");
    tg_tape_free(other);
    CHECK(tg_mpi_new(NULL, MPI_COMM_WORLD, NULL) == NULL);
    CHECK(tg_mpi_rank(NULL) == 0 && tg_mpi_size(NULL) == 1 && tg_mpi_tape(NULL) == NULL);
    CHECK(tg_mpi_agree(NULL) == TG_ERR_HANDLE && tg_mpi_free(NULL) == TG_OK);
}

rank_suite collective_suite(void) {
    static const rank_test tests[] = {
        {.name = "allreduce: values", .run = allreduce_values},
        {"allreduce: values, deterministic", allreduce_values, {.deterministic = true}},
        {.name = "views are sent in order", .run = views_are_sent_in_order},
        {.name = "NaN wins", .run = nan_wins},
        {.name = "reduce, broadcast, scatter, gather: values", .run = rooted_values},
        {"reduce, broadcast, scatter, gather: values, deterministic", rooted_values, {.deterministic = true}},
        {.name = "all_gather, all_to_all, reduce_scatter: values", .run = values_of_rows},
        {"all_gather, all_to_all, reduce_scatter: values, deterministic", values_of_rows, {.deterministic = true}},
        {.name = "int64 and float32", .run = other_dtypes},
        {"int64 and float32, deterministic", other_dtypes, {.deterministic = true}},
        {.name = "empty operands", .run = empty_operands},
        {.name = "derivatives of allreduce, sum", .run = derivatives_of_sum},
        {"derivatives of allreduce, sum, deterministic", derivatives_of_sum, {.deterministic = true}},
        {.name = "derivatives of allreduce, mean", .run = derivatives_of_mean},
        {.name = "derivatives of allreduce, maximum", .run = derivatives_of_max},
        {.name = "derivatives of allreduce, minimum", .run = derivatives_of_min},
        {.name = "derivatives of reduce", .run = derivatives_of_reduce},
        {.name = "derivatives of broadcast", .run = derivatives_of_broadcast},
        {.name = "derivatives of all_gather", .run = derivatives_of_all_gather},
        {.name = "derivatives of gather", .run = derivatives_of_gather},
        {.name = "derivatives of scatter", .run = derivatives_of_scatter},
        {.name = "derivatives of reduce_scatter", .run = derivatives_of_reduce_scatter},
        {"derivatives of reduce_scatter, deterministic", derivatives_of_reduce_scatter, {.deterministic = true}},
        {.name = "derivatives of all_to_all", .run = derivatives_of_all_to_all},
        {.name = "derivatives of sum_shards", .run = derivatives_of_sum_shards},
        {.name = "derivatives for a transposed operand", .run = derivatives_of_transposed},
        {.name = "derivatives for a broadcast operand", .run = derivatives_of_stretched},
        {.name = "derivatives of a chain", .run = derivatives_of_a_chain},
        {.name = "ties share the gradient", .run = ties_share_the_gradient},
        {.name = "operands that are refused", .run = wrong_operands},
        {.name = "arguments that are refused", .run = wrong_arguments},
    };
    return SUITE_OF(tests);
}
