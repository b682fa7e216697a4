/* tests/emit/test_emit_ops.c: every op of the table, and its gradients, as C: the values are the library's, up to rounding.
 *
 * The cases of a row are parts of one tape, and functions of one C file. Each goes through every dtype that the op takes, with operands
 * that lie, by turns, as they come and as views of other arrays. Floating values may differ by what functions of <math.h> and other
 * orders of addition make of rounding. So are those of the same parts when they are compiled.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "emit/emitted.h"
#include "ops/trial.h"

enum { MOST_CASES = 400 };

/* ---- what is recorded -------------------------------------------------------------------------------------------- */

static tg_tensor squares(int count, const tg_tensor *x) {
    tg_tensor sum = tg_sum(tg_square(x[0]));
    for (int k = 1; k < count; k++)
        sum = tg_add(sum, tg_sum(tg_square(x[k])));
    return sum;
}

static void add_output(emitted_function *f, tg_tensor y) {
    f->outputs[f->count++] = y;
    tg_keep(y);
}

/* The result; the gradients of its square; and of small cases those of their squares. */
static void record(const op_row *row, int which, const trial *t, emitted_function *f) {
    tg_tensor leaves[MOST_OPERANDS], grads[MOST_OPERANDS], y = row->record(t->x, &row->cases[which].with);
    int       count = floating_leaves(row, t, leaves), orders = which == 0 && is_small(&row->cases[which]) ? 2 : 1;
    add_output(f, y);
    if (!count || !is_floating(tg_dtype_of(y))) return;
    tg_tensor s = squares(1, &y);
    for (int order = 0; order < orders && !tg_vjp(t->tape, 1, &s, NULL, count, leaves, grads); order++) {
        for (int k = 0; k < count; k++)
            add_output(f, grads[k]);
        s = squares(count, grads);
    }
}

static int record_row(tg_tape *tape, const op_row *row, emitted_function *functions) {
    int count = 0;
    for (tg_dtype dtype = 0; dtype < TG_DTYPES; dtype++)
        for (int which = 0; which < row->case_count && row->takes >> dtype & 1 && count < MOST_CASES; which++) {
            emitted_function *f = &functions[count];
            *f = (emitted_function){.count = 0};
            snprintf(f->part, sizeof f->part, "case%d", count);
            tg_begin_part(tape, f->part);
            trial t = place_on(tape, row, which, dtype, (layout)(count++ % LAYOUTS));
            snprintf(f->what, sizeof f->what, "%s", t.what);
            record(row, which, &t, f);
            tg_end_part(tape);
            if (tg_error_status(tape)) return 0;
        }
    return count;
}

/* ---- the comparison ---------------------------------------------------------------------------------------------- */

static double largest_of(const double *x, int64_t n) {
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(x[i])) most = fmax(most, fabs(x[i]));
    return most;
}

/* Rounding errors are relative to the largest element, or to what was added up to nearly nothing, as in gradients of what is normalized. */
static bool is_near(double x, double y, double scale, double tolerance) {
    if (isnan(x) || isnan(y)) return isnan(x) && isnan(y);
    if (isinf(x) || isinf(y)) return x == y;
    return fabs(x - y) <= tolerance * (fabs(y) + scale);
}

static double number_at(tg_dtype dtype, const void *data, int64_t i) {
    switch (dtype) {
    case TG_F32: return (double)((const float *)data)[i];
    case TG_F64: return ((const double *)data)[i];
    case TG_I64: return (double)((const int64_t *)data)[i];
    default: return ((const bool *)data)[i];
    }
}

static void check_output(const emitted_function *f, int j) {
    static double expected[MOST_ELEMENTS];
    tg_tensor     y = f->outputs[j];
    tg_dtype      dtype = tg_dtype_of(y);
    int64_t       size = tg_size(y);
    const void   *data = tg_data(y);
    ck_assert_msg(data != NULL, "%s: %s", f->what, tg_error(y.tape));
    ck_assert(size <= MOST_ELEMENTS);
    if (!is_floating(dtype)) {
        ck_assert_msg(!memcmp(data, f->values[j], (size_t)size * tg_dtype_size(dtype)), "%s, output %d", f->what, j);
        return;
    }
    for (int64_t i = 0; i < size; i++)
        expected[i] = number_at(dtype, data, i);
    double scale = fmax(largest_of(expected, size), 0.5), tolerance = dtype == TG_F32 ? 2e-5 : 1e-12;
    for (int64_t i = 0; i < size; i++) {
        double got = number_at(dtype, f->values[j], i);
        if (!is_near(got, expected[i], scale, tolerance))
            ck_abort_msg("%s, output %d: element %d is %.17g, and %.17g in the library", f->what, j, (int)i, got, expected[i]);
    }
}

static void run_and_check(tg_tape *tape, int count, const emitted_function *functions) {
    for (int k = 0; k < count; k++) {
        ck_assert_msg(!tg_run_part(tape, functions[k].part), "%s: %s", functions[k].what, tg_error(tape));
        for (int j = 0; j < functions[k].count; j++)
            check_output(&functions[k], j);
    }
}

/* The library's values take the place of those of the C file, and the parts are compiled. */
static void check_compiled(tg_tape *tape, int count, const emitted_function *functions) {
    static const char *const flags[] = {"-O0", NULL};
    for (int k = 0; k < count; k++)
        for (int j = 0; j < functions[k].count; j++) {
            tg_tensor y = functions[k].outputs[j];
            memcpy(functions[k].values[j], tg_data(y), (size_t)tg_size(y) * tg_dtype_size(tg_dtype_of(y)));
        }
    ck_assert_msg(!tg_compile(tape, NULL, &(tg_compile_options){.flags = flags}), "%s", tg_error(tape));
    tg_seed(tape, TRIAL_SEED);
    run_and_check(tape, count, functions);
    ck_assert(tg_is_compiled(tape, functions[0].part));
}

START_TEST(ops_give_the_same_in_c) {
    const op_row           *row = row_at(_i);
    static emitted_function functions[MOST_CASES];
    char                    name[NAME_TEXT];
    tg_tape                *tape = tg_tape_new();
    int                     count = record_row(tape, row, functions);
    tg_seed(tape, TRIAL_SEED); /* for what draws when it runs */
    snprintf(name, sizeof name, "op_%s", row->name);
    if (!count) {
        ck_assert_msg(strstr(tg_error(tape), "not in a part") != NULL, "%s: %s", row->name, tg_error(tape));
        tg_tape_free(tape);
        return;
    }
    bool written = run_emitted(tape, name, "-O0 " EMITTED_SANITIZERS, count, functions, 1);
    ck_assert_msg(written, "%s: %s", row->name, tg_error(tape));
    run_and_check(tape, count, functions);
    if (can_compile()) check_compiled(tape, count, functions);
    for (int k = 0; k < count; k++)
        for (int j = 0; j < functions[k].count; j++)
            free(functions[k].values[j]);
    tg_tape_free(tape);
}
END_TEST

Suite *suite_emit_ops(void) {
    Suite *suite = suite_create("emit/ops");
    TCase *tcase = tcase_create("in C");
    int    rows = 0;
    while (row_at(rows))
        rows++;
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, ops_give_the_same_in_c, 0, rows);
    suite_add_tcase(suite, tcase);
    return suite;
}
