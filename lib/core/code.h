/* core/code.h: compiled code of a part of the tape, which is run in the place of its instructions.
 *
 * The tape owns it as the part's, and gives it back with the part; emit/compile.c makes it, and run/run_code.c runs it. It holds for the
 * instructions that were there when it was made, and gives those values that were to last then.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_CODE_H
#define TGI_CORE_CODE_H

#include "core/tape.h"

/* The tape's generator, as such a function sees it: its words, which comes next; 1 and a normal number that is there already, or 0. */
typedef struct tgi_code_random {
    uint32_t *words;
    int       next;
    double    normal[2];
} tgi_code_random;

/* A function of an object that was loaded. It gets the addresses of what it reads and overwrites, memory for all that it gives, memory to
 * work in, and the tape's generator. 0, or the number of a failure. */
typedef int tgi_code_function(void *const *address, char *given, void *work, tgi_code_random *random);

/* The object, which the code of several parts may be in. */
typedef struct tgi_object {
    void *handle;
    void (*unload)(void *handle);
    uint32_t users;
} tgi_object;

/* A value that it gives, and where in the block. */
typedef struct tgi_code_value {
    uint32_t index;
    size_t   offset;
} tgi_code_value;

/* An instruction that may fail in it, and how. */
typedef struct tgi_code_failure {
    uint32_t    index;
    tg_status   status;
    const char *text;
} tgi_code_failure;

typedef struct tgi_code {
    tgi_arena          arena; /* holds all of this but the memory of the function */
    tgi_code_function *function;
    tgi_object        *object;
    uint32_t          *read; /* instructions whose addresses it gets: leaves, and what is computed outside of the part; */
    uint32_t           read_count, computed_count; /* so many of both, and of the latter, */
    uint32_t          *computed;                   /* which are these, */
    size_t            *copy;                       /* and in the block the place for a copy of each that is a view */
    void             **address;
    uint32_t          *assigned; /* leaves that it overwrites */
    uint32_t           assigned_count;
    tgi_code_value    *given; /* in the order of recording */
    uint32_t           given_count;
    tgi_code_failure  *failures; /* the first one is number 1 */
    uint32_t           failure_count;
    char              *block, *work; /* buffers of the pool; the block holds what it gives from one run to the next */
    bool               draws;        /* random numbers */
    bool               is_bound;     /* the values are in the block, */
    bool               is_resident;  /* and those of the last run */
    uint32_t           keeps, count; /* what lasts was compared to what it gives when the tape had these */
} tgi_code;

/* Gives it back, with the values that it gave. The part has no code then. */
void tgi_free_code(tg_tape *tape, tgi_part *part);

#endif
