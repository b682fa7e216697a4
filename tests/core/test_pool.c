/* tests/core/test_pool.c: buffers are aligned, apart, and come again.
 *
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/pool.h"
#include "support.h"

/* Around every power of two, and some between. */
static size_t bytes_for(int i) {
    static const int near[] = {-1, 0, 1};
    return ((size_t)1 << (i / 6 + 1)) * (i % 2 ? 3 : 2) / 2 + (size_t)near[i / 2 % 3];
}

enum { SIZES = 20 * 6 };

START_TEST(buffers_are_aligned_and_as_large_as_asked) {
    tgi_pool pool = {.memory = &(tgi_memory){.bytes = 0}};
    for (int i = 0; i < SIZES; i++) {
        void *buffer = tgi_pool_take(&pool, bytes_for(i));
        ck_assert_uint_eq((uintptr_t)buffer % 64, 0);
        memset(buffer, 1, bytes_for(i));
    }
    tgi_pool_free(&pool);
}
END_TEST

START_TEST(an_empty_buffer_is_one) {
    tgi_pool pool = {.memory = &(tgi_memory){.bytes = 0}};
    void    *a = tgi_pool_take(&pool, 0), *b = tgi_pool_take(&pool, 0);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_ne(a, b);
    tgi_pool_free(&pool);
}
END_TEST

START_TEST(live_buffers_do_not_overlap) {
    tgi_pool pool = {.memory = &(tgi_memory){.bytes = 0}};
    char    *buffers[SIZES];
    for (int i = 0; i < SIZES; i++)
        memset(buffers[i] = tgi_pool_take(&pool, bytes_for(i)), i, bytes_for(i));
    for (int i = 0; i < SIZES; i++)
        for (size_t j = 0; j < bytes_for(i); j++)
            if (buffers[i][j] != (char)i) ck_abort_msg("byte %zu of buffer %d was overwritten", j, i);
    tgi_pool_free(&pool);
}
END_TEST

enum { PAGE = 4096 };

/* What begins a page, behind the address of what it is a part of. */
static void *allocate_pages(void *context, size_t bytes) {
    char *whole = malloc(bytes + 2 * PAGE);
    (void)context;
    if (!whole) return NULL;
    char *page = whole + 2 * PAGE - (uintptr_t)whole % PAGE;
    memcpy(page - sizeof whole, &whole, sizeof whole);
    return page;
}

static void release_pages(void *context, void *memory, size_t bytes) {
    char *whole;
    (void)context;
    (void)bytes;
    memcpy(&whole, (char *)memory - sizeof whole, sizeof whole);
    free(whole);
}

START_TEST(large_buffers_begin_at_different_places_of_a_page) {
    enum { STREAMS = 8, BYTES = 1 << 20, APART = 256 };
    tgi_memory memory = {.host = {.allocate = allocate_pages, .release = release_pages}};
    tgi_pool   pool = {.memory = &memory};
    int        place[STREAMS];
    for (int i = 0; i < STREAMS; i++) {
        char *buffer = tgi_pool_take(&pool, BYTES);
        memset(buffer, i, BYTES);
        place[i] = (int)((uintptr_t)buffer % PAGE);
        ck_assert_int_eq(place[i] % 64, 0);
        for (int j = 0; j < i; j++)
            ck_assert_int_ge(abs(place[i] - place[j]), APART);
    }
    tgi_pool_free(&pool);
    ck_assert_uint_eq(memory.bytes, 0);
}
END_TEST

START_TEST(what_was_given_back_comes_again) {
    tgi_pool pool = {.memory = &(tgi_memory){.bytes = 0}};
    for (int i = 0; i < SIZES; i++) {
        void *a = tgi_pool_take(&pool, bytes_for(i));
        tgi_pool_give(&pool, a);
        ck_assert_ptr_eq(tgi_pool_take(&pool, bytes_for(i)), a);
    }
    tgi_pool_free(&pool);
}
END_TEST

