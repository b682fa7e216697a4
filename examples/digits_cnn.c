/* examples/digits_cnn.c: a convolutional network reads handwritten digits.
 *
 * This file is the model and its training, which are two parts of one tape: one step of the training, and one batch of the test. The
 * command line, the data and what people look at are in digits.c.
 *
 * SPDX-License-Identifier: MIT */
#include "complain.h"
#include "digits.h"

const char program_name[] = "digits_cnn";

enum { BATCH = 32 };

/* ---- the model --------------------------------------------------------------------------------------------------- */

typedef struct model {
    tg_conv_layer       conv1, conv2;
    tg_batch_norm_layer norm1, norm2;
    tg_linear_layer     out;
} model;

static model new_model(tg_tape *tape, int64_t size) {
    const tg_conv_options same = {.padding = {1, 1}};
    model                 m;
    m.conv1 = tg_new_conv2d(tape, "conv1", 1, 32, 3, 3, &same, NULL);
    m.norm1 = tg_new_batch_norm(tape, "norm1", 32, NULL);
    m.conv2 = tg_new_conv2d(tape, "conv2", 32, 64, 3, 3, &same, NULL);
    m.norm2 = tg_new_batch_norm(tape, "norm2", 64, NULL);
    m.out = tg_new_linear(tape, "out", 64 * (size / 4) * (size / 4), 10, NULL);
    return m;
}

/* Scores of the ten digits, (batch, 10). */
static tg_tensor apply_model(model m, const digits *d, bool training) {
    tg_tensor x = tg_unsqueeze(tg_div(tg_cast(d->images, TG_F32), d->white), 1);
    x = tg_max_pool2d(tg_relu(tg_apply_batch_norm(m.norm1, tg_apply_conv(m.conv1, x), training)), 2, 2, NULL);
    x = tg_max_pool2d(tg_relu(tg_apply_batch_norm(m.norm2, tg_apply_conv(m.conv2, x), training)), 2, 2, NULL);
    return tg_apply_linear(m.out, tg_dropout(tg_flatten(x, 1, -1), 0.3, training));
}

/* ---- the training ------------------------------------------------------------------------------------------------ */

static void train(tg_tape *tape, digits *d) {
    model     m = new_model(tape, d->size);
    tg_tensor step = tg_input(tape, "step", TG_F64, TG_SHAPE());

    tg_begin_part(tape, "train");
    tg_tensor loss = tg_cross_entropy(apply_model(m, d, true), d->labels, NULL);
    tg_tensor rate = tg_mul(0.005, tg_one_cycle_schedule(step, digits_steps(d), NULL));
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
    digits_options o = {.data = DIGITS_CSV, .epochs = 12, .seed = 1};
    int            exit_code;
    if (!digits_options_read(&o, READ_DIGITS, "a convolutional network", argc, argv, &exit_code)) return exit_code;
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, o.seed);
    digits d = digits_open(tape, &o, BATCH);
    if (!tg_error_status(tape)) train(tape, &d);
    digits_show_accuracy(tape, &d);
    return digits_end(tape, &d);
}
