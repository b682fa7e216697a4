/* ops/elementwise_loops.h: the loops of the elementwise ops, one an op and dtype.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_OPS_ELEMENTWISE_LOOPS_H
#define TGI_OPS_ELEMENTWISE_LOOPS_H

#include "core/inside.h"

#define DECLARE_FLOAT(name) tg_loop tgi_##name##_f32, tgi_##name##_f64;
#define DECLARE_NUMBER(name) DECLARE_FLOAT(name) tg_loop tgi_##name##_i64;
#define UNARY(name, dtypes, formula, gradient) DECLARE_##dtypes(name)
#define BINARY(name, dtypes, formula, gradient_a, gradient_b) DECLARE_##dtypes(name)
#define TERNARY(name, dtypes, formula, ...) DECLARE_##dtypes(name)
#define PREDICATE(name, formula) DECLARE_NUMBER(name) tg_loop tgi_##name##_b8;
#define COMPARISON(name, formula) DECLARE_NUMBER(name) tg_loop tgi_##name##_b8;
#include "ops/elementwise_table.h"
#undef UNARY
#undef BINARY
#undef TERNARY
#undef PREDICATE
#undef COMPARISON

/* where: operands condition, a, b. */
tg_loop tgi_where_f32, tgi_where_f64, tgi_where_i64, tgi_where_b8;

/* cast: from the dtype that the name begins with to that it ends with. */
#define DECLARE_CASTS(from) tg_loop tgi_##from##_to_f32, tgi_##from##_to_f64, tgi_##from##_to_i64, tgi_##from##_to_b8;
DECLARE_CASTS(f32)
DECLARE_CASTS(f64)
DECLARE_CASTS(i64)
DECLARE_CASTS(b8)

#endif
