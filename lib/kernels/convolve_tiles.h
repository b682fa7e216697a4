/* kernels/convolve_tiles.h: convolution by tiles in registers, for one element type. convolve.c includes this file once a type,
 * after convolve_planes.h.
 *
 * SPDX-License-Identifier: MIT */

/* ---- tiles ------------------------------------------------------------------------------------------------------- */

/* C (+)= A B for a few rows of A: element (i, k) of A is a[i a_row + k a_col]; row k of B begins at b + offsets[k], or, for
 * offsets of NULL, at b + k b_row; row i of C at c + i c_row. Rows have `count` elements, a whole number of vectors. */
typedef struct NAME(strip) {
    int64_t        depth, count;
    const T       *a;
    int64_t        a_row, a_col;
    const T       *b;
    const int64_t *offsets;
    int64_t        b_row;
    T             *c;
    int64_t        c_row;
} NAME(strip);
#define STRIP NAME(strip)

/* The tile from element q on. rows, vectors, indirect and add are constants, so that sum lives in registers. */
static ALWAYS_INLINE void NAME(tile)(int rows, int vectors, bool indirect, bool add, const STRIP *s, int64_t q) {
    VECTOR sum[MOST_ROWS][MOST_VECTORS];
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = (VECTOR){0};
    const T *a = s->a, *b = s->b + q;
    int64_t  a_row = s->a_row, a_col = s->a_col, b_row = s->b_row, depth = s->depth;
    for (int64_t k = 0; k < depth; k++, a += a_col) {
        const UNALIGNED_VECTOR *bk = (const UNALIGNED_VECTOR *)(b + (indirect ? s->offsets[k] : k * b_row));
        VECTOR                  bv[MOST_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) bv[v] = bk[v];
        UNROLL for (int i = 0; i < rows; i++) {
            T ai = a[i * a_row];
            UNROLL for (int v = 0; v < vectors; v++) sum[i][v] += ai * bv[v];
        }
    }
    UNROLL for (int i = 0; i < rows; i++) {
        UNALIGNED_VECTOR *ci = (UNALIGNED_VECTOR *)(s->c + i * s->c_row + q);
        UNROLL for (int v = 0; v < vectors; v++) ci[v] = add ? (VECTOR)(ci[v] + sum[i][v]) : sum[i][v];
    }
}

static ALWAYS_INLINE void NAME(strip_of)(int rows, int vectors, bool indirect, bool add, const STRIP *s) {
    int64_t q = 0;
    for (; q + vectors * LANES <= s->count; q += vectors * LANES)
        NAME(tile)(rows, vectors, indirect, add, s, q);
    for (; q < s->count; q += LANES)
        NAME(tile)(rows, 1, indirect, add, s, q);
}

/* As many vectors beside as many rows as fill the registers. */
#define STRIPS(rows, vectors) \
    static NO_INLINE void NAME(strip_##rows)(const STRIP *s) { \
        NAME(strip_of)(rows, vectors, true, false, s); \
    } \
    static NO_INLINE void NAME(back_strip_##rows)(const STRIP *s) { \
        NAME(strip_of)(rows, vectors, false, true, s); \
    }
STRIPS(6, 2)
STRIPS(4, 3)
STRIPS(2, 4)
STRIPS(1, 8)
#undef STRIPS

