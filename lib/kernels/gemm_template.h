/* kernels/gemm_template.h: the built-in product for one element type. gemm_builtin.c includes this file once a type, with T the
 * type and NAME(x) the name of x for that type; gemm_builtin.c also tells how it works.
 *
 * SPDX-License-Identifier: MIT */

#define VECTOR NAME(vector)
#define UNALIGNED_VECTOR NAME(unaligned)
#define HALF NAME(half)
#define UNALIGNED_HALF NAME(unaligned_half)
#define LANES NAME(lanes)
#define QUAD NAME(quad)
#define UNALIGNED_QUAD NAME(unaligned_quad)

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
#define HALF_MULTIPLY_ADD NAME(HALF_MULTIPLY_ADD)
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

/* The sums of a tile: some vectors a row, and half a one. */
typedef struct NAME(sums) {
    VECTOR of[MR][MOST_VECTORS];
    HALF   more[MR];
} NAME(sums);
#define SUMS NAME(sums)

static ALWAYS_INLINE int NAME(width_of)(int vectors, bool half) {
    return vectors * LANES + half * (LANES / 2);
}

/* s = A B for `rows` rows of A and some columns of B. Inlined with constant numbers of these, so that s lives in registers. */
static ALWAYS_INLINE void NAME(multiply)(int rows, int vectors, bool half, int64_t k, const T *a, int64_t a_row, int64_t a_col,
                                         PANEL b, SUMS *s) {
    UNROLL for (int i = 0; i < rows; i++) {
        UNROLL for (int v = 0; v < vectors; v++) s->of[i][v] = (VECTOR){0};
        if (half) s->more[i] = (HALF){0};
    }
    const T *bp = b.at;
    for (int64_t p = 0; p < k; p++, bp += b.row) {
        if (p == b.whole) bp = b.end;
        VECTOR bv[MOST_VECTORS];
        HALF   bh = {0};
        UNROLL for (int v = 0; v < vectors; v++) bv[v] = *(const UNALIGNED_VECTOR *)(bp + v * LANES);
        if (half) bh = *(const UNALIGNED_HALF *)(bp + vectors * LANES);
        UNROLL for (int i = 0; i < rows; i++) {
            T      number = a[i * a_row + p * a_col];
            VECTOR ai = number - (VECTOR){0};
            UNROLL for (int v = 0; v < vectors; v++) s->of[i][v] = MULTIPLY_ADD(ai, bv[v], s->of[i][v]);
            if (half) s->more[i] = HALF_MULTIPLY_ADD(number - (HALF){0}, bh, s->more[i]);
        }
    }
}

/* Puts the first `cols` columns of a tile into c, or adds them to what is there. */
static NO_INLINE void NAME(put_columns)(int rows, int64_t width, int64_t cols, const T *sum, T *c, int64_t pitch, bool add) {
    for (int i = 0; i < rows; i++, sum += width, c += pitch)
        for (int64_t j = 0; j < cols; j++)
            c[j] = add ? c[j] + sum[j] : sum[j];
}

/* The same for all columns. */
static ALWAYS_INLINE void NAME(put_all)(int rows, int vectors, bool half, const SUMS *s, T *c, int64_t pitch, bool add) {
    UNROLL for (int i = 0; i < rows; i++, c += pitch) {
        UNROLL for (int v = 0; v < vectors; v++) {
            UNALIGNED_VECTOR *to = (UNALIGNED_VECTOR *)(c + v * LANES);
            *to = add ? s->of[i][v] + *to : s->of[i][v];
        }
        UNALIGNED_HALF *to = (UNALIGNED_HALF *)(c + vectors * LANES);
        if (half) *to = add ? s->more[i] + *to : s->more[i];
    }
}

/* And for all, or some of them. Some take a call, with the tile in memory: else all that code would stand here, and registers go to it
 * that the sums need. */
