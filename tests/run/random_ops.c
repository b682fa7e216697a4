/* tests/run/random_ops.c: the formulas of random programs.
 *
 * SPDX-License-Identifier: MIT */
#include "run/random_tape.h"

#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))
#define PICK(p, list) (list)[roll(p, COUNT(list))]

/* Records the expression on both tapes, t being 0 and 1. */
#define RECORD(p, expression) \
    do { \
        tg_tensor recorded[2]; \
        for (int t = 0; t < 2; t++) \
            recorded[t] = (expression); \
        enter(p, recorded); \
    } while (0)

typedef tg_tensor unary_function(tg_tensor x);
typedef tg_tensor binary_function(tg_tensor a, tg_tensor b);

/* ---- an op of the user's ----------------------------------------------------------------------------------------- */

int64_t failing;

static tg_status infer_same(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

static tg_status copy_or_fail(tg_kernel_call *call) {
    if (failing && failing == *(const int64_t *)call->attr) return tg_kernel_fail(call, "fuse %d", (int)failing);
    const void *x = tg_contiguous(call, 0);
    if (!x) return TG_ERR_MEMORY;
    if (call->out.size) memcpy(call->out.data, x, (size_t)call->out.size * tg_dtype_size(call->out.dtype));
    return TG_OK;
}

static void copy_emit(tg_emit_call *call) {
    tg_emit(call, "$for(i, %lld)\n$y[#i] = $0[#i];\n}",
            (long long)tg_shape_size(tg_shape_from(call->out.rank, call->out.dims)));
}

static tg_tensor pass_on(const tg_rule_call *call) {
    return call->g;
}

tg_tensor balky(tg_tensor x, int64_t which) {
    static tg_rule *const rules[] = {pass_on};
    static const tg_op    op =
        {.name = "balky", .arity = 1, .infer = infer_same, .kernel = copy_or_fail, .rules = rules, .emit = copy_emit};
    return tg_record(NULL, &op, 1, &x, &which, sizeof which);
}

/* ---- elementwise ------------------------------------------------------------------------------------------------- */

static void record_unary(program *p) {
    static unary_function *const functions[] = {
        tg_neg,        tg_abs,   tg_sign,     tg_square, tg_sqrt,      tg_exp,     tg_log,     tg_log1p, tg_expm1,
        tg_sin,        tg_sin,   tg_cos,      tg_tanh,   tg_tanh,      tg_sigmoid, tg_sigmoid, tg_relu,  tg_relu,
        tg_reciprocal, tg_rsqrt, tg_cbrt,     tg_exp2,   tg_tan,       tg_atan,    tg_asinh,   tg_erf,   tg_lgamma,
        tg_floor,      tg_round, tg_softplus, tg_gelu,   tg_gelu_tanh, tg_silu,    tg_mish,    tg_selu,
    };
    static unary_function *const whole[] = {tg_neg, tg_abs, tg_sign, tg_square, tg_relu, tg_floor};
    const value                 *x = any_value(p, one_in(p, 10) ? 1 << TG_I64 : FLOATING);
    if (!x) return;
    unary_function *f = x->dtype == TG_I64 ? PICK(p, whole) : PICK(p, functions);
    RECORD(p, f(x->x[t]));
}

/* The shape that both broadcast to; one of size -1 where there is none. */
static tg_shape stretched(tg_shape a, tg_shape b) {
    tg_shape shape = {.rank = a.rank > b.rank ? a.rank : b.rank};
    for (int i = 1; i <= shape.rank; i++) {
        int64_t m = i <= a.rank ? a.dims[a.rank - i] : 1, n = i <= b.rank ? b.dims[b.rank - i] : 1;
        shape.dims[shape.rank - i] = m == n || n == 1 ? m : m == 1 ? n : -1;
    }
    return shape;
}

static bool fits(tg_shape a, tg_shape b) {
    int64_t size = tg_shape_size(stretched(a, b));
    return size >= 0 && size <= LARGEST;
}

/* A value of that dtype, beside operands of that shape; NULL where none is found. */
static const value *partner_of(program *p, tg_dtype dtype, tg_shape shape) {
    for (int i = 0; i < 12; i++) {
        const value *y = any_value(p, 1u << dtype);
        if (y && fits(shape, y->shape)) return y;
    }
    return NULL;
}

/* A partner, or sometimes a plain number; *shape becomes that of all. */
static void other_operand(program *p, tg_dtype dtype, tg_shape *shape, tg_tensor y[2]) {
    const value *other = one_in(p, 4) ? NULL : partner_of(p, dtype, *shape);
    double       number = dtype == TG_BOOL ? 1 : dtype == TG_I64 ? (double)roll(p, 5) - 2 : plain_number(p);
    if (other) *shape = stretched(*shape, other->shape);
    for (int t = 0; t < 2; t++)
        y[t] = other ? other->x[t] : tg_num(number);
}

static void record_binary(program *p) {
    static binary_function *const functions[] = {
        tg_add, tg_add,     tg_add,     tg_sub,   tg_sub,   tg_mul,       tg_mul,  tg_mul,       tg_div,
        tg_pow, tg_minimum, tg_maximum, tg_atan2, tg_hypot, tg_logaddexp, tg_fmod, tg_remainder,
    };
    static binary_function *const whole[] = {tg_add, tg_sub, tg_mul, tg_minimum, tg_maximum, tg_fmod, tg_remainder};
    const value                  *x = any_value(p, one_in(p, 10) ? 1 << TG_I64 : FLOATING);
    tg_tensor                     y[2];
    if (!x) return;
    tg_shape shape = x->shape;
    other_operand(p, x->dtype, &shape, y);
    binary_function *f = x->dtype == TG_I64 ? PICK(p, whole) : PICK(p, functions);
    if (one_in(p, 3))
        RECORD(p, f(y[t], x->x[t]));
    else
        RECORD(p, f(x->x[t], y[t]));
}

static void record_comparison(program *p) {
    static binary_function *const functions[] = {tg_eq, tg_ne, tg_lt, tg_le, tg_gt, tg_ge, tg_logical_and, tg_logical_xor};
    const value                  *x = any_value(p, one_in(p, 4) ? ANY : FLOATING);
    tg_tensor                     y[2];
    if (!x) return;
    tg_shape shape = x->shape;
    other_operand(p, x->dtype, &shape, y);
    binary_function *f = PICK(p, functions);
    RECORD(p, f(x->x[t], y[t]));
}

static void record_where(program *p) {
    const value *x = any_value(p, NUMBERS), *condition = any_value(p, 1 << TG_BOOL);
    tg_tensor    y[2];
    if (!x || !condition || !fits(x->shape, condition->shape)) return;
    tg_shape shape = stretched(x->shape, condition->shape);
    other_operand(p, x->dtype, &shape, y);
    RECORD(p, (tg_where)(condition->x[t], x->x[t], y[t]));
}

static void record_clamp(program *p) {
    const value *x = any_value(p, FLOATING);
    tg_tensor    low[2], high[2];
    if (!x) return;
    tg_shape shape = x->shape;
    other_operand(p, x->dtype, &shape, low);
    other_operand(p, x->dtype, &shape, high);
    RECORD(p, (tg_clamp)(x->x[t], low[t], high[t]));
}

static void record_cast(program *p) {
    const value *x = any_value(p, ANY);
    tg_dtype     dtype = one_in(p, 2) ? p->floating : (tg_dtype)roll(p, TG_DTYPES);
    if (x) RECORD(p, tg_cast(x->x[t], dtype));
}

/* ---- reductions -------------------------------------------------------------------------------------------------- */

/* Most often the first axes or the last. */
static tg_axes some_axes(program *p, int rank) {
    tg_axes axes = {0};
    int     cut = (int)roll(p, (uint64_t)rank + 1), way = (int)roll(p, 5);
    for (int i = 0; i < rank; i++)
        if (way < 2 ? i < cut : way < 4 ? i >= cut : one_in(p, 2)) axes.axis[axes.count++] = i;
    return axes;
}

typedef tg_tensor axes_function(tg_tensor x, tg_axes axes, bool keepdim);

static void record_reduction(program *p) {
    static axes_function *const functions[] = {
        tg_sum_axes,  tg_sum_axes,  tg_sum_axes, tg_sum_axes, tg_sum_axes,  tg_sum_axes,       tg_mean_axes,
        tg_mean_axes, tg_mean_axes, tg_max_axes, tg_min_axes, tg_prod_axes, tg_logsumexp_axes,
    };
    const value *x = any_value(p, one_in(p, 8) ? 1 << TG_I64 : FLOATING);
    if (!x) return;
    axes_function *f = x->dtype == TG_I64 ? tg_sum_axes : PICK(p, functions);
    bool           keepdim = one_in(p, 2);
    tg_axes        axes = some_axes(p, x->shape.rank);
    RECORD(p, f(x->x[t], axes, keepdim));
}

static void record_variance(program *p) {
    const value *x = any_value(p, FLOATING);
    if (!x) return;
    tg_axes axes = some_axes(p, x->shape.rank);
    bool    keepdim = one_in(p, 2);
    RECORD(p, (tg_var_axes)(x->x[t], axes, 1, keepdim));
}

static void record_norm(program *p) {
    const value *x = any_value(p, FLOATING);
    if (!x || x->shape.rank == 0) return;
    int axis = (int)roll(p, (uint64_t)x->shape.rank), axes = 1 + (int)roll(p, (uint64_t)x->shape.rank);
    switch (roll(p, 4)) {
    case 0: RECORD(p, (tg_softmax)(x->x[t], axis)); break;
    case 1: RECORD(p, (tg_log_softmax)(x->x[t], axis)); break;
    case 2: RECORD(p, (tg_layer_norm)(x->x[t], axes, TG_NONE, TG_NONE, 1e-5)); break;
    default: RECORD(p, (tg_rms_norm)(x->x[t], axes, TG_NONE, 1e-5)); break;
    }
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

static tg_shape another_shape(program *p, const value *x) {
    int64_t  size = tg_shape_size(x->shape);
    tg_shape shape = {.rank = 1, .dims = {size}};
    while (shape.rank < 4 && !one_in(p, 3)) {
        static const int64_t factors[] = {1, 2, 3, 5, 11, 13, 33, 64, 130};
        int64_t              factor = PICK(p, factors);
        int64_t             *last = &shape.dims[shape.rank - 1];
        if (*last % factor) continue;
        shape.dims[shape.rank++] = factor;
        *last /= factor;
    }
    if (size == 1 && one_in(p, 2)) shape.rank = 0;
    return shape;
}

static void record_slice(program *p, const value *x) {
    static const int64_t steps[] = {1, 1, 2, 3, -1, -2};
    int                  axis = (int)roll(p, (uint64_t)x->shape.rank);
    int64_t              size = x->shape.dims[axis], step = PICK(p, steps);
    int64_t start = (int64_t)roll(p, (uint64_t)size / 2 + 1), stop = size - (int64_t)roll(p, (uint64_t)size / 2 + 1);
    if (one_in(p, 2)) start = 0;
    if (step > 0)
        RECORD(p, tg_slice(x->x[t], axis, start, stop, step));
    else
        RECORD(p, tg_slice(x->x[t], axis, stop - 1, start - 1 < 0 ? TG_BEGIN : start - 1, step));
}

static void record_stretch(program *p, const value *x) {
    static const int64_t sizes[] = {1, 2, 3, 8, 33};
    tg_shape             shape = x->shape;
    for (int i = 0; i < shape.rank; i++)
        if (shape.dims[i] == 1 && one_in(p, 2)) shape.dims[i] = PICK(p, sizes);
    if (shape.rank < 4 && one_in(p, 2)) {
        memmove(shape.dims + 1, shape.dims, (size_t)shape.rank++ * sizeof *shape.dims);
        shape.dims[0] = PICK(p, sizes);
    }
    if (tg_shape_size(shape) <= LARGEST) RECORD(p, tg_broadcast_to(x->x[t], shape));
}

static void record_view(program *p) {
    const value *x = any_value(p, one_in(p, 8) ? ANY : FLOATING);
    if (!x) return;
    uint64_t rank = (uint64_t)x->shape.rank;
    int      axis = rank ? (int)roll(p, rank) : 0, other = rank ? (int)roll(p, rank) : 0;
    tg_axes  axes = some_axes(p, x->shape.rank);
    tg_shape shape = another_shape(p, x);
    switch (roll(p, rank ? 10 : 3)) {
    case 0: RECORD(p, tg_reshape(x->x[t], shape)); break;
    case 1: record_stretch(p, x); break;
    case 2: RECORD(p, tg_unsqueeze(x->x[t], 0)); break;
    case 3:
    case 4: RECORD(p, tg_transpose(x->x[t], axis, other)); break;
    case 5:
    case 6: record_slice(p, x); break;
    case 7: RECORD(p, tg_flip(x->x[t], axes)); break;
    case 8: RECORD(p, tg_squeeze(x->x[t])); break;
    default:
        if (axis != other) RECORD(p, tg_diagonal(x->x[t], 0, axis, other));
    }
}

/* ---- everything else --------------------------------------------------------------------------------------------- */

static void record_product(program *p) {
    for (int i = 0; i < 10; i++) {
        const value *x = any_value(p, FLOATING), *y = x ? any_value(p, 1u << x->dtype) : NULL;
        if (!y || x->shape.rank != 2 || y->shape.rank != 2) continue;
        bool    transposed = x->shape.dims[1] != y->shape.dims[0];
        int64_t n = y->shape.dims[transposed ? 0 : 1], k = x->shape.dims[1];
        if (k != y->shape.dims[transposed ? 1 : 0] || x->shape.dims[0] * n > LARGEST || x->shape.dims[0] * n * k > 2000000)
            continue;
        if (transposed)
            RECORD(p, tg_matmul(x->x[t], tg_transpose(y->x[t], 0, 1)));
        else
            RECORD(p, tg_matmul(x->x[t], y->x[t]));
        return;
    }
}

static tg_tensor bent(const tg_tensor *x, void *context) {
    (void)context;
    return tg_mul(tg_tanh(x[0]), tg_sigmoid(tg_mul(x[0], 0.5)));
}

/* A loop of a few steps: `kind` says what a step is, and the loop reads x from outside. */
typedef struct turn {
    tg_tensor x;
    uint64_t  kind;
    int64_t   steps;
    bool      may_end;
} turn;

static void turned(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const turn *of = context;
    (void)tape, (void)x;
    switch (of->kind) {
    case 0: state[0] = tg_tanh(tg_mul(state[0], of->x)); break;
    case 1: state[0] = tg_sub(tg_square(tg_sin(state[0])), tg_mean(state[0])); break;
    case 2: state[0] = tg_where(tg_gt(state[0], 0), tg_mul(0.5, state[0]), tg_neg(of->x)); break;
    case 3: state[0] = tg_cumsum(tg_flip(state[0], TG_AXES(0)), 0); break;
    default: state[0] = tg_softmax(tg_add(state[0], tg_exp(tg_neg(tg_square(of->x)))), -1);
    }
    y[0] = tg_mul(state[0], of->x);
}

static tg_tensor is_little(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape, (void)context;
    return tg_lt(tg_abs(tg_sum(state[0])), 1);
}

/* Its last state, and what its steps gave, in one. */
static tg_tensor loop_of(turn of) {
    tg_tensor    state = of.x, y;
    tg_loop_spec spec =
        {.body = turned, .context = &of, .steps = of.steps, .states = 1, .outputs = 1, .state = &state, .y = &y};
    if (of.may_end) spec.condition = is_little;
    return tg_scan(of.x.tape, &spec) ? of.x : tg_add(state, tg_mean_axes(y, TG_AXES(0), false));
}

static void record_loop(program *p, const value *x, uint64_t kind, int64_t steps) {
    bool may_end = one_in(p, 2);
    if (x->shape.rank < TG_MAX_RANK) RECORD(p, loop_of((turn){x->x[t], kind, steps, may_end}));
}

/* Side by side: what may be made where it is put, numbers, rows that are all alike, what lies elsewhere. */
static tg_tensor columns_of(tg_tensor x, uint64_t kind) {
    tg_shape  shape = tg_shape_of(x);
    tg_tensor number = tg_full(x.tape, tg_dtype_of(x), shape, 0.5);
    tg_tensor row = tg_broadcast_to(tg_slice(x, 0, 0, 1, 1), shape), turned = tg_flip(x, TG_AXES(0));
    tg_tensor column[] = {tg_neg(x), number, x, tg_mul(x, 0.25), row, turned};
    return tg_stack(tg_list_from(2 + (int)kind, column), -1);
}

static void record_other(program *p) {
    const value *x = any_value(p, FLOATING);
    if (!x || x->shape.rank == 0 || tg_shape_size(x->shape) > LARGEST / 2) return;
    int      axis = (int)roll(p, (uint64_t)x->shape.rank);
    int64_t  size = x->shape.dims[axis], which = 1 + (int64_t)roll(p, 2);
    uint64_t kind = roll(p, 5);
    switch (roll(p, 11)) {
    case 0: RECORD(p, tg_concat(TG_LIST(x->x[t], tg_neg(x->x[t])), axis)); break;
    case 1: RECORD(p, tg_stack(TG_LIST(x->x[t], x->x[t]), axis)); break;
    case 2: RECORD(p, tg_cumsum(x->x[t], axis)); break;
    case 3:
        if (size > 1)
            RECORD(p, tg_take(x->x[t], tg_constant(p->tape[t], TG_I64, TG_SHAPE(3), ((int64_t[]){size - 1, 0, 1})), axis));
        break;
    case 4: RECORD(p, tg_pad(x->x[t], axis, 1, 2, TG_PAD_CONSTANT, 0.5)); break;
    case 5:
        if (!p->eager && !p->silent) RECORD(p, tg_dropout(x->x[t], 0.5, true)); /* C draws only what is read */
        break;
    case 6: RECORD(p, tg_checkpoint(p->tape[t], bent, NULL, 1, &x->x[t])); break;
    case 7: record_loop(p, x, kind, which + 1); break;
    case 8:
        if (x->shape.rank < TG_MAX_RANK) RECORD(p, columns_of(x->x[t], kind));
        break;
    default: RECORD(p, balky(x->x[t], which)); break;
    }
}

void record_formula(program *p) {
    static void (*const kinds[])(program *) = {
        record_unary,     record_unary,     record_unary,     record_unary,      record_binary, record_binary, record_binary,
        record_binary,    record_binary,    record_binary,    record_comparison, record_where,  record_clamp,  record_cast,
        record_reduction, record_reduction, record_reduction, record_variance,   record_norm,   record_view,   record_view,
        record_view,      record_view,      record_product,   record_other,      record_other,
    };
    PICK(p, kinds)(p);
}
