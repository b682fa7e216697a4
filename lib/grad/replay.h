/* grad/replay.h: running once more only what lies between some inputs and some results.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_GRAD_REPLAY_H
#define TGI_GRAD_REPLAY_H

#include "core/tape.h"

/* The instructions that depend on an input and that a result depends on, in order. */
typedef struct tgi_replay {
    tg_tape  *tape;
    uint32_t *list;
    uint32_t  count;
} tgi_replay;

/* Finds them, and runs them once, so that all the memory they need is there. An error, in the name of `what`, when one of them is
 * random, or reads a leaf that the tape assigns, whose value at that point is gone. tgi_end_replay is due in any case. */
tg_status tgi_begin_replay(tgi_replay *r, tg_tape *tape, int n, const tg_tensor *inputs, int m, const tg_tensor *results,
                           const char *what);

/* Runs them; everything before them has run. */
tg_status tgi_run_replay(const tgi_replay *r);

void tgi_end_replay(tgi_replay *r);

#endif
