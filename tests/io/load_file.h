/* tests/io/load_file.h: any file as any format: for files that are damaged, and for the fuzzer.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_IO_LOAD_FILE_H
#define TESTS_IO_LOAD_FILE_H

#include <tapegrad/io.h>

typedef enum format { NPY, NPZ, SAFETENSORS, CSV, IDX, CHECKPOINT, FORMATS } format;

/* Loads all of a file, of an archive every tensor; how many tensors, -1 after an error. */
int load_file(tg_tape *tape, format kind, const char *path);

#endif
