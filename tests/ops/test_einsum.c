/* tests/ops/test_einsum.c: dot, outer, bmm, tensordot, einsum: their rows of the op table, with plain loops over all letters as
 * the formula; and what einsum's notation allows and rejects.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <tapegrad/product.h>

#include "ops/op_table.h"

/* ---- the formula: every letter runs through its sizes ------------------------------------------------------------- */

enum { LETTERS = 128 };

/* "ij,jk->ik", where no dots are; a size of 1 stretches. */
typedef struct loops {
    char     equation[64];
    char    *letters[MOST_OPERANDS + 1]; /* of the operands, then of the output */
    int      operands;
    char     all[LETTERS];
    tg_shape shape; /* of all loops */
} loops;

static void add_letter(loops *l, char letter, int64_t size) {
    char *known = strchr(l->all, letter);
    if (!known) {
        l->shape.dims[l->shape.rank] = size;
        l->all[l->shape.rank++] = letter;
    } else if (l->shape.dims[known - l->all] == 1)
        l->shape.dims[known - l->all] = size;
}

static void read_loops(loops *l, const char *equation, int operands, const values *x) {
    memset(l, 0, sizeof *l);
    strcpy(l->equation, equation);
    l->operands = operands;
    char *at = l->equation;
    for (int k = 0; k <= operands; k++) {
        l->letters[k] = at;
        at += strcspn(at, ",-");
        if (*at) *at++ = 0;
        if (*at == '>') at++;
        for (int i = 0; k < operands && l->letters[k][i]; i++)
            add_letter(l, l->letters[k][i], x[k].shape.dims[i]);
    }
}

/* Where the array's element is for a turn of the loops. */
static int64_t place(const loops *l, int k, tg_shape shape, const int64_t *turn) {
    int64_t index[TG_MAX_RANK] = {0};
    for (int i = 0; i < shape.rank; i++)
        index[i] = turn[strchr(l->all, l->letters[k][i]) - l->all];
    return ravel(shape, index);
}

static void expect_equation(const char *equation, int operands, const values *x, values *y) {
    static loops l;
    tg_shape     shape = {0};
    int64_t      turn[TG_MAX_RANK + 1];
    read_loops(&l, equation, operands, x);
    for (const char *c = l.letters[operands]; *c; c++)
        shape.dims[shape.rank++] = l.shape.dims[strchr(l.all, *c) - l.all];
    clear_values(y, x[0].dtype, shape);
    y->scale = 30;
    for (int64_t n = 0, count = tg_shape_size(l.shape); n < count; n++) {
        element product = {.real = 1, .whole = 1};
        unravel(l.shape, n, turn);
        for (int k = 0; k < operands; k++) {
            const element *e = &x[k].at[place(&l, k, x[k].shape, turn)];
            product.real *= e->real;
            product.whole = (int64_t)((uint64_t)product.whole * (uint64_t)e->whole);
        }
        element *sum = &y->at[place(&l, operands, shape, turn)];
        sum->real += product.real;
        sum->whole = (int64_t)((uint64_t)sum->whole + (uint64_t)product.whole);
    }
}

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

#define RANGE .low = {-2, -2, -2}, .high = {2, 2, 2}

#define TWO(name, equation) \
    static tg_tensor record_##name(const tg_tensor *x, const settings *with) { \
        (void)with; \
        return tg_##name(x[0], x[1]); \
    } \
    static void expect_##name(const values *x, const settings *with, values *y) { \
        (void)with; \
        expect_equation(equation, 2, x, y); \
    }
TWO(dot, "i,i->")
TWO(outer, "i,j->ij")
TWO(bmm, "bij,bjk->bik")

static const op_case dot_cases[] = {{.shape = {{1, {3}}, {1, {3}}}},
                                    {.shape = {{1, {1}}, {1, {1}}}},
                                    {.shape = {{1, {0}}, {1, {0}}}}};
static const op_case outer_cases[] = {{.shape = {{1, {3}}, {1, {2}}}},
                                      {.shape = {{1, {1}}, {1, {4}}}},
                                      {.shape = {{1, {4}}, {1, {0}}}},
                                      {.shape = {{1, {1}}, {1, {1}}}}};
