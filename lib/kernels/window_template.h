/* kernels/window_template.h: pooling for one element type. window.c includes this file once a type, with T the type and
 * NAME(x) the name of x for that type.
 *
 * SPDX-License-Identifier: MIT */

/* ---- the largest ------------------------------------------------------------------------------------------------- */

/* A row of windows, as far as it is done: the largest of each, and where in the image it is; -1 as long as there is none. Both
 * are of one width, for vectors of both have as many elements. */
typedef struct NAME(row) {
    T *best;
    I *index;
} NAME(row);
#define ROW NAME(row)

/* The first element of some windows: x[at + p step]. */
static void NAME(begin)(span s, int64_t step, const T *x, int64_t at, ROW r) {
    for (int64_t p = s.from; p < s.to; p++) {
        r.best[p] = x[at + p * step];
        r.index[p] = (I)(at + p * step);
    }
}

/* One more. */
static void NAME(compare)(span s, int64_t step, const T *x, int64_t at, ROW r) {
    T *best = r.best;
    I *index = r.index;
    for (int64_t p = s.from; p < s.to; p++) {
        T    value = x[at + p * step];
        bool larger = (value > best[p]) | (value != value);
        best[p] = larger ? value : best[p];
        index[p] = larger ? (I)(at + p * step) : index[p];
    }
}

/* Row `down` of an image, for the windows that reach it. In the first one, the windows from `begun` on have an element already:
 * the further left a window is, the later comes its first one. */
static void NAME(look_at)(const tgi_windows *w, int64_t down, bool first_row, const T *x, ROW r) {
    int64_t begun = first_row ? w->y[1] : 0;
    for (int64_t j = 0; j < w->k[1]; j++) {
        int64_t first = j * w->dilation[1] - w->padding[1];
        span    s = span_of(w->y[1], first, w->stride[1], w->x[1]), fresh = s;
        if (fresh.to > begun) fresh.to = begun;
        if (begun > s.from) begun = s.from;
        NAME(begin)(fresh, w->stride[1], x, down * w->x[1] + first, r);
        if (fresh.to > s.from) s.from = fresh.to;
        NAME(compare)(s, w->stride[1], x, down * w->x[1] + first, r);
    }
}

void NAME(tgi_largest)(const tgi_windows *w, const T *x, int64_t *index, void *scratch) {
    ROW r = {scratch, (I *)((T *)scratch + w->y[1])};
    for (int64_t row = 0; row < w->images * w->y[0]; row++, index += w->y[1]) {
        const T *image = x + row / w->y[0] * w->x[0] * w->x[1];
        bool     first = true;
        for (int64_t p = 0; p < w->y[1]; p++)
            r.index[p] = -1;
        for (int64_t i = 0; i < w->k[0]; i++) {
            int64_t down = row % w->y[0] * w->stride[0] + i * w->dilation[0] - w->padding[0];
            if (down < 0 || down >= w->x[0]) continue;
            NAME(look_at)(w, down, first, image, r);
            first = false;
        }
        for (int64_t p = 0; p < w->y[1]; p++)
            index[p] = r.index[p];
    }
}

void NAME(tgi_pick)(int64_t images, int64_t x_size, int64_t y_size, const T *x, const int64_t *index, T *y) {
    for (int64_t n = 0; n < images; n++, x += x_size, index += y_size, y += y_size)
        for (int64_t i = 0; i < y_size; i++)
            y[i] = index[i] < 0 ? (T)-INFINITY : x[index[i]];
}

void NAME(tgi_unpick)(int64_t images, int64_t x_size, int64_t y_size, const T *y, const int64_t *index, T *x) {
    memset(x, 0, (size_t)(images * x_size) * sizeof *x);
    for (int64_t n = 0; n < images; n++, x += x_size, index += y_size, y += y_size)
        for (int64_t i = 0; i < y_size; i++)
            if (index[i] >= 0) x[index[i]] += y[i];
}

/* ---- the mean ---------------------------------------------------------------------------------------------------- */

/* The divisor of window `down` x window j of a row; 1 where there is nothing to divide. */
static T NAME(divisor)(const tgi_window *down, const tgi_window *across) {
    int64_t count = down->count * across->count;
    return count ? (T)count : 1;
}

void NAME(tgi_means)(int64_t images, const int64_t *x_sizes, const int64_t *y_sizes, const tgi_window *down,
                     const tgi_window *across, const T *x, T *y, void *scratch) {
    int64_t width = x_sizes[1];
    T      *sum = scratch;
    for (int64_t row = 0; row < images * y_sizes[0]; row++, y += y_sizes[1]) {
        const tgi_window *d = &down[row % y_sizes[0]];
        const T          *image = x + row / y_sizes[0] * x_sizes[0] * width;
        for (int64_t i = 0; i < width; i++)
            sum[i] = d->from < d->to ? image[d->from * width + i] : 0;
        for (int64_t k = d->from + 1; k < d->to; k++)
            for (int64_t i = 0; i < width; i++)
                sum[i] += image[k * width + i];
        for (int64_t j = 0; j < y_sizes[1]; j++) {
            T total = 0;
            for (int64_t k = across[j].from; k < across[j].to; k++)
                total += sum[k];
            y[j] = total / NAME(divisor)(d, &across[j]);
        }
    }
}

void NAME(tgi_unmeans)(int64_t images, const int64_t *x_sizes, const int64_t *y_sizes, const tgi_window *down,
                       const tgi_window *across, const T *y, T *x, void *scratch) {
    int64_t width = x_sizes[1];
    T      *sum = scratch;
    memset(x, 0, (size_t)(images * x_sizes[0] * width) * sizeof *x);
    for (int64_t row = 0; row < images * y_sizes[0]; row++, y += y_sizes[1]) {
        const tgi_window *d = &down[row % y_sizes[0]];
        T                *image = x + row / y_sizes[0] * x_sizes[0] * width;
        memset(sum, 0, (size_t)width * sizeof *sum);
        for (int64_t j = 0; j < y_sizes[1]; j++) {
            T part = y[j] / NAME(divisor)(d, &across[j]);
            for (int64_t k = across[j].from; k < across[j].to; k++)
                sum[k] += part;
        }
        for (int64_t k = d->from; k < d->to; k++)
            for (int64_t i = 0; i < width; i++)
                image[k * width + i] += sum[i];
    }
}

#undef ROW
