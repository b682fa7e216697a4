/* io/metrics.h: the names of columns, between commas.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_METRICS_H
#define TGI_IO_METRICS_H

#include <stdbool.h>
#include <stddef.h>

/* A name in a longer text, without the blanks around it. */
typedef struct tgi_column_name {
    const char *text;
    int         length;
} tgi_column_name;

/* Takes the next name off the text from *at to `stop`; false when there was none left. *at is NULL after the last one. */
bool tgi_next_column(const char **at, const char *stop, tgi_column_name *name);

bool tgi_same_column(tgi_column_name a, tgi_column_name b);

#endif
