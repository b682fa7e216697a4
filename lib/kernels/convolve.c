/* kernels/convolve.c: convolution, forward and backward.
 *
 * The image is copied, with its padding, into planes, and read as one long vector: where the plane is `width` elements wide, the
 * element that tap (i, j) of the kernel multiplies at position q of the result lies at q + i width + j, for all q at once. So a
 * convolution is a matrix product of the kernel with a matrix that is never made, whose rows are parts of the planes, shifted. At
 * the end of each row of the result, as many positions are computed for nothing as the kernel reaches over the edge; they are
 * not stored. With a stride, there is a plane for every residue of the coordinates, so that neighbours in the result are
 * neighbours in memory; dilation is another shift.
 *
 * The transpose adds to the shifted rows what the convolution reads from them; the gradient of the kernel is scalar products of
 * the result's rows with them.
 *
 * The product is made in tiles that stay in registers. Where it is large, a general matrix product, by a BLAS perhaps, is faster
 * even though the matrix must then be made, a part at a time; and where the result is small, that matrix is made of several
 * images. Very small ones, and those where a plane would be mostly empty, are done term by term.
 *
 * The last way is also taken where there is a NaN or an infinity that the others would multiply with a zero of the padding. It
 * must be found first: reading all operands takes little time beside the rest.
 *
 * The work falls apart into tasks, by images, parts of images, or channels, none of which needs anything of another; how they are
 * cut depends on sizes only. The gradient of the kernel is the sum of what its tasks give, in their order. So the bits do not
 * depend on the threads that the tasks are shared out to.
 *
 * SPDX-License-Identifier: MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "convolve.h"

#include <stdbool.h>
#include <string.h>

#include "gemm.h"
#include "threads.h"
#include "vector.h"

/* The most rows and vectors of a tile. */
enum { MOST_ROWS = 6, MOST_VECTORS = 8 };

/* ---- the plan ---------------------------------------------------------------------------------------------------- */

/* A task has `batch` images, or a tile of one image, tile[0] x tile[1] positions of the result; the transpose instead has
 * `batch` images and `block` channels, and goes through their tiles. */
typedef struct plan {
    const tgi_conv *c;
    tgi_conv_way    way;
    bool            pointwise; /* products of the images as they are: no planes, a task is an image */
    int64_t         taps;      /* of the kernel, for one channel */
    int64_t         phases[2]; /* residues that have a plane */
    int64_t         shift[2];  /* how far the kernel reaches, in elements of a plane */
    int64_t         tile[2], batch, block;
    int64_t         plane[2], channel;              /* sizes of a plane, elements of the planes of a channel */
    int64_t         pitch;                          /* of the rows in `rows` */
    int64_t         planes, rows, columns, product; /* elements of the parts of scratch; see parts_of */
} plan;

/* How many positions there are in a task: a tile of at most `wanted`, or as many images as have not more. */
static void choose_tile(plan *p, int64_t wanted) {
    const int64_t *y = p->c->y;
    p->tile[1] = max_of(1, min_of(y[1], wanted));
    p->tile[0] = max_of(1, min_of(y[0], wanted / p->tile[1]));
    bool cut = p->tile[0] < y[0] || p->tile[1] < y[1];
    p->batch = cut ? 1 : max_of(1, min_of(p->c->images, wanted / max_of(1, y[0] * y[1])));
}

/* The planes of a tile, or for the transpose those of the whole result. */
static void set_planes(plan *p, tgi_conv_kind kind) {
    for (int a = 0; a < 2; a++)
        p->plane[a] = (kind == TGI_CONV_BACK ? p->c->y[a] : p->tile[a]) + p->shift[a];
    p->channel = p->phases[0] * p->phases[1] * p->plane[0] * p->plane[1];
}

/* Bytes that stay in the second cache, with room for other things. */
enum { SECOND_CACHE = 256 << 10 };

/* ---- tiles: the planes of a task, and beside them rows of the result --------------------------------------------- */

/* How many positions of the result need so many elements of a plane: whole rows, if it can be. */
static int64_t positions_in(const plan *p, int64_t elements) {
    int64_t across = p->c->y[1] + p->shift[1];
    return elements >= across ? elements / across * p->c->y[1] : max_of(1, elements - p->shift[1]);
}

static void plan_tiles(plan *p, tgi_conv_kind kind, int64_t element) {
    const tgi_conv *c = p->c;
    int64_t         phases = p->phases[0] * p->phases[1], whole = (c->y[0] + p->shift[0]) * (c->y[1] + p->shift[1]);
    int64_t         rows = kind == TGI_CONV ? MOST_ROWS : c->out, planes = kind == TGI_CONV_BACK ? 0 : c->in * phases;
    choose_tile(p, positions_in(p, max_of(SECOND_CACHE / max_of(1, (rows + planes) * element), 256)));
    bool cut = p->tile[0] < c->y[0] || p->tile[1] < c->y[1];
    set_planes(p, kind);
    p->pitch = round_up((p->tile[0] - 1) * p->plane[1] + p->tile[1], WIDEST_BYTES / element);
    p->batch = 1;
    if (kind == TGI_CONV_BACK)
        p->block = min_of(c->in, round_up(max_of(1, SECOND_CACHE / max_of(1, phases * whole * element)), MOST_ROWS));
    if (kind == TGI_CONV_WEIGHT && !cut)
        p->batch =
            max_of(1, min_of(c->images, SECOND_CACHE / 2 / max_of(1, (c->in * p->channel + c->out * p->pitch) * element)));
    p->rows = p->batch * rows * p->pitch;
}

