/* tests/core/test_arena.c: memory that is cut back comes again, in the same places, and none is added.
 *
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>

#include "core/arena.h"
#include "support.h"

enum { PIECES = 3000 };

/* Sizes from 0 to some KiB, now and then one larger than the largest chunk: many chunks in all. */
static size_t piece_bytes(int i) {
    uint32_t state = (uint32_t)i;
    next_number(&state);
    uint32_t number = next_number(&state);
    if (i % 1000 == 500) return 5 << 20;
    return number % 16 == 0 ? number / 16 % 9000 : number % 200;
}

static void take_pieces(tgi_arena *arena, int from, int to, char **pieces) {
    for (int i = from; i < to; i++) {
        pieces[i] = tgi_arena_take(arena, piece_bytes(i));
        ck_assert_ptr_nonnull(pieces[i]);
    }
}

START_TEST(pieces_are_aligned) {
    tgi_arena arena = {.memory = &(tgi_memory){.bytes = 0}};
    for (size_t bytes = 0; bytes < 100; bytes++)
        ck_assert_uint_eq((uintptr_t)tgi_arena_take(&arena, bytes) % 8, 0);
    tgi_arena_free(&arena);
}
END_TEST

START_TEST(pieces_do_not_overlap) {
    static char *pieces[PIECES];
    tgi_arena    arena = {.memory = &(tgi_memory){.bytes = 0}};
    take_pieces(&arena, 0, PIECES, pieces);
    for (int i = 0; i < PIECES; i++)
        memset(pieces[i], i % 251, piece_bytes(i));
    for (int i = 0; i < PIECES; i++)
        for (size_t j = 0; j < piece_bytes(i); j++)
            if (pieces[i][j] != (char)(i % 251)) ck_abort_msg("byte %zu of piece %d was overwritten", j, i);
    tgi_arena_free(&arena);
}
END_TEST

static const int cuts[] = {0, 1, 2, 17, 499, 500, 501, 1000, 1500, 2500, PIECES - 1};

START_TEST(what_is_cut_comes_again_in_the_same_places) {
    static char *first[PIECES], *again[PIECES];
    tgi_arena    arena = {.memory = &(tgi_memory){.bytes = 0}};
    take_pieces(&arena, 0, PIECES, first);
    memcpy(again, first, sizeof first);
    tgi_arena_cut(&arena, first[cuts[_i]]);
    take_pieces(&arena, cuts[_i], PIECES, again);
    ck_assert_mem_eq(first, again, sizeof first);
    tgi_arena_free(&arena);
}
END_TEST

START_TEST(a_cycle_adds_nothing) {
    static char *first[PIECES], *again[PIECES];
    tgi_arena    arena = {.memory = &(tgi_memory){.bytes = 0}};
    take_pieces(&arena, 0, PIECES, first);
    for (int cycle = 0; cycle < 1000; cycle++) {
        int cut = cuts[cycle % (int)(sizeof cuts / sizeof *cuts)];
        tgi_arena_cut(&arena, first[cut]);
        take_pieces(&arena, cut, PIECES, again);
        ck_assert_ptr_eq(again[PIECES - 1], first[PIECES - 1]);
    }
    tgi_arena_free(&arena);
}
END_TEST

/* A program that takes other sizes after the cut gets memory too, which overlaps nothing below the cut. */
START_TEST(what_is_below_a_cut_stays) {
    static char *pieces[PIECES];
    tgi_arena    arena = {.memory = &(tgi_memory){.bytes = 0}};
    take_pieces(&arena, 0, PIECES, pieces);
    for (int i = 0; i < 700; i++)
        memset(pieces[i], i % 251, piece_bytes(i));
    tgi_arena_cut(&arena, pieces[700]);
    for (int i = 0; i < 2000; i++) {
        size_t bytes = piece_bytes(3 * i + 1);
        memset(tgi_arena_take(&arena, bytes), 0xff, bytes);
    }
    for (int i = 0; i < 700; i++)
        for (size_t j = 0; j < piece_bytes(i); j++)
            if (pieces[i][j] != (char)(i % 251)) ck_abort_msg("byte %zu of piece %d was overwritten", j, i);
    tgi_arena_free(&arena);
}
END_TEST

START_TEST(too_much_is_refused_and_nothing_lost) {
    static const size_t too_much[] = {SIZE_MAX, SIZE_MAX - 6, SIZE_MAX - 7, SIZE_MAX - 15};
    tgi_arena           arena = {.memory = &(tgi_memory){.bytes = 0}};
    char               *before = tgi_arena_take(&arena, 8);
    for (size_t i = 0; i < sizeof too_much / sizeof *too_much; i++)
        ck_assert_ptr_null(tgi_arena_take(&arena, too_much[i]));
    ck_assert_ptr_eq(tgi_arena_take(&arena, 8), before + 8);
    tgi_arena_free(&arena);
}
END_TEST

START_TEST(freed_is_new) {
    tgi_arena arena = {.memory = &(tgi_memory){.bytes = 0}};
    tgi_arena_free(&arena);
    tgi_arena_take(&arena, 100000);
    tgi_arena_free(&arena);
    ck_assert_ptr_null(arena.current);
    ck_assert_ptr_null(arena.spare);
    ck_assert_ptr_nonnull(tgi_arena_take(&arena, 1));
    tgi_arena_free(&arena);
}
END_TEST

Suite *suite_arena(void) {
    Suite *suite = suite_create("core/arena");
    TCase *tcase = tcase_create("arena");
    tcase_set_timeout(tcase, 20);
    tcase_add_test(tcase, pieces_are_aligned);
    tcase_add_test(tcase, pieces_do_not_overlap);
    tcase_add_loop_test(tcase, what_is_cut_comes_again_in_the_same_places, 0, (int)(sizeof cuts / sizeof *cuts));
    tcase_add_test(tcase, a_cycle_adds_nothing);
    tcase_add_test(tcase, what_is_below_a_cut_stays);
    tcase_add_test(tcase, too_much_is_refused_and_nothing_lost);
    tcase_add_test(tcase, freed_is_new);
    suite_add_tcase(suite, tcase);
    return suite;
}
