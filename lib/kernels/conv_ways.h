/* kernels/conv_ways.h: convolution by matrix products, for one element type, and the three functions, which go from task to
 * task. conv.c includes this file once a type, behind conv_planes.h and conv_tiles.h.
 *
 * SPDX-License-Identifier: MIT */

/* ---- matrix products --------------------------------------------------------------------------------------------- */

static void NAME(multiply)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, int64_t a_col, const T *b, int64_t b_row,
                           int64_t b_col, T *c, const WORK *work) {
    NAME(tgi_gemm)(m, n, k, a, a_row, a_col, b, b_row, b_col, c, 1, work->multiply);
}

/* The shifted rows of an area of the planes, each `pitch` elements from the next, made. */
static void NAME(make_columns)(const plan *p, const WORK *work, const area *a, int64_t pitch, T *to) {
    for (int64_t t = 0; t < p->c->in * p->taps; t++, to += pitch) {
        const T *from = work->planes + work->offsets[t];
        for (int64_t i = 0; i < a->size[0]; i++)
            for (int64_t j = 0; j < a->size[1]; j++)
                to[i * a->size[1] + j] = from[i * p->plane[1] + j];
    }
}

/* And added to where they come from. */
static void NAME(add_columns)(const plan *p, const WORK *work, const area *a, int64_t pitch, const T *from) {
    for (int64_t t = 0; t < p->c->in * p->taps; t++, from += pitch) {
        T *to = work->planes + work->offsets[t] + a->at[0] * p->plane[1] + a->at[1];
        for (int64_t i = 0; i < a->size[0]; i++)
            for (int64_t j = 0; j < a->size[1]; j++)
                to[i * p->plane[1] + j] += from[i * a->size[1] + j];
    }
}

/* One area of one group of `images` images. */
static void NAME(product)(const plan *p, const WORK *work, const area *a, int64_t images, const T *x, const T *w, const T *bias,
                          T *y) {
    const tgi_conv *c = p->c;
    int64_t         depth = c->in * p->taps, size = a->size[0] * a->size[1], pitch = images * size;
    for (int64_t n = 0; n < images; n++) {
        NAME(fill)(p, c->in, a->at, x + n * c->groups * c->in * c->x[0] * c->x[1], work->planes);
        NAME(make_columns)(p, work, a, pitch, work->columns + n * size);
    }
    NAME(multiply)(c->out, pitch, depth, w, depth, 1, work->columns, pitch, 1, work->rows, work);
    for (int64_t n = 0; n < images; n++)
        NAME(put)
        (p, a, 0, c->out, work->rows + n * size, a->size[1], pitch, bias, y + n * c->groups * c->out * c->y[0] * c->y[1]);
}

/* All areas of one group of `images` images. */
static void NAME(back_product)(const plan *p, const WORK *work, int64_t images, const T *y, const T *w, T *x) {
    const tgi_conv *c = p->c;
    int64_t         depth = c->in * p->taps, tiles = tiles_of(p);
    for (int64_t tile = 0; tile < tiles; tile++) {
        area    a = area_of(p, tile);
        int64_t size = a.size[0] * a.size[1], pitch = images * size;
        for (int64_t n = 0; n < images; n++)
            NAME(take)(p, &a, y + n * c->groups * c->out * c->y[0] * c->y[1], a.size[1], pitch, size, work->rows + n * size);
        NAME(multiply)(depth, pitch, c->out, w, 1, depth, work->rows, pitch, 1, work->columns, work);
        for (int64_t n = 0; n < images; n++) {
            if (tile == 0) NAME(set)(c->in * p->channel, 0, work->planes);
            NAME(add_columns)(p, work, &a, pitch, work->columns + n * size);
            if (tile == tiles - 1) NAME(unfill)(p, c->in, work->planes, x + n * c->groups * c->in * c->x[0] * c->x[1]);
        }
    }
}

static void NAME(weight_product)(const plan *p, const WORK *work, const area *a, int64_t images, const T *x, const T *y, T *w,
                                 bool first) {
    const tgi_conv *c = p->c;
    int64_t         depth = c->in * p->taps, size = a->size[0] * a->size[1], pitch = images * size;
    for (int64_t n = 0; n < images; n++) {
        NAME(fill)(p, c->in, a->at, x + n * c->groups * c->in * c->x[0] * c->x[1], work->planes);
        NAME(make_columns)(p, work, a, pitch, work->columns + n * size);
        NAME(take)(p, a, y + n * c->groups * c->out * c->y[0] * c->y[1], a->size[1], pitch, size, work->rows + n * size);
    }
    NAME(multiply)(c->out, depth, pitch, work->rows, pitch, 1, work->columns, 1, pitch, first ? w : work->product, work);
    for (int64_t i = 0; i < c->out * depth && !first; i++)
        w[i] += work->product[i];
}

/* A kernel of one element: one group of an image, or of a result, is the second matrix as it is. */
static void NAME(pointwise)(const tgi_conv *c, const WORK *work, const T *x, const T *w, const T *bias, T *y) {
    int64_t size = c->x[0] * c->x[1];
    NAME(multiply)(c->out, size, c->in, w, c->in, 1, x, size, 1, y, work);
    for (int64_t o = 0; bias && o < c->out; o++)
        for (int64_t i = 0; i < size; i++)
            y[o * size + i] += bias[o];
}

static void NAME(back_pointwise)(const tgi_conv *c, const WORK *work, const T *y, const T *w, const T *bias, T *x) {
    int64_t size = c->x[0] * c->x[1];
    NAME(multiply)(c->in, size, c->out, w, 1, c->in, y, size, 1, x, work);
    for (int64_t o = 0; bias && o < c->in; o++)
        for (int64_t i = 0; i < size; i++)
            x[o * size + i] += bias[o];
}

