/* optim/step.c: a step of an optimizer, whichever it is.
 *
 * SPDX-License-Identifier: MIT */
#include "optim/update.h"

/* Whether the gradient that was handed in can be one of w. */
static tg_status check_gradient(tg_tape *tape, const tg_step *step, tg_tensor w, tg_tensor g) {
    char text[2][TG_SHAPE_TEXT];
    if (tg_check_tensor(tape, step->name, "a gradient", g)) return tg_error_status(tape);
    tg_shape shape = tg_shape_of(w), given = tg_shape_of(g);
    if (!tg_shape_equal(shape, given))
        return tg_fail(tape, TG_ERR_SHAPE, step->name, "a gradient is %s, and what it is for is %s",
                       tg_shape_text(text[0], given), tg_shape_text(text[1], shape));
    if (tg_dtype_of(w) == tg_dtype_of(g)) return TG_OK;
    return tg_fail(tape, TG_ERR_DTYPE, step->name, "a gradient is %s, and what it is for is %s", tg_dtype_name(tg_dtype_of(g)),
                   tg_dtype_name(tg_dtype_of(w)));
}

/* The gradient of parameter i, w; TG_NONE when it has none, or is frozen, and after an error. */
static tg_tensor gradient_of(tg_tape *tape, const tg_step *step, int64_t i, tg_tensor w) {
    if (step->parameters && tg_check_tensor(tape, step->name, "a parameter", w)) return TG_NONE;
    if (tg_is_frozen(w)) return TG_NONE;
    if (!step->gradients) return tg_has_grad(w) ? tg_grad(w) : TG_NONE;
    return check_gradient(tape, step, w, step->gradients[i]) ? TG_NONE : step->gradients[i];
}

/* Records the new value of w; false after an error. */
static bool record_update(tg_tape *tape, const tg_step *step, tg_tensor w, tg_tensor g) {
    tg_callback callback = tg_begin_callback(tape, "an optimizer's update");
    tg_tensor   value = step->update(w, g, step->rate, step->options);
    return !tg_end_callback(callback) && !tg_assign(w, value);
}

/* The number of parameters that are updated. */
static int64_t record_updates(tg_tape *tape, const tg_step *step) {
    int64_t updated = 0, count = step->parameters ? step->count : tg_parameter_count(tape);
    for (int64_t i = 0; i < count && !tg_error_status(tape); i++) {
        tg_tensor w = step->parameters ? step->parameters[i] : tg_parameter_at(tape, i);
        tg_tensor g = gradient_of(tape, step, i, w);
        if (!tg_is_none(g) && record_update(tape, step, w, g)) updated++;
    }
    return updated;
}

tg_status tg_record_step(tg_tape *tape, const tg_step *step) {
    tg_scope scope = tg_begin_update(tape, step->name);
    if (step->gradients && !step->parameters)
        tg_fail(tape, TG_ERR_ARGUMENT, step->name, "there are gradients, and no parameters that they are of");
    else if (!tg_error_status(tape) && !tgi_check_number(tape, step->name, "the rate", step->rate) &&
             !record_updates(tape, step))
        tg_fail(tape, TG_ERR_GRADIENT, step->name, "no parameter has a gradient: call tg_backward first");
    return tg_end_scope(scope);
}
