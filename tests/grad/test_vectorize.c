/* tests/grad/test_vectorize.c: a function that tg_map does for all parts at once gives what it gives for each.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "grad/loop_op.h"
#include "grad/sparse_checks.h"
#include "ops/ops.h"
#include "ops/trial.h"
#include "support.h"

enum { SIZE = 3 };

/* Equal to 1e-12 of the largest element; not finite in the same places, and the same there. */
static bool agree(tg_tensor a, tg_tensor b) {
    static double x[MOST_ELEMENTS * SIZE], y[MOST_ELEMENTS * SIZE];
    int64_t       n = tg_size(a);
    double        most = 1;
    if (!tg_shape_equal(tg_shape_of(a), tg_shape_of(b)) || n > MOST_ELEMENTS * SIZE) return false;
    tg_read(tg_cast(a, TG_F64), x, n);
    tg_read(tg_cast(b, TG_F64), y, n);
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i])) most = fmax(most, fabs(x[i]));
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i]) ? !(fabs(x[i] - y[i]) <= 1e-12 * most) : isnan(x[i]) ? !isnan(y[i]) : x[i] != y[i]) return false;
    return true;
}

static bool has_loop(const tg_tape *tape) {
    for (uint32_t i = 0; i < tape->count; i++)
        if (tgi_node_at(tape, i)->op == &tgi_loop_op) return true;
    return false;
}

/* ---- each function ----------------------------------------------------------------------------------------------- */

/* A function of a row of the op table, some of whose operands are another one in each part. */
typedef struct mapped {
    const op_row  *row;
    const op_case *with;
    const trial   *t;
    int            operand[MOST_OPERANDS], count;
} mapped;

static tg_tensor apply(const mapped *m, const tg_tensor *part) {
    tg_tensor x[MOST_OPERANDS];
    memcpy(x, m->t->x, sizeof x);
    for (int k = 0; k < m->count; k++)
        x[m->operand[k]] = part[k];
    return m->row->record(x, &m->with->with);
}

static void body(tg_tape *tape, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape;
    y[0] = apply(context, x);
}

/* Like x; other indices are the same ones in another order. */
static tg_tensor variant(tg_tensor x, int part) {
    tg_dtype dtype = tg_dtype_of(x);
    if (dtype == TG_F64) return tg_mul(x, 1 - 0.0625 * part);
    return part == 1 && tg_shape_of(x).rank ? tg_flip(x, TG_AXES(-1)) : x;
}

static void check_gradients(const mapped *m, tg_tensor all, const tg_tensor *ones, const tg_tensor *stacked) {
    tg_tensor leaves[MOST_OPERANDS], first[MOST_OPERANDS], second[MOST_OPERANDS], parts[SIZE];
    int       n = 0;
    for (int k = 0; k < m->count; k++)
        if (tg_dtype_of(stacked[k]) == TG_F64) leaves[n++] = stacked[k];
    if (!n || tg_dtype_of(all) != TG_F64) return;
    for (int p = 0; p < SIZE; p++)
        parts[p] = tg_sum(tg_square(ones[p]));
    tg_tensor loss = tg_sum(tg_square(all)), separate = tg_sum(tg_stack(tg_list_from(SIZE, parts), 0));
    ck_assert_msg(!tg_vjp(all.tape, 1, &loss, NULL, n, leaves, first), "%s: %s", m->t->what, tg_error(all.tape));
    ck_assert_msg(!tg_vjp(all.tape, 1, &separate, NULL, n, leaves, second), "%s: %s", m->t->what, tg_error(all.tape));
    for (int k = 0; k < n; k++)
        ck_assert_msg(agree(second[k], first[k]), "%s: other gradients of the operand %d that varies", m->t->what, k);
}

/* Operands whose bits are set are others in each part. Returns whether it was done for all at once. */
static bool check_mapped(const op_row *row, int which, unsigned varying) {
    trial     t = place(row, which, TG_F64, PLAIN);
    mapped    m = {.row = row, .with = &row->cases[which], .t = &t};
    tg_tensor stacked[MOST_OPERANDS], all = tg_num(0), ones[SIZE];
    for (int j = 0; j < MOST_OPERANDS; j++)
        if (varying >> j & 1) m.operand[m.count++] = j;
    for (int k = 0; k < m.count; k++) {
        tg_tensor parts[SIZE];
        for (int p = 0; p < SIZE; p++)
            parts[p] = variant(t.x[m.operand[k]], p);
        stacked[k] = tg_stack(tg_list_from(SIZE, parts), 0);
    }
    bool rejected = tg_map(t.tape, body, &m, 0, m.count, stacked, 1, &all), at_once = !rejected && !has_loop(t.tape);
    tg_clear_error(t.tape);
    for (int p = 0; p < SIZE && !rejected; p++) {
        tg_tensor part[MOST_OPERANDS];
        for (int k = 0; k < m.count; k++)
            part[k] = tg_select(stacked[k], 0, p);
        ones[p] = apply(&m, part);
    }
    bool runs = !rejected && !tg_run(t.tape); /* some indices are none in another order */
    tg_clear_error(t.tape);
    if (runs) {
        for (int p = 0; p < SIZE; p++)
            ck_assert_msg(agree(ones[p], tg_select(all, 0, p)), "%s: part %d of %s is another", t.what, p,
                          at_once ? "all at once" : "the loop");
        check_gradients(&m, all, ones, stacked);
        ck_assert_msg(!tg_error_status(t.tape), "%s: %s", t.what, tg_error(t.tape));
    }
    tg_tape_free(t.tape);
    return at_once;
}