static void NAME(weight_pointwise)(const tgi_conv *c, const WORK *work, const T *x, const T *y, T *w, bool first) {
    int64_t size = c->x[0] * c->x[1];
    NAME(multiply)(c->out, c->in, size, y, size, 1, x, 1, size, first ? w : work->product, work);
    for (int64_t i = 0; i < c->out * c->in && !first; i++)
        w[i] += work->product[i];
}

/* ---- the three --------------------------------------------------------------------------------------------------- */

/* A task is one of tiles_of(p) areas of p->batch images. */
void NAME(tgi_conv)(const tgi_conv *c, const T *x, const T *w, const T *bias, T *y, void *scratch) {
    plan    p = plan_of(c, TGI_CONV, sizeof(T));
    WORK    work = NAME(work_in)(&p, TGI_CONV, scratch);
    int64_t x_group = c->in * c->x[0] * c->x[1], y_group = c->out * c->y[0] * c->y[1], w_group = c->out * c->in * p.taps;
    if (p.way == TGI_CONV_PLAIN || !NAME(all_finite)(c->groups * w_group, w)) {
        NAME(plain)(c, x, w, bias, y);
        return;
    }
    for (int64_t n = 0; n < c->images; n += p.batch)
        for (int64_t tile = 0; tile < tiles_of(&p); tile++) {
            area a = area_of(&p, tile);
            for (int64_t g = 0; g < c->groups; g++) {
                const T *xg = x + (n * c->groups + g) * x_group, *wg = w + g * w_group, *b = bias ? bias + g * c->out : NULL;
                T       *yg = y + (n * c->groups + g) * y_group;
                if (p.way == TGI_CONV_TILES)
                    NAME(tiles)(&p, &work, &a, xg, wg, b, yg);
                else if (p.pointwise)
                    NAME(pointwise)(c, &work, xg, wg, b, yg);
                else
                    NAME(product)(&p, &work, &a, least(p.batch, c->images - n), xg, wg, b, yg);
            }
        }
}

/* A task is one block of channels of p->batch images. */
void NAME(tgi_conv_back)(const tgi_conv *c, const T *y, const T *w, const T *bias, T *x, void *scratch) {
    plan    p = plan_of(c, TGI_CONV_BACK, sizeof(T));
    WORK    work = NAME(work_in)(&p, TGI_CONV_BACK, scratch);
    int64_t x_size = c->x[0] * c->x[1], y_group = c->out * c->y[0] * c->y[1], w_group = c->out * c->in * p.taps;
    if (p.way == TGI_CONV_PLAIN || !NAME(all_finite)(c->groups * w_group, w)) {
        NAME(plain_back)(c, y, w, bias, x);
        return;
    }
    if (!p.pointwise) NAME(set_channels)(c->images, c->groups * c->in, x_size, bias, x);
    for (int64_t n = 0; n < c->images; n += p.batch)
        for (int64_t g = 0; g < c->groups; g++) {
            const T *yg = y + (n * c->groups + g) * y_group, *wg = w + g * w_group;
            T       *xg = x + (n * c->groups + g) * c->in * x_size;
            if (p.pointwise)
                NAME(back_pointwise)(c, &work, yg, wg, bias ? bias + g * c->in : NULL, xg);
            else if (p.way == TGI_CONV_PRODUCT)
                NAME(back_product)(&p, &work, least(p.batch, c->images - n), yg, wg, xg);
            else
                for (int64_t i = 0; i < c->in; i += p.block)
                    NAME(back_block)(&p, &work, least(p.block, c->in - i), yg, wg + i * p.taps, xg + i * x_size);
        }
}

/* A task is as in the convolution; what it adds to w is one sum. */
void NAME(tgi_conv_weight)(const tgi_conv *c, const T *x, const T *y, T *w, void *scratch) {
    plan    p = plan_of(c, TGI_CONV_WEIGHT, sizeof(T));
    WORK    work = NAME(work_in)(&p, TGI_CONV_WEIGHT, scratch);
    int64_t x_group = c->in * c->x[0] * c->x[1], y_group = c->out * c->y[0] * c->y[1], w_group = c->out * c->in * p.taps;
    if (p.way == TGI_CONV_PLAIN || !NAME(all_finite)(c->images * c->groups * x_group, x) ||
        !NAME(all_finite)(c->images * c->groups * y_group, y)) {
        NAME(plain_weight)(c, x, y, w);
        return;
    }
    for (int64_t n = 0; n < c->images; n += p.batch)
        for (int64_t tile = 0; tile < tiles_of(&p); tile++) {
            area a = area_of(&p, tile);
            bool first = n == 0 && tile == 0;
            for (int64_t g = 0; g < c->groups; g++) {
                const T *xg = x + (n * c->groups + g) * x_group, *yg = y + (n * c->groups + g) * y_group;
                T       *wg = w + g * w_group;
                int64_t  images = least(p.batch, c->images - n);
                if (p.way == TGI_CONV_TILES)
                    NAME(weight_tiles)(&p, &work, &a, images, xg, yg, wg, first);
                else if (p.pointwise)
                    NAME(weight_pointwise)(c, &work, xg, yg, wg, first);
                else
                    NAME(weight_product)(&p, &work, &a, images, xg, yg, wg, first);
            }
        }
}

#undef VECTOR
#undef LOOSE
#undef LANES
#undef WORK
#undef STRIP
#undef SCALARS
