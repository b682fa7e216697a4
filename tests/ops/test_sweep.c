/* tests/ops/test_sweep.c: functions and their first three derivatives at the points where numbers are special, in both dtypes,
 * against values of 25 digits (tests/fixtures/make_sweep.py), in units in the last place.
 *
 * With TAPEGRAD_SWEEP=FILE in the environment the worst errors are written there, as the table of docs/numerics.md.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/values.h"

enum { ORDERS = 4, MOST_POINTS = 64, LINE = 512 };

/* A function of x alone, and the errors in ulp that its value and its derivatives may have. */
typedef struct swept {
    const char *name;
    tg_tensor (*f)(tg_tensor x);
    double most[ORDERS];
} swept;

/* ---- the functions ----------------------------------------------------------------------------------------------- */

/* x and a number, as two columns. */
static tg_tensor beside(tg_tensor x, double number) {
    return tg_stack(TG_LIST(x, tg_add(tg_detach(tg_mul(tg_cast(tg_isnan(x), tg_dtype_of(x)), 0)), number)), 1);
}

static tg_tensor first_column(tg_tensor x) {
    return tg_take(x, 0, 1);
}

#define FUNCTION(name, formula) \
    static tg_tensor name##_of(tg_tensor x) { \
        return formula; \
    }
static const tg_bce_options each_bce = {.reduction = TG_REDUCE_NONE};
FUNCTION(trigamma, tg_polygamma(1, x))
FUNCTION(pow_2_5, tg_pow(x, 2.5))
FUNCTION(pow__2, tg_pow(x, -2))
FUNCTION(pow_2_x, tg_pow(2, x))
FUNCTION(hypot_1, tg_hypot(x, 1))
FUNCTION(atan2_1, tg_atan2(x, 1))
FUNCTION(logaddexp_1, tg_logaddexp(x, 1))
FUNCTION(div_1, tg_div(1, x))
FUNCTION(mse_1, tg_mse_loss(x, 1, TG_REDUCE_NONE))
FUNCTION(bce_0, tg_bce_with_logits_loss(x, 0, &each_bce))
FUNCTION(bce_1, tg_bce_with_logits_loss(x, 1, &each_bce))
FUNCTION(bce_0_25, tg_bce_with_logits_loss(x, 0.25, &each_bce))
FUNCTION(kl_div, tg_kl_div(tg_num(-1), x, false, TG_REDUCE_NONE))
FUNCTION(norm, tg_norm_axes(beside(x, 1), TG_AXES(1), 2, false))
FUNCTION(norm3, tg_norm_axes(beside(x, 1), TG_AXES(1), 3, false))
FUNCTION(std, tg_std_axes(beside(x, 0), TG_AXES(1), 0, false))
FUNCTION(rms_norm, first_column(tg_rms_norm(beside(x, 1), 1, TG_NONE, 0)))
FUNCTION(logsumexp, tg_logsumexp_axes(beside(x, 0), TG_AXES(1), false))
FUNCTION(log_softmax, first_column(tg_log_softmax(beside(x, 0), 1)))
FUNCTION(softmax, first_column(tg_softmax(beside(x, 0), 1)))
FUNCTION(prod, tg_prod_axes(tg_stack(TG_LIST(x, x, tg_add(tg_detach(tg_mul(0, tg_where(tg_isfinite(x), x, 0))), 2)), 1),
                            TG_AXES(1), false))

FUNCTION(xlogy_2, tg_xlogy(2, x))
FUNCTION(elu_1_5, tg_elu(x, 1.5))
FUNCTION(celu_1_5, tg_celu(x, 1.5))
FUNCTION(logcumsumexp, tg_take(tg_logcumsumexp(beside(x, 0), 1), 1, 1))
FUNCTION(soft_margin, tg_soft_margin_loss(x, tg_num(-1), TG_REDUCE_NONE))
FUNCTION(poisson_2, tg_poisson_nll_loss(x, tg_num(2), true, false, 1e-8, TG_REDUCE_NONE))
FUNCTION(gaussian_1, tg_gaussian_nll_loss(x, tg_num(1), tg_num(0.5), false, 1e-6, TG_REDUCE_NONE))
FUNCTION(cosine_1, tg_cosine_similarity(beside(x, 1),
                                        beside(tg_detach(tg_add(tg_mul(0, tg_where(tg_isfinite(x), x, 0)), 1)), 0), 1, 1e-8))
FUNCTION(pairwise_1,
         tg_pairwise_distance(beside(x, 1), tg_detach(tg_mul(0, tg_where(tg_isfinite(beside(x, 1)), beside(x, 1), 0))), 2, 0,
                              false))
FUNCTION(cdist_1,
         tg_reshape(tg_cdist(tg_unsqueeze(beside(x, 1), 1), tg_full(tg_tape_of(x), tg_dtype_of(x), TG_SHAPE(1, 2), 0), 2),
                    tg_shape_of(x)))
