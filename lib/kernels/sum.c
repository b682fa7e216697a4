/* kernels/sum.c: sums over axes.
 *
 * The order of the additions follows from the sizes and from which axes are summed, as if the array were row-major, so that a view and
 * its copy have the same sum, to the bit. Only how the elements are fetched depends on the strides. There are two orders.
 *
 * Rows, where the last axis (of those that are not of size 1) is summed, or is short: each element of the result is the sum of runs,
 * as long as the last axes that are summed. Blocks of a run are added up in lanes side by side, many of them where a row-major run
 * would be one piece of memory, the blocks as a balanced tree, and so are the runs: no number goes through more than some log n
 * additions.
 *
 * Columns, where the last axes stay: whole rows are added to each other, eight at a time, many in a block, eight blocks in a larger one,
 * and so on: log n again.
 *
 * Runs and rows that are one piece of memory are read where they are. Others are copied first, a block at a time, for several elements of
 * the result at once, so that neighbours in memory are used together in whatever order they are wanted.
 *
 * The lanes are the same whatever the vectors of the instruction set, and so are the bits of the result. sum_template.h has the
 * parts that know the type of the elements. Nothing is allocated; the stack holds some tens of KiB.
 *
 * SPDX-License-Identifier: MIT */
#include "sum.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "isa.h"
#include "vector.h"

/* PITCH is the distance of runs that are copied side by side, which keeps them out of each other's sets in the cache; COPIED columns of
 * eight rows are copied at once. */
enum { LANES = 32, SPARE_BYTES = 8192, PITCH = TGI_SUM_BLOCK + 16, COPIED = 256 };

DEFINE_VECTOR(float, of_squares_f32)
DEFINE_VECTOR(double, of_squares_f64)
DEFINE_QUAD(float, int32_t, of_squares_f32)
DEFINE_QUAD(double, int64_t, of_squares_f64)

/* ---- axes -------------------------------------------------------------------------------------------------------- */

/* Axes, outermost first, and a walk over all their index tuples in row-major order. */
typedef struct walk {
    int     rank;
    int64_t dims[8], strides[8];
    int64_t index[8], offset;
} walk;

/* The offset of this index tuple; moves on to the next one, and after the last to the first. */
static int64_t next(walk *w) {
    int64_t here = w->offset;
    for (int i = w->rank - 1; i >= 0; i--) {
        w->offset += w->strides[i];
        if (++w->index[i] < w->dims[i]) break;
        w->offset -= w->dims[i] * w->strides[i];
        w->index[i] = 0;
    }
    return here;
}

/* The offsets of the next eight. */
static void next_8(walk *w, int64_t here[8]) {
    int last = w->rank - 1;
    if (last >= 0 && w->dims[last] - w->index[last] > 8) {
        for (int i = 0; i < 8; i++)
            here[i] = w->offset + i * w->strides[last];
        w->offset += 8 * w->strides[last];
        w->index[last] += 8;
    } else {
        for (int i = 0; i < 8; i++)
            here[i] = next(w);
    }
}

/* The offsets of the next n. */
static void next_n(walk *w, int64_t n, int64_t *here) {
    int last = w->rank - 1;
    for (int64_t i = 0; i < n; i++) {
        if (last >= 0)
            for (int64_t left = min_of(n - i - 1, w->dims[last] - w->index[last] - 1); left > 0; left--, i++) {
                here[i] = w->offset;
                w->offset += w->strides[last];
                w->index[last]++;
            }
        here[i] = next(w);
    }
}

static int64_t steps(const walk *w) {
    int64_t count = 1;
    for (int i = 0; i < w->rank; i++)
        count *= w->dims[i];
    return count;
}

/* A walk without its innermost axis, which goes to *dim and *stride: 1 and 1 where there is none. */
static walk without_inner(walk w, int64_t *dim, int64_t *stride) {
    *dim = *stride = 1;
    if (w.rank > 0) {
        w.rank--;
        *dim = w.dims[w.rank];
        *stride = w.strides[w.rank];
    }
    return w;
}

/* What is to be added up: how to get from element to element, and in what order. */
typedef struct layout {
    walk    kept, sum; /* the axes of each kind, in as few as can be; those summed only as far as a run goes */
    bool    in_columns, in_lanes;
    int64_t run;    /* the length of a run */
    bool    copied; /* runs, or rows of columns, are not where they can be added up */
} layout;

