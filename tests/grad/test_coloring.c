/* tests/grad/test_coloring.c: colors of columns: that they can be computed together, and how many there are; and sets of columns, by
 * which the entries are found.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "support.h"

#include "grad/sparsity.h" /* last: what is recorded here belongs to the lines of this file */

/* ---- matrices -------------------------------------------------------------------------------------------------------- */

/* Whether (i, j) is an entry. */
typedef bool rule(int64_t i, int64_t j, uint32_t seed);

static bool band(int64_t i, int64_t j, uint32_t seed) {
    (void)seed;
    return i - j <= 1 && j - i <= 1;
}

static bool arrow(int64_t i, int64_t j, uint32_t seed) {
    (void)seed;
    return i == j || i == 0 || j == 0;
}

static bool dense(int64_t i, int64_t j, uint32_t seed) {
    (void)i, (void)j, (void)seed;
    return true;
}

/* About one in eleven, the same for (i, j) and (j, i). */
static bool scattered(int64_t i, int64_t j, uint32_t seed) {
    uint32_t state = (uint32_t)((i < j ? i : j) * 7919 + (i < j ? j : i) * 104729) + seed;
    next_number(&state);
    return next_number(&state) % 11 == 0;
}

/* The sets are those of rows, made of single columns. */
static tgi_entries make(tg_tape *tape, int64_t rows, int64_t columns, rule *is_entry, uint32_t seed) {
    tgi_dependence d = {.count = rows};
    tgi_entries    e = {0};
    ck_assert_int_eq(tgi_make_sets(&d.sets, tape, (uint32_t)columns), TG_OK);
    d.set = tgi_pool_take(&tape->pool, (size_t)rows * sizeof *d.set);
    for (int64_t i = 0; i < rows; i++) {
        for (uint32_t j = 0; j < columns; j++)
            if (is_entry(i, j, seed)) tgi_add_to_union(&d.sets, j + 1);
        d.set[i] = tgi_end_union(&d.sets);
    }
    ck_assert_int_eq(tgi_sparse_entries(&e, &d), TG_OK);
    tgi_free_dependence(&d);
    return e;
}

/* ---- columns --------------------------------------------------------------------------------------------------------- */

static int64_t check_columns(int64_t rows, int64_t columns, rule *is_entry, uint32_t seed) {
    static uint32_t color[200];
    tg_tape        *tape = tg_tape_new();
    tgi_entries     e = make(tape, rows, columns, is_entry, seed), t = {0};
    ck_assert_int_eq(tgi_transpose(&t, &e), TG_OK);
    int64_t colors = tgi_color_columns(&e, &t, color);
    int     wrong = 0;
    ck_assert_int_ge(colors, tgi_fewest_colors(&e));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = e.start[i]; k < e.start[i + 1]; k++) {
            wrong += color[e.at[k]] >= colors;
            for (int64_t l = e.start[i]; l < k; l++)
                wrong += color[e.at[k]] == color[e.at[l]];
        }
    ck_assert_msg(!wrong, "seed %u: %d columns have a color that one in the same row has", seed, wrong);
    tgi_free_entries(&e);
    tgi_free_entries(&t);
    tg_tape_free(tape);
    return colors;
}

START_TEST(columns_that_share_a_row_differ) {
    for (uint32_t seed = 0; seed < 30; seed++) {
        check_columns(40 + seed, 70, scattered, seed);
        check_columns(70, 10 + seed, scattered, seed);
    }
    ck_assert_int_eq(check_columns(100, 100, band, 0), 3);
    ck_assert_int_eq(check_columns(60, 60, dense, 0), 60);
    ck_assert_int_eq(check_columns(60, 60, arrow, 0), 60);
}
END_TEST

/* ---- symmetric matrices ------------------------------------------------------------------------------------------------ */

/* How many entries of a row have that color. */
static int count_in_row(const tgi_entries *e, const uint32_t *color, int64_t row, uint32_t which) {
    int count = 0;
    for (int64_t k = e->start[row]; k < e->start[row + 1]; k++)
        count += color[e->at[k]] == which;
    return count;
}

static int64_t check_symmetric(int64_t n, rule *is_entry, uint32_t seed) {
    static uint32_t color[200];
    tg_tape        *tape = tg_tape_new();
    tgi_entries     e = make(tape, n, n, is_entry, seed);
    int64_t         colors = tgi_color_symmetric(&e, color);
    int             wrong = 0;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = e.start[i]; k < e.start[i + 1]; k++) {
            int64_t j = e.at[k];
            bool    readable = count_in_row(&e, color, i, color[j]) == 1 || count_in_row(&e, color, j, color[i]) == 1;
            wrong += !readable || color[j] >= colors;
        }
    ck_assert_msg(!wrong, "seed %u: %d entries are not alone, in their row or in their column", seed, wrong);
    tgi_free_entries(&e);
    tg_tape_free(tape);
    return colors;
}

