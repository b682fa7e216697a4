/* grad/sparse.c: sparse Jacobians and Hessians.
 *
 * What depends on what is found on the tape, and colored. Recorded is the compressed matrix, a line for each color, by a loop as in
 * matrix.c; and the entries are taken out of it, by a table of their places.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "core/residency.h"
#include "grad/grad.h"
#include "grad/loop_op.h"
#include "grad/sparsity.h"
#include "ops/ops.h"

/* ---- what is asked for ---------------------------------------------------------------------------------------------- */

enum { FEW_COLORS = 4 };

/* What is recorded, while it is. */
typedef struct recording {
    tgi_derivative   of;
    tgi_compression  by;
    int              n; /* what it is computed for: the inputs, or the cut */
    const tg_tensor *inputs;
    int              ends; /* what is seeded: the inputs, or the outputs, */
    const tg_tensor *end;
    tg_tensor        guard;          /* a 0 that is added to seeds; or TG_NONE */
    tg_tensor       *mask;           /* the colors of each, in its shape, */
    tg_tensor       *seeded, *seeds; /* and room for as many */
    tg_tensor       *lines;          /* for what FEW_COLORS walks give */
} recording;

static tg_status check(tgi_derivative *d) {
    tg_tape *tape = d->tape;
    if (tgi_check_list(tape, d->what, "output", d->m, d->outputs) || tgi_check_list(tape, d->what, "input", d->n, d->inputs))
        return tape->status;
    for (int k = 0; k < d->m + d->n; k++) {
        tg_tensor x = k < d->m ? d->outputs[k] : d->inputs[k - d->m];
        if (k == 0) d->dtype = tg_dtype_of(x);
        if (tg_dtype_of(x) != d->dtype)
            return tgi_fail(tape, TG_ERR_DTYPE, d->what, "%s %d is %s, and what comes before it %s: all must have one dtype",
                            k < d->m ? "output" : "input", k < d->m ? k : k - d->m, tg_dtype_name(tg_dtype_of(x)),
                            tg_dtype_name(d->dtype));
        *(k < d->m ? &d->rows : &d->columns) += tg_size(x);
    }
    if (d->symmetric) d->rows = d->columns;
    return TG_OK;
}

/* ---- constants ------------------------------------------------------------------------------------------------------------ */

/* A constant of int64, and where its elements go; NULL, with the error noted, when there is no memory. */
static int64_t *new_constant(const recording *r, tg_shape shape, tg_tensor *x) {
    tgi_node *node = tgi_new_leaf(r->of.tape, r->of.what, &tgi_constant, NULL, TG_I64, shape, NULL);
    *x = node ? tgi_tensor(r->of.tape, r->of.tape->count - 1) : tgi_invalid(r->of.tape);
    return node ? node->data : NULL;
}

static tg_status record_structure(const recording *r, tg_csr *csr) {
    int64_t *starts = new_constant(r, TG_SHAPE(r->of.rows + 1), &csr->row_starts);
    if (!starts) return r->of.tape->status;
    int64_t *columns = new_constant(r, TG_SHAPE(csr->entries), &csr->columns);
    if (!columns) return r->of.tape->status;
    memcpy(starts, r->by.entries.start, ((size_t)r->of.rows + 1) * sizeof *starts);
    for (int64_t k = 0; k < csr->entries; k++)
        columns[k] = r->by.entries.at[k];
    return TG_OK;
}

/* The colors of what is seeded. */
static tg_status record_masks(recording *r) {
    const uint32_t *color = r->by.color;
    for (int k = 0; k < r->ends; k++) {
        int64_t *mask = new_constant(r, tg_shape_of(r->end[k]), &r->mask[k]), size = tg_size(r->end[k]);
        if (!mask) return r->of.tape->status;
        for (int64_t i = 0; i < size; i++)
            mask[i] = color[i];
        color += size;
    }
    return TG_OK;
}

/* ---- the compressed matrix ------------------------------------------------------------------------------------------ */

static tg_tensor flat(tg_tensor x) {
    return tg_valid(x) ? tg_reshape(x, TG_SHAPE(tg_size(x))) : x;
}

static tg_tensor joined(int n, tg_tensor *x) {
    for (int k = 0; k < n; k++)
        x[k] = flat(x[k]);
    return n == 1 ? x[0] : tg_concat(tg_list_from(n, x), 0);
}

