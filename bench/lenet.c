/* bench/lenet.c: LeNet-5 on images of 28 x 28: two convolutions of 5 x 5, each with ReLU and max pooling, then three linear
 * layers: a step of its training on 64 images, cross entropy and gradient descent.
 *
 * By hand, the patches of all images that the kernel is laid on become the columns of one matrix, so that a convolution is one
 * product for the BLAS. Images are stored channel by channel there, (C, N, H, W).
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "bench.h"
#include "blas.h"
#include "loops.h"

enum { BATCH = 64, IMAGE = 28, KERNEL = 5, TAPS = KERNEL * KERNEL, CLASSES = 10, WEIGHTS = 10 };

static const double rate = 0.01;

typedef struct weight {
    const char *name;
    int         rank;
    int64_t     dims[4];
    double      spread;
} weight;

static const weight weights[WEIGHTS] = {
    {"conv1.w", 4, {6, 1, KERNEL, KERNEL}, 0.2},
    {"conv1.b", 1, {6}, 0.2},
    {"conv2.w", 4, {16, 6, KERNEL, KERNEL}, 0.08},
    {"conv2.b", 1, {16}, 0.08},
    {"line1.w", 2, {400, 120}, 0.05},
    {"line1.b", 1, {120}, 0.05},
    {"line2.w", 2, {120, 84}, 0.09},
    {"line2.b", 1, {84}, 0.09},
    {"line3.w", 2, {84, CLASSES}, 0.1},
    {"line3.b", 1, {CLASSES}, 0.1},
};

static int64_t size_of(int i) {
    return tg_shape_size(tg_shape_from(weights[i].rank, weights[i].dims));
}

/* ---- tapegrad ---------------------------------------------------------------------------------------------------- */

typedef struct net {
    tg_tape  *tape;
    tg_tensor w[WEIGHTS], loss;
} net;

static tg_tensor convolved(const net *n, tg_tensor x, int i, int64_t padding) {
    tg_tensor y = tg_conv2d(x, n->w[i], n->w[i + 1], &(tg_conv_options){.padding = {padding, padding}});
    return tg_max_pool2d(tg_relu(y), 2, 2, NULL);
}

static tg_tensor linear(const net *n, tg_tensor x, int i) {
    return tg_add(tg_matmul(x, n->w[i]), n->w[i + 1]);
}

static void *net_new(void) {
    int64_t labels[BATCH];
    for (int i = 0; i < BATCH; i++)
        labels[i] = i % CLASSES;
    net *n = room(sizeof *n);
    n->tape = new_tape();
    tg_set_keep(n->tape, TG_KEEP_ASKED);
    for (int i = 0; i < WEIGHTS; i++) {
        const weight *w = &weights[i];
        n->w[i] = parameter(n->tape, w->name, tg_shape_from(w->rank, w->dims), (uint32_t)i, -w->spread, w->spread);
    }
    tg_tensor x = constant(n->tape, TG_SHAPE(BATCH, 1, IMAGE, IMAGE), 20, 0, 1);
    tg_tensor h = tg_reshape(convolved(n, convolved(n, x, 0, 2), 2, 0), TG_SHAPE(BATCH, -1));
    tg_tensor z = linear(n, tg_relu(linear(n, tg_relu(linear(n, h, 4)), 6)), 8);
    n->loss = tg_cross_entropy(z, tg_constant(n->tape, TG_I64, TG_SHAPE(BATCH), labels), NULL);
    tg_keep(n->loss);
    tg_backward(n->loss);
    tg_sgd_step(n->tape, rate);
    return n;
}

static void net_step(void *state) {
    net *n = state;
    tg_run(n->tape);
    tg_item(n->loss);
}

static int net_result(void *state, double *to) {
    net *n = state;
    int  count = digest_tensor(n->loss, to);
    to[1] = to[0];
    for (int i = 0; i < WEIGHTS; i++)
        count += digest_tensor(n->w[i], to + count);
    return count;
}

static void net_free(void *state) {
    net *n = state;
    must(n->tape);
    tg_tape_free(n->tape);
    free(n);
}

/* ---- by hand: convolutions --------------------------------------------------------------------------------------- */

/* A convolution with what follows it: out = relu(w * in + b), of `side` x `side`; pooled, of half that. */
typedef struct conv {
    int64_t channels, in_side, padding, kernels, side;
    float  *columns, *out, *pooled;                          /* (channels TAPS, N side side), (kernels, N, side, side) */
    float  *in_delta, *columns_delta, *delta, *pooled_delta; /* the loss's gradients for these */
    int    *chosen;                                          /* where in `out` each pooled number comes from */
} conv;

static int64_t positions(const conv *c) {
    return BATCH * c->side * c->side;
}

static int64_t pooled_size(const conv *c) {
    return c->kernels * positions(c) / 4;
}

static float *floats(int64_t n) {
    return room((size_t)n * sizeof(float));
}

