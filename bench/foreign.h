/* bench/foreign.h: functions in C that other programs have written, and the works in C++, compiled as tg_compile compiles, and loaded.
 *
 * SPDX-License-Identifier: MIT */
#ifndef BENCH_FOREIGN_H
#define BENCH_FOREIGN_H

/* The function of that name that CasADi writes (casadi_c.py), by the Python of --python; NULL when there is no CasADi. */
void *casadi_function(const char *name);

/* The function of that name of Tapenade's code for an eval of GradBench, of whose sources the environment's GRADBENCH names a clone; NULL
 * when there is none. */
void *tapenade_function(const char *eval, const char *name);

/* What cppad_works.cpp gives (cppad.h), with the CppAD that pkg-config finds, in the folders of PKG_CONFIG_PATH too; NULL when there is
 * none. */
const struct cppad_calls *cppad_library(void);

#endif
