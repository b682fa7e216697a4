/* kernels/convolve_plan.c: see convolve_plan.h.
 *
 * SPDX-License-Identifier: MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "convolve_plan.h"

#include "gemm.h"
#include "threads.h"

/* ---- the sizes of units ------------------------------------------------------------------------------------------ */

/* The positions in a unit: a tile of at most `limit`, or as many images as together have no more. */
static void choose_tile(conv_plan *p, int64_t limit) {
    const int64_t *y = p->c->y;
    p->tile[1] = max_of(1, min_of(y[1], limit));
    p->tile[0] = max_of(1, min_of(y[0], limit / p->tile[1]));
    bool cut = p->tile[0] < y[0] || p->tile[1] < y[1];
    p->batch = cut ? 1 : max_of(1, min_of(p->sections, limit / max_of(1, y[0] * y[1])));
}

/* The planes of a tile, or for the transpose those of the whole result. */
static void set_planes(conv_plan *p) {
    for (int a = 0; a < 2; a++)
        p->plane[a] = (p->kind == TGI_CONV_BACK ? p->c->y[a] : p->tile[a]) + p->shift[a];
    p->channel = p->phases[0] * p->phases[1] * p->plane[0] * p->plane[1];
}

/* Bytes that stay in the second cache, with room for other things. */
enum { SECOND_CACHE = 256 << 10 };

/* ---- tiles: the planes of a unit, and beside them rows of the result --------------------------------------------- */

/* How many positions of the result need that many elements of a plane: whole rows where possible. */
static int64_t positions_in(const conv_plan *p, int64_t elements) {
    int64_t across = p->c->y[1] + p->shift[1];
    return elements >= across ? elements / across * p->c->y[1] : max_of(1, elements - p->shift[1]);
}

static void plan_tiles(conv_plan *p, int64_t element) {
    const tgi_conv *c = p->c;
    int64_t         phases = p->phases[0] * p->phases[1], whole = (c->y[0] + p->shift[0]) * (c->y[1] + p->shift[1]);
    int64_t         rows = p->kind == TGI_CONV ? MOST_ROWS : c->out, planes = p->kind == TGI_CONV_BACK ? 0 : p->in * phases;
    choose_tile(p, positions_in(p, max_of(SECOND_CACHE / max_of(1, (rows + planes) * element), 256)));
    bool cut = p->tile[0] < c->y[0] || p->tile[1] < c->y[1];
    set_planes(p);
    p->pitch = round_up((p->tile[0] - 1) * p->plane[1] + p->tile[1], WIDEST_BYTES / element);
    p->batch = 1;
    if (p->kind == TGI_CONV_BACK)
        p->block = min_of(p->in, round_up(max_of(1, SECOND_CACHE / max_of(1, phases * whole * element)), MOST_ROWS));
    if (p->kind == TGI_CONV_WEIGHT && !cut)
        p->batch =
            max_of(1, min_of(p->sections, SECOND_CACHE / 2 / max_of(1, (p->in * p->channel + c->out * p->pitch) * element)));
    p->rows = p->batch * rows * p->pitch;
}

/* ---- products: the matrix of shifted rows, and what is multiplied with it ---------------------------------------- */

/* Whether the kernel has one element, and the images are large enough for a product each. */
static bool is_pointwise(const tgi_conv *c) {
    const tgi_conv_depth *d = &c->depth;
    if (d->k != 1 || d->stride != 1 || d->padding || d->y != d->x) return false;
    for (int a = 0; a < 2; a++)
        if (c->k[a] != 1 || c->stride[a] != 1 || c->padding[a] || c->y[a] != c->x[a]) return false;
    return d->x * c->x[0] * c->x[1] >= 64;
}

static void plan_products(conv_plan *p, int64_t element) {
    const tgi_conv *c = p->c;
    int64_t         depth = p->in * p->taps;
    p->product = p->kind == TGI_CONV_WEIGHT ? c->out * depth : 0;
    if (is_pointwise(c)) {
        p->pointwise = true;
        p->sections = c->images;
        p->tile[0] = c->y[0], p->tile[1] = c->y[1], p->batch = 1;
        p->pitch = c->depth.y * c->y[0] * c->y[1];
        return;
    }
    choose_tile(p, max_of(2 * SECOND_CACHE / max_of(1, depth * element), 256));
    set_planes(p);
    p->pitch = p->batch * p->tile[0] * p->tile[1];
    p->columns = depth * p->pitch;
    p->rows = c->out * p->pitch;
}

static size_t product_scratch(const conv_plan *p, size_t element) {
    const tgi_conv *c = p->c;
    int64_t         depth = p->block * p->taps;
    switch (p->kind) {
    case TGI_CONV: return tgi_gemm_scratch(c->out, p->pitch, depth, element, 1);
    case TGI_CONV_BACK: return tgi_gemm_scratch(depth, p->pitch, c->out, element, 1);
    default: return tgi_gemm_scratch(c->out, depth, p->pitch, element, 1);
    }
}

/* ---- which method ------------------------------------------------------------------------------------------------ */

/* With at least that many channels of the result, general products are faster than tiles. */
enum { MANY_CHANNELS = 32 };

static double terms_of(const conv_plan *p) {
    const tgi_conv *c = p->c;
    double          positions = (double)c->y[0] * (double)c->y[1], channels = (double)p->in * (double)c->out;
    return (double)c->images * (double)c->depth.y * (double)c->groups * channels * (double)p->taps * positions;
}

