/* examples/lstm_text.c: an LSTM learns to write, character by character.
 *
 * Three parts of one tape share the model: "train" is one step, on pieces from anywhere in the text; "test" is the loss on one batch
 * of the text that is held out; "write" goes on by one character, and keeps the states in two leaves. The command line is at the end.
 *
 * (S. Hochreiter and J. Schmidhuber, "Long short-term memory", 1997.)
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <tapegrad/layers.h>
#include <tapegrad/optim.h>
#include <tapegrad/recurrent.h>

#include "command.h"
#include "complain.h"
#include "text.h"

const char program_name[] = "lstm_text";

typedef struct options {
    int64_t     layers, hidden, length, batch, steps, every, seed, characters;
    double      rate, dropout, temperature;
    const char *text, *prompt;
    text_files  files;
} options;

typedef struct program {
    const options     *o;
    text_training      training;
    tg_embedding_layer embedding;
    tg_recurrent_layer lstm;
    tg_linear_layer    scores;
    tg_tensor          character, temperature; /* of the text that is being written; */
    tg_recurrent_state state;                  /* and the states after all but its last character */
} program;

/* ---- the model --------------------------------------------------------------------------------------------------- */

static void add_model(program *p) {
    const options             *o = p->o;
    tg_tape                   *tape = p->training.tape;
    int64_t                    kinds = p->training.text.kinds;
    const tg_recurrent_options layers = {.layers = (int)o->layers, .dropout = o->dropout};
    p->embedding = tg_new_embedding(tape, "embedding", kinds, o->hidden, TG_NO_PADDING, TG_F32);
    p->lstm = tg_new_recurrent(tape, "lstm", TG_LSTM, o->hidden, o->hidden, &layers);
    p->scores = tg_new_linear(tape, "scores", o->hidden, kinds, NULL);
}

/* For characters (batch, length), scores of those that come next: (batch, length, kinds). The states go from before to after. */
static tg_tensor apply_model(const program *p, tg_tensor characters, tg_recurrent_state *state, bool training) {
    tg_tensor x = tg_apply_embedding(p->embedding, characters);
    tg_tensor y = tg_apply_recurrent(p->lstm, x, TG_NONE, state, training);
    return tg_apply_linear(p->scores, tg_dropout(y, p->o->dropout, training));
}

static tg_tensor loss_of(const program *p, tg_tensor characters, tg_tensor next, bool training) {
    return tg_cross_entropy(tg_flatten(apply_model(p, characters, NULL, training), 0, 1), tg_flatten(next, 0, 1), NULL);
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

static void record_training(program *p) {
    const options *o = p->o;
    tg_tape       *tape = p->training.tape;
    tg_tensor      all = p->training.text.train, x, next;
    tg_begin_part(tape, "train");
    text_pieces(all, text_places(all, o->batch, o->length), o->length, &x, &next);
    tg_keep(p->training.loss = loss_of(p, x, next, true));
    tg_backward(p->training.loss);
    tg_clip_grad_norm(tape, 1, NULL);
    tg_keep(p->training.rate = text_rate(&p->training, o->rate));
    tg_adam_step(tape, p->training.rate, NULL);
    tg_assign(p->training.step, tg_add(p->training.step, 1));
    tg_end_part(tape);

    tg_begin_part(tape, "test");
    text_test_batch(&p->training, &x, &next);
    tg_keep(p->training.test_loss = loss_of(p, x, next, false));
    tg_end_part(tape);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void record_writing(program *p) {
    tg_tape           *tape = p->training.tape;
    tg_recurrent_state state = p->state;
    tg_begin_part(tape, "write");
    tg_tensor scores = tg_div(apply_model(p, p->character, &state, false), p->temperature);
    tg_assign(p->character, tg_sample_multinomial(tg_softmax(tg_flatten(scores, 0, 1), 1), 1, false));
    tg_assign(p->state.h, state.h);
    tg_assign(p->state.c, state.c);
    tg_end_part(tape);
}

/* One character, and the choice of the next one. */
static int64_t write_on(void *state, int64_t character) {
    const program *p = state;
    tg_write(p->character, &character, 1);
    tg_run_part(p->training.tape, "write");
    return (int64_t)tg_item(p->character);
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static program new_program(tg_tape *tape, const options *o) {
    program p = {.o = o, .training = text_training_new(tape, o->text, o->batch, o->length, o->steps)};
    tg_set_keep(tape, TG_KEEP_ASKED);
    add_model(&p);
    p.character = tg_input(tape, NULL, TG_I64, TG_SHAPE(1, 1));
    p.temperature = tg_input(tape, NULL, TG_F32, TG_SHAPE());
    p.state.h = tg_input(tape, NULL, TG_F32, TG_SHAPE(o->layers, 1, o->hidden));
    p.state.c = tg_input(tape, NULL, TG_F32, TG_SHAPE(o->layers, 1, o->hidden));
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
    if (!tg_error_status(tape)) text_write(&p.training, o->prompt, o->characters, write_on, &p);
    bool ok = complain_of(tape);
    tg_tape_free(tape);
    return ok;
}

int main(int argc, char **argv) {
    options              o = {.layers = 2,
                              .hidden = 128,
                              .length = 48,
                              .batch = 16,
                              .steps = 1000,
                              .every = 100,
                              .seed = 1,
                              .characters = 500,
                              .rate = 5e-3,
                              .dropout = 0.2,
                              .temperature = 0.8,
                              .text = DEFAULT_TEXT,
                              .prompt = "\n"};
    const command_option rows[] = {
        TEXT_OPTIONS(o),
        {"layers", "N", "LSTMs one upon the other", COMMAND_COUNT, &o.layers, 1},
        {"hidden", "N", "features of a character, and of each layer", COMMAND_COUNT, &o.hidden, 1},
        {"length", "N", "characters of a piece of text", COMMAND_COUNT, &o.length, 1},
    };
    const command c = {"Trains an LSTM on the characters of a text, and has it write.\n", sizeof rows / sizeof *rows, rows};
    int           exit_code;
    if (!command_read(&c, argc, argv, &exit_code)) return exit_code;
    if (o.layers > TG_MAX_RECURRENT_LAYERS) return complain("--layers: at most %d", TG_MAX_RECURRENT_LAYERS) ? 0 : 2;
    return run(&o) ? 0 : 2;
}
