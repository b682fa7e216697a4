/* examples/command.c: options from a table.
 *
 * One with a value is given as --name value or --name=value, and the last one counts; a flag as --name.
 *
 * SPDX-License-Identifier: MIT */
#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"

/* ---- --help ------------------------------------------------------------------------------------------------------ */

static void print_option(const command_option *o) {
    char option[64];
    snprintf(option, sizeof option, "--%s %s", o->name, o->placeholder);
    printf("  %-20s %s", option, o->help);
    if (o->kind == COMMAND_COUNT) printf(" (%" PRId64 ")\n", *(const int64_t *)o->value);
    if (o->kind == COMMAND_REAL) printf(" (%g)\n", *(const double *)o->value);
    if (o->kind == COMMAND_FLAG) putchar('\n');
    if (o->kind != COMMAND_TEXT) return;
    const char *text = *(const char *const *)o->value;
    if (text && *text)
        printf("\n  %-20s (%s)\n", "", text);
    else
        putchar('\n');
}

static void print_help(const command *c) {
    printf("Usage: %s [OPTION]...\n%s\n", program_name, c->summary);
    for (int i = 0; i < c->count; i++)
        print_option(&c->options[i]);
    printf("  %-20s %s\n\nExit code: 0; 2 for a wrong option or file, or any other error.\n", "-h, --help", "print this");
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static bool read_count(const command_option *o, const char *text) {
    int64_t value = 0;
    bool    plain = *text && strspn(text, "0123456789") == strlen(text) && strlen(text) <= 10;
    if (plain) value = strtoll(text, NULL, 10);
    if (!plain || (double)value < o->low || value > INT32_MAX)
        return complain("--%s: expected an integer from %.0f to %d, found '%.40s'", o->name, o->low, INT32_MAX, text);
    *(int64_t *)o->value = value;
    return true;
}

static bool read_real(const command_option *o, const char *text) {
    char  *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value < o->low)
        return complain("--%s: expected a number from %g on, found '%.40s'", o->name, o->low, text);
    *(double *)o->value = value;
    return true;
}

static bool read_value(const command_option *o, const char *text) {
    if (o->kind == COMMAND_COUNT) return read_count(o, text);
    if (o->kind == COMMAND_REAL) return read_real(o, text);
    if (!*text) return complain("--%s: expected a text, found ''", o->name);
    *(const char **)o->value = text;
    return true;
}

/* ---- the command line -------------------------------------------------------------------------------------------- */

/* The option of that name, which ends with `length` characters; NULL if there is none. */
static const command_option *find_option(const command *c, const char *name, size_t length) {
    for (int i = 0; i < c->count; i++)
        if (strlen(c->options[i].name) == length && !strncmp(c->options[i].name, name, length)) return &c->options[i];
    return NULL;
}

bool command_read(const command *c, int argc, char **argv, int *exit_code) {
    *exit_code = 2;
    for (int i = 1; i < argc; i++) {
        const char *given = argv[i];
        if (!strcmp(given, "-h") || !strcmp(given, "--help")) {
            print_help(c);
            *exit_code = 0;
            return false;
        }
        if (strncmp(given, "--", 2) != 0)
            return complain("%s: unexpected; every option starts with --, and --help lists them", given);
        size_t                length = strcspn(given + 2, "=");
        const command_option *o = find_option(c, given + 2, length);
        if (!o) return complain("%s: no such option; --help lists them", given);
        bool joined = given[2 + length] == '=';
        if (o->kind == COMMAND_FLAG) {
            if (joined) return complain("--%s: takes no value", o->name);
            *(bool *)o->value = true;
            continue;
        }
        if (!joined && i + 1 == argc) return complain("%s: needs a value", given);
        if (!read_value(o, joined ? given + 3 + length : argv[++i])) return false;
    }
    return true;
}