/* Their ops have no rule for batches; or some case has no room for an axis more, draws numbers, or assigns. */
static bool may_be_a_loop(const op_row *row) {
    static const char *const names[] = {"qr",           "svd",          "dropout",       "alpha_", "masked_select",
                                        "searchsorted", "batch_norm",   "instance_norm", "einsum", "reshape",
                                        "tensordot",    "broadcast_to", "eigh",          "nonzero"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strncmp(row->name, names[i], strlen(names[i]))) return true;
    return false;
}

START_TEST(each_function_can_be_mapped) {
    const op_row *row = row_at(_i);
    for (int i = 0; i < row->case_count && row->takes >> TG_F64 & 1; i++) {
        const op_case *c = &row->cases[i];
        int            n = row->arity;
        bool           fits = is_small(c);
        for (int j = 0; j < n; j++)
            fits &= c->shape[j].rank < TG_MAX_RANK - 1;
        for (unsigned varying = 1; fits && varying < 1u << n; varying++) {
            bool at_once = check_mapped(row, i, varying);
            ck_assert_msg(at_once || may_be_a_loop(row), "%s, case %d: it is a loop", row->name, i);
        }
    }
}
END_TEST

/* ---- some at a time ---------------------------------------------------------------------------------------------- */

static void product(tg_tape *tape, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape;
    y[0] = tg_tanh(tg_matmul(*(tg_tensor *)context, x[0]));
    y[1] = tg_sum(tg_mul(x[1], y[0]));
    y[2] = tg_full(tape, TG_F64, tg_shape_of(x[1]), 3);
}

/* So much that not all is done at once, with some left over: the loop is there, and the values are those of one product. */
START_TEST(much_is_done_some_at_a_time) {
    enum { PARTS = 11901, N = 100 };
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_randn(tape, TG_F64, TG_SHAPE(N, N)), y[3], g[2];
    tg_tensor x[2] = {tg_parameter(tape, "a", tg_randn(tape, TG_F64, TG_SHAPE(PARTS, N))),
                      tg_parameter(tape, "b", tg_randn(tape, TG_F64, TG_SHAPE(PARTS, N)))};
    ck_assert(!tg_map(tape, product, &w, 0, 2, x, 3, y) && has_loop(tape));
    tg_tensor all = tg_tanh(tg_matmul(x[0], tg_transpose(w, 0, 1)));
    tg_tensor sums = tg_sum_axes(tg_mul(x[1], all), TG_AXES(1), false), difference = tg_sub(y[0], all);
    ck_assert_double_lt(tg_item(tg_max(tg_abs(difference))), 1e-12);
    ck_assert_double_lt(tg_item(tg_max(tg_abs(tg_sub(y[1], sums)))), 1e-11);
    ck_assert(tg_item(tg_min(y[2])) == 3 && tg_shape_equal(tg_shape_of(y[2]), TG_SHAPE(PARTS, N)));
    tg_tensor losses[2] = {tg_sum(y[1]), tg_sum(sums)};
    for (int k = 0; k < 2; k++)
        ck_assert(!tg_vjp(tape, 1, &losses[k], NULL, 1, x, &g[k]));
    ck_assert_double_lt(tg_item(tg_max(tg_abs(tg_sub(g[0], g[1])))), 1e-11);
    finish(tape);
}
END_TEST

/* What is the same in all steps, and the factor of all in a contraction, are not computed again for each piece. */
static void with_constants(tg_tape *tape, const tg_tensor *x, tg_tensor *y, void *context) {
    const tg_tensor *c = context;
    tg_tensor        weights = tg_exp(c[1]);
    (void)tape;
    y[0] = tg_sum_axes(tg_mul(tg_matmul(x[0], c[0]), weights), TG_AXES(0), false);
    y[1] = weights;
}

