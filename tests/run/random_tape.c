/* tests/run/random_tape.c: random programs: their leaves and steps, and that both tapes agree.
 *
 * The second tape goes through the same calls, and runs one instruction at a time: when the first one runs, so that both mean the same
 * whatever is written or fails in between; or, where nothing is written while something is pending, as soon as it is recorded.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/loop.h"
#include "core/residency.h"
#include "grad/loop_op.h"
#include "run/random_tape.h"
#include "run/run.h"

#define PICK(p, list) (list)[roll(p, sizeof(list) / sizeof *(list))]
#define AGREE(p, condition, ...) \
    do { \
        if (!(condition)) disagree(p, __LINE__, __VA_ARGS__); \
    } while (0)

static void disagree(const program *p, int line, const char *format, ...) __attribute__((format(printf, 3, 4), noreturn));
static void disagree(const program *p, int line, const char *format, ...) {
    char    text[800];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (getenv("TAPEGRAD_FUZZ_PRINT")) tg_print(p->tape[0], stderr);
    ck_abort_msg("TAPEGRAD_FUZZ_SEED=%llu, line %d%s%s: %s", (unsigned long long)p->seed, line, p->eager ? ", eager" : "",
                 p->asked ? ", kept when asked" : "", text);
    abort();
}

/* ---- numbers that look random (splitmix64, by S. Vigna) ---------------------------------------------------------- */

uint64_t next_of(uint64_t *state) {
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint64_t roll(program *p, uint64_t n) {
    return next_of(&p->random) % n;
}

bool one_in(program *p, uint64_t n) {
    return roll(p, n) == 0;
}

double plain_number(program *p) {
    return (double)(next_of(&p->numbers) % 64) / 16 - 1.5;
}

static void fill(program *p, tg_dtype dtype, int64_t count, void *out) {
    static const double special[] = {0, -0.0, 1, -1, 0.5, 2};
    for (int64_t i = 0; i < count; i++) {
        uint64_t x = next_of(&p->numbers);
        double   number = x % 16 ? (double)(x >> 40) / 0x1p23 - 1 : special[(x >> 8) % 6];
        if (p->seed % 64 == 0 && x % 256 == 1) number = x >> 63 ? NAN : INFINITY;
        switch (dtype) {
        case TG_F32: ((float *)out)[i] = (float)number; break;
        case TG_F64: ((double *)out)[i] = number; break;
        case TG_I64: ((int64_t *)out)[i] = (int64_t)(x >> 60) - 8; break;
        default: ((bool *)out)[i] = x >> 63; break;
        }
    }
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

const value *any_value(program *p, unsigned dtypes) {
    for (int i = 0; i < 20; i++) {
        uint64_t     last = p->count > 6 && one_in(p, 2) ? 6 : (uint64_t)p->count;
        const value *v = &p->values[(uint64_t)p->count - last + roll(p, last)];
        if (dtypes >> v->dtype & 1) return v;
    }
    return NULL;
}

static bool says(const tg_tape *tape, const char *text) {
    return tape->status && strstr(tape->text, text);
}

/* Run one by one, every value stays where it is until the next run; by plans, one that was not kept may be gone when an instruction
 * recorded later needs it. It is then computed again, which may fail; or lost, when a leaf was overwritten: nobody is told a wrong value,
 * but the tapes go apart. Which views are lost depends on when they were wanted. */
static bool is_lost(const program *p) {
    static const char later[] = "was overwritten by an assign before it was needed", at_once[] = "from before the assign";
    static const char afresh[] = "its value is needed again";
    const tg_tape    *a = p->tape[0], *b = p->tape[1];
    bool              fails_again = says(a, "balky: fuse"), again = fails_again && !b->status;
    if (says(a, afresh)) return true; /* what it needs for that was dropped */
    if (says(b, afresh))              /* which tells it at once */
        return says(a, later) || says(a, at_once) || p->eager || (p->asked && fails_again);
    return (says(a, later) && (says(b, later) || says(b, "balky: fuse") || !b->status)) || (says(b, at_once) && !a->status) ||
           ((p->asked || p->eager) && (says(b, later) || says(b, at_once) || again));
}

/* The tapes go apart, as they may: there is nothing to compare any more. */
static bool leave(program *p) {
    p->over = true;
    p->sums->lost++;
    return true;
}

/* Both calls have the same status, and error. */
static bool both_failed(program *p) {
    tg_tape *a = p->tape[0], *b = p->tape[1];
    if (!a->status && !b->status) return false;
    if (is_lost(p)) return leave(p);
    AGREE(p, a->status == b->status && !strcmp(a->text, b->text), "errors '%s' and '%s'", a->text, b->text);
    tg_clear_error(a);
    tg_clear_error(b);
    return true;
}

static uint32_t count_loops(const tg_tape *tape) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < tape->count; i++)
        count += tgi_node_at(tape, i)->op == &tgi_loop_op;
    return count;
}

