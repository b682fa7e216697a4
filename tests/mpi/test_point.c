/* tests/mpi/test_point.c: from one rank to another.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "ranks.h"

/* Each sends to the next rank, the last to the first. The token that stands for what was sent goes into the result. */
static tg_tensor ring(ranks *r, tg_tensor x) {
    tg_tensor token = tg_mpi_send(tg_exp(x), r->mpi, (r->rank + 1) % r->size, 3);
    tg_tensor y = tg_mpi_recv(x, r->mpi, (r->rank + r->size - 1) % r->size, 3);
    return tg_mul(tg_add(y, token), x);
}

static void derivatives_of_a_ring(ranks *r) {
    check_derivatives(r, ring, TG_SHAPE(3));
}

static void a_ring_moves_values(ranks *r) {
    int       next = (r->rank + 1) % r->size, before = (r->rank + r->size - 1) % r->size;
    double    own[2] = {r->rank, 10 * r->rank};
    tg_tensor x = tg_constant(r->tape, TG_F64, TG_SHAPE(2), own);
    tg_tensor token = tg_mpi_send(x, r->mpi, next, 0);
    CHECK_IS(tg_mpi_recv(x, r->mpi, before, 0), before, 10 * before);
    CHECK_IS(token, 0);
    CHECK_OK(r->tape);
}

/* Those with one tag arrive in order; another tag may be taken first. */
static void order_of_messages(ranks *r) {
    int       next = (r->rank + 1) % r->size, before = (r->rank + r->size - 1) % r->size;
    tg_tensor like = tg_full(r->tape, TG_F64, TG_SHAPE(), 0);
    for (int i = 0; i < 3; i++)
        tg_mpi_send(tg_full(r->tape, TG_F64, TG_SHAPE(), i), r->mpi, next, i == 2 ? 1 : 0);
    tg_tensor other = tg_mpi_recv(like, r->mpi, before, 1);
    tg_tensor first = tg_mpi_recv(like, r->mpi, before, 0);
    tg_tensor second = tg_mpi_recv(like, r->mpi, before, 0);
    tg_run(r->tape);
    CHECK_IS(first, 0);
    CHECK_IS(second, 1);
    CHECK_IS(other, 2);
    tg_run(r->tape);
    CHECK_IS(second, 1);
    CHECK_OK(r->tape);
}

/* Larger than what MPI sends at once without being asked for: nobody waits, so both may send first. */
static void large_messages(ranks *r) {
    int64_t   n = 1 << 18;
    int       next = (r->rank + 1) % r->size, before = (r->rank + r->size - 1) % r->size;
    tg_tensor x = tg_mul(tg_arange(r->tape, TG_F32, 0, (double)n, 1), (double)r->rank + 1);
    tg_mpi_send(x, r->mpi, next, 0);
    tg_tensor y = tg_mpi_recv(x, r->mpi, before, 0);
    tg_tensor expected = tg_mul(tg_arange(r->tape, TG_F32, 0, (double)n, 1), (double)before + 1);
    CHECK(tg_item(tg_sum(tg_abs(tg_sub(y, expected)))) == 0);
    CHECK_OK(r->tape);
}

/* A pipeline of stages, each with a parameter: the last has the loss, and the gradients go back. */
static void a_pipeline_trains(ranks *r) {
    tg_tensor w = tg_parameter(r->tape, "w", r->rank + 2.0), x = tg_full(r->tape, TG_F64, TG_SHAPE(), 1), loss, g;
    if (r->rank > 0) x = tg_mpi_recv(w, r->mpi, r->rank - 1, 0);
    tg_tensor y = tg_mul(x, w);
    loss = r->rank < r->size - 1 ? tg_mpi_send(y, r->mpi, r->rank + 1, 0) : y;
    tg_vjp(r->tape, 1, &loss, NULL, 1, &w, &g);
    double product = 1;
    for (int s = 0; s < r->size; s++)
        product *= s + 2;
    tg_run(r->tape);
    CHECK_IS(g, product / (r->rank + 2));
    if (r->rank == r->size - 1) CHECK_IS(loss, product);
    CHECK_OK(r->tape);
}

/* Of another shape, or of another dtype with as many bytes: an error of all ranks. */
static void what_comes_is_looked_at(ranks *r) {
    int       next = (r->rank + 1) % r->size, before = (r->rank + r->size - 1) % r->size;
    tg_tensor x = tg_full(r->tape, TG_F64, TG_SHAPE(2), 1);
    tg_mpi_send(x, r->mpi, next, 0);
    tg_tensor y = tg_mpi_recv(tg_full(r->tape, TG_I64, TG_SHAPE(2), 1), r->mpi, before, 0);
    tg_data(y);
    CHECK_FAILS(r->tape, TG_ERR_DTYPE, "receives int64 (2)");
    CHECK(tg_mpi_agree(r->mpi) == TG_ERR_DTYPE);
    CHECK_FAILS(r->tape, TG_ERR_DTYPE, "sent float64 (2)");
}

static void wrong_arguments(ranks *r) {
    tg_tensor x = tg_full(r->tape, TG_F64, TG_SHAPE(), 1);
    tg_mpi_send(x, r->mpi, r->size, 0);
    CHECK_FAILS(r->tape, TG_ERR_ARGUMENT, "mpi_send: rank");
    tg_mpi_recv(x, r->mpi, 0, 16384);
    CHECK_FAILS(r->tape, TG_ERR_ARGUMENT, "mpi_recv: the tag 16384 is not in [0, 16384)");
    tg_mpi_send(tg_gt(x, 0), r->mpi, 0, 0);
    CHECK_FAILS(r->tape, TG_ERR_DTYPE, "mpi_send");
    tg_mpi_recv(x, NULL, 0, 0);
    CHECK_FAILS(r->tape, TG_ERR_ARGUMENT, "the communicator is NULL");
}

rank_suite point_suite(void) {
    static const rank_test tests[] = {
        {.name = "send and recv: a ring moves values", .run = a_ring_moves_values},
        {.name = "send and recv: the order of messages", .run = order_of_messages},
        {.name = "send and recv: large messages", .run = large_messages},
        {.name = "send and recv: derivatives of a ring", .run = derivatives_of_a_ring},
        {.name = "send and recv: a pipeline", .run = a_pipeline_trains},
        {.name = "send and recv: what comes is looked at", .run = what_comes_is_looked_at},
        {.name = "send and recv: arguments that are refused", .run = wrong_arguments},
    };
    return SUITE_OF(tests);
}
