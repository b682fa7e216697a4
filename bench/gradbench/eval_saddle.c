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

static tg_tensor f(tg_tensor x, tg_tensor y) {
    return tg_sub(tg_sum(tg_square(x)), tg_sum(tg_square(y)));
}

/* -f(x, y), as a function of y. */
static tg_tensor minus_f(tg_tensor y, void *context) {
    const tg_tensor *x = context;
    return tg_neg(f(*x, y));
}

/* The largest f(x, y) over all y. */
static tg_tensor largest(tg_tensor x, void *context) {
    const problem *p = context;
    return f(x, minimized(p->tape, p->inner, minus_f, &x, p->start));
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
    tg_tensor x = minimized(p->tape, p->outer, largest, p, p->start);
    task_result(t, x);
    task_result(t, minimized(p->tape, p->inner, minus_f, &x, p->start));
}

static json_t *output(const task *t) {
    return json_pack("[f, f, f, f]", t->result[0].values[0], t->result[0].values[1], t->result[1].values[0],
                     t->result[1].values[1]);
}

const eval eval_saddle = {"saddle", {"rr", "ff", "fr", "rf"}, .read = read_input, .record = record, .output = output};
