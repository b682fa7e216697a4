/* kernels/strided.c: walking arrays with strides.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/strided.h"

#include <string.h>

#include "kernels/copy.h"
#include "kernels/interleave.h"

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

void tgi_seek(tgi_steps *s, int64_t n) {
    s->offset = 0;
    for (int i = s->walk.rank - 1; i >= 0; i--) {
        s->index[i] = n % s->walk.dims[i];
        s->offset += s->index[i] * s->walk.strides[i];
        n /= s->walk.dims[i];
    }
}

/* ---- gathering --------------------------------------------------------------------------------------------------- */

/* Runs shorter than SHORT are copied many in one loop, FEW elements at a time. */
enum { SHORT = 64, FEW = 4 };

/* One run along the innermost axis; and `rows` short runs, which begin `pitch` elements apart: each of one element, or of neighbours. For
 * one width of element. */
#define DEFINE_COPY_RUN(type) \
    static void copy_run_##type(int64_t n, int64_t stride, const type *from, type *to) { \
        type first = *from; \
        if (stride == 1) \
            tgi_copy_bytes(to, from, (size_t)n * sizeof *to); \
        else if (stride == 0) \
            for (int64_t i = 0; i < n; i++) \
                to[i] = first; \
        else \
            for (int64_t i = 0; i < n; i++) \
                to[i] = from[i * stride]; \
    } \
    /* As long as there is room, more than n elements are written: the next runs are written over them. */ \
    static void repeat_each_##type(int64_t rows, int64_t n, int64_t pitch, const type *from, type *to) { \
        typedef type few_elements __attribute__((vector_size(FEW * sizeof(type)))); \
        int64_t      wide = (n + FEW - 1) / FEW * FEW, r = 0; \
        for (; (rows - r) * n >= wide; r++, to += n) { \
            few_elements few = from[r * pitch] - (few_elements){0}; \
            for (int64_t i = 0; i < n; i += FEW) \
                memcpy(to + i, &few, sizeof few); \
        } \
        for (; r < rows; r++, to += n) \
            copy_run_##type(n, 0, from + r * pitch, to); \
    } \
    static void copy_each_##type(int64_t rows, int64_t n, int64_t pitch, const type *from, type *to) { \
        for (int64_t r = 0; r < rows; r++, from += pitch, to += n) { \
            int64_t i = 0; \
            for (; i + FEW <= n; i += FEW) \
                memcpy(to + i, from + i, FEW * sizeof *to); \
            for (; i < n; i++) \
                to[i] = from[i]; \
        } \
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

/* A function of those above for the width of an element, which is 1, 4 or 8. */
#define FOR_WIDTH(function, element, ...) \
    switch (element) { \
    case 1: function##_uint8_t(__VA_ARGS__); break; \
    case 4: function##_uint32_t(__VA_ARGS__); break; \
    case 8: function##_uint64_t(__VA_ARGS__); break; \
    }

/* One run again and again: what is there is copied behind itself. */
static void repeat_run(size_t element, int64_t rows, int64_t n, const void *from, char *to) {
    size_t all = (size_t)(rows * n) * element, there = (size_t)n * element;
    copy_run(element, n, 1, from, to);
    for (size_t more; there < all; there += more) {
        more = there < all - there ? there : all - there;
        tgi_copy_bytes(to + there, to, more);
    }
}

/* `rows` runs of n, which begin at neighbours in memory: the transpose of a matrix, in squares. Whole lines of the cache are read, and
 * whole lines written. */
static void copy_transposed(size_t element, int64_t rows, int64_t n, int64_t stride, const char *from, char *to) {
    enum { SQUARE = TGI_TOGETHER };
    const void *line[SQUARE];
    for (int64_t r = 0; r < rows; r += SQUARE)
        for (int64_t i = 0; i < n; i += SQUARE) {
            int count = n - i < SQUARE ? (int)(n - i) : SQUARE;
            for (int j = 0; j < count; j++)
                line[j] = from + ((i + j) * stride + r) * (ptrdiff_t)element;
            tgi_interleave(element, rows - r < SQUARE ? rows - r : SQUARE, count, n, line,
                           to + (r * n + i) * (ptrdiff_t)element);
        }
}

/* `rows` whole runs along the innermost axis. */
static void copy_runs(const tgi_walk *walk, int64_t rows, const void *from, void *to) {
    int     inner = walk->rank - 1;
    int64_t n = walk->dims[inner], stride = walk->strides[inner], pitch = walk->strides[inner - 1];
    if (stride == 0)
        FOR_WIDTH(repeat_each, walk->element, rows, n, pitch, from, to)
    else if (stride == 1 && pitch == 0)
        repeat_run(walk->element, rows, n, from, to);
    else if (stride == 1)
        FOR_WIDTH(copy_each, walk->element, rows, n, pitch, from, to)
    else
        copy_transposed(walk->element, rows, n, stride, from, to);
}

/* The position of the start-th element: its index along each axis, and its offset from the first, in elements. */
static int64_t locate(const tgi_walk *walk, int64_t start, int64_t *index) {
    int64_t offset = 0;
    for (int i = walk->rank - 1; i >= 0; i--) {
        if (start == 0) { /* most often from the first on */
            index[i] = 0;
            continue;
        }
        index[i] = start % walk->dims[i];
        start /= walk->dims[i];
        offset += index[i] * walk->strides[i];
    }
    return offset;
}

/* Moves on by whole runs, as many as are left of the axis before at most, from the index at which the last one began or was entered; and
 * returns the change of the offset. */
static int64_t next_run(const tgi_walk *walk, int64_t runs, int64_t *index) {
    int     inner = walk->rank - 1;
    int64_t change = -index[inner] * walk->strides[inner];
    index[inner] = 0;
    for (int i = inner - 1; i >= 0; i--) {
        change += runs * walk->strides[i];
        index[i] += runs;
        if (index[i] < walk->dims[i]) return change;
        change -= index[i] * walk->strides[i];
        index[i] = 0;
        runs = 1;
    }
    return change;
}

/* How many whole runs there are from here on along the axis before, when it is better to copy them together; else 1. */
static int64_t runs_together(const tgi_walk *walk, const int64_t *index, int64_t count) {
    int inner = walk->rank - 1;
    if (inner == 0 || index[inner] > 0) return 1;
    if (walk->element != 1 && walk->element != 4 && walk->element != 8) return 1;
    bool pieces = walk->dims[inner] < SHORT && (walk->strides[inner] == 0 || walk->strides[inner] == 1);
    if (!pieces && walk->strides[inner - 1] != 1) return 1;
    int64_t left = walk->dims[inner - 1] - index[inner - 1], whole = count / walk->dims[inner];
    return whole < 1 ? 1 : left < whole ? left : whole;
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
        int64_t n = walk->dims[inner] - index[inner], runs = runs_together(walk, index, count);
        if (n > count) n = count;
        if (runs > 1)
            copy_runs(walk, runs, from + offset * element, to);
        else
            copy_run(walk->element, n, walk->strides[inner], from + offset * element, to);
        to += runs * n * element;
        count -= runs * n;
        offset += next_run(walk, runs, index);
    }
}
