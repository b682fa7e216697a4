/* core/tape.h: what the library knows of a tape that its users do not.
 *
 * The tape is an array of instructions in chunks that never move, so that an instruction can be held by pointer while
 * others are appended. What an instruction needs beside its fixed part (operands, sizes, attributes) is one block
 * of the arena; instructions and arena are both cut back by a rewind. Values live in buffers of the pool, because they
 * come and go in another order.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_CORE_TAPE_H
#define TGI_CORE_TAPE_H

/* Tables are made where there is a `tape`. */
#define HASH_NONFATAL_OOM 1
#define uthash_malloc(bytes) tgi_memory_take(&tape->memory, bytes)
#define uthash_free(block, bytes) tgi_memory_give(&tape->memory, block, bytes)
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <uthash.h>

#include "core/arena.h"
#include "core/dtype.h"
#include "core/inside.h"
#include "core/pool.h"
#include "core/shape.h"
#include "kernels/mt19937.h"
#include "kernels/threads.h"

#define TGI_NONE UINT32_MAX

/* What an instruction is there for; an assign is always an update. */
enum tgi_role { TGI_FORWARD, TGI_BACKWARD, TGI_UPDATE };

/* The buffer that a leaf had before it was overwritten, for the views that show it. */
typedef struct tgi_old_value {
    void    *memory;
    uint32_t users; /* how many views do */
} tgi_old_value;

/* Where the elements of a view are. */
typedef struct tgi_view_layout {
    void *copy; /* its own buffer of the pool, when it once had to outlive its base; or NULL */
    tgi_old_value
            *old;  /* it is retained: it shows what its base was before it was overwritten, and has no copy yet; else NULL */
    uint32_t base; /* the instruction whose memory it shows; TGI_NONE when it is a copy, or retained */
    int64_t  strides[];
} tgi_view_layout;

/* What a leaf has beside its value: a name, and as a parameter its gradients, newest first, and what optimizers know of it. */
typedef struct tgi_gradient {
    uint32_t             index; /* TGI_NONE after a tg_zero_grad */
    uint32_t             count; /* length of the tape when it was noted: gone when the tape gets shorter */
    struct tgi_gradient *previous;
} tgi_gradient;

/* Who reads and writes a leaf in the plan that is being made (run/plan_builder.h). */
typedef struct tgi_leaf_access {
    uint64_t pass;           /* the pass that noted it, by its number: of another one all else is stale */
    uint32_t assign;         /* the last assign that the views pass has come to; TGI_NONE for none, as for all that follow */
    uint32_t writer;         /* the last unit that writes it */
    uint32_t reader;         /* the last unit that reads it */
    uint32_t strided_reader; /* the last unit that reads it otherwise than element by element */
    uint32_t order;          /* of the reader's last fused op that reads it */
} tgi_leaf_access;

/* What an optimizer keeps for a parameter from one step to the next. It belongs to the parameter, whatever rewinds forget of the
 * steps: an input on the tape shows it, and where that is gone, the next step records another. */
typedef struct tgi_optimizer_state {
    struct tgi_optimizer_state *next; /* the one that was asked for next */
    const char                 *kind; /* "adam.m", say: a parameter has one of each */
    tg_shape                    shape;
    tg_dtype                    dtype;
    tg_tensor                   shown; /* the input; stale when it is gone */
    _Alignas(64) char data[];
} tgi_optimizer_state;

typedef struct tgi_node tgi_node;

/* How the value of a large constant is made again (run/initial_value.c). */
enum { TGI_LARGE_VALUE = 1 << 16 };

typedef struct tgi_recipe {
    void (*make)(const struct tgi_recipe *recipe, tgi_node *leaf);
    double             a, b;      /* what the function needs to know */
    const tgi_mt19937 *generator; /* as it was before; NULL: no numbers were drawn */
} tgi_recipe;

