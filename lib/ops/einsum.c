/* ops/einsum.c: einsum, and the products that are special cases of it.
 *
 * Every axis has a label: its letter, or its position under the "...". First, axes of size 1 are removed from the operands
 * (broadcasting restores them where needed) and repeated labels are reduced to diagonals; after that a label means one size. The
 * operands are then multiplied two at a time, from the left, each first summed over labels that nothing else needs. In such a
 * product a label is one of four: kept and in both operands (a stack of matrices), kept and in one (rows, or columns), or summed
 * and in both (the inner size of a matrix product). matmul computes it when there is something to sum, else mul.
 *
 * dot, outer, bmm and tensordot are equations without broadcasting. cross has no equation: it is products of rolled operands.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "ops/operands.h"

/* Letters, upper case first; then the axes of "...", the last one first. A set of labels is a word of bits. */
enum { LETTERS = 52, LABELS = LETTERS + TG_MAX_RANK };
#define ALL UINT64_MAX

/* A tensor and the labels of its axes, or just labels: as many as two operands have, before some are summed over. */
typedef struct term {
    tg_tensor x;
    int       rank;
    uint8_t   label[2 * TG_MAX_RANK];
    uint64_t  needed; /* of an operand: the labels that those after it, and the output, need */
} term;

/* An equation applied to operands. */
typedef struct product {
    tg_infer    call; /* for errors, which name the function and its operands */
    const char *equation;
    bool        broadcasts;
    term       *operands, out;
    int         dots; /* the most axes that "..." stands for */
    int64_t     size[LABELS];
    int         axes[LABELS], named_by[LABELS]; /* how many axes have that label; the operand that gave its size */
} product;

#define REJECT(p, format, ...) tg_refuse(&(p)->call, TG_ERR_SHAPE, "\"%.80s\": " format, (p)->equation, __VA_ARGS__)

/* ---- reading the equation ---------------------------------------------------------------------------------------- */

/* Letters, and before which of them "..." stands, or -1. */
typedef struct subscripts {
    int     count, dots;
    uint8_t label[TG_MAX_RANK];
} subscripts;

static char letter_of(int label) {
    return (char)(label < 26 ? 'A' + label : 'a' + label - 26);
}

/* Skips spaces, and returns the character after them. */
static char next_character(const char **at) {
    while (**at == ' ')
        ++*at;
    return **at;
}

