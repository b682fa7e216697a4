/* bench/gradbench/eval_llsq.c: half the sum of squares of what a polynomial with m coefficients x leaves of the sign of
 * t, at n places from -1 to 1, and the gradient. (After B. Bell's cmpad, llsq_obj.)
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "task.h"

enum { PRIMAL, GRADIENT, MOST_POWERS = 64, MOST_COEFFICIENTS = 3600 };

/* ---- the plain form: term by term -------------------------------------------------------------------------------- */

static tg_tensor plain_polynomial(tg_tensor x, tg_tensor t) {
    tg_tensor sum = tg_select(x, 0, 0), power = t;
    for (int64_t j = 1; j < tg_size(x); j++) {
        sum = tg_add(sum, tg_mul(tg_select(x, 0, j), power));
        power = tg_mul(power, t);
    }
    return sum;
}

/* ---- the tuned form: t^(w a + b) is (t^w)^a t^b, so that a product of matrices adds up most of it ------------------ */

/* 1, t, t^2, ... as the rows of a matrix. */
static tg_tensor powers(tg_tape *tape, tg_tensor t, int64_t count) {
    tg_tensor power[MOST_POWERS] = {tg_full(tape, TG_F64, tg_shape_of(t), 1), t};
    for (int64_t j = 2; j < count; j++)
        power[j] = tg_mul(power[j - 1], t);
    return tg_stack(tg_list_from((int)count, power), 0);
}

static tg_tensor tuned_polynomial(tg_tape *tape, tg_tensor x, tg_tensor t) {
    int64_t   m = tg_size(x), width = (int64_t)ceil(sqrt((double)m)) + 1, height = (m + width - 1) / width;
    tg_tensor low = powers(tape, t, width), high = powers(tape, tg_mul(tg_select(low, 0, width - 1), t), height);
    tg_tensor coefficients = tg_reshape(tg_pad(x, 0, 0, width * height - m, TG_PAD_CONSTANT, 0), TG_SHAPE(height, width));
    return tg_sum_axes(tg_mul(tg_matmul(coefficients, low), high), TG_AXES(0), false);
}

/* ---- the eval ---------------------------------------------------------------------------------------------------- */

static bool read_input(task *t, const json_t *input) {
    int64_t *n = t->state = task_room(t, sizeof *n);
    numbers  x;
    if (!read_numbers(t, input, "x", &x) || !read_size(t, input, "n", 2, n)) return false;
    if (x.rows != 1 || x.columns < 1 || x.columns > MOST_COEFFICIENTS) return task_fail(t, "\"x\" is no vector, or too long");
    task_variable(t, "x", TG_SHAPE(x.columns), x.values);
    return true;
}

static void record(task *t) {
    const int64_t *n = t->state;
    tg_tensor      x = t->leaf[0].leaf, i = tg_arange(t->tape, TG_F64, 0, (double)*n, 1);
    tg_tensor      at = tg_add(-1, tg_mul(i, 2 / (double)(*n - 1)));
    tg_tensor      polynomial = t->options.tuned ? tuned_polynomial(t->tape, x, at) : plain_polynomial(x, at);
    tg_tensor      y = tg_mul(0.5, tg_sum(tg_square(tg_sub(tg_sign(at), polynomial))));
    if (t->function == PRIMAL)
        task_result(t, y);
    else
        task_gradient(t, y);
}

static json_t *output(const task *t) {
    return t->function == PRIMAL ? output_number(t) : output_list(t);
}

const eval eval_llsq = {"llsq", {"primal", "gradient"}, .read = read_input, .record = record, .output = output};
