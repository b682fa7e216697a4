/* tests/run/random_tape.h: random programs, each performed on two tapes at once: as it is, and one instruction at a time.
 *
 * A seed is a program: leaves, and then steps of formulas, gradients, assigns, writes, reads, runs and rewinds. Everything that can be
 * read, and everything else that is in memory on both tapes, must have the same bits (but any NaN is a NaN), and every call the same status
 * and error.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_RUN_RANDOM_TAPE_H
#define TESTS_RUN_RANDOM_TAPE_H

#include "support.h"

/* What the programs so far came to. */
typedef struct tallies {
    long programs, instructions, fused, hits, failures, lost; /* lost: programs left when a value was gone that was not kept */
} tallies;

/* Performs the program of that seed; a failed check names the seed. */
void perform_random_program(uint64_t seed, tallies *sums);

enum { MOST_VALUES = 120, LARGEST = 1 << 15 };

typedef struct value {
    tg_tensor x[2]; /* on either tape */
    tg_shape  shape;
    tg_dtype  dtype;
    bool      variable, parameter, kept;
} value;

typedef struct program {
    uint64_t seed, random, numbers; /* two generators: numbers is not set back when a step is recorded again */
    tg_tape *tape[2];
    bool     eager; /* the second tape runs at once; else when the first does */
    bool     asked; /* only what is asked for is kept */
    bool     over;
    bool     silent;   /* it is recorded only; */
    int      strength; /* and on the second tape each floating value is a little another: how much; 0: is the same */
    uint64_t noise;    /* the generator for that */
    tg_dtype floating;
    value    values[MOST_VALUES], earlier[MOST_VALUES]; /* and those of the step before, which is still on the tape */
    int      count, earlier_count, marked;
    tg_mark  mark[2];
    int64_t  work; /* elements recorded in this step */
    tallies *sums;
} program;

/* Records the program of a seed, of at most so many steps, and runs nothing of it. On the second tape each floating value, leaves too, is
 * multiplied by 1 and some units in the last place, at random, up to eight times `strength`; where that is odd whole numbers, which may be
 * exponents, stay. The caller frees the tapes. */
void record_random_program(uint64_t seed, int most, int strength, program *p, tallies *sums);

/* Noise for numbers of the second tape; and its result with noise (random_noise.c). */
void      add_noise(program *p, tg_dtype dtype, int64_t count, void *numbers);
tg_tensor noisy(program *p, tg_tensor x);

/* The next of numbers that look random. A number below n. */
uint64_t next_of(uint64_t *state);
uint64_t roll(program *p, uint64_t n);
bool     one_in(program *p, uint64_t n);

/* A number for a formula: another one when the step is recorded again. */
double plain_number(program *p);

/* A value of such a dtype: a set of bits, 1 << TG_F32 and so on; NULL where there is none. The later ones come more often. */
enum { FLOATING = 1 << TG_F32 | 1 << TG_F64, NUMBERS = FLOATING | 1 << TG_I64, ANY = NUMBERS | 1 << TG_BOOL };
const value *any_value(program *p, unsigned dtypes);

/* Enters what was recorded on the tapes among the values. */
void enter(program *p, const tg_tensor x[2]);

/* Records a random formula (random_ops.c). */
void record_formula(program *p);

/* An op of the user's, which copies its operand, or fails as long as this is set and is what its attribute says; 0: never. */
extern int64_t failing;
tg_tensor      balky(tg_tensor x, int64_t which);

#endif
