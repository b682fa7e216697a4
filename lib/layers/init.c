/* layers/init.c: initial values of weights.
 *
 * Bounds and deviations are computed in double, by the operations that PyTorch uses, in its order: so they have the same bits, and so
 * have the numbers that are drawn within them. What takes more than one draw is done on a tape of its own, with the generator of
 * the user's: nothing of it stays.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>

#include "layers/layer.h"

/* ---- scaled by the fans ------------------------------------------------------------------------------------------ */

double tg_calculate_gain(tg_nonlinearity nonlinearity, double slope) {
    switch (nonlinearity) {
    case TG_GAIN_LINEAR:
    case TG_GAIN_SIGMOID: return 1;
    case TG_GAIN_TANH: return 5.0 / 3;
    case TG_GAIN_RELU: return sqrt(2);
    case TG_GAIN_LEAKY_RELU: return sqrt(2 / (1 + slope * slope));
    case TG_GAIN_SELU: return 3.0 / 4;
    }
    return NAN;
}

typedef struct fans {
    double in, out;
} fans;

/* False, with the error noted, for a shape that has none. One that is empty or not valid counts as (1, 1): the draw says what it is. */
static bool find_fans(tg_tape *tape, tg_shape shape, fans *f) {
    *f = (fans){1, 1};
    if (shape.rank < 2) {
        tg_fail(tape, TG_ERR_SHAPE, NULL, "a shape of %d axes has no fans: two are the least", shape.rank);
        return false;
    }
    if (tg_shape_size(shape) <= 0) return true;
    double field = 1;
    for (int i = 2; i < shape.rank; i++)
        field *= (double)shape.dims[i];
    *f = (fans){(double)shape.dims[1] * field, (double)shape.dims[0] * field};
    return true;
}

typedef tg_tensor drawing(tg_tape *tape, tg_dtype dtype, tg_shape shape, double deviation);

static tg_tensor draw_uniform(tg_tape *tape, tg_dtype dtype, tg_shape shape, double deviation) {
    double bound = sqrt(3) * deviation;
    return tg_uniform(tape, dtype, shape, -bound, bound);
}

static tg_tensor draw_normal(tg_tape *tape, tg_dtype dtype, tg_shape shape, double deviation) {
    return tg_normal(tape, dtype, shape, 0, deviation);
}

static tg_tensor xavier(tg_tape *tape, const char *name, drawing *draw, tg_dtype dtype, tg_shape shape, double gain) {
    fans      f;
    tg_scope  scope = tg_begin_scope(tape, name);
    tg_tensor y = tg_invalid(tape);
    if (!tg_check_option(tape, name, "gain", gain, 0, INFINITY, TG_RIGHT_OPEN) && find_fans(tape, shape, &f))
        y = draw(tape, dtype, shape, gain * sqrt(2 / (f.in + f.out)));
    return tg_end_scope_with(scope, y);
}

static tg_tensor kaiming(tg_tape *tape, const char *name, drawing *draw, tg_dtype dtype, tg_shape shape, double gain,
                         tg_fan fan) {
    fans      f;
    tg_scope  scope = tg_begin_scope(tape, name);
    tg_tensor y = tg_invalid(tape);
    if (!tg_check_option(tape, name, "gain", gain, 0, INFINITY, TG_RIGHT_OPEN) && find_fans(tape, shape, &f))
        y = draw(tape, dtype, shape, gain / sqrt(fan == TG_FAN_OUT ? f.out : f.in));
    return tg_end_scope_with(scope, y);
}

tg_tensor(tg_xavier_uniform)(tg_tape *tape, tg_dtype dtype, tg_shape shape, double gain) {
    return xavier(tape, "xavier_uniform", draw_uniform, dtype, shape, gain);
}

tg_tensor(tg_xavier_normal)(tg_tape *tape, tg_dtype dtype, tg_shape shape, double gain) {
    return xavier(tape, "xavier_normal", draw_normal, dtype, shape, gain);
}

tg_tensor(tg_kaiming_uniform)(tg_tape *tape, tg_dtype dtype, tg_shape shape, double gain, tg_fan fan) {
    return kaiming(tape, "kaiming_uniform", draw_uniform, dtype, shape, gain, fan);
}

