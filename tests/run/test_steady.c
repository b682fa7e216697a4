/* tests/run/test_steady.c: a training step that was run before allocates nothing and plans nothing.
 *
 * Models of every kind, with every optimiser, the rarer ones on one model, in each style in which a program may go from step to
 * step, in both dtypes, on one thread and on two. From the third step of a formula on, none calls the allocator, and each is run by
 * plans that are there already. What the library of the threads allocates is not counted.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>

#include "allocation.h"
#include "suites.h"

enum { MOST_LEAVES = 12, MOST_ELEMENTS = 1 << 16, STEPS = 4 };

/* What a model is made of: x[0] is its input, written anew before each step; then come its parameters, and other leaves. */
typedef struct model {
    const char *name;
    void (*leaves)(tg_tape *tape, tg_dtype dtype, tg_tensor *x);
    tg_tensor (*loss)(const tg_tensor *x);
} model;

static tg_tensor weight(tg_tape *tape, tg_dtype dtype, const char *name, tg_shape shape) {
    return tg_parameter(tape, name, tg_normal(tape, dtype, shape, 0, 0.3));
}

static tg_tensor classes(tg_tape *tape, int64_t count, int64_t below) {
    return tg_randint(tape, TG_I64, TG_SHAPE(count), 0, below);
}

static tg_tensor dense(tg_tensor x, tg_tensor w, tg_tensor b) {
    return tg_add(tg_matmul(x, w), b);
}

/* ---- layers ------------------------------------------------------------------------------------------------------ */

/* Two layers, which more than one model begins with. */
static void leaves_of_layers(tg_tape *tape, tg_dtype dtype, tg_tensor *x) {
    x[0] = tg_input(tape, "x", dtype, TG_SHAPE(32, 12));
    x[1] = weight(tape, dtype, "w1", TG_SHAPE(12, 24));
    x[2] = weight(tape, dtype, "b1", TG_SHAPE(24));
    x[3] = weight(tape, dtype, "w2", TG_SHAPE(24, 5));
    x[4] = weight(tape, dtype, "b2", TG_SHAPE(5));
    x[5] = classes(tape, 32, 5);
}

static tg_tensor loss_of_layers(const tg_tensor *x) {
    return tg_cross_entropy(dense(tg_relu(dense(x[0], x[1], x[2])), x[3], x[4]), x[5], NULL);
}

static tg_tensor loss_of_dropout(const tg_tensor *x) {
    tg_tensor h = tg_dropout(tg_gelu(dense(x[0], x[1], x[2])), 0.3, true);
    return tg_cross_entropy(tg_dropout(dense(h, x[3], x[4]), 0.1, true), x[5], NULL);
}

static void leaves_of_norms(tg_tape *tape, tg_dtype dtype, tg_tensor *x) {
    leaves_of_layers(tape, dtype, x);
    x[6] = weight(tape, dtype, "scale", TG_SHAPE(24));
    x[7] = weight(tape, dtype, "shift", TG_SHAPE(24));
    x[8] = tg_input(tape, "mean", dtype, TG_SHAPE(24));
    x[9] = tg_input(tape, "variance", dtype, TG_SHAPE(24));
}

static tg_tensor loss_of_norms(const tg_tensor *x) {
    tg_tensor h = tg_batch_norm(dense(x[0], x[1], x[2]), x[8], x[9], x[6], x[7], true, 0.1, 1e-5);
    h = tg_rms_norm(tg_tanh(tg_layer_norm(h, 1, x[6], x[7], 1e-5)), 1, x[7], 1e-5);
    h = tg_group_norm(h, 4, x[6], x[7], 1e-5);
    return tg_cross_entropy(dense(h, x[3], x[4]), x[5], NULL);
}

static void leaves_of_images(tg_tape *tape, tg_dtype dtype, tg_tensor *x) {
    x[0] = tg_input(tape, "x", dtype, TG_SHAPE(4, 2, 12, 12));
    x[1] = weight(tape, dtype, "w1", TG_SHAPE(4, 2, 3, 3));
    x[2] = weight(tape, dtype, "b1", TG_SHAPE(4));
    x[3] = weight(tape, dtype, "w2", TG_SHAPE(4, 3, 2, 2));
    x[4] = weight(tape, dtype, "w3", TG_SHAPE(27, 5));
    x[5] = classes(tape, 4, 5);
}

