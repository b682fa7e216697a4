/* tests/mpi/test_gradients.c: gradients of all ranks, in buckets.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "ranks.h"

enum { LAYERS = 5, WIDTH = 6, ROWS = 12 };

typedef struct net {
    tg_tensor w[LAYERS], b[LAYERS];
} net;

/* The same weights on all ranks. */
static net new_net(ranks *r, tg_dtype dtype) {
    net n;
    tg_seed(r->tape, 5);
    for (int i = 0; i < LAYERS; i++) {
        char name[20];
        snprintf(name, sizeof name, "w%d", i);
        n.w[i] = tg_parameter(r->tape, name, tg_mul(tg_randn(r->tape, dtype, TG_SHAPE(WIDTH, WIDTH)), 0.5));
        snprintf(name, sizeof name, "b%d", i);
        n.b[i] = tg_parameter(r->tape, name, tg_randn(r->tape, dtype, TG_SHAPE(WIDTH)));
    }
    return n;
}

/* The loss of rows `from` to `to` of data that are the same everywhere. */
static tg_tensor loss_of(ranks *r, const net *n, tg_dtype dtype, int from, int to) {
    tg_seed(r->tape, 9);
    tg_tensor x = tg_slice(tg_randn(r->tape, dtype, TG_SHAPE(ROWS, WIDTH)), 0, from, to, 1);
    for (int i = 0; i < LAYERS; i++)
        x = tg_tanh(tg_add(tg_matmul(x, n->w[i]), n->b[i]));
    return tg_sum(tg_square(x));
}

static double distance(tg_tensor a, tg_tensor b) {
    return tg_item(tg_max(tg_abs(tg_sub(a, b))));
}

/* The sum over the ranks is what one has of all rows. */
static void check_against_one(ranks *r, const net *n, double scale) {
    tg_tensor w[2 * LAYERS], g[2 * LAYERS], loss = loss_of(r, n, TG_F64, 0, ROWS);
    for (int i = 0; i < LAYERS; i++)
        w[2 * i] = n->w[i], w[2 * i + 1] = n->b[i];
    tg_vjp(r->tape, 1, &loss, NULL, 2 * LAYERS, w, g);
    tg_run(r->tape);
    for (int i = 0; i < 2 * LAYERS; i++)
        CHECK(distance(tg_mul(g[i], scale), tg_grad(w[i])) < 1e-12);
    CHECK_OK(r->tape);
}

static void gradients_are_those_of_all_rows(ranks *r) {
    const int64_t sizes[] = {0, 1, 100, 300, 1 << 20};
    int           each = ROWS / r->size;
    net           n = new_net(r, TG_F64);
    tg_tensor     loss = loss_of(r, &n, TG_F64, r->rank * each, (r->rank + 1) * each);
    tg_mark       mark = tg_tape_mark(r->tape);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        tg_mpi_backward(loss, r->mpi, &(tg_mpi_backward_options){.bucket_bytes = sizes[i], .average = i % 2});
        check_against_one(r, &n, i % 2 ? 1.0 / r->size : 1);
        tg_rewind(r->tape, mark);
    }
}

static void gradients_after_the_fact(ranks *r) {
    int each = ROWS / r->size, half = each / 2;
    net n = new_net(r, TG_F64);
    tg_backward(loss_of(r, &n, TG_F64, r->rank * each, r->rank * each + half));
    tg_backward(loss_of(r, &n, TG_F64, r->rank * each + half, (r->rank + 1) * each));
    tg_mpi_reduce_grads(r->mpi, NULL);
    check_against_one(r, &n, 1);
}

static void gradients_of_shards(ranks *r) {
    int       each = ROWS / r->size;
    net       n = new_net(r, TG_F64);
    tg_tensor losses[ROWS];
    for (int i = 0; i < each; i++)
        losses[i] = loss_of(r, &n, TG_F64, r->rank * each + i, r->rank * each + i + 1);
    tg_mpi_backward_shards(r->mpi, tg_list_from(each, losses), NULL);
    check_against_one(r, &n, 1);
}

/* The bits of a sum of shards, on any number of ranks: those of the tree over the gradients that one rank has of each. */
static void shards_have_the_tree_s_bits(ranks *r) {
    int       each = ROWS / r->size;
    net       n = new_net(r, TG_F32);
    tg_tensor losses[ROWS], sums[ROWS];
    for (int i = 0; i < each; i++)
        losses[i] = loss_of(r, &n, TG_F32, r->rank * each + i, r->rank * each + i + 1);
    tg_mpi_backward_shards(r->mpi, tg_list_from(each, losses), &(tg_mpi_backward_options){.bucket_bytes = 200});
    for (int i = 0; i < ROWS; i++) {
        tg_tensor loss = loss_of(r, &n, TG_F32, i, i + 1);
        tg_vjp(r->tape, 1, &loss, NULL, 1, &n.w[1], &sums[i]);
    }
    for (int step = 1; step < ROWS; step *= 2)
        for (int i = 0; i + step < ROWS; i += 2 * step)
            sums[i] = tg_add(sums[i], sums[i + step]);
    tg_run(r->tape);
    float expected[WIDTH * WIDTH], found[WIDTH * WIDTH];
    tg_read(sums[0], expected, WIDTH * WIDTH);
    tg_read(tg_grad(n.w[1]), found, WIDTH * WIDTH);
    CHECK(!memcmp(expected, found, sizeof found));
    CHECK_OK(r->tape);
}

