/* tests/ops/test_joined_loops.c: two ops in one loop give the bits that they give one after the other, in each instruction set.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/joined_loops.h"

#include <math.h>
#include <string.h>

#include "kernels/isa.h"
#include "ops/elementwise_loops.h"
#include "support.h"

typedef struct row {
    const char *name;
    tg_loop    *first, *then, *joined;
    int         operand, others; /* which operand of `then` is the result of `first`, and how many more it has */
    size_t      width;
} row;

#define ROW(name, first, then, operand, formula) \
    {#name "_f32", tgi_##first##_f32, tgi_##then##_f32, tgi_##name##_f32, operand, 1, sizeof(float)}, \
        {#name "_f64", tgi_##first##_f64, tgi_##then##_f64, tgi_##name##_f64, operand, 1, sizeof(double)},
static const row rows[] = {TGI_EACH_JOINED(ROW)
                           /* the square has no other operand */
                           {"square_of_sub_f32", tgi_sub_f32, tgi_square_f32, tgi_square_of_sub_f32, 0, 0, sizeof(float)},
                           {"square_of_sub_f64", tgi_sub_f64, tgi_square_f64, tgi_square_of_sub_f64, 0, 0, sizeof(double)}};

enum { ROWS = sizeof rows / sizeof *rows, LONGEST = 75, OPERANDS = 3, STEPS = 1 << OPERANDS };

typedef union element {
    float  f32[LONGEST];
    double f64[LONGEST];
} elements;

/* Numbers of which most are rounded, and some that are none. */
static double number(int i, int j) {
    static const double special[] = {0, -0.0, INFINITY, -INFINITY, NAN, 1e300, 0x1p-1060, -1};
    int                 k = (i * 11 + j * 7 + i * j) % 29;
    return k < 8 ? special[k] : sin(i * 3.7 + j) * exp(j - i % 5);
}

static void fill(elements *x, int j, size_t width) {
    for (int i = 0; i < LONGEST; i++)
        if (width == sizeof(float))
            x->f32[i] = (float)number(i, j);
        else
            x->f64[i] = number(i, j);
}

static void one_after_the_other(const row *r, int64_t n, const void *const *in, const int64_t *step, elements *y) {
    static elements between;
    r->first(n, &between, in, step);
    const void *then[2] = {in[2], in[2]};
    int64_t     steps[2] = {step[2], step[2]};
    then[r->operand] = &between, steps[r->operand] = 1;
    r->then(n, y, then, steps);
}

static void check(const row *r, int64_t n, const int64_t *step, int in_place) {
    static elements x[OPERANDS], expected, apart;
    const void     *in[OPERANDS];
    for (int j = 0; j < OPERANDS; j++) {
        fill(&x[j], j, r->width);
        in[j] = &x[j];
    }
    one_after_the_other(r, n, in, step, &expected);
    elements *y = in_place < 0 ? &apart : &x[in_place];
    r->joined(n, y, in, step);
    for (int64_t i = 0; i < n; i++)
        ck_assert_msg(are_same_elements(r->width, (char *)y + (size_t)i * r->width, (char *)&expected + (size_t)i * r->width),
                      "%s: element %d of %d, steps %d %d %d", r->name, (int)i, (int)n, (int)step[0], (int)step[1],
                      (int)step[2]);
}

START_TEST(the_bits_are_those_of_both) {
    const row *r = &rows[_i % ROWS];
    if (!tgi_use_isa(_i / ROWS)) return;
    for (int64_t n = 1; n <= LONGEST; n++)
        for (int s = 0; s < STEPS; s++) {
            int64_t step[OPERANDS] = {s & 1, s >> 1 & 1, s >> 2};
            check(r, n, step, -1);
            for (int j = 0; j < 2 + r->others; j++)
                if (step[j]) check(r, n, step, j);
        }
}
END_TEST

Suite *suite_joined_loops(void);
Suite *suite_joined_loops(void) {
    Suite *suite = suite_create("joined_loops");
    TCase *tcase = tcase_create("bits");
    tcase_add_loop_test(tcase, the_bits_are_those_of_both, 0, ROWS * TGI_ISAS);
    suite_add_tcase(suite, tcase);
    return suite;
}
