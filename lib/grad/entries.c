/* grad/entries.c: where the entries of a sparse matrix are.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "grad/sparsity.h"

static tg_status take_entries(tgi_entries *e, tg_tape *tape, int64_t rows, int64_t columns, int64_t count) {
    *e = (tgi_entries){.tape = tape, .rows = rows, .columns = columns};
    e->start = tgi_pool_take(&tape->pool, ((size_t)rows + 2) * sizeof *e->start);
    e->at = tgi_pool_take(&tape->pool, (size_t)count * sizeof *e->at);
    return e->start && e->at ? TG_OK : tgi_out_of_memory(tape, "sparse");
}

void tgi_free_entries(tgi_entries *e) {
    if (!e->tape) return;
    tgi_pool_give(&e->tape->pool, e->start);
    tgi_pool_give(&e->tape->pool, e->at);
    *e = (tgi_entries){0};
}

tg_status tgi_sparse_entries(tgi_entries *e, const tgi_dependence *d) {
    const tgi_sets *sets = &d->sets;
    int64_t         count = 0;
    for (int64_t i = 0; i < d->count; i++)
        count += (int64_t)tgi_set_size(sets, d->set[i]);
    if (take_entries(e, sets->tape, d->count, sets->columns, count)) return sets->tape->status;
    e->start[0] = 0;
    for (int64_t i = 0; i < d->count; i++) {
        size_t size = tgi_set_size(sets, d->set[i]);
        if (size) memcpy(e->at + e->start[i], tgi_set_members(sets, d->set[i]), size * sizeof *e->at);
        e->start[i + 1] = e->start[i] + (int64_t)size;
    }
    return TG_OK;
}

/* The rows are gone through in order, and so the columns of each row of the result ascend. */
tg_status tgi_transpose(tgi_entries *e, const tgi_entries *of) {
    if (take_entries(e, of->tape, of->columns, of->rows, tgi_entry_count(of))) return of->tape->status;
    int64_t *next = e->start + 1; /* moves from start[i] to start[i + 1] while row i is filled in */
    memset(e->start, 0, ((size_t)e->rows + 2) * sizeof *e->start);
    for (int64_t k = 0; k < tgi_entry_count(of); k++)
        next[of->at[k] + 1]++;
    for (int64_t j = 1; j < e->rows; j++)
        next[j] += next[j - 1];
    for (int64_t i = 0; i < of->rows; i++)
        for (int64_t k = of->start[i]; k < of->start[i + 1]; k++)
            e->at[next[of->at[k]]++] = (uint32_t)i;
    return TG_OK;
}

tg_status tgi_unite_entries(tgi_entries *e, const tgi_entries *a, const tgi_entries *b) {
    if (take_entries(e, a->tape, a->rows, a->columns, tgi_entry_count(a) + tgi_entry_count(b))) return a->tape->status;
    uint32_t *to = e->at;
    for (int64_t i = 0; i < a->rows; i++) {
        const uint32_t *x = a->at + a->start[i], *x_end = a->at + a->start[i + 1];
        const uint32_t *y = b->at + b->start[i], *y_end = b->at + b->start[i + 1];
        e->start[i] = to - e->at;
        while (x < x_end || y < y_end) {
            uint32_t next = y == y_end || (x < x_end && *x < *y) ? *x : *y;
            x += x < x_end && *x == next;
            y += y < y_end && *y == next;
            *to++ = next;
        }
    }
    e->start[a->rows] = to - e->at;
    return TG_OK;
}

/* Their columns in the order of the others. */
static tg_status move_columns(tgi_entries *e, const tgi_entries *of, int64_t columns, const uint32_t *column) {
    if (take_entries(e, of->tape, of->rows, columns, tgi_entry_count(of))) return of->tape->status;
    int64_t next = e->start[0] = 0;
    for (int64_t i = 0; i < of->rows; i++) {
        for (int64_t k = of->start[i]; k < of->start[i + 1]; k++)
            if (column[of->at[k]] != TGI_NONE) e->at[next++] = column[of->at[k]];
        e->start[i + 1] = next;
    }
    return TG_OK;
}

static void drop_repeated(tgi_entries *e) {
    int64_t next = 0;
    for (int64_t i = 0; i < e->rows; i++) {
        int64_t from = e->start[i];
        e->start[i] = next;
        for (int64_t k = from; k < e->start[i + 1]; k++)
            if (k == from || e->at[k] != e->at[k - 1]) e->at[next++] = e->at[k];
    }
    e->start[e->rows] = next;
}

/* Transposed twice, the columns ascend. */
tg_status tgi_join_columns(tgi_entries *e, const tgi_entries *of, int64_t columns, const uint32_t *column) {
    tgi_entries moved = {0}, transposed = {0};
    if (!move_columns(&moved, of, columns, column) && !tgi_transpose(&transposed, &moved) && !tgi_transpose(e, &transposed))
        drop_repeated(e);
    tgi_free_entries(&moved);
    tgi_free_entries(&transposed);
    return of->tape->status;
}
