/* examples/text.h: a text as numbers, for the examples that learn to write.
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

/* `batch` pieces of `length` + 1 characters from anywhere in the text, others in each run: their first `length` characters, and those
 * that come after each of these, both (batch, length). */
void text_pieces(tg_tensor numbers, int64_t batch, int64_t length, tg_tensor *x, tg_tensor *next);

#endif
