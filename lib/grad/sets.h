/* grad/sets.h: sets of columns of a sparse matrix. A set is there once, and is known by its number: so equal sets cost one, and are
 * equal numbers.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_GRAD_SETS_H
#define TGI_GRAD_SETS_H

#include "core/tape.h"
#include "grad/pairs.h"

/* So many there may be: as the bits of a float, the numbers are finite. */
#define TGI_MOST_SETS ((uint32_t)1 << 30)

enum { TGI_FEW_SETS = 8 };

/* Set 0 is empty; set 1 + j has column j alone. */
typedef struct tgi_sets {
    tg_tape  *tape; /* whose memory they take, and whose status says when there is none */
    uint32_t  columns, count;
    size_t   *start; /* of the members of each set; one more, where those of the next one will be */
    uint32_t *member;
    size_t    set_room, member_room;
    tgi_pairs unions;     /* of two sets: which one it is */
    tgi_pairs by_content; /* sets by the hash of their members */

    /* the union of many that is being made: of a few sets, or of so many that their columns are marked */
    uint32_t  few[TGI_FEW_SETS], few_count;
    uint64_t *taken;     /* a bit for each column, */
    size_t    low, high; /* in the words from low to high - 1 */
} tgi_sets;

/* tgi_free_sets is due in any case. */
tg_status tgi_make_sets(tgi_sets *sets, tg_tape *tape, uint32_t columns);
void      tgi_free_sets(tgi_sets *sets);

static inline size_t tgi_set_size(const tgi_sets *sets, uint32_t set) {
    return sets->start[set + 1] - sets->start[set];
}

/* Its columns, ascending. */
static inline const uint32_t *tgi_set_members(const tgi_sets *sets, uint32_t set) {
    return sets->member + sets->start[set];
}

/* The union of two; 0 without memory, which the tape's status says. */
uint32_t tgi_unite(tgi_sets *sets, uint32_t a, uint32_t b);

/* The union of many: those that were added since the last one was had. */
void     tgi_add_to_union(tgi_sets *sets, uint32_t set);
uint32_t tgi_end_union(tgi_sets *sets);

#endif