/* A line is the sum of the columns of a color, or that of the rows: a piece for each output, or for each input. */
static int pieces_of(const recording *r) {
    return r->by.by_columns ? r->of.m : r->n;
}

/* Of `ends` ends that are seeded. */
static tg_status record_line(const recording *r, int ends, const tg_tensor *end, const tg_tensor *seeds, tg_tensor *line) {
    if (r->by.by_columns) return tg_jvp(r->of.tape, ends, end, seeds, r->of.m, r->of.outputs, line);
    return tg_vjp(r->of.tape, ends, end, seeds, r->n, r->inputs, line);
}

static tg_tensor seed(const recording *r, int k, tg_tensor color) {
    if (!tgi_is_none(r->guard)) color = tg_add(r->guard, color);
    return tg_cast(tg_eq(r->mask[k], color), r->of.dtype);
}

/* Where all elements have the color. */
static tg_tensor whole_seed(const recording *r) {
    return tgi_is_none(r->guard) ? tg_num(1) : tg_cast(tg_add(r->guard, 1), r->of.dtype);
}

/* For a color that is known, some ends need not be seeded, and others wholly. */
static tg_status record_known_line(const recording *r, uint32_t color, tg_tensor *line) {
    const uint32_t *of = r->by.color;
    int             ends = 0;
    for (int k = 0; k < r->ends; k++) {
        int64_t size = tg_size(r->end[k]), count = 0;
        for (int64_t i = 0; i < size; i++)
            count += of[i] == color;
        of += size;
        if (!count) continue;
        r->seeded[ends] = r->end[k];
        r->seeds[ends++] = count == size ? whole_seed(r) : seed(r, k, tg_num(color));
    }
    return record_line(r, ends, r->seeded, r->seeds, line);
}

static void step(tg_tape *tape, tg_tensor *state, const tg_tensor *x, tg_tensor *y, void *context) {
    const recording *r = context;
    (void)tape, (void)state;
    for (int k = 0; k < r->ends; k++)
        r->seeds[k] = seed(r, k, x[0]);
    if (!record_line(r, r->ends, r->end, r->seeds, r->lines)) y[0] = joined(pieces_of(r), r->lines);
}

/* A line for each color, one after the other. A few are recorded as they are: a loop would copy what it reads, and what it gives. */
static tg_tensor record_lines(recording *r) {
    tg_tape  *tape = r->of.tape;
    tg_tensor lines = tgi_invalid(tape), colors;
    int       pieces = pieces_of(r);
    r->guard = tgi_guard_indices(tape, r->of.what, r->by.seen);
    if (record_masks(r)) return lines;
    if (r->by.colors <= FEW_COLORS) {
        for (int64_t c = 0; c < r->by.colors; c++)
            if (record_known_line(r, (uint32_t)c, r->lines + c * pieces)) return lines;
        return joined((int)r->by.colors * pieces, r->lines);
    }
    colors = tg_arange(tape, TG_I64, 0, (double)r->by.colors, 1);
    tgi_map(tape, &(tg_loop_spec){.body = step,
                                  .context = r,
                                  .steps = r->by.colors,
                                  .inputs = 1,
                                  .outputs = 1,
                                  .x = &colors,
                                  .y = &lines});
    return flat(lines);
}

/* ---- the entries --------------------------------------------------------------------------------------------------- */

/* Where in the lines each entry is. */
static void place(const recording *r, int64_t *place) {
    const tgi_entries *e = &r->by.entries;
    for (int64_t i = 0; i < e->rows; i++)
        for (int64_t k = e->start[i]; k < e->start[i + 1]; k++) {
            int64_t j = e->at[k];
            place[k] = r->by.by_columns ? r->by.color[j] * e->rows + i : r->by.color[i] * e->columns + j;
        }
}