/* The sums are begun in the walk: between them stand the rest of it, and then the waits. */
static void sums_are_begun_in_the_walk(ranks *r) {
    net       n = new_net(r, TG_F64);
    tg_tensor loss = loss_of(r, &n, TG_F64, 0, 1);
    tg_mpi_backward(loss, r->mpi, &(tg_mpi_backward_options){.bucket_bytes = 8 * (WIDTH * WIDTH + WIDTH)});
    FILE *file = tmpfile();
    tg_print(r->tape, file);
    rewind(file);
    char line[500], order[4 * LAYERS + 1] = "";
    int  count = 0;
    bool between = false, walked = true;
    while (fgets(line, sizeof line, file)) {
        bool begins = strstr(line, "mpi_begin_sum"), ends = strstr(line, "mpi_end_sum");
        if (begins && count && order[count - 1] == 'b') walked &= between;
        if (begins || ends) order[count++] = begins ? 'b' : 'e', between = false;
        between |= strstr(line, "matmul") != NULL;
    }
    fclose(file);
    CHECK(!strcmp(order, "bbbbbeeeee"));
    CHECK(walked);
    CHECK_OK(r->tape);
}

/* A frozen parameter has none; one that a loss does not depend on has zeros from that shard; both dtypes have buckets of their own. */
static void parameters_of_all_kinds(ranks *r) {
    tg_tensor a = tg_parameter(r->tape, "a", 2), b = tg_parameter(r->tape, "b", 3), c = tg_parameter(r->tape, "c", 5);
    tg_tensor d = tg_parameter(r->tape, "d", tg_full(r->tape, TG_F32, TG_SHAPE(2), 1));
    tg_tensor unused = tg_parameter(r->tape, "unused", 1);
    tg_set_requires_grad(c, false);
    tg_tensor single = tg_cast(tg_sum(d), TG_F64);
    tg_list   losses = TG_LIST(tg_mul(tg_mul(a, b), c), tg_add(a, single));
    tg_mpi_backward_shards(r->mpi, losses, NULL);
    tg_run(r->tape);
    CHECK_IS(tg_grad(a), r->size * 16);
    CHECK_IS(tg_grad(b), r->size * 10);
    CHECK_IS(tg_cast(tg_grad(d), TG_F64), r->size, r->size);
    CHECK(!tg_has_grad(c) && !tg_has_grad(unused));
    CHECK_OK(r->tape);
}

/* In a part, with an optimizer, step after step: all ranks stay the same, and nothing is compared before it begins any more. */
static void training_keeps_the_ranks_together(ranks *r) {
    int each = ROWS / r->size;
    net n = new_net(r, TG_F32);
    tg_set_keep(r->tape, TG_KEEP_ASKED);
    tg_begin_part(r->tape, "train");
    tg_tensor loss = loss_of(r, &n, TG_F32, r->rank * each, (r->rank + 1) * each);
    tg_mpi_backward(loss, r->mpi, &(tg_mpi_backward_options){.average = true, .bucket_bytes = 400});
    tg_keep(loss = tg_mpi_allreduce(loss, r->mpi, TG_MPI_SUM));
    tg_sgd_step(r->tape, 0.05);
    tg_end_part(r->tape);
    tg_run_part(r->tape, "train");
    double first = tg_item(loss);
    for (int i = 0; i < 20; i++)
        tg_run_part(r->tape, "train");
    CHECK(tg_item(loss) < 0.5 * first);
    CHECK(tg_mpi_check_parameters(r->mpi) == TG_OK);
    CHECK_OK(r->tape);
}

static void wrong_arguments(ranks *r) {
    tg_tensor w = tg_parameter(r->tape, "w", tg_full(r->tape, TG_F64, TG_SHAPE(2), 1));
    tg_mpi_backward(w, r->mpi, NULL);
    CHECK_FAILS(r->tape, TG_ERR_SHAPE, "the loss is (2), not one number");
    tg_mpi_backward(tg_sum(w), NULL, NULL);
    CHECK_FAILS(r->tape, TG_ERR_ARGUMENT, "the communicator is NULL");
    tg_mpi_backward(tg_sum(w), r->mpi, &(tg_mpi_backward_options){.bucket_bytes = -1});
    CHECK_FAILS(r->tape, TG_ERR_ARGUMENT, "bucket_bytes -1");
    tg_mpi_backward_shards(r->mpi, TG_LIST(), NULL);
    CHECK_FAILS(r->tape, TG_ERR_ARGUMENT, "there are no losses");
    tg_mpi_reduce_grads(r->mpi, NULL);
    CHECK_FAILS(r->tape, TG_ERR_GRADIENT, "no parameter has a gradient");
    CHECK(!tg_has_grad(w));
}

rank_suite gradients_suite(void) {
    static const rank_test tests[] = {
        {.name = "gradients are those of all rows", .run = gradients_are_those_of_all_rows},
        {"gradients are those of all rows, deterministic", gradients_are_those_of_all_rows, {.deterministic = true}},
        {"gradients are those of all rows, no thread", gradients_are_those_of_all_rows, {.no_thread = true}},
        {.name = "gradients reduced after the fact", .run = gradients_after_the_fact},
        {.name = "gradients of shards", .run = gradients_of_shards},
        {"gradients of shards, deterministic", gradients_of_shards, {.deterministic = true}},
        {"gradients of shards have the tree's bits", shards_have_the_tree_s_bits, {.deterministic = true}},
        {.name = "sums are begun in the walk", .run = sums_are_begun_in_the_walk},
        {.name = "parameters of all kinds", .run = parameters_of_all_kinds},
        {"parameters of all kinds, deterministic", parameters_of_all_kinds, {.deterministic = true}},
        {.name = "training keeps the ranks together", .run = training_keeps_the_ranks_together},
        {"training keeps the ranks together, deterministic", training_keeps_the_ranks_together, {.deterministic = true}},
        {.name = "gradients: arguments that are refused", .run = wrong_arguments},
    };
    return SUITE_OF(tests);
}