typedef struct tgi_leaf {
    const char          *name;
    uint32_t             index;
    uint32_t             last_assign; /* TGI_NONE: never */
    bool                 variable;    /* an input or a parameter: can be overwritten */
    bool                 shows_state; /* an input that shows an optimizer's state */
    uint64_t             written;     /* when it was overwritten last, but by an assign that is on the tape, outside of parts */
    tgi_gradient        *gradient;
    tgi_leaf_access      access;
    const tgi_recipe    *recipe; /* of a constant that can be made again, or NULL */
    tgi_old_value       *spare; /* the buffer that it will have next, when views are going to retain the present one; or NULL */
    const void          *previous; /* where its value was before the assign that is under way */
    tgi_optimizer_state *states;   /* of a parameter */
    UT_hash_handle       hh;       /* in the tape's table of names */
} tgi_leaf;

/* A name that a user gave to an instruction. */
typedef struct tgi_label {
    const struct tgi_node *node;
    const char            *name;     /* NULL: it has none any more */
    uint32_t               count;    /* length of the tape when it was given: gone when the tape gets shorter */
    struct tgi_label      *previous; /* the one that was given before */
} tgi_label;

struct tgi_node {
    const tg_op     *op;
    const char      *file;     /* the user's source line; NULL when unknown */
    const char      *within;   /* the function that recorded it, when that is not the op's own; or NULL */
    const uint32_t  *in;       /* operands; and the start of this instruction's block in the arena */
    const int64_t   *dims;     /* may be another instruction's */
    const void      *attr;     /* of a leaf: its tgi_leaf */
    void            *data;     /* the value; NULL until there is memory for it */
    tgi_view_layout *view;     /* of an op with a view rule, else NULL */
    uint64_t         small[2]; /* the memory of a value of at most 16 bytes */
    uint64_t         version;  /* of the leaves under it that it was computed from: no later write has gone into it */
    uint64_t         checked;  /* the newest version of all leaves for which it was seen to be right (run/recompute.c) */
    uint32_t         line, generation, count, attr_size;
    uint32_t         last_use; /* the last instruction so far that has it as an operand; 0 when none has */
    uint32_t         rule_of;  /* the instruction whose gradient rule recorded it, or TGI_NONE */
    uint8_t          dtype, rank, role;
    uint8_t          residency; /* where its value is (residency.h) */
    bool             requires_grad;
    bool             plain; /* an elementwise op of operands that are alike, numbers or vectors, whose result fits in `small` */
    uint16_t         part;  /* of the tape, counted from 1; 0 for what stands outside of all */
    bool             has_value; /* there are handles to it: an assign, and what only marks a place, have none */
    uint32_t         outside;   /* its number among what a segment reads from outside of it, when the segment's key is */
    uint64_t         key;       /* this one (run/cache.c) */
};

typedef struct tgi_index_list {
    uint32_t *item;
    uint32_t  count, capacity;
} tgi_index_list;

/* The plans of a tape (run/cache.c). */
typedef struct tgi_plan tgi_plan;

/* What a plan was asked for: a segment of the tape, as it then was. */
typedef struct tgi_plan_request {
    uint32_t generation, keeps, start, end, limit;
} tgi_plan_request;

enum { TGI_SEGMENTS_MET = 8 };

/* The plan that was used last for a part of the tape, or for what stands outside of all, and what was asked for. */
typedef struct tgi_plan_slot {
    tgi_plan        *plan;
    tgi_plan_request request;
    const tgi_plan  *bound;       /* the values have their memory by this one, */
    uint32_t         bound_start; /* from this instruction on, */
    const void      *block;       /* those that do not last in this block; NULL when they must be bound anew in any case, */
    uint64_t         moves;       /* and so must all when a value has moved since */
} tgi_plan_slot;

typedef struct tgi_plans {
    tgi_plan     *table; /* uthash */
    uint64_t      made, uses, hits, passes, keys;
    tgi_plan     *last;                  /* the one used last */
    tgi_plan_slot slot;                  /* of what stands outside of all parts */
    uint64_t      met[TGI_SEGMENTS_MET]; /* hashes of long segments that ran without a plan */
    uint32_t      next_met;
} tgi_plans;

/* Instructions that run when they are called for, and only then (tape_part.h). */
typedef struct tgi_part tgi_part;

/* Where the time of runs goes, when that is asked for (run/profile.c). */
typedef struct tgi_profile tgi_profile;

/* A block of memory of a run that failed (run/run_plan.c). */
typedef struct tgi_stranded tgi_stranded;

