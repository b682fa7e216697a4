/* grad/again.h: running again just what lies between some inputs and some results.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_GRAD_AGAIN_H
#define TGI_GRAD_AGAIN_H

#include "core/tape.h"

/* The instructions that depend on an input and that a result depends on, in order. */
typedef struct tgi_again {
    tg_tape  *tape;
    uint32_t *list;
    uint32_t  count;
} tgi_again;

/* Finds them, and runs them once, so that all the memory they need is there. An error, in the name of `what`, when one of them is
 * random, or reads a leaf that the tape assigns, which has no value that could be had again. tgi_end_again is due in any case. */
tg_status tgi_find_again(tgi_again *again, tg_tape *tape, int n, const tg_tensor *inputs, int m, const tg_tensor *results,
                         const char *what);

/* Runs them; everything before them has run. */
tg_status tgi_run_again(const tgi_again *again);

void tgi_end_again(tgi_again *again);

#endif
