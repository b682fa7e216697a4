/* tests/ops/test_part.c: slices, one index, flips, diagonals, windows, triangles, and reshapes by another name: their rows of the op
 * table, with one index at a time as the formula; Python's bounds, memory that is shared, and what is rejected.
 *
 * SPDX-License-Identifier: MIT */
#include <limits.h>
#include <math.h>

#include "ops/op_table.h"

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

/* Axis, start, stop, step; INT_MAX is TG_END and INT_MIN is TG_BEGIN. */
static const op_case slice_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {4, {1, 0, 2, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {4, {-1, 0, INT_MAX, 2}}},
    {.shape = {{2, {2, 3}}}, .with = {4, {0, INT_MAX, INT_MIN, -1}}},
    {.shape = {{2, {2, 3}}}, .with = {4, {1, -1, -3, -1}}},
    {.shape = {{2, {2, 3}}}, .with = {4, {1, 2, 1, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {4, {1, 1, 2, 100}}},
    {.shape = {{1, {7}}}, .with = {4, {0, -100, 100, 3}}},
    {.shape = {{1, {7}}}, .with = {4, {0, 100, -100, -3}}},
    {.shape = {{1, {7}}}, .with = {4, {0, -2, 1, -2}}},
    {.shape = {{1, {0}}}, .with = {4, {0, 0, INT_MAX, 1}}},
    {.shape = {{1, {0}}}, .with = {4, {0, INT_MAX, INT_MIN, -1}}},
    {.shape = {{3, {2, 0, 3}}}, .with = {4, {2, 1, 3, 1}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}, .with = {4, {7, INT_MAX, INT_MIN, -2}}},
    {.shape = {{2, {37, 41}}}, .with = {4, {0, 3, -2, 5}}},
};
/* Axis and index. */
static const op_case select_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {2, {0, 1}}},   {.shape = {{2, {2, 3}}}, .with = {2, {-1, -1}}},
    {.shape = {{1, {4}}}, .with = {2, {0, -4}}},     {.shape = {{3, {2, 0, 3}}}, .with = {2, {2, 1}}},
    {.shape = {{1, {1}}}, .with = {2, {0, 0}}},      {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}, .with = {2, {4, 1}}},
    {.shape = {{2, {37, 41}}}, .with = {2, {1, 5}}},
};
static const op_case diag_embed_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 2}}}, .with = {1, {2}}},
    {.shape = {{1, {3}}}, .with = {1, {-1}}},
    {.shape = {{2, {0, 3}}}, .with = {1, {1}}},
    {.shape = {{2, {2, 0}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 0}}}, .with = {1, {-2}}},
    {.shape = {{7, {2, 1, 2, 1, 2, 1, 2}}}, .with = {1, {1}}},
    {.shape = {{3, {3, 2, 9}}}, .with = {1, {0}}},
};
static const op_case flip_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}}, .with = {2, {-1, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {0, {0}}},
    {.shape = {{0, {0}}}, .with = {0, {0}}},
    {.shape = {{1, {1}}}, .with = {1, {0}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {0, 1}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}, .with = {8, {0, 1, 2, 3, 4, 5, 6, 7}}},
    {.shape = {{2, {37, 41}}}, .with = {1, {-2}}},
};
/* Offset, and the two axes. */
static const op_case diagonal_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {3, {0, 0, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {1, 0, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {-1, 0, -1}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {-1, 1, 0}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {7, 0, 1}}},
    {.shape = {{2, {2, 3}}}, .with = {3, {INT_MIN, 0, 1}}},
    {.shape = {{3, {3, 2, 4}}}, .with = {3, {1, 0, 2}}},
    {.shape = {{3, {3, 2, 4}}}, .with = {3, {0, -1, 0}}},
    {.shape = {{2, {0, 3}}}, .with = {3, {0, 0, 1}}},
    {.shape = {{2, {1, 1}}}, .with = {3, {0, 0, 1}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}, .with = {3, {0, 6, 7}}},
    {.shape = {{2, {37, 41}}}, .with = {3, {-5, 0, 1}}},
};
/* Axis, size, step. */
static const op_case unfold_cases[] = {
    {.shape = {{1, {5}}}, .with = {3, {0, 3, 1}}},
    {.shape = {{1, {5}}}, .with = {3, {0, 2, 2}}},
    {.shape = {{1, {5}}}, .with = {3, {0, 5, 100}}},
    {.shape = {{1, {5}}}, .with = {3, {0, 0, 3}}},
    {.shape = {{1, {0}}}, .with = {3, {0, 0, 1}}},
    {.shape = {{2, {2, 6}}}, .with = {3, {-1, 3, 2}}},
    {.shape = {{2, {4, 2}}}, .with = {3, {0, 2, 1}}},
    {.shape = {{2, {4, 0}}}, .with = {3, {0, 2, 1}}},
    {.shape = {{7, {2, 1, 2, 1, 2, 1, 4}}}, .with = {3, {6, 2, 1}}},
    {.shape = {{2, {20, 9}}}, .with = {3, {0, 7, 3}}},
};
static const op_case diag_cases[] = {
    {.shape = {{1, {3}}}, .with = {1, {0}}},    {.shape = {{1, {3}}}, .with = {1, {2}}},
    {.shape = {{1, {3}}}, .with = {1, {-1}}},   {.shape = {{1, {0}}}, .with = {1, {0}}},
    {.shape = {{1, {0}}}, .with = {1, {-2}}},   {.shape = {{1, {1}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}}, .with = {1, {1}}}, {.shape = {{2, {3, 2}}}, .with = {1, {-1}}},
    {.shape = {{2, {0, 3}}}, .with = {1, {0}}}, {.shape = {{1, {40}}}, .with = {1, {4}}},
};
static const op_case triangle_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {1, {0}}},       {.shape = {{2, {3, 2}}}, .with = {1, {-1}}},
    {.shape = {{2, {3, 3}}}, .with = {1, {1}}},       {.shape = {{2, {2, 3}}}, .with = {1, {100}}},
    {.shape = {{2, {2, 3}}}, .with = {1, {INT_MIN}}}, {.shape = {{3, {2, 3, 4}}}, .with = {1, {-1}}},
    {.shape = {{2, {0, 3}}}, .with = {1, {0}}},       {.shape = {{2, {3, 0}}}, .with = {1, {0}}},
    {.shape = {{2, {1, 1}}}, .with = {1, {0}}},       {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {37, 41}}}, .with = {1, {3}}},
};
static const op_case flatten_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {2, {0, -1}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {2, {0, 1}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {2, {1, 2}}},
    {.shape = {{3, {2, 3, 4}}}, .with = {2, {-2, -2}}},
    {.shape = {{0, {0}}}, .with = {2, {0, -1}}},
    {.shape = {{2, {0, 3}}}, .with = {2, {0, 1}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}, .with = {2, {2, 6}}},
};
static const op_case squeeze_cases[] = {
    {.shape = {{3, {2, 1, 3}}}}, {.shape = {{2, {2, 3}}}},    {.shape = {{0, {0}}}},
    {.shape = {{3, {1, 1, 1}}}}, {.shape = {{3, {1, 0, 1}}}}, {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 1}}}},
};
static const op_case squeeze_axes_cases[] = {
    {.shape = {{3, {2, 1, 3}}}, .with = {1, {1}}},  {.shape = {{3, {1, 2, 1}}}, .with = {2, {-1, 0}}},
    {.shape = {{3, {1, 2, 1}}}, .with = {1, {-1}}}, {.shape = {{2, {1, 0}}}, .with = {1, {0}}},
    {.shape = {{0, {0}}}, .with = {0, {0}}},        {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 1}}}, .with = {2, {7, 1}}},
};
static const op_case unsqueeze_cases[] = {
    {.shape = {{2, {2, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}}, .with = {1, {1}}},
    {.shape = {{2, {2, 3}}}, .with = {1, {-1}}},
    {.shape = {{2, {2, 3}}}, .with = {1, {-3}}},
    {.shape = {{0, {0}}}, .with = {1, {0}}},
    {.shape = {{1, {0}}}, .with = {1, {1}}},
    {.shape = {{7, {2, 1, 2, 1, 2, 1, 2}}}, .with = {1, {7}}},
};
static const op_case detach_cases[] = {
    {.shape = {{2, {2, 3}}}},
    {.shape = {{0, {0}}}},
    {.shape = {{1, {0}}}},
    {.shape = {{8, {2, 1, 2, 1, 2, 1, 2, 3}}}},
};

static int64_t bound_in(const settings *with, int i) {
    int64_t value = with->value[i];
    return value == INT_MAX ? TG_END : value == INT_MIN ? TG_BEGIN : value;
}

#define RECORD(function, ...) \
    static tg_tensor record_##function(const tg_tensor *x, const settings *with) { \
        const int *s = with->value; \
        (void)s; \
        return tg_##function(__VA_ARGS__); \
    }
