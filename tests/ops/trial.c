/* tests/ops/trial.c: the operands of a case, its result, and its gradients.
 *
 * SPDX-License-Identifier: MIT */
#include "ops/trial.h"

#include <stdio.h>

/* ---- random operands --------------------------------------------------------------------------------------------- */

/* Knuth's constants, MMIX. */
static uint64_t next_bits(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state ^ *state >> 29;
}

static int64_t random_whole(uint64_t *state) {
    static const int64_t edges[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MIN + 1, 2, 4294967296};
    uint64_t             bits = next_bits(state) >> 20;
    if (bits % 3 == 0) return edges[bits / 3 % 8];
    return bits % 3 == 1 ? (int64_t)next_bits(state) : (int64_t)(bits / 3 % 9) - 4;
}

static element random_element(tg_dtype dtype, double low, double high, uint64_t *state) {
    if (dtype == TG_BOOL) return (element){.whole = (int64_t)(next_bits(state) >> 40 & 1)};
    if (dtype == TG_I64) return (element){.whole = random_whole(state)};
    double unit = (double)(next_bits(state) >> 11) * 0x1p-53;
    return (element){.real = (long double)(float)(low + (high - low) * unit)};
}

bool is_small(const op_case *c) {
    for (int k = 0; k < MOST_OPERANDS; k++)
        if (tg_shape_size(c->shape[k]) > 64) return false;
    return true;
}

tg_dtype dtype_for(const op_row *row, tg_dtype wanted) {
    for (tg_dtype dtype = 0; dtype < TG_DTYPES && !(row->takes >> wanted & 1); dtype++)
        if (row->takes >> dtype & 1) return dtype;
    return wanted;
}

static tg_dtype dtype_of_operand(const op_row *row, int which, tg_dtype dtype) {
    if (row->indices >> which & 1) return TG_I64;
    return row->condition && which == 0 ? TG_BOOL : dtype;
}

/* Of an operand that is always of one dtype, or else any. */
static element element_of_operand(const op_row *row, int k, tg_dtype dtype, uint64_t *state) {
    element e = random_element(dtype, row->low[k], row->high[k], state);
    if (row->indices >> k & 1) e.whole = (int64_t)((uint64_t)e.whole % (uint64_t)row->high[k]);
    return e;
}

static void fill_operands(const op_row *row, const op_case *c, tg_dtype dtype, values *x) {
    uint64_t state = 20;
    for (int k = 0; k < row->arity; k++) {
        clear_values(&x[k], dtype_of_operand(row, k, dtype), c->shape[k]);
        for (int64_t i = 0; i < x[k].size; i++)
            x[k].at[i] = element_of_operand(row, k, x[k].dtype, &state);
    }
}

/* ---- layouts: the same operand as a leaf, or as a view of one ---------------------------------------------------- */

static tg_tensor transposed(tg_tape *tape, const values *v, tg_tensor *leaf) {
    static values turned;
    tg_shape      shape = {.rank = v->shape.rank};
    tg_axes       axes = {.count = v->shape.rank};
    int64_t       index[TG_MAX_RANK], back[TG_MAX_RANK];
    for (int i = 0; i < shape.rank; i++) {
        axes.axis[i] = shape.rank - 1 - i;
        shape.dims[i] = v->shape.dims[axes.axis[i]];
    }
    clear_values(&turned, v->dtype, shape);
    for (int64_t n = 0; n < v->size; n++) {
        unravel(v->shape, n, index);
        for (int i = 0; i < shape.rank; i++)
            back[i] = index[axes.axis[i]];
        turned.at[ravel(shape, back)] = v->at[n];
    }
    *leaf = leaf_of(tape, &turned);
    return tg_permute(*leaf, axes);
}

/* Equal along the first axis, which is then one of size 1 in memory. */
static tg_tensor stretched(tg_tape *tape, values *v, tg_tensor *leaf) {
    values  *one = v;
    tg_shape shape = v->shape, full = v->shape;
    if (shape.rank == 0 || shape.dims[0] == 0) return *leaf = leaf_of(tape, v);
    int64_t size = v->size, part = size / shape.dims[0];
    for (int64_t i = part; i < size; i++)
        v->at[i] = v->at[i % part];
    shape.dims[0] = 1;
    one->shape = shape;
    one->size = part;
    *leaf = leaf_of(tape, one);
    v->shape = full;
    v->size = size;
    return tg_broadcast_to(*leaf, full);
}

/* A transposed matrix of the same elements, reshaped, which has to copy them. */
static tg_tensor reshaped(tg_tape *tape, const values *v, tg_tensor *leaf) {
    static values matrix;
    if (v->shape.rank == 0 || v->size == 0) return *leaf = leaf_of(tape, v);
    int64_t columns = v->shape.dims[v->shape.rank - 1], rows = v->size / columns;
    clear_values(&matrix, v->dtype, TG_SHAPE(columns, rows));
    for (int64_t i = 0; i < v->size; i++)
        matrix.at[i % columns * rows + i / columns] = v->at[i];
    *leaf = leaf_of(tape, &matrix);
    return tg_reshape(tg_transpose(*leaf, 0, 1), v->shape);
}

