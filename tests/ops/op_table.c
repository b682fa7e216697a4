/* tests/ops/op_table.c: drives the rows of the op table.
 *
 * Every check takes one row, and for values one dtype too, and goes through the row's cases. A dtype that an op does not take
 * must be rejected.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/op_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef _WIN32
#include <sys/mman.h>
#endif

#include "ops/trial.h"

#include "core/tape.h" /* last: what is recorded here belongs to the lines of this file */

/* ---- the rows, in one sequence ----------------------------------------------------------------------------------- */

static const op_row *const families[] = {elementwise_rows, math_rows,         matmul_rows,      reduce_rows,
                                         view_rows,        product_rows,      linalg_rows,      activation_rows,
                                         part_rows,        join_rows,         index_rows,       sort_rows,
                                         extreme_rows,     scan_rows,         norm_rows,        softmax_rows,
                                         loss_rows,        class_loss_rows,   dropout_rows,     layer_norm_rows,
                                         attention_rows,   conv_rows,         pool_rows,        mask_rows,
                                         pack_rows,        running_rows,      index_put_rows,   scatter_reduce_rows,
                                         search_rows,      resize_rows,       unpool_rows,      decompose_rows,
                                         ctc_rows,         distance_rows,     margin_loss_rows, image_rows,
                                         bilinear_rows,    embedding_bag_rows};

enum { FAMILIES = sizeof families / sizeof *families };

static int count_rows(const op_row *rows) {
    int count = 0;
    while (rows[count].name)
        count++;
    return count;
}

static int first_of(const op_row *rows) {
    int first = 0;
    for (int i = 0; i < FAMILIES && families[i] != rows; i++)
        first += count_rows(families[i]);
    return first;
}

const op_row *row_at(int index) {
    for (int i = 0; i < FAMILIES; i++) {
        int count = count_rows(families[i]);
        if (index < count) return &families[i][index];
        index -= count;
    }
    return NULL;
}

/* ---- how much is checked ----------------------------------------------------------------------------------------- */

/* In memory that the processes in which Check runs the tests share. On Windows all tests run in one. */
#ifdef _WIN32
static long  own_count;
static long *cases = &own_count;

static void share_count(void) {
}
#else
static long *cases;

