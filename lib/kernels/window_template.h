/* kernels/window_template.h: maximum and mean for one element type. window.c includes this file once a type, with T the type and
 * NAME(x) the name of x for that type.
 *
 * SPDX-License-Identifier: MIT */

/* The operands of any of the functions; those that it does not have are 0. */
typedef struct NAME(job) {
    const tgi_windows *w;
    const tgi_means   *m;
    int64_t            x_size, y_size;
    const T           *in, *factors;
    const int64_t     *index;
    T                 *out, *scratch;
    double            *sums;
    int64_t           *index_out;
} NAME(job);
#define JOB NAME(job)

/* ---- the largest ------------------------------------------------------------------------------------------------- */

/* A row of windows, as far as it is done: the largest element of each, and its index in the image; -1 as long as there is none.
 * The two types have the same width, so that vectors of both have as many elements. */
typedef struct NAME(row) {
    T *best;
    I *index;
} NAME(row);
#define ROW NAME(row)

/* Four windows from p on, as they stand. */
typedef NAME(unaligned_quad) NAME(quad_in_memory);
typedef I NAME(index_quad) __attribute__((vector_size(4 * sizeof(I)), aligned(sizeof(I)), may_alias));
#define QUAD NAME(quad_in_memory)
#define INDEX_QUAD NAME(index_quad)

/* The first element of some windows: x[at + p step]. */
static void NAME(begin)(span s, int64_t step, const T *x, int64_t at, ROW r) {
    for (int64_t p = s.from; p < s.to; p++) {
        r.best[p] = x[at + p * step];
        r.index[p] = (I)(at + p * step);
    }
}

/* One more element of each. What is larger nobody can foresee: bits are chosen, and no branch. */
static ALWAYS_INLINE void NAME(compare)(int64_t p, int64_t step, const T *x, int64_t at, ROW r) {
    T value = x[at + p * step], so_far = r.best[p];
    I larger = -(I)((value > so_far) | (value != value)), bits, best_bits;
    memcpy(&bits, &value, sizeof bits);
    memcpy(&best_bits, &so_far, sizeof best_bits);
    best_bits ^= (best_bits ^ bits) & larger;
    memcpy(&r.best[p], &best_bits, sizeof best_bits);
    r.index[p] ^= (r.index[p] ^ (I)(at + p * step)) & larger;
}

/* The same for four windows, where the step is 1 or 2 (a constant). Of x nothing is read beyond the last of the four elements. */
static ALWAYS_INLINE void NAME(compare_four)(int64_t p, int64_t step, const T *x, int64_t at, ROW r) {
    const T   *first = x + at + p * step;
    QUAD       so_far = *(const QUAD *)(r.best + p), value = *(const QUAD *)first;
    I          place = (I)(at + p * step), apart = (I)step;
    INDEX_QUAD places = {place, place + apart, place + 2 * apart, place + 3 * apart}, index = *(INDEX_QUAD *)(r.index + p);
    if (step == 2) value = SHUFFLE(NAME(quad_mask), value, *(const QUAD *)(first + 3), 0, 2, 5, 7);
    INDEX_QUAD larger = (value > so_far) | (value != value), bits = (INDEX_QUAD)value, best_bits = (INDEX_QUAD)so_far;
    *(INDEX_QUAD *)(r.best + p) = best_bits ^ ((best_bits ^ bits) & larger);
    *(INDEX_QUAD *)(r.index + p) = index ^ ((index ^ places) & larger);
}

/* And for any number of them. To compare an element again changes nothing: so the last four may overlap the four before. */
static ALWAYS_INLINE void NAME(compare_all)(span s, int64_t step, const T *x, int64_t at, ROW r) {
    int64_t p = s.from;
    if ((step == 1 || step == 2) && s.to - s.from >= 4) {
        for (; p + 4 <= s.to; p += 4)
            NAME(compare_four)(p, step, x, at, r);
        if (p < s.to) NAME(compare_four)(s.to - 4, step, x, at, r);
        return;
    }
    for (; p < s.to; p++)
        NAME(compare)(p, step, x, at, r);
}

static void NAME(compare_some)(span s, int64_t step, const T *x, int64_t at, ROW r) {
    if (step == 1)
        NAME(compare_all)(s, 1, x, at, r);
    else if (step == 2)
        NAME(compare_all)(s, 2, x, at, r);
    else
        NAME(compare_all)(s, step, x, at, r);
}

