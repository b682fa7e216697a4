/* tests/mpi/test_order.c: what the executor may and may not do to collectives; and ranks that are not at the same place.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "ranks.h"

static int64_t calls(const ranks *r) {
    return tg_mpi_stats(r->mpi).calls;
}

static tg_tensor one(ranks *r) {
    return tg_full(r->tape, TG_F64, TG_SHAPE(2), 1);
}

/* Two that look the same are two, and one that nobody reads runs, in each run, with plans and without. */
static void each_runs_once_a_run(ranks *r) {
    tg_tensor x = one(r);
    tg_set_keep(r->tape, TG_KEEP_ASKED);
    tg_tensor y = tg_mpi_allreduce(x, r->mpi, TG_MPI_SUM), z = tg_mpi_allreduce(x, r->mpi, TG_MPI_SUM);
    tg_mpi_broadcast(x, r->mpi, 0);
    tg_keep(tg_add(y, z));
    for (int eager = 0; eager < 2; eager++) {
        tg_set_eager(r->tape, eager);
        for (int i = 0; i < 3; i++) {
            int64_t before = calls(r);
            tg_run(r->tape);
            CHECK(calls(r) == before + 3);
        }
    }
    CHECK_OK(r->tape);
}

/* A read runs what stands before the value, and not the collective after it; one rank may read more than others of what has run. */
static void reads(ranks *r) {
    tg_tensor x = tg_input(r->tape, "x", TG_F64, TG_SHAPE(2));
    tg_tensor y = tg_mul(tg_mpi_allreduce(x, r->mpi, TG_MPI_SUM), 2);
    tg_mpi_allreduce(y, r->mpi, TG_MPI_SUM);
    int64_t before = calls(r);
    tg_data(y);
    CHECK(calls(r) == before + 1);
    tg_run_pending(r->tape);
    CHECK(calls(r) == before + 2);
    tg_run(r->tape);
    CHECK(calls(r) == before + 4);
    if (r->rank == 0) CHECK(tg_item(tg_sum(tg_add(y, 1))) == 2);
    CHECK(calls(r) == before + 4);
    CHECK_OK(r->tape);
}

static void parts_and_rewinds(ranks *r) {
    tg_tensor x = tg_input(r->tape, "x", TG_F64, TG_SHAPE(2));
    tg_begin_part(r->tape, "one");
    tg_tensor y = tg_mpi_allreduce(x, r->mpi, TG_MPI_SUM);
    tg_end_part(r->tape);
    double  values[2] = {1, 2};
    int64_t before = calls(r);
    tg_write(x, values, 2);
    tg_run_part(r->tape, "one");
    tg_run_part(r->tape, "one");
    CHECK_IS(y, r->size, 2 * r->size);
    CHECK(calls(r) == before + 2);
    tg_mark mark = tg_tape_mark(r->tape);
    for (int i = 0; i < 3; i++) {
        tg_tensor z = tg_mpi_all_gather(tg_add(x, i), r->mpi);
        CHECK(tg_item(tg_sum(z)) == r->size * (3 + 2 * i));
        tg_rewind(r->tape, mark);
    }
    CHECK(calls(r) == before + 5);
    CHECK_OK(r->tape);
}

/* An assign stands where it stands: the first sum sees the old value, the second the new one. */
static void assigns_keep_their_place(ranks *r) {
    tg_tensor x = tg_input(r->tape, "x", TG_F64, TG_SHAPE());
    tg_tensor y = tg_mpi_allreduce(x, r->mpi, TG_MPI_SUM);
    tg_assign(x, tg_add(y, 1));
    tg_tensor z = tg_mpi_allreduce(x, r->mpi, TG_MPI_SUM);
    tg_run(r->tape);
    CHECK_IS(y, 0);
    CHECK_IS(z, r->size);
    CHECK_OK(r->tape);
}

static tg_tensor segment(const tg_tensor *x, void *context) {
    return tg_mpi_allreduce(tg_exp(x[0]), context, TG_MPI_SUM);
}

/* They say so where collectives must not stand. */
static void where_they_may_not_stand(ranks *r) {
    tg_tensor x = tg_parameter(r->tape, "x", 1);
    tg_checkpoint(r->tape, segment, r->mpi, 1, &x);
    CHECK_FAILS(r->tape, TG_ERR_ARGUMENT, "mpi_allreduce");
    tg_gradcheck(tg_mpi_allreduce(x, r->mpi, TG_MPI_SUM), 1, &x, NULL);
    CHECK_FAILS(r->tape, TG_ERR_GRADIENT, "mpi_allreduce, which is random");
}

/* ---- ranks that differ ------------------------------------------------------------------------------------------------- */