RECORD(slice, x[0], s[0], bound_in(with, 1), bound_in(with, 2), s[3])
RECORD(flip, x[0], tg_axes_from(with->count, s))
RECORD(diagonal, x[0], s[0], s[1], s[2])
RECORD(unfold, x[0], s[0], s[1], s[2])
RECORD(diag, x[0], s[0])
RECORD(tril, x[0], s[0])
RECORD(triu, x[0], s[0])
RECORD(flatten, x[0], s[0], s[1])
RECORD(squeeze, x[0])
RECORD(squeeze_axes, x[0], tg_axes_from(with->count, s))
RECORD(unsqueeze, x[0], s[0])
RECORD(detach, x[0])

/* ---- the formulas: where each element comes from ----------------------------------------------------------------- */

/* As Python does it, written down from its manual: the first, the last that counts, and what comes in between, one by one. */
static void expect_slice(const values *x, const settings *with, values *y) {
    int      axis = (with->value[0] + x->shape.rank) % x->shape.rank;
    int64_t  size = x->shape.dims[axis], step = with->value[3], first = bound_in(with, 1), stop = bound_in(with, 2);
    int64_t  from[MOST_ELEMENTS], count = 0, index[TG_MAX_RANK];
    tg_shape shape = x->shape;
    if (first < 0) first = first < -size ? -1 : first + size;
    if (stop < 0) stop = stop < -size ? -1 : stop + size;
    for (int64_t i = step > 0 ? 0 : size - 1; i >= 0 && i<size; i += step> 0 ? 1 : -1) {
        bool inside = step > 0 ? i >= first && i < stop : i <= first && i > stop;
        if (inside && (count == 0 || (i - from[count - 1]) % step == 0)) from[count++] = i;
    }
    shape.dims[axis] = count;
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        unravel(shape, n, index);
        index[axis] = from[index[axis]];
        y->at[n] = x->at[ravel(x->shape, index)];
    }
}

