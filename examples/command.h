/* examples/command.h: command lines: options from a table.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_COMMAND_H
#define EXAMPLES_COMMAND_H

#include <stdbool.h>

typedef enum command_kind {
    COMMAND_COUNT, /* int64_t: an integer from `low` to 2^31 - 1 */
    COMMAND_REAL,  /* double: a number from `low` on */
    COMMAND_TEXT,  /* const char *: any text but an empty one */
    COMMAND_FLAG   /* bool: true where it is given, without a value */
} command_kind;

typedef struct command_option {
    const char  *name, *placeholder; /* "steps", "N"; a flag has "" */
    const char  *help;
    command_kind kind;
    void        *value; /* what it is if the option is not given, and will be if it is */
    double       low;
} command_option;

typedef struct command {
    const char           *summary; /* what the program does, for --help: lines that end with a line feed */
    int                   count;
    const command_option *options;
} command;

/* Reads the options. True to go on; false to end with *exit_code: 0 after --help, 2 after a complaint. */
bool command_read(const command *c, int argc, char **argv, int *exit_code);

#endif
