/* grad/grad.h: what the files of lib/grad share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_GRAD_GRAD_H
#define TGI_GRAD_GRAD_H

#include "core/tape.h"

/* A scope whose instructions are there for a derivative. */
tg_scope tgi_begin_derivative(tg_tape *tape, const char *name);

/* How a call that returns several tensors ends: they are kept, or invalid after an error. */
void tgi_give_results(tg_tape *tape, tg_status status, int n, tg_tensor *results);

#endif
