/* bench/cppad.h: derivatives by CppAD. It is C++: cppad_works.cpp is compiled, and loaded, where a work has this rival.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_CPPAD_H
#define BENCH_CPPAD_H

#include <stdint.h>

/* `doubles` and `digest_doubles`: see recorded.h. */
typedef double *cppad_source(int64_t n, uint32_t salt, double low, double high);
typedef int     cppad_digest(const double *x, int64_t n, double *to);

/* What cppad_works.cpp gives, under the name cppad_works. `setup` returns NULL when something is wrong, having said so on stderr. */
typedef struct cppad_calls {
    void *(*setup)(const char *work, cppad_source *doubles);
    void (*step)(void *state);
    int (*result)(void *state, cppad_digest *digest, double *to);
    void (*teardown)(void *state);
} cppad_calls;

#ifndef __cplusplus
#include "bench.h"

extern const contestant cppad_bundle, cppad_bundle_whole, cppad_band, cppad_chain, cppad_chain_hessian, cppad_lstm,
    cppad_integrator, cppad_hessian;
#endif

#endif
