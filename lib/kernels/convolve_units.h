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
    int64_t          x_group, y_group, w_group; /* elements of a group of an image */
    int64_t          start;                     /* the first unit of a round */
} NAME(job);
#define JOB NAME(job)

static JOB NAME(job_of)(const conv_plan *p, void *scratch) {
    const tgi_conv *c = p->c;
    return (JOB){.p = p,
                 .scratch = scratch,
                 .x_group = c->in * c->depth.x * c->x[0] * c->x[1],
                 .y_group = c->out * c->depth.y * c->y[0] * c->y[1],
                 .w_group = c->out * p->in * p->taps};
}

/* Where `count` sections from `start` on end. */
static int64_t NAME(end_of)(const conv_plan *p, int64_t start, int64_t count) {
    return min_of(start + count, p->sections);
}

/* A unit is one of tiles_of(p) areas of p->batch sections, in all groups. */
static void NAME(some_areas)(const void *some, int share, int64_t from, int64_t to) {
    const JOB       *job = some;
    const conv_plan *p = job->p;
    const tgi_conv  *c = p->c;
    WORK             work = NAME(work_in)(p, job->scratch, share);
    for (int64_t unit = from; unit < to; unit++) {
        int64_t n = unit / tiles_of(p) * p->batch;
        area    a = area_of(p, unit % tiles_of(p));
        for (int64_t g = 0; g < c->groups; g++) {
            section  s = section_of(c, n, g);
            const T *x = job->x_in, *w = job->w + g * job->w_group, *bias = job->bias ? job->bias + g * c->out : NULL;
            T       *y = job->y_out;
            int64_t  group = n * c->groups + g;
            if (p->method == TGI_CONV_TILES)
                NAME(tiles)(p, &work, &s, &a, x, w, bias, y);
            else if (p->pointwise)
                NAME(pointwise)(c, &work, x + group * job->x_group, w, bias, y + group * job->y_group);
            else
                NAME(product)(p, &work, &a, g, n, NAME(end_of)(p, n, p->batch), x, w, bias, y);
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

/* A unit is one group of p->unit sections. */
static void NAME(some_images)(const void *some, int share, int64_t from, int64_t to) {
    const JOB       *job = some;
    const conv_plan *p = job->p;
    const tgi_conv  *c = p->c;
    WORK             work = NAME(work_in)(p, job->scratch, share);
    for (int64_t unit = from; unit < to; unit++) {
        int64_t  g = unit % c->groups, n = unit / c->groups * p->unit, end = NAME(end_of)(p, n, p->unit);
        int64_t  group = n * c->groups + g;
        const T *w = job->w + g * job->w_group, *bias = job->bias ? job->bias + g * c->in : NULL;
        for (; n < end; n += p->batch) {
            section s = section_of(c, n, g);
            if (p->pointwise)
                NAME(back_pointwise)(c, &work, job->y_in + group * job->y_group, w, bias, job->x_out + group * job->x_group);
            else if (p->method == TGI_CONV_PRODUCT)
                NAME(back_product)(p, &work, g, n, min_of(n + p->batch, end), job->y_in, w, job->x_out);
            else
                NAME(back_tiles)(p, &work, &s, job->y_in, w, job->x_out);
        }
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
    if (!p.pointwise) NAME(set_channels)(c->images, c->groups * c->in, c->depth.x * c->x[0] * c->x[1], bias, x);
    tgi_share_out(team, p.shares, p.units, NAME(some_images), &job);
}

/* A unit is as in the convolution; what it adds to w is one sum. */
static void NAME(add_area)(const JOB *job, const WORK *work, int64_t unit, T *w, bool first) {
    const conv_plan *p = job->p;
    const tgi_conv  *c = p->c;
    int64_t          n = unit / tiles_of(p) * p->batch, end = NAME(end_of)(p, n, p->batch);
    area             a = area_of(p, unit % tiles_of(p));
    for (int64_t g = 0; g < c->groups; g++, w += job->w_group) {
        int64_t  group = n * c->groups + g;
        const T *x = job->x_in, *y = job->y_in;
        if (p->method == TGI_CONV_TILES)
            NAME(weight_tiles)(p, work, &a, g, n, end, x, y, w, first);
        else if (p->pointwise)
            NAME(weight_pointwise)(c, work, x + group * job->x_group, y + group * job->y_group, w, first);
        else
            NAME(weight_product)(p, work, &a, g, n, end, x, y, w, first);
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
