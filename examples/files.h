/* examples/files.h: files that appear whole or not at all.
 *
 * They are written under another name in the same directory, and get their own name when all of it is there. Whoever
 * reads the file, and whoever had an older one of that name, never sees half of it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_FILES_H
#define EXAMPLES_FILES_H

#include <stdbool.h>
#include <stdio.h>

typedef struct new_file {
    const char *path;      /* the name it will have */
    char       *temporary; /* the name it has */
    FILE       *stream;    /* for the content */
} new_file;

/* Starts one; every function here complains when it returns false. Ends with file_finish or file_abandon. */
bool file_start(new_file *file, const char *path);

/* Closes it and gives it its name. Where that fails it is removed. */
bool file_finish(new_file *file);

/* Closes and removes it. */
void file_abandon(new_file *file);

/* Whether file_start would succeed: to be asked before the work of which the file holds the result. */
bool file_possible(const char *path);

/* Writes the losses as a table: a header `epoch,loss`, then a row an epoch, with all digits that a double has. */
bool file_write_losses(const char *path, const double *losses, int count);

#endif