/* The gradients for all operands of an instruction that a rule recorded last, at once (grad/joint_rule.c). */
typedef struct tgi_joint_gradients {
    uint64_t   y, g;  /* the instruction, and its gradient */
    tg_tensor *grads; /* one an operand: a buffer of the pool */
} tgi_joint_gradients;

typedef struct tgi_executor tgi_executor;

/* Code of the user's that the library is calling (callback.c). */
typedef struct tgi_callback {
    const char *name;   /* "a gradient rule", for errors; NULL for none */
    const char *within; /* what the tape's was when it was called */
    bool        closed; /* it may call nothing that takes the tape or a tensor of it; else it may record */
    int         inside; /* how deep in scopes the tape was when it was called */
} tgi_callback;

struct tg_tape {
    const tgi_executor *executor;

    /* the error */
    tg_status status;
    char      text[512];
    bool      unlogged; /* the host has not been told */

    /* the call under way */
    const char             *file; /* from which line of the user's source; consumed by what the call records */
    uint32_t                line;
    tg_line                 held;      /* the line to go back to then: of a call whose arguments are still being evaluated */
    int                     inside;    /* how deep in scopes: functions that record more than one instruction */
    const char             *within;    /* the name of the outermost one that has a name, or NULL */
    uint32_t                rule_of;   /* the instruction that is being differentiated, or TGI_NONE; */
    const char             *rule_name; /* its name; */
    const struct tgi_marks *wanted;    /* and the instructions that gradients are wanted for then (tgi_wants) */
    int                     unsaved;   /* above 0: no gradient rule will need what is recorded */
    const tg_op            *assigning; /* the op with an effect that may be recorded now, or NULL */
    uint8_t                 role;      /* what is recorded is there for; set in a scope, whose end sets it back */
    tgi_callback            callback;  /* the user's code that is being called */
    tgi_lock                lock;      /* for the error, the pool and a group's failures while threads call kernels */

    /* the program */
    tgi_memory     memory; /* all of it, this record included */
    tgi_node     **nodes;  /* of all instructions that there is memory for, in chunks; they never move */
    uint32_t       chunk_count, chunk_room, count, generation;
    uint32_t       room; /* for so many instructions there is memory */
    tg_keep_policy keep;
    tgi_arena      arena;
    tgi_leaf      *names; /* uthash table of the leaves that have one */
    tgi_index_list parameters;
    tgi_label     *labels;
    tgi_part      *parts;      /* in the order of recording */
    uint16_t       part_count; /* the last one may be open: what is recorded belongs to it */
    uint16_t       part_room, part;
    uint32_t       loop_start; /* where the body of a loop began that is being recorded (loop.h); 0 when none is */

    /* the run */
    uint32_t       done;        /* of what stands outside of parts, instructions before this one have run */
    uint32_t       observed;    /* in eager mode: those before this one would have run without it, too */
    uint64_t       clock;       /* how often a leaf was overwritten from outside */
    bool           written;     /* one was, since tg_run began anew, after something had run */
    uint32_t       touched;     /* those from this one on never had memory */
    uint64_t       moves;       /* how often a value got or lost its memory otherwise than by a plan */
    uint32_t       leading;     /* the tape begins with so many leaves */
    uint32_t       free_from;   /* those from this one on hold nothing that is to be given back */
    uint32_t       lowest_rule; /* the first that was differentiated, as far as that is still there, or TGI_NONE */
    uint32_t       quiet_from;  /* from this one on nothing overwrites a leaf or draws random numbers */
    uint32_t       small_from;  /* from this one on only small values are computed, of small ones, outside of parts */
    bool           anomaly;     /* stops at the first NaN or infinity: see tg_set_anomaly */
    tgi_team       team;        /* the threads of a run */
    bool           eager;       /* runs each instruction when it is recorded */
    bool           print_plans; /* to stderr, when they are made */
    atomic_bool    cancelled;   /* the run is to stop; set by any thread */
    bool           profiles, print_profile; /* what runs is timed; it is to be printed to stderr when the tape is freed */
    tgi_profile   *profile;                 /* what was timed so far, or NULL */
    tgi_pool       pool;
    tgi_index_list aliases; /* views that show a variable leaf's memory */
    uint32_t       keeps;   /* how often what is kept was changed after it was recorded */
    tgi_plans      plans;
    tgi_stranded  *stranded; /* memory of runs that failed, whose values are still wanted */

