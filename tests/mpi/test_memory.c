/* tests/mpi/test_memory.c: each allocation fails in turn, on one rank. Each time there is an error that says so, and in the end nothing has
 * leaked.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "allocator.h"
#include "ranks.h"

static tg_status nothing(tg_tape *tape, void *context) {
    (void)tape, (void)context;
    return TG_OK;
}

static void record(tg_tape *tape, tg_mpi *mpi) {
    tg_tensor w = tg_parameter(tape, "w", tg_full(tape, TG_F64, TG_SHAPE(3, 2), 1));
    tg_tensor x = tg_mpi_allreduce(tg_square(w), mpi, TG_MPI_SUM);
    tg_tensor y = tg_mpi_sum_shards(tg_transpose(x, 0, 1), mpi);
    tg_tensor token = tg_mpi_send(y, mpi, 0, 0);
    tg_tensor z = tg_mpi_recv(y, mpi, 0, 0);
    tg_tensor loss = tg_sum(tg_add(z, token));
    tg_mpi_backward_shards(mpi, TG_LIST(loss, tg_sum(w)), NULL);
    tg_mpi_reduce_grads(mpi, NULL);
}

static tg_status scenario(tg_mpi_options options) {
    tg_tape *tape = tg_tape_new();
    tg_mpi  *mpi = tg_mpi_new(tape, MPI_COMM_WORLD, &options);
    if (mpi && !tg_error_status(tape)) {
        tg_mpi_seed(mpi, 1);
        record(tape, mpi);
        tg_mpi_share_parameters(mpi);
        tg_mpi_shard(tg_full(tape, TG_I64, TG_SHAPE(4), 1), mpi);
        tg_run(tape);
        tg_mpi_once(mpi, nothing, NULL);
    }
    tg_status status = tape ? tg_error_status(tape) : TG_ERR_MEMORY;
    tg_mpi_free(mpi);
    tg_tape_free(tape);
    return status;
}

/* MPI allocates by itself, and is not watched. */
static void each_allocation_fails(ranks *r) {
    if (r->size > 1) return;
    for (int deterministic = 0; deterministic < 2; deterministic++) {
        tg_status status = TG_ERR_MEMORY;
        long      k = 0;
        while (status == TG_ERR_MEMORY) {
            watch();
            until_failure = ++k;
            status = scenario((tg_mpi_options){.deterministic = deterministic});
            until_failure = 0;
            watching = false;
            if (!CHECK(live == 0)) printf("# allocation %ld: %ld blocks left\n", k, live);
        }
        CHECK(status == TG_OK);
        if (!CHECK(k > 30)) printf("# %ld allocations\n", k);
    }
}

/* A run that has run before allocates nothing. */
static void later_runs_allocate_nothing(ranks *r) {
    if (r->size > 1) return;
    record(r->tape, r->mpi);
    tg_set_threads(r->tape, 1);
    for (int i = 0; i < 3; i++)
        tg_run(r->tape);
    watch();
    calls = 0;
    tg_run(r->tape);
    watching = false;
    /* What is sent is copied: that is malloc and free, twice, for the gradient goes the other way. */
    if (!CHECK(calls <= 4)) printf("# %ld calls\n", calls);
    CHECK_OK(r->tape);
}

rank_suite memory_suite(void) {
    static const rank_test tests[] = {
        {.name = "memory: each allocation fails", .run = each_allocation_fails},
        {.name = "memory: later runs allocate nothing", .run = later_runs_allocate_nothing},
    };
    return SUITE_OF(tests);
}
