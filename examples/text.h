/* examples/text.h: what the examples that learn to write share: a text as numbers, and the loops of training and writing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_TEXT_H
#define EXAMPLES_TEXT_H

#include <tapegrad.h>

typedef struct text {
    tg_tensor train, test;     /* int64 (length): the characters as numbers from 0 on; the last tenth is for the test */
    int64_t   kinds;           /* how many different characters there are */
    char      characters[256]; /* number i stands for characters[i] */
} text;

/* Loads a text, compressed by gzip or not. After an error of the tape it is empty. */
text text_open(tg_tape *tape, const char *path);

/* The number of a character of the text, or -1. */
int64_t text_number(const text *t, char character);

/* Where `batch` pieces of `length` + 1 characters begin, anywhere in the text, and elsewhere in each run: (batch, 1). The pieces that begin
 * there: their first `length` characters, and those that come after each of these, both (batch, length). */
tg_tensor text_places(tg_tensor numbers, int64_t batch, int64_t length);
void      text_pieces(tg_tensor numbers, tg_tensor places, int64_t length, tg_tensor *x, tg_tensor *next);

/* The options of a training, in a struct of the program's own that has these members; and those of a program that writes as well. */
#define TEXT_TRAINING_OPTIONS(o) \
    {"text", "FILE", "the text, compressed by gzip or not; a tenth of it is held out", COMMAND_TEXT, &(o).text, 0}, \
        {"checkpoint", "FILE", "is loaded if it is there; saved with each line", COMMAND_TEXT, &(o).files.checkpoint, 0}, \
        {"steps", "N", "steps of the training in all", COMMAND_COUNT, &(o).steps, 0}, \
        {"every", "N", "prints the losses, of this step and on the text held out, every N steps", COMMAND_COUNT, &(o).every, 1}, \
        {"batch", "N", "pieces of text in a step", COMMAND_COUNT, &(o).batch, 1}, \
        {"rate", "X", "the highest rate of the training", COMMAND_REAL, &(o).rate, 0}, \
        {"dropout", "X", "share of the features that are dropped in training", COMMAND_REAL, &(o).dropout, 0}, { \
        "seed", "N", "seed of all that is drawn", COMMAND_COUNT, &(o).seed, 0 \
    }
#define TEXT_OPTIONS(o) \
    TEXT_TRAINING_OPTIONS(o), \
        {"metrics", "FILE", "the losses as a table; from a checkpoint it goes on", COMMAND_TEXT, &(o).files.metrics, 0}, \
        {"plot", "FILE", "the losses as a picture, .svg, .png or .pdf, drawn by gnuplot", COMMAND_TEXT, &(o).files.plot, 0}, \
        {"prompt", "TEXT", "what the model goes on from", COMMAND_TEXT, &(o).prompt, 0}, \
        {"characters", "N", "how many characters it writes", COMMAND_COUNT, &(o).characters, 0}, { \
        "temperature", "X", "below 1 it prefers what is probable, above 1 it dares more", COMMAND_REAL, &(o).temperature, 1e-3 \
    }

/* A tape with a part "train", one step of the training, and a part "test", on one batch of the text that is held out. */
typedef struct text_training {
    tg_tape  *tape;
    text      text;
    int64_t   batch, length, steps;
    tg_tensor step;                  /* float64 (): those done; "train" counts them */
    tg_tensor loss, test_loss, rate; /* to be set to what the parts compute, and kept */
    tg_tensor at;                    /* int64 (): where the batch of the test begins */
} text_training;

text_training text_training_new(tg_tape *tape, const char *path, int64_t batch, int64_t length, int64_t steps);

/* The batch of the test: its characters, and those that come next, both (batch, length). */
void text_test_batch(const text_training *t, tg_tensor *x, tg_tensor *next);

/* The loss on all of the text that is held out and fills a batch: runs "test" for each. */
double text_test(const text_training *t);

/* A rate that rises in the first tenth of the steps, and falls from there by a cosine to a tenth of its highest. */
tg_tensor text_rate(const text_training *t, double highest);

/* Goes on with the training, from a checkpoint if that is there, to its last step. Every so many steps it prints the losses, of this step
 * and of all of the text that is held out and fills a batch, writes them into a table, and saves the checkpoint. In the end they are
 * drawn. Each of the files may be NULL. */
typedef struct text_files {
    const char *checkpoint, *metrics, *plot;
} text_files;

void text_train(const text_training *t, int64_t every, const text_files *files);

/* Prints the prompt, and goes on from it by so many characters. `read` has the model of `state` read a character, and gives the one that
 * it chooses to come next, both by their numbers. */
typedef int64_t text_reader(void *state, int64_t character);
void            text_write(const text_training *t, const char *prompt, int64_t characters, text_reader *read, void *state);

#endif
