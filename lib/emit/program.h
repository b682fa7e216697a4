/* emit/program.h: a tape on its way to C: the values of a function, and the units that compute them.
 *
 * A file has functions, and each is made by passes that come one after the other (emit.c):
 *
 *     choose   what the function computes, of what is recorded; and where the elements of views are         (choose.c)
 *     group    units: elementwise instructions over one shape that become one loop, or a kernel alone        (group.c)
 *     place    where each value is: in a variable of its loop, in the caller's arrays, or in the work memory (place.c)
 *     write    the text: the function's head, loops, kernels                                                 (write_function.c ...)
 *
 * A value is that of an instruction, with the same number; behind them come copies of values that an output shows.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_EMIT_PROGRAM_H
#define TGI_EMIT_PROGRAM_H

#include "core/tape_part.h"
#include "emit/helpers.h"
#include "emit/writer.h"

#include <tapegrad/emit.h>

/* ---- what a file has --------------------------------------------------------------------------------------------- */

/* Where a leaf is, for all functions of the file. */
typedef enum tgi_leaf_home {
    TGI_LEAF_UNUSED,
    TGI_LEAF_LITERAL,
    TGI_LEAF_DATA,
    TGI_LEAF_STATE,
    TGI_LEAF_ARGUMENT
} tgi_leaf_home;

/* An identifier that is taken. */
typedef struct tgi_taken_name {
    UT_hash_handle hh;
    char           text[];
} tgi_taken_name;

typedef struct tgi_file {
    tg_tape              *tape;
    const char           *prefix;
    const tg_emit_options options;
    tgi_arena             arena;           /* holds all of this but the texts */
    uint8_t              *home;            /* of each instruction that is a leaf: a tgi_leaf_home */
    bool                 *assigned;        /* by one of the functions: leaves */
    bool                 *numbered;        /* whose one number is an array of the file, too */
    bool                  draws;           /* random numbers */
    const char          **names;           /* of instructions: C identifiers; NULL until one is asked for */
    tgi_taken_name       *taken;           /* uthash */
    int64_t               work[TG_DTYPES]; /* elements: the most of all functions */
    bool                  wide;            /* arrays have elements that an int does not count */
    tgi_writer            helpers, data, bodies, prototypes;
    bool                  helper_is_there[TG_DTYPES][TGI_MOST_HELPERS];
} tgi_file;

/* ---- what a function has ------------------------------------------------------------------------------------------ */

/* Where the elements of an operand are: strides in elements, of an array in the memory of instruction `base`. */
typedef struct tgi_emit_source {
    const tgi_node *node;
    uint32_t        base;
    int64_t         offset;
    int64_t         strides[TG_MAX_RANK];
} tgi_emit_source;

typedef enum tgi_value_home {
    TGI_VALUE_UNUSED,
    TGI_VALUE_LEAF,   /* a leaf: where the file has it */
    TGI_VALUE_VIEW,   /* another's memory */
    TGI_VALUE_LOCAL,  /* a variable of its loop */
    TGI_VALUE_WORK,   /* the work memory, */
    TGI_VALUE_OUTPUT, /* or an argument of the function */
} tgi_value_home;

/* How a value comes about. */
typedef enum tgi_emit_kind { TGI_EMIT_NOTHING, TGI_EMIT_LOOP, TGI_EMIT_COPY, TGI_EMIT_ASSIGN, TGI_EMIT_KERNEL } tgi_emit_kind;

typedef struct tgi_emit_value {
    const tgi_node  *node;
    const char      *name;    /* in C; NULL until it has one */
    tgi_emit_source *sources; /* what it is computed from; of a view one, where its elements are */
    uint32_t         source_count;
    uint8_t          home, kind;
    bool             needed, copied; /* copied: a view that gets memory of its own, because its base is overwritten */
    bool             written;        /* a leaf that the function assigns */
    bool             is_output, in_memory, read_in_loop;
    bool             other_reads;           /* the last unit reads it otherwise than as the element at hand */
    bool             spared;                /* its place became another's, or was given back */
    uint32_t         unit, last_unit, next; /* that make it, and read it last; the next one of the unit */
    uint32_t         first_reader;          /* the first unit that reads it */
    uint32_t         last_reader;           /* the last value in the last unit that does */
    int64_t          at;                    /* in the work memory of its dtype */
} tgi_emit_value;

