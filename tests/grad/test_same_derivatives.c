/* tests/grad/test_same_derivatives.c: loops, several seeds at once and sparse matrices give the derivatives that the plain way gives: of
 * each function of the library, and of random formulas.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "grad/loops.h"
#include "grad/sparse_checks.h"
#include "ops/trial.h"
#include "support.h"

/* The largest difference of two tensors of float64, relative to the largest element, or to 1. */
static double apart(tg_tensor a, tg_tensor b) {
    ck_assert(tg_shape_equal(tg_shape_of(a), tg_shape_of(b)));
    if (!tg_size(a)) return 0;
    double off = tg_item(tg_max(tg_abs(tg_sub(a, b)))), size = tg_item(tg_max(tg_abs(a)));
    return off / fmax(1, size);
}

static tg_tensor random_like(tg_tensor x, int64_t count) {
    tg_shape shape = tg_shape_of(x), all = {.rank = shape.rank + 1, .dims = {count}};
    for (int i = 0; i < shape.rank; i++)
        all.dims[i + 1] = shape.dims[i];
    return tg_uniform(x.tape, TG_F64, all, -1, 1);
}

/* ---- what is compared -------------------------------------------------------------------------------------------- */

/* The gradient of the sum of the squares of y, and the gradient of a sum of that one: second order. Zeros where there is none. */
typedef struct slopes {
    tg_tensor first[MOST_OPERANDS], second[MOST_OPERANDS];
} slopes;

static slopes slopes_of(tg_tensor y, int n, const tg_tensor *leaves) {
    slopes    s;
    tg_tensor loss = tg_sum(tg_square(y)), sum = TG_NONE;
    tg_vjp(y.tape, 1, &loss, NULL, n, leaves, s.first);
    for (int i = 0; i < n; i++) {
        tg_tensor term = tg_sum(tg_sin(s.first[i]));
        sum = i ? tg_add(sum, term) : term;
    }
    tg_vjp(y.tape, 1, &sum, NULL, n, leaves, s.second);
    return s;
}

static void check_slopes(const char *what, const slopes *a, const slopes *b, int n) {
    for (int i = 0; i < n; i++) {
        double first = apart(a->first[i], b->first[i]), second = apart(a->second[i], b->second[i]);
        ck_assert_msg(first < 1e-12 && second < 1e-10, "%s, operand %d: off by %g, and in second order by %g", what, i, first,
                      second);
    }
}

static void check_batches(const char *what, tg_tensor y, int n, const tg_tensor *leaves) {
    enum { SEEDS = 2 };
    tg_tape  *tape = y.tape;
    tg_tensor seeds = random_like(y, SEEDS), tangents[MOST_OPERANDS], all[MOST_OPERANDS], one[MOST_OPERANDS], moved, moves;
    for (int j = 0; j < n; j++)
        tangents[j] = random_like(leaves[j], SEEDS);
    ck_assert_msg(!tg_vjp_batch(tape, SEEDS, 1, &y, &seeds, n, leaves, all), "%s: %s", what, tg_error(tape));
    ck_assert_msg(!tg_jvp_batch(tape, SEEDS, n, leaves, tangents, 1, &y, &moved), "%s: %s", what, tg_error(tape));
    for (int s = 0; s < SEEDS; s++) {
        tg_tensor seed = tg_take(seeds, s, 0), tangent[MOST_OPERANDS];
        ck_assert(!tg_vjp(tape, 1, &y, &seed, n, leaves, one));
        for (int j = 0; j < n; j++) {
            double off = apart(one[j], tg_take(all[j], s, 0));
            ck_assert_msg(off < 1e-13, "%s, operand %d, seed %d: off by %g", what, j, s, off);
            tangent[j] = tg_take(tangents[j], s, 0);
        }
        ck_assert(!tg_jvp(tape, n, leaves, tangent, 1, &y, &moves));
        double off = apart(moves, tg_take(moved, s, 0));
        ck_assert_msg(off < 1e-13, "%s, tangent %d: off by %g", what, s, off);
    }
}

/* ---- each function ----------------------------------------------------------------------------------------------- */

typedef struct repeated {
    const op_row  *row;
    const op_case *with;
    const trial   *t;
} repeated;

/* The function in a step: its operands come from outside, and the result is weighted by a state that depends on it. */
static void apply(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const repeated *r = context;
    (void)tape, (void)x;
    tg_tensor result = r->row->record(r->t->x, &r->with->with);
    if (tg_valid(result))
        result = tg_cast(tg_reshape(result, TG_SHAPE(tg_size(result))), TG_F64); /* room for the axis of the steps */
    y[0] = tg_mul(result, state[0]);
    state[0] = tg_add(tg_mul(0.5, state[0]), tg_mul(0.1, tg_tanh(tg_mean(result))));
}

