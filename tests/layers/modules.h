/* tests/layers/modules.h: layers beside PyTorch's modules, whose weights, results and gradients are in
 * tests/fixtures/layers_modules.csv: make_layers_modules.py tells its form.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_LAYERS_MODULES_H
#define TESTS_LAYERS_MODULES_H

#include "suites.h"

enum { MOST_TENSORS = 4 };

/* A case of the file. */
typedef struct module_case {
    const char *name;
    void (*make)(tg_tape *tape, tg_dtype dtype);    /* records the layers, under PyTorch's names */
    int (*apply)(const tg_tensor *x, tg_tensor *y); /* records what they make of x; how many results there are */
    int  ulps;                                      /* by which initial weights may be off: where they are normal */
    bool changes;                                   /* what it gives depends on how often it ran: it draws, or has statistics */
} module_case;

/* Adds the tests of the cases, the last of which has no name, to a suite. */
void add_modules(Suite *suite, const module_case *cases);

/* Case i of all files, from 0 on; NULL after the last. For tests of all. */
const module_case *module_at(int i);

/* The lists of the files. */
extern const module_case linear_modules[], conv_modules[], norm_modules[], recurrent_modules[], multihead_modules[],
    transformer_modules[];

/* A field of a case: "init weight", "x 0". */
enum { MOST_VALUES = 4096 };
typedef struct module_field {
    tg_dtype dtype;
    tg_shape shape;
    int64_t  size;
    double   value[MOST_VALUES];
} module_field;

/* False when there is none. */
bool find_field(const char *name, const char *what, module_field *field);

/* Its values as a constant; floating ones in that dtype. */
tg_tensor constant_field(tg_tape *tape, const module_field *field, tg_dtype dtype);

#endif