static void expect_flip(const values *x, const settings *with, values *y) {
    int64_t index[TG_MAX_RANK];
    clear_values(y, x->dtype, x->shape);
    for (int64_t n = 0; n < y->size; n++) {
        unravel(x->shape, n, index);
        for (int k = 0; k < with->count; k++) {
            int axis = (with->value[k] + x->shape.rank) % x->shape.rank;
            index[axis] = x->shape.dims[axis] - 1 - index[axis];
        }
        y->at[n] = x->at[ravel(x->shape, index)];
    }
}

/* Goes through x, and puts what is on the diagonal where it belongs. */
static void expect_diagonal(const values *x, const settings *with, values *y) {
    int      rank = x->shape.rank, a = (with->value[1] + rank) % rank, b = (with->value[2] + rank) % rank;
    int64_t  offset = with->value[0], length = 0, index[TG_MAX_RANK], to[TG_MAX_RANK] = {0};
    tg_shape shape = {0};
    for (int64_t i = 0; i < x->shape.dims[a]; i++)
        length += i + offset >= 0 && i + offset < x->shape.dims[b];
    for (int i = 0; i < rank; i++)
        if (i != a && i != b) shape.dims[shape.rank++] = x->shape.dims[i];
    shape.dims[shape.rank++] = length;
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < x->size; n++) {
        unravel(x->shape, n, index);
        if (index[b] - index[a] != offset) continue;
        int at = 0;
        for (int i = 0; i < rank; i++)
            if (i != a && i != b) to[at++] = index[i];
        to[at] = offset > 0 ? index[a] : index[b];
        if (shape.dims[at] == 1) to[at] = 0;
        y->at[ravel(shape, to)] = x->at[n];
    }
}

static void expect_unfold(const values *x, const settings *with, values *y) {
    int      rank = x->shape.rank, axis = (with->value[0] + rank) % rank;
    int64_t  size = with->value[1], step = with->value[2], windows = 0, index[TG_MAX_RANK];
    tg_shape shape = x->shape;
    for (int64_t i = 0; i + size <= x->shape.dims[axis]; i += step)
        windows++;
    shape.dims[axis] = windows;
    shape.dims[shape.rank++] = size;
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        unravel(shape, n, index);
        index[axis] = index[axis] * step + index[rank];
        y->at[n] = x->at[ravel(x->shape, index)];
    }
}