    tgi_joint_gradients joint_gradients;

    tgi_mt19937 generator;
};

enum { TGI_CHUNK = 1024 };

static inline tgi_node *tgi_node_at(const tg_tape *tape, uint32_t index) {
    return tape->nodes[index];
}

/* ---- errors (error.c) -------------------------------------------------------------------------------------------- */

/* Notes the error unless there is one already, as "file:line: what: text", and returns `status`. `what` may be NULL.
 * Consumes the line. A NULL tape is fine. */
tg_status tgi_fail(tg_tape *tape, tg_status status, const char *what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

tg_status tgi_out_of_memory(tg_tape *tape, const char *what);

/* vsnprintf with a point in its numbers, whatever the user's locale says. */
int tgi_format(char *text, size_t size, const char *format, va_list arguments) __attribute__((format(printf, 3, 0)));
int tgi_formatted(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Makes it one line: control characters become spaces, and a character at the end that was cut off goes. */
void tgi_make_line(char *text);

/* Ends a call that records nothing at the top level: the line is no longer the caller's. Returns `status`. */
static inline tg_status tgi_done(tg_tape *tape, tg_status status) {
    if (!tape->inside) {
        tape->file = tape->held.file;
        tape->line = (uint32_t)tape->held.line;
    }
    return status;
}

/* Writes "(2, 3)" into `text`, and for operands of an op "(2, 3) x (4)". Returns text. */
enum { TGI_TEXT = 256 };
const char *tgi_shape_text(char text[TGI_TEXT], int rank, const int64_t *dims);
const char *tgi_operands_text(char text[TGI_TEXT], int count, const tg_type *operands, bool dtypes);

/* ---- what the library calls of the user's (callback.c) ------------------------------------------------------------ */

/* The tape's standing error; TG_ERR_HANDLE for no tape. Every public function that can fail begins with it, and fails in a callback
 * that does not record. */
tg_status tgi_check(tg_tape *tape);

/* The same for functions that run, read, write or rewind, which no callback may call. */
tg_status tgi_check_outside(tg_tape *tape, const char *what);

/* Around every call of the user's code, which then speaks for no function; of kernels, around the run. The last one takes what the first
 * one returned, and returns the tape's status: scopes that the code left open are an error. */
static inline tgi_callback tgi_enter(tg_tape *tape, const char *name, bool records) {
    tgi_callback outer = tape->callback;
    tape->callback = (tgi_callback){.name = name, .within = tape->within, .closed = !records, .inside = tape->inside};
    tape->within = NULL;
    return outer;
}
tgi_callback tgi_enter_run(tg_tape *tape);
tg_status    tgi_leave_oddly(tg_tape *tape, tgi_callback left); /* with an error to be logged, or open scopes */

static inline tg_status tgi_leave(tg_tape *tape, tgi_callback outer) {
    tgi_callback left = tape->callback;
    tape->callback = outer;
    tape->within = left.within;
    return tape->unlogged || tape->inside != left.inside ? tgi_leave_oddly(tape, left) : tape->status;
}

/* Tells the host of an error that it has not been told of, unless that has to wait until the code that is being called returns. */
void tgi_log_error(tg_tape *tape);

static inline bool tgi_is_closed(const tg_tape *tape) {
    return tape->callback.closed;
}

/* ---- what an op promises (infer.c) ------------------------------------------------------------------------------- */

/* What its shape rule has filled in, checked before anybody relies on it. */
tg_status tgi_check_result(tg_infer *call);

/* How many leading axes its kernel goes through one by one, reduces in blocks, or has before the last, along which it puts its operands side by
 * side; TGI_NO_AXES when it does not, TGI_WRONG_AXES when operands or result have no such axes. What is drawn at random is drawn in one order. */
enum { TGI_NO_AXES = -1, TGI_WRONG_AXES = -2 };
int tgi_lead_of(const tg_op *op, int count, const tg_type *in, const tg_type *out, const void *attr);
int tgi_reduced_of(const tg_op *op, int count, const tg_type *in, const tg_type *out, const void *attr);
int tgi_side_by_side_of(const tg_op *op, int count, const tg_type *in, const tg_type *out, const void *attr);

/* ---- handles (tape.c) -------------------------------------------------------------------------------------------- */

/* The tapes of plain numbers and of TG_NONE: only their addresses count. As tapes they have an error, and nothing writes to them: they are
 * inside of a scope. */
extern tg_tape tgi_number_tag, tgi_none_tag;

/* The tape of a handle; NULL for a number, for TG_NONE, and for what is no handle. */
static inline tg_tape *tgi_tape_of(tg_tensor x) {
    return x.tape == &tgi_number_tag || x.tape == &tgi_none_tag ? NULL : x.tape;
}

/* True for what tg_num returned; its number goes to *value. */
static inline bool tgi_is_number(tg_tensor x, double *value) {
    if (x.tape != &tgi_number_tag) return false;
    memcpy(value, &x.ref, sizeof *value);
    return true;
}

/* True for TG_NONE, and for nothing else. */
bool tgi_is_none(tg_tensor x);

/* The handle of an instruction; and one that is refused wherever it is used. */
static inline tg_tensor tgi_tensor(const tg_tape *tape, uint32_t index) {
    uint64_t generation = tgi_node_at(tape, index)->generation;
    return (tg_tensor){.tape = (tg_tape *)tape, .ref = generation << 32 | index};
}

tg_tensor tgi_invalid(tg_tape *tape);

static inline uint32_t tgi_index(tg_tensor x) {
    return (uint32_t)x.ref;
}

/* The instruction of a handle; NULL, and an error that calls the handle `role` ("operand 2"), when it cannot be used on
 * this tape. */
tgi_node *tgi_resolve(tg_tape *tape, tg_tensor x, const char *what, const char *role);

/* ---- recording (record.c) ---------------------------------------------------------------------------------------- */

/* Appends an instruction whose block in the arena starts at the arena's present top; NULL on failure, and an error of the function
 * `what`. */
tgi_node *tgi_append(tg_tape *tape, const tg_op *op, const char *what);

/* tg_record of an op without attributes, compiled for that number of operands. */
tg_tensor tgi_record_unary(const tg_op *op, tg_tensor x);
tg_tensor tgi_record_binary(const tg_op *op, tg_tensor a, tg_tensor b);

/* An error where a gradient rule's op would read a leaf that was overwritten since: the derivative would be that of another formula. */
tg_status tgi_check_not_overwritten(tg_tape *tape, const tg_op *op, uint32_t index);

/* Back to the line at which the scope began, after instructions of other lines were recorded or run in it (scope.c). */
void tgi_resume(tg_tape *tape, tg_scope scope);

/* Whether gradients flow through the instruction to an operand that they are wanted for. */
bool tgi_gradients_flow(const tg_tape *tape, const tgi_node *node);

/* Drops the instructions from `count` on, and what belongs to them, without running anything. */
void tgi_truncate(tg_tape *tape, uint32_t count);

/* ---- for kernels of the library's own ops (run/kernel_call.c) ---------------------------------------------------- */

/* The tape of the instruction that runs. */
tg_tape *tgi_tape_of_call(const tg_kernel_call *call);

/* The tape's generator, for ops that are marked as random. */
tgi_mt19937 *tgi_generator(const tg_kernel_call *call);

/* The threads that the kernel may use; NULL for its own alone: they are what call->executor points to first. */
static inline tgi_team *tgi_team_of(const tg_kernel_call *call) {
    return *(tgi_team *const *)call->executor;
}

/* ---- instructions and their values (node.c) ---------------------------------------------------------------------- */

int64_t  tgi_node_size(const tgi_node *node);
size_t   tgi_node_bytes(const tgi_node *node);
tg_shape tgi_node_shape(const tgi_node *node);

static inline tg_type tgi_node_type(const tgi_node *node) {
    return (tg_type){(tg_dtype)node->dtype, node->rank, node->dims};
}

/* The bytes of a bool value that came from outside: what is not 0 becomes 1. Other dtypes are left alone. */
void tgi_make_bools(tgi_node *node);

/* The function that the user called for it, for errors. */
static inline const char *tgi_node_name(const tgi_node *node) {
    return node->within ? node->within : node->op->name;
}

/* What is recorded from now on is for the gradient of that instruction; TGI_NONE for none. Returns the one before. */
static inline uint32_t tgi_set_rule_of(tg_tape *tape, uint32_t index) {
    uint32_t before = tape->rule_of;
    tape->rule_of = index;
    if (index < tape->lowest_rule) tape->lowest_rule = index;
    if (index != TGI_NONE) tape->rule_name = tgi_node_name(tgi_node_at(tape, index));
    return before;
}

bool tgi_index_list_push(tgi_memory *memory, tgi_index_list *list, uint32_t item);
void tgi_index_list_free(tgi_memory *memory, tgi_index_list *list);

/* The name of an instruction; NULL when it has none (label.c). */
const char *tgi_name_of(const tg_tape *tape, const tgi_node *node);

/* ---- leaves (leaf.c) --------------------------------------------------------------------------------------------- */

/* The kinds of leaf. */
extern const tg_op tgi_number, tgi_constant, tgi_input, tgi_parameter;

/* What tg_zero_grad and tg_set_grad leave on the tape: nothing to run, but a place that a rewind can go back before. */
extern const tg_op tgi_zero_grad;

/* Appends a leaf whose value is `data`, borrowed, or when that is NULL memory of the tape's, not initialised. `name` may be
 * NULL; it is copied. NULL and an error on failure. */
tgi_node *tgi_new_leaf(tg_tape *tape, const char *what, const tg_op *kind, const char *name, tg_dtype dtype, tg_shape shape,
                       const void *data);

/* Notes how the value of a constant, which was recorded last, is made again, if it is large. `generator` is what it will be drawn from, or
 * NULL. Where there is no memory for the note, there is none. */
void tgi_note_recipe(tg_tape *tape, const tgi_node *leaf, tgi_recipe recipe, const tgi_mt19937 *generator);

/* Appends a plain number as an instruction. */
tgi_node *tgi_new_number(tg_tape *tape, const char *what, double value, tg_dtype dtype);

/* What a constant, input or parameter has beside its value; NULL for everything else. */
static inline tgi_leaf *tgi_leaf_of(const tgi_node *node) {
    bool leaf = node->op == &tgi_constant || node->op == &tgi_input || node->op == &tgi_parameter;
    return leaf ? (tgi_leaf *)node->attr : NULL;
}

/* The input or parameter of that name, or NULL. */
tgi_leaf *tgi_leaf_named(tg_tape *tape, const char *name);

/* The leaf has been overwritten, not by an assign that is on the tape and outside of parts. */
void tgi_leaf_written(tg_tape *tape, tgi_leaf *leaf);

/* Takes the leaf out of the tape's tables, and gives back its states. */
void tgi_leaf_forget(tg_tape *tape, tgi_leaf *leaf);

/* Gives back the states that optimizers keep for it (optimizer_state.c). */
void tgi_free_optimizer_states(tg_tape *tape, tgi_leaf *leaf);

/* ---- assigns (assign.c) ------------------------------------------------------------------------------------------ */

/* What the attributes of an assign begin with. */
typedef struct tgi_assign_attr {
    uint32_t previous; /* the assign to the same leaf before this one, or TGI_NONE; filled in when it is recorded */
} tgi_assign_attr;

/* Records an assign to the leaf in[0], which is checked; `what` goes into errors. Attributes are `attr_size` bytes. */
tg_status tgi_record_assign(tg_tape *tape, const tg_op *op, const char *what, int count, const tg_tensor *in,
                            tgi_assign_attr *attr, size_t attr_size);

/* Whether it puts a leaf into itself, which changes nothing, and is not run. */
static inline bool tgi_changes_nothing(const tgi_node *assign) {
    return !assign->op->kernel && assign->in[0] == assign->in[1];
}

/* The assign to the same leaf before this one, or TGI_NONE. */
uint32_t tgi_previous_assign(const tgi_node *assign);

/* The last assign to the leaf in that part, or TGI_NONE. */
uint32_t tgi_last_assign_in(const tg_tape *tape, const tgi_leaf *leaf, uint16_t part);

/* The instruction of a leaf that can be overwritten; NULL and an error when it cannot. */
tgi_node *tgi_variable(tg_tape *tape, tg_tensor x, const char *what);

#endif
