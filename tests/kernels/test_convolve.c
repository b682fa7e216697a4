/* tests/kernels/test_convolve.c: convolution, its transpose and the gradient of its kernel, against the form that they share.
 *
 * Elements are small whole numbers, so that every sum is exact in whatever order it is added up: all methods must give equal
 * results, to the last bit. There are guards around what is written, and scratch is full of NaN.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/kernels/convolve.h"
#include "../../lib/kernels/isa.h"
#include "../suites.h"
#include "aligned.h"

enum { GUARD = 64 };

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static unsigned char *guarded(size_t bytes) {
    unsigned char *block = allocate_aligned(bytes + 2 * GUARD);
    memset(block, 0xFF, bytes + 2 * GUARD); /* a NaN in both types */
    return block + GUARD;
}

static void check_guards_and_free(void *at, size_t bytes) {
    unsigned char *block = (unsigned char *)at - GUARD;
    for (size_t i = 0; i < GUARD; i++)
        if (block[i] != 0xFF || block[GUARD + bytes + i] != 0xFF) ck_abort_msg("written outside of %zu bytes", bytes);
    free_aligned(block);
}

/* Whole numbers from -4 to 4, always the same. */
static int small_number(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (int)(*state >> 24) % 9 - 4;
}

/* ---- the form ---------------------------------------------------------------------------------------------------- */

/* Of a channel, and of a kernel of one. */
static int64_t volume(int64_t depth, const int64_t *size) {
    return depth * size[0] * size[1];
}

static size_t elements_of(const tgi_conv *c, int which) {
    int64_t images = c->images * c->groups;
    int64_t sizes[3] = {images * c->in * volume(c->depth.x, c->x), c->groups * c->out * c->in * volume(c->depth.k, c->k),
                        images * c->out * volume(c->depth.y, c->y)};
    return (size_t)sizes[which];
}

/* The array that a function makes: y, x, w are 2, 0, 1. */
static const int made[] = {[TGI_CONV] = 2, [TGI_CONV_BACK] = 0, [TGI_CONV_WEIGHT] = 1};

/* Adds all terms to the array that is made. */
static void add_terms(const tgi_conv *c, tgi_conv_kind kind, long double *a[3]) {
    int64_t taps = volume(c->depth.k, c->k), in = c->in, out = c->out, layer = c->y[0] * c->y[1],
            layer_taps = c->k[0] * c->k[1];
    for (int64_t n = 0; n < c->images * c->groups; n++)
        for (int64_t o = 0; o < out; o++)
            for (int64_t p = 0; p < volume(c->depth.y, c->y); p++)
                for (int64_t i = 0; i < in; i++)
                    for (int64_t t = 0; t < taps; t++) {
                        int64_t deep = p / layer * c->depth.stride + t / layer_taps * c->depth.dilation - c->depth.padding;
                        int64_t down = p % layer / c->y[1] * c->stride[0] + t % layer_taps / c->k[1] * c->dilation[0];
                        int64_t across = p % c->y[1] * c->stride[1] + t % c->k[1] * c->dilation[1] - c->padding[1];
                        down -= c->padding[0];
                        if (deep < 0 || down < 0 || across < 0) continue;
                        if (deep >= c->depth.x || down >= c->x[0] || across >= c->x[1]) continue;
                        int64_t      row = ((n * in + i) * c->depth.x + deep) * c->x[0] + down;
                        long double *x = &a[0][row * c->x[1] + across];
                        long double *w = &a[1][((n % c->groups * out + o) * in + i) * taps + t];
                        long double *y = &a[2][(n * out + o) * volume(c->depth.y, c->y) + p];
                        if (kind == TGI_CONV) *y += *w * *x;
                        if (kind == TGI_CONV_BACK) *x += *w * *y;
                        if (kind == TGI_CONV_WEIGHT) *w += *y * *x;
                    }
}