static void expect_diag(const values *x, const settings *with, values *y) {
    int64_t offset = with->value[0], size = x->size + (offset < 0 ? -offset : offset);
    if (x->shape.rank == 2) {
        expect_diagonal(x, &(settings){3, {(int)offset, 0, 1}}, y);
        return;
    }
    clear_values(y, x->dtype, TG_SHAPE(size, size));
    for (int64_t i = 0; i < x->size; i++)
        y->at[offset < 0 ? (i - offset) * size + i : i * size + i + offset] = x->at[i];
}

static void expect_triangle(const values *x, int64_t offset, bool upper, values *y) {
    int64_t index[TG_MAX_RANK];
    int     rank = x->shape.rank;
    clear_values(y, x->dtype, x->shape);
    for (int64_t n = 0; n < x->size; n++) {
        unravel(x->shape, n, index);
        int64_t right = index[rank - 1] - index[rank - 2];
        if (upper ? right >= offset : right <= offset) y->at[n] = x->at[n];
    }
}

static void expect_tril(const values *x, const settings *with, values *y) {
    expect_triangle(x, with->value[0], false, y);
}

static void expect_triu(const values *x, const settings *with, values *y) {
    expect_triangle(x, with->value[0], true, y);
}

static void expect_in_shape(const values *x, tg_shape shape, values *y) {
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++)
        y->at[n] = x->at[n];
}

static void expect_flatten(const values *x, const settings *with, values *y) {
    int rank = x->shape.rank ? x->shape.rank : 1, first = (with->value[0] + rank) % rank, last = (with->value[1] + rank) % rank;
    tg_shape shape = {.rank = 0};
    for (int i = 0; i < rank; i++) {
        int64_t size = i < x->shape.rank ? x->shape.dims[i] : 1;
        if (i > first && i <= last)
            shape.dims[shape.rank - 1] *= size;
        else
            shape.dims[shape.rank++] = size;
    }
    expect_in_shape(x, shape, y);
}

static void expect_squeeze(const values *x, const settings *with, values *y) {
    tg_shape shape = {0};
    (void)with;
    for (int i = 0; i < x->shape.rank; i++)
        if (x->shape.dims[i] != 1) shape.dims[shape.rank++] = x->shape.dims[i];
    expect_in_shape(x, shape, y);
}

static void expect_squeeze_axes(const values *x, const settings *with, values *y) {
    tg_shape shape = {0};
    for (int i = 0; i < x->shape.rank; i++) {
        bool goes = false;
        for (int k = 0; k < with->count; k++)
            goes |= with->value[k] == i || with->value[k] == i - x->shape.rank;
        if (!goes) shape.dims[shape.rank++] = x->shape.dims[i];
    }
    expect_in_shape(x, shape, y);
}

static void expect_unsqueeze(const values *x, const settings *with, values *y) {
    int      rank = x->shape.rank + 1, axis = (with->value[0] + rank) % rank;
    tg_shape shape = {.rank = rank};
    for (int i = 0, from = 0; i < rank; i++)
        shape.dims[i] = i == axis ? 1 : x->shape.dims[from++];
    expect_in_shape(x, shape, y);
}

static void expect_detach(const values *x, const settings *with, values *y) {
    (void)with;
    expect_in_shape(x, x->shape, y);
}

static void expect_select(const values *x, const settings *with, values *y) {
    int      axis = (with->value[0] + x->shape.rank) % x->shape.rank;
    int64_t  at = (with->value[1] + x->shape.dims[axis]) % x->shape.dims[axis], index[TG_MAX_RANK];
    tg_shape shape = {0};
    for (int i = 0; i < x->shape.rank; i++)
        if (i != axis) shape.dims[shape.rank++] = x->shape.dims[i];
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0, m = 0; n < x->size; n++) {
        unravel(x->shape, n, index);
        if (index[axis] == at) y->at[m++] = x->at[n];
    }
}

static void expect_diag_embed(const values *x, const settings *with, values *y) {
    int64_t  index[TG_MAX_RANK], offset = with->value[0], n = x->shape.dims[x->shape.rank - 1];
    tg_shape shape = x->shape;
    shape.dims[shape.rank - 1] = shape.dims[shape.rank] = n + (offset < 0 ? -offset : offset);
    shape.rank++;
    clear_values(y, x->dtype, shape);
    for (int64_t m = 0; m < y->size; m++) {
        unravel(shape, m, index);
        int64_t row = index[shape.rank - 2], column = index[shape.rank - 1];
        index[shape.rank - 2] = offset < 0 ? column : row;
        if (column - row == offset) y->at[m] = x->at[ravel(x->shape, index)];
    }
}

