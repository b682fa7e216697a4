/* bench/cppad.c: see cppad.h.
 *
 * SPDX-License-Identifier: MIT */
#include "cppad.h"

#include "foreign.h"
#include "recorded.h"

static const cppad_calls *calls;

/* The first work that asks has it compiled. */
static void *set_up(const char *name) {
    static bool asked;
    if (!asked) calls = cppad_library();
    asked = true;
    return calls ? calls->setup(name, doubles) : NULL;
}

static void step(void *state) {
    calls->step(state);
}

static int result(void *state, double *to) {
    return calls->result(state, digest_doubles, to);
}

static void teardown(void *state) {
    calls->teardown(state);
}

#define CONTESTANT(name) \
    static void *name##_new(void) { \
        return set_up(#name); \
    } \
    const contestant cppad_##name = {name##_new, step, result, NULL, teardown};

CONTESTANT(bundle)
CONTESTANT(bundle_whole)
CONTESTANT(band)
CONTESTANT(chain)
CONTESTANT(chain_hessian)
CONTESTANT(lstm)
CONTESTANT(integrator)
CONTESTANT(hessian)
