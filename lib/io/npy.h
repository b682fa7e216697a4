/* io/npy.h: the header of NumPy's .npy, which files and members of .npz have.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_NPY_H
#define TGI_IO_NPY_H

#include "io/stored.h"

/* How many bytes tell how long the header is. */
enum { TGI_NPY_START = 12 };

/* A header: the array, whose bytes are not looked at, how the file names its dtype, and where the elements begin. */
typedef struct tgi_npy {
    tgi_array array;
    char      stored[48];
    uint64_t  start;
} tgi_npy;

/* Where the elements begin, from the first TGI_NPY_START bytes or fewer; 0 after a failure. */
uint64_t tgi_npy_begin(const uint8_t *bytes, uint64_t size, tgi_failure *failure);

/* Reads the header from bytes that go as far as the elements. `size` is the size of all, which must be that of header and elements. */
tg_status tgi_read_npy(tgi_npy *npy, const uint8_t *bytes, uint64_t size, tgi_failure *failure);

/* Writes the header for elements of the library's, little-endian; its length, a multiple of 64. */
enum { TGI_NPY_HEADER = 512 };
size_t tgi_npy_header(char header[TGI_NPY_HEADER], tg_dtype dtype, tg_shape shape);

#endif
