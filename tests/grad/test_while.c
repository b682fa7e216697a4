/* tests/grad/test_while.c: loops with a condition do the steps that it wants, and their derivatives are those of these steps.
 *
 * SPDX-License-Identifier: MIT */
#include "support.h"

#include <math.h>
#include <string.h>

#include "grad/loop_op.h"
#include "grad/loops.h"
#include "ops/ops.h"
#include "ops/values.h"

/* ---- like the steps that are done -------------------------------------------------------------------------------- */

enum { WIDTH = 3, MOST = 11 };

/* A vector that shrinks, with an input and an output; context: a factor, a weight, and a bound. */
static void shrink(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const tg_tensor *c = context;
    (void)tape;
    y[0] = tg_mul(state[0], x[0]);
    state[0] = tg_add(tg_mul(c[0], tg_sin(state[0])), tg_mul(c[1], x[0]));
}

static tg_tensor is_large(tg_tape *tape, const tg_tensor *state, void *context) {
    const tg_tensor *c = context;
    (void)tape;
    return tg_gt(tg_sum(tg_square(state[0])), c[2]);
}

typedef struct shrinking {
    tg_tape  *tape;
    tg_tensor leaf[4], bound, last, y, done, loss, g[4], hv[4];
} shrinking;

typedef struct variant {
    bool   eager, plain; /* plain: its leaves are no parameters */
    size_t memory;
    int    threads;
} variant;

static tg_tensor leaf(tg_tape *tape, const variant *v, const char *name, tg_dtype dtype, tg_shape shape, double scale) {
    tg_tensor value = tg_cast(tg_uniform(tape, TG_F64, shape, 0.5 * scale, scale), dtype);
    return v->plain ? value : tg_parameter(tape, name, value);
}

/* With a condition; or, where `steps` is not negative, so many steps one by one. */
static shrinking new_shrinking(const variant *v, tg_dtype dtype, int steps) {
    shrinking r = {.tape = tg_tape_new()};
    tg_tape  *tape = r.tape;
    tg_seed(tape, 3);
    tg_set_eager(tape, v->eager);
    tg_set_threads(tape, v->threads);
    r.leaf[0] = leaf(tape, v, "a", dtype, TG_SHAPE(WIDTH), 0.7);
    r.leaf[1] = leaf(tape, v, "b", dtype, TG_SHAPE(WIDTH), 0.01);
    r.leaf[2] = leaf(tape, v, "x", dtype, TG_SHAPE(MOST, WIDTH), 1);
    r.leaf[3] = tg_input(tape, NULL, dtype, TG_SHAPE(WIDTH));
    r.bound = tg_input(tape, "bound", TG_F64, TG_SHAPE());
    tg_write(r.bound, &(double){0.05}, 1);
    tg_tensor    c[3] = {r.leaf[0], r.leaf[1], tg_cast(r.bound, dtype)};
    tg_tensor    x = steps < 0 ? r.leaf[2] : tg_slice(r.leaf[2], 0, 0, steps, 1);
    tg_loop_spec spec = {.body = shrink,
                         .context = c,
                         .steps = steps < 0 ? MOST : steps,
                         .states = 1,
                         .inputs = 1,
                         .outputs = 1,
                         .state = &r.last,
                         .x = &x,
                         .y = &r.y,
                         .memory = v->memory,
                         .condition = is_large,
                         .done = &r.done};
    r.last = r.leaf[3];
    if (steps < 0)
        ck_assert_msg(!tg_scan(tape, &spec), "%s", tg_error(tape));
    else if (steps > 0)
        ck_assert(!unrolled(tape, &spec));
    r.loss = tg_sum(tg_exp(r.last));
    if (steps) r.loss = tg_add(r.loss, tg_sum(tg_square(r.y)));
    return r;
}

static void differentiate(shrinking *r) {
    ck_assert_msg(!tg_vjp(r->tape, 1, &r->loss, NULL, 4, r->leaf, r->g) && !tg_hvp(r->loss, 4, r->leaf, NULL, r->hv), "%s",
                  tg_error(r->tape));
}

static void start_from(const shrinking *r, double scale) {
    double    h[WIDTH] = {scale, -0.5 * scale, 0.25 * scale};
    tg_tensor start = tg_cast(tg_constant(r->tape, TG_F64, TG_SHAPE(WIDTH), h), tg_dtype_of(r->leaf[3]));
    ck_assert_msg(!tg_write(r->leaf[3], (const void *)tg_data(start), WIDTH), "%s", tg_error(r->tape));
}