/* ---- products: the matrix of shifted rows, and what is multiplied with it ---------------------------------------- */

/* Whether the kernel has one element, and the images are large enough for a product each. */
static bool is_pointwise(const tgi_conv *c) {
    for (int a = 0; a < 2; a++)
        if (c->k[a] != 1 || c->stride[a] != 1 || c->padding[a] || c->y[a] != c->x[a]) return false;
    return c->x[0] * c->x[1] >= 64;
}

static void plan_products(plan *p, tgi_conv_kind kind, int64_t element) {
    const tgi_conv *c = p->c;
    int64_t         depth = c->in * p->taps;
    p->product = kind == TGI_CONV_WEIGHT ? c->out * depth : 0;
    if (is_pointwise(c)) {
        p->pointwise = true;
        p->tile[0] = c->y[0], p->tile[1] = c->y[1], p->batch = 1;
        p->pitch = c->y[0] * c->y[1];
        return;
    }
    choose_tile(p, max_of(2 * SECOND_CACHE / max_of(1, depth * element), 256));
    set_planes(p, kind);
    p->pitch = p->batch * p->tile[0] * p->tile[1];
    p->columns = depth * p->pitch;
    p->rows = c->out * p->pitch;
}

static size_t product_scratch(const plan *p, tgi_conv_kind kind, size_t element) {
    const tgi_conv *c = p->c;
    int64_t         depth = p->block * p->taps;
    switch (kind) {
    case TGI_CONV: return tgi_gemm_scratch(c->out, p->pitch, depth, element, 1);
    case TGI_CONV_BACK: return tgi_gemm_scratch(depth, p->pitch, c->out, element, 1);
    default: return tgi_gemm_scratch(c->out, depth, p->pitch, element, 1);
    }
}

/* ---- which way --------------------------------------------------------------------------------------------------- */

/* From so many channels of the result on, general products are faster, by a BLAS at least. */
#ifdef TGI_HAVE_CBLAS
enum { MANY_CHANNELS = VECTOR_BYTES > 16 ? 24 : 12 };
#else
enum { MANY_CHANNELS = 128 };
#endif

static double terms_of(const plan *p) {
    const tgi_conv *c = p->c;
    double          positions = (double)c->y[0] * (double)c->y[1], channels = (double)c->in * (double)c->out;
    return (double)c->images * (double)c->groups * channels * (double)p->taps * positions;
}

static tgi_conv_way best_way(const plan *p) {
    const tgi_conv *c = p->c;
    double          positions = (double)c->y[0] * (double)c->y[1], across = (double)(c->y[1] + p->shift[1]);
    double          planes = (double)(c->y[0] + p->shift[0]) * across * (double)p->phases[0] * (double)p->phases[1];
    if (terms_of(p) < 4096 || planes > 4 * positions * (double)p->taps || p->phases[0] > 64 || p->phases[1] > 64)
        return TGI_CONV_PLAIN;
    if (is_pointwise(c) || across > 2 * (double)c->y[1] || positions < 32) return TGI_CONV_PRODUCT;
    return c->out >= MANY_CHANNELS && c->in * p->taps >= 32 ? TGI_CONV_PRODUCT : TGI_CONV_TILES;
}

static plan plan_of(const tgi_conv *c, tgi_conv_kind kind, size_t element) {
    plan p = {.c = c, .way = c->way, .taps = c->k[0] * c->k[1], .block = c->in};
    for (int a = 0; a < 2; a++) {
        int64_t reach = (c->k[a] - 1) * c->dilation[a];
        p.phases[a] = min_of(c->stride[a], reach + 1);
        p.shift[a] = reach / c->stride[a];
    }
    if (p.way == TGI_CONV_BEST) p.way = best_way(&p);
    if (c->images == 0) p.way = TGI_CONV_PLAIN;
    if (p.way == TGI_CONV_TILES) plan_tiles(&p, kind, (int64_t)element);
    if (p.way == TGI_CONV_PRODUCT) plan_products(&p, kind, (int64_t)element);
    if (p.way == TGI_CONV_PLAIN) return p;
    int64_t sets = p.way == TGI_CONV_TILES ? p.batch : 1;
    p.planes = sets * p.block * p.channel + 2 * (int64_t)(WIDEST_BYTES / element);
    return p;
}

/* ---- scratch ----------------------------------------------------------------------------------------------------- */

