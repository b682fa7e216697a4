/* core/marks.h: a set of instructions, a bit each, which is gone through word by word: what is not marked costs next to nothing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_MARKS_H
#define TGI_CORE_MARKS_H

#include "core/tape.h"

/* Instructions first .. end - 1 may be in it. */
typedef struct tgi_marks {
    uint64_t *word;
    uint32_t  first, end;
} tgi_marks;

/* How many words a set takes; they are zero in an empty one. */
static inline size_t tgi_words_of_marks(uint32_t first, uint32_t end) {
    return ((size_t)(end - first) + 63) / 64;
}

static inline bool tgi_is_marked(const tgi_marks *marks, uint32_t i) {
    uint32_t at = i - marks->first; /* too large for what stands before the range, too */
    return at < marks->end - marks->first && marks->word[at / 64] >> at % 64 & 1;
}

/* What is not in the range cannot be marked. */
static inline void tgi_mark(tgi_marks *marks, uint32_t i) {
    uint32_t at = i - marks->first;
    if (at < marks->end - marks->first) marks->word[at / 64] |= (uint64_t)1 << at % 64;
}

static inline void tgi_unmark(tgi_marks *marks, uint32_t i) {
    if (i >= marks->first && i < marks->end) marks->word[(i - marks->first) / 64] &= ~((uint64_t)1 << (i - marks->first) % 64);
}

/* The last one that is marked before i, and the first one from i on; TGI_NONE when there is none. Others may be marked on the way. */
static inline uint32_t tgi_marked_before(const tgi_marks *marks, uint32_t i) {
    if (i <= marks->first) return TGI_NONE;
    uint32_t at = i - marks->first, w = at / 64;
    uint64_t left = at % 64 ? marks->word[w] << (64 - at % 64) >> (64 - at % 64) : 0;
    while (!left && w > 0)
        left = marks->word[--w];
    return left ? marks->first + w * 64 + 63 - (uint32_t)__builtin_clzll(left) : TGI_NONE;
}

static inline uint32_t tgi_marked_from(const tgi_marks *marks, uint32_t i) {
    if (i < marks->first) i = marks->first;
    if (i >= marks->end) return TGI_NONE;
    uint32_t at = i - marks->first, w = at / 64, last = (marks->end - marks->first - 1) / 64;
    uint64_t left = marks->word[w] >> at % 64 << at % 64;
    while (!left && w < last)
        left = marks->word[++w];
    return left ? marks->first + w * 64 + (uint32_t)__builtin_ctzll(left) : TGI_NONE;
}

#endif
