/* tests/mpi/test_tree.c: sums in fixed order.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ranks.h"

enum { SHARDS = 12, N = 7 };

/* Numbers of many sizes: the order of a sum shows. */
static float element(int shard, int i) {
    return (float)sin(13.0 * shard + i + 1) * (float)pow(10, (shard * 7 + i) % 9 - 4);
}

/* The tree, written down once more: neighbours first. */
static float tree(const float *x, int count) {
    float sums[SHARDS];
    memcpy(sums, x, (size_t)count * sizeof *x);
    while (count > 1) {
        int left = 0;
        for (int i = 0; i < count; i += 2)
            sums[left++] = i + 1 < count ? sums[i] + sums[i + 1] : sums[i];
        count = left;
    }
    return sums[0];
}

static tg_tensor own_shards(ranks *r) {
    int   each = SHARDS / r->size;
    float x[SHARDS * N];
    for (int s = 0; s < each; s++)
        for (int i = 0; i < N; i++)
            x[s * N + i] = element(r->rank * each + s, i);
    return tg_constant(r->tape, TG_F32, TG_SHAPE(each, N), x);
}

static void the_sum_is_the_tree_s(ranks *r) {
    if (SHARDS % r->size) return;
    tg_tensor y = tg_mpi_sum_shards(own_shards(r), r->mpi);
    float     found[N] = {0}, plain[N] = {0};
    tg_read(y, found, N);
    bool differs = false;
    for (int i = 0; i < N; i++) {
        float x[SHARDS];
        for (int s = 0; s < SHARDS; s++)
            x[s] = element(s, i), plain[i] += x[s];
        float expected = tree(x, SHARDS);
        CHECK(!memcmp(&expected, &found[i], sizeof expected));
        differs |= expected != plain[i];
    }
    CHECK(differs); /* or the numbers would say nothing about the order */
    CHECK_OK(r->tape);
}

/* As many elements as ranks or fewer, and none. */
static void few_elements(ranks *r) {
    for (int64_t n = 0; n < 6; n++) {
        tg_tensor y = tg_mpi_sum_shards(tg_full(r->tape, TG_F64, TG_SHAPE(2, n), r->rank + 1.0), r->mpi);
        tg_tensor z = tg_sum(y);
        CHECK(tg_item(z) == (double)n * r->size * (r->size + 1));
    }
    CHECK_OK(r->tape);
}

/* A deterministic sum is the tree over the ranks, on all of them to the bit. */
static void allreduce_is_ordered(ranks *r) {
    float x[N];
    for (int i = 0; i < N; i++)
        x[i] = element(r->rank, i);
    tg_tensor y = tg_mpi_allreduce(tg_constant(r->tape, TG_F32, TG_SHAPE(N), x), r->mpi, TG_MPI_SUM);
    float     found[N] = {0};
    tg_read(y, found, N);
    for (int i = 0; i < N && r->size <= SHARDS; i++) {
        float all[SHARDS];
        for (int s = 0; s < r->size; s++)
            all[s] = element(s, i);
        float expected = tree(all, r->size);
        CHECK(!memcmp(&expected, &found[i], sizeof expected));
    }
    CHECK_OK(r->tape);
}

rank_suite tree_suite(void) {
    static const rank_test tests[] = {
        {.name = "sum_shards: the tree, to the bit", .run = the_sum_is_the_tree_s},
        {.name = "sum_shards: few elements", .run = few_elements},
        {"allreduce, deterministic: the tree, to the bit", allreduce_is_ordered, {.deterministic = true}},
    };
    return SUITE_OF(tests);
}
