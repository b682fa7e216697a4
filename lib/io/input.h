/* io/input.h: the bytes of a file that is read.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_INPUT_H
#define TGI_IO_INPUT_H

#include "io/failure.h"

/* Zero-initialised, it is closed. */
typedef struct tgi_input_file {
    const uint8_t *bytes;
    size_t         size;
    void          *mapping; /* of `mapped` bytes, or NULL */
    size_t         mapped;
    void          *inflated; /* what was compressed, or NULL */
} tgi_input_file;

/* Maps the file failure->path. Where it is to be, and gzip's magic number is there, it is decompressed. */
tg_status tgi_open_input(tgi_input_file *input, bool decompress, tgi_failure *failure);
void      tgi_close_input(tgi_input_file *input);

#endif
