/* kernels/sum.c: sums over axes.
 *
 * First the axes are made few: those of size 1 go, those that are summed run upwards and in the order of the memory, and
 * neighbours that are one piece of memory become one axis. What is left is one of two things.
 *
 * Rows: each element of the result is the sum of runs of memory. Blocks of a run are added up in many lanes side by side,
 * the blocks as a balanced tree, so that no number goes through more than some log n additions.
 *
 * Columns: neighbours in the result are neighbours in memory. Whole rows are added to each other, eight at a time, many in a
 * block, eight blocks in a larger one, and so on: log n again.
 *
 * The lanes are the same whatever the vectors of the instruction set, and so are the bits of the result. sum_template.h has the
 * parts that know the type of the elements. Nothing is allocated; the stack holds a few KiB.
 *
 * SPDX-License-Identifier: MIT */
#include "sum.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "isa.h"
#include "vector.h"

enum { LANES = 32, SPARE_BYTES = 8192 };

DEFINE_VECTOR(float, of_squares_f32)
DEFINE_VECTOR(double, of_squares_f64)

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

/* A walk over the axes given, those of size 1 dropped and those that are one piece of memory merged. Sets only what is used: a
 * small sum takes no longer than it takes to clear a whole walk. */
static walk merged(int rank, const int64_t *dims, const int64_t *strides) {
    walk w;
    w.rank = 0;
    w.offset = 0;
    for (int i = 0; i < rank; i++) {
        int last = w.rank - 1;
        if (dims[i] == 1) continue;
        if (last >= 0 && w.strides[last] == dims[i] * strides[i]) {
            w.dims[last] *= dims[i];
            w.strides[last] = strides[i];
        } else {
            w.dims[w.rank] = dims[i];
            w.strides[w.rank] = strides[i];
            w.index[w.rank++] = 0;
        }
    }
    return w;
}

/* Whether axis a is better outside of axis b: the larger stride, and before all a stride of 0, which reads all over again. */
static bool outer(int64_t a_stride, int64_t b_stride) {
    return b_stride != 0 && (a_stride == 0 || a_stride > b_stride);
}

/* A walk over axes that may be walked in any order and direction: upwards, in the order of the memory. *start is the lowest
 * offset. */
static walk ordered(int rank, const int64_t *dims, const int64_t *strides, int64_t *start) {
    int64_t d[8], s[8];
    *start = 0;
    for (int i = 0; i < rank; i++) {
        int64_t stride = strides[i] < 0 ? -strides[i] : strides[i];
        int     at = i;
        if (strides[i] < 0) *start += (dims[i] - 1) * strides[i];
        for (; at > 0 && outer(stride, s[at - 1]); at--) {
            d[at] = d[at - 1];
            s[at] = s[at - 1];
        }
        d[at] = dims[i];
        s[at] = stride;
    }
    return merged(rank, d, s);
}

/* Whether to add up columns: where neighbours in the result are neighbours in memory, enough of them, and no run of memory is
 * to be added up. */
static bool in_columns(const walk *kept, const walk *sum) {
    int  last = kept->rank - 1;
    bool run = sum->rank > 0 && sum->strides[sum->rank - 1] == 1;
    return last >= 0 && kept->strides[last] == 1 && kept->dims[last] >= TGI_SUM_COLUMNS && !run;
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
        int64_t start; \
        walk    kept = merged(axes->kept_rank, axes->kept_dims, axes->kept_strides); \
        walk    sum = ordered(axes->sum_rank, axes->sum_dims, axes->sum_strides, &start); \
        int64_t elements = steps(&kept), n = steps(&sum); \
        sum_of_squares_##suffix(axes, x, out); \
        for (int64_t i = 0; i < elements; i++) { \
            int64_t at = next(&kept); \
            bool    rough = out[i] < (T)n * (least) || out[i] - out[i] != 0; \
            out[i] = rough && out[i] == out[i] && n > 0 ? scaled_norm_##suffix(sum, x + start + at) : (T)sqrt((double)out[i]); \
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
