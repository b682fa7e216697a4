/* kernels/copy.c: copying without the processor's own instruction for it.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/copy.h"

typedef unsigned char piece __attribute__((vector_size(32), aligned(1), may_alias));

void tgi_copy_in_pieces(void *to, const void *from, size_t bytes) {
    enum { PIECES = 4 };
    const piece *x = from;
    piece       *y = to;
    size_t       steps = bytes / (PIECES * sizeof(piece)), rest = bytes % (PIECES * sizeof(piece));
    for (; steps > 0; steps--, x += PIECES, y += PIECES) { /* no loop over single pieces: a compiler makes that a memcpy */
        piece a = x[0], b = x[1], c = x[2], d = x[3];
        y[0] = a;
        y[1] = b;
        y[2] = c;
        y[3] = d;
    }
    memmove(y, x, rest);
}
