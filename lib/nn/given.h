/* nn/given.h: for functions whose last operands may be TG_NONE: a look at those that are there, before anything is recorded.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_NN_GIVEN_H
#define TGI_NN_GIVEN_H

#include "ops/ops.h"

enum { TGI_MOST_GIVEN = 5 };

/* It points into itself, and is not to be copied. */
typedef struct tgi_given {
    tg_op          op;
    tg_infer       look; /* what a shape rule would be given: the operands that are there; for tg_refuse */
    tg_type        types[TGI_MOST_GIVEN];
    const tg_type *of[TGI_MOST_GIVEN]; /* each operand's; NULL for TG_NONE */
} tgi_given;

/* Fills it in, in the name of a function whose first `needed` operands cannot be TG_NONE. False, with the error noted, where an
 * operand cannot be used; look.tape is there all the same. A plain number has rank 0 and the dtype of the first tensor. */
bool tgi_look_given(tgi_given *given, const char *name, int needed, int count, const tg_tensor *x);

/* Whether the first `count` operands, as far as they are there, are all float32 or all float64; else the error is noted. */
bool tgi_given_floating(const tgi_given *given, int count);

#endif