static tg_tensor record_select(const tg_tensor *x, const settings *with) {
    return tg_select(x[0], with->value[0], with->value[1]);
}

static tg_tensor record_diag_embed(const tg_tensor *x, const settings *with) {
    return tg_diag_embed(x[0], with->value[0]);
}

#define ROW(function, word, list) \
    { \
        .name = #function, .called = word, .arity = 1, .takes = TAKES_ANY, .record = record_##function, \
        .expect = expect_##function, .low = {-3}, .high = {3}, .cases = list, .case_count = sizeof list / sizeof *list \
    }

const op_row part_rows[] = {
    ROW(slice, "slice", slice_cases),
    ROW(select, "select", select_cases),
    ROW(diag_embed, "diag_embed", diag_embed_cases),
    ROW(flip, "flip", flip_cases),
    ROW(diagonal, "diagonal", diagonal_cases),
    ROW(unfold, "unfold", unfold_cases),
    ROW(diag, "diag", diag_cases),
    ROW(tril, "tril", triangle_cases),
    ROW(triu, "triu", triangle_cases),
    ROW(flatten, "flatten", flatten_cases),
    ROW(squeeze, "squeeze", squeeze_cases),
    ROW(squeeze_axes, "squeeze", squeeze_axes_cases),
    ROW(unsqueeze, "unsqueeze", unsqueeze_cases),
    {.name = "detach",
     .called = "detach",
     .arity = 1,
     .takes = TAKES_ANY,
     .compares = true,
     .record = record_detach,
     .expect = expect_detach,
     .low = {-3},
     .high = {3},
     .cases = detach_cases,
     .case_count = sizeof detach_cases / sizeof *detach_cases},
    {.name = NULL},
};

/* ---- values ------------------------------------------------------------------------------------------------------ */

static tg_tensor counting(tg_tape *tape, int64_t rows, int64_t columns) {
    return tg_reshape(tg_arange(tape, TG_F64, 0, (double)(rows * columns), 1), TG_SHAPE(rows, columns));
}

START_TEST(bounds_are_python_s) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_arange(tape, TG_F64, 0, 10, 1);
    CHECK_IS(tg_slice(x, 0, 7, TG_END, 1), 7, 8, 9);
    CHECK_IS(tg_slice(x, 0, -2, TG_END, 1), 8, 9);
    CHECK_IS(tg_slice(x, 0, TG_BEGIN, -7, 1), 0, 1, 2);
    CHECK_IS(tg_slice(x, 0, TG_END, TG_BEGIN, -4), 9, 5, 1);
    CHECK_IS(tg_slice(x, 0, 3, 0, -1), 3, 2, 1);
    CHECK_IS(tg_slice(x, 0, 3, TG_BEGIN, -1), 3, 2, 1, 0);
    CHECK_IS(tg_slice(x, 0, 0, 10, INT64_MAX), 0);
    CHECK_IS(tg_slice(x, 0, 9, TG_BEGIN, INT64_MIN + 1), 9);
    ck_assert_int_eq(tg_size(tg_slice(x, 0, 5, 5, 1)), 0);
    ck_assert_int_eq(tg_size(tg_slice(x, 0, TG_END, TG_BEGIN, 1)), 0);
    finish(tape);
}
END_TEST

START_TEST(parts_of_parts) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = counting(tape, 3, 4), t = tg_transpose(x, 0, 1);
    CHECK_IS(tg_diagonal(tg_flip(x, TG_AXES(1)), 0, 0, 1), 3, 6, 9);
    CHECK_IS(tg_slice(tg_slice(t, 0, 3, TG_BEGIN, -2), 1, 1, 3, 1), 7, 11, 5, 9);
    CHECK_IS(tg_reshape(tg_slice(x, 1, 0, 4, 2), TG_SHAPE(6)), 0, 2, 4, 6, 8, 10);
    CHECK_IS(tg_sum_axes(tg_unfold(tg_slice(x, 1, TG_END, TG_BEGIN, -1), 1, 2, 1), TG_AXES(-1), false), 5, 3, 1, 13, 11, 9, 21,
             19, 17);
    CHECK_IS(tg_unfold(tg_broadcast_to(tg_full(tape, TG_F64, TG_SHAPE(), 2), TG_SHAPE(3)), 0, 2, 1), 2, 2, 2, 2);
    finish(tape);
}
END_TEST

