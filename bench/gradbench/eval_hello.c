/* bench/gradbench/eval_hello.c: x^2, and its derivative.
 *
 * SPDX-License-Identifier: MIT */
#include "task.h"

enum { SQUARE, DOUBLE };

static bool read_input(task *t, const json_t *input) {
    if (!json_is_number(input)) return task_fail(t, "the input is no number");
    double *x = task_room(t, sizeof *x);
    *x = json_number_value(input);
    task_variable(t, "x", TG_SHAPE(), x);
    return true;
}

static void record(task *t) {
    tg_tensor y = tg_square(t->leaf[0].leaf);
    if (t->function == SQUARE)
        task_result(t, y);
    else
        task_gradient(t, y);
}

const eval eval_hello = {"hello", {"square", "double"}, .read = read_input, .record = record, .output = output_number};
