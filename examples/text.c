/* examples/text.c: a text as numbers.
 *
 * SPDX-License-Identifier: MIT */
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <tapegrad/extend.h>
#include <tapegrad/io.h>

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

void text_pieces(tg_tensor numbers, int64_t batch, int64_t length, tg_tensor *x, tg_tensor *next) {
    tg_tape  *tape = numbers.tape;
    int64_t   places = tg_size(numbers) - length;
    tg_tensor start = tg_cast(tg_mul(tg_sample_uniform(tape, TG_F64, TG_SHAPE(batch, 1)), (double)places), TG_I64);
    tg_tensor at = tg_add(start, tg_arange(tape, TG_I64, 0, (double)length, 1));
    if (places < 1) tg_fail(tape, TG_ERR_SHAPE, NULL, "the text is shorter than %lld characters", (long long)length + 1);
    *x = tg_take(numbers, at, 0);
    *next = tg_take(numbers, tg_add(at, 1), 0);
}
