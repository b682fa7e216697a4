/* grad/contract.h: products with one factor that depends on the step of a vectorized loop, in the order that is cheapest for all steps.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_GRAD_CONTRACT_H
#define TGI_GRAD_CONTRACT_H

#include "core/tape.h"

enum { TGI_MOST_FACTORS = 8, TGI_MOST_INSIDE = 12 };

/* An instruction of a body, and a letter for each of its axes. */
typedef struct tgi_factor {
    uint32_t index;
    char     label[TG_MAX_RANK + 1];
} tgi_factor;

/* What a product of factors comes to that is summed over all axes but its own. Only the first factor depends on the step. It is multiplied
 * by `early` more of them, one by one, after which its axes are step[0], step[1], ...; and then by what all the others come to. */
typedef struct tgi_contraction {
    int        count, early;
    tgi_factor factor[TGI_MOST_FACTORS];
    char       step[TGI_MOST_FACTORS][TG_MAX_RANK + 1];
    char       same[TG_MAX_RANK + 1]; /* the axes of what the others come to, */
    char       out[TG_MAX_RANK + 1];  /* and of the result */
    int        inside;                /* instructions that it takes the place of, beside the last one */
    uint32_t   in_place_of[TGI_MOST_INSIDE];
} tgi_contraction;

/* The body that it is looked for in: which instructions depend on the step, and how many readers they have. */
typedef struct tgi_varying_body {
    const tg_tape  *tape;
    uint32_t        start;
    int64_t         steps;
    const bool     *varies;
    const uint32_t *readers;
} tgi_varying_body;

/* Whether instruction `index` of the body is one that is better done so, for all steps at once. */
bool tgi_find_contraction(const tgi_varying_body *body, uint32_t index, tgi_contraction *c);

/* Records what is the same in all steps, TG_NONE if there is nothing: x stands for the factors. And the whole of it, with the axis of the
 * steps before the others, as the first factor has it. */
tg_tensor tgi_contract_same(const tgi_contraction *c, const tg_tensor *x);
tg_tensor tgi_contract(const tgi_contraction *c, const tg_tensor *x, tg_tensor same, tg_shape result);

#endif
