/* core/executor.h: how the tape reaches what runs it.
 *
 * The tape knows no executor by name: it is made with this table, and calls by it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_EXECUTOR_H
#define TGI_CORE_EXECUTOR_H

#include "core/tape.h"

struct tgi_executor {
    /* In eager mode: runs what was just recorded, if it can be run so early. A failure is the tape's error. */
    void (*run_recorded)(tg_tape *tape);

    /* Makes a value again that was dropped. */
    tg_status (*restore)(tg_tape *tape, uint32_t index);

    /* Gives back what the executor holds beside the tape's own memory. */
    void (*free)(tg_tape *tape);
};

/* A tape that is run by that executor, with the host's memory where there is a host; NULL when there is no memory. */
tg_tape *tgi_new_tape(const tgi_executor *executor, const tg_host *host);

#endif