/* A loop that has run when its gradient is recorded runs once more, by another instruction, to save its states. */
static bool runs_a_loop_again(const program *p) {
    return p->eager && p->tape[0]->count < p->tape[1]->count && count_loops(p->tape[0]) < count_loops(p->tape[1]);
}

void enter(program *p, const tg_tensor x[2]) {
    if (both_failed(p) || (runs_a_loop_again(p) && leave(p))) return;
    value v = {.x = {x[0], noisy(p, x[1])}, .shape = tg_shape_of(x[0]), .dtype = tg_dtype_of(x[0]), .kept = !p->asked};
    AGREE(p, tg_shape_equal(v.shape, tg_shape_of(x[1])) && v.dtype == tg_dtype_of(x[1]), "shapes or dtypes differ");
    AGREE(p, p->strength || p->tape[0]->count == p->tape[1]->count, "%u and %u instructions", p->tape[0]->count,
          p->tape[1]->count);
    p->work += tg_size(x[0]);
    bool has_run = tgi_index(x[0]) < p->tape[0]->done; /* it was there already: a cast to the same dtype */
    if (p->count == MOST_VALUES || tg_size(x[0]) > LARGEST) return;
    if (p->asked && !has_run && one_in(p, 4)) v.kept = !(tg_keep(x[0]) || tg_keep(x[1]));
    p->values[p->count++] = v;
}

/* ---- do they agree? ---------------------------------------------------------------------------------------------- */

/* Around a call that runs what is pending. */
static void run_together(program *p, bool now) {
    p->tape[1]->eager = now || p->eager;
}

static bool same_bits(tg_dtype dtype, const void *a, const void *b, int64_t count, int64_t *where) {
    size_t width = tg_dtype_size(dtype);
    if (!count || !memcmp(a, b, (size_t)count * width)) return true;
    for (int64_t i = 0; i < count; i++) {
        const char *x = (const char *)a + (size_t)i * width, *y = (const char *)b + (size_t)i * width;
        bool        nans = dtype <= TG_F64 && isnan(tgi_element(dtype, x)) && isnan(tgi_element(dtype, y));
        *where = i;
        if (memcmp(x, y, width) && !nans) return false;
    }
    return true;
}

/* What a view retains is there as much as what is resident. */
static bool is_there(const tgi_node *node) {
    return tgi_is_resident(node) || tgi_is_retained(node);
}

static bool is_gone(const tgi_node *node) {
    return tgi_is_overwritten(node) && !tgi_is_retained(node);
}

/* Whether it is a view that was kept when only the eager tape had run the assign to its base. */
static bool is_kept_too_late(const program *p, const tgi_node *a, const tgi_node *b) {
    return p->eager && is_gone(b) && !is_gone(a);
}

/* There is what the last step left, and there may have been none since. */
static bool is_in_a_body(const program *p, const tgi_node *a) {
    return a->part && tgi_part_at(p->tape[0], a->part)->loop;
}

static _Alignas(64) char room[2][4 * LARGEST * 8];

