/* examples/mpi_iris.c: the network of iris_fnn.c, trained by several processes: mpirun -n 4 examples/mpi_iris
 *
 * Each rank has a part of the rows, and the same weights. In each epoch the gradients of all ranks are added, and each rank makes the same
 * step. In float32 the last digits of the losses depend on the number of ranks, as the order of the sums does.
 *
 * With --deterministic they do not: the rows are divided into 12 shards, each computed by itself, and what the shards give is added as a
 * tree over their numbers, whichever ranks they are on. So the losses have the same bits on 1, 2, 3, 4, 6 and 12 ranks.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <tapegrad/mpi.h>

#include "complain.h"
#include "iris_data.h"
#include "mpi_program.h"

const char program_name[] = "mpi_iris";

enum { SHARDS = 12, HIDDEN = 32 };

typedef struct options {
    int64_t epochs;
    bool    deterministic, figures;
} options;

typedef struct model {
    tg_tensor x, y, w1, w2;
} model;

/* As iris_fnn.c draws them. */
static model draw_model(tg_tape *tape, const iris_data *data) {
    tg_seed(tape, 2);
    tg_randn(tape, TG_F32, TG_SHAPE(IRIS_FEATURES, HIDDEN));
    tg_tensor w1 = tg_randn(tape, TG_F32, TG_SHAPE(IRIS_FEATURES, HIDDEN));
    tg_tensor w2 = tg_randn(tape, TG_F32, TG_SHAPE(HIDDEN, 1));
    model     m;
    m.x = tg_cast(tg_constant(tape, TG_F64, TG_SHAPE(IRIS_SAMPLES, IRIS_FEATURES), data->x), TG_F32);
    m.y = tg_cast(tg_constant(tape, TG_F64, TG_SHAPE(IRIS_SAMPLES, 1), data->y), TG_F32);
    m.w1 = tg_parameter(tape, "w1", w1);
    m.w2 = tg_parameter(tape, "w2", w2);
    return m;
}

/* Of part i of n of the rows: the loss that is trained on, and the sum of the binary cross entropies. */
static tg_tensor losses_of(const model *m, int i, int n, tg_tensor *entropy) {
    int64_t   from = (int64_t)IRIS_SAMPLES * i / n, to = (int64_t)IRIS_SAMPLES * (i + 1) / n;
    tg_tensor x = tg_slice(m->x, 0, from, to, 1), y = tg_slice(m->y, 0, from, to, 1);
    tg_tensor y_hat = tg_sigmoid(tg_matmul(tg_sigmoid(tg_matmul(x, m->w1)), m->w2));
    *entropy = tg_neg(tg_sum(tg_add(tg_mul(y, tg_log(y_hat)), tg_mul(tg_sub(1, y), tg_log(tg_sub(1, y_hat))))));
    return tg_mul(0.5, tg_sum(tg_square(tg_sub(y_hat, y))));
}

/* One step, on this rank's shards; the mean binary cross entropy of all rows. */
static tg_tensor record_step(tg_mpi *mpi, const model *m, int shards) {
    tg_tensor loss[SHARDS], entropy[SHARDS];
    int       own = shards / tg_mpi_size(mpi);
    for (int i = 0; i < own; i++)
        loss[i] = losses_of(m, tg_mpi_rank(mpi) * own + i, shards, &entropy[i]);
    tg_tensor bce = tg_div(tg_mpi_sum_shards(tg_stack(tg_list_from(own, entropy), 0), mpi), IRIS_SAMPLES);
    tg_mpi_backward_shards(mpi, tg_list_from(own, loss), NULL);
    tg_sgd_step(tg_mpi_tape(mpi), 0.001);
    return bce;
}

static void train(tg_mpi *mpi, const iris_data *data, const options *o) {
    tg_tape  *tape = tg_mpi_tape(mpi);
    model     m = draw_model(tape, data);
    mpi_watch watch = {0};
    tg_mpi_share_parameters(mpi);
    tg_tensor bce = record_step(mpi, &m, o->deterministic ? SHARDS : tg_mpi_size(mpi));
    for (int64_t epoch = 0; epoch < o->epochs && !tg_error_status(tape); epoch++) {
        mpi_watch_begin(&watch, mpi);
        tg_run(tape);
        mpi_watch_end(&watch, mpi);
        if (tg_mpi_rank(mpi) == 0 && epoch % 20 == 0) printf("Epoch %" PRId64 " | Loss: %.9g\n", epoch, tg_item(bce));
    }
    tg_mpi_check_parameters(mpi);
    if (o->figures) mpi_watch_print(&watch, mpi);
}

static bool check(const void *given, int ranks) {
    const options *o = given;
    if (!o->deterministic || SHARDS % ranks == 0) return true;
    return complain("%d shards cannot be divided among %d ranks", SHARDS, ranks);
}

int main(int argc, char **argv) {
    options              o = {.epochs = 101};
    const command_option rows[] = {
        {"epochs", "N", "how often all rows are looked at", COMMAND_COUNT, &o.epochs, 0},
        {"deterministic", "", "the same bits on 1, 2, 3, 4, 6 and 12 ranks", COMMAND_FLAG, &o.deterministic, 0},
        {"figures", "", "in the end, what an epoch took, and sent, on each rank", COMMAND_FLAG, &o.figures, 0},
    };
    const command c = {"Trains the network of iris_fnn on many ranks.\n", sizeof rows / sizeof *rows, rows};
    int           exit_code;
    if (!mpi_program_begin(&argc, &argv, &c, check, &o, &exit_code)) return exit_code;

    tg_tape  *tape = tg_tape_new();
    tg_mpi   *mpi = tg_mpi_new(tape, MPI_COMM_WORLD, &(tg_mpi_options){.deterministic = o.deterministic});
    iris_data data;
    if (!iris_data_read(&data, IRIS_CSV))
        tg_fail(tape, TG_ERR_IO, NULL, "%s cannot be read", IRIS_CSV);
    else if (mpi)
        train(mpi, &data, &o);
    return mpi_program_end(mpi, tape);
}