/* Compares row `row` of an image with the windows that reach it. In the first row, the windows from `begun` on have an element
 * already: the further left a window is, the later comes its first element. */
static void NAME(compare_row)(const tgi_windows *w, int64_t row, bool first_row, const T *x, ROW r) {
    int64_t begun = first_row ? w->y[2] : 0;
    for (int64_t j = 0; j < w->k[2]; j++) {
        int64_t first = j * w->dilation[2] - w->padding[2];
        span    s = span_of(w->y[2], first, w->stride[2], w->x[2]), fresh = s;
        if (fresh.to > begun) fresh.to = begun;
        if (begun > s.from) begun = s.from;
        NAME(begin)(fresh, w->stride[2], x, row * w->x[2] + first, r);
        if (fresh.to > s.from) s.from = fresh.to;
        NAME(compare_some)(s, w->stride[2], x, row * w->x[2] + first, r);
    }
}

/* A row of windows of an image, those at p[0] and p[1]. */
static void NAME(largest_in_row)(const tgi_windows *w, const int64_t *p, const T *image, ROW r) {
    bool first = true;
    for (int64_t i = 0; i < w->k[0]; i++) {
        int64_t deep = p[0] * w->stride[0] + i * w->dilation[0] - w->padding[0];
        if (deep < 0 || deep >= w->x[0]) continue;
        for (int64_t j = 0; j < w->k[1]; j++) {
            int64_t down = p[1] * w->stride[1] + j * w->dilation[1] - w->padding[1];
            if (down < 0 || down >= w->x[1]) continue;
            NAME(compare_row)(w, deep * w->x[1] + down, first, image, r);
            first = false;
        }
    }
}

/* A unit is a row of windows. */
static void NAME(some_largest)(const void *some, int share, int64_t from, int64_t to) {
    const JOB         *job = some;
    const tgi_windows *w = job->w;
    int64_t            width = w->y[2], rows = w->y[0] * w->y[1];
    T                 *best = job->scratch + share * 2 * width;
    ROW                r = {best, (I *)(void *)(best + width)};
    for (int64_t row = from; row < to; row++) {
        const T *image = job->in + row / rows * w->x[0] * w->x[1] * w->x[2];
        int64_t *index = job->index_out + row * width, place[2] = {row % rows / w->y[1], row % w->y[1]};
        for (int64_t p = 0; p < width; p++)
            r.index[p] = -1;
        NAME(largest_in_row)(w, place, image, r);
        for (int64_t p = 0; p < width; p++)
            index[p] = r.index[p];
    }
}

TGI_KERNEL(NAME(tgi_largest), (const tgi_windows *w, const T *x, int64_t *index, tgi_team *team, void *scratch),
           (w, x, index, team, scratch)) {
    int64_t rows = w->images * w->y[0] * w->y[1];
    double  steps = (double)rows * (double)w->y[2] * (double)w->k[0] * (double)w->k[1] * (double)w->k[2];
    JOB     job = {.w = w, .in = x, .index_out = index, .scratch = scratch};
    tgi_share_out(team, tgi_shares_of(tgi_team_size(team), rows, steps, WORTH_A_THREAD), rows, NAME(some_largest), &job);
}

/* ---- picking, image by image ------------------------------------------------------------------------------------- */

static void NAME(some_picked)(const void *some, int share, int64_t from, int64_t to) {
    const JOB *job = some;
    (void)share;
    for (int64_t n = from; n < to; n++) {
        const T       *x = job->in + n * job->x_size;
        const int64_t *index = job->index + n * job->y_size;
        T             *y = job->out + n * job->y_size;
        for (int64_t i = 0; i < job->y_size; i++)
            y[i] = index[i] < 0 ? (T)-INFINITY : x[index[i]];
    }
}

TGI_KERNEL(NAME(tgi_pick),
           (int64_t images, int64_t x_size, int64_t y_size, const T *x, const int64_t *index, T *y, tgi_team *team),
           (images, x_size, y_size, x, index, y, team)) {
    JOB job = {.x_size = x_size, .y_size = y_size, .in = x, .index = index, .out = y};
    int shares = tgi_shares_of(tgi_team_size(team), images, (double)images * (double)y_size, WORTH_A_THREAD);
    tgi_share_out(team, shares, images, NAME(some_picked), &job);
}

