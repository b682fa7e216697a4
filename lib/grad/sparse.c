/* grad/sparse.c: sparse Jacobians and Hessians.
 *
 * What depends on what is found on the tape, and colored. Recorded is the compressed matrix, a line for each color, by a loop as in
 * matrix.c; and the entries are taken out of it, by a table of their places.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/residency.h"
#include "grad/grad.h"
#include "grad/sparsity.h"
#include "ops/ops.h"

/* ---- what is asked for ---------------------------------------------------------------------------------------------- */

typedef struct matrix {
    tg_tape         *tape;
    const char      *what;
    tg_tensor        y;
    int              n;
    const tg_tensor *inputs;
    int64_t          rows, columns;
    bool             symmetric;

    tgi_entries entries, transposed;
    bool        by_columns; /* columns are added up, not rows */
    int64_t     colors;
    uint32_t   *color; /* of each column, or of each row */

    tg_tensor *mask;  /* for each input its colors, in its shape; or for y */
    tg_tensor *seeds; /* room for as many, and for gradients */
} matrix;

static tg_status check(matrix *m) {
    if (tgi_check_list(m->tape, m->what, "output", 1, &m->y) || tgi_check_list(m->tape, m->what, "input", m->n, m->inputs))
        return m->tape->status;
    tg_dtype dtype = tg_dtype_of(m->y);
    for (int k = 0; k < m->n; k++)
        if (tg_dtype_of(m->inputs[k]) != dtype)
            return tgi_fail(m->tape, TG_ERR_DTYPE, m->what, "y is %s and input %d is %s: they must have one dtype",
                            tg_dtype_name(dtype), k, tg_dtype_name(tg_dtype_of(m->inputs[k])));
    m->rows = tg_size(m->y);
    for (int k = 0; k < m->n; k++)
        m->columns += tg_size(m->inputs[k]);
    return TG_OK;
}

/* ---- where the entries are -------------------------------------------------------------------------------------------- */

/* A derivative that is not 0 in one place is none in the other, by symmetry; where a rule knows that of one place only, it is in both. */
static tg_status make_symmetric(matrix *m) {
    tgi_entries united = {0};
    if (tgi_transpose(&m->transposed, &m->entries)) return m->tape->status;
    tgi_unite_entries(&united, &m->entries, &m->transposed);
    tgi_free_entries(&m->entries);
    m->entries = united;
    return m->tape->status;
}

static tg_status find_entries(matrix *m) {
    tgi_dependence d;
    if (!tgi_find_dependence(&d, m->tape, m->what, m->n, m->inputs, 1, &m->y)) tgi_sparse_entries(&m->entries, &d);
    tgi_free_dependence(&d);
    if (m->tape->status) return m->tape->status;
    return m->symmetric ? make_symmetric(m) : tgi_transpose(&m->transposed, &m->entries);
}

/* ---- colors -------------------------------------------------------------------------------------------------------------- */

/* Takes them if they are fewer than those that are there. */
static void take_colors(matrix *m, int64_t count, uint32_t *color, bool by_columns) {
    bool better = count >= 0 && (!m->color || count < m->colors);
    tgi_pool_give(&m->tape->pool, better ? m->color : color);
    if (!better) return;
    m->color = color;
    m->colors = count;
    m->by_columns = by_columns;
}

/* Colors the columns, or the rows, where they can be fewer than those that are there. */
static tg_status color_lines(matrix *m, bool by_columns) {
    const tgi_entries *e = by_columns ? &m->entries : &m->transposed, *t = by_columns ? &m->transposed : &m->entries;
    if (m->color && tgi_fewest_colors(e) >= m->colors) return TG_OK;
    uint32_t *color = tgi_pool_take(&m->tape->pool, (size_t)e->columns * sizeof *color);
    if (!color) return tgi_out_of_memory(m->tape, m->what);
    take_colors(m, tgi_color_columns(e, t, color), color, by_columns);
    return m->tape->status;
}

/* The products with a symmetric matrix are those of a backward walk. */
static tg_status color_symmetric(matrix *m) {
    uint32_t *color = tgi_pool_take(&m->tape->pool, (size_t)m->rows * sizeof *color);
    if (!color) return tgi_out_of_memory(m->tape, m->what);
    take_colors(m, tgi_color_symmetric(&m->entries, color), color, false);
    return m->tape->status;
}

static tg_status find_colors(matrix *m) {
    if (m->symmetric) return color_symmetric(m);
    bool columns_first = tgi_fewest_colors(&m->entries) <= tgi_fewest_colors(&m->transposed);
    return color_lines(m, columns_first) ? m->tape->status : color_lines(m, !columns_first);
}

/* ---- constants ------------------------------------------------------------------------------------------------------------ */

