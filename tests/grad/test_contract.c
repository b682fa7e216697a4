/* tests/grad/test_contract.c: sums of products, of which one factor varies, are one product of matrices in maps and in batches of
 * derivatives.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "ops/ops.h"
#include "ops/values.h"
#include "support.h"

enum { STEPS = 6, STACK = 5, ROWS = 2, INNER = 3, COLUMNS = 7 };

/* What a step computes of its own x and of what all steps have. */
typedef struct formula {
    const char *what;
    tg_tensor (*of)(tg_tensor x, const tg_tensor *same);
    bool     contracts;
    tg_shape x, same[3];
} formula;

/* What is skinning in computer graphics: points, taken by all matrices, each with the matrix' weight. */
static tg_tensor weighted(tg_tensor x, const tg_tensor *same) {
    return tg_sum_axes(tg_mul(tg_matmul(x, same[0]), same[1]), TG_AXES(0), false);
}

static tg_tensor weighted_from_the_left(tg_tensor x, const tg_tensor *same) {
    return tg_sum_axes(tg_mul(same[1], tg_matmul(same[0], x)), TG_AXES(0), true);
}

static tg_tensor weighted_twice(tg_tensor x, const tg_tensor *same) {
    return tg_sum_axes(tg_mul(same[2], tg_mul(tg_mul(tg_matmul(x, same[0]), same[1]), 3)), TG_AXES(0, 2), true);
}

static tg_tensor transposed(tg_tensor x, const tg_tensor *same) {
    tg_tensor product = tg_matmul(x, tg_transpose(same[0], 0, 1));
    return tg_sum_axes(tg_mul(product, tg_unsqueeze(tg_transpose(same[1], 0, 1), 1)), TG_AXES(0), false);
}

/* A chain of products: what is small is multiplied first. */
static tg_tensor moved(tg_tensor x, const tg_tensor *same) {
    return tg_matmul(same[2], tg_mul(weighted(x, same), VECTOR(x.tape, 2)));
}

static tg_tensor of_many_columns(tg_tensor x, const tg_tensor *same) {
    return tg_matmul(tg_mul(tg_matmul(x, same[0]), same[1]), same[2]);
}

/* The product has another reader, which needs it. */
static tg_tensor read_twice(tg_tensor x, const tg_tensor *same) {
    tg_tensor product = tg_matmul(x, same[0]);
    return tg_sum_axes(tg_add(tg_mul(product, same[1]), tg_sin(product)), TG_AXES(0), false);
}

static tg_tensor also_the_weight(tg_tensor x, const tg_tensor *same) {
    return tg_sum_axes(tg_mul(tg_matmul(x, same[0]), tg_mul(same[1], tg_sum(x))), TG_AXES(0), false);
}

#define MATRICES \
    { \
        3, { \
            STACK, ROWS, INNER \
        } \
    }
#define PLACES \
    { \
        2, { \
            INNER, COLUMNS \
        } \
    }
#define WEIGHTS \
    { \
        3, { \
            STACK, 1, COLUMNS \
        } \
    }

static const formula formulas[] = {
    {"weighted", weighted, true, MATRICES, {PLACES, WEIGHTS}},
    {"of one row", weighted, false, {3, {STACK, 1, INNER}}, {PLACES, WEIGHTS}},
    {"stacked points", weighted, true, MATRICES, {{3, {STACK, INNER, COLUMNS}}, WEIGHTS}},
    {"of the same matrix", weighted, true, {2, {ROWS, INNER}}, {{3, {STACK, INNER, COLUMNS}}, {3, {1, 1, COLUMNS}}}},
    {"weights of columns alone", weighted, true, MATRICES, {PLACES, {1, {COLUMNS}}}},
    {"one weight", weighted, true, MATRICES, {PLACES, {0}}},
    {"nothing", weighted, true, MATRICES, {{2, {INNER, 0}}, {0}}},
    {"no terms", weighted, true, {3, {STACK, ROWS, 0}}, {{2, {0, COLUMNS}}, WEIGHTS}},
    {"weighted from the left",
     weighted_from_the_left,
     true,
     {3, {STACK, INNER, ROWS}},
     {{2, {COLUMNS, INNER}}, {3, {STACK, COLUMNS, 1}}}},
    {"weighted twice", weighted_twice, true, MATRICES, {PLACES, WEIGHTS, {2, {1, COLUMNS}}}},
    {"transposed", transposed, true, MATRICES, {{2, {COLUMNS, INNER}}, {2, {COLUMNS, STACK}}}},
    {"moved", moved, true, MATRICES, {PLACES, WEIGHTS, {2, {4, ROWS}}}},
    {"from the other end", of_many_columns, true, {2, {ROWS, INNER}}, {{2, {INNER, 30}}, {2, {ROWS, 30}}, {2, {30, 1}}}},
    {"of many columns", of_many_columns, false, {2, {ROWS, INNER}}, {{2, {INNER, 30}}, {2, {ROWS, 30}}, {2, {30, 30}}}},
    {"read twice", read_twice, false, MATRICES, {PLACES, WEIGHTS}},
    {"with a weight that varies", also_the_weight, false, MATRICES, {PLACES, WEIGHTS}},
    {"of larger factors", weighted, false, {3, {STACK, 1, 9}}, {{3, {STACK, 9, COLUMNS}}, WEIGHTS}},
};