/* One more axis, innermost; or, where that may be, a longer innermost axis, if the two are one piece of memory. */
static void append(walk *w, int64_t dim, int64_t stride, bool may_merge) {
    int last = w->rank - 1;
    if (may_merge && last >= 0 && w->strides[last] == dim * stride) {
        w->dims[last] *= dim;
        w->strides[last] = stride;
        return;
    }
    w->dims[w->rank] = dim;
    w->strides[w->rank] = stride;
    w->index[w->rank++] = 0;
}

/* Sets only what is used: a small sum takes no longer than it takes to clear a whole walk. */
static void lay_out(const tgi_sum_axes *axes, layout *l) {
    bool    was_summed = false;
    int64_t columns = 1;
    l->kept.rank = l->sum.rank = 0;
    l->kept.offset = l->sum.offset = 0;
    l->run = 1;
    for (int i = 0; i < axes->rank; i++) {
        int64_t dim = axes->dims[i], stride = axes->strides[i];
        bool    summed = axes->summed >> i & 1;
        if (dim == 1) continue;
        if (summed) {
            append(&l->sum, dim, stride, was_summed);
            l->run = was_summed ? l->run * dim : dim;
        } else {
            append(&l->kept, dim, stride, true);
            columns = was_summed ? dim : columns * dim;
        }
        was_summed = summed;
    }
    int kept = l->kept.rank - 1, sum = l->sum.rank - 1;
    l->in_lanes = was_summed || sum < 0;
    l->in_columns = !was_summed && columns >= TGI_SUM_COLUMNS;
    if (l->in_columns)
        l->copied = l->kept.strides[kept] != 1 || l->kept.dims[kept] < TGI_SUM_COLUMNS;
    else
        l->copied = sum >= 0 && (l->sum.dims[sum] != l->run || (l->in_lanes && l->run >= LANES && l->sum.strides[sum] != 1));
}

/* Into what parts more than ROWS rows are cut: at most eight, each a block or eight, 64, ... blocks. */
static int64_t part_of(int64_t rows) {
    int64_t part = TGI_SUM_ROWS;
    while (part < (rows - 1) / 8 + 1)
        part *= 8;
    return part;
}

/* How often that happens before a part is one block; at least 1. */
static int64_t levels_of(int64_t rows) {
    int64_t levels = 1;
    for (; rows > TGI_SUM_ROWS * 8; rows = part_of(rows))
        levels++;
    return levels;
}

/* ---- one type after the other ------------------------------------------------------------------------------------ */

#define OF(x) (x)

#define T float
#define NAME(x) x##_f32
#include "sum_template.h"
#undef T
#undef NAME

#define T double
#define NAME(x) x##_f64
#include "sum_template.h"
#undef T
#undef NAME

#define T uint64_t
#define NAME(x) x##_u64
#include "sum_template.h"
#undef T
#undef NAME

#undef OF
#define OF(x) ((x) * (x))
#define SQUARES

#define T float
#define NAME(x) x##_of_squares_f32
#include "sum_template.h"
#undef T
#undef NAME

#define T double
#define NAME(x) x##_of_squares_f64
#include "sum_template.h"
#undef T
#undef NAME

/* Integers wrap around: they are added as the unsigned ones that they are in memory. */
#define DEFINE_SUMS(suffix, T, as, U) \
    TGI_KERNEL(tgi_sum_##suffix, (const tgi_sum_axes *axes, const T *x, T *out), (axes, x, out)) { \
        sum_##as(axes, (const U *)x, (U *)out); \
    } \
    TGI_KERNEL(tgi_sum_block_##suffix, (int64_t rows, int64_t n, const T *x, bool add, T *sum), (rows, n, x, add, sum)) { \
        sum_block_##as(rows, n, (const U *)x, add, (U *)sum); \
    } \
    TGI_KERNEL(tgi_sum_blocks_##suffix, (int64_t blocks, int64_t n, T * sums, T * out), (blocks, n, sums, out)) { \
        sum_blocks_##as(blocks, n, (U *)sums, (U *)out); \
    }
