/* examples/digits_mlp.c: a multilayer perceptron reads handwritten digits.
 *
 * This file is the model and its training, which are two parts of one tape: one step of the training, and one batch of the test. The
 * command line, the data and what people look at are in digits.c.
 *
 * SPDX-License-Identifier: MIT */
#include "complain.h"
#include "digits.h"

const char program_name[] = "digits_mlp";

enum { BATCH = 32 };

/* ---- the model --------------------------------------------------------------------------------------------------- */

typedef struct model {
    tg_linear_layer hidden1, hidden2, out;
} model;

static model new_model(tg_tape *tape, int64_t size) {
    model m;
    m.hidden1 = tg_new_linear(tape, "hidden1", size * size, 128, NULL);
    m.hidden2 = tg_new_linear(tape, "hidden2", 128, 128, NULL);
    m.out = tg_new_linear(tape, "out", 128, 10, NULL);
    return m;
}

/* Scores of the ten digits, (batch, 10). */
static tg_tensor apply_model(model m, const digits *d, bool training) {
    tg_tensor x = tg_flatten(tg_div(tg_cast(d->images, TG_F32), d->white), 1, -1);
    x = tg_dropout(tg_relu(tg_apply_linear(m.hidden1, x)), 0.2, training);
    x = tg_dropout(tg_relu(tg_apply_linear(m.hidden2, x)), 0.2, training);
    return tg_apply_linear(m.out, x);
}

/* ---- the training ------------------------------------------------------------------------------------------------ */

static void train(tg_tape *tape, digits *d) {
    model     m = new_model(tape, d->size);
    tg_tensor step = tg_input(tape, "step", TG_F64, TG_SHAPE());

    tg_begin_part(tape, "train");
    tg_tensor loss = tg_cross_entropy(apply_model(m, d, true), d->labels, NULL);
    tg_tensor rate = tg_mul(0.003, tg_cosine_schedule(step, digits_steps(d), 0));
    tg_backward(loss);
    tg_adamw_step(tape, rate, NULL);
    tg_assign(step, tg_add(step, 1));
    tg_end_part(tape);

    tg_begin_part(tape, "test");
    digits_record_test(d, apply_model(m, d, false));
    tg_end_part(tape);

    while (digits_next_epoch(tape, d)) {
        for (; tg_next_batch(tape, d->train); digits_count_step(d, loss, rate))
            tg_run_part(tape, "train");
        for (; tg_next_batch(tape, d->test); digits_count_test(d))
            tg_run_part(tape, "test");
    }
}

int main(int argc, char **argv) {
    digits_options o = {.data = DIGITS_CSV, .epochs = 30, .seed = 1};
    int            exit_code;
    if (!digits_options_read(&o, READ_DIGITS, "a multilayer perceptron", argc, argv, &exit_code)) return exit_code;
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, o.seed);
    digits d = digits_open(tape, &o, BATCH);
    if (!tg_error_status(tape)) train(tape, &d);
    digits_show_accuracy(tape, &d);
    return digits_end(tape, &d);
}
