/* tests/grad/test_loop_tangent.c: the tangents of loops are those of their steps one by one, whatever changes, and take no memory for each
 * step.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "grad/loops.h"
#include "ops/values.h"

enum { WIDTH = 3, STEPS = 7, LEAVES = 7, RESULTS = 5 };

/* ---- a loop in which each of three states changes through the next ------------------------------------------------- */

typedef struct variant {
    bool   reverse, eager, saves, decides, ran; /* saves: its leaves are parameters; decides: it has a condition; ran: before */
    size_t memory;
} variant;

static const variant variants[] = {{.eager = false},
                                   {.eager = true},
                                   {.reverse = true},
                                   {.saves = true},
                                   {.saves = true, .reverse = true},
                                   {.decides = true},
                                   {.decides = true, .saves = true},
                                   {.ran = true},
                                   {.ran = true, .saves = true},
                                   {.memory = 1},
                                   {.memory = 1, .saves = true},
                                   {.memory = 1, .decides = true}};
enum { VARIANTS = sizeof variants / sizeof *variants };

typedef struct chain {
    tg_tape  *tape;
    tg_tensor leaf[LEAVES], tangent[LEAVES]; /* states, inputs, weights */
    tg_tensor result[RESULTS];               /* states, outputs */
    tg_tensor done;
} chain;

/* The second output depends on the third state and its weight alone; a state more is what it was. */
static void pass_on(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const tg_tensor *w = context;
    (void)tape;
    y[0] = tg_mul(state[0], x[0]);
    state[0] = tg_add(tg_mul(state[0], tg_cos(w[0])), state[1]);
    state[1] = tg_add(tg_sin(state[2]), tg_mul(state[1], x[1]));
    y[1] = state[2] = tg_mul(state[2], tg_sum(tg_matmul(w[1], state[2])));
}

static tg_tensor is_small(tg_tape *tape, const tg_tensor *state, void *context) {
    (void)tape, (void)context;
    return tg_lt(tg_sum(tg_abs(state[0])), 4);
}

static tg_tensor new_leaf(tg_tape *tape, const variant *v, int i, tg_shape shape) {
    static const char *const names[LEAVES] = {"a", "b", "c", "x", "y", "v", "w"};
    tg_tensor                value = tg_uniform(tape, TG_F64, shape, 0.2, 0.7);
    return v->saves ? tg_parameter(tape, names[i], value) : value;
}

/* One by one, where `steps` is not negative. */
static chain new_chain(const variant *v, int steps) {
    const tg_shape vector = TG_SHAPE(WIDTH), list = TG_SHAPE(STEPS, WIDTH);
    const tg_shape shapes[LEAVES] = {vector, vector, vector, list, list, vector, TG_SHAPE(WIDTH, WIDTH)};
    chain          c = {.tape = tg_tape_new()};
    tg_seed(c.tape, 5);
    tg_set_eager(c.tape, v->eager);
    for (int i = 0; i < LEAVES; i++)
        c.leaf[i] = new_leaf(c.tape, v, i, shapes[i]);
    for (int i = 0; i < LEAVES; i++)
        c.tangent[i] = tg_uniform(c.tape, TG_F64, shapes[i], -1, 1);
    memcpy(c.result, c.leaf, 3 * sizeof *c.leaf);
    tg_tensor x[2] = {c.leaf[3], c.leaf[4]};
    for (int j = 0; j < 2 && steps >= 0; j++)
        x[j] = tg_slice(x[j], 0, 0, steps, 1);
    tg_loop_spec spec = {.body = pass_on,
                         .context = c.leaf + 5,
                         .steps = steps < 0 ? STEPS : steps,
                         .states = 3,
                         .inputs = 2,
                         .outputs = 2,
                         .state = c.result,
                         .x = x,
                         .y = c.result + 3,
                         .reverse = v->reverse,
                         .memory = v->memory,
                         .condition = v->decides ? is_small : NULL,
                         .done = &c.done};
    ck_assert_msg(!(steps < 0 ? tg_scan(c.tape, &spec) : unrolled(c.tape, &spec)), "%s", tg_error(c.tape));
    ck_assert(!v->ran || !tg_run(c.tape));
    return c;
}

