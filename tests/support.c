/* tests/support.c: tensors made and compared, numbers compared, files found.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tg_tensor f64_vector(tg_tape *tape, int64_t n, const double *values) {
    return tg_constant(tape, TG_F64, TG_SHAPE(n), values);
}

tg_tensor matrix_parameter(tg_tape *tape, const char *name) {
    return tg_parameter(tape, name, tg_constant(tape, TG_F64, TG_SHAPE(2, 2), (double[]){1, 2, 3, 4}));
}

void check_f64(const char *file, int line, tg_tensor x, int64_t n, const double *expected) {
    double *values = calloc((size_t)n + 1, sizeof *values);
    ck_assert_msg(tg_valid(x), "%s:%d: no tensor: %s", file, line, tg_error(x.tape));
    ck_assert_msg(tg_dtype_of(x) == TG_F64, "%s:%d: not float64", file, line);
    ck_assert_msg(!tg_read(x, values, n), "%s:%d: %s", file, line, tg_error(x.tape));
    for (int64_t i = 0; i < n; i++) {
        bool same = values[i] == expected[i] || (isnan(values[i]) && isnan(expected[i]));
        ck_assert_msg(same, "%s:%d: element %lld is %.17g, not %.17g", file, line, (long long)i, values[i], expected[i]);
    }
    free(values);
}

void check_error_text(const char *file, int line, tg_tape *tape, tg_status status, const char *text) {
    ck_assert_msg(tg_error_status(tape) == status, "%s:%d: status %d, not %d; error '%s'", file, line,
                  (int)tg_error_status(tape), (int)status, tg_error(tape));
    ck_assert_msg(!strncmp(tg_error(tape), text, strlen(text)), "%s:%d: error '%s', not '%s...'", file, line, tg_error(tape),
                  text);
    ck_assert_msg(!strchr(tg_error(tape), '\n'), "%s:%d: more than one line: '%s'", file, line, tg_error(tape));
    tg_clear_error(tape);
}

/* gcc counts a macro call that spans two lines for its first, clang for its last. */
void check_error(const char *file, int line, tg_tape *tape, tg_status status, const char *text) {
    char here[512], before[512];
    snprintf(here, sizeof here, "%s:%d: %s", file, line, text);
    snprintf(before, sizeof before, "%s:%d: %s", file, line - 1, text);
    bool above = !strncmp(tg_error(tape), before, strlen(before));
    check_error_text(file, line, tape, status, above ? before : here);
}

static bool make_locale(const char *name) {
    char  command[3 * sizeof BUILD_DIR + 100];
    FILE *source = fopen(BUILD_DIR "/tests/comma.locale", "w");
    if (!source) return false;
    fputs("LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \"\"\ngrouping -1\nEND LC_NUMERIC\n", source);
    fclose(source);
    snprintf(command, sizeof command, "cd '%s/tests' && localedef -c -i ./comma.locale -f UTF-8 ./%s >/dev/null 2>&1",
             BUILD_DIR, name);
    return system(command) != -1;
}

/* A C library may take any name and have but one way to write numbers: musl does. */
static bool set_locale(const char *name) {
    return setlocale(LC_NUMERIC, name) && *localeconv()->decimal_point == ',';
}

/* One that is made is looked for where LOCPATH says. */
bool set_comma_locale(void) {
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8",
                                        "fr_FR.utf8",  "comma_made",  "German_Germany.1252"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (set_locale(names[i])) return true;
    if (!make_locale("comma_made")) return false;
    set_environment("LOCPATH", BUILD_DIR "/tests");
    return set_locale("comma_made");
}

void set_environment(const char *name, const char *value) {
#ifdef _WIN32
    _putenv_s(name, value ? value : "");
#else
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
#endif
}

const char *text_of(FILE *file) {
    static char text[1 << 20];
    ck_assert_ptr_nonnull(file);
    rewind(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    ck_assert_uint_lt(length, sizeof text - 1);
    text[length] = 0;
    fclose(file);
    return text;
}

int occurrences(const char *text, const char *of) {
    int count = 0;
    for (; (text = strstr(text, of)); text++)
        count++;
    return count;
}

bool are_same_elements(size_t width, const void *a, const void *b) {
    if (!memcmp(a, b, width)) return true;
    if (width == sizeof(float)) return isnan(*(const float *)a) && isnan(*(const float *)b);
    return width == sizeof(double) && isnan(*(const double *)a) && isnan(*(const double *)b);
}

uint32_t next_number(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static int64_t ordered(int64_t bits, int64_t sign) {
    return bits < 0 ? sign - bits : bits;
}

int64_t ulps_f32(float a, float b) {
    int32_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return llabs(ordered(x, INT32_MIN) - ordered(y, INT32_MIN));
}

int64_t ulps_f64(double a, double b) {
    int64_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return llabs(ordered(x, INT64_MIN) - ordered(y, INT64_MIN));
}

const char *source_path(const char *below) {
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", SOURCE_DIR, below);
    return path;
}
