/* bench/gradbench/eval_ode.c: s steps of Runge and Kutta from y = 0, t = 0 to t = 2, for
 *     y'[0] = x[0],  y'[i] = x[i] y[i - 1],
 * and the gradient of the last element of y for x. (After B. Bell's cmpad, an_ode.)
 *
 * SPDX-License-Identifier: MIT */
#include "task.h"

enum { PRIMAL, GRADIENT };

/* The derivative of y by time. */
static tg_tensor slope(tg_tensor x, tg_tensor y) {
    return tg_mul(x, tg_pad(tg_slice(y, 0, 0, -1, 1), 0, 1, 0, TG_PAD_CONSTANT, 1));
}

static tg_tensor step(tg_tensor x, tg_tensor y, double h) {
    tg_tensor k1 = slope(x, y);
    tg_tensor k2 = slope(x, tg_add(y, tg_mul(h / 2, k1)));
    tg_tensor k3 = slope(x, tg_add(y, tg_mul(h / 2, k2)));
    tg_tensor k4 = slope(x, tg_add(y, tg_mul(h, k3)));
    tg_tensor sum = tg_add(tg_add(k1, tg_mul(2, k2)), tg_add(tg_mul(2, k3), k4));
    return tg_add(y, tg_mul(h / 6, sum));
}

static bool read_input(task *t, const json_t *input) {
    int64_t *steps = t->state = task_room(t, sizeof *steps);
    numbers  x;
    if (!read_numbers(t, input, "x", &x) || !read_size(t, input, "s", 1, steps)) return false;
    if (x.rows != 1 || x.columns < 1) return task_fail(t, "\"x\" is no vector");
    task_variable(t, "x", TG_SHAPE(x.columns), x.values);
    return true;
}

static void record(task *t) {
    const int64_t *steps = t->state;
    tg_tensor      x = t->leaf[0].leaf, y = tg_full(t->tape, TG_F64, tg_shape_of(x), 0);
    for (int64_t i = 0; i < *steps; i++)
        y = step(x, y, 2.0 / (double)*steps);
    if (t->function == PRIMAL)
        task_result(t, y);
    else
        task_gradient(t, tg_select(y, 0, -1));
}

const eval eval_ode = {"ode", {"primal", "gradient"}, .read = read_input, .record = record, .output = output_list};
