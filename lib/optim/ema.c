/* optim/ema.c: exponential moving averages of the parameters.
 *
 * A parameter's number of updates says whether its average is one yet.
 *
 * SPDX-License-Identifier: MIT */
#include "optim/update.h"

static const char average[] = "ema", number[] = "ema.n";

/* a <- a + rest (w - a), and the first time a <- w. */
static void update(tg_tensor w, double decay) {
    tg_tensor first = tg_cast(tg_eq(tgi_count_step(w, number), 1), tg_dtype_of(w));
    tgi_running_mean(w, average, w, tg_maximum(first, 1 - decay));
}

tg_status(tg_ema_update)(tg_tape *tape, double decay) {
    static const char name[] = "ema_update";
    if (tg_check_option(tape, name, "decay", decay, 0, 1, TG_CLOSED)) return tg_error_status(tape);
    tg_scope scope = tg_begin_update(tape, name);
    int64_t  i = 0, count = 0;
    for (tg_tensor w; !tg_is_none(w = tgi_next_parameter(tape, &i)); count++)
        update(w, decay);
    if (!count) tg_fail(tape, TG_ERR_ARGUMENT, name, "there is no parameter that is not frozen");
    return tg_end_scope(scope);
}

/* The average is read before it is overwritten, as the tape says. */
static void swap(tg_tensor w) {
    tg_tensor state = tg_optimizer_state_like(w, average), updates = tg_optimizer_state(w, number, TG_F64, TG_SHAPE());
    tg_tensor value = tg_where(tg_gt(updates, 0), state, w);
    tg_assign(state, w);
    tg_assign(w, value);
}

tg_status(tg_ema_swap)(tg_tape *tape) {
    static const char name[] = "ema_swap";
    tg_scope          scope = tg_begin_update(tape, name);
    int64_t           i = 0, count = 0;
    for (tg_tensor w; !tg_is_none(w = tgi_next_parameter(tape, &i));) {
        if (tg_is_none(tgi_find_state(w, average))) continue;
        swap(w);
        count++;
    }
    if (!count) tg_fail(tape, TG_ERR_ARGUMENT, name, "no parameter has an average: call tg_ema_update first");
    return tg_end_scope(scope);
}