/* How many of the rows that are left are done next. */
static int64_t NAME(next_rows)(int64_t left) {
    return left >= 6 ? 6 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

static void NAME(some_rows)(const STRIP *s, int64_t rows) {
    (rows == 6 ? NAME(strip_6) : rows == 4 ? NAME(strip_4) : rows == 2 ? NAME(strip_2) : NAME(strip_1))(s);
}

static void NAME(some_back_rows)(const STRIP *s, int64_t rows) {
    (rows == 6 ? NAME(back_strip_6) : rows == 4 ? NAME(back_strip_4) : rows == 2 ? NAME(back_strip_2) : NAME(back_strip_1))(s);
}

/* The elements of a tile's rows, the positions between them included. */
static int64_t NAME(length)(const conv_plan *p, const area *a) {
    return round_up((a->size[0] - 1) * p->plane[1] + a->size[1], LANES);
}

/* One tile of a section. */
static void NAME(tiles)(const conv_plan *p, const WORK *work, const section *of, const area *a, const T *x, const T *w,
                        const T *bias, T *y) {
    const tgi_conv *c = p->c;
    STRIP           s = {.depth = p->in * p->taps,
                         .count = NAME(length)(p, a),
                         .a_row = p->in * p->taps,
                         .a_col = 1,
                         .b = work->planes,
                         .offsets = work->offsets,
                         .c = work->rows,
                         .c_row = p->pitch};
    NAME(fill)(p, of, a->at, x, work->planes);
    for (int64_t o = 0, rows; o < c->out; o += rows) {
        rows = NAME(next_rows)(c->out - o);
        s.a = w + o * s.depth;
        NAME(some_rows)(&s, rows);
        NAME(put)(p, of, a, o, rows, work->rows, p->plane[1], p->pitch, bias, y);
    }
}

/* One tile of a section, added to the planes of `channels` of its channels. Rows that are made together belong to different
 * channels: they do not overlap. */
static void NAME(back_tile)(const conv_plan *p, const WORK *work, const section *of, const area *a, int64_t channels,
                            const T *y, const T *w) {
    const tgi_conv *c = p->c;
    T              *planes = work->planes + a->at[0] * p->plane[1] + a->at[1];
    STRIP           s = {.depth = c->out,
                         .count = NAME(length)(p, a),
                         .a_row = p->taps,
                         .a_col = p->in * p->taps,
                         .b = work->rows,
                         .b_row = p->pitch,
                         .c_row = p->channel};
    NAME(take)(p, of, a, y, p->plane[1], p->pitch, s.count, work->rows);
    for (int64_t i = 0, rows; i < channels; i += rows) {
        rows = NAME(next_rows)(channels - i);
        for (int64_t tap = 0; tap < p->taps; tap++) {
            s.a = w + i * p->taps + tap;
            s.c = planes + work->offsets[i * p->taps + tap];
            NAME(some_back_rows)(&s, rows);
        }
    }
}

/* All tiles of a section, a block of channels at a time. */
static void NAME(back_tiles)(const conv_plan *p, const WORK *work, const section *of, const T *y, const T *w, T *x) {
    for (int64_t i = 0; i < p->in; i += p->block) {
        int64_t channels = min_of(p->block, p->in - i);
        NAME(set)(channels * p->channel, 0, work->planes);
        for (int64_t tile = 0; tile < tiles_of(p); tile++) {
            area a = area_of(p, tile);
            NAME(back_tile)(p, work, of, &a, channels, y, w + i * p->taps);
        }
        NAME(unfill)(p, of, i, channels, work->planes, x);
    }
}

typedef T NAME(narrow) __attribute__((vector_size(NARROW_BYTES)));
typedef T NAME(unaligned_narrow) __attribute__((vector_size(NARROW_BYTES), aligned(sizeof(T)), may_alias));
#define NARROW NAME(narrow)
#define UNALIGNED_NARROW NAME(unaligned_narrow)

enum { NAME(narrow_lanes) = NARROW_BYTES / sizeof(T) };
#define NARROW_LANES NAME(narrow_lanes)

/* w[o][t] (+)= the scalar product of row o of the result with row t of the planes, over `images` of them, for rows x taps of
 * them, both constants. */
typedef struct NAME(scalars) {
    int64_t        images, count;
    const T       *y;
    int64_t        y_row, y_image;
    const T       *x;
    const int64_t *offsets;
    int64_t        x_image;
    T             *w;
    int64_t        w_row;
    bool           add;
} NAME(scalars);
#define SCALARS NAME(scalars)

static ALWAYS_INLINE void NAME(scalars_of)(int rows, int taps, const SCALARS *s, int64_t o, int64_t t) {
    NARROW sum[4][3];
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < taps; j++) sum[i][j] = (NARROW){0};
    for (int64_t n = 0; n < s->images; n++) {
        const T *y = s->y + o * s->y_row + n * s->y_image, *x = s->x + n * s->x_image;
        const T *xt[3];
        UNROLL for (int j = 0; j < taps; j++) xt[j] = x + s->offsets[t + j];
        for (int64_t q = 0; q < s->count; q += NARROW_LANES) {
            NARROW xv[3];
            UNROLL for (int j = 0; j < taps; j++) xv[j] = *(const UNALIGNED_NARROW *)(xt[j] + q);
            UNROLL for (int i = 0; i < rows; i++) {
                NARROW yv = *(const UNALIGNED_NARROW *)(y + i * s->y_row + q);
                UNROLL for (int j = 0; j < taps; j++) sum[i][j] += yv * xv[j];
            }
        }
    }
    UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < taps; j++) {
        T total = 0, *w = s->w + (o + i) * s->w_row + t + j;
        UNROLL for (int lane = 0; lane < NARROW_LANES; lane++) total += sum[i][j][lane];
        *w = s->add ? *w + total : total;
    }
}

#define SCALARS_OF(rows) \
    static NO_INLINE void NAME(scalars_##rows)(const SCALARS *s, int64_t o, int64_t taps) { \
        int64_t t = 0; \
        for (; t + 3 <= taps; t += 3) \
            NAME(scalars_of)(rows, 3, s, o, t); \
        for (; t < taps; t++) \
            NAME(scalars_of)(rows, 1, s, o, t); \
    }
SCALARS_OF(4)
SCALARS_OF(2)
SCALARS_OF(1)
#undef SCALARS_OF

/* One tile, of one group of the sections from `from` up to and without `to`, added to w unless it is the first. */
static void NAME(weight_tiles)(const conv_plan *p, const WORK *work, const area *a, int64_t group, int64_t from, int64_t to,
                               const T *x, const T *y, T *w, bool first) {
    const tgi_conv *c = p->c;
    int64_t         depth = p->in * p->taps, o = 0;
    SCALARS         s = {.images = to - from,
                         .count = NAME(length)(p, a),
                         .y = work->rows,
                         .y_row = p->pitch,
                         .y_image = c->out * p->pitch,
                         .x = work->planes,
                         .offsets = work->offsets,
                         .x_image = p->in * p->channel,
                         .w = w,
                         .w_row = depth,
                         .add = !first};
    for (int64_t n = from; n < to; n++) {
        section of = section_of(c, n, group);
        NAME(fill)(p, &of, a->at, x, work->planes + (n - from) * s.x_image);
        NAME(take)(p, &of, a, y, p->plane[1], p->pitch, s.count, work->rows + (n - from) * s.y_image);
    }
    for (; o + 4 <= c->out; o += 4)
        NAME(scalars_4)(&s, o, depth);
    for (; o + 2 <= c->out; o += 2)
        NAME(scalars_2)(&s, o, depth);
    for (; o < c->out; o++)
        NAME(scalars_1)(&s, o, depth);
}
