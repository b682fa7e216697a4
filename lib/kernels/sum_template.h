/* kernels/sum_template.h: sums of one element type. sum.c includes this file once a type, with T the type, NAME(x) the name of x for
 * that type, and OF(x) what of an element is added up: itself or its square; sum.c also tells how it works.
 *
 * SPDX-License-Identifier: MIT */

#define VECTOR NAME(vector)
#define UNALIGNED_VECTOR NAME(unaligned)
#define WIDTH NAME(lanes)
#define QUAD NAME(quad)
#define UNALIGNED_QUAD NAME(unaligned_quad)

/* GROUP elements of the result, a line of the cache, are made at once of runs that are copied. */
enum { NAME(vectors) = LANES / WIDTH, NAME(group) = 64 / sizeof(T) };
#define VECTORS NAME(vectors)
#define GROUP NAME(group)

/* ---- numbers that come one after the other ----------------------------------------------------------------------- */

/* Adds up numbers as a balanced tree would: level i holds the sum of 2^i of them, where bit i of count is 1. */
typedef struct NAME(tree) {
    uint64_t count;
    T        level[64];
} NAME(tree);
#define TREE NAME(tree)

static void NAME(push)(TREE *tree, T x) {
    int i = 0;
    for (; tree->count >> i & 1; i++)
        x = tree->level[i] + x;
    tree->level[i] = x;
    tree->count++;
}

static T NAME(total)(const TREE *tree) {
    T sum = 0;
    for (int i = 0; tree->count >> i > 0; i++)
        if (tree->count >> i & 1) sum = tree->level[i] + sum;
    return sum;
}

/* ---- along an axis ----------------------------------------------------------------------------------------------- */