static conv conv_new(int64_t channels, int64_t in_side, int64_t padding, int64_t kernels) {
    conv c = {.channels = channels, .in_side = in_side, .padding = padding, .kernels = kernels};
    c.side = in_side + 2 * padding - KERNEL + 1;
    c.columns = floats(channels * TAPS * positions(&c));
    c.columns_delta = floats(channels * TAPS * positions(&c));
    c.in_delta = floats(channels * BATCH * in_side * in_side);
    c.out = floats(kernels * positions(&c));
    c.delta = floats(kernels * positions(&c));
    c.pooled = floats(pooled_size(&c));
    c.pooled_delta = floats(pooled_size(&c));
    c.chosen = room((size_t)pooled_size(&c) * sizeof(int));
    return c;
}

static void conv_free(conv *c) {
    float *const all[] = {c->columns, c->out, c->pooled, c->in_delta, c->columns_delta, c->delta, c->pooled_delta};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(c->chosen);
}

/* A row of a column matrix is one tap of the kernel: the row of the image that it meets, moved by the tap. Copies into the
 * columns, or adds what is there to the image. */
static void tap(const conv *c, int64_t row, float *image, float *columns, bool back) {
    const int64_t side = c->side, in = c->in_side;
    const int64_t channel = row / TAPS, dy = row % TAPS / KERNEL - c->padding, dx = row % KERNEL - c->padding;
    const int64_t from = dx < 0 ? -dx : 0, to = in - dx < side ? in - dx : side;
    for (int64_t n = 0; n < BATCH; n++)
        for (int64_t y = 0; y < side; y++) {
            float *column = columns + (row * BATCH + n) * side * side + y * side;
            if (!back) memset(column, 0, (size_t)side * sizeof *column);
            if (y + dy < 0 || y + dy >= in) continue;
            float *line = image + ((channel * BATCH + n) * in + y + dy) * in + dx;
            if (!back)
                memcpy(column + from, line + from, (size_t)(to - from) * sizeof *column);
            else
                for (int64_t x = from; x < to; x++)
                    line[x] += column[x];
        }
}

static void pool(conv *c) {
    const int64_t side = c->side, half = side / 2;
    for (int64_t i = 0; i < c->kernels * BATCH; i++)
        for (int64_t y = 0; y < half; y++)
            for (int64_t x = 0; x < half; x++) {
                int64_t to = (i * half + y) * half + x, at = (i * side + 2 * y) * side + 2 * x, best = at;
                if (c->out[at + 1] > c->out[best]) best = at + 1;
                if (c->out[at + side] > c->out[best]) best = at + side;
                if (c->out[at + side + 1] > c->out[best]) best = at + side + 1;
                c->pooled[to] = c->out[best];
                c->chosen[to] = (int)best;
            }
}

static void conv_forward(conv *c, float *image, const float *w, const float *b) {
    const int64_t rows = c->channels * TAPS, n = positions(c);
    for (int64_t row = 0; row < rows; row++)
        tap(c, row, image, c->columns, false);
    product(c->kernels, n, rows, w, false, c->columns, false, c->out);
    for (int64_t k = 0; k < c->kernels; k++)
        for (int64_t i = 0; i < n; i++) {
            float z = c->out[k * n + i] + b[k];
            c->out[k * n + i] = z > 0 ? z : 0;
        }
    pool(c);
}

/* From pooled_delta to the gradients of the weights and, when asked for, in_delta. */
static void conv_back(conv *c, const float *w, float *grad_w, float *grad_b, bool in_delta) {
    const int64_t rows = c->channels * TAPS, n = positions(c);
    memset(c->delta, 0, (size_t)(c->kernels * n) * sizeof(float));
    for (int64_t i = 0; i < pooled_size(c); i++)
        c->delta[c->chosen[i]] = c->pooled[i] > 0 ? c->pooled_delta[i] : 0;
    product(c->kernels, rows, n, c->delta, false, c->columns, true, grad_w);
    for (int64_t k = 0; k < c->kernels; k++) {
        float sum = 0;
        VECTOR_SUM(sum)
        for (int64_t i = 0; i < n; i++)
            sum += c->delta[k * n + i];
        grad_b[k] = sum;
    }
    if (!in_delta) return;
    product(rows, n, c->kernels, w, true, c->delta, false, c->columns_delta);
    memset(c->in_delta, 0, (size_t)(c->channels * BATCH * c->in_side * c->in_side) * sizeof(float));
    for (int64_t row = 0; row < rows; row++)
        tap(c, row, c->in_delta, c->columns_delta, true);
}

/* ---- by hand: the net -------------------------------------------------------------------------------------------- */

enum { LINES = 3, FLAT = 400, SPOTS = 25 };

typedef struct loops {
    float *x, *w[WEIGHTS], *grad[WEIGHTS];
    conv   conv1, conv2;
    float *h[LINES + 1], *delta[LINES + 1]; /* of the linear layers */
    double loss;
} loops;

static int64_t width(int line) {
    return line ? weights[2 + 2 * line].dims[1] : FLAT;
}