static tg_tensor loss_of_images(const tg_tensor *x) {
    tg_tensor h = tg_max_pool2d(tg_relu(tg_conv2d(x[0], x[1], x[2], &(tg_conv_options){.padding = {1, 1}})), 2, 2, NULL);
    h = tg_avg_pool2d(tg_conv_transpose2d(h, x[3], TG_NONE, &(tg_conv_options){.stride = {2, 2}}), 4, 4, NULL);
    return tg_cross_entropy(tg_matmul(tg_flatten(h, 1, -1), x[4]), x[5], NULL);
}

static void leaves_of_attention(tg_tape *tape, tg_dtype dtype, tg_tensor *x) {
    static const char *const names[] = {"q", "k", "v", "out"};
    x[0] = tg_input(tape, "x", dtype, TG_SHAPE(2, 10, 16));
    for (int i = 0; i < 4; i++)
        x[1 + i] = weight(tape, dtype, names[i], TG_SHAPE(16, 16));
}

static tg_tensor heads(tg_tensor x, tg_tensor w) {
    return tg_transpose(tg_reshape(tg_matmul(x, w), TG_SHAPE(2, 10, 4, 4)), 1, 2);
}

static tg_tensor loss_of_attention(const tg_tensor *x) {
    tg_attention_options options = {.causal = true, .dropout = 0.1};
    tg_tensor            q = heads(x[0], x[1]), k = heads(x[0], x[2]), v = heads(x[0], x[3]);
    tg_tensor            y = tg_scaled_dot_product_attention(q, k, v, TG_NONE, &options);
    y = tg_matmul(tg_reshape(tg_transpose(y, 1, 2), TG_SHAPE(2, 10, 16)), x[4]);
    return tg_mse_loss(tg_softmax(tg_add(x[0], y), -1), x[0], TG_REDUCE_MEAN);
}

/* The layers between are computed a second time for the backward walk. */
static tg_tensor stretch(const tg_tensor *x, void *context) {
    (void)context;
    return tg_tanh(dense(tg_tanh(dense(x[0], x[1], x[2])), tg_transpose(x[1], 0, 1), tg_mean(x[2])));
}

static tg_tensor loss_of_checkpoints(const tg_tensor *x) {
    tg_tensor in[] = {x[0], x[1], x[2]};
    for (int i = 0; i < 3; i++)
        in[0] = tg_checkpoint(x[0].tape, stretch, NULL, 3, in);
    return tg_cross_entropy(dense(dense(in[0], x[1], x[2]), x[3], x[4]), x[5], NULL);
}

/* ---- recurrences ------------------------------------------------------------------------------------------------- */

static void leaves_of_recurrence(tg_tape *tape, tg_dtype dtype, tg_tensor *x) {
    x[0] = tg_input(tape, "x", dtype, TG_SHAPE(60, 3, 4));
    x[1] = weight(tape, dtype, "w", TG_SHAPE(4, 16));
    x[2] = weight(tape, dtype, "u", TG_SHAPE(8, 16));
    x[3] = weight(tape, dtype, "b", TG_SHAPE(16));
}

/* Gates, over so many steps. */
static tg_tensor loss_of_steps(const tg_tensor *x, int steps) {
    tg_tensor h = tg_slice(tg_mul(0, tg_slice(dense(tg_take(x[0], 0, 0), x[1], x[3]), 1, 0, 8, 1)), 1, 0, 8, 1), parts[2];
    for (int t = 0; t < steps; t++) {
        tg_tensor gates = tg_add(dense(tg_take(x[0], t, 0), x[1], x[3]), tg_matmul(h, x[2]));
        tg_chunk(gates, 1, 2, parts);
        tg_tensor keep = tg_sigmoid(parts[0]);
        h = tg_add(tg_mul(keep, h), tg_mul(tg_sub(1, keep), tg_tanh(parts[1])));
    }
    return tg_mean(tg_square(tg_sub(h, 0.5)));
}