static chain new_steps(const variant *v, const chain *like) {
    chain c = new_chain(&(variant){.reverse = v->reverse}, (int)tg_item(like->done));
    ck_assert(!v->decides || (tg_item(like->done) > 1 && tg_item(like->done) < STEPS));
    return c;
}

/* Whose outputs end with the steps that are done. */
static void check_same(const variant *v, tg_tensor loop, tg_tensor steps, const char *what) {
    if (v->decides && tg_shape_of(loop).rank == 2) {
        int64_t done = tg_shape_of(steps).dims[0];
        CHECK_F64(tg_sum(tg_square(tg_slice(loop, 0, done, TG_END, 1))), 0);
        loop = tg_slice(loop, 0, 0, done, 1);
    }
    ck_assert_msg(difference(loop, steps) < 1e-12, "%s: %g, %s", what, difference(loop, steps), tg_error(loop.tape));
}

/* For the leaves whose bits are in `which`. */
static void tangents_of(const chain *c, unsigned which, tg_tensor *results) {
    tg_tensor leaf[LEAVES], tangent[LEAVES];
    int       n = 0;
    for (int i = 0; i < LEAVES; i++)
        if (which >> i & 1) {
            leaf[n] = c->leaf[i];
            tangent[n++] = c->tangent[i];
        }
    ck_assert_msg(!tg_jvp(c->tape, n, leaf, tangent, RESULTS, c->result, results), "%s", tg_error(c->tape));
}

START_TEST(tangents_are_those_of_the_steps) {
    const variant *v = &variants[_i];
    chain          a = new_chain(v, -1), b = new_steps(v, &a);
    for (int k = 0; k <= LEAVES; k++) { /* each by itself; all */
        tg_tensor loop[RESULTS], steps[RESULTS];
        unsigned  which = k < LEAVES ? 1u << k : (1u << LEAVES) - 1;
        tangents_of(&a, which, loop);
        tangents_of(&b, which, steps);
        for (int i = 0; i < RESULTS; i++)
            check_same(v, loop[i], steps[i], "tangent");
    }
    finish(a.tape);
    finish(b.tape);
}
END_TEST

static tg_tensor length_of(const tg_tensor *list) {
    tg_tensor sum = tg_sum(tg_square(list[0]));
    for (int i = 1; i < RESULTS; i++)
        sum = tg_add(sum, tg_sum(tg_square(list[i])));
    return sum;
}

/* In the order forward over forward, reverse over forward, forward over reverse, and forward over what is both. */
static void differentiate_twice(const chain *c, tg_tensor *second, tg_tensor *reverse, tg_tensor *forward) {
    tg_tensor first[RESULTS], gradient[LEAVES], length;
    tangents_of(c, 0x55, first);
    length = length_of(first);
    ck_assert_msg(!tg_jvp(c->tape, LEAVES, c->leaf, c->tangent, 1, &length, second), "%s", tg_error(c->tape));
    ck_assert_msg(!tg_vjp(c->tape, 1, &length, NULL, LEAVES, c->leaf, reverse), "%s", tg_error(c->tape));
    ck_assert_msg(!tg_jvp(c->tape, LEAVES, c->leaf, c->tangent, LEAVES, reverse, forward + LEAVES), "%s", tg_error(c->tape));
    length = length_of(c->result);
    ck_assert_msg(!tg_vjp(c->tape, 1, &length, NULL, LEAVES, c->leaf, gradient), "%s", tg_error(c->tape));
    ck_assert_msg(!tg_jvp(c->tape, LEAVES, c->leaf, c->tangent, LEAVES, gradient, forward), "%s", tg_error(c->tape));
}

START_TEST(so_are_derivatives_of_higher_order) {
    const variant *v = &variants[_i];
    chain          a = new_chain(v, -1), b = new_steps(v, &a);
    tg_tensor      second[2], reverse[2][LEAVES], forward[2][2 * LEAVES];
    differentiate_twice(&a, &second[0], reverse[0], forward[0]);
    differentiate_twice(&b, &second[1], reverse[1], forward[1]);
    check_same(v, second[0], second[1], "forward over forward");
    for (int i = 0; i < LEAVES; i++)
        ck_assert_msg(difference(reverse[0][i], reverse[1][i]) < 1e-11, "reverse over forward, %d: %s", i, tg_error(a.tape));
    for (int i = 0; i < 2 * LEAVES; i++)
        ck_assert_msg(difference(forward[0][i], forward[1][i]) < 1e-11, "forward over reverse, %d: %s", i, tg_error(a.tape));
    finish(a.tape);
    finish(b.tape);
}
END_TEST

