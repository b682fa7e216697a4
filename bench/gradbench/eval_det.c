/* bench/gradbench/eval_det.c: the determinant of a matrix by expansion along its first row, of the minors along theirs,
 * and so on: n! products, by intent. (After B. Bell's cmpad, det_by_minor.)
 *
 * SPDX-License-Identifier: MIT */
#include "task.h"

enum { PRIMAL, GRADIENT, MOST_ROWS = 12 };

typedef struct matrix {
    int       n;
    tg_tensor a;
    tg_tensor columns[MOST_ROWS], signs; /* of the tuned form: see make_columns; 1, -1, 1, ... */
} matrix;

/* ---- the plain form: number by number ---------------------------------------------------------------------------- */

/* The determinant of the minor of the rows from `row` on, without the columns whose bits are in `gone`. */
static tg_tensor expand(const tg_tensor *a, int n, int row, unsigned gone) {
    tg_tensor sum = TG_NONE;
    bool      first = true, negative = false;
    for (int j = 0; j < n; j++) {
        if (gone >> j & 1) continue;
        if (row == n - 1) return a[row * n + j];
        tg_tensor term = tg_mul(a[row * n + j], expand(a, n, row + 1, gone | 1u << j));
        sum = first ? term : negative ? tg_sub(sum, term) : tg_add(sum, term);
        first = false;
        negative = !negative;
    }
    return sum;
}

static tg_tensor plain_det(const matrix *m) {
    tg_tensor a[MOST_ROWS * MOST_ROWS];
    tg_unstack(m->a, 0, m->n * m->n, a);
    return expand(a, m->n, 0, 0);
}

/* ---- the tuned form: the same products, all minors of one size at a time ----------------------------------------- */

/* For each minor of the rows from `row` on that the expansion comes to, its columns: those of the minor before without
 * one after the other. */
static int64_t *columns_of_minors(task *t, int n, int row, const int64_t *before, int64_t count) {
    int64_t *columns = task_room(t, (size_t)(count * (n - row)) * sizeof *columns), *next = columns;
    for (int64_t i = 0; i < count; i++)
        for (int j = 0; j < n - row + 1; j++)
            if (j != i % (n - row + 1)) *next++ = before[i / (n - row + 1) * (n - row + 1) + j];
    return columns;
}

static void make_columns(task *t, matrix *m) {
    static const double signs[MOST_ROWS] = {1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1};

    m->signs = task_constant(t, TG_SHAPE(m->n), signs);
    int64_t *columns = task_room(t, (size_t)m->n * sizeof *columns), count = 1;
    for (int j = 0; j < m->n; j++)
        columns[j] = j;
    for (int row = 0; row < m->n; count *= m->n - row++) {
        if (row) columns = columns_of_minors(t, m->n, row, columns, count);
        m->columns[row] = tg_borrow(t->tape, TG_I64, TG_SHAPE(count, m->n - row), columns);
    }
}

static tg_tensor tuned_det(const matrix *m) {
    tg_tensor a = tg_reshape(m->a, TG_SHAPE(m->n, m->n)), det = TG_NONE;
    for (int row = m->n - 1; row >= 0; row--) {
        tg_tensor factors = tg_mul(tg_take(tg_select(a, 0, row), m->columns[row], 0), tg_slice(m->signs, 0, 0, m->n - row, 1));
        if (row < m->n - 1) factors = tg_mul(factors, tg_reshape(det, tg_shape_of(factors)));
        det = tg_sum_axes(factors, TG_AXES(1), false);
    }
    return tg_reshape(det, TG_SHAPE());
}

/* ---- the eval ---------------------------------------------------------------------------------------------------- */

static bool read_input(task *t, const json_t *input) {
    matrix *m = t->state = task_room(t, sizeof *m);
    numbers a;
    int64_t n;
    if (!read_size(t, input, "ell", 1, &n) || !read_numbers(t, input, "A", &a)) return false;
    if (n > MOST_ROWS || a.rows != 1 || a.columns != n * n)
        return task_fail(t, "\"A\" is no matrix of \"ell\" rows, at most %d", MOST_ROWS);
    m->n = (int)n;
    m->a = task_variable(t, "A", TG_SHAPE(n * n), a.values);
    if (t->options.tuned) make_columns(t, m);
    return true;
}

static void record(task *t) {
    const matrix *m = t->state;
    tg_tensor     det = t->options.tuned ? tuned_det(m) : plain_det(m);
    if (t->function == PRIMAL)
        task_result(t, det);
    else
        task_gradient(t, det);
}

static json_t *output(const task *t) {
    return t->function == PRIMAL ? output_number(t) : output_list(t);
}

const eval eval_det = {"det", {"primal", "gradient"}, .read = read_input, .record = record, .output = output};
