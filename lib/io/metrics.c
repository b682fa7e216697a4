/* io/metrics.c: a table that grows, row by row.
 *
 * A row is one write to a file that is open for appending, so that it is there whole or not at all, whoever is killed; where a disk is
 * full and takes a part of it, that part is cut off again. To resume, nothing is copied: what goes is at the end of the file, and is cut
 * off in one step, once all before it has been looked at.
 *
 * SPDX-License-Identifier: MIT */
#include "io/metrics.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad/report.h>

#include "io/input.h"
#include "io/system.h"

/* The longest number, -2.2250738585072014e-308, and a comma; a first field that is longer is none. */
enum { LONGEST_NUMBER = 32 };

struct tg_metrics {
    char *path;
    int   fd, columns;
    char *row;
};

tg_row tg_row_from(int count, const double *values) {
    return (tg_row){count, values};
}

/* ---- the names of the columns ------------------------------------------------------------------------------------ */

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

bool tgi_next_column(const char **at, const char *stop, tgi_column_name *name) {
    if (!*at) return false;
    const char *from = *at, *comma = memchr(from, ',', (size_t)(stop - from)), *to = comma ? comma : stop;
    *at = comma ? comma + 1 : NULL;
    while (from < to && is_blank(*from))
        from++;
    while (to > from && is_blank(to[-1]))
        to--;
    *name = (tgi_column_name){from, (int)(to - from)};
    return true;
}

bool tgi_same_column(tgi_column_name a, tgi_column_name b) {
    return a.length == b.length && !memcmp(a.text, b.text, (size_t)a.length);
}

/* How often the name stands in the list. */
static int count_name(const char *columns, tgi_column_name name) {
    tgi_column_name other;
    int             count = 0;
    for (const char *at = columns, *stop = at + strlen(at); tgi_next_column(&at, stop, &other);)
        count += tgi_same_column(name, other);
    return count;
}

/* Counts them. */
static tg_status check_columns(const char *columns, int *count, tgi_failure *failure) {
    tgi_column_name name;
    if (!columns) return tgi_failed(failure, TG_ERR_ARGUMENT, "the columns are NULL");
    if (strpbrk(columns, "\"\r\n")) return tgi_failed(failure, TG_ERR_NAME, "the columns' names hold quotes or line ends");
    *count = 0;
    for (const char *at = columns, *stop = at + strlen(at); tgi_next_column(&at, stop, &name); ++*count) {
        if (name.length == 0) return tgi_failed(failure, TG_ERR_NAME, "column %d has no name", *count + 1);
        if (count_name(columns, name) > 1)
            return tgi_failed(failure, TG_ERR_NAME, "the column '%.*s' comes twice", name.length, name.text);
    }
    return TG_OK;
}

static tg_status compare_columns(const char *at, const char *stop, const char *columns, tgi_failure *failure) {
    const char     *wanted_at = columns, *wanted_stop = columns + strlen(columns);
    tgi_column_name name, wanted;
    for (int i = 1;; i++) {
        bool is = tgi_next_column(&at, stop, &name), is_wanted = tgi_next_column(&wanted_at, wanted_stop, &wanted);
        if (!is && !is_wanted) return TG_OK;
        if (!is)
            return tgi_failed(failure, TG_ERR_NAME, "line 1: there is no column %d, '%.*s'", i, wanted.length, wanted.text);
        if (!is_wanted)
            return tgi_failed(failure, TG_ERR_NAME, "line 1: column %d, '%.*s', is not wanted", i, name.length, name.text);
        if (!tgi_same_column(name, wanted))
            return tgi_failed(failure, TG_ERR_NAME, "line 1: column %d is '%.*s', not '%.*s'", i, name.length, name.text,
                              wanted.length, wanted.text);
    }
}

/* ---- resuming ---------------------------------------------------------------------------------------------------- */

/* The first of the numbers between `at` and `stop`, of which there is to be one for each column. */
static tg_status read_row(const tg_metrics *m, const char *at, const char *stop, int64_t line, double *first,
                          tgi_failure *failure) {
    char            text[LONGEST_NUMBER], *rest = text;
    int             count = 0;
    tgi_column_name field;
    for (; tgi_next_column(&at, stop, &field); count++) {
        if (count > 0) continue;
        snprintf(text, sizeof text, "%.*s", field.length, field.text);
        *first = strtod(text, &rest);
        if (field.length == 0 || *rest || isnan(*first))
            return tgi_failed(failure, TG_ERR_IO, "line %lld: '%s' is no number", (long long)line, text);
    }
    if (count == m->columns) return TG_OK;
    return tgi_failed(failure, TG_ERR_IO, "line %lld: it has %d columns, not %d", (long long)line, count, m->columns);
}

/* How many bytes of the file stay. */
static size_t find_end(const tg_metrics *m, const char *columns, double step, const tgi_input_file *input,
                       tgi_failure *failure) {
    const char *start = (const char *)input->bytes, *stop = start + input->size, *at = start, *end;
    size_t      header = strlen(columns);
    double      first = 0;
    if (input->size <= header && !memcmp(start, columns, input->size)) return 0; /* killed before it was there */
    for (int64_t line = 1; at < stop; line++, at = end + 1) {
        end = memchr(at, '\n', (size_t)(stop - at));
        if (line == 1 && compare_columns(at, end ? end : stop, columns, failure)) return 0;
        if (!end || (line > 1 && (read_row(m, at, end, line, &first, failure) || first > step))) break;
    }
    return (size_t)(at - start);
}

