/* bench/gradbench/eval_lse.c: the logarithm of the sum of e^x, and its gradient.
 *
 * SPDX-License-Identifier: MIT */
#include "task.h"

enum { PRIMAL, GRADIENT };

static bool read_input(task *t, const json_t *input) {
    numbers x;
    if (!read_numbers(t, input, "x", &x)) return false;
    if (x.rows != 1 || x.columns < 1) return task_fail(t, "\"x\" is no vector");
    task_variable(t, "x", TG_SHAPE(x.columns), x.values);
    return true;
}

static void record(task *t) {
    tg_tensor y = tg_logsumexp(t->leaf[0].leaf);
    if (t->function == PRIMAL)
        task_result(t, y);
    else
        task_gradient(t, y);
}

static json_t *output(const task *t) {
    return t->function == PRIMAL ? output_number(t) : output_list(t);
}

const eval eval_lse = {"lse", {"primal", "gradient"}, .read = read_input, .record = record, .output = output};