/* All have the error; the communicator is broken, for all that comes. */
static void check_differs(ranks *r, const char *one_text, const char *other_text) {
    tg_run(r->tape);
    CHECK(tg_error_status(r->tape) == TG_ERR_ARGUMENT);
    CHECK(strstr(tg_error(r->tape), "the ranks differ at their communication"));
    if (!CHECK(strstr(tg_error(r->tape), one_text) && strstr(tg_error(r->tape), other_text)))
        printf("# rank %d: %s\n", r->rank, tg_error(r->tape));
    tg_clear_error(r->tape);
    CHECK(tg_mpi_agree(r->mpi) == TG_ERR_ARGUMENT);
    tg_clear_error(r->tape);
    tg_data(tg_mpi_allreduce(one(r), r->mpi, TG_MPI_SUM));
    CHECK_FAILS(r->tape, TG_ERR_ARGUMENT, "the ranks differ");
}

static void other_shapes(ranks *r) {
    if (r->size == 1) return;
    tg_mpi_allreduce(tg_full(r->tape, TG_F64, TG_SHAPE(r->rank == 1 ? 3 : 2), 1), r->mpi, TG_MPI_SUM);
    check_differs(r, "rank 0: allreduce, sum of float64 (2)", "rank 1: allreduce, sum of float64 (3)");
}

static void other_ops(ranks *r) {
    if (r->size == 1) return;
    tg_tensor x = one(r);
    if (r->rank == r->size - 1)
        tg_mpi_broadcast(x, r->mpi, 0);
    else
        tg_mpi_allreduce(x, r->mpi, TG_MPI_MAX);
    check_differs(r, "rank 0: allreduce, maximum of float64 (2)", ": broadcast of float64 (2)");
}

static void other_order(ranks *r) {
    if (r->size == 1) return;
    tg_tensor x = one(r), y = tg_full(r->tape, TG_F32, TG_SHAPE(), 1);
    tg_mpi_allreduce(r->rank ? x : y, r->mpi, TG_MPI_SUM);
    tg_mpi_allreduce(r->rank ? y : x, r->mpi, TG_MPI_SUM);
    check_differs(r, "rank 0: allreduce, sum of float32 ()", "rank 1: allreduce, sum of float64 (2)");
}

static void other_roots(ranks *r) {
    if (r->size == 1) return;
    tg_mpi_broadcast(one(r), r->mpi, r->rank == 0 ? 0 : 1);
    check_differs(r, "rank 0: broadcast of float64 (2)", "about another operand, or another number of them");
}

/* One makes fewer: it is at the end when others are not. */
static void other_numbers(ranks *r) {
    if (r->size == 1) return;
    tg_tensor x = one(r);
    tg_mpi_allreduce(x, r->mpi, TG_MPI_SUM);
    if (r->rank > 0) tg_mpi_all_gather(x, r->mpi);
    tg_run(r->tape);
    tg_mpi_agree(r->mpi);
    CHECK_FAILS(r->tape, TG_ERR_ARGUMENT, "rank 0: tg_mpi_agree; rank 1: all_gather of float64 (2)");
}

/* In an instruction that ran before: it is compared beside the communication. */
static void later_they_differ(ranks *r) {
    if (r->size == 1) return;
    tg_tensor x = one(r);
    tg_begin_part(r->tape, "a");
    tg_mpi_allreduce(x, r->mpi, TG_MPI_SUM);
    tg_end_part(r->tape);
    tg_begin_part(r->tape, "b");
    tg_mpi_all_gather(x, r->mpi);
    tg_end_part(r->tape);
    for (int i = 0; i < 2; i++) {
        tg_run_part(r->tape, "a");
        tg_run_part(r->tape, "b");
    }
    CHECK_OK(r->tape);
    tg_run_part(r->tape, r->rank == 0 ? "a" : "b");
    CHECK_FAILS(r->tape, TG_ERR_ARGUMENT, "rank 0: allreduce, sum of float64 (2); rank 1: all_gather of float64 (2)");
}

rank_suite order_suite(void) {
    static const rank_test tests[] = {
        {.name = "each collective runs once a run", .run = each_runs_once_a_run},
        {.name = "reads run what stands before the value", .run = reads},
        {.name = "parts and rewinds", .run = parts_and_rewinds},
        {.name = "assigns keep their place", .run = assigns_keep_their_place},
        {.name = "where collectives may not stand", .run = where_they_may_not_stand},
        {.name = "ranks differ: shapes", .run = other_shapes},
        {.name = "ranks differ: ops", .run = other_ops},
        {.name = "ranks differ: order", .run = other_order},
        {.name = "ranks differ: roots", .run = other_roots},
        {.name = "ranks differ: numbers of communications", .run = other_numbers},
        {.name = "ranks differ: later", .run = later_they_differ},
    };
    return SUITE_OF(tests);
}