static tg_tensor loss_of_recurrence(const tg_tensor *x) {
    return loss_of_steps(x, 8);
}

/* More than a thousand instructions on little data. */
static tg_tensor loss_of_long_recurrence(const tg_tensor *x) {
    return loss_of_steps(x, 60);
}

/* The same as a loop; context: x. */
static void step_of_loop(tg_tape *tape, tg_tensor *state, const tg_tensor *input, tg_tensor *y, void *context) {
    const tg_tensor *x = context;
    tg_tensor        gates = tg_add(input[0], tg_matmul(state[0], x[2])), parts[2];
    (void)tape;
    tg_chunk(gates, 1, 2, parts);
    tg_tensor keep = tg_sigmoid(parts[0]);
    y[0] = state[0] = tg_add(tg_mul(keep, state[0]), tg_mul(tg_sub(1, keep), tg_tanh(parts[1])));
}

static tg_tensor loss_of_loop(const tg_tensor *x) {
    tg_tensor in = dense(x[0], x[1], x[3]), h = tg_mul(0, tg_slice(tg_take(in, 0, 0), 1, 0, 8, 1)), y;
    tg_scan(x[0].tape, &(tg_loop_spec){.body = step_of_loop,
                                       .context = (void *)x,
                                       .steps = 60,
                                       .states = 1,
                                       .inputs = 1,
                                       .outputs = 1,
                                       .state = &h,
                                       .x = &in,
                                       .y = &y});
    return tg_mean(tg_square(tg_sub(tg_add(h, tg_mean_axes(y, TG_AXES(0), false)), 0.5)));
}

/* Newton's iteration for a square root, on single numbers. */
static void leaves_of_numbers(tg_tape *tape, tg_dtype dtype, tg_tensor *x) {
    x[0] = tg_input(tape, "x", dtype, TG_SHAPE());
    x[1] = tg_parameter(tape, "w", tg_full(tape, dtype, TG_SHAPE(), 2));
}

static tg_tensor loss_of_numbers(const tg_tensor *x) {
    tg_tensor y = tg_add(1, tg_square(x[0])), root = x[1];
    for (int i = 0; i < 5; i++)
        root = tg_mul(0.5, tg_add(root, tg_div(y, root)));
    return tg_square(tg_sub(root, tg_mul(x[1], x[0])));
}

/* ---- indices, matrices, shapes ----------------------------------------------------------------------------------- */

static void leaves_of_indices(tg_tape *tape, tg_dtype dtype, tg_tensor *x) {
    x[0] = tg_input(tape, "x", dtype, TG_SHAPE(20, 6));
    x[1] = weight(tape, dtype, "table", TG_SHAPE(9, 6));
    x[2] = classes(tape, 20, 9);
    x[3] = tg_randint(tape, TG_I64, TG_SHAPE(20, 6), 0, 6);
}

static tg_tensor loss_of_indices(const tg_tensor *x) {
    tg_tensor rows = tg_add(tg_take(x[1], x[2], 0), x[0]), indices;
    tg_tensor mixed = tg_gather(tg_scatter_add(rows, x[3], tg_sin(rows), 1), x[3], 1);
    tg_tensor moved = tg_scatter(mixed, x[3], tg_sort(rows, 1, false, NULL), 1), top = tg_topk(moved, 3, 1, true, &indices);
    tg_tensor hot = tg_one_hot(indices, 6, tg_dtype_of(top)), some = tg_where(tg_gt(moved, 0), moved, tg_cumsum(rows, 0));
    return tg_add(tg_mean(tg_square(tg_mul(tg_unsqueeze(top, 2), hot))), tg_mean(tg_square(some)));
}

static void leaves_of_matrices(tg_tape *tape, tg_dtype dtype, tg_tensor *x) {
    x[0] = tg_input(tape, "x", dtype, TG_SHAPE(3, 6, 6));
    x[1] = weight(tape, dtype, "a", TG_SHAPE(6, 6));
    x[2] = weight(tape, dtype, "b", TG_SHAPE(6, 2));
    x[3] = tg_diag(tg_full(tape, dtype, TG_SHAPE(6), 4), 0);
}

