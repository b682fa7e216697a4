/* tests/kernels/test_window.c: where the largest element of a window is, against a search of each window, and means of windows
 * of any sizes; that the ways back are the transposes.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/kernels/window.h"
#include "../suites.h"

enum { MOST = 4096 };

/* Few different numbers, so that there are ties; a NaN and an infinity now and then. */
static double some_number(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    uint32_t bits = *state >> 16;
    return bits % 53 == 0 ? (double)NAN : bits % 47 == 0 ? -(double)INFINITY : (int)(bits % 5) - 2;
}

/* ---- the largest ------------------------------------------------------------------------------------------------- */

static const tgi_windows windows[] = {
    {2, {1, 4, 6}, {1, 2, 3}, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}, {1, 1, 1}},
    {2, {1, 28, 28}, {1, 14, 14}, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}, {1, 1, 1}},
    {3, {1, 7, 9}, {1, 7, 9}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},
    {1, {1, 8, 11}, {1, 3, 4}, {1, 4, 5}, {1, 3, 3}, {0, 2, 2}, {1, 1, 1}},
    {1, {1, 9, 40}, {1, 4, 17}, {1, 3, 4}, {1, 2, 2}, {0, 1, 2}, {1, 2, 3}},
    {2, {1, 2, 2}, {1, 1, 1}, {1, 2, 2}, {1, 1, 1}, {0, 1, 1}, {1, 3, 3}},
    {1, {1, 1, 50}, {1, 1, 24}, {1, 1, 3}, {1, 1, 2}, {0, 0, 0}, {1, 1, 1}},
    {1, {1, 5, 5}, {1, 1, 2}, {1, 1, 1}, {1, 7, 4}, {0, 0, 0}, {1, 1, 1}},
    {1, {1, 3, 2}, {1, 3, 3}, {1, 2, 2}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},
    {0, {1, 4, 4}, {1, 2, 2}, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}, {1, 1, 1}},
    {2, {4, 6, 5}, {2, 3, 2}, {2, 2, 2}, {2, 2, 2}, {0, 0, 0}, {1, 1, 1}},
    {1, {5, 4, 7}, {5, 4, 7}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}},
    {2, {7, 5, 6}, {3, 2, 3}, {2, 3, 2}, {2, 2, 2}, {1, 1, 1}, {3, 2, 2}},
};
enum { WINDOWS = sizeof windows / sizeof *windows };

/* Where in its image element i of window p is; -1 for padding. */
static int64_t place_of(const tgi_windows *w, int64_t p, int64_t i) {
    int64_t place = 0, step = 1;
    for (int a = 2; a >= 0; a--) {
        int64_t at = p % w->y[a] * w->stride[a] + i % w->k[a] * w->dilation[a] - w->padding[a];
        if (at < 0 || at >= w->x[a]) return -1;
        place += at * step;
        step *= w->x[a];
        p /= w->y[a];
        i /= w->k[a];
    }
    return place;
}

static int64_t largest_in(const tgi_windows *w, const double *x, int64_t p) {
    int64_t best = -1;
    for (int64_t i = 0; i < w->k[0] * w->k[1] * w->k[2]; i++) {
        int64_t at = place_of(w, p, i);
        if (at >= 0 && (best < 0 || isnan(x[at]) || x[at] > x[best])) best = at;
    }
    return best;
}

START_TEST(the_largest_of_each_window) {
    static double      x[MOST];
    static float       narrow[MOST];
    static int64_t     index[MOST], index_f32[MOST];
    double             scratch[2 * 64];
    const tgi_windows *w = &windows[_i];
    int64_t            x_size = w->x[0] * w->x[1] * w->x[2], y_size = w->y[0] * w->y[1] * w->y[2];
    uint32_t           state = 1;
    for (int64_t i = 0; i < w->images * x_size; i++)
        narrow[i] = (float)(x[i] = some_number(&state));
    index[w->images * y_size] = index_f32[w->images * y_size] = 77;
    tgi_largest_f64(w, x, index, NULL, scratch);
    tgi_largest_f32(w, narrow, index_f32, NULL, scratch);
    for (int64_t i = 0; i < w->images * y_size; i++) {
        int64_t expected = largest_in(w, x + i / y_size * x_size, i % y_size);
        ck_assert_int_eq(index[i], expected);
        ck_assert_int_eq(index_f32[i], expected);
    }
    ck_assert(index[w->images * y_size] == 77 && index_f32[w->images * y_size] == 77);
}
END_TEST