/* ---- loops in loops ------------------------------------------------------------------------------------------------ */

typedef struct nest {
    tg_tensor w;
    bool      one_by_one;
} nest;

static void inner(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y;
    state[0] = tg_mul(tg_sin(state[0]), *(const tg_tensor *)context);
}

static void outer(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    nest        *n = context;
    tg_tensor    w = tg_mul(n->w, state[0]);
    tg_loop_spec spec = loop(inner, &w, 3, 1, state);
    (void)x, (void)y;
    ck_assert(!(n->one_by_one ? unrolled(tape, &spec) : tg_scan(tape, &spec)));
}

START_TEST(loops_in_loops_have_tangents) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor leaf[2] = {PARAMETER(tape, "w", 1.1, 1.2), PARAMETER(tape, "h", 0.4, 0.9)}, jv[2], jjv[2];
    for (int k = 0; k < 2; k++) {
        nest         n = {leaf[0], k};
        tg_tensor    h = leaf[1];
        tg_loop_spec spec = loop(outer, &n, 4, 1, &h);
        ck_assert(!(k ? unrolled(tape, &spec) : tg_scan(tape, &spec)));
        ck_assert_msg(!tg_jvp(tape, 2, leaf, NULL, 1, &h, &jv[k]), "%s", tg_error(tape));
        ck_assert_msg(!tg_jvp(tape, 2, leaf, NULL, 1, &jv[k], &jjv[k]), "%s", tg_error(tape));
    }
    ck_assert(difference(jv[0], jv[1]) < 1e-14 && difference(jjv[0], jjv[1]) < 1e-13);
    finish(tape);
}
END_TEST

/* ---- what they cost, and what does not change ---------------------------------------------------------------------- */

static void grow(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)x, (void)y;
    state[0] = tg_mul(state[0], *(const tg_tensor *)context);
}

START_TEST(they_take_no_memory_for_each_step) {
    enum { MANY = 100000 };
    tg_tape     *tape = tg_tape_new();
    tg_tensor    w = tg_input(tape, "w", TG_F64, TG_SHAPE()), state = tg_full(tape, TG_F64, TG_SHAPE(), 1), jv;
    tg_loop_spec spec = loop(grow, &w, MANY, 1, &state);
    double       value = 1 + 1e-6;
    tg_write(w, &value, 1);
    ck_assert(!tg_scan(tape, &spec) && !tg_jvp(tape, 1, &w, NULL, 1, &state, &jv));
    ck_assert_msg(fabs(tg_item(jv) / (MANY * pow(value, MANY - 1)) - 1) < 1e-9, "%s", tg_error(tape));
    ck_assert(tg_stats(tape).peak_bytes < MANY * sizeof(double) / 2);
    finish(tape);
}
END_TEST

START_TEST(what_does_not_change_has_none) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    w = PARAMETER(tape, "w", 2), v = PARAMETER(tape, "v", 3), state[2] = {w, v}, result[2];
    tg_loop_spec spec = loop(grow, &w, 3, 2, state);
    ck_assert(!tg_scan(tape, &spec));
    ck_assert_msg(!tg_jvp(tape, 1, &v, NULL, 2, state, result), "%s", tg_error(tape));
    CHECK_F64(result[0], 0);
    CHECK_F64(result[1], 1);
    ck_assert_msg(!tg_jvp(tape, 1, &w, NULL, 2, state, result), "%s", tg_error(tape));
    CHECK_F64(result[0], 32);
    CHECK_F64(result[1], 0);
    finish(tape);
}
END_TEST

Suite *suite_loop_tangent(void) {
    Suite *suite = suite_create("grad/loop_tangent");
    TCase *tcase = tcase_create("loop_tangent");
    tcase_add_loop_test(tcase, tangents_are_those_of_the_steps, 0, VARIANTS);
    tcase_add_loop_test(tcase, so_are_derivatives_of_higher_order, 0, VARIANTS);
    tcase_add_test(tcase, loops_in_loops_have_tangents);
    tcase_add_test(tcase, they_take_no_memory_for_each_step);
    tcase_add_test(tcase, what_does_not_change_has_none);
    suite_add_tcase(suite, tcase);
    return suite;
}