static void check_row(const op_row *row, int which) {
    trial     t = place(row, which, TG_F64, PLAIN);
    repeated  r = {row, &row->cases[which], &t};
    tg_tensor leaves[MOST_OPERANDS], y[2];
    slopes    s[2];
    int       n = floating_leaves(row, &t, leaves);
    bool      draws = false;
    for (int k = 0; k < 2 && !draws; k++) {
        tg_tensor    state = tg_full(t.tape, TG_F64, TG_SHAPE(), 1);
        tg_loop_spec spec = loop(apply, &r, 3, 1, &state);
        spec.outputs = 1, spec.y = &y[k];
        draws = (k ? unrolled(t.tape, &spec) : tg_scan(t.tape, &spec)) == TG_ERR_ARGUMENT; /* or assigns: not in a loop */
        if (draws) break;
        ck_assert_msg(!tg_error_status(t.tape), "%s: %s", row->called, tg_error(t.tape));
        if (n) s[k] = slopes_of(y[k], n, leaves);
    }
    if (!draws) {
        tg_tensor same = tg_all(tg_logical_or(tg_eq(y[0], y[1]), tg_logical_and(tg_ne(y[0], y[0]), tg_ne(y[1], y[1]))));
        ck_assert_msg(tg_item(same) == 1, "%s: other values in a loop: %s", row->called, tg_error(t.tape));
        if (n) check_slopes(row->called, &s[0], &s[1], n);
    }
    tg_clear_error(t.tape);
    tg_tape_free(t.tape);
}

START_TEST(each_function_has_its_derivatives_in_a_loop) {
    const op_row *row = row_at(_i);
    for (int i = 0; i < row->case_count && row->takes >> TG_F64 & 1; i++)
        if (is_small(&row->cases[i])) check_row(row, i);
}
END_TEST

START_TEST(each_function_has_its_derivatives_for_several_seeds) {
    const op_row *row = row_at(_i);
    for (int i = 0; i < row->case_count && row->takes >> TG_F64 & 1; i++) {
        if (!is_small(&row->cases[i])) continue;
        tg_tensor leaves[MOST_OPERANDS];
        trial     t = begin(row, i, TG_F64, PLAIN);
        int       n = floating_leaves(row, &t, leaves);
        bool      fits = n && tg_valid(t.y) && tg_dtype_of(t.y) == TG_F64 && tg_shape_of(t.y).rank < TG_MAX_RANK;
        for (int k = 0; k < n; k++)
            fits &= tg_shape_of(leaves[k]).rank < TG_MAX_RANK; /* room for the axis of the seeds */
        if (fits) check_batches(t.what, t.y, n, leaves);
        finish(t.tape);
    }
}
END_TEST

/* ---- random formulas --------------------------------------------------------------------------------------------- */

enum { PROGRAMS = 60, N = 6, LENGTH = 14 };

typedef struct formula {
    uint64_t  seed;
    tg_tensor w; /* (N) */
} formula;

static uint64_t next(uint64_t *random, uint64_t n) {
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (*random >> 33) % n;
}

/* Of the values so far, (N) each; all remain near 1. */
static tg_tensor random_op(uint64_t *random, int count, const tg_tensor *value) {
    tg_tensor a = value[next(random, (uint64_t)count)], b = value[next(random, (uint64_t)count)];
    int64_t   cut = 1 + (int64_t)next(random, N - 1);
    switch (next(random, 12)) {
    case 0: return tg_tanh(a);
    case 1: return tg_sin(tg_add(a, b));
    case 2: return tg_mul(0.5, tg_mul(a, b));
    case 3: return tg_sub(a, tg_mul(0.3, b));
    case 4: return tg_roll(a, 0, cut);
    case 5: return tg_flip(b, TG_AXES(0));
    case 6: return tg_concat(TG_LIST(tg_slice(a, 0, cut, N, 1), tg_slice(b, 0, 0, cut, 1)), 0);
    case 7: return tg_where(tg_gt(a, 0), tg_exp(tg_mul(-0.5, tg_abs(a))), b);
    case 8: return tg_reshape(tg_transpose(tg_reshape(tg_div(a, tg_add(2, tg_square(b))), TG_SHAPE(2, 3)), 0, 1), TG_SHAPE(N));
    case 9: return tg_pad(tg_slice(a, 0, 0, N - 1, 1), 0, 1, 0, TG_PAD_CONSTANT, 0);
    case 10: return tg_take(a, tg_constant(a.tape, TG_I64, TG_SHAPE(N), ((int64_t[]){cut, 0, cut, 2, 1, cut})), 0);
    default: return tg_add(tg_mul(0.1, tg_mean(a)), b);
    }
}