/* The same program is run from here and there; each time other steps are done. */
static void check_variant(const variant *v, tg_dtype dtype, double tolerance) {
    static const double scales[] = {1, 0.1, 3, 0.3, 0.6};
    shrinking           a = new_shrinking(v, dtype, -1);
    bool                seen[MOST + 1] = {false};
    int                 kinds = 0;
    differentiate(&a);
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        start_from(&a, scales[i]);
        ck_assert_msg(!tg_run(a.tape), "%s", tg_error(a.tape));
        int       steps = (int)tg_item(a.done);
        shrinking b = new_shrinking(&(variant){.plain = v->plain}, dtype, steps);
        start_from(&b, scales[i]);
        differentiate(&b);
        kinds += !seen[steps];
        seen[steps] = true;
        ck_assert(steps == 0 || tg_item(tg_sum(tg_slice(a.y, 0, steps, TG_END, 1))) == 0);
        ck_assert(difference(a.last, b.last) == 0);
        ck_assert_msg(difference(a.loss, b.loss) <= tolerance, "%d steps: %g", steps, difference(a.loss, b.loss));
        for (int k = 0; k < 4; k++) {
            ck_assert_msg(difference(a.g[k], b.g[k]) <= tolerance, "%d steps, gradient %d", steps, k);
            ck_assert_msg(difference(a.hv[k], b.hv[k]) <= 10 * tolerance, "%d steps, second order, %d", steps, k);
        }
        finish(b.tape);
    }
    ck_assert_int_ge(kinds, 4);
    ck_assert(seen[0]);
    finish(a.tape);
}

static const variant variants[] = {{.eager = false}, {.eager = true}, {.threads = 2},
                                   {.plain = true},  {.memory = 1},   {.memory = 5 * (WIDTH + 1) * sizeof(double)}};
enum { VARIANTS = sizeof variants / sizeof *variants };

START_TEST(it_does_the_steps_that_are_wanted) {
    check_variant(&variants[_i], TG_F64, 1e-13);
    check_variant(&variants[_i], TG_F32, 1e-5);
}
END_TEST

START_TEST(it_ends_at_its_bound) {
    shrinking a = new_shrinking(&variants[_i], TG_F64, -1);
    differentiate(&a);
    start_from(&a, 1);
    ck_assert(!tg_write(a.bound, &(double){-1}, 1) && !tg_run(a.tape));
    CHECK_IS(a.done, MOST);
    finish(a.tape);
}
END_TEST

START_TEST(third_derivatives_are_right) {
    tg_gradcheck_report report = {.order = 3};
    shrinking           a = new_shrinking(&(variant){.plain = true, .memory = _i ? 1 : 0}, TG_F64, -1);
    start_from(&a, 1);
    ck_assert_msg(!tg_gradcheck(a.loss, 4, a.leaf, &report), "%s", tg_error(a.tape));
    finish(a.tape);
}
END_TEST

/* ---- what is computed by one ------------------------------------------------------------------------------------- */

static void newton(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y;
    state[0] = tg_mul(0.5, tg_add(state[0], tg_div(*(tg_tensor *)context, state[0])));
}

static tg_tensor is_far(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape;
    return tg_gt(tg_abs(tg_sub(tg_square(state[0]), *(tg_tensor *)context)), 1e-12);
}

static tg_tensor square_root(tg_tensor a, tg_tensor *done) {
    tg_tensor    root = tg_full(tg_tape_of(a), TG_F64, TG_SHAPE(), 1);
    tg_loop_spec spec = loop(newton, &a, 100, 1, &root);
    spec.condition = is_far;
    spec.done = done;
    tg_scan(tg_tape_of(a), &spec);
    return root;
}

START_TEST(newtons_iteration_ends) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = tg_input(tape, "a", TG_F64, TG_SHAPE()), done, root = square_root(a, &done), g, jv;
    ck_assert_msg(!tg_vjp(tape, 1, &root, NULL, 1, &a, &g) && !tg_jvp(tape, 1, &a, NULL, 1, &root, &jv), "%s", tg_error(tape));
    for (double x = 1; x < 1e6; x *= 9) {
        ck_assert(!tg_write(a, &x, 1) && !tg_run(tape));
        ck_assert_double_le(fabs(tg_item(root) - sqrt(x)), 1e-12 * sqrt(x));
        ck_assert_double_le(fabs(tg_item(g) - 0.5 / sqrt(x)),
                            x == 1 ? 1 : 1e-9); /* 1 is found without a step, and depends on nothing */
        ck_assert_double_le(fabs(tg_item(jv) - tg_item(g)), 1e-15);
        ck_assert(x == 1 ? tg_item(done) == 0 : tg_item(done) > 1 && tg_item(done) < 30);
    }
    finish(tape);
}
END_TEST