/* A constant of int64, and where its elements go; NULL, with the error noted, when there is no memory. */
static int64_t *new_constant(const matrix *m, tg_shape shape, tg_tensor *x) {
    tgi_node *node = tgi_new_leaf(m->tape, m->what, &tgi_constant, NULL, TG_I64, shape, NULL);
    *x = node ? tgi_tensor(m->tape, m->tape->count - 1) : tgi_invalid(m->tape);
    return node ? node->data : NULL;
}

static tg_status record_structure(const matrix *m, tg_csr *csr) {
    int64_t *starts = new_constant(m, TG_SHAPE(m->rows + 1), &csr->row_starts);
    if (!starts) return m->tape->status;
    int64_t *columns = new_constant(m, TG_SHAPE(csr->entries), &csr->columns);
    if (!columns) return m->tape->status;
    memcpy(starts, m->entries.start, ((size_t)m->rows + 1) * sizeof *starts);
    for (int64_t k = 0; k < csr->entries; k++)
        columns[k] = m->entries.at[k];
    return TG_OK;
}

/* Of what is seeded: the colors of the elements. */
static tg_status record_masks(matrix *m) {
    const uint32_t *color = m->color;
    for (int k = 0; k < (m->by_columns ? m->n : 1); k++) {
        tg_tensor of = m->by_columns ? m->inputs[k] : m->y;
        int64_t  *mask = new_constant(m, tg_shape_of(of), &m->mask[k]), size = tg_size(of);
        if (!mask) return m->tape->status;
        for (int64_t i = 0; i < size; i++)
            mask[i] = color[i];
        color += size;
    }
    return TG_OK;
}

/* ---- the compressed matrix --------------------------------------------------------------------------------------------------- */

static tg_tensor flat(tg_tensor x) {
    return tg_valid(x) ? tg_reshape(x, TG_SHAPE(tg_size(x))) : x;
}

static tg_tensor joined(int n, tg_tensor *x) {
    for (int k = 0; k < n; k++)
        x[k] = flat(x[k]);
    return n == 1 ? x[0] : tg_concat(tg_list_from(n, x), 0);
}

static tg_tensor seed(const matrix *m, int k, tg_tensor color) {
    return tg_cast(tg_eq(m->mask[k], color), tg_dtype_of(m->y));
}

/* The sum of the columns, or of the rows, of a color. */
static tg_tensor record_line(const matrix *m, tg_tensor color) {
    tg_tensor line = tgi_invalid(m->tape);
    for (int k = 0; k < (m->by_columns ? m->n : 1); k++)
        m->seeds[k] = seed(m, k, color);
    if (m->by_columns) return tg_jvp(m->tape, m->n, m->inputs, m->seeds, 1, &m->y, &line) ? line : flat(line);
    return tg_vjp(m->tape, 1, &m->y, m->seeds, m->n, m->inputs, m->seeds) ? line : joined(m->n, m->seeds);
}

static void step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    (void)tape, (void)state;
    y[0] = record_line(context, x[0]);
}

/* A line for each color, one after the other. */
static tg_tensor record_lines(matrix *m) {
    tg_tensor lines = tgi_invalid(m->tape), colors = tg_arange(m->tape, TG_I64, 0, (double)m->colors, 1);
    if (record_masks(m)) return lines;
    if (m->colors == 1) return record_line(m, tg_num(0));
    tg_loop_spec loop = {.body = step, .context = m, .steps = m->colors, .inputs = 1, .outputs = 1, .x = &colors, .y = &lines};
    tg_scan(m->tape, &loop);
    return flat(lines);
}

/* ---- the entries --------------------------------------------------------------------------------------------------------------- */

/* Notes for each color how many entries of a row have it. */
static void count_colors(const matrix *m, int64_t row, uint32_t *count) {
    for (int64_t k = m->entries.start[row]; k < m->entries.start[row + 1]; k++)
        count[m->color[m->entries.at[k]]]++;
}

static void clear_counts(const matrix *m, int64_t row, uint32_t *count) {
    for (int64_t k = m->entries.start[row]; k < m->entries.start[row + 1]; k++)
        count[m->color[m->entries.at[k]]] = 0;
}

/* In a symmetric matrix an entry is read where it is alone: of two places that of the upper half, for both. */
static void place_symmetric(const matrix *m, int64_t *place, int64_t *next, uint32_t *count) {
    const tgi_entries *e = &m->entries;
    for (int64_t i = 0; i < m->rows; i++)
        next[i] = e->start[i];
    for (int64_t i = 0; i < m->rows; i++) {
        count_colors(m, i, count);
        for (int64_t k = next[i]; k < e->start[i + 1]; k++) {
            int64_t j = e->at[k];
            bool    alone = count[m->color[j]] == 1;
            place[k] = alone ? m->color[j] * m->rows + i : m->color[i] * m->rows + j;
            place[next[j]++] =
                place[k]; /* the rows before i are finished: entry (j, i) is the first one in row j that is not */
        }
        clear_counts(m, i, count);
    }
}