/* Where its parts begin, in bytes. */
typedef struct parts {
    size_t offsets, planes, rows, columns, product, multiply, end;
} parts;

static size_t behind(size_t start, int64_t count, size_t element) {
    return (start + (size_t)count * element + WIDEST_BYTES - 1) / WIDEST_BYTES * WIDEST_BYTES;
}

static parts parts_of(const plan *p, tgi_conv_kind kind, size_t element) {
    parts at = {0};
    if (p->way == TGI_CONV_PLAIN) return (parts){.end = WIDEST_BYTES};
    at.planes = behind(at.offsets, p->block * p->taps, sizeof(int64_t));
    at.rows = behind(at.planes, p->planes, element);
    at.columns = behind(at.rows, p->rows, element);
    at.product = behind(at.columns, p->columns, element);
    at.multiply = behind(at.product, p->product, element);
    at.end = at.multiply + (p->way == TGI_CONV_PRODUCT ? product_scratch(p, kind, element) : WIDEST_BYTES);
    return at;
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

static int64_t tiles_of(const plan *p) {
    const int64_t *y = p->c->y;
    return (y[0] + p->tile[0] - 1) / p->tile[0] * ((y[1] + p->tile[1] - 1) / p->tile[1]);
}

/* Some images, and for the transpose a group of them, else a tile: what a thread can do without the others. */
static int64_t units_of(const plan *p, tgi_conv_kind kind) {
    int64_t batches = (p->c->images + p->batch - 1) / p->batch;
    return batches * (kind == TGI_CONV_BACK ? p->c->groups : tiles_of(p));
}

/* Terms that take longer than it takes to start a thread. */
enum { WORTH_A_THREAD = 1 << 18 };

static int shares_of(const plan *p, tgi_conv_kind kind, int threads) {
    if (p->way == TGI_CONV_PLAIN || (p->way == TGI_CONV_PRODUCT && tgi_gemm_is_by_blas())) return 1;
    return tgi_shares_of(threads, units_of(p, kind), terms_of(p), WORTH_A_THREAD);
}

static int64_t weights_of(const plan *p) {
    return p->c->groups * p->c->out * p->c->in * p->taps;
}

/* Bytes that a share needs; where there are several, for its gradient of the kernel, too. */
static size_t room_of(const plan *p, tgi_conv_kind kind, size_t element, int shares) {
    size_t end = parts_of(p, kind, element).end;
    return kind == TGI_CONV_WEIGHT && shares > 1 ? behind(behind(end, 0, 1), weights_of(p), element) : behind(end, 0, 1);
}

size_t tgi_conv_scratch(const tgi_conv *c, tgi_conv_kind kind, size_t element, int threads) {
    plan p = plan_of(c, kind, element);
    int  shares = shares_of(&p, kind, threads);
    return (size_t)shares * room_of(&p, kind, element, shares);
}

/* ---- offsets ----------------------------------------------------------------------------------------------------- */

/* How far each tap of each channel of a block is from where the planes begin. */
static void find_offsets(const plan *p, int64_t *offsets) {
    const tgi_conv *c = p->c;
    for (int64_t n = 0; n < p->block; n++)
        for (int64_t i = 0; i < c->k[0]; i++)
            for (int64_t j = 0; j < c->k[1]; j++) {
                int64_t down = i * c->dilation[0], across = j * c->dilation[1];
                int64_t phase = down % c->stride[0] * p->phases[1] + across % c->stride[1];
                *offsets++ = n * p->channel + (phase * p->plane[0] + down / c->stride[0]) * p->plane[1] + across / c->stride[1];
            }
}

/* ---- what exists ------------------------------------------------------------------------------------------------- */

/* The i from `from` up to and without `to`: those below `count` for which first + i step is from 0 up to size - 1. */
typedef struct span {
    int64_t from, to;
} span;

static span span_of(int64_t count, int64_t first, int64_t step, int64_t size) {
    span s = {first < 0 ? (step - 1 - first) / step : 0, first < size ? (size - 1 - first) / step + 1 : 0};
    s.to = max_of(0, min_of(s.to, count));
    s.from = min_of(s.from, s.to);
    return s;
}

/* The part of the result that a tile covers. */
typedef struct area {
    int64_t at[2], size[2];
} area;

static area area_of(const plan *p, int64_t tile) {
    int64_t across = (p->c->y[1] + p->tile[1] - 1) / p->tile[1];
    area    a = {.at = {tile / across * p->tile[0], tile % across * p->tile[1]}};
    for (int i = 0; i < 2; i++)
        a.size[i] = min_of(p->tile[i], p->c->y[i] - a.at[i]);
    return a;
}

#define T float
#define NAME(x) x##_f32
#include "convolve_planes.h"
#include "convolve_products.h"
#include "convolve_tiles.h"
#include "convolve_units.h"
#undef T
#undef NAME

#define T double
#define NAME(x) x##_f64
#include "convolve_planes.h"
#include "convolve_products.h"
#include "convolve_tiles.h"
#include "convolve_units.h"
#undef T
#undef NAME