static void collatz(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y, (void)context;
    tg_tensor odd = tg_ne(tg_mul(tg_floor_divide(state[0], 2), 2), state[0]);
    state[0] = tg_where(odd, tg_add(tg_mul(state[0], 3), 1), tg_floor_divide(state[0], 2));
}

static tg_tensor is_not_one(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape, (void)context;
    return tg_ne(state[0], 1);
}

START_TEST(states_can_be_integers) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    start = tg_input(tape, "n", TG_I64, TG_SHAPE()), n = start, done;
    tg_loop_spec spec = loop(collatz, NULL, 1000, 1, &n);
    spec.condition = is_not_one, spec.done = &done;
    ck_assert_msg(!tg_scan(tape, &spec), "%s", tg_error(tape));
    static const int64_t cases[][2] = {{27, 111}, {1, 0}, {97, 118}, {8, 3}};
    for (int i = 0; i < 4; i++) {
        ck_assert(!tg_write(start, &cases[i][0], 1) && !tg_run(tape));
        CHECK_IS(done, (double)cases[i][1]);
        CHECK_IS(n, 1);
    }
    finish(tape);
}
END_TEST

/* Whether a residual is large: of a matrix, which is a product, or of the state itself. */
static tg_tensor has_residual(tg_tape *tape, const tg_tensor *state, void *context) {
    const tg_tensor *matrix = context;
    (void)tape;
    return tg_gt(tg_max(tg_abs(tg_is_none(*matrix) ? state[0] : tg_matmul(*matrix, state[0]))), 0.1);
}

static void halve(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y, (void)context;
    state[0] = tg_mul(state[0], 0.5);
}

static int products_from(const tg_tape *tape, uint32_t first) {
    int count = 0;
    for (uint32_t i = first; i < tape->count; i++)
        count += tgi_node_at(tape, i)->op == &tgi_matmul_op;
    return count;
}

START_TEST(what_the_condition_computes_is_not_for_the_derivative) {
    int64_t sizes[2];
    for (int product = 0; product < 2; product++) {
        tg_tape     *tape = tg_tape_new();
        tg_tensor    first = tg_parameter(tape, "first", tg_full(tape, TG_F64, TG_SHAPE(2, 1), 1)), last = first;
        tg_tensor    matrix = product ? tg_full(tape, TG_F64, TG_SHAPE(3, 2), 0.5) : TG_NONE;
        tg_loop_spec spec = loop(halve, &matrix, 9, 1, &last);
        spec.condition = has_residual;
        ck_assert_msg(!tg_scan(tape, &spec), "%s", tg_error(tape));
        ck_assert_int_eq(products_from(tape, 0), 2 * product); /* before the loop and in it */
        uint32_t before = tape->count;
        for (uint32_t i = 0; i < before; i++)
            if (tgi_node_at(tape, i)->op == &tgi_loop_op) sizes[product] = tgi_node_size(tgi_node_at(tape, i));
        ck_assert_msg(!tg_backward(tg_sum(last)), "%s", tg_error(tape));
        ck_assert_int_eq(products_from(tape, before), 0);
        CHECK_F64(tg_grad(first), 0.0625, 0.0625);
        finish(tape);
    }
    ck_assert_int_eq(sizes[0], sizes[1]);
}
END_TEST

/* Roots of numbers that a loop goes through: each of its steps is a loop that ends by itself. */
static void add_root(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)context;
    y[0] = square_root(x[0], NULL);
    state[0] = tg_add(state[0], y[0]);
}

START_TEST(one_may_stand_in_a_body) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    numbers = PARAMETER(tape, "numbers", 4, 9, 2, 100), sum = tg_full(tape, TG_F64, TG_SHAPE(), 0), roots;
    tg_loop_spec spec = loop(add_root, NULL, 4, 1, &sum);
    spec.inputs = 1, spec.x = &numbers, spec.outputs = 1, spec.y = &roots, spec.memory = _i ? 1 : 0;
    ck_assert_msg(!tg_scan(tape, &spec) && !tg_backward(sum), "%s", tg_error(tape));
    double expected[4] = {2, 3, sqrt(2), 10}, found[4], grads[4];
    tg_read(roots, found, 4);
    tg_read(tg_grad(numbers), grads, 4);
    for (int i = 0; i < 4; i++) {
        ck_assert_double_le(fabs(found[i] - expected[i]), 1e-10);
        ck_assert_double_le(fabs(grads[i] - 0.5 / expected[i]), 1e-8);
    }
    finish(tape);
}
END_TEST

