/* bench/bench.h: works, and who competes in them.
 *
 * A work is something to be computed, over and over. Its first contestant is tapegrad; the others are loops written by hand, in
 * the same file, or come from a Python process beside this one (peer.h, rivals.py). All start from the same numbers, and before
 * anything is timed their results are compared: who computes something else is no rival.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <tapegrad.h>

/* One way to do a work. */
typedef struct contestant {
    void *(*setup)(void);                   /* what it has before the first step */
    void (*step)(void *state);              /* the work, once */
    int (*result)(void *state, double *to); /* after three steps, what all must agree on: see digest. NULL: nothing */
    double (*units)(void *state);           /* how many instructions a step is; NULL: one, the step itself */
    void (*teardown)(void *state);
} contestant;

/* What tapegrad is measured by. */
typedef enum measure {
    TIME,         /* its time for a step, divided by the rival's */
    UNIT_TIME,    /* the same for an instruction */
    MEMORY,       /* the same for the peak of the memory that a step takes */
    NANOSECONDS,  /* its own time for an instruction, in ns: nobody's ratio */
    MILLISECONDS, /* and for a step, in ms */
    BYTES         /* its own memory for an instruction, in bytes */
} measure;

typedef struct rival {
    const char       *name; /* of the Python process's unless there is a `by` */
    double            bar;  /* what is to be reached; 0: nothing is promised */
    const contestant *by;
    measure           measure;
} rival;

enum { RIVALS = 6 };

typedef struct work {
    const char       *name; /* up to the first comma it is what the Python process calls it */
    const contestant *tapegrad;
    double            tolerance;     /* of the results, see digest */
    bool              one_thread;    /* more than one would change nothing */
    rival             rival[RIVALS]; /* those with a name */
} work;

/* ---- for the works ----------------------------------------------------------------------------------------------- */

/* The number of threads that everybody may use. */
extern int threads;

/* A tape that uses that many threads. */
tg_tape *new_tape(void);

/* Ends the program when the tape has an error. */
void must(tg_tape *tape);

/* Memory for that many floats, aligned for vectors; or the program ends. And the same, filled with numbers
 * between low and high that are as good as random, and the same for the same salt in rivals.py. */
void  *room(size_t bytes);
float *numbers(int64_t n, uint32_t salt, double low, double high);

/* The same on a tape, as a parameter or a constant. */
tg_tensor parameter(tg_tape *tape, const char *name, tg_shape shape, uint32_t salt, double low, double high);
tg_tensor constant(tg_tape *tape, tg_shape shape, uint32_t salt, double low, double high);

/* A vector in two numbers, its length and its product with a fixed one, at to[0] and to[1]; results are compared pair by pair, and
 * may differ by `tolerance` times the length. Gives 2. The second takes a tensor. */
int digest(const float *x, int64_t n, double *to);
int digest_tensor(tg_tensor x, double *to);

enum { RESULTS = 32 };

#endif
