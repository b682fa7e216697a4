/* bench/scalars.c: what an instruction costs by itself: a long chain of single numbers, recorded, differentiated, run, and
 * forgotten by a rewind, so that the next step finds the memory there.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

/* ---- tapegrad ---------------------------------------------------------------------------------------------------- */

typedef struct chain {
    tg_tape  *tape;
    tg_tensor x, w;
    tg_mark   mark;
    double    length, count; /* instructions: wanted, recorded in a step */
} chain;

static chain *chain_new(double length) {
    chain *c = room(sizeof *c);
    c->tape = new_tape();
    tg_set_keep(c->tape, TG_KEEP_ASKED);
    c->x = tg_parameter(c->tape, "x", 0.5);
    c->w = tg_parameter(c->tape, "w", 0.25);
    c->mark = tg_tape_mark(c->tape);
    c->length = length;
    return c;
}

/* A turn of the loop is 3 instructions forward and 6 back: for sin 2, for mul 3 with the sum for w, for add the sum for x. */
enum { A_TURN = 9 };

static void chain_step(void *state) {
    chain    *c = state;
    int64_t   before = tg_instruction_count(c->tape);
    tg_tensor y = c->x;
    for (int i = 0; i < c->length / (double)A_TURN; i++)
        y = tg_add(tg_mul(tg_sin(y), c->w), c->x);
    tg_backward(y);
    tg_item(tg_grad(c->w));
    c->count = (double)(tg_instruction_count(c->tape) - before);
    tg_rewind(c->tape, c->mark);
}

static double chain_count(void *state) {
    return ((chain *)state)->count;
}

static void chain_free(void *state) {
    chain *c = state;
    must(c->tape);
    tg_tape_free(c->tape);
    free(c);
}

static void *chain_10k(void) {
    return chain_new(1e4);
}
static void *chain_1m(void) {
    return chain_new(1e6);
}
static void *chain_10m(void) {
    return chain_new(1e7);
}

/* The same on a new tape in each step. */
static void chain_step_anew(void *state) {
    chain *c = state, *fresh = chain_new(c->length);
    chain_step(fresh);
    c->count = fresh->count;
    chain_free(fresh);
}

/* ---- the works --------------------------------------------------------------------------------------------------- */

static const contestant short_chain = {chain_10k, chain_step, NULL, chain_count, chain_free};
static const contestant chain_of_1m = {chain_1m, chain_step, NULL, chain_count, chain_free};
static const contestant anew = {chain_1m, chain_step_anew, NULL, chain_count, chain_free};
static const contestant long_chain = {chain_10m, chain_step, NULL, chain_count, chain_free};

const work scalars = {.name = "scalars, 1 million",
                      .tapegrad = &chain_of_1m,
                      .one_thread = true,
                      .rival = {{"", 150, NULL, NANOSECONDS},
                                {"", 200, NULL, BYTES},
                                {"tapegrad on a new tape", 0, &anew, TIME}}};

const work scalars_growth = {.name = "scalars, 10 million",
                             .tapegrad = &long_chain,
                             .one_thread = true,
                             .rival = {{"10 thousand", 1.5, &short_chain, UNIT_TIME}}};
