/* ops/elementwise.c: the elementwise ops as the tape knows them: gradient rules, shape rules, recording functions.
 *
 * All but where and cast come from the table, row by row.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/elementwise_loops.h"
#include "ops/ops.h"

/* ---- what the rows' gradients call ------------------------------------------------------------------------------- */

static bool is_nonzero_constant(tg_tensor x) {
    const tgi_node *node = tgi_node_at(x.tape, tgi_index(x));
    if (node->op != &tgi_number) return false;
    return node->dtype == TG_F32 ? *(const float *)node->data != 0 : *(const double *)node->data != 0;
}

/* a, but 1 where a is 0 and `guard` is true: there a factor of 0 makes the limit 0, and infinity must not come in. */
static tg_tensor nonzero_where(tg_tensor guard, tg_tensor a) {
    return tg_where(tg_eq(a, 0), tg_where(guard, 1, a), a);
}

/* b a^(b - 1) */
static tg_tensor pow_slope(tg_tensor a, tg_tensor b) {
    tg_tensor base = is_nonzero_constant(b) ? a : nonzero_where(tg_eq(b, 0), a);
    return tg_mul(b, tg_pow(base, tg_sub(b, 1)));
}

/* log a, and 0 where a^b is 0 around a = 0 */
static tg_tensor pow_log(tg_tensor a, tg_tensor b) {
    return tg_log(nonzero_where(tg_ge(b, 0), a));
}

/* g for the operand that was taken, half of it for each where they tie; both get it where one is NaN */
static tg_tensor share(tg_tensor g, tg_tensor left, tg_tensor tie) {
    return tg_where(left, 0, tg_where(tie, tg_mul(0.5, g), g));
}

/* ---- gradient rules ---------------------------------------------------------------------------------------------- */

#define RULE(rule, gradient, ...) \
    static tg_tensor rule(const tg_rule_call *call) { \
        tg_tensor g = call->g, y = call->y, __VA_ARGS__; \
        (void)g, (void)y; \
        return gradient; \
    }
