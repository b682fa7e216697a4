/* examples/text.c: a text as numbers, the loop of the training, and that of the writing.
 *
 * SPDX-License-Identifier: MIT */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <tapegrad/extend.h>
#include <tapegrad/io.h>
#include <tapegrad/report.h>
#include <unistd.h>

/* The characters that there are, in the order of their codes. */
static void list_characters(text *t, const int64_t *bytes, int64_t count) {
    bool used[256] = {false};
    for (int64_t i = 0; i < count; i++)
        used[bytes[i]] = true;
    for (int code = 0; code < 256; code++)
        if (used[code]) t->characters[t->kinds++] = (char)code;
}

int64_t text_number(const text *t, char character) {
    for (int64_t i = 0; i < t->kinds; i++)
        if (t->characters[i] == character) return i;
    return -1;
}

text text_open(tg_tape *tape, const char *path) {
    text           t = {.kinds = 0};
    tg_tensor      all = tg_load_bytes(tape, path);
    int64_t        count = tg_size(all), number[256] = {0};
    const int64_t *bytes = tg_data(all);
    if (tg_error_status(tape)) return t;
    if (count < 20) tg_fail(tape, TG_ERR_SHAPE, NULL, "%s: %lld characters are too few", path, (long long)count);
    list_characters(&t, bytes, count);
    for (int64_t i = 0; i < t.kinds; i++)
        number[(unsigned char)t.characters[i]] = i;
    tg_tensor numbers = tg_take(tg_constant(tape, TG_I64, TG_SHAPE(256), number), all, 0);
    t.train = tg_slice(numbers, 0, 0, count - count / 10, 1);
    t.test = tg_slice(numbers, 0, count - count / 10, TG_END, 1);
    return t;
}

tg_tensor text_places(tg_tensor numbers, int64_t batch, int64_t length) {
    int64_t places = tg_size(numbers) - length;
    if (places < 1)
        tg_fail(numbers.tape, TG_ERR_SHAPE, NULL, "the text is shorter than %lld characters", (long long)length + 1);
    return tg_cast(tg_mul(tg_sample_uniform(numbers.tape, TG_F64, TG_SHAPE(batch, 1)), (double)places), TG_I64);
}

void text_pieces(tg_tensor numbers, tg_tensor places, int64_t length, tg_tensor *x, tg_tensor *next) {
    tg_tensor at = tg_add(places, tg_arange(numbers.tape, TG_I64, 0, (double)length, 1));
    *x = tg_take(numbers, at, 0);
    *next = tg_take(numbers, tg_add(at, 1), 0);
}

/* ---- the training ------------------------------------------------------------------------------------------------ */

text_training text_training_new(tg_tape *tape, const char *path, int64_t batch, int64_t length, int64_t steps) {
    text_training t = {.tape = tape, .text = text_open(tape, path), .batch = batch, .length = length, .steps = steps};
    t.step = tg_input(tape, "step", TG_F64, TG_SHAPE());
    t.at = tg_input(tape, NULL, TG_I64, TG_SHAPE());
    return t;
}

void text_test_batch(const text_training *t, tg_tensor *x, tg_tensor *next) {
    int64_t size = t->batch * t->length, count = tg_size(t->text.test);
    if (count <= size)
        tg_fail(t->tape, TG_ERR_SHAPE, NULL, "the text held out has %" PRId64 " characters: too few for a test of one batch",
                count);
    tg_tensor places = tg_add(t->at, tg_arange(t->tape, TG_I64, 0, (double)size, 1));
    places = tg_reshape(places, TG_SHAPE(t->batch, t->length));
    *x = tg_take(t->text.test, places, 0);
    *next = tg_take(t->text.test, tg_add(places, 1), 0);
}

tg_tensor text_rate(const text_training *t, double highest) {
    double    steps = (double)t->steps;
    tg_tensor left = tg_div(tg_sub(steps, t->step), steps), rise = tg_div(tg_add(t->step, 1), steps / 10 + 1);
    tg_tensor fall = tg_sub(0.55, tg_mul(0.45, tg_cos(tg_mul(3.14159265358979324, left))));
    return tg_mul(highest, tg_minimum(rise, fall));
}

double text_test(const text_training *t) {
    int64_t size = t->batch * t->length, count = (tg_size(t->text.test) - 1) / size;
    double  sum = 0;
    for (int64_t i = 0; i < count; i++) {
        tg_write(t->at, &(int64_t){i * size}, 1);
        tg_run_part(t->tape, "test");
        sum += tg_item(t->test_loss);
    }
    return sum / (double)count;
}

typedef struct record {
    const text_training *training;
    const text_files    *files;
    tg_metrics          *metrics;
    tg_progress          progress;
} record;

static void note_losses(record *r, int64_t step) {
    const text_training *t = r->training;
    tg_progress_end(&r->progress);
    double loss = tg_item(t->loss), test_loss = text_test(t);
    if (tg_error_status(t->tape)) return;
    printf("step %" PRId64 ": loss %.5f, test %.5f\n", step, loss, test_loss);
    fflush(stdout);
    tg_metrics_write(t->tape, r->metrics, TG_ROW((double)step, loss, test_loss));
    if (r->files->checkpoint) tg_save_checkpoint(t->tape, r->files->checkpoint, &(tg_checkpoint_options){.step = step});
}

void text_train(const text_training *t, int64_t every, const text_files *files) {
    record r = {.training = t, .files = files, .progress = {.epochs = 1, .steps = t->steps, .samples = t->batch * t->length}};
    if (files->plot && !files->metrics)
        tg_fail(t->tape, TG_ERR_ARGUMENT, NULL, "--plot: the picture is drawn of the table, which --metrics names");
    if (files->plot) tg_plot_check(t->tape, files->plot);
    if (files->checkpoint && access(files->checkpoint, F_OK) == 0) tg_load_checkpoint(t->tape, files->checkpoint, NULL);
    r.progress.done = (int64_t)tg_item(t->step);
    r.metrics = tg_metrics_open(t->tape, files->metrics, "step,train_loss,test_loss",
                                &(tg_metrics_options){.resume = r.progress.done > 0, .step = (double)r.progress.done});
    while (r.progress.done < t->steps && !tg_error_status(t->tape)) {
        tg_run_part(t->tape, "train");
        tg_progress_step(&r.progress, tg_item(t->loss), tg_item(t->rate));
        if (r.progress.done % every == 0 || r.progress.done == t->steps) note_losses(&r, r.progress.done);
    }
    tg_metrics_close(r.metrics);
    if (files->plot) tg_plot_metrics(t->tape, files->plot, files->metrics, "train_loss,test_loss", NULL);
}

/* ---- the writing ------------------------------------------------------------------------------------------------- */

void text_write(const text_training *t, const char *prompt, int64_t characters, text_reader *read, void *state) {
    int64_t next = 0;
    for (const char *c = prompt; *c; c++) {
        int64_t number = text_number(&t->text, *c);
        if (number >= 0) next = read(state, number);
    }
    fputs(prompt, stdout);
    for (int64_t i = 0; i < characters && !tg_error_status(t->tape); i++) {
        putchar(t->text.characters[next]);
        next = read(state, next);
    }
    putchar('\n');
}
