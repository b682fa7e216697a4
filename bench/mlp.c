/* bench/mlp.c: a net of three layers, 784-512-512-10, with ReLU: a step of its training on 128 samples, cross entropy and gradient
 * descent; and its answer to one sample.
 *
 * By hand it calls the same BLAS for the products and has loops for the rest. "Its products alone" is what no program with this
 * BLAS can be faster than.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "bench.h"
#include "blas.h"
#include "loops.h"

enum { BATCH = 128, LAYERS = 3, WEIGHTS = 2 * LAYERS, CLASSES = 10 };

static const int64_t     size[LAYERS + 1] = {784, 512, 512, CLASSES};
static const char *const name[WEIGHTS] = {"w1", "b1", "w2", "b2", "w3", "b3"};
static const double      rate = 0.01, spread = 0.06; /* of the weights at the start */

/* ---- tapegrad ---------------------------------------------------------------------------------------------------- */

typedef struct net {
    tg_tape  *tape;
    tg_tensor x, y, w[WEIGHTS], out; /* the loss, or the answer */
    float    *sample, answer[CLASSES];
} net;

static net *net_new(int64_t batch) {
    net *n = room(sizeof *n);
    n->tape = new_tape();
    tg_set_keep(n->tape, TG_KEEP_ASKED);
    for (int i = 0; i < LAYERS; i++) {
        n->w[2 * i] = parameter(n->tape, name[2 * i], TG_SHAPE(size[i], size[i + 1]), (uint32_t)(2 * i), -spread, spread);
        n->w[2 * i + 1] = parameter(n->tape, name[2 * i + 1], TG_SHAPE(size[i + 1]), (uint32_t)(2 * i + 1), -spread, spread);
    }
    n->x = tg_input(n->tape, "x", TG_F32, TG_SHAPE(batch, size[0]));
    n->sample = numbers(batch * size[0], 20, 0, 1);
    tg_write(n->x, n->sample, batch * size[0]);
    return n;
}

static tg_tensor logits(const net *n) {
    tg_tensor h = n->x;
    for (int i = 0; i < LAYERS; i++) {
        h = tg_add(tg_matmul(h, n->w[2 * i]), n->w[2 * i + 1]);
        if (i + 1 < LAYERS) h = tg_relu(h);
    }
    return h;
}

static void *training_new(void) {
    int64_t labels[BATCH];
    for (int i = 0; i < BATCH; i++)
        labels[i] = i % CLASSES;
    net *n = net_new(BATCH);
    n->y = tg_constant(n->tape, TG_I64, TG_SHAPE(BATCH), labels);
    n->out = tg_cross_entropy(logits(n), n->y, NULL);
    tg_keep(n->out);
    tg_backward(n->out);
    tg_sgd_step(n->tape, rate);
    return n;
}

static void training_step(void *state) {
    net *n = state;
    tg_run(n->tape);
    n->answer[0] = (float)tg_item(n->out);
}

static int training_result(void *state, double *to) {
    net *n = state;
    to[0] = to[1] = (double)n->answer[0];
    int count = 2;
    for (int i = 0; i < WEIGHTS; i++)
        count += digest_tensor(n->w[i], to + count);
    return count;
}

static void *answer_new(void) {
    net *n = net_new(1);
    n->out = logits(n);
    tg_keep(n->out);
    return n;
}

static void answer_step(void *state) {
    net *n = state;
    tg_write(n->x, n->sample, size[0]);
    tg_run(n->tape);
    tg_read(n->out, n->answer, CLASSES);
}

static int answer_result(void *state, double *to) {
    return digest(((net *)state)->answer, CLASSES, to);
}

static void net_free(void *state) {
    net *n = state;
    must(n->tape);
    tg_tape_free(n->tape);
    free(n->sample);
    free(n);
}

/* ---- by hand ----------------------------------------------------------------------------------------------------- */

typedef struct loops {
    float *w[WEIGHTS], *grad[LAYERS];         /* of the matrices; a bias is updated at once */
    float *h[LAYERS + 1], *delta[LAYERS + 1]; /* the input of a layer; the loss's gradient for that */
    double loss;
} loops;

static loops *loops_new(int64_t batch) {
    loops *l = room(sizeof *l);
    for (int i = 0; i < LAYERS; i++) {
        l->w[2 * i] = numbers(size[i] * size[i + 1], (uint32_t)(2 * i), -spread, spread);
        l->w[2 * i + 1] = numbers(size[i + 1], (uint32_t)(2 * i + 1), -spread, spread);
        l->grad[i] = numbers(size[i] * size[i + 1], 0, 0, 0);
    }
    for (int i = 0; i <= LAYERS; i++) {
        l->h[i] = numbers(batch * size[i], 20, 0, 1);
        l->delta[i] = numbers(batch * size[i], 21, 0, 1);
    }
    return l;
}

static void *loops_training_new(void) {
    return loops_new(BATCH);
}

static void *loops_answer_new(void) {
    return loops_new(1);
}

