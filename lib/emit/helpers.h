/* emit/helpers.h: functions that a C file gets when a formula or a kernel of it uses them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_EMIT_HELPERS_H
#define TGI_EMIT_HELPERS_H

/* `text` is the function in C, with T for the type, and its own and other helpers' names as here; or the name of a function of <math.h> that
 * does the same. */
typedef struct tgi_helper {
    const char *name;
    unsigned    dtypes; /* bit d: for dtype d */
    const char *text;
} tgi_helper;

/* Each ended by one without a name. Those of sorting and of matrices are matrix_helpers.c's, orthogonal factors orthogonal_helpers.c's. */
extern const tgi_helper tgi_helpers[], tgi_matrix_helpers[], tgi_orthogonal_helpers[];

/* Functions of <math.h>, for files that do without it; circular, hyperbolic, error functions and gamma are own_special.c's. */
extern const tgi_helper tgi_own_math[], tgi_own_special[];

/* The same for parts that this library compiles, where compilers make vectors of them. */
extern const tgi_helper tgi_fast_math[];

#endif
