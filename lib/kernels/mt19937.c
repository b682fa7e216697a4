/* kernels/mt19937.c: the Mersenne Twister's recurrence and tempering.
 *
 * Word i of the next state is made of the words i, i + 1 and i + 397 of this one, indices modulo 624. Done in place from
 * the front, each word is overwritten only after its last use as an old one, and is a new one where the paper wants a new
 * one; the words that one step reads and writes are at least 227 apart or ahead of it, which leaves room for vectors.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/mt19937.h"

enum { N = TGI_MT19937_WORDS, M = 397 };

void tgi_mt19937_seed(tgi_mt19937 *generator, uint32_t seed) {
    uint32_t *s = generator->state;
    s[0] = seed;
    for (uint32_t i = 1; i < N; i++)
        s[i] = 1812433253u * (s[i - 1] ^ s[i - 1] >> 30) + i;
    generator->next = N;
    generator->has_normal = false;
    generator->next_normal = 0;
}

/* The highest bit of one word and the others of the next, times the matrix of the paper, plus the word `far` ahead. */
static inline uint32_t twist(uint32_t word, uint32_t following, uint32_t far) {
    uint32_t joined = (word & 0x80000000u) | (following & 0x7fffffffu);
    return far ^ joined >> 1 ^ (-(joined & 1) & 0x9908b0dfu);
}

static inline uint32_t temper(uint32_t y) {
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

void tgi_mt19937_temper(tgi_mt19937 *generator) {
    for (int i = 0; i < N; i++)
        generator->word[i] = temper(generator->state[i]);
}

void tgi_mt19937_refill(tgi_mt19937 *generator) {
    uint32_t *s = generator->state;
    for (int i = 0; i < N - M; i++)
        s[i] = twist(s[i], s[i + 1], s[i + M]);
    for (int i = N - M; i < N - 1; i++)
        s[i] = twist(s[i], s[i + 1], s[i + M - N]);
    s[N - 1] = twist(s[N - 1], s[0], s[M - 1]);
    tgi_mt19937_temper(generator);
    generator->next = 0;
}
