/* tests/mpi/test_parameters.c: what is the same on all ranks, and what is not.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "ranks.h"

static void parameters_become_rank_0_s(ranks *r) {
    double    own[3] = {r->rank, r->rank + 1, r->rank + 2};
    tg_tensor w = tg_parameter(r->tape, "w", tg_constant(r->tape, TG_F64, TG_SHAPE(3), own));
    tg_tensor v = tg_parameter(r->tape, "v", tg_full(r->tape, TG_F32, TG_SHAPE(), 7));
    tg_assign(v, r->rank); /* pending, and runs first */
    CHECK(tg_mpi_share_parameters(r->mpi) == TG_OK);
    CHECK_IS(w, 0, 1, 2);
    CHECK_IS(tg_cast(v, TG_F64), 0);
    CHECK(tg_mpi_check_parameters(r->mpi) == TG_OK);
    CHECK_OK(r->tape);
}

static void no_parameters(ranks *r) {
    CHECK(tg_mpi_share_parameters(r->mpi) == TG_OK);
    CHECK_OK(r->tape);
}

static void bits_are_compared(ranks *r) {
    if (r->size == 1) return;
    tg_parameter(r->tape, "a", 1);
    tg_parameter(r->tape, "w", tg_full(r->tape, TG_F64, TG_SHAPE(3), r->rank == 1 ? 2 : 1));
    CHECK(tg_mpi_check_parameters(r->mpi) == TG_ERR_VALUE);
    CHECK_FAILS(r->tape, TG_ERR_VALUE, "the parameter 'w' does not have the same bits on all ranks");
}

/* Borrowed memory is compared, and not written. */
static void borrowed_parameters(ranks *r) {
    static const double same[2] = {1, 2};
    double              other[2] = {1, r->rank};
    tg_borrow_parameter(r->tape, "same", TG_F64, TG_SHAPE(2), same);
    CHECK(tg_mpi_share_parameters(r->mpi) == TG_OK);
    CHECK_OK(r->tape);
    if (r->size == 1) return;
    tg_borrow_parameter(r->tape, "other", TG_F64, TG_SHAPE(2), other);
    tg_mpi_share_parameters(r->mpi);
    CHECK_FAILS(r->tape, TG_ERR_VALUE, "the parameter 'other'");
    CHECK(other[1] == r->rank);
}

static void other_names(ranks *r) {
    if (r->size == 1) return;
    tg_parameter(r->tape, r->rank ? "v" : "w", 1);
    tg_mpi_share_parameters(r->mpi);
    CHECK_FAILS(r->tape, TG_ERR_NAME, "rank 0: parameter 'w', float64 (); rank 1: parameter 'v', float64 ()");
}

static void other_dtypes(ranks *r) {
    if (r->size == 1) return;
    tg_parameter(r->tape, "w", tg_full(r->tape, r->rank ? TG_F32 : TG_F64, TG_SHAPE(2), 1));
    tg_mpi_share_parameters(r->mpi);
    CHECK_FAILS(r->tape, TG_ERR_DTYPE, "rank 0: parameter 'w', float64 (2); rank 1: parameter 'w', float32 (2)");
}

static void other_shapes(ranks *r) {
    if (r->size == 1) return;
    tg_parameter(r->tape, "w", tg_full(r->tape, TG_F64, TG_SHAPE(2 + r->rank), 1));
    tg_mpi_share_parameters(r->mpi);
    CHECK_FAILS(r->tape, TG_ERR_SHAPE, "rank 0: parameter 'w', float64 (2); rank 1: parameter 'w', float64 (3)");
}

static void other_numbers(ranks *r) {
    if (r->size == 1) return;
    if (r->rank) tg_parameter(r->tape, "w", 1);
    tg_mpi_share_parameters(r->mpi);
    CHECK_FAILS(r->tape, TG_ERR_NAME, "rank 0: 0 parameters; rank 1: 1 parameters");
}

/* ---- random numbers and data ------------------------------------------------------------------------------------------- */

static bool same_everywhere(ranks *r, double x) {
    double least = over_ranks(x, MPI_MIN), most = over_ranks(x, MPI_MAX);
    return r->size == 1 || least == most;
}

