/* examples/char_gpt.c: a transformer of GPT-2's shape learns to write, character by character.
 *
 * Three parts of one tape share the model: "train" is one step, on pieces from anywhere in the text; "test" is the loss on one batch
 * of the text that is held out; "write" goes on by one character, with a cache of the keys and values of those before it. The command
 * line is at the end.
 *
 * (A. Radford et al., "Language models are unsupervised multitask learners", 2019.)
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <tapegrad/extend.h>
#include <tapegrad/io.h>
#include <tapegrad/layers.h>
#include <tapegrad/optim.h>
#include <unistd.h>

#include "command.h"
#include "complain.h"
#include "text.h"

const char program_name[] = "char_gpt";

typedef struct options {
    int64_t     layers, heads, width, context, batch, steps, every, seed, characters;
    double      rate, dropout, temperature;
    const char *text, *checkpoint, *prompt;
} options;

/* ---- the model --------------------------------------------------------------------------------------------------- */

enum { MOST_LAYERS = 48 };

typedef struct block {
    tg_norm_layer   norm1, norm2;
    tg_linear_layer attention, projection, up, down;
    tg_tensor       keys, values; /* of the text that is being written: (context, heads, width / heads) */
} block;

typedef struct model {
    const options     *o;
    tg_embedding_layer tokens, positions;
    block              blocks[MOST_LAYERS];
    tg_norm_layer      norm;
    tg_linear_layer    scores;
} model;

static block new_block(tg_tape *tape, int i, const options *o) {
    block b;
    b.norm1 = tg_new_layer_norm(tape, TG_FORMAT("h.%d.ln_1", i), TG_SHAPE(o->width), NULL);
    b.attention = tg_new_linear(tape, TG_FORMAT("h.%d.attn.c_attn", i), o->width, 3 * o->width, NULL);
    b.projection = tg_new_linear(tape, TG_FORMAT("h.%d.attn.c_proj", i), o->width, o->width, NULL);
    b.norm2 = tg_new_layer_norm(tape, TG_FORMAT("h.%d.ln_2", i), TG_SHAPE(o->width), NULL);
    b.up = tg_new_linear(tape, TG_FORMAT("h.%d.mlp.c_fc", i), o->width, 4 * o->width, NULL);
    b.down = tg_new_linear(tape, TG_FORMAT("h.%d.mlp.c_proj", i), 4 * o->width, o->width, NULL);
    b.keys = tg_input(tape, NULL, TG_F32, TG_SHAPE(o->context, o->heads, o->width / o->heads));
    b.values = tg_input(tape, NULL, TG_F32, TG_SHAPE(o->context, o->heads, o->width / o->heads));
    return b;
}

/* GPT-2 starts with matrices that are normal with the deviation 0.02, and with biases of 0. */
static void start_as_gpt2(tg_tape *tape) {
    for (int64_t i = 0; i < tg_parameter_count(tape); i++) {
        tg_tensor   w = tg_parameter_at(tape, i);
        const char *dot = strrchr(tg_name(w), '.');
        if (tg_shape_of(w).rank == 2) tg_assign(w, tg_normal(tape, TG_F32, tg_shape_of(w), 0, 0.02));
        if (!strcmp(dot, ".bias")) tg_assign(w, 0);
    }
}

static model new_model(tg_tape *tape, int64_t kinds, const options *o) {
    model m = {.o = o};
    m.tokens = tg_new_embedding(tape, "wte", kinds, o->width, TG_NO_PADDING, TG_F32);
    m.positions = tg_new_embedding(tape, "wpe", o->context, o->width, TG_NO_PADDING, TG_F32);
    for (int i = 0; i < o->layers; i++)
        m.blocks[i] = new_block(tape, i, o);
    m.norm = tg_new_layer_norm(tape, "ln_f", TG_SHAPE(o->width), NULL);
    m.scores = tg_new_linear(tape, "lm_head", o->width, kinds, &(tg_layer_options){.no_bias = true});
    start_as_gpt2(tape);
    return m;
}

