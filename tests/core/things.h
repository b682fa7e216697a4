/* tests/core/things.h: a tape with everything on it that a call can be tried on, or can fail on.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_CORE_THINGS_H
#define TESTS_CORE_THINGS_H

#include "support.h"

typedef struct things {
    tg_tape  *tape;
    tg_tensor w, v, n, c; /* parameter (2, 3), vector of 5, int64 vector of 2, bool of rank 0 */
    tg_tensor lost;       /* stale */
    tg_mark   mark, gone;
    double    room[6];
} things;

things new_things(void);

#endif
