/* ops/c_text.h: what the C texts of ops share (tapegrad/emit.h): loops over axes, lists of indices, sums.
 *
 * The variables of loops are i, j, k and so on, one an axis; for an axis of size 1 there is no loop, and its index is 0.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_C_TEXT_H
#define TGI_OPS_C_TEXT_H

#include "ops/ops.h"

#include <tapegrad/emit.h>

/* Indices, one an axis: variables, or "0". */
enum { TGI_INDEX_TEXT = 48, TGI_INDICES_TEXT = 768 };
typedef struct tgi_indices {
    int  rank;
    char axis[TG_MAX_RANK + 1][TGI_INDEX_TEXT];
} tgi_indices;

/* Those of an array of that shape, the first variable being number `first`: 0 for i. */
tgi_indices tgi_indices_of(int rank, const int64_t *dims, int first);

/* Separated by commas. Returns text. */
const char *tgi_indices_text(const tgi_indices *x, char text[TGI_INDICES_TEXT]);

/* The last `rank` of them: those of an array that broadcasts to the shape. */
tgi_indices tgi_last_indices(const tgi_indices *x, int rank);

/* The number of an element in an array with these strides: "12 + i * 5 - j". Returns text. */
const char *tgi_number_text(int64_t offset, const int64_t *strides, const tgi_indices *x, char text[TGI_INDICES_TEXT]);

/* Writes zeros into all of the result. */
void tgi_write_zeros(tg_emit_call *call);

/* Copies operand 0, of the result's shape, into it. */
void tgi_write_copy(tg_emit_call *call);

/* For each index, operand 1, along an axis of the result: that statement, in which %s stand for the indices in the result, in the source,
 * operand 2, which broadcasts, and in the result again; behind a check of the indices (index_text.c). */
void tgi_write_scattered(tg_emit_call *call, const char *statement);

/* Fails when an element of operand k, which has indices, is none of an axis of that size (index_text.c). */
void tgi_write_index_check(tg_emit_call *call, int k, int64_t size);

/* Opens the loops over axes from .. to - 1 of that shape, and closes so many as there are loops. */
void tgi_open_loops(tg_emit_call *call, const tgi_indices *x, int from, int to, const int64_t *dims);
void tgi_close_loops(tg_emit_call *call, const tgi_indices *x, int from, int to);

/* `text` with the index in the place of each @. Returns out. */
const char *tgi_with_index(const char *text, const char *index, char out[TGI_INDICES_TEXT]);

/* Adds to the variable `sum` the terms of that text, with @ for the index, for the indices 0 .. n - 1, called `variable`. Many
 * floating terms are added in lanes, which a compiler can make vectors of, and in blocks. */
void tgi_write_sum(tg_emit_call *call, const char *sum, const char *variable, int64_t n, const char *term);

#endif