tg_tensor(tg_kaiming_normal)(tg_tape *tape, tg_dtype dtype, tg_shape shape, double gain, tg_fan fan) {
    return kaiming(tape, "kaiming_normal", draw_normal, dtype, shape, gain, fan);
}

/* ---- on a tape of its own ---------------------------------------------------------------------------------------- */

tg_tensor tgi_constant_of(tg_tape *tape, const char *name, tg_tape *work, tg_tensor x) {
    const void *data = tg_data(x);
    tg_tensor   y = tg_invalid(tape);
    if (data)
        y = tg_constant(tape, tg_dtype_of(x), tg_shape_of(x), data);
    else if (work)
        tg_fail(tape, tg_error_status(work), name, "%s", tg_error(work));
    else
        tg_fail(tape, TG_ERR_MEMORY, name, "out of memory");
    tg_tape_free(work);
    return y;
}

static tg_status copy_generator(tg_tape *to, tg_tape *from) {
    tg_generator_state state;
    return tg_get_generator(from, &state) ? TG_ERR_HANDLE : tg_set_generator(to, &state);
}

/* ---- truncated normal -------------------------------------------------------------------------------------------- */

typedef struct truncated {
    tg_dtype dtype;
    tg_shape shape;
    double   mean, deviation, low, high;
} truncated;

/* y gets what fits of the numbers drawn so far; all that does not is drawn again, elements that fit for nothing. */
static void draw_from_normal(tg_tensor y, const truncated *t) {
    tg_tape *work = tg_tape_of(y);
    tg_assign(y, tg_normal(work, t->dtype, t->shape, t->mean, t->deviation));
    for (tg_mark mark = tg_tape_mark(work); !tg_error_status(work); tg_rewind(work, mark)) {
        tg_tensor outside = tg_logical_or(tg_lt(y, t->low), tg_gt(y, t->high));
        if (tg_item(tg_any(outside)) != 1) return;
        tg_assign(y, tg_where(outside, tg_normal(work, t->dtype, t->shape, t->mean, t->deviation), y));
    }
}

/* Whether the candidates are rejected: each is accepted with its density, divided by the largest between the bounds. */
static tg_tensor rejected(tg_tensor y, const truncated *t) {
    double    peak = (fmax(t->low, fmin(t->mean, t->high)) - t->mean) / t->deviation;
    tg_tensor off = tg_square(tg_div(tg_sub(y, t->mean), t->deviation));
    tg_tensor density = tg_sub(tg_mul(off, -0.5), -0.5 * (peak * peak));
    return tg_gt(tg_log(tg_rand(tg_tape_of(y), t->dtype, t->shape)), density);
}

/* `pending` tells the elements that no candidate was accepted for. */
static void draw_from_uniform(tg_tensor y, tg_tensor pending, const truncated *t) {
    tg_tape *work = tg_tape_of(y);
    tg_assign(y, tg_uniform(work, t->dtype, t->shape, t->low, t->high));
    tg_assign(pending, rejected(y, t));
    for (tg_mark mark = tg_tape_mark(work); !tg_error_status(work); tg_rewind(work, mark)) {
        if (tg_item(tg_any(pending)) != 1) return;
        tg_tensor candidates = tg_uniform(work, t->dtype, t->shape, t->low, t->high);
        tg_assign(y, tg_where(pending, candidates, y));
        tg_assign(pending, tg_logical_and(pending, rejected(candidates, t)));
    }
}

static double normal_cdf(double x) {
    return (1 + erf(x / sqrt(2))) / 2;
}

static tg_status check_truncated(tg_tape *tape, const char *name, const truncated *t) {
    if (tg_check_option(tape, name, "mean", t->mean, -INFINITY, INFINITY, TG_OPEN) ||
        tg_check_option(tape, name, "deviation", t->deviation, 0, INFINITY, TG_OPEN) ||
        tg_check_option(tape, name, "low", t->low, -INFINITY, INFINITY, TG_OPEN))
        return tg_error_status(tape);
    return tg_check_option(tape, name, "high", t->high, t->low, INFINITY, TG_OPEN);
}

