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
#include <tapegrad/layers.h>
#include <tapegrad/optim.h>

#include "command.h"
#include "complain.h"
#include "text.h"

const char program_name[] = "char_gpt";

typedef struct options {
    int64_t     layers, heads, width, context, batch, steps, every, seed, characters;
    double      rate, dropout, temperature;
    const char *text, *prompt;
    text_files  files;
} options;

/* ---- the model --------------------------------------------------------------------------------------------------- */

enum { MOST_LAYERS = 48, MOST_CONTEXT = 8192 };

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

typedef struct program {
    text_training training;
    model         model;
    tg_tensor     character, position, temperature; /* of the text that is being written */
} program;

static void record_training(program *p) {
    const options *o = p->model.o;
    tg_tape       *tape = p->training.tape;
    tg_tensor      x, next;
    tg_begin_part(tape, "train");
    text_pieces(p->training.text.train, o->batch, o->context, &x, &next);
    tg_keep(p->training.loss = loss_of(&p->model, x, next, true));
    tg_backward(p->training.loss);
    tg_clip_grad_norm(tape, 1, NULL);
    tg_keep(p->training.rate = text_rate(&p->training, o->rate));
    tg_adamw_step(tape, p->training.rate, &(tg_adam_options){.beta2 = 0.99, .weight_decay = 0.1});
    tg_assign(p->training.step, tg_add(p->training.step, 1));
    tg_end_part(tape);

    tg_begin_part(tape, "test");
    text_test_batch(&p->training, &x, &next);
    tg_keep(p->training.test_loss = loss_of(&p->model, x, next, false));
    tg_end_part(tape);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void record_writing(program *p) {
    tg_tape *tape = p->training.tape;
    tg_begin_part(tape, "write");
    tg_tensor scores = tg_div(apply_model(&p->model, p->character, p->position, false), p->temperature);
    tg_assign(p->character, tg_sample_multinomial(tg_softmax(tg_flatten(scores, 0, 1), 1), 1, false));
    tg_assign(p->position, tg_add(p->position, 1));
    tg_end_part(tape);
}

/* The text so far, as far as the cache goes back. */
typedef struct written {
    const program *p;
    int64_t        count, number[MOST_CONTEXT];
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
    int64_t  context = w->p->model.o->context, half = context / 2;
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
    program p = {.training = text_training_new(tape, o->text, o->batch, o->context, o->steps)};
    tg_set_keep(tape, TG_KEEP_ASKED);
    p.model = new_model(tape, p.training.text.kinds, o);
    p.character = tg_input(tape, NULL, TG_I64, TG_SHAPE(1, 1));
    p.position = tg_input(tape, NULL, TG_I64, TG_SHAPE());
    p.temperature = tg_input(tape, NULL, TG_F32, TG_SHAPE());
    tg_assign(p.temperature, o->temperature);
    record_training(&p);
    record_writing(&p);
    tg_run_pending(tape);
    return p;
}

static bool check(const options *o) {
    if (o->layers > MOST_LAYERS) return complain("--layers: at most %d", MOST_LAYERS);
    if (o->context > MOST_CONTEXT) return complain("--context: at most %d", MOST_CONTEXT);
    return o->width % o->heads == 0 ||
           complain("--width: %" PRId64 " features are not divided into %" PRId64 " heads", o->width, o->heads);
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
    options              o = {.layers = 4,
                              .heads = 4,
                              .width = 128,
                              .context = 128,
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
        {"layers", "N", "layers of the model", COMMAND_COUNT, &o.layers, 1},
        {"heads", "N", "heads of each layer", COMMAND_COUNT, &o.heads, 1},
        {"width", "N", "features of a character", COMMAND_COUNT, &o.width, 1},
        {"context", "N", "characters that the model looks at", COMMAND_COUNT, &o.context, 2},
    };
    const command c = {"Trains a transformer of GPT-2's shape on the characters of a text, and has it write.\n",
                       sizeof rows / sizeof *rows, rows};
    int           exit_code;
    if (!command_read(&c, argc, argv, &exit_code)) return exit_code;
    return check(&o) && run(&o) ? 0 : 2;
}