static const op_case bmm_cases[] = {{.shape = {{3, {2, 2, 3}}, {3, {2, 3, 2}}}},
                                    {.shape = {{3, {1, 2, 3}}, {3, {1, 3, 1}}}},
                                    {.shape = {{3, {0, 2, 3}}, {3, {0, 3, 2}}}},
                                    {.shape = {{3, {2, 2, 0}}, {3, {2, 0, 3}}}},
                                    {.shape = {{3, {3, 1, 1}}, {3, {3, 1, 1}}}}};

/* Settings: axes. */
static tg_tensor record_tensordot(const tg_tensor *x, const settings *with) {
    return tg_tensordot(x[0], x[1], with->value[0]);
}

static void expect_tensordot(const values *x, const settings *with, values *y) {
    char text[64] = "";
    int  rank_a = x[0].shape.rank, rank_b = x[1].shape.rank, both = with->value[0];
    snprintf(text, sizeof text, "%.*s,%.*s->%.*s%.*s", rank_a, "abcdefgh", rank_b, &"abcdefghijklmnop"[rank_a - both],
             rank_a - both, "abcdefgh", rank_b - both, &"abcdefghijklmnop"[rank_a]);
    expect_equation(text, 2, x, y);
}

static const op_case tensordot_cases[] = {
    {.shape = {{2, {2, 3}}, {2, {3, 2}}}, .with = {1, {1}}},
    {.shape = {{3, {2, 3, 2}}, {3, {3, 2, 4}}}, .with = {1, {2}}},
    {.shape = {{2, {2, 3}}, {2, {2, 3}}}, .with = {1, {2}}},
    {.shape = {{1, {2}}, {2, {3, 1}}}, .with = {1, {0}}},
    {.shape = {{0, {0}}, {1, {3}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 0}}, {2, {0, 3}}}, .with = {1, {1}}},
    {.shape = {{2, {1, 1}}, {2, {1, 1}}}, .with = {1, {1}}},
    {.shape = {{4, {1, 2, 1, 2}}, {4, {2, 1, 1, 2}}}, .with = {1, {0}}},
};

/* Settings: the number of axes of each list; the axes of a, then those of b. */
static tg_tensor record_tensordot_axes(const tg_tensor *x, const settings *with) {
    int count = with->value[0];
    return tg_tensordot_axes(x[0], x[1], tg_axes_from(count, &with->value[1]), tg_axes_from(count, &with->value[1 + count]));
}

static void expect_tensordot_axes(const values *x, const settings *with, values *y) {
    char a[] = "abcdefgh", b[] = "ABCDEFGH", text[64], out[2 * TG_MAX_RANK + 1] = "";
    int  count = with->value[0], rank_a = x[0].shape.rank, rank_b = x[1].shape.rank, length = 0;
    a[rank_a] = b[rank_b] = 0;
    for (int i = 0; i < count; i++) {
        int k = with->value[1 + i], l = with->value[1 + count + i];
        b[l < 0 ? l + rank_b : l] = a[k < 0 ? k + rank_a : k];
    }
    for (int i = 0; i < rank_a; i++)
        if (!strchr(b, a[i])) out[length++] = a[i];
    for (int i = 0; i < rank_b; i++)
        if (b[i] < 'a') out[length++] = b[i];
    snprintf(text, sizeof text, "%s,%s->%s", a, b, out);
    expect_equation(text, 2, x, y);
}

static const op_case tensordot_axes_cases[] = {
    {.shape = {{2, {2, 3}}, {2, {2, 3}}}, .with = {3, {1, 0, 0}}},
    {.shape = {{2, {2, 3}}, {2, {3, 2}}}, .with = {5, {2, 0, 1, 1, 0}}},
    {.shape = {{3, {2, 3, 2}}, {3, {2, 2, 3}}}, .with = {5, {2, -2, 0, 2, -2}}},
    {.shape = {{3, {2, 3, 2}}, {2, {2, 3}}}, .with = {3, {1, 2, 0}}},
    {.shape = {{2, {2, 3}}, {1, {2}}}, .with = {1, {0}}},
    {.shape = {{2, {0, 3}}, {2, {3, 2}}}, .with = {3, {1, 1, 0}}},
    {.shape = {{2, {1, 3}}, {2, {3, 1}}}, .with = {3, {1, 0, 1}}},
};

/* What is recorded, and the same without dots, for the number in the settings. The fixtures know the equations by their
 * numbers. */