static void share_count(void) {
    if (!cases) cases = mmap(NULL, sizeof *cases, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (cases == MAP_FAILED) {
        perror("op table");
        exit(EXIT_FAILURE);
    }
}
#endif

void count_case(void) {
    ++*cases;
}

void print_count(void) {
    int ops = 0;
    while (row_at(ops))
        ops++;
    printf("# Ops: %d, cases: %ld\n", ops, *cases);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static void check_rejected_dtype(const op_row *row, tg_dtype dtype) {
    trial t = begin(row, 0, dtype, PLAIN);
    count_case();
    ck_assert_msg(!tg_valid(t.y), "%s: is not rejected", t.what);
    CHECK_ERROR(t.tape, TG_ERR_DTYPE, row->called, ": ", tg_dtype_name(dtype), "tg_cast");
    finish(t.tape);
}

static void check_case(const op_row *row, int which, tg_dtype dtype, layout as) {
    static values y;
    trial         t = begin(row, which, dtype, as);
    count_case();
    expect(row, &row->cases[which], operands, &y);
    check_values(t.what, t.y, &y);
    finish(t.tape);
}

START_TEST(values_are_right) {
    const op_row *row = row_at(_i / TG_DTYPES);
    tg_dtype      dtype = (tg_dtype)(_i % TG_DTYPES);
    if (!(row->takes >> dtype & 1))
        check_rejected_dtype(row, dtype);
    else
        for (int i = 0; i < row->case_count; i++)
            check_case(row, i, dtype, PLAIN);
}
END_TEST

START_TEST(values_of_views_are_right) {
    const op_row *row = row_at(_i);
    for (tg_dtype dtype = 0; dtype < TG_DTYPES; dtype++)
        for (int i = 0; i < row->case_count && row->takes >> dtype & 1; i++)
            for (layout as = TRANSPOSED; as < LAYOUTS; as++)
                check_case(row, i, dtype, as);
}
END_TEST

/* The same instruction, run again, gives the same bits. */
START_TEST(runs_again) {
    const op_row *row = row_at(_i);
    static values y;
    for (int i = 0; i < row->case_count; i++) {
        trial t = begin(row, i, dtype_for(row, TG_F64), RESHAPED);
        count_case();
        expect(row, &row->cases[i], operands, &y);
        for (int run = 0; run < 2; run++) {
            tg_seed(t.tape, TRIAL_SEED);
            ck_assert_int_eq(tg_run(t.tape), TG_OK);
        }
        check_values(t.what, t.y, &y);
        finish(t.tape);
    }
}
END_TEST

/* ---- gradients --------------------------------------------------------------------------------------------------- */

/* Of the square of the result: what a rule is given then depends on the operands, so that the second order also differentiates the
 * rules of linear functions, and the ops that only rules record. */
static void check_gradient(const op_row *row, int which, layout as, int order) {
    tg_tensor leaves[MOST_OPERANDS];
    trial     t = begin(row, which, TG_F64, as);
    ck_assert_msg(tg_valid(t.y), "%s: %s", t.what, tg_error(t.tape));
    int                 count = floating_leaves(row, &t, leaves);
    tg_gradcheck_report report = {.order = order};
    if (count && tg_dtype_of(t.y) == TG_F64) {
        ck_assert_msg(tg_gradcheck(tg_square(t.y), count, leaves, &report) == TG_OK, "%s: %s", t.what, tg_error(t.tape));
        count_case();
    }
    finish(t.tape);
}

START_TEST(second_derivatives_are_right) {
    const op_row *row = row_at(_i);
    for (int i = 0; i < row->case_count; i++)
        if (is_small(&row->cases[i])) check_gradient(row, i, PLAIN, 2);
}
END_TEST

/* The sum of the products of the elements of two lists of tensors, which have the same shapes; and that of their sizes. */
static tg_tensor inner_product(int count, const tg_tensor *a, const tg_tensor *b, bool absolute) {
    tg_tensor sum = tg_sum(absolute ? tg_abs(tg_mul(a[0], b[0])) : tg_mul(a[0], b[0]));
    for (int k = 1; k < count; k++)
        sum = tg_add(sum, tg_sum(absolute ? tg_abs(tg_mul(a[k], b[k])) : tg_mul(a[k], b[k])));
    return sum;
}

/* u (J v) = (J^T u) v for any u and v, and the same for the gradients of both sides, as far as they have any. */
static void check_tangents(const op_row *row, int which, layout as) {
    trial     t = begin(row, which, TG_F64, as);
    tg_tensor leaves[MOST_OPERANDS], v[MOST_OPERANDS], g[MOST_OPERANDS], u = tg_randn(t.tape, TG_F64, tg_shape_of(t.y)), moved;
    int       count = floating_leaves(row, &t, leaves);
    if (!count || tg_dtype_of(t.y) != TG_F64) {
        finish(t.tape);
        return;
    }
    for (int k = 0; k < count; k++)
        v[k] = tg_randn(t.tape, TG_F64, tg_shape_of(leaves[k]));
    ck_assert_msg(!tg_vjp(t.tape, 1, &t.y, &u, count, leaves, g), "%s: %s", t.what, tg_error(t.tape));
    ck_assert_msg(!tg_jvp(t.tape, count, leaves, v, 1, &t.y, &moved), "%s: %s", t.what, tg_error(t.tape));
    ck_assert_msg(tg_shape_equal(tg_shape_of(moved), tg_shape_of(t.y)), "%s: the tangent's shape", t.what);
    tg_tensor forward = inner_product(1, &u, &moved, false), backward = inner_product(count, g, v, false),
              scale = tg_add(inner_product(1, &u, &moved, true), inner_product(count, g, v, true)), of[2];
    ck_assert_msg(!tg_vjp(t.tape, 1, &forward, NULL, 1, leaves, &of[0]) &&
                      !tg_vjp(t.tape, 1, &backward, NULL, 1, leaves, &of[1]),
                  "%s: %s", t.what, tg_error(t.tape));
    tg_tensor difference = tg_sum(tg_abs(tg_sub(of[0], of[1]))), size = tg_sum(tg_abs(of[0]));
    ck_assert_msg(!tg_run(t.tape), "%s: %s", t.what, tg_error(t.tape));
    ck_assert_msg(fabs(tg_item(forward) - tg_item(backward)) <= 1e-10 * (tg_item(scale) + 1),
                  "%s: by tangents %.17g, by gradients %.17g", t.what, tg_item(forward), tg_item(backward));
    ck_assert_msg(tg_item(difference) <= 1e-8 * (tg_item(size) + 1), "%s: the gradient of that differs by %g of %g", t.what,
                  tg_item(difference), tg_item(size));
    count_case();
    finish(t.tape);
}

START_TEST(tangents_are_right) {
    const op_row *row = row_at(_i);
    for (int i = 0; i < row->case_count; i++) {
        check_tangents(row, i, PLAIN);
        check_tangents(row, i, TRANSPOSED);
    }
}
END_TEST

START_TEST(third_derivatives_are_right) {
    check_gradient(row_at(_i), 0, PLAIN, 3);
}
END_TEST

START_TEST(derivatives_through_views_are_right) {
    const op_row *row = row_at(_i);
    for (int i = 0; i < row->case_count; i++)
        for (layout as = TRANSPOSED; as < LAYOUTS && is_small(&row->cases[i]); as++)
            check_gradient(row, i, as, as == TRANSPOSED ? 2 : 1);
}
END_TEST

START_TEST(float32_gradients_are_right) {
    static values narrow[MOST_OPERANDS], wide[MOST_OPERANDS];
    const op_row *row = row_at(_i);
    for (int i = 0; i < row->case_count; i++) {
        trial f32 = begin(row, i, TG_F32, TRANSPOSED), f64 = begin(row, i, TG_F64, PLAIN);
        if (is_floating(tg_dtype_of(f32.y))) {
            trial back = f32;
            gradients_of(row, &f64, wide);
            for (int k = 0; k < row->arity; k++) /* of the view, whose elements are in the order of the plain ones */
                back.leaf[k] = f32.x[k];
            gradients_of(row, &back, narrow);
            tg_tensor leaves[MOST_OPERANDS];
            for (int k = floating_leaves(row, &f32, leaves) - 1; k >= 0; k--)
                check_near_f32(f32.what, &narrow[k], &wide[k]);
            count_case();
        }
        finish(f32.tape);
        finish(f64.tape);
    }
}
END_TEST

START_TEST(no_gradient_flows) {
    const op_row *row = row_at(_i);
    tg_tape      *tape = tg_tape_new();
    tg_tensor     w = tg_parameter(tape, "w", 2.0), g = {0};
    tg_tensor     y = row->record((tg_tensor[]){w, w}, &row->cases[0].with);
    count_case();
    ck_assert(!tg_requires_grad(y));
    ck_assert_int_eq(tg_vjp(tape, 1, &y, NULL, 1, &w, &g), TG_ERR_DTYPE);
    CHECK_ERROR(tape, TG_ERR_DTYPE, "vjp", "bool");
    finish(tape);
}
END_TEST

/* ---- plain numbers ----------------------------------------------------------------------------------------------- */

/* A number at place k gives what a constant of rank 0 gives there. */
static void check_number(const op_row *row, int k, tg_dtype dtype) {
    static values y;
    trial         t = begin(row, 0, dtype, PLAIN);
    tg_tensor     number = tg_full(t.tape, dtype, TG_SHAPE(), 1);
    t.x[k] = number;
    count_case();
    read_values(t.what, row->record(t.x, &row->cases[0].with), &y);
    t.x[k] = tg_num(1);
    y.scale = 0;
    check_values(t.what, row->record(t.x, &row->cases[0].with), &y);
    finish(t.tape);
}

START_TEST(numbers_stand_for_tensors) {
    const op_row *row = row_at(_i);
    for (tg_dtype dtype = 0; dtype < TG_DTYPES; dtype++)
        for (int k = row->condition; k < row->arity && row->takes >> dtype & 1; k++)
            check_number(row, k, dtype);
}
END_TEST

START_TEST(int64_takes_no_fraction) {
    const op_row *row = row_at(_i);
    trial         t = begin(row, 0, TG_I64, PLAIN);
    count_case();
    t.x[row->arity - 1] = tg_num(1.5);
    ck_assert(!tg_valid(row->record(t.x, &row->cases[0].with)));
    CHECK_ERROR(t.tape, TG_ERR_DTYPE, row->called, "1.5", "int64");
    finish(t.tape);
}
END_TEST

START_TEST(numbers_alone_are_nowhere) {
    const op_row *row = row_at(_i);
    tg_tensor     numbers[MOST_OPERANDS] = {tg_num(1), tg_num(1), tg_num(1)};
    count_case();
    ck_assert(!tg_valid(row->record(numbers, &row->cases[0].with)));
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static void check_unchanged(const trial *t, int64_t count) {
    count_case();
    ck_assert_msg(tg_instruction_count(t->tape) == count, "%s: an error leaves instructions", t->what);
}

START_TEST(dtypes_never_mix) {
    const op_row *row = row_at(_i);
    trial         t = begin(row, 0, TG_F32, PLAIN);
    t.x[row->arity - 1] = tg_full(t.tape, TG_F64, row->cases[0].shape[row->arity - 1], 1);
    int64_t count = tg_instruction_count(t.tape);
    ck_assert(!tg_valid(row->record(t.x, &row->cases[0].with)));
    check_unchanged(&t, count);
    CHECK_ERROR(t.tape, TG_ERR_DTYPE, row->called, "float32", "float64", "tg_cast", ".c:");
    finish(t.tape);
}
END_TEST

START_TEST(shapes_that_do_not_fit_are_rejected) {
    const op_row *row = row_at(_i);
    trial         t = begin(row, 0, TG_F32, PLAIN);
    t.x[row->arity - 2] = tg_full(t.tape, TG_F32, TG_SHAPE(2, 3), 1);
    t.x[row->arity - 1] = tg_full(t.tape, TG_F32, TG_SHAPE(4), 1);
    int64_t count = tg_instruction_count(t.tape);
    ck_assert(!tg_valid(row->record(t.x, &row->cases[0].with)));
    check_unchanged(&t, count);
    CHECK_ERROR(t.tape, TG_ERR_SHAPE, row->called, ": ", "(2, 3) x (4): ", ".c:");
    finish(t.tape);
}
END_TEST

static void check_handle(const op_row *row, trial *t, int k, tg_tensor bad) {
    tg_tensor good = t->x[k];
    t->x[k] = bad;
    int64_t count = tg_instruction_count(t->tape);
    ck_assert_msg(!tg_valid(row->record(t->x, &row->cases[0].with)), "%s: operand %d is no tensor", t->what, k + 1);
    check_unchanged(t, count);
    if (row->arity > 1) CHECK_ERROR(t->tape, TG_ERR_HANDLE, row->called, ": operand");
    t->x[k] = good;
    tg_clear_error(t->tape);
}

START_TEST(bad_handles_are_rejected) {
    const op_row *row = row_at(_i);
    tg_dtype      dtype = dtype_for(row, TG_F32);
    trial         t = begin(row, 0, dtype, PLAIN), other = begin(row, 0, dtype, PLAIN);
    tg_mark       mark = tg_tape_mark(t.tape);
    tg_tensor     stale = tg_full(t.tape, TG_F32, row->cases[0].shape[0], 1);
    tg_rewind(t.tape, mark);
    for (int k = 0; k < row->arity; k++) {
        check_handle(row, &t, k, stale);
        if (row->arity > 1) check_handle(row, &t, row->arity - 1, other.x[k]);
        if (row->arity > 1) check_handle(row, &t, k, (tg_tensor){0});
    }
    t.x[0] = stale;
    ck_assert(!tg_valid(row->record(t.x, &row->cases[0].with)));
    CHECK_ERROR(t.tape, TG_ERR_HANDLE, row->called, ": ", "operand", "stale", ".c:");
    finish(t.tape);
    finish(other.tape);
}
END_TEST

START_TEST(first_error_stays) {
    const op_row *row = row_at(_i);
    trial         t = begin(row, 0, dtype_for(row, TG_F32), PLAIN);
    int64_t       count = tg_instruction_count(t.tape);
    tg_tensor     invalid = tg_find(t.tape, "nobody");
    ck_assert(!tg_valid(row->record(t.x, &row->cases[0].with)));
    t.x[0] = invalid;
    ck_assert(!tg_valid(row->record(t.x, &row->cases[0].with)));
    check_unchanged(&t, count);
    CHECK_ERROR(t.tape, TG_ERR_NAME, "find: ", "nobody");
    finish(t.tape);
}
END_TEST

/* ---- whose line it is --------------------------------------------------------------------------------------------- */

/* What is recorded on the inside too, and what the gradient rules record. */
static void check_lines(const op_row *row, int which) {
    trial     t = begin(row, which, dtype_for(row, TG_F64), PLAIN);
    tg_tensor leaves[MOST_OPERANDS], grads[MOST_OPERANDS];
    int       count = floating_leaves(row, &t, leaves);
    if (count && is_floating(tg_dtype_of(t.y))) tg_vjp(t.tape, 1, &t.y, NULL, count, leaves, grads);
    for (uint32_t i = 0; i < t.tape->count; i++)
        ck_assert_msg(tgi_node_at(t.tape, i)->file != NULL, "%s: %s has no line", t.what, tgi_node_at(t.tape, i)->op->name);
    count_case();
    finish(t.tape);
}

START_TEST(instructions_belong_to_a_line_of_the_user) {
    const op_row *row = row_at(_i);
    for (int i = 0; i < row->case_count; i++)
        check_lines(row, i);
}
END_TEST

/* ---- PyTorch as referee ------------------------------------------------------------------------------------------ */

START_TEST(pytorch_agrees) {
    check_pytorch(row_at(_i));
}
END_TEST

/* ---- no function without a row ----------------------------------------------------------------------------------- */

static bool has_row(const char *name, size_t length) {
    for (int i = 0; row_at(i); i++)
        if (strlen(row_at(i)->name) == length && !memcmp(row_at(i)->name, name, length)) return true;
    return false;
}

/* The number of functions in a header; those of a tape make leaves, and have no operands to be tested with. */
static int check_header(const char *name) {
    static const char prototype[] = "tg_tensor tg_";
    char              line[256];
    int               functions = 0;
    FILE             *file = fopen(source_path(name), "r");
    ck_assert_msg(file != NULL, "cannot open %s", name);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, prototype, strlen(prototype)) != 0 || strstr(line, "(tg_tape *")) continue;
        const char *function = line + strlen(prototype);
        size_t      length = strcspn(function, "(");
        ck_assert_msg(has_row(function, length), "tg_%.*s has no row in the tests of ops", (int)length, function);
        functions++;
    }
    fclose(file);
    return functions;
}

