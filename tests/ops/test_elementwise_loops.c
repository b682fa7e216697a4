/* tests/ops/test_elementwise_loops.c: an element has the same bits by itself as among others, in each instruction set.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/elementwise_loops.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernels/isa.h"
#include "support.h"

typedef struct row {
    const char *name; /* of the loop: NAME_DTYPE, or of a cast FROM_to_TO */
    tg_loop    *loop;
} row;

#define LOOP(name) {#name, tgi_##name},
static const row rows[] = {
#include "ops/elementwise_names.h"
};
#undef LOOP

enum { ROWS = sizeof rows / sizeof *rows, N = 37, OPERANDS = 3 };

static tg_dtype dtype_called(const char *text) {
    return !strncmp(text, "f32", 3) ? TG_F32 : !strncmp(text, "f64", 3) ? TG_F64 : !strncmp(text, "i64", 3) ? TG_I64 : TG_BOOL;
}

static tg_dtype dtype_of_operands(const row *r) {
    return strstr(r->name, "_to_") ? dtype_called(r->name) : dtype_called(strrchr(r->name, '_') + 1);
}

static tg_dtype dtype_of_operand(const row *r, int j) {
    if (!strncmp(r->name, "where_", 6) && j == 0) return TG_BOOL;
    if (!strncmp(r->name, "at_index_", 9) && j < 2) return TG_I64;
    return dtype_of_operands(r);
}

/* Numbers of all sizes and both signs, those that are none, and small integers, for which operands may be equal. */
static double number(int i, int j) {
    static const double special[] = {0, -0.0, INFINITY, -INFINITY, NAN, 1, -1, 0x1p-1060, 0x1p900, 2, 0.5, -3};
    int                 k = (i * 7 + j * 5 + i * j) % 24;
    return k < 12 ? special[k] : ldexp((i * 13 + j * 11) % 17 - 8, k - 18);
}

static void fill(tg_dtype dtype, int j, void *out) {
    for (int i = 0; i < N; i++) {
        double x = number(i, j);
        if (dtype == TG_F32) ((float *)out)[i] = (float)x;
        if (dtype == TG_F64) ((double *)out)[i] = x;
        if (dtype == TG_I64) ((int64_t *)out)[i] = fabs(x) < 1e6 ? (int64_t)x : i - 18;
        if (dtype == TG_BOOL) ((uint8_t *)out)[i] = x > 0;
    }
}

static size_t width_of_result(const char *name) {
    static const char *const bools[] = {"isnan", "isinf", "isfinite", "logical", "eq_", "ne_", "lt_", "le_", "gt_", "ge_"};
    for (size_t k = 0; k < sizeof bools / sizeof *bools; k++)
        if (!strncmp(name, bools[k], strlen(bools[k]))) return 1;
    return tg_dtype_size(dtype_called(strrchr(name, '_') + 1));
}

START_TEST(an_element_is_the_same_alone) {
    const row           *r = &rows[_i % ROWS];
    static const int64_t step[OPERANDS] = {1, 1, 1};
    static double        operand[OPERANDS][N], together[N], alone[N];
    const size_t         width = width_of_result(r->name);
    const void          *all[OPERANDS];
    if (!tgi_use_isa(_i / ROWS)) return;
    for (int j = 0; j < OPERANDS; j++) {
        fill(dtype_of_operand(r, j), j, operand[j]);
        all[j] = operand[j];
    }
    r->loop(N, together, all, step);
    for (int i = 0; i < N; i++) {
        const void *one[OPERANDS];
        for (int j = 0; j < OPERANDS; j++)
            one[j] = (const char *)operand[j] + (size_t)i * tg_dtype_size(dtype_of_operand(r, j));
        r->loop(1, (char *)alone + (size_t)i * width, one, step);
    }
    for (size_t i = 0; i < N; i++)
        ck_assert_msg(are_same_elements(width, (char *)together + i * width, (char *)alone + i * width), "%s: element %zu",
                      r->name, i);
}
END_TEST

Suite *suite_elementwise_loops(void);
Suite *suite_elementwise_loops(void) {
    Suite *suite = suite_create("elementwise_loops");
    TCase *tcase = tcase_create("alone");
    tcase_add_loop_test(tcase, an_element_is_the_same_alone, 0, ROWS * TGI_ISAS);
    suite_add_tcase(suite, tcase);
    return suite;
}