static void NAME(unpick)(int64_t count, const int64_t *index, const T *y, T *x) {
    for (int64_t i = 0; i < count; i++)
        if (index[i] >= 0) x[index[i]] += y[i];
}

/* The same into float64. */
static void NAME(unpick_exactly)(int64_t count, const int64_t *index, const T *y, int64_t size, double *sum, T *x) {
    memset(sum, 0, (size_t)size * sizeof *sum);
    for (int64_t i = 0; i < count; i++)
        if (index[i] >= 0) sum[index[i]] += (double)y[i];
    for (int64_t i = 0; i < size; i++)
        x[i] = (T)sum[i];
}

static void NAME(some_unpicked)(const void *some, int share, int64_t from, int64_t to) {
    const JOB *job = some;
    double    *sums = job->sums ? job->sums + share * job->x_size : NULL;
    if (!sums) memset(job->out + from * job->x_size, 0, (size_t)((to - from) * job->x_size) * sizeof(T));
    for (int64_t n = from; n < to; n++) {
        const T       *y = job->in + n * job->y_size;
        const int64_t *index = job->index + n * job->y_size;
        T             *x = job->out + n * job->x_size;
        if (sums)
            NAME(unpick_exactly)(job->y_size, index, y, job->x_size, sums, x);
        else
            NAME(unpick)(job->y_size, index, y, x);
    }
}

TGI_KERNEL(NAME(tgi_unpick),
           (int64_t images, int64_t x_size, int64_t y_size, const T *y, const int64_t *index, T *x, tgi_team *team,
            double *sums),
           (images, x_size, y_size, y, index, x, team, sums)) {
    JOB job = {.x_size = x_size, .y_size = y_size, .in = y, .index = index, .out = x, .sums = sums};
    int shares = tgi_shares_of(tgi_team_size(team), images, (double)images * (double)(x_size + y_size), WORTH_A_THREAD);
    tgi_share_out(team, shares, images, NAME(some_unpicked), &job);
}

/* ---- the mean ---------------------------------------------------------------------------------------------------- */

/* Few numbers, or rows of them, are added here; many as tg_sum adds them, in blocks. */
enum { NAME(few_numbers) = 256, NAME(few_rows) = 16 };

static T NAME(sum_run)(int64_t n, const T *x) {
    T       a = 0, b = 0, c = 0, d = 0;
    int64_t i = 0;
    if (n > NAME(few_numbers)) {
        NAME(tgi_sum)(&(tgi_sum_axes){.rank = 1, .summed = 1, .dims = {n}, .strides = {1}}, x, &a);
        return a;
    }
    for (; i + 4 <= n; i += 4)
        a += x[i], b += x[i + 1], c += x[i + 2], d += x[i + 3];
    a = (a + b) + (c + d);
    for (; i < n; i++)
        a += x[i];
    return a;
}

/* Of `layers` times `rows` rows; a layer is `pitch` elements. */
static void NAME(sum_rows)(int64_t layers, int64_t rows, int64_t pitch, int64_t width, const T *x, T *sum) {
    int64_t count = layers > 0 && rows > 0 ? layers * rows : 0;
    if (count > NAME(few_rows)) {
        tgi_sum_axes axes = {.rank = 3, .summed = 3, .dims = {layers, rows, width}, .strides = {pitch, width, 1}};
        NAME(tgi_sum)(&axes, x, sum);
        return;
    }
    for (int64_t i = 0; i < width; i++)
        sum[i] = count > 0 ? x[i] : 0;
    for (int64_t k = 1; k < count; k++) {
        const T *row = x + k / rows * pitch + k % rows * width;
        for (int64_t i = 0; i < width; i++)
            sum[i] += row[i];
    }
}

/* What the count of a window gives to the divisor; 1 where there is nothing to divide. */
static T NAME(factor)(const tgi_window *window) {
    return window->count ? (T)window->count : 1;
}

static bool NAME(same_window)(const tgi_window *a, const tgi_window *b) {
    return a->from == b->from && a->to == b->to && a->count == b->count;
}