static void add_bias(const tgi_conv *c, tgi_conv_kind kind, const long double *bias, long double *a) {
    int64_t channels = c->groups * (kind == TGI_CONV ? c->out : c->in),
            size = kind == TGI_CONV ? volume(c->depth.y, c->y) : volume(c->depth.x, c->x);
    for (int64_t i = 0; i < c->images * channels * size; i++)
        a[i] += bias[i / size % channels];
}

/* ---- one call ---------------------------------------------------------------------------------------------------- */

#define CALL_OF(T, suffix) \
    static void call_##suffix(const tgi_conv *c, tgi_conv_kind kind, void *const *a, const T *bias, int threads, \
                              void *scratch) { \
        tgi_team team; \
        tgi_team_begin(&team, threads); \
        if (kind == TGI_CONV) tgi_conv_##suffix(c, a[0], a[1], bias, a[2], &team, scratch); \
        if (kind == TGI_CONV_BACK) tgi_conv_back_##suffix(c, a[2], a[1], bias, a[0], &team, scratch); \
        if (kind == TGI_CONV_WEIGHT) tgi_conv_weight_##suffix(c, a[0], a[2], a[1], &team, scratch); \
        tgi_team_end(&team); \
    } \
\
    static void check_##suffix(const tgi_conv *c, tgi_conv_kind kind, const long double *const *from, const long double *bias, \
                               const long double *expected) { \
        void  *a[3]; \
        size_t room = tgi_conv_scratch(c, kind, sizeof(T), sizeof(T) / 4), \
               biases = (size_t)(c->groups * (kind == TGI_CONV ? c->out : c->in)); \
        T    *b = (T *)(void *)guarded(biases * sizeof(T)); \
        void *scratch = guarded(room); \
        for (int i = 0; i < 3; i++) { \
            a[i] = guarded(elements_of(c, i) * sizeof(T)); \
            for (size_t k = 0; k < elements_of(c, i) && i != made[kind]; k++) \
                ((T *)a[i])[k] = (T)from[i][k]; \
        } \
        for (size_t k = 0; bias && k < biases; k++) \
            b[k] = (T)bias[k]; \
        call_##suffix(c, kind, a, bias ? b : NULL, sizeof(T) / 4, scratch); \
        for (size_t k = 0; k < elements_of(c, made[kind]); k++) \
            if ((long double)((T *)a[made[kind]])[k] != expected[k]) \
                ck_abort_msg(#suffix " kind %d method %d: element %zu is %g, not %Lg", (int)kind, (int)c->method, k, \
                             (double)((T *)a[made[kind]])[k], expected[k]); \
        for (int i = 0; i < 3; i++) \
            check_guards_and_free(a[i], elements_of(c, i) * sizeof(T)); \
        check_guards_and_free(scratch, room); \
        check_guards_and_free(b, biases * sizeof(T)); \
    }
CALL_OF(float, f32)
CALL_OF(double, f64)

/* All methods, for both types. */
static void check_kind(tgi_conv c, tgi_conv_kind kind, bool with_bias) {
    long double *a[3], *bias = calloc((size_t)(c.groups * (c.in + c.out)) + 1, sizeof *bias);
    uint32_t     state = 1;
    if (!bias) abort();
    for (int i = 0; i < 3; i++) {
        a[i] = calloc(elements_of(&c, i) + 1, sizeof *a[i]);
        if (!a[i]) abort();
        for (size_t k = 0; k < elements_of(&c, i) && i != made[kind]; k++)
            a[i][k] = small_number(&state);
    }
    for (int64_t i = 0; i < c.groups * (c.in + c.out); i++)
        bias[i] = small_number(&state);
    add_terms(&c, kind, a);
    if (with_bias) add_bias(&c, kind, bias, a[made[kind]]);
    for (int method = TGI_CONV_BEST; method <= TGI_CONV_PRODUCT; method++) {
        c.method = (tgi_conv_method)method;
        check_f32(&c, kind, (const long double *const *)a, with_bias ? bias : NULL, a[made[kind]]);
        check_f64(&c, kind, (const long double *const *)a, with_bias ? bias : NULL, a[made[kind]]);
    }
    for (int i = 0; i < 3; i++)
        free(a[i]);
    free(bias);
}

