/* io/csv.c: numbers between commas.
 *
 * Lines and quotes are those of RFC 4180. The file is read once, field by field; the first line says how many columns there are.
 *
 * SPDX-License-Identifier: MIT */
#include "io/csv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/input.h"
#include "io/system.h"

enum { LONGEST_FIELD = 256 };

typedef enum end { AT_SEPARATOR, AT_LINE, AT_FILE } end;

typedef struct reader {
    const uint8_t *at, *stop;
    char           separator;
    int64_t        line;
    char           field[LONGEST_FIELD]; /* the latest one, without blanks around it; one that is too long is cut */
    end            ended_by;
    tgi_failure   *failure;
} reader;

/* The numbers so far. */
typedef struct numbers {
    tg_dtype dtype;
    char    *elements;
    size_t   count, capacity;
} numbers;

/* ---- fields ------------------------------------------------------------------------------------------------------ */

static bool is_blank(const reader *r, int c) {
    return (c == ' ' || c == '\t') && c != (unsigned char)r->separator;
}

/* Whether a line ends here, which then is read. */
static bool take_line_end(reader *r) {
    if (*r->at != '\n' && *r->at != '\r') return false;
    if (*r->at == '\r' && r->at + 1 < r->stop && r->at[1] == '\n') r->at++;
    r->at++;
    r->line++;
    return true;
}

static void keep(reader *r, size_t *length, uint8_t c) {
    if (*length < LONGEST_FIELD - 1 && (*length || !is_blank(r, c))) r->field[(*length)++] = (char)c;
}

/* What stands between quotes, of which two stand for one. */
static bool take_quoted(reader *r, size_t *length) {
    int64_t line = r->line;
    for (r->at++; r->at < r->stop; r->at++) {
        if (*r->at == '\n') r->line++;
        if (*r->at == '"' && (++r->at == r->stop || *r->at != '"')) return true;
        keep(r, length, *r->at);
    }
    tgi_failed(r->failure, TG_ERR_IO, "line %lld: the quotes that begin here do not end", (long long)line);
    return false;
}

