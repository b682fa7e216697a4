/* examples/mpi_iris.c: the network of iris_fnn.c, trained by several processes: mpirun -n 4 examples/mpi_iris
 *
 * Each rank has a part of the rows, and the same weights. In each epoch the gradients of all ranks are added, and each rank makes the same
 * step. In float32 the last digits of the losses depend on the number of ranks, as the order of the sums does.
 *
 * With --deterministic they do not: the rows are divided into 12 shards, each computed by itself, and what the shards give is added as a
 * tree over their numbers, whichever ranks they are on. So the losses have the same bits on 1, 2, 3, 4, 6 and 12 ranks.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapegrad/mpi.h>

#include "complain.h"
#include "iris_data.h"

const char program_name[] = "mpi_iris";

enum { SHARDS = 12, HIDDEN = 32, EPOCHS = 101 };

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

static void train(tg_mpi *mpi, const iris_data *data, int shards) {
    tg_tape *tape = tg_mpi_tape(mpi);
    model    m = draw_model(tape, data);
    tg_mpi_share_parameters(mpi);
    tg_tensor bce = record_step(mpi, &m, shards);
    for (int epoch = 0; epoch < EPOCHS && !tg_run(tape); epoch++)
        if (tg_mpi_rank(mpi) == 0 && epoch % 20 == 0) printf("Epoch %d | Loss: %.9g\n", epoch, tg_item(bce));
    tg_mpi_check_parameters(mpi);
}

int main(int argc, char **argv) {
    bool deterministic = argc == 2 && !strcmp(argv[1], "--deterministic");
    if (argc > 1 && !deterministic) return fputs("usage: mpi_iris [--deterministic]\n", stderr), EXIT_FAILURE;
    int provided;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    tg_tape  *tape = tg_tape_new();
    tg_mpi   *mpi = tg_mpi_new(tape, MPI_COMM_WORLD, &(tg_mpi_options){.deterministic = deterministic});
    iris_data data;
    int       shards = deterministic ? SHARDS : tg_mpi_size(mpi);
    if (!iris_data_read(&data, IRIS_CSV))
        tg_fail(tape, TG_ERR_IO, NULL, "%s cannot be read", IRIS_CSV);
    else if (shards % tg_mpi_size(mpi))
        tg_fail(tape, TG_ERR_ARGUMENT, NULL, "%d shards cannot be divided among %d ranks", shards, tg_mpi_size(mpi));
    else
        train(mpi, &data, shards);
    if (tg_mpi_agree(mpi)) {
        if (tg_mpi_speaks(mpi)) complain_of(tape);
        tg_mpi_abort(mpi, EXIT_FAILURE);
    }
    tg_mpi_free(mpi);
    tg_tape_free(tape);
    MPI_Finalize();
    return EXIT_SUCCESS;
}
