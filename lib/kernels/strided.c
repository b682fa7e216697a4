/* kernels/strided.c: walking arrays with strides.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/strided.h"

#include <string.h>

void tgi_row_major(int rank, const int64_t *dims, int64_t *strides) {
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= dims[i] ? dims[i] : 1;
    }
}

void tgi_stretch(int rank, const int64_t *dims, const int64_t *strides, int to_rank, const int64_t *to_dims,
                 int64_t *to_strides) {
    for (int i = 1; i <= to_rank; i++) {
        bool broadcast = i > rank || (dims[rank - i] == 1 && to_dims[to_rank - i] != 1);
        to_strides[to_rank - i] = broadcast ? 0 : strides[rank - i];
    }
}

tgi_walk tgi_walk_of(size_t element, int rank, const int64_t *dims, const int64_t *strides) {
    tgi_walk walk; /* of which only what is used is set */
    walk.element = element;
    walk.rank = 0;
    for (int i = 0; i < rank; i++) {
        if (dims[i] == 1) continue;
        int last = walk.rank - 1;
        if (last >= 0 && walk.strides[last] == strides[i] * dims[i]) {
            walk.dims[last] *= dims[i];
            walk.strides[last] = strides[i];
        } else {
            walk.dims[walk.rank] = dims[i];
            walk.strides[walk.rank++] = strides[i];
        }
    }
    return walk;
}

bool tgi_walk_is_contiguous(const tgi_walk *walk) {
    return walk->rank == 0 || (walk->rank == 1 && walk->strides[0] == 1);
}

tgi_steps tgi_steps_of(const tgi_walk *walk) {
    return (tgi_steps){.walk = *walk};
}

/* ---- gathering --------------------------------------------------------------------------------------------------- */

/* One run along the innermost axis, for one width of element. */
#define DEFINE_COPY_RUN(type) \
    static void copy_run_##type(int64_t n, int64_t stride, const type *from, type *to) { \
        type first = *from; \
        if (stride == 1) \
            memcpy(to, from, (size_t)n * sizeof *to); \
        else if (stride == 0) \
            for (int64_t i = 0; i < n; i++) \
                to[i] = first; \
        else \
            for (int64_t i = 0; i < n; i++) \
                to[i] = from[i * stride]; \
    }
DEFINE_COPY_RUN(uint8_t)
DEFINE_COPY_RUN(uint32_t)
DEFINE_COPY_RUN(uint64_t)

static void copy_run_of_any(size_t element, int64_t n, int64_t stride, const char *from, char *to) {
    for (int64_t i = 0; i < n; i++, from += stride * (ptrdiff_t)element, to += element)
        memcpy(to, from, element);
}

static void copy_run(size_t element, int64_t n, int64_t stride, const void *from, void *to) {
    switch (element) {
    case 1: copy_run_uint8_t(n, stride, from, to); break;
    case 4: copy_run_uint32_t(n, stride, from, to); break;
    case 8: copy_run_uint64_t(n, stride, from, to); break;
    default: copy_run_of_any(element, n, stride, from, to); break;
    }
}

/* The position of the start-th element: its index along each axis, and its offset from the first, in elements. */
static int64_t locate(const tgi_walk *walk, int64_t start, int64_t *index) {
    int64_t offset = 0;
    for (int i = walk->rank - 1; i >= 0; i--) {
        index[i] = start % walk->dims[i];
        start /= walk->dims[i];
        offset += index[i] * walk->strides[i];
    }
    return offset;
}

/* Moves to the start of the next run, and returns the change of the offset. */
static int64_t next_run(const tgi_walk *walk, int64_t *index) {
    int     inner = walk->rank - 1;
    int64_t change = -index[inner] * walk->strides[inner];
    index[inner] = 0;
    for (int i = inner - 1; i >= 0; i--) {
        change += walk->strides[i];
        if (++index[i] < walk->dims[i]) return change;
        change -= index[i] * walk->strides[i];
        index[i] = 0;
    }
    return change;
}

void tgi_gather(const tgi_walk *walk, const void *data, int64_t start, int64_t count, void *out) {
    const char *from = data;
    char       *to = out;
    ptrdiff_t   element = (ptrdiff_t)walk->element;
    if (count == 0) return; /* a size may be 0, by which `locate` would divide */
    if (walk->rank == 0) {
        memcpy(to, from, walk->element);
        return;
    }
    int64_t index[8], offset = locate(walk, start, index);
    int     inner = walk->rank - 1;
    while (count > 0) {
        int64_t n = walk->dims[inner] - index[inner];
        if (n > count) n = count;
        copy_run(walk->element, n, walk->strides[inner], from + offset * element, to);
        to += n * element;
        count -= n;
        offset += next_run(walk, index);
    }
}
