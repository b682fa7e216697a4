/* io/inflate.h: decompression, by zlib.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_IO_INFLATE_H
#define TGI_IO_INFLATE_H

#include "io/failure.h"

/* For zlib's allocations, as its zalloc and zfree: malloc and free. */
void *tgi_zlib_take(void *unused, unsigned count, unsigned size);
void  tgi_zlib_give(void *unused, void *memory);

/* Whether the bytes begin as those of gzip do. */
bool tgi_is_gzip(const uint8_t *bytes, size_t size);

/* What the bytes of gzip hold, in memory that the caller frees; NULL after a failure. */
uint8_t *tgi_gunzip(const uint8_t *bytes, size_t size, size_t *inflated, tgi_failure *failure);

/* Fills `to` with the first `wanted` bytes of what was deflated; fewer, when there are no more: returns how many. */
size_t tgi_inflate_start(const uint8_t *bytes, size_t size, uint8_t *to, size_t wanted, tgi_failure *failure);

/* Fills `to` with all of it, which must be just so many bytes. */
tg_status tgi_inflate_all(const uint8_t *bytes, size_t size, uint8_t *to, size_t wanted, tgi_failure *failure);

#endif