static const struct {
    const char *equation, *plain;
} equations[] = {
    {"ij,jk->ik", "ij,jk->ik"},
    {"ij,jk", "ij,jk->ik"},
    {" b a , b c -> a c ", "ba,bc->ac"},
    {"ij,ij->", "ij,ij->"},
    {"ij,ij->ij", "ij,ij->ij"},
    {"bij,bjk->bik", "bij,bjk->bik"},
    {"...ij,...jk->...ik", "ABij,ABjk->ABik"},
    {"...ij,...jk", "ABij,Bjk->ABik"},
    {"i...,j...->...ij", "iA,jA->Aij"},
    {"ii,i->i", "ii,i->i"},
    {"iij,jk->ki", "iij,jk->ki"},
    {"ij,k->ik", "ij,k->ik"},
    {"ij,kl->", "ij,kl->"},
    {"abc,cbd->da", "abc,cbd->da"},
    {"bhqd,bhkd->bhqk", "bhqd,bhkd->bhqk"},
    {"bi,bi->b", "bi,bi->b"},
    {"iJ,Ji", "iJ,Ji->"},
    {"ba,aB", "ba,aB->Bb"},
    {"ii,jj->", "ii,jj->"},
    {"abcd,efgh->abcdefgh", "abcd,efgh->abcdefgh"},
};

static tg_tensor record_einsum(const tg_tensor *x, const settings *with) {
    return tg_einsum(equations[with->value[0]].equation, x[0], x[1]);
}

static void expect_einsum(const values *x, const settings *with, values *y) {
    expect_equation(equations[with->value[0]].plain, 2, x, y);
}

static const op_case einsum_cases[] = {
    {.shape = {{2, {2, 3}}, {2, {3, 2}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 3}}, {2, {3, 2}}}, .with = {1, {1}}},
    {.shape = {{2, {3, 2}}, {2, {3, 4}}}, .with = {1, {2}}},
    {.shape = {{2, {3, 2}}, {2, {3, 2}}}, .with = {1, {3}}},
    {.shape = {{2, {3, 2}}, {2, {3, 2}}}, .with = {1, {4}}},
    {.shape = {{3, {2, 2, 3}}, {3, {2, 3, 2}}}, .with = {1, {5}}},
    {.shape = {{3, {1, 2, 3}}, {3, {2, 3, 2}}}, .with = {1, {5}}},
    {.shape = {{4, {2, 1, 2, 3}}, {4, {1, 3, 3, 2}}}, .with = {1, {6}}},
    {.shape = {{4, {2, 3, 2, 3}}, {3, {3, 3, 2}}}, .with = {1, {7}}},
    {.shape = {{2, {2, 3}}, {2, {4, 1}}}, .with = {1, {8}}},
    {.shape = {{2, {3, 3}}, {1, {3}}}, .with = {1, {9}}},
    {.shape = {{2, {1, 1}}, {1, {3}}}, .with = {1, {9}}},
    {.shape = {{3, {3, 3, 2}}, {2, {2, 2}}}, .with = {1, {10}}},
    {.shape = {{2, {2, 3}}, {1, {2}}}, .with = {1, {11}}},
    {.shape = {{2, {2, 3}}, {2, {2, 1}}}, .with = {1, {12}}},
    {.shape = {{3, {2, 3, 2}}, {3, {2, 3, 2}}}, .with = {1, {13}}},
    {.shape = {{4, {2, 1, 2, 3}}, {4, {2, 1, 3, 3}}}, .with = {1, {14}}},
    {.shape = {{2, {3, 2}}, {2, {3, 2}}}, .with = {1, {15}}},
    {.shape = {{2, {2, 3}}, {2, {3, 2}}}, .with = {1, {16}}},
    {.shape = {{2, {2, 3}}, {2, {3, 2}}}, .with = {1, {17}}},
    {.shape = {{2, {2, 2}}, {2, {3, 3}}}, .with = {1, {18}}},
    {.shape = {{4, {1, 2, 1, 2}}, {4, {2, 1, 2, 1}}}, .with = {1, {19}}},
    {.shape = {{2, {2, 0}}, {2, {0, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {0, 3}}, {2, {3, 2}}}, .with = {1, {0}}},
    {.shape = {{2, {2, 1}}, {2, {0, 3}}}, .with = {1, {0}}},
    {.shape = {{2, {0, 0}}, {1, {0}}}, .with = {1, {9}}},
    {.shape = {{2, {1, 1}}, {2, {1, 1}}}, .with = {1, {0}}},
    {.shape = {{2, {1, 3}}, {2, {1, 2}}}, .with = {1, {0}}},
};