START_TEST(without_a_condition_all_steps_are_done) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    a = tg_full(tape, TG_F64, TG_SHAPE(), 4), root = a, done;
    tg_loop_spec spec = loop(newton, &a, 7, 1, &root);
    spec.done = &done;
    ck_assert(!tg_scan(tape, &spec));
    CHECK_IS(done, 7);
    finish(tape);
}
END_TEST

/* ---- what is no condition ---------------------------------------------------------------------------------------- */

static tg_tensor is_a_number(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape, (void)context;
    return tg_sum(state[0]);
}

static tg_tensor is_of_rank_1(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape, (void)context;
    return tg_gt(state[0], 0);
}

static tg_tensor is_nothing(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape, (void)state, (void)context;
    return TG_NONE;
}

static tg_tensor reads_the_state(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)context;
    return tg_number(tape, TG_BOOL, tg_item(tg_sum(state[0])) > 0);
}

static tg_tensor is_positive(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape, (void)context;
    return tg_gt(tg_sum(state[0]), 0);
}

static void stays(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)context;
    y[0] = state[0];
}

typedef struct fault {
    tg_loop_condition *condition;
    tg_dtype           dtype;
    int                states;
    bool               reverse;
    int64_t            steps;
    tg_status          status;
    const char        *text;
} fault;

static const fault faults[] = {
    {is_a_number, TG_F64, 1, false, 3, TG_ERR_DTYPE, "scan: the condition is float64 (), and not a bool of rank 0"},
    {is_of_rank_1, TG_F64, 1, false, 3, TG_ERR_DTYPE, "scan: the condition is bool (2), and not a bool of rank 0"},
    {is_nothing, TG_F64, 1, false, 3, TG_ERR_HANDLE, "scan: the condition is TG_NONE"},
    {reads_the_state, TG_F64, 1, false, 3, TG_ERR_ARGUMENT, "item: not from inside the condition of a loop"},
    {is_positive, TG_F64, 1, true, 3, TG_ERR_ARGUMENT, "scan: a loop with a condition has states, and goes forward"},
    {is_positive, TG_F64, 0, false, 3, TG_ERR_ARGUMENT, "scan: a loop with a condition has states, and goes forward"},
    {is_positive, TG_BOOL, 1, false, 0, TG_ERR_DTYPE, "scan: 0 steps cannot be counted in the dtype of the states, bool"},
    {is_positive, TG_BOOL, 1, false, 1, TG_ERR_DTYPE, "scan: 1 steps cannot be counted in the dtype of the states, bool"},
    {is_positive, TG_F32, 1, false, 16777217, TG_ERR_DTYPE,
     "scan: 16777217 steps cannot be counted in the dtype of the states, float32"},
};
enum { FAULTS = sizeof faults / sizeof *faults };

START_TEST(what_is_no_condition_is_rejected) {
    const fault *f = &faults[_i];
    tg_tape     *tape = tg_tape_new();
    tg_tensor    h = tg_full(tape, f->dtype, TG_SHAPE(2), 1), last = h, y, done;
    int64_t      count = tg_instruction_count(tape);
    tg_loop_spec spec = loop(stays, NULL, f->steps, f->states, &last);
    spec.outputs = 1, spec.y = &y, spec.condition = f->condition, spec.reverse = f->reverse, spec.done = &done;
    FAILS(tape, tg_scan(tape, &spec), f->status, f->text);
    ck_assert_int_eq(tg_instruction_count(tape), count);
    ck_assert(last.ref == h.ref && !tg_valid(y) && !tg_valid(done));
    finish(tape);
}
END_TEST

Suite *suite_while(void) {
    Suite *suite = suite_create("grad/while");
    TCase *tcase = tcase_create("while");
    tcase_add_loop_test(tcase, it_does_the_steps_that_are_wanted, 0, VARIANTS);
    tcase_add_loop_test(tcase, it_ends_at_its_bound, 0, VARIANTS);
    tcase_add_loop_test(tcase, third_derivatives_are_right, 0, 2);
    tcase_add_test(tcase, newtons_iteration_ends);
    tcase_add_test(tcase, states_can_be_integers);
    tcase_add_test(tcase, what_the_condition_computes_is_not_for_the_derivative);
    tcase_add_loop_test(tcase, one_may_stand_in_a_body, 0, 2);
    tcase_add_test(tcase, without_a_condition_all_steps_are_done);
    tcase_add_loop_test(tcase, what_is_no_condition_is_rejected, 0, FAULTS);
    suite_add_tcase(suite, tcase);
    return suite;
}