static void check(tgi_conv c) {
    check_kind(c, TGI_CONV, false);
    check_kind(c, TGI_CONV, true);
    check_kind(c, TGI_CONV_BACK, false);
    check_kind(c, TGI_CONV_BACK, true);
    check_kind(c, TGI_CONV_WEIGHT, false);
}

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

/* The largest result, less `less` positions. */
static tgi_conv with_result(tgi_conv c, int64_t less) {
    for (int i = 0; i < 2; i++) {
        c.y[i] = (c.x[i] + 2 * c.padding[i] - c.dilation[i] * (c.k[i] - 1) - 1) / c.stride[i] + 1 - less;
        if (c.y[i] < 1) c.y[i] = 1;
    }
    tgi_conv_depth *d = &c.depth;
    d->y = (d->x + 2 * d->padding - d->dilation * (d->k - 1) - 1) / d->stride + 1;
    return c;
}

/* No third axis. */
#define FLAT \
    { 1, 1, 1, 1, 0, 1 }

/* Images, groups, channels of a group in and out; then for each axis size, kernel, stride, padding, dilation; then the third axis,
 * the same together. */
static const tgi_conv forms[] = {
    /* all numbers of channels that a tile has rows for, and what is left */
    {1, 1, 1, 1, {5, 6}, {0}, {2, 2}, {1, 1}, {0, 0}, {1, 1}, FLAT, 0},
    {2, 1, 2, 6, {9, 11}, {0}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, FLAT, 0},
    {2, 1, 7, 13, {8, 8}, {0}, {3, 2}, {1, 1}, {1, 0}, {1, 1}, FLAT, 0},
    {3, 2, 11, 5, {7, 9}, {0}, {2, 3}, {1, 1}, {0, 2}, {1, 1}, FLAT, 0},
    {2, 3, 4, 3, {6, 6}, {0}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, FLAT, 0},
    /* steps, one of them larger than the kernel, and dilation, also together */
    {2, 1, 3, 4, {13, 14}, {0}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, FLAT, 0},
    {2, 2, 3, 4, {13, 17}, {0}, {2, 2}, {3, 5}, {0, 1}, {1, 1}, FLAT, 0},
    {1, 1, 3, 7, {15, 13}, {0}, {3, 2}, {1, 1}, {2, 1}, {2, 3}, FLAT, 0},
    {2, 1, 2, 4, {19, 22}, {0}, {4, 3}, {2, 3}, {3, 2}, {3, 2}, FLAT, 0},
    {2, 1, 2, 4, {19, 22}, {0}, {4, 3}, {2, 4}, {3, 2}, {2, 4}, FLAT, 0},
    /* more padding than kernel; a kernel as large as the image */
    {2, 1, 2, 3, {4, 3}, {0}, {2, 2}, {1, 2}, {5, 4}, {1, 1}, FLAT, 0},
    {5, 1, 8, 9, {5, 5}, {0}, {5, 5}, {1, 1}, {0, 0}, {1, 1}, FLAT, 0},
    {2, 1, 2, 2, {1, 1}, {0}, {3, 3}, {1, 1}, {6, 6}, {1, 1}, FLAT, 0},
    /* one element each: products of the images as they are, and of small ones */
    {3, 2, 5, 7, {9, 8}, {0}, {1, 1}, {1, 1}, {0, 0}, {1, 1}, FLAT, 0},
    {3, 2, 5, 7, {3, 5}, {0}, {1, 1}, {1, 1}, {0, 0}, {1, 1}, FLAT, 0},
    {2, 1, 5, 7, {9, 8}, {0}, {1, 1}, {2, 3}, {0, 0}, {1, 1}, FLAT, 0},
    {2, 1, 5, 7, {9, 8}, {0}, {1, 1}, {1, 1}, {1, 2}, {1, 1}, FLAT, 0},
    /* each channel by itself; over one axis */
    {2, 12, 1, 1, {12, 13}, {0}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, FLAT, 0},
    {2, 6, 1, 2, {12, 13}, {0}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, FLAT, 0},
    {3, 1, 4, 5, {1, 97}, {0}, {1, 7}, {1, 2}, {0, 3}, {1, 3}, FLAT, 0},
    /* three axes: few channels and many, steps and dilation, more padding than kernel, one element, in groups */
    {2, 1, 2, 5, {6, 9}, {0}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {5, 0, 3, 1, 1, 1}, 0},
    {1, 2, 3, 7, {9, 8}, {0}, {2, 3}, {2, 1}, {0, 1}, {1, 2}, {7, 0, 3, 2, 2, 2}, 0},
    {2, 1, 4, 33, {4, 3}, {0}, {2, 2}, {1, 1}, {1, 0}, {1, 1}, {4, 0, 2, 1, 3, 1}, 0},
    {2, 1, 3, 4, {9, 9}, {0}, {2, 2}, {3, 2}, {0, 1}, {1, 1}, {8, 0, 2, 3, 0, 1}, 0},
    {2, 3, 2, 3, {5, 7}, {0}, {1, 1}, {1, 1}, {0, 0}, {1, 1}, {4, 0, 1, 1, 0, 1}, 0},
    {2, 1, 3, 5, {12, 11}, {0}, {1, 1}, {1, 1}, {0, 0}, {1, 1}, {5, 0, 3, 1, 1, 1}, 0},
    {2, 5, 1, 1, {7, 8}, {0}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {6, 0, 3, 1, 1, 1}, 0},
    /* no images, no channels */
    {0, 1, 2, 3, {4, 4}, {0}, {2, 2}, {1, 1}, {0, 0}, {1, 1}, FLAT, 0},
    {2, 1, 0, 3, {4, 4}, {0}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, FLAT, 0},
    {2, 1, 3, 0, {4, 4}, {0}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, FLAT, 0},
};
enum { FORMS = sizeof forms / sizeof *forms };