static void forward(loops *l) {
    for (int i = 0; i < LAYERS; i++) {
        int64_t n = size[i + 1];
        float  *out = l->h[i + 1], *bias = l->w[2 * i + 1];
        product(BATCH, n, size[i], l->h[i], false, l->w[2 * i], false, out);
        for (int64_t s = 0; s < BATCH; s++)
            for (int64_t j = 0; j < n; j++) {
                float z = out[s * n + j] + bias[j];
                out[s * n + j] = i + 1 < LAYERS && z < 0 ? 0 : z;
            }
    }
}

static void back(loops *l) {
    l->loss = cross_entropy_by_hand(BATCH, CLASSES, l->h[LAYERS], l->delta[LAYERS]);
    for (int i = LAYERS; i-- > 0;) {
        int64_t m = size[i], n = size[i + 1];
        product(m, n, BATCH, l->h[i], true, l->delta[i + 1], false, l->grad[i]);
        if (i > 0) {
            product(BATCH, m, n, l->delta[i + 1], false, l->w[2 * i], true, l->delta[i]);
            for (int64_t j = 0; j < BATCH * m; j++)
                l->delta[i][j] = l->h[i][j] > 0 ? l->delta[i][j] : 0;
        }
    }
}

static void update(loops *l) {
    for (int i = 0; i < LAYERS; i++) {
        int64_t n = size[i + 1];
        for (int64_t j = 0; j < size[i] * n; j++)
            l->w[2 * i][j] -= (float)rate * l->grad[i][j];
        for (int64_t s = 0; s < BATCH; s++)
            for (int64_t j = 0; j < n; j++)
                l->w[2 * i + 1][j] -= (float)rate * l->delta[i + 1][s * n + j];
    }
}

static void loops_training_step(void *state) {
    forward(state);
    back(state);
    update(state);
}

static int loops_training_result(void *state, double *to) {
    loops *l = state;
    to[0] = to[1] = l->loss;
    int count = 2;
    for (int i = 0; i < LAYERS; i++) {
        count += digest(l->w[2 * i], size[i] * size[i + 1], to + count);
        count += digest(l->w[2 * i + 1], size[i + 1], to + count);
    }
    return count;
}

static void loops_answer_step(void *state) {
    loops *l = state;
    for (int i = 0; i < LAYERS; i++) {
        memcpy(l->h[i + 1], l->w[2 * i + 1], (size_t)size[i + 1] * sizeof(float));
        add_row_times_matrix(size[i], size[i + 1], l->h[i], l->w[2 * i], l->h[i + 1]);
        for (int64_t j = 0; i + 1 < LAYERS && j < size[i + 1]; j++)
            if (l->h[i + 1][j] < 0) l->h[i + 1][j] = 0;
    }
}

static int loops_answer_result(void *state, double *to) {
    return digest(((loops *)state)->h[LAYERS], CLASSES, to);
}

/* The products of a training step, of the right sizes. */
static void products_step(void *state) {
    loops *l = state;
    for (int i = 0; i < LAYERS; i++)
        product(BATCH, size[i + 1], size[i], l->h[i], false, l->w[2 * i], false, l->h[i + 1]);
    for (int i = LAYERS; i-- > 0;) {
        product(size[i], size[i + 1], BATCH, l->h[i], true, l->delta[i + 1], false, l->grad[i]);
        if (i > 0) product(BATCH, size[i], size[i + 1], l->delta[i + 1], false, l->w[2 * i], true, l->delta[i]);
    }
}

static void loops_free(void *state) {
    loops *l = state;
    for (int i = 0; i < LAYERS; i++) {
        free(l->w[2 * i]);
        free(l->w[2 * i + 1]);
        free(l->grad[i]);
    }
    for (int i = 0; i <= LAYERS; i++) {
        free(l->h[i]);
        free(l->delta[i]);
    }
    free(l);
}

/* ---- the works --------------------------------------------------------------------------------------------------- */

static const contestant training = {training_new, training_step, training_result, NULL, net_free};
static const contestant answer = {answer_new, answer_step, answer_result, NULL, net_free};
static const contestant loops_training = {loops_training_new, loops_training_step, loops_training_result, NULL, loops_free};
static const contestant loops_answer = {loops_answer_new, loops_answer_step, loops_answer_result, NULL, loops_free};
static const contestant products = {loops_training_new, products_step, NULL, NULL, loops_free};

const work mlp = {.name = "mlp",
                  .tapegrad = &training,
                  .tolerance = 1e-4,
                  .rival = {{"its matrix products alone", 1.15, &products, TIME},
                            {"C with BLAS", 0, &loops_training, TIME},
                            {"PyTorch eager", 1.0, NULL, TIME},
                            {"PyTorch compiled", 1.0, NULL, TIME},
                            {"JAX jit", 1.0, NULL, TIME}}};

const work mlp_one = {.name = "mlp answers one sample",
                      .tapegrad = &answer,
                      .tolerance = 1e-4,
                      .rival = {{"C with BLAS", 1.1, &loops_answer, TIME},
                                {"PyTorch eager", 0, NULL, TIME},
                                {"PyTorch compiled", 0, NULL, TIME},
                                {"JAX jit", 0, NULL, TIME}}};
