/* examples/minimize.c: making a loss of a few parameters as small as it gets.
 *
 * L-BFGS has no line search, and while it knows little of the loss its steps may go astray: max_step holds them back.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "minimize.h"

minimum minimize(tg_tape *tape, tg_tensor loss, tg_tensor theta, double flat, int64_t most) {
    minimum m = {0, INFINITY};
    tg_mark mark = tg_tape_mark(tape);
    tg_backward(loss);
    tg_tensor slope = tg_max(tg_abs(tg_grad(theta)));
    tg_lbfgs_step(tape, 1, &(tg_lbfgs_options){.tolerance_grad = flat, .tolerance_change = TG_ZERO, .max_step = 1});
    while (m.iterations < most && m.slope > flat && tg_run(tape) == TG_OK) {
        m.slope = tg_item(slope);
        m.iterations++;
    }
    tg_discard(tape, mark);
    return m;
}
