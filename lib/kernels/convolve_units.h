/* kernels/convolve_units.h: the three functions for one element type, and the units of work that threads share out. convolve.c
 * includes this file once a type, after the others.
 *
 * SPDX-License-Identifier: MIT */

/* ---- the three --------------------------------------------------------------------------------------------------- */

/* Operands as they are given; w is the result of the third. */
typedef struct NAME(job) {
    const plan *p;
    const T    *w, *bias;
    const T    *x_in, *y_in;
    T          *x_out, *y_out, *w_out;
    char       *scratch;
    size_t      room; /* of a share */
    int64_t     x_group, y_group, w_group;
    int64_t     start; /* the first unit of a round */
} NAME(job);
#define JOB NAME(job)

static JOB NAME(job_of)(const plan *p, tgi_conv_kind kind, int shares, void *scratch) {
    const tgi_conv *c = p->c;
    return (JOB){.p = p,
                 .scratch = scratch,
                 .room = room_of(p, kind, sizeof(T), shares),
                 .x_group = c->in * c->x[0] * c->x[1],
                 .y_group = c->out * c->y[0] * c->y[1],
                 .w_group = c->out * c->in * p->taps};
}

/* A unit is one of tiles_of(p) areas of p->batch images, in all groups. */
static void NAME(some_areas)(const void *some, int share, int64_t from, int64_t to) {
    const JOB      *job = some;
    const plan     *p = job->p;
    const tgi_conv *c = p->c;
    WORK            work = NAME(work_in)(p, TGI_CONV, job->scratch + (size_t)share * job->room);
    for (int64_t unit = from; unit < to; unit++) {
        int64_t n = unit / tiles_of(p) * p->batch;
        area    a = area_of(p, unit % tiles_of(p));
        for (int64_t g = 0; g < c->groups; g++) {
            const T *x = job->x_in + (n * c->groups + g) * job->x_group, *w = job->w + g * job->w_group;
            const T *bias = job->bias ? job->bias + g * c->out : NULL;
            T       *y = job->y_out + (n * c->groups + g) * job->y_group;
            if (p->way == TGI_CONV_TILES)
                NAME(tiles)(p, &work, &a, x, w, bias, y);
            else if (p->pointwise)
                NAME(pointwise)(c, &work, x, w, bias, y);
            else
                NAME(product)(p, &work, &a, min_of(p->batch, c->images - n), x, w, bias, y);
        }
    }
}

void NAME(tgi_conv)(const tgi_conv *c, const T *x, const T *w, const T *bias, T *y, int threads, void *scratch) {
    plan p = plan_of(c, TGI_CONV, sizeof(T));
    int  shares = shares_of(&p, TGI_CONV, threads);
    JOB  job = NAME(job_of)(&p, TGI_CONV, shares, scratch);
    job.x_in = x, job.w = w, job.bias = bias, job.y_out = y;
    if (p.way == TGI_CONV_PLAIN || !NAME(all_finite)(c->groups * job.w_group, w))
        NAME(plain)(c, x, w, bias, y);
    else
        tgi_share_out(shares, units_of(&p, TGI_CONV), NAME(some_areas), &job);
}

/* A unit is one group of p->batch images. */
static void NAME(some_images)(const void *some, int share, int64_t from, int64_t to) {
    const JOB      *job = some;
    const plan     *p = job->p;
    const tgi_conv *c = p->c;
    int64_t         x_size = c->x[0] * c->x[1];
    WORK            work = NAME(work_in)(p, TGI_CONV_BACK, job->scratch + (size_t)share * job->room);
    for (int64_t unit = from; unit < to; unit++) {
        int64_t  n = unit / c->groups * p->batch, g = unit % c->groups;
        const T *y = job->y_in + (n * c->groups + g) * job->y_group, *w = job->w + g * job->w_group;
        T       *x = job->x_out + (n * c->groups + g) * job->x_group;
        if (p->pointwise)
            NAME(back_pointwise)(c, &work, y, w, job->bias ? job->bias + g * c->in : NULL, x);
        else if (p->way == TGI_CONV_PRODUCT)
            NAME(back_product)(p, &work, min_of(p->batch, c->images - n), y, w, x);
        else
            for (int64_t i = 0; i < c->in; i += p->block)
                NAME(back_block)(p, &work, min_of(p->block, c->in - i), y, w + i * p->taps, x + i * x_size);
    }
}