static size_t find_end_of_file(const tg_metrics *m, const char *columns, double step, tgi_failure *failure) {
    tgi_input_file input;
    tgi_c_locale   c;
    size_t         end = 0;
    if (access(failure->path, F_OK) || tgi_open_input(&input, false, failure)) return 0;
    if (!tgi_enter_c_locale(&c)) {
        tgi_failed_memory(failure);
    } else {
        if (input.size > 0) end = find_end(m, columns, step, &input, failure);
        tgi_leave_c_locale(&c);
    }
    tgi_close_input(&input);
    return end;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static tg_status append(const tg_metrics *m, const char *bytes, size_t count, tgi_failure *failure) {
    enum { MOST = 1 << 30 }; /* at once: Windows counts by an int */
    off_t before = lseek(m->fd, 0, SEEK_END);
    while (count > 0) {
        ssize_t written = write(m->fd, bytes, (unsigned)(count < MOST ? count : MOST));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            tgi_failed_system(failure, "it cannot be written");
            if (before >= 0 && ftruncate(m->fd, before)) tgi_failed_system(failure, "it cannot be written");
            break;
        }
        bytes += written;
        count -= (size_t)written;
    }
    return failure->status;
}

/* Returns how long it is. */
static int format_number(char *text, double x) {
    if (isnan(x)) return sprintf(text, "nan");
    int length = 0;
    for (int digits = 6; digits <= 17; digits++) {
        length = snprintf(text, LONGEST_NUMBER, "%.*g", digits, x);
        if (strtod(text, NULL) == x) break;
    }
    return length;
}

static size_t format_row(char *text, tg_row row) {
    char *to = text;
    for (int i = 0; i < row.count; i++) {
        to += format_number(to, row.values[i]);
        *to++ = i + 1 < row.count ? ',' : '\n';
    }
    return (size_t)(to - text);
}

/* Numbers are written as in C, whatever the user's locale is. */
tg_status(tg_metrics_write)(tg_tape *tape, tg_metrics *metrics, tg_row row) {
    if (!metrics || tg_error_status(tape)) return tg_error_status(tape);
    tgi_failure  failure = {.path = metrics->path};
    tg_scope     scope = tg_begin_scope(tape, "metrics_write");
    tgi_c_locale c;
    if (row.count != metrics->columns) {
        tgi_failed(&failure, TG_ERR_SHAPE, "a row of %d numbers for %d columns", row.count, metrics->columns);
    } else if (!tgi_enter_c_locale(&c)) {
        tgi_failed_memory(&failure);
    } else {
        size_t length = format_row(metrics->row, row);
        tgi_leave_c_locale(&c);
        append(metrics, metrics->row, length, &failure);
    }
    return tgi_end_status(scope, &failure);
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

/* The row has room for the names, too. */
static tg_status allocate(tg_metrics *m, const char *path, const char *columns) {
    size_t length = strlen(path) + 1, names = strlen(columns) + 2, numbers = (size_t)m->columns * LONGEST_NUMBER;
    m->path = malloc(length);
    m->row = malloc(names > numbers ? names : numbers);
    if (!m->path || !m->row) return TG_ERR_MEMORY;
    memcpy(m->path, path, length);
    return TG_OK;
}

/* Nothing is changed before all has been looked at. */
static tg_status begin(tg_metrics *m, const char *columns, const tg_metrics_options *o, tgi_failure *failure) {
    size_t end = o->resume ? find_end_of_file(m, columns, o->step, failure) : 0;
    if (failure->status) return failure->status;
    m->fd = tgi_open_to_append(m->path, !end);
    if (m->fd < 0) return tgi_failed_system(failure, "it cannot be opened");
    if (end) return ftruncate(m->fd, (off_t)end) ? tgi_failed_system(failure, "it cannot be cut") : TG_OK;
    return append(m, m->row, (size_t)sprintf(m->row, "%s\n", columns), failure);
}

tg_metrics *(tg_metrics_open)(tg_tape *tape, const char *path, const char *columns, const tg_metrics_options *options) {
    if (!path || tg_error_status(tape)) return NULL;
    tgi_failure        failure = {.path = path};
    tg_scope           scope = tg_begin_scope(tape, "metrics_open");
    tg_metrics_options o = options ? *options : (tg_metrics_options){0};
    tg_metrics         m = {.fd = -1}, *metrics = NULL;
    if (!check_columns(columns, &m.columns, &failure)) {
        metrics = malloc(sizeof *metrics);
        if (!metrics || allocate(&m, path, columns))
            tgi_failed_memory(&failure);
        else
            begin(&m, columns, &o, &failure);
        if (metrics) *metrics = m;
    }
    if (!tgi_end_status(scope, &failure)) return metrics;
    tg_metrics_close(metrics);
    return NULL;
}

void tg_metrics_close(tg_metrics *metrics) {
    if (!metrics) return;
    if (metrics->fd >= 0) close(metrics->fd);
    free(metrics->path);
    free(metrics->row);
    free(metrics);
}
