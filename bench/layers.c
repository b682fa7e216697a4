/* bench/layers.c: three layers with their gradients: softmax with cross entropy, layer norm, and attention.
 *
 * By hand they are loops over rows, each of which stays in the cache from its first loop to its last; attention takes its products
 * from the BLAS.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "blas.h"
#include "formula.h"
#include "loops.h"

/* What the gradients start from, where y is no single number. */
static const uint32_t seed_salt = 50;

/* ---- softmax with cross entropy ---------------------------------------------------------------------------------- */

enum { SAMPLES = 1024, CLASSES = 10000 };

static int64_t label(int64_t sample) {
    return sample * 7919 % CLASSES;
}

static variable logits(void) {
    return (variable){"logits", TG_SHAPE(SAMPLES, CLASSES), -4, 4};
}

static void *entropy_recorded(void) {
    static int64_t labels[SAMPLES];
    for (int64_t i = 0; i < SAMPLES; i++)
        labels[i] = label(i);
    formula *f = formula_new(1, (variable[]){logits()});
    formula_is(f, tg_cross_entropy(f->x[0], tg_constant(f->tape, TG_I64, TG_SHAPE(SAMPLES), labels), NULL), tg_num(1));
    return f;
}

static void *entropy_by_hand(void) {
    return arrays_new(1, (variable[]){logits()}, 1);
}

static void entropy_step(void *state) {
    const arrays *a = state;
    double        loss = 0;
    PARALLEL_SUM(loss)
    for (int64_t i = 0; i < SAMPLES; i++) {
        const float *z = a->x[0] + i * CLASSES;
        float       *g = a->grad[0] + i * CLASSES, largest = -INFINITY, sum = 0;
        VECTOR_MAX(largest)
        for (int j = 0; j < CLASSES; j++)
            largest = z[j] > largest ? z[j] : largest;
        VECTOR_SUM(sum)
        for (int j = 0; j < CLASSES; j++)
            sum += g[j] = expf(z[j] - largest);
        loss += (double)(largest + logf(sum) - z[label(i)]);
        float scale = 1 / (sum * (float)SAMPLES);
        for (int j = 0; j < CLASSES; j++)
            g[j] *= scale;
        g[label(i)] -= 1.0f / (float)SAMPLES;
    }
    *a->y = (float)(loss / (double)SAMPLES);
}

/* ---- layer norm -------------------------------------------------------------------------------------------------- */

enum { ROWS = 4096, WIDTH = 768, NORM_VARIABLES = 3 };

static const double eps = 1e-5;

static const variable *norm_variables(void) {
    static variable v[NORM_VARIABLES];
    v[0] = (variable){"x", TG_SHAPE(ROWS, WIDTH), -1, 3};
    v[1] = (variable){"weight", TG_SHAPE(WIDTH), 0.5, 1.5};
    v[2] = (variable){"bias", TG_SHAPE(WIDTH), -1, 1};
    return v;
}

static void *norm_recorded(void) {
    formula  *f = formula_new(NORM_VARIABLES, norm_variables());
    tg_tensor y = tg_layer_norm(f->x[0], 1, f->x[1], f->x[2], eps);
    formula_is(f, y, constant(f->tape, TG_SHAPE(ROWS, WIDTH), seed_salt, -1, 1));
    return f;
}

static void *norm_by_hand(void) {
    arrays *a = arrays_new(NORM_VARIABLES, norm_variables(), ROWS * WIDTH);
    a->seed = numbers(ROWS * WIDTH, seed_salt, -1, 1);
    a->room = room(ROWS * WIDTH * sizeof(float)); /* x without mean and scale */
    return a;
}

static void norm_row(const arrays *a, int64_t row) {
    const float *x = a->x[0] + row * WIDTH, *seed = a->seed + row * WIDTH, *weight = a->x[1], *bias = a->x[2];
    float       *y = a->y + row * WIDTH, *grad = a->grad[0] + row * WIDTH, *u = a->room + row * WIDTH;
    float        mean = 0, square = 0, along = 0, along_u = 0;
    VECTOR_SUM(mean)
    for (int j = 0; j < WIDTH; j++)
        mean += x[j];
    mean /= (float)WIDTH;
    VECTOR_SUM(square)
    for (int j = 0; j < WIDTH; j++)
        square += (x[j] - mean) * (x[j] - mean);
    float scale = 1 / sqrtf(square / (float)WIDTH + (float)eps);
    VECTOR_SUM(along)
    for (int j = 0; j < WIDTH; j++) {
        u[j] = (x[j] - mean) * scale;
        y[j] = u[j] * weight[j] + bias[j];
        along += seed[j] * weight[j];
    }
    VECTOR_SUM(along_u)
    for (int j = 0; j < WIDTH; j++)
        along_u += seed[j] * weight[j] * u[j];
    VECTOR
    for (int j = 0; j < WIDTH; j++)
        grad[j] = scale * (seed[j] * weight[j] - along / (float)WIDTH - u[j] * (along_u / (float)WIDTH));
}

