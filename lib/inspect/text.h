/* inspect/text.h: how numbers, names and instructions are written, for people and for programs that draw graphs.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_INSPECT_TEXT_H
#define TGI_INSPECT_TEXT_H

#include <stdio.h>

#include "core/tape.h"

/* A finite number in decimal: 0.d1 d2 d3 ... times ten to the `point`. There are no zeros at either end of the digits; zero has
 * none at all, and its point is 1. */
typedef struct tgi_decimal {
    bool negative;
    int  point, count;
    char digits[32];
} tgi_decimal;

/* The fewest digits from which the number is read back in that floating dtype. */
tgi_decimal tgi_shortest(double value, tg_dtype dtype);

/* The number rounded to `places` digits after its first digit when scientific; else, below 1e16, after the decimal point. */
tgi_decimal tgi_rounded(double value, int places, bool scientific);

/* How many digits follow the point, in "12.5" or in "1.25e+01". */
int tgi_places(const tgi_decimal *d, bool scientific);

/* Writes it as "12.5", or, when `exponent` is not 0, as "1.25e+01" with an exponent of at least that many digits; always with a
 * point, "1.", and at least `places` digits after it. Returns text. */
enum { TGI_NUMBER_TEXT = 64 };
char *tgi_decimal_text(char text[TGI_NUMBER_TEXT], const tgi_decimal *d, int exponent, int places);

/* A single element with all its digits, as Python prints it; and without a point where it needs none. */
const char *tgi_element_text(char text[TGI_NUMBER_TEXT], tg_dtype dtype, const void *element);
const char *tgi_short_text(char text[TGI_NUMBER_TEXT], tg_dtype dtype, const void *element);

/* Writes a name or a path: what would break a line, and what is not UTF-8, as \x0a; and escapes what has a meaning in quotes,
 * or else in HTML. Returns how many characters it wrote. */
int tgi_put_text(FILE *out, const char *text, bool html);

/* Whether an instruction on the tape has it as an operand. */
bool tgi_is_used(const tg_tape *tape, const tgi_node *node);

/* What the instruction is there for. */
enum tgi_role tgi_role_of(const tgi_node *node);

/* Begins and ends a call that writes: whether there is a tape and a stream; whether all of it was written. */
bool      tgi_writable(tg_tape *tape, FILE *out, const char *what);
tg_status tgi_written(tg_tape *tape, FILE *out, const char *what);

#endif