static tg_tensor loss_of_matrices(const tg_tensor *x) {
    tg_tensor a = tg_add(tg_mul(0.1, tg_add(x[0], x[1])), x[3]), positive = tg_matmul(a, tg_transpose(a, 1, 2));
    tg_tensor factor = tg_cholesky(positive, TG_LOWER),
              y = tg_add(tg_solve(a, x[2]), tg_cholesky_solve(factor, x[2], TG_LOWER));
    tg_tensor rest = tg_add(tg_mean(tg_logdet(positive)), tg_mean(tg_square(tg_inverse(a))));
    return tg_add(rest, tg_mean(tg_square(tg_add(y, tg_einsum("bij,jk->bik", a, x[2])))));
}

static tg_tensor loss_of_shapes(const tg_tensor *x) {
    tg_tensor h = dense(x[0], x[1], x[2]), parts[3];
    tg_split(h, 1, 3, (int64_t[]){4, 10, 10}, parts);
    h = tg_concat(TG_LIST(tg_flip(parts[2], TG_AXES(0)), tg_mul(parts[1], 2), tg_roll(parts[0], 1, 1)), 1);
    h = tg_pad(tg_tril(h, 1), 1, 1, 2, TG_PAD_REFLECT, 0);
    tg_tensor a = tg_logsumexp_axes(h, TG_AXES(1), true), b = tg_var_axes(h, TG_AXES(0), 1, true),
              c = tg_max_axes(h, TG_AXES(1), true);
    return tg_add(tg_mean(tg_norm_axes(tg_mul(tg_sub(a, c), tg_add(b, 1)), TG_AXES(1), 2, false)), tg_mean(tg_cumsum(h, 0)));
}

/* The gradient of the output is in the loss. */
static tg_tensor loss_with_a_penalty(const tg_tensor *x) {
    tg_tensor y = tg_sum(tg_tanh(dense(tg_tanh(dense(x[0], x[1], x[2])), x[3], x[4]))), g = {0};
    tg_vjp(x[0].tape, 1, &y, NULL, 1, &x[0], &g);
    return tg_add(tg_mean(tg_square(tg_sub(tg_norm_axes(g, TG_AXES(1), 2, false), 1))), tg_mul(0.01, y));
}

/* Large enough for two threads: by rows, by columns, and in one piece. */
static void leaves_of_much(tg_tape *tape, tg_dtype dtype, tg_tensor *x) {
    x[0] = tg_input(tape, "x", dtype, TG_SHAPE(600, 100));
    x[1] = weight(tape, dtype, "w", TG_SHAPE(100));
    x[2] = weight(tape, dtype, "b", TG_SHAPE(100));
    x[3] = weight(tape, dtype, "much", TG_SHAPE(600, 100));
}

static tg_tensor loss_of_much(const tg_tensor *x) {
    tg_tensor y = tg_tanh(tg_layer_norm(tg_add(x[0], x[3]), 1, x[1], x[2], 1e-5));
    return tg_add(tg_mean(tg_square(y)), tg_mean(tg_sigmoid(tg_mul(tg_mul(x[0], x[3]), y))));
}

static const model models[] = {
    {"layers", leaves_of_layers, loss_of_layers},
    {"dropout", leaves_of_layers, loss_of_dropout},
    {"norms", leaves_of_norms, loss_of_norms},
    {"images", leaves_of_images, loss_of_images},
    {"attention", leaves_of_attention, loss_of_attention},
    {"checkpoints", leaves_of_layers, loss_of_checkpoints},
    {"recurrence", leaves_of_recurrence, loss_of_recurrence},
    {"long recurrence", leaves_of_recurrence, loss_of_long_recurrence},
    {"loop", leaves_of_recurrence, loss_of_loop},
    {"numbers", leaves_of_numbers, loss_of_numbers},
    {"indices", leaves_of_indices, loss_of_indices},
    {"matrices", leaves_of_matrices, loss_of_matrices},
    {"shapes", leaves_of_layers, loss_of_shapes},
    {"penalty", leaves_of_layers, loss_with_a_penalty},
    {"much", leaves_of_much, loss_of_much},
};