/* x is (batch, length, width). Without a position each place attends to itself and those before it; else there is one place, at that
 * position of the text that is being written, which attends to what is in the cache. */
static tg_tensor attend(const model *m, const block *b, tg_tensor x, tg_tensor position) {
    tg_shape  shape = tg_shape_of(x), heads = TG_SHAPE(shape.dims[0], shape.dims[1], m->o->heads, m->o->width / m->o->heads);
    tg_tensor part[3], mask = TG_NONE;
    tg_chunk(tg_apply_linear(b->attention, x), 2, 3, part);
    tg_tensor q = tg_reshape(part[0], heads), k = tg_reshape(part[1], heads), v = tg_reshape(part[2], heads);
    if (!tg_is_none(position)) {
        tg_assign_at(b->keys, TG_LIST(position), tg_squeeze_axes(k, TG_AXES(0, 1)));
        tg_assign_at(b->values, TG_LIST(position), tg_squeeze_axes(v, TG_AXES(0, 1)));
        k = tg_unsqueeze(b->keys, 0);
        v = tg_unsqueeze(b->values, 0);
        mask = tg_le(tg_arange(x.tape, TG_I64, 0, (double)m->o->context, 1), position);
    }
    tg_tensor y = tg_scaled_dot_product_attention(tg_transpose(q, 1, 2), tg_transpose(k, 1, 2), tg_transpose(v, 1, 2), mask,
                                                  &(tg_attention_options){.causal = tg_is_none(position)});
    return tg_apply_linear(b->projection, tg_reshape(tg_transpose(y, 1, 2), shape));
}

/* For characters (batch, length), scores of those that come next: (batch, length, kinds). */
static tg_tensor apply_model(const model *m, tg_tensor characters, tg_tensor position, bool training) {
    double    dropout = m->o->dropout, length = (double)tg_shape_of(characters).dims[1];
    tg_tensor places = tg_is_none(position) ? tg_arange(characters.tape, TG_I64, 0, length, 1) : position;
    tg_tensor x = tg_add(tg_apply_embedding(m->tokens, characters), tg_apply_embedding(m->positions, places));
    x = tg_dropout(x, dropout, training);
    for (int i = 0; i < m->o->layers; i++) {
        const block *b = &m->blocks[i];
        x = tg_add(x, tg_dropout(attend(m, b, tg_apply_norm(b->norm1, x), position), dropout, training));
        tg_tensor y = tg_gelu(tg_apply_linear(b->up, tg_apply_norm(b->norm2, x)));
        x = tg_add(x, tg_dropout(tg_apply_linear(b->down, y), dropout, training));
    }
    return tg_apply_linear(m->scores, tg_apply_norm(m->norm, x));
}

