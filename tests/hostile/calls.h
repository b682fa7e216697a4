/* tests/hostile/calls.h: what the files of the hostile program share: the bytes, as arguments, and the kinds of calls.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_HOSTILE_CALLS_H
#define TESTS_HOSTILE_CALLS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <tapegrad.h>
#include <tapegrad/extend.h>
#include <tapegrad/op.h>

#include "hostile.h"

enum { TENSORS = 12, ELEMENTS = 1 << 12, LARGEST = 1 << 16, CALLS = 300, DEPTH = 3 };

typedef struct program {
    const uint8_t *at, *end;
    tg_tape       *tape, *other; /* the one that all is about; one that handles may be of */
    tg_tensor      x[TENSORS];
    tg_mark        mark[4];
    tg_scope       scope[4]; /* that are open */
    int            scopes, depth, calls;
    FILE          *out;
} program;

extern program s;

/* The next byte, 0 after the last; and what is made of bytes: sensible most of the time. */
unsigned    next(void);
bool        chance(unsigned one_in);
int64_t     number(void);
int         small(void);
double      real(void);
tg_dtype    dtype(void);
tg_shape    shape(void);
tg_axes     axes(void);
const char *name(void);

/* A handle, good or bad. */
tg_tensor any(void);

/* ELEMENTS elements of any dtype, and of any bits; or NULL. */
void *elements(void);

/* A result's place; what takes too long to compute is forgotten again. */
void put(tg_tensor y);

/* A call from inside of what the library calls back. */
void act_inside(void);

/* Calls: of layers and what trains them; of functions and losses; of solvers, and whatever else makes a function of a tape. */
void model(void);
void function(void);
void solver(void);

#endif
