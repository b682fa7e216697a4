/* grad/pairs.h: a table from pairs of numbers to numbers.
 *
 * There may be millions of entries, of 12 bytes each: keys and values lie in two arrays, without a pointer or a link.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_GRAD_PAIRS_H
#define TGI_GRAD_PAIRS_H

#include "core/memory.h"

typedef struct tgi_pairs {
    tgi_memory *memory;
    uint64_t   *key;
    uint32_t   *value; /* 0: the place is free */
    size_t      count, room;
} tgi_pairs;

static inline uint64_t tgi_pair(uint32_t a, uint32_t b) {
    return (uint64_t)a << 32 | b;
}

/* The value of a key, which may be any 64 bits; 0 when it has none. */
uint32_t tgi_pair_value(const tgi_pairs *pairs, uint64_t key);

/* Gives a key a value other than 0. False when there is no memory. */
bool tgi_pair_set(tgi_pairs *pairs, uint64_t key, uint32_t value);

void tgi_pairs_free(tgi_pairs *pairs);

#endif
