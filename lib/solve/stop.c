/* solve/stop.c: why a solver stopped, in words.
 *
 * SPDX-License-Identifier: MIT */
#include "core/inside.h"

const char *tg_stop_text(tg_stop stop) {
    static const char *const texts[] = {
        [TG_STOP_NONE] = "there was an error",
        [TG_STOP_GRADIENT] = "the gradient is within its tolerance",
        [TG_STOP_VALUE] = "the value is within its tolerance",
        [TG_STOP_STEP] = "the step is within its tolerance",
        [TG_STOP_ITERATIONS] = "no more iterations were allowed",
        [TG_STOP_EVALUATIONS] = "no more evaluations were allowed",
        [TG_STOP_CALLBACK] = "the callback stopped it",
        [TG_STOP_NO_DESCENT] = "no step betters the value",
        [TG_STOP_STUCK] = "the squares of the equations have a minimum that is not 0",
        [TG_STOP_NOT_FINITE] = "the value or a derivative is not finite",
    };
    return (unsigned)stop < sizeof texts / sizeof *texts ? texts[stop] : "?";
}