START_TEST(picked_and_put_back) {
    static const int64_t index[] = {2, 2, -1, 0, 1, 2};
    const double         x[] = {1, 2, 3, 4, 5, 6};
    double               y[6], back[6];
    tgi_pick_f64(2, 3, 3, x, index, y, NULL);
    ck_assert(y[0] == 3 && y[1] == 3 && y[2] == -(double)INFINITY && y[3] == 4 && y[4] == 5 && y[5] == 6);
    tgi_unpick_f64(2, 3, 3, (double[]){1, 10, 100, 3, 4, 5}, index, back, NULL, NULL);
    ck_assert(back[0] == 0 && back[1] == 0 && back[2] == 11 && back[3] == 3 && back[4] == 4 && back[5] == 5);
    float y_f32[6];
    tgi_unpick_f32(1, 3, 3, (float[]){1, 10, 100}, index, y_f32, NULL, NULL);
    ck_assert(y_f32[0] == 0 && y_f32[1] == 0 && y_f32[2] == 11);
}
END_TEST

/* ---- means ------------------------------------------------------------------------------------------------------- */

/* Windows that overlap, skip, and have nothing in them; whole numbers over powers of 2, so that sums are exact. */
static const tgi_window down[] = {{0, 2, 2}, {1, 4, 4}, {4, 4, 1}}, across[] = {{0, 1, 4}, {0, 4, 1}, {2, 4, 8}, {5, 5, 0}};
static const tgi_window deep[] = {{0, 2, 2}, {1, 2, 1}};
static const tgi_means  means = {2, {2, 4, 5}, {2, 3, 4}, deep, down, across};

/* The way back, whose windows go into these arrays. */
static tgi_means back_of(const tgi_means *m, tgi_window *deep_back, tgi_window *down_back, tgi_window *across_back) {
    tgi_windows_back(m->y[0], m->deep, m->x[0], deep_back);
    tgi_windows_back(m->y[1], m->down, m->x[1], down_back);
    tgi_windows_back(m->y[2], m->across, m->x[2], across_back);
    return (tgi_means){m->images, {m->y[0], m->y[1], m->y[2]}, {m->x[0], m->x[1], m->x[2]}, deep_back, down_back, across_back};
}

/* 1 over the count of a window that the element is in, else 0. */
static double part(const tgi_window *w, int64_t i) {
    return i >= w->from && i < w->to ? 1.0 / (double)w->count : 0;
}

/* What element i of an image counts in window p. */
static double share(int64_t i, int64_t p) {
    return part(&deep[p / 12], i / 20) * part(&down[p % 12 / 4], i % 20 / 5) * part(&across[p % 4], i % 5);
}

#define MEANS_TEST(T, suffix) \
    START_TEST(means_of_any_windows_##suffix) { \
        T          x[80], y[48], back[80], scratch[48 + 4 + 5]; \
        tgi_window deep_back[2], down_back[4], across_back[5]; \
        tgi_means  way_back = back_of(&means, deep_back, down_back, across_back); \
        for (int i = 0; i < 80; i++) \
            x[i] = (T)(i * i % 17); \
        tgi_means_##suffix(&means, x, y, NULL, scratch); \
        for (int64_t n = 0; n < 48; n++) { \
            double sum = 0; \
            for (int64_t i = 0; i < 40; i++) \
                sum += share(i, n % 24) * (double)x[n / 24 * 40 + i]; \
            ck_assert((double)y[n] == sum); \
        } \
        for (int n = 0; n < 48; n++) \
            y[n] = (T)(n * n % 19); \
        tgi_means_back_##suffix(&means, &way_back, y, back, NULL, scratch); \
        for (int64_t i = 0; i < 80; i++) { \
            double sum = 0; \
            for (int64_t n = 0; n < 24; n++) \
                sum += share(i % 40, n) * (double)y[i / 40 * 24 + n]; \
            ck_assert((double)back[i] == sum); \
        } \
    } \
    END_TEST
MEANS_TEST(float, f32)
MEANS_TEST(double, f64)