/* ---- optimisers -------------------------------------------------------------------------------------------------- */

static void by_sgd(tg_tape *tape, double rate) {
    tg_sgd_step(tape, rate);
}

static void by_momentum(tg_tape *tape, double rate) {
    tg_sgd_step_with(tape, rate, &(tg_sgd_options){.momentum = 0.9, .weight_decay = 1e-3});
}

static void by_nesterov(tg_tape *tape, double rate) {
    tg_sgd_step_with(tape, rate, &(tg_sgd_options){.momentum = 0.9, .nesterov = true});
}

static void by_adam(tg_tape *tape, double rate) {
    tg_adam_step(tape, rate, NULL);
}

static void by_adamw(tg_tape *tape, double rate) {
    tg_adamw_step(tape, rate, &(tg_adam_options){.weight_decay = 0.01});
}

static void by_nadam(tg_tape *tape, double rate) {
    tg_nadam_step(tape, rate, NULL);
}

static void by_radam(tg_tape *tape, double rate) {
    tg_radam_step(tape, rate, NULL);
}

static void by_lion(tg_tape *tape, double rate) {
    tg_lion_step(tape, rate, NULL);
}

static void by_rmsprop(tg_tape *tape, double rate) {
    tg_rmsprop_step(tape, rate, &(tg_rmsprop_options){.centered = true, .momentum = 0.5});
}

static void by_adagrad(tg_tape *tape, double rate) {
    tg_adagrad_step(tape, rate, NULL);
}

static void by_adadelta(tg_tape *tape, double rate) {
    tg_adadelta_step(tape, rate, NULL);
}

static void by_adafactor(tg_tape *tape, double rate) {
    tg_adafactor_step(tape, rate, NULL);
}

static void by_lbfgs(tg_tape *tape, double rate) {
    tg_lbfgs_step(tape, rate, &(tg_lbfgs_options){.history = 2});
}

/* What stands around a step. */
static void by_averages(tg_tape *tape, double rate) {
    tg_accumulate_grad(tape);
    tg_use_accumulated_grad(tape, 0.5);
    tg_sgd_step(tape, rate);
    tg_ema_update(tape, 0.5);
    tg_ema_swap(tape);
}

typedef void optimiser(tg_tape *tape, double rate);

static optimiser *const optimisers[] = {by_sgd,  by_momentum, by_nesterov, by_adam,     by_adamw,     by_nadam, by_radam,
                                        by_lion, by_rmsprop,  by_adagrad,  by_adadelta, by_adafactor, by_lbfgs, by_averages};

/* ---- styles ------------------------------------------------------------------------------------------------------ */

typedef struct training {
    const model *model;
    tg_tape     *tape;
    tg_tensor    x[MOST_LEAVES], loss;
    tg_mark      start;
    optimiser   *update;
} training;

static void record_loss(training *t) {
    t->loss = t->model->loss(t->x);
    tg_keep(t->loss);
}

static double recorded_once(training *t, int step) {
    if (step == 0) {
        record_loss(t);
        tg_backward(t->loss);
        t->update(t->tape, 1e-3);
    }
    tg_run(t->tape);
    return tg_item(t->loss);
}

/* With another rate each time. */
static double recorded_each_time(training *t, int step) {
    record_loss(t);
    tg_backward(t->loss);
    t->update(t->tape, 1e-3 / (1 + step));
    double loss = tg_item(t->loss);
    tg_rewind(t->tape, t->start);
    return loss;
}

static double read_before_backward(training *t, int step) {
    record_loss(t);
    double loss = tg_item(t->loss);
    tg_backward(t->loss);
    t->update(t->tape, 1e-3 / (1 + step));
    tg_rewind(t->tape, t->start);
    return loss;
}

/* Each second step is of another formula. */
static double in_turns(training *t, int step) {
    record_loss(t);
    tg_backward(step % 2 ? t->loss : tg_add(t->loss, tg_mul(0.01, tg_sum(tg_square(t->x[1])))));
    t->update(t->tape, 1e-3);
    double loss = tg_item(t->loss);
    tg_rewind(t->tape, t->start);
    return loss;
}

