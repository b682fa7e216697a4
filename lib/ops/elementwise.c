/* ops/elementwise.c: the elementwise ops as the tape knows them: gradient rules, shape rules, recording functions.
 *
 * All but where and cast come from the table, row by row.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/elementwise_loops.h"
#include "ops/joined_loops.h"
#include "ops/ops.h"

/* ---- called by the gradients of the table ------------------------------------------------------------------------ */

static const double LN_2 = 0.693147180559945309417, LN_10 = 2.30258509299404568402, TWO_OVER_ROOT_PI = 1.12837916709551257390,
                    HALF_ROOT_PI = 0.886226925452758013649;

/* The inner ops of the table. */
static tg_tensor one_minus_square(tg_tensor x);
static tg_tensor gauss(tg_tensor x);
static tg_tensor density(tg_tensor x);
static tg_tensor gelu_slope(tg_tensor x);
static tg_tensor cosine(tg_tensor a, tg_tensor b);
static tg_tensor bell(tg_tensor x, tg_tensor y);

/* The value of a plain number in a formula; NaN for every other operand. */
static double number_in(tg_tensor x) {
    const tgi_node *node = tgi_node_at(x.tape, tgi_index(x));
    return node->op == &tgi_number ? tgi_element((tg_dtype)node->dtype, node->data) : (double)NAN;
}

static bool is_nonzero_number(tg_tensor x) {
    return fabs(number_in(x)) > 0;
}

static bool is_finite_number(tg_tensor x) {
    return isfinite(number_in(x));
}

/* a, but 1 where a is 0 and `guard` is true: there a factor of 0 makes the limit 0, and an infinity must not turn it into NaN. */
static tg_tensor nonzero_where(tg_tensor guard, tg_tensor a) {
    return tg_where(tg_eq(a, 0), tg_where(guard, 1, a), a);
}

/* b a^(b - 1) */
static tg_tensor pow_slope(tg_tensor a, tg_tensor b) {
    tg_tensor base = is_nonzero_number(b) ? a : nonzero_where(tg_eq(b, 0), a);
    return tg_mul(b, tg_pow(base, tg_sub(b, 1)));
}

/* log a, and 0 where a^b is 0 around a = 0 */
static tg_tensor pow_log(tg_tensor a, tg_tensor b) {
    return tg_log(nonzero_where(tg_ge(b, 0), a));
}

/* g for the operand that was chosen, half of it for each where they are equal; both get it where one is NaN */
static tg_tensor share(tg_tensor g, tg_tensor left, tg_tensor tie) {
    return tg_where(left, 0, tg_where(tie, tg_mul(0.5, g), g));
}

/* x / (a^2 + b^2), without overflow, and 0 where both are 0 */
static tg_tensor over_hypot(tg_tensor x, tg_tensor a, tg_tensor b) {
    tg_tensor length = tg_hypot(a, b);
    length = tg_where(tg_eq(length, 0), INFINITY, length);
    return tg_div(tg_div(x, length), length);
}

/* e^a / (e^a + e^b): half of it for each of two equal infinities */
static tg_tensor share_of(tg_tensor a, tg_tensor b) {
    if (!is_finite_number(a) && !is_finite_number(b)) {
        tg_tensor tie = tg_logical_and(tg_isinf(a), tg_eq(a, b));
        a = tg_where(tie, 0, a);
        b = tg_where(tie, 0, b);
    }
    return tg_sigmoid(tg_sub(a, b));
}

/* how many times b was subtracted from a to leave y, a whole number: a / b itself may round past it */
static tg_tensor quotient(tg_tensor a, tg_tensor b, tg_tensor y) {
    return tg_round(tg_div(tg_sub(a, y), b));
}

/* b, but 1 where a log b is 0 because a is 0, though log b has no finite value: the gradients are 0 there */
static tg_tensor nonzero_pair(tg_tensor a, tg_tensor b) {
    return tg_where(tg_logical_and(tg_eq(a, 0), tg_le(b, 0)), 1, b);
}

/* (2 - x^2) times the density of the normal distribution, which is 0 beyond 40 */
static tg_tensor gelu_curve(tg_tensor x) {
    tg_tensor near = tg_clamp(x, -40, 40);
    return tg_mul(tg_sub(2, tg_square(near)), density(near));
}

/* ---- gradient rules ---------------------------------------------------------------------------------------------- */