static tg_tensor record_cross(const tg_tensor *x, const settings *with) {
    return tg_cross(x[0], x[1], with->value[0]);
}

/* The sum over permutations of three indices, by the sign of each. */
static void expect_cross(const values *x, const settings *with, values *y) {
    tg_shape shape = broadcast_shapes(x[0].shape, x[1].shape);
    int      axis = (with->value[0] + shape.rank) % shape.rank;
    int64_t  at[TG_MAX_RANK];
    clear_values(y, x->dtype, shape);
    for (int64_t n = 0; n < y->size; n++) {
        unravel(shape, n, at);
        int64_t i = at[axis];
        for (int64_t j = 0; j < 3; j++) {
            if (j == i) continue;
            at[axis] = j;
            element a = x[0].at[ravel_broadcast(x[0].shape, shape.rank, at)];
            at[axis] = 3 - i - j;
            element b = x[1].at[ravel_broadcast(x[1].shape, shape.rank, at)];
            bool    even = (j - i + 3) % 3 == 1;
            y->at[n].real += even ? a.real * b.real : -a.real * b.real;
            uint64_t both = (uint64_t)a.whole * (uint64_t)b.whole;
            y->at[n].whole = (int64_t)((uint64_t)y->at[n].whole + (even ? both : 0 - both));
        }
    }
    y->scale = 10;
}

static const op_case cross_cases[] = {
    {.shape = {{2, {2, 3}}, {2, {2, 3}}}, .with = {1, {1}}},     {.shape = {{1, {3}}, {1, {3}}}, .with = {1, {0}}},
    {.shape = {{2, {3, 2}}, {2, {3, 1}}}, .with = {1, {0}}},     {.shape = {{1, {3}}, {2, {4, 3}}}, .with = {1, {-1}}},
    {.shape = {{2, {0, 3}}, {1, {3}}}, .with = {1, {1}}},        {.shape = {{3, {5, 1, 3}}, {2, {7, 3}}}, .with = {1, {2}}},
    {.shape = {{3, {2, 3, 2}}, {2, {3, 2}}}, .with = {1, {-2}}},
};

#define ROW(name_, says, cases_) \
    { \
        .name = #name_, .called = says, .arity = 2, .takes = TAKES_NUMBER, .record = record_##name_, .expect = expect_##name_, \
        RANGE, .cases = cases_, .case_count = sizeof cases_ / sizeof *cases_ \
    }
const op_row product_rows[] = {
    ROW(dot, "dot", dot_cases),
    ROW(outer, "outer", outer_cases),
    ROW(bmm, "bmm", bmm_cases),
    ROW(tensordot, "tensordot", tensordot_cases),
    ROW(tensordot_axes, "tensordot", tensordot_axes_cases),
    ROW(einsum, "einsum", einsum_cases),
    ROW(cross, "cross", cross_cases),
    {.name = NULL},
};

/* ---- one operand, and many --------------------------------------------------------------------------------------- */

static tg_tensor counted(tg_tape *tape, tg_shape shape) {
    double x[64];
    for (int i = 0; i < 64; i++)
        x[i] = i + 1;
    return tg_constant(tape, TG_F64, shape, x);
}

START_TEST(one_operand) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = counted(tape, TG_SHAPE(2, 3)), m = counted(tape, TG_SHAPE(3, 3)), s = counted(tape, TG_SHAPE(2, 2, 2));
    CHECK_IS(tg_einsum("ij->ji", a), 1, 4, 2, 5, 3, 6);
    CHECK_IS(tg_einsum("ji", a), 1, 4, 2, 5, 3, 6);
    CHECK_IS(tg_einsum("ij", a), 1, 2, 3, 4, 5, 6);
    CHECK_IS(tg_einsum("ij->", a), 21);
    CHECK_IS(tg_einsum("ij->j", a), 5, 7, 9);
    CHECK_IS(tg_einsum("ii", m), 15);
    CHECK_IS(tg_einsum("ii->i", m), 1, 5, 9);
    CHECK_IS(tg_einsum("...ii->...i", s), 1, 4, 5, 8);
    CHECK_IS(tg_einsum("...->...", a), 1, 2, 3, 4, 5, 6);
    CHECK_IS(tg_einsum("i...->...i", a), 1, 4, 2, 5, 3, 6);
    CHECK_IS(tg_einsum("iii->i", s), 1, 8);
    CHECK_IS(tg_einsum("iii", s), 9);
    CHECK_IS(tg_einsum("", counted(tape, TG_SHAPE())), 1);
    finish(tape);
}
END_TEST

