/* kernels/interleave.h: lines side by side, as in the transpose of a matrix.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_INTERLEAVE_H
#define TGI_KERNELS_INTERLEAVE_H

#include <stddef.h>
#include <stdint.h>

/* Lines that are put side by side together, or at least in the same turn, write whole lines of the cache. */
enum { TGI_TOGETHER = 16 };

/* out[r * pitch + i] = line[i][r] for `rows` elements of each of `count` lines. An element has 1, 4 or 8 bytes. */
void tgi_interleave(size_t element, int64_t rows, int count, int64_t pitch, const void *const *line, void *out);

#endif
