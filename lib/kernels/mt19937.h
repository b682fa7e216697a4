/* kernels/mt19937.h: the Mersenne Twister, 32 bits at a time.
 *
 * Source: M. Matsumoto and T. Nishimura, "Mersenne Twister: a 623-dimensionally equidistributed uniform pseudo-random number
 * generator", ACM Transactions on Modeling and Computer Simulation 8 (1998) 3-30, with the initialisation of 2002.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_MT19937_H
#define TGI_KERNELS_MT19937_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tgi_mt19937 {
    uint32_t state[624];
    int      next;         /* index of the next word of the state; 624: make new ones first */
    bool     has_normal;   /* the second value of a Box-Muller pair waits for the next call that draws one at a time */
    double   next_normal;
} tgi_mt19937;

void     tgi_mt19937_seed(tgi_mt19937 *generator, uint32_t seed);
uint32_t tgi_mt19937_next(tgi_mt19937 *generator);

#endif
