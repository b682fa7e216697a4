/* grad/pairs.c: open addressing; a key is at the place that it is hashed to, or behind it, before the next free one.
 *
 * SPDX-License-Identifier: MIT */
#include "grad/pairs.h"

#include <string.h>

enum { FIRST_ROOM = 1 << 10 };

/* Where the key is, or would be. (2^64 over the golden ratio: D. Knuth, The Art of Computer Programming, 6.4.) The upper half of the
 * product depends on all bits of the key. */
static size_t find(const tgi_pairs *pairs, uint64_t key) {
    uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);
    size_t   mask = pairs->room - 1, at = (size_t)(hash ^ hash >> 32) & mask;
    while (pairs->value[at] && pairs->key[at] != key)
        at = (at + 1) & mask;
    return at;
}

uint32_t tgi_pair_value(const tgi_pairs *pairs, uint64_t key) {
    return pairs->room ? pairs->value[find(pairs, key)] : 0;
}

static bool grow(tgi_pairs *pairs) {
    tgi_pairs wider = {.memory = pairs->memory, .count = pairs->count, .room = pairs->room ? 2 * pairs->room : FIRST_ROOM};
    if (wider.room > SIZE_MAX / sizeof *wider.key) return false;
    wider.key = tgi_memory_take(pairs->memory, wider.room * sizeof *wider.key);
    wider.value = tgi_memory_take(pairs->memory, wider.room * sizeof *wider.value);
    if (!wider.key || !wider.value) {
        tgi_pairs_free(&wider);
        return false;
    }
    memset(wider.value, 0, wider.room * sizeof *wider.value);
    for (size_t i = 0; i < pairs->room; i++) {
        if (!pairs->value[i]) continue;
        size_t at = find(&wider, pairs->key[i]);
        wider.key[at] = pairs->key[i];
        wider.value[at] = pairs->value[i];
    }
    tgi_pairs_free(pairs);
    *pairs = wider;
    return true;
}

bool tgi_pair_set(tgi_pairs *pairs, uint64_t key, uint32_t value) {
    if (pairs->count >= pairs->room / 2 && !grow(pairs)) return false;
    size_t at = find(pairs, key);
    pairs->count += !pairs->value[at];
    pairs->key[at] = key;
    pairs->value[at] = value;
    return true;
}

void tgi_pairs_free(tgi_pairs *pairs) {
    if (pairs->key) tgi_memory_give(pairs->memory, pairs->key, pairs->room * sizeof *pairs->key);
    if (pairs->value) tgi_memory_give(pairs->memory, pairs->value, pairs->room * sizeof *pairs->value);
    *pairs = (tgi_pairs){.memory = pairs->memory};
}
