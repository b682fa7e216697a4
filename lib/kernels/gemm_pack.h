/* kernels/gemm_pack.h: the copies of matrices that the built-in product reads, for one element type. gemm_template.h includes this file, whose
 * names it uses.
 *
 * SPDX-License-Identifier: MIT */

/* Puts a square of x, 4 rows of 4 elements, into a panel of `width` rows. */
static ALWAYS_INLINE void NAME(pack_square)(int width, const T *x, int64_t row, T *panel) {
    QUAD a = *(const UNALIGNED_QUAD *)x, b = *(const UNALIGNED_QUAD *)(x + row);
    QUAD c = *(const UNALIGNED_QUAD *)(x + 2 * row), d = *(const UNALIGNED_QUAD *)(x + 3 * row);
    TURN_QUADS(QUAD, NAME(quad_mask), a, b, c, d);
    *(UNALIGNED_QUAD *)panel = a;
    *(UNALIGNED_QUAD *)(panel + width) = b;
    *(UNALIGNED_QUAD *)(panel + 2 * width) = c;
    *(UNALIGNED_QUAD *)(panel + 3 * width) = d;
}

/* A panel of `width` rows (a constant, 4 at least) that are contiguous, in squares: element by element it takes two to three times as
 * long. The last squares of a width that is no multiple of 4 overlap those before. */
static ALWAYS_INLINE void NAME(pack_rows)(int width, int64_t k, const T *x, int64_t row, T *panel) {
    int64_t p = 0;
    for (; p + 4 <= k; p += 4, panel += 4 * width)
        UNROLL for (int r = 0; r < width; r += 4) {
            int at = r + 4 <= width ? r : width - 4;
            NAME(pack_square)(width, x + at * row + p, row, panel + at);
        }
    for (; p < k; p++, panel += width)
        for (int r = 0; r < width; r++)
            panel[r] = x[r * row + p];
}

/* The same for panels whose columns are contiguous: several at a time, so that all of a line of the cache is used when it is there. */
static ALWAYS_INLINE void NAME(pack_columns)(int width, int64_t panels, int64_t k, const T *x, int64_t col, T *panel,
                                             int64_t step) {
    for (int64_t p = 0; p < k; p++, x += col, panel += width)
        for (int64_t i = 0; i < panels; i++)
            UNROLL for (int r = 0; r < width; r += 4) {
                int at = r + 4 <= width ? r : width - 4;
                *(UNALIGNED_QUAD *)(panel + i * step + at) = *(const UNALIGNED_QUAD *)(x + i * width + at);
            }
}

/* And for any, of which there may be fewer rows: zeros fill the panel up. */
static ALWAYS_INLINE void NAME(pack_any)(int width, int64_t rows, int64_t k, MATRIX x, T *panel) {
    for (int64_t p = 0; p < k; p++, panel += width)
        for (int64_t r = 0; r < width; r++)
            panel[r] = r < rows ? x.at[r * x.row + p * x.col] : 0;
}

/* Copies `count` rows of x, each k long, into panels of `width` rows (a constant), `step` elements apart: within a panel, the elements that
 * are used together are next to each other. */
static ALWAYS_INLINE void NAME(pack)(int width, int64_t count, int64_t k, MATRIX x, T *panel, int64_t step) {
    for (int64_t i = 0, panels; i < count; i += panels * width, panel += panels * step) {
        MATRIX rest = NAME(part)(x, i, 0);
        panels = x.row == 1 ? max_of(min_of((count - i) / width, PANELS), 1) : 1;
        if (count - i < width)
            NAME(pack_any)(width, count - i, k, rest, panel);
        else if (width >= 4 && x.row == 1)
            NAME(pack_columns)(width, panels, k, rest.at, x.col, panel, step);
        else if (width >= 4 && x.col == 1)
            NAME(pack_rows)(width, k, rest.at, x.row, panel);
        else
            NAME(pack_any)(width, width, k, rest, panel);
    }
}