/* After so many steps it is warm: each formula has been run twice. */
typedef struct style {
    const char *name;
    double (*go)(training *t, int step);
    int warm;
} style;

static const style styles[] = {
    {"recorded once", recorded_once, 2},
    {"recorded each time", recorded_each_time, 2},
    {"read before backward", read_before_backward, 2},
    {"in turns", in_turns, 4},
};

#define COUNT(list) ((int)(sizeof(list) / sizeof *(list)))

/* ---- the steps --------------------------------------------------------------------------------------------------- */

static void write_input(tg_tensor x, int step) {
    static union {
        float  f32[MOST_ELEMENTS];
        double f64[MOST_ELEMENTS];
    } numbers;
    int64_t size = tg_size(x);
    for (int i = 0; i < size; i++) {
        double number = (double)((i * 37 + step * 11) % 101) / 101;
        if (tg_dtype_of(x) == TG_F32)
            numbers.f32[i] = (float)number;
        else
            numbers.f64[i] = number;
    }
    tg_write(x, &numbers, size);
}

static void train(training *t, const style *as, const char *what) {
    double first = 0, loss = 0;
    for (int step = 0; step < as->warm + STEPS; step++) {
        write_input(t->x[0], step);
        tg_figures before = tg_stats(t->tape);
        long       allocations = calls;
        loss = as->go(t, step);
        tg_figures after = tg_stats(t->tape);
        if (step == 0) first = loss;
        unwatched(ck_assert_msg(!tg_error_status(t->tape), "%s: %s", what, tg_error(t->tape)));
        if (step < as->warm) continue;
        unwatched(
            ck_assert_msg(calls == allocations, "%s, step %d: %ld calls of the allocator", what, step, calls - allocations));
        unwatched(ck_assert_msg(after.plans == before.plans, "%s, step %d: a new plan", what, step));
        unwatched(ck_assert_msg(after.plan_hits > before.plan_hits, "%s, step %d: not by a plan", what, step));
    }
    unwatched(ck_assert_msg(isfinite(loss) && loss != first, "%s: the loss is %g, and was %g", what, loss, first));
}

static void check_training(const model *m, tg_dtype dtype, const style *as, int which, tg_keep_policy policy, int threads) {
    char     what[100];
    training t = {.model = m, .tape = tg_tape_new(), .update = optimisers[which]};
    snprintf(what, sizeof what, "%s, %s, %s, optimiser %d, policy %d, %d threads", m->name, tg_dtype_name(dtype), as->name,
             which, (int)policy, threads);
    tg_seed(t.tape, 5);
    m->leaves(t.tape, dtype, t.x);
    tg_set_keep(t.tape, policy);
    tg_set_threads(t.tape, threads);
    t.start = tg_tape_mark(t.tape);
    train(&t, as, what);
    tg_tape_free(t.tape);
    unwatched(ck_assert_int_eq(live, 0));
}

static void check_style(const model *m, const style *as, int which) {
    for (tg_dtype dtype = TG_F32; dtype <= TG_F64; dtype++) {
        check_training(m, dtype, as, which, TG_KEEP_RECORDED, 1);
        check_training(m, dtype, as, which, TG_KEEP_ASKED, 1);
        check_training(m, dtype, as, which, dtype == TG_F32 ? TG_KEEP_RECORDED : TG_KEEP_ASKED, 2);
    }
}

/* The first few optimisers, which make all kinds of states, with every model, and the others with the first model. */
START_TEST(no_steady_step_allocates_or_plans) {
    const int few = 5;
    watch();
    for (int i = 0; i < COUNT(styles); i++)
        for (int which = 0; which < (_i ? few : COUNT(optimisers)); which++)
            check_style(&models[_i], &styles[i], which);
}
END_TEST

TCase *steady_models(void) {
    TCase *tcase = tcase_create("steady");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, no_steady_step_allocates_or_plans, 0, COUNT(models));
    return tcase;
}