/* In a symmetric matrix an entry is read where it is alone in its color: in its row, or else in its column; for both halves. */
static void place_symmetric(const recording *r, int64_t *place, int64_t *next, uint32_t *count) {
    const tgi_entries *e = &r->by.entries;
    const uint32_t    *color = r->by.color;
    memcpy(next, e->start, (size_t)e->rows * sizeof *next);
    memset(count, 0, (size_t)r->by.colors * sizeof *count);
    for (int64_t i = 0; i < e->rows; i++) {
        for (int64_t k = e->start[i]; k < e->start[i + 1]; k++)
            count[color[e->at[k]]]++;
        for (int64_t k = next[i]; k < e->start[i + 1]; k++) {
            int64_t j = e->at[k];
            place[k] = count[color[j]] == 1 ? color[j] * e->rows + i : color[i] * e->rows + j;
            place[next[j]++] = place[k]; /* rows before i are finished: (j, i) is the first entry in row j that is not */
        }
        for (int64_t k = e->start[i]; k < e->start[i + 1]; k++)
            count[color[e->at[k]]] = 0;
    }
}

static tg_tensor record_entries(const recording *r, tg_tensor lines) {
    tg_tape  *tape = r->of.tape;
    tg_tensor at;
    int64_t  *places = new_constant(r, TG_SHAPE(tgi_entry_count(&r->by.entries)), &at);
    if (places && r->of.symmetric) {
        int64_t  *next = tgi_pool_take(&tape->pool, (size_t)r->of.rows * sizeof *next);
        uint32_t *count = tgi_pool_take(&tape->pool, (size_t)r->by.colors * sizeof *count);
        if (next && count)
            place_symmetric(r, places, next, count);
        else
            tgi_out_of_memory(tape, r->of.what);
        tgi_pool_give(&tape->pool, next);
        tgi_pool_give(&tape->pool, count);
    } else if (places)
        place(r, places);
    return tape->status ? tgi_invalid(tape) : tg_take(lines, at, 0);
}

/* The same for derivatives for the cut, of which several may add up to an entry: where each of them is, and the entry that it belongs to. */
static int64_t place_by_cut(const recording *r, int64_t *entry_of_column, int64_t *place, int64_t *entry) {
    const tgi_entries *e = &r->by.entries, *crossing = &r->by.crossing;
    int64_t            count = 0;
    for (int64_t i = 0; i < e->rows; i++) {
        for (int64_t k = e->start[i]; k < e->start[i + 1]; k++)
            entry_of_column[e->at[k]] = k;
        for (int64_t k = crossing->start[i]; k < crossing->start[i + 1]; k++) {
            uint32_t column = r->by.column[crossing->at[k]];
            if (column == TGI_NONE) continue;
            place[count] = r->by.color[i] * crossing->columns + crossing->at[k];
            entry[count++] = entry_of_column[column];
        }
    }
    return count;
}

static tg_tensor add_up(const recording *r, tg_tensor lines, int64_t count, const int64_t *place, const int64_t *entry) {
    int64_t   entries = tgi_entry_count(&r->by.entries);
    tg_tensor at, to;
    int64_t  *places = new_constant(r, TG_SHAPE(count), &at), *entry_of = places ? new_constant(r, TG_SHAPE(count), &to) : NULL;
    if (!entry_of) return tgi_invalid(r->of.tape);
    memcpy(entry_of, entry, (size_t)count * sizeof *entry);
    if (count > entries) {
        memcpy(places, place, (size_t)count * sizeof *place);
        tg_tensor zeros = tgi_full(r->of.tape, r->of.what, r->of.dtype, TG_SHAPE(entries), 0);
        return tg_scatter_add(zeros, to, tg_take(lines, at, 0), 0);
    }
    for (int64_t k = 0; k < count; k++)
        places[entry[k]] = place[k];
    return tg_take(lines, at, 0);
}

static tg_tensor record_sums(const recording *r, tg_tensor lines) {
    tg_tape  *tape = r->of.tape;
    int64_t   most = tgi_entry_count(&r->by.crossing);
    int64_t  *room = tgi_pool_take(&tape->pool, (size_t)(r->of.columns + 2 * most) * sizeof *room);
    tg_tensor sums = tgi_invalid(tape);
    if (!room) {
        tgi_out_of_memory(tape, r->of.what);
        return sums;
    }
    int64_t *place = room + r->of.columns, *entry = place + most;
    sums = add_up(r, lines, place_by_cut(r, room, place, entry), place, entry);
    tgi_pool_give(&tape->pool, room);
    return sums;
}

static tg_status record_values(recording *r, tg_csr *csr) {
    if (!csr->entries) {
        csr->values = tgi_full(r->of.tape, r->of.what, r->of.dtype, TG_SHAPE(0), 0);
        return r->of.tape->status;
    }
    tg_tensor lines = record_lines(r);
    if (!r->of.tape->status) csr->values = r->by.by_cut ? record_sums(r, lines) : record_entries(r, lines);
    return r->of.tape->status;
}