START_TEST(every_function_has_a_row) {
    static const char *const headers[] = {"include/tapegrad/ops.h",  "include/tapegrad/product.h", "include/tapegrad/linalg.h",
                                          "include/tapegrad/nn.h",   "include/tapegrad/view.h",    "include/tapegrad/index.h",
                                          "include/tapegrad/loss.h", "include/tapegrad/conv.h"};
    int                      functions = 0, rows = 0;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        functions += check_header(headers[i]);
    while (row_at(rows))
        rows++;
    ck_assert_int_eq(functions, rows);
}
END_TEST

void add_completeness(Suite *suite) {
    TCase *tcase = tcase_create("completeness");
    tcase_add_test(tcase, every_function_has_a_row);
    suite_add_tcase(suite, tcase);
}

/* ---- which row goes through what --------------------------------------------------------------------------------- */

static void add_value_checks(TCase *tcase, const op_row *row, int i) {
    tcase_add_loop_test(tcase, values_are_right, i * TG_DTYPES, (i + 1) * TG_DTYPES);
    tcase_add_loop_test(tcase, values_of_views_are_right, i, i + 1);
    tcase_add_loop_test(tcase, runs_again, i, i + 1);
    tcase_add_loop_test(tcase, instructions_belong_to_a_line_of_the_user, i, i + 1);
    tcase_add_loop_test(tcase, pytorch_agrees, i, i + 1);
    tcase_add_loop_test(tcase, numbers_alone_are_nowhere, i, i + 1);
    if (row->arity > 1 && !row->expect) tcase_add_loop_test(tcase, numbers_stand_for_tensors, i, i + 1);
}