static void *loops_new(void) {
    loops *l = room(sizeof *l);
    l->x = numbers(BATCH * IMAGE * IMAGE, 20, 0, 1);
    l->conv1 = conv_new(1, IMAGE, 2, 6);
    l->conv2 = conv_new(6, IMAGE / 2, 0, 16);
    for (int i = 0; i < WEIGHTS; i++) {
        l->w[i] = numbers(size_of(i), (uint32_t)i, -weights[i].spread, weights[i].spread);
        l->grad[i] = floats(size_of(i));
    }
    for (int i = 0; i <= LINES; i++) {
        l->h[i] = floats(BATCH * width(i));
        l->delta[i] = floats(BATCH * width(i));
    }
    return l;
}

/* Between (C, N, 5, 5) and a row of C 5 5 numbers an image. */
static void flatten(float *images, float *flat, bool back) {
    for (int64_t c = 0; c < FLAT / SPOTS; c++)
        for (int64_t n = 0; n < BATCH; n++) {
            float *a = images + (c * BATCH + n) * SPOTS, *b = flat + n * FLAT + c * SPOTS;
            memcpy(back ? a : b, back ? b : a, SPOTS * sizeof(float));
        }
}

static void forward(loops *l) {
    conv_forward(&l->conv1, l->x, l->w[0], l->w[1]);
    conv_forward(&l->conv2, l->conv1.pooled, l->w[2], l->w[3]);
    flatten(l->conv2.pooled, l->h[0], false);
    for (int i = 0; i < LINES; i++) {
        const int64_t n = width(i + 1);
        const float  *bias = l->w[5 + 2 * i];
        product(BATCH, n, width(i), l->h[i], false, l->w[4 + 2 * i], false, l->h[i + 1]);
        for (int64_t s = 0; s < BATCH; s++)
            for (int64_t j = 0; j < n; j++) {
                float z = l->h[i + 1][s * n + j] + bias[j];
                l->h[i + 1][s * n + j] = i + 1 < LINES && z < 0 ? 0 : z;
            }
    }
}

static void back(loops *l) {
    l->loss = cross_entropy_by_hand(BATCH, CLASSES, l->h[LINES], l->delta[LINES]);
    for (int i = LINES; i-- > 0;) {
        const int64_t m = width(i), n = width(i + 1);
        float        *bias = l->grad[5 + 2 * i];
        product(m, n, BATCH, l->h[i], true, l->delta[i + 1], false, l->grad[4 + 2 * i]);
        memset(bias, 0, (size_t)n * sizeof(float));
        for (int64_t s = 0; s < BATCH; s++)
            for (int64_t j = 0; j < n; j++)
                bias[j] += l->delta[i + 1][s * n + j];
        product(BATCH, m, n, l->delta[i + 1], false, l->w[4 + 2 * i], true, l->delta[i]);
        for (int64_t j = 0; i > 0 && j < BATCH * m; j++)
            l->delta[i][j] = l->h[i][j] > 0 ? l->delta[i][j] : 0;
    }
    flatten(l->conv2.pooled_delta, l->delta[0], true);
    conv_back(&l->conv2, l->w[2], l->grad[2], l->grad[3], true);
    memcpy(l->conv1.pooled_delta, l->conv2.in_delta, (size_t)pooled_size(&l->conv1) * sizeof(float));
    conv_back(&l->conv1, l->w[0], l->grad[0], l->grad[1], false);
}

static void loops_step(void *state) {
    loops *l = state;
    forward(l);
    back(l);
    for (int i = 0; i < WEIGHTS; i++)
        for (int64_t j = 0, n = size_of(i); j < n; j++)
            l->w[i][j] -= (float)rate * l->grad[i][j];
}

static int loops_result(void *state, double *to) {
    loops *l = state;
    int    count = 2;
    to[0] = to[1] = l->loss;
    for (int i = 0; i < WEIGHTS; i++)
        count += digest(l->w[i], size_of(i), to + count);
    return count;
}

static void loops_free(void *state) {
    loops *l = state;
    conv_free(&l->conv1);
    conv_free(&l->conv2);
    free(l->x);
    for (int i = 0; i < WEIGHTS; i++) {
        free(l->w[i]);
        free(l->grad[i]);
    }
    for (int i = 0; i <= LINES; i++) {
        free(l->h[i]);
        free(l->delta[i]);
    }
    free(l);
}

/* ---- the work ---------------------------------------------------------------------------------------------------- */

static const contestant tape = {net_new, net_step, net_result, NULL, net_free};
static const contestant by_hand = {loops_new, loops_step, loops_result, NULL, loops_free};

const work lenet = {.name = "lenet",
                    .tapegrad = &tape,
                    .tolerance = 1e-4,
                    .rival = {{"C with BLAS", 0, &by_hand, TIME},
                              {"PyTorch eager", 1.0, NULL, TIME},
                              {"PyTorch compiled", 0, NULL, TIME},
                              {"JAX jit", 0, NULL, TIME}}};