/* One by one, the sum of so many float32 ones ends at 2^24. */
START_TEST(large_windows_lose_nothing) {
    enum { MANY = 1 << 25 };
    float           *x = malloc(MANY * sizeof *x), y = 0, *scratch = malloc((MANY + 1) * sizeof *scratch);
    const tgi_window all = {0, MANY, 1}, one = {0, 1, 1};
    ck_assert(x && scratch);
    for (int64_t i = 0; i < MANY; i++)
        x[i] = 1;
    tgi_means_f32(&(tgi_means){1, {1, 1, MANY}, {1, 1, 1}, &one, &one, &all}, x, &y, NULL, scratch);
    ck_assert(y == (float)MANY);
    tgi_means_f32(&(tgi_means){1, {1, MANY, 1}, {1, 1, 1}, &one, &all, &one}, x, &y, NULL, scratch);
    ck_assert(y == (float)MANY);
    tgi_means_f32(&(tgi_means){1, {MANY, 1, 1}, {1, 1, 1}, &all, &one, &one}, x, &y, NULL, scratch);
    ck_assert(y == (float)MANY);
    free(x);
    free(scratch);
}
END_TEST

/* ---- threads ----------------------------------------------------------------------------------------------------- */

/* Six images, of sizes that are worth several threads; fractions, whose sums depend on their order. */
enum { IMAGES = 6, SIDE = 160, ELEMENTS = IMAGES * SIDE * SIDE, MOST_THREADS = 7 };

/* What all functions make of the same numbers: five results of at most ELEMENTS. */
typedef struct results {
    int64_t index[ELEMENTS];
    float   picked[ELEMENTS], unpicked[ELEMENTS], means[ELEMENTS], back[ELEMENTS];
} results;

static void make_results(int threads, const float *x, results *r) {
    static float      scratch[ELEMENTS + (1 + MOST_THREADS * 2) * SIDE];
    static double     sums[MOST_THREADS * SIDE * SIDE];
    const tgi_windows w = {IMAGES, {1, SIDE, SIDE}, {1, SIDE, SIDE}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}};
    const tgi_window  one = {0, 1, 1};
    tgi_window        along[SIDE], deep_back[1], down_back[SIDE], across_back[SIDE];
    for (int64_t i = 0; i < SIDE; i++)
        along[i] = (tgi_window){i ? i - 1 : 0, i < SIDE - 1 ? i + 2 : SIDE, 3};
    tgi_team team;
    tgi_team_begin(&team, threads);
    const tgi_means m = {IMAGES, {1, SIDE, SIDE}, {1, SIDE, SIDE}, &one, along, along};
    tgi_largest_f32(&w, x, r->index, &team, scratch);
    tgi_pick_f32(IMAGES, SIDE * SIDE, SIDE * SIDE, x, r->index, r->picked, &team);
    tgi_unpick_f32(IMAGES, SIDE * SIDE, SIDE * SIDE, x, r->index, r->unpicked, &team, sums);
    tgi_means_f32(&m, x, r->means, &team, scratch);
    const tgi_means way_back = back_of(&m, deep_back, down_back, across_back);
    tgi_means_back_f32(&m, &way_back, x, r->back, &team, scratch);
    tgi_team_end(&team);
}

START_TEST(threads_make_no_difference) {
    static float   x[ELEMENTS];
    static results one, many;
    for (int i = 0; i < ELEMENTS; i++)
        x[i] = sinf((float)i);
    make_results(1, x, &one);
    for (int threads = 2; threads <= MOST_THREADS; threads++) {
        memset(&many, 0xff, sizeof many);
        make_results(threads, x, &many);
        ck_assert_mem_eq(&one, &many, sizeof one);
    }
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_window(void) {
    Suite *suite = suite_create("window");
    TCase *tcase = tcase_create("windows");
    tcase_add_loop_test(tcase, the_largest_of_each_window, 0, WINDOWS);
    tcase_add_test(tcase, picked_and_put_back);
    tcase_add_test(tcase, means_of_any_windows_f32);
    tcase_add_test(tcase, means_of_any_windows_f64);
    tcase_add_test(tcase, large_windows_lose_nothing);
    tcase_add_test(tcase, threads_make_no_difference);
    suite_add_tcase(suite, tcase);
    return suite;
}