static bool next_field(reader *r) {
    size_t length = 0;
    bool   quoted = false;
    r->ended_by = AT_FILE;
    while (r->at < r->stop) {
        if (*r->at == (uint8_t)r->separator) {
            r->ended_by = AT_SEPARATOR;
            r->at++;
            break;
        }
        if (take_line_end(r)) {
            r->ended_by = AT_LINE;
            break;
        }
        if (*r->at == '"' && length == 0 && !quoted) {
            if (!take_quoted(r, &length)) return false;
            quoted = true;
        } else {
            keep(r, &length, *r->at++);
        }
    }
    while (length && is_blank(r, (unsigned char)r->field[length - 1]))
        length--;
    r->field[length] = 0;
    return true;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* Hexadecimal numbers and such, which strtod takes, no table has. */
static bool is_plain(const char *text) {
    return *text && !strpbrk(text, "xX( \t\n\v\f\r");
}

/* Whether the text is a number of the dtype, which goes to `to`. A number that is too small becomes the nearest one. */
static bool parse(const char *text, tg_dtype dtype, void *to) {
    char *rest;
    if (!is_plain(text)) return false;
    errno = 0;
    if (dtype == TG_F32) {
        float x = strtof(text, &rest);
        memcpy(to, &x, sizeof x);
        return !*rest && !(errno == ERANGE && isinf(x));
    }
    if (dtype == TG_F64) {
        double x = strtod(text, &rest);
        memcpy(to, &x, sizeof x);
        return !*rest && !(errno == ERANGE && isinf(x));
    }
    int64_t x = strtoll(text, &rest, 10);
    memcpy(to, &x, sizeof x);
    return !*rest && errno == 0;
}

static void *place_for_next(numbers *n, tgi_failure *failure) {
    size_t width = tg_dtype_size(n->dtype);
    if (n->count == n->capacity) {
        size_t capacity = n->capacity ? 2 * n->capacity : 256;
        char  *grown = capacity <= SIZE_MAX / width ? realloc(n->elements, capacity * width) : NULL;
        if (!grown) return tgi_failed_memory(failure), NULL;
        n->elements = grown;
        n->capacity = capacity;
    }
    return n->elements + n->count++ * width;
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

/* Reads a line, of `columns` columns if they are known, 0 if not; how many it has, 0 for one without fields or after a failure. */
static int64_t read_line(reader *r, numbers *n, int64_t columns, int64_t wanted) {
    int64_t line = r->line, count = 0;
    for (r->ended_by = AT_SEPARATOR; r->ended_by == AT_SEPARATOR; count++) {
        if (!next_field(r)) return 0;
        if (count == 0 && r->ended_by != AT_SEPARATOR && !*r->field) return 0;
        if (wanted && count >= wanted) continue;
        void *to = place_for_next(n, r->failure);
        if (to && !parse(r->field, n->dtype, to))
            tgi_failed(r->failure, TG_ERR_IO, "line %lld, column %lld: '%.60s' is no %s", (long long)line, (long long)count + 1,
                       r->field, tg_dtype_name(n->dtype));
        if (r->failure->status) return 0;
    }
    if (columns && count != columns)
        tgi_failed(r->failure, TG_ERR_IO, "line %lld: it has %lld columns, and the first has %lld", (long long)line,
                   (long long)count, (long long)columns);
    if (count < wanted)
        tgi_failed(r->failure, TG_ERR_IO, "line %lld: it has %lld columns, %lld are wanted", (long long)line, (long long)count,
                   (long long)wanted);
    return r->failure->status ? 0 : count;
}

static void skip_start(reader *r, bool header) {
    if (r->stop - r->at >= 3 && !memcmp(r->at, "\xef\xbb\xbf", 3)) r->at += 3;
    while (header && next_field(r) && r->ended_by == AT_SEPARATOR) {}
}

/* The shape. */
static tg_shape read_lines(reader *r, numbers *n, int64_t wanted) {
    int64_t rows = 0, columns = 0;
    while (r->at < r->stop && !r->failure->status) {
        int64_t count = read_line(r, n, columns, wanted);
        if (count) columns = count;
        rows += count > 0;
    }
    return TG_SHAPE(rows, wanted ? wanted : columns);
}

static tg_status check_options(tg_dtype dtype, const tg_csv_options *o, tgi_failure *failure) {
    if (dtype != TG_F32 && dtype != TG_F64 && dtype != TG_I64)
        return tgi_failed(failure, TG_ERR_DTYPE, "numbers are loaded as float32, float64 or int64");
    if (o->separator && strchr("\"\r\n+-.0123456789eE", o->separator))
        return tgi_failed(failure, TG_ERR_ARGUMENT, "the separator '%c' can be part of a number or a line", o->separator);
    if (o->columns < 0) return tgi_failed(failure, TG_ERR_ARGUMENT, "%d columns cannot be loaded", o->columns);
    return TG_OK;
}

/* Numbers are written as in C, whatever the user's locale is. */
static tg_status read_input(tg_dtype dtype, const tg_csv_options *o, const tgi_input_file *input, void **elements,
                            tg_shape *shape, tgi_failure *failure) {
    reader       r = {input->bytes, input->bytes + input->size, o->separator ? o->separator : ',', 1, "", AT_LINE, failure};
    numbers      n = {.dtype = dtype};
    tgi_c_locale c;
    if (!tgi_enter_c_locale(&c)) return tgi_failed_memory(failure);
    skip_start(&r, o->header);
    *shape = read_lines(&r, &n, o->columns);
    tgi_leave_c_locale(&c);
    *elements = n.elements;
    return failure->status;
}

tg_status tgi_read_csv(tg_dtype dtype, const tg_csv_options *options, void **elements, tg_shape *shape, tgi_failure *failure) {
    tg_csv_options o = options ? *options : (tg_csv_options){0};
    tgi_input_file input;
    *elements = NULL;
    *shape = TG_SHAPE(0, 0);
    if (check_options(dtype, &o, failure) || tgi_open_input(&input, true, failure)) return failure->status;
    read_input(dtype, &o, &input, elements, shape, failure);
    tgi_close_input(&input);
    return failure->status;
}

tg_tensor(tg_load_csv)(tg_tape *tape, const char *path, tg_dtype dtype, const tg_csv_options *options) {
    if (tg_error_status(tape)) return tg_invalid(tape);
    tgi_failure failure = {.path = path};
    tg_scope    scope = tg_begin_scope(tape, "load_csv");
    tg_tensor   x = tg_invalid(tape);
    tg_shape    shape;
    void       *elements;
    if (!tgi_read_csv(dtype, options, &elements, &shape, &failure)) x = tg_constant(tape, dtype, shape, (const void *)elements);
    free(elements);
    return tgi_end_tensor(scope, &failure, x);
}
