/* examples/iris_data.c: the iris table, read, checked and made ready for the network.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "iris_data.h"

enum { MEASUREMENTS = 4, FIELDS = MEASUREMENTS + 1, SPECIES = 3, OF_EACH = IRIS_ROWS / SPECIES, LINE = 256 };

static const char *const column_name[FIELDS] = {"sepal_length", "sepal_width", "petal_length", "petal_width", "species"};
static const char *const species_name[SPECIES] = {"setosa", "versicolor", "virginica"};

/* Where the reading is, for the complaints, and what it has found. */
typedef struct reader {
    const char *path;
    FILE       *file;
    int         line; /* the number of the line in `text`, from 1 */
    char        text[LINE];
    int         count[SPECIES];
} reader;

typedef enum { GOT_LINE, AT_END, GAVE_UP } outcome;

/* The next line, without its end. */
static outcome next_line(reader *r) {
    errno = 0;
    if (!fgets(r->text, LINE, r->file)) {
        if (!ferror(r->file)) return AT_END;
        complain("%s: %s", r->path, strerror(errno));
        return GAVE_UP;
    }
    r->line++;

    size_t length = strlen(r->text);
    if (length > 0 && r->text[length - 1] == '\n') {
        r->text[--length] = '\0';
    } else if (!feof(r->file)) { /* no line end, and more to come: too long, or a zero byte hides the rest */
        complain("%s:%d: expected a line of text of at most %d characters", r->path, r->line, LINE - 2);
        return GAVE_UP;
    }
    if (length > 0 && r->text[length - 1] == '\r') r->text[length - 1] = '\0';
    return GOT_LINE;
}

/* Cuts the line at its commas; how many fields it has. Those past the last that is wanted are only counted. */
static int split(char *text, char *field[FIELDS]) {
    if (!*text) return 0;
    int count = 0;
    for (char *start = text; start; count++) {
        char *comma = strchr(start, ',');
        if (comma) *comma++ = '\0';
        if (count < FIELDS) field[count] = start;
        start = comma;
    }
    return count;
}

static bool read_fields(reader *r, char *field[FIELDS]) {
    int found = split(r->text, field);
    if (found != FIELDS) return complain("%s:%d: expected %d fields, found %d", r->path, r->line, FIELDS, found);
    return true;
}

/* The mark of UTF-8 that some programs put in front of a text is not a part of it. */
static bool read_header(reader *r) {
    static const char mark[] = "\xEF\xBB\xBF";
    char             *field[FIELDS];
    if (strncmp(r->text, mark, strlen(mark)) == 0) memmove(r->text, r->text + strlen(mark), strlen(r->text) - strlen(mark) + 1);
    if (!read_fields(r, field)) return false;
    for (int i = 0; i < FIELDS; i++)
        if (strcmp(field[i], column_name[i]) != 0)
            return complain("%s:%d: expected the column name %s, found '%.40s'", r->path, r->line, column_name[i], field[i]);
    return true;
}

/* A measurement in cm. NaN and infinity are numbers to strtod, but not to us. */
static bool read_length(const reader *r, const char *name, const char *text, double *value) {
    char *end;
    *value = strtod(text, &end);
    if (end == text || *end || !isfinite(*value) || *value < 0)
        return complain("%s:%d: %s: expected a finite number, at least 0, found '%.40s'", r->path, r->line, name, text);
    return true;
}

/* One row into its place in `data`, where it is of a species that has one. */
static bool read_row(reader *r, iris_data *data) {
    char  *field[FIELDS];
    double length[MEASUREMENTS];
    if (!read_fields(r, field)) return false;
    for (int i = 0; i < MEASUREMENTS; i++)
        if (!read_length(r, column_name[i], field[i], &length[i])) return false;

    int species = 0;
    while (species < SPECIES && strcmp(field[MEASUREMENTS], species_name[species]) != 0)
        species++;
    if (species == SPECIES)
        return complain("%s:%d: species: expected setosa, versicolor or virginica, found '%.40s'", r->path, r->line,
                        field[MEASUREMENTS]);
    if (r->count[species] == OF_EACH)
        return complain("%s:%d: expected %d rows of %s, found more", r->path, r->line, OF_EACH, species_name[species]);

    double norm = sqrt(length[0] * length[0] + length[1] * length[1]);
    if (!(norm > 0 && isfinite(norm)))
        return complain("%s:%d: a sepal of %.40s x %.40s cannot be normalised", r->path, r->line, field[0], field[1]);

    int kept = r->count[0] + r->count[1];
    r->count[species]++;
    if (species > 1) return true;
    data->x[kept][0] = length[0] / norm;
    data->x[kept][1] = length[1] / norm;
    data->y[kept] = species;
    return true;
}

static bool read_table(reader *r, iris_data *data) {
    outcome got = next_line(r);
    if (got == GAVE_UP) return false;
    if (got == AT_END) return complain("%s: expected a header and %d rows, found an empty file", r->path, IRIS_ROWS);
    if (!read_header(r)) return false;

    while ((got = next_line(r)) == GOT_LINE)
        if (!read_row(r, data)) return false;
    if (got == GAVE_UP) return false;

    for (int i = 0; i < SPECIES; i++) /* none has more, so 50 of each are 150 rows */
        if (r->count[i] != OF_EACH)
            return complain("%s: expected %d rows, %d of each species, found %d, %d of them %s", r->path, IRIS_ROWS, OF_EACH,
                            r->line - 1, r->count[i], species_name[i]);
    return true;
}

bool iris_data_read(iris_data *data, const char *path) {
    reader r = {.path = path, .file = fopen(path, "r")};
    if (!r.file) return complain("%s: %s", path, strerror(errno));
    bool ok = read_table(&r, data);
    fclose(r.file);
    return ok;
}