/* Every second element of a longer last axis, from its end back. */
static tg_tensor stepped(tg_tape *tape, const values *v, tg_tensor *leaf) {
    static values wide;
    if (v->shape.rank == 0 || v->size == 0 || 3 * v->size > MOST_ELEMENTS) return *leaf = leaf_of(tape, v);
    tg_shape shape = v->shape;
    int64_t  columns = shape.dims[shape.rank - 1], *width = &shape.dims[shape.rank - 1];
    *width = 2 * columns + 1;
    clear_values(&wide, v->dtype, shape);
    for (int64_t i = 0; i < wide.size; i++) {
        int64_t column = columns - 1 - i % *width / 2;
        wide.at[i] = v->at[i / *width * columns + (column < 0 ? 0 : column)];
    }
    *leaf = leaf_of(tape, &wide);
    return tg_slice(*leaf, -1, -2, TG_BEGIN, -2);
}

static tg_tensor lay_out(tg_tape *tape, layout as, values *v, tg_tensor *leaf) {
    switch (as) {
    case TRANSPOSED: return transposed(tape, v, leaf);
    case STRETCHED: return stretched(tape, v, leaf);
    case RESHAPED: return reshaped(tape, v, leaf);
    case STEPPED: return stepped(tape, v, leaf);
    default: return *leaf = leaf_of(tape, v);
    }
}

/* ---- what should come out ---------------------------------------------------------------------------------------- */

static void expect_elementwise(const op_row *row, const values *x, values *y) {
    tg_shape shape = x[0].shape;
    int64_t  index[TG_MAX_RANK];
    for (int k = 1; k < row->arity; k++)
        shape = broadcast_shapes(shape, x[k].shape);
    tg_dtype dtype = x[row->arity - 1].dtype;
    clear_values(y, row->compares ? TG_BOOL : dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        long double real[MOST_OPERANDS] = {0};
        int64_t     whole[MOST_OPERANDS] = {0};
        unravel(shape, n, index);
        for (int k = 0; k < row->arity; k++) {
            element e = x[k].at[ravel_broadcast(x[k].shape, shape.rank, index)];
            real[k] = x[k].dtype == TG_BOOL ? (long double)e.whole : e.real;
            whole[k] = e.whole;
        }
        if (is_floating(dtype))
            y->at[n].real = row->real(real);
        else
            y->at[n].whole = row->whole(whole);
        if (row->compares && is_floating(dtype)) y->at[n].whole = (int64_t)y->at[n].real;
    }
}

void expect(const op_row *row, const op_case *c, const values *x, values *y) {
    if (row->expect)
        row->expect(x, &c->with, y);
    else
        expect_elementwise(row, x, y);
}

values operands[MOST_OPERANDS];

trial place_on(tg_tape *tape, const op_row *row, int which, tg_dtype dtype, layout as) {
    static const char *const names[LAYOUTS] = {"plain", "transposed", "stretched", "reshaped", "stepped"};
    trial                    t = {.tape = tape};
    snprintf(t.what, sizeof t.what, "%s %s case %d %s", row->name, tg_dtype_name(dtype), which, names[as]);
    fill_operands(row, &row->cases[which], dtype, operands);
    for (int k = 0; k < row->arity; k++)
        t.x[k] = lay_out(t.tape, as, &operands[k], &t.leaf[k]);
    return t;
}

trial place(const op_row *row, int which, tg_dtype dtype, layout as) {
    tg_tape *tape = tg_tape_new();
    tg_seed(tape, TRIAL_SEED);
    return place_on(tape, row, which, dtype, as);
}

trial begin(const op_row *row, int which, tg_dtype dtype, layout as) {
    trial t = place(row, which, dtype, as);
    t.y = row->record(t.x, &row->cases[which].with);
    return t;
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

int floating_leaves(const op_row *row, const trial *t, tg_tensor *leaves) {
    int count = 0;
    for (int k = 0; k < row->arity; k++)
        if (is_floating(tg_dtype_of(t->leaf[k]))) leaves[count++] = t->leaf[k];
    return count;
}

static tg_tensor seeds_like(tg_tensor y) {
    static values seeds;
    clear_values(&seeds, tg_dtype_of(y), tg_shape_of(y));
    for (int64_t i = 0; i < seeds.size; i++)
        seeds.at[i].real = (long double)(4 + i % 7) / 4;
    return leaf_of(y.tape, &seeds);
}

void gradients_of(const op_row *row, const trial *t, values *grads) {
    tg_tensor leaves[MOST_OPERANDS], g[MOST_OPERANDS], seeds = seeds_like(t->y);
    int       count = floating_leaves(row, t, leaves);
    ck_assert_msg(tg_vjp(t->tape, 1, &t->y, &seeds, count, leaves, g) == TG_OK, "%s: %s", t->what, tg_error(t->tape));
    for (int k = 0; k < count; k++) {
        ck_assert(tg_shape_equal(tg_shape_of(g[k]), tg_shape_of(leaves[k])) && tg_dtype_of(g[k]) == tg_dtype_of(leaves[k]));
        read_values(t->what, g[k], &grads[k]);
    }
}