START_TEST(all_methods_are_right) {
    check(with_result(forms[_i], 0));
}
END_TEST

/* There may be more of the image than the result needs. */
START_TEST(a_smaller_result) {
    check(with_result(forms[_i], 1));
}
END_TEST

/* Too large for one task: tiles of rows, tiles of a row, blocks of channels, batches of images. */
static const tgi_conv large[] = {
    {2, 1, 40, 3, {50, 47}, {0}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, FLAT, 0},
    {1, 1, 3, 40, {50, 47}, {0}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, FLAT, 0},
    {2, 1, 3, 2, {1, 30000}, {0}, {1, 5}, {1, 1}, {0, 2}, {1, 1}, FLAT, 0},
    {1, 1, 2, 3, {1, 30000}, {0}, {1, 4}, {1, 3}, {0, 2}, {1, 2}, FLAT, 0},
    {1, 1, 1, 2, {3, 9000}, {0}, {2, 3}, {1, 1}, {1, 0}, {1, 1}, FLAT, 0},
    {70, 1, 6, 7, {10, 9}, {0}, {3, 3}, {1, 1}, {0, 0}, {1, 1}, FLAT, 0},
    {3, 1, 70, 30, {8, 8}, {0}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, FLAT, 0},
    {2, 1, 20, 3, {40, 33}, {0}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {3, 0, 3, 1, 1, 1}, 0},
    {2, 1, 3, 36, {40, 33}, {0}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {4, 0, 3, 1, 1, 1}, 0},
    {5, 1, 6, 7, {4, 5}, {0}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {9, 0, 3, 1, 1, 1}, 0},
};
enum { LARGE = sizeof large / sizeof *large };

START_TEST(several_tasks) {
    check(with_result(large[_i], 0));
}
END_TEST

/* ---- numbers that are none --------------------------------------------------------------------------------------- */