START_TEST(many_operands) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor x = F64(tape, 1, 2), a = counted(tape, TG_SHAPE(2, 3)), y = F64(tape, 1, 0, -1), v = F64(tape, 2, 3);
    CHECK_IS(tg_einsum("i,ij,j->", x, a, y), -2 + 2 * -2);
    CHECK_IS(tg_einsum("i,i,i->i", x, x, v), 2, 12);
    CHECK_IS(tg_einsum("i,j,k,l->lkji", x, x, x, x), 1, 2, 2, 4, 2, 4, 4, 8, 2, 4, 4, 8, 4, 8, 8, 16);
    CHECK_IS(tg_einsum("i,i,i,i,i,i,i,i->", x, x, x, x, x, x, x, x), 257);
    CHECK_IS(slope(tg_einsum("i,i,i->", x, x, x), x), 3, 12);
    tg_tensor ten[10] = {x, x, x, x, x, x, x, x, x, x};
    CHECK_IS((tg_einsum)("i,i,i,i,i,i,i,i,i,i->", 10, ten), 1025);
    finish(tape);
}
END_TEST

START_TEST(numbers_and_nested_calls) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = counted(tape, TG_SHAPE(2, 3));
    CHECK_IS(tg_einsum(",ij->i", 2, a), 12, 30);
    CHECK_IS(tg_einsum(",,j->j", 2, 3, F64(tape, 1, -1)), 6, -6);
    CHECK_IS(tg_einsum("ij,jk", tg_einsum("ij,kj", a, a), tg_einsum("i,j", F64(tape, 1, 0), F64(tape, 0, 1))), 0, 14, 0, 32);
    ck_assert(!tg_valid(tg_einsum(",", 2, 3)));
    finish(tape);
}
END_TEST

/* What the diagonal leaves out is not seen, be it infinite. */
START_TEST(diagonals_hide_the_rest) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor m = tg_constant(tape, TG_F64, TG_SHAPE(2, 2), (double[]){1, (double)INFINITY, (double)NAN, 4});
    CHECK_IS(tg_einsum("ii->i", m), 1, 4);
    CHECK_IS(slope(tg_einsum("ii", m), m), 1, 0, 0, 1);
    finish(tape);
}
END_TEST

/* A matrix product is one: views, and matmul. */
START_TEST(a_matrix_product_is_a_matmul) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = counted(tape, TG_SHAPE(2, 3)), b = counted(tape, TG_SHAPE(3, 4));
    int64_t   count = tg_instruction_count(tape);
    tg_einsum("ij,jk->ik", a, b);
    ck_assert_int_eq(tg_instruction_count(tape), count + 1);
    tg_bmm(counted(tape, TG_SHAPE(2, 2, 3)), counted(tape, TG_SHAPE(2, 3, 2)));
    ck_assert_int_eq(tg_instruction_count(tape), count + 4);
    finish(tape);
}
END_TEST

/* ---- errors ------------------------------------------------------------------------------------------------------ */

