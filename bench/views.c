/* bench/views.c: views in training steps cost what their elements cost: a product with a transposed weight beside one with the weight as it
 * lies, and a value that is cut into slices and joined again, with its gradient, for an element moved.
 *
 * SPDX-License-Identifier: MIT */
#include "bench.h"

static void *stepping(tg_tape *tape) {
    must(tape);
    return tape;
}

static void step(void *state) {
    tg_run(state);
}

static void teardown(void *state) {
    must(state);
    tg_tape_free(state);
}

/* ---- a product with a transposed weight -------------------------------------------------------------------------- */

enum { ROWS = 8, SIDE = 2048 };

static void *product_new(bool transposed) {
    tg_tape  *tape = new_tape();
    tg_tensor w = parameter(tape, "w", TG_SHAPE(SIDE, SIDE), 1, -0.01, 0.01),
              x = constant(tape, TG_SHAPE(ROWS, SIDE), 2, -1, 1);
    tg_tensor loss = tg_mean(tg_square(tg_matmul(x, transposed ? tg_transpose(w, 0, 1) : w)));
    tg_backward(loss);
    tg_sgd_step(tape, 0.1);
    return stepping(tape);
}

static void *transposed_new(void) {
    return product_new(true);
}

static void *plain_new(void) {
    return product_new(false);
}

static const contestant transposed = {transposed_new, step, NULL, NULL, teardown};
static const contestant plain = {plain_new, step, NULL, NULL, teardown};

const work transposed_weight = {.name = "transposed weight",
                                .tapegrad = &transposed,
                                .rival = {{"the weight as it lies", 1.2, &plain, TIME}}};

/* ---- slices ------------------------------------------------------------------------------------------------------ */

enum { FEW = 1000, MANY = 10000, WIDTH = 14 };

/* x (count, WIDTH) in rows, which are joined again; its gradient is made the other way. */
static void *slices_new(int count) {
    tg_tape   *tape = new_tape();
    tg_tensor *rows = room((size_t)count * sizeof *rows), x = parameter(tape, "x", TG_SHAPE(count, WIDTH), 1, -1, 1);
    tg_set_keep(tape, TG_KEEP_ASKED);
    tg_tensor y = tg_mul(2, x);
    for (int i = 0; i < count; i++)
        rows[i] = tg_slice(y, 0, i, i + 1, 1);
    tg_backward(tg_sum(tg_square(tg_concat(tg_list_from(count, rows), 0))));
    free(rows);
    return stepping(tape);
}

static void *few_new(void) {
    return slices_new(FEW);
}

static void *many_new(void) {
    return slices_new(MANY);
}

/* Forward and back. */
static double few_moved(void *state) {
    (void)state;
    return 2.0 * (double)FEW * (double)WIDTH;
}

static double many_moved(void *state) {
    (void)state;
    return 2.0 * (double)MANY * (double)WIDTH;
}

static const contestant few_slices = {few_new, step, NULL, few_moved, teardown};
static const contestant many_slices = {many_new, step, NULL, many_moved, teardown};

const work slices = {.name = "slices, 10 thousand",
                     .tapegrad = &many_slices,
                     .one_thread = true,
                     .rival = {{"", 10, NULL, NANOSECONDS}, {"1 thousand", 1.5, &few_slices, UNIT_TIME}}};
