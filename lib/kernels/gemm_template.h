/* kernels/gemm_template.h: the built-in product for one element type. gemm_builtin.c includes this file once a type, with T the
 * type and NAME(x) the name of x for that type; gemm_builtin.c also tells how it works.
 *
 * SPDX-License-Identifier: MIT */

#define VECTOR NAME(vector)
#define UNALIGNED_VECTOR NAME(unaligned)
#define LANES NAME(lanes)
#define QUAD NAME(quad)
#define UNALIGNED_QUAD NAME(unaligned_quad)
#define INTERLEAVE_LOW(a, b) SHUFFLE(NAME(quad_mask), a, b, 0, 4, 1, 5)
#define INTERLEAVE_HIGH(a, b) SHUFFLE(NAME(quad_mask), a, b, 2, 6, 3, 7)

/* Columns of a panel of B; elements that the copy of its end may take; and columns that a vector is multiplied with at once: where they
 * are not contiguous, and where they are not side by side. */
enum {
    NAME(nr) = 2 * LANES,
    NAME(end_room) = 4 * LANES,
    NAME(strip_columns) = LANES < 3 ? 12 : 4 * LANES,
    NAME(apart_columns) = 256
};
#define NR NAME(nr)
#define END_ROOM NAME(end_room)
#define MULTIPLY_ADD NAME(MULTIPLY_ADD)
#define NUMBER_ADD NAME(NUMBER_ADD)

typedef struct NAME(matrix) {
    const T *at;
    int64_t  row, col; /* strides */
} NAME(matrix);
#define MATRIX NAME(matrix)

static MATRIX NAME(part)(MATRIX x, int64_t i, int64_t j) {
    x.at += i * x.row + j * x.col;
    return x;
}

static MATRIX NAME(transposed)(MATRIX x) {
    return (MATRIX){x.at, x.col, x.row};
}

/* ---- tiles ------------------------------------------------------------------------------------------------------- */

/* Columns of B as they are read: rows of whole vectors, `row` elements apart; those from row `whole` on are at `end`, as far apart: a copy
 * of the last ones, where what is read beside the columns of a matrix might not be memory of that matrix. */
typedef struct NAME(panel) {
    const T *at;
    int64_t  row, whole;
    const T *end;
} NAME(panel);
#define PANEL NAME(panel)

/* A panel of B beside `rows` rows of A, and the part of C that they make: `cols` columns, `pitch` elements apart. */
typedef struct NAME(strip) {
    int64_t rows, cols, k;
    MATRIX  a;
    PANEL   b;
    T      *c;
    int64_t pitch;
    bool    add; /* to what is in C */
} NAME(strip);
#define STRIP NAME(strip)

/* sum = A B for `rows` rows of A and some vectors of columns of B. Inlined with constant numbers of these, so that sum lives in
 * registers. */
static ALWAYS_INLINE void NAME(multiply)(int rows, int vectors, int64_t k, const T *a, int64_t a_row, int64_t a_col, PANEL b,
                                         VECTOR (*sum)[MOST_VECTORS]) {
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = (VECTOR){0};
    const T *bp = b.at;
    for (int64_t p = 0; p < k; p++, bp += b.row) {
        if (p == b.whole) bp = b.end;
        VECTOR bv[MOST_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) bv[v] = *(const UNALIGNED_VECTOR *)(bp + v * LANES);
        UNROLL for (int i = 0; i < rows; i++) {
            VECTOR ai = a[i * a_row + p * a_col] - (VECTOR){0};
            UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = MULTIPLY_ADD(ai, bv[v], sum[i][v]);
        }
    }
}

/* Puts the first `cols` columns of a tile into c, or adds them to what is there. */
static NO_INLINE void NAME(put_columns)(int rows, int64_t width, int64_t cols, const T *sum, T *c, int64_t pitch, bool add) {
    for (int i = 0; i < rows; i++, sum += width, c += pitch)
        for (int64_t j = 0; j < cols; j++)
            c[j] = add ? c[j] + sum[j] : sum[j];
}

