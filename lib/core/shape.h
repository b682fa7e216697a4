/* core/shape.h: arithmetic of sizes.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_SHAPE_H
#define TGI_CORE_SHAPE_H

#include <stdbool.h>
#include <stdint.h>
#include <tapegrad/tensor.h>

/* Product of the sizes, which are known to be valid. */
int64_t tgi_size(int rank, const int64_t *dims);

/* The most elements of a value, be it in memory or not: so many of the widest dtype, and an index for each, are counted in bytes by a
 * size_t, of 32 bits too. */
#define TGI_MOST_ELEMENTS ((int64_t)(PTRDIFF_MAX / 16))

/* The same; -1 when a size is negative, or there are more than TGI_MOST_ELEMENTS. */
int64_t tgi_checked_size(int rank, const int64_t *dims);

static inline bool tgi_same_dims(int a_rank, const int64_t *a, int b_rank, const int64_t *b) {
    if (a_rank != b_rank) return false;
    for (int i = 0; i < a_rank && a != b; i++)
        if (a[i] != b[i]) return false;
    return true;
}

/* Copies sizes or strides: there are so few that a memcpy of a length that the compiler does not know takes several times as long. */
static inline void tgi_copy_sizes(int rank, const int64_t *from, int64_t *to) {
    _Static_assert(TG_MAX_RANK == 8, "an axis a case");
    switch (rank) {
    case 8: to[7] = from[7]; /* fall through */
    case 7: to[6] = from[6]; /* fall through */
    case 6: to[5] = from[5]; /* fall through */
    case 5: to[4] = from[4]; /* fall through */
    case 4: to[3] = from[3]; /* fall through */
    case 3: to[2] = from[2]; /* fall through */
    case 2: to[1] = from[1]; /* fall through */
    case 1: to[0] = from[0];
    }
}

/* The shape that a and b broadcast to, by NumPy's rule, into `out`; false when they do not. */
bool tgi_broadcast(int *rank, int64_t *out, int a_rank, const int64_t *a, int b_rank, const int64_t *b);

/* The axis counted from the front, or -1 when it is out of range. */
int tgi_axis(int axis, int rank);

#endif
