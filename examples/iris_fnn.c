/* examples/iris_fnn.c: a network of two layers learns to tell two species of iris apart.
 *
 * This file is the model and its training. The rest of the program is in small files beside it: iris_options.c the
 * command line, iris_data.c the table, iris_check.c the gradients written by hand, files.c, plot.c and graph.c what is
 * written.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad.h>

#include "complain.h"
#include "files.h"
#include "graph.h"
#include "iris_check.h"
#include "iris_data.h"
#include "iris_options.h"
#include "plot.h"

const char program_name[] = "iris_fnn";

/* ---- the model --------------------------------------------------------------------------------------------------- */

typedef struct model {
    tg_tensor x, y;   /* (100, 2) and (100, 1): the data */
    tg_tensor w1, w2; /* (2, hidden) and (hidden, 1): the weights of the layers; there is no bias */
} model;

/* What one step of the training leaves behind to be read. */
typedef struct step {
    tg_tensor bce;
    tg_tensor grad_w1, grad_w2;
} step;

/* Draws the weights in float32 whatever the dtype is, so that float64 starts from the same ones. The first draw is not
 * used: the figures of the tutorial come from a run in which the generator had given out 64 numbers before w1, and this
 * is the draw that makes up for them. */
static model draw_model(tg_tape *tape, const iris_data *data, const iris_options *o) {
    tg_seed(tape, o->seed);
    tg_randn(tape, TG_F32, TG_SHAPE(IRIS_FEATURES, o->hidden));
    tg_tensor w1 = tg_randn(tape, TG_F32, TG_SHAPE(IRIS_FEATURES, o->hidden));
    tg_tensor w2 = tg_randn(tape, TG_F32, TG_SHAPE(o->hidden, 1));

    model m;
    m.x = tg_cast(tg_constant(tape, TG_F64, TG_SHAPE(IRIS_SAMPLES, IRIS_FEATURES), data->x), o->dtype);
    m.y = tg_cast(tg_constant(tape, TG_F64, TG_SHAPE(IRIS_SAMPLES, 1), data->y), o->dtype);
    m.w1 = tg_parameter(tape, "w1", tg_cast(w1, o->dtype));
    m.w2 = tg_parameter(tape, "w2", tg_cast(w2, o->dtype));
    return m;
}

/* Records one step: forward, backward, update. Both losses are recorded. The mean binary cross entropy is the one that
 * is printed; the one that is trained on is, unless --loss says so, the half squared error. */
static step record_step(tg_tape *tape, const model *m, const iris_options *o) {
    tg_tensor y = m->y;
    tg_tensor y_hat = tg_sigmoid(tg_matmul(tg_sigmoid(tg_matmul(m->x, m->w1)), m->w2));
    tg_tensor half_squared = tg_mul(0.5, tg_sum(tg_square(tg_sub(y_hat, y))));
    tg_tensor bce = tg_neg(tg_mean(tg_add(tg_mul(y, tg_log(y_hat)), tg_mul(tg_sub(1, y), tg_log(tg_sub(1, y_hat))))));

    tg_backward(o->train_on_bce ? bce : half_squared);
    step recorded = {.bce = bce, .grad_w1 = tg_grad(m->w1), .grad_w2 = tg_grad(m->w2)};
    tg_sgd_step(tape, o->lr);
    return recorded;
}

/* ---- the training ------------------------------------------------------------------------------------------------ */

/* Prints a number as Python does: the fewest digits that read back as the same double, at least one of them after the
 * point, and an exponent only below 1e-4 and from 1e16 on. */
static void print_shortest(double value) {
    if (!isfinite(value)) {
        fputs(isnan(value) ? "nan" : value > 0 ? "inf" : "-inf", stdout);
        return;
    }
    char text[32];
    int  digits = 0; /* after the first one */
    do
        snprintf(text, sizeof text, "%.*e", digits, value);
    while (strtod(text, NULL) != value && ++digits <= 16);

    int exponent = atoi(strchr(text, 'e') + 1);
    if (exponent < -4 || exponent >= 16)
        fputs(text, stdout);
    else
        printf("%.*f", digits - exponent > 1 ? digits - exponent : 1, value);
}

