/* tests/ops/elementwise_rows.h: how the rows of elementwise functions are written. A list of rows, X_ROWS(ROW), is gone through
 * twice: X_ROWS(X_FORMULAS) makes the functions of each row, X_ROWS(X_ROW) the row itself. The includer has the cases, in
 * one_operand and two_operands.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_OPS_ELEMENTWISE_ROWS_H
#define TESTS_OPS_ELEMENTWISE_ROWS_H

#include "ops/op_table.h"

/* ---- the functions of a row -------------------------------------------------------------------------------------- */

#define FORMULAS(name, in_reals, in_integers) \
    static long double real_##name(const long double *x) { \
        long double a = x[0], b = x[1]; \
        (void)b; \
        return in_reals; \
    } \
    static int64_t whole_##name(const int64_t *x) { \
        uint64_t a = (uint64_t)x[0], b = (uint64_t)x[1]; \
        (void)a, (void)b; \
        return (int64_t)(in_integers); \
    }
#define RECORD(name, ...) \
    static tg_tensor record_##name(const tg_tensor *x, const settings *with) { \
        (void)with; \
        return tg_##name(__VA_ARGS__); \
    }

#define UNARY_FORMULAS(name, dtypes, low, high, in_reals, in_integers) FORMULAS(name, in_reals, in_integers) RECORD(name, x[0])
#define BINARY_FORMULAS(name, dtypes, low_a, high_a, low_b, high_b, in_reals, in_integers) \
    FORMULAS(name, in_reals, in_integers) RECORD(name, x[0], x[1])
#define PREDICATE_FORMULAS(name, in_reals, in_integers) FORMULAS(name, in_reals, in_integers) RECORD(name, x[0])
#define COMPARISON_FORMULAS(name, in_reals, in_integers) FORMULAS(name, in_reals, in_integers) RECORD(name, x[0], x[1])

/* ---- the row ----------------------------------------------------------------------------------------------------- */

#define CASES(list) .cases = list, .case_count = sizeof list / sizeof *list
#define NAMES(op, count) .name = #op, .called = #op, .arity = count, .record = record_##op
#define ELEMENTS(op) .real = real_##op, .whole = whole_##op

#define UNARY_ROW(op, dtypes, from, to, in_reals, in_integers) \
    {NAMES(op, 1), ELEMENTS(op), .takes = TAKES_##dtypes, .low = {from}, .high = {to}, CASES(one_operand)},
#define BINARY_ROW(op, dtypes, low_a, high_a, low_b, high_b, in_reals, in_integers) \
    {NAMES(op, 2), ELEMENTS(op), .takes = TAKES_##dtypes, .low = {low_a, low_b}, .high = {high_a, high_b}, CASES(two_operands)},
#define PREDICATE_ROW(op, in_reals, in_integers) \
    {NAMES(op, 1), ELEMENTS(op), .takes = TAKES_ANY, .compares = true, .low = {-3}, .high = {3}, CASES(one_operand)},
#define COMPARISON_ROW(op, in_reals, in_integers) \
    {NAMES(op, 2), ELEMENTS(op), .takes = TAKES_ANY, .compares = true, .low = {-3, -3}, .high = {3, 3}, CASES(two_operands)},

#endif