START_TEST(each_entry_of_a_symmetric_matrix_is_alone_on_one_side) {
    for (uint32_t seed = 0; seed < 60; seed++)
        check_symmetric(20 + 2 * seed, scattered, seed);
    ck_assert_int_eq(check_symmetric(100, band, 0), 3);
    ck_assert_int_eq(check_symmetric(100, arrow, 0), 2);
    ck_assert_int_eq(check_symmetric(60, dense, 0), 60);
}
END_TEST

/* 300,000 vertices at one: in a time that is their square, the test would not end. */
START_TEST(a_vertex_may_have_very_many_neighbours) {
    enum { N = 300000 };
    tg_tape    *tape = tg_tape_new();
    tgi_entries e = {.tape = tape, .rows = N, .columns = N};
    uint32_t   *color = malloc(N * sizeof *color);
    e.start = tgi_pool_take(&tape->pool, (N + 2) * sizeof *e.start);
    e.at = tgi_pool_take(&tape->pool, 2 * N * sizeof *e.at);
    e.start[0] = 0;
    e.start[1] = N - 1;
    for (uint32_t i = 1; i < N; i++) {
        e.at[i - 1] = i;
        e.at[N - 1 + i - 1] = 0;
        e.start[i + 1] = e.start[i] + 1;
    }
    ck_assert_int_eq(tgi_color_symmetric(&e, color), 2);
    free(color);
    tgi_free_entries(&e);
    tg_tape_free(tape);
}
END_TEST

/* ---- sets ---------------------------------------------------------------------------------------------------------------- */

/* The columns of a set of at most 64. */
static uint64_t bits_of(const tgi_sets *sets, uint32_t set) {
    uint64_t bits = 0;
    for (size_t i = 0; i < tgi_set_size(sets, set); i++)
        bits |= UINT64_C(1) << tgi_set_members(sets, set)[i];
    return bits;
}

START_TEST(equal_sets_have_one_number) {
    enum { SETS = 4000 };
    static uint32_t set[SETS];
    static uint64_t bits[SETS];
    uint32_t        state = 3;
    int             unequal = 0;
    tg_tape        *tape = tg_tape_new();
    tgi_sets        sets;
    ck_assert_int_eq(tgi_make_sets(&sets, tape, 64), TG_OK);
    for (uint32_t i = 0; i < SETS; i++) {
        set[i] = i <= 64 ? i : 0;
        bits[i] = i >= 1 && i <= 64 ? UINT64_C(1) << (i - 1) : 0;
        for (uint32_t k = i <= 64 ? 0 : 1 + next_number(&state) % 20; k > 0; k--) { /* of two, or of many */
            uint32_t other = next_number(&state) % (i < 300 ? 65 : i);
            if (i % 2)
                tgi_add_to_union(&sets, set[other]);
            else
                set[i] = tgi_unite(&sets, set[i], set[other]);
            bits[i] |= bits[other];
        }
        if (i % 2 && i > 64) set[i] = tgi_end_union(&sets);
        unequal += bits_of(&sets, set[i]) != bits[i];
    }
    for (uint32_t i = 0; i < SETS; i++)
        for (uint32_t k = 0; k < i; k += 7)
            unequal += (set[i] == set[k]) != (bits[i] == bits[k]);
    ck_assert_int_eq(unequal, 0);
    tgi_free_sets(&sets);
    tg_tape_free(tape);
}
END_TEST

/* Keys that differ in their upper half alone, or in their lower half, do not meet in the table. */
START_TEST(pairs_are_found_again) {
    enum { N = 100000 };
    tg_tape  *tape = tg_tape_new();
    tgi_pairs pairs = {.memory = &tape->memory};
    bool      set = true;
    int       right = 0;
    ck_assert_int_eq(tgi_pair_value(&pairs, 0), 0);
    for (uint32_t i = 0; i < N; i++)
        set &= tgi_pair_set(&pairs, tgi_pair(i, i + 1), i + 1) && tgi_pair_set(&pairs, tgi_pair(i, 0), N + i + 1);
    for (uint32_t i = 0; i < N; i++) {
        right += tgi_pair_value(&pairs, tgi_pair(i, i + 1)) == i + 1;
        right += tgi_pair_value(&pairs, tgi_pair(i, 0)) == N + i + 1;
        right += tgi_pair_value(&pairs, tgi_pair(i, i + 2)) == 0;
    }
    ck_assert(set);
    ck_assert_int_eq(right, 3 * N);
    tgi_pairs_free(&pairs);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_coloring(void) {
    Suite *suite = suite_create("grad/coloring");
    TCase *colors = tcase_create("colors"), *sets = tcase_create("sets");
    tcase_add_test(colors, columns_that_share_a_row_differ);
    tcase_add_test(colors, each_entry_of_a_symmetric_matrix_is_alone_on_one_side);
    tcase_add_test(colors, a_vertex_may_have_very_many_neighbours);
    suite_add_tcase(suite, colors);
    tcase_add_test(sets, equal_sets_have_one_number);
    tcase_add_test(sets, pairs_are_found_again);
    suite_add_tcase(suite, sets);
    return suite;
}
