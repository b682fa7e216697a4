/* run/key.h: a segment written out, for plans to be found by.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RUN_KEY_H
#define TGI_RUN_KEY_H

#include "run/plan.h"

typedef struct tgi_key {
    tg_tape        *tape;
    tgi_frame       frame;
    uint32_t        end, limit;
    uint32_t        outside_room, described; /* of those from outside so many are written */
    uint64_t       *words;
    size_t          count, room;
    uint64_t        hash;      /* of what was written */
    const uint64_t *at, *last; /* in a key that the segment is compared with */
} tgi_key;

/* Of instructions start .. end - 1, when what is recorded from `limit` on is about to be forgotten. Each instruction from outside is given its
 * number as the key is written, or compared. */
tgi_key tgi_begin_key(tg_tape *tape, uint32_t start, uint32_t end, uint32_t limit);
void    tgi_end_key(tgi_key *k);

/* Writes it; an error when there is no memory. When it need not be compared, one instruction over the other, for the hash. */
tg_status tgi_write_key(tgi_key *k, bool compare);

/* Whether that is its key. */
bool tgi_has_key(tgi_key *k, const uint64_t *words, size_t count);

#endif
