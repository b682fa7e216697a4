/* examples/emit_iris.c: the network of iris_fnn.c as plain C: writes iris.c and iris.h into a directory.
 *
 * The step that is written is the whole of the training: forward, gradients, update. The data are in the file, as constants. A program that
 * trains with it, and needs nothing of this library, is emitted/iris_main.c:
 *
 *     examples/emit_iris .
 *     cc -O3 -o iris iris.c examples/emitted/iris_main.c -I . -lm
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <tapegrad.h>

#include "complain.h"
#include "iris_data.h"
#include "write_c.h"

const char program_name[] = "emit_iris";

enum { HIDDEN = 32 };

/* The weights are those of iris_fnn.c, which says why one draw is not used. */
static void record_step(tg_tape *tape, const iris_data *data) {
    tg_seed(tape, 2);
    tg_randn(tape, TG_F32, TG_SHAPE(IRIS_FEATURES, HIDDEN));
    tg_tensor first = tg_randn(tape, TG_F32, TG_SHAPE(IRIS_FEATURES, HIDDEN)),
              second = tg_randn(tape, TG_F32, TG_SHAPE(HIDDEN, 1));

    tg_tensor x = tg_cast(tg_constant(tape, TG_F64, TG_SHAPE(IRIS_SAMPLES, IRIS_FEATURES), data->x), TG_F32);
    tg_tensor y = tg_cast(tg_constant(tape, TG_F64, TG_SHAPE(IRIS_SAMPLES, 1), data->y), TG_F32);
    tg_tensor w1 = tg_parameter(tape, "w1", first), w2 = tg_parameter(tape, "w2", second);
    tg_tensor y_hat = tg_sigmoid(tg_matmul(tg_sigmoid(tg_matmul(x, w1)), w2));
    tg_tensor half_squared = tg_mul(0.5, tg_sum(tg_square(tg_sub(y_hat, y))));
    tg_tensor bce = tg_neg(tg_mean(tg_add(tg_mul(y, tg_log(y_hat)), tg_mul(tg_sub(1, y), tg_log(tg_sub(1, y_hat))))));

    tg_backward(half_squared);
    tg_sgd_step(tape, 0.001);
    tg_set_name(bce, "loss");
}

int main(int argc, char **argv) {
    iris_data data;
    if (!iris_data_read(&data, IRIS_CSV)) return EXIT_FAILURE;
    tg_tape *tape = tg_tape_new();
    record_step(tape, &data);
    bool written = write_c(tape, argc > 1 ? argv[1] : ".", "iris", "step");
    tg_tape_free(tape);
    return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