/* An infinity in one operand, at every place in turn, and a NaN: exactly what the terms make of it, whatever the method. */
static void check_infinity(tgi_conv c, tgi_conv_kind kind, int operand, double what) {
    long double *a[3];
    size_t       count = elements_of(&c, operand);
    for (size_t at = 0; at < count; at += count / 7 + 1) {
        for (int i = 0; i < 3; i++) {
            a[i] = calloc(elements_of(&c, i), sizeof *a[i]);
            for (size_t k = 0; k < elements_of(&c, i) && i != made[kind]; k++)
                a[i][k] = 1;
        }
        a[operand][at] = what;
        add_terms(&c, kind, a);
        double *x[3];
        for (int i = 0; i < 3; i++) {
            x[i] = (double *)(void *)guarded(elements_of(&c, i) * sizeof(double));
            for (size_t k = 0; k < elements_of(&c, i) && i != made[kind]; k++)
                x[i][k] = (double)a[i][k];
        }
        void *scratch = guarded(tgi_conv_scratch(&c, kind, sizeof(double), 3));
        call_f64(&c, kind, (void *const *)x, NULL, 3, scratch);
        for (size_t k = 0; k < elements_of(&c, made[kind]); k++) {
            double got = x[made[kind]][k], expected = (double)a[made[kind]][k];
            ck_assert_msg(isnan(expected) ? isnan(got) : got == expected, "method %d kind %d operand %d: %g, not %g",
                          (int)c.method, (int)kind, operand, got, expected);
        }
        check_guards_and_free(scratch, tgi_conv_scratch(&c, kind, sizeof(double), 3));
        for (int i = 0; i < 3; i++) {
            check_guards_and_free(x[i], elements_of(&c, i) * sizeof(double));
            free(a[i]);
        }
    }
}

/* Over two axes and over three. */
START_TEST(infinities_go_where_they_belong) {
    const tgi_conv_method method = (tgi_conv_method)(_i / 2);
    const tgi_conv_depth  depth = _i % 2 ? (tgi_conv_depth){4, 0, 3, 2, 1, 1} : (tgi_conv_depth)FLAT;
    tgi_conv c = with_result((tgi_conv){2, 1, 2, 3, {9, 10}, {0}, {3, 2}, {1, 2}, {2, 1}, {1, 1}, depth, method}, 0);
    for (int kind = TGI_CONV; kind <= TGI_CONV_WEIGHT; kind++)
        for (int operand = 0; operand < 3; operand++) {
            if (operand == made[kind]) continue;
            check_infinity(c, (tgi_conv_kind)kind, operand, (double)INFINITY);
            check_infinity(c, (tgi_conv_kind)kind, operand, (double)NAN);
        }
}
END_TEST

/* ---- threads ----------------------------------------------------------------------------------------------------- */

/* Fractions, whose sums depend on their order. */
static void fill_with_fractions(const tgi_conv *c, void *a[3]) {
    for (int i = 0; i < 3; i++) {
        a[i] = guarded(elements_of(c, i) * sizeof(float));
        for (size_t k = 0; k < elements_of(c, i); k++)
            ((float *)a[i])[k] = sinf((float)k + (float)i);
    }
}