static ALWAYS_INLINE void NAME(put)(int rows, int vectors, bool half, int64_t cols, const SUMS *s, T *c, int64_t pitch,
                                    bool add) {
    T   some[MR * MOST_VECTORS * LANES];
    int width = NAME(width_of)(vectors, half);
    if (cols == width) {
        NAME(put_all)(rows, vectors, half, s, c, pitch, add);
        return;
    }
    NAME(put_all)(rows, vectors, half, s, some, width, false);
    NAME(put_columns)(rows, width, cols, some, c, pitch, add);
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
static ALWAYS_INLINE void NAME(tiles)(int rows, int vectors, bool half, STRIP *s, int64_t a_row, int64_t a_col, int64_t step) {
    SUMS    sums;
    STRIP   rest = *s;
    int64_t width = NAME(width_of)(vectors, half);
    bool    spills = rest.cols == rest.pitch && !rest.add;
    for (; rest.rows >= rows; rest.rows -= rows) {
        int64_t cols = spills && (rest.rows - rows) * rest.pitch >= width - rest.cols ? width : rest.cols;
        NAME(fetch)(rows, width, rest.k, rest.c, rest.pitch);
        NAME(multiply)(rows, vectors, half, rest.k, rest.a.at, a_row, a_col, rest.b, &sums);
        NAME(put)(rows, vectors, half, cols, &sums, rest.c, rest.pitch, rest.add);
        rest.a.at += step;
        rest.c += rows * rest.pitch;
    }
    *s = rest;
}

static NO_INLINE void NAME(packed_tiles)(STRIP *s) {
    NAME(tiles)(MR, 2, false, s, 1, MR, MR * s->k);
}

static NO_INLINE void NAME(row_tiles)(STRIP *s) {
    NAME(tiles)(MR, 2, false, s, s->a.row, 1, MR * s->a.row);
}

/* C (+)= A B for a strip of so many columns: full tiles, then the fewest lower ones that make the rest. */
#define TILES(height, vectors, half) \
    if (s->rows >= (height)) NAME(tiles)(height, vectors, half, s, s->a.row, s->a.col, (height)*s->a.row)
#define DEFINE_STRIP(name, height, vectors, half) \
    static NO_INLINE void name(STRIP *s) { \
        TILES(height, vectors, half); \
        TILES(4, vectors, half); \
        TILES(2, vectors, half); \
        TILES(1, vectors, half); \
    }
DEFINE_STRIP(NAME(strip_of_1), MR, 1, false)
DEFINE_STRIP(NAME(strip_of_2), MR, 2, false)
DEFINE_STRIP(NAME(strip_of_3), MR_OF_3, 3, false)
DEFINE_STRIP(NAME(strip_of_half), MR, 0, true)
DEFINE_STRIP(NAME(strip_of_1_and_half), MR, 1, true)
DEFINE_STRIP(NAME(strip_of_2_and_half), MR_OF_3, 2, true)
#undef TILES
#undef DEFINE_STRIP

static void NAME(make_strip)(STRIP s, int halves, bool packed) {
    static void (*const strips[])(STRIP *) = {NAME(strip_of_half), NAME(strip_of_1),          NAME(strip_of_1_and_half),
                                              NAME(strip_of_2),    NAME(strip_of_2_and_half), NAME(strip_of_3)};
    if (halves == 4 && s.rows >= MR && (packed || s.a.col == 1)) (packed ? NAME(packed_tiles) : NAME(row_tiles))(&s);
    if (s.rows > 0) strips[halves - 1](&s);
}

#include "gemm_pack.h"

/* ---- panels and blocks ------------------------------------------------------------------------------------------- */

/* A block of B as it is read: the first columns in panels of NR; and the others, if there are any, in a last panel of some halves of vectors. */
typedef struct NAME(columns) {
    PANEL   first, last; /* a panel of the first ones is `step` elements after the one before */
    int64_t step, last_columns;
    int     last_halves;
} NAME(columns);
#define COLUMNS NAME(columns)

/* C (+)= A B for one block of each, strip by strip. */
static void NAME(block)(int64_t m, int64_t n, int64_t k, MATRIX a, bool a_packed, const COLUMNS *b, T *c, int64_t pitch,
                        bool add) {
    PANEL   panel = b->first;
    int64_t j = 0;
    for (; j < n - b->last_columns; j += NR, panel.at += b->step)
        NAME(make_strip)((STRIP){m, NR, k, a, panel, c + j, pitch, add}, 4, a_packed);
    if (j < n) NAME(make_strip)((STRIP){m, n - j, k, a, b->last, c + j, pitch, add}, b->last_halves, a_packed);
}

/* The columns in the last panel of n, if it is not one like the others: what is left over; and where that is one vector, two with it. */
static int64_t NAME(last_columns)(int64_t n) {
    int64_t left = n % NR;
    return left > 0 && left <= LANES && n > NR ? NR + left : left;
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

/* What is in one piece is read where it is, if it may be, and else copied. */
static COLUMNS NAME(columns_of)(int64_t n, int64_t k, MATRIX b, T *panels) {
    bool    direct = b.col == 1;
    int64_t last = NAME(last_columns)(n), whole = n - last, width = round_up(last, LANES / HALVES);
    COLUMNS columns = {.first = {panels, NR, k, NULL},
                       .step = NR * k,
                       .last_columns = last,
                       .last_halves = (int)(2 * width / LANES)};
    MATRIX  rest = NAME(part)(b, 0, whole);
    if (direct) {
        columns.first = (PANEL){b.at, b.row, k, NULL};
        columns.step = NR;
    } else {
        NAME(pack)(NR, whole, k, NAME(transposed)(b), panels, NR * k);
        panels += whole * k;
    }
    if (last > 0) columns.last = (direct && b.row > 0 ? NAME(panel_with_end) : NAME(packed_last))(last, k, width, rest, panels);
    return columns;
}

#include "gemm_vector.h"

/* ---- jobs -------------------------------------------------------------------------------------------------------- */

/* A product, C's rows being `pitch` elements apart, and the pieces of C in which it is shared out. A few long rows are made as vectors. */
typedef struct NAME(job) {
    int64_t m, n, k;
    MATRIX  a, b;
    T      *c;
    int64_t pitch;
    bool    is_large, as_vectors, by_dots;
    pieces  pieces;
    char   *scratch;
    size_t  room; /* of a share */
} NAME(job);

static T *NAME(scratch_of)(const NAME(job) * job, int share) {
    return (T *)(void *)(job->scratch + (size_t)share * job->room);
}

/* ---- a small product --------------------------------------------------------------------------------------------- */

/* Nothing of A is copied, and as little of B as can be. */
static void NAME(small_product)(const NAME(job) * job) {
    for (int64_t j = 0; j < job->n; j += TGI_GEMM_NC)
        for (int64_t p = 0; p < job->k; p += TGI_GEMM_KC) {
            int64_t n = min_of(job->n - j, TGI_GEMM_NC), k = min_of(job->k - p, TGI_GEMM_KC);
            COLUMNS columns = NAME(columns_of)(n, k, NAME(part)(job->b, p, j), NAME(scratch_of)(job, 0));
            for (int64_t i = 0; i < job->m; i += TGI_GEMM_MC) {
                MATRIX a = NAME(part)(job->a, i, p);
                T     *c = job->c + i * job->pitch + j;
                NAME(block)(min_of(job->m - i, TGI_GEMM_MC), n, k, a, false, &columns, c, job->pitch, p > 0);
            }
        }
}

/* ---- a large product --------------------------------------------------------------------------------------------- */

/* A block of B, k x n elements from (p, j), which is copied before pieces of C are made with it. */
typedef struct NAME(step) {
    const NAME(job) * job;
    int64_t j, n, p, k;
    T      *panels;
    COLUMNS columns;
    pieces  pieces;
} NAME(step);
#define STEP NAME(step)

/* Rows of B that are copied at a time. */
enum { NAME(pack_rows_at_once) = 32 };
#define ROWS_AT_ONCE NAME(pack_rows_at_once)

static void NAME(pack_b)(const void *some, int share, int64_t from, int64_t to) {
    const STEP *s = some;
    int64_t     last = s->columns.last_columns, whole = s->n - last;
    (void)share;
    for (int64_t p = from * ROWS_AT_ONCE; p < min_of(s->k, to * ROWS_AT_ONCE); p += ROWS_AT_ONCE) {
        int64_t k = min_of(s->k - p, ROWS_AT_ONCE);
        MATRIX  b = NAME(part)(s->job->b, s->p + p, s->j);
        NAME(pack)(NR, whole, k, NAME(transposed)(b), s->panels + p * NR, s->columns.step);
        if (last > 0) NAME(packed_last)(last, k, NR, NAME(part)(b, 0, whole), s->panels + whole * s->k + p * NR);
    }
}

/* The panels of B from one on, for a piece of that many columns. */
static COLUMNS NAME(columns_from)(const STEP *s, int64_t left, int64_t n) {
    COLUMNS columns = s->columns;
    columns.first.at += left / NR * columns.step;
    if (left + n < s->n) columns.last_columns = 0;
    return columns;
}

/* A piece of C, as far as it comes of this block: rows of A that are contiguous are read where they are, others copied. */
static void NAME(add_piece)(const STEP *s, int64_t number, T *a_panels) {
    const NAME(job) *job = s->job;
    piece   at = piece_of(job->m, s->n, s->pieces, number);
    COLUMNS columns = NAME(columns_from)(s, at.left, at.n);
    bool    pack = job->a.col != 1;
    for (int64_t i = at.top; i < at.top + at.m; i += TGI_GEMM_MC) {
        int64_t m = min_of(at.top + at.m - i, TGI_GEMM_MC);
        MATRIX  a = NAME(part)(job->a, i, s->p);
        if (pack) {
            NAME(pack)(MR, m, s->k, a, a_panels, MR * s->k);
            a = (MATRIX){a_panels, 1, MR};
        }
        NAME(block)(m, at.n, s->k, a, pack, &columns, job->c + i * job->pitch + s->j + at.left, job->pitch, s->p > 0);
    }
}

static void NAME(add_pieces)(const void *some, int share, int64_t from, int64_t to) {
    const STEP *s = some;
    for (int64_t i = from; i < to; i++)
        NAME(add_piece)(s, i, NAME(scratch_of)(s->job, share));
}

static void NAME(do_step)(STEP *s, tgi_team *team) {
    int     threads = tgi_team_size(team);
    int64_t whole = s->n / NR * NR, units = (s->k - 1) / ROWS_AT_ONCE + 1;
    s->columns = (COLUMNS){{s->panels, NR, s->k, NULL}, {s->panels + whole * s->k, NR, s->k, NULL}, NR * s->k, s->n - whole, 4};
    tgi_share_out(team, tgi_shares_of(threads, units, (double)(s->n * s->k), TGI_GEMM_COPIES), units, NAME(pack_b), s);
    s->pieces = pieces_of(s->job->m, s->n, s->k, threads);
    share_out_pieces(team, s->pieces, threads_for(s->job->m, s->n, s->k, threads), NAME(add_pieces), s);
}

/* Blocks of B outside, each copied by all threads for all of them; blocks of A inside. */
static void NAME(large_product)(const NAME(job) * job, tgi_team *team) {
    T *panels = NAME(scratch_of)(job, 0) + a_room(job->m, job->k);
    for (int64_t j = 0; j < job->n; j += TGI_GEMM_NC)
        for (int64_t p = 0; p < job->k; p += TGI_GEMM_KC) {
            int64_t n = min_of(job->n - j, TGI_GEMM_NC), k = min_of(job->k - p, TGI_GEMM_KC);
            NAME(do_step)(&(STEP){.job = job, .j = j, .n = n, .p = p, .k = k, .panels = panels}, team);
        }
}

/* ---- the product ------------------------------------------------------------------------------------------------- */

static void NAME(vectors)(const NAME(job) * job) {
    for (int64_t r = 0; r < job->m; r++)
        NAME(vector_matrix)
    (job->by_dots, job->n, job->k, job->a.at + r * job->a.row, job->a.col, job->b, job->c + r * job->pitch,
     NAME(scratch_of)(job, 0));
}

static void NAME(make_piece)(const NAME(job) * job, int64_t number, char *scratch) {
    piece at = piece_of(job->m, job->n, job->pieces, number);
    NAME(job) one = *job;
    one.m = at.m, one.n = at.n, one.scratch = scratch;
    one.a = NAME(part)(job->a, at.top, 0), one.b = NAME(part)(job->b, 0, at.left);
    one.c += at.top * job->pitch + at.left;
    if (job->as_vectors)
        NAME(vectors)(&one);
    else if (job->is_large)
        NAME(large_product)(&one, NULL);
    else
        NAME(small_product)(&one);
}

static void NAME(make_pieces)(const void *some, int share, int64_t from, int64_t to) {
    const NAME(job) *job = some;
    for (int64_t i = from; i < to; i++)
        NAME(make_piece)(job, i, job->scratch + (size_t)share * job->room);
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
    job.pitch = job.n;
    job.is_large = at_least(TGI_GEMM_PACK, m, n, k);
    job.as_vectors = job.m == 1 || (m < 4 && job.is_large);
    job.by_dots = n == 1;
    job.room = room_of(m, n, k, sizeof(T));
    int threads = threads_for(m, n, k, tgi_team_size(team));
    if (!job.as_vectors && is_worth_steps(m, n, k, threads)) {
        NAME(large_product)(&job, team);
        return;
    }
    job.pieces = pieces_of(job.m, job.n, k, threads);
    share_out_pieces(team, job.pieces, threads, NAME(make_pieces), &job);
}

#undef VECTOR
#undef UNALIGNED_VECTOR
#undef LANES
#undef QUAD
#undef UNALIGNED_QUAD
#undef NR
#undef MULTIPLY_ADD
#undef HALF_MULTIPLY_ADD
#undef HALF
#undef UNALIGNED_HALF
#undef SUMS
#undef NUMBER_ADD
#undef MATRIX
#undef PANEL
#undef COLUMNS
#undef END_ROOM
#undef STRIP
#undef STEP
#undef ROWS_AT_ONCE
