/* kernels/convolve_planes.h: for one element type, convolution term by term, and what goes between images and planes. convolve.c
 * includes this file once a type, with T the type and NAME(x) the name of x for that type; convolve.c also tells how it works.
 *
 * SPDX-License-Identifier: MIT */

#define VECTOR NAME(vector)
#define UNALIGNED_VECTOR NAME(unaligned)
#define LANES NAME(lanes)

/* The parts of scratch. */
typedef struct NAME(work) {
    int64_t *offsets;
    T       *planes, *rows, *columns, *product;
    void    *multiply;
} NAME(work);
#define WORK NAME(work)

static WORK NAME(work_in)(const conv_plan *p, void *scratch, int64_t share) {
    char *start = (char *)scratch + (size_t)share * p->room;
    WORK  w = {(int64_t *)(void *)start,
               (T *)(void *)(start + p->at.planes),
               (T *)(void *)(start + p->at.rows),
               (T *)(void *)(start + p->at.columns),
               (T *)(void *)(start + p->at.product),
               start + p->at.multiply};
    tgi_conv_offsets(p, w.offsets);
    memset(w.planes, 0, (size_t)p->planes * sizeof(T));
    return w;
}

/* Whether 0 times any of them is 0. */
static bool NAME(all_finite)(int64_t n, const T *x) {
    T sum[64] = {0};
    for (; n >= 64; n -= 64, x += 64)
        for (int i = 0; i < 64; i++)
            sum[i] += x[i] * 0;
    for (int64_t i = 0; i < n; i++)
        sum[i] += x[i] * 0;
    for (int i = 1; i < 64; i++)
        sum[0] += sum[i];
    return sum[0] == 0;
}

static void NAME(set)(int64_t n, T value, T *x) {
    for (int64_t i = 0; i < n; i++)
        x[i] = value;
}

/* ---- term by term ------------------------------------------------------------------------------------------------ */

/* The positions, down and across, for which a tap meets an element of x, and which one it meets from position 0. */
static void NAME(meet)(const tgi_conv *c, int64_t tap, span s[2], int64_t first[2]) {
    int64_t at[2] = {tap / c->k[1], tap % c->k[1]};
    for (int a = 0; a < 2; a++) {
        first[a] = at[a] * c->dilation[a] - c->padding[a];
        s[a] = span_of(c->y[a], first[a], c->stride[a], c->x[a]);
    }
}

/* What one tap does between a channel of x and one of y; the kind is a constant. */
static ALWAYS_INLINE void NAME(term)(const tgi_conv *c, tgi_conv_kind kind, int64_t tap, T *x, T *w, T *y) {
    span    s[2];
    int64_t first[2], step = c->stride[1];
    T       tw = kind == TGI_CONV_WEIGHT ? 0 : w[tap];
    NAME(meet)(c, tap, s, first);
    for (int64_t i = s[0].from; i < s[0].to; i++) {
        T *xi = x + (first[0] + i * c->stride[0]) * c->x[1] + first[1], *yi = y + i * c->y[1], sum = 0;
        for (int64_t j = s[1].from; j < s[1].to; j++) {
            if (kind == TGI_CONV) yi[j] += tw * xi[j * step];
            if (kind == TGI_CONV_BACK) xi[j * step] += tw * yi[j];
            if (kind == TGI_CONV_WEIGHT) sum += yi[j] * xi[j * step];
        }
        if (kind == TGI_CONV_WEIGHT) w[tap] += sum;
    }
}

static ALWAYS_INLINE void NAME(terms)(const tgi_conv *c, tgi_conv_kind kind, T *x, T *w, T *y) {
    int64_t taps = c->k[0] * c->k[1], in = c->in * c->depth.k;
    for (int64_t n = 0; n < c->images * c->depth.y; n++)
        for (int64_t g = 0; g < c->groups; g++) {
            section s = section_of(c, n, g);
            for (int64_t o = 0; o < c->out; o++)
                for (int64_t i = 0; i < in; i++) {
                    int64_t at = channel_in_x(c, &s, i);
                    T      *wi = w + ((g * c->out + o) * in + i) * taps, *yo = y + channel_in_y(c, &s, o);
                    for (int64_t tap = 0; tap < taps && at >= 0; tap++)
                        NAME(term)(c, kind, tap, x + at, wi, yo);
                }
        }
}

/* `channels` images of `size` elements, each set to its bias or 0. */
static void NAME(set_channels)(int64_t images, int64_t channels, int64_t size, const T *bias, T *x) {
    for (int64_t n = 0; n < images; n++)
        for (int64_t i = 0; i < channels; i++, x += size)
            NAME(set)(size, bias ? bias[i] : 0, x);
}

static NO_INLINE void NAME(direct)(const tgi_conv *c, const T *x, const T *w, const T *bias, T *y) {
    NAME(set_channels)(c->images, c->groups * c->out, c->depth.y * c->y[0] * c->y[1], bias, y);
    NAME(terms)(c, TGI_CONV, (T *)x, (T *)w, y);
}

static NO_INLINE void NAME(direct_back)(const tgi_conv *c, const T *y, const T *w, const T *bias, T *x) {
    NAME(set_channels)(c->images, c->groups * c->in, c->depth.x * c->x[0] * c->x[1], bias, x);
    NAME(terms)(c, TGI_CONV_BACK, x, (T *)w, (T *)y);
}

