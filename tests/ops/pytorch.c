/* tests/ops/pytorch.c: PyTorch as referee. What it gives is in tests/fixtures, in files whose form is told in fixture.py
 * beside them: one case a line, with float64 operands, the result, and the gradients.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/trial.h"

enum { LINE = 1 << 15 };

/* The text up to the next `end`, which is cut off; NULL after the last. */
static char *take(char **rest, char end) {
    char *text = *rest;
    if (!text) return NULL;
    *rest = strchr(text, end);
    if (*rest) *(*rest)++ = 0;
    return text;
}

static settings parse_settings(char *text) {
    settings with = {0};
    char    *end;
    for (int value = (int)strtol(text, &end, 10); end > text; value = (int)strtol(text, &end, 10)) {
        ck_assert(with.count < (int)(sizeof with.value / sizeof *with.value));
        with.value[with.count++] = value;
        text = end;
    }
    return with;
}

/* "float64 2 3 = 1 2 3 4 5 6" */
static void parse_values(char *text, values *v) {
    ck_assert_ptr_nonnull(text);
    tg_dtype    dtype = 0;
    const char *name = take(&text, ' ');
    while (dtype < TG_DTYPES && strcmp(tg_dtype_name(dtype), name) != 0)
        dtype++;
    ck_assert_ptr_nonnull(text);
    settings dims = parse_settings(text);
    clear_values(v, dtype, shape_in(&dims, 0));
    text = strchr(text, '=');
    ck_assert_ptr_nonnull(text++);
    for (int64_t i = 0; i < v->size; i++) {
        char *end;
        if (is_floating(dtype))
            v->at[i].real = (long double)strtod(text, &end);
        else
            v->at[i].whole = strtoll(text, &end, 10);
        ck_assert_msg(end > text, "a value is missing");
        text = end;
    }
}

/* False where an element is no float32. */
static bool narrow(values *v) {
    if (v->dtype != TG_F64) return true;
    v->dtype = TG_F32;
    for (int64_t i = 0; i < v->size; i++)
        if (!isnan(v->at[i].real) && (long double)(float)v->at[i].real != v->at[i].real) return false;
    return true;
}

static void compare(const char *what, const values *got, const values *expected, tg_dtype dtype) {
    ck_assert_msg(tg_shape_equal(got->shape, expected->shape), "%s: another shape than PyTorch's", what);
    if (dtype == TG_F32 && is_floating(got->dtype)) {
        check_near_f32(what, got, expected);
        return;
    }
    ck_assert_msg(got->dtype == expected->dtype, "%s: another dtype than PyTorch's", what);
    for (int64_t i = 0; i < got->size; i++)
        check_element(what, got, expected, i, 1e-10L * fabsl(expected->at[i].real) + 1e-14L);
}

static void compare_gradients(const op_row *row, const trial *t, char *rest, tg_dtype dtype) {
    static values grads[MOST_OPERANDS], expected;
    char         *text;
    int           count = 0;
    gradients_of(row, t, grads);
    while ((text = take(&rest, ','))) {
        if (!strcmp(text, "none")) continue;
        parse_values(text, &expected);
        compare(t->what, &grads[count++], &expected, dtype);
    }
}

/* One line, after its name, with float64 operands as they are, or as float32. */
static void check_line(const op_row *row, const char *file, int number, const char *line, tg_dtype dtype) {
    static char   copy[LINE];
    static values expected, got;
    char         *rest = strcpy(copy, line);
    settings      with = parse_settings(take(&rest, ','));
    trial         t = {.tape = tg_tape_new()};
    bool          exact = true;
    tg_seed(t.tape, TRIAL_SEED);
    snprintf(t.what, sizeof t.what, "%s:%d: %s %s", file, number, row->name, tg_dtype_name(dtype));
    for (int k = 0; k < row->arity; k++) {
        parse_values(take(&rest, ','), &operands[k]);
        if (dtype == TG_F32) exact = narrow(&operands[k]) && exact;
        t.x[k] = t.leaf[k] = leaf_of(t.tape, &operands[k]);
    }
    parse_values(take(&rest, ','), &expected);
    t.y = row->record(t.x, &with);
    ck_assert_msg(tg_valid(t.y), "%s: %s", t.what, tg_error(t.tape));
    read_values(t.what, t.y, &got);
    if (exact) count_case();
    if (exact) compare(t.what, &got, &expected, dtype);
    if (exact && rest) compare_gradients(row, &t, rest, dtype);
    finish(t.tape);
}

/* Compares what a file says of a row, and returns in how many cases. */
static int check_file(const op_row *row, const char *name) {
    static char line[LINE];
    int         number = 0, count = 0;
    size_t      length = strlen(row->name);
    char        path[64];
    snprintf(path, sizeof path, "tests/fixtures/%s", name);
    FILE *file = fopen(source_path(path), "r");
    ck_assert_msg(file != NULL, "cannot open %s", name);
    while (fgets(line, sizeof line, file)) {
        number++;
        ck_assert_msg(strchr(line, '\n') != NULL, "%s:%d: too long", name, number);
        *strchr(line, '\n') = 0;
        if (strncmp(line, row->name, length) != 0 || line[length] != ',') continue;
        count++;
        check_line(row, name, number, line + length + 1, TG_F64);
        check_line(row, name, number, line + length + 1, TG_F32);
    }
    fclose(file);
    return count;
}

void check_pytorch(const op_row *row) {
    static const char *const files[] = {"ops.csv",  "math.csv",   "products.csv", "index.csv",  "losses.csv", "layers.csv",
                                        "conv.csv", "conv3d.csv", "edges.csv",    "choice.csv", "nn.csv"};
    int                      count = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        count += check_file(row, files[i]);
    ck_assert_msg(count >= 5, "%s: %d cases in tests/fixtures, not 5 or more", row->name, count);
}