/* n >= LANES contiguous numbers: LANES sums side by side, then halved until one is left. */
static T NAME(add_contiguous)(int64_t n, const T *x) {
    VECTOR  sum[VECTORS];
    int64_t i = LANES;
    UNROLL for (int v = 0; v < VECTORS; v++) sum[v] = OF(*(const UNALIGNED_VECTOR *)(x + v * WIDTH));
    for (; i + LANES <= n; i += LANES)
        UNROLL for (int v = 0; v < VECTORS; v++) sum[v] += OF(*(const UNALIGNED_VECTOR *)(x + i + v * WIDTH));
    UNROLL for (int half = VECTORS / 2; half > 0; half /= 2) UNROLL for (int v = 0; v < half; v++) sum[v] += sum[v + half];
    T lane[WIDTH];
    *(UNALIGNED_VECTOR *)lane = sum[0];
    for (int half = WIDTH / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lane[l] += lane[l + half];
    T rest = 0;
    for (; i < n; i++)
        rest += OF(x[i]);
    return lane[0] + rest;
}

/* n numbers, `stride` elements apart: four sums side by side. */
static T NAME(add_strided)(int64_t n, const T *x, int64_t stride) {
    T       sum[4] = {0, 0, 0, 0};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        UNROLL for (int l = 0; l < 4; l++) sum[l] += OF(x[(i + l) * stride]);
    for (; i < n; i++)
        sum[0] += OF(x[i * stride]);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* A block of a run; LANES or more in lanes are contiguous. */
static T NAME(add_block)(bool in_lanes, int64_t n, const T *x, int64_t stride) {
    return in_lanes && n >= LANES ? NAME(add_contiguous)(n, x) : NAME(add_strided)(n, x, stride);
}

static int64_t NAME(block_of)(bool in_lanes) {
    return in_lanes ? TGI_SUM_BLOCK : TGI_SUM_STRIDED;
}

/* A whole run: blocks, and a tree of their sums. */
static T NAME(add_run)(bool in_lanes, int64_t n, const T *x, int64_t stride) {
    int64_t block = NAME(block_of)(in_lanes);
    if (n <= block) return NAME(add_block)(in_lanes, n, x, stride);
    TREE tree;
    tree.count = 0;
    for (int64_t i = 0; i < n; i += block)
        NAME(push)(&tree, NAME(add_block)(in_lanes, min_of(n - i, block), x + i * stride, stride));
    return NAME(total)(&tree);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* All that the walk over the summed axes comes past, the innermost axis being a run of n. */
static T NAME(add_runs)(bool in_lanes, walk runs, int64_t count, int64_t n, const T *x, int64_t stride) {
    TREE tree;
    tree.count = 0;
    for (; count > 0; count--)
        NAME(push)(&tree, NAME(add_run)(in_lanes, n, x + next(&runs), stride));
    return NAME(total)(&tree);
}

/* The four sums side by side of fewer than LANES numbers; what is left over goes to the first of them, as in add_strided. */
static ALWAYS_INLINE void NAME(four_sums)(int64_t n, const T *x, T *four) {
    QUAD    sum = {0};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        sum += OF(*(const UNALIGNED_QUAD *)(x + i));
    for (; i < n; i++)
        sum += (QUAD){OF(x[i])};
    *(UNALIGNED_QUAD *)four = sum;
}

/* Rows of fewer than LANES numbers, `pitch` elements apart: the same sums as those of add_strided, to the bit, of four rows at a time. */
static void NAME(sum_short_rows)(int64_t rows, int64_t n, const T *x, int64_t pitch, T *out) {
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4, x += 4 * pitch) {
        T sum[4][4];
        UNROLL for (int j = 0; j < 4; j++) NAME(four_sums)(n, x + j * pitch, sum[j]);
        UNROLL for (int j = 0; j < 4; j++) out[r + j] = (sum[j][0] + sum[j][1]) + (sum[j][2] + sum[j][3]);
    }
    for (; r < rows; r++, x += pitch)
        out[r] = NAME(add_strided)(n, x, 1);
}

static void NAME(sum_rows)(layout *l, const T *x, T *out) {
    int64_t n, stride, elements = steps(&l->kept);
    walk    kept = l->kept, runs = without_inner(l->sum, &n, &stride);
    int64_t count = steps(&runs);
    bool    in_lanes = l->in_lanes, short_runs = count == 1 && n <= NAME(block_of)(in_lanes);
    if (count == 1 && n < LANES && stride == 1 && kept.rank == 1) {
        NAME(sum_short_rows)(elements, n, x, kept.strides[0], out);
        return;
    }
    for (int64_t i = 0; i < elements; i++) {
        const T *from = x + next(&kept);
        if (short_runs)
            out[i] = NAME(add_block)(in_lanes, n, from, stride);
        else if (count == 1)
            out[i] = NAME(add_run)(in_lanes, n, from, stride);
        else
            out[i] = NAME(add_runs)(in_lanes, runs, count, n, from, stride);
    }
}

/* ---- rows that are copied ---------------------------------------------------------------------------------------- */

/* The next n elements of the walk, for each of `count` elements of the result: copies PITCH apart. */
static void NAME(copy_block)(walk *w, int64_t n, int count, const int64_t *at, const T *x, T *copy) {
    int64_t from[TGI_SUM_BLOCK];
    next_n(w, n, from);
    if (count == GROUP)
        for (int64_t i = 0; i < n; i++)
            UNROLL for (int j = 0; j < GROUP; j++) copy[j * PITCH + i] = x[at[j] + from[i]];
    else
        for (int j = 0; j < count; j++)
            for (int64_t i = 0; i < n; i++)
                copy[j * PITCH + i] = x[at[j] + from[i]];
}

/* sum[j] = the next run of the walk for the element of the result whose first is at at[j]. */
static void NAME(add_copied_run)(const layout *l, walk *w, int count, const int64_t *at, const T *x, T *sum) {
    T       copy[GROUP * PITCH];
    TREE    trees[GROUP];
    int64_t block = NAME(block_of)(l->in_lanes);
    for (int j = 0; j < count; j++)
        trees[j].count = 0;
    for (int64_t i = 0; i < l->run; i += block) {
        int64_t n = min_of(l->run - i, block);
        NAME(copy_block)(w, n, count, at, x, copy);
        for (int j = 0; j < count; j++) {
            sum[j] = NAME(add_block)(l->in_lanes, n, copy + j * PITCH, 1);
            if (l->run > block) NAME(push)(&trees[j], sum[j]);
        }
    }
    for (int j = 0; j < count && l->run > block; j++)
        sum[j] = NAME(total)(&trees[j]);
}

static void NAME(sum_copied_rows)(layout *l, const T *x, T *out) {
    int64_t elements = steps(&l->kept), runs = steps(&l->sum) / l->run, at[GROUP];
    TREE    trees[GROUP];
    for (int64_t i = 0; i < elements; i += GROUP, out += GROUP) {
        int  count = (int)min_of(elements - i, GROUP);
        walk w = l->sum;
        for (int j = 0; j < count; j++) {
            at[j] = next(&l->kept);
            trees[j].count = 0;
        }
        for (int64_t run = 0; run < runs; run++) {
            NAME(add_copied_run)(l, &w, count, at, x, out);
            for (int j = 0; j < count && runs > 1; j++)
                NAME(push)(&trees[j], out[j]);
        }
        for (int j = 0; j < count && runs > 1; j++)
            out[j] = NAME(total)(&trees[j]);
    }
}

/* ---- columns ----------------------------------------------------------------------------------------------------- */

/* sum += the sums of other rows. */
static void NAME(add_sums)(int64_t n, const T *more, T *sum) {
    int64_t j = 0;
    for (; j + WIDTH <= n; j += WIDTH)
        *(UNALIGNED_VECTOR *)(sum + j) += *(const UNALIGNED_VECTOR *)(more + j);
    for (; j < n; j++)
        sum[j] += more[j];
}

/* sum = 0 + row, so that it is not -0.0, or sum += row. */
static void NAME(add_row)(int64_t n, const T *row, T *sum, bool add) {
    int64_t j = 0;
    for (; j + WIDTH <= n; j += WIDTH) {
        VECTOR one = {0};
        if (add) one = *(UNALIGNED_VECTOR *)(sum + j);
        *(UNALIGNED_VECTOR *)(sum + j) = one + OF(*(const UNALIGNED_VECTOR *)(row + j));
    }
    for (; j < n; j++)
        sum[j] = (add ? sum[j] : 0) + OF(row[j]);
}

/* The same with several rows, a constant number, one after the other. */
static ALWAYS_INLINE void NAME(add_rows_at_once)(int rows, int64_t n, const T *const *row, T *sum, bool add) {
    int64_t j = 0;
    for (; j + WIDTH <= n; j += WIDTH) {
        VECTOR all = {0};
        if (add) all = *(UNALIGNED_VECTOR *)(sum + j);
        UNROLL for (int r = 0; r < rows; r++) all += OF(*(const UNALIGNED_VECTOR *)(row[r] + j));
        *(UNALIGNED_VECTOR *)(sum + j) = all;
    }
    for (; j < n; j++) {
        T all = add ? sum[j] : 0;
        for (int r = 0; r < rows; r++)
            all += OF(row[r][j]);
        sum[j] = all;
    }
}

static void NAME(add_8_rows)(int64_t n, const T *const *row, T *sum, bool add) {
    NAME(add_rows_at_once)(8, n, row, sum, add);
}

/* sum = the next `count` rows, at most ROWS of them. */
static void NAME(add_block_of_rows)(walk *rows, int64_t count, int64_t n, const T *x, T *sum) {
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        int64_t  at[8];
        const T *row[8];
        next_8(rows, at);
        for (int r = 0; r < 8; r++)
            row[r] = x + at[r];
        NAME(add_8_rows)(n, row, sum, i > 0);
    }
    for (; i < count; i++)
        NAME(add_row)(n, x + next(rows), sum, i > 0);
}

/* The same rows, of which the columns say where their elements are: eight are copied at a time. */
static void NAME(add_copied_rows)(walk *rows, int64_t count, int64_t n, const int64_t *columns, const T *x, T *sum) {
    T copy[8 * COPIED];
    for (int64_t i = 0; i < count; i += 8) {
        int64_t  at[8], some = min_of(count - i, 8);
        const T *row[8];
        next_n(rows, some, at);
        for (int r = 0; r < 8; r++)
            row[r] = copy + r * COPIED;
        if (some == 8) {
            for (int64_t j = 0; j < n; j++)
                UNROLL for (int r = 0; r < 8; r++) copy[r * COPIED + j] = x[at[r] + columns[j]];
            NAME(add_8_rows)(n, row, sum, i > 0);
            continue;
        }
        for (int64_t r = 0; r < some; r++) {
            for (int64_t j = 0; j < n; j++)
                copy[j] = x[at[r] + columns[j]];
            NAME(add_row)(n, copy, sum, i + r > 0);
        }
    }
}

/* sum = the next `count` rows, n elements of each. Each level of the recursion, eight times as many rows, takes n elements of
 * `spare`. */
static void NAME(add_rows)(walk *rows, int64_t count, int64_t n, const int64_t *columns, const T *x, T *sum, T *spare) {
    if (count <= TGI_SUM_ROWS) {
        if (columns)
            NAME(add_copied_rows)(rows, count, n, columns, x, sum);
        else
            NAME(add_block_of_rows)(rows, count, n, x, sum);
        return;
    }
    int64_t part = part_of(count);
    NAME(add_rows)(rows, part, n, columns, x, sum, spare);
    for (int64_t i = part; i < count; i += part) {
        NAME(add_rows)(rows, min_of(count - i, part), n, columns, x, spare, spare + n);
        NAME(add_sums)(n, spare, sum);
    }
}

static int64_t NAME(width_for)(int64_t rows) {
    return (int64_t)(SPARE_BYTES / sizeof(T)) / levels_of(rows);
}

static void NAME(sum_columns)(layout *l, const T *x, T *out) {
    T       spare[SPARE_BYTES / sizeof(T)];
    int64_t n, one, rows = steps(&l->sum), width = NAME(width_for)(rows);
    walk    rest = without_inner(l->kept, &n, &one);
    for (int64_t blocks = steps(&rest); blocks > 0; blocks--, out += n) {
        const T *from = x + next(&rest);
        for (int64_t j = 0; j < n; j += width) {
            walk w = l->sum;
            NAME(add_rows)(&w, rows, min_of(n - j, width), NULL, from + j, out + j, spare);
        }
    }
}

static void NAME(sum_copied_columns)(layout *l, const T *x, T *out) {
    T       spare[SPARE_BYTES / sizeof(T)];
    int64_t columns[COPIED], n, all = steps(&l->kept), rows = steps(&l->sum), width = min_of(COPIED, NAME(width_for)(rows));
    for (int64_t j = 0; j < all; j += n) {
        walk w = l->sum;
        n = min_of(all - j, width);
        next_n(&l->kept, n, columns);
        NAME(add_rows)(&w, rows, n, columns, x, out + j, spare);
    }
}

#ifndef SQUARES
/* ---- in pieces --------------------------------------------------------------------------------------------------- */

static void NAME(sum_block)(int64_t rows, int64_t n, const T *x, bool add, T *sum) {
    if (n == 1) {
        T block = NAME(add_run)(true, rows, x, 1);
        *sum = add ? *sum + block : block;
        return;
    }
    for (; rows >= 8; rows -= 8, x += 8 * n, add = true)
        NAME(add_8_rows)
    (n, (const T *const[]){x, x + n, x + 2 * n, x + 3 * n, x + 4 * n, x + 5 * n, x + 6 * n, x + 7 * n}, sum, add);
    for (; rows >= 2; rows -= 2, x += 2 * n, add = true)
        NAME(add_rows_at_once)(2, n, (const T *const[]){x, x + n}, sum, add);
    if (rows > 0) NAME(add_row)(n, x, sum, add);
}

/* Into the first of them: parts of eight, then of eight such parts, and so on, as add_rows does. */
static void NAME(sum_blocks)(int64_t blocks, int64_t n, T *sums, T *out) {
    if (n == 1) {
        TREE tree;
        tree.count = 0;
        for (int64_t b = 0; b < blocks; b++)
            NAME(push)(&tree, sums[b]);
        *out = blocks == 1 ? sums[0] : NAME(total)(&tree);
        return;
    }
    for (int64_t step = 1; step < blocks; step *= 8)
        for (int64_t b = 0; b < blocks; b += step)
            if (b % (8 * step)) NAME(add_sums)(n, sums + b * n, sums + b / (8 * step) * (8 * step) * n);
    memcpy(out, sums, (size_t)n * sizeof *out);
}
#endif

/* ---- the sum ----------------------------------------------------------------------------------------------------- */

static void NAME(sum)(const tgi_sum_axes *axes, const T *x, T *out) {
    layout l;
    lay_out(axes, &l);
    int64_t elements = steps(&l.kept);
    if (elements == 0) return;
    if (steps(&l.sum) == 0)
        memset(out, 0, (size_t)elements * sizeof *out);
    else if (l.in_columns)
        (l.copied ? NAME(sum_copied_columns) : NAME(sum_columns))(&l, x, out);
    else
        (l.copied ? NAME(sum_copied_rows) : NAME(sum_rows))(&l, x, out);
}

#undef VECTOR
#undef UNALIGNED_VECTOR
#undef WIDTH
#undef VECTORS
#undef TREE
#undef GROUP
#undef QUAD
#undef UNALIGNED_QUAD