static void check_node(program *p, uint32_t index) {
    const tgi_node *a = tgi_node_at(p->tape[0], index), *b = tgi_node_at(p->tape[1], index);
    int64_t         size = tgi_node_size(a), where = 0;
    bool            leaf = !a->op->infer, there = is_there(a) && is_there(b);
    AGREE(p, a->op == b->op, "instruction %u is %s and %s", index, a->op->name, b->op->name);
    if (is_in_a_body(p, a) || (is_kept_too_late(p, a, b) && leave(p))) return;
    if (!leaf && !a->op->effect)
        AGREE(p, (tgi_is_kept(a) && is_there(a)) == (tgi_is_kept(b) && is_there(b)), "instruction %u, %s, flags %x and %x",
              index, a->op->name, a->residency, b->residency);
    if ((!leaf && !there) || !a->has_value || size > 4 * LARGEST) return;
    tg_array x = tgi_array_of(a), y = tgi_array_of(b);
    tgi_copy_array(&x, x.rank, x.dims, room[0]);
    tgi_copy_array(&y, y.rank, y.dims, room[1]);
    if (same_bits(x.dtype, room[0], room[1], size, &where)) return;
    AGREE(p, false, "instruction %u, %s, element %lld of %lld: %.17g and %.17g", index, a->op->name, (long long)where,
          (long long)size, tgi_element(x.dtype, room[0] + (size_t)where * tg_dtype_size(x.dtype)),
          tgi_element(x.dtype, room[1] + (size_t)where * tg_dtype_size(x.dtype)));
}

/* Everything that is in memory on both tapes. */
static void check_all(program *p) {
    AGREE(p, p->tape[0]->done == p->tape[1]->done || p->eager, "run until %u and %u", p->tape[0]->done, p->tape[1]->done);
    for (uint32_t i = 0; i < p->tape[0]->count && !p->over; i++)
        if (i < p->tape[0]->done || !tgi_node_at(p->tape[0], i)->op->infer) check_node(p, i);
}

static void check_value(program *p, const value *v) {
    int64_t size = tg_shape_size(v->shape), where = 0;
    run_together(p, true);
    if (one_in(p, 3)) { /* which copies a view */
        const void *a = tg_data(v->x[0]), *b = tg_data(v->x[1]);
        if (!both_failed(p)) AGREE(p, same_bits(v->dtype, a, b, size, &where), "data: element %lld", (long long)where);
    } else {
        (void)(tg_read(v->x[0], room[0], size), tg_read(v->x[1], room[1], size));
        if (!both_failed(p))
            AGREE(p, same_bits(v->dtype, room[0], room[1], size, &where), "read: element %lld", (long long)where);
    }
    run_together(p, false);
}

/* What is pending runs on both tapes. */
static void catch_up(program *p) {
    run_together(p, true);
    (void)(tg_run_pending(p->tape[0]), tg_run_pending(p->tape[1]));
    run_together(p, false);
    both_failed(p);
}

static void check_values(program *p) {
    for (int i = 0; i < p->count && !p->over; i++)
        if (p->values[i].kept && one_in(p, 4)) check_value(p, &p->values[i]);
    for (int i = p->marked; i < p->earlier_count && !p->over; i++)
        if (p->earlier[i].kept && one_in(p, 4)) check_value(p, &p->earlier[i]);
    if (!p->over) catch_up(p);
    if (!p->over) check_all(p);
}

static void run_program(program *p) {
    run_together(p, true);
    for (uint64_t i = roll(p, 4) + 1; i > 0; i--) /* a plan does less from run to run */
        (void)(tg_run(p->tape[0]), tg_run(p->tape[1]));
    run_together(p, false);
    if (!both_failed(p)) check_all(p);
}

/* ---- what programs do beside formulas ---------------------------------------------------------------------------- */

static const value *any_variable(program *p) {
    const value *v;
    do
        v = &p->values[roll(p, (uint64_t)p->marked)];
    while (!v->variable);
    return v;
}

static bool broadcasts_to(const tg_shape *from, const tg_shape *to) {
    if (from->rank > to->rank) return false;
    for (int i = 1; i <= from->rank; i++)
        if (from->dims[from->rank - i] != 1 && from->dims[from->rank - i] != to->dims[to->rank - i]) return false;
    return true;
}

