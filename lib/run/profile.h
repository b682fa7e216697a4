/* run/profile.h: where the time of runs goes: by op and source line.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RUN_PROFILE_H
#define TGI_RUN_PROFILE_H

#include <stdio.h>

#include "core/tape.h"

/* Instructions of one op that were recorded at one line, by one function. */
typedef struct tgi_site tgi_site;

/* Nanoseconds of a clock that only goes forward. */
int64_t tgi_now(void);

/* The site of an instruction that is about to run: one run is counted. NULL when there is no memory for a new one: then it is not
 * counted. */
tgi_site *tgi_site_of(tg_tape *tape, const tgi_node *node);

/* Some of the time of that run, on any thread. */
void tgi_add_time(tgi_site *site, int64_t nanoseconds);

/* Around the run of an instruction, on any tape. */
typedef struct tgi_timing {
    tgi_site *site; /* NULL: it is not timed */
    int64_t   begun;
} tgi_timing;

static inline tgi_timing tgi_begin_timing(tg_tape *tape, const tgi_node *node) {
    if (!tape->profiles) return (tgi_timing){0};
    return (tgi_timing){tgi_site_of(tape, node), tgi_now()};
}

static inline void tgi_end_timing(tgi_timing timing) {
    if (timing.site) tgi_add_time(timing.site, tgi_now() - timing.begun);
}

/* A segment was run: how long that took altogether, and how long it took of that to find or to make its plan. */
void tgi_add_segment(tg_tape *tape, int64_t nanoseconds, int64_t planning);

void tgi_write_profile(tg_tape *tape, FILE *out);
void tgi_free_profile(tg_tape *tape);

#endif
