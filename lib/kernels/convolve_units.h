/* kernels/convolve_units.h: the three functions for one element type, and the units of work that threads share out. convolve.c
 * includes this file once a type, after the others.
 *
 * SPDX-License-Identifier: MIT */

/* ---- the three --------------------------------------------------------------------------------------------------- */

/* The operands; w_out is the result of the third function. */
typedef struct NAME(job) {
    const conv_plan *p;
    const T         *w, *bias;
    const T         *x_in, *y_in;
    T               *x_out, *y_out, *w_out;
    void            *scratch;
    int64_t          x_group, y_group, w_group;
    int64_t          start; /* the first unit of a round */
} NAME(job);
#define JOB NAME(job)

static JOB NAME(job_of)(const conv_plan *p, void *scratch) {
    const tgi_conv *c = p->c;
    return (JOB){.p = p,
                 .scratch = scratch,
                 .x_group = c->in * c->x[0] * c->x[1],
                 .y_group = c->out * c->y[0] * c->y[1],
                 .w_group = c->out * c->in * p->taps};
}

/* A unit is one of tiles_of(p) areas of p->batch images, in all groups. */
static void NAME(some_areas)(const void *some, int share, int64_t from, int64_t to) {
    const JOB       *job = some;
    const conv_plan *p = job->p;
    const tgi_conv  *c = p->c;
    WORK             work = NAME(work_in)(p, job->scratch, share);
    for (int64_t unit = from; unit < to; unit++) {
        int64_t n = unit / tiles_of(p) * p->batch;
        area    a = area_of(p, unit % tiles_of(p));
        for (int64_t g = 0; g < c->groups; g++) {
            const T *x = job->x_in + (n * c->groups + g) * job->x_group, *w = job->w + g * job->w_group;
            const T *bias = job->bias ? job->bias + g * c->out : NULL;
            T       *y = job->y_out + (n * c->groups + g) * job->y_group;
            if (p->method == TGI_CONV_TILES)
                NAME(tiles)(p, &work, &a, x, w, bias, y);
            else if (p->pointwise)
                NAME(pointwise)(c, &work, x, w, bias, y);
            else
                NAME(product)(p, &work, &a, min_of(p->batch, c->images - n), x, w, bias, y);
        }
    }
}

TGI_KERNEL(NAME(tgi_conv), (const tgi_conv *c, const T *x, const T *w, const T *bias, T *y, tgi_team *team, void *scratch),
           (c, x, w, bias, y, team, scratch)) {
    conv_plan p = tgi_conv_plan(c, TGI_CONV, sizeof(T), tgi_team_size(team));
    JOB       job = NAME(job_of)(&p, scratch);
    job.x_in = x, job.w = w, job.bias = bias, job.y_out = y;
    if (p.method == TGI_CONV_DIRECT || !NAME(all_finite)(c->groups * job.w_group, w))
        NAME(direct)(c, x, w, bias, y);
    else
        tgi_share_out(team, p.shares, p.units, NAME(some_areas), &job);
}

/* A unit is one group of p->batch images. */
static void NAME(some_images)(const void *some, int share, int64_t from, int64_t to) {
    const JOB       *job = some;
    const conv_plan *p = job->p;
    const tgi_conv  *c = p->c;
    int64_t          x_size = c->x[0] * c->x[1];
    WORK             work = NAME(work_in)(p, job->scratch, share);
    for (int64_t unit = from; unit < to; unit++) {
        int64_t  n = unit / c->groups * p->batch, g = unit % c->groups;
        const T *y = job->y_in + (n * c->groups + g) * job->y_group, *w = job->w + g * job->w_group;
        T       *x = job->x_out + (n * c->groups + g) * job->x_group;
        if (p->pointwise)
            NAME(back_pointwise)(c, &work, y, w, job->bias ? job->bias + g * c->in : NULL, x);
        else if (p->method == TGI_CONV_PRODUCT)
            NAME(back_product)(p, &work, min_of(p->batch, c->images - n), y, w, x);
        else
            for (int64_t i = 0; i < c->in; i += p->block)
                NAME(back_block)(p, &work, min_of(p->block, c->in - i), y, w + i * p->taps, x + i * x_size);
    }
}