START_TEST(parts_share_memory) {
    tg_tape     *tape = tg_tape_new();
    tg_tensor    x = tg_full(tape, TG_F32, TG_SHAPE(4, 6), 1);
    const float *base = tg_data(x);
    ck_assert_ptr_eq(tg_data(tg_slice(x, 0, 1, 3, 1)), base + 6);
    ck_assert_ptr_eq(tg_data(tg_detach(x)), base);
    ck_assert_ptr_eq(tg_data(tg_flatten(tg_unsqueeze(x, 1), 0, -1)), base);
    ck_assert_ptr_ne(tg_data(tg_flip(x, TG_AXES(1))), base);
    finish(tape);
}
END_TEST

START_TEST(a_part_holds_the_value_from_before_an_assign) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_input(tape, "x", TG_F64, TG_SHAPE(4));
    tg_write(x, (double[]){1, 2, 3, 4}, 4);
    tg_tensor before = tg_slice(x, 0, 1, 3, 1);
    tg_assign(x, tg_flip(x, TG_AXES(0)));
    CHECK_IS(before, 2, 3);
    CHECK_IS(tg_slice(x, 0, 1, 3, 1), 3, 2);
    finish(tape);
}
END_TEST

START_TEST(gradients_add_up_where_windows_overlap) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_arange(tape, TG_F64, 0, 6, 1);
    CHECK_IS(slope(tg_unfold(x, 0, 3, 1), x), 1, 2, 3, 3, 2, 1);
    CHECK_IS(slope(tg_unfold(x, 0, 2, 3), x), 1, 1, 0, 1, 1, 0);
    CHECK_IS(slope(tg_slice(x, 0, 4, TG_BEGIN, -2), x), 1, 0, 1, 0, 1, 0);
    tg_tensor none = tg_slice(x, 0, 2, 2, 1);
    CHECK_IS(slope(none, x), 0, 0, 0, 0, 0, 0);
    finish(tape);
}
END_TEST

START_TEST(nothing_flows_through_detach) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor w = tg_parameter(tape, "w", tg_arange(tape, TG_F64, 1, 4, 1));
    ck_assert(!tg_requires_grad(tg_detach(w)) && tg_requires_grad(w));
    CHECK_IS(tg_detach(w), 1, 2, 3);
    CHECK_IS(slope(tg_mul(tg_detach(w), w), w), 1, 2, 3);
    CHECK_IS(slope(tg_detach(w), w), 0, 0, 0);
    finish(tape);
}
END_TEST

START_TEST(arange_counts) {
    tg_tape *tape = tg_tape_new();
    CHECK_IS(tg_arange(tape, TG_F32, 0, 1, 0.25), 0, 0.25, 0.5, 0.75);
    CHECK_IS(tg_arange(tape, TG_F64, 1, -1, -0.75), 1, 0.25, -0.5);
    CHECK_IS(tg_arange(tape, TG_I64, -3, 4.5, 2), -3, -1, 1, 3);
    CHECK_IS(tg_arange(tape, TG_I64, 0x1p62, 0x1p62 + 4096, 2048), 0x1p62, 0x1p62 + 2048);
    ck_assert_int_eq(tg_size(tg_arange(tape, TG_F64, 1, 1, 1)), 0);
    ck_assert_int_eq(tg_size(tg_arange(tape, TG_F64, 1, 0, 1)), 0);
    tg_tensor rows = tg_unsqueeze(tg_arange(tape, TG_I64, 0, 3, 1), 1), columns = tg_arange(tape, TG_I64, 0, 2, 1);
    CHECK_IS(tg_add(tg_mul(rows, 10), columns), 0, 1, 10, 11, 20, 21);
    finish(tape);
}
END_TEST

/* These are linear: only in a formula that is not do second derivatives go through their gradients' gradients. */
static void check_cube(tg_tensor y, tg_tensor x) {
    tg_gradcheck_report report = {.order = 3};
    ck_assert_msg(tg_gradcheck(tg_mul(y, tg_square(y)), 1, &x, &report) == TG_OK, "%s", tg_error(x.tape));
}