START_TEST(equations_that_are_none) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = counted(tape, TG_SHAPE(2, 3)), b = counted(tape, TG_SHAPE(3, 2)), s = counted(tape, TG_SHAPE(2, 2, 2));
    REFUSED(tg_einsum("ij,jk->il", a, b), TG_ERR_SHAPE, "test_einsum.c:", "einsum: (2, 3) x (3, 2): ", "\"ij,jk->il\"", "'l'");
    REFUSED(tg_einsum("ij,jk->ii", a, b), TG_ERR_SHAPE, "'i'", "twice");
    REFUSED(tg_einsum("ij,ij->i", a, b), TG_ERR_SHAPE, "'i'", "size 3", "operand 2", "operand 1");
    REFUSED(tg_einsum("ii->i", a), TG_ERR_SHAPE, "'i'", "operand 1");
    REFUSED(tg_einsum("ijk,jk->i", a, b), TG_ERR_SHAPE, "operand 1", "rank 2", "for 3");
    REFUSED(tg_einsum("...ijk->i", a), TG_ERR_SHAPE, "operand 1", "rank 2");
    REFUSED(tg_einsum("ij,jk", a), TG_ERR_SHAPE, "more operands than the 1");
    REFUSED(tg_einsum("ij", a, b), TG_ERR_SHAPE, "2 operands");
    REFUSED(tg_einsum("i.j", a), TG_ERR_SHAPE, "dot");
    REFUSED(tg_einsum("...i...", a), TG_ERR_SHAPE, "dot");
    REFUSED(tg_einsum("i?", a), TG_ERR_SHAPE, "'?'");
    REFUSED(tg_einsum("ij-ij", a), TG_ERR_SHAPE, "'-'");
    REFUSED(tg_einsum("ij->ij,", a), TG_ERR_SHAPE, "','");
    REFUSED(tg_einsum("...j->j", a), TG_ERR_SHAPE, "\"...\"");
    REFUSED(tg_einsum("...i,...j->...", a, b), TG_ERR_SHAPE, "dots", "operand 2");
    REFUSED(tg_einsum("abcdefghi", a), TG_ERR_SHAPE, "more than 8");
    REFUSED(tg_einsum("abc,def,ghi->abcdefghi", s, s, s), TG_ERR_SHAPE, "more than 8");
    REFUSED(tg_einsum("abc,def,ghi", s, s, s), TG_ERR_SHAPE, "output", "more than 8");
    REFUSED(tg_einsum("abc,def,ghi,abcdefghi->", s, s, s, s), TG_ERR_SHAPE, "more than 8");
    REFUSED(tg_einsum("abc,def,ghi,abd,efg,hic->", s, s, s, s, s, s), TG_ERR_SHAPE, "first 3 operands", "9 axes");
    REFUSED(tg_einsum(NULL, a), TG_ERR_ARGUMENT, "einsum");
    finish(tape);
}
END_TEST

START_TEST(operands_that_do_not_fit) {
    tg_tape  *tape = tg_tape_new();
    tg_tensor a = counted(tape, TG_SHAPE(2, 3)), v = F64(tape, 1, 2, 3), one = F64(tape, 1);
    tg_tensor s = counted(tape, TG_SHAPE(1, 2, 3)), t = counted(tape, TG_SHAPE(2, 3, 2)),
              wide = counted(tape, TG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1));
    REFUSED(tg_dot(a, v), TG_ERR_SHAPE, "dot: (2, 3) x (3): ");
    REFUSED(tg_dot(v, one), TG_ERR_SHAPE, "dot: (3) x (1): ");
    REFUSED(tg_dot(2, v), TG_ERR_SHAPE, "dot: () x (3): ");
    REFUSED(tg_bmm(a, a), TG_ERR_SHAPE, "bmm: (2, 3) x (2, 3): ");
    REFUSED(tg_bmm(s, t), TG_ERR_SHAPE, "bmm: ", "'b'");
    REFUSED(tg_tensordot(a, v, 2), TG_ERR_SHAPE, "tensordot", "2 axes");
    REFUSED(tg_tensordot(a, v, -1), TG_ERR_SHAPE, "tensordot");
    REFUSED(tg_tensordot(v, a, 1), TG_ERR_SHAPE, "tensordot: (3) x (2, 3): ", "size 2");
    REFUSED(tg_tensordot_axes(a, a, TG_AXES(0), TG_AXES(0, 1)), TG_ERR_SHAPE, "tensordot");
    REFUSED(tg_tensordot_axes(a, a, TG_AXES(0, 0), TG_AXES(0, 1)), TG_ERR_SHAPE, "tensordot");
    REFUSED(tg_tensordot_axes(a, a, TG_AXES(0, 1), TG_AXES(1, 1)), TG_ERR_SHAPE, "tensordot");
    REFUSED(tg_tensordot_axes(a, a, TG_AXES(2), TG_AXES(1)), TG_ERR_SHAPE, "tensordot");
    REFUSED(tg_outer(wide, v), TG_ERR_SHAPE, "outer");
    finish(tape);
}
END_TEST

/* ---- the suite --------------------------------------------------------------------------------------------------- */

Suite *suite_einsum(void) {
    Suite *suite = suite_create("einsum");
    TCase *tcase = tcase_create("products");
    add_rows(suite, product_rows);
    tcase_add_test(tcase, one_operand);
    tcase_add_test(tcase, many_operands);
    tcase_add_test(tcase, numbers_and_nested_calls);
    tcase_add_test(tcase, diagonals_hide_the_rest);
    tcase_add_test(tcase, a_matrix_product_is_a_matmul);
    tcase_add_test(tcase, equations_that_are_none);
    tcase_add_test(tcase, operands_that_do_not_fit);
    suite_add_tcase(suite, tcase);
    return suite;
}