TGI_KERNEL(NAME(tgi_conv_back), (const tgi_conv *c, const T *y, const T *w, const T *bias, T *x, tgi_team *team, void *scratch),
           (c, y, w, bias, x, team, scratch)) {
    conv_plan p = tgi_conv_plan(c, TGI_CONV_BACK, sizeof(T), tgi_team_size(team));
    JOB       job = NAME(job_of)(&p, scratch);
    job.y_in = y, job.w = w, job.bias = bias, job.x_out = x;
    if (p.method == TGI_CONV_DIRECT || !NAME(all_finite)(c->groups * job.w_group, w)) {
        NAME(direct_back)(c, y, w, bias, x);
        return;
    }
    if (!p.pointwise) NAME(set_channels)(c->images, c->groups * c->in, c->x[0] * c->x[1], bias, x);
    tgi_share_out(team, p.shares, p.units, NAME(some_images), &job);
}

/* A unit is as in the convolution; what it adds to w is one sum. */
static void NAME(add_area)(const JOB *job, const WORK *work, int64_t unit, T *w, bool first) {
    const conv_plan *p = job->p;
    const tgi_conv  *c = p->c;
    int64_t          n = unit / tiles_of(p) * p->batch, images = min_of(p->batch, c->images - n);
    area             a = area_of(p, unit % tiles_of(p));
    for (int64_t g = 0; g < c->groups; g++, w += job->w_group) {
        const T *x = job->x_in + (n * c->groups + g) * job->x_group, *y = job->y_in + (n * c->groups + g) * job->y_group;
        if (p->method == TGI_CONV_TILES)
            NAME(weight_tiles)(p, work, &a, images, x, y, w, first);
        else if (p->pointwise)
            NAME(weight_pointwise)(c, work, x, y, w, first);
        else
            NAME(weight_product)(p, work, &a, images, x, y, w, first);
    }
}

/* The gradient of the kernel that unit `i` of the round gives. */
static T *NAME(gradient_of)(const JOB *job, int64_t i) {
    const conv_plan *p = job->p;
    return (T *)(void *)((char *)job->scratch + (size_t)p->shares * p->room + (size_t)i * p->gradient);
}

static void NAME(some_gradients)(const void *some, int share, int64_t from, int64_t to) {
    const JOB *job = some;
    WORK       work = NAME(work_in)(job->p, job->scratch, share);
    for (int64_t i = from; i < to; i++)
        NAME(add_area)(job, &work, job->start + i, NAME(gradient_of)(job, i), true);
}

/* Each unit of a round gives a gradient; they are added in the order of the units. */
static void NAME(add_in_rounds)(JOB *job, tgi_team *team) {
    int64_t units = job->p->units, size = job->p->c->groups * job->w_group;
    for (job->start = 0; job->start < units; job->start += job->p->round) {
        int64_t round = min_of(job->p->round, units - job->start);
        tgi_share_out(team, (int)min_of(job->p->shares, round), round, NAME(some_gradients), job);
        for (int64_t n = 0; n < round; n++) {
            const T *gradient = NAME(gradient_of)(job, n);
            for (int64_t i = 0; i < size; i++)
                job->w_out[i] = job->start + n ? job->w_out[i] + gradient[i] : gradient[i];
        }
    }
}

TGI_KERNEL(NAME(tgi_conv_weight), (const tgi_conv *c, const T *x, const T *y, T *w, tgi_team *team, void *scratch),
           (c, x, y, w, team, scratch)) {
    conv_plan p = tgi_conv_plan(c, TGI_CONV_WEIGHT, sizeof(T), tgi_team_size(team));
    JOB       job = NAME(job_of)(&p, scratch);
    job.x_in = x, job.y_in = y, job.w_out = w;
    if (p.method == TGI_CONV_DIRECT || !NAME(all_finite)(c->images * c->groups * job.x_group, x) ||
        !NAME(all_finite)(c->images * c->groups * job.y_group, y)) {
        NAME(direct_weight)(c, x, y, w);
        return;
    }
    if (p.shares > 1) {
        NAME(add_in_rounds)(&job, team);
        return;
    }
    WORK work = NAME(work_in)(&p, scratch, 0);
    for (int64_t unit = 0; unit < p.units; unit++)
        NAME(add_area)(&job, &work, unit, w, unit == 0);
}

#undef VECTOR
#undef UNALIGNED_VECTOR
#undef LANES
#undef WORK
#undef NARROW
#undef UNALIGNED_NARROW
#undef NARROW_LANES
#undef STRIP
#undef SCALARS
#undef JOB
