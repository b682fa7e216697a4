/* grad/grad.h: what the files of lib/grad share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_GRAD_GRAD_H
#define TGI_GRAD_GRAD_H

#include "core/tape.h"

/* A scope whose instructions are there for a derivative. */
tg_scope tgi_begin_derivative(tg_tape *tape, const char *name);

/* From now on instruction `index` is the parameter's gradient, or none for TGI_NONE, until the tape gets shorter than it is. `what` is
 * for errors (backward.c). */
tg_status tgi_note_gradient(tg_tape *tape, tgi_leaf *leaf, uint32_t index, const char *what);

/* The tensors of a list, outputs or inputs, which `role` names, have derivatives; else an error. */
tg_status tgi_check_list(tg_tape *tape, const char *what, const char *role, int count, const tg_tensor *list);

/* How a call that returns several tensors ends: they are kept, or invalid after an error. */
void tgi_give_results(tg_tape *tape, tg_status status, int n, tg_tensor *results);

#endif