START_TEST(what_is_the_same_is_done_before_the_loop) {
    enum { PARTS = 50, STACK = 4, INNER = 3, N = 40000 };
    tg_tape  *tape = tg_tape_new();
    tg_tensor c[2] = {tg_randn(tape, TG_F64, TG_SHAPE(INNER, N)), tg_randn(tape, TG_F64, TG_SHAPE(STACK, 1, N))}, y[2];
    tg_tensor x = tg_randn(tape, TG_F64, TG_SHAPE(PARTS, STACK, 3, INNER));
    ck_assert(!tg_map(tape, with_constants, c, 0, 1, &x, 2, y) && has_loop(tape));
    int exponentials = 0, products = 0;
    for (uint32_t i = 0; i < tape->count; i++) {
        bool in_body = tgi_node_at(tape, i)->part != tape->part;
        exponentials += in_body && !strcmp(tgi_node_at(tape, i)->op->name, "exp");
        products += in_body && tgi_is_mul(tgi_node_at(tape, i)->op);
    }
    ck_assert_msg(exponentials == 1 && products == 1, "%d and %d in bodies", exponentials, products); /* as recorded first */
    for (int k = 0; k < PARTS; k += 7) {
        tg_tensor part = tg_select(x, 0, k), one[2];
        with_constants(tape, &part, one, c);
        for (int i = 0; i < 2; i++) {
            tg_tensor difference = tg_sub(one[i], tg_select(y[i], 0, k));
            ck_assert_double_lt(tg_item(tg_max(tg_abs(difference))), 1e-11);
        }
    }
    finish(tape);
}
END_TEST

/* A map in the body of a loop, and of a map. */
static void inner(tg_tape *tape, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape;
    y[0] = tg_mul(tg_sin(x[0]), *(tg_tensor *)context);
}

static void step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)x, (void)y, (void)context;
    tg_tensor sum = tg_sum(state[0]);
    tg_map(tape, inner, &sum, 0, 1, state, 1, state);
}

static void outer(tg_tape *tape, const tg_tensor *x, tg_tensor *y, void *context) {
    tg_tensor weight[2] = {tg_mul(x[1], *(tg_tensor *)context), x[1]};
    tg_map(tape, inner, weight, 0, 1, x, 1, y);
}

START_TEST(a_map_stands_in_a_loop_and_in_a_map) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_parameter(tape, "a", VECTOR(tape, 0.5, -1, 2)), state = a, expected = a, y, w = VECTOR(tape, 3);
    ck_assert(!tg_scan(tape, &(tg_loop_spec){.body = step, .steps = 4, .states = 1, .state = &state}));
    for (int t = 0; t < 4; t++)
        expected = tg_mul(tg_sin(expected), tg_sum(expected));
    tg_tensor losses[2] = {tg_sum(tg_square(state)), tg_sum(tg_square(expected))}, g[2];
    for (int k = 0; k < 2; k++)
        ck_assert(!tg_vjp(tape, 1, &losses[k], NULL, 1, &a, &g[k]));
    ck_assert(agree(expected, state) && agree(g[1], g[0]));
    tg_tensor m = tg_reshape(tg_arange(tape, TG_F64, 0, 6, 1), TG_SHAPE(2, 3)), x[2] = {m, VECTOR(tape, 5, 7)};
    uint32_t  before = tape->count;
    w = tg_reshape(w, TG_SHAPE());
    ck_assert(!tg_map(tape, outer, &w, 0, 2, x, 1, &y) && tape->count > before);
    ck_assert(agree(tg_mul(tg_sin(m), tg_constant(tape, TG_F64, TG_SHAPE(2, 1), ((double[]){15, 21}))), y));
    finish(tape);
}
END_TEST

/* ---- an op of the user's ----------------------------------------------------------------------------------------- */

static tg_status same_shape(tg_infer *call) {
    call->out = call->in[0];
    return TG_OK;
}

/* Each row from the other end: batches are as rows. */
static tg_status reverse_rows(tg_kernel_call *call) {
    const double *x = tg_contiguous(call, 0);
    double       *y = call->out.data;
    int64_t       n = call->out.dims[call->out.rank - 1];
    for (int64_t i = 0; x && i < call->out.size; i++)
        y[i] = x[i / n * n + n - 1 - i % n];
    return x ? TG_OK : TG_ERR_MEMORY;
}

static void reverse(tg_tape *tape, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape;
    y[0] = tg_record(NULL, context, 1, x, NULL, 0);
}

START_TEST(an_own_op_may_have_the_rule) {
    tg_op     op = {.name = "reverse",
                    .arity = 1,
                    .infer = same_shape,
                    .kernel = reverse_rows,
                    .batch = _i ? tg_batch_stack : NULL};
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2, 3), ((double[]){1, 2, 3, 4, 5, 6})), y;
    ck_assert(!tg_map(tape, reverse, &op, 0, 1, &x, 1, &y));
    CHECK_F64(y, 3, 2, 1, 6, 5, 4);
    ck_assert(has_loop(tape) == !_i);
    finish(tape);
}
END_TEST

Suite *suite_vectorize(void) {
    Suite *suite = suite_create("grad/vectorize");
    TCase *tcase = tcase_create("functions");
    tcase_set_timeout(tcase, 60);
    int rows = 0;
    while (row_at(rows))
        rows++;
    tcase_add_loop_test(tcase, each_function_can_be_mapped, 0, rows);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("loops");
    tcase_add_test(tcase, much_is_done_some_at_a_time);
    tcase_add_test(tcase, what_is_the_same_is_done_before_the_loop);
    tcase_add_test(tcase, a_map_stands_in_a_loop_and_in_a_map);
    tcase_add_loop_test(tcase, an_own_op_may_have_the_rule, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