static void place(const matrix *m, int64_t *place) {
    for (int64_t i = 0; i < m->rows; i++)
        for (int64_t k = m->entries.start[i]; k < m->entries.start[i + 1]; k++) {
            int64_t j = m->entries.at[k];
            place[k] = m->by_columns ? m->color[j] * m->rows + i : m->color[i] * m->columns + j;
        }
}

/* Where in the lines each entry is. */
static tg_status find_places(const matrix *m, int64_t *places) {
    if (!m->symmetric) {
        place(m, places);
        return TG_OK;
    }
    int64_t  *next = tgi_pool_take(&m->tape->pool, (size_t)m->rows * sizeof *next);
    uint32_t *count = tgi_pool_take(&m->tape->pool, (size_t)m->colors * sizeof *count);
    if (next && count) {
        memset(count, 0, (size_t)m->colors * sizeof *count);
        place_symmetric(m, places, next, count);
    } else
        tgi_out_of_memory(m->tape, m->what);
    tgi_pool_give(&m->tape->pool, next);
    tgi_pool_give(&m->tape->pool, count);
    return m->tape->status;
}

static tg_status record_values(matrix *m, tg_csr *csr) {
    tg_tensor places;
    if (!csr->entries) {
        csr->values = tgi_full(m->tape, m->what, tg_dtype_of(m->y), TG_SHAPE(0), 0);
        return m->tape->status;
    }
    tg_tensor lines = record_lines(m);
    int64_t  *place = tg_valid(lines) ? new_constant(m, TG_SHAPE(csr->entries), &places) : NULL;
    if (!place || find_places(m, place)) return m->tape->status;
    csr->values = tg_take(lines, places, 0);
    return m->tape->status;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------------ */

static void free_all(matrix *m) {
    tgi_free_entries(&m->entries);
    tgi_free_entries(&m->transposed);
    tgi_pool_give(&m->tape->pool, m->color);
    tgi_pool_give(&m->tape->pool, m->mask);
}

static tg_status record_matrix(matrix *m, tg_csr *csr) {
    m->mask = tgi_pool_take(&m->tape->pool, 2 * ((size_t)m->n + 1) * sizeof *m->mask);
    if (!m->mask) return tgi_out_of_memory(m->tape, m->what);
    m->seeds = m->mask + m->n + 1;
    if (find_entries(m) || find_colors(m)) return m->tape->status;
    *csr = (tg_csr){.rows = m->rows, .cols = m->columns, .entries = tgi_entry_count(&m->entries), .colors = m->colors};
    return record_structure(m, csr) || record_values(m, csr) ? m->tape->status : TG_OK;
}

/* The gradient, as one vector. */
static tg_status record_gradient(matrix *m) {
    tg_tensor *g = tgi_pool_take(&m->tape->pool, ((size_t)m->n + 1) * sizeof *g);
    if (!g) return tgi_out_of_memory(m->tape, m->what);
    if (!tg_vjp(m->tape, 1, &m->y, NULL, m->n, m->inputs, g))
        m->y = m->n ? joined(m->n, g) : tgi_full(m->tape, m->what, tg_dtype_of(m->y), TG_SHAPE(0), 0);
    tgi_pool_give(&m->tape->pool, g);
    return m->tape->status;
}

static tg_status record(matrix *m, tg_csr *csr) {
    tg_tape *tape = m->tape;
    if (csr) *csr = (tg_csr){.values = tgi_invalid(tape), .row_starts = tgi_invalid(tape), .columns = tgi_invalid(tape)};
    if (tgi_check_outside(tape, m->what)) return tg_error_status(tape);
    tg_scope scope = tgi_begin_derivative(tape, m->what);
    if (!csr) tgi_fail(tape, TG_ERR_ARGUMENT, m->what, "nowhere to put the matrix");
    if (!tape->status && !check(m)) {
        if (m->symmetric) m->rows = m->columns;
        if (!m->symmetric || !record_gradient(m)) record_matrix(m, csr);
    }
    free_all(m);
    tg_status status = tg_end_scope(scope);
    if (csr && status)
        *csr = (tg_csr){.values = tgi_invalid(tape), .row_starts = tgi_invalid(tape), .columns = tgi_invalid(tape)};
    else if (csr && !tape->inside)
        tgi_keep_node(tape, tgi_index(csr->values));
    return status;
}

tg_status(tg_sparse_jacobian)(tg_tensor y, int n, const tg_tensor *inputs, tg_csr *jacobian) {
    matrix m = {.tape = tgi_tape_of(y), .what = "sparse_jacobian", .y = y, .n = n, .inputs = inputs};
    return record(&m, jacobian);
}

tg_status(tg_sparse_hessian)(tg_tensor loss, int n, const tg_tensor *inputs, tg_csr *hessian) {
    matrix m = {.tape = tgi_tape_of(loss), .what = "sparse_hessian", .y = loss, .n = n, .inputs = inputs, .symmetric = true};
    return record(&m, hessian);
}