/* ---- all of it ---------------------------------------------------------------------------------------------------------- */

static tg_csr no_matrix(tg_tape *tape) {
    tg_tensor none = tgi_invalid(tape);
    return (tg_csr){.row_starts = none, .columns = none, .values = none};
}

/* Room for lists of tensors. */
static tg_status take_lists(recording *r) {
    size_t ends = (size_t)r->ends + 1, pieces = (size_t)pieces_of(r) + 1;
    r->mask = tgi_pool_take(&r->of.tape->pool, (3 * ends + FEW_COLORS * pieces) * sizeof *r->mask);
    if (!r->mask) return tgi_out_of_memory(r->of.tape, r->of.what);
    r->seeded = r->mask + ends;
    r->seeds = r->seeded + ends;
    r->lines = r->seeds + ends;
    return TG_OK;
}

static tg_status record_matrix(const tgi_derivative *d, tg_csr *csr) {
    recording r = {.of = *d, .n = d->n, .inputs = d->inputs};
    if (!tgi_compress(&r.by, d)) {
        if (r.by.by_cut) {
            r.n = r.by.cut.count;
            r.inputs = r.by.cut.value;
        }
        r.ends = r.by.by_columns ? d->n : d->m;
        r.end = r.by.by_columns ? d->inputs : d->outputs;
        csr->rows = d->rows;
        csr->cols = d->columns;
        csr->entries = tgi_entry_count(&r.by.entries);
        csr->colors = r.by.colors;
        if (!take_lists(&r) && !record_structure(&r, csr)) record_values(&r, csr);
    }
    tgi_pool_give(&d->tape->pool, r.mask);
    tgi_free_compression(&r.by);
    return d->tape->status;
}

static tg_status record(tgi_derivative *d, tg_csr *csr) {
    if (!csr) return tgi_fail(d->tape, TG_ERR_ARGUMENT, d->what, "nowhere to put the matrix");
    return check(d) ? d->tape->status : record_matrix(d, csr);
}

/* Both calls end with it. */
static tg_status end_recording(tg_scope scope, tg_csr *csr) {
    tg_status status = tg_end_scope(scope);
    if (!status && !scope.tape->inside) tgi_keep_node(scope.tape, tgi_index(csr->values));
    if (status && csr) *csr = no_matrix(scope.tape);
    return status;
}

tg_status(tg_sparse_jacobian)(tg_tape *tape, int m, const tg_tensor *outputs, int n, const tg_tensor *inputs,
                              tg_csr *jacobian) {
    tgi_derivative d = {.tape = tape, .what = "sparse_jacobian", .m = m, .outputs = outputs, .n = n, .inputs = inputs};
    if (jacobian) *jacobian = no_matrix(tape);
    if (tgi_check_outside(tape, d.what)) return tg_error_status(tape);
    tg_scope scope = tgi_begin_derivative(tape, d.what);
    record(&d, jacobian);
    return end_recording(scope, jacobian);
}

/* The Jacobian of the gradient. */
tg_status(tg_sparse_hessian)(tg_tensor loss, int n, const tg_tensor *inputs, tg_csr *hessian) {
    tg_tape       *tape = tgi_tape_of(loss);
    tgi_derivative d = {.tape = tape, .what = "sparse_hessian", .m = 1, .outputs = &loss, .n = n, .inputs = inputs};
    if (hessian) *hessian = no_matrix(tape);
    if (tgi_check_outside(tape, d.what)) return tg_error_status(tape);
    tg_scope   scope = tgi_begin_derivative(tape, d.what);
    tg_tensor *g = NULL;
    if (!check(&d)) {
        g = tgi_pool_take(&tape->pool, ((size_t)n + 1) * sizeof *g);
        if (!g) tgi_out_of_memory(tape, d.what);
    }
    if (g && !tg_vjp(tape, 1, &loss, NULL, n, inputs, g)) {
        d = (tgi_derivative){.tape = tape, .what = d.what, .m = n, .outputs = g, .n = n, .inputs = inputs, .symmetric = true};
        record(&d, hessian);
    }
    tgi_pool_give(&tape->pool, g);
    return end_recording(scope, hessian);
}
