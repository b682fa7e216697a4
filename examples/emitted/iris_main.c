/* examples/emitted/iris_main.c: trains the network that emit_iris has written, without the library.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "iris.h"

int main(void) {
    static iris_state state;
    static iris_work  work;
    iris_init(&state);
    for (int epoch = 0; epoch <= 100; epoch++) {
        float loss;
        iris_step(&state, &loss, &work);
        if (epoch % 20 == 0) printf("Epoch %d | Loss: %.9g\n", epoch, (double)loss);
    }
    return 0;
}
