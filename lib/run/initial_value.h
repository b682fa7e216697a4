/* run/initial_value.h: memory that goes from a parameter's initial value to the parameter.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_RUN_INITIAL_VALUE_H
#define TGI_RUN_INITIAL_VALUE_H

#include "core/tape.h"

/* Whether the value of an instruction, which is resident, may become that of a parameter, since it can be made again. */
bool tgi_can_take_over(const tg_tape *tape, uint32_t index);

/* Drops it, whose memory is another's by now, and what it is made of. */
void tgi_drop_formula(tg_tape *tape, uint32_t index);

/* Makes a dropped value again. */
tg_status tgi_restore_value(tg_tape *tape, uint32_t index);

#endif
