/* examples/own_optimizer.c: an optimizer of your own, a loss of your own, and a checkpoint after which training goes on to the
 * bit.
 *
 * The optimizer is Lion, which the library has too, by X. Chen et al., "Symbolic discovery of optimization algorithms" (2023): with the gradient g of a
 * parameter w, and a state m that starts at 0,
 *     w <- w - rate (sign(beta1 m + (1 - beta1) g) + decay w),    m <- beta2 m + (1 - beta2) g
 * The loss is the mean of log cosh of the misses: like their squares where they are small, like their sizes where they are large,
 * so that it forgives an outlier. The program fits a line through points of which one is far off.
 *
 * Start from here: everything above "the program" is what the library's own optimizers and losses are made of.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <tapegrad.h>

/* ---- the optimizer ----------------------------------------------------------------------------------------------- */

typedef struct lion_options {
    double beta1, beta2, decay;
} lion_options;

/* What one parameter becomes. The state is zeros at first, and lasts as long as the parameter. */
static tg_tensor lion_update(tg_tensor w, tg_tensor g, tg_tensor rate, const void *options) {
    const lion_options *o = options;
    tg_tensor           m = tg_optimizer_state_like(w, "lion.m");
    tg_tensor           direction = tg_sign(tg_add(tg_mul(o->beta1, m), tg_mul(1 - o->beta1, g)));
    tg_assign(m, tg_add(tg_mul(o->beta2, m), tg_mul(1 - o->beta2, g)));
    return tg_sub(w, tg_mul(rate, tg_add(direction, tg_mul(o->decay, w))));
}

/* The step: options that make no sense are errors at the line of the caller; the rest is the library's. */
static tg_status(lion_step)(tg_tape *tape, tg_tensor rate, const lion_options *o) {
    const char *name = "lion_step";
    if (tg_check_option(tape, name, "beta1", o->beta1, 0, 1, TG_RIGHT_OPEN) ||
        tg_check_option(tape, name, "beta2", o->beta2, 0, 1, TG_RIGHT_OPEN) ||
        tg_check_option(tape, name, "decay", o->decay, 0, 1, TG_CLOSED))
        return tg_error_status(tape);
    return tg_record_step(tape, &(tg_step){.name = name, .update = lion_update, .options = o, .rate = rate});
}
#define lion_step(tape, rate, ...) TG_STEP_CALL(lion_step, tape, rate, __VA_ARGS__)

/* ---- the loss ---------------------------------------------------------------------------------------------------- */

/* log cosh d = |d| + log((1 + e^(-2 |d|)) / 2), which does not overflow; in terms of d alone, softplus(-2d) + d - log 2. */
static tg_tensor(log_cosh_loss)(tg_tensor x, tg_tensor target) {
    tg_operands o;
    tg_shape    shape;
    if (tg_check_operands(&o, "log_cosh_loss", 2, 2, (tg_tensor[]){x, target}) || tg_check_floating(&o, 2) ||
        tg_check_broadcast(&o, &shape))
        return tg_invalid(o.tape);
    tg_scope  scope = tg_begin_scope(o.tape, "log_cosh_loss");
    tg_tensor d = tg_sub(x, target);
    return tg_end_scope_with(scope, tg_mean(tg_sub(tg_add(tg_softplus(tg_mul(-2, d)), d), 0.693147180559945309)));
}
#define log_cosh_loss(x, target) TG_CALL2(log_cosh_loss, x, target)

/* ---- the program ------------------------------------------------------------------------------------------------- */

enum { POINTS = 8, MOST_TENSORS = 8 };

/* y = 2 x + 1, but for the sixth point. */
static const double xs[POINTS] = {-2, -1.5, -1, -0.5, 0.5, 1, 1.5, 2}, ys[POINTS] = {-3, -2, -1, 0, 2, 9, 4, 5};

/* Records the line, the loss, and a step whose rate is filled in between runs. */
static tg_tensor record(tg_tape *tape) {
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(POINTS), xs), y = tg_constant(tape, TG_F64, TG_SHAPE(POINTS), ys);
    tg_tensor a = tg_parameter(tape, "a", 0.0), b = tg_parameter(tape, "b", 0.0);
    tg_tensor loss = log_cosh_loss(tg_add(tg_mul(a, x), b), y);
    tg_tensor rate = tg_input(tape, "rate", TG_F64, TG_SHAPE());
    tg_backward(loss);
    lion_step(tape, rate, &(lion_options){.beta1 = 0.9, .beta2 = 0.99});
    return loss;
}

/* Lion steps by the rate, whatever the gradient: to come close, the rate has to fall. */
static void train(tg_tape *tape, int from, int to) {
    for (int i = from; i < to; i++) {
        tg_write(tg_find(tape, "rate"), (double[]){0.5 / (10 + i)}, 1);
        tg_run(tape);
    }
}

/* All that training changes: the parameters, each with its states. */
static int list_tensors(tg_tape *tape, tg_tensor list[MOST_TENSORS]) {
    int count = 0;
    for (int64_t i = 0; i < tg_parameter_count(tape); i++) {
        tg_tensor w = tg_parameter_at(tape, i);
        list[count++] = w;
        for (tg_tensor s = tg_next_optimizer_state(w, TG_NONE); !tg_is_none(s); s = tg_next_optimizer_state(w, s))
            list[count++] = s;
    }
    return count;
}

int main(void) {
    tg_tensor list[MOST_TENSORS];
    double    checkpoint[MOST_TENSORS];

    tg_tape  *tape = tg_tape_new();
    tg_tensor loss = record(tape);
    train(tape, 0, 150);
    int count = list_tensors(tape, list);
    for (int i = 0; i < count; i++)
        checkpoint[i] = tg_item(list[i]);
    train(tape, 150, 2000);
    double a = tg_item(tg_find(tape, "a")), b = tg_item(tg_find(tape, "b"));
    printf("y = %.2f x + %.2f, loss %.4f\n", a, b, tg_item(loss));

    /* From the checkpoint on another tape. */
    tg_tape *resumed = tg_tape_new();
    record(resumed);
    list_tensors(resumed, list);
    for (int i = 0; i < count; i++) {
        printf("%s was %g\n", tg_name(list[i]), checkpoint[i]);
        tg_write(list[i], &checkpoint[i], 1);
    }
    train(resumed, 150, 2000);
    double difference = tg_item(tg_find(resumed, "a")) - a + (tg_item(tg_find(resumed, "b")) - b);
    printf("resumed: %s\n", difference == 0 ? "the same bits" : "another line");

    int status = *tg_error(tape) || *tg_error(resumed) || difference != 0 ? 2 : 0;
    if (status) fprintf(stderr, "%s%s\n", tg_error(tape), tg_error(resumed));

    /* Errors name the function that was called, and the line. */
    lion_step(tape, 0.01, &(lion_options){.beta1 = 1.5});
    printf("%s\n", tg_error(tape));
    log_cosh_loss(tg_full(resumed, TG_F64, TG_SHAPE(3), 0), tg_full(resumed, TG_F64, TG_SHAPE(2), 0));
    printf("%s\n", tg_error(resumed));
    tg_tape_free(resumed);
    tg_tape_free(tape);
    return status;
}
