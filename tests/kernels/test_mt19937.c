/* tests/kernels/test_mt19937.c: the Mersenne Twister against published words and against the paper's recurrence, done word by
 * word.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/mt19937.h"
#include "suites.h"

static void check_words(uint32_t seed, const uint32_t *words, int count) {
    tgi_mt19937 generator;
    tgi_mt19937_seed(&generator, seed);
    for (int i = 0; i < count; i++)
        ck_assert_uint_eq(tgi_mt19937_next(&generator), words[i]);
}

#define CHECK_WORDS(seed, ...) \
    check_words(seed, (const uint32_t[]){__VA_ARGS__}, (int)(sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t)))

START_TEST(first_words) {
    CHECK_WORDS(5489, 3499211612u, 581869302u, 3890346734u, 3586334585u, 545404204u);
    CHECK_WORDS(0, 2357136044u, 2546248239u, 3071714933u, 3626093760u, 2588848963u);
    CHECK_WORDS(1, 1791095845u, 4282876139u, 3093770124u, 4005303368u, 491263u);
    CHECK_WORDS(UINT32_MAX, 419326371u, 479346978u, 3918654476u, 2416749639u, 3388880820u);
}
END_TEST

/* The one that the C++ standard tells a right implementation by ([rand.predef]). */
START_TEST(ten_thousandth_word) {
    tgi_mt19937 generator;
    tgi_mt19937_seed(&generator, 5489);
    for (int i = 1; i < 10000; i++)
        tgi_mt19937_next(&generator);
    ck_assert_uint_eq(tgi_mt19937_next(&generator), 4123659995u);
}
END_TEST

enum { WORDS = 624 * 8 + 5 };

/* The whole sequence x, of which a generator holds 624 at a time. */
static void sequence(uint32_t seed, uint32_t x[WORDS + 624]) {
    x[0] = seed;
    for (uint32_t i = 1; i < 624; i++)
        x[i] = 1812433253u * (x[i - 1] ^ x[i - 1] >> 30) + i;
    for (int i = 624; i < WORDS + 624; i++) {
        uint32_t y = (x[i - 624] & 0x80000000u) + (x[i - 623] & 0x7fffffffu);
        x[i] = x[i - 227] ^ y / 2 ^ (y % 2 ? 0x9908b0dfu : 0);
    }
}

static uint32_t tempered(uint32_t y) {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    y ^= y >> 18;
    return y;
}

START_TEST(recurrence) {
    static const uint32_t seeds[] = {0, 1, 2, 5489, 4357, 0x80000000u, 0xffffffffu, 0xdeadbeefu};
    static uint32_t       x[WORDS + 624];
    tgi_mt19937           generator;
    sequence(seeds[_i], x);
    tgi_mt19937_seed(&generator, seeds[_i]);
    for (int i = 0; i < WORDS; i++)
        ck_assert_msg(tgi_mt19937_next(&generator) == tempered(x[i + 624]), "word %d of seed %u", i, (unsigned)seeds[_i]);
}
END_TEST

START_TEST(seed_starts_anew) {
    tgi_mt19937 generator;
    tgi_mt19937_seed(&generator, 1);
    for (int i = 0; i < 1000; i++)
        tgi_mt19937_next(&generator);
    generator.has_normal = true;
    tgi_mt19937_seed(&generator, 5489);
    ck_assert_uint_eq(tgi_mt19937_next(&generator), 3499211612u);
    ck_assert(!generator.has_normal);
}
END_TEST

Suite *suite_mt19937(void) {
    Suite *suite = suite_create("mt19937");
    TCase *words = tcase_create("words");
    tcase_add_test(words, first_words);
    tcase_add_test(words, ten_thousandth_word);
    tcase_add_loop_test(words, recurrence, 0, 8);
    tcase_add_test(words, seed_starts_anew);
    suite_add_tcase(suite, words);
    return suite;
}