void NAME(tgi_conv_back)(const tgi_conv *c, const T *y, const T *w, const T *bias, T *x, int threads, void *scratch) {
    plan p = plan_of(c, TGI_CONV_BACK, sizeof(T));
    int  shares = shares_of(&p, TGI_CONV_BACK, threads);
    JOB  job = NAME(job_of)(&p, TGI_CONV_BACK, shares, scratch);
    job.y_in = y, job.w = w, job.bias = bias, job.x_out = x;
    if (p.way == TGI_CONV_PLAIN || !NAME(all_finite)(c->groups * job.w_group, w)) {
        NAME(plain_back)(c, y, w, bias, x);
        return;
    }
    if (!p.pointwise) NAME(set_channels)(c->images, c->groups * c->in, c->x[0] * c->x[1], bias, x);
    tgi_share_out(shares, units_of(&p, TGI_CONV_BACK), NAME(some_images), &job);
}

/* A unit is as in the convolution; what it adds to w is one sum. */
static void NAME(add_area)(const JOB *job, const WORK *work, int64_t unit, T *w, bool first) {
    const plan     *p = job->p;
    const tgi_conv *c = p->c;
    int64_t         n = unit / tiles_of(p) * p->batch, images = min_of(p->batch, c->images - n);
    area            a = area_of(p, unit % tiles_of(p));
    for (int64_t g = 0; g < c->groups; g++, w += job->w_group) {
        const T *x = job->x_in + (n * c->groups + g) * job->x_group, *y = job->y_in + (n * c->groups + g) * job->y_group;
        if (p->way == TGI_CONV_TILES)
            NAME(weight_tiles)(p, work, &a, images, x, y, w, first);
        else if (p->pointwise)
            NAME(weight_pointwise)(c, work, x, y, w, first);
        else
            NAME(weight_product)(p, work, &a, images, x, y, w, first);
    }
}

/* The share's own gradient of the kernel. */
static T *NAME(own_sum)(const JOB *job, int64_t share) {
    size_t end = behind(parts_of(job->p, TGI_CONV_WEIGHT, sizeof(T)).end, 0, 1);
    return (T *)(void *)(job->scratch + (size_t)share * job->room + end);
}

static void NAME(one_area)(const void *some, int share, int64_t from, int64_t to) {
    const JOB *job = some;
    WORK       work = NAME(work_in)(job->p, TGI_CONV_WEIGHT, job->scratch + (size_t)share * job->room);
    for (int64_t unit = from; unit < to; unit++)
        NAME(add_area)(job, &work, job->start + unit, NAME(own_sum)(job, share), true);
}

/* One unit a share and round, each with a sum of its own; these are added in the order of the units. */
static void NAME(add_in_rounds)(JOB *job, int shares) {
    int64_t units = units_of(job->p, TGI_CONV_WEIGHT), size = weights_of(job->p);
    for (job->start = 0; job->start < units; job->start += shares) {
        int64_t round = min_of(shares, units - job->start);
        tgi_share_out((int)round, round, NAME(one_area), job);
        for (int64_t share = 0; share < round; share++) {
            const T *sum = NAME(own_sum)(job, share);
            for (int64_t i = 0; i < size; i++)
                job->w_out[i] = job->start + share ? job->w_out[i] + sum[i] : sum[i];
        }
    }
}

void NAME(tgi_conv_weight)(const tgi_conv *c, const T *x, const T *y, T *w, int threads, void *scratch) {
    plan p = plan_of(c, TGI_CONV_WEIGHT, sizeof(T));
    int  shares = shares_of(&p, TGI_CONV_WEIGHT, threads);
    JOB  job = NAME(job_of)(&p, TGI_CONV_WEIGHT, shares, scratch);
    job.x_in = x, job.y_in = y, job.w_out = w;
    if (p.way == TGI_CONV_PLAIN || !NAME(all_finite)(c->images * c->groups * job.x_group, x) ||
        !NAME(all_finite)(c->images * c->groups * job.y_group, y)) {
        NAME(plain_weight)(c, x, y, w);
        return;
    }
    if (shares > 1) {
        NAME(add_in_rounds)(&job, shares);
        return;
    }
    WORK work = NAME(work_in)(&p, TGI_CONV_WEIGHT, scratch);
    for (int64_t unit = 0; unit < units_of(&p, TGI_CONV_WEIGHT); unit++)
        NAME(add_area)(&job, &work, unit, w, unit == 0);
}

#undef VECTOR
#undef UNALIGNED
#undef LANES
#undef WORK
#undef STRIP
#undef SCALARS
#undef JOB
