/* grad/sparsity.h: which element of a value depends on which elements of others, and how a matrix of such entries is compressed.
 *
 * SPDX-License-Identifier: MIT */
#ifndef TGI_GRAD_SPARSITY_H
#define TGI_GRAD_SPARSITY_H

#include "core/marks.h"
#include "grad/sets.h"

/* ---- dependence (dependence.c) ------------------------------------------------------------------------------------ */

/* For each element of some outputs, one output after the other, the set of the elements of some inputs that it depends on. */
typedef struct tgi_dependence {
    tgi_sets  sets;
    uint32_t *set;
    int64_t   count; /* of the elements */
} tgi_dependence;

/* The value of an index by which elements were chosen, when that is no constant: it may be another one later. */
typedef struct tgi_index_value {
    struct tgi_index_value *previous;
    uint32_t                index; /* its instruction */
    _Alignas(8) char data[];
} tgi_index_value;

/* Of which outputs, on which inputs; and what the values of the inputs come from, which an index that chooses elements may depend on. */
typedef struct tgi_dependence_of {
    const char       *what; /* for errors */
    int               m, n, roots;
    const tg_tensor  *outputs, *inputs, *root;
    tgi_index_value **seen; /* the values that were looked at are added to it: buffers of the pool */
} tgi_dependence_of;

/* Finds it, on the tape. Runs what is pending where that gives indices by which elements are chosen. tgi_free_dependence is due in any
 * case. */
tg_status tgi_find_dependence(tgi_dependence *d, tg_tape *tape, const tgi_dependence_of *of);
void      tgi_free_dependence(tgi_dependence *d);

/* An instruction that copies a value which is needed; the one that was recorded before it. */
typedef struct tgi_index_copy {
    struct tgi_index_copy *previous;
    uint32_t               of, copy;
} tgi_index_copy;

/* What is known while it is looked for. */
typedef struct tgi_dependence_search {
    tg_tape    *tape;
    const char *what;
    tgi_sets   *sets;
    tgi_arena   arena; /* of what follows */
    uint32_t    first, end;
    tgi_marks   wanted;  /* lies on a way from an input to an output, or is an input */
    tgi_marks   varying; /* depends on a root, even if no gradient flows */

    /* By instruction: an array of the numbers of sets in its shape, or NULL where all are empty; and of one that is not floating its
     * value, where that is needed. */
    const tg_array **known;
    tgi_index_copy  *copies;
} tgi_dependence_search;

/* The sets of an instruction's result, by those of its operands; NULL where they are empty, or on an error (dependence_rules.c). */
const tg_array *tgi_sets_of_result(tgi_dependence_search *s, const tgi_node *node);

/* Whether they depend on the values of operands through which no gradient flows: those that are not floating are needed then. */
bool tgi_is_chosen(const tgi_node *node);

/* Whether each element of the result is one of the operands', or depends on none. */
bool tgi_is_moving(const tgi_node *node);

/* A new array, not initialised; NULL and an error when there is no memory. And one that has the same set everywhere. */
tg_array       *tgi_new_sets(tgi_dependence_search *s, int rank, const int64_t *dims);
const tg_array *tgi_same_set(tgi_dependence_search *s, const tgi_node *node, uint32_t set);

/* ---- the cut (cut.c) ------------------------------------------------------------------------------------------------ */

/* The values that are made of elements of the inputs by nothing but moving, and that the outputs are computed from otherwise. */
typedef struct tgi_cut {
    tg_tape   *tape;
    int        count; /* 0: there is none that is any use */
    tg_tensor *value;
    int64_t    size; /* their elements */
} tgi_cut;

/* Finds it; tgi_free_cut is due in any case. */
tg_status tgi_find_cut(tgi_cut *c, tg_tape *tape, const char *what, int n, const tg_tensor *inputs, int m,
                       const tg_tensor *outputs);
void      tgi_free_cut(tgi_cut *c);

/* ---- matrices of entries (entries.c) ------------------------------------------------------------------------------- */

/* Row after row the columns of its entries, ascending: at[start[i]] .. at[start[i + 1] - 1] for row i. */
typedef struct tgi_entries {
    tg_tape  *tape;
    int64_t   rows, columns, *start;
    uint32_t *at;
} tgi_entries;

static inline int64_t tgi_entry_count(const tgi_entries *e) {
    return e->start[e->rows];
}

/* Each makes one; tgi_free_entries is due in any case. */
tg_status tgi_sparse_entries(tgi_entries *e, const tgi_dependence *d);
tg_status tgi_transpose(tgi_entries *e, const tgi_entries *of);
tg_status tgi_unite_entries(tgi_entries *e, const tgi_entries *a, const tgi_entries *b); /* of one shape */

/* The entries of a column go to another one, which may get those of several; to none for TGI_NONE. */
tg_status tgi_join_columns(tgi_entries *e, const tgi_entries *of, int64_t columns, const uint32_t *column);
void      tgi_free_entries(tgi_entries *e);

/* ---- colors (coloring.c) ------------------------------------------------------------------------------------------- */

/* Gives columns that share no row one color, of as few as are found; `transposed` has the rows as columns. Returns how many there are; a
 * column without entries has the color 0. -1 and an error when there is no memory. */
int64_t tgi_color_columns(const tgi_entries *e, const tgi_entries *transposed, uint32_t *color);

/* At least so many there must be. */
int64_t tgi_fewest_colors(const tgi_entries *e);

/* The same for a symmetric matrix whose compressed columns are read from both sides: a star coloring (star_coloring.c). */
int64_t tgi_color_symmetric(const tgi_entries *e, uint32_t *color);

/* ---- compression (compress.c) -------------------------------------------------------------------------------------- */

/* The matrix that is asked for: a row for each element of the outputs, a column for each of the inputs. */
typedef struct tgi_derivative {
    tg_tape         *tape;
    const char      *what;
    int              m, n;
    const tg_tensor *outputs, *inputs;
    tg_dtype         dtype;
    int64_t          rows, columns;
    bool             symmetric;
} tgi_derivative;

/* How it is computed: columns of one color together; or rows of one color, which may be those of the derivatives for the cut. */
typedef struct tgi_compression {
    tg_tape         *tape;
    tgi_entries      entries, transposed; /* of the matrix */
    tgi_cut          cut;
    tgi_entries      crossing; /* the entries of the derivatives for the cut, where there is one, */
    uint32_t        *column;   /* and the column that each of its elements belongs to, or TGI_NONE */
    bool             by_columns, by_cut;
    double           cost;
    int64_t          colors;
    uint32_t        *color; /* of each column, or of each row */
    tgi_index_value *seen;  /* all this holds as long as they are the same */
} tgi_compression;

/* Finds it; tgi_free_compression is due in any case. */
tg_status tgi_compress(tgi_compression *c, const tgi_derivative *derivative);
void      tgi_free_compression(tgi_compression *c);

/* ---- indices that must stay (index_guard.c) -------------------------------------------------------------------------- */

/* Records a 0, int64, which fails a run in which one of these indices has another value; TG_NONE where there are none. */
tg_tensor tgi_guard_indices(tg_tape *tape, const char *what, const tgi_index_value *seen);

#endif
