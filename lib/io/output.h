/* io/output.h: a file that appears whole or not at all.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_OUTPUT_H
#define TGI_IO_OUTPUT_H

#include <stdio.h>

#include "io/failure.h"

/* A file that is being written beside the one that it will replace. */
typedef struct tgi_output {
    FILE    *stream;
    char    *target, *temporary; /* the file that it will be, every link having been followed; the file that it is */
    uint64_t length;             /* of what has been written */
} tgi_output;

/* Begins the file failure->path. */
tg_status tgi_open_output(tgi_output *output, tgi_failure *failure);

/* Append bytes; elements of the library's, little-endian. Nothing is done after a failure. */
tg_status tgi_write(tgi_output *output, const void *bytes, size_t count, tgi_failure *failure);
tg_status tgi_write_elements(tgi_output *output, tg_dtype dtype, int64_t count, const void *elements, tgi_failure *failure);

/* Overwrites bytes that were written before. */
tg_status tgi_write_at(tgi_output *output, uint64_t offset, const void *bytes, size_t count, tgi_failure *failure);

/* Ends it: without a failure it is on the disk, under its name; after one there is nothing of it. Frees what `output` has. */
tg_status tgi_close_output(tgi_output *output, tgi_failure *failure);

#endif