/* The same slice of a value of the leaf's shape, or a number. */
static void assign_slice(program *p, const value *leaf) {
    int          axis = (int)roll(p, (uint64_t)leaf->shape.rank);
    int64_t      size = leaf->shape.dims[axis], start = (int64_t)roll(p, (uint64_t)size + 1), step = one_in(p, 3) ? -1 : 1;
    int64_t      stop = step > 0 ? (int64_t)roll(p, (uint64_t)size + 1) : TG_BEGIN;
    const value *v = any_value(p, 1u << leaf->dtype);
    bool         number = !v || !tg_shape_equal(v->shape, leaf->shape);
    for (int t = 0; t < 2; t++)
        (void)tg_assign_slice(leaf->x[t], axis, start, stop, step,
                              number ? tg_num(1) : tg_slice(v->x[t], axis, start, stop, step));
}

static void assign_rows(program *p, const value *leaf) {
    int64_t      rows[3], size = leaf->shape.dims[0];
    const value *v = any_value(p, 1u << leaf->dtype);
    bool         number = !v || !tg_shape_equal(v->shape, leaf->shape);
    for (int i = 0; i < 3; i++)
        rows[i] = (int64_t)roll(p, (uint64_t)size);
    for (int t = 0; t < 2; t++) {
        tg_tensor at = tg_constant(p->tape[t], TG_I64, TG_SHAPE(3), rows);
        (void)tg_assign_at(leaf->x[t], TG_LIST(at), number ? tg_num(1) : tg_slice(v->x[t], 0, 0, 1, 1));
    }
}

static void assign_part(program *p) {
    const value *leaf = any_variable(p);
    if (leaf->shape.rank == 0 || tg_shape_size(leaf->shape) == 0) return;
    if (one_in(p, 2))
        assign_slice(p, leaf);
    else
        assign_rows(p, leaf);
    both_failed(p);
}

static void assign(program *p) {
    const value *leaf = any_variable(p), *v;
    for (int i = 0; i < 10; i++) {
        v = any_value(p, 1u << leaf->dtype);
        if (!v || !broadcasts_to(&v->shape, &leaf->shape)) continue;
        tg_tensor second = p->strength ? noisy(p, tg_broadcast_to(v->x[1], leaf->shape)) : v->x[1];
        (void)(tg_assign(leaf->x[0], v->x[0]), tg_assign(leaf->x[1], second));
        both_failed(p);
        return;
    }
}

static void write_leaf(program *p) {
    static _Alignas(64) char data[LARGEST * 8];
    const value             *leaf = any_variable(p);
    int64_t                  size = tg_shape_size(leaf->shape);
    fill(p, leaf->dtype, size, data);
    (void)(tg_write(leaf->x[0], data, size), tg_write(leaf->x[1], data, size));
    both_failed(p);
}

static void differentiate(program *p) {
    const value *v = any_value(p, FLOATING);
    if (!v) return;
    tg_tensor loss[2];
    for (int t = 0; t < 2; t++) {
        loss[t] = tg_sum(v->x[t]);
        (void)tg_backward(loss[t]);
    }
    if (both_failed(p)) return;
    for (int i = 0; i < p->marked; i++) {
        const value *w = &p->values[i];
        if (!w->parameter || !tg_has_grad(w->x[0])) continue;
        enter(p, (tg_tensor[]){tg_grad(w->x[0]), tg_grad(w->x[1])});
    }
}

static void optimise(program *p) {
    double   rate = plain_number(p) / 100;
    uint64_t which = roll(p, 4);
    differentiate(p);
    for (int t = 0; t < 2 && !p->over; t++)
        (void)(which ? tg_sgd_step(p->tape[t], rate) : (tg_adam_step)(p->tape[t], tg_num(rate), NULL));
    both_failed(p);
    if (one_in(p, 2)) return;
    (void)(tg_zero_grad(p->tape[0]), tg_zero_grad(p->tape[1]));
    both_failed(p);
}

/* A kernel fails in the middle; something is recorded or written; it is mended, and the run goes on. */
static void break_and_mend(program *p) {
    if (p->eager) return;
    failing = 1 + (int64_t)roll(p, 2);
    run_together(p, true);
    if (one_in(p, 3))
        (void)(tg_run(p->tape[0]), tg_run(p->tape[1]));
    else
        (void)(tg_run_pending(p->tape[0]), tg_run_pending(p->tape[1]));
    run_together(p, false);
    failing = 0;
    if (!both_failed(p) || p->over) return;
    p->over |= p->asked && p->tape[0]->done != p->tape[1]->done; /* it failed when it was computed again */
    if (p->over) return;
    p->sums->failures++;
    check_all(p);
    for (uint64_t i = roll(p, 4); i > 0; i--)
        record_formula(p);
    if (one_in(p, 3)) differentiate(p);
    if (one_in(p, 3) && !p->over) write_leaf(p);
    if (!p->over) check_values(p);
}

