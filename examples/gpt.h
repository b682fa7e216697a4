/* examples/gpt.h: a transformer of GPT-2's shape, that reads characters, or whatever else has numbers.
 *
 * (A. Radford et al., "Language models are unsupervised multitask learners", 2019.)
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_GPT_H
#define EXAMPLES_GPT_H

#include <tapegrad/layers.h>

enum { GPT_MOST_LAYERS = 48, GPT_MOST_CONTEXT = 8192 };

typedef struct gpt_options {
    int64_t layers, heads, width, context;
} gpt_options;

/* Their rows on a command line. */
#define GPT_OPTIONS(o) \
    {"layers", "N", "layers of the model", COMMAND_COUNT, &(o).layers, 1}, \
        {"heads", "N", "heads of each layer", COMMAND_COUNT, &(o).heads, 1}, \
        {"width", "N", "features of a character", COMMAND_COUNT, &(o).width, 1}, { \
        "context", "N", "characters that the model looks at", COMMAND_COUNT, &(o).context, 2 \
    }

/* Whether there can be such a model; false after a complaint. */
bool gpt_check(const gpt_options *o);

typedef struct gpt_block {
    tg_norm_layer   norm1, norm2;
    tg_linear_layer attention, projection, up, down;
    tg_tensor       keys, values; /* of the text that is being written: (context, heads, width / heads) */
} gpt_block;

typedef struct gpt {
    gpt_options        o;
    double             dropout;
    tg_embedding_layer tokens, positions;
    gpt_block          blocks[GPT_MOST_LAYERS];
    tg_norm_layer      norm;
    tg_linear_layer    scores;
} gpt;

/* Its parameters, with the values that GPT-2 starts with. `kinds`: how many different characters there are. */
gpt gpt_new(tg_tape *tape, int64_t kinds, const gpt_options *o, double dropout);

/* For characters (batch, length), scores of those that come next: (batch, length, kinds). The position is TG_NONE, or int64 (): then there is
 * one character, at that place of a text that is being written; those before it are in the cache of keys and values. */
tg_tensor gpt_scores(const gpt *m, tg_tensor characters, tg_tensor position, bool training);

/* The mean cross entropy of these scores and the characters that do come next. */
tg_tensor gpt_loss(const gpt *m, tg_tensor characters, tg_tensor next, bool training);

#endif
