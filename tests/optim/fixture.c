/* tests/optim/fixture.c: lines of numbers.
 *
 * SPDX-License-Identifier: MIT */
#include "optim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1 << 15 };

/* The numbers up to the next comma or the end of the line; the text behind them. */
static char *parse_field(char *text, double *to, int *count) {
    for (*count = 0; *text != ',' && *text != '\n'; ++*count) {
        char *end;
        ck_assert_int_lt(*count, MOST_NUMBERS);
        to[*count] = strtod(text, &end);
        ck_assert(end > text);
        text = end;
    }
    return text;
}

static void parse_line(char *text, fixture_line *line) {
    size_t length = strcspn(text, ",");
    ck_assert(length < sizeof line->name);
    memset(line, 0, sizeof *line);
    memcpy(line->name, text, length);
    for (text += length; *text == ','; line->fields++) {
        ck_assert_int_lt(line->fields, MOST_FIELDS);
        text = parse_field(text + 1, line->number[line->fields], &line->count[line->fields]);
    }
}

int each_line(const char *file, void (*check)(const fixture_line *line, const void *context), const void *context) {
    static char         text[LINE];
    static fixture_line line;
    char                path[100];
    int                 lines = 0;
    snprintf(path, sizeof path, "tests/fixtures/%s", file);
    FILE *in = fopen(source_path(path), "r");
    ck_assert_ptr_nonnull(in);
    for (; fgets(text, sizeof text, in); lines++) {
        parse_line(text, &line);
        check(&line, context);
    }
    fclose(in);
    return lines;
}
