/* kernels/convolve_products.h: convolution by matrix products, for one element type. convolve.c includes this file once a type,
 * after convolve_planes.h.
 *
 * SPDX-License-Identifier: MIT */

/* ---- matrix products --------------------------------------------------------------------------------------------- */

static void NAME(multiply)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row,
                           int64_t b_col, T *c, const WORK *work) {
    NAME(tgi_gemm_builtin)(m, n, k, a, a_row, a_col, b, b_row, b_col, c, NULL, work->multiply);
}

/* The shifted rows of an area of the planes, each `pitch` elements from the next, made. */
static void NAME(make_columns)(const conv_plan *p, const WORK *work, const area *a, int64_t pitch, T *to) {
    for (int64_t t = 0; t < p->in * p->taps; t++, to += pitch) {
        const T *from = work->planes + work->offsets[t];
        for (int64_t i = 0; i < a->size[0]; i++)
            for (int64_t j = 0; j < a->size[1]; j++)
                to[i * a->size[1] + j] = from[i * p->plane[1] + j];
    }
}

/* And added to where they come from. */
static void NAME(add_columns)(const conv_plan *p, const WORK *work, const area *a, int64_t pitch, const T *from) {
    for (int64_t t = 0; t < p->in * p->taps; t++, from += pitch) {
        T *to = work->planes + work->offsets[t] + a->at[0] * p->plane[1] + a->at[1];
        for (int64_t i = 0; i < a->size[0]; i++)
            for (int64_t j = 0; j < a->size[1]; j++)
                to[i * p->plane[1] + j] += from[i * a->size[1] + j];
    }
}

/* One area of one group of the sections from `from` up to and without `to`. */
static void NAME(product)(const conv_plan *p, const WORK *work, const area *a, int64_t group, int64_t from, int64_t to,
                          const T *x, const T *w, const T *bias, T *y) {
    const tgi_conv *c = p->c;
    int64_t         depth = p->in * p->taps, size = a->size[0] * a->size[1], pitch = (to - from) * size;
    for (int64_t n = from; n < to; n++) {
        section s = section_of(c, n, group);
        NAME(fill)(p, &s, a->at, x, work->planes);
        NAME(make_columns)(p, work, a, pitch, work->columns + (n - from) * size);
    }
    NAME(multiply)(c->out, pitch, depth, w, depth, 1, work->columns, pitch, 1, work->rows, work);
    for (int64_t n = from; n < to; n++) {
        section s = section_of(c, n, group);
        NAME(put)(p, &s, a, 0, c->out, work->rows + (n - from) * size, a->size[1], pitch, bias, y);
    }
}

/* All areas of one group of these sections. */
static void NAME(back_product)(const conv_plan *p, const WORK *work, int64_t group, int64_t from, int64_t to, const T *y,
                               const T *w, T *x) {
    const tgi_conv *c = p->c;
    int64_t         depth = p->in * p->taps, tiles = tiles_of(p);
    for (int64_t tile = 0; tile < tiles; tile++) {
        area    a = area_of(p, tile);
        int64_t size = a.size[0] * a.size[1], pitch = (to - from) * size;
        for (int64_t n = from; n < to; n++) {
            section s = section_of(c, n, group);
            NAME(take)(p, &s, &a, y, a.size[1], pitch, size, work->rows + (n - from) * size);
        }
        NAME(multiply)(depth, pitch, c->out, w, 1, depth, work->rows, pitch, 1, work->columns, work);
        for (int64_t n = from; n < to; n++) {
            section s = section_of(c, n, group);
            if (tile == 0) NAME(set)(p->in * p->channel, 0, work->planes);
            NAME(add_columns)(p, work, &a, pitch, work->columns + (n - from) * size);
            if (tile == tiles - 1) NAME(unfill)(p, &s, 0, p->in, work->planes, x);
        }
    }
}

static void NAME(weight_product)(const conv_plan *p, const WORK *work, const area *a, int64_t group, int64_t from, int64_t to,
                                 const T *x, const T *y, T *w, bool first) {
    const tgi_conv *c = p->c;
    int64_t         depth = p->in * p->taps, size = a->size[0] * a->size[1], pitch = (to - from) * size;
    for (int64_t n = from; n < to; n++) {
        section s = section_of(c, n, group);
        NAME(fill)(p, &s, a->at, x, work->planes);
        NAME(make_columns)(p, work, a, pitch, work->columns + (n - from) * size);
        NAME(take)(p, &s, a, y, a->size[1], pitch, size, work->rows + (n - from) * size);
    }
    NAME(multiply)(c->out, depth, pitch, work->rows, pitch, 1, work->columns, 1, pitch, first ? w : work->product, work);
    for (int64_t i = 0; i < c->out * depth && !first; i++)
        w[i] += work->product[i];
}

/* A kernel of one element: one group of an image, or of a result, is the second matrix as it is. */
static void NAME(pointwise)(const tgi_conv *c, const WORK *work, const T *x, const T *w, const T *bias, T *y) {
    int64_t size = c->depth.x * c->x[0] * c->x[1];
    NAME(multiply)(c->out, size, c->in, w, c->in, 1, x, size, 1, y, work);
    for (int64_t o = 0; bias && o < c->out; o++)
        for (int64_t i = 0; i < size; i++)
            y[o * size + i] += bias[o];
}

static void NAME(back_pointwise)(const tgi_conv *c, const WORK *work, const T *y, const T *w, const T *bias, T *x) {
    int64_t size = c->depth.x * c->x[0] * c->x[1];
    NAME(multiply)(c->in, size, c->out, w, 1, c->in, y, size, 1, x, work);
    for (int64_t o = 0; bias && o < c->in; o++)
        for (int64_t i = 0; i < size; i++)
            x[o * size + i] += bias[o];
}

static void NAME(weight_pointwise)(const tgi_conv *c, const WORK *work, const T *x, const T *y, T *w, bool first) {
    int64_t size = c->depth.x * c->x[0] * c->x[1];
    NAME(multiply)(c->out, c->in, size, y, size, 1, x, 1, size, first ? w : work->product, work);
    for (int64_t i = 0; i < c->out * c->in && !first; i++)
        w[i] += work->product[i];
}