static tgi_conv_method best_method(const conv_plan *p) {
    const tgi_conv *c = p->c;
    double          positions = (double)c->y[0] * (double)c->y[1], across = (double)(c->y[1] + p->shift[1]);
    double          planes = (double)(c->y[0] + p->shift[0]) * across * (double)p->phases[0] * (double)p->phases[1];
    if (terms_of(p) < 4096 || planes > 4 * positions * (double)p->taps || p->phases[0] > 64 || p->phases[1] > 64)
        return TGI_CONV_DIRECT;
    if (is_pointwise(c) || across > 2 * (double)c->y[1] || positions < 32) return TGI_CONV_PRODUCT;
    return c->out >= MANY_CHANNELS && p->in * p->taps >= 32 ? TGI_CONV_PRODUCT : TGI_CONV_TILES;
}

static void plan_sizes(conv_plan *p, size_t element) {
    const tgi_conv *c = p->c;
    for (int a = 0; a < 2; a++) {
        int64_t reach = (c->k[a] - 1) * c->dilation[a];
        p->phases[a] = min_of(c->stride[a], reach + 1);
        p->shift[a] = reach / c->stride[a];
    }
    if (p->method == TGI_CONV_BEST) p->method = best_method(p);
    if (c->images == 0) p->method = TGI_CONV_DIRECT;
    if (p->method == TGI_CONV_DIRECT) return;
    if (p->method == TGI_CONV_TILES) plan_tiles(p, (int64_t)element);
    if (p->method == TGI_CONV_PRODUCT) plan_products(p, (int64_t)element);
    int64_t sets = p->method == TGI_CONV_TILES ? p->batch : 1;
    p->planes = sets * p->block * p->channel + 2 * (int64_t)(WIDEST_BYTES / element);
    p->unit = p->kind == TGI_CONV_BACK && c->depth.y > 1 && !p->pointwise ? c->depth.y : p->batch;
}

/* ---- threads and scratch ----------------------------------------------------------------------------------------- */

/* Terms that take longer than it takes to start a thread. */
enum { WORTH_A_THREAD = 1 << 18 };

static void plan_shares(conv_plan *p, int threads) {
    p->shares = 1;
    if (p->method == TGI_CONV_DIRECT) return;
    int64_t units = (p->sections + p->unit - 1) / p->unit;
    p->units = units * (p->kind == TGI_CONV_BACK ? p->c->groups : tiles_of(p));
    p->shares = tgi_shares_of(threads, p->units, terms_of(p), WORTH_A_THREAD);
}

static size_t after(size_t start, int64_t count, size_t element) {
    return (start + (size_t)count * element + WIDEST_BYTES - 1) / WIDEST_BYTES * WIDEST_BYTES;
}

/* So many units that threads need not wait for each other after every one, as far as their gradients take no more than that. */
enum { UNITS_A_SHARE = 8, ROUND_BYTES = 4 << 20 };

static void plan_scratch(conv_plan *p, size_t element) {
    const tgi_conv *c = p->c;
    p->room = WIDEST_BYTES;
    if (p->method == TGI_CONV_DIRECT) return;
    p->at.planes = after(0, p->block * p->taps, sizeof(int64_t));
    p->at.rows = after(p->at.planes, p->planes, element);
    p->at.columns = after(p->at.rows, p->rows, element);
    p->at.product = after(p->at.columns, p->columns, element);
    p->at.multiply = after(p->at.product, p->product, element);
    p->room = after(p->at.multiply + (p->method == TGI_CONV_PRODUCT ? product_scratch(p, element) : 0), 0, 1);
    if (p->kind != TGI_CONV_WEIGHT || p->shares == 1) return;
    p->gradient = after(0, c->groups * c->out * p->in * p->taps, element);
    p->round = max_of(p->shares, min_of(UNITS_A_SHARE * p->shares, ROUND_BYTES / (int64_t)p->gradient));
}

conv_plan tgi_conv_plan(const tgi_conv *c, tgi_conv_kind kind, size_t element, int threads) {
    conv_plan p = {.c = c,
                   .kind = kind,
                   .method = c->method,
                   .sections = c->images * c->depth.y,
                   .in = c->in * c->depth.k,
                   .taps = c->k[0] * c->k[1]};
    p.block = p.in;
    plan_sizes(&p, element);
    plan_shares(&p, threads);
    plan_scratch(&p, element);
    return p;
}

size_t tgi_conv_scratch(const tgi_conv *c, tgi_conv_kind kind, size_t element, int threads) {
    conv_plan p = tgi_conv_plan(c, kind, element, threads);
    return (size_t)p.shares * p.room + (size_t)p.round * p.gradient;
}

void tgi_conv_offsets(const conv_plan *p, int64_t *offsets) {
    const tgi_conv *c = p->c;
    for (int64_t n = 0; n < p->block; n++)
        for (int64_t i = 0; i < c->k[0]; i++)
            for (int64_t j = 0; j < c->k[1]; j++) {
                int64_t down = i * c->dilation[0], across = j * c->dilation[1];
                int64_t phase = down % c->stride[0] * p->phases[1] + across % c->stride[1];
                *offsets++ = n * p->channel + (phase * p->plane[0] + down / c->stride[0]) * p->plane[1] + across / c->stride[1];
            }
}
