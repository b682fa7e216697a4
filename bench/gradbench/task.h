/* bench/gradbench/task.h: a function of an eval, with one input, to be evaluated many times; and the evals.
 *
 * An eval reads its input, makes leaves of it, and records its formula and the derivative. How that is evaluated is the
 * same for all, and is in task.c: recorded once, as a part of the tape, which may be compiled, an evaluation is a write of
 * the variables, a run and a look at the results; afresh, the formula is recorded between them, and forgotten afterwards.
 *
 * SPDX-License-Identifier: MIT */
#ifndef GRADBENCH_TASK_H
#define GRADBENCH_TASK_H

#include <jansson.h>
#include <stdbool.h>
#include <tapegrad.h>

/* What the command line says. */
typedef struct run_options {
    bool afresh;   /* record for each evaluation */
    bool compiled; /* what is recorded once is compiled by the C compiler of the system, where there is one */
    bool tuned;    /* the form of the formula that is best for tapegrad, where it is not GradBench's */
    int  threads;
} run_options;

/* Numbers of an input, row-major: `rows` lists of `columns` numbers each, or one list (rows = 1). */
typedef struct numbers {
    int64_t rows, columns;
    double *values;
} numbers;

enum { MOST_LEAVES = 8, MOST_RESULTS = 8, MOST_FUNCTIONS = 4 };

typedef struct task task;

typedef struct eval {
    const char *name;
    const char *functions[MOST_FUNCTIONS + 1];  /* up to a NULL */
    bool (*read)(task *t, const json_t *input); /* reads the input, records leaves; false when it is not as it should be */
    void (*record)(task *t);                    /* records formula and results */
    void (*finish)(task *t);                    /* what is done with the results, as a part of the evaluation; or NULL */
    json_t *(*output)(const task *t);
} eval;

struct task {
    const eval *eval;
    int         function; /* of the eval's functions: the first is the formula itself, mostly, and the second its derivative */
    run_options options;
    tg_tape    *tape;
    void       *state; /* the eval's own, from task_room */

    int leaf_count;
    struct {
        tg_tensor     leaf;
        const double *values;
    } leaf[MOST_LEAVES];

    int result_count;
    struct {
        tg_tensor     tensor;
        const double *values; /* where the tape has them, until it runs again; or in `copy`, when it forgets them */
        double       *copy;
        int64_t       count;
    } result[MOST_RESULTS];

    struct block *blocks;     /* what task_room gave */
    char          error[256]; /* what is wrong with the input; "" */
};

/* ---- for evals --------------------------------------------------------------------------------------------------- */

/* Zeroed memory that is freed with the task; or the program ends. */
void *task_room(task *t, size_t bytes);

/* Notes what is wrong with the input, unless something is already. Gives false. */
bool task_fail(task *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Read a member of an object; they give false, and note why, when it is not there or is something else. read_numbers
 * takes a list of numbers, or a list of such lists, which have one length, and read_list_of_numbers such a list itself.
 * read_integers puts numbers that have no fraction into room of the task. */
bool read_list_of_numbers(task *t, const json_t *list, const char *name, numbers *to);
bool read_numbers(task *t, const json_t *object, const char *name, numbers *to);
bool read_integers(task *t, const json_t *object, const char *name, int64_t *rows, int64_t *columns, int64_t **to);
bool read_number(task *t, const json_t *object, const char *name, double *to);
bool read_size(task *t, const json_t *object, const char *name, int64_t least, int64_t *to);

/* A variable of the formula: an input of the tape, which is written before each evaluation. */
tg_tensor task_variable(task *t, const char *name, tg_shape shape, const double *values);

/* Numbers that do not change, where they are. */
tg_tensor task_constant(const task *t, tg_shape shape, const double *values);

/* A result: after each evaluation it is at t->result[i].values, in the order of these calls. */
void task_result(task *t, tg_tensor x);

/* The gradient of y for the variables, each of which becomes a result. */
void task_gradient(task *t, tg_tensor y);

/* The list with one more item, which is taken over; or NULL where one of them is: then the other is given up. */
json_t *json_append(json_t *list, json_t *item);

/* A list of numbers; a list of `rows` such lists. NULL where a number is not finite: JSON has none for it. */
json_t *json_list(const double *values, int64_t count);
json_t *json_rows(const double *values, int64_t rows, int64_t columns);

/* The outputs of many evals: the first result's one number, or its list of numbers. */
json_t *output_number(const task *t);
json_t *output_list(const task *t);

/* ---- for the program --------------------------------------------------------------------------------------------- */

extern const eval eval_ba, eval_det, eval_gmm, eval_hello, eval_ht, eval_kmeans, eval_llsq, eval_lse, eval_lstm, eval_ode,
    eval_particle, eval_saddle;

/* Reads the input and, if it is to be recorded once, records it. The task is given even when that failed: see task_error. */
task *task_new(const eval *e, int function, const json_t *input, run_options options);
void  task_evaluate(task *t);
void  task_free(task *t);

/* What went wrong: of the input, or on the tape. "" when nothing did. */
const char *task_error(const task *t);

#endif