static void generators(ranks *r) {
    tg_mpi_seed(r->mpi, 42);
    double own = tg_item(tg_rand(r->tape, TG_F64, TG_SHAPE()));
    CHECK(r->size == 1 || !same_everywhere(r, own));
    tg_mpi_draw_common(r->mpi, true);
    double common = tg_item(tg_rand(r->tape, TG_F64, TG_SHAPE()));
    tg_mpi_draw_common(r->mpi, true);
    double after = tg_item(tg_rand(r->tape, TG_F64, TG_SHAPE()));
    tg_mpi_draw_common(r->mpi, false);
    CHECK(same_everywhere(r, common) && same_everywhere(r, after) && common != after);
    double next = tg_item(tg_rand(r->tape, TG_F64, TG_SHAPE()));

    tg_seed(r->tape, 42);
    CHECK(common == tg_item(tg_rand(r->tape, TG_F64, TG_SHAPE())));
    tg_mpi_seed(r->mpi, 42);
    CHECK(own == tg_item(tg_rand(r->tape, TG_F64, TG_SHAPE())));
    CHECK(next == tg_item(tg_rand(r->tape, TG_F64, TG_SHAPE())));
    CHECK_OK(r->tape);
}

/* Each row but the last few is on one rank. */
static void shards_of_rows(ranks *r) {
    enum { ROWS = 14 };
    tg_mpi_seed(r->mpi, 3);
    tg_mpi_draw_common(r->mpi, true);
    tg_tensor rows = tg_randperm(r->tape, ROWS), own = tg_mpi_shard(rows, r->mpi);
    int64_t   mine[ROWS], order[ROWS], each = ROWS / r->size;
    CHECK(tg_size(own) == each && tg_dtype_of(own) == TG_I64);
    tg_read(own, mine, each);
    tg_read(rows, order, ROWS);
    for (int64_t i = 0; i < each; i++)
        CHECK(mine[i] == order[i * r->size + r->rank]);
    CHECK(tg_size(tg_mpi_shard(tg_full(r->tape, TG_I64, TG_SHAPE(0), 0), r->mpi)) == 0);
    CHECK_OK(r->tape);
    tg_mpi_shard(tg_full(r->tape, TG_F32, TG_SHAPE(4), 0), r->mpi);
    CHECK_FAILS(r->tape, TG_ERR_DTYPE, "mpi_shard: float32 (4)");
    tg_mpi_shard(tg_full(r->tape, TG_I64, TG_SHAPE(4, 4), 0), r->mpi);
    CHECK_FAILS(r->tape, TG_ERR_SHAPE, "the rows have one axis");
}

/* ---- what is done once -------------------------------------------------------------------------------------------------- */

static tg_status count(tg_tape *tape, void *context) {
    (void)tape;
    ++*(int *)context;
    return TG_OK;
}

static tg_status fail(tg_tape *tape, void *context) {
    return tg_fail(tape, TG_ERR_IO, "save", "no space in %s", (const char *)context);
}

static void once(ranks *r) {
    int done = 0;
    CHECK(tg_mpi_once(r->mpi, count, &done) == TG_OK);
    CHECK(done == (r->rank == 0));
    char place[] = "/nowhere";
    CHECK(tg_mpi_once(r->mpi, fail, place) == TG_ERR_IO);
    CHECK(r->rank == 0 || strstr(tg_error(r->tape), "rank 0 failed: "));
    CHECK_FAILS(r->tape, TG_ERR_IO, "save: no space in /nowhere");
    CHECK(tg_mpi_speaks(r->mpi) == (r->rank == 0));
}

/* An error of one is an error of all; that one speaks. */
static void agreeing(ranks *r) {
    CHECK(tg_mpi_agree(r->mpi) == TG_OK);
    sum_over_ranks(0); /* or the news of the failure could come before all have agreed */
    if (r->rank == r->size - 1) tg_fail(r->tape, TG_ERR_NUMERIC, "own", "it went wrong");
    CHECK(tg_mpi_agree(r->mpi) == TG_ERR_NUMERIC);
    CHECK(tg_mpi_speaks(r->mpi) == (r->rank == r->size - 1));
    CHECK_FAILS(r->tape, TG_ERR_NUMERIC, "it went wrong");
}

rank_suite parameters_suite(void) {
    static const rank_test tests[] = {
        {.name = "parameters become those of rank 0", .run = parameters_become_rank_0_s},
        {.name = "no parameters", .run = no_parameters},
        {.name = "bits of parameters are compared", .run = bits_are_compared},
        {.name = "borrowed parameters", .run = borrowed_parameters},
        {.name = "parameters with other names", .run = other_names},
        {.name = "parameters with other dtypes", .run = other_dtypes},
        {.name = "parameters with other shapes", .run = other_shapes},
        {.name = "other numbers of parameters", .run = other_numbers},
        {.name = "two generators", .run = generators},
        {.name = "shards of rows", .run = shards_of_rows},
        {.name = "what is done once", .run = once},
        {.name = "an error of one is an error of all", .run = agreeing},
    };
    return SUITE_OF(tests);
}
