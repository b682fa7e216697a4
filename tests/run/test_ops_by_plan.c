/* tests/run/test_ops_by_plan.c: every op of the table gives the same bits by a plan as one instruction at a time.
 *
 * Each case goes, in each dtype and layout, over two tapes that record the same: its result, the gradients, and of small cases
 * those of the gradients' squares. One tape runs all of it by a plan, the other each instruction when it is recorded. They do so
 * twice: with every value kept that is recorded; and with the results alone kept, and elementwise neighbours before and behind the
 * op, that it may be fused with. No bit may differ, but any NaN is a NaN.
 *
 * SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "ops/trial.h"

enum { ORDERS = 2, MOST_RESULTS = 1 + ORDERS * MOST_OPERANDS };

typedef struct result {
    tg_tensor x;
    tg_dtype  dtype;
    int64_t   size;
    double    values[MOST_ELEMENTS]; /* as they lie in memory, whatever the dtype */
} result;

typedef struct outcome {
    int    count;
    result of[MOST_RESULTS];
} outcome;

/* ---- what is recorded -------------------------------------------------------------------------------------------- */

static void add_result(outcome *o, tg_tensor x) {
    result *r = &o->of[o->count++];
    r->x = x;
    r->dtype = tg_dtype_of(x);
    r->size = tg_size(x);
    ck_assert(r->size <= MOST_ELEMENTS);
    tg_keep(x);
}

/* The sum of the squares of some tensors. */
static tg_tensor squares(int count, const tg_tensor *x) {
    tg_tensor sum = tg_sum(tg_square(x[0]));
    for (int k = 1; k < count; k++)
        sum = tg_add(sum, tg_sum(tg_square(x[k])));
    return sum;
}

/* Of the same elements; of bool, of the others. */
static tg_tensor neighbour(tg_tensor x) {
    return tg_dtype_of(x) == TG_BOOL ? tg_logical_not(x) : tg_mul(1, x);
}

static tg_tensor record_result(const op_row *row, int which, const trial *t, bool alone) {
    tg_tensor x[MOST_OPERANDS];
    for (int k = 0; k < row->arity; k++)
        x[k] = alone ? t->x[k] : neighbour(t->x[k]);
    tg_tensor y = row->record(x, &row->cases[which].with);
    return alone ? y : neighbour(y);
}

static void record(const op_row *row, int which, const trial *t, bool alone, outcome *o) {
    tg_tensor leaves[MOST_OPERANDS], grads[MOST_OPERANDS], y = record_result(row, which, t, alone);
    int       count = floating_leaves(row, t, leaves), orders = is_small(&row->cases[which]) ? ORDERS : 1;
    o->count = 0;
    add_result(o, y);
    if (!count || !is_floating(tg_dtype_of(y))) return;
    tg_tensor s = squares(1, &y);
    for (int order = 0; order < orders && !tg_vjp(t->tape, 1, &s, NULL, count, leaves, grads); order++) {
        for (int k = 0; k < count; k++)
            add_result(o, grads[k]);
        s = squares(count, grads);
    }
}

/* ---- how it is run ----------------------------------------------------------------------------------------------- */

/* What the plans came to. */
typedef struct tally {
    int64_t plans, fused;
} tally;

static trial perform(const op_row *row, int which, tg_dtype dtype, layout as, bool alone, bool eager, outcome *o, tally *sums) {
    trial t = place(row, which, dtype, as);
    tg_set_keep(t.tape, alone ? TG_KEEP_RECORDED : TG_KEEP_ASKED);
    tg_set_eager(t.tape, eager);
    record(row, which, &t, alone, o);
    for (int i = 0; i < o->count; i++)
        tg_read(o->of[i].x, (void *)o->of[i].values, o->of[i].size);
    ck_assert_msg(!tg_error_status(t.tape), "%s: %s", t.what, tg_error(t.tape));
    ck_assert(!eager || !tg_stats(t.tape).plans);
    sums->plans += tg_stats(t.tape).plans;
    sums->fused += tg_stats(t.tape).fused;
    tg_tape_free(t.tape);
    return t;
}

/* ---- the comparison ---------------------------------------------------------------------------------------------- */

static double number_at(const result *r, int64_t i) {
    switch (r->dtype) {
    case TG_F32: return (double)((const float *)(const void *)r->values)[i];
    case TG_F64: return r->values[i];
    case TG_I64: return (double)((const int64_t *)(const void *)r->values)[i];
    default: return (double)((const bool *)(const void *)r->values)[i];
    }
}

static bool is_same(const result *x, const result *y, int64_t i) {
    size_t width = tg_dtype_size(x->dtype), at = (size_t)i * width;
    return !memcmp((const char *)x->values + at, (const char *)y->values + at, width) ||
           (isnan(number_at(x, i)) && isnan(number_at(y, i)));
}

/* Check writes a file each time something is asserted: not for each element. */
static void check_same(const char *what, const outcome *a, const outcome *b) {
    ck_assert_int_eq(a->count, b->count);
    for (int k = 0; k < a->count; k++) {
        const result *x = &a->of[k], *y = &b->of[k];
        ck_assert(x->dtype == y->dtype && x->size == y->size);
        for (int64_t i = 0; i < x->size; i++)
            if (!is_same(x, y, i))
                ck_abort_msg("%s, result %d: element %" PRId64 " is %.17g by the plan, and %.17g", what, k, i, number_at(x, i),
                             number_at(y, i));
    }
}

static void check_case(const op_row *row, int which, tg_dtype dtype, layout as, bool alone, tally *sums) {
    static outcome by_plan, one_by_one;
    trial          t = perform(row, which, dtype, as, alone, false, &by_plan, sums);
    perform(row, which, dtype, as, alone, true, &one_by_one, sums);
    check_same(t.what, &by_plan, &one_by_one);
    count_case();
}

START_TEST(plans_change_no_bit_of_an_op) {
    const op_row *row = row_at(_i / 2);
    bool          alone = _i % 2;
    tally         sums = {0};
    for (tg_dtype dtype = 0; dtype < TG_DTYPES; dtype++)
        for (int which = 0; which < row->case_count && row->takes >> dtype & 1; which++)
            for (layout as = PLAIN; as < LAYOUTS; as++)
                check_case(row, which, dtype, as, alone, &sums);
    ck_assert_msg(sums.plans > 0, "tg_%s: no plan", row->name);
    ck_assert_msg(sums.fused > 0 || alone, "tg_%s: nothing is fused", row->name);
}
END_TEST

Suite *suite_ops_by_plan(void) {
    Suite *suite = suite_create("run/ops");
    TCase *tcase = tcase_create("by plan");
    int    rows = 0;
    while (row_at(rows))
        rows++;
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, plans_change_no_bit_of_an_op, 0, 2 * rows);
    suite_add_tcase(suite, tcase);
    return suite;
}