/* A quarter larger at most: what was given back serves a request of four fifths of its size, and none that is larger. */
START_TEST(a_class_spans_a_quarter) {
    tgi_pool pool = {.memory = &(tgi_memory){.bytes = 0}};
    size_t   bytes = (size_t)64 << _i;
    void    *a = tgi_pool_take(&pool, bytes);
    tgi_pool_give(&pool, a);
    ck_assert_ptr_ne(tgi_pool_take(&pool, bytes + 1), a);
    ck_assert_ptr_ne(tgi_pool_take(&pool, bytes * 3 / 4), a);
    ck_assert_ptr_eq(tgi_pool_take(&pool, bytes - 1), a);
    tgi_pool_free(&pool);
}
END_TEST

START_TEST(a_cycle_adds_nothing) {
    tgi_pool    pool = {.memory = &(tgi_memory){.bytes = 0}};
    tgi_buffer *newest = NULL;
    for (int cycle = 0; cycle < 1000; cycle++) {
        void *buffers[SIZES / 2];
        for (int i = 0; i < SIZES / 2; i++)
            buffers[i] = tgi_pool_take(&pool, bytes_for((i * 7 + cycle) % (SIZES / 2)));
        for (int i = 0; i < SIZES / 2; i++)
            tgi_pool_give(&pool, buffers[(i * 11 + cycle) % (SIZES / 2)]);
        if (cycle) ck_assert_ptr_eq(pool.all, newest);
        newest = pool.all;
    }
    tgi_pool_free(&pool);
}
END_TEST

START_TEST(too_much_is_refused_and_nothing_lost) {
    tgi_pool pool = {.memory = &(tgi_memory){.bytes = 0}};
    char    *buffer = tgi_pool_take(&pool, 100);
    memset(buffer, 7, 100);
    ck_assert_ptr_null(tgi_pool_take(&pool, SIZE_MAX));
    ck_assert_ptr_null(tgi_pool_take(&pool, SIZE_MAX / 4 + 1));
    ck_assert_int_eq(buffer[99], 7);
    tgi_pool_give(&pool, NULL);
    tgi_pool_free(&pool);
    ck_assert_ptr_null(pool.all);
}
END_TEST

START_TEST(trimming_frees_what_is_not_taken) {
    tgi_pool pool = {.memory = &(tgi_memory){.bytes = 0}};
    char    *kept = tgi_pool_take(&pool, 1000), *other = tgi_pool_take(&pool, 5000);
    memset(kept, 7, 1000);
    size_t both = pool.bytes;
    tgi_pool_give(&pool, other);
    tgi_pool_trim(&pool, 0);
    ck_assert(pool.bytes >= 1000 && pool.bytes <= both - 5000 && pool.memory->peak == both && kept[999] == 7);
    other = tgi_pool_take(&pool, 5000);
    memset(other, 8, 5000);
    ck_assert(pool.bytes == both && pool.memory->peak == both && kept[999] == 7);
    tgi_pool_give(&pool, kept);
    tgi_pool_give(&pool, other);
    tgi_pool_trim(&pool, 0);
    ck_assert(pool.bytes == 0 && !pool.all);
    tgi_pool_free(&pool);
}
END_TEST

Suite *suite_pool(void) {
    Suite *suite = suite_create("core/pool");
    TCase *tcase = tcase_create("pool");
    tcase_set_timeout(tcase, 20);
    tcase_add_test(tcase, buffers_are_aligned_and_as_large_as_asked);
    tcase_add_test(tcase, an_empty_buffer_is_one);
    tcase_add_test(tcase, live_buffers_do_not_overlap);
    tcase_add_test(tcase, large_buffers_begin_at_different_places_of_a_page);
    tcase_add_test(tcase, what_was_given_back_comes_again);
    tcase_add_loop_test(tcase, a_class_spans_a_quarter, 0, 10);
    tcase_add_test(tcase, a_cycle_adds_nothing);
    tcase_add_test(tcase, trimming_frees_what_is_not_taken);
    tcase_add_test(tcase, too_much_is_refused_and_nothing_lost);
    suite_add_tcase(suite, tcase);
    return suite;
}
