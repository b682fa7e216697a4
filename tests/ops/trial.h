/* tests/ops/trial.h: one case of a row of the op table, on a tape of its own: random operands, the same in each run, laid
 * out in memory in the ways that views can, and what should come out.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_OPS_TRIAL_H
#define TESTS_OPS_TRIAL_H

#include "ops/op_table.h"

/* Tapes are seeded with it before each run, for what draws when it runs. */
enum { TRIAL_SEED = 2 };

/* An operand is a leaf, or a view of one. */
typedef enum layout { PLAIN, TRANSPOSED, STRETCHED, RESHAPED, STEPPED, LAYOUTS } layout;

typedef struct trial {
    tg_tape  *tape;
    char      what[64]; /* begins the messages */
    tg_tensor leaf[MOST_OPERANDS], x[MOST_OPERANDS], y;
} trial;

/* The operands of the last one. */
extern values operands[MOST_OPERANDS];

/* Whether each operand has few elements, so that there is time for a check that runs it often. */
bool is_small(const op_case *c);

/* A dtype that the row takes: this one if it does. */
tg_dtype dtype_for(const op_row *row, tg_dtype wanted);

/* Makes the operands of a case, on a tape that is there, or on one of its own. */
trial place_on(tg_tape *tape, const op_row *row, int which, tg_dtype dtype, layout as);
trial place(const op_row *row, int which, tg_dtype dtype, layout as);

/* And records it; y is invalid where the row rejects the dtype. */
trial begin(const op_row *row, int which, tg_dtype dtype, layout as);

/* What the case should give for its operands. */
void expect(const op_row *row, const op_case *c, const values *x, values *y);

/* The leaves that gradients are taken for, and how many they are. */
int floating_leaves(const op_row *row, const trial *t, tg_tensor *leaves);

/* The gradients that the tape records for them. */
void gradients_of(const op_row *row, const trial *t, values *grads);

/* Compares the row with PyTorch in every case that the fixtures have of it, in float64 and in float32 (pytorch.c). */
void check_pytorch(const op_row *row);

#endif
