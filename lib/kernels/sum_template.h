/* kernels/sum_template.h: sums of one element type. sum.c includes this file once a type, with T the type, NAME(x) the name of x for
 * that type, and OF(x) what of an element is added up: itself or its square; sum.c also tells how it works.
 *
 * SPDX-License-Identifier: MIT */

#define VECTOR NAME(vector)
#define UNALIGNED_VECTOR NAME(unaligned)
#define WIDTH NAME(lanes)

enum { NAME(vectors) = LANES / WIDTH };
#define VECTORS NAME(vectors)

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

/* A whole axis: blocks, and a tree of their sums. */
static T NAME(add_axis)(int64_t n, const T *x, int64_t stride) {
    int64_t block = stride == 1 ? TGI_SUM_BLOCK : TGI_SUM_STRIDED;
    if (n <= block) return stride == 1 && n >= LANES ? NAME(add_contiguous)(n, x) : NAME(add_strided)(n, x, stride);
    TREE tree;
    tree.count = 0;
    for (int64_t i = 0; i < n; i += block)
        NAME(push)(&tree, NAME(add_axis)(min_of(n - i, block), x + i * stride, stride));
    return NAME(total)(&tree);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* All that the walk over the summed axes comes past, the innermost axis being a run of n. */
static T NAME(add_runs)(walk runs, int64_t count, int64_t n, const T *x, int64_t stride) {
    TREE tree;
    tree.count = 0;
    for (; count > 0; count--)
        NAME(push)(&tree, NAME(add_axis)(n, x + next(&runs), stride));
    return NAME(total)(&tree);
}

static void NAME(sum_rows)(walk kept, const walk *sum, const T *x, T *out) {
    int64_t n, stride, elements = steps(&kept);
    walk    runs = without_inner(*sum, &n, &stride);
    int64_t count = steps(&runs);
    for (int64_t i = 0; i < elements; i++) {
        const T *from = x + next(&kept);
        out[i] = count == 1 ? NAME(add_axis)(n, from, stride) : NAME(add_runs)(runs, count, n, from, stride);
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

/* sum = row, or sum += row. */
static void NAME(add_row)(int64_t n, const T *row, T *sum, bool add) {
    int64_t j = 0;
    for (; j + WIDTH <= n; j += WIDTH) {
        VECTOR one = OF(*(const UNALIGNED_VECTOR *)(row + j));
        if (add) one = *(UNALIGNED_VECTOR *)(sum + j) + one;
        *(UNALIGNED_VECTOR *)(sum + j) = one;
    }
    for (; j < n; j++)
        sum[j] = add ? sum[j] + OF(row[j]) : OF(row[j]);
}

/* The same with eight rows, one after the other. */
static void NAME(add_8_rows)(int64_t n, const T *const *row, T *sum, bool add) {
    int64_t j = 0;
    for (; j + WIDTH <= n; j += WIDTH) {
        VECTOR eight = OF(*(const UNALIGNED_VECTOR *)(row[0] + j));
        if (add) eight += *(UNALIGNED_VECTOR *)(sum + j);
        UNROLL for (int r = 1; r < 8; r++) eight += OF(*(const UNALIGNED_VECTOR *)(row[r] + j));
        *(UNALIGNED_VECTOR *)(sum + j) = eight;
    }
    for (; j < n; j++) {
        T eight = add ? sum[j] + OF(row[0][j]) : OF(row[0][j]);
        for (int r = 1; r < 8; r++)
            eight += OF(row[r][j]);
        sum[j] = eight;
    }
}

static void NAME(add_block)(walk *rows, int64_t count, int64_t n, const T *x, T *sum) {
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

/* sum = the next `count` rows, n elements of each. Each level of the recursion, eight times as many rows, takes n elements of
 * `spare`. */
static void NAME(add_rows)(walk *rows, int64_t count, int64_t n, const T *x, T *sum, T *spare) {
    if (count <= TGI_SUM_ROWS) {
        NAME(add_block)(rows, count, n, x, sum);
        return;
    }
    int64_t part = part_of(count);
    NAME(add_rows)(rows, part, n, x, sum, spare);
    for (int64_t i = part; i < count; i += part) {
        NAME(add_rows)(rows, min_of(count - i, part), n, x, spare, spare + n);
        NAME(add_sums)(n, spare, sum);
    }
}

static void NAME(sum_columns)(const walk *kept, const walk *sum, const T *x, T *out) {
    T       spare[SPARE_BYTES / sizeof(T)];
    int64_t n, one, rows = steps(sum);
    walk    rest = without_inner(*kept, &n, &one);
    int64_t blocks = steps(&rest), width = (int64_t)(sizeof spare / sizeof *spare) / levels_of(rows);
    for (; blocks > 0; blocks--, out += n) {
        const T *from = x + next(&rest);
        for (int64_t j = 0; j < n; j += width) {
            walk w = *sum;
            NAME(add_rows)(&w, rows, min_of(n - j, width), from + j, out + j, spare);
        }
    }
}

#ifndef SQUARES
/* ---- in pieces --------------------------------------------------------------------------------------------------- */

static void NAME(sum_block)(int64_t rows, int64_t n, const T *x, bool add, T *sum) {
    if (n == 1) {
        T block = NAME(add_axis)(rows, x, 1);
        *sum = add ? *sum + block : block;
        return;
    }
    for (; rows >= 8; rows -= 8, x += 8 * n, add = true)
        NAME(add_8_rows)
    (n, (const T *const[]){x, x + n, x + 2 * n, x + 3 * n, x + 4 * n, x + 5 * n, x + 6 * n, x + 7 * n}, sum, add);
    for (; rows > 0; rows--, x += n, add = true)
        NAME(add_row)(n, x, sum, add);
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
    int64_t start;
    walk    kept = merged(axes->kept_rank, axes->kept_dims, axes->kept_strides);
    walk    sum = ordered(axes->sum_rank, axes->sum_dims, axes->sum_strides, &start);
    int64_t elements = steps(&kept);
    if (elements == 0) return;
    if (steps(&sum) == 0)
        memset(out, 0, (size_t)elements * sizeof *out);
    else if (in_columns(&kept, &sum))
        NAME(sum_columns)(&kept, &sum, x + start, out);
    else
        NAME(sum_rows)(kept, &sum, x + start, out);
}

#undef VECTOR
#undef UNALIGNED_VECTOR
#undef WIDTH
#undef VECTORS
#undef TREE