START_TEST(threads_make_no_difference) {
    static const tgi_conv shared[] =
        {{13, 1, 3, 7, {20, 21}, {0}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, FLAT, TGI_CONV_TILES},
         {13, 1, 3, 7, {20, 21}, {0}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, FLAT, TGI_CONV_PRODUCT},
         {1, 1, 2, 9, {150, 160}, {0}, {5, 3}, {2, 1}, {1, 0}, {1, 2}, FLAT, TGI_CONV_TILES},
         {1, 1, 2, 9, {150, 160}, {0}, {5, 3}, {2, 1}, {1, 0}, {1, 2}, FLAT, TGI_CONV_PRODUCT},
         {5, 3, 4, 6, {30, 31}, {0}, {3, 3}, {1, 1}, {0, 0}, {1, 1}, FLAT, TGI_CONV_BEST},
         {9, 1, 16, 24, {17, 19}, {0}, {1, 1}, {1, 1}, {0, 0}, {1, 1}, FLAT, TGI_CONV_BEST},
         {5, 1, 3, 7, {18, 20}, {0}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {6, 0, 3, 1, 1, 1}, TGI_CONV_TILES},
         {5, 1, 3, 7, {18, 20}, {0}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {6, 0, 3, 1, 1, 1}, TGI_CONV_PRODUCT}};
    tgi_conv c = with_result(shared[_i], 0);
    for (int kind = TGI_CONV; kind <= TGI_CONV_WEIGHT; kind++) {
        void *one[3];
        for (int threads = 1; threads <= 7; threads += 2) {
            void  *many[3];
            size_t room = tgi_conv_scratch(&c, (tgi_conv_kind)kind, sizeof(float), threads);
            void  *scratch = guarded(room);
            fill_with_fractions(&c, threads == 1 ? one : many);
            call_f32(&c, (tgi_conv_kind)kind, threads == 1 ? one : many, NULL, threads, scratch);
            check_guards_and_free(scratch, room);
            if (threads == 1) continue;
            ck_assert_mem_eq(one[made[kind]], many[made[kind]], elements_of(&c, made[kind]) * sizeof(float));
            for (int i = 0; i < 3; i++)
                check_guards_and_free(many[i], elements_of(&c, i) * sizeof(float));
        }
        for (int i = 0; i < 3; i++)
            check_guards_and_free(one[i], elements_of(&c, i) * sizeof(float));
    }
}
END_TEST

/* ---- instruction sets -------------------------------------------------------------------------------------------- */

/* Without matrix products, which may multiply and add in one rounding, an element is the same sum with every set. */
START_TEST(instruction_sets_make_no_difference) {
    static const tgi_conv same[] = {{13, 1, 3, 7, {20, 21}, {0}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, FLAT, TGI_CONV_TILES},
                                    {2, 2, 5, 6, {31, 17}, {0}, {5, 3}, {2, 1}, {1, 0}, {1, 2}, FLAT, TGI_CONV_TILES},
                                    {2, 1, 3, 4, {20, 21}, {0}, {3, 3}, {1, 2}, {1, 1}, {1, 1}, FLAT, TGI_CONV_DIRECT}};
    tgi_conv              c = with_result(same[_i], 0);
    int                   picked = tgi_isa();
    for (int kind = TGI_CONV; kind <= TGI_CONV_WEIGHT; kind++) {
        void *baseline[3];
        for (int isa = 0; tgi_use_isa(isa); isa++) {
            void  *made_by_isa[3], **a = isa ? made_by_isa : baseline;
            size_t room = tgi_conv_scratch(&c, (tgi_conv_kind)kind, sizeof(float), 1);
            void  *scratch = guarded(room);
            fill_with_fractions(&c, a);
            call_f32(&c, (tgi_conv_kind)kind, a, NULL, 1, scratch);
            check_guards_and_free(scratch, room);
            if (!isa) continue;
            ck_assert_mem_eq(baseline[made[kind]], a[made[kind]], elements_of(&c, made[kind]) * sizeof(float));
            for (int i = 0; i < 3; i++)
                check_guards_and_free(a[i], elements_of(&c, i) * sizeof(float));
        }
        for (int i = 0; i < 3; i++)
            check_guards_and_free(baseline[i], elements_of(&c, i) * sizeof(float));
    }
    tgi_use_isa(picked);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_convolve(void) {
    Suite *suite = suite_create("convolve");
    TCase *tcase = tcase_create("convolutions");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, all_methods_are_right, 0, FORMS);
    tcase_add_loop_test(tcase, a_smaller_result, 0, FORMS);
    tcase_add_loop_test(tcase, several_tasks, 0, LARGE);
    tcase_add_loop_test(tcase, infinities_go_where_they_belong, 0, 2 * (TGI_CONV_PRODUCT + 1));
    tcase_add_loop_test(tcase, threads_make_no_difference, 0, 8);
    tcase_add_loop_test(tcase, instruction_sets_make_no_difference, 0, 3);
    suite_add_tcase(suite, tcase);
    return suite;
}
