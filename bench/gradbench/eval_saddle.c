/* bench/gradbench/eval_saddle.c: the point x where the largest f(x, y) over all y is least, and that y, for
 *     f(x, y) = x[0]^2 + x[1]^2 - y[0]^2 - y[1]^2
 * by a descent whose function has a descent in it, and is differentiated through that: a loop in a loop. (After B. Pearlmutter and J.
 * Siskind, "Using Programming Language Theory to Make Automatic Differentiation Sound and Efficient", 2008.)
 *
 * SPDX-License-Identifier: MIT */
#include "descent.h"
#include "task.h"

typedef struct problem {
    tg_tape  *tape;
    ad_mode   outer, inner;
    tg_tensor start; /* of both descents: an input */
} problem;

static tg_tensor square_of(const tg_tensor *x) {
    return tg_add(tg_square(x[0]), tg_square(x[1]));
}

static tg_tensor f(const tg_tensor *x, const tg_tensor *y) {
    return tg_sub(square_of(x), square_of(y));
}

/* -f(x, y), as a function of y. */
static tg_tensor minus_f(const tg_tensor *y, void *context) {
    return tg_neg(f(context, y));
}

/* Puts the y of the largest f(x, y) there. */
static void find_largest(const problem *p, tg_tensor *x, tg_tensor *y) {
    tg_unstack(p->start, 0, 2, y);
    minimize(p->tape, p->inner, minus_f, x, 2, y);
}

static tg_tensor largest(const tg_tensor *x, void *context) {
    tg_tensor at[2] = {x[0], x[1]}, y[2];
    find_largest(context, at, y);
    return f(x, y);
}

static bool read_input(task *t, const json_t *input) {
    problem *p = t->state = task_room(t, sizeof *p);
    numbers  start;
    if (!read_numbers(t, input, "start", &start)) return false;
    if (start.rows != 1 || start.columns != 2) return task_fail(t, "\"start\" is no point");
    const char *modes = t->eval->functions[t->function];
    p->tape = t->tape;
    p->outer = modes[0] == 'f' ? FORWARD : REVERSE;
    p->inner = modes[1] == 'f' ? FORWARD : REVERSE;
    p->start = task_variable(t, "start", TG_SHAPE(2), start.values);
    return true;
}

static void record(task *t) {
    problem  *p = t->state;
    tg_tensor x[2], y[2];
    tg_unstack(p->start, 0, 2, x);
    minimize(p->tape, p->outer, largest, p, 2, x);
    find_largest(p, x, y);
    task_result(t, tg_stack(TG_LIST(x[0], x[1], y[0], y[1]), 0));
}

const eval eval_saddle = {"saddle", {"rr", "ff", "fr", "rf"}, .read = read_input, .record = record, .output = output_list};
