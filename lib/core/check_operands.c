/* core/check_operands.c: for functions that look at what they are given before they record anything, and refuse it in their own
 * name.
 *
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/tape.h"

/* ---- handles ----------------------------------------------------------------------------------------------------- */

tg_tape *tg_tape_of(tg_tensor x) {
    return tgi_tape_of(x);
}

bool tg_is_none(tg_tensor x) {
    return tgi_is_none(x);
}

bool tg_is_number(tg_tensor x, double *value) {
    return tgi_is_number(x, value);
}

tg_tensor tg_or_none(tg_tensor x) {
    return x.tape || x.ref ? x : TG_NONE;
}

tg_tensor tg_invalid(tg_tape *tape) {
    return tgi_invalid(tape);
}

tg_tensor(tg_number)(tg_tape *tape, tg_dtype dtype, double value) {
    if (tgi_check(tape) || !tgi_new_number(tape, NULL, value, dtype)) return tgi_invalid(tape);
    tgi_done(tape, TG_OK);
    return tgi_tensor(tape, tape->count - 1);
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

tg_status tg_fail(tg_tape *tape, tg_status status, const char *name, const char *format, ...) {
    char    text[sizeof tape->text];
    va_list arguments;
    va_start(arguments, format);
    tgi_format(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!tape) return TG_ERR_HANDLE;
    return tgi_fail(tape, status, name, "%s", text);
}

tg_status tg_refuse_operands(const tg_operands *o, tg_status status, const char *format, ...) {
    char    text[sizeof o->tape->text], operands[TGI_TEXT];
    tg_type present[TG_MAX_OPERANDS];
    int     count = 0;
    for (int i = 0; i < o->count; i++)
        if (o->present[i]) present[count++] = o->type[i];
    va_list arguments;
    va_start(arguments, format);
    tgi_format(text, sizeof text, format, arguments);
    va_end(arguments);
    tgi_operands_text(operands, count, present, status == TG_ERR_DTYPE);
    return tg_fail(o->tape, status, o->name, "%s: %s", operands, text);
}

tg_status tg_check_tensor(tg_tape *tape, const char *name, const char *role, tg_tensor x) {
    if (tgi_check(tape)) return tg_error_status(tape);
    return tgi_resolve(tape, x, name, role) ? TG_OK : tape->status;
}

/* ---- the operands ------------------------------------------------------------------------------------------------ */

/* The first tape that an operand has. */
static tg_tape *tape_of_any(int count, const tg_tensor *x) {
    for (int i = 0; x && i < count; i++)
        if (tgi_tape_of(x[i])) return tgi_tape_of(x[i]);
    return NULL;
}

/* The type of the tensor x[i]; the error names it by its place among all operands. */
static tg_status take_type(tg_operands *o, const tg_tensor *x, int i) {
    char role[32];
    snprintf(role, sizeof role, o->count == 1 ? "the operand" : "operand %d", i + 1);
    const tgi_node *node = tgi_resolve(o->tape, x[i], o->name, role);
    if (!node) return o->tape->status;
    o->type[i] = tgi_node_type(node);
    return TG_OK;
}

/* A plain number takes the dtype of the first tensor that is not bool, as in tg_record, which has to hold it. */
static tg_status take_number(tg_operands *o, int i, tg_dtype dtype, double number) {
    static const int64_t no_dims[1]; /* no null pointer, so that dims + rank is one for all */
    uint64_t             converted;
    o->type[i] = (tg_type){.dtype = dtype, .dims = no_dims};
    if (tgi_convert(number, dtype, &converted)) return TG_OK;
    return tgi_fail(o->tape, TG_ERR_DTYPE, o->name, "%.17g is no %s", number, tg_dtype_name(dtype));
}

tg_status tg_check_operands(tg_operands *o, const char *name, int required, int count, const tg_tensor *x) {
    double   number;
    tg_dtype dtype = TG_DTYPES;
    o->tape = tape_of_any(count, x);
    o->name = name;
    o->count = x && count > 0 ? count : 0;
    if (tgi_check(o->tape)) return tg_error_status(o->tape);
    if (count > TG_MAX_OPERANDS) {
        o->count = 0;
        return tgi_fail(o->tape, TG_ERR_ARGUMENT, name, "%d operands, and %d are the most", count, TG_MAX_OPERANDS);
    }
    for (int i = 0; i < count; i++) {
        o->type[i] = (tg_type){.dtype = TG_DTYPES};
        o->present[i] = i < required || !tgi_is_none(x[i]);
        if (!o->present[i] || tgi_is_number(x[i], &number)) continue;
        if (take_type(o, x, i)) return o->tape->status;
        if (dtype == TG_DTYPES || dtype == TG_BOOL) dtype = o->type[i].dtype;
    }
    for (int i = 0; i < count; i++)
        if (o->present[i] && tgi_is_number(x[i], &number) && take_number(o, i, dtype, number)) return o->tape->status;
    return TG_OK;
}

tg_status tg_check_floating(const tg_operands *o, int count) {
    tg_dtype dtype = TG_DTYPES;
    for (int i = 0; i < count && i < o->count; i++) {
        if (!o->present[i]) continue;
        if (dtype != TG_DTYPES && o->type[i].dtype != dtype)
            return tg_refuse_operands(o, TG_ERR_DTYPE, "dtypes differ: convert one with tg_cast");
        dtype = o->type[i].dtype;
    }
    if (dtype == TG_DTYPES || tgi_floating(dtype)) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_DTYPE, "it takes no %s: convert with tg_cast", tg_dtype_name(dtype));
}

