/* examples/char_gpt.c: a transformer of GPT-2's shape learns to write, character by character.
 *
 * Three parts of one tape share the model: "train" is one step, on pieces from anywhere in the text; "test" is the loss on one batch
 * of the text that is held out; "write" goes on by one character, with a cache of the keys and values of those before it. The command
 * line is at the end.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <tapegrad/optim.h>

#include "command.h"
#include "complain.h"
#include "gpt.h"
#include "text.h"

const char program_name[] = "char_gpt";

typedef struct options {
    gpt_options gpt;
    int64_t     batch, steps, every, seed, characters;
    double      rate, dropout, temperature;
    const char *text, *prompt;
    text_files  files;
} options;

/* ---- training ---------------------------------------------------------------------------------------------------- */

typedef struct program {
    text_training  training;
    const options *o;
    gpt            model;
    tg_tensor      character, position, temperature; /* of the text that is being written */
} program;

static void record_training(program *p) {
    const options *o = p->o;
    tg_tape       *tape = p->training.tape;
    tg_tensor      all = p->training.text.train, x, next;
    tg_begin_part(tape, "train");
    text_pieces(all, text_places(all, o->batch, o->gpt.context), o->gpt.context, &x, &next);
    tg_keep(p->training.loss = gpt_loss(&p->model, x, next, true));
    tg_backward(p->training.loss);
    tg_clip_grad_norm(tape, 1, NULL);
    tg_keep(p->training.rate = text_rate(&p->training, o->rate));
    tg_adamw_step(tape, p->training.rate, &(tg_adam_options){.beta2 = 0.99, .weight_decay = 0.1});
    tg_assign(p->training.step, tg_add(p->training.step, 1));
    tg_end_part(tape);

    tg_begin_part(tape, "test");
    text_test_batch(&p->training, &x, &next);
    tg_keep(p->training.test_loss = gpt_loss(&p->model, x, next, false));
    tg_end_part(tape);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void record_writing(program *p) {
    tg_tape *tape = p->training.tape;
    tg_begin_part(tape, "write");
    tg_tensor scores = tg_div(gpt_scores(&p->model, p->character, p->position, false), p->temperature);
    tg_assign(p->character, tg_sample_multinomial(tg_softmax(tg_flatten(scores, 0, 1), 1), 1, false));
    tg_assign(p->position, tg_add(p->position, 1));
    tg_end_part(tape);
}

/* The text so far, as far as the cache goes back. */
typedef struct written {
    const program *p;
    int64_t        count, number[GPT_MOST_CONTEXT];
} written;

/* One character, and the choice of the next one. */
static int64_t go_on(written *w, int64_t character) {
    const program *p = w->p;
    w->number[w->count++] = character;
    tg_write(p->character, &character, 1);
    tg_run_part(p->training.tape, "write");
    return (int64_t)tg_item(p->character);
}

/* When the cache is full its second half is read again, and is the first then. */
static int64_t write_on(void *state, int64_t character) {
    written *w = state;
    int64_t  context = w->p->o->gpt.context, half = context / 2;
    if (w->count == context) {
        w->count = 0;
        tg_write(w->p->position, &(int64_t){0}, 1);
        for (int64_t i = context - half; i < context; i++)
            go_on(w, w->number[i]);
    }
    return go_on(w, character);
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static program new_program(tg_tape *tape, const options *o) {
    program p = {.o = o, .training = text_training_new(tape, o->text, o->batch, o->gpt.context, o->steps)};
    tg_set_keep(tape, TG_KEEP_ASKED);
    p.model = gpt_new(tape, p.training.text.kinds, &o->gpt, o->dropout);
    p.character = tg_input(tape, NULL, TG_I64, TG_SHAPE(1, 1));
    p.position = tg_input(tape, NULL, TG_I64, TG_SHAPE());
    p.temperature = tg_input(tape, NULL, TG_F32, TG_SHAPE());
    tg_assign(p.temperature, o->temperature);
    record_training(&p);
    record_writing(&p);
    tg_run_pending(tape);
    return p;
}

static bool run(const options *o) {
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, (uint64_t)o->seed);
    program p = new_program(tape, o);
    text_train(&p.training, o->every, &o->files);
    if (!tg_error_status(tape)) {
        written w = {.p = &p};
        tg_write(p.position, &(int64_t){0}, 1);
        text_write(&p.training, o->prompt, o->characters, write_on, &w);
    }
    bool ok = complain_of(tape);
    tg_tape_free(tape);
    return ok;
}

int main(int argc, char **argv) {
    options              o = {.gpt = {.layers = 4, .heads = 4, .width = 128, .context = 128},
                              .batch = 16,
                              .steps = 1000,
                              .every = 100,
                              .seed = 1,
                              .characters = 500,
                              .rate = 2e-3,
                              .dropout = 0.1,
                              .temperature = 0.8,
                              .text = DEFAULT_TEXT,
                              .prompt = "\n"};
    const command_option rows[] = {
        TEXT_OPTIONS(o),
        GPT_OPTIONS(o.gpt),
    };
    const command c = {"Trains a transformer of GPT-2's shape on the characters of a text, and has it write.\n",
                       sizeof rows / sizeof *rows, rows};
    int           exit_code;
    if (!command_read(&c, argc, argv, &exit_code)) return exit_code;
    return gpt_check(&o.gpt) && run(&o) ? 0 : 2;
}
