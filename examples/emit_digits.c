/* examples/emit_digits.c: the network of digits_cnn.c as plain C: trains it, and writes digits.c, digits.h and digits_test.h into a directory.
 *
 * What is written reads one image: pixels in, a digit out. The weights are constants, so that they stay in the flash of a microcontroller.
 * digits_test.h has the images that the training has not seen. emitted/digits_main.c reads them with it, and needs nothing of this
 * library:
 *
 *     examples/emit_digits .
 *     cc -O3 -o digits digits.c examples/emitted/digits_main.c -I . -lm
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "digits.h"
#include "files.h"
#include "write_c.h"

const char program_name[] = "emit_digits";

enum { BATCH = 32 };

/* ---- the model, as in digits_cnn.c ------------------------------------------------------------------------------- */

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

/* Scores of the ten digits, (batch, 10), for images of float32. */
static tg_tensor apply_model(model m, tg_tensor images, double white, bool training) {
    tg_tensor x = tg_unsqueeze(tg_div(images, white), 1);
    x = tg_max_pool2d(tg_relu(tg_apply_batch_norm(m.norm1, tg_apply_conv(m.conv1, x), training)), 2, 2, NULL);
    x = tg_max_pool2d(tg_relu(tg_apply_batch_norm(m.norm2, tg_apply_conv(m.conv2, x), training)), 2, 2, NULL);
    return tg_apply_linear(m.out, tg_dropout(tg_flatten(x, 1, -1), 0.3, training));
}

/* ---- the training ------------------------------------------------------------------------------------------------ */

static void train(tg_tape *tape, digits *d, model m) {
    tg_tensor step = tg_input(tape, "step", TG_F64, TG_SHAPE());
    tg_begin_part(tape, "train");
    tg_tensor loss = tg_cross_entropy(apply_model(m, tg_cast(d->images, TG_F32), d->white, true), d->labels, NULL);
    tg_tensor rate = tg_mul(0.005, tg_one_cycle_schedule(step, digits_steps(d), NULL));
    tg_backward(loss);
    tg_adamw_step(tape, rate, NULL);
    tg_assign(step, tg_add(step, 1));
    tg_end_part(tape);

    tg_begin_part(tape, "test");
    digits_record_test(d, apply_model(m, tg_cast(d->images, TG_F32), d->white, false));
    tg_end_part(tape);

    while (digits_next_epoch(tape, d)) {
        for (; tg_next_batch(tape, d->train); digits_count_step(d, loss, rate))
            tg_run_part(tape, "train");
        for (; tg_next_batch(tape, d->test); digits_count_test(d))
            tg_run_part(tape, "test");
    }
}

/* ---- what is written --------------------------------------------------------------------------------------------- */

static bool write_reader(tg_tape *tape, const digits *d, model m, const char *directory) {
    tg_tensor image = tg_input(tape, "image", TG_F32, TG_SHAPE(1, d->size, d->size));
    tg_set_name(tg_argmax(apply_model(m, image, d->white, false), 1, false), "digit");
    return write_c(tape, directory, "digits", "read");
}

/* The images of a batch, each a line of pixels and the digit. */
static void write_batch(FILE *out, const digits *d) {
    const int64_t *pixels = tg_peek(d->images), *labels = tg_peek(d->labels);
    const float   *weight = tg_peek(d->weight);
    for (int64_t i = 0, n = d->size * d->size; pixels && labels && weight && i < BATCH; i++) {
        if (weight[i] == 0) continue;
        fputs("    {", out);
        for (int64_t k = 0; k < n; k++)
            fprintf(out, "%lld, ", (long long)pixels[i * n + k]);
        fprintf(out, "%lld},\n", (long long)labels[i]);
    }
}

static bool write_test(tg_tape *tape, digits *d, const char *directory) {
    new_file file;
    char     path[4096];
    if (snprintf(path, sizeof path, "%s/digits_test.h", directory) >= (int)sizeof path)
        return complain("%s: the path is too long", directory);
    if (!file_start(&file, path)) return false;
    fprintf(file.stream, "/* What the network has not seen: pixels, and the digit. */\nenum { DIGITS_PIXELS = %lld };\n",
            (long long)(d->size * d->size));
    fputs("static const unsigned char digits_test[][DIGITS_PIXELS + 1] = {\n", file.stream);
    while (tg_next_batch(tape, d->test))
        write_batch(file.stream, d);
    fputs("};\n", file.stream);
    if (!tg_error_status(tape)) return file_finish(&file);
    file_abandon(&file);
    return false;
}

int main(int argc, char **argv) {
    const char    *directory = argc > 1 ? argv[1] : ".";
    digits_options o = {.data = DIGITS_CSV, .epochs = 12, .seed = 1};
    tg_tape       *tape = tg_tape_new();
    tg_seed(tape, o.seed);
    digits d = digits_open(tape, &o, BATCH);
    bool   written = false;
    if (!tg_error_status(tape)) {
        model m = new_model(tape, d.size);
        train(tape, &d, m);
        digits_show_accuracy(tape, &d);
        written = write_reader(tape, &d, m, directory) && write_test(tape, &d, directory);
    }
    int exit_code = digits_end(tape, &d);
    return written ? exit_code : 2;
}
