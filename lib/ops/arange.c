/* ops/arange.c: a leaf of evenly spaced numbers.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/ops.h"

static tg_status check(tg_tape *tape, tg_dtype dtype, double start, double stop, double step) {
    int64_t whole;
    if (tgi_check(tape)) return tg_error_status(tape);
    if (dtype == TG_BOOL) return tgi_fail(tape, TG_ERR_DTYPE, "arange", "the dtype must not be bool");
    if (!isfinite(start) || !isfinite(stop) || !isfinite(step) || step == 0 || !(fabs((stop - start) / step) < 0x1p59))
        return tgi_fail(tape, TG_ERR_ARGUMENT, "arange", "from %.17g to %.17g by %.17g", start, stop, step);
    if (dtype == TG_I64 && !(tgi_convert(start, TG_I64, &whole) && tgi_convert(step, TG_I64, &whole)))
        return tgi_fail(tape, TG_ERR_DTYPE, "arange", "from %.17g by %.17g is no int64", start, step);
    return TG_OK;
}

/* The last of `count` integers is an int64, and with it all of them. */
static tg_status check_last(tg_tape *tape, double start, double stop, double step, int64_t count) {
    int64_t way;
    if (count == 0) return TG_OK;
    if (!__builtin_mul_overflow(count - 1, (int64_t)step, &way) && !__builtin_add_overflow(way, (int64_t)start, &way))
        return TG_OK;
    return tgi_fail(tape, TG_ERR_ARGUMENT, "arange", "from %.17g to %.17g by %.17g is beyond int64", start, stop, step);
}

/* Element i is start + i step, in double with a rounding for each of the two operations, or exact. */
static void count_up(tgi_node *node, double start, double step, int64_t count) {
    tg_dtype dtype = (tg_dtype)node->dtype;
    size_t   width = tg_dtype_size(dtype);
    for (int64_t i = 0; i < count; i++)
        if (dtype == TG_I64)
            ((int64_t *)node->data)[i] = (int64_t)start + i * (int64_t)step;
        else
            tgi_convert(start + (double)i * step, dtype, (char *)node->data + (size_t)i * width);
}

tg_tensor(tg_arange)(tg_tape *tape, tg_dtype dtype, double start, double stop, double step) {
    if (check(tape, dtype, start, stop, step)) return tgi_invalid(tape);
    double  count = ceil((stop - start) / step);
    int64_t size = count > 0 ? (int64_t)count : 0;
    if (dtype == TG_I64 && check_last(tape, start, stop, step, size)) return tgi_invalid(tape);
    tgi_node *node = tgi_new_leaf(tape, "arange", &tgi_constant, NULL, dtype, TG_SHAPE(size), NULL);
    if (!node) return tgi_invalid(tape);
    count_up(node, start, step, size);
    return tgi_tensor(tape, tape->count - 1);
}