FUNCTION(response, tg_reshape(tg_local_response_norm(tg_reshape(x, TG_SHAPE(-1, 1, 1)), 1, 1, 0.75, 1), tg_shape_of(x)))

/* clang-format off */
static const swept functions[] = {
#include "ops/sweep_table.h"
};
/* clang-format on */
enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* ---- the fixture ------------------------------------------------------------------------------------------------- */

/* All points of a function in a dtype; NULL for an expected value that is not defined. */
typedef struct points {
    int         count;
    double      x[MOST_POINTS];
    bool        defined[MOST_POINTS][ORDERS];
    long double expected[MOST_POINTS][ORDERS];
} points;

static void take_line(const char *line, points *p) {
    const char *field = strchr(strchr(line, ';') + 1, ';');
    ck_assert(field && p->count < MOST_POINTS);
    p->x[p->count] = (double)strtold(field + 1, NULL);
    for (int order = 0; order < ORDERS; order++) {
        field = strchr(field + 1, ';');
        ck_assert_ptr_nonnull(field);
        p->defined[p->count][order] = !(field[1] == '-' && strchr(";\n", field[2]));
        p->expected[p->count][order] = strtold(field + 1, NULL);
    }
    p->count++;
}

static points points_of(const char *name, tg_dtype dtype) {
    points p = {0};
    char   line[LINE], start[LINE];
    FILE  *file = fopen(source_path("tests/fixtures/sweep.csv"), "r");
    ck_assert_msg(file != NULL, "cannot open tests/fixtures/sweep.csv");
    snprintf(start, sizeof start, "%s;%s;", name, tg_dtype_name(dtype));
    while (fgets(line, sizeof line, file))
        if (strncmp(line, start, strlen(start)) == 0) take_line(line, &p);
    fclose(file);
    ck_assert_msg(p.count >= 20, "%s: no points", name);
    return p;
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

/* The unit in the last place of a number as large as x. */
static long double unit_of(long double x, tg_dtype dtype) {
    int exponent;
    frexpl(x, &exponent);
    int least = dtype == TG_F32 ? -149 : -1074, bits = dtype == TG_F32 ? 24 : 53;
    return ldexpl(1, x == 0 || exponent - bits < least ? least : exponent - bits);
}

/* How many units lie between them; infinite where only one is a number, or infinite. */
static double error_of(double got, long double expected, tg_dtype dtype) {
    if (isnan(got) || isnan(expected)) return isnan(got) && isnan(expected) ? 0 : (double)INFINITY;
    if (isinf(got) || isinf(expected)) return (long double)got == expected ? 0 : (double)INFINITY;
    return (double)(fabsl((long double)got - expected) / unit_of(expected, dtype));
}

/* The worst error of each order; fails for one that is larger than the function may have. */
static int sweep(const swept *s, tg_dtype dtype, double *worst) {
    points    p = points_of(s->name, dtype);
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_cast(tg_constant(tape, TG_F64, TG_SHAPE(p.count), p.x), dtype), y = s->f(x);
    int       compared = 0;
    for (int order = 0; order < ORDERS; order++, y = order < ORDERS ? slope(y, x) : y) {
        double got[MOST_POINTS];
        ck_assert_int_eq(tg_read(tg_cast(y, TG_F64), got, p.count), TG_OK);
        for (int i = 0; i < p.count; i++) {
            if (!p.defined[i][order]) continue;
            double error = error_of(got[i], p.expected[i][order], dtype);
            ck_assert_msg(error <= s->most[order], "%s, %s, derivative %d at %.17g: %.17g, not %.17Lg: %g ulp", s->name,
                          tg_dtype_name(dtype), order, p.x[i], got[i], p.expected[i][order], error);
            if (error > worst[order]) worst[order] = error;
            compared++;
        }
    }
    finish(tape);
    return compared;
}

START_TEST(derivatives_are_right_at_special_points) {
    static const tg_dtype dtypes[] = {TG_F32, TG_F64};
    const char           *path = getenv("TAPEGRAD_SWEEP");
    FILE                 *table = path ? fopen(path, _i ? "a" : "w") : NULL;
    if (table && _i == 0)
        fprintf(table, "| function | values | float32: f | f' | f\" | f\"' | float64: f | f' | f\" | f\"' |\n"
                       "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    double worst[2][ORDERS] = {0};
    int    compared = 0;
    for (int i = 0; i < 2; i++)
        compared += sweep(&functions[_i], dtypes[i], worst[i]);
    if (!table) return;
    fprintf(table, "| %s | %d |", functions[_i].name, compared);
    for (int i = 0; i < 2 * ORDERS; i++)
        fprintf(table, " %.1f |", worst[i / ORDERS][i % ORDERS]);
    fprintf(table, "\n");
    fclose(table);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_sweep(void) {
    Suite *suite = suite_create("sweep");
    TCase *tcase = tcase_create("sweep");
    tcase_add_loop_test(tcase, derivatives_are_right_at_special_points, 0, FUNCTIONS);
    suite_add_tcase(suite, tcase);
    return suite;
}
