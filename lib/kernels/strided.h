/* kernels/strided.h: walking arrays with strides.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_STRIDED_H
#define TGI_KERNELS_STRIDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Axes, outermost first; strides count elements of `element` bytes. */
typedef struct tgi_walk {
    size_t  element;
    int     rank;
    int64_t dims[8], strides[8];
} tgi_walk;

/* The same walk in as few axes as can be: sizes of 1 are left out, neighbours that follow one another are joined. */
tgi_walk tgi_walk_of(size_t element, int rank, const int64_t *dims, const int64_t *strides);

/* True when the walk meets one element after the other in memory. */
bool tgi_walk_is_contiguous(const tgi_walk *walk);

/* Copies `count` elements, from the `start`-th in row-major order on, to `out`, one after the other. */
void tgi_gather(const tgi_walk *walk, const void *data, int64_t start, int64_t count, void *out);

/* Steps through the elements in row-major order: each call gives the offset of the next one from the first. */
typedef struct tgi_steps {
    tgi_walk walk;
    int64_t  index[8], offset;
} tgi_steps;

tgi_steps tgi_steps_of(const tgi_walk *walk);

static inline int64_t tgi_next(tgi_steps *s) {
    int64_t here = s->offset;
    for (int i = s->walk.rank - 1; i >= 0; i--) {
        s->offset += s->walk.strides[i];
        if (++s->index[i] < s->walk.dims[i]) break;
        s->offset -= s->walk.dims[i] * s->walk.strides[i];
        s->index[i] = 0;
    }
    return here;
}

/* Goes to the n-th element. */
void tgi_seek(tgi_steps *s, int64_t n);

/* Strides of a row-major array; and whether an array that has elements has them one after the other in memory. */
void tgi_row_major(int rank, const int64_t *dims, int64_t *strides);

static inline bool tgi_is_row_major(int rank, const int64_t *dims, const int64_t *strides) {
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; stride *= dims[i--])
        if (dims[i] != 1 && strides[i] != stride) return false;
    return true;
}

/* The strides of an array that is broadcast to a shape. */
void tgi_stretch(int rank, const int64_t *dims, const int64_t *strides, int to_rank, const int64_t *to_dims,
                 int64_t *to_strides);

#endif