static tg_tensor loss_of(const model *m, tg_tensor characters, tg_tensor next, bool training) {
    tg_tensor scores = apply_model(m, characters, TG_NONE, training);
    return tg_cross_entropy(tg_flatten(scores, 0, 1), tg_flatten(next, 0, 1), NULL);
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

typedef struct training {
    tg_tape  *tape;
    model     model;
    text      text;
    tg_tensor step, loss, rate; /* the steps done; of the last one */
    tg_tensor at, test_loss;    /* where the batch of the test begins */
    tg_tensor character, position, temperature; /* of the text that is being written */
} training;

/* A tenth of the steps warm up; from then on the rate falls, by a cosine, to a tenth. */
static void record_training(training *t, const options *o) {
    double    warm_up = (double)o->steps / 10 + 1;
    tg_tensor x, next;
    tg_begin_part(t->tape, "train");
    text_pieces(t->text.train, o->batch, o->context, &x, &next);
    t->loss = loss_of(&t->model, x, next, true);
    tg_keep(t->loss);
    tg_backward(t->loss);
    tg_clip_grad_norm(t->tape, 1, NULL);
    tg_tensor left = tg_div(tg_sub((double)o->steps, t->step), (double)o->steps);
    tg_tensor fall = tg_sub(0.55, tg_mul(0.45, tg_cos(tg_mul(3.14159265358979324, left))));
    t->rate = tg_mul(o->rate, tg_minimum(tg_div(tg_add(t->step, 1), warm_up), fall));
    tg_adamw_step(t->tape, t->rate, &(tg_adam_options){.beta2 = 0.99, .weight_decay = 0.1});
    tg_assign(t->step, tg_add(t->step, 1));
    tg_end_part(t->tape);
}

static void record_test(training *t, const options *o) {
    double size = (double)(o->batch * o->context);
    if (tg_size(t->text.test) <= o->batch * o->context)
        tg_fail(t->tape, TG_ERR_SHAPE, NULL, "the text held out has %" PRId64 " characters: too few for a test of one batch",
                tg_size(t->text.test));
    tg_begin_part(t->tape, "test");
    tg_tensor places = tg_reshape(tg_add(t->at, tg_arange(t->tape, TG_I64, 0, size, 1)), TG_SHAPE(o->batch, o->context));
    t->test_loss = loss_of(&t->model, tg_take(t->text.test, places, 0), tg_take(t->text.test, tg_add(places, 1), 0), false);
    tg_keep(t->test_loss);
    tg_end_part(t->tape);
}

/* The loss on the whole text that is held out, but for what is left of it when it is cut into batches. */
static double test(const training *t, const options *o) {
    int64_t count = (tg_size(t->text.test) - 1) / (o->batch * o->context), at = 0;
    double  sum = 0;
    for (int64_t i = 0; i < count; i++, at += o->batch * o->context) {
        tg_write(t->at, &at, 1);
        tg_run_part(t->tape, "test");
        sum += tg_item(t->test_loss);
    }
    return sum / (double)count;
}

static void train(const training *t, const options *o) {
    for (int64_t step = (int64_t)tg_item(t->step); step < o->steps && !tg_error_status(t->tape); step++) {
        tg_run_part(t->tape, "train");
        if ((step + 1) % o->every != 0 && step + 1 != o->steps) continue;
        printf("step %" PRId64 ": loss %.5f, test %.5f\n", step + 1, tg_item(t->loss), test(t, o));
        fflush(stdout);
        if (o->checkpoint) tg_save_checkpoint(t->tape, o->checkpoint, &(tg_checkpoint_options){.step = step + 1});
    }
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void record_writing(training *t) {
    tg_begin_part(t->tape, "write");
    tg_tensor scores = tg_div(apply_model(&t->model, t->character, t->position, false), t->temperature);
    tg_assign(t->character, tg_sample_multinomial(tg_softmax(tg_flatten(scores, 0, 1), 1), 1, false));
    tg_assign(t->position, tg_add(t->position, 1));
    tg_end_part(t->tape);
}

/* One character, and the choice of the next one. When the cache is full its second half is read again, and is the first then. */
static int64_t write_on(const training *t, const options *o, int64_t *written, int64_t *count, int64_t character) {
    int64_t zero = 0, half = o->context / 2;
    if (*count == o->context) {
        tg_write(t->position, &zero, 1);
        for (*count = 0; *count < half; ++*count) {
            written[*count] = written[*count + o->context - half];
            tg_write(t->character, &written[*count], 1);
            tg_run_part(t->tape, "write");
        }
    }
    written[(*count)++] = character;
    tg_write(t->character, &character, 1);
    tg_run_part(t->tape, "write");
    return (int64_t)tg_item(t->character);
}

static void write_text(const training *t, const options *o) {
    int64_t written[o->context], count = 0, next = 0, zero = 0;
    tg_write(t->position, &zero, 1);
    for (const char *c = o->prompt; *c; c++) {
        int64_t number = text_number(&t->text, *c);
        if (number >= 0) next = write_on(t, o, written, &count, number);
    }
    fputs(o->prompt, stdout);
    for (int64_t i = 0; i < o->characters && !tg_error_status(t->tape); i++) {
        putchar(t->text.characters[next]);
        next = write_on(t, o, written, &count, next);
    }
    putchar('\n');
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static training new_training(tg_tape *tape, const options *o) {
    training t = {.tape = tape, .text = text_open(tape, o->text)};
    tg_set_keep(tape, TG_KEEP_ASKED);
    t.model = new_model(tape, t.text.kinds, o);
    t.step = tg_input(tape, "step", TG_F64, TG_SHAPE());
    t.at = tg_input(tape, NULL, TG_I64, TG_SHAPE());
    t.character = tg_input(tape, NULL, TG_I64, TG_SHAPE(1, 1));
    t.position = tg_input(tape, NULL, TG_I64, TG_SHAPE());
    t.temperature = tg_input(tape, NULL, TG_F32, TG_SHAPE());
    tg_assign(t.temperature, o->temperature);
    record_training(&t, o);
    record_test(&t, o);
    record_writing(&t);
    return t;
}

static bool check(const options *o) {
    if (o->layers > MOST_LAYERS) return complain("--layers: at most %d", MOST_LAYERS);
    if (o->context > 8192) return complain("--context: at most 8192");
    return o->width % o->heads == 0 || complain("--width: %jd features are not divided into %jd heads", (intmax_t)o->width, (intmax_t)o->heads);
}

static bool run(const options *o) {
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, (uint64_t)o->seed);
    training t = new_training(tape, o);
    tg_run_pending(tape);
    if (o->checkpoint && access(o->checkpoint, F_OK) == 0) tg_load_checkpoint(tape, o->checkpoint, NULL);
    train(&t, o);
    if (!tg_error_status(tape)) write_text(&t, o);
    bool ok = tg_error_status(tape) == TG_OK || complain("%s", tape ? tg_error(tape) : "out of memory");
    tg_tape_free(tape);
    return ok;
}

int main(int argc, char **argv) {
    options o = {.layers = 4, .heads = 4, .width = 128, .context = 128, .batch = 16, .steps = 1000, .every = 100, .seed = 1,
                 .characters = 500, .rate = 2e-3, .dropout = 0.1, .temperature = 0.8, .text = DEFAULT_TEXT, .prompt = "\n"};
    const command_option rows[] = {
        {"text", "FILE", "the text, compressed by gzip or not; a tenth of it is held out", COMMAND_TEXT, &o.text, 0},
        {"checkpoint", "FILE", "is loaded if it is there, and saved each time that a line is printed", COMMAND_TEXT, &o.checkpoint, 0},
        {"steps", "N", "steps of the training in all", COMMAND_COUNT, &o.steps, 0},
        {"every", "N", "prints the losses, of this step and on the text held out, every N steps", COMMAND_COUNT, &o.every, 1},
        {"layers", "N", "layers of the model", COMMAND_COUNT, &o.layers, 1},
        {"heads", "N", "heads of each layer", COMMAND_COUNT, &o.heads, 1},
        {"width", "N", "features of a character", COMMAND_COUNT, &o.width, 1},
        {"context", "N", "characters that the model looks at", COMMAND_COUNT, &o.context, 2},
        {"batch", "N", "pieces of text in a step", COMMAND_COUNT, &o.batch, 1},
        {"rate", "X", "the highest rate of the training", COMMAND_REAL, &o.rate, 0},
        {"dropout", "X", "share of the features that are dropped in training", COMMAND_REAL, &o.dropout, 0},
        {"seed", "N", "seed of the weights, the pieces, the dropout and the writing", COMMAND_COUNT, &o.seed, 0},
        {"prompt", "TEXT", "what the model goes on from", COMMAND_TEXT, &o.prompt, 0},
        {"characters", "N", "how many characters it writes", COMMAND_COUNT, &o.characters, 0},
        {"temperature", "X", "below 1 it prefers what is probable, above 1 it dares more", COMMAND_REAL, &o.temperature, 1e-3},
    };
    const command c = {"Trains a transformer of GPT-2's shape on the characters of a text, and has it write.\n",
                       sizeof rows / sizeof *rows, rows};
    int exit_code;
    if (!command_read(&c, argc, argv, &exit_code)) return exit_code;
    return check(&o) && run(&o) ? 0 : 2;
}