/* The root of the sum of (x / scale)^2 times the scale, over all that the walk comes past, a power of 2 near the largest x being the
 * scale: for sums that are not what they should be without it. */
#define DEFINE_NORM(suffix, T, least) \
    static T scaled_norm_##suffix(walk all, const T *x) { \
        int64_t n = steps(&all); \
        double  most = 0, sum = 0; \
        int     exponent; \
        for (int64_t i = 0; i < n; i++) \
            most = fmax(most, fabs((double)x[next(&all)])); \
        if (most == 0 || most > DBL_MAX) return (T)most; \
        frexp(most, &exponent); \
        for (int64_t i = 0; i < n; i++) { \
            double scaled = ldexp((double)x[next(&all)], -exponent); \
            sum += scaled * scaled; \
        } \
        return (T)ldexp(sqrt(sum), exponent); \
    } \
    TGI_KERNEL(tgi_norm_##suffix, (const tgi_sum_axes *axes, const T *x, T *out), (axes, x, out)) { \
        layout l; \
        lay_out(axes, &l); \
        int64_t elements = steps(&l.kept), n = steps(&l.sum); \
        sum_of_squares_##suffix(axes, x, out); \
        for (int64_t i = 0; i < elements; i++) { \
            int64_t at = next(&l.kept); \
            bool    rough = out[i] < (T)n * (least) || out[i] - out[i] != 0; \
            out[i] = rough && out[i] == out[i] && n > 0 ? scaled_norm_##suffix(l.sum, x + at) : (T)sqrt((double)out[i]); \
        } \
    }
DEFINE_NORM(f32, float, FLT_MIN)
DEFINE_NORM(f64, double, DBL_MIN)

DEFINE_SUMS(f32, float, f32, float)
DEFINE_SUMS(f64, double, f64, double)
DEFINE_SUMS(i64, int64_t, u64, uint64_t)

/* ---- running sums ------------------------------------------------------------------------------------------------ */

/* float32 is added up in float64; float64 together with what each addition loses (Neumaier's compensation), which is not on the way
 * from one sum to the next, and so takes no time where that is what takes it. Infinities lose nothing. */
static inline void run_f32(double *sum, double *lost, float x) {
    (void)lost;
    *sum += (double)x;
}

static inline void run_f64(double *sum, double *lost, double x) {
    double before = *sum, after = before + x, kept = after - before;
    double loss = (before - (after - kept)) + (x - kept);
    *sum = after;
    *lost += loss == loss ? loss : 0;
}

static inline void run_i64(uint64_t *sum, uint64_t *lost, int64_t x) {
    (void)lost;
    *sum += (uint64_t)x;
}

/* Strips of columns that lie side by side. */
enum { STRIP = 64 };
#define DEFINE_CUMSUM(suffix, T, S) \
    static inline void strip_##suffix(int64_t n, int64_t inner, int64_t width, const T *x, T *y) { \
        S sum[STRIP], lost[STRIP]; \
        for (int64_t j = 0; j < width; j++) { \
            sum[j] = (S)x[j]; \
            lost[j] = 0; \
            y[j] = x[j]; \
        } \
        for (int64_t i = inner; i < n * inner; i += inner) \
            for (int64_t j = 0; j < width; j++) { \
                run_##suffix(&sum[j], &lost[j], x[i + j]); \
                y[i + j] = (T)(sum[j] + lost[j]); \
            } \
    } \
    TGI_KERNEL(tgi_cumsum_##suffix, (int64_t outer, int64_t n, int64_t inner, const T *x, T *y), (outer, n, inner, x, y)) { \
        for (int64_t o = 0; n > 0 && o < outer; o++, x += n * inner, y += n * inner) { \
            int64_t j = 0; \
            if (inner == 1) strip_##suffix(n, 1, 1, x, y); \
            for (; inner > 1 && j + STRIP <= inner; j += STRIP) \
                strip_##suffix(n, inner, STRIP, x + j, y + j); \
            if (inner > 1 && j < inner) strip_##suffix(n, inner, inner - j, x + j, y + j); \
        } \
    }
DEFINE_CUMSUM(f32, float, double)
DEFINE_CUMSUM(f64, double, double)
DEFINE_CUMSUM(i64, int64_t, uint64_t)