static NO_INLINE void NAME(direct_weight)(const tgi_conv *c, const T *x, const T *y, T *w) {
    NAME(set)(c->groups * c->out * c->in * c->depth.k * c->k[0] * c->k[1], 0, w);
    NAME(terms)(c, TGI_CONV_WEIGHT, (T *)x, w, (T *)y);
}

/* ---- between images and planes ----------------------------------------------------------------------------------- */

/* The row of an image that row i of a plane shows, for a plane that begins at row `at` of the result; -1 for padding. */
static int64_t NAME(row_of)(const tgi_conv *c, int64_t at, int64_t phase, int64_t i) {
    int64_t row = (at + i) * c->stride[0] + phase - c->padding[0];
    return row < c->x[0] ? row : -1;
}

/* Copies a section's channels into the planes of an area, with zeros around. */
static void NAME(fill)(const conv_plan *p, const section *in, const int64_t *at, const T *x, T *to) {
    const tgi_conv *c = p->c;
    int64_t         step = c->stride[1], width = p->plane[1];
    for (int64_t n = 0; n < p->in; n++) {
        int64_t channel = channel_in_x(c, in, n);
        if (channel < 0) {
            NAME(set)(p->channel, 0, to);
            to += p->channel;
            continue;
        }
        for (int64_t phase = 0; phase < p->phases[0] * p->phases[1]; phase++) {
            int64_t first = at[1] * step + phase % p->phases[1] - c->padding[1];
            span    s = span_of(width, first, step, c->x[1]);
            for (int64_t i = 0; i < p->plane[0]; i++, to += width) {
                int64_t row = NAME(row_of)(c, at[0], phase / p->phases[1], i);
                if (row < 0) {
                    NAME(set)(width, 0, to);
                    continue;
                }
                const T *from = x + channel + row * c->x[1] + first;
                for (int64_t j = 0; j < s.from; j++)
                    to[j] = 0;
                if (step == 1)
                    for (int64_t j = s.from; j < s.to; j++)
                        to[j] = from[j];
                else
                    for (int64_t j = s.from; j < s.to; j++)
                        to[j] = from[j * step];
                for (int64_t j = s.to; j < width; j++)
                    to[j] = 0;
            }
        }
    }
}

/* Adds the planes of the whole result to a section's channels from `channel` on. */
static void NAME(unfill)(const conv_plan *p, const section *in, int64_t channel, int64_t channels, const T *from, T *x) {
    const tgi_conv *c = p->c;
    int64_t         step = c->stride[1], width = p->plane[1];
    for (int64_t n = channel; n < channel + channels; n++, from += p->channel) {
        int64_t  at = channel_in_x(c, in, n);
        const T *plane = from;
        for (int64_t phase = 0; phase < p->phases[0] * p->phases[1] && at >= 0; phase++) {
            int64_t first = phase % p->phases[1] - c->padding[1];
            span    s = span_of(width, first, step, c->x[1]);
            for (int64_t i = 0; i < p->plane[0]; i++, plane += width) {
                int64_t row = NAME(row_of)(c, 0, phase / p->phases[1], i);
                if (row < 0) continue;
                T *to = x + at + row * c->x[1] + first;
                if (step == 1)
                    for (int64_t j = s.from; j < s.to; j++)
                        to[j] += plane[j];
                else
                    for (int64_t j = s.from; j < s.to; j++)
                        to[j * step] += plane[j];
            }
        }
    }
}

/* An area of a section, of all its channels of the result, and rows of scratch: each channel `pitch` elements from the next, each
 * row of the area `width`. */

/* With zeros between the rows, and after the last one up to `length`. */
static void NAME(take)(const conv_plan *p, const section *s, const area *a, const T *y, int64_t width, int64_t pitch,
                       int64_t length, T *to) {
    const tgi_conv *c = p->c;
    for (int64_t o = 0; o < c->out; o++, to += pitch) {
        const T *channel = y + channel_in_y(c, s, o);
        int64_t  end = 0;
        for (int64_t i = 0; i < a->size[0]; i++) {
            const T *from = channel + (a->at[0] + i) * c->y[1] + a->at[1];
            for (; end < i * width; end++)
                to[end] = 0;
            for (int64_t j = 0; j < a->size[1]; j++)
                to[end + j] = from[j];
            end += a->size[1];
        }
        for (; end < length; end++)
            to[end] = 0;
    }
}

static void NAME(put)(const conv_plan *p, const section *s, const area *a, int64_t from_channel, int64_t channels,
                      const T *from, int64_t width, int64_t pitch, const T *bias, T *y) {
    const tgi_conv *c = p->c;
    for (int64_t o = from_channel; o < from_channel + channels; o++, from += pitch) {
        T *channel = y + channel_in_y(c, s, o), b = bias ? bias[o] : 0;
        for (int64_t i = 0; i < a->size[0]; i++) {
            T *to = channel + (a->at[0] + i) * c->y[1] + a->at[1];
            for (int64_t j = 0; j < a->size[1]; j++)
                to[j] = from[i * width + j] + b;
        }
    }
}