/* Draws the program, when a step of it is there, where --graph asks for it. */
static bool draw_step(tg_tape *tape, const iris_options *o) {
    return !o->graph || tg_error_status(tape) != TG_OK || graph_write(o->graph, tape);
}

/* Trains the model; where `losses` is not NULL it takes the loss of each epoch, and where `check` is not NULL it
 * compares the gradients. False when the tape has an error, or its graph cannot be written. Neither way of recording
 * allocates anything once it is under way. */
static bool train(tg_tape *tape, const model *m, const iris_options *o, double *losses, iris_check *check) {
    tg_mark mark = tg_tape_mark(tape);
    step    now = {0};
    bool    finite = true;
    if (!o->record_each) now = record_step(tape, m, o);

    for (int epoch = 0; epoch < o->epochs; epoch++) {
        if (o->record_each)
            now = record_step(tape, m, o); /* reading the loss is what runs it */
        else
            tg_run(tape);

        double loss = tg_item(now.bce); /* as it was before this epoch's update */
        if (epoch == 0 && !draw_step(tape, o)) return false;
        if (check) iris_check_epoch(check, epoch, now.grad_w1, now.grad_w2);
        if (o->record_each) tg_rewind(tape, mark);
        if (tg_error_status(tape) != TG_OK) return false;

        if (finite && !isfinite(loss)) complain("warning: the loss is not finite from epoch %d on", epoch);
        finite = finite && isfinite(loss);
        if (losses) losses[epoch] = loss;
        if (epoch % 20 == 0) {
            printf("Epoch %d | Loss: ", epoch);
            print_shortest(loss);
            putchar('\n');
        }
    }
    return true;
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

enum { EXIT_CHECK = 1, EXIT_ERROR = 2 };

static int report(const iris_options *o, const double *losses, const iris_check *check) {
    bool passed = !o->check || iris_check_report(check);
    if (o->csv && !file_write_losses(o->csv, losses, o->epochs)) return EXIT_ERROR;
    if (o->plot && !plot_losses(o->plot, losses, o->epochs)) return EXIT_ERROR;
    return passed ? EXIT_SUCCESS : EXIT_CHECK;
}

static int work(tg_tape *tape, const iris_data *data, const iris_options *o, double *losses, iris_check *check) {
    model m = draw_model(tape, data, o);
    bool  ready = !o->check || iris_check_start(check, o->train_on_bce, m.x, m.y, m.w1, m.w2);
    if (ready && train(tape, &m, o, losses, o->check ? check : NULL)) return report(o, losses, check);

    if (tg_error_status(tape) != TG_OK) fprintf(stderr, "%s\n", tg_error(tape));
    return EXIT_ERROR;
}

int main(int argc, char **argv) {
    iris_options options;
    iris_data    data;
    int          status;
    if (iris_options_read(&options, argc, argv, &status) == IRIS_END) return status;
    if (!iris_data_read(&data, options.data)) return EXIT_ERROR;
    if (options.csv && !file_possible(options.csv)) return EXIT_ERROR;
    if (options.plot && !plot_possible(options.plot)) return EXIT_ERROR;
    if (options.graph && !graph_possible(options.graph)) return EXIT_ERROR;

    iris_check check = {0};
    tg_tape   *tape = tg_tape_new();
    bool       wanted = options.csv || options.plot;
    double    *losses = wanted ? malloc((size_t)options.epochs * sizeof *losses) : NULL;
    if (tape && (losses || !wanted))
        status = work(tape, &data, &options, losses, &check);
    else
        complain("out of memory");
    iris_check_free(&check);
    free(losses);
    tg_tape_free(tape);

    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    complain("standard output: %s", strerror(errno));
    return EXIT_ERROR;
}