static void keep_late(program *p) {
    value *v = &p->values[roll(p, (uint64_t)p->count)];
    if (v->kept) return;
    v->kept = !tg_keep(v->x[0]) && !tg_keep(v->x[1]);
    run_program(p);
}

static void do_something(program *p) {
    switch (roll(p, 60)) {
    case 0:
    case 1:
    case 2: assign(p); break;
    case 3: assign_part(p); break;
    case 4: write_leaf(p); break;
    case 5: differentiate(p); break;
    case 6: optimise(p); break;
    case 7: check_values(p); break;
    case 8: run_program(p); break;
    case 9: break_and_mend(p); break;
    case 10: keep_late(p); break;
    default: record_formula(p);
    }
}

/* ---- programs ---------------------------------------------------------------------------------------------------- */

static tg_shape a_base(program *p) {
    static const tg_shape large[] = {{2, {130, 130}},   {2, {1100, 8}}, {2, {8, 1100}},      {2, {33, 600}},
                                     {2, {600, 33}},    {1, {20000}},   {3, {3, 5, 1100}},   {3, {64, 5, 64}},
                                     {3, {130, 2, 64}}, {2, {1100, 2}}, {4, {2, 3, 130, 33}}};
    static const int64_t  sizes[] = {1, 2, 2, 3, 3, 5, 8, 33, 64, 130, 600, 1100};
    tg_shape              shape = {.rank = (int)roll(p, 5)};
    if (one_in(p, 25)) return PICK(p, large);
    int64_t size;
    do {
        for (int i = 0; i < shape.rank; i++)
            shape.dims[i] = PICK(p, sizes);
        size = tg_shape_size(shape);
    } while (size < 0 || size > 2000); /* below 0: more than 32 bits address */
    if (shape.rank && one_in(p, 30)) shape.dims[roll(p, (uint64_t)shape.rank)] = 0;
    return shape;
}

/* A shape that broadcasts with the base, or is it with its axes in another order. */
static tg_shape beside(program *p, tg_shape base) {
    int cut = base.rank && one_in(p, 3) ? (int)roll(p, (uint64_t)base.rank + 1) : 0;
    if (one_in(p, 3)) return base;
    base.rank -= cut;
    memmove(base.dims, base.dims + cut, (size_t)base.rank * sizeof *base.dims);
    for (int i = 0; i < base.rank; i++)
        if (one_in(p, 4)) base.dims[i] = 1;
    if (base.rank > 1 && one_in(p, 4)) {
        int64_t first = base.dims[0];
        base.dims[0] = base.dims[base.rank - 1];
        base.dims[base.rank - 1] = first;
    }
    return base;
}

static void add_leaf(program *p, int i, tg_shape base) {
    static _Alignas(64) char data[LARGEST * 8];
    static const char *const names[] = {"w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7"};
    tg_shape                 shape = i < 2 ? base : beside(p, base);
    tg_dtype                 dtype = i > 2 && one_in(p, 5) ? (tg_dtype)roll(p, TG_DTYPES) : p->floating;
    bool                     parameter = dtype <= TG_F64 && i % 2 == 0, constant = !parameter && one_in(p, 4);
    tg_tensor                x[2];
    if (p->silent) { /* nobody will write inputs */
        parameter = dtype <= TG_F64 && !constant;
        constant = !parameter;
    }
    fill(p, dtype, tg_shape_size(shape), data);
    for (int t = 0; t < 2; t++) {
        if (t == 1) add_noise(p, dtype, tg_shape_size(shape), data);
        tg_tensor init = tg_constant(p->tape[t], dtype, shape, data);
        x[t] = parameter  ? tg_parameter(p->tape[t], names[i], init)
               : constant ? init
                          : tg_input(p->tape[t], names[i], dtype, shape);
        if (!parameter && !constant) (void)tg_write(x[t], data, tg_shape_size(shape));
    }
    enter(p, x);
    AGREE(p, p->count == i + 1, "%d leaves, not %d", p->count, i + 1);
    p->values[p->count - 1].variable = !constant;
    p->values[p->count - 1].parameter = parameter;
    p->values[p->count - 1].kept = true;
}

