/* kernels/convolve_plan.h: how a convolution is divided into units of work, and its scratch memory into parts.
 *
 * A plan depends on sizes and on the number of threads, never on the instruction set: so the scratch memory does not, and an
 * element of the result is the same sum whatever set it is made with.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_KERNELS_CONVOLVE_PLAN_H
#define TGI_KERNELS_CONVOLVE_PLAN_H

#include <stdbool.h>

#include "convolve.h"
#include "vector.h"

/* The most rows and vectors of a tile. */
enum { MOST_ROWS = 6, MOST_VECTORS = 8 };

/* A section is the result of an image at one depth: that of an image of two axes, whose channels are all elements of the
 * image's channels that the kernel reaches in depth. Of an image of two axes it is the whole result.
 *
 * A unit has `batch` sections, or a tile of one section, tile[0] x tile[1] positions of the result; the transpose instead has
 * `batch` sections, or all of an image, and `block` channels, and goes through their tiles. */
typedef struct conv_plan {
    const tgi_conv *c;
    tgi_conv_kind   kind;
    tgi_conv_method method;
    bool            pointwise; /* products of the images as they are: no planes, a unit is an image */
    int64_t         sections;  /* of all images; or, when pointwise, the images */
    int64_t         in;        /* channels of a section */
    int64_t         taps;      /* of the kernel, for one channel */
    int64_t         phases[2]; /* residues that have a plane */
    int64_t         shift[2];  /* how far the kernel reaches, in elements of a plane */
    int64_t         tile[2], batch, block;
    int64_t         unit; /* sections of a unit: a batch, or for the transpose all that add to the same elements of an image */
    int64_t         plane[2], channel;              /* sizes of a plane, elements of the planes of a channel */
    int64_t         pitch;                          /* of the rows in `rows` */
    int64_t         planes, rows, columns, product; /* elements of the parts of scratch */
    struct {
        size_t planes, rows, columns, product, multiply;
    } at;             /* where they begin, in bytes: first come the offsets */
    int64_t units;    /* some images, or for the transpose a group of them, else a tile: what needs nothing of another */
    int     shares;   /* how many threads are worth it */
    size_t  room;     /* bytes of scratch for a share */
    int64_t round;    /* of so many units at a time the gradients of the kernel stand behind that scratch; 0: of none */
    size_t  gradient; /* bytes of one */
} conv_plan;

conv_plan tgi_conv_plan(const tgi_conv *c, tgi_conv_kind kind, size_t element, int threads);

/* A section of a group. */
typedef struct section {
    int64_t image, depth, group;
} section;

static inline section section_of(const tgi_conv *c, int64_t i, int64_t group) {
    return (section){i / c->depth.y, i % c->depth.y, group};
}

/* Where in x a channel of a section begins; -1 for padding. */
static inline int64_t channel_in_x(const tgi_conv *c, const section *s, int64_t channel) {
    int64_t at = s->depth * c->depth.stride + channel % c->depth.k * c->depth.dilation - c->depth.padding;
    int64_t before = (s->image * c->groups + s->group) * c->in + channel / c->depth.k;
    return at < 0 || at >= c->depth.x ? -1 : (before * c->depth.x + at) * c->x[0] * c->x[1];
}

/* Where in y one begins. */
static inline int64_t channel_in_y(const tgi_conv *c, const section *s, int64_t channel) {
    int64_t before = (s->image * c->groups + s->group) * c->out + channel;
    return (before * c->depth.y + s->depth) * c->y[0] * c->y[1];
}

/* How far each tap of each channel of a block is from where the planes begin. */
void tgi_conv_offsets(const conv_plan *p, int64_t *offsets);

static inline int64_t tiles_of(const conv_plan *p) {
    const int64_t *y = p->c->y;
    return (y[0] + p->tile[0] - 1) / p->tile[0] * ((y[1] + p->tile[1] - 1) / p->tile[1]);
}

/* The part of the result that a tile covers. */
typedef struct area {
    int64_t at[2], size[2];
} area;

static inline area area_of(const conv_plan *p, int64_t tile) {
    int64_t across = (p->c->y[1] + p->tile[1] - 1) / p->tile[1];
    area    a = {.at = {tile / across * p->tile[0], tile % across * p->tile[1]}};
    for (int i = 0; i < 2; i++)
        a.size[i] = min_of(p->tile[i], p->c->y[i] - a.at[i]);
    return a;
}

#endif