/* The gradients of weight and bias, for 64 columns. */
static void norm_columns(const arrays *a, int64_t from) {
    float *weight = a->grad[1] + from, *bias = a->grad[2] + from;
    memset(weight, 0, 64 * sizeof *weight);
    memset(bias, 0, 64 * sizeof *bias);
    for (int64_t i = 0; i < ROWS; i++) {
        const float *seed = a->seed + i * WIDTH + from, *u = a->room + i * WIDTH + from;
        VECTOR
        for (int j = 0; j < 64; j++) {
            weight[j] += seed[j] * u[j];
            bias[j] += seed[j];
        }
    }
}

static void norm_step(void *state) {
    const arrays *a = state;
    PARALLEL
    for (int64_t i = 0; i < ROWS; i++)
        norm_row(a, i);
    PARALLEL
    for (int64_t j = 0; j < WIDTH; j += 64)
        norm_columns(a, j);
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

enum { HEADS = 8, LENGTH = 256, DEPTH = 64, ATTENTION_VARIABLES = 3, HEAD = LENGTH * DEPTH, SQUARE = LENGTH * LENGTH };

static const variable *attention_variables(void) {
    static variable v[ATTENTION_VARIABLES];
    v[0] = (variable){"q", TG_SHAPE(HEADS, LENGTH, DEPTH), -2, 2};
    v[1] = (variable){"k", TG_SHAPE(HEADS, LENGTH, DEPTH), -2, 2};
    v[2] = (variable){"v", TG_SHAPE(HEADS, LENGTH, DEPTH), -2, 2};
    return v;
}

static void *attention_recorded(void) {
    formula  *f = formula_new(ATTENTION_VARIABLES, attention_variables());
    tg_tensor y = tg_scaled_dot_product_attention(f->x[0], f->x[1], f->x[2], TG_NONE, NULL);
    formula_is(f, y, constant(f->tape, TG_SHAPE(HEADS, LENGTH, DEPTH), seed_salt, -1, 1));
    return f;
}

static void *attention_by_hand(void) {
    arrays *a = arrays_new(ATTENTION_VARIABLES, attention_variables(), HEADS * HEAD);
    a->seed = numbers(HEADS * HEAD, seed_salt, -1, 1);
    a->room = room(2 * SQUARE * sizeof(float));
    return a;
}

/* The scores, times `scale`, become the softmax of their rows. Here and below, the threads are the BLAS's. */
static void softmax_rows(float *scores, float scale) {
    for (int64_t i = 0; i < LENGTH; i++) {
        float *p = scores + i * LENGTH, largest = -INFINITY, sum = 0;
        VECTOR_MAX(largest)
        for (int j = 0; j < LENGTH; j++)
            largest = p[j] > largest ? p[j] : largest;
        VECTOR_SUM(sum)
        for (int j = 0; j < LENGTH; j++)
            sum += p[j] = expf((p[j] - largest) * scale);
        for (int j = 0; j < LENGTH; j++)
            p[j] /= sum;
    }
}

/* The gradient of the probabilities becomes that of the scores. */
static void softmax_rows_back(const float *probabilities, float *gradient, float scale) {
    for (int64_t i = 0; i < LENGTH; i++) {
        const float *p = probabilities + i * LENGTH;
        float       *d = gradient + i * LENGTH, along = 0;
        VECTOR_SUM(along)
        for (int j = 0; j < LENGTH; j++)
            along += p[j] * d[j];
        VECTOR
        for (int j = 0; j < LENGTH; j++)
            d[j] = p[j] * (d[j] - along) * scale;
    }
}

static void attention_step(void *state) {
    const arrays *a = state;
    const float   scale = 1 / sqrtf(DEPTH);
    float        *p = a->room, *d = a->room + SQUARE;
    for (int64_t h = 0; h < HEADS * HEAD; h += HEAD) {
        const float *q = a->x[0] + h, *k = a->x[1] + h, *v = a->x[2] + h, *seed = a->seed + h;
        product(LENGTH, LENGTH, DEPTH, q, false, k, true, p);
        softmax_rows(p, scale);
        product(LENGTH, DEPTH, LENGTH, p, false, v, false, a->y + h);
        product(LENGTH, DEPTH, LENGTH, p, true, seed, false, a->grad[2] + h);
        product(LENGTH, LENGTH, DEPTH, seed, false, v, true, d);
        softmax_rows_back(p, d, scale);
        product(LENGTH, DEPTH, LENGTH, d, false, k, false, a->grad[0] + h);
        product(LENGTH, DEPTH, LENGTH, d, true, q, false, a->grad[1] + h);
    }
}

/* ---- the works --------------------------------------------------------------------------------------------------- */

#define LAYER(variable, text, step, hand) \
    static const contestant step##_tape = {step##_recorded, formula_step, formula_result, NULL, formula_free}; \
    static const contestant step##_hand = {step##_by_hand, step##_step, arrays_result, NULL, arrays_free}; \
    const work              variable = {.name = text, \
                                        .tapegrad = &step##_tape, \
                                        .tolerance = 1e-4, \
                                        .rival = {{hand, 0, &step##_hand, TIME}, \
                                                  {"PyTorch eager", 1.0, NULL, TIME}, \
                                                  {"PyTorch compiled", 0, NULL, TIME}, \
                                                  {"JAX jit", 0, NULL, TIME}}};

LAYER(cross_entropy, "cross entropy", entropy, "C")
LAYER(layer_norm, "layer norm", norm, "C")
LAYER(attention, "attention", attention, "C with BLAS")