/* The same for all columns, or some of them. Some take a call, with the tile in memory: else all that code would stand here, and
 * registers go to it that the sums need. */
static ALWAYS_INLINE void NAME(put)(int rows, int vectors, int64_t cols, VECTOR (*sum)[MOST_VECTORS], T *c, int64_t pitch,
                                    bool add) {
    T some[MR * MOST_VECTORS * LANES];
    if (cols == vectors * LANES) {
        UNROLL for (int i = 0; i < rows; i++) UNROLL for (int v = 0; v < vectors; v++) {
            UNALIGNED_VECTOR *to = (UNALIGNED_VECTOR *)(c + i * pitch + v * LANES);
            if (add) sum[i][v] += *to;
            *to = sum[i][v];
        }
        return;
    }
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int v = 0; v < vectors; v++)
        *(UNALIGNED_VECTOR *)(some + (i * vectors + v) * LANES) = sum[i][v];
    NAME(put_columns)(rows, vectors * LANES, cols, some, c, pitch, add);
}

/* Has the rows of a tile fetched while it is multiplied: they are used at its end only, and are often nowhere near by then. It takes longer
 * than a few products. */
static ALWAYS_INLINE void NAME(fetch)(int rows, int64_t width, int64_t k, const T *c, int64_t pitch) {
    enum { FEW_PRODUCTS = 32 };
    if (k < FEW_PRODUCTS) return;
    UNROLL for (int i = 0; i < rows; i++) {
        __builtin_prefetch(c + i * pitch, 1);
        __builtin_prefetch(c + i * pitch + width - 1, 1);
    }
}

/* Makes as much of the strip as tiles of `rows` rows and some vectors (constants) can, and leaves the rest. Strides are arguments, so that
 * they may be constants too; A's next tile is `step` elements on. Where the strip has all columns of C, whole vectors are put, and what
 * is too much of them is in the next rows, which are put later. */
static ALWAYS_INLINE void NAME(tiles)(int rows, int vectors, STRIP *s, int64_t a_row, int64_t a_col, int64_t step) {
    VECTOR  sum[MR][MOST_VECTORS];
    STRIP   rest = *s;
    int64_t width = vectors * LANES;
    bool    spills = rest.cols == rest.pitch && !rest.add;
    for (; rest.rows >= rows; rest.rows -= rows) {
        int64_t cols = spills && (rest.rows - rows) * rest.pitch >= width - rest.cols ? width : rest.cols;
        NAME(fetch)(rows, width, rest.k, rest.c, rest.pitch);
        NAME(multiply)(rows, vectors, rest.k, rest.a.at, a_row, a_col, rest.b, sum);
        NAME(put)(rows, vectors, cols, sum, rest.c, rest.pitch, rest.add);
        rest.a.at += step;
        rest.c += rows * rest.pitch;
    }
    *s = rest;
}

static NO_INLINE void NAME(packed_tiles)(STRIP *s) {
    NAME(tiles)(MR, 2, s, 1, MR, MR * s->k);
}

/* Tiles of that many rows, where there are any. */
#define TILES(height, vectors) \
    if (s->rows >= (height)) NAME(tiles)(height, vectors, s, s->a.row, s->a.col, (height)*s->a.row)

/* C (+)= A B for a strip of one vector, two, or three: full tiles, then the fewest lower ones that make the rest. */
static NO_INLINE void NAME(strip_of_1)(STRIP *s) {
    TILES(MR, 1);
    TILES(4, 1);
    TILES(2, 1);
    TILES(1, 1);
}

static NO_INLINE void NAME(strip_of_2)(STRIP *s) {
    TILES(MR, 2);
    TILES(4, 2);
    TILES(2, 2);
    TILES(1, 2);
}

static NO_INLINE void NAME(strip_of_3)(STRIP *s) {
    TILES(MR_OF_3, 3);
    TILES(4, 3);
    TILES(2, 3);
    TILES(1, 3);
}
#undef TILES

