/* examples/vae.c: a variational autoencoder learns to paint handwritten digits.
 *
 * It learns what images look like, not what they mean. An encoder says of an image x which few numbers z, the code, it could have been
 * painted from: a normal distribution with a mean and a variance of its own. A decoder says of a code how much ink each pixel has. What
 * is made small is a bound of -log p(x), in nats: how surprised the decoder is by x, given a code that the encoder drew, and how far the
 * encoder's distribution is from the standard normal one, from which codes are drawn where there is no image.
 * (D. P. Kingma and M. Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv:1312.6114.)
 *
 * This file is the model, its training and its picture. Three parts stand on one tape and share the layers: one step of the training, one
 * batch of the test, and painting. Noise is drawn anew in each run of a part. The command line, the data and what people look at are in
 * digits.c.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>

#include "complain.h"
#include "digits.h"

const char program_name[] = "vae";

enum { BATCH = 32, HIDDEN = 256, CODE = 16 };

/* ---- the model --------------------------------------------------------------------------------------------------- */

typedef struct model {
    tg_linear_layer look, mean, log_variance; /* the encoder */
    tg_linear_layer think, paint;             /* the decoder */
} model;

static model new_model(tg_tape *tape, int64_t size) {
    model m;
    m.look = tg_new_linear(tape, "look", size * size, HIDDEN, NULL);
    m.mean = tg_new_linear(tape, "mean", HIDDEN, CODE, NULL);
    m.log_variance = tg_new_linear(tape, "log_variance", HIDDEN, CODE, NULL);
    m.think = tg_new_linear(tape, "think", CODE, HIDDEN, NULL);
    m.paint = tg_new_linear(tape, "paint", HIDDEN, size * size, NULL);
    return m;
}

/* Codes (batch, CODE) to logits of ink, (batch, pixels). */
static tg_tensor decode(model m, tg_tensor code) {
    return tg_apply_linear(m.paint, tg_relu(tg_apply_linear(m.think, code)));
}

/* What the model makes of a batch of images. */
typedef struct view {
    tg_tensor bound; /* of -log p(x), (batch) */
    tg_tensor ink;   /* from 0 to 1, (batch, pixels) */
} view;

/* A pixel is the number of black dots in a block: of as many as white has, each is black with the probability that the decoder gives. */
static view apply_model(tg_tape *tape, model m, const digits *d) {
    tg_tensor dots = tg_flatten(tg_cast(d->images, TG_F32), 1, -1), x = tg_div(dots, d->white);

    tg_tensor seen = tg_relu(tg_apply_linear(m.look, x));
    tg_tensor mean = tg_apply_linear(m.mean, seen), log_variance = tg_apply_linear(m.log_variance, seen);
    tg_tensor noise = tg_sample_normal(tape, TG_F32, tg_shape_of(mean));
    tg_tensor code = tg_add(mean, tg_mul(tg_exp(tg_mul(0.5, log_variance)), noise));
    tg_tensor logits = decode(m, code);

    tg_tensor per_dot = tg_bce_with_logits_loss(logits, x, &(tg_bce_options){.reduction = TG_REDUCE_NONE});
    tg_tensor ways = tg_sub(lgamma(d->white + 1), tg_add(tg_lgamma(tg_add(dots, 1)), tg_lgamma(tg_sub(d->white + 1, dots))));
    tg_tensor surprise = tg_sum_axes(tg_sub(tg_mul(d->white, per_dot), ways), TG_AXES(1), false);
    tg_tensor excess = tg_sub(tg_add(tg_square(mean), tg_exp(log_variance)), tg_add(log_variance, 1));
    tg_tensor distance = tg_mul(0.5, tg_sum_axes(excess, TG_AXES(1), false));
    return (view){.bound = tg_add(surprise, distance), .ink = tg_sigmoid(logits)};
}

/* ---- the training ------------------------------------------------------------------------------------------------ */

/* What is painted: as many images as a batch has, (batch, size, size). */
typedef struct paintings {
    tg_tensor repainted; /* of the images in the test */
    tg_tensor own;
} paintings;

static paintings train(tg_tape *tape, digits *d) {
    model     m = new_model(tape, d->size);
    tg_tensor step = tg_input(tape, "step", TG_F64, TG_SHAPE());

    tg_begin_part(tape, "train");
    tg_tensor loss = tg_mean(apply_model(tape, m, d).bound);
    tg_tensor rate = tg_mul(0.003, tg_cosine_schedule(step, digits_steps(d), 0));
    tg_backward(loss);
    tg_adam_step(tape, rate, NULL);
    tg_assign(step, tg_add(step, 1));
    tg_end_part(tape);

    tg_begin_part(tape, "test");
    view seen = apply_model(tape, m, d);
    d->test_loss = tg_sum(tg_mul(seen.bound, d->weight));
    tg_tensor repainted = tg_reshape(seen.ink, tg_shape_of(d->images));
    tg_end_part(tape);

    tg_begin_part(tape, "sample");
    tg_tensor code = tg_sample_normal(tape, TG_F32, TG_SHAPE(BATCH, CODE));
    tg_tensor own = tg_reshape(tg_sigmoid(decode(m, code)), tg_shape_of(d->images));
    tg_end_part(tape);

    while (digits_next_epoch(tape, d)) {
        for (; tg_next_batch(tape, d->train); digits_count_step(d, loss, rate))
            tg_run_part(tape, "train");
        for (; tg_next_batch(tape, d->test); digits_count_test(d))
            tg_run_part(tape, "test");
    }
    return (paintings){repainted, own};
}

/* ---- the picture ------------------------------------------------------------------------------------------------- */

static tg_tensor first_ten(tg_tensor images) {
    return tg_slice(images, 0, 0, 10, 1);
}

/* Ten images of the test, what the model makes of them, and twenty of its own. */
static void draw(tg_tape *tape, digits *d, paintings p) {
    static const char *const rows[] = {"held out", "repainted", "its own", ""};
    tg_next_batch(tape, d->test);
    tg_run_part(tape, "test");
    tg_run_part(tape, "sample");
    tg_tensor images = tg_div(tg_cast(d->images, TG_F32), d->white);
    tg_tensor all = tg_concat(TG_LIST(first_ten(images), first_ten(p.repainted), tg_slice(p.own, 0, 0, 20, 1)), 0);
    tg_plot_images(all, d->options->picture,
                   &(tg_images_options){.title = "Digits", .columns = 10, .rows = rows, .low = 0, .high = 1});
}

int main(int argc, char **argv) {
    digits_options o = {.data = DIGITS_CSV, .epochs = 120, .seed = 1};
    int            exit_code;
    if (!digits_options_read(&o, PAINT_DIGITS, "a variational autoencoder", argc, argv, &exit_code)) return exit_code;
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, o.seed);
    digits d = digits_open(tape, &o, BATCH);
    if (!tg_error_status(tape)) {
        paintings p = train(tape, &d);
        if (!tg_error_status(tape)) printf("Test bound: %.1f nats per image\n", d.test_mean);
        fflush(stdout);
        if (o.picture) draw(tape, &d, p);
    }
    return digits_end(tape, &d);
}