/* A unit is a row of windows; `across` is the divisor's factors of the columns, or NULL not to divide. */
static void NAME(some_sums)(const void *some, int share, int64_t from, int64_t to) {
    const JOB       *job = some;
    const tgi_means *m = job->m;
    const T         *across = job->factors;
    int64_t          width = m->x[2], pitch = m->x[1] * width, rows = m->y[0] * m->y[1];
    T               *sum = job->scratch + share * width;
    for (int64_t row = from; row < to; row++) {
        const tgi_window *deep = &m->deep[row % rows / m->y[1]], *down = &m->down[row % m->y[1]];
        const T          *image = job->in + row / rows * m->x[0] * pitch;
        T                *y = job->out + row * m->y[2], outer = NAME(factor)(deep) * NAME(factor)(down);
        if (row > from && down > m->down && NAME(same_window)(down, down - 1)) {
            memcpy(y, y - m->y[2], (size_t)m->y[2] * sizeof *y); /* as in the row before */
            continue;
        }
        image += deep->from * pitch + down->from * width;
        NAME(sum_rows)(deep->to - deep->from, down->to - down->from, pitch, width, image, sum);
        for (int64_t j = 0; j < m->y[2]; j++) {
            const tgi_window *a = &m->across[j];
            int64_t           n = a->to - a->from;
            T                 total = n == 1 ? sum[a->from] : NAME(sum_run)(n, sum + a->from);
            y[j] = across ? total / (outer * across[j]) : total;
        }
    }
}

/* `factors`: memory for those of the columns. */
static void NAME(find_factors)(const tgi_means *m, T *factors) {
    for (int64_t j = 0; j < m->y[2]; j++)
        factors[j] = NAME(factor)(&m->across[j]);
}

static void NAME(sums)(const tgi_means *m, const T *factors, const T *x, T *y, tgi_team *team, T *scratch) {
    int64_t rows = m->images * m->y[0] * m->y[1];
    double  x_size = (double)m->x[0] * (double)m->x[1] * (double)m->x[2], y_size = (double)m->y[0] * (double)m->y[1];
    double  steps = (double)m->images * (x_size + y_size * (double)m->y[2]);
    JOB     job = {.m = m, .factors = factors, .in = x, .out = y, .scratch = scratch};
    tgi_share_out(team, tgi_shares_of(tgi_team_size(team), rows, steps, WORTH_A_THREAD), rows, NAME(some_sums), &job);
}

TGI_KERNEL(NAME(tgi_means), (const tgi_means *m, const T *x, T *y, tgi_team *team, void *scratch), (m, x, y, team, scratch)) {
    T *factors = (T *)scratch + tgi_team_size(team) * m->x[2];
    NAME(find_factors)(m, factors);
    NAME(sums)(m, factors, x, y, team, scratch);
}

/* A unit is a row of windows. */
static void NAME(some_parts)(const void *some, int share, int64_t from, int64_t to) {
    const JOB       *job = some;
    const tgi_means *m = job->m;
    (void)share;
    for (int64_t row = from; row < to; row++) {
        const T *y = job->in + row * m->y[2];
        T       *part = job->out + row * m->y[2], down = NAME(factor)(&m->down[row % m->y[1]]);
        T        outer = NAME(factor)(&m->deep[row / m->y[1] % m->y[0]]) * down;
        for (int64_t j = 0; j < m->y[2]; j++)
            part[j] = y[j] / (outer * job->factors[j]);
    }
}

TGI_KERNEL(NAME(tgi_means_back), (const tgi_means *m, const tgi_means *back, const T *y, T *x, tgi_team *team, void *scratch),
           (m, back, y, x, team, scratch)) {
    int64_t rows = m->images * m->y[0] * m->y[1];
    T      *parts = (T *)scratch + tgi_team_size(team) * m->y[2], *factors = parts + rows * m->y[2];
    JOB     job = {.m = m, .factors = factors, .in = y, .out = parts};
    NAME(find_factors)(m, factors);
    tgi_share_out(team, tgi_shares_of(tgi_team_size(team), rows, (double)rows * (double)m->y[2], WORTH_A_THREAD), rows,
                  NAME(some_parts), &job);
    NAME(sums)(back, NULL, parts, x, team, scratch);
}

#undef ROW
#undef QUAD
#undef INDEX_QUAD
#undef JOB