static void NAME(make_strip)(STRIP s, int vectors, bool packed) {
    if (packed && vectors == 2 && s.rows >= MR) NAME(packed_tiles)(&s);
    if (vectors == 1)
        NAME(strip_of_1)(&s);
    else if (vectors == 2)
        NAME(strip_of_2)(&s);
    else
        NAME(strip_of_3)(&s);
}

/* ---- panels and blocks ------------------------------------------------------------------------------------------- */

/* Puts a square of x, 4 rows of 4 elements, into a panel of `width` rows. */
static ALWAYS_INLINE void NAME(pack_square)(int width, const T *x, int64_t row, T *panel) {
    QUAD a = *(const UNALIGNED_QUAD *)x, b = *(const UNALIGNED_QUAD *)(x + row);
    QUAD c = *(const UNALIGNED_QUAD *)(x + 2 * row), d = *(const UNALIGNED_QUAD *)(x + 3 * row);
    QUAD ac = INTERLEAVE_LOW(a, c), bd = INTERLEAVE_LOW(b, d);
    *(UNALIGNED_QUAD *)panel = INTERLEAVE_LOW(ac, bd);
    *(UNALIGNED_QUAD *)(panel + width) = INTERLEAVE_HIGH(ac, bd);
    ac = INTERLEAVE_HIGH(a, c), bd = INTERLEAVE_HIGH(b, d);
    *(UNALIGNED_QUAD *)(panel + 2 * width) = INTERLEAVE_LOW(ac, bd);
    *(UNALIGNED_QUAD *)(panel + 3 * width) = INTERLEAVE_HIGH(ac, bd);
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
static ALWAYS_INLINE void NAME(pack_columns)(int width, int64_t panels, int64_t k, const T *x, int64_t col, T *panel) {
    for (int64_t p = 0; p < k; p++, x += col, panel += width)
        for (int64_t i = 0; i < panels; i++)
            UNROLL for (int r = 0; r < width; r += 4) {
                int at = r + 4 <= width ? r : width - 4;
                *(UNALIGNED_QUAD *)(panel + i * width * k + at) = *(const UNALIGNED_QUAD *)(x + i * width + at);
            }
}

/* And for any, of which there may be fewer rows: zeros fill the panel up. */
static ALWAYS_INLINE void NAME(pack_any)(int width, int64_t rows, int64_t k, MATRIX x, T *panel) {
    for (int64_t p = 0; p < k; p++, panel += width)
        for (int64_t r = 0; r < width; r++)
            panel[r] = r < rows ? x.at[r * x.row + p * x.col] : 0;
}

/* Copies `count` rows of x, each k long, into panels of `width` rows (a constant): within a panel, the elements that are used
 * together are next to each other. */
static ALWAYS_INLINE void NAME(pack)(int width, int64_t count, int64_t k, MATRIX x, T *panel) {
    for (int64_t i = 0, panels; i < count; i += panels * width, panel += panels * width * k) {
        MATRIX rest = NAME(part)(x, i, 0);
        panels = x.row == 1 ? max_of(min_of((count - i) / width, PANELS), 1) : 1;
        if (count - i < width)
            NAME(pack_any)(width, count - i, k, rest, panel);
        else if (width >= 4 && x.row == 1)
            NAME(pack_columns)(width, panels, k, rest.at, x.col, panel);
        else if (width >= 4 && x.col == 1)
            NAME(pack_rows)(width, k, rest.at, x.row, panel);
        else
            NAME(pack_any)(width, width, k, rest, panel);
    }
}

/* A block of B as it is read: the first columns in panels of NR; and the others, if there are any, in a last panel of some vectors. */
typedef struct NAME(columns) {
    PANEL   first, last; /* a panel of the first ones is `step` elements after the one before */
    int64_t step, last_columns;
    int     last_vectors;
} NAME(columns);
#define COLUMNS NAME(columns)

/* C (+)= A B for one block of each, strip by strip. */
static void NAME(block)(int64_t m, int64_t n, int64_t k, MATRIX a, bool a_packed, const COLUMNS *b, T *c, int64_t pitch, bool add) {
    PANEL   panel = b->first;
    int64_t j = 0;
    for (; j < n - b->last_columns; j += NR, panel.at += b->step)
        NAME(make_strip)((STRIP){m, NR, k, a, panel, c + j, pitch, add}, 2, a_packed);
    if (j < n)
        NAME(make_strip)((STRIP){m, n - j, k, a, b->last, c + j, pitch, add}, b->last_vectors, a_packed);
}

/* The columns in the last panel of n, if it is not one like the others: what is left over; and where that is one vector, two with it, if
 * tiles may be so wide. */
static int64_t NAME(last_columns)(int64_t n, bool wide) {
    int64_t left = n % NR;
    return wide && left > 0 && left <= LANES && n > NR ? NR + left : left;
}

/* The rows of a last panel that is read where it is: what is read beside its columns belongs to the next rows, but for the last ones,
 * of which there is a copy. */
static PANEL NAME(panel_with_end)(int64_t n, int64_t k, int64_t width, MATRIX b, T *end) {
    int64_t copied = min_of((width - n + b.row - 1) / b.row, k), elements = copied > 0 ? (copied - 1) * b.row + n : 0;
    memset(end, 0, END_ROOM * sizeof *end);
    for (int64_t i = 0; i < elements; i++)
        end[i] = b.at[(k - copied) * b.row + i];
    return (PANEL){b.at, b.row, k - copied, end};
}

/* A last panel that is copied. */
static PANEL NAME(packed_last)(int64_t n, int64_t k, int64_t width, MATRIX b, T *panel) {
    for (int64_t p = 0; p < k; p++)
        for (int64_t j = 0; j < width; j++)
            panel[p * width + j] = j < n ? b.at[p * b.row + j * b.col] : 0;
    return (PANEL){panel, width, k, NULL};
}

/* All of the block is copied, or as little of it as can be: what is in one piece is read where it is. */
static COLUMNS NAME(columns_of)(int64_t n, int64_t k, MATRIX b, bool direct, bool wide, T *panels) {
    int64_t last = NAME(last_columns)(n, wide), whole = n - last, width = wide ? round_up(last, LANES) : NR;
    COLUMNS columns = {.first = {panels, NR, k, NULL}, .step = NR * k, .last_columns = last, .last_vectors = (int)(width / LANES)};
    MATRIX  rest = NAME(part)(b, 0, whole);
    if (direct) {
        columns.first = (PANEL){b.at, b.row, k, NULL};
        columns.step = NR;
    } else {
        NAME(pack)(NR, whole, k, NAME(transposed)(b), panels);
        panels += whole * k;
    }
    if (last > 0) columns.last = (direct && b.row > 0 ? NAME(panel_with_end) : NAME(packed_last))(last, k, width, rest, panels);
    return columns;
}

/* The product of matrices: blocks of B outside, blocks of A inside. */
static void NAME(blocks)(int64_t m, int64_t n, int64_t k, MATRIX a, MATRIX b, T *c, int64_t pitch, T *scratch) {
    bool pack = at_least(TGI_GEMM_PACK, m, n, k);
    T   *a_panels = scratch, *b_panels = pack ? scratch + a_room(m, k) : scratch;
    for (int64_t j = 0; j < n; j += TGI_GEMM_NC) {
        int64_t jn = min_of(n - j, TGI_GEMM_NC);
        for (int64_t p = 0; p < k; p += TGI_GEMM_KC) {
            int64_t pk = min_of(k - p, TGI_GEMM_KC);
            MATRIX  bp = NAME(part)(b, p, j);
            COLUMNS columns = NAME(columns_of)(jn, pk, bp, !pack && b.col == 1, !pack, b_panels);
            for (int64_t i = 0; i < m; i += TGI_GEMM_MC) {
                int64_t im = min_of(m - i, TGI_GEMM_MC);
                MATRIX  ai = NAME(part)(a, i, p);
                if (pack) {
                    NAME(pack)(MR, im, pk, ai, a_panels);
                    ai = (MATRIX){a_panels, 1, MR};
                }
                NAME(block)(im, jn, pk, ai, pack, &columns, c + i * pitch + j, pitch, p > 0);
            }
        }
    }
}

#include "gemm_vector.h"

/* ---- the product ------------------------------------------------------------------------------------------------- */

/* A product, and the pieces of C in which it is shared out. A few long rows are made as vectors. */
typedef struct NAME(job) {
    int64_t m, n, k;
    MATRIX  a, b;
    T      *c;
    bool    as_vectors, by_dots;
    pieces  pieces;
    char   *scratch;
    size_t  room; /* of a share */
} NAME(job);

static void NAME(make_piece)(const NAME(job) * job, int64_t i, int64_t j, T *scratch) {
    int64_t top = cut(job->m, TGI_GEMM_ROWS, job->pieces.down, i), left = cut(job->n, TGI_GEMM_COLUMNS, job->pieces.across, j);
    int64_t m = cut(job->m, TGI_GEMM_ROWS, job->pieces.down, i + 1) - top;
    int64_t n = cut(job->n, TGI_GEMM_COLUMNS, job->pieces.across, j + 1) - left;
    MATRIX  a = NAME(part)(job->a, top, 0), b = NAME(part)(job->b, 0, left);
    T      *c = job->c + top * job->n + left;
    if (!job->as_vectors)
        NAME(blocks)(m, n, job->k, a, b, c, job->n, scratch);
    else
        for (int64_t r = 0; r < m; r++)
            NAME(vector_matrix)(job->by_dots, n, job->k, a.at + r * a.row, a.col, b, c + r * job->n, scratch);
}

static void NAME(make_pieces)(const void *some, int share, int64_t from, int64_t to) {
    const NAME(job) *job = some;
    for (int64_t piece = from; piece < to; piece++)
        NAME(make_piece)
    (job, piece / job->pieces.across, piece % job->pieces.across, (T *)(void *)(job->scratch + (size_t)share * job->room));
}

/* With one column, the row that is its transpose is made, by scalar products. */
TGI_KERNEL(NAME(tgi_gemm_builtin),
           (int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row, int64_t b_col,
            T *c, tgi_team *team, void *scratch),
           (m, n, k, a, a_row, a_col, b, b_row, b_col, c, team, scratch)) {
    if (m == 0 || n == 0) return;
    if (k == 0) {
        memset(c, 0, (size_t)(m * n) * sizeof *c);
        return;
    }
    bool turn = m > 1 && n == 1;
    NAME(job) job = {turn ? n : m, turn ? m : n, k, {a, a_row, a_col}, {b, b_row, b_col}, c, .scratch = scratch};
    if (turn) job.a = (MATRIX){b, b_col, b_row}, job.b = (MATRIX){a, a_col, a_row};
    job.by_dots = n == 1;
    job.as_vectors = job.m == 1 || (m < 4 && at_least(TGI_GEMM_PACK, m, n, k));
    job.pieces = pieces_of(job.m, job.n, k, tgi_team_size(team));
    job.room = room_of(m, n, k, sizeof(T));
    int64_t count = job.pieces.down * job.pieces.across;
    tgi_share_out(team, (int)min_of(count, threads_for(m, n, k, tgi_team_size(team))), count, NAME(make_pieces), &job);
}

#undef VECTOR
#undef UNALIGNED_VECTOR
#undef LANES
#undef QUAD
#undef UNALIGNED_QUAD
#undef INTERLEAVE_LOW
#undef INTERLEAVE_HIGH
#undef NR
#undef MULTIPLY_ADD
#undef NUMBER_ADD
#undef MATRIX
#undef PANEL
#undef COLUMNS
#undef END_ROOM
#undef STRIP