/* The label of a letter, or -1. */
static int label_of(char c) {
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

/* Reads up to what is neither a letter nor "...". */
static tg_status read_subscripts(product *p, const char **at, subscripts *s) {
    *s = (subscripts){.dots = -1};
    for (char c = next_character(at); c == '.' || label_of(c) >= 0; c = next_character(at)) {
        if (c == '.' && (s->dots >= 0 || strncmp(*at, "...", 3) != 0))
            return REJECT(p, "a dot that belongs to no \"...\", or to a second one%s", "");
        if (c == '.')
            s->dots = s->count;
        else if (s->count == TG_MAX_RANK)
            return REJECT(p, "more than %d letters in a row", TG_MAX_RANK);
        else
            s->label[s->count++] = (uint8_t)label_of(c);
        *at += c == '.' ? 3 : 1;
    }
    return strchr(",-", **at) ? TG_OK : REJECT(p, "'%c' does not belong there", **at); /* or at the end */
}

/* Gives each of `rank` axes its label; `dots` of them are under the "...". */
static void give_labels(const subscripts *s, int dots, term *t) {
    t->rank = 0;
    for (int i = 0; i <= s->count; i++) {
        for (int k = dots; i == s->dots && k-- > 0;)
            t->label[t->rank++] = (uint8_t)(LETTERS + k);
        if (i < s->count) t->label[t->rank++] = s->label[i];
    }
}

/* Notes the size of axis k of operand i. */
static tg_status note_size(product *p, int i, int k) {
    int     label = p->operands[i].label[k];
    int64_t size = p->call.in[i].dims[k], *known = &p->size[label];
    bool    broadcasts = p->broadcasts && (p->named_by[label] != i || label >= LETTERS);
    if (p->axes[label]++ == 0 || (broadcasts && *known == 1)) {
        *known = size;
        p->named_by[label] = i;
    }
    if (size == *known || (broadcasts && size == 1)) return TG_OK;
    if (label >= LETTERS)
        return REJECT(p, "under the dots, operand %d has size %lld where operand %d has %lld", i + 1, (long long)size,
                      p->named_by[label] + 1, (long long)*known);
    return REJECT(p, "letter '%c' is size %lld in operand %d, and %lld in operand %d", letter_of(label), (long long)size, i + 1,
                  (long long)*known, p->named_by[label] + 1);
}

static tg_status read_operand(product *p, const char **at, int i) {
    subscripts s;
    int        rank = p->call.in[i].rank;
    if (read_subscripts(p, at, &s)) return TG_ERR_SHAPE;
    int dots = s.dots < 0 ? 0 : rank - s.count;
    if (s.count + dots != rank || dots < 0)
        return REJECT(p, "operand %d has rank %d, and the equation letters for %d", i + 1, rank, s.count);
    if (dots > p->dots) p->dots = dots;
    give_labels(&s, dots, &p->operands[i]);
    for (int k = 0; k < rank; k++)
        if (note_size(p, i, k)) return TG_ERR_SHAPE;
    return TG_OK;
}

/* The output of an equation that does not say: the dots, and the letters that occur once. */
static tg_status imply_output(product *p) {
    subscripts s = {0};
    for (int label = 0; label < LETTERS; label++) {
        if (p->axes[label] != 1) continue;
        if (s.count + p->dots == TG_MAX_RANK) return REJECT(p, "the output would have more than %d axes", TG_MAX_RANK);
        s.label[s.count++] = (uint8_t)label;
    }
    give_labels(&s, p->dots, &p->out);
    return TG_OK;
}

static tg_status read_output(product *p, const char **at) {
    subscripts s;
    uint64_t   seen = 0;
    if (read_subscripts(p, at, &s)) return TG_ERR_SHAPE;
    for (int i = 0; i < s.count; i++) {
        char letter = letter_of(s.label[i]);
        if (!p->axes[s.label[i]]) return REJECT(p, "letter '%c' of the output is in no operand", letter);
        if (seen >> s.label[i] & 1) return REJECT(p, "letter '%c' is twice in the output", letter);
        seen |= (uint64_t)1 << s.label[i];
    }
    if (s.dots < 0 && p->dots) return REJECT(p, "the output needs the \"...\", which stands for %d axes", p->dots);
    int rank = s.count + (s.dots < 0 ? 0 : p->dots);
    if (rank > TG_MAX_RANK) return REJECT(p, "the output would have %d axes, more than %d", rank, TG_MAX_RANK);
    give_labels(&s, s.dots < 0 ? 0 : p->dots, &p->out);
    return TG_OK;
}

static tg_status read_equation(product *p) {
    const char *at = p->equation;
    int         count = 0;
    do {
        if (count < p->call.count && read_operand(p, &at, count)) return TG_ERR_SHAPE;
        count++;
        if (count > p->call.count) return REJECT(p, "it has more operands than the %d that are given", p->call.count);
    } while (next_character(&at) == ',' && at++);
    if (!strncmp(at, "->", 2)) {
        at += 2;
        if (read_output(p, &at)) return TG_ERR_SHAPE;
    } else if (imply_output(p))
        return TG_ERR_SHAPE;
    if (next_character(&at)) return REJECT(p, "'%c' does not belong there", *at);
    if (count < p->call.count) return REJECT(p, "%d operands are given, and it has %d", p->call.count, count);
    return TG_OK;
}

/* ---- sets of labels ---------------------------------------------------------------------------------------------- */

static bool has(uint64_t set, int label) {
    return set >> label & 1;
}

static uint64_t labels_of(const term *t) {
    uint64_t set = 0;
    for (int i = 0; i < t->rank; i++)
        set |= (uint64_t)1 << t->label[i];
    return set;
}

/* Adds the labels of t that are in the set, in t's order. */
static void append_labels(term *to, const term *t, uint64_t set) {
    for (int i = 0; i < t->rank; i++)
        if (has(set, t->label[i])) to->label[to->rank++] = t->label[i];
}

static void drop_axis(term *t, int i) {
    t->rank--;
    memmove(&t->label[i], &t->label[i + 1], (size_t)(t->rank - i));
}

/* ---- steps: each gives a term whose tensor has just the axes its labels say ------------------------------------------ */

static tg_tensor in_shape(tg_tensor x, tg_shape shape) {
    return tg_valid(x) && !tg_shape_equal(tg_shape_of(x), shape) ? tg_reshape(x, shape) : x;
}

/* The sizes of t's labels that are in the set, and 1 for the others, but from the first that is in it on. */
static tg_shape shape_of(const product *p, const term *t, uint64_t set) {
    tg_shape shape = {0};
    for (int i = 0; i < t->rank; i++)
        if (shape.rank || has(set, t->label[i])) shape.dims[shape.rank++] = has(set, t->label[i]) ? p->size[t->label[i]] : 1;
    return shape;
}

static int64_t size_of(const product *p, const term *t) {
    return tg_shape_size(shape_of(p, t, ALL));
}

static term summed(term t, uint64_t away) {
    term    left = {.x = t.x};
    tg_axes axes = {0};
    for (int i = 0; i < t.rank; i++)
        if (has(away, t.label[i])) axes.axis[axes.count++] = i;
    append_labels(&left, &t, ~away);
    if (axes.count) left.x = tg_sum_axes(t.x, axes, false);
    return left;
}

/* The axes in the order of `like`, which has the same labels and perhaps others. */
static tg_tensor in_order(const term *t, const term *like) {
    tg_axes axes = {0};
    bool    moves = false;
    for (int i = 0; i < like->rank; i++)
        for (int k = 0; k < t->rank; k++)
            if (t->label[k] == like->label[i]) {
                moves = moves || k != axes.count;
                axes.axis[axes.count++] = k;
            }
    return moves ? tg_permute(t->x, axes) : t->x;
}

/* Without axes of size 1, and each label once. */
static term normal(term t) {
    tg_shape shape = tg_shape_of(t.x), left = {0};
    term     out = {.x = t.x};
    for (int i = 0; i < t.rank; i++)
        if (shape.dims[i] != 1) {
            left.dims[left.rank++] = shape.dims[i];
            out.label[out.rank++] = t.label[i];
        }
    out.x = in_shape(t.x, left);
    for (int j = 1; j < out.rank; j++)
        for (int i = 0; i < j; i++)
            if (out.label[i] == out.label[j]) {
                uint8_t label = out.label[i];
                out.x = tg_diagonal(out.x, 0, i, j);
                drop_axis(&out, j);
                drop_axis(&out, i);
                out.label[out.rank++] = label;
                j = 0;
                break;
            }
    return out;
}

/* ---- one product ------------------------------------------------------------------------------------------------- */

/* The labels of two terms: in both and kept, in one and kept, in both and summed over. */
typedef struct groups {
    term stack, rows, columns, inner;
} groups;

static groups group(const term *a, const term *b, uint64_t kept) {
    groups   g = {0};
    uint64_t both = labels_of(a) & labels_of(b);
    append_labels(&g.stack, a, both & kept);
    append_labels(&g.rows, a, ~both);
    append_labels(&g.columns, b, ~both);
    append_labels(&g.inner, a, both & ~kept);
    return g;
}

static term in_a_row(const term *first, const term *second, const term *third) {
    term all = *first;
    append_labels(&all, second, ALL);
    append_labels(&all, third, ALL);
    return all;
}

/* One axis for each label of the stack, one for the labels of `rows` together, one for those of `columns`. */
static tg_tensor as_matrices(const product *p, const term *t, const term *stack, const term *rows, const term *columns) {
    term     order = in_a_row(stack, rows, columns);
    tg_shape shape = shape_of(p, stack, ALL);
    shape.dims[shape.rank++] = size_of(p, rows);
    shape.dims[shape.rank++] = size_of(p, columns);
    return in_shape(in_order(t, &order), shape);
}

static term by_matmul(const product *p, const term *a, const term *b, const groups *g) {
    term      out = in_a_row(&g->stack, &g->rows, &g->columns);
    tg_tensor left = as_matrices(p, a, &g->stack, &g->rows, &g->inner);
    tg_tensor right = as_matrices(p, b, &g->stack, &g->inner, &g->columns);
    out.x = in_shape(tg_matmul(left, right), shape_of(p, &out, ALL));
    return out;
}

static term by_mul(const product *p, const term *a, const term *b, const groups *g) {
    term out = in_a_row(&g->stack, &g->rows, &g->columns);
    append_labels(&out, &g->inner, ALL);
    tg_tensor left = in_shape(in_order(a, &out), shape_of(p, &out, labels_of(a)));
    tg_tensor right = in_shape(in_order(b, &out), shape_of(p, &out, labels_of(b)));
    out.x = tg_mul(left, right);
    return summed(out, labels_of(&g->inner));
}

/* The product of two terms, summed over all labels that are not needed. i is the second operand's number, for errors. A product
 * that would be nothing but many short sums is left to mul and sum. */
static term multiply(product *p, const term *first, const term *second, uint64_t needed, int i) {
    term   a = summed(*first, labels_of(first) & ~labels_of(second) & ~needed);
    term   b = summed(*second, labels_of(second) & ~labels_of(first) & ~needed);
    groups g = group(&a, &b, needed);
    bool   matrices =
        g.inner.rank && (g.rows.rank || g.columns.rank || !g.stack.rank) && tgi_dtype_in(p->call.in[0].dtype, TGI_FLOATS);
    int axes = g.stack.rank + g.rows.rank + g.columns.rank + (matrices ? 0 : g.inner.rank);
    if (axes <= TG_MAX_RANK) return matrices ? by_matmul(p, &a, &b, &g) : by_mul(p, &a, &b, &g);
    REJECT(p, "the product of the first %d operands would have %d axes, more than %d", i + 1, axes, TG_MAX_RANK);
    return (term){.x = tgi_invalid(p->call.tape)};
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static tg_tensor contract(product *p) {
    int      count = p->call.count;
    uint64_t needed = labels_of(&p->out);
    for (int i = count; i-- > 0;) {
        p->operands[i] = normal(p->operands[i]);
        p->operands[i].needed = needed;
        needed |= labels_of(&p->operands[i]);
    }
    term t = p->operands[0];
    for (int i = 1; i < count && !p->call.tape->status; i++)
        t = multiply(p, &t, &p->operands[i], p->operands[i].needed, i);
    if (p->call.tape->status) return tgi_invalid(p->call.tape);
    t = summed(t, ~labels_of(&p->out));
    return in_shape(in_order(&t, &p->out), shape_of(p, &p->out, ALL));
}

/* A plain number becomes a tensor, of the dtype that check_operands gave it. */
static tg_tensor as_tensor(const product *p, tg_tensor x, int i) {
    double number;
    if (!tgi_is_number(x, &number)) return x;
    bool made = tgi_new_number(p->call.tape, p->call.op->name, number, p->call.in[i].dtype);
    return made ? tgi_tensor(p->call.tape, p->call.tape->count - 1) : tgi_invalid(p->call.tape);
}

static tg_tensor evaluate(product *p, const tg_tensor *x) {
    if (tgi_require_one_dtype(&p->call) || tgi_require_dtype(&p->call, p->call.in[0].dtype, TGI_NUMBERS) || read_equation(p))
        return tgi_invalid(p->call.tape);
    for (int i = 0; i < p->call.count; i++) {
        p->operands[i].x = as_tensor(p, x[i], i);
        if (p->call.tape->status) return p->operands[i].x;
    }
    return contract(p);
}

/* The equation in the name of `op`. */
static tg_tensor product_of(const tg_op *op, const char *equation, bool broadcasts, int count, const tg_tensor *x) {
    tg_tape *tape = tgi_tape_of_any(count, x);
    if (tgi_check(tape)) return tgi_invalid(tape);
    tg_scope  scope = tg_begin_scope(tape, op->name);
    product   p = {.equation = equation, .broadcasts = broadcasts};
    tg_tensor result = tgi_invalid(tape);
    tg_type  *types = tgi_pool_take(&tape->pool, (size_t)count * sizeof *types);
    p.operands = tgi_pool_take(&tape->pool, (size_t)count * sizeof *p.operands);
    if (!types || !p.operands)
        tgi_out_of_memory(tape, op->name);
    else if (!tgi_check_operands(&p.call, tape, op, count, x, types))
        result = evaluate(&p, x);
    tgi_pool_give(&tape->pool, types);
    tgi_pool_give(&tape->pool, p.operands);
    return tg_end_scope_with(scope, result);
}

/* ---- recording functions ----------------------------------------------------------------------------------------- */

tg_tensor(tg_einsum)(const char *equation, int count, const tg_tensor *x) {
    static const tg_op op = {.name = "einsum", .arity = -1};
    tg_tape           *tape = x ? tgi_tape_of_any(count, x) : NULL;
    if (equation && count > 0 && x) return product_of(&op, equation, true, count, x);
    if (!tgi_check(tape)) tgi_fail(tape, TG_ERR_ARGUMENT, "einsum", "no equation, or no operands");
    return tgi_invalid(tape);
}

#define PRODUCT_OF_TWO(called, equation) \
    tg_tensor(tg_##called)(tg_tensor a, tg_tensor b) { \
        static const tg_op op = {.name = #called, .arity = 2}; \
        return product_of(&op, equation, false, 2, (tg_tensor[]){a, b}); \
    }
PRODUCT_OF_TWO(dot, "i,i->")
PRODUCT_OF_TWO(outer, "i,j->ij")
PRODUCT_OF_TWO(bmm, "bij,bjk->bik")

static const tg_op tensordot = {.name = "tensordot", .arity = 2};

/* The letters of a: "abc"; of b: the same where they go with an axis of a, others where not; and of the output. */
static void write_equation(char *text, int rank_a, int rank_b, const int *partner_of_b) {
    char     out[2 * TG_MAX_RANK], letters_b[TG_MAX_RANK];
    int      count = 0, length = 0;
    unsigned summed_in_a = 0;
    for (int i = 0; i < rank_b; i++)
        if (partner_of_b[i] >= 0) summed_in_a |= 1u << partner_of_b[i];
    for (int i = 0; i < rank_a; i++)
        if (!(summed_in_a >> i & 1)) out[count++] = (char)('a' + i);
    for (int i = 0; i < rank_b; i++) {
        letters_b[i] = (char)(partner_of_b[i] >= 0 ? 'a' + partner_of_b[i] : 'A' + i);
        if (partner_of_b[i] < 0) out[count++] = letters_b[i];
    }
    for (int i = 0; i < rank_a; i++)
        text[length++] = (char)('a' + i);
    sprintf(text + length, ",%.*s->%.*s", rank_b, letters_b, count, out);
}

/* The ranks of the operands, without an error for what has none. */
static bool ranks_of(const tg_tensor *x, int *rank) {
    tg_infer call;
    tg_type  types[2];
    if (tgi_check_operands(&call, tgi_tape_of_any(2, x), &tensordot, 2, x, types)) return false;
    rank[0] = types[0].rank;
    rank[1] = types[1].rank;
    return true;
}

tg_tensor(tg_tensordot_axes)(tg_tensor a, tg_tensor b, tg_axes axes_a, tg_axes axes_b) {
    tg_tensor x[] = {a, b};
    tg_tape  *tape = tgi_tape_of_any(2, x);
    char      equation[4 * TG_MAX_RANK + 8];
    int       rank[2], partner[TG_MAX_RANK];
    unsigned  seen = 0;
    if (!ranks_of(x, rank)) return tgi_invalid(tape);
    bool good = axes_a.count == axes_b.count && axes_a.count >= 0 && axes_a.count <= TG_MAX_RANK;
    for (int i = 0; i < rank[1]; i++)
        partner[i] = -1;
    for (int i = 0; good && i < axes_a.count; i++) {
        int k = tgi_axis(axes_a.axis[i], rank[0]), l = tgi_axis(axes_b.axis[i], rank[1]);
        good = k >= 0 && l >= 0 && partner[l] < 0 && !(seen >> k & 1);
        if (!good) break;
        partner[l] = k;
        seen |= 1u << k;
    }
    if (!good) {
        tgi_fail(tape, TG_ERR_SHAPE, "tensordot",
                 "the lists do not name as many axes of each operand, each once (ranks %d and %d)", rank[0], rank[1]);
        return tgi_invalid(tape);
    }
    write_equation(equation, rank[0], rank[1], partner);
    return product_of(&tensordot, equation, false, 2, x);
}

tg_tensor(tg_tensordot)(tg_tensor a, tg_tensor b, int axes) {
    tg_tensor x[] = {a, b};
    tg_axes   last = {.count = axes}, first = {.count = axes};
    int       rank[2];
    if (!ranks_of(x, rank)) return tgi_invalid(tgi_tape_of_any(2, x));
    if (axes < 0 || axes > rank[0] || axes > rank[1]) {
        tgi_fail(tgi_tape_of_any(2, x), TG_ERR_SHAPE, "tensordot", "%d axes of tensors of rank %d and %d", axes, rank[0],
                 rank[1]);
        return tgi_invalid(tgi_tape_of_any(2, x));
    }
    for (int i = 0; i < axes; i++) {
        last.axis[i] = rank[0] - axes + i;
        first.axis[i] = i;
    }
    return tg_tensordot_axes(a, b, last, first);
}

/* ---- cross ------------------------------------------------------------------------------------------------------- */

/* Element i of the axis is a_(i+1) b_(i+2) - a_(i+2) b_(i+1), counted modulo 3. */
tg_tensor(tg_cross)(tg_tensor a, tg_tensor b, int axis) {
    tg_operands o;
    tg_shape    shape;
    if (tg_check_operands(&o, "cross", 2, 2, (tg_tensor[]){a, b}) || tg_check_broadcast(&o, &shape) ||
        tg_check_axis(&o, shape.rank, &axis))
        return tgi_invalid(o.tape);
    int from_end = axis - shape.rank;
    for (int i = 0; i < 2; i++)
        if (o.type[i].rank + from_end < 0 || o.type[i].dims[o.type[i].rank + from_end] != 3) {
            tg_refuse_operands(&o, TG_ERR_SHAPE, "operand %d does not have 3 elements along axis %d", i + 1, axis);
            return tgi_invalid(o.tape);
        }
    tg_scope  scope = tg_begin_scope(o.tape, "cross");
    tg_tensor one = tg_mul(tg_roll(a, from_end, -1), tg_roll(b, from_end, 1));
    tg_tensor other = tg_mul(tg_roll(a, from_end, 1), tg_roll(b, from_end, -1));
    return tg_end_scope_with(scope, tg_sub(one, other));
}