#define UNARY(name, dtypes, formula, gradient) \
    RULE(name##_rule, ((void)x, gradient), x = call->x[0]) \
    static tg_rule *const name##_rules[] = {name##_rule};
#define BINARY(name, dtypes, formula, gradient_a, gradient_b) \
    RULE(name##_rule_a, ((void)a, (void)b, gradient_a), a = call->x[0], b = call->x[1]) \
    RULE(name##_rule_b, ((void)a, (void)b, gradient_b), a = call->x[0], b = call->x[1]) \
    static tg_rule *const name##_rules[] = {name##_rule_a, name##_rule_b};
#define COMPARISON(name, formula)
#include "ops/elementwise_table.h"
#undef UNARY
#undef BINARY
#undef COMPARISON

/* ---- ops and recording functions --------------------------------------------------------------------------------- */

static tg_status infer_comparison(tg_infer *call) {
    tg_status status = tg_infer_elementwise(call);
    call->out.dtype = TG_BOOL;
    return status;
}

#define LOOPS_FLOAT(name) {[TG_F32] = tgi_##name##_f32, [TG_F64] = tgi_##name##_f64}
#define LOOPS_NUMBER(name) {[TG_F32] = tgi_##name##_f32, [TG_F64] = tgi_##name##_f64, [TG_I64] = tgi_##name##_i64}
#define LOOPS_ANY(name) \
    {[TG_F32] = tgi_##name##_f32, [TG_F64] = tgi_##name##_f64, [TG_I64] = tgi_##name##_i64, [TG_BOOL] = tgi_##name##_b8}

#define UNARY(name, dtypes, formula, gradient) \
    tg_tensor(tg_##name)(tg_tensor x) { \
        static const tg_op op = {#name, 1, tg_infer_elementwise, .loop = LOOPS_##dtypes(name), .rules = name##_rules}; \
        return tg_record(NULL, &op, 1, &x, NULL, 0); \
    }
#define DEFINE_BINARY(name, shape_rule, loops, op_rules) \
    tg_tensor(tg_##name)(tg_tensor a, tg_tensor b) { \
        static const tg_op op = {#name, 2, shape_rule, .loop = loops(name), .rules = op_rules}; \
        return tg_record(NULL, &op, 2, ((tg_tensor[]){a, b}), NULL, 0); \
    }
#define BINARY(name, dtypes, formula, gradient_a, gradient_b) \
    DEFINE_BINARY(name, tg_infer_elementwise, LOOPS_##dtypes, name##_rules)
#define COMPARISON(name, formula) DEFINE_BINARY(name, infer_comparison, LOOPS_ANY, NULL)
#include "ops/elementwise_table.h"

/* ---- where ------------------------------------------------------------------------------------------------------- */

static tg_status infer_where(tg_infer *call) {
    if (call->in[0].dtype != TG_BOOL) return tg_refuse(call, TG_ERR_DTYPE, "the condition must be bool");
    if (call->in[1].dtype != call->in[2].dtype)
        return tg_refuse(call, TG_ERR_DTYPE, "dtypes differ: convert one with tg_cast");
    call->out.dtype = call->in[1].dtype;
    return tg_infer_broadcast(call);
}

static tg_tensor where_rule_a(const tg_rule_call *call) {
    return tg_where(call->x[0], call->g, 0);
}

static tg_tensor where_rule_b(const tg_rule_call *call) {
    return tg_where(call->x[0], 0, call->g);
}

static tg_rule *const where_rules[] = {NULL, where_rule_a, where_rule_b};

tg_tensor(tg_where)(tg_tensor condition, tg_tensor a, tg_tensor b) {
    static const tg_op op = {"where", 3, infer_where, .loop = LOOPS_ANY(where), .rules = where_rules};
    double             number;
    tg_tape           *tape = tgi_tape_of(condition);
    if (tgi_is_number(a, &number) && tgi_is_number(b, &number)) {
        tgi_fail(tape, TG_ERR_ARGUMENT, "where", "both values are plain numbers: give one as a tensor, so that its dtype is known");
        return tgi_invalid(tape);
    }
    if (!tgi_is_number(condition, &number)) return tg_record(NULL, &op, 3, ((tg_tensor[]){condition, a, b}), NULL, 0);
    tape = tgi_tape_of(a) ? tgi_tape_of(a) : tgi_tape_of(b);
    if (tgi_check(tape)) return tgi_invalid(tape);
    tgi_call call = tgi_begin(tape);
    if (tgi_new_number(tape, "where", number, TG_BOOL)) condition = tgi_tensor(tape, tape->count - 1);
    return tgi_end_with(tape, call, tg_record(tape, &op, 3, ((tg_tensor[]){condition, a, b}), NULL, 0));
}

/* ---- cast: an op for each dtype that is cast to ------------------------------------------------------------------ */

static tg_tensor cast_rule(const tg_rule_call *call) {
    return tg_cast(call->g, tg_dtype_of(call->x[0]));
}

static tg_rule *const cast_rules[] = {cast_rule};

#define DEFINE_CAST_OP(to, TO) \
    static tg_status infer_cast_to_##to(tg_infer *call) { \
        call->out = call->in[0]; \
        call->out.dtype = TO; \
        return TG_OK; \
    }
DEFINE_CAST_OP(f32, TG_F32)
DEFINE_CAST_OP(f64, TG_F64)
DEFINE_CAST_OP(i64, TG_I64)
DEFINE_CAST_OP(b8, TG_BOOL)

#define LOOPS_CAST(to) \
    {[TG_F32] = tgi_f32_to_##to, [TG_F64] = tgi_f64_to_##to, [TG_I64] = tgi_i64_to_##to, [TG_BOOL] = tgi_b8_to_##to}
#define CAST_OP(to) {"cast", 1, infer_cast_to_##to, .loop = LOOPS_CAST(to), .rules = cast_rules}

tg_tensor(tg_cast)(tg_tensor x, tg_dtype dtype) {
    static const tg_op ops[TG_DTYPES] = {
        [TG_F32] = CAST_OP(f32), [TG_F64] = CAST_OP(f64), [TG_I64] = CAST_OP(i64), [TG_BOOL] = CAST_OP(b8)};
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
    return tg_record(NULL, &ops[dtype], 1, &x, NULL, 0);
}