static void add_gradient_checks(TCase *tcase, const op_row *row, int i) {
    if (row->compares && !row->expect) tcase_add_loop_test(tcase, no_gradient_flows, i, i + 1);
    if (row->compares) return;
    tcase_add_loop_test(tcase, second_derivatives_are_right, i, i + 1);
    tcase_add_loop_test(tcase, tangents_are_right, i, i + 1);
    tcase_add_loop_test(tcase, third_derivatives_are_right, i, i + 1);
    tcase_add_loop_test(tcase, derivatives_through_views_are_right, i, i + 1);
    tcase_add_loop_test(tcase, float32_gradients_are_right, i, i + 1);
}

static void add_error_checks(TCase *tcase, const op_row *row, int i) {
    tcase_add_loop_test(tcase, bad_handles_are_rejected, i, i + 1);
    tcase_add_loop_test(tcase, first_error_stays, i, i + 1);
    if (row->arity < 2 || row->indices) return;
    tcase_add_loop_test(tcase, dtypes_never_mix, i, i + 1);
    tcase_add_loop_test(tcase, shapes_that_do_not_fit_are_rejected, i, i + 1);
    if (row->takes >> TG_I64 & 1) tcase_add_loop_test(tcase, int64_takes_no_fraction, i, i + 1);
}

void add_rows(Suite *suite, const op_row *rows) {
    TCase *tcase = tcase_create("table");
    share_count();
    tcase_set_timeout(tcase, 60);
    for (int k = 0, first = first_of(rows); rows[k].name; k++) {
        add_value_checks(tcase, &rows[k], first + k);
        add_gradient_checks(tcase, &rows[k], first + k);
        add_error_checks(tcase, &rows[k], first + k);
    }
    suite_add_tcase(suite, tcase);
}
