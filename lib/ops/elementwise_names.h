/* ops/elementwise_names.h: LOOP(name_dtype) for each loop of the elementwise ops. The includer defines LOOP.
 *
 * where has the operands condition, a, b; at_index those of gather.c; a cast is named after the dtypes that it is from and to.
 *
 * SPDX-License-Identifier: MIT */
#define LOOPS_FLOAT(name) LOOP(name##_f32) LOOP(name##_f64)
#define LOOPS_ANGLE(name) LOOPS_FLOAT(name)
#define LOOPS_EXACT(name) LOOPS_FLOAT(name)
#define LOOPS_NUMBER(name) LOOPS_FLOAT(name) LOOP(name##_i64)
#define LOOPS_ANY(name) LOOPS_NUMBER(name) LOOP(name##_b8)
#define UNARY(name, dtypes, formula, gradient) LOOPS_##dtypes(name)
#define BINARY(name, dtypes, formula, gradient_a, gradient_b) LOOPS_##dtypes(name)
#define TERNARY(name, dtypes, formula, ...) LOOPS_##dtypes(name)
#define PREDICATE(name, formula) LOOPS_ANY(name)
#define COMPARISON(name, formula) LOOPS_ANY(name)
#define INNER_UNARY(name, formula, gradient) LOOPS_FLOAT(name)
#define INNER_BINARY(name, formula, gradient_a, gradient_b) LOOPS_FLOAT(name)
#include "ops/elementwise_table.h"
LOOPS_ANY(where)
LOOPS_FLOAT(at_index)
LOOPS_ANY(f32_to)
LOOPS_ANY(f64_to)
LOOPS_ANY(i64_to)
LOOPS_ANY(b8_to)
#undef LOOPS_FLOAT
#undef LOOPS_ANGLE
#undef LOOPS_EXACT
#undef LOOPS_NUMBER
#undef LOOPS_ANY
#undef UNARY
#undef BINARY
#undef TERNARY
#undef PREDICATE
#undef COMPARISON
#undef INNER_UNARY
#undef INNER_BINARY
