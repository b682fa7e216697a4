/* kernels/copy.h: memmove that is never slow.
 *
 * For some kilobytes and more glibc leaves it to the processor's own instruction (rep movsb), which on Zen 3 and Zen 4 takes some twenty
 * times as long where the destination is less than a line ahead of the source, counted in a page (glibc's bug 30994): so does a pad by
 * one element, or a shift.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_COPY_H
#define TGI_KERNELS_COPY_H

#include <stdint.h>
#include <string.h>

/* Forward, in pieces: for destinations that are not within the source. */
void tgi_copy_in_pieces(void *to, const void *from, size_t bytes);

static inline void tgi_copy_bytes(void *to, const void *from, size_t bytes) {
    enum { MANY = 2048, PAGE = 4096, LINE = 64 };
    uintptr_t ahead = (uintptr_t)to - (uintptr_t)from;
    if (bytes >= MANY && ahead % PAGE - 1 < LINE - 1 && ahead >= bytes)
        tgi_copy_in_pieces(to, from, bytes);
    else
        memmove(to, from, bytes);
}

#endif
