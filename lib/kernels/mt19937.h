/* kernels/mt19937.h: the Mersenne Twister, 32 bits at a time.
 *
 * The recurrence makes 624 words at a time in loops that the compiler can turn into vector code, and their tempering does
 * too; to draw a word is then to read the next one.
 *
 * Source: M. Matsumoto and T. Nishimura, "Mersenne Twister: a 623-dimensionally equidistributed uniform pseudo-random number
 * generator", ACM Transactions on Modeling and Computer Simulation 8 (1998) 3-30, with the initialisation of 2002.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_MT19937_H
#define TGI_KERNELS_MT19937_H

#include <stdbool.h>
#include <stdint.h>

enum { TGI_MT19937_WORDS = 624 };

typedef struct tgi_mt19937 {
    uint32_t state[TGI_MT19937_WORDS];
    uint32_t word[TGI_MT19937_WORDS]; /* the state, tempered: what is drawn */
    int      next;                    /* the word to be drawn next; TGI_MT19937_WORDS: make new ones first */
    bool     has_normal;              /* a Box-Muller pair's second value waits for the next call that draws one at a time */
    double   next_normal;
} tgi_mt19937;

void tgi_mt19937_seed(tgi_mt19937 *generator, uint32_t seed);

/* Makes the words that are drawn from a state that was put in from outside. */
void tgi_mt19937_temper(tgi_mt19937 *generator);

/* Makes the next words; for tgi_mt19937_next. */
void tgi_mt19937_refill(tgi_mt19937 *generator);

static inline uint32_t tgi_mt19937_next(tgi_mt19937 *generator) {
    if (generator->next == TGI_MT19937_WORDS) tgi_mt19937_refill(generator);
    return generator->word[generator->next++];
}

#endif