static tg_tensor record(const formula *f, tg_tensor x) {
    uint64_t  random = f->seed;
    tg_tensor value[LENGTH] = {x, f->w};
    for (int i = 2; i < LENGTH; i++)
        value[i] = random_op(&random, i, value);
    return tg_add(value[LENGTH - 1], tg_mul(0.5, value[LENGTH - 2]));
}

static void step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape;
    y[0] = record(context, tg_add(state[0], x[0]));
    state[0] = tg_tanh(y[0]);
}

static formula new_formula(tg_tape *tape, int seed, tg_tensor *leaves) {
    tg_seed(tape, (uint64_t)seed);
    for (int i = 0; i < 2; i++)
        leaves[i] = tg_parameter(tape, i ? "w" : "x", tg_uniform(tape, TG_F64, TG_SHAPE(N), -1, 1));
    return (formula){(uint64_t)seed * 977, leaves[1]};
}

START_TEST(a_random_step_has_its_derivatives_in_a_loop) {
    const size_t memory[] = {0, 1, 4 * N * sizeof(double)};
    tg_tape     *tape = tg_tape_new();
    tg_tensor    leaves[3], y[4], same;
    formula      f = new_formula(tape, _i, leaves);
    slopes       s[4];
    leaves[2] = tg_parameter(tape, "inputs", tg_uniform(tape, TG_F64, TG_SHAPE(7, N), -0.5, 0.5));
    for (int k = 0; k < 4; k++) {
        tg_tensor    state = leaves[0];
        tg_loop_spec spec = loop(step, &f, 7, 1, &state);
        spec.inputs = spec.outputs = 1, spec.x = &leaves[2], spec.y = &y[k], spec.reverse = _i % 2;
        spec.memory = k < 3 ? memory[k] : 0;
        ck_assert_msg(!(k == 3 ? unrolled(tape, &spec) : tg_scan(tape, &spec)), "%d: %s", _i, tg_error(tape));
        s[k] = slopes_of(y[k], 3, leaves);
    }
    for (int k = 0; k < 3; k++) {
        same = tg_all(tg_eq(y[k], y[3]));
        ck_assert_msg(tg_item(same) == 1, "program %d, memory %zu: other values", _i, memory[k]);
        check_slopes("a random step", &s[k], &s[3], 3);
    }
    finish(tape);
}
END_TEST

START_TEST(a_random_formula_has_its_derivatives_for_several_seeds) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor leaves[2];
    formula   f = new_formula(tape, _i, leaves);
    check_batches("a random formula", record(&f, leaves[0]), 2, leaves);
    finish(tape);
}
END_TEST

START_TEST(a_random_formula_has_its_sparse_derivatives) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor leaves[2], g[2];
    formula   f = new_formula(tape, _i, leaves);
    tg_tensor y = record(&f, leaves[0]), loss = tg_sum(tg_square(y));
    tg_csr    j;
    check_sparse_jacobian("a random formula", y, 2, leaves, COVERS);
    check_sparse_hessian("a random formula", loss, leaves[0], COVERS);
    ck_assert(!tg_sparse_jacobian(tape, 1, &y, 1, leaves, &j)); /* and is differentiated: the sum of the squares of J */
    tg_tensor sum[2] = {tg_sum(tg_square(j.values)), tg_sum(tg_square(tg_jacobian(y, leaves[0])))};
    for (int k = 0; k < 2; k++)
        ck_assert_msg(!tg_vjp(tape, 1, &sum[k], NULL, 1, leaves, &g[k]), "%s", tg_error(tape));
    ck_assert_double_lt(apart(g[0], g[1]), 1e-12);
    finish(tape);
}
END_TEST

Suite *suite_same_derivatives(void) {
    Suite *suite = suite_create("grad/same_derivatives");
    TCase *tcase = tcase_create("same_derivatives");
    int    rows = 0;
    while (row_at(rows))
        rows++;
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, each_function_has_its_derivatives_in_a_loop, 0, rows);
    tcase_add_loop_test(tcase, each_function_has_its_derivatives_for_several_seeds, 0, rows);
    tcase_add_loop_test(tcase, a_random_step_has_its_derivatives_in_a_loop, 0, PROGRAMS);
    tcase_add_loop_test(tcase, a_random_formula_has_its_derivatives_for_several_seeds, 0, PROGRAMS);
    tcase_add_loop_test(tcase, a_random_formula_has_its_sparse_derivatives, 0, PROGRAMS);
    suite_add_tcase(suite, tcase);
    return suite;
}
