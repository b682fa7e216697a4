/* emit/program.h: a tape on its way to C: the values of a function, and the units that compute them.
 *
 * A file has functions, and each is made by passes that come one after the other (emit.c):
 *
 *     choose   what the function computes, of what is recorded; and where the elements of views are         (choose.c, body.c)
 *     group    units: elementwise instructions over one shape that become one loop, or a kernel alone        (group.c)
 *     place    where each value is: in a variable of its loop, in the caller's arrays, or in the work memory (place.c)
 *     write    the text: the function's head, loops, kernels                                                 (write_function.c ...)
 *
 * A value is that of an instruction, with the same number; behind them come copies of values that an output shows. The body of a loop is
 * a block of values of its own, one for each instruction that runs it, and a list of units, which stands inside of the unit of the loop.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_EMIT_PROGRAM_H
#define TGI_EMIT_PROGRAM_H

#include "core/loop.h"
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

/* A helper that the file has got, for a dtype. */
typedef struct tgi_written_helper {
    const tgi_helper          *helper;
    tg_dtype                   dtype;
    struct tgi_written_helper *next;
} tgi_written_helper;

typedef struct tgi_file {
    tg_tape              *tape;
    const char           *prefix;
    bool                  hosted; /* this library compiles and calls it: functions get addresses (hosted.c) */
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
    tgi_written_helper   *written;
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
    TGI_VALUE_SCALAR, /* one element: a variable of the function, which an output has a copy of */
    TGI_VALUE_WORK,   /* the work memory, */
    TGI_VALUE_OUTPUT, /* an argument of the function, or a step's piece of what a loop gives; */
    TGI_VALUE_GIVEN,  /* what a step of a loop begins with: a state, or its piece of an input */
} tgi_value_home;

/* How a value comes about. */
typedef enum tgi_emit_kind {
    TGI_EMIT_NOTHING,
    TGI_EMIT_LOOP,
    TGI_EMIT_COPY,
    TGI_EMIT_ASSIGN,
    TGI_EMIT_KERNEL,
    TGI_EMIT_ITEM /* one of those that a loop gives, made by the unit of the loop */
} tgi_emit_kind;

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
    uint32_t         target;                /* of an assign: the value that is overwritten, else TGI_NONE */
    uint32_t         block, loop;           /* which it is of; and of a loop that of its body, else 0 */
    uint32_t         given_by;              /* of a step's piece of an input: which operand of the loop; else TGI_NONE */
    bool             is_few;                /* its few elements are an array among the function's variables */
    bool             packed;                /* of a loop: its result is read otherwise than item by item */
    int64_t          at; /* in the work memory of its dtype; of a hosted function's output in the memory of these */
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

/* One of those that a loop gives: its place in the result; where it has a place of its own the value that it is there, else TGI_NONE; and
 * in the body. */
typedef struct tgi_emit_item {
    tgi_loop_section section;
    tgi_loop_range   range;
    uint32_t         owner;
    bool             wanted;
    tgi_emit_output  step; /* its piece in a step; of last states the copy that is made behind the loop */
} tgi_emit_item;

/* Values first .. end - 1 and the units that make them: block 0 is the function, any other the body of a loop. Behind the values of a body
 * come those that its states begin with, and those that they end with. */
typedef struct tgi_emit_block {
    uint32_t       first, end;
    tgi_emit_unit *units;
    uint32_t       unit_count;

    uint32_t             outer, run_by; /* of a body: the block and the value that runs it, */
    const tgi_loop_attr *attr;
    const tgi_part      *part;
    const tgi_loop      *loop;
    tgi_emit_item       *items;
    uint32_t             item_count;
    tgi_emit_output      more; /* whether there is another step, where that depends on the states */
    const char          *step; /* and the variable that counts its steps */
} tgi_emit_block;

/* The instruction that fails, and how a run of the library does then. */
typedef struct tgi_failure_site {
    uint32_t  index;
    tg_status status;
} tgi_failure_site;

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
    tgi_emit_block  *blocks;
    uint32_t         block_count;
    int64_t          work[TG_DTYPES]; /* elements; */
    int64_t          scratch;         /* behind these doubles is what kernels ask for while they run */
    int64_t          few_bytes;       /* of values that are among the variables; */
    bool             has_empty;       /* some values have no elements: what only these read is not read */
    int              failures;        /* so many ways to fail, */
    tgi_writer       failure_texts;   /* each a line of the header's comment; of a hosted one a text, ended by a 0, */
    tgi_writer       failure_sites;   /* and a tgi_failure_site */
} tgi_function;

/* ---- the passes; each returns the tape's status -------------------------------------------------------------------- */

tg_status tgi_choose_values(tgi_function *f);
tg_status tgi_list_blocks(tgi_function *f); /* a part of it (body.c): the blocks, and their values */
tg_status tgi_choose_body(tgi_function *f, uint32_t block);
tg_status tgi_group_values(tgi_function *f);
tg_status tgi_place_values(tgi_function *f);
tg_status tgi_write_function(tgi_function *f);

/* ---- the file (emit.c) ---------------------------------------------------------------------------------------------- */

/* Makes the texts of a file's functions, calls `finish` when they are there, and forgets all of it. */
typedef tg_status tgi_finish_file(tgi_file *file, tgi_function *functions, int count, void *context);
tg_status tgi_emit_file(tg_tape *tape, const tg_emit_options *options, bool hosted, tgi_finish_file *finish, void *context);

/* ---- around the functions (write_file.c) ----------------------------------------------------------------------------- */