static void set_up(program *p) {
    p->eager = one_in(p, 3) && !p->silent;
    p->asked = one_in(p, 4) && !p->silent;
    p->floating = one_in(p, 2) ? TG_F32 : TG_F64;
    for (int t = 0; t < 2; t++) {
        p->tape[t] = tg_tape_new();
        p->tape[t]->eager = t && p->eager;
    }
    (void)tg_set_threads(p->tape[0], 1 + (int)roll(p, 3));
    int leaves = 3 + (int)roll(p, 5);
    for (tg_shape base = a_base(p); p->count < leaves;)
        add_leaf(p, p->count, base);
    for (int t = 0; t < 2; t++)
        (void)tg_set_keep(p->tape[t], p->asked ? TG_KEEP_ASKED : TG_KEEP_RECORDED);
    p->marked = p->count;
    for (uint64_t i = one_in(p, 2) ? roll(p, 12) : 0; i > 0 && !p->over; i--)
        record_formula(p);
    for (int t = 0; t < 2; t++)
        p->mark[t] = tg_tape_mark(p->tape[t]);
    p->marked = p->count;
}

/* Records a step, the same one for the same seed but for its plain numbers. */
static void take_step(program *p, uint64_t seed) {
    p->random = seed;
    p->work = 0;
    int length = (3 + (int)roll(p, 45)) * (one_in(p, 100) ? 15 : 1);
    for (int i = 0; i < length && !p->over && p->work < 20 * LARGEST; i++)
        do_something(p);
    if (!p->over && one_in(p, 2)) optimise(p);
}

/* Between steps: the last one is forgotten, or another is recorded behind it. */
static void end_step(program *p) {
    if (one_in(p, 2)) check_values(p);
    if (p->over) return;
    if (one_in(p, 3)) run_program(p);
    p->earlier_count = 0;
    if (one_in(p, 4)) {
        memcpy(p->earlier, p->values, sizeof p->values);
        p->earlier_count = p->count;
    } else if (!p->over) {
        run_together(p, true);
        (void)(tg_rewind(p->tape[0], p->mark[0]), tg_rewind(p->tape[1], p->mark[1]));
        run_together(p, false);
        both_failed(p);
        if (!p->over) check_all(p);
    }
    p->count = p->marked;
}

void perform_random_program(uint64_t seed, tallies *sums) {
    static program room_for_one;
    program       *p = &room_for_one;
    *p = (program){.seed = seed, .random = seed, .numbers = ~seed, .sums = sums};
    set_up(p);
    uint64_t step = next_of(&p->random), order = next_of(&p->random);
    for (int rounds = 1 + (int)roll(p, 5); rounds > 0 && !p->over; rounds--) {
        take_step(p, step);
        p->random = order = next_of(&order);
        if (!p->over && rounds > 1) end_step(p);
        if (one_in(p, 4)) step = next_of(&p->random);
    }
    if (!p->over) check_values(p);
    if (!p->over) run_program(p);
    if (!p->over) check_values(p);
    tg_figures figures = tg_stats(p->tape[0]);
    sums->programs++;
    sums->instructions += (long)figures.instructions;
    sums->fused += (long)figures.fused;
    sums->hits += (long)figures.plan_hits;
    for (int t = 0; t < 2; t++)
        tg_tape_free(p->tape[t]);
}

void record_random_program(uint64_t seed, int most, int strength, program *p, tallies *sums) {
    *p = (program){.seed = seed, .random = seed, .numbers = ~seed, .sums = sums, .silent = true, .strength = strength};
    set_up(p);
    for (int i = 3 + (int)roll(p, (uint64_t)most); i > 0 && !p->over && p->work < LARGEST; i--) {
        switch (roll(p, 30)) {
        case 0: assign(p); break;
        case 1: assign_part(p); break;
        case 2: differentiate(p); break;
        default: record_formula(p);
        }
    }
    if (!p->over && one_in(p, 2)) optimise(p);
}