START_TEST(higher_derivatives_of_formulas) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_constant(tape, TG_F64, TG_SHAPE(2, 3), (double[]){0.5, -1, 0.25, 1, 0.75, -0.5});
    check_cube(tg_slice(x, 1, TG_END, TG_BEGIN, -2), x);
    check_cube(tg_flip(x, TG_AXES(0, 1)), x);
    check_cube(tg_diagonal(x, 1, 0, 1), x);
    check_cube(tg_unfold(x, 1, 2, 1), x);
    check_cube(tg_diag(tg_flatten(x, 0, 1), 1), x);
    check_cube(tg_tril(x, 0), x);
    check_cube(tg_triu(x, 1), x);
    check_cube(tg_squeeze(tg_unsqueeze(x, 1)), x);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(what_is_no_part_is_rejected) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 3), 1), number = tg_full(tape, TG_F32, TG_SHAPE(), 1);
    tg_tensor wide = tg_full(tape, TG_F32, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2), 1);
    REFUSED(tg_slice(x, 2, 0, 1, 1), TG_ERR_SHAPE, "slice: axis 2 of a tensor of rank 2");
    REFUSED(tg_slice(number, 0, 0, 1, 1), TG_ERR_SHAPE, "slice: axis 0", "rank 0");
    REFUSED(tg_slice(x, 0, 0, 1, 0), TG_ERR_ARGUMENT, "slice: the step is 0");
    REFUSED(tg_slice(x, 0, 0, 1, INT64_MIN), TG_ERR_ARGUMENT, "slice: the step");
    REFUSED(tg_slice(x, tg_shape_of(x).rank, 0, 1, 1), TG_ERR_SHAPE, "slice: ");
    REFUSED(tg_flip(x, TG_AXES(0, -2)), TG_ERR_SHAPE, "flip: axis -2 is named twice");
    REFUSED(tg_flip(x, TG_AXES(-3)), TG_ERR_SHAPE, "flip: axis -3");
    REFUSED(tg_flip(x, TG_AXES(0, 0, 0, 0, 0, 0, 0, 0, 0)), TG_ERR_SHAPE, "flip: ", "8");
    REFUSED(tg_diagonal(x, 0, 0, -2), TG_ERR_SHAPE, "diagonal: axes 0 and -2 are the same");
    REFUSED(tg_diagonal(x, 0, 0, 2), TG_ERR_SHAPE, "diagonal: axis 2");
    REFUSED(tg_diagonal(x, 0, 3, 2), TG_ERR_SHAPE, "diagonal: axis 3");
    REFUSED(tg_unfold(x, 1, 4, 1), TG_ERR_ARGUMENT, "unfold: windows of 4", "size 3");
    REFUSED(tg_unfold(x, 1, -1, 1), TG_ERR_ARGUMENT, "unfold: windows of -1");
    REFUSED(tg_unfold(x, 1, 1, 0), TG_ERR_ARGUMENT, "unfold: windows of 1, 0 apart");
    REFUSED(tg_unfold(wide, 7, 1, 1), TG_ERR_SHAPE, "unfold: ", "8 axes");
    REFUSED(tg_diag(number, 0), TG_ERR_SHAPE, "diag: ", "rank 0");
    finish(tape);
}
END_TEST

START_TEST(shapes_by_another_name_are_rejected_by_it) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_full(tape, TG_F32, TG_SHAPE(2, 1), 1), vector = tg_full(tape, TG_F32, TG_SHAPE(3), 1);
    tg_tensor wide = tg_full(tape, TG_F32, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 2), 1);
    REFUSED(tg_diag(vector, INT64_MAX), TG_ERR_ARGUMENT, "diag: ", "9223372036854775807");
    REFUSED(tg_diag(vector, INT64_MIN), TG_ERR_ARGUMENT, "diag: ");
    REFUSED(tg_tril(vector, 0), TG_ERR_SHAPE, "tril: (3): a matrix has two axes");
    REFUSED(tg_triu(vector, 0), TG_ERR_SHAPE, "triu: (3): ");
    REFUSED(tg_flatten(x, 1, 0), TG_ERR_SHAPE, "flatten: axes 1 to 0");
    REFUSED(tg_flatten(x, 0, 2), TG_ERR_SHAPE, "flatten: axes 0 to 2 of a tensor of rank 2");
    REFUSED(tg_squeeze_axes(x, TG_AXES(0)), TG_ERR_SHAPE, "squeeze: axis 0 has size 2");
    REFUSED(tg_squeeze_axes(x, TG_AXES(2)), TG_ERR_SHAPE, "squeeze: axis 2");
    REFUSED(tg_squeeze_axes(x, TG_AXES(0, 0, 0, 0, 0, 0, 0, 0, 0)), TG_ERR_SHAPE, "squeeze: ", "8");
    REFUSED(tg_unsqueeze(x, 3), TG_ERR_SHAPE, "unsqueeze: axis 3 of a result of rank 3");
    REFUSED(tg_unsqueeze(wide, 0), TG_ERR_SHAPE, "unsqueeze: ", "rank 9");
    finish(tape);
}
END_TEST