typedef struct called {
    const formula   *f;
    const tg_tensor *same;
} called;

static void body(tg_tape *tape, const tg_tensor *x, tg_tensor *y, void *context) {
    const called *c = context;
    (void)tape;
    y[0] = c->f->of(x[0], c->same);
}

static double distance(tg_tensor a, tg_tensor b) {
    ck_assert(tg_shape_equal(tg_shape_of(a), tg_shape_of(b)));
    return tg_size(a) ? tg_item(tg_max(tg_abs(tg_sub(a, b)))) : 0;
}

/* Whether all steps' products are multiplied one by one, outside of the body. */
static bool multiplies_each(const tg_tape *tape, uint32_t from) {
    for (uint32_t i = from; i < tape->count; i++) {
        const tgi_node *node = tgi_node_at(tape, i);
        if (node->part == tape->part && tgi_is_mul(node->op) && node->rank > 0 && node->dims[0] == STEPS &&
            tgi_node_size(node) >= STEPS * STACK * COLUMNS)
            return true;
    }
    return false;
}

START_TEST(a_map_of_a_sum_of_products) {
    const formula *f = &formulas[_i];
    tg_tape       *tape = tg_tape_new();
    tg_shape       all = {.rank = f->x.rank + 1, .dims = {STEPS}};
    tg_tensor      same[3], y, parts[STEPS], g[2][2];
    for (int i = 0; i < f->x.rank; i++)
        all.dims[i + 1] = f->x.dims[i];
    for (int i = 0; i < 3; i++)
        same[i] = tg_randn(tape, TG_F64, f->same[i]);
    tg_tensor x = tg_randn(tape, TG_F64, all);
    called    c = {f, same};
    uint32_t  before = tape->count;
    ck_assert_msg(!tg_map(tape, body, &c, 0, 1, &x, 1, &y), "%s: %s", f->what, tg_error(tape));
    ck_assert_msg(multiplies_each(tape, before) == !f->contracts, "%s", f->what);
    for (int k = 0; k < STEPS; k++)
        parts[k] = f->of(tg_select(x, 0, k), same);
    tg_tensor each = tg_stack(tg_list_from(STEPS, parts), 0), losses[2] = {tg_sum(tg_sin(y)), tg_sum(tg_sin(each))};
    for (int k = 0; k < 2; k++)
        ck_assert(!tg_vjp(tape, 1, &losses[k], NULL, 2, (tg_tensor[]){x, same[0]}, g[k]));
    ck_assert_msg(distance(y, each) < 1e-12, "%s: other values", f->what);
    for (int k = 0; k < 2; k++)
        ck_assert_msg(distance(g[0][k], g[1][k]) < 1e-11, "%s: other gradients", f->what);
    finish(tape);
}
END_TEST

/* Columns of a Jacobian are tangents, which go through the product; of few steps the products are no more than the factor of all. */
static tg_tensor skin(tg_tensor angle, const tg_tensor *same) {
    tg_tensor matrices = tg_reshape(tg_sin(tg_mul(angle, tg_reshape(tg_arange(angle.tape, TG_F64, 1, 61, 1), TG_SHAPE(10, 6)))),
                                    TG_SHAPE(10, 2, 3));
    return weighted(matrices, same);
}

START_TEST(columns_of_a_jacobian) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor same[2] = {tg_randn(tape, TG_F64, TG_SHAPE(3, 40)), tg_randn(tape, TG_F64, TG_SHAPE(10, 1, 40))};
    tg_tensor angle = tg_parameter(tape, "angle", tg_randn(tape, TG_F64, TG_SHAPE(STEPS))), ones[STEPS], jacobian;
    tg_tensor y = skin(angle, same);
    uint32_t  before = tape->count;
    jacobian = tg_jacobian(y, angle);
    for (uint32_t i = before; i < tape->count; i++)
        ck_assert(tgi_node_at(tape, i)->part != tape->part || tgi_node_size(tgi_node_at(tape, i)) < STEPS * 10 * 2 * 40);
    for (int k = 0; k < STEPS; k++) {
        tg_tensor unit = tg_cast(tg_eq(tg_arange(tape, TG_I64, 0, STEPS, 1), k), TG_F64);
        ck_assert(!tg_jvp(tape, 1, &angle, &unit, 1, &y, &ones[k]));
    }
    ck_assert_double_lt(distance(jacobian, tg_stack(tg_list_from(STEPS, ones), 2)), 1e-11);
    finish(tape);
}
END_TEST

Suite *suite_contract(void) {
    Suite *suite = suite_create("grad/contract");
    TCase *tcase = tcase_create("contract");
    tcase_add_loop_test(tcase, a_map_of_a_sum_of_products, 0, (int)(sizeof formulas / sizeof *formulas));
    tcase_add_test(tcase, columns_of_a_jacobian);
    suite_add_tcase(suite, tcase);
    return suite;
}