tg_status tg_check_shape(const tg_operands *o, int i, const char *role, tg_shape shape) {
    char text[TG_SHAPE_TEXT];
    if (i < 0 || i >= o->count) return tg_refuse_operands(o, TG_ERR_ARGUMENT, "it has no operand %d, of %d", i, o->count);
    if (!o->present[i] || tgi_same_dims(o->type[i].rank, o->type[i].dims, shape.rank, shape.dims)) return TG_OK;
    return tg_refuse_operands(o, TG_ERR_SHAPE, "the %s is not of shape %s", role, tg_shape_text(text, shape));
}

tg_status tg_check_broadcast(const tg_operands *o, tg_shape *shape) {
    *shape = (tg_shape){0};
    for (int i = 0; i < o->count; i++)
        if (o->present[i] &&
            !tgi_broadcast(&shape->rank, shape->dims, shape->rank, shape->dims, o->type[i].rank, o->type[i].dims))
            return tg_refuse_operands(o, TG_ERR_SHAPE, "the shapes do not broadcast");
    return TG_OK;
}

tg_status tg_check_axis(const tg_operands *o, int rank, int *axis) {
    int from_the_front = tgi_axis(*axis, rank);
    if (from_the_front < 0) return tg_refuse_operands(o, TG_ERR_SHAPE, "axis %d of a tensor of rank %d", *axis, rank);
    *axis = from_the_front;
    return TG_OK;
}

/* ---- options, shapes --------------------------------------------------------------------------------------------- */

tg_status tg_check_option(tg_tape *tape, const char *name, const char *option, double value, double low, double high,
                          tg_interval interval) {
    bool left_open = interval == TG_OPEN || interval == TG_LEFT_OPEN;
    bool right_open = interval == TG_OPEN || interval == TG_RIGHT_OPEN;
    if ((left_open ? value > low : value >= low) && (right_open ? value < high : value <= high)) return tg_error_status(tape);
    return tg_fail(tape, TG_ERR_ARGUMENT, name, "%s %g is not in %c%g, %g%c", option, value, left_open ? '(' : '[', low, high,
                   right_open ? ')' : ']');
}

static bool has_rank(tg_shape shape) {
    return shape.rank >= 0 && shape.rank <= TG_MAX_RANK;
}

bool tg_broadcast_shapes(tg_shape a, tg_shape b, tg_shape *both) {
    return has_rank(a) && has_rank(b) && tgi_broadcast(&both->rank, both->dims, a.rank, a.dims, b.rank, b.dims);
}

const char *tg_shape_text(char text[TG_SHAPE_TEXT], tg_shape shape) {
    return tgi_shape_text(text, has_rank(shape) ? shape.rank : 0, shape.dims);
}