START_TEST(arange_rejects_what_cannot_be_counted) {
    tg_tape *tape = tg_tape_new();
    REFUSED(tg_arange(tape, TG_F64, 0, 1, 0), TG_ERR_ARGUMENT, "arange: from 0 to 1 by 0");
    REFUSED(tg_arange(tape, TG_F64, 0, 1e300, 1), TG_ERR_ARGUMENT, "arange: ");
    REFUSED(tg_arange(tape, TG_F64, 0, (double)INFINITY, 1), TG_ERR_ARGUMENT, "arange: ", "inf");
    REFUSED(tg_arange(tape, TG_F64, (double)NAN, 1, 1), TG_ERR_ARGUMENT, "arange: ");
    REFUSED(tg_arange(tape, TG_I64, 0.5, 3, 1), TG_ERR_DTYPE, "arange: ", "0.5");
    REFUSED(tg_arange(tape, TG_I64, 0, 3, 0.5), TG_ERR_DTYPE, "arange: ");
    REFUSED(tg_arange(tape, TG_I64, 9e18, 1.8e19, 4e18), TG_ERR_ARGUMENT, "arange: ", "is beyond int64");
    REFUSED(tg_arange(tape, TG_I64, -9e18, -1.8e19, -4e18), TG_ERR_ARGUMENT, "arange: ", "is beyond int64");
    REFUSED(tg_arange(tape, TG_I64, -9e18, 1.8e19, 9e18), TG_ERR_ARGUMENT, "arange: ", "is beyond int64");
    CHECK_IS(tg_arange(tape, TG_I64, 9e18, 1.8e19, 9e18), 9e18);
    REFUSED(tg_arange(tape, TG_BOOL, 0, 1, 1), TG_ERR_DTYPE, "arange: the dtype must not be bool");
    REFUSED(tg_arange(tape, (tg_dtype)9, 0, 1, 1), TG_ERR_DTYPE, "arange: 9 is no dtype");
    finish(tape);
}
END_TEST

START_TEST(one_index_along_an_axis) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = tg_reshape(tg_arange(tape, TG_F64, 0, 6, 1), TG_SHAPE(2, 3)), one = tg_full(tape, TG_F64, TG_SHAPE(), 1);
    CHECK_IS(tg_select(x, 0, 1), 3, 4, 5);
    CHECK_IS(tg_select(tg_select(x, 1, -1), 0, 0), 2);
    CHECK_IS(slope(tg_square(tg_select(x, 1, 1)), x), 0, 2, 0, 0, 8, 0);
    REFUSED(tg_select(x, 0, 2), TG_ERR_INDEX, "select: index 2 of axis 0, which has size 2");
    REFUSED(tg_select(x, 1, -4), TG_ERR_INDEX, "select: index -4 of axis 1");
    REFUSED(tg_select(x, 1, INT64_MIN), TG_ERR_INDEX, "select: index -9223372036854775808");
    REFUSED(tg_select(x, 2, 0), TG_ERR_SHAPE, "select: axis 2");
    REFUSED(tg_diag_embed(one, 0), TG_ERR_SHAPE, "diag_embed: ");
    REFUSED(tg_diag_embed(x, INT64_MIN), TG_ERR_ARGUMENT, "diag_embed: ", "too large");
    tg_tensor deep = tg_full(tape, TG_F64, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1), 1);
    REFUSED(tg_diag_embed(deep, 0), TG_ERR_SHAPE, "diag_embed: ");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_part(void) {
    Suite *suite = suite_create("part");
    TCase *tcase = tcase_create("parts");
    add_rows(suite, part_rows);
    tcase_add_test(tcase, one_index_along_an_axis);
    tcase_add_test(tcase, bounds_are_python_s);
    tcase_add_test(tcase, parts_of_parts);
    tcase_add_test(tcase, parts_share_memory);
    tcase_add_test(tcase, a_part_holds_the_value_from_before_an_assign);
    tcase_add_test(tcase, gradients_add_up_where_windows_overlap);
    tcase_add_test(tcase, nothing_flows_through_detach);
    tcase_add_test(tcase, arange_counts);
    tcase_add_test(tcase, what_is_no_part_is_rejected);
    tcase_add_test(tcase, shapes_by_another_name_are_rejected_by_it);
    tcase_add_test(tcase, arange_rejects_what_cannot_be_counted);
    tcase_add_test(tcase, higher_derivatives_of_formulas);
    suite_add_tcase(suite, tcase);
    return suite;
}