typedef struct tgi_emit_unit {
    uint32_t       first; /* value; the others follow */
    bool           loop;  /* else a kernel */
    int            rank;  /* of a loop: the shape it is over */
    const int64_t *dims;
} tgi_emit_unit;

typedef struct tgi_emit_output {
    uint32_t    index, value; /* the instruction that is wanted, and the value that is in its array */
    const char *name;
} tgi_emit_output;

typedef struct tgi_function {
    tgi_file        *file;
    const char      *name; /* in C */
    const char      *part; /* NULL: what stands outside */
    uint16_t         part_number;
    uint32_t         count; /* of instructions; values from there on are copies for outputs */
    uint32_t         value_count;
    tgi_emit_value  *values;
    tgi_emit_output *outputs;
    int              output_count;
    tgi_emit_unit   *units;
    uint32_t         unit_count;
    int64_t          work[TG_DTYPES]; /* elements */
    int              failures;        /* so many ways to fail, */
    tgi_writer       failure_texts;   /* each a line of the header's comment */
} tgi_function;

/* ---- the passes; each returns the tape's status -------------------------------------------------------------------- */

tg_status tgi_choose_values(tgi_function *f);
tg_status tgi_group_values(tgi_function *f);
tg_status tgi_place_values(tgi_function *f);
tg_status tgi_write_function(tgi_function *f);

/* ---- what they share ---------------------------------------------------------------------------------------------- */

/* Memory until the file is written, zeros; NULL and an error when there is none. */
void *tgi_emit_take(tgi_file *file, size_t count, size_t size);

/* A copy of a text, with the same life. */
const char *tgi_emit_copy(tgi_file *file, const char *text);

/* The error of an instruction: "matmul at net.c:57: text". */
tg_status tgi_emit_fail(tgi_file *file, tg_status status, const tgi_node *node, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The identifier that stands for an instruction in the whole file. NULL and an error when there is no memory (c_names.c). */
const char *tgi_c_name(tgi_file *file, uint32_t index);

/* Another one, for a copy of its value; and takes a name, so that nothing else gets it. */
const char *tgi_another_c_name(tgi_file *file, uint32_t index);
tg_status   tgi_reserve_c_name(tgi_file *file, const char *name);

/* Whether the operand's elements are those of an array of that shape, in its memory, in their order. */
bool tgi_is_identical(const tgi_emit_source *s, int rank, const int64_t *dims);

/* ---- writing (write_loop.c, write_kernel.c) ------------------------------------------------------------------------- */

void tgi_write_loop(tgi_function *f, const tgi_emit_unit *unit);
void tgi_write_kernel(tgi_function *f, const tgi_emit_unit *unit);

/* Appends the name of the array that holds an instruction's value in this function. */
void tgi_put_array_name(tgi_function *f, tgi_writer *w, uint32_t base);

/* Appends where an instruction was recorded; the same as a comment; and writes a line of comment about the value of a kernel. */
void tgi_put_place(tgi_writer *w, const tgi_node *node);
void tgi_put_line_of(tgi_writer *w, const tg_tape *tape, const tgi_node *node);
void tgi_put_heading(tgi_function *f, uint32_t value);

/* Whether all elements of what is at `base` are one number, which is written then. */
bool tgi_is_literal(const tgi_function *f, uint32_t base);
void tgi_put_literal_of(const tgi_function *f, tgi_writer *w, uint32_t base);

/* Appends an array of that one number, which the file gets for it: for what is behind an &. */
void tgi_put_address_of(tgi_function *f, tgi_writer *w, uint32_t base);

/* ---- formulas (c_formula.c) ---------------------------------------------------------------------------------------- */

/* Whether the result depends on that operand. */
bool tgi_formula_uses(const char *formula, int operand);

/* Appends a formula for operands of that dtype, which are written as `operands` say; false when it is none. */
bool tgi_put_formula(tgi_file *file, tgi_writer *w, const char *formula, tg_dtype dtype, int count,
                     const char *const *operands);

/* Appends the name of a function of <math.h>, or of a helper, which the file then has; false when there is none of that name. */
bool tgi_put_function(tgi_file *file, tgi_writer *w, const char *name, size_t length, tg_dtype dtype);

#endif