/* Whether all elements of a leaf, of one at least, are one number. */
bool tgi_is_uniform(const tgi_node *node);

/* Writes the arrays of leaves that are data in the file; and the struct of the work memory. */
void tgi_write_data(tgi_file *file);
void tgi_write_work_type(const tgi_file *file, tgi_writer *w);

/* Write all of either file. */
void tgi_write_header(tgi_file *file, tgi_writer *w);
void tgi_write_source(tgi_file *file, tgi_writer *w);

/* ---- functions that this library calls (hosted.c) -------------------------------------------------------------------- */

/* Chooses what a function gives: what lasts of its part. */
tg_status tgi_list_lasting(tgi_function *f);

/* Gives each output its place, `at`, in bytes, in the memory that the function is given for all of them; returns the bytes of that. */
size_t tgi_place_outputs(tgi_function *f);

/* Whether the function gets the address of the instruction's value, and whether it computes the instruction. */
bool tgi_gets_address(const tgi_function *f, uint32_t index);
bool tgi_is_computed_in(const tgi_function *f, const tgi_node *node);

/* Whether a leaf is data in the file of such functions, as it does not change. */
bool tgi_is_embedded(const tgi_node *node);

/* Write its head, the arrays that it works on, and that of the file; the body of the file follows. */
void tgi_put_hosted_head(const tgi_function *f, tgi_writer *w);
void tgi_write_addresses(tgi_function *f, tgi_writer *w);
void tgi_write_hosted_start(tgi_file *file, tgi_writer *w);

/* An upper bound of the work memory's bytes. */
size_t tgi_bytes_of_work(const tgi_file *file);

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

/* A name that nothing else has, which begins with that text. */
const char *tgi_new_c_name(tgi_file *file, const char *text);

/* Whether it is a state of a loop, which is needed. */
static inline bool tgi_is_state(const tgi_emit_value *v) {
    return v->home == TGI_VALUE_GIVEN && v->given_by == TGI_NONE && v->needed;
}

/* The values that a state begins with, that it is put aside in, and that it ends with. */
uint32_t tgi_first_state(const tgi_emit_block *b, uint32_t state);
uint32_t tgi_put_aside(const tgi_emit_block *b, uint32_t state);
uint32_t tgi_last_state(const tgi_emit_block *b, uint32_t state);

/* Whether the body decides if there is another step. */
static inline bool tgi_decides(const tgi_emit_block *b) {
    return b->loop->goes_on != TGI_NONE;
}

/* The value that an instruction is in a block. */
uint32_t tgi_value_in(const tgi_function *f, uint32_t block, uint32_t index);

/* Where the elements of a value are, as an operand (choose.c). */
tgi_emit_source tgi_source_of(const tgi_function *f, uint32_t value);

/* What is computed is computed in the output's array; what is not, or is wanted twice, is copied there by that value. o->index is a
 * value. */
tg_status tgi_resolve_output(tgi_function *f, tgi_emit_output *o, uint32_t copy);
tg_status tgi_make_copy(tgi_function *f, tgi_emit_value *copy, const tgi_node *node, tgi_emit_source source);

/* How a value that is needed comes about. */
tg_status tgi_resolve_value(tgi_function *f, uint32_t value);

/* Marks what a needed instruction of a block reads as needed. */
void tgi_need_operands(tgi_function *f, uint32_t block, const tgi_node *node);

/* Whether a view shows an item of a loop's result, and which; and whether that range is one. `item` may be NULL. */
bool tgi_shows_an_item(const tgi_function *f, const tgi_node *view, const tgi_node *loop, uint32_t *item);
bool tgi_find_item(const tg_tape *tape, const tgi_loop_attr *attr, tgi_loop_range range, uint32_t *item);

/* Whether the operand's elements are those of an array of that shape, in its memory, in their order. */
bool tgi_is_identical(const tgi_emit_source *s, int rank, const int64_t *dims);

/* ---- writing (write_loop.c, write_kernel.c) ------------------------------------------------------------------------- */

void tgi_write_loop(tgi_function *f, const tgi_emit_unit *unit);
void tgi_write_kernel(tgi_function *f, const tgi_emit_unit *unit);

/* The units of a block; and the loop that a unit is, around those of its body (write_function.c, write_scan.c). */
void tgi_write_units(tgi_function *f, const tgi_emit_block *block);
void tgi_write_scan(tgi_function *f, const tgi_emit_unit *unit);

/* Writes a name for the place of a value in the work memory. */
void tgi_write_place(tgi_function *f, uint32_t value);

/* Appends the name of the array that holds an instruction's value in this function. */
void tgi_put_array_name(tgi_function *f, tgi_writer *w, uint32_t base);

/* Appends where an instruction was recorded; the same as a comment; and writes a line of comment about the value of a kernel. */
void tgi_put_place(tgi_writer *w, const tgi_node *node);
void tgi_put_line_of(tgi_writer *w, const tg_tape *tape, const tgi_node *node);
void tgi_put_heading(tgi_function *f, uint32_t value);

/* Whether what is at `base` is one element in a variable of the function; and appends that variable's name. An output's has a name that no
 * array has. */
static inline bool tgi_is_scalar(const tgi_function *f, uint32_t base) {
    return f->values[base].home == TGI_VALUE_SCALAR;
}
void tgi_put_scalar(tgi_function *f, tgi_writer *w, uint32_t base);

/* Writes what comes after a variable of the function has its value: its copy in the output's array; and what keeps compilers quiet where a
 * loop over no elements is all that reads it. */
void tgi_write_after_scalar(tgi_function *f, uint32_t index);

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
