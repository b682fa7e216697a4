/* kernels/interleave.c: lines side by side.
 *
 * Four lines at a time, in squares that are turned in registers of 16 bytes: 4 elements of 4 lines, or 2 of 2. Element by element it takes
 * two to four times as long. All lines have their turn before the next rows: what is written of those stays in the first cache until whole
 * lines of it are there.
 *
 * SPDX-License-Identifier: MIT */
#include "kernels/interleave.h"

#include "kernels/vector.h"

enum { ROWS = 16, LINES = 4 };

typedef uint64_t pair __attribute__((vector_size(16)));
typedef uint64_t pair_at __attribute__((vector_size(16), aligned(8), may_alias));
typedef int64_t  pair_mask __attribute__((vector_size(16)));

/* ---- squares ----------------------------------------------------------------------------------------------------- */

#define FIRST(a, b) SHUFFLE(pair_mask, a, b, 0, 2)
#define SECOND(a, b) SHUFFLE(pair_mask, a, b, 1, 3)

/* SQUARE_<bytes> rows of four lines. */
enum { SQUARE_4 = 4, SQUARE_8 = 2 };

static ALWAYS_INLINE void turn_4(const uint32_t *a, const uint32_t *b, const uint32_t *c, const uint32_t *d, int64_t pitch,
                                 uint32_t *out) {
    quad_u32 x = *(const unaligned_quad_u32 *)a, y = *(const unaligned_quad_u32 *)b;
    quad_u32 z = *(const unaligned_quad_u32 *)c, w = *(const unaligned_quad_u32 *)d;
    TURN_QUADS(quad_u32, quad_mask_u32, x, y, z, w);
    *(unaligned_quad_u32 *)out = x;
    *(unaligned_quad_u32 *)(out + pitch) = y;
    *(unaligned_quad_u32 *)(out + 2 * pitch) = z;
    *(unaligned_quad_u32 *)(out + 3 * pitch) = w;
}

static ALWAYS_INLINE void turn_8(const uint64_t *a, const uint64_t *b, const uint64_t *c, const uint64_t *d, int64_t pitch,
                                 uint64_t *out) {
    pair x = *(const pair_at *)a, y = *(const pair_at *)b, z = *(const pair_at *)c, w = *(const pair_at *)d;
    *(pair_at *)out = FIRST(x, y);
    *(pair_at *)(out + 2) = FIRST(z, w);
    *(pair_at *)(out + pitch) = SECOND(x, y);
    *(pair_at *)(out + pitch + 2) = SECOND(z, w);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

/* Where the lines are no multiple of four, the last four overlap those before. */
#define DEFINE_INTERLEAVE(bytes, T) \
    static void few_lines_##bytes(int64_t first, int64_t end, int count, int64_t pitch, const void *const *line, T *out) { \
        for (int i = 0; i < count; i++) \
            for (int64_t r = first; r < end; r++) \
                out[(r - first) * pitch + i] = ((const T *)line[i])[r]; \
    } \
    static void four_lines_##bytes(int64_t first, int64_t end, int64_t pitch, const void *const *line, T *out) { \
        const T *a = line[0], *b = line[1], *c = line[2], *d = line[3]; \
        int64_t  r = first; \
        for (; r + SQUARE_##bytes <= end; r += SQUARE_##bytes, out += SQUARE_##bytes * pitch) \
            turn_##bytes(a + r, b + r, c + r, d + r, pitch, out); \
        for (; r < end; r++, out += pitch) { \
            out[0] = a[r], out[1] = b[r]; \
            out[2] = c[r], out[3] = d[r]; \
        } \
    } \
    static void interleave_##bytes(int64_t rows, int count, int64_t pitch, const void *const *line, T *out) { \
        for (int64_t r = 0; r < rows; r += ROWS, out += ROWS * pitch) { \
            int64_t end = min_of(r + ROWS, rows); \
            if (count < LINES) few_lines_##bytes(r, end, count, pitch, line, out); \
            for (int i = 0; count >= LINES && i < count; i += LINES) { \
                int at = i + LINES <= count ? i : count - LINES; \
                four_lines_##bytes(r, end, pitch, line + at, out + at); \
            } \
        } \
    }
DEFINE_INTERLEAVE(4, uint32_t)
DEFINE_INTERLEAVE(8, uint64_t)

static void interleave_1(int64_t rows, int count, int64_t pitch, const void *const *line, uint8_t *out) {
    for (int64_t r = 0; r < rows; r++)
        for (int i = 0; i < count; i++)
            out[r * pitch + i] = ((const uint8_t *)line[i])[r];
}

void tgi_interleave(size_t element, int64_t rows, int count, int64_t pitch, const void *const *line, void *out) {
    switch (element) {
    case 1: interleave_1(rows, count, pitch, line, out); break;
    case 4: interleave_4(rows, count, pitch, line, out); break;
    case 8: interleave_8(rows, count, pitch, line, out); break;
    }
}
