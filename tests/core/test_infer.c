/* tests/core/test_infer.c: how shape rules reject dtypes, in the same words for every op.
 *
 * SPDX-License-Identifier: MIT */
#include "core/tape.h"
#include "support.h"

/* A shape rule's view of two operands. */
typedef struct given {
    tg_tape *tape;
    tg_type  types[2];
    tg_infer call;
} given;

static const tg_op op = {.name = "op"};

#define REJECTS(call, text) ((void)(call), check_error_text(__FILE__, __LINE__, tape, TG_ERR_DTYPE, text))

static void give(given *g, tg_dtype a, tg_dtype b) {
    static const int64_t dims[] = {2};
    g->tape = tg_tape_new();
    g->types[0] = (tg_type){a, 1, dims};
    g->types[1] = (tg_type){b, 1, dims};
    g->call = (tg_infer){.tape = g->tape, .op = &op, .count = 2, .in = g->types};
}

START_TEST(operands_have_one_dtype) {
    given g;
    give(&g, TG_F64, TG_F64);
    ck_assert_int_eq(tgi_require_one_dtype(&g.call), TG_OK);
    ck_assert_int_eq(tgi_require_equal(&g.call, TG_I64, TG_I64), TG_OK);
    g.types[1].dtype = TG_F32;
    ck_assert_int_eq(tgi_require_one_dtype(&g.call), TG_ERR_DTYPE);
    CHECK_ERROR_TEXT(g.tape, TG_ERR_DTYPE, "op: float64 (2) x float32 (2): dtypes differ: convert one with tg_cast");
    tg_tape_free(g.tape);
}
END_TEST

START_TEST(a_set_admits_its_dtypes_and_no_other) {
    given g;
    give(&g, TG_I64, TG_I64);
    ck_assert_int_eq(tgi_require_dtype(&g.call, TG_I64, TGI_NUMBERS), TG_OK);
    ck_assert_int_eq(tgi_require_dtype(&g.call, TG_I64, TGI_FLOATS), TG_ERR_DTYPE);
    CHECK_ERROR_TEXT(g.tape, TG_ERR_DTYPE, "op: int64 (2) x int64 (2): it takes no int64: convert with tg_cast");
    tg_tape_free(g.tape);
}
END_TEST

START_TEST(an_op_without_loops_takes_no_dtype) {
    given g;
    give(&g, TG_BOOL, TG_BOOL);
    ck_assert_int_eq(tgi_require_loop(&g.call, TG_BOOL), TG_ERR_DTYPE);
    CHECK_ERROR_TEXT(g.tape, TG_ERR_DTYPE, "op: bool (2) x bool (2): it takes no bool: convert with tg_cast");
    tg_tape_free(g.tape);
}
END_TEST

static void do_nothing(int64_t n, void *out, const void *const *in, const int64_t *step) {
    (void)n, (void)out, (void)in, (void)step;
}

/* A table compiled when there were two dtypes; entries past its count are ignored. */
START_TEST(a_table_of_loops_ends_at_its_count) {
    static const tg_loops full = TG_LOOPS([TG_F64] = do_nothing, [TG_I64] = do_nothing),
                          two = {2, {[TG_F64] = do_nothing, [TG_I64] = do_nothing}};
    static const tg_op now = {.name = "now", .loops = &full}, then = {.name = "then", .loops = &two};
    ck_assert_int_eq(full.count, TG_DTYPES);
    ck_assert(tgi_loop_of(&now, TG_F64) == do_nothing && tgi_loop_of(&now, TG_I64) == do_nothing && !tgi_loop_of(&now, TG_F32));
    ck_assert(tgi_loop_of(&then, TG_F64) == do_nothing && !tgi_loop_of(&then, TG_I64));
    ck_assert(!tgi_loop_of(&op, TG_F64));
}
END_TEST

START_TEST(a_function_rejects_its_operand_in_its_own_name) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_constant(tape, TG_BOOL, TG_SHAPE(1), (bool[]){true});
    ck_assert_int_eq(tgi_require_operand(x, "f", TGI_ANY), TG_OK);
    REJECTS(tgi_require_operand(x, "f", TGI_NUMBERS), "f: bool (1): it takes no bool: convert with tg_cast");
    tg_tape_free(tape);
}
END_TEST

/* Ops of every kind: elementwise, with a kernel, composed. */
START_TEST(every_kind_of_op_says_it_alike) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor b = tg_constant(tape, TG_BOOL, TG_SHAPE(2), (bool[]){true, false});
    tg_tensor n = tg_constant(tape, TG_I64, TG_SHAPE(2), (int64_t[]){1, 2}), x = tg_full(tape, TG_F64, TG_SHAPE(2), 1);
    REJECTS(tg_neg(b), "neg: bool (2): it takes no bool: convert with tg_cast");
    REJECTS(tg_sum(b), "sum: bool (2): it takes no bool: convert with tg_cast");
    REJECTS(tg_cumsum(b, 0), "cumsum: bool (2): it takes no bool: convert with tg_cast");
    REJECTS(tg_cumprod(b, 0), "cumprod: bool (2): it takes no bool: convert with tg_cast");
    REJECTS(tg_max(b), "max: bool (2): it takes no bool: convert with tg_cast");
    REJECTS(tg_mean(n), "mean: int64 (2): it takes no int64: convert with tg_cast");
    REJECTS(tg_matmul(n, n), "matmul: int64 (2) x int64 (2): it takes no int64: convert with tg_cast");
    REJECTS(tg_polygamma(1, n), "polygamma: int64 (2): it takes no int64: convert with tg_cast");
    REJECTS(tg_det(n), "det: int64 (2): it takes no int64: convert with tg_cast");
    REJECTS(tg_matmul(x, n), "matmul: float64 (2) x int64 (2): dtypes differ: convert one with tg_cast");
    REJECTS(tg_dot(x, n), "dot: float64 (2) x int64 (2): dtypes differ: convert one with tg_cast");
    REJECTS(tg_concat(TG_LIST(x, n), 0), "concat: float64 (2) x int64 (2): dtypes differ: convert one with");
    REJECTS(tg_stack(TG_LIST(x, n), 0), "stack: float64 (2) x int64 (2): dtypes differ: convert one with");
    REJECTS(tg_where(b, x, n), "where: bool (2) x float64 (2) x int64 (2): dtypes differ: convert one with tg_cast");
    tg_tape_free(tape);
}
END_TEST

Suite *suite_infer(void) {
    Suite *suite = suite_create("core/infer");
    TCase *tcase = tcase_create("infer");
    tcase_add_test(tcase, operands_have_one_dtype);
    tcase_add_test(tcase, a_set_admits_its_dtypes_and_no_other);
    tcase_add_test(tcase, an_op_without_loops_takes_no_dtype);
    tcase_add_test(tcase, a_table_of_loops_ends_at_its_count);
    tcase_add_test(tcase, a_function_rejects_its_operand_in_its_own_name);
    tcase_add_test(tcase, every_kind_of_op_says_it_alike);
    suite_add_tcase(suite, tcase);
    return suite;
}
