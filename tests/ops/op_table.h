/* tests/ops/op_table.h: the table of all functions of tapegrad/ops.h, and the checks that every row goes through.
 *
 * A row says how to record the function, what it should give, by formulas of its own in long double and in integers modulo
 * 2^64, and on which shapes. Each family has its rows in its own test file; op_table.c drives them, trial.c makes their
 * operands, and pytorch.c compares them with what PyTorch gives.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_OPS_OP_TABLE_H
#define TESTS_OPS_OP_TABLE_H

#include "ops/values.h"

typedef struct op_case {
    tg_shape shape[MOST_OPERANDS];
    settings with;
} op_case;

enum {
    TAKES_FLOAT = 1 << TG_F32 | 1 << TG_F64,
    TAKES_NUMBER = TAKES_FLOAT | 1 << TG_I64,
    TAKES_ANY = TAKES_NUMBER | 1 << TG_BOOL
};

typedef struct op_row {
    const char *name;   /* tg_name is the function */
    const char *called; /* and this its name in messages */
    int         arity;
    unsigned    takes;     /* bit d is set for dtype d */
    bool        condition; /* the first operand is always bool */
    unsigned    indices;   /* bit k is set when operand k is always int64, of indices from 0 up to high[k] - 1 */
    bool        compares;  /* the result is always bool, and has no gradient */
    tg_tensor (*record)(const tg_tensor *x, const settings *with);

    /* One element of the result of an elementwise function, or else the whole result. */
    long double (*real)(const long double *x);
    int64_t (*whole)(const int64_t *x);
    void (*expect)(const values *x, const settings *with, values *y);

    double         low[MOST_OPERANDS], high[MOST_OPERANDS]; /* floating operands are taken from here */
    const op_case *cases;                                   /* the first is small */
    int            case_count;
} op_row;

/* The families, each in its test file, ended by a row without a name. */
extern const op_row elementwise_rows[], math_rows[], matmul_rows[], reduce_rows[], view_rows[], product_rows[], linalg_rows[],
    activation_rows[], part_rows[], join_rows[], index_rows[], sort_rows[], extreme_rows[], scan_rows[], norm_rows[],
    softmax_rows[], loss_rows[], class_loss_rows[], dropout_rows[], layer_norm_rows[], attention_rows[], conv_rows[],
    pool_rows[], mask_rows[], pack_rows[], running_rows[], index_put_rows[], scatter_reduce_rows[], search_rows[],
    resize_rows[], unpool_rows[], decompose_rows[], ctc_rows[], distance_rows[], margin_loss_rows[], image_rows[],
    bilinear_rows[], embedding_bag_rows[];

/* All rows in one sequence; NULL after the last. */
const op_row *row_at(int index);

/* Adds the checks of a family's rows to its suite; and the check that no function lacks a row. */
void add_rows(Suite *suite, const op_row *rows);
void add_completeness(Suite *suite);

/* Counts one check of a row in one case, dtype and layout; writes "# Ops: N, cases: N", how many rows there are and how many such
 * checks were made. */
void count_case(void);
void print_count(void);

#endif