tg_tensor(tg_trunc_normal)(tg_tape *tape, tg_dtype dtype, tg_shape shape, double mean, double deviation, double low,
                           double high) {
    static const char name[] = "trunc_normal";
    const truncated   t = {dtype, shape, mean, deviation, low, high};
    if (check_truncated(tape, name, &t)) return tg_invalid(tape);
    tg_scope  scope = tg_begin_scope(tape, name);
    tg_tape  *work = tg_tape_new();
    tg_tensor y = tg_input(work, NULL, dtype, shape), pending = tg_input(work, NULL, TG_BOOL, shape);
    copy_generator(work, tape);
    if (normal_cdf((high - mean) / deviation) - normal_cdf((low - mean) / deviation) > 0.3)
        draw_from_normal(y, &t);
    else
        draw_from_uniform(y, pending, &t);
    if (!tg_error_status(work)) copy_generator(tape, work);
    return tg_end_scope_with(scope, tgi_constant_of(tape, name, work, y));
}

/* ---- orthogonal -------------------------------------------------------------------------------------------------- */

/* Q of a normal matrix, of which R has no negative number on its diagonal: so Q is distributed evenly. */
static tg_tensor draw_orthogonal(tg_tape *work, tg_dtype dtype, tg_shape shape) {
    int64_t   rows = shape.dims[0], columns = tg_shape_size(shape) / rows;
    tg_tensor x = tg_randn(work, dtype, TG_SHAPE(rows, columns));
    tg_tensor q = rows < columns ? tg_transpose(tg_qr(tg_transpose(x, 0, 1), NULL), 0, 1) : tg_qr(x, NULL);
    return tg_reshape(q, shape);
}

tg_tensor(tg_orthogonal)(tg_tape *tape, tg_dtype dtype, tg_shape shape, double gain) {
    static const char name[] = "orthogonal";
    fans              f;
    if (tg_check_option(tape, name, "gain", gain, -INFINITY, INFINITY, TG_OPEN)) return tg_invalid(tape);
    tg_scope scope = tg_begin_scope(tape, name);
    if (!find_fans(tape, shape, &f)) return tg_end_scope_with(scope, tg_invalid(tape));
    if (tg_shape_size(shape) <= 0) return tg_end_scope_with(scope, tg_randn(tape, dtype, shape));
    tg_tape *work = tg_tape_new();
    copy_generator(work, tape);
    tg_tensor y = tg_mul(draw_orthogonal(work, dtype, shape), gain);
    if (!tg_error_status(work)) copy_generator(tape, work);
    return tg_end_scope_with(scope, tgi_constant_of(tape, name, work, y));
}

/* ---- without chance ---------------------------------------------------------------------------------------------- */

static tg_status check_dirac(tg_tape *tape, const char *name, tg_shape shape, int64_t groups) {
    if (shape.rank < 3 || shape.rank > TG_MAX_RANK)
        return tg_fail(tape, TG_ERR_SHAPE, name, "a shape of %d axes is none of kernels: three are the least", shape.rank);
    if (groups >= 1 && shape.dims[0] % groups == 0) return TG_OK;
    return tg_fail(tape, TG_ERR_SHAPE, name, "%" PRId64 " kernels are not divided into %" PRId64 " groups", shape.dims[0],
                   groups);
}

tg_tensor(tg_dirac)(tg_tape *tape, tg_dtype dtype, tg_shape shape, int64_t groups) {
    static const char name[] = "dirac";
    if (check_dirac(tape, name, shape, groups)) return tg_invalid(tape);
    tg_scope  scope = tg_begin_scope(tape, name);
    tg_tape  *work = tg_tape_new();
    tg_tensor y = tg_eye(work, dtype, shape.dims[0] / groups, shape.dims[1]);
    for (int axis = 2; axis < shape.rank; axis++) {
        int64_t middle = shape.dims[axis] / 2;
        y = tg_pad(tg_unsqueeze(y, axis), axis, middle, shape.dims[axis] - 1 - middle, TG_PAD_CONSTANT, 0);
    }
    return tg_end_scope_with(scope, tgi_constant_of(tape, name, work, tg_tile(y, 0, groups)));
}
