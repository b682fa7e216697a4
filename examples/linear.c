/* examples/linear.c: the smallest thing to learn, one parameter: y_hat = theta x, until it hits y.
 *
 * The loss is L = (y_hat - y)^2 / 2. By the chain rule its derivative for theta is (y_hat - y) x; the tape finds that
 * by itself, and the two are printed side by side.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <tapegrad.h>

int main(void) {
    const double x = 2, y = 6; /* so the answer is theta = 3 */

    /* Record the program, once: a formula, its derivative, an update. Nothing is computed yet. */
    tg_tape  *tape = tg_tape_new();
    tg_tensor theta = tg_parameter(tape, "theta", 1.0);
    tg_tensor y_hat = tg_mul(theta, x);
    tg_tensor loss = tg_mul(0.5, tg_square(tg_sub(y_hat, y)));
    tg_backward(loss);
    tg_tensor gradient = tg_grad(theta);
    tg_sgd_step(tape, 0.1);

    /* Run it, again and again. Each run ends with theta a little better. */
    for (int step = 0; step < 50; step++) {
        tg_run(tape);
        if (step % 10 == 0)
            printf("step %2d: loss %-12g gradient %-12g by hand %g\n", step, tg_item(loss), tg_item(gradient),
                   (tg_item(y_hat) - y) * x);
    }
    printf("theta = %g\n", tg_item(theta));

    /* Had anything gone wrong on the way, the tape would know what and where. */
    int status = *tg_error(tape) ? 2 : 0;
    if (status) fprintf(stderr, "%s\n", tg_error(tape));
    tg_tape_free(tape);
    return status;
}