/* What a row of the table gave for g, which call->g is a broadcast of, in the shape of that. */
static tg_tensor stretched(tg_tensor gradient, tg_tensor g, const tg_rule_call *call) {
    if (gradient.ref == g.ref) return call->g;
    if (!tg_valid(gradient)) return gradient;
    tg_shape shape = tg_shape_of(call->g);
    return tg_shape_equal(tg_shape_of(gradient), shape) ? gradient : tg_broadcast_to(gradient, shape);
}

#define RULE(rule, gradient, ...) \
    static tg_tensor rule(const tg_rule_call *call) { \
        tg_tensor g = tgi_before_broadcast(call->g), y = call->y, __VA_ARGS__; \
        (void)y; \
        tg_tensor given = gradient; \
        return g.ref == call->g.ref ? given : stretched(given, g, call); \
    }
#define UNARY(name, dtypes, formula, gradient) \
    RULE(name##_rule, ((void)x, gradient), x = call->x[0]) \
    static tg_rule *const name##_rules[] = {name##_rule};
#define BINARY(name, dtypes, formula, gradient_a, gradient_b) \
    RULE(name##_rule_a, ((void)a, (void)b, gradient_a), a = call->x[0], b = call->x[1]) \
    RULE(name##_rule_b, ((void)a, (void)b, gradient_b), a = call->x[0], b = call->x[1]) \
    static tg_rule *const name##_rules[] = {name##_rule_a, name##_rule_b};
#define TERNARY(name, dtypes, formula, gradient_x, gradient_low, gradient_high) \
    RULE(name##_rule_x, gradient_x, x = call->x[0], low = call->x[1], high = call->x[2]) \
    RULE(name##_rule_low, gradient_low, x = call->x[0], low = call->x[1], high = call->x[2]) \
    RULE(name##_rule_high, gradient_high, x = call->x[0], low = call->x[1], high = call->x[2]) \
    static tg_rule *const name##_rules[] = {name##_rule_x, name##_rule_low, name##_rule_high};
#define PREDICATE(name, formula)
#define COMPARISON(name, formula)
#define INNER_UNARY(name, formula, gradient) UNARY(name, FLOAT, formula, gradient)
#define INNER_BINARY(name, formula, gradient_a, gradient_b) BINARY(name, FLOAT, formula, gradient_a, gradient_b)
#include "ops/elementwise_table.h"
#undef UNARY
#undef BINARY
#undef TERNARY
#undef PREDICATE
#undef COMPARISON
#undef INNER_UNARY
#undef INNER_BINARY

/* ---- ops and recording functions --------------------------------------------------------------------------------- */

static tg_status infer_bool(tg_infer *call) {
    tg_status status = tg_infer_elementwise(call);
    call->out.dtype = TG_BOOL;
    return status;
}

/* Whether it is a plain number, and that one. */
static bool is_bound(tg_tensor x, double bound) {
    double number;
    return tgi_is_number(x, &number) && number == bound;
}

/* int64 has no infinity to be no bound. Without an upper one, a clamp is a maximum. */
static bool clamp_whole(tg_tensor x, tg_tensor *low, tg_tensor high, tg_tensor *y) {
    if (!tgi_tape_of(x) || !tg_valid(x) || tgi_node_at(x.tape, tgi_index(x))->dtype != TG_I64) return false;
    if (is_bound(*low, -(double)INFINITY)) *low = tg_num(-0x1p63);
    if (!is_bound(high, (double)INFINITY)) return false;
    tg_scope scope = tg_begin_scope(x.tape, "clamp");
    *y = tg_end_scope_with(scope, tg_maximum(x, *low));
    return true;
}

#define LOOPS_FLOAT(name) TG_LOOPS([TG_F32] = tgi_##name##_f32, [TG_F64] = tgi_##name##_f64)
#define LOOPS_ANGLE(name) LOOPS_FLOAT(name)
#define LOOPS_EXACT(name) LOOPS_FLOAT(name)
#define LOOPS_NUMBER(name) TG_LOOPS([TG_F32] = tgi_##name##_f32, [TG_F64] = tgi_##name##_f64, [TG_I64] = tgi_##name##_i64)
#define LOOPS_ANY(name) \
    TG_LOOPS([TG_F32] = tgi_##name##_f32, [TG_F64] = tgi_##name##_f64, [TG_I64] = tgi_##name##_i64, [TG_BOOL] = tgi_##name##_b8)

/* The pairs of joined_loops.h. */
static tg_loop *joined_loop(tg_loop *first, tg_loop *then, int operand) {
    static const struct {
        tg_loop *first, *then;
        int      operand;
        tg_loop *loop;
    } pairs[] = {
#define PAIR(name, first, then, operand, formula) \
    {tgi_##first##_f32, tgi_##then##_f32, operand, tgi_##name##_f32}, \
        {tgi_##first##_f64, tgi_##then##_f64, operand, tgi_##name##_f64},
        TGI_EACH_JOINED(PAIR)
#undef PAIR
            {tgi_sub_f32, tgi_square_f32, 0, tgi_square_of_sub_f32},
        {tgi_sub_f64, tgi_square_f64, 0, tgi_square_of_sub_f64}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i].first == first && pairs[i].then == then && pairs[i].operand == operand) return pairs[i].loop;
    return NULL;
}

#define DEFINE_UNARY(function, name, shape_rule, op_loops, op_rules, text) \
    tg_tensor(function)(tg_tensor x) { \
        static const tg_loops loops = op_loops(name); \
        static const tg_op    op = \
            {#name, 1, shape_rule, .loops = &loops, .rules = op_rules, .joined = joined_loop, .formula = "x: " text}; \
        return tgi_record_unary(&op, x); \
    }
#define DEFINE_BINARY(function, name, shape_rule, op_loops, op_rules, text) \
    tg_tensor(function)(tg_tensor a, tg_tensor b) { \
        static const tg_loops loops = op_loops(name); \
        static const tg_op    op = \
            {#name, 2, shape_rule, .loops = &loops, .rules = op_rules, .joined = joined_loop, .formula = "a, b: " text}; \
        return tgi_record_binary(&op, a, b); \
    }
#define UNARY(name, dtypes, formula, gradient) \
    DEFINE_UNARY(tg_##name, name, tg_infer_elementwise, LOOPS_##dtypes, name##_rules, #formula)
#define BINARY(name, dtypes, formula, gradient_a, gradient_b) \
    DEFINE_BINARY(tg_##name, name, tg_infer_elementwise, LOOPS_##dtypes, name##_rules, #formula)
#define TERNARY(name, dtypes, expression, ...) \
    tg_tensor(tg_##name)(tg_tensor x, tg_tensor low, tg_tensor high) { \
        static const tg_loops loops = LOOPS_##dtypes(name); \
        static const tg_op    op = \
            {#name, 3, tg_infer_elementwise, .loops = &loops, .rules = name##_rules, .formula = "x, low, high: " #expression}; \
        tg_tensor y; \
        if (name##_whole(x, &low, high, &y)) return y; \
        return tg_record(NULL, &op, 3, ((tg_tensor[]){x, low, high}), NULL, 0); \
    }
#define PREDICATE(name, formula) DEFINE_UNARY(tg_##name, name, infer_bool, LOOPS_ANY, NULL, #formula)
#define COMPARISON(name, formula) DEFINE_BINARY(tg_##name, name, infer_bool, LOOPS_ANY, NULL, #formula)
#define INNER_UNARY(name, formula, gradient) \
    static DEFINE_UNARY(name, name, tg_infer_elementwise, LOOPS_FLOAT, name##_rules, #formula)
#define INNER_BINARY(name, formula, gradient_a, gradient_b) \
    static DEFINE_BINARY(name, name, tg_infer_elementwise, LOOPS_FLOAT, name##_rules, #formula)
#include "ops/elementwise_table.h"

bool tgi_is_neg(const tg_op *op) {
    return op->loops && tgi_loop_of(op, TG_F64) == tgi_neg_f64;
}

bool tgi_is_mul(const tg_op *op) {
    return op->loops && tgi_loop_of(op, TG_F64) == tgi_mul_f64;
}

/* ---- where ------------------------------------------------------------------------------------------------------- */

static tg_status infer_where(tg_infer *call) {
    if (call->in[0].dtype != TG_BOOL) return tg_refuse(call, TG_ERR_DTYPE, "the condition must be bool");
    if (tgi_require_equal(call, call->in[1].dtype, call->in[2].dtype) || tgi_require_loop(call, call->in[2].dtype))
        return call->tape->status;
    call->out.dtype = call->in[2].dtype;
    return tg_infer_broadcast(call);
}

static tg_tensor where_rule_a(const tg_rule_call *call) {
    tg_tensor g = tgi_before_broadcast(call->g);
    return stretched(tg_where(call->x[0], g, 0), g, call);
}

static tg_tensor where_rule_b(const tg_rule_call *call) {
    tg_tensor g = tgi_before_broadcast(call->g);
    return stretched(tg_where(call->x[0], 0, g), g, call);
}

static tg_rule *const where_rules[] = {NULL, where_rule_a, where_rule_b};

tg_tensor(tg_where)(tg_tensor condition, tg_tensor a, tg_tensor b) {
    static const tg_loops loops = LOOPS_ANY(where);
    static const tg_op    op =
        {"where", 3, infer_where, .loops = &loops, .rules = where_rules, .formula = "condition, a, b: condition ? a : b"};
    double   number;
    tg_tape *tape = tgi_tape_of(condition);
    if (tgi_is_number(a, &number) && tgi_is_number(b, &number)) {
        tgi_fail(tape, TG_ERR_ARGUMENT, "where",
                 "both values are plain numbers: give one as a tensor, so that its dtype is known");
        return tgi_invalid(tape);
    }
    if (!tgi_is_number(condition, &number)) return tg_record(NULL, &op, 3, ((tg_tensor[]){condition, a, b}), NULL, 0);
    tape = tgi_tape_of(a) ? tgi_tape_of(a) : tgi_tape_of(b);
    if (tgi_check(tape)) return tgi_invalid(tape);
    tg_scope scope = tg_begin_scope(tape, "where");
    if (tgi_new_number(tape, "where", number, TG_BOOL)) condition = tgi_tensor(tape, tape->count - 1);
    return tg_end_scope_with(scope, tg_record(tape, &op, 3, ((tg_tensor[]){condition, a, b}), NULL, 0));
}

/* ---- cast: an op for each dtype that is cast to ------------------------------------------------------------------ */

static tg_tensor cast_rule(const tg_rule_call *call) {
    tg_tensor g = tgi_before_broadcast(call->g);
    return stretched(tg_cast(g, tg_dtype_of(call->x[0])), g, call);
}

static tg_rule *const cast_rules[] = {cast_rule};

/* The arguments after TO are the formula in C, and the loops, by the dtype that is cast from. */
#define DEFINE_CAST(to, TO, text, ...) \
    static tg_status infer_cast_to_##to(tg_infer *call) { \
        call->out = call->in[0]; \
        call->out.dtype = TO; \
        return tgi_require_loop(call, call->in[0].dtype); \
    } \
    static const tg_loops to_##to##_loops = TG_LOOPS(__VA_ARGS__); \
    static const tg_op    cast_to_##to = {"cast", \
                                          1, \
                                          infer_cast_to_##to, \
                                          .loops = &to_##to##_loops, \
                                          .rules = cast_rules, \
                                          .linearity = TG_LINEAR_TOGETHER, \
                                          .formula = "x: " text};
#define FROM_ANY(to) \
    [TG_F32] = tgi_f32_to_##to, [TG_F64] = tgi_f64_to_##to, [TG_I64] = tgi_i64_to_##to, [TG_BOOL] = tgi_b8_to_##to
DEFINE_CAST(f32, TG_F32, "(float)x", FROM_ANY(f32))
DEFINE_CAST(f64, TG_F64, "(double)x", FROM_ANY(f64))
DEFINE_CAST(i64, TG_I64, "TO_I64(x)", FROM_ANY(i64))
DEFINE_CAST(b8, TG_BOOL, "x != 0", FROM_ANY(b8))

tg_tensor(tg_cast)(tg_tensor x, tg_dtype dtype) {
    static const tg_op *const casts[TG_DTYPES] =
        {[TG_F32] = &cast_to_f32, [TG_F64] = &cast_to_f64, [TG_I64] = &cast_to_i64, [TG_BOOL] = &cast_to_b8};
    tg_tape *tape = tgi_tape_of(x);
    if (tgi_check(tape)) return tgi_invalid(tape);
    if (!tg_dtype_size(dtype)) {
        tgi_fail(tape, TG_ERR_DTYPE, "cast", "%d is no dtype", (int)dtype);
        return tgi_invalid(tape);
    }
    if (tg_valid(x) && tgi_node_at(tape, tgi_index(x))->dtype == dtype) {
        tgi_done(tape, TG_OK);
        return x;
    }
    return tg_record(NULL, casts[dtype], 1, &x, NULL, 0);
}
